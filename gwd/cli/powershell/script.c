/*
 * script.c - see script.h: statements, pipelines and commands. What it does not evaluate it passes over, and looks
 * through for what matters; see gw_ps_pass_over. Called by hnv/script.c; knows no cmdlet that makes a record.
 */
#include "cli/powershell/private.h"

#include "base/cleanup.h"
#include "cli/powershell/text.h"
#include "cli/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX  50  /* blocks that run blocks */
#define NEST_MAX   200 /* groups in groups, blocks that are run among them: the C stack has an end */
#define CHECK_MAX  50  /* variables that hold blocks that use variables that hold blocks */
#define WORK_BASE  100000
#define WORK_SHARE 64 /* how often a token may be looked at: blocks could run each other without end */

static int pipeline(struct gw_ps *ps, size_t first, size_t end, struct gw_ps_value *ret);

struct gw_cli_arena *gw_ps_arena(struct gw_ps *ps)
{
	return &ps->s->arena;
}

int gw_ps_refuse(struct gw_ps *ps, const struct gw_ps_token *at, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = gw_cli_must(NULL);
	va_end(ap);
	ps->s->error = (struct gw_ps_error){at->line, at->column, gw_cli_arena_copy(&ps->s->arena, text, strlen(text))};
	return -EINVAL;
}

static int work(struct gw_ps *ps, const struct gw_ps_token *at, size_t n)
{
	ps->work += n;
	return ps->work <= ps->work_max ? 0 : gw_ps_refuse(ps, at, "blocks run each other too often here");
}

/* --- what is passed over --- */

static const char *base_name(const char *name)
{
	const char *slash = strrchr(name, '\\');

	return slash && slash[1] ? slash + 1 : name;
}

static bool matters(const struct gw_ps *ps, const char *name)
{
	const char *why;
	enum gw_ps_class class = ps->hooks->classify(base_name(name), &why);

	return class == GW_PS_MATTERS || class == GW_PS_REFUSE;
}

/* In "text with $(commands)" any of its words. */
static bool text_matters(const struct gw_ps *ps, const struct gw_ps_token *t)
{
	static const char separators[] = " \t\r\n()[]{};|&,\"'`$=";
	_cleanup_free_ char *copy = gw_cli_must(strndup(ps->s->text + t->start, t->end - t->start));
	char *save = NULL;

	if (!strstr(copy, "$("))
		return false;
	for (char *w = strtok_r(copy, separators, &save); w; w = strtok_r(NULL, separators, &save))
		if (matters(ps, w))
			return true;
	return false;
}

static const struct gw_ps_token *search(struct gw_ps *ps, size_t first, size_t end, unsigned level);

/* A variable stands for the block that it holds; no block is searched twice. */
static const struct gw_ps_token *search_variable(struct gw_ps *ps, const struct gw_ps_token *t, unsigned level)
{
	struct gw_ps_value v = gw_ps_get(ps, t->text, t);
	const struct gw_ps_token *open = v.object;

	if (v.kind != GW_PS_BLOCK || ps->searched[open - ps->tokens] == ps->search)
		return NULL;
	if (level == CHECK_MAX)
		return t;
	ps->searched[open - ps->tokens] = ps->search;
	return search(ps, (size_t)(open - ps->tokens), open->partner, level + 1);
}

static const struct gw_ps_token *search(struct gw_ps *ps, size_t first, size_t end, unsigned level)
{
	ps->work += end - first;
	for (size_t i = first; i < end && ps->work <= ps->work_max; i++) {
		const struct gw_ps_token *t = &ps->tokens[i], *found = NULL;

		if (t->kind == GW_PS_WORD ? matters(ps, t->text) : t->kind == GW_PS_EXPANDABLE && text_matters(ps, t))
			return t;
		if (t->kind == GW_PS_VARIABLE)
			found = search_variable(ps, t, level);
		if (found)
			return found;
	}
	return NULL;
}

/* The first token in the range that names a command that matters, also through variables that hold blocks. */
static const struct gw_ps_token *find_matter(struct gw_ps *ps, size_t first, size_t end)
{
	ps->search++;
	return search(ps, first, end, 0);
}

