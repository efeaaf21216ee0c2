/*
 * test_trace.c - what gwctl trace says a packet's way is, the engine does: random policies in the real driver, random packets
 * both traced and run through the port's program. FWD-3, FWD-4, FWD-5, FWD-7, MTU-1, ACL-3, ENC-1, ENC-2.
 *
 * The two share no code: the program walks the maps in BPF, the trace in C. GWD_SEED repeats or varies a run.
 */
#include "trace_fixture.h"

#define POLICIES 60
#define PACKETS	 60 /* for each */
#define N_PORTS	 4

static struct {
	int port_stats; /* map */
	int program;
	unsigned verdicts[8]; /* how often each was seen */
} it;

static const char *const port_names[N_PORTS] = {"e0", "e1", "e2", "e3"};
static const char *const pas[] = {"10.1.1.10", "10.1.1.20", "10.1.1.30"};
static const char *const rdids[] = {"11111111-0000-0000-0000-000000000001", "11111111-0000-0000-0000-000000000002"};
static const char *const cas[] = {"192.168.1.11", "192.168.1.12", "192.168.2.21", "192.168.2.22", "10.7.0.1",
				  "fd00:1::11",	  "fd00:1::12",	  "fd00:2::21",	  "fd00:2::22"};
static const char *const destinations[] = {
	"192.168.1.1", "192.168.2.1", "192.168.1.254", "192.168.1.77", "10.7.1.2", "8.8.8.8",
	"fd00:1::1",   "fd00:2::1",   "fd00:1::77",    "2001:db8::1",  "fe80::1",
};
static const char *const prefixes[] = {"192.168.1.0/24", "192.168.1.0/25", "192.168.2.0/24",
				       "192.168.0.0/16", "0.0.0.0/0",	   "10.7.0.0/16",
				       "fd00:1::/64",	 "fd00:2::/64",	   "::/0"};
static const char *const verdict_names[] = {"Encapsulate", "Deliver", "Fragment", "Reply", "Drop"};

static int setup(void **state)
{
	(void)state;
	engine_begin();
	trace_silence();
	for (int i = 0; i < N_PORTS; i++)
		netns_veth(&env.ns, port_names[i]);
	netns_veth(&env.ns, "u0");
	engine_open();
	trace_begin();
	it.port_stats = pinned("port_stats");
	return 0;
}

static int teardown(void **state)
{
	if (env.driver)
		close(it.port_stats);
	return trace_end(state);
}

/* --- policies -------------------------------------------------------------------------------------------------------------- */

static struct gw_mac mac(unsigned n)
{
	return (struct gw_mac){{0x00, 0x15, 0x5d, 0, 0, (uint8_t)n}};
}

/* 5001 and 5002 are routed to each other, 5003 is another tenant, 5004 has no routes. */
static uint32_t vsid(void)
{
	return 5001 + (rnd_below(3) ? rnd_below(2) : rnd_below(4));
}

static void put(struct gw_hnv_object *o)
{
	struct gw_error err = GW_ERROR_INIT;

	if (gw_intent_put(env.intent, o, &err) < 0)
		gw_hnv_object_free(o); /* conflicts are refused */
}

static struct gw_hnv_object *object(enum gw_hnv_kind kind)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	assert_non_null(o);
	o->kind = kind;
	return o;
}

static void put_any_record(void)
{
	struct gw_hnv_object *o = object(GW_HNV_LOOKUP_RECORD);
	unsigned what = rnd_below(12);

	o->record = (struct gw_lookup_record){
		.vsid = vsid(), .mac = mac(1 + rnd_below(6)), .pa = address(PICK(pas)), .encap = (uint8_t)rnd_below(2)};
	if (what == 0) {
		o->record.ca = address(rnd_below(2) ? "0.0.0.0" : "::");
		o->record.type = GW_RECORD_WILDCARD;
	} else if (what == 1) {
		o->record.ca = address(rnd_below(2) ? "192.168.1.254" : "192.168.2.254");
		o->record.pa = address("169.254.1.1");
		o->record.mac = mac(0x80 + rnd_below(2));
	} else {
		o->record.ca = address(PICK(cas));
	}
	put(o);
}

static void put_any_route(void)
{
	struct gw_hnv_object *o = object(GW_HNV_CUSTOMER_ROUTE);
	bool v4;

	o->croute.vsid = 5001 + rnd_below(3);
	o->croute.metric = rnd_below(2);
	gw_uuid_parse(rdids[o->croute.vsid == 5003], &o->croute.rdid);
	gw_prefix_parse(PICK(prefixes), &o->croute.prefix);
	v4 = gw_addr_is_v4(&o->croute.prefix.addr);
	o->croute.next_hop = address(v4 ? "0.0.0.0" : "::");
	if (rnd_below(3) == 0)
		do
			o->croute.next_hop = address(rnd_below(4) ? PICK(cas) : PICK(destinations));
		while (gw_addr_is_v4(&o->croute.next_hop) != v4);
	put(o);
}

