/*
 * look.c - looks after a virtual gateway that is as it should be: is its namespace still there, how many connections, how full its
 * blocks of ports are, what its counters say. See gateway.h; called by plugin.c, on the loop.
 */
#include "nat/gateway.h"

#include "base/addr.h"

#include <stdlib.h>
#include <unistd.h>

#define LOOK_MIN_MS   20
#define LOOK_MAX_MS   500
#define FILL_EVERY_MS 10000
#define CROWDED	      90 /* per cent of a block */
#define COUNT_MS      1000

static void refuse_new(struct nat_gateway *g, unsigned full)
{
	struct gw_error err = GW_ERROR_INIT;
	struct nat_params params;

	if (g->full == full || !g->current)
		return;
	params = nat_gateway_params(g);
	if (nat_nft_full(g->nft, &params, g->full, full, &err) < 0) {
		g->current = false;
		nat_gateway_want_sync(g, err.message);
		return;
	}
	g->full = full;
	g->crowded = false;
	nat_gateway_settle(g);
}

/* The bit if there are so many, as before when there is a little less: not to and fro with every connection. */
static unsigned refused(const struct nat_gateway *g, unsigned bit, uint32_t limit)
{
	if (g->tracked >= limit)
		return bit;
	return g->tracked < limit - limit / 32 ? 0 : g->full & bit;
}

/* Looks at the number of connections; returns for how long it cannot come over a limit. */
static uint64_t hold_limits(struct nat_gateway *g)
{
	const struct gw_config *c = g->driver->env.config;
	uint32_t all = nat_driver_limit(g->driver), in = all / 2; /* what others may take of it */

	refuse_new(g, refused(g, NAT_FULL, all) | refused(g, NAT_FULL_IN, in));
	if (g->tracked < in)
		return (uint64_t)(in - g->tracked) * 1000 / c->new_rate / 2; /* both sides open */
	return g->tracked < all ? (uint64_t)(all - g->tracked) * 1000 / c->new_rate : 0;
}

static void on_filled(void *ctx, int r, const struct nat_fill_found *fill)
{
	struct nat_gateway *g = ctx;
	char addr[GW_ADDR_STRLEN];

	g->fill = NULL;
	if (r < 0 || !g->current)
		return;
	g->crowded = fill->block && (uint64_t)fill->used * 100 >= (uint64_t)fill->block->port_count * CROWDED;
	if (g->crowded && !g->full)
		nat_gateway_transition(
			g, NAT_STATE_WARNING,
			"%u of the %u ports of %s from %u on are in use towards one place outside: give the network "
			"another block of ports",
			fill->used, fill->block->port_count, gw_addr_format(&fill->block->prefix.addr, addr),
			fill->block->first_port);
	else
		nat_gateway_settle(g);
}

static void on_fill_gone(void *arg)
{
	nat_driver_handle_closed(arg);
}

/* Reading all connections takes its time: now and then, and only when a block could be nearly used up at all. */
static void look_at_blocks(struct nat_gateway *g, uint64_t now)
{
	uint32_t smallest = UINT32_MAX;
	struct stat st = {0};
	int fd = -1;

	for (size_t i = 0; i < g->plan.n_publics; i++)
		if (g->plan.publics[i].port_count > 1 && g->plan.publics[i].port_count < smallest)
			smallest = g->plan.publics[i].port_count;
	if (g->fill || now < g->next_fill || (!g->crowded && (uint64_t)g->tracked * 100 < (uint64_t)smallest * CROWDED))
		return;
	g->next_fill = now + FILL_EVERY_MS;
	if (nat_gateway_namespace(g, g->plan.vsid, &fd, &st) < 0)
		return;
	g->fill = nat_fill_begin(g->driver->env.loop, fd, &g->plan, on_filled, g, on_fill_gone, g->driver);
	if (g->fill)
		g->driver->handles++;
	close(fd);
}

uint64_t nat_gateway_look(struct nat_gateway *g, uint64_t now)
{
	uint64_t wait = LOOK_MAX_MS;
	struct stat st = {0};
	int fd = -1;

	if (now < g->next_look)
		return g->next_look;
	if (nat_gateway_namespace(g, g->plan.vsid, &fd, &st) == 0) {
		close(fd);
		if (!g->nft || st.st_dev != g->dev || st.st_ino != g->ino)
			nat_gateway_want_sync(g, "the namespace of a virtual gateway came");
	} else if (g->nft) {
		nat_gateway_want_sync(g, "the namespace of a virtual gateway has gone");
	}
	if (g->sweep && now >= g->sweep_at)
		nat_driver_sweep(g->driver);
	if (g->nft && g->current && nat_flows_count(nat_nft_requests(g->nft), &g->tracked) == 0) {
		wait = hold_limits(g);
		if (g->current && g->nft)
			look_at_blocks(g, now);
	}
	wait = wait < LOOK_MIN_MS ? LOOK_MIN_MS : wait > LOOK_MAX_MS ? LOOK_MAX_MS : wait;
	g->next_look = now + wait;
	return g->next_look;
}

static bool is_recent(const struct nat_gateway *g, uint64_t counted_at)
{
	return counted_at && uv_now(g->driver->env.loop) < counted_at + COUNT_MS;
}

static uint64_t now_or_1(const struct nat_gateway *g)
{
	uint64_t now = uv_now(g->driver->env.loop);

	return now ? now : 1;
}

bool nat_gateway_count(struct nat_gateway *g)
{
	struct gw_error err = GW_ERROR_INIT;

	if (!g->nft || !g->current)
		return false;
	if (is_recent(g, g->counted_at))
		return true;
	if (nat_nft_count(g->nft, g->counts, &err) < 0)
		return false;
	g->counted_at = now_or_1(g);
	return true;
}

bool nat_gateway_is_counted(const struct nat_gateway *g)
{
	return g->connections && is_recent(g, g->rules_counted_at);
}

void nat_gateway_counted(struct nat_gateway *g, uint64_t *connections, struct nat_places *places)
{
	free(g->connections);
	nat_places_done(&g->places);
	g->connections = connections;
	g->places = *places;
	*places = (struct nat_places){0};
	g->rules_counted_at = now_or_1(g);
}

bool nat_gateway_count_rules(struct nat_gateway *g)
{
	struct nat_places places = {0};
	uint64_t *connections;

	if (!g->nft || !g->current)
		return false;
	if (nat_gateway_is_counted(g))
		return true;
	connections = calloc(g->plan.n_rules + 1, sizeof *connections);
	if (!connections ||
	    nat_count_rules(nat_nft_requests(g->nft), nat_plan_maps(&g->plan), &g->plan, connections) < 0 ||
	    nat_places_make(g->plan.rules, connections, g->plan.n_rules, &places) < 0) {
		free(connections);
		return false;
	}
	nat_gateway_counted(g, connections, &places);
	return true;
}
