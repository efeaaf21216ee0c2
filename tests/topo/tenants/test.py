#!/usr/bin/python3
# Two tenants with the same addresses and the same MAC addresses, on the same hosts, at the same time.
#
#   a1 (VSID 6001) \                                          / b1 (6001)      a1 and a2: 10.0.0.1, fd00::1, 02:..:01
#   a2 (VSID 6002)  > h1 (10.1.1.1) eth1 -- fabric -- eth1 h2                  b1 and b2: 10.0.0.2, fd00::2, 02:..:02
#   c1 (VSID 6001) /                       (10.1.1.2)         \ b2 (6002)      c1: 10.0.0.3, tenant 1 only
#
# Covers FWD-6 (tenants never reach each other), GW-1's isolation for hosts, ENC-10 (a frame on the other tenant's VSID).
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, wire, world
from lib.case import equal, require

MAC = {"a": "02:00:00:00:00:01", "b": "02:00:00:00:00:02", "c": "02:00:00:00:00:03"}
VSID = {1: 6001, 2: 6002}
suite = case.Suite()


def make(encapsulations, domains):
    w = world.two_hosts()
    w.tenant = {1: {}, 2: {}}
    for n in (1, 2):
        t = w.tenant[n]
        t["a"] = w.h1.vm("a%d" % n, MAC["a"], VSID[n], ["10.0.0.1", "fd00::1"])
        t["b"] = w.h2.vm("b%d" % n, MAC["b"], VSID[n], ["10.0.0.2", "fd00::2"])
        if n == 1:
            t["c"] = w.h1.vm("c1", MAC["c"], VSID[1], ["10.0.0.3", "fd00::3"])
        world.records(list(t.values()), encapsulations[n], w.hosts)
        if domains:
            for h in w.hosts:
                h.gwd.ctl("customer-route", "add", "--rdid", "00000000-0000-0000-0000-00000000000%d" % n, "--vsid",
                          VSID[n],
                          "--prefix", "10.0.0.0/24", "--nexthop", "0.0.0.0", "--metric", 0)
    return w


def send_marked(t, text):
    """UDP from a to b of a tenant, both families, with a text that a capture can find again."""
    for address in t["b"].addresses:
        with t["a"].netns.enter():
            s = socket.socket(traffic.family(address), socket.SOCK_DGRAM)
        with s:
            for _ in range(20):
                s.sendto(text.encode(), (address, 9))


def add_cases(name, encapsulations, domains):
    g = suite.group(name, lambda: make(encapsulations, domains))

    @g.case("FWD-6: each tenant reaches its own VMs, on the same and the other host")
    def _(w):
        for t in w.tenant.values():
            traffic.reach(t["a"], t["b"])
            traffic.reach(t["b"], t["a"])
        traffic.reach(w.tenant[1]["a"], w.tenant[1]["c"])
        traffic.reach(w.tenant[1]["b"], w.tenant[1]["c"])

    @g.case("FWD-6: bulk TCP of both at once, same addresses and ports, each gets its own bytes")
    def _(w):
        running = [traffic.TcpTransfer(t["a"], t["b"], t["b"].v4, 32 << 20, seed=n) for n, t in w.tenant.items()]
        running += [traffic.TcpTransfer(t["b"], t["a"], t["a"].v6, 32 << 20, seed=10 + n) for n, t in w.tenant.items()]
        for r in running:
            case.note("%.0f Mbit/s" % r.finish())

    @g.case("FWD-6: a VM that only tenant 1 has does not exist for tenant 2")
    def _(w):
        traffic.no_reach(w.tenant[2]["a"], "10.0.0.3")
        traffic.no_reach(w.tenant[2]["b"], "fd00::3")

    @g.case("FWD-6: frames to the other tenant's MAC address, made by hand, are not delivered")
    def _(w):
        t1, t2 = w.tenant[1], w.tenant[2]
        before = w.h1.gwd.drops().get("NoRecord", 0)
        frame = pkt.eth(MAC["c"], MAC["a"], pkt.ETH_P_IP, pkt.ipv4("10.0.0.1", "10.0.0.3", pkt.UDP, pkt.udp(
            "10.0.0.1", "10.0.0.3", 1, 2, b"crossing" * 4)))
        with pkt.Raw(t2["a"].netns, "eth0") as out, pkt.Raw(t1["c"].netns, "eth0") as back:
            out.send(frame)
            back.silence(lambda f: b"crossing" in f, what="the other tenant's frame")
        equal(w.h1.gwd.drops().get("NoRecord", 0) - before, 1, "dropped as NoRecord")

    @g.case("FWD-6: captures on every VM and on the wire prove that nothing crosses")
    def _(w):
        names = {1: "belongs-to-tenant-1", 2: "belongs-to-tenant-2"}
        caps = {n: wire.Capture(w.tenant[n]["b"].netns, "eth0", "tenants-%s-b%d" % (name, n)) for n in (1, 2)}
        cap_c = wire.Capture(w.tenant[1]["c"].netns, "eth0", "tenants-%s-c1" % name)
        with wire.Capture(w.fabric, "h1", "tenants-%s-wire" % name) as cap:
            for n in (1, 2):
                send_marked(w.tenant[n], names[n])
        for c in list(caps.values()) + [cap_c]:
            c.stop()
        for n, other in ((1, 2), (2, 1)):
            equal(caps[n].count('!icmp && !icmpv6 && frame contains "%s"' % names[n]), 40,
                  "tenant %d's own datagrams at b%d" % (n, n))
            equal(caps[n].count('frame contains "%s"' % names[other]), 0, "tenant %d's frames at b%d" % (other, n))
            found = {"gre.key >= 0x%08x && gre.key <= 0x%08x" % (VSID[n] << 8, VSID[n] << 8 | 255): "nvgre",
                     "vxlan.vni == %d" % VSID[n]: "vxlan"}
            for display, how in found.items():
                equal(cap.count('(%s) && ip.src == 10.1.1.1 && !icmp && !icmpv6 && frame contains "%s"'
                                % (display, names[n])), 40 if how == encapsulations[n] else 0,
                      "tenant %d's datagrams on the wire as %s" % (n, how))
                equal(cap.count('(%s) && frame contains "%s"' % (display, names[other])), 0,
                      "tenant %d's text under VSID %d" % (other, VSID[n]))
        equal(cap_c.count('frame contains "belongs-to"'), 0, "marked frames at c1")

    @g.case("counters of both virtual subnets are their own")
    def _(w):
        def subnets():
            return {s["virtualSubnetId"]: s["counters"]["txPackets"] for s in w.h1.gwd.engine()["virtualSubnets"]}

        before = subnets()
        traffic.udp_exact(w.tenant[2]["a"], w.tenant[2]["b"], "10.0.0.2", [100] * 60)
        after = subnets()
        require(after[VSID[2]] - before[VSID[2]] >= 60, "VSID %d grew: %s, %s" % (VSID[2], before, after))
        require(after[VSID[1]] - before[VSID[1]] < 20, "VSID %d did not: %s, %s" % (VSID[1], before, after))


add_cases("vxlan", {1: "vxlan", 2: "vxlan"}, False)
add_cases("one of each in routing domains", {1: "nvgre", 2: "vxlan"}, True)

if __name__ == "__main__":
    suite.main()
