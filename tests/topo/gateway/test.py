#!/usr/bin/python3
# time-limit: 600
# The gateway: tenants with the same addresses reach the world outside and are reached, each from a VRF of its own.
#
#   blue1 10.0.1.11 \
#                    h1 -- fabric -- gw -- out -- isp -- far 198.51.100.10         see lib/gateway.py
#   red1  10.0.1.11 /
#
# Covers GW-1, GW-3, GW-8, MTU-4.
import json
import os
import re
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, crowd, pkt, traffic, wire
from lib.case import equal, eventually, note, require
from lib.gateway import FAR, FAR6, GATEWAY, ISP, OUT, SUBNET, GatewayWorld, batch, gone, leftovers, objects, trace_of, wait_ready
from lib.gwd import CHATTER, Growth
from lib.lasting import Lasting
from lib.net import Netns

OWN, SHARED, FORWARD, ONE_TO_ONE, ON_SEGMENT = "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "192.0.2.50"
BLOCK = 16384  # of SHARED; blue has the first, red the second
suite = case.Suite()


def setup(encapsulation=None):
    w = GatewayWorld(encapsulation)
    w.blue, w.red = w.tenant("blue", 0), w.tenant("red", 1)
    w.blue1, w.blue2, w.red1 = w.blue.vm(1, mtu=1450), w.blue.vm(2, mtu=1450), w.red.vm(1, mtu=1450)
    for t in w.tenants:
        t.ready()
    return w


def publish(w):
    """Both leave by the shared address."""
    for n, t in enumerate(w.tenants):
        t.public(SHARED, BLOCK * (n + 1), BLOCK)
        t.nat("Outbound", SHARED, "10.0.0.0/16", port=BLOCK * (n + 1), count=BLOCK)
        t.ready()


g = suite.group("shared", setup)


@g.case("a VM reaches its gateway, which nothing of the others' reaches")
def _(w):
    for vm in (w.blue1, w.red1):
        got, said = traffic.ping(vm, GATEWAY)
        equal(got, 3, "answers of the gateway to %s\n%s" % (vm.name, said))
    require(w.blue.vrf != w.red.vrf, "a VRF each")


@g.case("without a rule nothing leaves")
def _(w):
    with wire.Capture(w.isp.netns, "seg0", "nothing-leaves", "not arp and not icmp6") as c:
        traffic.no_reach(w.blue1, FAR)
    equal(c.count("ip.addr == 10.0.0.0/8 || ip.addr == 198.51.100.10"), 0, "packets of a VM outside")


@g.case("GW-3: through one shared address both reach the same server: ping, UDP, TCP")
def _(w):
    publish(w)
    for vm in (w.blue1, w.red1):
        got, said = traffic.ping(vm, FAR)
        equal(got, 3, "answers of far to %s\n%s%s" % (vm.name, said, trace_of(w)))
        note("TCP of %s: %.0f Mbit/s" % (vm.name, traffic.tcp_exact(vm, w.far, FAR, 4 << 20)))


@g.case("GW-1, GW-3: 10,000 UDP flows of each at once, the same 5-tuples, one public address: all right, none crossed")
def _(w):
    c = crowd.udp([w.blue1, w.red1], w.far, 10000)
    equal(c.addresses(), {SHARED}, "address that the server saw")
    for n, name in enumerate(("blue1", "red1")):
        ports = c.ports(name)
        require(BLOCK * (n + 1) <= ports[0] and ports[-1] < BLOCK * (n + 2), "ports of %s: %d to %d" % (name, ports[0], ports[-1]))


@g.case("GW-1, GW-3: 10,000 TCP connections of each, open at the same time")
def _(w):
    c = crowd.tcp([w.blue1, w.red1], w.far, 10000)
    equal(c.addresses(), {SHARED}, "address that the server saw")


@g.case("GW-1, GW-3: ICMP echo with 10,000 identifiers of each, the same of both")
def _(w):
    crowd.echo([w.blue1, w.red1], w.far, 10000)


@g.case("errors from outside reach the VM that they are for, with its own packet quoted: nobody listens")
def _(w):
    for vm in (w.blue1, w.red1):
        who, kind, code, _ = require(traffic.probe(vm, FAR, port=33999, seconds=3), "an error for %s" % vm.name)
        equal((who, kind, code), (FAR, 3, 3), "error of " + vm.name)


