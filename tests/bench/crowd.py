"""crowd.py - one host with many tenants and lookup records, and the frames that keep it busy.

    v0 --veth-- p0 \\
    v1 --veth-- p1 -- gwd on the host -- underlay --veth-- wire
    ...            /

Each tenant is a virtual subnet with one port here; the first record of each is that port's, the others live on REMOTES other
hosts, which exist as neighbour entries only. Frames are put on the far ends of the veths, those of tunnels on `wire`; what the
engine lets through is counted and dropped at the end opposite. Nothing but the engine looks at the frames.
"""
import json
import os
import random
import struct
import time

from lab import Failed, Gwd, case, namespace, pkt, run
from measure import FLOOD_PAYLOAD
from variants import UNDERLAY_MTU, VSID, attach

FLOWS = 10000
NEW_FLOWS = 100000  # more than the flow cache holds
REMOTES = 100
BATCH = 20000  # elements of a request
UNDERLAY_MAC, WIRE_MAC = "02:ee:00:00:00:01", "02:ee:00:00:00:02"
OWN_PA = "10.255.0.1"
VM_MTU = UNDERLAY_MTU - 50
ETH_IP_UDP, VXLAN_OUTER = 14 + 20 + 8, 50


def remote_pa(number):
    return f"10.255.1.{1 + number % REMOTES}"


def mac(number):
    return "02:00:" + ":".join(f"{number >> shift & 255:02x}" for shift in (24, 16, 8, 0))


