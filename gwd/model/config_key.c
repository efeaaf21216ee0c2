/*
 * config_key.c - every key of the configuration: one row says its section, name, default, help and range, and which
 * parser reads it. Called by config.c, and through gw_config_key by whoever documents or checks the keys.
 */
#include "model/config_key.h"

#include "base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct row;
/* Puts `value` into the field at `p`. On failure -EINVAL and *ret_why what is allowed. */
typedef int parse_fn(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why);

struct row {
	struct gw_config_key key;
	parse_fn *parse;
	uint16_t offset, size;
	unsigned min, max; /* of numbers */
};

static parse_fn parse_name, parse_roles, parse_dir, parse_level, parse_listen, parse_interface, parse_cidr,
	parse_number, parse_encap, parse_dscp, parse_mac, parse_backend, parse_file, parse_optional_file, parse_auth,
	parse_vsids, parse_urls, parse_optional_name, parse_yes_no, parse_next_hop;

#define AT(m)		.offset = offsetof(struct gw_config, m), .size = sizeof(((struct gw_config *)0)->m)
#define KEY(s, n, d, h) .key = {.section = s, .name = n, .def = d, .help = h}

static const struct row rows[] = {
	{KEY("node", "name", "%H",
	     "The node's name in messages, pins and namespaces: 1 to 63 letters, digits, '-', '.' or '_'; %H is the "
	     "host name."),
	 parse_name, AT(name)},
	{KEY("node", "roles", "host",
	     "What this node is, with commas between: host (ports of VMs and the overlay), gateway (virtual gateways "
	     "of "
	     "tenants), controller (the gateway provider API)."),
	 parse_roles, AT(roles)},
	{KEY("node", "state_dir", "/var/lib/gwd", "Where durable state is kept; an absolute path."), parse_dir,
	 AT(state_dir)},
	{KEY("node", "run_dir", "/run/gwd", "Where sockets and what may go at a reboot are kept; an absolute path."),
	 parse_dir, AT(run_dir)},
	{KEY("node", "plugin_dir", "/usr/lib/gwd/plugins",
	     "Where the plugins are, of which every NAME.so is loaded; an absolute path. It and they must belong to "
	     "root, "
	     "and nobody else may write them."),
	 parse_dir, AT(plugin_dir)},
	{KEY("node", "log_level", "info",
	     "The least important message that is logged: error, warning, notice, info or debug."),
	 parse_level, AT(log_level)},
	{KEY("api", "listen", "unix:/run/gwd/api.sock",
	     "Where the API listens: unix:PATH, https://ADDRESS:PORT, or http://ADDRESS:PORT on a loopback address; up "
	     "to 8 "
	     "of them with commas between. The default is unix:RUN_DIR/api.sock with run_dir's value."),
	 parse_listen, AT(listen)},
	{KEY("api", "tls_cert", "",
	     "The certificate that https:// shows, with those between it and its root, in PEM; an absolute path. "
	     "Empty: a "
	     "self-signed one is made in state_dir."),
	 parse_optional_file, AT(tls_cert)},
	{KEY("api", "tls_key", "", "The private key of tls_cert, in PEM; an absolute path."), parse_optional_file,
	 AT(tls_key)},
	{KEY("api", "client_ca", "",
	     "The certificates, in PEM, of those who sign client certificates; an absolute path. Empty: clients show "
	     "tokens."),
	 parse_optional_file, AT(client_ca)},
	{KEY("api", "auth", "required",
	     "Who may use https:// and http://: required (who proves it, by certificate or token) or none (everybody, "
	     "which loopback addresses allow)."),
	 parse_auth, AT(auth_none)},
	{KEY("underlay", "interface", "",
	     "The interface to the datacentre network. Empty: only those that provider addresses name."),
	 parse_interface, AT(underlay_interface)},
	{KEY("underlay", "address", "",
	     "A provider address of this node on that interface, as 10.1.1.20/24. Empty: only those set over the API."),
	 parse_cidr, AT(underlay_address)},
	{KEY("underlay", "mtu", "1500", "The largest IP packet that the underlay carries, 1280 to 65535 bytes."),
	 parse_number, AT(underlay_mtu), 1280, 65535},
	{KEY("underlay", "encapsulation", "vxlan",
	     "How records that name no encapsulation are carried: vxlan or nvgre."),
	 parse_encap, AT(encap)},
	{KEY("underlay", "vxlan_port", "4789", "The UDP destination port of VXLAN, 1 to 65535."), parse_number,
	 AT(vxlan_port), 1, 65535},
	{KEY("underlay", "ttl", "64", "TTL of outer packets, 1 to 255."), parse_number, AT(ttl), 1, 255},
	{KEY("underlay", "dscp", "copy", "DSCP of outer packets: copy (the inner packet's) or a number from 0 to 63."),
	 parse_dscp, AT(dscp), 0, 63},
	{KEY("engine", "router_mac", "02:67:77:64:00:01",
	     "The distributed router's MAC address, the same on every node; no VM may use it."),
	 parse_mac, AT(router_mac)},
	{KEY("engine", "bpf_dir", "/sys/fs/bpf/gwd",
	     "Where the tables of the packet programs are pinned, on a mounted bpffs; an absolute path. Each node has "
	     "a folder of its "
	     "name there."),
	 parse_dir, AT(bpf_dir)},
	{KEY("engine", "flow_table_size", "65536", "Entries of the flow cache, 1024 to 16777216."), parse_number,
	 AT(flow_table_size), 1024, 16777216},
	{KEY("engine", "record_limit", "1048576", "How many lookup records the node accepts, 1 to 16777216."),
	 parse_number, AT(record_limit), 1, 16777216},
	{KEY("engine", "fast_path", "yes",
	     "Whether packets of established, translated flows go past the stack of their virtual gateway: yes or no."),
	 parse_yes_no, AT(fast_path)},
	{KEY("external", "interface", "",
	     "The interface to the networks outside, by which virtual gateways are reached and reach them. Empty: "
	     "none, and "
	     "virtual gateways carry only what stays within."),
	 parse_interface, AT(external_interface)},
	{KEY("external", "next_hop", "",
	     "The router on that interface's segment to which all goes that virtual gateways send beyond the segment: "
	     "an IPv4 address, an IPv6 address, or one of each with a comma between. Empty: where the node's routes "
	     "lead, which are asked for each packet."),
	 parse_next_hop, AT(next_hop)},
	{KEY("external", "clamp_mss", "yes",
	     "Whether TCP connections between a virtual gateway's customer and the outside agree on segments that fit "
	     "both "
	     "sides: yes or no."),
	 parse_yes_no, AT(clamp_mss)},
	{KEY("external", "idle_minutes", "120",
	     "After how many minutes without packets a translated TCP connection is forgotten whose NAT rule does not "
	     "say, "
	     "1 to 65535."),
	 parse_number, AT(idle_minutes), 1, 65535},
	{KEY("controller", "vsids", "4096-16777214",
	     "The VSIDs that a controller assigns to virtual subnets, and virtual gateways without any, whose "
	     "isolationId "
	     "nobody chose: the first and the last, within 4096-16777214."),
	 parse_vsids, AT(vsid_first)},
	{KEY("controller", "certificate_seconds", "7776000",
	     "For how many seconds the certificate is good that a controller gives a node, 10 to 315360000; the node "
	     "asks "
	     "for another one when a third of that is left."),
	 parse_number, AT(certificate_seconds), 10, 315360000},
	{KEY("controller", "urls", "",
	     "The controller that manages this node: https://HOST:PORT or unix:PATH, up to 8 places of it with commas "
	     "between, of which the first that answers is taken. Empty: none, unless the node was enrolled or is a "
	     "controller itself."),
	 parse_urls, AT(controller_urls)},
	{KEY("controller", "server", "", "What the node is called there, below /servers. The default is [node] name."),
	 parse_optional_name, AT(controller_server)},
	{KEY("controller", "ca", "",
	     "The certificates, in PEM, of those who sign the controller's; an absolute path. Empty: what enrolling "
	     "has left in state_dir."),
	 parse_optional_file, AT(controller_ca)},
	{KEY("controller", "client_cert", "",
	     "The certificate that the node shows there, in PEM; an absolute path. Empty: what enrolling has left in "
	     "state_dir."),
	 parse_optional_file, AT(controller_cert)},
	{KEY("controller", "client_key", "", "The private key of client_cert, in PEM; an absolute path."),
	 parse_optional_file, AT(controller_key)},
	{KEY("store", "backend", "sqlite", "What keeps the state. This version knows sqlite."), parse_backend, 0, 0},
	{KEY("store", "path", "/var/lib/gwd/gwd.db",
	     "The database file; an absolute path. The default is STATE_DIR/gwd.db with state_dir's value."),
	 parse_file, AT(store_path)},
	{KEY("store", "feed_limit", "1000000",
	     "How many changes a controller keeps for those who follow them, 1 to 100000000."),
	 parse_number, AT(feed_limit), 1, 100000000},
	{KEY("store", "feed_days", "30", "For how many days it keeps them, 1 to 36500."), parse_number, AT(feed_days),
	 1, 36500},
	{KEY("store", "audit_limit", "1000000", "How many entries the audit log keeps, 1 to 100000000."), parse_number,
	 AT(audit_limit), 1, 100000000},
	{KEY("store", "audit_days", "365", "For how many days it keeps them, 1 to 36500."), parse_number,
	 AT(audit_days), 1, 36500},
	{KEY("limits", "ports", "1024", "How many ports the node accepts, 1 to 4096."), parse_number, AT(port_limit), 1,
	 4096},
	{KEY("limits", "routes", "65536", "How many customer routes the node accepts, 1 to 1048576."), parse_number,
	 AT(route_limit), 1, 1048576},
	{KEY("limits", "provider_addresses", "64",
	     "How many provider addresses, and how many provider routes, the node accepts, 1 to 4096."),
	 parse_number, AT(provider_limit), 1, 4096},
	{KEY("limits", "virtual_gateways", "1024", "How many virtual gateways the node carries, 1 to 4096."),
	 parse_number, AT(vrf_limit), 1, GW_VRF_LIMIT_MAX},
	{KEY("limits", "public_addresses", "65536",
	     "How many public addresses, and blocks of ports of them, the node serves, 1 to 1048576."),
	 parse_number, AT(public_limit), 1, 1048576},
	{KEY("limits", "nat_rules", "65536", "How many NAT rules the node accepts, 1 to 1048576."), parse_number,
	 AT(nat_limit), 1, 1048576},
	{KEY("limits", "network_connections", "1024",
	     "How many connections of virtual gateways to networks and sites the node carries, 1 to 4096."),
	 parse_number, AT(way_limit), 1, GW_WAY_LIMIT_MAX},
	{KEY("limits", "tracked_connections", "131072",
	     "How many connections of one virtual gateway are tracked at a time, 16 to 16777216; beyond that new ones "
	     "are "
	     "dropped, those from outside beyond half of it."),
	 parse_number, AT(tracked_limit), 16, 16777216},
	{KEY("limits", "new_connections", "50000",
	     "How many connections a second may begin in one virtual gateway from inside, and as many from outside, 1 "
	     "to "
	     "10000000."),
	 parse_number, AT(new_rate), 1, 10000000},
	{KEY("limits", "body", "1048576", "The largest body of an API request in bytes, 4096 to 16777216."),
	 parse_number, AT(body_limit), 4096, 16777216},
	{KEY("limits", "batch", "16777216", "The largest body of a batch request in bytes, 4096 to 268435456."),
	 parse_number, AT(batch_limit), 4096, 268435456},
	{KEY("limits", "resources", "1000000", "How many resources a controller keeps, 1 to 10000000."), parse_number,
	 AT(resource_limit), 1, 10000000},
	{KEY("limits", "tenant_resources", "100000", "How many of them one tenant may have, 1 to 10000000."),
	 parse_number, AT(tenant_resource_limit), 1, 10000000},
	{KEY("limits", "tenant_memory", "512",
	     "How much memory they may take, as gwd reckons it from what was put, in MiB, 1 to 1048576."),
	 parse_number, AT(tenant_memory_limit), 1, 1048576},
	{KEY("limits", "tenant_public_addresses", "64",
	     "How many public addresses one tenant may have, 1 to 10000000; a front end at a shared one of the "
	     "operator's counts as one."),
	 parse_number, AT(tenant_public_limit), 1, 10000000},
	{KEY("limits", "tenant_mac_addresses", "16384",
	     "How many MAC addresses one tenant may have: one for each network interface, 1 to 10000000."),
	 parse_number, AT(tenant_mac_limit), 1, 10000000},
	{KEY("limits", "tenant_subnets", "4096",
	     "How many virtual subnets one tenant may have: each has a VSID, as a virtual gateway without any, 1 to "
	     "10000000."),
	 parse_number, AT(tenant_vsid_limit), 1, 10000000},
	{KEY("limits", "tenant_routes", "65536",
	     "How many routes one tenant's virtual networks may have by the route tables that their subnets name, 1 to "
	     "10000000: a table counts in each network."),
	 parse_number, AT(tenant_route_limit), 1, 10000000},
	{KEY("limits", "tenant_nat_rules", "4096",
	     "How many NAT rules one tenant's load balancers may have, inbound and outbound, 1 to 10000000."),
	 parse_number, AT(tenant_nat_limit), 1, 10000000},
	{KEY("limits", "body_memory", "268435456",
	     "How many bytes of bodies and answers are held at a time, of one address a quarter; 1048576 to "
	     "1073741824."),
	 parse_number, AT(body_memory), 1048576, 1073741824},
	{KEY("limits", "connections", "256",
	     "How many connections each place of [api] listen serves at a time, 8 to 16384."),
	 parse_number, AT(connection_limit), 8, 16384},
	{KEY("limits", "connections_per_client", "64",
	     "How many connections one address may have at a time over the network, 1 to 16384."),
	 parse_number, AT(client_connection_limit), 1, 16384},
	{KEY("limits", "requests_per_second", "500",
	     "How many requests a second one address may send over the network, 1 to 1000000; twice as many at once."),
	 parse_number, AT(request_rate), 1, 1000000},
	{KEY("limits", "failed_logins_per_minute", "10",
	     "After how many wrong tokens a minute further wrong ones of an address are refused with 429, 1 to 1000."),
	 parse_number, AT(login_rate), 1, 1000},
	{KEY("limits", "request_seconds", "30",
	     "Within how many seconds a request must be here, and its answer be read, 1 to 3600."),
	 parse_number, AT(request_seconds), 1, 3600},
};

