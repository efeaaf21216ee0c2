#!/usr/bin/python3
# ADDR-1: VSIDs, routing domains, MAC addresses, addresses of VMs, public addresses and multicast groups, chosen by the manager
# or by gwd: never double, from the pools and no other, released when nobody has them, counted right.
import ipaddress
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world
from examples import ref
from lib import case
from lib.case import equal, require

NET = "/virtualNetworks/net"
suite = case.Suite()


def network():
    w = world.controller()
    w.put("/macPools/m", {"startMacAddress": "020000000000", "endMacAddress": "02000000FFFF"})
    w.put(NET, {"addressSpace": {"addressPrefixes": ["10.0.0.0/8", "fd00::/32"]}})
    return w


def subnet(w, name, prefix, **more):
    w.put(NET + "/subnets/" + name, dict({"addressPrefix": prefix}, **more))
    return NET + "/subnets/" + name


def nic_body(where, **more):
    return {"properties": {"ipConfigurations": [{"resourceId": "i", "properties": dict({"subnet": ref(where)}, **more)}]}}


def nic(w, name, where, **more):
    """Makes an interface in the subnet; returns its address, or the error that it got."""
    status, body, _ = w.call("PUT", "/networkInterfaces/" + name, nic_body(where, **more))
    if status >= 300:
        return body["error"]
    return body["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"]


def hosts(prefix):
    """What VMs may have of a prefix: neither network, router nor broadcast."""
    n = ipaddress.ip_network(prefix)
    return {str(a) for a in list(n)[2:-1]}


g = suite.group("addresses", network)


@g.case("a /24 until it is full: 253 VMs, each address once, none of the router, the network or broadcast")
def full(w):
    where = subnet(w, "full", "10.0.0.0/24")
    got = [nic(w, "f%d" % i, where) for i in range(253)]
    equal(len(got), len(set(got)), "addresses that are given once")
    equal(set(got), hosts("10.0.0.0/24"), "addresses that were given")
    macs = {w.get("/networkInterfaces/f%d" % i)["properties"]["privateMacAddress"] for i in range(253)}
    equal(len(macs), 253, "MAC addresses that are given once")
    require(all(m.startswith("02000000") for m in macs), "MAC addresses are from the pool")
    w.refused("PUT", "/networkInterfaces/more", nic_body(where), 409, "LimitExceeded",
              "properties.ipConfigurations[0].properties.privateIPAddress")
    w.refused("GET", "/networkInterfaces/more", None, 404, "NotFound")
    equal(w.get("/macPools/m")["properties"]["usage"],
          {"numberOfMACAddresses": 65536, "numberOfMACAddressesAllocated": 253}, "usage of the MAC pool")
    equal(len(w.get(where)["properties"]["ipConfigurations"]), 253, "who lives there")


@g.case("one that goes makes room for just one")
def released(w):
    where, was = NET + "/subnets/full", w.get("/networkInterfaces/f77/ipConfigurations/i")["properties"]["privateIPAddress"]
    w.delete("/networkInterfaces/f77")
    equal(nic(w, "n77", where), was, "the address that was free")
    w.refused("PUT", "/networkInterfaces/more", nic_body(where), 409, "LimitExceeded",
              "properties.ipConfigurations[0].properties.privateIPAddress")


@g.case("a VM that moves takes an address there, and leaves the one it had to others")
def moves(w):
    there = subnet(w, "there", "10.0.1.0/24")
    was = w.get("/networkInterfaces/f5/ipConfigurations/i")["properties"]["privateIPAddress"]
    got = nic(w, "f5", there)
    require(got in hosts("10.0.1.0/24"), "its address there: %s" % got)
    equal(nic(w, "n5", NET + "/subnets/full"), was, "the address that it had")


@g.case("the same addresses in another subnet, and in another network, are others")
def apart(w):
    w.put("/virtualNetworks/other", {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}})
    w.put("/virtualNetworks/other/subnets/s", {"addressPrefix": "10.0.0.0/24"})
    equal(nic(w, "o1", "/virtualNetworks/other/subnets/s", privateIPAddress="10.0.0.9", privateIPAllocationMethod="Static"),
          "10.0.0.9", "an address that net has given too")


