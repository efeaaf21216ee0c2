"""Inside the VM: runs what the other end of a virtio-serial port asks for. One JSON object a line, both ways.

    {"ping": ID}                          {"pong": ID}
    {"run": SCRIPT, "id": ID}             {"id": ID, "out": TEXT} ... {"id": ID, "end": STATUS}
    {"kill": ID, "signal": NUMBER}

Scripts run with bash as root, each in a session of its own.
"""
import json
import os
import selectors
import signal
import subprocess
import time

PORT = "/dev/virtio-ports/gwd.agent"


class Agent:
    def __init__(self):
        self.port = os.open(PORT, os.O_RDWR | os.O_NONBLOCK)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.port, selectors.EVENT_READ)
        self.running = {}  # by the descriptor of what they say: (id, process)
        self.pending = b""

    def say(self, **what):
        data = json.dumps(what).encode() + b"\n"
        while data:
            try:
                data = data[os.write(self.port, data):]
            except BlockingIOError:
                time.sleep(0.01)  # nobody reads, for now
            except OSError:
                return            # nobody is there

    def hear(self):
        try:
            data = os.read(self.port, 65536)
        except (BlockingIOError, OSError):
            data = b""
        if not data:
            self.pending = b""
            time.sleep(0.1)       # the port is always readable while the other end is closed
            return
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            try:
                what = json.loads(line)
            except ValueError:
                continue          # the rest of what an earlier peer did not finish
            if "ping" in what:
                self.say(pong=what["ping"])
            elif "run" in what:
                self.run(what["id"], what["run"])
            elif "kill" in what:
                self.kill(what["kill"], what["signal"])

    def run(self, name, script):
        p = subprocess.Popen(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True, cwd="/")
        self.running[p.stdout.fileno()] = (name, p)
        self.selector.register(p.stdout, selectors.EVENT_READ)

    def kill(self, name, number):
        for other, p in self.running.values():
            if other == name:
                try:
                    os.killpg(p.pid, number)
                except ProcessLookupError:
                    pass

    def heard(self, fd):
        name, p = self.running[fd]
        data = os.read(fd, 16384)
        if data:
            self.say(id=name, out=data.decode(errors="replace"))
            return
        self.selector.unregister(fd)
        del self.running[fd]
        p.stdout.close()
        self.say(id=name, end=p.wait())

    def loop(self):
        while True:
            for key, _ in self.selector.select():
                if key.fd == self.port:
                    self.hear()
                else:
                    self.heard(key.fd)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    Agent().loop()
