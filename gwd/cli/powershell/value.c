/* value.c - values: literals, variables, texts put together, lists, groups, members. See private.h. */
#include "cli/powershell/private.h"

#include "cli/powershell/text.h"
#include "cli/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct gw_ps_value gw_ps_text_value(const char *text, const struct gw_ps_token *at)
{
	return (struct gw_ps_value){.kind = GW_PS_TEXT, .text = text, .at = at};
}

struct gw_ps_value gw_ps_unknown(const char *why, const struct gw_ps_token *at)
{
	return (struct gw_ps_value){.kind = GW_PS_UNKNOWN, .text = why, .at = at};
}

/* --- "text with $variables" --- */

static char escaped(char c)
{
	static const char from[] = "abfnrtve", to[] = "\a\b\f\n\r\t\v\x1b";
	const char *p = strchr(from, c);

	return p && c ? to[p - from] : c;
}

/* What a value becomes inside a text; false: that is not known. */
static bool write_value(FILE *f, const struct gw_ps_value *v)
{
	switch (v->kind) {
	case GW_PS_NOTHING:
		return true;
	case GW_PS_TEXT:
		fputs(v->text, f);
		return true;
	case GW_PS_BOOLEAN:
		fputs(v->truth ? "True" : "False", f);
		return true;
	case GW_PS_UNKNOWN:
	case GW_PS_LIST:
	case GW_PS_BLOCK:
	case GW_PS_OBJECT:
		break;
	}
	return false;
}

/* The variable at p, which is behind a $; NULL when there is none. *ret_end is behind it. */
static char *variable_name(struct gw_ps *ps, const char *p, const char *end, const char **ret_end)
{
	const char *start = p;
	size_t n;

	if (*p == '{') {
		const char *close = memchr(p, '}', (size_t)(end - p));

		*ret_end = close ? close + 1 : end;
		return gw_cli_arena_copy(&ps->s->arena, p + 1, (size_t)(close ? close - p - 1 : 0));
	}
	while (p < end) {
		uint32_t c = gw_ps_char(p, &n);
		size_t more;

		if (!gw_ps_is_name(c) &&
		    !(c == ':' && p > start && p + 1 < end && p[1] != ':' && gw_ps_is_name(gw_ps_char(p + 1, &more))))
			break;
		p += n;
	}
	*ret_end = p;
	return p > start ? gw_cli_arena_copy(&ps->s->arena, start, (size_t)(p - start)) : NULL;
}

/* One $... or ordinary character at p; returns behind it, NULL when what it becomes is not known: *ret_why. */
static const char *expand_one(struct gw_ps *ps, const struct gw_ps_token *t, const char *p, const char *end, FILE *f,
			      const char **ret_why)
{
	size_t n;
	uint32_t c = gw_ps_char(p, &n);

	if (c == '`' && p + 1 < end) {
		gw_ps_char(++p, &n);
		if (*p == '0' || (*p == 'u' && p[1] == '{')) {
			*ret_why = "a character written by its number is not evaluated";
			return NULL;
		}
		if (n > 1)
			fwrite(p, 1, n, f);
		else
			fputc(escaped(*p), f);
		return p + n;
	}
	if (c == '$' && p + 1 < end) {
		const char *behind;
		char *name = p[1] == '(' ? NULL : variable_name(ps, p + 1, end, &behind);

		if (p[1] == '(' || p[1] == '$' || p[1] == '?' || p[1] == '^') {
			*ret_why = "$( ) inside a text is not evaluated";
			return NULL;
		}
		if (name) {
			struct gw_ps_value v = gw_ps_get(ps, name, t);

			if (write_value(f, &v))
				return behind;
			*ret_why = v.kind == GW_PS_UNKNOWN ? v.text : "what it becomes inside a text is not evaluated";
			return NULL;
		}
	}
	fwrite(p, 1, n, f);
	p += n;
	/* A quote is written twice. */
	if (t->form == '"' && gw_ps_is_double_quote(c) && p < end) {
		gw_ps_char(p, &n);
		p += n;
	}
	return p;
}

static struct gw_ps_value expand(struct gw_ps *ps, const struct gw_ps_token *t)
{
	const char *p = ps->s->text + t->start, *end = ps->s->text + t->end, *why = NULL;
	char *buf = NULL;
	size_t len = 0;
	FILE *f = gw_cli_must(open_memstream(&buf, &len));
	struct gw_ps_value v;

	while (p && p < end && len <= GW_PS_TEXT_MAX) {
		p = expand_one(ps, t, p, end, f, &why);
		fflush(f);
	}
	if (fclose(f) != 0)
		gw_cli_must(NULL);
	if (len > GW_PS_TEXT_MAX)
		why = "it is longer than 65536 bytes";
	v = why ? gw_ps_unknown(why, t) : gw_ps_text_value(gw_cli_arena_copy(&ps->s->arena, buf, len), t);
	free(buf);
	return v;
}

