#!/usr/bin/python3
# A firewall of the tenant's own: a VM between two subnets, through which everything between them has to go.
#
#   a1 10.0.0.11 (5001) \                                             / a2 10.0.0.21 (5001)
#   f eth0 .254 (5001)   > h1 (10.1.1.1) eth1 -- fabric -- eth1 h2 --
#     eth1 10.0.9.254 (5002)                            (10.1.1.2)    \ b2 10.0.9.22 (5002)
#   b1 10.0.9.12 (5002) /
#
# The routes of a's subnet lead to f, later also those of b's; f's ports may forward, that is, send from addresses that are
# not f's and that no route leads to f for.
#
# Covers FWD-7 (the sender's own subnet decides among equal routes), FWD-3 (delivery by MAC address, whatever the IP address),
# ACL-3 (AllowForwarding and what it does not allow).
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, world
from lib.case import equal, require
from lib.gwd import CHATTER, Growth

A, B = 5001, 5002
RDID = "11111111-2222-3333-4444-555555555555"
F_MAC = {"eth0": "02:00:00:00:0f:01", "eth1": "02:00:00:00:0f:02"}
F_A, F_B = ("10.0.0.254", "fd00::fe"), ("10.0.9.254", "fd00:9::fe")
FIREWALL = """
add table inet firewall
add chain inet firewall forward { type filter hook forward priority 0; }
add rule inet firewall forward udp dport 6666 drop
"""
suite = case.Suite()


def make(encapsulation):
    w = world.two_hosts(encapsulation)
    w.a1 = w.h1.vm("a1", "02:00:00:00:0a:01", A, ["10.0.0.11", "fd00::11"])
    w.b1 = w.h1.vm("b1", "02:00:00:00:0b:01", B, ["10.0.9.12", "fd00:9::12"])
    w.a2 = w.h2.vm("a2", "02:00:00:00:0a:02", A, ["10.0.0.21", "fd00::21"])
    w.b2 = w.h2.vm("b2", "02:00:00:00:0b:02", B, ["10.0.9.22", "fd00:9::22"])
    w.f = w.h1.vm("f", F_MAC["eth0"], A, list(F_A), attach=False)
    world.records(w.vms, hosts=w.hosts)
    w.f.second_nic("f2", F_MAC["eth1"], F_B)
    for host in w.hosts:
        for ca in F_B:
            host.record(B, ca, w.h1.pa, F_MAC["eth1"])
    for prefix_a, prefix_b, hop in (("10.0.0.0/24", "10.0.9.0/24", F_A[0]), ("fd00::/64", "fd00:9::/64", F_A[1])):
        world.routes(w.hosts, RDID, [(A, prefix_a, None), (B, prefix_b, None), (A, prefix_b, hop)])
    for vm in w.vms:
        if vm is not w.f:
            vm.default_routes(*(("10.0.0.1", "fd00::1") if vm.vsid == A else ("10.0.9.1", "fd00:9::1")))
    w.f.netns.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.send_redirects=0")
    w.f.netns.run(["nft", FIREWALL])
    for vm in w.vms:
        vm.dad_done()
    return w


def attach(w, *more):
    for port, nic, vsid in (("f", "eth0", A), ("f2", "eth1", B)):
        if port in [p["interface"] for p in w.h1.gwd.engine()["ports"]]:
            w.h1.gwd.ctl("port", "detach", "--interface", port)
        w.h1.gwd.ctl("port", "attach", "--interface", port, "--mac", F_MAC[nic], "--vsid", vsid, *more)
        w.h1.gwd.wait_port(port)


