"""Packets that say who they are: each probe carries a number of its own, servers everywhere write down which number came to them and
whom they saw, and send it back. What must not arrive is held against them for as long as the test runs.

One thread, one epoll: hundreds of probes are under way at the same time, and take as long as one.
"""
import os
import resource
import select
import socket
import struct
import time
from collections import namedtuple

from lib.case import SLOWNESS

UDP, TCP = "Udp", "Tcp"
AGAIN = 0.25  # seconds until a datagram without an answer is sent again
GRACE = 0.05  # seconds that what must not arrive has for it, when everything else has
SIZE = 40
HARD_CLOSE = struct.pack("ii", 1, 0)

# Whom a receiver may see: `count` ports from `first` on; 0: any.
Source = namedtuple("Source", "address first count")
# Where a packet comes out, at which port, and whom it is from there; `sources` None: whoever.
Way = namedtuple("Way", "to port sources")


def fits(sources, address, port):
    return sources is None or any(s.address == address and (not s.count or s.first <= port < s.first + s.count) for s in sources)


class End:
    """Who sends and who is sent to: a VM, or far."""

    def __init__(self, key, name, netns):
        self.key, self.name, self.netns = key, name, netns


class Probe:
    """`way` None: it must come to nobody. With `keep` it is a flow that goes on afterwards."""

    def __init__(self, client, address, port, protocol, way, keep=False):
        self.client, self.address, self.port, self.protocol, self.way, self.keep = client, address, port, protocol, way, keep
        self.number, self.socket, self.seen = None, None, None
        self.server = None  # the other end of a connection
        self.pending = b""
        self.reset()

    def reset(self):
        self.connected = self.answered = False
        self.sent, self.tries, self.error = 0.0, 0, ""

    def __str__(self):
        return "%s from %s to %s:%d" % (self.protocol, self.client.name, self.address, self.port)


