#!/usr/bin/python3
# time-limit: 900
# Connections of virtual gateways to what the Linux kernel itself makes of their other sides (tests/topo/lib/ends.py), super-packets
# and all: two tenants with the same addresses, IPv4 and IPv6, in their virtual networks and behind their connections.
#
#   blue1 10.0.1.11 \                     seg1blue, seg1red ------------- a host each, by a cable of its own
#                    h1 -- fabric -- gw   seg0 -- trunk [plant] --------- VLAN 70, VLAN 71: a host each; untagged: the plant
#   red1  10.0.1.11 /                     out0 -- isp -- eth1 [site] ---- GRE key 7, GRE key 8: a host each
#
# A group for each kind of connection. Where the kernel has no VLAN or no GRE devices (tests/topo/connections has the like from Open
# vSwitch) their groups are skipped; the kernel that ships has them.
# Covers GW-1, GW-2, GW-9, MTU-4, ENC-7, ENC-9.
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, ends, pkt, traffic, wire
from lib.case import equal, eventually, note, require
from lib.ends import PLANT, PLANT6, Cable, Gre, Untagged, Vlan, heard, silence, speak, watch
from lib.gateway import GATEWAY, OUT, GatewayWorld, Tenant, batch, gone, trace_of

V6 = "2001:db8:10"
VM4, VM6, GATEWAY6 = "10.0.1.11", V6 + ":1::b", V6 + ":ff::2"
SQUEEZED = 1300
suite = case.Suite()


def setup(*kinds):
    for k in kinds:
        k.look()
    w = GatewayWorld()
    for number, name in enumerate(("blue", "red")):
        w.tenants.append(Tenant(w, name, number, v6=V6))
    w.blue, w.red = w.tenants
    w.vm = {t.name: t.vm(1, mtu=1450) for t in w.tenants}
    for t in w.tenants:
        t.ready()
    for k in kinds:
        k.make(w)
    w.kinds, w.kind = kinds, kinds[0]
    return w


def pair(w, t, kind=None):
    """(from, to, address) both ways and both families, between a tenant's VM and its host."""
    vm, end = w.vm[t.name], (kind or w.kind).ends[t.name]
    return [(a, b, address) for a, b in ((vm, end), (end, vm)) for address in b.addresses]


# --- of each kind ---------------------------------------------------------------------------------------------------------

def meet(w):
    w.kind.connect_all(w)
    for t in w.tenants:
        for a, b, address in pair(w, t):
            got, said = traffic.ping(a, address)
            equal(got, 3, "answers of %s at %s to %s\n%s%s" % (b.name, address, a.name, said, trace_of(w)))


def hops(w):
    vm = w.vm["blue"]
    for address, errors in ((PLANT, [("10.0.1.1", 11, 0), (GATEWAY, 11, 0), (PLANT, 3, 3)]),
                            (PLANT6, [(V6 + ":1::1", 3, 0), (GATEWAY6, 3, 0), (PLANT6, 1, 4)])):
        got = [(traffic.probe(vm, address, ttl=n + 1, seconds=2 * case.SLOWNESS) or ())[:3] for n in range(3)]
        equal(got, errors, "who answers on the way to " + address)


def bulk(w):
    for t in w.tenants:
        for a, b, address in pair(w, t):
            with wire.Segments(w.gw.netns, w.kind.wire(t), tunnels=w.kind.name == "gre") as seen:
                rate = traffic.tcp_exact(a, b, address, 8 << 20, seconds=60 * case.SLOWNESS)
            note("%s to %s: %.0f Mbit/s; on the wire %d super-packets, %d others, the largest packet %d bytes"
                 % (a.name, address, rate, seen.super_frames, seen.plain, seen.largest))
            require(1000 < seen.largest <= 1500, "a packet on the wire has %d bytes" % seen.largest)
            # What a host sends there is in super-packets, whatever the gateway does to them.
            require(a in w.vm.values() or seen.super_frames, "super-packets from " + a.name)


