#!/usr/bin/python3
# One machine that is controller, gateway and host: it follows itself over its socket.
#
#   VMs of blue and red, the same addresses       gw: gwd                                isp                          far
#   10.0.1.11 ------------------------- ports     out0 192.0.2.2 -- out -- seg0 192.0.2.1 , far0 -- eth0 198.51.100.10
#
# Everything is asked for in resources: virtual networks with gateways, a shared public address for both, a port of it that leads to
# a VM, an address of a VM's own. Covers API-1 (states), GW-1, GW-6 (one address shared by blocks of ports), GW-8.
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic
from lib.case import equal, eventually, require
from lib.gateway import FAR, GatewayWorld
from lib.gwd import BASE
from lib.world import World

SHARED, OWN = "203.0.113.5", "203.0.113.6"
VM = "10.0.1.11"
suite = case.Suite()


def ref(path):
    return {"resourceRef": path}


def child(name, **properties):
    return {"resourceId": name, "properties": properties}


class Standalone(GatewayWorld):
    def __init__(self):
        World.__init__(self)
        self.make_fabric()
        self.make_outside()
        self.gw = self.host("gw", None, start=False, settings={
            "node": {"roles": "controller, gateway, host", "plugin_dir": case.build() + "/plugins"},
            "external": {"interface": "out0"}})
        self.gw.gwd.settings["api"] = {"listen": "unix:" + self.gw.gwd.socket_path}
        self.gw.gwd.configure()
        self.connect_outside()
        self.gw.start()
        self.tenants = {"blue": 1, "red": 2}
        for name, n in self.tenants.items():
            vm = self.gw.vm(name, "02:00:00:00:00:%02x" % n, 5001 + 10 * n, [VM], attach=False)
            vm.default_routes("10.0.1.1")
            setattr(self, name, vm)

    def apply(self, *resources):
        path = os.path.join(case.WORK, "resources.json")
        with open(path, "w") as f:
            json.dump([{"path": p, "body": {"properties": body}} for p, body in resources], f)
        return self.gw.gwd.ctl("apply", "-f", path, "--wait", "60s")

    def get(self, path):
        r = self.gw.gwd.request("GET", BASE + path)
        require(r.status == 200, "%s: %d %s" % (path, r.status, r.body))
        return r.json()["properties"]

    def counted(self, path):
        """What the controller says that it has counted."""
        return self.get(path).get("statistics")

    def on_node(self, name, kind):
        """Connections of the network's rules of that type, as the node counts them now."""
        rdid = self.get("/virtualNetworks/" + name)["routingDomainId"]
        return sum(r["counters"]["connections"] for r in self.gw.gwd.list("nat-rule").values()
                   if r["RoutingDomainID"] == rdid and r["Type"] == kind)

    def is_well(self, path):
        p = self.get(path)
        equal((p["provisioningState"], p["configurationState"]["status"]), ("Succeeded", "Success"), "%s: %s" % (path, p))


def network(name, n):
    own = "/virtualNetworks/" + name
    balancer = "/loadBalancers/" + name
    return [
        (own, {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [
            child("vms", addressPrefix="10.0.1.0/24", isolationId=5001 + 10 * n)]}),
        ("/networkInterfaces/" + name, {
            "privateMacAddress": "02000000000%d" % n, "privateMacAllocationMethod": "Static", "server": ref("/servers/gw"),
            "hostInterface": name, "ipConfigurations": [child(
                "c", subnet=ref(own + "/subnets/vms"), privateIPAddress=VM, privateIPAllocationMethod="Static")]}),
        ("/virtualGateways/" + name, {"virtualNetwork": ref(own), "gatewayPools": [ref("/gatewayPools/all")]}),
        (balancer, {
            "frontendIPConfigurations": [child("f", publicIPAddress=ref("/publicIPAddresses/shared"))],
            "backendAddressPools": [child("p", subnets=[ref(own + "/subnets/vms")])],
            "outboundNatRules": [child("out", frontendIPConfigurations=[ref(balancer + "/frontendIPConfigurations/f")],
                                       backendAddressPool=ref(balancer + "/backendAddressPools/p"))]})]


g = suite.group("one machine", Standalone)


@g.case("all of it is asked for in one file, and in force when gwctl says so")
def everything(w):
    resources = [("/servers/gw", {"providerAddresses": [{"address": "10.1.1.9", "prefixLength": 24, "interface": "eth1"}]}),
                 ("/gatewayPools/all", {"type": "All"}),
                 ("/gateways/gw", {"pool": ref("/gatewayPools/all"), "virtualServer": ref("/servers/gw")}),
                 ("/publicIPAddresses/shared", {"ipAddress": SHARED, "publicIPAllocationMethod": "Static", "shared": True})]
    for name, n in w.tenants.items():
        resources += network(name, n)
    w.apply(*resources)
    for path, _ in resources:
        w.is_well(path)
    for name in w.tenants:
        w.is_well("/loadBalancers/%s/outboundNatRules/out" % name)
        vsid = w.get("/virtualGateways/" + name)["isolationId"]
        require(os.path.exists("/run/netns/gwd-gw-%d" % vsid), "the namespace of %s" % name)


