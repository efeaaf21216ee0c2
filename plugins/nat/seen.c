/* seen.c - see seen.h: reads a table with its chains, rules, objects and elements. Called by nft.c. */
#include "nat/seen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#define ATTEMPTS 5 /* at reading what keeps changing */

struct reading {
	struct nat_seen *seen;
	uint64_t mark;
	unsigned family, map;
	bool oom;
};

static int reserve(void **v, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 64;
	void *grown;

	if (n < *cap)
		return 0;
	grown = reallocarray(*v, more, size);
	if (!grown)
		return -ENOMEM;
	*v = grown;
	*cap = more;
	return 0;
}

static const char *family_name(uint32_t family)
{
	switch (family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_ARP:
		return "arp";
	case NFPROTO_BRIDGE:
		return "bridge";
	default:
		return "netdev";
	}
}

/* Of many the one that is told is always the same. What it is called is somebody else's choice, and shall look harmless. */
static void note_other(struct nat_others *o, uint32_t family, const char *name)
{
	char text[sizeof o->first];

	snprintf(text, sizeof text, "%s %s", family_name(family), name);
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	if (o->n++ == 0 || strcmp(text, o->first) < 0)
		memcpy(o->first, text, sizeof o->first);
}

static int on_table(const struct nlmsghdr *h, void *ctx)
{
	struct reading *rd = ctx;
	struct nftnl_table *t = nftnl_table_alloc();
	const char *name;

	if (!t) {
		rd->oom = true;
		return MNL_CB_OK;
	}
	if (nftnl_table_nlmsg_parse(h, t) == 0 && (name = nftnl_table_get_str(t, NFTNL_TABLE_NAME))) {
		uint32_t family = nftnl_table_get_u32(t, NFTNL_TABLE_FAMILY);

		if (family == NFPROTO_INET && !strcmp(name, NAT_TABLE)) {
			rd->seen->table = true;
			rd->seen->flagged = nftnl_table_get_u32(t, NFTNL_TABLE_FLAGS) != 0;
		} else {
			note_other(&rd->seen->others, family, name);
		}
	}
	nftnl_table_free(t);
	return MNL_CB_OK;
}

static int on_chain(const struct nlmsghdr *h, void *ctx)
{
	struct reading *rd = ctx;
	struct nftnl_chain *c = nftnl_chain_alloc();
	const char *table;

	if (!c) {
		rd->oom = true;
		return MNL_CB_OK;
	}
	if (nftnl_chain_nlmsg_parse(h, c) == 0 && (table = nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE)) &&
	    !strcmp(table, NAT_TABLE)) {
		if (nat_ruleset_chain_fits(c))
			rd->seen->chains++;
		else
			rd->seen->foreign++;
	}
	nftnl_chain_free(c);
	return MNL_CB_OK;
}

static int on_rule(const struct nlmsghdr *h, void *ctx)
{
	struct reading *rd = ctx;
	struct nftnl_rule *r = nftnl_rule_alloc();
	const char *table, *chain;
	const void *mark;
	uint32_t len = 0;

	if (!r) {
		rd->oom = true;
		return MNL_CB_OK;
	}
	if (nftnl_rule_nlmsg_parse(h, r) == 0 && (table = nftnl_rule_get_str(r, NFTNL_RULE_TABLE)) &&
	    !strcmp(table, NAT_TABLE) && (chain = nftnl_rule_get_str(r, NFTNL_RULE_CHAIN))) {
		mark = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);
		if (nat_ruleset_is_full(mark, len) && !strcmp(chain, nat_full_chains[0]))
			rd->seen->full |= NAT_FULL;
		else if (nat_ruleset_is_full(mark, len) && !strcmp(chain, nat_full_chains[1]))
			rd->seen->full |= NAT_FULL_IN;
		else if (mark && len == sizeof rd->mark && memcmp(mark, &rd->mark, len) == 0)
			rd->seen->rules++;
		else
			rd->seen->strays++;
	}
	nftnl_rule_free(r);
	return MNL_CB_OK;
}

