/*
 * policy.h - reading netlink attributes against a table that says what each may look like. Nothing that a
 * length field says is believed: after gw_nl_parse every attribute in the result lies inside the input and
 * has a length, and for strings a terminator, that its row allows.
 */
#ifndef GW_NL_POLICY_H
#define GW_NL_POLICY_H

#include "base/addr.h"

#include <linux/netlink.h>

enum gw_nl_type {
	GW_NL_IGNORE, /* no row: attributes of this type are skipped */
	GW_NL_U8,
	GW_NL_U16,
	GW_NL_U32,
	GW_NL_STRING, /* NUL-terminated; min and max count the terminator */
	GW_NL_BINARY,
	GW_NL_NESTED,
	GW_NL_PRESENT, /* only that it is there matters */
};

struct gw_nl_policy {
	enum gw_nl_type type;
	uint16_t min, max; /* payload bytes, for strings and binary; max 0: no limit */
};

/*
 * Takes the next whole message off a datagram, or returns NULL: then *left is 0 at its proper end, and what could not
 * be read otherwise. (libmnl's iterator takes a length of 2^31 and more for a negative number, and goes on.)
 */
const struct nlmsghdr *gw_nl_next_message(const void **datagram, size_t *left);

/*
 * Sorts the attributes in data[0..n) into ret_tb by type. `n_policy` is the length of both arrays; types beyond it are
 * skipped. A type that comes twice counts as its last. -EBADMSG for anything malformed; ret_tb is then unusable.
 */
int gw_nl_parse(const void *data, size_t n, const struct gw_nl_policy *policy, size_t n_policy,
		const struct nlattr **ret_tb);
int gw_nl_parse_nested(const struct nlattr *nest, const struct gw_nl_policy *policy, size_t n_policy,
		       const struct nlattr **ret_tb);

const void *gw_nl_data(const struct nlattr *a);
size_t gw_nl_len(const struct nlattr *a);
/* For attributes that a policy of that type let through; 0 for NULL. */
uint8_t gw_nl_u8(const struct nlattr *a);
uint32_t gw_nl_u32(const struct nlattr *a);
/*
 * 1 when the payload is an address of the family (AF_INET, AF_INET6), -EBADMSG when it is not. 0 for an
 * IPv4-mapped IPv6 address: a struct gw_addr would take it for IPv4, so whatever has it is left alone.
 */
int gw_nl_addr(const struct nlattr *a, int family, struct gw_addr *ret);

#endif
