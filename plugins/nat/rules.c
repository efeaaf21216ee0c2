/*
 * rules.c - builds the rules of ruleset.h for nft.c to send.
 *
 * Every packet that the fast path leaves to the stack goes through `forward` and `out`, and the first of each connection through
 * `pre` and `post` as well, which the kernel asks for no other one. So what is decided once for a connection stands there, and costs
 * the rest nothing; what is asked of most packets comes first; and a map without elements is not asked at all.
 */
#include "nat/rules.h"

#include "nat/expr.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/netfilter.h>

#define RULESET_VERSION 10u /* raised with every change of what is built here */

/* As <linux/netfilter/nf_conntrack_common.h> numbers them, and nft(8) takes them. */
enum { STATE_INVALID = 1, STATE_ESTABLISHED = 2, STATE_RELATED = 4, STATE_UNTRACKED = 64 };
enum { STATUS_SRC_NAT = 0x10, STATUS_DST_NAT = 0x20 };

/* Of the rules that drop while there are too many connections: "fullNNNN". */
#define FULL_MARK (UINT64_C(0x66756c6c) << 32 | RULESET_VERSION)

/* Of a connection neither of whose ends is outside. */
#define MARK_INSIDE 0x67776469u

struct build {
	const struct nat_params *params;
	unsigned full; /* NAT_FULL_* */
	uint64_t mark;
	uint32_t n;
	int (*each)(void *ctx, struct nftnl_rule *r);
	void *ctx;
	int r;
};

static bool has(const struct build *b, unsigned family, enum nat_map map)
{
	return b->params->maps & NAT_MAP_BIT(family, map);
}

static struct nat_rule begin(enum nat_chain c)
{
	struct nat_rule r = {.rule = nftnl_rule_alloc()};

	if (!r.rule)
		return r;
	nftnl_rule_set_u32(r.rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
	nftnl_rule_set_str(r.rule, NFTNL_RULE_TABLE, NAT_TABLE);
	nftnl_rule_set_str(r.rule, NFTNL_RULE_CHAIN, nat_chain_name(c));
	return r;
}

static void end_as(struct build *b, struct nat_rule *r, uint64_t mark)
{
	if (b->r == 0 && (!r->rule || r->bad))
		b->r = -ENOMEM;
	if (b->r < 0) {
		if (r->rule)
			nftnl_rule_free(r->rule);
		return;
	}
	nftnl_rule_set_data(r->rule, NFTNL_RULE_USERDATA, &mark, sizeof mark);
	b->n++;
	b->r = b->each(b->ctx, r->rule);
}

static void end(struct build *b, struct nat_rule *r)
{
	end_as(b, r, b->mark);
}

/* --- parts of rules --- */

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

/* Said by the virtual gateway itself, or (NEQ) passed on by it. */
static void by_nobody(struct nat_rule *r, enum nft_cmp_ops op)
{
	static const uint32_t nobody;

	nat_meta(r, NFT_META_IIF, NAT_REG_KEY);
	nat_cmp(r, op, NAT_REG_KEY, &nobody, sizeof nobody);
}

static void of_state(struct nat_rule *r, uint32_t bits)
{
	nat_ct(r, NFT_CT_STATE, NAT_REG_KEY);
	nat_bits(r, NAT_REG_KEY, bits, 4);
}

enum side { SOURCE, DESTINATION };

static void address(struct nat_rule *r, unsigned family, enum side side, uint32_t reg)
{
	uint32_t len = family ? 16 : 4, at = family ? 8 : 12;

	nat_payload(r, NFT_PAYLOAD_NETWORK_HEADER, side == SOURCE ? at : at + len, len, reg);
}

/* Perhaps the destination's port, the address and the protocol, as a key. */
static void key(struct nat_rule *r, unsigned family, enum side side, bool port)
{
	uint32_t len = family ? 16 : 4, reg = NAT_REG_KEY;

	if (port)
		nat_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, reg++);
	address(r, family, side, reg);
	nat_meta(r, NFT_META_L4PROTO, reg + len / 4);
}

static void drop(struct nat_rule *r, enum nat_counter c)
{
	nat_object(r, NFT_OBJECT_COUNTER, nat_counter_names[c]);
	nat_verdict(r, NF_DROP, NULL);
}

