#!/usr/bin/python3
# GW-3: ports of public addresses that tenants share. Each front end has a block of its own, for as long as it is there and over a
# restart; what listens there, and for whom, is refused where it would meet another's. The rules one by one: tests/unit/test_blocks.c.
import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world
from examples import ref
from lib import case
from lib.case import equal, require

ALL = "/publicIPAddresses/all"
suite = case.Suite()


def child(name, **properties):
    return {"resourceId": name, "properties": properties}


def shared():
    w = world.controller()
    w.put("/macPools/m", {"startMacAddress": "020000000000", "endMacAddress": "02000000FFFF"})
    w.put("/logicalNetworks/out", {"subnets": [child("isp", addressPrefix="198.51.100.0/24", isPublic=True, ipPools=[
        child("all", startIpAddress="198.51.100.10", endIpAddress="198.51.100.20")])]})
    w.put(ALL, {"ipAddress": "198.51.100.10", "publicIPAllocationMethod": "Static", "shared": True})
    for name in "ab":
        w.put("/virtualNetworks/" + name, {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [
            child("s", addressPrefix="10.0.0.0/24"), child("g", addressPrefix="10.0.9.0/29")]})
        w.put("/virtualGateways/" + name, {"virtualNetwork": ref("/virtualNetworks/" + name),
                                           "gatewaySubnets": [ref("/virtualNetworks/%s/subnets/g" % name)]})
    return w


def balancer(name, network, address=ALL, **more):
    """Everything out by one front end."""
    path = "/loadBalancers/" + name
    return dict({"frontendIPConfigurations": [child("f", publicIPAddress=ref(address))],
                 "backendAddressPools": [child("p", subnets=[ref("/virtualNetworks/%s/subnets/s" % network)])],
                 "outboundNatRules": [child("out", frontendIPConfigurations=[ref(path + "/frontendIPConfigurations/f")],
                                            backendAddressPool=ref(path + "/backendAddressPools/p"))]}, **more)


def blocks(w):
    return w.get(ALL)["properties"]["portBlocks"]


g = suite.group("", shared)


@g.case("two tenants' networks share an address: the address says which ports are whose, the front ends which are theirs")
def two(w):
    equal(blocks(w), [], "blocks of an address that nobody uses")
    require("portBlocks" not in w.put("/publicIPAddresses/own", {})["properties"], "one that is not shared has none")
    for name in "ab":
        w.put("/loadBalancers/" + name, balancer(name, name))
    said = blocks(w)
    equal([b["start"] for b in said], sorted({b["start"] for b in said}), "blocks, each once")
    equal({b["virtualGateway"]["resourceRef"]: b["frontendIPConfiguration"]["resourceRef"] for b in said},
          {"/virtualGateways/" + n: "/loadBalancers/%s/frontendIPConfigurations/f" % n for n in "ab"}, "whose they are")
    for b in said:
        front = w.get(b["frontendIPConfiguration"]["resourceRef"])["properties"]
        equal((front["portBlockStart"], front["portBlockSize"]), (b["start"], b["size"]), "the front end's own words")
        equal((b["start"] % 4096, b["size"]), (0, 4096), "a block as portBlockSize says")
        require(b["start"] >= 4096, "the lowest ports are for inbound rules")


@g.case("a block stays: whatever else comes and goes, when the load balancer is put again, and over a restart")
def stays(w):
    before = blocks(w)
    for i in range(5):
        w.put("/loadBalancers/x%d" % i, balancer("x%d" % i, "ab"[i % 2]))
    w.put("/loadBalancers/a", balancer("a", "a"), tags={"n": 1})
    w.put("/loadBalancers/b", w.get("/loadBalancers/b")["properties"])
    for i in range(5):
        w.delete("/loadBalancers/x%d" % i)
    equal(blocks(w), before, "blocks of those that have stayed")
    w.stop()
    w.start()
    equal(blocks(w), before, "blocks after a restart")


@g.case("what is refused, a batch too, has taken none, and a batch may give one's block to another")
def batches(w):
    before = blocks(w)
    status, body, _ = w.call("POST", "/batch", [
        {"path": "/loadBalancers/y", "body": {"properties": balancer("y", "a")}},
        {"path": "/loadBalancers/z", "body": {"properties": balancer("z", "nowhere")}}], checked=False)
    equal((status, body["error"]["code"]), (400, "InvalidProperty"), "a batch with a mistake (%s)" % body)
    equal(blocks(w), before, "blocks")
    start = w.get("/loadBalancers/a/frontendIPConfigurations/f")["properties"]["portBlockStart"]
    wanted = balancer("y", "a", frontendIPConfigurations=[child("f", publicIPAddress=ref(ALL), portBlockStart=start)])
    said = w.refused("PUT", "/loadBalancers/y", {"properties": wanted}, 409, "Conflict",
                     "properties.frontendIPConfigurations[0].properties.portBlockStart")
    require("taken by /loadBalancers/a/frontendIPConfigurations/f: choose another" in said["message"], said)
    wanted["frontendIPConfigurations"][0]["properties"]["portBlockStart"] = start + 1024
    said = w.refused("PUT", "/loadBalancers/y", {"properties": wanted}, 400, "InvalidProperty",
                     "properties.frontendIPConfigurations[0].properties.portBlockStart")
    require("multiple of 4096" in said["message"], "a block that would overlap two: %s" % said)
    wanted["frontendIPConfigurations"][0]["properties"]["portBlockStart"] = start
    status, body, _ = w.call("POST", "/batch", [
        {"path": "/loadBalancers/a", "method": "DELETE"}, {"path": "/loadBalancers/y", "body": {"properties": wanted}}], checked=False)
    equal(status, 200, "deleted and made anew (%s)" % body)
    equal(w.get("/loadBalancers/y/frontendIPConfigurations/f")["properties"]["portBlockStart"], start, "what was wanted")
    w.delete("/loadBalancers/y")
    w.put("/loadBalancers/a", balancer("a", "a"))


