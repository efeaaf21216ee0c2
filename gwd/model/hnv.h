/*
 * hnv.h - the low-level records of one node, as in Windows' NetVirtualization cmdlets (API-2): what exists, its key, and
 * the limits of each field. Values only: the schema (hnv_schema.c) reads and writes them as JSON, the intent (intent.h)
 * holds them, drivers bring them into the kernel.
 */
#ifndef GW_MODEL_HNV_H
#define GW_MODEL_HNV_H

#include "base/addr.h"
#include "base/error.h"
#include "base/hmap.h"
#include "base/rank.h"

#include <net/if.h>

/* X-macro: id, path segment below /hnv, singular for messages. The order is the order of application: underlay first. */
#define GW_HNV_KINDS(X)                                                                                                \
	X(PROVIDER_ADDRESS, "providerAddresses", "provider address")                                                   \
	X(PROVIDER_ROUTE, "providerRoutes", "provider route")                                                          \
	X(CUSTOMER_ROUTE, "customerRoutes", "customer route")                                                          \
	X(LOOKUP_RECORD, "lookupRecords", "lookup record")                                                             \
	X(PORT, "ports", "port")                                                                                       \
	X(VRF, "virtualGateways", "virtual gateway")                                                                   \
	X(PUBLIC, "publicAddresses", "public address")                                                                 \
	X(NAT_RULE, "natRules", "NAT rule")                                                                            \
	X(CONNECTION, "connections", "connection")                                                                     \
	X(CONNECTION_ADDRESS, "connectionAddresses", "connection address")                                             \
	X(CONNECTION_ROUTE, "connectionRoutes", "connection route")

enum gw_hnv_kind {
#define X(id, path, name) GW_HNV_##id,
	GW_HNV_KINDS(X)
#undef X
		GW_HNV_KIND_MAX
};

enum gw_rule { GW_RULE_ENCAP, GW_RULE_NAT, GW_RULE_NONE }; /* TranslationMethodEncap, TranslationMethodNat, None */
enum gw_encap { GW_ENCAP_VXLAN, GW_ENCAP_NVGRE };
enum gw_record_type { GW_RECORD_STATIC, GW_RECORD_DYNAMIC, GW_RECORD_L2ONLY, GW_RECORD_WILDCARD };

enum gw_nat_type { GW_NAT_OUTBOUND, GW_NAT_INBOUND };
enum gw_nat_protocol { GW_NAT_ALL, GW_NAT_TCP, GW_NAT_UDP };
enum gw_way_type { GW_WAY_L3, GW_WAY_GRE };

#define GW_PORT_BLOCK 1024 /* ports of a shared address are given away in multiples of so many */

#define GW_WAY_LIMIT_MAX 4096 /* connections of a node */
#define GW_WAY_ADDRESSES 16   /* of a connection, on the average at most: eight of each side */

#define GW_ID_STRLEN   160 /* longest resource id: "<uuid>-<vsid>-<v6 prefix>-<v6 next hop>" and room */
#define GW_TEXT_STRLEN 128 /* VMName */

/* Key: vsid, ca. */
struct gw_lookup_record {
	uint32_t vsid;
	struct gw_addr ca; /* any (0.0.0.0, ::) exactly when type is GW_RECORD_WILDCARD */
	struct gw_addr pa; /* in 169.254.0.0/16: names the distributed router of the VSID, never a tunnel end */
	struct gw_mac mac;
	uint8_t rule;  /* enum gw_rule */
	uint8_t encap; /* enum gw_encap */
	uint8_t type;  /* enum gw_record_type */
	bool use_vm_mac;
	bool has_customer_id;
	struct gw_uuid customer_id;
	char *vm_name; /* owned; NULL when absent */
};

/* Key: rdid, vsid, prefix, next_hop. A VSID belongs to one routing domain (FWD-7). */
struct gw_customer_route {
	struct gw_uuid rdid;
	uint32_t vsid;
	struct gw_prefix prefix;
	struct gw_addr next_hop; /* any: on-link */
	uint32_t metric;
};

/* Key: pa. */
struct gw_provider_address {
	struct gw_addr pa;
	uint8_t prefix_len;
	uint16_t vlan; /* 0: untagged */
	char interface[IFNAMSIZ];
};

