"""Worlds: an underlay, hosts on it, VMs on the hosts.

        VM namespace                host namespace                      fabric namespace (a bridge)

        eth0 ---- veth ---- NAME (port)      gwd      eth1 ---- veth ---- HOST ---- br0 ---- ...
        eth0 = tap | tapvm | tap = NAME (port)
"""
import os
import subprocess

from lib import case
from lib.case import Failed, eventually, require
from lib.gwd import Gwd
from lib.net import Netns, run

PREFIX_V4, PREFIX_V6 = 24, 64
SWITCH_MAC = "02:ee:00:00:00:01"  # what the fabric's own kernel says comes from here


class World:
    def __init__(self):
        self.fabric = None
        self.netns, self.hosts, self.vms, self.processes = [], [], [], []
        case.after_group.append(self.down)

    def namespace(self, label):
        n = Netns(label)
        self.netns.append(n)
        return n

    def make_fabric(self, mtu=1500):
        self.fabric = self.namespace("fab")
        self.fabric.sysctl("net.ipv6.conf.default.disable_ipv6=1")
        # A switch looks at no IP header: where the kernel has bridge netfilter, it would drop what a test sends on purpose.
        if os.path.exists("/proc/sys/net/bridge"):
            self.fabric.sysctl("net.bridge.bridge-nf-call-iptables=0")
        self.fabric.ip("link add br0 address %s mtu %d type bridge" % (SWITCH_MAC, mtu))
        self.fabric.sysctl("net.ipv6.conf.br0.disable_ipv6=1")
        self.fabric.ip("link set br0 up")
        return self.fabric

    def plug(self, netns, dev, label, mtu=1500, queues=1, bridge="br0"):
        """An underlay cable: `dev` in netns, `label` on the fabric's bridge."""
        netns.sysctl("net.ipv6.conf.default.disable_ipv6=1")
        netns.veth(dev, self.fabric, label, mtu, queues)
        netns.sysctl("net.ipv6.conf.default.disable_ipv6=0")
        self.fabric.ip("link set dev %s master %s up" % (label, bridge))
        # A NIC keeps its address over a reboot, and so do the neighbour tables of others.
        netns.ip("link set dev %s address 02:ee:%s up" % (dev, ":".join("%02x" % b
                                                                        for b in label.encode()[:4].ljust(4))))

    def host(self, name, pa, mtu=1500, settings=None, start=True, queues=1):
        h = Host(self, name, pa, mtu, settings, queues)
        self.hosts.append(h)
        if start:
            h.start()
        return h

    def spawn(self, netns, argv, **kw):
        """A background process that ends with the world."""
        p = netns.popen(argv, **kw)
        self.processes.append(p)
        return p

    def down(self):
        """Daemons, processes, namespaces. A daemon that does not end well is a failure."""
        problems = []
        for h in self.hosts:
            if h.gwd.process is not None:
                try:
                    h.gwd.stop()
                except Failed as e:
                    problems.append(str(e))
        for p in self.processes:
            if p.poll() is None:
                p.kill()
            p.wait()
        for n in self.netns:
            try:
                n.delete()
            except Failed as e:
                problems.append(str(e))
        run(["rm", "-rf", case.WORK + "/bpf/gwd"])
        for h in self.hosts:
            run(["rm", "-rf", h.gwd.dir])
        require(not problems, "; ".join(problems))

    def reboot(self, h):
        """Takes away all that a reboot takes away from a host: its namespace with every device in it, pins, the run directory."""
        for vm in self.vms:
            if vm.host is h:
                if vm.cable is not None:
                    vm.cable.kill()
                    vm.cable.wait()
                vm.netns.delete()
                self.netns.remove(vm.netns)
        h.netns.delete()
        self.netns.remove(h.netns)
        eventually(lambda: self.fabric.run(["ip", "link", "show", "dev", h.name], ok=None).returncode,
                   "the cable of the old namespace is gone")
        run(["rm", "-rf", os.path.join(h.gwd.bpf_dir, h.name), h.gwd.run_dir])
        h.netns = h.gwd.netns = Netns(h.name)
        self.netns.append(h.netns)

    def power_on(self, vm):
        """The VM boots: its namespace and its port come into being."""
        again = Vm(vm.host, vm.name, vm.mac, vm.vsid, vm.addresses, vm.mtu, vm.tap)
        self.vms[self.vms.index(vm)] = again
        return again

    def mount(self, target, options):
        """A tmpfs that goes before the world does."""
        run(["mount", "-t", "tmpfs", "-o", options, "gwd-topo", target])
        case.after_group.append(lambda: run(["umount", "-l", target]))


class Host:
    """A hypervisor: its namespace, its underlay interface eth1, its daemon, its VMs."""

    def __init__(self, world, name, pa, mtu=1500, settings=None, queues=1):
        self.world, self.name, self.pa = world, name, pa
        self.netns = world.namespace(name)
        if world.fabric is not None:
            world.plug(self.netns, "eth1", name, mtu, queues)
        settings = dict(settings or {})
        settings["underlay"] = {"mtu": str(mtu), **settings.get("underlay", {})}
        self.gwd = Gwd(self.netns, name, settings)

    def start(self):
        self.gwd.start()
        if self.pa:
            self.gwd.ctl("provider-address", "add", "--interface", "eth1", "--address", self.pa, "--prefix-length", 24)
        return self

    def offloads(self, on):
        """Of the underlay, both ends of the cable."""
        self.netns.offloads("eth1", on)
        self.world.fabric.offloads(self.name, on)

    def vm(self, name, mac, vsid, addresses, mtu=1400, tap=False, attach=True, nodad=True):
        v = Vm(self, name, mac, vsid, addresses, mtu, tap, nodad)
        self.world.vms.append(v)
        if attach:
            v.attach()
        return v

    def record(self, vsid, ca, pa, mac, encapsulation=None, **more):
        argv = ["lookup-record", "add", "--vsid", vsid, "--ca", ca, "--pa", pa, "--mac", mac]
        if encapsulation:
            argv += ["--encapsulation", encapsulation]
        for key, value in more.items():
            argv += ["--" + key.replace("_", "-"), value]
        self.gwd.ctl(*argv)