@g.case("small subnets: /30 has one VM, /29 five; IPv6 has no broadcast")
def small(w):
    for name, prefix, expected in (("s30", "10.1.0.0/30", {"10.1.0.2"}),
                                   ("s29", "10.1.0.8/29", {"10.1.0.%d" % i for i in range(10, 15)}),
                                   ("s6", "fd00::/125", {"fd00::%d" % i for i in range(2, 8)})):
        where = subnet(w, name, prefix)
        got = [nic(w, "%s-%d" % (name, i), where) for i in range(len(expected) + 1)]
        equal(set(got[:-1]), expected, "addresses of " + prefix)
        equal(got[-1]["code"], "LimitExceeded", "one more in " + prefix)


@g.case("explicit and automatic ones do not meet, in any order, also when they come in one request")
def mixed(w):
    where = subnet(w, "mixed", "10.2.0.0/28")
    equal(nic(w, "x1", where, privateIPAddress="10.2.0.3"), "10.2.0.3", "an explicit one")
    status, body, _ = w.call("PUT", "/networkInterfaces/x2", {"properties": {"ipConfigurations": [
        {"resourceId": "auto%d" % i, "properties": {"subnet": ref(where)}} for i in range(5)] + [
        {"resourceId": "own%d" % i, "properties": {"subnet": ref(where), "privateIPAddress": "10.2.0.%d" % i}}
        for i in (2, 5, 6)]}})
    equal(status, 201, "PUT of both (%s)" % body)
    got = {c["resourceId"]: c["properties"]["privateIPAddress"] for c in body["properties"]["ipConfigurations"]}
    equal({i: got["own%d" % i] for i in (2, 5, 6)}, {i: "10.2.0.%d" % i for i in (2, 5, 6)}, "explicit ones")
    equal(len(set(got.values()) | {"10.2.0.3"}), 9, "addresses that are given once")
    for taken in set(got.values()) | {"10.2.0.3"}:
        w.refused("PUT", "/networkInterfaces/x3", nic_body(where, privateIPAddress=taken), 409, "Conflict",
                  "properties.ipConfigurations[0].properties.privateIPAddress")
    rest = [nic(w, "x4-%d" % i, where) for i in range(4)]
    equal(set(rest) | set(got.values()) | {"10.2.0.3"}, hosts("10.2.0.0/28"), "all that there are")


@g.case("two of one request may not have the same")
def same_request(w):
    where = subnet(w, "twice", "10.2.1.0/28")
    w.refused("PUT", "/networkInterfaces/x9", {"properties": {"ipConfigurations": [
        {"resourceId": str(i), "properties": {"subnet": ref(where), "privateIPAddress": "10.2.1.5"}} for i in range(2)]}},
        409, "Conflict", lambda t: t.startswith("properties.ipConfigurations["))
    w.refused("GET", "/networkInterfaces/x9", None, 404, "NotFound")
    equal(w.get(where)["properties"]["ipConfigurations"], [], "who lives there")


@g.case("two VMs can change their addresses, but not by one request each")
def swap(w):
    where = subnet(w, "swap", "10.2.2.0/28")
    body = [{"resourceId": n, "properties": {"subnet": ref(where), "privateIPAddress": "10.2.2.%d" % i}}
            for n, i in (("a", 4), ("b", 5))]
    w.put("/networkInterfaces/sw", {"ipConfigurations": body}, (201,))
    w.refused("PUT", "/networkInterfaces/sw/ipConfigurations/a",
              {"properties": dict(body[0]["properties"], privateIPAddress="10.2.2.5")}, 409, "Conflict",
              "properties.privateIPAddress")
    body[0]["properties"]["privateIPAddress"], body[1]["properties"]["privateIPAddress"] = "10.2.2.5", "10.2.2.4"
    w.put("/networkInterfaces/sw", {"ipConfigurations": body}, (200,))
    equal([c["properties"]["privateIPAddress"] for c in w.get("/networkInterfaces/sw")["properties"]["ipConfigurations"]],
          ["10.2.2.5", "10.2.2.4"], "addresses")


