/*
 * test_way.c - connections of virtual gateways, packet by packet: VLANs of an interface and GRE tunnels, in and out, and what is
 * none of theirs. GW-2.
 */
#include "way_fixture.h"

/* `w` NONE: nobody's. */
static void counts(const char *file, int line, enum gw_hook hook, uint32_t ifindex, const struct pkt *p, int outcome,
		   int drop, int w, unsigned word)
{
	uint64_t before[WAYS][5];

	for (int i = 0; i < WAYS; i++)
		for (unsigned k = 0; k < 5; k += 2)
			before[i][k] = counted(i, k);
	if (drop >= 0)
		run_drop(file, line, hook, ifindex, p, drop);
	else
		run_out(file, line, hook, ifindex, p, outcome);
	for (int i = 0; i < WAYS; i++)
		for (unsigned k = 0; k < 5; k += 2)
			check((counted(i, k) != before[i][k]) == (i == w && k == word),
			      "%s:%d: counter %u of connection %d moved by %d", file, line, k, i,
			      (int)(counted(i, k) - before[i][k]));
}

#define goes_in(hook, at, p, w)	      counts(__FILE__, __LINE__, hook, at, p, GW_OUT_CONNECTION_IN, NONE, w, RX)
#define goes_out(w, p)		      counts(__FILE__, __LINE__, GW_HOOK_WAY, links[w], p, GW_OUT_CONNECTION_OUT, NONE, w, TX)
#define drops_in(hook, at, p, w, why) counts(__FILE__, __LINE__, hook, at, p, NONE, GW_DROP_##why, w, DROPS)
#define drops_out(w, p, why)	      counts(__FILE__, __LINE__, GW_HOOK_WAY, links[w], p, NONE, GW_DROP_##why, w, DROPS)

/* As it was, and nobody's. */
static void stays(const char *file, int line, enum gw_hook hook, uint32_t ifindex, const struct pkt *p)
{
	struct run r;

	counts(file, line, hook, ifindex, p, GW_OUT_TO_STACK, NONE, NONE, 0);
	assert_int_equal(run_raw(hook, ifindex, p, &r), 0);
	check(r.len == p->len, "%s:%d: %zu bytes, were %zu", file, line, r.len, p->len);
	assert_bytes_at(file, line, r.b, p->b, p->len);
}

#define is_stacks(hook, at, p) stays(__FILE__, __LINE__, hook, at, p)

/* --- VLANs ----------------------------------------------------------------------------------------------------------------- */

/* The interface may be nothing else, the [external] one, or an underlay one. */
static const enum gw_hook segment_hooks[] = {GW_HOOK_SEGMENT, GW_HOOK_EDGE, GW_HOOK_UNDERLAY};

static void test_from_vlan(void **state)
{
	(void)state;
	for (size_t i = 0; i < GW_N(segment_hooks); i++) {
		enum gw_hook hook = segment_hooks[i];
		struct pkt p = tagged(WAY_MAC(A_70), 70), plain = frame(WAY_MAC(A_70), MAC_HOST);
		struct run r;

		goes_in(hook, segment, &p, A_70);
		assert_int_equal(run_raw(hook, segment, &p, &r), 0);
		assert_int_equal(r.len, plain.len);
		assert_bytes(r.b, plain.b, plain.len);
		p = tagged(WAY_MAC(A_70), 0xe000 | 70); /* with a priority */
		goes_in(hook, segment, &p, A_70);
		p = tagged(WAY_MAC(B_70), 70);
		goes_in(hook, segment, &p, B_70);
		p = tagged(WAY_MAC(B_71), 71);
		goes_in(hook, segment, &p, B_71);
		p = frame(WAY_MAC(BARE_B), MAC_HOST);
		goes_in(hook, segment, &p, BARE_B);
		p = tagged(WAY_MAC(BARE_B), 0xa000); /* a priority only */
		goes_in(hook, segment, &p, BARE_B);
	}
}

