/* file.h - the files that commands are given by name. */
#ifndef GW_CLI_FILE_H
#define GW_CLI_FILE_H

#include <stddef.h>

/*
 * Reads all of a file, "-" being standard input. 0; or 1, the exit status, when it cannot be read or has more than `max`
 * bytes, and the reason has been printed. `what` says in it what the file is: "a batch". *ret is owned by the caller, and has
 * room for a byte more.
 */
int gw_cli_read_file(const char *name, size_t max, const char *what, char **ret, size_t *ret_len);

#endif
