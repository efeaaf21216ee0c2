/*
 * kind.h - the kinds of resources that gwctl knows by name: their place in the tree of paths, and the columns of their
 * tables. gwctl includes nothing of the daemon's model; tests/unit/test_cli_kind.c holds this table against it.
 */
#ifndef GW_CLI_RESOURCE_KIND_H
#define GW_CLI_RESOURCE_KIND_H

#include <stdbool.h>
#include <stddef.h>

enum gw_cli_column_flags {
	GW_CLI_COLUMN_WIDE = 1,	 /* shown by -o wide only */
	GW_CLI_COLUMN_RIGHT = 2, /* a number */
	GW_CLI_COLUMN_COUNT = 4, /* of a list: how many there are */
};

struct gw_cli_column {
	const char *title;
	const char *
		path; /* below "properties": "addressSpace.addressPrefixes"; of every element, where it leads through lists */
	unsigned flags;
};

#define GW_CLI_RESOURCE_COLUMNS 16

struct gw_cli_resource {
	const char *collection; /* in paths: "virtualNetworks" */
	const char *name;	/* on the command line */
	const char *alias;	/* a shorter name, or NULL */
	const struct gw_cli_resource *parent;
	bool crowded; /* STATE, too, is in the wide table only */
	struct gw_cli_column
		columns[GW_CLI_RESOURCE_COLUMNS +
			1]; /* ends with one without a title; besides ID, TENANT and STATE, which all have */
};

extern const struct gw_cli_resource gw_cli_resources[];
extern const size_t gw_cli_n_resources;

/* By name, in any letter case, with or without '-' and the plural's "s": "virtual-network". NULL: there is none. */
const struct gw_cli_resource *gw_cli_resource_find(const char *word);
/* How many ids its ID has: 2 for a subnet, "blue/web". */
size_t gw_cli_resource_depth(const struct gw_cli_resource *kind);
/* The kind that is `depth` levels deep on the way to this one. */
const struct gw_cli_resource *gw_cli_resource_at(const struct gw_cli_resource *kind, size_t depth);

/*
 * "/networking/v1/virtualNetworks/blue/subnets/web" of "blue/web"; with fewer ids, the resource that has the ids given; with
 * none ("" or NULL), the top-level collection. `tenant` may be NULL. NULL, and the reason in *ret_error, when it cannot be an ID of the kind.
 */
char *gw_cli_resource_path(const struct gw_cli_resource *kind, const char *id, const char *tenant, size_t *ret_depth,
			   char **ret_error);
#define GW_CLI_TENANT_QUERY "?tenantId=" /* behind a path or a reference: whose it is */
/* "blue/web" of "/virtualNetworks/blue/subnets/web". */
char *gw_cli_resource_id(const char *ref);

#endif
