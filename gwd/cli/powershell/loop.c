/*
 * loop.c - loops around commands that matter: over lists whose values are known, and those that count. All else is passed
 * over by script.c, which calls this.
 */
#include "cli/powershell/private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT_MAX 1000000 /* a loop that counts further ends earlier, by the work that it makes */

/* What is looped over, as items. False: not known. */
static bool items_of(const struct gw_ps_value *v, const struct gw_ps_value **ret_items, size_t *ret_n)
{
	if (v->kind == GW_PS_UNKNOWN)
		return false;
	*ret_items = v->kind == GW_PS_LIST ? v->items : v;
	*ret_n = v->kind == GW_PS_LIST ? v->n : v->kind == GW_PS_NOTHING ? 0 : 1;
	return true;
}

/* The statements between the braces at `open`, once. */
static int run_body(struct gw_ps *ps, size_t open)
{
	struct gw_ps_value last;
	size_t n;
	int r;

	ps->loops++;
	r = gw_ps_statements(ps, open + 1, ps->tokens[open].partner, &n, &last);
	ps->loops--;
	return r;
}

static int run_for_each(struct gw_ps *ps, const char *name, const struct gw_ps_value *list, size_t open)
{
	const struct gw_ps_value *items = NULL;
	size_t n = 0;
	int r = 0;

	if (!items_of(list, &items, &n))
		return gw_ps_refuse(ps, &ps->tokens[open],
				    "it is not known what is gone through here: %s; write the values, or the loop's "
				    "statements one by one",
				    list->text);
	for (size_t i = 0; i < n && r == 0 && !ps->exited && !ps->returned; i++) {
		gw_ps_set(ps, name, &items[i], &ps->tokens[open]);
		r = run_body(ps, open);
	}
	return r;
}

/* ( ... ) { ... } and nothing else behind the keyword. */
static bool has_shape(const struct gw_ps *ps, size_t first, size_t end)
{
	size_t body;

	if (end - first < 5 || ps->tokens[first + 1].kind != GW_PS_OPEN || ps->tokens[first + 1].form != '(')
		return false;
	body = gw_ps_after(ps, first + 1);
	return body < end && ps->tokens[body].kind == GW_PS_OPEN && ps->tokens[body].form == '{' &&
	       gw_ps_after(ps, body) == end;
}

/* foreach ($name in LIST) { ... } */
static int for_each(struct gw_ps *ps, size_t first, bool *ret_done)
{
	const struct gw_ps_token *t = &ps->tokens[first + 2];
	size_t close = ps->tokens[first + 1].partner;
	struct gw_ps_value list;
	int r;

	if (close < first + 5 || t[0].kind != GW_PS_VARIABLE || t[1].kind != GW_PS_NUMBER ||
	    strcasecmp(t[1].text, "in") != 0)
		return 0;
	*ret_done = true;
	r = gw_ps_expression(ps, first + 4, close, &list);
	return r < 0 ? r : run_for_each(ps, t->text, &list, close + 1);
}

static bool is_count(const struct gw_ps_value *v, long *ret)
{
	char *end;

	if (v->kind != GW_PS_TEXT || !*v->text || strlen(v->text) > 9)
		return false;
	*ret = strtol(v->text, &end, 10);
	return !*end;
}

static bool is_variable(const struct gw_ps_token *t, const char *name)
{
	return t->kind == GW_PS_VARIABLE && strcasecmp(t->text, name) == 0;
}

static bool is_increment(const struct gw_ps_token *t)
{
	return t->kind == GW_PS_SYMBOL && t->form == '2';
}

/* for ($i = N; $i -lt M; $i++) { ... }; M may be any value that is known. */
static int count(struct gw_ps *ps, size_t first, bool *ret_done)
{
	const struct gw_ps_token *t = &ps->tokens[first + 2];
	size_t close = ps->tokens[first + 1].partner, limit_first = first + 8, limit_end = limit_first;
	bool inclusive;
	struct gw_ps_value limit, value;
	long i, n;
	int r;

	while (limit_end < close && ps->tokens[limit_end].kind != GW_PS_SEPARATOR)
		limit_end = gw_ps_after(ps, limit_end);
	if (close < first + 12 || close - limit_end != 3)
		return 0;
	inclusive = strcasecmp(t[5].text, "le") == 0;
	if (t[0].kind != GW_PS_VARIABLE || t[1].kind != GW_PS_ASSIGN || t[1].form != '=' || t[2].kind != GW_PS_NUMBER ||
	    t[3].kind != GW_PS_SEPARATOR || !is_variable(&t[4], t[0].text) || t[5].kind != GW_PS_PARAMETER ||
	    (!inclusive && strcasecmp(t[5].text, "lt") != 0))
		return 0;
	t = &ps->tokens[limit_end + 1];
	if (!(is_variable(&t[0], ps->tokens[first + 2].text) && is_increment(&t[1]) &&
	      ps->s->text[t[1].start] == '+') &&
	    !(is_variable(&t[1], ps->tokens[first + 2].text) && is_increment(&t[0]) && ps->s->text[t[0].start] == '+'))
		return 0;
	t = &ps->tokens[first + 2];
	value = gw_ps_text_value(t[2].text, t);
	r = gw_ps_expression(ps, limit_first, limit_end, &limit);
	if (r < 0 || !is_count(&limit, &n) || !is_count(&value, &i))
		return r;
	*ret_done = true;
	for (n += inclusive; i < n && i < COUNT_MAX && r == 0 && !ps->exited && !ps->returned; i++) {
		value = gw_ps_text_value(gw_cli_arena_format(&ps->s->arena, "%ld", i), t);
		gw_ps_set(ps, t->text, &value, t);
		r = run_body(ps, close + 1);
	}
	gw_ps_forget(ps, t->text, t);
	return r;
}

int gw_ps_loop(struct gw_ps *ps, size_t first, size_t end, bool *ret_done)
{
	*ret_done = false;
	if (!has_shape(ps, first, end))
		return 0;
	if (strcasecmp(ps->tokens[first].text, "foreach") == 0)
		return for_each(ps, first, ret_done);
	return strcasecmp(ps->tokens[first].text, "for") == 0 ? count(ps, first, ret_done) : 0;
}

bool gw_ps_is_for_each(const char *name)
{
	return strcasecmp(name, "ForEach-Object") == 0 || strcasecmp(name, "foreach") == 0 || strcmp(name, "%") == 0;
}

int gw_ps_for_each_object(struct gw_ps *ps, const struct gw_ps_value *input, size_t open)
{
	int r = run_for_each(ps, "_", input, open);

	gw_ps_forget(ps, "_", &ps->tokens[open]);
	return r;
}
