#!/usr/bin/python3
# The distributed router: two subnets of a tenant, and a second tenant that has the same addresses.
#
#   a1 10.0.0.11  \                                        / a2 10.0.0.21
#   b1 10.0.9.12   > h1 (10.1.1.1) eth1 -- fabric -- eth1 h2   b2 10.0.9.22         a: one subnet, b: the other
#   x1 10.0.0.11  /                       (10.1.1.2)       \ y2 10.0.9.22           x, y: the same of the other tenant
#
# Covers FWD-4, FWD-5, FWD-6, MTU-1's ground; what a VM sees of a router that is everywhere is what one box would show it.
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, wire, world
from lib.case import equal, require
from lib.gwd import Growth

A, B, X, Y = 5001, 5002, 6001, 6002
ONE, OTHER = "11111111-2222-3333-4444-555555555555", "66666666-2222-3333-4444-555555555555"
PREFIX_A, PREFIX_B = ("10.0.0.0/24", "fd00::/64"), ("10.0.9.0/24", "fd00:9::/64")
ROUTER_A, ROUTER_B = ("10.0.0.1", "fd00::1"), ("10.0.9.1", "fd00:9::1")
ROUTER_MAC = "02:67:77:64:00:01"
suite = case.Suite()


def make(encapsulation):
    w = world.two_hosts(encapsulation)
    w.a1 = w.h1.vm("a1", "02:00:00:00:0a:01", A, ["10.0.0.11", "fd00::11"])
    w.a2 = w.h2.vm("a2", "02:00:00:00:0a:02", A, ["10.0.0.21", "fd00::21"])
    w.b1 = w.h1.vm("b1", "02:00:00:00:0b:01", B, ["10.0.9.12", "fd00:9::12"])
    w.b2 = w.h2.vm("b2", "02:00:00:00:0b:02", B, ["10.0.9.22", "fd00:9::22"], tap=True)
    w.x1 = w.h1.vm("x1", "02:00:00:00:0c:01", X, ["10.0.0.11", "fd00::11"])
    w.y2 = w.h2.vm("y2", "02:00:00:00:0d:02", Y, ["10.0.9.22", "fd00:9::22"])
    world.records(w.vms)
    for rdid, a, b in ((ONE, A, B), (OTHER, X, Y)):
        world.routes(w.hosts, rdid, [(a, p, None) for p in PREFIX_A] + [(b, p, None) for p in PREFIX_B])
    for vm in w.vms:
        vm.default_routes(*(ROUTER_A if vm.vsid in (A, X) else ROUTER_B))
    return w