static void on_to(struct nat_rule *r, int verdict, enum nat_chain c)
{
	nat_verdict(r, verdict, nat_chain_name(c));
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

/* --- rules of several chains --- */

/* Without a condition. */
static void always(struct build *b, enum nat_chain c, int verdict, enum nat_chain to)
{
	struct nat_rule r = begin(c);

	on_to(&r, verdict, to);
	end(b, &r);
}

/* What comes, or goes, by the way out. */
static void outside_to(struct build *b, enum nat_chain c, enum nft_meta_keys side, enum nft_cmp_ops op,
		       enum nat_chain to)
{
	struct nat_rule r = begin(c);

	by_outside(&r, side, op);
	on_to(&r, NFT_GOTO, to);
	end(b, &r);
}

static void six_to(struct build *b, enum nat_chain c, enum nat_chain to)
{
	struct nat_rule r = begin(c);

	of_family(&r, 1);
	on_to(&r, NFT_GOTO, to);
	end(b, &r);
}

static void drop_by_outside(struct build *b, enum nat_chain c, enum nft_meta_keys side, enum nat_counter counter)
{
	struct nat_rule r = begin(c);

	by_outside(&r, side, NFT_CMP_EQ);
	drop(&r, counter);
	end(b, &r);
}

static void drop_invalid(struct build *b, enum nat_chain c)
{
	struct nat_rule r = begin(c);

	of_state(&r, STATE_INVALID);
	drop(&r, NAT_COUNT_INVALID);
	end(b, &r);
}

/* --- limits --- */

const char *const nat_full_chains[NAT_FULL_BITS] = {"pre", "admit-in"};

/*
 * Of each side its own, so that a flood from outside does not use up what the network itself may open. The rule that drops while there
 * are too many has a mark of its own: it comes and goes while all others stay.
 */
static void limits(struct build *b, unsigned bit)
{
	const enum nat_chain c = bit ? ADMIT_IN : PRE;
	struct nat_rule r = begin(c);

	nat_limit_over(&r, b->params->new_rate);
	drop(&r, bit ? NAT_COUNT_RATE_IN : NAT_COUNT_RATE);
	end(b, &r);
	if (!(b->full & 1u << bit))
		return;
	r = begin(c);
	drop(&r, bit ? NAT_COUNT_FULL_IN : NAT_COUNT_FULL);
	end_as(b, &r, FULL_MARK);
}

/* --- first packets, before they are routed --- */

static void idle(struct build *b, unsigned family, enum nat_chain c, enum nat_map map)
{
	enum side side = map == NAT_MAP_IDLE_OUT ? SOURCE : DESTINATION;
	struct nat_rule r;
	char name[24];

	if (!has(b, family, map))
		return;
	r = begin(c);
	if (side == SOURCE)
		by_outside(&r, NFT_META_IIFNAME, NFT_CMP_NEQ);
	key(&r, family, side, map == NAT_MAP_IDLE_IN);
	nat_object_of(&r, nat_set_name(family, map, name), NAT_REG_KEY);
	nat_verdict(&r, NFT_RETURN, NULL);
	end(b, &r);
}

static void default_idle(struct build *b, unsigned family, enum nat_chain c)
{
	static const uint8_t tcp = IPPROTO_TCP;
	struct nat_rule r = begin(c);
	char name[24];

	nat_meta(&r, NFT_META_L4PROTO, NAT_REG_KEY);
	nat_cmp(&r, NFT_CMP_EQ, NAT_REG_KEY, &tcp, sizeof tcp);
	nat_object(&r, NFT_OBJECT_CT_TIMEOUT, nat_idle_name(family, tcp, (uint16_t)b->params->idle_minutes, name));
	end(b, &r);
}

static bool has_idles(const struct build *b, unsigned family)
{
	return has(b, family, NAT_MAP_IDLE_IN) || has(b, family, NAT_MAP_IDLE_ALL) || has(b, family, NAT_MAP_IDLE_OUT);
}

/*
 * How long the connection is remembered when idle: the rule of a port, of an address, of a source, or else the configuration. Said
 * once only: of several Linux 6.1 takes the first, later ones the last.
 */
static void idles(struct build *b, unsigned family)
{
	enum nat_chain c = family ? IDLE6 : IDLE4;

	if (!has_idles(b, family))
		return;
	idle(b, family, c, NAT_MAP_IDLE_IN);
	idle(b, family, c, NAT_MAP_IDLE_ALL);
	idle(b, family, c, NAT_MAP_IDLE_OUT);
	default_idle(b, family, c);
}

/* What comes to a public address, from wherever. */
static void inbound(struct build *b, unsigned family, enum nat_chain c, enum nat_map map)
{
	struct nat_rule r;
	char name[24];

	if (!has(b, family, map))
		return;
	r = begin(c);
	if (map == NAT_MAP_IN_ALL)
		address(&r, family, DESTINATION, NAT_REG_KEY);
	else
		key(&r, family, DESTINATION, true);
	nat_lookup(&r, nat_set_name(family, map, name), NAT_REG_KEY, NAT_REG_DATA, false);
	translate(&r, family, NFT_NAT_DNAT, nat_map_data(map), NAT_REG_DATA);
	end(b, &r);
}

/* Public addresses with inbound rules that have no beginning in common: one search stands for all of them. */
static void foreign_by_search(struct build *b, unsigned family, enum nat_chain c)
{
	static const enum nat_map by_destination[] = {NAT_MAP_IN_PORT, NAT_MAP_IN_RANGE, NAT_MAP_IN_ALL};
	struct nat_rule r;
	unsigned n = 0;
	char name[24];

	for (size_t i = 0; i < sizeof by_destination / sizeof *by_destination; i++)
		n += has(b, family, by_destination[i]);
	if (n < 2)
		return;
	r = begin(c);
	address(&r, family, DESTINATION, NAT_REG_KEY);
	nat_lookup(&r, nat_set_name(family, NAT_MAP_SOURCE, name), NAT_REG_KEY, 0, true);
	nat_verdict(&r, NF_ACCEPT, NULL);
	end(b, &r);
}

/* Most of what goes out is for no public address of the network's own: mostly the beginning of the address tells. */
static void foreign(struct build *b, unsigned family, enum nat_chain c)
{
	uint32_t n = b->params->near[family].n;
	struct nat_rule r;

	if (n == 0) {
		foreign_by_search(b, family, c);
		return;
	}
	r = begin(c);
	nat_payload(&r, NFT_PAYLOAD_NETWORK_HEADER, family ? 24 : 16, n, NAT_REG_KEY);
	nat_cmp(&r, NFT_CMP_NEQ, NAT_REG_KEY, b->params->near[family].bytes, n);
	nat_verdict(&r, NF_ACCEPT, NULL);
	end(b, &r);
}

/* From outside comes nothing whose answer would not go there: it bears the name of a host inside, or of the virtual gateway. */
static void drop_spoofed(struct build *b, struct nat_rule *r)
{
	static const uint32_t nowhere;

	nat_way_back(r, NAT_REG_KEY);
	nat_cmp(r, NFT_CMP_EQ, NAT_REG_KEY, &nowhere, sizeof nowhere);
	drop(r, NAT_COUNT_SPOOFED);
	end(b, r);
}

static void spoofed(struct build *b)
{
	struct nat_rule r = begin(ARRIVING);

	drop_spoofed(b, &r);
}

/* The rest of a chain, for one family. Of two translations the first counts. */
static void inbounds(struct build *b, unsigned family, enum nat_chain c)
{
	if (has_idles(b, family))
		always(b, c, NFT_JUMP, family ? IDLE6 : IDLE4);
	else
		default_idle(b, family, c);
	if (c != ARRIVING) /* which comes to public addresses only */
		foreign(b, family, c);
	inbound(b, family, c, NAT_MAP_IN_PORT);
	inbound(b, family, c, NAT_MAP_IN_RANGE);
	inbound(b, family, c, NAT_MAP_IN_ALL);
}

/* What is asked of IPv4 stands in both chains, so that no packet is sent on for it: most are of it. */
static void pre(struct build *b)
{
	outside_to(b, PRE, NFT_META_IIFNAME, NFT_CMP_EQ, ARRIVING);
	limits(b, 0); /* of the network's own */
	six_to(b, PRE, INBOUND6);
	inbounds(b, 0, PRE);
	spoofed(b);
	six_to(b, ARRIVING, INBOUND6);
	inbounds(b, 0, ARRIVING);
	inbounds(b, 1, INBOUND6);
	idles(b, 0);
	idles(b, 1);
}

/* --- first packets, when it is known where they go --- */

static void find_outbound(struct build *b, struct nat_rule *r, unsigned family, enum nat_map map)
{
	char name[24];

	nat_lookup(r, nat_set_name(family, map, name), NAT_REG_KEY, NAT_REG_DATA, false);
	translate(r, family, NFT_NAT_SNAT, nat_map_data(map), NAT_REG_DATA);
	end(b, r);
}

static void outbound(struct build *b, unsigned family, enum nat_chain c, enum nat_map map)
{
	struct nat_rule r;

	if (!has(b, family, map))
		return;
	r = begin(c);
	if (nat_map_kind(map) == NAT_FIELDS)
		key(&r, family, SOURCE, false);
	else
		address(&r, family, SOURCE, NAT_REG_KEY);
	find_outbound(b, &r, family, map);
}

/* What has no ports cannot be told apart behind a shared address. */
static void outbound_blocks(struct build *b, unsigned family, enum nat_chain c)
{
	const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, family ? IPPROTO_ICMPV6 : IPPROTO_ICMP};
	struct nat_rule r;

	for (size_t i = 0; i < sizeof protos && has(b, family, NAT_MAP_OUT_BLOCK); i++) {
		r = begin(c);
		nat_meta(&r, NFT_META_L4PROTO, NAT_REG_KEY);
		nat_cmp(&r, NFT_CMP_EQ, NAT_REG_KEY, &protos[i], sizeof protos[i]);
		address(&r, family, SOURCE, NAT_REG_KEY);
		find_outbound(b, &r, family, NAT_MAP_OUT_BLOCK);
	}
}

