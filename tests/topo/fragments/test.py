#!/usr/bin/python3
# IPv4 packets that are too large for the tunnel and may be cut; and what a VM is told when they may not.
#
#   v1 (MTU 1500), 5001  \                                       / v2 (MTU 1500), 5001
#   j1 (MTU 9000), 5001   > h1 (10.1.1.1) eth1 -- fabric -- eth1 h2 (10.1.1.2)             underlay MTU 1500
#   s1 (MTU 1300), 5002  /                                       \ r2 (MTU 1500), 5002
#
# Covers MTU-2 (switched and routed; Windows' sizes; options; what the VM has cut itself; UDP super-packets; without a
# daemon), MTU-1 (routed; ports of one host with different MTUs), ENC-9.
import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, wire, world
from lib.case import equal, require
from lib.gwd import CHATTER, Growth

A, B = 5001, 5002
RDID = "11111111-2222-3333-4444-555555555555"
ROUTER_A, ROUTER_B = ("10.0.0.1", "fd00::1"), ("10.0.9.1", "fd00:9::1")
UNDERLAY_MTU = 1500
ROUTER_ALERT = b"\x94\x04\x00\x00"            # is copied into every part
RECORD_ROUTE = b"\x07\x0b\x04" + bytes(8)     # stays in the first
suite = case.Suite()


def make(encapsulation):
    w = world.two_hosts(encapsulation, UNDERLAY_MTU)
    w.limit = UNDERLAY_MTU - {"nvgre": 42, "vxlan": 50}[encapsulation]
    w.v1 = w.h1.vm("v1", "02:00:00:00:01:01", A, ["10.0.0.11", "fd00::11"], mtu=1500)
    w.j1 = w.h1.vm("j1", "02:00:00:00:01:02", A, ["10.0.0.12", "fd00::12"], mtu=9000)
    w.s1 = w.h1.vm("s1", "02:00:00:00:01:03", B, ["10.0.9.13", "fd00:9::13"], mtu=1300)
    w.v2 = w.h2.vm("v2", "02:00:00:00:02:01", A, ["10.0.0.21", "fd00::21"], mtu=1500)
    w.r2 = w.h2.vm("r2", "02:00:00:00:02:02", B, ["10.0.9.22", "fd00:9::22"], mtu=1500)
    world.records(w.vms)
    world.routes(w.hosts, RDID, [(A, "10.0.0.0/24", None), (A, "fd00::/64", None),
                                 (B, "10.0.9.0/24", None), (B, "fd00:9::/64", None)])
    for vm in w.vms:
        vm.default_routes(*(ROUTER_A if vm.vsid == A else ROUTER_B))
        # Whole again at the other end, also when many come at once.
        vm.netns.sysctl("net.ipv4.ipfrag_high_thresh=67108864")
    return w


def drops(w):
    """Of both hosts, without what VMs say to everybody."""
    return {h.name: {k: v for k, v in h.gwd.drops().items() if k not in ("Flood", "NdUnanswered", "SpoofedMac")}
            for h in w.hosts}


def forget_pmtu(vm):
    vm.netns.ip("route flush cache")
    vm.netns.ip("-6 route flush cache")


