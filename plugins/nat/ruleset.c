/* ruleset.c - see ruleset.h: builds chains, rules, maps and objects for nft.c to send. */
#include "nat/ruleset.h"

#include "nat/expr.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

#define RULESET_VERSION 3u /* raised with every change of what is built here */

/* As <linux/netfilter/nf_conntrack_common.h> numbers them, and nft(8) takes them. */
enum { STATE_INVALID = 1, STATE_ESTABLISHED = 2, STATE_RELATED = 4, STATE_NEW = 8, STATE_UNTRACKED = 64 };
enum { STATUS_CONFIRMED = 0x8, STATUS_DST_NAT = 0x20 };

const char *const nat_counter_names[NAT_COUNTERS_MAX] = {
#define X(id, name, what) [NAT_COUNT_##id] = (name),
	NAT_COUNTERS(X)
#undef X
};
const char *const nat_counter_meanings[NAT_COUNTERS_MAX] = {
#define X(id, name, what) [NAT_COUNT_##id] = (what),
	NAT_COUNTERS(X)
#undef X
};

/* --- chains --- */

enum chain { PRE, POST, FORWARD, OUT, INPUT, ADMIT, ADMIT_IN, FULL, FULL_IN, FRESH, CHAINS };
_Static_assert(CHAINS == NAT_CHAINS, "count of chains");

static const struct {
	const char *name, *type; /* no type: called by rules only */
	uint32_t hook, policy;
	int32_t priority;
} chains[CHAINS] = {
	[PRE] = {"pre", "nat", NF_INET_PRE_ROUTING, NF_ACCEPT, NF_IP_PRI_NAT_DST},
	[POST] = {"post", "nat", NF_INET_POST_ROUTING, NF_ACCEPT, NF_IP_PRI_NAT_SRC},
	[FORWARD] = {"forward", "filter", NF_INET_FORWARD, NF_DROP, NF_IP_PRI_FILTER},
	[OUT] = {"out", "filter", NF_INET_POST_ROUTING, NF_ACCEPT, NF_IP_PRI_NAT_SRC + 50},
	[INPUT] = {"input", "filter", NF_INET_LOCAL_IN, NF_ACCEPT, NF_IP_PRI_FILTER},
	[ADMIT] = {.name = "admit"},
	[ADMIT_IN] = {.name = "admit-in"},
	[FULL] = {.name = "full"},
	[FULL_IN] = {.name = "full-in"},
	[FRESH] = {.name = "fresh"},
};

struct nftnl_chain *nat_ruleset_chain(size_t i)
{
	struct nftnl_chain *c = nftnl_chain_alloc();

	if (!c)
		return NULL;
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, NAT_TABLE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, chains[i].name);
	if (chains[i].type) {
		nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, chains[i].type);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, chains[i].hook);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, chains[i].priority);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, chains[i].policy);
	}
	return c;
}

bool nat_ruleset_chain_fits(const struct nftnl_chain *c)
{
	const char *name = nftnl_chain_get_str(c, NFTNL_CHAIN_NAME), *type = nftnl_chain_get_str(c, NFTNL_CHAIN_TYPE);

	for (size_t i = 0; name && i < CHAINS; i++) {
		if (strcmp(chains[i].name, name) != 0)
			continue;
		if (!chains[i].type)
			return !nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM);
		return type && !strcmp(type, chains[i].type) &&
		       nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM) == chains[i].hook &&
		       nftnl_chain_get_s32(c, NFTNL_CHAIN_PRIO) == chains[i].priority &&
		       nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY) == chains[i].policy;
	}
	return false;
}

const char *const nat_full_chains[NAT_FULL_BITS] = {"full", "full-in"};

/* --- maps --- */

const char *nat_set_name(unsigned family, enum nat_map map, char buf[static 24])
{
	snprintf(buf, 24, "%s%c", nat_map_name(map), family ? '6' : '4');
	return buf;
}

/* As nft(8) numbers types, for it to show what is there; the kernel does not mind. */
enum { TYPE_IP = 7, TYPE_IP6 = 8, TYPE_PROTO = 12, TYPE_SERVICE = 13, TYPE_MARK = 19, TYPE_BITS = 6 };

