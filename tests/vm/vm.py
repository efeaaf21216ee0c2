"""The VM that the image is for: boots it under QEMU, runs a script in it as root, and brings output and exit status back.

    with Vm(disk) as vm:            a copy-on-write view of the image: nothing of a run stays, unless `keep`
        vm.run("gwctl status")      (status, output)

The script goes in on a NoCloud disk (label CIDATA) that starts an agent: a shell that reads scripts from one virtio-serial
port and answers on the same. That is what cloud-init is for: the image itself has nothing that would run what a disk says.
"""
import os
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IMAGE = os.path.join(ROOT, "build/image/gwd.qcow2")
TOOLS = os.path.join(ROOT, "build/vm/tools.ext4")
PORT = "/dev/virtio-ports/gwd.agent"

AGENT = r"""#!/bin/bash
# A line "run N" and N bytes of a script come in; "out N" with N bytes of what it says, then "end STATUS", go out.
exec 3<>%(port)s
stty -F %(port)s raw -echo 2>/dev/null
echo "hello" >&3
while IFS= read -r line <&3; do
	case $line in
	run\ *)
		head -c "${line#run }" <&3 >/run/gwd-agent.sh
		bash /run/gwd-agent.sh </dev/null 2>&1 | while IFS= read -r said || [ -n "$said" ]; do
			printf 'out %%s\n' "$said" >&3
		done
		printf 'end %%s\n' "${PIPESTATUS[0]}" >&3 ;;
	esac
done
""" % {"port": PORT}

USER_DATA = """#cloud-config
write_files:
- path: /run/gwd-agent
  permissions: '0755'
  encoding: b64
  content: %s
runcmd:
- [systemd-run, --unit=gwd-agent, --collect, bash, /run/gwd-agent]  # /run lets nothing be executed
"""


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


