/*
 * trace.c - explains which way a packet from a port would take (gwctl trace). It asks the kernel's maps, as the programs
 * do, not the intent: what it says is what the engine does, also when the two should disagree.
 */
#include "engine/internal.h"

#include "engine.skel.h"
#include "engine/reasons.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct trace {
	const struct gw_driver *d;
	json_t *answer, *steps;
	struct gw_addr src, dst;
	struct gw_mac dmac;
	bool has_src, has_dmac;
	unsigned size; /* of the IP packet */
	uint32_t ifindex;
	char interface[IFNAMSIZ];
	struct gw_bpf_port port;
	struct gw_bpf_record rec;
	bool has_rec;
};

static void step(struct trace *t, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void step(struct trace *t, const char *name, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_array_append_new(t->steps, json_pack("{s:s, s:s}", "step", name, "detail", text));
}

static void verdict(struct trace *t, const char *what)
{
	json_object_set_new(t->answer, "verdict", json_string(what));
}

static int dropped(struct trace *t, enum gw_drop_reason reason)
{
	verdict(t, "Drop");
	json_object_set_new(t->answer, "reason", json_string(gw_drop_reasons[reason].name));
	json_object_set_new(t->answer, "help", json_string(gw_drop_reasons[reason].help));
	return 0;
}

static bool lookup(const struct bpf_map *m, const void *key, void *ret)
{
	return bpf_map_lookup_elem(bpf_map__fd(m), key, ret) == 0;
}

static bool find_record(const struct trace *t, const struct gw_addr *ca, struct gw_bpf_record *ret)
{
	struct gw_record_key key = {.vsid = t->port.vsid, .ca = gw_ip_of(ca)};

	return lookup(gw_loader_bpf(t->d->loader)->maps.records, &key, ret);
}

static struct gw_mac mac_of(const __u8 *b)
{
	struct gw_mac m;

	memcpy(m.b, b, sizeof m.b);
	return m;
}

/* --- the query ------------------------------------------------------------------------------------------------------------ */

static int bad(struct gw_error *err, const char *target, const char *what)
{
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target, "%s: %s", target, what);
}

static int read_address(const json_t *query, const char *name, struct gw_addr *ret, bool *has, struct gw_error *err)
{
	const json_t *j = json_object_get(query, name);

	*has = j && !json_is_null(j);
	if (*has && (!json_is_string(j) || gw_addr_parse(json_string_value(j), ret) < 0))
		return bad(err, name, "must be an IPv4 or IPv6 address");
	return 0;
}

static int read_query(struct trace *t, const struct gw_intent *in, const json_t *query, struct gw_error *err)
{
	const char *port = json_string_value(json_object_get(query, "port"));
	const json_t *size = json_object_get(query, "size"), *mac = json_object_get(query, "destinationMac");
	const struct gw_hnv_object *o;
	bool has;
	int r;

	if (!port)
		return bad(err, "port", "name the interface of an attached port");
	o = gw_intent_port(in, port);
	if (!o)
		return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, "port",
				    "no port '%s' on this node; 'gwctl port list' shows them", port);
	snprintf(t->interface, sizeof t->interface, "%s", o->port.interface);
	r = read_address(query, "destination", &t->dst, &has, err);
	if (r < 0)
		return r;
	if (!has)
		return bad(err, "destination", "name the address that the packet goes to");
	r = read_address(query, "source", &t->src, &t->has_src, err);
	if (r < 0)
		return r;
	if (t->has_src && gw_addr_is_v4(&t->src) != gw_addr_is_v4(&t->dst))
		return bad(err, "source", "must be of the destination's address family");
	t->size = 84;
	if (size && !json_is_null(size)) {
		if (!json_is_integer(size) || json_integer_value(size) < 20 || json_integer_value(size) > 65535)
			return bad(err, "size", "must be the length of the IP packet, 20..65535");
		t->size = json_integer_value(size);
	}
	t->has_dmac = mac && !json_is_null(mac);
	if (t->has_dmac && (!json_is_string(mac) || gw_mac_parse(json_string_value(mac), &t->dmac) < 0))
		return bad(err, "destinationMac", "must be a MAC address such as 00155D011404");
	return 0;
}

