/*
 * hnv.c - life cycle, keys and ids of the low-level records; see
 * hnv.h. Their rules are in hnv_check.c, their JSON in hnv_schema.c.
 */
#include "model/hnv.h"

#include "base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *path, *name;
} kinds[] = {
#define X(id, p, n) [GW_HNV_##id] = {.path = p, .name = n},
	GW_HNV_KINDS(X)
#undef X
};

const char *const gw_hnv_nat_types[] = {"Outbound", "Inbound", NULL};
const char *const gw_hnv_nat_protocols[] = {"All", "Tcp", "Udp", NULL};
const char *const gw_hnv_way_types[] = {"L3", "GRE", NULL};

static_assert(GW_NAT_OUTBOUND == 0 && GW_NAT_INBOUND == 1, "order of gw_hnv_nat_types");
static_assert(GW_WAY_L3 == 0 && GW_WAY_GRE == 1, "order of gw_hnv_way_types");
static_assert(GW_NAT_ALL == 0 && GW_NAT_TCP == 1 && GW_NAT_UDP == 2, "order of gw_hnv_nat_protocols");

const char *gw_hnv_kind_path(enum gw_hnv_kind kind)
{
	return kinds[kind].path;
}

const char *gw_hnv_kind_name(enum gw_hnv_kind kind)
{
	return kinds[kind].name;
}

int gw_hnv_kind_parse(const char *path, enum gw_hnv_kind *ret)
{
	for (int k = 0; k < GW_HNV_KIND_MAX; k++) {
		if (!strcasecmp(path, kinds[k].path)) {
			*ret = (enum gw_hnv_kind)k;
			return 0;
		}
	}
	return -ENOENT;
}

struct gw_hnv_object *gw_hnv_object_free(struct gw_hnv_object *o)
{
	if (o && o->kind == GW_HNV_LOOKUP_RECORD)
		free(o->record.vm_name);
	free(o);
	return NULL;
}

struct gw_hnv_object *gw_hnv_object_copy(const struct gw_hnv_object *o)
{
	struct gw_hnv_object *c = malloc(sizeof *c);

	if (!c)
		return NULL;
	*c = *o;
	c->by_key = (struct gw_hmap_node){0};
	c->by_mac = (struct gw_hmap_node){0};
	c->change = 0;
	if (o->kind == GW_HNV_LOOKUP_RECORD && o->record.vm_name) {
		c->record.vm_name = strdup(o->record.vm_name);
		if (!c->record.vm_name)
			return gw_hnv_object_free(c);
	}
	return c;
}

bool gw_hnv_same_key(const struct gw_hnv_object *a, const struct gw_hnv_object *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case GW_HNV_LOOKUP_RECORD:
		return a->record.vsid == b->record.vsid && gw_addr_equal(&a->record.ca, &b->record.ca);
	case GW_HNV_CUSTOMER_ROUTE:
		return a->croute.vsid == b->croute.vsid && gw_uuid_equal(&a->croute.rdid, &b->croute.rdid) &&
		       gw_prefix_equal(&a->croute.prefix, &b->croute.prefix) &&
		       gw_addr_equal(&a->croute.next_hop, &b->croute.next_hop);
	case GW_HNV_PROVIDER_ADDRESS:
		return gw_addr_equal(&a->paddr.pa, &b->paddr.pa);
	case GW_HNV_PROVIDER_ROUTE:
		return gw_prefix_equal(&a->proute.prefix, &b->proute.prefix) &&
		       !strcmp(a->proute.interface, b->proute.interface);
	case GW_HNV_PORT:
		return !strcmp(a->port.interface, b->port.interface);
	case GW_HNV_VRF:
		return gw_uuid_equal(&a->vrf.rdid, &b->vrf.rdid);
	case GW_HNV_PUBLIC:
		return a->public.first_port == b->public.first_port &&
		       gw_prefix_equal(&a->public.prefix, &b->public.prefix);
	case GW_HNV_NAT_RULE:
		return a->nat.type == b->nat.type && a->nat.protocol == b->nat.protocol && a->nat.port == b->nat.port &&
		       gw_uuid_equal(&a->nat.rdid, &b->nat.rdid) && gw_addr_equal(&a->nat.address, &b->nat.address) &&
		       gw_prefix_equal(&a->nat.customer, &b->nat.customer);
	case GW_HNV_CONNECTION:
		return gw_uuid_equal(&a->way.id, &b->way.id);
	case GW_HNV_CONNECTION_ADDRESS:
		return gw_uuid_equal(&a->way_address.id, &b->way_address.id) &&
		       gw_addr_equal(&a->way_address.address, &b->way_address.address);
	case GW_HNV_CONNECTION_ROUTE:
		return gw_uuid_equal(&a->way_route.id, &b->way_route.id) &&
		       gw_prefix_equal(&a->way_route.prefix, &b->way_route.prefix) &&
		       gw_addr_equal(&a->way_route.next_hop, &b->way_route.next_hop);
	case GW_HNV_KIND_MAX:
		break;
	}
	return false;
}