def add_cases(encapsulation):
    g = suite.group(encapsulation, lambda: make(encapsulation))

    @g.case("ACL-3: without the property a port sends only what routes lead to it for: dropped and counted")
    def _(w):
        attach(w)
        traffic.reach(w.a1, w.f)
        with Growth(w.h1.gwd, but=CHATTER) as grown:
            for address in w.b2.addresses:
                traffic.no_reach(w.a1, address)
            equal(grown.now().get("SpoofedAddress"), 4, "counted: %s" % grown.now())

    @g.case("ACL-3, FWD-7: with it the packets pass, there through the appliance, back past it")
    def _(w):
        attach(w, "--allow-forwarding")
        for address in w.b2.addresses:
            with pkt.Raw(w.f.netns, "eth1") as side_b:
                traffic.udp_exact(w.a1, w.b2, address, [1, 64, 1300] * 5)
                traffic.tcp_exact(w.a2, w.b1, w.b1.v4, 2 << 20)
                equal([f for f in side_b.drain() if pkt.ip(w.b1.v4) in f[26:30]], [], "what b1 answers, at f")

    @g.case("FWD-7, FWD-3: with it everything between the subnets goes through the appliance, from both hosts, byte-exact")
    def _(w):
        world.routes(w.hosts, RDID, [(B, "10.0.0.0/24", F_B[0]), (B, "fd00::/64", F_B[1])])
        equal([w.h1.gwd.list("port")[p]["AllowForwarding"] for p in ("f", "f2")], [True, True], "what the ports say")
        for src, dst in ((w.a1, w.b1), (w.a1, w.b2), (w.a2, w.b1), (w.a2, w.b2), (w.b2, w.a1)):
            for s, d, v6 in ((src.v4, dst.v4, False), (src.v6, dst.v6, True)):
                nic_in, nic_out = ("eth0", "eth1") if src.vsid == A else ("eth1", "eth0")
                with pkt.Raw(w.f.netns, nic_in) as entry, pkt.Raw(dst.netns, "eth0") as end:
                    traffic.udp_exact(src, dst, d, [1, 64, 1300] * 5)
                    ip_at = (22, 38, 16, 21) if v6 else (26, 30, 4, 22)

                    def flow(raw, s=s, d=d, at=ip_at):
                        return [f for f in raw.drain() if f[at[0]:at[0] + at[2]] == pkt.ip(s) and
                                f[at[1]:at[1] + at[2]] == pkt.ip(d)]
                    into, out = flow(entry), flow(end)
                equal((len(into), len(out)), (15, 15), "datagrams that come to f, and to %s" % dst.name)
                equal({(f[6:12], f[ip_at[3]]) for f in out}, {(pkt.mac(F_MAC[nic_out]), 62)},
                      "from whom, and hops left: one for the router, one for f")
                traffic.tcp_exact(src, dst, d, 2 << 20)

    @g.case("what it filters does not pass, what it does not filter does")
    def _(w):
        for address in w.b2.addresses:
            traffic.udp_exact(w.a1, w.b2, address, [10] * 3, port=6665)
            try:
                traffic.udp_exact(w.a1, w.b2, address, [10] * 3, port=6666, patience=0.5)
            except case.Failed:
                continue
            raise case.Failed("the firewall was passed by: %s" % address)

    @g.case("FWD-4: traceroute shows the router, the appliance, the VM")
    def _(w):
        equal([traffic.probe(w.a1, w.b2.v4, ttl=n)[:3] for n in (1, 2, 3)],
              [("10.0.0.1", 11, 0), (F_A[0], 11, 0), (w.b2.v4, 3, 3)], "three hops")
        equal([traffic.probe(w.a1, w.b2.v6, ttl=n)[:3] for n in (1, 2, 3)],
              [("fd00::1", 3, 0), (F_A[1], 3, 0), (w.b2.v6, 1, 4)], "three IPv6 hops")

    @g.case("ACL-3: it may forward, but not claim to be somebody: ARP and ND in another's name, another's MAC")
    def _(w):
        with pkt.Raw(w.f.netns, "eth0") as raw, Growth(w.h1.gwd, but=CHATTER) as grown:
            raw.send(pkt.eth(w.a1.mac, w.f.mac, pkt.ETH_P_ARP, pkt.arp(2, w.f.mac, w.a2.v4, w.a1.mac, w.a1.v4)))
            grown.becomes({"SpoofedArp": 1}, "an ARP reply for a2")
            raw.send(pkt.neighbour_advertisement(w.f.mac, w.a1.mac, w.f.v6, w.a1.v6, w.a2.v6, w.f.mac))
            grown.becomes({"SpoofedArp": 2}, "an advertisement for a2")
            raw.send(pkt.eth(w.a1.mac, w.a2.mac, pkt.ETH_P_IP, pkt.ipv4(
                w.a2.v4, w.a1.v4, pkt.UDP, pkt.udp(w.a2.v4, w.a1.v4, 1, 2, b"x"))))
            grown.becomes({"SpoofedArp": 2, "SpoofedMac": 1}, "a packet from a2's MAC address")

    @g.case("GW-8: the property outlives the daemon")
    def _(w):
        w.h1.gwd.restart()
        traffic.reach(w.a2, w.b1)


for each in ("nvgre", "vxlan"):
    add_cases(each)

if __name__ == "__main__":
    suite.main()
