#!/usr/bin/python3
# time-limit: 600
# Connections of virtual gateways: tenants with the same addresses, each to a VLAN of a plant and to a site behind a tunnel.
#
#   blue1 10.0.1.11 \                        seg0 -- trunk [plant] -- VLAN 70 -- blueplant 10.70.0.1, 172.20.0.1
#                    h1 -- fabric -- gw           (Open vSwitch)   -- VLAN 71 -- redplant  10.70.0.1, 172.20.0.1
#   red1  10.0.1.11 /                        out0 -- isp -- eth1 [site] -- GRE key 7 -- bluesite 10.254.0.2, 172.30.0.1, 172.20.0.1
#                                                        (Open vSwitch) -- GRE key 8 -- redsite  10.254.0.2, 172.30.0.1, 172.20.0.1
#
# The tags and the tunnels of the other side are Open vSwitch's: this kernel needs neither VLAN nor GRE devices.
# Covers GW-2, GW-8, GW-9, MTU-4.
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, ovs, traffic, wire
from lib.case import Skip, equal, eventually, note, require
from lib.gateway import GATEWAY, OUT, GatewayWorld, batch, gone, objects, trace_of

SITE, PLANT, FARTHER = "198.51.101.2", "172.20.0.1", "172.30.0.1"
KEYS, VLANS = {"blue": 7, "red": 8}, {"blue": 70, "red": 71}
GW_MAC = "02:99:00:00:00:01"  # by which the sites call what is behind the tunnel
suite = case.Suite()


class End:
    def __init__(self, name, netns, addresses):
        self.name, self.netns, self.addresses = name, netns, addresses
        self.v4 = addresses[0]


def ident(kind, tenant):
    """The id of a tenant's connection to the plant (1) or the site (2)."""
    return "3333333%d-0000-0000-0000-%012d" % (kind, tenant.number + 1)


def switch(w, name, netns):
    s = ovs.Switch(name, lambda argv, **kw: w.spawn(netns, argv, **kw))
    s.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
    return s


def far_end(w, name, netns, port, addresses, mtu):
    """A namespace behind a port of a switch; a userspace switch takes no super-frames and no unfinished checksums."""
    end = w.namespace(name)
    netns.veth(port, end, "eth0", mtu)
    netns.ip("link set dev %s up" % port)
    end.ip("link set dev eth0 up")
    for a in addresses:
        end.ip("addr add %s dev %s" % (a, "lo" if a.endswith("/32") else "eth0"))
    for n, dev in ((netns, port), (end, "eth0")):
        n.offloads(dev, False)
    return End(name, end, [a.split("/")[0] for a in addresses])


def make_plant(w):
    plant = w.namespace("plant")
    w.gw.netns.veth("seg0", plant, "trunk")
    for netns, dev in ((w.gw.netns, "seg0"), (plant, "trunk")):
        netns.ip("link set dev %s up" % dev)
        netns.offloads(dev, False)
    w.plant = {t: far_end(w, t + "plant", plant, t, ["10.70.0.1/24", PLANT + "/32"], 1500) for t in VLANS}
    s = switch(w, "plantovs", plant)
    s.vsctl("add-port", "br0", "trunk")
    for t, vlan in VLANS.items():
        s.vsctl("add-port", "br0", t, "tag=%d" % vlan)
        w.plant[t].netns.ip("route add default via 10.70.0.2 src " + PLANT)


