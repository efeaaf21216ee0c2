#!/usr/bin/python3
# time-limit: 240
# Two hosts, VMs of one virtual subnet on both, each with veth and tap ports; the wire judged by tshark.
#
#   v1  eth0 --veth-- v1 \                                          / v2 --veth-- eth0  v2
#                          h1 (10.1.1.1) eth1 -- fabric -- eth1 h2 (10.1.1.2)
#   t1  eth0 ==tap=== t1 /                                          \ t2 ==tap=== eth0  t2
#
# Once with NVGRE, once with VXLAN, each with the underlay's offloads on and off; then both at the same time.
# Covers ENC-1, ENC-2, ENC-3, ENC-7, ENC-8 (IPv4 and IPv6 inside), ENC-9, FWD-1 (no ARP in a tunnel), FWD-3.
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, wire, world
from lib.case import equal, require
from lib.gwd import Growth

VSID = 5001
UNDERLAY_MTU = 1500
OVERHEAD = {"nvgre": 42, "vxlan": 50}
TUNNEL = {"nvgre": "gre.key", "vxlan": "vxlan.vni"}
suite = case.Suite()


def make(encapsulation):
    w = world.two_hosts(encapsulation, UNDERLAY_MTU)
    w.encapsulation = encapsulation
    w.v1 = w.h1.vm("v1", "02:00:00:00:01:01", VSID, ["10.0.0.11", "fd00::11"])
    w.t1 = w.h1.vm("t1", "02:00:00:00:01:02", VSID, ["10.0.0.12", "fd00::12"], tap=True)
    w.v2 = w.h2.vm("v2", "02:00:00:00:02:01", VSID, ["10.0.0.21", "fd00::21"])
    w.t2 = w.h2.vm("t2", "02:00:00:00:02:02", VSID, ["10.0.0.22", "fd00::22"], tap=True)
    world.records(w.vms)
    return w


def set_offloads(w, on):
    for h in w.hosts:
        h.offloads(on)


