#!/usr/bin/python3
# A VM that passes on what came out of one tunnel into another: what the first left on its packets (offload state above all)
# must not hinder the second.
#
#   c (VSID 6001) \                                      / 6001 \
#                  h1 (10.1.1.1) eth1 -- fabric -- eth1 h2       m: translates 6001 to 6002 and back
#   s (VSID 6002) /                    (10.1.1.2)        \ 6002 /
#
# What c sends to m is for s: m translates both addresses, so that everybody speaks from an address of its own.
#
# Covers ENC-1, ENC-2, ENC-9, GW-1's ground (tunnel in, tunnel out).
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic, world
from lib.case import equal

OUTSIDE, INSIDE = 6002, 6001
TRANSLATION = """
add table {family} nat
add chain {family} nat pre {{ type nat hook prerouting priority -100; }}
add chain {family} nat post {{ type nat hook postrouting priority 100; }}
add rule {family} nat pre iif eth0 dnat to {address}
add rule {family} nat post oif eth1 masquerade
"""
suite = case.Suite()


def make(encapsulation):
    w = world.two_hosts(encapsulation)
    w.c = w.h1.vm("c", "02:00:00:00:01:01", INSIDE, ["10.0.0.2", "fd00::2"])
    w.s = w.h1.vm("s", "02:00:00:00:02:01", OUTSIDE, ["10.0.9.2", "fd00:9::2"])
    w.m = w.h2.vm("m", "02:00:00:00:01:fe", INSIDE, ["10.0.0.254", "fd00::fe"])
    world.records([w.c, w.m], hosts=w.hosts)
    second_nic(w)
    m = w.m.netns
    m.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    for family, address in zip(("ip", "ip6"), w.s.addresses):
        m.run(["nft", TRANSLATION.format(family=family, address=address)])
    return w


def second_nic(w):
    mac, addresses = "02:00:00:00:02:fe", ["10.0.9.254", "fd00:9::fe"]
    w.m.second_nic("m2", mac, addresses)
    w.h2.gwd.ctl("port", "attach", "--interface", "m2", "--mac", mac, "--vsid", OUTSIDE)
    w.h2.gwd.wait_port("m2")
    for host in w.hosts:
        for a in addresses:
            host.record(OUTSIDE, a, "10.1.1.2", mac)
        for a in w.s.addresses:
            host.record(OUTSIDE, a, "10.1.1.1", w.s.mac)


def no_room(w):
    return sum(h.gwd.drops().get("NoRoom", 0) for h in w.hosts)


def tcp(w, size):
    for address, via in zip(w.s.addresses, w.m.addresses):
        case.note("%.0f Mbit/s" % traffic.TcpTransfer(w.c, w.s, address, size, via=via).finish())


def add_cases(encapsulation):
    g = suite.group(encapsulation, lambda: make(encapsulation))

    @g.case("ENC-9: bulk TCP through the relay, both families, byte-exact")
    def _(w):
        before = no_room(w)
        traffic.reach(w.c, w.m)
        tcp(w, 64 << 20)
        equal(no_room(w) - before, 0, "packets that could not be encapsulated again")

    @g.case("ENC-9: the same with an underlay that offloads nothing")
    def _(w):
        before = no_room(w)
        for h in w.hosts:
            h.offloads(False)
        tcp(w, 16 << 20)
        for h in w.hosts:
            h.offloads(True)
        equal(no_room(w) - before, 0, "packets that could not be encapsulated again")

    @g.case("ENC-1, ENC-2: datagrams through the relay, each once and unharmed")
    def _(w):
        for address, via in zip(w.s.addresses, w.m.addresses):
            traffic.udp_exact(w.c, w.s, address, [1, 64, 512, 1200] * 50, via=via)


for each in ("vxlan", "nvgre"):
    add_cases(each)

if __name__ == "__main__":
    suite.main()
