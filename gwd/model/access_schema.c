/*
 * access_schema.c - tokens and certificates as JSON, for the API and for the store; see access.h. What comes in over the API
 * may be hostile; a row of the store is one that gwd has written.
 */
#include "model/access.h"

#include "base/utf8.h"
#include "base/when.h"
#include "model/enrollment.h"
#include "model/hnv_schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *path, *singular;
} kinds[] = {
	[GW_ACCESS_TOKENS] = {"tokens", "token"},
	[GW_ACCESS_CERTIFICATES] = {"certificates", "certificate"},
	[GW_ACCESS_ENROLLMENTS] = {"enrollments", "enrollment"},
};

const char *gw_access_kind_path(enum gw_access_kind kind)
{
	return kinds[kind].path;
}

const char *gw_access_kind_singular(enum gw_access_kind kind)
{
	return kinds[kind].singular;
}

int gw_access_kind_parse(const char *path, enum gw_access_kind *ret)
{
	for (int k = 0; k < GW_ACCESS_KINDS; k++) {
		if (!strcasecmp(path, kinds[k].path)) {
			*ret = (enum gw_access_kind)k;
			return 0;
		}
	}
	return -ENOENT;
}

static int check_name(const char *name, struct gw_error *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	size_t n = strlen(name);

	if (n == 0 || n >= GW_PRINCIPAL_NAMELEN || name[strspn(name, allowed)] || strchr("-.", *name))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "resourceId",
				    "a name has 1 to %d letters, digits, '-', '.' or '_', and starts with none of '-' "
				    "and '.'",
				    GW_PRINCIPAL_NAMELEN - 1);
	return 0;
}

/* A text of 1 to 64 printable bytes into `ret`. */
static int take_text(const char *key, const json_t *value, char ret[static GW_PRINCIPAL_NAMELEN], struct gw_error *err)
{
	const char *s = json_string_value(value);
	char target[64];

	snprintf(target, sizeof target, "properties.%s", key);
	if (!s || !*s || strlen(s) >= GW_PRINCIPAL_NAMELEN || json_string_length(value) != strlen(s) ||
	    !gw_utf8_is_printable(s))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target,
				    "must be a text of 1 to %d bytes without control characters",
				    GW_PRINCIPAL_NAMELEN - 1);
	strcpy(ret, s);
	return 0;
}

/* "AB:CD:..." of a certificate. */
static int take_fingerprint(const char *key, const json_t *value, bool *ret_has, struct gw_token_hash *ret,
			    struct gw_error *err)
{
	const char *s = json_string_value(value);
	char target[64];

	if (s && gw_fingerprint_parse(s, ret) == 0) {
		*ret_has = true;
		return 0;
	}
	snprintf(target, sizeof target, "properties.%s", key);
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target,
			    "must be the SHA-256 of the certificate as 32 bytes AB:CD:...");
}

static int take_until(const json_t *value, int64_t *ret, struct gw_error *err)
{
	const char *s = json_string_value(value);

	if (s && gw_when_parse(s, ret) == 0)
		return 0;
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.validUntil",
			    "must be a time as 2030-01-31T12:00:00Z");
}

static int take_of_certificate(const char *key, const json_t *value, struct gw_access_entry *e, struct gw_error *err)
{
	if (!strcasecmp(key, "subject"))
		return take_text("subject", value, e->subject, err);
	if (!strcasecmp(key, "fingerprint"))
		return take_fingerprint("fingerprint", value, &e->pinned, &e->fingerprint, err);
	if (!strcasecmp(key, "previousFingerprint"))
		return take_fingerprint("previousFingerprint", value, &e->has_previous, &e->previous, err);
	if (!strcasecmp(key, "validUntil"))
		return take_until(value, &e->until, err);
	return -ENOENT;
}

/* All that a PUT can say is how long. */
static int take_of_enrollment(const char *key, const json_t *value, struct gw_access_entry *e, struct gw_error *err)
{
	static const char *const answered[] = {"role", "validUntil", "urls"};
	json_int_t seconds = json_integer_value(value);
	char target[96];

	for (size_t i = 0; i < sizeof answered / sizeof *answered; i++)
		if (!strcasecmp(key, answered[i]))
			return 0;
	snprintf(target, sizeof target, "properties.%.64s", key);
	if (strcasecmp(key, "validSeconds") != 0)
		return gw_error_set(err, EINVAL, GW_ERR_UNKNOWN_PROPERTY, target,
				    "an enrollment has no such property; it has validSeconds");
	if (!json_is_integer(value) || seconds < 1 || seconds > GW_ENROLLMENT_SECONDS_MAX)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.validSeconds",
				    "must be a number from 1 to %d, which is 30 days", GW_ENROLLMENT_SECONDS_MAX);
	e->until = seconds;
	return 0;
}

