/* word.c - strings, words, variables, parameters: what tokens are made of. See lexer.h; called by token.c. */
#include "cli/powershell/lexer.h"

#include <string.h>
#include <strings.h>

/* --- strings --- */

static const char *skip_string(const char *p, unsigned depth);

/* From behind "$(" to behind its ")"; NULL when there is none. */
static const char *skip_subexpression(const char *p, unsigned depth)
{
	if (depth == GW_PS_NESTING)
		return NULL;
	while (*p) {
		size_t n;
		uint32_t c = gw_ps_char(p, &n);

		if (c == ')')
			return p + 1;
		if (c == '(')
			p = skip_subexpression(p + 1, depth + 1);
		else if (gw_ps_is_single_quote(c) || gw_ps_is_double_quote(c))
			p = skip_string(p, depth + 1);
		else
			p += n;
		if (!p)
			return NULL;
		if (c == '`' && *p) {
			gw_ps_char(p, &n);
			p += n;
		}
	}
	return NULL;
}

/* From the opening quote to behind the closing one; NULL when there is none. */
static const char *skip_string(const char *p, unsigned depth)
{
	size_t n;
	bool (*quote)(uint32_t) =
		gw_ps_is_single_quote(gw_ps_char(p, &n)) ? gw_ps_is_single_quote : gw_ps_is_double_quote;
	bool expandable = quote == gw_ps_is_double_quote;

	for (p += n; *p; p += n) {
		uint32_t c = gw_ps_char(p, &n);

		if (quote(c)) {
			size_t again;

			if (!quote(gw_ps_char(p + n, &again)))
				return p + n;
			n += again;
		} else if (expandable && c == '`' && p[1]) {
			n = 1;
			p++;
			gw_ps_char(p, &n);
		} else if (expandable && c == '$' && p[1] == '(') {
			p = skip_subexpression(p + 2, depth);
			if (!p)
				return NULL;
			n = 0;
		}
	}
	return NULL;
}

/* The value of a string in single quotes, in which a quote is written twice. */
static const char *single_quoted(struct gw_ps_lexer *l, const char *p, const char *end)
{
	char *text = gw_cli_arena_alloc(&l->s->arena, (size_t)(end - p) + 1), *o = text;

	while (p < end) {
		size_t n;
		bool quote = gw_ps_is_single_quote(gw_ps_char(p, &n));

		memcpy(o, p, n);
		o += n;
		p += n;
		if (quote && p < end) {
			gw_ps_char(p, &n);
			p += n;
		}
	}
	return text;
}

int gw_ps_lex_quoted(struct gw_ps_lexer *l)
{
	const char *start = l->p, *end = skip_string(start, 0), *inside, *close;
	size_t n;
	bool single = gw_ps_is_single_quote(gw_ps_char(start, &n));
	struct gw_ps_token *t;

	if (!end)
		return gw_ps_lex_fail(l, start, "the string that begins here has no end");
	inside = start + n;
	for (close = end - 1; ((uint8_t)*close & 0xc0) == 0x80;)
		close--;
	t = gw_ps_lex_value(l, single ? GW_PS_STRING : GW_PS_EXPANDABLE, '"', start, end);
	if (single) {
		t->text = single_quoted(l, inside, close);
	} else {
		t->start = (uint32_t)(inside - l->s->text);
		t->end = (uint32_t)(close - l->s->text);
	}
	return 0;
}

/* A here-string: from the line behind @" to the line that begins with "@. */
int gw_ps_lex_here_string(struct gw_ps_lexer *l)
{
	const char *start = l->p, *p = start + 1, *body, *end;
	size_t n, q;
	bool (*quote)(uint32_t) =
		gw_ps_is_single_quote(gw_ps_char(p, &n)) ? gw_ps_is_single_quote : gw_ps_is_double_quote;
	struct gw_ps_token *t;

	for (p += n; gw_ps_is_blank(gw_ps_char(p, &n));)
		p += n;
	if (!gw_ps_at_line_end(p))
		return gw_ps_lex_fail(l, start, "behind the opening of a here-string the line must end");
	for (body = p = gw_ps_past_line_end(p);; p = gw_ps_past_line_end(p)) {
		if (quote(gw_ps_char(p, &q)) && p[q] == '@')
			break;
		p = gw_ps_to_line_end(p);
		if (!*p)
			return gw_ps_lex_fail(l, start, "the here-string that begins here has no end");
	}
	end = p > body ? p - 1 : p; /* the last line end is not part of it */
	if (end > body && end[-1] == '\r' && *end == '\n')
		end--;
	t = gw_ps_lex_value(l, quote == gw_ps_is_single_quote ? GW_PS_STRING : GW_PS_EXPANDABLE, 'h', start, p + q + 1);
	if (t->kind == GW_PS_STRING) {
		t->text = gw_ps_lex_copy(l, body, end);
	} else {
		t->start = (uint32_t)(body - l->s->text);
		t->end = (uint32_t)(end - l->s->text);
	}
	return 0;
}

