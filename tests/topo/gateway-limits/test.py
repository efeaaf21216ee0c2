#!/usr/bin/python3
# time-limit: 180
# Floods at a gateway: whoever sends them, a network's own new flows get through.
#
#   blue1 10.0.1.11 \
#                    h1 -- fabric -- gw -- out -- isp -- far 198.51.100.10         see lib/gateway.py
#   red1  10.0.1.11 /
#
# blue opens flows to far; red, or far, floods. Covers GW-3, GW-8.
import os
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic
from lib.case import equal, eventually, note, require
from lib.gateway import FAR, GatewayWorld

OWN, FORWARDED, RED = "203.0.113.1", "203.0.113.3", "203.0.113.7"
FLOWS = 150
suite = case.Suite()

# A datagram to another port each, from many sources' ports, as often as told until it is ended.
FLOOD = r"""
import socket, sys, time
to, rate, begin, n = sys.argv[1], int(sys.argv[2]), time.monotonic(), 0
socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
while time.monotonic() < begin + 60:
    n += 1
    try:
        socks[n % 8].sendto(b"flood", (to, 1 + n % 50000))
    except OSError:
        pass
    ahead = begin + n / rate - time.monotonic()
    if ahead > 0:
        time.sleep(ahead)
"""


class Flood:
    def __init__(self, who, to, rate=3000):
        self.process = who.netns.popen([sys.executable, "-c", FLOOD, to, str(rate)], stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def new_flows(vm, far, n=FLOWS):
    """How many of as many flows, each of one datagram from a port of its own, far hears of."""
    heard, said = set(), {b"%d" % k for k in range(n)}
    with far.netns.enter():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((FAR, 9100))
    server.settimeout(0.01)

    def hear(seconds):
        end = time.monotonic() + seconds
        while len(heard) < n and time.monotonic() < end:
            try:
                heard.update({server.recv(16)} & said)  # a flood of all ports comes by here, too
            except socket.timeout:
                pass

    for k in range(n):
        with vm.netns.enter():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.sendto(b"%d" % k, (FAR, 9100))
        s.close()
        hear(0.01)
    hear(2)
    server.close()
    return len(heard)


def counts(tenant):
    return {k: v["packets"] for k, v in tenant.state()["nat"].items() if isinstance(v, dict)}


def under(w, who, to, counted, tenant=None, rate=3000):
    """Blue's flows while one floods; what of the tenant has to count it."""
    tenant = tenant or w.blue
    before, own = counts(tenant), counts(w.blue)
    with Flood(who, to, rate):
        eventually(lambda: require(counts(tenant)[counted] > before[counted] + 500, "%s counts" % counted), "the flood is on", 20)
        equal(new_flows(w.blue1, w.far), FLOWS, "new flows of blue that arrive")
    after, after_own = counts(tenant), counts(w.blue)
    note({k: after[k] - before[k] for k in after if after[k] != before[k]})
    for limit in ("rate", "full"):
        equal(after_own[limit] - own[limit], 0, "of blue's own dropped by %s" % limit)


def setup(limits):
    w = GatewayWorld(settings={"limits": limits})
    w.blue, w.red = w.tenant("blue", 0), w.tenant("red", 1)
    w.blue1, w.red1 = w.blue.vm(1, mtu=1450), w.red.vm(1, mtu=1450)
    w.blue.public(OWN)
    w.blue.nat("Outbound", OWN, "10.0.1.0/24")
    w.blue.public(FORWARDED)
    w.blue.nat("Inbound", FORWARDED, "10.0.1.11", "Udp", 1, 60000)
    w.red.public(RED)
    w.red.nat("Outbound", RED, "10.0.1.0/24")
    for t in w.tenants:
        t.ready()
    equal(new_flows(w.blue1, w.far), FLOWS, "new flows of blue before any flood")
    return w


g = suite.group("rate", lambda: setup({"new_connections": "500"}))


@g.case("red floods to its own limit")
def _(w):
    under(w, w.red1, FAR, "rate", w.red)


@g.case("closed ports of blue, flooded from outside")
def _(w):
    under(w, w.far, OWN, "no-rule")


@g.case("forwarded ports of blue, flooded from outside")
def _(w):
    under(w, w.far, FORWARDED, "rate-in")


@g.case("closed ports of blue, flooded by a VM of red at a rate that red may have")
def _(w):
    under(w, w.red1, OWN, "no-rule", rate=400)


f = suite.group("full", lambda: setup({"tracked_connections": "4096"}))


@f.case("forwarded ports of blue, flooded from outside until others' half is full")
def _(w):
    under(w, w.far, FORWARDED, "full-in")


@f.case("and by a VM of red")
def _(w):
    under(w, w.red1, FORWARDED, "full-in")


@f.case("red until it has all of its own: it is told, and blue has lost nothing")
def _(w):
    limit = 4096
    under(w, w.red1, FAR, "full", w.red)
    red, blue = w.red.state()["nat"], w.blue.state()["nat"]
    note("tracked: %d of red, %d of blue" % (red["trackedConnections"], blue["trackedConnections"]))
    require(red["trackedConnections"] >= limit * 31 // 32, "connections of red: %s" % red)
    equal(red["state"], "Warning", "state of red's NAT")
    require("as many as [limits] tracked_connections allows (%d)" % limit in red["stateDetail"], "why: " + red["stateDetail"])
    equal(traffic.ping(w.red1, FAR, 1)[0], 0, "answers to red, which may open no more")
    equal(traffic.ping(w.blue1, FAR, 1)[0], 1, "answers to blue, which may")


def restarted(w, plugin_dir):
    w.gw.gwd.kill()
    w.gw.gwd.settings["node"]["plugin_dir"] = plugin_dir
    w.gw.gwd.configure()
    w.gw.gwd.start()


@f.case("a virtual gateway with rules that nobody carries out is not Ready, until there is somebody again")
def _(w):
    plugins = w.gw.gwd.settings["node"]["plugin_dir"]
    with tempfile.TemporaryDirectory() as empty:
        restarted(w, empty)
        eventually(lambda: w.blue.state().get("state") == "Warning", "the virtual gateway of blue says so", 10)
        require("nobody carries out" in w.blue.state()["stateDetail"], "why: %s" % w.blue.state()["stateDetail"])
        equal(new_flows(w.blue1, w.far), FLOWS, "new flows of blue that arrive all the same")
        restarted(w, plugins)
    w.blue.ready()


if __name__ == "__main__":
    suite.main()
