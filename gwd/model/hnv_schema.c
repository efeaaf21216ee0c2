/*
 * hnv_schema.c - see hnv_schema.h. The tables below are all that is known here about each kind: a row says what a
 * property is called, how its value is written and where it lives. What the values mean together is for gw_hnv_check.
 *
 * Called by the API and the store; what comes in may be hostile, what it refuses it refuses whole.
 */
#include "model/hnv_schema.h"

#include "model/property.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const rule_values[] = {"TranslationMethodEncap", "TranslationMethodNat", "None", NULL};
static const char *const encap_values[] = {"VXLAN", "NVGRE", NULL};
static const char *const type_values[] = {"Static", "Dynamic", "L2Only", "GatewayWildcard", NULL};

static_assert(GW_RULE_ENCAP == 0 && GW_RULE_NAT == 1 && GW_RULE_NONE == 2, "order of rule_values");
static_assert(GW_ENCAP_VXLAN == 0 && GW_ENCAP_NVGRE == 1, "order of encap_values");
static_assert(GW_RECORD_STATIC == 0 && GW_RECORD_DYNAMIC == 1 && GW_RECORD_L2ONLY == 2 && GW_RECORD_WILDCARD == 3,
	      "order of type_values");

#define AT(m) .offset = offsetof(struct gw_hnv_object, m), .size = sizeof(((struct gw_hnv_object *)0)->m)

static const struct gw_property lookup_record[] = {
	{.name = "CustomerAddress", AT(record.ca), .type = GW_PROPERTY_ADDR, .flags = GW_PROPERTY_IS_KEY},
	{.name = "VirtualSubnetID", AT(record.vsid), .type = GW_PROPERTY_VSID, .flags = GW_PROPERTY_IS_KEY},
	{.name = "MACAddress", AT(record.mac), .type = GW_PROPERTY_MAC, .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "ProviderAddress", AT(record.pa), .type = GW_PROPERTY_ADDR, .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "Rule", AT(record.rule), .type = GW_PROPERTY_ENUM, .values = rule_values, .def = GW_RULE_ENCAP},
	{.name = "Encapsulation",
	 AT(record.encap),
	 .type = GW_PROPERTY_ENUM,
	 .values = encap_values,
	 .flags = GW_PROPERTY_DEFAULT_ENCAP},
	{.name = "Type", AT(record.type), .type = GW_PROPERTY_ENUM, .values = type_values, .def = GW_RECORD_STATIC},
	{.name = "CustomerID",
	 AT(record.customer_id),
	 .type = GW_PROPERTY_UUID,
	 .present = offsetof(struct gw_hnv_object, record.has_customer_id)},
	{.name = "VMName", AT(record.vm_name), .type = GW_PROPERTY_TEXT},
	{.name = "UseVmMACAddress", AT(record.use_vm_mac), .type = GW_PROPERTY_BOOL},
	{0},
};

static const struct gw_property customer_route[] = {
	{.name = "RoutingDomainID", AT(croute.rdid), .type = GW_PROPERTY_UUID, .flags = GW_PROPERTY_IS_KEY},
	{.name = "VirtualSubnetID", AT(croute.vsid), .type = GW_PROPERTY_VSID, .flags = GW_PROPERTY_IS_KEY},
	{.name = "DestinationPrefix", AT(croute.prefix), .type = GW_PROPERTY_PREFIX, .flags = GW_PROPERTY_IS_KEY},
	{.name = "NextHop", AT(croute.next_hop), .type = GW_PROPERTY_ADDR, .flags = GW_PROPERTY_IS_KEY},
	{.name = "Metric", AT(croute.metric), .type = GW_PROPERTY_UINT, .max = UINT32_MAX, .def = 255},
	{0},
};

static const struct gw_property provider_address[] = {
	{.name = "ProviderAddress", AT(paddr.pa), .type = GW_PROPERTY_ADDR, .flags = GW_PROPERTY_IS_KEY},
	{.name = "PrefixLength",
	 AT(paddr.prefix_len),
	 .type = GW_PROPERTY_UINT,
	 .max = 128,
	 .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "Interface", AT(paddr.interface), .type = GW_PROPERTY_INTERFACE, .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "VlanID", AT(paddr.vlan), .type = GW_PROPERTY_UINT, .max = 4094},
	{0},
};

