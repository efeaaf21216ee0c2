#!/usr/bin/python3
# time-limit: 300
# The gateway's fast path: the same traffic looks the same with and without it, and connections live and end as they should.
#
#   blue1 10.0.1.11 \
#                    h1 -- fabric -- gw -- out -- isp -- far 198.51.100.10         see lib/gateway.py
#   red1  10.0.1.11 /
#
# red is there where it says so. Covers GW-1, GW-3, GW-8, MTU-4.
import os
import re
import select
import signal
import socket
import struct
import sys
import time

os.environ["GW_TEST_FAST_PATH"] = "yes"  # the worlds begin with it
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, crowd, pkt, traffic, wire
from lib.case import equal, eventually, note, require
from lib.gateway import FAR, FAR6, GATEWAY, ISP, ISP6, SUBNET, GatewayWorld

OWN, SHARED, FORWARD = "203.0.113.1", "203.0.113.2", "203.0.113.3"
PORT = 7000
BLOCK = 16384  # of SHARED; blue has the first, red the second
suite = case.Suite()


def setup(encapsulation=None):
    w = GatewayWorld(encapsulation)
    w.blue = w.tenant("blue", 0)
    w.blue1 = w.blue.vm(1)
    w.blue.public(OWN)
    w.blue.nat("Outbound", OWN, SUBNET)
    w.blue.public(FORWARD)
    for protocol in ("Tcp", "Udp"):
        w.blue.nat("Inbound", FORWARD, "10.0.1.11", protocol, 80, 1, 8080)
    w.blue.ready()
    eventually(lambda: traffic.ping(w.blue1, FAR, 1)[0], "far is reached")
    return w


def fast(w, on):
    """By a new configuration, without a restart."""
    w.gw.gwd.settings["engine"]["fast_path"] = "yes" if on else "no"
    w.gw.gwd.configure()
    w.gw.gwd.process.send_signal(signal.SIGHUP)
    state = "On" if on else "Off"
    eventually(lambda: w.gw.gwd.engine()["fastPath"]["state"] == state, "the fast path is " + state)
    require("Fast path: " + state in w.gw.gwd.ctl("status"), "gwctl status says so")


def forwarded(w):
    return w.gw.gwd.outcomes().get("FastForwarded", 0)


class Flow:
    """Datagrams there and back between fixed ports, or from outside to the forwarded one."""

    def __init__(self, w, inward=False, port=PORT):
        self.w = w
        with w.blue1.netns.enter():
            self.vm = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with w.far.netns.enter():
            self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.bind((FAR, port))
        if inward:
            self.vm.bind((w.blue1.v4, 8080))
            self.peer_of_far = (FORWARD, 80)
            self.far.sendto(b"begin", self.peer_of_far)
            self.vm.settimeout(3 * case.SLOWNESS)
            _, self.peer_of_vm = self.vm.recvfrom(100)
        else:
            self.vm.bind((w.blue1.v4, port))
            self.peer_of_vm = (FAR, port)
            self.vm.sendto(b"begin", self.peer_of_vm)
            self.far.settimeout(3 * case.SLOWNESS)
            _, self.peer_of_far = self.far.recvfrom(100)
        for s in (self.vm, self.far):
            s.settimeout(3 * case.SLOWNESS)
        case.after_case += [self.vm.close, self.far.close]
        # The first answer is the stack's.
        self.exchange(b"1")

    def up(self, data):
        self.vm.sendto(data, self.peer_of_vm)
        equal(self.far.recv(70000), data, "what far got")

    def down(self, data):
        self.far.sendto(data, self.peer_of_far)
        equal(self.vm.recv(70000), data, "what the VM got")

    def exchange(self, data):
        if self.peer_of_far[0] == FORWARD:
            self.up(data)
            self.down(data)
        else:
            self.down(data)
            self.up(data)

    def close(self):
        self.vm.close()
        self.far.close()


