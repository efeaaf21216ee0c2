#!/usr/bin/python3
# time-limit: 400
# VRFs of a gateway node: two tenants with the same addresses, each in a namespace of its own, that outlives the daemon and that
# nobody takes apart for longer than a moment.
#
#   VMs t1, t2 -- h1 (10.1.1.2) eth1 -- fabric -- eth1 gw (10.1.1.1) gwo<vsid> -- ovl0 VRF ext0 -- gwe<vsid>, wan0: outside
#
#   each tenant: gateway subnet 10.0.0.0/24, fd00::/64 (VSID 5001, 5002), where the VRF is 10.0.0.2, fd00::2
#                VM subnet      10.0.1.0/24, fd00:0:0:1::/64 (VSID 5101, 5102), where the VM is 10.0.1.11, fd00:0:0:1::11
#
# Covers GW-1 (a VRF each; identical addresses), GW-8 (restart and crash leave it alone, what was taken away comes back).
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic, world
from lib.case import equal, eventually, require
from lib.gateway import batch

RDID = "00000000-0000-0000-0000-00000000000%d"
GW_MAC, VM_MAC = "02:67:00:00:00:01", "02:00:00:00:00:11"
SHARED, OWN = "203.0.113.7", "203.0.113.1%d"
MANY = 200
suite = case.Suite()


def uplink(w, mtu=1500):
    """wan0 of the gateway node, which leads to a namespace."""
    w.out = w.namespace("out")
    w.h1.netns.veth("wan0", w.out, "eth0", mtu)
    w.h1.netns.ip("link set wan0 up")
    w.out.ip("link set eth0 up")


def both(w, *argv):
    for h in (w.h1, w.h2):
        h.gwd.ctl(*argv)


def put(w, path, **properties):
    r = w.h1.gwd.request("PUT", "/hnv/" + path, {"properties": properties})
    require(r.status in (200, 201), "PUT %s: %d %s" % (path, r.status, r.body))


def delete(w, path):
    r = w.h1.gwd.request("DELETE", "/hnv/" + path)
    require(r.status in (200, 204), "DELETE %s: %d %s" % (path, r.status, r.body))


def give_vrf(w, n):
    """The records of the virtual gateway itself, on the gateway node."""
    put(w, "virtualGateways/" + RDID % n, VirtualSubnetID=5000 + n, MACAddress=GW_MAC, CustomerAddress="10.0.0.2",
        PrefixLength=24, CustomerAddressV6="fd00::2", PrefixLengthV6=64)
    w.h1.gwd.ctl("port", "attach", "--interface", "gwo%d" % (5000 + n), "--mac", GW_MAC, "--vsid", 5000 + n,
                 "--allow-forwarding")
    put(w, "publicAddresses/%s_32-%d" % (SHARED, 1024 * n), PublicPrefix=SHARED + "/32", FirstPort=1024 * n,
        PortCount=1024, RoutingDomainID=RDID % n)
    put(w, "publicAddresses/%s_32-0" % (OWN % n), PublicPrefix=OWN % n + "/32", FirstPort=0, PortCount=0, RoutingDomainID=RDID % n)


def take_vrf(w, n):
    delete(w, "publicAddresses/%s_32-0" % (OWN % n))
    delete(w, "publicAddresses/%s_32-%d" % (SHARED, 1024 * n))
    w.h1.gwd.ctl("port", "detach", "gwo%d" % (5000 + n))
    delete(w, "virtualGateways/" + RDID % n)


def setup():
    w = world.World()
    w.make_fabric()
    w.h1 = w.host("gw", "10.1.1.1", settings={"external": {"interface": "wan0"}}, start=False)
    uplink(w)
    w.h1.start()
    w.h2 = w.host("h1", "10.1.1.2")
    w.vm = {}
    for n in (1, 2):
        w.vm[n] = w.h2.vm("t%d" % n, VM_MAC, 5100 + n, ["10.0.1.11", "fd00:0:0:1::11"])
        w.vm[n].default_routes("10.0.1.1", "fd00:0:0:1::1")
        for h in (w.h1, w.h2):
            for a in ("10.0.1.11", "fd00:0:0:1::11"):
                h.record(5100 + n, a, "10.1.1.2", VM_MAC)
            for a in ("10.0.0.2", "fd00::2"):
                h.record(5000 + n, a, "10.1.1.1", GW_MAC)
        world.routes((w.h1, w.h2), RDID % n, [
            (5000 + n, "10.0.0.0/24", None), (5100 + n, "10.0.1.0/24", None), (5000 + n, "0.0.0.0/0", "10.0.0.2"),
            (5000 + n, "fd00::/64", None), (5100 + n, "fd00:0:0:1::/64", None), (5000 + n, "::/0", "fd00::2")])
        give_vrf(w, n)
    return w


