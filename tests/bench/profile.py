#!/usr/bin/python3
"""Says where the time of a packet goes: nanoseconds per run of each BPF program, and the kernel functions that take most.

usage: profile.py [--seconds S] [--only KEY,...] [--no-perf] [--build DIR]

The kernel's run-time statistics cost about 20 ns per program run, so throughput is not reported here (see bench.py).
"""
import argparse
import json
import os
import shutil
import subprocess
import sys

from bench import choose
from lab import Failed, build_option, case, enter, run
from measure import SENDER, Bench, statistics_on

LOADS = [("64-byte packets", Bench.small_packets), ("64-byte packets, each a new flow", Bench.new_flows),
         ("TCP, 1 stream", Bench.tcp_up)]


def programs():
    """{id: (name, runs, ns)} of everything that is loaded."""
    shown = json.loads(run("bpftool -j prog show").stdout)
    return {p["id"]: (p.get("name", "?"), p.get("run_cnt", 0), p.get("run_time_ns", 0)) for p in shown}


def per_run(bench, variant, load):
    before = programs()
    with statistics_on():
        load(bench, variant)
    rows = []
    for number, (name, runs, ns) in programs().items():
        _, runs_before, ns_before = before.get(number, (name, 0, 0))
        if runs > runs_before:
            rows.append((runs - runs_before, (ns - ns_before) / (runs - runs_before), number, name))
    print(f"    {'runs':>10} {'ns/run':>8}  program")
    for runs, cost, number, name in sorted(rows, reverse=True):
        print(f"    {runs:>10} {cost:>8.0f}  {name} (id {number})")


def functions(bench, variant, load, data):
    """The sender's CPU, sampled by perf while a load runs."""
    recorder = subprocess.Popen(["perf", "record", "-q", "-C", str(SENDER), "-F", "1999", "-o", data],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        load(bench, variant)
    finally:
        recorder.terminate()
        recorder.wait()
    text = run(f"perf report -i {data} --stdio --no-children -g none --percent-limit 1 -F overhead,symbol").stdout
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            print(f"    {line.rstrip()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    build_option(parser)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one load (default: 1)")
    parser.add_argument("--only", default="ev,en,kvx", help="variants, by key (default: ev,en,kvx)")
    parser.add_argument("--no-perf", action="store_true", help="BPF programs only")
    args = parser.parse_args()
    chosen = choose(parser, args.only)
    if not args.no_perf and not shutil.which("perf"):
        parser.error("perf is not installed (Debian: linux-perf); --no-perf does without")
    enter(args.build)
    bench = Bench(args.seconds)
    try:
        for each in chosen:
            variant = each()
            bench.reachable(variant)
            for title, load in LOADS:
                print(f"\n{variant.title}: {title}")
                per_run(bench, variant, load)
                if not args.no_perf:
                    functions(bench, variant, load, os.path.join(case.WORK, "perf.data"))
            variant.down()
    except Failed as e:
        print(f"profile.py: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
