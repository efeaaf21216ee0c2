#!/usr/bin/python3
# Customer routes: which of several decides, and what happens to running flows when they change.
#
#   c 10.0.0.11 (5001) \                                        / g 10.0.3.11 (5003)  behind it: 10.50/16, 203.0.113.7
#   l 10.0.3.13 (5003)  > h1 (10.1.1.1) eth1 -- fabric -- eth1 h2 -- k 10.0.3.12 (5003)     behind it: the same
#                                                    (10.1.1.2)
#
# g and k are gateways: both have the foreign addresses, so that whoever is asked answers. l is a third one, on c's host.
#
# Covers FWD-7 (longest prefix, metric, the sender's own subnet, wildcard and 169.254 records), ACL-3 (a gateway speaks for
# those behind it), for IPv4 and IPv6.
import contextlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, traffic, world
from lib.case import SLOWNESS, equal, require
from lib.gwd import CHATTER, Growth

A, B, G = 5001, 5002, 5003
RDID = "11111111-2222-3333-4444-555555555555"
ON_LINK = [(A, "10.0.0.0/24"), (A, "fd00::/64"), (G, "10.0.3.0/24"), (G, "fd00:3::/64")]
FOREIGN = ["10.50.1.1", "10.50.2.1", "203.0.113.7", "fd50:1::1", "fd50:2::1", "2001:db8::7"]
LONG = 60 * SLOWNESS  # seconds: longer than what happens to a flow
suite = case.Suite()


def make(encapsulation):
    w = world.two_hosts(encapsulation)
    w.c = w.h1.vm("c", "02:00:00:00:01:01", A, ["10.0.0.11", "fd00::11"])
    w.l = w.h1.vm("l", "02:00:00:00:03:03", G, ["10.0.3.13", "fd00:3::13"])
    w.g = w.h2.vm("g", "02:00:00:00:03:01", G, ["10.0.3.11", "fd00:3::11"])
    w.k = w.h2.vm("k", "02:00:00:00:03:02", G, ["10.0.3.12", "fd00:3::12"])
    world.records(w.vms)
    world.routes(w.hosts, RDID, [(vsid, prefix, None) for vsid, prefix in ON_LINK])
    w.c.default_routes("10.0.0.1", "fd00::1")
    for vm in (w.l, w.g, w.k):
        vm.default_routes("10.0.3.1", "fd00:3::1")
        vm.netns.ip("link set lo up")
        for a in FOREIGN:
            vm.netns.ip("addr add %s dev lo%s" % (a, " nodad" if ":" in a else ""))
    w.k.netns.ip("addr add 203.0.113.8 dev lo")
    for vm in w.vms:
        vm.dad_done()
    return w


def route(w, verb, prefix, hop, metric=0, vsid=G, hosts=None):
    for h in hosts or w.hosts:
        h.gwd.ctl("customer-route", verb, "--rdid", RDID, "--vsid", vsid, "--prefix", prefix, "--nexthop", hop,
                  *(["--metric", metric] if verb == "add" else []))


@contextlib.contextmanager
def routes(w, *wanted, **kw):
    """These exist inside a with block: (prefix, next hop[, metric])."""
    for r in wanted:
        route(w, "add", *r, **kw)
    try:
        yield
    finally:
        for r in wanted:
            route(w, "del", *r[:2], **kw)


def takers(w, address, src=None):
    """Which of the gateways gets what c sends to the address, in words."""
    src = src or w.c
    with contextlib.ExitStack() as stack:
        raws = {vm.name: stack.enter_context(pkt.Raw(vm.netns, "eth0")) for vm in (w.l, w.g, w.k) if vm is not src}
        got, said = traffic.ping(src, address, 1)
        where = 30 if ":" not in address else 38
        names = [n for n, raw in raws.items()
                 if any(f[where:where + len(pkt.ip(address))] == pkt.ip(address) for f in raw.drain())]
    return "%s answers" % " ".join(names) if got else "%s silent: %s" % (" ".join(names) or "nobody", said)


