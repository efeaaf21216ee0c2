/* access.c - see access.h: the table. Its JSON is in access_schema.c. Pure. Called by the core and by the API. */
#include "model/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Sorted by name without regard to case. There are few, and a token must be compared with every one of them anyhow. */
struct list {
	struct gw_access_entry *entries;
	size_t n, room;
};

struct gw_access_table {
	struct list lists[GW_ACCESS_KINDS];
};

static const char *const names[] = {
#define X(id, name) [GW_ACCESS_##id] = name,
	GW_ACCESSES(X)
#undef X
};

const char *gw_access_name(enum gw_access access)
{
	return names[access];
}

int gw_access_parse(const char *name, enum gw_access *ret)
{
	for (int a = GW_ACCESS_NONE + 1; a < GW_ACCESS_MAX; a++) {
		if (!strcasecmp(name, names[a])) {
			*ret = (enum gw_access)a;
			return 0;
		}
	}
	return -EINVAL;
}

const char *gw_principal_format(const struct gw_principal *who, char buf[static GW_DOER_STRLEN])
{
	const char *how = who->proof == GW_PROOF_CERTIFICATE  ? "CN="
			  : who->proof == GW_PROOF_ENROLLMENT ? "enrollment="
							      : "";

	snprintf(buf, GW_DOER_STRLEN, "%s%s", how, who->name);
	return buf;
}

bool gw_tenant_valid(const char *tenant)
{
	size_t n = strlen(tenant);

	return n > 0 && n <= GW_TENANT_MAX &&
	       strspn(tenant, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == n;
}

struct gw_access_table *gw_access_table_new(void)
{
	return calloc(1, sizeof(struct gw_access_table));
}

struct gw_access_table *gw_access_table_free(struct gw_access_table *t)
{
	for (size_t kind = 0; t && kind < GW_ACCESS_KINDS; kind++)
		free(t->lists[kind].entries);
	free(t);
	return NULL;
}

/* Where `name` is, or where it would be. */
static bool find(const struct list *list, const char *name, size_t *ret)
{
	size_t from = 0, to = list->n;

	while (from < to) {
		size_t at = from + (to - from) / 2;
		int cmp = strcasecmp(list->entries[at].name, name);

		if (cmp == 0) {
			*ret = at;
			return true;
		}
		if (cmp < 0)
			from = at + 1;
		else
			to = at;
	}
	*ret = from;
	return false;
}

const struct gw_access_entry *gw_access_get(const struct gw_access_table *t, enum gw_access_kind kind, const char *name)
{
	size_t at;

	return find(&t->lists[kind], name, &at) ? &t->lists[kind].entries[at] : NULL;
}

/* Somebody else's tenant whose id differs in nothing but letter case: two tenants where one was meant. */
static const struct gw_access_entry *find_variant(const struct gw_access_table *t, const struct gw_access_entry *e)
{
	for (size_t kind = 0; kind < GW_ACCESS_KINDS; kind++)
		for (size_t i = 0; i < t->lists[kind].n; i++) {
			const struct gw_access_entry *other = &t->lists[kind].entries[i];

			if (other->kind == e->kind && !strcasecmp(other->name, e->name))
				continue;
			if (!strcasecmp(other->tenant, e->tenant) && strcmp(other->tenant, e->tenant) != 0)
				return other;
		}
	return NULL;
}

int gw_access_check(const struct gw_access_table *t, const struct gw_access_entry *e, struct gw_error *err)
{
	const struct gw_access_entry *other = NULL;

	if (e->kind == GW_ACCESS_CERTIFICATES)
		other = gw_access_find_subject(t, e->subject);
	if (other && strcasecmp(other->name, e->name) != 0)
		return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.subject",
				    "certificate %s has this subject already: delete it, or change it", other->name);
	other = find_variant(t, e);
	if (other)
		return gw_error_set(
			err, EEXIST, GW_ERR_CONFLICT, "properties.tenantId",
			"%s %s is for \"%s\", which would be another tenant: letter case counts in their ids",
			gw_access_kind_singular(other->kind), other->name, other->tenant);
	if (!gw_access_get(t, e->kind, e->name) && t->lists[e->kind].n >= GW_ACCESS_ENTRIES_MAX)
		return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "",
				    "there are %d %s already, which is the limit: delete one that is not needed",
				    GW_ACCESS_ENTRIES_MAX, gw_access_kind_path(e->kind));
	return 0;
}

