/*
 * test_trace_way.c - what gwctl trace says of a packet that comes or leaves by connections, the engine does: random connections in the
 * real driver, random packets at the interfaces that they lead to and at their links, both traced and run through the program that is
 * there. GW-2, API-4.
 *
 * The two share no code: the programs walk the maps in BPF, the trace in C. GWD_SEED repeats or varies a run.
 */
#include "trace_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define POLICIES 20
#define PACKETS	 200 /* for each */
#define WAYS	 6

#define MAC_SEG0 ((struct mac){{0x02, 0, 0, 0, 0x5e, 0x01}})
#define MAC_OUT0 ((struct mac){{0x02, 0, 0, 0, 0x0e, 0x01}})
#define MAC_ISP	 ((struct mac){{0x02, 0, 0, 0, 0x0e, 0x02}})

static const char *const rdids[] = {"11111111-0000-0000-0000-000000000001", "11111111-0000-0000-0000-000000000002"};
static const char *const inside[] = {"10.70.0.9", "2001:db8:7::9"};
static const char *const sites[] = {"198.51.100.9", "198.51.100.10"};
static const uint16_t vlans[] = {0, 70, 71};
static const char *const verdict_names[] = {"Connection", "Host", "Drop", "Send"};

static unsigned verdicts[GW_N(verdict_names)], reasons[GW_DROP_MAX]; /* how often each was seen */
static char links[WAYS][IFNAMSIZ];
static struct gw_way plan[WAYS];

static struct gw_uuid id_of(int w)
{
	struct gw_uuid id;
	char text[64];

	snprintf(text, sizeof text, "33333333-0000-0000-0000-%012d", w + 1);
	assert_int_equal(gw_uuid_parse(text, &id), 0);
	return id;
}

static int setup(void **state)
{
	(void)state;
	engine_begin();
	trace_silence();
	strcpy(env.config.external_interface, "out0");
	env.config.vrf_limit = 2;
	env.config.way_limit = WAYS;
	netns_veth(&env.ns, "out0");
	netns_veth(&env.ns, "seg0");
	sh_ok("ip link set out0 address 02:00:00:00:0e:01 && ip link set seg0 address 02:00:00:00:5e:01");
	sh_ok("ip addr add 192.0.2.2/24 dev out0");
	for (int w = 0; w < WAYS; w++) {
		struct gw_uuid id = id_of(w);

		gw_way_link(&id, links[w]);
		netns_veth(&env.ns, links[w]);
	}
	engine_open();
	trace_begin();
	return 0;
}

/* --- policies -------------------------------------------------------------------------------------------------------------- */

static void change(struct gw_hnv_object *put, const struct gw_hnv_object *gone)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;

	gw_intent_begin(env.intent);
	if (gone)
		assert_int_equal(gw_intent_delete(env.intent, gone, &err), 0);
	if (put)
		check(gw_intent_put(env.intent, put, &err) == 0, "%s: %s", err.target, err.message);
	check(gw_intent_validate(env.intent, &err) == 0, "%s: %s", err.target, err.message);
	delta = gw_intent_delta(env.intent);
	engine_apply(delta.changes, delta.n);
	gw_intent_commit(env.intent);
}

static struct gw_way any_way(int w)
{
	struct gw_way way = {.id = id_of(w), .type = rnd_below(2) ? GW_WAY_L3 : GW_WAY_GRE};

	gw_uuid_parse(PICK(rdids), &way.rdid);
	if (way.type == GW_WAY_L3) {
		way.vlan = PICK(vlans);
		way.has_interface = rnd_below(3);
		if (way.has_interface)
			strcpy(way.interface, rnd_below(8) ? "seg0" : "none0");
		return way;
	}
	way.has_destination = true;
	way.destination = address(PICK(sites));
	way.has_key = rnd_below(2);
	way.key = way.has_key ? rnd_below(3) : 0;
	return way;
}

/* Some of them are not. */
static void make_policy(void)
{
	const struct gw_hnv_object *gone;

	while ((gone = gw_intent_next(env.intent, GW_HNV_CONNECTION, NULL)))
		change(NULL, gone);
	for (int w = 0; w < WAYS; w++) {
		struct gw_hnv_object *o = calloc(1, sizeof *o);

		plan[w] = any_way(w);
		*o = (struct gw_hnv_object){.kind = GW_HNV_CONNECTION, .way = plan[w]};
		if (rnd_below(6))
			change(o, NULL);
		else
			gw_hnv_object_free(o);
	}
}

