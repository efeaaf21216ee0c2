/*
 * variable.c - the variables of a script, and what is known of them. When in doubt nothing is known: a value that is
 * not known is refused where it is needed, a wrong one would be imported.
 */
#include "cli/powershell/private.h"

#include "cli/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct variable {
	struct gw_hmap_node node;
	const char *name; /* in lower case */
	struct gw_ps_value value;
	bool fickle; /* a function may change it at any time */
};

/* Where a name with a prefix lives. */
enum place { HERE, OUTERMOST, USING };

static const char *split_name(struct gw_ps *ps, const char *name, enum place *ret)
{
	static const struct {
		const char *prefix;
		enum place place;
	} prefixes[] = {
		{"script:", OUTERMOST}, {"global:", OUTERMOST}, {"local:", HERE},
		{"private:", HERE},	{"variable:", HERE},	{"using:", USING},
	};
	char *lower;

	*ret = HERE;
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		size_t n = strlen(prefixes[i].prefix);

		if (strncasecmp(name, prefixes[i].prefix, n) == 0) {
			*ret = prefixes[i].place;
			name += n;
			break;
		}
	}
	lower = gw_cli_arena_copy(&ps->s->arena, name, strlen(name));
	for (char *p = lower; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 'a' - 'A') : *p;
	return lower;
}

static struct variable *find(const struct gw_ps_scope *scope, const char *lower)
{
	GW_HMAP_FOR_EACH_HASH (node, &scope->variables, gw_hash_bytes(lower, strlen(lower), 0)) {
		struct variable *v = GW_CONTAINER_OF(node, struct variable, node);

		if (strcmp(v->name, lower) == 0)
			return v;
	}
	return NULL;
}

static struct variable *find_or_make(struct gw_ps *ps, struct gw_ps_scope *scope, const char *lower)
{
	struct variable *v = find(scope, lower);

	if (v)
		return v;
	v = gw_cli_arena_alloc(&ps->s->arena, sizeof *v);
	v->name = lower;
	if (gw_hmap_insert(&scope->variables, &v->node, gw_hash_bytes(lower, strlen(lower), 0)) < 0)
		gw_cli_must(NULL);
	return v;
}

static struct gw_ps_scope *outermost(struct gw_ps_scope *scope)
{
	while (scope->parent)
		scope = scope->parent;
	return scope;
}

struct gw_ps_value gw_ps_get(struct gw_ps *ps, const char *name, const struct gw_ps_token *at)
{
	enum place place;
	const char *lower = split_name(ps, name, &place);
	struct gw_ps_scope *scope = ps->scope, *sender = outermost(ps->scope)->sender;
	struct gw_ps_value value;
	const struct variable *v = NULL;

	if (strcmp(lower, "null") == 0)
		return (struct gw_ps_value){.kind = GW_PS_NOTHING, .at = at};
	if (strcmp(lower, "true") == 0 || strcmp(lower, "false") == 0)
		return (struct gw_ps_value){.kind = GW_PS_BOOLEAN, .truth = *lower == 't', .at = at};
	if (place == USING)
		scope = sender;
	else if (place == OUTERMOST)
		scope = outermost(scope);
	for (; scope && !v; scope = scope->parent)
		v = find(scope, lower);
	if (!v && place == HERE && sender)
		return gw_ps_unknown(gw_cli_arena_format(&ps->s->arena,
							 "$%s has no value inside this block, which runs on another "
							 "machine; a variable of the script is $using:%s there",
							 name, name),
				     at);
	if (!v)
		return gw_ps_unknown(gw_cli_arena_format(&ps->s->arena, "$%s is given no value in this script", name),
				     at);
	value = v->value;
	value.at = at;
	return value;
}

static void assign(struct gw_ps *ps, struct gw_ps_scope *scope, const char *name, const char *lower,
		   const struct gw_ps_value *value, const struct gw_ps_token *at)
{
	struct variable *v = find_or_make(ps, scope, lower);

	if (v->fickle)
		return;
	v->value = *value;
	/* The reason as it is told where the variable is used; the first cause is enough. */
	if (value->kind == GW_PS_UNKNOWN && value->text[0] != '$')
		v->value.text = gw_cli_arena_format(&ps->s->arena, "$%s is not known since line %u: %s", name, at->line,
						    value->text);
}

void gw_ps_set(struct gw_ps *ps, const char *name, const struct gw_ps_value *value, const struct gw_ps_token *at)
{
	enum place place;
	const char *lower = split_name(ps, name, &place);

	assign(ps, place == OUTERMOST ? outermost(ps->scope) : ps->scope, name, lower, value, at);
}

void gw_ps_forget(struct gw_ps *ps, const char *name, const struct gw_ps_token *at)
{
	struct gw_ps_value unknown = gw_ps_unknown("a statement there that is not evaluated may change it", at);

	gw_ps_set(ps, name, &unknown, at);
}

