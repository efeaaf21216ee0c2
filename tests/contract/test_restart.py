#!/usr/bin/python3
# What was accepted is there after the daemon was ended, or killed: every resource byte for byte, with its etag, in the same
# order; what is assigned afterwards is free. Covers API-3 and ADDR-3.
import json
import os
import sqlite3
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import examples
import world
from examples import ref
from lib import case
from lib.case import equal, require

suite = case.Suite()
g = suite.group("", world.controller)


def same_after(w, how, what):
    before = w.kept()
    getattr(w, how)()
    w.start()
    after = w.kept()
    equal(sorted(after), sorted(before), "what is there after %s, %s" % (how, what))
    for path in before:
        equal(after[path], before[path], "%s after %s, %s" % (path, how, what))
    return after


@g.case("an empty controller")
def empty(w):
    for how in ("stop", "kill"):
        equal(same_after(w, how, "empty"), {}, "resources")


@g.case("every example, also when some were edited and some deleted")
def all_of_them(w):
    w.make_examples()
    for how in ("stop", "kill"):
        same_after(w, how, "all examples")
    for path, _ in examples.EXAMPLES:
        one = w.get(path)
        one["tags"] = {"edited": True, "f": 0.1, "big": 9007199254740993, "\u00e4\u20ac\U0001f600": "\u00e4\u20ac\U0001f600"}
        status, body, _ = w.call("PUT", path, one)
        equal(status, 200, "PUT %s (%s)" % (path, body))
    for how in ("kill", "stop"):
        after = same_after(w, how, "edited")
    equal(json.loads(after["/servers/host1"])["tags"]["\u00e4\u20ac\U0001f600"], "\u00e4\u20ac\U0001f600", "a tag")
    w.delete(examples.GATEWAY + "/bgpRouters/router/bgpPeers/site")
    w.delete(examples.BALANCER + "/inboundNatRules/ssh")
    for how in ("stop", "kill"):
        same_after(w, how, "some deleted")


@g.case("the order of children and of who refers to a resource")
def orders(w):
    w.put("/accessControlLists/order", {"aclRules": [
        {"resourceId": i, "properties": {"action": "Allow", "type": "Inbound", "priority": p}}
        for p, i in enumerate(("zulu", "alpha", "mike"), 1)]})
    for i in ("z", "a", "m"):
        w.put("/virtualNetworks/order-" + i, {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [
            {"resourceId": "s", "properties": {"addressPrefix": "10.0.0.0/24",
                                               "accessControlList": ref("/accessControlLists/order")}}]})
    one = w.get("/virtualNetworks/order-z")
    one["properties"]["subnets"][0]["tags"] = {"again": 1}
    equal(w.call("PUT", "/virtualNetworks/order-z", one)[0], 200, "PUT of the first")
    w.put("/accessControlLists/order/aclRules/zulu", {"action": "Deny", "type": "Inbound", "priority": 1})
    for how in ("stop", "kill"):
        after = json.loads(same_after(w, how, "orders")["/accessControlLists/order"])["properties"]
        equal([r["resourceId"] for r in after["aclRules"]], ["zulu", "alpha", "mike"], "rules")
        equal(len(after["subnets"]), 3, "who refers to the list")


@g.case("tenants, and the same name in several")
def tenants(w):
    for t in ("a", "b", "A"):
        w.put("/routeTables/same", {}, (201,), resourceMetadata={"tenantId": t, "tenantName": "N" + t})
    before = [w.call("GET", "/routeTables/same", query="?tenantId=" + t)[1] for t in ("a", "b", "A")]
    equal(len({r["instanceId"] for r in before}), 3, "three of them")
    for how in ("stop", "kill"):
        getattr(w, how)()
        w.start()
        equal([w.call("GET", "/routeTables/same", query="?tenantId=" + t)[1] for t in ("a", "b", "A")], before, how)
    for t in ("a", "b", "A"):
        equal(w.call("DELETE", "/routeTables/same", query="?tenantId=" + t)[0], 202, "DELETE")


@g.case("an etag from before is good for a change after")
def etags(w):
    path = "/servers/host1"
    old = w.get(path)
    w.kill()
    w.start()
    status, new, _ = w.call("PUT", path, dict(old, tags={"n": 1}), {"If-Match": old["etag"]})
    equal(status, 200, "PUT with the old etag")
    require(new["etag"] != old["etag"], "the etag changed")
    w.stop()
    w.start()
    w.refused("PUT", path, dict(old, tags={"n": 2}), 412, "PreconditionFailed", "If-Match", {"If-Match": old["etag"]})
    equal(w.get(path)["etag"], new["etag"], "the etag")


