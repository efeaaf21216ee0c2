/*
 * token.c - see token.h. One pass over the text; what a character means depends on the mode: whether a statement
 * begins, a command's arguments stand, or an expression. Called by hnv/script.c.
 */
#include "cli/powershell/lexer.h"

#include "cli/text.h"

#include <errno.h>
#include <string.h>

/* --- places, tokens, errors --- */

static void locate(struct gw_ps_lexer *l, const char *at)
{
	for (; l->seen < at; l->seen++) {
		bool line_ends = *l->seen == '\n' || (*l->seen == '\r' && l->seen[1] != '\n');

		if (line_ends) {
			l->line++;
			l->column = 1;
		} else {
			l->column += (*l->seen & 0xc0) != 0x80;
		}
	}
}

/* `at` may lie before what was seen last: the beginning of something that has no end. */
int gw_ps_lex_fail(struct gw_ps_lexer *l, const char *at, const char *text)
{
	if (at < l->seen) {
		l->seen = l->s->text;
		l->line = l->column = 1;
	}
	locate(l, at);
	l->s->error = (struct gw_ps_error){l->line, l->column, text};
	return -EINVAL;
}

struct gw_ps_token *gw_ps_lex_last(const struct gw_ps_lexer *l)
{
	return l->s->n > 0 ? &l->s->tokens[l->s->n - 1] : NULL;
}

bool gw_ps_lex_follows(const struct gw_ps_lexer *l, enum gw_ps_kind kind)
{
	return l->s->n > 0 && gw_ps_lex_last(l)->kind == kind;
}

struct gw_ps_token *gw_ps_lex_add(struct gw_ps_lexer *l, enum gw_ps_kind kind, char form, const char *start,
				  const char *end)
{
	struct gw_ps_source *s = l->s;

	if (s->n == l->room) {
		l->room = l->room > 0 ? l->room * 2 : 256;
		s->tokens = gw_cli_must(reallocarray(s->tokens, l->room, sizeof *s->tokens));
	}
	locate(l, start);
	s->tokens[s->n] = (struct gw_ps_token){.kind = kind,
					       .form = form,
					       .glued = l->glued,
					       .line = l->line,
					       .column = l->column,
					       .start = (uint32_t)(start - s->text),
					       .end = (uint32_t)(end - s->text),
					       .text = ""};
	l->glued = true;
	l->p = end;
	return &s->tokens[s->n++];
}

struct gw_ps_token *gw_ps_lex_value(struct gw_ps_lexer *l, enum gw_ps_kind kind, char form, const char *start,
				    const char *end)
{
	if (l->mode == GW_PS_START)
		l->mode = gw_ps_lex_follows(l, GW_PS_CALL) ? GW_PS_ARGUMENTS : GW_PS_EXPRESSION;
	return gw_ps_lex_add(l, kind, form, start, end);
}

const char *gw_ps_lex_copy(struct gw_ps_lexer *l, const char *start, const char *end)
{
	return gw_cli_arena_copy(&l->s->arena, start, (size_t)(end - start));
}

char gw_ps_lex_group(const struct gw_ps_lexer *l)
{
	return l->depth > 0 ? l->groups[l->depth - 1].form : '\0';
}

bool gw_ps_begins_name(const char *p)
{
	size_t n;

	return gw_ps_is_name(gw_ps_char(p, &n));
}

/* --- blanks, comments, line ends --- */

bool gw_ps_at_line_end(const char *p)
{
	return *p == '\n' || *p == '\r';
}

const char *gw_ps_past_line_end(const char *p)
{
	return p + (p[0] == '\r' && p[1] == '\n' ? 2 : 1);
}

const char *gw_ps_to_line_end(const char *p)
{
	while (*p && !gw_ps_at_line_end(p))
		p++;
	return p;
}

/* Behind the comment that begins at p; NULL when it has no end. */
static const char *comment_end(const char *p)
{
	for (p += 2; *p; p++)
		if (p[0] == '#' && p[1] == '>')
			return p + 2;
	return NULL;
}

