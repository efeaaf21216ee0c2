"""What a gwd has and has made: taken down in a form that can be compared, so that nothing is left when everything has been removed."""
import collections
import json
import os
import re

from lib.case import Failed, eventually
from lib.gateway import objects
from lib.net import run

KINDS = ("lookupRecords", "customerRoutes", "providerAddresses", "providerRoutes", "ports", "virtualGateways", "publicAddresses", "natRules",
         "connections", "connectionAddresses", "connectionRoutes")
TYPES = ("hash", "lpm_trie")  # of maps: those that user space alone fills; caches may keep what is of no use any more


def descriptors(pid):
    """How many of each kind."""
    found, folder = collections.Counter(), "/proc/%d/fd" % pid
    for fd in os.listdir(folder):
        try:
            found[re.sub(r"\d+", "N", os.readlink(os.path.join(folder, fd)))] += 1
        except FileNotFoundError:
            continue
    return dict(found)


def is_sanitized(pid):
    with open("/proc/%d/maps" % pid, encoding="utf-8") as f:
        return "libasan" in f.read()


def resident(pid):
    """Bytes."""
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M).group(1)) * 1024


def ruleset(argv):
    """
    Without what is counted, and without what the kernel numbers. What is sent to a shared address, at a port taken by chance, may be in the
    block of the tenant that stays, who counts it: so named counters, too.
    """
    return re.sub(r"packets \d+ bytes \d+|# handle \d+", "", run(argv + ["nft", "list", "ruleset"]).stdout)


class Leftover:
    """`types` of pinned maps do not change and are asked for once."""

    def __init__(self, host):
        self.host, self.types = host, {}

    def pins(self):
        folder = os.path.join(self.host.gwd.bpf_dir, self.host.name)
        return sorted(os.path.relpath(os.path.join(where, name), folder) for where, _, names in os.walk(folder) for name in names)

    def maps(self):
        """{name: keys}"""
        found, folder = {}, os.path.join(self.host.gwd.bpf_dir, self.host.name, "maps")
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if name not in self.types:
                self.types[name] = json.loads(run(["bpftool", "-j", "map", "show", "pinned", path]).stdout)["type"]
            if self.types[name] in TYPES:
                entries = json.loads(run(["bpftool", "-j", "map", "dump", "pinned", path]).stdout or "[]")
                found[name] = sorted(" ".join(b[2:] for b in e["key"]) for e in entries if "key" in e)
        return found

    def programs(self):
        """Interfaces that have one of the engine's."""
        return sorted(x["ifname"] for x in self.host.netns.ip_json("link show")
                      if "gw_" in self.host.netns.run("tc filter show dev %s ingress" % x["ifname"], ok=None).stdout)

    def take(self):
        netns, gwd = self.host.netns, self.host.gwd
        spaces = sorted(os.listdir("/run/netns"))
        shown = {"namespaces": spaces, "pins": self.pins(), "maps": self.maps(), "descriptors": descriptors(gwd.process.pid),
                 "links": sorted(x["ifname"] for x in netns.ip_json("link show")),
                 "addresses": sorted("%s %s" % (x["ifname"], a["local"]) for x in netns.ip_json("addr show") for a in x["addr_info"]),
                 "routes": sorted(netns.ip("route show table all").splitlines()),
                 "neighbours": sorted(netns.ip("neigh show nud permanent").splitlines()),
                 "numbers of namespaces": len(netns.ip("netns list-id").splitlines()),
                 "programs": self.programs(),
                 "nft": ruleset(netns.argv([])),
                 "records": {kind: sorted(objects(gwd, kind)) for kind in KINDS}}
        for space in spaces:
            if space.startswith("gwd-"):
                shown["nft of " + space] = ruleset(["nsenter", "--net=/run/netns/" + space])
        return shown

    def becomes(self, expected, what, deadline=30, but=()):
        """The kernel takes its time to remove what nobody has any more."""
        def same():
            got = self.take()
            # Connections with the controller come and go, and who takes programs over has less open than who has loaded them.
            for kind, n in expected.get("descriptors", {}).items():
                if got["descriptors"].get(kind, 0) < n:
                    got["descriptors"][kind] = n
            wrong = [key for key in sorted((set(expected) | set(got)) - set(but)) if expected.get(key) != got.get(key)]
            if wrong:
                raise Failed("; ".join("%s: %s" % (key, difference(expected.get(key), got.get(key))) for key in wrong))
            return True
        eventually(same, "%s: nothing is left, and nothing is missing" % what, deadline, 0.2)


def difference(expected, got):
    if isinstance(expected, dict) and isinstance(got, dict):
        return {k: difference(expected.get(k), got.get(k)) for k in sorted(set(expected) | set(got)) if expected.get(k) != got.get(k)}
    if isinstance(expected, list) and isinstance(got, list):
        return "left %s, missing %s" % (sorted(set(got) - set(expected))[:6], sorted(set(expected) - set(got))[:6])
    return "expected %s, got %s" % (str(expected)[:300], str(got)[:300])


class Memory:
    """What one process has of memory while it does the same again and again."""
    RISE = 1 << 20  # what is no growth: the allocator's own
    EACH = 1 << 10  # bytes for a request that would be
    SANITIZED = 4  # times as much has the sanitizer's own allocator; what is lost it tells itself at the end

    def __init__(self, pid):
        self.pid = pid
        self.samples = []  # (requests so far, bytes), each when nothing was there
        self.slack = self.SANITIZED if is_sanitized(pid) else 1

    def add(self, requests):
        self.samples.append((requests, resident(self.pid)))

    def slope(self):
        """Bytes for each request by least squares, and what that is in all: without the first third, in which it warms up."""
        kept = self.samples[len(self.samples) // 3:]
        n = len(kept)
        x, y = sum(r for r, _ in kept) / n, sum(b for _, b in kept) / n
        spread = sum((r - x) ** 2 for r, _ in kept)
        slope = sum((r - x) * (b - y) for r, b in kept) / spread if spread else 0.0
        return slope, slope * (kept[-1][0] - kept[0][0])

    def check(self):
        if len(self.samples) < 4:
            return "too few samples to tell of growth: %d" % len(self.samples)
        slope, rise = self.slope()
        told = "memory of the daemon: %.0f bytes for each of %d requests, %.0f KiB in all, of %.1f MiB" % (
            slope, self.samples[-1][0], rise / 1024, self.samples[-1][1] / (1 << 20))
        if slope > self.EACH * self.slack and rise > self.RISE * self.slack:
            raise Failed("%s: it grows: %s" % (told, self.samples))
        return told
