/*
 * trace_edge.c - the way of a packet at the world outside, in words: what comes in by the [external] interface (edge.h), what
 * leaves a virtual gateway (exit.bpf.c), and whose a public place is (steer.h). Called by trace.c. Whoever changes the one changes
 * the other; a property test compares them.
 */
#include "engine/trace.h"

#include "engine.skel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* --- the tables (steer.h) --------------------------------------------------------------------------------------------------- */

static bool public_of(const struct gw_trace *t, const struct gw_addr *a, struct gw_bpf_owner *ret)
{
	struct gw_public_key key = {.prefixlen = 128, .addr = gw_ip_of(a)};
	struct gw_bpf_public p;

	if (bpf_map_lookup_elem(bpf_map__fd(gw_trace_bpf(t)->maps.publics), &key, &p) < 0)
		return false;
	*ret = p.owner;
	return true;
}

static bool place_of(const struct gw_trace *t, const struct gw_addr *a, uint16_t port, struct gw_bpf_owner *ret)
{
	const uint32_t places[] = {GW_PLACE_BLOCK(port), GW_PLACE_PORT(port)};

	for (int i = 0; i < 2; i++) {
		struct gw_place_key key = {.addr = gw_ip_of(a), .place = places[i]};
		struct gw_bpf_place p;

		if (bpf_map_lookup_elem(bpf_map__fd(gw_trace_bpf(t)->maps.places), &key, &p) == 0) {
			*ret = p.owner;
			return true;
		}
	}
	return false;
}

static bool has_share(const struct gw_trace *t, const struct gw_bpf_exit *e, const struct gw_addr *a)
{
	struct gw_share_key key = {.addr = gw_ip_of(a)};
	uint32_t value;

	memcpy(key.rdid, e->rdid, sizeof key.rdid);
	return bpf_map_lookup_elem(bpf_map__fd(gw_trace_bpf(t)->maps.shares), &key, &value) == 0;
}

static bool is_nowhere(const struct gw_addr *a)
{
	uint32_t v4;

	if (gw_addr_is_v4(a)) {
		v4 = gw_addr_to_v4(a);
		return v4 >> 24 == 0 || v4 >> 24 == 127 || v4 >> 28 >= 14 || gw_addr_is_link_local(a);
	}
	return a->b[0] == 0xff || gw_addr_is_link_local(a) || !memcmp(a->b, (const uint8_t[12]){0}, 12);
}

/* The record that the maps have it from: its id, and what is told of it. */
static const char *record_of(const struct gw_trace *t, const struct gw_addr *a, uint16_t port, char id[GW_ID_STRLEN])
{
	const struct gw_hnv_object *o = gw_intent_public_from(t->in, a, port);

	if (!o || !gw_prefix_contains(&o->public.prefix, a) ||
	    (o->public.port_count &&
	     (port < o->public.first_port || port >= o->public.first_port + o->public.port_count)))
		return "?";
	return gw_hnv_id(o, id);
}

/* --- what the walk ends in -------------------------------------------------------------------------------------------------- */

static void to_owner(struct gw_trace *t, const struct gw_bpf_owner *owner)
{
	const struct gw_hnv_object *o = owner->vsid ? gw_intent_vrf_of_vsid(t->in, owner->vsid) : NULL;
	const struct gw_iface *i = owner->exit ? gw_iface_by_index(t->d, owner->exit) : NULL;
	char rdid[GW_UUID_STRLEN];

	if (!owner->exit) {
		gw_trace_step(t, "Gateway", "%s",
			      owner->vsid ? "the interfaces of its virtual gateway are not there yet"
					  : "its routing domain has no virtual gateway on this node");
		gw_trace_dropped(t, GW_DROP_NO_GATEWAY);
		return;
	}
	if (o)
		gw_uuid_format(&o->vrf.rdid, rdid);
	gw_trace_step(t, "Gateway",
		      "into namespace gwd-%s-%u by %s; what becomes of it there its NAT rules say: gwctl nat-rule list "
		      "--rdid %s",
		      t->d->env.config->name, owner->vsid, i ? i->name : "?", o ? rdid : "?");
	gw_trace_verdict(t, "Steer");
	gw_trace_text(t, "interface", i ? i->name : "?");
	if (o)
		gw_trace_text(t, "routingDomainId", rdid);
	json_object_set_new(t->answer, "virtualSubnetId", json_integer(owner->vsid));
}

/* --- places ------------------------------------------------------------------------------------------------------------------ */

/* The port, or echo identifier, that tells whose a packet at a shared address is. False: it has none, for this reason. */
static bool place(const struct gw_trace *t, bool to, uint16_t *ret, enum gw_drop_reason *ret_why)
{
	unsigned least;

	switch (t->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		least = to ? 24 : 22;
		*ret = to ? t->dport : t->sport;
		break;
	case IPPROTO_ICMP:
		least = 28;
		*ret = t->echo;
		break;
	default:
		*ret_why = GW_DROP_NO_PUBLIC_PORT;
		return false;
	}
	if (t->size < least)
		*ret_why = GW_DROP_MALFORMED;
	return t->size >= least;
}

