/*
 * test_trace_edge.c - what gwctl trace says of a packet at the world outside, the engine does: random public addresses and virtual
 * gateways in the real driver, random packets from outside and out of virtual gateways, both traced and run through the program that
 * the interface has. GW-1, GW-3, API-4.
 *
 * The two share no code: the programs walk the maps in BPF, the trace in C. GWD_SEED repeats or varies a run.
 */
#include "trace_fixture.h"

#define POLICIES 30
#define PACKETS	 200 /* for each */
#define GATEWAYS 3

static const char *const rdids[GATEWAYS] = {"11111111-0000-0000-0000-000000000001",
					    "11111111-0000-0000-0000-000000000002",
					    "11111111-0000-0000-0000-000000000003"};
static const char *const exits[] = {"gwe5002", "gwe5003", "gwe5004"};
static const char *const prefixes[] = {"203.0.113.1/32", "203.0.113.2/32", "203.0.113.4/30",	"198.18.0.0/15",
				       "192.0.2.9/32",	 "192.0.2.2/32",   "2001:db8:1::/48",	"2001:db8:2::5/128",
				       "203.0.113.0/24", "192.0.2.0/24",   "2001:db8:1::7/128", "10.1.1.0/24"};
static const char *const addresses4[] = {
	"203.0.113.1", "203.0.113.1", "203.0.113.2", "203.0.113.5",   "198.18.7.7",	 "198.18.5.5",
	"192.0.2.9",   "192.0.2.2",   "192.0.2.77",  "198.51.100.10", "10.1.1.10",	 "10.1.1.11",
	"127.0.0.1",   "224.0.0.5",   "169.254.1.1", "0.0.0.0",	      "255.255.255.255", "192.0.2.2"};
static const char *const addresses6[] = {
	"2001:db8:1::7", "2001:db8:1::8", "2001:db8:2::5", "2001:db8:5::10", "fe80::1", "ff02::1", "::", "::1"};
static const uint16_t ports[] = {0, 80, 4789, 443, 1023, 1024, 2047, 2048, 3071, 4096, 8191, 65535};
static const char *const verdict_names[] = {"Steer", "Host", "Drop", "Send", "Decapsulate"};

static const struct mac external_mac = {{0x02, 0, 0, 0, 0x0e, 0x01}}, isp_mac = {{0x02, 0, 0, 0, 0x0e, 0x02}};

static int exit_stats;
static unsigned verdicts[2][GW_N(verdict_names)], reasons[GW_DROP_MAX]; /* how often each was seen */

static int setup(void **state)
{
	(void)state;
	engine_begin();
	trace_silence();
	strcpy(env.config.external_interface, "out0");
	env.config.vrf_limit = GATEWAYS;
	env.config.way_limit = 4;
	env.config.public_limit = 200;
	netns_veth(&env.ns, "out0");
	netns_veth(&env.ns, "u0");
	sh_ok("ip link set out0 address 02:00:00:00:0e:01");
	sh_ok("ip addr add 192.0.2.2/24 dev out0 && ip addr add 198.18.5.5/32 dev lo");
	for (size_t i = 0; i < GW_N(exits); i++)
		netns_veth(&env.ns, exits[i]);
	engine_open();
	trace_begin();
	exit_stats = pinned("exit_stats");
	return 0;
}

static int teardown(void **state)
{
	if (env.driver)
		close(exit_stats);
	return trace_end(state);
}

/* --- policies -------------------------------------------------------------------------------------------------------------- */

static struct gw_hnv_object *object(enum gw_hnv_kind kind)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	assert_non_null(o);
	o->kind = kind;
	return o;
}

/* True when it was let in. */
static bool change(struct gw_hnv_object *put, const struct gw_hnv_object *gone)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;

	gw_intent_begin(env.intent);
	if (gone)
		assert_int_equal(gw_intent_delete(env.intent, gone, &err), 0);
	if (put && gw_intent_put(env.intent, put, &err) < 0) {
		gw_hnv_object_free(put);
		gw_intent_rollback(env.intent);
		return false;
	}
	if (gw_intent_validate(env.intent, &err) < 0) {
		gw_intent_rollback(env.intent);
		return false;
	}
	delta = gw_intent_delta(env.intent);
	engine_apply(delta.changes, delta.n);
	gw_intent_commit(env.intent);
	return true;
}