static void make_policy(void)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_object *o;
	struct gw_delta delta;

	gw_intent_begin(env.intent);
	for (int kind = 0; kind < GW_HNV_KIND_MAX; kind++)
		while ((o = (struct gw_hnv_object *)gw_intent_next(env.intent, kind, NULL))) {
			o = gw_hnv_object_copy(o);
			assert_int_equal(gw_intent_delete(env.intent, o, &err), 0);
			gw_hnv_object_free(o);
		}
	if (rnd_below(8)) {
		o = object(GW_HNV_PROVIDER_ADDRESS);
		o->paddr =
			(struct gw_provider_address){.pa = address("10.1.1.10"), .prefix_len = 24, .interface = "u0"};
		put(o);
	}
	for (int i = 0; i < N_PORTS; i++) {
		o = object(GW_HNV_PORT);
		o->port = (struct gw_port){
			.mac = mac(1 + rnd_below(6)), .vsid = i ? vsid() : 5001, .forwards = rnd_below(5) == 0};
		snprintf(o->port.interface, IFNAMSIZ, "%s", port_names[i]);
		put(o);
	}
	for (unsigned n = 6 + rnd_below(24); n; n--)
		put_any_record();
	for (unsigned n = 2 + rnd_below(12); n; n--)
		put_any_route();
	delta = gw_intent_delta(env.intent);
	check(gw_engine_driver.apply(env.driver, env.intent, &delta, &err) == 0, "%s: %s", err.target, err.message);
	gw_intent_commit(env.intent);
	it.program = program_on("e0");
}

/* --- packets --------------------------------------------------------------------------------------------------------------- */

struct probe {
	const char *port;
	char src[GW_ADDR_STRLEN], dst[GW_ADDR_STRLEN];
	struct gw_mac dmac, own;
	bool has_dmac, df, v4;
	unsigned proto, ttl, size;
};

static bool port_of(const char *name, struct gw_port *ret)
{
	const struct gw_hnv_object *o = gw_intent_port(env.intent, name);

	if (o)
		*ret = o->port;
	return o;
}

/* An address of the port's where it has one, else any. */
static const char *source(const struct gw_port *port, bool v4, char *buf)
{
	const char *any;

	for (const struct gw_hnv_object *o = NULL;
	     rnd_below(5) && (o = gw_intent_next_by_mac(env.intent, port->vsid, &port->mac, o));)
		if (o->kind == GW_HNV_LOOKUP_RECORD && gw_addr_is_v4(&o->record.ca) == v4 &&
		    !gw_addr_is_any(&o->record.ca))
			return gw_addr_format(&o->record.ca, buf);
	do
		any = rnd_below(3) ? PICK(cas) : PICK(destinations);
	while (!strchr(any, ':') != v4);
	return any;
}

static bool any_probe(struct probe *p)
{
	static const unsigned protos[] = {1, 6, 17, 17, 47};
	char buf[GW_ADDR_STRLEN];
	struct gw_port port;

	*p = (struct probe){.port = PICK(port_names)};
	if (!port_of(p->port, &port))
		return false;
	p->own = port.mac;
	snprintf(p->dst, sizeof p->dst, "%s", rnd_below(2) ? PICK(cas) : PICK(destinations));
	p->v4 = !strchr(p->dst, ':');
	snprintf(p->src, sizeof p->src, "%s", source(&port, p->v4, buf));
	p->proto = PICK(protos);
	if (!p->v4 && p->proto == 1)
		p->proto = 58;
	p->ttl = rnd_below(6) ? 2 + rnd_below(254) : rnd_below(3);
	p->df = rnd_below(2);
	p->size = rnd_below(3) ? 64 + rnd_below(1300) : 1440 + rnd_below(1700);
	p->has_dmac = rnd_below(2);
	if (p->has_dmac)
		p->dmac = rnd_below(3)	 ? env.config.router_mac
			  : rnd_below(2) ? mac(1 + rnd_below(7))
					 : mac(0x80 + rnd_below(2));
	return true;
}

static struct pkt packet(const struct probe *p)
{
	struct pkt k = {0};
	struct mac to, from;

