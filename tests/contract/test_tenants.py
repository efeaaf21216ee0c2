#!/usr/bin/env python3
"""
Two tenants of one controller, over TLS with a token each (API-3): neither can read or change what is the other's, nor find out
that it is there: not by paths, names, references, values, error texts, pages, operations or numbers that grow.
"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "topo"))
from lib import case, tls, world  # noqa: E402
from lib.case import equal, require  # noqa: E402
from lib.gwd import BASE  # noqa: E402

ADDRESS = "10.9.0.1"
suite = case.Suite()


def ref(path):
    return {"resourceRef": path}


# One of each kind that tenants have, in an order in which they can be made.
OWN = [
    ("/virtualNetworks/blue", {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}),
    ("/virtualNetworks/blue/subnets/web", {"addressPrefix": "10.0.1.0/24"}),
    ("/virtualNetworks/blue/subnets/web/ipPools/p", {"startIpAddress": "10.0.1.10", "endIpAddress": "10.0.1.20"}),
    ("/accessControlLists/front", {}),
    ("/accessControlLists/front/aclRules/ssh", {"action": "Allow", "priority": 100, "type": "Inbound"}),
    ("/routeTables/own", {}),
    ("/routeTables/own/routes/away", {"addressPrefix": "172.16.0.0/12", "nextHopType": "None"}),
    ("/networkInterfaces/vm", {}),
    ("/networkInterfaces/vm/ipConfigurations/c", {"subnet": ref("/virtualNetworks/blue/subnets/web")}),
    ("/publicIPAddresses/shop", {}),
    ("/loadBalancers/nat", {}),
    ("/loadBalancers/nat/frontendIPConfigurations/f", {"publicIPAddress": ref("/publicIPAddresses/shop")}),
    ("/loadBalancers/nat/backendAddressPools/b", {"subnets": [ref("/virtualNetworks/blue/subnets/web")]}),
    ("/loadBalancers/nat/inboundNatRules/i", {
        "frontendIPConfigurations": [ref("/loadBalancers/nat/frontendIPConfigurations/f")], "protocol": "Tcp",
        "frontendPort": 443, "backendIPConfiguration": ref("/networkInterfaces/vm/ipConfigurations/c")}),
    ("/loadBalancers/nat/outboundNatRules/o", {
        "frontendIPConfigurations": [ref("/loadBalancers/nat/frontendIPConfigurations/f")],
        "backendAddressPool": ref("/loadBalancers/nat/backendAddressPools/b")}),
    ("/credentials/key", {"type": "PreSharedKey", "value": "hush-hush-credential"}),
    ("/virtualGateways/gw", {"virtualNetwork": ref("/virtualNetworks/blue")}),
    ("/virtualGateways/gw/networkConnections/site", {
        "connectionType": "IPSec", "destinationIPAddress": "203.0.113.9",
        "ipSecConfiguration": {"sharedSecret": "hush-hush-connection"}}),
    ("/virtualGateways/gw/bgpRouters/r", {"extAsNumber": "0.64512"}),
    ("/virtualGateways/gw/bgpRouters/r/bgpPeers/p", {
        "peerIpAddress": "10.0.0.9", "asNumber": 64513, "password": "hush-hush-peer"}),
    ("/virtualGateways/gw/policyMaps/m", {"policyList": []}),
]
OPERATORS = ["/logicalNetworks", "/macPools", "/servers", "/portProfiles", "/gatewayPools", "/gateways"]
SECRETS = [b"hush-hush-credential", b"hush-hush-connection", b"hush-hush-peer"]


class Cloud(world.World):
    """A controller with an operator (unix socket), two tenants and a monitor (TLS, tokens)."""

    def __init__(self):
        super().__init__()
        h = self.host("h1", None, start=False)
        self.gwd = h.gwd
        self.at = h.netns
        h.netns.ip("addr add %s dev lo" % ADDRESS)
        self.gwd.settings["node"].update(roles="controller", log_level="debug")
        self.gwd.settings["api"] = {"listen": "unix:%s, https://%s:8443" % (self.gwd.socket_path, ADDRESS)}
        self.gwd.settings["limits"] = {"requests_per_second": "100000"}
        self.gwd.configure()
        self.gwd.start()
        self.who, self.asked = {}, {}
        for name, role, tenant in (("a", "tenant", "a"), ("b", "tenant", "b"), ("watch", "monitor", None)):
            properties = {"role": role, **({"tenantId": tenant} if tenant else {})}
            r = self.gwd.request("PUT", BASE + "/access/tokens/" + name, {"properties": properties})
            equal(r.status, 201, "token %s: %s" % (name, r.body))
            self.who[name] = tls.Client(h.netns, ADDRESS, token=r.json()["properties"]["token"])
        self.operator("PUT", "/macPools/all", {"startMacAddress": "00155D000000", "endMacAddress": "00155DFFFFFF"}, 201)
        self.operator("PUT", "/logicalNetworks/out", {"subnets": [{"resourceId": "isp", "properties": {
            "addressPrefix": "198.51.100.0/24", "isPublic": True, "ipPools": [{"resourceId": "all", "properties": {
                "startIpAddress": "198.51.100.10", "endIpAddress": "198.51.100.250"}}]}}]}, 201)

    def ask(self, who, method, path, properties=None, **envelope):
        body = None if properties is None else dict(envelope, properties=properties)
        if who == "operator":
            return self.gwd.request(method, BASE + path, body)
        return self.send(who, method, BASE + path, body)

    def send(self, who, method, path, body=None):
        c = self.who[who]
        if time.monotonic() - self.asked.get(who, 0) > 5:  # it may have been idle for too long
            c.close()
            c = self.who[who] = tls.Client(self.at, ADDRESS, token=c.token)
        r = c.request(method, path, body)
        self.asked[who] = time.monotonic()
        return r

    def operator(self, method, path, properties=None, status=200):
        r = self.ask("operator", method, path, properties)
        equal(r.status, status, "%s %s: %s" % (method, path, r.body))
        return r

    def build(self, who):
        for path, properties in OWN:
            r = self.ask(who, "PUT", path, properties)
            equal(r.status, 201, "PUT %s for %s: %s" % (path, who, r.body))

    def everything(self, who):
        """{path: its GET}"""
        found = {}
        for path, _ in OWN:
            r = self.ask(who, "GET", path)
            equal(r.status, 200, "GET %s for %s" % (path, who))
            found[path] = r.body
        return found


def setup():
    w = Cloud()
    w.build("b")
    return w


def alike(r, name, other, other_name):
    """The two answers differ in nothing but the name that was asked for, and what is new in every answer."""
    varying = {"x-ms-request-id", "date", "content-length"}
    equal(r.status, other.status, "status of %s and %s: %s %s" % (name, other_name, r.body, other.body))
    equal(r.body.decode().replace(name, "?"), other.body.decode().replace(other_name, "?"), "body for %s and %s" % (name, other_name))
    equal({k.lower() for k in r.headers} - varying, {k.lower() for k in other.headers} - varying, "headers for " + name)


g = suite.group("", setup)


@g.case("what is another's is answered as what is not there, on every path and with every method")
def _(w):
    before = w.everything("b")
    for path, properties in OWN:
        # The first name of the path is the other tenant's: ours is made up, and as long.
        first = path.split("/")[2]
        made_up = path.replace("/%s" % first, "/" + "".join(chr((ord(c) - 97 + 11) % 26 + 97) for c in first), 1)
        for query in ("", "?tenantId=b"):
            alike(w.ask("a", "GET", path + query), path, w.ask("a", "GET", made_up + query), made_up)
            alike(w.ask("a", "DELETE", path + query), path, w.ask("a", "DELETE", made_up + query), made_up)
        if path.count("/") > 2:  # a child of nothing
            alike(w.ask("a", "PUT", path, properties), path, w.ask("a", "PUT", made_up, properties), made_up)
            collection, other = path.rsplit("/", 1)[0], made_up.rsplit("/", 1)[0]
            alike(w.ask("a", "GET", collection), collection, w.ask("a", "GET", other), other)
    equal(w.everything("b"), before, "what the other tenant has")


@g.case("collections show one's own only")
def _(w):
    for collection in sorted({"/" + p.split("/")[1] for p, _ in OWN}):
        equal(w.ask("a", "GET", collection).json(), {"value": []}, collection)
        require(w.ask("b", "GET", collection).json()["value"], "%s is empty for its owner" % collection)
        require(w.ask("watch", "GET", collection).json()["value"], "%s is empty for a monitor" % collection)
    for collection in OPERATORS:
        for method in ("GET", "PUT", "DELETE"):
            path = collection if method == "GET" else collection + "/all"
            equal(w.ask("a", method, path, {} if method == "PUT" else None).status, 403, method + " " + path)


@g.case("references to another's are as references to nothing")
def _(w):
    for path, target in (("/networkInterfaces/n/ipConfigurations/c", "/virtualNetworks/%s/subnets/web"),
                         ("/virtualGateways/g", "/virtualNetworks/%s"), ("/virtualNetworks/n/subnets/s", "/routeTables/%s")):
        there, not_there = ("blue", "grue") if "virtual" in target else ("own", "orn")
        w.ask("a", "PUT", "/networkInterfaces/n", {})
        w.ask("a", "PUT", "/virtualNetworks/n", {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}})
        for query in ("", "?tenantId=b"):
            answers = []
            for name in (there, not_there):
                where = ref(target % name + query)
                answers.append(w.ask("a", "PUT", path, {"subnet": where} if "ipConf" in path else {"virtualNetwork": where}
                                     if "Gateways" in path else {"addressPrefix": "10.0.1.0/24", "routeTable": where}))
            equal(answers[0].status, 400, path)
            alike(answers[0], target % there, answers[1], target % not_there)
    for path in ("/networkInterfaces/n", "/virtualNetworks/n"):
        equal(w.ask("a", "DELETE", path).status, 202, path)


# What the operator has: for himself, and for all. Of the first kind no tenant finds out whether it is there.
HIS = [
    ("/virtualNetworks/op", {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}),
    ("/virtualNetworks/op/subnets/s", {"addressPrefix": "10.0.1.0/24"}),
    ("/credentials/opc", {"type": "PreSharedKey", "value": "hush-hush-operator"}),
    ("/logicalNetworks/op", {"subnets": [{"resourceId": "lan", "properties": {"addressPrefix": "192.0.2.0/24", "vlanID": 666}}]}),
    ("/publicIPAddresses/opa", {}),
    ("/loadBalancers/opb", {}),
    ("/loadBalancers/opb/frontendIPConfigurations/f", {"publicIPAddress": ref("/publicIPAddresses/opa")}),
    ("/loadBalancers/opb/backendAddressPools/p", {}),
    ("/loadBalancers/opb/inboundNatRules/r", {"frontendIPConfigurations": [ref("/loadBalancers/opb/frontendIPConfigurations/f")],
                                              "protocol": "Tcp", "frontendPort": 80}),
    ("/networkInterfaces/opn", {}),
    ("/networkInterfaces/opn/ipConfigurations/c", {"subnet": ref("/virtualNetworks/op/subnets/s")}),
]
FOR_ALL = [
    ("/publicIPAddresses/all", {"shared": True}),
    ("/loadBalancers/all", {}),
    ("/loadBalancers/all/frontendIPConfigurations/f", {"publicIPAddress": ref("/publicIPAddresses/all")}),
    ("/loadBalancers/all/inboundNatRules/r", {"frontendIPConfigurations": [ref("/loadBalancers/all/frontendIPConfigurations/f")],
                                              "protocol": "Tcp", "frontendPort": 80}),
    ("/gatewayPools/all", {}), ("/portProfiles/all", {}),
    ("/accessControlLists/all", {}), ("/routeTables/all", {}),
]
# Where a tenant would name it: path, reference with the first name left open, the other properties.
HIDDEN = [
    ("/networkInterfaces/n/ipConfigurations/c", "subnet", "/virtualNetworks/%s/subnets/s", "op", {}),
    ("/networkInterfaces/n/ipConfigurations/c", "publicIPAddress", "/publicIPAddresses/%s", "opa", {"subnet": ref("/virtualNetworks/n/subnets/s")}),
    ("/networkInterfaces/n/ipConfigurations/c", "loadBalancerBackendAddressPools", "/loadBalancers/%s/backendAddressPools/p", "opb",
     {"subnet": ref("/virtualNetworks/n/subnets/s")}),
    ("/networkInterfaces/n/ipConfigurations/c", "loadBalancerInboundNatRules", "/loadBalancers/%s/inboundNatRules/r", "opb",
     {"subnet": ref("/virtualNetworks/n/subnets/s")}),
    # Of a kind that is for all elsewhere, and of another kind than the property wants.
    ("/networkInterfaces/n", "accessControlList", "/credentials/%s", "opc", {}),
    ("/networkInterfaces/n", "accessControlList", "/routeTables/%s", "all", {}),
    ("/virtualGateways/n", "virtualNetwork", "/virtualNetworks/%s", "op", {}),
    ("/virtualGateways/n", "gatewaySubnets", "/virtualNetworks/%s/subnets/s", "op", {}),
    ("/virtualGateways/n/networkConnections/l3", "l3Configuration", "/logicalNetworks/%s/subnets/lan", "op", {"connectionType": "L3"}),
    ("/virtualGateways/n/networkConnections/ike", "ipSecConfiguration", "/credentials/%s", "opc",
     {"connectionType": "IPSec", "destinationIPAddress": "203.0.113.1"}),
    ("/loadBalancers/n/frontendIPConfigurations/f", "publicIPAddress", "/publicIPAddresses/%s", "opa", {}),
    ("/loadBalancers/n/backendAddressPools/b", "subnets", "/virtualNetworks/%s/subnets/s", "op", {}),
    ("/loadBalancers/n/inboundNatRules/i", "backendIPConfiguration", "/networkInterfaces/%s/ipConfigurations/c", "opn",
     {"frontendIPConfigurations": [ref("/loadBalancers/n/frontendIPConfigurations/f")], "protocol": "Tcp", "frontendPort": 81}),
    ("/loadBalancers/n/outboundNatRules/o", "backendAddressPool", "/loadBalancers/%s/backendAddressPools/p", "opb",
     {"frontendIPConfigurations": [ref("/loadBalancers/n/frontendIPConfigurations/f")]}),
]
LISTS = ("loadBalancerBackendAddressPools", "loadBalancerInboundNatRules", "gatewaySubnets", "subnets", "gatewayPools")


def naming(name, path):
    """A property that refers to the path."""
    if name == "l3Configuration":
        return {name: {"vlanSubnet": ref(path)}}
    if name == "ipSecConfiguration":
        return {name: {"authenticationMethod": "Certificate", "credential": ref(path)}}
    return {name: [ref(path)] if name in LISTS else ref(path)}


def own_place(w, tenant):
    """Something that refers, of each kind; returns the paths, to be deleted backwards."""
    made = [("/virtualNetworks/n", {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}),
            ("/virtualNetworks/n/subnets/s", {"addressPrefix": "10.0.1.0/24"}),
            ("/networkInterfaces/n", {}), ("/virtualGateways/n", {}), ("/publicIPAddresses/n", {}), ("/loadBalancers/n", {}),
            ("/loadBalancers/n/frontendIPConfigurations/f", {"publicIPAddress": ref("/publicIPAddresses/n")})]
    for path, properties in made:
        equal(w.ask(tenant, "PUT", path, properties).status, 201, path)
    return [path for path, _ in made]


@g.case("what is the operator's own is as what is not there, in every reference and letter case")
def _(w):
    for path, properties in HIS + FOR_ALL:
        w.operator("PUT", path, properties, 201)
    mine = own_place(w, "a")
    for path, name, target, there, rest in HIDDEN:
        not_there = "".join(chr((ord(c) - 97 + 11) % 26 + 97) for c in there)
        for query in ("", "?tenantId="):
            answers = []
            for one in (there, not_there):
                # In capitals: as it is stored it would be spelled otherwise.
                r = w.ask("a", "PUT", path, {**rest, **naming(name, (target % one).upper().replace("?TENANTID", "?tenantId") + query)})
                require(r.status == 400, "%s: %s %s was let in: %d %s" % (path, name, target % one + query, r.status, r.body))
                answers.append(r)
            alike(answers[0], there.upper(), answers[1], not_there.upper())
    for path in reversed(mine):
        equal(w.ask("a", "DELETE", path).status, 202, path)


@g.case("what the operator has for all may be named, also by two tenants, and not be read")
def _(w):
    for tenant in "ab":
        mine = own_place(w, tenant)
        for path, properties in (
                ("/networkInterfaces/n", {**naming("portProfile", "/portProfiles/all"), **naming("accessControlList", "/accessControlLists/all")}),
                ("/virtualNetworks/n/subnets/s", {"addressPrefix": "10.0.1.0/24", **naming("routeTable", "/routeTables/all")}),
                ("/virtualNetworks/n", {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, **naming("logicalNetwork", "/logicalNetworks/out")}),
                ("/virtualGateways/n", naming("gatewayPools", "/gatewayPools/all")),
                ("/loadBalancers/n/frontendIPConfigurations/f", naming("publicIPAddress", "/publicIPAddresses/all"))):
            for body in (properties, None):
                r = w.ask(tenant, "PUT", path, properties if body else w.ask(tenant, "GET", path).json()["properties"])
                require(r.status in (200, 201), "%s for %s: %d %s" % (path, tenant, r.status, r.body))
        for path, _ in FOR_ALL:
            require(w.ask(tenant, "GET", path).status in (403, 404), "GET of %s for a tenant" % path)
        said = w.operator("PUT", "/publicIPAddresses/all", {"shared": False}, 409).json()["error"]
        equal((said["code"], said["target"]), ("Conflict", "properties.shared"), "taken back while a tenant uses it")
        # Of a shared address no port can be asked for, so that nobody finds out which are taken.
        front = "/loadBalancers/n/frontendIPConfigurations/f"
        rule = {"frontendIPConfigurations": [ref(front)], "protocol": "Tcp"}
        for port in (80, 81):
            r = w.ask(tenant, "PUT", "/loadBalancers/n/inboundNatRules/i", dict(rule, frontendPort=port))
            equal((r.status, r.json()["error"]["code"]), (400, "InvalidProperty"), "port %d" % port)
        equal(w.ask(tenant, "PUT", front, {"publicIPAddress": ref("/publicIPAddresses/n")}).status, 200, "an address of his own")
        w.operator("DELETE", "/loadBalancers/all", status=202)  # whoever is at it has ports of it as it is
        for shared in (False, True):
            w.operator("PUT", "/publicIPAddresses/all", {"shared": shared}, 200)
        for path, properties in FOR_ALL[1:4]:
            w.operator("PUT", path, properties, 201)
        equal(w.ask(tenant, "PUT", "/loadBalancers/n/inboundNatRules/i", dict(rule, frontendPort=80)).status, 201, "and a port of it")
        r = w.ask(tenant, "PUT", front, {"publicIPAddress": ref("/publicIPAddresses/all")})
        equal((r.status, r.json()["error"]["code"]), (400, "InvalidProperty"), "with the rule to the shared address")
        equal(w.ask(tenant, "DELETE", "/loadBalancers/n/inboundNatRules/i").status, 202, "DELETE")
        # A name of his own is another one, and what he refers to stays what it was.
        equal(w.ask(tenant, "PUT", "/accessControlLists/all", {}).status, 201, "a list of his own of that name")
        r = w.ask(tenant, "GET", "/networkInterfaces/n").json()
        equal(r["properties"]["accessControlList"], ref("/accessControlLists/all?tenantId="), "the operator's")
        equal(w.ask(tenant, "PUT", "/networkInterfaces/n", r["properties"]).status, 200, "GET-edit-PUT")
        equal(w.ask(tenant, "DELETE", "/accessControlLists/all").status, 202, "nothing refers to his own")
        w.operator("DELETE", "/accessControlLists/all", status=409)
        for path in reversed(mine):
            w.ask(tenant, "PUT", "/virtualNetworks/n/subnets/s", {"addressPrefix": "10.0.1.0/24"})
            w.ask(tenant, "DELETE", "/networkInterfaces/n")
            require(w.ask(tenant, "DELETE", path).status in (202, 204), path)


@g.case("what is the operator's to choose is named, in a batch too")
def _(w):
    server = {"properties": {"server": ref("/servers/h")}}
    # Whose address it is nobody looks: it may be another tenant's, or a node's.
    tunnel = {"connectionType": "GRE", "destinationIPAddress": "203.0.113.9"}
    taken = {"properties": dict(tunnel, sourceIPAddress="198.51.100.7")}
    equal(w.ask("a", "PUT", "/virtualGateways/his", {}).status, 201, "a gateway")
    for method, path, body, target in (
            ("PUT", "/networkInterfaces/his", server, "properties.server"),
            ("PUT", "/virtualGateways/his/networkConnections/c", taken, "properties.sourceIPAddress"),
            ("POST", "/batch", [{"path": "/routeTables/his", "body": {"properties": {}}}, {"path": "/networkInterfaces/his", "body": server}],
             "[1].body.properties.server"),
            ("POST", "/batch", [{"path": "/routeTables/his", "body": {"properties": {}}}, {"path": "/servers/his", "body": {"properties": {}}}],
             "[1].path")):
        r = w.send("a", method, BASE + path, body)
        equal((r.status, r.json()["error"]["code"], r.json()["error"].get("target")), (403, "Forbidden", target), path)
    equal(w.ask("a", "GET", "/routeTables/his").status, 404, "the other element")
    path = "/virtualGateways/his/networkConnections/c"
    w.operator("PUT", path + "?tenantId=a", taken["properties"], 201)
    was = w.ask("a", "GET", path).json()["properties"]
    equal(was["sourceIPAddress"], "198.51.100.7", "what the operator has chosen")
    for said in (was, tunnel):
        equal(w.ask("a", "PUT", path, said).json()["properties"]["sourceIPAddress"], "198.51.100.7", "it stays")
    equal(w.ask("a", "DELETE", "/virtualGateways/his").status, 202, "DELETE")


@g.case("what the operator has put into a tenant's resource may be said again and taken out, not chosen")
def _(w):
    def place(tenant, address=None):
        body = {"subnet": ref("/virtualNetworks/op/subnets/s"), **({"privateIPAddress": address, "privateIPAllocationMethod": "Static"} if address else {})}
        w.ask("operator", "PUT", "/networkInterfaces/given?tenantId=" + tenant, {})
        return w.ask("operator", "PUT", "/networkInterfaces/given/ipConfigurations/c?tenantId=" + tenant, body)

    for tenant in "ab":
        equal(place(tenant).status, 201, "the operator's PUT for " + tenant)
    path = "/networkInterfaces/given"
    r = w.ask("a", "GET", path).json()["properties"]
    equal(r["ipConfigurations"][0]["properties"]["subnet"], ref("/virtualNetworks/op/subnets/s?tenantId="), "the operator's subnet")
    equal(w.ask("a", "PUT", path, r, tags={"seen": "yes"}).status, 200, "GET-edit-PUT")
    equal(w.ask("a", "PUT", path + "/ipConfigurations/c", {"subnet": ref("/virtualNetworks/op/subnets/s")}).status, 200, "in short")
    equal(w.ask("a", "PUT", path + "/ipConfigurations/d", {"subnet": ref("/virtualNetworks/op/subnets/s")}).status, 400, "another of the kind")
    # Nor does a name of the tenant's own get in its way, and nobody is told who else is there.
    equal(w.ask("a", "PUT", "/virtualNetworks/op", {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}).status, 201, "a network of that name")
    equal(w.ask("a", "PUT", path, w.ask("a", "GET", path).json()["properties"], tags={"seen": "again"}).status, 200, "GET-edit-PUT")
    theirs = w.ask("b", "GET", path).json()["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"]
    r = w.ask("a", "PUT", path + "/ipConfigurations/c", {
        "subnet": ref("/virtualNetworks/op/subnets/s?tenantId="), "privateIPAddress": theirs, "privateIPAllocationMethod": "Static"})
    equal(r.status, 409, "an address that is taken")
    require("given" not in r.json()["error"]["message"], r.body)
    r = w.ask("operator", "PUT", "/virtualGateways/given?tenantId=b", {
        "virtualNetwork": ref("/virtualNetworks/op?tenantId="), "gatewaySubnets": [ref("/virtualNetworks/op/subnets/s?tenantId=")]})
    equal(r.status, 409, "a subnet that is lived in")
    equal(w.ask("a", "PUT", path, {"ipConfigurations": []}).status, 200, "taken out")
    equal(w.ask("a", "PUT", path + "/ipConfigurations/c", {"subnet": ref("/virtualNetworks/op/subnets/s?tenantId=")}).status, 400, "put back")
    # The gateway of another tenant, by a name that is a secret.
    for p in (path + "?tenantId=b", "/networkInterfaces/opn"):
        w.operator("DELETE", p, status=202)
    r = w.ask("operator", "PUT", "/virtualGateways/given-secret?tenantId=b", {
        "virtualNetwork": ref("/virtualNetworks/op?tenantId="), "gatewaySubnets": [ref("/virtualNetworks/op/subnets/s?tenantId=")]})
    equal(r.status, 201, r.body)
    w.operator("DELETE", "/virtualGateways/given-secret?tenantId=b", status=202)
    for p in (path, "/virtualNetworks/op"):
        equal(w.ask("a", "DELETE", p).status, 202, p)
    for p, _ in reversed(HIS + FOR_ALL):
        if p.count("/") == 2:
            require(w.ask("operator", "DELETE", p).status in (202, 204), p)


@g.case("of a shared address a tenant has a block, and is told of no other; it is the operator's to choose")
def _(w):
    w.operator("PUT", "/publicIPAddresses/all", {"shared": True, "portBlockSize": 16384}, 201)
    starts = []
    for tenant in "ab":
        equal(w.ask(tenant, "PUT", "/loadBalancers/n", {}).status, 201, "/loadBalancers/n")
        front = "/loadBalancers/n/frontendIPConfigurations/f"
        r = w.ask(tenant, "PUT", front, naming("publicIPAddress", "/publicIPAddresses/all"))
        equal(r.status, 201, r.body)
        mine = r.json()["properties"]
        starts.append(mine["portBlockStart"])
        equal(mine["portBlockSize"], 16384, "how long it is")
        equal(w.ask(tenant, "GET", "/publicIPAddresses/all").status, 404, "the address itself")
        equal(w.ask(tenant, "PUT", front, mine).status, 200, "GET-edit-PUT")
        # Whether a block is taken or free, by anybody, he is told the same.
        for start in {16384, 32768, 49152} - {starts[-1]}:
            r = w.ask(tenant, "PUT", front, dict(mine, portBlockStart=start))
            equal((r.status, r.json()["error"]["code"]), (403, "Forbidden"), "another block: %s" % r.body)
    require(starts[0] != starts[1], "both have %d" % starts[0])
    said = w.operator("GET", "/publicIPAddresses/all").json()["properties"]["portBlocks"]
    equal({b["frontendIPConfiguration"]["resourceRef"]: b["start"] for b in said},
          {"/loadBalancers/n/frontendIPConfigurations/f?tenantId=" + t: s for t, s in zip("ab", starts)}, "as the operator sees it")
    # The operator chooses, and the tenant may say it again.
    free = ({16384, 32768, 49152} - set(starts)).pop()
    w.operator("PUT", "/loadBalancers/n/frontendIPConfigurations/f?tenantId=a",
               dict(naming("publicIPAddress", "/publicIPAddresses/all?tenantId="), portBlockStart=free))
    equal(w.ask("a", "PUT", "/loadBalancers/n", w.ask("a", "GET", "/loadBalancers/n").json()["properties"]).status, 200, "as it is")
    equal(w.ask("a", "GET", "/loadBalancers/n/frontendIPConfigurations/f").json()["properties"]["portBlockStart"], free, "what was chosen")
    # One that is full is full for all, and nobody is told by whom.
    equal(w.ask("a", "PUT", "/loadBalancers/n/frontendIPConfigurations/g", naming("publicIPAddress", "/publicIPAddresses/all")).status, 201, "the last")
    r = w.ask("b", "PUT", "/loadBalancers/n/frontendIPConfigurations/g", naming("publicIPAddress", "/publicIPAddresses/all"))
    equal((r.status, r.json()["error"]["code"]), (409, "LimitExceeded"), r.body)
    require(not re.search("[0-9]", r.json()["error"]["message"]), "who has how much: %s" % r.body)
    for tenant in "ab":
        equal(w.ask(tenant, "DELETE", "/loadBalancers/n").status, 202, "DELETE")
    w.operator("DELETE", "/publicIPAddresses/all", status=202)


@g.case("?tenantId= of another leads nowhere, with every method")
def _(w):
    for tenant in "ab":
        equal(w.ask(tenant, "PUT", "/routeTables/q", {}, tags={"of": tenant}).status, 201, "PUT")
    for method, body in (("GET", None), ("PUT", {}), ("DELETE", None)):
        for query in ("?tenantId=b", "?tenantId=nobody", "?tenantId="):
            for name in ("q", "x"):
                equal(w.ask("a", method, "/routeTables/" + name + query, body).status, 404, "%s of %s%s" % (method, name, query))
    equal(w.ask("a", "GET", "/routeTables/q?tenantId=a").json()["tags"], {"of": "a"}, "his own, by its whole name")
    for tenant in "ab":
        equal(w.ask(tenant, "GET", "/routeTables/q").json()["tags"], {"of": tenant}, "what it was")
        equal(w.ask(tenant, "DELETE", "/routeTables/q").status, 202, "DELETE")


@g.case("names are each tenant's own: the same ones are free, and stay apart")
def _(w):
    theirs = w.everything("b")
    w.build("a")
    equal(w.everything("b"), theirs, "what the other tenant has")
    mine = w.everything("a")
    require(not set(mine.values()) & set(theirs.values()), "the same answer for both")
    for path, body in mine.items():
        require(body != theirs[path], path)
    # The operator says whose he means, and is told when he does not.
    for tenant in "ab":
        r = w.operator("GET", "/virtualNetworks/blue?tenantId=" + tenant).json()
        equal(r["resourceMetadata"]["tenantId"], tenant, "tenant")
    for path in ("/virtualNetworks/blue", "/virtualNetworks/blue/subnets/web", "/virtualNetworks/blue/subnets"):
        r = w.ask("operator", "GET", path)
        equal(r.status, 404, "a name that two have")
        require("?tenantId=" in r.json()["error"]["message"], "%s: what is to be done is said: %s" % (path, r.body))
    require("tenantId" not in w.ask("operator", "GET", "/virtualNetworks/nowhere").json()["error"]["message"], "a name that nobody has")
    for path, _ in reversed(OWN):
        equal(w.ask("a", "DELETE", path).status, 202, path)
    equal(w.everything("b"), theirs, "what the other tenant has")


@g.case("what gwd or the operator chooses cannot be probed for")
def _(w):
    theirs = w.ask("b", "GET", "/virtualNetworks/blue/subnets/web").json()["properties"]["isolationId"]
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    w.ask("a", "PUT", "/virtualNetworks/n", space)
    for vsid in (theirs, 777777):
        r = w.ask("a", "PUT", "/virtualNetworks/n/subnets/s", {"addressPrefix": "10.0.1.0/24", "isolationId": vsid})
        equal((r.status, r.json()["error"]["target"]), (403, "properties.isolationId"), "VSID %d" % vsid)
    for path, name, values in (
            ("/networkInterfaces/n", "privateMacAddress", ("00155D000000", "00155D00ABCD")),
            ("/networkInterfaces/n", "hostInterface", ("tap0", "tap1")),
            ("/publicIPAddresses/n", "ipAddress", ("198.51.100.10", "198.51.100.99")),
            ("/virtualNetworks/m", "routingDomainId", ("11111111-2222-3333-4444-555555555555", ))):
        for value in values:
            r = w.ask("a", "PUT", path, {**(space if "virtual" in path else {}), name: value})
            equal((r.status, r.json()["error"]["target"]), (403, "properties." + name), "%s %s" % (path, value))
    # What one has may be said again.
    one = w.ask("a", "PUT", "/virtualNetworks/n/subnets/s", {"addressPrefix": "10.0.1.0/24"}).json()
    equal(w.ask("a", "PUT", "/virtualNetworks/n/subnets/s", one["properties"]).status, 200, "GET-edit-PUT")
    # What is given tells nothing of how much others take.
    given = []
    for i in range(6):
        w.ask("b", "PUT", "/virtualNetworks/blue/subnets/x%d" % i, {"addressPrefix": "10.0.%d.0/24" % (100 + i)})
        r = w.ask("a", "PUT", "/virtualNetworks/n/subnets/s%d" % i, {"addressPrefix": "10.0.%d.0/24" % (10 + i)})
        given.append(r.json()["properties"]["isolationId"])
        w.ask("b", "DELETE", "/virtualNetworks/blue/subnets/x%d" % i)
    require(max(abs(x - y) for x, y in zip(given, given[1:])) > 64, "VSIDs one after the other: %s" % given)
    equal(w.ask("a", "DELETE", "/virtualNetworks/n").status, 202, "DELETE")


@g.case("etags and operations of one tenant do not move with what others do")
def _(w):
    w.ask("a", "PUT", "/routeTables/t", {})
    before = w.ask("a", "GET", "/routeTables/t")
    r = w.ask("b", "PUT", "/routeTables/own", {}, tags={"changed": "yes"})
    equal(r.status, 200, "PUT")
    equal(w.ask("a", "GET", "/routeTables/t").body, before.body, "what has not been changed")
    operation = r.headers["Azure-AsyncOperation"][len(BASE):]
    equal(w.ask("b", "GET", operation).json(), {"status": "Succeeded"}, "an operation for its owner")
    made_up = operation[:-4] + ("0000" if operation[-4:] != "0000" else "1111")
    alike(w.ask("a", "GET", operation), operation.rsplit("/", 1)[1], w.ask("a", "GET", made_up), made_up.rsplit("/", 1)[1])
    equal(w.ask("a", "DELETE", "/routeTables/t").status, 202, "DELETE")


@g.case("a batch reaches no further")
def _(w):
    before = w.everything("b")
    for body in ([{"path": "/virtualNetworks/blue/subnets/new", "body": {"properties": {"addressPrefix": "10.0.9.0/24"}}}],
                 [{"path": "/macPools/mine", "body": {"properties": {"startMacAddress": "020000000000", "endMacAddress": "020000000001"}}}]):
        r = w.send("a", "POST", BASE + "/batch", body)
        require(r.status in (403, 404), "%d %s" % (r.status, r.body))
    equal(w.send("a", "POST", BASE + "/batch", [{"method": "DELETE", "path": "/virtualNetworks/blue"}]).status, 200, "nothing to do")
    equal(w.everything("b"), before, "what the other tenant has")


@g.case("the tenant of what is made is the credential's, whatever the body says")
def _(w):
    r = w.ask("a", "PUT", "/routeTables/t", {}, resourceMetadata={"tenantId": "b", "note": "x"})
    equal(r.status, 201, "PUT")
    equal(r.json()["resourceMetadata"], {"note": "x", "tenantId": "a"}, "metadata")
    equal(w.ask("b", "GET", "/routeTables/t").status, 404, "for the other tenant")
    route = {"addressPrefix": "172.16.0.0/12", "nextHopType": "None"}
    r = w.ask("a", "PUT", "/routeTables/t", {"routes": [{"resourceId": "r", "properties": route, "resourceMetadata": {"tenantId": "b", "n": 1}}]})
    equal(r.json()["properties"]["routes"][0]["resourceMetadata"], {"n": 1, "tenantId": "a"}, "metadata of a child in a list")
    r = w.ask("a", "PUT", "/routeTables/t/routes/s", dict(route, addressPrefix="172.32.0.0/12"), resourceMetadata={"tenantId": "b"})
    equal(r.json()["resourceMetadata"], {"tenantId": "a"}, "metadata of a child on its own path")
    for query, owner, wrong in (("?tenantId=a", "a", "b"), ("?tenantId=a", "a", "A")):
        for path, target in (("/routeTables/t/routes/s", ""), ("/routeTables/t", "properties.routes[1].")):
            body = {"routes": [{"resourceId": i, "properties": dict(route, addressPrefix=p), "resourceMetadata": {"tenantId": t}}
                               for i, p, t in (("r", "172.16.0.0/12", owner), ("s", "172.32.0.0/12", wrong))]}
            r = w.ask("operator", "PUT", path + query, body if target else dict(route, addressPrefix="172.32.0.0/12"),
                      **({} if target else {"resourceMetadata": {"tenantId": wrong}}))
            equal((r.status, r.json()["error"]["target"]), (400, target + "resourceMetadata.tenantId"), "an operator who says another's")
    equal(w.ask("a", "DELETE", "/routeTables/t").status, 202, "DELETE")


@g.case("a monitor reads everything and changes nothing; records, access and metrics are not for tenants")
def _(w):
    equal(w.ask("watch", "GET", "/virtualNetworks/blue").status, 200, "GET for a monitor")
    equal(w.ask("watch", "PUT", "/routeTables/x", {}).status, 403, "PUT for a monitor")
    equal(w.ask("watch", "DELETE", "/routeTables/own").status, 403, "DELETE for a monitor")
    equal(w.send("watch", "POST", BASE + "/batch", []).status, 403, "batch for a monitor")
    for path in ("/hnv/lookupRecords", "/access/tokens", "/monitoring/statistics"):
        equal(w.ask("a", "GET", path).status, 403, path)
    equal(w.send("a", "GET", "/metrics").status, 403, "/metrics")


@g.case("who changed what is recorded, for operators and monitors")
def _(w):
    records, query = [], ""
    while query is not None:
        page = w.ask("watch", "GET", "/monitoring/audit" + (query or "?$top=7")).json()
        records += page["value"]
        query = page["nextLink"].split("audit", 1)[1] if "nextLink" in page else None
    equal([r["number"] for r in records], list(range(1, len(records) + 1)), "numbers")
    said = {(r["who"], r["method"], r["path"], r.get("tenantId")) for r in records}
    for expected in (("b", "PUT", "/virtualGateways/gw", "b"), ("a", "DELETE", "/virtualNetworks/blue", "a"),
                     ("root", "PUT", "/macPools/all", None), ("root", "PUT", "/access/tokens/watch", None)):
        require(expected in said, "%s is not recorded" % (expected,))
    equal(w.ask("a", "GET", "/monitoring/audit").status, 403, "for a tenant")


def audit(w):
    """(who, method, whose, path) of everything that is recorded."""
    page = w.ask("watch", "GET", "/monitoring/audit?$top=1000").json()
    require("nextLink" not in page, "more than one page")
    return [(r["who"], r["method"], r.get("tenantId"), r["path"]) for r in page["value"]]


@g.case("the audit log says whose resource it was, by its own path, and only what was changed")
def _(w):
    before = len(audit(w))
    w.operator("PUT", "/ROUTEtables/an", {}, 201)
    equal(w.ask("a", "PUT", "/routeTables/an", {}).status, 201, "a's")
    equal(w.ask("operator", "PUT", "/routetables/AN?tenantId=b", {}).status, 201, "b's, by the query")
    equal(w.ask("operator", "PUT", "/routeTables/other", {}, resourceMetadata={"tenantId": "b"}).status, 201, "b's, by the body")
    equal(w.ask("a", "PUT", "/routeTables/an", {}).status, 200, "nothing new")
    equal(w.ask("a", "DELETE", "/routeTables/nowhere").status, 204, "nothing there")
    r = w.gwd.request("POST", BASE + "/batch", [
        {"path": "/routeTables/an?tenantId=b", "body": {"properties": {}}},
        {"path": "/ROUTETABLES/an?tenantId=a", "body": {"properties": {}, "tags": {"new": "yes"}}},
        {"method": "DELETE", "path": "/routeTables/OTHER?tenantId=b"}, {"method": "DELETE", "path": "/routeTables/nowhere"}])
    equal(r.status, 200, r.body)
    equal(w.ask("operator", "DELETE", "/routeTables/an?tenantId=").status, 202, "the operator's own")
    equal(w.ask("a", "DELETE", "/ROUTETABLES/AN").status, 202, "a's")
    equal(audit(w)[before:], [
        ("root", "PUT", None, "/routeTables/an"), ("a", "PUT", "a", "/routeTables/an"), ("root", "PUT", "b", "/routeTables/AN"),
        ("root", "PUT", "b", "/routeTables/other"), ("root", "DELETE", "b", "/routeTables/other"), ("root", "PUT", "a", "/routeTables/an"),
        ("root", "DELETE", None, "/routeTables/an"), ("a", "DELETE", "a", "/routeTables/an")], "what is recorded")
    w.operator("DELETE", "/routeTables/an?tenantId=b", status=202)


@g.case("credentials: no names that gwd uses itself, no tenant's id that is none or another's in other letters")
def _(w):
    def put(kind, name, **properties):
        r = w.gwd.request("PUT", BASE + "/access/%s/%s" % (kind, name), {"properties": properties})
        return r.status, (r.json().get("error") or {}).get("target")

    for name in ("root", "ROOT", "gwd", "anybody"):
        equal(put("tokens", name, role="monitor"), (400, "resourceId"), name)
        equal(put("certificates", "c", role="monitor", subject=name), (400, "properties.subject"), name)
    for bad in ("acme corp", "x" * 64, "a/b", "m\u00fcller", "a?tenantId=b", ".", "a.b", "*"):
        for kind in ("tokens", "certificates"):
            subject = {"subject": "s"} if kind == "certificates" else {}
            equal(put(kind, "c", role="tenant", tenantId=bad, **subject), (400, "properties.tenantId"), repr(bad))
    equal(put("tokens", "c", role="tenant", tenantId="A"), (409, "properties.tenantId"), "A where a is")
    equal(put("certificates", "c", role="tenant", tenantId="B", subject="s"), (409, "properties.tenantId"), "B where b is")
    for good in ("x" * 63, "-", "_9", "Contoso"):
        r = w.gwd.request("PUT", BASE + "/access/tokens/c", {"properties": {"role": "tenant", "tenantId": good}})
        require(r.status in (200, 201), r.body)
        with tls.Client(w.at, ADDRESS, token=r.json()["properties"]["token"]) as c:
            r = c.request("PUT", BASE + "/routeTables/mine", {"properties": {}})
            equal(r.status, 201, r.body)
            equal(r.json()["resourceMetadata"], {"tenantId": good}, "whose it is")
        again = w.ask("operator", "GET", "/routeTables/mine?tenantId=" + good).json()
        equal(w.gwd.request("PUT", BASE + "/routeTables/mine?tenantId=" + good, again).status, 200, "GET-edit-PUT for an operator")
        w.operator("DELETE", "/routeTables/mine?tenantId=" + good, status=202)
    w.gwd.request("DELETE", BASE + "/access/tokens/c")


@g.case("who has lost his token is refused, whatever he has begun")
def _(w):
    for method, path, body in (("PUT", "/routeTables/late", b'{"properties": {}}'), ("POST", "/batch", b'[{"path": "/routeTables/late", "body": {}}]')):
        for how in ("DELETE", "PUT"):
            r = w.gwd.request("PUT", BASE + "/access/tokens/temp", {"properties": {"role": "tenant", "tenantId": "a"}})
            require(r.status in (200, 201), r.body)
            with tls.Client(w.at, ADDRESS, token=r.json()["properties"]["token"]) as c:
                equal(c.request("GET", BASE + "/routeTables").status, 200, "let in")
                c.connection.putrequest(method, BASE + path)
                c.connection.putheader("Authorization", "Bearer " + c.token)
                c.connection.putheader("Content-Type", "application/json")
                c.connection.putheader("Content-Length", str(len(body)))
                c.connection.endheaders(body[:5])
                # Another request on another connection is answered: what was sent before it is here.
                equal(w.ask("a", "GET", "/routeTables").status, 200, "GET")
                changed = w.gwd.request(how, BASE + "/access/tokens/temp", {"properties": {"role": "tenant", "tenantId": "b"}} if how == "PUT" else None)
                equal(changed.status, 200, how + " of the token")
                c.connection.send(body[5:])
                r = c.connection.getresponse()
                equal(r.status, 401, "%s after %s of its token: %s" % (method, how, r.read()))
    equal(w.ask("a", "GET", "/routeTables/late").status, 404, "what he began")
    w.gwd.request("DELETE", BASE + "/access/tokens/temp")


@g.case("an operation says its own state after a restart too: nothing is kept of it that others could push out")
def _(w):
    r = w.ask("b", "PUT", "/routeTables/own", {}, tags={"changed": "again"})
    equal(r.status, 200, "PUT")
    operation = r.headers["Azure-AsyncOperation"][len(BASE):]
    his = w.operator("PUT", "/routeTables/his", {}, 201).headers["Azure-AsyncOperation"][len(BASE):]
    w.gwd.stop()
    w.gwd.start()
    w.asked.clear()
    equal(w.ask("b", "GET", operation).json(), {"status": "Succeeded"}, "after a restart")
    equal(w.ask("watch", "GET", operation).status, 200, "for a monitor")
    equal(w.operator("GET", his).json(), {"status": "Succeeded"}, "the operator's own")
    for tenant in "ab":
        equal(w.ask(tenant, "GET", his).status, 404, "the operator's for a tenant")
    equal(w.ask("a", "GET", operation).status, 404, "another's")
    # What is random in it, and what proves that it was given, and to b: no digit of it may be another one.
    digits = [i for i, c in enumerate(operation) if c != "-" and i >= len(operation) - 36]
    for at in digits[::3]:
        made_up = operation[:at] + "%x" % (int(operation[at], 16) ^ 1) + operation[at + 1:]
        equal(w.ask("b", "GET", made_up).status, 404, "made up: " + made_up)
    w.operator("DELETE", "/routeTables/his", status=202)


@g.case("secrets are in no answer, log, metric, audit record, backup or store")
def _(w):
    seen = b"".join(w.everything("b").values()) + w.gwd.request("GET", "/metrics").body
    seen += w.ask("operator", "GET", "/monitoring/audit").body + w.ask("operator", "GET", "/backup").body
    for collection in sorted({"/" + p.split("/")[1] for p, _ in OWN}):
        seen += w.ask("operator", "GET", collection).body
    with open(w.gwd.log, "rb") as f:
        seen += f.read()
    for name in os.listdir(w.gwd.state_dir):
        with open(os.path.join(w.gwd.state_dir, name), "rb") as f:
            seen += f.read()
    require(len(seen) > 100000, "only %d bytes were looked at" % len(seen))
    for secret in SECRETS:
        require(secret not in seen, "%s was found: %r" % (secret, re.findall(b".{40}" + secret + b".{10}", seen, re.S)[:1]))


if __name__ == "__main__":
    suite.main()
