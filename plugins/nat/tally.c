/*
 * tally.c - see tally.h. The counters of very many rules take long to read, and those of many virtual gateways too: what is more than
 * a few milliseconds' work in one turn of the loop is left to a thread, one virtual gateway after the other.
 */
#include "nat/tally.h"

#include "nat/gateway.h"
#include "nat/track.h"
#include "nat/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FEW_ELEMS 1000	   /* that are read at once */
#define TURN_NS	  5000000u /* that reading may take of one turn of the loop */

/* --- sums --------------------------------------------------------------------------------------------------------- */

static int cmp_place(const void *va, const void *vb)
{
	const struct nat_place *a = va, *b = vb;
	int r = gw_addr_cmp(&a->address, &b->address);

	if (r == 0)
		r = a->port - b->port;
	if (r == 0)
		r = a->type - b->type;
	return r ? r : a->protocol - b->protocol;
}

int nat_places_make(const struct gw_nat_rule *rules, const uint64_t *connections, size_t n, struct nat_places *ret)
{
	struct nat_place *v = calloc(n + 1, sizeof *v);
	size_t all = 0, made = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (connections[i])
			v[all++] = (struct nat_place){.address = rules[i].address,
						      .port = rules[i].port,
						      .type = rules[i].type,
						      .protocol = rules[i].protocol,
						      .connections = connections[i]};
	if (all)
		qsort(v, all, sizeof *v, cmp_place);
	for (size_t i = 0; i < all; i++)
		if (made && cmp_place(&v[made - 1], &v[i]) == 0)
			v[made - 1].connections += v[i].connections;
		else
			v[made++] = v[i];
	*ret = (struct nat_places){v, made};
	return 0;
}

void nat_places_done(struct nat_places *p)
{
	free(p->v);
	*p = (struct nat_places){0};
}

size_t nat_places_from(const struct nat_places *p, const struct gw_addr *a, uint16_t port)
{
	const struct nat_place key = {.address = *a, .port = port};
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (cmp_place(&p->v[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* --- by a thread -------------------------------------------------------------------------------------------------- */

struct nat_tally {
	uv_work_t req;
	struct gw_driver *driver;
	struct nat_gateway *g; /* NULL: nobody wants to know any more */

	/* The thread's, while it runs. */
	struct mnl_socket *socket;
	struct nat_plan plan; /* rules only */
	uint32_t maps;
	uint64_t *connections;
	struct nat_places places;
	int r;
};

static void release(struct nat_tally *t)
{
	if (t->socket)
		mnl_socket_close(t->socket);
	nat_plan_done(&t->plan);
	nat_places_done(&t->places);
	free(t->connections);
	free(t);
}

static void on_work(uv_work_t *req)
{
	struct nat_tally *t = req->data;

	t->r = nat_count_rules(t->socket, t->maps, &t->plan, t->connections);
	if (t->r == 0)
		t->r = nat_places_make(t->plan.rules, t->connections, t->plan.n_rules, &t->places);
}

static void begin_next(struct gw_driver *d);

static void on_done(uv_work_t *req, int status)
{
	struct nat_tally *t = req->data;
	struct gw_driver *d = t->driver;

	(void)status; /* it is never cancelled */
	d->tally = NULL;
	if (t->g && t->r == 0) {
		nat_gateway_counted(t->g, t->connections, &t->places);
		t->connections = NULL;
	}
	if (!d->closing)
		begin_next(d);
	nat_driver_handle_closed(d);
	release(t);
}

static int prepare(struct nat_tally *t, struct nat_gateway *g)
{
	struct stat st = {0};
	int fd = -1, r = nat_gateway_namespace(g, g->plan.vsid, &fd, &st);

	if (r < 0)
		return r;
	r = st.st_dev == g->dev && st.st_ino == g->ino ? nat_flow_socket(fd, &t->socket) : -ENOENT;
	close(fd);
	t->plan.rules = calloc(g->plan.n_rules + 1, sizeof *t->plan.rules);
	t->connections = calloc(g->plan.n_rules + 1, sizeof *t->connections);
	if (r < 0 || !t->plan.rules || !t->connections)
		return r < 0 ? r : -ENOMEM;
	if (g->plan.n_rules)
		memcpy(t->plan.rules, g->plan.rules, g->plan.n_rules * sizeof *t->plan.rules);
	t->plan.n_rules = g->plan.n_rules;
	t->maps = nat_plan_maps(&g->plan);
	return 0;
}

static int begin(struct gw_driver *d, struct nat_gateway *g)
{
	struct nat_tally *t = calloc(1, sizeof *t);
	int r;

	if (!t)
		return -ENOMEM;
	*t = (struct nat_tally){.req.data = t, .driver = d, .g = g};
	r = prepare(t, g);
	if (r < 0) {
		release(t);
		return r;
	}
	d->tally = t;
	d->handles++;
	uv_queue_work(d->env.loop, &t->req, on_work, on_done); /* fails without a function only */
	return 0;
}

/* One that cannot be read now is when somebody asks again. */
static void begin_next(struct gw_driver *d)
{
	GW_HMAP_FOR_EACH (node, &d->gateways) {
		struct nat_gateway *g = GW_CONTAINER_OF(node, struct nat_gateway, by_rdid);
		bool wanted = g->tally_wanted && g->nft && g->current;

		if (d->tally)
			return;
		g->tally_wanted = false;
		if (wanted)
			begin(d, g);
	}
}

void nat_tally_leave(struct nat_gateway *g)
{
	if (g->driver->tally && g->driver->tally->g == g)
		g->driver->tally->g = NULL;
}

/* --- whichever is due --------------------------------------------------------------------------------------------- */

/* Whether this turn of the loop has time for more of it. */
static bool has_time(struct gw_driver *d)
{
	uint64_t now = uv_now(d->env.loop);

	if (d->tallied_at != now) {
		d->tallied_at = now;
		d->tallied_ns = 0;
	}
	return d->tallied_ns < TURN_NS;
}

const struct nat_places *nat_gateway_tally(struct nat_gateway *g)
{
	struct gw_driver *d = g->driver;

	if (!g->nft || !g->current)
		return NULL;
	if (g->plan.n_elems <= FEW_ELEMS && has_time(d)) {
		uint64_t begun = uv_hrtime();

		nat_gateway_count_rules(g);
		d->tallied_ns += uv_hrtime() - begun;
	} else if (!nat_gateway_is_counted(g)) {
		g->tally_wanted = true;
		if (!d->tally)
			begin_next(d);
	}
	return g->connections ? &g->places : NULL;
}