static const char *matter_name(struct gw_ps *ps, const struct gw_ps_token *t)
{
	return *t->text ? base_name(t->text) : gw_cli_arena_format(&ps->s->arena, "a command that makes records");
}

/* A statement in the range that may leave the loop around it. */
static const struct gw_ps_token *find_jump(const struct gw_ps *ps, size_t first, size_t end)
{
	for (size_t i = first + 1; i < end; i++) {
		const struct gw_ps_token *t = &ps->tokens[i];

		if (t->kind == GW_PS_WORD && (t[-1].kind == GW_PS_SEPARATOR || t[-1].kind == GW_PS_OPEN) &&
		    (strcasecmp(t->text, "continue") == 0 || strcasecmp(t->text, "break") == 0))
			return t;
	}
	return NULL;
}

int gw_ps_pass_over(struct gw_ps *ps, size_t first, size_t end, const char *what)
{
	const struct gw_ps_token *t = find_matter(ps, first, end);

	if (t)
		return gw_ps_refuse(ps, t,
				    "%s cannot be imported from inside of %s, which is not evaluated; write it as a "
				    "statement of its own, with its values",
				    matter_name(ps, t), what);
	t = ps->loops > 0 ? find_jump(ps, first, end) : NULL;
	if (t)
		return gw_ps_refuse(ps, t,
				    "it is not evaluated whether this '%s' is reached; write the loop's statements one "
				    "by one",
				    t->text);
	gw_ps_forget_assigned(ps, first, end, false);
	return work(ps, &ps->tokens[first], 0);
}

/* --- blocks --- */

static int run_block(struct gw_ps *ps, const struct gw_ps_value *block, struct gw_ps_scope *scope)
{
	const struct gw_ps_token *open = block->object;
	struct gw_ps_scope *outside = ps->scope;
	struct gw_ps_value last;
	size_t n;
	int r;

	if (ps->depth == DEPTH_MAX)
		return gw_ps_refuse(ps, block->at, "blocks run each other too deeply here");
	ps->blocks[open - ps->tokens] = GW_PS_BLOCK_USED;
	ps->depth++;
	if (scope)
		ps->scope = scope;
	r = gw_ps_statements(ps, (size_t)(open - ps->tokens) + 1, open->partner, &n, &last);
	ps->scope = outside;
	ps->depth--;
	ps->returned = false;
	return r;
}

int gw_ps_run_block(struct gw_ps *ps, const struct gw_ps_value *block, bool elsewhere)
{
	struct gw_ps_scope scope = {.parent = elsewhere ? NULL : ps->scope, .sender = elsewhere ? ps->scope : NULL};
	int r = run_block(ps, block, &scope);

	gw_ps_scope_done(&scope);
	return r;
}

const char *gw_ps_block_text(struct gw_ps *ps, const struct gw_ps_value *block)
{
	const struct gw_ps_token *open = block->object;
	const char *p = ps->s->text + open->end, *end = ps->s->text + ps->tokens[open->partner].start;

	while (p < end && strchr(" \t", *p))
		p++;
	while (end > p && strchr(" \t", end[-1]))
		end--;
	ps->blocks[open - ps->tokens] = GW_PS_BLOCK_USED;
	return gw_cli_arena_copy(&ps->s->arena, p, (size_t)(end - p));
}

static bool is_item(const struct gw_ps_token *t)
{
	return t[0].kind == GW_PS_VARIABLE && (strcmp(t[0].text, "_") == 0 || strcasecmp(t[0].text, "PSItem") == 0) &&
	       t[1].kind == GW_PS_MEMBER;
}

static bool is_equals(const struct gw_ps_token *t)
{
	return t->kind == GW_PS_PARAMETER &&
	       (strcasecmp(t->text, "eq") == 0 || strcasecmp(t->text, "ieq") == 0 || strcasecmp(t->text, "ceq") == 0);
}

bool gw_ps_block_compares(struct gw_ps *ps, const struct gw_ps_value *block, const char **ret_member,
			  struct gw_ps_value *ret_value)
{
	const struct gw_ps_token *open = block->object, *t;
	size_t first = (size_t)(open - ps->tokens) + 1, end = open->partner;