def make_site(w):
    site, isp = w.namespace("site"), w.isp.netns
    isp.veth("site0", site, "eth1")
    isp.ip("link set dev site0 up")
    isp.ip("addr add 198.51.101.1/24 dev site0")
    isp.offloads("site0", False)
    site.ip("link set dev eth1 up")
    site.offloads("eth1", False)
    w.site = {t: far_end(w, t + "site", site, t, ["10.254.0.2/30", FARTHER + "/32", PLANT + "/32"], 1472) for t in KEYS}
    s = w.switch = switch(w, "siteovs", site)
    s.vsctl("add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev", "--", "add-port", "br-phy", "eth1")
    site.ip("addr add %s/24 dev br-phy" % SITE)
    site.ip("link set dev br-phy up")
    site.ip("route add default via 198.51.101.1")
    bridge = "unix:%s/br0.mgmt" % s.dir
    s.ofctl("del-flows", bridge)
    for n, (t, key) in enumerate(KEYS.items()):
        port, tunnel = 1 + 2 * n, 2 + 2 * n
        s.vsctl("add-port", "br0", t, "--", "set", "interface", t, "ofport_request=%d" % port,
                "--", "add-port", "br0", "gre" + t, "--", "set", "interface", "gre" + t, "ofport_request=%d" % tunnel, "type=gre",
                "options:remote_ip=" + OUT, "options:key=%d" % key, "options:packet_type=legacy_l3")
        end = w.site[t].netns
        end.ip("neigh add 10.254.0.1 lladdr %s dev eth0 nud permanent" % GW_MAC)
        end.ip("route add default via 10.254.0.1 src " + FARTHER)
        s.ofctl("add-flow", bridge, "in_port=%d,actions=set_field:%s->eth_dst,output:%d" % (tunnel, end.mac("eth0"), port))
        s.ofctl("add-flow", bridge, "in_port=%d,ip,actions=output:%d" % (port, tunnel))
    eventually(lambda: traffic.ping(End("site", site, [SITE]), "198.51.101.1", 1)[0], "the site reaches the isp", 10)


def setup():
    if not ovs.installed():
        raise Skip("Open vSwitch is not installed")
    w = GatewayWorld()
    w.blue, w.red = w.tenant("blue", 0), w.tenant("red", 1)
    w.blue1, w.red1 = w.blue.vm(1, mtu=1450), w.red.vm(1, mtu=1450)
    for t in w.tenants:
        t.ready()
    w.vm = {"blue": w.blue1, "red": w.red1}
    make_plant(w)
    make_site(w)
    return w


def connection(t, kind, **more):
    both = {"ConnectionID": ident(kind, t), "RoutingDomainID": t.rdid}
    own = dict(both, Type="L3", Interface="seg0", VlanID=VLANS[t.name]) if kind == 1 else \
        dict(both, Type="GRE", DestinationAddress=SITE, Key=KEYS[t.name])
    return [("connections", dict(own, **more))]


def on(t, kind, address, length, peer=False):
    return [("connectionAddresses", {"ConnectionID": ident(kind, t), "RoutingDomainID": t.rdid, "Address": address,
                                     "PrefixLength": length, "Peer": peer})]


def behind(t, kind, prefix, hop, metric):
    return [("connectionRoutes", {"ConnectionID": ident(kind, t), "RoutingDomainID": t.rdid, "DestinationPrefix": prefix,
                                  "NextHop": hop, "Metric": metric})]


def told(w, t, kind):
    return objects(w.gw.gwd, "connections")[ident(kind, t)]


def connected(w, kind, state="Connected"):
    for t in w.tenants:
        eventually(lambda t=t: told(w, t, kind).get("connectionState") == state, "%s's is %s (%s)" % (t.name, state, told(w, t, kind)), 20)


g = suite.group("", setup)


@g.case("GW-2: a tenant's VM and a host of a VLAN reach each other; another tenant's, with the same addresses, those of another VLAN")
def _(w):
    for t in w.tenants:
        batch(w.gw.gwd, connection(t, 1) + on(t, 1, "10.70.0.2", 24) + on(t, 1, "10.70.0.1", 32, True)
              + behind(t, 1, "172.20.0.0/16", "10.70.0.1", 10))
    connected(w, 1)
    for t in w.tenants:
        vm, end = w.vm[t.name], w.plant[t.name]
        got, said = traffic.ping(vm, PLANT)
        equal(got, 3, "answers of the plant to %s\n%s%s" % (vm.name, said, trace_of(w)))
        got, said = traffic.ping(end, "10.0.1.11")
        equal(got, 3, "answers of %s to the plant\n%s%s" % (vm.name, said, trace_of(w)))
        note("TCP: %.0f Mbit/s to the plant, %.0f from there" % (traffic.tcp_exact(vm, end, PLANT, 4 << 20),
                                                                traffic.tcp_exact(end, vm, "10.0.1.11", 4 << 20)))
        traffic.udp_exact(vm, end, PLANT, [1, 700, 1400] * 5)
        traffic.udp_exact(vm, end, PLANT, [3000, 1], df=False)