static void test_not_from_vlan(void **state)
{
	(void)state;
	for (size_t i = 0; i < GW_N(segment_hooks); i++) {
		enum gw_hook hook = segment_hooks[i];
		struct pkt p = tagged(WAY_MAC(A_70), 71); /* another VLAN's */

		is_stacks(hook, segment, &p);
		p = tagged(WAY_MAC(A_70), 72);
		is_stacks(hook, segment, &p);
		p = tagged(MAC_ANYBODYS, 70);
		is_stacks(hook, segment, &p);
		p = frame(WAY_MAC(A_70), MAC_HOST);
		is_stacks(hook, segment, &p);
		p = tagged(WAY_MAC(A_70), 70);
		is_stacks(hook, world.underlay, &p); /* another interface's */
		p = frame(WAY_MAC(A_70), MAC_HOST);
		pkt_tag(&p, 0x88a8, 70);
		is_stacks(hook, segment, &p);
		p = frame(MAC_SEGMENT, MAC_HOST);
		is_stacks(hook, segment, &p);
	}
}

/* Each of the VLAN gets a copy, and so does the stack, as it came. */
static void test_group(void **state)
{
	struct pkt p = tagged(MAC_BCAST, 70), q = tagged((struct mac){{0x33, 0x33, 0xff, 0, 0, 1}}, 71);
	uint64_t before[WAYS];
	struct run r;

	(void)state;
	for (int w = 0; w < WAYS; w++)
		before[w] = counted(w, RX);
	run_out(__FILE__, __LINE__, GW_HOOK_SEGMENT, segment, &p, GW_OUT_TO_STACK);
	for (int w = 0; w < WAYS; w++)
		assert_int_equal(counted(w, RX) - before[w], w == A_70 || w == B_70);
	run_out(__FILE__, __LINE__, GW_HOOK_SEGMENT, segment, &q, GW_OUT_TO_STACK);
	assert_int_equal(counted(B_71, RX) - before[B_71], 1);
	p = tagged(MAC_BCAST, 72);
	is_stacks(GW_HOOK_SEGMENT, segment, &p);
	p = frame(MAC_BCAST, MAC_HOST);
	run_out(__FILE__, __LINE__, GW_HOOK_SEGMENT, segment, &p, GW_OUT_TO_STACK);
	assert_int_equal(counted(BARE_B, RX) - before[BARE_B], 1);
	assert_int_equal(run_raw(GW_HOOK_SEGMENT, segment, &p, &r), 0);
	assert_bytes(r.b, p.b, p.len);
}

/* What is behind another tag is nobody's: neither by its MAC address, nor what is for a group, which stays as it came. */
static void test_two_tags(void **state)
{
	static const uint16_t inner[] = {0x8100, 0x88a8};

	(void)state;
	for (size_t i = 0; i < GW_N(segment_hooks); i++)
		for (size_t k = 0; k < GW_N(inner); k++)
			for (uint16_t vlan = 0; vlan <= 71; vlan += 71) {
				struct pkt p = frame(WAY_MAC(A_70), MAC_HOST), one;
				struct run r;

				pkt_tag(&p, inner[k], vlan);
				pkt_tag(&p, 0x8100, 70);
				drops_in(segment_hooks[i], segment, &p, A_70, INNER_VLAN);
				one = frame(MAC_BCAST, MAC_HOST);
				pkt_tag(&one, inner[k], vlan);
				p = one;
				pkt_tag(&p, 0x8100, 70);
				counts(__FILE__, __LINE__, segment_hooks[i], segment, &p, GW_OUT_TO_STACK, NONE, NONE,
				       0);
				assert_int_equal(run_raw(segment_hooks[i], segment, &p, &r), 0);
				assert_int_equal(r.len, one.len); /* the first tag is beside it again */
				assert_bytes(r.b, one.b, one.len);
			}
}