static struct gw_hnv_object *any_public(void)
{
	struct gw_hnv_object *o = object(GW_HNV_PUBLIC);
	unsigned shape = rnd_below(3);

	gw_uuid_parse(PICK(rdids), &o->public.rdid);
	gw_prefix_parse(shape ? prefixes[rnd_below(2)] : PICK(prefixes), &o->public.prefix);
	if (shape == 1) {
		o->public.first_port = (uint16_t)(1024 * (1 + rnd_below(8)));
		o->public.port_count = 1024 * (1 + rnd_below(2));
	} else if (shape == 2) {
		o->public.first_port = rnd_below(2) ? 80 : 443;
		o->public.port_count = 1;
	}
	return o;
}

/* The provider address stays, on one interface or the other: with its last one the programs are loaded anew, which takes long. */
static void make_policy(bool underlay_outside)
{
	static const enum gw_hnv_kind kinds[] = {GW_HNV_PUBLIC, GW_HNV_VRF};
	const struct gw_hnv_object *gone;
	struct gw_hnv_object *o;

	for (size_t k = 0; k < GW_N(kinds); k++)
		while ((gone = gw_intent_next(env.intent, kinds[k], NULL)))
			change(NULL, gone);
	o = object(GW_HNV_PROVIDER_ADDRESS);
	o->paddr = (struct gw_provider_address){.pa = address("10.1.1.10"), .prefix_len = 24};
	snprintf(o->paddr.interface, sizeof o->paddr.interface, "%s", underlay_outside ? "out0" : "u0");
	assert_true(change(o, NULL));
	for (uint32_t i = 0; i < GATEWAYS; i++) {
		if (rnd_below(5) == 0)
			continue;
		o = object(GW_HNV_VRF);
		o->vrf = (struct gw_vrf){.vsid = 5002 + i,
					 .mac = {{2, 0, 0, 0, 0, (uint8_t)i}},
					 .ca = address("10.0.0.2"),
					 .prefix_len = 29,
					 .has_ca = true};
		gw_uuid_parse(rdids[i], &o->vrf.rdid);
		assert_true(change(o, NULL));
	}
	for (unsigned n = 4 + rnd_below(12); n; n--)
		change(any_public(), NULL);
}

/* --- packets --------------------------------------------------------------------------------------------------------------- */

struct probe {
	const char *interface, *src, *dst;
	bool v4;
	unsigned proto, size;
	uint16_t sport, dport, echo;
};

static struct probe any_probe(void)
{
	static const uint8_t protos4[] = {6, 17, 17, 1, 47}, protos6[] = {6, 17, 58, 47};
	struct probe p = {.interface = rnd_below(2) ? "out0" : PICK(exits), .v4 = rnd_below(5)};

	p.src = p.v4 ? PICK(addresses4) : PICK(addresses6);
	p.dst = p.v4 ? PICK(addresses4) : PICK(addresses6);
	p.proto = p.v4 ? PICK(protos4) : PICK(protos6);
	p.size = (p.v4 ? 20 : 40) + (rnd_below(4) ? 40 : rnd_below(12));
	p.sport = PICK(ports);
	p.dport = PICK(ports);
	p.echo = p.dport ? p.dport : p.sport;
	return p;
}

static struct pkt packet(const struct probe *p)
{
	struct pkt k = {0};
	size_t at;

	pkt_eth(&k, external_mac, isp_mac);
	if (p->v4)
		pkt_ip4(&k, p->src, p->dst);
	else
		pkt_ip6(&k, p->src, p->dst);
	switch (p->proto) {
	case 1:
		at = pkt_icmp4(&k, 8, 0);
		put16(k.b + at + 4, p->echo);
		break;
	case 58:
		pkt_icmp6(&k, 128, 0);
		break;
	case 6:
		pkt_tcp(&k, p->sport, p->dport);
		break;
	case 17:
		pkt_udp(&k, p->sport, p->dport);
		break;
	default:
		pkt_proto(&k, (uint8_t)p->proto);
	}
	if (k.len < 14 + p->size)
		pkt_fill(&k, 14 + p->size - k.len);
	pkt_close(&k);
	/* No more of it than was asked for, whatever the protocol would have. */
	k.len = 14 + p->size;
	put16(k.b + 14 + (p->v4 ? 2 : 4), (uint16_t)(p->v4 ? p->size : p->size - 40));
	if (p->v4)
		pkt_fix_ip4(k.b + 14);
	return k;
}

