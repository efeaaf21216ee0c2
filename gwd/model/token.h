/*
 * token.h - secrets that let somebody in: made from 32 random bytes, kept as their SHA-256 only. A token has so much chance in
 * it that a slow hash would add nothing.
 */
#ifndef GW_MODEL_TOKEN_H
#define GW_MODEL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_TOKEN_PREFIX "gwd_" /* so that scanners for leaked secrets find it */
#define GW_TOKEN_LEN	(4 + 43)
#define GW_TOKEN_STRLEN (GW_TOKEN_LEN + 1)

struct gw_token_hash {
	uint8_t b[32];
};

/* A fresh one; -EIO without random numbers. */
int gw_token_make(char ret[static GW_TOKEN_STRLEN]);
int gw_token_hash(const char *token, size_t n, struct gw_token_hash *ret);
/* Takes the same time whatever they are. */
bool gw_token_hash_equal(const struct gw_token_hash *a, const struct gw_token_hash *b);

/* 64 digits. */
#define GW_TOKEN_HASH_STRLEN 65
const char *gw_token_hash_format(const struct gw_token_hash *h, char buf[static GW_TOKEN_HASH_STRLEN]);
int gw_token_hash_parse(const char *s, struct gw_token_hash *ret);
/* 43 characters that may stand in a token. */
#define GW_TOKEN_BASE64_STRLEN 44
const char *gw_token_hash_base64(const struct gw_token_hash *h, char buf[static GW_TOKEN_BASE64_STRLEN]);
int gw_token_hash_from_base64(const char *s, struct gw_token_hash *ret);

#endif