/*
 * Of several addresses one, by a hash of the source: the group, which the packet carries as its mark from the rule before, and
 * the hash are the key of a second map. (Both straight from registers would be too much for nft(8), which shall show it.)
 */
static void group(struct build *b, unsigned family, enum nat_chain c)
{
	struct nat_rule r;
	char name[24];

	if (!has(b, family, NAT_MAP_GROUP))
		return;
	r = begin(c);
	key(&r, family, SOURCE, false);
	nat_lookup(&r, nat_set_name(family, NAT_MAP_GROUP, name), NAT_REG_KEY, NAT_REG_DATA, false);
	nat_meta_set(&r, NFT_META_MARK, NAT_REG_DATA);
	end(b, &r);
}

static void member(struct build *b, unsigned family, enum nat_chain c, enum nat_map map)
{
	uint32_t len = family ? 16 : 4;
	struct nat_rule r;
	char name[24];

	if (!has(b, family, map))
		return;
	r = begin(c);
	nat_meta(&r, NFT_META_MARK, NAT_REG_KEY);
	nat_payload(&r, NFT_PAYLOAD_NETWORK_HEADER, family ? 8 : 12, len, NAT_REG_DATA);
	nat_jhash(&r, NAT_REG_DATA, len, NAT_REG_KEY + 1, NAT_SLOTS);
	nat_byteorder(&r, NAT_REG_KEY + 1, 4, 4);
	nat_lookup(&r, nat_set_name(family, map, name), NAT_REG_KEY, NAT_REG_DATA, false);
	translate(&r, family, NFT_NAT_SNAT, nat_map_data(map), NAT_REG_DATA);
	end(b, &r);
}