@g.case("a full address says so, and what to do; a block that comes back can be had")
def full(w):
    names = ["f%d" % i for i in range(13)]
    random.shuffle(names)
    for name in names:
        w.put("/loadBalancers/" + name, balancer(name, "a"))
    said = w.refused("PUT", "/loadBalancers/more", {"properties": balancer("more", "a")}, 409, "LimitExceeded",
                     "properties.frontendIPConfigurations[0].properties.publicIPAddress")
    require("every block of ports" in said["message"] and "use another" in said["message"], said)
    equal([b["start"] for b in blocks(w)], list(range(4096, 65536, 4096)), "all of them")
    w.delete("/loadBalancers/f3")
    w.put("/loadBalancers/more", balancer("more", "a"))
    equal([b["start"] for b in blocks(w)], list(range(4096, 65536, 4096)), "all of them again")
    for name in names + ["more"]:
        w.delete("/loadBalancers/" + name, (202, 204))


@g.case("inbound rules listen below and between blocks, one front end to a port, and for its network")
def inbound(w):
    def rule(balancer, **more):
        return {"properties": dict({"frontendIPConfigurations": [ref("/loadBalancers/%s/frontendIPConfigurations/f" % balancer)],
                                    "protocol": "Tcp"}, **more)}
    own = w.get("/loadBalancers/b/frontendIPConfigurations/f")["properties"]["portBlockStart"]
    at = "/loadBalancers/a/inboundNatRules/"
    for port in (own, own + 4095):
        said = w.refused("PUT", at + "r", rule("a", frontendPort=port), 409, "Conflict", "properties.frontendPort")
        require("in the block of another front end" in said["message"] and "choose one outside" in said["message"], said)
    w.refused("PUT", at + "r", rule("a", protocol="All"), 400, "InvalidProperty", "properties.protocol")
    equal(w.call("PUT", at + "r", rule("a", frontendPort=443))[0], 201, "below")
    said = w.refused("PUT", "/loadBalancers/b/inboundNatRules/r", rule("b", protocol="Udp", frontendPort=443), 409, "Conflict",
                     "properties.frontendPort")
    require('"r"' in said["message"] and "another protocol" in said["message"], said)
    w.put("/networkInterfaces/vm", {"ipConfigurations": [child("c", subnet=ref("/virtualNetworks/b/subnets/s"))]})
    w.refused("PUT", at + "s", rule("a", frontendPort=80, backendIPConfiguration=ref("/networkInterfaces/vm/ipConfigurations/c")), 409,
              "Conflict", "properties.frontendPort")
    free = next(p for p in range(4096, 65536, 4096) if p not in [b["start"] for b in blocks(w)])
    equal(w.call("PUT", at + "s", rule("a", frontendPort=free + 7))[0], 201, "between")
    w.refused("PUT", "/loadBalancers/n", {"properties": balancer("n", "a", frontendIPConfigurations=[
        child("f", publicIPAddress=ref(ALL), portBlockStart=free)])}, 409, "Conflict",
        "properties.frontendIPConfigurations[0].properties.portBlockStart")
    for name in "rs":
        w.delete(at + name)


