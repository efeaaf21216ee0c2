/* test_config.c - the configuration file: defaults, every key, every fault with its line, and configs/gwd.conf. */
#include "test.h"

#include "model/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

static int parse(const char *text, struct gw_config *c, struct gw_error *err)
{
	memset(c, 0, sizeof *c);
	*err = GW_ERROR_INIT;
	return gw_config_parse(text, strlen(text), "t.conf", c, err);
}

static void good(const char *text, struct gw_config *c)
{
	struct gw_error err;
	int r = parse(text, c, &err);

	check(r == 0, "%s: %s", err.target, err.message);
}

static void test_defaults(void **state)
{
	struct gw_config c;
	char host[256] = "";

	(void)state;
	good("", &c);
	assert_int_equal(gethostname(host, sizeof host - 1), 0);
	assert_string_equal(c.name, host);
	assert_int_equal(c.roles, GW_ROLE_HOST);
	assert_string_equal(c.external_interface, "");
	assert_int_equal(c.vrf_limit, 1024);
	assert_int_equal(c.way_limit, 1024);
	assert_int_equal(c.public_limit, 65536);
	assert_int_equal(c.nat_limit, 65536);
	assert_string_equal(c.state_dir, "/var/lib/gwd");
	assert_string_equal(c.run_dir, "/run/gwd");
	assert_int_equal(c.log_level, GW_LOG_INFO);
	assert_string_equal(c.listen, "unix:/run/gwd/api.sock");
	assert_string_equal(c.underlay_interface, "");
	assert_false(c.has_underlay_address);
	assert_int_equal(c.underlay_mtu, 1500);
	assert_int_equal(c.encap, GW_ENCAP_VXLAN);
	assert_int_equal(c.vxlan_port, 4789);
	assert_int_equal(c.ttl, 64);
	assert_int_equal(c.dscp, -1);
	assert_memory_equal(c.router_mac.b, ((uint8_t[]){0x02, 0x67, 0x77, 0x64, 0x00, 0x01}), 6);
	assert_string_equal(c.bpf_dir, "/sys/fs/bpf/gwd");
	assert_int_equal(c.flow_table_size, 65536);
	assert_int_equal(c.vsid_first, 4096);
	assert_int_equal(c.vsid_last, 16777214);
	assert_string_equal(c.store_path, "/var/lib/gwd/gwd.db");
	assert_int_equal(c.record_limit, 1048576);
	assert_int_equal(c.port_limit, 1024);
	assert_int_equal(c.route_limit, 65536);
	assert_int_equal(c.provider_limit, 64);
	assert_int_equal(c.body_limit, 1048576);
	assert_int_equal(c.batch_limit, 16777216);
	assert_string_equal(c.tls_cert, "");
	assert_string_equal(c.client_ca, "");
	assert_false(c.auth_none);
	assert_int_equal(c.request_seconds, 30);
	assert_int_equal(c.body_memory, 268435456);
}