	while (end > first && ps->tokens[end - 1].kind == GW_PS_SEPARATOR)
		end--;
	while (first < end && ps->tokens[first].kind == GW_PS_SEPARATOR)
		first++;
	while (end - first > 2 && ps->tokens[first].kind == GW_PS_OPEN && ps->tokens[first].form == '(' &&
	       ps->tokens[first].partner == end - 1) {
		first++;
		end--;
	}
	t = &ps->tokens[first];
	if (end - first != 4)
		return false;
	if (is_item(t) && is_equals(t + 2)) {
		*ret_member = t[1].text;
		first += 3;
	} else if (is_item(t + 2) && is_equals(t + 1)) {
		*ret_member = t[3].text;
	} else {
		return false;
	}
	if (ps->tokens[first].kind == GW_PS_OPEN)
		return false;
	ps->blocks[open - ps->tokens] = GW_PS_BLOCK_USED;
	return gw_ps_argument(ps, &first, first + 1, ret_value) == 0;
}

/* --- commands --- */

static bool sets_variables(const char *name)
{
	static const char *const names[] = {
		"Set-Variable", "New-Variable", "Clear-Variable", "Remove-Variable", "sv", "set", "nv", "clv", "rv"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Variables that change what commands do which do not name them. */
static int refuse_preference(struct gw_ps *ps, const struct gw_ps_token *t)
{
	static const char *const names[] = {"PSDefaultParameterValues", "WhatIfPreference"};
	const char *colon = strrchr(t->text, ':');

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcasecmp(colon ? colon + 1 : t->text, names[i]) == 0)
			return gw_ps_refuse(ps, t,
					    "$%s changes what cmdlets do without their lines saying so; write it there",
					    names[i]);
	return 0;
}

/* Set-Variable and its like: any word among the arguments may be the name. */
static int forget_named(struct gw_ps *ps, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		const struct gw_ps_token *t = &ps->tokens[i];

		if ((t->kind == GW_PS_WORD || t->kind == GW_PS_STRING) && refuse_preference(ps, t) < 0)
			return -EINVAL;
		if (t->kind == GW_PS_WORD || t->kind == GW_PS_STRING)
			gw_ps_forget(ps, t->text, t);
		else if (t->kind == GW_PS_EXPANDABLE || t->kind == GW_PS_VARIABLE || t->kind == GW_PS_SPLAT)
			gw_ps_forget_all(ps, t);
	}
	return 0;
}

static int take_argument(struct gw_ps *ps, size_t *i, size_t end, struct gw_ps_argument *a)
{
	const struct gw_ps_token *t = &ps->tokens[*i];

	*a = (struct gw_ps_argument){.at = t};
	if (t->kind == GW_PS_SPLAT) {
		a->splat = true;
		++*i;
		return 0;
	}
	if (t->kind == GW_PS_PARAMETER) {
		a->parameter = t->text;
		++*i;
		if (!t->colon || *i == end)
			return 0;
	}
	a->has_value = true;
	return gw_ps_argument(ps, i, end, &a->value);
}

static int run_command(struct gw_ps *ps, struct gw_ps_command *c, size_t first, size_t end, struct gw_ps_value *ret)
{
	_cleanup_free_ struct gw_ps_argument *arguments = gw_cli_must(calloc(end - first + 1, sizeof *arguments));
	size_t i = first;

	c->arguments = arguments;
	while (i < end) {
		const struct gw_ps_token *t = &ps->tokens[i];
		struct gw_ps_value target;
		int r;

		if (t->kind == GW_PS_REDIRECT) {
			i++;
			r = t->form == '>' && i < end ? gw_ps_argument(ps, &i, end, &target) : 0;
		} else {
			r = take_argument(ps, &i, end, &arguments[c->n++]);
		}
		if (r < 0)
			return r;
	}
	*ret = gw_ps_unknown(gw_cli_arena_format(&ps->s->arena, "what %s returns is not evaluated", c->name), c->at);
	gw_ps_forget_outputs(ps, first, end);
	return ps->hooks->run(ps->ctx, ps, c, ret);
}

