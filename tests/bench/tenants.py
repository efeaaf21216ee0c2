#!/usr/bin/python3
"""What a thousand tenants cost a machine that is controller, gateway and host, beside the same made by hand with ip and nft.

usage: tenants.py [--tenants N] [--rounds N] [--build DIR]

    VM eth0 -- probe      gw: gwd               far
                          out0 192.0.2.2 ------ eth0 192.0.2.1, 198.51.100.10

A tenant is a virtual network with one subnet, its virtual gateway, which has a VSID of its own, an outbound rule by a block of ports
of a shared address, and an L3 connection to a VLAN of its own, with an address on it and a route behind: one request, and it counts as
made when the controller says that it is carried out. By hand it is a namespace with two vxlan devices, a veth pair to the outside with
addresses and routes, forwarding, an nft table with the same rule, and what hands the VLAN over: a VLAN device in the namespace, which is
all that the kernel needs for it, where it has such devices. Where it has none, as the development kernel, the hand-off is routed: one
more veth pair, with an address at either end, which is less than a VLAN of its own, and is said in the table. gwd needs no VLAN devices,
and does the same in both cases. By hand it is done once by a script of single commands, once with ip -batch and nft -f. All three are
made in turn, a part of the tenants in each round, so that they meet the same machine with the same number of namespaces; ratios are of
rounds.

From a PUT of an inbound rule until a datagram from far comes to the VM by it: with 10 tenants and with all of them. Then gwd is killed
and started over what is there; once more with one object altered meanwhile. What was written to the kernel then is counted by gwd,
and so is the longest turn of its event loop. What a packet of a known flow costs, through the VM's port, its virtual gateway and NAT, is
measured beside a second node that has this one tenant and no other, in turn. At last all tenants are removed, hundreds in one request. A
table goes to standard output, tenants.json to build/bench; the exit status says whether all could be measured, never how fast it was.
"""
import argparse
import http.client
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

from control import Client
from lab import Failed, Gwd, Netns, build_option, case, enter, gateway, namespace, run
from measure import FLOOD_PORT, Bench
from report import Spread, show
from variants import attach, swallowed
from vrfs import meminfo

TENANTS, ROUNDS, FEW, PUTS, AT_ONCE = 1000, 5, 10, 30, 250
PATIENCE = 600  # seconds
FLOODS, FLOOD_SECONDS, FLOWS = 9, 0.5, 64
BLOCK, BLOCKS = 1024, 63  # of one shared address
PA, OUT, HOP, FAR, PROBE, VM = "10.1.1.9", "192.0.2.2", "192.0.2.1", "198.51.100.10", "203.0.113.250", "10.0.1.11"
PORT, FIRST_PORT = 7000, 30000
VM_MAC = "020000000b01"
BEHIND = "172.20.0.0/16"
WAYS = {"gwd": "gwd, over its API", "script": "a script of ip, nft and sysctl", "batch": "ip -batch and nft -f"}


def ref(path):
    return {"resourceRef": path}


def child(name, **properties):
    return {"resourceId": name, "properties": properties}


def put(path, **properties):
    return {"path": path, "body": {"properties": properties}}


def network(name, vsid):
    return put("/virtualNetworks/" + name, addressSpace={"addressPrefixes": ["10.0.0.0/16"]}, subnets=[
        child("vms", addressPrefix="10.0.1.0/24", isolationId=vsid)])


def virtual_gateway(name, **more):
    return put("/virtualGateways/" + name, virtualNetwork=ref("/virtualNetworks/" + name), gatewayPools=[ref("/gatewayPools/all")], **more)


def plant(i):
    """Of a tenant's VLAN: its subnet, and the addresses of who is there and of the virtual gateway."""
    subnet = f"10.{64 + (i >> 8)}.{i & 255}."
    return subnet + "0/24", subnet + "1", subnet + "2"


