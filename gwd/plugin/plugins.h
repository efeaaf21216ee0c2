/*
 * plugins.h - loads the plugins of a directory, and says of each that could not be loaded why. Called by the composition root,
 * which hands the result to the core.
 */
#ifndef GW_PLUGIN_PLUGINS_H
#define GW_PLUGIN_PLUGINS_H

#include "plugin.h"

#define GW_PLUGINS_MAX	   32
#define GW_PLUGIN_NAME_LEN 32

struct gw_loaded_plugin {
	char name[GW_PLUGIN_NAME_LEN]; /* the file's, without ".so" */
	void *handle;
	const struct gw_plugin *plugin; /* NULL: not loaded, and `error` says why */
	struct gw_error error;
};

struct gw_plugins {
	struct gw_loaded_plugin v[GW_PLUGINS_MAX]; /* in the order of their names */
	size_t n;
	struct gw_error error; /* of the directory as a whole */
};

/* Never fails: what is wrong stands in `ret`. A directory that is not there has no plugins. */
void gw_plugins_load(const char *dir, struct gw_plugins *ret);
/* Nothing of theirs may run any more. */
void gw_plugins_unload(struct gw_plugins *p);

#endif
