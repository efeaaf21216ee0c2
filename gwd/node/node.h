/*
 * node.h - driver "node": provider addresses and provider routes of the intent, as addresses and routes of the kernel.
 */
#ifndef GW_NODE_NODE_H
#define GW_NODE_NODE_H

#include "driver.h"

extern const struct gw_driver_ops gw_node_driver;

#endif
