/*
 * node.c - driver "node": brings the provider addresses and provider routes of the intent to the kernel and
 * keeps them there. The core calls it through gw_node_driver; the table of what is wanted is in table.c, the
 * kernel's side in kernel.c.
 *
 * What happens outside is learned from netlink events: the loss of something that is wanted, and what may let
 * something in that could not be put in place before, make the driver ask for a sync. Its own changes do not.
 */
#include "node/node.h"
#include "node/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_WARNINGS   32
#define MAX_CANDIDATES 6
#define LABEL_STRLEN   (GW_ID_STRLEN + 32)

/* "provider address 10.1.1.20" */
static const char *label(const struct gw_hnv_object *o, char buf[static LABEL_STRLEN])
{
	char id[GW_ID_STRLEN];

	snprintf(buf, LABEL_STRLEN, "%s %s", gw_hnv_kind_name(o->kind), gw_hnv_id(o, id));
	return buf;
}

static bool is_ours(const struct gw_hnv_object *o)
{
	return o->kind == GW_HNV_PROVIDER_ADDRESS || o->kind == GW_HNV_PROVIDER_ROUTE;
}

static void want_sync(struct gw_driver *d, const char *why)
{
	d->env.want_sync(d->env.core, why);
}

/* --- events --- */

static void on_link(void *ctx, const struct gw_link *link, bool removed)
{
	struct gw_driver *d = ctx;
	struct gw_node_iface *iface = gw_node_find_iface(d, link->name);
	char why[64 + IFNAMSIZ];
	bool came;

	if (!iface)
		return;
	if (removed) {
		if (iface->ifindex == link->ifindex)
			gw_node_note_link(iface, NULL);
		return;
	}
	/*
	 * While a link is down the kernel has no routes over it, and it says nothing of those that it flushed.
	 */
	came = iface->ifindex != link->ifindex || (link->up && !iface->up);
	gw_node_note_link(iface, link);
	if (!came)
		return;
	snprintf(why, sizeof why, "interface %s %s", link->name, link->up ? "came up" : "appeared");
	want_sync(d, why);
}

static bool is_prefix_wanted(const struct gw_driver *d, const struct gw_prefix *prefix)
{
	GW_HMAP_FOR_EACH (node, &d->items) {
		const struct gw_node_item *it = GW_CONTAINER_OF(node, struct gw_node_item, by_key);

		if (it->o->kind == GW_HNV_PROVIDER_ROUTE && gw_prefix_equal(&it->o->proute.prefix, prefix))
			return true;
	}
	return false;
}

static void on_addr_change(struct gw_driver *d, const struct gw_nl_addr *a, bool removed)
{
	const struct gw_node_iface *iface = gw_node_iface_of(d, a->ifindex);
	struct gw_node_item *it = gw_node_find_addr(d, &a->addr);
	char addr[GW_ADDR_STRLEN], why[sizeof addr + IFNAMSIZ + 64];

	if (!iface)
		return;
	if (removed && it && it->ifindex == a->ifindex && it->o->paddr.prefix_len == a->prefix_len) {
		it->ifindex = 0;
		snprintf(it->problem, sizeof it->problem, "removed from outside");
		snprintf(why, sizeof why, "address %s was removed from %s from outside", gw_addr_format(&a->addr, addr),
			 iface->name);
		want_sync(d, why);
	} else if ((removed && gw_addr_is_v4(&a->addr)) || d->retry_on_change) {
		/*
		 * With its last IPv4 address a link silently loses its routes; a new one may make a next hop reachable.
		 */
		snprintf(why, sizeof why, "addresses of %s changed", iface->name);
		want_sync(d, why);
	}
}

static void on_route_removed(struct gw_driver *d, const struct gw_nl_route *r)
{
	struct gw_node_item *it = gw_node_find_route(d, &r->prefix, r->ifindex);
	char prefix[GW_PREFIX_STRLEN], why[sizeof prefix + IFNAMSIZ + 64];

	gw_prefix_format(&r->prefix, prefix);
	if (it && gw_node_in_place(it) && !r->unreachable &&
	    (gw_addr_equal(&it->o->proute.next_hop, &r->next_hop) ||
	     (gw_addr_is_any(&it->o->proute.next_hop) && gw_addr_is_any(&r->next_hop)))) {
		it->ifindex = 0;
		snprintf(it->problem, sizeof it->problem, "removed from outside");
		snprintf(why, sizeof why, "route %s over %s was removed from outside", prefix, it->iface->name);
		want_sync(d, why);
	} else if (d->retry_on_change && is_prefix_wanted(d, &r->prefix)) {
		snprintf(why, sizeof why, "another route to %s went", prefix);
		want_sync(d, why);
	}
}

static void on_change(void *ctx, const struct gw_nl_change *change)
{
	struct gw_driver *d = ctx;

	switch (change->kind) {
	case GW_NL_CHANGE_ADDR:
		on_addr_change(d, &change->addr, change->removed);
		break;
	case GW_NL_CHANGE_ROUTE:
		if (change->removed)
			on_route_removed(d, &change->route);
		break;
	case GW_NL_CHANGE_LOST:
		want_sync(d, "the kernel dropped events");
		break;
	}
}

