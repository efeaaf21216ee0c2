/* auth.c - see auth.h. Called by http_request.c for listeners on the network. Nothing that was shown gets into an error. */
#include "api/auth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BASIC_MAX 192 /* of name, colon and token */

static int wrong(struct gw_error *err)
{
	return gw_error_set(err, EACCES, GW_ERR_UNAUTHORIZED, "",
			    "the token is not known here: it is wrong, or was replaced or deleted; one that is good "
			    "once may have been used");
}

static int take(const struct gw_access_entry *e, struct gw_principal *ret, struct gw_error *err)
{
	static const enum gw_proof proofs[] = {[GW_ACCESS_TOKENS] = GW_PROOF_TOKEN,
					       [GW_ACCESS_CERTIFICATES] = GW_PROOF_CERTIFICATE,
					       [GW_ACCESS_ENROLLMENTS] = GW_PROOF_ENROLLMENT};

	/* An older version took any text. */
	if (e->role == GW_ACCESS_TENANT && !gw_tenant_valid(e->tenant))
		return gw_error_set(err, ENOKEY, GW_ERR_UNAUTHORIZED, "",
				    "%s %s has a tenantId that is none (1 to %d letters, digits, '-' or '_'): an "
				    "operator makes it anew",
				    gw_access_kind_singular(e->kind), e->name, GW_TENANT_MAX);
	*ret = (struct gw_principal){
		.access = e->kind == GW_ACCESS_ENROLLMENTS ? GW_ACCESS_NONE : e->role,
		.proof = proofs[e->kind],
		.revision = e->revision,
	};
	snprintf(ret->credential, sizeof ret->credential, "%s", e->name);
	snprintf(ret->tenant, sizeof ret->tenant, "%s", e->tenant);
	/* A host is who its certificate says that it is. */
	snprintf(ret->name, sizeof ret->name, "%s", e->kind == GW_ACCESS_CERTIFICATES ? e->subject : e->name);
	return 0;
}

static const struct gw_access_entry *find(const struct gw_access_table *access, const char *token, size_t n)
{
	struct gw_token_hash hash;

	return n == GW_TOKEN_LEN && gw_token_hash(token, n, &hash) == 0 ? gw_access_find_token(access, &hash) : NULL;
}

static int digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* RFC 4648, section 4. The length, or -EINVAL. */
static int decode_base64(const char *s, char *ret, size_t size)
{
	size_t n = strcspn(s, "="), len = 0;
	uint32_t bits = 0;

	if (strspn(s + n, "=") > 2 || s[n + strspn(s + n, "=")] || n % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int d = digit(s[i]);

		if (d < 0 || len + 1 >= size)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)d;
		if (i % 4 > 0)
			ret[len++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
	}
	ret[len] = '\0';
	return (int)len;
}

/* The user is the token's name, the password the token. */
static const struct gw_access_entry *check_basic(const struct gw_access_table *access, const char *encoded)
{
	const struct gw_access_entry *e = NULL;
	char text[BASIC_MAX];
	int n = decode_base64(encoded, text, sizeof text);
	char *colon = n < 0 ? NULL : memchr(text, ':', (size_t)n);

	if (colon) {
		*colon = '\0';
		e = find(access, colon + 1, (size_t)(text + n - (colon + 1)));
		if (e && (e->kind != GW_ACCESS_TOKENS || strcasecmp(e->name, text) != 0))
			e = NULL;
	}
	explicit_bzero(text, sizeof text);
	return e;
}

static int check_header(const struct gw_access_table *access, const char *header, int64_t now, struct gw_principal *ret,
			struct gw_error *err)
{
	const char *value = header + strcspn(header, " ");
	const struct gw_access_entry *e;
	size_t n = (size_t)(value - header);

	value += strspn(value, " ");
	if (n == 6 && !strncasecmp(header, "Bearer", n))
		e = find(access, value, strlen(value));
	else if (n == 5 && !strncasecmp(header, "Basic", n))
		e = check_basic(access, value);
	else
		return gw_error_set(err, ENOKEY, GW_ERR_UNAUTHORIZED, "",
				    "this kind of authorization is not known; Bearer and Basic are");
	if (!e)
		return wrong(err);
	if (e->kind == GW_ACCESS_ENROLLMENTS && e->until <= now)
		return gw_error_set(err, EACCES, GW_ERR_UNAUTHORIZED, "",
				    "the one-time token has expired: make another one with gwctl server enroll %s",
				    e->name);
	return take(e, ret, err);
}

/* Of everybody whom the authorities of [api] client_ca have given that name, and of those whom this controller has given it. */
static int check_certificate(const struct gw_access_table *access, const struct gw_auth_shown *shown,
			     struct gw_principal *ret, struct gw_error *err)
{
	const struct gw_access_entry *e = gw_access_find_subject(access, shown->subject);
	int r;

	if (!e)
		return gw_error_set(err, ENOKEY, GW_ERR_UNAUTHORIZED, "",
				    shown->issued ? "the certificate of \"%s\" is void: an operator has taken it back; "
						    "if that is to be a node again, gwctl server enroll lets it in"
						  : "the client certificate is good, but nothing says what \"%s\" may "
						    "do: an operator adds it with gwctl certificate add",
				    shown->subject);
	/* What we issue is for the entry that we made, whatever somebody else has put in its place. */
	if (!gw_access_is_for(e, shown->certificate) || (shown->issued && !e->pinned))
		return gw_error_set(err, ENOKEY, GW_ERR_UNAUTHORIZED, "",
				    "this certificate of \"%s\" is void: it has another one now; if whoever shows it "
				    "is the right one, and the other is not, enroll it anew with gwctl server enroll",
				    shown->subject);
	r = take(e, ret, err);
	if (r == 0)
		ret->certificate = *shown->certificate;
	return r;
}

int gw_auth_check(const struct gw_access_table *access, const struct gw_auth_shown *shown, struct gw_principal *ret,
		  struct gw_error *err)
{
	if (shown->authorization)
		return check_header(access, shown->authorization, shown->now, ret, err);
	if (*shown->problem)
		return gw_error_set(err, ENOKEY, GW_ERR_UNAUTHORIZED, "", "the client certificate is not trusted: %s",
				    shown->problem);
	if (!*shown->subject)
		return gw_error_set(
			err, ENOKEY, GW_ERR_UNAUTHORIZED, "",
			"who are you? Show a token, as bearer or as the password of basic authorization, or "
			"a client certificate");
	return check_certificate(access, shown, ret, err);
}

int gw_auth_check_again(const struct gw_access_table *access, const struct gw_principal *who, struct gw_error *err)
{
	if (gw_access_holds(access, who))
		return 0;
	return gw_error_set(err, EACCES, GW_ERR_UNAUTHORIZED, "",
			    "what this request was let in with was replaced or deleted before it was carried out");
}
