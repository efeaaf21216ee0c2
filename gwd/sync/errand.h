/* errand.h - what enroll.c asks a controller for, on a thread: all that it needs is in the struct, and all that comes of it. */
#ifndef GW_SYNC_ERRAND_H
#define GW_SYNC_ERRAND_H

#include "model/config.h"
#include "model/enrollment.h"
#include "sync/credential.h"

#include <stdatomic.h>

#define GW_ERRAND_URLS sizeof((struct gw_config){0}.controller_urls)

enum gw_errand_task {
	GW_ERRAND_ENROLL, /* with a token */
	GW_ERRAND_RENEW,  /* with the certificate that is there */
	GW_ERRAND_SHOW	  /* the new one, so that the old one is void */
};

struct gw_errand {
	enum gw_errand_task task;
	const struct gw_config *config; /* what of it is read is never changed */
	char urls[GW_ERRAND_URLS];
	struct gw_enrollment token; /* to enroll with */
	const atomic_bool *stop;    /* nobody waits any more when it becomes true */
	/* Answered: */
	bool sent; /* the controller may have used the token up */
	int result;
	struct gw_error error;
};

/* Asks at one url after the other, and leaves in state_dir what has come. */
void gw_errand_run(struct gw_errand *e);

#endif
