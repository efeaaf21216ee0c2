#!/usr/bin/python3
# What several resources do to each other, where each of them is sound: which of them is blamed when they come together, and
# what one cannot use because of what another is. And what this version keeps without a meaning, or has none of.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world
from examples import ref
from lib import case
from lib.case import equal, require

suite = case.Suite()
SPACE = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}


def child(name, **properties):
    return {"resourceId": name, "properties": properties}


g = suite.group("trees", world.controller)


@g.case("of a tree in one PUT the child is blamed that is wrong, at its place in the body, not its parent")
def trees(w):
    w.put("/macPools/m", {"startMacAddress": "020000000000", "endMacAddress": "02000000FFFF"})
    for path, properties, status, target in (
            ("/virtualNetworks/n", dict(SPACE, subnets=[child("a", addressPrefix="10.0.0.0/24"),
                                                        child("b", addressPrefix="10.9.0.0/24")]),
             400, "subnets[1].properties.addressPrefix"),
            ("/virtualNetworks/n", dict(SPACE, subnets=[child("a", addressPrefix="10.0.0.0/24", ipPools=[
                child("p", startIpAddress="10.0.1.1", endIpAddress="10.0.1.9")])]),
             400, "subnets[0].properties.ipPools[0].properties.startIpAddress"),
            ("/logicalNetworks/n", {"subnets": [child("a", addressPrefix="10.0.0.0/24", ipPools=[
                child("p", startIpAddress="10.0.0.1", endIpAddress="10.0.1.9")])]},
             400, "subnets[0].properties.ipPools[0].properties.endIpAddress")):
        w.refused("PUT", path, {"properties": properties}, status, "InvalidProperty", "properties." + target)
        w.refused("GET", path, None, 404, "NotFound")
    for n in "uv":
        w.put("/virtualNetworks/" + n, dict(SPACE, subnets=[child("s", addressPrefix="10.0.0.0/24")]))
    w.refused("PUT", "/networkInterfaces/n", {"properties": {"ipConfigurations": [
        child(n, subnet=ref("/virtualNetworks/%s/subnets/s" % n)) for n in "uv"]}}, 400, "InvalidProperty",
        lambda t: t.startswith("properties.ipConfigurations[") and t.endswith("].properties.subnet"))


@g.case("a child that was there, and does not fit into what its parent is to be, is the parent's conflict")
def parents(w):
    w.refused("PUT", "/virtualNetworks/u", {"properties": {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}}, 409, "Conflict",
              "properties.addressSpace.addressPrefixes")
    one = w.get("/virtualNetworks/u")
    one["properties"]["addressSpace"]["addressPrefixes"] = ["10.1.0.0/16"]
    w.refused("PUT", "/virtualNetworks/u", one, 409, "Conflict", "properties.addressSpace.addressPrefixes")


@g.case("a body says no other resource than its path, also as a child in a list")
def places(w):
    def refused(path, body, target):
        w.refused("PUT", path, body, 400, "InvalidProperty", target)
    refused("/virtualNetworks/x", {"resourceRef": "/virtualNetworks/u", "resourceId": "x", "properties": SPACE}, "resourceRef")
    refused("/virtualNetworks/x", {"resourceRef": "/servers/x", "properties": SPACE}, "resourceRef")
    subnet = {"resourceRef": "/virtualNetworks/u/subnets/t", "properties": {"addressPrefix": "10.0.9.0/24"}}
    refused("/virtualNetworks/v/subnets/t", subnet, "resourceRef")
    refused("/virtualNetworks/v", {"properties": dict(SPACE, subnets=[
        child("s", addressPrefix="10.0.0.0/24"), subnet])}, "properties.subnets[1].resourceRef")
    w.refused("GET", "/virtualNetworks/x", None, 404, "NotFound")
    w.refused("GET", "/virtualNetworks/v/subnets/t", None, 404, "NotFound")
    for said in ("/virtualNetworks/u/subnets/t", "/VIRTUALnetworks/U/subnets/T", "/virtualNetworks/u/subnets/t?tenantId="):
        w.put("/virtualNetworks/u/subnets/t", subnet["properties"], resourceRef=said)


