#!/usr/bin/python3
"""Counts the instructions that a packet costs in a gateway made by hand, in the same with an nft flowtable, and in gwd's: what
gateway.py sets up and measures, where a nanosecond is an instruction.

usage: gateway_count.py [--rounds N] [--seconds S] [--build DIR]

gateway_vm.py runs it, in a VM whose clock counts (see COUNTING in tests/vm/vm.py). A table goes to standard output,
gateway-count.json to DIR/bench. Everything that the one CPU does for a packet is in the figures, sender, host and receiver too;
they are the same in all variants. Instructions are not time: they know nothing of caches, and a copy has few of them.
"""
import argparse
import ctypes
import json
import mmap
import os
import platform
import sys
import time

import gateway
from bench import rounds, set_up, take_down
from lab import Failed, build_option, enter, run
from report import Metric, Report

METRICS = [
    Metric("tcp_up", "TCP, VM to far, per KiB", "instructions", 0, False),
    Metric("tcp_down", "TCP, far to VM, per KiB", "instructions", 0, False),
    Metric("small_up", "64-byte packet, VM to far", "instructions", 0, False),
    Metric("small_down", "64-byte packet, far to VM", "instructions", 0, False),
    Metric("flows", "64-byte packet, each a new flow", "instructions", 0, False),
]
BUSY = 0.85  # of a sample, the least that the tools are to have used of the CPU; the kernel's threads have the rest
FLOWTABLE = """
table ip short {
    flowtable established { hook ingress priority 0; devices = { vxlan, ext0 }; }
    chain forward { type filter hook forward priority 0; meta l4proto { tcp, udp } flow add @established; }
}
"""


class Table(gateway.ByHand):
    """Established flows go from one device's ingress to the other's queue, past the hooks and the routing between."""

    key, title = "table", "the same with an nft flowtable"

    def make(self):
        super().make()
        self.tenants[gateway.TENANTS[0]].run(["nft", "-f", "-"], stdin=FLOWTABLE)


VARIANTS = [gateway.Fast, gateway.Slow, gateway.ByHand, Table]
BASES = [gateway.ByHand, Table]
SHORT = {"fast", "table"}  # known flows are to go past the stack of the tenant's namespace there, and nowhere else


def counter():
    """What the clock says of an instruction: the least of several loops of 2,000,000, as an interrupt has some, too."""
    code = b"\xb9" + (1000000).to_bytes(4, "little") + b"\xff\xc9\x75\xfc\xc3"  # mov ecx, N; 1: dec ecx; jnz 1b; ret
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    loop = ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    times = []
    for _ in range(10):
        begin = time.monotonic_ns()
        loop()
        times.append((time.monotonic_ns() - begin) / 2e6)
    return min(times)


class CountBench(gateway.GatewayBench):
    """The samples of gateway.py, as instructions. The clock goes on while the CPU is idle, too: nothing is counted then."""

    def flood(self, variant, flows, up=True, seconds=None):
        rate, cpu = super().flood(variant, flows, up, seconds)
        return busy(1e3 / rate, cpu), cpu

    def tcp(self, variant, up, streams, seconds):
        rate, cpu = super().tcp(variant, up, streams, seconds)
        return 1024 * busy(8 / rate, cpu), cpu


def busy(clock, cpu):
    """`clock`, if it is what the tools have used of the CPU for the same; that includes what their packets cost on the way."""
    if not BUSY < cpu / clock < 2 - BUSY:
        raise Failed(f"a packet, or a byte, took {clock:.4g} ns, {cpu:.4g} of them the CPU: something else was going on")
    return clock


TAKES = [CountBench.tcp_up, CountBench.tcp_down, CountBench.small_up, CountBench.small_down, CountBench.new_flows]


def forwarded(variant):
    """How many datagrams the stack of the tenant's namespace has forwarded."""
    lines = run(variant.in_tenant(["cat", "/proc/net/snmp"])).stdout.splitlines()
    names, values = [line.split() for line in lines if line.startswith("Ip:")]
    return int(values[names.index("ForwDatagrams")])


def see_ways(bench, variants):
    """That known flows take the way that the variant is about, in both directions."""
    for variant in variants:
        for up in (True, False):
            bench.flood(variant, 1, up=up, seconds=0.02)  # the flow is known then
            before, arrived = forwarded(variant), variant.arrived(up)
            bench.flood(variant, 1, up=up, seconds=0.05)
            share = (forwarded(variant) - before) / (variant.arrived(up) - arrived)
            print(f"{variant.title}, {'up' if up else 'down'}: the namespace's stack forwarded {100 * share:.0f} %", flush=True)
            if (share < 0.05) != (variant.key in SHORT):
                raise Failed(f"{variant.title}: packets of known flows took another way")


def text(report, facts):
    lines = [f"\nInstructions, median of {facts['rounds']} rounds; of these {', '.join(base.title for base in BASES)}; "
             f"{facts['machine']}\n", f"{'':<34}" + "".join(f"{v.key:>9}" for v in VARIANTS) +
             "".join(f"{v.key + '/' + b.key:>13}" for b in BASES for v in VARIANTS if v.ours)]
    for metric in METRICS:
        line = f"{metric.title:<34}"
        for variant in VARIANTS:
            value = report.absolute(metric.key, variant.key)
            line += f"{value.median:9.0f}" if value else f"{'broken':>9}"
        for base in BASES:
            for variant in VARIANTS:
                ratio = report.ratio(metric.key, variant.key, base.key)
                line += (f"{ratio.median:13.3f}" if ratio else f"{'-':>13}") if variant.ours else ""
        lines.append(line)
    return "\n".join(lines)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    build_option(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.1, help="length of one sample by that clock (default: 0.1; TCP twice that)")
    args = parser.parse_args()
    if args.rounds < 1 or not 0.05 <= args.seconds <= 10:
        parser.error("--rounds must be at least 1, --seconds 0.05 to 10")
    return args


def main():
    args = arguments()
    folder = enter(args.build)
    each = counter()
    if abs(each - 1) > 0.01:
        sys.exit(f"an instruction takes {each:.3f} ns of this machine's clock: this is for a VM whose clock counts them; see "
                 "`make bench-gateway-vm`")
    print(f"An instruction takes {each:.4f} ns of this clock.", flush=True)
    bench = CountBench(args.seconds)
    variants, broken = set_up(bench, VARIANTS)
    if not variants:
        return 1
    see_ways(bench, variants)
    samples, more, _ = rounds(bench, variants, args.rounds, TAKES, METRICS)
    broken += more + take_down(variants)
    facts = {"date": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "rounds": args.rounds, "seconds": args.seconds,
             "machine": f"Linux {platform.release()}", "ns_per_instruction": each, "broken": broken}
    reports = {base.key: Report({v.key: v.title for v in VARIANTS}, samples, facts, METRICS, [], base.key) for base in BASES}
    print(text(reports[gateway.BASE], facts))
    with open(os.path.join(folder, "gateway-count.json"), "w", encoding="utf-8") as f:
        json.dump({"ratios_to": {key: report.json([]) for key, report in reports.items()}}, f, indent=1)
        f.write("\n")
    for why in broken:
        print(f"broke: {why}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
