#!/usr/bin/python3
# What is too large for the tunnel.
#
#   v1 (MTU 1500)  \                                          / v2 (MTU 9000)
#   j1 (MTU 9000)   > h1 (10.1.1.1) eth1 -- fabric -- eth1 h2 (10.1.1.2)            underlay MTU 1500
#   k1 (MTU 9000)  /
#
# Covers MTU-1 (the largest inner packet; ICMP and ICMPv6 errors and their content; resegmented TCP; UDP-GSO answered;
# between ports of one host the ports' own MTU), ENC-9 (no wire packet over the underlay's MTU).
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, wire, world
from lib.case import equal, require
from lib.gwd import Growth

VSID, RDID = 5001, "11111111-2222-3333-4444-555555555555"
ROUTER4, ROUTER6 = "10.0.0.1", "fd00::1"
suite = case.Suite()


def make(encapsulation, underlay_mtu):
    w = world.two_hosts(encapsulation, underlay_mtu)
    w.underlay_mtu = underlay_mtu
    w.limit = underlay_mtu - {"nvgre": 42, "vxlan": 50}[encapsulation]
    w.v1 = w.h1.vm("v1", "02:00:00:00:01:01", VSID, ["10.0.0.11", "fd00::11"], mtu=max(1500, underlay_mtu))
    w.j1 = w.h1.vm("j1", "02:00:00:00:01:02", VSID, ["10.0.0.12", "fd00::12"], mtu=9000)
    w.k1 = w.h1.vm("k1", "02:00:00:00:01:03", VSID, ["10.0.0.13", "fd00::13"], mtu=9000)
    w.v2 = w.h2.vm("v2", "02:00:00:00:02:01", VSID, ["10.0.0.21", "fd00::21"], mtu=9000)
    world.records(w.vms)
    for h in w.hosts:
        for prefix, hop in (("10.0.0.0/24", "0.0.0.0"), ("fd00::/64", "::")):
            h.gwd.ctl("customer-route", "add", "--rdid", RDID, "--vsid", VSID, "--prefix", prefix, "--nexthop", hop,
                      "--metric", 0)
    return w


def forget_pmtu(vm):
    vm.netns.ip("route flush cache")
    vm.netns.ip("-6 route flush cache")


def fill(src, dst, size, df=True):
    """A UDP packet of exactly `size` bytes of IP."""
    if ":" in dst.addresses[0] or size < 0:
        raise ValueError
    return pkt.ipv4(src.v4, dst.v4, pkt.UDP, pkt.udp(src.v4, dst.v4, 5, 6, bytes(i & 255 for i in range(size - 28))),
                    frag=0x4000 if df else 0, ident=77)


def fill6(src, dst, size):
    return pkt.ipv6(src.v6, dst.v6, pkt.UDP, pkt.udp(src.v6, dst.v6, 5, 6, bytes(i & 255 for i in range(size - 48))))


