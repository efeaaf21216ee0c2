#!/usr/bin/python3
"""What the engine costs per packet with few and many lookup records and tenants, what these take of memory, how fast they are
loaded.

usage: scale.py [--rounds N] [--seconds S] [--records N,...] [--build DIR]

The daemon is loaded over its API. Then real frames of 10,000 random flows (and of flows that nobody has seen before) run
through the programs on the interfaces, and the kernel's run-time statistics tell what a run of them took; what its clock takes
is subtracted, as a program that does nothing shows it. A table goes to standard output, scale.json to build/bench.
"""
import argparse
import json
import os
import subprocess
import sys
from typing import NamedTuple

from crowd import FLOWS, NEW_FLOWS, Crowd
from lab import Failed, build_option, enter, run
from measure import SENDER, result, start, statistics_on
from report import Spread, show

TENANTS = 1000
RECORDS = [10, 10000, 1000000]
MEMORY_GOAL = 300e6


class Load(NamedTuple):
    """Frames that run through one of the engine's programs; `ends` is where those that came through are counted."""
    key: str
    title: str
    frames: str
    netns: str
    program: str
    ends: str
    fresh: bool
    first: tuple  # frames that are sent before, for how many seconds


# The cache is shaken before new flows fill it, and known flows are then found in it as it is on a host that has been up for
# long: full, and with its entries in no order.
LOADS = [
    Load("miss", "out, new flow", "new", "vms", "port", "wire", True, ("mixed", 0.4)),
    Load("hit", "out, known flow", "out", "vms", "port", "wire", False, ("out", 0.1)),
    Load("in", "in", "in", "wire", "underlay", "vm", False, ("in", 0.1)),
]


def spent(program):
    """(runs, ns) of a program so far."""
    shown = json.loads(run(["bpftool", "-j", "prog", "show", "id", str(program)]).stdout)
    return shown.get("run_cnt", 0), shown.get("run_time_ns", 0)


def replay(crowd, load, frames, seconds, *more):
    path, size = crowd.files[frames]
    process = start(getattr(crowd, load.netns), "frame_replay", SENDER, "--frames", path, "--size", size, "--seconds",
                    seconds, *more)
    return result(process, seconds + 30)


def cost(crowd, load, seconds):
    """(ns that the engine's program took for a frame, ns of CPU that the frame took in all)."""
    replay(crowd, load, *load.first)
    watched = [crowd.programs[load.program], crowd.programs[load.ends]]
    before = [spent(p) for p in watched]
    with statistics_on():
        sent = replay(crowd, load, load.frames, seconds, *["--fresh"][:load.fresh])
    (runs, ns), (ended, clock) = ([now - then for now, then in zip(spent(p), at)] for p, at in zip(watched, before))
    if ended < 0.99 * sent["sent"]:
        raise Failed(f"{crowd.key}: {load.title}: {ended} of {sent['sent']} frames came through")
    return ns / runs - clock / ended, sent["cpu_ns"] / sent["sent"]


def sizes(records):
    """(tenants, records) of each host. A tenant has at least two records, its own port's and another."""
    return [(1, n) for n in records] + [(TENANTS, n) for n in records if n >= 2 * TENANTS]


def memory(crowd):
    rss, pss = crowd.daemon()
    maps = crowd.maps()
    return {"rss": rss, "pss": pss, "maps": sum(size for size, _ in maps.values()), "slab": crowd.slab,
            "flow": maps["flows4"][0] / maps["flows4"][1], "records": maps["records"][0] + maps["macs"][0]}


