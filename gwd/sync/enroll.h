/*
 * enroll.h - how this machine becomes a controller's node, and stays one: it brings the controller a one-time token and gets a
 * certificate for it; it asks for another one before that is over. Opened by the composition root.
 *
 *     NONE --token--> VALID --a third of its time is left--> DUE --another one has come--> VALID
 *                                                             |
 *                                                             +--its time is over--> EXPIRED: only a token helps
 *
 * The secret is said only to who has proved to be of the authority that the token names: that one is asked for first, of anybody,
 * compared, and is all that is trusted afterwards.
 */
#ifndef GW_SYNC_ENROLL_H
#define GW_SYNC_ENROLL_H

#include "model/config.h"
#include "model/service.h"

struct uv_loop_s;
struct gw_enroller;

struct gw_enroller_params {
	struct uv_loop_s *loop;
	const struct gw_config *config;
	/* There is another controller, or the first one: whoever follows one begins anew. */
	void (*enrolled)(void *ctx);
	void *ctx;
};

int gw_enroller_open(const struct gw_enroller_params *params, struct gw_enroller **ret, struct gw_error *err);
/* What is under way is given up. Memory is freed once the loop has closed the handles. */
struct gw_enroller *gw_enroller_close(struct gw_enroller *e);

/* Those of struct gw_service; `ctx` is the enroller. */
int gw_enroller_enroll(void *ctx, const char *urls, const char *token, struct gw_enrolling *w, struct gw_error *err);
json_t *gw_enroller_status(void *ctx);

/* What a certificate needs at a time, and in how many seconds it is looked at next when so many renewals have failed. Pure. */
enum gw_enrollment_state { GW_ENROLLMENT_NONE, GW_ENROLLMENT_VALID, GW_ENROLLMENT_DUE, GW_ENROLLMENT_EXPIRED };
enum gw_enrollment_state gw_enrollment_state(int64_t from, int64_t until, int64_t now);
unsigned gw_enrollment_wait(int64_t from, int64_t until, int64_t now, unsigned failures);

#endif
