"""The engine's maps of a host, entry by entry, and what they should be: written from gwd/engine/bpf/abi.h and the rules of the
records, not from the engine's own code. Caches, counters and what programs write themselves are left out.
"""
import ipaddress
import json
import os
import struct

from lib.case import Failed, equal
from lib.net import run

ROUTER_MAC = bytes.fromhex("026777640001")
LOCAL, HAS_PA, PEER, FORWARDS, ON_LINK, SHARED, V4 = 1, 0x80, 1, 1, 1, 2, 4
SLOT_PORT, SLOT_VSID = 0, 1
# name: how its keys and its values are laid out; None: the programs write it
LAYOUT = {
    "ports": ("=I", "=IIIII16s4sI6s6s"),
    "records": ("=I16s", "=I16s6sBB"),
    "macs": ("=I6sH", "=I16sIIIIIBBH"),
    "vsids": ("=I", "=I16s16s"),
    "peers": ("=I16s", None),
    "provider_addresses": ("=16s", "=I"),
    "subnets": ("=I4s16s", "=I16s6sBB"),
    "routes": ("=I4s16s", "=II16sBBH"),
    "own_routes": ("=I4s16s", "=II16sBBH"),
    "slots": ("=II", "=I"),
}
NOTHING = bytes(16)


def ip(text):
    """16 bytes, IPv4 mapped."""
    a = ipaddress.ip_address(text)
    return a.packed if a.version == 6 else b"\0" * 10 + b"\xff\xff" + a.packed


def dump(h, name):
    """{key: value}, each a tuple as in LAYOUT."""
    pin = os.path.join(h.gwd.bpf_dir, h.gwd.settings["node"]["name"], "maps", name)
    key_layout, value_layout = LAYOUT[name]
    found = {}
    for entry in json.loads(run(["bpftool", "-j", "map", "dump", "pinned", pin]).stdout or "[]"):
        if "key" not in entry or "value" not in entry:
            raise Failed("%s changed while it was read" % name)
        key, value = (bytes(int(b, 16) for b in entry[part]) for part in ("key", "value"))
        found[struct.unpack(key_layout, key)] = struct.unpack(value_layout, value) if value_layout else None
    return found


class Records:
    """What a node holds, by kind, as values; and its interfaces."""

    def __init__(self, held, links):
        self.links = links
        self.by = {"lookupRecords": [], "customerRoutes": [], "providerAddresses": [], "providerRoutes": [], "ports": []}
        for path, properties in held.items():
            self.by[path.split("/")[2]].append(properties)
        self.local = {ip(p["ProviderAddress"]): p for p in self.by["providerAddresses"]}
        self.vsids = {}  # of each routing domain
        for r in self.by["customerRoutes"]:
            self.vsids.setdefault(r["RoutingDomainID"], set()).add(r["VirtualSubnetID"])
        self.rdid = {v: rdid for rdid, vsids in self.vsids.items() for v in vsids}

    def domain(self, vsid):
        return min(self.vsids[self.rdid[vsid]]) if vsid in self.rdid else vsid

    def used(self):
        return {x["VirtualSubnetID"] for kind in ("lookupRecords", "ports") for x in self.by[kind]}

    def present(self):
        return [p for p in self.by["ports"] if p["Interface"] in self.links]

    def pa_of(self, r):
        return ip(r["ProviderAddress"])

    def flags(self, r):
        return LOCAL if self.pa_of(r) in self.local else 0


def mac(p):
    return bytes.fromhex(p["MACAddress"])


def encap(r):
    return int(r["Encapsulation"] == "NVGRE")


def records(x):
    return {(r["VirtualSubnetID"], ip(r["CustomerAddress"])):
            (r["VirtualSubnetID"], x.pa_of(r), mac(r), encap(r), x.flags(r)) for r in x.by["lookupRecords"]}


