#!/usr/bin/python3
"""Runs test programs inside the VM: on the kernel that ships, against the gwd that is installed there.

usage: tests/vm/inside.py up                    boot a VM that stays, for quick runs during development
       tests/vm/inside.py run PROGRAM [ARG...]  a test program of this tree; its output and its exit status are this one's
       tests/vm/inside.py sh COMMAND            a shell command there, among the tests and their tools
       tests/vm/inside.py down

`run` and `sh` use the VM that is up. The tests run in a chroot: the image's own root file system, with a disk of tools laid
under it, and this tree's tests as they are now (a second disk) in /opt/gwd.
"""
import base64
import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile

import vm

UP = os.path.join(vm.ROOT, "build/vm/up")
TOOLS = os.path.join(vm.ROOT, "build/vm/tools.ext4")
TESTS = os.path.join(UP, "tests.tar")
TESTS_SIZE = 256 << 20  # its disk has one size for all its life
ABI_NEXT = ["build/abi-next/" + name for name in ("gwd", "gwctl", "plugins/nat.so", "tests/bpf/loader_helper")]
SLOWNESS = 1 if "kvm" in vm.accelerator() else 6  # how much longer than on bare metal things may take
TREE = "/run/vm/root/opt/gwd"

PREPARE = """set -e
mkdir -p /run/vm/tools /run/vm/up /run/vm/root
mount -o ro LABEL=gwd-tools /run/vm/tools
mount -t tmpfs vm-up /run/vm/up
mkdir /run/vm/up/changes /run/vm/up/work
mount -t overlay -o lowerdir=/:/run/vm/tools,upperdir=/run/vm/up/changes,workdir=/run/vm/up/work vm-root /run/vm/root
for d in dev proc sys run; do mount --rbind /$d /run/vm/root/$d; done
systemctl stop gwd
gwd --remove
# Daemons of tests make namespaces by themselves, as everywhere else: the holder does not see a test's own /run/netns.
systemctl stop gwd-netns.socket gwd-netns.service
"""
REFRESH = """set -e
blockdev --flushbufs /dev/vdd
rm -rf {tree}
mkdir -p {tree}/build/vm
tar -C {tree} -xf /dev/vdd
ln -s /usr/sbin/gwd /usr/bin/gwctl /usr/lib/gwd/plugins {tree}/build/vm/
""".format(tree=TREE)
RUN = """cd / && exec chroot /run/vm/root /bin/bash -c 'cd /opt/gwd && rm -rf {logs} && mkdir -p {logs} && exec env GWD_BUILD=build/vm \
GW_TEST_LOGS=/opt/gwd/{logs} GW_TEST_INSIDE=1 GW_TEST_SLOWNESS={slowness} CMOCKA_MESSAGE_OUTPUT=TAP LC_ALL=C.UTF-8 "$0" "$@"' {command}"""
LOGS = "build/test-logs/now"


def quote(words):
    return " ".join("'" + w.replace("'", "'\\''") + "'" for w in words)


def connect(seconds=20):
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(UP)
        return vm.Agent("agent").connect(seconds)
    except (OSError, TimeoutError):
        sys.exit("no VM is up; `make vm-up` boots one")
    finally:
        os.fchdir(here)
        os.close(here)


def make_tests(path=TESTS):
    """The tests as they are now, written in place: a running VM has this file open."""
    names = ["tests", "configs"] + [n for n in ABI_NEXT if os.path.exists(os.path.join(vm.ROOT, n))]
    programs = ["--transform", "s,^build/\\(topo\\|tests\\)/,build/vm/\\1/,", "build/topo", "build/tests"]
    data = subprocess.run(["tar", "-C", vm.ROOT, "-c", "--exclude=__pycache__", *names, *programs],
                          check=True, stdout=subprocess.PIPE).stdout
    if len(data) > TESTS_SIZE:
        sys.exit("the tests have %d bytes, their disk %d" % (len(data), TESTS_SIZE))
    with open(path, "r+b" if os.path.exists(path) else "w+b") as f:
        f.write(data)
        f.truncate(TESTS_SIZE)


def is_up():
    try:
        with open(os.path.join(UP, "pid")) as f:
            pid = int(f.read())
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return pid if b"gwd.agent" in f.read() else None
    except (OSError, ValueError):
        return None


def up():
    shutil.rmtree(UP, ignore_errors=True)
    os.makedirs(UP)
    make_tests()
    machine = vm.Vm(disks=[TOOLS, TESTS], folder=UP, logs=UP, memory=3072)
    try:
        machine.power_on()
        with open(os.path.join(UP, "pid"), "w") as f:
            f.write("%d\n" % machine.process.pid)
        machine.connect()
        machine.check(PREPARE, 120)
        machine.agent.close()
    except BaseException:
        machine.power_off()
        raise


def down(logs=None):
    """`logs`: where the journal and the serial console's log are to go."""
    pid = is_up()
    if pid is None:
        return
    try:
        if logs:
            shutil.copy(os.path.join(UP, "serial.log"), logs)
            agent = connect()
            with open(os.path.join(logs, "journal.log"), "w") as f:
                f.writelines(str(s) for s in agent.stream(agent.start("journalctl -b --no-pager"), 120))
    except (SystemExit, OSError, vm.VmError) as e:
        print("the VM's journal could not be had: %s" % e, file=sys.stderr)
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    shutil.rmtree(UP, ignore_errors=True)


def refresh():
    make_tests()
    agent = connect()
    said = list(agent.stream(agent.start(REFRESH), 120))
    if said[-1]:
        sys.exit("the tests could not be unpacked in the VM: " + "".join(said[:-1]))
    agent.close()


def command(*words):
    """What the VM's shell is told, to run a command among the tests."""
    return RUN.format(logs=LOGS, slowness=SLOWNESS, command=quote(words))


def run(words, logs=None):
    """Runs it among the tests in the VM; what it says goes to standard output. Returns its exit status."""
    agent = connect()
    number = agent.start(command(*words))

    def stop(*_):
        agent.kill(number, signal.SIGTERM)
        signal.signal(signal.SIGALRM, lambda *_: agent.kill(number, signal.SIGKILL))
        signal.alarm(10)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    status = 1
    for said in agent.stream(number, 24 * 3600):
        if isinstance(said, int):
            status = said if said >= 0 else 128 - said
        else:
            sys.stdout.write(said)
            sys.stdout.flush()
    signal.alarm(0)
    if logs:
        fetch(agent, logs)
    return status


def fetch(agent, logs):
    """What the program left in its folder."""
    script = "cd %s/%s && tar -cz . | base64" % (TREE, LOGS)
    said = "".join(s for s in agent.stream(agent.start(script), 120) if isinstance(s, str))
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(said))) as tar:
        tar.extractall(logs)


def main():
    os.chdir(vm.ROOT)
    verb, words = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if verb == "up" and not words:
        if is_up() is None:
            up()
        refresh()
    elif verb == "down" and not words:
        down()
    elif verb == "run" and words:
        return run(words, os.environ.get("GW_TEST_LOGS"))
    elif verb == "sh" and words:
        refresh()
        return run(["/bin/bash", "-c", " ".join(words)])
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