static_assert(sizeof rows / sizeof *rows == GW_CONFIG_KEYS, "count of keys");

const struct gw_config_key *gw_config_key(size_t i)
{
	return i < GW_CONFIG_KEYS ? &rows[i].key : NULL;
}

/* --- values --- */

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

/* Stores a text that must fit. */
static int keep(const struct row *row, const char *value, void *p, const char **ret_why)
{
	size_t n = strlen(value);

	if (n >= row->size)
		return refuse(ret_why, "it is too long");
	memcpy(p, value, n + 1);
	return 0;
}

static int parse_name(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	static const char allowed[] =
		"it has 1 to 63 letters, digits, '-', '.' or '_', and starts with a letter or digit";
	static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	char host[256] = "";

	(void)c;
	if (!strcmp(value, "%H")) {
		if (gethostname(host, sizeof host - 1) < 0 || !*host)
			return refuse(ret_why, "the host has no name; write one here");
		value = host;
	}
	if (!*value || !strchr(alnum, *value) || strlen(value) >= row->size)
		return refuse(ret_why, allowed);
	for (const char *s = value; *s; s++)
		if (!strchr(alnum, *s) && !strchr("-._", *s))
			return refuse(ret_why, allowed);
	return keep(row, value, p, ret_why);
}

static int parse_roles(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	static const char blanks[] = ", \t",
			  allowed[] = "allowed are host, gateway and controller, with commas between";
	unsigned roles = 0;

	(void)row;
	(void)c;
	for (const char *s = value + strspn(value, blanks); *s; s += strspn(s, blanks)) {
		size_t n = strcspn(s, blanks);

		if (n == 4 && !strncmp(s, "host", n))
			roles |= GW_ROLE_HOST;
		else if (n == 7 && !strncmp(s, "gateway", n))
			roles |= GW_ROLE_GATEWAY;
		else if (n == 10 && !strncmp(s, "controller", n))
			roles |= GW_ROLE_CONTROLLER;
		else
			return refuse(ret_why, allowed);
		s += n;
	}
	if (!roles)
		return refuse(ret_why, allowed);
	*(unsigned *)p = roles;
	return 0;
}