/* Key: interface, prefix. */
struct gw_provider_route {
	struct gw_prefix prefix;
	struct gw_addr next_hop; /* any: on-link */
	char interface[IFNAMSIZ];
};

/* Key: interface. No two ports share (vsid, mac). */
struct gw_port {
	char interface[IFNAMSIZ];
	struct gw_mac mac;
	uint32_t vsid;
	bool forwards; /* it may send from addresses that are not its own (ACL-3) */
};

/*
 * What this node carries of a routing domain: a network namespace of its own, reached over the port gw_vrf_port() in the gateway
 * subnet, where it has addresses. Key: rdid.
 */
struct gw_vrf {
	struct gw_uuid rdid;
	uint32_t vsid; /* of the gateway subnet */
	struct gw_mac mac;
	struct gw_addr ca, ca6; /* in it; at least one of the two */
	uint8_t prefix_len, prefix_len6;
	bool has_ca, has_ca6;
};

/*
 * Which routing domain packets from outside to these addresses belong to. Key: prefix, first_port. Port 0 and count 0: all that
 * comes to them. Of an address that is shared, a multiple of GW_PORT_BLOCK ports from a multiple of it, or one port; ports are
 * those of TCP and UDP and the identifiers of ICMP echo. No two may overlap.
 */
struct gw_public {
	struct gw_prefix prefix;
	struct gw_uuid rdid;
	uint16_t first_port;
	uint32_t port_count;
	struct gw_rank_node by_place; /* the intent's */
};

/*
 * Outbound: `customer` appears outside as `address`, with the ports [port, port + count), or any when count is 0. Of several that
 * contain an address the longest counts; of several with one customer each flow's source chooses its own for good.
 * Inbound: what comes to `address`, ports [port, port + count), goes to the one host `customer`, to ports from customer_port on (0:
 * the same). Protocol All has no ports there. Key: all but counts, customer_port and timeout.
 */
struct gw_nat_rule {
	struct gw_uuid rdid;
	struct gw_addr address;
	struct gw_prefix customer;
	uint8_t type;	  /* enum gw_nat_type */
	uint8_t protocol; /* enum gw_nat_protocol */
	uint16_t port, customer_port;
	uint32_t port_count;
	uint16_t idle_minutes; /* until a flow without packets is forgotten; 0: as the node's configuration says */
};

/*
 * A way from a virtual gateway to a network or site outside, beside the one that all of them have: a link of its own in the
 * namespace. L3: to a VLAN of `interface` (without: the [external] one), or what is untagged there. GRE: a tunnel from `source`
 * (without: an address of the [external] interface) to `destination`. Key: id, which no two of all nodes have alike.
 */
struct gw_way {
	struct gw_uuid id, rdid;
	uint8_t type; /* enum gw_way_type */
	bool has_interface, has_source, has_destination, has_key;
	uint16_t vlan; /* 0: untagged */
	union {	       /* one of both types has */
		char interface[IFNAMSIZ];
		struct {
			struct gw_addr source, destination;
		};
	};
	uint32_t key;		    /* of GRE */
	uint32_t out_kbps, in_kbps; /* 0: no limit */
};

/* An address of the virtual gateway on a connection, or one of the other side's. Key: connection, address. */
struct gw_way_address {
	struct gw_uuid id, rdid; /* the connection's */
	struct gw_addr address;
	uint8_t prefix_len;
	bool peer; /* the other side's: as long as none of them answers, the connection's routes do not count */
};

/* What is behind a connection. Key: connection, prefix, next_hop. */
struct gw_way_route {
	struct gw_uuid id, rdid; /* the connection's */
	struct gw_prefix prefix;
	struct gw_addr next_hop; /* any: on-link, or the other end of the tunnel */
	uint32_t metric;
};

