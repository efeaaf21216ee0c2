#!/usr/bin/python3
# ADDR-1: what pools are made of and what lives off them. A value that is in use keeps its pool; one that is needed no more is
# given up; nobody gets an address that routers have.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world
from examples import ref
from lib import case
from lib.case import equal, require

suite = case.Suite()
NET = "/virtualNetworks/net"
OUT, ISP = "/logicalNetworks/out", "/logicalNetworks/out/subnets/isp"


def networks():
    w = world.controller()
    w.put("/macPools/m", {"startMacAddress": "020000000000", "endMacAddress": "02000000000F"})
    w.put(NET, {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}})
    w.put("/logicalNetworks/fabric", {"subnets": [{"resourceId": "pa", "properties": {"addressPrefix": "10.1.0.0/24"}}]})
    w.put(OUT, {"subnets": [{"resourceId": "isp", "properties": {"addressPrefix": "198.51.100.0/24", "isPublic": True}}]})
    return w


def used(w, pool):
    usage = w.get(pool)["properties"]["usage"]
    return usage["numberOfIPAddresses"], usage["numberofIPAddressesAllocated"]


g = suite.group("groups", networks)
GROUPS = "/logicalNetworks/fabric/subnets/pa/ipPools/g"


@g.case("a subnet that is Unicast from now on gives its group up, whether the PUT says it again or not")
def released(w):
    w.put(GROUPS, {"startIpAddress": "239.1.0.1", "endIpAddress": "239.1.0.1", "multicast": True})
    for n, say in ((0, False), (1, True)):
        one = w.put(NET + "/subnets/a%d" % n, {"addressPrefix": "10.2.%d.0/24" % n, "broadcastMode": "Multicast"})
        equal(one["properties"]["multicastGroup"], "239.1.0.1", "the group")
        if not say:
            del one["properties"]["multicastGroup"]
        got = w.put(one["resourceRef"], dict(one["properties"], broadcastMode="Unicast"))["properties"]
        require("multicastGroup" not in got, "it has a group still: %s" % got)
        equal(used(w, GROUPS), (1, 0), "usage of the pool")


@g.case("a group is not for Unicast")
def unicast(w):
    for body in ({"multicastGroup": "239.1.0.1"}, {"multicastGroup": "239.1.0.1", "broadcastMode": "Unicast"}):
        w.refused("PUT", NET + "/subnets/u", {"properties": dict(body, addressPrefix="10.3.0.0/24")}, 400, "InvalidProperty",
                  "properties.multicastGroup")


@g.case("a pool of groups in use is neither deleted nor shrunk, with its logical network either")
def groups_kept(w):
    w.put(NET + "/subnets/a0", {"addressPrefix": "10.2.0.0/24", "broadcastMode": "Multicast"})
    w.refused("DELETE", GROUPS, None, 409, "Conflict", GROUPS)
    w.refused("DELETE", "/logicalNetworks/fabric", None, 409, "Conflict", GROUPS)
    w.refused("PUT", GROUPS, {"properties": {"startIpAddress": "239.1.0.2", "endIpAddress": "239.1.0.3", "multicast": True}},
              409, "Conflict", "properties.startIpAddress")
    w.put(GROUPS, {"startIpAddress": "239.1.0.0", "endIpAddress": "239.1.0.3", "multicast": True}, (200,))
    w.delete(NET + "/subnets/a0")
    w.delete(GROUPS)


g = suite.group("public", networks)
POOL = ISP + "/ipPools/p"


@g.case("public addresses without a pool are the manager's to choose; a pool has to have room for all that there are")
def without(w):
    w.put("/publicIPAddresses/own", {"ipAddress": "203.0.113.9", "publicIPAllocationMethod": "Static"})
    body = {"startIpAddress": "198.51.100.0", "endIpAddress": "198.51.100.3"}
    w.refused("PUT", POOL, {"properties": body}, 409, "Conflict", "properties.startIpAddress")
    w.delete("/publicIPAddresses/own")
    w.put(POOL, body)


@g.case("with a pool they lie in one, chosen or not, and are no end of the subnet and none of its routers")
def within(w):
    subnet = {"addressPrefix": "198.51.100.0/30", "isPublic": True, "defaultGateways": ["198.51.100.1"]}
    w.put(ISP, subnet)
    for bad in ("8.8.8.8", "10.1.0.9", "198.51.100.0", "198.51.100.1", "198.51.100.3", "198.51.100.4"):
        for method in ("Static", "Dynamic"):
            said = w.refused("PUT", "/publicIPAddresses/own", {"properties": {"ipAddress": bad, "publicIPAllocationMethod": method}},
                             400, "InvalidProperty", "properties.ipAddress")
            require("must lie in an ipPool of a public logical subnet" in said["message"], said)
    equal(w.put("/publicIPAddresses/p", {})["properties"]["ipAddress"], "198.51.100.2", "the only one")
    w.refused("PUT", "/publicIPAddresses/q", {"properties": {}}, 409, "LimitExceeded", "properties.ipAddress")
    w.refused("PUT", ISP, {"properties": dict(subnet, defaultGateways=["198.51.100.2"])}, 409, "Conflict", "properties.isPublic")


