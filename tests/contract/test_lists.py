#!/usr/bin/env python3
"""Lists of children that are long, and errors that say where in a list something stands."""
import json
import re

import world
from examples import ref
from lib import case
from lib.case import equal, require

suite = case.Suite()
MANY, MOST = 2000, 8192  # subnets: what one body must bear, and the most that it may bring
NET = "/virtualNetworks/wide"


def subnet(i):
    return {"resourceId": "s%d" % i, "properties": {"addressPrefix": "10.%d.%d.%d/29" % (i >> 13, i >> 5 & 255, i << 3 & 255)}}


def network(n):
    return {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}, "subnets": [subnet(i) for i in range(n)]}


def wide():
    w = world.controller()
    w.stop()
    w.settings["limits"] = {"body": str(8 << 20)}
    w.configure()
    return w.start()


def put(w, body, status=200):
    """A PUT of the network, without a look at every subnet of the answer; returns the answer."""
    r = w.request("PUT", world.document.PREFIX + NET, body, timeout=60)
    equal(r.status, status, "PUT %s (%s)" % (NET, r.body[:300]))
    return json.loads(r.body)


def get(w):
    return json.loads(w.request("GET", world.document.PREFIX + NET, timeout=60).body)


g = suite.group("", wide)


@g.case("%d subnets are read, edited and put back in one body" % MANY)
def whole(w):
    put(w, {"properties": network(MANY)}, 201)
    one = get(w)
    equal(len(one["properties"]["subnets"]), MANY, "subnets")
    equal(put(w, one)["etag"], one["etag"], "etag after a PUT of what was read")
    one["properties"]["subnets"][1500]["tags"] = {"edited": True}
    equal(put(w, one)["properties"]["subnets"][1500].get("tags"), {"edited": True}, "what was edited")
    case.note("%d subnets: %d bytes" % (MANY, len(json.dumps(one))))


@g.case("and with references for those that stay, within the 1 MiB of a body by default")
def referred(w):
    one = get(w)
    changed = one["properties"]["subnets"][7]
    changed["tags"] = {"edited": "again"}
    one["properties"]["subnets"] = [s if s is changed else ref(s["resourceRef"]) for s in one["properties"]["subnets"]]
    require(len(json.dumps(one)) < 1 << 20, "its size: %d" % len(json.dumps(one)))
    equal(len(put(w, one)["properties"]["subnets"]), MANY, "subnets")
    equal(w.get(NET + "/subnets/s7")["tags"], {"edited": "again"}, "the one that changed")
    one["properties"]["subnets"] = one["properties"]["subnets"][:-1]
    put(w, one)
    w.refused("GET", NET + "/subnets/s%d" % (MANY - 1), None, 404, "NotFound")
    w.delete(NET)


@g.case("%d are the most, however they come; one more is refused, and says what to do" % MOST)
def most(w):
    w.refused("PUT", NET, {"properties": network(MOST + 1)}, 400, "InvalidProperty", "properties.subnets")
    halves = network(MOST)
    halves["subnets"][0]["properties"]["ipPools"] = [
        {"resourceId": "p", "properties": {"startIpAddress": "10.0.0.2", "endIpAddress": "10.0.0.3"}}]
    error = w.refused("PUT", NET, {"properties": halves}, 413, "RequestTooLarge",
                      "properties.subnets[%d]" % (MOST - 1))
    require("leave the list out" in error["message"], error)
    w.refused("GET", NET, None, 404, "NotFound")
    put(w, {"properties": network(MOST)}, 201)
    error = w.refused("PUT", NET + "/subnets/more", {"properties": {"addressPrefix": "10.255.0.0/24"}}, 409, "LimitExceeded")
    require("more than %d subnets" % MOST in error["message"], error)
    one = get(w)
    del one["properties"]["subnets"]
    equal(len(put(w, dict(one, tags={"n": 1}))["properties"]["subnets"]), MOST, "subnets after a PUT without the list")
    w.delete(NET + "/subnets/s1")
    w.put(NET + "/subnets/more", {"addressPrefix": "10.255.0.0/24"}, (201,))
    w.delete(NET)


