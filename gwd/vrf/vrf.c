/*
 * vrf.c - driver "vrf" (vrf.h): its life, and which domains a change or a sync is about. The core calls it through
 * gw_vrf_driver. Tables in table.c, what is wanted in wanted.c, the kernel's side in bring.c, what happens outside in events.c.
 *
 * A change touches the domains that it names and no others. A sync looks at those that an event named; at all of them when the
 * tables may not hold what the intent has, or when somebody else asked for it.
 */
#include "vrf/vrf.h"
#include "vrf/private.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static int vrf_open(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	struct gw_driver *d = calloc(1, sizeof *d);
	int rc;

	if (!d)
		return gw_error_oom(err);
	d->env = *env;
	d->has_ipv6 = access("/proc/sys/net/ipv6", F_OK) == 0;
	rc = gw_nl_open(env->loop, &d->leaving_nl, err);
	if (rc < 0) {
		free(d);
		return rc;
	}
	rc = gw_vrf_watch_node(d);
	if (rc < 0) {
		gw_nl_close(d->leaving_nl);
		free(d);
		return gw_error_set(err, -rc, GW_ERR_UNAVAILABLE, "", "cannot watch the node's interfaces: %s",
				    strerror(-rc));
	}
	gw_vrf_read_external(d);
	*ret = d;
	return 0;
}

static struct gw_driver *vrf_close(struct gw_driver *d)
{
	if (!d)
		return NULL;
	gw_vrf_unwatch(d);
	gw_vrf_unwatch_paths(d);
	gw_vrf_dismiss_watchman(d);
	gw_vrf_end_leaving(d);
	gw_vrf_clear(d);
	free(d->physicals);
	free(d);
	return NULL;
}

/* What the configuration says may change at run time; then all VRFs are looked at. */
static void read_config(struct gw_driver *d)
{
	const struct gw_config *c = d->env.config;

	if (d->underlay_mtu != c->underlay_mtu || !gw_mac_equal(&d->router_mac, &c->router_mac))
		d->followed = false;
	d->underlay_mtu = c->underlay_mtu;
	d->router_mac = c->router_mac;
}

/* --- changes --- */

static int check_name(struct gw_driver *d, const struct gw_vrf *v, struct gw_error *err)
{
	const struct gw_vrf_domain *dom = gw_vrf_of_vsid(d, v->vsid);
	char port[IFNAMSIZ], way_out[IFNAMSIZ], name[GW_NETNS_STRLEN];
	const char *names[] = {gw_vrf_port(v->vsid, port), gw_vrf_exit(v->vsid, way_out)};
	struct gw_link link;

	gw_netns_vrf_name(d->env.config->name, v->vsid, name);
	for (size_t i = 0; i < sizeof names / sizeof *names && !dom; i++)
		if (gw_nl_link_get(d->env.nl, names[i], &link, NULL) == 0 && strcmp(link.alias, name) != 0)
			return gw_vrf_in_the_way(&link, "properties.VirtualSubnetID", err);
	return 0;
}

static int vrf_check(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
		     struct gw_error *err)
{
	int rc = 0;

	(void)next;
	for (size_t i = 0; i < delta->n && rc == 0; i++)
		if (delta->changes[i].after && delta->changes[i].after->kind == GW_HNV_VRF)
			rc = check_name(d, &delta->changes[i].after->vrf, err);
	return rc;
}

struct touched {
	struct gw_driver *d;
	struct gw_vrf_domain *first;
	uint32_t *vsids; /* of those that come, or change; owned */
	size_t n_vsids;
	int rc;
};

static void touch(struct touched *t, const struct gw_uuid *rdid)
{
	struct gw_vrf_domain *dom = gw_vrf_get(t->d, rdid);

	if (!dom) {
		t->rc = -ENOMEM;
	} else if (!dom->touched) {
		dom->touched = true;
		dom->next_touched = t->first;
		t->first = dom;
	}
}

static void touch_record(struct touched *t, const struct gw_intent *next, const struct gw_lookup_record *before,
			 const struct gw_lookup_record *after)
{
	const struct gw_hnv_object *vrf = gw_intent_vrf_of_vsid(next, (after ? after : before)->vsid);

	if (after && gw_vrf_put_holder(t->d, after) < 0)
		t->rc = -ENOMEM;
	if (vrf)
		touch(t, &vrf->vrf.rdid);
}