/*
 * A host reaches a public address of its own network: what answers must come by here again. Nothing of it is ever outside, which
 * `inward` asks about.
 */
static void hairpin(struct build *b)
{
	struct nat_rule r = begin(HAIRPIN);

	nat_ct_mark(&r, MARK_INSIDE);
	end(b, &r);
	r = begin(HAIRPIN);
	nat_ct(&r, NFT_CT_STATUS, NAT_REG_KEY);
	nat_bits(&r, NAT_REG_KEY, STATUS_DST_NAT, 4);
	nat_masquerade(&r);
	end(b, &r);
}

/*
 * Of what begins outside only what a rule or a routed prefix is for goes on to the limits: what is dropped anyway shall cost nobody
 * anything.
 */
static void fresh(struct build *b)
{
	struct nat_rule r;

	drop_by_outside(b, FRESH, NFT_META_OIFNAME, NAT_COUNT_NO_RULE); /* back out again */
	r = begin(FRESH);
	nat_ct(&r, NFT_CT_STATUS, NAT_REG_KEY);
	nat_bits(&r, NAT_REG_KEY, STATUS_DST_NAT, 4);
	on_to(&r, NFT_GOTO, ADMIT_IN);
	end(b, &r);
	for (unsigned family = 0; family < NAT_FAMILIES; family++) {
		char name[24];

		if (!has(b, family, NAT_MAP_ROUTED))
			continue;
		r = begin(FRESH);
		of_family(&r, family);
		address(&r, family, DESTINATION, NAT_REG_KEY);
		nat_lookup(&r, nat_set_name(family, NAT_MAP_ROUTED, name), NAT_REG_KEY, 0, false);
		on_to(&r, NFT_GOTO, ADMIT_IN);
		end(b, &r);
	}
	r = begin(FRESH);
	drop(&r, NAT_COUNT_NO_RULE);
	end(b, &r);
}

