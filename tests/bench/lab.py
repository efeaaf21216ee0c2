"""lab.py - the namespaces, links and processes of one benchmark run, and their certain end.

Everything carries the run's own name (gwbench-<pid>-...), so that runs never meet; what a killed run left behind is
swept away by the next one.
"""
import contextlib
import json
import os
import re
import shutil
import subprocess
import time

PREFIX = "gwbench"


class LabError(Exception):
    """Something of the set-up or of a measurement broke; the text says what."""


def run(*argv, **kwargs):
    """Runs a command to its end, returns its standard output."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60, check=False, **kwargs)
    if done.returncode:
        raise LabError(f"{' '.join(map(str, argv))}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def wait_for(condition, what, seconds=10.0):
    """Asks again and again until `condition` holds; the deadline is generous because it only matters when all is lost."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)
    return value


class Namespace:
    """One network namespace: a VM or a host."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.run("ip", "link", "set", "lo", "up")
        # Router solicitations and multicast reports of idle VMs are no part of what is measured.
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")

    def command(self, *argv):
        """The command line that runs `argv` in here, leaving the mount namespace (and so bpffs) as it is."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *map(str, argv)]

    def run(self, *argv):
        return run(*self.command(*argv))

    def link(self, interface):
        return json.loads(self.run("ip", "-j", "link", "show", "dev", interface))[0]

    def pids(self):
        return [int(p) for p in run("ip", "netns", "pids", self.name).split()]

    def remove(self):
        run("ip", "netns", "del", self.name)


class Lab:
    """Creates things; `close` undoes all of it, last first."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.name = f"{PREFIX}-{os.getpid()}"
        self.undo = contextlib.ExitStack()
        self.pins = None
        self.folder = os.path.join(self.build, "bench", "run", self.name)
        os.makedirs(self.folder, mode=0o700)
        self.undo.callback(shutil.rmtree, self.folder)

    def close(self):
        self.undo.close()

    def namespace(self, name):
        namespace = Namespace(f"{self.name}-{name}")
        self.undo.callback(namespace.remove)
        return namespace

    def spawn(self, argv, **kwargs):
        """A process that lives until the lab closes, unless it ends by itself."""
        process = subprocess.Popen([str(a) for a in argv], text=True, **kwargs)
        self.undo.callback(stop, process)
        return process

    def bpffs(self):
        """A folder of our own on a BPF file system; mounts one where the machine has none."""
        if self.pins:
            return self.pins
        root = "/sys/fs/bpf"
        if run("stat", "-f", "-c", "%T", root).strip() != "bpf_fs":
            root = os.path.join(self.folder, "bpf")
            os.mkdir(root)
            run("mount", "-t", "bpf", self.name, root)
            self.undo.callback(run, "umount", root)
        self.pins = os.path.join(root, self.name)
        os.mkdir(self.pins, 0o700)
        self.undo.callback(shutil.rmtree, self.pins)
        return self.pins


def stop(process, patience=5.0):
    """Ends a process of ours: asks, then insists."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def sweep():
    """Removes what runs that were killed left behind: namespaces (links and filters go with them), mounts, pins."""
    for line in run("ip", "netns", "list").splitlines():
        match = re.match(rf"{PREFIX}-(\d+)-", line)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            name = line.split()[0]
            for pid in run("ip", "netns", "pids", name).split():
                os.kill(int(pid), 9)
            run("ip", "netns", "del", name)
    with open("/proc/self/mounts", encoding="ascii") as mounts:
        for device, folder in (m.split()[:2] for m in mounts):
            match = re.fullmatch(rf"{PREFIX}-(\d+)", device)
            if match and not os.path.exists(f"/proc/{match[1]}"):
                run("umount", folder)
    for entry in os.listdir("/sys/fs/bpf"):
        match = re.fullmatch(rf"{PREFIX}-(\d+)", entry)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            shutil.rmtree(os.path.join("/sys/fs/bpf", entry))
