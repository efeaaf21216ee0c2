"""A gateway between an overlay and the world outside, told what to do by records set by hand.

    VMs of tenants      h1 gwd                     gw gwd                       isp                        far
    10.0.1.11 ... ---- eth1 10.1.1.1 -- fabric -- eth1 10.1.1.9
                                                  out0 192.0.2.2 -- out -- seg0 192.0.2.1 ,  far0 -- eth0 198.51.100.10
                                                       2001:db8:2::2            2001:db8:2::1             2001:db8:5::10

The isp routes 203.0.113.0/24 and 2001:db8:10::/44 to the gateway; 192.0.2.0/24 is the segment between both. Tenants have the same
addresses: their VMs in 10.0.1.0/24, their gateway subnet 10.0.255.0/29.
"""
import json
import os

from lib import case
from lib.case import Failed, equal, eventually, require
from lib.gwd import BASE
from lib.net import run
from lib.world import World

GATEWAY_PA, HOST_PA = "10.1.1.9", "10.1.1.1"
OUT, OUT6, ISP, ISP6 = "192.0.2.2", "2001:db8:2::2", "192.0.2.1", "2001:db8:2::1"
FAR, FAR6 = "198.51.100.10", "2001:db8:5::10"
ROUTED, ROUTED6 = "203.0.113.0/24", "2001:db8:10::/44"
SUBNET, GATEWAY_SUBNET, GATEWAY = "10.0.1.0/24", "10.0.255.0/29", "10.0.255.2"


class Outside:
    """One who is no VM: the far server, the isp."""

    def __init__(self, name, netns, addresses):
        self.name, self.netns, self.addresses = name, netns, addresses


class GatewayWorld(World):
    def __init__(self, encapsulation=None, settings=None):
        super().__init__()
        self.make_fabric()
        self.encapsulation = encapsulation
        self.h1 = self.host("h1", HOST_PA)
        self.make_outside()
        self.gw = self.host("gw", GATEWAY_PA, settings=merged(
            {"node": {"roles": "gateway", "plugin_dir": case.build() + "/plugins"}, "external": {"interface": "out0"},
             "engine": {"fast_path": os.environ.get("GW_TEST_FAST_PATH", "yes")}},
            settings), start=False)
        self.connect_outside()
        self.gw.start()
        self.tenants = []

    def make_outside(self, far_mtu=1500):
        isp, far = self.namespace("isp"), self.namespace("far")
        isp.veth("far0", far, "eth0", far_mtu)
        for netns, dev, addresses in ((isp, "far0", ("198.51.100.1/24", "2001:db8:5::1/64")),
                                      (far, "eth0", (FAR + "/24", FAR6 + "/64"))):
            netns.ip("link set dev %s up" % dev)
            for a in addresses:
                netns.ip("addr add %s dev %s%s" % (a, dev, " nodad" if ":" in a else ""))
        far.ip("route add default via 198.51.100.1")
        far.ip("-6 route add default via 2001:db8:5::1")
        isp.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.isp, self.far = Outside("isp", isp, [ISP, ISP6]), Outside("far", far, [FAR, FAR6])

    def connect_outside(self, mtu=1500):
        gw, isp = self.gw.netns, self.isp.netns
        gw.veth("out0", isp, "seg0", mtu)
        for netns, dev, addresses in ((gw, "out0", (OUT + "/24", OUT6 + "/64")), (isp, "seg0", (ISP + "/24", ISP6 + "/64"))):
            netns.ip("link set dev %s up" % dev)
            for a in addresses:
                netns.ip("addr add %s dev %s%s" % (a, dev, " nodad" if ":" in a else ""))
        gw.ip("route add default via " + ISP)
        gw.ip("-6 route add default via " + ISP6)
        isp.ip("route add %s via %s" % (ROUTED, OUT))
        isp.ip("-6 route add %s via %s" % (ROUTED6, OUT6))

    def tenant(self, name, number):
        t = Tenant(self, name, number)
        self.tenants.append(t)
        return t


