#!/usr/bin/python3
# Everything but the state directory is lost, as in a reboot; ports appear before, after and again.
#
#   v1 (veth), t1 (tap) -- h1 (10.1.1.1) eth1 -- fabric -- eth1 h2 (10.1.1.2) -- v2
#
# Covers API-2 (records survive a reboot, and are in the engine before the daemon says that it is ready), the daemon's
# sd_notify, and ports and underlay interfaces that come and go by themselves.
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, traffic, world
from lib.case import Failed, equal, require

VSID, RDID = 5001, "11111111-2222-3333-4444-555555555555"
KINDS = ("provider-address", "provider-route", "customer-route", "lookup-record", "port")
suite = case.Suite()


def setup():
    w = world.two_hosts()
    w.v1 = w.h1.vm("v1", "02:00:00:00:01:01", VSID, ["10.0.0.11", "fd00::11"])
    w.t1 = w.h1.vm("t1", "02:00:00:00:01:02", VSID, ["10.0.0.12", "fd00::12"], tap=True)
    w.v2 = w.h2.vm("v2", "02:00:00:00:02:01", VSID, ["10.0.0.21", "fd00::21"])
    world.records(w.vms)
    c = w.h1.gwd.ctl
    c("customer-route", "add", "--rdid", RDID, "--vsid", VSID, "--prefix", "10.0.0.0/24", "--nexthop", "0.0.0.0",
      "--metric", 255)
    c("provider-route", "add", "--interface", "eth1", "--prefix", "10.77.0.0/16", "--nexthop", "10.1.1.2")
    traffic.reach(w.v1, w.v2)
    traffic.reach(w.t1, w.v2)
    return w


def stored(gwd):
    """What was asked for: those properties have capital letters, the live ones (state, counters, ...) small ones."""
    return {kind: {i: {k: v for k, v in p.items() if k[0].isupper()} for i, p in gwd.list(kind).items()}
            for kind in KINDS}


def port_state(h, name):
    return h.gwd.list("port")[name]["state"]


g = suite.group("", setup)


class Notify:
    """What systemd would hear."""

    def __init__(self):
        self.path = case.WORK + "/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)

    def wait(self, text, seconds=15):
        self.socket.settimeout(seconds)
        while True:
            try:
                said = self.socket.recv(4096).decode()
            except socket.timeout as e:
                raise Failed("the daemon did not say %s within %d s" % (text, seconds)) from e
            if text in said.splitlines():
                return

    def close(self):
        self.socket.close()
        os.unlink(self.path)


@g.case("API-2: after a reboot the records are as before, and in the engine when the daemon says READY=1")
def _(w):
    before = stored(w.h1.gwd)
    require(all(before.values()), "there is one of every kind: %s" % before)
    w.h1.gwd.stop()
    w.reboot(w.h1)
    w.plug(w.h1.netns, "eth1", "h1")
    w.v1 = w.power_on(w.v1)  # this VM is faster than the daemon
    notify = Notify()
    w.h1.gwd.launch(env={"NOTIFY_SOCKET": notify.path})
    notify.wait("READY=1")
    # No waiting, no retry: the first ARP request, the first packet.
    got, said = traffic.ping(w.v1, w.v2.v4, 5)
    equal(got, 5, said)
    got, said = traffic.ping(w.v1, w.v2.v6, 5)
    equal(got, 5, said)
    notify.close()
    equal(w.h1.gwd.status()["node"]["ready"], True, "what the status says")
    equal(stored(w.h1.gwd), before, "records")


@g.case("a port whose tap is not there is shown as waiting, and gets up by itself when the tap appears")
def _(w):
    require(port_state(w.h1, "t1") != "Up", "t1 is not up: %s" % w.h1.gwd.list("port")["t1"])
    w.t1 = w.power_on(w.t1)
    w.h1.gwd.wait_port("t1")
    traffic.reach(w.t1, w.v2)
    traffic.reach(w.v2, w.t1)


@g.case("a VM that is switched off and on again keeps its port, veth and tap")
def _(w):
    for name in ("v1", "t1"):
        vm = getattr(w, name)
        if vm.cable is not None:
            vm.cable.kill()
            vm.cable.wait()
        vm.netns.delete()
        w.netns.remove(vm.netns)
        case.eventually(lambda name=name: port_state(w.h1, name) != "Up", "%s is down" % name)
        setattr(w, name, w.power_on(vm))
        w.h1.gwd.wait_port(name)
        traffic.reach(getattr(w, name), w.v2)


@g.case("an underlay interface that comes after the daemon gets its provider address and carries traffic")
def _(w):
    before = stored(w.h2.gwd)
    w.h2.gwd.stop()
    w.reboot(w.h2)
    w.h2.gwd.start()
    equal(stored(w.h2.gwd), before, "records")
    w.v2 = w.power_on(w.v2)
    w.plug(w.h2.netns, "eth1", "h2")
    w.h2.gwd.wait_port("v2")
    case.eventually(lambda: any(a["local"] == "10.1.1.2"
                                for a in w.h2.netns.ip_json("addr show dev eth1")[0]["addr_info"]),
                    "the provider address is on eth1")
    case.eventually(lambda: traffic.ping(w.v1, w.v2.v4, 1)[0] == 1, "v1 reaches v2")
    traffic.reach(w.v1, w.v2)
    traffic.reach(w.v2, w.t1)


@g.case("what was deleted before the reboot stays deleted")
def _(w):
    w.h1.gwd.ctl("lookup-record", "del", "--vsid", VSID, "--ca", "fd00::21")
    w.h1.gwd.ctl("provider-route", "del", "--interface", "eth1", "--prefix", "10.77.0.0/16")
    w.h1.gwd.kill()
    w.reboot(w.h1)
    w.plug(w.h1.netns, "eth1", "h1")
    w.v1 = w.power_on(w.v1)
    w.h1.gwd.start()
    require("%d-fd00::21" % VSID not in w.h1.gwd.list("lookup-record"), "the record stays deleted")
    equal(w.h1.gwd.list("provider-route"), {}, "provider routes")
    require("10.77.0.0/16" not in w.h1.netns.ip("route show"), "the route is not in the kernel")
    traffic.no_reach(w.v1, "fd00::21", 1)
    got, said = traffic.ping(w.v1, w.v2.v4, 3)
    equal(got, 3, said)


if __name__ == "__main__":
    suite.main()