g = suite.group("together", world.controller)


def balancer(w, name, address, *ports):
    front = "/loadBalancers/%s/frontendIPConfigurations/f" % name
    return w.call("PUT", "/loadBalancers/" + name, {"properties": {
        "frontendIPConfigurations": [child("f", publicIPAddress=ref(address))], "backendAddressPools": [child("p")],
        "inboundNatRules": [child("r%d" % port, frontendIPConfigurations=[ref(front)], protocol="Tcp", frontendPort=port)
                            for port in ports]}})


@g.case("a port of a public address is translated once, by whatever load balancer, also when a front end moves there")
def ports(w):
    for n in (7, 8):
        w.put("/publicIPAddresses/a%d" % n, {"ipAddress": "198.51.100.%d" % n, "publicIPAllocationMethod": "Static"})
    equal(balancer(w, "one", "/publicIPAddresses/a7", 80, 443)[0], 201, "the first")
    status, body, _ = balancer(w, "two", "/publicIPAddresses/a7", 22, 80)
    equal((status, body["error"]["code"]), (409, "Conflict"), "the second (%s)" % body)
    require(body["error"]["target"] in ("properties.inboundNatRules[1].properties.frontendPort",
                                        "properties.frontendIPConfigurations[0].properties.publicIPAddress"), body)
    equal(balancer(w, "two", "/publicIPAddresses/a7", 22)[0], 201, "with another port")
    equal(balancer(w, "three", "/publicIPAddresses/a8", 22)[0], 201, "the same port of another address")
    w.refused("PUT", "/loadBalancers/three/frontendIPConfigurations/f", {"properties": {
        "publicIPAddress": ref("/publicIPAddresses/a7")}}, 409, "Conflict", "properties.publicIPAddress")
    w.put("/loadBalancers/one/frontendIPConfigurations/g", {"publicIPAddress": ref("/publicIPAddresses/a7")})
    w.refused("PUT", "/loadBalancers/one/inboundNatRules/g", {"properties": {
        "frontendIPConfigurations": [ref("/loadBalancers/one/frontendIPConfigurations/g")], "protocol": "Tcp",
        "frontendPort": 443}}, 409, "Conflict", "properties.frontendPort")


@g.case("an outbound rule is for a pool of its own load balancer, and for another protocol than the pool's other rules")
def outbound(w):
    def rule(balancer, pool, protocol):
        return {"frontendIPConfigurations": [ref("/loadBalancers/%s/frontendIPConfigurations/f" % balancer)], "protocol": protocol,
                "backendAddressPool": ref("/loadBalancers/%s/backendAddressPools/p" % pool)}
    w.refused("PUT", "/loadBalancers/one/outboundNatRules/o", {"properties": rule("one", "two", "All")}, 400, "InvalidProperty",
              "properties.backendAddressPool")
    w.put("/loadBalancers/one/outboundNatRules/tcp", rule("one", "one", "Tcp"))
    w.put("/loadBalancers/one/outboundNatRules/udp", rule("one", "one", "Udp"))
    w.refused("PUT", "/loadBalancers/one/outboundNatRules/all", {"properties": rule("one", "one", "All")}, 409, "Conflict",
              "properties.backendAddressPool")


@g.case("a shared address is nobody's alone")
def shared(w):
    w.put("/macPools/m", {"startMacAddress": "020000000000", "endMacAddress": "02000000FFFF"})
    w.put("/virtualNetworks/n", dict(SPACE, subnets=[child("s", addressPrefix="10.0.0.0/24")]))
    w.put("/publicIPAddresses/shared", {"ipAddress": "198.51.100.9", "publicIPAllocationMethod": "Static", "shared": True})
    w.refused("PUT", "/networkInterfaces/vm", {"properties": {"ipConfigurations": [
        child("i", subnet=ref("/virtualNetworks/n/subnets/s"), publicIPAddress=ref("/publicIPAddresses/shared"))]}}, 400,
        "InvalidProperty", "properties.ipConfigurations[0].properties.publicIPAddress")


