"""variants.py - what is compared: ways to get a packet from a VM on one host to a VM on another.

Each is built alike, in namespaces of its own:

    VM1 eth0 --veth-- port  host 1  underlay --veth-- underlay  host 2  port --veth-- eth0 VM2
    10.0.0.1                192.168.50.1              192.168.50.2                10.0.0.2

and differs in what joins `port` and `underlay` on the two hosts. A further one is a class with a `join` and a place in
VARIANTS.
"""
import glob
import json
import os
import struct

from lab import Failed, Gwd, mount_bpffs, namespace, ovs, run, tool

UNDERLAY_MTU = 1500
VSID = 5001
SEGMENTATION = ["tso", "gso", "tx-udp-segmentation", "tx-gre-segmentation", "tx-udp_tnl-segmentation"]


class End:
    """One of the two ends: a VM and the host it runs on."""

    def __init__(self, key, number):
        self.name = f"{key}{number}"
        self.ca, self.pa = f"10.0.0.{number}", f"192.168.50.{number}"
        self.public = self.ca  # what the other end calls it
        self.mac = f"02:00:00:00:00:{number:02x}"
        self.vm, self.host = namespace(f"{key}-vm{number}"), namespace(f"{key}-host{number}")
        self.gwd = self.switch = None

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
    wire = False  # no segmentation offload

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

    def wire_size(self, wire):
        """Frames leave VMs and hosts as they are on the wire, and are aggregated where they are received (GRO); or neither."""
        if wire == self.wire:
            return
        self.wire = wire
        features = [("gro", wire)] + [(feature, not wire) for feature in SEGMENTATION]
        for end in self.ends:
            for netns, interface in ((end.vm, "eth0"), (end.host, "underlay")):
                netns.run(["ethtool", "-K", interface] + [x for f, on in features for x in (f, "on" if on else "off")])

    def path_cpu(self):
        """ns of CPU used so far by what the hosts run in user space to move packets."""
        return 0

    def arrived(self, _up=True):
        """How many of the flood's datagrams have reached VM2 so far; they go nowhere else."""
        return swallowed(self.sink)


def attach(netns, interface, program):
    """Puts one of bench.bpf.c's programs on an interface's ingress; returns the folder with its maps."""
    # Pinned by bpftool where we say: given an object file, tc would mount a BPF file system for the whole machine.
    pins = f"{mount_bpffs()}/{netns.label}-{interface}"
    run(["bpftool", "prog", "loadall", tool("bench.bpf.o"), f"{pins}-programs", "pinmaps", f"{pins}-maps"])
    netns.run(f"tc qdisc add dev {interface} clsact")
    netns.run(f"tc filter add dev {interface} ingress bpf direct-action object-pinned {pins}-programs/{program}")
    return f"{pins}-maps"


def swallowed(pins):
    """How many datagrams of a flood the program `sink`, whose maps are there, has counted."""
    cpus = json.loads(run(["bpftool", "-j", "map", "dump", "pinned", f"{pins}/arrived"]).stdout)[0]["values"]
    return sum(int.from_bytes(bytes(int(byte, 16) for byte in cpu["value"]), "little") for cpu in cpus)


def bridge(host, *interfaces, name="bridge"):
    # Bridged frames visit iptables only where br_netfilter is loaded, or built in, which costs a quarter of the packet rate.
    if os.path.isdir("/proc/sys/net/bridge"):
        host.sysctl(*(f"net.bridge.bridge-nf-call-{table}=0" for table in ("iptables", "ip6tables", "arptables")))
    host.ip(f"link add {name} type bridge")
    host.ip(f"link set {name} up")
    for interface in interfaces:
        host.ip(f"link set {interface} master {name}")


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


class OpenVswitch(Variant):
    """Its userspace datapath reads and writes frames one by one: no super-frames, no unfinished checksums, in either mode."""

    key, title = "ovs", "Open vSwitch, userspace, VXLAN"

    def join(self, end, other):
        if not ovs.installed():
            raise Failed("Open vSwitch is not installed")
        for netns, interface in ((end.vm, "eth0"), (end.host, "port"), (end.host, "underlay")):
            netns.offloads(interface, False)
        end.switch = ovs.Switch(end.name, end.host.popen)
        for name, *ports in (("outer", "underlay"), ("inner", "port", "vxlan")):
            end.switch.vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev",
                             *(word for port in ports for word in ("--", "add-port", name, port)))
        end.switch.vsctl("set", "interface", "vxlan", "type=vxlan", f"options:remote_ip={other.pa}",
                         f"options:key={VSID}")
        end.host.ip(f"addr add {end.pa}/24 dev outer")
        end.host.ip("link set outer up")

    def wire_size(self, wire):
        pass

    def path_cpu(self):
        return sum(run_time(end.switch.process.pid) for end in self.ends)

    def down(self):
        for end in self.ends:
            end.switch.stop()


def run_time(pid):
    """ns of CPU that a process's threads have used."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


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


VARIANTS = [GwdVxlan, GwdNvgre, KernelVxlan, PlainBridge, BpfRedirect, OpenVswitch]