@g.case("traceroute shows every hop")
def _(w):
    for vm in (w.blue1, w.red1):
        hops = []
        for ttl in range(1, 6):
            r = traffic.probe(vm, FAR, ttl=ttl, seconds=2)
            require(r, "an answer to TTL %d (so far: %s)" % (ttl, hops))
            hops.append(r[0])
            if r[1] == 3:
                break
        equal(hops, ["10.0.1.1", GATEWAY, ISP, FAR], "hops from %s" % vm.name)


@g.case("MTU-4 and path MTU discovery: a hop of 1400 bytes outside; TCP passes, DF datagrams learn of it")
def _(w):
    for netns, dev in ((w.isp.netns, "far0"), (w.far.netns, "eth0")):
        netns.ip("link set dev %s mtu 1400" % dev)
    w.far.netns.ip("link set dev eth0 mtu 1500")  # the far side does not know
    for vm in (w.blue1, w.red1):
        r = require(traffic.probe(vm, FAR, size=1400, df=True, seconds=3), "an error for %s" % vm.name)
        if r[0] != "local":
            equal(r, (ISP, 3, 4, 1400), "error for %s" % vm.name)
        else:
            equal(r[3], 1400, "MTU that %s has learned" % vm.name)
        traffic.tcp_exact(vm, w.far, FAR, 8 << 20)
    w.isp.netns.ip("link set dev far0 mtu 1500")
    for vm in (w.blue1, w.red1):
        vm.netns.ip("route flush cache")


def segment_sizes(w, vm, name):
    """Of a connection from the VM to far and one from far to it: what each SYN, and each answer to one, says where it arrives."""
    found = {}
    with wire.Capture(w.far.netns, "eth0", "mss-far-" + name, "tcp") as far, \
            wire.Capture(vm.netns, "eth0", "mss-vm-" + name, "tcp") as near:
        traffic.tcp_exact(vm, w.far, FAR, 1 << 16, port=45001)
        traffic.TcpTransfer(w.far, vm, vm.v4, 1 << 16, port=45002, via=SHARED, via_port=8090).finish()
    for what, capture, shown in (("SYN of the VM", far, "tcp.dstport == 45001 && tcp.flags.ack == 0"),
                                 ("answer of far", near, "tcp.srcport == 45001 && tcp.flags.ack == 1"),
                                 ("SYN of far", near, "tcp.dstport == 45002 && tcp.flags.ack == 0"),
                                 ("answer of the VM", far, "tcp.srcport == 8090 && tcp.flags.ack == 1")):
        rows = capture.fields(["tcp.options.mss_val"], "tcp.flags.syn == 1 && " + shown)
        found[what] = {int(x) for row in rows for x in row["tcp.options.mss_val"]}
    return found


def clamping(w, said):
    """What the configuration says of it, None for nothing; without a restart."""
    w.gw.gwd.settings["external"].pop("clamp_mss", None)
    if said is not None:
        w.gw.gwd.settings["external"]["clamp_mss"] = said
    w.gw.gwd.configure()
    w.gw.gwd.process.send_signal(signal.SIGHUP)
    eventually(lambda: ("maxseg" in w.blue.ruleset()) == (said != "no"), "the ruleset is so")


@g.case("MTU-4: segments of a VM whose MTU says nothing of the tunnel fit it, both ways and whoever begins; unless clamp_mss is no")
def _(w):
    vm = w.blue.vm(3, mtu=1500)
    w.blue.public(SHARED, 8090, 1)
    w.blue.nat("Inbound", SHARED, vm.v4, "Tcp", 8090, 1, 45002)
    w.blue.ready()
    clamped = segment_sizes(w, vm, "default")
    with open(w.gw.gwd.config) as f:
        require("clamp_mss" not in f.read(), "the configuration does not name it")
    note(clamped)
    for what, sizes in clamped.items():
        equal(sizes, {1450 - 40}, "segment size in the " + what)
    clamping(w, "no")
    for what, sizes in segment_sizes(w, vm, "no").items():
        equal(sizes, {1500 - 40}, "segment size in the %s, without clamping" % what)
    clamping(w, "yes")
    equal(segment_sizes(w, vm, "yes"), clamped, "segment sizes with clamp_mss = yes")
    clamping(w, None)
    w.blue.without("natRules", lambda r: r["Type"] == "Inbound")
    w.blue.without("publicAddresses", lambda r: r["PortCount"] == 1)