@g.case("what a node is not, nobody makes it: neither a gateway on a host, nor a VM on a gateway; one of unknown roles is both")
def roles(w):
    for role in ("host", "gateway"):
        w.put("/servers/" + role, {"roles": [role]})
    w.put("/servers/any", {})
    w.refused("PUT", "/gateways/g", {"properties": {"virtualServer": ref("/servers/host")}}, 400, "InvalidProperty",
              "properties.virtualServer")
    w.refused("PUT", "/networkInterfaces/vm", {"properties": {"server": ref("/servers/gateway")}}, 400, "InvalidProperty",
              "properties.server")
    for n in ("gateway", "any"):
        w.put("/gateways/" + n, {"virtualServer": ref("/servers/" + n)})
    for n in ("host", "any"):
        w.put("/networkInterfaces/" + n, {"server": ref("/servers/" + n)})
    w.refused("PUT", "/servers/any", {"properties": {"roles": ["gateway"]}}, 409, "Conflict", "properties.roles")


@g.case("policies, and subnets, are of the same virtual gateway")
def policies(w):
    for n in "xy":
        w.put("/virtualNetworks/" + n, dict(SPACE, subnets=[child("s", addressPrefix="10.0.0.0/24")]))
        w.put("/virtualGateways/" + n, {"virtualNetwork": ref("/virtualNetworks/" + n), "policyMaps": [child("m")],
                                        "bgpRouters": [child("r", extAsNumber="0.65001")]})
    for name in ("policyMapIn", "policyMapOut"):
        w.refused("PUT", "/virtualGateways/x/bgpRouters/r/bgpPeers/p", {"properties": {
            "peerIpAddress": "10.0.0.9", "asNumber": 7, name: ref("/virtualGateways/y/policyMaps/m")}}, 400, "InvalidProperty",
            "properties." + name)
    w.put("/virtualGateways/x/bgpRouters/r/bgpPeers/p", {"peerIpAddress": "10.0.0.9", "asNumber": 7,
                                                         "policyMapIn": ref("/virtualGateways/x/policyMaps/m")})
    w.refused("PUT", "/virtualGateways/z", {"properties": {"gatewaySubnets": [
        ref("/virtualNetworks/%s/subnets/s" % n) for n in "xy"]}}, 400, "InvalidProperty", "properties.gatewaySubnets")


@g.case("a network has one virtual gateway, also where a gateway says it only by its subnets")
def one_gateway(w):
    w.put("/virtualNetworks/one", dict(SPACE, subnets=[child("g%d" % i, addressPrefix="10.0.%d.0/24" % i) for i in range(3)]))
    network = {"virtualNetwork": ref("/virtualNetworks/one")}

    def by_subnets(*which):
        return {"gatewaySubnets": [ref("/virtualNetworks/one/subnets/g%d" % i) for i in which]}
    for first in (dict(network, **by_subnets(0)), network, by_subnets(0), by_subnets(0, 1)):
        w.put("/virtualGateways/first", first, (201,))
        w.refused("PUT", "/virtualGateways/second", {"properties": network}, 409, "Conflict", "properties.virtualNetwork")
        w.refused("PUT", "/virtualGateways/second", {"properties": by_subnets(2)}, 409, "Conflict", "properties.gatewaySubnets")
        w.put("/virtualGateways/first", by_subnets(2), (200,))
        w.put("/virtualGateways/first", network, (200,))
        w.delete("/virtualGateways/first")
    w.put("/virtualGateways/second", by_subnets(0), (201,))
    w.delete("/virtualGateways/second")