def macs(x, slots):
    found = {}
    for r in sorted(x.by["lookupRecords"], key=lambda r: ip(r["CustomerAddress"]), reverse=True):  # the lowest speaks for it
        vsid = r["VirtualSubnetID"]
        found[vsid, mac(r), 0] = (vsid, x.pa_of(r), 0, 0, 0, 0, 0, encap(r), HAS_PA | x.flags(r), 0)
    for p in x.present():
        vsid, dev = p["VirtualSubnetID"], x.links[p["Interface"]]
        was = found.get((vsid, mac(p), 0), (vsid, NOTHING, 0, 0, 0, 0, 0, 0, 0, 0))
        elsewhere = dev.get("linkinfo", {}).get("info_kind") == "veth" and "link_netnsid" in dev
        found[vsid, mac(p), 0] = was[:2] + (dev["ifindex"], x.domain(vsid), slots.get((SLOT_PORT, dev["ifindex"])),
                                            slots.get((SLOT_VSID, vsid)), dev["mtu"]) + was[7:9] + (PEER * elsewhere,)
    return found


def subnets_of(x, vsid=None):
    """On-link prefixes with room for a router: (VSID, prefix, the router's address)"""
    for r in x.by["customerRoutes"]:
        prefix = ipaddress.ip_network(r["DestinationPrefix"])
        if ipaddress.ip_address(r["NextHop"]).packed.strip(b"\0") or not 0 < prefix.prefixlen < prefix.max_prefixlen - 1:
            continue
        if vsid in (None, r["VirtualSubnetID"]):
            yield r["VirtualSubnetID"], prefix, ip(str(prefix[1]))


def vsids(x):
    found = {}
    for vsid in x.used():
        routers = []
        for version in (4, 6):
            mine = [(ip(str(p.network_address)), p.prefixlen, router) for _, p, router in subnets_of(x, vsid) if p.version == version]
            routers.append(min(mine)[2] if mine else NOTHING)
        found[(vsid,)] = (x.domain(vsid), *routers)
    return found


def peers(x):
    return {(x.domain(r["VirtualSubnetID"]), x.pa_of(r)): None for r in x.by["lookupRecords"] if not x.flags(r)}


def provider_addresses(x):
    return {(pa,): (x.links[p["Interface"]]["ifindex"],) for pa, p in x.local.items() if p["Interface"] in x.links}


def key_of(scope, prefix):
    length = prefix.prefixlen + (96 if prefix.version == 4 else 0)
    return 32 + length, struct.pack("!I", scope), ip(str(prefix.network_address))


def subnets(x):
    return {key_of(vsid, p): (vsid, router, ROUTER_MAC, int(p.version == 4), key_of(vsid, p)[0] - 32)
            for vsid, p, router in subnets_of(x)}


def route_value(r, scope, shared):
    prefix = ipaddress.ip_network(r["DestinationPrefix"])
    on_link = not ipaddress.ip_address(r["NextHop"]).packed.strip(b"\0")
    return (scope, r["VirtualSubnetID"], ip(r["NextHop"]), key_of(0, prefix)[0] - 32,
            ON_LINK * on_link | SHARED * shared | V4 * (prefix.version == 4), 0)


def routes(x):
    """(routes, own_routes): of each domain the best to each prefix; of subnets that have one as good, theirs."""
    best, own, of = {}, {}, {}
    for r in x.by["customerRoutes"]:
        of.setdefault((r["RoutingDomainID"], r["DestinationPrefix"]), []).append(r)
    for (rdid, prefix), several in of.items():
        several.sort(key=lambda r: (r["Metric"], r["VirtualSubnetID"], ip(r["NextHop"])))
        first, domain, where = several[0], min(x.vsids[rdid]), ipaddress.ip_network(prefix)
        as_good = [r for r in several if r["Metric"] == first["Metric"] and r["VirtualSubnetID"] != first["VirtualSubnetID"]]
        best[key_of(domain, where)] = route_value(first, domain, bool(as_good))
        for r in reversed(as_good):
            own[key_of(r["VirtualSubnetID"], where)] = route_value(r, r["VirtualSubnetID"], False)
    return best, own


def source(x, port):
    """The provider address that a port's tunnels start from: what its own records name, else the lowest that there is."""
    named = {x.pa_of(r) for r in x.by["lookupRecords"]
             if (r["VirtualSubnetID"], mac(r)) == (port["VirtualSubnetID"], mac(port)) and x.flags(r)}
    there = {pa for pa, p in x.local.items() if p["Interface"] in x.links}
    return min(named) if named else min(there) if there else None