@g.case("two tenants with the same address reach the world through one address, each by its own block of ports")
def shared(w):
    for vm in (w.blue, w.red):
        eventually(lambda vm=vm: traffic.ping(vm, FAR, 1)[0], "%s gets out" % vm.name, 20)
        traffic.tcp_exact(vm, w.far, FAR, 1 << 20)
        traffic.udp_exact(vm, w.far, FAR, [1, 64, 1300] * 5)
    blocks = [(b["start"], b["frontendIPConfiguration"]["resourceRef"]) for b in w.get("/publicIPAddresses/shared")["portBlocks"]]
    equal(len({start for start, _ in blocks}), 2, "blocks: %s" % blocks)


@g.case("rules and addresses count connections, each tenant's his own; the controller says so when the node has reported")
def counted(w):
    on_node = lambda: {name: w.on_node(name, "Outbound") for name in w.tenants}  # noqa: E731
    told = lambda: {name: (w.counted("/loadBalancers/%s/outboundNatRules/out" % name) or {}).get("connections") for name in w.tenants}  # noqa: E731
    # So far each has had a ping, a TCP connection and a UDP flow. What is read is up to a second old.
    before = eventually(lambda: (lambda n: min(n.values()) >= 3 and n)(on_node()), "the node has counted", 5)
    for _ in range(10):
        traffic.tcp_exact(w.blue, w.far, FAR, 1 << 16)
    traffic.tcp_exact(w.red, w.far, FAR, 1 << 16)
    now = eventually(lambda: (lambda n: n["blue"] >= before["blue"] + 10 and n["red"] > before["red"] and n)(on_node()),
                     "the node has counted these too", 5)
    require(now["red"] < before["red"] + 10, "blue's connections are red's: %s, before %s" % (now, before))
    eventually(lambda: told() == now, "the controller says the same", 70)
    equal(w.counted("/publicIPAddresses/shared"), {"outboundConnections": sum(now.values()), "inboundConnections": 0}, "of the address")


@g.case("an inbound rule leads a port to a VM, an address of its own is the VM's both ways; both go again")
def inbound(w):
    front = ref("/loadBalancers/red/frontendIPConfigurations/f")
    w.apply(("/loadBalancers/red/inboundNatRules/web", {
        "frontendIPConfigurations": [front], "protocol": "Tcp", "frontendPort": 80, "backendPort": 8080,
        "backendIPConfiguration": ref("/networkInterfaces/red/ipConfigurations/c")}),
        ("/publicIPAddresses/own", {"ipAddress": OWN, "publicIPAllocationMethod": "Static"}),
        ("/networkInterfaces/blue/ipConfigurations/c", {
            "subnet": ref("/virtualNetworks/blue/subnets/vms"), "privateIPAddress": VM, "privateIPAllocationMethod": "Static",
            "publicIPAddress": ref("/publicIPAddresses/own")}))
    w.is_well("/loadBalancers/red/inboundNatRules/web")
    w.is_well("/publicIPAddresses/own")
    traffic.TcpTransfer(w.far, w.red, VM, 1 << 20, port=8080, via=SHARED, via_port=80).finish()
    traffic.tcp_exact(w.blue, w.far, FAR, 1 << 20)
    eventually(lambda: traffic.ping(w.far, OWN, 1)[0], "the VM's own address answers", 5)
    pings = eventually(lambda: w.on_node("blue", "Inbound"), "connections to the VM's own address", 5)
    eventually(lambda: [w.counted(p) for p in ("/loadBalancers/red/inboundNatRules/web", "/publicIPAddresses/own")] ==
               [{"connections": 1}, {"outboundConnections": 1, "inboundConnections": pings}], "the controller says so", 70)
    r = w.gw.gwd.request("DELETE", BASE + "/loadBalancers/red/inboundNatRules/web")
    require(r.status in (202, 204), r.body)
    eventually(lambda: not [i for i in w.gw.gwd.list("nat-rule") if "-Inbound-Tcp-" in i], "the rule is gone from the node", 10)


@g.case("kill -9 of the daemon: what was there goes on, and is what is asked for when it is back")
def killed(w):
    kinds = ("virtual-gateway", "public-address", "nat-rule", "port")
    before = {kind: sorted(w.gw.gwd.list(kind)) for kind in kinds}
    w.gw.gwd.kill()
    traffic.tcp_exact(w.red, w.far, FAR, 1 << 18)
    w.gw.gwd.start()
    equal({kind: sorted(w.gw.gwd.list(kind)) for kind in kinds}, before, "records after the restart")
    traffic.tcp_exact(w.blue, w.far, FAR, 1 << 18)
    eventually(lambda: w.get("/virtualGateways/red")["provisioningState"] == "Succeeded", "states are known again", 20)


@g.case("a tenant's gateway goes with all that it had; the other's stays")
def gone(w):
    namespace = "/run/netns/gwd-gw-%d" % w.get("/virtualGateways/red")["isolationId"]
    require(os.path.exists(namespace), namespace)
    for path in ("/loadBalancers/red", "/virtualGateways/red"):
        r = w.gw.gwd.request("DELETE", BASE + path)
        require(r.status in (202, 204), "%s: %s" % (path, r.body))
    eventually(lambda: not os.path.exists(namespace), "red's namespace is gone", 20)
    equal(len(w.gw.gwd.list("virtual-gateway")), 1, "virtual gateways")
    left = {p["RoutingDomainID"] for kind in ("public-address", "nat-rule") for p in w.gw.gwd.list(kind).values()}
    equal(left, {w.get("/virtualNetworks/blue")["routingDomainId"]}, "whose records are left")
    traffic.no_reach(w.red, FAR)
    traffic.tcp_exact(w.blue, w.far, FAR, 1 << 18)


if __name__ == "__main__":
    suite.main()