static bool is_path(const char *s)
{
	return *s == '/' && gw_utf8_is_printable(s);
}

static int parse_dir(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	(void)c;
	if (!is_path(value))
		return refuse(ret_why, "allowed is an absolute path");
	return keep(row, value, p, ret_why);
}

static int parse_file(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	(void)c;
	if (!is_path(value) || value[strlen(value) - 1] == '/')
		return refuse(ret_why, "allowed is the absolute path of a file");
	return keep(row, value, p, ret_why);
}

static int parse_level(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	(void)row;
	(void)c;
	if (gw_log_level_parse(value, p) < 0)
		return refuse(ret_why, "allowed are error, warning, notice, info and debug");
	return 0;
}

static int parse_optional_file(const struct row *row, const char *value, void *p, struct gw_config *c,
			       const char **ret_why)
{
	return *value ? parse_file(row, value, p, c, ret_why) : keep(row, value, p, ret_why);
}

static int parse_listen(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	struct gw_listen places[GW_LISTEN_MAX];
	size_t n;

	(void)c;
	return gw_listen_parse(value, places, &n, ret_why) < 0 ? -EINVAL : keep(row, value, p, ret_why);
}

static bool is_url(const char *s, size_t n)
{
	static const char unix_scheme[] = "unix:/", https[] = "https://";

	if (n > strlen(unix_scheme) && !strncmp(s, unix_scheme, strlen(unix_scheme)))
		return n - strlen("unix:") < GW_LISTEN_PATHLEN;
	if (n <= strlen(https) || strncmp(s, https, strlen(https)) != 0)
		return false;
	/* A name or an address, in brackets if it is one of IPv6, and perhaps a port. */
	s += strlen(https);
	n -= strlen(https);
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]") >= n;
}