def add_cases(encapsulation):
    g = suite.group(encapsulation, lambda: make(encapsulation))

    @g.case("MTU-2: a datagram of 1470 bytes becomes two packets, each encapsulated, none of them cut outside")
    def _(w):
        first = (w.limit - 20) // 8 * 8
        for dst in (w.v2, w.r2):
            with wire.Capture(dst.netns, "eth0", "cut-%s-%s" % (encapsulation, dst.name)) as seen, \
                    wire.Capture(w.fabric, "h1", "cut-%s-%s-wire" % (encapsulation, dst.name)) as under:
                traffic.udp_exact(w.v1, dst, dst.v4, [1470], df=False)
            rows = seen.fields(["frame.len", "ip.flags.mf", "ip.frag_offset", "ip.checksum.status"],
                               "ip.src == %s" % w.v1.v4)
            equal(sorted((int(r["frame.len"][0]), r["ip.checksum.status"][0]) for r in rows),
                  sorted([(14 + 20 + first, "1"), (14 + 20 + 1478 - first, "1")]), "frames at %s" % dst.name)
            outer = under.fields(["ip.len", "ip.flags.mf", "ip.frag_offset"], "ip.src == 10.1.1.1")
            equal([(r["ip.flags.mf"][0], r["ip.frag_offset"][0]) for r in outer], [("0", "0")] * 2,
                  "outer fragments towards %s" % dst.name)
            require(all(int(r["ip.len"][0]) <= UNDERLAY_MTU for r in outer), "outer packets fit: %s" % outer)

    if encapsulation == "nvgre":
        @g.case("MTU-2: the frames that Windows makes of it: 1466 and 80 bytes")
        def _(w):
            with wire.Capture(w.v2.netns, "eth0", "cut-s3") as seen:
                traffic.udp_exact(w.v1, w.v2, w.v2.v4, [1470], df=False)
            rows = seen.fields(["frame.len"], "ip.src == %s" % w.v1.v4)
            equal(sorted(int(r["frame.len"][0]) for r in rows), [80, 1466], "frames")

    @g.case("MTU-2: datagrams of all sizes arrive whole, switched and routed, also what the VM has cut itself")
    def _(w):
        sizes = [w.limit - 28 + n for n in range(-1, 20)] + [2 * w.limit, 3000, 8972, 9000, 20000, 65507]
        before = drops(w)
        for src in (w.v1, w.j1):
            for dst in (w.v2, w.r2):
                with wire.Segments(w.h1.netns, "eth1") as seen:
                    traffic.udp_exact(src, dst, dst.v4, sizes, df=False)
                require(seen.largest <= UNDERLAY_MTU, "a wire packet has %d bytes" % seen.largest)
        equal(drops(w), before, "drops")

    @g.case("MTU-2: without checksum and segmentation offload of the VM too")
    def _(w):
        w.v1.netns.offloads("eth0", False)
        traffic.udp_exact(w.v1, w.v2, w.v2.v4, [1470, 5000] * 10, df=False)
        traffic.udp_exact(w.v1, w.r2, w.r2.v4, [1470, 5000] * 10, df=False)
        w.v1.netns.offloads("eth0", True)

    @g.case("MTU-2: UDP super-packets whose segments are too large")
    def _(w):
        for dst in (w.v2, w.r2):
            traffic.udp_exact(w.j1, dst, dst.v4, [2000 * 20] * 5, gso=2000, df=False)

    @g.case("MTU-2: IP options: in the first part all, in the others those that are to be copied (RFC 791)")
    def _(w):
        with wire.Capture(w.v2.netns, "eth0", "cut-options-" + encapsulation) as seen:
            traffic.udp_exact(w.v1, w.v2, w.v2.v4, [1440], df=False, options=ROUTER_ALERT + RECORD_ROUTE + b"\x00")
        frames = [f[14:] for f in seen.frames() if f[12:14] == b"\x08\x00" and f[26:30] == pkt.ip(w.v1.v4)]
        equal(len(frames), 2, "parts")
        for f in frames:
            head = f[:(f[0] & 15) * 4]
            equal(pkt.checksum(head), 0, "checksum of a header with options")
            later = (f[6] & 0x1f) << 8 | f[7]
            require(ROUTER_ALERT in head, "the option that is to be copied: %s" % head.hex())
            equal(RECORD_ROUTE[:2] in head[20:], not later, "record route in %s" % head.hex())

    @g.case("MTU-2: a fragment that reaches beyond 65,535 bytes is not cut into one that does not")
    def _(w):
        with pkt.Raw(w.v1.netns, "eth0") as raw, wire.Capture(w.v2.netns, "eth0", "cut-wrap") as seen, \
                Growth(w.h1.gwd, but=CHATTER) as grown:
            raw.send(pkt.eth(w.v2.mac, w.v1.mac, pkt.ETH_P_IP, pkt.ipv4(w.v1.v4, w.v2.v4, pkt.UDP, bytes(1480),
                                                                        frag=8190)))
            grown.becomes({"ToFragmentation": 1, "Malformed": 1}, "dropped")
        equal(seen.count("ip.src == %s" % w.v1.v4), 0, "what v2 got of it")

    @g.case("MTU-1: `ping -M do` is told the limit by the router of its subnet, and remembers it; IPv6 too, routed")
    def _(w):
        for address, head, router, icmp in ((w.r2.v4, 28, ROUTER_A[0], (3, 4)), (w.r2.v6, 48, ROUTER_A[1], (2, 0))):
            forget_pmtu(w.v1)
            equal(traffic.ping(w.v1, address, size=w.limit - head, df=True)[0], 3, "answers at the limit")
            equal(traffic.probe(w.v1, address, size=w.limit - head + 1, df=True), (router, *icmp, w.limit),
                  "(who, type, code, MTU) one byte above it")
            got, said = traffic.ping(w.v1, address, 1, size=w.limit - head + 1, df=True)
            require(got == 0 and ("mtu=%d" % w.limit in said.replace(" ", "") or "mtu:%d" % w.limit in said.replace(
                " ", "")), "ping knows the limit: %s" % said)
            known = w.v1.netns.ip_json("route get %s" % address)[0]
            equal(known.get("metrics", [{}])[0].get("mtu"), w.limit, "what the VM remembers: %s" % known)
            forget_pmtu(w.v1)

    @g.case("MTU-1, MTU-2: ports of one host: the receiving port's MTU counts, routed; told or cut to it")
    def _(w):
        s1_limit = w.s1.mtu
        for address, head, router, icmp in ((w.s1.v4, 28, ROUTER_A[0], (3, 4)), (w.s1.v6, 48, ROUTER_A[1], (2, 0))):
            forget_pmtu(w.v1)
            equal(traffic.ping(w.v1, address, size=s1_limit - head, df=True)[0], 3, "answers at the limit")
            equal(traffic.probe(w.v1, address, size=s1_limit - head + 1, df=True), (router, *icmp, s1_limit),
                  "(who, type, code, MTU)")
        forget_pmtu(w.v1)
        traffic.udp_exact(w.v1, w.s1, w.s1.v4, [1270, 1271, 1272, 1273, 1274, 1400, 5000], df=False)

    @g.case("MTU-2: a paced flow of packets that are all cut loses none, and counts each part once")
    def _(w):
        w.v1.netns.sysctl("net.ipv4.ip_no_pmtu_disc=1")  # the VM's programs send without DF
        with Growth(w.h1.gwd, but=CHATTER) as grown:
            # Slow enough for each to be cut before many others: Linux gives up a datagram with 64 foreign parts amidst it.
            r = traffic.UdpFlow(w.v1, w.v2, w.v2.v4, int(3000 / case.SLOWNESS), 3, size=1470).result()
            equal((r["lost"], r["doubled"]), (0, 0), "(lost, doubled): %s" % r)
            grown.becomes({"ToFragmentation": r["sent"], "Encapsulated": 2 * r["sent"]}, "each once")
        w.v1.netns.sysctl("net.ipv4.ip_no_pmtu_disc=0")

    @g.case("MTU-2, GW-8: it works while there is no daemon; the next one takes over what is there")
    def _(w):
        def cutters():
            return sorted((d["ifname"], d["ifindex"]) for d in w.h1.netns.ip_json("link show")
                          if d["ifname"].startswith("gwdcut"))
        before = cutters()
        equal([n for n, _ in before], ["gwdcut0", "gwdcut1"], "interfaces")
        w.h1.gwd.kill()
        traffic.udp_exact(w.v1, w.v2, w.v2.v4, [1470, 9000] * 10, df=False)
        w.h1.gwd.start()
        equal(cutters(), before, "interfaces after the restart")
        traffic.udp_exact(w.v1, w.r2, w.r2.v4, [1470, 9000] * 10, df=False)

    @g.case("MTU-2: what somebody removes or changes about the cutting pair is mended by itself")
    def _(w):
        def whole_again():
            try:
                traffic.udp_exact(w.v1, w.v2, w.v2.v4, [1470, 9000], df=False, patience=0.5)
            except case.Failed:
                return False
            return True
        for change in ("ip link del gwdcut0", "ip link set gwdcut0 down", "ip link set gwdcut1 down",
                       "ip link set gwdcut0 mtu 1500", "ip link set gwdcut1 mtu 1500",
                       "ethtool -K gwdcut0 tx on sg on tso on gso on", "tc qdisc del dev gwdcut1 clsact",
                       "rename gwdcut0 foo", "rename gwdcut1 bar",
                       "ip link set gwdcut0 netns " + w.fabric.name, "ip link set gwdcut1 netns " + w.fabric.name):
            if change.startswith("rename"):
                # Before Linux 6.2 only an interface that is down can be renamed, and gwd would set it up at once.
                w.h1.gwd.process.send_signal(signal.SIGSTOP)
                w.h1.netns.rename(*change.split()[1:], up=False)
                w.h1.gwd.process.send_signal(signal.SIGCONT)
            else:
                w.h1.netns.run(change)
            case.eventually(whole_again, "packets are cut again after '%s'" % change, 10, 0.2)
        equal([x for x in w.h1.gwd.engine()["warnings"] if "fragment" in json.dumps(x)], [], "warnings")

    @g.case("MTU-2: frames that somebody else puts into the cutting pair go nowhere")
    def _(w):
        with pkt.Raw(w.h1.netns, "gwdcut0") as raw, Growth(w.h1.gwd) as grown, \
                wire.Capture(w.fabric, "h1", "cut-foreign-" + encapsulation) as under:
            raw.send(pkt.eth(w.v2.mac, w.v1.mac, pkt.ETH_P_IP, pkt.ipv4(
                w.v1.v4, w.v2.v4, pkt.UDP, pkt.udp(w.v1.v4, w.v2.v4, 5, 6, b"x" * 100))))
            grown.becomes({"NoPort": 1}, "dropped for want of a port")
        equal(under.count("gre || vxlan"), 0, "tunnel packets")


for each in ("nvgre", "vxlan"):
    add_cases(each)

if __name__ == "__main__":
    suite.main()
