#!/usr/bin/python3
"""How fast the controller's API is, with few and with many virtual networks, and what a network interface takes of memory.

usage: api.py [--rounds N] [--requests N] [--build DIR]

Two controllers, one with 10 virtual networks, one with 1,000, each network with 10 interfaces, loaded in batches. Then requests
of one client go to them in turn, PUTs that change something and GETs, and 200 clients who keep their connections ask one of
them at once. A table goes to standard output, api.json to build/bench.
"""
import argparse
import json
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from control import BASE, Client, conclude, percentile
from lab import build_option, enter
from report import Spread

FEW, MANY, INTERFACES = 10, 1000, 10
CLIENTS, CROWD_SECONDS = 200, 5
STEP = 100  # networks in a batch, with their interfaces
LATENCY_GOAL, BULK_GOAL, FAIR_GOAL = 1.5, 1000, 0.5


def network(i):
    return {"properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                           "subnets": [{"resourceId": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}]}}


def interface(i, tag=None):
    body = {"properties": {"ipConfigurations": [
        {"resourceId": "c", "properties": {"subnet": {"resourceRef": f"/virtualNetworks/n{i}/subnets/s"}}}]}}
    return dict(body, tags={"n": str(tag)}) if tag is not None else body


class Controller:
    """A daemon with `size` networks."""

    def __init__(self, folder, build, size):
        self.size = size
        self.dir = os.path.join(folder, str(size))
        os.makedirs(self.dir)
        self.socket = self.dir + "/run/api.sock"
        with open(self.dir + "/gwd.conf", "w", encoding="utf-8") as f:
            f.write(f"[node]\nname = c{size}\nroles = controller\nstate_dir = {self.dir}/state\nrun_dir = {self.dir}/run\n")
        self.process = subprocess.Popen([build + "/gwd", "-c", self.dir + "/gwd.conf"], stderr=subprocess.DEVNULL)
        self.wait()
        self.client = Client(self.socket)
        empty = self.memory()
        self.client.ask("PUT", "/macPools/all",
                        {"properties": {"startMacAddress": "020000000000", "endMacAddress": "0200FFFFFFFF"}})
        began = time.monotonic()
        for first in range(0, size, STEP):
            batch = []
            for i in range(first, min(first + STEP, size)):
                batch.append({"path": f"/virtualNetworks/n{i}", "body": network(i)})
                batch += [{"path": f"/networkInterfaces/n{i}-{k}", "body": interface(i)} for k in range(INTERFACES)]
            self.client.ask("POST", "/batch", batch)
        # Networks with their subnets, interfaces with their addresses.
        self.rate = size * (2 + 2 * INTERFACES) / (time.monotonic() - began)
        self.bytes_each = (self.memory() - empty) / (size * INTERFACES)
        self.asked = 0

    def wait(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                c = Client(self.socket)
                c.request("GET", "/readyz")
                if c.getresponse().status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise SystemExit("api.py: the daemon does not become ready")

    def memory(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="ascii") as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith("Private_Dirty"))

    def times(self, method, n):
        """Seconds that each of n requests took."""
        taken = []
        for _ in range(n):
            self.asked += 1
            i, k = self.asked * 7919 % self.size, self.asked % INTERFACES
            body = interface(i, self.asked) if method == "PUT" else None
            began = time.perf_counter()
            self.client.ask(method, f"/networkInterfaces/n{i}-{k}", body)
            taken.append(time.perf_counter() - began)
        return taken

    def stop(self):
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def crowd(controller):
    """How often each of many clients was served, half of them with PUTs, when all ask again as soon as they are answered."""
    selector = selectors.DefaultSelector()
    served = [0] * CLIENTS

    def send(c, sock):
        i, k = c * 31 % controller.size, c % INTERFACES
        path = f"{BASE}/networkInterfaces/n{i}-{k}"
        body = json.dumps(interface(i, served[c])).encode() if c % 2 else b""
        sock.sendall(b"%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" %
                     (b"PUT" if c % 2 else b"GET", path.encode(), len(body), body))

    def whole(data):
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            return False
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        return len(rest) >= length

    data = [b""] * CLIENTS
    for c in range(CLIENTS):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(controller.socket)
        selector.register(sock, selectors.EVENT_READ, c)
        send(c, sock)
    end = time.monotonic() + CROWD_SECONDS
    while time.monotonic() < end:
        for key, _ in selector.select(1):
            c = key.data
            piece = key.fileobj.recv(65536)
            if not piece:
                raise SystemExit(f"api.py: client {c} was cut off")
            data[c] += piece
            if whole(data[c]):
                data[c] = b""
                served[c] += 1
                send(c, key.fileobj)
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    return served


def measure(folder, build, rounds, requests):
    few, many = Controller(folder, build, FEW), Controller(folder, build, MANY)
    taken = {(c.size, m): [] for c in (few, many) for m in ("PUT", "GET")}
    try:
        for number in range(rounds):
            for method in ("PUT", "GET"):
                for c in (few, many) if number % 2 == 0 else (many, few):
                    taken[c.size, method].append(c.times(method, requests))
        served = crowd(many)
    finally:
        few.stop()
        many.stop()
    result = {"bulk_per_second": many.rate, "bytes_per_interface": many.bytes_each, "requests": {}}
    for (size, method), groups in taken.items():
        every = [t for g in groups for t in g]
        result["requests"][f"{method} {size}"] = {
            "per_second": len(every) / sum(every), "p50_us": percentile(every, 50) * 1e6, "p99_us": percentile(every, 99) * 1e6}
    for method in ("PUT", "GET"):
        ratios = [statistics.median(a) / statistics.median(b) for a, b in zip(taken[MANY, method], taken[FEW, method])]
        result[f"ratio_{method.lower()}"] = Spread.of(ratios)._asdict()
    result["crowd"] = {"clients": CLIENTS, "per_second": sum(served) / CROWD_SECONDS}
    for name, which in (("get", 0), ("put", 1)):
        mine = served[which::2]
        result["crowd"][f"least_{name}_to_mean"] = min(mine) / statistics.mean(mine)
    return result


def goals(r):
    yield f"PUT with {MANY:,} networks to one with {FEW}", f"at most {LATENCY_GOAL}", r["ratio_put"]["median"], \
        r["ratio_put"]["median"] <= LATENCY_GOAL
    yield "resources a second in batches", f"at least {BULK_GOAL}", r["bulk_per_second"], r["bulk_per_second"] >= BULK_GOAL
    for name in ("get", "put"):
        least = r["crowd"][f"least_{name}_to_mean"]
        yield f"least served of {CLIENTS // 2} clients that {name.upper()}, to their mean", f"at least {FAIR_GOAL}", least, \
            least >= FAIR_GOAL


def table(r):
    lines = [f"{'':26} {'requests/s':>10} {'median us':>10} {'99 % us':>10}"]
    for key, v in sorted(r["requests"].items()):
        method, size = key.split()
        lines.append(f"{method} with {int(size):5,} networks   {v['per_second']:10.0f} {v['p50_us']:10.0f} {v['p99_us']:10.0f}")
    for method in ("put", "get"):
        s = r[f"ratio_{method}"]
        lines.append(f"{method.upper()}, {MANY:,} to {FEW}: {s['median']:.2f} [{s['low']:.2f} .. {s['high']:.2f}]")
    lines.append(f"{r['crowd']['clients']} clients at once: {r['crowd']['per_second']:.0f} requests/s")
    lines.append(f"in batches: {r['bulk_per_second']:.0f} resources/s; an interface takes {r['bytes_per_interface']:.0f} bytes")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    build_option(parser)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--requests", type=int, default=200, help="of each kind in a round (default: 200)")
    args = parser.parse_args()
    folder = enter(args.build)
    with tempfile.TemporaryDirectory(prefix="gwd-bench-") as work:
        result = measure(work, args.build, args.rounds, args.requests)
    return conclude(folder, "api", result, table(result), list(goals(result)))


if __name__ == "__main__":
    sys.exit(main())
