"""Changes at random: each is a request, or several in one batch, and what it makes of the model. What is chosen follows from the seed and
from what has been asked for before, never from what gwd answers or how long it takes: a seed is the same list of changes again.
"""
import copy

from model import ALL, OWN, PORTS, SHARED, SLOTS, SUBNETS, Balancer, Nic
from probes import TCP, UDP

OWN_PORTS, SHARED_PORTS = (7000, 7001, 80, 81, 443), tuple(range(80, 100))


def ref(path):
    return {"resourceRef": path}


def put(path, properties):
    return {"path": path, "body": {"properties": properties}}


def gone(path):
    return {"path": path, "method": "DELETE"}


def child(name, properties):
    return {"resourceId": name, "properties": properties}


# --- bodies -----------------------------------------------------------------------------------------------------------------------

def network(name, subnets, vsid, nvgre=False):
    return put("/virtualNetworks/" + name, {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "encapsulationMethod": "NVGRE" if nvgre else "VXLAN",
        "subnets": [child("s%d" % s, {"addressPrefix": "10.0.%d.0/24" % s, "isolationId": vsid + s}) for s in sorted(subnets)]})


def interface(name, number, owner, subnet, address, attached=True, public=None, pool=None):
    configuration = {"subnet": ref("/virtualNetworks/%s/subnets/s%d" % (owner, subnet)), "privateIPAddress": address,
                     "privateIPAllocationMethod": "Static"}
    if public:
        configuration["publicIPAddress"] = ref("/publicIPAddresses/" + public)
    if pool:
        configuration["loadBalancerBackendAddressPools"] = [ref("/loadBalancers/%s/backendAddressPools/%s" % (owner, pool))]
    properties = {"privateMacAddress": "0200000A%04X" % number, "privateMacAllocationMethod": "Static",
                  "ipConfigurations": [child("c", configuration)]}
    if attached:
        properties.update(server=ref("/servers/gw"), hostInterface=name)
    return put("/networkInterfaces/" + name, properties)


def gateway(name):
    return put("/virtualGateways/" + name, {"virtualNetwork": ref("/virtualNetworks/" + name), "gatewayPools": [ref("/gatewayPools/all")]})


def connection(name, which, properties):
    return put("/virtualGateways/%s/networkConnections/%s" % (name, which), properties)


def to_plant(name, number, kilobits):
    """The interface that leads there is that of an address which the server has in the subnet."""
    properties = {"connectionType": "L3", "l3Configuration": {"vlanSubnet": ref("/logicalNetworks/plants/subnets/p%d" % number)},
                  "ipAddresses": [{"ipAddress": "10.70.0.2", "prefixLength": 24}], "peerIPAddresses": ["10.70.0.1"],
                  "routes": [{"destinationPrefix": "172.20.0.0/16", "metric": 10}]}
    if kilobits:
        properties.update(outboundKiloBitsPerSecond=kilobits, inboundKiloBitsPerSecond=kilobits)
    return connection(name, "plant", properties)


def to_site(name, key):
    return connection(name, "site", {
        "connectionType": "GRE", "destinationIPAddress": "198.51.100.77", "greConfiguration": {"greKey": key},
        "ipAddresses": [{"ipAddress": "10.254.0.1", "prefixLength": 30}], "routes": [{"destinationPrefix": "172.30.0.0/16"}]})


