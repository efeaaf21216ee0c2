/*
 * trace_way.c - the way of a packet by connections of virtual gateways, in words: what comes in by one (way.h), and what leaves by one
 * (way.bpf.c). Called by trace.c and trace_edge.c. Whoever changes the one changes the other; a property test compares them.
 */
#include "engine/trace.h"

#include "engine.skel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>

#define GRE_OUTER 24 /* IPv4, GRE without a key */

/* Which connection it is. */
static const struct gw_way *tell(struct gw_trace *t, uint32_t link)
{
	const struct gw_iface *i = gw_iface_by_index(t->d, link);
	const struct gw_way *w = i ? gw_way_of_link(t->in, i->name) : NULL;
	char text[GW_UUID_STRLEN];

	if (w)
		gw_trace_text(t, "connectionId", gw_uuid_format(&w->id, text));
	return w;
}

static bool is_group(const struct gw_trace *t)
{
	return t->has_dmac && t->dmac.b[0] & 1;
}

/* --- in ---------------------------------------------------------------------------------------------------------------------- */

static void into(struct gw_trace *t, uint32_t link)
{
	const struct gw_iface *i = gw_iface_by_index(t->d, link);
	const struct gw_way *w = tell(t, link);
	char rdid[GW_UUID_STRLEN] = "?";

	if (w)
		gw_uuid_format(&w->rdid, rdid);
	gw_trace_step(t, "Connection",
		      "by %s into the virtual gateway of routing domain %s, whose routes decide further",
		      i ? i->name : "?", rdid);
	gw_trace_verdict(t, "Connection");
	gw_trace_text(t, "interface", i ? i->name : "?");
	if (w)
		gw_trace_text(t, "routingDomainId", rdid);
}

static bool tap_of(const struct gw_trace *t, uint32_t interface, uint16_t vlan, const uint8_t mac[6],
		   struct gw_bpf_tap *ret)
{
	struct gw_tap_key key = {.interface = interface, .vlan = vlan};

	memcpy(key.mac, mac, sizeof key.mac);
	return bpf_map_lookup_elem(bpf_map__fd(gw_trace_bpf(t)->maps.taps), &key, ret) == 0;
}

static bool has_members(const struct gw_trace *t, uint32_t interface, uint16_t vlan)
{
	struct gw_bpf_tap tap;

	return tap_of(t, interface, vlan, (uint8_t[6]){1}, &tap);
}

/* gw_may_be_segments: neither tagged nor for anybody else, unless the query says so. */
static bool is_hosts(const struct gw_trace *t)
{
	const struct gw_iface *i = gw_iface_by_index(t->d, t->ifindex);

	return !t->vlan && (!t->has_dmac || (i && gw_mac_equal(&i->link.mac, &t->dmac)));
}

/* gw_from_segment. False: the frame is no connection's. */
static bool by_segment(struct gw_trace *t)
{
	char mac[GW_MAC_STRLEN], vlan[32];
	struct gw_bpf_tap tap;

	snprintf(vlan, sizeof vlan, t->vlan ? "in VLAN %u" : "without a VLAN", t->vlan);
	if (!t->has_dmac) {
		gw_trace_step(t, "Segment", "%s: whose it is its MAC address tells, see --dst-mac", vlan);
		return false;
	}
	gw_mac_format(&t->dmac, mac);
	if (is_group(t)) {
		gw_trace_step(t, "Segment", "%s, for a group: %s", vlan,
			      has_members(t, t->ifindex, t->vlan) ? "each connection there gets a copy"
								  : "no connection is there");
		return false;
	}
	if (!tap_of(t, t->ifindex, t->vlan, t->dmac.b, &tap)) {
		gw_trace_step(t, "Segment", "%s: no connection has %s", vlan, mac);
		return false;
	}
	gw_trace_step(t, "Segment", "%s: %s is a connection's", vlan, mac);
	into(t, tap.link);
	return true;
}

/* gw_from_tunnel, of a sound packet. */
static bool by_tunnel(struct gw_trace *t)
{
	struct gw_tunnel_key key = {.source = gw_ip_of(&t->dst),
				    .destination = gw_ip_of(&t->src),
				    .key = htonl(t->key),
				    .has_key = t->has_key};
	struct gw_bpf_tunnel tunnel;
	char src[GW_ADDR_STRLEN], dst[GW_ADDR_STRLEN];

	if (t->proto != IPPROTO_GRE || !gw_trace_v4(t) || !t->has_src ||
	    bpf_map_lookup_elem(bpf_map__fd(gw_trace_bpf(t)->maps.tunnels), &key, &tunnel) < 0)
		return false;
	gw_trace_step(t, "Tunnel", "GRE from %s to %s with %s is a connection's", gw_addr_format(&t->src, src),
		      gw_addr_format(&t->dst, dst), t->has_key ? "this key" : "no key");
	into(t, tunnel.link);
	return true;
}