@g.case("pools are kept to, and their usage is right")
def pools(w):
    where = subnet(w, "pooled", "10.3.0.0/24", ipPools=[
        {"resourceId": "low", "properties": {"startIpAddress": "10.3.0.1", "endIpAddress": "10.3.0.4"}},
        {"resourceId": "high", "properties": {"startIpAddress": "10.3.0.254", "endIpAddress": "10.3.0.255"}}])

    def usage():
        return [(u["numberOfIPAddresses"], u["numberofIPAddressesAllocated"], u["numberOfIPAddressesInTransition"]) for u in
                (p["properties"]["usage"] for p in w.get(where)["properties"]["ipPools"])]
    equal(usage(), [(4, 0, 0), (2, 0, 0)], "usage of empty pools")
    got = [nic(w, "p%d" % i, where) for i in range(4)]  # .2 to .4 and .254: .1 is the router's, .255 for broadcast
    equal(set(got), {"10.3.0.2", "10.3.0.3", "10.3.0.4", "10.3.0.254"}, "addresses")
    equal(nic(w, "p5", where)["code"], "LimitExceeded", "one more")
    equal(usage(), [(4, 3, 0), (2, 1, 0)], "usage of full pools")
    w.put(where + "/ipPools/more", {"startIpAddress": "10.3.0.100", "endIpAddress": "10.3.0.100"})
    equal(nic(w, "p5", where), "10.3.0.100", "an address of the new pool")
    w.refused("DELETE", where + "/ipPools/more", None, 409, "Conflict", lambda t: bool(t))
    w.delete("/networkInterfaces/p5")
    w.delete(where + "/ipPools/more")
    w.delete("/networkInterfaces/p0")
    require(sum(u[1] for u in usage()) == 3, "usage after one has gone: %s" % usage())


g = suite.group("others", network)