static const struct gw_property provider_route[] = {
	{.name = "DestinationPrefix", AT(proute.prefix), .type = GW_PROPERTY_PREFIX, .flags = GW_PROPERTY_IS_KEY},
	{.name = "NextHop", AT(proute.next_hop), .type = GW_PROPERTY_ADDR, .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "Interface", AT(proute.interface), .type = GW_PROPERTY_INTERFACE, .flags = GW_PROPERTY_IS_KEY},
	{0},
};

static const struct gw_property port[] = {
	{.name = "Interface", AT(port.interface), .type = GW_PROPERTY_INTERFACE, .flags = GW_PROPERTY_IS_KEY},
	{.name = "MACAddress", AT(port.mac), .type = GW_PROPERTY_MAC, .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "VirtualSubnetID", AT(port.vsid), .type = GW_PROPERTY_VSID, .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "AllowForwarding", AT(port.forwards), .type = GW_PROPERTY_BOOL},
	{0},
};

static const struct gw_property vrf[] = {
	{.name = "RoutingDomainID", AT(vrf.rdid), .type = GW_PROPERTY_UUID, .flags = GW_PROPERTY_IS_KEY},
	{.name = "VirtualSubnetID", AT(vrf.vsid), .type = GW_PROPERTY_VSID, .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "MACAddress", AT(vrf.mac), .type = GW_PROPERTY_MAC, .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "CustomerAddress",
	 AT(vrf.ca),
	 .type = GW_PROPERTY_ADDR,
	 .present = offsetof(struct gw_hnv_object, vrf.has_ca)},
	{.name = "PrefixLength", AT(vrf.prefix_len), .type = GW_PROPERTY_UINT, .max = 32, .def = 32},
	{.name = "CustomerAddressV6",
	 AT(vrf.ca6),
	 .type = GW_PROPERTY_ADDR,
	 .present = offsetof(struct gw_hnv_object, vrf.has_ca6)},
	{.name = "PrefixLengthV6", AT(vrf.prefix_len6), .type = GW_PROPERTY_UINT, .max = 128, .def = 128},
	{0},
};

static const struct gw_property public_address[] = {
	{.name = "PublicPrefix", AT(public.prefix), .type = GW_PROPERTY_PREFIX, .flags = GW_PROPERTY_IS_KEY},
	{.name = "FirstPort",
	 AT(public.first_port),
	 .type = GW_PROPERTY_UINT,
	 .max = 65535,
	 .flags = GW_PROPERTY_IS_KEY},
	{.name = "PortCount", AT(public.port_count), .type = GW_PROPERTY_UINT, .max = 65536},
	{.name = "RoutingDomainID", AT(public.rdid), .type = GW_PROPERTY_UUID, .flags = GW_PROPERTY_IS_REQUIRED},
	{0},
};

static const struct gw_property nat_rule[] = {
	{.name = "RoutingDomainID", AT(nat.rdid), .type = GW_PROPERTY_UUID, .flags = GW_PROPERTY_IS_KEY},
	{.name = "Type",
	 AT(nat.type),
	 .type = GW_PROPERTY_ENUM,
	 .values = gw_hnv_nat_types,
	 .flags = GW_PROPERTY_IS_KEY},
	{.name = "Protocol",
	 AT(nat.protocol),
	 .type = GW_PROPERTY_ENUM,
	 .values = gw_hnv_nat_protocols,
	 .flags = GW_PROPERTY_IS_KEY},
	{.name = "PublicAddress", AT(nat.address), .type = GW_PROPERTY_ADDR, .flags = GW_PROPERTY_IS_KEY},
	{.name = "PublicPort", AT(nat.port), .type = GW_PROPERTY_UINT, .max = 65535, .flags = GW_PROPERTY_IS_KEY},
	{.name = "CustomerPrefix", AT(nat.customer), .type = GW_PROPERTY_PREFIX, .flags = GW_PROPERTY_IS_KEY},
	{.name = "PortCount", AT(nat.port_count), .type = GW_PROPERTY_UINT, .max = 65536},
	{.name = "CustomerPort", AT(nat.customer_port), .type = GW_PROPERTY_UINT, .max = 65535},
	{.name = "IdleTimeout", AT(nat.idle_minutes), .type = GW_PROPERTY_UINT, .max = 1440},
	{0},
};

