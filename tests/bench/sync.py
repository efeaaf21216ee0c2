#!/usr/bin/python3
"""From a PUT at the controller to the record in a host's table, and how long a host takes that comes back.

usage: sync.py [--rounds N] [--changes N] [--records N] [--build DIR]

Two deployments, one with 10 virtual networks, one with 1,000: a controller and a host, both real daemons, and 49 other nodes that are
stand-ins (followers.py), since so many engines are not to be had on one machine. One network is on all nodes. A VM of it moves
from one of them to another, again and again; the time runs from the PUT until the host's own record says so: with the host alone, and
with all 50 nodes connected, in turn.

Then a host with nothing joins a controller that has many records for it, starts again with them, and stays when the controller
starts again. A table goes to standard output, sync.json to build/bench.
"""
import argparse
import os
import subprocess
import sys
import time

from control import Client, conclude, percentile
from lab import Gwd, build_option, case, enter, namespace

FEW, MANY, NODES = 10, 1000, 50
VSID, MOVED = 5001, "10.0.200.200"
NETWORKS_OF_MANY = 20  # that the many records are of
GOAL_MS = 100
HERE = os.path.dirname(os.path.abspath(__file__))


def network(vsid, prefix="10.0.0.0/16"):
    return {"properties": {"addressSpace": {"addressPrefixes": [prefix]},
                           "subnets": [{"resourceId": "s", "properties": {"addressPrefix": prefix, "isolationId": vsid}}]}}


def interface(net, address, server, port=None):
    properties = {"server": {"resourceRef": f"/servers/{server}"},
                  "ipConfigurations": [{"resourceId": "c", "properties": {
                      "privateIPAddress": address, "privateIPAllocationMethod": "Static",
                      "subnet": {"resourceRef": f"/virtualNetworks/{net}/subnets/s"}}}]}
    if port:
        properties["hostInterface"] = port
    return {"properties": properties}


def server(i):
    return {"properties": {"roles": ["host"],
                           "providerAddresses": [{"address": f"192.168.{i >> 8}.{i & 255}", "prefixLength": 16,
                                                  "interface": "eth1"}]}}


def until(condition, seconds=120):
    """The condition's first true value; asked again and again, since it is the time that is measured."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
    raise SystemExit(f"sync.py: waited for {seconds} s in vain")


class Deployment:
    """A controller, and a host that follows it."""

    def __init__(self, name, record_limit=65536):
        self.controller = Gwd(namespace("c" + name), "c" + name, {"node": {"roles": "controller"}})
        self.controller.start()
        self.api = Client(self.controller.socket_path)
        self.api.ask("PUT", "/macPools/all",
                     {"properties": {"startMacAddress": "020000000000", "endMacAddress": "02000FFFFFFF"}})
        netns = namespace("h" + name)
        netns.ip("link add eth1 type veth peer name eth1x")
        netns.ip("link set eth1x up")
        netns.ip("link set eth1 up")
        netns.ip("link add vm0 type veth peer name vm0x")
        netns.ip("link set vm0 up")
        self.host = Gwd(netns, "h" + name, {"controller": {"urls": "unix:" + self.controller.socket_path, "server": "h1"},
                                            "engine": {"record_limit": str(record_limit)}})
        self.local = None

    def batch(self, elements, step=1000):
        for i in range(0, len(elements), step):
            self.api.ask("POST", "/batch", [{"path": p, "body": b} for p, b in elements[i:i + step]])

    def start_host(self):
        self.host.start()
        self.local = Client(self.host.socket_path)

    def record(self, vsid, address):
        r = self.local.ask("GET", f"/hnv/lookupRecords/{vsid}-{address}")
        return r and r["properties"]["ProviderAddress"]

    def records(self):
        return self.local.ask("GET", "/monitoring/statistics")["node"]["objects"]["lookupRecords"]

    def stop(self):
        for gwd in (self.host, self.controller):
            if gwd.process:
                gwd.stop()


class Moves(Deployment):
    """One network on all nodes, and others beside it."""

    def __init__(self, size):
        super().__init__(str(size))
        self.size, self.place = size, 0
        self.batch([(f"/servers/h{i}", server(i)) for i in range(1, NODES + 1)] +
                   [("/virtualNetworks/wide", network(VSID))] +
                   [(f"/networkInterfaces/p{i}", interface("wide", f"10.0.0.{i + 1}", f"h{i}", "vm0"))
                    for i in range(1, NODES + 1)] +
                   [("/networkInterfaces/moved", interface("wide", MOVED, "h2"))])
        self.batch([e for k in range(size - 1) for e in (
            (f"/virtualNetworks/n{k}", network(10000 + k)),
            (f"/networkInterfaces/n{k}", interface(f"n{k}", "10.0.0.2", f"h{2 + k % (NODES - 1)}", f"vm{1 + k}")))])
        self.start_host()
        until(lambda: self.record(VSID, MOVED))
        self.followers = None

    def crowd(self):
        self.followers = subprocess.Popen([sys.executable, HERE + "/followers.py", self.controller.socket_path] +
                                          [f"h{i}" for i in range(2, NODES + 1)], stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE)
        if self.followers.stdout.readline() != b"ready\n":
            raise SystemExit("sync.py: the stand-ins do not follow")

    def leave(self):
        self.followers.stdin.close()
        self.followers.wait(30)
        self.followers.stdout.close()

    def times(self, n):
        """Seconds from each of n PUTs to the host's record."""
        taken = []
        for _ in range(n):
            self.place = 2 + (self.place + 1) % (NODES - 2)
            wanted = f"192.168.0.{self.place}"
            body = interface("wide", MOVED, f"h{self.place}")
            if self.record(VSID, MOVED) == wanted:
                continue
            began = time.perf_counter()
            self.api.ask("PUT", "/networkInterfaces/moved", body)
            until(lambda wanted=wanted: self.record(VSID, MOVED) == wanted)
            taken.append(time.perf_counter() - began)
        return taken