g = suite.group("", setup)


@g.case("it is on, and a new configuration turns it off and on")
def _(w):
    equal(w.gw.gwd.engine()["fastPath"], {"state": "On"}, "what status says")
    fast(w, False)
    flow, before = Flow(w), forwarded(w)
    flow.exchange(b"slow")
    equal(forwarded(w), before, "packets forwarded past the stack when it is off")
    fast(w, True)
    for _ in range(10):
        flow.exchange(b"fast")  # a few are the stack's: the first ones, and one for it to know that there is a stream
    require(forwarded(w) >= before + 15, "packets past the stack when it is on again")


FIELDS = ["ip.src", "ip.dst", "ip.ttl", "ip.dsfield", "ip.len", "ip.id", "ip.flags", "ip.checksum.status", "udp.srcport",
          "udp.dstport", "udp.length", "udp.checksum", "udp.checksum.status", "data.data"]


def sizes_of_datagrams(w, flow):
    """One of each kind, both ways."""
    for s, send in ((flow.vm, flow.up), (flow.far, flow.down)):
        for tos in (0, 0xb8, 0x01, 0x02, 0x03, 0x2a):
            for ttl in (64, 7, 128):
                s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
                s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
                for size in (0, 1, 17, 18, 100, 1371):
                    send(bytes([size & 255, tos, ttl])[:size].ljust(size, b"x"))
        s.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
        send(b"without a checksum")
        s.setsockopt(socket.SOL_SOCKET, 11, 0)


def seen(w, inward, on):
    fast(w, on)
    w.blue.run("conntrack -F", ok=None)
    flow = Flow(w, inward)
    before = forwarded(w)
    name = "%s-%s" % ("in" if inward else "out", "on" if on else "off")
    with wire.Capture(w.far.netns, "eth0", "far-" + name, "udp") as far, \
            wire.Capture(w.blue1.netns, "eth0", "vm-" + name, "udp") as vm, \
            wire.Capture(w.h1.netns, "eth1", "tunnel-" + name, "udp port 4789") as tunnel:
        sizes_of_datagrams(w, flow)
    flow.close()
    note("%s: %d packets past the stack" % (name, forwarded(w) - before))
    require((forwarded(w) - before > 200) == on, "the way they took")
    shown = lambda c: [{k: v for k, v in row.items() if k != "ip.id"} for row in c.fields(FIELDS)]  # noqa: E731
    outer = [(row["ip.dsfield"], row["ip.ttl"], row["vxlan.vni"], row["eth.src"][1:], row["eth.dst"][1:], row["udp.srcport"],
              row["ip.len"]) for row in tunnel.fields(["ip.dsfield", "ip.ttl", "vxlan.vni", "eth.src", "eth.dst", "udp.srcport",
                                                       "ip.len"])]
    return shown(far), shown(vm), outer


for direction in (False, True):
    @g.case("datagrams of a flow that began %s: TTL, DSCP, ECN, lengths, checksums and tunnel headers are the same"
            % ("outside" if direction else "inside"))
    def _(w, direction=direction):
        for netns, dev in ((w.blue1.netns, "eth0"), (w.far.netns, "eth0")):
            netns.offloads(dev, False)  # captures show finished checksums
        slow, quick = seen(w, direction, False), seen(w, direction, True)
        for netns, dev in ((w.blue1.netns, "eth0"), (w.far.netns, "eth0")):
            netns.offloads(dev, True)
        for what, a, b in zip(("at far", "at the VM", "in the tunnel"), slow, quick):
            require(len(a) > 200, "%d packets %s" % (len(a), what))
            for x, y in zip(a, b):
                equal(y, x, "a packet %s with the fast path (expected: without)" % what)
            equal(len(b), len(a), "packets " + what)
        for row in quick[0] + quick[1]:
            equal(row["ip.checksum.status"], ["1"], "IP checksum (%s)" % row)
            require(row["udp.checksum.status"] in (["1"], ["3"]), "UDP checksum (%s)" % row)  # good, or not there