@g.case("a resource that is made anew is another one")
def anew(w):
    w.put("/routeTables/anew", {})
    old = w.get("/routeTables/anew")
    w.delete("/routeTables/anew")
    w.stop()
    w.start()
    w.refused("GET", "/routeTables/anew", None, 404, "NotFound")
    w.put("/routeTables/anew", {}, (201,))
    new = w.get("/routeTables/anew")
    require(new["instanceId"] != old["instanceId"] and new["etag"] != old["etag"], "it has an identity of its own")


@g.case("secrets are still there")
def secrets(w):
    path = examples.GATEWAY + "/networkConnections/site"
    w.kill()
    w.start()
    one = w.get(path)
    one["properties"]["ipSecConfiguration"]["remoteIdentity"] = "after.example"
    status, body, _ = w.call("PUT", path, one)  # of PSK, which without a secret would be refused
    equal(status, 200, "PUT without the secret (%s)" % body)


@g.case("values are not assigned twice across restarts, and are free again after them")
def values(w):
    seen = {"isolationId": [], "privateMacAddress": [], "privateIPAddress": []}
    for n, how in enumerate(("stop", "kill", "stop", "kill")):
        net, nic = "/virtualNetworks/r%d" % n, "/networkInterfaces/r%d" % n
        w.put(net, {"addressSpace": {"addressPrefixes": ["10.7.0.0/16"]}})
        w.put(net + "/subnets/s", {"addressPrefix": "10.7.0.0/24"})
        w.put(nic, {"ipConfigurations": [
            {"resourceId": "i", "properties": {"subnet": ref("/virtualNetworks/r0/subnets/s")}}]})
        seen["isolationId"].append(w.get(net + "/subnets/s")["properties"]["isolationId"])
        one = w.get(nic)["properties"]
        seen["privateMacAddress"].append(one["privateMacAddress"])
        seen["privateIPAddress"].append(one["ipConfigurations"][0]["properties"]["privateIPAddress"])
        getattr(w, how)()
        w.start()
    for name, values_of in seen.items():
        equal(len(set(values_of)), 4, "%s: %s" % (name, values_of))
    for n in range(4):
        w.delete("/networkInterfaces/r%d" % n)
    equal(w.get("/virtualNetworks/r0/subnets/s")["properties"]["ipConfigurations"], [], "who lives there")
    for n in range(4):
        w.delete("/virtualNetworks/r%d" % n)


@g.case("deleted all, and still gone")
def raze(w):
    for collection in ("accessControlLists/order", "routeTables/anew"):
        for i in ("z", "a", "m") if "order" in collection else ():
            w.delete("/virtualNetworks/order-" + i)
        w.delete("/" + collection)
    for path, _ in reversed(examples.EXAMPLES):
        w.call("DELETE", path)
    equal(w.kept(), {}, "what is left")
    for how in ("stop", "kill"):
        equal(same_after(w, how, "razed"), {}, "resources")


@g.case("what today's rules would refuse stays, and says so")
def _(w):
    mac = {"privateMacAddress": "02AA00000005", "privateMacAllocationMethod": "Static"}
    etag = w.put("/networkInterfaces/odd", mac)["etag"]
    w.stop()
    w.settings["engine"]["router_mac"] = "02:aa:00:00:00:05"
    w.configure()
    w.start()
    state = w.get("/networkInterfaces/odd")["properties"]["configurationState"]
    equal(w.call("GET", "/networkInterfaces/odd", headers={"If-None-Match": etag})[0], 200, "who knew it as it was sees that")
    equal((state["status"], state["detailedInfo"][0]["code"]), ("Failure", "NotValidAnyMore"), "state")
    require("privateMacAddress" in state["detailedInfo"][0]["message"], state)
    with open(w.log, encoding="utf-8") as f:
        require("/networkInterfaces/odd was accepted once" in f.read(), "the log says so")
    w.put("/networkInterfaces/odd", dict(mac, privateMacAddress="02AA00000006"))
    equal(w.get("/networkInterfaces/odd")["properties"]["configurationState"]["status"], "Success", "state")
    w.delete("/networkInterfaces/odd")
    w.stop()
    del w.settings["engine"]["router_mac"]
    w.configure()
    w.start()


