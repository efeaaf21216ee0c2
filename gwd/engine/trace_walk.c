/*
 * trace_walk.c - the walk that port.bpf.c and its lib/ make for a packet, made again in words. Whoever changes the one
 * changes the other; a property test compares them.
 */
#include "engine/trace.h"

#include "engine.skel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define ICMP_UNREACHABLE  3
#define ICMP_TIME	  11
#define ICMP6_UNREACHABLE 1
#define ICMP6_TOO_BIG	  2
#define ICMP6_TIME	  3

static bool lookup(const struct bpf_map *m, const void *key, void *ret)
{
	return bpf_map_lookup_elem(bpf_map__fd(m), key, ret) == 0;
}

static struct gw_mac mac_of(const __u8 *b)
{
	struct gw_mac m;

	memcpy(m.b, b, sizeof m.b);
	return m;
}

static void set_number(struct gw_trace *t, const char *key, unsigned value)
{
	json_object_set_new(t->answer, key, json_integer(value));
}

/* --- the tables (route.h) --------------------------------------------------------------------------------------------------- */

static bool record_of(const struct gw_trace *t, uint32_t vsid, const struct gw_addr *ca, struct gw_bpf_record *ret)
{
	struct gw_record_key key = {.vsid = vsid, .ca = gw_ip_of(ca)};

	return lookup(gw_trace_bpf(t)->maps.records, &key, ret) && !(ret->flags & GW_RECORD_IS_WILDCARD);
}

static bool wildcard_of(const struct gw_trace *t, uint32_t vsid, struct gw_bpf_record *ret)
{
	struct gw_record_key key = {.vsid = vsid};

	if (gw_trace_v4(t))
		key.ca.w[2] = htonl(0xffff);
	return lookup(gw_trace_bpf(t)->maps.records, &key, ret) && ret->flags & GW_RECORD_IS_WILDCARD;
}

static bool subnet_of(const struct gw_trace *t, uint32_t vsid, const struct gw_addr *addr, struct gw_bpf_subnet *ret)
{
	struct gw_prefix_key key = {.prefixlen = 32 + 128, .scope = htonl(vsid), .addr = gw_ip_of(addr)};

	return lookup(gw_trace_bpf(t)->maps.subnets, &key, ret) && ret->v4 == gw_addr_is_v4(addr);
}

static bool is_router_address(const struct gw_trace *t, uint32_t vsid, const struct gw_addr *addr)
{
	struct gw_ip ip = gw_ip_of(addr);
	struct gw_bpf_subnet s;

	return subnet_of(t, vsid, addr, &s) && memcmp(&s.router, &ip, sizeof ip) == 0;
}

static struct gw_addr router_of(const struct gw_trace *t)
{
	struct gw_bpf_subnet s;
	struct gw_bpf_vsid v;
	const struct gw_ip *router;

	if (subnet_of(t, t->port.vsid, &t->src, &s))
		return gw_addr_of(&s.router);
	if (lookup(gw_trace_bpf(t)->maps.vsids, &t->port.vsid, &v)) {
		router = &v.router[gw_trace_v4(t) ? 0 : 1];
		if (router->w[3])
			return gw_addr_of(router);
	}
	return t->dst;
}

static bool route_in(const struct bpf_map *table, uint32_t scope, const struct gw_addr *to, struct gw_bpf_route *ret)
{
	struct gw_prefix_key key = {.prefixlen = 32 + 128, .scope = htonl(scope), .addr = gw_ip_of(to)};

	return lookup(table, &key, ret) && !!(ret->flags & GW_ROUTE_V4) == gw_addr_is_v4(to);
}

enum way { WAY_FOUND, WAY_SELF, WAY_NEVER, WAY_NO_ROUTE, WAY_NO_RECORD };

