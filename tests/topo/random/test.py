#!/usr/bin/python3
# time-limit: 120
# 30 seconds of random and mutated frames, from a VM into its port and from the underlay, while good flows go on.
#
#   good1, goodx1 \                                           / good2, goodx2
#                  h1 (10.1.1.1) eth1 --+-- fabric -- eth1 h2 (10.1.1.2)         NVGRE: VSID 5001; VXLAN: 5002 (x)
#   bad, badx     /                     +---- evil: raw frames
#
# The bad VMs may confuse others about themselves (they own their addresses), so the good flows are between good ones.
# Covers: no crash, no leak (the daemon runs with sanitizers), every packet that enters a hook is counted exactly once, as
# an outcome or as a drop; a flow that is sound does not notice. GW_RANDOM_SEED repeats a run.
import os
import random
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, world
from lib.case import equal, require

N, X = 5001, 5002
SECONDS = 30
ETH_P_ALL, SOL_PACKET, PACKET_STATISTICS = 3, 263, 6
GOOD1, GOOD2, BAD = "02:00:00:00:01:01", "02:00:00:00:02:01", "02:00:00:00:01:02"
suite = case.Suite()


def bases(h1_mac, evil_mac):
    """Frames that are right, or nearly: what a mutation has to start from to get deep."""
    def udp(src, dst):
        return pkt.udp(src, dst, 100, 200, b"random" * 20)

    port = [
        pkt.eth(GOOD2, BAD, pkt.ETH_P_IP, pkt.ipv4("10.0.0.12", "10.0.0.21", pkt.UDP, udp("10.0.0.12", "10.0.0.21"))),
        pkt.eth(GOOD1, BAD, pkt.ETH_P_IP, pkt.ipv4("10.0.0.12", "10.0.0.11", pkt.TCP,
                                                   pkt.tcp("10.0.0.12", "10.0.0.11", 1, 2, b"x" * 50, flags=0x18))),
        pkt.eth(GOOD2, BAD, pkt.ETH_P_IPV6, pkt.ipv6("fd00::12", "fd00::21", pkt.UDP, udp("fd00::12", "fd00::21"))),
        pkt.eth(GOOD2, BAD, pkt.ETH_P_IPV6, pkt.ipv6("fd00::12", "fd00::21", pkt.ICMPV6,
                                                     pkt.icmpv6_echo("fd00::12", "fd00::21"))),
        pkt.eth(GOOD2, BAD, pkt.ETH_P_IP, pkt.ipv4("10.0.0.12", "10.0.0.21", pkt.ICMP,
                                                   pkt.icmp_echo(payload=b"x" * 1450),
                                                   frag=0x4000)),
        pkt.eth(GOOD2, BAD, pkt.ETH_P_IP, pkt.ipv4("10.0.0.12", "10.0.0.21", pkt.ICMP,
                                                   pkt.icmp_echo(payload=b"x" * 1450))),
        pkt.eth(GOOD2, BAD, pkt.ETH_P_IP, pkt.ipv4("10.0.0.12", "10.0.0.21", pkt.UDP, b"y" * 64, frag=0x2001)),
        pkt.eth(GOOD2, BAD, pkt.ETH_P_IP, pkt.ipv4("10.0.0.12", "10.0.0.21", 132, b"z" * 64, options=b"\x01" * 12)),
        pkt.eth(GOOD2, BAD, pkt.ETH_P_IP, pkt.ipv4("10.0.0.12", "10.0.0.21", pkt.UDP, udp("10.0.0.12", "10.0.0.21")),
                vlan=7),
        pkt.arp_request(BAD, "10.0.0.12", "10.0.0.21"),
        pkt.eth(GOOD1, BAD, pkt.ETH_P_ARP, pkt.arp(2, BAD, "10.0.0.12", GOOD1, "10.0.0.11")),
        pkt.neighbour_solicitation(BAD, "fd00::12", "fd00::21"),
        pkt.neighbour_advertisement(BAD, GOOD2, "fd00::12", "fd00::21", "fd00::12", BAD),
        pkt.eth(GOOD2, BAD, 0x88b6, b"not IP" * 10),
        pkt.eth("02:00:00:00:09:09", BAD, pkt.ETH_P_IP, pkt.ipv4("10.0.0.12", "10.0.0.99", pkt.UDP,
                                                                 udp("10.0.0.12", "10.0.0.99"))),
    ]
    u = pkt.Underlay(evil_mac, h1_mac, "10.1.1.2", "10.1.1.1")
    v4 = pkt.eth(BAD, GOOD2, pkt.ETH_P_IP, pkt.ipv4("10.0.0.21", "10.0.0.12", pkt.UDP, udp("10.0.0.21", "10.0.0.12")))
    tcp = pkt.eth(BAD, GOOD2, pkt.ETH_P_IP, pkt.ipv4("10.0.0.21", "10.0.0.12", pkt.TCP,
                                                     pkt.tcp("10.0.0.21", "10.0.0.12", 1, 2, b"x" * 50)))
    v6 = pkt.eth(BAD, GOOD2, pkt.ETH_P_IPV6, pkt.ipv6("fd00::21", "fd00::12", pkt.UDP, udp("fd00::21", "fd00::12")))
    underlay = [f for inner in (v4, tcp, v6, pkt.eth(BAD, GOOD2, 0x88b6, b"not IP" * 10), inner_vlan(v4))
                for f in (u.nvgre(N, inner), u.vxlan(X, inner), u.vxlan(X, inner, check=None),
                          u.nvgre(N, inner, flags=0x23f8), u.vxlan(X, inner, ip_options={"tos": 3}))]
    underlay.append(pkt.eth(h1_mac, evil_mac, pkt.ETH_P_IP, pkt.ipv4("10.1.1.2", "10.1.1.1", pkt.ICMP,
                                                                     pkt.icmp_echo())))
    return port, underlay