@g.case("a gateway subnet of any size is the gateway's alone: no interface lives there, whichever comes first, nor at its router's")
def gateway_subnets(w):
    w.put("/virtualNetworks/sized", dict(SPACE, subnets=[
        child("vms", addressPrefix="10.0.1.0/24")] + [child("g%d" % n, addressPrefix="10.0.%d.0/%d" % (n, n)) for n in (24, 28, 29, 30)]))
    gateway = {"virtualNetwork": ref("/virtualNetworks/sized")}

    def nic(subnet, address=None):
        return {"ipConfigurations": [child("c", subnet=ref("/virtualNetworks/sized/subnets/" + subnet),
                                           **({"privateIPAddress": address, "privateIPAllocationMethod": "Static"} if address else {}))]}
    at = "properties.ipConfigurations[0].properties."
    for n in (24, 28, 29, 30):
        subnet, name = "/virtualNetworks/sized/subnets/g%d" % n, "g%d" % n
        for address in ("10.0.%d.1" % n, "10.0.%d.0" % n):
            w.refused("PUT", "/networkInterfaces/sized", {"properties": nic(name, address)}, 400, "InvalidProperty", at + "privateIPAddress")
        w.put("/networkInterfaces/sized", nic(name, "10.0.%d.2" % n))
        said = w.refused("PUT", "/virtualGateways/sized", {"properties": dict(gateway, gatewaySubnets=[ref(subnet)])}, 409, "Conflict",
                         "properties.gatewaySubnets")
        require("sized lives in element 0" in said["message"], said)
        w.put("/networkInterfaces/sized", nic("vms"))
        w.put("/virtualGateways/sized", dict(gateway, gatewaySubnets=[ref(subnet)]))
        for address in ("10.0.%d.2" % n, None):
            said = w.refused("PUT", "/networkInterfaces/sized", {"properties": nic(name, address)}, 409, "Conflict", at + "subnet")
            require("is kept for a virtual gateway, sized" in said["message"], said)
    w.refused("PUT", "/virtualNetworks/sized/subnets/g31", {"properties": {"addressPrefix": "10.0.31.0/31"}}, 400, "InvalidProperty",
              "properties.addressPrefix")
    for path in ("/networkInterfaces/sized", "/virtualGateways/sized", "/virtualNetworks/sized"):
        w.delete(path)


@g.case("a virtual gateway that names no subnets has a VSID of its own, and keeps it, and nobody else has it")
def own_vsid(w):
    path, n = "/virtualGateways/own", "/virtualNetworks/own"
    w.put(n, dict(SPACE, subnets=[child("g", addressPrefix="10.0.0.0/29")]))
    gateway = {"virtualNetwork": ref(n)}
    w.put(path, gateway, (201,))
    vsid = w.get(path)["properties"]["isolationId"]
    w.put(path, dict(gateway, routingType="Static"), (200,))
    equal(w.get(path)["properties"]["isolationId"], vsid, "it keeps it")
    w.refused("PUT", n + "/subnets/s", {"properties": {"addressPrefix": "10.0.1.0/24", "isolationId": vsid}}, 409, "Conflict",
              "properties.isolationId")
    w.refused("PUT", path, {"properties": dict(gateway, isolationId=4095)}, 400, "InvalidProperty", "properties.isolationId")
    w.put(path, dict(gateway, gatewaySubnets=[ref(n + "/subnets/g")]), (200,))
    equal(w.get(path)["properties"]["isolationId"], vsid, "for the time when it names none again")
    w.delete(path)
    w.put(n + "/subnets/s", {"addressPrefix": "10.0.1.0/24", "isolationId": vsid})
    w.delete(n)


@g.case("a credential that a connection shows stays a certificate")
def credentials(w):
    w.put("/credentials/c", {"type": "X509Certificate", "value": "x"})
    w.put("/virtualGateways/x/networkConnections/s", {
        "connectionType": "IPSec", "destinationIPAddress": "203.0.113.1",
        "ipSecConfiguration": {"authenticationMethod": "Certificate", "credential": ref("/credentials/c")}})
    w.refused("PUT", "/credentials/c", {"properties": {"type": "PreSharedKey"}}, 409, "Conflict", "properties.type")