/* What the router finds for `to`; in words into `say`. Sets t->vsid and t->rec. */
static enum way find_way(struct gw_trace *t, const struct gw_addr *to, char *say, size_t n)
{
	char hop_text[GW_ADDR_STRLEN], net_text[GW_ADDR_STRLEN];
	struct gw_bpf_route route, own;
	struct gw_prefix net;
	struct gw_addr hop = *to;
	struct gw_bpf_vsid v;
	bool on_link, own_won = false;
	int len;

	if (!gw_addr_is_unicast(to)) {
		snprintf(say, n, "an address of nobody, or of many, is never routed");
		return WAY_NEVER;
	}
	snprintf(say, n, "no customer route of the routing domain leads there");
	if (!lookup(gw_trace_bpf(t)->maps.vsids, &t->port.vsid, &v) ||
	    (!gw_addr_is_v4(to) && gw_addr_is_link_local(to)) ||
	    !route_in(gw_trace_bpf(t)->maps.routes, v.domain, to, &route))
		return WAY_NO_ROUTE;
	if (route.flags & GW_ROUTE_SHARED && route_in(gw_trace_bpf(t)->maps.own_routes, t->port.vsid, to, &own) &&
	    own.prefix_len == route.prefix_len) {
		route = own;
		own_won = true;
	}
	t->vsid = route.vsid;
	on_link = route.flags & GW_ROUTE_ON_LINK;
	if (!on_link)
		hop = gw_addr_of(&route.next_hop);
	net.len = route.prefix_len - (gw_addr_is_v4(to) ? 96 : 0);
	net.addr = gw_prefix_mask(to, net.len);
	gw_addr_format(&net.addr, net_text);
	gw_addr_format(&hop, hop_text);
	len = snprintf(say, n, "%s/%u%s in VSID %u%s, ", net_text, net.len, on_link ? " on-link" : "", t->vsid,
		       own_won ? ", the sender's own of several as good" : "");
	say += len;
	n -= (size_t)len;
	if (record_of(t, t->vsid, &hop, &t->rec)) {
		if (!(t->rec.flags & GW_RECORD_IS_ROUTER)) {
			snprintf(say, n, "next hop %s by its lookup record", hop_text);
			return WAY_FOUND;
		}
		snprintf(say, n, "%s is the router's own address", hop_text);
		return on_link ? WAY_SELF : WAY_NO_ROUTE;
	}
	if (on_link && is_router_address(t, t->vsid, &hop)) {
		snprintf(say, n, "%s is the router's own address", hop_text);
		return WAY_SELF;
	}
	if (wildcard_of(t, t->vsid, &t->rec)) {
		snprintf(say, n, "no lookup record for %s: the wildcard record takes it", hop_text);
		return WAY_FOUND;
	}
	snprintf(say, n, "no lookup record for next hop %s, and no wildcard", hop_text);
	return WAY_NO_RECORD;
}

/* --- what the walk ends in -------------------------------------------------------------------------------------------------- */

/* An ICMP error from the router. `reason`: under what it is counted. */
static void answered(struct gw_trace *t, int type, int code, const struct gw_addr *from, const char *reason,
		     unsigned mtu)
{
	char text[GW_ADDR_STRLEN];

	gw_addr_format(from, text);
	gw_trace_step(t, "Answer", "ICMP%s type %d code %d from %s%s", gw_trace_v4(t) ? "" : "v6", type, code, text,
		      mtu ? ", with the size that would fit" : "");
	gw_trace_verdict(t, "Reply");
	gw_trace_text(t, "reason", reason);
	json_object_set_new(t->answer, "icmp", json_pack("{s:i, s:i, s:s}", "type", type, "code", code, "from", text));
	if (mtu)
		set_number(t, "mtu", mtu);
}