def add_cases(encapsulation, protocol, vsid_field, shift):
    g = suite.group(encapsulation, lambda: make(encapsulation))

    @g.case("FWD-4: ping, TCP and UDP between the subnets, on one host and between hosts, both families, byte-exact")
    def _(w):
        for src, dst in ((w.a1, w.b1), (w.a1, w.b2), (w.b2, w.a1), (w.b1, w.a2)):
            traffic.reach(src, dst)
            for address in dst.addresses:
                traffic.tcp_exact(src, dst, address, 8 << 20)
                traffic.udp_exact(src, dst, address, [1, 64, 512, 1300] * 25)

    @g.case("FWD-4: the hop limit falls by one, the sender's MAC stays, the VSID is the destination's, one hop, no more")
    def _(w):
        for dst, other_host in ((w.b2, True), (w.b1, False)):
            with wire.Capture(w.fabric, "h1", "router-%s-%s-wire" % (encapsulation, dst.name)) as under, \
                    wire.Capture(dst.netns, "eth0", "router-%s-%s" % (encapsulation, dst.name)) as seen, \
                    pkt.Raw(w.a1.netns, "eth0") as raw, Growth(w.h1.gwd) as grown:
                raw.send(pkt.eth(ROUTER_MAC, w.a1.mac, pkt.ETH_P_IP, pkt.ipv4(
                    w.a1.v4, dst.v4, pkt.UDP, pkt.udp(w.a1.v4, dst.v4, 5, 4242, b"routed"), ttl=9)))
                raw.send(pkt.eth(ROUTER_MAC, w.a1.mac, pkt.ETH_P_IPV6, pkt.ipv6(
                    w.a1.v6, dst.v6, pkt.UDP, pkt.udp(w.a1.v6, dst.v6, 5, 4242, b"routed"), hops=9)))
                case.eventually(lambda: grown.now().get("Encapsulated" if other_host else "Switched", 0) >= 2,
                                "both are carried")
            rows = seen.fields(["eth.src", "eth.dst", "ip.ttl", "ipv6.hlim", "ip.checksum.status",
                                "udp.checksum.status"], "udp.dstport == 4242 && !icmp && !icmpv6")
            equal(sorted((r["eth.src"][0], r["eth.dst"][0], "".join(r["ip.ttl"] + r["ipv6.hlim"]),
                          "".join(r["udp.checksum.status"])) for r in rows),
                  [(w.a1.mac, dst.mac, "8", "1")] * 2, "(from, to, hop limit, checksum) at %s" % dst.name)
            equal([r["ip.checksum.status"] for r in rows if r["ip.ttl"]], [["1"]], "IPv4 header checksum")
            outer = under.fields([vsid_field], "%s && udp.dstport == 4242 && !icmp && !icmpv6" % protocol)
            equal([int(r[vsid_field][0], 0) >> shift for r in outer], [B, B] if other_host else [],
                  "VSIDs on the underlay")

    @g.case("FWD-5: ARP and neighbour discovery of the router's address are answered with its MAC, on both hosts")
    def _(w):
        for vm, routers in ((w.a1, ROUTER_A), (w.a2, ROUTER_A), (w.b1, ROUTER_B), (w.b2, ROUTER_B), (w.x1, ROUTER_A)):
            vm.netns.ip("neigh flush all")
            for r in routers:
                equal(traffic.ping(vm, r)[0], 3, "answers of %s to %s" % (r, vm.name))
                known = [n for n in vm.netns.ip_json("neigh show") if n["dst"] == r]
                equal([n["lladdr"] for n in known], [ROUTER_MAC], "MAC address of %s at %s" % (r, vm.name))

    @g.case("FWD-5: echo of the router's address: small, large, in fragments, and of the other subnet's router")
    def _(w):
        for vm in (w.a1, w.b2):
            for address in ROUTER_A + ROUTER_B:
                for size in (0, 56, 1300, 3000):
                    got, said = traffic.ping(vm, address, size=size)
                    equal(got, 3, "answers of %s to %d bytes of %s\n%s" % (address, size, vm.name, said))

    @g.case("FWD-4: traceroute shows the router of the sender's subnet, then the VM")
    def _(w):
        for src, dst in ((w.a1, w.b2), (w.a1, w.b1), (w.b2, w.a1)):
            routers = ROUTER_A if src.vsid == A else ROUTER_B
            equal(traffic.probe(src, dst.v4, ttl=1)[:3], (routers[0], 11, 0), "first hop from %s" % src.name)
            equal(traffic.probe(src, dst.v4, ttl=2)[:3], (dst.v4, 3, 3), "second hop from %s" % src.name)
            equal(traffic.probe(src, dst.v6, ttl=1)[:3], (routers[1], 3, 0), "first IPv6 hop from %s" % src.name)
            equal(traffic.probe(src, dst.v6, ttl=2)[:3], (dst.v6, 1, 4), "second IPv6 hop from %s" % src.name)
        # A super-packet gets one answer, whether it is longer than what an error quotes or not.
        for size in (200, 2000):
            equal(traffic.probe(w.a1, w.b2.v4, ttl=1, size=size, gso=50)[:3], (ROUTER_A[0], 11, 0), "GSO, %d" % size)
            equal(traffic.probe(w.a1, w.b2.v6, ttl=1, size=size, gso=50)[:3], (ROUTER_A[1], 3, 0), "GSO, %d" % size)
        # Inside a subnet nothing is routed: one hop.
        equal(traffic.probe(w.a1, w.a2.v4, ttl=1)[:3], (w.a2.v4, 3, 3), "a VM of the same subnet")

    @g.case("FWD-7: no route, no record, no service: told as a router would, and counted")
    def _(w):
        with Growth(w.h1.gwd) as grown:
            equal(traffic.probe(w.a1, "192.0.2.1")[:3], (ROUTER_A[0], 3, 0), "no route: network unreachable")
            equal(traffic.probe(w.a1, "2001:db8::1")[:3], (ROUTER_A[1], 1, 0), "no IPv6 route")
            equal(grown.now().get("NoRoute"), 2, "counted as NoRoute")
            equal(traffic.probe(w.a1, "10.0.9.99")[:3], (ROUTER_A[0], 3, 1), "no record: host unreachable")
            equal(traffic.probe(w.a1, "fd00:9::99")[:3], (ROUTER_A[1], 1, 3), "no IPv6 record")
            equal(grown.now().get("NoRecord"), 2, "counted as NoRecord")
            equal(traffic.probe(w.a1, ROUTER_A[0])[:3], (ROUTER_A[0], 3, 3), "the router has no such service")
            equal(traffic.probe(w.a1, ROUTER_A[1])[:3], (ROUTER_A[1], 1, 4), "nor over IPv6")

    @g.case("FWD-6: tenants with the same addresses never meet, whatever they send to the router")
    def _(w):
        for address, router in zip(w.b2.addresses, ROUTER_A):
            with wire.Capture(w.b2.netns, "eth0", "tenants-b2") as at_b2, \
                    wire.Capture(w.y2.netns, "eth0", "tenants-y2") as at_y2:
                traffic.udp_exact(w.a1, w.b2, address, [100] * 20, port=6100)
                traffic.udp_exact(w.x1, w.y2, address, [100] * 20, port=6200)
            equal((at_b2.count("udp.dstport == 6100"), at_b2.count("udp.dstport == 6200")), (20, 0), "packets at b2")
            equal((at_y2.count("udp.dstport == 6100"), at_y2.count("udp.dstport == 6200")), (0, 20), "packets at y2")
        # b1 has an address of the one tenant that the other has not.
        equal(traffic.probe(w.x1, w.b1.v4)[:3], (ROUTER_A[0], 3, 1), "an address of the other tenant")

    @g.case("FWD-4, GW-8: it routes while there is no daemon, and answers too")
    def _(w):
        for h in w.hosts:
            h.gwd.stop()
        traffic.reach(w.a1, w.b2)
        equal(traffic.probe(w.a1, w.b2.v4, ttl=1)[:3], (ROUTER_A[0], 11, 0), "first hop")
        for h in w.hosts:
            h.gwd.start()
        traffic.reach(w.b1, w.a2)


add_cases("nvgre", "gre", "gre.key", 8)
add_cases("vxlan", "vxlan", "vxlan.vni", 0)

if __name__ == "__main__":
    suite.main()