def vlan(name, i):
    return put("/logicalNetworks/plant/subnets/" + name, addressPrefix=plant(i)[0], vlanID=2 + i)


def connection(name, i):
    """Nobody asks whether the other side is there."""
    _, neighbour, own = plant(i)
    return child("plant", connectionType="L3", l3Configuration={"vlanSubnet": ref("/logicalNetworks/plant/subnets/" + name)},
                 ipAddresses=[{"ipAddress": own, "prefixLength": 24}], routes=[{"destinationPrefix": BEHIND, "nextHop": neighbour}])


def balancer(name, address):
    own = "/loadBalancers/" + name
    return put(own, frontendIPConfigurations=[child("f", publicIPAddress=ref("/publicIPAddresses/" + address))],
               backendAddressPools=[child("p", subnets=[ref(f"/virtualNetworks/{name}/subnets/vms")])],
               outboundNatRules=[child("o", frontendIPConfigurations=[ref(own + "/frontendIPConfigurations/f")],
                                       backendAddressPool=ref(own + "/backendAddressPools/p"))])


# --- by hand ------------------------------------------------------------------------------------------------------------------------

class ByHand:
    """In a node's namespace of its own."""

    def __init__(self, key, folder):
        self.key, self.folder = key, folder
        self.netns, self.other = namespace(key), namespace(key + "x")
        self.netns.veth("underlay", self.other, "underlay", 1600)
        self.has_vlans = self.netns.run("ip link add link underlay name try type vlan id 2", ok=None).returncode == 0
        if self.has_vlans:
            self.netns.ip("link del dev try")
        self.netns.ip(f"addr add {PA}/24 dev underlay")
        for netns in (self.netns, self.other):
            netns.ip("link set underlay up")
        self.netns.sysctl("net.ipv4.ip_forward=1")

    def commands(self, i):
        """(what is done on the node, what in the tenant's namespace, its ruleset as commands of nft)"""
        name, vsid, hop = f"{self.key}-t{i}", 10000 + 2 * i, f"169.254.{i >> 7}.{2 * i & 255}"
        inside, public, first = f"169.254.{i >> 7}.{(2 * i & 255) + 1}", f"203.0.{114 + i // BLOCKS}.1", BLOCK * (1 + i % BLOCKS)
        _, neighbour, own = plant(i)
        node = [f"link add vx{vsid} mtu 1450 type vxlan id {vsid} local {PA} dstport 4789 noudpcsum dev underlay",
                f"link set vx{vsid} netns {name}",
                f"link add vx{vsid + 1} mtu 1450 type vxlan id {vsid + 1} local {PA} dstport 4789 noudpcsum dev underlay",
                f"link set vx{vsid + 1} netns {name}",
                f"link add way{i} type veth peer name ext0 netns {name}",
                f"addr add {hop}/31 dev way{i}", f"link set way{i} up"]
        if self.has_vlans:
            node.append(f"link add link underlay name con{i} netns {name} type vlan id {2 + i}")
        else:
            node += [f"link add hand{i} type veth peer name con{i} netns {name}", f"addr add {neighbour}/32 dev hand{i}",
                     f"link set hand{i} up"]
        tenant = [f"link set vx{vsid} up", f"addr add 10.0.1.1/24 dev vx{vsid}", f"link set vx{vsid + 1} up",
                  f"addr add 10.0.255.250/29 dev vx{vsid + 1}", f"addr add {inside}/31 dev ext0", "link set ext0 up",
                  f"route add default via {hop}", f"addr add {own}/24 dev con{i}", f"link set con{i} up",
                  f"route add {BEHIND} via {neighbour}"]
        nft = ["add table ip nat", "add chain ip nat post { type nat hook postrouting priority srcnat ; }"]
        ours = 'add rule ip nat post oifname "ext0" ip saddr 10.0.0.0/16'
        nft += [f"{ours} meta l4proto {p} snat to {public}:{first}-{first + BLOCK - 1}" for p in ("tcp", "udp")]
        nft.append(f"{ours} meta l4proto icmp snat to {public}")
        return name, node, tenant, nft

    def shell(self, lines):
        path = os.path.join(self.folder, self.key + ".sh")
        with open(path, "w", encoding="ascii") as f:
            f.write("set -e\n" + "\n".join(lines) + "\n")
        run(self.netns.argv(["bash", path]), timeout=PATIENCE)

    def make(self, numbers):
        raise NotImplementedError


