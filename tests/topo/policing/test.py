#!/usr/bin/python3
# What must not pass, from a VM and from the underlay: each is dropped and counted by its own reason, and nothing else is.
#
#   v1 (10.0.0.11) -- h1 (10.1.1.1) eth1 --+-- fabric --+-- eth1 h2 (10.1.1.2) -- v2 (10.0.0.21)
#                       |  eth2            |            |
#                       +------------------+            +-- eth1 evil: raw frames with any address
#
# Covers ENC-2 (reserved bits, UDP checksum), ENC-3 (any FlowID, any port), ENC-5 (inner tags), ENC-6 (every GRE variant),
# ENC-7 (ECN at decapsulation), ENC-10 (unknown VSID, sender, destination; tunnels only from the underlay), ACL-3 (own MAC
# and addresses only).
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, world
from lib.case import equal, require
from lib.gwd import Growth

N, X = 5001, 5002  # NVGRE, VXLAN: decided by the records of each virtual subnet
VM1, VM2, NOBODY = "02:00:00:00:01:01", "02:00:00:00:02:01", "02:00:00:00:09:09"
IP1, IP2, FREE = "10.0.0.11", "10.0.0.21", "10.0.0.77"
SIX1, SIX2, FREE6 = "fd00::11", "fd00::21", "fd00::77"
ROUTER_MAC = "02:67:77:64:00:01"
MARK = b"policing-probe-" * 3
suite = case.Suite()


def setup():
    w = world.two_hosts()
    w.evil = w.namespace("evil")
    w.plug(w.evil, "eth1", "evil")
    w.vm = {}
    for vsid, how in ((N, "nvgre"), (X, "vxlan")):
        w.vm[vsid] = w.h1.vm("v%d" % vsid, VM1, vsid, [IP1])  # quiet: no IPv6 in its kernel
        other = w.h2.vm("w%d" % vsid, VM2, vsid, [IP2])
        world.records([w.vm[vsid], other], how)
        for h in w.hosts:
            h.record(vsid, SIX1, "10.1.1.1", VM1, how)
            h.record(vsid, SIX2, "10.1.1.2", VM2, how)
        w.h1.record(vsid, "10.0.0.44", "10.1.1.1", "02:00:00:00:01:44", how)  # a VM of this host that is switched off
    w.raw = pkt.Raw(w.evil, "eth1")
    w.seen = {vsid: pkt.Raw(vm.netns, "eth0") for vsid, vm in w.vm.items()}
    h1_mac = w.h1.netns.mac("eth1")
    w.under = pkt.Underlay(w.evil.mac("eth1"), h1_mac, "10.1.1.2", "10.1.1.1")
    w.stranger = pkt.Underlay(w.evil.mac("eth1"), h1_mac, "10.1.1.77", "10.1.1.1")
    traffic.reach(w.vm[N], type("V", (), {"name": "w", "addresses": [IP2]}))
    traffic.reach(w.vm[X], type("V", (), {"name": "w", "addresses": [IP2]}))
    return w


g = suite.group("", setup)


def inner(proto=pkt.UDP, dst=VM1, src=VM2, tos=0, vlan=None, tpid=None, ethertype=pkt.ETH_P_IP, six=False):
    """A frame for the VM on h1."""
    if six:
        l4 = pkt.tcp(SIX2, SIX1, 9, 10, MARK) if proto == pkt.TCP else pkt.udp(SIX2, SIX1, 9, 10, MARK)
        return pkt.eth(dst, src, pkt.ETH_P_IPV6, pkt.ipv6(SIX2, SIX1, proto, l4, tclass=tos))
    l4 = pkt.tcp(IP2, IP1, 9, 10, MARK) if proto == pkt.TCP else pkt.udp(IP2, IP1, 9, 10, MARK)
    frame = pkt.eth(dst, src, ethertype, pkt.ipv4(IP2, IP1, proto, l4, tos=tos), vlan)
    return frame if tpid is None else frame[:12] + struct.pack("!H", tpid) + frame[14:]