/* --- one value --- */

/* A number of an expression is a number: 007 is 7. */
static struct gw_ps_value number(const struct gw_ps_token *t)
{
	const char *s = t->text;
	size_t digits = strspn(s, "0123456789");

	if (!s[digits]) {
		while (*s == '0' && s[1])
			s++;
		return gw_ps_text_value(s, t);
	}
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && s[2] && !s[2 + strspn(s + 2, "0123456789abcdefABCDEF")])
		return gw_ps_text_value(s, t);
	return gw_ps_unknown("an expression is not evaluated", t);
}

static struct gw_ps_value as_list(struct gw_ps *ps, const struct gw_ps_value *v)
{
	struct gw_ps_value list = {.kind = GW_PS_LIST, .at = v->at};

	if (v->kind == GW_PS_LIST || v->kind == GW_PS_UNKNOWN)
		return *v;
	if (v->kind != GW_PS_NOTHING) {
		struct gw_ps_value *item = gw_cli_arena_alloc(&ps->s->arena, sizeof *item);

		*item = *v;
		list.items = item;
		list.n = 1;
	}
	return list;
}

static int group(struct gw_ps *ps, size_t open, struct gw_ps_value *ret)
{
	const struct gw_ps_token *t = &ps->tokens[open];
	size_t n = 0;
	int r;

	if (t->form == '{') {
		if (ps->blocks[open] == GW_PS_BLOCK_NONE)
			ps->blocks[open] = GW_PS_BLOCK_MADE;
		*ret = (struct gw_ps_value){.kind = GW_PS_BLOCK, .at = t, .object = t};
		return 0;
	}
	*ret = gw_ps_unknown("an expression is not evaluated", t);
	if (t->form == '#' || t->form == '[')
		return gw_ps_pass_over(ps, open, t->partner + 1, "this expression");
	r = gw_ps_statements(ps, open + 1, t->partner, &n, ret);
	if (r < 0)
		return r;
	if (n == 0)
		*ret = (struct gw_ps_value){.kind = GW_PS_NOTHING};
	else if (n > 1)
		*ret = gw_ps_unknown("what several statements return is not evaluated", t);
	ret->at = t;
	if (t->form == '@')
		*ret = as_list(ps, ret);
	return 0;
}

static int base_value(struct gw_ps *ps, size_t i, struct gw_ps_value *ret)
{
	const struct gw_ps_token *t = &ps->tokens[i];

	switch (t->kind) {
	case GW_PS_WORD:
		*ret = t->form == 'q' ? gw_ps_unknown("a word with quotes inside is not evaluated", t)
				      : gw_ps_text_value(t->text, t);
		return 0;
	case GW_PS_NUMBER:
		*ret = number(t);
		return 0;
	case GW_PS_STRING:
		*ret = gw_ps_text_value(t->text, t);
		return 0;
	case GW_PS_EXPANDABLE:
		*ret = expand(ps, t);
		return gw_ps_pass_over(ps, i, i + 1, "this text");
	case GW_PS_VARIABLE:
		*ret = gw_ps_get(ps, t->text, t);
		return 0;
	case GW_PS_OPEN:
		return group(ps, i, ret);
	default:
		*ret = gw_ps_unknown("an expression is not evaluated", t);
		return 0;
	}
}

static void take_member(struct gw_ps *ps, const struct gw_ps_token *t, struct gw_ps_value *v)
{
	struct gw_ps_value member = {0};

	if (v->kind == GW_PS_UNKNOWN)
		return;
	if (v->kind == GW_PS_OBJECT && ps->hooks->member(ps->ctx, v, t->text, &member)) {
		member.at = v->at;
		*v = member;
	} else if (v->kind == GW_PS_LIST && (strcasecmp(t->text, "Length") == 0 || strcasecmp(t->text, "Count") == 0)) {
		*v = gw_ps_text_value(gw_cli_arena_format(&ps->s->arena, "%zu", v->n), v->at);
	} else {
		*v = gw_ps_unknown(gw_cli_arena_format(&ps->s->arena, "the member .%s is not evaluated", t->text),
				   v->at);
	}
}

/* LIST[number]; `open` is the bracket. */
static int take_index(struct gw_ps *ps, size_t open, struct gw_ps_value *v)
{
	const struct gw_ps_token *at = v->at;
	struct gw_ps_value index = {0};
	char *end = NULL;
	unsigned long i;
	int r = 0;

	if (ps->tokens[open].partner == open + 1 || v->kind != GW_PS_LIST)
		r = gw_ps_pass_over(ps, open, ps->tokens[open].partner + 1, "this expression");
	else
		r = gw_ps_expression(ps, open + 1, ps->tokens[open].partner, &index);
	if (r < 0 || v->kind == GW_PS_UNKNOWN)
		return r;
	i = index.kind == GW_PS_TEXT && *index.text ? strtoul(index.text, &end, 10) : 0;
	if (v->kind != GW_PS_LIST || !end || *end || index.text[strspn(index.text, "0123456789")])
		*v = gw_ps_unknown(index.kind == GW_PS_UNKNOWN ? index.text : "an index is evaluated for lists only",
				   at);
	else if (i >= v->n)
		*v = gw_ps_unknown(gw_cli_arena_format(&ps->s->arena, "the list has no element %lu", i), at);
	else
		*v = v->items[i];
	v->at = at;
	return 0;
}