static void at_segment(struct gw_trace *t)
{
	if (!is_hosts(t) && by_segment(t))
		return;
	gw_trace_step(t, "Host", "no connection's: left to the host's own stack");
	gw_trace_verdict(t, "Host");
}

bool gw_trace_by_way(struct gw_trace *t)
{
	if (is_hosts(t))
		return by_tunnel(t);
	at_segment(t);
	return true;
}

void gw_trace_from_segment(struct gw_trace *t)
{
	gw_trace_step(t, "Segment", "connections lead to %s", t->interface);
	at_segment(t);
}

/* --- out --------------------------------------------------------------------------------------------------------------------- */

static void send_by(struct gw_trace *t, uint32_t out)
{
	const struct gw_iface *i = gw_iface_by_index(t->d, out);

	gw_trace_verdict(t, "Send");
	gw_trace_text(t, "interface", i ? i->name : "?");
}

/* gw_way_l3 */
static void by_vlan(struct gw_trace *t, const struct gw_bpf_way *w)
{
	char mac[GW_MAC_STRLEN];
	struct gw_bpf_tap tap;

	if (!t->has_dmac) {
		gw_trace_step(t, "Segment",
			      "to whom the virtual gateway's neighbour table says, unless --dst-mac does");
	} else if (is_group(t)) {
		gw_trace_step(t, "Segment", "for a group: each other connection there gets a copy, too");
	} else if (tap_of(t, w->out, w->vlan, t->dmac.b, &tap)) {
		gw_mac_format(&t->dmac, mac);
		gw_trace_step(t, "Segment", "%s is %s of this node", mac,
			      tap.link == w->link ? "the connection itself" : "another connection");
		if (tap.link == w->link)
			gw_trace_dropped(t, GW_DROP_LAND);
		else
			into(t, tap.link);
		return;
	}
	send_by(t, w->out);
	json_object_set_new(t->answer, "vlanId", json_integer(w->vlan));
}

/* gw_way_gre */
static void by_gre(struct gw_trace *t, const struct gw_bpf_way *w)
{
	struct gw_addr source = gw_addr_of(&w->source), destination = gw_addr_of(&w->destination);
	char text[GW_ADDR_STRLEN];

	if (is_group(t)) {
		gw_trace_step(t, "Tunnel", "what is for everybody on a link stays out of a tunnel");
		gw_trace_dropped(t, GW_DROP_FLOOD);
		return;
	}
	if (t->size + GRE_OUTER + (w->has_key ? 4 : 0) > 65535) {
		gw_trace_step(t, "Tunnel", "%u bytes and the tunnel's headers are more than IPv4 can carry", t->size);
		gw_trace_dropped(t, GW_DROP_MALFORMED);
		return;
	}
	send_by(t, w->out);
	gw_trace_text(t, "tunnelSource", gw_addr_format(&source, text));
	gw_trace_text(t, "tunnelDestination", gw_addr_format(&destination, text));
	if (w->has_key)
		json_object_set_new(t->answer, "greKey", json_integer(ntohl(w->key)));
}

void gw_trace_from_way(struct gw_trace *t)
{
	const struct gw_way *way = tell(t, t->ifindex);
	char id[GW_UUID_STRLEN], rdid[GW_UUID_STRLEN];
	struct gw_bpf_way w;

	if (!way || bpf_map_lookup_elem(bpf_map__fd(gw_trace_bpf(t)->maps.ways), &t->ifindex, &w) < 0) {
		gw_trace_step(t, "Connection", "%s is no connection's link yet", t->interface);
		gw_trace_dropped(t, GW_DROP_NO_CONNECTION);
		return;
	}
	gw_trace_step(t, "Connection", "%s is the link of %s connection %s of the virtual gateway of routing domain %s",
		      t->interface, w.type == GW_ABI_GRE ? "GRE" : "L3", gw_uuid_format(&way->id, id),
		      gw_uuid_format(&way->rdid, rdid));
	if (!w.out) {
		gw_trace_step(t, "Connection", "it leads nowhere yet: its stateDetail says why");
		gw_trace_dropped(t, GW_DROP_NO_SEGMENT);
		return;
	}
	if (w.type == GW_ABI_GRE)
		by_gre(t, &w);
	else
		by_vlan(t, &w);
}