/* Also says in the tables what the change is. */
static void touch_change(struct touched *t, const struct gw_intent *next, const struct gw_change *c)
{
	const struct gw_hnv_object *o = c->after ? c->after : c->before;
	const struct gw_lookup_record *before = NULL, *after = NULL;

	switch (o->kind) {
	case GW_HNV_CUSTOMER_ROUTE:
		if (c->before)
			gw_vrf_drop_route(t->d, c->before);
		if (c->after && gw_vrf_put_route(t->d, c->after) < 0)
			t->rc = -ENOMEM;
		touch(t, &o->croute.rdid);
		break;
	case GW_HNV_LOOKUP_RECORD:
		if (c->before)
			gw_vrf_drop_holder(t->d, &c->before->record);
		if (c->before && gw_vrf_is_holder(next, &c->before->record))
			before = &c->before->record;
		if (c->after && gw_vrf_is_holder(next, &c->after->record))
			after = &c->after->record;
		if (before || after)
			touch_record(t, next, before, after);
		break;
	case GW_HNV_VRF:
		if (c->after)
			t->vsids[t->n_vsids++] = c->after->vrf.vsid;
		touch(t, &o->vrf.rdid);
		if (c->before && t->rc == 0)
			gw_vrf_call(gw_vrf_find(t->d, &o->vrf.rdid), c->before->vrf.vsid);
		break;
	case GW_HNV_PUBLIC:
	case GW_HNV_CONNECTION:
	case GW_HNV_CONNECTION_ADDRESS:
	case GW_HNV_CONNECTION_ROUTE:
		if (c->before)
			touch(t, gw_hnv_rdid(c->before));
		if (c->after)
			touch(t, gw_hnv_rdid(c->after));
		break;
	default:
		break;
	}
}

static void read_record(struct gw_vrf_domain *dom, const struct gw_intent *in)
{
	const struct gw_hnv_object *o = gw_intent_vrf(in, &dom->rdid);

	dom->has_record = o != NULL;
	if (o)
		dom->record = o->vrf;
}

/*
 * The first failure that time does not mend; what it does is left to sync. Nobody waits for those that go, unless their names are
 * wanted.
 */
static int bring_touched(struct touched *t, const struct gw_intent *next, struct gw_error *err)
{
	int rc = 0;

	for (struct gw_vrf_domain *dom = t->first; dom; dom = dom->next_touched) {
		read_record(dom, next);
		if (rc == 0 && dom->vsid && (!dom->has_record || dom->vsid != dom->record.vsid))
			rc = gw_vrf_doom(t->d, dom, err);
	}
	for (struct gw_vrf_domain *dom = t->first; dom && rc == 0; dom = dom->next_touched) {
		struct gw_vrf_pass pass = {.d = t->d, .dom = dom, .in = next};

		if (!dom->has_record)
			continue;
		rc = gw_vrf_bring(&pass, err);
		if (rc < 0 && pass.later) {
			gw_log_debug("VRF %s: %s", dom->name, dom->problem);
			gw_vrf_mark(dom, "a VRF could not be brought in yet");
			rc = 0;
		}
	}
	return rc;
}

static int vrf_apply(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
		     struct gw_error *err)
{
	struct touched t = {.d = d, .vsids = calloc(delta->n + 1, sizeof *t.vsids)};
	int rc;

	if (!t.vsids)
		return gw_error_oom(err);
	read_config(d);
	for (size_t i = 0; i < delta->n; i++)
		touch_change(&t, next, &delta->changes[i]);
	if (t.n_vsids && gw_vrf_put_holders(d, next, t.vsids, t.n_vsids) < 0)
		t.rc = -ENOMEM;
	free(t.vsids);
	rc = t.rc < 0 ? gw_error_oom(err) : bring_touched(&t, next, err);
	while (t.first) {
		struct gw_vrf_domain *dom = t.first;

		t.first = dom->next_touched;
		dom->touched = false;
		gw_vrf_forget_if_unused(d, dom);
	}
	gw_vrf_go_on_leaving(d);
	if (rc < 0)
		d->followed = false; /* who knows how far it came */
	d->generation = gw_intent_generation(next);
	return rc;
}

/* --- sync --- */

#define TURN_NS                                                                                                        \
	4000000u /* of looking at VRFs, before the loop goes on with all else, which has its own part of a turn */

/* Keeps the first failure, with its words, and lets the rest go on. */
void gw_vrf_keep_first(struct gw_driver *d, int rc, const struct gw_error *why)
{
	if (rc == 0 || d->failed < 0)
		return;
	d->failed = rc;
	d->why = *why;
}

static void put_on(struct gw_vrf_domain **list, struct gw_vrf_domain *dom)
{
	dom->dirty = true;
	dom->next_dirty = *list;
	*list = dom;
}

static struct gw_vrf_domain *take_off(struct gw_vrf_domain **list)
{
	struct gw_vrf_domain *dom = *list;