	memcpy(to.b, p->dmac.b, 6);
	memcpy(from.b, p->own.b, 6);
	pkt_eth(&k, to, from);
	if (p->v4)
		pkt_ip4(&k, p->src, p->dst);
	else
		pkt_ip6(&k, p->src, p->dst);
	switch (p->proto) {
	case 1:
		pkt_icmp4(&k, 8, 0);
		break;
	case 58:
		pkt_icmp6(&k, 128, 0);
		break;
	case 6:
		pkt_tcp(&k, 4000, 80);
		break;
	case 17:
		pkt_udp(&k, 4000, 80);
		break;
	default:
		pkt_proto(&k, (uint8_t)p->proto);
	}
	pkt_fill(&k, 14 + p->size - k.len);
	pkt_close(&k);
	if (p->v4) {
		k.b[14 + 8] = (uint8_t)p->ttl;
		put16(k.b + 14 + 6, p->df ? 0x4000 : 0);
		pkt_fix_ip4(k.b + 14);
	} else {
		k.b[14 + 7] = (uint8_t)p->ttl;
	}
	return k;
}

static json_t *trace(const struct probe *p)
{
	bool has_ports = p->proto == 6 || p->proto == 17;
	json_t *query;
	char text[GW_MAC_STRLEN];

	query = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:b}", "port", p->port, "source", p->src, "destination",
			  p->dst, "protocol", (int)p->proto, "ttl", (int)p->ttl, "size", (int)p->size, "dontFragment",
			  p->df);
	if (p->has_dmac)
		json_object_set_new(query, "destinationMac", json_string(gw_mac_format(&p->dmac, text)));
	if (has_ports) {
		json_object_set_new(query, "sourcePort", json_integer(4000));
		json_object_set_new(query, "destinationPort", json_integer(80));
	}
	return trace_of(query);
}

/* --- what came of it ---------------------------------------------------------------------------------------------------------- */

static uint64_t received_by(const char *port)
{
	return received(it.port_stats, GW_SLOT_PORT, if_nametoindex(port));
}

static struct run run_probe(const struct probe *p)
{
	struct pkt k = packet(p);

	return run_on(it.program, p->port, &k);
}

/* --- the comparison ----------------------------------------------------------------------------------------------------------- */

#define agree(cond, what)                                                                                              \
	check(cond, "%s: %s; %s %s -> %s proto %u ttl %u size %u df %d; the trace says %s", what, name_of(r), p->port, \
	      p->src, p->dst, p->proto, p->ttl, p->size, p->df, json_dumps(a, JSON_COMPACT))

static bool same_ip(const uint8_t *at, bool v4, const char *text)
{
	uint8_t want[16];

	addr16(text, want);
	return v4 ? memcmp(at, want + 12, 4) == 0 : memcmp(at, want, 16) == 0;
}

static bool same_mac(const uint8_t *at, const char *text)
{
	struct gw_mac m;

	return gw_mac_parse(text, &m) == 0 && memcmp(m.b, at, 6) == 0;
}

/* The IP packet that was sent, TTL apart, is what came out at `ip`. */
static bool same_packet(const struct probe *p, const json_t *a, const uint8_t *ip)
{
	struct pkt k = packet(p);
	bool routed = json_is_true(json_object_get(a, "routed"));

	k.b[14 + (p->v4 ? 8 : 7)] = (uint8_t)(p->ttl - routed);
	if (p->v4)
		pkt_fix_ip4(k.b + 14);
	return memcmp(ip, k.b + 14, p->size) == 0;
}

static void compare_icmp(const struct probe *p, const json_t *a, const struct run *r)
{
	const json_t *icmp = json_object_get(a, "icmp");
	const uint8_t *ip = r->b + 14, *head = ip + (p->v4 ? 20 : 40);
	unsigned mtu = (unsigned)json_integer_value(json_object_get(a, "mtu"));

	agree(r->verdict == TC_ACT_REDIRECT, "an answer");
	agree(head[0] == json_integer_value(json_object_get(icmp, "type")) &&
		      head[1] == json_integer_value(json_object_get(icmp, "code")),
	      "ICMP type and code");
	agree(same_ip(ip + (p->v4 ? 12 : 8), p->v4, text_of(icmp, "from")), "ICMP sender");
	agree(same_ip(ip + (p->v4 ? 16 : 24), p->v4, p->src), "ICMP receiver");
	agree(!mtu || mtu == (p->v4 ? get16(head + 6) : get32(head + 4)), "ICMP MTU");
	agree(ip_sums_good(ip, r->len - 14), "ICMP checksums");
}