g = suite.group("", setup)


def ns(n):
    return "gwd-gw-%d" % (5000 + n)


def inside(n, args, **kw):
    return subprocess.run(["ip", "-n", ns(n)] + args.split(), capture_output=True, text=True, check=False, **kw).stdout


def reach(w, tenants=(1, 2)):
    for n in tenants:
        for address in ("10.0.0.2", "fd00::2", OWN % n):
            got, said = traffic.ping(w.vm[n], address)
            equal(got, 3, "answers of %s to the VM of tenant %d\n%s" % (address, n, said))
        # What others have ports of is no end of the way.
        way = inside(n, "route get %s from 10.0.1.11 iif ovl0" % SHARED)
        require("via 169.254.1.1 dev ext0" in way, "the way to %s: %s" % (SHARED, way))


def whole(n):
    """What makes a VRF, without what differs from one to the next."""
    return (inside(n, "-o -br addr").split(), inside(n, "route"), inside(n, "-6 route"),
            sorted(inside(n, "neigh show nud permanent").splitlines()))


@g.case("GW-1: each tenant's VM reaches the gateway's addresses and what is behind them, and only its own VRF sees it")
def _(w):
    reach(w)
    def packets(n):
        p = w.h1.gwd.request("GET", "/hnv/virtualGateways/" + RDID % n).json()["properties"]
        equal(p["state"], "Ready", "state of virtual gateway %d: %s" % (n, p))
        equal(p["namespace"], ns(n), "its namespace")
        return p["inside"]["receivedPackets"], p["outside"]["sentPackets"]
    before = packets(1), packets(2)
    got, _ = traffic.ping(w.vm[1], "198.51.100.1", count=5)  # nobody there: it leaves by ext0
    equal(got, 0, "answers of nobody")
    after = packets(1), packets(2)
    require(after[0][0] >= before[0][0] + 5 and after[0][1] >= before[0][1] + 5,
            "packets through VRF 1 grew: %s, %s" % (before, after))
    # A kernel that has just been given addresses says so to the multicast routers that might be there.
    require(all(b - a < 5 for a, b in zip(before[1], after[1])), "packets through VRF 2: %s, %s" % (before, after))


@g.case("GW-8: after kill -9 nothing is written, and packets pass meanwhile")
def _(w):
    before = whole(1), whole(2)
    w.h1.gwd.kill()
    reach(w)
    watch = [subprocess.Popen(["ip"] + where + ["monitor", "link", "address", "route"], stdout=subprocess.PIPE, text=True)
             for where in (["-n", w.h1.netns.name], ["-n", ns(1)], ["-n", ns(2)])]
    w.h1.gwd.start()
    reach(w)
    # An event of our own ends each record: what came before it has been seen.
    for where in (w.h1.netns.name, ns(1), ns(2)):
        subprocess.run(["ip", "-n", where, "address", "add", "192.0.2.77/32", "dev", "lo"], check=True)
    for p in watch:
        seen = []
        while "192.0.2.77" not in (line := p.stdout.readline()):
            seen.append(line)
        # The engine silences its links of the node anew, of which the kernel tells: they are as they were.
        equal([s for s in seen if "Deleted" in s or "ovl0" in s or "ext0" in s], [], "events of a restart")
        p.kill()
        p.wait()
    for where in (w.h1.netns.name, ns(1), ns(2)):
        subprocess.run(["ip", "-n", where, "address", "del", "192.0.2.77/32", "dev", "lo"], check=True)
    equal((whole(1), whole(2)), before, "the VRFs")


UNTOLD = "net.ipv4.conf.ext0.accept_local", "net.ipv4.conf.all.send_redirects"  # the kernel tells nobody when they change


def sysctl(n, *args):
    return subprocess.run(["nsenter", "--net=/run/netns/" + ns(n), "sysctl", *args], capture_output=True, text=True, check=False).stdout