/* One object of any kind. Heap-allocated, immutable once it is in an intent; the intent owns it. */
struct gw_hnv_object {
	struct gw_hmap_node by_key;	       /* the intent's */
	union {				       /* the intent's */
		struct gw_hmap_node by_mac;    /* lookup records and ports by (vsid, mac) */
		struct gw_hmap_node by_vsid;   /* virtual gateways */
		struct gw_hmap_node by_domain; /* what else a virtual gateway has */
	};
	uint64_t revision; /* store revision that wrote it; the ETag */
	enum gw_hnv_kind kind;
	uint32_t change; /* the intent's: 1 + index in the delta of the change under way, 0 when untouched by it */
	union {
		struct gw_lookup_record record;
		struct gw_customer_route croute;
		struct gw_provider_address paddr;
		struct gw_provider_route proute;
		struct gw_port port;
		struct gw_vrf vrf;
		struct gw_public public;
		struct gw_nat_rule nat;
		struct gw_way way;
		struct gw_way_address way_address;
		struct gw_way_route way_route;
	};
};

struct gw_hnv_object *gw_hnv_object_free(struct gw_hnv_object *o);
struct gw_hnv_object *gw_hnv_object_copy(const struct gw_hnv_object *o);
bool gw_hnv_same_key(const struct gw_hnv_object *a, const struct gw_hnv_object *b);
bool gw_hnv_same_content(const struct gw_hnv_object *a, const struct gw_hnv_object *b); /* all but the revision */
uint32_t gw_hnv_key_hash(const struct gw_hnv_object *o);
/*
 * The rules that an object must meet by itself, whatever else exists: 0, or -EINVAL or -EOPNOTSUPP with the property at
 * fault and the remedy. `router_mac` is the distributed router's, which nothing else may use.
 */
int gw_hnv_check(const struct gw_hnv_object *o, const struct gw_mac *router_mac, struct gw_error *err);
bool gw_hnv_interface_valid(const char *name); /* what the kernel accepts: 1..15 bytes, no '/', ':' or blank */

/* The resource id, made of the key fields: "5001-192.168.1.101", "eth1". */
const char *gw_hnv_id(const struct gw_hnv_object *o, char buf[static GW_ID_STRLEN]);
/* What a NAT rule's id says of the side outside: "Outbound-All-198.51.100.9-4096". All rules with the same are of one place. */
#define GW_PLACE_STRLEN 72
const char *gw_hnv_place(const struct gw_nat_rule *r, char buf[static GW_PLACE_STRLEN]);
const char *gw_hnv_kind_path(enum gw_hnv_kind kind);		/* "lookupRecords" */
const char *gw_hnv_kind_name(enum gw_hnv_kind kind);		/* "lookup record" */
int gw_hnv_kind_parse(const char *path, enum gw_hnv_kind *ret); /* any letter case */
extern const char *const gw_hnv_nat_types[],
	*const gw_hnv_nat_protocols[]; /* as enum gw_nat_type, enum gw_nat_protocol */
extern const char *const gw_hnv_way_types[];
/* The routing domain that it says it belongs to; NULL: its kind says nothing of that but by a VSID, or customer routes. */
const struct gw_uuid *gw_hnv_rdid(const struct gw_hnv_object *o);
bool gw_hnv_record_is_router(const struct gw_lookup_record *r);

/*
 * The names of a virtual gateway's interfaces on the side of the node: of the port that leads to the customer's network, and of
 * the way out. Within its namespace they are called GW_VRF_INSIDE and GW_VRF_OUTSIDE.
 */
#define GW_VRF_INSIDE  "ovl0"
#define GW_VRF_OUTSIDE "ext0"
const char *gw_vrf_port(uint32_t vsid, char buf[static IFNAMSIZ]);
const char *gw_vrf_exit(uint32_t vsid, char buf[static IFNAMSIZ]);
/*
 * A connection as a number, made of its id and never 0; the names of its link on the side of the node and in the namespace, and
 * the MAC address that it has there, are made of that.
 */
uint32_t gw_way_number(const struct gw_uuid *id);
const char *gw_way_link(const struct gw_uuid *id, char buf[static IFNAMSIZ]);
const char *gw_way_inside(const struct gw_uuid *id, char buf[static IFNAMSIZ]);
struct gw_mac gw_way_mac(const struct gw_uuid *id);
/*
 * What the outer packets of its tunnel bear where a packet that may not be cut has no use for a number of its own (RFC 6864): who
 * speaks of one of them knows it, and nobody can tell it who has not seen one. Another one in each process.
 */
uint16_t gw_way_tag(const struct gw_uuid *id);
#define GW_WAY_LINK   "gwc" /* how these names begin */
#define GW_WAY_INSIDE "con"

#endif