/* True when the packet may go on; `mtu` is the largest IP packet on its way. */
static bool fits(struct gw_trace *t, unsigned mtu, bool tunnel)
{
	struct gw_addr router = router_of(t);

	if (t->routed && t->ttl <= 1) {
		gw_trace_step(t, "TTL", "%u: the router is one hop too many", t->ttl);
		answered(t, gw_trace_v4(t) ? ICMP_TIME : ICMP6_TIME, 0, &router, "TtlExpired", 0);
		return false;
	}
	if (t->size <= mtu)
		return true;
	if (gw_trace_v4(t) && !t->df) {
		unsigned chunk = (mtu - 20) / 8 * 8, parts = (t->size - 20 + chunk - 1) / chunk;

		gw_trace_step(t, "MTU", "%u bytes are more than %u, and may be fragmented", t->size, mtu);
		if (!t->d->cutter_entrance) {
			gw_trace_dropped(t, GW_DROP_TOO_BIG);
			return false;
		}
		set_number(t, "fragments", parts);
		gw_trace_step(t, "Fragment", "%u parts of at most %u bytes, each %s", parts, 20 + chunk,
			      tunnel ? "in a tunnel packet of its own" : "delivered by itself");
		gw_trace_verdict(t, "Fragment");
		return true;
	}
	gw_trace_step(t, "MTU", "%u bytes are more than %u, and must not be fragmented", t->size, mtu);
	if (gw_trace_v4(t))
		answered(t, ICMP_UNREACHABLE, 4, &router, "TooBig", mtu);
	else
		answered(t, ICMP6_TOO_BIG, 0, &router, "TooBig", mtu);
	return false;
}

static void finish(struct gw_trace *t, const char *what, unsigned mtu)
{
	if (!json_object_get(t->answer, "verdict"))
		gw_trace_verdict(t, what);
	set_number(t, "mtu", mtu);
}

static void to_port(struct gw_trace *t, uint32_t vsid, const __u8 *mac)
{
	struct gw_mac dmac = mac_of(mac);
	struct gw_mac_key key = gw_mac_key_of(vsid, &dmac);
	const struct gw_iface *i;
	struct gw_bpf_mac m;

	if (!lookup(gw_trace_bpf(t)->maps.macs, &key, &m) || !m.port) {
		gw_trace_step(t, "Deliver", "the record names this node, but no port here has the MAC address");
		gw_trace_dropped(t, GW_DROP_NO_LOCAL_PORT);
		return;
	}
	if (!fits(t, m.mtu, false))
		return;
	i = gw_iface_by_index(t->d, m.port);
	gw_trace_step(t, "Deliver", "port %s on this node, without encapsulation", i ? i->name : "?");
	gw_trace_text(t, "port", i ? i->name : "?");
	set_number(t, "virtualSubnetId", vsid);
	finish(t, "Deliver", m.mtu);
}

static void to_tunnel(struct gw_trace *t, uint32_t vsid, const struct gw_ip *pa, uint8_t encap)
{
	const char *name = encap == GW_ABI_NVGRE ? "NVGRE" : "VXLAN";
	struct gw_addr to = gw_addr_of(pa), from = gw_addr_of(&t->port.pa);
	unsigned mtu = t->d->params.inner_mtu[encap & 1];
	char a[GW_ADDR_STRLEN], b[GW_ADDR_STRLEN];

	if (!t->port.underlay) {
		gw_trace_step(t, "Tunnel", "this node has no provider address to send from");
		gw_trace_dropped(t, GW_DROP_NO_SOURCE_PA);
		return;
	}
	if (!fits(t, mtu, true))
		return;
	gw_addr_format(&to, a);
	gw_addr_format(&from, b);
	gw_trace_step(t, "Tunnel", "%s with VSID %u from %s to %s, inner MTU %u", name, vsid, b, a, mtu);
	gw_trace_text(t, "encapsulation", name);
	set_number(t, "virtualSubnetId", vsid);
	gw_trace_text(t, "providerAddress", a);
	gw_trace_text(t, "sourceProviderAddress", b);
	finish(t, "Encapsulate", mtu);
}

