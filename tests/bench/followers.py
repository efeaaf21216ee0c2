#!/usr/bin/python3
"""Stand-ins for nodes: they speak the protocol of a controller's nodes, and hold nothing.

usage: followers.py SOCKET ID...

Each follows the state of its server over one connection, takes all pages, says over another one that it has it, and follows on.
Says "ready" when all have the whole state, and ends with its standard input.
"""
import json
import selectors
import socket
import sys

BASE = b"/networking/v1/servers/"


class Channel:
    """One request at a time on one connection."""

    def __init__(self, path, selector, on_answer):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.data, self.on_answer = b"", on_answer
        selector.register(self.sock, selectors.EVENT_READ, self)

    def send(self, method, target, body=b""):
        kind = b"Content-Type: application/json\r\n" if body else b""
        self.sock.sendall(b"%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" %
                          (method, target, kind, len(body), body))

    def receive(self):
        piece = self.sock.recv(1 << 20)
        if not piece:
            raise SystemExit("followers.py: the controller has cut the connection")
        self.data += piece
        head, found, rest = self.data.partition(b"\r\n\r\n")
        if not found:
            return
        status = int(head.split(b" ", 2)[1])
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                       if line.lower().startswith(b"content-length:")), 0)
        if len(rest) < length:
            return
        self.data = rest[length:]
        if status >= 300:
            raise SystemExit(f"followers.py: {status} {rest[:300]!r}")
        self.on_answer(rest[:length])


class Node:
    def __init__(self, path, selector, name):
        self.target = BASE + name.encode()
        self.epoch, self.revision, self.whole, self.reporting = b"", 0, False, False
        self.state = Channel(path, selector, self.on_state)
        self.status = Channel(path, selector, self.on_status)
        self.ask()

    def ask(self, more=""):
        query = b"?since=%d&wait=50" % self.revision
        if self.epoch:
            query += b"&epoch=" + self.epoch
        if more:
            query += b"&more=" + more.encode()
        self.state.send(b"GET", self.target + b"/state" + query)

    def on_state(self, text):
        page = json.loads(text)
        self.epoch = page["epoch"].encode()
        if "more" in page:
            self.ask(page["more"])
            return
        self.whole, self.revision = True, page["revision"]
        self.ask()
        if not self.reporting:
            self.report()

    def report(self):
        self.reporting, self.told = True, self.revision
        self.status.send(b"PUT", self.target + b"/status",
                         json.dumps({"epoch": self.epoch.decode(), "revision": self.revision, "version": "stand-in",
                                     "state": "Synced"}).encode())

    def on_status(self, _):
        self.reporting = False
        if self.told < self.revision:
            self.report()


def main():
    selector = selectors.DefaultSelector()
    nodes = [Node(sys.argv[1], selector, name) for name in sys.argv[2:]]
    selector.register(sys.stdin.buffer, selectors.EVENT_READ, None)
    said = False
    while True:
        for key, _ in selector.select():
            if key.data is None:
                return
            key.data.receive()
        if not said and all(n.whole for n in nodes):
            said = True
            print("ready", flush=True)


if __name__ == "__main__":
    main()
