#!/usr/bin/env python3
"""
kill -9 at random moments among random requests of several clients (API-1, ADDR-1, ADDR-3): what was acknowledged is there,
what was not is there as a whole or not at all, values are taken once and the pools count them, and the feed of changes has no gap.
Requests make, change and delete networks with their subnets and groups, single subnets, network interfaces, public addresses
and credentials, alone and several in a batch.

GW_TEST_ROUNDS and GW_TEST_REQUESTS make it longer: `make test-crash` is 50 rounds. GW_TEST_SEED repeats the choices of one that failed.
"""
# time-limit: 1800
import http.client
import json
import os
import random
import sqlite3
import threading

import world
from lib import case
from lib.case import equal, require

ROUNDS = int(os.environ.get("GW_TEST_ROUNDS", "5"))
REQUESTS = int(os.environ.get("GW_TEST_REQUESTS", "2000"))
CLIENTS = 4
NAMES = 10  # of each kind, of each client
COLLECTIONS = ("virtualNetworks", "networkInterfaces", "publicIPAddresses", "credentials")
FABRIC = {"networkVirtualizationEnabled": True, "subnets": [{"resourceId": "pa", "properties": {
    "addressPrefix": "10.1.0.0/16", "ipPools": [{"resourceId": "groups", "properties": {
        "startIpAddress": "239.1.0.1", "endIpAddress": "239.1.3.254", "multicast": True}}]}}]}
OUTSIDE = {"networkVirtualizationEnabled": False, "subnets": [{"resourceId": "isp", "properties": {
    "addressPrefix": "198.51.100.0/24", "isPublic": True, "ipPools": [{"resourceId": "addresses", "properties": {
        "startIpAddress": "198.51.100.10", "endIpAddress": "198.51.100.99"}}]}}]}
suite = case.Suite()


def version(n, children=None):
    """What is there of a resource: the number of the change that it is from, and of each of its children."""
    return n, dict(children or {})