static void to_router_itself(struct gw_trace *t)
{
	if (t->proto == (gw_trace_v4(t) ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		gw_trace_step(t, "Answer", "the distributed router answers ICMP echo (and nothing else of ICMP)");
		gw_trace_verdict(t, "Reply");
		gw_trace_text(t, "reason", "Echo");
	} else if (t->proto == IPPROTO_UDP) {
		answered(t, gw_trace_v4(t) ? ICMP_UNREACHABLE : ICMP6_UNREACHABLE, gw_trace_v4(t) ? 3 : 4, &t->dst,
			 "ForRouter", 0);
	} else {
		gw_trace_dropped(t, GW_DROP_FOR_ROUTER);
	}
}

/* --- the walk (forward.h) --------------------------------------------------------------------------------------------------- */

static void walk_route(struct gw_trace *t)
{
	struct gw_addr router = router_of(t);
	char say[256], mac[GW_MAC_STRLEN];
	enum way way = find_way(t, &t->dst, say, sizeof say);
	struct gw_mac next;

	t->routed = true;
	json_object_set_new(t->answer, "routed", json_true());
	gw_trace_step(t, "Route", "%s", say);
	switch (way) {
	case WAY_SELF:
		to_router_itself(t);
		return;
	case WAY_NEVER:
		gw_trace_dropped(t, GW_DROP_NO_ROUTE);
		return;
	case WAY_NO_ROUTE:
		gw_trace_dropped(t, GW_DROP_NO_ROUTE);
		answered(t, gw_trace_v4(t) ? ICMP_UNREACHABLE : ICMP6_UNREACHABLE, 0, &router, "NoRoute", 0);
		return;
	case WAY_NO_RECORD:
		gw_trace_dropped(t, GW_DROP_NO_RECORD);
		answered(t, gw_trace_v4(t) ? ICMP_UNREACHABLE : ICMP6_UNREACHABLE, gw_trace_v4(t) ? 1 : 3, &router,
			 "NoRecord", 0);
		return;
	case WAY_FOUND:
		break;
	}
	next = mac_of(t->rec.mac);
	gw_trace_text(t, "macAddress", gw_mac_format(&next, mac));
	if (t->rec.flags & GW_RECORD_LOCAL)
		to_port(t, t->vsid, t->rec.mac);
	else
		to_tunnel(t, t->vsid, &t->rec.pa, t->rec.encap);
}

static void walk_mac(struct gw_trace *t, const struct gw_bpf_mac *m)
{
	char mac[GW_MAC_STRLEN];
	struct gw_bpf_record rec;

	gw_trace_text(t, "macAddress", gw_mac_format(&t->dmac, mac));
	if (record_of(t, t->port.vsid, &t->dst, &rec) && memcmp(rec.mac, t->dmac.b, sizeof rec.mac) == 0) {
		gw_trace_step(t, "Record", "the destination's own lookup record decides");
		if (rec.flags & GW_RECORD_LOCAL)
			to_port(t, t->port.vsid, t->dmac.b);
		else
			to_tunnel(t, t->port.vsid, &rec.pa, rec.encap);
	} else if (m) {
		gw_trace_step(t, "Record", "no lookup record for the address with this MAC: the MAC address decides");
		if (!(m->record_flags & GW_MAC_HAS_PA) || m->record_flags & GW_RECORD_LOCAL)
			to_port(t, t->port.vsid, t->dmac.b);
		else
			to_tunnel(t, t->port.vsid, &m->pa, m->encap);
	} else {
		gw_trace_step(t, "Record", "nothing in VSID %u has MAC %s", t->port.vsid, mac);
		gw_trace_dropped(t, GW_DROP_NO_RECORD);
	}
}

/* Whether the port may speak for the source (ACL-3). */
static bool may_send(struct gw_trace *t)
{
	char addr[GW_ADDR_STRLEN], mac[GW_MAC_STRLEN], say[256];
	struct gw_mac own = mac_of(t->port.mac);
	struct gw_bpf_record r;
	bool has;

	gw_mac_format(&own, mac);
	if (!t->has_src) {
		gw_trace_step(t, "Source", "no lookup record of VSID %u gives MAC %s an address of this family",
			      t->port.vsid, mac);
		return false;
	}
	gw_addr_format(&t->src, addr);
	has = record_of(t, t->port.vsid, &t->src, &r);
	if (has && memcmp(r.mac, t->port.mac, sizeof r.mac) == 0) {
		gw_trace_step(t, "Source", "%s belongs to the port", addr);
		return true;
	}
	if (t->port.flags & GW_PORT_FORWARDS && gw_addr_is_unicast(&t->src)) {
		gw_trace_step(t, "Source", "%s is not the port's, which may forward", addr);
		return true;
	}
	if (has) {
		gw_trace_step(t, "Source", "%s belongs to another MAC address", addr);
		return false;
	}
	if (find_way(t, &t->src, say, sizeof say) == WAY_FOUND && t->vsid == t->port.vsid &&
	    memcmp(t->rec.mac, t->port.mac, sizeof t->rec.mac) == 0) {
		gw_trace_step(t, "Source", "%s would be routed to this port: %s", addr, say);
		return true;
	}
	gw_trace_step(t, "Source", "%s is not an address of MAC %s in VSID %u, nor routed to it", addr, mac,
		      t->port.vsid);
	return false;
}

static bool is_broadcast(const struct gw_trace *t)
{
	struct gw_bpf_subnet s;

	return gw_trace_v4(t) && subnet_of(t, t->port.vsid, &t->dst, &s) &&
	       (gw_addr_to_v4(&t->dst) | (uint32_t)(0xffffffffull << (128 - s.prefix_len))) == 0xffffffff;
}

/* Where a VM would send it: to the destination when that is on its link, else to its router. False: it gets no answer. */
static bool resolve(struct gw_trace *t)
{
	char addr[GW_ADDR_STRLEN], mac[GW_MAC_STRLEN];
	struct gw_bpf_subnet mine, theirs;
	struct gw_bpf_record rec;
	struct gw_addr router;

	gw_addr_format(&t->dst, addr);
	if (t->has_dmac) {
		gw_trace_step(t, "Frame", "to MAC %s, as given", gw_mac_format(&t->dmac, mac));
		return true;
	}
	if (is_broadcast(t)) {
		memset(t->dmac.b, 0xff, sizeof t->dmac.b);
		gw_trace_step(t, "Resolve", "%s is the broadcast address of its subnet", addr);
		return true;
	}
	if (record_of(t, t->port.vsid, &t->dst, &rec)) {
		if (memcmp(rec.mac, t->port.mac, sizeof rec.mac) == 0) {
			gw_trace_step(t, "Resolve",
				      "%s is the port's own: a VM does not send it out, and gets no answer", addr);
			return false;
		}
		t->dmac = mac_of(rec.mac);
		gw_trace_step(t, "Resolve", "%s has MAC %s (lookup record)", addr, gw_mac_format(&t->dmac, mac));
		return true;
	}
	if (is_router_address(t, t->port.vsid, &t->dst)) {
		if (subnet_of(t, t->port.vsid, &t->dst, &theirs))
			t->dmac = mac_of(theirs.mac);
		gw_trace_step(t, "Resolve", "%s is the distributed router, MAC %s", addr, gw_mac_format(&t->dmac, mac));
		return true;
	}
	/* A gateway also sends from addresses that are in no subnet of its own. */
	router = router_of(t);
	if (subnet_of(t, t->port.vsid, &router, &mine) &&
	    !(subnet_of(t, t->port.vsid, &t->dst, &theirs) && memcmp(&mine, &theirs, sizeof mine) == 0)) {
		char text[GW_ADDR_STRLEN];

		t->dmac = mac_of(mine.mac);
		gw_trace_step(t, "Resolve", "%s is not in the subnet of the source: to the router %s, MAC %s", addr,
			      gw_addr_format(&router, text), gw_mac_format(&t->dmac, mac));
		return true;
	}
	gw_trace_step(t, "Resolve", "no lookup record for %s in VSID %u: its MAC address is never learned", addr,
		      t->port.vsid);
	return false;
}

/* What the flow cache has for the packet. */
static void look_into_cache(struct gw_trace *t)
{
	struct gw_ip src = gw_ip_of(&t->src), dst = gw_ip_of(&t->dst);
	struct gw_flow4_key key4 = {.port = t->ifindex,
				    .saddr = src.w[3],
				    .daddr = dst.w[3],
				    .sport = htons(t->sport),
				    .dport = htons(t->dport),
				    .proto = t->proto};
	struct gw_flow6_key key6 = {.port = t->ifindex,
				    .saddr = src,
				    .daddr = dst,
				    .sport = htons(t->sport),
				    .dport = htons(t->dport),
				    .proto = t->proto};
	uint32_t slot, generation = 0;
	struct gw_bpf_flow f;
	const char *state = "Missing";

	if (gw_trace_v4(t) ? lookup(gw_trace_bpf(t)->maps.flows4, &key4, &f)
			   : lookup(gw_trace_bpf(t)->maps.flows6, &key6, &f)) {
		slot = f.slot;
		state = lookup(gw_trace_bpf(t)->maps.generations, &slot, &generation) && generation == f.generation &&
					memcmp(f.eth, t->dmac.b, 6) == 0 && memcmp(f.eth + 6, t->port.mac, 6) == 0
				? "Valid"
				: "Stale";
	}
	gw_trace_text(t, "cacheEntry", state);
	gw_trace_step(t, "Cache", "%s",
		      *state == 'V'   ? "the flow is known, with the verdict below"
		      : *state == 'S' ? "the flow is known from before the last change, and is decided anew"
				      : "the flow is not known yet: the first packet is decided as follows");
}

void gw_trace_walk(struct gw_trace *t)
{
	struct gw_mac own = mac_of(t->port.mac);
	char mac[GW_MAC_STRLEN];
	struct gw_mac_key key;
	struct gw_bpf_mac m;
	bool has_mac;

	gw_trace_step(t, "Port", "%s is in VSID %u with MAC %s", t->interface, t->port.vsid, gw_mac_format(&own, mac));
	if (!t->has_dmac &&
	    (gw_addr_is_multicast(&t->dst) || (gw_trace_v4(t) && gw_addr_to_v4(&t->dst) == 0xffffffff))) {
		gw_trace_dropped(t, GW_DROP_FLOOD);
		return;
	}
	if (!resolve(t)) {
		gw_trace_dropped(t, gw_trace_v4(t) ? GW_DROP_ARP_UNANSWERED : GW_DROP_ND_UNANSWERED);
		return;
	}
	if ((t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP) && t->size < (gw_trace_v4(t) ? 24u : 44u)) {
		gw_trace_step(t, "Packet", "%u bytes have no room for ports", t->size);
		gw_trace_dropped(t, GW_DROP_MALFORMED);
		return;
	}
	if (t->dmac.b[0] & 1) {
		gw_trace_dropped(t, GW_DROP_FLOOD);
		return;
	}
	if (!may_send(t)) {
		gw_trace_dropped(t, GW_DROP_SPOOF_ADDRESS);
		return;
	}
	gw_trace_text(t, "destinationMac", gw_mac_format(&t->dmac, mac));
	look_into_cache(t);
	key = gw_mac_key_of(t->port.vsid, &t->dmac);
	has_mac = lookup(gw_trace_bpf(t)->maps.macs, &key, &m);
	if (memcmp(t->dmac.b, t->d->params.router_mac, sizeof t->dmac.b) == 0 ||
	    (has_mac && m.record_flags & GW_MAC_ROUTER))
		walk_route(t);
	else
		walk_mac(t, has_mac ? &m : NULL);
}