/* --- the walk, in the order of port.bpf.c --------------------------------------------------------------------------------- */

/* The port's own address of the destination's family, when the query names none. */
static void choose_source(struct trace *t, const struct gw_intent *in)
{
	struct gw_mac mac = mac_of(t->port.mac);

	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next_by_mac(in, t->port.vsid, &mac, o));)
		if (o->kind == GW_HNV_LOOKUP_RECORD && !gw_addr_is_any(&o->record.ca) &&
		    gw_addr_is_v4(&o->record.ca) == gw_addr_is_v4(&t->dst)) {
			t->src = o->record.ca;
			t->has_src = true;
			return;
		}
}

static bool walk_source(struct trace *t)
{
	char addr[GW_ADDR_STRLEN], mac[GW_MAC_STRLEN];
	struct gw_mac own = mac_of(t->port.mac);
	struct gw_bpf_record r;

	gw_mac_format(&own, mac);
	if (!t->has_src) {
		step(t, "Source", "no lookup record of VSID %u gives MAC %s an address of this family", t->port.vsid,
		     mac);
		return false;
	}
	gw_addr_format(&t->src, addr);
	if (!find_record(t, &t->src, &r) || memcmp(r.mac, t->port.mac, sizeof r.mac) != 0) {
		step(t, "Source", "%s is not an address of MAC %s in VSID %u", addr, mac, t->port.vsid);
		return false;
	}
	step(t, "Source", "%s belongs to the port", addr);
	return true;
}

static int too_big(struct trace *t, unsigned mtu)
{
	step(t, "MTU", "%u bytes are more than %u: the sender is told so by ICMP if it forbids fragmentation", t->size,
	     mtu);
	verdict(t, "Reply");
	json_object_set_new(t->answer, "reason", json_string("TooBig"));
	json_object_set_new(t->answer, "mtu", json_integer(mtu));
	return 0;
}

static int walk_local(struct trace *t, const struct gw_bpf_mac *m)
{
	char name[IFNAMSIZ] = "?";
	const struct gw_iface *i = gw_iface_by_index(t->d, m->port);

	if (i)
		snprintf(name, sizeof name, "%s", i->name);
	if (t->size > m->mtu)
		return too_big(t, m->mtu);
	step(t, "Deliver", "port %s on this node, without encapsulation", name);
	verdict(t, "Deliver");
	json_object_set_new(t->answer, "port", json_string(name));
	json_object_set_new(t->answer, "mtu", json_integer(m->mtu));
	return 0;
}

static int walk_tunnel(struct trace *t, const struct gw_ip *pa, uint8_t encap)
{
	struct gw_addr to = gw_addr_of(pa), from = gw_addr_of(&t->port.pa);
	unsigned mtu = t->d->params.inner_mtu[encap & 1];
	char a[GW_ADDR_STRLEN], b[GW_ADDR_STRLEN];
	const char *name = encap == GW_ABI_NVGRE ? "NVGRE" : "VXLAN";

	if (!t->port.underlay) {
		step(t, "Tunnel", "this node has no provider address to send from");
		return dropped(t, GW_DROP_NO_SOURCE_PA);
	}
	if (t->size > mtu)
		return too_big(t, mtu);
	gw_addr_format(&to, a);
	gw_addr_format(&from, b);
	step(t, "Tunnel", "%s with VSID %u from %s to %s, inner MTU %u", name, t->port.vsid, b, a, mtu);
	verdict(t, "Encapsulate");
	json_object_set_new(t->answer, "encapsulation", json_string(name));
	json_object_set_new(t->answer, "virtualSubnetId", json_integer(t->port.vsid));
	json_object_set_new(t->answer, "providerAddress", json_string(a));
	json_object_set_new(t->answer, "sourceProviderAddress", json_string(b));
	json_object_set_new(t->answer, "mtu", json_integer(mtu));
	return 0;
}

