/*
 * addr.c - see addr.h. Text forms in and out; pure, allocates nothing, used by every module.
 *
 * An IPv4-mapped IPv6 address in text (::ffff:10.0.0.1) is refused: in memory it would be the IPv4 address,
 * and one address must not have two spellings of different families.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

bool gw_addr_is_v4(const struct gw_addr *a)
{
	return !memcmp(a->b, v4_mapped, sizeof v4_mapped);
}

struct gw_addr gw_addr_before(const struct gw_addr *a)
{
	struct gw_addr r = *a;

	for (int i = 15; i >= 0 && r.b[i]-- == 0; i--)
		;
	return r;
}

struct gw_addr gw_addr_from_v4(uint32_t host_order)
{
	struct gw_addr a;
	uint32_t n = htonl(host_order);

	memcpy(a.b, v4_mapped, sizeof v4_mapped);
	memcpy(a.b + 12, &n, 4);
	return a;
}

uint32_t gw_addr_to_v4(const struct gw_addr *a)
{
	uint32_t n;

	memcpy(&n, a->b + 12, 4);
	return ntohl(n);
}

int gw_addr_parse(const char *s, struct gw_addr *ret)
{
	struct gw_addr a;

	if (inet_pton(AF_INET, s, a.b + 12) == 1) {
		memcpy(a.b, v4_mapped, sizeof v4_mapped);
	} else if (inet_pton(AF_INET6, s, a.b) != 1 || gw_addr_is_v4(&a)) {
		return -EINVAL;
	}
	*ret = a;
	return 0;
}

const char *gw_addr_format(const struct gw_addr *a, char buf[static GW_ADDR_STRLEN])
{
	if (gw_addr_is_v4(a))
		return inet_ntop(AF_INET, a->b + 12, buf, GW_ADDR_STRLEN);
	return inet_ntop(AF_INET6, a->b, buf, GW_ADDR_STRLEN);
}

static bool all_zero(const uint8_t *b, size_t n)
{
	while (n && !*b) {
		b++;
		n--;
	}
	return !n;
}

bool gw_addr_is_any(const struct gw_addr *a)
{
	return gw_addr_is_v4(a) ? all_zero(a->b + 12, 4) : all_zero(a->b, 16);
}

bool gw_addr_is_multicast(const struct gw_addr *a)
{
	return gw_addr_is_v4(a) ? (a->b[12] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

bool gw_addr_same_family(const struct gw_addr *a, const struct gw_addr *b)
{
	return gw_addr_is_v4(a) == gw_addr_is_v4(b);
}

bool gw_addr_is_link_local(const struct gw_addr *a)
{
	if (gw_addr_is_v4(a))
		return a->b[12] == 169 && a->b[13] == 254;
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

bool gw_addr_is_unicast(const struct gw_addr *a)
{
	if (gw_addr_is_multicast(a))
		return false;
	if (gw_addr_is_v4(a)) /* 0.0.0.0/8 is "this network", never one host of it */
		return a->b[12] != 0 && a->b[12] != 127 && gw_addr_to_v4(a) != 0xffffffff;
	return !(all_zero(a->b, 15) && a->b[15] <= 1);
}

int gw_addr_cmp(const struct gw_addr *a, const struct gw_addr *b)
{
	return memcmp(a->b, b->b, sizeof a->b);
}

bool gw_addr_equal(const struct gw_addr *a, const struct gw_addr *b)
{
	return !gw_addr_cmp(a, b);
}

/* A length within the 16 bytes of the address that `like` belongs to. */
static unsigned mapped_len(const struct gw_addr *like, uint8_t len)
{
	unsigned n = gw_addr_is_v4(like) ? len + 96u : len;

	return n < 128 ? n : 128;
}

struct gw_addr gw_prefix_mask(const struct gw_addr *a, uint8_t len)
{
	struct gw_addr r = *a;
	unsigned bits = mapped_len(a, len);

	if (bits % 8)
		r.b[bits / 8] &= (uint8_t)(0xff00 >> bits % 8);
	for (unsigned i = (bits + 7) / 8; i < sizeof r.b; i++)
		r.b[i] = 0;
	return r;
}

int gw_prefix_parse(const char *s, struct gw_prefix *ret)
{
	const char *slash = strchr(s, '/'), *p;
	char text[GW_ADDR_STRLEN];
	struct gw_prefix r;
	struct gw_addr net;
	unsigned len = 0;

	if (!slash || (size_t)(slash - s) >= sizeof text)
		return -EINVAL;
	memcpy(text, s, (size_t)(slash - s));
	text[slash - s] = '\0';
	if (gw_addr_parse(text, &r.addr) < 0)
		return -EINVAL;
	for (p = slash + 1; *p >= '0' && *p <= '9' && p - slash <= 3; p++)
		len = len * 10 + (unsigned)(*p - '0');
	if (p == slash + 1 || *p || (slash[1] == '0' && slash[2]) || len > (gw_addr_is_v4(&r.addr) ? 32 : 128))
		return -EINVAL;
	r.len = (uint8_t)len;
	net = gw_prefix_mask(&r.addr, r.len);
	if (!gw_addr_equal(&net, &r.addr))
		return -ERANGE;
	*ret = r;
	return 0;
}

