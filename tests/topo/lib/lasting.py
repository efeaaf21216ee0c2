"""Flows that last through whatever happens to the node between: of each VM a TCP connection that is always busy, datagrams at a steady
rate that are answered, and a TCP connection that says nothing until the end.

A process of its own has both ends of all of them, and tells how far they have come.
"""
import select
import socket
import time

from lib.case import SLOWNESS, Failed, eventually, require
from lib.crowd import Part

TICK = 0.01  # seconds between two datagrams of a VM
WINDOW = 16 << 10  # bytes of TCP under way for each
PATTERN = bytes(i * 7 % 251 for i in range(251 * 400))  # what is in another place than where it was sent differs


def _enter(who, kind):
    with who.netns.enter():
        s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return s


def _pair(vm, far, port):
    """A TCP connection from vm to far: both ends."""
    with _enter(far, socket.SOCK_STREAM) as listener:
        listener.bind((far.addresses[0], port))
        listener.listen(1)
        listener.settimeout(10 * SLOWNESS)
        near = _enter(vm, socket.SOCK_STREAM)
        near.settimeout(10 * SLOWNESS)
        near.connect((far.addresses[0], port))
        there, _ = listener.accept()
    return near, there


class _Flows:
    """Those of one VM."""

    def __init__(self, vm, far, port):
        self.idle = _pair(vm, far, port)
        self.near, self.there = _pair(vm, far, port + 1)
        self.server, self.client = _enter(far, socket.SOCK_DGRAM), _enter(vm, socket.SOCK_DGRAM)
        self.server.bind((far.addresses[0], port + 2))
        self.client.connect((far.addresses[0], port + 2))
        for s in (self.near, self.there, self.server, self.client):
            s.setblocking(False)
        self.sent = self.got = self.asked = self.answered = 0
        self.wrong = []

    def readers(self):
        return {self.there: self.take, self.server: self.answer, self.client: self.hear}

    def say(self):
        """One datagram, and TCP as much as fits into the window."""
        self.client.send(b"%d" % self.asked)
        self.asked += 1
        self.fill()

    def fill(self):
        while self.sent - self.got < WINDOW:
            at = self.sent % 251
            try:
                self.sent += self.near.send(PATTERN[at:at + 4096])
            except BlockingIOError:
                return

    def take(self):
        data = self.there.recv(1 << 16)
        if not data:
            self.wrong.append("TCP has ended after %d bytes" % self.got)
        at = self.got % 251
        if data != PATTERN[at:at + len(data)]:
            self.wrong.append("TCP differs between %d and %d" % (self.got, self.got + len(data)))
        self.got += len(data)

    def answer(self):
        data, where = self.server.recvfrom(100)
        self.server.sendto(data, where)

    def hear(self):
        self.client.recv(100)
        self.answered += 1

    def silent_speak(self):
        for a, b in (self.idle, self.idle[::-1]):
            a.send(b"still here")
            if b.recv(100) != b"still here":
                self.wrong.append("the idle connection says something else")


def _serve(pipe, vms, far, port):
    flows = [_Flows(vm, far, port + 3 * i) for i, vm in enumerate(vms)]
    poll, readers = select.epoll(), {}
    for f in flows:
        for s, reader in f.readers().items():
            poll.register(s, select.EPOLLIN)
            readers[s.fileno()] = (f, reader)
    poll.register(pipe, select.EPOLLIN)
    pipe.send(("ready", None))
    due, end = time.monotonic(), None
    while end is None or (time.monotonic() < end and any(f.answered < f.asked or f.got < f.sent for f in flows)):
        for fd, _ in poll.poll(max(0, due - time.monotonic())):
            if fd == pipe.fileno():
                if pipe.recv():
                    pipe.send(("progress", [(f.answered, f.got) for f in flows]))
                else:
                    end = time.monotonic() + 5 * SLOWNESS
                continue
            f, reader = readers[fd]
            try:
                reader()
            except BlockingIOError:
                pass
            except OSError as e:
                f.wrong.append("%s: %s" % (reader.__name__, e))
        if time.monotonic() >= due:
            due = time.monotonic() + TICK
            for f in flows if end is None else ():
                try:
                    f.say()
                except OSError as e:
                    f.wrong.append("say: %s" % e)
        if any(len(f.wrong) > 100 for f in flows):
            break
    for f in flows:
        try:
            f.silent_speak()
        except OSError as e:
            f.wrong.append("idle: %s" % e)
    return [(f.asked - f.answered, f.sent - f.got, f.wrong[:3]) for f in flows]


class Lasting:
    def __init__(self, vms, far, port=7600):
        self.vms = vms
        self.part = Part(_serve, vms, far, port)
        self.part.hear("ready", 30 + len(vms))

    def progress(self):
        self.part.process.join(0)
        self.part.pipe.send(True)
        return self.part.hear("progress", 30)

    def go_on(self, when):
        """Every one of them carries more than it has carried so far."""
        before = self.progress()

        def more():
            stuck = [vm.name for vm, (u, t), (now_u, now_t) in zip(self.vms, before, self.progress())
                     if now_u < u + 5 or now_t < t + 4096]
            if stuck:
                raise Failed("%d flows are stuck: %s" % (len(stuck), stuck[:5]))
            return True

        eventually(more, "all flows go on " + when, 20)

    def end(self):
        """Nothing was lost or reset."""
        self.part.pipe.send(False)
        result = self.part.hear("done", 60)
        self.part.end()
        bad = ["%s: %d of its datagrams are lost, %d bytes of TCP, %s" % (vm.name, *r)
               for vm, r in zip(self.vms, result) if r != (0, 0, [])]
        require(not bad, "%d of %d VMs have lost something: %s" % (len(bad), len(self.vms), bad[:5]))
