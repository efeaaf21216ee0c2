/*
 * test_port_resolve.c - ARP and neighbour discovery answered by the
 * engine, exact to the byte, and the guard on both: FWD-1, ACL-3.
 */
#include "harness.h"

#include <arpa/inet.h>

#define MAC_ZERO ((struct mac){{0}})

static struct pkt arp(uint16_t op, const char *spa, const char *tpa)
{
	struct pkt p = {0};

	pkt_eth(&p, MAC_BCAST, MAC_1);
	pkt_arp(&p, op, MAC_1, spa, MAC_ZERO, tpa);
	return p;
}

static void expect_arp_reply(const struct pkt *request, struct mac owner, const char *spa, const char *tpa)
{
	const struct run *r = port_out(0, request, ARP_ANSWERED);
	struct pkt e = {0};

	pkt_eth(&e, MAC_1, owner);
	pkt_arp(&e, 2, owner, tpa, MAC_1, spa);
	assert_int_equal(r->len, request->len);
	assert_bytes(r->b, e.b, e.len);
}

static void test_arp_request(void **state)
{
	(void)state;
	for (int last = 12; last <= 14; last++) {
		struct pkt p = arp(1, "192.168.1.11", ca4(last));

		expect_arp_reply(&p, mac_of(last), "192.168.1.11", ca4(last));
		memcpy(p.b, mac_of(last).b, 6); /* unicast, as a guest does to renew an entry */
		memcpy(p.b + 14 + 18, mac_of(last).b, 6);
		expect_arp_reply(&p, mac_of(last), "192.168.1.11", ca4(last));
		pkt_fill(&p, 18); /* padded to the minimum of Ethernet */
		expect_arp_reply(&p, mac_of(last), "192.168.1.11", ca4(last));
	}
}

static void test_arp_tagged(void **state)
{
	struct pkt p = arp(1, "192.168.1.11", "192.168.1.13");
	const struct run *r;

	(void)state;
	pkt_tag(&p, 0x8100, 7);
	r = port_out(0, &p, ARP_ANSWERED);
	assert_int_equal(r->len, 42);
	assert_int_equal(get16(r->b + 12), 0x0806);
}

/* A probe (RFC 5227, sender 0.0.0.0) of an address that somebody else has is answered: it is taken. */
static void test_arp_probe(void **state)
{
	struct pkt p = arp(1, "0.0.0.0", "192.168.1.13");

	(void)state;
	expect_arp_reply(&p, MAC_3, "0.0.0.0", "192.168.1.13");
	p = arp(1, "0.0.0.0", "192.168.1.11");
	port_drops(0, &p, ARP_UNANSWERED);
	p = arp(1, "0.0.0.0", "192.168.1.99");
	port_drops(0, &p, ARP_UNANSWERED);
	p = arp(1, "0.0.0.0", "0.0.0.0");
	port_drops(0, &p, ARP_UNANSWERED);
}

static void test_arp_unanswered(void **state)
{
	struct pkt p = arp(1, "192.168.1.11", "192.168.1.11"); /* announcement */

	(void)state;
	port_drops(0, &p, ARP_UNANSWERED);
	p = arp(2, "192.168.1.11", "192.168.1.11"); /* the same as a reply */
	port_drops(0, &p, ARP_UNANSWERED);
	p = arp(1, "192.168.1.11", "192.168.1.99");
	port_drops(0, &p, ARP_UNANSWERED);
	p = arp(1, "192.168.1.11", "0.0.0.0");
	port_drops(0, &p, ARP_UNANSWERED);
	p = arp(1, "192.168.1.11", "255.255.255.255");
	port_drops(0, &p, ARP_UNANSWERED);
	/* Another tenant's address. */
	put_record(VSID_B, "192.168.1.77", MAC_4, PA_B, GW_ABI_VXLAN);
	p = arp(1, "192.168.1.11", "192.168.1.77");
	port_drops(0, &p, ARP_UNANSWERED);
	/* A second address of the port's own. */
	put_record(VSID_A, "192.168.1.111", MAC_1, PA_SELF, GW_ABI_VXLAN);
	p = arp(1, "192.168.1.11", "192.168.1.111");
	port_drops(0, &p, ARP_UNANSWERED);
	p = arp(1, "192.168.1.111", "192.168.1.13");
	expect_arp_reply(&p, MAC_3, "192.168.1.111", "192.168.1.13");
}