void gw_ps_forget_all(struct gw_ps *ps, const struct gw_ps_token *at)
{
	struct gw_ps_value unknown = gw_ps_unknown("a statement there that is not evaluated may change it", at);

	for (struct gw_ps_scope *scope = ps->scope; scope; scope = scope->parent) {
		GW_HMAP_FOR_EACH (node, &scope->variables) {
			struct variable *v = GW_CONTAINER_OF(node, struct variable, node);

			assign(ps, scope, v->name, v->name, &unknown, at);
		}
	}
}

void gw_ps_forget_lists(struct gw_ps *ps, const struct gw_ps_token *at)
{
	struct gw_ps_value unknown = gw_ps_unknown("a list is changed there, which it may be", at);

	for (struct gw_ps_scope *scope = ps->scope; scope; scope = scope->parent) {
		GW_HMAP_FOR_EACH (node, &scope->variables) {
			struct variable *v = GW_CONTAINER_OF(node, struct variable, node);

			if (v->value.kind == GW_PS_LIST)
				assign(ps, scope, v->name, v->name, &unknown, at);
		}
	}
}

static void forget_one(struct gw_ps *ps, const struct gw_ps_token *t, bool function)
{
	enum place place;
	const char *lower = split_name(ps, t->text, &place);

	if (!function) {
		gw_ps_forget(ps, t->text, t);
	} else if (place == OUTERMOST) {
		gw_ps_forget(ps, t->text, t);
		find_or_make(ps, outermost(ps->scope), lower)->fickle = true;
	}
}

/* Behind a variable: does something assign to it, or call a method of it? */
static bool is_assigned(const struct gw_ps *ps, size_t i, size_t end)
{
	for (i++; i < end; i = gw_ps_after(ps, i)) {
		const struct gw_ps_token *t = &ps->tokens[i];

		if (t->kind == GW_PS_MEMBER || (t->kind == GW_PS_OPEN && t->form == '[' && t->glued))
			continue;
		/* $a, $b = 1, 2 */
		if (t->kind == GW_PS_COMMA && i + 1 < end && ps->tokens[i + 1].kind == GW_PS_VARIABLE) {
			i++;
			continue;
		}
		return t->kind == GW_PS_ASSIGN || (t->kind == GW_PS_SYMBOL && t->form == '2') ||
		       (t->kind == GW_PS_OPEN && t->form == '(' && t->glued) ||
		       (t->kind == GW_PS_NUMBER && strcasecmp(t->text, "in") == 0); /* foreach ($x in ...) */
	}
	return false;
}

/* In front of a variable: ++ or --, or [ref]. */
static bool is_handed_out(const struct gw_ps *ps, size_t i, size_t first)
{
	const struct gw_ps_token *t = i > first ? &ps->tokens[i - 1] : NULL;

	return t && ((t->kind == GW_PS_SYMBOL && t->form == '2') ||
		     (t->kind == GW_PS_CLOSE && t->form == '[' && ps->tokens[i].glued && t->partner + 2 == i - 1 &&
		      strcasecmp(ps->tokens[i - 2].text, "ref") == 0));
}

/* -OutVariable name and its like, also shortened. */
static bool names_variable(const struct gw_ps_token *t)
{
	static const char *const names[] = {"outvariable",	   "errorvariable",    "warningvariable",
					    "informationvariable", "pipelinevariable", "variable"};
	static const char *const aliases[] = {"ov", "ev", "wv", "iv", "pv"};

	if (t->kind != GW_PS_PARAMETER)
		return false;
	for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
		if (strcasecmp(t->text, aliases[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(t->text) >= 3 && strncasecmp(t->text, names[i], strlen(t->text)) == 0)
			return true;
	return false;
}

/* When the token in front of i says that i is the name of a variable to be set. */
static void forget_output(struct gw_ps *ps, size_t i)
{
	const struct gw_ps_token *t = &ps->tokens[i];

	if (!names_variable(t - 1))
		return;
	if (t->kind == GW_PS_WORD || t->kind == GW_PS_STRING)
		gw_ps_forget(ps, t->text + (*t->text == '+'), t);
	else if (t->kind == GW_PS_EXPANDABLE || t->kind == GW_PS_VARIABLE)
		gw_ps_forget_all(ps, t);
}

void gw_ps_forget_outputs(struct gw_ps *ps, size_t first, size_t end)
{
	for (size_t i = first; i < end; i = gw_ps_after(ps, i))
		if (i > first)
			forget_output(ps, i);
}

void gw_ps_forget_assigned(struct gw_ps *ps, size_t first, size_t end, bool function)
{
	for (size_t i = first; i < end; i++) {
		const struct gw_ps_token *t = &ps->tokens[i];

		if (t->kind == GW_PS_VARIABLE && (is_assigned(ps, i, end) || is_handed_out(ps, i, first)))
			forget_one(ps, t, function);
		if (!function && i > first)
			forget_output(ps, i);
	}
}

void gw_ps_scope_done(struct gw_ps_scope *scope)
{
	gw_hmap_done(&scope->variables);
}
