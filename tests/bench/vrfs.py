#!/usr/bin/python3
"""What a gateway with many virtual gateways costs: making them, keeping them, restarting over them, removing them.

usage: vrfs.py [--counts N,...] [--build DIR]
"""
import argparse
import json
import os
import re
import signal
import sys
import time

from lab import Failed, Gwd, build_option, case, enter, namespace, run

COUNTS = [100, 1000]
AT_ONCE = 100  # virtual gateways in one request
GATEWAY = "10.255.0.2"
BLOCK = 1024


def meminfo(name):
    with open("/proc/meminfo", encoding="ascii") as f:
        return int(re.search(rf"^{name}:\s+(\d+) kB", f.read(), re.M).group(1)) * 1024


class Node:
    """A gateway with `n` virtual gateways, each with a block of a shared address's ports and a forwarded port."""

    def __init__(self, n):
        self.n, self.figures = n, {}
        self.netns, self.isp = namespace(f"n{n}"), namespace(f"isp{n}")
        self.netns.veth("eth1", self.isp, "eth1", 1600)
        self.netns.veth("out0", self.isp, "seg0", 1500)
        for dev, address in (("eth1", "10.1.1.9/24"), ("out0", "192.0.2.2/24")):
            self.netns.ip(f"addr add {address} dev {dev}")
            self.netns.ip(f"link set {dev} up")
        for dev in ("eth1", "seg0"):
            self.isp.ip(f"link set {dev} up")
        self.gwd = Gwd(self.netns, f"n{n}", {
            "node": {"roles": "gateway", "plugin_dir": case.build() + "/plugins"},
            "underlay": {"interface": "eth1", "address": "10.1.1.9/24"},
            "external": {"interface": "out0"}}).start(deadline=60)

    def rdid(self, i):
        return f"11111111-2222-3333-4444-{i:012d}"

    def vsid(self, i):
        return 5001 + 10 * i

    def records(self, i):
        vsid, rdid, mac = self.vsid(i), self.rdid(i), f"02:67:00:00:{i >> 8:02x}:{i & 255:02x}"
        route = {"RoutingDomainID": rdid, "Metric": 0}
        block, address, forwarded = BLOCK * (1 + i % 62), f"203.0.113.{1 + i // 62}", 20000 + i
        yield "customerRoutes", dict(route, VirtualSubnetID=vsid, DestinationPrefix="10.255.0.0/29", NextHop="0.0.0.0")
        yield "customerRoutes", dict(route, VirtualSubnetID=vsid - 1, DestinationPrefix="10.0.1.0/24", NextHop="0.0.0.0")
        yield "customerRoutes", dict(route, VirtualSubnetID=vsid, DestinationPrefix="0.0.0.0/0", NextHop=GATEWAY)
        yield "lookupRecords", {"VirtualSubnetID": vsid, "CustomerAddress": GATEWAY, "ProviderAddress": "10.1.1.9", "MACAddress": mac}
        yield "virtualGateways", {"RoutingDomainID": rdid, "VirtualSubnetID": vsid, "MACAddress": mac, "CustomerAddress": GATEWAY,
                                  "PrefixLength": 29}
        yield "ports", {"Interface": f"gwo{vsid}", "MACAddress": mac, "VirtualSubnetID": vsid, "AllowForwarding": True}
        yield "publicAddresses", {"PublicPrefix": address + "/32", "FirstPort": block, "PortCount": BLOCK, "RoutingDomainID": rdid}
        yield "publicAddresses", {"PublicPrefix": "203.0.113.99/32", "FirstPort": forwarded, "PortCount": 1, "RoutingDomainID": rdid}
        yield "natRules", {"RoutingDomainID": rdid, "Type": "Outbound", "Protocol": "All", "PublicAddress": address,
                           "PublicPort": block, "PortCount": BLOCK, "CustomerPrefix": "10.0.0.0/16"}
        yield "natRules", {"RoutingDomainID": rdid, "Type": "Inbound", "Protocol": "Tcp", "PublicAddress": "203.0.113.99",
                           "PublicPort": forwarded, "PortCount": 1, "CustomerPrefix": "10.0.1.11/32", "CustomerPort": 80}

    def batch(self, body):
        begin = time.monotonic()
        r = self.gwd.request("POST", "/hnv/batch", body, timeout=300)
        if r.status != 200:
            raise Failed(f"batch: {r.status} {r.body[:300]}")
        return time.monotonic() - begin

    def put(self, first, end):
        return self.batch([{"path": "/hnv/" + kind, "body": {"properties": p}} for i in range(first, end)
                           for kind, p in self.records(i)])

    def status(self):
        return json.loads(self.gwd.request("GET", "/networking/v1/monitoring/statistics", timeout=300).body)

    def memory(self):
        with open(f"/proc/{self.pid()}/status", encoding="ascii") as f:
            return int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M).group(1)) * 1024

    def pid(self):
        return self.gwd.process.pid

    def cpu(self):
        with open(f"/proc/{self.pid()}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def loop(self):
        text = self.gwd.request("GET", "/metrics", timeout=300).body.decode()
        return [line for line in text.splitlines() if line.startswith("gwd_loop_")]

    def wait(self, n):
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            s = self.status()
            if s.get("nat", {}).get("up") == n and s["node"]["sync"]["state"] == "Synced":
                return s
            time.sleep(0.05)
        raise Failed(f"not ready: {json.dumps(s.get('nat'))[:600]}")


def measure(n):
    node = Node(n)
    rss, slab, free = node.memory(), meminfo("SUnreclaim"), meminfo("MemAvailable")
    begin = time.monotonic()
    for first in range(0, n, AT_ONCE):
        c0 = node.cpu(); took = node.put(first, min(n, first + AT_ONCE)); c0 = node.cpu() - c0
        print(f"  {first}: {took:.2f} cpu {c0:.2f}", flush=True)
    node.wait(n)
    print(f"{n}: made {time.monotonic() - begin:.2f} s, {(time.monotonic() - begin) / n * 1000:.2f} ms each; daemon {(node.memory() - rss) / n / 1024:.1f} KiB each, "
          f"slab {(meminfo('SUnreclaim') - slab) / n / 1024:.0f} KiB each, available {(free - meminfo('MemAvailable')) / n / 1024:.0f} KiB each")
    print("\n".join(x for x in node.loop() if "longest_turn" in x))
    print("fds", len(os.listdir(f"/proc/{node.pid()}/fd")))
    cpu, t = node.cpu(), time.monotonic()
    time.sleep(5)
    print(f"idle: {(node.cpu() - cpu) / (time.monotonic() - t) * 100:.1f} % cpu")
    # a change of one
    one = [node.batch([{"path": "/hnv/natRules", "body": {"properties": dict(list(node.records(i))[-1][1], CustomerPort=81 + i)}}]) for i in range(20)]
    print(f"one rule: {sorted(one)[10] * 1000:.2f} ms median, max {max(one)*1000:.2f}")
    syncs = node.status()["node"]["sync"]["vrf"]["syncs"]
    cpu, t = node.cpu(), time.monotonic()
    node.gwd.process.send_signal(signal.SIGHUP)
    while True:
        s = node.status()
        if s["node"]["sync"]["vrf"]["syncs"] > syncs and s["node"]["sync"]["state"] == "Synced":
            break
    print(f"resync: {time.monotonic() - t:.2f} s, cpu {node.cpu() - cpu:.2f}, repairs {s.get('vrf')}")
    t = time.monotonic(); node.gwd.request("GET", "/hnv/natRules?$top=1000", timeout=300); print(f"list: {time.monotonic() - t:.2f} s")
    t = time.monotonic(); node.status(); print(f"status: {time.monotonic() - t:.3f} s")
    node.gwd.kill()
    t = time.monotonic()
    node.gwd.start(deadline=120)
    up = time.monotonic() - t
    s = node.wait(n)
    print(f"restart: API {up:.2f} s, all {time.monotonic() - t:.2f} s; writes {s['nat']['writes']}, cpu {node.cpu():.2f}")
    print("\n".join(x for x in node.loop() if "longest_turn" in x))
    t = time.monotonic()
    from lib.gateway import objects
    ids = {kind: [(o.get("VirtualSubnetID", 0), i) for i, o in objects(node.gwd, kind).items()] for kind in ("natRules", "publicAddresses", "ports", "virtualGateways", "lookupRecords", "customerRoutes")}
    print(f"listed: {time.monotonic() - t:.2f} s")
    t = time.monotonic()
    cc = node.cpu()
    for kind, all_ in ids.items():
        for first in range(0, len(all_), 10 * AT_ONCE):
            c0 = node.cpu(); took = node.batch([{"path": f"/hnv/{kind}/{i}", "method": "DELETE"} for _, i in all_[first:first + 10 * AT_ONCE]]); c0 = node.cpu() - c0
            print(f"  del {kind} {first}: {took:.2f} cpu {c0:.2f}", flush=True)
    print("cpu", node.cpu() - cc)
    print(f"removed: {time.monotonic() - t:.2f} s")
    print([x for x in os.listdir("/run/netns") if x.startswith("gwd-")][:4])
    node.gwd.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    build_option(parser)
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)))
    args = parser.parse_args()
    enter(args.build)
    for n in map(int, args.counts.split(",")):
        measure(n)


if __name__ == "__main__":
    sys.exit(main())
