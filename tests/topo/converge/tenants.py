"""Bodies of resources, and changes of them at random."""
import contextlib
import http.client
import json

from lib.case import equal, eventually, require

NETWORKS, SUBNETS, NICS, TABLES = 3, 4, 5, 2
SERVERS = ("host1", "host2")
ADDRESSES = {"host1": ("192.168.1.10", "192.168.101.10"), "host2": ("192.168.2.20", "192.168.101.20")}


def subnet(name, prefix, vsid=None, table=None):
    properties = {"addressPrefix": prefix}
    if vsid:
        properties["isolationId"] = vsid
    if table is not None:
        properties["routeTable"] = {"resourceRef": "/routeTables/t%d" % table}
    return {"resourceId": name, "properties": properties}


def network(path, space, subnets, **properties):
    return {"path": path, "body": {"properties": {"addressSpace": {"addressPrefixes": [space]}, "subnets": subnets, **properties}}}


def nic(path, where, address, server=None, interface=None, mac=None):
    properties = {"ipConfigurations": [{"resourceId": "ip", "properties": {
        "subnet": {"resourceRef": where}, "privateIPAddress": address, "privateIPAllocationMethod": "Static"}}]}
    if server:
        properties["server"] = {"resourceRef": "/servers/" + server}
    if interface:
        properties["hostInterface"] = interface
    if mac:
        properties["privateMacAddress"] = mac
    return {"path": path, "body": {"properties": properties}}


def gone(path):
    return {"path": path, "method": "DELETE"}


def server(name, second):
    """With its second provider address, or without. Nothing but what changes at random uses that."""
    ref = "/logicalNetworks/%s/subnets/%s"
    rack = "rack1" if name == "host1" else "rack2"
    addresses = [{"address": ADDRESSES[name][0], "interface": "eth1", "logicalSubnet": {"resourceRef": ref % ("provider", rack)}}]
    if second:
        addresses.append({"address": ADDRESSES[name][1], "interface": "eth1", "logicalSubnet": {"resourceRef": ref % ("second", "all")}})
    return {"path": "/servers/" + name, "body": {"properties": {"roles": ["host"], "providerAddresses": addresses}}}