static void post(struct build *b)
{
	outside_to(b, POST, NFT_META_IIFNAME, NFT_CMP_EQ, FRESH);
	outside_to(b, POST, NFT_META_OIFNAME, NFT_CMP_NEQ, HAIRPIN);
	six_to(b, POST, OUTBOUND6);
	for (unsigned family = 0; family < NAT_FAMILIES; family++) {
		enum nat_chain c = family ? OUTBOUND6 : POST;

		outbound_blocks(b, family, c);
		outbound(b, family, c, NAT_MAP_OUT_ONE);
		outbound(b, family, c, NAT_MAP_OUT_ALL);
		outbound(b, family, c, NAT_MAP_OUT_PORTS);
		outbound(b, family, c, NAT_MAP_OUT_ADDR);
		group(b, family, c);
		member(b, family, c, NAT_MAP_MEMBER_PORTS);
		member(b, family, c, NAT_MAP_MEMBER_ADDR);
	}
	hairpin(b);
	fresh(b);
}

/* --- every packet --- */

/*
 * What the chains for translation have not seen, since the kernel does not keep track of it, or knows it as part of what it has seen:
 * an error about a connection comes from wherever it likes to. Of the former nothing is let in.
 */
static void odd(struct build *b)
{
	struct nat_rule r;

	drop_invalid(b, ODD);
	r = begin(ODD);
	by_outside(&r, NFT_META_IIFNAME, NFT_CMP_NEQ);
	nat_verdict(&r, NFT_RETURN, NULL);
	end(b, &r);
	r = begin(ODD);
	drop_spoofed(b, &r);
	r = begin(ODD);
	of_state(&r, STATE_RELATED);
	nat_verdict(&r, NFT_RETURN, NULL);
	end(b, &r);
	r = begin(ODD);
	by_outside(&r, NFT_META_OIFNAME, NFT_CMP_EQ);
	nat_verdict(&r, NF_DROP, NULL);
	end(b, &r);
	r = begin(ODD);
	drop(&r, NAT_COUNT_INVALID);
	end(b, &r);
}

/*
 * All that is passed on. What is usual about most packets must not be asked one by one here. Segment sizes are clamped to what the
 * ways there and back carry: both ends are still, or already, those that the routes know, which a public source is not.
 */
static void forward(struct build *b)
{
	struct nat_rule r = begin(FORWARD);

	of_state(&r, STATE_INVALID | STATE_RELATED | STATE_UNTRACKED);
	on_to(&r, NFT_GOTO, ODD);
	end(b, &r);
	if (b->params->clamp) {
		r = begin(FORWARD);
		nat_clamp(&r);
		end(b, &r);
	}
}