@g.case("on the wire each has its VLAN's tag, and nothing of theirs is without")
def _(w):
    with wire.Capture(w.gw.netns, "seg0", "connections-vlan") as c:
        for t in w.tenants:
            traffic.ping(w.vm[t.name], PLANT)
    for t, vlan in VLANS.items():
        require(c.count("vlan.id == %d && icmp && ip.dst == %s" % (vlan, PLANT)) >= 3, "echo of %s in VLAN %d" % (t, vlan))
        require(c.count("vlan.id == %d && icmp && ip.src == %s" % (vlan, PLANT)) >= 3, "answers to %s in VLAN %d" % (t, vlan))
    equal(c.count("(ip || arp) && !vlan"), 0, "frames without a tag")


@g.case("GW-2: several tunnels between the same two ends, told apart by their keys; nothing is cut outside")
def _(w):
    for t in w.tenants:
        batch(w.gw.gwd, connection(t, 2) + on(t, 2, "10.254.0.1", 30) + on(t, 2, "10.254.0.2", 32, True)
              + behind(t, 2, "172.30.0.0/16", "10.254.0.2", 10) + behind(t, 2, "172.20.0.0/16", "10.254.0.2", 20))
    connected(w, 2)
    with wire.Capture(w.isp.netns, "site0", "connections-gre", "not arp") as c:
        for t in w.tenants:
            vm, end = w.vm[t.name], w.site[t.name]
            got, said = traffic.ping(vm, FARTHER)
            equal(got, 3, "answers of the site to %s\n%s%s" % (vm.name, said, trace_of(w)))
            got, said = traffic.ping(end, "10.0.1.11")
            equal(got, 3, "answers of %s to the site\n%s%s" % (vm.name, said, trace_of(w)))
            note("TCP: %.0f Mbit/s to the site, %.0f from there" % (traffic.tcp_exact(vm, end, FARTHER, 4 << 20),
                                                                   traffic.tcp_exact(end, vm, "10.0.1.11", 4 << 20)))
            traffic.udp_exact(vm, end, FARTHER, [1, 700, 1400] * 5)
    for t, key in KEYS.items():
        require(c.count("gre.key == %d && ip.src == %s" % (key, OUT)) > 10, "packets with the key of " + t)
    # Of a tunnel packet tshark sees two IP headers: the field has as many values.
    for row in c.fields(["ip.flags.mf", "ip.frag_offset", "ip.flags.df"], "gre && ip.src == %s" % OUT):
        equal((row["ip.flags.mf"][0], row["ip.frag_offset"][0], row["ip.flags.df"][0]), ("0", "0", "1"), "outer fragmentation fields")


@g.case("MTU-4: what is too large for the tunnel is answered by the virtual gateway; TCP fits it")
def _(w):
    vm, was = w.vm["blue"], told(w, w.blue, 2)["mtu"]
    equal(was, 1500 - 28, "MTU of the tunnel")
    w.gw.netns.ip("link set dev out0 mtu 1400")
    eventually(lambda: told(w, w.blue, 2)["mtu"] == 1400 - 28, "the tunnel's MTU follows", 10)
    equal(traffic.probe(vm, FARTHER, size=1400, df=True, seconds=3), (GATEWAY, 3, 4, 1372), "error")
    for a, b, address in ((vm, w.site["blue"], FARTHER), (w.site["blue"], vm, "10.0.1.11")):
        traffic.tcp_exact(a, b, address, 4 << 20)
    w.gw.netns.ip("link set dev out0 mtu 1500")
    eventually(lambda: told(w, w.blue, 2)["mtu"] == was, "it is as before", 10)
    vm.netns.ip("route flush cache")


def on_the_way(w, mtu):
    """What the router's link to the site has room for; the site still sends as it likes."""
    w.isp.netns.ip("route replace %s/32 dev site0 mtu lock %d" % (SITE, mtu) if mtu else "route del %s/32 dev site0" % SITE)