@g.case("a pool in use is neither deleted, shrunk, moved, nor made private; not with its subnet or its network either")
def public_kept(w):
    for path in (POOL, ISP, OUT):
        w.refused("DELETE", path, None, 409, "Conflict", POOL)
    w.refused("PUT", POOL, {"properties": {"startIpAddress": "198.51.100.0", "endIpAddress": "198.51.100.1"}}, 409, "Conflict",
              "properties.startIpAddress")
    w.refused("PUT", ISP, {"properties": {"addressPrefix": "198.51.100.0/30", "isPublic": False}}, 409, "Conflict",
              "properties.isPublic")
    w.refused("PUT", ISP, {"properties": {"addressPrefix": "198.51.100.0/30", "isPublic": True, "ipPools": []}}, 409, "Conflict",
              POOL)
    w.refused("PUT", OUT, {"properties": {"subnets": [{"resourceId": "isp", "properties": {
        "addressPrefix": "198.51.100.0/30"}}]}}, 409, "Conflict", "properties.subnets[0].properties.isPublic")
    equal(used(w, POOL), (4, 1), "usage")


@g.case("in one batch a pool may give way to another that has what is in use")
def replaced(w):
    def change(properties):
        return w.call("POST", "/batch", [{"path": POOL, "method": "DELETE"}, {"path": ISP + "/ipPools/q", "body": {
            "properties": properties}}], checked=False)
    status, body, _ = change({"startIpAddress": "198.51.100.3", "endIpAddress": "198.51.100.3"})
    equal((status, body["error"]["code"]), (409, "Conflict"), "one that has not")
    status, body, _ = change({"startIpAddress": "198.51.100.2", "endIpAddress": "198.51.100.2"})
    equal(status, 200, "one that has (%s)" % body)
    w.delete("/publicIPAddresses/p")
    w.delete(OUT)


@g.case("private pools are not kept by public addresses, but what the manager chose from one is no node's any more")
def private(w):
    w.put("/publicIPAddresses/own", {"ipAddress": "10.1.0.9", "publicIPAllocationMethod": "Static"})
    pool = "/logicalNetworks/fabric/subnets/pa/ipPools/p"
    w.put(pool, {"startIpAddress": "10.1.0.9", "endIpAddress": "10.1.0.9"})
    equal(used(w, pool), (1, 1), "usage")
    w.put(pool, {"startIpAddress": "10.1.0.10", "endIpAddress": "10.1.0.10"})
    w.delete(pool)


g = suite.group("macs", networks)


@g.case("a pool of MAC addresses in use is neither deleted nor shrunk")
def macs_kept(w):
    mac = int(w.put("/networkInterfaces/n", {})["properties"]["privateMacAddress"], 16)
    w.refused("DELETE", "/macPools/m", None, 409, "Conflict", "/macPools/m")
    w.refused("PUT", "/macPools/m", {"properties": {"startMacAddress": "020000000010", "endMacAddress": "0200000000FF"}}, 409,
              "Conflict", "properties.startMacAddress")
    w.put("/macPools/m", {"startMacAddress": "%012X" % mac, "endMacAddress": "%012X" % mac})
    w.refused("PUT", "/networkInterfaces/o", {"properties": {}}, 409, "LimitExceeded", "properties.privateMacAddress")
    w.delete("/networkInterfaces/n")
    w.delete("/macPools/m")


@g.case("a pool has no addresses of groups in the middle")
def across(w):
    w.refused("PUT", "/macPools/x", {"properties": {"startMacAddress": "00FFFFFFFF00", "endMacAddress": "0200000000FF"}}, 400,
              "InvalidProperty", "properties.endMacAddress")


g = suite.group("moving", networks)


def move(w, where, **more):
    return w.put("/networkInterfaces/vm/ipConfigurations/i", dict({"subnet": ref(where)}, **more))["properties"]["privateIPAddress"]


@g.case("an address that gwd chose is chosen again where it is taken, or outside the pools")
def moves(w):
    other = "/virtualNetworks/other"
    w.put(other, {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}})
    for path in (NET + "/subnets/a", other + "/subnets/a"):
        w.put(path, {"addressPrefix": "10.2.0.0/24"})
    w.put(other + "/subnets/b", {"addressPrefix": "10.3.0.0/24", "ipPools": [
        {"resourceId": "p", "properties": {"startIpAddress": "10.3.0.100", "endIpAddress": "10.3.0.101"}}]})
    w.put("/networkInterfaces/vm", {})
    was = move(w, NET + "/subnets/a")
    equal(move(w, other + "/subnets/a"), was, "it is free there")
    equal(move(w, NET + "/subnets/a"), was, "and here again")
    w.put("/networkInterfaces/first", {"ipConfigurations": [{"resourceId": "i", "properties": {
        "subnet": ref(other + "/subnets/a"), "privateIPAddress": was, "privateIPAllocationMethod": "Static"}}]})
    now = move(w, other + "/subnets/a")
    require(now != was, "it has the address of another: %s" % now)
    one = w.get("/networkInterfaces/vm/ipConfigurations/i")["properties"]  # as a manager does that reads, edits and puts back
    require(move(w, other + "/subnets/b", privateIPAddress=one["privateIPAddress"]) in ("10.3.0.100", "10.3.0.101"), "in the pool")


@g.case("one that the manager chooses is refused where it cannot be")
def chosen(w):
    w.put("/virtualNetworks/other/subnets/c", {"addressPrefix": "10.4.0.0/24"})
    for method in ("Static", "Dynamic"):
        w.refused("PUT", "/networkInterfaces/vm/ipConfigurations/i", {"properties": {
            "subnet": ref("/virtualNetworks/other/subnets/c"), "privateIPAddress": "10.9.0.9", "privateIPAllocationMethod": method}},
            400, "InvalidProperty", "properties.privateIPAddress")


suite.main()