static void test_arp_operations(void **state)
{
	static const uint16_t ops[] = {0, 3, 4, 8, 9, 0x0100, 0xffff};

	(void)state;
	for (size_t i = 0; i < GW_N(ops); i++) {
		struct pkt p = arp(ops[i], "192.168.1.11", "192.168.1.13");

		port_drops(0, &p, ARP_UNANSWERED);
	}
}

static void test_arp_spoofed(void **state)
{
	struct pkt p;

	(void)state;
	for (uint16_t op = 1; op <= 2; op++) {
		p = arp(op, "192.168.1.12", "192.168.1.13"); /* another VM's address */
		port_drops(0, &p, SPOOF_ARP);
		p = arp(op, "192.168.1.99", "192.168.1.13"); /* nobody's */
		port_drops(0, &p, SPOOF_ARP);
		p = arp(op, "192.168.1.11", "192.168.1.13");
		p.b[14 + 8 + 5] = 2; /* another sender MAC inside */
		port_drops(0, &p, SPOOF_ARP);
		p = arp(op, "192.168.1.11", "192.168.1.13");
		p.b[11] = 2; /* another sender MAC outside */
		port_drops(0, &p, SPOOF_ARP);
		p = arp(op, "192.168.1.12", "192.168.1.12"); /* announcement of another's address */
		port_drops(0, &p, SPOOF_ARP);
	}
}

static void test_arp_malformed(void **state)
{
	static const struct {
		size_t at;
		uint16_t value;
	} rows[] = {{0, 0},	 {0, 6},      {2, 0x0801}, {2, 0x86dd}, {4, 0x0504},
		    {4, 0x0804}, {4, 0x0600}, {4, 0x0610}, {4, 0xffff}};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct pkt p = arp(1, "192.168.1.11", "192.168.1.13");

		put16(p.b + 14 + rows[i].at, rows[i].value);
		port_drops(0, &p, MALFORMED);
	}
	for (size_t n = 14; n < 42; n++) {
		struct pkt p = arp(1, "192.168.1.11", "192.168.1.13");

		pkt_cut(&p, n);
		port_drops(0, &p, MALFORMED);
	}
}

/* A reply to one address is an ordinary frame: it answers a request that came in through a tunnel. */
static void test_arp_reply_unicast(void **state)
{
	struct pkt p = arp(2, "192.168.1.11", "192.168.1.12");
	const struct run *r;

	(void)state;
	memcpy(p.b, MAC_2.b, 6);
	memcpy(p.b + 14 + 18, MAC_2.b, 6);
	r = port_out(0, &p, SWITCHED);
	assert_int_equal(r->len, p.len);
	assert_bytes(r->b, p.b, p.len);

	memcpy(p.b, MAC_3.b, 6);
	r = port_out(0, &p, ENCAPSULATED);
	assert_int_equal(r->len, p.len + 50);
	assert_bytes(r->b + 50, p.b, p.len);
	assert_true(ip_sums_good(r->b + 14, r->len - 14));

	memcpy(p.b, MAC_N(9).b, 6);
	port_drops(0, &p, NO_RECORD);
}

/* --- neighbour discovery ------------------------------------------------------------------------------------------------ */

#define SOLICITED_OVERRIDE 0x60000000u
#define OVERRIDE	   0x20000000u

static struct pkt nd(uint8_t type, const char *src, const char *dst, const char *target, bool option)
{
	struct pkt p = {0};
	size_t ip;
	uint8_t addr[16];

