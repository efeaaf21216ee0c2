#!/usr/bin/python3
# Scripts that set up network virtualization on Hyper-V hosts, imported into hosts of ours: example1.ps1 to example3.ps1.
#
#   example 1: one virtual subnet                   example 2: routed, with the Internet behind a router VM
#
#   blue01                     blue02               blue01          blue02          blueDG (NAT) --- inet 203.0.113.7
#   192.168.1.101              192.168.1.102        .1.101          .1.102          .2.250   198.51.100.2
#      \                          /                    \               /               /
#       ml110g6-01      ml110g6-02                 ml110g6-01     ml110g6-02      ml110g5-01
#       10.1.1.20       10.1.1.30                  10.1.1.20      10.1.1.30       10.1.1.40
#
# Covers API-2 (import, all or none), ENC-1 (TranslationMethodEncap is NVGRE), FWD-3, FWD-4, FWD-5, FWD-7 (wildcard record,
# default route), FWD-10 (refused until there is IP rewrite).
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic, wire, world
from lib.case import equal, require

HERE = os.path.dirname(os.path.abspath(__file__))
BLUE, GATEWAY = 5001, 5002
RDID = "11111111-2222-3333-4444-000000005001"
COLLECTIONS = ("lookupRecords", "customerRoutes", "providerAddresses", "providerRoutes", "ports")
MACS = {"blue01": "00:15:5d:01:14:04", "blue02": "00:15:5d:01:1e:04", "blueDG": "00:15:5d:14:3c:02"}
PAS = {"ml110g6-01": "10.1.1.20", "ml110g6-02": "10.1.1.30", "ml110g5-01": "10.1.1.40"}
suite = case.Suite()


def script(n):
    return os.path.join(HERE, "example%d.ps1" % n)


def add_host(w, short, name):
    """A host that has nothing yet: the script is to say everything."""
    h = w.host(short, None)
    h.script_name = name
    return h


def import_raw(host, path, *more, vm=None):
    argv = ["import-hnv", path, "--host", host.script_name, "--interface", "WNVNIC=eth1"]
    if vm:
        argv += ["--port", "%s=%s" % (vm.mac, vm.port)]
    return host.gwd.ctl_raw(*argv, *more)


def import_script(host, path, *more, vm=None):
    p = import_raw(host, path, *more, vm=vm)
    equal(p.returncode, 0, "status of the import on %s (%s%s)" % (host.name, p.stderr, p.stdout))
    return p.stdout


def holdings(host):
    """{collection: {id: (etag, properties)}}, without what the daemon adds: equal before and after, nothing was written."""
    kept = {}
    for c in COLLECTIONS:
        value = json.loads(host.gwd.request("GET", "/hnv/" + c).body)["value"]
        kept[c] = {r["resourceId"]: (r["etag"], {k: v for k, v in r["properties"].items() if k[0].isupper()})
                   for r in value}
    return kept


def records_of(host):
    """The same without etags."""
    return {c: {i: properties for i, (_, properties) in found.items()} for c, found in holdings(host).items()}


def refused(host, path, says, *more, vm=None):
    """The import is refused with these words, and nothing has changed."""
    before = holdings(host)
    p = import_raw(host, path, *more, vm=vm)
    equal((p.returncode, p.stdout), (1, ""), "status and output of a refused import (%s)" % p.stderr)
    for text in says:
        require(text in p.stderr, "the refusal says %r: %s" % (text, p.stderr))
    equal(holdings(host), before, "what %s holds after a refused import" % host.name)


# --- example 1 ----------------------------------------------------------------------------------------------------------

def make_first():
    w = world.World()
    w.make_fabric()
    w.h1, w.h2 = add_host(w, "h1", "ml110g6-01"), add_host(w, "h2", "ml110g6-02")
    w.blue01 = w.h1.vm("blue01", MACS["blue01"], BLUE, ["192.168.1.101"], attach=False)
    w.blue02 = w.h2.vm("blue02", MACS["blue02"], BLUE, ["192.168.1.102"], attach=False, tap=True)
    return w


one = suite.group("one subnet", make_first)


