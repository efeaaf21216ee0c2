/*
 * abi.h - everything that the BPF programs and the daemon share: map keys and values, load-time parameters, drop reasons.
 *
 * Rules. Widths are explicit, every structure is a multiple of its alignment without hidden padding, and both compilers
 * check the sizes below. Addresses are 16 bytes from the first day (IPv4 as ::ffff:a.b.c.d), so that an IPv6 underlay
 * changes no layout. Lists of reasons and outcomes are append-only: their numbers live in pinned maps. Any other change of
 * a layout needs a new GW_ABI_VERSION: the daemon then builds new maps beside the pinned ones, fills them from the intent,
 * carries the counters over and swaps the programs (loader.c).
 */
#ifndef GW_ENGINE_ABI_H
#define GW_ENGINE_ABI_H

#include <linux/types.h>

/* The test of the in-place upgrade builds a second engine with another layout. */
#ifdef GW_ENGINE_ABI_TEST
#define GW_ABI_VERSION 1001
#else
#define GW_ABI_VERSION 7
#endif

#define GW_ETH_HLEN	  14
#define GW_VXLAN_OVERHEAD 50 /* outer IPv4, UDP, VXLAN, inner Ethernet (ENC-2) */
#define GW_NVGRE_OVERHEAD 42 /* outer IPv4, GRE with key, inner Ethernet (ENC-1) */
#define GW_OUTER_MAX	  72 /* room for an IPv6 outer header */

/*
 * Why a packet was dropped: id, name in the API, what it means and what to do. Each has a test that provokes it.
 */