def merged(a, b):
    out = {k: dict(v) for k, v in a.items()}
    for section, keys in (b or {}).items():
        out.setdefault(section, {}).update(keys)
    return out


def batch(gwd, puts=(), deletes=()):
    """(kind, properties) of records to put, "kind/id" of records to delete: all or none."""
    body = [{"path": "/hnv/" + path, "method": "DELETE"} for path in deletes]
    body += [{"path": "/hnv/%s" % kind, "body": {"properties": properties}} for kind, properties in puts]
    r = gwd.request("POST", BASE + "/hnv/batch", body)
    if r.status != 200:
        raise Failed("batch: %d %s" % (r.status, r.body[:800]))
    return r.json()


class Tenant:
    """A routing domain on h1 and the gateway. VSIDs are 5001 + 10 * number for VMs, the one behind for the gateway subnet."""

    def __init__(self, world, name, number, v6=None):
        self.world, self.name, self.number = world, name, number
        self.rdid = "11111111-2222-3333-4444-%012d" % number
        self.vsid = 5001 + 10 * number
        self.gateway_vsid = self.vsid + 1
        self.mac = "02:67:00:00:%02x:%02x" % (number >> 8, number & 255)
        self.v6 = v6 or "2001:db8:1%x" % number  # a /48 of its own, routed without translation
        self.vms = []
        self.vrf = "gwd-gw-%d" % self.gateway_vsid
        self.published = {}
        both = [("customerRoutes", self.route(self.vsid, SUBNET)), ("customerRoutes", self.route(self.vsid, self.v6 + ":1::/64")),
                ("customerRoutes", self.route(self.gateway_vsid, GATEWAY_SUBNET)),
                ("customerRoutes", self.route(self.gateway_vsid, self.v6 + ":ff::/64")),
                ("customerRoutes", self.route(self.gateway_vsid, "0.0.0.0/0", GATEWAY)),
                ("customerRoutes", self.route(self.gateway_vsid, "::/0", self.v6 + ":ff::2")),
                ("lookupRecords", self.record(self.gateway_vsid, GATEWAY, GATEWAY_PA, self.mac)),
                ("lookupRecords", self.record(self.gateway_vsid, self.v6 + ":ff::2", GATEWAY_PA, self.mac)),
                ("lookupRecords", dict(self.record(self.gateway_vsid, "0.0.0.0", GATEWAY_PA, self.mac), Type="GatewayWildcard")),
                ("lookupRecords", dict(self.record(self.gateway_vsid, "::", GATEWAY_PA, self.mac), Type="GatewayWildcard"))]
        batch(world.h1.gwd, both)
        batch(world.gw.gwd, both + [
            ("virtualGateways", {"RoutingDomainID": self.rdid, "VirtualSubnetID": self.gateway_vsid, "MACAddress": self.mac,
                                 "CustomerAddress": GATEWAY, "PrefixLength": 29,
                                 "CustomerAddressV6": self.v6 + ":ff::2", "PrefixLengthV6": 64}),
            ("ports", {"Interface": self.port, "MACAddress": self.mac, "VirtualSubnetID": self.gateway_vsid,
                       "AllowForwarding": True})])

    @property
    def port(self):
        return "gwo%d" % self.gateway_vsid

    @property
    def exit(self):
        return "gwe%d" % self.gateway_vsid

    def route(self, vsid, prefix, hop=None):
        return {"RoutingDomainID": self.rdid, "VirtualSubnetID": vsid, "DestinationPrefix": prefix,
                "NextHop": hop or ("::" if ":" in prefix else "0.0.0.0"), "Metric": 0}

    def record(self, vsid, ca, pa, mac):
        r = {"VirtualSubnetID": vsid, "CustomerAddress": ca, "ProviderAddress": pa, "MACAddress": mac}
        if self.world.encapsulation:
            r["Encapsulation"] = self.world.encapsulation
        return r

    def vm(self, number=1, **kw):
        """NAMEn with 10.0.1.(10 + n), on h1."""
        mac = "02:0a:00:%02x:00:%02x" % (self.number, number)
        addresses = ["10.0.1.%d" % (10 + number), "%s:1::%x" % (self.v6, 10 + number)]
        v = self.world.h1.vm("%s%d" % (self.name, number), mac, self.vsid, addresses, **kw)
        records = [("lookupRecords", self.record(self.vsid, a, HOST_PA, mac)) for a in addresses]
        for h in (self.world.h1, self.world.gw):
            batch(h.gwd, records)
        v.default_routes("10.0.1.1", self.v6 + ":1::1")
        self.vms.append(v)
        return v

    def public(self, prefix, first=0, count=0):
        """The gateway takes what comes to it for this tenant."""
        prefix = prefix if "/" in prefix else prefix + ("/128" if ":" in prefix else "/32")
        batch(self.world.gw.gwd, [("publicAddresses", {"PublicPrefix": prefix, "FirstPort": first, "PortCount": count,
                                                       "RoutingDomainID": self.rdid})])

    def nat(self, kind, address, customer, protocol="All", port=0, count=0, customer_port=0, idle=0):
        customer = customer if "/" in customer else customer + "/32"
        batch(self.world.gw.gwd, [("natRules", {
            "RoutingDomainID": self.rdid, "Type": kind, "Protocol": protocol, "PublicAddress": address, "PublicPort": port,
            "CustomerPrefix": customer, "PortCount": count, "CustomerPort": customer_port, "IdleTimeout": idle})])

    def without(self, kind, which=lambda p: True):
        """Deletes the tenant's records of this kind from the gateway."""
        gone = ["%s/%s" % (kind, i) for i, p in objects(self.world.gw.gwd, kind).items()
                if p.get("RoutingDomainID") == self.rdid and which(p)]
        batch(self.world.gw.gwd, deletes=gone)
        return gone

    def state(self):
        return objects(self.world.gw.gwd, "virtualGateways")[self.rdid]

    def ready(self, deadline=10):
        def probe():
            s = self.state()
            if s.get("state") != "Ready":
                raise Failed("%s" % s)
            return True
        eventually(probe, "the virtual gateway of %s is ready" % self.name, deadline)
        return self

    def run(self, argv, **kw):
        """Within its VRF."""
        argv = argv.split() if isinstance(argv, str) else argv
        return run(["nsenter", "--net=/run/netns/" + self.vrf] + argv, **kw)

    def ruleset(self):
        return self.run("nft list ruleset").stdout

    def flows(self):
        """Lines of the VRF's connection tracking."""
        return [line for line in self.run("conntrack -L", ok=None).stdout.splitlines() if line]


