"""The VM that the image is for: boots it under QEMU, runs scripts in it as root, and brings output and exit status back.

    with Vm() as vm:                a copy-on-write view of the image: nothing of a run stays
        vm.check("gwctl status")    what it said

Scripts go to an agent (agent.py) over virtio-serial; the agent comes in on a NoCloud disk (label CIDATA) as a service. That is
what cloud-init is for: the image itself has nothing that would run what a disk says.
"""
import base64
import collections
import contextlib
import itertools
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(ROOT, "tests/topo"))
from lib import case  # noqa: E402  pylint: disable=wrong-import-position

IMAGE = "build/image/gwd.qcow2"
START_LIMIT = 400  # seconds until the agent answers, on a slow machine without KVM

# A machine of one CPU, whose clock goes on by 1 ns with each instruction, and by itself only while there is nothing to do. How
# fast it is does not depend on the machine that it runs on, nor on what else that does. Its string instructions count each step:
# without these two flags the kernel copies by eight bytes, not by one.
COUNTING = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=on", "-cpu", "max,-erms,-fsrm", "-smp", "1"]

AGENT = "/usr/local/lib/gwd-agent.py"
AGENT_UNIT = """[Service]
ExecStart=/usr/bin/python3 %s
Restart=always
RestartSec=1
Environment=LC_ALL=C.UTF-8
[Install]
WantedBy=multi-user.target
""" % AGENT


class VmError(Exception):
    pass


def accelerator():
    """KVM where it works. A machine may have the device and still not be able to."""
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        probe = subprocess.run(["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-machine", "none", "-display", "none",
                                "-monitor", "stdio"], input=b"quit\n", capture_output=True, check=False)
        if probe.returncode == 0:
            return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def processors():
    return [*accelerator(), "-smp", str(min(4, os.cpu_count()))]


def drive(path, *more):
    return ["-drive", ",".join(["file=" + path, "if=virtio", *more])]


def make_seed(path, more=None, network=None):
    """A NoCloud disk that starts the agent, and does what else `more` (cloud-config) and `network` (its network-config) say."""
    more = dict(more or {})
    with open(os.path.join(HERE, "agent.py"), encoding="utf-8") as f:
        files = [{"path": AGENT, "content": f.read()},
                 {"path": "/etc/systemd/system/gwd-agent.service", "content": AGENT_UNIT}]
    config = {"write_files": files + more.pop("write_files", []),
              "runcmd": [["systemctl", "enable", "--now", "--no-block", "gwd-agent.service"]], **more}
    # JSON is YAML.
    disk = {"meta-data": {"instance-id": "gwd-test", "local-hostname": "gwd"}, "user-data": config}
    if network:
        disk["network-config"] = network
    make_disk(path, "CIDATA", {name: "#cloud-config\n" + json.dumps(what) for name, what in disk.items()})


def make_disk(path, label, files):
    with open(path, "wb") as f:
        f.truncate(1 << 20)
    subprocess.run(["mkfs.vfat", "-n", label, path], check=True, stdout=subprocess.DEVNULL)
    for name, text in files.items():
        subprocess.run(["mcopy", "-i", path, "-", "::/" + name], input=text.encode(), check=True)