#define GW_DROP_REASONS(X)                                                                                             \
	X(NO_PORT, "NoPort", "the interface is not attached to a virtual subnet; attach it with gwctl port attach")    \
	X(MALFORMED, "Malformed", "the frame is too short or its IP header contradicts its length")                    \
	X(INNER_VLAN, "InnerVlan",                                                                                     \
	  "a VLAN tag inside a tunnel or a VLAN, or more than two on a port; tags do not cross")                       \
	X(SPOOF_MAC, "SpoofedMac", "the port sent from a MAC address that is not its own")                             \
	X(SPOOF_ADDRESS, "SpoofedAddress",                                                                             \
	  "the port sent from an address that no lookup record gives to its MAC; add the record if it is right")       \
	X(SPOOF_ARP, "SpoofedArp",                                                                                     \
	  "an ARP packet or neighbour advertisement with a sender that the port does not own")                         \
	X(ARP_UNANSWERED, "ArpUnanswered",                                                                             \
	  "ARP for an address without a lookup record, or an announcement or probe of the sender's own address")       \
	X(ND_UNANSWERED, "NdUnanswered",                                                                               \
	  "neighbour solicitation for an address without a lookup record, or for the sender's own")                    \
	X(FLOOD, "Flood", "broadcast or multicast; only ARP and neighbour discovery are served in this version")       \
	X(NO_RECORD, "NoRecord",                                                                                       \
	  "no lookup record, wildcard or port has the destination or the next hop of its route; add the record")       \
	X(NO_ROUTE, "NoRoute",                                                                                         \
	  "no customer route of the routing domain leads to the destination; gwctl customer-route add")                \
	X(NO_LOCAL_PORT, "NoLocalPort", "the record names this node's own provider address, but no port has the MAC")  \
	X(NO_SOURCE_PA, "NoSourceProviderAddress", "this node has no provider address; gwctl provider-address add")    \
	X(TOO_BIG, "TooBig", "larger than the tunnel carries and may not be answered or cut")                          \
	X(NO_ROOM, "NoRoom", "the kernel could not make room for, or take off, the tunnel header")                     \
	X(NO_NEIGHBOUR, "NoNeighbour", "a frame that is not IP, to a node that this one has not heard from yet")       \
	X(OUTER_MALFORMED, "OuterMalformed",                                                                           \
	  "tunnel packet whose outer headers are truncated or contradict its length")                                  \
	X(OUTER_CHECKSUM, "OuterChecksum", "tunnel packet whose outer IP header checksum is wrong")                    \
	X(OUTER_OPTIONS, "OuterOptions", "tunnel packet with IP options in the outer header")                          \
	X(OUTER_FRAGMENT, "OuterFragment",                                                                             \
	  "fragmented tunnel packet; the underlay's MTU is smaller than the sender thinks")                            \
	X(GRE_FLAGS, "GreFlags",                                                                                       \
	  "NVGRE with the C or S bit, or any GRE with bit 1, 4 or 5 set, which are none of RFC 2784's")                \
	X(GRE_VERSION, "GreVersion", "GRE with a version other than 0")                                                \
	X(GRE_NO_KEY, "GreNoKey", "GRE without a key, so without a VSID")                                              \
	X(GRE_PROTOCOL, "GreProtocol", "GRE that does not carry Ethernet")                                             \
	X(VXLAN_FLAGS, "VxlanFlags", "VXLAN without a valid VNI (I flag)")                                             \
	X(UNKNOWN_VSID, "UnknownVsid", "tunnel packet for a virtual subnet that has no port here")                     \
	X(UNKNOWN_PEER, "UnknownPeer",                                                                                 \
	  "tunnel packet from a provider address that no lookup record of the routing domain names")                   \
	X(UNKNOWN_DESTINATION, "UnknownDestination", "tunnel packet for a MAC address that has no port here")          \
	X(TUNNEL_FLOOD, "TunnelFlood", "broadcast or multicast received through a tunnel")                             \
	X(INNER_MALFORMED, "InnerMalformed", "tunnel packet with a truncated or impossible inner frame")               \
	X(ECN, "Ecn", "congestion mark on the outer packet of a flow that does not understand it (RFC 6040)")          \
	X(SYSTEM_VSID, "SystemVsid", "message on the system VSID 16777215, which this version does not use")           \
	X(NOT_UNDERLAY, "NotUnderlay", "tunnel packet that did not come in through an underlay interface")             \
	X(UNVERIFIED, "Unverified",                                                                                    \
	  "VXLAN packet with a UDP checksum, which only the kernel's vxlan device verifies, and there is none here")   \
	X(TTL_EXPIRED, "TtlExpired", "routed too often, and nobody who could be told so by ICMP")                      \
	X(FOR_ROUTER, "ForRouter", "addressed to the distributed router itself, which answers only ICMP echo and UDP") \
	X(NO_PUBLIC_PORT, "NoPublicPort",                                                                              \
	  "to a shared public address, but for a port or identifier that no routing domain has, or of a protocol "     \
	  "without")                                                                                                   \
	X(NO_GATEWAY, "NoVirtualGateway",                                                                              \
	  "the public address is of a routing domain whose virtual gateway is not on this node, or not there yet")     \
	X(SPOOF_PUBLIC, "SpoofedPublic",                                                                               \
	  "a virtual gateway sent from an address or port that is none of its public ones; see to its NAT rules")      \
	X(LAND, "Land", "to a public address, from a source that cannot be outside: this node's own, or nobody's")     \
	X(BAD_FRAGMENT, "BadFragment",                                                                                 \
	  "fragment to or from a public address that is empty, oddly cut or too short, or ends beyond what "           \
	  "IPv4 can carry")                                                                                            \
	X(NO_REASSEMBLY, "NoReassembly",                                                                               \
	  "fragment to a shared public address, and this node cannot put them together; gwctl status says why")        \
	X(NO_EXTERNAL, "NoExternal",                                                                                   \
	  "a virtual gateway sent to the world outside, and the [external] interface is not set or not there")         \
	X(NEIGHBOUR_LIMIT, "NeighbourLimit",                                                                           \
	  "a virtual gateway sent to more hosts of the [external] interface's subnets than one may: 500 at once, and " \
	  "50 more each second")                                                                                       \
	X(NODE_ADDRESS, "NodeAddress",                                                                                 \
	  "a virtual gateway sent to an address of this node that is not of the [external] interface: of the "         \
	  "provider "                                                                                                  \
	  "network, or for management")                                                                                \
	X(NO_CONNECTION, "NoConnection",                                                                               \
	  "from the link of a connection that is not, or not any more, one of this node's")                            \
	X(NO_SEGMENT, "NoSegment",                                                                                     \
	  "a virtual gateway sent by a connection whose interface is not set or not there, or whose tunnel has no "    \
	  "address on this node; see the connection's state")                                                          \
	X(TUNNEL_INNER, "TunnelInner",                                                                                 \
	  "GRE of a connection that carries neither IPv4 nor IPv6, or less of it than it says")                        \
	X(GRE_CHECKSUM, "GreChecksum", "GRE of a connection with a checksum that is wrong")