/* The value at *i with its members and whatever else is written to it without a space. */
static int value(struct gw_ps *ps, size_t *i, size_t end, struct gw_ps_value *ret)
{
	const struct gw_ps_token *at = &ps->tokens[*i];
	size_t first = *i;
	int r = base_value(ps, first, ret);

	*i = gw_ps_after(ps, first);
	while (r == 0 && *i < end) {
		const struct gw_ps_token *t = &ps->tokens[*i];

		if (t->kind == GW_PS_MEMBER)
			take_member(ps, t, ret);
		else if (t->kind == GW_PS_OPEN && t->form == '[' && t->glued)
			r = take_index(ps, *i, ret);
		else
			break;
		*i = gw_ps_after(ps, *i);
	}
	if (r < 0)
		return r;
	first = *i;
	while (*i < end && ps->tokens[*i].glued && ps->tokens[*i].kind != GW_PS_COMMA &&
	       ps->tokens[*i].kind != GW_PS_REDIRECT && ps->tokens[*i].kind != GW_PS_PIPE &&
	       ps->tokens[*i].kind != GW_PS_SEPARATOR)
		*i = gw_ps_after(ps, *i);
	if (*i == first)
		return 0;
	*ret = gw_ps_unknown("an expression is not evaluated", at);
	/* From the value on: a method may change it. */
	return gw_ps_pass_over(ps, (size_t)(at - ps->tokens), *i, "this expression");
}

/* Values with commas between them. */
static int list(struct gw_ps *ps, size_t *i, size_t end, struct gw_ps_value *ret)
{
	struct gw_ps_value *items = NULL;
	size_t n = 0, room = 0;
	int r = value(ps, i, end, ret);

	while (r == 0 && *i + 1 < end && ps->tokens[*i].kind == GW_PS_COMMA) {
		++*i;
		if (n == room) {
			struct gw_ps_value *more;

			room = room > 0 ? room * 2 : 4;
			more = gw_cli_arena_alloc(&ps->s->arena, room * sizeof *more);
			if (n > 0)
				memcpy(more, items, n * sizeof *more);
			items = more;
		}
		items[n++] = *ret;
		r = value(ps, i, end, ret);
	}
	if (r < 0 || n == 0)
		return r;
	if (n == room) {
		struct gw_ps_value *more = gw_cli_arena_alloc(&ps->s->arena, (n + 1) * sizeof *more);

		memcpy(more, items, n * sizeof *more);
		items = more;
	}
	items[n++] = *ret;
	for (size_t k = 0; k < n; k++)
		if (items[k].kind == GW_PS_LIST)
			items[k] = gw_ps_unknown("a list inside a list is not evaluated", items[k].at);
	*ret = (struct gw_ps_value){.kind = GW_PS_LIST, .at = items[0].at, .items = items, .n = n};
	return 0;
}

int gw_ps_argument(struct gw_ps *ps, size_t *i, size_t end, struct gw_ps_value *ret)
{
	return list(ps, i, end, ret);
}

bool gw_ps_is_plain_cast(const struct gw_ps *ps, size_t open)
{
	static const char *const types[] = {"string", "string[]", "int",    "int32", "int64",  "long",
					    "uint16", "uint32",	  "uint64", "byte",  "object", "array"};
	const char *text = ps->s->text + ps->tokens[open].end;
	size_t n = ps->tokens[ps->tokens[open].partner].start - ps->tokens[open].end;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strlen(types[i]) == n && strncasecmp(text, types[i], n) == 0)
			return true;
	return false;
}

int gw_ps_expression(struct gw_ps *ps, size_t first, size_t end, struct gw_ps_value *ret)
{
	size_t i = first;
	int r;

	while (i < end && ps->tokens[i].kind == GW_PS_OPEN && ps->tokens[i].form == '[' && gw_ps_is_plain_cast(ps, i))
		i = gw_ps_after(ps, i);
	/* [void](...) runs what is inside. */
	if (i + 3 < end && ps->tokens[i].kind == GW_PS_OPEN && ps->tokens[i].form == '[' &&
	    ps->tokens[i].partner == i + 2 && strcasecmp(ps->tokens[i + 1].text, "void") == 0)
		i += 3;
	if (i < end) {
		r = list(ps, &i, end, ret);
		if (r < 0 || i == end)
			return r;
	}
	*ret = gw_ps_unknown("an expression is not evaluated", &ps->tokens[first]);
	return gw_ps_pass_over(ps, first, end, "this expression");
}