static uint32_t concat(uint32_t a, uint32_t b)
{
	return a << TYPE_BITS | b;
}

struct nftnl_set *nat_ruleset_set(unsigned family, enum nat_map map)
{
	uint32_t addr = family ? TYPE_IP6 : TYPE_IP, type = concat(addr, TYPE_PROTO), flags = 0;
	struct nftnl_set *s = nftnl_set_alloc();
	struct nftnl_expr *counter = NULL;
	uint8_t fields[3], data, key = 0;
	size_t n = nat_map_layout(family, map, fields, &data);
	char name[24];

	if (!s)
		return NULL;
	for (size_t i = 0; i < n; i++)
		key = (uint8_t)(key + (fields[i] + 3u) / 4 * 4);
	if (n == 3)
		type = concat(concat(TYPE_SERVICE, addr), TYPE_PROTO);
	else if (fields[1] == 4)
		type = concat(TYPE_MARK, TYPE_MARK);
	if (nat_map_has_ranges(map))
		flags = NFT_SET_INTERVAL | NFT_SET_CONCAT;
	nftnl_set_set_str(s, NFTNL_SET_TABLE, NAT_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, nat_set_name(family, map, name));
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(s, NFTNL_SET_ID, family * NAT_MAP_MAX + map + 1);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, key);
	if (flags)
		nftnl_set_set_data(s, NFTNL_SET_DESC_CONCAT, fields, (uint32_t)n);
	if (nat_map_data(map) == D_IDLE) {
		flags |= NFT_SET_OBJECT;
		nftnl_set_set_u32(s, NFTNL_SET_OBJ_TYPE, NFT_OBJECT_CT_TIMEOUT);
	} else if (data) {
		flags |= NFT_SET_MAP;
		nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, data);
		nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE,
				  data == 4 && nat_map_data(map) == D_GROUP ? TYPE_MARK
				  : nat_map_data(map) == D_ADDR		    ? addr
									    : concat(addr, TYPE_SERVICE));
	}
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
	if (nat_map_counts(map)) {
		counter = nftnl_expr_alloc("counter");
		if (!counter) {
			nftnl_set_free(s);
			return NULL;
		}
		nftnl_set_add_expr(s, counter);
	}
	return s;
}

/* --- objects --- */

struct nftnl_obj *nat_ruleset_counter(enum nat_counter c, uint64_t packets, uint64_t bytes)
{
	struct nftnl_obj *o = nftnl_obj_alloc();

	if (!o)
		return NULL;
	nftnl_obj_set_str(o, NFTNL_OBJ_TABLE, NAT_TABLE);
	nftnl_obj_set_str(o, NFTNL_OBJ_NAME, nat_counter_names[c]);
	nftnl_obj_set_u32(o, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nftnl_obj_set_u64(o, NFTNL_OBJ_CTR_PKTS, packets);
	nftnl_obj_set_u64(o, NFTNL_OBJ_CTR_BYTES, bytes);
	return o;
}

const char *nat_idle_name(unsigned family, uint8_t proto, uint16_t minutes, char buf[static 24])
{
	snprintf(buf, 24, "%s%c-%u", proto == IPPROTO_TCP ? "tcp" : "udp", family ? '6' : '4', minutes);
	return buf;
}

/* --- rules --- */

struct build {
	const struct nat_params *params;
	uint64_t mark;
	uint32_t n;
	int (*each)(void *ctx, struct nftnl_rule *r);
	void *ctx;
	int r;
};

static struct nat_rule begin(enum chain c)
{
	struct nat_rule r = {.rule = nftnl_rule_alloc()};