class Vm:
    def __init__(self, disk=IMAGE, tools=False, keep=False, logs=None, seed=True, firmware=None, memory=1024):
        self.disk, self.tools, self.keep, self.seed, self.firmware, self.memory = disk, tools, keep, seed, firmware, memory
        self.logs = logs or os.environ.get("GW_TEST_LOGS") or tempfile.mkdtemp(prefix="gwd-vm-")
        os.makedirs(self.logs, exist_ok=True)
        self.work = tempfile.TemporaryDirectory(prefix="gwd-vm-")
        self.process = self.agent = None
        self.pending = b""

    # --- life ---------------------------------------------------------------------------------------------------------

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        if kind is not None and self.agent is not None:
            self.save_journal()
        self.stop()
        self.work.cleanup()

    def start(self, deadline=400):
        self.power_on()
        if self.seed:
            self.connect(deadline)

    def power_on(self):
        sock = os.path.join(self.work.name, "agent")
        argv = ["qemu-system-x86_64", *accelerator(), "-smp", str(min(4, os.cpu_count())), "-m", str(self.memory),
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-vga", "std",
                "-serial", "file:" + os.path.join(self.logs, "serial.log"), "-device", "virtio-rng-pci",
                "-device", "virtio-serial-pci", "-chardev", "socket,id=agent,path=%s,server=on,wait=off" % sock,
                "-device", "virtserialport,chardev=agent,name=gwd.agent",
                *self.drive(self.disk, "snapshot=" + ("off" if self.keep else "on"))]
        if self.seed:
            argv += self.drive(self.make_seed(), "format=raw,readonly=on")
        if self.tools:
            argv += self.drive(TOOLS, "format=raw,readonly=on") + self.drive(self.make_tests(), "format=raw,readonly=on")
        if self.firmware:
            argv += ["-bios", self.firmware]
        self.log = open(os.path.join(self.logs, "qemu.log"), "ab")
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.socket_path, self.started = sock, time.monotonic()

    @staticmethod
    def drive(path, more):
        return ["-drive", "file=%s,if=virtio,%s" % (path, more)]

    def connect(self, deadline):
        end = time.monotonic() + deadline
        while True:
            if self.process.poll() is not None:
                raise VmError("QEMU ended with status %d: %s" % (self.process.returncode, self.tail("qemu.log")))
            if time.monotonic() > end:
                raise VmError("no agent after %d s: %s" % (deadline, self.tail("serial.log")))
            if self.agent is None:
                try:
                    self.agent = socket.socket(socket.AF_UNIX)
                    self.agent.connect(self.socket_path)
                except OSError:
                    self.agent = None
                    time.sleep(0.1)
                    continue
            try:
                if self.line(0.5) == "hello":
                    return
            except TimeoutError:
                pass

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.agent:
            self.agent.close()
            self.agent = None
        if self.process:
            self.log.close()

    power_cut = stop

    # --- talking to it --------------------------------------------------------------------------------------------------

    def line(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.pending:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.agent.settimeout(left)
            data = self.agent.recv(65536)
            if not data:
                raise VmError("the VM is gone: " + self.tail("serial.log"))
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode(errors="replace")

    def stream(self, script, seconds):
        """Runs a script; yields what it says, line by line, and at last its exit status as an int."""
        data = script.encode()
        self.agent.settimeout(30)
        self.agent.sendall(b"run %d\n" % len(data) + data)
        end = time.monotonic() + seconds
        while True:
            try:
                kind, _, rest = self.line(end - time.monotonic()).partition(" ")
            except TimeoutError:
                raise VmError("a script in the VM did not end within %d s" % seconds) from None
            if kind == "out":
                yield rest
            elif kind == "end":
                yield int(rest)
                return

    def run(self, script, seconds=60):
        """(exit status, what it said)"""
        *lines, status = self.stream(script, seconds)
        return status, "\n".join(lines)

    def check(self, script, seconds=60):
        status, said = self.run(script, seconds)
        if status:
            raise VmError("%r: status %d: %s" % (script, status, said))
        return said

    # --- its disks --------------------------------------------------------------------------------------------------------

    def make_seed(self):
        import base64
        path = os.path.join(self.work.name, "seed")
        files = {"meta-data": "instance-id: gwd-test\nlocal-hostname: gwd\n",
                 "user-data": USER_DATA % base64.b64encode(AGENT.encode()).decode()}
        subprocess.run(["truncate", "-s", "1M", path], check=True)
        subprocess.run(["mkfs.vfat", "-n", "CIDATA", path], check=True, stdout=subprocess.DEVNULL)
        for name, text in files.items():
            subprocess.run(["mcopy", "-i", path, "-", "::/" + name], input=text.encode(), check=True)
        return path

    def make_tests(self):
        """The tests and their tools, as a tar on a disk."""
        path = os.path.join(self.work.name, "tests.tar")
        subprocess.run(["tar", "-C", ROOT, "-cf", path, "--exclude=__pycache__", "tests", "build/asan/topo"], check=True)
        subprocess.run(["truncate", "-s", "%1M", path], check=True)
        return path

    # --- what is left -----------------------------------------------------------------------------------------------------

    def tail(self, name, lines=25):
        try:
            with open(os.path.join(self.logs, name), errors="replace") as f:
                return "\n".join(f.read().splitlines()[-lines:])
        except OSError:
            return "(no %s)" % name

    def save_journal(self):
        try:
            _, said = self.run("journalctl -b --no-pager", 60)
        except (VmError, OSError, TimeoutError) as e:
            said = "the journal could not be had: %s" % e
        with open(os.path.join(self.logs, "journal.log"), "w") as f:
            f.write(said)


if __name__ == "__main__":
    with Vm() as machine:
        sys.stderr.write("ready after %.1f s\n" % (time.monotonic() - machine.started))
        print(machine.check(" ".join(sys.argv[1:]) or "systemctl --no-pager status gwd; systemd-analyze; gwctl status"))
