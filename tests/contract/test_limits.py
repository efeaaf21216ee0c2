#!/usr/bin/env python3
"""How many resources there may be: of one tenant, which keeps no other from working, and of all, of whom none is told how many
the others have."""
import http.client
import json
import re
import signal
import socket

import world
from lib import case, tls
from lib.case import equal, require

suite = case.Suite()
OVERALL, EACH = 40, 10


class Limited(world.Controller):
    """A controller with low limits, and two tenants that come with tokens."""

    def __init__(self):
        super().__init__("limited")
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.port = s.getsockname()[1]
        self.settings["limits"] = {"resources": str(OVERALL), "tenant_resources": str(EACH)}
        self.settings["api"] = {"listen": "unix:%s, https://127.0.0.1:%d" % (self.socket_path, self.port)}
        self.configure()
        self.start()
        self.tokens = {}
        for t in ("a", "b"):
            status, body, _ = self.call("PUT", "/access/tokens/" + t, {"properties": {"role": "tenant", "tenantId": t}})
            equal(status, 201, "token of " + t)
            self.tokens[t] = body["properties"]["token"]

    def ask(self, tenant, method, path, properties=None):
        """-> (status, body or None)"""
        c = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=tls.context())
        try:
            c.request(method, world.document.PREFIX + path, None if properties is None else json.dumps({"properties": properties}),
                      {"Authorization": "Bearer " + self.tokens[tenant], "Content-Type": "application/json"})
            r = c.getresponse()
            text = r.read()
            return r.status, json.loads(text) if text else None
        finally:
            c.close()

    def limit(self, **limits):
        """Other limits from now on."""
        self.settings["limits"].update({k: str(v) for k, v in limits.items()})
        self.configure()

        def reads():
            with open(self.log, encoding="utf-8") as f:
                return f.read().count("configuration read again")
        before = reads()
        self.process.send_signal(signal.SIGHUP)
        case.eventually(lambda: reads() > before, "the configuration is read again")


def setup():
    w = Limited()
    case.after_group.append(lambda: w.process and w.stop())
    return w


def refused(answer, part):
    """It is a refusal of the limit; returns its message."""
    status, body = answer
    equal((status, body["error"]["code"] if status > 299 else None), (409, "LimitExceeded"), "answer %s" % body)
    require(part in body["error"]["message"], body)
    return body["error"]["message"]


def made(answer):
    equal(answer[0], 201, "answer %s" % (answer[1],))
    return answer[1]


g = suite.group("", setup)


@g.case("a tenant has so many, children counted, whoever makes them; what he has he can change and delete")
def of_a_tenant(w):
    for i in range(EACH - 2):
        made(w.ask("a", "PUT", "/routeTables/t%d" % i, {}))
    made(w.ask("a", "PUT", "/routeTables/t0/routes/r0", {"addressPrefix": "10.0.0.0/8", "nextHopType": "None"}))
    made(w.ask("a", "PUT", "/routeTables/t0/routes/r1", {"addressPrefix": "11.0.0.0/8", "nextHopType": "None"}))
    said = refused(w.ask("a", "PUT", "/routeTables/more", {}), "may have 10")
    require("ask the operator" in said, said)
    refused(w.ask("a", "PUT", "/routeTables/t0/routes/r2", {"addressPrefix": "12.0.0.0/8", "nextHopType": "None"}), "may have 10")
    equal(w.ask("a", "GET", "/routeTables/more")[0], 404, "what was refused")
    status, body, _ = w.call("PUT", "/routeTables/more", {"properties": {}, "resourceMetadata": {"tenantId": "a"}})
    require("tenant_resources" in refused((status, body), "may have 10"), "an operator is told the key")
    equal(w.ask("a", "PUT", "/routeTables/t0/routes/r0", {"addressPrefix": "13.0.0.0/8", "nextHopType": "None"})[0], 200, "a change")
    # A list that replaces another as long is no more than there was.
    routes = [{"resourceId": "n%d" % i, "properties": {"addressPrefix": "1%d.0.0.0/8" % i, "nextHopType": "None"}} for i in range(3)]
    equal(w.ask("a", "PUT", "/routeTables/t0", {"routes": routes[:2]})[0], 200, "another list")
    refused(w.ask("a", "PUT", "/routeTables/t0", {"routes": routes}), "may have 10")
    equal(len(w.ask("a", "GET", "/routeTables/t0")[1]["properties"]["routes"]), 2, "routes after the refusal")
    equal(w.ask("a", "DELETE", "/routeTables/t7")[0], 202, "DELETE")
    made(w.ask("a", "PUT", "/routeTables/more", {}))
    refused(w.ask("a", "PUT", "/routeTables/t7", {}), "may have 10")


