"""Crowds of flows at once: thousands of sockets of VMs that ask one server the same, each told apart by what it says.

A process for each VM, and two that serve TCP: the descriptors that one may have are not enough for all.
"""
import multiprocessing
import resource
import select
import socket
import struct
import time
import traceback

from lib.case import SLOWNESS, Failed, equal, require

FIRST_PORT = 20000
ECHO_REQUEST, ECHO_REPLY = 8, 0
SO_REUSEPORT, SO_RCVBUFFORCE = 15, 33
HARD_CLOSE = struct.pack("ii", 1, 0)
IDLE = 25  # seconds: after 30 the kernel has forgotten a UDP flow of one question and one answer, and its place is free


def _socket(who, kind, address=None, port=0, shared=False):
    with who.netns.enter():
        s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, SO_REUSEPORT if shared else socket.SO_REUSEADDR, 1)
    if address:
        s.bind((address, port))
    s.setblocking(False)
    return s


class Part:
    """A process that does a part of the work and says what came of it."""

    def __init__(self, work, *args):
        fork = multiprocessing.get_context("fork")
        self.pipe, theirs = fork.Pipe()
        self.process = fork.Process(target=self._run, args=(theirs, work, args), daemon=True)
        self.process.start()
        theirs.close()

    @staticmethod
    def _run(pipe, work, args):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        try:
            pipe.send(("done", work(pipe, *args)))
        except Exception:  # pylint: disable=broad-except
            pipe.send(("failed", traceback.format_exc()))

    def hear(self, word, seconds):
        if not self.pipe.poll(seconds * SLOWNESS):
            raise Failed("a part of the crowd says nothing for %d s" % seconds)
        said, what = self.pipe.recv()
        if said != word:
            raise Failed("a part of the crowd: %s" % what)
        return what

    def tell(self):
        self.pipe.send(None)

    def end(self):
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _say(name, i):
    return ("%s %d" % (name, i)).encode()


class Crowd:
    """
    What came of it: `seen`, where the server saw each, {(address, port): name of the VM}; in `again` places of them another flow was
    before, which had been idle for so long that it need not be remembered (a slow machine takes its time for so many).
    """

    def __init__(self, vms, n, seen, answers, again=0):
        self.seen = seen
        for vm, (answered, crossed) in zip(vms, answers):
            equal((answered, crossed), (n, []), "flows of %s that were answered, and answers that were not its own" % vm.name)
        equal(len(seen) + again, n * len(vms), "places that the server saw")

    def ports(self, name):
        return sorted(port for (_, port), who in self.seen.items() if who == name)

    def addresses(self):
        return {address for address, _ in self.seen}


def _udp_server(pipe, far, port):
    server, seen, last, again = _socket(far, socket.SOCK_DGRAM, far.addresses[0], port), {}, {}, 0
    server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    pipe.send(("ready", None))
    while True:
        readable, _, _ = select.select([server, pipe], [], [])
        if pipe in readable:
            return seen, again
        while True:
            try:
                data, where = server.recvfrom(100)
            except BlockingIOError:
                break
            now = time.monotonic()
            again += now - last.get(where, now) > IDLE
            last[where] = now
            seen[where] = data.split()[0].decode()
            server.sendto(data, where)


def _take(flow, name, crossed):
    """1 when what the flow received is its own."""
    s, i = flow
    data = s.recv(100)
    if data == _say(name, i):
        return 1
    crossed.append((name, i, data))
    return 0


def _udp_client(pipe, vm, to, n, seconds):
    poll, sockets, crossed, answered = select.epoll(), {}, [], 0
    for i in range(n):
        s = _socket(vm, socket.SOCK_DGRAM, vm.v4, FIRST_PORT + i)
        s.connect(to)
        sockets[s.fileno()] = (s, i)
        poll.register(s, select.EPOLLIN)
        s.send(_say(vm.name, i))
        if i % 64 == 0:
            answered += sum(_take(sockets[fd], vm.name, crossed) for fd, _ in poll.poll(0))
    end = time.monotonic() + seconds * SLOWNESS
    while answered + len(crossed) < n and time.monotonic() < end:
        answered += sum(_take(sockets[fd], vm.name, crossed) for fd, _ in poll.poll(0.5))
    del pipe
    return answered, crossed