const struct gw_uuid *gw_hnv_rdid(const struct gw_hnv_object *o)
{
	switch (o->kind) {
	case GW_HNV_VRF:
		return &o->vrf.rdid;
	case GW_HNV_PUBLIC:
		return &o->public.rdid;
	case GW_HNV_NAT_RULE:
		return &o->nat.rdid;
	case GW_HNV_CONNECTION:
		return &o->way.rdid;
	case GW_HNV_CONNECTION_ADDRESS:
		return &o->way_address.rdid;
	case GW_HNV_CONNECTION_ROUTE:
		return &o->way_route.rdid;
	default:
		return NULL;
	}
}

static bool same_way(const struct gw_way *a, const struct gw_way *b)
{
	if (a->has_interface != b->has_interface || a->has_source != b->has_source ||
	    a->has_destination != b->has_destination || a->has_key != b->has_key)
		return false;
	if (a->has_interface && strcmp(a->interface, b->interface) != 0)
		return false;
	if (a->has_source && !gw_addr_equal(&a->source, &b->source))
		return false;
	if (a->has_destination && !gw_addr_equal(&a->destination, &b->destination))
		return false;
	return (!a->has_key || a->key == b->key) && a->type == b->type && a->vlan == b->vlan &&
	       a->out_kbps == b->out_kbps && a->in_kbps == b->in_kbps && gw_uuid_equal(&a->rdid, &b->rdid);
}

static bool same_vrf(const struct gw_vrf *a, const struct gw_vrf *b)
{
	if (a->has_ca != b->has_ca || a->has_ca6 != b->has_ca6)
		return false;
	if (a->has_ca && (!gw_addr_equal(&a->ca, &b->ca) || a->prefix_len != b->prefix_len))
		return false;
	if (a->has_ca6 && (!gw_addr_equal(&a->ca6, &b->ca6) || a->prefix_len6 != b->prefix_len6))
		return false;
	return a->vsid == b->vsid && gw_mac_equal(&a->mac, &b->mac);
}

static bool same_record(const struct gw_lookup_record *a, const struct gw_lookup_record *b)
{
	if (a->has_customer_id != b->has_customer_id || !a->vm_name != !b->vm_name)
		return false;
	if (a->has_customer_id && !gw_uuid_equal(&a->customer_id, &b->customer_id))
		return false;
	if (a->vm_name && strcmp(a->vm_name, b->vm_name) != 0)
		return false;
	return gw_addr_equal(&a->pa, &b->pa) && gw_mac_equal(&a->mac, &b->mac) && a->rule == b->rule &&
	       a->encap == b->encap && a->type == b->type && a->use_vm_mac == b->use_vm_mac;
}

bool gw_hnv_same_content(const struct gw_hnv_object *a, const struct gw_hnv_object *b)
{
	if (!gw_hnv_same_key(a, b))
		return false;
	switch (a->kind) {
	case GW_HNV_LOOKUP_RECORD:
		return same_record(&a->record, &b->record);
	case GW_HNV_CUSTOMER_ROUTE:
		return a->croute.metric == b->croute.metric;
	case GW_HNV_PROVIDER_ADDRESS:
		return a->paddr.prefix_len == b->paddr.prefix_len && a->paddr.vlan == b->paddr.vlan &&
		       !strcmp(a->paddr.interface, b->paddr.interface);
	case GW_HNV_PROVIDER_ROUTE:
		return gw_addr_equal(&a->proute.next_hop, &b->proute.next_hop);
	case GW_HNV_PORT:
		return gw_mac_equal(&a->port.mac, &b->port.mac) && a->port.vsid == b->port.vsid &&
		       a->port.forwards == b->port.forwards;
	case GW_HNV_VRF:
		return same_vrf(&a->vrf, &b->vrf);
	case GW_HNV_PUBLIC:
		return a->public.port_count == b->public.port_count && gw_uuid_equal(&a->public.rdid, &b->public.rdid);
	case GW_HNV_NAT_RULE:
		return a->nat.port_count == b->nat.port_count && a->nat.customer_port == b->nat.customer_port &&
		       a->nat.idle_minutes == b->nat.idle_minutes;
	case GW_HNV_CONNECTION:
		return same_way(&a->way, &b->way);
	case GW_HNV_CONNECTION_ADDRESS:
		return a->way_address.prefix_len == b->way_address.prefix_len &&
		       a->way_address.peer == b->way_address.peer &&
		       gw_uuid_equal(&a->way_address.rdid, &b->way_address.rdid);
	case GW_HNV_CONNECTION_ROUTE:
		return a->way_route.metric == b->way_route.metric &&
		       gw_uuid_equal(&a->way_route.rdid, &b->way_route.rdid);
	case GW_HNV_KIND_MAX:
		break;
	}
	return false;
}