def from_vm(name, reason, *frames):
    """VM v1 sends frames; each is dropped for `reason`, nothing arrives at the other VM."""
    @g.case("from a VM: %s: %s" % (name, reason))
    def _(w):
        vm = w.vm[N]
        with pkt.Raw(vm.netns, "eth0") as out, Growth(w.h1.gwd) as grown, Growth(w.h2.gwd) as other:
            for f in frames:
                out.send(f)
            grown.becomes({reason: len(frames)}, name)
            require("Decapsulated" not in other.now(), "nothing arrives at the other host: %s" % other.now())


def udp_from(src_mac=VM1, src=IP1, dst_mac=VM2, dst=IP2, vlan=None):
    return pkt.eth(dst_mac, src_mac, pkt.ETH_P_IP, pkt.ipv4(src, dst, pkt.UDP, pkt.udp(src, dst, 1, 2, MARK)), vlan)


def udp6_from(src_mac=VM1, src=SIX1, dst_mac=VM2, dst=SIX2):
    return pkt.eth(dst_mac, src_mac, pkt.ETH_P_IPV6, pkt.ipv6(src, dst, pkt.UDP, pkt.udp(src, dst, 1, 2, MARK)))


from_vm("ACL-3, a foreign source MAC address", "SpoofedMac", udp_from(NOBODY), udp6_from(NOBODY), udp_from(VM2),
        pkt.eth(VM2, NOBODY, 0x88b6, MARK))
from_vm("ACL-3, a foreign source address", "SpoofedAddress", udp_from(src=IP2), udp_from(src=FREE),
        udp_from(src="0.0.0.0"),
        udp_from(src="255.255.255.255"), udp6_from(src=SIX2), udp6_from(src=FREE6), udp6_from(src="fe80::1"),
        udp6_from(src="::"), udp6_from(src="::ffff:10.0.0.11"))
from_vm("ACL-3, ARP with a foreign sender", "SpoofedArp",
        pkt.arp_request(VM1, IP2, IP2), pkt.arp_request(VM1, FREE, IP2), pkt.arp_request(NOBODY, IP1, IP2),
        pkt.eth(pkt.BROADCAST, VM1, pkt.ETH_P_ARP, pkt.arp(1, NOBODY, IP1, "00:00:00:00:00:00", IP2)),
        pkt.eth(pkt.BROADCAST, NOBODY, pkt.ETH_P_ARP, pkt.arp(1, VM1, IP1, "00:00:00:00:00:00", IP2)),
        pkt.eth(VM2, VM1, pkt.ETH_P_ARP, pkt.arp(2, VM1, FREE, VM2, IP2)),
        pkt.eth(VM2, VM1, pkt.ETH_P_ARP, pkt.arp(2, NOBODY, IP1, VM2, IP2)))
from_vm("ACL-3, neighbour discovery with a foreign sender", "SpoofedArp",
        pkt.neighbour_solicitation(VM1, SIX2, SIX2), pkt.neighbour_solicitation(NOBODY, SIX1, SIX2),
        pkt.neighbour_advertisement(VM1, VM2, SIX1, SIX2, SIX2, VM1),
        pkt.neighbour_advertisement(VM1, VM2, SIX2, SIX2, SIX1, VM1),
        pkt.neighbour_advertisement(NOBODY, VM2, SIX1, SIX2, SIX1, NOBODY),
        pkt.neighbour_advertisement(VM1, VM2, SIX1, SIX2, SIX1, NOBODY))
from_vm("FWD-3, a MAC address that nobody has", "NoRecord", udp_from(dst_mac=NOBODY), udp6_from(dst_mac=NOBODY),
        pkt.eth(NOBODY, VM1, 0x88b6, MARK))
