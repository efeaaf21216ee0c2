/*
 * report_edge.c - the engine's live state at the world outside: ways out of virtual gateways, public addresses, the [external]
 * interface. Called by report.c.
 */
#include "engine/internal.h"

#include "engine.skel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <string.h>

/* "external" of a virtual gateway. */
void gw_report_vrf(struct gw_driver *d, const struct gw_vrf *v, json_t *properties)
{
	const struct gw_bpf *b = gw_loader_bpf(d->loader);
	char name[IFNAMSIZ];
	const struct gw_iface *i = gw_iface_find(d, gw_vrf_exit(v->vsid, name));
	json_t *j = json_pack("{s:s, s:s}", "interface", name, "state", gw_report_state(i));
	uint64_t drops;
	uint32_t slot;

	if (gw_report_detail(i)[0])
		json_object_set_new(j, "stateDetail", json_string(gw_report_detail(i)));
	if (gw_slots_find(&d->exit_slots, v->vsid, &slot)) {
		json_object_set_new(j, "counters", gw_report_counters(d, b->maps.exit_stats, slot, &drops));
		json_object_set_new(j, "dropReasons", gw_report_reasons(d, b->maps.exit_reasons, slot, drops));
	}
	json_object_set_new(properties, "external", j);
}

/* What the kernel does with packets to it. False: nothing at all. */
static bool read_owner(const struct gw_driver *d, const struct gw_public *p, struct gw_bpf_owner *ret)
{
	const struct gw_bpf *b = gw_loader_bpf(d->loader);

	if (p->port_count) {
		struct gw_place_key key = {.addr = gw_ip_of(&p->prefix.addr),
					   .place = p->port_count == 1 ? GW_PLACE_PORT(p->first_port)
								       : GW_PLACE_BLOCK(p->first_port)};
		struct gw_bpf_place place;

		if (bpf_map_lookup_elem(bpf_map__fd(b->maps.places), &key, &place) < 0)
			return false;
		*ret = place.owner;
	} else {
		struct gw_public_key key = {.prefixlen = (gw_addr_is_v4(&p->prefix.addr) ? 96 : 0) + p->prefix.len,
					    .addr = gw_ip_of(&p->prefix.addr)};
		struct gw_bpf_public public;

		if (bpf_map_lookup_elem(bpf_map__fd(b->maps.publics), &key, &public) < 0)
			return false;
		*ret = public.owner;
	}
	return true;
}

void gw_report_public(struct gw_driver *d, const struct gw_public *p, json_t *properties)
{
	const char *state = "Waiting", *why = NULL;
	bool host = p->prefix.len == (gw_addr_is_v4(&p->prefix.addr) ? 32 : 128);
	struct gw_bpf_owner owner = {0};

	if (host && gw_edge_is_self(d, &p->prefix.addr)) {
		state = "Failed";
		why = "this node itself has the address, and keeps it: take it off the node's interface, or give the "
		      "virtual gateway another one";
	} else if (!d->env.config->external_interface[0]) {
		why = "nothing is outside of this node: set [external] interface and restart gwd";
	} else if (!gw_edge_external(d)) {
		why = "the [external] interface does not exist";
	} else if (!read_owner(d, p, &owner) || !owner.vsid) {
		why = "its routing domain has no virtual gateway on this node";
	} else if (!owner.exit) {
		why = "the interfaces of its virtual gateway are not there yet";
	} else {
		state = "Ready";
	}
	json_object_set_new(properties, "state", json_string(state));
	if (why)
		json_object_set_new(properties, "stateDetail", json_string(why));
}

void gw_report_edge_warnings(const struct gw_driver *d, json_t *list)
{
	const char *name = d->env.config->external_interface;

	if (name[0] && !gw_edge_external(d))
		json_array_append_new(
			list, json_sprintf("the [external] interface %s does not exist: virtual gateways reach nothing "
					   "outside until it does; create it, or correct [external] interface",
					   name));
	if (d->edge.self_full)
		json_array_append_new(list,
				      json_sprintf("this node has more than %d addresses of its own; public addresses "
						   "that contain one of the rest take its packets",
						   GW_SELF_MAX));
}

json_t *gw_report_external(const struct gw_driver *d)
{
	const struct gw_iface *i = gw_iface_find(d, d->env.config->external_interface);
	json_t *segments, *j;
	char text[GW_PREFIX_STRLEN];

	if (!d->env.config->external_interface[0])
		return json_null();
	segments = json_array();
	for (size_t n = 0; n < d->edge.n_segments; n++)
		json_array_append_new(segments, json_string(gw_prefix_format(&d->edge.segments[n], text)));
	j = json_pack("{s:s, s:s, s:o}", "interface", d->env.config->external_interface, "state", gw_report_state(i),
		      "segments", segments);
	if (i && i->present)
		json_object_set_new(j, "mtu", json_integer(i->link.mtu));
	return j;
}

/* One of the node's status, of which it says whose it is. */
void gw_report_exit(const struct gw_driver *d, json_t *j)
{
	uint32_t vsid = (uint32_t)json_integer_value(json_object_get(j, "virtualSubnetId")), slot;
	char name[IFNAMSIZ];
	const struct gw_iface *i = gw_iface_find(d, gw_vrf_exit(vsid, name));
	uint64_t drops;

	json_object_set_new(j, "interface", json_string(name));
	json_object_set_new(j, "state", json_string(gw_report_state(i)));
	if (gw_slots_find(&d->exit_slots, vsid, &slot))
		json_object_set_new(j, "counters",
				    gw_report_counters(d, gw_loader_bpf(d->loader)->maps.exit_stats, slot, &drops));
}
