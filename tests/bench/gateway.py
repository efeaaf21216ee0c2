#!/usr/bin/python3
"""Measures the gateway beside the same made by hand: overlay, a namespace for the tenant, NAT, the world outside. Everything is
set up at the same time and sampled in turn, as in bench.py.

usage: gateway.py [--rounds N] [--seconds S] [--only KEY,...] [--build DIR]

    VM  eth0 -- port
                     host  underlay -- underlay  gateway  outside -- eth0 far
    VM2 eth0 -- port2

    10.0.0.1         192.168.50.1      192.168.50.2      192.0.2.1       192.0.2.2         1:1 by 203.0.113.9, 203.0.113.10
                                                                         198.51.100.2

Both VMs have the same address, in networks of two tenants. Far is called by its second address, behind the first: the gateway made by
hand has a default route there, ours knows it as its next_hop. The host is the kernel's vxlan device and a bridge in all of them; only
the gateway differs. Tunnel packets have no UDP checksum, as RFC 7348 wants it.

What one tenant feels of another: VM opens FLOOD_RATE new flows a second, the same number everywhere, in bursts; meanwhile VM2 opens
TCP connections one after the other. It loses none, or the sample is broken. All of it runs on the same CPU. A table goes to standard output,
gateway.json to build/bench. The exit status says whether everything could be measured (1: something broke), never how fast it
was.
"""
import argparse
import contextlib
import json
import os
import platform
import sys
import time

from bench import NOISE, rounds, set_up, take_down
from lab import Failed, Gwd, build_option, case, enter, gateway, namespace, run
from measure import CPUS, FLOOD_PAYLOAD, FLOOD_PORT, NEW_FLOWS, PORT, RECEIVER, SENDER, Bench, listen, result, start, stop
from report import Goal, Metric, Report
from variants import UNDERLAY_MTU, attach, bridge, swallowed

MTU = UNDERLAY_MTU - 50
VM, VM_MAC, ROUTER, ROUTER_MAC = "10.0.0.1", "02:00:00:00:00:01", "10.0.0.254", "02:67:00:00:00:01"
HOST, GATEWAY, OUTSIDE, HOP, FAR = "192.168.50.1", "192.168.50.2", "192.0.2.1", "192.0.2.2", "198.51.100.2"
FLOW_SECONDS = 0.15  # of new flows: tables must not fill
FLOOD_RATE = 20000

METRICS = [
    Metric("tcp_up", "TCP, 1 stream, VM to far", "Gbit/s", 2),
    Metric("tcp_down", "TCP, 1 stream, far to VM", "Gbit/s", 2),
    Metric("small_up", "64-byte packets, VM to far", "Mpps", 3),
    Metric("small_down", "64-byte packets, far to VM", "Mpps", 3),
    Metric("flows", "64-byte packets, each a new flow", "M/s", 3),
    Metric("open_p50", "a connection's set-up, another floods, median", "us", 0, False),
    Metric("open_p99", "a connection's set-up, another floods, 99 %", "us", 0, False),
]
BASE = "hand"
GOALS = [Goal("tcp_up", BASE, 1.1), Goal("tcp_down", BASE, 1.0), Goal("small_up", BASE, 1.45), Goal("small_down", BASE, 1.3),
         Goal("flows", BASE, 1.1), Goal("open_p99", BASE, 1.0)]


class End:
    """The VM, or far; `public` is how the other one calls it."""

    def __init__(self, vm, ca, public):
        self.vm, self.ca, self.public = vm, ca, public


class Tenant:
    """One of two, who differ only in what must not be the same; links of the second have a 2 behind their names."""

    def __init__(self, number):
        self.suffix, self.vsid, self.public = ("", 5002, "203.0.113.9") if number == 0 else ("2", 5102, "203.0.113.10")
        self.domain = f"11111111-2222-3333-4444-{self.vsid:012}"
        self.way = 4 * number  # into 169.254.1.0/24

    def vxlan(self, netns, local, remote):
        netns.ip(f"link add vxlan{self.suffix} mtu {MTU} type vxlan id {self.vsid} local {local} remote {remote} dstport 4789 "
                 "noudpcsum dev underlay")


TENANTS = [Tenant(0), Tenant(1)]