from_vm("the distributed router, which is not there yet", "NoRoute", udp_from(dst_mac=ROUTER_MAC))
from_vm("a VM of this host without a port", "NoLocalPort", udp_from(dst_mac="02:00:00:00:01:44", dst="10.0.0.44"))
from_vm("broadcast and multicast", "Flood", udp_from(dst_mac=pkt.BROADCAST, dst="255.255.255.255"),
        udp_from(dst_mac="01:00:5e:00:00:fb", dst="224.0.0.251"), udp6_from(dst_mac="33:33:00:00:00:01", dst="ff02::1"),
        pkt.eth("01:80:c2:00:00:00", VM1, 0x88cc, MARK))
_v4, _v6 = udp_from(), udp6_from()
from_vm("IP headers that contradict the frame", "Malformed",
        _v4[:14], _v4[:14 + 19], _v4[:-1],                                       # truncated
        _v4[:14] + b"\x55" + _v4[15:], _v4[:14] + b"\x44" + _v4[15:],            # version 5; header length 16
        _v4[:16] + b"\x00\x13" + _v4[18:],                                       # shorter than its header
        _v4[:14] + b"\x4f" + _v4[15:16] + b"\x00\x14" + _v4[18:34],              # options that are not there
        _v6[:14 + 39], _v6[:-1], _v6[:14] + b"\x40" + _v6[15:])
from_vm("three VLAN tags", "InnerVlan",
        udp_from(vlan=5)[:12] + struct.pack("!HHHH", 0x8100, 6, 0x8100, 7) + udp_from(vlan=5)[12:])


@g.case("ENC-10: a tunnel packet from a VM is an inner packet like any other")
def _(w):
    forged = pkt.Underlay(VM1, w.h1.netns.mac("v%d" % N), "10.1.1.2", "10.1.1.1")
    with pkt.Raw(w.vm[N].netns, "eth0") as out, Growth(w.h1.gwd) as grown:
        out.send(forged.vxlan(X, inner()))
        out.send(forged.nvgre(X, inner()))
        case.eventually(lambda: sum(grown.now().values()) == 2, "both are counted")
        require(set(grown.now()) <= {"SpoofedAddress", "NoRecord"}, "counted as %s" % grown.now())
    w.seen[X].silence(lambda f: MARK in f, what="the forged packet")


@g.case("ENC-5: tags of a frame from a VM are taken off before encapsulation")
def _(w):
    with pkt.Raw(w.vms[1].netns, "eth0") as back, pkt.Raw(w.vm[N].netns, "eth0") as out, Growth(w.h1.gwd) as grown:
        for frame in (udp_from(vlan=5), udp_from(vlan=0x6fff),
                      udp_from(vlan=5)[:12] + struct.pack("!HH", 0x88a8, 6) + udp_from(vlan=5)[12:]):
            out.send(frame)
            back.wait(lambda f: f == udp_from(), what="the frame without its tag")
        equal(grown.now().get("Encapsulated"), 3, "frames counted as encapsulated")


# --- from the underlay ------------------------------------------------------------------------------------------------------

def deliver(name, vsid, make, arrives=None, counted=None, when_tcp=True):
    """The underlay sends make(w, frame); `arrives` (default: the frame itself) must get to the VM."""
    for proto, six, label in ((pkt.UDP, False, "UDP"), (pkt.TCP, False, "TCP"), (pkt.UDP, True, "UDP over IPv6"),
                              (pkt.TCP, True, "TCP over IPv6")):
        if proto == pkt.TCP and not when_tcp:
            continue

        @g.case("from the underlay: %s: accepted (%s inside)" % (name, label))
        def _(w, proto=proto, six=six):
            frame = inner(proto, six=six)
            w.seen[vsid].drain()
            with Growth(w.h1.gwd) as grown:
                w.raw.send(make(w, frame))
                wanted = arrives(frame) if arrives else frame
                w.seen[vsid].wait(lambda f: f == wanted, what="the inner frame")
                case.eventually(lambda: grown.now().get("Decapsulated", 0) + grown.now().get("FromDevice", 0) == 1,
                                "counted as received")