/* `name` with the arguments first..end. */
static int command(struct gw_ps *ps, const char *name, const struct gw_ps_token *at, size_t first, size_t end,
		   const struct gw_ps_value *input, struct gw_ps_value *ret)
{
	struct gw_ps_command c = {.name = base_name(name), .at = at, .input = input};
	const char *why = "";
	int r;

	switch (ps->hooks->classify(c.name, &why)) {
	case GW_PS_REFUSE:
		return gw_ps_refuse(ps, at, "%s %s", c.name, why);
	case GW_PS_RUN:
	case GW_PS_MATTERS:
		return run_command(ps, &c, first, end, ret);
	case GW_PS_PASS_OVER:
		break;
	}
	if (input && gw_ps_is_for_each(c.name) && first < end && ps->tokens[first].kind == GW_PS_OPEN &&
	    ps->tokens[first].form == '{' && gw_ps_after(ps, first) == end && find_matter(ps, first, end)) {
		*ret = gw_ps_unknown("what a loop returns is not evaluated", at);
		return gw_ps_for_each_object(ps, input, first);
	}
	r = gw_ps_pass_over(ps, first, end, c.name);
	if (r == 0 && sets_variables(c.name))
		r = forget_named(ps, first, end);
	if (r < 0)
		return r;
	ps->hooks->passed(ps->ctx, c.name, at);
	*ret = gw_ps_unknown(gw_cli_arena_format(&ps->s->arena, "what %s returns is not evaluated", c.name), at);
	return 0;
}

/* & or . with what it calls. */
static int call(struct gw_ps *ps, size_t first, size_t end, const struct gw_ps_value *input, struct gw_ps_value *ret)
{
	const struct gw_ps_token *sign = &ps->tokens[first];
	size_t i = first + 1;
	struct gw_ps_value target;
	int r;

	*ret = gw_ps_unknown("what a block returns is not evaluated", sign);
	if (i == end)
		return 0;
	r = gw_ps_argument(ps, &i, end, &target);
	if (r < 0)
		return r;
	if (target.kind == GW_PS_BLOCK && i == end && !input) {
		struct gw_ps_scope scope = {.parent = ps->scope};

		r = run_block(ps, &target, sign->form == '.' ? NULL : &scope);
		gw_ps_scope_done(&scope);
		return r;
	}
	if (target.kind == GW_PS_TEXT)
		return command(ps, target.text, target.at, i, end, input, ret);
	return gw_ps_refuse(ps, sign,
			    "what is called here is not known: %s; take the line out, or write its commands here",
			    target.kind == GW_PS_UNKNOWN ? target.text : "it is no command");
}

/* A part of a pipeline. */
static int element(struct gw_ps *ps, size_t first, size_t end, const struct gw_ps_value *input, struct gw_ps_value *ret)
{
	const struct gw_ps_token *t = &ps->tokens[first];

	if (t->kind == GW_PS_CALL)
		return call(ps, first, end, input, ret);
	if (t->kind == GW_PS_WORD)
		return command(ps, t->text, t, first + 1, end, input, ret);
	if (t->kind == GW_PS_EXPANDABLE && t->form == 'w') {
		const char *name = gw_cli_arena_copy(&ps->s->arena, ps->s->text + t->start, t->end - t->start);

		return command(ps, name, t, first + 1, end, input, ret);
	}
	if (!input)
		return gw_ps_expression(ps, first, end, ret);
	*ret = gw_ps_unknown("an expression is not evaluated", t);
	return gw_ps_pass_over(ps, first, end, "this expression");
}

static int pipeline(struct gw_ps *ps, size_t first, size_t end, struct gw_ps_value *ret)
{
	struct gw_ps_value input, *given = NULL;

	for (size_t i = first; first < end; first = i + 1) {
		int r;

		for (i = first; i < end && ps->tokens[i].kind != GW_PS_PIPE;)
			i = gw_ps_after(ps, i);
		if (i == first)
			return gw_ps_refuse(ps, &ps->tokens[i], "the pipe has nothing in front of it");
		r = element(ps, first, i, given, ret);
		if (r < 0)
			return r;
		input = *ret;
		given = &input;
		if (i == end)
			break;
	}
	return 0;
}