static int take(const char *key, const json_t *value, struct gw_access_entry *e, struct gw_error *err)
{
	static const char *const ignored[] = {"provisioningState", "configurationState", "token"};
	int r;
	const char *role = json_string_value(value);
	char target[96];

	if (json_is_null(value))
		return 0;
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		if (!strcasecmp(key, ignored[i]))
			return 0;
	if (e->kind == GW_ACCESS_ENROLLMENTS)
		return take_of_enrollment(key, value, e, err);
	if (!strcasecmp(key, "role")) {
		if (role && gw_access_parse(role, &e->role) == 0)
			return 0;
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.role",
				    "must be one of operator, tenant, host, monitor");
	}
	if (!strcasecmp(key, "tenantId"))
		return take_text("tenantId", value, e->tenant, err);
	r = e->kind == GW_ACCESS_CERTIFICATES ? take_of_certificate(key, value, e, err) : -ENOENT;
	if (r != -ENOENT)
		return r;
	snprintf(target, sizeof target, "properties.%.64s", key);
	return gw_error_set(err, EINVAL, GW_ERR_UNKNOWN_PROPERTY, target, "a %s has no such property; it has role, %s",
			    kinds[e->kind].singular,
			    e->kind == GW_ACCESS_TOKENS ? "tenantId" : "tenantId, subject, fingerprint");
}

/* What the members say together. */
static int check(const struct gw_access_entry *e, struct gw_error *err)
{
	if (e->role == GW_ACCESS_NONE)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "properties.role",
				    "is needed: operator, tenant, host or monitor");
	if (e->role == GW_ACCESS_TENANT && !*e->tenant)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "properties.tenantId",
				    "is needed with role tenant");
	if (e->role != GW_ACCESS_TENANT && *e->tenant)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.tenantId",
				    "goes with role tenant only");
	if (e->kind == GW_ACCESS_CERTIFICATES && !*e->subject)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "properties.subject",
				    "is needed: the common name of the certificate");
	if (e->has_previous && !e->pinned)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "properties.fingerprint",
				    "is needed with previousFingerprint");
	return 0;
}

static const json_t *member(const json_t *object, const char *name)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) if (!strcasecmp(key, name)) return value;
	return NULL;
}

static int decode_properties(const json_t *properties, struct gw_access_entry *e, struct gw_error *err)
{
	const char *key, *other;
	json_t *value, *again;
	int r;

	json_object_foreach((json_t *)properties, key, value)
	{
		json_object_foreach(
			(json_t *)properties, other,
			again) if (other != key &&
				   !strcasecmp(other, key)) return gw_error_set(err, EINVAL, GW_ERR_INVALID_JSON,
										"properties",
										"\"%.64s\" is there twice", key);
		r = take(key, value, e, err);
		if (r < 0)
			return r;
	}
	return check(e, err);
}

/* What may be in the store since older versions, and is not taken any more. */
static int check_new(const struct gw_access_entry *e, struct gw_error *err)
{
	static const char *const reserved[] = {"root", "gwd", "anybody"};

	if (*e->tenant && !gw_tenant_valid(e->tenant))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.tenantId",
				    "must be 1 to %d letters, digits, '-' or '_'", GW_TENANT_MAX);
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (!strcasecmp(e->name, reserved[i]) ||
		    (e->kind == GW_ACCESS_CERTIFICATES && !strcasecmp(e->subject, reserved[i])))
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY,
					    !strcasecmp(e->name, reserved[i]) ? "resourceId" : "properties.subject",
					    "%s is what gwd itself calls who needs no credential: choose another",
					    reserved[i]);
	return 0;
}

int gw_access_decode(enum gw_access_kind kind, const char *name, const json_t *body, struct gw_access_entry *ret,
		     struct gw_error *err)
{
	static const char *const envelope[] = {"properties", "resourceRef",	 "resourceId", "etag",
					       "instanceId", "resourceMetadata", "tags"};
	struct gw_access_entry e = {.kind = kind};
	const json_t *properties = member(body, "properties");
	const char *key;
	json_t *value;
	int r = check_name(name, err);

