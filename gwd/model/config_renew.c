/*
 * config_renew.c - what of a configuration that was read again counts from now on, and what from the next start. See config.h;
 * called by the composition root.
 */
#include "model/config.h"

#include <string.h>

#define SAME(m) (old->m == new->m)
#define TEXT(m) (strcmp(old->m, new->m) == 0)

/* Keys that are read once. */
static void tell_fixed(const struct gw_config *old, const struct gw_config *new, void (*restart)(const char *key))
{
	const struct {
		const char *key;
		bool same;
	} fixed[] = {
		{"[node] name", TEXT(name)},
		{"[node] roles", SAME(roles)},
		{"[node] state_dir", TEXT(state_dir)},
		{"[node] run_dir", TEXT(run_dir)},
		{"[node] plugin_dir", TEXT(plugin_dir)},
		{"[api] listen", TEXT(listen)},
		{"[api] auth", SAME(auth_none)},
		{"[underlay] interface", TEXT(underlay_interface)},
		{"[underlay] address", SAME(has_underlay_address) &&
					       gw_addr_equal(&old->underlay_address, &new->underlay_address) &&
					       SAME(underlay_prefix_len)},
		{"[underlay] vxlan_port", SAME(vxlan_port)},
		{"[engine] router_mac", gw_mac_equal(&old->router_mac, &new->router_mac)},
		{"[engine] bpf_dir", TEXT(bpf_dir)},
		{"[engine] flow_table_size", SAME(flow_table_size)},
		{"[engine] record_limit", SAME(record_limit)},
		{"[external] interface", TEXT(external_interface)},
		{"[controller] vsids", SAME(vsid_first) && SAME(vsid_last)},
		{"[controller] urls", TEXT(controller_urls)},
		{"[controller] server", TEXT(controller_server)},
		{"[store] path", TEXT(store_path)},
		{"[limits] ports", SAME(port_limit)},
		{"[limits] routes", SAME(route_limit)},
		{"[limits] provider_addresses", SAME(provider_limit)},
		{"[limits] public_addresses", SAME(public_limit)},
		{"[limits] network_connections", SAME(way_limit)},
		{"[limits] connections", SAME(connection_limit)},
	};

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (!fixed[i].same)
			restart(fixed[i].key);
}

void gw_config_renew(struct gw_config *config, const struct gw_config *new, void (*restart)(const char *key))
{
	tell_fixed(config, new, restart);
	config->log_level = new->log_level;
	config->underlay_mtu = new->underlay_mtu;
	config->encap = new->encap;
	config->ttl = new->ttl;
	config->dscp = new->dscp;
	config->fast_path = new->fast_path;
	config->vrf_limit = new->vrf_limit;
	config->nat_limit = new->nat_limit;
	config->next_hop = new->next_hop;
	config->clamp_mss = new->clamp_mss;
	config->idle_minutes = new->idle_minutes;
	config->tracked_limit = new->tracked_limit;
	config->new_rate = new->new_rate;
	config->body_limit = new->body_limit;
	config->batch_limit = new->batch_limit;
	config->client_connection_limit = new->client_connection_limit;
	config->request_rate = new->request_rate;
	config->resource_limit = new->resource_limit;
	config->tenant_resource_limit = new->tenant_resource_limit;
	config->tenant_memory_limit = new->tenant_memory_limit;
	config->tenant_public_limit = new->tenant_public_limit;
	config->tenant_mac_limit = new->tenant_mac_limit;
	config->tenant_vsid_limit = new->tenant_vsid_limit;
	config->tenant_route_limit = new->tenant_route_limit;
	config->tenant_nat_limit = new->tenant_nat_limit;
	config->feed_limit = new->feed_limit;
	config->feed_days = new->feed_days;
	config->audit_limit = new->audit_limit;
	config->audit_days = new->audit_days;
	config->certificate_seconds = new->certificate_seconds;
	config->login_rate = new->login_rate;
	config->request_seconds = new->request_seconds;
	config->body_memory = new->body_memory;
	memcpy(config->tls_cert, new->tls_cert, sizeof config->tls_cert);
	memcpy(config->tls_key, new->tls_key, sizeof config->tls_key);
	memcpy(config->client_ca, new->client_ca, sizeof config->client_ca);
	memcpy(config->controller_ca, new->controller_ca, sizeof config->controller_ca);
	memcpy(config->controller_cert, new->controller_cert, sizeof config->controller_cert);
	memcpy(config->controller_key, new->controller_key, sizeof config->controller_key);
}