/* --- packets --------------------------------------------------------------------------------------------------------------- */

struct probe {
	const char *interface;
	bool gre, has_key;
	uint16_t vlan;
	uint32_t key;
	struct mac dmac;
	const char *src, *dst;
};

static struct mac any_mac(const struct mac *own)
{
	struct gw_uuid id = id_of((int)rnd_below(WAYS));
	struct gw_mac way = gw_way_mac(&id);
	struct mac mac = *own;

	switch (rnd_below(8)) {
	case 0:
		break;
	case 1:
		return (struct mac){{0x33, 0x33, 0, 0, 0, 1}};
	case 2:
		return (struct mac){{0x02, 0x0d, 0, 0, 0, 1}};
	default:
		memcpy(mac.b, way.b, sizeof mac.b);
	}
	return mac;
}

static struct probe any_probe(void)
{
	static const char *const around[] = {"seg0", "out0", "out0"};
	const struct mac own[] = {MAC_SEG0, MAC_OUT0};
	bool in = rnd_below(2);
	struct probe p = {.interface = in ? PICK(around) : links[rnd_below(WAYS)]};
	bool outside = strcmp(p.interface, "out0") == 0;

	p.dmac = any_mac(&own[outside]);
	if (outside && rnd_below(2)) {
		p.gre = true;
		p.dmac = own[1];
		p.has_key = rnd_below(2);
		p.key = p.has_key ? rnd_below(3) : 0;
		p.src = rnd_below(8) ? PICK(sites) : "198.51.100.77";
		p.dst = rnd_below(8) ? "192.0.2.2" : "192.0.2.3";
	} else {
		p.vlan = in && rnd_below(2) ? PICK(vlans) : 0;
		p.dst = PICK(inside);
		p.src = p.dst == inside[0] ? "10.0.1.11" : "2001:db8::11";
	}
	return p;
}

static struct pkt packet(const struct probe *p)
{
	struct pkt k = {0};

	pkt_eth(&k, p->dmac, MAC_ISP);
	if (strchr(p->dst, ':'))
		pkt_ip6(&k, p->src, p->dst);
	else
		pkt_ip4(&k, p->src, p->dst);
	if (p->gre) {
		pkt_gre(&k, p->has_key ? 0x2000 : 0, 0x0800, p->key);
		pkt_ip4(&k, "10.1.1.1", "10.0.1.11");
	}
	pkt_udp(&k, 1000, 2000);
	pkt_fill(&k, 32);
	pkt_close(&k);
	if (p->vlan)
		pkt_tag(&k, 0x8100, p->vlan);
	return k;
}

static json_t *trace(const struct probe *p)
{
	struct gw_mac mac;
	char text[GW_MAC_STRLEN];
	json_t *q;

	memcpy(mac.b, p->dmac.b, sizeof mac.b);
	q = json_pack("{s:s, s:s, s:s, s:s, s:i}", "port", p->interface, "source", p->src, "destination", p->dst,
		      "destinationMac", gw_mac_format(&mac, text), "protocol", p->gre ? IPPROTO_GRE : IPPROTO_UDP);
	if (p->vlan)
		json_object_set_new(q, "vlanId", json_integer(p->vlan));
	if (p->has_key)
		json_object_set_new(q, "greKey", json_integer(p->key));
	return trace_of(q);
}

/* --- the comparison --------------------------------------------------------------------------------------------------------- */

#define agree(cond, what)                                                                                              \
	check(cond, "%s: %s; %s: %s -> %s VLAN %u; the trace says %s", what, name_of(&r), p->interface, p->src,        \
	      p->dst, p->vlan, json_dumps(a, JSON_COMPACT))

static bool is_link(const char *interface)
{
	return strncmp(interface, GW_WAY_LINK, strlen(GW_WAY_LINK)) == 0;
}