def inner_vlan(frame):
    return frame[:12] + b"\x81\x00\x00\x05" + frame[12:]


def mutate(rng, frame):
    kind = rng.randrange(10)
    if kind == 0:
        return rng.randbytes(rng.randrange(14, 1514))
    f = bytearray(frame)
    if kind == 1:
        return bytes(f)
    if kind in (2, 3):
        return bytes(f[:rng.randrange(14, len(f))])
    if kind == 4:
        at = rng.randrange(12, len(f))  # the MAC addresses stay: the switch learns from them
        f[at:at] = rng.randbytes(rng.randrange(1, 60))
    elif kind == 5:
        at = rng.randrange(12, len(f))
        del f[at:at + rng.randrange(1, 30)]
        f += rng.randbytes(rng.randrange(0, 40))
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        # Headers, not payload, are where decisions are made.
        f[rng.randrange(12, min(len(f), 110))] = rng.choice((0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)))
    return bytes(f[:1514])


def reaches_hook(frame):
    """The kernel itself takes the outer VLAN tag off, before any hook, and throws a frame away that is too short for one."""
    return len(frame) >= 20 or frame[12:14] not in (b"\x81\x00", b"\x88\xa8")


def sender(path, dev, h1_mac, evil_mac, which, seed, seconds):
    """Runs in a process of its own (see main): sends mutations until its time is over."""
    netns = type("N", (), {"path": path, "enter": world.Netns.enter})()
    rng = random.Random(seed)
    frames = bases(h1_mac, evil_mac)[which]
    sent = refused = 0
    end = time.monotonic() + seconds
    with pkt.Raw(netns, dev) as raw:
        while time.monotonic() < end:
            for _ in range(32):
                frame = mutate(rng, rng.choice(frames))
                if not reaches_hook(frame):
                    continue
                try:
                    raw.socket.send(frame)
                    sent += 1
                except OSError:
                    refused += 1
    print(sent, refused)


def setup():
    w = world.two_hosts()
    w.good1 = w.h1.vm("good1", GOOD1, N, ["10.0.0.11", "fd00::11"])
    w.good2 = w.h2.vm("good2", GOOD2, N, ["10.0.0.21", "fd00::21"])
    w.bad = w.h1.vm("bad", BAD, N, ["10.0.0.12", "fd00::12"], mtu=1500)
    w.bad_x = w.h1.vm("badx", BAD, X, ["10.0.0.12", "fd00::12"], mtu=1500)
    w.good_x1 = w.h1.vm("goodx1", GOOD1, X, ["10.0.0.11", "fd00::11"])
    w.good_x2 = w.h2.vm("goodx2", GOOD2, X, ["10.0.0.21", "fd00::21"])
    world.records([w.good1, w.good2, w.bad], "nvgre", w.hosts)
    world.records([w.good_x1, w.good_x2, w.bad_x], "vxlan", w.hosts)
    w.evil = w.namespace("evil")
    w.plug(w.evil, "eth1", "evil")
    for h in w.hosts:  # packets that are aggregated before a hook could not be counted one by one
        for d in tunnel_devices(h):
            h.netns.offloads(d, False)
        h.cut = Seen(h.netns, "gwdcut1")
    return w


def tunnel_devices(h):
    return [d["ifname"] for d in h.netns.ip_json("link show")
            if d.get("linkinfo", {}).get("info_kind") in ("vxlan", "gretap")]


class Seen:
    """
    How many packets the kernel has received on a device: no counter of the device itself counts those that the engine
    sends round in it, as it does with the rest of a packet that it cuts.
    """

    def __init__(self, netns, dev):
        with netns.enter():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # what does not fit is counted as well
        self.socket.bind((dev, ETH_P_ALL))
        self.packets = 0

    def now(self):
        # Reading resets it. struct tpacket_stats: packets, drops.
        self.packets += struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[0]
        return self.packets


