/* frames.c - the packets that most of the engine's tests start from; declared in harness.h. */
#include "harness.h"

struct mac mac_of(int last)
{
	return MAC_N((uint8_t)(last - 10));
}

const char *ca4(int last)
{
	static char text[4][16];
	char *t = text[last % 4];

	snprintf(t, sizeof text[0], "192.168.1.%d", last);
	return t;
}

const char *ca6(int last)
{
	static char text[4][16];
	char *t = text[last % 4];

	snprintf(t, sizeof text[0], "fd00::%d", last);
	return t;
}

struct pkt frame_start(int last, bool v6)
{
	struct pkt p = {0};

	pkt_eth(&p, mac_of(last), MAC_1);
	if (v6)
		pkt_ip6(&p, "fd00::11", ca6(last));
	else
		pkt_ip4(&p, "192.168.1.11", ca4(last));
	return p;
}

static struct pkt frame(int last, bool v6, size_t n)
{
	struct pkt p = frame_start(last, v6);

	pkt_udp(&p, 1000, 2000);
	pkt_fill(&p, n);
	pkt_close(&p);
	return p;
}

struct pkt frame4(int last, size_t n)
{
	return frame(last, false, n);
}

struct pkt frame6(int last, size_t n)
{
	return frame(last, true, n);
}

struct pkt outer(int encap, uint32_t vsid)
{
	struct pkt p = {0};

	pkt_eth(&p, MAC_UNDERLAY, MAC_NEXTHOP);
	pkt_ip4(&p, encap == GW_ABI_VXLAN ? PA_VXLAN : PA_NVGRE, PA_SELF);
	put16(p.b + OUTER_IP + 6, 0x4000);
	if (encap == GW_ABI_VXLAN) {
		pkt_udp(&p, 50000, 4789);
		p.layers[p.n - 1].no_checksum = true;
		pkt_vxlan(&p, 0x08000000, vsid << 8);
	} else {
		pkt_gre(&p, 0x2000, 0x6558, vsid << 8 | 0x5a);
	}
	return p;
}

struct pkt under_frame(int encap, bool v6, size_t n)
{
	int from = encap == GW_ABI_VXLAN ? 13 : 14;
	struct pkt p = outer(encap, VSID_A);

	pkt_eth(&p, MAC_1, mac_of(from));
	if (v6)
		pkt_ip6(&p, ca6(from), "fd00::11");
	else
		pkt_ip4(&p, ca4(from), "192.168.1.11");
	pkt_udp(&p, 2000, 1000);
	pkt_fill(&p, n);
	pkt_close(&p);
	return p;
}

struct pkt frame_cut(const struct pkt *p, size_t n)
{
	uint16_t type = get16(p->b + 12);
	size_t least = type == 0x0800 ? 34 : type == 0x86dd ? 54 : 14;
	struct pkt cut = *p;

	pkt_cut(&cut, n);
	if (n < least)
		pkt_tag(&cut, 0x8100, 1);
	return cut;
}