def make_overlay(path, *size):
    """A disk of its own that begins as the image, for what must outlive a power cycle."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", os.path.join(ROOT, IMAGE), path, *size],
                   check=True)


class Agent:
    """Speaks with the agent of a VM over its socket. Several may come one after another."""

    def __init__(self, path):
        self.path, self.pending, self.sock = path, b"", None
        self.said = {}  # what started scripts have said and nobody has asked for yet
        self.numbers = itertools.count(random.getrandbits(40))

    def connect(self, seconds, alive=lambda: None):
        """Until it answers."""
        end = time.monotonic() + seconds
        while True:
            alive()
            if self.sock is None:
                self.sock = socket.socket(socket.AF_UNIX)
                try:
                    self.sock.connect(self.path)
                except OSError:
                    self.close()
            if self.sock is not None:
                with contextlib.suppress(TimeoutError):
                    number = self.send(ping=next(self.numbers))
                    while self.hear(1).get("pong") != number["ping"]:
                        pass
                    return self
            elif time.monotonic() < end:
                time.sleep(0.1)  # QEMU makes the socket
            if time.monotonic() > end:
                self.close()
                raise TimeoutError("no agent after %d s" % seconds)

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def send(self, **what):
        self.sock.settimeout(30)
        self.sock.sendall(json.dumps(what).encode() + b"\n")
        return what

    def hear(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.pending:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
            data = self.sock.recv(1 << 16)
            if not data:
                raise VmError("the VM is gone")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        try:
            return json.loads(line)
        except ValueError:
            return {}  # the end of what was said to somebody else

    def start(self, script):
        number = self.send(run=script, id=next(self.numbers))["id"]
        self.said[number] = collections.deque()
        return number

    def drop_said(self, number):
        """Forgets what a script has said so far; what it is saying now is still to come."""
        self.said[number] = collections.deque(what for what in self.said[number] if "end" in what)

    def kill(self, number, signal):
        self.send(kill=number, signal=signal)

    def stream(self, number, seconds):
        """What a started script says, piece by piece, and at last its exit status as an int."""
        end = time.monotonic() + seconds
        while True:
            if not self.said[number]:
                what = self.hear(end - time.monotonic())
                if what.get("id") in self.said:
                    self.said[what["id"]].append(what)
                continue
            what = self.said[number].popleft()
            if "end" in what:
                del self.said[number]
                yield what["end"]
                return
            yield what["out"]


class Vm:
    """One machine. `disk` is written to only if it is an overlay (make_overlay); `disks`: further ones, read-only; `seed`: what
    make_seed takes, None: no agent; `args`: further ones of QEMU; `counting`: its clock counts instructions."""

    def __init__(self, disk=IMAGE, seed=(), disks=(), logs=None, folder=None, args=(), memory=1024, counting=False):
        self.disk, self.seed, self.disks, self.args, self.memory = disk, seed, disks, list(args), memory
        self.counting = counting
        self.temporary = None if folder else tempfile.TemporaryDirectory(prefix="gwd-vm-")
        self.folder = folder or self.temporary.name
        self.logs = logs or os.environ.get("GW_TEST_LOGS") or self.folder
        self.agent = self.process = None

    def __enter__(self):
        try:
            self.power_on()
            if self.seed is not None:
                self.connect(START_LIMIT * (3 if self.counting else 1))
        except BaseException:
            self.power_off()
            raise
        return self

    def __exit__(self, *_):
        if self.agent is not None:
            self.save_journal()
        self.power_off()
        if self.temporary:
            self.temporary.cleanup()

    # --- its life -------------------------------------------------------------------------------------------------------

    def power_on(self):
        disk = os.path.abspath(os.path.join(ROOT, self.disk))
        own = disk != os.path.join(ROOT, IMAGE)
        argv = ["qemu-system-x86_64", *(COUNTING if self.counting else processors()), "-m", str(self.memory), "-nodefaults",
                "-no-user-config", "-display", "none", "-no-reboot", "-vga", "std",
                "-serial", "file:" + os.path.join(self.logs, "serial.log"), "-device", "virtio-rng-pci",
                "-device", "virtio-serial-pci", "-chardev", "socket,id=agent,path=agent,server=on,wait=off",
                "-device", "virtserialport,chardev=agent,name=gwd.agent",
                *drive(disk, "snapshot=" + ("off" if own else "on")), *self.args]
        if self.seed is not None:
            make_seed(os.path.join(self.folder, "seed"), *self.seed)
            argv += drive(os.path.join(self.folder, "seed"), "format=raw", "readonly=on")
        for disk in self.disks:
            argv += drive(disk, "format=raw", "readonly=on", "file.locking=off")
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(self.logs, "serial.log"))
        with open(os.path.join(self.logs, "qemu.log"), "ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                            start_new_session=True)
        self.started = time.monotonic()

    def alive(self):
        if self.process.poll() is not None:
            raise VmError("QEMU ended with status %d: %s" % (self.process.returncode, self.tail("qemu.log")))

    def connect(self, seconds=START_LIMIT):
        # The path of a socket is short; a relative one always is.
        here = os.open(".", os.O_RDONLY)
        try:
            os.chdir(self.folder)
            self.agent = Agent("agent").connect(seconds, self.alive)
        except TimeoutError as e:
            raise VmError("%s: %s" % (e, self.tail("serial.log"))) from None
        finally:
            os.fchdir(here)
            os.close(here)

    def power_off(self):
        """As when the plug is pulled."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.agent:
            self.agent.close()
            self.agent = None

    # --- talking to it --------------------------------------------------------------------------------------------------

    def stream(self, script, seconds=60):
        """What a script says, piece by piece, and at last its exit status as an int."""
        try:
            yield from self.agent.stream(self.agent.start(script), seconds)
        except TimeoutError:
            raise VmError("%r did not end within %d s" % (script, seconds)) from None

    def run(self, script, seconds=60):
        """(exit status, what it said)"""
        *said, status = self.stream(script, seconds)
        return status, "".join(said)

    def check(self, script, seconds=60):
        status, said = self.run(script, seconds)
        if status:
            raise VmError("%r: status %d: %s" % (script, status, said))
        return said

    def wait_gwd(self):
        """Until gwd answers."""
        case.eventually(lambda: self.run("systemctl is-active -q gwd && gwctl status >/dev/null")[0] == 0, "gwd answers", 90)

    def put(self, path, data):
        """A file into the VM, in pieces that a command line can carry."""
        self.check(": >'%s'" % path)
        for at in range(0, len(data), 65536):
            piece = base64.encodebytes(data[at:at + 65536]).decode()
            self.check("base64 -d >>'%s' <<'EOF'\n%sEOF" % (path, piece))

    def put_guest(self, *names):
        """Files of tests/vm/guest, to /run."""
        for name in names:
            with open(os.path.join(HERE, "guest", name), "rb") as f:
                self.put("/run/" + name, f.read())

    # --- what is left -----------------------------------------------------------------------------------------------------

    def tail(self, name, lines=25):
        try:
            with open(os.path.join(self.logs, name), errors="replace") as f:
                return "\n".join(f.read().splitlines()[-lines:])
        except OSError:
            return "(no %s)" % name

    def save_journal(self):
        try:
            said = self.run("journalctl -b --no-pager", 60)[1]
        except (VmError, OSError) as e:
            said = "the journal could not be had: %s\n" % e
        with open(os.path.join(self.logs, "journal.log"), "w") as f:
            f.write(said)
