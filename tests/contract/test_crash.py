#!/usr/bin/env python3
"""
kill -9 at random moments among random requests of several clients (API-1, ADDR-1, ADDR-3): what was acknowledged is there,
what was not is there as a whole or not at all, values are taken once, and the feed of changes has no gap.

GW_TEST_ROUNDS and GW_TEST_REQUESTS make it longer.
"""
import http.client
import os
import random
import sqlite3
import threading

import world
from lib import case
from lib.case import equal, require

ROUNDS = int(os.environ.get("GW_TEST_ROUNDS", "6"))
REQUESTS = int(os.environ.get("GW_TEST_REQUESTS", "2000"))
CLIENTS = 4
NAMES = 12  # networks, and interfaces, of each client
suite = case.Suite()


class Client(threading.Thread):
    """Changes what only it changes. known: {path: what is there, as (number, body of the PUT), or None}; unsure: {path: both}."""

    def __init__(self, controller, number, seed, requests):
        super().__init__()
        self.controller, self.number, self.requests = controller, number, requests
        self.random = random.Random(seed)
        self.known, self.unsure, self.acknowledged, self.changes, self.count, self.trouble = {}, {}, 0, 0, 0, None

    def run(self):
        try:
            while self.acknowledged < self.requests and self.one():
                pass
        except Exception as e:  # pylint: disable=broad-except
            self.trouble = e

    def network(self, i):
        return "/virtualNetworks/c%d-%d" % (self.number, i)

    def interface(self, i):
        return "/networkInterfaces/c%d-%d" % (self.number, i)

    def choose(self):
        """(path, body of a PUT or None for DELETE)"""
        i = self.random.randrange(NAMES)
        self.count += 1
        tag = {"n": "%d" % self.count}
        network = self.known.get(self.network(i))
        used = self.known.get(self.interface(i))
        if network and self.random.random() < 0.6:
            if used and self.random.random() < 0.3:
                return self.interface(i), None
            subnet = self.random.choice(network["properties"]["subnets"])["resourceId"]
            return self.interface(i), {"tags": tag, "properties": {"ipConfigurations": [
                {"resourceId": "a", "tags": tag,
                 "properties": {"subnet": {"resourceRef": "%s/subnets/%s" % (self.network(i), subnet)}}}]}}
        if network and not used and self.random.random() < 0.4:
            return self.network(i), None
        # Subnets that are in use stay.
        keep = ["s0", "s1", "s2", "s3"] if used else ["s%d" % n for n in range(self.random.randint(1, 4))]
        return self.network(i), {"tags": tag, "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"resourceId": s, "tags": tag, "properties": {"addressPrefix": "10.0.%s.0/24" % s[1:]}} for s in keep]}}

    def one(self):
        """False when the daemon has gone."""
        path, body = self.choose()
        try:
            if body is None:
                r = self.controller.request("DELETE", world.document.PREFIX + path)
            else:
                r = self.controller.request("PUT", world.document.PREFIX + path, body)
        except (OSError, http.client.HTTPException):
            self.unsure[path] = (self.known.get(path), body)
            return False
        require(r.status in (200, 201, 202, 204), "%s: %d %s" % (path, r.status, r.body))
        self.known[path] = body
        self.acknowledged += 1
        self.changes += r.status != 204
        return True


def tags(resource):
    """The numbers of the PUT that each part of it is from."""
    children = [c for v in ("subnets", "ipConfigurations") for c in resource["properties"].get(v, [])]
    return {r["tags"]["n"] for r in [resource] + children}, len(children)


def is_whole(resource, body):
    """The resource, or None, is what `body`, or None, asks for."""
    if body is None or resource is None:
        return body is None and resource is None
    children = body["properties"].get("subnets") or body["properties"]["ipConfigurations"]
    return tags(resource) == ({body["tags"]["n"]}, len(children))


def verify(controller, clients):
    lost = []
    for client in clients:
        for path in set(client.known) | set(client.unsure):
            status, body, _ = controller.call("GET", path, checked=False)
            require(status in (200, 404), "GET %s: %d" % (path, status))
            there = body if status == 200 else None
            may_be = client.unsure.get(path, (client.known.get(path),))
            if not any(is_whole(there, b) for b in may_be):
                lost.append("%s: expected one of %s, got %s" % (path, may_be, there and tags(there)))
            client.known[path] = next((b for b in may_be if is_whole(there, b)), None)
        client.unsure.clear()
    equal(lost, [], "lost or half")


def taken_once(controller):
    """Every VSID, routing domain, MAC address and address has one owner, and the pools count them."""
    networks = all_of(controller, "/virtualNetworks")
    interfaces = all_of(controller, "/networkInterfaces")
    subnets = [s for n in networks for s in n["properties"]["subnets"]]
    addresses = [(c["properties"]["subnet"]["resourceRef"], c["properties"]["privateIPAddress"])
                 for i in interfaces for c in i["properties"]["ipConfigurations"]]
    for what, values in (("VSID", [s["properties"]["isolationId"] for s in subnets]),
                         ("routing domain", [n["properties"]["routingDomainId"] for n in networks]),
                         ("MAC address", [i["properties"]["privateMacAddress"] for i in interfaces]),
                         ("address", addresses)):
        equal(len(values), len(set(values)), "%ss that several have" % what)
    equal(controller.get("/macPools/all")["properties"]["usage"]["numberOfMACAddressesAllocated"], len(interfaces), "usage")


def all_of(controller, collection):
    found, query = [], "?$top=1000"
    while query:
        status, page, _ = controller.call("GET", collection, query=query, checked=False)
        equal(status, 200, "GET " + collection)
        found += page["value"]
        query = "?" + page["nextLink"].split("?", 1)[1] if "nextLink" in page else None
    return found


def feed_is_whole(path, changes):
    """Every revision up to the last has at least one change; the last change of each path agrees with what is there."""
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True) as db:
        last = db.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone()[0]
        revisions = [r for r, in db.execute("SELECT DISTINCT revision FROM change ORDER BY revision")]
        there = {p for p, in db.execute("SELECT path FROM resource")}
        ends = dict(db.execute("SELECT path, gone FROM change ORDER BY number"))
        audited = db.execute("SELECT count(*) FROM audit").fetchone()[0]
    equal(revisions, list(range(1, last + 1)), "revisions in the feed")
    equal({p for p, gone in ends.items() if not gone}, there, "what the feed says is there")
    require(audited >= changes, "%d changes were acknowledged, %d are in the audit log" % (changes, audited))


