/*
 * outside.h - two virtual gateways and what leads to them, for the tests of the hooks at the world outside.
 *
 *   203.0.113.1        shared: ports 1024-2047 and 80 are A's, 2048-3071 and 443 are B's
 *   203.0.113.2        A's            192.0.2.50         A's, on the segment     2001:db8:f::50    A's, on the segment
 *   203.0.113.3        B's            198.18.4.0/24      B's                     2001:db8:a::/48   A's, 2001:db8:b::/48 B's
 *   203.0.113.9        of a routing domain without a virtual gateway here
 *   198.18.9.1, fd00:9::1    the node's own, on another interface than the external one
 *   192.0.2.2, 2001:db8:f::2, 198.18.4.9    the node's own; the segment is 192.0.2.0/24 and 2001:db8:f::/64
 */
#ifndef GW_TESTS_BPF_OUTSIDE_H
#define GW_TESTS_BPF_OUTSIDE_H

#include "harness.h"

#define MAC_OUT	 ((struct mac){{0x02, 0, 0, 0, 0x0e, 0x01}})
#define MAC_ISP	 ((struct mac){{0x02, 0, 0, 0, 0x0e, 0x02}})
#define SHARED	 "203.0.113.1"
#define ONLY_A	 "203.0.113.2"
#define ONLY_B	 "203.0.113.3"
#define NOBODYS	 "203.0.113.9"
#define PREFIX_B "198.18.4.7"
#define ONLY_A6	 "2001:db8:a::7"
#define ONLY_B6	 "2001:db8:b::7"
#define NEAR_A	 "192.0.2.50"
#define NEAR_A6	 "2001:db8:f::50"
#define SELF	 "192.0.2.2"
#define SELF6	 "2001:db8:f::2"
#define SELF_IN	 "198.18.4.9"
#define INWARD	 "198.18.9.1"
#define INWARD6	 "fd00:9::1"
#define FAR	 "198.51.100.10"
#define FAR6	 "2001:db8:5::10"

enum { GATEWAY_A, GATEWAY_B, GATEWAYS };

struct outside {
	uint32_t external, exit[GATEWAYS];
};

extern struct outside outside;

#define EXIT_SLOT(g) (1 + (uint32_t)(g))

int outside_group(void **state); /* group set-up */
int outside_setup(void **state); /* fixture */
/* The last fixture, with another way into reassembly and another external interface; 0: none. */
void outside_params(uint32_t external, uint32_t reassembly);

/* An address is public, or with GW_PUBLIC_SELF the node's own, from now on. */
void outside_public(const char *addr, int gateway, uint32_t flags);
/* A block of ports or a single port of SHARED is that virtual gateway's from now on. */
void outside_place(uint32_t place, int gateway);

/* Ethernet and IP headers of a packet, from outside or from a virtual gateway; what is inside is the caller's. */
struct pkt outside_start(const char *src, const char *dst);
/* A whole one with n bytes of data. */
struct pkt outside_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport);
/* An ICMP echo request, reply, ... with this identifier. */
struct pkt outside_echo(const char *src, const char *dst, uint8_t type, uint16_t id);
/* An ICMP error that quotes `q`, an IPv4 packet behind an Ethernet header, as far as n bytes. */
struct pkt outside_error(const char *src, const char *dst, uint8_t type, const struct pkt *q, size_t n);
/* Makes it a fragment; `frag` is the word of the IPv4 header. */
void outside_fragment(struct pkt *p, uint16_t frag);

void at_edge(const char *file, int line, const struct pkt *p, int gateway, int outcome, int drop);
void at_exit(const char *file, int line, int from, const struct pkt *p, int gateway, int outcome, int drop);
void at_whole(const char *file, int line, const struct pkt *p, int gateway, int drop);

#define NONE			 -1
#define edge_steers(p, g)	 at_edge(__FILE__, __LINE__, p, g, GW_OUT_STEERED, NONE)
#define edge_out(p, what)	 at_edge(__FILE__, __LINE__, p, NONE, GW_OUT_##what, NONE)
#define edge_drops(p, why)	 at_edge(__FILE__, __LINE__, p, NONE, NONE, GW_DROP_##why)
#define exit_steers(from, p, g)	 at_exit(__FILE__, __LINE__, from, p, g, GW_OUT_STEERED, NONE)
#define exit_out(from, p, what)	 at_exit(__FILE__, __LINE__, from, p, NONE, GW_OUT_##what, NONE)
#define exit_drops(from, p, why) at_exit(__FILE__, __LINE__, from, p, NONE, NONE, GW_DROP_##why)
#define whole_steers(p, g)	 at_whole(__FILE__, __LINE__, p, g, NONE)
#define whole_drops(p, why)	 at_whole(__FILE__, __LINE__, p, NONE, GW_DROP_##why)

#endif