class Scale:
    """What came out: `samples[host][load]` has (program's ns, all ns) or None for each round, `hosts[host]` size and memory."""

    def __init__(self):
        self.samples, self.hosts, self.broken = {}, {}, []

    def add(self, crowd):
        self.samples[crowd.key] = {load.key: [] for load in LOADS}
        self.hosts[crowd.key] = {"tenants": crowd.tenants, "records": crowd.records,
                                 "load_rate": crowd.records / crowd.seconds, "memory": memory(crowd)}

    def spread(self, host, load, which=0):
        values = [v[which] for v in self.samples[host][load] if v]
        return Spread.of(values) if values else None

    def ratio(self, host, load):
        """Of a host to the first one, round by round."""
        base = self.samples[next(iter(self.hosts))][load]
        ratios = [a[0] / b[0] for a, b in zip(self.samples[host][load], base) if a and b]
        return Spread.of(ratios) if ratios else None

    def extremes(self):
        """(key, host) with the fewest and the most records of those with one tenant, or None."""
        alone = [item for item in self.hosts.items() if item[1]["tenants"] == 1]
        return (alone[0], alone[-1]) if len(alone) > 1 else None

    def growth(self):
        """What another record takes, in bytes, by what it is of."""
        if not self.extremes():
            return None
        (_, few), (_, many) = self.extremes()
        return {kind: (many["memory"][kind] - few["memory"][kind]) / (many["records"] - few["records"])
                for kind in ("rss", "records", "slab")}

    def goals(self):
        """(what, wanted, got, reached)."""
        if not self.extremes():
            return
        (_, few), (key, many) = self.extremes()
        ratio, rss = self.ratio(key, "hit"), many["memory"]["rss"]
        yield (f"known flows, {many['records']:,} records against {few['records']:,}", "at most 1.10", show(ratio).strip(),
               bool(ratio) and ratio.median <= 1.1)
        yield (f"the daemon's memory with {many['records']:,} records", f"below {MEMORY_GOAL / 1e6:.0f} MB",
               f"{rss / 1e6:.0f} MB", rss < MEMORY_GOAL)

    def text(self):
        lines = [f"\nThe engine's programs with {FLOWS:,} random flows; new flows go to {NEW_FLOWS:,} random destinations:",
                 "ns per frame [middle half], ratio to the first line, CPU time of the frame in all", ""]
        lines.append(f"  {'tenants':>7} {'records':>9}" + "".join(f"   {load.title:<34}" for load in LOADS).rstrip())
        for key, host in self.hosts.items():
            cells = "".join(f"   {self.cell(key, load.key):<34}" for load in LOADS)
            lines.append(f"  {host['tenants']:>7,} {host['records']:>9,}{cells}".rstrip())
        lines.append(f"\n  {'tenants':>7} {'records':>9} {'daemon RSS':>11} {'PSS':>8} {'kernel maps':>12} {'records/s':>10}")
        for host in self.hosts.values():
            m = host["memory"]
            lines.append(f"  {host['tenants']:>7,} {host['records']:>9,} {m['rss'] / 1e6:>8.1f} MB {m['pss'] / 1e6:>5.1f} MB "
                         f"{m['maps'] / 1e6:>9.1f} MB {host['load_rate']:>10,.0f}")
        for m in [host["memory"] for host in self.hosts.values()][:1]:
            lines.append(f"\n  A flow takes {m['flow']:.0f} bytes of the kernel, set aside from the start, none of the daemon.")
        grown = self.growth()
        if grown:
            lines.append(f"  A record takes {grown['rss']:.0f} bytes of the daemon and {grown['records']:.0f} of the kernel's "
                         f"maps, {grown['slab']:.0f} as the kernel's allocator rounds them up.\n\nGoals")
        for what, wanted, got, reached in self.goals():
            lines.append(f"  {'reached    ' if reached else 'NOT REACHED'}  {what}: {wanted}: {got}")
        return "\n".join(lines)

    def cell(self, host, load):
        own, ratio, everything = self.spread(host, load), self.ratio(host, load), self.spread(host, load, 1)
        if not own or not ratio:
            return "broken"
        return f"{own.median:4.0f} [{own.low:4.0f} .. {own.high:4.0f}] {ratio.median:5.2f} {everything.median:7.0f}"

    def json(self):
        return {
            "loads": {load.key: load.title for load in LOADS},
            "hosts": {key: {**h, "samples": self.samples[key],
                            "ns": {load.key: s and s._asdict() for load in LOADS for s in [self.spread(key, load.key)]},
                            "ratio": {load.key: s and s._asdict() for load in LOADS for s in [self.ratio(key, load.key)]}}
                      for key, h in self.hosts.items()},
            "growth": self.growth(),
            "goals": [dict(zip(("what", "wanted", "got", "reached"), goal)) for goal in self.goals()],
            "broken": self.broken,
        }


def measure(records, rounds, seconds):
    """Builds the hosts, samples them in turn, takes them down."""
    scale, crowds = Scale(), []
    for tenants, count in sizes(records):
        try:
            crowd = Crowd(tenants, count)
        except (Failed, OSError) as e:
            scale.broken.append(f"{tenants} tenants, {count} records: {e}")
            continue
        crowds.append(crowd)
        scale.add(crowd)
        print(f"{count:,} records of {tenants:,} tenant{'s'[:tenants > 1]} loaded in {crowd.seconds:.1f} s", flush=True)
    for number in range(rounds):
        for load in LOADS:
            for crowd in crowds if number % 2 == 0 else reversed(crowds):
                value = None
                try:
                    value = cost(crowd, load, seconds)
                except (Failed, OSError, ValueError, subprocess.SubprocessError) as e:
                    scale.broken.append(f"{crowd.key}: {e}")
                scale.samples[crowd.key][load.key].append(value)
    for crowd in crowds:
        try:
            crowd.down()
        except Failed as e:
            scale.broken.append(f"{crowd.key}: {e}")
    return scale


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    build_option(parser)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=0.3, help="length of one sample (default: 0.3)")
    parser.add_argument("--records", default=",".join(map(str, RECORDS)), help="how many (default: 10,10000,1000000)")
    args = parser.parse_args()
    if not all(n.isdigit() and int(n) > 1 for n in args.records.split(",")):
        parser.error("--records takes numbers above 1, divided by commas")
    folder = enter(args.build)
    scale = measure(sorted(map(int, args.records.split(","))), args.rounds, args.seconds)
    print(scale.text())
    with open(os.path.join(folder, "scale.json"), "w", encoding="utf-8") as f:
        json.dump(scale.json(), f, indent=1)
        f.write("\n")
    for why in scale.broken:
        print(f"broke: {why}", file=sys.stderr)
    return 1 if scale.broken else 0


if __name__ == "__main__":
    sys.exit(main())