/* What else became of a packet. Every packet that enters a hook is counted in one outcome or one drop reason, once. */
#define GW_OUTCOMES(X)                                                                                                 \
	X(ENCAPSULATED, "Encapsulated", "sent through a tunnel")                                                       \
	X(SWITCHED, "Switched", "delivered to another port of this node without encapsulation")                        \
	X(DECAPSULATED, "Decapsulated", "taken out of a tunnel and delivered to a port")                               \
	X(ARP_ANSWERED, "ArpAnswered", "ARP request answered by the engine")                                           \
	X(ND_ANSWERED, "NdAnswered", "neighbour solicitation answered by the engine")                                  \
	X(ICMP_ANSWERED, "IcmpAnswered", "too large, TTL expired, or no such service: answered with an ICMP error")    \
	X(TO_STACK, "ToStack", "received on an underlay interface, not for a tunnel: left to the host")                \
	X(TO_DEVICE, "ToDevice", "tunnel packet handed to the kernel's tunnel device for decapsulation and GRO")       \
	X(FROM_DEVICE, "FromDevice", "delivered to a port by way of the kernel's tunnel device")                       \
	X(ECHO_ANSWERED, "EchoAnswered", "ICMP echo to the distributed router, answered")                              \
	X(TO_CUTTER, "ToFragmentation", "too large and may be fragmented: handed to the cutting of packets")           \
	X(STEERED, "Steered", "to a public address: handed to the virtual gateway that has it")                        \
	X(SENT_OUT, "SentOut", "from a virtual gateway to the world outside")                                          \
	X(TO_REASSEMBLY, "ToReassembly",                                                                               \
	  "fragment to a shared public address: handed to the kernel to be put together")                              \
	X(TO_SELF, "ToSelf", "from a virtual gateway to an address of this node itself")                               \
	X(FAST_FORWARDED, "FastForwarded",                                                                             \
	  "of an established, translated flow: forwarded in the name of its virtual gateway, past the kernel's stack") \
	X(CONNECTION_OUT, "ConnectionOut", "from a virtual gateway, by a connection to the network or site behind it") \
	X(CONNECTION_IN, "ConnectionIn", "by a connection, into its virtual gateway")

enum gw_drop_reason {
#define X(id, name, help) GW_DROP_##id,
	GW_DROP_REASONS(X)
#undef X
		GW_DROP_MAX
};

enum gw_outcome {
#define X(id, name, help) GW_OUT_##id,
	GW_OUTCOMES(X)
#undef X
		GW_OUT_MAX
};

#define GW_DROP_SLOTS 64 /* room in the maps, so that a new reason does not change a layout */
#define GW_OUT_SLOTS  32
#define GW_SLOTS_MAX  65536 /* ports, and so virtual subnets with ports, of a node */

struct gw_ip {
	__u32 w[4]; /* network byte order */
};

enum { GW_ABI_VXLAN, GW_ABI_NVGRE };

/* --- keys and values ------------------------------------------------------------------------------------------------ */