@g.case("kinds that are held against each other one by one have a lower limit, and what has several kinds counts each by itself")
def kinds(w):
    rules = [{"path": "/accessControlLists/long/aclRules/r%d" % i, "body": {"properties": {
        "protocol": "All", "action": "Deny", "type": "Inbound", "priority": 100 + i}}} for i in range(MOST + 1)]
    batch = [{"path": "/accessControlLists/long", "body": {"properties": {}}}] + rules
    r = w.request("POST", world.document.PREFIX + "/batch", batch, timeout=60)
    equal((r.status, json.loads(r.body)["error"]["code"]), (409, "LimitExceeded"), "a batch of %d rules" % (MOST + 1))
    w.refused("GET", "/accessControlLists/long", None, 404, "NotFound")
    r = w.request("POST", world.document.PREFIX + "/batch", batch[:-1], timeout=60)
    equal(r.status, 200, "a batch of %d rules (%s)" % (MOST, r.body[:300]))
    body = dict(rules[7]["body"], properties=dict(rules[7]["body"]["properties"], priority=100))
    error = w.refused("PUT", rules[7]["path"], body, 409, "Conflict", "properties.priority")
    require('"r0"' in error["message"], error)
    w.delete("/accessControlLists/long")
    maps = [{"path": "/virtualGateways/g/policyMaps/m%d" % i, "body": {"properties": {"policyList": []}}} for i in range(1024)]
    w.put(NET, network(1), (201,))
    r = w.request("POST", world.document.PREFIX + "/batch", [{"path": "/virtualGateways/g", "body": {"properties": {
        "virtualNetwork": ref(NET)}}}] + maps, timeout=60)
    equal(r.status, 200, "a batch of 1024 policies (%s)" % r.body[:300])
    w.refused("PUT", "/virtualGateways/g/policyMaps/more", {"properties": {"policyList": []}}, 409, "LimitExceeded")
    w.put("/virtualGateways/g/bgpRouters/r", {"extAsNumber": "0.64512", "routerIP": ["10.0.0.9"]}, (201,))
    w.delete("/virtualGateways/g")
    w.delete(NET)


@g.case("of many that come at once, those that overlap are found, wherever they stand, and whatever was there before")
def overlaps(w):
    for where, prefix in ((0, "10.0.0.8/29"), (40, "10.0.0.0/28"), (40, "10.0.1.64/26"), (98, "10.0.0.0/8"), (99, "10.0.0.0/30")):
        body = network(100)
        body["subnets"][where]["properties"]["addressPrefix"] = prefix
        error = w.refused("PUT", NET, {"properties": body}, 409, "Conflict",
                          lambda t: re.fullmatch(r"properties.subnets\[[0-9]+\].properties.addressPrefix", t))
        require("s%d" % where in error["message"] or "[%d]" % where in error["target"], error)
    body = network(50)
    body["subnets"].append({"resourceId": "six", "properties": {"addressPrefix": "fd00::/64"}})
    body["subnets"].append({"resourceId": "four", "properties": {"addressPrefix": "11.0.0.0/8"}})
    body["addressSpace"]["addressPrefixes"] += ["11.0.0.0/8", "fd00::/48"]
    put(w, {"properties": body}, 201)
    del body["subnets"][:20]
    body["subnets"] += [subnet(i) for i in range(100, 150)] + [
        {"resourceId": "more", "properties": {"addressPrefix": "fd00:0:0:0:8::/80"}}]
    w.refused("PUT", NET, {"properties": body}, 409, "Conflict", "properties.subnets[82].properties.addressPrefix")
    body["subnets"][-1]["properties"]["addressPrefix"] = "10.0.0.0/25"  # where those were that go
    put(w, {"properties": body})
    # Numbers that IPv4 addresses are kept as lie in the first; no IPv4 prefix does.
    body["addressSpace"]["addressPrefixes"].append("::/32")
    body["subnets"] += [{"resourceId": "low", "properties": {"addressPrefix": "::/64"}},
                        {"resourceId": "within", "properties": {"addressPrefix": "0:0:0:0:8000::/66"}}]
    for s in body["subnets"][:30]:
        s["tags"] = {"n": 1}
    w.refused("PUT", NET, {"properties": body}, 409, "Conflict",
              lambda t: t in ["properties.subnets[%d].properties.addressPrefix" % i for i in (83, 84)])
    body["subnets"].pop()
    put(w, {"properties": body})
    w.delete(NET)


@g.case("what a DELETE may not do is not said to stand in the body of an earlier PUT")
def places(w):
    pool = {"resourceId": "p", "properties": {"startIpAddress": "10.0.0.2", "endIpAddress": "10.0.0.3"}}
    other = dict(pool, resourceId="q", properties={"startIpAddress": "10.0.0.4", "endIpAddress": "10.0.0.5"})
    body = network(3)
    body["subnets"][2]["properties"].update(addressPrefix="10.0.0.0/28", ipPools=[pool, other])
    body["subnets"] = body["subnets"][2:]
    w.put(NET, body, (201,))
    where = NET + "/subnets/s2"
    w.put("/networkInterfaces/vm", {"privateMacAddress": "00155D000001", "ipConfigurations": [
        {"resourceId": "i", "properties": {"subnet": ref(where), "privateIPAddress": "10.0.0.3"}}]})
    w.refused("DELETE", where + "/ipPools/p", None, 409, "Conflict", "properties.addressPrefix")
    # In the body that says it, it has its place.
    body["subnets"][0]["properties"]["ipPools"] = [other]
    w.refused("PUT", NET, {"properties": body}, 409, "Conflict", "properties.subnets[0].properties.addressPrefix")
    w.refused("PUT", where, {"properties": body["subnets"][0]["properties"]}, 409, "Conflict", "properties.addressPrefix")
    equal(len(w.get(where)["properties"]["ipPools"]), 2, "pools")


if __name__ == "__main__":
    suite.main()