@g.case("MTU-4: a router on a tunnel's way has a narrower link: its ICMP is believed, TCP goes on, and the rest is told or cut inside")
def _(w):
    vm, end = w.vm["blue"], w.site["blue"]
    on_the_way(w, 1300)
    with wire.Capture(w.isp.netns, "site0", "connections-path", "not arp") as outside:
        traffic.tcp_exact(vm, end, FARTHER, 1 << 20)
        path = told(w, w.blue, 2)
        equal((path["mtu"], path["pathMtu"]), (1272, 1300), "what the tunnel has room for, inside and outside")
        equal(traffic.probe(vm, FARTHER, size=1400, df=True, seconds=3 * case.SLOWNESS), (GATEWAY, 3, 4, 1272), "what the VM is told")
        vm.netns.ip("route flush cache")
        with wire.Capture(vm.netns, "eth0", "connections-path-vm", "tcp") as inside:
            for a, b, address in ((vm, end, FARTHER), (end, vm, "10.0.1.11")):
                traffic.tcp_exact(a, b, address, 1 << 20)
        traffic.udp_exact(vm, end, FARTHER, [1244, 1245, 1400, 3000], df=False)
    said = {row["tcp.options.mss_val"][0] for row in inside.fields(["tcp.options.mss_val"], "tcp.flags.syn == 1 && ip.src == " + FARTHER)}
    equal(said, {"1232"}, "MSS that the site offers")
    for row in outside.fields(["ip.flags.mf", "ip.frag_offset", "ip.flags.df", "ip.len"], "gre && ip.src == %s" % OUT):
        equal((row["ip.flags.mf"][0], row["ip.frag_offset"][0], row["ip.flags.df"][0]), ("0", "0", "1"), "outer fragmentation fields")
        require(int(row["ip.len"][0]) <= 1300, "an outer packet has %s bytes" % row["ip.len"][0])
    require("pathMtu" not in told(w, w.red, 2), "of the other tenant's nobody has said anything")
    traffic.tcp_exact(w.vm["red"], w.site["red"], FARTHER, 1 << 20)
    equal(told(w, w.red, 2)["mtu"], 1272, "the other tenant's tunnel, which goes the same way")


@g.case("what a tunnel's path takes is known after a restart, and forgotten when the kernel forgets the like")
def _(w):
    w.gw.gwd.kill()
    w.gw.gwd.start()
    connected(w, 2)
    for t in w.tenants:
        equal((told(w, t, 2)["mtu"], told(w, t, 2)["pathMtu"]), (1272, 1300), t.name)
    w.gw.netns.sysctl("net.ipv4.route.mtu_expires=1")
    w.gw.gwd.kill()
    w.gw.gwd.start()
    for t in w.tenants:
        eventually(lambda t=t: told(w, t, 2).get("mtu") == 1472, "the path of %s's may be wider again" % t.name, 20)
    w.gw.netns.sysctl("net.ipv4.route.mtu_expires=600")
    vm, end = w.vm["blue"], w.site["blue"]
    traffic.tcp_exact(vm, end, FARTHER, 1 << 20)
    equal(told(w, w.blue, 2)["mtu"], 1272, "it is not, and that is learned again")
    w.gw.netns.sysctl("net.ipv4.route.mtu_expires=1")
    on_the_way(w, None)
    w.gw.gwd.kill()
    w.gw.gwd.start()
    for t in w.tenants:
        eventually(lambda t=t: told(w, t, 2).get("mtu") == 1472, "%s's is as before" % t.name, 20)
    w.gw.netns.sysctl("net.ipv4.route.mtu_expires=600")
    for t in w.tenants:
        w.vm[t.name].netns.ip("route flush cache")
    connected(w, 1)
    connected(w, 2)


