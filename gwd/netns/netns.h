/*
 * netns.h - named network namespaces that outlive the daemon, asked of the holder (holder.c), which is a process of its own:
 *
 *   gwd -- "add NAME" --> /run/gwd-netns/holder.sock, gwd-netns -- unshare, mount --> /run/netns/NAME
 *       <- status, fd --
 *
 * gwd is sandboxed, so that it has a mount namespace of its own: what it mounted there nobody else would see, and it would be
 * gone with the process. The holder mounts where everybody looks, and does nothing else. One request to a connection. Where
 * gwd is not sandboxed and no holder listens (a container, a test) it does the same by itself.
 */
#ifndef GW_NETNS_NETNS_H
#define GW_NETNS_NETNS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_NETNS_SOCKET "/run/gwd-netns/holder.sock"
#define GW_NETNS_DIR	"/run/netns"
#define GW_NETNS_PREFIX "gwd-"
#define GW_NETNS_STRLEN 96 /* of a name, with its end */

enum gw_netns_op { GW_NETNS_ADD = 1, GW_NETNS_GET, GW_NETNS_DELETE };

/* A message to the holder; the answer is an errno value or 0 as int32_t, with the namespace's descriptor unless it is deleted. */
struct gw_netns_request {
	uint32_t op;
	char name[GW_NETNS_STRLEN];
};

/* Letters, digits, '.', '_' and '-' behind the prefix: nothing that could leave the directory. */
bool gw_netns_name_valid(const char name[static GW_NETNS_STRLEN]);

/* -EEXIST when there is one of that name. */
int gw_netns_add(const char *socket_path, const char *name, int *ret_fd, struct gw_error *err);
/* -ENOENT when there is none. */
int gw_netns_get(const char *socket_path, const char *name, int *ret_fd, struct gw_error *err);
/* What is in use lives on without its name. Succeeds when there is none. */
int gw_netns_delete(const char *socket_path, const char *name, struct gw_error *err);
/* -ENOENT when there is none. Asks nobody: for those who only use namespaces that others make. */
int gw_netns_open(const char *name, int *ret_fd);

/* "gwd-NODE-VSID": the namespace of the VRF whose gateway subnet this is. */
const char *gw_netns_vrf_name(const char *node, uint32_t vsid, char buf[static GW_NETNS_STRLEN]);
/* The other way round: 0 when it is no such name, or another node's. */
uint32_t gw_netns_vrf_vsid(const char *node, const char *name);
/* Calls cb for the VRFs that there are of this node, until it returns something else than 0. */
typedef int (*gw_netns_cb)(void *ctx, const char *name, uint32_t vsid, struct gw_error *err);
int gw_netns_each(const char *node, gw_netns_cb cb, void *ctx, struct gw_error *err);
/* The VRFs of this node, not those of others on the same machine. Needs no holder when there are none. */
int gw_netns_delete_all(const char *socket_path, const char *node, struct gw_error *err);

/*
 * Calls fn in a thread that is in the namespace and waits for it: the caller is never in the wrong one. Returns what fn returned,
 * or why it could not be called. fn may use sockets, which stay inside, and /proc/sys/net and /proc/net by /proc/thread-self.
 */
int gw_netns_run(int ns_fd, int (*fn)(void *arg), void *arg);

#endif
