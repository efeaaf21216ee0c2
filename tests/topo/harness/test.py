#!/usr/bin/python3
# The test library itself, over a plain kernel bridge and vxlan device, without gwd: what it measures is what happens.
#
#      a eth0 ---- veth ----- a +-------+ t ---- tapvm ---- eth0 t
#                               |  br0  |
#      b eth0 ---- veth ----- b +-------+         (br0 stands for the engine; the fabric is there for captures)
#
# Covers no behaviour: a loss that the library could not see would make every other scenario worthless.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, wire, world
from lib.case import Failed, equal, require

suite = case.Suite()


class Bridge(world.World):
    def __init__(self):
        super().__init__()
        self.make_fabric()
        self.host_ns = self.namespace("sw")
        self.plug(self.host_ns, "eth1", "sw")
        self.host_ns.ip("link add br0 type bridge")
        self.host_ns.ip("link set br0 up")
        stub = type("Stub", (), {"world": self, "netns": self.host_ns})
        self.a = world.Vm(stub, "a", "02:00:00:00:00:0a", 0, ["10.0.0.1", "fd00::1"])
        self.b = world.Vm(stub, "b", "02:00:00:00:00:0b", 0, ["10.0.0.2", "fd00::2"])
        self.t = world.Vm(stub, "t", "02:00:00:00:00:0c", 0, ["10.0.0.3", "fd00::3"], tap=True)
        for v in (self.a, self.b, self.t):
            self.host_ns.ip("link set dev %s master br0" % v.port)

    def cable(self, dev, plugged):
        self.host_ns.ip("link set dev %s %s" % (dev, "master br0" if plugged else "nomaster"))


g = suite.group("", Bridge)


@g.case("ping over veth and tap, IPv4 and IPv6")
def _(w):
    traffic.reach(w.a, w.b)
    traffic.reach(w.a, w.t)
    traffic.no_reach(w.a, "10.0.0.9", 1)


@g.case("an address that another machine has fails duplicate detection, a fresh one does not")
def _(w):
    w.a.netns.ip("addr add fd00::3/64 dev eth0")
    w.a.netns.ip("addr add fd00::77/64 dev eth0")
    flags = {address: failed for address, _, failed in w.a.dad_done()}
    require(flags["fd00::3"], "fd00::3 is a duplicate")
    require(not flags["fd00::77"], "fd00::77 is none")
    w.a.netns.ip("addr del fd00::3/64 dev eth0")


@g.case("TCP arrives byte for byte, over veth and tap, both ways")
def _(w):
    for src, dst in ((w.a, w.b), (w.a, w.t), (w.t, w.a)):
        for address in dst.addresses:
            case.note("%s to %s: %.0f Mbit/s" % (src.name, address, traffic.tcp_exact(src, dst, address, 16 << 20)))


@g.case("UDP datagrams and segmented ones arrive as sent")
def _(w):
    for dst in (w.b, w.t):
        for address in dst.addresses:
            traffic.udp_exact(w.a, dst, address, [1, 18, 500, 1300])
            traffic.udp_exact(w.a, dst, address, [40000] * 4, gso=1200)


@g.case("a tap carries super-frames, not their segments")
def _(w):
    before = w.t.netns.stats("eth0")["rx"]
    traffic.tcp_exact(w.a, w.t, w.t.v4, 16 << 20)
    after = w.t.netns.stats("eth0")["rx"]
    per_frame = (after["bytes"] - before["bytes"]) / (after["packets"] - before["packets"])
    require(per_frame > 4000, "a frame has %.0f bytes on the average" % per_frame)


@g.case("a paced flow counts what was lost")
def _(w):
    r = traffic.UdpFlow(w.a, w.b, w.b.v4, 5000, 1).result()
    equal(r["lost"], 0, "lost: %s" % r)
    require(4500 < r["pps"] < 5500, "rate: %s" % r)
    flow = traffic.UdpFlow(w.a, w.b, w.b.v4, 5000, 1.5)
    w.cable("b", False)
    w.cable("b", True)
    r = flow.result()
    require(r["lost"] > 0, "a moment of loss is seen: %s" % r)
    case.note(r)


@g.case("a transfer that does not get through is a failure")
def _(w):
    w.cable("b", False)
    try:
        traffic.tcp_exact(w.a, w.b, w.b.v4, 1000, seconds=1)
    except Failed:
        return
    finally:
        w.cable("b", True)
    raise Failed("it went through a pulled cable")


