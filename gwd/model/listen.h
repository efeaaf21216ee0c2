/* listen.h - where the API listens: the value of [api] listen as a list. */
#ifndef GW_MODEL_LISTEN_H
#define GW_MODEL_LISTEN_H

#include "base/addr.h"

#define GW_LISTEN_PATHLEN 108 /* fits sun_path */
#define GW_LISTEN_TEXTLEN (GW_LISTEN_PATHLEN + 8)
#define GW_LISTEN_MAX	  8

enum gw_listen_scheme { GW_LISTEN_UNIX, GW_LISTEN_HTTPS, GW_LISTEN_HTTP };

struct gw_listen {
	enum gw_listen_scheme scheme;
	char text[GW_LISTEN_TEXTLEN]; /* as it was written */
	char path[GW_LISTEN_PATHLEN]; /* of a unix socket */
	struct gw_addr addr;	      /* of the others, with `port` */
	uint16_t port;
};

/*
 * Parses "unix:PATH, https://ADDRESS:PORT, http://[::1]:PORT". 0, or -EINVAL and in *ret_why what is wrong. `ret` has
 * *ret_n entries then, at least one.
 */
int gw_listen_parse(const char *text, struct gw_listen ret[static GW_LISTEN_MAX], size_t *ret_n, const char **ret_why);
/* Whether only this machine can reach it. */
bool gw_listen_is_local(const struct gw_listen *l);

#endif