def add_cases(encapsulation, underlay_mtu):
    g = suite.group("%s over %d" % (encapsulation, underlay_mtu), lambda: make(encapsulation, underlay_mtu))

    @g.case("MTU-1: ping at the limit passes, one byte more is answered with the limit, IPv4 and IPv6")
    def _(w):
        for vm in (w.v1, w.j1):
            for address, head in ((w.v2.v4, 28), (w.v2.v6, 48)):
                got, said = traffic.ping(vm, address, size=w.limit - head, df=True)
                equal(got, 3, "answers at the limit\n" + said)
                forget_pmtu(vm)
                got, said = traffic.ping(vm, address, 1, size=w.limit - head + 1, df=True)
                equal(got, 0, "answers above the limit\n" + said)
                require("mtu = %d" % w.limit in said or "mtu=%d" % w.limit in said.replace(" ", ""),
                        "ping is told the limit %d: %s" % (w.limit, said))
                forget_pmtu(vm)

    @g.case("MTU-1: the ICMP error: type, code, size, sender, quote, checksums; nothing reaches the underlay")
    def _(w):
        packet = fill(w.v1, w.v2, w.limit + 1)
        with wire.Capture(w.v1.netns, "eth0", "mtu-%s-%d-icmp" % (encapsulation, underlay_mtu)) as cap, \
                wire.Capture(w.fabric, "h1", "mtu-%s-%d-wire" % (encapsulation, underlay_mtu)) as under, \
                pkt.Raw(w.v1.netns, "eth0") as raw, Growth(w.h1.gwd) as grown:
            raw.send(pkt.eth(w.v2.mac, w.v1.mac, pkt.ETH_P_IP, packet))
            error = raw.wait(lambda f: f[12:14] == b"\x08\x00" and f[23] == pkt.ICMP, what="the ICMP error")
            equal(grown.now().get("IcmpAnswered"), 1, "counted as answered")
        equal(error[:6], pkt.mac(w.v1.mac), "destination MAC address")
        kind, code, _, _, mtu = struct.unpack("!BBHHH", error[34:42])
        equal((kind, code, mtu), (3, 4, w.limit), "(type, code, MTU)")
        total = struct.unpack("!H", error[16:18])[0]
        equal(total, len(error) - 14, "length in the IP header")
        quote = error[42:]
        require(28 <= len(quote) and len(error) - 14 <= 576, "the quote has %d bytes" % len(quote))
        equal(quote, packet[:len(quote)], "quoted packet")
        rows = cap.fields(["ip.src", "ip.dst", "ip.checksum.status", "icmp.checksum.status"], "icmp.type == 3")
        equal([(r["ip.src"][0], r["ip.dst"][0], r["ip.checksum.status"][0], r["icmp.checksum.status"][0])
               for r in rows],
              [(ROUTER4, w.v1.v4, "1", "1")], "sender, receiver, checksums")
        equal(under.count("gre || vxlan"), 0, "tunnel packets on the underlay")

    @g.case("MTU-1: the ICMPv6 error: type, code, size, sender, quote, checksum; nothing reaches the underlay")
    def _(w):
        packet = fill6(w.v1, w.v2, w.limit + 1)
        with wire.Capture(w.v1.netns, "eth0", "mtu-%s-%d-icmpv6" % (encapsulation, underlay_mtu)) as cap, \
                wire.Capture(w.fabric, "h1", "mtu-%s-%d-wire6" % (encapsulation, underlay_mtu)) as under, \
                pkt.Raw(w.v1.netns, "eth0") as raw:
            raw.send(pkt.eth(w.v2.mac, w.v1.mac, pkt.ETH_P_IPV6, packet))
            error = raw.wait(lambda f: f[12:14] == b"\x86\xdd" and f[20] == pkt.ICMPV6 and f[54] == 2,
                             what="the Packet Too Big")
        equal(error[:6], pkt.mac(w.v1.mac), "destination MAC address")
        equal((error[55], struct.unpack("!I", error[58:62])[0]), (0, w.limit), "(code, MTU)")
        equal(struct.unpack("!H", error[18:20])[0], len(error) - 54, "length in the IPv6 header")
        quote = error[62:]
        require(len(quote) >= 48 and len(error) - 14 <= 1280, "the quote has %d bytes" % len(quote))
        equal(quote, packet[:len(quote)], "quoted packet")
        rows = cap.fields(["ipv6.src", "ipv6.dst", "icmpv6.checksum.status"], "icmpv6.type == 2")
        equal([(r["ipv6.src"][0], r["ipv6.dst"][0], r["icmpv6.checksum.status"][0]) for r in rows],
              [(ROUTER6, w.v1.v6, "1")], "sender, receiver, checksum")
        equal(under.count("gre || vxlan"), 0, "tunnel packets on the underlay")

    @g.case("MTU-1, ENC-9: TCP from VMs with larger MTUs works both ways, wire packets never over the underlay's MTU")
    def _(w):
        for on in (True, False):
            for h in w.hosts:
                h.offloads(on)
            for src, dst in ((w.v1, w.v2), (w.j1, w.v2), (w.v2, w.j1), (w.v2, w.v1)):
                for address in dst.addresses:
                    forget_pmtu(src)
                    with wire.Segments(src.host.netns, "eth1") as seen:
                        rate = traffic.tcp_exact(src, dst, address, 12 << 20, seconds=20)
                    case.note("%s to %s, offloads %s: %.0f Mbit/s, largest wire packet %d"
                              % (src.name, address, on, rate, seen.largest))
                    require(seen.largest <= w.underlay_mtu, "a wire packet has %d bytes" % seen.largest)
        for h in w.hosts:
            h.offloads(True)

    @g.case("MTU-1: UDP segments above the limit are answered as a whole; below it they pass")
    def _(w):
        for address, head in ((w.v2.v4, 28), (w.v2.v6, 48)):
            forget_pmtu(w.j1)
            traffic.udp_exact(w.j1, w.v2, address, [(w.limit - head) * 6], gso=w.limit - head)
            with w.j1.netns.enter():
                s = socket.socket(traffic.family(address), socket.SOCK_DGRAM)
            s.setsockopt(traffic.SOL_UDP, traffic.UDP_SEGMENT, w.limit - head + 1)
            if head == 28:
                s.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER = DO: what may be cut is not answered
            with s, wire.Capture(w.fabric, "h1", "mtu-gso") as under, Growth(w.h1.gwd) as grown:
                s.sendto(bytes((w.limit - head + 1) * 5), (address, 7070))
                grown.becomes({"IcmpAnswered": 1}, "one answer to the super-packet to " + address)
            equal(under.count("gre || vxlan"), 0, "tunnel packets on the underlay")
        forget_pmtu(w.j1)

    @g.case("MTU-1: between ports of one host the ports' own MTU counts")
    def _(w):
        for address, head in ((w.k1.v4, 28), (w.k1.v6, 48)):
            got, said = traffic.ping(w.j1, address, size=9000 - head, df=True)
            equal(got, 3, "answers\n" + said)
        traffic.tcp_exact(w.j1, w.k1, w.k1.v4, 8 << 20)


for name in ("nvgre", "vxlan"):
    add_cases(name, 1500)
add_cases("vxlan", 4000)

if __name__ == "__main__":
    suite.main()
