/*
 * schema.h - a struct and everything that is known of its properties, from one list.
 *
 * A list names each property once: its type, its field, its name in JSON, range, default, help. GW_SCHEMA_STRUCT makes the
 * struct of it, GW_SCHEMA_DEFINE the table that decodes, validates, defaults, encodes and documents it:
 *
 *   #define GW_DHCP_OPTIONS(S, P, O, L, V, C, R) V(S, ADDR, dns_servers, "dnsServers", .max = 8, .help = "...")
 *   GW_SCHEMA_STRUCT(dhcp_options, GW_DHCP_OPTIONS)        in a header:  struct gw_dhcp_options { ... struct gw_list dns_servers; }
 *   GW_SCHEMA_DEFINE(dhcp_options, GW_DHCP_OPTIONS)        in a C file:  const struct gw_schema gw_schema_dhcp_options
 *
 *   P  one value              O  an object with a schema of its own      L  a list of such objects
 *   V  a list of values       C  children: resources of their own        R  read-only: answered, ignored in what comes in
 *
 * What was not given and has no default stays zero, and is not answered. Pure: no I/O.
 */
#ifndef GW_MODEL_SCHEMA_H
#define GW_MODEL_SCHEMA_H

#include "base/addr.h"
#include "model/property.h"

#include <assert.h>

struct gw_schema {
	const char *name; /* as the OpenAPI document calls it */
	const struct gw_property *rows;
	size_t n_rows,
		size; /* of the struct, which begins with `uint64_t given`: bit i is set when row i has a value */
};

struct gw_list {
	size_t n;
	void *v;
};

#define GW_REF_MAX 512 /* bytes of a path in a reference */

#define GW_LIST_AT(list, type, i) (&((type *)(list).v)[i])

/* Field types, by the names that gw_property_type has. */
typedef struct gw_addr gw_field_ADDR;
typedef struct gw_prefix gw_field_PREFIX;
typedef struct gw_mac gw_field_MAC;
typedef struct gw_uuid gw_field_UUID;
typedef uint32_t gw_field_VSID;
typedef uint32_t gw_field_UINT;
typedef bool gw_field_BOOL;
typedef uint8_t gw_field_ENUM;
typedef uint32_t gw_field_ASN;
typedef char *gw_field_TEXT;
typedef char *gw_field_REF;
typedef char *gw_field_SECRET;
typedef json_t *gw_field_ANY;
typedef struct gw_ports gw_field_PORTS;

#define GW_FIELD_P(S, t, field, n, ...)	  gw_field_##t field;
#define GW_FIELD_O(S, tag, field, n, ...) struct gw_##tag field;
#define GW_FIELD_L(S, tag, field, n, ...) struct gw_list field;
#define GW_FIELD_V(S, t, field, n, ...)	  struct gw_list field;
#define GW_FIELD_C(S, kind, n, ...)
#define GW_FIELD_R(S, n, ...)

#define GW_SCHEMA_STRUCT(tag, LIST)                                                                                    \
	struct gw_##tag {                                                                                              \
		uint64_t given;                                                                                        \
		LIST(struct gw_##tag, GW_FIELD_P, GW_FIELD_O, GW_FIELD_L, GW_FIELD_V, GW_FIELD_C, GW_FIELD_R)          \
	};                                                                                                             \
	extern const struct gw_schema gw_schema_##tag;