@g.case("and keeps no other from working")
def of_others(w):
    for i in range(EACH):
        made(w.ask("b", "PUT", "/routeTables/t%d" % i, {}))
    refused(w.ask("b", "PUT", "/routeTables/more", {}), "may have 10")
    w.put("/servers/operators", {}, (201,))


@g.case("what all have together: the operator is told how many, a tenant is not")
def of_all(w):
    for i in range(OVERALL - 2 * EACH - 1):
        w.put("/servers/s%d" % i, {}, (201,))
    status, body, _ = w.call("PUT", "/servers/more", {"properties": {}})
    refused((status, body), "keeps %d" % OVERALL)
    equal(w.ask("a", "DELETE", "/routeTables/t6")[0], 202, "DELETE")
    w.put("/servers/more", {}, (201,))
    said = refused(w.ask("a", "PUT", "/routeTables/t6", {}), "ask its operator")
    require(not re.search("[0-9]", said), "no number: " + said)
    equal(w.ask("a", "PUT", "/routeTables/t0", {"routes": []})[0], 200, "making less")
    made(w.ask("a", "PUT", "/routeTables/t6", {}))


@g.case("an element of a batch that goes beyond it is named, and nothing of the batch stays")
def batch(w):
    before = w.kept_state()
    status, body, _ = w.call("POST", "/batch", [
        {"path": "/servers/s0", "method": "DELETE"}, {"path": "/servers/s1", "method": "DELETE"},
        {"path": "/servers/n0", "body": {"properties": {}}}, {"path": "/servers/n1", "body": {"properties": {}}},
        {"path": "/servers/n2", "body": {"properties": {}}}, {"path": "/servers/n3", "body": {"properties": {}}}], checked=False)
    refused((status, body), "keeps %d" % OVERALL)
    require(re.fullmatch(r"\[[2-5]\]\.body", body["error"]["target"]), body)
    equal(w.kept_state(), before, "everything")


POOL = {"addressPrefix": "198.51.100.0/24", "isPublic": True, "ipPools": [
    {"resourceId": "p", "properties": {"startIpAddress": "198.51.100.10", "endIpAddress": "198.51.100.99"}}]}


