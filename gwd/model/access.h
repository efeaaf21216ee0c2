/*
 * access.h - who may use the API over the network: tokens, and the subjects of client certificates, each with a role; and the
 * one-time tokens of machines that are to become nodes, each named as its server. The core keeps the table in memory and in the
 * store; the API asks it about every request.
 *
 * An entry of a certificate may name the one certificate that it is for by its fingerprint, and the one before it, which goes when
 * the newer one is shown: so do those of nodes, whose certificates this controller issues. Any other of that subject is let in by
 * none of them, were it as well signed: a stolen older one is worth nothing.
 *
 * The wire form is a resource: {"resourceRef": "/access/tokens/backup", "resourceId": "backup", "etag": ..., "properties":
 * {"role": "tenant", "tenantId": "blue"}}, with "subject" for a certificate. A secret is in none of it.
 */
#ifndef GW_MODEL_ACCESS_H
#define GW_MODEL_ACCESS_H

#include "base/error.h"
#include "model/principal.h"
#include "model/token.h"

#include <jansson.h>

#define GW_ACCESS_ENTRIES_MAX 1000 /* of each kind */

enum gw_access_kind { GW_ACCESS_TOKENS, GW_ACCESS_CERTIFICATES, GW_ACCESS_ENROLLMENTS, GW_ACCESS_KINDS };

/* How long a one-time token may be good for, in seconds. */
#define GW_ENROLLMENT_SECONDS	  3600
#define GW_ENROLLMENT_SECONDS_MAX (30 * 24 * 3600)

struct gw_access_entry {
	enum gw_access_kind kind;
	char name[GW_PRINCIPAL_NAMELEN]; /* unique within its kind in any letter case */
	enum gw_access role;
	char tenant[GW_PRINCIPAL_TENANTLEN];
	struct gw_token_hash hash;	    /* of a token, of the secret of an enrollment */
	char subject[GW_PRINCIPAL_NAMELEN]; /* of a certificate: its common name; unique */
	bool pinned, has_previous;	    /* what of these two is set */
	struct gw_token_hash fingerprint, previous;
	int64_t until; /* of an enrollment, or of the pinned certificate when we issued it: seconds since 1970; else 0 */
	uint64_t revision;
};

struct gw_access_table;

struct gw_access_table *gw_access_table_new(void); /* NULL when memory runs out */
struct gw_access_table *gw_access_table_free(struct gw_access_table *t);
/* Would `put` take it? It may be too many, or another one may have its subject or its hash. */
int gw_access_check(const struct gw_access_table *t, const struct gw_access_entry *e, struct gw_error *err);
/* Adds or replaces. Fails only for want of memory, once gw_access_check has agreed; after reserve, not at all. */
int gw_access_put(struct gw_access_table *t, const struct gw_access_entry *e);
int gw_access_reserve(struct gw_access_table *t);
bool gw_access_delete(struct gw_access_table *t, enum gw_access_kind kind, const char *name);

const struct gw_access_entry *gw_access_get(const struct gw_access_table *t, enum gw_access_kind kind,
					    const char *name);
/* The entries of a kind in the order of their names. */
size_t gw_access_count(const struct gw_access_table *t, enum gw_access_kind kind);
const struct gw_access_entry *gw_access_at(const struct gw_access_table *t, enum gw_access_kind kind, size_t i);
/* Of tokens and enrollments. Looks at every one, so that its time tells nothing. */
const struct gw_access_entry *gw_access_find_token(const struct gw_access_table *t, const struct gw_token_hash *hash);
const struct gw_access_entry *gw_access_find_subject(const struct gw_access_table *t, const char *subject);
/* By a token, or where certificates are looked at by one of those. */
bool gw_access_has_operator(const struct gw_access_table *t, bool with_certificates);
/* Whether the entry, of a certificate, is for this one. */
bool gw_access_is_for(const struct gw_access_entry *e, const struct gw_token_hash *certificate);
/* Whether the credential that somebody has shown is still what it was. */
bool gw_access_holds(const struct gw_access_table *t, const struct gw_principal *who);

const char *gw_access_kind_path(enum gw_access_kind kind);     /* "tokens" */
const char *gw_access_kind_singular(enum gw_access_kind kind); /* "token" */
int gw_access_kind_parse(const char *path, enum gw_access_kind *ret);
/*
 * Fills all but hash and revision from a PUT; error targets are "properties.role". What it says of an enrollment's time is how many
 * seconds it has from now on: that is in `until` then.
 */
int gw_access_decode(enum gw_access_kind kind, const char *name, const json_t *body, struct gw_access_entry *ret,
		     struct gw_error *err);
json_t *gw_access_encode(const struct gw_access_entry *e);
/* The same for the store: with the hash. */
json_t *gw_access_encode_row(const struct gw_access_entry *e);
int gw_access_decode_row(const char *kind, const char *name, const json_t *row, struct gw_access_entry *ret,
			 struct gw_error *err);

#endif