@g.case("GW-3: datagrams that were cut, in both directions")
def _(w):
    traffic.udp_exact(w.blue1, w.far, FAR, [3000, 1, 5000, 64], df=False)
    with socket_of(w.blue1, 7100) as s, socket_of(w.far, 7100, FAR) as server:
        s.sendto(b"here", (FAR, 7100))
        server.settimeout(3 * case.SLOWNESS)
        data, where = server.recvfrom(100)
        equal(data, b"here", "what came")
        for size in (2900, 4000):
            server.sendto(os.urandom(size), where)
            s.settimeout(3 * case.SLOWNESS)
            try:
                got = len(s.recv(9000))
            except socket.timeout:
                got = 0
            equal(got, size, "size of the answer, which came in fragments (%s)" % trace_of(w))


def socket_of(who, port, address=None):
    with who.netns.enter():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, 10, 0)
    s.bind((address or who.v4, port))
    return s


@g.case("GW-1, GW-3: both reach each other's ports at the address that they share, as anybody does, and their own")
def _(w):
    for t, vm, port in ((w.blue, w.blue2, 8080), (w.red, w.red1, 8081)):
        for n, protocol in ((port, "Tcp"), (port + 1000, "Udp")):
            t.public(SHARED, n, 1)
            t.nat("Inbound", SHARED, vm.v4, protocol, n, 1)
        t.ready()
    for vm, server, port in ((w.red1, w.blue2, 8080), (w.blue1, w.red1, 8081), (w.blue1, w.blue2, 8080), (w.far, w.red1, 8081)):
        traffic.TcpTransfer(vm, server, server.v4, 1 << 20, port=port, via=SHARED).finish()
        traffic.udp_exact(vm, server, server.v4, [64, 1000, 3000], port=port + 1000, via=SHARED, df=False)
    # Who is asked sees a port of the other's block.
    with socket_of(w.red1, 9081) as server, socket_of(w.blue1, 7000) as s:
        server.settimeout(3)
        s.sendto(b"?", (SHARED, 9081))
        who, port = server.recvfrom(10)[1]
        require(who == SHARED and BLOCK <= port < 2 * BLOCK, "red sees %s:%d" % (who, port))
        server.sendto(b"!", (who, port))
        s.settimeout(3)
        equal(s.recvfrom(10), (b"!", (SHARED, 9081)), "the answer")
    # What is nobody's, and what is a tenant's own but no rule's, is dropped, and does not go round.
    before = {t: t.state()["outside"]["sentPackets"] for t in w.tenants}
    for port in (5000, BLOCK + 5, 2 * BLOCK + 5):
        for vm in (w.blue1, w.red1):
            equal(traffic.probe(vm, SHARED, port=port, seconds=0.3), None, "answer of port %d to %s" % (port, vm.name))
    for t in w.tenants:
        equal(t.state()["outside"]["sentPackets"] - before[t], 3, "packets that left %s: what its VM sent" % t.name)
    # The virtual gateway speaks from it.
    with wire.Capture(w.far.netns, "eth0", "expired", "icmp") as c:
        equal(traffic.probe(w.far, SHARED, ttl=2, port=9080, seconds=3), (SHARED, 11, 0, 0), "who says that the TTL is over")
    equal(c.count("icmp.type == 11 && ip.ttl >= 62"), 1, "errors")
    for t in w.tenants:
        t.without("natRules", lambda r: r["Type"] == "Inbound")
        t.without("publicAddresses", lambda r: r["PortCount"] == 1)


def refusals(t):
    """Packets from outside that no rule of the tenant's is for."""
    return t.state()["nat"]["no-rule"]["packets"]


