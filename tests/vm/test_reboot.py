#!/usr/bin/python3
# time-limit: 1800
# A gateway comes back: when its machine was restarted, or its plug was pulled, the virtual gateway that it was told of once is there
# again, with its translation, before and after what it is connected to has come.
#
# Covers GW-1, GW-3 and GW-8 for a restart of the machine.
import json
import os
import re

import vm
from lib import case  # where it is, vm knows
from lib.case import equal

suite = case.Suite()


class World:
    def __init__(self):
        disk = os.path.join(case.WORK, "disk")
        vm.make_overlay(disk)
        self.machine = vm.Vm(disk=disk, logs=case.logs())
        self.machine.__enter__()
        case.after_group.append(lambda: self.machine.__exit__())
        self.surround()
        self.machine.check("sh /run/world.sh intent", 300)
        self.is_whole()

    def surround(self):
        self.machine.put_guest("flow.py", "world.sh")
        self.machine.check("sh /run/world.sh machines", 120)

    def gateway(self):
        found, = json.loads(self.machine.check("gwctl status -o json"))["virtualGateways"]
        return found

    def is_whole(self):
        """Who should be reached is, from inside and from outside; gwd says so, and had to repair nothing."""
        m = self.machine
        case.eventually(lambda: (self.gateway()["state"], self.gateway()["nat"]["state"]) == ("Ready", "Up"), "it is ready", 120)
        case.eventually(lambda: m.run("sh /run/world.sh reached")[0] == 0, "all are reached", 120)
        said = m.check("ip netns exec out python3 /run/flow.py 203.0.113.10 0.05 50")
        equal(re.findall(r"lost (\d+)", said), ["0"], "what was lost of what is for a forwarded port: %s" % said)
        equal(self.gateway()["repairs"], 0, "what others changed of what gwd has made")
        equal(m.check("systemctl --failed --no-legend"), "", "failed units")

    def boot(self):
        self.machine.power_off()
        self.machine.power_on()
        self.machine.connect()
        self.machine.wait_gwd()


g = suite.group("", World)


def comes_back(w):
    w.boot()
    equal(w.machine.check("ip netns list").split()[:1], ["gwd-gwd-5002"], "namespaces, while nothing is connected yet")
    w.surround()
    w.is_whole()


@g.case("a virtual gateway is there again, and translates, after a restart of its machine")
def _(w):
    w.machine.agent.start("systemctl reboot")  # what it says may not come any more
    w.machine.process.wait(180)  # QEMU ends instead
    comes_back(w)


@g.case("and when its plug was pulled")
def _(w):
    comes_back(w)


if __name__ == "__main__":
    suite.main()