def stored(w, change):
    """What an older version might have left in the database."""
    w.stop()
    with sqlite3.connect(w.state_dir + "/gwd.db") as db:
        change(db)
    db.close()
    w.start()


def trouble(w, path, query=""):
    """The code and text of what is wrong with it by its own state; None when nothing is."""
    status, r, _ = w.call("GET", path, query=query, checked=False)
    equal(status, 200, "GET %s (%s)" % (path, r))
    state = r["properties"]["configurationState"]
    require((state["status"] == "Failure") == ([d["code"] for d in state["detailedInfo"]][:1] == ["NotValidAnyMore"]), state)
    return state["detailedInfo"][0]["message"] if state["status"] == "Failure" else None


@g.case("two of which only one can be right both say so, without the name of the other, until one is mended")
def _(w):
    def collide(db):
        body, = db.execute("SELECT body FROM resource WHERE path = '/networkInterfaces/dup' AND tenant = 'a'").fetchone()
        equal(db.execute("UPDATE resource SET body = ? WHERE path = '/networkInterfaces/dup' AND tenant = 'b'",
                         (body.replace('"a"', '"b"'), )).rowcount, 1, "rows")

    def put(tenant, mac, expect=(200, 201)):
        status, r, _ = w.call("PUT", "/networkInterfaces/dup", {"properties": {
            "privateMacAddress": mac, "privateMacAllocationMethod": "Static"}}, query="?tenantId=" + tenant)
        require(status in expect, r)

    for i, mended in enumerate("ab"):
        for n, tenant in enumerate("ab"):
            put(tenant, "02AA000000%d%d" % (i, n))
        stored(w, collide)
        for tenant in "ab":
            said = trouble(w, "/networkInterfaces/dup", "?tenantId=" + tenant)
            require(said and "taken" in said and "dup" not in said, "state of %s's: %s" % (tenant, said))
        # What changes nothing of it does not mend it, and neither is what it was.
        w.put("/routeTables/else", {})
        w.delete("/routeTables/else")
        require(trouble(w, "/networkInterfaces/dup", "?tenantId=a"), "it is as wrong as before")
        put(mended, "02AA000000%d7" % i)
        for tenant in "ab":
            equal(trouble(w, "/networkInterfaces/dup", "?tenantId=" + tenant), None, "state of %s's" % tenant)
    stored(w, collide)
    equal(w.call("DELETE", "/networkInterfaces/dup", query="?tenantId=a")[0], 202, "DELETE")
    equal(trouble(w, "/networkInterfaces/dup", "?tenantId=b"), None, "when the other is gone")
    equal(w.call("DELETE", "/networkInterfaces/dup", query="?tenantId=b")[0], 202, "DELETE")


@g.case("a tenant's id of an older version that is none does not keep the controller from starting")
def _(w):
    odd = ("acme corp", "x" * 64, "a/b", "m\u00fcller", "a?tenantId=b")

    def spoil(db):
        for n, tenant in enumerate(odd):
            db.execute("UPDATE resource SET tenant = ?, body = replace(body, '\"t%d\"', ?) WHERE tenant = ?",
                       (tenant, json.dumps(tenant), "t%d" % n))

    for n in range(len(odd)):
        w.put("/virtualNetworks/odd", {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [
            {"resourceId": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}]}, (201,), resourceMetadata={"tenantId": "t%d" % n})
    stored(w, spoil)
    for how in ("stop", "kill"):
        for tenant in odd:
            query = "?tenantId=" + urllib.parse.quote(tenant, safe="")
            said = trouble(w, "/virtualNetworks/odd", query)
            require(said and "tenantId" in said, "state for %r: %s" % (tenant, said))
            equal(w.call("GET", "/virtualNetworks/odd", query=query, checked=False)[1]["resourceMetadata"]["tenantId"], tenant, "whose it is")
            equal(w.call("GET", "/virtualNetworks/odd/subnets/s", query=query)[0], 200, "a child of it")
        getattr(w, how)()
        w.start()
    for tenant in odd:
        query = "?tenantId=" + urllib.parse.quote(tenant, safe="")
        equal(w.call("DELETE", "/virtualNetworks/odd", query=query)[0], 202, "DELETE for %r" % tenant)
        w.refused("GET", "/virtualNetworks/odd", None, 400, "InvalidRequest", "tenantId", query=query)


suite.main()
