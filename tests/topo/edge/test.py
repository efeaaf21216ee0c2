#!/usr/bin/python3
# time-limit: 300
# A node between virtual gateways and the world outside. Namespaces stand in for the virtual gateways where nothing else makes them.
#
#   A  ext0 ---- gwe5012 \
#   B  ext0 ---- gwe5022  > gw  out0 192.0.2.2 ---- seg0 192.0.2.1 isp far0 ---- eth0 198.51.100.10 far
#   C  ext0 ---- gwe5032 /      2001:db8:2::2      2001:db8:2::1                     2001:db8:5::10
#
#   203.0.113.1  A and B share: 80 and 1024-2047 are A's, 2048-3071 are B's
#   203.0.113.2, 2001:db8:11::/48, on the segment 192.0.2.50, 2001:db8:2::50  A's        203.0.113.3, 2001:db8:12::/48  B's
#   203.0.113.4, 2001:db8:13::/48  C's, who has no part of the shared one
#
# Covers GW-1 (each its own places, neither reaches the other's), GW-3 (blocks of a shared address, fragments in any order), GW-8
# (restart, crash and repair lose nothing).
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, gateway, pkt, traffic, world
from lib.case import equal, eventually, require
from lib.gateway import FAR, FAR6, ISP, ISP6, OUT, OUT6, batch, objects
from lib.gwd import Growth
from lib.net import Netns, run

SHARED, ALONE = "203.0.113.1", {"a": "203.0.113.2", "b": "203.0.113.3", "c": "203.0.113.4"}
ALONE6 = {"a": "2001:db8:11::7", "b": "2001:db8:12::7", "c": "2001:db8:13::7"}
NEAR, NEAR6 = "192.0.2.50", "2001:db8:2::50"
PORT = {"a": 1100, "b": 2100}
suite = case.Suite()


class Space(Netns):
    """The namespace of a virtual gateway, by the name that gwd gives it."""

    def __init__(self, name):  # pylint: disable=super-init-not-called
        self.label = self.name = name
        self.path = "/run/netns/" + name


class Vrf:
    """A virtual gateway: its records, and its namespace, which the test makes when gwd does not."""

    def __init__(self, w, name, number, shares=True):
        self.w, self.name, self.vsid = w, name, 5002 + 10 * number
        self.rdid = "11111111-2222-3333-4444-%012d" % number
        self.mac, self.exit = "02:67:00:00:00:%02x" % number, "gwe%d" % self.vsid
        self.addresses = [ALONE[name], ALONE6[name]]
        self.netns = Space("gwd-gw-%d" % self.vsid)
        self.put()
        self.shares = [SHARED] if shares else []
        self.stand_in()

    def put(self):
        batch(self.w.gw.gwd, [("virtualGateways", {
            "RoutingDomainID": self.rdid, "VirtualSubnetID": self.vsid, "MACAddress": self.mac,
            "CustomerAddress": "10.0.255.2", "PrefixLength": 29})])

    def public(self, prefix, first=0, count=0):
        prefix = prefix if "/" in prefix else prefix + ("/128" if ":" in prefix else "/32")
        batch(self.w.gw.gwd, [("publicAddresses", {"PublicPrefix": prefix, "FirstPort": first, "PortCount": count,
                                                   "RoutingDomainID": self.rdid})])

    def stand_in(self):
        if "state" not in objects(self.w.gw.gwd, "virtualGateways")[self.rdid]:
            self.make()
        eventually(lambda: os.path.exists(self.netns.path), "%s has its namespace" % self.name)
        self.ready()
        for address in self.addresses + self.shares:
            self.own(address)

    def make(self):
        run(["ip", "netns", "add", self.netns.name])
        self.w.netns.append(self.netns)
        self.netns.ip("link set lo up")
        self.netns.sysctl("net.ipv6.conf.default.accept_ra=0")
        self.w.gw.netns.veth(self.exit, self.netns, "ext0")
        self.w.gw.netns.ip("link set %s up" % self.exit)
        self.netns.ip("link set ext0 up")
        hop = self.w.gw.netns.mac(self.exit)
        for family, near in (("-4", "169.254.1.1"), ("-6", "fe80::1")):
            self.netns.ip("%s neigh add %s lladdr %s dev ext0 nud permanent" % (family, near, hop))
            self.netns.ip("%s route add default via %s dev ext0 onlink" % (family, near))

    def own(self, address):
        """The namespace itself has the address, as its servers are there."""
        self.netns.ip("addr replace %s/%d dev ext0%s" % ((address, 128, " nodad") if ":" in address else (address, 32, "")))
        if address == SHARED:  # at which gwd lets nothing end; what a routing daemon has done stays
            self.netns.ip("route replace local %s dev lo table local proto bird" % SHARED)

    def ready(self):
        eventually(lambda: self.state()["state"] == "Up", "the way out of %s is up" % self.name)

    def state(self):
        return objects(self.w.gw.gwd, "virtualGateways")[self.rdid]["external"]