class Prober:
    def __init__(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.poll, self.readers = select.epoll(), {}
        self.hits = {}  # number: [(key of the end, port, (address, port) of the sender as it was seen)]
        self.forbidden = {}  # number: what it was, and that must have come to nobody
        self.late = []  # what came all the same, when its round was over
        self.accepted = {}  # number: the connection that it came by
        self.count = 0
        self.again = 0  # datagrams that were sent more than once before the answer came
        self.clashes = 0

    # --- who listens --------------------------------------------------------------------------------------------------

    def serve(self, end, ports):
        for port in ports:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with end.netns.enter():
                    s = socket.socket(socket.AF_INET, kind)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("0.0.0.0", port))
                s.setblocking(False)
                if kind == socket.SOCK_STREAM:
                    s.listen(64)
                take = self.accept if kind == socket.SOCK_STREAM else self.datagram
                self.watch(s, lambda s=s, p=port, take=take: take(s, end, p), lambda e: None)

    def watch(self, s, reader, failed, events=select.EPOLLIN):
        self.readers[s.fileno()] = (s, reader, failed)
        self.poll.register(s.fileno(), events)

    def forget(self, s):
        if s.fileno() >= 0 and self.readers.pop(s.fileno(), None):
            self.poll.unregister(s.fileno())
        s.close()

    def hit(self, data, end, port, peer):
        number = int(data.split()[0])
        if number in self.forbidden:
            self.late.append("%s came to %s, port %d, from %s:%d" % (self.forbidden[number], end.name, port, *peer))
        self.hits.setdefault(number, []).append((end.key, port, peer))

    def datagram(self, s, end, port):
        data, peer = s.recvfrom(2000)
        self.hit(data, end, port, peer)
        s.sendto(data, peer)

    def accept(self, listener, end, port):
        s, peer = listener.accept()
        s.setblocking(False)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD_CLOSE)
        got = bytearray()

        def read():
            data = s.recv(4000)
            if not data:
                self.forget(s)
                return
            got.extend(data)
            while len(got) >= SIZE:
                message = bytes(got[:SIZE])
                del got[:SIZE]
                self.hit(message, end, port, peer)
                self.accepted[int(message.split()[0])] = s
                s.send(message)

        self.watch(s, read, lambda e: self.forget(s))

    # --- who asks -----------------------------------------------------------------------------------------------------

    def begin(self, p):
        self.count += 1
        p.reset()
        p.number, p.tries = self.count, 1
        p.sent = time.monotonic()
        try:
            if p.socket is not None:
                p.connected = p.protocol == TCP
                self.say(p)
                return
            with p.client.netns.enter():
                p.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if p.protocol == UDP else socket.SOCK_STREAM)
            p.socket.setblocking(False)
            self.watch(p.socket, lambda: self.hear(p), lambda e: self.fail(p, e),
                       select.EPOLLIN if p.protocol == UDP else select.EPOLLOUT)
            if p.protocol == TCP:
                p.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD_CLOSE)
                p.socket.connect_ex((p.address, p.port))
            else:
                p.socket.connect((p.address, p.port))
                self.say(p)
        except OSError as e:
            p.error = str(e)

    @staticmethod
    def say(p):
        p.socket.send((b"%d " % p.number).ljust(SIZE, b"."))

    def fail(self, p, why):
        """An error ends a connection; of a datagram it is told once, and the next one may pass."""
        p.error = str(why)
        if p.protocol == TCP:
            self.stop(p)

    def hear(self, p):
        if p.protocol == TCP and not p.connected:
            error = p.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self.fail(p, os.strerror(error))
                return
            p.connected = True
            self.poll.modify(p.socket.fileno(), select.EPOLLIN)
            self.say(p)
            return
        data = p.socket.recv(4000)
        if not data and p.protocol == TCP:
            self.fail(p, "it was closed")
            return
        p.pending += data
        while len(p.pending) >= SIZE:
            message, p.pending = p.pending[:SIZE], p.pending[SIZE:]
            p.answered |= int(message.split()[0]) == p.number

    def stop(self, p):
        for s in (p.socket, p.server):
            if s is not None:
                self.forget(s)
        p.socket = p.server = None

    def turn(self, seconds):
        for fd, _ in self.poll.poll(seconds):
            s, reader, failed = self.readers.get(fd, (None, None, None))
            if s is None:
                continue
            try:
                reader()
            except BlockingIOError:
                pass
            except OSError as e:
                failed(e)

    def once_more(self, waiting):
        now = time.monotonic()
        for p in waiting:
            if p.protocol == UDP and p.socket is not None and now - p.sent > AGAIN:
                p.sent, p.tries = now, p.tries + 1
                try:
                    self.say(p)
                except OSError as e:
                    p.error = str(e)

    def clashed(self, p):
        """
        By another public place of its receiver the same sender's port had come there a moment ago, when it was somebody else's or of
        another rule: the kernel has given it another one then, so that there are not two flows that look the same to the receiver.
        """
        hits = self.hits.get(p.number, [])
        return p.way and p.way.to != "far" and hits and all(
            (key, port) == p.way[:2] and not fits(p.way.sources, *peer) and any(peer[0] == s.address for s in p.way.sources)
            for key, port, peer in hits)

    def ask(self, probes, seconds=5, retry=True):
        """Sends them all; returns what went otherwise than it should have, in words."""
        fresh = [p for p in probes if p.socket is None]
        for p in probes:
            self.begin(p)
        end = time.monotonic() + seconds * SLOWNESS
        while time.monotonic() < end:
            waiting = [p for p in probes if p.way and not p.answered]
            if not waiting:
                break
            self.turn(0.02)
            self.once_more(waiting)
        until = time.monotonic() + GRACE * SLOWNESS
        while time.monotonic() < until:
            self.turn(max(0.0, until - time.monotonic()))
        clashed = [p for p in fresh if self.clashed(p)] if retry else []
        wrong = ["%s: %s" % (p, w) for p in probes if p not in clashed for w in [self.wrong(p)] if w]
        self.again += sum(p.tries > 1 for p in probes if p.way)
        for p in probes:
            hits = self.hits.pop(p.number, [])
            p.server = self.accepted.pop(p.number, p.server)
            p.seen = hits[0][2] if hits else p.seen
            if p.way is None:
                self.forbidden[p.number] = str(p)
            if not p.keep or p.way is None or not hits or p in clashed:
                self.stop(p)
        late, self.late = self.late, []
        self.clashes += len(clashed)
        return wrong + late + (self.ask(clashed, seconds, False) if clashed else [])

    def wrong(self, p):
        hits = self.hits.get(p.number, [])
        if p.way is None:
            if hits:
                return "must come to nobody, and came to %s" % (hits,)
            return "must come to nobody, and was answered" if p.answered or (p.protocol == TCP and p.connected and not p.keep) else None
        if not hits:
            return "must come to %s, and did not (tried %d times%s)" % (p.way, p.tries, ", " + p.error if p.error else "")
        for key, port, peer in hits:
            if (key, port) != p.way[:2] or not fits(p.way.sources, *peer):
                return "must come to %s, and came to %s, port %d, from %s:%d" % (p.way, key, port, *peer)
        return None if p.answered else "came to %s, and the answer did not come back" % (p.way.to,)
