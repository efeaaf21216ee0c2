#!/usr/bin/python3
# time-limit: 300 + GW_TEST_SECONDS
# Tenants that come, change and go at random, with a world outside, for as long as one likes; every packet as a model of its own says.
#
#   VMs t0v0 ... t3v2, all with the same addresses     gw: gwd                          isp                            far
#   steady1, steady2: nobody touches their tenant ---- ports    out0 192.0.2.2 -- out -- seg0 192.0.2.1 , far0 -- eth0 198.51.100.10
#                                                               pl0 ... pl3 -- eth0 plant0 ... plant3, each 10.70.0.1, 172.20.0.1
#
# One machine that is controller, gateway and host. Networks, NICs, virtual gateways, their connections, public addresses and rules of
# load balancers are made, changed and removed over the API. After each step, when the controller says that it is carried out, probes go
# from everybody to everybody and to every public place, and must come to whom the model (model.py) says, from where it says, or to
# nobody; flows that were opened earlier must go on, or must have ended. Between steps gwd is killed with -9, stopped and started, also
# in the midst of a request, and the same must hold while it is away. The tenant that nobody touches loses no packet all the time.
#
# In the second half one process lives through everything; whenever all tenants have gone, nothing may be left of them in the kernel or
# in gwd, and its memory must not grow.
#
# GW_TEST_SECONDS says how long (60), GW_TEST_SEED repeats the changes of one that failed: `make soak SEED=... SECONDS=...`.
# Covers GW-1, GW-2, GW-3, GW-8, API-1 (states), for many tenants over time.
# outside-only
import contextlib
import http.client
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic
from lib.case import Failed, equal, eventually, require
from lib.gateway import GatewayWorld, objects
from lib.gwd import BASE
from lib.net import run
from lib.world import World

import changes
from changes import Changes
from leftover import Leftover, Memory
from model import BLOCK, FAR, PLANT, PORTS, SHARED, SLOTS, TENANTS, Model, Plant
from probes import End, Probe, Prober, Source

SECONDS = int(os.environ.get("GW_TEST_SECONDS") or 60)
SEED = int(os.environ.get("GW_TEST_SEED") or 0) or random.SystemRandom().randrange(1, 1 << 32)
STEPS = 12  # of a round, at whose end all tenants go
QUIET_STEPS, CHURN = 4, 100  # of a round without blows, and requests before them that nobody waits for
FLOWS = 40  # that are kept open
TAIL = 25  # changes that a failure tells of
STEADY = 4901
suite = case.Suite()


def mac(number):
    return "02:00:00:0a:%02x:%02x" % (number >> 8, number & 255)


def of_plant(nic, way):
    return isinstance(nic, Plant) or way.to[0] == "plant"


