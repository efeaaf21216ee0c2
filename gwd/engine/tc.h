/*
 * tc.h - the engine's programs on clsact ingress. The filter has a handle and priority of its own, replacing is atomic, and
 * the kernel keeps program and maps alive for as long as the filter is there.
 */
#ifndef GW_ENGINE_TC_H
#define GW_ENGINE_TC_H

#include "base/error.h"

#include <stdbool.h>

/*
 * Attaches, or swaps the program of the filter that is there without losing a packet. `ifname` is for messages; `again`: there has
 * been one before, so that most likely there still is what it hangs on.
 */
int gw_tc_attach(int ifindex, const char *ifname, int prog_fd, bool again, struct gw_error *err);
/* Removes our filter; success when there is none or the link has gone. The clsact qdisc stays: others may use it. */
int gw_tc_detach(int ifindex, const char *ifname, struct gw_error *err);
/* The id of the program that our filter holds, 0 for none. */
unsigned gw_tc_program(int ifindex);

#endif
