/* table.h - rows of text in aligned columns, for people. The last column is not padded: free text belongs there. */
#ifndef GW_CLI_TABLE_H
#define GW_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define GW_CLI_COLUMNS 20

struct gw_cli_table {
	size_t columns, cells, room;
	bool right[GW_CLI_COLUMNS]; /* numbers are aligned to the right */
	char **cell;		    /* owned, escaped; the first row is the titles */
};

void gw_cli_table_column(struct gw_cli_table *t, const char *title, bool right);
/* Appends one cell, row by row; `text` is copied and escaped. All columns must have been named before the first. */
void gw_cli_table_add(struct gw_cli_table *t, const char *text);
/* The same, and takes `text` over. */
void gw_cli_table_take(struct gw_cli_table *t, char *text);
void gw_cli_table_print(const struct gw_cli_table *t, FILE *f, size_t indent);
void gw_cli_table_done(struct gw_cli_table *t);

#define _cleanup_table_ __attribute__((cleanup(gw_cli_table_done)))

#endif