static int on_set(const struct nlmsghdr *h, void *ctx)
{
	struct reading *rd = ctx;
	struct nftnl_set *s = nftnl_set_alloc();
	const char *table, *name;
	char ours[24];

	if (!s) {
		rd->oom = true;
		return MNL_CB_OK;
	}
	if (nftnl_set_nlmsg_parse(h, s) == 0 && (table = nftnl_set_get_str(s, NFTNL_SET_TABLE)) &&
	    (name = nftnl_set_get_str(s, NFTNL_SET_NAME)) && !strcmp(table, NAT_TABLE))
		for (unsigned i = 0; i < NAT_FAMILIES * NAT_MAP_MAX; i++)
			rd->seen->sets +=
				!strcmp(name, nat_set_name(i / NAT_MAP_MAX, (enum nat_map)(i % NAT_MAP_MAX), ours));
	nftnl_set_free(s);
	return MNL_CB_OK;
}

static void take_object(struct reading *rd, const struct nftnl_obj *o, const char *name)
{
	struct nat_seen *s = rd->seen;
	uint32_t type = nftnl_obj_get_u32((struct nftnl_obj *)o, NFTNL_OBJ_TYPE);

	for (int i = 0; type == NFT_OBJECT_COUNTER && i < NAT_COUNTERS_MAX; i++)
		if (!strcmp(nat_counter_names[i], name)) {
			s->counts[i].packets = nftnl_obj_get_u64((struct nftnl_obj *)o, NFTNL_OBJ_CTR_PKTS);
			s->counts[i].bytes = nftnl_obj_get_u64((struct nftnl_obj *)o, NFTNL_OBJ_CTR_BYTES);
		}
	s->unswept |= type == NFT_OBJECT_COUNTER && !strcmp(name, NAT_UNSWEPT);
	if (type == NFT_OBJECT_CT_TIMEOUT && strlen(name) < sizeof *s->idles) {
		char(*v)[24] = reallocarray(s->idles, s->n_idles + 1, sizeof *v);

		rd->oom |= !v;
		if (!v)
			return;
		s->idles = v;
		memcpy(s->idles[s->n_idles++], name, strlen(name) + 1);
	}
}

static int on_object(const struct nlmsghdr *h, void *ctx)
{
	struct reading *rd = ctx;
	struct nftnl_obj *o = nftnl_obj_alloc();
	const char *table, *name;

	if (!o) {
		rd->oom = true;
		return MNL_CB_OK;
	}
	if (nftnl_obj_nlmsg_parse(h, o) == 0 && (table = nftnl_obj_get_str(o, NFTNL_OBJ_TABLE)) &&
	    (name = nftnl_obj_get_str(o, NFTNL_OBJ_NAME)) && !strcmp(table, NAT_TABLE))
		take_object(rd, o, name);
	nftnl_obj_free(o);
	return MNL_CB_OK;
}

/* --- elements --- */

static int take_counter(struct nftnl_expr *e, void *ctx)
{
	struct nat_counts *c = ctx;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);

	if (name && !strcmp(name, "counter")) {
		c->packets = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
		c->bytes = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_BYTES);
	}
	return 0;
}

/* "tcp4-30" */
static void take_idle(struct nat_elem *e, const char *name)
{
	e->idle_proto = !strncmp(name, "tcp", 3) ? IPPROTO_TCP : IPPROTO_UDP;
	e->idle = strlen(name) > 5 ? (uint16_t)strtoul(name + 5, NULL, 10) : 0;
}