	if (!r.rule)
		return r;
	nftnl_rule_set_u32(r.rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
	nftnl_rule_set_str(r.rule, NFTNL_RULE_TABLE, NAT_TABLE);
	nftnl_rule_set_str(r.rule, NFTNL_RULE_CHAIN, chains[c].name);
	return r;
}

static void end(struct build *b, struct nat_rule *r)
{
	if (b->r == 0 && (!r->rule || r->bad))
		b->r = -ENOMEM;
	if (b->r < 0) {
		if (r->rule)
			nftnl_rule_free(r->rule);
		return;
	}
	nftnl_rule_set_data(r->rule, NFTNL_RULE_USERDATA, &b->mark, sizeof b->mark);
	b->n++;
	b->r = b->each(b->ctx, r->rule);
}

static void of_family(struct nat_rule *r, unsigned family)
{
	uint8_t nfproto = family ? NFPROTO_IPV6 : NFPROTO_IPV4;

	nat_meta(r, NFT_META_NFPROTO, NAT_REG_KEY);
	nat_cmp(r, NFT_CMP_EQ, NAT_REG_KEY, &nfproto, sizeof nfproto);
}

static void by_outside(struct nat_rule *r, enum nft_meta_keys key, enum nft_cmp_ops op)
{
	char name[IFNAMSIZ] = GW_VRF_OUTSIDE;

	nat_meta(r, key, NAT_REG_KEY);
	nat_cmp(r, op, NAT_REG_KEY, name, sizeof name);
}

static void of_state(struct nat_rule *r, uint32_t bits)
{
	nat_ct(r, NFT_CT_STATE, NAT_REG_KEY);
	nat_bits(r, NAT_REG_KEY, bits, 4);
}

static void of_status(struct nat_rule *r, uint32_t bits)
{
	nat_ct(r, NFT_CT_STATUS, NAT_REG_KEY);
	nat_bits(r, NAT_REG_KEY, bits, 4);
}

enum side { SOURCE, DESTINATION };

/* Perhaps the destination's port, address and protocol, as a key. */
static void key(struct nat_rule *r, unsigned family, enum side side, bool port)
{
	uint32_t len = family ? 16 : 4, at = family ? 8 : 12, reg = NAT_REG_KEY;

	if (port)
		nat_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, reg++);
	nat_payload(r, NFT_PAYLOAD_NETWORK_HEADER, side == SOURCE ? at : at + len, len, reg);
	nat_meta(r, NFT_META_L4PROTO, reg + len / 4);
}

static void drop(struct nat_rule *r, enum nat_counter c)
{
	nat_object(r, NFT_OBJECT_COUNTER, nat_counter_names[c]);
	nat_verdict(r, NF_DROP, NULL);
}

static void translate(struct nat_rule *r, unsigned family, enum nft_nat_types type, enum nat_data data, uint32_t at)
{
	uint32_t len = family ? 4 : 1;
	uint32_t regs[4] = {at, 0, 0, 0};

	if (data == D_ADDR_PORT)
		regs[1] = at + len;
	if (data == D_PORTS) {
		regs[1] = at + len;
		regs[2] = at + len + 1;
		regs[3] = at + 2 * len + 1;
	}
	nat_translate(r, type, family ? NFPROTO_IPV6 : NFPROTO_IPV4, regs);
}

static void default_idle(struct build *b, unsigned family, enum chain c)
{
	static const uint8_t tcp = IPPROTO_TCP;
	struct nat_rule r = begin(c);
	char name[24];

	of_family(&r, family);
	nat_meta(&r, NFT_META_L4PROTO, NAT_REG_KEY);
	nat_cmp(&r, NFT_CMP_EQ, NAT_REG_KEY, &tcp, sizeof tcp);
	nat_object(&r, NFT_OBJECT_CT_TIMEOUT, nat_idle_name(family, tcp, (uint16_t)b->params->idle_minutes, name));
	end(b, &r);
}

static void idle(struct build *b, unsigned family, enum chain c, enum nat_map map, enum side side)
{
	struct nat_rule r = begin(c);
	char name[24];

	of_family(&r, family);
	if (c == POST)
		by_outside(&r, NFT_META_OIFNAME, NFT_CMP_EQ);
	key(&r, family, side, map == NAT_MAP_IDLE_IN);
	nat_object_of(&r, nat_set_name(family, map, name), NAT_REG_KEY);
	end(b, &r);
}

/* What comes to a public address, from wherever. */
static void inbound(struct build *b, unsigned family, enum nat_map map)
{
	struct nat_rule r = begin(PRE);
	char name[24];

	of_family(&r, family);
	key(&r, family, DESTINATION, map != NAT_MAP_IN_ALL);
	nat_lookup(&r, nat_set_name(family, map, name), NAT_REG_KEY, NAT_REG_DATA);
	translate(&r, family, NFT_NAT_DNAT, nat_map_data(map), NAT_REG_DATA);
	end(b, &r);
}

static void outbound(struct build *b, unsigned family, enum nat_map map)
{
	struct nat_rule r = begin(POST);
	char name[24];

	of_family(&r, family);
	by_outside(&r, NFT_META_OIFNAME, NFT_CMP_EQ);
	key(&r, family, SOURCE, false);
	nat_lookup(&r, nat_set_name(family, map, name), NAT_REG_KEY, NAT_REG_DATA);
	translate(&r, family, NFT_NAT_SNAT, nat_map_data(map), NAT_REG_DATA);
	end(b, &r);
}

/*
 * Of several addresses one, by a hash of the source: the group, which the packet carries as its mark from the rule before, and
 * the hash are the key of a second map. (Both straight from registers would be too much for nft(8), which shall show it.)
 */
static void group(struct build *b, unsigned family)
{
	struct nat_rule r = begin(POST);
	char name[24];

	of_family(&r, family);
	by_outside(&r, NFT_META_OIFNAME, NFT_CMP_EQ);
	key(&r, family, SOURCE, false);
	nat_lookup(&r, nat_set_name(family, NAT_MAP_GROUP, name), NAT_REG_KEY, NAT_REG_DATA);
	nat_meta_set(&r, NFT_META_MARK, NAT_REG_DATA);
	end(b, &r);
}

static void member(struct build *b, unsigned family, enum nat_map map)
{
	struct nat_rule r = begin(POST);
	uint32_t len = family ? 16 : 4;
	char name[24];

	of_family(&r, family);
	by_outside(&r, NFT_META_OIFNAME, NFT_CMP_EQ);
	nat_meta(&r, NFT_META_MARK, NAT_REG_KEY);
	nat_payload(&r, NFT_PAYLOAD_NETWORK_HEADER, family ? 8 : 12, len, NAT_REG_DATA);
	nat_jhash(&r, NAT_REG_DATA, len, NAT_REG_KEY + 1, NAT_SLOTS);
	nat_byteorder(&r, NAT_REG_KEY + 1, 4, 4);
	nat_lookup(&r, nat_set_name(family, map, name), NAT_REG_KEY, NAT_REG_DATA);
	translate(&r, family, NFT_NAT_SNAT, nat_map_data(map), NAT_REG_DATA);
	end(b, &r);
}

/* A host reaches a public address of its own network: what answers must come by here again. */
static void hairpin(struct build *b)
{
	struct nat_rule r = begin(POST);

	by_outside(&r, NFT_META_IIFNAME, NFT_CMP_NEQ);
	by_outside(&r, NFT_META_OIFNAME, NFT_CMP_NEQ);
	of_status(&r, STATUS_DST_NAT);
	nat_masquerade(&r);
	end(b, &r);
}

static void drop_state(struct build *b, enum chain c, uint32_t bits, enum nat_counter counter)
{
	struct nat_rule r = begin(c);

	of_state(&r, bits);
	drop(&r, counter);
	end(b, &r);
}

static void jump(struct build *b, enum chain c, uint32_t state, enum chain to)
{
	struct nat_rule r = begin(c);

	if (state)
		of_state(&r, state);
	/* Until something answers every packet of a connection is of state new: only the first is meant. */
	if (state == STATE_NEW) {
		nat_ct(&r, NFT_CT_STATUS, NAT_REG_KEY);
		nat_no_bits(&r, NAT_REG_KEY, STATUS_CONFIRMED, 4);
	}
	nat_verdict(&r, NFT_JUMP, chains[to].name);
	end(b, &r);
}

static void count_and_accept(struct build *b, enum nft_meta_keys side, enum nat_counter c)
{
	struct nat_rule r = begin(FORWARD);

	by_outside(&r, side, NFT_CMP_EQ);
	nat_object(&r, NFT_OBJECT_COUNTER, nat_counter_names[c]);
	nat_verdict(&r, NF_ACCEPT, NULL);
	end(b, &r);
}

/* Of each side its own, so that a flood from outside does not use up what the network itself may open. */
static void limits_of(struct build *b, enum chain admit, enum nat_counter rate, enum chain full)
{
	struct nat_rule r = begin(admit);

	nat_limit_over(&r, b->params->new_rate);
	drop(&r, rate);
	end(b, &r);
	jump(b, admit, 0, full);
}

static void limits(struct build *b)
{
	limits_of(b, ADMIT, NAT_COUNT_RATE, FULL);
	limits_of(b, ADMIT_IN, NAT_COUNT_RATE_IN, FULL_IN);
}

/*
 * From outside comes nothing whose answer would not go there: it bears the name of a host inside, or of the virtual gateway. The
 * chain for translation sees the first packet of a connection only, so nothing else pays for it; what is not tracked is asked when
 * it would pass (`untracked`).
 */
static void spoofed(struct build *b, enum chain c, bool untracked)
{
	static const uint32_t nowhere;
	struct nat_rule r = begin(c);

	by_outside(&r, NFT_META_IIFNAME, NFT_CMP_EQ);
	if (untracked)
		of_state(&r, STATE_UNTRACKED);
	nat_way_back(&r, NAT_REG_KEY);
	nat_cmp(&r, NFT_CMP_EQ, NAT_REG_KEY, &nowhere, sizeof nowhere);
	drop(&r, NAT_COUNT_SPOOFED);
	end(b, &r);
}

/*
 * Of new connections from outside: those that a rule or a routed prefix is for. Only these count for the limits: what is dropped
 * anyway shall cost nobody anything.
 */
static void fresh(struct build *b)
{
	struct nat_rule r;

	r = begin(FRESH);
	by_outside(&r, NFT_META_IIFNAME, NFT_CMP_NEQ);
	nat_verdict(&r, NFT_GOTO, chains[ADMIT].name);
	end(b, &r);
	r = begin(FRESH);
	by_outside(&r, NFT_META_OIFNAME, NFT_CMP_EQ); /* and back out again */
	drop(&r, NAT_COUNT_NO_RULE);
	end(b, &r);
	spoofed(b, FRESH, true);
	r = begin(FRESH);
	of_status(&r, STATUS_DST_NAT);
	nat_verdict(&r, NFT_GOTO, chains[ADMIT_IN].name);
	end(b, &r);
	for (unsigned family = 0; family < NAT_FAMILIES; family++) {
		char name[24];

		r = begin(FRESH);
		of_family(&r, family);
		key(&r, family, DESTINATION, false);
		nat_lookup(&r, nat_set_name(family, NAT_MAP_ROUTED, name), NAT_REG_KEY, 0);
		nat_verdict(&r, NFT_GOTO, chains[ADMIT_IN].name);
		end(b, &r);
	}
	r = begin(FRESH);
	drop(&r, NAT_COUNT_NO_RULE);
	end(b, &r);
}

static void forward(struct build *b)
{
	struct nat_rule r;

	if (b->params->clamp) {
		r = begin(FORWARD);
		nat_clamp(&r);
		end(b, &r);
	}
	drop_state(b, FORWARD, STATE_INVALID, NAT_COUNT_INVALID);
	jump(b, FORWARD, STATE_NEW, FRESH);
	jump(b, FORWARD, STATE_UNTRACKED, FRESH);
	count_and_accept(b, NFT_META_OIFNAME, NAT_COUNT_SENT);
	count_and_accept(b, NFT_META_IIFNAME, NAT_COUNT_RECEIVED);
	r = begin(FORWARD);
	nat_verdict(&r, NF_ACCEPT, NULL);
	end(b, &r);
}

/* The virtual gateway itself answers its customer; to the outside it has nothing to offer, and counts nothing of it as new. */
static void input(struct build *b)
{
	struct nat_rule r;

	drop_state(b, INPUT, STATE_INVALID, NAT_COUNT_INVALID);
	r = begin(INPUT);
	of_state(&r, STATE_ESTABLISHED | STATE_RELATED);
	nat_verdict(&r, NF_ACCEPT, NULL);
	end(b, &r);
	r = begin(INPUT);
	by_outside(&r, NFT_META_IIFNAME, NFT_CMP_EQ);
	drop(&r, NAT_COUNT_NO_RULE);
	end(b, &r);
	jump(b, INPUT, STATE_NEW, ADMIT);
}

/* Whatever went wrong before: nothing leaves that has no public source. */
static void out(struct build *b)
{
	static const char nobody[IFNAMSIZ];
	struct nat_rule r;

	for (unsigned family = 0; family < NAT_FAMILIES; family++) {
		char name[24];

		r = begin(OUT);
		of_family(&r, family);
		by_outside(&r, NFT_META_OIFNAME, NFT_CMP_EQ);
		key(&r, family, SOURCE, false);
		nat_lookup(&r, nat_set_name(family, NAT_MAP_SOURCE, name), NAT_REG_KEY, 0);
		nat_verdict(&r, NF_ACCEPT, NULL);
		end(b, &r);
	}
	r = begin(OUT);
	by_outside(&r, NFT_META_OIFNAME, NFT_CMP_EQ);
	by_outside(&r, NFT_META_IIFNAME, NFT_CMP_NEQ); /* nor nothing: what the kernel says by itself is no loss */
	nat_meta(&r, NFT_META_IIFNAME, NAT_REG_KEY);
	nat_cmp(&r, NFT_CMP_NEQ, NAT_REG_KEY, nobody, sizeof nobody);
	drop(&r, NAT_COUNT_PRIVATE);
	end(b, &r);
	r = begin(OUT);
	by_outside(&r, NFT_META_OIFNAME, NFT_CMP_EQ);
	nat_verdict(&r, NF_DROP, NULL);
	end(b, &r);
}

/* What more than one expression says counts: the later of two times, the first of two translations. */
static void build(struct build *b)
{
	spoofed(b, PRE, false);
	for (unsigned family = 0; family < NAT_FAMILIES; family++) {
		default_idle(b, family, PRE);
		idle(b, family, PRE, NAT_MAP_IDLE_ALL, DESTINATION);
		idle(b, family, PRE, NAT_MAP_IDLE_IN, DESTINATION);
		inbound(b, family, NAT_MAP_IN_PORT);
		inbound(b, family, NAT_MAP_IN_RANGE);
		inbound(b, family, NAT_MAP_IN_ALL);
		idle(b, family, POST, NAT_MAP_IDLE_OUT, SOURCE);
		outbound(b, family, NAT_MAP_OUT_PORTS);
		outbound(b, family, NAT_MAP_OUT_ADDR);
		group(b, family);
		member(b, family, NAT_MAP_MEMBER_PORTS);
		member(b, family, NAT_MAP_MEMBER_ADDR);
	}
	hairpin(b);
	limits(b);
	fresh(b);
	forward(b);
	input(b);
	out(b);
}

uint64_t nat_ruleset_mark(const struct nat_params *p)
{
	const uint32_t parts[] = {RULESET_VERSION, p->clamp, p->idle_minutes, p->new_rate};
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		h = (h ^ parts[i]) * 1099511628211u;
	return h;
}

int nat_ruleset_rules(const struct nat_params *p, int (*each)(void *ctx, struct nftnl_rule *r), void *ctx)
{
	struct build b = {.params = p, .mark = nat_ruleset_mark(p), .each = each, .ctx = ctx};

	build(&b);
	return b.r;
}

static int pass(void *ctx, struct nftnl_rule *r)
{
	++*(size_t *)ctx;
	nftnl_rule_free(r);
	return 0;
}

size_t nat_ruleset_n_rules(const struct nat_params *p)
{
	size_t n = 0;

	return nat_ruleset_rules(p, pass, &n) < 0 ? 0 : n;
}

struct nftnl_rule *nat_ruleset_full(unsigned bit)
{
	struct nat_rule r = begin(bit ? FULL_IN : FULL);

	drop(&r, bit ? NAT_COUNT_FULL_IN : NAT_COUNT_FULL);
	if (r.rule && r.bad) {
		nftnl_rule_free(r.rule);
		return NULL;
	}
	return r.rule;
}
