/*
 * sync.h - the node's side of the link to its controller: fetches what the node is to have, follows the changes, carries them out
 * through the core, and reports how that went (API-2). Opened by the composition root on every node; idle until there is a
 * controller: named by [controller] urls, by what enrolling has left in state_dir, or the node is one itself and a host besides.
 *
 * What came last stays in force while the controller is away, and after a restart, since it is in the node's store. Only the
 * position in the controller's history is not: after a start everything is fetched, and what is there already is not touched.
 *
 *   ALONE  --enrolled, or from the start-->  CONNECTING
 *                                                |
 *        +-----------------------+---------------+----------------------+
 *        | 401, 403, 404,        | no answer     | one that is of       | 200, page by page
 *        | no trust              |               | no use               |
 *        v                       v               v                      v
 *     REFUSED                  AWAY           FAILING               CONNECTED: carries out, waits for changes
 *
 * From these four each answer, or none, leads to each of them. Where it went wrong it is asked again at the next url, and after a
 * back-off when all have been tried.
 */
#ifndef GW_SYNC_SYNC_H
#define GW_SYNC_SYNC_H

#include "model/service.h"

struct uv_loop_s;
struct gw_sync;

struct gw_sync_params {
	struct uv_loop_s *loop;
	/* What carries changes out; outlives this. `manager` in it is set here. */
	struct gw_service *service;
	/*
	 * Calls `go`, at once or later, when the store may be written to; with `why`, when that will not be any more. Asked for again
	 * only when `go` has been called; after close nobody may call it. NULL: it always may.
	 */
	void (*await_turn)(void *ctx, void (*go)(void *arg, const struct gw_error *why), void *arg);
	void *ctx;
};

int gw_sync_open(const struct gw_sync_params *params, struct gw_sync **ret, struct gw_error *err);
/* Memory is freed once the loop has closed the handles. */
struct gw_sync *gw_sync_close(struct gw_sync *s);
/* The files of enrolling are there, or others than before: follows whom they name, from the beginning. */
void gw_sync_enrolled(struct gw_sync *s);
/* An interface is there, another than before, or gone: what could not be without it is tried again, how a port is is reported. */
void gw_sync_link_changed(struct gw_sync *s, const char *interface, bool removed);
/* The state of the drivers may be another than before: the controller is to know. */
void gw_sync_node_changed(struct gw_sync *s);

/*
 * {"url", "state", "server", "epoch", "revision", "lastContact": seconds ago, "failed": 1, "failures": [{"path", "code", "message"}],
 * "lastError"}; as far as there is something to say. `ctx` is the gw_sync.
 */
json_t *gw_sync_status(void *ctx);

#endif
