#!/usr/bin/python3
# time-limit: 180
# A gateway whose tenants' networks somebody changes by hand: it is as it was within a second, and the log tells of it; and of who
# has which public ports.
#
#   blue1 10.0.1.11 \
#                    h1 -- fabric -- gw -- out -- isp -- far 198.51.100.10         see lib/gateway.py
#   red1  10.0.1.11 /
#
# Everything happens to blue; red is to notice nothing. Covers GW-1, GW-6, GW-8.
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic
from lib.case import equal, eventually, note, require
from lib.gateway import FAR, GATEWAY_PA, GatewayWorld

SHARED = "203.0.113.2"
BLOCK = 16384  # of SHARED; blue has the first, red the second
suite = case.Suite()


def setup():
    w = GatewayWorld()
    w.blue, w.red = w.tenant("blue", 0), w.tenant("red", 1)
    w.blue1, w.red1 = w.blue.vm(1), w.red.vm(1)
    for n, t in enumerate(w.tenants):
        t.public(SHARED, BLOCK * (n + 1), BLOCK)
        t.nat("Outbound", SHARED, "10.0.0.0/16", port=BLOCK * (n + 1), count=BLOCK)
        t.ready()
    for vm in (w.blue1, w.red1):
        eventually(lambda vm=vm: traffic.ping(vm, FAR, 1)[0], "far is reached by %s" % vm.name)
    return w


g = suite.group("", setup)


def log(w, since=0):
    """Lines of gwd's log on the gateway, from that size of it on."""
    with open(w.gw.gwd.log, "rb") as f:
        f.seek(since)
        return f.read().decode(errors="replace").splitlines()


def log_size(w):
    return os.path.getsize(w.gw.gwd.log)


def repairs(t):
    """By the driver of its VRF, and by that of its NAT."""
    s = t.state()
    return s["repairs"], s["nat"]["repairs"]


def repaired(w, what):
    """Waits until blue's VM reaches far; within a second, or twice that on a machine that takes twice as long for all."""
    started = time.monotonic()
    eventually(lambda: traffic.ping(w.blue1, FAR, 1, extra=["-W", "0.1"])[0], "%s is repaired" % what, 5)
    took = time.monotonic() - started
    note("%s: %.2f s" % (what, took))
    require(took < 1.0 * case.SLOWNESS, "%s: it took %.2f s" % (what, took))


BY_NAT = {
    "the table": "nft flush ruleset",
    "the rules of a chain": "nft flush chain inet gwd-nat post",
    "what every packet passes, by a rule": "nft insert rule inet gwd-nat forward drop",
}
BY_VRF = {
    "the default route": lambda w: w.blue.run("ip route del default"),
    "the way out": lambda w: w.blue.run("ip link del ext0"),
    "the way in": lambda w: w.gw.netns.ip("link del " + w.blue.port),
    "the namespace's name": lambda w: case_umount(w.blue.vrf),
}


@g.case("GW-8: what is taken away by hand is back within a second, the others notice nothing; it is counted and told")
def _(w):
    flow = traffic.UdpFlow(w.red1, w.far, FAR, 500, 60, port=7201)
    before, of_node = (repairs(w.blue), repairs(w.red)), w.gw.gwd.status()["nat"]["repairs"]
    for n, (what, command) in enumerate(BY_NAT.items()):
        mark = log_size(w)
        w.blue.run(command)
        repaired(w, what)
        w.blue.ready()
        equal(repairs(w.blue), (before[0][0], before[0][1] + n + 1), "repairs of blue after " + what)
        told = [line for line in log(w, mark) if "NAT of routing domain " + w.blue.rdid in line]
        require(any("was changed from outside, by nft;" in line for line in told), "whose doing it was: %s" % told)
        equal(len([line for line in told if line.endswith("; repaired")]), 1, "lines that say what was done: %s" % told)
    # What is somebody's own is told of, and nothing to repair.
    w.blue.run("nft add table ip somebodys")
    eventually(lambda: w.blue.state()["nat"]["state"] == "Warning", "it is warned of")
    w.blue.run("nft delete table ip somebodys")
    w.blue.ready()
    equal(repairs(w.blue), (before[0][0], before[0][1] + len(BY_NAT)), "repairs of blue after somebody's own")
    for what, take in BY_VRF.items():
        count, mark = repairs(w.blue)[0], log_size(w)
        take(w)
        repaired(w, what)
        w.blue.ready()
        require(repairs(w.blue)[0] > count, "repairs of blue after %s: %s" % (what, repairs(w.blue)))
        told = [line for line in log(w, mark) if "VRF %s: " % w.blue.vrf in line and line.endswith("; repaired")]
        require(told, "it is told: %s" % "\n".join(log(w, mark)))
    flow.end()
    equal(flow.result()["lost"], 0, "datagrams of red that were lost")
    equal(repairs(w.red), before[1], "repairs of red")
    status = w.gw.gwd.status()
    equal(status["nat"]["repairs"], of_node + len(BY_NAT), "repairs of all NAT of the node")
    all_of_them = "Virtual gateways: 2, 2 ready, %d repairs" % (status["vrf"]["repairs"] + status["nat"]["repairs"])
    require(all_of_them in w.gw.gwd.ctl("status"), "gwctl status: %s, expected %s" % (w.gw.gwd.ctl("status"), all_of_them))


