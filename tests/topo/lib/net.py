"""Network namespaces, links and the commands run in them."""
import contextlib
import ctypes
import json
import os
import subprocess

from lib.case import ISOLATED, Failed

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(argv, ok=(0,), text=True, stdin=None, timeout=60, env=None):
    """Runs a command to its end; a status not in `ok` (None: any) is a failure that shows what it said."""
    if isinstance(argv, str):
        argv = argv.split()
    p = subprocess.run(argv, capture_output=True, text=text, input=stdin, timeout=timeout, check=False, env=env)
    if ok is not None and p.returncode not in ok:
        raise Failed("%s: status %d: %s%s" % (" ".join(argv), p.returncode, p.stderr, p.stdout))
    return p


class Netns:
    """A network namespace. Its name carries the pid of the test, so that two tests never meet."""

    def __init__(self, label):
        self.label = label
        self.name = "gw%s-%s" % (os.environ[ISOLATED], label)
        self.path = "/run/netns/" + self.name
        run(["ip", "netns", "add", self.name])
        self.ip("link set lo up")
        # The test decides about IPv6: nothing is sent that it did not ask for, except duplicate address detection.
        for key in ("router_solicitations=0", "accept_ra=0", "autoconf=0"):
            self.run("sysctl -qw net.ipv6.conf.default.%s net.ipv6.conf.all.%s" % (key, key))

    def argv(self, argv):
        if isinstance(argv, str):
            argv = argv.split()
        return ["nsenter", "--net=" + self.path] + argv

    def run(self, argv, **kw):
        return run(self.argv(argv), **kw)

    def ip(self, args, **kw):
        return run(["ip", "-n", self.name] + args.split(), **kw).stdout

    def rename(self, old, new, up=True):
        """Up or down afterwards. Before Linux 6.2 it has to be down for that; one batch, so that nobody comes in between."""
        steps = ["link set dev %s down" % old, "link set dev %s name %s" % (old, new)] + ["link set dev %s up" % new] * up
        run(["ip", "-n", self.name, "-batch", "-"], stdin="\n".join(steps) + "\n")

    def ip_json(self, args):
        return json.loads(run(["ip", "-n", self.name, "-j", "-d"] + args.split()).stdout or "[]")

    def popen(self, argv, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.argv(argv), **kw)

    def sysctl(self, *pairs):
        self.run(["sysctl", "-qw"] + list(pairs))

    @contextlib.contextmanager
    def enter(self):
        """The calling thread is inside; sockets made there stay inside."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        target = os.open(self.path, os.O_RDONLY)
        try:
            _setns(target)
            try:
                yield self
            finally:
                _setns(home)
        finally:
            os.close(target)
            os.close(home)

    def mac(self, dev):
        return self.ip_json("link show dev " + dev)[0]["address"]

    def stats(self, dev):
        """{"rx": {...}, "tx": {...}} as ip -s shows them."""
        return json.loads(run(["ip", "-n", self.name, "-j", "-s", "link", "show", "dev", dev]).stdout)[0]["stats64"]

    def veth(self, dev, other, other_dev, mtu=1500, queues=1):
        """A veth pair: `dev` here, `other_dev` in namespace `other`; both down."""
        each = "mtu %d numtxqueues %d numrxqueues %d" % (mtu, queues, queues)
        self.ip("link add name %s %s type veth peer name %s %s netns %s" % (dev, each, other_dev, each, other.name))

    def offloads(self, dev, on):
        state = "on" if on else "off"
        features = ["tx", "sg", "tso", "gso", "gro", "tx-udp-segmentation", "tx-gre-segmentation",
                    "tx-udp_tnl-segmentation"]
        order = features if on else features[::-1]  # dependencies first
        self.run(["ethtool", "-K", dev] + [x for f in order for x in (f, state)])

    def delete(self):
        run(["ip", "netns", "del", self.name])


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