@g.case("what comes to the shared address without a place there is dropped and counted")
def _(w):
    refused = refusals(w.blue), refusals(w.red)
    with Growth(w.gw.gwd, CHATTER) as grown:
        for port in (22, 80, 5000, 65000, BLOCK + 5, 2 * BLOCK + 5, 2 * BLOCK + 6):
            equal(traffic.probe(w.far, SHARED, port=port, seconds=0.3), None, "answer of port %d" % port)
        grown.becomes({"NoPublicPort": 4, "Steered": 3}, "what is in no block is dropped, what is in one is whose it is")
    eventually(lambda: (refusals(w.blue), refusals(w.red)) == (refused[0] + 1, refused[1] + 2), "who has no rule for it counts it")
    got, _ = traffic.ping(w.far, SHARED, 2)
    equal(got, 0, "answers to ping")
    said = w.gw.gwd.ctl("trace", "--port", "out0", "--src", FAR, "--dst", SHARED, "--proto", "udp", "--dport", 22)
    require("==> Drop, NoPublicPort" in said, "gwctl trace: " + said)


@g.case("what is the gateway's own is left alone: SSH, ping, BGP")
def _(w):
    got, said = traffic.ping(w.far, OUT)
    equal(got, 3, "answers of the gateway itself\n%s" % said)
    gw = traffic_end(w.gw, OUT)
    for port in (22, 179):
        traffic.tcp_exact(w.far, gw, OUT, 1 << 16, port=port)


def traffic_end(h, address):
    class End:
        name, netns, addresses, v4 = h.name, h.netns, [address], address
    return End


@g.case("GW-8: kill -9 of gwd: TCP, UDP and idle connections go on, new ones open while it is down")
def _(w):
    idle = traffic_pair(w, w.blue1, 7301)
    slow = traffic.TcpTransfer(w.blue1, w.far, FAR, 16 << 20, port=45100, seconds=6)
    flow = traffic.UdpFlow(w.red1, w.far, FAR, 1000, 30, port=7200)
    under_way(w.blue, w.red)
    w.gw.gwd.kill()
    crowd.udp([w.blue1, w.red1], w.far, 200, port=7002)
    crowd.tcp([w.blue1, w.red1], w.far, 200, port=7003)
    w.gw.gwd.start()
    wait(w)
    under_way(w.red)
    w.gw.gwd.restart()
    wait(w)
    slow.finish()
    flow.end()
    r = flow.result()
    equal(r["lost"], 0, "datagrams lost of %d" % r["sent"])
    exchange(*idle)


def under_way(*tenants):
    """Packets of their flows pass, whatever passed before."""
    def passed():
        # Also those that the fast path has carried past the VRF.
        return [t.state()["external"]["counters"]["txPackets"] for t in tenants]

    before = passed()
    eventually(lambda: all(now > then + 20 for now, then in zip(passed(), before)), "the flows are under way")


def wait(w):
    for t in w.tenants:
        t.ready()


def traffic_pair(w, vm, port):
    """A TCP connection that says nothing."""
    with w.far.netns.enter():
        listener = socket.create_server((FAR, port))
    with vm.netns.enter():
        s = socket.create_connection((FAR, port), timeout=5)
    peer, _ = listener.accept()
    listener.close()
    case.after_group.append(s.close)
    case.after_group.append(peer.close)
    return s, peer


def exchange(s, peer):
    for a, b in ((s, peer), (peer, s)):
        a.send(b"still here")
        b.settimeout(5 * case.SLOWNESS)
        equal(b.recv(100), b"still here", "what an idle connection carries")


@g.case("a rule that goes takes its flows with it, and no others")
def _(w):
    kept, gone_ = traffic_pair(w, w.red1, 7302), traffic_pair(w, w.blue1, 7303)
    w.blue.without("natRules")
    eventually(lambda: not [f for f in w.blue.flows() if "dport=7303" in f], "the flow of blue is forgotten")
    require([f for f in w.red.flows() if "dport=7302" in f], "the flow of red is not")
    exchange(*kept)
    gone_[0].send(b"?")
    gone_[1].settimeout(0.5)
    try:
        data = gone_[1].recv(10)
    except (socket.timeout, ConnectionResetError):
        data = b""
    equal(data, b"", "what still passes")
    traffic.no_reach(w.blue1, FAR)
    w.blue.nat("Outbound", SHARED, "10.0.0.0/16", port=BLOCK, count=BLOCK)
    got, _ = traffic.ping(w.blue1, FAR)
    equal(got, 3, "answers when it is back")


