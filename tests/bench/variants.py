"""variants.py - what is compared: ways to get a packet from a VM on one host to a VM on another.

Each is built alike, in namespaces of its own:

    VM1 eth0 --veth-- port  host 1  underlay --veth-- underlay  host 2  port --veth-- eth0 VM2
    10.0.0.1                192.168.50.1              192.168.50.2                10.0.0.2

and differs in what joins `port` and `underlay` on the two hosts. A further one is a class with a `join` and a place in
VARIANTS.
"""
import json
import struct

from lab import Gwd, mount_bpffs, namespace, run, tool

UNDERLAY_MTU = 1500
VSID = 5001


class End:
    """One of the two ends: a VM and the host it runs on."""

    def __init__(self, key, number):
        self.name = f"{key}{number}"
        self.ca, self.pa = f"10.0.0.{number}", f"192.168.50.{number}"
        self.mac = f"02:00:00:00:00:{number:02x}"
        self.vm, self.host = namespace(f"{key}-vm{number}"), namespace(f"{key}-host{number}")
        self.gwd = None

    def plug(self, mtu):
        self.host.veth("port", self.vm, "eth0", mtu)
        self.vm.ip(f"link set eth0 address {self.mac} up")
        self.vm.ip(f"addr add {self.ca}/24 dev eth0")
        self.host.ip("link set port up")
        self.host.ip("link set underlay up")


class Variant:
    """Two ends, joined by what a subclass says."""

    key = title = None
    mtu = UNDERLAY_MTU - 50  # of the VMs; the baselines take VXLAN's
    ours = False

    def __init__(self):
        self.ends = one, two = [End(self.key, n) for n in (1, 2)]
        one.host.veth("underlay", two.host, "underlay", UNDERLAY_MTU)
        for end in self.ends:
            end.plug(self.mtu)
        for end, other in ((one, two), (two, one)):
            self.join(end, other)
        self.sink = attach(two.vm, "eth0", "sink")

    def join(self, end, other):
        raise NotImplementedError

    def down(self):
        for end in self.ends:
            if end.gwd and end.gwd.process:
                end.gwd.stop()

    def arrived(self):
        """How many of the flood's datagrams have reached VM2 so far."""
        cpus = json.loads(run(["bpftool", "-j", "map", "dump", "pinned", f"{self.sink}/arrived"]).stdout)[0]["values"]
        return sum(int.from_bytes(bytes(int(byte, 16) for byte in cpu["value"]), "little") for cpu in cpus)


def attach(netns, interface, program):
    """Puts one of bench.bpf.c's programs on an interface's ingress; returns the folder with its maps."""
    # Pinned by bpftool where we say: given an object file, tc would mount a BPF file system for the whole machine.
    pins = f"{mount_bpffs()}/{netns.label}-{interface}"
    run(["bpftool", "prog", "loadall", tool("bench.bpf.o"), f"{pins}-programs", "pinmaps", f"{pins}-maps"])
    netns.run(f"tc qdisc add dev {interface} clsact")
    netns.run(f"tc filter add dev {interface} ingress bpf direct-action object-pinned {pins}-programs/{program}")
    return f"{pins}-maps"


def bridge(host, *interfaces):
    host.ip("link add bridge type bridge")
    host.ip("link set bridge up")
    for interface in interfaces:
        host.ip(f"link set {interface} master bridge")


class KernelVxlan(Variant):
    key, title = "kvx", "kernel vxlan device + bridge"

    def join(self, end, other):
        end.host.ip(f"addr add {end.pa}/24 dev underlay")
        end.host.ip(f"link add vxlan mtu {self.mtu} type vxlan id {VSID} local {end.pa} remote {other.pa} "
                    "dstport 4789 dev underlay")
        end.host.ip("link set vxlan up")
        bridge(end.host, "vxlan", "port")


class PlainBridge(Variant):
    key, title = "br", "bridge, no encapsulation"

    def join(self, end, other):
        bridge(end.host, "underlay", "port")


class BpfRedirect(Variant):
    key, title = "bpf", "BPF redirect, no encapsulation"

    def join(self, end, other):
        for source, target, program in (("port", "underlay", "outward"), ("underlay", "port", "inward")):
            maps = attach(end.host, source, program)
            index = struct.pack("=I", end.host.ip_json(f"link show dev {target}")[0]["ifindex"])
            run(["bpftool", "map", "update", "pinned", f"{maps}/target", "key", *"0000", "value", *map(str, index)])


class RealGwd(Variant):
    """The daemon on both hosts, told by gwctl what to do."""

    ours = True
    encapsulation = None

    def join(self, end, other):
        end.gwd = Gwd(end.host, end.name, {"underlay": {"mtu": str(UNDERLAY_MTU)}}).start()
        end.gwd.ctl("provider-address", "add", "--interface", "underlay", "--address", end.pa, "--prefix-length", 24)
        for each in (end, other):
            end.gwd.ctl("lookup-record", "add", "--vsid", VSID, "--ca", each.ca, "--pa", each.pa, "--mac", each.mac,
                        "--rule", "encap", "--encapsulation", self.encapsulation)
        end.gwd.ctl("port", "attach", "--interface", "port", "--mac", end.mac, "--vsid", VSID)


class GwdVxlan(RealGwd):
    key, title, encapsulation = "ev", "gwd, VXLAN", "vxlan"


class GwdNvgre(RealGwd):
    key, title, encapsulation = "en", "gwd, NVGRE", "nvgre"
    mtu = UNDERLAY_MTU - 42


VARIANTS = [GwdVxlan, GwdNvgre, KernelVxlan, PlainBridge, BpfRedirect]
