/* text.h - the characters of a PowerShell script: encodings, and which of Unicode's mean the same to PowerShell. */
#ifndef GW_CLI_PS_TEXT_H
#define GW_CLI_PS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Any file as UTF-8 without byte order mark and without NUL, terminated by one: from UTF-8 or, by its byte order mark,
 * UTF-16. 0; or -EILSEQ, then *ret_line and *ret_why (static) say where and what. *ret is owned by the caller.
 */
int gw_ps_decode(const void *data, size_t size, char **ret, size_t *ret_len, uint32_t *ret_line, const char **ret_why);

/* The character at `s`, which is valid UTF-8; *ret_len is its bytes. 0 at the end. */
uint32_t gw_ps_char(const char *s, size_t *ret_len);

bool gw_ps_is_blank(uint32_t c); /* separates words on a line */
bool gw_ps_is_dash(uint32_t c);
bool gw_ps_is_single_quote(uint32_t c); /* also those that word processors make */
bool gw_ps_is_double_quote(uint32_t c);
bool gw_ps_is_name(uint32_t c); /* part of the name of a variable or member */
bool gw_ps_is_digit(uint32_t c);

#endif