/* --- life cycle --- */

static struct gw_driver *node_close(struct gw_driver *d)
{
	if (!d)
		return NULL;
	gw_nl_unwatch(d->env.nl, d);
	gw_node_clear(d);
	if (d->announce_fd >= 0)
		close(d->announce_fd);
	free(d);
	return NULL;
}

static int node_open(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	struct gw_driver *d = calloc(1, sizeof *d);
	int rc;

	if (!d)
		return gw_error_oom(err);
	d->env = *env;
	d->announce_fd = -1;
	rc = gw_nl_watch_links(env->nl, on_link, d);
	if (rc == 0)
		rc = gw_nl_watch_inet(env->nl, on_change, d);
	if (rc < 0) {
		node_close(d);
		return gw_error_set(err, -rc, GW_ERR_UNAVAILABLE, "", "cannot watch the node's interfaces: %s",
				    strerror(-rc));
	}
	*ret = d;
	return 0;
}

/* --- check --- */

struct candidates {
	char text[MAX_CANDIDATES * (IFNAMSIZ + 2) + 8];
	size_t n;
};

static void add_candidate(void *ctx, const struct gw_link *link, bool removed)
{
	struct candidates *c = ctx;
	size_t used = strlen(c->text);

	(void)removed;
	if (!strcmp(link->name, "lo") || c->n > MAX_CANDIDATES)
		return;
	snprintf(c->text + used, sizeof c->text - used, "%s%s", c->n ? ", " : "",
		 c->n < MAX_CANDIDATES ? link->name : "...");
	c->n++;
}

static int check_interface(struct gw_driver *d, const char *name, struct gw_error *err)
{
	struct candidates c = {0};
	struct gw_link link;
	int rc = gw_nl_link_get(d->env.nl, name, &link, err);

	if (rc == 0 && strcmp(link.name, "lo") == 0)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.Interface",
				    "lo leads to no other node; name the interface of the provider network");
	if (rc != -ENODEV)
		return rc;
	rc = gw_nl_link_each(d->env.nl, add_candidate, &c, err);
	if (rc < 0)
		return rc;
	return gw_error_set(err, ENODEV, GW_ERR_INVALID_PROPERTY, "properties.Interface",
			    "interface '%s' does not exist on this node; %s%s", name,
			    c.n ? "there are " : "it has none but lo", c.text);
}

static int node_check(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
		      struct gw_error *err)
{
	const char *last = "", *name;
	int rc;

	(void)next;
	for (size_t i = 0; i < delta->n; i++) {
		const struct gw_hnv_object *o = delta->changes[i].after;

		if (!o || !is_ours(o))
			continue;
		name = o->kind == GW_HNV_PROVIDER_ADDRESS ? o->paddr.interface : o->proute.interface;
		if (!strcmp(name, last)) /* a batch mostly stays on one interface */
			continue;
		rc = check_interface(d, name, err);
		if (rc < 0)
			return rc;
		last = name;
	}
	return 0;
}

/* --- apply --- */

/* The property that the kernel's refusal is about. */
static int refuse(const struct gw_hnv_object *o, int rc, struct gw_error *err)
{
	const char *target = "properties.Interface";

	if (rc != -ENODEV && rc != -ENETDOWN) {
		if (o->kind == GW_HNV_PROVIDER_ADDRESS)
			target = "properties.ProviderAddress";
		else
			target = rc == -EEXIST ? "properties.DestinationPrefix" : "properties.NextHop";
	}
	if (err)
		snprintf(err->target, sizeof err->target, "%s", target);
	return rc;
}

static int take_away(struct gw_driver *d, const struct gw_hnv_object *o, struct gw_error *err)
{
	struct gw_node_item *it = gw_node_find(d, o);
	int rc;

	if (!it)
		return 0;
	rc = gw_node_uninstall(d, it->o, it->ifindex ? it->ifindex : it->iface->ifindex, err);
	if (rc < 0)
		return rc;
	gw_node_drop(d, it);
	return 0;
}

static int bring_in(struct gw_driver *d, const struct gw_hnv_object *o, struct gw_error *err)
{
	struct gw_node_item *it = gw_node_find(d, o);
	struct gw_hnv_object *old = NULL;
	int old_ifindex = 0, rc;
	bool early = false;

	if (it && gw_node_in_place(it) && gw_hnv_same_content(it->o, o))
		return 0;
	if (it && !gw_hnv_same_content(it->o, o)) {
		old_ifindex = it->ifindex;
		old = gw_hnv_object_copy(it->o);
		if (!old)
			return gw_error_oom(err);
	}
	rc = gw_node_put(d, o, &it);
	if (rc < 0) {
		gw_error_oom(err);
		goto out;
	}
	early = old && gw_node_excludes(old, old_ifindex, it);
	if (early)
		rc = gw_node_uninstall(d, old, old_ifindex, err);
	if (rc == 0)
		rc = gw_node_install(d, it, err);
	if (rc < 0)
		refuse(o, rc, err);
	else if (old && !early)
		rc = gw_node_uninstall(d, old, old_ifindex, err);
out:
	gw_hnv_object_free(old);
	return rc;
}

