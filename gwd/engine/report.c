/* report.c - the engine's live state as JSON: counters, attachments, receive paths, drop reasons with their remedies. */
#include "engine/internal.h"

#include "base/cleanup.h"
#include "engine.skel.h"
#include "engine/reasons.h"

#include <bpf/bpf.h>
#include <string.h>

/* The sum over all CPUs of a counter element, and of what was counted before the last upgrade. */
static void read_counter(const struct gw_driver *d, const struct bpf_map *m, uint32_t i, uint64_t *ret, size_t words)
{
	unsigned cpus = gw_loader_cpus(d->loader);
	_cleanup_free_ uint64_t *cell = calloc(cpus, bpf_map__value_size(m));

	memset(ret, 0, words * sizeof *ret);
	for (int half = 0; cell && half < 2; half++) {
		uint32_t key = i + half * (bpf_map__max_entries(m) / 2);

		if (bpf_map_lookup_elem(bpf_map__fd(m), &key, cell) < 0)
			continue;
		for (unsigned c = 0; c < cpus; c++)
			for (size_t w = 0; w < words; w++)
				ret[w] += cell[c * words + w];
	}
}

json_t *gw_report_counters(const struct gw_driver *d, const struct bpf_map *m, uint32_t slot, uint64_t *ret_drops)
{
	struct gw_bpf_counters c;
	json_t *j;

	read_counter(d, m, slot, (uint64_t *)&c, sizeof c / sizeof(uint64_t));
	j = json_pack("{s:I, s:I, s:I, s:I}", "txPackets", (json_int_t)c.tx_packets, "txBytes", (json_int_t)c.tx_bytes,
		      "rxPackets", (json_int_t)c.rx_packets, "rxBytes", (json_int_t)c.rx_bytes);
	if (ret_drops)
		json_object_set_new(j, "drops", json_integer((json_int_t)(*ret_drops = c.drops)));
	return j;
}

static json_t *reasons_json(const struct gw_bpf_reasons *counted, bool help)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < GW_DROP_MAX; i++) {
		if (!counted->n[i])
			continue;
		json_t *one =
			json_pack("{s:s, s:I}", "reason", gw_drop_reasons[i].name, "count", (json_int_t)counted->n[i]);

		if (help)
			json_object_set_new(one, "help", json_string(gw_drop_reasons[i].help));
		json_array_append_new(list, one);
	}
	return list;
}

json_t *gw_report_reasons(const struct gw_driver *d, const struct bpf_map *m, uint32_t slot, uint64_t drops)
{
	struct gw_bpf_reasons counted = {0};

	if (drops)
		read_counter(d, m, slot, (uint64_t *)&counted, GW_DROP_SLOTS);
	return reasons_json(&counted, false);
}

/* Of the whole node, whoever they are charged to. */
static json_t *drops_json(const struct gw_driver *d)
{
	struct gw_bpf_reasons counted = {0};

	for (uint32_t i = 0; i < GW_DROP_MAX; i++)
		read_counter(d, gw_loader_bpf(d->loader)->maps.drops, i, (uint64_t *)&counted.n[i], 1);
	return reasons_json(&counted, true);
}

const char *gw_report_state(const struct gw_iface *i)
{
	if (!i || !i->present)
		return "Waiting";
	return i->attached && i->link.running && !i->trouble[0] ? "Up" : "Down";
}

const char *gw_report_detail(const struct gw_iface *i)
{
	if (!i || !i->present)
		return "the interface does not exist; it is attached as soon as it appears";
	if (i->trouble[0])
		return i->trouble;
	if (!i->link.running)
		return "no carrier: the other end is down";
	return "";
}

static void port_state(const struct gw_driver *d, const char *interface, json_t *j)
{
	const struct gw_bpf *b = gw_loader_bpf(d->loader);
	const struct gw_iface *i = gw_iface_find(d, interface);
	uint64_t drops;
	uint32_t slot;

	json_object_set_new(j, "state", json_string(gw_report_state(i)));
	if (gw_report_detail(i)[0])
		json_object_set_new(j, "detail", json_string(gw_report_detail(i)));
	if (!i || !i->present || !gw_slots_find(&d->port_slots, i->link.ifindex, &slot))
		return;
	json_object_set_new(j, "counters", gw_report_counters(d, b->maps.port_stats, slot, &drops));
	json_object_set_new(j, "dropReasons", gw_report_reasons(d, b->maps.port_reasons, slot, drops));
}

void gw_engine_describe(struct gw_driver *d, const struct gw_hnv_object *o, json_t *properties)
{
	if (o->kind == GW_HNV_PORT)
		port_state(d, o->port.interface, properties);
	else if (o->kind == GW_HNV_VRF)
		gw_report_vrf(d, &o->vrf, properties);
	else if (o->kind == GW_HNV_PUBLIC)
		gw_report_public(d, &o->public, properties);
	else if (o->kind == GW_HNV_CONNECTION)
		gw_report_way(d, &o->way, properties);
}

static void warn(json_t *list, const char *fmt, const char *a, const char *b)
{
	json_array_append_new(list, json_sprintf(fmt, a, b));
}

static json_t *warnings_json(const struct gw_driver *d)
{
	json_t *list = json_array();

	for (int i = 0; i < GW_DEVICE_MAX; i++)
		if (d->devices[i].trouble[0])
			json_array_append_new(list, json_string(d->devices[i].trouble));
	GW_HMAP_FOR_EACH (n, &d->ifaces) {
		const struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, node);

		if (i->present && i->trouble[0])
			warn(list, "%s: %s", i->name, i->trouble);
		else if (i->is_underlay && !i->present)
			warn(list,
			     "the underlay interface %s does not exist: nothing is sent or received there until it "
			     "does; create it, or correct the provider address that names it%s",
			     i->name, "");
		else if (i->is_underlay && i->link.mtu < d->env.config->underlay_mtu)
			warn(list,
			     "the underlay interface %s has a smaller MTU than [underlay] mtu; the smaller one is "
			     "used: raise it with 'ip link set %s mtu', or lower [underlay] mtu",
			     i->name, i->name);
	}
	gw_report_edge_warnings(d, list);
	gw_fast_warn(d, list);
	return list;
}