/* --- words --- */

enum gw_ps_keyword gw_ps_keyword(const char *word)
{
	static const struct {
		const char *word;
		enum gw_ps_keyword keyword;
	} words[] = {
		{"if", GW_PS_COMPOUND},
		{"elseif", GW_PS_COMPOUND},
		{"else", GW_PS_COMPOUND},
		{"while", GW_PS_COMPOUND},
		{"do", GW_PS_COMPOUND},
		{"until", GW_PS_COMPOUND},
		{"switch", GW_PS_COMPOUND},
		{"catch", GW_PS_COMPOUND},
		{"trap", GW_PS_COMPOUND},
		{"param", GW_PS_COMPOUND},
		{"begin", GW_PS_COMPOUND},
		{"process", GW_PS_COMPOUND},
		{"end", GW_PS_COMPOUND},
		{"clean", GW_PS_COMPOUND},
		{"dynamicparam", GW_PS_COMPOUND},
		{"data", GW_PS_COMPOUND},
		{"parallel", GW_PS_COMPOUND},
		{"sequence", GW_PS_COMPOUND},
		{"inlinescript", GW_PS_COMPOUND},
		{"using", GW_PS_COMPOUND},
		{"for", GW_PS_LOOP},
		{"foreach", GW_PS_LOOP},
		{"try", GW_PS_TRY},
		{"finally", GW_PS_TRY},
		{"function", GW_PS_DEFINITION},
		{"filter", GW_PS_DEFINITION},
		{"workflow", GW_PS_DEFINITION},
		{"configuration", GW_PS_DEFINITION},
		{"class", GW_PS_DEFINITION},
		{"enum", GW_PS_DEFINITION},
		{"exit", GW_PS_LEAVE},
		{"throw", GW_PS_LEAVE},
		{"break", GW_PS_LEAVE},
		{"continue", GW_PS_LEAVE},
		{"return", GW_PS_RETURN},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(word, words[i].word) == 0)
			return words[i].keyword;
	return GW_PS_NO_KEYWORD;
}

static bool ends_word(uint32_t c)
{
	return c == 0 || gw_ps_is_blank(c) || (c < 0x80 && strchr("\r\n;|&(){},>", (int)c));
}

/* The } of ${name}, else where the line or text ends. */
static const char *brace_end(const char *p)
{
	while (*p && *p != '}' && !gw_ps_at_line_end(p))
		p++;
	return p;
}

/* The word that begins at l->p, where a command's name or arguments stand. */
int gw_ps_lex_word(struct gw_ps_lexer *l)
{
	const char *start = l->p, *p = start;
	bool index = gw_ps_lex_group(l) == '[', begins = l->mode == GW_PS_START, quotes = false, expands = false;
	struct gw_ps_token *t;
	size_t n;
	char *text;

	for (uint32_t c; c = gw_ps_char(p, &n), !ends_word(c) && !(index && (c == '[' || c == ']'));) {
		if (c == '`' && p[1] && !gw_ps_at_line_end(p + 1)) {
			p++;
			gw_ps_char(p, &n);
		} else if (c == '`') {
			break;
		} else if (gw_ps_is_single_quote(c) || gw_ps_is_double_quote(c)) {
			const char *end = skip_string(p, 0);

			if (!end)
				return gw_ps_lex_fail(l, p, "the string that begins here has no end");
			quotes = true;
			n = (size_t)(end - p);
		} else if (c == '$' && (p[1] == '(' || p[1] == '{' || gw_ps_begins_name(p + 1))) {
			expands = true;
			if (p[1] == '(') {
				const char *end = skip_subexpression(p + 2, 0);

				if (!end)
					return gw_ps_lex_fail(l, p, "the $( that begins here is never closed");
				n = (size_t)(end - p);
			} else if (p[1] == '{') {
				n = (size_t)(brace_end(p) - p);
				n += p[n] == '}';
			}
		}
		p += n;
	}
	if (p == start) /* a character that belongs nowhere */
		p += n > 0 ? n : 1;
	l->mode = GW_PS_ARGUMENTS;
	t = gw_ps_lex_add(l, expands ? GW_PS_EXPANDABLE : GW_PS_WORD, expands ? 'w' : quotes ? 'q' : '\0', start, p);
	if (expands)
		return 0;
	text = gw_cli_arena_alloc(&l->s->arena, (size_t)(p - start) + 1);
	t->text = text;
	for (const char *from = start; from < p; from++) {
		if (*from == '`' && from + 1 < p)
			from++;
		*text++ = *from;
	}
	if (begins)
		l->compound = !quotes && gw_ps_keyword(t->text) != GW_PS_NO_KEYWORD;
	return 0;
}