/* ports: ifindex -> port. What a frame from this interface may be, and where its tunnels start. */
struct gw_bpf_port {
	__u32 ifindex; /* the key, to see that the element was not recycled while the walk looked at it */
	__u32 vsid;
	__u32 slot;	 /* of generations, port_stats, port_reasons */
	__u32 vsid_slot; /* of vsid_stats */
	__u32 underlay;	 /* ifindex that tunnels leave by; 0: this node has no provider address */
	struct gw_ip pa; /* their source */
	__u32 on_link;	 /* netmask of its subnet: tunnels to it need no route; 0: ask the kernel's routes */
	__u32 flags;	 /* GW_PORT_FORWARDS */
	__u8 mac[6];
	__u8 underlay_mac[6];
#ifdef GW_ENGINE_ABI_TEST
	__u64 test_pad;
#endif
};

#define GW_PORT_FORWARDS 1 /* may send from addresses that are not its own */

/*
 * records: (vsid, customer address) -> where it lives: the CA-PA map. A wildcard has the address 0.0.0.0 or ::, the
 * distributed router's own record no PA.
 */
struct gw_record_key {
	__u32 vsid;
	struct gw_ip ca;
};

/*
 * A value repeats its vsid: an element that user space replaces can be recycled while a program still looks at it, and
 * this comparison keeps such a race from ever crossing tenants.
 */
struct gw_bpf_record {
	__u32 vsid;
	struct gw_ip pa;
	__u8 mac[6];
	__u8 encap;
	__u8 flags;
};

#define GW_RECORD_LOCAL	      1 /* the PA is one of this node's */
#define GW_RECORD_IS_WILDCARD 2
#define GW_RECORD_IS_ROUTER   4

/*
 * macs: (vsid, MAC) -> where the frame goes (FWD-3). pa comes from the records with this MAC, port from the port that is
 * attached here; either can be missing.
 */
struct gw_mac_key {
	__u32 vsid;
	__u8 mac[6];
	__u16 zero;
};

struct gw_bpf_mac {
	__u32 vsid;
	struct gw_ip pa;
	__u32 port; /* ifindex; 0: no port here */
	__u32 domain;
	__u32 slot;
	__u32 vsid_slot;
	__u32 mtu; /* of the port */
	__u8 encap;
	__u8 record_flags; /* GW_RECORD_*; GW_MAC_HAS_PA */
	__u16 port_flags;  /* GW_PORT_* */
};

#define GW_MAC_HAS_PA 0x80
#define GW_MAC_ROUTER 0x40 /* frames to it are routed */
#define GW_PORT_PEER  1	   /* deliver into the veth peer's namespace, not through the port's own queue */
#define GW_PORT_VRF   2	   /* the way into a virtual gateway */

/* vsids: the virtual subnets that this node knows. */
struct gw_bpf_vsid {
	__u32 domain; /* lowest VSID of the routing domain */
	struct gw_ip
		router[2]; /* the router's address for IPv4, IPv6, where the packet's own does not tell the subnet */
};

/* peers: the provider addresses that may send into a routing domain (ENC-10). */
struct gw_peer_key {
	__u32 domain;
	struct gw_ip pa;
};

/*
 * Written by the programs: the outer MAC address that the peer's packets last came from, so the next hop towards it. Only
 * frames that are not IP need it (encap.h).
 */
struct gw_bpf_peer {
	__u8 hop[6];
	__u16 heard; /* 0: never */
};

/* Tables by longest prefix, each for a virtual subnet or a routing domain. IPv4 prefixes are those of mapped addresses. */
struct gw_prefix_key {
	__u32 prefixlen; /* 32 for the scope + that of the mapped address */
	__u32 scope;	 /* network byte order */
	struct gw_ip addr;
};

/* subnets: on-link prefixes of a virtual subnet -> what the distributed router is called there (FWD-5). */
struct gw_bpf_subnet {
	__u32 vsid;
	struct gw_ip router;
	__u8 mac[6];
	__u8 v4;
	__u8 prefix_len; /* so that no two prefixes have the same value */
};