static void test_to_vlan(void **state)
{
	struct pkt p = frame(MAC_HOST, WAY_MAC(A_70));
	struct gw_bpf_way nowhere = {.link = links[A_70], .slot = WAY_SLOT(A_70)};
	uint64_t before[WAYS];

	(void)state;
	goes_out(A_70, &p);
	assert_bytes(run_packet(GW_HOOK_WAY, links[A_70], &p)->b, p.b, p.len); /* the tag is beside the frame */
	p = frame(MAC_HOST, WAY_MAC(BARE_B));
	goes_out(BARE_B, &p);
	p = frame(WAY_MAC(B_71), WAY_MAC(A_70)); /* there, but not in this VLAN */
	goes_out(A_70, &p);
	p = frame(WAY_MAC(A_70), WAY_MAC(A_70));
	drops_out(A_70, &p, LAND);
	/* What is here does not leave the node. */
	for (int w = 0; w < WAYS; w++)
		before[w] = counted(w, RX);
	p = frame(WAY_MAC(B_70), WAY_MAC(A_70));
	run_out(__FILE__, __LINE__, GW_HOOK_WAY, links[A_70], &p, GW_OUT_CONNECTION_IN);
	assert_int_equal(counted(B_70, RX) - before[B_70], 1);
	/* For a group: to the others here, and outside. */
	p = frame(MAC_BCAST, WAY_MAC(A_70));
	run_out(__FILE__, __LINE__, GW_HOOK_WAY, links[A_70], &p, GW_OUT_CONNECTION_OUT);
	assert_int_equal(counted(B_70, RX) - before[B_70], 2);
	assert_int_equal(counted(A_70, RX) - before[A_70], 0);
	p = frame(MAC_HOST, WAY_MAC(A_70));
	put(MAP_WAYS, &links[A_70], &nowhere);
	drops_out(A_70, &p, NO_SEGMENT);
	assert_int_equal(bpf_map_delete_elem(map_fd(MAP_WAYS), &links[A_70]), 0);
	run_drop(__FILE__, __LINE__, GW_HOOK_WAY, links[A_70], &p, GW_DROP_NO_CONNECTION);
}

/* --- GRE ------------------------------------------------------------------------------------------------------------------- */

/* The [external] interface may be an underlay one, too. */
static const enum gw_hook outside_hooks[] = {GW_HOOK_EDGE, GW_HOOK_UNDERLAY};

static void test_from_tunnel(void **state)
{
	(void)state;
	for (int w = GRE_A; w <= GRE_B; w++)
		for (int v6 = 0; v6 < 2; v6++)
			for (size_t i = 0; i < GW_N(outside_hooks); i++) {
				struct pkt p = from_tunnel(w, v6), want = inner_frame(WAY_MAC(w), MAC_ISP, v6);
				struct run r;

				goes_in(outside_hooks[i], outside.external, &p, w);
				assert_int_equal(run_raw(outside_hooks[i], outside.external, &p, &r), 0);
				assert_int_equal(r.len, want.len);
				assert_bytes(r.b, WAY_MAC(w).b, 6);
				assert_bytes(r.b + 12, want.b + 12, want.len - 12);
				pkt_bytes(&p, "padding", 7);
				assert_int_equal(run_raw(outside_hooks[i], outside.external, &p, &r), 0);
				assert_int_equal(r.len, want.len);
			}
}

/* Whoever else's: the stack's, which knows what to say to it. */
static void test_not_from_tunnel(void **state)
{
	(void)state;
	for (size_t i = 0; i < GW_N(outside_hooks); i++) {
		enum gw_hook hook = outside_hooks[i];
		struct pkt p = tunnel(0x2000, 0x0800, 8);

		fill(&p, false);
		is_stacks(hook, outside.external, &p);
		p = tunnel(0x2000, 0x0800, 0); /* a key of zero is one */
		fill(&p, false);
		is_stacks(hook, outside.external, &p);
		p = tunnel(0x2001, 0x0800, 7); /* version 1 */
		fill(&p, false);
		is_stacks(hook, outside.external, &p);
		p = from_tunnel(GRE_A, false);
		outside_fragment(&p, 0x2000);
		is_stacks(hook, outside.external, &p);
		p = from_tunnel(GRE_A, false);
		memcpy(p.b + 26, (uint8_t[]){198, 51, 100, 11}, 4);
		pkt_fix_ip4(p.b + 14);
		is_stacks(hook, outside.external, &p);
	}
}