def datagrams(w):
    for t in w.tenants:
        for a, b, address in pair(w, t):
            traffic.udp_exact(a, b, address, [1, 18, 700, 1400] * 5)
            traffic.udp_exact(a, b, address, [30000] * 4, gso=1300)
        traffic.udp_exact(w.vm[t.name], w.kind.ends[t.name], PLANT, [3000, 1], df=False)  # larger than any link there


def apart(w):
    for t, other in ((w.blue, w.red), (w.red, w.blue)):
        vm, end = w.vm[t.name], w.kind.ends[t.name]
        all_of_them = [(w.vm[n.name], w.kind.ends[n.name]) for n in (t, other)]
        for v, e in all_of_them:
            watch(v, [PLANT, PLANT6])
            watch(e, [VM4, VM6])
        for a, b, address in pair(w, t):
            traffic.reach(a, b, [address])
            traffic.tcp_exact(a, b, address, 100000)
            traffic.udp_exact(a, b, address, [100] * 10)
        heard_by = [(heard(v), heard(e)) for v, e in all_of_them]
        require(min(heard_by[0]) > 20, "packets that %s's own have got: %s" % (t.name, heard_by))
        equal(heard_by[1], (0, 0), "packets of %s that %s's VM and host have got" % (t.name, other.name))
        w.kind.vacate(end.netns)  # the other tenant's host has it still, and is not asked
        for address in (PLANT, PLANT6):
            traffic.no_reach(vm, address)
        w.kind.occupy(end.netns)
        traffic.reach(vm, end)
        for v, e in all_of_them:
            for x in (v, e):
                x.netns.run("nft delete table inet seen")


def learn(w):
    """A connection is narrower than the VM's network, which nobody has told either end."""
    k, vm, end = w.kind, w.vm["blue"], w.kind.ends["blue"]
    equal(k.told(w, w.blue)["mtu"], k.mtu, "its MTU")
    k.squeeze(w, SQUEEZED)
    eventually(lambda: k.told(w, w.blue)["mtu"] == SQUEEZED, "its MTU follows the interface's", 10)
    for address, error in ((PLANT, (GATEWAY, 3, 4, SQUEEZED)), (PLANT6, (GATEWAY6, 2, 0, SQUEEZED))):
        equal(traffic.probe(vm, address, size=1380, df=True, seconds=3 * case.SLOWNESS), error, "what the VM is told")
        require("mtu %d" % SQUEEZED in vm.netns.run("ip route get " + address).stdout, "the VM's kernel has learned it")
    forget(vm)
    with wire.Capture(w.gw.netns, k.wire(w.blue), "connections-kernel-%s-narrow" % k.name, snaplen=160) as outside, \
            wire.Capture(vm.netns, "eth0", "connections-kernel-%s-vm" % k.name, snaplen=160) as inside:
        for a, b, address in pair(w, w.blue):
            traffic.tcp_exact(a, b, address, 200000)
        traffic.udp_exact(vm, end, PLANT, [1272, 1273, 1400, 3000], df=False)
    for capture, who in ((outside, (VM4, VM6)), (inside, (PLANT, PLANT6))):
        for source, headers in zip(who, (40, 60)):
            said = [row["tcp.options.mss_val"][0] for row in capture.fields(
                ["tcp.options.mss_val"], "tcp.flags.syn == 1 && %s == %s" % ("ipv6.src" if ":" in source else "ip.src", source))]
            equal(set(said), {str(SQUEEZED - headers)}, "MSS that %s offers" % source)
            require(len(said) >= 2, "of both directions: %s" % said)
    if k.name == "gre":
        not_cut(outside, SQUEEZED + ends.OUTER)
    k.squeeze(w, 1500 if k.name != "gre" else k.mtu)
    eventually(lambda: k.told(w, w.blue)["mtu"] == k.mtu, "it is as before", 10)
    forget(vm)


def forget(vm):
    """What it has learned of the ways there."""
    vm.netns.ip("route flush cache")
    vm.netns.ip("-6 route flush cache")


