#!/usr/bin/python3
# Programs are where the intent wants them, and nowhere else, whatever is done to the interfaces from outside.
#
#   v1 (veth) -- h1 (10.1.1.1) eth1 -- fabric -- eth1 h2 (10.1.1.2) -- v2
#                                eth2 -- fabric
#
# Covers ENC-10 (tunnels are taken on underlay interfaces only), MTU-1 (a smaller underlay decides), and the contract of
# sync in driver.h.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic, world
from lib.case import equal, eventually, require
from lib.gwd import Gwd

VSID = 5001
suite = case.Suite()


def program(netns, dev):
    """The name of gwd's program on this interface, None without one."""
    said = netns.run(["tc", "filter", "show", "dev", dev, "ingress"], ok=None).stdout
    return next((w.split(":")[0] for w in said.split() if w.startswith("gw_")), None)


def setup():
    w = world.two_hosts()
    w.v1 = w.h1.vm("v1", "02:00:00:00:01:01", VSID, ["10.0.0.11", "fd00::11"])
    w.v2 = w.h2.vm("v2", "02:00:00:00:02:01", VSID, ["10.0.0.21", "fd00::21"])
    world.records(w.vms)
    traffic.reach(w.v1, w.v2)
    return w


g = suite.group("", setup)


@g.case("a second daemon of the same name, with all else its own, is refused; the first one's traffic goes on")
def _(w):
    other = Gwd(w.namespace("x"), "other")
    other.settings["node"]["name"] = "h1"
    other.configure()
    status, said = other.expect_exit()
    require(status != 0 and "/h1" in said and "[node] name" in said, "refused, with the way out: %s" % said)
    traffic.reach(w.v1, w.v2)


@g.case("a qdisc removed from outside, with the program on it, is put back; the port works again")
def _(w):
    for dev, name in (("v1", "gw_port_in"), ("eth1", "gw_underlay_in"), ("gwdvx4789", "gw_vxlan_in")):
        equal(program(w.h1.netns, dev), name, "program on " + dev)
        w.h1.netns.run(["tc", "qdisc", "del", "dev", dev, "clsact"])
        eventually(lambda dev=dev, name=name: program(w.h1.netns, dev) == name, "%s is back on %s" % (name, dev))
    traffic.reach(w.v1, w.v2)


@g.case("a renamed port lets go of its program, and is a port again under its own name")
def _(w):
    w.h1.netns.rename("v1", "q1")
    eventually(lambda: program(w.h1.netns, "q1") is None, "no program on q1")
    w.h1.netns.rename("q1", "v1")
    w.h1.gwd.wait_port("v1")
    traffic.reach(w.v1, w.v2)


@g.case("a renamed underlay interface lets go of its program, and is one again under its own name")
def _(w):
    w.h1.netns.rename("eth1", "far")
    eventually(lambda: program(w.h1.netns, "far") is None, "no program on far")
    w.h1.netns.rename("far", "eth1")
    eventually(lambda: program(w.h1.netns, "eth1") == "gw_underlay_in", "program on eth1")
    eventually(lambda: traffic.ping(w.v1, w.v2.v4, 1)[0] == 1, "v1 reaches v2")


@g.case("ENC-10: an interface that is no underlay any more after a restart has no program")
def _(w):
    w.plug(w.h1.netns, "eth2", "h1b")
    w.h1.gwd.stop()
    w.h1.gwd.settings["underlay"].update({"interface": "eth2", "address": "10.2.2.1/24"})
    w.h1.gwd.configure()
    w.h1.gwd.start()
    equal(program(w.h1.netns, "eth2"), "gw_underlay_in", "program on eth2")
    w.h1.gwd.stop()
    for key in ("interface", "address"):
        del w.h1.gwd.settings["underlay"][key]
    w.h1.gwd.configure()
    w.h1.gwd.start()
    equal(program(w.h1.netns, "eth2"), None, "program on eth2")
    traffic.reach(w.v1, w.v2)


@g.case("MTU-1: a provider address on an interface with a smaller MTU takes effect for flows that are under way")
def _(w):
    w.h1.gwd.ctl("provider-address", "del", "--address", "10.1.1.1")
    w.h1.netns.ip("link set dev eth1 mtu 1300")
    load = w.spawn(w.v1.netns, ["ping", "-q", "-i", "0.002", "-c", "2000", "-s", "1200", "-M", "do", w.v2.v4])
    w.h1.gwd.ctl("provider-address", "add", "--interface", "eth1", "--address", "10.1.1.1", "--prefix-length", 24)
    eventually(lambda: traffic.ping(w.v1, w.v2.v4, 1)[0] == 1, "v1 reaches v2")
    load.wait(20)
    w.v1.netns.run(["ip", "route", "flush", "cache"])
    for size, fits in ((1200, True), (1250, False)):
        said = w.v1.netns.run(["ping", "-c", "1", "-W", "1", "-s", str(size), "-M", "do", w.v2.v4], ok=None).stdout
        equal("1 received" in said, fits, "an echo of %d bytes fits: %s" % (size, said))
    require("mtu 1250" in w.v1.netns.run(["ip", "route", "get", w.v2.v4]).stdout, "v1 was told the MTU")


@g.case("a bridge is no port, lo no underlay; each is refused by name")
def _(w):
    w.h1.netns.ip("link add br9 type bridge")
    bad = w.h1.gwd.ctl_raw("port", "attach", "--interface", "br9", "--mac", "02:00:00:00:01:09", "--vsid", VSID)
    require(bad.returncode == 1 and "br9" in bad.stderr and "bridge" in bad.stderr, bad.stderr)
    bad = w.h1.gwd.ctl_raw("provider-address", "add", "--interface", "lo", "--address", "10.9.9.9", "--prefix-length", 24)
    require(bad.returncode == 1 and "lo " in bad.stderr, bad.stderr)


@g.case("twenty thousand customer routes do not make other changes slow")
def _(w):
    routes = []
    for i in range(20000):
        rdid, vsid, prefix = "%08d-0000-0000-0000-000000000000" % (i // 10), 10000 + i, "10.%d.%d.0/24" % (i // 250, i % 250)
        routes.append({"path": "/hnv/customerRoutes/%s-%d-%s-0.0.0.0" % (rdid, vsid, prefix.replace("/", "_")),
                       "body": {"Metric": 1}})
    equal(w.h1.gwd.request("POST", "/networking/v1/hnv/batch", routes, timeout=60).status, 200, "the batch's status")
    # Quadratic work took four minutes here; the deadlines only tell that apart from seconds.
    for verb in (["add", "--interface", "eth1", "--address", "10.1.1.91", "--prefix-length", "24"], ["del", "--address", "10.1.1.91"]):
        equal(w.h1.gwd.ctl_raw("provider-address", *verb).returncode, 0, "a change beside them")
    w.h1.gwd.stop()
    w.h1.gwd.start(deadline=60)
    traffic.reach(w.v1, w.v2)


if __name__ == "__main__":
    suite.main()