bool gw_config_urls_valid(const char *urls)
{
	static const char separators[] = ", \t";
	unsigned count = 0;

	for (const char *s = urls + strspn(urls, separators); *s; s += strspn(s, separators)) {
		size_t n = strcspn(s, separators);

		if (++count > GW_CONTROLLER_URLS || !gw_utf8_is_printable(urls) || !is_url(s, n))
			return false;
		s += n;
	}
	return true;
}

static int parse_urls(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	(void)c;
	if (!gw_config_urls_valid(value))
		return refuse(ret_why, "allowed are up to 8 of https://HOST:PORT and unix:PATH, with commas between");
	return keep(row, value, p, ret_why);
}

static int parse_optional_name(const struct row *row, const char *value, void *p, struct gw_config *c,
			       const char **ret_why)
{
	return *value ? parse_name(row, value, p, c, ret_why) : keep(row, value, p, ret_why);
}

static int parse_auth(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	bool none = !strcmp(value, "none");

	(void)row;
	(void)c;
	if (!none && strcmp(value, "required") != 0)
		return refuse(ret_why, "allowed are required and none");
	*(bool *)p = none;
	return 0;
}

static int parse_yes_no(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	bool yes = !strcmp(value, "yes");

	(void)row;
	(void)c;
	if (!yes && strcmp(value, "no") != 0)
		return refuse(ret_why, "allowed are yes and no");
	*(bool *)p = yes;
	return 0;
}

