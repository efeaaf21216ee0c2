"""Traffic between VMs: ping, TCP and UDP whose every byte is accounted for, iperf3."""
import hashlib
import json
import random
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

from lib import case
from lib.case import Failed, equal, require

SOL_UDP, UDP_SEGMENT = 17, 103


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ping(vm, address, count=3, size=None, df=False, interval=0.05, extra=()):
    """Number of answers, and what ping said."""
    argv = ["ping", "-n", "-c", str(count), "-i", str(interval), "-W", "1"]
    argv += ["-s", str(size)] if size is not None else []
    argv += ["-M", "do"] if df else []
    p = vm.netns.run(argv + list(extra) + [address], ok=(0, 1, 2))
    m = re.search(r"(\d+) received", p.stdout)
    return (int(m.group(1)) if m else 0), p.stdout + p.stderr


def reach(a, b, addresses=None):
    """a pings every address of b, all answers come."""
    for address in addresses or b.addresses:
        got, said = ping(a, address)
        equal(got, 3, "answers of %s at %s to %s\n%s" % (b.name, address, a.name, said))


def no_reach(a, address, count=2):
    got, said = ping(a, address, count)
    equal(got, 0, "answers of %s to %s\n%s" % (address, a.name, said))


def probe(vm, address, ttl=None, size=32, port=33434, seconds=1.0, df=False, gso=0):
    """
    Sends a datagram as traceroute does. Returns what the VM's kernel was told about it, as (who, type, code, MTU), or
    None when nothing came.
    """
    v6 = ":" in address
    level, recverr, hops, discover = (socket.IPPROTO_IPV6, 25, 16, 23) if v6 else (socket.IPPROTO_IP, 11, 2, 10)
    with vm.netns.enter():
        s = socket.socket(family(address), socket.SOCK_DGRAM)
    with s:
        s.setsockopt(level, recverr, 1)
        if ttl:
            s.setsockopt(level, hops, ttl)
        if df:
            s.setsockopt(level, discover, 3)  # PROBE: whatever is known already
        if gso:
            s.setsockopt(SOL_UDP, UDP_SEGMENT, gso)
        s.sendto(bytes(size), (address, port))
        poll = select.poll()
        poll.register(s, 0)  # errors only
        if not poll.poll(seconds * 1000):
            return None
        _, control, _, _ = s.recvmsg(1, 512, socket.MSG_ERRQUEUE)
    for cmsg_level, kind, data in control:
        if (cmsg_level, kind) == (level, recverr):
            # struct sock_extended_err: errno, origin, type, code, pad, info, data; then the offender's address.
            _, origin, icmp_type, code, _, info, _ = struct.unpack("=IBBBBII", data[:16])
            if origin == 1:  # the VM's own kernel knows it already
                return ("local", None, None, info)
            who = socket.inet_ntop(family(address), data[24:40] if v6 else data[20:24])
            return who, icmp_type, code, info
    raise Failed("an error without its cause")