/*
 * Carries out the removals of one kind, or the rest of it. Returns how many there were, or the first failure.
 */
static int carry_out(struct gw_driver *d, const struct gw_delta *delta, enum gw_hnv_kind kind, bool removals,
		     struct gw_error *err)
{
	int n = 0, rc;

	for (size_t i = 0; i < delta->n; i++) {
		const struct gw_hnv_object *before = delta->changes[i].before, *after = delta->changes[i].after;

		if (removals != !after || (after ? after : before)->kind != kind)
			continue;
		rc = removals ? take_away(d, before, err) : bring_in(d, after, err);
		if (rc < 0)
			return rc;
		n++;
	}
	return n;
}

static int node_apply(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
		      struct gw_error *err)
{
	int gone, come = 0, rc;

	(void)next;
	rc = carry_out(d, delta, GW_HNV_PROVIDER_ROUTE, true, err);
	if (rc < 0)
		return rc;
	gone = carry_out(d, delta, GW_HNV_PROVIDER_ADDRESS, true, err);
	if (gone >= 0)
		come = carry_out(d, delta, GW_HNV_PROVIDER_ADDRESS, false, err);
	if (gone < 0 || come < 0)
		return gone < 0 ? gone : come;
	/* An address that goes may take routes with it, one that comes may let routes in. */
	rc = gone + come > 0 ? gw_node_sync_routes(d, err) : 0;
	if (rc == 0)
		rc = carry_out(d, delta, GW_HNV_PROVIDER_ROUTE, false, err);
	return rc < 0 ? rc : 0;
}

static int node_sync(struct gw_driver *d, const struct gw_intent *intent, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;
	int rc = gw_node_follow(d, intent), rc2;

	if (rc < 0)
		return gw_error_oom(err);
	rc = gw_node_read_links(d, err);
	if (rc < 0)
		return rc;
	d->retry_on_change = false;
	rc = gw_node_sync_addrs(d, err);
	rc2 = gw_node_sync_routes(d, &why);
	if (rc == 0 && rc2 < 0) {
		rc = rc2;
		if (err)
			*err = why;
	}
	return rc;
}

/* --- what it looks like --- */

static const char *state_of(const struct gw_node_item *it, char *ret_detail, size_t size)
{
	const struct gw_node_iface *iface = it->iface;

	if (!iface->ifindex) {
		snprintf(ret_detail, size, "interface %s does not exist", iface->name);
		return "Waiting";
	}
	if (!iface->up)
		snprintf(ret_detail, size, "interface %s is down", iface->name);
	else if (!gw_node_in_place(it))
		snprintf(ret_detail, size, "%s", it->problem[0] ? it->problem : "not in the kernel");
	else if (!iface->running)
		snprintf(ret_detail, size, "interface %s has no carrier", iface->name);
	else
		return "Up";
	return "Down";
}

static void node_describe(struct gw_driver *d, const struct gw_hnv_object *o, json_t *properties)
{
	char detail[sizeof((struct gw_node_item *)0)->problem] = "not brought to the kernel yet";
	const struct gw_node_item *it;
	const char *state = "Waiting";

	if (!is_ours(o))
		return;
	it = gw_node_find(d, o);
	if (it) {
		detail[0] = 0;
		state = state_of(it, detail, sizeof detail);
	}
	json_object_set_new(properties, "state", json_string(state));
	if (detail[0])
		json_object_set_new(properties, "stateDetail", json_string(detail));
}

static json_t *node_status(struct gw_driver *d)
{
	char detail[sizeof((struct gw_node_item *)0)->problem], who[LABEL_STRLEN];
	json_t *warnings = json_array();
	const char *state;
	size_t n = 0;

	GW_HMAP_FOR_EACH (node, &d->items) {
		const struct gw_node_item *it = GW_CONTAINER_OF(node, struct gw_node_item, by_key);

		detail[0] = 0;
		state = state_of(it, detail, sizeof detail);
		if (!strcmp(state, "Up") || n++ >= MAX_WARNINGS)
			continue;
		json_array_append_new(warnings, json_sprintf("%s: %s", label(it->o, who), detail));
	}
	if (n > MAX_WARNINGS)
		json_array_append_new(warnings, json_sprintf("and %zu more", n - MAX_WARNINGS));
	return json_pack("{s:o, s:I}", "warnings", warnings, "netlinkWrites", (json_int_t)gw_nl_writes());
}

const struct gw_driver_ops gw_node_driver = {
	.name = "node",
	.open = node_open,
	.check = node_check,
	.apply = node_apply,
	.sync = node_sync,
	.describe = node_describe,
	.status = node_status,
	.close = node_close,
};