class Gateway:
    """One way to make the gateway; a subclass says how."""

    key = title = None
    ours = False

    def __init__(self):
        vm, self.vm2, self.host, self.gateway, far = (namespace(f"{self.key}-{n}") for n in ("vm", "vm2", "host", "gw", "far"))
        self.ends = [End(vm, VM, TENANTS[0].public), End(far, FAR, FAR)]
        self.gwd = None
        self.host.veth("underlay", self.gateway, "underlay", UNDERLAY_MTU)
        self.gateway.veth("outside", far, "eth0", UNDERLAY_MTU)
        for netns, device, address in ((self.host, "underlay", HOST), (self.gateway, "underlay", GATEWAY),
                                       (self.gateway, "outside", OUTSIDE), (far, "eth0", HOP)):
            netns.ip(f"link set {device} up")
            netns.ip(f"addr add {address}/24 dev {device}")
        far.ip(f"addr add {FAR}/32 dev eth0")
        self.gateway.ip(f"route add default via {HOP}")
        for tenant, each in zip(TENANTS, (vm, self.vm2)):
            self.plug(tenant, each)
            far.ip(f"route add {tenant.public}/32 via {OUTSIDE} src {FAR}")
        self.make()
        self.sinks = [attach(end.vm, "eth0", "sink") for end in self.ends]

    def plug(self, tenant, vm):
        n = tenant.suffix
        self.host.veth(f"port{n}", vm, "eth0", MTU)
        vm.ip(f"link set eth0 address {VM_MAC} up")
        vm.ip(f"addr add {VM}/24 dev eth0")
        vm.ip(f"neigh add {ROUTER} lladdr {ROUTER_MAC} dev eth0 nud permanent")
        vm.ip(f"route add default via {ROUTER}")
        tenant.vxlan(self.host, HOST, GATEWAY)
        self.host.ip(f"link set port{n} up")
        self.host.ip(f"link set vxlan{n} up")
        bridge(self.host, f"vxlan{n}", f"port{n}", name=f"bridge{n}")

    def make(self):
        raise NotImplementedError

    def in_tenant(self, argv, tenant=TENANTS[0]):
        """Runs a command in the tenant's namespace."""
        raise NotImplementedError

    def forget(self):
        """The tables of connections are empty."""
        for tenant in TENANTS:
            run(self.in_tenant(["conntrack", "-F"], tenant), ok=None)

    def down(self):
        if self.gwd and self.gwd.process:
            self.gwd.stop()

    def wire_size(self, wire):
        """Always with all offloads."""

    def path_cpu(self):
        return 0

    def arrived(self, up=True):
        return swallowed(self.sinks[up])


RULES = f"""
table ip nat {{{{
    chain pre {{{{ type nat hook prerouting priority dstnat; iifname "ext0" ip daddr {{public}} dnat to {VM}; }}}}
    chain post {{{{ type nat hook postrouting priority srcnat; oifname "ext0" ip saddr 10.0.0.0/24 snat to {{public}}; }}}}
}}}}
"""


class ByHand(Gateway):
    key, title = BASE, "kernel vxlan, veth, routes, nft"

    def make(self):
        self.tenants = {tenant: namespace(f"{self.key}-tenant{tenant.suffix}") for tenant in TENANTS}
        for tenant, netns in self.tenants.items():
            self.serve(tenant, netns)

    def serve(self, tenant, netns):
        n, inside, outside = tenant.suffix, f"169.254.1.{tenant.way + 2}", f"169.254.1.{tenant.way + 1}"
        tenant.vxlan(self.gateway, GATEWAY, HOST)
        self.gateway.ip(f"link set vxlan{n} netns {netns.name}")
        netns.ip(f"link set vxlan{n} address {ROUTER_MAC} up")
        netns.ip(f"addr add {ROUTER}/24 dev vxlan{n}")
        netns.ip(f"neigh add {VM} lladdr {VM_MAC} dev vxlan{n} nud permanent")
        netns.veth("ext0", self.gateway, f"way{n}", UNDERLAY_MTU)
        for side, device, address in ((netns, "ext0", inside), (self.gateway, f"way{n}", outside)):
            side.ip(f"link set {device} up")
            side.ip(f"addr add {address}/30 dev {device}")
            side.sysctl("net.ipv4.ip_forward=1")
        netns.ip(f"route add default via {outside}")
        self.gateway.ip(f"route add {tenant.public}/32 via {inside}")
        netns.run(["nft", "-f", "-"], stdin=RULES.format(public=tenant.public))

    def in_tenant(self, argv, tenant=TENANTS[0]):
        return self.tenants[tenant].argv(argv)


