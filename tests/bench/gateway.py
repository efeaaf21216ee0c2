#!/usr/bin/python3
"""Measures the gateway beside the same made by hand: overlay, a namespace for the tenant, NAT, the world outside. Everything is
set up at the same time and sampled in turn, as in bench.py.

usage: gateway.py [--rounds N] [--seconds S] [--only KEY,...] [--build DIR]

    VM eth0 -- port  host  underlay -- underlay  gateway  outside -- eth0 far
    10.0.0.1         192.168.50.1      192.168.50.2      192.0.2.1       192.0.2.2         1:1 by 203.0.113.9

The host is the kernel's vxlan device and a bridge in all of them; only the gateway differs. Tunnel packets have no UDP checksum,
as RFC 7348 wants it. A table goes to standard output,
gateway.json to build/bench. The exit status says whether everything could be measured (1: something broke), never how fast it
was.
"""
import argparse
import json
import os
import platform
import sys
import time

from bench import NOISE, rounds, set_up, take_down
from lab import Failed, Gwd, build_option, case, enter, gateway, namespace, run
from measure import CPUS, NEW_FLOWS, RECEIVER, SENDER, Bench
from report import Goal, Metric, Report
from variants import UNDERLAY_MTU, attach, bridge

MTU = UNDERLAY_MTU - 50
VSID, DOMAIN = 5002, "11111111-2222-3333-4444-555555555555"
VM, VM_MAC, ROUTER, ROUTER_MAC = "10.0.0.1", "02:00:00:00:00:01", "10.0.0.254", "02:67:00:00:00:01"
HOST, GATEWAY, OUTSIDE, FAR, PUBLIC = "192.168.50.1", "192.168.50.2", "192.0.2.1", "192.0.2.2", "203.0.113.9"
FLOW_SECONDS = 0.15  # of new flows: tables must not fill

METRICS = [
    Metric("tcp_up", "TCP, 1 stream, VM to far", "Gbit/s", 2),
    Metric("tcp_down", "TCP, 1 stream, far to VM", "Gbit/s", 2),
    Metric("small_up", "64-byte packets, VM to far", "Mpps", 3),
    Metric("small_down", "64-byte packets, far to VM", "Mpps", 3),
    Metric("flows", "64-byte packets, each a new flow", "M/s", 3),
]
BASE = "hand"
GOALS = [Goal("tcp_up", BASE, 1.1), Goal("tcp_down", BASE, 1.0), Goal("small_up", BASE, 1.45), Goal("small_down", BASE, 1.3),
         Goal("flows", BASE, 1.1)]


class End:
    """The VM, or far; `public` is how the other one calls it."""

    def __init__(self, vm, ca, public):
        self.vm, self.ca, self.public = vm, ca, public


class Gateway:
    """One way to make the gateway; a subclass says how."""

    key = title = None
    ours = False

    def __init__(self):
        vm, self.host, self.gateway, far = (namespace(f"{self.key}-{n}") for n in ("vm", "host", "gw", "far"))
        self.ends = [End(vm, VM, PUBLIC), End(far, FAR, FAR)]
        self.gwd = None
        self.host.veth("port", vm, "eth0", MTU)
        self.host.veth("underlay", self.gateway, "underlay", UNDERLAY_MTU)
        self.gateway.veth("outside", far, "eth0", UNDERLAY_MTU)
        vm.ip(f"link set eth0 address {VM_MAC} up")
        vm.ip(f"addr add {VM}/24 dev eth0")
        vm.ip(f"neigh add {ROUTER} lladdr {ROUTER_MAC} dev eth0 nud permanent")
        vm.ip(f"route add default via {ROUTER}")
        self.host.ip("link set port up")
        for netns, device, address in ((self.host, "underlay", HOST), (self.gateway, "underlay", GATEWAY),
                                       (self.gateway, "outside", OUTSIDE), (far, "eth0", FAR)):
            netns.ip(f"link set {device} up")
            netns.ip(f"addr add {address}/24 dev {device}")
        far.ip(f"route add {PUBLIC}/32 via {OUTSIDE}")
        self.host.ip(f"link add vxlan mtu {MTU} type vxlan id {VSID} local {HOST} remote {GATEWAY} dstport 4789 noudpcsum dev underlay")
        self.host.ip("link set vxlan up")
        bridge(self.host, "vxlan", "port")
        self.make()
        self.sinks = [attach(end.vm, "eth0", "sink") for end in self.ends]

    def make(self):
        raise NotImplementedError

    def in_tenant(self, argv):
        """Runs a command in the tenant's namespace."""
        raise NotImplementedError

    def forget(self):
        """The tables of connections are empty."""
        run(self.in_tenant(["conntrack", "-F"]), ok=None)

    def down(self):
        if self.gwd and self.gwd.process:
            self.gwd.stop()

    def wire_size(self, wire):
        """Always with all offloads."""

    def path_cpu(self):
        return 0

    def arrived(self, up=True):
        dump = run(["bpftool", "-j", "map", "dump", "pinned", f"{self.sinks[up]}/arrived"]).stdout
        return sum(int.from_bytes(bytes(int(byte, 16) for byte in cpu["value"]), "little")
                   for cpu in json.loads(dump)[0]["values"])