class EdgeWorld(world.World):
    make_outside, connect_outside = gateway.GatewayWorld.make_outside, gateway.GatewayWorld.connect_outside

    def __init__(self):
        super().__init__()
        self.make_outside()
        self.gw = self.host("gw", None, settings={"external": {"interface": "out0"}}, start=False)
        self.gw.addresses = [OUT, OUT6]
        self.connect_outside()
        self.gw.gwd.start()


def setup():
    w = EdgeWorld()
    w.a, w.b, w.c = Vrf(w, "a", 1), Vrf(w, "b", 2), Vrf(w, "c", 3, False)
    for v in (w.a, w.b, w.c):
        v.public(ALONE[v.name])
        v.public(ALONE6[v.name].replace("::7", "::/48"))
    w.a.public(SHARED, 1024, 1024)
    w.b.public(SHARED, 2048, 1024)
    w.a.public(SHARED, 80, 1)
    return w


g = suite.group("", setup)


def exchange(a, source, b, port=9000, size=100, to=None):
    """A datagram from `source` of a to b and back; what b sees as its source."""
    to = to or b.addresses[0]
    payload = os.urandom(size)
    with b.netns.enter():
        r = socket.socket(traffic.family(to), socket.SOCK_DGRAM)
    with a.netns.enter():
        s = socket.socket(traffic.family(to), socket.SOCK_DGRAM)
    with r, s:
        for x in (r, s):
            x.settimeout(2 * case.SLOWNESS)
            if ":" not in to:
                x.setsockopt(socket.IPPROTO_IP, 10, 0)  # anybody may cut it
        r.bind((to, port))
        s.bind(source)
        s.sendto(payload, (to, port))
        try:
            got, who = r.recvfrom(70000)
            require(got == payload, "the datagram arrives as sent")
            r.sendto(got[::-1], who)
            back, _ = s.recvfrom(70000)
        except socket.timeout as e:
            raise case.Failed("%s of %s to %s: no answer; %s" % (source, a.name, to, gateway.trace_of(a.w if hasattr(
                a, "w") else b.w))) from e
        require(back == payload[::-1], "the answer arrives as sent")
        return who[:2]


@g.case("GW-1: the world outside and virtual gateways reach each other, IPv4 and IPv6")
def _(w):
    for v in (w.a, w.b):
        traffic.reach(w.far, v)
        traffic.reach(v, w.far)
        traffic.reach(w.isp, v)


@g.case("GW-1: TCP byte for byte, both ways, with super-packets; UDP of all sizes")
def _(w):
    for v, address, back in ((w.a, ALONE["a"], FAR), (w.b, ALONE6["b"], FAR6)):
        case.note("in: %.0f Mbit/s" % traffic.tcp_exact(w.far, v, address, 32 << 20))
        case.note("out: %.0f Mbit/s" % traffic.tcp_exact(v, w.far, back, 32 << 20))
        traffic.udp_exact(w.far, v, address, [1, 18, 19, 64, 700, 1400])
        traffic.udp_exact(v, w.far, back, [30000] * 4, gso=1200)


@g.case("GW-1: what is for the node itself is left alone, from outside and from virtual gateways")
def _(w):
    traffic.reach(w.far, w.gw)
    traffic.reach(w.isp, w.gw)
    traffic.reach(w.gw, w.far)
    traffic.reach(w.a, w.gw)
    exchange(w.a, (ALONE["a"], 500), w.gw)


