"""What has been asked for, and which packets must pass because of it: the oracle. It is written from what the manual says of the provider
API, and knows nothing of records, maps and rulesets, nor of what gwd says of itself; of the controller it only hears which block of
ports a front end was given, which is left to chance.
"""
import copy
import ipaddress
from collections import namedtuple

from probes import TCP, UDP, Source, Way, fits

TENANTS, SLOTS, SUBNETS, OWN_ADDRESSES = 4, 3, 3, 8
ALL = "All"
PORTS = (7000, 7001)  # where everybody listens
FAR = "198.51.100.10"
SHARED = {"shared0": "203.0.113.5", "shared1": "203.0.113.6"}
BLOCK = 1024
PLANT, SITE = "172.20.0.1", "172.30.0.1"  # behind the connections of every tenant; at the site there is nobody
OWN = {"own%d" % i: "203.0.113.%d" % (32 + i) for i in range(OWN_ADDRESSES)}
IP = {**SHARED, **OWN}

# Whom it translates, of which protocol, and to what.
Outbound = namedtuple("Outbound", "prefix protocol source")
# What comes to this place goes to that NIC; port 0: all of them, and each to itself.
Inbound = namedtuple("Inbound", "address protocol port nic to_port")


class Nic:
    """`generation`: another one can have nothing to do with flows of this one."""

    def __init__(self, tenant, slot, subnet, address, generation):
        self.tenant, self.slot, self.subnet, self.address, self.generation = tenant, slot, subnet, address, generation
        self.attached = True
        self.public = None  # name of an address of its own
        self.pool = None  # that it has joined by itself

    @property
    def key(self):
        return self.tenant, self.slot

    @property
    def name(self):
        return "t%dv%d" % self.key


class Plant:
    """Who is behind a tenant's connection to a physical network."""
    attached, address = True, PLANT

    def __init__(self, tenant):
        self.tenant = tenant

    @property
    def key(self):
        return "plant", self.tenant


class Balancer:
    def __init__(self):
        self.frontends = {}  # name: name of the address
        self.pools = {}  # name: subnets
        self.outbound = {}  # name: (front ends, pool, protocol)
        self.inbound = {}  # name: (front end, protocol, port, slot, port of the VM or None)

    def copy(self):
        return copy.deepcopy(self)


class Tenant:
    def __init__(self, number):
        self.number = number
        self.subnets = set()  # empty: it has no network
        self.nvgre = False
        self.gateway = 0  # its generation; 0: it has none
        self.plant = self.site = 0  # generations of its connections; 0: it has none
        self.balancer = None

    @property
    def name(self):
        return "t%d" % self.number

    def connections(self):
        return bool(self.plant) + bool(self.site)


