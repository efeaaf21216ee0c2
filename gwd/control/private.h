/* private.h - shared by the files of the controller's core only. */
#ifndef GW_CONTROL_PRIVATE_H
#define GW_CONTROL_PRIVATE_H

#include "control/control.h"

#define GW_SEAL_KEYLEN 32

struct gw_control {
	struct gw_store *store;
	struct gw_catalog *catalog;
	const struct gw_config *config;
	uint8_t seal_key[GW_SEAL_KEYLEN];
};

/*
 * seal.c: secrets are kept encrypted, with a key that is a file of its own beside the store, so that neither a copy of the
 * store nor a backup says them.
 */
int gw_seal_load_key(const char *path, uint8_t ret[static GW_SEAL_KEYLEN], struct gw_error *err);
int gw_seal(const uint8_t key[static GW_SEAL_KEYLEN], const char *secret, char **ret, struct gw_error *err);
/* The clear text, to be wiped and freed. */
int gw_unseal(const uint8_t key[static GW_SEAL_KEYLEN], const char *sealed, char **ret, struct gw_error *err);

/* path.c */
struct gw_path {
	struct gw_resource *parent; /* NULL: top level */
	enum gw_kind kind;
	const char *id;	    /* NULL: the collection. Points into `text` */
	const char *tenant; /* whose names are meant; NULL: it was not said, and an operator asks */
	char text[GW_REF_MAX + 1];
};

/* -ENOENT for what is no path here, or leads through what `who` may not see. */
int gw_path_parse(const struct gw_catalog *c, const struct gw_principal *who, const char *path, struct gw_path *ret,
		  struct gw_error *err);

/* What is at the path now, or NULL. */
struct gw_resource *gw_path_resource(const struct gw_catalog *c, const struct gw_path *path);

#endif
