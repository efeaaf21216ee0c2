/* ruleset.c - see ruleset.h: builds chains, maps and objects for nft.c to send; rules.c builds the rules. */
#include "nat/rules.h"

#include <netinet/in.h>
#include <string.h>

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>

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

static const struct {
	const char *name, *type; /* no type: called by rules only */
	uint32_t hook, policy;
	int32_t priority;
} chains[NAT_CHAINS] = {
	[PRE] = {"pre", "nat", NF_INET_PRE_ROUTING, NF_ACCEPT, NF_IP_PRI_NAT_DST},
	[POST] = {"post", "nat", NF_INET_POST_ROUTING, NF_ACCEPT, NF_IP_PRI_NAT_SRC},
	[OUT] = {"out", "filter", NF_INET_POST_ROUTING, NF_ACCEPT, NF_IP_PRI_NAT_SRC + 50},
	[FORWARD] = {"forward", "filter", NF_INET_FORWARD, NF_ACCEPT, NF_IP_PRI_FILTER},
	[INPUT] = {"input", "filter", NF_INET_LOCAL_IN, NF_ACCEPT, NF_IP_PRI_FILTER},
	[ARRIVING] = {.name = "arriving"},
	[INBOUND6] = {.name = "inbound6"},
	[IDLE4] = {.name = "idle4"},
	[IDLE6] = {.name = "idle6"},
	[FRESH] = {.name = "fresh"},
	[HAIRPIN] = {.name = "hairpin"},
	[OUTBOUND6] = {.name = "outbound6"},
	[ODD] = {.name = "odd"},
	[INWARD] = {.name = "inward"},
	[ADMIT_IN] = {.name = "admit-in"},
};

const char *nat_chain_name(enum nat_chain c)
{
	return chains[c].name;
}

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

	for (size_t i = 0; name && i < NAT_CHAINS; i++) {
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
	if (n == 1)
		type = addr;
	else if (n == 3)
		type = concat(concat(TYPE_SERVICE, addr), TYPE_PROTO);
	else if (fields[1] == 4)
		type = concat(TYPE_MARK, TYPE_MARK);
	if (nat_map_kind(map) != NAT_HASH)
		flags = nat_map_kind(map) == NAT_TREE ? NFT_SET_INTERVAL : NFT_SET_INTERVAL | NFT_SET_CONCAT;
	nftnl_set_set_str(s, NFTNL_SET_TABLE, NAT_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, nat_set_name(family, map, name));
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(s, NFTNL_SET_ID, family * NAT_MAP_MAX + map + 1);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, key);
	if (flags & NFT_SET_CONCAT)
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