def udp(vms, far, n, port=7000, seconds=60):
    """n flows of each VM at once, the same 5-tuples of all of them."""
    server, clients = Part(_udp_server, far, port), []
    try:
        server.hear("ready", 10)
        clients = [Part(_udp_client, vm, (far.addresses[0], port), n, seconds) for vm in vms]
        answers = [c.hear("done", seconds + 30) for c in clients]
        server.tell()
        seen, again = server.hear("done", 10)
        return Crowd(vms, n, seen, answers, again)
    finally:
        for part in [server] + clients:
            part.end()


def _tcp_server(pipe, far, port):
    listener, served, seen = _socket(far, socket.SOCK_STREAM, far.addresses[0], port, True), {}, {}
    listener.listen(4096)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    poll.register(pipe, select.EPOLLIN)
    pipe.send(("ready", None))
    while True:
        for fd, _ in poll.poll():
            if fd == pipe.fileno():
                return seen
            if fd != listener.fileno():
                try:
                    data = served[fd].recv(100)
                    seen[served[fd].getpeername()] = data.split()[0].decode() if data else ""
                    served[fd].send(data)
                except ConnectionResetError:  # it has got what it wanted
                    served.pop(fd).close()
                continue
            while True:
                try:
                    s, _ = listener.accept()
                except BlockingIOError:
                    break
                s.setblocking(False)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD_CLOSE)
                served[s.fileno()] = s
                poll.register(s, select.EPOLLIN)


def _tcp_client(pipe, vm, to, n, seconds, at_once=128):
    poll, sockets, connecting, crossed, answered, begun = select.epoll(), {}, set(), [], 0, 0
    end = time.monotonic() + seconds * SLOWNESS
    while begun < n or connecting:
        while begun < n and len(connecting) < at_once:
            s = _socket(vm, socket.SOCK_STREAM, vm.v4, FIRST_PORT + begun)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD_CLOSE)
            s.connect_ex(to)
            sockets[s.fileno()] = (s, begun)
            connecting.add(s.fileno())
            poll.register(s, select.EPOLLOUT)
            begun += 1
        for fd, _ in poll.poll(0.2):
            s, i = sockets[fd]
            error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            require(error == 0, "connection %d of %s: error %d" % (i, vm.name, error))
            connecting.discard(fd)
            poll.modify(fd, select.EPOLLIN)
        require(time.monotonic() < end, "%d of %d connections of %s are open" % (begun - len(connecting), n, vm.name))
    pipe.send(("open", None))
    pipe.recv()
    for s, i in sockets.values():
        s.send(_say(vm.name, i))
    while answered + len(crossed) < n and time.monotonic() < end:
        answered += sum(_take(sockets[fd], vm.name, crossed) for fd, _ in poll.poll(0.2))
    for s, _ in sockets.values():
        s.close()
    return answered, crossed


def tcp(vms, far, n, port=7001, seconds=120):
    """n connections of each VM that are all open at the same time, then each says who it is and is answered."""
    servers, clients = [Part(_tcp_server, far, port) for _ in range(2)], []
    try:
        for s in servers:
            s.hear("ready", 10)
        clients = [Part(_tcp_client, vm, (far.addresses[0], port), n, seconds) for vm in vms]
        for c in clients:
            c.hear("open", seconds + 30)
        for c in clients:
            c.tell()
        answers, seen = [c.hear("done", seconds) for c in clients], {}
        for s in servers:
            s.tell()
            seen.update(s.hear("done", 10))
        return Crowd(vms, n, seen, answers)
    finally:
        for part in servers + clients:
            part.end()


def _message(name, i, turn):
    """Whose it is, of which flow, and which one of it; of many sizes, all of which fit into one packet."""
    return (b"%s %d %d " % (name.encode(), i, turn)).ljust(40 + (i * 37 + turn * 101) % 1100, b".")


def _talk_client(pipe, vm, to, kind, n, turns, seconds):
    poll, flows, end = select.epoll(), {}, time.monotonic() + seconds * SLOWNESS
    for i in range(n):
        s = _socket(vm, kind, vm.v4, FIRST_PORT + i)
        if kind == socket.SOCK_STREAM:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD_CLOSE)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.settimeout(5 * SLOWNESS)
        s.connect(to)
        s.setblocking(False)
        flows[s.fileno()] = (s, i)
        poll.register(s, select.EPOLLIN)
    for turn in range(turns):
        wanted = {}
        for fd, (s, i) in flows.items():
            wanted[fd] = _message(vm.name, i, turn)
            s.send(wanted[fd])
        while wanted:
            for fd, _ in poll.poll(0.5):
                s, i = flows[fd]
                data, want = s.recv(2000), wanted.pop(fd, b"")
                if not data or not want.startswith(data) or (kind == socket.SOCK_DGRAM and data != want):
                    raise Failed("flow %d of %s, message %d: got %r, expected %r" % (i, vm.name, turn, data[:40], want[:40]))
                if data != want:
                    wanted[fd] = want[len(data):]
            require(time.monotonic() < end, "%d flows of %s hear nothing of message %d" % (len(wanted), vm.name, turn))
    for s, _ in flows.values():
        s.close()
    del pipe
    return n, []