uint32_t gw_hnv_key_hash(const struct gw_hnv_object *o)
{
	uint32_t h = o->kind;

	switch (o->kind) {
	case GW_HNV_LOOKUP_RECORD:
		h = gw_hash_bytes(&o->record.ca, sizeof o->record.ca, o->record.vsid);
		break;
	case GW_HNV_CUSTOMER_ROUTE:
		h = gw_hash_bytes(&o->croute.rdid, sizeof o->croute.rdid, o->croute.vsid);
		h = gw_hash_bytes(&o->croute.prefix.addr, sizeof o->croute.prefix.addr, h + o->croute.prefix.len);
		h = gw_hash_bytes(&o->croute.next_hop, sizeof o->croute.next_hop, h);
		break;
	case GW_HNV_PROVIDER_ADDRESS:
		h = gw_hash_bytes(&o->paddr.pa, sizeof o->paddr.pa, h);
		break;
	case GW_HNV_PROVIDER_ROUTE:
		h = gw_hash_bytes(o->proute.interface, strlen(o->proute.interface), o->proute.prefix.len);
		h = gw_hash_bytes(&o->proute.prefix.addr, sizeof o->proute.prefix.addr, h);
		break;
	case GW_HNV_PORT:
		h = gw_hash_bytes(o->port.interface, strlen(o->port.interface), h);
		break;
	case GW_HNV_VRF:
		h = gw_hash_bytes(&o->vrf.rdid, sizeof o->vrf.rdid, h);
		break;
	case GW_HNV_PUBLIC:
		h = gw_hash_bytes(&o->public.prefix.addr, sizeof o->public.prefix.addr, h + o->public.prefix.len);
		h = gw_hash_bytes(&o->public.first_port, sizeof o->public.first_port, h);
		break;
	case GW_HNV_NAT_RULE:
		h = gw_hash_bytes(&o->nat.rdid, sizeof o->nat.rdid, h + o->nat.type * 3u + o->nat.protocol);
		h = gw_hash_bytes(&o->nat.address, sizeof o->nat.address, h + o->nat.port);
		h = gw_hash_bytes(&o->nat.customer.addr, sizeof o->nat.customer.addr, h + o->nat.customer.len);
		break;
	case GW_HNV_CONNECTION:
		h = gw_hash_bytes(&o->way.id, sizeof o->way.id, h);
		break;
	case GW_HNV_CONNECTION_ADDRESS:
		h = gw_hash_bytes(&o->way_address.id, sizeof o->way_address.id, h);
		h = gw_hash_bytes(&o->way_address.address, sizeof o->way_address.address, h);
		break;
	case GW_HNV_CONNECTION_ROUTE:
		h = gw_hash_bytes(&o->way_route.id, sizeof o->way_route.id, h + o->way_route.prefix.len);
		h = gw_hash_bytes(&o->way_route.prefix.addr, sizeof o->way_route.prefix.addr, h);
		h = gw_hash_bytes(&o->way_route.next_hop, sizeof o->way_route.next_hop, h);
		break;
	case GW_HNV_KIND_MAX:
		break;
	}
	return h;
}

/* '/' would end a path segment. */
static const char *format_path_prefix(const struct gw_prefix *p, char buf[static GW_PREFIX_STRLEN])
{
	gw_prefix_format(p, buf);
	*strchr(buf, '/') = '_';
	return buf;
}

const char *gw_hnv_place(const struct gw_nat_rule *r, char buf[static GW_PLACE_STRLEN])
{
	char a[GW_ADDR_STRLEN];

	static_assert(sizeof "Outbound-All-65535-" + GW_ADDR_STRLEN <= GW_PLACE_STRLEN, "room for the longest place");
	snprintf(buf, GW_PLACE_STRLEN, "%s-%s-%s-%u", gw_hnv_nat_types[r->type], gw_hnv_nat_protocols[r->protocol],
		 gw_addr_format(&r->address, a), r->port);
	return buf;
}