static int parse_interface(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	(void)c;
	if (*value && !gw_hnv_interface_valid(value))
		return refuse(ret_why,
			      "allowed is an interface name of 1 to 15 bytes without '/', ':' or blanks, or nothing");
	return keep(row, value, p, ret_why);
}

static int parse_cidr(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	static const char allowed[] = "allowed is an IPv4 address with prefix length as 10.1.1.20/24, or nothing";
	const char *slash = strchr(value, '/');
	char addr[GW_ADDR_STRLEN], *end;
	struct gw_addr a;
	unsigned long len;

	(void)row;
	c->has_underlay_address = false;
	if (!*value)
		return 0;
	if (!slash || (size_t)(slash - value) >= sizeof addr || slash[1] < '1' || slash[1] > '9')
		return refuse(ret_why, allowed);
	memcpy(addr, value, (size_t)(slash - value));
	addr[slash - value] = '\0';
	len = strtoul(slash + 1, &end, 10);
	if (*end || len > 32 || gw_addr_parse(addr, &a) < 0)
		return refuse(ret_why, allowed);
	if (!gw_addr_is_v4(&a))
		return refuse(ret_why, "the underlay is IPv4 in this version; write an IPv4 address");
	if (!gw_addr_is_unicast(&a) || gw_addr_is_link_local(&a))
		return refuse(ret_why, "it must be a unicast address outside 169.254.0.0/16");
	*(struct gw_addr *)p = a;
	c->underlay_prefix_len = (uint8_t)len;
	c->has_underlay_address = true;
	return 0;
}