/*
 * routes: prefixes of a routing domain -> its customer route of lowest metric (FWD-7). own_routes: those of a virtual
 * subnet that its own ports prefer to the domain's, which is then marked GW_ROUTE_SHARED.
 */
struct gw_bpf_route {
	__u32 scope; /* as in the key, to see that the element was not recycled */
	__u32 vsid;  /* where the next hop lives */
	struct gw_ip next_hop;
	__u8 prefix_len;
	__u8 flags; /* GW_ROUTE_* */
	__u16 zero;
};

#define GW_ROUTE_ON_LINK 1
#define GW_ROUTE_SHARED	 2
#define GW_ROUTE_V4	 4

/* flows4, flows6: the cache in front of the walk over the maps above. */
struct gw_flow4_key {
	__u32 port;
	__u32 saddr, daddr;
	__u16 sport, dport; /* zero for fragments and other protocols */
	__u8 proto;
	__u8 fragment;
	__u16 zero;
};

struct gw_flow6_key {
	__u32 port;
	struct gw_ip saddr, daddr;
	__u16 sport, dport;
	__u8 proto;
	__u8 zero[3];
};

struct gw_bpf_flow {
	__u32 generation;      /* valid while equal to generations[slot] */
	__u32 oif;	       /* underlay, or the port to deliver to */
	__u32 ip_sum;	       /* of the outer IPv4 header, without TOS and length */
	__u16 slot, vsid_slot; /* the sending port's; below GW_SLOTS_MAX */
	__u16 mtu;	       /* largest inner IP packet */
	__u16 zero;
	__u8 eth[12]; /* the frame's MAC addresses that this verdict is for */
	__u8 action;  /* enum gw_flow_action */
	__u8 encap;
	__u8 routed;	/* the TTL goes down by one */
	__u8 peer;	/* deliver with redirect_peer */
	__u32 next_hop; /* 0: by the kernel's routes */
	union {
		/* GW_FLOW_ENCAP: outer IP header to inner Ethernet header, but for lengths, TOS, checksum */
		__u64 outer[GW_OUTER_MAX / 8];
		struct {
			__u32 slot, vsid_slot; /* the receiving port's counters */
			__u8 mac[6];	       /* routed: its MAC address */
		} local;
	};
};

enum gw_flow_action { GW_FLOW_ENCAP, GW_FLOW_LOCAL };

/*
 * received: a direct-mapped cache, per CPU, in front of macs and peers: what came of (vsid, inner destination, outer source).
 * Valid while its generation is that of the receiving port; any element may be overwritten at any time.
 */
struct gw_bpf_received {
	__u32 generation;
	__u32 vsid;
	__u32 source; /* outer IPv4 address */
	__u8 mac[6];
	__u8 hop[6]; /* outer source MAC address, which peers knows already */
	struct gw_bpf_mac to;
};

#define GW_RECEIVED_MAX 4096 /* a power of two */

/* --- the side of the world outside ---------------------------------------------------------------------------------- */

/* Where what is for a virtual gateway goes. Elements repeat it, so that a packet needs no further table to find its way. */
struct gw_bpf_owner {
	__u32 exit;  /* ifindex of the node's end of its way out; 0: there is none */
	__u32 vsid;  /* of its gateway subnet, which is its number */
	__u32 slot;  /* of exit_stats, exit_reasons */
	__u32 flags; /* GW_OWNER_*, GW_PUBLIC_* */
};

#define GW_OWNER_PEER	 1 /* deliver into the veth peer's namespace */
#define GW_PUBLIC_SHARED 2 /* `places` tells the owner */
#define GW_PUBLIC_SELF	 4 /* an address of this node itself: no virtual gateway's, whatever is around it */
#define GW_PUBLIC_INWARD 8 /* with GW_PUBLIC_SELF: of another interface than the external one */

