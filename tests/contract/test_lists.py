#!/usr/bin/env python3
"""Lists of children that are long, and errors that say where in a list something stands."""
import json

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


g = suite.group("", wide)


@g.case("%d subnets are read, edited and put back in one body" % MANY)
def whole(w):
    w.put(NET, network(MANY), (201,))
    one = w.get(NET)
    equal(len(one["properties"]["subnets"]), MANY, "subnets")
    status, body, _ = w.call("PUT", NET, one)
    equal((status, body["etag"]), (200, one["etag"]), "PUT of what was read")
    one["properties"]["subnets"][1500]["tags"] = {"edited": True}
    status, body, _ = w.call("PUT", NET, one)
    equal((status, body["properties"]["subnets"][1500].get("tags")), (200, {"edited": True}), "PUT of what was edited")
    case.note("%d subnets: %d bytes" % (MANY, len(json.dumps(one))))


@g.case("and with references for those that stay, within the 1 MiB of a body by default")
def referred(w):
    one = w.get(NET)
    changed = one["properties"]["subnets"][7]
    changed["tags"] = {"edited": "again"}
    one["properties"]["subnets"] = [s if s is changed else ref(s["resourceRef"]) for s in one["properties"]["subnets"]]
    require(len(json.dumps(one)) < 1 << 20, "its size: %d" % len(json.dumps(one)))
    status, body, _ = w.call("PUT", NET, one)
    equal((status, len(body["properties"]["subnets"])), (200, MANY), "PUT with references")
    equal(w.get(NET + "/subnets/s7")["tags"], {"edited": "again"}, "the one that changed")
    one["properties"]["subnets"] = one["properties"]["subnets"][:-1]
    equal(w.call("PUT", NET, one)[0], 200, "PUT without the last")
    w.refused("GET", NET + "/subnets/s%d" % (MANY - 1), None, 404, "NotFound")
    w.delete(NET)


@g.case("%d are the most; one more is refused, and says what to do; what has more is changed without the list" % MOST)
def most(w):
    w.refused("PUT", NET, {"properties": network(MOST + 1)}, 400, "InvalidProperty", "properties.subnets")
    halves = network(MOST)
    halves["subnets"][0]["properties"]["ipPools"] = [
        {"resourceId": "p", "properties": {"startIpAddress": "10.0.0.2", "endIpAddress": "10.0.0.3"}}]
    error = w.refused("PUT", NET, {"properties": halves}, 413, "RequestTooLarge",
                      "properties.subnets[%d]" % (MOST - 1))
    require("leave the list out" in error["message"], error)
    w.refused("GET", NET, None, 404, "NotFound")
    w.put(NET, network(MOST), (201,))
    w.put(NET + "/subnets/more", {"addressPrefix": "10.255.0.0/24"}, (201,))
    one = w.get(NET)
    w.refused("PUT", NET, one, 400, "InvalidProperty", "properties.subnets")
    del one["properties"]["subnets"]
    status, body, _ = w.call("PUT", NET, dict(one, tags={"n": 1}))
    equal((status, len(body["properties"]["subnets"])), (200, MOST + 1), "PUT without the list")
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
    w.put("/networkInterfaces/vm", {"ipConfigurations": [
        {"resourceId": "i", "properties": {"subnet": ref(where), "privateIPAddress": "10.0.0.3"}}]})
    w.refused("DELETE", where + "/ipPools/p", None, 409, "Conflict", "properties.addressPrefix")
    # In the body that says it, it has its place.
    body["subnets"][0]["properties"]["ipPools"] = [other]
    w.refused("PUT", NET, {"properties": body}, 409, "Conflict", "properties.subnets[0].properties.addressPrefix")
    w.refused("PUT", where, {"properties": body["subnets"][0]["properties"]}, 409, "Conflict", "properties.addressPrefix")
    equal(len(w.get(where)["properties"]["ipPools"]), 2, "pools")


if __name__ == "__main__":
    suite.main()