class RealGwd(Gateway):
    ours = True
    fast = None

    def make(self):
        self.gwd = Gwd(self.gateway, self.key, {
            "node": {"roles": "gateway", "plugin_dir": case.build() + "/plugins"},
            "underlay": {"mtu": str(UNDERLAY_MTU), "interface": "underlay", "address": GATEWAY + "/24"},
            "engine": {"fast_path": self.fast}, "external": {"interface": "outside", "next_hop": HOP},
            "limits": {"tracked_connections": "16777216", "new_connections": "10000000"}}).start()
        for tenant in TENANTS:
            gateway.batch(self.gwd, self.records(tenant))
        for tenant in TENANTS:
            case.eventually(lambda t=tenant: gateway.objects(self.gwd, "virtualGateways")[t.domain].get("state") == "Ready",
                            "the virtual gateway is ready", 20)
        state = self.gwd.engine()["fastPath"]["state"]
        if state != ("On" if self.fast == "yes" else "Off"):
            raise Failed(f"the fast path is {state}")

    @staticmethod
    def records(tenant):
        vsid, domain = tenant.vsid, {"RoutingDomainID": tenant.domain}
        route = {**domain, "VirtualSubnetID": vsid, "Metric": 0}
        rule = {**domain, "Protocol": "All", "PublicAddress": tenant.public, "PublicPort": 0, "CustomerPrefix": VM + "/32",
                "PortCount": 0, "CustomerPort": 0, "IdleTimeout": 0}
        return [
            ("customerRoutes", {**route, "DestinationPrefix": "10.0.0.0/24", "NextHop": "0.0.0.0"}),
            ("customerRoutes", {**route, "DestinationPrefix": "0.0.0.0/0", "NextHop": ROUTER}),
            ("lookupRecords", {"VirtualSubnetID": vsid, "CustomerAddress": VM, "ProviderAddress": HOST, "MACAddress": VM_MAC}),
            ("lookupRecords", {"VirtualSubnetID": vsid, "CustomerAddress": ROUTER, "ProviderAddress": GATEWAY,
                               "MACAddress": ROUTER_MAC}),
            ("virtualGateways", {**domain, "VirtualSubnetID": vsid, "MACAddress": ROUTER_MAC, "CustomerAddress": ROUTER,
                                 "PrefixLength": 24}),
            ("ports", {"Interface": f"gwo{vsid}", "MACAddress": ROUTER_MAC, "VirtualSubnetID": vsid, "AllowForwarding": True}),
            ("publicAddresses", {**domain, "PublicPrefix": tenant.public + "/32", "FirstPort": 0, "PortCount": 0}),
            ("natRules", {**rule, "Type": "Outbound"}), ("natRules", {**rule, "Type": "Inbound"})]

    def in_tenant(self, argv, tenant=TENANTS[0]):
        return ["nsenter", f"--net=/run/netns/gwd-{self.key}-{tenant.vsid}", *argv]


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


    @contextlib.contextmanager
    def others_flood(self, variant):
        """The first tenant opens flows meanwhile, and all arrive."""
        variant.forget()
        before = variant.arrived()
        flood = start(variant.ends[0].vm, "udp_flood", SENDER, "--to", f"{FAR}:{FLOOD_PORT}", "--size", FLOOD_PAYLOAD, "--seconds",
                      2 * self.seconds, "--flows", NEW_FLOWS, "--rate", FLOOD_RATE)
        try:
            case.eventually(lambda: variant.arrived() > before, "the flood is on", 5)
            yield
            sent = result(flood, 2 * self.seconds + 20)["sent"]
            case.eventually(lambda: variant.arrived() - before == sent, f"all of {sent} flows have arrived", 2)
        finally:
            stop(flood)
            variant.forget()

    def beside_a_flood(self, variant):
        far = variant.ends[1]
        listener = listen(far.vm, "tcp_connect", "--listen", f"{FAR}:{PORT}")
        try:
            with self.others_flood(variant):
                got = result(start(variant.vm2, "tcp_connect", SENDER, "--to", f"{FAR}:{PORT}", "--seconds", self.seconds),
                             self.seconds + 20)
        finally:
            stop(listener)
        if got["lost"]:
            raise Failed(f"{got['lost']} of {got['n'] + got['lost']} connections were not open in time")
        return {"open_p50": got["p50"] / 1e3, "open_p99": got["p99"] / 1e3}


TAKES = [GatewayBench.tcp_up, GatewayBench.tcp_down, GatewayBench.small_up, GatewayBench.small_down, GatewayBench.new_flows,
         GatewayBench.beside_a_flood]


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