class Vm:
    """A virtual machine: a namespace with eth0, which is the other side of a port of its host."""

    def __init__(self, host, name, mac, vsid, addresses, mtu=1400, tap=False, nodad=True):
        self.host, self.name, self.mac, self.vsid, self.mtu, self.tap = host, name, mac, vsid, mtu, tap
        self.addresses = addresses  # without prefix length
        self.port = name
        self.netns = host.world.namespace(name)
        if not self.v6:
            self.netns.sysctl("net.ipv6.conf.default.disable_ipv6=1", "net.ipv6.conf.all.disable_ipv6=1")
        self.cable = None
        self.connect()
        self.netns.ip("link set dev eth0 address %s mtu %d up" % (mac, mtu))
        for a in addresses:
            if ":" in a:
                self.netns.ip("addr add %s/%d dev eth0%s" % (a, PREFIX_V6, " nodad" if nodad else ""))
            else:
                self.netns.ip("addr add %s/%d dev eth0" % (a, PREFIX_V4))

    def connect(self):
        """Makes the port and eth0, as a hypervisor does when it starts the VM."""
        h = self.host.netns
        # The host itself has nothing to say on a VM's port.
        h.sysctl("net.ipv6.conf.default.disable_ipv6=1")
        if self.tap:
            self.cable = self.host.world.spawn(h, [case.tool("tapvm"), self.port, self.netns.path, "eth0",
                                                   str(self.mtu)],
                                               stdout=subprocess.PIPE)
            require(self.cable.stdout.readline() == b"ready\n", "tapvm connects %s" % self.name)
        else:
            h.veth(self.port, self.netns, "eth0", self.mtu)
        h.ip("link set dev %s mtu %d up" % (self.port, self.mtu))
        h.sysctl("net.ipv6.conf.default.disable_ipv6=0")

    def second_nic(self, port, mac, addresses):
        """eth1, the other side of `port` of the same host; attached to nothing yet."""
        h = self.host.netns
        h.sysctl("net.ipv6.conf.default.disable_ipv6=1")
        h.veth(port, self.netns, "eth1", self.mtu)
        h.ip("link set dev %s up" % port)
        h.sysctl("net.ipv6.conf.default.disable_ipv6=0")
        self.netns.ip("link set dev eth1 address %s up" % mac)
        for a in addresses:
            self.netns.ip("addr add %s/%s dev eth1" % (a, "%d nodad" % PREFIX_V6 if ":" in a else PREFIX_V4))

    def attach(self):
        self.host.gwd.ctl("port", "attach", "--interface", self.port, "--mac", self.mac, "--vsid", self.vsid)
        self.host.gwd.wait_port(self.port)

    def default_routes(self, *gateways):
        for g in gateways:
            self.netns.ip("%s route replace default via %s" % ("-6" if ":" in g else "-4", g))

    @property
    def v4(self):
        return next((a for a in self.addresses if ":" not in a), None)

    @property
    def v6(self):
        return next((a for a in self.addresses if ":" in a), None)

    def dad_done(self, deadline=5):
        """Waits until no IPv6 address is tentative; returns the flags of all of them."""
        def flags():
            found = []
            for a in self.netns.ip_json("-6 addr show dev eth0")[0].get("addr_info", []):
                found.append((a["local"], bool(a.get("tentative")), bool(a.get("dadfailed"))))
            return found
        eventually(lambda: not any(t and not f for _, t, f in flags()), "addresses of %s leave tentative" % self.name,
                   deadline)
        return flags()


def records(vms, encapsulation=None, hosts=None):
    """Tells every host where every address is. `encapsulation`: of all records, or a function (host, vm)."""
    for h in hosts or sorted({v.host for v in vms}, key=lambda h: h.name):
        for v in vms:
            how = encapsulation(h, v) if callable(encapsulation) else encapsulation
            for a in v.addresses:
                h.record(v.vsid, a, v.host.pa, v.mac, how)


def routes(hosts, rdid, wanted, metric=0):
    """Customer routes of a routing domain: (VSID, prefix, next hop or None for on-link)."""
    for h in hosts:
        for vsid, prefix, hop in wanted:
            h.gwd.ctl("customer-route", "add", "--rdid", rdid, "--vsid", vsid, "--prefix", prefix, "--nexthop",
                      hop or ("::" if ":" in prefix else "0.0.0.0"), "--metric", metric)


def two_hosts(encapsulation=None, underlay_mtu=1500, settings=None, queues=1):
    """A fabric and hosts h1 (10.1.1.1) and h2 (10.1.1.2)."""
    w = World()
    w.make_fabric(underlay_mtu)
    if encapsulation:
        settings = dict(settings or {})
        settings["underlay"] = {**settings.get("underlay", {}), "encapsulation": encapsulation}
    w.h1 = w.host("h1", "10.1.1.1", underlay_mtu, settings, queues=queues)
    w.h2 = w.host("h2", "10.1.1.2", underlay_mtu, settings, queues=queues)
    return w