@g.case("nor may a tenant have more of what all draw from one pot, nor of the memory, than is for one")
def pots(w):
    w.limit(resources=1000, tenant_resources=1000, tenant_public_addresses=2, tenant_mac_addresses=3, tenant_subnets=2,
            tenant_memory=1)
    w.put("/logicalNetworks/outside", {"subnets": [{"resourceId": "s", "properties": POOL}]}, (201,))
    w.put("/macPools/all", {"startMacAddress": "00155D000000", "endMacAddress": "00155DFFFFFF"}, (201,))
    for i in range(2):
        made(w.ask("a", "PUT", "/publicIPAddresses/p%d" % i, {"publicIPAllocationMethod": "Dynamic"}))
    said = refused(w.ask("a", "PUT", "/publicIPAddresses/p2", {"publicIPAllocationMethod": "Dynamic"}), "may have 2 public addresses")
    require("ask the operator" in said, said)
    status, body, _ = w.call("PUT", "/publicIPAddresses/p2", {
        "properties": {"publicIPAllocationMethod": "Dynamic"}, "resourceMetadata": {"tenantId": "a"}})
    require("tenant_public_addresses" in refused((status, body), "may have 2"), "an operator is told the key")
    made(w.ask("b", "PUT", "/publicIPAddresses/p0", {"publicIPAllocationMethod": "Dynamic"}))
    equal(w.ask("a", "PUT", "/publicIPAddresses/p1", {"publicIPAllocationMethod": "Dynamic", "idleTimeoutInMinutes": 7})[0], 200, "a change")
    equal(w.ask("a", "DELETE", "/publicIPAddresses/p0")[0], 202, "DELETE")
    made(w.ask("a", "PUT", "/publicIPAddresses/p2", {"publicIPAllocationMethod": "Dynamic"}))
    for i in range(3):
        made(w.ask("a", "PUT", "/networkInterfaces/n%d" % i, {}))
    refused(w.ask("a", "PUT", "/networkInterfaces/n3", {}), "may have 3 MAC addresses")

    def network(*subnets):
        return {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [
            {"resourceId": "s%d" % i, "properties": {"addressPrefix": "10.0.%d.0/24" % i}} for i in subnets]}
    made(w.ask("a", "PUT", "/virtualNetworks/net", network(1, 2)))
    refused(w.ask("a", "PUT", "/virtualNetworks/net", network(1, 2, 3)), "may have 2 virtual subnets")
    equal(w.ask("a", "PUT", "/virtualNetworks/net", network(3, 4))[0], 200, "others instead")
    w.restart()
    refused(w.ask("a", "PUT", "/virtualNetworks/net", network(3, 4, 5)), "may have 2 virtual subnets")
    refused(w.ask("a", "PUT", "/publicIPAddresses/p0", {"publicIPAllocationMethod": "Dynamic"}), "may have 2 public addresses")

    w.limit(tenant_routes=5, tenant_subnets=9)
    made(w.ask("a", "PUT", "/routeTables/r", {"routes": [
        {"resourceId": "r%d" % i, "properties": {"addressPrefix": "172.%d.0.0/16" % i, "nextHopType": "None"}} for i in range(2)]}))

    def routed(name):
        return w.ask("a", "PUT", "/virtualNetworks/" + name, {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [
            {"resourceId": "s%d" % i, "properties": {"addressPrefix": "10.0.%d.0/24" % i, "routeTable": {"resourceRef": "/routeTables/r"}}}
            for i in range(2)]})
    made(routed("r0"))
    made(routed("r1"))
    status, body = routed("r2")
    require("ask the operator" in refused((status, body), "may have 5 routes"), body)
    equal(body["error"]["target"], "properties.subnets[0].properties.routeTable", "target")
    w.restart()
    status, body, _ = w.call("PUT", "/routeTables/r/routes/r9?tenantId=a", {
        "properties": {"addressPrefix": "172.9.0.0/16", "nextHopType": "None"}})
    require("tenant_routes" in refused((status, body), "may have 5 routes"), "an operator is told the key")
    for i in range(2):
        equal(w.ask("a", "DELETE", "/virtualNetworks/r%d" % i)[0], 202, "DELETE")
    equal(w.ask("a", "DELETE", "/routeTables/r")[0], 202, "DELETE")

    def noted(name, text):
        return w.call("PUT", "/routeTables/" + name, {"properties": {}, "tags": {"a": text}, "resourceMetadata": {"tenantId": "a"}})[:2]
    many = 0
    while many < 20 and noted("m%d" % many, "x" * 65000)[0] == 201:
        many += 1
    require(10 < many < 16, "%d resources of 64 KiB are in a MiB" % many)
    refused(noted("m%d" % many, "x" * 65000), "bytes")
    equal(noted("m0", "x" * 64000)[0], 200, "less instead")
    made(w.ask("b", "PUT", "/routeTables/own", {}))
    for i in range(2):
        equal(w.ask("a", "DELETE", "/routeTables/m%d" % i)[0], 202, "DELETE")
    equal(noted("m0", "x" * 65000)[0], 201, "when there is room again")
    for i in range(1, many):
        w.ask("a", "DELETE", "/routeTables/m%d" % i)
    w.limit(tenant_memory=512)


