/*
 * addr.h - network addresses, prefixes, MAC addresses and virtual subnet ids as values.
 *
 * An address is always 16 bytes; IPv4 is kept as IPv4-mapped IPv6 (::ffff:a.b.c.d), in
 * memory as in the engine's maps, so that no structure has to change when an address
 * family is added. A prefix length counts within its own family (24 for 192.168.1.0/24).
 */
#ifndef GW_BASE_ADDR_H
#define GW_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_addr {
	uint8_t b[16];
};

struct gw_prefix {
	struct gw_addr addr; /* host bits are zero */
	uint8_t len;	     /* 0..32 or 0..128 */
};

struct gw_mac {
	uint8_t b[6];
};

struct gw_uuid {
	uint8_t b[16];
};

#define GW_ADDR_STRLEN	 46
#define GW_PREFIX_STRLEN 50
#define GW_MAC_STRLEN	 18
#define GW_UUID_STRLEN	 37

/* ENC-4 */
#define GW_VSID_MIN    4096u
#define GW_VSID_MAX    16777214u
#define GW_VSID_SYSTEM 16777215u

static inline bool gw_vsid_assignable(uint64_t vsid)
{
	return vsid >= GW_VSID_MIN && vsid <= GW_VSID_MAX;
}

/* All parsers take the whole string or nothing: 0, or -EINVAL with *ret untouched. */
int gw_addr_parse(const char *s, struct gw_addr *ret);
const char *gw_addr_format(const struct gw_addr *a, char buf[static GW_ADDR_STRLEN]);
bool gw_addr_is_v4(const struct gw_addr *a);
bool gw_addr_is_any(const struct gw_addr *a);	  /* 0.0.0.0 or :: */
bool gw_addr_is_unicast(const struct gw_addr *a); /* usable by one host: not any, loopback, multicast, broadcast */
bool gw_addr_is_multicast(const struct gw_addr *a);
bool gw_addr_same_family(const struct gw_addr *a, const struct gw_addr *b);
bool gw_addr_is_link_local(const struct gw_addr *a); /* 169.254.0.0/16, fe80::/10 */
int gw_addr_cmp(const struct gw_addr *a, const struct gw_addr *b);
bool gw_addr_equal(const struct gw_addr *a, const struct gw_addr *b);
struct gw_addr gw_addr_before(const struct gw_addr *a); /* the next lower one */
struct gw_addr gw_addr_from_v4(uint32_t host_order);
uint32_t gw_addr_to_v4(const struct gw_addr *a); /* host byte order */

/* Parses "192.168.1.0/24"; a set host bit is refused with -ERANGE. */
int gw_prefix_parse(const char *s, struct gw_prefix *ret);
const char *gw_prefix_format(const struct gw_prefix *p, char buf[static GW_PREFIX_STRLEN]);
bool gw_prefix_equal(const struct gw_prefix *a, const struct gw_prefix *b);
bool gw_prefix_contains(const struct gw_prefix *p, const struct gw_addr *a);
struct gw_addr gw_prefix_mask(const struct gw_addr *a, uint8_t len); /* `a` with its host bits cleared */
/* Whether it can be a subnet with a router of its own: not everything, and with more than two addresses. */
bool gw_prefix_is_subnet(const struct gw_prefix *p);
/* FWD-5: the first usable address of a subnet (192.168.1.1 for 192.168.1.0/24, the lower address of a /31). */
struct gw_addr gw_prefix_first_host(const struct gw_prefix *p);
struct gw_addr gw_prefix_last(const struct gw_prefix *p); /* the broadcast address of an IPv4 subnet */
bool gw_prefix_overlaps(const struct gw_prefix *a, const struct gw_prefix *b);

/* Accepts 00155D011404, 00-15-5D-01-14-04 and 00:15:5d:01:14:04. */
int gw_mac_parse(const char *s, struct gw_mac *ret);
const char *gw_mac_format(const struct gw_mac *m, char buf[static GW_MAC_STRLEN]);
bool gw_mac_is_unicast(const struct gw_mac *m); /* not a group address and not all zero */
bool gw_mac_equal(const struct gw_mac *a, const struct gw_mac *b);

/* Accepts with or without braces, any letter case; formats lower case without braces. */
int gw_uuid_parse(const char *s, struct gw_uuid *ret);
const char *gw_uuid_format(const struct gw_uuid *u, char buf[static GW_UUID_STRLEN]);
int gw_uuid_random(struct gw_uuid *ret); /* -EIO when the kernel has no random numbers */
bool gw_uuid_equal(const struct gw_uuid *a, const struct gw_uuid *b);

#endif