@g.case("a tenant that goes leaves nothing; another one with its names in the same second has a clean slate")
def _(w):
    t, vm = w.blue, w.blue1
    everything = {kind: [p for p in objects(w.gw.gwd, kind).values() if p.get("RoutingDomainID") == t.rdid]
                  for kind in ("virtualGateways", "publicAddresses", "natRules")}
    port = objects(w.gw.gwd, "ports")[t.port]
    held = traffic_pair(w, vm, 7304)
    for kind in ("natRules", "publicAddresses", "virtualGateways"):
        t.without(kind)
    batch(w.gw.gwd, deletes=["ports/" + t.port])
    steady = lambda p: {k: v for k, v in p.items() if k[0].isupper()}  # noqa: E731
    batch(w.gw.gwd, [(kind, steady(p)) for kind, list_ in everything.items() for p in list_] + [("ports", steady(port))])
    t.ready(15)
    eventually(lambda: traffic.ping(vm, FAR, 1)[0], "it works", 10)
    equal([f for f in t.flows() if "dport=7304" in f], [], "flows of the former tenant")
    held[0].close()
    crowd.udp([vm, w.red1], w.far, 100, port=7004)


@g.case("when all have gone nothing is left")
def _(w):
    for t in w.tenants:
        for kind in ("natRules", "publicAddresses", "virtualGateways"):
            t.without(kind)
        batch(w.gw.gwd, deletes=["ports/" + t.port])
    gone(w)


p = suite.group("published", setup)


@p.case("an address of its own: every way out, and the source port stays as it was")
def _(w):
    w.blue.public(OWN)
    w.blue.nat("Outbound", OWN, SUBNET)
    w.blue.ready()
    got, said = traffic.ping(w.blue1, FAR)
    equal(got, 3, "answers\n%s\n%s" % (said, trace_of(w)))
    c = crowd.udp([w.blue1], w.far, 100)
    equal((c.addresses(), c.ports("blue1")), ({OWN}, list(range(20000, 20100))), "what the server saw")


@p.case("GW-3: port forwarding: TCP and UDP, another port, ranges")
def _(w):
    w.blue.public(FORWARD)
    w.blue.nat("Inbound", FORWARD, "10.0.1.11", "Tcp", 80, 1, 8080)
    w.blue.nat("Inbound", FORWARD, "10.0.1.12", "Udp", 9000, 10)
    traffic.TcpTransfer(w.far, w.blue1, "10.0.1.11", 2 << 20, port=8080, via=FORWARD, via_port=80).finish()
    traffic.udp_exact(w.far, w.blue2, w.blue2.v4, [100, 1000], port=9007, via=FORWARD)
    before, drops = refusals(w.blue), w.gw.gwd.drops()
    for port in (8999, 9010):
        equal(traffic.probe(w.far, FORWARD, port=port, seconds=0.3), None, "an answer of port %d, beside the range" % port)
    eventually(lambda: refusals(w.blue) == before + 2, "they are counted (%d, before %d)" % (refusals(w.blue), before))
    chatter = lambda d: {k: v for k, v in d.items() if k not in CHATTER}  # noqa: E731
    equal(chatter(w.gw.gwd.drops()), chatter(drops), "drops before they came to the network's own rules")
    said = json.loads(w.gw.gwd.ctl("trace", "--port", "out0", "--src", FAR, "--dst", FORWARD, "--proto", "tcp", "--dport", 80,
                                   "-o", "json"))
    equal((said["verdict"], said["interface"], said["routingDomainId"]),
          ("Steer", "gwe%d" % w.blue.gateway_vsid, w.blue.rdid), "what gwctl trace says")


@p.case("GW-3: 1:1: from inside with this address, from outside to every port, ping too")
def _(w):
    w.blue.public(ONE_TO_ONE)
    w.blue.nat("Outbound", ONE_TO_ONE, "10.0.1.12")
    w.blue.nat("Inbound", ONE_TO_ONE, "10.0.1.12")
    got, said = traffic.ping(w.far, ONE_TO_ONE)
    equal(got, 3, "answers to far\n%s" % said)
    traffic.udp_exact(w.far, w.blue2, w.blue2.v4, [100, 1000], port=4500, via=ONE_TO_ONE)
    equal(crowd.udp([w.blue2], w.far, 20).addresses(), {ONE_TO_ONE}, "address that the server saw")
    equal(crowd.udp([w.blue1], w.far, 20).addresses(), {OWN}, "address of the other VM")


