#!/usr/bin/python3
# Taps and underlay interfaces with several queues: flows spread over them, none is torn apart.
#
#   v1 (veth) -- h1 (10.1.1.1) eth1 == fabric == eth1 h2 (10.1.1.2) == m: a tap with 4 queues, which this program holds
#                                4 queues each                    \\-- v2 (veth)
#
# Covers HOST-2 (receive work spreads over queues and CPUs by the inner flow, flows stay in order), ENC-3.
import contextlib
import fcntl
import json
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, world
from lib.case import equal, require
from lib.net import run

QUEUES, FLOWS, EACH = 4, 64, 20
VSID = 5001
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_MULTI_QUEUE = 0x400454CA, 2, 0x1000, 0x100
M_MAC, M_V4, M_V6 = "02:00:00:00:02:0a", "10.0.0.99", "fd00::99"
suite = case.Suite()


class QueueTap:
    """A tap with several queues, one descriptor for each, as a hypervisor opens it for a VM with as many CPUs."""

    def __init__(self, netns, name):
        with netns.enter():
            self.queues = [os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK) for _ in range(QUEUES)]
            for q in self.queues:
                fcntl.ioctl(q, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE))
        case.after_group.append(self.close)
        netns.ip("link set dev %s mtu 1400 up" % name)

    def drain(self):
        """[frames of each queue]"""
        found = [[] for _ in self.queues]
        for n, q in enumerate(self.queues):
            with contextlib.suppress(BlockingIOError):
                while True:
                    found[n].append(os.read(q, 2048))
        return found

    def send(self, queue, frame):
        os.write(self.queues[queue], frame)

    def close(self):
        for q in self.queues:
            os.close(q)


def make(encapsulation):
    w = world.two_hosts(encapsulation, queues=QUEUES)
    w.v1 = w.h1.vm("v1", "02:00:00:00:01:01", VSID, ["10.0.0.11", "fd00::11"])
    w.v2 = w.h2.vm("v2", "02:00:00:00:02:01", VSID, ["10.0.0.21", "fd00::21"])
    w.h2.netns.sysctl("net.ipv6.conf.default.disable_ipv6=1")
    w.m = QueueTap(w.h2.netns, "m")
    w.h2.gwd.ctl("port", "attach", "--interface", "m", "--mac", M_MAC, "--vsid", VSID)
    w.h2.gwd.wait_port("m")
    world.records(w.vms)
    for h in w.hosts:
        for ca in (M_V4, M_V6):
            h.record(VSID, ca, w.h2.pa, M_MAC)
        # Without a queueing discipline nobody counts what each queue of a veth sends.
        h.netns.ip("link set dev eth1 txqueuelen 1000")
        h.netns.run(["tc", "qdisc", "replace", "dev", "eth1", "root", "handle", "1:", "mq"])
        for q in range(1, QUEUES + 1):
            h.netns.run(["tc", "qdisc", "replace", "dev", "eth1", "parent", "1:%d" % q, "pfifo"])
    traffic.reach(w.v1, w.v2)
    return w


def sent_by_queue(h):
    shown = json.loads(h.netns.run(["tc", "-s", "-j", "qdisc", "show", "dev", "eth1"]).stdout)
    return {q["parent"]: q["packets"] for q in shown if q["kind"] == "pfifo"}


def flow_frames(v6):
    """FLOWS flows from v1 to m, taking turns; the payload is the number in the flow."""
    for n in range(EACH):
        for f in range(FLOWS):
            data = struct.pack("!I", n)
            if v6:
                yield pkt.eth(M_MAC, "02:00:00:00:01:01", pkt.ETH_P_IPV6, pkt.ipv6(
                    "fd00::11", M_V6, pkt.UDP, pkt.udp("fd00::11", M_V6, 20000 + f, 9, data)))
            else:
                yield pkt.eth(M_MAC, "02:00:00:00:01:01", pkt.ETH_P_IP, pkt.ipv4(
                    "10.0.0.11", M_V4, pkt.UDP, pkt.udp("10.0.0.11", M_V4, 20000 + f, 9, data)))


def check_spread(counts, what):
    total = sum(counts)
    case.note("%s: %s" % (what, counts))
    require(sum(n > total / 20 for n in counts) >= 2, "%s: all in one: %s" % (what, counts))


