#!/usr/bin/python3
# The other end is the Linux kernel's own vxlan device, with static forwarding and neighbour entries.
#
#   v1 (10.0.0.11, fd00::11) -- h1 (10.1.1.1) eth1 -- fabric -- eth1 k (10.1.1.2): vxlan device "vx" (10.0.0.21, fd00::21)
#   t1 (tap)                 /
#
# Covers ENC-2, ENC-8, ENC-9, FWD-3: a VXLAN end point that is not ours understands us, and we understand it.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic, wire, world
from lib.case import require

VSID = 5001
REMOTE_MAC = "02:00:00:00:02:01"
suite = case.Suite()


class End:
    """What the traffic functions want to know of a VM."""

    def __init__(self, name, netns, addresses):
        self.name, self.netns, self.addresses = name, netns, addresses
        self.v4, self.v6 = addresses


def make_device(w, k, checksums):
    k.ip("link add vx address %s type vxlan id %d local 10.1.1.2 dstport 4789 dev eth1 nolearning %s"
         % (REMOTE_MAC, VSID, checksums))
    k.ip("link set dev vx mtu 1450 up")
    k.ip("addr add 10.0.0.21/24 dev vx")
    k.ip("addr add fd00::21/64 dev vx nodad")
    for vm in w.vms:
        k.run("bridge fdb add %s dev vx dst 10.1.1.1" % vm.mac)
        for a in vm.addresses:
            k.ip("neigh add %s lladdr %s dev vx nud permanent" % (a, vm.mac))


def make():
    w = world.World()
    w.make_fabric()
    w.h1 = w.host("h1", "10.1.1.1")
    w.v1 = w.h1.vm("v1", "02:00:00:00:01:01", VSID, ["10.0.0.11", "fd00::11"], mtu=1450)
    w.t1 = w.h1.vm("t1", "02:00:00:00:01:02", VSID, ["10.0.0.12", "fd00::12"], mtu=1450, tap=True)
    world.records(w.vms)
    k = w.namespace("k")
    w.plug(k, "eth1", "k")
    k.ip("addr add 10.1.1.2/24 dev eth1")
    make_device(w, k, "noudpcsum")
    w.k = End("k", k, ["10.0.0.21", "fd00::21"])
    for a in w.k.addresses:
        w.h1.record(VSID, a, "10.1.1.2", REMOTE_MAC, "vxlan")
    return w


g = suite.group("", make)


@g.case("ping both ways, IPv4 and IPv6, veth and tap")
def _(w):
    for vm in (w.v1, w.t1):
        traffic.reach(vm, w.k)
        traffic.reach(w.k, vm)


for on in (True, False):
    @g.case("bulk TCP byte for byte both ways, offloads %s" % ("on" if on else "off"))
    def _(w, on=on):
        w.h1.offloads(on)
        w.k.netns.offloads("eth1", on)
        w.fabric.offloads("k", on)
        for src, dst in ((w.v1, w.k), (w.k, w.v1), (w.t1, w.k), (w.k, w.t1)):
            for address in dst.addresses:
                under = w.h1.netns if src is not w.k else w.k.netns
                with wire.Segments(under, "eth1") as seen:
                    rate = traffic.tcp_exact(src, dst, address, 16 << 20)
                case.note("%s to %s: %.0f Mbit/s, largest wire packet %d" % (src.name, address, rate, seen.largest))
                require(seen.largest <= 1500, "a wire packet has %d bytes" % seen.largest)

    @g.case("UDP of all sizes and with segmentation offload, both ways, offloads %s" % ("on" if on else "off"))
    def _(w):
        for src, dst in ((w.v1, w.k), (w.k, w.v1), (w.t1, w.k), (w.k, w.t1)):
            for address in dst.addresses:
                traffic.udp_exact(src, dst, address, [1, 18, 700, 1400])
                traffic.udp_exact(src, dst, address, [30000] * 4, gso=1300)


@g.case("with UDP checksums in the outer header, as a kernel device may send them")
def _(w):
    w.k.netns.ip("link del vx")
    make_device(w, w.k.netns, "udpcsum")
    with wire.Capture(w.fabric, "k", "interop-kernel-csum", snaplen=200) as cap:
        traffic.reach(w.k, w.v1)
        traffic.tcp_exact(w.k, w.v1, w.v1.v4, 8 << 20)
        traffic.tcp_exact(w.k, w.t1, w.t1.v6, 8 << 20)
    require(cap.count("udp.checksum != 0 && ip.src == 10.1.1.2 && vxlan") > 10, "checksums were there")


if __name__ == "__main__":
    suite.main()
