/* token.c - see token.h. Called by the table of those who have access, and by the API when somebody shows a token. */
#include "model/token.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* RFC 4648, section 5, without padding. */
static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void base64url(const uint8_t *in, size_t n, char *out)
{
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16;
		size_t left = n - i;

		if (left > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			v |= in[i + 2];
		*out++ = digits64[v >> 18];
		*out++ = digits64[v >> 12 & 63];
		if (left > 1)
			*out++ = digits64[v >> 6 & 63];
		if (left > 2)
			*out++ = digits64[v & 63];
	}
	*out = '\0';
}

int gw_token_make(char ret[static GW_TOKEN_STRLEN])
{
	uint8_t secret[32];

	if (getrandom(secret, sizeof secret, 0) != sizeof secret)
		return -EIO;
	memcpy(ret, GW_TOKEN_PREFIX, sizeof GW_TOKEN_PREFIX);
	base64url(secret, sizeof secret, ret + sizeof GW_TOKEN_PREFIX - 1);
	explicit_bzero(secret, sizeof secret);
	return 0;
}

int gw_token_hash(const char *token, size_t n, struct gw_token_hash *ret)
{
	return gnutls_hash_fast(GNUTLS_DIG_SHA256, token, n, ret->b) < 0 ? -EIO : 0;
}

bool gw_token_hash_equal(const struct gw_token_hash *a, const struct gw_token_hash *b)
{
	volatile uint8_t differs = 0;

	for (size_t i = 0; i < sizeof a->b; i++)
		differs |= a->b[i] ^ b->b[i];
	return differs == 0;
}

const char *gw_token_hash_format(const struct gw_token_hash *h, char buf[static GW_TOKEN_HASH_STRLEN])
{
	for (size_t i = 0; i < sizeof h->b; i++)
		snprintf(buf + 2 * i, 3, "%02x", h->b[i]);
	return buf;
}

int gw_token_hash_parse(const char *s, struct gw_token_hash *ret)
{
	static const char digits[] = "0123456789abcdef";
	struct gw_token_hash h;

	if (strlen(s) != 2 * sizeof h.b || s[strspn(s, digits)])
		return -EINVAL;
	for (size_t i = 0; i < sizeof h.b; i++)
		h.b[i] = (uint8_t)((strchr(digits, s[2 * i]) - digits) << 4 | (strchr(digits, s[2 * i + 1]) - digits));
	*ret = h;
	return 0;
}

const char *gw_token_hash_base64(const struct gw_token_hash *h, char buf[static GW_TOKEN_BASE64_STRLEN])
{
	base64url(h->b, sizeof h->b, buf);
	return buf;
}

int gw_token_hash_from_base64(const char *s, struct gw_token_hash *ret)
{
	char again[GW_TOKEN_BASE64_STRLEN];
	struct gw_token_hash h = {0};
	uint32_t bits = 0;
	size_t n = 0;

	if (strlen(s) != GW_TOKEN_BASE64_STRLEN - 1)
		return -EINVAL;
	for (size_t i = 0; s[i]; i++) {
		const char *digit = strchr(digits64, s[i]);

		if (!digit)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)(digit - digits64);
		if (i % 4 > 0)
			h.b[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	/* The last digit has two bits too many: there is one way to write it. */
	if (strcmp(gw_token_hash_base64(&h, again), s) != 0)
		return -EINVAL;
	*ret = h;
	return 0;
}
