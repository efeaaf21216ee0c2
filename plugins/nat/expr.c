/* expr.c - see expr.h. */
#include "nat/expr.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>

#define HASH_SEED      0x67776421u /* the same always: a source keeps its address over restarts */
#define TCP_OPTION_MSS 2

static struct nftnl_expr *add(struct nat_rule *r, const char *name)
{
	struct nftnl_expr *e = r->rule ? nftnl_expr_alloc(name) : NULL;

	if (e)
		nftnl_rule_add_expr(r->rule, e);
	else
		r->bad = true;
	return e;
}

void nat_meta(struct nat_rule *r, enum nft_meta_keys key, uint32_t reg)
{
	struct nftnl_expr *e = add(r, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
}

void nat_meta_set(struct nat_rule *r, enum nft_meta_keys key, uint32_t reg)
{
	struct nftnl_expr *e = add(r, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, reg);
}

void nat_ct(struct nat_rule *r, enum nft_ct_keys key, uint32_t reg)
{
	struct nftnl_expr *e = add(r, "ct");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, reg);
}

void nat_ct_mark(struct nat_rule *r, uint32_t mark)
{
	struct nftnl_expr *value = add(r, "immediate"), *set = add(r, "ct");

	if (!value || !set)
		return;
	nftnl_expr_set_u32(value, NFTNL_EXPR_IMM_DREG, NAT_REG_KEY);
	nftnl_expr_set_u32(value, NFTNL_EXPR_IMM_DATA, mark);
	nftnl_expr_set_u32(set, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	nftnl_expr_set_u32(set, NFTNL_EXPR_CT_SREG, NAT_REG_KEY);
}

void nat_payload(struct nat_rule *r, enum nft_payload_bases base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct nftnl_expr *e = add(r, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

void nat_cmp(struct nat_rule *r, enum nft_cmp_ops op, uint32_t reg, const void *data, uint32_t len)
{
	struct nftnl_expr *e = add(r, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	r->bad |= nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len) < 0;
}

void nat_mask(struct nat_rule *r, uint32_t reg, uint32_t bits, uint32_t len)
{
	static const uint8_t zero[4];
	struct nftnl_expr *e = add(r, "bitwise");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	r->bad |= nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &bits, len) < 0;
	r->bad |= nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, len) < 0;
}

void nat_bits(struct nat_rule *r, uint32_t reg, uint32_t bits, uint32_t len)
{
	static const uint8_t zero[4];

	nat_mask(r, reg, bits, len);
	nat_cmp(r, NFT_CMP_NEQ, reg, zero, len);
}

void nat_lookup(struct nat_rule *r, const char *set, uint32_t sreg, uint32_t dreg, bool absent)
{
	struct nftnl_expr *e = add(r, "lookup");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, sreg);
	if (dreg)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, dreg);
	if (absent)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	r->bad |= nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set) < 0;
}

void nat_byteorder(struct nat_rule *r, uint32_t reg, uint32_t len, uint32_t size)
{
	struct nftnl_expr *e = add(r, "byteorder");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_OP, NFT_BYTEORDER_HTON);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_SIZE, size);
}

void nat_jhash(struct nat_rule *r, uint32_t sreg, uint32_t len, uint32_t dreg, uint32_t modulus)
{
	struct nftnl_expr *e = add(r, "hash");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SREG, sreg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_DREG, dreg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_MODULUS, modulus);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SEED, HASH_SEED);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_TYPE, NFT_HASH_JENKINS);
}

void nat_object(struct nat_rule *r, uint32_t type, const char *name)
{
	struct nftnl_expr *e = add(r, "objref");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_OBJREF_IMM_TYPE, type);
	r->bad |= nftnl_expr_set_str(e, NFTNL_EXPR_OBJREF_IMM_NAME, name) < 0;
}

void nat_object_of(struct nat_rule *r, const char *map, uint32_t sreg)
{
	struct nftnl_expr *e = add(r, "objref");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_OBJREF_SET_SREG, sreg);
	r->bad |= nftnl_expr_set_str(e, NFTNL_EXPR_OBJREF_SET_NAME, map) < 0;
}

void nat_limit_over(struct nat_rule *r, uint64_t rate)
{
	struct nftnl_expr *e = add(r, "limit");

	if (!e)
		return;
	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_RATE, rate);
	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_BURST, (uint32_t)rate);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_FLAGS, NFT_LIMIT_F_INV);
}

/* Registers of the lowest and highest address and port; 0: none. */
void nat_translate(struct nat_rule *r, enum nft_nat_types type, uint32_t family, const uint32_t regs[static 4])
{
	static const uint16_t attrs[] = {NFTNL_EXPR_NAT_REG_ADDR_MIN, NFTNL_EXPR_NAT_REG_PROTO_MIN,
					 NFTNL_EXPR_NAT_REG_ADDR_MAX, NFTNL_EXPR_NAT_REG_PROTO_MAX};
	struct nftnl_expr *e = add(r, "nat");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, type);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, family);
	for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++)
		if (regs[i])
			nftnl_expr_set_u32(e, attrs[i], regs[i]);
}

void nat_way_back(struct nat_rule *r, uint32_t reg)
{
	struct nftnl_expr *e = add(r, "fib");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_OIF);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF);
}

void nat_masquerade(struct nat_rule *r)
{
	add(r, "masq");
}

/* The segment size in a TCP SYN to what the route carries, if it is larger. */
void nat_clamp(struct nat_rule *r)
{
	static const uint8_t tcp = IPPROTO_TCP;
	struct nftnl_expr *e;

	nat_meta(r, NFT_META_L4PROTO, NAT_REG_KEY);
	nat_cmp(r, NFT_CMP_EQ, NAT_REG_KEY, &tcp, sizeof tcp);
	nat_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, NAT_REG_KEY);
	nat_bits(r, NAT_REG_KEY, 0x02, 1);
	e = add(r, "rt");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_RT_KEY, NFT_RT_TCPMSS);
	nftnl_expr_set_u32(e, NFTNL_EXPR_RT_DREG, NAT_REG_KEY);
	nat_byteorder(r, NAT_REG_KEY, 2, 2);
	e = add(r, "exthdr");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_SREG, NAT_REG_KEY);
	nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, TCP_OPTION_MSS);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, 2);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, 2);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
}

void nat_verdict(struct nat_rule *r, int verdict, const char *chain)
{
	struct nftnl_expr *e = add(r, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (chain)
		r->bad |= nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain) < 0;
}
