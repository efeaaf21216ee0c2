"""What is on the wire: captures judged by tshark, and segmentation sizes of super-frames."""
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

from lib import case, pkt
from lib.case import Failed, eventually, require
from lib.net import run

# Payload is ours and random: no dissector may find a meaning in it.
PROTOCOLS = "frame eth ethertype vlan arp ip ipv6 icmp icmpv6 udp tcp gre vxlan data".split()
MARKER = 0x88b5  # "local experimental": the last frame of a capture


class Capture:
    """tcpdump on one device until stop(); then frames() and fields() as tshark dissects them."""

    def __init__(self, netns, dev, name, expression="", snaplen=262144):
        self.netns, self.dev = netns, dev
        self.path = os.path.join(case.logs(), name + ".pcap")
        argv = ["tcpdump", "-i", dev, "-w", self.path, "-U", "--immediate-mode", "-B", "65536", "-n", "-Z", "root",
                "-s", str(snaplen)]
        if expression:
            argv.append("(%s) or ether proto 0x%x" % (expression, MARKER))
        self.process = netns.popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        while line and "listening on" not in line:
            line = self.process.stderr.readline()
        require(line, "tcpdump starts on %s" % dev)

    def stop(self):
        """Ends the capture when everything that was on the wire before is in the file."""
        with pkt.Raw(self.netns, self.dev) as raw:
            marker = os.urandom(16)
            raw.send(pkt.eth("01:80:c2:00:00:0f", "02:00:00:00:00:01", MARKER, marker.ljust(46, b"\0")))
        eventually(lambda: _tail_has(self.path, marker), "the capture on %s is complete" % self.dev)
        self.process.send_signal(signal.SIGINT)
        said = self.process.stderr.read()
        self.process.wait()
        dropped = re.search(r"(\d+) packets? dropped by kernel", said)
        require(dropped and dropped.group(1) == "0", "tcpdump on %s lost packets: %s" % (self.dev, said))
        return self

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            if kind is None:
                self.stop()
            else:
                self.process.kill()
                self.process.wait()
        self.process.stderr.close()

    def fields(self, names, display=""):
        """One dict per frame: field name -> list of its values in the frame, outer first."""
        shown = "!(eth.type == 0x%x)" % MARKER + (" && (%s)" % display if display else "")
        argv = ["tshark", "-n", "--disable-protocol", "ALL"]
        argv += [x for p in PROTOCOLS for x in ("--enable-protocol", p)]
        argv += ["-r", self.path, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
                 "-d", "udp.port==8472,vxlan", "-Y", shown, "-T", "fields",
                "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=|"]
        for n in names:
            argv += ["-e", n]
        rows = []
        for line in run(argv, timeout=120).stdout.splitlines():
            cells = line.split("\t") + [""] * len(names)
            rows.append({n: c.split("|") if c else [] for n, c in zip(names, cells)})
        return rows

    def count(self, display=""):
        return len(self.fields(["frame.number"], display))

    def frames(self):
        """Raw frames (a little pcap reader: what tshark cannot show, a test can)."""
        found = []
        with open(self.path, "rb") as f:
            data = f.read()
        order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        at = 24
        while at + 16 <= len(data):
            caplen = struct.unpack(order + "I", data[at + 8:at + 12])[0]
            frame = data[at + 16:at + 16 + caplen]
            if frame[12:14] != struct.pack("!H", MARKER):
                found.append(frame)
            at += 16 + caplen
        return found


def _tail_has(path, marker):
    with open(path, "rb") as f:
        f.seek(max(0, os.path.getsize(path) - 65536))
        return marker in f.read()


class Segments:
    """
    Sizes that the wire packets of super-frames will have: from the virtio header of a packet socket. Of IPv4 tunnels; without
    `tunnels` of TCP and UDP as they are.
    """

    SOL_PACKET, PACKET_VNET_HDR = 263, 15

    def __init__(self, netns, dev, tunnels=True):
        self.tunnels, self.ethertypes = tunnels, (pkt.ETH_P_IP,) if tunnels else (pkt.ETH_P_IP, pkt.ETH_P_IPV6)
        with netns.enter():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.setsockopt(self.SOL_PACKET, self.PACKET_VNET_HDR, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 256 << 20)
            self.socket.bind((dev, 3))
        self.largest = self.super_frames = self.plain = 0
        self.running = True
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        self.socket.settimeout(0.1)
        while self.running:
            try:
                data = self.socket.recv(80000)
            except socket.timeout:
                continue
            gso_type, gso_size = data[1], struct.unpack("=H", data[4:6])[0]
            frame = data[10:]
            if struct.unpack("!H", frame[12:14])[0] not in self.ethertypes:
                continue
            if gso_type:
                self.super_frames += 1
                self.largest = max(self.largest, _headers(frame, self.tunnels) - 14 + gso_size)
            else:
                self.plain += 1
                self.largest = max(self.largest, len(frame) - 14)

    def stop(self):
        time.sleep(0.15)  # the reader's own timeout: everything queued is read
        self.running = False
        self.thread.join()
        self.socket.close()
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def _inner(frame):
    """Ethertype and offset of the IP header in a tunnel."""
    at = 14 + (frame[14] & 15) * 4
    if frame[23] == pkt.GRE:
        flags, proto = struct.unpack("!HH", frame[at:at + 4])
        at += 8 if flags & pkt.GRE_K else 4
        if proto != pkt.ETH_P_TEB:
            return proto, at
    else:
        at += 16
    return struct.unpack("!H", frame[at + 12:at + 14])[0], at + 14


def _headers(frame, tunnel):
    """Length of all headers of a TCP or UDP frame, outermost Ethernet to innermost L4."""
    ethertype, l3 = _inner(frame) if tunnel else (struct.unpack("!H", frame[12:14])[0], 14)
    if ethertype == pkt.ETH_P_IP:
        proto, l4 = frame[l3 + 9], l3 + (frame[l3] & 15) * 4
    elif ethertype == pkt.ETH_P_IPV6:
        proto, l4 = frame[l3 + 6], l3 + 40
    else:
        raise Failed("a super-frame that is no IP: %s" % frame[:100].hex())
    return l4 + ((frame[l4 + 12] >> 4) * 4 if proto == pkt.TCP else 8)
