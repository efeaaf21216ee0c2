#!/usr/bin/python3
"""What a gateway with many virtual gateways costs: making them, keeping them, starting anew over them, removing them.

usage: vrfs.py [--counts N,...] [--build DIR]

Each has a block of a shared address's ports, a forwarded port and a customer route, over the batch API of a real daemon. Figures are
CPU time of the daemon for each virtual gateway, kernel and threads included, so that they hardly depend on what else the machine does;
the last line is the ratio of the most to the fewest. A table goes to standard output, vrfs.json to build/bench.
"""
import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

from lab import Failed, Gwd, build_option, case, enter, gateway, namespace

COUNTS = [100, 1000]
AT_ONCE = 100  # virtual gateways in one request
PATIENCE = 600  # seconds
IDLE_SECONDS = 5  # how long it is watched while nothing happens
BLOCK = 1024
BLOCKS = 62  # of one address
PA, OUT, CA = "10.1.1.9", "192.0.2.2", "10.255.0.2"
# Key, title, unit; of each virtual gateway unless the title says otherwise.
ROWS = [
    ("made", "made, CPU", "ms"), ("change", "one rule changed, CPU", "ms"), ("resync", "looked through, all right", "ms"),
    ("start", "start over what is there, CPU", "ms"), ("removed", "removed, CPU", "ms"), ("rss", "memory of the daemon", "KiB"),
    ("slab", "memory of the kernel's that cannot be reclaimed", "KiB"), ("idle", "while nothing happens, % of one CPU for all", "%"),
    ("wall_made", "made, all of them", "s"), ("wall_start", "start until all are in order", "s"),
    ("longest", "longest turn of the loop after the start", "s"),
]
WITHOUT_RATIO = ("idle", "wall_made", "wall_start", "longest")


def meminfo(name):
    with open("/proc/meminfo", encoding="ascii") as f:
        return int(re.search(rf"^{name}:\s+(\d+) kB", f.read(), re.M).group(1))


