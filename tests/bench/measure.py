"""measure.py - one sample of each kind, taken from one variant.

Placement: whoever sends runs on the first CPU, and with it all of the path up to the receiving VM (veth hands packets on
in softirq context on the CPU they were sent from); whoever receives, and its ACKs' way back, runs on the last CPU. The
tools are tests/bench/*.c.
"""
import contextlib
import json
import os
import subprocess
import time

from lab import Failed, tool

CPUS = sorted(os.sched_getaffinity(0))
SENDER, RECEIVER = CPUS[0], CPUS[-1]
PORT = 10000
FLOOD_PORT = 20000  # FIRST_FLOOD_PORT of bench.bpf.c
FLOOD_PAYLOAD = 18  # Ethernet 14 + IPv4 20 + UDP 8 + 18 + frame check sequence 4 = 64 bytes
NEW_FLOWS = 1000000  # five-tuples in turn: none comes back within a sample
WARMUP = 0.2
STATISTICS = "/proc/sys/kernel/bpf_stats_enabled"
STREAMS = 4


class Bench:
    """Takes samples of a given length from a variant's VMs."""

    def __init__(self, seconds):
        self.seconds = seconds

    def tcp(self, variant, up, streams, seconds):
        """(Gbit/s of payload, CPU seconds per gigabyte of both ends and what the hosts run in user space between them)."""
        sender, receiver = variant.ends if up else reversed(variant.ends)
        address, flows = f"{receiver.ca}:{PORT}", ("--flows", streams)
        called = f"{receiver.public}:{PORT}"
        path = variant.path_cpu()
        listener = listen(receiver.vm, "tcp_stream", "--listen", address, "--warmup", WARMUP, "--seconds", seconds, *flows)
        client = start(sender.vm, "tcp_stream", SENDER, "--to", called, *flows)
        try:
            got = result(listener, WARMUP + seconds + 20)
            sent = result(client, 20)
        finally:
            stop(listener)
            stop(client)
        # ns per byte is s per GB
        cpu = got["cpu_ns"] / got["bytes"] + (sent["cpu_ns"] + variant.path_cpu() - path) / sent["bytes"]
        return got["bytes"] * 8 / got["ns"], cpu

    def tcp_up(self, variant):
        # One stream varies more than anything else, and is measured for longer.
        rate, cpu = self.tcp(variant, True, 1, 2 * self.seconds)
        return {"tcp_up": rate, "tcp_cpu": cpu}

    def tcp_down(self, variant):
        return {"tcp_down": self.tcp(variant, False, 1, 2 * self.seconds)[0]}

    def tcp_4_up(self, variant):
        return {"tcp_4_up": self.tcp(variant, True, STREAMS, self.seconds)[0]}

    def tcp_4_down(self, variant):
        return {"tcp_4_down": self.tcp(variant, False, STREAMS, self.seconds)[0]}

    def wire_up(self, variant):
        rate, cpu = self.tcp(variant, True, 1, self.seconds)
        return {"wire_up": rate, "wire_cpu": cpu}

    def wire_down(self, variant):
        return {"wire_down": self.tcp(variant, False, 1, self.seconds)[0]}

    def wire_4_up(self, variant):
        return {"wire_4_up": self.tcp(variant, True, STREAMS, self.seconds)[0]}

    def wire_4_down(self, variant):
        return {"wire_4_down": self.tcp(variant, False, STREAMS, self.seconds)[0]}

    def flood(self, variant, flows, up=True, seconds=None):
        """(million packets/s that arrived in VM2, or VM1, CPU ns per packet)."""
        one, two = variant.ends if up else reversed(variant.ends)
        seconds = seconds or self.seconds
        before, path = variant.arrived(up), variant.path_cpu()
        flood = start(one.vm, "udp_flood", SENDER, "--to", f"{two.public}:{FLOOD_PORT}", "--size", FLOOD_PAYLOAD,
                      "--seconds", seconds, "--flows", flows)
        got = result(flood, seconds + 20)
        # What is still in a queue when the sender ends arrives within a tick or two.
        after = variant.arrived(up)
        while (more := variant.arrived(up)) != after:
            after = more
        if after == before:
            raise Failed("no datagram arrived")
        cpu = got["cpu_ns"] + variant.path_cpu() - path
        return (after - before) * 1e3 / got["ns"], cpu / (after - before)

    def small_packets(self, variant):
        rate, cpu = self.flood(variant, 1)
        return {"small": rate, "small_cpu": cpu}

    def new_flows(self, variant):
        rate, _ = self.flood(variant, NEW_FLOWS)
        return {"flows": rate}

    def round_trip(self, variant):
        """A 64-byte frame there and back, us."""
        one, two = variant.ends
        address = f"{two.ca}:{PORT}"
        listener = listen(two.vm, "udp_rtt", "--listen", address)
        try:
            got = result(start(one.vm, "udp_rtt", SENDER, "--to", address, "--size", FLOOD_PAYLOAD, "--seconds",
                               self.seconds), self.seconds + 20)
        finally:
            stop(listener)
        return {"rtt_p50": got["p50"] / 1e3, "rtt_p99": got["p99"] / 1e3}

    def reachable(self, variant):
        """The first packets: neighbour entries, flow tables, bridges' learning. Fails when nothing comes through."""
        one, two = variant.ends
        one.vm.run(f"ping -q -c 3 -i 0.05 -w 5 {two.ca}")


def start(netns, name, cpu, *argv):
    """One of our tools, pinned to a CPU."""
    return netns.popen([tool(name), "--cpu", str(cpu), *map(str, argv)], text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE)


def listen(netns, name, *argv):
    """Starts a tool's listening side and waits until it listens."""
    process = start(netns, name, RECEIVER, *argv)
    if process.stdout.readline() != "ready\n":
        raise Failed(f"{name} does not listen: {process.communicate()[1].strip()}")
    return process


def result(process, patience):
    """What a tool prints when it has ended; one that does not end in time is stopped."""
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired as e:
        stop(process)
        raise Failed(f"no result within {patience:.0f} s: {' '.join(process.args)}") from e
    if process.returncode:
        raise Failed(err.strip())
    return json.loads(out)


def stop(process):
    if process.poll() is None:
        process.kill()
    process.communicate()


def busy_elsewhere(seconds=0.2):
    """Which share of the machine is used while the benchmark itself does nothing."""
    def times():
        with open("/proc/stat", encoding="ascii") as stat:
            values = [int(v) for v in stat.readline().split()[1:9]]
        return sum(values), values[3] + values[4]

    total, idle = times()
    time.sleep(seconds)
    total_after, idle_after = times()
    passed = total_after - total
    return 1 - (idle_after - idle) / passed if passed else 0.0


@contextlib.contextmanager
def statistics_on():
    """The kernel counts runs and time of all BPF programs meanwhile."""
    with open(STATISTICS, encoding="ascii") as f:
        before = f.read()
    try:
        with open(STATISTICS, "w", encoding="ascii") as f:
            f.write("1")
        yield
    finally:
        with open(STATISTICS, "w", encoding="ascii") as f:
            f.write(before)
