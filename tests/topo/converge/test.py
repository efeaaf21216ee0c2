#!/usr/bin/python3
# time-limit: 3600
# outside-only
# Whatever happens to a controller and its hosts while resources change at random, in the end every host holds what it is to hold.
#
#   a (steady) --- h1 eth1 192.168.1.10 -- the PA router -- 192.168.2.20 eth1 h2 --- b (steady)
#   n0i0 ...  /       eth0 ------------ br0 ------------ eth0                 \  ... n0i0: every interface is on both hosts
#                                        |
#                                       eth0 c, the controller
#
# In each round networks, subnets, route tables, NICs and where they are, and provider addresses change, while daemons are killed with
# -9 and management cables cut at random. After it, for each host: what it holds is what GET /servers/ID/state says, entry by entry;
# maps, addresses, routes and programs of its kernel are as that says; nobody's interface has a program that is not a port; and ports
# and records are what the rules make of the resources.
# Beside it all two flows of a tenant that nobody touches lose no packet.
#
# Clocks apart: CLOCK_REALTIME is one for all namespaces, so that only the clocks that count from power-on can be made to differ
# (time namespaces); gwd compares no time of another machine's, but for the validity of certificates (tests/topo/controller).
#
# GW_TEST_ROUNDS makes it longer: `make test-converge` is 50 rounds. GW_TEST_SEED repeats the choices of one that failed; when
# what happens happens is up to the machine.
# Covers API-2 (managed nodes, records survive), GW-8 for hosts, FWD-12's first sentence, "How intent becomes records".
import contextlib
import json
import os
import random
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic
from lib.case import Failed, equal, eventually, require
from lib.gwd import BASE
from lib.manager import Managed, link
from lib.net import run
from tenants import ADDRESSES, NETWORKS, NICS, SERVERS, TABLES, Tenants, gone, network, nic, root, server, subnet

