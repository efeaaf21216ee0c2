#!/usr/bin/python3
# A node is taken out of the kernel for good, and comes back.
#
#   v1, n1 -- h1 (10.1.1.1) eth1 -- fabric -- eth1 h2 (10.1.1.2) -- v2, n2        VSID 5001 VXLAN (v), 5002 NVGRE (n)
#             h1 out0, [external]
#
# Covers gwd --remove (what a package runs when it is removed): nothing of the node stays in the kernel, nothing of others
# goes, the records stay (API-2), and it is refused while the daemon runs.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic, world
from lib.case import equal, require

suite = case.Suite()


def setup():
    w = world.two_hosts()
    w.v1 = w.h1.vm("v1", "02:00:00:00:01:01", 5001, ["10.0.0.11", "fd00::11"])
    w.v2 = w.h2.vm("v2", "02:00:00:00:02:01", 5001, ["10.0.0.21", "fd00::21"])
    w.n1 = w.h1.vm("n1", "02:00:00:00:01:02", 5002, ["10.0.0.11", "fd00::11"])
    w.n2 = w.h2.vm("n2", "02:00:00:00:02:02", 5002, ["10.0.0.21", "fd00::21"])
    world.records([w.v1, w.v2], "vxlan", w.hosts)
    world.records([w.n1, w.n2], "nvgre", w.hosts)
    w.h1.netns.ip("link add out0 type veth peer name out1")
    w.h1.netns.ip("link set out0 up")
    w.h1.gwd.settings["external"] = {"interface": "out0"}
    w.h1.gwd.configure()
    w.h1.gwd.restart()
    w.bpf_dir = w.h1.gwd.settings["engine"]["bpf_dir"]
    # What is not gwd's: an address and a filter beside its own.
    w.h1.netns.ip("address add 10.1.1.99/24 dev eth1")
    w.h1.netns.run(["tc", "filter", "add", "dev", "eth1", "ingress", "pref", "7", "protocol", "ip", "u32", "match",
                    "u32", "0", "0"])
    for a, b in ((w.v1, w.v2), (w.n1, w.n2)):
        traffic.reach(a, b)
    return w


g = suite.group("", setup)


def remove(w, **kw):
    return w.h1.netns.run([*w.h1.gwd.argv(), "--remove"], **kw)


def kernel(w):
    """What there is of gwd on h1: interfaces, filters, addresses, pins."""
    links = [i["ifname"] for i in w.h1.netns.ip_json("link show")]
    return {
        "devices": [n for n in links if n.startswith("gwd")],
        "filters": [n for n in links if "gw_" in w.h1.netns.run(["tc", "filter", "show", "dev", n, "ingress"]).stdout],
        "addresses": [a["local"] for a in w.h1.netns.ip_json("-4 address show dev eth1")[0]["addr_info"]],
        "pins": sorted(os.listdir(w.bpf_dir)),
    }


@g.case("refused while the daemon runs, and nothing is touched")
def _(w):
    before = kernel(w)
    r = remove(w, ok=(1,))
    require("another gwd" in r.stderr, "the error names the daemon: %s" % r.stderr)
    equal(kernel(w), before, "what is in the kernel")
    traffic.reach(w.v1, w.v2)


@g.case("after the daemon's end everything goes, from both hooks and both tunnels; what others put there stays")
def _(w):
    before = kernel(w)
    equal(sorted(before["filters"]), sorted(["eth1", "out0", w.v1.port, w.n1.port] + [
        d for d in before["devices"] if d not in ("gwdcut0", "gwdfrg0", "gwdfrg1")]), "interfaces with programs before")
    w.h1.gwd.stop()
    equal(kernel(w), before, "what a stopped daemon leaves")
    remove(w)
    equal(kernel(w), {"devices": [], "filters": [], "addresses": ["10.1.1.99"], "pins": ["h2"]}, "what is left")
    shown = w.h1.netns.run(["tc", "filter", "show", "dev", "eth1", "ingress"]).stdout
    require("pref 7" in shown, "the filter of somebody else is still there: %s" % shown)
    traffic.no_reach(w.v1, w.v2.v4)


@g.case("a second time there is nothing to do")
def _(w):
    remove(w)
    equal(kernel(w)["pins"], ["h2"], "pins")


@g.case("the next start brings all records back (API-2)")
def _(w):
    w.h1.gwd.start()
    for a, b in ((w.v1, w.v2), (w.n1, w.n2)):
        traffic.reach(a, b)


if __name__ == "__main__":
    suite.main()