@p.case("hairpin: a VM reaches the public address of another one of its network, and its own")
def _(w):
    traffic.TcpTransfer(w.blue2, w.blue1, "10.0.1.11", 1 << 20, port=8080, via=FORWARD, via_port=80).finish()
    traffic.TcpTransfer(w.blue1, w.blue1, "10.0.1.11", 1 << 20, port=8080, via=FORWARD, via_port=80).finish()


@p.case("a tag of priority is none; frames for everybody on the link are forwarded by nobody (RFC 1122, 3.3.6)")
def _(w):
    gw, isp = w.gw.netns.mac("out0"), w.isp.netns.mac("seg0")
    packet = lambda data: pkt.ipv4(FAR, FORWARD, pkt.UDP, pkt.udp(FAR, FORWARD, 5000, 9001, data))  # noqa: E731
    s, heard = socket_of(w.blue2, 9001), []
    s.settimeout(5)
    with pkt.Raw(w.isp.netns, "seg0") as raw:
        for to, data, vlan in ((gw, b"priority", 0xa000), (gw, b"vlan", 0xa007), (pkt.BROADCAST, b"broadcast", None),
                               ("01:00:5e:00:00:05", b"multicast", None), (pkt.BROADCAST, b"both", 0xa000), (gw, b"last", None)):
            raw.send(pkt.eth(to, isp, pkt.ETH_P_IP, packet(data), vlan))
        while b"last" not in heard:
            heard.append(s.recv(100))
    equal(heard, [b"priority", b"last"], "what the VM heard (%s)" % trace_of(w))


def forged(w, source, data):
    return pkt.eth(w.gw.netns.mac("out0"), w.isp.netns.mac("seg0"), pkt.ETH_P_IP, pkt.ipv4(source, *data))


@p.case("GW-3: whoever is outside speaks in the name of nobody inside: errors about a flow, and packets of a hairpin")
def _(w):
    spoofed = lambda: w.blue.state()["nat"]["spoofed"]["packets"]  # noqa: E731
    s = socket_of(w.blue1, 6000)
    s.sendto(b"x", (FAR, 33))
    server, client = socket_of(w.blue2, 9002), socket_of(w.blue1, 6001)
    server.settimeout(5)
    client.sendto(b"hairpin", (FORWARD, 9002))
    equal(server.recv(100), b"hairpin", "what came by the hairpin")
    quoted = pkt.ipv4(OWN, FAR, pkt.UDP, pkt.udp(OWN, FAR, 6000, 33, b"x"))
    error = struct.pack("!BBHI", 3, 1, 0, 0) + quoted
    error = error[:2] + struct.pack("!H", pkt.checksum(error)) + error[4:]
    before = spoofed()
    with wire.Capture(w.blue1.netns, "eth0", "errors", "icmp") as c, pkt.Raw(w.isp.netns, "seg0") as raw, \
            pkt.Raw(w.blue1.netns, "eth0") as vm:
        for source in ("10.0.1.12", "10.0.1.11", GATEWAY):
            raw.send(forged(w, source, (OWN, pkt.ICMP, error)))
        raw.send(forged(w, w.blue1.v4, (FORWARD, pkt.UDP, pkt.udp(w.blue1.v4, FORWARD, 6001, 9002, b"forged"))))
        raw.send(forged(w, ISP, (OWN, pkt.ICMP, error)))
        vm.wait(lambda f: f[26:30] == pkt.ip(ISP), 5, "the router's own error")
        eventually(lambda: spoofed() == before + 4, "they are counted (%d, before %d)" % (spoofed(), before))
    equal({bytes(f)[26:30] for f in c.frames()}, {pkt.ip(ISP)}, "who sent errors that the VM got")
    client.sendto(b"still", (FORWARD, 9002))
    equal(server.recv(100), b"still", "what comes next by the hairpin")


@p.case("a tenant reaches another one's public address as anybody does")
def _(w):
    w.red.public(SHARED, BLOCK, BLOCK)
    w.red.nat("Outbound", SHARED, SUBNET, port=BLOCK, count=BLOCK)
    w.red.ready()
    traffic.TcpTransfer(w.red1, w.blue1, "10.0.1.11", 1 << 20, port=8080, via=FORWARD, via_port=80).finish()