static int reserve(struct list *list)
{
	size_t room = list->room ? 2 * list->room : 16;
	struct gw_access_entry *larger;

	if (list->n < list->room)
		return 0;
	larger = reallocarray(list->entries, room, sizeof *larger);
	if (!larger)
		return -ENOMEM;
	list->entries = larger;
	list->room = room;
	return 0;
}

int gw_access_reserve(struct gw_access_table *t)
{
	for (size_t kind = 0; kind < GW_ACCESS_KINDS; kind++)
		if (reserve(&t->lists[kind]) < 0)
			return -ENOMEM;
	return 0;
}

int gw_access_put(struct gw_access_table *t, const struct gw_access_entry *e)
{
	struct list *list = &t->lists[e->kind];
	size_t at;

	if (!find(list, e->name, &at)) {
		if (reserve(list) < 0)
			return -ENOMEM;
		memmove(list->entries + at + 1, list->entries + at, (list->n - at) * sizeof *list->entries);
		list->n++;
	}
	list->entries[at] = *e;
	return 0;
}

bool gw_access_delete(struct gw_access_table *t, enum gw_access_kind kind, const char *name)
{
	struct list *list = &t->lists[kind];
	size_t at;

	if (!find(list, name, &at))
		return false;
	list->n--;
	memmove(list->entries + at, list->entries + at + 1, (list->n - at) * sizeof *list->entries);
	return true;
}

size_t gw_access_count(const struct gw_access_table *t, enum gw_access_kind kind)
{
	return t->lists[kind].n;
}

const struct gw_access_entry *gw_access_at(const struct gw_access_table *t, enum gw_access_kind kind, size_t i)
{
	return &t->lists[kind].entries[i];
}

const struct gw_access_entry *gw_access_find_token(const struct gw_access_table *t, const struct gw_token_hash *hash)
{
	static const enum gw_access_kind kinds[] = {GW_ACCESS_TOKENS, GW_ACCESS_ENROLLMENTS};
	const struct gw_access_entry *found = NULL;

	for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
		const struct list *list = &t->lists[kinds[kind]];

		for (size_t i = 0; i < list->n; i++)
			if (gw_token_hash_equal(&list->entries[i].hash, hash))
				found = &list->entries[i];
	}
	return found;
}

const struct gw_access_entry *gw_access_find_subject(const struct gw_access_table *t, const char *subject)
{
	const struct list *list = &t->lists[GW_ACCESS_CERTIFICATES];

	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->entries[i].subject, subject))
			return &list->entries[i];
	return NULL;
}

bool gw_access_is_for(const struct gw_access_entry *e, const struct gw_token_hash *certificate)
{
	return !e->pinned || gw_token_hash_equal(&e->fingerprint, certificate) ||
	       (e->has_previous && gw_token_hash_equal(&e->previous, certificate));
}

bool gw_access_holds(const struct gw_access_table *t, const struct gw_principal *who)
{
	static const enum gw_access_kind kinds[] = {[GW_PROOF_TOKEN] = GW_ACCESS_TOKENS,
						    [GW_PROOF_CERTIFICATE] = GW_ACCESS_CERTIFICATES,
						    [GW_PROOF_ENROLLMENT] = GW_ACCESS_ENROLLMENTS};
	const struct gw_access_entry *e;

	if (who->proof == GW_PROOF_PLACE)
		return true;
	e = gw_access_get(t, kinds[who->proof], who->credential);
	if (!e || e->revision == who->revision)
		return e;
	/* A node's entry changes when its certificate is renewed, while other requests of its are under way. */
	return who->proof == GW_PROOF_CERTIFICATE && e->pinned && e->role == who->access &&
	       !strcmp(e->tenant, who->tenant) && gw_access_is_for(e, &who->certificate);
}

bool gw_access_has_operator(const struct gw_access_table *t, bool with_certificates)
{
	for (size_t kind = 0; kind < GW_ACCESS_KINDS; kind++)
		for (size_t i = 0; i < t->lists[kind].n; i++)
			if (t->lists[kind].entries[i].role == GW_ACCESS_OPERATOR &&
			    (kind != GW_ACCESS_CERTIFICATES || with_certificates))
				return true;
	return false;
}
