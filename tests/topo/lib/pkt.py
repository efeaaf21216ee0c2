"""Packets as bytes, and raw sockets to send and receive them. No decoding library: what a test sends is what it says."""
import contextlib
import socket
import struct
import time

from lib.case import SLOWNESS, Failed

ETH_P_IP, ETH_P_ARP, ETH_P_VLAN, ETH_P_IPV6, ETH_P_TEB, ETH_P_QINQ = 0x0800, 0x0806, 0x8100, 0x86dd, 0x6558, 0x88a8
ICMP, TCP, UDP, GRE, ICMPV6 = 1, 6, 17, 47, 58
OUTGOING = 4  # packet type of a frame that this machine sent
BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac(s):
    return bytes.fromhex(s.replace(":", ""))


def ip(s):
    return socket.inet_pton(socket.AF_INET6 if ":" in s else socket.AF_INET, s)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def eth(dst, src, ethertype, payload, vlan=None):
    tag = b"" if vlan is None else struct.pack("!HH", ETH_P_VLAN, vlan)
    return mac(dst) + mac(src) + tag + struct.pack("!H", ethertype) + payload


def ipv4(src, dst, proto, payload, ttl=64, tos=0, ident=1, frag=0, options=b"", total=None):
    """`frag`: flags and offset as on the wire (0x4000: don't fragment)."""
    n = 20 + len(options)
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | n // 4, tos, total if total is not None else n + len(payload), ident,
                       frag,
                       ttl, proto, 0, ip(src), ip(dst)) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(src, dst, nexthdr, payload, hops=64, tclass=0):
    return struct.pack("!IHBB16s16s", 6 << 28 | tclass << 20, len(payload), nexthdr, hops, ip(src), ip(dst)) + payload


def _pseudo(src, dst, proto, n):
    a, b = ip(src), ip(dst)
    return a + b + (struct.pack("!BBH", 0, proto, n) if len(a) == 4 else struct.pack("!IHBB", n, 0, 0, proto))


def udp(src, dst, sport, dport, payload, check=None):
    """With addresses for its checksum; `check` overrides it (0: none)."""
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    if check is None:
        check = checksum(_pseudo(src, dst, UDP, 8 + len(payload)) + head + payload) or 0xffff
    return head[:6] + struct.pack("!H", check) + payload


def tcp(src, dst, sport, dport, payload=b"", flags=2, seq=1, ack=0):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 8192, 0, 0)
    c = checksum(_pseudo(src, dst, TCP, 20 + len(payload)) + head + payload)
    return head[:16] + struct.pack("!HH", c, 0) + payload


def icmp_echo(ident=7, seq=1, payload=b"payload!"):
    head = struct.pack("!BBHHH", 8, 0, 0, ident, seq)
    return head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:] + payload


def icmpv6(src, dst, kind, body, code=0):
    head = struct.pack("!BBH", kind, code, 0)
    c = checksum(_pseudo(src, dst, ICMPV6, 4 + len(body)) + head + body)
    return head[:2] + struct.pack("!H", c) + body


def icmpv6_echo(src, dst, ident=7, seq=1, payload=b"payload!"):
    return icmpv6(src, dst, 128, struct.pack("!HH", ident, seq) + payload)


def arp(op, sha, spa, tha, tpa):
    return struct.pack("!HHBBH6s4s6s4s", 1, ETH_P_IP, 6, 4, op, mac(sha), ip(spa), mac(tha), ip(tpa))


def arp_request(sha, spa, tpa):
    return eth(BROADCAST, sha, ETH_P_ARP, arp(1, sha, spa, "00:00:00:00:00:00", tpa))


def solicited_node(target):
    return "ff02::1:ff%02x:%02x%02x" % tuple(ip(target)[13:])


def neighbour_solicitation(smac, src, target, option_mac=None):
    """To the target's solicited-node group. `src` "::" makes it a duplicate address probe."""
    group = solicited_node(target)
    body = bytes(4) + ip(target)
    if src != "::":
        body += b"\x01\x01" + mac(option_mac or smac)
    dst = "33:33:ff:" + ":".join("%02x" % b for b in ip(target)[13:])
    return eth(dst, smac, ETH_P_IPV6, ipv6(src, group, ICMPV6, icmpv6(src, group, 135, body), hops=255))


def neighbour_advertisement(smac, dmac, src, dst, target, target_mac):
    body = b"\x60\0\0\0" + ip(target) + b"\x02\x01" + mac(target_mac)
    return eth(dmac, smac, ETH_P_IPV6, ipv6(src, dst, ICMPV6, icmpv6(src, dst, 136, body), hops=255))


# --- tunnels ------------------------------------------------------------------------------------------------------------

GRE_K = 0x2000


def nvgre(vsid, inner, flow=1, flags=GRE_K, proto=ETH_P_TEB, key=None):
    """`flags`: the first 16 bits; a key follows when its K bit is set, whatever else is wrong."""
    head = struct.pack("!HH", flags, proto)
    if flags & GRE_K:
        head += struct.pack("!I", vsid << 8 | flow if key is None else key)
    return head + inner


def vxlan(vni, inner, flags=0x08, reserved24=0, reserved8=0):
    return struct.pack("!II", flags << 24 | reserved24, vni << 8 | reserved8) + inner


class Underlay:
    """Makes outer frames from one provider address to another."""

    def __init__(self, smac, dmac, src, dst):
        self.smac, self.dmac, self.src, self.dst = smac, dmac, src, dst

    def frame(self, proto, payload, **ip_options):
        ip_options.setdefault("frag", 0x4000)
        return eth(self.dmac, self.smac, ETH_P_IP, ipv4(self.src, self.dst, proto, payload, **ip_options))

    def nvgre(self, vsid, inner, ip_options=None, **kw):
        return self.frame(GRE, nvgre(vsid, inner, **kw), **(ip_options or {}))

    def vxlan(self, vni, inner, sport=50000, dport=4789, check=0, ip_options=None, **kw):
        return self.frame(UDP, udp(self.src, self.dst, sport, dport, vxlan(vni, inner, **kw), check),
                          **(ip_options or {}))


# --- raw sockets --------------------------------------------------------------------------------------------------------

class Raw:
    """A packet socket on one device of a namespace: sends frames, and sees those that arrive (not those sent)."""

    def __init__(self, netns, dev, receive_buffer=8 << 20):
        self.dev = dev
        with netns.enter():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind((dev, 3))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, receive_buffer)  # SO_RCVBUFFORCE

    def send(self, frame):
        self.socket.send(frame if len(frame) >= 14 else frame.ljust(14, b"\0"))

    def drain(self):
        """All frames that have arrived until now."""
        found = []
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                data, where = self.socket.recvfrom(70000)
                if where[2] != OUTGOING:
                    found.append(data)
        return found

    def wait(self, match, seconds=2.0, what="a frame"):
        """The first arriving frame for which match(frame) is true."""
        seconds *= SLOWNESS
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise Failed("%s did not arrive on %s within %.1f s" % (what, self.dev, seconds))
            self.socket.settimeout(left)
            try:
                data, where = self.socket.recvfrom(70000)
            except socket.timeout:
                continue
            if where[2] != OUTGOING and match(data):
                return data

    def silence(self, match, seconds=0.3, what="a frame"):
        """No frame that matches arrives for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                data, where = self.socket.recvfrom(70000)
            except socket.timeout:
                return
            if where[2] != OUTGOING and match(data):
                raise Failed("%s arrived on %s: %s" % (what, self.dev, data[:100].hex()))

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