@g.case("GW-3: blocks and single ports of a shared address")
def _(w):
    for v in (w.a, w.b):
        equal(exchange(v, (SHARED, PORT[v.name]), w.far), (SHARED, PORT[v.name]), "what far sees")
    exchange(w.a, (SHARED, 80), w.far)
    with Growth(w.gw.gwd) as grown:
        with w.b.netns.enter():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with s:
            s.bind((SHARED, 80))
            s.sendto(b"not mine", (FAR, 9))
        grown.becomes({"SpoofedPublic": 1}, "A's port is not for B")
    with Growth(w.gw.gwd) as grown:
        with w.far.netns.enter():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with s:
            s.sendto(b"nobody's", (SHARED, 9999))
        grown.becomes({"NoPublicPort": 1}, "nobody's port")


@g.case("GW-3: ICMP echo by its identifier, errors by what they quote")
def _(w):
    for v in (w.a, w.b):
        p = v.netns.run(["ping", "-n", "-c", "2", "-i", "0.05", "-W", "1", "-I", SHARED, "-e", str(PORT[v.name]), FAR])
        require(" 2 received" in p.stdout, p.stdout)
        with v.netns.enter():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with s:
            s.bind((SHARED, PORT[v.name]))
            s.connect((FAR, 9))
            s.settimeout(2 * case.SLOWNESS)
            s.send(b"nobody listens")
            try:
                s.recv(100)
            except ConnectionRefusedError:
                continue
            raise case.Failed("no error arrived at " + v.name)