@g.case("VSIDs: hundreds, each once, within their range, beside those that the manager chose")
def vsids(w):
    w.put(NET, {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}})
    first = w.put(NET + "/subnets/first", {"addressPrefix": "10.0.0.0/24"})["properties"]["isolationId"]
    for i in range(1, 6):  # in the way of the next automatic ones
        w.put(NET + "/subnets/own%d" % i, {"addressPrefix": "10.0.%d.0/24" % i, "isolationId": first + i})
    body = w.put("/virtualNetworks/many", {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}, "subnets": [
        {"resourceId": "s%d" % i, "properties": {"addressPrefix": "10.%d.%d.0/24" % (i // 200, i % 200)}} for i in range(400)]})
    got = [s["properties"]["isolationId"] for s in body["properties"]["subnets"]]
    equal(len(set(got) | {first + i for i in range(6)}), 406, "VSIDs that are given once")
    require(all(4096 <= v <= 16777214 for v in got), "VSIDs are in their range")
    w.refused("PUT", NET + "/subnets/n", {"properties": {"addressPrefix": "10.9.0.0/24", "isolationId": got[7]}}, 409,
              "Conflict", "properties.isolationId")
    w.delete("/virtualNetworks/many")
    w.put(NET + "/subnets/n", {"addressPrefix": "10.9.0.0/24", "isolationId": got[7]}, (201,))


@g.case("what was assigned stays when a PUT leaves it out")
def stays(w):
    for path, name in ((NET + "/subnets/first", "isolationId"), (NET, "routingDomainId")):
        one = w.get(path)
        was = one["properties"].pop(name)
        one["tags"] = {"n": 1}
        status, body, _ = w.call("PUT", path, one)
        equal((status, body["properties"][name]), (200, was), "%s of %s" % (name, path))


@g.case("VSIDs are assigned within [controller] vsids; an operator may choose others")
def own_vsids(w):
    w = world.Controller("vsids", {"controller": {"vsids": "7001-7003"}})
    case.after_group.append(w.stop)
    w.start()
    w.put(NET, {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}})
    w.put(NET + "/subnets/own", {"addressPrefix": "10.0.0.0/24", "isolationId": 7002})
    w.put(NET + "/subnets/out", {"addressPrefix": "10.0.1.0/24", "isolationId": 7004})
    got = {w.put(NET + "/subnets/s%d" % i, {"addressPrefix": "10.1.%d.0/24" % i})["properties"]["isolationId"] for i in (1, 2)}
    equal(got, {7001, 7003}, "VSIDs")
    w.refused("PUT", NET + "/subnets/s3", {"properties": {"addressPrefix": "10.1.3.0/24"}}, 409, "LimitExceeded",
              "properties.isolationId")


@g.case("routing domains: assigned ones are UUIDs, each once")
def domains(w):
    got = {w.put("/virtualNetworks/d%d" % i, {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}})["properties"]
           ["routingDomainId"] for i in range(20)}
    equal(len(got), 20, "routing domains that are given once")
    require("00000000-0000-0000-0000-000000000000" not in got, "none is zero")


@g.case("MAC addresses: until the pool is used up, around those that the manager chose, and never the router's")
def macs(w):
    w.delete("/macPools/m")
    w.refused("PUT", "/networkInterfaces/none", {"properties": {}}, 409, "LimitExceeded", "properties.privateMacAddress")
    # The router's default address is within the first, 02:67:77:64:00:01.
    w.put("/macPools/a", {"startMacAddress": "026777640000", "endMacAddress": "026777640007"})
    w.put("/macPools/b", {"startMacAddress": "02AA00000000", "endMacAddress": "02AA00000003"})
    w.put("/networkInterfaces/own", {"privateMacAddress": "02:67:77:64:00:03", "privateMacAllocationMethod": "Static"})
    got = [w.put("/networkInterfaces/m%d" % i, {})["properties"]["privateMacAddress"] for i in range(10)]
    equal(set(got), {"02677764000%d" % i for i in (0, 2, 4, 5, 6, 7)} | {"02AA0000000%d" % i for i in range(4)}, "addresses")
    w.refused("PUT", "/networkInterfaces/more", {"properties": {}}, 409, "LimitExceeded", "properties.privateMacAddress")
    equal([w.get("/macPools/" + p)["properties"]["usage"] for p in "ab"],
          [{"numberOfMACAddresses": 8, "numberOfMACAddressesAllocated": 7},
           {"numberOfMACAddresses": 4, "numberOfMACAddressesAllocated": 4}], "usage")
    was = w.get("/networkInterfaces/m3")["properties"]["privateMacAddress"]
    w.delete("/networkInterfaces/m3")
    equal(w.put("/networkInterfaces/more", {})["properties"]["privateMacAddress"], was, "the one that was free")
    # What lies outside every pool is the manager's to choose.
    w.put("/networkInterfaces/own", {"privateMacAddress": "00155D999999"})
    equal(w.put("/networkInterfaces/one", {})["properties"]["privateMacAddress"], "026777640003", "the one that he left")


@g.case("public addresses: from public subnets only, each once, around those that the manager chose")
def public(w):
    w.refused("PUT", "/publicIPAddresses/none", {"properties": {}}, 409, "LimitExceeded", "properties.ipAddress")
    w.put("/logicalNetworks/l", {"subnets": [
        {"resourceId": "in", "properties": {"addressPrefix": "10.1.0.0/24", "ipPools": [
            {"resourceId": "p", "properties": {"startIpAddress": "10.1.0.10", "endIpAddress": "10.1.0.20"}}]}},
        {"resourceId": "out", "properties": {"addressPrefix": "198.51.100.0/24", "isPublic": True, "ipPools": [
            {"resourceId": "p", "properties": {"startIpAddress": "198.51.100.10", "endIpAddress": "198.51.100.13"}}]}}]})
    w.put("/publicIPAddresses/own", {"ipAddress": "198.51.100.11", "publicIPAllocationMethod": "Static"})
    got = [w.put("/publicIPAddresses/p%d" % i, {})["properties"]["ipAddress"] for i in range(3)]
    equal(set(got), {"198.51.100.10", "198.51.100.12", "198.51.100.13"}, "addresses")
    w.refused("PUT", "/publicIPAddresses/more", {"properties": {}}, 409, "LimitExceeded", "properties.ipAddress")
    usage = [w.get("/logicalNetworks/l/subnets/%s/ipPools/p" % s)["properties"]["usage"]["numberofIPAddressesAllocated"]
             for s in ("in", "out")]
    equal(usage, [0, 4], "usage")
    w.delete("/publicIPAddresses/own")
    equal(w.put("/publicIPAddresses/more", {})["properties"]["ipAddress"], "198.51.100.11", "the one that was free")


@g.case("a node with a foot in a public subnet: its address is not given to anybody, and it gets none that is")
def foot(w):
    subnet, server = "/logicalNetworks/l/subnets/foot", "/servers/foot"
    w.put(subnet, {"addressPrefix": "203.0.113.0/28", "isPublic": True})
    w.put(subnet + "/ipPools/p", {"startIpAddress": "203.0.113.4", "endIpAddress": "203.0.113.5"})
    got = w.put(server, {"providerAddresses": [{"logicalSubnet": ref(subnet)}]})["properties"]["providerAddresses"][0]["address"]
    other = ({"203.0.113.4", "203.0.113.5"} - {got}).pop()
    w.refused("PUT", "/publicIPAddresses/foot", {"properties": {"ipAddress": got, "publicIPAllocationMethod": "Static"}}, 409,
              "Conflict", "properties.ipAddress")
    equal(w.put("/publicIPAddresses/foot", {})["properties"]["ipAddress"], other, "the one that is left")
    w.refused("PUT", "/publicIPAddresses/third", {"properties": {}}, 409, "LimitExceeded", "properties.ipAddress")
    w.refused("PUT", "/servers/more", {"properties": {"providerAddresses": [{"address": other}]}}, 409, "Conflict",
              "properties.providerAddresses")
    w.refused("PUT", "/servers/more", {"properties": {"providerAddresses": [{"logicalSubnet": ref(subnet)}]}}, 409,
              "LimitExceeded", "properties.providerAddresses[0].address")
    equal(w.get(subnet + "/ipPools/p")["properties"]["usage"]["numberofIPAddressesAllocated"], 2, "of both")
    for path in (server, "/publicIPAddresses/foot", subnet):
        w.delete(path)


@g.case("provider addresses of servers are counted in their pool")
def provider(w):
    w.put("/servers/s", {"providerAddresses": [{"address": "10.1.0.10"}, {"address": "10.1.0.20"}, {"address": "10.9.0.21"}]})
    usage = w.get("/logicalNetworks/l/subnets/in/ipPools/p")["properties"]["usage"]
    equal((usage["numberOfIPAddresses"], usage["numberofIPAddressesAllocated"]), (11, 2), "usage")
    w.refused("PUT", "/servers/t", {"properties": {"providerAddresses": [{"address": "10.1.0.10"}]}}, 409, "Conflict",
              "properties.providerAddresses")
    w.refused("PUT", "/servers/t", {"properties": {"providerAddresses": [{"address": "10.1.0.30"}, {"address": "10.1.0.30"}]}},
              409, "Conflict", "properties.providerAddresses")


PA = "/logicalNetworks/fabric/subnets/pa"


def node(w, name, *addresses):
    """Makes a server with these provider addresses; returns those that it has."""
    body = w.put("/servers/" + name, {"providerAddresses": list(addresses)})
    return [a["address"] for a in body["properties"]["providerAddresses"]]


@g.case("provider addresses that nobody chose: from the pools of their subnet, no router, each once, kept, free again")
def provider(w):
    w.put("/logicalNetworks/fabric", {})
    w.put(PA, {"addressPrefix": "10.2.0.0/24", "defaultGateways": ["10.2.0.11"]})
    w.refused("PUT", "/servers/n0", {"properties": {"providerAddresses": [{"interface": "eth1", "logicalSubnet": ref(PA)}]}},
              409, "LimitExceeded", "properties.providerAddresses[0].address")
    w.refused("PUT", "/servers/n0", {"properties": {"providerAddresses": [{"interface": "eth1"}]}}, 400, "MissingProperty",
              "properties.providerAddresses[0].address")
    w.put(PA + "/ipPools/p", {"startIpAddress": "10.2.0.10", "endIpAddress": "10.2.0.14"})
    mine = {"interface": "eth1", "logicalSubnet": ref(PA)}
    chosen = dict(mine, address="10.2.0.12")
    equal(node(w, "n1", chosen), ["10.2.0.12"], "one that was chosen")
    two = node(w, "n2", mine, mine)
    three = node(w, "n3", dict(mine, interface="eth2"))
    equal(set(two + three), {"10.2.0.10", "10.2.0.13", "10.2.0.14"}, "those that were assigned")
    w.refused("PUT", "/servers/n4", {"properties": {"providerAddresses": [mine]}}, 409, "LimitExceeded",
              "properties.providerAddresses[0].address")
    equal(w.get(PA + "/ipPools/p")["properties"]["usage"]["numberofIPAddressesAllocated"], 4, "usage")

    etag = w.get("/servers/n2")["etag"]
    equal(node(w, "n2", mine, mine), two, "said again without addresses")
    equal(w.get("/servers/n2")["etag"], etag, "nothing has changed")
    equal(node(w, "n2", mine, dict(mine, address=two[0])), [two[1], two[0]], "one of them said, the other kept")
    equal(node(w, "n2", mine), [two[1]], "one of them left out")
    equal(node(w, "n4", mine), [two[0]], "what it had is free")
    w.delete("/servers/n4")
    equal(node(w, "n5", dict(mine, interface="eth7")), [two[0]], "free again")


@g.case("provider addresses that were chosen lie in their subnet's pools, and keep the pools there")
def provider_bounds(w):
    def refused(target, **element):
        w.refused("PUT", "/servers/n9", {"properties": {"providerAddresses": [dict({"logicalSubnet": ref(PA)}, **element)]}},
                  400, "InvalidProperty", "properties.providerAddresses[0]." + target)
    free = w.get("/servers/n5")["properties"]["providerAddresses"][0]["address"]
    w.delete("/servers/n5")
    refused("address", address="10.3.0.1")
    refused("address", address="10.2.0.11")
    refused("address", address="10.2.0.99")
    refused("prefixLength", address=free, prefixLength=16)
    refused("interface", address=free, interface="a/b")
    w.refused("PUT", PA + "/ipPools/p", {"properties": {"startIpAddress": "10.2.0.13", "endIpAddress": "10.2.0.99"}}, 409,
              "Conflict", "properties.addressPrefix")
    w.refused("PUT", PA, {"properties": {"addressPrefix": "10.2.0.0/24", "defaultGateways": ["10.2.0.12"]}}, 409, "Conflict",
              "properties.addressPrefix")
    w.put(PA + "/ipPools/q", {"startIpAddress": "10.2.0.20", "endIpAddress": "10.2.0.29"})
    w.refused("DELETE", PA + "/ipPools/p", None, 409, "Conflict", "properties.addressPrefix")
    w.delete(PA + "/ipPools/q")


@g.case("provider addresses for which no subnet was named are those of the one that has them; none are of a link only")
def unnamed(w):
    def refused(*addresses):
        for a in addresses:
            w.refused("PUT", "/servers/n9", {"properties": {"providerAddresses": [{"address": a}]}}, 400, "InvalidProperty",
                      "properties.providerAddresses[0].address")
    subnet = "/logicalNetworks/l/subnets/unnamed"
    refused("169.254.3.3", "fe80::1", "224.0.0.1")
    node(w, "n9", {"address": "10.77.0.1"})
    w.refused("PUT", subnet, {"properties": {"addressPrefix": "10.77.0.0/24", "defaultGateways": ["10.77.0.1"]}}, 409,
              "Conflict", "properties.addressPrefix")
    node(w, "n9", {"address": "10.77.0.9"})
    w.put(subnet, {"addressPrefix": "10.77.0.0/24", "defaultGateways": ["10.77.0.1"]})
    refused("10.77.0.0", "10.77.0.1", "10.77.0.255")
    w.put(subnet + "/ipPools/p", {"startIpAddress": "10.77.0.9", "endIpAddress": "10.77.0.19"})
    refused("10.77.0.8", "10.77.0.20")
    equal(node(w, "n9", {"address": "10.77.0.19"}), ["10.77.0.19"], "one of the pool's")
    w.refused("PUT", subnet + "/ipPools/p", {"properties": {"startIpAddress": "10.77.0.9", "endIpAddress": "10.77.0.18"}}, 409,
              "Conflict", "properties.addressPrefix")
    w.delete("/servers/n9")
    w.delete(subnet)


@g.case("multicast groups: from multicast pools only, each once, only for subnets that want one")
def groups(w):
    def make(i, **more):
        return w.call("PUT", NET + "/subnets/g%d" % i,
                      {"properties": dict({"addressPrefix": "10.50.%d.0/24" % i, "broadcastMode": "Multicast"}, **more)})
    w.put("/logicalNetworks/l/subnets/in/ipPools/g", {
        "startIpAddress": "239.1.0.1", "endIpAddress": "239.1.0.3", "multicast": True})
    make(1, multicastGroup="239.1.0.2")
    got = [make(i)[1]["properties"]["multicastGroup"] for i in (2, 3)]
    equal(set(got), {"239.1.0.1", "239.1.0.3"}, "groups")
    status, body, _ = make(4)
    equal((status, body["error"]["code"]), (409, "LimitExceeded"), "one more")
    require("multicastGroup" not in make(5, broadcastMode="Unicast")[1]["properties"], "Unicast needs none")
    equal(w.get("/logicalNetworks/l/subnets/in/ipPools/g")["properties"]["usage"]["numberofIPAddressesAllocated"], 3, "usage")
    w.refused("PUT", NET + "/subnets/g1", {"properties": {
        "addressPrefix": "10.50.1.0/24", "broadcastMode": "Multicast", "multicastGroup": "239.1.0.4"}}, 400, "InvalidProperty",
        "properties.multicastGroup")
    w.refused("PUT", "/logicalNetworks/l/subnets/in/ipPools/g", {"properties": {
        "startIpAddress": "239.1.0.1", "endIpAddress": "239.1.0.2", "multicast": True}}, 409, "Conflict", "properties.startIpAddress")
    w.refused("PUT", "/logicalNetworks/l/subnets/in/ipPools/h", {"properties": {
        "startIpAddress": "224.0.0.200", "endIpAddress": "224.0.1.10", "multicast": True}}, 400, "InvalidProperty",
        "properties.startIpAddress")


@g.case("multicast groups without a pool: FWD-9's range, without the addresses that switches flood")
def usual_groups(w):
    for i in (1, 2, 3):
        w.delete(NET + "/subnets/g%d" % i)
    w.delete("/logicalNetworks/l/subnets/in/ipPools/g")
    path, body = NET + "/subnets/u", {"addressPrefix": "10.51.0.0/24", "broadcastMode": "Multicast"}
    group = ipaddress.ip_address(w.put(path, body)["properties"]["multicastGroup"])
    require(group in ipaddress.ip_network("239.0.0.0/8") and group not in ipaddress.ip_network("239.0.0.0/24") and
            group not in ipaddress.ip_network("239.128.0.0/24"), "the group %s" % group)
    for chosen in ("239.0.0.7", "239.128.0.7", "224.0.0.251", "238.1.1.1"):
        w.refused("PUT", path, {"properties": dict(body, multicastGroup=chosen)}, 400, "InvalidProperty",
                  "properties.multicastGroup")
    w.put(path, dict(body, multicastGroup="239.255.255.255"))
    w.refused("PUT", "/logicalNetworks/l/subnets/in/ipPools/g", {"properties": {
        "startIpAddress": "239.1.0.1", "endIpAddress": "239.1.0.3", "multicast": True}}, 409, "Conflict", "properties.startIpAddress")


suite.main()