/* Blanks, comments and lines joined by a backtick. */
static int skip_blanks(struct gw_ps_lexer *l)
{
	for (;;) {
		size_t n;
		uint32_t c = gw_ps_char(l->p, &n);

		if (gw_ps_is_blank(c)) {
			l->p += n;
		} else if (c == '`' && gw_ps_at_line_end(l->p + 1)) {
			l->p = gw_ps_past_line_end(l->p + 1);
		} else if (c == '#') {
			l->p = gw_ps_to_line_end(l->p);
		} else if (c == '<' && l->p[1] == '#') {
			const char *end = comment_end(l->p);

			if (!end)
				return gw_ps_lex_fail(l, l->p,
						      "the comment that begins here has no end: #> is missing");
			l->p = end;
		} else {
			return 0;
		}
		l->glued = false;
	}
}

/* The next thing in the text, when it is the ( or { of a compound statement. */
static const char *group_behind(const char *p)
{
	for (;;) {
		size_t n;
		uint32_t c = gw_ps_char(p, &n);
		const char *end = c == '<' && p[1] == '#' ? comment_end(p) : NULL;

		if (gw_ps_is_blank(c) || gw_ps_at_line_end(p))
			p += n;
		else if (c == '#')
			p = gw_ps_to_line_end(p);
		else if (end)
			p = end;
		else
			return c == '(' || c == '{' ? p : NULL;
	}
}

/* Does a line that ends here go on in the next one? */
static bool goes_on(const struct gw_ps_lexer *l)
{
	const struct gw_ps_token *t = gw_ps_lex_last(l);

	if (!t)
		return false;
	switch (t->kind) {
	case GW_PS_OPEN:
	case GW_PS_COMMA:
	case GW_PS_PIPE:
	case GW_PS_ASSIGN:
	case GW_PS_CHAIN:
		return true;
	case GW_PS_PARAMETER:
	case GW_PS_SYMBOL:
		return l->mode == GW_PS_EXPRESSION && t->form != '2';
	default:
		return false;
	}
}

static void line_end(struct gw_ps_lexer *l)
{
	const char *end = gw_ps_past_line_end(l->p), *group = l->compound ? group_behind(end) : NULL;

	if (group || goes_on(l)) {
		l->p = group ? group : end;
		l->glued = false;
		return;
	}
	gw_ps_lex_add(l, GW_PS_SEPARATOR, '\n', l->p, end);
	l->glued = l->compound = false;
	l->mode = GW_PS_START;
}

/* A pipe may also stand at the beginning of the next line. */
static void pipe_sign(struct gw_ps_lexer *l)
{
	while (l->s->n > 0 && gw_ps_lex_last(l)->kind == GW_PS_SEPARATOR && gw_ps_lex_last(l)->form == '\n')
		l->s->n--;
	gw_ps_lex_add(l, GW_PS_PIPE, '|', l->p, l->p + 1);
	l->mode = GW_PS_START;
}

/* --- groups --- */

static int open_group(struct gw_ps_lexer *l, char form, size_t n)
{
	enum gw_ps_mode outside = l->mode == GW_PS_START
					  ? gw_ps_lex_follows(l, GW_PS_CALL) ? GW_PS_ARGUMENTS : GW_PS_EXPRESSION
					  : l->mode;

	if (l->depth == GW_PS_NESTING)
		return gw_ps_lex_fail(l, l->p, "groups are nested too deeply here: at most 100 levels are read");
	l->groups[l->depth++] = (struct gw_ps_group){form, (uint32_t)l->s->n, outside, l->compound};
	gw_ps_lex_add(l, GW_PS_OPEN, form, l->p, l->p + n);
	l->mode = GW_PS_START;
	l->compound = false;
	return 0;
}

static int close_group(struct gw_ps_lexer *l)
{
	char opener = *l->p == ')' ? '(' : *l->p == '}' ? '{' : '[', form = gw_ps_lex_group(l);
	struct gw_ps_token *t;

	if (form == '$' || form == '@')
		form = '(';
	else if (form == '#')
		form = '{';
	if (form != opener)
		return gw_ps_lex_fail(l, l->p,
				      form ? "this closes a group that was opened with another bracket"
					   : "this closes a group that was never opened");
	l->depth--;
	t = gw_ps_lex_add(l, GW_PS_CLOSE, opener, l->p, l->p + 1);
	t->partner = l->groups[l->depth].token;
	l->s->tokens[t->partner].partner = (uint32_t)(t - l->s->tokens);
	l->mode = l->groups[l->depth].outside;
	l->compound = l->groups[l->depth].compound && opener != '{';
	return 0;
}