RULES = f"""
table ip nat {{
    chain pre {{ type nat hook prerouting priority dstnat; iifname "ext0" ip daddr {PUBLIC} dnat to {VM}; }}
    chain post {{ type nat hook postrouting priority srcnat; oifname "ext0" ip saddr 10.0.0.0/24 snat to {PUBLIC}; }}
}}
"""


class ByHand(Gateway):
    key, title = BASE, "kernel vxlan, veth, routes, nft"

    def make(self):
        self.tenant = namespace(f"{self.key}-tenant")
        self.gateway.ip(f"link add vxlan mtu {MTU} type vxlan id {VSID} local {GATEWAY} remote {HOST} dstport 4789 noudpcsum dev underlay")
        self.gateway.ip(f"link set vxlan netns {self.tenant.name}")
        self.tenant.ip(f"link set vxlan address {ROUTER_MAC} up")
        self.tenant.ip(f"addr add {ROUTER}/24 dev vxlan")
        self.tenant.ip(f"neigh add {VM} lladdr {VM_MAC} dev vxlan nud permanent")
        self.tenant.veth("ext0", self.gateway, "way", UNDERLAY_MTU)
        for netns, device, address in ((self.tenant, "ext0", "169.254.1.2"), (self.gateway, "way", "169.254.1.1")):
            netns.ip(f"link set {device} up")
            netns.ip(f"addr add {address}/30 dev {device}")
            netns.sysctl("net.ipv4.ip_forward=1")
        self.tenant.ip("route add default via 169.254.1.1")
        self.gateway.ip(f"route add {PUBLIC}/32 via 169.254.1.2")
        self.tenant.run(["nft", "-f", "-"], stdin=RULES)

    def in_tenant(self, argv):
        return self.tenant.argv(argv)


class RealGwd(Gateway):
    ours = True
    fast = None

    def make(self):
        self.gwd = Gwd(self.gateway, self.key, {
            "node": {"roles": "gateway", "plugin_dir": case.build() + "/plugins"},
            "underlay": {"mtu": str(UNDERLAY_MTU), "interface": "underlay", "address": GATEWAY + "/24"},
            "engine": {"fast_path": self.fast}, "external": {"interface": "outside"},
            "limits": {"tracked_connections": "16777216", "new_connections": "10000000"}}).start()
        route = {"RoutingDomainID": DOMAIN, "VirtualSubnetID": VSID, "Metric": 0}
        domain = {"RoutingDomainID": DOMAIN}
        rule = {**domain, "Protocol": "All", "PublicAddress": PUBLIC, "PublicPort": 0, "CustomerPrefix": VM + "/32",
                "PortCount": 0, "CustomerPort": 0, "IdleTimeout": 0}
        gateway.batch(self.gwd, [
            ("customerRoutes", {**route, "DestinationPrefix": "10.0.0.0/24", "NextHop": "0.0.0.0"}),
            ("customerRoutes", {**route, "DestinationPrefix": "0.0.0.0/0", "NextHop": ROUTER}),
            ("lookupRecords", {"VirtualSubnetID": VSID, "CustomerAddress": VM, "ProviderAddress": HOST, "MACAddress": VM_MAC}),
            ("lookupRecords", {"VirtualSubnetID": VSID, "CustomerAddress": ROUTER, "ProviderAddress": GATEWAY,
                               "MACAddress": ROUTER_MAC}),
            ("virtualGateways", {**domain, "VirtualSubnetID": VSID, "MACAddress": ROUTER_MAC, "CustomerAddress": ROUTER,
                                 "PrefixLength": 24}),
            ("ports", {"Interface": f"gwo{VSID}", "MACAddress": ROUTER_MAC, "VirtualSubnetID": VSID, "AllowForwarding": True}),
            ("publicAddresses", {**domain, "PublicPrefix": PUBLIC + "/32", "FirstPort": 0, "PortCount": 0}),
            ("natRules", {**rule, "Type": "Outbound"}), ("natRules", {**rule, "Type": "Inbound"})])
        case.eventually(lambda: gateway.objects(self.gwd, "virtualGateways")[DOMAIN].get("state") == "Ready",
                        "the virtual gateway is ready", 20)
        state = self.gwd.engine()["fastPath"]["state"]
        if state != ("On" if self.fast == "yes" else "Off"):
            raise Failed(f"the fast path is {state}")

    def in_tenant(self, argv):
        return ["nsenter", f"--net=/run/netns/gwd-{self.key}-{VSID}", *argv]