const char *gw_prefix_format(const struct gw_prefix *p, char buf[static GW_PREFIX_STRLEN])
{
	char addr[GW_ADDR_STRLEN];

	snprintf(buf, GW_PREFIX_STRLEN, "%s/%u", gw_addr_format(&p->addr, addr), p->len);
	return buf;
}

bool gw_prefix_equal(const struct gw_prefix *a, const struct gw_prefix *b)
{
	return a->len == b->len && gw_addr_equal(&a->addr, &b->addr);
}

bool gw_prefix_contains(const struct gw_prefix *p, const struct gw_addr *a)
{
	struct gw_addr net;

	if (!gw_addr_same_family(&p->addr, a))
		return false;
	net = gw_prefix_mask(a, p->len);
	return gw_addr_equal(&net, &p->addr);
}

bool gw_prefix_is_subnet(const struct gw_prefix *p)
{
	return p->len > 0 && mapped_len(&p->addr, p->len) < 127;
}

struct gw_addr gw_prefix_first_host(const struct gw_prefix *p)
{
	struct gw_addr a = p->addr;

	/* The host bits are zero: with more than one of them adding 1 cannot carry. */
	if (mapped_len(&p->addr, p->len) < 127)
		a.b[15] |= 1;
	return a;
}

struct gw_addr gw_prefix_last(const struct gw_prefix *p)
{
	struct gw_addr a = p->addr;
	unsigned bits = mapped_len(&p->addr, p->len);

	if (bits % 8)
		a.b[bits / 8] |= (uint8_t)(0xff >> bits % 8);
	for (unsigned i = (bits + 7) / 8; i < sizeof a.b; i++)
		a.b[i] = 0xff;
	return a;
}

bool gw_prefix_overlaps(const struct gw_prefix *a, const struct gw_prefix *b)
{
	return gw_addr_same_family(&a->addr, &b->addr) &&
	       (a->len <= b->len ? gw_prefix_contains(a, &b->addr) : gw_prefix_contains(b, &a->addr));
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads two hex digits; never looks behind a NUL. */
static bool hex_byte(const char *s, uint8_t *ret)
{
	int high = hex(s[0]), low = high < 0 ? -1 : hex(s[1]);

	if (low < 0)
		return false;
	*ret = (uint8_t)(high << 4 | low);
	return true;
}

int gw_mac_parse(const char *s, struct gw_mac *ret)
{
	struct gw_mac m;
	char sep = '\0';

	for (unsigned i = 0; i < sizeof m.b; i++) {
		if (i == 1 && (*s == '-' || *s == ':'))
			sep = *s;
		if (i && sep && *s++ != sep)
			return -EINVAL;
		if (!hex_byte(s, &m.b[i]))
			return -EINVAL;
		s += 2;
	}
	if (*s)
		return -EINVAL;
	*ret = m;
	return 0;
}

const char *gw_mac_format(const struct gw_mac *m, char buf[static GW_MAC_STRLEN])
{
	snprintf(buf, GW_MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", m->b[0], m->b[1], m->b[2], m->b[3], m->b[4],
		 m->b[5]);
	return buf;
}

bool gw_mac_is_unicast(const struct gw_mac *m)
{
	return !(m->b[0] & 1) && !all_zero(m->b, sizeof m->b);
}

bool gw_mac_equal(const struct gw_mac *a, const struct gw_mac *b)
{
	return !memcmp(a->b, b->b, sizeof a->b);
}

static bool dash_before(unsigned byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int gw_uuid_parse(const char *s, struct gw_uuid *ret)
{
	struct gw_uuid u;
	bool brace = *s == '{';

	if (brace)
		s++;
	for (unsigned i = 0; i < sizeof u.b; i++) {
		if (dash_before(i) && *s++ != '-')
			return -EINVAL;
		if (!hex_byte(s, &u.b[i]))
			return -EINVAL;
		s += 2;
	}
	if (brace && *s++ != '}')
		return -EINVAL;
	if (*s)
		return -EINVAL;
	*ret = u;
	return 0;
}

const char *gw_uuid_format(const struct gw_uuid *u, char buf[static GW_UUID_STRLEN])
{
	static const char digits[] = "0123456789abcdef";
	char *p = buf;

	for (unsigned i = 0; i < sizeof u->b; i++) {
		if (dash_before(i))
			*p++ = '-';
		*p++ = digits[u->b[i] >> 4];
		*p++ = digits[u->b[i] & 15];
	}
	*p = '\0';
	return buf;
}

int gw_uuid_random(struct gw_uuid *ret)
{
	if (getrandom(ret->b, sizeof ret->b, 0) != sizeof ret->b)
		return -EIO;
	ret->b[6] = (uint8_t)((ret->b[6] & 0x0f) | 0x40);
	ret->b[8] = (uint8_t)((ret->b[8] & 0x3f) | 0x80);
	return 0;
}

bool gw_uuid_equal(const struct gw_uuid *a, const struct gw_uuid *b)
{
	return !memcmp(a->b, b->b, sizeof a->b);
}