/* --- the pass --- */

static bool is_redirection(const struct gw_ps_lexer *l, const char **ret_end)
{
	const char *p = l->p;

	if (l->mode == GW_PS_START)
		return false;
	p += (gw_ps_is_digit((uint8_t)*p) || *p == '*') && p[1] == '>';
	if (*p != '>')
		return false;
	p += p[1] == '>' ? 2 : 1;
	if (*p == '&' && gw_ps_is_digit((uint8_t)p[1]))
		p += 2;
	*ret_end = p;
	return true;
}

/* Behind a value without a blank: its members and its index. 1: nothing of that. */
static int suffix(struct gw_ps_lexer *l)
{
	const struct gw_ps_token *t = gw_ps_lex_last(l);

	if (!t || !l->glued)
		return 1;
	if (t->kind != GW_PS_VARIABLE && t->kind != GW_PS_MEMBER && t->kind != GW_PS_CLOSE &&
	    (l->mode == GW_PS_ARGUMENTS || (t->kind != GW_PS_STRING && t->kind != GW_PS_EXPANDABLE)))
		return 1;
	if (*l->p == '.' && gw_ps_begins_name(l->p + 1) && !gw_ps_is_digit((uint8_t)l->p[1])) {
		gw_ps_lex_member(l);
		return 0;
	}
	return *l->p == '[' ? open_group(l, '[', 1) : 1;
}

/* What is the same in all modes; 1: nothing of that. */
static int anywhere(struct gw_ps_lexer *l)
{
	const char *p = l->p;

	switch (*p) {
	case ';':
		gw_ps_lex_add(l, GW_PS_SEPARATOR, ';', p, p + 1);
		l->mode = GW_PS_START;
		l->compound = false;
		return 0;
	case '|':
		if (p[1] != '|') {
			pipe_sign(l);
			return 0;
		}
		gw_ps_lex_add(l, GW_PS_CHAIN, '|', p, p + 2);
		l->mode = GW_PS_START;
		return 0;
	case '&':
		if (p[1] == '&')
			gw_ps_lex_add(l, GW_PS_CHAIN, '&', p, p + 2);
		else
			gw_ps_lex_add(l, l->mode == GW_PS_START ? GW_PS_CALL : GW_PS_SYMBOL, '&', p, p + 1);
		if (p[1] == '&')
			l->mode = GW_PS_START;
		return 0;
	case '(':
	case '{':
		return open_group(l, *p, 1);
	case ')':
	case '}':
		return close_group(l);
	case ']':
		return gw_ps_lex_group(l) == '[' || l->mode != GW_PS_ARGUMENTS ? close_group(l) : 1;
	case '[':
		return gw_ps_lex_group(l) == '[' || l->mode != GW_PS_ARGUMENTS ? open_group(l, '[', 1) : 1;
	case ',':
		gw_ps_lex_add(l, GW_PS_COMMA, ',', p, p + 1);
		if (l->mode == GW_PS_START)
			l->mode = GW_PS_EXPRESSION;
		return 0;
	default:
		return 1;
	}
}

/* @( @{ @" @' @name; 1: nothing of that. */
static int at_sign(struct gw_ps_lexer *l)
{
	const char *p = l->p, *end;
	size_t n;
	uint32_t c = gw_ps_char(p + 1, &n);

	if (c == '(' || c == '{')
		return open_group(l, c == '(' ? '@' : '#', 2);
	if (gw_ps_is_single_quote(c) || gw_ps_is_double_quote(c))
		return gw_ps_lex_here_string(l);
	end = gw_ps_variable_end(p + 1);
	if (l->mode != GW_PS_ARGUMENTS || !end)
		return 1;
	gw_ps_lex_add(l, GW_PS_SPLAT, '\0', p, end)->text = gw_ps_lex_copy(l, p + 1, end);
	return 0;
}

