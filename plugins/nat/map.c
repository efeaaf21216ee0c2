/* map.c - what the maps look like, and elements of them as text. See plan.h; called by plan.c and nft.c. */
#include "nat/plan.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

static const struct {
	const char *name;
	enum nat_fields fields;
	enum nat_data data;
} maps[NAT_MAP_MAX] = {
#define X(id, n, f, d) [NAT_MAP_##id] = {n, f, d},
	NAT_MAPS(X)
#undef X
};

const char *nat_map_name(enum nat_map map)
{
	return maps[map].name;
}

enum nat_data nat_map_data(enum nat_map map)
{
	return maps[map].data;
}

size_t nat_map_layout(unsigned family, enum nat_map map, uint8_t ret_fields[static 3], uint8_t *ret_data)
{
	uint8_t a = family ? 16 : 4;

	switch (maps[map].data) {
	case D_NONE:
	case D_IDLE:
		*ret_data = 0;
		break;
	case D_ADDR:
		*ret_data = a;
		break;
	case D_ADDR_PORT:
		*ret_data = (uint8_t)(a + 4);
		break;
	case D_PORTS:
		*ret_data = (uint8_t)(2 * a + 8);
		break;
	case D_GROUP:
		*ret_data = 4;
		break;
	}
	switch (maps[map].fields) {
	case F_MEMBER:
		ret_fields[0] = ret_fields[1] = 4;
		return 2;
	case F_ADDR:
	case F_RANGE:
		ret_fields[0] = a;
		return 1;
	case F_ADDR_PROTO:
		ret_fields[0] = a;
		ret_fields[1] = 1;
		return 2;
	default:
		ret_fields[0] = 2;
		ret_fields[1] = a;
		ret_fields[2] = 1;
		return 3;
	}
}

enum nat_kind nat_map_kind(enum nat_map map)
{
	switch (maps[map].fields) {
	case F_PLACE:
	case F_ADDR:
		return NAT_HASH;
	case F_RANGE:
		return NAT_TREE;
	default:
		return NAT_FIELDS;
	}
}

bool nat_map_counts(enum nat_map map)
{
	return maps[map].data == D_ADDR || maps[map].data == D_ADDR_PORT || maps[map].data == D_PORTS;
}

int nat_elem_cmp(const struct nat_elem *a, const struct nat_elem *b)
{
	int r;

	if (a->family != b->family || a->map != b->map)
		return a->family != b->family ? a->family - b->family : a->map - b->map;
	r = memcmp(a->key, b->key, a->key_len);
	return r ? r : memcmp(a->key_end, b->key_end, a->key_len);
}

bool nat_elem_same(const struct nat_elem *a, const struct nat_elem *b)
{
	return memcmp(a->data, b->data, a->data_len) == 0 && a->rule == b->rule && a->idle == b->idle &&
	       a->idle_proto == b->idle_proto;
}

bool nat_elem_border(const struct nat_elem *e, uint8_t ret[static NAT_KEY_MAX])
{
	int i = e->key_len - 1;

	memcpy(ret, e->key_end, e->key_len);
	while (i >= 0 && ++ret[i] == 0)
		i--;
	return i >= 0;
}

static void print_addr(unsigned family, const uint8_t *at, FILE *f)
{
	char text[INET6_ADDRSTRLEN];

	fputs(inet_ntop(family ? AF_INET6 : AF_INET, at, text, sizeof text), f);
}

static void print_number(const uint8_t *at, size_t n, FILE *f)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | at[i];
	fprintf(f, "%" PRIu32, v);
}

static void print_field(const struct nat_elem *e, uint8_t len, size_t at, FILE *f)
{
	bool is_addr = len == (e->family ? 16 : 4) && maps[e->map].fields != F_MEMBER, is_range;

	is_range = memcmp(e->key + at, e->key_end + at, len) != 0;
	if (is_addr)
		print_addr(e->family, e->key + at, f);
	else
		print_number(e->key + at, len, f);
	if (!is_range)
		return;
	fputc('-', f);
	if (is_addr)
		print_addr(e->family, e->key_end + at, f);
	else
		print_number(e->key_end + at, len, f);
}

void nat_elem_print(const struct nat_elem *e, FILE *f)
{
	uint8_t fields[3], data_len, a = e->family ? 16 : 4;
	size_t n = nat_map_layout(e->family, (enum nat_map)e->map, fields, &data_len), at = 0;

	fprintf(f, "%s%c", maps[e->map].name, e->family ? '6' : '4');
	for (size_t i = 0; i < n; i++) {
		fputc(' ', f);
		print_field(e, fields[i], at, f);
		at += (fields[i] + 3u) / 4 * 4;
	}
	switch (maps[e->map].data) {
	case D_NONE:
		break;
	case D_GROUP:
		fputs(" -> group ", f);
		print_number(e->data, 4, f);
		break;
	case D_IDLE:
		fprintf(f, " -> %u minutes", e->idle);
		break;
	default:
		fputs(" -> ", f);
		print_addr(e->family, e->data, f);
		if (data_len > a) {
			fputc(':', f);
			print_number(e->data + a, 2, f);
		}
		if (data_len > a + 4) {
			fputc('-', f);
			print_number(e->data + 2 * a + 4, 2, f);
		}
	}
	fputc('\n', f);
}
