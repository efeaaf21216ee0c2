/* show.c - how VRFs are: the live properties of a virtual gateway's record, and the driver's part of the node's status. */
#include "vrf/private.h"

#include <string.h>
#include <uv.h>

#define MAX_WARNINGS 32

static const char *state_name(enum gw_vrf_state state)
{
	static const char *const names[] = {
#define X(id, name) [GW_VRF_##id] = (name),
		GW_VRF_STATES(X)
#undef X
	};

	return names[state];
}

/* Why it is not all that its record asks for; NULL when it is. */
static const char *detail_of(const struct gw_driver *d, const struct gw_vrf_domain *dom)
{
	if (!dom || dom->state == GW_VRF_WAITING)
		return "not brought to the kernel yet";
	if (dom->problem[0])
		return dom->problem;
	if (*d->env.config->external_interface && !d->has_external)
		return "the interface that [external] interface names does not exist: nothing leaves the node";
	if (dom->wanted.left_out_v6)
		return "its IPv6 customer routes are left out: the record has no CustomerAddressV6, or [underlay] mtu "
		       "has no room for "
		       "IPv6";
	if (dom->wanted.left_out_v4)
		return "its IPv4 customer routes are left out: the record has no CustomerAddress";
	if (dom->queued)
		return "somebody has put a queueing discipline or filters on ovl0 or ext0, which may delay or drop its "
		       "packets: see 'tc qdisc' in its namespace, and delete it with 'tc qdisc del'";
	return NULL;
}

static void add_counters(json_t *to, const char *key, struct gw_nl *nl, const char *link)
{
	struct gw_nl_counters c;

	if (gw_nl_link_counters(nl, link, &c) < 0)
		return;
	json_object_set_new(to, key,
			    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "receivedPackets", (json_int_t)c.rx_packets,
				      "receivedBytes", (json_int_t)c.rx_bytes, "receivedDropped",
				      (json_int_t)c.rx_dropped, "sentPackets", (json_int_t)c.tx_packets, "sentBytes",
				      (json_int_t)c.tx_bytes, "sentDropped", (json_int_t)c.tx_dropped));
}

#define RATE_NS 5000000000u /* of less the rate says little */

static void look_at_rate(struct gw_vrf_domain *dom, struct gw_vrf_way *w)
{
	uint64_t now = uv_hrtime(), past = now - w->seen.at;
	struct gw_nl_counters c;

	if ((w->seen.at && past < RATE_NS) || gw_nl_link_counters(dom->nl, w->inside_name, &c) < 0)
		return;
	if (w->seen.at && c.tx_bytes >= w->seen.out && c.rx_bytes >= w->seen.in) {
		w->seen.out_kbps = (c.tx_bytes - w->seen.out) * 8000000u / past;
		w->seen.in_kbps = (c.rx_bytes - w->seen.in) * 8000000u / past;
	}
	w->seen.at = now;
	w->seen.out = c.tx_bytes;
	w->seen.in = c.rx_bytes;
}

/* "connectionState" of a connection, and for how long it has been so. */
static void describe_way(struct gw_driver *d, const struct gw_way *w, json_t *properties)
{
	struct gw_vrf_domain *dom = gw_vrf_find(d, &w->rdid);
	struct gw_vrf_way *way = NULL;
	enum gw_vrf_reach reach;
	uint64_t seconds;
	uint32_t drops;
	char name[IFNAMSIZ];

	if (dom)
		way = gw_vrf_way_named(dom, gw_way_link(&w->id, name));
	if (!way || !way->here)
		return;
	reach = gw_vrf_probe_reach(way->probe, &seconds);
	json_object_set_new(properties, "connectionState", json_string(gw_vrf_reach_name(reach)));
	if (reach == GW_VRF_CONNECTED)
		json_object_set_new(properties, "connectionUpTime", json_integer((json_int_t)seconds));
	if (reach == GW_VRF_SILENT)
		json_object_set_new(properties, "unreachabilityReason",
				    json_string("none of the other side's addresses answers ICMP echo, so its routes "
						"are out of force"));
	look_at_rate(dom, way);
	json_object_set_new(properties, "outboundRate", json_integer((json_int_t)way->seen.out_kbps));
	json_object_set_new(properties, "inboundRate", json_integer((json_int_t)way->seen.in_kbps));
	json_object_set_new(properties, "mtu", json_integer((json_int_t)way->mtu));
	if (way->path.told)
		json_object_set_new(properties, "pathMtu", json_integer((json_int_t)way->path.told));
	if (gw_nl_rate_drops(dom->nl, way->inside, &drops) == 0)
		json_object_set_new(properties, "outboundRateLimitedDrops", json_integer(drops));
	if (gw_nl_rate_drops(d->env.nl, way->here, &drops) == 0)
		json_object_set_new(properties, "inboundRateLimitedDrops", json_integer(drops));
}

void gw_vrf_describe(struct gw_driver *d, const struct gw_hnv_object *o, json_t *properties)
{
	const struct gw_vrf_domain *dom;
	const char *detail;

	if (o->kind == GW_HNV_CONNECTION)
		describe_way(d, &o->way, properties);
	if (o->kind != GW_HNV_VRF)
		return;
	dom = gw_vrf_find(d, &o->vrf.rdid);
	detail = detail_of(d, dom);
	json_object_set_new(properties, "state", json_string(state_name(dom ? dom->state : GW_VRF_WAITING)));
	if (detail)
		json_object_set_new(properties, "stateDetail", json_string(detail));
	if (!dom || !dom->nl)
		return;
	json_object_set_new(properties, "namespace", json_string(dom->name));
	json_object_set_new(properties, "repairs", json_integer((json_int_t)dom->repairs));
	/* Seen from the VRF: what it received and sent. */
	add_counters(properties, "inside", dom->nl, GW_VRF_INSIDE);
	add_counters(properties, "outside", dom->nl, GW_VRF_OUTSIDE);
}

json_t *gw_vrf_status(struct gw_driver *d)
{
	json_t *warnings = json_array();
	size_t n = 0, ready = 0, wanted = 0;
	const char *detail;

	GW_HMAP_FOR_EACH (node, &d->domains) {
		const struct gw_vrf_domain *dom = GW_CONTAINER_OF(node, struct gw_vrf_domain, by_rdid);
		char rdid[GW_UUID_STRLEN];

		if (!dom->has_record)
			continue;
		wanted++;
		ready += dom->state == GW_VRF_READY;
		detail = detail_of(d, dom);
		if (detail && n++ < MAX_WARNINGS)
			json_array_append_new(warnings, json_sprintf("virtual gateway %s: %s",
								     gw_uuid_format(&dom->rdid, rdid), detail));
	}
	if (n > MAX_WARNINGS)
		json_array_append_new(warnings, json_sprintf("and %zu more", n - MAX_WARNINGS));
	return json_pack("{s:I, s:I, s:I, s:o, s:{s:[s, s]}}", "virtualGateways", (json_int_t)wanted, "ready",
			 (json_int_t)ready, "repairs", (json_int_t)d->repairs, "warnings", warnings, "capabilities",
			 "connectionTypes", "L3", "GRE");
}