def two_cpus(_):
    if os.cpu_count() < 2:
        raise case.Skip("one CPU")


def decapsulated_by_cpu(h):
    pins = os.path.join(h.gwd.settings["engine"]["bpf_dir"], h.name, "maps", "outcomes")
    names = [o["name"] for o in h.gwd.engine()["outcomes"]]
    dump = json.loads(run(["bpftool", "-j", "map", "dump", "pinned", pins]).stdout)
    cell = dump[names.index("Decapsulated")]
    return [int.from_bytes(bytes(int(b, 0) for b in cpu["value"]), sys.byteorder) for cpu in cell["values"]]


def add_cases(encapsulation):
    g = suite.group(encapsulation, lambda: make(encapsulation))

    @g.case("HOST-2: flows spread over the underlay's and the tap's queues; each stays in one, in order, whole")
    def _(w):
        for v6 in (False, True):
            w.m.drain()
            before = sent_by_queue(w.h1)
            with pkt.Raw(w.v1.netns, "eth0") as raw:
                for frame in flow_frames(v6):
                    raw.send(frame)
            got = [[] for _ in range(QUEUES)]

            def all_there(got=got):
                for kept, new in zip(got, w.m.drain()):
                    kept += new
                return sum(map(len, got)) >= FLOWS * EACH
            case.eventually(all_there, "all frames arrive")
            l4 = 14 + (40 if v6 else 20)
            queue_of, numbers = {}, {}
            for q, frames in enumerate(got):
                for f in frames:
                    sport, = struct.unpack("!H", f[l4:l4 + 2])
                    if sport < 20000:
                        continue
                    equal(queue_of.setdefault(sport, q), q, "the queue of flow %d" % sport)
                    numbers.setdefault(sport, []).append(struct.unpack("!I", f[l4 + 8:l4 + 12])[0])
            equal(numbers, {20000 + f: list(range(EACH)) for f in range(FLOWS)}, "what arrived of each flow, in order")
            check_spread([len(x) for x in got], "frames in the queues of the tap")
            after = sent_by_queue(w.h1)
            check_spread([after[q] - before[q] for q in after], "packets in the queues of the underlay")

    @g.case("HOST-2: what a VM sends through any of its queues arrives")
    def _(w):
        with pkt.Raw(w.v1.netns, "eth0") as raw:
            for n in range(40):
                w.m.send(n % QUEUES, pkt.eth(w.v1.mac, M_MAC, pkt.ETH_P_IP, pkt.ipv4(
                    M_V4, w.v1.v4, pkt.UDP, pkt.udp(M_V4, w.v1.v4, 30000 + n, 9, b"x"))))
            seen = set()

            def all_there():
                seen.update(struct.unpack("!H", f[34:36])[0] for f in raw.drain() if f[12:14] == b"\x08\x00")
                return seen >= set(range(30000, 30040))
            case.eventually(all_there, "all flows arrive")

    @g.case("HOST-2: receive work spreads over CPUs, and flows stay in order", when=two_cpus)
    def _(w):
        run(["ip", "netns", "exec", w.h2.netns.name, "sh", "-c",
             "for q in /sys/class/net/eth1/queues/rx-*; do echo 3 > $q/rps_cpus; done"])
        # Of a queueing discipline one CPU takes out, and so passes on, what another has put in.
        w.h1.netns.run(["tc", "qdisc", "replace", "dev", "eth1", "root", "noqueue"])
        # While a VM's kernel still asks for the neighbour, what waits for the answer is overtaken by what is sent after it.
        traffic.reach(w.v1, w.v2)
        before = decapsulated_by_cpu(w.h2)
        cpus = sorted(os.sched_getaffinity(0))
        flows = [traffic.UdpFlow(w.v1, w.v2, (w.v2.v4, w.v2.v6)[n % 2], 500, 2, port=7000 + n, cpu=cpus[n % len(cpus)])
                 for n in range(24)]
        for f in flows:
            r = f.result()
            equal((r["lost"], r["doubled"], r["reordered"]), (0, 0, 0), "(lost, doubled, reordered): %s" % r)
        check_spread([a - b for a, b in zip(decapsulated_by_cpu(w.h2), before)], "packets on the CPUs")


for each in ("nvgre", "vxlan"):
    add_cases(each)

if __name__ == "__main__":
    suite.main()
