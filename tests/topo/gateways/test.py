#!/usr/bin/env python3
"""
What a controller shows of its gateways, from a gateway node of its own (GW-6):

    c         controller, with configs/samples/two-customers.json and two-customers-nat.json as they are
    gateway1  gwd, gateway   eth1 -- rack1,  out0 -- seg0 [yard]: the outside, where one host is

The node does what it is told; what it is able to do, where virtual gateways are and what they do is answered by the controller, in
the node's words. Traffic through a gateway is tests/topo/gateway.
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case  # noqa: E402
from lib.case import equal, eventually, require  # noqa: E402
from lib.gateway import objects  # noqa: E402
from lib.manager import Managed  # noqa: E402
from lib.net import run  # noqa: E402

suite = case.Suite()
CUSTOMERS = {"contoso": "Contoso", "fabrikam": "Fabrikam"}


def sample(name):
    with open(os.path.join(case.root(), "configs/samples/%s.json" % name), encoding="utf-8") as f:
        return json.load(f)


def setup():
    w = Managed()
    for name in ("two-customers", "two-customers-nat"):
        w.batch(sample(name))
    w.g = w.managed("g", "gateway1", "rack1", 9, start=False)
    w.yard = w.namespace("yard")
    w.g.netns.veth("out0", w.yard, "seg0")
    w.g.netns.ip("link set out0 up")
    w.yard.ip("link set seg0 up")
    w.g.netns.ip("addr add 203.0.113.2/24 dev out0")
    w.g.gwd.settings["node"].update(roles="gateway", plugin_dir=case.build() + "/plugins")
    w.g.gwd.settings["external"] = {"interface": "out0"}
    w.g.gwd.settings["limits"] = {"virtual_gateways": 300, "nat_rules": 4000}
    w.g.gwd.configure()
    return w


def properties(w, path):
    return w.get(path)["properties"]


def virtual_gateway(w, name):
    return properties(w, "/virtualGateways/%s?tenantId=%s" % (name, CUSTOMERS[name]))


g = suite.group("", setup)


@g.case("a gateway that has not been heard of has failed, and says nothing of what it can do")
def before(w):
    p = properties(w, "/gateways/gateway1")
    equal((p["state"], p["healthState"]), ("Failed", "Unknown"), "the gateway")
    require("capabilities" not in p, p)
    equal(p["configurationState"]["status"], "Failure", "its state")


@g.case("when its node is there it is active, and tells its version, what it can carry, its limits, its drivers and how they are")
def capabilities(w):
    w.g.gwd.start()
    eventually(lambda: properties(w, "/gateways/gateway1")["state"] == "Active", "it is active", 20)
    told = eventually(lambda: properties(w, "/gateways/gateway1").get("capabilities"), "what it can do", 20)
    equal(told["version"], w.g.gwd.request("GET", "/version").json()["version"], "its version")
    require(told["kernel"] and "VXLAN" in told["encapsulations"], told)
    for driver in ("engine", "vrf", "nat"):
        require(driver in told["drivers"], "no %s: %s" % (driver, told["drivers"]))
    equal({k: v for k, v in told["drivers"]["nat"].items() if "Limit" in k},
          {"trackedConnectionsLimit": 131072, "newConnectionsPerSecondLimit": 50000}, "what its virtual gateways may do")
    equal({k: told[k] for k in ("connectionTypes", "authenticationMethods", "algorithms")},
          {"connectionTypes": ["L3", "GRE", "NAT"], "authenticationMethods": [], "algorithms": []}, "what it can carry")
    equal({k: told["limits"][k] for k in ("virtualGateways", "natRules", "publicAddresses", "customerRoutes")},
          {"virtualGateways": 300, "natRules": 4000, "publicAddresses": 65536, "customerRoutes": 65536}, "its limits, as configured")
    p = properties(w, "/gateways/gateway1")
    # Nothing takes of a gateway's capacity yet, as connections, which are promised some, are not in force: no availableCapacity.
    equal(p["totalCapacity"], 10000000, "what it carries")
    equal(sorted(v["resourceRef"] for v in p["virtualGateways"]),
          sorted("/virtualGateways/%s?tenantId=%s" % c for c in CUSTOMERS.items()), "whom it carries")


@g.case("virtual gateways say where they are, their addresses and ports, and what they do, as the node does")
def virtual_gateways(w):
    blocks = {b["virtualGateway"]["resourceRef"].split("?")[0].rsplit("/", 1)[1]: b["start"]
              for b in properties(w, "/publicIPAddresses/shared")["portBlocks"]}
    for name, port in (("contoso", 443), ("fabrikam", 1443)):
        p = eventually(lambda: (lambda p: p.get("state") == "Ready" and p.get("statistics", {}).get("nat", {}).get("rules") and p)(
            virtual_gateway(w, name)), "%s is ready" % name, 30)
        equal(p["gateway"]["resourceRef"].split("?")[0], "/gateways/gateway1", "where it is")
        equal(p["customerAddresses"], ["10.1.255.2/29"], "its address")
        equal(sorted(p["publicAddresses"]), sorted(["203.0.113.10:%d" % port, "203.0.113.10:%d-%d" % (blocks[name], blocks[name] + 4095)]),
              "its ports")
        for part in ("inside", "outside", "external", "nat"):
            require(part in p["statistics"], "%s: %s" % (part, p["statistics"]))
        equal(p["statistics"]["nat"]["trackedConnectionsLimit"], 131072, "connections that it may track")
        require("namespace" not in json.dumps(p), "names of the node: %s" % p)
    # Nobody is there to send anything: that is known, and not only that nothing is known.
    for name in CUSTOMERS:
        rules = properties(w, "/loadBalancers/%s?tenantId=%s" % (name, CUSTOMERS[name]))
        for rule in rules["outboundNatRules"] + rules["inboundNatRules"]:
            eventually(lambda r=rule["resourceRef"], t=CUSTOMERS[name]: properties(w, "%s?tenantId=%s" % (r, t)).get("statistics") ==
                       {"connections": 0}, "%s has counted nothing" % rule["resourceRef"], 70)
    equal(properties(w, "/publicIPAddresses/shared").get("statistics"), {"outboundConnections": 0, "inboundConnections": 0},
          "connections by the address")


@g.case("the node shows the same itself: in statistics, metrics and gwctl")
def node(w):
    told = w.g.gwd.request("GET", "/networking/v1/monitoring/statistics").json()["virtualGateways"]
    equal([t["state"] for t in told], ["Ready", "Ready"], "its virtual gateways")
    equal([e["state"] for e in w.g.gwd.status()["engine"]["virtualGateways"]], ["Up", "Up"], "their ways out")
    text = w.g.gwd.request("GET", "/metrics").body.decode()
    require("\ngwd_virtual_gateways 2\n" in text, "the number of them")
    for t in told:
        require('gwd_virtual_gateway_tracked_connections{routing_domain="%s"}' % t["routingDomainId"] in text, "connections of " + str(t))
        require('gwd_virtual_gateway_tracked_connections_limit{routing_domain="%s"} 131072' % t["routingDomainId"] in text,
                "the limit of " + str(t))
    lines = w.g.gwd.ctl("status")
    case.note(lines[lines.index("GATEWAY OF"):][:400])
    equal(len(re.findall(r"\b\d+ of 131072\b", lines)), 2, "connections that they track, and may track: " + lines)
    require(lines.count("Ready") >= 2, lines)
    lines = w.c.ctl("get", "virtualgateways", "-o", "wide")
    case.note(lines)
    require(lines.count("131072") == 2 and lines.count("gateway1") == 2 and lines.count("203.0.113.10:") == 4, lines)
    require("Active" in w.c.ctl("get", "gateways"), "gwctl get gateways")


def on_node(w):
    return next(iter(objects(w.g.gwd, "connections").values()))


@g.case("GW-9: a connection says whether its other side is there, and what was dropped for its rate")
def connection(w):
    path, host = "/virtualGateways/contoso/networkConnections/yard?tenantId=Contoso", "10.70.0.1"
    w.put("/logicalNetworks/plant", {"subnets": [{"resourceId": "yard", "properties": {"addressPrefix": "10.70.0.0/24"}}]})
    w.put(path, {"connectionType": "L3", "l3Configuration": {"vlanSubnet": {"resourceRef": "/logicalNetworks/plant/subnets/yard"}},
                 "ipAddresses": [{"ipAddress": "10.70.0.2", "prefixLength": 24}], "peerIPAddresses": [host],
                 "outboundKiloBitsPerSecond": 1000, "inboundKiloBitsPerSecond": 2000})
    eventually(lambda: properties(w, path).get("connectionState") == "Disconnected", "nobody is there", 40)
    w.yard.ip("addr add %s/24 dev seg0" % host)
    eventually(lambda: properties(w, path).get("connectionState") == "Connected", "its other side is there", 40)
    equal(properties(w, path)["statistics"]["txRateLimitedPacketsDropped"], 0, "dropped for its rate, of what nobody has sent")
    told = on_node(w)
    vrf = objects(w.g.gwd, "virtualGateways")[told["RoutingDomainID"]]["namespace"]
    run(["nsenter", "--net=/run/netns/" + vrf] + "ping -n -q -c 100 -l 100 -s 1400 -S 1000000 -w 3".split() + [host], ok=None)
    dropped = on_node(w)["outboundRateLimitedDrops"]
    case.note("%d of 100 packets at once" % dropped)
    require(0 < dropped < 100, "%d packets dropped on the node" % dropped)  # its queue holds some
    told = eventually(lambda: (lambda s: s["txRateLimitedPacketsDropped"] and s)(properties(w, path)["statistics"]),
                      "the controller tells of it", 70)
    equal((told["txRateLimitedPacketsDropped"], told["rxRateLimitedPacketsDropped"]), (dropped, 0), "dropped for its rates")
    require(told["txTotalPacketsDropped"] >= dropped and told["outboundBytes"] > 1400, told)


@g.case("what goes is gone from there too")
def gone(w):
    for path in ("/loadBalancers/fabrikam?tenantId=Fabrikam", "/virtualGateways/fabrikam?tenantId=Fabrikam"):
        equal(w.ask("DELETE", path).status, 202, path)
    equal([v["resourceRef"] for v in properties(w, "/gateways/gateway1")["virtualGateways"]],
          ["/virtualGateways/contoso?tenantId=Contoso"], "whom it carries")
    eventually(lambda: len(w.g.gwd.request("GET", "/networking/v1/monitoring/statistics").json()["virtualGateways"]) == 1,
               "the node carries one", 20)


suite.main()