def case_umount(name):
    os.system("umount -l /run/netns/%s && rm -f /run/netns/%s" % (name, name))


@g.case("the same while gwd is down")
def _(w):
    flow = traffic.UdpFlow(w.red1, w.far, FAR, 500, 60, port=7202)
    w.gw.gwd.kill()
    w.blue.run("nft flush ruleset")
    w.blue.run("ip link del ext0")
    w.gw.gwd.start()
    repaired(w, "after a start")
    flow.end()
    equal(flow.result()["lost"], 0, "datagrams of red that were lost")


def settled(w):
    """{protocol: requests that write} of a process that has brought all there is to its intended state."""
    eventually(lambda: w.gw.gwd.status()["node"]["sync"]["state"] == "Synced", "all is as it should be")
    for t in w.tenants:
        t.ready()
    return w.gw.gwd.writes()


def filters(w):
    """What tc shows of the gateway's links: also which program each has, by its number."""
    return {x["ifname"]: w.gw.netns.run(["tc", "filter", "show", "dev", x["ifname"], "ingress"], ok=None).stdout
            for x in w.gw.netns.ip_json("link show")}


NOTHING = {"route": 0, "netfilter": 0}


@g.case("GW-8: a start over what is there writes nothing to the kernel, and leaves the programs where they are")
def _(w):
    settled(w)
    before = filters(w)
    require(sum("id " in f for f in before.values()) >= 6, "links with programs: %s" % before)
    for action in (w.gw.gwd.kill, w.gw.gwd.stop):
        action()
        w.gw.gwd.start()
        equal(settled(w), NOTHING, "writes of a start with nothing to do")
        equal(filters(w), before, "programs")
        repaired(w, "nothing")
        equal(settled(w), NOTHING, "writes later")


@g.case("GW-8: what somebody took away while gwd was down, and just that, is written by its start")
def _(w):
    losses = (("nothing", lambda: None, 0, 0),
              ("a program", lambda: w.gw.netns.run(["tc", "filter", "del", "dev", w.blue.port, "ingress"]), 1, 0),
              ("a route", lambda: w.blue.run("ip route del default"), 1, 0),
              ("the provider address", lambda: w.gw.netns.ip("addr del %s/24 dev eth1" % GATEWAY_PA), 1, 0),
              ("rules", lambda: w.blue.run("nft flush chain inet gwd-nat post"), 0, 1))
    for what, take, of_route, of_netfilter in losses:
        settled(w)
        before = filters(w)
        w.gw.gwd.kill()
        take()
        w.gw.gwd.start()
        writes = settled(w)
        equal((writes["route"], writes["netfilter"] > 0), (of_route, of_netfilter > 0), "writes after the loss of " + what)
        equal(filters(w), before, "programs after the loss of " + what)
        repaired(w, what)


@g.case("who had which ports of a public address, and when, is in the log: each assignment, each withdrawal")
def _(w):
    def told(act):
        mark = log_size(w)
        act()
        return [line[line.index("public address "):] for line in log(w, mark) if "public address " in line]

    some, whole, port = "public address 203.0.113.9/32 ports 1024-2047: ", "public address 203.0.113.10/32 all ports: ", \
        "public address 203.0.113.9/32 port 80: "
    mine = lambda r: r["PublicPrefix"].startswith(("203.0.113.9/", "203.0.113.10/"))  # noqa: E731
    to = {t: "assigned to routing domain " + t.rdid for t in w.tenants}
    off = {t: "withdrawn from routing domain " + t.rdid for t in w.tenants}
    equal(told(lambda: w.blue.public("203.0.113.9", 1024, 1024)), [some + to[w.blue]], "after a block was given to blue")
    equal(told(lambda: w.blue.public("203.0.113.9", 80, 1)), [port + to[w.blue]], "after a port")
    equal(told(lambda: w.blue.public("203.0.113.10")), [whole + to[w.blue]], "after an address")
    equal(sorted(told(lambda: w.blue.without("publicAddresses", mine))), sorted(x + off[w.blue] for x in (some, whole, port)),
          "after all was taken from blue")
    equal(told(lambda: w.red.public("203.0.113.9", 1024, 1024)), [some + to[w.red]], "after red has got the block")
    equal(told(w.gw.gwd.restart), [], "after a start, which changes nothing")
    for t in w.tenants:
        t.ready()
    equal(told(lambda: w.red.without("publicAddresses", mine)), [some + off[w.red]], "after it was taken from red")


if __name__ == "__main__":
    suite.main()