def add_cases(encapsulation):
    g = suite.group(encapsulation, lambda: make(encapsulation))

    @g.case("FWD-7: the longest of nested prefixes decides; taking it away uncovers the wider, at once")
    def _(w):
        for f in ({"wide": "10.50.0.0/16", "deep": "10.50.2.0/24", "one": "10.50.2.1/32", "inside": "10.50.2.1",
                   "beside": "10.50.1.1", "g": w.g.v4, "k": w.k.v4, "l": w.l.v4},
                  {"wide": "fd50::/16", "deep": "fd50:2::/32", "one": "fd50:2::1/128", "inside": "fd50:2::1",
                   "beside": "fd50:1::1", "g": w.g.v6, "k": w.k.v6, "l": w.l.v6}):
            equal(takers(w, f["inside"])[:13], "nobody silent", "without a route")
            with routes(w, (f["wide"], f["g"])):
                equal(takers(w, f["inside"]), "g answers", "the wide one")
                with routes(w, (f["deep"], f["k"])):
                    equal(takers(w, f["inside"]), "k answers", "the deep one")
                    equal(takers(w, f["beside"]), "g answers", "beside it")
                    with routes(w, (f["one"], f["l"])):
                        equal(takers(w, f["inside"]), "l answers", "the deepest")
                    equal(takers(w, f["inside"]), "k answers", "the deep one again")
                equal(takers(w, f["inside"]), "g answers", "the wide one again")
            equal(takers(w, f["inside"])[:13], "nobody silent", "without a route again")

    @g.case("FWD-7: of routes to one prefix the lowest metric decides")
    def _(w):
        with routes(w, ("10.50.0.0/16", w.g.v4, 10)):
            equal(takers(w, "10.50.1.1"), "g answers", "one route")
            with routes(w, ("10.50.0.0/16", w.k.v4, 5)):
                equal(takers(w, "10.50.1.1"), "k answers", "a better one")
                with routes(w, ("10.50.0.0/16", w.l.v4, 20)):
                    equal(takers(w, "10.50.1.1"), "k answers", "a worse one changes nothing")
            equal(takers(w, "10.50.1.1"), "g answers", "the better one has gone")

    @g.case("FWD-7: the default route leads to a gateway, and what it speaks for comes back; others cannot speak for it")
    def _(w):
        with routes(w, ("0.0.0.0/0", w.g.v4), ("::/0", w.g.v6)):
            for address in ("203.0.113.7", "2001:db8::7"):
                equal(takers(w, address), "g answers", "the default route")
                traffic.tcp_exact(w.c, w.g, address, 8 << 20)
                traffic.udp_exact(w.c, w.g, address, [1, 64, 1300] * 20)
            # k has the address as well, but nothing leads to k.
            with pkt.Raw(w.k.netns, "eth0") as raw, Growth(w.h2.gwd) as grown:
                raw.send(pkt.eth("02:67:77:64:00:01", w.k.mac, pkt.ETH_P_IP, pkt.ipv4(
                    "203.0.113.7", w.c.v4, pkt.UDP, pkt.udp("203.0.113.7", w.c.v4, 1, 2, b"x"))))
                grown.becomes({"SpoofedAddress": 1}, "k is not believed")

    @g.case("FWD-7: a wildcard record takes what has no record of its own, and only that")
    def _(w):
        with routes(w, ("0.0.0.0/0", "10.0.3.99"), ("::/0", "fd00:3::99")):
            for address in ("203.0.113.7", "2001:db8::7"):
                equal(takers(w, address)[:13], "nobody silent", "a next hop without a record")
            for wildcard in ("0.0.0.0", "::"):
                for h in w.hosts:
                    h.record(G, wildcard, w.h2.pa, w.k.mac, type="wildcard")
            for address, known in (("203.0.113.7", w.g.v4), ("2001:db8::7", w.g.v6)):
                equal(takers(w, address), "k answers", "the wildcard record")
                equal(takers(w, known), "g answers", "a record of its own")
            equal(takers(w, "203.0.113.8", w.l), "k answers", "also from inside the subnet")
            for wildcard in ("0.0.0.0", "::"):
                for h in w.hosts:
                    h.gwd.ctl("lookup-record", "del", "--vsid", G, "--ca", wildcard)
            equal(takers(w, "203.0.113.7")[:13], "nobody silent", "without the wildcard again")

    @g.case("FWD-5: an on-link default route names no router; of nested subnets each keeps its own")
    def _(w):
        for wildcard in ("0.0.0.0", "::"):
            for h in w.hosts:
                h.record(G, wildcard, w.h2.pa, w.g.mac, type="wildcard")
        with routes(w, ("0.0.0.0/0", "0.0.0.0"), ("::/0", "::")), routes(w, ("10.0.0.11/32", "0.0.0.0"), vsid=A), \
                routes(w, ("10.0.0.128/25", "0.0.0.0"), vsid=A):
            for address, other, router, icmp in (("203.0.113.7", w.c.v4, "10.0.3.1", (11, 0)),
                                                 ("2001:db8::7", w.c.v6, "fd00:3::1", (3, 0))):
                equal(takers(w, address), "g answers", "the default route")
                equal(traffic.probe(w.g, other, ttl=1)[:3], (router, *icmp), "who speaks to g's own address")
            equal(traffic.probe(w.c, "203.0.113.7", ttl=1)[:3], ("10.0.0.1", 11, 0), "who speaks to c")
            for h in w.hosts:
                h.record(A, "10.0.0.254", "169.254.254.254", "10:10:10:10:10:01")
            equal(traffic.ping(w.c, "10.0.0.1")[0], 3, "the wider subnet's router, beside that of the nested one")
            equal(traffic.probe(w.c, "203.0.113.7", ttl=1)[:3], ("10.0.0.1", 11, 0), "who speaks to c then")
            for h in w.hosts:
                h.gwd.ctl("lookup-record", "del", "--vsid", A, "--ca", "10.0.0.254")
            # What nobody has, or many, is not routed, whatever route there is.
            with Growth(w.h1.gwd, but=CHATTER) as grown, pkt.Raw(w.c.netns, "eth0") as raw:
                for n, to in enumerate(("224.0.0.5", "255.255.255.255", "127.0.0.1", "0.0.0.0"), 1):
                    raw.send(pkt.eth("02:67:77:64:00:01", w.c.mac, pkt.ETH_P_IP, pkt.ipv4(
                        w.c.v4, to, pkt.UDP, pkt.udp(w.c.v4, to, 1, 2, b"x"), ttl=1)))
                    grown.becomes({"NoRoute": n}, "to %s" % to)
        for wildcard in ("0.0.0.0", "::"):
            for h in w.hosts:
                h.gwd.ctl("lookup-record", "del", "--vsid", G, "--ca", wildcard)

    @g.case("FWD-7: there one way, back another")
    def _(w):
        # g's answers to c go over k, which may pass them on; h2 only: c's host knows nothing of it.
        w.k.netns.sysctl("net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0",
                         "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.eth0.send_redirects=0")
        w.k.netns.ip("addr del 10.50.1.1 dev lo")
        w.h2.gwd.ctl("port", "detach", "--interface", w.k.port)
        w.h2.gwd.ctl("port", "attach", "--interface", w.k.port, "--mac", w.k.mac, "--vsid", G, "--allow-forwarding")
        w.h2.gwd.wait_port(w.k.port)
        with routes(w, ("10.50.0.0/16", w.g.v4)), routes(w, ("10.0.0.11/32", w.k.v4), hosts=[w.h2]):
            with pkt.Raw(w.k.netns, "eth0") as at_k:
                traffic.udp_exact(w.c, w.g, "10.50.1.1", [100] * 5)
                equal([f for f in at_k.drain() if f[30:34] == pkt.ip("10.50.1.1")], [], "the way there at k")
                got, said = traffic.ping(w.c, "10.50.1.1")
                # k's own packets to c would go to k again: it sends them to the MAC address of nobody but the router,
                # whose route leads back to it. They die of age, as in any loop.
                equal(got, 0, "a loop: %s" % said)
                require([f for f in at_k.drain() if f[26:30] == pkt.ip("10.50.1.1")], "the way back is over k")
        with routes(w, ("10.50.0.0/16", w.g.v4)), \
                routes(w, ("10.50.1.1/32", w.k.v4), hosts=[w.h1]):
            w.k.netns.ip("route add 10.50.1.1/32 via %s" % w.g.v4)
            with pkt.Raw(w.k.netns, "eth0") as at_k:
                traffic.tcp_exact(w.c, w.g, "10.50.1.1", 4 << 20)
                seen = at_k.drain()
            require([f for f in seen if f[30:34] == pkt.ip("10.50.1.1")], "there over k")
            equal([f for f in seen if f[26:30] == pkt.ip("10.50.1.1") and f[6:12] == pkt.mac(w.g.mac)], [],
                  "back past k")
            w.k.netns.ip("route del 10.50.1.1/32")
        w.k.netns.ip("addr add 10.50.1.1 dev lo")

    @g.case("FWD-5, FWD-7: a record with a 169.254 address names the router's address and MAC")
    def _(w):
        mac = "10:10:10:10:10:01"
        for h in w.hosts:
            h.record(A, "10.0.0.254", "169.254.254.254", mac)
        w.c.netns.ip("neigh flush all")
        equal(traffic.ping(w.c, "10.0.0.254")[0], 3, "answers of the named router")
        equal([n["lladdr"] for n in w.c.netns.ip_json("neigh show") if n["dst"] == "10.0.0.254"], [mac], "its MAC")
        w.c.default_routes("10.0.0.254")
        traffic.reach(w.c, w.g)
        equal(traffic.probe(w.c, w.g.v4, ttl=1)[1:3], (11, 0), "it routes: one hop")
        for h in w.hosts:
            h.gwd.ctl("lookup-record", "del", "--vsid", A, "--ca", "10.0.0.254")
        w.c.default_routes("10.0.0.1")

    @g.case("FWD-7: a flow that better and longer routes move between gateways, and back, loses no packet")
    def _(w):
        # Nothing is taken away before there is something better, or what was there all the while.
        with routes(w, ("10.50.0.0/16", w.g.v4, 10), ("fd50::/16", w.g.v6, 10)):
            rate = int(1500 / SLOWNESS)
            flows = [traffic.UdpFlow(w.c, w.g, "10.50.1.1", rate, LONG, also=(w.k, w.l)),
                     traffic.UdpFlow(w.c, w.g, "fd50:1::1", rate, LONG, port=7001, also=(w.k, w.l))]
            for _ in range(4):
                with routes(w, ("10.50.0.0/16", w.k.v4, 5), ("fd50::/16", w.k.v6, 5)), \
                        routes(w, ("10.50.1.0/24", w.l.v4), ("fd50:1::/32", w.l.v6)):
                    pass
            for f in flows:
                f.end()
                r = f.result()
                equal((r["lost"], r["doubled"], r["refused"]), (0, 0, 0), "(lost, doubled, refused): %s" % r)
                require(min(r["each"]) > 0, "it was at each gateway: %s" % r)

    @g.case("FWD-7: routes that come and go beside a flow's own, above it and below it, cost it no packet")
    def _(w):
        with routes(w, ("10.50.0.0/16", w.g.v4, 10), ("fd50::/16", w.g.v6, 10)):
            rate = int(1500 / SLOWNESS)
            flows = [traffic.UdpFlow(w.c, w.g, "10.50.1.1", rate, LONG),
                     traffic.UdpFlow(w.c, w.g, "fd50:1::1", rate, LONG, port=7001)]
            for _ in range(8):
                with routes(w, ("10.50.2.0/24", w.k.v4), ("10.50.0.0/16", w.k.v4, 20), ("0.0.0.0/0", w.k.v4),
                            ("fd50:2::/32", w.k.v6), ("::/0", w.k.v6)):
                    pass
            for f in flows:
                f.end()
                r = f.result()
                equal((r["lost"], r["doubled"]), (0, 0), "(lost, doubled): %s" % r)


for each in ("nvgre", "vxlan"):
    add_cases(each)

if __name__ == "__main__":
    suite.main()