/* publics, segments: by longest prefix, IPv4 as mapped addresses. */
struct gw_public_key {
	__u32 prefixlen;
	struct gw_ip addr;
};

/* publics: public address -> its owner. An element repeats its key, to see that it was not recycled. */
struct gw_bpf_public {
	struct gw_ip addr, mask;
	struct gw_bpf_owner owner;
};

/* places: (shared address, block or single port) -> its owner. */
struct gw_place_key {
	struct gw_ip addr;
	__u32 place; /* GW_PLACE_* */
};

struct gw_bpf_place {
	struct gw_ip addr;
	__u32 place;
	struct gw_bpf_owner owner;
};

#define GW_PLACE_BLOCK(port) (0x10000u | (port) >> 10)
#define GW_PLACE_PORT(port)  ((__u32)(port))

/* shares: (shared address, routing domain): the domain has some place of the address. */
struct gw_share_key {
	struct gw_ip addr;
	__u8 rdid[16];
};

/* exits: ifindex of the node's end of a virtual gateway's way out -> whose it is. */
struct gw_bpf_exit {
	struct gw_bpf_owner owner; /* its `exit` is the key */
	__u8 rdid[16];
};

/*
 * ways: ifindex of the node's end of a connection's link -> where what its virtual gateway sends there goes. L3: to a VLAN of an
 * interface. GRE: into a tunnel, and by the routes of the [external] interface.
 */
struct gw_bpf_way {
	__u32 link; /* the key, to see that the element was not recycled */
	__u32 out;  /* ifindex of that interface; 0: there is none, or GRE has no source */
	__u32 slot; /* of way_stats, way_reasons */
	__u16 vlan; /* 0: untagged */
	__u8 type;  /* GW_ABI_L3, GW_ABI_GRE */
	__u8 has_key;
	struct gw_ip source, destination;
	__u32 key; /* network byte order */
	__u16 tag; /* of its outer packets, network byte order */
	__u16 zero;
};

enum { GW_ABI_L3, GW_ABI_GRE };

/*
 * taps: (interface, VLAN, MAC address) -> the L3 connection that has it there. And, for what is for a group, the connections of the
 * VLAN in a row: the n-th is at GW_TAP_MEMBER and n in the last two bytes. An element repeats its key.
 */
struct gw_tap_key {
	__u32 interface;
	__u16 vlan;
	__u8 mac[6];
};

struct gw_bpf_tap {
	struct gw_tap_key key;
	__u32 link; /* ifindex of the node's end */
	__u32 slot;
	__u32 flags; /* GW_TAP_PEER */
};

#define GW_TAP_PEER    1  /* deliver into the veth peer's namespace, past the link's queue */
#define GW_TAP_MEMBERS 64 /* of one VLAN of an interface, that a node carries */

/* tunnels: the two ends of a GRE connection, seen from here, and its key -> its link. An element repeats its key. */
struct gw_tunnel_key {
	struct gw_ip source, destination;
	__u32 key; /* network byte order */
	__u32 has_key;
};

struct gw_bpf_tunnel {
	struct gw_tunnel_key key;
	__u32 link;
	__u32 slot;
	__u32 flags; /* GW_TAP_PEER */
	__u8 mac[6]; /* of the other end of the link */
	__u16 zero;
};

/* gateways: VSID of the gateway subnet -> what the fast path (fast.h) needs of the virtual gateway besides. */
struct gw_bpf_gateway {
	__u32 vsid;	       /* the key, to see that the element was not recycled */
	__s32 nsid;	       /* its namespace, as the node's own calls it */
	__u32 port;	       /* ifindex of the node's end of its way into the overlay */
	__u32 exit_slot;       /* of exit_stats */
	__u32 mtu_in, mtu_out; /* of these two ways */
};

/* fast_flows: a translated flow, in one direction, as its packets come in -> what is made of them. */
struct gw_fast_key {
	__u32 scope; /* VSID of the gateway subnet; 0: from outside */
	__u32 saddr, daddr;
	__u16 sport, dport;
	__u8 proto;
	__u8 zero[3];
};