class Tenants:
    """Asks for changes at random. Remembers what there is, so that nothing is asked for that would be refused."""

    def __init__(self, w, rng):
        self.w, self.rng = w, rng
        self.networks = {}  # number: {subnet: route table or None}
        self.nics = {}  # (network, number): its subnet
        self.second = dict.fromkeys(SERVERS, False)
        self.kinds = {}

    def step(self):
        """One request: a change, or several as a batch."""
        elements, paths = [], set()
        for _ in range(self.rng.choice((1, 1, 1, self.rng.randint(2, 6)))):
            kind = self.rng.choice((self.nic, self.nic, self.nic, self.nic, self.subnets, self.subnets, self.network, self.table,
                                    self.table, self.address))
            more = kind()
            if more and not {root(e["path"]) for e in more} & paths:  # a batch has no order
                self.kinds[kind.__name__] = self.kinds.get(kind.__name__, 0) + 1
                paths |= {root(e["path"]) for e in more}
                elements += more
                self.take(more)
        if elements:
            self.ask(elements)

    def take(self, elements):
        for e in elements:
            if "then" in e:
                e.pop("then")()

    def ask(self, elements):
        """Until there is an answer: what was perhaps done is asked for again."""
        def once():
            with contextlib.suppress(OSError, http.client.HTTPException):
                r = self.send(elements)
                return r if r.status != 503 else None

        r = eventually(once, "the controller answers", 60)
        require(r.status in (200, 201, 202, 204), "%s: %d %s" % (json.dumps(elements)[:600], r.status, r.body[:400]))

    def send(self, elements):
        if len(elements) > 1:
            return self.w.ask("POST", "/batch", elements)
        e = elements[0]
        return self.w.ask(e.get("method", "PUT"), e["path"], e.get("body"))

    def nic(self):
        n, i = self.rng.randrange(NETWORKS), self.rng.randrange(NICS)
        path, key = "/networkInterfaces/n%di%d" % (n, i), (n, i)
        if key in self.nics and self.rng.random() < 0.2:
            return [dict(gone(path), then=lambda: self.nics.pop(key))]
        if not self.networks.get(n):
            return None
        s = self.rng.choice(sorted(self.networks[n]))
        return [dict(nic(path, "/virtualNetworks/n%d/subnets/s%d" % (n, s), "10.0.%d.%d" % (s, 10 + i),
                         self.rng.choice((*SERVERS, *SERVERS, None)), self.rng.choice(("n%di%d" % key,) * 4 + (None,)),
                         "02AA0001%02X%02X" % key), then=lambda: self.nics.update({key: s}))]

    def used(self, n):
        return {s for (m, _), s in self.nics.items() if m == n}

    def subnets(self):
        """One more, one less, or another table; perhaps another encapsulation."""
        n, s = self.rng.randrange(NETWORKS), self.rng.randrange(SUBNETS)
        if n not in self.networks:
            return None
        then = dict(self.networks[n])
        if s in then and s not in self.used(n) and len(then) > 1 and self.rng.random() < 0.5:
            del then[s]
        else:
            then[s] = self.rng.choice((None, *range(TABLES)))
        return [self.whole(n, then)]

    def whole(self, n, subnets):
        return dict(network("/virtualNetworks/n%d" % n, "10.0.0.0/16", [
            subnet("s%d" % s, "10.0.%d.0/24" % s, 7000 + 10 * n + s, t) for s, t in sorted(subnets.items())],
            encapsulationMethod=self.rng.choice(("VXLAN", "NVGRE")), routingDomainId="%08d-0000-0000-0000-000000000001" % n),
            then=lambda: self.networks.update({n: subnets}))

    def network(self):
        """It comes, or goes with all that it has."""
        n = self.rng.randrange(NETWORKS)
        if n not in self.networks:
            return [self.whole(n, {s: None for s in range(self.rng.randint(1, SUBNETS))})]
        mine = [k for k in self.nics if k[0] == n]
        if self.rng.random() < 0.8:
            return None

        def forget():
            del self.networks[n]
            for k in mine:
                del self.nics[k]

        return [gone("/networkInterfaces/n%di%d" % k) for k in mine] + [dict(gone("/virtualNetworks/n%d" % n), then=forget)]

    def table(self):
        routes = []
        for r in self.rng.sample(range(8), self.rng.randint(0, 5)):
            properties = {"addressPrefix": "172.16.%d.0/24" % r if r else "10.0.0.0/16"}
            properties["nextHopType"] = self.rng.choice(("None", "VnetLocal", "VirtualAppliance"))
            if properties["nextHopType"] == "VirtualAppliance":
                properties["nextHopIpAddress"] = "10.0.%d.%d" % (self.rng.randrange(SUBNETS), 10 + self.rng.randrange(NICS))
            routes.append({"resourceId": "r%d" % r, "properties": properties})
        return [{"path": "/routeTables/t%d" % self.rng.randrange(TABLES), "body": {"properties": {"routes": routes}}}]

    def address(self):
        if self.rng.random() < 0.6:
            return None
        name = self.rng.choice(SERVERS)
        return [dict(server(name, not self.second[name]), then=lambda: self.second.update({name: not self.second[name]}))]

    def agree(self):
        """What there is is what was asked for."""
        there = {r["resourceRef"] for r in self.w.everything()}
        equal({p for p in there if p.startswith("/networkInterfaces/n")}, {"/networkInterfaces/n%di%d" % k for k in self.nics}, "NICs")
        equal({p for p in there if p.startswith("/virtualNetworks/n")}, {"/virtualNetworks/n%d" % n for n in self.networks}, "networks")

    def leave(self):
        elements = [gone("/networkInterfaces/n%di%d" % k) for k in self.nics] + [gone("/virtualNetworks/n%d" % n) for n in self.networks]
        if elements:
            self.ask(elements)
        self.networks, self.nics = {}, {}


def root(path):
    return "/".join(path.split("/")[:3])
