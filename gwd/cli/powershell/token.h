/*
 * token.h - a PowerShell script as tokens, with the groups ( ) { } [ ] matched.
 *
 * PowerShell reads words in two ways: where a command's arguments stand, 10.1.1.0/24 is one word; in an expression the
 * same characters are a number and operators. The tokenizer follows that. What it cannot read is an error with its place;
 * what it can read need not be valid PowerShell.
 */
#ifndef GW_CLI_PS_TOKEN_H
#define GW_CLI_PS_TOKEN_H

#include "cli/powershell/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_PS_SIZE_MAX	 ((size_t)16 << 20) /* bytes of a script */
#define GW_PS_TOKENS_MAX 1000000u
#define GW_PS_NESTING	 100 /* groups in groups */

enum gw_ps_kind {
	GW_PS_END,
	GW_PS_SEPARATOR, /* line end or ; */
	GW_PS_WORD,	 /* without anything to expand; `text` has the escapes resolved */
	GW_PS_NUMBER,	 /* or another word of an expression */
	GW_PS_STRING,	 /* in single quotes; `text` is its value */
	GW_PS_EXPANDABLE, /* in double quotes, or a word with a $ in it: start..end in the source are inside the quotes */
	GW_PS_VARIABLE,	  /* `text` is its name */
	GW_PS_SPLAT,	  /* @name */
	GW_PS_PARAMETER, /* -Name or -Name: of a command, or -operator of an expression; `text` without dash and colon */
	GW_PS_MEMBER,	 /* .Name behind a value */
	GW_PS_OPEN,	 /* `form` says of what */
	GW_PS_CLOSE,
	GW_PS_COMMA,
	GW_PS_PIPE,
	GW_PS_ASSIGN,	/* `form` is '=' or, when it computes with the old value, '+' */
	GW_PS_REDIRECT, /* `form` is '>' when a target follows */
	GW_PS_CHAIN,	/* && or || */
	GW_PS_CALL,	/* & or . in front of a command */
	GW_PS_SYMBOL	/* `form` is the character; '2' for ++ and -- */
};

/*
 * Forms: of a group '(' '{' '[', '$' for $(, '@' for @(, '#' for @{; of an expandable '"', 'h' for a here-string, 'w' for
 * a word; of a word 'q' when it has quotes inside, so that its text is not what PowerShell would make of it.
 */
struct gw_ps_token {
	enum gw_ps_kind kind;
	char form;
	bool glued; /* nothing between it and the token before it */
	bool colon; /* of a parameter: its value follows */
	uint32_t line, column;
	uint32_t start, end; /* bytes of the source */
	uint32_t partner;    /* of a group's tokens: the other one */
	const char *text;    /* where the kind has one, else "" */
};

struct gw_ps_error {
	uint32_t line, column; /* from 1; column 0: the line as a whole */
	const char *text;      /* cause and remedy */
};

struct gw_ps_source {
	struct gw_cli_arena arena; /* of everything here, and of who works with it */
	char *text;		   /* UTF-8 */
	size_t len;
	struct gw_ps_token *tokens; /* the last is GW_PS_END */
	size_t n;
	struct gw_ps_error error;
};

/* What a statement is when its first word is a keyword. */
enum gw_ps_keyword {
	GW_PS_NO_KEYWORD,
	GW_PS_COMPOUND, /* has groups of statements */
	GW_PS_LOOP,	/* over values: for, foreach */
	GW_PS_TRY,	/* try, finally: what runs when nothing fails */
	GW_PS_DEFINITION,
	GW_PS_LEAVE, /* exit and its like */
	GW_PS_RETURN
};

enum gw_ps_keyword gw_ps_keyword(const char *word);

/* Fills *s, zeroed before. -EINVAL: see s->error. Call gw_ps_source_done in both cases. */
int gw_ps_source_read(struct gw_ps_source *s, const void *data, size_t size);
void gw_ps_source_done(struct gw_ps_source *s);

#endif
