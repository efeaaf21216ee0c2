/* bind.c - see bind.h. Called by those who know cmdlets. */
#include "cli/powershell/bind.h"

#include <string.h>
#include <strings.h>

static const struct gw_ps_parameter common[] = {
	{.name = "Verbose", .alias = "vb", .is_switch = true},
	{.name = "Debug", .alias = "db", .is_switch = true},
	{.name = "WhatIf", .alias = "wi", .is_switch = true},
	{.name = "Confirm", .alias = "cf", .is_switch = true},
	{.name = "ErrorAction", .alias = "ea"},
	{.name = "WarningAction", .alias = "wa"},
	{.name = "InformationAction", .alias = "infa"},
	{.name = "ErrorVariable", .alias = "ev"},
	{.name = "WarningVariable", .alias = "wv"},
	{.name = "InformationVariable", .alias = "iv"},
	{.name = "OutVariable", .alias = "ov"},
	{.name = "OutBuffer", .alias = "ob"},
	{.name = "PipelineVariable", .alias = "pv"},
	{0},
};

struct binding {
	struct gw_ps *ps;
	const struct gw_ps_parameter *table;
	struct gw_ps_bound *bound;
	const struct gw_ps_token *at;
	const char *error;
};

static void complain(struct binding *b, const struct gw_ps_token *at, const char *error)
{
	if (b->error)
		return;
	b->at = at;
	b->error = error;
}

/* Is `s` the name or an alias, or with `shortened` the beginning of one? */
static bool has_name(const struct gw_ps_parameter *p, const char *s, bool shortened)
{
	size_t n = strlen(s);

	if (strncasecmp(p->name, s, n) == 0 && (shortened || !p->name[n]))
		return true;
	for (const char *a = p->alias; a; a = strchr(a, ',') ? strchr(a, ',') + 1 : NULL)
		if (strncasecmp(a, s, n) == 0 && (shortened || !a[n] || a[n] == ','))
			return true;
	return false;
}

/* The only one in the table; *ret_n says how many there are. */
static const struct gw_ps_parameter *match(const struct gw_ps_parameter *table, const char *s, bool shortened,
					   size_t *ret_n)
{
	const struct gw_ps_parameter *found = NULL;

	*ret_n = 0;
	for (const struct gw_ps_parameter *p = table; p->name; p++) {
		if (has_name(p, s, shortened)) {
			found = p;
			++*ret_n;
		}
	}
	return *ret_n == 1 ? found : NULL;
}

/* The whole name comes first; a cmdlet's own parameters come before those of all cmdlets. */
static const struct gw_ps_parameter *find(struct binding *b, const struct gw_ps_argument *a)
{
	const struct gw_ps_parameter *p = NULL;
	size_t n = 0, own;

	p = match(b->table, a->parameter, false, &n);
	if (!p)
		p = match(common, a->parameter, false, &n);
	if (p)
		return p;
	p = match(b->table, a->parameter, true, &own);
	if (own == 0)
		p = match(common, a->parameter, true, &n);
	if (!p)
		complain(b, a->at,
			 gw_cli_arena_format(
				 gw_ps_arena(b->ps),
				 own + n > 0
					 ? "-%s could be more than one parameter; write it in full"
					 : "-%s is no parameter that is known here; take it out, if it does not matter",
				 a->parameter));
	return p;
}

static bool is_own(const struct binding *b, const struct gw_ps_parameter *p)
{
	for (const struct gw_ps_parameter *q = b->table; q->name; q++)
		if (q == p)
			return true;
	return false;
}

static void take(struct binding *b, const struct gw_ps_parameter *p, const struct gw_ps_token *at,
		 const struct gw_ps_value *value)
{
	struct gw_ps_bound *bound;

	if (!is_own(b, p)) {
		if (strcmp(p->name, "WhatIf") == 0 && !(value->kind == GW_PS_BOOLEAN && !value->truth))
			complain(b, at, "with -WhatIf the line changes nothing; take -WhatIf out, or the line");
		return;
	}
	bound = &b->bound[p - b->table];
	if (bound->at) {
		complain(b, at, gw_cli_arena_format(gw_ps_arena(b->ps), "-%s is given twice", p->name));
		return;
	}
	bound->at = at;
	bound->value = *value;
}

static void by_position(struct binding *b, const struct gw_ps_argument *a)
{
	const struct gw_ps_parameter *next = NULL;

	for (const struct gw_ps_parameter *p = b->table; p->name; p++)
		if (p->position > 0 && !b->bound[p - b->table].at && (!next || p->position < next->position))
			next = p;
	if (next)
		take(b, next, a->at, &a->value);
	else if (a->value.kind == GW_PS_TEXT && !a->value.text[strspn(a->value.text, " \t")])
		complain(
			b, a->at,
			"here stands a blank behind a backtick; take it out when the line is to go on in the next one");
	else
		complain(b, a->at,
			 "this value belongs to no parameter; write the name of its parameter in front of it");
}

void gw_ps_bind(struct gw_ps *ps, const struct gw_ps_command *c, const struct gw_ps_parameter *table,
		struct gw_ps_bound *bound, const struct gw_ps_token **ret_at, const char **ret_error)
{
	struct binding b = {.ps = ps, .table = table, .bound = bound};

	for (size_t i = 0; i < c->n; i++) {
		const struct gw_ps_argument *a = &c->arguments[i];
		const struct gw_ps_parameter *p = a->parameter ? find(&b, a) : NULL;
		struct gw_ps_value yes = {.kind = GW_PS_BOOLEAN, .truth = true, .at = a->at};

		if (a->splat)
			complain(&b, a->at,
				 "arguments that come out of a variable (@name) are not evaluated; write "
				 "them here");
		if (!p)
			continue;
		if (a->has_value) {
			take(&b, p, a->at, &a->value);
		} else if (p->is_switch) {
			take(&b, p, a->at, &yes);
		} else if (i + 1 < c->n && !c->arguments[i + 1].parameter && c->arguments[i + 1].has_value) {
			take(&b, p, a->at, &c->arguments[i + 1].value);
			c->arguments[i + 1].has_value = false; /* it is taken */
		} else {
			complain(&b, a->at,
				 gw_cli_arena_format(gw_ps_arena(ps),
						     "-%s has no value; when the line goes on in the next one, join "
						     "them, or end this one with a backtick (`)",
						     p->name));
		}
	}
	for (size_t i = 0; i < c->n; i++) {
		const struct gw_ps_argument *a = &c->arguments[i];

		if (!a->parameter && a->has_value)
			by_position(&b, a);
	}
	for (const struct gw_ps_parameter *p = table; p->name; p++)
		if (p->required && !bound[p - table].at)
			complain(&b, c->at, gw_cli_arena_format(gw_ps_arena(ps), "%s wants -%s", c->name, p->name));
	*ret_at = b.at;
	*ret_error = b.error;
}