@g.case("a load balancer has 1,024 rules of a kind: one more, and 10,001 at once, are refused whole")
def many(w):
    front = [ref("/loadBalancers/a/frontendIPConfigurations/f")]
    before = w.get("/loadBalancers/a")
    start = before["properties"]["frontendIPConfigurations"][0]["properties"]["portBlockStart"]
    ports = [p for p in range(1, 65536) if p not in range(start, start + 4096)]

    def rules(n):
        return [child("r%d" % i, frontendIPConfigurations=front, protocol="Tcp" if i % 2 else "Udp", frontendPort=ports[i // 2])
                for i in range(n)]
    for b in blocks(w):
        if b["start"] != start:
            w.delete(b["frontendIPConfiguration"]["resourceRef"].split("/frontend")[0])
    said = w.refused("POST", "/batch", [{"path": "/loadBalancers/a", "body": {
        "properties": dict(before["properties"], inboundNatRules=rules(10001))}}], 400, "InvalidProperty",
        "[0].body.properties.inboundNatRules", checked=False)
    require("1024" in said["message"], said)
    w.put("/loadBalancers/a", dict(before["properties"], inboundNatRules=rules(1024)))
    said = w.refused("PUT", "/loadBalancers/a/inboundNatRules/more", {"properties": rules(1026)[1025]["properties"]}, 409,
                     "LimitExceeded", None)
    require("more than 1024 inboundNatRules" in said["message"], said)
    equal(len(w.get("/loadBalancers/a")["properties"]["inboundNatRules"]), 1024, "rules that are there")
    w.put("/loadBalancers/a", dict(before["properties"], inboundNatRules=[]))
    w.put("/loadBalancers/b", balancer("b", "b"))


@g.case("what blocks are cut from stays as it is while they are out")
def cut(w):
    good = w.get(ALL)["properties"]
    for name, value in (("shared", False), ("portBlockSize", 8192)):
        said = w.refused("PUT", ALL, {"properties": dict(good, **{name: value})}, 409, "Conflict", "properties." + name)
        require('front end "f"' in said["message"], said)
    for bad in (1023, 32769, 0, "x"):
        w.refused("PUT", ALL, {"properties": dict(good, portBlockSize=bad)}, 400, "InvalidProperty", "properties.portBlockSize")
    w.refused("PUT", ALL, {"properties": dict(good, portBlockSize=5000)}, 400, "InvalidProperty", "properties.portBlockSize")
    w.refused("PUT", "/publicIPAddresses/six", {"properties": {
        "ipAddress": "2001:db8::1", "publicIPAllocationMethod": "Static", "shared": True}}, 400, "InvalidProperty", lambda t: t in (
            "properties.shared", "properties.ipAddress"))
    for name in "ab":
        w.delete("/loadBalancers/" + name)
    w.put(ALL, dict(good, portBlockSize=8192))
    equal(w.put("/loadBalancers/a", balancer("a", "a"))["properties"]["frontendIPConfigurations"][0]["properties"]["portBlockSize"],
          8192, "the new size")


@g.case("parts of the operator's addresses count as a tenant's, and those of his own do not")
def quota(w):
    w.stop()
    w.settings["limits"] = {"tenant_public_addresses": "3"}
    w.configure()
    w.start()

    def front(address, name, status, path="/loadBalancers/t?tenantId=t"):
        fronts = w.get(path)["properties"]["frontendIPConfigurations"]
        got, body, _ = w.call("PUT", path, {"properties": {"frontendIPConfigurations": fronts + [child(name, publicIPAddress=ref(address))]},
                                            "resourceMetadata": {"tenantId": "t"}}, checked=False)
        equal(got, status, "%s at %s (%s)" % (name, address, body))
        return body
    for path in ("/loadBalancers/t", "/publicIPAddresses/his"):
        status, body, _ = w.call("PUT", path, {"properties": {"shared": True} if "his" in path else {},
                                               "resourceMetadata": {"tenantId": "t"}})
        equal(status, 201, "%s (%s)" % (path, body))
    for i in range(4):
        front("/publicIPAddresses/his?tenantId=t", "h%d" % i, 200)
    front(ALL, "f0", 200)
    front(ALL, "f1", 200)
    # The operator at a tenant's address: which ports he has is told the tenant, and nothing else.
    w.put("/loadBalancers/mine", {"frontendIPConfigurations": [child("f", publicIPAddress=ref("/publicIPAddresses/his?tenantId=t"))]})
    said = w.get("/publicIPAddresses/his?tenantId=t")["properties"]["portBlocks"]
    equal(sorted(b.get("frontendIPConfiguration", {"resourceRef": "-"})["resourceRef"] for b in said),
          ["-"] + ["/loadBalancers/t/frontendIPConfigurations/h%d" % i for i in range(4)], "front ends at the tenant's address")
    said = front(ALL, "f2", 409)["error"]
    equal(said["code"], "LimitExceeded", said)
    require("may have 3 public addresses and parts of shared ones" in said["message"], said)


def samples():
    w = world.controller()
    for name in ("two-customers", "two-customers-nat"):
        with open(os.path.join(case.root(), "configs/samples/%s.json" % name), encoding="utf-8") as f:
            status, body, _ = w.call("POST", "/batch", json.load(f), checked=False)
        equal(status, 200, "%s (%s)" % (name, body))
    return w


s = suite.group("samples", samples)


@s.case("two customers with the same addresses share one public address")
def customers(w):
    said = w.get("/publicIPAddresses/shared")["properties"]["portBlocks"]
    equal({b["virtualGateway"]["resourceRef"] for b in said}, {"/virtualGateways/%s?tenantId=%s" % (n.lower(), n) for n in (
        "Contoso", "Fabrikam")}, "whose its blocks are")
    w.stop()
    w.start()
    equal(w.get("/publicIPAddresses/shared")["properties"]["portBlocks"], said, "and after a restart")
    w.put("/loadBalancers/fabrikam/inboundNatRules/dns?tenantId=Fabrikam", {
        "frontendIPConfigurations": [ref("/loadBalancers/fabrikam/frontendIPConfigurations/out")], "protocol": "Udp", "frontendPort": 1443})


suite.main()
