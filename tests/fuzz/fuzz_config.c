/*
 * fuzz_config.c - any bytes as gwd.conf: accepted with every value in its range, or refused with a place and
 * a reason that can be shown to anyone.
 */
#include "fuzz.h"

#include "model/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_config c;
	struct gw_error err = GW_ERROR_INIT;
	int r = gw_config_parse((const char *)data, size, "fuzz.conf", &c, &err);

	if (r < 0) {
		require_reason(&err);
		require(!strncmp(err.target, "fuzz.conf", 9));
		return 0;
	}
	require(c.roles == GW_ROLE_HOST && c.name[0]);
	require(c.state_dir[0] == '/' && c.run_dir[0] == '/' && c.bpf_dir[0] == '/' && c.store_path[0] == '/');
	require(!strncmp(c.listen, "unix:/", 6) && strlen(c.listen + 5) < GW_PATHLEN);
	require(c.underlay_mtu >= 1280 && c.underlay_mtu <= 65535 && c.ttl >= 1 && c.ttl <= 255);
	require(c.vxlan_port >= 1 && c.vxlan_port <= 65535 && c.dscp >= -1 && c.dscp <= 63);
	require(gw_mac_is_unicast(&c.router_mac) && c.record_limit >= 1 && c.port_limit >= 1);
	require(!c.has_underlay_address || (c.underlay_interface[0] && gw_addr_is_v4(&c.underlay_address)));
	require(!c.underlay_interface[0] || gw_hnv_interface_valid(c.underlay_interface));
	return 0;
}