static void test_everything_set(void **state)
{
	struct gw_config c;

	(void)state;
	good("# comment\n; comment\n\n  [ node ]\t\r\nname=h-1.x_y\n roles = gateway, controller\nstate_dir = \"/s "
	     "t\"\nrun_dir='/r'\r\n"
	     "log_level = debug\n[api]\nlisten = unix:/a/b.sock\n"
	     "[underlay]\ninterface = eth1\naddress = 10.1.1.20/24\nmtu = 9000\nencapsulation = "
	     "NVGRE\nvxlan_port = 8472\n"
	     "ttl = 255\ndscp = 46\n[engine]\nrouter_mac = 00155D011404\nbpf_dir = /b\nflow_table_size = "
	     "1024\n"
	     "record_limit = 16777216\n[external]\ninterface = out0\nnext_hop = 192.0.2.1 , "
	     "fe80::1\n[controller]\nvsids = 5000-5000\n[store]\nbackend "
	     "= sqlite\npath = "
	     "/p/x.db\n[limits]\nports = "
	     "4096\nroutes = 1\nvirtual_gateways = 4096\npublic_addresses = 1\nnat_rules = 10000\nnetwork_connections "
	     "= 4096\n"
	     "provider_addresses = 9\nbody = 4096\nbatch = 5000\n[node]\n",
	     &c);
	assert_string_equal(c.name, "h-1.x_y");
	assert_int_equal(c.roles, GW_ROLE_GATEWAY | GW_ROLE_CONTROLLER);
	assert_string_equal(c.external_interface, "out0");
	assert_true(c.next_hop.has4 && c.next_hop.has6);
	assert_int_equal(gw_addr_to_v4(&c.next_hop.v4), 0xc0000201);
	assert_int_equal(c.next_hop.v6.b[15], 1);
	assert_int_equal(c.vrf_limit, 4096);
	assert_int_equal(c.public_limit, 1);
	assert_int_equal(c.nat_limit, 10000);
	assert_int_equal(c.way_limit, 4096);
	assert_string_equal(c.state_dir, "/s t");
	assert_string_equal(c.run_dir, "/r");
	assert_int_equal(c.log_level, GW_LOG_DEBUG);
	assert_string_equal(c.listen, "unix:/a/b.sock");
	assert_string_equal(c.underlay_interface, "eth1");
	assert_true(c.has_underlay_address);
	assert_int_equal(gw_addr_to_v4(&c.underlay_address), 0x0a010114);
	assert_int_equal(c.underlay_prefix_len, 24);
	assert_int_equal(c.underlay_mtu, 9000);
	assert_int_equal(c.encap, GW_ENCAP_NVGRE);
	assert_int_equal(c.vxlan_port, 8472);
	assert_int_equal(c.ttl, 255);
	assert_int_equal(c.dscp, 46);
	assert_int_equal(c.router_mac.b[5], 4);
	assert_string_equal(c.bpf_dir, "/b");
	assert_int_equal(c.flow_table_size, 1024);
	assert_int_equal(c.record_limit, 16777216);
	assert_int_equal(c.vsid_first, 5000);
	assert_int_equal(c.vsid_last, 5000);
	assert_string_equal(c.store_path, "/p/x.db");
	assert_int_equal(c.port_limit, 4096);
	assert_int_equal(c.route_limit, 1);
	assert_int_equal(c.provider_limit, 9);
	assert_int_equal(c.body_limit, 4096);
	assert_int_equal(c.batch_limit, 5000);
}

static void test_controller(void **state)
{
	struct gw_config c;
	char url[256];

	(void)state;
	good("[node]\nname = h1\n", &c);
	assert_string_equal(c.controller_server, "h1");
	assert_false(gw_config_url(c.controller_urls, 0, url, sizeof url));
	good("[controller]\nurls = https://ctl.example:8443 ,https://[fd00::1]:443, unix:/a/b.sock\nserver = node-7\n"
	     "ca = /ca\nclient_cert = /c\nclient_key = /k\n",
	     &c);
	assert_string_equal(c.controller_server, "node-7");
	assert_string_equal(c.controller_ca, "/ca");
	assert_string_equal(c.controller_cert, "/c");
	assert_string_equal(c.controller_key, "/k");
	assert_true(gw_config_url(c.controller_urls, 0, url, sizeof url));
	assert_string_equal(url, "https://ctl.example:8443");
	assert_true(gw_config_url(c.controller_urls, 1, url, sizeof url));
	assert_string_equal(url, "https://[fd00::1]:443");
	assert_true(gw_config_url(c.controller_urls, 2, url, sizeof url));
	assert_string_equal(url, "unix:/a/b.sock");
	assert_false(gw_config_url(c.controller_urls, 3, url, sizeof url));
	assert_false(gw_config_url(c.controller_urls, 0, url, 8));
}

