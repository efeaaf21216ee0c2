/* table.c - see table.h. Called by the commands that show lists. */
#include "cli/table.h"

#include "base/cleanup.h"
#include "cli/text.h"

#include <assert.h>

static void push(struct gw_cli_table *t, char *text)
{
	if (t->cells == t->room) {
		size_t room = t->room > 0 ? t->room * 2 : 64;

		t->cell = gw_cli_must(reallocarray(t->cell, room, sizeof *t->cell));
		t->room = room;
	}
	t->cell[t->cells++] = text;
}

void gw_cli_table_column(struct gw_cli_table *t, const char *title, bool right)
{
	assert(t->columns < GW_CLI_COLUMNS && t->cells == t->columns);
	t->right[t->columns++] = right;
	push(t, gw_cli_escape(title));
}

void gw_cli_table_add(struct gw_cli_table *t, const char *text)
{
	push(t, gw_cli_escape(text));
}

void gw_cli_table_take(struct gw_cli_table *t, char *text)
{
	gw_cli_table_add(t, text);
	free(text);
}

void gw_cli_table_print(const struct gw_cli_table *t, FILE *f, size_t indent)
{
	size_t width[GW_CLI_COLUMNS] = {0};

	for (size_t i = 0; i < t->cells; i++) {
		size_t n = gw_cli_width(t->cell[i]), *w = &width[i % t->columns];

		if (n > *w)
			*w = n;
	}
	for (size_t i = 0; i < t->cells; i++) {
		size_t column = i % t->columns;
		bool last = column == t->columns - 1;
		int pad = (int)(width[column] - gw_cli_width(t->cell[i]));

		if (column == 0)
			fprintf(f, "%*s", (int)indent, "");
		fprintf(f, "%*s%s%*s", t->right[column] ? pad : 0, "", t->cell[i], t->right[column] || last ? 0 : pad,
			"");
		fputs(last ? "\n" : "  ", f);
	}
}

void gw_cli_table_done(struct gw_cli_table *t)
{
	for (size_t i = 0; i < t->cells; i++)
		free(t->cell[i]);
	free(t->cell);
	*t = (struct gw_cli_table){0};
}
