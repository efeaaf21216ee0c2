/*
 * text.h - gwctl's words to people: one place where strings that came from outside are made safe for a terminal.
 *
 * Everything that gwctl prints goes through gw_cli_say, gw_cli_fail, a table (table.h) or gw_cli_print_json, all of
 * which escape control characters, so a VM name or an error text cannot move the cursor or change a title.
 */
#ifndef GW_CLI_TEXT_H
#define GW_CLI_TEXT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#define GW_CLI_WIDTH	80 /* columns that help and status keep to */
#define GW_CLI_COUNTLEN 24
#define GW_CLI_NBSP	"\u00a0" /* no-break space: wrapping keeps to it and prints a plain one */

/* Of a clock that nobody sets. */
uint64_t gw_cli_milliseconds(void);

/* Returns `p`; a one-shot program has nothing to save when memory ends, so NULL prints that and exits with status 1. */
void *gw_cli_must(void *p);

char *gw_cli_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A copy in which control, line-breaking and direction-changing characters and bytes that are not UTF-8 are escaped. */
char *gw_cli_escape(const char *s);
/* Characters in a UTF-8 string. */
size_t gw_cli_width(const char *s);

/* One line; whatever the arguments bring in, it stays one line. */
void gw_cli_say(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "gwctl: ..." on stderr; returns 1, the exit status of a failed command. */
int gw_cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* `first`, then `text`, broken at spaces; further lines start with `indent` spaces. */
void gw_cli_say_wrapped(FILE *f, const char *first, size_t indent, const char *text);
void gw_cli_print_json(const json_t *j);

/* 1234567 as "1234567", 12345678901 as "12.3G": at most seven characters. */
const char *gw_cli_count(uint64_t n, char buf[static GW_CLI_COUNTLEN]);
/* Seconds as "04:05:06", from a day on as "3d 04:05". */
const char *gw_cli_duration(uint64_t s, char buf[static GW_CLI_COUNTLEN]);

/* Members of an object that may be absent or of another type: "" and 0 then. */
const char *gw_cli_str(const json_t *object, const char *key);
uint64_t gw_cli_num(const json_t *object, const char *key);
/* Any JSON value as the text of a table cell; "-" for nothing. */
char *gw_cli_cell(const json_t *value);

#endif