struct gw_bpf_fast {
	__u32 epoch; /* good while it is that of `epochs` */
	__s32 nsid;
	__u32 addr; /* out: the source, in: the destination that it gets */
	__u16 port;
	__u8 hops; /* by which the TTL goes down */
	__u8 zero;
	__u32 vsid; /* of the gateway subnet */
	__u32 exit_slot;
	__u32 ack, end; /* TCP: what its last packet acknowledged, and the sequence number behind it */
	__u32 mtu;	/* largest IP packet, as it comes in */
	__u32 idle[2];	/* jiffies until the kernel forgets it: before it is sure of it, after */
	__u32 zero2;
	struct gw_bpf_flow flow; /* in: towards the customer */
};

/* Who sends fragments on their way to the kernel's reassembly. */
#define GW_REASSEMBLY_SENDER 0x02, 0x67, 0x77, 0x64, 0x00, 0x02

/* Own addresses of the node that `publics` has room for. */
#define GW_SELF_MAX 4096

/* skb->mark of what does not come from the network: a fragment on its way through reassembly, a packet for the node itself. */
#define GW_MARK_FRAGMENT 0x10677764u
#define GW_MARK_TO_SELF	 0x11677764u

struct gw_bpf_counters {
	__u64 tx_packets, tx_bytes; /* from the port into the network */
	__u64 rx_packets, rx_bytes; /* to the port */
	__u64 drops;
};

/* port_reasons, exit_reasons, way_reasons: drops by reason. One element for all: each takes the kernel as long to make as a large one. */
struct gw_bpf_reasons {
	__u64 n[GW_DROP_SLOTS];
};

/*
 * slots: who owns which element of the counter arrays. For user space alone; its layout never changes, so that counters
 * find their owners again after an upgrade.
 */
struct gw_slot_key {
	__u32 kind; /* enum gw_slot_kind */
	__u32 id;   /* ifindex, VSID, VSID of a gateway subnet, number of a connection */
};

enum gw_slot_kind { GW_SLOT_PORT, GW_SLOT_VSID, GW_SLOT_EXIT, GW_SLOT_WAY };

/*
 * hooks: the interfaces that have a program of this node on them. For user space alone and with a layout that never changes,
 * like slots: what nothing names any more is found here, also after a restart.
 */
#define GW_HOOK_IFINDEX_MAX 16384

/* abi: one element that says who made these maps. */
struct gw_bpf_abi {
	__u32 version;
	__u32 zero;
	__u64 netns; /* cookie of the network namespace whose interfaces they speak of */
};

/* skb->mark of a packet on its way through the cutting: the ifindex of its port. */
#define GW_CUT_MARK(ifindex) (0x40000000u | (ifindex))
#define GW_CUT_REST	     0x20000000u /* what is left of a packet when its first part has gone */
#define GW_CUT_PORT(mark)    ((mark)&0x1fffffffu)

/* Load-time constants (.rodata): a reload of the configuration loads the programs anew and swaps them in. */
struct gw_params {
	__u32 inner_mtu[2]; /* by encapsulation (MTU-1) */
	__u32 vxlan_port;
	__u32 mark; /* set on what goes to the kernel's tunnel devices, so that they accept nothing else */
	__s32 dscp; /* -1: copy the inner one */
	__u8 ttl;
	__u8 vxlan_device; /* the hybrid receive path is there for this encapsulation */
	__u8 nvgre_device;
	__u8 decap_l3; /* the kernel knows BPF_F_ADJ_ROOM_DECAP_L3_* */
	__u8 router_mac[6];
	__u16 zero;
	__u32 cutter;	  /* ifindex of the way into the cutting of packets (cut.bpf.c); 0: there is none */
	__u32 external;	  /* ifindex of the [external] interface; 0: there is none */
	__u32 reassembly; /* ifindex of the way into the kernel's reassembly (whole.bpf.c); 0: there is none */
	__u8 external_mac[6];
	__u16 fast; /* established flows go past the stack (fast.h) */
	__u32 hz;   /* jiffies of a second */
	/* Of what virtual gateways send beyond the segments of the [external] interface; zero: by the kernel's routes. */
	__u32 hop4; /* network byte order */
	struct gw_ip hop6;
	__u32 build[2]; /* which programs these are: the loader's alone */
};

