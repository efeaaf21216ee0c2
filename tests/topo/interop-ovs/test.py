#!/usr/bin/python3
# The other end is Open vSwitch's userspace datapath, once with a vxlan port, once with a gre port that speaks NVGRE.
#
#   v1 (10.0.0.11, fd00::11) -- h1 (10.1.1.1) eth1 -- fabric -- eth1 [br-phy (10.1.1.2)   br-int] p -- eth0 o1 (10.0.0.21,
#   t1 (tap)                 /                                          ovs-vswitchd in "o"                     fd00::21)
#
# Virtual subnet 5001 is VXLAN, 5002 (v2, t2, o1 with other addresses) is NVGRE. ovsdb-server and ovs-vswitchd are the test's
# own: data base, sockets and logs in its work folder, datapath_type netdev, no kernel module.
# Covers ENC-1, ENC-2, ENC-3, ENC-8, ENC-9, FWD-3 against a second implementation.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, ovs, traffic, wire, world
from lib.case import Skip, equal, require

VX, NV = 5001, 5002
MAC_O = "02:00:00:00:02:01"
suite = case.Suite()


class End:
    def __init__(self, name, netns, addresses):
        self.name, self.netns, self.addresses = name, netns, addresses
        self.v4, self.v6 = addresses


def make():
    if not ovs.installed():
        raise Skip("Open vSwitch is not installed")
    w = world.World()
    w.make_fabric()
    w.h1 = w.host("h1", "10.1.1.1")
    vm = w.h1.vm
    w.ends = {VX: (vm("v1", "02:00:00:00:01:01", VX, ["10.0.0.11", "fd00::11"]),
                   vm("t1", "02:00:00:00:01:02", VX, ["10.0.0.12", "fd00::12"], tap=True)),
              NV: (vm("v2", "02:00:00:00:03:01", NV, ["10.0.1.11", "fd01::11"]),
                   vm("t2", "02:00:00:00:03:02", NV, ["10.0.1.12", "fd01::12"], tap=True))}
    world.records(w.ends[VX], "vxlan")
    world.records(w.ends[NV], "nvgre")
    o, guest = w.namespace("o"), w.namespace("o1")
    w.plug(o, "eth1", "o")
    o.veth("p", guest, "eth0", 1400)
    o.ip("link set dev p up")
    guest.ip("link set dev eth0 address %s up" % MAC_O)
    w.far = {VX: End("o1", guest, ["10.0.0.21", "fd00::21"]), NV: End("o1", guest, ["10.0.1.21", "fd01::21"])}
    for vsid, how in ((VX, "vxlan"), (NV, "nvgre")):
        guest.ip("addr add %s/24 dev eth0" % w.far[vsid].v4)
        guest.ip("addr add %s/64 dev eth0 nodad" % w.far[vsid].v6)
        for a in w.far[vsid].addresses:
            w.h1.record(vsid, a, "10.1.1.2", MAC_O, how)
        # Flooding is not ours to answer: the guest behind the foreign switch is told its neighbours.
        for end in w.ends[vsid]:
            for a in end.addresses:
                guest.ip("neigh add %s lladdr %s dev eth0 nud permanent" % (a, end.mac))
    # A userspace switch reads and writes packets one by one: no super-frames, no unfinished checksums.
    w.fabric.offloads("o", False)
    for netns, dev in ((o, "eth1"), (o, "p"), (guest, "eth0")):
        netns.offloads(dev, False)
    s = ovs.Switch("ovs", lambda argv, **kw: w.spawn(o, argv, **kw))
    s.vsctl("add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev",
            "--", "add-port", "br-phy", "eth1",
            "--", "add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev",
            "--", "add-port", "br-int", "p", "--", "set", "interface", "p", "ofport_request=1",
            "--", "add-port", "br-int", "vx", "--", "set", "interface", "vx", "ofport_request=2", "type=vxlan",
            "options:remote_ip=10.1.1.1", "options:key=%d" % VX,
            "--", "add-port", "br-int", "nv", "--", "set", "interface", "nv", "ofport_request=3", "type=gre",
            "options:remote_ip=10.1.1.1", "options:key=flow")
    o.ip("addr add 10.1.1.2/24 dev br-phy")
    o.ip("link set dev br-phy up")
    # NVGRE to Open vSwitch is GRE whose key ends in a FlowID: set one when sending, ignore it when receiving.
    bridge = "unix:%s/br-int.mgmt" % s.dir
    s.ofctl("del-flows", bridge)
    for flow in ("in_port=2,actions=output:1", "in_port=3,tun_id=0x%x/0xffffff00,actions=output:1" % (NV << 8),
                 "in_port=1,dl_dst=02:00:00:00:01:00/ff:ff:ff:ff:ff:00,actions=output:2",
                 "in_port=1,dl_dst=02:00:00:00:03:00/ff:ff:ff:ff:ff:00,actions=set_field:0x%x->tun_id,output:3"
                 % (NV << 8 | 0x5a)):
        s.ofctl("add-flow", bridge, flow)
    # Its tunnels need to know our PA's neighbour entry, which it learns from the answer to its own ARP.
    case.eventually(lambda: traffic.ping(End("o", o, ["", ""]), "10.1.1.1", 1)[0], "the switch reaches h1's PA", 10)
    return w