static const struct gw_property connection[] = {
	{.name = "ConnectionID", AT(way.id), .type = GW_PROPERTY_UUID, .flags = GW_PROPERTY_IS_KEY},
	{.name = "RoutingDomainID", AT(way.rdid), .type = GW_PROPERTY_UUID, .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "Type",
	 AT(way.type),
	 .type = GW_PROPERTY_ENUM,
	 .values = gw_hnv_way_types,
	 .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "Interface",
	 AT(way.interface),
	 .type = GW_PROPERTY_INTERFACE,
	 .present = offsetof(struct gw_hnv_object, way.has_interface)},
	{.name = "VlanID", AT(way.vlan), .type = GW_PROPERTY_UINT, .max = 4094},
	{.name = "SourceAddress",
	 AT(way.source),
	 .type = GW_PROPERTY_ADDR,
	 .present = offsetof(struct gw_hnv_object, way.has_source)},
	{.name = "DestinationAddress",
	 AT(way.destination),
	 .type = GW_PROPERTY_ADDR,
	 .present = offsetof(struct gw_hnv_object, way.has_destination)},
	{.name = "Key",
	 AT(way.key),
	 .type = GW_PROPERTY_UINT,
	 .max = UINT32_MAX,
	 .present = offsetof(struct gw_hnv_object, way.has_key)},
	{.name = "OutboundKilobits", AT(way.out_kbps), .type = GW_PROPERTY_UINT, .max = UINT32_MAX},
	{.name = "InboundKilobits", AT(way.in_kbps), .type = GW_PROPERTY_UINT, .max = UINT32_MAX},
	{0},
};

static const struct gw_property connection_address[] = {
	{.name = "ConnectionID", AT(way_address.id), .type = GW_PROPERTY_UUID, .flags = GW_PROPERTY_IS_KEY},
	{.name = "Address", AT(way_address.address), .type = GW_PROPERTY_ADDR, .flags = GW_PROPERTY_IS_KEY},
	{.name = "RoutingDomainID", AT(way_address.rdid), .type = GW_PROPERTY_UUID, .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "PrefixLength",
	 AT(way_address.prefix_len),
	 .type = GW_PROPERTY_UINT,
	 .max = 128,
	 .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "Peer", AT(way_address.peer), .type = GW_PROPERTY_BOOL},
	{0},
};

static const struct gw_property connection_route[] = {
	{.name = "ConnectionID", AT(way_route.id), .type = GW_PROPERTY_UUID, .flags = GW_PROPERTY_IS_KEY},
	{.name = "DestinationPrefix", AT(way_route.prefix), .type = GW_PROPERTY_PREFIX, .flags = GW_PROPERTY_IS_KEY},
	{.name = "NextHop", AT(way_route.next_hop), .type = GW_PROPERTY_ADDR, .flags = GW_PROPERTY_IS_KEY},
	{.name = "RoutingDomainID", AT(way_route.rdid), .type = GW_PROPERTY_UUID, .flags = GW_PROPERTY_IS_REQUIRED},
	{.name = "Metric", AT(way_route.metric), .type = GW_PROPERTY_UINT, .max = UINT32_MAX, .def = 255},
	{0},
};

static const struct gw_property *const tables[] = {
	[GW_HNV_LOOKUP_RECORD] = lookup_record,
	[GW_HNV_CUSTOMER_ROUTE] = customer_route,
	[GW_HNV_PROVIDER_ADDRESS] = provider_address,
	[GW_HNV_PROVIDER_ROUTE] = provider_route,
	[GW_HNV_PORT] = port,
	[GW_HNV_VRF] = vrf,
	[GW_HNV_PUBLIC] = public_address,
	[GW_HNV_NAT_RULE] = nat_rule,
	[GW_HNV_CONNECTION] = connection,
	[GW_HNV_CONNECTION_ADDRESS] = connection_address,
	[GW_HNV_CONNECTION_ROUTE] = connection_route,
};

