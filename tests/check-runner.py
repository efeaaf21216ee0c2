#!/usr/bin/python3
"""tests/run itself: whatever a test program does wrong, the runner must call it a failure. Prints TAP."""
import importlib.machinery
import importlib.util
import os
import sys
import tempfile

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("runner", os.path.join(os.path.dirname(os.path.abspath(__file__)), "run"))
runner = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
loader.exec_module(runner)
runner.GRACE = 1

# name, what the program does, (passed, failed, skipped), what must be said to be wrong besides ("" for nothing)
CASES = [
    ("a good program", "echo 1..2; echo ok 1 - a; echo ok 2 - b", (2, 0, 0), ""),
    ("a plan at the end", "echo ok 1 - a; echo 1..1", (1, 0, 0), ""),
    ("several plans, as cmocka's groups print them", "echo 1..1; echo ok 1 - a; echo 1..1; echo ok 1 - b", (2, 0, 0),
     ""),
    ("a failed test", "echo 1..1; echo not ok 1 - a; exit 1", (0, 1, 0), ""),
    ("skips in both spellings", "echo 1..2; echo 'ok 1 - a # SKIP no x'; echo 'not ok 2 # SKIP b'", (0, 0, 2), ""),
    ("everything skipped", "echo '1..0 # SKIP no kernel'", (0, 0, 1), ""),
    ("fewer results than planned", "echo 1..2; echo ok 1 - a", (1, 0, 0), "printed 1 results, planned 2"),
    ("more results than planned", "echo 1..1; echo ok 1 - a; echo ok 2 - b", (2, 0, 0), "printed 2 results, planned 1"),
    ("no plan", "echo hello", (0, 0, 0), "printed no plan"),
    ("a status without a reason", "echo 1..1; echo ok 1 - a; exit 3", (1, 0, 0), "ended with status 3"),
    ("a crash", "echo 1..1; echo ok 1 - a; kill -SEGV $$", (1, 0, 0), "was killed by SIGSEGV"),
    ("a program that hangs", "echo 1..1; echo ok 1 - a; exec sleep 60", (1, 0, 0), "ran out of its 1 seconds"),
    ("a program that hangs and ignores SIGTERM", "trap '' TERM; echo 1..1; echo ok 1; while :; do sleep 60; done",
     (1, 0, 0), "ran out of its 1 seconds"),
    ("a child that holds the output open", "echo 1..1; echo ok 1; sleep 60 &", (1, 0, 0), "ran out of its 1 seconds"),
    ("a program that never stops talking", "echo 1..1; echo ok 1; while :; do echo x; sleep 0.01; done", (1, 0, 0),
     "ran out of its 1 seconds"),
    ("giving up", "echo 1..1; echo ok 1; echo 'Bail out! no root'", (1, 0, 0), "Bail out!"),
    ("a sanitizer's report in a daemon's log",
     'echo 1..1; echo ok 1; echo "==7==ERROR: LeakSanitizer: detected memory leaks" >$GW_TEST_LOGS/gwd.log',
     (1, 0, 0), "LeakSanitizer"),
    ("an undefined behaviour report in the output", "echo 1..1; echo ok 1; echo 'x.c:3:4: runtime error: shift'",
     (1, 0, 0), "runtime error"),
]


class Shell:
    """Makes programs of shell scripts."""

    def __init__(self, folder):
        self.folder = folder

    def program(self, name, script):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write("#!/bin/bash\n# time-limit: 1\n" + script + "\n")
        os.chmod(path, 0o755)
        return runner.Program("unit", name, path)


def judge(shell, script):
    [(_, tap, said)] = runner.run_all([[shell.program("p", script)]], os.environ, None)
    return (len(tap.passed), len(tap.failed), len(tap.skipped)), said


def lanes(shell):
    """Two programs that each end when the other one runs, and one that follows."""
    meet = "echo 1..1; touch %s; until [ -e %s ]; do sleep 0.01; done; touch $0.met; echo ok 1"
    after = "until [ -e %s.met ]; do sleep 0.01; done; rm %s; echo 1..1; echo ok 1"
    a, b = os.path.join(shell.folder, "a-is-here"), os.path.join(shell.folder, "b-is-here")
    other = shell.program("b", meet % (b, a))
    first = [shell.program("a", meet % (a, b)), shell.program("c", after % (other.argv[0], a))]
    done = list(runner.run_all([first, [other]], os.environ, None))
    names = sorted(p.name for p, _, _ in done)
    return names == ["a", "b", "c"] and not any(said for _, _, said in done), names


def stopped(shell):
    """What runs is told to go when the run ends before it."""
    here, told = os.path.join(shell.folder, "here"), os.path.join(shell.folder, "told")
    slow = shell.program("slow", "trap 'touch %s; exit' TERM; touch %s; while :; do sleep 0.01; done" % (told, here))
    quick = shell.program("quick", "until [ -e %s ]; do sleep 0.01; done; echo 1..1; echo ok 1" % here)
    results = runner.run_all([[slow], [quick]], os.environ, None)
    next(results)
    results.close()
    return os.path.exists(told), "it was not told"


def main():
    number, bad = 0, False

    def say(right, name, otherwise):
        nonlocal number, bad
        number, bad = number + 1, bad or not right
        print("%sok %d - %s" % ("" if right else "not ", number, name))
        if not right:
            print("# %s" % otherwise)

    print("1..%d" % (len(CASES) + 2))
    with tempfile.TemporaryDirectory() as tmp:
        runner.LOGS = os.path.join(tmp, "logs")
        shell = Shell(tmp)
        for name, script, counts, wrong in CASES:
            got, said = judge(shell, script)
            say(got == counts and (wrong in " ".join(said) if wrong else not said), name,
                "expected %s and '%s', got %s and %s" % (counts, wrong, got, said))
        right, names = lanes(shell)
        say(right, "two lanes at the same time, each in its order; who is done helps", names)
        right, why = stopped(shell)
        say(right, "what runs when the run is stopped", why)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