g = suite.group("", make)

for vsid, how in ((VX, "vxlan"), (NV, "nvgre")):
    @g.case("%s: ping both ways, IPv4 and IPv6, veth and tap" % how)
    def _(w, vsid=vsid):
        for vm in w.ends[vsid]:
            case.eventually(lambda vm=vm, vsid=vsid: traffic.ping(vm, w.far[vsid].v4, 1)[0], "the first answer", 10)
            traffic.reach(vm, w.far[vsid])
            traffic.reach(w.far[vsid], vm)

    @g.case("%s: bulk TCP byte for byte both ways" % how)
    def _(w, vsid=vsid):
        for vm in w.ends[vsid]:
            for src, dst in ((vm, w.far[vsid]), (w.far[vsid], vm)):
                for address in dst.addresses:
                    case.note("%s to %s: %.0f Mbit/s" % (src.name, address, traffic.tcp_exact(src, dst, address,
                                                                                              4 << 20)))

    @g.case("%s: iperf3 both ways" % how)
    def _(w, vsid=vsid):
        vm = w.ends[vsid][0]
        for extra in ((), ("-R",)):
            rate = traffic.iperf3(vm, w.far[vsid], w.far[vsid].v4, 2, extra)
            case.note("%.0f Mbit/s" % rate)
            require(rate > 10 / case.SLOWNESS, "%.1f Mbit/s" % rate)

    @g.case("%s: UDP of all sizes both ways" % how)
    def _(w, vsid=vsid):
        for vm in w.ends[vsid]:
            for src, dst in ((vm, w.far[vsid]), (w.far[vsid], vm)):
                for address in dst.addresses:
                    traffic.udp_exact(src, dst, address, [1, 18, 700, 1300] * 5)


@g.case("both tunnels were what they should be, by tshark")
def _(w):
    with wire.Capture(w.fabric, "o", "interop-ovs") as cap:
        for vsid in (VX, NV):
            traffic.reach(w.ends[vsid][0], w.far[vsid])
    equal(cap.count("_ws.malformed"), 0, "malformed frames")
    for src in ("10.1.1.1", "10.1.1.2"):
        require(cap.count("vxlan.vni == %d && ip.src == %s" % (VX, src)) >= 6, "VXLAN from " + src)
        require(cap.count("gre.key >= 0x%08x && gre.key <= 0x%08x && ip.src == %s"
                          % (NV << 8, NV << 8 | 255, src)) >= 6,
                "NVGRE from " + src)


if __name__ == "__main__":
    suite.main()
