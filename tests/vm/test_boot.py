#!/usr/bin/python3
# short-pass
# The image as an operator gets it, without any further disk: it boots with BIOS and says on its console how it is, and what to do.
import os
import time

import inside
import vm
from lib import case  # where it is, vm knows
from lib.case import require

GOAL = 20  # seconds from power-on until the API is ready, on a machine that is not emulated
suite = case.Suite()


def serial():
    try:
        with open(os.path.join(case.logs(), "serial.log"), errors="replace") as f:
            return f.read()
    except OSError:
        return ""


class Bare:
    def __init__(self):
        self.machine = vm.Vm(seed=None, logs=case.logs())
        case.after_group.append(self.machine.power_off)
        self.machine.power_on()


bare = suite.group("without a cloud-init disk, BIOS", Bare)


def waited(machine):
    """For how many seconds its threads had to wait for a processor, all of them together: what else this machine did."""
    tasks, nanoseconds = "/proc/%d/task" % machine.process.pid, 0
    for task in os.listdir(tasks):
        with open(os.path.join(tasks, task, "schedstat")) as f:
            nanoseconds += int(f.read().split()[1])
    return nanoseconds / 1e9


@bare.case("the API is ready within %d s of power-on, and the console says so" % GOAL)
def _(w):
    def ready():
        w.machine.alive()
        return "gwd: the API is ready" in serial()
    limit = GOAL * inside.SLOWNESS
    case.eventually(ready, "gwd's word on the console", limit, 0.1)
    case.note("ready %.1f s after power-on; the goal is %d s, and %d s here; the VM has waited %.1f s for processors" % (
        time.monotonic() - w.machine.started, GOAL, limit, waited(w.machine)))


@bare.case("above the login prompt stands how gwd is, and what to do next")
def _(w):
    case.eventually(lambda: "gwd login:" in serial(), "a login prompt", 10 * inside.SLOWNESS)
    case.eventually(lambda: "gwd is ready. 0 ports attached." in serial(), "the banner, when gwd is ready", 10 * inside.SLOWNESS)
    require("NoCloud disk" in serial(), "the banner says how to get in")


if __name__ == "__main__":
    suite.main()