ROUNDS = int(os.environ.get("GW_TEST_ROUNDS", "2"))
CHANGES = int(os.environ.get("GW_TEST_CHANGES", "60"))  # of a round, at least
REVISIONS = int(os.environ.get("GW_TEST_REVISIONS", "2000"))
SEED = int(os.environ.get("GW_TEST_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)
BLOWS = 5  # of a round, at least
STEADY, AWAY = 5001, 7900
suite = case.Suite()


def ground():
    """What is there from the beginning: the provider networks, the hosts, the tenant that nobody touches, tables without routes."""
    racks = [{"resourceId": "rack%d" % i, "properties": {
        "addressPrefix": "192.168.%d.0/24" % i, "defaultGateways": ["192.168.%d.1" % i]}} for i in (1, 2)]
    second = [{"resourceId": "all", "properties": {"addressPrefix": "192.168.101.0/24"}}]
    return [
        {"path": "/logicalNetworks/provider", "body": {"properties": {"networkVirtualizationEnabled": True, "subnets": racks}}},
        {"path": "/logicalNetworks/second", "body": {"properties": {"networkVirtualizationEnabled": True, "subnets": second}}},
        {"path": "/macPools/all", "body": {"properties": {"startMacAddress": "00155D000000", "endMacAddress": "00155DFFFFFF"}}},
        *(server(s, False) for s in SERVERS),
        *({"path": "/routeTables/t%d" % t, "body": {"properties": {"routes": []}}} for t in range(TABLES)),
        network("/virtualNetworks/steady", "10.0.0.0/16", [subnet("s", "10.0.0.0/24", STEADY)],
                logicalNetwork={"resourceRef": "/logicalNetworks/provider"}),
        nic("/networkInterfaces/a", "/virtualNetworks/steady/subnets/s", "10.0.0.10", "host1", "a", "02AA00000001"),
        nic("/networkInterfaces/b", "/virtualNetworks/steady/subnets/s", "10.0.0.20", "host2", "b", "02AA00000002"),
    ]


def setup():
    case.note("GW_TEST_SEED=%d" % SEED)
    w = Managed()
    w.batch(ground())
    w.h1 = w.managed("h1", "host1", "rack1", 11, state_disk="12m")
    w.h2 = w.managed("h2", "host2", "rack2", 12, state_disk="12m")
    w.a = w.h1.vm("a", "02:aa:00:00:00:01", STEADY, ["10.0.0.10"], attach=False)
    w.b = w.h2.vm("b", "02:aa:00:00:00:02", STEADY, ["10.0.0.20"], attach=False)
    w.far = w.namespace("far")  # the other ends of the other VMs' cables
    for h in w.hosts:
        h.netns.sysctl("net.ipv6.conf.default.disable_ipv6=1")
        for port in ["n%di%d" % (n, i) for n in range(NETWORKS) for i in range(NICS)] + ["away"]:
            h.netns.veth(port, w.far, h.name + port)
            h.netns.ip("link set dev %s up" % port)
            w.far.ip("link set dev %s up" % (h.name + port))
    w.tenants = Tenants(w, random.Random(SEED))
    w.converged()
    traffic.reach(w.a, w.b)
    return w


@contextlib.contextmanager
def undisturbed(w):
    """The tenant that nobody touches loses nothing meanwhile."""
    seconds = 3000 * case.SLOWNESS  # at most
    flows = [traffic.UdpFlow(w.a, w.b, "10.0.0.20", 500, seconds), traffic.UdpFlow(w.b, w.a, "10.0.0.10", 500, seconds, port=7001)]
    yield
    for f in flows:
        f.end()
    for f in flows:
        r = f.result()
        equal((r["lost"], r["doubled"]), (0, 0), "(lost, doubled) of the flow of the tenant that nobody touches (%s)" % r)
        case.note("%d packets, none lost" % r["sent"])


# --- blows ------------------------------------------------------------------------------------------------------------------

class Blows(threading.Thread):
    """Kills daemons and starts them again, cuts cables and mends them, at random moments, until over."""

    def __init__(self, w, rng):
        super().__init__(daemon=True)
        self.w, self.rng = w, rng
        self.over, self.trouble, self.dealt = threading.Event(), None, []

    def run(self):
        try:
            while not self.over.wait(self.rng.uniform(0.05, 0.7)):
                self.rng.choice((self.kill, self.kill, self.kill, self.cut))()
        except Exception as e:  # pylint: disable=broad-except
            self.trouble = e

    def kill(self):
        gwd = self.rng.choice((self.w.c, *(h.gwd for h in self.w.hosts)))
        require(gwd.process.poll() is None, "%s has ended by itself: %s" % (gwd.name, gwd.log_tail()))
        gwd.kill()
        self.over.wait(self.rng.choice((0, self.rng.uniform(0, 0.8))))
        gwd.launch()
        self.dealt.append("kill " + gwd.name)

    def cut(self):
        h = self.rng.choice(self.w.hosts)
        self.w.cut(h)
        try:
            self.over.wait(self.rng.uniform(0.1, 1.5))
        finally:
            self.w.mend(h)
        self.dealt.append("cut " + h.name)

    def end(self):
        self.over.set()
        self.join(30)
        require(not self.is_alive() and self.trouble is None, "blows: %s" % self.trouble)
        for gwd in (self.w.c, *(h.gwd for h in self.w.hosts)):
            gwd.wait_ready()


# --- the rules ----------------------------------------------------------------------------------------------------------

def ruled(w):
    """
    What each node should have by the rules "How intent becomes records", from the resources alone: ports, who lives where, and the
    prefixes of subnets. Route tables are left to the planner's own tests.
    """
    there = {r["resourceRef"]: r["properties"] for r in w.everything()}
    vsid, prefixes, lives, ports = {}, {}, {}, {s: {} for s in SERVERS}
    for path, p in there.items():
        if path.startswith("/virtualNetworks/"):
            vsid.update((x["resourceRef"], x["properties"]["isolationId"]) for x in p["subnets"])
            prefixes[path] = {(x["properties"]["isolationId"], x["properties"]["addressPrefix"]) for x in p["subnets"]}
    for p in (p for path, p in there.items() if path.startswith("/networkInterfaces/") and "server" in p):
        subnet_ = p["ipConfigurations"][0]["properties"]["subnet"]["resourceRef"]
        host, where = p["server"]["resourceRef"].split("/")[2], root(subnet_)
        encapsulation = there[where].get("encapsulationMethod", "VXLAN")
        lives.setdefault(where, {})[vsid[subnet_], p["ipConfigurations"][0]["properties"]["privateIPAddress"]] = (
            host, p["privateMacAddress"], encapsulation)
        if "hostInterface" in p:
            ports[host][p["hostInterface"]] = (where, vsid[subnet_], p["privateMacAddress"])
    return ports, lives, prefixes


def follows_the_rules(w):
    ports, lives, prefixes = ruled(w)
    for h in w.hosts:
        held, mine = w.held(h), {where for where, _, _ in ports[h.server].values()}
        equal({r["Interface"]: (r["VirtualSubnetID"], r["MACAddress"]) for p, r in held.items() if "/ports/" in p},
              {interface: port[1:] for interface, port in ports[h.server].items()}, "ports of " + h.name)
        records = {(r["VirtualSubnetID"], r["CustomerAddress"]): r for p, r in held.items() if "/lookupRecords/" in p}
        wanted = {key: value for where in mine for key, value in lives[where].items()}
        equal({k: (r["MACAddress"], r["Encapsulation"]) for k, r in records.items()}, {k: v[1:] for k, v in wanted.items()},
              "who is known on " + h.name)
        for key, r in records.items():
            choice = ADDRESSES[wanted[key][0]][:1 + w.tenants.second[wanted[key][0]] * (key[0] != STEADY)]
            require(r["ProviderAddress"] in choice, "%s is at %s: %s" % (key, wanted[key][0], r))
        on_link = {(r["VirtualSubnetID"], r["DestinationPrefix"]) for p, r in held.items()
                   if "/customerRoutes/" in p and r["NextHop"] == "0.0.0.0" and r["Metric"] == 255}
        equal(on_link, {x for where in mine for x in prefixes[where]}, "subnets on " + h.name)


g = suite.group("", setup)


@g.case("%d rounds of random changes among kills and cuts: every host is in step, and a stranger's packets are not lost" % ROUNDS)
def _(w):
    rng = random.Random(SEED + 1)
    with undisturbed(w):
        for round_ in range(ROUNDS):
            blows = Blows(w, random.Random(rng.getrandbits(32)))
            blows.start()
            steps = 0
            while steps < CHANGES or len(blows.dealt) < BLOWS:
                w.tenants.step()
                steps += 1
                require(blows.trouble is None, "blows: %s" % blows.trouble)
            blows.end()
            held = w.converged(deadline=120)
            w.tenants.agree()
            follows_the_rules(w)
            case.note("round %d: %d requests; %s; held: %s" % (round_, steps, ", ".join(blows.dealt), held))
    case.note(w.tenants.kinds)


@g.case("cables cut while much changes: who is cut off keeps what it has, and catches up")
def _(w):
    with undisturbed(w):
        for h in w.hosts:
            w.connected(h)
            before = w.held(h)
            w.cut(h)
            for _ in range(CHANGES):
                w.tenants.step()
            others = [other for other in w.hosts if other is not h]
            w.converged(others)
            equal(w.held(h), before, "what %s holds while it hears nothing" % h.name)
            w.mend(h)
            w.converged()


@g.case("the controller dies and is back while a host hears nothing of it: the host notices by itself")
def _(w):
    with undisturbed(w):
        w.connected(w.h1)
        w.cut(w.h1)
        w.c.kill()
        w.c.start()
        w.mend(w.h1)
        for _ in range(CHANGES):
            w.tenants.step()
        w.converged(deadline=120)


@g.case("all at once: the controller and every host are killed in the midst of changes, and start in any order")
def _(w):
    rng = random.Random(SEED + 2)
    with undisturbed(w):
        for _ in range(3):
            for _ in range(CHANGES // 3):
                w.tenants.step()
            daemons = [w.c, w.h1.gwd, w.h2.gwd]
            for gwd in daemons:
                gwd.kill()
            rng.shuffle(daemons)
            for gwd in daemons:
                gwd.launch()
            for gwd in daemons:
                gwd.wait_ready()
            w.converged(deadline=120)


# --- away for long ------------------------------------------------------------------------------------------------------------

class Changer(threading.Thread):
    """Gives one NIC another address, again and again, each time a transaction of its own."""

    def __init__(self, w, number, times):
        super().__init__(daemon=True)
        self.w, self.number, self.times, self.trouble = w, number, times, None

    def run(self):
        c = self.w.c.connection(60)
        try:
            for k in range(self.times):
                e = nic("/networkInterfaces/away%d" % self.number, "/virtualNetworks/away/subnets/s",
                        "10.9.%d.%d" % (4 + 50 * self.number + k // 250, 2 + k % 250), "host1")
                c.request("PUT", BASE + e["path"], json.dumps(e["body"]), {"Content-Type": "application/json"})
                r = c.getresponse()
                body = r.read()
                require(r.status in (200, 201), "%d %s" % (r.status, body[:300]))
        except Exception as e:  # pylint: disable=broad-except
            self.trouble = e
        finally:
            c.close()


CHANGERS = 4


@g.case("a host that was away for %d revisions catches up, also when more has gone than the controller remembers" % REVISIONS)
def _(w):
    w.batch([network("/virtualNetworks/away", "10.9.0.0/16", [subnet("s", "10.9.0.0/16", AWAY)]),
             nic("/networkInterfaces/away", "/virtualNetworks/away/subnets/s", "10.9.1.1", "host2", "away", "02AA00020001")])
    w.converged()
    with undisturbed(w):
        w.connected(w.h2)
        before, first = w.held(w.h2), w.c.status()["node"]["revision"]
        w.cut(w.h2)
        changers = [Changer(w, i, -(-REVISIONS // CHANGERS)) for i in range(CHANGERS)]
        for c in changers:
            c.start()
        for c in changers:
            c.join()
            require(c.trouble is None, "changes: %s" % c.trouble)
        went_by = w.c.status()["node"]["revision"] - first
        require(went_by >= REVISIONS, "%d revisions went by" % went_by)
        equal(w.held(w.h2), before, "what h2 holds while it hears nothing")
        w.mend(w.h2)
        case.note("%d revisions; held: %s" % (went_by, w.converged(deadline=90)))
    w.batch([gone("/networkInterfaces/away%d" % i) for i in range(CHANGERS)])
    w.converged()


# --- a full disk ----------------------------------------------------------------------------------------------------------------

@g.case("a host whose disk is full says so, forwards on with what it has, and catches up by itself when there is room")
def _(w):
    filler = w.h2.gwd.state_dir + "/filler"
    with undisturbed(w):
        w.connected(w.h2)
        with open(filler, "wb", buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(b"x" * 4096)

        made = 0

        def full():
            """What fits into pages that are there already may still be taken."""
            nonlocal made
            if made < 11000:
                w.batch([nic("/networkInterfaces/full%d" % i, "/virtualNetworks/away/subnets/s", "10.9.%d.%d" % (210 + i // 250, 2 + i % 250),
                             "host1") for i in range(made, made + 500)])
                made += 500
            return [d for d in w.standing("/servers/host2")[2] if d[0] == "host2" and "disk is full" in d[2]]

        said = eventually(full, "host2 complains of its disk", 90, 0.5)
        case.note("after %d more: %s" % (made, said[0]))
        w.converged([w.h1])
        equal(w.h2.gwd.process.poll(), None, "h2 lives")
        os.unlink(filler)
        w.converged(deadline=120)
        w.reaches("/servers/host2", "Success", "host2", [])
    w.batch([gone("/networkInterfaces/full%d" % i) for i in range(made)])
    w.converged()


# --- clocks -----------------------------------------------------------------------------------------------------------------------

def later(seconds):
    """Runs a command on a machine that was switched on so much earlier."""
    return ["unshare", "--time", "--monotonic=%d" % seconds, "--boottime=%d" % seconds]


@g.case("clocks that count from power-on are years apart, and go back when a machine is switched on anew: nothing is different")
def _(w):
    if not os.path.exists("/proc/self/ns/time_for_children"):
        raise case.Skip("the kernel has no time namespaces")
    with undisturbed(w):
        for gwd, seconds in ((w.h2.gwd, 10 ** 8), (w.c, 10 ** 6), (w.h2.gwd, 0), (w.c, 0)):
            gwd.kill()
            gwd.launch(wrapper=later(seconds) if seconds else ()).wait_ready()
            apart = os.readlink("/proc/%d/ns/time" % gwd.process.pid) != os.readlink("/proc/self/ns/time")
            if seconds and not apart:
                raise case.Skip("this kernel starts a time namespace only with a fork")
            for _ in range(CHANGES // 3):
                w.tenants.step()
            w.converged()
            for h in w.hosts:
                equal(w.get("/servers/" + h.server)["properties"]["state"], "Active", "state of " + h.server)


# --- the comparison itself --------------------------------------------------------------------------------------------------

@g.case("an entry that somebody has taken out of a map, or put in, does not escape the comparison; a restart mends it")
def _(w):
    pins = os.path.join(w.h1.gwd.bpf_dir, "h1", "maps")

    def change(name, how, key, *value):
        run(["bpftool", "map", how, "pinned", os.path.join(pins, name), "key", *key, *value])

    first = {}
    for name in ("records", "macs", "vsids", "peers", "routes", "subnets", "ports", "provider_addresses"):
        entry = json.loads(run(["bpftool", "-j", "map", "dump", "pinned", os.path.join(pins, name)]).stdout)[0]
        first[name] = key, value = entry["key"], entry["value"]
        change(name, "delete", key)
        escapes(w, name, "without an entry")
        if name != "peers":  # whose values are the programs' own
            change(name, "update", key, "value", hex(int(value[0], 16) ^ 1), *value[1:])
            escapes(w, name, "with another value")
        change(name, "update", key, "value", *value)
        require(w.in_step(w.h1), "the entry is back")
    w.h1.gwd.stop()
    for name, (key, _) in first.items():
        change(name, "delete", key)
    w.h1.gwd.start()
    w.converged()


def escapes(w, name, what):
    try:
        w.in_step(w.h1)
    except Failed as e:
        require("map %s of h1" % name in str(e), "map %s %s: %s" % (name, what, e))
        return
    raise Failed("map %s %s is taken for good" % (name, what))


# --- the end ------------------------------------------------------------------------------------------------------------------------

@g.case("when all of them have gone the hosts have nothing but the tenant that nobody touched")
def _(w):
    with undisturbed(w):
        w.tenants.leave()
        w.batch([gone("/networkInterfaces/away"), gone("/virtualNetworks/away")])
        w.converged()
        for h in w.hosts:
            vsids = {p.get("VirtualSubnetID", STEADY) for p in w.held(h).values()}
            equal(vsids, {STEADY}, "virtual subnets that %s knows" % h.name)
            require(link(h)["failed"] == 0, "%s: %s" % (h.name, link(h)))
    traffic.reach(w.a, w.b)


if __name__ == "__main__":
    suite.main()