static json_t *trace(const struct probe *p)
{
	return trace_of(json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i}", "port", p->interface, "source", p->src,
				  "destination", p->dst, "protocol", (int)p->proto, "size", (int)p->size, "sourcePort",
				  (int)p->sport, "destinationPort", (int)p->dport));
}

/* --- the comparison --------------------------------------------------------------------------------------------------------- */

#define agree(cond, what)                                                                                              \
	check(cond, "%s: %s; %s: %s %u -> %s %u proto %u size %u; the trace says %s", what, name_of(&r), p->interface, \
	      p->src, p->sport, p->dst, p->dport, p->proto, p->size, json_dumps(a, JSON_COMPACT))

static void compare(const struct probe *p, int program)
{
	bool outside = strcmp(p->interface, "out0") == 0;
	json_t *a = trace(p);
	const char *verdict = text_of(a, "verdict"), *by = text_of(a, "interface");
	uint32_t vsid = (uint32_t)json_integer_value(json_object_get(a, "virtualSubnetId"));
	uint64_t before = vsid ? received(exit_stats, GW_SLOT_EXIT, vsid) : 0;
	struct pkt k = packet(p);
	struct run r = run_on(program, p->interface, &k);

	for (size_t i = 0; i < GW_N(verdict_names); i++)
		verdicts[outside][i] += strcmp(verdict, verdict_names[i]) == 0;
	if (strcmp(verdict, "Steer") == 0) {
		agree(r.outcome == GW_OUT_STEERED && r.drop < 0 && r.verdict == TC_ACT_REDIRECT, "steered");
		agree(vsid && received(exit_stats, GW_SLOT_EXIT, vsid) == before + 1, "to that virtual gateway");
		agree(strncmp(by, "gwe", 3) == 0 && strtoul(by + 3, NULL, 10) == vsid, "by its way out");
		agree(strcmp(text_of(a, "routingDomainId"), rdids[vsid - 5002]) == 0, "of that routing domain");
	} else if (strcmp(verdict, "Decapsulate") == 0) {
		agree(outside && r.outcome < 0 && r.drop >= GW_DROP_OUTER_MALFORMED && r.drop <= GW_DROP_UNKNOWN_PEER,
		      "judged as a tunnel packet");
	} else if (strcmp(verdict, "Host") == 0 && outside) {
		agree(r.outcome == GW_OUT_TO_STACK && r.drop < 0 && r.verdict == TC_ACT_OK, "the host's");
	} else if (strcmp(verdict, "Host") == 0) {
		agree(r.outcome == GW_OUT_TO_SELF && r.drop < 0 && r.verdict == TC_ACT_REDIRECT, "the host's");
	} else if (strcmp(verdict, "Send") == 0) {
		agree(!outside && r.outcome == GW_OUT_SENT_OUT && r.drop < 0 && r.verdict == TC_ACT_REDIRECT,
		      "sent out");
		agree(strcmp(by, "out0") == 0, "by the external interface");
	} else {
		agree(strcmp(verdict, "Drop") == 0 && r.drop >= 0 && r.verdict == TC_ACT_SHOT &&
			      strcmp(gw_drop_reasons[r.drop].name, text_of(a, "reason")) == 0,
		      "dropped");
		agree(*text_of(a, "help"), "what to do");
		reasons[r.drop]++;
	}
	json_decref(a);
}