/* Which of them the trace says. */
static const struct gw_way *way_of(const json_t *a)
{
	struct gw_uuid id;

	if (gw_uuid_parse(text_of(a, "connectionId"), &id) < 0)
		return NULL;
	for (int w = 0; w < WAYS; w++)
		if (gw_uuid_equal(&plan[w].id, &id))
			return &plan[w];
	return NULL;
}

/* By how much it has counted more. */
static uint64_t counted_by(int stats, const char *link)
{
	return received(stats, GW_SLOT_WAY, (uint32_t)strtoul(link + strlen(GW_WAY_LINK), NULL, 16));
}

static void compare(const struct probe *p, int program, int stats)
{
	json_t *a = trace(p);
	const char *verdict = text_of(a, "verdict"), *by = text_of(a, "interface");
	bool in = strcmp(verdict, "Connection") == 0;
	uint64_t before = in ? counted_by(stats, by) : 0;
	const struct gw_way *w = way_of(a);
	struct pkt k = packet(p);
	struct run r = run_on(program, p->interface, &k);

	for (size_t i = 0; i < GW_N(verdict_names); i++)
		verdicts[i] += strcmp(verdict, verdict_names[i]) == 0;
	if (in) {
		agree(r.outcome == GW_OUT_CONNECTION_IN && r.drop < 0 && r.verdict == TC_ACT_REDIRECT, "in");
		agree(counted_by(stats, by) == before + 1, "by that one");
		agree(*text_of(a, "connectionId") && *text_of(a, "routingDomainId"), "whose it is");
	} else if (strcmp(verdict, "Host") == 0) {
		agree(r.outcome == GW_OUT_TO_STACK && r.drop < 0 && r.verdict == TC_ACT_OK, "the host's");
	} else if (w && strcmp(verdict, "Send") == 0) {
		agree(r.outcome == GW_OUT_CONNECTION_OUT && r.drop < 0 && r.verdict == TC_ACT_REDIRECT, "out");
		agree(is_link(p->interface), "of a connection");
		agree(strcmp(by, w->type == GW_WAY_L3 && w->has_interface ? w->interface : "out0") == 0, "by which");
		agree(json_integer_value(json_object_get(a, "vlanId")) == w->vlan, "its VLAN");
		agree(json_integer_value(json_object_get(a, "greKey")) == (w->has_key ? w->key : 0), "its key");
		agree((w->type == GW_WAY_GRE) == (*text_of(a, "tunnelDestination") != '\0'), "a tunnel");
	} else {
		agree(strcmp(verdict, "Drop") == 0 && r.drop >= 0 && r.verdict == TC_ACT_SHOT &&
			      strcmp(gw_drop_reasons[r.drop].name, text_of(a, "reason")) == 0,
		      "dropped");
		reasons[r.drop]++;
	}
	json_decref(a);
}

static void run_packets(int stats)
{
	for (int n = 0; n < PACKETS; n++) {
		struct probe p = any_probe();
		int id = gw_tc_program((int)if_nametoindex(p.interface)) ? program_on(p.interface) : -1;

		/* Where there is none, nobody has an interest in what comes there. */
		if (id < 0)
			continue;
		compare(&p, id, stats);
		close(id);
	}
}

static void test_property(void **state)
{
	static const enum gw_drop_reason seen[] = {GW_DROP_NO_SEGMENT, GW_DROP_LAND, GW_DROP_FLOOD};
	const char *seed = getenv("GWD_SEED");
	int stats = pinned("way_stats");

	(void)state;
	rnd_seed(seed ? strtoull(seed, NULL, 0) : 4343);
	for (int i = 0; i < POLICIES; i++) {
		make_policy();
		run_packets(stats);
	}
	close(stats);
	for (size_t i = 0; i < GW_N(verdict_names); i++)
		check(verdicts[i] > 20, "only %u packets ended in %s", verdicts[i], verdict_names[i]);
	for (size_t i = 0; i < GW_N(seen); i++)
		check(reasons[seen[i]] > 5, "only %u packets were dropped as %s", reasons[seen[i]],
		      gw_drop_reasons[seen[i]].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"GW-2 API-4: the trace and the engine agree about connections", test_property, setup, trace_end, NULL},
	};

	return run_group("trace against the engine, connections", tests, harness_setup_bare);
}