	*list = dom->next_dirty;
	dom->dirty = false;
	return dom;
}

static int sync_domain(struct gw_driver *d, struct gw_vrf_domain *dom, const struct gw_intent *in, struct gw_error *err)
{
	struct gw_vrf_pass pass = {.d = d, .dom = dom, .in = in, .repairing = true};

	return dom->has_record ? gw_vrf_bring(&pass, err) : gw_vrf_doom(d, dom, err);
}

/* Those on the list, as many as a turn has time for. One that still is not as it should be is for the sync after this one. */
static int sync_dirty(struct gw_driver *d, const struct gw_intent *in, uint64_t end, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;
	int rc;

	while (d->dirty) {
		struct gw_vrf_domain *dom = take_off(&d->dirty);

		rc = sync_domain(d, dom, in, &why);
		gw_vrf_keep_first(d, rc, &why);
		if (rc < 0 && !dom->dirty)
			put_on(&d->again, dom);
		if (d->dirty && uv_hrtime() >= end)
			return GW_SYNC_MORE;
	}
	if (gw_vrf_go_on_leaving(d))
		return GW_SYNC_MORE;
	d->dirty = d->again;
	d->again = NULL;
	d->under_way = false;
	if (d->left_behind)
		d->followed = false;
	d->left_behind = false;
	rc = d->failed;
	d->failed = 0;
	if (rc < 0 && err)
		*err = d->why;
	return rc;
}

static void doom_unwanted(struct gw_driver *d)
{
	struct gw_error why = GW_ERROR_INIT;

	GW_HMAP_FOR_EACH_SAFE (node, after, &d->domains) {
		struct gw_vrf_domain *dom = GW_CONTAINER_OF(node, struct gw_vrf_domain, by_rdid);

		if (dom->vsid && (!dom->has_record || dom->vsid != dom->record.vsid))
			gw_vrf_keep_first(d, gw_vrf_doom(d, dom, &why), &why);
		gw_vrf_forget_if_unused(d, dom);
	}
}

/* Holds the tables against the intent, and puts everybody on the list. */
static int begin_all(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	d->followed = d->under_way = false;
	if (gw_vrf_follow(d, in) < 0)
		return gw_error_oom(err);
	gw_vrf_read_external(d);
	while (d->dirty)
		take_off(&d->dirty);
	while (d->again)
		take_off(&d->again);
	d->failed = 0;
	d->followed = true;
	d->generation = gw_intent_generation(in);
	d->has_strays = true;
	d->left_behind = false;
	doom_unwanted(d);
	GW_HMAP_FOR_EACH (node, &d->domains) {
		struct gw_vrf_domain *dom = GW_CONTAINER_OF(node, struct gw_vrf_domain, by_rdid);

		if (dom->has_record && !dom->dirty)
			put_on(&d->dirty, dom);
	}
	return 0;
}

/* What goes goes first: its names may be wanted by what comes, and the kernel does one thing to links at a time. */
static int sync_some(struct gw_driver *d, const struct gw_intent *in, uint64_t end, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;

	d->under_way = true;
	if (d->has_strays && uv_hrtime() >= end)
		return GW_SYNC_MORE;
	if (d->has_strays)
		gw_vrf_keep_first(d, gw_vrf_doom_strays(d, in, &why), &why);
	d->has_strays = false;
	if (gw_vrf_go_on_leaving(d) || uv_hrtime() >= end)
		return GW_SYNC_MORE;
	return sync_dirty(d, in, end, err);
}

static int vrf_sync(struct gw_driver *d, const struct gw_intent *intent, struct gw_error *err)
{
	uint64_t end = uv_hrtime() + TURN_NS;
	int rc = 0;

	read_config(d);
	/* Changes since its first part have been applied, those that were none or were refused changed nothing. */
	if (!d->followed || (!d->under_way && (!d->dirty || d->generation != gw_intent_generation(intent))))
		rc = begin_all(d, intent, err);
	return rc < 0 ? rc : sync_some(d, intent, end, err);
}

/* After a sync with an empty intent, which has taken away all that there was. */
static int vrf_remove(struct gw_driver *d, struct gw_error *err)
{
	return gw_netns_delete_all(GW_NETNS_SOCKET, d->env.config->name, err);
}

const struct gw_driver_ops gw_vrf_driver = {
	.name = "vrf",
	.open = vrf_open,
	.check = vrf_check,
	.apply = vrf_apply,
	.sync = vrf_sync,
	.describe = gw_vrf_describe,
	.status = gw_vrf_status,
	.remove = vrf_remove,
	.close = vrf_close,
};