@g.case("what can be right is taken: other keys, several next hops, communities and AS numbers as people write them")
def right(w):
    at = "/virtualGateways/x/networkConnections/"
    for n, more in (("a", {"greConfiguration": {"greKey": 1}}), ("b", {"greConfiguration": {"greKey": 2}}), ("c", {}),
                    ("d", {"sourceIPAddress": "198.51.100.7"})):
        w.put(at + n, dict({"connectionType": "GRE", "destinationIPAddress": "203.0.113.1"}, **more))
    w.put(at + "a", {"connectionType": "GRE", "destinationIPAddress": "203.0.113.9", "routes": [
        {"destinationPrefix": "10.0.0.0/8", "nextHop": h} for h in ("10.0.0.2", "10.0.0.3")] + [{"destinationPrefix": "::/0"}]})
    matches = [("Community", v) for v in ("64512:100", "NO-EXPORT", "4200000000:1:2")] + \
              [("AsnRange", v) for v in ("64512", "64512-65534", "1.10", "4294967295")] + \
              [("NextHop", v) for v in ("10.0.0.1", "fd00::/8")] + [("Prefix", v) for v in ("0.0.0.0/0", "fd00::/8")]
    w.put("/virtualGateways/x/policyMaps/m", {"policyList": [{
        "policyName": "p", "policyType": "Allow", "matchCriteria": [{"clause": c, "value": v} for c, v in matches]}]})
    for n, collector in enumerate(("192.0.2.9:1", "[2001:db8::9]:65535")):
        w.put("/portProfiles/p%d" % n, {"flowExport": collector})
    w.put("/servers/named", {"connections": [{"managementAddresses": ["node-1.example.", "192.0.2.1", "2001:db8::1"]}]})
    w.refused("PUT", "/virtualNetworks/x/subnets/l", {"properties": {"addressPrefix": "10.1.0.0/24"}}, 400, "InvalidProperty",
              "properties.addressPrefix")


@g.case("link-local addresses are no subnet that could be routed")
def link_local(w):
    w.put("/virtualNetworks/all", {"addressSpace": {"addressPrefixes": ["0.0.0.0/0", "fe80::/10"]}})
    for prefix in ("169.254.1.0/24", "fe80::/64", "127.0.0.0/24", "239.0.0.0/24"):
        w.refused("PUT", "/virtualNetworks/all/subnets/s", {"properties": {"addressPrefix": prefix}}, 400, "InvalidProperty",
                  "properties.addressPrefix")


g = suite.group("outside", world.controller)


def state(w, path):
    p = w.get(path)["properties"]["configurationState"]
    return p["status"], sorted(d["code"] for d in p["detailedInfo"])


def network(w, name, gateway=True):
    n = "/virtualNetworks/" + name
    w.put(n, dict(SPACE, subnets=[child("vms", addressPrefix="10.0.1.0/24"), child("gw", addressPrefix="10.0.255.0/29")]))
    w.put("/loadBalancers/" + name, {
        "frontendIPConfigurations": [child("f", publicIPAddress=ref("/publicIPAddresses/one"))],
        "backendAddressPools": [child("p", subnets=[ref(n + "/subnets/vms")]), child("empty")]})
    if gateway:
        w.put("/virtualGateways/" + name, {"virtualNetwork": ref(n), "gatewayPools": [ref("/gatewayPools/all")],
                                           "gatewaySubnets": [ref(n + "/subnets/gw")]})


def outbound_rule(name, pool="p"):
    return {"frontendIPConfigurations": [ref("/loadBalancers/%s/frontendIPConfigurations/f" % name)],
            "backendAddressPool": ref("/loadBalancers/%s/backendAddressPools/%s" % (name, pool))}