def not_cut(capture, most):
    """Of a tunnel packet tshark sees two headers: the first is the outer one."""
    rows = capture.fields(["ip.flags.mf", "ip.frag_offset", "ip.flags.df", "ip.len"], "gre && ip.src == %s" % OUT)
    require(len(rows) > 100, "%d packets in the tunnel" % len(rows))
    for row in rows:
        equal((row["ip.flags.mf"][0], row["ip.frag_offset"][0], row["ip.flags.df"][0]), ("0", "0", "1"), "outer fragmentation fields")
        require(int(row["ip.len"][0]) <= most, "an outer packet has %s bytes" % row["ip.len"][0])


def narrow_inside(w):
    """What is too large for the overlay is answered by the virtual gateway on the connection."""
    k, end = w.kind, w.kind.ends["blue"]
    for address, own, headers in ((VM4, k.own, 28), (VM6, k.own6, 48)):
        error = traffic.probe(end, address, size=k.mtu - headers, df=True, seconds=3 * case.SLOWNESS)
        require(error and error[0] == own and error[1:3] == ((2, 0) if ":" in address else (3, 4)) and 1280 <= error[3] < k.mtu,
                "what the host is told of %s: %s" % (address, error))


# Kbit/s. What a slow machine manages, too: what is dropped must be dropped by the limit.
RATE = 8000 if case.SLOWNESS == 1 else 4000
TRIES = 1 if case.SLOWNESS == 1 else 3  # an emulator stands still now and then, for so long that a sender takes it for a loss


def within(what, measure):
    """`measure` says Mbit/s on the wire, over five seconds."""
    for _ in range(TRIES):
        mbits = measure()
        note("%s: %.2f Mbit/s" % (what, mbits))
        if 0.95 * RATE <= mbits * 1000 <= 1.05 * RATE:
            return
    raise case.Failed("%s: %.2f Mbit/s of %.2f" % (what, mbits, RATE / 1000))