static void test_bad_from_tunnel(void **state)
{
	(void)state;
	for (size_t i = 0; i < GW_N(outside_hooks); i++) {
		enum gw_hook hook = outside_hooks[i];
		uint32_t at = outside.external;
		struct pkt p;

		for (size_t k = 0; k < 3; k++) {
			p = tunnel(0x2000 | (uint16_t[]){0x4000, 0x0800, 0x0400}[k], 0x0800, 7);
			fill(&p, false);
			drops_in(hook, at, &p, GRE_A, GRE_FLAGS);
		}
		p = from_tunnel(GRE_A, false);
		p.b[24] ^= 1; /* the outer header's checksum */
		drops_in(hook, at, &p, GRE_A, OUTER_CHECKSUM);
		p = tunnel(0x2000, 0x6558, 7);
		pkt_eth(&p, MAC_1, MAC_2);
		fill(&p, false);
		drops_in(hook, at, &p, GRE_A, TUNNEL_INNER);
		p = from_tunnel(GRE_A, false);
		p.b[42] = 0x65; /* not what GRE says */
		drops_in(hook, at, &p, GRE_A, TUNNEL_INNER);
		p = from_tunnel(GRE_A, false);
		pkt_cut(&p, 60);
		drops_in(hook, at, &p, GRE_A, OUTER_MALFORMED);
		put16(p.b + 16, 46); /* now it says so */
		pkt_fix_ip4(p.b + 14);
		drops_in(hook, at, &p, GRE_A, TUNNEL_INNER);
		p = from_tunnel(GRE_A, false);
		p.b[15] |= 3; /* congestion, which the inner flow could not be told */
		pkt_fix_ip4(p.b + 14);
		drops_in(hook, at, &p, GRE_A, ECN);
		p.b[43] |= 2;
		pkt_fix_ip4(p.b + 42);
		goes_in(hook, at, &p, GRE_A);
		assert_int_equal(run_packet(hook, at, &p)->b[15] & 3, 3);
		p = (struct pkt){0};
		pkt_eth(&p, MAC_OUT, MAC_ISP);
		pkt_ip4_options(&p, FAR, SELF, 4);
		pkt_gre(&p, 0x2000, 0x0800, 7);
		fill(&p, false);
		drops_in(hook, at, &p, GRE_A, OUTER_OPTIONS);
	}
}

#define GRE_AT (14 + 20)

/* A datagram of so many bytes in a tunnel, with a checksum and a sequence number or one of them. */
static struct pkt marked(int w, uint16_t flags, bool v6, bool tcp, size_t bytes)
{
	struct pkt p = tunnel((uint16_t)(flags | (plan[w].has_key ? 0x2000 : 0)), v6 ? 0x86dd : 0x0800, plan[w].key);

	if (v6)
		pkt_ip6(&p, "fd00:9::1", "fd00::11");
	else
		pkt_ip4(&p, "172.20.0.9", "10.0.1.11");
	if (tcp)
		pkt_tcp(&p, 1000, 2000);
	else
		pkt_udp(&p, 1000, 2000);
	pkt_fill(&p, bytes);
	pkt_close(&p);
	if (flags & 0x8000)
		pkt_fix_gre(&p, GRE_AT);
	return p;
}

static size_t inside_at(int w, uint16_t flags)
{
	return GRE_AT + 4 + (flags & 0x8000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0) + (plan[w].has_key ? 4 : 0);
}

/* All of the packet inside has come out. */
static void comes_out(enum gw_hook hook, const struct pkt *p, int w, size_t at)
{
	struct run r;

	goes_in(hook, outside.external, p, w);
	assert_int_equal(run_raw(hook, outside.external, p, &r), 0);
	assert_int_equal(r.len, p->len - at + 14);
	assert_bytes(r.b + 14, p->b + at, p->len - at);
}

static void test_marked_from_tunnel(void **state)
{
	static const uint16_t flags[] = {0x8000, 0x1000, 0x9000, 0x03f8 /* reserved, and to be ignored */};
	static const size_t sizes[] = {0, 1, 2, 3, 100, 127, 1333, 3000};

	(void)state;
	for (size_t h = 0; h < GW_N(outside_hooks); h++)
		for (int w = GRE_A; w <= GRE_B; w++)
			for (size_t f = 0; f < GW_N(flags); f++)
				for (size_t i = 0; i < GW_N(sizes); i++) {
					size_t at = inside_at(w, flags[f]);
					struct pkt p = marked(w, flags[f], i & 1, i & 2, sizes[i]);

					comes_out(outside_hooks[h], &p, w, at);
					if (!(flags[f] & 0x8000))
						continue;
					p.b[p.len - 1] ^= 0x10;
					drops_in(outside_hooks[h], outside.external, &p, w, GRE_CHECKSUM);
				}
}

/* Behind it is padding, which is none of it. */
static void test_sum_of_whole(void **state)
{
	struct pkt p = marked(GRE_A, 0x8000, false, false, 64);
	struct run r;

	(void)state;
	pkt_bytes(&p, "padding", 7);
	goes_in(GW_HOOK_EDGE, outside.external, &p, GRE_A);
	assert_int_equal(run_raw(GW_HOOK_EDGE, outside.external, &p, &r), 0);
	assert_int_equal(r.len, p.len - 7 - inside_at(GRE_A, 0x8000) + 14);
}