class Crowd:
    """`records` of them, divided among `tenants`."""

    def __init__(self, tenants, records):
        self.tenants, self.each, self.records = tenants, records // tenants, records
        self.key = f"{tenants}-{records}"
        self.host, self.vms, self.wire = (namespace(f"{self.key}-{what}") for what in ("host", "vms", "wire"))
        self.links()
        self.gwd = Gwd(self.host, self.key, {"underlay": {"mtu": str(UNDERLAY_MTU)}}).start(deadline=60)
        self.gwd.ctl("provider-address", "add", "--interface", "underlay", "--address", OWN_PA, "--prefix-length", 16)
        self.put(self.port(t) for t in range(tenants))
        unreclaimable = meminfo("SUnreclaim")
        self.seconds = self.put(self.record(number) for number in range(records))
        self.slab = meminfo("SUnreclaim") - unreclaimable
        self.programs = {name: attached(netns, dev) for name, netns, dev in (
            ("port", self.host, "p0"), ("underlay", self.host, "underlay"),
            ("vm", self.vms, "v0"), ("wire", self.wire, "wire"))}
        self.files = self.frames()

    # --- the world ----------------------------------------------------------------------------------------------------

    def links(self):
        self.host.veth("underlay", self.wire, "wire", UNDERLAY_MTU)
        self.wire.ip(f"link set wire address {WIRE_MAC} up")
        attach(self.wire, "wire", "swallow")
        batch(self.host, "ip", [f"link set underlay address {UNDERLAY_MAC} up"] + [
            f"link add p{t} mtu {VM_MTU} up type veth peer name v{t} mtu {VM_MTU} address {mac(t * self.each)} "
            f"netns {self.vms.name}" for t in range(self.tenants)])
        self.host.ip(f"addr add {OWN_PA}/16 dev underlay")
        batch(self.host, "ip", [f"neigh add {remote_pa(n)} lladdr {WIRE_MAC} dev underlay nud permanent"
                                for n in range(REMOTES)])
        maps = attach(self.vms, "v0", "swallow")
        program = maps.removesuffix("-maps") + "-programs/swallow"
        others = [f"v{t}" for t in range(1, self.tenants)]
        batch(self.vms, "ip", [f"link set {dev} up" for dev in ["v0"] + others])
        batch(self.vms, "tc", [line for dev in others for line in (
            f"qdisc add dev {dev} clsact",
            f"filter add dev {dev} ingress bpf direct-action object-pinned {program}")])

    def down(self):
        self.gwd.stop()
        for netns in (self.host, self.vms, self.wire):
            netns.delete()

    # --- what the daemon is told ----------------------------------------------------------------------------------------

    def ca(self, number):
        index = number % self.each + 1
        return f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}"

    def vsid(self, number):
        return VSID + number // self.each

    def port(self, tenant):
        number = tenant * self.each
        return {"path": f"/hnv/ports/p{tenant}",
                "body": {"properties": {"MACAddress": mac(number), "VirtualSubnetID": self.vsid(number)}}}

    def record(self, number):
        return {"path": "/hnv/lookupRecords", "body": {"properties": {
            "VirtualSubnetID": self.vsid(number), "CustomerAddress": self.ca(number), "MACAddress": mac(number),
            "ProviderAddress": remote_pa(number) if number % self.each else OWN_PA, "Rule": "TranslationMethodEncap"}}}

    def put(self, elements):
        """POST /hnv/batch, as often as it takes; returns how many seconds the daemon needed."""
        elements, seconds = list(elements), 0
        for first in range(0, len(elements), BATCH):
            body = json.dumps(elements[first:first + BATCH], separators=(",", ":")).encode()
            begin = time.monotonic()
            r = self.gwd.request("POST", "/hnv/batch", body, timeout=300)
            seconds += time.monotonic() - begin
            if r.status != 200:
                raise Failed(f"batch: {r.status} {r.body[:300]}")
        return seconds

    # --- frames -------------------------------------------------------------------------------------------------------

    def frames(self):
        """{what: (file, size of a frame)} for frame_replay."""
        chance = random.Random(1)
        index = {link["ifname"]: link["ifindex"] for link in self.vms.ip_json("link show type veth")}
        wire = self.wire.ip_json("link show dev wire")[0]["ifindex"]
        files = {"out": [self.outward(chance, index) for _ in range(FLOWS)],
                 "new": [self.outward(chance, index) for _ in range(NEW_FLOWS)],
                 "in": [(wire, self.inward(chance)) for _ in range(FLOWS)]}
        files["mixed"] = chance.choices(files["new"], k=2 * NEW_FLOWS)
        for what, frames in files.items():
            path = os.path.join(case.WORK, f"{self.key}-{what}")
            with open(path, "wb") as f:
                f.writelines(struct.pack("=I", ifindex) + frame for ifindex, frame in frames)
            files[what] = path, len(frames[0][1])
        return files

    def pair(self, chance):
        """A tenant's port and one of its other records, as numbers."""
        own = chance.randrange(self.tenants) * self.each
        return own, own + chance.randrange(1, self.each)

    def datagram(self, chance, src, dst):
        payload = pkt.udp(self.ca(src), self.ca(dst), chance.randrange(1024, 65536), chance.randrange(1024, 65536),
                          bytes(FLOOD_PAYLOAD), check=0)
        return pkt.eth(mac(dst), mac(src), pkt.ETH_P_IP, pkt.ipv4(self.ca(src), self.ca(dst), pkt.UDP, payload))

    def outward(self, chance, index):
        own, other = self.pair(chance)
        return index[f"v{own // self.each}"], self.datagram(chance, own, other)

    def inward(self, chance):
        own, other = self.pair(chance)
        frame = struct.pack("!II", 0x08000000, self.vsid(own) << 8) + self.datagram(chance, other, own)
        tunnel = pkt.udp(remote_pa(other), OWN_PA, chance.randrange(49152, 65536), 4789, frame, check=0)
        return pkt.eth(UNDERLAY_MAC, WIRE_MAC, pkt.ETH_P_IP,
                       pkt.ipv4(remote_pa(other), OWN_PA, pkt.UDP, tunnel, frag=0x4000))

    # --- what it takes --------------------------------------------------------------------------------------------------

    def daemon(self):
        """(RSS, PSS) of the daemon in bytes."""
        with open(f"/proc/{self.gwd.process.pid}/smaps_rollup", encoding="ascii") as f:
            sizes = dict(line.split(":", 1) for line in f if ":" in line and "-" not in line)
        return tuple(int(sizes[key].split()[0]) * 1024 for key in ("Rss", "Pss"))

    def maps(self):
        """{name: (bytes, most entries)} of the engine's maps, as the kernel accounts for them."""
        found = {}
        for folder, _, names in os.walk(os.path.join(self.gwd.bpf_dir, self.key)):
            for name in names:
                shown = run(["bpftool", "-j", "map", "show", "pinned", os.path.join(folder, name)], ok=None)
                if shown.returncode == 0:
                    each = json.loads(shown.stdout)
                    found[name] = int(each.get("bytes_memlock", 0)), each["max_entries"]
        return found


def batch(netns, command, lines):
    netns.run([command, "-batch", "-"], stdin="\n".join(lines) + "\n")


def attached(netns, interface):
    """The id of the program on an interface's ingress."""
    for each in json.loads(netns.run(f"tc -j filter show dev {interface} ingress").stdout):
        program = each.get("options", {}).get("prog")
        if program:
            return program["id"]
    raise Failed(f"{interface}: no program on its ingress")


def meminfo(key):
    """Bytes."""
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith(key + ":"))