def entered_hooks(w, h):
    """Packets that the kernel handed to the engine's hooks on a host: ports, underlay, tunnel devices, where packets are cut."""
    devices = ["eth1"] + [vm.port for vm in w.vms if vm.host is h] + tunnel_devices(h)
    return sum(h.netns.stats(d)["rx"]["packets"] for d in devices) + h.cut.now()


def backlog_drops():
    with open("/proc/net/softnet_stat") as f:
        return sum(int(line.split()[1], 16) for line in f)


g = suite.group("", setup)


@g.case("30 s of random frames into every hook: flows and daemon live, every packet is counted exactly once")
def _(w):
    seed = int(os.environ.get("GW_RANDOM_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)
    case.note("GW_RANDOM_SEED=%d" % seed)
    for x, y in ((w.good1, w.good2), (w.bad, w.good2), (w.bad_x, w.good_x2), (w.good_x2, w.good_x1)):
        traffic.reach(x, y)
    pid = w.h1.gwd.process.pid
    backlog = backlog_drops()
    before = {h.name: (entered_hooks(w, h), h.gwd.entered()) for h in w.hosts}
    # The switch between them is not under test: evil lies about everything but its MAC address.
    h1_mac, evil_mac = w.h1.netns.mac("eth1"), w.evil.mac("eth1")
    senders = [subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), "--send", netns.path, dev, h1_mac,
                                 evil_mac,
                                 str(which), str(seed + i), str(SECONDS)], stdout=subprocess.PIPE, text=True)
               for i, (netns, dev, which) in enumerate(((w.bad.netns, "eth0", 0), (w.bad_x.netns, "eth0", 0),
                                                        (w.evil, "eth1", 1)))]
    flows = [traffic.UdpFlow(w.good1, w.good2, w.good2.v4, 1000, SECONDS - 1),
             traffic.UdpFlow(w.good_x2, w.good_x1, w.good_x1.v6, 1000, SECONDS - 1, port=7001)]
    for s in senders:
        said, _ = s.communicate(timeout=SECONDS + 30)
        equal(s.returncode, 0, "a sender's exit status")
        sent, refused = map(int, said.split())
        case.note("%d frames sent, %d refused by the kernel" % (sent, refused))
        require(sent > 50000 / case.SLOWNESS, "only %d frames" % sent)
    results = [f.result() for f in flows]
    equal(w.h1.gwd.process.poll(), None, "the daemon's exit status")
    equal(w.h1.gwd.process.pid, pid, "the daemon's pid")

    def settled():
        # The counters are read one after the other: they are a snapshot only once nothing moves.
        a = {h.name: (entered_hooks(w, h), h.gwd.entered()) for h in w.hosts}
        return a if a == {h.name: (entered_hooks(w, h), h.gwd.entered()) for h in w.hosts} else None

    after = case.eventually(settled, "the counters come to rest", 10, 0.3)
    for name, (hooks, counted) in before.items():
        equal(after[name][1] - counted, after[name][0] - hooks,
              "packets that %s counted, of those that entered its hooks" % name)
    require(after["h1"][0] - before["h1"][0] > 100000, "enough packets entered")
    case.note("outcomes: %s" % w.h1.gwd.outcomes())
    case.note("drops: %s" % w.h1.gwd.drops())
    dropped = backlog_drops() - backlog
    for r in results:
        case.note("a good flow: %s" % r)
        require(r["lost"] <= dropped, "a good flow lost %d of %d, the kernel's backlog dropped %d"
                % (r["lost"], r["sent"], dropped))


@g.case("random frames reached most branches")
def _(w):
    seen = set(w.h1.gwd.drops()) | set(w.h1.gwd.outcomes())
    wanted = {"Malformed", "SpoofedMac", "SpoofedAddress", "SpoofedArp", "NoRecord", "OuterMalformed", "OuterChecksum",
              "GreFlags", "GreVersion", "GreProtocol", "UnknownVsid", "UnknownDestination", "InnerVlan",
              "InnerMalformed",
              "Encapsulated", "Decapsulated", "Switched", "ArpAnswered", "NdAnswered", "IcmpAnswered", "ToStack", "ToFragmentation"}
    equal(wanted - seen, set(), "reasons and outcomes that never came up")


@g.case("afterwards everything works, and the daemon ends well")
def _(w):
    for x, y in ((w.good1, w.good2), (w.bad, w.good2), (w.bad_x, w.good_x2), (w.good_x2, w.good_x1)):
        traffic.reach(x, y)
        traffic.tcp_exact(y, x, x.v4, 4 << 20)
    w.h1.gwd.restart()
    traffic.reach(w.good1, w.good2)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--send"]:
        sender(sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5], int(sys.argv[6]), int(sys.argv[7]),
               float(sys.argv[8]))
    else:
        suite.main()