	inet_pton(AF_INET6, target, addr);
	pkt_eth(&p, (struct mac){{0x33, 0x33, 0xff, 0, 0, addr[15]}}, MAC_1);
	ip = pkt_ip6(&p, src, dst);
	p.b[ip + 7] = 255;
	pkt_icmp6(&p, type, 0);
	pkt_bytes(&p, addr, 16);
	if (option) {
		pkt_bytes(&p, (uint8_t[]){type == 135 ? 1 : 2, 1}, 2);
		pkt_bytes(&p, MAC_1.b, 6);
	}
	pkt_close(&p);
	return p;
}

static struct pkt solicit(const char *src, const char *target, bool option)
{
	return nd(135, src, "ff02::1:ff00:13", target, option);
}

static void expect_advert(const struct pkt *p, struct mac eth_dst, struct mac owner, const char *dst,
			  const char *target, uint32_t flags)
{
	const struct run *r = port_out(0, p, ND_ANSWERED);
	uint8_t addr[16];
	struct pkt e = {0};
	size_t ip, icmp;

	inet_pton(AF_INET6, target, addr);
	pkt_eth(&e, eth_dst, owner);
	ip = pkt_ip6(&e, target, dst);
	e.b[ip + 7] = 255;
	icmp = pkt_icmp6(&e, 136, 0);
	put32(e.b + icmp + 4, flags);
	pkt_bytes(&e, addr, 16);
	pkt_bytes(&e, (uint8_t[]){2, 1}, 2);
	pkt_bytes(&e, owner.b, 6);
	pkt_close(&e);
	assert_int_equal(r->len, e.len);
	assert_bytes(r->b, e.b, e.len);
	assert_true(ip_sums_good(r->b + 14, r->len - 14));
}

static void test_nd_solicitation(void **state)
{
	(void)state;
	for (int option = 0; option < 2; option++)
		for (int last = 12; last <= 14; last++) {
			struct pkt p = solicit("fd00::11", ca6(last), option);

			expect_advert(&p, MAC_1, mac_of(last), "fd00::11", ca6(last), SOLICITED_OVERRIDE);
			p = solicit("fe80::215:5dff:fe01:1401", ca6(last), option);
			expect_advert(&p, MAC_1, mac_of(last), "fe80::215:5dff:fe01:1401", ca6(last),
				      SOLICITED_OVERRIDE);
		}
}

/* A gateway asks in the name of those that it speaks for, but is nobody else's owner. */
static void test_for_others(void **state)
{
	struct pkt ns = solicit("2001:db8::8", "fd00::13", true),
		   na = nd(136, "2001:db8::8", "fd00::13", "2001:db8::8", true);
	struct pkt arp = {0}, reply = {0};

	(void)state;
	pkt_eth(&arp, MAC_BCAST, MAC_1);
	pkt_arp(&arp, 1, MAC_1, "10.5.5.5", MAC_N(0), "192.168.1.13");
	pkt_eth(&reply, MAC_3, MAC_1);
	pkt_arp(&reply, 2, MAC_1, "10.5.5.5", MAC_3, "192.168.1.13");
	port_drops(0, &ns, SPOOF_ARP);
	port_drops(0, &arp, SPOOF_ARP);
	put_route(VSID_A, "2001:db8::", 32, VSID_A, "fd00::11", 0);
	put_route(VSID_A, "10.5.0.0", 16, VSID_A, "192.168.1.11", 0);
	port_out(0, &ns, ND_ANSWERED);
	port_out(0, &arp, ARP_ANSWERED);
	port_drops(0, &na, SPOOF_ARP);
	port_drops(0, &reply, SPOOF_ARP);
}

/* A flow label and a traffic class in the question do no harm to the answer's checksum. */
static void test_nd_traffic_class(void **state)
{
	struct pkt p = solicit("fd00::11", "fd00::13", true);
	const struct run *r;

	(void)state;
	memcpy(p.b + 14, (uint8_t[]){0x6e, 0x0f, 0xab, 0xcd}, 4);
	r = port_out(0, &p, ND_ANSWERED);
	assert_true(ip_sums_good(r->b + 14, r->len - 14));
	assert_int_equal(r->b[14] >> 4, 6);
}