static int in_expression(struct gw_ps_lexer *l)
{
	const char *p = l->p;
	bool computes = *p && strchr("+-*/%", *p) && p[1] == '=';
	size_t n;
	uint32_t c = gw_ps_char(p, &n);

	if (*p == '=' || computes) {
		gw_ps_lex_add(l, GW_PS_ASSIGN, computes ? '+' : '=', p, p + 1 + computes);
		l->mode = GW_PS_START;
	} else if ((*p == '+' || *p == '-') && p[1] == *p) {
		gw_ps_lex_add(l, GW_PS_SYMBOL, '2', p, p + 2);
	} else if (gw_ps_is_name(c)) {
		gw_ps_lex_number(l);
	} else {
		gw_ps_lex_add(l, GW_PS_SYMBOL, c < 0x80 ? (char)c : '?', p, p + n);
	}
	return 0;
}

static int at_start(struct gw_ps_lexer *l)
{
	const char *p = l->p;
	size_t n;
	uint32_t c = gw_ps_char(p, &n), after = gw_ps_char(p + n, &n);

	if (c == '.' && (gw_ps_is_blank(after) || after == '{' || after == '$' || after == '(' ||
			 gw_ps_is_double_quote(after) || gw_ps_is_single_quote(after))) {
		gw_ps_lex_add(l, GW_PS_CALL, '.', p, p + 1);
		return 0;
	}
	if (gw_ps_is_digit(c) || (c < 0x80 && strchr("+-!", (int)c))) {
		l->mode = GW_PS_EXPRESSION;
		return in_expression(l);
	}
	return gw_ps_lex_word(l);
}

static int next(struct gw_ps_lexer *l)
{
	const char *end;
	size_t n;
	uint32_t c = gw_ps_char(l->p, &n);
	int r;

	if (gw_ps_at_line_end(l->p)) {
		line_end(l);
		return 0;
	}
	r = suffix(l);
	if (r <= 0)
		return r;
	if (is_redirection(l, &end)) {
		gw_ps_lex_add(l, GW_PS_REDIRECT, end[-1] == '>' ? '>' : '&', l->p, end);
		return 0;
	}
	r = anywhere(l);
	if (r <= 0)
		return r;
	if (gw_ps_is_single_quote(c) || gw_ps_is_double_quote(c))
		return gw_ps_lex_quoted(l);
	if (c == '$')
		r = l->p[1] == '(' ? open_group(l, '$', 2) : gw_ps_lex_variable(l);
	else if (c == '@')
		r = at_sign(l);
	else if (gw_ps_is_dash(c))
		r = gw_ps_lex_parameter(l, n);
	if (r <= 0)
		return r;
	return l->mode == GW_PS_START ? at_start(l) : l->mode == GW_PS_ARGUMENTS ? gw_ps_lex_word(l) : in_expression(l);
}

static int tokenize(struct gw_ps_lexer *l)
{
	struct gw_ps_source *s = l->s;
	int r = skip_blanks(l);

	while (r == 0 && *l->p) {
		/* What follows is for other programs. */
		if (l->mode == GW_PS_ARGUMENTS && !l->glued && l->p[0] == '-' && l->p[1] == '-' && l->p[2] == '%')
			l->p = gw_ps_to_line_end(l->p);
		else
			r = next(l);
		if (r == 0 && s->n > GW_PS_TOKENS_MAX)
			r = gw_ps_lex_fail(l, l->p, "the script is too long: divide it");
		if (r == 0)
			r = skip_blanks(l);
	}
	if (r < 0)
		return r;
	if (l->depth > 0)
		return gw_ps_lex_fail(l, s->text + s->tokens[l->groups[l->depth - 1].token].start,
				      "the group that begins here is never closed");
	gw_ps_lex_add(l, GW_PS_END, '\0', l->p, l->p);
	return 0;
}

int gw_ps_source_read(struct gw_ps_source *s, const void *data, size_t size)
{
	struct gw_ps_lexer l = {.s = s, .line = 1, .column = 1};
	const char *why;

	if (size > GW_PS_SIZE_MAX) {
		s->error = (struct gw_ps_error){1, 0, "the script has more than 16 MiB: divide it"};
		return -EINVAL;
	}
	if (gw_ps_decode(data, size, &s->text, &s->len, &s->error.line, &why) < 0) {
		s->error.text = gw_cli_arena_format(&s->arena, "the line %s", why);
		return -EINVAL;
	}
	l.p = l.seen = s->text;
	return tokenize(&l);
}

void gw_ps_source_done(struct gw_ps_source *s)
{
	gw_cli_arena_done(&s->arena);
	free(s->text);
	free(s->tokens);
	*s = (struct gw_ps_source){0};
}