class Node:
    def __init__(self, n):
        self.n, self.figures = n, {}
        self.netns, self.isp = namespace(f"vrfs{n}"), namespace(f"isp{n}")
        self.netns.veth("eth1", self.isp, "eth1", 1600)
        self.netns.veth("out0", self.isp, "seg0", 1500)
        for dev, address in (("eth1", PA), ("out0", OUT)):
            self.netns.ip(f"addr add {address}/24 dev {dev}")
            self.netns.ip(f"link set {dev} up")
        for dev in ("eth1", "seg0"):
            self.isp.ip(f"link set {dev} up")
        self.gwd = Gwd(self.netns, f"vrfs{n}", {
            "node": {"roles": "gateway", "plugin_dir": case.build() + "/plugins"},
            "underlay": {"interface": "eth1", "address": PA + "/24"},
            "external": {"interface": "out0"}}).start(deadline=60)

    # --- what it is told ----------------------------------------------------------------------------------------------

    def records(self, i):
        vsid, rdid, mac = 5001 + 10 * i, f"11111111-2222-3333-4444-{i:012d}", f"02:67:00:00:{i >> 8:02x}:{i & 255:02x}"
        route = {"RoutingDomainID": rdid, "Metric": 0}
        first, address = BLOCK * (1 + i % BLOCKS), f"203.0.113.{1 + i // BLOCKS}"
        forwarded = ("203.0.113.99", 20000 + i)
        yield "customerRoutes", dict(route, VirtualSubnetID=vsid, DestinationPrefix="10.255.0.0/29", NextHop="0.0.0.0")
        yield "customerRoutes", dict(route, VirtualSubnetID=vsid - 1, DestinationPrefix="10.0.1.0/24", NextHop="0.0.0.0")
        yield "customerRoutes", dict(route, VirtualSubnetID=vsid, DestinationPrefix="0.0.0.0/0", NextHop=CA)
        yield "lookupRecords", {"VirtualSubnetID": vsid, "CustomerAddress": CA, "ProviderAddress": PA, "MACAddress": mac}
        yield "virtualGateways", {"RoutingDomainID": rdid, "VirtualSubnetID": vsid, "MACAddress": mac, "CustomerAddress": CA,
                                  "PrefixLength": 29}
        yield "ports", {"Interface": f"gwo{vsid}", "MACAddress": mac, "VirtualSubnetID": vsid, "AllowForwarding": True}
        yield "publicAddresses", {"PublicPrefix": address + "/32", "FirstPort": first, "PortCount": BLOCK,
                                  "RoutingDomainID": rdid}
        yield "publicAddresses", {"PublicPrefix": forwarded[0] + "/32", "FirstPort": forwarded[1], "PortCount": 1,
                                  "RoutingDomainID": rdid}
        yield "natRules", {"RoutingDomainID": rdid, "Type": "Outbound", "Protocol": "All", "PublicAddress": address,
                           "PublicPort": first, "PortCount": BLOCK, "CustomerPrefix": "10.0.0.0/16"}
        yield "natRules", self.rule(i, 80)

    def rule(self, i, port):
        return {"RoutingDomainID": f"11111111-2222-3333-4444-{i:012d}", "Type": "Inbound", "Protocol": "Tcp",
                "PublicAddress": "203.0.113.99", "PublicPort": 20000 + i, "PortCount": 1, "CustomerPrefix": "10.0.1.11/32",
                "CustomerPort": port}

    def batch(self, elements):
        r = self.gwd.request("POST", "/hnv/batch", elements, timeout=PATIENCE)
        if r.status != 200:
            raise Failed(f"batch: {r.status} {r.body[:300]}")

    def put(self, records):
        self.batch([{"path": "/hnv/" + kind, "body": {"properties": p}} for kind, p in records])

    # --- how it is ----------------------------------------------------------------------------------------------------

    def proc(self, name):
        with open(f"/proc/{self.gwd.process.pid}/{name}", encoding="ascii") as f:
            return f.read()

    def cpu(self):
        fields = self.proc("stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        return int(re.search(r"^VmRSS:\s+(\d+)", self.proc("status"), re.M).group(1))

    def status(self):
        """What it says, and what it has used before it was asked: with a thousand ports that is much to say."""
        self.gwd.request("GET", "/readyz", timeout=PATIENCE)  # answered when the loop has done what it is at
        cpu = self.cpu()
        return json.loads(self.gwd.request("GET", "/networking/v1/monitoring/statistics", timeout=PATIENCE).body), cpu

    def wait(self, good):
        """Until all is in order and good(status); what it has used until then, but for being asked."""
        deadline, asked, pause = time.monotonic() + PATIENCE, 0, 0.2
        while time.monotonic() < deadline:
            s, cpu = self.status()
            if s.get("nat", {}).get("up") == self.n and s["node"]["sync"]["state"] == "Synced" and good(s):
                return cpu - asked
            asked += self.cpu() - cpu
            time.sleep(pause)
            pause *= 1.2
        raise Failed(f"{self.n} virtual gateways are not in order after {PATIENCE} s: {s.get('nat')}")

    def longest_turn(self):
        text = self.gwd.request("GET", "/metrics", timeout=PATIENCE).body.decode()
        return float(re.search(r"^gwd_loop_longest_turn_seconds (\S+)", text, re.M).group(1))

    # --- its life -----------------------------------------------------------------------------------------------------

    def live(self):
        f, n = self.figures, self.n
        rss, slab, cpu, begin = self.rss(), meminfo("SUnreclaim"), self.cpu(), time.monotonic()
        for first in range(0, n, AT_ONCE):
            self.put(r for i in range(first, min(n, first + AT_ONCE)) for r in self.records(i))
        f["made"] = (self.wait(lambda s: True) - cpu) / n * 1000
        f["wall_made"] = time.monotonic() - begin
        f["rss"], f["slab"] = (self.rss() - rss) / n, (meminfo("SUnreclaim") - slab) / n
        cpu, begin = self.cpu(), time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise Failed(f"gwd ended by itself, with status {self.gwd.process.wait(timeout=IDLE_SECONDS)}")
        f["idle"] = (self.cpu() - cpu) / (time.monotonic() - begin) * 100
        cpu = self.cpu()
        for i in range(50):
            self.put([("natRules", self.rule(i, 8080))])
        f["change"] = (self.cpu() - cpu) / 50 * 1000
        syncs, cpu = self.status()[0]["node"]["sync"]["vrf"]["syncs"], self.cpu()
        self.gwd.process.send_signal(signal.SIGHUP)
        f["resync"] = (self.wait(lambda s: s["node"]["sync"]["vrf"]["syncs"] > syncs) - cpu) / n * 1000
        self.gwd.kill()
        begin = time.monotonic()
        self.gwd.start(deadline=PATIENCE)
        f["start"] = self.wait(lambda s: s["nat"]["writes"] == 0 and s["vrf"]["repairs"] == 0) / n * 1000
        f["wall_start"] = time.monotonic() - begin
        f["longest"] = self.longest_turn()
        self.remove()

    def remove(self):
        ids = [(kind, i) for kind in ("natRules", "publicAddresses", "ports", "virtualGateways", "lookupRecords", "customerRoutes")
               for i in gateway.objects(self.gwd, kind)]
        cpu = self.cpu()
        for first in range(0, len(ids), 10 * AT_ONCE):
            self.batch([{"path": f"/hnv/{kind}/{i}", "method": "DELETE"} for kind, i in ids[first:first + 10 * AT_ONCE]])
        self.figures["removed"] = (self.cpu() - cpu) / self.n * 1000
        deadline = time.monotonic() + PATIENCE
        while left := [name for name in os.listdir("/run/netns") if name.startswith(f"gwd-vrfs{self.n}-")]:
            if time.monotonic() > deadline:
                raise Failed(f"left behind: {left[:5]}")
            time.sleep(0.1)
        self.gwd.stop()
        for netns in (self.netns, self.isp):
            netns.delete()


def text(nodes):
    lines = ["\nVirtual gateways with NAT: each, unless it says of all", "",
             f"  {'':<48}" + "".join(f"{node.n:>12,}" for node in nodes) + f"{'ratio':>9}"]
    for key, title, unit in ROWS:
        values = [node.figures[key] for node in nodes]
        ratio = f"{values[-1] / values[0]:9.2f}" if values[0] > 0 and key not in WITHOUT_RATIO else ""
        lines.append(f"  {title:<48}" + "".join(f"{v:>12.2f}" for v in values) + f"{ratio} {unit}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    build_option(parser)
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="how many (default: 100,1000)")
    args = parser.parse_args()
    if not all(n.isdigit() and 50 <= int(n) <= 4000 for n in args.counts.split(",")):
        parser.error("--counts takes numbers between 50 and 4000, divided by commas")
    folder = enter(args.build)
    nodes = []
    for n in sorted(map(int, args.counts.split(","))):
        nodes.append(Node(n))
        nodes[-1].live()
        print(f"{n:,}: done", flush=True)
    print(text(nodes))
    with open(os.path.join(folder, "vrfs.json"), "w", encoding="utf-8") as f:
        json.dump({node.n: node.figures for node in nodes}, f, indent=1)
        f.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