@g.case("a rule says why it is not in force: no virtual gateway, none that a node carries; an address that another network has is refused")
def nat(w):
    w.put("/publicIPAddresses/one", {"ipAddress": "198.51.100.1", "publicIPAllocationMethod": "Static"})
    w.put("/gatewayPools/all", {"type": "All"})
    w.put("/servers/g1", {})
    w.put("/gateways/g1", {"pool": ref("/gatewayPools/all"), "virtualServer": ref("/servers/g1")})
    network(w, "blue", gateway=False)
    out = "/loadBalancers/blue/outboundNatRules/out"
    w.put(out, outbound_rule("blue"))
    equal(state(w, out), ("Failure", ["NoVirtualGateway"]), "without a virtual gateway")
    network(w, "blue")
    equal(state(w, "/virtualGateways/blue")[0], "Failure", "its node cannot carry it")
    require("NoGateway" in state(w, "/virtualGateways/blue")[1], state(w, "/virtualGateways/blue"))
    equal(state(w, out), ("Failure", ["NoVirtualGateway"]), "with one that is on no node")
    w.put("/servers/g1", {"providerAddresses": [{"address": "192.0.2.9"}]})
    equal(state(w, out), ("Warning", ["HostUnreachable"]), "on a node that nobody has heard of")
    network(w, "red")
    said = w.refused("PUT", "/loadBalancers/red/outboundNatRules/out", {"properties": outbound_rule("red")}, 409, "Conflict",
                     "properties.frontendIPConfigurations")
    for part in ("not shared", 'virtual network "blue" by front end "f" of "blue"', "use another publicIPAddress"):
        require(part in said["message"], "%s: %s" % (part, said))
    w.refused("GET", "/loadBalancers/red/outboundNatRules/out", None, 404, "NotFound")
    # A rule of the same network is welcome, and whose it is can change in one request.
    w.put("/loadBalancers/blue/frontendIPConfigurations/g", {"publicIPAddress": ref("/publicIPAddresses/one")})
    w.put(out, dict(outbound_rule("blue"), frontendIPConfigurations=[
        ref("/loadBalancers/blue/frontendIPConfigurations/" + f) for f in "fg"]))
    status, body, _ = w.call("POST", "/batch", [
        {"path": out, "method": "DELETE"},
        {"path": "/loadBalancers/red/outboundNatRules/out", "body": {"properties": outbound_rule("red")}}], checked=False)
    equal(status, 200, "from blue to red (%s)" % body)
    equal(state(w, "/loadBalancers/red/outboundNatRules/out")[1], ["HostUnreachable"], "it is red's now")
    # Their last gateway may go: nothing of it is kept up, and they say so until there is one again.
    w.delete("/gateways/g1")
    for n in ("blue", "red"):
        status, codes = state(w, "/virtualGateways/" + n)
        equal((status, "NoGateway" in codes), ("Failure", True), "%s without a gateway: %s" % (n, codes))
    w.put("/gateways/g1", {"pool": ref("/gatewayPools/all"), "virtualServer": ref("/servers/g1")})
    require("NoGateway" not in state(w, "/virtualGateways/blue")[1], "there is one again")


@g.case("rules that are for nobody say so; an address of a VM's own needs a virtual gateway too")
def nobody(w):
    w.put("/loadBalancers/red/outboundNatRules/empty", outbound_rule("red", "empty"))
    # Its load balancer is a node's that nobody has heard of.
    equal(state(w, "/loadBalancers/red/outboundNatRules/empty")[1], ["HostUnreachable", "NoMembers"], "a pool without members")
    w.put("/loadBalancers/red/inboundNatRules/in", dict(protocol="Tcp", frontendPort=80, frontendIPConfigurations=[
        ref("/loadBalancers/red/frontendIPConfigurations/f")]))
    equal(state(w, "/loadBalancers/red/inboundNatRules/in"), ("Warning", ["HostUnreachable", "NoBackend"]), "without a back end")
    w.put("/macPools/m", {"startMacAddress": "020000000000", "endMacAddress": "02000000FFFF"})
    w.put("/publicIPAddresses/own", {"ipAddress": "198.51.100.2", "publicIPAllocationMethod": "Static"})
    w.put("/virtualNetworks/green", dict(SPACE, subnets=[child("vms", addressPrefix="10.0.1.0/24")]))
    w.put("/networkInterfaces/vm", {"ipConfigurations": [child("c", subnet=ref("/virtualNetworks/green/subnets/vms"),
                                                               publicIPAddress=ref("/publicIPAddresses/own"))]})
    equal(state(w, "/networkInterfaces/vm/ipConfigurations/c"), ("Warning", ["NoVirtualGateway"]), "a VM with a public address")