static void test_listen(void **state)
{
	struct gw_listen places[GW_LISTEN_MAX];
	const char *why = NULL;
	struct gw_config c;
	size_t n = 0;

	(void)state;
	good("[api]\nlisten = unix:/a/b.sock , https://10.0.0.1:8443,https://[fd00::1]:443\ntls_cert = /c\ntls_key = "
	     "/k\n"
	     "client_ca = /ca\n[limits]\nconnections = 9\nconnections_per_client = 8\nrequests_per_second = 7\n"
	     "failed_logins_per_minute = 6\nrequest_seconds = 5\nbody_memory = 1073741824\n",
	     &c);
	assert_string_equal(c.tls_cert, "/c");
	assert_string_equal(c.tls_key, "/k");
	assert_string_equal(c.client_ca, "/ca");
	assert_int_equal(c.connection_limit, 9);
	assert_int_equal(c.client_connection_limit, 8);
	assert_int_equal(c.request_rate, 7);
	assert_int_equal(c.login_rate, 6);
	assert_int_equal(c.request_seconds, 5);
	assert_int_equal(c.body_memory, 1073741824);
	assert_int_equal(gw_listen_parse(c.listen, places, &n, &why), 0);
	assert_int_equal(n, 3);
	assert_int_equal(places[0].scheme, GW_LISTEN_UNIX);
	assert_string_equal(places[0].path, "/a/b.sock");
	assert_true(gw_listen_is_local(&places[0]));
	assert_int_equal(places[1].scheme, GW_LISTEN_HTTPS);
	assert_int_equal(gw_addr_to_v4(&places[1].addr), 0x0a000001);
	assert_int_equal(places[1].port, 8443);
	assert_false(gw_listen_is_local(&places[1]));
	assert_int_equal(places[2].port, 443);
	assert_string_equal(places[2].text, "https://[fd00::1]:443");
	good("[api]\nauth = none\nlisten = http://127.1.2.3:80,http://[::1]:80,https://[::1]:81,unix:/x\n", &c);
	assert_true(c.auth_none);
}