_Static_assert(sizeof(struct gw_ip) == 16, "gw_ip");
#ifndef GW_ENGINE_ABI_TEST
_Static_assert(sizeof(struct gw_bpf_port) == 56, "gw_bpf_port");
#endif
_Static_assert(sizeof(struct gw_record_key) == 20, "gw_record_key");
_Static_assert(sizeof(struct gw_bpf_record) == 28, "gw_bpf_record");
_Static_assert(sizeof(struct gw_mac_key) == 12, "gw_mac_key");
_Static_assert(sizeof(struct gw_bpf_mac) == 44, "gw_bpf_mac");
_Static_assert(sizeof(struct gw_bpf_vsid) == 36, "gw_bpf_vsid");
_Static_assert(sizeof(struct gw_peer_key) == 20, "gw_peer_key");
_Static_assert(sizeof(struct gw_bpf_peer) == 8, "gw_bpf_peer");
_Static_assert(sizeof(struct gw_prefix_key) == 24, "gw_prefix_key");
_Static_assert(sizeof(struct gw_bpf_subnet) == 28, "gw_bpf_subnet");
_Static_assert(sizeof(struct gw_bpf_route) == 28, "gw_bpf_route");
_Static_assert(sizeof(struct gw_flow4_key) == 20, "gw_flow4_key");
_Static_assert(sizeof(struct gw_flow6_key) == 44, "gw_flow6_key");
_Static_assert(sizeof(struct gw_bpf_flow) == 112, "gw_bpf_flow");
_Static_assert(sizeof(struct gw_bpf_received) == 68, "gw_bpf_received");
_Static_assert(sizeof(struct gw_bpf_counters) == 40, "gw_bpf_counters");
_Static_assert(sizeof(struct gw_bpf_owner) == 16, "gw_bpf_owner");
_Static_assert(sizeof(struct gw_public_key) == 20, "gw_public_key");
_Static_assert(sizeof(struct gw_bpf_public) == 48, "gw_bpf_public");
_Static_assert(sizeof(struct gw_place_key) == 20, "gw_place_key");
_Static_assert(sizeof(struct gw_bpf_place) == 36, "gw_bpf_place");
_Static_assert(sizeof(struct gw_share_key) == 32, "gw_share_key");
_Static_assert(sizeof(struct gw_bpf_exit) == 32, "gw_bpf_exit");
_Static_assert(sizeof(struct gw_bpf_way) == 56, "gw_bpf_way");
_Static_assert(sizeof(struct gw_tap_key) == 12, "gw_tap_key");
_Static_assert(sizeof(struct gw_bpf_tap) == 24, "gw_bpf_tap");
_Static_assert(sizeof(struct gw_tunnel_key) == 40, "gw_tunnel_key");
_Static_assert(sizeof(struct gw_bpf_tunnel) == 60, "gw_bpf_tunnel");
_Static_assert(sizeof(struct gw_bpf_gateway) == 24, "gw_bpf_gateway");
_Static_assert(sizeof(struct gw_fast_key) == 20, "gw_fast_key");
_Static_assert(sizeof(struct gw_bpf_fast) == 160, "gw_bpf_fast");
_Static_assert(sizeof(struct gw_params) == 84, "gw_params");
_Static_assert((int)GW_DROP_MAX <= GW_DROP_SLOTS && (int)GW_OUT_MAX <= GW_OUT_SLOTS, "slots");

#endif