def announces(frame):
    """By ARP, that ON_SEGMENT is there."""
    return frame[12:14] == b"\x08\x06" and frame[28:32] == pkt.ip(ON_SEGMENT)


@p.case("an address on the segment: announced, and ARP is answered")
def _(w):
    with pkt.Raw(w.isp.netns, "seg0") as raw:
        w.blue.public(ON_SEGMENT)
        raw.wait(announces, 5, "an announcement")
    w.blue.nat("Inbound", ON_SEGMENT, "10.0.1.11")
    w.isp.netns.ip("neigh flush dev seg0")
    got, said = traffic.ping(w.isp, ON_SEGMENT)
    equal(got, 3, "answers\n%s\n%s" % (said, trace_of(w)))


@p.case("IPv6 is routed without translation, both ways")
def _(w):
    w.blue.public(w.blue.v6 + "::/48")
    got, said = traffic.ping(w.blue1, FAR6)
    equal(got, 3, "answers\n%s\n%s" % (said, trace_of(w)))
    traffic.tcp_exact(w.blue1, w.far, FAR6, 2 << 20)
    traffic.tcp_exact(w.far, w.blue1, w.blue1.v6, 2 << 20)
    with wire.Capture(w.isp.netns, "seg0", "no-red", "ip6 and icmp6[0] == 128") as c:
        traffic.no_reach(w.red1, FAR6)  # it has no public prefix
    equal(c.count("ipv6.src == %s" % w.red1.v6), 0, "packets of red outside")


@p.case("GW-1: no packet from outside enters anybody into a VRF's table of neighbours, which is the kernel's one for all")
def _(w):
    def entries(t):
        return sorted(x for f in (4, 6) for x in t.run("ip -%d neigh show nud all" % f).stdout.splitlines() if "NOARP" not in x)
    host = w.red.v6 + ":9::1"
    w.red.public(host)
    eventually(lambda: host in w.red.run("ip -6 addr show dev ext0").stdout, "red's VRF has its address")
    before = entries(w.blue), entries(w.red)
    received = w.blue.state()["outside"]["receivedPackets"], w.red.state()["outside"]["receivedPackets"]
    with w.far.netns.enter():
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    gw_mac, isp_mac = w.gw.netns.mac("out0"), w.isp.netns.mac("seg0")
    with s, pkt.Raw(w.isp.netns, "seg0") as raw:
        for n in range(300):
            s.sendto(b"x", ("%s:ff::1:%x" % (w.blue.v6, n), 9))  # its gateway subnet, which is in its routed prefix
            src = "2001:db8:2::1:%x" % n  # somebody on the segment, with questions for who is not there
            for kind, body in ((135, bytes(4) + pkt.ip(host) + b"\1\1" + pkt.mac(isp_mac)), (133, bytes(4) + b"\1\1" + pkt.mac(isp_mac))):
                raw.send(pkt.eth(gw_mac, isp_mac, pkt.ETH_P_IPV6,
                                 pkt.ipv6(src, host, pkt.ICMPV6, pkt.icmpv6(src, host, kind, body), hops=255)))
    eventually(lambda: w.blue.state()["outside"]["receivedPackets"] >= received[0] + 300, "they have come to blue's VRF")
    note("red's VRF got %d" % (w.red.state()["outside"]["receivedPackets"] - received[1]))
    equal((entries(w.blue), entries(w.red)), before, "neighbours of both VRFs")
    w.red.without("publicAddresses", lambda r: r["PublicPrefix"] == host + "/128")


@p.case("spoofed sources leave nowhere: a VRF sends only from what is its own")
def _(w):
    vrf = Netns.__new__(Netns)
    vrf.name, vrf.path = w.blue.vrf, "/run/netns/" + w.blue.vrf
    before = w.gw.gwd.drops().get("SpoofedPublic", 0)
    sources = ("203.0.113.77", "10.0.1.11", OUT)  # nobody's, a VM's, the node's own
    with wire.Capture(w.isp.netns, "seg0", "spoofed", "udp") as c, pkt.Raw(vrf, "ext0") as raw:
        for source in sources:
            raw.send(pkt.eth(w.gw.netns.mac(w.blue.exit), vrf.mac("ext0"), pkt.ETH_P_IP,
                             pkt.ipv4(source, FAR, pkt.UDP, pkt.udp(source, FAR, 1, 2, b"x"))))
        eventually(lambda: w.gw.gwd.drops().get("SpoofedPublic", 0) == before + len(sources), "they are counted")
    equal(c.count(" || ".join("ip.src == " + source for source in sources)), 0, "packets that left")