TAKEN = {
    "the namespace": lambda w: subprocess.run(["ip", "netns", "del", ns(1)], check=True),
    "the pair to the engine": lambda w: w.h1.netns.ip("link del gwo5001"),
    "the pair to outside": lambda w: inside(1, "link del ext0"),
    "an address": lambda w: inside(1, "address del 10.0.0.2/32 dev ovl0"),
    "a public address": lambda w: inside(1, "address del %s/32 dev ext0" % SHARED),
    "a route": lambda w: inside(1, "route del 10.0.1.0/24"),
    "an IPv6 route": lambda w: inside(1, "-6 route del fd00:0:0:1::/64"),
    "a neighbour": lambda w: inside(1, "neigh del 10.0.0.1 dev ovl0"),
    "the way of all rules": lambda w: inside(1, "rule del lookup main"),
    "a route, by one that is more specific and leads nowhere": lambda w: inside(1, "route add blackhole 10.0.1.8/29"),
    "every packet, by a rule": lambda w: inside(1, "rule add prio 1 blackhole"),
    "a link's state": lambda w: inside(1, "link set ext0 down"),
    "a link, by a bridge that takes its packets": lambda w: (inside(1, "link add b type bridge"), inside(1, "link set ovl0 master b")),
    "settings that the kernel tells nobody of": lambda w: sysctl(1, "-w", UNTOLD[0] + "=0", UNTOLD[1] + "=1"),
}


def add_taken(what, take):
    @g.case("taken away by hand: %s comes back within a second, also after a start; the other tenant notices nothing" % what)
    def _(w):
        def of_other():
            return w.h1.netns.ip_json("link show gwo5002")[0]["ifindex"], whole(2)
        other = of_other()
        whole_before = whole(1)[1:3], sysctl(1, *UNTOLD)
        took = []
        for running in (True, False):
            if not running:
                w.h1.gwd.stop()
            take(w)
            started = time.monotonic()
            if not running:
                w.h1.gwd.start()
                started = time.monotonic()
            eventually(lambda: (whole(1)[1:3], sysctl(1, *UNTOLD)) == whole_before and traffic.ping(w.vm[1], "10.0.0.2", count=1, extra=("-W", "0.1"))[0],
                       "the VRF is whole again", 3)
            took.append(time.monotonic() - started)
            reach(w)
            equal(of_other(), other, "tenant 2")
        case.note("%.2f s, after a start %.2f s" % tuple(took))
        require(max(took) < 1.0 * case.SLOWNESS, "it took %.2f s, %.2f s" % tuple(took))


for name, function in TAKEN.items():
    add_taken(name, function)


@g.case("GW-1: whoever asks for every host of a gateway subnet finds nobody, and takes none of the room that all have in common")
def _(w):
    """The kernel's table of neighbours is one for all namespaces."""
    def entries(n):
        return [x for x in (inside(n, "-4 neigh show nud all") + inside(n, "-6 neigh show nud all")).splitlines() if "NOARP" not in x]
    before, sent = entries(1), w.vm[1].netns
    # What has no record goes to the gateway.
    wild = [("lookupRecords", {"VirtualSubnetID": 5001, "CustomerAddress": any_address, "ProviderAddress": "10.1.1.1", "MACAddress": GW_MAC,
                               "Type": "GatewayWildcard"}) for any_address in ("0.0.0.0", "::")]
    batch(w.h2.gwd, wild)
    equal(len(before), 4, "neighbours of VRF 1: %s" % before)  # the router and the way out, in both families
    for addresses in (["10.0.0.%d" % n for n in range(3, 255)], ["fd00::1:%x" % n for n in range(300)]):
        with sent.enter():
            s = socket.socket(traffic.family(addresses[0]), socket.SOCK_DGRAM)
        counted = w.h1.gwd.request("GET", "/hnv/virtualGateways/" + RDID % 1).json()["properties"]["inside"]["receivedPackets"]
        for a in addresses:
            try:
                s.sendto(b"x", (a, 9))
            except OSError:  # an answer to an earlier one: unreachable
                pass
        s.close()
        eventually(lambda: w.h1.gwd.request("GET", "/hnv/virtualGateways/" + RDID % 1).json()["properties"]["inside"]
                   ["receivedPackets"] >= counted + 200, "they have come to the VRF", 5)
        equal(entries(1), before, "neighbours of VRF 1")
    reach(w)


