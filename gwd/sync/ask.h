/*
 * ask.h - one short request to a controller, waited for: for threads. Enrolling and renewing are rare and may take their time; the
 * link that follows a controller is another (link.h).
 */
#ifndef GW_SYNC_ASK_H
#define GW_SYNC_ASK_H

#include "base/error.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

struct gw_ask {
	const char *url;  /* "https://HOST:PORT" */
	const char *path; /* "/networking/v1/ca" */
	const char *ca;	  /* whom to trust, PEM; NULL: anybody, for what is no secret and is looked at otherwise */
	const char *cert, *key;	 /* files; NULL: no certificate is shown */
	const char *bearer;	 /* NULL: none */
	const json_t *body;	 /* NULL: it is a GET, else a POST */
	const atomic_bool *stop; /* nobody waits any more when it becomes true */
};

/*
 * 0 when the answer was 2xx: *ret is its body, an object. Otherwise *ret_sent tells whether the controller may have got the request
 * even so. `err` has the controller's own reason where it gave one: its code then is that one's, where this version knows it.
 */
int gw_ask(const struct gw_ask *ask, json_t **ret, bool *ret_sent, struct gw_error *err);

#endif