class Soak(GatewayWorld):
    def __init__(self):
        World.__init__(self)
        case.note("SEED=%d SECONDS=%d" % (SEED, SECONDS))
        self.make_fabric()
        self.make_outside()
        self.gw = self.host("gw", None, start=False, settings={
            "node": {"roles": "controller, gateway, host", "plugin_dir": case.build() + "/plugins"},
            "external": {"interface": "out0"}})
        self.gw.gwd.settings["api"] = {"listen": "unix:" + self.gw.gwd.socket_path}
        self.gw.gwd.settings["limits"] = {"requests_per_second": 100000}
        self.gw.gwd.configure()
        self.connect_outside()
        self.rng = random.Random(SEED)
        self.chance = random.Random(SEED + 1)  # of what is no change: so the changes are the same whatever is probed
        self.model = Model()
        self.changes = Changes(self.model, self.rng)
        self.requests, self.steps, self.done = 0, 0, []
        self.operation, self.flows = None, []
        self.places, self.kept = {}, {}  # of front ends: the blocks that they have, and the address that these are of
        self.started, self.counts = time.monotonic(), {"probes": 0, "flows": 0, "kills": 0, "restarts": 0}
        self.log = open(os.path.join(case.logs(), "changes"), "w", encoding="utf-8")  # pylint: disable=consider-using-with
        case.after_group.append(self.log.close)
        self.prober = Prober()
        self.far_end = End("far", "far", self.far.netns)
        self.prober.serve(self.far_end, PORTS)
        self.ends = {}
        for key in [(t, s) for t in range(TENANTS) for s in range(SLOTS)]:
            vm = self.gw.vm("t%dv%d" % key, mac(16 * key[0] + key[1]), 0, [], attach=False)
            self.ends[key] = End(key, vm.name, vm.netns)
            self.prober.serve(self.ends[key], PORTS)
        for t in range(TENANTS):
            self.make_plant(t)
        self.steady = [self.gw.vm("steady%d" % n, mac(0x1000 + n), 0, ["10.0.1.%d" % (10 + n)], attach=False) for n in (1, 2)]
        for vm in self.steady:
            vm.default_routes("10.0.1.1")
        self.start()
        self.leftover = Leftover(self.gw)
        self.bare = self.leftover.take()
        del self.bare["descriptors"]  # some are opened when they are needed first
        self.ask_for(self.ground(), "the ground")
        self.settled()
        eventually(lambda: traffic.ping(self.steady[0], FAR, 1)[0], "the tenant that nobody touches gets out", 20)
        self.empty = self.leftover.take()

    # --- what there always is

    def make_plant(self, number):
        """A physical network of the tenant's, by an interface of its own; all have the same addresses."""
        plant, dev = self.namespace("plant%d" % number), "pl%d" % number
        self.gw.netns.veth(dev, plant, "eth0")
        self.gw.netns.ip("link set dev %s addrgenmode none up" % dev)  # no address that comes some seconds later
        plant.ip("link set dev eth0 up")
        plant.ip("addr add 10.70.0.1/24 dev eth0")
        plant.ip("addr add %s/32 dev lo" % PLANT)
        plant.ip("route add default via 10.70.0.2 src " + PLANT)
        self.ends["plant", number] = End(("plant", number), plant.name, plant)
        self.prober.serve(self.ends["plant", number], PORTS)

    def ground(self):
        b = changes.Balancer()
        b.frontends, b.pools, b.outbound = {"f": "shared0"}, {"p": {1}}, {"o": (("f",), "p", changes.ALL)}
        addresses = [{"address": "10.1.1.9", "prefixLength": 24, "interface": "eth1"}]
        addresses += [{"address": "10.2.%d.9" % t, "prefixLength": 24, "interface": "pl%d" % t} for t in range(TENANTS)]
        return [changes.put("/logicalNetworks/plants", {"subnets": [changes.child("p%d" % t, {"addressPrefix": "10.2.%d.0/24" % t})
                                                                    for t in range(TENANTS)]}),
                changes.put("/servers/gw", {"providerAddresses": addresses}),
                changes.put("/gatewayPools/all", {"type": "All"}),
                changes.put("/gateways/gw", {"pool": changes.ref("/gatewayPools/all"), "virtualServer": changes.ref("/servers/gw")}),
                *(changes.address(name) for name in SHARED),
                changes.network("steady", {1}, STEADY),
                *(changes.interface("steady%d" % n, 0x1000 + n, "steady", 1, "10.0.1.%d" % (10 + n)) for n in (1, 2)),
                changes.gateway("steady"), changes.balancer("steady", b)]

    # --- the daemon

    def start(self):
        # What was freed stays with the sanitizer for a while, and so do stacks that allocated something: no growth of gwd's.
        own = os.environ.get("ASAN_OPTIONS", "")
        self.gw.gwd.start(env={"ASAN_OPTIONS": ":".join([own] * bool(own) + [
            "quarantine_size_mb=1:thread_local_quarantine_size_kb=16:malloc_context_size=2:detect_stack_use_after_return=0"])})

    def kill(self):
        self.counts["kills"] += 1
        self.gw.gwd.kill()

    # --- asking

    def request(self, elements):
        if len(elements) > 1:
            return self.gw.gwd.request("POST", BASE + "/batch", elements, timeout=60)
        e = elements[0]
        return self.gw.gwd.request(e.get("method", "PUT"), BASE + e["path"], e.get("body"), timeout=60)

    def ask_for(self, elements, what):
        r = self.request(elements)
        self.answered(r, what)

    def answered(self, r, what):
        self.requests += 1
        require(r.status in (200, 201, 202, 204), "%s: %d %s" % (what, r.status, r.body[:500]))
        operation = r.headers.get("Azure-AsyncOperation")
        if operation:
            self.operation = operation[operation.index(BASE):]

    def asked_amid(self, change):
        """The daemon is killed while it has the request: nobody knows what became of it, and it is made again."""
        answers = []

        def ask():
            with contextlib.suppress(OSError, http.client.HTTPException):
                answers.append(self.request(change.elements))

        t = threading.Thread(target=ask, daemon=True)
        t.start()
        t.join(self.chance.uniform(0, 0.03))
        self.kill()
        t.join(30)
        require(not t.is_alive(), "a request ends when the daemon does")
        self.start()
        self.ask_for(change.elements, change.what)

    def get(self, path):
        r = self.gw.gwd.request("GET", BASE + path)
        require(r.status == 200, "%s: %d %s" % (path, r.status, r.body[:300]))
        return r.json()["properties"]

    def settled(self):
        """The controller says that its node has done what was asked for, and the node's virtual gateways are ready."""
        def done():
            r = self.gw.gwd.request("GET", self.operation)
            return r.status == 200 and r.json()["status"] == "Succeeded"

        def ready():
            found = objects(self.gw.gwd, "virtualGateways")
            bad = {i: p for i, p in found.items() if p.get("state") != "Ready"}
            if bad or len(found) != 1 + sum(1 for t in self.model.tenants if t.gateway):
                raise Failed("%d virtual gateways, not ready: %s" % (len(found), bad))
            return True

        def connected():
            found = objects(self.gw.gwd, "connections")
            bad = {i: p for i, p in found.items() if p.get("state") != "Ready" or p.get("connectionState") not in ("Connected", "Unknown")}
            if bad or len(found) != sum(t.connections() for t in self.model.tenants):
                raise Failed("%d connections, not ready: %s" % (len(found), bad))
            return True

        eventually(done, "the change is carried out", 30, 0.05)
        eventually(ready, "the virtual gateways are ready", 30, 0.05)
        eventually(connected, "the connections are ready", 30, 0.05)
        self.learn_blocks()

    def learn_blocks(self):
        """Which ports front ends have is left to chance; that they are theirs alone, and stay theirs, is not."""
        found, taken = {}, set()
        for name in SHARED:
            for b in self.get("/publicIPAddresses/" + name).get("portBlocks", []):
                frontend = b["frontendIPConfiguration"]["resourceRef"].split("/")
                place = (name, b["start"])
                require(b["size"] == BLOCK and b["start"] % BLOCK == 0 and b["start"] >= BLOCK, "a block: %s" % b)
                require(place not in taken, "two have the block %s" % (place,))
                taken.add(place)
                if frontend[2] != "steady":
                    found[int(frontend[2][1:]), frontend[4]] = place
        wanted = {(t.number, f): a for t in self.model.tenants for f, a in (t.balancer.frontends.items() if t.balancer else ()) if a in SHARED}
        equal({k: v[0] for k, v in found.items()}, wanted, "who has a block of which address")
        for key, place in found.items():
            if self.kept.get(key) == wanted[key]:
                equal(place, self.places[key], "the block of %s, which has not gone" % (key,))
        self.places, self.kept = found, wanted
        self.model.blocks = {k: v[1] for k, v in found.items()}

    # --- VMs

    def readdress(self, before):
        """Gives VMs the addresses that they have now; others of their network forget whom they knew."""
        now = {n.key: (n.address, n.subnet) for n in self.model.nics.values()}
        for t in {key[0] for key in set(now) | set(before) if now.get(key) != before.get(key)}:
            for key in [k for k in set(now) | set(before) if k[0] == t]:
                steps = ["neigh flush dev eth0"]
                if now.get(key) != before.get(key):
                    steps.append("addr flush dev eth0")
                    if key in now:
                        steps += ["addr add %s/24 dev eth0" % now[key][0], "route replace default via 10.0.%d.1" % now[key][1]]
                run(["ip", "-4", "-n", self.ends[key].netns.name, "-batch", "-"], stdin="\n".join(steps) + "\n")
        for t in range(TENANTS):  # another connection has another MAC address
            self.ends["plant", t].netns.ip("neigh flush dev eth0")

    # --- steps

    def tell(self, what):
        line = "%6.1f s  step %d  %s" % (time.monotonic() - self.started, self.steps, what)
        self.done.append(line)
        self.log.write(line + "\n")
        self.log.flush()

    def step(self, blows, quick=False):
        """One change; a blow perhaps, beside it or after it."""
        self.steps += 1
        change = self.changes.next()
        blow = self.rng.random() if blows else 1.0
        before = {n.key: (n.address, n.subnet) for n in self.model.nics.values()}
        self.tell(change.what + (", killed in its midst" if blow < 0.1 else ""))
        if change.refused:
            r = self.request(change.elements)
            require(400 <= r.status < 500, "it must be refused: %s: %d %s" % (change.what, r.status, r.body[:300]))
        elif blow < 0.1:
            self.asked_amid(change)
        else:
            self.ask_for(change.elements, change.what)
        change.then()
        self.readdress(before)
        if quick:
            return
        self.settled()
        self.try_all()
        self.blow(blow)

    def blow(self, which):
        """Perhaps it dies, or is stopped, and comes back."""
        if 0.1 <= which < 0.2:
            self.tell("kill -9")
            self.kill()
        elif 0.2 <= which < 0.25:
            self.tell("restart")
            self.counts["restarts"] += 1
            self.gw.gwd.stop()
        elif 0.25 <= which < 0.3:
            self.tell("SIGHUP")
            self.gw.gwd.process.send_signal(signal.SIGHUP)
        else:
            return
        if self.gw.gwd.process is None:
            self.try_all("while gwd is away")
            self.start()
        self.settled()
        self.try_all("after it")

    def try_all(self, when=""):
        """What is to pass passes, what is not does not, and what was there goes on."""
        probes = []
        for nic, address, port, protocol, way in self.model.questions(self.chance):
            keep = way is not None and not of_plant(nic, way) and len(self.flows) < FLOWS and self.chance.random() < 0.15
            p = Probe(self.ends[nic.key] if nic else self.far_end, address, port, protocol, way, keep)
            p.nic = nic
            probes.append(p)
        kept = []
        for flow in self.flows:
            lives = self.model.lives(flow)
            if lives is None or flow.socket is None:
                self.prober.stop(flow)
                continue
            flow.way = flow.first if lives else None
            kept.append(flow)
        self.probe(probes + kept, when)
        self.flows = [f for f in kept if f.way and f.socket is not None]
        for p in probes:
            if p.keep and p.socket is not None:
                self.remember(p)
        self.counts["probes"] += len(probes)
        self.counts["flows"] += len(kept)

    def remember(self, p):
        """What it depends on: its ends, the gateways on its way, the rules that began it."""
        m, to = self.model, p.way.to
        nics = [n for n in (p.nic, m.nics.get(to)) if n]
        p.first, p.ends, p.gateways, p.leaves, p.comes = p.way, {n.key: n.generation for n in nics}, {}, None, None
        if p.nic and to != "far" and m.nics[to].tenant == p.nic.tenant and m.nics[to].address == p.address:
            self.flows.append(p)
            return
        p.gateways = {n.tenant: m.tenants[n.tenant].gateway for n in nics}
        if p.nic and (to == "far" or m.nics[to].tenant != p.nic.tenant):
            p.leaves = p.nic.key
        if to != "far":
            p.comes = (to, p.way.port)
        # Whom the receiver saw is what the flow has got for good.
        p.first = p.way._replace(sources=frozenset([Source(p.seen[0], p.seen[1], 1)]))
        self.flows.append(p)

    def probe(self, probes, when):
        wrong = self.prober.ask(probes)
        if wrong:
            raise Failed("%d of %d probes and flows%s are not as they should be:\n  %s" % (
                len(wrong), len(probes), " " + when if when else "", "\n  ".join(wrong[:12])))

    # --- rounds

    def round(self, blows, steps, until):
        """Everybody comes, changes and goes; then nothing is left."""
        for _ in range(steps):
            self.step(blows)
            if time.monotonic() > until:
                break
        if blows:
            self.blow(0.15)
        self.all_go()

    def churn(self):
        """Change after change before anybody has looked at what became of the last: what was there before is not followed."""
        for f in self.flows:
            self.prober.stop(f)
        self.flows, self.places, self.kept = [], {}, {}
        for _ in range(CHURN):
            self.step(False, quick=True)
        self.settled()
        self.try_all("after many changes at once")

    def all_go(self):
        before = {n.key: (n.address, n.subnet) for n in self.model.nics.values()}
        for t in self.model.tenants:
            if t.subnets:
                change = self.changes.without(t)
                self.tell(change.what)
                self.ask_for(change.elements, change.what)
                change.then()
        gone = [changes.gone("/publicIPAddresses/" + name) for name in sorted(self.model.own)]
        if gone:
            self.tell("all addresses go")
            self.ask_for(gone, "all addresses go")
            self.model.own.clear()
        self.readdress(before)
        self.settled()
        self.try_all("when everybody has gone")
        self.leftover.becomes(self.empty, "when everybody has gone")

    @contextlib.contextmanager
    def undisturbed(self):
        """The tenant that nobody touches loses nothing meanwhile; a failure says what was done before it."""
        a, b = self.steady
        seconds = 10 * SECONDS * case.SLOWNESS + 600
        far = self.far
        flows = [traffic.UdpFlow(a, b, b.v4, 200, seconds), traffic.UdpFlow(b, far, FAR, 200, seconds, port=7002)]
        try:
            yield
            for f in flows:
                f.end()
            for f in flows:
                r = f.result()
                equal((r["lost"], r["doubled"]), (0, 0), "(lost, doubled) of the tenant that nobody touches: %s" % r)
                case.note("%d packets of the tenant that nobody touches, none lost" % r["sent"])
        except Exception as e:
            raise Failed("step %d, SEED=%d: %s\nwhat was done before:\n%s" % (
                self.steps, SEED, e, "\n".join(self.done[-TAIL:]))) from e