@g.case("the external interface's MTU is followed")
def _(w):
    w.h1.netns.ip("link set wan0 mtu 1400")
    eventually(lambda: "mtu 1400" in inside(1, "link show ext0") and "mtu 1400" in inside(2, "link show ext0"),
               "ext0 has it", 2)
    w.h1.netns.ip("link set wan0 mtu 1500")
    eventually(lambda: "mtu 1500" in inside(1, "link show ext0"), "ext0 has it", 2)


@g.case("a tenant goes and comes with its names in the same second; the other's flow loses nothing")
def _(w):
    flow = subprocess.Popen(w.vm[2].netns.argv(["ping", "-n", "-q", "-i", "0.02", "-c", "200", "10.0.0.2"]),
                            stdout=subprocess.PIPE, text=True)
    for i in range(6):
        take_vrf(w, 1)
        if i % 2:
            eventually(lambda: not os.path.exists("/run/netns/" + ns(1)), "the namespace is gone", 20)
        give_vrf(w, 1)  # while it is going, in every other round
        w.h1.gwd.wait_port("gwo5001")
    out = flow.communicate()[0]
    require(" 200 received" in out, "answers to tenant 2: %s" % out)
    eventually(lambda: traffic.ping(w.vm[1], "10.0.0.2", count=1)[0], "tenant 1 is back", 3)
    reach(w)


@g.case("%d VRFs come and go in one change each; nothing is left" % MANY)
def _(w):
    def change(elements):
        started = time.monotonic()
        r = w.h1.gwd.request("POST", "/hnv/batch", elements, timeout=120)
        require(r.status == 200, "batch: %d %s" % (r.status, r.body[:500]))
        return time.monotonic() - started

    ids = [("10000000-0000-0000-0000-%012d" % i, 20000 + i) for i in range(MANY)]
    came = change([{"path": "/hnv/virtualGateways/" + rdid, "method": "PUT", "body": {"properties": {
        "VirtualSubnetID": vsid, "MACAddress": GW_MAC, "CustomerAddress": "10.0.0.2", "PrefixLength": 24}}}
        for rdid, vsid in ids])
    status = w.h1.gwd.status()["vrf"]
    equal((status["virtualGateways"], status["ready"], status["warnings"]), (MANY + 2, MANY + 2, []), "status")
    equal(len([f for f in os.listdir("/run/netns") if f.startswith("gwd-gw-2")]), MANY, "namespaces")
    w.h1.gwd.kill()
    started = time.monotonic()
    w.h1.gwd.start(deadline=60)
    restart = time.monotonic() - started
    started = time.monotonic()
    change([{"path": "/hnv/virtualGateways/" + rdid, "method": "DELETE"} for rdid, _ in ids])
    eventually(lambda: not [f for f in os.listdir("/run/netns") if f.startswith("gwd-gw-2")], "no namespaces are left", 120)
    went = time.monotonic() - started
    case.note("%d VRFs: made in %.2f s, taken over in %.2f s, removed in %.2f s" % (MANY, came, restart, went))
    equal([i["ifname"] for i in w.h1.netns.ip_json("link show") if i["ifname"][:5] in ("gwo20", "gwe20")], [], "links left")
    reach(w)


@g.case("gwd --remove takes all VRFs of this node and nobody else's; the next start brings them back")
def _(w):
    subprocess.run(["ip", "netns", "add", "gwd-gw-2-5001"], check=True)
    w.h1.gwd.stop()
    w.h1.netns.run([*w.h1.gwd.argv(), "--remove"])
    equal([f for f in os.listdir("/run/netns") if f.startswith("gwd-gw")], ["gwd-gw-2-5001"], "namespaces left")
    equal([i["ifname"] for i in w.h1.netns.ip_json("link show") if i["ifname"].startswith("gw")], [], "links left")
    w.h1.gwd.start()
    reach(w)
    subprocess.run(["ip", "netns", "del", "gwd-gw-2-5001"], check=True)


@g.case("with the last record the last trace goes")
def _(w):
    for n in (1, 2):
        take_vrf(w, n)
    eventually(lambda: not [f for f in os.listdir("/run/netns") if f.startswith("gwd-")], "no namespaces are left", 20)
    equal([i["ifname"] for i in w.h1.netns.ip_json("link show") if i["ifname"].startswith(("gwo", "gwe"))], [],
          "links left")


if __name__ == "__main__":
    suite.main()