const char *gw_hnv_id(const struct gw_hnv_object *o, char buf[static GW_ID_STRLEN])
{
	char a[GW_ADDR_STRLEN], p[GW_PREFIX_STRLEN], u[GW_UUID_STRLEN], place[GW_PLACE_STRLEN];

	static_assert(GW_UUID_STRLEN + sizeof "Outbound-All-65535-" + GW_PREFIX_STRLEN + GW_ADDR_STRLEN <= GW_ID_STRLEN,
		      "room for the longest id");
	switch (o->kind) {
	case GW_HNV_LOOKUP_RECORD:
		snprintf(buf, GW_ID_STRLEN, "%u-%s", o->record.vsid, gw_addr_format(&o->record.ca, a));
		break;
	case GW_HNV_CUSTOMER_ROUTE:
		snprintf(buf, GW_ID_STRLEN, "%s-%u-%s-%s", gw_uuid_format(&o->croute.rdid, u), o->croute.vsid,
			 format_path_prefix(&o->croute.prefix, p), gw_addr_format(&o->croute.next_hop, a));
		break;
	case GW_HNV_PROVIDER_ADDRESS:
		gw_addr_format(&o->paddr.pa, buf);
		break;
	case GW_HNV_PROVIDER_ROUTE:
		snprintf(buf, GW_ID_STRLEN, "%s-%s", o->proute.interface, format_path_prefix(&o->proute.prefix, p));
		break;
	case GW_HNV_PORT:
		snprintf(buf, GW_ID_STRLEN, "%s", o->port.interface);
		break;
	case GW_HNV_VRF:
		gw_uuid_format(&o->vrf.rdid, buf);
		break;
	case GW_HNV_PUBLIC:
		snprintf(buf, GW_ID_STRLEN, "%s-%u", format_path_prefix(&o->public.prefix, p), o->public.first_port);
		break;
	case GW_HNV_NAT_RULE:
		snprintf(buf, GW_ID_STRLEN, "%s-%s-%s", gw_uuid_format(&o->nat.rdid, u), gw_hnv_place(&o->nat, place),
			 format_path_prefix(&o->nat.customer, p));
		break;
	case GW_HNV_CONNECTION:
		gw_uuid_format(&o->way.id, buf);
		break;
	case GW_HNV_CONNECTION_ADDRESS:
		snprintf(buf, GW_ID_STRLEN, "%s-%s", gw_uuid_format(&o->way_address.id, u),
			 gw_addr_format(&o->way_address.address, a));
		break;
	case GW_HNV_CONNECTION_ROUTE:
		snprintf(buf, GW_ID_STRLEN, "%s-%s-%s", gw_uuid_format(&o->way_route.id, u),
			 format_path_prefix(&o->way_route.prefix, p), gw_addr_format(&o->way_route.next_hop, a));
		break;
	case GW_HNV_KIND_MAX:
		buf[0] = '\0';
		break;
	}
	return buf;
}

bool gw_hnv_record_is_router(const struct gw_lookup_record *r)
{
	return gw_addr_is_v4(&r->pa) && gw_addr_is_link_local(&r->pa);
}

const char *gw_vrf_port(uint32_t vsid, char buf[static IFNAMSIZ])
{
	snprintf(buf, IFNAMSIZ, "gwo%u", vsid);
	return buf;
}

const char *gw_vrf_exit(uint32_t vsid, char buf[static IFNAMSIZ])
{
	snprintf(buf, IFNAMSIZ, "gwe%u", vsid);
	return buf;
}

/* FNV-1a: the same in every process, as names in the kernel have to be, which the tables' hash is not. Ids are chosen by chance. */
static uint64_t way_hash(const struct gw_uuid *id)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < sizeof id->b; i++)
		h = (h ^ id->b[i]) * UINT64_C(0x100000001b3);
	return h;
}

uint32_t gw_way_number(const struct gw_uuid *id)
{
	uint64_t h = way_hash(id);
	uint32_t n = (uint32_t)(h ^ h >> 32);

	return n ? n : 1;
}

const char *gw_way_link(const struct gw_uuid *id, char buf[static IFNAMSIZ])
{
	snprintf(buf, IFNAMSIZ, GW_WAY_LINK "%08x", gw_way_number(id));
	return buf;
}

const char *gw_way_inside(const struct gw_uuid *id, char buf[static IFNAMSIZ])
{
	snprintf(buf, IFNAMSIZ, GW_WAY_INSIDE "%08x", gw_way_number(id));
	return buf;
}

/* Locally administered. Five bytes of chance: two on one VLAN would have to have all of them alike. */
struct gw_mac gw_way_mac(const struct gw_uuid *id)
{
	uint32_t n = gw_way_number(id), more = (uint32_t)(way_hash(id) >> 40);

	return (struct gw_mac){
		{2, (uint8_t)more, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

uint16_t gw_way_tag(const struct gw_uuid *id)
{
	return (uint16_t)gw_hash_bytes(id, sizeof *id, 0x7461670a);
}

bool gw_hnv_interface_valid(const char *name)
{
	size_t n = strnlen(name, IFNAMSIZ);

	if (n == 0 || n >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, "..") || !gw_utf8_is_printable(name))
		return false;
	return !name[strcspn(name, "/: \t\n\v\f\r")];
}