static void test_paths_follow_their_folders(void **state)
{
	struct gw_config c;

	(void)state;
	good("[node]\nrun_dir = /r\nstate_dir = /s\n", &c);
	assert_string_equal(c.listen, "unix:/r/api.sock");
	assert_string_equal(c.store_path, "/s/gwd.db");
	good("[api]\nlisten = unix:/x.sock\n[store]\npath = /y.db\n[node]\nrun_dir = /r\nstate_dir = /s\n", &c);
	assert_string_equal(c.listen, "unix:/x.sock");
	assert_string_equal(c.store_path, "/y.db");
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		enum gw_error_code code;
		unsigned line;
		const char *words[2];
	} rows[] = {
		{"[node]\nnam = x\n", GW_ERR_UNKNOWN_PROPERTY, 2, {"nam:", "name, roles, state_dir"}},
		{"[nodes]\n",
		 GW_ERR_UNKNOWN_PROPERTY,
		 1,
		 {"nodes:", "node, api, underlay, engine, external, controller"}},
		{"[node\n", GW_ERR_INVALID_REQUEST, 1, {"[node", "[name]"}},
		{"[]\n", GW_ERR_UNKNOWN_PROPERTY, 1, {"no such section", ""}},
		{"[\n", GW_ERR_INVALID_REQUEST, 1, {"[name]", ""}},
		{"name = x\n", GW_ERR_INVALID_REQUEST, 1, {"name:", "below its [section]"}},
		{"[node]\n\nhello\n", GW_ERR_INVALID_REQUEST, 3, {"hello:", "key = value"}},
		{"[node]\n= x\n", GW_ERR_UNKNOWN_PROPERTY, 2, {"no such key", ""}},
		{"[node]\nname = a\n#\nname = b\n", GW_ERR_INVALID_PROPERTY, 4, {"name:", "in line 2"}},
		{"[node]\nname =\n", GW_ERR_INVALID_PROPERTY, 2, {"[node] name", "1 to 63"}},
		{"[node]\nname = a/b\n", GW_ERR_INVALID_PROPERTY, 2, {"a/b", "letters"}},
		{"[node]\nname = ..\n", GW_ERR_INVALID_PROPERTY, 2, {"..", "starts with"}},
		{"[node]\nname = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
		 GW_ERR_INVALID_PROPERTY,
		 2,
		 {"1 to 63", ""}},
		{"[node]\nroles = gateways\n",
		 GW_ERR_INVALID_PROPERTY,
		 2,
		 {"gateways", "host, gateway and controller"}},
		{"[node]\nroles = controller, router\n",
		 GW_ERR_INVALID_PROPERTY,
		 2,
		 {"host, gateway and controller", "commas"}},
		{"[node]\nroles = switch\n", GW_ERR_INVALID_PROPERTY, 2, {"switch", "host"}},
		{"[node]\nstate_dir = var\n", GW_ERR_INVALID_PROPERTY, 2, {"[node] state_dir", "absolute"}},
		{"[node]\nrun_dir = /a\x01\n", GW_ERR_INVALID_PROPERTY, 2, {"run_dir", "absolute"}},
		{"[node]\nlog_level = loud\n", GW_ERR_INVALID_PROPERTY, 2, {"loud", "debug"}},
		{"[api]\nlisten = 0.0.0.0:8443\n", GW_ERR_INVALID_PROPERTY, 2, {"https://ADDRESS:PORT", "unix:PATH"}},
		{"[api]\nlisten = unix:api.sock\n", GW_ERR_INVALID_PROPERTY, 2, {"absolute", ""}},
		{"[api]\ntls_crt = /x\n", GW_ERR_UNKNOWN_PROPERTY, 2, {"tls_crt", "there are listen, tls_cert"}},
		{"[api]\ntls_cert = /x\n", GW_ERR_MISSING_PROPERTY, 2, {"tls_cert", "together"}},
		{"[api]\n\ntls_key = /x\n", GW_ERR_MISSING_PROPERTY, 3, {"tls_key", "together"}},
		{"[api]\nclient_ca = x\n", GW_ERR_INVALID_PROPERTY, 2, {"client_ca", "absolute"}},
		{"[api]\nauth = basic\n", GW_ERR_INVALID_PROPERTY, 2, {"basic", "required and none"}},
		{"[api]\nlisten = https://10.0.0.1:8443\nauth = none\n",
		 GW_ERR_INVALID_PROPERTY,
		 3,
		 {"[api] auth", "loopback"}},
		{"[api]\nauth = none\nlisten = https://127.0.0.1:1, https://[::]:1\n",
		 GW_ERR_INVALID_PROPERTY,
		 2,
		 {"[api] auth", "loopback"}},
		{"[api]\nlisten = http://127.0.0.1:8080\n", GW_ERR_INVALID_PROPERTY, 2, {"http://", "auth = none"}},
		{"[api]\nauth = none\nlisten = http://10.0.0.1:8080\n",
		 GW_ERR_INVALID_PROPERTY,
		 3,
		 {"loopback", "https"}},
		{"[api]\nlisten = https://10.0.0.1\n", GW_ERR_INVALID_PROPERTY, 2, {"port", "10.1.1.20:8443"}},
		{"[api]\nlisten = https://10.0.0.1:0\n", GW_ERR_INVALID_PROPERTY, 2, {"port", ""}},
		{"[api]\nlisten = https://10.0.0.1:65536\n", GW_ERR_INVALID_PROPERTY, 2, {"1 to 65535", ""}},
		{"[api]\nlisten = https://fd00::1:8443\n", GW_ERR_INVALID_PROPERTY, 2, {"[fd00::1]:8443", ""}},
		{"[api]\nlisten = https://[10.0.0.1]:8443\n", GW_ERR_INVALID_PROPERTY, 2, {"10.1.1.20:8443", ""}},
		{"[api]\nlisten = https://host:8443\n", GW_ERR_INVALID_PROPERTY, 2, {"address", ""}},
		{"[api]\nlisten = https://224.0.0.1:8443\n", GW_ERR_INVALID_PROPERTY, 2, {"multicast", ""}},
		{"[api]\nlisten = unix:/a, unix:/a\n", GW_ERR_INVALID_PROPERTY, 2, {"twice", ""}},
		{"[api]\nlisten = unix:/a,\n", GW_ERR_INVALID_PROPERTY, 2, {"unix:PATH", ""}},
		{"[api]\nlisten = unix:/1,unix:/2,unix:/3,unix:/4,unix:/5,unix:/6,unix:/7,unix:/8,unix:/9\n",
		 GW_ERR_INVALID_PROPERTY,
		 2,
		 {"at most 8", ""}},
		{"[limits]\nconnections = 7\n", GW_ERR_INVALID_PROPERTY, 2, {"8 to 16384", ""}},
		{"[underlay]\ninterface = a/b\n", GW_ERR_INVALID_PROPERTY, 2, {"a/b", "1 to 15"}},
		{"[underlay]\ninterface = eth1\naddress = 10.1.1.20\n",
		 GW_ERR_INVALID_PROPERTY,
		 3,
		 {"10.1.1.20/24", ""}},
		{"[underlay]\ninterface = eth1\naddress = 10.1.1.20/33\n",
		 GW_ERR_INVALID_PROPERTY,
		 3,
		 {"10.1.1.20/24", ""}},
		{"[underlay]\ninterface = eth1\naddress = 10.1.1.20/0\n",
		 GW_ERR_INVALID_PROPERTY,
		 3,
		 {"10.1.1.20/24", ""}},
		{"[underlay]\ninterface = eth1\naddress = fd00::1/64\n",
		 GW_ERR_INVALID_PROPERTY,
		 3,
		 {"fd00::1/64", "IPv4"}},
		{"[underlay]\ninterface = eth1\naddress = fd00::1/24\n",
		 GW_ERR_INVALID_PROPERTY,
		 3,
		 {"IPv4 in this version", ""}},
		{"[underlay]\ninterface = eth1\naddress = 224.0.0.1/24\n", GW_ERR_INVALID_PROPERTY, 3, {"unicast", ""}},
		{"[underlay]\ninterface = eth1\naddress = 169.254.0.1/24\n",
		 GW_ERR_INVALID_PROPERTY,
		 3,
		 {"169.254", ""}},
		{"[underlay]\naddress = 10.1.1.20/24\n", GW_ERR_MISSING_PROPERTY, 2, {"[underlay] interface", ""}},
		{"[underlay]\nmtu = 1279\n", GW_ERR_INVALID_PROPERTY, 2, {"[underlay] mtu", "1280 to 65535"}},
		{"[underlay]\nmtu = 65536\n", GW_ERR_INVALID_PROPERTY, 2, {"65536", "1280 to 65535"}},
		{"[underlay]\nmtu = 99999999999999999999\n", GW_ERR_INVALID_PROPERTY, 2, {"1280 to 65535", ""}},
		{"[underlay]\nmtu = -1\n", GW_ERR_INVALID_PROPERTY, 2, {"1280 to 65535", ""}},
		{"[underlay]\nmtu = 1500 # comment\n", GW_ERR_INVALID_PROPERTY, 2, {"1500 # comment", ""}},
		{"[underlay]\nencapsulation = geneve\n", GW_ERR_INVALID_PROPERTY, 2, {"geneve", "vxlan and nvgre"}},
		{"[underlay]\nvxlan_port = 0\n", GW_ERR_INVALID_PROPERTY, 2, {"1 to 65535", ""}},
		{"[underlay]\nttl = 256\n", GW_ERR_INVALID_PROPERTY, 2, {"1 to 255", ""}},
		{"[underlay]\ndscp = 64\n", GW_ERR_INVALID_PROPERTY, 2, {"copy and 0 to 63", ""}},
		{"[external]\nnext_hop = 192.0.2.1, 192.0.2.2\n", GW_ERR_INVALID_PROPERTY, 2, {"one of each", ""}},
		{"[external]\nnext_hop = 224.0.0.1\n", GW_ERR_INVALID_PROPERTY, 2, {"unicast IPv4", ""}},
		{"[external]\nnext_hop = ,\n", GW_ERR_INVALID_PROPERTY, 2, {"unicast IPv4", ""}},
		{"[engine]\nrouter_mac = 01:00:5e:00:00:01\n", GW_ERR_INVALID_PROPERTY, 2, {"unicast MAC", ""}},
		{"[engine]\nflow_table_size = 1023\n", GW_ERR_INVALID_PROPERTY, 2, {"1024 to 16777216", ""}},
		{"[engine]\nrecord_limit = 16777217\n", GW_ERR_INVALID_PROPERTY, 2, {"1 to 16777216", ""}},
		{"[controller]\nvsids = 4095-5000\n", GW_ERR_INVALID_PROPERTY, 2, {"4096 to 16777214", ""}},
		{"[controller]\nvsids = 5000-16777215\n", GW_ERR_INVALID_PROPERTY, 2, {"5000-16777215", ""}},
		{"[controller]\nvsids = 5001-5000\n", GW_ERR_INVALID_PROPERTY, 2, {"as 5000-5999", ""}},
		{"[controller]\nvsids = 5000\n", GW_ERR_INVALID_PROPERTY, 2, {"two VSIDs", ""}},
		{"[controller]\nvsids = -5000\n", GW_ERR_INVALID_PROPERTY, 2, {"two VSIDs", ""}},
		{"[controller]\nvsids = 5000-5999-6000\n", GW_ERR_INVALID_PROPERTY, 2, {"two VSIDs", ""}},
		{"[controller]\nurls = http://c:1\n", GW_ERR_INVALID_PROPERTY, 2, {"https://HOST:PORT", ""}},
		{"[controller]\nurls = https://c/path\n", GW_ERR_INVALID_PROPERTY, 2, {"https://HOST:PORT", ""}},
		{"[controller]\nurls = unix:b.sock\n", GW_ERR_INVALID_PROPERTY, 2, {"unix:PATH", ""}},
		{"[controller]\nurls = https://a,https://a,https://a,https://a,https://a,https://a,https://a,https://a,"
		 "https://a\n",
		 GW_ERR_INVALID_PROPERTY,
		 2,
		 {"up to 8", ""}},
		{"[controller]\nserver = -x\n", GW_ERR_INVALID_PROPERTY, 2, {"starts with a letter", ""}},
		{"[controller]\nclient_key = /k\n", GW_ERR_MISSING_PROPERTY, 2, {"go together", ""}},
		{"[store]\nbackend = etcd\n", GW_ERR_INVALID_PROPERTY, 2, {"etcd", "sqlite"}},
		{"[store]\npath = /x/\n", GW_ERR_INVALID_PROPERTY, 2, {"a file", ""}},
		{"[limits]\nports = 4097\n", GW_ERR_INVALID_PROPERTY, 2, {"1 to 4096", ""}},
		{"[limits]\nports = \"\"\n", GW_ERR_INVALID_PROPERTY, 2, {"1 to 4096", ""}},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_config c;
		struct gw_error err;
		char target[32];
		int r = parse(rows[i].text, &c, &err);

		check(r == -EINVAL, "%s", rows[i].text);
		check(err.code == rows[i].code, "%s: %s", rows[i].text, err.message);
		snprintf(target, sizeof target, "t.conf:%u", rows[i].line);
		check(!strcmp(err.target, target), "%s: %s", rows[i].text, err.target);
		for (int w = 0; w < 2; w++)
			check(strstr(err.message, rows[i].words[w]), "\"%s\" not in \"%s\"", rows[i].words[w],
			      err.message);
		check(c.name[0] == '\0', "%s: half taken over", rows[i].text);
	}
}

