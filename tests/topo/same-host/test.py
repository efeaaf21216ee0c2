#!/usr/bin/python3
# Two and more VMs of one virtual subnet on one host.
#
#   a  eth0 --veth-- a \
#   b  eth0 --veth-- b  > h1 (10.1.1.1) eth1 ---- fabric          VSID 5001
#   t  eth0 ==tap=== t /                                          far: 10.0.0.99 at 10.1.1.2, a host that is not there
#
# Covers FWD-1 (ARP and ND answered by the engine, never on the underlay), FWD-2 (switched locally, frames unchanged),
# API-4 (counters of ports and outcomes).
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, wire, world
from lib.case import equal, require
from lib.gwd import Growth

VSID = 5001
MAC = {"a": "02:00:00:00:00:0a", "b": "02:00:00:00:00:0b", "t": "02:00:00:00:00:0c", "far": "02:00:00:00:00:99"}
FAR = ["10.0.0.99", "fd00::99"]
suite = case.Suite()


def setup():
    w = world.World()
    w.make_fabric()
    h = w.h1 = w.host("h1", "10.1.1.1")
    w.a = h.vm("a", MAC["a"], VSID, ["10.0.0.10", "fd00::10"], nodad=False)
    w.b = h.vm("b", MAC["b"], VSID, ["10.0.0.11", "fd00::11"], nodad=False)
    w.t = h.vm("t", MAC["t"], VSID, ["10.0.0.12", "fd00::12"], tap=True, nodad=False)
    world.records(w.vms)
    for ca in FAR:
        h.record(VSID, ca, "10.1.1.2", MAC["far"])
    w.wire = wire.Capture(w.fabric, "h1", "same-host-underlay")
    return w


g = suite.group("", setup)


@g.case("FWD-1: duplicate address detection of own addresses finds no duplicates")
def _(w):
    for vm in w.vms:
        flags = {address: failed for address, _, failed in vm.dad_done()}
        require(vm.v6 in flags and not any(flags.values()), "%s: %s" % (vm.name, flags))


@g.case("FWD-1: an IPv6 address of another VM fails duplicate address detection")
def _(w):
    w.a.netns.ip("addr add %s/64 dev eth0" % w.b.v6)
    flags = {address: failed for address, _, failed in w.a.dad_done()}
    w.a.netns.ip("addr del %s/64 dev eth0" % w.b.v6)
    require(flags[w.b.v6], "the engine says that it is taken: %s" % flags)


@g.case("FWD-1: ARP requests are answered from the records, for local and remote VMs")
def _(w):
    with pkt.Raw(w.a.netns, "eth0") as raw, Growth(w.h1.gwd) as grown:
        for ca, mac in ((w.b.v4, MAC["b"]), (w.t.v4, MAC["t"]), (FAR[0], MAC["far"])):
            raw.send(pkt.arp_request(w.a.mac, w.a.v4, ca))
            answer = pkt.eth(w.a.mac, mac, pkt.ETH_P_ARP, pkt.arp(2, mac, ca, w.a.mac, w.a.v4))
            raw.wait(lambda f, answer=answer: f[:42] == answer, what="the ARP answer for " + ca)
        equal(grown.now().get("ArpAnswered"), 3, "requests that the engine says it answered")


@g.case("FWD-1: ARP for an unknown address, announcements and probes of an own address stay unanswered")
def _(w):
    w.h1.record(VSID, "0.0.0.0", "10.1.1.2", MAC["far"], type="wildcard")
    with pkt.Raw(w.a.netns, "eth0") as raw, pkt.Raw(w.b.netns, "eth0") as other, Growth(w.h1.gwd) as grown:
        raw.send(pkt.arp_request(w.a.mac, w.a.v4, "10.0.0.77"))  # nobody's, and a wildcard record answers nothing
        raw.send(pkt.arp_request(w.a.mac, w.a.v4, w.a.v4))  # announcement
        raw.send(pkt.arp_request(w.a.mac, "0.0.0.0", w.a.v4))  # probe
        is_arp = lambda f: f[12:14] == b"\x08\x06"  # noqa: E731
        raw.silence(is_arp, what="ARP")
        other.silence(is_arp, 0.05, what="ARP")
        equal(grown.now().get("ArpUnanswered"), 3, "requests counted as unanswered")
    w.h1.gwd.ctl("lookup-record", "del", "--vsid", VSID, "--ca", "0.0.0.0")