g = suite.group("not here", world.controller)


@g.case("load balancing is told to be in no version yet: lists that are not empty, and their paths; empty ones are taken")
def later(w):
    w.put("/loadBalancers/l", {"loadBalancingRules": [], "probes": None})
    for name in ("loadBalancingRules", "probes"):
        equal(w.get("/loadBalancers/l")["properties"][name], [], name)
        w.refused("PUT", "/loadBalancers/l", {"properties": {name: [child("r")]}}, 400, "NotSupported", "properties." + name)
        for method, path in (("PUT", "/r"), ("GET", "/r"), ("DELETE", "/r"), ("GET", "")):
            w.refused(method, "/loadBalancers/l/%s%s" % (name, path), {"properties": {}} if method == "PUT" else None, 400,
                      "NotSupported", checked=False)
        w.refused("PUT", "/loadBalancers/none/%s/r" % name, {"properties": {}}, 404, "NotFound", checked=False)


@g.case("what is kept without a meaning says so when it asks for something, and is of its type")
def inert(w):
    def told(path):
        return [d["message"].split(" ")[0] for d in w.get(path)["properties"]["configurationState"]["detailedInfo"]
                if "no meaning here" in d["message"]]
    w.put("/macPools/m", {"startMacAddress": "020000000000", "endMacAddress": "02000000FFFF"})
    nothing = {"isPrimary": False, "portSettings": {"vmqWeight": 0, "iovWeight": 0}, "internalDnsNameLabel": "",
               "serviceInsertionElements": [], "serviceInsertion": {}}
    w.put("/networkInterfaces/n", nothing)
    equal(told("/networkInterfaces/n"), [], "what is told of defaults")
    w.put("/networkInterfaces/n", {"isPrimary": True, "portSettings": {"vmqWeight": "5"}, "internalDnsNameLabel": "x",
                                   "serviceInsertionElements": [1], "serviceInsertion": ref("/x")})
    equal(sorted(told("/networkInterfaces/n")), ["internalDnsNameLabel", "isPrimary", "serviceInsertion",
                                                 "serviceInsertionElements", "vmqWeight"], "what is told")
    equal(w.get("/networkInterfaces/n")["properties"]["portSettings"]["vmqWeight"], 5, "a number that came as text")
    w.put("/publicIPAddresses/d", {"ipAddress": "198.51.100.7", "publicIPAllocationMethod": "Static", "dnsRecord": "x.example"})
    equal(told("/publicIPAddresses/d"), ["dnsRecord"], "what is told of a name")
    for name, bad in (("isPrimary", "banana"), ("internalDnsNameLabel", 5), ("portSettings", {"vmqWeight": {"a": [1]}})):
        w.refused("PUT", "/networkInterfaces/n", {"properties": {name: bad}}, 400, "InvalidProperty",
                  "properties.portSettings.vmqWeight" if name == "portSettings" else "properties." + name)


@g.case("what others tell of an interface is ignored when it is put back")
def counters(w):
    w.put("/networkInterfaces/n", {"status": "x", "statistics": {"rx": 5}})
    properties = w.get("/networkInterfaces/n")["properties"]
    require("status" not in properties and "statistics" not in properties, "it is kept: %s" % properties)


suite.main()