def objects(gwd, kind):
    """{id: properties} of a node's records of a kind."""
    found, path = {}, BASE + "/hnv/" + kind
    while path:
        r = gwd.request("GET", path)
        equal(r.status, 200, "GET %s (%s)" % (path, r.body[:300]))
        page = r.json()
        found.update({o["resourceId"]: o["properties"] for o in page["value"]})
        path = page.get("nextLink")
    return found


def wait_ready(world, deadline=20):
    """All of them at once: with many tenants one list is much less than one for each."""
    def probe():
        found = objects(world.gw.gwd, "virtualGateways")
        bad = [found[t.rdid] for t in world.tenants if found[t.rdid].get("state") != "Ready"]
        if bad:
            raise Failed("%d are not, one of them: %s" % (len(bad), bad[0]))
        return True
    eventually(probe, "the virtual gateways are ready", deadline)


def trace_of(world):
    """Where packets went, for messages."""
    return json.dumps({"drops": world.gw.gwd.drops(), "outcomes": world.gw.gwd.outcomes()})


def leftovers(world):
    """What of VRFs is there on the gateway."""
    spaces = [n for n in os.listdir("/run/netns") if n.startswith("gwd-")]
    links = [x["ifname"] for x in world.gw.netns.ip_json("link show") if x["ifname"].startswith(("gwo", "gwe", "gwc"))]
    return spaces + links


def gone(world, deadline=10):
    """Waits until nothing of any tenant is left there."""
    eventually(lambda: not leftovers(world), "no namespace and no link of a VRF is left", deadline)
    require(not leftovers(world), "they stay away")