/* Names in expressions, and numbers: 5001, 0x1389, 1.5. */
void gw_ps_lex_number(struct gw_ps_lexer *l)
{
	const char *p = l->p;
	size_t n;

	for (uint32_t c; c = gw_ps_char(p, &n), gw_ps_is_name(c) || (c == '.' && p[1] != '.' && gw_ps_is_digit(*l->p));)
		p += n;
	gw_ps_lex_value(l, GW_PS_NUMBER, '\0', l->p, p)->text = gw_ps_lex_copy(l, l->p, p);
}

/* The name behind a $: "x", "using:x", "_"; NULL when this is no variable. */
const char *gw_ps_variable_end(const char *p)
{
	const char *start = p;
	size_t n;

	if (*p == '$' || *p == '?' || *p == '^')
		return p + 1;
	while (gw_ps_is_name(gw_ps_char(p, &n)) || (*p == ':' && p > start && p[1] != ':' && gw_ps_begins_name(p + 1)))
		p += n;
	return p > start ? p : NULL;
}

/* 0, or 1 when this is no variable but a word that begins with one, or only a $. */
int gw_ps_lex_variable(struct gw_ps_lexer *l)
{
	const char *start = l->p, *end, *name = start + 1;
	bool braced = start[1] == '{';
	size_t n;
	uint32_t c;

	if (braced) {
		name++;
		end = brace_end(name);
		if (*end != '}')
			return gw_ps_lex_fail(l, start,
					      "the variable's name that begins here has no end: } is missing");
	} else {
		end = gw_ps_variable_end(name);
		if (!end)
			return 1;
	}
	c = gw_ps_char(end + braced, &n);
	if (l->mode == GW_PS_ARGUMENTS && !ends_word(c) && c != '.' && c != '[' &&
	    !(c == ']' && gw_ps_lex_group(l) == '['))
		return 1;
	gw_ps_lex_value(l, GW_PS_VARIABLE, '\0', start, end + braced)->text = gw_ps_lex_copy(l, name, end);
	return 0;
}

void gw_ps_lex_member(struct gw_ps_lexer *l)
{
	const char *p = l->p + 1;
	size_t n;

	while (gw_ps_is_name(gw_ps_char(p, &n)))
		p += n;
	gw_ps_lex_add(l, GW_PS_MEMBER, '\0', l->p, p)->text = gw_ps_lex_copy(l, l->p + 1, p);
}

/* -Name and -Name: of commands, -name of operators; 1 when it is something else. */
int gw_ps_lex_parameter(struct gw_ps_lexer *l, size_t dash)
{
	const char *start = l->p, *name = start + dash, *p = name;
	struct gw_ps_token *t;
	size_t n;
	uint32_t c = gw_ps_char(name, &n);

	if (!gw_ps_is_name(c) || gw_ps_is_digit(c))
		return 1;
	while (gw_ps_is_name(c) || (l->mode == GW_PS_ARGUMENTS && (gw_ps_is_dash(c) || c == '?'))) {
		p += n;
		c = gw_ps_char(p, &n);
	}
	if (l->mode == GW_PS_START)
		l->mode = GW_PS_EXPRESSION;
	t = gw_ps_lex_add(l, GW_PS_PARAMETER, '\0', start, p);
	t->text = gw_ps_lex_copy(l, name, p);
	if (l->mode == GW_PS_ARGUMENTS && *p == ':') {
		t->colon = true;
		l->p++;
	}
	return 0;
}