/* An element by hand may look otherwise than ours: then it is none of the plan, and goes. */
static int on_elem(struct nftnl_set_elem *x, void *ctx)
{
	struct reading *rd = ctx;
	struct nat_seen *s = rd->seen;
	struct nat_seen_elem se = {.elem = {.family = (uint8_t)rd->family, .map = (uint8_t)rd->map}};
	uint32_t len = 0, end_len = 0, data_len = 0, user_len = 0;
	const void *key = nftnl_set_elem_get(x, NFTNL_SET_ELEM_KEY, &len), *end, *data, *user;
	const char *object;

	se.is_border = nftnl_set_elem_is_set(x, NFTNL_SET_ELEM_FLAGS) &&
		       nftnl_set_elem_get_u32(x, NFTNL_SET_ELEM_FLAGS) & NFT_SET_ELEM_INTERVAL_END;
	end = nftnl_set_elem_is_set(x, NFTNL_SET_ELEM_KEY_END) ? nftnl_set_elem_get(x, NFTNL_SET_ELEM_KEY_END, &end_len)
							       : NULL;
	if (!end) {
		end = key;
		end_len = len;
	}
	data = nftnl_set_elem_is_set(x, NFTNL_SET_ELEM_DATA) ? nftnl_set_elem_get(x, NFTNL_SET_ELEM_DATA, &data_len)
							     : NULL;
	user = nftnl_set_elem_is_set(x, NFTNL_SET_ELEM_USERDATA)
		       ? nftnl_set_elem_get(x, NFTNL_SET_ELEM_USERDATA, &user_len)
		       : NULL;
	if (!key || len > NAT_KEY_MAX || end_len != len || data_len > NAT_DATA_MAX)
		return 0;
	se.elem.key_len = (uint8_t)len;
	memcpy(se.elem.key, key, len);
	memcpy(se.elem.key_end, end, len);
	if (data) {
		se.elem.data_len = (uint8_t)data_len;
		memcpy(se.elem.data, data, data_len);
	}
	if (user && user_len == sizeof se.elem.rule)
		memcpy(&se.elem.rule, user, user_len);
	object = nftnl_set_elem_is_set(x, NFTNL_SET_ELEM_OBJREF) ? nftnl_set_elem_get_str(x, NFTNL_SET_ELEM_OBJREF)
								 : NULL;
	if (object)
		take_idle(&se.elem, object);
	nftnl_set_elem_expr_foreach(x, take_counter, &se.counts);
	if (reserve((void **)&s->elems, s->n_elems, &s->cap, sizeof *s->elems) < 0) {
		rd->oom = true;
		return -1;
	}
	s->elems[s->n_elems++] = se;
	return 0;
}

static int on_elems(const struct nlmsghdr *h, void *ctx)
{
	struct reading *rd = ctx;
	struct nftnl_set *s = nftnl_set_alloc();

	if (!s) {
		rd->oom = true;
		return MNL_CB_OK;
	}
	if (nftnl_set_elems_nlmsg_parse(h, s) == 0)
		nftnl_set_elem_foreach(s, on_elem, rd);
	nftnl_set_free(s);
	return MNL_CB_OK;
}

static int cmp_seen(const void *a, const void *b)
{
	return nat_elem_cmp(&((const struct nat_seen_elem *)a)->elem, &((const struct nat_seen_elem *)b)->elem);
}

static int cmp_borders(const void *va, const void *vb)
{
	const struct nat_seen_elem *a = va, *b = vb;
	int r = memcmp(a->elem.key, b->elem.key, sizeof a->elem.key);

	return r ? r : b->is_border - a->is_border;
}

/*
 * A tree has the borders of ranges, one by one and in no order that is promised: each range ends before the next border, be it another
 * range's, as somebody may have put it there.
 */
static void join_ranges(struct nat_seen *s, size_t first)
{
	struct nat_seen_elem *v = s->elems + first;
	size_t n = s->n_elems - first, kept = 0;

	if (n)
		qsort(v, n, sizeof *v, cmp_borders);
	for (size_t i = 0; i < n; i++) {
		struct nat_seen_elem se = v[i];
		uint8_t *end = se.elem.key_end;

		if (se.is_border)
			continue;
		memset(end, 0xff, se.elem.key_len);
		if (i + 1 < n) {
			memcpy(end, v[i + 1].elem.key, se.elem.key_len);
			for (int k = se.elem.key_len; k > 0 && end[--k]-- == 0;)
				;
		}
		v[kept++] = se;
	}
	s->n_elems = first + kept;
}

/* --- the whole --- */

static int ask(struct mnl_socket *s, uint16_t type, uint16_t name_attr, const char *name, uint16_t table_attr,
	       mnl_cb_t cb, void *ctx)
{
	char buf[512];
	struct nlmsghdr *h =
		nftnl_nlmsg_build_hdr(buf, type, type == NFT_MSG_GETTABLE ? NFPROTO_UNSPEC : NFPROTO_INET, 0, 0);

	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (table_attr)
		mnl_attr_put_strz(h, table_attr, NAT_TABLE);
	if (name)
		mnl_attr_put_strz(h, name_attr, name);
	return nat_ask(s, h, cb, ctx);
}

