#!/usr/bin/python3
"""How fast the controller's API is, with few and with many virtual networks, and what a network interface takes of memory.

usage: api.py [--rounds N] [--requests N] [--build DIR]

Two controllers, one with 10 virtual networks, one with 1,000, each network with 10 interfaces, loaded in batches. Then requests
of one client go to them in turn, PUTs that change something and GETs, over the unix socket, and to the larger one over TLS too;
and 200 clients who keep their connections ask it at once, once this way and once that: over TLS as a manager does, from one
address and with one operator's token. A table goes to standard output, api.json to build/bench.
"""
import argparse
import json
import os
import selectors
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

from control import BASE, Client, TlsClient, conclude, percentile
from lab import build_option, enter, tls
from report import Spread

FEW, MANY, INTERFACES = 10, 1000, 10
CLIENTS, CROWD_SECONDS = 200, 5
CROWDS = ("unix", "https")
STEP = 100  # networks in a batch, with their interfaces
# What a manager with so many connections from one address has to set, and with so many requests.
LIMITS = f"[limits]\nconnections_per_client = {CLIENTS + 1}\nrequests_per_second = 1000000\n"
LATENCY_GOAL, BULK_GOAL, FAIR_GOAL = 1.5, 1000, 0.5


def network(i):
    return {"properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                           "subnets": [{"resourceId": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}]}}


def interface(i, tag=None):
    body = {"properties": {"ipConfigurations": [
        {"resourceId": "c", "properties": {"subnet": {"resourceRef": f"/virtualNetworks/n{i}/subnets/s"}}}]}}
    return dict(body, tags={"n": str(tag)}) if tag is not None else body


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Controller:
    """A daemon with `size` networks."""

    def __init__(self, folder, build, size):
        self.size = size
        self.dir = os.path.join(folder, str(size))
        os.makedirs(self.dir)
        self.socket = self.dir + "/run/api.sock"
        self.port = free_port()
        with open(self.dir + "/gwd.conf", "w", encoding="utf-8") as f:
            f.write(f"[node]\nname = c{size}\nroles = controller\nstate_dir = {self.dir}/state\nrun_dir = {self.dir}/run\n"
                    f"[api]\nlisten = unix:{self.socket}, https://127.0.0.1:{self.port}\n{LIMITS}")
        self.process = subprocess.Popen([build + "/gwd", "-c", self.dir + "/gwd.conf"], stderr=subprocess.DEVNULL)
        self.wait()
        self.client = Client(self.socket)
        self.token = self.client.ask("PUT", "/access/tokens/manager", {"properties": {"role": "operator"}})["properties"]["token"]
        self.tls_client = TlsClient(self.port, self.token)
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

    def times(self, method, n, client):
        """Seconds that each of n requests of the client took."""
        taken = []
        for _ in range(n):
            self.asked += 1
            i, k = self.asked * 7919 % self.size, self.asked % INTERFACES
            body = interface(i, self.asked) if method == "PUT" else None
            began = time.perf_counter()
            client.ask(method, f"/networkInterfaces/n{i}-{k}", body)
            taken.append(time.perf_counter() - began)
        return taken

    def dial(self, over_tls):
        if over_tls:
            sock = tls.context().wrap_socket(socket.create_connection(("127.0.0.1", self.port), 30))
        else:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.socket)
        sock.setblocking(False)
        return sock

    def stop(self):
        self.client.close()
        self.tls_client.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def received(sock):
    """What has come; None: nothing that counts, yet."""
    try:
        piece = sock.recv(65536)
        while piece and isinstance(sock, ssl.SSLSocket) and sock.pending():
            piece += sock.recv(65536)
        return piece
    except (ssl.SSLWantReadError, BlockingIOError):
        return None