/* Who there is: how they are is for status_more. */
static json_t *ports_json(const struct gw_driver *d)
{
	json_t *list = json_array();

	GW_HMAP_FOR_EACH (n, &d->ifaces) {
		const struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, node);

		if (i->is_port)
			json_array_append_new(list, json_pack("{s:s}", "interface", i->name));
	}
	return list;
}

static void fill_port(const struct gw_driver *d, json_t *j)
{
	const char *name = json_string_value(json_object_get(j, "interface"));
	const struct gw_iface *i = gw_iface_find(d, name);
	uint32_t ifindex = i ? i->link.ifindex : 0;
	struct gw_bpf_port p;

	if (i && i->present &&
	    bpf_map_lookup_elem(bpf_map__fd(gw_loader_bpf(d->loader)->maps.ports), &ifindex, &p) == 0) {
		json_object_set_new(j, "virtualSubnetId", json_integer(p.vsid));
		json_object_set_new(j, "macAddress",
				    json_sprintf("%02X%02X%02X%02X%02X%02X", p.mac[0], p.mac[1], p.mac[2], p.mac[3],
						 p.mac[4], p.mac[5]));
		json_object_set_new(j, "mtu", json_integer(i->link.mtu));
	}
	port_state(d, name, j);
}

static json_t *underlays_json(const struct gw_driver *d)
{
	int fd = bpf_map__fd(gw_loader_bpf(d->loader)->maps.provider_addresses);
	json_t *list = json_array();

	GW_HMAP_FOR_EACH (n, &d->ifaces) {
		const struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, node);
		struct gw_ip key, *prev = NULL;
		char text[GW_ADDR_STRLEN];
		json_t *addresses;
		uint32_t ifindex;

		if (!i->is_underlay)
			continue;
		addresses = json_array();
		for (; bpf_map_get_next_key(fd, prev, &key) == 0; prev = &key) {
			struct gw_addr a = gw_addr_of(&key);

			if (bpf_map_lookup_elem(fd, &key, &ifindex) == 0 && i->present &&
			    ifindex == (uint32_t)i->link.ifindex)
				json_array_append_new(addresses, json_string(gw_addr_format(&a, text)));
		}
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:i, s:o}", "interface", i->name, "state",
						gw_report_state(i), "mtu", (int)i->link.mtu, "addresses", addresses));
	}
	return list;
}

static json_t *subnets_json(const struct gw_slots *slots)
{
	json_t *list = json_array();

	for (unsigned slot = 0; slot < slots->limit; slot++)
		if (slots->owner[slot])
			json_array_append_new(list, json_pack("{s:i}", "virtualSubnetId", (int)slots->owner[slot]));
	return list;
}

static void fill_subnet(const struct gw_driver *d, json_t *j)
{
	uint32_t vsid = (uint32_t)json_integer_value(json_object_get(j, "virtualSubnetId")), slot;

	if (gw_slots_find(&d->vsid_slots, vsid, &slot))
		json_object_set_new(j, "counters",
				    gw_report_counters(d, gw_loader_bpf(d->loader)->maps.vsid_stats, slot, NULL));
}

static json_t *outcomes_json(const struct gw_driver *d)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < GW_OUT_MAX; i++) {
		uint64_t n;

		read_counter(d, gw_loader_bpf(d->loader)->maps.outcomes, i, &n, 1);
		json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "name", gw_outcomes[i].name, "count",
						      (json_int_t)n, "help", gw_outcomes[i].help));
	}
	return list;
}

json_t *gw_engine_status(struct gw_driver *d)
{
	return json_pack("{s:{s:s, s:s}, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:i, s:i}}",
			 "receivePath", "vxlan", d->devices[GW_DEVICE_VXLAN].link.ifindex ? "kernel+bpf" : "bpf",
			 "nvgre", d->devices[GW_DEVICE_NVGRE].link.ifindex ? "kernel+bpf" : "bpf", "fastPath",
			 gw_fast_report(d), "warnings", warnings_json(d), "underlays", underlays_json(d), "ports",
			 ports_json(d), "virtualSubnets", subnets_json(&d->vsid_slots), "external",
			 gw_report_external(d), "reassembly", d->whole_entrance ? gw_report_reassembly() : json_null(),
			 "virtualGateways", subnets_json(&d->exit_slots), "outcomes", outcomes_json(d), "drops",
			 drops_json(d), "innerMtu", "vxlan", (int)d->params.inner_mtu[GW_ABI_VXLAN], "nvgre",
			 (int)d->params.inner_mtu[GW_ABI_NVGRE]);
}

bool gw_engine_status_more(struct gw_driver *d, json_t *status, size_t *at)
{
	static const struct {
		const char *list;
		void (*fill)(const struct gw_driver *d, json_t *j);
	} lists[] = {{"ports", fill_port}, {"virtualSubnets", fill_subnet}, {"virtualGateways", gw_report_exit}};
	size_t before = 0;

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		json_t *list = json_object_get(status, lists[i].list), *one = json_array_get(list, *at - before);

		if (one) {
			lists[i].fill(d, one);
			++*at;
			return true;
		}
		before += json_array_size(list);
	}
	return false;
}
