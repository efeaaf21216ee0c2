/*
 * trace.c - explains which way a packet would take that comes from a port, from outside, or out of a virtual gateway (gwctl trace).
 * It asks the kernel's maps, as the programs do, not the intent: what it says is what the engine does, also when the two should
 * disagree.
 */
#include "engine/trace.h"

#include "engine.skel.h"
#include "engine/reasons.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* --- the answer ------------------------------------------------------------------------------------------------------------ */

void gw_trace_step(struct gw_trace *t, const char *name, const char *fmt, ...)
{
	char text[320];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_array_append_new(t->steps, json_pack("{s:s, s:s}", "step", name, "detail", text));
}

void gw_trace_text(struct gw_trace *t, const char *key, const char *value)
{
	json_object_set_new(t->answer, key, json_string(value));
}

void gw_trace_verdict(struct gw_trace *t, const char *what)
{
	gw_trace_text(t, "verdict", what);
}

void gw_trace_dropped(struct gw_trace *t, enum gw_drop_reason reason)
{
	gw_trace_verdict(t, "Drop");
	gw_trace_text(t, "reason", gw_drop_reasons[reason].name);
	gw_trace_text(t, "help", gw_drop_reasons[reason].help);
}

/* --- the query ------------------------------------------------------------------------------------------------------------- */

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

/* An integer within bounds; `otherwise` when the query has none. */
static int read_number(const json_t *query, const char *name, unsigned min, unsigned max, unsigned otherwise,
		       unsigned *ret, struct gw_error *err)
{
	const json_t *j = json_object_get(query, name);
	char what[64];

	*ret = otherwise;
	if (!j || json_is_null(j))
		return 0;
	if (!json_is_integer(j) || json_integer_value(j) < min || json_integer_value(j) > max) {
		snprintf(what, sizeof what, "must be a number from %u to %u", min, max);
		return bad(err, name, what);
	}
	*ret = (unsigned)json_integer_value(j);
	return 0;
}

/* Where the packet comes from decides which of the programs gets it. */
static int read_port(struct gw_trace *t, const json_t *query, struct gw_error *err)
{
	const char *port = json_string_value(json_object_get(query, "port"));

	if (!port || !*port)
		return bad(err, "port", "name the interface of an attached port");
	if (gw_intent_port(t->in, port))
		t->walk = gw_trace_walk;
	else if (strcmp(port, t->d->env.config->external_interface) == 0)
		t->walk = gw_trace_from_outside;
	else if (gw_edge_exit_owner(t->in, port))
		t->walk = gw_trace_from_gateway;
	else if (gw_way_of_link(t->in, port))
		t->walk = gw_trace_from_way;
	else if (gw_way_leads_to(t->d, t->in, port))
		t->walk = gw_trace_from_segment;
	else
		return gw_error_set(
			err, ENOENT, GW_ERR_NOT_FOUND, "port",
			"no port '%s' on this node; 'gwctl port list' shows them. What comes from outside comes "
			"by the [external] interface or one that connections lead to, what leaves a virtual gateway by "
			"one such as gwe5002, or by the link of a connection",
			port);
	snprintf(t->interface, sizeof t->interface, "%s", port);
	return 0;
}

static int read_addresses(struct gw_trace *t, const json_t *query, struct gw_error *err)
{
	const json_t *mac = json_object_get(query, "destinationMac");
	bool has;
	int r = read_address(query, "destination", &t->dst, &has, err);

	if (r == 0 && !has)
		return bad(err, "destination", "name the address that the packet goes to");
	if (r == 0)
		r = read_address(query, "source", &t->src, &t->has_src, err);
	if (r < 0)
		return r;
	if (t->has_src && gw_addr_is_v4(&t->src) != gw_addr_is_v4(&t->dst))
		return bad(err, "source", "must be of the destination's address family");
	t->has_dmac = mac && !json_is_null(mac);
	if (t->has_dmac && (!json_is_string(mac) || gw_mac_parse(json_string_value(mac), &t->dmac) < 0))
		return bad(err, "destinationMac", "must be a MAC address such as 00155D011404");
	return 0;
}

