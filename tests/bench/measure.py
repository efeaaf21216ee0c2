"""measure.py - one sample of each kind, taken from one variant.

Placement: whoever sends runs on the first CPU, and with it all of the path up to the receiving VM (veth hands packets on
in softirq context on the CPU they were sent from); whoever receives, and its ACKs' way back, runs on the last CPU. The
tools are tests/bench/*.c.
"""
import json
import os
import subprocess
import time

from lab import LabError, run, stop

CPUS = sorted(os.sched_getaffinity(0))
SENDER, RECEIVER = CPUS[0], CPUS[-1]
PORT = 10000
FLOOD_PORT = 20000  # FIRST_FLOOD_PORT of bench.bpf.c
FLOOD_PAYLOAD = 18  # Ethernet 14 + IPv4 20 + UDP 8 + 18 + frame check sequence 4 = 64 bytes
NEW_FLOWS = 1000000  # five-tuples in turn: none comes back within a sample
WARMUP = 0.2
TCP_SAMPLES = 2  # a stream varies more than a flood, and is measured for longer


class Bench:
    """Takes samples of a given length from a variant's VMs."""

    def __init__(self, build, seconds):
        self.build, self.seconds = build, seconds

    def tool(self, name):
        return os.path.join(self.build, "tests/bench", name)

    def listen(self, namespace, name, *argv):
        """Starts a tool's listening side and waits until it listens."""
        process = subprocess.Popen(namespace.command(self.tool(name), "--cpu", RECEIVER, *argv), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if process.stdout.readline() != "ready\n":
            process.wait()
            error = process.stderr.read().strip()
            stop(process)
            raise LabError(f"{name} --listen: {error}")
        return process

    def tcp(self, sender, receiver):
        """(Gbit/s of payload over one connection, CPU seconds of both ends per gigabyte)."""
        address = f"{receiver.ca}:{PORT}"
        listener = self.listen(receiver.vm, "tcp_stream", "--listen", address, "--warmup", WARMUP, "--seconds",
                               TCP_SAMPLES * self.seconds)
        client = subprocess.Popen(sender.vm.command(self.tool("tcp_stream"), "--cpu", SENDER, "--to", address),
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            got = result(listener, WARMUP + TCP_SAMPLES * self.seconds + 20)
            sent = result(client, 20)
        finally:
            stop(listener)
            stop(client)
        cpu = got["cpu_ns"] / got["bytes"] + sent["cpu_ns"] / sent["bytes"]  # ns per byte is s per GB
        return got["bytes"] * 8 / got["ns"], cpu

    def tcp_up(self, variant):
        rate, cpu = self.tcp(*variant.ends)
        return {"tcp_up": rate, "tcp_cpu": cpu}

    def tcp_down(self, variant):
        rate, _ = self.tcp(*reversed(variant.ends))
        return {"tcp_down": rate}

    def flood(self, variant, flows):
        """(million packets/s that arrived in VM2, CPU ns per packet)."""
        one, two = variant.ends
        before = variant.arrived()
        got = json.loads(run(*one.vm.command(self.tool("udp_flood"), "--cpu", SENDER, "--to",
                                             f"{two.ca}:{FLOOD_PORT}", "--size", FLOOD_PAYLOAD, "--seconds",
                                             self.seconds, "--flows", flows)))
        # What is still in a queue when the sender ends arrives within a tick or two.
        after = variant.arrived()
        while (more := variant.arrived()) != after:
            after = more
        if after == before:
            raise LabError("no datagram arrived")
        return (after - before) * 1e3 / got["ns"], got["cpu_ns"] / (after - before)

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
        listener = self.listen(two.vm, "udp_rtt", "--listen", address)
        try:
            got = json.loads(run(*one.vm.command(self.tool("udp_rtt"), "--cpu", SENDER, "--to", address, "--size",
                                                 FLOOD_PAYLOAD, "--seconds", self.seconds)))
        finally:
            stop(listener)
        return {"rtt_p50": got["p50"] / 1e3, "rtt_p99": got["p99"] / 1e3}

    def reachable(self, variant):
        """The first packets: neighbour entries, flow tables, bridges' learning. Fails when nothing comes through."""
        one, two = variant.ends
        one.vm.run("ping", "-q", "-c", 3, "-i", 0.05, "-w", 5, two.ca)


def result(process, patience):
    """What a tool prints when it has ended."""
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired as e:
        raise LabError(f"{process.args[-1]}: the stream came to a halt") from e
    if process.returncode:
        raise LabError(err.strip())
    return json.loads(out)


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