static void compare_tunnel(const struct probe *p, const json_t *a, const struct run *r)
{
	int encap = strcmp(text_of(a, "encapsulation"), "NVGRE") == 0 ? GW_ABI_NVGRE : GW_ABI_VXLAN;
	const uint8_t *in = r->b + inner_at(encap);
	uint32_t vsid_word = get32(r->b + OUTER_L4 + (encap == GW_ABI_VXLAN ? 12 : 4));

	agree(r->outcome == GW_OUT_ENCAPSULATED && r->drop < 0 && r->verdict == TC_ACT_REDIRECT, "encapsulated");
	agree(r->b[OUTER_IP + 9] == (encap == GW_ABI_VXLAN ? 17 : 47), "encapsulation");
	agree(vsid_word >> 8 == json_integer_value(json_object_get(a, "virtualSubnetId")), "VSID");
	agree(same_ip(r->b + OUTER_IP + 12, true, text_of(a, "sourceProviderAddress")), "source PA");
	agree(same_ip(r->b + OUTER_IP + 16, true, text_of(a, "providerAddress")), "PA");
	agree(same_mac(in, text_of(a, "macAddress")) && memcmp(in + 6, p->own.b, 6) == 0, "inner MAC addresses");
	agree(same_packet(p, a, in + 14), "inner packet");
}

static void compare(const struct probe *p, const json_t *a, const struct run *r, uint64_t received)
{
	const char *verdict = text_of(a, "verdict"), *reason = text_of(a, "reason");

	for (size_t i = 0; i < GW_N(verdict_names); i++)
		it.verdicts[i] += strcmp(verdict, verdict_names[i]) == 0;
	if (strcmp(verdict, "Encapsulate") == 0) {
		compare_tunnel(p, a, r);
	} else if (strcmp(verdict, "Deliver") == 0) {
		agree(r->outcome == GW_OUT_SWITCHED && r->drop < 0, "delivered");
		agree(received == 1, "to that port");
		agree(same_mac(r->b, text_of(a, "macAddress")) && same_packet(p, a, r->b + 14), "frame");
	} else if (strcmp(verdict, "Fragment") == 0) {
		agree(r->outcome == GW_OUT_TO_CUTTER && r->drop < 0, "fragmented");
	} else if (strcmp(verdict, "Reply") == 0 && strcmp(reason, "Echo") == 0) {
		agree(r->outcome == GW_OUT_ECHO_ANSWERED && r->drop < 0, "echo");
	} else if (strcmp(verdict, "Reply") == 0) {
		agree(r->outcome == GW_OUT_ICMP_ANSWERED ||
			      (r->drop >= 0 && strcmp(gw_drop_reasons[r->drop].name, reason) == 0),
		      "answered");
		compare_icmp(p, a, r);
	} else {
		agree(strcmp(verdict, "Drop") == 0 && r->drop >= 0 && r->verdict == TC_ACT_SHOT &&
			      strcmp(gw_drop_reasons[r->drop].name, reason) == 0,
		      "dropped");
		agree(*text_of(a, "help"), "what to do");
	}
}

/* Traced, run, and then both again: what was missing in the cache is there now, and changes nothing. */
static void one_packet(void)
{
	struct probe p;

	if (!any_probe(&p))
		return;
	for (int again = 0; again < 2; again++) {
		json_t *a = trace(&p);
		const char *verdict = text_of(a, "verdict"), *cache = text_of(a, "cacheEntry"),
			   *port = text_of(a, "port");
		bool sent = !strcmp(verdict, "Encapsulate") || !strcmp(verdict, "Deliver");
		uint64_t before = *port ? received_by(port) : 0;
		struct run now, *r = &now;

		if (!p.has_dmac) {
			if (!*text_of(
				    a,
				    "destinationMac")) { /* the VM gets no answer, or may not speak: no frame to judge */
				assert_string_equal(verdict, "Drop");
				json_decref(a);
				return;
			}
			gw_mac_parse(text_of(a, "destinationMac"), &p.dmac);
		}
		now = run_probe(&p);
		compare(&p, a, r, *port ? received_by(port) - before : 0);
		check(!again || !sent || strcmp(cache, "Valid") == 0, "the cache entry of a packet that was sent is %s",
		      cache);
		json_decref(a);
	}
}

static void test_property(void **state)
{
	const char *seed = getenv("GWD_SEED");

	(void)state;
	rnd_seed(seed ? strtoull(seed, NULL, 0) : 815);
	for (int i = 0; i < POLICIES; i++) {
		make_policy();
		for (int n = 0; n < PACKETS; n++)
			one_packet();
		close(it.program);
	}
	for (size_t i = 0; i < GW_N(verdict_names); i++)
		check(it.verdicts[i] > 10, "only %u packets ended in %s", it.verdicts[i], verdict_names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"FWD-3 FWD-4 FWD-5 FWD-7 MTU-1 ACL-3: the trace and the engine agree", test_property, setup, teardown,
		 NULL},
	};

	return run_group("trace against the engine", tests, harness_setup_bare);
}
