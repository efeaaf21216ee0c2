#!/usr/bin/python3
# short-pass
# The image as an operator gets it, without any further disk: it boots with BIOS and says on its console how it is, and what to do.
import os
import time

import vm
from lib import case  # where it is, vm knows
from lib.case import require

CONSOLE_LIMIT = 200  # seconds until the banner: a bound, not the goal
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


@bare.case("gwd runs, and the console says so, and what to do next")
def _(w):
    def banner():
        w.machine.alive()
        return "gwd is running" in serial()
    case.eventually(banner, "a banner that says that gwd runs", CONSOLE_LIMIT, 0.1)
    case.note("gwd is running: %.1f s after power-on" % (time.monotonic() - w.machine.started))
    case.eventually(lambda: "gwd login:" in serial(), "a login prompt", 30)
    require("NoCloud disk" in serial(), "the banner says how to get in")


if __name__ == "__main__":
    suite.main()