/* From a machine of the same host, too: GRE's own is left to the interface. */
static void test_sum_unfinished(void **state)
{
	(void)state;
	for (int k = 0; k < 8; k++) {
		uint16_t flags = k & 1 ? 0x8000 : 0x9000;
		int w = k & 4 ? GRE_B : GRE_A;
		struct pkt p = marked(w, flags, k & 2, true, 64);

		put16(p.b + GRE_AT + 4, 0);
		comes_out(GW_HOOK_EDGE, &p, w, inside_at(w, flags));
		put16(p.b + GRE_AT + 4, 1);
		drops_in(GW_HOOK_EDGE, outside.external, &p, w, GRE_CHECKSUM);
	}
}

/* From a machine of the same host: TCP's and UDP's own are left to whoever sends it by a wire, GRE's is right for then. */
static void test_sum_foreseen(void **state)
{
	(void)state;
	for (int k = 0; k < 8; k++) {
		bool v6 = k & 1, tcp = k & 2;
		int w = k & 4 ? GRE_B : GRE_A;
		struct pkt p = marked(w, 0x8000, v6, tcp, 333);
		size_t at = inside_at(w, 0x8000), l4 = at + (v6 ? 40 : 20);
		uint16_t pseudo = (uint16_t)~inet_sum(p.b + at + (v6 ? 8 : 12), v6 ? 32 : 8,
						      (uint32_t)(p.len - l4) + (tcp ? 6 : 17));

		put16(p.b + l4 + (tcp ? 16 : 6), pseudo);
		comes_out(GW_HOOK_EDGE, &p, w, at);
		p.b[GRE_AT + 5] ^= 1;
		drops_in(GW_HOOK_EDGE, outside.external, &p, w, GRE_CHECKSUM);
		p.b[GRE_AT + 5] ^= 1;
		put16(p.b + l4 + (tcp ? 16 : 6), (uint16_t)(pseudo ^ 0x100)); /* just wrong */
		drops_in(GW_HOOK_EDGE, outside.external, &p, w, GRE_CHECKSUM);
	}
}

/* RFC 6040: what a connection's packet has of congestion when it has come out, -1: it may not. */
static int combined(int outer, int inner)
{
	static const int table[4][4] = {
		[0] = {0, 1, 2, 3}, [1] = {0, 1, 1, 3}, [2] = {0, 1, 2, 3}, [3] = {-1, 3, 3, 3}};

	return table[outer][inner];
}

static void set_tos(struct pkt *p, size_t at, bool v6, uint8_t tos)
{
	if (v6) {
		p->b[at] = (uint8_t)(0x60 | tos >> 4);
		p->b[at + 1] = (uint8_t)(tos << 4 | (p->b[at + 1] & 15));
	} else {
		p->b[at + 1] = tos;
		pkt_fix_ip4(p->b + at);
	}
}

static uint8_t tos_at(const uint8_t *b, bool v6)
{
	return v6 ? (uint8_t)(b[0] << 4 | b[1] >> 4) : b[1];
}

static void test_signs_in(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++)
		for (int i = 0; i < 16; i++) {
			struct pkt p = from_tunnel(GRE_A, v6), want;
			int ecn = combined(i >> 2, i & 3);
			struct run r;

			set_tos(&p, 14, false, (uint8_t)(0x28 | i >> 2)); /* outside it may have another DSCP */
			set_tos(&p, 42, v6, (uint8_t)(0xb8 | (i & 3)));
			if (ecn < 0) {
				drops_in(GW_HOOK_EDGE, outside.external, &p, GRE_A, ECN);
				continue;
			}
			goes_in(GW_HOOK_EDGE, outside.external, &p, GRE_A);
			assert_int_equal(run_raw(GW_HOOK_EDGE, outside.external, &p, &r), 0);
			want = p;
			set_tos(&want, 42, v6, (uint8_t)(0xb8 | ecn));
			assert_bytes(r.b + 14, want.b + 42,
				     p.len - 42); /* with its checksum mended, and no other byte changed */
		}
}