def pieces(src, dst, sport, dport, size, ident, step=1400):
    """A UDP datagram as fragments, with its payload."""
    payload = os.urandom(size)
    data = pkt.udp(src, dst, sport, dport, payload)
    cuts = range(0, len(data), step)
    return payload, [pkt.ipv4(src, dst, pkt.UDP, data[n:n + step], ident=ident,
                              frag=(0x2000 if n + step < len(data) else 0) | n // 8) for n in cuts]


@g.case("GW-3: fragments to a shared address, in any order; overlapping ones are dropped")
def _(w):
    isp_mac, far_mac = w.isp.netns.mac("far0"), w.far.netns.mac("eth0")
    orders = ([0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2])
    for v in (w.a, w.b):
        with v.netns.enter():
            r = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        r.bind((SHARED, PORT[v.name]))
        r.settimeout(2 * case.SLOWNESS)
        with r, pkt.Raw(w.far.netns, "eth0") as raw:
            for n, order in enumerate(orders):
                payload, parts = pieces(FAR, SHARED, 53, PORT[v.name], 3500, 100 + n)
                for i in order:
                    raw.send(pkt.eth(isp_mac, far_mac, pkt.ETH_P_IP, parts[i]))
                require(r.recv(70000) == payload, "the datagram arrives as sent, in the order %s" % order)
            _, parts = pieces(FAR, SHARED, 53, PORT[v.name], 2792, 200)
            _, other = pieces(FAR, SHARED, 53, PORT[v.name], 2792, 200, 1408)
            for part in (parts[0], other[0], parts[1]):
                raw.send(pkt.eth(isp_mac, far_mac, pkt.ETH_P_IP, part))
            payload, parts = pieces(FAR, SHARED, 53, PORT[v.name], 3000, 201)
            for part in parts:
                raw.send(pkt.eth(isp_mac, far_mac, pkt.ETH_P_IP, part))
            require(r.recv(70000) == payload, "what comes is the sound one")
    for v in (w.a, w.b):  # as a kernel makes them, both ways
        exchange(v, (SHARED, PORT[v.name]), w.far, size=8000)
        exchange(v, (ALONE[v.name], 7), w.far, size=60000)
    said = w.gw.netns.run("nstat -asz IpReasmFails IpExtReasmOverlaps IpForwDatagrams IpReasmOKs").stdout
    case.note(said)
    require(" 0 " in [x for x in said.splitlines() if "IpForwDatagrams" in x][0], "the node itself forwards nothing: " + said)


@g.case("GW-3: fragments that nobody completes leave room for those of others, within bounds that an operator may better")
def _(w):
    def bounds():
        return [int(w.gw.netns.run("sysctl -n net.ipv4." + n).stdout) for n in ("ipfrag_high_thresh", "ipfrag_time")]
    equal(bounds(), [64 << 20, 5], "bounds of reassembly")
    isp_mac, far_mac = w.isp.netns.mac("far0"), w.far.netns.mac("eth0")
    before = w.gw.gwd.status()["engine"]["reassembly"]
    with pkt.Raw(w.far.netns, "eth0") as raw:
        for n in range(4000):  # the kernel's own 4 MB hold less than half of them
            raw.send(pkt.eth(isp_mac, far_mac, pkt.ETH_P_IP,
                             pkt.ipv4("198.18.0.%d" % (n % 250 + 1), SHARED, pkt.UDP, bytes(1400), ident=n, frag=0x2000)))
    exchange(w.a, (SHARED, PORT["a"]), w.far, size=8000)
    equal(w.gw.gwd.status()["engine"]["reassembly"]["failures"], before["failures"], "failures while there is room")
    w.gw.netns.sysctl("net.ipv4.ipfrag_low_thresh=0", "net.ipv4.ipfrag_high_thresh=0")
    with pkt.Raw(w.far.netns, "eth0") as raw:
        raw.send(pkt.eth(isp_mac, far_mac, pkt.ETH_P_IP,
                         pkt.ipv4("198.18.0.1", SHARED, pkt.UDP, bytes(1400), ident=7, frag=0x2000)))
    eventually(lambda: w.gw.gwd.status()["engine"]["reassembly"]["failures"] > before["failures"], "a failure is counted")
    for better in ([128 << 20, 3], [64 << 20, 5]):
        w.gw.gwd.stop()
        w.gw.netns.sysctl("net.ipv4.ipfrag_high_thresh=%d" % better[0], "net.ipv4.ipfrag_time=%d" % better[1])
        w.gw.gwd.start()
        equal(bounds(), better, "the operator's bounds, after a start")


@g.case("GW-1: virtual gateways of one node reach each other's public places, and their own")
def _(w):
    traffic.reach(w.a, w.b)
    traffic.reach(w.b, w.a)
    traffic.tcp_exact(w.a, w.b, ALONE["b"], 16 << 20)
    traffic.tcp_exact(w.a, w.b, ALONE6["b"], 16 << 20)
    for v in (w.a, w.b):
        exchange(v, (SHARED, PORT[v.name]), w.c)
        exchange(w.c, (ALONE["c"], 7), v, PORT[v.name], to=SHARED)
        exchange(w.c, (ALONE["c"], 7), v, PORT[v.name], to=SHARED, size=9000)
    with Growth(w.gw.gwd) as grown, pkt.Raw(w.isp.netns, "seg0") as raw:
        exchange(w.a, (ALONE["a"], 7), w.b)
        raw.silence(lambda f: f[12:14] == b"\x08\x00" and pkt.ip(ALONE["b"]) in (f[26:30], f[30:34]), 0.2)
        grown.becomes({"Steered": 2}, "both on the node")


@g.case("GW-1: nothing leaves a virtual gateway but what is from its own places")
def _(w):
    mac, hop = w.a.netns.mac("ext0"), w.gw.netns.mac(w.a.exit)
    sources = ["10.0.1.11", ALONE["b"], OUT, "198.51.100.77", "192.168.0.1"]
    before = w.a.state()["counters"]["drops"]
    with pkt.Raw(w.a.netns, "ext0") as raw, pkt.Raw(w.isp.netns, "seg0") as seen, Growth(w.gw.gwd) as grown:
        for s in sources:
            raw.send(pkt.eth(hop, mac, pkt.ETH_P_IP, pkt.ipv4(s, FAR, pkt.UDP, pkt.udp(s, FAR, 1, 2, b"spoof"))))
        seen.silence(lambda f: b"spoof" in f, what="a spoofed packet")
        grown.becomes({"SpoofedPublic": len(sources)}, "each is counted")
    equal(w.a.state()["counters"]["drops"], before + len(sources), "drops of A")


def withdraw(w, *prefixes):
    found = objects(w.gw.gwd, "publicAddresses").items()
    batch(w.gw.gwd, deletes=["publicAddresses/" + i for i, p in found if p["PublicPrefix"] in prefixes])


@g.case("GW-3: places on the segment are announced, and answered for; others are not")
def _(w):
    gw_mac, isp_mac = w.gw.netns.mac("out0"), w.isp.netns.mac("seg0")
    with pkt.Raw(w.isp.netns, "seg0") as raw:
        w.a.public(NEAR)
        raw.wait(lambda f: f[:14] == pkt.mac(pkt.BROADCAST) + pkt.mac(gw_mac) + b"\x08\x06" and f[28:32] == pkt.ip(NEAR),
                 what="the announcement of " + NEAR)
        w.a.public(NEAR6)
        w.a.own(NEAR)
        w.a.own(NEAR6)
        raw.wait(lambda f: f[6:14] == pkt.mac(gw_mac) + b"\x86\xdd" and f[54:55] == b"\x88" and f[62:78] == pkt.ip(NEAR6)
                 and pkt.checksum(f[22:54] + b"\0\0\0\x20\0\0\0\x3a" + f[54:86]) == 0,
                 what="the announcement of " + NEAR6)
    for address in (NEAR, NEAR6):
        got, said = traffic.ping(w.isp, address)
        equal(got, 3, "answers of %s: %s" % (address, said))
        got, said = traffic.ping(w.far, address)
        equal(got, 3, "answers of %s: %s" % (address, said))
    with pkt.Raw(w.isp.netns, "seg0") as raw:
        for address in (ALONE["a"], SHARED, "192.0.2.51"):
            raw.send(pkt.arp_request(isp_mac, ISP, address))
        raw.silence(lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2", what="an answer")
    groups = w.gw.netns.run("ip maddress show dev out0").stdout
    require("33:33:ff:00:00:50" in groups, "the interface hears questions for %s: %s" % (NEAR6, groups))
    w.a.public("2001:db8:2:0:1::50")  # the same group
    w.a.public("2001:db8:2:0:2::/112")
    require("ALLMULTI" in w.gw.netns.run("ip link show dev out0").stdout, "it hears them all for a prefix")
    withdraw(w, "2001:db8:2:0:1::50/128", "2001:db8:2:0:2::/112")
    require("ALLMULTI" not in w.gw.netns.run("ip link show dev out0").stdout, "without one it does not")
    require("33:33:ff:00:00:50" in w.gw.netns.run("ip maddress show dev out0").stdout, "somebody needs the group yet")
    w.a.public("2001:db8:2::51")
    require("33:33:ff:00:00:51" in w.gw.netns.run("ip maddress show dev out0").stdout, "another address, another group")
    withdraw(w, "2001:db8:2::51/128")
    require("33:33:ff:00:00:51" not in w.gw.netns.run("ip maddress show dev out0").stdout, "nobody needs it any more")
    with pkt.Raw(w.isp.netns, "seg0") as raw:  # and again when the interface has another MAC address
        w.gw.netns.ip("link set out0 address 02:00:00:0a:0b:0c")
        raw.wait(lambda f: f[6:14] == pkt.mac("02:00:00:0a:0b:0c") + b"\x08\x06" and f[28:32] == pkt.ip(NEAR), 5,
                 what="the announcement with the new MAC address")
    w.isp.netns.ip("neigh flush dev seg0")
    traffic.reach(w.isp, w.a, [NEAR, NEAR6, ALONE["a"]])


class Load:
    """All ways at once, for longer than what happens meanwhile takes; no more than a slow machine can carry in any case."""

    def __init__(self, w, seconds):
        seconds, rate = int(seconds * case.SLOWNESS), int(2000 / case.SLOWNESS)
        self.udp = [traffic.UdpFlow(w.far, w.a, ALONE["a"], rate, seconds), traffic.UdpFlow(
            w.b, w.far, FAR6, rate, seconds, port=7001), traffic.UdpFlow(w.a, w.b, ALONE["b"], rate, seconds, port=7002)]
        self.tcp = [traffic.TcpTransfer(w.a, w.far, FAR, 32 << 20, seconds=seconds),
                    traffic.TcpTransfer(w.far, w.b, ALONE6["b"], 32 << 20, port=45001, seconds=seconds)]

    def finish(self):
        for flow in self.udp:
            r = flow.result()
            equal((r["lost"], r["doubled"]), (0, 0), "(lost, doubled) of a flow: %s" % r)
        for t in self.tcp:
            t.finish()


@g.case("GW-8: kill -9 and restart under traffic: not one packet lost, counters go on")
def _(w):
    load = Load(w, 6)
    eventually(lambda: w.a.state()["counters"]["rxPackets"] > 500, "the load is under way")
    before = w.a.state()["counters"]
    w.gw.gwd.kill()
    w.gw.gwd.start()
    w.gw.gwd.restart()
    after = w.a.state()["counters"]
    load.finish()
    require(all(after[k] >= before[k] for k in before), "counters: %s, then %s" % (before, after))
    require(w.a.state()["counters"]["txPackets"] > before["txPackets"], "they go on")


@g.case("GW-8: an upgrade to another layout of the maps under traffic: not one packet lost")
def _(w):
    before = w.a.state()["counters"]
    load = Load(w, 6)
    for build in (case.next_build(), case.build()):
        w.gw.gwd.stop()
        w.gw.gwd.build = build
        w.gw.gwd.start()
    load.finish()
    after = w.a.state()["counters"]
    require(all(after[k] >= before[k] for k in before), "counters: %s, then %s" % (before, after))


@g.case("GW-8: programs that are taken off by hand come back; so do the devices for fragments")
def _(w):
    for dev in ("out0", w.a.exit, "gwdfrg2"):
        w.gw.netns.run("tc qdisc del dev %s clsact" % dev)
        eventually(lambda dev=dev: "gw_" in w.gw.netns.run("tc filter show dev %s ingress" % dev).stdout,
                   "the program on %s is back" % dev, 20)
    for dev in ("gwdfrg2", "gwdfrg1", "gwdfrg0"):
        w.gw.netns.ip("link del " + dev)
        eventually(lambda: "gw_whole" in w.gw.netns.run("tc filter show dev gwdfrg2 ingress", ok=None).stdout,
                   "reassembly is back after %s went" % dev, 20)
    traffic.reach(w.far, w.a)
    exchange(w.a, (SHARED, PORT["a"]), w.far, size=8000)


@g.case("GW-1: a virtual gateway that goes takes its places with it, and nothing stays attached")
def _(w):
    ids = {i: p for i, p in objects(w.gw.gwd, "publicAddresses").items() if p["RoutingDomainID"] == w.b.rdid}
    equal({p["state"] for p in ids.values()}, {"Ready"}, "states of B's places")
    batch(w.gw.gwd, deletes=["virtualGateways/" + w.b.rdid])
    with Growth(w.gw.gwd) as grown:
        got, _ = traffic.ping(w.far, ALONE["b"], 2)
        equal(got, 0, "answers of B")
        require(grown.now().get("NoVirtualGateway", 0) == 2, "counted: %s" % grown.now())
    places = objects(w.gw.gwd, "publicAddresses")
    equal({places[i]["state"] for i in ids}, {"Waiting"}, "states of B's places")
    require("gw_" not in w.gw.netns.run("tc filter show dev %s ingress" % w.b.exit, ok=None).stdout, "no program on B's exit")
    batch(w.gw.gwd, deletes=["publicAddresses/" + i for i in ids])
    with Growth(w.gw.gwd) as grown:
        traffic.no_reach(w.far, ALONE["b"])
        require("NoVirtualGateway" not in grown.now(), "nobody's: %s" % grown.now())
    traffic.reach(w.far, w.a)


@g.case("GW-1: an address of the node itself is not taken from it")
def _(w):
    w.a.public(OUT)
    p = objects(w.gw.gwd, "publicAddresses")
    states = [x for x in p.values() if x["PublicPrefix"].startswith(OUT + "/")]
    equal([x["state"] for x in states], ["Failed"], "its state: %s" % states)
    traffic.reach(w.far, w.gw)
    w.gw.netns.ip("addr add 198.18.9.1/32 dev lo")
    w.a.public("198.18.9.0/24")
    w.isp.netns.ip("route add 198.18.9.0/24 via " + OUT)
    traffic.reach(w.far, w.gw, ["198.18.9.1"])
    w.gw.netns.ip("addr del 198.18.9.1/32 dev lo")
    w.a.own("198.18.9.1")
    eventually(lambda: traffic.ping(w.far, "198.18.9.1", 1)[0] == 1, "then it is A's")


if __name__ == "__main__":
    suite.main()