def _talk_server(pipe, far, kind, port):
    """Sends back what it gets; {where from: whose messages}."""
    first, peers, seen = _socket(far, kind, far.addresses[0], port), {}, {}
    first.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    if kind == socket.SOCK_STREAM:
        first.listen(4096)
    pipe.send(("ready", None))
    poll = select.epoll()
    for s in (first, pipe):
        poll.register(s, select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == pipe.fileno():
                return seen
            if fd in peers:
                s, where = peers[fd]
                try:
                    data = s.recv(2000)
                except ConnectionResetError:  # it has got what it wanted
                    data = b""
                if not data:
                    poll.unregister(fd)
                    peers.pop(fd)[0].close()
                    continue
                seen.setdefault(where, set()).add(data.split()[0])
                s.send(data)
            elif kind == socket.SOCK_STREAM:
                s, where = first.accept()
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peers[s.fileno()] = s, where
                poll.register(s, select.EPOLLIN)
            else:
                data, where = first.recvfrom(2000)
                seen.setdefault(where, set()).add(data.split()[0])
                first.sendto(data, where)


def talk(vms, far, kind, n, turns, port=7010, seconds=60):
    """n flows of each VM at once, the same 5-tuples of all of them; on each so many messages there, one after the other, and back."""
    server, clients = Part(_talk_server, far, kind, port), []
    try:
        server.hear("ready", 10)
        clients = [Part(_talk_client, vm, (far.addresses[0], port), kind, n, turns, seconds) for vm in vms]
        answers = [c.hear("done", seconds + 30) for c in clients]
        server.tell()
        seen = server.hear("done", 10)
        equal([(where, who) for where, who in seen.items() if len(who) != 1], [], "places that speak for several")
        return Crowd(vms, n, {where: who.pop().decode() for where, who in seen.items()}, answers)
    finally:
        for part in [server] + clients:
            part.end()


def echo(vms, far, n, seconds=30):
    """n ICMP echo identifiers of each VM, the same of all of them. Answers bring back what was sent."""
    answered, crossed, sockets = {}, [], {}
    poll = select.epoll()
    try:
        for vm in vms:
            with vm.netns.enter():
                s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
            s.setblocking(False)
            sockets[s.fileno()] = (s, vm, set())
            poll.register(s, select.EPOLLIN)
        end = time.monotonic() + seconds * SLOWNESS
        sent = 0
        while time.monotonic() < end and (sent < n or any(len(got) < n for _, _, got in sockets.values())):
            for _ in range(32 if sent < n else 0):
                if sent == n:
                    break
                for s, vm, _ in sockets.values():
                    payload = _say(vm.name, sent)
                    head = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, 1 + sent, 1)
                    s.sendto(struct.pack("!BBHHH", ECHO_REQUEST, 0, _sum(head + payload), 1 + sent, 1) + payload,
                             (far.addresses[0], 0))
                sent += 1
            for fd, _ in poll.poll(0.0 if sent < n else 0.2):
                s, vm, got = sockets[fd]
                while True:
                    try:
                        packet = s.recv(200)
                    except BlockingIOError:
                        break
                    kind, _, _, ident, _ = struct.unpack("!BBHHH", packet[20:28])
                    if kind != ECHO_REPLY:
                        continue
                    if packet[28:] == _say(vm.name, ident - 1):
                        got.add(ident)
                    else:
                        crossed.append((vm.name, ident, packet[28:]))
        for _, vm, got in sockets.values():
            answered[vm.name] = len(got)
    finally:
        for s, _, _ in sockets.values():
            s.close()
        poll.close()
    equal(crossed, [], "echo replies that came to somebody else, or with another identifier")
    equal(answered, {vm.name: n for vm in vms}, "echo requests that were answered")


def _sum(data):
    data += b"\0" * (len(data) % 2)
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
