/*
 * packet.h - packets for the engine's tests, put together layer by layer from the outside in; pkt_close then fills in
 * all lengths and checksums from the inside out. Written from the RFCs, sharing nothing with the engine, so that the
 * two can judge each other.
 *
 *   struct pkt p = {0};
 *   pkt_eth(&p, MAC_A, MAC_B);
 *   pkt_ip4(&p, "192.168.1.11", "192.168.1.12");
 *   pkt_udp(&p, 1000, 2000);
 *   pkt_fill(&p, 64);
 *   pkt_close(&p);
 *
 * A test that wants a wrong field changes it after pkt_close; pkt_fix_ip4 mends the header checksum alone.
 */
#ifndef GW_TESTS_BPF_PACKET_H
#define GW_TESTS_BPF_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PKT_MAX	   3400 /* what BPF_PROG_TEST_RUN takes in one page */
#define PKT_LAYERS 12

enum pkt_kind { PKT_ETH, PKT_IP4, PKT_IP6, PKT_UDP, PKT_TCP, PKT_ICMP4, PKT_ICMP6, PKT_OTHER };

struct pkt {
	uint8_t b[PKT_MAX];
	size_t len;
	struct {
		enum pkt_kind kind;
		size_t at;
		bool no_checksum;
	} layers[PKT_LAYERS];
	unsigned n;
	/* The context that the program is to see. */
	uint32_t gso_size, gso_segs, mark;
};

struct mac {
	uint8_t b[6];
};

/* Each returns the offset of its header. */
size_t pkt_eth(struct pkt *p, struct mac dst, struct mac src);
size_t pkt_ip4(struct pkt *p, const char *src, const char *dst);
size_t pkt_ip4_options(struct pkt *p, const char *src, const char *dst, size_t options); /* bytes, a multiple of 4 */
size_t pkt_ip6(struct pkt *p, const char *src, const char *dst);
size_t pkt_udp(struct pkt *p, uint16_t sport, uint16_t dport);
size_t pkt_tcp(struct pkt *p, uint16_t sport, uint16_t dport);
size_t pkt_icmp4(struct pkt *p, uint8_t type, uint8_t code);
size_t pkt_icmp6(struct pkt *p, uint8_t type, uint8_t code);
/* Checksum, key and sequence number (of zero) only with their bits. */
size_t pkt_gre(struct pkt *p, uint16_t flags, uint16_t proto, uint32_t key);
void pkt_fix_gre(struct pkt *p, size_t at);			    /* its checksum, when all behind it is there */
size_t pkt_vxlan(struct pkt *p, uint32_t flags, uint32_t vni_word); /* without the UDP header */
/* A whole ARP packet behind Ethernet. */
size_t pkt_arp(struct pkt *p, uint16_t op, struct mac sha, const char *spa, struct mac tha, const char *tpa);
size_t pkt_bytes(struct pkt *p, const void *data, size_t n);
size_t pkt_fill(struct pkt *p, size_t n); /* n bytes of a pattern that depends on their place */
/* The next protocol of the last layer, for what comes behind it by hand. */
void pkt_ethertype(struct pkt *p, uint16_t type);
void pkt_proto(struct pkt *p, uint8_t proto);
void pkt_close(struct pkt *p);

/* A tag behind the MAC addresses; the first call makes the innermost one. Only after pkt_close. */
void pkt_tag(struct pkt *p, uint16_t tpid, uint16_t tci);
void pkt_cut(struct pkt *p, size_t len);

uint16_t get16(const uint8_t *b);
uint32_t get32(const uint8_t *b);
void put16(uint8_t *b, uint16_t v);
void put32(uint8_t *b, uint32_t v);

/* The Internet checksum (RFC 1071) of n bytes, continued from `sum`; 0 when a field that is included makes it right. */
uint16_t inet_sum(const void *data, size_t n, uint32_t sum);
void pkt_fix_ip4(uint8_t *ip);
/* Whether all checksums of the IP packet of n bytes are right; a zero UDP checksum over IPv4 is. */
bool ip_sums_good(const uint8_t *ip, size_t n);

/* Text to 16 bytes, IPv4 mapped. */
void addr16(const char *text, uint8_t ret[static 16]);

/* A small deterministic generator: a failing test can be repeated. */
uint32_t rnd(void);
void rnd_seed(uint64_t seed);
static inline uint32_t rnd_below(uint32_t n)
{
	return rnd() % n;
}

#endif
