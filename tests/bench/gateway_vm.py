#!/usr/bin/python3
"""Boots the image with a clock that counts instructions, and has gateway_count.py count there what packets cost in gwd's gateway
and in those that the kernel offers, nft flowtables among them: on the kernel that ships, with the gwd that is installed there.

usage: gateway_vm.py [--rounds N] [--seconds S]

What is busy on this machine changes how long it takes, but not the figures. gateway-count.json goes to build/bench.
"""
import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "vm"))

import inside  # noqa: E402  pylint: disable=wrong-import-position
import vm  # noqa: E402  pylint: disable=wrong-import-position

RESULTS = os.path.join(vm.ROOT, "build/bench")
LOGS = os.path.join(RESULTS, "logs")
WHAT = "gateway-count.json"
PATIENCE = 2 * 3600  # seconds by this machine's clock: only for what never ends


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.1, help="length of one sample by the VM's clock (default: 0.1)")
    return parser.parse_args()


def main():
    args = arguments()
    os.chdir(vm.ROOT)
    os.makedirs(LOGS, exist_ok=True)
    tests = os.path.join(RESULTS, "tests.tar")
    inside.make_tests(tests)
    print("The VM boots; its clock counts instructions, so that this takes minutes.", flush=True)
    status = 1
    try:
        with vm.Vm(disks=[inside.TOOLS, tests], memory=3072, counting=True, logs=LOGS) as machine:
            machine.check(inside.PREPARE, PATIENCE)
            machine.check(inside.REFRESH, PATIENCE)
            command = inside.command("tests/bench/gateway_count.py", "--build", "build/vm", "--rounds", str(args.rounds),
                                     "--seconds", str(args.seconds))
            for said in machine.stream(command, PATIENCE):
                if isinstance(said, int):
                    status = said
                else:
                    print(said, end="", flush=True)
            counts = machine.run(f"cat {inside.TREE}/build/vm/bench/{WHAT}", PATIENCE)
    finally:
        os.remove(tests)
    if counts[0] == 0:
        with open(os.path.join(RESULTS, WHAT), "w", encoding="utf-8") as f:
            f.write(counts[1])
    return 1 if status or counts[0] else 0


if __name__ == "__main__":
    sys.exit(main())
