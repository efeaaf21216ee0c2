#!/usr/bin/env python3
"""
Two tenants of one controller, over TLS with a token each (API-3): neither can read or change what is the other's, nor find out
that it is there: not by paths, names, references, values, error texts, pages, operations or numbers that grow.
"""
import os
import re
import sys

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
        h.netns.ip("addr add %s dev lo" % ADDRESS)
        self.gwd.settings["node"].update(roles="controller", log_level="debug")
        self.gwd.settings["api"] = {"listen": "unix:%s, https://%s:8443" % (self.gwd.socket_path, ADDRESS)}
        self.gwd.settings["limits"] = {"requests_per_second": "100000"}
        self.gwd.configure()
        self.gwd.start()
        self.who = {}
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
        return self.who[who].request(method, BASE + path, body)

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
    equal(w.ask("operator", "GET", "/virtualNetworks/blue").status, 404, "a name that two have")
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
        r = w.who["a"].request("POST", BASE + "/batch", body)
        require(r.status in (403, 404), "%d %s" % (r.status, r.body))
    equal(w.who["a"].request("POST", BASE + "/batch", [{"method": "DELETE", "path": "/virtualNetworks/blue"}]).status, 200, "nothing to do")
    equal(w.everything("b"), before, "what the other tenant has")


@g.case("the tenant of what is made is the credential's, whatever the body says")
def _(w):
    r = w.ask("a", "PUT", "/routeTables/t", {}, resourceMetadata={"tenantId": "b", "note": "x"})
    equal(r.status, 201, "PUT")
    equal(r.json()["resourceMetadata"], {"note": "x", "tenantId": "a"}, "metadata")
    equal(w.ask("b", "GET", "/routeTables/t").status, 404, "for the other tenant")
    equal(w.ask("a", "DELETE", "/routeTables/t").status, 202, "DELETE")


@g.case("a monitor reads everything and changes nothing; records, access and metrics are not for tenants")
def _(w):
    equal(w.ask("watch", "GET", "/virtualNetworks/blue").status, 200, "GET for a monitor")
    equal(w.ask("watch", "PUT", "/routeTables/x", {}).status, 403, "PUT for a monitor")
    equal(w.ask("watch", "DELETE", "/routeTables/own").status, 403, "DELETE for a monitor")
    equal(w.who["watch"].request("POST", BASE + "/batch", []).status, 403, "batch for a monitor")
    for path in ("/hnv/lookupRecords", "/access/tokens", "/monitoring/statistics"):
        equal(w.ask("a", "GET", path).status, 403, path)
    equal(w.who["a"].request("GET", "/metrics").status, 403, "/metrics")


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
