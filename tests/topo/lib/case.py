"""Test cases of a scenario: registers them, isolates the process, prints TAP, takes everything down.

A scenario (tests/topo/NAME/test.py) makes one or more groups. A group's setup builds a world (namespaces, daemons); its
cases run in order in that world; then the world is taken down. A case is one TAP result; it ends by returning (ok), by
raising Failed (not ok) or Skip (skipped, with a reason).

The whole process runs in mount and pid namespaces of its own, where /run/netns and /mnt are private tmpfs: whatever
happens to it, SIGKILL included, no namespace, mount, BPF pin or daemon of it survives. The teardown that every world does
is checked for leftovers all the same.
"""
import os
import signal
import subprocess
import sys
import time
import traceback

SLOWNESS = float(os.environ.get("GW_TEST_SLOWNESS", "1"))  # of this machine, by which deadlines are longer
WORK = "/mnt/w"  # short: socket paths must fit into sun_path
ISOLATED = "GW_TOPO_ISOLATED"  # the pid of the test in the namespace that it was started from


class Failed(Exception):
    """What was expected and what was seen."""


class Skip(Exception):
    """The case cannot run here; the text says why."""


def require(condition, what):
    if not condition:
        raise Failed(what)
    return condition


def equal(got, expected, what):
    if got != expected:
        raise Failed("%s: expected %r, got %r" % (what, expected, got))


def eventually(probe, what, deadline=5.0, interval=0.02):
    """Calls probe until it returns something true, and returns that. Failed in probe counts as not yet."""
    deadline *= SLOWNESS
    end = time.monotonic() + deadline
    last = None
    while True:
        try:
            got = probe()
            if got:
                return got
            last = got
        except Failed as e:
            last = e
        if time.monotonic() > end:
            raise Failed("%s: not within %.1f s (last: %s)" % (what, deadline, last))
        time.sleep(interval)


def note(text):
    """A TAP comment: figures worth keeping in the log."""
    for line in str(text).splitlines():
        print("# " + line, flush=True)


# Functions that take down what a group or a case made, whole or half; the last made goes first.
after_group, after_case = [], []


def clean_up(functions):
    """Calls all of them whatever they raise; returns what went wrong."""
    problems = []
    while functions:
        try:
            functions.pop()()
        except Exception as e:  # pylint: disable=broad-except
            problems.append(str(e) if isinstance(e, Failed) else traceback.format_exc())
    return problems


class Group:
    def __init__(self, suite, name, setup):
        self.suite, self.name, self.setup, self.cases = suite, name, setup, []

    def case(self, name, when=None):
        """Decorator. `when`: None, or a function of the world that raises Skip."""
        def register(function):
            self.cases.append((name, function, when))
            return function
        return register


class Suite:
    def __init__(self):
        self.groups = []
        self.number = 0
        self.bad = 0

    def group(self, name, setup):
        g = Group(self, name, setup)
        self.groups.append(g)
        return g

    def result(self, ok, name, directive=""):
        self.number += 1
        self.bad += not ok
        print("%sok %d - %s%s" % ("" if ok else "not ", self.number, name, directive), flush=True)

    def run_group(self, g):
        prefix = g.name + ": " if g.name else ""
        world, broken = None, None
        try:
            world = g.setup()
        except Skip as e:
            broken = e
        except Exception as e:  # pylint: disable=broad-except
            note(traceback.format_exc())
            broken = e
        for name, function, when in g.cases:
            if broken:
                skipped = isinstance(broken, Skip)
                self.result(skipped, prefix + name, " # SKIP %s" % broken if skipped else "")
                continue
            started = time.monotonic()
            try:
                if when:
                    when(world)
                function(world)
                self.result(True, prefix + name)
            except Skip as e:
                self.result(True, prefix + name, " # SKIP %s" % e)
            except Exception as e:  # pylint: disable=broad-except
                self.result(False, prefix + name)
                note(e if isinstance(e, Failed) else traceback.format_exc())
                if isinstance(e, Failed):
                    note("".join(traceback.format_tb(e.__traceback__)[-2:]))
                if "--keep" in sys.argv:
                    hold()
            clean_up(after_case)
            note("%.1f s" % (time.monotonic() - started))
        problems = clean_up(after_group)
        if problems:
            self.result(False, prefix + "taking the world down")
            note("\n".join(problems))

    def main(self):
        """Runs every group whose name matches the arguments (all without arguments) and exits."""
        isolate()
        wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
        for g in self.groups:
            if not wanted or any(w in g.name for w in wanted):
                self.run_group(g)
        print("1..%d" % self.number, flush=True)
        sys.exit(1 if self.bad else 0)


def hold():
    note("--keep: the world stays up; enter with:  nsenter -t %s -m -p bash ; Ctrl-C ends it" % os.environ[ISOLATED])
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass


def isolate():
    """Runs this program again in mount and pid namespaces of its own (see the top of this file)."""
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root: network namespaces, BPF")
        sys.exit(0)
    if ISOLATED not in os.environ:
        os.environ[ISOLATED] = str(os.getpid())
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
                              "--mount-proc", sys.executable, "-B"] + sys.argv)
    os.makedirs("/run/netns", exist_ok=True)
    for target in ("/run/netns", "/mnt"):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "gwd-topo", target], check=True)
    os.makedirs(WORK)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))


def logs():
    """Where this test keeps captures and daemon logs."""
    scenario = os.path.basename(os.path.dirname(os.path.abspath(sys.argv[0])))
    path = os.environ.get("GW_TEST_LOGS") or os.path.join(root(), "build", "test-logs", "topo", scenario)
    os.makedirs(path, exist_ok=True)
    return path


def root():
    """The source tree."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def build():
    """The build under test."""
    return os.path.join(root(), os.environ.get("GWD_BUILD", "build/asan"))


def next_build():
    """A build whose engine ABI differs from the one under test."""
    return os.path.join(root(), "build/abi-next")


def tool(name):
    path = os.path.join(build(), "topo", name)
    if not os.path.exists(path):
        raise Failed("%s is not built; run make test-topo-build" % path)
    return path