class Fast(RealGwd):
    key, title, fast = "fast", "gwd", "yes"


class Slow(RealGwd):
    key, title, fast = "slow", "gwd without its fast path", "no"


VARIANTS = [Fast, Slow, ByHand]


class GatewayBench(Bench):
    """The first packets of each sample begin its flows; they are well below the noise."""

    def tcp_up(self, variant):
        return {"tcp_up": self.tcp(variant, True, 1, 2 * self.seconds)[0]}

    def small_up(self, variant):
        return {"small_up": self.flood(variant, 1)[0]}

    def small_down(self, variant):
        return {"small_down": self.flood(variant, 1, up=False)[0]}

    def new_flows(self, variant):
        variant.forget()
        rate = self.flood(variant, NEW_FLOWS, seconds=FLOW_SECONDS)[0]
        variant.forget()
        return {"flows": rate}


TAKES = [GatewayBench.tcp_up, GatewayBench.tcp_down, GatewayBench.small_up, GatewayBench.small_down, GatewayBench.new_flows]


def arguments():
    everything = ",".join(v.key for v in VARIANTS)
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    build_option(parser)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one sample (default: 0.5; TCP twice that)")
    parser.add_argument("--only", default=everything, help=f"variants, by key (default: {everything})")
    args = parser.parse_args()
    keys = set(args.only.split(","))
    args.variants = [v for v in VARIANTS if v.key in keys]
    if args.rounds < 1 or not 0.1 <= args.seconds <= 60 or len(args.variants) != len(keys):
        parser.error(f"--rounds must be at least 1, --seconds 0.1 to 60, --only of {everything}")
    return args


def main():
    args = arguments()
    folder = enter(args.build)
    print(f"Senders and the path on CPU {SENDER}, receivers on CPU {RECEIVER}.")
    bench = GatewayBench(args.seconds)
    variants, broken = set_up(bench, args.variants)
    if not variants:
        return 1
    samples, more, noise = rounds(bench, variants, args.rounds, TAKES, METRICS)
    broken += more + take_down(variants)
    facts = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "rounds": args.rounds, "seconds": args.seconds,
        "machine": f"Linux {platform.release()}, {len(CPUS)} CPUs", "sender_cpu": SENDER, "receiver_cpu": RECEIVER,
        "busy_elsewhere": noise, "broken": broken,
    }
    report = Report({v.key: v.title for v in variants}, samples, facts, METRICS, GOALS, BASE)
    ours = [v.key for v in variants if v.key == Fast.key]  # what the goals are for
    print(report.text(ours))
    if max(noise) > NOISE:
        print(f"\nUp to {100 * max(noise):.0f} % of the machine was in use elsewhere: trust ratios with a small spread only.")
    with open(os.path.join(folder, "gateway.json"), "w", encoding="utf-8") as f:
        json.dump(report.json(ours), f, indent=1)
        f.write("\n")
    for why in broken:
        print(f"broke: {why}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