static int read_packet(struct gw_trace *t, const json_t *query, struct gw_error *err)
{
	bool v4 = gw_addr_is_v4(&t->dst), has_ports;
	const json_t *df = json_object_get(query, "dontFragment");
	unsigned proto, ttl, sport, dport, vlan, key;
	int r = read_number(query, "size", v4 ? 20 : 40, 65535, v4 ? 84 : 104, &t->size, err);

	if (r == 0)
		r = read_number(query, "protocol", 0, 255, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, &proto, err);
	if (r == 0)
		r = read_number(query, "ttl", 0, 255, 64, &ttl, err);
	if (r == 0)
		r = read_number(query, "sourcePort", 0, 65535, 0, &sport, err);
	if (r == 0)
		r = read_number(query, "destinationPort", 0, 65535, 0, &dport, err);
	if (r == 0)
		r = read_number(query, "vlanId", 0, 4094, 0, &vlan, err);
	if (r == 0)
		r = read_number(query, "greKey", 0, UINT32_MAX, 0, &key, err);
	if (r < 0)
		return r;
	if (df && !json_is_null(df) && !json_is_boolean(df))
		return bad(err, "dontFragment", "must be true or false");
	has_ports = proto == IPPROTO_TCP || proto == IPPROTO_UDP;
	t->df = json_is_true(df);
	t->proto = (uint8_t)proto;
	t->ttl = (uint8_t)ttl;
	t->sport = has_ports ? (uint16_t)sport : 0;
	t->dport = has_ports ? (uint16_t)dport : 0;
	t->echo = (uint16_t)(dport ? dport : sport);
	t->vlan = (uint16_t)vlan;
	t->key = key;
	t->has_key = json_is_integer(json_object_get(query, "greKey"));
	return 0;
}

/* The port's own address of the destination's family, when the query names none. */
static void choose_source(struct gw_trace *t)
{
	struct gw_mac mac;

	memcpy(mac.b, t->port.mac, sizeof mac.b);
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next_by_mac(t->in, t->port.vsid, &mac, o));)
		if (o->kind == GW_HNV_LOOKUP_RECORD && !gw_addr_is_any(&o->record.ca) &&
		    gw_addr_is_v4(&o->record.ca) == gw_addr_is_v4(&t->dst)) {
			t->src = o->record.ca;
			t->has_src = true;
			return;
		}
}

static bool find_interface(struct gw_trace *t)
{
	const struct gw_iface *i = gw_iface_find(t->d, t->interface);

	if (!i || !i->present)
		return false;
	t->ifindex = i->link.ifindex;
	if (t->walk != gw_trace_walk)
		return true;
	return bpf_map_lookup_elem(bpf_map__fd(gw_loader_bpf(t->d->loader)->maps.ports), &t->ifindex, &t->port) == 0;
}

int gw_engine_trace(struct gw_driver *d, const struct gw_intent *in, const json_t *query, json_t **ret_answer,
		    struct gw_error *err)
{
	struct gw_trace t = {.d = d, .in = in};
	int r = read_port(&t, query, err);

	if (r == 0)
		r = read_addresses(&t, query, err);
	if (r == 0)
		r = read_packet(&t, query, err);
	if (r < 0)
		return r;
	t.answer = json_object();
	t.steps = json_array();
	if (find_interface(&t)) {
		if (!t.has_src && t.walk == gw_trace_walk)
			choose_source(&t);
		t.walk(&t);
	} else if (t.walk == gw_trace_from_outside) {
		gw_trace_step(&t, "Outside", "%s is not there: nothing comes in until the interface appears",
			      t.interface);
		gw_trace_dropped(&t, GW_DROP_NO_EXTERNAL);
	} else if (t.walk == gw_trace_from_segment) {
		gw_trace_step(&t, "Segment", "%s is not there: connections lead to it as soon as it appears",
			      t.interface);
		gw_trace_dropped(&t, GW_DROP_NO_SEGMENT);
	} else if (t.walk == gw_trace_from_way) {
		gw_trace_step(&t, "Connection", "%s is not there yet", t.interface);
		gw_trace_dropped(&t, GW_DROP_NO_CONNECTION);
	} else if (t.walk == gw_trace_from_gateway) {
		gw_trace_step(&t, "Gateway", "%s is not there yet", t.interface);
		gw_trace_dropped(&t, GW_DROP_NO_GATEWAY);
	} else {
		gw_trace_step(&t, "Port", "%s is not there: it is attached as soon as the interface appears",
			      t.interface);
		gw_trace_dropped(&t, GW_DROP_NO_PORT);
	}
	json_object_set_new(t.answer, "steps", t.steps);
	*ret_answer = t.answer;
	return 0;
}