def flood(a, b, address, payload, header, lost):
    """Of three times the rate in datagrams, over five seconds: Mbit/s on the wire; how many did not arrive is added to `lost`."""
    r = traffic.UdpFlow(a, b, address, rate=3 * RATE * 1000 // 8 // (payload + header), seconds=5, size=payload).result()
    lost.append(r["sent"] - r["unique"])
    return r["unique"] * (payload + header) * 8 / r["seconds"] / 1e6


def rates(w):
    k, vm, end = w.kind, w.vm["blue"], w.kind.ends["blue"]
    batch(w.gw.gwd, k.connection(w.blue, OutboundKilobits=RATE, InboundKilobits=RATE))
    eventually(lambda: "inboundRateLimitedDrops" in k.told(w, w.blue), "it has limits", 10)
    both = ((vm, end, PLANT, "out", "outbound"), (end, vm, VM4, "in", "inbound"))
    for a, b, address, way, word in both:
        before = k.told(w, w.blue)[word + "RateLimitedDrops"]
        # TCP's data is 1398 bytes of each frame of 1464: the segments of a VM whose MTU is 1450.
        within("TCP " + way, lambda: traffic.iperf3(a, b, address, 5) * 1464 / 1398)
        lost = []
        # Datagrams so large that the limit's queue is full before their sender has as many bytes under way as it may.
        within("UDP " + way, lambda: flood(a, b, address, 1380, 42, lost))
        dropped = k.told(w, w.blue)[word + "RateLimitedDrops"] - before
        # What of the flood has not arrived has gone nowhere else.
        require(sum(lost) > 100 and dropped >= sum(lost), "%d packets dropped for the rate %s, of %s lost" % (dropped, way, lost))
    equal(k.told(w, w.blue)["connectionState"], "Connected", "its state")
    fast = traffic.iperf3(w.vm["red"], k.ends["red"], PLANT, 2)
    note("the other tenant: %.0f Mbit/s" % fast)
    require(fast > 1.5 * RATE / 1000, "the other tenant has %.1f Mbit/s" % fast)
    batch(w.gw.gwd, k.connection(w.blue))
    eventually(lambda: "outboundRateLimitedDrops" not in k.told(w, w.blue), "it has no limit any more", 10)


def nothing_left(w):
    for t in w.tenants:
        for kind in ("connectionRoutes", "connectionAddresses", "connections", "ports", "virtualGateways"):
            t.without(kind)
    gone(w)
    for dev in {w.kind.wire(t) for t in w.tenants} - {"out0"}:
        equal(w.gw.netns.run("tc filter show dev %s ingress" % dev).stdout, "", "filters of " + dev)


COMMON = (("GW-2: a VM and its host behind the connection reach each other, IPv4 and IPv6", meet),
          ("traceroute shows every hop", hops),
          ("ENC-9: bulk TCP byte for byte both ways, IPv4 and IPv6, super-packets on both sides", bulk),
          ("UDP of all sizes, with segmentation offload and in fragments, both ways", datagrams),
          ("GW-1: what one tenant sends never arrives at the other's, and nobody else answers for it", apart),
          ("MTU-4: a narrow connection: errors tell its MTU, TCP segments are clamped to it both ways, the rest is cut inside", learn),
          ("what is too large for the virtual network is answered where it came from", narrow_inside),
          ("GW-9: rates within 5 % over 5 s for TCP and UDP, both ways; drops are counted, the other tenant is not held up", rates))
END = ("of connections that go nothing stays", nothing_left)


def group(kind, *more):
    g = suite.group(kind().name, lambda: setup(kind()))
    for name, function in COMMON + more + (END,):
        g.case(name)(function)


# --- of an L3 connection only -------------------------------------------------------------------------------------------------

def only_its_own(w):
    """Hosts of the network behind it may have addresses that are ours inside."""
    end = w.kind.ends["blue"]
    mac = end.netns.mac("eth0")

    def answers(to):
        return lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2" and f[28:32] == pkt.ip(to)
    with pkt.Raw(end.netns, "eth0") as raw:
        for address in (GATEWAY, "10.0.1.1", VM4):
            raw.send(pkt.arp_request(mac, w.kind.host, address))
            raw.silence(answers(address), what="an answer for " + address)
        raw.send(pkt.arp_request(mac, w.kind.host, w.kind.own))
        raw.wait(answers(w.kind.own), what="an answer for the connection's own address")


def tags(w):
    with wire.Capture(w.plant, "trunk", "connections-kernel-tags", snaplen=160) as c:
        for t in w.tenants:
            ends.reach_both(w.vm[t.name], w.kind.ends[t.name])
    for t in w.tenants:
        for here in ("icmp && ip.src == " + PLANT, "icmp && ip.dst == " + PLANT, "icmpv6 && ipv6.dst == " + PLANT6):
            require(c.count("vlan.id == %d && %s" % (w.kind.vlan(t), here)) >= 3, "VLAN %d: %s" % (w.kind.vlan(t), here))
    equal(c.count("(ip || arp || ipv6.dst == %s) && !vlan" % PLANT6), 0, "frames without a tag")


def untagged(w):
    """An untagged subnet beside the VLANs: one more connection of blue's."""
    k = Untagged("untagged", 5)
    k.make(w)
    batch(w.gw.gwd, [r for r in k.records(w.blue) if r[0] != "connectionRoutes"])
    k.is_so(w, "Connected", [w.blue])
    vm, end = w.vm["blue"], k.ends["blue"]
    for t in w.tenants:
        watch(w.kind.ends[t.name], [VM4, VM6])
    for address in end.addresses:
        traffic.reach(vm, end, [address])
        traffic.tcp_exact(vm, end, address, 4 << 20)
    traffic.reach(end, vm)
    equal([heard(w.kind.ends[t.name]) for t in w.tenants], [0, 0], "what the hosts of the VLANs have heard of it")
    for t in w.tenants:
        w.kind.ends[t.name].netns.run("nft delete table inet seen")
        ends.reach_both(w.vm[t.name], w.kind.ends[t.name])


group(lambda: Cable("cable", 1), ("nobody is answered for addresses that are not the connection's own", only_its_own))
group(lambda: Vlan("vlan", 2), ("on the wire each has its VLAN's tag, and nothing of theirs is without", tags),
      ("GW-2: an untagged subnet of the same cable is another network", untagged))


# --- of a tunnel only ----------------------------------------------------------------------------------------------------------

def outer_header(w):
    vm = w.vm["blue"]
    with wire.Capture(w.gw.netns, "out0", "connections-kernel-outer", "ip proto 47") as c:
        equal(traffic.ping(vm, PLANT, extra=["-Q", "0xb9"])[0], 3, "answers")
    for source, ttl in ((OUT, ["64", "62"]), (ends.SITE, None)):  # both routers have taken one off the inner TTL, nobody off the outer
        rows = c.fields(["ip.dsfield", "ip.ttl"], "gre.key == 7 && icmp && ip.src == %s" % source)
        rows = [r for r in rows if "0x00" not in r["ip.dsfield"]]  # the probe's own
        equal([r["ip.dsfield"] for r in rows], [["0xb9", "0xb9"]] * 3, "DSCP and ECN, outside and inside, from " + source)
        require(ttl is None or all(r["ip.ttl"] == ttl for r in rows), "TTLs: %s" % rows)


def other_keys(w):
    """What is in no connection's tunnel is nobody's."""
    k, vm, end = w.kind, w.vm["blue"], w.kind.ends["blue"]
    batch(w.gw.gwd, k.connection(w.blue, Key=99))
    watch(vm, [PLANT])
    traffic.no_reach(end, VM4)
    traffic.no_reach(vm, PLANT)
    equal(heard(vm), 0, "packets with another key that have come through")
    batch(w.gw.gwd, k.connection(w.blue))
    k.is_so(w, "Connected", [w.blue])
    vm.netns.run("nft delete table inet seen")
    for t in w.tenants:
        ends.reach_both(w.vm[t.name], k.ends[t.name])


def marked(w):
    k = w.kind
    for options in ("ocsum", "oseq", "ocsum oseq"):
        k.again(w, w.blue, options)
        k.is_so(w, "Connected", [w.blue])
        for a, b, address in pair(w, w.blue):
            traffic.tcp_exact(a, b, address, 1 << 20)
    equal({d["reason"]: d["count"] for d in k.told(w, w.blue)["dropReasons"]}.get("GreChecksum", 0), 0, "checksums that were wrong")
    k.again(w, w.blue)
    k.is_so(w, "Connected", [w.blue])


def narrow_way(w):
    k, vm, end = w.kind, w.vm["blue"], w.kind.ends["blue"]
    w.isp.netns.ip("route replace %s/32 dev site0 mtu lock %d" % (ends.SITE, SQUEEZED + ends.OUTER))
    for address, error in ((PLANT, (GATEWAY, 3, 4, SQUEEZED)), (PLANT6, (GATEWAY6, 2, 0, SQUEEZED))):
        traffic.tcp_exact(vm, end, address, 1 << 20)
        equal((k.told(w, w.blue)["mtu"], k.told(w, w.blue)["pathMtu"]), (SQUEEZED, SQUEEZED + ends.OUTER), "of the tunnel and its path")
        forget(vm)
        equal(traffic.probe(vm, address, size=1380, df=True, seconds=3 * case.SLOWNESS), error, "what the VM is told")
    forget(vm)
    for a, b, address in pair(w, w.blue):
        traffic.tcp_exact(a, b, address, 1 << 20)
    traffic.udp_exact(vm, end, PLANT, [1272, 1273, 1400, 3000], df=False)
    require("pathMtu" not in k.told(w, w.red), "of the other tenant's nobody has said anything")
    w.isp.netns.ip("route del %s/32 dev site0" % ends.SITE)


group(lambda: Gre("gre", 3), ("ENC-7: DSCP and ECN are the inner packet's, the TTL is the tunnel's own", outer_header),
      ("of another key nothing comes through", other_keys),
      ("RFC 2784, RFC 2890: checksums and sequence numbers of the other side's", marked),
      ("MTU-4: a narrower link on the way: its router's ICMP is believed", narrow_way))


# --- two connections that lead to the same -----------------------------------------------------------------------------------

FLOW = 500 if case.SLOWNESS == 1 else 200  # datagrams per second


def fail(w):
    (first, second), vm = w.kinds, w.vm["blue"]
    first.connect_all(w, metric=10)
    second.connect_all(w, metric=20)
    a, b = (k.ends["blue"] for k in (first, second))
    for end in (a, b):
        watch(end, [VM4])
    flow = traffic.UdpFlow(vm, a, PLANT, rate=FLOW, seconds=300, also=(b,))
    eventually(lambda: heard(a) > FLOW, "the flow goes by the lower metric", 10)
    equal(heard(b), 0, "packets by the other one")
    started = time.monotonic()
    silence(a)
    first.is_so(w, "Disconnected", [w.blue])
    found = time.monotonic() - started
    eventually(lambda: heard(b) > FLOW, "the next metric takes over", 10)
    flow.end()
    r = flow.result()
    note("found out after %.1f s; the flow has lost %.2f s" % (found, r["lost"] / FLOW))
    require(0 < r["lost"] < 8 * FLOW * case.SLOWNESS and r["each"][1] > 0, "lost of the flow: %s" % r)
    traffic.tcp_exact(vm, b, PLANT, 1 << 20)
    traffic.tcp_exact(vm, b, PLANT6, 1 << 20)
    equal(first.told(w, w.red)["connectionState"], "Connected", "the other tenant's")
    traffic.reach(w.vm["red"], first.ends["red"])


def back(w):
    (first, second), vm = w.kinds, w.vm["blue"]
    a, b = (k.ends["blue"] for k in (first, second))
    flow = traffic.UdpFlow(vm, a, PLANT, rate=FLOW, seconds=300, also=(b,))
    before = heard(b)
    eventually(lambda: heard(b) > before + FLOW, "the flow goes by the second", 10)
    speak(a)
    first.is_so(w, "Connected", [w.blue])
    before = heard(a)
    eventually(lambda: heard(a) > before + FLOW, "the first gives it back", 10)
    flow.end()
    r = flow.result()
    note("on the way back the flow has lost %.3f s" % (r["lost"] / FLOW))
    require(r["lost"] <= FLOW * 0.2 * case.SLOWNESS, "lost of the flow: %s" % r)
    for address in (PLANT, PLANT6):
        traffic.tcp_exact(vm, a, address, 1 << 20)


def flooded(w):
    """A VM that floods the first one beyond its limit does not hide that nobody is there."""
    (first, second), vm = w.kinds, w.vm["blue"]
    batch(w.gw.gwd, first.connection(w.blue, OutboundKilobits=1000))
    first.is_so(w, "Connected", [w.blue])
    a, b = (k.ends["blue"] for k in (first, second))
    flow = traffic.UdpFlow(vm, a, PLANT, rate=500, seconds=300, size=1000, also=(b,))
    before = heard(a)
    eventually(lambda: heard(a) > before + 100, "the flood arrives", 10)
    silence(a)
    first.is_so(w, "Disconnected", [w.blue], deadline=60)
    before = heard(b)
    eventually(lambda: heard(b) > before + 100, "it has the next metric", 10)
    flow.end()
    flow.result()
    speak(a)
    batch(w.gw.gwd, first.connection(w.blue))
    first.is_so(w, "Connected", [w.blue])


def failover(name, *kinds):
    g = suite.group(name, lambda: setup(*[k() for k in kinds]))
    g.case("when the other side of a connection does not answer the next metric takes over, both families")(fail)
    g.case("and gives way when it is back")(back)
    g.case("also while more is sent there than its limit lets pass")(flooded)


failover("failover by cable", lambda: Cable("cable", 1), lambda: Cable("spare", 4))
failover("failover to a VLAN", lambda: Gre("gre", 3), lambda: Vlan("vlan", 2))

if __name__ == "__main__":
    suite.main()