def refuse(name, reason, vsid, make, both=True):
    """The underlay sends make(w, frame); it is dropped for `reason`."""
    for proto in (pkt.UDP, pkt.TCP) if both else (pkt.UDP,):
        @g.case("from the underlay: %s: %s (%s inside)" % (name, reason, "TCP" if proto == pkt.TCP else "UDP"))
        def _(w, proto=proto):
            w.seen[vsid].drain()
            with Growth(w.h1.gwd) as grown:
                w.raw.send(make(w, inner(proto)))
                grown.becomes({reason: 1}, name)
            w.seen[vsid].silence(lambda f: MARK in f, 0.05, what="the frame")


deliver("NVGRE as it should be", N, lambda w, f: w.under.nvgre(N, f))
deliver("VXLAN as it should be", X, lambda w, f: w.under.vxlan(X, f))
for flow_id in (0, 255):
    deliver("ENC-3, FlowID %d" % flow_id, N, lambda w, f, i=flow_id: w.under.nvgre(N, f, flow=i), when_tcp=False)
for source_port in (1, 4789, 65535):
    deliver("ENC-3, source port %d" % source_port, X, lambda w, f, p=source_port: w.under.vxlan(X, f, sport=p),
            when_tcp=False)
deliver("ENC-6, GRE bits 6 to 12 set", N, lambda w, f: w.under.nvgre(N, f, flags=0x2000 | 0x03f8))
deliver("ENC-2, VXLAN reserved bits set", X,
        lambda w, f: w.under.vxlan(X, f, flags=0xff, reserved24=0xffffff, reserved8=0xff))
deliver("ENC-2, right UDP checksum", X, lambda w, f: w.under.vxlan(X, f, check=None))
deliver("ENC-2, right UDP checksum, reserved bits set", X,
        lambda w, f: w.under.vxlan(X, f, check=None, flags=0x88, reserved24=1, reserved8=9))
deliver("either encapsulation for a VSID", N, lambda w, f: w.under.vxlan(N, f))
deliver("either encapsulation for a VSID", X, lambda w, f: w.under.nvgre(X, f))

for bit, flags in (("C bit", 0x8000), ("bit 1", 0x4000), ("S bit", 0x1000), ("bit 4", 0x0800), ("bit 5", 0x0400)):
    # The optional fields are there, as a decapsulator that believes the bit would want them.
    refuse("ENC-6, GRE %s" % bit, "GreFlags", N,
           lambda w, f, b=flags: w.under.nvgre(N, bytes(4 if b in (0x8000, 0x1000) else 0) + f, flags=0x2000 | b),
           False)
for version in (1, 2, 7):
    refuse("ENC-6, GRE version %d" % version, "GreVersion", N,
           lambda w, f, v=version: w.under.nvgre(N, f, flags=0x2000 | v), False)
refuse("ENC-6, GRE without key", "GreNoKey", N, lambda w, f: w.under.nvgre(N, f, flags=0))
for ethertype in (pkt.ETH_P_IP, 0x6559, 0x880b):
    refuse("ENC-6, GRE protocol type 0x%04x" % ethertype, "GreProtocol", N,
           lambda w, f, p=ethertype: w.under.nvgre(N, f, proto=p), False)
for length in (0, 3, 4, 7, 8, 21):
    refuse("ENC-6, GRE cut after %d bytes" % length, "OuterMalformed", N,
           lambda w, f, n=length: w.under.frame(pkt.GRE, pkt.nvgre(N, f)[:n]), False)
refuse("ENC-6, GRE longer than the frame", "OuterMalformed", N,
       lambda w, f: w.under.nvgre(N, f, ip_options={"total": 1000}))
for length in (8, 12, 15, 16, 29):
    refuse("VXLAN cut after %d bytes" % length, "OuterMalformed", X, lambda w, f, n=length: w.under.frame(
        pkt.UDP, pkt.udp("10.1.1.2", "10.1.1.1", 50000, 4789, pkt.vxlan(X, f)[:n - 8], 0)), False)
