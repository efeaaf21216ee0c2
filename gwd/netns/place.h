/*
 * place.h - making, opening and deleting a named namespace where this process is. For the holder, and for gwd where there is no
 * holder (client.c); everybody else uses netns.h.
 */
#ifndef GW_NETNS_PLACE_H
#define GW_NETNS_PLACE_H

#include "netns/netns.h"

/* All take a name that gw_netns_name_valid lets through, and return 0 or a negative errno. */
int gw_netns_place_add(const char *name, int *ret_fd); /* -EEXIST when there is one of that name */
int gw_netns_place_get(const char *name, int *ret_fd); /* -ENOENT when there is none */
int gw_netns_place_delete(const char *name);	       /* 0 when there is none */
/*
 * Whether what is mounted here stays here: then a namespace that is made here has no name for anybody else, and ends with this
 * process.
 */
bool gw_netns_place_is_sandbox(void);

#endif
