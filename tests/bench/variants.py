"""variants.py - what is compared: ways to get a packet from a VM on one host to a VM on another.

Each is built alike, in namespaces of its own:

    VM1 eth0 --veth-- port  host 1  underlay --veth-- underlay  host 2  port --veth-- eth0 VM2
    10.0.0.1                192.168.50.1              192.168.50.2                10.0.0.2

and differs in what joins `port` and `underlay` on the two hosts. A further one is a class with a `join` and a line in
VARIANTS.
"""
import json
import os
import struct

from gwd import Daemon
from lab import run

UNDERLAY_MTU = 1500
VSID = 5001


class End:
    """One of the two ends: a VM and the host it runs on."""

    def __init__(self, lab, variant, number):
        self.ca, self.pa = f"10.0.0.{number}", f"192.168.50.{number}"
        self.mac = f"02:00:00:00:00:{number:02x}"
        self.vm = lab.namespace(f"{variant.key}-vm{number}")
        self.host = lab.namespace(f"{variant.key}-host{number}")
        self.name = f"{lab.name}-{variant.key}-{number}"

    def plug(self, mtu):
        self.host.run("ip", "link", "add", "port", "mtu", mtu, "type", "veth", "peer", "name", "eth0",
                      "netns", self.vm.name)
        self.vm.run("ip", "link", "set", "eth0", "mtu", mtu, "address", self.mac, "up")
        self.vm.run("ip", "addr", "add", f"{self.ca}/24", "dev", "eth0")
        self.host.run("ip", "link", "set", "port", "up")
        self.host.run("ip", "link", "set", "underlay", "up")

    def filter(self, namespace, interface, lab, program):
        """Puts one of bench.bpf.c's programs on an interface's ingress; returns the folder with its maps."""
        # Pinned by bpftool in a place of ours: given an object file, tc would mount a BPF file system for the whole machine.
        pins = os.path.join(lab.bpffs(), f"{namespace.name}-{interface}")
        run("bpftool", "prog", "loadall", os.path.join(lab.build, "tests/bench/bench.bpf.o"), f"{pins}-programs",
            "pinmaps", f"{pins}-maps")
        namespace.run("tc", "qdisc", "add", "dev", interface, "clsact")
        namespace.run("tc", "filter", "add", "dev", interface, "ingress", "bpf", "direct-action", "object-pinned",
                      f"{pins}-programs/{program}")
        return f"{pins}-maps"


class Variant:
    """Two ends, joined by what a subclass says."""

    key = title = None
    mtu = UNDERLAY_MTU - 50  # of the VMs; the baselines take VXLAN's
    ours = False

    def __init__(self, lab):
        self.lab = lab
        self.ends = [End(lab, self, n) for n in (1, 2)]
        one, two = self.ends
        one.host.run("ip", "link", "add", "underlay", "mtu", UNDERLAY_MTU, "type", "veth", "peer", "name", "underlay",
                     "netns", two.host.name)
        two.host.run("ip", "link", "set", "underlay", "mtu", UNDERLAY_MTU)
        for end in self.ends:
            end.plug(self.mtu)
        for end, other in ((one, two), (two, one)):
            self.join(end, other)
        self.sink = two.filter(two.vm, "eth0", lab, "sink")

    def join(self, end, other):
        raise NotImplementedError

    def bridge(self, host, *interfaces):
        host.run("ip", "link", "add", "bridge", "type", "bridge")
        host.run("ip", "link", "set", "bridge", "up")
        for interface in interfaces:
            host.run("ip", "link", "set", interface, "master", "bridge")

    def arrived(self):
        """How many of the flood's datagrams have reached VM2 so far."""
        entries = json.loads(run("bpftool", "-j", "map", "dump", "pinned", f"{self.sink}/arrived"))
        cpus = entries[0]["values"]
        return sum(int.from_bytes(bytes(int(byte, 16) for byte in cpu["value"]), "little") for cpu in cpus)


class KernelVxlan(Variant):
    key, title = "kvx", "kernel vxlan device + bridge"

    def join(self, end, other):
        end.host.run("ip", "addr", "add", f"{end.pa}/24", "dev", "underlay")
        end.host.run("ip", "link", "add", "vxlan", "mtu", self.mtu, "type", "vxlan", "id", VSID, "local", end.pa,
                     "remote", other.pa, "dstport", 4789, "dev", "underlay")
        end.host.run("ip", "link", "set", "vxlan", "up")
        self.bridge(end.host, "vxlan", "port")


class PlainBridge(Variant):
    key, title = "br", "bridge, no encapsulation"

    def join(self, end, other):
        self.bridge(end.host, "underlay", "port")


class BpfRedirect(Variant):
    key, title = "bpf", "BPF redirect, no encapsulation"

    def join(self, end, other):
        for source, target, program in (("port", "underlay", "outward"), ("underlay", "port", "inward")):
            maps = end.filter(end.host, source, self.lab, program)
            index = struct.pack("=I", end.host.link(target)["ifindex"])
            run("bpftool", "map", "update", "pinned", f"{maps}/target", "key", *"0000", "value", *index)


class Gwd(Variant):
    """The real daemon on both hosts, told by gwctl what to do."""

    ours = True
    encapsulation = None

    def join(self, end, other):
        end.daemon = Daemon(self.lab, end.name, end.host, UNDERLAY_MTU)
        end.daemon.records(end, other, VSID, self.encapsulation)


class GwdVxlan(Gwd):
    key, title, encapsulation = "ev", "gwd, VXLAN", "vxlan"


class GwdNvgre(Gwd):
    key, title, encapsulation = "en", "gwd, NVGRE", "nvgre"
    mtu = UNDERLAY_MTU - 42


VARIANTS = [GwdVxlan, GwdNvgre, KernelVxlan, PlainBridge, BpfRedirect]
