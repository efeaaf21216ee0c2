#!/usr/bin/python3
# time-limit: 3600
# The plug is pulled while records are written, again and again: the machine comes back each time, and has every record that was
# acknowledged, none that was acknowledged as deleted, and no half ones.
#
# Covers API-2 (what was accepted is durable) and the image's promise to be safe against power cuts.
import json
import os
import random

import vm
from lib import case  # where it is, vm knows
from lib.case import equal, require

CUTS = 10
WRITES = (3, 60)  # acknowledged ones before a cut, at least and at most
# Adds records one after another, deletes every third again, and says what gwd acknowledged.
WRITER = """
i=%d
while gwctl lookup-record add --vsid 5001 --ca 10.$((i >> 16)).$((i >> 8 & 255)).$((i & 255)) --pa 192.0.2.1 \
	--mac 02:00:00:00:00:01 >/dev/null; do
	echo add $i
	if [ $((i %% 3)) = 0 ]; then
		echo try $i
		gwctl lookup-record del --vsid 5001 --ca 10.$((i >> 16)).$((i >> 8 & 255)).$((i & 255)) >/dev/null || exit 1
		echo del $i
	fi
	i=$((i + 1))
done
"""
suite = case.Suite()


class World:
    def __init__(self):
        self.disk = os.path.join(case.WORK, "disk")
        vm.make_overlay(self.disk)
        self.there, self.next, self.doubtful = set(), 1, set()
        self.random = random.Random(20)
        self.boot()
        case.after_group.append(lambda: self.machine.__exit__())

    def boot(self):
        self.machine = vm.Vm(disk=self.disk, logs=case.logs())
        self.machine.__enter__()
        self.machine.wait_gwd()

    def write_until_cut(self):
        count = self.random.randint(*WRITES)
        said = ""
        for piece in self.machine.stream(WRITER % self.next, 300):
            require(isinstance(piece, str), "the writer ended by itself: %s" % said)
            said += piece
            if said.count("add") + said.count("del") >= count:
                break
        self.machine.power_off()
        for line in said[:said.rindex("\n")].splitlines():
            word, _, number = line.partition(" ")
            require(word in ("add", "try", "del"), "the writer failed: %s" % said)
            n = int(number)
            self.doubtful = {n, n + 1}
            if word == "add":
                self.there.add(n)
            elif word == "del":
                self.there.discard(n)
            self.next = n + 2  # that of n + 1 may have been written and not acknowledged
        return count

    def records(self):
        answer = json.loads(self.machine.check("gwctl lookup-record list -o json", 60))
        found = set()
        for record in answer:
            a = [int(x) for x in record["properties"]["CustomerAddress"].split(".")]
            found.add(a[1] << 16 | a[2] << 8 | a[3])
        return found


g = suite.group("", World)


@g.case("GW-8, API-2: %d power cuts while records are written: it boots, and no acknowledged write is lost" % CUTS)
def _(w):
    for cut in range(CUTS):
        count = w.write_until_cut()
        w.boot()
        found = w.records()
        equal(sorted(w.there - found - w.doubtful), [], "cut %d: acknowledged records that are gone" % cut)
        equal(sorted(found - w.there - w.doubtful), [], "cut %d: records that nobody was promised" % cut)
        w.there = found
        case.note("cut %d after %d acknowledged writes: %d records" % (cut + 1, count, len(found)))
    equal(w.machine.check("systemctl is-active gwd").strip(), "active", "gwd")


@g.case("nothing else broke: the file system is clean, no unit failed")
def _(w):
    equal([line for line in w.machine.check("dmesg").splitlines() if "EXT4" in line and "error" in line], [], "errors")
    equal(w.machine.check("systemctl --failed --no-legend"), "", "failed units")


if __name__ == "__main__":
    suite.main()