def balancer(name, b):
    own = "/loadBalancers/" + name

    def fronts(names):
        return [ref(own + "/frontendIPConfigurations/" + f) for f in names]

    inbound = []
    for rule, (frontend, protocol, port, slot, to_port) in sorted(b.inbound.items()):
        properties = {"frontendIPConfigurations": fronts([frontend]), "protocol": protocol,
                      "backendIPConfiguration": ref("/networkInterfaces/%sv%d/ipConfigurations/c" % (name, slot))}
        properties.update({key: value for key, value in (("frontendPort", port), ("backendPort", to_port)) if value})
        inbound.append(child(rule, properties))
    return put(own, {
        "frontendIPConfigurations": [child(f, {"publicIPAddress": ref("/publicIPAddresses/" + a)}) for f, a in sorted(b.frontends.items())],
        "backendAddressPools": [child(p, {"subnets": [ref("/virtualNetworks/%s/subnets/s%d" % (name, s)) for s in sorted(subnets)]})
                                for p, subnets in sorted(b.pools.items())],
        "outboundNatRules": [child(rule, {"frontendIPConfigurations": fronts(names), "protocol": protocol,
                                          "backendAddressPool": ref("%s/backendAddressPools/%s" % (own, pool))})
                             for rule, (names, pool, protocol) in sorted(b.outbound.items())],
        "inboundNatRules": inbound})


def address(name):
    if name in SHARED:
        return put("/publicIPAddresses/" + name, {"ipAddress": SHARED[name], "publicIPAllocationMethod": "Static", "shared": True,
                                                  "portBlockSize": 1024})
    return put("/publicIPAddresses/" + name, {"ipAddress": OWN[name], "publicIPAllocationMethod": "Static"})


# --- changes ----------------------------------------------------------------------------------------------------------------------

class Change:
    """What is asked for, in words, and what it does to the model once it is answered."""

    def __init__(self, what, elements, then, refused=False):
        self.what, self.elements, self.then, self.refused = what, elements, then, refused