class Script(ByHand):
    def make(self, numbers):
        lines = []
        for i in numbers:
            name, node, tenant, nft = self.commands(i)
            lines += [f"ip netns add {name}"] + [f"ip {c}" for c in node] + [f"ip -n {name} {c}" for c in tenant]
            lines += [f"nsenter --net=/run/netns/{name} {c}" for c in ["sysctl -qw net.ipv4.ip_forward=1"] + [f"nft '{n}'" for n in nft]]
        self.shell(lines)


class Batch(ByHand):
    def make(self, numbers):
        first, lines = [], []
        for i in numbers:
            name, node, tenant, nft = self.commands(i)
            first += [f"netns add {name}"] + node
            ip, rules = "\n".join(tenant), "\n".join(nft)
            inside = "echo 1 >/proc/sys/net/ipv4/ip_forward; ip -batch /dev/fd/3; nft -f -"
            lines.append(f"nsenter --net=/run/netns/{name} bash -ec '{inside}' <<'A' 3<<'B'\n{rules}\nA\n{ip}\nB")
        self.shell(["ip -batch - <<'A'\n" + "\n".join(first) + "\nA"] + lines)


# --- gwd ----------------------------------------------------------------------------------------------------------------------------

class End(NamedTuple):
    vm: Netns
    public: str  # how the other one calls it


