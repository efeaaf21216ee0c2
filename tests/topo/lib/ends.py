"""The other sides of connections of virtual gateways, as the Linux kernel makes them: a host of each tenant by a cable, in a VLAN,
behind a GRE tunnel. Of one kind all tenants' hosts have the same addresses.

    number N: the connection has 10.70+N.0.2 and fd70:N::2, the host 10.70+N.0.1 and fd70:N::1, and behind that PLANT and PLANT6
"""
import json
import os

from lib import traffic
from lib.case import Failed, Skip, eventually
from lib.gateway import OUT, batch, objects
from lib.net import Netns

PLANT, PLANT6 = "172.20.0.1", "fd72::1"
SITE = "198.51.101.2"
OUTER = 28  # of a packet in a tunnel with a key: outer IPv4, GRE


class End:
    """What the traffic functions want to know of a VM."""

    def __init__(self, name, netns, addresses=(PLANT, PLANT6)):
        self.name, self.netns, self.addresses = name, netns, list(addresses)
        self.v4, self.v6 = self.addresses


class Kind:
    """A kind of connection and its hosts, by the names of their tenants in `ends`."""

    mtu = 1500

    def __init__(self, name, number):
        self.name, self.number, self.ends = name, number, {}
        self.own, self.host = ["10.7%d.0.%d" % (number, n) for n in (2, 1)]
        self.own6, self.host6 = ["fd70:%d::%d" % (number, n) for n in (2, 1)]

    # --- its hosts; each kind says more of it ---------------------------------------------------------------------------

    def look(self):
        """Raises Skip where the kernel lacks what the hosts need."""

    def make(self, w):
        """Hosts for all tenants of the world."""
        for t in w.tenants:
            netns = w.namespace(self.name + t.name)
            netns.sysctl("net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
            self.ends[t.name] = End("%s of %s" % (self.name, t.name), netns)
            self.connect(w, t, netns)
            self.equip(netns)

    def connect(self, w, t, netns):
        """Makes the host's eth0."""
        raise NotImplementedError

    def hops(self):
        """How its routes lead to the gateway."""
        return "via " + self.own, "via " + self.own6

    def equip(self, netns):
        netns.ip("link set dev eth0 up")
        for a in (self.host + "/24", self.host6 + "/64 nodad"):
            netns.ip("addr add %s dev eth0" % a)
        self.occupy(netns)

    def occupy(self, netns):
        """It has what is behind it, and speaks from there."""
        hop, hop6 = self.hops()
        netns.ip("addr replace %s/32 dev lo" % PLANT)
        netns.ip("addr replace %s/128 dev lo nodad" % PLANT6)
        netns.ip("route replace default %s dev eth0 src %s" % (hop, PLANT))
        netns.ip("-6 route replace default %s dev eth0 src %s" % (hop6, PLANT6))

    @staticmethod
    def vacate(netns):
        netns.ip("addr del %s/32 dev lo" % PLANT)
        netns.ip("addr del %s/128 dev lo" % PLANT6)

    # --- on the gateway -------------------------------------------------------------------------------------------------

    def wire(self, t):
        """Its interface."""
        raise NotImplementedError

    def properties(self, t):
        raise NotImplementedError

    def squeeze(self, w, mtu):
        """Connections of this kind have another MTU, on this side only."""
        for dev in sorted({self.wire(t) for t in w.tenants}):
            w.gw.netns.ip("link set dev %s mtu %d" % (dev, mtu))

    def ident(self, t):
        return "3333333%d-0000-0000-0000-%012d" % (self.number, t.number + 1)

    def connection(self, t, **more):
        return [("connections", dict(self.properties(t), ConnectionID=self.ident(t), RoutingDomainID=t.rdid, **more))]

    def records(self, t, metric=10, **more):
        """All that makes a connection, with the routes to its host."""
        of = {"ConnectionID": self.ident(t), "RoutingDomainID": t.rdid}
        found = self.connection(t, **more)
        for address, length, peer in ((self.own, 24, False), (self.own6, 64, False), (self.host, 32, True), (self.host6, 128, True)):
            found.append(("connectionAddresses", dict(of, Address=address, PrefixLength=length, Peer=peer)))
        for prefix, hop in (("172.20.0.0/16", self.host), ("fd72::/64", self.host6)):
            found.append(("connectionRoutes", dict(of, DestinationPrefix=prefix, NextHop=hop, Metric=metric)))
        return found

    def told(self, w, t):
        return objects(w.gw.gwd, "connections")[self.ident(t)]

    def connect_all(self, w, metric=10, tenants=None):
        for t in tenants or w.tenants:
            batch(w.gw.gwd, self.records(t, metric))
        self.is_so(w, "Connected", tenants)

    def is_so(self, w, state, tenants=None, deadline=20):
        for t in tenants or w.tenants:
            def probe(t=t):
                told = self.told(w, t)
                if told.get("connectionState") != state:
                    raise Failed("%s" % told)
                return True
            eventually(probe, "%s's connection by %s is %s" % (t.name, self.name, state), deadline)


class Cable(Kind):
    """Untagged: each tenant has an interface of the gateway for itself. Any kernel has that."""

    def connect(self, w, t, netns):
        w.gw.netns.veth(self.wire(t), netns, "eth0")
        w.gw.netns.ip("link set dev %s up" % self.wire(t))

    def wire(self, t):
        return "seg%d%s" % (self.number, t.name)

    def properties(self, t):
        return {"Type": "L3", "Interface": self.wire(t)}


class Vlan(Kind):
    """VLANs 70, 71, ... of one cable, seg0: VLAN devices of the kernel."""

    def look(self):
        needs("VLAN", "ip link add link v0 name x0 type vlan id 7")

    def make(self, w):
        w.plant = w.namespace("plant")
        w.gw.netns.veth("seg0", w.plant, "trunk")
        w.gw.netns.ip("link set dev seg0 up")
        w.plant.ip("link set dev trunk up")
        super().make(w)

    def connect(self, w, t, netns):
        w.plant.ip("link add link trunk name v%d type vlan id %d" % (self.vlan(t), self.vlan(t)))
        w.plant.ip("link set dev v%d netns %s name eth0" % (self.vlan(t), netns.name))

    @staticmethod
    def vlan(t):
        return 70 + t.number

    def wire(self, t):
        return "seg0"

    def properties(self, t):
        return {"Type": "L3", "Interface": "seg0", "VlanID": self.vlan(t)}


class Gre(Kind):
    """Keys 7, 8, ... between the gateway and one site: gre devices of the kernel, each in its tenant's namespace."""

    mtu = 1500 - OUTER

    def look(self):
        needs("GRE", "ip link add x0 type gre local 192.0.2.1 remote 192.0.2.2 key 7")

    def make(self, w):
        w.site, isp = w.namespace("site"), w.isp.netns
        isp.veth("site0", w.site, "eth1")
        isp.ip("link set dev site0 up")
        isp.ip("addr add 198.51.101.1/24 dev site0")
        w.site.ip("link set dev eth1 up")
        w.site.ip("addr add %s/24 dev eth1" % SITE)
        w.site.ip("route add default via 198.51.101.1")
        super().make(w)

    def connect(self, w, t, netns):
        self.tunnel(w, t, netns, "")

    def tunnel(self, w, t, netns, options):
        key = self.key(t)
        w.site.ip("link add g%d type gre local %s remote %s key %d ttl 64 tos inherit %s" % (key, SITE, OUT, key, options))
        w.site.ip("link set dev g%d netns %s name eth0 mtu %d" % (key, netns.name, self.mtu))

    def again(self, w, t, options=""):
        """The host's end of the tunnel is another one."""
        netns = self.ends[t.name].netns
        netns.ip("link del dev eth0")
        self.tunnel(w, t, netns, options)
        self.equip(netns)

    def hops(self):
        return "", ""

    @staticmethod
    def key(t):
        return 7 + t.number

    def wire(self, t):
        return "out0"

    def squeeze(self, w, mtu):
        w.gw.netns.ip("link set dev out0 mtu %d" % (mtu + OUTER))

    def properties(self, t):
        return {"Type": "GRE", "DestinationAddress": SITE, "Key": self.key(t)}


class Untagged(Cable):
    """The untagged subnet of the cable that has the VLANs: one tenant's, whose host is the plant itself."""

    def make(self, w):
        w.plant.ip("link set dev trunk up")
        for a in (self.host + "/24", self.host6 + "/64 nodad"):
            w.plant.ip("addr add %s dev trunk" % a)
        for family, hop in (("", self.own), ("-6 ", self.own6)):
            w.plant.ip("%sroute add default via %s" % (family, hop))
        self.ends = {w.tenants[0].name: End(self.name, w.plant, [self.host, self.host6])}

    def wire(self, t):
        return "seg0"


def needs(what, command):
    """Tries it in a namespace with a link v0. The kernel that ships has it."""
    n = Netns("needs")
    try:
        n.ip("link add v0 type veth peer name v1")
        p = n.run(command, ok=None)
    finally:
        n.delete()
    if p.returncode:
        raise (Failed if os.environ.get("GW_TEST_INSIDE") else Skip)("the kernel makes no %s devices: %s" % (what, p.stderr.strip()))


# --- what a host sees, and what it does not say any more --------------------------------------------------------------------

def watch(end, senders):
    """Counts what arrives from there; heard() tells."""
    rules = "\n".join("%s saddr %s counter" % ("ip6" if ":" in a else "ip", a) for a in senders)
    end.netns.run("nft -f -", stdin="table inet seen { chain in { type filter hook prerouting priority -400;\n%s\n}\n}" % rules)


def heard(end):
    """Packets of all the senders since watch()."""
    found = json.loads(end.netns.run("nft -j list table inet seen").stdout)["nftables"]
    return sum(e["counter"]["packets"] for r in found if "rule" in r for e in r["rule"]["expr"] if "counter" in e)


def silence(end):
    """Nothing of IP reaches it any more, and it answers nothing; its links stay as they are."""
    end.netns.run("nft -f -", stdin="table inet cut { chain in { type filter hook prerouting priority -300; drop;\n}\n}")


def speak(end):
    end.netns.run("nft delete table inet cut")


def reach_both(vm, end):
    """Each of them all the other's addresses."""
    traffic.reach(vm, end)
    traffic.reach(end, vm)