@one.case("API-2: a dry run says what would be put, as a table and as a batch, and puts nothing")
def _(w):
    before = holdings(w.h1)
    table = import_script(w.h1, script(1), "--dry-run", vm=w.blue01)
    for text in ("192.168.1.102", "10.1.1.30", "00:15:5d:01:1e:04", "nvgre", RDID, "eth1", "blue01"):
        require(text in table, "the table has %r: %s" % (text, table))
    batch = json.loads(import_script(w.h1, script(1), "--dry-run", "-o", "json", vm=w.blue01))
    equal([e["path"] for e in batch],
          ["/hnv/lookupRecords/5001-192.168.1.101", "/hnv/lookupRecords/5001-192.168.1.102",
           "/hnv/customerRoutes/%s-5001-192.168.1.0_24-0.0.0.0" % RDID, "/hnv/providerAddresses/10.1.1.20",
           "/hnv/ports/blue01"], "paths of the batch")
    equal(holdings(w.h1), before, "what the host holds after dry runs")
    equal(records_of(w.h1), {c: {} for c in COLLECTIONS}, "what the host holds")


@one.case("API-2: what is missing or wrong is named with its place and the remedy, and nothing is put")
def _(w):
    refused(w.h1, script(1), ["--port 00155D011404=NAME", "line 18, column"])
    p = w.h1.gwd.ctl_raw("import-hnv", script(1), "--host", "ml110g6-01", "--port", "00155D011404=blue01")
    equal(p.returncode, 1, "status without --interface")
    require("--interface WNVNIC=NAME" in p.stderr, "the option is named: %s" % p.stderr)
    p = w.h1.gwd.ctl_raw("import-hnv", script(1), "--host", "h1")
    equal(p.returncode, 1, "status with another host")
    require("ml110g6-01, ml110g6-02" in p.stderr, "the hosts are named: %s" % p.stderr)
    equal(records_of(w.h1), {c: {} for c in COLLECTIONS}, "what the host holds")


@one.case("API-2, ENC-1: the import on both hosts makes the records of each, and no others")
def _(w):
    for host, vm in ((w.h1, w.blue01), (w.h2, w.blue02)):
        said = import_script(host, script(1), vm=vm)
        require("port %s put, state Up" % vm.port in said, "the port is up: %s" % said)
        record = {"VirtualSubnetID": BLUE, "Rule": "TranslationMethodEncap", "Encapsulation": "NVGRE", "Type": "Static"}
        got = records_of(host)
        for v in w.vms:
            kept = got["lookupRecords"]["5001-" + v.v4]
            expected = {**record, "CustomerAddress": v.v4, "ProviderAddress": PAS[v.host.script_name],
                        "MACAddress": v.mac.replace(":", "").upper()}
            equal({k: kept[k] for k in expected}, expected, "record of %s on %s" % (v.name, host.name))
        equal({c: sorted(ids) for c, ids in got.items()},
              {"lookupRecords": ["5001-192.168.1.101", "5001-192.168.1.102"],
               "customerRoutes": ["%s-5001-192.168.1.0_24-0.0.0.0" % RDID],
               "providerAddresses": [PAS[host.script_name]], "providerRoutes": [], "ports": [vm.port]},
              "ids on %s" % host.name)
        equal(got["providerAddresses"][PAS[host.script_name]]["Interface"], "eth1", "interface")
        host.gwd.wait_port(vm.port)


@one.case("FWD-3, ENC-1: the VMs reach each other, by NVGRE between the provider addresses of the script")
def _(w):
    with wire.Capture(w.fabric, "h1", "import-hnv-first") as cap:
        traffic.reach(w.blue01, w.blue02)
        traffic.reach(w.blue02, w.blue01)
        traffic.tcp_exact(w.blue01, w.blue02, w.blue02.v4, 8 << 20)
    rows = cap.fields(["ip.src", "ip.dst", "gre.key", "gre.proto", "gre.flags_and_version"], "gre")
    require(len(rows) > 100, "%d tunnel frames" % len(rows))
    for r in rows:
        require({r["ip.src"][0], r["ip.dst"][0]} == {"10.1.1.20", "10.1.1.30"}, "provider addresses of %s" % r)
        equal((int(r["gre.key"][0], 0) >> 8, r["gre.proto"][0], r["gre.flags_and_version"][0]),
              (BLUE, "0x6558", "0x2000"), "NVGRE header of %s" % r)
    equal(cap.count("udp.port == 4789 || _ws.malformed"), 0, "VXLAN and malformed frames")
    equal(cap.count("ip.addr == 192.168.1.0/24 && !gre"), 0, "customers' packets outside of tunnels")