@g.case("TCP, every byte: super-packets and unfinished checksums, both ways, begun inside and outside")
def _(w):
    for finish in (False, True):
        if finish:  # the last devices finish what the senders left unfinished, and the receivers look at it
            w.isp.netns.offloads("far0", False)
            w.h1.netns.offloads(w.blue1.name, False)
        for path in (False, True):
            fast(w, path)
            before = forwarded(w)
            rates = [traffic.tcp_exact(w.blue1, w.far, FAR, 16 << 20),
                     traffic.TcpTransfer(w.far, w.blue1, w.blue1.v4, 16 << 20, port=8080, via=FORWARD, via_port=80).finish()]
            note("%s: %s Mbit/s" % ("on" if path else "off", ", ".join("%.0f" % r for r in rates)))
            require((forwarded(w) - before > 100) == path, "the way they took")
    w.isp.netns.offloads("far0", True)
    w.h1.netns.offloads(w.blue1.name, True)


def connection(w, port):
    with w.far.netns.enter():
        listener = socket.create_server((FAR, port))
    with w.blue1.netns.enter():
        s = socket.create_connection((FAR, port), timeout=5)
    peer, _ = listener.accept()
    listener.close()
    case.after_case += [s.close, peer.close]
    for n in range(20):
        for a, b in ((s, peer), (peer, s)):
            a.send(b"%d" % n)
            b.settimeout(5 * case.SLOWNESS)
            equal(b.recv(100), b"%d" % n, "what the connection carries")
    return s, peer


def entry_line(w, port):
    return next((line for line in w.blue.flows() if re.match(r"(tcp|udp) .*? dport=%d " % port, line)), None)


def entry(w, port):
    """(seconds left, state) of the connection to that port; None: it is forgotten."""
    m = re.match(r"\w+ +\d+ (\d+) ([A-Z_]+ )?", entry_line(w, port) or "")
    return m and (int(m.group(1)), (m.group(2) or "").strip())


@g.case("a connection that is reset, or ends, does not stay established in the kernel's table")
def _(w):
    for n, reset in enumerate((True, True, False, False)):
        before = forwarded(w)
        s, peer = connection(w, 7400 + n)
        require(forwarded(w) > before + 20, "it was forwarded past the stack")
        equal(entry(w, 7400 + n)[1], "ESTABLISHED", "state while it is there")
        one, other = (s, peer) if n % 2 else (peer, s)
        if reset:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
        if not reset:
            equal(other.recv(1), b"", "end of the stream")
            other.close()
        # After a reset the kernel need not call it otherwise, but forgets it soon.
        eventually(lambda n=n: (entry(w, 7400 + n) or (0, "gone"))[0] <= 10 or entry(w, 7400 + n)[1] != "ESTABLISHED",
                   "the kernel knows of the end (%s)" % (entry(w, 7400 + n),))
        note("%s: %s" % ("reset" if reset else "end", entry(w, 7400 + n)))