@p.case("a public address moves to another tenant: announced again, and what comes goes there")
def _(w):
    w.blue.without("natRules", lambda r: r["PublicAddress"] == ON_SEGMENT)
    w.blue.without("publicAddresses", lambda r: r["PublicPrefix"].startswith(ON_SEGMENT))
    with pkt.Raw(w.isp.netns, "seg0") as raw:
        w.red.public(ON_SEGMENT)
        raw.wait(announces, 5, "an announcement")
    w.red.nat("Inbound", ON_SEGMENT, "10.0.1.11")
    with wire.Capture(w.red1.netns, "eth0", "moved-here", "icmp") as c:
        got, said = traffic.ping(w.isp, ON_SEGMENT)
    equal(got, 3, "answers\n%s" % said)
    require(c.count("icmp.type == 8"), "red has them")


@p.case("GW-8: fifty tenants, each with busy TCP, datagrams at a steady rate and a silent connection")
def _(w):
    w.many = []
    for n in range(2, 52):
        t = w.tenant("t%d-" % n, n)
        t.public("203.0.113.%d" % (100 + n))
        t.nat("Outbound", "203.0.113.%d" % (100 + n), SUBNET)
        w.many.append(t.vm(1))
    wait_ready(w, 30)
    w.lasting = Lasting(w.many, w.far)
    case.after_group.append(w.lasting.part.end)
    w.lasting.go_on("at first")


def while_down(w, end, start, port):
    """Every flow goes on while there is no gwd, and new ones open for everybody."""
    end()
    w.lasting.go_on("without gwd")
    crowd.tcp(w.many, w.far, 3, port=port)
    crowd.udp(w.many, w.far, 3, port=port)
    started = time.monotonic()
    start()
    wait_ready(w, 30)
    note("%.1f s until ready with %d tenants" % (time.monotonic() - started, len(w.tenants)))
    w.lasting.go_on("with gwd back")


@p.case("GW-8: fifty tenants: kill -9 and start")
def _(w):
    while_down(w, w.gw.gwd.kill, w.gw.gwd.start, 7500)


def start_of(w, build):
    def start():
        w.gw.gwd.build = build
        w.gw.gwd.settings["node"]["plugin_dir"] = build + "/plugins"
        w.gw.gwd.configure()
        w.gw.gwd.start()
    return start


@p.case("GW-8: fifty tenants: upgrade to a build with another layout of the engine's maps, restart back to this one; nothing is lost "
        "of all of it")
def _(w):
    require(os.path.exists(case.next_build() + "/plugins/nat.so"), "build/abi-next is built; run make test-topo-build")
    while_down(w, w.gw.gwd.stop, start_of(w, case.next_build()), 7510)
    w.gw.gwd.stop()
    start_of(w, case.build())()
    wait_ready(w, 30)
    w.lasting.go_on("after the way back")
    w.lasting.end()


@p.case("what nft lists is the tenant's own, in a table of gwd's")
def _(w):
    tables = re.findall(r"^table (\S+ \S+) ", w.blue.ruleset(), re.M)
    require(tables and all("gwd" in t for t in tables), "tables: %s" % tables)
    require(len(leftovers(w)) == 3 * len(w.tenants), "%s" % leftovers(w))


n = suite.group("nvgre", lambda: setup("NVGRE"))


@n.case("ENC-1: over NVGRE too")
def _(w):
    publish(w)
    for vm in (w.blue1, w.red1):
        traffic.tcp_exact(vm, w.far, FAR, 2 << 20)
        got, said = traffic.ping(vm, FAR)
        equal(got, 3, said)
    crowd.udp([w.blue1, w.red1], w.far, 500)


if __name__ == "__main__":
    suite.main()
