/* help.h - what gwctl says about itself; all of it from the tables of commands.h. */
#ifndef GW_CLI_HELP_H
#define GW_CLI_HELP_H

#include "cli/commands.h"

#include <stdio.h>

/* About everything, one kind or one command; returns the exit status, 2 when there is no such command. */
int gw_cli_help(const char *const *words, size_t n);
void gw_cli_help_usage(FILE *f, const struct gw_cli_command *c);
/* "gwctl lookup-record del {ID | --vsid VSID --ca ADDRESS} [...]" */
char *gw_cli_help_synopsis(const struct gw_cli_command *c);
/*
 * For the shell's completion: what may follow these words, one a line. "@file" and "@interface" stand for
 * names that the shell itself knows.
 */
void gw_cli_list_words(const char *const *words, size_t n);

#endif