class Node:
    def __init__(self, name, tenants):
        self.name = name
        room = {"ports": 4096, "virtual_gateways": 4096, "network_connections": 4096} if tenants > TENANTS else {}  # else there is enough
        self.netns, self.far, self.vm = namespace(name), namespace(name + "far"), namespace(name + "vm")
        self.netns.veth("eth1", self.far, "eth1", 1600)
        self.netns.veth("out0", self.far, "eth0", 1500)
        self.netns.veth("probe", self.vm, "eth0", 1400)
        for netns, dev, address in ((self.netns, "eth1", ""), (self.far, "eth1", ""), (self.netns, "out0", OUT + "/24"),
                                    (self.far, "eth0", HOP + "/24"), (self.far, "lo", FAR + "/32"), (self.netns, "probe", ""),
                                    (self.vm, "eth0", VM + "/24")):
            if address:
                netns.ip(f"addr add {address} dev {dev}")
            netns.ip(f"link set {dev} up")
        self.vm.ip("link set eth0 address " + ":".join(VM_MAC[n:n + 2] for n in range(0, 12, 2)))
        self.vm.ip("route add default via 10.0.1.1")
        self.netns.ip(f"route add default via {HOP}")
        self.far.ip(f"route add 203.0.0.0/16 via {OUT} src {FAR}")
        self.gwd = Gwd(self.netns, name, {
            "node": {"roles": "controller, gateway, host", "plugin_dir": case.build() + "/plugins"},
            "external": {"interface": "out0"}, "limits": {"requests_per_second": 1000000, **room}})
        self.gwd.settings["api"] = {"listen": "unix:" + self.gwd.socket_path}
        self.gwd.configure()
        self.gwd.start(deadline=60)
        self.client, self.operation, self.tenants, self.addresses = Client(self.gwd.socket_path), None, 1, set()
        self.tell([put("/servers/" + name, providerAddresses=[{"address": PA, "prefixLength": 24, "interface": "eth1"}]),
                   put("/gatewayPools/all", type="All"), put("/logicalNetworks/plant"),
                   put("/gateways/gw", pool=ref("/gatewayPools/all"), virtualServer=ref("/servers/" + name)),
                   put("/publicIPAddresses/probe", ipAddress=PROBE, publicIPAllocationMethod="Static"),
                   network("probe", 9000), virtual_gateway("probe"), balancer("probe", "probe"),
                   put("/networkInterfaces/probe", privateMacAddress=VM_MAC, privateMacAllocationMethod="Static",
                       server=ref("/servers/" + name), hostInterface="probe",
                       ipConfigurations=[child("c", subnet=ref("/virtualNetworks/probe/subnets/vms"), privateIPAddress=VM,
                                               privateIPAllocationMethod="Static")])])
        self.wait()

    def ask(self, method, path, body=None):
        """On one connection, as managers do; gwd ends one that says nothing for long."""
        text, headers = (json.dumps(body), {"Content-Type": "application/json"}) if body is not None else (None, {})
        try:
            self.client.request(method, "/networking/v1" + path, text, headers)
            r = self.client.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            self.client.close()
            self.client.request(method, "/networking/v1" + path, text, headers)
            r = self.client.getresponse()
        answer = r.read()
        if r.status >= 300:
            raise Failed(f"{method} {path}: {r.status} {answer[:300]}")
        self.operation = r.headers.get("Azure-AsyncOperation") or self.operation
        return answer

    def tell(self, elements):
        self.ask("POST", "/batch", elements)

    def wait(self):
        """Until what was asked for last is carried out, and every virtual gateway is there with its rules."""
        end = time.monotonic() + PATIENCE
        while json.loads(self.ask("GET", self.operation[len("/networking/v1"):]))["status"] != "Succeeded":
            if time.monotonic() > end:
                raise Failed(f"the last change is not carried out after {PATIENCE} s")
            time.sleep(0.01)
        pause = 0.05
        while True:
            found = gateway.objects(self.gwd, "virtualGateways")
            bad = [p for p in found.values() if p.get("state") != "Ready" or p.get("nat", {}).get("state") != "Up"]
            connections = gateway.objects(self.gwd, "connections")
            bad += [p for p in connections.values() if p.get("state") != "Ready"]
            if len(found) == self.tenants and len(connections) == self.tenants - 1 and not bad:
                return
            if time.monotonic() > end:
                raise Failed(f"{len(found)} virtual gateways, {len(connections)} connections, {len(bad)} are not ready: {bad[:1]}")
            time.sleep(pause)
            pause *= 1.3

    def make(self, numbers):
        for i in numbers:
            name, address = f"t{i}", f"shared{i // BLOCKS}"
            elements = [network(name, 10000 + i), vlan(name, i), virtual_gateway(name, networkConnections=[connection(name, i)]),
                        balancer(name, address)]
            if address not in self.addresses:
                self.addresses.add(address)
                elements.insert(0, put("/publicIPAddresses/" + address, ipAddress=f"203.0.{114 + i // BLOCKS}.1", shared=True,
                                       publicIPAllocationMethod="Static", portBlockSize=BLOCK))
            self.tell(elements)
            self.tenants += 1
        self.wait()

    def remove(self, tenants):
        """Hundreds in one request; the milliseconds that each takes until nothing of it is left, and what it did to the loop."""
        begin, before, names = time.monotonic(), self.metrics()["gwd_loop_pauses_total"], [f"t{i}" for i in range(tenants)]
        for first in range(0, tenants, AT_ONCE):
            self.tell([{"path": f"/{kind}/{name}", "method": "DELETE"} for kind in ("loadBalancers", "virtualGateways", "virtualNetworks")
                       for name in names[first:first + AT_ONCE]])
        self.tenants -= tenants
        self.wait()
        while len([n for n in os.listdir("/run/netns") if n.startswith(f"gwd-{self.name}-")]) > self.tenants:
            if time.monotonic() - begin > PATIENCE:
                raise Failed("namespaces of tenants that have gone are left")
            time.sleep(0.05)
        took, loop = time.monotonic() - begin, self.loop(self.metrics())
        return {"wall": took * 1000 / tenants, "loop": {**loop, "pauses": loop["pauses"] - before}}

    # --- what comes through it, as measure.Bench asks

    def open_flood(self):
        self.forward("flood", FLOOD_PORT, FLOOD_PORT + FLOWS)
        self.wait()
        self.ends = [End(self.vm, PROBE), End(self.far, FAR)]
        self.sinks = [attach(end.vm, "eth0", "sink") for end in self.ends]

    def arrived(self, up=True):
        return swallowed(self.sinks[up])

    def path_cpu(self):
        return 0

    # --- how it is

    def proc(self, name):
        with open(f"/proc/{self.gwd.process.pid}/{name}", encoding="ascii") as f:
            return f.read()

    def cpu(self):
        fields = self.proc("stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        text = self.proc("smaps_rollup")
        return {k: int(re.search(rf"^{k}:\s+(\d+)", text, re.M).group(1)) for k in ("Rss", "Pss")}

    def metrics(self):
        text = self.gwd.request("GET", "/metrics", timeout=PATIENCE).body.decode()
        return {m[1]: float(m[2]) for m in re.finditer(r"(?m)^([^#\n]\S*(?:\{.*\})?) (\S+)$", text)}

    def loop(self, metrics):
        """The longest turn so far, and the handlers that took most of one, in ms."""
        worst = sorted(((v * 1000, re.findall('"([^"]*)"', k)) for k, v in metrics.items()
                        if k.startswith("gwd_loop_handler_longest_seconds{")), reverse=True)
        return {"longest": metrics["gwd_loop_longest_turn_seconds"] * 1000,
                "pauses": metrics["gwd_loop_pauses_total"],
                "by": [f"{' '.join(names)} {took:.0f}" for took, names in worst[:4]]}

    # --- what is done with it

    def forward(self, name, port, end, backend=None):
        """UDP ports of the probe's public address."""
        own = "/loadBalancers/probe"
        for n in range(port, end):
            body = {"properties": {"frontendIPConfigurations": [ref(own + "/frontendIPConfigurations/f")], "protocol": "Udp",
                                   "frontendPort": n, "backendPort": backend or n,
                                   "backendIPConfiguration": ref("/networkInterfaces/probe/ipConfigurations/c")}}
            self.ask("PUT", f"{own}/inboundNatRules/{name}{n}", body)

    def put_to_working(self):
        """ms from the request until a datagram comes through, of each of many rules."""
        with self.vm.enter():
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((VM, PORT))
        server.settimeout(0.0005)
        taken = []
        for n in range(PUTS):
            with self.far.enter():
                far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            far.bind((FAR, 0))
            begin, port = time.perf_counter(), FIRST_PORT + n
            self.forward("r", port, port + 1, PORT)
            while True:
                far.sendto(b"%d" % n, (PROBE, port))
                try:
                    if server.recv(100) == b"%d" % n:
                        break
                except (socket.timeout, BlockingIOError):
                    pass
                if time.perf_counter() - begin > PATIENCE:
                    raise Failed(f"rule {n} does not come into force")
            taken.append((time.perf_counter() - begin) * 1000)
            far.close()
            self.ask("DELETE", f"/loadBalancers/probe/inboundNatRules/r{port}")
        server.close()
        return statistics.median(taken), max(taken)

    def restart(self, meanwhile=lambda: None):
        """Killed and started over what is there: seconds, CPU, and what was written to the kernel until all is in order."""
        self.gwd.kill()
        meanwhile()
        self.client.close()
        begin = time.monotonic()
        self.gwd.start(deadline=PATIENCE)
        self.client = Client(self.gwd.socket_path)
        self.wait()
        took, cpu = time.monotonic() - begin, self.cpu()
        first = self.metrics()
        return {"seconds": took, "cpu": cpu, "route": first['gwd_netlink_writes_total{protocol="route"}'],
                "netfilter": first['gwd_netlink_writes_total{protocol="netfilter"}'], "loop": self.loop(first)}

    def ask_for_all(self):
        """Everything that is told of all tenants at once: seconds, and what it did to the loop."""
        taken = {}
        for what, path in (("statistics", "/networking/v1/monitoring/statistics"), ("metrics", "/metrics"),
                           ("virtualGateways", "/networking/v1/virtualGateways")):
            begin = time.monotonic()
            r = self.gwd.request("GET", path, timeout=PATIENCE)
            if r.status != 200:
                raise Failed(f"{path}: {r.status}")
            taken[what] = time.monotonic() - begin
        return {"seconds": taken, "loop": self.loop(self.metrics())}


def altered(node):
    """One route of one tenant's goes by hand."""
    space = sorted(n for n in os.listdir("/run/netns") if n.startswith(f"gwd-{node.name}-"))[-1]
    run(["ip", "-n", space, "route", "del", "default"])
    return lambda: "default" in run(["ip", "-n", space, "route"]).stdout


def spent():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime + resource.getrusage(resource.RUSAGE_CHILDREN).ru_stime


def slab():
    return meminfo("SUnreclaim") + meminfo("Percpu")


def provision(node, folder, tenants, rounds):
    """[round][way]: ms of time and of CPU, and KiB of the kernel's memory, for each tenant."""
    makers = {"gwd": node, "script": Script("script", folder), "batch": Batch("batch", folder)}
    edges = [FEW + (tenants - FEW) * n // rounds for n in range(rounds + 1)]
    samples = []
    for n, (first, last) in enumerate(zip(edges, edges[1:])):
        sample, order = {}, list(WAYS)[n % 3:] + list(WAYS)[:n % 3]
        for way in order:
            kernel, cpu, begin = slab(), node.cpu() if way == "gwd" else spent(), time.monotonic()
            makers[way].make(range(first, last))
            each = 1000 / (last - first)
            sample[way] = {"wall": (time.monotonic() - begin) * each,
                           "cpu": ((node.cpu() if way == "gwd" else spent()) - cpu) * each, "slab": (slab() - kernel) * each / 1000}
        samples.append(sample)
        print(f"{last:,} tenants", flush=True)
    return samples, makers["batch"].has_vlans


def floods(lean, node):
    """Of each round ns of CPU for a packet out and in, with one tenant and with all."""
    bench, samples = Bench(FLOOD_SECONDS), []
    for each in (lean, node):
        each.open_flood()
        for up in (True, False):
            bench.flood(each, FLOWS, up)  # until every flow is known
    for n in range(FLOODS):
        sample = {}
        for each in (lean, node) if n % 2 else (node, lean):
            sample[each.name] = {way: bench.flood(each, FLOWS, way == "out")[1] for way in ("out", "in")}
        samples.append(sample)
    return samples


def live(folder, tenants, rounds):
    lean, node, result = Node("lean", 1), Node("gw", tenants), {"tenants": tenants}
    result["bare"] = node.memory()
    node.make(range(FEW))
    result["put"] = {FEW: node.put_to_working()}
    few = node.memory()
    result["rounds"], result["vlans_by_hand"] = provision(node, folder, tenants, rounds)
    many = node.memory()
    result["memory"] = {k: (many[k] - few[k]) / (tenants - FEW) for k in many}
    result["put"][tenants] = node.put_to_working()
    result["making"] = node.loop(node.metrics())
    result["restart"] = node.restart()
    check = []
    result["altered"] = node.restart(lambda: check.append(altered(node)))
    if not check[0]():
        raise Failed("what was altered is not as it should be")
    result["asked"] = node.ask_for_all()
    result["floods"] = floods(lean, node)
    result["removed"] = node.remove(tenants)
    node.gwd.stop()
    lean.gwd.stop()
    return result


def text(r):
    tenants, lines = r["tenants"], [f"\nEach of {r['tenants']:,} tenants; ratio to gwd, median of the rounds [middle half of them]", ""]
    if not r["vlans_by_hand"]:
        lines[1:1] = ["(by hand without VLANs, which this kernel has no devices for: routed over one more veth pair)"]
    for key, title in (("wall", "time, ms"), ("cpu", "CPU, ms (gwd; ip, nft and the shell)"), ("slab", "memory of the kernel, KiB")):
        lines.append(f"  {title}")
        for way, name in WAYS.items():
            values = [s[way][key] for s in r["rounds"]]
            ratio = Spread.of([s[way][key] / s["gwd"][key] for s in r["rounds"] if s["gwd"][key] > 0] or [0.0])
            lines.append(f"    {name:<36}{statistics.median(values):>10.2f}   {show(ratio)}")
    lines.append(f"  memory of gwd, KiB: resident {r['memory']['Rss']:.1f}, proportional {r['memory']['Pss']:.1f}")
    (few, _), (many, _) = r["put"][FEW], r["put"][tenants]
    lines += ["\nFrom the PUT of a rule to the first datagram by it, ms, median and most"]
    lines += [f"    {n:>6,} tenants {r['put'][n][0]:>10.2f} {r['put'][n][1]:>10.2f}" for n in (FEW, tenants)]
    lines.append(f"    ratio {many / few:>16.2f}")
    lines.append(f"\nA packet of 64 bytes of a known flow, ns of CPU; 1 tenant, {tenants:,} tenants, ratio")
    for way in ("out", "in"):
        few, many = ([s[name][way] for s in r["floods"]] for name in ("lean", "gw"))
        ratio = Spread.of([b / a for a, b in zip(few, many)])
        lines.append(f"    {way:<36}{statistics.median(few):>8.0f}{statistics.median(many):>8.0f}   {show(ratio)}")
    lines.append(f"\nStarted over {tenants:,} tenants: until all is in order, s; CPU, s; writes to the kernel, route and netfilter")
    lines += [f"    {title:<36}{x['seconds']:>8.2f}{x['cpu']:>8.2f}{x['route']:>8.0f}{x['netfilter']:>8.0f}"
              for title, x in (("nothing was altered meanwhile", r["restart"]), ("one route was", r["altered"]))]
    lines.append("\nThe event loop: longest turn, ms; turns over 20 ms; handlers by their longest call, ms")
    lines += [f"    {title:<36}{x['longest']:>8.1f}{x['pauses']:>6.0f}   {'; '.join(x['by'])}" for title, x in (
        ("while tenants were made", r["making"]), ("started over them", r["restart"]["loop"]),
        ("started, one route altered", r["altered"]["loop"]), ("and asked for all of them", r["asked"]["loop"]),
        ("and all of them removed", r["removed"]["loop"]))]
    lines.append(f"    each removed in {r['removed']['wall']:.1f} ms")
    lines.append("    asked for all, s: " + ", ".join(f"{k} {v:.2f}" for k, v in r["asked"]["seconds"].items()))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    build_option(parser)
    parser.add_argument("--tenants", type=int, default=TENANTS, help="how many (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="in how many parts they are made (default: %(default)s)")
    args = parser.parse_args()
    if not FEW + args.rounds <= args.tenants <= 4000 or args.rounds < 1:
        parser.error(f"between {FEW} and 4000 tenants, some in each round")
    folder = enter(args.build)
    os.makedirs(folder, exist_ok=True)
    result = live(folder, args.tenants, args.rounds)
    print(text(result))
    with open(os.path.join(folder, "tenants.json"), "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, subprocess.TimeoutExpired) as e:
        sys.exit(f"tenants.py: {e}")