static void signs_out(int dscp)
{
	for (int v6 = 0; v6 < 2; v6++)
		for (int ecn = 0; ecn < 4; ecn++) {
			struct pkt p = inner_frame(MAC_HOST, WAY_MAC(GRE_A), v6);
			struct run r;

			set_tos(&p, 14, v6, (uint8_t)(0xb8 | ecn));
			if (!v6) {
				p.b[22] = 3;
				pkt_fix_ip4(p.b + 14);
			}
			assert_int_equal(run_raw(GW_HOOK_WAY, links[GRE_A], &p, &r), 0);
			assert_int_equal(r.b[15], (dscp < 0 ? 0xb8 : dscp << 2) | ecn);
			assert_int_equal(r.b[22], 64); /* the tunnel's own, whatever is left inside */
			assert_int_equal(inet_sum(r.b + 14, 20, 0), 0);
			assert_int_equal(tos_at(r.b + 42, v6), 0xb8 | ecn);
			assert_bytes(r.b + 42, p.b + 14, p.len - 14);
		}
}

static void test_signs_out(void **state)
{
	struct gw_params was = world.params, p = was;

	(void)state;
	signs_out(-1);
	p.dscp = 10; /* one for all */
	world_params(&p);
	signs_out(p.dscp);
	world_params(&was);
}

static void test_to_tunnel(void **state)
{
	(void)state;
	for (int w = GRE_A; w <= GRE_B; w++)
		for (int v6 = 0; v6 < 2; v6++) {
			struct pkt p = inner_frame(MAC_HOST, WAY_MAC(w), v6);
			size_t len = plan[w].has_key ? 28 : 24;
			struct run r;

			goes_out(w, &p);
			assert_int_equal(run_raw(GW_HOOK_WAY, links[w], &p, &r), 0);
			assert_int_equal(r.len, p.len + len);
			assert_int_equal(get16(r.b + 12), 0x0800);
			assert_int_equal(get16(r.b + 14), 0x4500);
			assert_int_equal(get16(r.b + 16), p.len - 14 + len);
			assert_int_equal(get16(r.b + 20), 0x4000); /* never cut */
			assert_int_equal(get16(r.b + 18), WAY_TAG(w));
			assert_int_equal(r.b[23], IPPROTO_GRE);
			assert_int_equal(inet_sum(r.b + 14, 20, 0), 0);
			assert_int_equal(get32(r.b + 26), 0xc0000202); /* SELF */
			assert_int_equal(get32(r.b + 30), 0xc633640a); /* FAR */
			assert_int_equal(get16(r.b + 34), plan[w].has_key ? 0x2000 : 0);
			assert_int_equal(get16(r.b + 36), v6 ? 0x86dd : 0x0800);
			if (plan[w].has_key)
				assert_int_equal(get32(r.b + 38), 7);
			assert_bytes(r.b + 14 + len, p.b + 14, p.len - 14);
		}
	struct pkt p = {0};

	pkt_eth(&p, MAC_BCAST, WAY_MAC(GRE_A));
	pkt_arp(&p, 1, WAY_MAC(GRE_A), "10.0.0.1", MAC_BCAST, "10.0.0.2");
	pkt_close(&p);
	counts(__FILE__, __LINE__, GW_HOOK_WAY, links[GRE_A], &p, NONE, GW_DROP_FLOOD, NONE, 0);
	p = inner_frame(((struct mac){{0x33, 0x33, 0, 0, 0, 0x16}}), WAY_MAC(GRE_A), true); /* MLD, for one */
	counts(__FILE__, __LINE__, GW_HOOK_WAY, links[GRE_A], &p, NONE, GW_DROP_FLOOD, NONE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_from_vlan, way_setup),
		cmocka_unit_test_setup(test_not_from_vlan, way_setup),
		cmocka_unit_test_setup(test_group, way_setup),
		cmocka_unit_test_setup(test_two_tags, way_setup),
		cmocka_unit_test_setup(test_to_vlan, way_setup),
		cmocka_unit_test_setup(test_from_tunnel, way_setup),
		cmocka_unit_test_setup(test_marked_from_tunnel, way_setup),
		cmocka_unit_test_setup(test_sum_of_whole, way_setup),
		cmocka_unit_test_setup(test_sum_unfinished, way_setup),
		cmocka_unit_test_setup(test_sum_foreseen, way_setup),
		cmocka_unit_test_setup(test_not_from_tunnel, way_setup),
		cmocka_unit_test_setup(test_bad_from_tunnel, way_setup),
		cmocka_unit_test_setup(test_signs_in, way_setup),
		cmocka_unit_test_setup(test_signs_out, way_setup),
		cmocka_unit_test_setup(test_to_tunnel, way_setup),
	};

	return run_group("connections", tests, way_group);
}
