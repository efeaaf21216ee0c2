/*
 * plugin.h - what a loaded plugin is: a shared object in [node] plugin_dir that exports one symbol,
 *
 *     const struct gw_plugin gw_plugin = GW_PLUGIN("nat", &ops, 1u << GW_HNV_NAT_RULE);
 *
 * and is a driver from then on (driver.h), the last in order of application. Of the daemon it may use what driver.h, model/, nl/,
 * netns/ and base/ declare, and nothing else is there to be linked with.
 *
 * A plugin is no part of what must work for the node to work. When it cannot be loaded, opened, applied or synced, the others'
 * change stands; its own objects say so, and it is tried again as any driver is. What it wants to refuse it refuses in check.
 */
#ifndef GW_PLUGIN_H
#define GW_PLUGIN_H

#include "driver.h"

/* Of all that a plugin can see: raised whenever a structure or a function there changes. */
#define GW_PLUGIN_ABI	 4u
#define GW_PLUGIN_SYMBOL "gw_plugin"

struct gw_plugin {
	uint32_t abi;	  /* GW_PLUGIN_ABI; stays first in all versions */
	uint32_t size;	  /* of this structure */
	const char *name; /* letters, digits, '-'; as in the file's name */
	const struct gw_driver_ops *ops;
	uint32_t kinds; /* bit 1 << enum gw_hnv_kind: these objects are nothing without it */
};

#define GW_PLUGIN(n, o, k)                                                                                             \
	{                                                                                                              \
		.abi = GW_PLUGIN_ABI, .size = sizeof(struct gw_plugin), .name = (n), .ops = (o), .kinds = (k)          \
	}

extern const struct gw_plugin gw_plugin;

#endif