/* --- statements --- */

/* exit and its like: whoever wrote something behind it did not mean it to be imported, or the exit not to be reached. */
static int leave(struct gw_ps *ps, size_t first, size_t end)
{
	const struct gw_ps_token *t = &ps->tokens[first], *after = find_matter(ps, first + 1, end);

	if (after)
		return gw_ps_refuse(ps, after,
				    "%s stands behind the '%s' of line %u and is never reached; take one of "
				    "them out",
				    matter_name(ps, after), t->text, t->line);
	return 0;
}

/* try { ... } and finally { ... }: when nothing fails, the statements inside; what is behind them must not matter. */
static int try_block(struct gw_ps *ps, size_t first, size_t end, const char *what)
{
	size_t open = first + 1, n;
	struct gw_ps_value last;
	int r;

	if (ps->tokens[open].kind != GW_PS_OPEN || ps->tokens[open].form != '{')
		return gw_ps_pass_over(ps, first, end, what);
	r = gw_ps_statements(ps, open + 1, ps->tokens[open].partner, &n, &last);
	open = ps->tokens[open].partner + 1;
	return r < 0 || open == end ? r : gw_ps_pass_over(ps, open, end, "'catch' or 'finally'");
}

static int keyword(struct gw_ps *ps, enum gw_ps_keyword k, size_t first, size_t end, size_t range_end)
{
	const struct gw_ps_token *t = &ps->tokens[first];
	const char *what = gw_cli_arena_format(&ps->s->arena, "'%s'", t->text);
	int r;

	if (k == GW_PS_LEAVE || (k == GW_PS_RETURN && ps->depth == 0)) {
		ps->exited = true;
		return leave(ps, first, ps->s->n);
	}
	if (k == GW_PS_RETURN) {
		ps->returned = true;
		return leave(ps, first, range_end);
	}
	if (k == GW_PS_DEFINITION) {
		const struct gw_ps_token *found = find_matter(ps, first, end);

		/* Its own variables come and go with it. */
		if (!found) {
			gw_ps_forget_assigned(ps, first, end, true);
			ps->hooks->passed(ps->ctx, t->text, t);
			return 0;
		}
	}
	if (k == GW_PS_LOOP && find_matter(ps, first, end)) {
		bool done;

		r = gw_ps_loop(ps, first, end, &done);
		if (r < 0 || done)
			return r;
	}
	if (k == GW_PS_TRY && first + 1 < end)
		return try_block(ps, first, end, what);
	r = gw_ps_pass_over(ps, first, end, what);
	if (r == 0)
		ps->hooks->passed(ps->ctx, t->text, t);
	return r;
}

/* "$name =", "[type]$name =": the token of the variable. */
static const struct gw_ps_token *plain_target(const struct gw_ps *ps, size_t first, size_t assign)
{
	while (first < assign && ps->tokens[first].kind == GW_PS_OPEN && ps->tokens[first].form == '[')
		first = gw_ps_after(ps, first);
	return assign - first == 1 && ps->tokens[first].kind == GW_PS_VARIABLE && ps->tokens[assign].form == '='
		       ? &ps->tokens[first]
		       : NULL;
}

static int statement(struct gw_ps *ps, size_t first, size_t end, size_t range_end, struct gw_ps_value *ret);

static int assignment(struct gw_ps *ps, size_t first, size_t assign, size_t end, size_t range_end,
		      struct gw_ps_value *ret)
{
	const struct gw_ps_token *target = plain_target(ps, first, assign);
	struct gw_ps_value value = {0};
	int r;

	if (!target) {
		gw_ps_forget_lists(ps, &ps->tokens[first]);
		return gw_ps_pass_over(ps, first, end, "this assignment");
	}
	if (assign + 1 == end)
		return gw_ps_refuse(ps, &ps->tokens[assign], "the value of $%s is missing", target->text);
	r = statement(ps, assign + 1, end, range_end, &value);
	if (r < 0)
		return r;
	for (size_t i = first; &ps->tokens[i] != target; i = gw_ps_after(ps, i))
		if (!gw_ps_is_plain_cast(ps, i))
			value = gw_ps_unknown("a cast is not evaluated", target);
	gw_ps_set(ps, target->text, &value, target);
	*ret = value;
	return 0;
}