static void test_long_and_binary(void **state)
{
	static char big[(1 << 20) + 2];
	struct gw_config c;
	struct gw_error err;
	char text[3000], path[200];

	(void)state;
	memset(text, '#', sizeof text);
	memcpy(text, "[node]\n", 7);
	text[7 + 1024] = '\0';
	assert_int_equal(parse(text, &c, &err), 0);
	text[7 + 1024] = '#', text[7 + 1025] = '\0';
	assert_int_equal(parse(text, &c, &err), -EINVAL);
	assert_string_equal(err.target, "t.conf:2");
	assert_non_null(strstr(err.message, "1024"));

	assert_int_equal(gw_config_parse("[node]\nname = a\0b\n", 18, "t.conf", &c, &err), -EINVAL);
	assert_string_equal(err.target, "t.conf:2");
	assert_non_null(strstr(err.message, "NUL"));

	memset(big, '\n', sizeof big);
	assert_int_equal(gw_config_parse(big, 1 << 20, "t.conf", &c, &err), 0);
	assert_int_equal(gw_config_parse(big, (1 << 20) + 1, "t.conf", &c, &err), -EFBIG);
	assert_int_equal(err.code, GW_ERR_TOO_LARGE);

	/* A socket's path has its own limit, also when it follows from run_dir. */
	memset(path, 'd', sizeof path);
	path[0] = '/';
	path[99] = '\0';
	snprintf(text, sizeof text, "\n[node]\nrun_dir = %s\n", path);
	assert_int_equal(parse(text, &c, &err), -EINVAL);
	assert_string_equal(err.target, "t.conf:3");
	assert_non_null(strstr(err.message, "107 bytes"));
	path[98] = '\0'; /* 98 + strlen("/api.sock") = 107 */
	snprintf(text, sizeof text, "[node]\nrun_dir = %s\n", path);
	assert_int_equal(parse(text, &c, &err), 0);
	memset(path, 'd', 150);
	path[0] = '/';
	path[150] = '\0';
	snprintf(text, sizeof text, "[node]\nstate_dir = %s\n", path);
	assert_int_equal(parse(text, &c, &err), -EINVAL);
	assert_non_null(strstr(err.message, "too long"));
}