@one.case("API-2: importing the same script again changes nothing, and disturbs no traffic")
def _(w):
    before = holdings(w.h1), holdings(w.h2)
    t = traffic.TcpTransfer(w.blue01, w.blue02, w.blue02.v4, 4 << 20, seconds=2)
    for _ in range(3):
        for host, vm in ((w.h1, w.blue01), (w.h2, w.blue02)):
            import_script(host, script(1), vm=vm)
    t.finish()
    answer = json.loads(import_script(w.h1, script(1), "-o", "json", vm=w.blue01))
    equal(answer["applied"], 5, "records that the daemon says it has applied")
    equal((holdings(w.h1), holdings(w.h2)), before, "what the hosts hold")


@one.case("FWD-10: example 3 wants IP rewrite: refused with the lines that need it, also in a dry run; nothing is put")
def _(w):
    for host, vm, lines in ((w.h1, w.blue01, "1, 2 and 3"), (w.h2, w.blue02, "9, 10 and 11")):
        for more in ((), ("--dry-run",)):
            refused(host, script(3), ["later version", "TranslationMethodNAT", "lines " + lines], *more, vm=vm)
    traffic.reach(w.blue01, w.blue02)


@one.case("API-2: what the daemon refuses is told with the line of the script, and nothing of the script is put")
def _(w):
    with open(script(1), encoding="utf-8") as f:
        text = f.read()
    path = os.path.join(case.WORK, "other.ps1")
    with open(path, "w", encoding="utf-16") as f:  # with a byte order mark, as the ISE writes it
        f.write(text.replace("192.168.1.102", "192.168.1.103").replace(RDID, RDID[:-1] + "2").replace("\n", "\r\n"))
    refused(w.h1, path, [path + ", line 7, column 1: Conflict at properties.RoutingDomainID", RDID], vm=w.blue01)
    traffic.reach(w.blue01, w.blue02)


# --- example 2 ----------------------------------------------------------------------------------------------------------

def make_second():
    w = world.World()
    w.make_fabric()
    w.h1, w.h2, w.h3 = (add_host(w, "h%d" % (i + 1), name) for i, name in enumerate(PAS))
    w.blue01 = w.h1.vm("blue01", MACS["blue01"], BLUE, ["192.168.1.101"], attach=False)
    w.blue02 = w.h2.vm("blue02", MACS["blue02"], BLUE, ["192.168.1.102"], attach=False, tap=True)
    w.blueDG = w.h3.vm("blueDG", MACS["blueDG"], GATEWAY, ["192.168.2.250"], attach=False)
    w.blues = (w.blue01, w.blue02)
    for vm in w.blues:
        vm.netns.ip("route add default via 192.168.1.1")
    add_internet(w)
    for vm in w.vms:
        import_script(vm.host, script(2), vm=vm)
        vm.host.gwd.wait_port(vm.port)
    return w


def add_internet(w):
    """Behind the router VM: one more interface of it, address translation there, and a server."""
    w.inet = w.namespace("inet")
    gateway = w.blueDG.netns
    gateway.veth("eth1", w.inet, "eth0")
    gateway.ip("addr add 198.51.100.2/24 dev eth1")
    gateway.ip("link set eth1 up")
    gateway.ip("route add default via 198.51.100.1")
    gateway.ip("route add 192.168.0.0/16 via 192.168.2.1")
    gateway.sysctl("net.ipv4.ip_forward=1")
    gateway.run(["nft", "add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; };"
                 "add rule ip nat post oif eth1 masquerade"])
    w.inet.ip("addr add 198.51.100.1/24 dev eth0")
    w.inet.ip("addr add 203.0.113.7/32 dev lo")
    w.inet.ip("link set eth0 up")
    # What traffic.py wants of a peer.
    w.server = type("Server", (), {"netns": w.inet, "name": "the Internet", "addresses": ["203.0.113.7"],
                                   "v4": "203.0.113.7"})()


two = suite.group("routed", make_second)


@two.case("API-2: each host has the records of the whole domain: router, wildcard, routes")
def _(w):
    for host in w.hosts:
        got = records_of(host)
        equal(sorted(got["lookupRecords"]),
              sorted(["5001-192.168.1.1", "5001-192.168.1.101", "5001-192.168.1.102", "5002-0.0.0.0", "5002-192.168.2.1",
                      "5002-192.168.2.250"]), "records on %s" % host.name)
        equal({i: r["Type"] for i, r in got["lookupRecords"].items() if r["Type"] != "Static"},
              {"5002-0.0.0.0": "GatewayWildcard"}, "types on %s" % host.name)
        equal({r["Encapsulation"] for r in got["lookupRecords"].values()}, {"NVGRE"}, "encapsulations")
        equal(sorted(got["customerRoutes"]),
              ["%s-5001-192.168.1.0_24-0.0.0.0" % RDID, "%s-5002-0.0.0.0_0-192.168.2.250" % RDID,
               "%s-5002-192.168.2.0_24-0.0.0.0" % RDID], "routes on %s" % host.name)