g = suite.group("", lambda: None)


@g.case("%d rounds of %d requests, each ended by kill -9: nothing lost, nothing half, nothing twice" % (ROUNDS, REQUESTS))
def _(_w):
    seed = int.from_bytes(os.urandom(4), "little")
    case.note("seed %d" % seed)
    rng = random.Random(seed)
    controller = world.Controller("crash").start()
    try:
        controller.put("/macPools/all", {"startMacAddress": "00155D000000", "endMacAddress": "00155DFFFFFF"})
        clients = [Client(controller, i, rng.getrandbits(32), 0) for i in range(CLIENTS)]
        changes = 1
        for round_ in range(ROUNDS):
            fresh = [Client(controller, c.number, rng.getrandbits(32), REQUESTS // CLIENTS) for c in clients]
            for new, old in zip(fresh, clients):
                new.known, new.count = old.known, old.count
            clients = fresh
            enough = rng.randrange(REQUESTS)
            for c in clients:
                c.start()
            case.eventually(lambda: sum(c.acknowledged for c in clients) >= enough or not any(c.is_alive() for c in clients),
                            "%d requests" % enough, 120, 0.002)
            controller.kill()
            for c in clients:
                c.join()
                require(c.trouble is None, "client %d: %s" % (c.number, c.trouble))
            changes += sum(c.changes for c in clients)
            feed_is_whole(controller.state_dir + "/gwd.db", changes)
            controller.start()
            verify(controller, clients)
            taken_once(controller)
            case.note("round %d: killed after %d requests" % (round_, sum(c.acknowledged for c in clients)))
    finally:
        controller.stop()


if __name__ == "__main__":
    suite.main()