@g.case("RFC 2890: the site's packets have sequence numbers, which nobody asks for; their checksums are verified")
def _(w):
    vm, end = w.vm["blue"], w.site["blue"]
    w.switch.vsctl("set", "interface", "greblue", "options:seq=true")
    with wire.Capture(w.isp.netns, "site0", "connections-marked", "ip proto 47") as c:
        traffic.reach(vm, End("site", end.netns, [FARTHER]))
        traffic.tcp_exact(end, vm, "10.0.1.11", 1 << 20)
    require(c.count("gre.flags_and_version == 0x3000 && ip.src == %s" % SITE) > 100, "sequence numbers on the wire")
    w.switch.vsctl("remove", "interface", "greblue", "options", "seq", "--", "set", "interface", "greblue", "options:csum=true")
    with wire.Capture(w.isp.netns, "site0", "connections-summed", "ip proto 47") as c:
        traffic.ping(vm, FARTHER)
    theirs = "gre.flags_and_version == 0xa000 && icmp && ip.src == " + SITE
    # This switch's may be of GRE's header alone (3.1 has them so): then they are wrong, and that is told.
    sound, wrong = (c.count("%s && %sgre.checksum.incorrect" % (theirs, no)) for no in ("!", ""))
    require(sound + wrong >= 3, "%d checksums on the wire, and %d that are wrong" % (sound, wrong))
    counted = {d["reason"]: d["count"] for d in told(w, w.blue, 2)["dropReasons"]}.get("GreChecksum", 0)
    require(counted >= wrong and (wrong or not counted), "%d of %d with wrong checksums have been dropped" % (counted, wrong))
    w.switch.vsctl("remove", "interface", "greblue", "options", "csum")
    connected(w, 2)
    traffic.reach(vm, End("site", end.netns, [FARTHER]))


@g.case("GW-8: gwd is killed, and comes back: no ping is lost, nothing is made anew")
def _(w):
    links = {x["ifname"]: x["ifindex"] for x in w.gw.netns.ip_json("link show") if x["ifname"].startswith("gwc")}
    equal(len(links), 4, "links of connections")
    pings = [w.vm[t.name].netns.popen(["ping", "-n", "-q", "-c", "40", "-i", "0.1", "-W", "2", a], stdout=subprocess.PIPE, text=True)
             for t in w.tenants for a in (PLANT, FARTHER)]
    w.gw.gwd.kill()
    for far, address in ((w.plant, PLANT), (w.site, FARTHER)):  # new flows need nobody, either
        traffic.TcpTransfer(w.vm["red"], far["red"], address, 100000, seconds=0.5).finish()  # a userspace switch drops floods
    w.gw.gwd.start()
    for p in pings:
        said, _ = p.communicate(timeout=30)
        require(" 0% packet loss" in said, said)
    connected(w, 1)
    equal({x["ifname"]: x["ifindex"] for x in w.gw.netns.ip_json("link show") if x["ifname"].startswith("gwc")}, links, "links")


@g.case("when the other side of a connection falls silent the next metric takes over, and gives way again")
def _(w):
    blue, end = w.vm["blue"], w.plant["blue"]
    end.netns.ip("link set dev eth0 down")
    eventually(lambda: told(w, w.blue, 1).get("connectionState") == "Disconnected", "it is found out", 15)
    traffic.reach(blue, End("site", w.site["blue"].netns, [PLANT]))
    traffic.tcp_exact(blue, w.site["blue"], PLANT, 1 << 20)
    traffic.reach(w.vm["red"], End("plant", w.plant["red"].netns, [PLANT]))
    equal(told(w, w.red, 1)["connectionState"], "Connected", "the other tenant's")
    end.netns.ip("link set dev eth0 up")
    end.netns.ip("route replace default via 10.70.0.2 src " + PLANT)
    eventually(lambda: told(w, w.blue, 1).get("connectionState") == "Connected", "it is back", 15)
    traffic.tcp_exact(blue, end, PLANT, 1 << 20)


# What waits in a queue still counts for the userspace switch that has sent it: at a higher rate it, and not the queue, drops.
RATE = 5000  # kbit/s


def within(mbits, what):
    note("%s: %.2f Mbit/s" % (what, mbits))
    require(0.95 * RATE <= mbits * 1000 <= 1.05 * RATE, "%s: %.2f Mbit/s of %.0f" % (what, mbits, RATE / 1000))