/* Answered by us, ignored when they come back in a PUT. */
static const char *const read_only_envelope[] = {"resourceRef", "resourceId", "etag", "instanceId", NULL};
static const char *const read_only_properties[] = {"provisioningState",
						   "configurationState",
						   "state",
						   "stateDetail",
						   "counters",
						   "nat",
						   "link",
						   "mtu",
						   "pathMtu",
						   "dropReasons",
						   "connectionState",
						   "connectionUpTime",
						   "unreachabilityReason",
						   "outboundRateLimitedDrops",
						   "inboundRateLimitedDrops",
						   "outboundRate",
						   "inboundRate",
						   NULL};

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (!strcasecmp(name, *list))
			return true;
	return false;
}

static const struct gw_property *find_row(enum gw_hnv_kind kind, const char *name)
{
	for (const struct gw_property *row = tables[kind]; row->name; row++)
		if (!strcasecmp(row->name, name))
			return row;
	return NULL;
}

/* --- resource ids --- */

#define MAX_PARTS 6

/* The parts of an id, joined by '-'. Only the first may contain one itself (a UUID, an interface name). */
static const struct {
	const char *parts[MAX_PARTS];
	const char *example;
} ids[] = {
	[GW_HNV_LOOKUP_RECORD] = {{"VirtualSubnetID", "CustomerAddress"}, "5001-192.168.1.101"},
	[GW_HNV_CUSTOMER_ROUTE] = {{"RoutingDomainID", "VirtualSubnetID", "DestinationPrefix", "NextHop"},
				   "11111111-2222-3333-4444-000000000000-5001-192.168.1.0_24-0.0.0.0"},
	[GW_HNV_PROVIDER_ADDRESS] = {{"ProviderAddress"}, "10.1.1.20"},
	[GW_HNV_PROVIDER_ROUTE] = {{"Interface", "DestinationPrefix"}, "eth1-10.2.0.0_16"},
	[GW_HNV_PORT] = {{"Interface"}, "tap0"},
	[GW_HNV_VRF] = {{"RoutingDomainID"}, "11111111-2222-3333-4444-000000000000"},
	[GW_HNV_PUBLIC] = {{"PublicPrefix", "FirstPort"}, "203.0.113.5_32-0"},
	[GW_HNV_NAT_RULE] = {{"RoutingDomainID", "Type", "Protocol", "PublicAddress", "PublicPort", "CustomerPrefix"},
			     "11111111-2222-3333-4444-000000000000-Outbound-All-203.0.113.5-0-10.0.0.0_8"},
	[GW_HNV_CONNECTION] = {{"ConnectionID"}, "33333333-2222-3333-4444-000000000000"},
	[GW_HNV_CONNECTION_ADDRESS] = {{"ConnectionID", "Address"}, "33333333-2222-3333-4444-000000000000-10.254.0.1"},
	[GW_HNV_CONNECTION_ROUTE] = {{"ConnectionID", "DestinationPrefix", "NextHop"},
				     "33333333-2222-3333-4444-000000000000-172.20.0.0_16-0.0.0.0"},
};

static int bad_id(enum gw_hnv_kind kind, const char *id, struct gw_error *err)
{
	char form[128] = "";
	size_t n = 0;

	for (size_t i = 0; i < MAX_PARTS && ids[kind].parts[i] && n < sizeof form; i++)
		n += (size_t)snprintf(form + n, sizeof form - n, "%s%s", i ? "-" : "", ids[kind].parts[i]);
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "resourceId",
			    "\"%.160s\" is no id of a %s: it is made as %s, for example %s", id, gw_hnv_kind_name(kind),
			    form, ids[kind].example);
}

/* A number of a path is text. */
static int set_part(const struct gw_property *row, const char *part, struct gw_hnv_object *o)
{
	unsigned long v;

	if (row->type != GW_PROPERTY_UINT)
		return gw_property_set_text(row, part, o, NULL);
	if (!*part || part[strspn(part, "0123456789")] || strlen(part) > 9)
		return -EINVAL;
	v = strtoul(part, NULL, 10);
	if (v < row->min || v > row->max)
		return -EINVAL;
	gw_property_set_number(row, (uint32_t)v, o);
	return 0;
}