class Model:
    def __init__(self):
        self.tenants = [Tenant(n) for n in range(TENANTS)]
        self.nics = {}  # key: Nic
        self.own = set()  # names of own addresses that there are
        self.blocks = {}  # (tenant's number, front end): first port, as the controller says
        self.ticks = 0

    def tick(self):
        self.ticks += 1
        return self.ticks

    def nics_of(self, tenant, attached=False):
        return [n for n in self.nics.values() if n.tenant == tenant.number and (n.attached or not attached)]

    def uses(self, address):
        """{number of the tenant: what there uses it}"""
        found = {}
        for t in self.tenants:
            for name, where in t.balancer.frontends.items() if t.balancer else ():
                if where == address:
                    found.setdefault(t.number, []).append(name)
        for n in self.nics.values():
            if n.public == address:
                found.setdefault(n.tenant, []).append(n)
        return found

    # --- translation --------------------------------------------------------------------------------------------------

    def source(self, tenant, frontend):
        address = tenant.balancer.frontends[frontend]
        if address in OWN:
            return Source(OWN[address], 0, 0)
        return Source(SHARED[address], self.blocks[tenant.number, frontend], BLOCK)

    def outbound(self, tenant):
        """All of the tenant's, whoever there is for them."""
        found = [Outbound(ipaddress.ip_network(n.address), ALL, Source(OWN[n.public], 0, 0))
                 for n in self.nics_of(tenant) if n.public]
        for frontends, pool, protocol in tenant.balancer.outbound.values() if tenant.balancer else ():
            members = [ipaddress.ip_network("10.0.%d.0/24" % s) for s in tenant.balancer.pools[pool]]
            members += [ipaddress.ip_network(n.address) for n in self.nics_of(tenant) if n.pool == pool]
            found += [Outbound(m, protocol, self.source(tenant, f)) for m in members for f in frontends]
        return found

    def inbound(self, tenant):
        found = [Inbound(OWN[n.public], ALL, 0, n.key, 0) for n in self.nics_of(tenant) if n.public]
        for frontend, protocol, port, slot, to_port in tenant.balancer.inbound.values() if tenant.balancer else ():
            found.append(Inbound(IP[tenant.balancer.frontends[frontend]], protocol, port, (tenant.number, slot), to_port or port))
        return found

    def leaves_as(self, nic, protocol):
        """Whom others see: by the longest prefix that has a rule for the protocol, there by one that is for it alone; empty: it cannot."""
        tenant = self.tenants[nic.tenant]
        if not (tenant.gateway and nic.attached):
            return frozenset()
        mine = [o for o in self.outbound(tenant) if ipaddress.ip_address(nic.address) in o.prefix and o.protocol in (ALL, protocol)]
        longest = max((o.prefix.prefixlen for o in mine), default=0)
        mine = [o for o in mine if o.prefix.prefixlen == longest]
        return frozenset(o.source for o in [o for o in mine if o.protocol == protocol] or mine)

    def comes_to(self, address, protocol, port):
        """The NIC and its port that a public place leads to, or None."""
        for tenant in self.tenants:
            for i in self.inbound(tenant) if tenant.gateway else ():
                nic = self.nics.get(i.nic)
                if i.address == address and i.protocol in (ALL, protocol) and i.port in (0, port) and nic and nic.attached:
                    return nic, i.to_port if i.port else port
        return None

    # --- what must become of a packet ----------------------------------------------------------------------------------

    def way(self, nic, address, port, protocol):
        """Of one that a VM sends (`nic`), or far does (None); None: it must come to nobody."""
        if nic and not nic.attached:
            return None
        if isinstance(nic, Plant) or address in (PLANT, SITE):
            return self.by_connection(nic, address, port)
        if nic and ipaddress.ip_address(address) in ipaddress.ip_network("10.0.0.0/16"):
            for other in self.nics_of(self.tenants[nic.tenant], attached=True):
                if other.address == address and port in PORTS:
                    return Way(other.key, port, frozenset([Source(nic.address, 0, 0)]))
            return None
        seen = frozenset([Source(FAR, 0, 0)]) if nic is None else self.leaves_as(nic, protocol)
        if address == FAR:
            return Way("far", port, seen) if seen and port in PORTS else None
        there = self.comes_to(address, protocol, port)
        if not there or there[1] not in PORTS:
            return None
        other, to_port = there
        if nic and other.tenant == nic.tenant:  # from inside it is the virtual gateway that asks
            return Way(other.key, to_port, None) if self.tenants[nic.tenant].gateway else None
        return Way(other.key, to_port, seen) if seen else None

    def by_connection(self, nic, address, port):
        """Nothing is translated on it, and nobody else's is known there."""
        tenant = self.tenants[nic.tenant]
        if not (tenant.gateway and tenant.plant) or address == SITE or port not in PORTS:
            return None
        if address == PLANT:
            return Way(("plant", nic.tenant), port, frozenset([Source(nic.address, 0, 0)]))
        for other in self.nics_of(tenant, attached=True):
            if other.address == address:
                return Way(other.key, port, frozenset([Source(PLANT, 0, 0)]))
        return None

    def lives(self, flow):
        """
        Whether a flow that was opened earlier must go on (True), must have ended (False), or may do either (None): it does as long as
        both of its ends are the same, and the rules that began it are there, whatever else has changed.
        """
        lives = self.goes_on(flow)
        if lives is False and flow.protocol == UDP:  # its next datagram may begin another one
            nic = self.nics[flow.nic.key] if flow.nic else None
            return None if self.way(nic, flow.address, flow.port, UDP) else False
        return lives

    def goes_on(self, flow):
        for key, generation in flow.ends.items():
            if key not in self.nics or self.nics[key].generation != generation:
                return None
            if not self.nics[key].attached:
                return None
        for number, generation in flow.gateways.items():
            if self.tenants[number].gateway != generation:
                return False if not self.tenants[number].gateway else None
        if flow.leaves:
            nic, tenant = self.nics[flow.leaves], self.tenants[flow.leaves[0]]
            if not any(ipaddress.ip_address(nic.address) in o.prefix and o.protocol in (ALL, flow.protocol) and
                       fits([o.source], *flow.seen) for o in self.outbound(tenant)):
                return False
        if flow.comes:
            if not any(i.address == flow.address and i.protocol in (ALL, flow.protocol) and i.port in (0, flow.port) and
                       i.nic == flow.comes[0] and (not i.port or i.to_port == flow.comes[1])
                       for i in self.inbound(self.tenants[flow.comes[0][0]])):
                return False
        return True

    # --- what is tried -----------------------------------------------------------------------------------------------

    def questions(self, rng):
        """[(NIC or None for far, address, port, protocol, way)]: all that are few, and some of the many."""
        asked = []
        there = {n.address for n in self.nics.values()}
        places = sorted({(i.address, i.port or PORTS[0]) for t in self.tenants for i in self.inbound(t)})
        for nic in sorted(self.nics.values(), key=lambda n: n.key):
            mine = {n.address for n in self.nics_of(self.tenants[nic.tenant])}
            asked += [(nic, a, rng.choice(PORTS), rng.choice((UDP, TCP))) for a in sorted(mine - {nic.address})]
            # Somebody else's, who is not known here.
            asked += [(nic, a, PORTS[0], UDP) for a in rng.sample(sorted(there - mine), min(2, len(there - mine)))]
            asked += [(nic, FAR, PORTS[0], protocol) for protocol in (UDP, TCP)]
            asked += [(nic, PLANT, PORTS[0], protocol) for protocol in (UDP, TCP)] + [(nic, SITE, PORTS[0], TCP)]
            asked += [(Plant(nic.tenant), nic.address, rng.choice(PORTS), protocol) for protocol in (UDP, TCP)]
            for address, port in rng.sample(places, min(2, len(places))):
                there_ = self.comes_to(address, TCP, port) or self.comes_to(address, UDP, port)
                if not there_ or there_[0] is not nic:
                    asked.append((nic, address, port, rng.choice((UDP, TCP))))
        for address, port in places:
            asked += [(None, address, port, protocol) for protocol in (UDP, TCP)]
        for address in sorted(IP.values()):
            asked.append((None, address, rng.choice((PORTS[0], 80, 81, 443, 2000, 30000, 60000)), rng.choice((UDP, TCP))))
        ways = [(*q, self.way(*q)) for q in asked]
        return [(nic, address, port, protocol if way or not self.may_wait(nic, address) else TCP, way)
                for nic, address, port, protocol, way in ways]

    @staticmethod
    def may_wait(nic, address):
        """
        A VM's own kernel keeps a datagram for some seconds while nobody answers for the next hop, and sends it when somebody comes
        there; of a connection it keeps nothing that would tell whose it was.
        """
        if isinstance(nic, Plant):
            return True
        return nic is not None and (not nic.attached or address.rpartition(".")[0] == nic.address.rpartition(".")[0])