@g.case("nor more NAT rules, so that those of one are not all that a gateway accepts")
def nat_rules(w):
    w.limit(resources=1000, tenant_resources=1000, tenant_nat_rules=3)
    front = {"resourceRef": "/loadBalancers/nat/frontendIPConfigurations/front"}

    def balancer(n):
        return w.ask("b", "PUT", "/loadBalancers/nat", {
            "frontendIPConfigurations": [{"resourceId": "front", "properties": {"publicIPAddress": {"resourceRef": "/publicIPAddresses/p0"}}}],
            "inboundNatRules": [{"resourceId": "r%d" % i, "properties": {
                "frontendIPConfigurations": [front], "protocol": "Tcp", "frontendPort": 1000 + i}} for i in range(n)]})

    def rule(port):
        return w.ask("b", "PUT", "/loadBalancers/nat/inboundNatRules/new", {
            "frontendIPConfigurations": [front], "protocol": "Tcp", "frontendPort": port})
    said = refused(balancer(4), "may have 3 NAT rules")
    require("ask the operator" in said, said)
    made(balancer(3))
    refused(rule(2000), "may have 3 NAT rules")
    equal(balancer(2)[0], 200, "less")
    made(rule(2000))
    equal(rule(2001)[0], 200, "a change")
    w.restart()
    refused(balancer(4), "may have 3 NAT rules")
    equal(w.ask("b", "DELETE", "/loadBalancers/nat")[0], 202, "DELETE")
    w.limit(tenant_nat_rules=4096)


@g.case("a route counts for each virtual network that it holds in, once however many of its subnets name the table")
def routes(w):
    w.limit(resources=1000, tenant_resources=1000, tenant_subnets=500, tenant_routes=620)

    def network(i):
        return w.ask("a", "PUT", "/virtualNetworks/r%d" % i, {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [
            {"resourceId": "s%d" % k, "properties": {"addressPrefix": "10.0.%d.0/24" % k, "routeTable": {"resourceRef": "/routeTables/all"}}}
            for k in range(2)]})

    def route(i):
        return w.ask("a", "PUT", "/routeTables/all/routes/r%d" % i, {"addressPrefix": "172.16.%d.0/24" % i, "nextHopType": "None"})
    made(w.ask("a", "PUT", "/routeTables/all", {"routes": [
        {"resourceId": "r%d" % i, "properties": {"addressPrefix": "172.16.%d.0/24" % i, "nextHopType": "None"}} for i in range(50)]}))
    n = 0
    while n < 20 and network(n)[0] == 201:
        n += 1
    equal(n, 12, "networks of 50 routes")
    refused(network(n), "may have 620 routes")
    n_routes = 50
    while n_routes < 60 and route(n_routes)[0] == 201:
        n_routes += 1
    equal(n_routes, 51, "routes in 12 networks")
    refused(route(n_routes), "may have 620 routes")
    equal(w.ask("a", "PUT", "/routeTables/all/routes/r0", {"addressPrefix": "172.17.0.0/24", "nextHopType": "None"})[0], 200, "a change")
    equal(w.ask("a", "DELETE", "/virtualNetworks/r0")[0], 202, "DELETE")
    made(route(n_routes))
    for i in range(1, n):
        w.ask("a", "DELETE", "/virtualNetworks/r%d" % i)
    equal(w.ask("a", "DELETE", "/routeTables/all")[0], 202, "DELETE")
    w.limit(tenant_routes=65536)


@g.case("limits that become lower leave what is there, also over a restart; higher ones count at once")
def changed(w):
    before = w.kept_state()
    w.limit(resources=5, tenant_resources=3)
    refused(w.ask("b", "PUT", "/routeTables/more", {}), "may have 3")
    w.restart()
    equal(w.kept_state(), before, "everything after a restart")
    equal(w.ask("b", "PUT", "/routeTables/t0", {"routes": []})[0], 200, "a PUT that changes nothing")
    equal(w.ask("b", "DELETE", "/routeTables/t0")[0], 202, "DELETE")
    refused(w.ask("b", "PUT", "/routeTables/t0", {}), "may have 3")
    w.limit(resources=1000, tenant_resources=100)
    made(w.ask("b", "PUT", "/routeTables/t0", {}))
    for i in range(50):
        made(w.ask("b", "PUT", "/routeTables/n%d" % i, {}))


if __name__ == "__main__":
    suite.main()