class TcpTransfer:
    """
    Sends `size` bytes of made-up data over TCP from VM a to VM b; the far end must get exactly these. With `seconds`
    it is paced to take that long; with `via` a connects to that address, and `via_port`, which somebody translates.
    """

    def __init__(self, a, b, address, size, port=45000, seed=1, seconds=None, via=None, via_port=None):
        self.size = size
        data = random.Random(seed).randbytes(1 << 20)
        self.hash_sent, self.hash_got = hashlib.sha256(), hashlib.sha256()
        self.got, self.errors, self.data = 0, [], data
        with b.netns.enter():
            self.listener = socket.socket(family(address), socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(1)
        self.listener.settimeout(20)
        with a.netns.enter():
            self.client = socket.socket(family(address), socket.SOCK_STREAM)
        self.client.settimeout(20)
        case.after_case += [self.listener.close, self.client.close]
        if seconds:
            self.client.setsockopt(socket.SOL_SOCKET, 47, int(size / seconds))  # SO_MAX_PACING_RATE
        self.address, self.port = via or address, via_port or port
        self.threads = [threading.Thread(target=self._guard, args=(f,), daemon=True)
                        for f in (self._receive, self._send)]
        self.started = time.monotonic()
        for t in self.threads:
            t.start()

    def _guard(self, f):
        try:
            f()
        except OSError as e:
            self.errors.append("%s: %s" % (f.__name__.strip("_"), e))

    def _send(self):
        self.client.connect((self.address, self.port))
        left = self.size
        while left:
            chunk = self.data[:min(left, len(self.data))]
            # The same megabyte again and again would hide a misplaced one.
            chunk = left.to_bytes(8, "big")[:len(chunk)] + chunk[8:]
            self.hash_sent.update(chunk)
            self.client.sendall(chunk)
            left -= len(chunk)
        self.client.shutdown(socket.SHUT_WR)
        self.client.recv(1)  # the far end closes when it has everything

    def _receive(self):
        c, _ = self.listener.accept()
        c.settimeout(20)
        with c:
            while True:
                chunk = c.recv(1 << 20)
                if not chunk:
                    break
                self.got += len(chunk)
                self.hash_got.update(chunk)

    def finish(self, seconds=60):
        """Waits for the end; everything must have arrived as sent. Returns Mbit/s."""
        for t in self.threads:
            t.join(max(0.1, self.started + seconds - time.monotonic()))
        took = time.monotonic() - self.started
        alive = any(t.is_alive() for t in self.threads)
        self.client.close()
        self.listener.close()
        require(not alive, "TCP to %s: only %d of %d bytes within %d s" % (self.address, self.got, self.size, seconds))
        require(not self.errors, "TCP to %s: %s (%d of %d bytes)" % (self.address, self.errors, self.got, self.size))
        equal(self.got, self.size, "bytes received over TCP from %s" % self.address)
        equal(self.hash_got.hexdigest(), self.hash_sent.hexdigest(), "sha256 of what arrived")
        return self.size * 8 / took / 1e6


def tcp_exact(a, b, address, size, port=45000, seconds=60):
    return TcpTransfer(a, b, address, size, port).finish(seconds)


def udp_exact(a, b, address, payload_sizes, port=6000, gso=0, via=None, df=True, options=b"", patience=3):
    """
    Sends datagrams from a to b and compares them one by one. With `gso` each send is cut into that size by UDP_SEGMENT;
    without `df` anybody may cut IPv4 packets.
    """
    with b.netns.enter():
        r = socket.socket(family(address), socket.SOCK_DGRAM)
    r.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
    r.bind((address, port))
    r.settimeout(patience * case.SLOWNESS)
    with a.netns.enter():
        s = socket.socket(family(address), socket.SOCK_DGRAM)
    if gso:
        s.setsockopt(SOL_UDP, UDP_SEGMENT, gso)
    if not df:
        s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER = DONT
    if options:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, options)
    rng, expected = random.Random(7), []
    with r, s:
        s.connect((via or address, port))
        for n in payload_sizes:
            data = rng.randbytes(n)
            s.send(data)
            expected += [data[i:i + gso] for i in range(0, n, gso)] if gso else [data]
        got = []
        while len(got) < len(expected):
            try:
                got.append(r.recv(70000))
            except socket.timeout:
                break
    equal(len(got), len(expected), "datagrams from %s to %s" % (a.name, address))
    require(sorted(got) == sorted(expected), "datagrams from %s to %s arrive as sent" % (a.name, address))


class UdpFlow:
    """
    A paced UDP flow with sequence numbers, from VM a to the address, which b has, and each of `also`. With a `cpu` it is sent from
    there only: what is still in one CPU's queue is overtaken by what the sender, moved to another, sends next.
    """

    def __init__(self, a, b, address, rate, seconds, size=64, port=7000, also=(), cpu=None):
        flow = case.tool("udpflow")
        self.receivers, self.sender = [], None
        case.after_case.append(self.kill)
        for vm in (b, *also):
            self.receivers.append(vm.netns.popen([flow, "recv", address, str(port)], stdout=subprocess.PIPE, text=True))
            equal(self.receivers[-1].stdout.readline(), "ready\n", "udpflow starts in %s" % vm.name)
        pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
        self.sender = a.netns.popen(pinned + [flow, "send", address, str(port), str(rate), str(seconds), str(size)],
                                    stdout=subprocess.PIPE, text=True)
        self.deadline = seconds + 15

    def running(self):
        return self.sender.poll() is None

    def end(self):
        """It has gone on for long enough."""
        require(self.running(), "the flow outlasts what happens to it")
        self.sender.terminate()

    def kill(self):
        for p in (self.sender, *self.receivers):
            if p and p.poll() is None:
                p.kill()
                p.wait()

    def result(self):
        """
        Waits for the end of the flow: what was sent and what arrived, in one dict; "lost" is the difference, "each" what
        arrived at each of the receivers.
        """
        try:
            sent, _ = self.sender.communicate(timeout=self.deadline)
            time.sleep(0.2)  # the last datagrams are in a queue of this machine, if anywhere
            got = []
            for p in self.receivers:
                p.send_signal(signal.SIGTERM)
                got.append(json.loads(p.communicate(timeout=10)[0]))
        except subprocess.TimeoutExpired as e:
            raise Failed("the UDP flow does not end") from e
        finally:
            self.kill()
        r = {**json.loads(sent), **{key: sum(g[key] for g in got) for key in got[0] if key != "highest"}}
        r["each"] = [g["unique"] for g in got]
        r["lost"] = r["sent"] - r["unique"]
        r["pps"] = r["sent"] / r["seconds"]
        return r


def iperf3(a, b, address, seconds=2, extra=()):
    """Mbit/s that arrived at b, measured by iperf3 (-R among `extra`: from b to a)."""
    server = b.netns.popen(["iperf3", "-s", "-1", "-B", address, "--forceflush"], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    try:
        for line in server.stdout:
            if "listening" in line:
                break
        p = a.netns.run(["iperf3", "-J", "-c", address, "-t", str(seconds)] + list(extra), ok=None,
                        timeout=seconds + 20)
        r = json.loads(p.stdout)
        require("error" not in r, "iperf3 from %s to %s: %s" % (a.name, address, r.get("error")))
        return r["end"]["sum_received"]["bits_per_second"] / 1e6
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