static void test_load(void **state)
{
	char path[] = "/tmp/gwd-test-config-XXXXXX";
	struct gw_config c;
	struct gw_error err = GW_ERROR_INIT;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "[node]\nname = x\nbad\n", 20), 20);
	assert_int_equal(gw_config_load(path, &c, &err), -EINVAL);
	assert_int_equal(strncmp(err.target, path, strlen(path)), 0);
	assert_string_equal(err.target + strlen(path), ":3");
	assert_int_equal(ftruncate(fd, 16), 0);
	assert_int_equal(gw_config_load(path, &c, &err), 0);
	assert_string_equal(c.name, "x");
	close(fd);
	unlink(path);
	assert_int_equal(gw_config_load(path, &c, &err), -ENOENT);
	assert_int_equal(err.code, GW_ERR_NOT_FOUND);
	assert_string_equal(err.target, path);
	assert_int_equal(gw_config_load("/", &c, &err), -EISDIR);
}

/* configs/gwd.conf has every key once, in its section, explained, with the default that the code has; and it parses. */
static void test_example(void **state)
{
	static char text[1 << 16], shown[1 << 16];
	struct gw_config from_file, from_shown, defaults;
	struct gw_error err;
	const struct gw_config_key *key;
	FILE *f = fopen("configs/gwd.conf", "r");
	char section[32] = "", want[256], *line, *save;
	bool explained = false;
	size_t n, at = 0, out = 0;

	(void)state;
	check(f, "run the tests from the top of the source tree");
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	good("", &defaults);
	assert_int_equal(parse(text, &from_file, &err), 0);
	assert_memory_equal(&from_file, &defaults, sizeof defaults);

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '[')
			sscanf(line, "[%31[^]]]", section);
		if (line[0] == '#' && islower((unsigned char)line[1])) {
			key = gw_config_key(at++);
			check(key, "%s: more keys than the code has", line);
			assert_string_equal(section, key->section);
			snprintf(want, sizeof want, "#%s =%s%s", key->name, *key->def ? " " : "", key->def);
			assert_string_equal(line, want);
			check(explained, "%s has no explanation", key->name);
			line++;
		}
		explained = line[0] == '#' && line[1] == ' ';
		out += (size_t)snprintf(shown + out, sizeof shown - out, "%s\n", line);
	}
	check(!gw_config_key(at), "[%s] %s is missing", gw_config_key(at)->section, gw_config_key(at)->name);
	good(shown, &from_shown);
	assert_memory_equal(&from_shown, &defaults, sizeof defaults);
}