/* More options than one, a nonce for instance, are gone from the answer. */
static void test_nd_more_options(void **state)
{
	struct pkt p = solicit("fd00::11", "fd00::13", true);

	(void)state;
	pkt_bytes(&p, (uint8_t[]){14, 1, 1, 2, 3, 4, 5, 6}, 8);
	pkt_close(&p);
	expect_advert(&p, MAC_1, MAC_3, "fd00::11", "fd00::13", SOLICITED_OVERRIDE);
}

static void test_nd_duplicate_detection(void **state)
{
	static const struct mac all_nodes = {{0x33, 0x33, 0, 0, 0, 1}};
	struct pkt p = solicit("::", "fd00::13", false);

	(void)state;
	expect_advert(&p, all_nodes, MAC_3, "ff02::1", "fd00::13", OVERRIDE);
	p = solicit("::", "fd00::11", false); /* its own */
	port_drops(0, &p, ND_UNANSWERED);
	p = solicit("::", "fd00::99", false);
	port_drops(0, &p, ND_UNANSWERED);
	p = solicit("::", "fe80::1", false);
	port_drops(0, &p, ND_UNANSWERED);
}

static void test_nd_unanswered(void **state)
{
	struct pkt p = solicit("fd00::11", "fd00::99", true);

	(void)state;
	port_drops(0, &p, ND_UNANSWERED);
	p = solicit("fd00::11", "fd00::11", true);
	port_drops(0, &p, ND_UNANSWERED);
	p = solicit("fd00::11", "fe80::1", true);
	port_drops(0, &p, ND_UNANSWERED);
	put_record(VSID_B, "fd00::77", MAC_4, PA_B, GW_ABI_VXLAN);
	p = solicit("fd00::11", "fd00::77", true);
	port_drops(0, &p, ND_UNANSWERED);
}

static void test_nd_spoofed(void **state)
{
	struct pkt p;

	(void)state;
	for (uint8_t type = 135; type <= 136; type++) {
		p = nd(type, "fd00::12", "fd00::13", "fd00::12", true); /* another VM's address */
		port_drops(0, &p, SPOOF_ARP);
		p = nd(type, "fd00::99", "fd00::13", "fd00::13", true); /* nobody's */
		port_drops(0, &p, SPOOF_ARP);
		p = nd(type, "fd00::11", "fd00::13", "fd00::11", true);
		p.b[11] = 2; /* another sender MAC */
		port_drops(0, &p, SPOOF_ARP);
	}
	/* An advertisement for an address that is not the sender's. */
	p = nd(136, "fd00::11", "fd00::13", "fd00::12", true);
	port_drops(0, &p, SPOOF_ARP);
	p = nd(136, "fd00::11", "ff02::1", "fd00::99", true);
	port_drops(0, &p, SPOOF_ARP);
}

/*
 * An extension header in front of an advertisement hides it from a guard that looks at the first header only, but not from
 * the receiver: another VM's address would be taken over.
 */
static void test_nd_behind_extension(void **state)
{
	static const uint8_t headers[] = {0 /* hop by hop */, 60 /* destination options */, 43 /* routing */};

	(void)state;
	for (size_t i = 0; i < GW_N(headers); i++) {
		struct pkt p = {0}, spoof = nd(136, "fd00::11", "fd00::12", "fd00::13", true);

		pkt_eth(&p, MAC_2, MAC_1);
		pkt_ip6(&p, "fd00::11", "fd00::12");
		p.b[14 + 7] = 255;
		pkt_proto(&p, headers[i]);
		pkt_bytes(&p, (uint8_t[]){58, 0, headers[i] == 43 ? 4 : 1, headers[i] == 43 ? 0 : 4, 0, 0, 0, 0}, 8);
		pkt_bytes(&p, spoof.b + 54, spoof.len - 54);
		pkt_close(&p);
		assert_true(port_run(0, &p)->drop >= 0);
	}
}