refuse("UDP length that contradicts the IP header's", "OuterMalformed", X, lambda w, f: w.under.frame(
    pkt.UDP, struct.pack("!HHHH", 50000, 4789, 20, 0) + pkt.vxlan(X, f)))
refuse("VXLAN without I flag", "VxlanFlags", X, lambda w, f: w.under.vxlan(X, f, flags=0))
refuse("VXLAN with every flag but I", "VxlanFlags", X, lambda w, f: w.under.vxlan(X, f, flags=0xf7))
for name_, vsid_, wrap in (("NVGRE", N, "nvgre"), ("VXLAN", X, "vxlan")):
    def put(w, vsid, f, wrap=wrap, who="under", **kw):
        return getattr(getattr(w, who), wrap)(vsid, f, **kw)

    for wrong in (4095, 4096, N + 100, 16777214):
        refuse("ENC-10, %s on unknown VSID %d" % (name_, wrong), "UnknownVsid", vsid_,
               lambda w, f, v=wrong, put=put: put(w, v, f), False)
    refuse("ENC-4, %s on the system VSID" % name_, "SystemVsid", vsid_, lambda w, f, put=put: put(w, 0xffffff, f))
    refuse("ENC-10, %s from an unknown provider address" % name_, "UnknownPeer", vsid_,
           lambda w, f, v=vsid_, put=put: put(w, v, f, who="stranger"))
    refuse("ENC-10, %s for a MAC address that has no port here" % name_, "UnknownDestination", vsid_,
           lambda w, f, v=vsid_, put=put: put(w, v, pkt.mac(NOBODY) + f[6:]))
    refuse("ENC-10, %s for a VM that is switched off" % name_, "UnknownDestination", vsid_,
           lambda w, f, v=vsid_, put=put: put(w, v, pkt.mac("02:00:00:00:01:44") + f[6:]))
    refuse("FWD-8, %s with a broadcast inside" % name_, "TunnelFlood", vsid_,
           lambda w, f, v=vsid_, put=put: put(w, v, pkt.mac(pkt.BROADCAST) + f[6:]))
    for tpid in (0x8100, 0x88a8):
        refuse("ENC-5, %s with a tag 0x%04x inside" % (name_, tpid), "InnerVlan", vsid_,
               lambda w, f, v=vsid_, put=put, t=tpid: put(w, v, f[:12] + struct.pack("!HH", t, 5) + f[12:]))
    refuse("%s with a group source MAC address inside" % name_, "InnerMalformed", vsid_,
           lambda w, f, v=vsid_, put=put: put(w, v, f[:6] + b"\x01" + f[7:]))
    refuse("%s with a truncated IP header inside" % name_, "InnerMalformed", vsid_,
           lambda w, f, v=vsid_, put=put: put(w, v, f[:14 + 12]), False)
    refuse("%s with IP version 7 inside" % name_, "InnerMalformed", vsid_,
           lambda w, f, v=vsid_, put=put: put(w, v, f[:14] + b"\x75" + f[15:]))
    refuse("%s, outer header with options" % name_, "OuterOptions", vsid_,
           lambda w, f, v=vsid_, put=put: put(w, v, f, ip_options={"options": b"\x01" * 4}), False)
    refuse("%s, fragment" % name_, "OuterFragment", vsid_,
           lambda w, f, v=vsid_, put=put: put(w, v, f, ip_options={"frag": 0x2000}))
    refuse("%s, outer header checksum wrong" % name_, "OuterChecksum", vsid_,
           lambda w, f, v=vsid_, put=put: (lambda p: p[:24] + bytes([p[24] ^ 1]) + p[25:])(put(w, v, f)))
    refuse("ENC-7, %s, congestion mark on a flow that cannot be told" % name_, "Ecn", vsid_,
           lambda w, f, v=vsid_, put=put: put(w, v, f, ip_options={"tos": 3}))

    @g.case("ENC-7: %s, ECN of both headers is combined (RFC 6040), DSCP is left alone" % name_)
    def _(w, vsid=vsid_, put=put):
        for proto in (pkt.UDP, pkt.TCP):
            for outer, before, after in ((0, 2, 2), (2, 1, 1), (1, 2, 1), (3, 1, 3), (3, 2, 3), (3, 3, 3), (0, 0, 0),
                                         (1, 0, 0),
                                         (2, 3, 3)):
                for six in (False, True):
                    w.raw.send(put(w, vsid, inner(proto, tos=0xb8 | before, six=six), ip_options={"tos": 0x28 | outer}))
                    wanted = inner(proto, tos=0xb8 | after, six=six)
                    w.seen[vsid].wait(lambda f, wanted=wanted: f == wanted,
                                      what="outer %d, inner %d, IPv%d, protocol %d"
                                      % (outer, before, 6 if six else 4, proto))