class Client(threading.Thread):
    """
    Changes what only it changes. known: {path: version or None}, as it was acknowledged; unsure: {path: version or None}, what would
    be there too if the request that was not answered had been carried out.
    """

    def __init__(self, controller, number, seed, requests, before=None):
        super().__init__()
        self.controller, self.number, self.requests = controller, number, requests
        self.random = random.Random(seed)
        self.known, self.count = (before.known, before.count) if before else ({}, 0)
        self.unsure, self.acknowledged, self.changes, self.trouble = {}, 0, 0, None
        self.kinds = {}

    def run(self):
        try:
            while self.acknowledged < self.requests and self.one():
                pass
        except Exception as e:  # pylint: disable=broad-except
            self.trouble = e

    def path(self, collection, i):
        return "/%s/c%d-%d" % (collection, self.number, i)

    def now(self, path, ahead):
        return ahead.get(path, self.known.get(path))

    def choose(self, ahead):
        """(path, body of a PUT or None for DELETE); `ahead` gets what is there after it, {path of a top-level resource: version}"""
        self.count += 1
        n, i = self.count, self.random.randrange(NAMES)
        kind = self.random.choice((self.network, self.network, self.subnet, self.interface, self.interface, self.interface,
                                   self.address, self.credential))
        path, body, resource, after = kind(i, n, ahead) or self.address(i, n, ahead)
        ahead[resource] = after
        return path, body

    def network(self, i, n, ahead):
        path = self.path("virtualNetworks", i)
        used = self.now(self.path("networkInterfaces", i), ahead)
        if self.now(path, ahead) and not used and self.random.random() < 0.3:
            return path, None, path, None
        # Subnets that are in use stay.
        subnets = ["s0", "s1", "s2", "s3"] if used else ["s%d" % s for s in range(self.random.randint(1, 4))]
        body = {"tags": {"n": n}, "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "logicalNetwork": {"resourceRef": "/logicalNetworks/fabric"},
            "subnets": [self.subnet_body(s, n) for s in subnets]}}
        return path, body, path, version(n, {s: n for s in subnets})

    def subnet_body(self, s, n):
        return {"resourceId": s, "tags": {"n": n}, "properties": {
            "addressPrefix": "10.0.%s.0/24" % s[1:], "broadcastMode": self.random.choice(("Multicast", "Unicast"))}}

    def subnet(self, i, n, ahead):
        """One on its own path, with what its network has beside it as it is."""
        path = self.path("virtualNetworks", i)
        now = self.now(path, ahead)
        if not now:
            return None
        s = self.random.choice(("s0", "s1", "s2", "s3"))
        children = dict(now[1])
        if s in children and not self.now(self.path("networkInterfaces", i), ahead) and self.random.random() < 0.3:
            del children[s]
            return "%s/subnets/%s" % (path, s), None, path, version(now[0], children)
        children[s] = n
        return "%s/subnets/%s" % (path, s), self.subnet_body(s, n), path, version(now[0], children)

    def interface(self, i, n, ahead):
        path, network = self.path("networkInterfaces", i), self.path("virtualNetworks", i)
        subnets = (self.now(network, ahead) or (0, {}))[1]
        if self.now(path, ahead) and (not subnets or self.random.random() < 0.3):
            return path, None, path, None
        if not subnets:
            return None
        body = {"tags": {"n": n}, "properties": {"ipConfigurations": [{"resourceId": "a", "tags": {"n": n}, "properties": {
            "subnet": {"resourceRef": "%s/subnets/%s" % (network, self.random.choice(sorted(subnets)))}}}]}}
        return path, body, path, version(n, {"a": n})

    def address(self, i, n, ahead):
        path = self.path("publicIPAddresses", i)
        if self.now(path, ahead) and self.random.random() < 0.5:
            return path, None, path, None
        return path, {"tags": {"n": n}, "properties": {"publicIPAllocationMethod": "Dynamic"}}, path, version(n)

    def credential(self, i, n, ahead):
        path = self.path("credentials", i)
        if self.now(path, ahead) and self.random.random() < 0.3:
            return path, None, path, None
        return path, {"tags": {"n": n}, "properties": {
            "type": "UsernamePassword", "userName": "n%d" % n, "value": "secret %d" % n}}, path, version(n)

    def one(self):
        """False when the daemon has gone."""
        ahead, ops = {}, []
        many = self.random.random() < 0.15
        for _ in range(self.random.randint(2, 8) if many else 1):
            then = dict(ahead)
            op = self.choose(then)
            if len(then) > len(ahead):  # a batch has no order: it names each once, alone or with what is below it
                ops.append(op)
                ahead = then
        what = "batch" if many else "DELETE" if ops[0][1] is None else "PUT"
        try:
            if many:
                r = self.controller.request("POST", world.document.PREFIX + "/batch", [
                    {"path": p, "method": "DELETE"} if b is None else {"path": p, "body": b} for p, b in ops])
            else:
                r = self.controller.request(what, world.document.PREFIX + ops[0][0], ops[0][1])
        except (OSError, http.client.HTTPException):
            self.unsure = ahead
            return False
        require(r.status in (200, 201, 202, 204), "%s: %d %s" % (ops, r.status, r.body))
        self.kinds[what] = self.kinds.get(what, 0) + 1
        self.changes += sum(self.known.get(p) != v for p, v in ahead.items())
        self.known.update(ahead)
        self.acknowledged += 1
        return True


def seen(resource):
    """The version of what is there."""
    properties = resource["properties"]
    if "userName" in properties:
        equal(properties["userName"], "n%d" % resource["tags"]["n"], "a credential is of one change")
    children = [c for v in ("subnets", "ipConfigurations") for c in properties.get(v, []) if "tags" in c]
    return version(resource["tags"]["n"], {c["resourceId"]: c["tags"]["n"] for c in children})


def verify(there, clients):
    """All that was acknowledged, and of the request that was not answered all or nothing."""
    versions = {path: seen(r) for path, r in there.items()}
    for client in clients:
        done = {**client.known, **client.unsure}
        wrong = [{path: (versions.get(path), expected) for path, expected in state.items() if versions.get(path) != expected}
                 for state in ({**dict.fromkeys(client.unsure), **client.known}, done)]
        require(not all(wrong), "client %d: lost, half, or from nowhere (what is there, expected): %s; were the last request done: %s" % (
            client.number, *wrong))
        client.known = done if wrong[0] else client.known
    strays = set(versions) - {p for c in clients for p, v in c.known.items() if v}
    equal(strays, set(), "what nobody has made")


