/*
 * http_places.c - who has the connections of a listener, and who goes when all are taken. Called by http.c and http_request.c.
 *
 * Addresses have their limit (limit.c), but one tenant may have many addresses. So connections are counted by whose credentials
 * have been shown on them, too: nobody but operators, from whom nobody has to be protected, has more than half of them, and when the
 * last one is taken one of those goes who have not said who they are, else one that has nothing to do, of whoever has most.
 */
#include "api/http_private.h"

#include "model/config.h"
#include "model/principal.h"

#include <stdlib.h>
#include <string.h>

struct gw_http_holder {
	struct gw_http_holder *next, **link;
	bool is_tenant; /* `name` is his, whatever credentials he has; else it is that of the credential */
	char name[GW_PRINCIPAL_NAMELEN];
	unsigned connections;
};

static bool is_of(const struct gw_http_holder *h, bool is_tenant, const char *name)
{
	return h->is_tenant == is_tenant && !strcmp(h->name, name);
}

/* NULL when memory ran out: then nobody counts it. */
static struct gw_http_holder *find_or_make(struct gw_http *http, bool is_tenant, const char *name)
{
	struct gw_http_holder *h = http->holders;

	while (h && !is_of(h, is_tenant, name))
		h = h->next;
	if (h || !(h = calloc(1, sizeof *h)))
		return h;
	h->is_tenant = is_tenant;
	memcpy(h->name, name, strnlen(name, sizeof h->name - 1));
	h->next = http->holders;
	h->link = &http->holders;
	if (h->next)
		h->next->link = &h->next;
	http->holders = h;
	return h;
}

void gw_http_give_back(struct gw_http_connection *c)
{
	struct gw_http_holder *h = c->holder;

	c->holder = NULL;
	if (!h || --h->connections > 0)
		return;
	*h->link = h->next;
	if (h->next)
		h->next->link = h->link;
	free(h);
}

bool gw_http_take(struct gw_http_connection *c, const struct gw_principal *who)
{
	unsigned max = c->http->env->service->config->connection_limit / 2;
	bool is_tenant = who->access == GW_ACCESS_TENANT;
	const char *name = is_tenant ? who->tenant : who->credential;

	if (c->holder && is_of(c->holder, is_tenant, name))
		return true;
	gw_http_give_back(c);
	c->holder = find_or_make(c->http, is_tenant, name);
	if (!c->holder || ++c->holder->connections <= max || who->access == GW_ACCESS_OPERATOR)
		return true;
	gw_http_give_back(c);
	return false;
}

/* Of those without credentials by who has most of the client's address, of the others by whose they are. */
static unsigned worth(const struct gw_http_connection *c)
{
	if (c->proved)
		return c->holder ? c->holder->connections : 0;
	return c->counted ? gw_limit_connections(c->http->env->limits, &c->client) : 0;
}

/* The oldest of whoever has most; of proved ones those only that have nothing to do, and that are somebody's. */
static struct gw_http_connection *find_worst(const struct gw_http *http, const struct gw_http_connection *newest,
					     bool proved)
{
	struct gw_http_connection *worst = NULL;
	unsigned most = 0;

	for (struct gw_http_connection *c = http->connections; c; c = c->next) {
		if (c == newest || c->cut || c->proved != proved || (proved && (!c->holder || c->exchange)) ||
		    worth(c) < most)
			continue;
		most = worth(c);
		worst = c;
	}
	return worst;
}

void gw_http_make_place(struct gw_http *http, const struct gw_http_connection *newest)
{
	struct gw_http_connection *worst = find_worst(http, newest, false);

	if (!worst)
		worst = find_worst(http, newest, true);
	if (worst)
		gw_http_cut(worst);
}

void gw_http_keep_place(struct gw_http *http)
{
	struct gw_http_connection *worst;

	if (!gw_http_is_full(http))
		return;
	for (const struct gw_http_connection *c = http->connections; c; c = c->next)
		if (c->cut)
			return;
	worst = find_worst(http, NULL, true);
	if (worst)
		gw_http_cut(worst);
}