/* What goes inside, unless it answers what was translated on its way out: from outside comes nothing of what is among hosts inside. */
static void inward(struct build *b)
{
	static const uint32_t inside = MARK_INSIDE;
	struct nat_rule r = begin(INWARD);

	by_outside(&r, NFT_META_IIFNAME, NFT_CMP_EQ);
	nat_ct(&r, NFT_CT_MARK, NAT_REG_KEY);
	nat_cmp(&r, NFT_CMP_EQ, NAT_REG_KEY, &inside, sizeof inside);
	drop(&r, NAT_COUNT_SPOOFED);
	end(b, &r);
}

/* The one chain for all packets, when they are as they will leave: nothing goes out that has no public source. */
static void out(struct build *b)
{
	static const uint32_t status = STATUS_SRC_NAT;
	struct nat_rule r = begin(OUT);

	/* Of a connection whose source rules have translated, and nothing else. */
	nat_ct(&r, NFT_CT_STATUS, NAT_REG_KEY);
	nat_mask(&r, NAT_REG_KEY, STATUS_SRC_NAT | STATUS_DST_NAT, 4);
	nat_cmp(&r, NFT_CMP_EQ, NAT_REG_KEY, &status, sizeof status);
	nat_verdict(&r, NF_ACCEPT, NULL);
	end(b, &r);
	outside_to(b, OUT, NFT_META_OIFNAME, NFT_CMP_NEQ, INWARD);
	for (unsigned family = 0; family < NAT_FAMILIES; family++) {
		char name[24];

		if (!has(b, family, NAT_MAP_SOURCE))
			continue;
		r = begin(OUT);
		of_family(&r, family);
		address(&r, family, SOURCE, NAT_REG_KEY);
		nat_lookup(&r, nat_set_name(family, NAT_MAP_SOURCE, name), NAT_REG_KEY, 0, false);
		nat_verdict(&r, NF_ACCEPT, NULL);
		end(b, &r);
	}
	r = begin(OUT);
	by_outside(&r, NFT_META_IIFNAME, NFT_CMP_NEQ); /* nor nothing: what the kernel says by itself is no loss */
	by_nobody(&r, NFT_CMP_NEQ);
	drop(&r, NAT_COUNT_PRIVATE);
	end(b, &r);
	r = begin(OUT);
	nat_verdict(&r, NF_DROP, NULL);
	end(b, &r);
}

/* The virtual gateway itself answers its customer; to the outside it has nothing to offer, and counts nothing of it as new. */
static void input(struct build *b)
{
	struct nat_rule r;

	drop_invalid(b, INPUT);
	r = begin(INPUT);
	of_state(&r, STATE_ESTABLISHED | STATE_RELATED);
	by_outside(&r, NFT_META_IIFNAME, NFT_CMP_EQ);
	drop_spoofed(b, &r);
	r = begin(INPUT);
	of_state(&r, STATE_ESTABLISHED | STATE_RELATED);
	nat_verdict(&r, NF_ACCEPT, NULL);
	end(b, &r);
	drop_by_outside(b, INPUT, NFT_META_IIFNAME, NAT_COUNT_NO_RULE);
}

/* --- the whole --- */

static void build(struct build *b)
{
	pre(b);
	post(b);
	limits(b, 1);
	out(b);
	inward(b);
	forward(b);
	odd(b);
	input(b);
}

uint64_t nat_ruleset_mark(const struct nat_params *p)
{
	const uint32_t parts[] = {RULESET_VERSION, p->clamp,	 p->idle_minutes, p->new_rate,
				  p->maps,	   p->near[0].n, p->near[1].n};
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		h = (h ^ parts[i]) * 1099511628211u;
	for (unsigned family = 0; family < NAT_FAMILIES; family++)
		for (size_t i = 0; i < p->near[family].n; i++)
			h = (h ^ p->near[family].bytes[i]) * 1099511628211u;
	return h;
}

bool nat_ruleset_is_full(const void *mark, uint32_t len)
{
	const uint64_t full = FULL_MARK;

	return mark && len == sizeof full && memcmp(mark, &full, len) == 0;
}

int nat_ruleset_rules(const struct nat_params *p, unsigned full, int (*each)(void *ctx, struct nftnl_rule *r),
		      void *ctx)
{
	struct build b = {.params = p, .full = full, .mark = nat_ruleset_mark(p), .each = each, .ctx = ctx};

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

	return nat_ruleset_rules(p, 0, pass, &n) < 0 ? 0 : n;
}