static const char *word(const struct gw_trace *t)
{
	return t->proto == IPPROTO_ICMP ? "echo identifier" : "port";
}

/* gw_steer4, and what IPv6 has of it. */
static void steer(struct gw_trace *t, struct gw_bpf_owner owner)
{
	char addr[GW_ADDR_STRLEN], id[GW_ID_STRLEN];
	enum gw_drop_reason why;
	uint16_t port;

	gw_addr_format(&t->dst, addr);
	if (!(owner.flags & GW_PUBLIC_SHARED)) {
		gw_trace_step(t, "Public", "%s, with all ports, by public address %s", addr,
			      record_of(t, &t->dst, 0, id));
		to_owner(t, &owner);
		return;
	}
	if (!place(t, true, &port, &why)) {
		gw_trace_step(t, "Public", "%s is shared, and nothing in the packet tells by whom it is meant", addr);
		gw_trace_dropped(t, why);
		return;
	}
	if (!place_of(t, &t->dst, port, &owner)) {
		gw_trace_step(t, "Public", "%s is shared, and nobody has its %s %u", addr, word(t), port);
		gw_trace_dropped(t, GW_DROP_NO_PUBLIC_PORT);
		return;
	}
	gw_trace_step(t, "Public", "%s, %s %u, by public address %s", addr, word(t), port,
		      record_of(t, &t->dst, port, id));
	to_owner(t, &owner);
}

/* --- from outside (edge.h) --------------------------------------------------------------------------------------------------- */

/* gw_is_land */
static bool is_land(struct gw_trace *t)
{
	char addr[GW_ADDR_STRLEN];
	struct gw_ip ip = gw_ip_of(&t->src);
	struct gw_bpf_owner owner;
	const char *what = NULL;
	uint32_t ifindex;

	if (!t->has_src) {
		gw_trace_step(t, "Source", "anybody outside, unless --src says who");
		return false;
	}
	if (gw_addr_equal(&t->src, &t->dst))
		what = "where it goes to";
	else if (is_nowhere(&t->src))
		what = "an address of nobody outside";
	else if (public_of(t, &t->src, &owner))
		what = !(owner.flags & GW_PUBLIC_SELF)	? "a public address of this node"
		       : owner.flags & GW_PUBLIC_INWARD ? "this node's own, of another interface"
							: NULL;
	else if (bpf_map_lookup_elem(bpf_map__fd(gw_trace_bpf(t)->maps.provider_addresses), &ip, &ifindex) == 0 &&
		 ifindex != t->d->params.external)
		what = "a provider address of this node";
	gw_trace_step(t, "Source", "%s is %s", gw_addr_format(&t->src, addr), what ? what : "outside");
	return what;
}

/* Where the interface is an underlay one, too, and this is for the overlay (gw_outer_parse). */
static bool is_tunnel(const struct gw_trace *t)
{
	const struct gw_iface *i = gw_iface_by_index(t->d, t->ifindex);
	struct gw_ip ip = gw_ip_of(&t->dst);
	uint32_t ifindex;

	if (!gw_trace_v4(t) || !i || !i->is_underlay ||
	    bpf_map_lookup_elem(bpf_map__fd(gw_trace_bpf(t)->maps.provider_addresses), &ip, &ifindex) < 0)
		return false;
	return t->proto == IPPROTO_GRE ||
	       (t->proto == IPPROTO_UDP && t->size >= 24 && t->dport == t->d->params.vxlan_port);
}

void gw_trace_from_outside(struct gw_trace *t)
{
	char addr[GW_ADDR_STRLEN];
	struct gw_bpf_owner owner;

	gw_trace_step(t, "Outside", "%s is the [external] interface", t->interface);
	if (gw_trace_by_way(t))
		return;
	gw_addr_format(&t->dst, addr);
	if (is_tunnel(t)) {
		gw_trace_step(t, "Tunnel", "a tunnel packet to provider address %s: what is in it decides", addr);
		gw_trace_verdict(t, "Decapsulate");
		return;
	}
	if (!public_of(t, &t->dst, &owner)) {
		gw_trace_step(t, "Public", "no public address has %s: left to the host's own stack", addr);
		gw_trace_verdict(t, "Host");
		return;
	}
	if (owner.flags & GW_PUBLIC_SELF) {
		gw_trace_step(t, "Public", "%s is an address of this node itself: left to its own stack", addr);
		gw_trace_verdict(t, "Host");
		return;
	}
	if (is_land(t)) {
		gw_trace_dropped(t, GW_DROP_LAND);
		return;
	}
	if (t->d->params.fast && gw_trace_v4(t))
		gw_trace_step(t, "Fast path",
			      "of an established flow it goes past the stack of its virtual gateway; else");
	steer(t, owner);
}

/* --- from a virtual gateway (exit.bpf.c) ---------------------------------------------------------------------------------------- */