@g.case("captures are complete and dissected")
def _(w):
    with wire.Capture(w.host_ns, "a", "harness") as cap:
        r = traffic.UdpFlow(w.a, w.b, w.b.v4, int(20000 / case.SLOWNESS), 1).result()
    rows = cap.fields(["ip.src", "udp.dstport"], "udp.dstport == 7000")
    equal(len(rows), r["sent"], "frames in the capture")
    require(r["sent"] > 1000, "a burst was sent: %s" % r)
    equal(rows[0], {"ip.src": ["10.0.0.1"], "udp.dstport": ["7000"]}, "first frame")
    require(len(cap.frames()) >= len(rows), "the pcap reader finds them too")


@g.case("packets made by hand are right, as tshark sees them")
def _(w):
    u = pkt.Underlay("02:00:00:00:00:01", "02:00:00:00:00:02", "10.1.1.1", "10.1.1.2")
    inner4 = pkt.eth("02:00:00:00:00:0b", "02:00:00:00:00:0a", pkt.ETH_P_IP,
                     pkt.ipv4("10.0.0.1", "10.0.0.2", pkt.UDP, pkt.udp("10.0.0.1", "10.0.0.2", 1, 2, b"x")))
    inner6 = pkt.neighbour_solicitation("02:00:00:00:00:0a", "fd00::1", "fd00::2")
    with wire.Capture(w.host_ns, "eth1", "harness-made") as cap, pkt.Raw(w.host_ns, "eth1") as raw:
        raw.send(u.nvgre(5001, inner4))
        raw.send(u.vxlan(5001, inner6, check=None))
        raw.send(pkt.eth("02:00:00:00:00:0b", "02:00:00:00:00:0a", pkt.ETH_P_IP,
                         pkt.ipv4("10.0.0.1", "10.0.0.2", pkt.ICMP, pkt.icmp_echo())))
        raw.send(pkt.eth("02:00:00:00:00:0b", "02:00:00:00:00:0a", pkt.ETH_P_IP,
                         pkt.ipv4("10.0.0.1", "10.0.0.2", pkt.TCP, pkt.tcp("10.0.0.1", "10.0.0.2", 1, 2, b"y"))))
    equal(cap.count("gre.key == 0x00138901 && udp.dstport == 2"), 1, "NVGRE")
    equal(cap.count("vxlan.vni == 5001 && icmpv6.type == 135 && icmpv6.checksum.status == 1"), 1, "VXLAN with ND")
    equal(cap.count("icmp.type == 8 && icmp.checksum.status == 1"), 1, "ICMP")
    equal(cap.count("tcp"), 1, "TCP")
    equal(cap.count("_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0"), 0, "malformed frames")


@g.case("the size that segments of a super-frame will have is seen")
def _(w):
    w.host_ns.ip("link add vx type vxlan id 5001 local 10.1.1.1 remote 10.1.1.2 dstport 4789 dev eth1")
    w.host_ns.ip("addr add 10.1.1.1/24 dev eth1")
    w.host_ns.ip("link set vx up")
    w.host_ns.ip("addr add 10.9.0.1/24 dev vx")
    other = w.namespace("o")
    w.plug(other, "eth1", "o")
    other.ip("addr add 10.1.1.2/24 dev eth1")
    other.ip("link add vx type vxlan id 5001 local 10.1.1.2 remote 10.1.1.1 dstport 4789 dev eth1")
    other.ip("link set vx up")
    other.ip("addr add 10.9.0.2/24 dev vx")
    end = lambda netns, name: type("End", (), {"netns": netns, "name": name})  # noqa: E731
    with wire.Segments(w.host_ns, "eth1") as seen:
        traffic.tcp_exact(end(w.host_ns, "sw"), end(other, "o"), "10.9.0.2", 8 << 20)
    require(seen.super_frames > 50, "%d super-frames" % seen.super_frames)
    equal(seen.largest, 1500, "largest wire packet (the vxlan device has MTU 1450)")


@g.case("iperf3 measures")
def _(w):
    case.note("%.0f Mbit/s" % require(traffic.iperf3(w.a, w.b, w.b.v4, 1), "iperf3 says something"))


if __name__ == "__main__":
    suite.main()
