/* lexer.h - what the parts of the tokenizer share: token.c (the pass) and word.c (strings, words, variables). */
#ifndef GW_CLI_PS_LEXER_H
#define GW_CLI_PS_LEXER_H

#include "cli/powershell/text.h"
#include "cli/powershell/token.h"

enum gw_ps_mode {
	GW_PS_START,	 /* a statement begins, or what may stand there: behind a pipe or '=' */
	GW_PS_ARGUMENTS, /* of a command */
	GW_PS_EXPRESSION
};

struct gw_ps_group {
	char form;
	uint32_t token;
	enum gw_ps_mode outside; /* how it goes on behind the group */
	bool compound;		 /* whether it stands in a compound statement */
};

struct gw_ps_lexer {
	struct gw_ps_source *s;
	const char *p;
	const char *seen; /* the place whose line and column these are */
	uint32_t line, column;
	enum gw_ps_mode mode;
	bool glued;
	bool compound; /* in a statement with a keyword, whose ( or { may stand in the next line */
	struct gw_ps_group groups[GW_PS_NESTING];
	size_t depth, room;
};

/* token.c */
int gw_ps_lex_fail(struct gw_ps_lexer *l, const char *at, const char *text); /* always -EINVAL */
struct gw_ps_token *gw_ps_lex_add(struct gw_ps_lexer *l, enum gw_ps_kind kind, char form, const char *start,
				  const char *end);
/* A token that is a value: what follows one at the start of a statement is an expression, or the arguments of "& value". */
struct gw_ps_token *gw_ps_lex_value(struct gw_ps_lexer *l, enum gw_ps_kind kind, char form, const char *start,
				    const char *end);
const char *gw_ps_lex_copy(struct gw_ps_lexer *l, const char *start, const char *end);
struct gw_ps_token *gw_ps_lex_last(const struct gw_ps_lexer *l); /* NULL: there is none */
bool gw_ps_lex_follows(const struct gw_ps_lexer *l, enum gw_ps_kind kind);
char gw_ps_lex_group(const struct gw_ps_lexer *l); /* the form of the innermost one */
bool gw_ps_begins_name(const char *p);
bool gw_ps_at_line_end(const char *p);
const char *gw_ps_past_line_end(const char *p);
const char *gw_ps_to_line_end(const char *p);

/* word.c; each reads what begins at l->p. 1 where it is something else. */
int gw_ps_lex_quoted(struct gw_ps_lexer *l);
int gw_ps_lex_here_string(struct gw_ps_lexer *l);
int gw_ps_lex_word(struct gw_ps_lexer *l);
void gw_ps_lex_number(struct gw_ps_lexer *l);
int gw_ps_lex_variable(struct gw_ps_lexer *l);
void gw_ps_lex_member(struct gw_ps_lexer *l);
int gw_ps_lex_parameter(struct gw_ps_lexer *l, size_t dash);
const char *gw_ps_variable_end(const char *p);

#endif
