/*
 * expr.h - expressions of rules, one call each. An expression that there is no memory for makes the rule bad for good, and
 * what is built of it is given up. Called by rules.c.
 */
#ifndef GW_NAT_EXPR_H
#define GW_NAT_EXPR_H

#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nftnl_rule;

struct nat_rule {
	struct nftnl_rule *rule;
	bool bad;
};

/* Registers of 4 bytes. A key begins at KEY; what a map leads to, at most 40 bytes, goes to DATA. */
enum { NAT_REG_KEY = NFT_REG32_00, NAT_REG_DATA = NFT_REG32_00 + 6 };

void nat_meta(struct nat_rule *r, enum nft_meta_keys key, uint32_t reg);
void nat_meta_set(struct nat_rule *r, enum nft_meta_keys key, uint32_t reg);
void nat_ct(struct nat_rule *r, enum nft_ct_keys key, uint32_t reg);
/* The connection's mark, for good. */
void nat_ct_mark(struct nat_rule *r, uint32_t mark);
void nat_payload(struct nat_rule *r, enum nft_payload_bases base, uint32_t offset, uint32_t len, uint32_t reg);
void nat_cmp(struct nat_rule *r, enum nft_cmp_ops op, uint32_t reg, const void *data, uint32_t len);
/* Leaves of the register these bits. */
void nat_mask(struct nat_rule *r, uint32_t reg, uint32_t bits, uint32_t len);
/* Goes on only when one of the bits is set. */
void nat_bits(struct nat_rule *r, uint32_t reg, uint32_t bits, uint32_t len);
/* Without a `dreg` (0) a set, else a map. `absent`: goes on only when it is not in the set. */
void nat_lookup(struct nat_rule *r, const char *set, uint32_t sreg, uint32_t dreg, bool absent);
void nat_byteorder(struct nat_rule *r, uint32_t reg, uint32_t len, uint32_t size);
void nat_jhash(struct nat_rule *r, uint32_t sreg, uint32_t len, uint32_t dreg, uint32_t modulus);
void nat_object(struct nat_rule *r, uint32_t type, const char *name);
void nat_object_of(struct nat_rule *r, const char *map, uint32_t sreg);
void nat_limit_over(struct nat_rule *r, uint64_t rate);
void nat_translate(struct nat_rule *r, enum nft_nat_types type, uint32_t family, const uint32_t regs[static 4]);
/* The index of the interface the packet came by, if its source is reached by that one too; else 0. */
void nat_way_back(struct nat_rule *r, uint32_t reg);
void nat_masquerade(struct nat_rule *r);
void nat_clamp(struct nat_rule *r);
void nat_verdict(struct nat_rule *r, int verdict, const char *chain);

#endif