@g.case("ENC-2: VXLAN with a wrong UDP checksum is not delivered")
def _(w):
    for proto in (pkt.UDP, pkt.TCP):
        w.raw.send(w.under.vxlan(X, inner(proto), check=0x1234))
        w.seen[X].silence(lambda f: MARK in f, 0.3, what="the frame")


@g.case("tunnel packets to an address that is not a provider address, and other UDP, are left to the host")
def _(w):
    w.h1.netns.ip("addr add 10.1.1.200/24 dev eth1")
    alien = pkt.Underlay(w.under.smac, w.under.dmac, "10.1.1.2", "10.1.1.200")
    for frame in (alien.vxlan(X, inner()), alien.nvgre(N, inner()), w.under.vxlan(X, inner(), dport=4790)):
        with Growth(w.h1.gwd, but=()) as grown:
            w.raw.send(frame)
            case.eventually(lambda: grown.now().get("ToStack", 0) >= 1, "counted as left to the host")
            require(not set(grown.now()) - {"ToStack", "NotUnderlay"}, "counted as %s" % grown.now())
        for seen in w.seen.values():
            seen.silence(lambda f: MARK in f, 0.05, what="the frame")
    w.h1.netns.ip("addr del 10.1.1.200/24 dev eth1")


@g.case("ENC-10: tunnel packets that arrive on another interface than the underlay's are not delivered")
def _(w):
    w.plug(w.h1.netns, "eth2", "h1b")
    w.h1.netns.sysctl("net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth2.rp_filter=0")
    side = pkt.Underlay(w.under.smac, w.h1.netns.mac("eth2"), "10.1.1.2", "10.1.1.1")
    for proto in (pkt.UDP, pkt.TCP):
        with Growth(w.h1.gwd) as grown:
            w.raw.send(side.vxlan(X, inner(proto)))
            if "kernel" in w.h1.gwd.engine()["receivePath"]["vxlan"]:  # else the host has no socket for it
                case.eventually(lambda: grown.now().get("NotUnderlay") == 1, "counted as NotUnderlay")
        w.raw.send(side.nvgre(N, inner(proto)))
        for seen in w.seen.values():
            seen.silence(lambda f: MARK in f, 0.2, what="the frame")
    w.h1.netns.ip("link del dev eth2")


@g.case("without a provider address nothing leaves: NoSourceProviderAddress")
def _(w):
    w.h1.gwd.ctl("provider-address", "del", "--address", "10.1.1.1")
    with pkt.Raw(w.vm[N].netns, "eth0") as out, Growth(w.h1.gwd) as grown:
        out.send(udp_from())
        grown.becomes({"NoSourceProviderAddress": 1}, "no provider address")
    w.h1.gwd.ctl("provider-address", "add", "--interface", "eth1", "--address", "10.1.1.1", "--prefix-length", 24)
    with pkt.Raw(w.vms[1].netns, "eth0") as back, pkt.Raw(w.vm[N].netns, "eth0") as out:
        out.send(udp_from())
        back.wait(lambda f: f == udp_from(), what="with it again, the frame")


@g.case("after all that, everything still works")
def _(w):
    for vsid in (N, X):
        got, said = traffic.ping(w.vm[vsid], IP2)
        equal(got, 3, said)


if __name__ == "__main__":
    suite.main()
