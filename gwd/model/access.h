/*
 * access.h - who may use the API over the network: tokens, and the subjects of client certificates, each with a role. The core
 * keeps the table in memory and in the store; the API asks it about every request.
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

enum gw_access_kind { GW_ACCESS_TOKENS, GW_ACCESS_CERTIFICATES, GW_ACCESS_KINDS };

struct gw_access_entry {
	enum gw_access_kind kind;
	char name[GW_PRINCIPAL_NAMELEN]; /* unique within its kind in any letter case */
	enum gw_access role;
	char tenant[GW_PRINCIPAL_TENANTLEN];
	struct gw_token_hash hash;	    /* of a token */
	char subject[GW_PRINCIPAL_NAMELEN]; /* of a certificate: its common name; unique */
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
/* Looks at every token, so that its time tells nothing. */
const struct gw_access_entry *gw_access_find_token(const struct gw_access_table *t, const struct gw_token_hash *hash);
const struct gw_access_entry *gw_access_find_subject(const struct gw_access_table *t, const char *subject);
/* By a token, or where certificates are looked at by one of those. */
bool gw_access_has_operator(const struct gw_access_table *t, bool with_certificates);
/* Whether the credential that somebody has shown is still what it was. */
bool gw_access_holds(const struct gw_access_table *t, const struct gw_principal *who);

const char *gw_access_kind_path(enum gw_access_kind kind);     /* "tokens" */
const char *gw_access_kind_singular(enum gw_access_kind kind); /* "token" */
int gw_access_kind_parse(const char *path, enum gw_access_kind *ret);
/* Fills all but hash and revision from a PUT; error targets are "properties.role". */
int gw_access_decode(enum gw_access_kind kind, const char *name, const json_t *body, struct gw_access_entry *ret,
		     struct gw_error *err);
json_t *gw_access_encode(const struct gw_access_entry *e);
/* The same for the store: with the hash. */
json_t *gw_access_encode_row(const struct gw_access_entry *e);
int gw_access_decode_row(const char *kind, const char *name, const json_t *row, struct gw_access_entry *ret,
			 struct gw_error *err);

#endif