@g.case("a reset that is not the connection's ends nothing")
def _(w):
    s, peer = connection(w, 7405)
    flow = entry_line(w, 7405)
    public = int(re.search(r"dport=(\d+) \[ASSURED", flow).group(1))
    with w.far.netns.enter():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    with raw:
        tcp = struct.pack("!HHIIBBHHH", 7405, public, 12345, 0, 0x50, 0x04, 0, 0, 0)
        pseudo = socket.inet_aton(FAR) + socket.inet_aton(OWN) + struct.pack("!BBH", 0, 6, len(tcp)) + tcp
        total = sum(struct.unpack("!%dH" % (len(pseudo) // 2), pseudo))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        raw.sendto(tcp[:16] + struct.pack("!H", ~total & 0xffff) + tcp[18:], (OWN, 0))
    s.send(b"still here")
    equal(peer.recv(100), b"still here", "what it carries")
    left, state = entry(w, 7405)
    require(state == "ESTABLISHED" and left > 200, "its entry: %s" % ((left, state),))


@g.case("a UDP flow that only the fast path sees is kept alive, for as long as the namespace's timeouts say, and no longer")
def _(w):
    w.blue.run("sysctl -qw net.netfilter.nf_conntrack_udp_timeout=4 net.netfilter.nf_conntrack_udp_timeout_stream=6")
    flow = Flow(w, port=7410)
    end = time.monotonic() + 12
    low = 100
    while time.monotonic() < end:
        flow.exchange(b"tick")
        time.sleep(0.05)
        low = min(low, require(entry(w, 7410), "the flow's entry")[0])
    with_stack, before = sum(w.gw.gwd.outcomes()[k] for k in ("SentOut", "Steered")), forwarded(w)
    for _ in range(100):
        flow.exchange(b"tick")
    require(forwarded(w) - before >= 190, "packets past the stack: %d of 200" % (forwarded(w) - before))
    note("least that was left: %d s; %d of the last 200 by the stack" % (
        low, sum(w.gw.gwd.outcomes()[k] for k in ("SentOut", "Steered")) - with_stack))
    require(low >= 1, "seconds that were left")
    require(entry(w, 7410)[0] <= 6, "not more than the namespace allows: %s" % (entry(w, 7410),))
    eventually(lambda: entry(w, 7410) is None, "it is forgotten when it says no more", 10)
    # One that nobody answers has the shorter time.
    for _ in range(60):
        flow.vm.sendto(b"hello", (FAR, 7411))
        time.sleep(0.05)
    require(entry(w, 7411)[0] <= 4, "an unanswered one: %s" % (entry(w, 7411),))
    w.blue.run("sysctl -qw net.netfilter.nf_conntrack_udp_timeout=30 net.netfilter.nf_conntrack_udp_timeout_stream=120")


@g.case("a TCP connection has the time of its rule, also after much that the kernel has not seen")
def _(w):
    s, peer = connection(w, 7420)
    left, state = entry(w, 7420)
    require(state == "ESTABLISHED" and 7000 <= left <= 7440, "by the node's configuration: %s" % ((left, state),))
    w.blue.nat("Inbound", FORWARD, "10.0.1.11", "Tcp", 81, 1, 8081, idle=4)
    with w.blue1.netns.enter():
        listener = socket.create_server((w.blue1.v4, 8081))
    with w.far.netns.enter():
        s = socket.create_connection((FORWARD, 81), timeout=5)
    peer, _ = listener.accept()
    listener.close()
    case.after_case += [s.close, peer.close]
    peer.settimeout(5 * case.SLOWNESS)
    for _ in range(50):
        s.send(b"x" * 1000)
        peer.recv(1000)
    eventually(lambda: 200 <= entry(w, 81)[0] <= 240, "by the rule: %s" % (entry(w, 81),), 2)


@g.case("a rule that goes stops its flow at once, and so does an entry that is deleted")
def _(w):
    flow = Flow(w, inward=True, port=7430)
    before = forwarded(w)
    for _ in range(20):
        flow.exchange(b"there")
    require(forwarded(w) - before >= 38, "it is forwarded past the stack")
    w.blue.without("natRules", lambda r: r["Type"] == "Inbound" and r["Protocol"] == "Udp")
    with wire.Capture(w.blue1.netns, "eth0", "stopped", "udp") as c:
        for _ in range(20):
            flow.far.sendto(b"nobody gets this", flow.peer_of_far)
            time.sleep(0.01)
    equal(c.count("udp.dstport == 8080"), 0, "datagrams after the rule had gone")
    w.blue.nat("Inbound", FORWARD, "10.0.1.11", "Udp", 80, 1, 8080)
    flow.down(b"back")
    flow.exchange(b"back")


@g.case("what is too large is answered by the stack, with the tunnel's size")
def _(w):
    flow = Flow(w, port=7440)
    before = forwarded(w)
    flow.exchange(b"x" * 1000)
    equal(forwarded(w), before + 2, "packets past the stack")
    flow.far.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
    flow.far.setsockopt(socket.IPPROTO_IP, 10, 3)  # PROBE
    flow.far.sendto(bytes(1460), flow.peer_of_far)
    poll = select.poll()
    poll.register(flow.far, 0)
    require(poll.poll(3000), "an error")
    _, control, _, _ = flow.far.recvmsg(1, 512, socket.MSG_ERRQUEUE)
    data = control[0][2]
    _, _, kind, code, _, info, _ = struct.unpack("=IBBBBII", data[:16])
    equal((kind, code, info), (3, 4, 1450), "the error")


@g.case("each hop is seen within an established flow, too")
def _(w):
    for path in (False, True):
        fast(w, path)
        flow = Flow(w, port=7450 + path)
        flow.vm.setsockopt(socket.IPPROTO_IP, 11, 1)
        hops = []
        for ttl in range(1, 4):
            flow.vm.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            flow.vm.sendto(b"probe", flow.peer_of_vm)
            poll = select.poll()
            poll.register(flow.vm, 0)
            require(poll.poll(3000), "an answer to TTL %d" % ttl)
            _, control, _, _ = flow.vm.recvmsg(1, 512, socket.MSG_ERRQUEUE)
            hops.append(socket.inet_ntop(socket.AF_INET, control[0][2][20:24]))
        equal(hops, ["10.0.1.1", GATEWAY, ISP], "hops")
        flow.close()


@g.case("counters of the virtual gateway are the same on both ways")
def _(w):
    found = []
    for path in (False, True):
        fast(w, path)
        flow = Flow(w, port=7460 + path)
        before = counters(w)
        for _ in range(50):
            flow.exchange(b"counted")
        found.append([b - a for a, b in zip(before, counters(w))])
        flow.close()
    equal(found[1], found[0], "counters with the fast path (expected: without)")
    equal(found[0][0], 50, "packets to outside")


def bad_ip_sum(packet):
    return packet[:10] + struct.pack("!H", struct.unpack("!H", packet[10:12])[0] ^ 0x1111) + packet[12:]


def odd_datagrams(tag, sport, port):
    """Packets from far to a flow's public end, whose data is the tag and their number. The last one takes the stack's way always."""
    def u(n, says=None, **kw):
        d = pkt.udp(FAR, OWN, sport, port, b"%s-%02d" % (tag, n), **kw)
        return d if says is None else d[:4] + struct.pack("!H", says) + d[6:]
    ip = lambda data, **kw: pkt.ipv4(FAR, OWN, pkt.UDP, data, **kw)  # noqa: E731
    return [ip(u(0)), ip(u(1), ttl=1), ip(u(2), ttl=2), ip(u(3), ttl=3), bad_ip_sum(ip(u(4))), ip(u(5, check=0x1111)), ip(u(6, check=0)),
            ip(u(7, 400, check=0)), ip(u(8, 4, check=0)), ip(u(9, 10, check=0)), ip(u(10), frag=0x8000), ip(u(11), frag=0x4000),
            ip(u(12)) + b"padding" * 6, ip(u(13), tos=0xff), ip(u(14, 0)), ip(u(99), options=b"\x01\x01\x01\0")]


def odd_segments(tag, sport, port, seq, ack):
    def t(n, flags=0x18, ds=0, da=0, fix=True):
        d = pkt.tcp(FAR, OWN, sport, port, b"%s-%02d" % (tag, n), flags, (seq + ds) & 0xffffffff, (ack + da) & 0xffffffff)
        return d if fix else d[:16] + b"\x11\x11" + d[18:]
    ip = lambda data, **kw: pkt.ipv4(FAR, OWN, pkt.TCP, data, **kw)  # noqa: E731
    far = 1 << 30
    return [ip(t(0, 0x10, 100000)), ip(t(1, 0)), ip(t(2, 0x20)), ip(t(3, 0x28)), ip(t(4, 0x08)), ip(t(5, 0x3f, far)), ip(t(6, 0x06, far)),
            ip(t(7, 0x10, 2 * far)), ip(t(8, 0x10, 5000, far)), ip(t(9, 0x10, 5000, fix=False)), ip(t(10, 0x14, far)),
            ip(t(11, 0x10, 9000), ttl=2), ip(t(12, 0x50, 7000)), ip(t(13, 0xd0, 7000)), bad_ip_sum(ip(t(14, 0x10, 3000))),
            ip(t(99, 0x10, 4000), options=b"\x01\x01\x01\0")]


def arrived(w, tag, packets):
    """The numbers of those that the VM gets."""
    numbers = lambda f: [int(m.group(1)) for m in re.finditer(tag + rb"-(\d\d)", f)]  # noqa: E731
    found = []
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})  # the kernel works on them here, one behind the other
    try:
        with pkt.Raw(w.isp.netns, "seg0") as raw, pkt.Raw(w.blue1.netns, "eth0") as vm:
            for p in packets:
                raw.send(pkt.eth(w.gw.netns.mac("out0"), w.isp.netns.mac("seg0"), pkt.ETH_P_IP, p))
            vm.wait(lambda f: found.extend(numbers(f)) or 99 in found, 5, "the last one")
    finally:
        os.sched_setaffinity(0, cpus)
    return sorted(set(found))


def odd_ones(w, path):
    fast(w, path)
    tag = b"on" if path else b"of"
    flow = Flow(w, port=7470 + path)
    with wire.Capture(w.blue1.netns, "eth0", "seq-%d" % path, "tcp") as c:
        connection(w, 7475 + path)
    last = c.fields(["tcp.seq_raw", "tcp.ack_raw", "tcp.dstport", "tcp.srcport"], "ip.src == %s && tcp.len == 2" % FAR)[-1]
    seq, ack, sport = (int(last[k][0]) for k in ("tcp.seq_raw", "tcp.ack_raw", "tcp.srcport"))
    before = forwarded(w)
    udp = arrived(w, tag, odd_datagrams(tag, 7470 + path, flow.peer_of_far[1]))
    public = int(re.search(r"dport=(\d+) \[ASSURED", entry_line(w, sport)).group(1))
    tcp = arrived(w, tag, odd_segments(tag, sport, public, seq + 2, ack))
    note("%s: %s of UDP, %s of TCP; %d past the stack" % (tag.decode(), udp, tcp, forwarded(w) - before))
    require((forwarded(w) - before >= 8) == path, "the way that some of them took")
    return udp, tcp


@g.case("odd packets of established flows: the same arrive as without the fast path")
def _(w):
    slow, quick = odd_ones(w, False), odd_ones(w, True)
    equal(quick, slow, "what arrives with the fast path (expected: without)")
    require(len(slow[0]) >= 8 and len(slow[1]) >= 5, "what is harmless arrives")


def counters(w):
    external = w.blue.state()["external"]["counters"]
    port = w.gw.gwd.port(w.blue.port)["counters"]
    return [c[k] for c in (external, port) for k in ("txPackets", "txBytes", "rxPackets", "rxBytes")]


def configured(w, next_hop):
    """Routes of the node go when there is a next hop, and come back."""
    w.gw.gwd.settings["external"]["next_hop"] = next_hop
    for family, hop in (("-4", ISP), ("-6", ISP6)):
        w.gw.netns.ip("%s route %s default%s" % (family, "del" if next_hop else "replace", "" if next_hop else " via " + hop))


@g.case("with a next hop no route of the node's is asked, on both ways, and its segment is reached as ever")
def _(w):
    w.blue.public(w.blue.v6 + "::/48")
    configured(w, ISP + ", " + ISP6)
    try:
        for path in (False, True):
            fast(w, path)
            eventually(lambda: traffic.ping(w.blue1, FAR, 1)[0], "far is reached by the next hop", 5)
            flow = Flow(w, port=7470 + path)
            before = forwarded(w)
            for _ in range(20):
                flow.exchange(b"by the next hop")
            require((forwarded(w) - before >= 30) == path, "the way they took")
            flow.close()
            eventually(lambda: traffic.ping(w.blue1, FAR6, 1)[0], "far is reached by IPv6", 5)
            eventually(lambda: traffic.ping(w.blue1, ISP, 1)[0], "who is on the segment is reached", 5)
            equal(traffic.ping(w.blue1, "192.0.2.255", 1)[0], 0, "answers to the segment's broadcast address")
    finally:
        configured(w, "")
        fast(w, True)
    eventually(lambda: traffic.ping(w.blue1, FAR, 1)[0], "far is reached by a route again", 5)


def setup_two():
    w = GatewayWorld()
    w.blue, w.red = w.tenant("blue", 0), w.tenant("red", 1)
    w.blue1, w.red1 = w.blue.vm(1), w.red.vm(1)
    for n, t in enumerate(w.tenants):
        t.public(SHARED, BLOCK * (n + 1), BLOCK)
        t.nat("Outbound", SHARED, SUBNET, port=BLOCK * (n + 1), count=BLOCK)
        t.ready()
    for vm in (w.blue1, w.red1):
        eventually(lambda vm=vm: traffic.ping(vm, FAR, 1)[0], "far is reached by %s" % vm.name)
    return w


two = suite.group("two tenants", setup_two)


def talks(w, kind, path, port):
    """Both say 50 things on each of many flows, the same 5-tuples of both, and are told the same."""
    flows, turns = 200, 50
    packets, before = 2 * 2 * flows * turns, forwarded(w)
    c = crowd.talk([w.blue1, w.red1], w.far, kind, flows, turns, port=port + path)
    past = forwarded(w) - before
    note("%s: %d packets past the stack, of %d with data" % (kind.name, past, packets))
    if path:  # a few of each flow are the stack's, TCP has some without data as well
        require(past >= 0.85 * packets, "packets past the stack: %d, of %d with data" % (past, packets))
    else:
        equal(past, 0, "packets past the stack when it is off")
    equal(c.addresses(), {SHARED}, "address that the server saw")
    for n, vm in enumerate((w.blue1, w.red1)):
        ports = c.ports(vm.name)
        require(BLOCK * (n + 1) <= ports[0] and ports[-1] < BLOCK * (n + 2), "ports of %s: %d to %d" % (vm.name, ports[0], ports[-1]))


for kind_ in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
    @two.case("GW-1, GW-3: both have the same address and send the same 5-tuples, by one public address: to each its own data, %s"
              % ("UDP" if kind_ == socket.SOCK_DGRAM else "TCP"))
    def _(w, kind=kind_):
        for path in (False, True):
            fast(w, path)
            talks(w, kind, path, 7500)


n = suite.group("NVGRE", lambda: setup("NVGRE"))


@n.case("flows go the fast way through NVGRE, too")
def _(w):
    before = forwarded(w)
    flow = Flow(w)
    for size in (1, 100, 1372):
        flow.exchange(bytes(size))
    traffic.tcp_exact(w.blue1, w.far, FAR, 16 << 20)
    traffic.TcpTransfer(w.far, w.blue1, w.blue1.v4, 16 << 20, port=8080, via=FORWARD, via_port=80).finish()
    require(forwarded(w) - before > 200, "packets past the stack: %d" % (forwarded(w) - before))


if __name__ == "__main__":
    suite.main()
