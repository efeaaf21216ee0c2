#!/usr/bin/python3
# A VM moves: its lookup records change from one provider address to another while traffic runs.
#
#   v (10.0.0.1) -- h1 (10.1.1.1) --+            +-- h2 (10.1.1.2) -- m (10.0.0.5), u (10.0.0.6, stays)
#                                   +-- fabric --+
#                                                +-- h3 (10.1.1.3) -- m again, after the move
#
# Covers FWD-12 (the new provider address is used at once), FWD-3, API-2 (a record is replaced by its key).
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic, wire, world
from lib.case import equal, require

VSID = 5001
M = ("02:00:00:00:00:05", ["10.0.0.5", "fd00::5"])
suite = case.Suite()


def make(encapsulation):
    w = world.two_hosts(encapsulation)
    w.h3 = w.host("h3", "10.1.1.3", settings={"underlay": {"encapsulation": encapsulation}})
    w.v = w.h1.vm("v", "02:00:00:00:00:01", VSID, ["10.0.0.1", "fd00::1"])
    w.m2 = w.h2.vm("m2", M[0], VSID, M[1])
    w.u = w.h2.vm("u", "02:00:00:00:00:06", VSID, ["10.0.0.6", "fd00::6"])
    # The target of the migration is prepared before the VM moves: it knows everybody, and h1 and h2 know its PA.
    w.m3 = w.h3.vm("m3", M[0], VSID, M[1], attach=False)
    world.records([w.v, w.m2, w.u], encapsulation, w.hosts)
    for h in w.hosts:
        h.record(VSID, "10.0.0.99", "10.1.1.3", "02:00:00:00:00:99", encapsulation)
    return w


def move(w, to, encapsulation):
    """The VM is at `to` now: its port there first, then the records of everybody."""
    old = w.m2 if to is w.m3 else w.m3
    to.attach()
    for h in (to.host, old.host, w.h1):
        for ca in M[1]:
            h.record(VSID, ca, to.host.pa, M[0], encapsulation)
    old.host.gwd.ctl("port", "detach", "--interface", old.port)


def add_cases(encapsulation):
    g = suite.group(encapsulation, lambda: make(encapsulation))

    @g.case("before the move both VMs are reached where they are")
    def _(w):
        traffic.reach(w.v, w.m2)
        traffic.reach(w.v, w.u)

    @g.case("FWD-12: traffic follows the record at once, IPv4 and IPv6; an unrelated flow loses nothing")
    def _(w):
        unrelated = traffic.UdpFlow(w.v, w.u, w.u.v4, 5000, 6)
        unrelated6 = traffic.UdpFlow(w.u, w.v, w.v.v6, 2000, 6, port=7001)
        move(w, w.m3, encapsulation)
        # From here on not one packet for m goes to the old place.
        with wire.Capture(w.fabric, "h2", "move-%s-old" % encapsulation) as old, \
                wire.Capture(w.fabric, "h3", "move-%s-new" % encapsulation) as new:
            traffic.reach(w.v, w.m3)
            traffic.tcp_exact(w.v, w.m3, w.m3.v4, 8 << 20)
            traffic.tcp_exact(w.m3, w.v, w.v.v6, 8 << 20)
            traffic.reach(w.u, w.m3)  # the VM that stayed on its old host finds it too
        equal(old.count("ip.dst == 10.1.1.2 && (ip.dst == 10.0.0.5 || ipv6.dst == fd00::5)"), 0,
              "packets to the old place")
        require(new.count("ip.dst == 10.1.1.3 && ip.dst == 10.0.0.5") > 3, "packets to the new place")
        for flow in (unrelated, unrelated6):
            r = flow.result()
            case.note(r)
            equal((r["lost"], r["doubled"], r["reordered"]), (0, 0, 0),
                  "(lost, doubled, reordered) of the unrelated flow")

    @g.case("FWD-12: a running flow goes over to the new place within one packet")
    def _(w):
        with wire.Capture(w.fabric, "h1", "move-%s-flow" % encapsulation, "udp or proto gre", snaplen=128) as cap:
            flow = traffic.UdpFlow(w.v, w.m3, w.m3.v4, int(2000 / case.SLOWNESS), 3 * case.SLOWNESS)
            case.eventually(lambda: w.h1.gwd.port("v")["counters"]["txPackets"] > 0, "the flow runs")
            move(w, w.m2, encapsulation)
            flow.result()
        rows = cap.fields(["ip.dst", "udp.dstport"], "ip.src == 10.0.0.1 && udp.dstport == 7000 && !icmp")
        places = [r["ip.dst"][0] for r in rows]
        changes = [i for i in range(1, len(places)) if places[i] != places[i - 1]]
        equal(len(changes), 1, "changes of place in %d packets" % len(places))
        equal((places[0], places[-1]), ("10.1.1.3", "10.1.1.2"), "places before and after")

    @g.case("after the way back everything is reached again")
    def _(w):
        traffic.reach(w.v, w.m2)
        traffic.reach(w.m2, w.u)
        traffic.reach(w.v, w.u)


add_cases("vxlan")
add_cases("nvgre")

if __name__ == "__main__":
    suite.main()