def flows(vm, dst, n, packets=3, tos=None):
    """n UDP flows that differ in their source port, a few packets each."""
    with vm.netns.enter():
        sockets = [socket.socket(traffic.family(dst), socket.SOCK_DGRAM) for _ in range(n)]
    for i, s in enumerate(sockets):
        s.bind(("::" if ":" in dst else "0.0.0.0", 20000 + i))
        if tos is not None:
            s.setsockopt(*((socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if ":" in dst else (socket.IPPROTO_IP,
                                                                                         socket.IP_TOS)),
                         tos)
    for _ in range(packets):
        for s in sockets:
            s.sendto(b"flow" * 5, (dst, 9))  # discard: the answers are ICMP errors, which are traffic as well
    for s in sockets:
        s.close()


def entropy(row, encapsulation):
    if encapsulation == "nvgre":
        return int(row["gre.key"][0], 0) & 0xff
    return int(row["udp.srcport"][0])


def add_cases(encapsulation):
    g = suite.group(encapsulation, lambda: make(encapsulation))

    for on in (True, False):
        state = "offloads on" if on else "offloads off"

        @g.case("FWD-3, ENC-8: ping over veth and tap, IPv4 and IPv6, %s" % state)
        def _(w, on=on):
            set_offloads(w, on)
            for x, y in ((w.v1, w.v2), (w.v1, w.t2), (w.t1, w.t2), (w.v2, w.v1), (w.t2, w.t1)):
                traffic.reach(x, y)

        @g.case("ENC-9: bulk TCP byte for byte both ways, no wire packet over the underlay's MTU, %s" % state)
        def _(w, on=on):
            for src, dst, size in ((w.v1, w.v2, 64), (w.v2, w.v1, 64), (w.t1, w.t2, 24), (w.t2, w.v1, 24)):
                for address in dst.addresses:
                    with wire.Segments(src.host.netns, "eth1") as seen:
                        rate = traffic.tcp_exact(src, dst, address, size << 20)
                    case.note("%s to %s: %.0f Mbit/s, %d super-frames, %d others, largest wire packet %d"
                              % (src.name, address, rate, seen.super_frames, seen.plain, seen.largest))
                    require(seen.largest <= UNDERLAY_MTU, "a wire packet has %d bytes" % seen.largest)
                    require(seen.largest > 1400, "the watcher saw bulk traffic (%d)" % seen.largest)
                    require((seen.super_frames > 0) == on, "%d super-frames with %s" % (seen.super_frames, state))

        @g.case("UDP of all sizes, and with segmentation offload, %s" % state)
        def _(w, on=on):
            for x, y in ((w.v1, w.v2), (w.v2, w.v1), (w.t1, w.t2), (w.v1, w.t2), (w.t2, w.v1)):
                for address in y.addresses:
                    traffic.udp_exact(x, y, address, [1, 2, 17, 18, 19, 64, 700, 1300, 1352])
                    traffic.udp_exact(x, y, address, [30000] * 6 + [12000, 1201], gso=1200)

    @g.case("FWD-3: inner frames arrive as they were sent, MAC addresses, TTL, every byte")
    def _(w):
        for src, dst in ((w.v1, w.v2), (w.v2, w.t1), (w.t1, w.t2)):
            for frame in (
                    pkt.eth(dst.mac, src.mac, pkt.ETH_P_IP, pkt.ipv4(src.v4, dst.v4, pkt.UDP, pkt.udp(
                        src.v4, dst.v4, 1, 2, b"unchanged" * 9), ttl=1, tos=0xb8)),
                    pkt.eth(dst.mac, src.mac, pkt.ETH_P_IPV6, pkt.ipv6(src.v6, dst.v6, pkt.UDP, pkt.udp(
                        src.v6, dst.v6, 1, 2, b"unchanged" * 9), hops=1, tclass=0xb8)),
                    pkt.eth(dst.mac, src.mac, pkt.ETH_P_IP, pkt.ipv4(src.v4, dst.v4, 132, b"any protocol" * 4)),
                    pkt.eth(dst.mac, src.mac, pkt.ETH_P_IP, pkt.ipv4(src.v4, dst.v4, pkt.UDP, b"options" * 8,
                                                                     options=b"\x01" * 8)),
                    pkt.eth(dst.mac, src.mac, pkt.ETH_P_IP, pkt.ipv4(src.v4, dst.v4, pkt.UDP, b"fragment" * 8,
                                                                     frag=0x2005)),
                    pkt.eth(dst.mac, src.mac, pkt.ETH_P_IP, pkt.ipv4(src.v4, dst.v4, pkt.TCP, pkt.tcp(
                        src.v4, dst.v4, 1, 2, b"tcp goes another way" * 3, flags=0x10)))):
                with pkt.Raw(src.netns, "eth0") as out, pkt.Raw(dst.netns, "eth0") as back:
                    out.send(frame)
                    back.wait(lambda f, frame=frame: f == frame, what="%s at %s" % (frame.hex(), dst.name))

    @g.case("%s: outer headers as tshark dissects them" % ("ENC-1, ENC-7"
                                                           if encapsulation == "nvgre" else "ENC-2, ENC-7"))
    def _(w):
        with wire.Capture(w.fabric, "h1", "two-hosts-%s-wire" % encapsulation) as cap:
            traffic.reach(w.v1, w.v2)
            flows(w.v1, w.v2.v4, 4)
            flows(w.v1, w.v2.v6, 4)
            traffic.tcp_exact(w.v1, w.v2, w.v2.v4, 1 << 20)
        names = ["ip.src", "ip.dst", "ip.flags.df", "ip.ttl", "ip.len", "ip.proto", "ip.checksum.status", "ip.hdr_len",
                 "ipv6.plen", "eth.src", "eth.dst", "eth.type"]
        if encapsulation == "nvgre":
            names += ["gre.flags_and_version", "gre.proto", "gre.key"]
        else:
            names += ["vxlan.flags", "vxlan.vni", "vxlan.reserved8", "udp.dstport", "udp.srcport",
                      "udp.checksum", "udp.length"]
        rows = cap.fields(names, TUNNEL[encapsulation])
        require(len(rows) > 100, "%d tunnel frames" % len(rows))
        equal(cap.count("_ws.malformed"), 0, "malformed frames")
        directions = {("10.1.1.1", "10.1.1.2"), ("10.1.1.2", "10.1.1.1")}
        inner_macs = {vm.mac for vm in w.vms}
        for r in rows:
            require((r["ip.src"][0], r["ip.dst"][0]) in directions, "provider addresses: %s" % r)
            equal((r["ip.flags.df"][0], r["ip.ttl"][0], r["ip.hdr_len"][0], r["ip.checksum.status"][0]),
                  ("1", "64", "20", "1"), "outer DF, TTL, header length, checksum of %s" % r)
            require(r["eth.src"][1] in inner_macs and r["eth.dst"][1] in inner_macs, "inner MAC addresses: %s" % r)
            inner = int(r["ip.len"][1]) if len(r["ip.len"]) > 1 and not r["ipv6.plen"] else 40 + int(r["ipv6.plen"][0])
            equal(int(r["ip.len"][0]) - inner, OVERHEAD[encapsulation], "overhead of %s" % r)
            if encapsulation == "nvgre":
                equal((r["ip.proto"][0], r["gre.flags_and_version"][0], r["gre.proto"][0]), ("47", "0x2000", "0x6558"),
                      "NVGRE header of %s" % r)
                equal(int(r["gre.key"][0], 0) >> 8, VSID, "VSID of %s" % r)
            else:
                # The 16 bits behind the flags, which tshark takes for a group policy, are judged below.
                equal((r["ip.proto"][0], r["udp.dstport"][0], r["udp.checksum"][0], r["vxlan.flags"][0],
                       r["vxlan.vni"][0],
                       r["vxlan.reserved8"][0]),
                      ("17", "4789", "0x0000", "0x0800", str(VSID), "0"), "VXLAN header of %s" % r)
                equal(int(r["udp.length"][0]), int(r["ip.len"][0]) - 20, "UDP length of %s" % r)
                require(49152 <= int(r["udp.srcport"][0]) <= 65535, "source port of %s" % r)
        if encapsulation == "vxlan":
            heads = {f[42:46] + f[49:50] for f in cap.frames() if f[23] == pkt.UDP and f[36:38] == b"\x12\xb5"}
            equal(heads, {b"\x08\0\0\0\0"}, "flags and reserved fields of all VXLAN headers")

    @g.case("ENC-3: flow entropy is equal within a flow and spread over flows")
    def _(w):
        for dst in w.v2.addresses:
            with wire.Capture(w.fabric, "h1", "two-hosts-%s-entropy" % encapsulation) as cap:
                flows(w.v1, dst, 64)
                traffic.tcp_exact(w.v1, w.v2, dst, 1 << 20)
            rows = cap.fields([TUNNEL[encapsulation], "udp.srcport", "tcp.srcport", "ip.src"],
                              "%s && ip.src == 10.1.1.1 && !icmp && !icmpv6" % TUNNEL[encapsulation])
            by_flow = {}
            for r in rows:
                flow = ("tcp", r["tcp.srcport"][0]) if r["tcp.srcport"] else ("udp", r["udp.srcport"][-1])
                by_flow.setdefault(flow, []).append(entropy(r, encapsulation))
            equal(len(by_flow), 65, "flows on the wire")
            for flow, values in by_flow.items():
                equal(len(set(values)), 1, "entropy values of flow %s" % (flow,))
            distinct = len({v[0] for v in by_flow.values()})
            case.note("%d values for 65 flows to %s" % (distinct, dst))
            require(distinct > 40, "only %d different values for 65 flows" % distinct)

    @g.case("ENC-7: DSCP and ECN are copied to the outer header")
    def _(w):
        marks = [0, 1, 2, 3, 0xb8, 0x28 | 2, 0xfc | 1]
        with wire.Capture(w.fabric, "h1", "two-hosts-%s-tos" % encapsulation) as cap:
            for tos in marks:
                for src, dst in ((w.v1, w.v2), (w.t1, w.t2)):
                    with pkt.Raw(src.netns, "eth0") as raw:
                        raw.send(pkt.eth(dst.mac, src.mac, pkt.ETH_P_IP, pkt.ipv4(src.v4, dst.v4, 253, b"x" * 26,
                                                                                  tos=tos)))
                        raw.send(pkt.eth(dst.mac, src.mac, pkt.ETH_P_IPV6,
                                         pkt.ipv6(src.v6, dst.v6, 253, b"x" * 26, tclass=tos)))
        rows = cap.fields(["ip.dsfield", "ipv6.tclass"], "(ip.proto == 253 || ipv6.nxt == 253) && !icmp && !icmpv6")
        equal(len(rows), len(marks) * 4, "frames on the wire")
        got4 = [(int(r["ip.dsfield"][0], 0), int(r["ip.dsfield"][1], 0)) for r in rows if not r["ipv6.tclass"]]
        got6 = [(int(r["ip.dsfield"][0], 0), int(r["ipv6.tclass"][0], 0)) for r in rows if r["ipv6.tclass"]]
        equal(sorted(got4), sorted((t, t) for t in marks * 2), "(outer, inner) IPv4 TOS")
        equal(sorted(got6), sorted((t, t) for t in marks * 2), "(outer, inner) IPv6 traffic class")

    @g.case("FWD-1: neither ARP nor neighbour discovery goes through a tunnel")
    def _(w):
        with wire.Capture(w.fabric, "h1", "two-hosts-%s-arp" % encapsulation) as cap:
            for vm in w.vms:
                vm.netns.ip("neigh flush dev eth0")
            traffic.reach(w.v1, w.v2)
            traffic.reach(w.t2, w.t1)
        require(cap.count(TUNNEL[encapsulation]) >= 24, "traffic was seen")
        equal(cap.count("%s && (arp || icmpv6.type in {133..137})" % TUNNEL[encapsulation]), 0, "ARP and ND in tunnels")

    @g.case("API-4: what one host counts as encapsulated the other counts as received")
    def _(w):
        before = w.h2.gwd.port("v2")["counters"]
        with Growth(w.h1.gwd) as sent, Growth(w.h2.gwd) as got:
            traffic.udp_exact(w.v1, w.v2, w.v2.v4, [200] * 100)
            case.eventually(lambda: got.now().get("Decapsulated", 0) >= 100, "frames counted as decapsulated")
            require(sent.now().get("Encapsulated", 0) >= 100, "frames counted as encapsulated: %s" % sent.now())
        after = w.h2.gwd.port("v2")["counters"]
        require(after["rxPackets"] - before["rxPackets"] >= 100, "port counters: %s, before %s" % (after, before))
        require(after["rxBytes"] - before["rxBytes"] >= 100 * 242, "port counters: %s, before %s" % (after, before))


add_cases("nvgre")
add_cases("vxlan")


def mixed():
    """Three virtual subnets on the same hosts: VXLAN, NVGRE, and one that is NVGRE from h1 and VXLAN from h2."""
    w = world.two_hosts(settings={"underlay": {"vxlan_port": "8472", "ttl": "17", "dscp": "10"}})
    w.pairs = {}
    for i, vsid in enumerate((4096, 5002, 16777214)):
        x = w.h1.vm("x%d" % i, "02:00:00:00:01:%02x" % i, vsid, ["10.0.0.1", "fd00::1"])
        y = w.h2.vm("y%d" % i, "02:00:00:00:02:%02x" % i, vsid, ["10.0.0.2", "fd00::2"])
        w.pairs[vsid] = (x, y)
        how = ["vxlan", "nvgre", lambda host, vm: "nvgre" if host is w.h1 else "vxlan"][i]
        world.records([x, y], how, w.hosts)
    return w


m = suite.group("mixed", mixed)


@m.case("ENC-2: VXLAN, NVGRE and one subnet with both work at the same time, at both ends of the VSID range (ENC-4)")
def _(w):
    for x, y in w.pairs.values():
        traffic.reach(x, y)
        traffic.reach(y, x)


@m.case("bulk TCP byte for byte through all of them at once")
def _(w):
    running = []
    for i, (x, y) in enumerate(w.pairs.values()):
        running.append(traffic.TcpTransfer(x, y, y.v4, 16 << 20, seed=2 * i))
        running.append(traffic.TcpTransfer(y, x, x.v6, 16 << 20, seed=2 * i + 1))
    for t in running:
        case.note("%.0f Mbit/s" % t.finish())


@m.case("each subnet's packets are what its records say; VXLAN port, TTL and DSCP are as configured (ENC-7)")
def _(w):
    with wire.Capture(w.fabric, "h1", "two-hosts-mixed") as cap:
        for x, y in w.pairs.values():
            traffic.reach(x, y)
    rows = cap.fields(["ip.src", "gre.key", "vxlan.vni", "udp.dstport", "ip.ttl", "ip.dsfield.dscp"],
                      "gre || udp.dstport == 8472")
    seen = set()
    for r in rows:
        vsid = int(r["gre.key"][0], 0) >> 8 if r["gre.key"] else int(r["vxlan.vni"][0])
        seen.add((vsid, r["ip.src"][0], "nvgre" if r["gre.key"] else "vxlan"))
        equal((r["ip.ttl"][0], r["ip.dsfield.dscp"][0]), ("17", "10"), "outer TTL and DSCP of %s" % r)
    equal(seen, {(4096, "10.1.1.1", "vxlan"), (4096, "10.1.1.2", "vxlan"),
                 (5002, "10.1.1.1", "nvgre"), (5002, "10.1.1.2", "nvgre"),
                 (16777214, "10.1.1.1", "nvgre"), (16777214, "10.1.1.2", "vxlan")}, "(VSID, sender, encapsulation)")
    equal(cap.count("udp.dstport == 4789"), 0, "packets to the default VXLAN port")


if __name__ == "__main__":
    suite.main()