#define GW_ROW_AT(S, field)	  .offset = offsetof(S, field), .size = sizeof(((S *)0)->field)
#define GW_ROW_P(S, t, f, n, ...) {.name = (n), .type = GW_PROPERTY_##t, GW_ROW_AT(S, f), __VA_ARGS__},
#define GW_ROW_O(S, tag, f, n, ...)                                                                                    \
	{.name = (n), .type = GW_PROPERTY_OBJECT, .schema = &gw_schema_##tag, GW_ROW_AT(S, f), __VA_ARGS__},
#define GW_ROW_L(S, tag, f, n, ...)                                                                                    \
	{.name = (n), .type = GW_PROPERTY_LIST, .schema = &gw_schema_##tag, GW_ROW_AT(S, f), __VA_ARGS__},
#define GW_ROW_V(S, t, f, n, ...)                                                                                      \
	{.name = (n),                                                                                                  \
	 .type = GW_PROPERTY_VALUES,                                                                                   \
	 .item = GW_PROPERTY_##t,                                                                                      \
	 .item_size = sizeof(gw_field_##t),                                                                            \
	 GW_ROW_AT(S, f),                                                                                              \
	 __VA_ARGS__},
#define GW_ROW_C(S, k, n, ...) {.name = (n), .type = GW_PROPERTY_CHILDREN, .kind = GW_KIND_##k, __VA_ARGS__},
#define GW_ROW_R(S, n, ...)    {.name = (n), .type = GW_PROPERTY_READ_ONLY, __VA_ARGS__},

#define GW_SCHEMA_DEFINE(tag, LIST)                                                                                    \
	static const struct gw_property rows_##tag[] = {                                                               \
		LIST(struct gw_##tag, GW_ROW_P, GW_ROW_O, GW_ROW_L, GW_ROW_V, GW_ROW_C, GW_ROW_R)};                    \
	GW_SCHEMA_OF(tag)

#define GW_SCHEMA_OF(tag)                                                                                              \
	static_assert(sizeof rows_##tag / sizeof *rows_##tag <= 64, "rows of " #tag);                                  \
	const struct gw_schema gw_schema_##tag = {                                                                     \
		.name = #tag,                                                                                          \
		.rows = rows_##tag,                                                                                    \
		.n_rows = sizeof rows_##tag / sizeof *rows_##tag,                                                      \
		.size = sizeof(struct gw_##tag),                                                                       \
	};

/* The same for a resource: every one has a state, which only gwd says. */
#define GW_RESOURCE_DEFINE(tag, LIST)                                                                                  \
	static const struct gw_property rows_##tag[] = {                                                               \
		LIST(struct gw_##tag, GW_ROW_P, GW_ROW_O, GW_ROW_L, GW_ROW_V, GW_ROW_C, GW_ROW_R)                      \
			GW_ROW_R(, "provisioningState", .help = "Succeeded, Updating, Deleting or Failed.")            \
				GW_ROW_R(, "configurationState", .help = "Whether what it says is in force.")};        \
	GW_SCHEMA_OF(tag)

/* What a body may have beside what the schema says, and what the process adds. NULL members are not called. */
struct gw_schema_reader {
	void *ctx;
	/* An element of the list of children of `row`; error targets are relative to it. */
	int (*child)(void *ctx, const struct gw_property *row, const json_t *value, struct gw_error *err);
	/* Turns a secret into what may be kept of it: *ret is owned by the caller. NULL: it comes as it is kept. */
	int (*seal)(void *ctx, const char *secret, char **ret, struct gw_error *err);
};

/* Fills the zeroed struct `object` from "properties". On failure it may be half filled: gw_schema_done. */
int gw_schema_decode(const struct gw_schema *schema, const json_t *properties, const struct gw_schema_reader *reader,
		     void *object, struct gw_error *err);
/* Secrets are left out unless `with_secrets`, which gives them as they are kept: sealed. NULL when memory ran out. */
json_t *gw_schema_encode(const struct gw_schema *schema, const void *object, bool with_secrets);
struct gw_schema_carrier {
	bool by_tenant;
	/* Whether two secrets, as they are kept, say the same: each was sealed with another nonce. NULL: no two do. */
	bool (*same_secret)(void *ctx, const char *a, const char *b);
	void *ctx;
};

/*
 * What a PUT leaves out and gwd keeps: values that it has assigned itself, secrets, which nobody can read and give back, and of
 * a tenant's PUT what is the operator's. A secret that is said again stays as it was sealed: nothing has changed.
 */
int gw_schema_carry(const struct gw_schema *schema, const void *from, void *to, const struct gw_schema_carrier *carrier,
		    struct gw_error *err);
/* The first row that is an operator's and has another value in `to` than in `from`, which may be NULL; NULL: none. */
const struct gw_property *gw_schema_operators_change(const struct gw_schema *schema, const void *from, const void *to);
/* Releases what the struct owns, and zeroes it. */
void gw_schema_done(const struct gw_schema *schema, void *object);
const struct gw_property *gw_schema_find(const struct gw_schema *schema, const char *name);
/* The row of one element of a GW_PROPERTY_VALUES. */
struct gw_property gw_schema_item(const struct gw_property *row);

/* Whether the field at `offset` has a value: GW_GIVEN(subnet, virtual_subnet, isolation_id). */
bool gw_schema_given(const struct gw_schema *schema, const void *object, size_t offset);
void gw_schema_give(const struct gw_schema *schema, void *object, size_t offset);
/* Takes a value back that is no text: the field stays as it is, and counts no more. */
void gw_schema_ungive(const struct gw_schema *schema, void *object, size_t offset);
#define GW_GIVEN(object, tag, field)  gw_schema_given(&gw_schema_##tag, object, offsetof(struct gw_##tag, field))
#define GW_GIVE(object, tag, field)   gw_schema_give(&gw_schema_##tag, object, offsetof(struct gw_##tag, field))
#define GW_UNGIVE(object, tag, field) gw_schema_ungive(&gw_schema_##tag, object, offsetof(struct gw_##tag, field))

/*
 * Calls `visit` with every reference in the object, nested ones too, and where it is ("subnets[0].routeTable"); a negative
 * return ends the walk and is returned.
 */
int gw_schema_each_ref(const struct gw_schema *schema, void *object,
		       int (*visit)(void *ctx, const struct gw_property *row, char **ref, const char *where),
		       void *ctx);

/* The same with every secret, as it is kept. */
int gw_schema_each_secret(const struct gw_schema *schema, const void *object,
			  int (*visit)(void *ctx, const char *secret), void *ctx);

#endif