g = suite.group("", Soak)


@g.case("tenants come, change and go while gwd is killed and restarted: every packet is as the model says")
def _(w):
    with w.undisturbed():
        until = time.monotonic() + SECONDS / 2
        while time.monotonic() < until:
            w.round(True, STEPS, until)
    case.note("%d steps, %s, changes: %s" % (w.steps, w.counts, w.changes.kinds))
    require(w.counts["kills"] or SECONDS < 60, "gwd was killed at least once")


@g.case("the same with one process all the time: whenever all have gone nothing is left, and memory does not grow")
def _(w):
    w.gw.gwd.stop()
    w.start()
    w.settled()
    first, pid = w.requests, w.gw.gwd.process.pid
    memory = Memory(pid)
    with w.undisturbed():
        until = time.monotonic() + SECONDS / 2
        while time.monotonic() < until or len(memory.samples) < 4:
            w.churn()
            w.round(False, QUIET_STEPS, until)
            memory.add(w.requests - first)
        case.note(memory.check())
    equal(w.gw.gwd.process.pid, pid, "the process")
    case.note("%d steps, %s, changes: %s" % (w.steps, w.counts, w.changes.kinds))
    case.note("datagrams that had to be sent again: %d; senders' ports that the kernel changed: %d" % (w.prober.again, w.prober.clashes))


@g.case("when everything is removed there is what was there before the first request")
def _(w):
    w.ask_for([changes.gone(e["path"]) for e in w.ground()], "everything goes")
    w.leftover.becomes(w.bare, "when everything is removed", but=("descriptors",))


if __name__ == "__main__":
    suite.main()