class Changes:
    def __init__(self, model, rng):
        self.m, self.rng = model, rng
        self.kinds = {}
        self.choices = [self.nic] * 5 + [self.one_to_one] * 2 + [self.rule] * 6 + [self.frontend] * 2 + [self.pool] * 2 + \
            [self.subnets] * 2 + [self.gateway] * 2 + [self.address] * 2 + [self.plant] * 3 + [self.site, self.leave, self.refused]

    def next(self):
        while True:
            tenant = self.rng.choice(self.m.tenants)
            kind = self.come if not tenant.subnets else self.rng.choice(self.choices)
            change = kind(tenant)
            if change:
                name = kind.__name__
                self.kinds[name] = self.kinds.get(name, 0) + 1
                return change

    # --- a tenant as a whole

    def vsid(self, t):
        return 5001 + 10 * t.number

    def come(self, t):
        """With a network, NICs, and most of the time a way out."""
        m, after = self.m, copy.deepcopy(t)
        after.subnets, after.nvgre = set(self.rng.sample(range(SUBNETS), self.rng.randint(1, 2))), self.rng.random() < 0.5
        elements, nics = [network(t.name, after.subnets, self.vsid(t), after.nvgre)], []
        for slot in sorted(self.rng.sample(range(SLOTS), self.rng.randint(1, SLOTS))):
            subnet = self.rng.choice(sorted(after.subnets))
            nics.append(Nic(t.number, slot, subnet, "10.0.%d.%d" % (subnet, 10 + slot), m.tick()))
            elements.append(self.body_of(nics[-1]))
        if self.rng.random() < 0.8:
            after.gateway = m.tick()
            after.balancer = Balancer()
            after.balancer.frontends["f0"] = self.rng.choice(sorted(SHARED))
            after.balancer.pools["p0"] = set(after.subnets)
            after.balancer.outbound["o0"] = (("f0",), "p0", ALL)
            elements += [gateway(t.name), balancer(t.name, after.balancer)]

        def then():
            m.tenants[t.number] = after
            m.nics.update({n.key: n for n in nics})
        return Change("%s comes, with %s%s" % (t.name, ", ".join("%s %s" % (n.name, n.address) for n in nics),
                                               " and a way out" if after.gateway else ""), elements, then)

    def leave(self, t):
        if self.rng.random() < 0.6:
            return None
        return self.without(t)

    def without(self, t):
        """All of it goes in one batch, which has no order."""
        m = self.m
        nics = m.nics_of(t)
        elements = [gone("/networkInterfaces/" + n.name) for n in nics] + [gone("/virtualNetworks/" + t.name)]
        elements += [gone("/virtualGateways/" + t.name)] * bool(t.gateway) + [gone("/loadBalancers/" + t.name)] * bool(t.balancer)

        def then():
            for n in nics:
                del m.nics[n.key]
            m.tenants[t.number] = type(t)(t.number)
        return Change("%s leaves with all that it has" % t.name, elements, then)

    def refused(self, t):
        """What would break something: it changes nothing."""
        m, choices = self.m, []
        used = sorted(a for a in m.own if m.uses(a))
        nics = sorted(m.nics_of(t), key=lambda n: n.key)
        if used:
            name = self.rng.choice(used)
            choices.append(("address %s goes, which is in use" % OWN[name], [gone("/publicIPAddresses/" + name)]))
        if nics:
            choices.append(("the network of %s goes, in which there are NICs" % t.name, [gone("/virtualNetworks/" + t.name)]))
        if len(nics) > 1:
            other = copy.copy(nics[0])
            other.address, other.subnet = nics[1].address, nics[1].subnet
            choices.append(("%s moves to %s, which is %s's" % (other.name, other.address, nics[1].name), [self.body_of(other)]))
            # All or nothing: what is good of it must not come either.
            choices.append(("%s goes, and at the same time address %s, which is nobody's to take twice" % (nics[1].name, nics[0].address),
                            [gone("/virtualGateways/" + t.name), self.body_of(other)]))
        if not choices:
            return None
        what, elements = self.rng.choice(choices)
        return Change(what, elements, lambda: None, refused=True)

    # --- NICs

    def body_of(self, n):
        return interface(n.name, 16 * n.tenant + n.slot, "t%d" % n.tenant, n.subnet, n.address, n.attached, n.public, n.pool)

    def leads_to(self, t, slot):
        return [r for r, rule in t.balancer.inbound.items() if rule[3] == slot] if t.balancer else []

    def nic(self, t):
        """It comes, goes, moves, or is unplugged."""
        m, slot = self.m, self.rng.randrange(SLOTS)
        key = t.number, slot
        old = m.nics.get(key)
        if old and self.rng.random() < 0.3:
            if self.leads_to(t, slot):
                return None
            return Change("%s goes" % old.name, [gone("/networkInterfaces/" + old.name)], lambda: m.nics.pop(key))
        subnet = self.rng.choice(sorted(t.subnets))
        taken = {n.address for n in m.nics_of(t) if n.key != key}
        where = self.rng.choice([a for a in ("10.0.%d.%d" % (subnet, 10 + i) for i in range(6)) if a not in taken])
        new = Nic(t.number, slot, subnet, where, m.tick())
        new.attached = self.rng.random() < 0.85
        if old:
            new.public, new.pool = old.public, old.pool
            if old.address == new.address and old.attached == new.attached:
                new.generation = old.generation
        return Change("%s %s %s%s" % (new.name, "moves from %s to" % old.address if old else "comes at", new.address,
                                      "" if new.attached else ", unplugged"), [self.body_of(new)], lambda: m.nics.update({key: new}))

    def one_to_one(self, t):
        """A VM gets an address of its own, or loses it."""
        m, nics = self.m, sorted(self.m.nics_of(t), key=lambda n: n.key)
        if not nics:
            return None
        new = copy.copy(self.rng.choice(nics))
        if new.public:
            new.public = None
        else:
            free = sorted(a for a in m.own if not m.uses(a))
            if not free or new.pool:
                return None
            new.public = self.rng.choice(free)
        return Change("%s has %s" % (new.name, OWN[new.public] + " for itself" if new.public else "no address of its own any more"),
                      [self.body_of(new)], lambda: m.nics.update({new.key: new}))

    # --- networks

    def subnets(self, t):
        m, after = self.m, copy.deepcopy(t)
        used = {n.subnet for n in m.nics_of(t)} | {s for p in (t.balancer.pools.values() if t.balancer else ()) for s in p}
        free = sorted(t.subnets - used)
        if self.rng.random() < 0.3:
            after.nvgre = not t.nvgre
        elif free and len(t.subnets) > 1 and self.rng.random() < 0.5:
            after.subnets.remove(self.rng.choice(free))
        else:
            after.subnets.add(self.rng.randrange(SUBNETS))
        return Change("%s has subnets %s by %s" % (t.name, sorted(after.subnets), "NVGRE" if after.nvgre else "VXLAN"),
                      [network(t.name, after.subnets, self.vsid(t), after.nvgre)], lambda: self.take(after))

    def take(self, after):
        self.m.tenants[after.number] = after

    def gateway(self, t):
        if t.gateway and self.rng.random() < 0.6:
            return None
        after = copy.deepcopy(t)
        after.gateway = 0 if t.gateway else self.m.tick()
        after.plant = after.site = 0
        return Change("%s %s" % (t.name, "gets a virtual gateway" if after.gateway else "loses its virtual gateway"),
                      [gateway(t.name) if after.gateway else gone("/virtualGateways/" + t.name)], lambda: self.take(after))

    # --- connections

    def connect(self, t, which, element, what):
        """It comes, or what is there goes, or is another than before."""
        after = copy.deepcopy(t)
        goes = getattr(t, which) and self.rng.random() < 0.6
        setattr(after, which, 0 if goes else self.m.tick())
        if goes:
            element = gone("/virtualGateways/%s/networkConnections/%s" % (t.name, which))
        return Change("%s's connection to %s %s" % (t.name, which, "goes" if goes else what), [element], lambda: self.take(after))

    def plant(self, t):
        kilobits = self.rng.choice((0, 0, 20000, 100000))
        return self.connect(t, "plant", to_plant(t.name, t.number, kilobits), "has %s kbit/s" % (kilobits or "all")) if t.gateway else None

    def site(self, t):
        key = 10 * t.number + self.rng.randrange(3)
        return self.connect(t, "site", to_site(t.name, key), "has key %d" % key) if t.gateway else None

    # --- addresses

    def address(self, _):
        m, name = self.m, self.rng.choice(sorted(OWN))
        if name not in m.own:
            return Change("address %s comes" % OWN[name], [address(name)], lambda: m.own.add(name))
        if m.uses(name):
            return None
        return Change("address %s goes" % OWN[name], [gone("/publicIPAddresses/" + name)], lambda: m.own.remove(name))

    # --- rules

    def of_balancer(self, t, what, after):
        """The load balancer as it is to be, or None."""
        m, new = self.m, copy.deepcopy(t)
        new.balancer = after
        return Change("%s: %s" % (t.name, what), [balancer(t.name, after) if after else gone("/loadBalancers/" + t.name)],
                      lambda: m.tenants.__setitem__(t.number, new))

    def frontend(self, t):
        """One more, one less, or one at another address; with an address of its own it is the only tenant there."""
        m, after = self.m, t.balancer.copy() if t.balancer else Balancer()
        used = {f for names, _, _ in after.outbound.values() for f in names} | {rule[0] for rule in after.inbound.values()}
        idle = sorted(set(after.frontends) - used)
        if idle and self.rng.random() < 0.4:
            name = self.rng.choice(idle)
            del after.frontends[name]
            return self.of_balancer(t, "front end %s goes" % name, after)
        name = "f%d" % self.rng.randrange(3)
        mine = sorted(a for a in m.own if set(m.uses(a)) <= {t.number} and not any(n.public == a for n in m.nics_of(t)))
        where = self.rng.choice(sorted(SHARED) + mine)
        if name in after.frontends and (name in used or after.frontends[name] == where):
            return None
        after.frontends[name] = where
        return self.of_balancer(t, "front end %s is at %s" % (name, where), after)

    def pool(self, t):
        """Other members: subnets, and NICs by themselves."""
        if not t.balancer or not t.balancer.pools:
            return None
        after, m = t.balancer.copy(), self.m
        name = self.rng.choice(sorted(after.pools))
        nics = sorted((n for n in m.nics_of(t) if not n.public), key=lambda n: n.key)
        if nics and self.rng.random() < 0.5:
            new = copy.copy(self.rng.choice(nics))
            new.pool = None if new.pool else name
            return Change("%s %s" % (new.name, "joins pool " + name if new.pool else "leaves its pool"), [self.body_of(new)],
                          lambda: m.nics.update({new.key: new}))
        after.pools[name] = set(self.rng.sample(sorted(t.subnets), self.rng.randint(0, len(t.subnets))))
        return self.of_balancer(t, "pool %s has subnets %s" % (name, sorted(after.pools[name])), after)

    def rule(self, t):
        after = t.balancer.copy() if t.balancer else None
        if not after or not after.frontends:
            return self.frontend(t)
        if after.outbound and self.rng.random() < 0.2:
            name = self.rng.choice(sorted(after.outbound))
            del after.outbound[name]
            return self.of_balancer(t, "outbound rule %s goes" % name, after)
        if after.inbound and self.rng.random() < 0.25:
            name = self.rng.choice(sorted(after.inbound))
            del after.inbound[name]
            return self.of_balancer(t, "inbound rule %s goes" % name, after)
        return self.outbound(t, after) if self.rng.random() < 0.4 else self.inbound(t, after)

    def outbound(self, t, after):
        """Of two rules for one pool each protocol has one."""
        name, pool = "o%d" % self.rng.randrange(3), "p%d" % self.rng.randrange(2)
        protocol = self.rng.choice((ALL, ALL, TCP, UDP))
        rivals = [p for r, (_, where, p) in after.outbound.items() if r != name and where == pool]
        if any(ALL in (p, protocol) or p == protocol for p in rivals):
            return None
        after.pools.setdefault(pool, set(self.rng.sample(sorted(t.subnets), 1)))
        names = tuple(sorted(self.rng.sample(sorted(after.frontends), self.rng.randint(1, min(2, len(after.frontends))))))
        after.outbound[name] = (names, pool, protocol)
        return self.of_balancer(t, "outbound rule %s: %s of %s by %s" % (name, protocol, pool, ", ".join(names)), after)

    def inbound(self, t, after):
        """Of a shared address a port that is nobody's; of another one any port, or all of them."""
        m, name = self.m, "i%d" % self.rng.randrange(4)
        slots = sorted(n.slot for n in m.nics_of(t))
        if not slots:
            return None
        frontend = self.rng.choice(sorted(after.frontends))
        where = after.frontends[frontend]
        protocol = self.rng.choice((TCP, UDP) if where in SHARED else (TCP, UDP, ALL))
        port = 0 if protocol == ALL else self.rng.choice(SHARED_PORTS if where in SHARED else OWN_PORTS)
        if self.is_taken(t, after, name, frontend, protocol, port):
            return None
        to_port = None if protocol == ALL or (port in PORTS and self.rng.random() < 0.5) else self.rng.choice(PORTS)
        slot = self.rng.choice(slots)
        after.inbound[name] = (frontend, protocol, port, slot, to_port)
        return self.of_balancer(t, "inbound rule %s: %s port %d of %s to %sv%d port %s" % (
            name, protocol, port, where, t.name, slot, to_port), after)

    def is_taken(self, t, after, name, frontend, protocol, port):
        """Both protocols of a port are one front end's, and a rule for all of an address is its only one."""
        where = after.frontends[frontend]
        for other in self.m.tenants:
            b = after if other.number == t.number else other.balancer
            for rule, (f, p, n, _, _) in b.inbound.items() if b else ():
                if b.frontends[f] != where or (b is after and rule == name):
                    continue
                if ALL in (p, protocol) or (n == port and (p == protocol or (b is not after or f != frontend))):
                    return True
        return False
