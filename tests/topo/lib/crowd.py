"""Crowds of flows at once: thousands of sockets of VMs that ask one server the same, each told apart by what it says."""
import resource
import select
import socket
import struct
import time

from lib.case import SLOWNESS, Failed, equal, require

FIRST_PORT = 20000
ECHO_REQUEST, ECHO_REPLY = 8, 0


def allow(n):
    """So many descriptors and some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = n + 1000
    if soft < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, max(need, hard)))


def _socket(who, kind, address=None, port=0):
    with who.netns.enter():
        s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if address:
        s.bind((address, port))
    s.setblocking(False)
    return s


class Crowd:
    """What came of it: {name of a VM: how many were answered rightly}, and where the server saw each, {(address, port): name}."""

    def __init__(self):
        self.answered, self.seen, self.crossed = {}, {}, []

    def judge(self, vms, n):
        for vm in vms:
            equal(self.answered.get(vm.name, 0), n, "flows of %s that were answered (crossed: %s)" % (vm.name, self.crossed[:3]))
        equal(self.crossed, [], "answers that came to somebody else")
        equal(len(self.seen), n * len(vms), "places that the server saw")
        return self

    def ports(self, name):
        return sorted(port for (_, port), who in self.seen.items() if who == name)

    def addresses(self):
        return {address for address, _ in self.seen}


def _say(vm, i):
    return ("%s %d" % (vm.name, i)).encode()


def udp(vms, far, n, port=7000, seconds=60):
    """n flows of each VM at once, the same 5-tuples of all of them."""
    allow(n * len(vms))
    crowd, sockets = Crowd(), {}
    server = _socket(far, socket.SOCK_DGRAM, far.addresses[0], port)
    server.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
    poll = select.epoll()
    poll.register(server, select.EPOLLIN)

    def turn(patience):
        for fd, _ in poll.poll(patience):
            if fd == server.fileno():
                while True:
                    try:
                        data, where = server.recvfrom(100)
                    except BlockingIOError:
                        break
                    crowd.seen[where] = data.split()[0].decode()
                    server.sendto(data, where)
                continue
            s, vm, i = sockets[fd]
            try:
                data = s.recv(100)
            except OSError as e:
                raise Failed("flow %d of %s: %s" % (i, vm.name, e)) from e
            if data == _say(vm, i):
                crowd.answered[vm.name] = crowd.answered.get(vm.name, 0) + 1
            else:
                crowd.crossed.append((vm.name, i, data))

    try:
        for i in range(n):
            for vm in vms:
                s = _socket(vm, socket.SOCK_DGRAM, vm.v4, FIRST_PORT + i)
                s.connect((far.addresses[0], port))
                sockets[s.fileno()] = (s, vm, i)
                poll.register(s, select.EPOLLIN)
                s.send(_say(vm, i))
            if i % 64 == 0:
                turn(0)
        end = time.monotonic() + seconds * SLOWNESS
        while sum(crowd.answered.values()) + len(crowd.crossed) < n * len(vms) and time.monotonic() < end:
            turn(0.5)
    finally:
        for s, _, _ in sockets.values():
            s.close()
        server.close()
        poll.close()
    return crowd.judge(vms, n)


def tcp(vms, far, n, port=7001, seconds=120, at_once=256):
    """n connections of each VM that are all open at the same time, then each says who it is and is answered."""
    allow(2 * n * len(vms))
    crowd, clients, served = Crowd(), {}, {}
    listener = _socket(far, socket.SOCK_STREAM, far.addresses[0], port)
    listener.listen(4096)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    waiting = [(vm, i) for i in range(n) for vm in vms]
    waiting.reverse()
    connecting, open_now, said = set(), 0, False
    end = time.monotonic() + seconds * SLOWNESS
    hard_close = struct.pack("ii", 1, 0)

    def accept():
        while True:
            try:
                s, _ = listener.accept()
            except BlockingIOError:
                return
            s.setblocking(False)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard_close)
            served[s.fileno()] = s
            poll.register(s, select.EPOLLIN)

    try:
        while sum(crowd.answered.values()) + len(crowd.crossed) < n * len(vms):
            if time.monotonic() > end:
                raise Failed("%d of %d connections are open, %s answered" % (open_now, n * len(vms), crowd.answered))
            while waiting and len(connecting) < at_once:
                vm, i = waiting.pop()
                s = _socket(vm, socket.SOCK_STREAM, vm.v4, FIRST_PORT + i)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard_close)
                s.connect_ex((far.addresses[0], port))
                clients[s.fileno()] = (s, vm, i)
                connecting.add(s.fileno())
                poll.register(s, select.EPOLLOUT)
            for fd, _ in poll.poll(0.2):
                if fd == listener.fileno():
                    accept()
                elif fd in connecting:
                    s, vm, i = clients[fd]
                    error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    require(error == 0, "connection %d of %s: error %d" % (i, vm.name, error))
                    connecting.discard(fd)
                    open_now += 1
                    poll.modify(fd, select.EPOLLIN)
                elif fd in served:
                    data = served[fd].recv(100)
                    crowd.seen[served[fd].getpeername()] = data.split()[0].decode() if data else ""
                    served[fd].send(data)
                else:
                    s, vm, i = clients[fd]
                    data = s.recv(100)
                    if data == _say(vm, i):
                        crowd.answered[vm.name] = crowd.answered.get(vm.name, 0) + 1
                    else:
                        crowd.crossed.append((vm.name, i, data))
            if not said and not waiting and not connecting and len(served) == n * len(vms):
                said = True
                for s, vm, i in clients.values():
                    s.send(_say(vm, i))
    finally:
        for s, _, _ in clients.values():
            s.close()
        for s in served.values():
            s.close()
        listener.close()
        poll.close()
    return crowd.judge(vms, n)


def echo(vms, far, n, seconds=30):
    """n ICMP echo identifiers of each VM, the same of all of them. Answers bring back what was sent."""
    allow(n * len(vms))
    answered, crossed, sockets = {}, [], {}
    poll = select.epoll()
    try:
        for vm in vms:
            with vm.netns.enter():
                s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
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
                    payload = _say(vm, sent)
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
                    if packet[28:] == _say(vm, ident - 1):
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