@two.case("FWD-5: the router has the addresses and MAC addresses of the script, on every host, and answers pings")
def _(w):
    for vm, address, mac in ((w.blue01, "192.168.1.1", "10:10:10:10:10:01"),
                             (w.blue02, "192.168.1.1", "10:10:10:10:10:01"),
                             (w.blueDG, "192.168.2.1", "10:10:10:10:10:11")):
        got, said = traffic.ping(vm, address)
        equal(got, 3, "answers of %s to %s\n%s" % (address, vm.name, said))
        neighbours = {n["dst"]: n.get("lladdr") for n in vm.netns.ip_json("neigh show dev eth0")}
        equal(neighbours.get(address), mac, "the router's MAC address at %s" % vm.name)


@two.case("FWD-4, FWD-7: between the subnets, both ways, in the destination's VSID")
def _(w):
    with wire.Capture(w.fabric, "h3", "import-hnv-routed") as cap:
        traffic.reach(w.blue01, w.blue02)
        for vm in w.blues:
            traffic.reach(vm, w.blueDG)
            traffic.reach(w.blueDG, vm)
        traffic.tcp_exact(w.blue01, w.blueDG, w.blueDG.v4, 4 << 20)
    rows = cap.fields(["ip.src", "ip.dst", "gre.key", "eth.src", "eth.dst", "ip.ttl"], "gre")
    require(len(rows) > 100, "%d tunnel frames" % len(rows))
    for r in rows:
        to_gateway = r["ip.dst"][0] == PAS["ml110g5-01"]
        equal(int(r["gre.key"][0], 0) >> 8, GATEWAY if to_gateway else BLUE, "VSID of %s" % r)
        require(r["eth.dst"][1] in ([w.blueDG.mac] if to_gateway else [v.mac for v in w.blues]),
                "inner destination of %s" % r)
        equal(r["ip.ttl"][1], "63", "inner TTL of %s" % r)


@two.case("FWD-7: the default route leads through the wildcard record and the router VM to the Internet and back")
def _(w):
    with wire.Capture(w.fabric, "h3", "import-hnv-out") as tunnel, wire.Capture(w.inet, "eth0", "import-hnv-inet") as out:
        for vm in w.blues:
            traffic.reach(vm, w.server)
            traffic.tcp_exact(vm, w.server, w.server.v4, 4 << 20)
        traffic.udp_exact(w.blue01, w.server, w.server.v4, [1, 700, 1300, 1352])
    rows = tunnel.fields(["ip.src", "ip.dst", "gre.key"], "gre && ip.dst == %s" % w.server.v4)
    require(len(rows) > 20, "%d frames to the server" % len(rows))
    for r in rows:
        equal((r["ip.dst"][0], int(r["gre.key"][0], 0) >> 8), (PAS["ml110g5-01"], GATEWAY), "tunnel of %s" % r)
    equal({r["ip.src"][0] for r in out.fields(["ip.src"], "ip.dst == %s" % w.server.v4)}, {"198.51.100.2"},
          "who the server has seen")


@two.case("API-2: the import again changes nothing")
def _(w):
    before = [holdings(h) for h in w.hosts]
    for vm in w.vms:
        import_script(vm.host, script(2), vm=vm)
    equal([holdings(h) for h in w.hosts], before, "what the hosts hold")
    traffic.reach(w.blue02, w.server)


@two.case("FWD-10: example 3, whose hosts these are too, is refused on each and changes nothing")
def _(w):
    for vm in w.vms:
        refused(vm.host, script(3), ["later version"], vm=vm)
    traffic.reach(w.blue01, w.server)


@two.case("API-2: records survive a restart of the daemons; the traffic does not notice")
def _(w):
    t = traffic.TcpTransfer(w.blue01, w.server, w.server.v4, 8 << 20, seconds=4)
    for h in w.hosts:
        h.gwd.restart()
    t.finish()
    for vm in w.blues:
        traffic.reach(vm, w.server)


if __name__ == "__main__":
    suite.main()