def rate_of(w, end, address, payload, header):
    """Mbit/s on the wire of a flood of datagrams over five seconds."""
    r = traffic.UdpFlow(end[0], end[1], address, rate=3 * RATE * 1000 // 8 // (payload + header), seconds=5, size=payload).result()
    return r["unique"] * (payload + header) * 8 / r["seconds"] / 1e6


@g.case("GW-9: rates within 5 % over 5 s, both ways, for TCP and UDP; what is dropped for them is counted, the other tenant is not held up")
def _(w):
    batch(w.gw.gwd, connection(w.blue, 1, OutboundKilobits=RATE, InboundKilobits=RATE))
    vm, end = w.vm["blue"], w.plant["blue"]
    # TCP's data is 1398 bytes of each frame of 1464: the segments of a VM whose MTU is 1450.
    for a, b, address, what in ((vm, end, PLANT, "TCP out"), (end, vm, "10.0.1.11", "TCP in")):
        within(traffic.iperf3(a, b, address, 5) * 1464 / 1398, what)
    for a, b, address, what in ((vm, end, PLANT, "UDP out"), (end, vm, "10.0.1.11", "UDP in")):
        within(rate_of(w, (a, b), address, 1000, 42), what)
    p = told(w, w.blue, 1)
    require(p["outboundRateLimitedDrops"] > 0 and p["inboundRateLimitedDrops"] > 0, p)
    fast = traffic.iperf3(w.vm["red"], w.plant["red"], PLANT, 2)
    require(fast > 1.5 * RATE / 1000 / case.SLOWNESS, "the other tenant has %.1f Mbit/s" % fast)
    batch(w.gw.gwd, connection(w.blue, 1))
    require("outboundRateLimitedDrops" not in told(w, w.blue, 1), "no limit any more")


@g.case("GW-9: rates that are used up make no side look dead, and do not hide it")
def _(w):
    vm, end = w.vm["blue"], w.plant["blue"]
    batch(w.gw.gwd, connection(w.blue, 1, OutboundKilobits=RATE, InboundKilobits=RATE))
    before, rate = told(w, w.blue, 1), 3 * RATE * 1000 // 8 // 1042
    floods = [traffic.UdpFlow(*ends, rate=rate, seconds=8, size=1000, port=port) for ends, port in (((vm, end, PLANT), 7001),
                                                                                                   ((end, vm, "10.0.1.11"), 7002))]
    for flood in floods:
        require(flood.result()["lost"] > 0, "more than the rate")
    after = told(w, w.blue, 1)
    equal(after["connectionState"], "Connected", "after the floods: %s" % after)
    require(after["connectionUpTime"] >= before["connectionUpTime"] + 7, "it was so all the time: %s, then %s" % (before, after))
    flood = traffic.UdpFlow(vm, end, PLANT, rate=rate, seconds=60 * case.SLOWNESS, size=1000, port=7003)
    end.netns.ip("link set dev eth0 down")
    eventually(lambda: told(w, w.blue, 1).get("connectionState") == "Disconnected", "it is found out", 15)
    flood.end()
    flood.kill()
    end.netns.ip("link set dev eth0 up")
    end.netns.ip("route replace default via 10.70.0.2 src " + PLANT)
    batch(w.gw.gwd, connection(w.blue, 1))
    connected(w, 1)


@g.case("of connections that go nothing stays: no link, no program on what they led to")
def _(w):
    for t in w.tenants:
        for kind in ("connectionRoutes", "connectionAddresses", "connections"):
            t.without(kind)
    equal([x["ifname"] for x in w.gw.netns.ip_json("link show") if x["ifname"].startswith("gwc")], [], "links")
    equal(w.gw.netns.run("tc filter show dev seg0 ingress").stdout, "", "filters")
    for t in w.tenants:
        equal(t.run("ip -o link show").stdout.count(" con"), 0, "links in the VRF")
        traffic.no_reach(w.vm[t.name], PLANT)
        t.without("ports")
        t.without("virtualGateways")
    gone(w)


if __name__ == "__main__":
    suite.main()