static int statement(struct gw_ps *ps, size_t first, size_t end, size_t range_end, struct gw_ps_value *ret)
{
	const struct gw_ps_token *t = &ps->tokens[first];
	enum gw_ps_keyword k = t->kind == GW_PS_WORD && !t->form ? gw_ps_keyword(t->text) : GW_PS_NO_KEYWORD;
	size_t assign = end;
	int r = work(ps, &ps->tokens[first], end - first);

	*ret = gw_ps_unknown("a statement is not evaluated", &ps->tokens[first]);
	if (r < 0)
		return r;
	for (size_t i = end; i-- > first;) {
		if (ps->tokens[i].kind == GW_PS_CLOSE)
			i = ps->tokens[i].partner;
		else if (ps->tokens[i].kind == GW_PS_CHAIN)
			return gw_ps_pass_over(ps, first, end, "a chain with && or ||");
		else if (ps->tokens[i].kind == GW_PS_ASSIGN)
			assign = i;
	}
	for (size_t i = first; i < (assign < end ? assign : first + 1); i++)
		if (ps->tokens[i].kind == GW_PS_VARIABLE && refuse_preference(ps, &ps->tokens[i]) < 0)
			return -EINVAL;
	if (k != GW_PS_NO_KEYWORD)
		return keyword(ps, k, first, end, range_end);
	if (assign < end)
		return assignment(ps, first, assign, end, range_end, ret);
	return pipeline(ps, first, end, ret);
}

int gw_ps_statements(struct gw_ps *ps, size_t first, size_t end, size_t *ret_n, struct gw_ps_value *ret_last)
{
	size_t n = 0;
	int r;

	*ret_last = (struct gw_ps_value){.kind = GW_PS_NOTHING, .at = &ps->tokens[first]};
	if (ps->nesting == NEST_MAX)
		return gw_ps_refuse(ps, &ps->tokens[first], "blocks and groups are nested too deeply here");
	ps->nesting++;
	for (size_t i = first; first < end && !ps->exited && !ps->returned; first = i + 1) {
		for (i = first; i < end && ps->tokens[i].kind != GW_PS_SEPARATOR;)
			i = gw_ps_after(ps, i);
		if (i == first)
			continue;
		n++;
		r = statement(ps, first, i, end, ret_last);
		if (r < 0)
			return r;
	}
	ps->nesting--;
	*ret_n = n;
	return 0;
}

/* Blocks that became values and were run by nobody that is known here. */
static int check_blocks(struct gw_ps *ps)
{
	for (size_t i = 0; i < ps->s->n; i++) {
		const struct gw_ps_token *t;

		if (ps->blocks[i] != GW_PS_BLOCK_MADE)
			continue;
		t = find_matter(ps, i, ps->tokens[i].partner);
		if (t)
			return gw_ps_refuse(
				ps, t,
				"%s stands in a block of which it is not known when and where it is run; write "
				"it as a statement of its own, or inside of Invoke-Command",
				matter_name(ps, t));
	}
	return 0;
}

int gw_ps_run(struct gw_ps_source *s, const struct gw_ps_hooks *hooks, void *ctx)
{
	_cleanup_free_ uint8_t *blocks = gw_cli_must(calloc(s->n, 1));
	_cleanup_free_ uint32_t *searched = gw_cli_must(calloc(s->n, sizeof *searched));
	struct gw_ps_scope scope = {0};
	struct gw_ps ps = {.s = s,
			   .tokens = s->tokens,
			   .hooks = hooks,
			   .ctx = ctx,
			   .scope = &scope,
			   .blocks = blocks,
			   .searched = searched,
			   .work_max = WORK_BASE + (uint64_t)WORK_SHARE * s->n};
	struct gw_ps_value last;
	size_t n;
	int r = gw_ps_statements(&ps, 0, s->n - 1, &n, &last);

	if (r == 0)
		r = check_blocks(&ps);
	if (r == 0)
		r = work(&ps, &s->tokens[0], 0);
	gw_ps_scope_done(&scope);
	return r;
}