static void test_nd_advertisement(void **state)
{
	struct pkt p = nd(136, "fd00::11", "ff02::1", "fd00::11", true);
	const struct run *r;

	(void)state;
	port_drops(0, &p, ND_UNANSWERED); /* to all nodes: not flooded */
	p = nd(136, "fd00::11", "fd00::12", "fd00::11", true);
	memcpy(p.b, MAC_2.b, 6);
	r = port_out(0, &p, SWITCHED);
	assert_int_equal(r->len, p.len);
	assert_bytes(r->b, p.b, p.len);
	memcpy(p.b, MAC_4.b, 6);
	r = port_out(0, &p, ENCAPSULATED);
	assert_int_equal(r->len, p.len + 42);
	assert_bytes(r->b + 42, p.b, p.len);
	assert_true(ip_sums_good(r->b + 14, r->len - 14));
}

static void test_nd_malformed(void **state)
{
	(void)state;
	for (uint8_t type = 135; type <= 136; type++) {
		static const uint8_t limits[] = {0, 1, 64, 254};
		struct pkt p;

		for (size_t i = 0; i < GW_N(limits); i++) {
			p = nd(type, "fd00::11", "fd00::13", "fd00::13", true);
			p.b[14 + 7] = limits[i]; /* came through a router */
			port_drops(0, &p, MALFORMED);
		}
		p = nd(type, "fd00::11", "fd00::13", "fd00::13", true);
		p.b[14 + 41] = 1; /* code */
		port_drops(0, &p, MALFORMED);
		for (size_t n = 14; n < 14 + 64; n++) {
			struct pkt whole = nd(type, "fd00::11", "fd00::13", "fd00::13", false);

			p = frame_cut(&whole, n);
			port_drops(0, &p, MALFORMED);
		}
	}
}

/* Every other ICMPv6 message is an ordinary packet. */
static void test_icmp6_other(void **state)
{
	static const uint8_t types[] = {1, 2, 128, 129, 133, 134, 137};

	(void)state;
	for (size_t i = 0; i < GW_N(types); i++) {
		struct pkt p = {0};

		pkt_eth(&p, MAC_3, MAC_1);
		pkt_ip6(&p, "fd00::11", "fd00::13");
		pkt_icmp6(&p, types[i], 0);
		pkt_fill(&p, 32);
		pkt_close(&p);
		port_out(0, &p, ENCAPSULATED);
		memcpy(p.b, (uint8_t[]){0x33, 0x33, 0, 0, 0, 2}, 6);
		port_drops(0, &p, FLOOD);
	}
}

#define T(name, f)                                                                                                     \
	{                                                                                                              \
		name, f, world_setup, NULL, NULL                                                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T("FWD-1: ARP request, exact reply", test_arp_request),
		T("FWD-1 ENC-5: ARP request with a tag", test_arp_tagged),
		T("FWD-1: ARP probe", test_arp_probe),
		T("FWD-1: ARP that stays unanswered", test_arp_unanswered),
		T("FWD-1: ARP operations other than request and reply", test_arp_operations),
		T("ACL-3: spoofed ARP", test_arp_spoofed),
		T("ACL-3: malformed and truncated ARP", test_arp_malformed),
		T("FWD-1 FWD-3: unicast ARP reply", test_arp_reply_unicast),
		T("FWD-1: neighbour solicitation, exact advertisement", test_nd_solicitation),
		T("FWD-1 FWD-7 ACL-3: asking for those behind a gateway", test_for_others),
		T("FWD-1: neighbour solicitation with traffic class and flow label", test_nd_traffic_class),
		T("FWD-1: neighbour solicitation with more options", test_nd_more_options),
		T("FWD-1: duplicate address detection", test_nd_duplicate_detection),
		T("FWD-1: neighbour solicitations that stay unanswered", test_nd_unanswered),
		T("ACL-3: spoofed neighbour discovery", test_nd_spoofed),
		T("ACL-3: spoofed advertisement behind an extension header", test_nd_behind_extension),
		T("FWD-1 FWD-3: neighbour advertisements", test_nd_advertisement),
		T("ACL-3: malformed and truncated neighbour discovery", test_nd_malformed),
		T("FWD-1: other ICMPv6 messages", test_icmp6_other),
	};

	return run_group("port: ARP and neighbour discovery", tests, harness_setup);
}
