#!/usr/bin/python3
"""Measures gwd beside the kernel's own devices and Open vSwitch: everything is set up at the same time, in namespaces of its
own, and sampled in turn (A B C C B A ...), so that what disturbs the machine disturbs all alike. Then follows what many records
and tenants cost (scale.py).

usage: bench.py [--rounds N] [--seconds S] [--only KEY,...] [--no-scale] [--build DIR]

A table goes to standard output, bench.json and bench.svg to build/bench. The exit status says whether everything could be
measured (1: something broke), never how fast it was.
"""
import argparse
import json
import os
import platform
import subprocess
import sys
import time

import chart
from lab import Failed, build_option, enter
from measure import CPUS, RECEIVER, SENDER, Bench, busy_elsewhere
from report import METRICS, Report
from scale import RECORDS
from scale import measure as measure_scale
from variants import VARIANTS

NOISE = 0.1  # more of the machine than this in use elsewhere, and the figures deserve a warning

# What one visit to a variant measures, each returning {metric: value}: with all offloads, then with wire-size frames from VMs
# and hosts and aggregation where they are received.
OFFLOADED = [Bench.tcp_up, Bench.tcp_down, Bench.tcp_4_up, Bench.tcp_4_down, Bench.small_packets, Bench.new_flows,
             Bench.round_trip]
WIRE_SIZE = [Bench.wire_up, Bench.wire_down, Bench.wire_4_up, Bench.wire_4_down]


def choose(parser, keys):
    """The variants that --only names, in their usual order."""
    keys = keys.split(",")
    unknown = set(keys) - {v.key for v in VARIANTS}
    if unknown:
        parser.error(f"--only: no variant {', '.join(sorted(unknown))}; there are {','.join(v.key for v in VARIANTS)}")
    return [v for v in VARIANTS if v.key in keys]


def arguments():
    everything = ",".join(v.key for v in VARIANTS)
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    build_option(parser)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one sample (default: 0.5; TCP twice that)")
    parser.add_argument("--only", default=everything, help=f"variants, by key (default: {everything})")
    parser.add_argument("--no-scale", action="store_true", help="without many records and tenants")
    args = parser.parse_args()
    if args.rounds < 1 or not 0.1 <= args.seconds <= 60:
        parser.error("--rounds must be at least 1, --seconds 0.1 to 60")
    args.variants = choose(parser, args.only)
    return args


def sample(bench, take, variant):
    """One visit: ({metric: value}, None), or ({}, what broke)."""
    try:
        return take(bench, variant), None
    except (Failed, OSError, ValueError, subprocess.SubprocessError) as e:
        return {}, f"{variant.title}: {take.__name__}: {e}"


def rounds(bench, variants, count, takes=tuple(OFFLOADED + WIRE_SIZE), metrics=tuple(METRICS)):
    """All samples, {metric: {variant: [one per round]}}; what broke; and how busy the machine was with other things."""
    samples = {m.key: {v.key: [None] * count for v in variants} for m in metrics}
    broken, noise = [], []
    for number in range(count):
        noise.append(round(busy_elsewhere(), 3))
        print(f"round {number + 1} of {count}, {100 * noise[-1]:.0f} % of the machine in use elsewhere", flush=True)
        for take in takes:
            for variant in variants if number % 2 == 0 else reversed(variants):
                variant.wire_size(take in WIRE_SIZE)
                values, why = sample(bench, take, variant)
                for key, value in values.items():
                    samples[key][variant.key][number] = value
                if why:
                    broken.append(why)
                    print(f"  broke: {why}", flush=True)
    return samples, broken, noise


def set_up(bench, classes):
    """Builds every variant and sees that it carries packets; one that cannot be built is reported, the rest goes on."""
    variants, broken = [], []
    for each in classes:
        try:
            variant = each()
            bench.reachable(variant)
            variants.append(variant)
        except Failed as e:
            broken.append(f"{each.title}: {e}")
            print(f"  broke: {broken[-1]}", flush=True)
    return variants, broken


def take_down(variants):
    broken = []
    for variant in variants:
        try:
            variant.down()
        except Failed as e:
            broken.append(f"{variant.title}: {e}")
    return broken


def save(folder, report, ours, scale):
    with open(os.path.join(folder, "bench.json"), "w", encoding="utf-8") as f:
        json.dump({**report.json(ours), "scale": scale and scale.json()}, f, indent=1)
        f.write("\n")
    with open(os.path.join(folder, "bench.svg"), "w", encoding="utf-8") as f:
        f.write(chart.draw(report, ours, scale))
    print(f"\n{folder}/bench.json and bench.svg hold the details.")


def main():
    args = arguments()
    folder = enter(args.build)
    print(f"Senders and the path on CPU {SENDER}, receivers on CPU {RECEIVER}.")
    bench = Bench(args.seconds)
    variants, broken = set_up(bench, args.variants)
    if not variants:
        return 1
    samples, more, noise = rounds(bench, variants, args.rounds)
    broken += more + take_down(variants)
    facts = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "rounds": args.rounds, "seconds": args.seconds,
        "machine": f"Linux {platform.release()}, {len(CPUS)} CPUs", "sender_cpu": SENDER, "receiver_cpu": RECEIVER,
        "busy_elsewhere": noise, "broken": broken,
    }
    report = Report({v.key: v.title for v in variants}, samples, facts)
    ours = [v.key for v in variants if v.ours]
    print(report.text(ours))
    if max(noise) > NOISE:
        print(f"\nUp to {100 * max(noise):.0f} % of the machine was in use elsewhere: trust ratios with a small spread only.")
    scale = None
    if not args.no_scale:
        scale = measure_scale(RECORDS, args.rounds, args.seconds)
        print(scale.text())
        broken += scale.broken
    save(folder, report, ours, scale)
    for why in broken:
        print(f"broke: {why}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