def measure_moves(rounds, changes):
    worlds = [Moves(FEW), Moves(MANY)]
    taken = {(w.size, n): [] for w in worlds for n in (1, NODES)}
    try:
        for number in range(rounds):
            for w in worlds if number % 2 == 0 else worlds[::-1]:
                taken[w.size, 1].append(w.times(changes))
                w.crowd()
                taken[w.size, NODES].append(w.times(changes))
                w.leave()
    finally:
        for w in worlds:
            w.stop()
    return {f"{size} networks, {nodes} nodes": {"p50_ms": percentile(every, 50) * 1e3, "p99_ms": percentile(every, 99) * 1e3}
            for (size, nodes), groups in taken.items() for every in [[t for g in groups for t in g]]}


def measure_return(records):
    """Seconds until a host has them all: with nothing, with them from before, and when the controller has started again."""
    d = Deployment("many", 1 << (records - 1).bit_length() + 1)
    each = records // NETWORKS_OF_MANY
    try:
        d.batch([("/servers/h1", server(1)), ("/servers/h2", server(2))] +
                [e for n in range(NETWORKS_OF_MANY) for e in (
                    (f"/virtualNetworks/n{n}", network(VSID + n)),
                    (f"/networkInterfaces/p{n}", interface(f"n{n}", "10.0.255.254", "h1", f"vm{n}")))])
        d.batch([(f"/networkInterfaces/m{n}-{k}", interface(f"n{n}", f"10.0.{k + 2 >> 8}.{k + 2 & 255}", "h2"))
                 for n in range(NETWORKS_OF_MANY) for k in range(each)])
        total = NETWORKS_OF_MANY * (each + 1)

        def in_force():
            p = d.api.ask("GET", "/servers/h1")["properties"]
            return p.get("state") == "Active" and p["provisioningState"] == "Succeeded"

        began = time.perf_counter()
        d.start_host()
        until(lambda: d.records() >= total, 600)
        joined = time.perf_counter() - began
        until(in_force)
        d.host.stop()
        d.controller.stop()
        d.controller.start()
        d.api = Client(d.controller.socket_path)
        began = time.perf_counter()
        d.start_host()
        until(in_force, 600)
        again = time.perf_counter() - began
        d.controller.stop()
        began = time.perf_counter()
        d.controller.start()
        d.api = Client(d.controller.socket_path)
        until(in_force, 600)
        return {"records": total, "joins_s": joined, "starts_again_s": again,
                "controller_starts_again_s": time.perf_counter() - began}
    finally:
        d.stop()


def table(r):
    lines = [f"{'from PUT to the record in a host':36} {'median ms':>10} {'99 % ms':>10}"]
    for key, v in r["moves"].items():
        lines.append(f"{key:36} {v['p50_ms']:10.1f} {v['p99_ms']:10.1f}")
    b = r["return"]
    lines.append(f"{b['records']} records: a host with nothing has them after {b['joins_s']:.1f} s, one that starts again "
                 f"after {b['starts_again_s']:.1f} s, and when the controller starts again after "
                 f"{b['controller_starts_again_s']:.1f} s; beside the two, nodes were stand-ins")
    return lines


def goals(r):
    for key, v in r["moves"].items():
        if f"{NODES} nodes" in key:
            yield f"{key}, 99 %, ms", f"under {GOAL_MS}", v["p99_ms"], v["p99_ms"] < GOAL_MS


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    build_option(parser)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--changes", type=int, default=50, help="in a round, of each kind (default: 50)")
    parser.add_argument("--records", type=int, default=100000)
    args = parser.parse_args()
    folder = enter(args.build)
    try:
        result = {"moves": measure_moves(args.rounds, args.changes), "return": measure_return(args.records)}
    finally:
        for undo in reversed(case.after_group):
            undo()
    return conclude(folder, "sync", result, table(result), list(goals(result)))


if __name__ == "__main__":
    sys.exit(main())