def taken_once(controller, there):
    """Every VSID, routing domain, MAC address, group and address has one owner, and the pools count them."""
    def of(collection):
        return [r["properties"] for path, r in there.items() if path.startswith("/%s/" % collection)]

    networks, interfaces = of("virtualNetworks"), of("networkInterfaces")
    subnets = [s["properties"] for n in networks for s in n["subnets"]]
    groups = [s["multicastGroup"] for s in subnets if s["broadcastMode"] == "Multicast"]
    public = [a["ipAddress"] for a in of("publicIPAddresses")]
    addresses = [(c["properties"]["subnet"]["resourceRef"], c["properties"]["privateIPAddress"])
                 for i in interfaces for c in i["ipConfigurations"]]
    for what, values in (("VSID", [s["isolationId"] for s in subnets]), ("group", groups), ("public address", public),
                         ("routing domain", [n["routingDomainId"] for n in networks]),
                         ("MAC address", [i["privateMacAddress"] for i in interfaces]), ("address", addresses)):
        equal(len(values), len(set(values)), "%ss that several have" % what)
    for path, what, n in (("/macPools/all", "MAC", len(interfaces)),
                          ("/logicalNetworks/fabric/subnets/pa/ipPools/groups", "IP", len(groups)),
                          ("/logicalNetworks/outside/subnets/isp/ipPools/addresses", "IP", len(public))):
        usage = {k.lower(): v for k, v in controller.get(path)["properties"]["usage"].items()}
        equal(usage["numberof%saddressesallocated" % what.lower()], n, "usage of " + path)


def all_of(controller):
    """{path: resource} of the top-level ones that clients make."""
    found = {}
    for collection in COLLECTIONS:
        query = "?$top=1000"
        while query:
            status, page, _ = controller.call("GET", "/" + collection, query=query, checked=False)
            equal(status, 200, "GET /" + collection)
            found.update((r["resourceRef"], r) for r in page["value"])
            query = "?" + page["nextLink"].split("?", 1)[1] if "nextLink" in page else None
    return found


def feed_is_whole(path, changes):
    """Every revision up to the last has at least one change; the last change of each path agrees with what is there."""
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True) as db:
        last = db.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone()[0]
        revisions = [r for r, in db.execute("SELECT DISTINCT revision FROM change ORDER BY revision")]
        there = dict(db.execute("SELECT path, revision FROM resource"))
        ends = {p: (gone, r) for p, gone, r in db.execute("SELECT path, gone, revision FROM change ORDER BY number")}
        audited = db.execute("SELECT count(*) FROM audit").fetchone()[0]
    equal(revisions, list(range(1, last + 1)), "revisions in the feed")
    equal({p: r for p, (gone, r) in ends.items() if not gone}, there, "what the feed says is there, and since which revision")
    require(audited >= changes, "%d changes were acknowledged, %d are in the audit log" % (changes, audited))


g = suite.group("", lambda: None)


@g.case("%d rounds of %d requests, each ended by kill -9: nothing lost, nothing half, nothing twice" % (ROUNDS, REQUESTS))
def _(_w):
    seed = int(os.environ.get("GW_TEST_SEED", int.from_bytes(os.urandom(4), "little")))
    case.note("seed %d" % seed)
    rng = random.Random(seed)
    controller = world.Controller("crash").start()
    try:
        controller.put("/macPools/all", {"startMacAddress": "00155D000000", "endMacAddress": "00155DFFFFFF"})
        controller.put("/logicalNetworks/fabric", FABRIC)
        controller.put("/logicalNetworks/outside", OUTSIDE)
        clients = [Client(controller, i, rng.getrandbits(32), 0) for i in range(CLIENTS)]
        changes, kinds = 3, {}
        for round_ in range(ROUNDS):
            clients = [Client(controller, c.number, rng.getrandbits(32), REQUESTS // CLIENTS, c) for c in clients]
            enough = rng.randrange(REQUESTS)
            for c in clients:
                c.start()
            case.eventually(lambda: sum(c.acknowledged for c in clients) >= enough or not any(c.is_alive() for c in clients),
                            "%d requests" % enough, 120, 0.002)
            controller.kill()
            for c in clients:
                c.join()
                require(c.trouble is None, "client %d: %s" % (c.number, c.trouble))
                for what, n in c.kinds.items():
                    kinds[what] = kinds.get(what, 0) + n
            changes += sum(c.changes for c in clients)
            feed_is_whole(controller.state_dir + "/gwd.db", changes)
            controller.start()
            there = all_of(controller)
            verify(there, clients)
            taken_once(controller, there)
            case.note("round %d: killed after %d requests, %d resources" % (
                round_, sum(c.acknowledged for c in clients), len(there)))
        case.note(json.dumps(kinds))
        if ROUNDS > 2:
            equal(set(kinds), {"PUT", "DELETE", "batch"}, "requests")
    finally:
        if controller.process:
            controller.stop()


if __name__ == "__main__":
    suite.main()