/* gwd.conf(5) has the same keys in the same sections, and nothing that the code does not know. */
static void test_manual(void **state)
{
	FILE *f = fopen("gwd/man/gwd.conf.5", "r");
	char line[1024], section[32] = "", name[64];
	const struct gw_config_key *key;
	size_t at = 0;

	(void)state;
	check(f, "run the tests from the top of the source tree");
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, ".Ss [%31[^]]]", section) == 1 || sscanf(line, ".It Cm %63s No =", name) != 1)
			continue;
		key = gw_config_key(at++);
		check(key, "[%s] %s: more keys than the code has", section, name);
		assert_string_equal(section, key->section);
		assert_string_equal(name, key->name);
	}
	fclose(f);
	check(!gw_config_key(at), "[%s] %s is missing", gw_config_key(at)->section, gw_config_key(at)->name);
}

static void test_keys_have_help(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct gw_config_key *k; (k = gw_config_key(n)); n++) {
		size_t len = strlen(k->help);

		check(len > 20 && k->help[len - 1] == '.', "[%s] %s", k->section, k->name);
	}
	assert_int_equal(n, 65);
}

static void test_limits(void **state)
{
	struct gw_intent_limits l;
	struct gw_config c;

	(void)state;
	good("[limits]\nports = 1\nroutes = 2\nprovider_addresses = 3\n[engine]\nrecord_limit = 4\n"
	     "router_mac = 00155D011404\n",
	     &c);
	gw_config_intent_limits(&c, &l);
	assert_int_equal(l.max[GW_HNV_PORT], 1);
	assert_int_equal(l.max[GW_HNV_CUSTOMER_ROUTE], 2);
	assert_int_equal(l.max[GW_HNV_PROVIDER_ADDRESS], 3);
	assert_int_equal(l.max[GW_HNV_PROVIDER_ROUTE], 3);
	assert_int_equal(l.max[GW_HNV_LOOKUP_RECORD], 4);
	assert_true(gw_mac_equal(&l.router_mac, &c.router_mac));
}