static void forget(struct nat_seen *s)
{
	struct nat_seen kept = {
		.table = s->table,
		.flagged = s->flagged,
		.others = s->others,
		.elems = s->elems,
		.cap = s->cap,
		.idles = s->idles,
	};

	*s = kept;
}

static int read_elems(struct mnl_socket *s, struct reading *rd, unsigned i)
{
	enum nat_map map = (enum nat_map)(i % NAT_MAP_MAX);
	size_t first = rd->seen->n_elems;
	char name[24];
	int r;

	rd->family = i / NAT_MAP_MAX;
	rd->map = map;
	r = ask(s, NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_SET, nat_set_name(rd->family, map, name),
		NFTA_SET_ELEM_LIST_TABLE, on_elems, rd);
	if (r == 0 && nat_map_kind(map) == NAT_TREE)
		join_ranges(rd->seen, first);
	return r;
}

static int read_objects(struct mnl_socket *s, struct reading *rd)
{
	return ask(s, NFT_MSG_GETOBJ, 0, NULL, NFTA_OBJ_TABLE, on_object, rd);
}

static int read_rest(struct mnl_socket *s, struct reading *rd)
{
	int r = ask(s, NFT_MSG_GETCHAIN, 0, NULL, 0, on_chain, rd);

	if (r == 0)
		r = ask(s, NFT_MSG_GETRULE, 0, NULL, NFTA_RULE_TABLE, on_rule, rd);
	if (r == 0)
		r = ask(s, NFT_MSG_GETSET, 0, NULL, NFTA_SET_TABLE, on_set, rd);
	if (r == 0)
		r = read_objects(s, rd);
	for (unsigned i = 0; r == 0 && rd->seen->sets == NAT_FAMILIES * NAT_MAP_MAX && i < rd->seen->sets; i++)
		r = read_elems(s, rd, i);
	return r;
}

int nat_seen_counts(struct mnl_socket *s, struct nat_seen *ret)
{
	struct reading rd = {.seen = ret};
	int r = -EINTR;

	for (int k = 0; k < ATTEMPTS && r == -EINTR; k++) {
		forget(ret);
		r = read_objects(s, &rd);
	}
	return rd.oom ? -ENOMEM : r;
}

int nat_seen_elem_counts(struct mnl_socket *s, uint32_t maps, struct nat_seen *ret)
{
	struct reading rd = {.seen = ret};
	int r = -EINTR;

	for (int k = 0; k < ATTEMPTS && r == -EINTR; k++) {
		forget(ret);
		r = 0;
		for (unsigned i = 0; r == 0 && i < NAT_FAMILIES * NAT_MAP_MAX; i++)
			if (maps & UINT32_C(1) << i && nat_map_counts((enum nat_map)(i % NAT_MAP_MAX)))
				r = read_elems(s, &rd, i);
	}
	return rd.oom ? -ENOMEM : r;
}

int nat_seen_read(struct mnl_socket *s, uint64_t mark, struct nat_seen *ret)
{
	struct reading rd = {.seen = ret, .mark = mark};
	int r = -EINTR;

	for (int i = 0; i < ATTEMPTS && r == -EINTR; i++) {
		ret->table = ret->flagged = false;
		ret->others = (struct nat_others){0};
		r = ask(s, NFT_MSG_GETTABLE, 0, NULL, 0, on_table, &rd);
	}
	if (rd.oom)
		return -ENOMEM;
	if (r < 0 || !ret->table)
		return r;
	r = -EINTR;
	for (int i = 0; i < ATTEMPTS && r == -EINTR; i++) {
		forget(ret);
		r = read_rest(s, &rd);
	}
	if (r == -ENOENT) { /* it has gone meanwhile */
		forget(ret);
		ret->table = false;
		return 0;
	}
	if (rd.oom)
		return -ENOMEM;
	if (r == 0 && ret->n_elems)
		qsort(ret->elems, ret->n_elems, sizeof *ret->elems, cmp_seen);
	return r;
}

void nat_seen_done(struct nat_seen *s)
{
	free(s->elems);
	free(s->idles);
	*s = (struct nat_seen){0};
}

bool nat_seen_idle(const struct nat_seen *s, const char *name)
{
	for (size_t i = 0; i < s->n_idles; i++)
		if (!strcmp(s->idles[i], name))
			return true;
	return false;
}