static int parse_id(enum gw_hnv_kind kind, const char *id, struct gw_hnv_object *o)
{
	char text[GW_ID_STRLEN];
	size_t n = strlen(id), i = 0;

	if (n >= sizeof text)
		return -EINVAL;
	memcpy(text, id, n + 1);
	while (i < MAX_PARTS - 1 && ids[kind].parts[i + 1])
		i++;
	for (;; i--) {
		const struct gw_property *row = find_row(kind, ids[kind].parts[i]);
		char *dash = i ? strrchr(text, '-') : NULL, *part = dash ? dash + 1 : text;

		if (i && !dash)
			return -EINVAL;
		if (row->type == GW_PROPERTY_PREFIX) {
			char *slash = strchr(part, '_');

			if (!slash || strchr(part, '/'))
				return -EINVAL;
			*slash = '/';
		}
		if (set_part(row, part, o) < 0)
			return -EINVAL;
		if (!i)
			return 0;
		*dash = '\0';
	}
}

int gw_hnv_decode_id(enum gw_hnv_kind kind, const char *id, struct gw_hnv_object **ret, struct gw_error *err)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	if (!o)
		return gw_error_oom(err);
	o->kind = kind;
	if (parse_id(kind, id, o) < 0) {
		gw_hnv_object_free(o);
		return bad_id(kind, id, err);
	}
	*ret = o;
	return 0;
}

/* --- whole objects --- */

static int unknown(const char *where, const char *name, struct gw_error *err)
{
	char target[160];

	snprintf(target, sizeof target, "%s%.120s", where, name);
	return gw_error_set(err, EINVAL, GW_ERR_UNKNOWN_PROPERTY, target, "there is no such property");
}

static int twice(const char *where, const char *name, struct gw_error *err)
{
	char target[160];

	snprintf(target, sizeof target, "%s%.120s", where, name);
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target,
			    "given more than once (letter case makes no difference)");
}

/* Finds "properties" and refuses what does not belong beside it. *ret is NULL when the body is the properties alone. */
static int open_envelope(const json_t *body, const json_t **ret, struct gw_error *err)
{
	const json_t *properties = NULL, *value;
	const char *name;

	json_object_foreach((json_t *)body, name, value)
	{
		if (strcasecmp(name, "properties") != 0)
			continue;
		if (properties)
			return twice("", name, err);
		if (!json_is_object(value))
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties", "must be an object");
		properties = value;
	}
	if (properties)
		json_object_foreach((json_t *)body, name,
				    value) if (strcasecmp(name, "properties") != 0 &&
					       !is_one_of(name, read_only_envelope)) return unknown("", name, err);
	*ret = properties;
	return 0;
}

/* *ret_given has bit i set when row i had a value. */
static int read_properties(enum gw_hnv_kind kind, const json_t *properties, bool in_envelope, struct gw_hnv_object *o,
			   uint32_t *ret_given, struct gw_error *err)
{
	uint32_t seen = 0, given = 0;
	const json_t *value;
	const char *name;
	int r;

	json_object_foreach((json_t *)properties, name, value)
	{
		const struct gw_property *row = find_row(kind, name);
		uint32_t bit;

		if (!row) {
			if (is_one_of(name, read_only_properties) ||
			    (!in_envelope && is_one_of(name, read_only_envelope)))
				continue;
			return unknown("properties.", name, err);
		}
		bit = UINT32_C(1) << (row - tables[kind]);
		if (seen & bit)
			return twice("properties.", row->name, err);
		seen |= bit;
		if (json_is_null(value))
			continue;
		given |= bit;
		r = gw_property_set(row, value, o, err);
		if (r < 0) {
			gw_error_prefix(err, "properties.");
			return r;
		}
	}
	*ret_given = given;
	return 0;
}

static int check_same(const struct gw_property *row, const struct gw_hnv_object *key, const struct gw_hnv_object *o,
		      struct gw_error *err)
{
	json_t *a = gw_property_get(row, key), *b = gw_property_get(row, o);
	char *path = a ? json_dumps(a, JSON_ENCODE_ANY) : NULL, *body = b ? json_dumps(b, JSON_ENCODE_ANY) : NULL;
	char target[96];
	int r = 0;

