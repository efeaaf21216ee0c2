/* enrollment.c - see enrollment.h. Pure. Called by the API, which makes tokens, and by sync/, which reads one. */
#include "model/enrollment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SEPARATOR '.'

const char *gw_enrollment_format(const struct gw_enrollment *e, char buf[static GW_ENROLLMENT_STRLEN])
{
	char authority[GW_TOKEN_BASE64_STRLEN];

	snprintf(buf, GW_ENROLLMENT_STRLEN, "%s%c%s%c%s", e->secret, SEPARATOR,
		 gw_token_hash_base64(&e->authority, authority), SEPARATOR, e->server);
	return buf;
}

static bool is_name(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	size_t n = strlen(s);

	return n > 0 && n < GW_PRINCIPAL_NAMELEN && strspn(s, allowed) == n && !strchr("-.", *s);
}

int gw_enrollment_parse(const char *token, struct gw_enrollment *ret, struct gw_error *err)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const size_t n_prefix = strlen(GW_TOKEN_PREFIX), n_authority = GW_TOKEN_BASE64_STRLEN - 1;
	struct gw_enrollment e = {0};
	const char *authority = token + GW_TOKEN_LEN + 1, *server = authority + n_authority + 1;
	char text[GW_TOKEN_BASE64_STRLEN] = "";

	if (strncmp(token, GW_TOKEN_PREFIX, n_prefix) != 0 ||
	    strspn(token + n_prefix, digits) != GW_TOKEN_LEN - n_prefix || token[GW_TOKEN_LEN] != SEPARATOR ||
	    strspn(authority, digits) != n_authority || authority[n_authority] != SEPARATOR || !is_name(server))
		goto bad;
	memcpy(e.secret, token, GW_TOKEN_LEN);
	memcpy(text, authority, n_authority);
	if (gw_token_hash_from_base64(text, &e.authority) < 0)
		goto bad;
	strcpy(e.server, server);
	*ret = e;
	return 0;
bad:
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "token",
			    "is no one-time token, or not all of it: it is what gwctl server enroll prints on the "
			    "controller");
}

const char *gw_fingerprint_format(const struct gw_token_hash *h, char buf[static GW_FINGERPRINT_STRLEN])
{
	for (size_t i = 0; i < sizeof h->b; i++)
		snprintf(buf + 3 * i, GW_FINGERPRINT_STRLEN - 3 * i, "%02X%s", h->b[i], i + 1 < sizeof h->b ? ":" : "");
	return buf;
}

int gw_fingerprint_parse(const char *s, struct gw_token_hash *ret)
{
	char hex[GW_TOKEN_HASH_STRLEN] = "";

	if (strlen(s) != GW_FINGERPRINT_STRLEN - 1)
		return -EINVAL;
	for (size_t i = 0; i < sizeof ret->b; i++) {
		if (i + 1 < sizeof ret->b && s[3 * i + 2] != ':')
			return -EINVAL;
		for (size_t j = 0; j < 2; j++) {
			char c = s[3 * i + j];

			hex[2 * i + j] = (char)(c >= 'A' && c <= 'F' ? c | 0x20 : c);
		}
	}
	return gw_token_hash_parse(hex, ret);
}
