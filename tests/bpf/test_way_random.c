/*
 * test_way_random.c - what others may send into the tunnels of connections: packets that were sound, changed here and there, cut and
 * padded. A second opinion, written from RFC 791, 1071, 2784, 2890 and 6040, says what becomes of each. GW-2, ENC-6, ENC-7.
 */
#include "way_fixture.h"

#define ROUNDS	 40000
#define OUTER_AT 14

enum verdict { OTHERS, ODD, SOUND };

static const char *const words[] = {"somebody else's", "dropped", "delivered"};

/* Of congestion, outside and inside: the pairs that have no sense. */
static bool is_odd(uint8_t outer, uint8_t inner)
{
	return outer == 3 && inner == 0;
}

/* *ret_w: whose; *ret_len: of the packet inside, when it is sound. */
static enum verdict judge(const struct pkt *p, int *ret_w, size_t *ret_len)
{
	const uint8_t *ip = p->b + OUTER_AT;
	size_t head = (ip[0] & 15u) * 4, total = get16(ip + 2), gre = OUTER_AT + head, at = gre + 4;
	uint32_t flags;
	bool v6;

	if (get16(p->b + 12) != 0x0800 || ip[0] >> 4 != 4 || head < 20 || ip[9] != IPPROTO_GRE ||
	    get16(ip + 6) & 0x3fff || get32(ip + 12) != 0xc633640a || get32(ip + 16) != 0xc0000202)
		return OTHERS;
	if (p->len < gre + 4)
		return OTHERS;
	flags = get16(p->b + gre);
	if (flags & 7)
		return OTHERS;
	at += flags & 0x8000 ? 4 : 0;
	if (flags & 0x2000) {
		if (p->len < at + 4 || get32(p->b + at) != plan[GRE_A].key)
			return OTHERS;
		at += 4;
	}
	at += flags & 0x1000 ? 4 : 0;
	*ret_w = flags & 0x2000 ? GRE_A : GRE_B;
	v6 = get16(p->b + gre + 2) == 0x86dd;
	if (head != 20 || p->len < OUTER_AT + total || inet_sum(ip, 20, 0) != 0 || flags & 0x4c00u)
		return ODD;
	/* Without one, it is left to an interface. */
	if (flags & 0x8000 && (OUTER_AT + total < gre || (inet_sum(p->b + gre, OUTER_AT + total - gre, 0) != 0 &&
							  (p->len < gre + 6 || get16(p->b + gre + 4) != 0))))
		return ODD;
	if ((!v6 && get16(p->b + gre + 2) != 0x0800) || OUTER_AT + total < at + (v6 ? 40u : 20u) ||
	    p->b[at] >> 4 != (v6 ? 6 : 4))
		return ODD;
	if (is_odd(ip[1] & 3, v6 ? p->b[at + 1] >> 4 & 3 : p->b[at + 1] & 3))
		return ODD;
	*ret_len = OUTER_AT + total - at;
	return SOUND;
}

static struct pkt any(void)
{
	bool v6 = rnd_below(2);
	uint16_t marks = rnd_below(2) ? 0 : (uint16_t)(rnd_below(2) << 15 | rnd_below(2) << 12);
	int w = rnd_below(2) ? GRE_A : GRE_B;
	struct pkt p = tunnel((uint16_t)(marks | (plan[w].has_key ? 0x2000 : 0)), v6 ? 0x86dd : 0x0800, plan[w].key);
	size_t n = rnd_below(4);

	fill(&p, v6);
	if (marks & 0x8000)
		pkt_fix_gre(&p, OUTER_AT + 20);

	if (rnd_below(3) == 0)
		put16(p.b + 34, (uint16_t)(get16(p.b + 34) ^ 1u << rnd_below(16)));
	while (n--) { /* behind Ethernet, and not far into the packet inside */
		size_t at = OUTER_AT + rnd_below(28 + 4);

		p.b[at] = (uint8_t)(rnd_below(2) ? rnd_below(256) : p.b[at] ^ 1u << rnd_below(8));
	}
	if (rnd_below(4) == 0)
		pkt_cut(&p, 34 + rnd_below((uint32_t)p.len - 34));
	if (rnd_below(4) == 0)
		put16(p.b + 16, (uint16_t)(p.len - 14 - rnd_below(64)));
	if (rnd_below(8) == 0)
		pkt_bytes(&p, "padding", 7);
	if (rnd_below(8))
		pkt_fix_ip4(p.b + OUTER_AT);
	return p;
}

static const char *shown(const struct pkt *p)
{
	static char text[256];
	size_t n = 0;

	for (size_t i = OUTER_AT; i < p->len && i < OUTER_AT + 52; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%02x%s", p->b[i], i % 4 == 1 ? " " : "");
	return text;
}

static void one(enum gw_hook hook, size_t *seen)
{
	struct pkt p = any();
	int w = GRE_A;
	size_t len = 0;
	enum verdict want = judge(&p, &w, &len), got;
	uint64_t rx[WAYS], drops[WAYS];
	struct run r;

	for (int i = GRE_A; i < WAYS; i++) {
		rx[i] = counted(i, RX);
		drops[i] = counted(i, DROPS);
	}
	if (run_raw(hook, outside.external, &p, &r) < 0) /* the kernel's test run wants a whole IP header */
		return;
	for (int i = GRE_A; i < WAYS; i++) {
		rx[i] = counted(i, RX) - rx[i];
		drops[i] = counted(i, DROPS) - drops[i];
	}
	got = rx[GRE_A] + rx[GRE_B] ? SOUND : drops[GRE_A] + drops[GRE_B] ? ODD : OTHERS;
	check(got == want && (want == OTHERS || rx[w] + drops[w] == 1), "%s, should be %s: %zu bytes: %s", words[got],
	      words[want], p.len, shown(&p));
	if (got == SOUND) {
		check(r.len == len + 14, "%zu bytes have come out, not %zu: %s", r.len, len + 14, shown(&p));
		assert_bytes(r.b, WAY_MAC(w).b, 6);
	}
	seen[got]++;
}

static void test_from_tunnel(void **state)
{
	size_t seen[SOUND + 1] = {0};

	(void)state;
	for (int i = 0; i < ROUNDS; i++)
		one(i & 1 ? GW_HOOK_EDGE : GW_HOOK_UNDERLAY, seen);
	print_message("# %zu somebody else's, %zu dropped, %zu delivered\n", seen[OTHERS], seen[ODD], seen[SOUND]);
	for (int i = 0; i <= SOUND; i++)
		assert_true(seen[i] > ROUNDS / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_from_tunnel, way_setup)};
	int bad = run_group("tunnels of connections, at random", tests, way_group);

	harness_as_old_kernel = true;
	return bad + run_group("tunnels of connections, at random, on an old kernel", tests, way_group);
}
