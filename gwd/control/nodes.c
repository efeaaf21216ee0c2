/*
 * nodes.c - what the nodes have to hold (plan/), and who waits for it to change. See control.h.
 *
 * The plan follows the catalogue after each commit, on the thread that has the catalogue for itself then. It is read by those who
 * may read the catalogue.
 */
#include "control/private.h"

#include "base/log.h"
#include "store/resource.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define REMEMBERED 4096 /* removals of each domain and node, beyond as many as it has objects */
#define FOLLOWERS  4	/* of one node */

int gw_nodes_init(struct gw_control *k)
{
	const struct gw_plan_params params = {
		.router_mac = k->config->router_mac,
		.remembered = REMEMBERED,
		.gateways = gw_kind_is_in_force(GW_KIND_VIRTUAL_GATEWAY),
	};
	int r = gw_plan_new(&params, &k->plan);

	if (r == 0 && getrandom(&k->epoch, sizeof k->epoch, 0) != (ssize_t)sizeof k->epoch)
		r = -EIO;
	return r;
}

/* --- servers that are gone ---------------------------------------------------------------------------------------- */

struct gone {
	struct gw_hmap_node node; /* first */
	char id[];		  /* in lower case */
};

static void lower(const char *id, char ret[static GW_RESOURCE_ID_MAX + 1])
{
	size_t n = strnlen(id, GW_RESOURCE_ID_MAX);

	for (size_t i = 0; i < n; i++)
		ret[i] = (char)tolower((unsigned char)id[i]);
	ret[n] = '\0';
}

static bool is_noted(const struct gw_control *k, const char *id)
{
	char name[GW_RESOURCE_ID_MAX + 1];

	lower(id, name);
	GW_HMAP_FOR_EACH_HASH (node, &k->gone_servers, gw_hash_bytes(name, strlen(name), 0))
		if (!strcmp(GW_CONTAINER_OF(node, struct gone, node)->id, name))
			return true;
	return false;
}

static int note_gone(struct gw_control *k, const char *id)
{
	char name[GW_RESOURCE_ID_MAX + 1];
	struct gone *g;

	if (is_noted(k, id))
		return 0;
	lower(id, name);
	g = malloc(sizeof *g + strlen(name) + 1);
	if (!g)
		return -ENOMEM;
	memcpy(g->id, name, strlen(name) + 1);
	if (gw_hmap_insert(&k->gone_servers, &g->node, gw_hash_bytes(name, strlen(name), 0)) == 0)
		return 0;
	free(g);
	return -ENOMEM;
}

bool gw_control_has_deleted_server(const struct gw_control *k, const char *id)
{
	return is_noted(k, id) && !gw_catalog_root(k->catalog, NULL, GW_KIND_SERVER, id);
}

static int on_gone(void *ctx, const char *id)
{
	return note_gone(ctx, id);
}

static int on_touched(void *ctx, const struct gw_resource *r)
{
	return r->gone && r->kind == GW_KIND_SERVER ? note_gone(ctx, r->id) : 0;
}

int gw_nodes_load(struct gw_control *k, struct gw_error *err)
{
	int r = gw_store_each_gone_server(k->store, on_gone, k, err);

	return r == -ENOMEM ? gw_error_oom(err) : r;
}

void gw_nodes_done(struct gw_control *k)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, &k->gone_servers)
		free(GW_CONTAINER_OF(node, struct gone, node));
	gw_hmap_done(&k->gone_servers);
	k->plan = gw_plan_free(k->plan);
}

/* --- the plan ----------------------------------------------------------------------------------------------------- */

void gw_nodes_update(struct gw_control *k)
{
	if (gw_catalog_touched(k->catalog, on_touched, k) < 0)
		gw_log_error("no memory to remember that a server is gone: its node keeps what it has");
	k->plan_is_behind = gw_plan_update(k->plan, k->catalog, gw_store_revision(k->store)) < 0;
	if (k->plan_is_behind)
		gw_log_error("no memory to find out what nodes have to hold: it is tried again when one asks");
}

const struct gw_plan *gw_control_plan(struct gw_control *k)
{
	if (k->plan_is_behind && k->state == GW_CONTROL_IDLE && !k->looks)
		gw_nodes_update(k);
	return k->plan_is_behind ? NULL : k->plan;
}

bool gw_control_has_plan(const struct gw_control *k)
{
	return !k->plan_is_behind;
}

uint64_t gw_control_epoch(const struct gw_control *k)
{
	return k->epoch;
}

/* --- followers ---------------------------------------------------------------------------------------------------- */

static void unlink_follower(struct gw_control_follower *f)
{
	*f->link = f->next;
	if (f->next)
		f->next->link = f->link;
	f->link = NULL;
}

static void call(struct gw_control_follower *f)
{
	unlink_follower(f);
	f->call(f);
}

void gw_control_follow(struct gw_control *k, struct gw_control_follower *f)
{
	struct gw_control_follower *oldest = NULL;
	unsigned n = 0;

	for (struct gw_control_follower *other = k->followers; other; other = other->next) {
		if (memcmp(&other->server, &f->server, sizeof f->server) != 0)
			continue;
		oldest = other;
		n++;
	}
	f->next = k->followers;
	f->link = &k->followers;
	if (f->next)
		f->next->link = &f->next;
	k->followers = f;
	if (n >= FOLLOWERS)
		call(oldest);
}

void gw_control_unfollow(struct gw_control_follower *f)
{
	if (f->link)
		unlink_follower(f);
}

static bool is_concerned(const struct gw_control *k, const struct gw_control_follower *f)
{
	uint64_t revision = gw_plan_node_revision(k->plan, &f->server);

	return revision == 0 || revision > f->since; /* 0: there is no such node any more */
}

/* They may begin to follow again, or let others go, while they are called. */
static void call_followers(struct gw_control *k, bool all)
{
	struct gw_control_follower *called = NULL, **end = &called, *f, *next;

	for (f = k->followers; f; f = next) {
		next = f->next;
		if (!all && !is_concerned(k, f))
			continue;
		unlink_follower(f);
		f->next = NULL;
		f->link = end;
		*end = f;
		end = &f->next;
	}
	while ((f = called))
		call(f);
}

/* When it is not known whom it concerns, each of them has to ask. */
void gw_nodes_tell(struct gw_control *k)
{
	call_followers(k, k->plan_is_behind);
}

void gw_control_release_followers(struct gw_control *k)
{
	call_followers(k, true);
}
