/* packet.c - see packet.h. */
#include "packet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint16_t get16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

uint32_t get32(const uint8_t *b)
{
	return (uint32_t)get16(b) << 16 | get16(b + 2);
}

void put16(uint8_t *b, uint16_t v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

void put32(uint8_t *b, uint32_t v)
{
	put16(b, (uint16_t)(v >> 16));
	put16(b + 2, (uint16_t)v);
}

uint16_t inet_sum(const void *data, size_t n, uint32_t sum)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)b[i] << 8 | (i + 1 < n ? b[i + 1] : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A mistake in a test, not in what it tests. */
static void misuse(const char *what)
{
	fprintf(stderr, "packet.c: %s\n", what);
	abort();
}

static uint8_t *room(struct pkt *p, size_t n)
{
	uint8_t *at = p->b + p->len;

	if (n > sizeof p->b - p->len)
		misuse("packet too long");
	memset(at, 0, n);
	p->len += n;
	return at;
}

static uint8_t *layer(struct pkt *p, enum pkt_kind kind, size_t n)
{
	if (p->n == PKT_LAYERS)
		misuse("too many layers");
	p->layers[p->n].kind = kind;
	p->layers[p->n++].at = p->len;
	return room(p, n);
}

void pkt_ethertype(struct pkt *p, uint16_t type)
{
	for (unsigned i = p->n; i-- > 0;)
		if (p->layers[i].kind == PKT_ETH) {
			put16(p->b + p->layers[i].at + 12, type);
			return;
		}
	misuse("no Ethernet layer");
}

void pkt_proto(struct pkt *p, uint8_t proto)
{
	for (unsigned i = p->n; i-- > 0;) {
		uint8_t *h = p->b + p->layers[i].at;

		if (p->layers[i].kind == PKT_IP4) {
			h[9] = proto;
			return;
		}
		if (p->layers[i].kind == PKT_IP6) {
			h[6] = proto;
			return;
		}
	}
	misuse("no IP layer");
}

size_t pkt_eth(struct pkt *p, struct mac dst, struct mac src)
{
	uint8_t *h = layer(p, PKT_ETH, 14);

	memcpy(h, dst.b, 6);
	memcpy(h + 6, src.b, 6);
	return p->len - 14;
}

size_t pkt_ip4_options(struct pkt *p, const char *src, const char *dst, size_t options)
{
	uint8_t *h;

	if (p->n && p->layers[p->n - 1].kind == PKT_ETH)
		pkt_ethertype(p, 0x0800);
	h = layer(p, PKT_IP4, 20 + options);
	h[0] = (uint8_t)(0x40 | (20 + options) / 4);
	h[8] = 64;
	if (inet_pton(AF_INET, src, h + 12) != 1 || inet_pton(AF_INET, dst, h + 16) != 1)
		misuse("not an IPv4 address");
	memset(h + 20, 1, options); /* no-operation */
	return p->len - 20 - options;
}

size_t pkt_ip4(struct pkt *p, const char *src, const char *dst)
{
	return pkt_ip4_options(p, src, dst, 0);
}

size_t pkt_ip6(struct pkt *p, const char *src, const char *dst)
{
	uint8_t *h;

	if (p->n && p->layers[p->n - 1].kind == PKT_ETH)
		pkt_ethertype(p, 0x86dd);
	h = layer(p, PKT_IP6, 40);
	h[0] = 0x60;
	h[6] = 59; /* no next header */
	h[7] = 64;
	if (inet_pton(AF_INET6, src, h + 8) != 1 || inet_pton(AF_INET6, dst, h + 24) != 1)
		misuse("not an IPv6 address");
	return p->len - 40;
}

size_t pkt_udp(struct pkt *p, uint16_t sport, uint16_t dport)
{
	uint8_t *h;

	pkt_proto(p, 17);
	h = layer(p, PKT_UDP, 8);
	put16(h, sport);
	put16(h + 2, dport);
	return p->len - 8;
}

size_t pkt_tcp(struct pkt *p, uint16_t sport, uint16_t dport)
{
	uint8_t *h;

	pkt_proto(p, 6);
	h = layer(p, PKT_TCP, 20);
	put16(h, sport);
	put16(h + 2, dport);
	h[12] = 5 << 4;
	h[13] = 0x10;
	return p->len - 20;
}

size_t pkt_icmp4(struct pkt *p, uint8_t type, uint8_t code)
{
	uint8_t *h;

	pkt_proto(p, 1);
	h = layer(p, PKT_ICMP4, 8);
	h[0] = type;
	h[1] = code;
	return p->len - 8;
}

size_t pkt_icmp6(struct pkt *p, uint8_t type, uint8_t code)
{
	uint8_t *h;

	pkt_proto(p, 58);
	h = layer(p, PKT_ICMP6, 8);
	h[0] = type;
	h[1] = code;
	return p->len - 8;
}

size_t pkt_gre(struct pkt *p, uint16_t flags, uint16_t proto, uint32_t key)
{
	size_t at = flags & 0x8000 ? 8 : 4, n = at + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);
	uint8_t *h;

	pkt_proto(p, 47);
	h = layer(p, PKT_OTHER, n);
	put16(h, flags);
	put16(h + 2, proto);
	if (flags & 0x2000)
		put32(h + at, key);
	return p->len - n;
}

void pkt_fix_gre(struct pkt *p, size_t at)
{
	put16(p->b + at + 4, 0);
	put16(p->b + at + 4, inet_sum(p->b + at, p->len - at, 0));
}