static char fixed[512];

static void note_fixed(const char *key)
{
	size_t n = strlen(fixed);

	snprintf(fixed + n, sizeof fixed - n, "%s, ", key);
}

/* What was read again: some of it counts from now on, some is told to wait for a restart, in place and as it was. */
static void test_renewed(void **state)
{
	struct gw_config c, other;

	(void)state;
	good("[node]\nname = a\n", &c);
	good("[node]\nname = a\n", &other);
	gw_config_renew(&c, &other, note_fixed);
	assert_string_equal(fixed, "");
	good("[node]\nname = b\nlog_level = debug\n[underlay]\nmtu = 9000\n[controller]\nurls = unix:/c\nca = /ca\n"
	     "client_cert = /cert\nclient_key = /key\n[limits]\nports = 7\n",
	     &other);
	gw_config_renew(&c, &other, note_fixed);
	assert_string_equal(fixed, "[node] name, [controller] urls, [controller] server, [limits] ports, ");
	assert_string_equal(c.name, "a");
	assert_string_equal(c.controller_urls, "");
	assert_string_equal(c.controller_server, "a");
	assert_int_equal(c.port_limit, 1024);
	assert_int_equal(c.log_level, GW_LOG_DEBUG);
	assert_int_equal(c.underlay_mtu, 9000);
	assert_string_equal(c.controller_ca, "/ca");
	assert_string_equal(c.controller_cert, "/cert");
	assert_string_equal(c.controller_key, "/key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything_set),
		cmocka_unit_test(test_controller),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_paths_follow_their_folders),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_and_binary),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_keys_have_help),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_renewed),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
