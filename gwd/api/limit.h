/*
 * limit.h - how much one client may ask of the API: connections, requests a second, wrong passwords a minute. A client is an
 * IPv4 address, or the /64 of an IPv6 one, which is what one machine can have all of. Pure: the time comes from the caller.
 *
 * Memory is bounded: there are GW_LIMIT_CLIENTS places, and whoever has been quiet the longest loses its place to a newcomer.
 */
#ifndef GW_API_LIMIT_H
#define GW_API_LIMIT_H

#include "base/addr.h"
#include "model/config.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_LIMIT_CLIENTS 4096

struct gw_limits;

struct gw_limits *gw_limits_new(void);
struct gw_limits *gw_limits_free(struct gw_limits *l);

/* The address as it is counted. */
struct gw_addr gw_limit_key(const struct gw_addr *a);
/*
 * One more connection of the client? Not beyond its number, nor so often that handshakes alone keep us busy. Every one that was
 * counted is given back by gw_limit_disconnect.
 */
bool gw_limit_connect(struct gw_limits *l, const struct gw_config *c, const struct gw_addr *key, uint64_t now_ms);
void gw_limit_disconnect(struct gw_limits *l, const struct gw_addr *key);
/* 0: go on; else after how many seconds it may try again. */
unsigned gw_limit_request(struct gw_limits *l, const struct gw_config *c, const struct gw_addr *key, uint64_t now_ms);
/* How many connections it has. */
unsigned gw_limit_connections(struct gw_limits *l, const struct gw_addr *key);
/*
 * Is there room in memory for a body of the client's to take `n` bytes, instead of *held? If so, *held is that afterwards. It is
 * given back by gw_limit_body_done, which may be called when the limits have been freed.
 */
bool gw_limit_body(struct gw_limits *l, const struct gw_config *c, const struct gw_addr *key, size_t n, size_t *held);
/*
 * The same for an answer that waits to be read: *held becomes `n`, more or less than before, but not 0. How large it is depends on what is
 * stored, so that one of any size has room when there is nothing else, but for `own` bytes of the same request's body.
 */
bool gw_limit_answer(struct gw_limits *l, const struct gw_config *c, const struct gw_addr *key, size_t n, size_t own,
		     size_t *held);
/* Of either. */
void gw_limit_body_done(struct gw_limits *l, const struct gw_addr *key, size_t *held);
unsigned gw_limit_login(struct gw_limits *l, const struct gw_config *c, const struct gw_addr *key, uint64_t now_ms);
void gw_limit_login_failed(struct gw_limits *l, const struct gw_config *c, const struct gw_addr *key, uint64_t now_ms);

#endif