	if (r < 0)
		return r;
	if (!json_is_object(body) || !json_is_object(properties))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "properties",
				    "the body is {\"properties\": {\"role\": ...}}");
	json_object_foreach((json_t *)body, key, value)
	{
		size_t i = 0;

		while (i < sizeof envelope / sizeof *envelope && strcasecmp(key, envelope[i]) != 0)
			i++;
		if (i == sizeof envelope / sizeof *envelope)
			return gw_error_set(err, EINVAL, GW_ERR_UNKNOWN_PROPERTY, key, "there is no such property");
	}
	value = (json_t *)member(body, "resourceId");
	if (json_is_string(value) && strcasecmp(json_string_value(value), name) != 0)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "resourceId",
				    "is not the name that the path has");
	strcpy(e.name, name);
	if (kind == GW_ACCESS_ENROLLMENTS) {
		e.role = GW_ACCESS_HOST;
		e.until = GW_ENROLLMENT_SECONDS;
	}
	r = decode_properties(properties, &e, err);
	if (r == 0)
		r = check_new(&e, err);
	if (r == 0)
		*ret = e;
	return r;
}

static json_t *encode_properties(const struct gw_access_entry *e)
{
	json_t *properties = json_pack("{s:s}", "role", gw_access_name(e->role));
	char text[GW_FINGERPRINT_STRLEN], when[GW_WHEN_STRLEN];

	if (properties && *e->tenant)
		json_object_set_new(properties, "tenantId", json_string(e->tenant));
	if (properties && e->kind == GW_ACCESS_CERTIFICATES)
		json_object_set_new(properties, "subject", json_string(e->subject));
	if (properties && e->pinned)
		json_object_set_new(properties, "fingerprint",
				    json_string(gw_fingerprint_format(&e->fingerprint, text)));
	if (properties && e->has_previous)
		json_object_set_new(properties, "previousFingerprint",
				    json_string(gw_fingerprint_format(&e->previous, text)));
	if (properties && e->until)
		json_object_set_new(properties, "validUntil", json_string(gw_when_format(e->until, when)));
	return properties;
}

json_t *gw_access_encode(const struct gw_access_entry *e)
{
	char etag[48], ref[16 + sizeof e->name + 16];
	json_t *properties = encode_properties(e);

	if (!properties)
		return NULL;
	json_object_set_new(properties, "provisioningState", json_string("Succeeded"));
	gw_hnv_etag(e->revision, etag);
	snprintf(ref, sizeof ref, "/access/%s/%s", kinds[e->kind].path, e->name);
	return json_pack("{s:s, s:s, s:s, s:o}", "resourceRef", ref, "resourceId", e->name, "etag", etag, "properties",
			 properties);
}

json_t *gw_access_encode_row(const struct gw_access_entry *e)
{
	char hash[GW_TOKEN_HASH_STRLEN];
	json_t *row = encode_properties(e);

	if (row && e->kind != GW_ACCESS_CERTIFICATES)
		json_object_set_new(row, "sha256", json_string(gw_token_hash_format(&e->hash, hash)));
	return row;
}

int gw_access_decode_row(const char *kind, const char *name, const json_t *row, struct gw_access_entry *ret,
			 struct gw_error *err)
{
	struct gw_access_entry e = {0};
	const char *hash = json_string_value(json_object_get(row, "sha256"));
	json_t *rest;
	int r;

	if (gw_access_kind_parse(kind, &e.kind) < 0)
		return gw_error_set(err, EPROTO, GW_ERR_UNAVAILABLE, "kind", "\"%s\" is not known", kind);
	r = check_name(name, err);
	if (r < 0)
		return r;
	strcpy(e.name, name);
	if (e.kind != GW_ACCESS_CERTIFICATES && (!hash || gw_token_hash_parse(hash, &e.hash) < 0))
		return gw_error_set(err, EBADMSG, GW_ERR_UNAVAILABLE, "sha256", "is not 64 digits");
	rest = json_copy((json_t *)row);
	if (!rest)
		return gw_error_oom(err);
	json_object_del(rest, "sha256");
	if (e.kind == GW_ACCESS_ENROLLMENTS)
		e.role = GW_ACCESS_HOST;
	r = decode_properties(rest, &e, err);
	if (r == 0 && e.kind == GW_ACCESS_ENROLLMENTS)
		r = take_until(json_object_get(rest, "validUntil"), &e.until, err);
	json_decref(rest);
	if (r == 0)
		*ret = e;
	return r;
}
