/*
 * property.h - one property of a resource as a table row: its name, type, range, default, and where it lives
 * in the resource's struct. A schema is an array of rows; everything that reads or writes JSON goes by them.
 */
#ifndef GW_MODEL_PROPERTY_H
#define GW_MODEL_PROPERTY_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The type of the field, and how it is written. */
enum gw_property_type {
	GW_PROPERTY_ADDR,      /* struct gw_addr */
	GW_PROPERTY_PREFIX,    /* struct gw_prefix */
	GW_PROPERTY_MAC,       /* struct gw_mac, written 00155D011404 */
	GW_PROPERTY_UUID,      /* struct gw_uuid */
	GW_PROPERTY_VSID,      /* uint32_t */
	GW_PROPERTY_UINT,      /* uint8_t, uint16_t or uint32_t, up to `max` */
	GW_PROPERTY_BOOL,      /* bool */
	GW_PROPERTY_ENUM,      /* uint8_t, index of `values` */
	GW_PROPERTY_INTERFACE, /* char[IFNAMSIZ] */
	GW_PROPERTY_TEXT,      /* char *, owned; NULL when absent */
	GW_PROPERTY_ASN,       /* uint32_t, written "0.64512": high and low half */
	GW_PROPERTY_PORTS,     /* struct gw_ports, written "80", "1000-2000" or "*" */
	/* Of schema.h only. */
	GW_PROPERTY_REF,       /* char *, owned: a resource's path; written {"resourceRef": path} */
	GW_PROPERTY_SECRET,    /* char *, owned, sealed; never written out */
	GW_PROPERTY_ANY,       /* json_t *, owned */
	GW_PROPERTY_OBJECT,    /* a struct of row->schema */
	GW_PROPERTY_LIST,      /* struct gw_list of such structs */
	GW_PROPERTY_VALUES,    /* struct gw_list of values of row->item */
	GW_PROPERTY_CHILDREN,  /* no field: resources of row->kind */
	GW_PROPERTY_READ_ONLY, /* no field: only ever answered */
};

enum {
	GW_PROPERTY_IS_KEY = 1,	       /* part of the resource id; required */
	GW_PROPERTY_IS_REQUIRED = 2,   /* no default */
	GW_PROPERTY_DEFAULT_ENCAP = 4, /* the default is the configuration's encapsulation */
	GW_PROPERTY_HAS_DEFAULT = 8,   /* of schema.h: `def` is answered where nothing was given */
	GW_PROPERTY_IS_ASSIGNED = 16,  /* given by gwd where the manager gives none */
	GW_PROPERTY_IS_INERT = 32,     /* kept and answered, without meaning here */
	GW_PROPERTY_IS_LATER = 256,    /* a list that this version has no elements of: empty, or NotSupported */
	GW_PROPERTY_IS_OPERATORS = 64, /* tenants may not choose it: whether a value is taken would tell of others */
	/* A reference by which a tenant may use what is the operator's; by any other, that is as if it were not there. */
	GW_PROPERTY_IS_SHARED = 128,
	/* A secret that others' configuration files have between quotes, where nothing can be escaped. */
	GW_PROPERTY_IS_QUOTABLE = 512,
};

#define GW_PROPERTY_LIST_MAX	 1024 /* elements, where a row says nothing else */
#define GW_PROPERTY_CHILDREN_MAX 8192 /* of one kind that a resource may have, unless its row says less */

struct gw_ports {
	uint16_t first, last; /* 0 and 65535: all */
};

struct gw_schema;

struct gw_property {
	const char *name;
	uint16_t offset, size; /* of the field */
	uint16_t present;      /* offset of a bool that says whether an optional value is there; 0: none */
	uint8_t type;
	uint16_t flags;
	uint32_t min, max;	   /* of GW_PROPERTY_UINT; `max` bytes of a text, elements of a list */
	const char *const *values; /* of GW_PROPERTY_ENUM; matched without regard to case; NULL ends */
	uint32_t def;		   /* of GW_PROPERTY_UINT, GW_PROPERTY_ENUM and GW_PROPERTY_BOOL */
	const struct gw_schema *schema;
	const char *help;
	uint8_t item; /* type of a list's values, and of what is kept as it came: GW_PROPERTY_ANY, which clients may give as no other */
	uint8_t kind; /* enum gw_kind of children, and what a reference points to: its first kind */
	uint16_t item_size;
};

/* How many elements a list may have. */
uint32_t gw_property_list_max(const struct gw_property *row);
/* What the property accepts, for messages; may use `buf`. */
const char *gw_property_wanted(const struct gw_property *row, char *buf, size_t size);
/* Sets the field of `object`, or refuses with NAME as target. A text that was there is not freed. */
int gw_property_set(const struct gw_property *row, const json_t *value, void *object, struct gw_error *err);
int gw_property_set_text(const struct gw_property *row, const char *s, void *object, struct gw_error *err);
void gw_property_set_number(const struct gw_property *row, uint32_t v, void *object); /* within the row's range */
bool gw_property_present(const struct gw_property *row, const void *object);
/* NULL when memory runs out. The value must be present. */
json_t *gw_property_get(const struct gw_property *row, const void *object);

#endif