def crowd(controller, over_tls):
    """How often each of many clients was served, half of them with PUTs, when all ask again as soon as they are answered."""
    headers = f"Host: x\r\nAuthorization: Bearer {controller.token}\r\nContent-Type: application/json\r\n".encode()
    selector = selectors.DefaultSelector()
    served = [0] * CLIENTS

    def send(c, sock):
        i, k = c * 31 % controller.size, c % INTERFACES
        path = f"{BASE}/networkInterfaces/n{i}-{k}"
        body = json.dumps(interface(i, served[c])).encode() if c % 2 else b""
        sock.sendall(b"%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" %
                     (b"PUT" if c % 2 else b"GET", path.encode(), headers, len(body), body))

    def whole(data):
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"api.py: a client was answered {head[:60]!r}")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        return len(rest) >= length

    data = [b""] * CLIENTS
    for c in range(CLIENTS):
        selector.register(controller.dial(over_tls), selectors.EVENT_READ, c)
    for key in list(selector.get_map().values()):
        send(key.data, key.fileobj)
    end = time.monotonic() + CROWD_SECONDS
    while time.monotonic() < end:
        for key, _ in selector.select(1):
            c = key.data
            piece = received(key.fileobj)
            if piece is None:
                continue
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
    over_tls = {m: [] for m in ("PUT", "GET")}
    try:
        for number in range(rounds):
            for method in ("PUT", "GET"):
                for c in (few, many) if number % 2 == 0 else (many, few):
                    taken[c.size, method].append(c.times(method, requests, c.client))
                over_tls[method] += many.times(method, requests, many.tls_client)
        served = {name: crowd(many, name == "https") for name in CROWDS}
    finally:
        few.stop()
        many.stop()
    result = {"bulk_per_second": many.rate, "bytes_per_interface": many.bytes_each, "requests": {}}
    rows = {f"{method} with {size:5,} networks": [t for g in groups for t in g] for (size, method), groups in taken.items()}
    rows.update({f"{method} with {MANY:5,}, TLS": times for method, times in over_tls.items()})
    for name, every in rows.items():
        result["requests"][name] = {
            "per_second": len(every) / sum(every), "p50_us": percentile(every, 50) * 1e6, "p99_us": percentile(every, 99) * 1e6}
    for method in ("PUT", "GET"):
        ratios = [statistics.median(a) / statistics.median(b) for a, b in zip(taken[MANY, method], taken[FEW, method])]
        result[f"ratio_{method.lower()}"] = Spread.of(ratios)._asdict()
    result["crowd"] = {"clients": CLIENTS}
    for name, counts in served.items():
        result["crowd"][name] = {"per_second": sum(counts) / CROWD_SECONDS}
        for method, which in (("get", 0), ("put", 1)):
            mine = counts[which::2]
            result["crowd"][name][f"least_{method}_to_mean"] = min(mine) / statistics.mean(mine)
    return result


def goals(r):
    yield f"PUT with {MANY:,} networks to one with {FEW}", f"at most {LATENCY_GOAL}", r["ratio_put"]["median"], \
        r["ratio_put"]["median"] <= LATENCY_GOAL
    yield "resources a second in batches", f"at least {BULK_GOAL}", r["bulk_per_second"], r["bulk_per_second"] >= BULK_GOAL
    for name in CROWDS:
        for method in ("get", "put"):
            least = r["crowd"][name][f"least_{method}_to_mean"]
            yield f"least served of {CLIENTS // 2} clients that {method.upper()} over {name}, to their mean", \
                f"at least {FAIR_GOAL}", least, least >= FAIR_GOAL


def table(r):
    lines = [f"{'':26} {'requests/s':>10} {'median us':>10} {'99 % us':>10}"]
    for key, v in sorted(r["requests"].items()):
        lines.append(f"{key:26} {v['per_second']:10.0f} {v['p50_us']:10.0f} {v['p99_us']:10.0f}")
    for method in ("put", "get"):
        s = r[f"ratio_{method}"]
        lines.append(f"{method.upper()}, {MANY:,} to {FEW}: {s['median']:.2f} [{s['low']:.2f} .. {s['high']:.2f}]")
    for name in CROWDS:
        lines.append(f"{r['crowd']['clients']} clients at once over {name}: {r['crowd'][name]['per_second']:.0f} requests/s")
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