size_t pkt_vxlan(struct pkt *p, uint32_t flags, uint32_t vni_word)
{
	uint8_t *h = layer(p, PKT_OTHER, 8);

	put32(h, flags);
	put32(h + 4, vni_word);
	return p->len - 8;
}

size_t pkt_arp(struct pkt *p, uint16_t op, struct mac sha, const char *spa, struct mac tha, const char *tpa)
{
	uint8_t *h;

	pkt_ethertype(p, 0x0806);
	h = layer(p, PKT_OTHER, 28);
	put16(h, 1);
	put16(h + 2, 0x0800);
	h[4] = 6;
	h[5] = 4;
	put16(h + 6, op);
	memcpy(h + 8, sha.b, 6);
	memcpy(h + 18, tha.b, 6);
	if (inet_pton(AF_INET, spa, h + 14) != 1 || inet_pton(AF_INET, tpa, h + 24) != 1)
		misuse("not an IPv4 address");
	return p->len - 28;
}

size_t pkt_bytes(struct pkt *p, const void *data, size_t n)
{
	memcpy(room(p, n), data, n);
	return p->len - n;
}

size_t pkt_fill(struct pkt *p, size_t n)
{
	uint8_t *at = room(p, n);

	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(i * 7 + (i >> 8) + 3);
	return p->len - n;
}

/* The sum of the pseudo header of the IP header `ip`, as a start for inet_sum. */
static uint32_t pseudo(const uint8_t *ip, size_t l4_len, uint8_t proto)
{
	bool v4 = ip[0] >> 4 == 4;
	uint16_t addresses = (uint16_t)~inet_sum(v4 ? ip + 12 : ip + 8, v4 ? 8 : 32, 0);

	return addresses + (uint32_t)l4_len + proto;
}

static const uint8_t *ip_before(const struct pkt *p, unsigned i)
{
	while (i-- > 0)
		if (p->layers[i].kind == PKT_IP4 || p->layers[i].kind == PKT_IP6)
			return p->b + p->layers[i].at;
	misuse("no IP layer");
	return NULL;
}

static void close_layer(struct pkt *p, unsigned i)
{
	uint8_t *h = p->b + p->layers[i].at;
	size_t n = p->len - p->layers[i].at;
	uint16_t sum;

	switch (p->layers[i].kind) {
	case PKT_IP4:
		put16(h + 2, (uint16_t)n);
		pkt_fix_ip4(h);
		break;
	case PKT_IP6:
		put16(h + 4, (uint16_t)(n - 40));
		break;
	case PKT_UDP:
		put16(h + 4, (uint16_t)n);
		if (p->layers[i].no_checksum)
			break;
		sum = inet_sum(h, n, pseudo(ip_before(p, i), n, 17));
		put16(h + 6, sum ? sum : 0xffff);
		break;
	case PKT_TCP:
		put16(h + 16, inet_sum(h, n, pseudo(ip_before(p, i), n, 6)));
		break;
	case PKT_ICMP4:
		put16(h + 2, inet_sum(h, n, 0));
		break;
	case PKT_ICMP6:
		put16(h + 2, inet_sum(h, n, pseudo(ip_before(p, i), n, 58)));
		break;
	default:
		break;
	}
}

void pkt_close(struct pkt *p)
{
	for (unsigned i = p->n; i-- > 0;)
		close_layer(p, i);
}

void pkt_tag(struct pkt *p, uint16_t tpid, uint16_t tci)
{
	if (p->len + 4 > sizeof p->b)
		misuse("packet too long");
	memmove(p->b + 16, p->b + 12, p->len - 12);
	put16(p->b + 12, tpid);
	put16(p->b + 14, tci);
	p->len += 4;
}

void pkt_cut(struct pkt *p, size_t len)
{
	if (len > p->len)
		misuse("cannot cut to more than there is");
	p->len = len;
}

void pkt_fix_ip4(uint8_t *ip)
{
	put16(ip + 10, 0);
	put16(ip + 10, inet_sum(ip, (ip[0] & 15) * 4u, 0));
}

static bool l4_sum_good(const uint8_t *ip, const uint8_t *l4, size_t n, uint8_t proto)
{
	switch (proto) {
	case 1:
		return inet_sum(l4, n, 0) == 0;
	case 17:
		if (n >= 8 && get16(l4 + 6) == 0)
			return ip[0] >> 4 == 4;
		return inet_sum(l4, n, pseudo(ip, n, proto)) == 0;
	case 6:
	case 58:
		return inet_sum(l4, n, pseudo(ip, n, proto)) == 0;
	default:
		return true;
	}
}

bool ip_sums_good(const uint8_t *ip, size_t n)
{
	size_t head = (ip[0] & 15) * 4u;

	if (ip[0] >> 4 == 6)
		return n >= 40 && get16(ip + 4) + 40u <= n && l4_sum_good(ip, ip + 40, get16(ip + 4), ip[6]);
	if (n < 20 || head < 20 || get16(ip + 2) > n || get16(ip + 2) < head || inet_sum(ip, head, 0) != 0)
		return false;
	if (get16(ip + 6) & 0x3fff)
		return true; /* a fragment's transport checksum covers the whole datagram */
	return l4_sum_good(ip, ip + head, get16(ip + 2) - head, ip[9]);
}

void addr16(const char *text, uint8_t ret[static 16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (inet_pton(AF_INET6, text, ret) == 1)
		return;
	memcpy(ret, mapped, sizeof mapped);
	if (inet_pton(AF_INET, text, ret + 12) != 1)
		misuse("not an address");
}

static uint64_t state = 88172645463325252ull;

void rnd_seed(uint64_t seed)
{
	state = seed * 2 + 1;
}

uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}