@g.case("FWD-1: neighbour solicitations are answered from the records, for local and remote VMs")
def _(w):
    with wire.Capture(w.a.netns, "eth0", "same-host-nd", "icmp6") as cap, pkt.Raw(w.a.netns, "eth0") as raw:
        for ca, mac in ((w.b.v6, MAC["b"]), (w.t.v6, MAC["t"]), (FAR[1], MAC["far"])):
            raw.send(pkt.neighbour_solicitation(w.a.mac, w.a.v6, ca))
            raw.wait(lambda f, ca=ca, mac=mac: f[6:12] == pkt.mac(mac) and f[54:55] == b"\x88"
                     and f[62:78] == pkt.ip(ca),
                     what="the advertisement of " + ca)
    rows = cap.fields(["eth.src", "ipv6.src", "icmpv6.nd.na.target_address", "icmpv6.opt.linkaddr",
                       "icmpv6.nd.na.flag.s", "icmpv6.checksum.status", "ipv6.hlim"], "icmpv6.type == 136")
    for ca, mac in ((w.b.v6, MAC["b"]), (w.t.v6, MAC["t"]), (FAR[1], MAC["far"])):
        wanted = {"eth.src": [mac], "ipv6.src": [ca], "icmpv6.nd.na.target_address": [ca], "icmpv6.opt.linkaddr": [mac],
                  "icmpv6.nd.na.flag.s": ["1"], "icmpv6.checksum.status": ["1"], "ipv6.hlim": ["255"]}
        require(wanted in rows, "tshark sees the advertisement of %s: %s" % (ca, rows))


@g.case("FWD-1: neighbour solicitations for unknown and for own addresses stay unanswered")
def _(w):
    with pkt.Raw(w.a.netns, "eth0") as raw, Growth(w.h1.gwd) as grown:
        raw.send(pkt.neighbour_solicitation(w.a.mac, w.a.v6, "fd00::77"))
        raw.send(pkt.neighbour_solicitation(w.a.mac, w.a.v6, w.a.v6))
        raw.send(pkt.neighbour_solicitation(w.a.mac, "::", w.a.v6))
        raw.silence(lambda f: f[12:14] == b"\x86\xdd" and f[54:55] == b"\x88", what="an advertisement")
        require(grown.now().get("NdUnanswered", 0) >= 3, "solicitations counted as unanswered: %s" % grown.now())


@g.case("FWD-2: ping between all VMs, IPv4 and IPv6, veth and tap")
def _(w):
    for x in w.vms:
        for y in w.vms:
            if x is not y:
                traffic.reach(x, y)


@g.case("FWD-2: a frame arrives as it was sent: MAC addresses, TTL, every byte")
def _(w):
    for dst in (w.b, w.t):
        u4 = pkt.udp(w.a.v4, dst.v4, 1000, 2000, b"unchanged" * 9)
        u6 = pkt.udp(w.a.v6, dst.v6, 1000, 2000, b"unchanged" * 9)
        for frame in (pkt.eth(dst.mac, w.a.mac, pkt.ETH_P_IP, pkt.ipv4(w.a.v4, dst.v4, pkt.UDP, u4, ttl=1, tos=0xb9)),
                      pkt.eth(dst.mac, w.a.mac, pkt.ETH_P_IPV6, pkt.ipv6(w.a.v6, dst.v6, pkt.UDP, u6, hops=1,
                                                                         tclass=7))):
            with pkt.Raw(w.a.netns, "eth0") as out, pkt.Raw(dst.netns, "eth0") as back:
                out.send(frame)
                back.wait(lambda f, frame=frame: f == frame, what="the frame at " + dst.name)


@g.case("FWD-2: bulk TCP byte for byte, IPv4 and IPv6, over veth and tap")
def _(w):
    for src, dst in ((w.a, w.b), (w.a, w.t), (w.t, w.b)):
        for address in dst.addresses:
            case.note("%s to %s: %.0f Mbit/s" % (src.name, address, traffic.tcp_exact(src, dst, address, 32 << 20)))


@g.case("FWD-2: UDP of all sizes and with segmentation offload")
def _(w):
    for src, dst in ((w.a, w.b), (w.a, w.t), (w.t, w.a)):
        for address in dst.addresses:
            traffic.udp_exact(src, dst, address, [1, 18, 19, 64, 700, 1300])
            traffic.udp_exact(src, dst, address, [30000] * 4, gso=1200)


@g.case("API-4: counters of both ports agree with what was sent")
def _(w):
    def counters(name):
        return w.h1.gwd.port(name)["counters"]

    with Growth(w.h1.gwd) as grown:
        before = {n: counters(n) for n in ("a", "b")}
        traffic.udp_exact(w.a, w.b, w.b.v4, [100] * 50)
        case.eventually(lambda: grown.now().get("Switched", 0) >= 50, "frames counted as switched")
    a, b = counters("a"), counters("b")
    frame = 14 + 20 + 8 + 100
    require(a["txPackets"] - before["a"]["txPackets"] >= 50, "packets from a: %s, before %s" % (a, before["a"]))
    require(b["rxPackets"] - before["b"]["rxPackets"] >= 50, "packets to b: %s, before %s" % (b, before["b"]))
    require(b["rxBytes"] - before["b"]["rxBytes"] >= 50 * frame, "bytes to b: %s, before %s" % (b, before["b"]))


@g.case("FWD-1, FWD-2: meanwhile not one frame was on the underlay")
def _(w):
    w.wire.stop()
    equal(w.wire.fields(["frame.protocols", "eth.src", "eth.dst"], "eth.src != " + world.SWITCH_MAC), [],
          "frames on the underlay")


if __name__ == "__main__":
    suite.main()