static void test_property(void **state)
{
	static const enum gw_drop_reason seen[] = {GW_DROP_NO_PUBLIC_PORT, GW_DROP_NO_GATEWAY, GW_DROP_SPOOF_PUBLIC,
						   GW_DROP_LAND,	   GW_DROP_FLOOD,      GW_DROP_MALFORMED};
	const char *seed = getenv("GWD_SEED");

	(void)state;
	rnd_seed(seed ? strtoull(seed, NULL, 0) : 4242);
	for (int i = 0; i < POLICIES; i++) {
		int programs[GW_N(exits)], edge;

		make_policy(i >= POLICIES / 2);
		edge = program_on("out0");
		for (size_t e = 0; e < GW_N(exits); e++)
			programs[e] = gw_intent_vrf_of_vsid(env.intent, 5002 + (uint32_t)e) ? program_on(exits[e]) : -1;
		for (int n = 0; n < PACKETS; n++) {
			struct probe p = any_probe();
			int program = edge;

			for (size_t e = 0; e < GW_N(exits); e++)
				program = strcmp(p.interface, exits[e]) == 0 ? programs[e] : program;
			if (program >= 0)
				compare(&p, program);
		}
		close(edge);
		for (size_t e = 0; e < GW_N(exits); e++)
			if (programs[e] >= 0)
				close(programs[e]);
	}
	for (int outside = 0; outside < 2; outside++)
		for (size_t i = 0; i < GW_N(verdict_names); i++)
			check(verdicts[outside][i] > 5 || i == (outside ? 3 : 4), "only %u packets from %s ended in %s",
			      verdicts[outside][i], outside ? "outside" : "virtual gateways", verdict_names[i]);
	for (size_t i = 0; i < GW_N(seen); i++)
		check(reasons[seen[i]] > 5, "only %u packets were dropped as %s", reasons[seen[i]],
		      gw_drop_reasons[seen[i]].name);
}

/* What a query leaves open is chosen, and who asks about what is not there is told what there is. */
static void test_queries(void **state)
{
	struct gw_hnv_object *o;
	struct gw_error err = GW_ERROR_INIT;
	json_t *a, *q;

	(void)state;
	o = object(GW_HNV_VRF);
	o->vrf = (struct gw_vrf){
		.vsid = 5002, .mac = {{2, 0, 0, 0, 0, 1}}, .ca = address("10.0.0.2"), .prefix_len = 29, .has_ca = true};
	gw_uuid_parse(rdids[0], &o->vrf.rdid);
	assert_true(change(o, NULL));
	for (unsigned first = 1024; first <= 4096; first += 3072) {
		o = object(GW_HNV_PUBLIC);
		o->public.first_port = (uint16_t)first;
		o->public.port_count = 1024;
		gw_uuid_parse(rdids[0], &o->public.rdid);
		gw_prefix_parse("203.0.113.1/32", &o->public.prefix);
		assert_true(change(o, NULL));
	}
	/* No source: one of its own, which has the port that was asked for. */
	for (unsigned port = 0; port < 8192; port += 4100) {
		a = trace_of(json_pack("{s:s, s:s, s:i, s:i}", "port", "gwe5002", "destination", "198.51.100.10",
				       "protocol", 17, "sourcePort", (int)port));
		check(!strcmp(text_of(a, "verdict"), "Send"), "port %u: %s", port, json_dumps(a, 0));
		json_decref(a);
	}
	a = trace_of(
		json_pack("{s:s, s:s, s:i}", "port", "out0", "destination", "203.0.113.1", "destinationPort", 4099));
	check(!strcmp(text_of(a, "verdict"), "Steer"), "%s", json_dumps(a, 0));
	json_decref(a);
	q = json_pack("{s:s, s:s}", "port", "gwe5009", "destination", "203.0.113.1");
	check(gw_engine_driver.trace(env.driver, env.intent, q, &a, &err) == -ENOENT &&
		      strstr(err.message, "gwctl port list") && strstr(err.message, "[external]"),
	      "%s", err.message);
	json_decref(q);
	/* The interfaces go: the trace says so, and names a reason. */
	sh_ok("ip link delete gwe5002 && ip link delete out0");
	netns_drain(&env.ns);
	engine_sync();
	a = trace_of(json_pack("{s:s, s:s}", "port", "gwe5002", "destination", "198.51.100.10"));
	assert_string_equal(text_of(a, "reason"), gw_drop_reasons[GW_DROP_NO_GATEWAY].name);
	json_decref(a);
	a = trace_of(json_pack("{s:s, s:s}", "port", "out0", "destination", "203.0.113.1"));
	assert_string_equal(text_of(a, "reason"), gw_drop_reasons[GW_DROP_NO_EXTERNAL].name);
	json_decref(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"GW-1 GW-3 API-4: the trace and the engine agree at the world outside", test_property, setup, teardown,
		 NULL},
		{"GW-3: a trace chooses what it is not told", test_queries, setup, teardown, NULL},
	};

	return run_group("trace against the engine at the world outside", tests, harness_setup_bare);
}
