/* controller.h - a server that is a controller, for the tests of resources over HTTP. */
#ifndef TESTS_UNIT_CONTROLLER_H
#define TESTS_UNIT_CONTROLLER_H

#include "api_client.h"

#include "control/control.h"
#include "reconcile/reconcile.h"

struct controller {
	struct server s;
	struct gw_control *control;
};

static inline void manage(struct controller *c, void **state, const char *more)
{
	struct gw_error err = GW_ERROR_INIT;

	serve(&c->s, state, more);
	if (gw_control_open(gw_reconcile_store(c->s.core), &c->s.config, &c->s.loop, &c->control, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	c->s.service.control = c->control;
}

static inline void leave(struct controller *c)
{
	c->s.api = gw_api_stop(c->s.api);
	c->control = gw_control_close(c->control); /* with what is under way on threads */
	c->s.service.control = NULL;
	end(&c->s);
}

#endif