static bool number(const char *s, unsigned min, unsigned max, unsigned *ret)
{
	size_t n = strspn(s, "0123456789");
	unsigned long v;

	if (n == 0 || n > 10 || s[n])
		return false;
	v = strtoul(s, NULL, 10);
	if (v < min || v > max)
		return false;
	*ret = (unsigned)v;
	return true;
}

static int parse_number(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	(void)c;
	return number(value, row->min, row->max, p) ? 0 : refuse(ret_why, NULL); /* the range is told by the caller */
}

static int parse_vsids(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	static const char allowed[] = "allowed are two VSIDs with '-' between, from 4096 to 16777214, as 5000-5999";
	size_t n = strcspn(value, "-");
	char first[16] = "";
	unsigned a, b;

	(void)row;
	(void)p;
	if (value[n] != '-' || n >= sizeof first)
		return refuse(ret_why, allowed);
	memcpy(first, value, n);
	if (!number(first, GW_VSID_MIN, GW_VSID_MAX, &a) || !number(value + n + 1, a, GW_VSID_MAX, &b))
		return refuse(ret_why, allowed);
	c->vsid_first = a;
	c->vsid_last = b;
	return 0;
}

static int parse_encap(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	(void)row;
	(void)c;
	if (strcasecmp(value, "vxlan") != 0 && strcasecmp(value, "nvgre") != 0)
		return refuse(ret_why, "allowed are vxlan and nvgre");
	*(enum gw_encap *)p = strcasecmp(value, "vxlan") ? GW_ENCAP_NVGRE : GW_ENCAP_VXLAN;
	return 0;
}

static int parse_dscp(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	unsigned v;

	(void)c;
	if (!strcmp(value, "copy"))
		*(int *)p = -1;
	else if (number(value, row->min, row->max, &v))
		*(int *)p = (int)v;
	else
		return refuse(ret_why, "allowed are copy and 0 to 63");
	return 0;
}

static int parse_mac(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	struct gw_mac mac;

	(void)row;
	(void)c;
	if (gw_mac_parse(value, &mac) < 0 || !gw_mac_is_unicast(&mac))
		return refuse(ret_why, "allowed is a unicast MAC address as 02:67:77:64:00:01");
	*(struct gw_mac *)p = mac;
	return 0;
}

static int parse_next_hop(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	static const char allowed[] =
		"allowed are a unicast IPv4 address, an IPv6 one, or one of each with a comma between";
	__typeof__(c->next_hop) next = {0};
	char text[GW_ADDR_STRLEN];
	struct gw_addr a;

	(void)row;
	(void)p;
	for (const char *at = value; *at;) {
		size_t n = strcspn(at, ",");

		if (n >= sizeof text)
			return refuse(ret_why, allowed);
		memcpy(text, at, n);
		text[n] = 0;
		at += n;
		at += strspn(at, ", \t");
		while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
			text[--n] = 0;
		if (gw_addr_parse(text, &a) < 0 || !gw_addr_is_unicast(&a) ||
		    (gw_addr_is_v4(&a) ? next.has4 : next.has6))
			return refuse(ret_why, allowed);
		if (gw_addr_is_v4(&a)) {
			next.has4 = true;
			next.v4 = a;
		} else {
			next.has6 = true;
			next.v6 = a;
		}
	}
	c->next_hop = next;
	return 0;
}

static int parse_backend(const struct row *row, const char *value, void *p, struct gw_config *c, const char **ret_why)
{
	(void)row;
	(void)p;
	(void)c;
	return !strcmp(value, "sqlite") ? 0 : refuse(ret_why, "allowed is sqlite");
}

int gw_config_set(size_t i, const char *value, struct gw_config *config, char *why, size_t size)
{
	const struct row *row = &rows[i];
	const char *reason = NULL;
	int r = row->parse(row, value, (char *)config + row->offset, config, &reason);

	if (r < 0 && reason)
		snprintf(why, size, "%s", reason);
	else if (r < 0)
		snprintf(why, size, "allowed is a number from %u to %u", row->min, row->max);
	return r;
}