/* The destination's MAC address: given, or what the engine's answer to ARP would say. */
static bool walk_resolve(struct trace *t)
{
	char addr[GW_ADDR_STRLEN], mac[GW_MAC_STRLEN];

	gw_addr_format(&t->dst, addr);
	t->has_rec = find_record(t, &t->dst, &t->rec);
	if (!t->has_dmac && !t->has_rec) {
		step(t, "Resolve", "no lookup record for %s in VSID %u: its MAC address is never learned", addr,
		     t->port.vsid);
		return false;
	}
	if (!t->has_dmac)
		t->dmac = mac_of(t->rec.mac);
	gw_mac_format(&t->dmac, mac);
	step(t, "Resolve", "%s has MAC %s (%s)", addr, mac, t->has_dmac ? "as given" : "lookup record");
	json_object_set_new(t->answer, "macAddress", json_string(mac));
	return true;
}

static int walk_destination(struct trace *t)
{
	struct gw_mac_key key = gw_mac_key_of(t->port.vsid, &t->dmac);
	struct gw_bpf_mac m = {0};
	bool has_mac = lookup(gw_loader_bpf(t->d->loader)->maps.macs, &key, &m), local;
	struct gw_ip pa;
	uint8_t encap;

	if (t->dmac.b[0] & 1)
		return dropped(t, GW_DROP_FLOOD);
	if (t->has_rec && memcmp(t->rec.mac, t->dmac.b, sizeof t->rec.mac) == 0) {
		pa = t->rec.pa;
		encap = t->rec.encap;
		local = t->rec.flags & GW_RECORD_LOCAL;
		step(t, "Record", "the destination's own lookup record decides");
	} else if (has_mac) {
		pa = m.pa;
		encap = m.encap;
		local = !(m.record_flags & GW_MAC_HAS_PA) || m.record_flags & GW_RECORD_LOCAL;
		step(t, "Record", "no lookup record for the address with this MAC: the MAC address decides");
	} else {
		return dropped(t, memcmp(t->dmac.b, t->d->params.router_mac, 6) == 0 ? GW_DROP_NO_ROUTE
										     : GW_DROP_NO_RECORD);
	}
	if (!local)
		return walk_tunnel(t, &pa, encap);
	if (!has_mac || !m.port) {
		step(t, "Deliver", "the record names this node, but no port here has the MAC address");
		return dropped(t, GW_DROP_NO_LOCAL_PORT);
	}
	return walk_local(t, &m);
}

static int walk(struct trace *t, const struct gw_intent *in)
{
	const struct gw_iface *i = gw_iface_find(t->d, t->interface);
	struct gw_mac own;
	char mac[GW_MAC_STRLEN];

	if (i)
		t->ifindex = i->link.ifindex;
	if (!i || !i->present || !lookup(gw_loader_bpf(t->d->loader)->maps.ports, &t->ifindex, &t->port)) {
		step(t, "Port", "%s is not there: it is attached as soon as the interface appears", t->interface);
		return dropped(t, GW_DROP_NO_PORT);
	}
	own = mac_of(t->port.mac);
	step(t, "Port", "%s is in VSID %u with MAC %s", t->interface, t->port.vsid, gw_mac_format(&own, mac));
	if (!t->has_src)
		choose_source(t, in);
	if (!walk_source(t))
		return dropped(t, GW_DROP_SPOOF_ADDRESS);
	if (gw_addr_is_multicast(&t->dst) || (gw_addr_is_v4(&t->dst) && gw_addr_to_v4(&t->dst) == 0xffffffff))
		return dropped(t, GW_DROP_FLOOD);
	if (!walk_resolve(t))
		return dropped(t, gw_addr_is_v4(&t->dst) ? GW_DROP_ARP_UNANSWERED : GW_DROP_ND_UNANSWERED);
	return walk_destination(t);
}

int gw_engine_trace(struct gw_driver *d, const struct gw_intent *in, const json_t *query, json_t **ret_answer,
		    struct gw_error *err)
{
	struct trace t = {.d = d};
	int r = read_query(&t, in, query, err);

	if (r < 0)
		return r;
	t.answer = json_object();
	t.steps = json_array();
	r = walk(&t, in);
	json_object_set_new(t.answer, "steps", t.steps);
	*ret_answer = t.answer;
	return r;
}