/* A source of the virtual gateway's own, where the query names none: one that has the port which the query names. */
static void choose_source(struct gw_trace *t, const struct gw_bpf_exit *e)
{
	uint16_t *port = t->proto == IPPROTO_ICMP ? &t->echo : &t->sport;
	struct gw_uuid rdid;

	memcpy(&rdid, e->rdid, sizeof rdid);
	for (const struct gw_hnv_object *o = NULL;
	     !t->has_src && (o = gw_intent_next_of_domain(t->in, GW_HNV_PUBLIC, &rdid, o));) {
		const struct gw_public *p = &o->public;

		if (gw_addr_is_v4(&p->prefix.addr) != gw_trace_v4(t) ||
		    (p->port_count && *port && (*port < p->first_port || *port >= p->first_port + p->port_count)))
			continue;
		t->has_src = true;
		t->src = p->prefix.addr;
		if (!*port)
			*port = p->first_port;
	}
}

/* gw_may_leave4, and what IPv6 has of it. */
static bool may_leave(struct gw_trace *t, const struct gw_bpf_exit *e, enum gw_drop_reason *ret_why)
{
	char addr[GW_ADDR_STRLEN], id[GW_ID_STRLEN];
	struct gw_bpf_owner owner;
	uint16_t port = 0;

	*ret_why = GW_DROP_SPOOF_PUBLIC;
	if (!t->has_src) {
		gw_trace_step(t, "Source", "the virtual gateway has no public address of this family");
		return false;
	}
	gw_addr_format(&t->src, addr);
	if (!public_of(t, &t->src, &owner) || owner.flags & GW_PUBLIC_SELF ||
	    (owner.flags & GW_PUBLIC_SHARED ? !has_share(t, e, &t->src) : owner.vsid != e->owner.vsid)) {
		gw_trace_step(t, "Source", "%s is no public address of the virtual gateway", addr);
		return false;
	}
	if (owner.flags & GW_PUBLIC_SHARED) {
		if (!place(t, false, &port, ret_why)) {
			if (*ret_why == GW_DROP_NO_PUBLIC_PORT)
				*ret_why = GW_DROP_SPOOF_PUBLIC;
			gw_trace_step(t, "Source",
				      "%s is shared, and nothing in the packet tells whose part of it this is", addr);
			return false;
		}
		if (!place_of(t, &t->src, port, &owner) || owner.vsid != e->owner.vsid) {
			gw_trace_step(t, "Source", "%s %u of %s is not the virtual gateway's", word(t), port, addr);
			return false;
		}
	}
	gw_trace_step(t, "Source", "%s is the virtual gateway's, by public address %s", addr,
		      record_of(t, &t->src, port, id));
	return true;
}

void gw_trace_from_gateway(struct gw_trace *t)
{
	const char *external = t->d->env.config->external_interface;
	bool nowhere = is_nowhere(&t->dst), may;
	char addr[GW_ADDR_STRLEN], rdid[GW_UUID_STRLEN];
	enum gw_drop_reason why;
	struct gw_bpf_owner owner;
	struct gw_bpf_exit e;
	struct gw_uuid of;

	if (bpf_map_lookup_elem(bpf_map__fd(gw_trace_bpf(t)->maps.exits), &t->ifindex, &e) < 0) {
		gw_trace_step(t, "Gateway", "%s is no way out of a virtual gateway yet", t->interface);
		gw_trace_dropped(t, GW_DROP_NO_GATEWAY);
		return;
	}
	memcpy(&of, e.rdid, sizeof of);
	gw_trace_step(t, "Gateway", "%s is the way out of the virtual gateway of routing domain %s", t->interface,
		      gw_uuid_format(&of, rdid));
	choose_source(t, &e);
	gw_addr_format(&t->dst, addr);
	/* What the kernel says on any link needs no source of its own in IPv6. */
	may = (nowhere && !gw_trace_v4(t)) || may_leave(t, &e, &why);
	if (!may || nowhere) {
		if (may)
			gw_trace_step(t, "Destination", "%s is an address of nobody outside, or of many", addr);
		gw_trace_dropped(t, may ? GW_DROP_FLOOD : why);
	} else if (!public_of(t, &t->dst, &owner)) {
		gw_trace_step(t, "Destination", "%s is no public address of this node: out by %s", addr,
			      t->d->params.external ? external : "the [external] interface, which is not there");
		if (!t->d->params.external) {
			gw_trace_dropped(t, GW_DROP_NO_EXTERNAL);
			return;
		}
		gw_trace_verdict(t, "Send");
		gw_trace_text(t, "interface", external);
	} else if (owner.flags & GW_PUBLIC_INWARD) {
		gw_trace_step(t, "Destination", "%s is this node's own, of another interface than the [external] one",
			      addr);
		gw_trace_dropped(t, GW_DROP_NODE_ADDRESS);
	} else if (owner.flags & GW_PUBLIC_SELF) {
		gw_trace_step(t, "Destination",
			      "%s is an address of this node itself: to its own stack, as if from outside", addr);
		if (t->d->params.external)
			gw_trace_verdict(t, "Host");
		else
			gw_trace_dropped(t, GW_DROP_NO_EXTERNAL);
	} else {
		steer(t, owner);
	}
}