def on_link(x, pa):
    subnet = ipaddress.ip_interface("%s/%d" % (x.local[pa]["ProviderAddress"], x.local[pa]["PrefixLength"])).network
    inside = [r for r in x.by["providerRoutes"] if ipaddress.ip_network(r["DestinationPrefix"]).subnet_of(subnet)]
    return subnet.netmask.packed if subnet.prefixlen not in (0, 32) and not inside else bytes(4)


def ports(x, slots):
    found = {}
    for p in x.present():
        index, pa = x.links[p["Interface"]]["ifindex"], source(x, p)
        underlay = x.links.get(x.local[pa]["Interface"]) if pa else None
        way = (underlay["ifindex"], pa, on_link(x, pa)) if underlay else (0, NOTHING, bytes(4))
        found[(index,)] = (index, p["VirtualSubnetID"], slots.get((SLOT_PORT, index)), slots.get((SLOT_VSID, p["VirtualSubnetID"])),
                           *way, FORWARDS * p.get("AllowForwarding", False), mac(p),
                           bytes.fromhex(underlay["address"].replace(":", "")) if underlay else bytes(6))
    return found


def expected(held, links, slots):
    x = Records(held, links)
    best, own = routes(x)
    return {"ports": ports(x, slots), "records": records(x), "macs": macs(x, slots), "vsids": vsids(x), "peers": peers(x),
            "provider_addresses": provider_addresses(x), "subnets": subnets(x), "routes": best, "own_routes": own}


def check_slots(x, slots):
    """Each counter has one owner, and who is counted has one."""
    for kind, owners in ((SLOT_PORT, {x.links[p["Interface"]]["ifindex"] for p in x.present()}),
                         (SLOT_VSID, {p["VirtualSubnetID"] for p in x.present()})):
        mine = {k[1]: v for k, v in slots.items() if k[0] == kind}
        equal(set(mine), owners, "owners of counters, kind %d" % kind)
        equal(len(set(mine.values())), len(mine), "counters, each of one owner, kind %d" % kind)


def check_kernel(h, x):
    """Addresses and routes of the underlay, and programs on the interfaces of VMs."""
    underlay = "eth1"
    there = {"%s/%d" % (a["local"], a["prefixlen"]) for d in h.netns.ip_json("-4 addr show dev " + underlay) for a in d["addr_info"]}
    equal(there, {"%s/%d" % (p["ProviderAddress"], p["PrefixLength"]) for p in x.by["providerAddresses"]},
          "addresses on %s of %s" % (underlay, h.name))
    ways = {(r["dst"], r.get("gateway")) for r in h.netns.ip_json("-4 route show dev " + underlay) if r.get("protocol") != "kernel"}
    equal(ways, {("default" if r["DestinationPrefix"] == "0.0.0.0/0" else r["DestinationPrefix"], r["NextHop"])
                 for r in x.by["providerRoutes"]}, "routes on %s of %s" % (underlay, h.name))
    attached = {p["Interface"] for p in x.by["ports"]}
    for vm in h.world.vms:
        if vm.host is h and vm.port not in attached:
            equal(h.netns.run("tc filter show dev %s ingress" % vm.port).stdout, "", "programs on %s of %s" % (vm.port, h.name))


def check(h, held):
    """The maps and the kernel are as these records say; raises Failed with what differs."""
    links = {d["ifname"]: d for d in h.netns.ip_json("link show")}
    slots = {k: v[0] for k, v in dump(h, "slots").items()}
    for name, wanted in expected(held, links, slots).items():
        got = dump(h, name)
        wrong = [k for k in set(wanted) | set(got) if k not in got or k not in wanted or wanted[k] != got[k]]
        if wrong:
            raise Failed("map %s of %s: %d entries differ (expected, there): %s" % (
                name, h.name, len(wrong), {k: (wanted.get(k, "nothing"), got.get(k, "nothing")) for k in wrong[:4]}))
    x = Records(held, links)
    check_slots(x, slots)
    check_kernel(h, x)