	snprintf(target, sizeof target, "properties.%s", row->name);
	if (!path || !body)
		r = gw_error_oom(err);
	else if (strcmp(path, body) != 0)
		r = gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target, "the path says %s, the body %s", path,
				 body);
	free(path);
	free(body);
	json_decref(a);
	json_decref(b);
	return r;
}

/* Fills in what the body did not say: from the id, else the default, else it is missing. */
static int complete(struct gw_hnv_object *o, const struct gw_hnv_object *key, uint32_t given,
		    const struct gw_config *config, struct gw_error *err)
{
	int r;

	for (const struct gw_property *row = tables[o->kind]; row->name; row++) {
		bool has = given & UINT32_C(1) << (row - tables[o->kind]);
		char target[96];

		if (row->flags & GW_PROPERTY_IS_KEY && key) {
			if (!has)
				memcpy((char *)o + row->offset, (const char *)key + row->offset, row->size);
			else if ((r = check_same(row, key, o, err)) < 0)
				return r;
		} else if (has) {
			continue;
		} else if (row->flags & (GW_PROPERTY_IS_KEY | GW_PROPERTY_IS_REQUIRED)) {
			char wanted[160];

			snprintf(target, sizeof target, "properties.%s", row->name);
			return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, target, "missing; it must be %s",
					    gw_property_wanted(row, wanted, sizeof wanted));
		} else if (row->flags & GW_PROPERTY_DEFAULT_ENCAP) {
			gw_property_set_number(row, config ? config->encap : GW_ENCAP_VXLAN, o);
		} else if ((row->type == GW_PROPERTY_UINT || row->type == GW_PROPERTY_ENUM) && !row->present) {
			gw_property_set_number(row, row->def, o);
		}
	}
	return 0;
}

int gw_hnv_decode(enum gw_hnv_kind kind, const char *id, const json_t *body, const struct gw_config *config,
		  struct gw_hnv_object **ret, struct gw_error *err)
{
	struct gw_hnv_object *o = NULL, *key = NULL;
	const json_t *properties = NULL;
	uint32_t given = 0;
	int r;

	if (!json_is_object(body))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, NULL, "a %s is a JSON object",
				    gw_hnv_kind_name(kind));
	r = open_envelope(body, &properties, err);
	if (r < 0)
		return r;
	if (id && (r = gw_hnv_decode_id(kind, id, &key, err)) < 0)
		return r;
	o = calloc(1, sizeof *o);
	if (!o) {
		r = gw_error_oom(err);
		goto out;
	}
	o->kind = kind;
	r = read_properties(kind, properties ? properties : body, properties, o, &given, err);
	if (r < 0)
		goto out;
	r = complete(o, key, given, config, err);
	if (r < 0)
		goto out;
	*ret = o;
	o = NULL;
out:
	gw_hnv_object_free(o);
	gw_hnv_object_free(key);
	return r;
}

json_t *gw_hnv_encode_properties(const struct gw_hnv_object *o)
{
	json_t *properties = json_object();

	/* json_object_set_new_nocheck takes NULL for a failed allocation and releases what it was given. */
	for (const struct gw_property *row = tables[o->kind]; row->name && properties; row++) {
		if (gw_property_present(row, o) &&
		    json_object_set_new_nocheck(properties, row->name, gw_property_get(row, o)) < 0) {
			json_decref(properties);
			return NULL;
		}
	}
	return properties;
}

json_t *gw_hnv_encode(const struct gw_hnv_object *o)
{
	char id[GW_ID_STRLEN], etag[48];

	gw_hnv_id(o, id);
	gw_hnv_etag(o->revision, etag);
	return json_pack("{s:o, s:s, s:s, s:o}", "resourceRef",
			 json_sprintf("/hnv/%s/%s", gw_hnv_kind_path(o->kind), id), "resourceId", id, "etag", etag,
			 "properties", gw_hnv_encode_properties(o));
}

void gw_hnv_etag(uint64_t revision, char buf[static 48])
{
	snprintf(buf, 48, "W/\"00000000-0000-0000-%04" PRIx64 "-%012" PRIx64 "\"", revision >> 48,
		 revision & UINT64_C(0xffffffffffff));
}
