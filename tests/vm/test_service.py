#!/usr/bin/python3
# time-limit: 2400
# The package and its services as they are on the image: what systemd and dpkg do to gwd, a tenant's traffic does not notice, within
# its virtual network, out of it by translation, and in by a port that is forwarded.
#
# Covers GW-3 (the kernel's bound), GW-8 (restart, crash and upgrade interrupt nothing) for stop, start limit, daemon-reexec and dpkg,
# of a gateway too.
import json
import os
import re
import signal
import subprocess

import vm
from lib import case  # where it is, vm knows
from lib.case import equal, require

EXPOSURE = 4.0  # systemd-analyze security: what the most exposed of the units may have
UNITS = ["gwd.service", "gwd-netns.service", "gwd-bird@x.service", "strongswan.service"]
FLOW_LIMIT = 600  # seconds that one flow may take
# From whom, to what address, and seconds between two datagrams: within the subnet; translated by the virtual gateway's stack, as all is
# that comes from its own node; translated on the fast path, of the far VM, and to a forwarded port.
FLOWS = [("vm", "10.0.0.2", 0.005), ("vm", "198.51.100.10", 0.02), ("far", "198.51.100.10", 0.02), ("out", "203.0.113.10", 0.02)]
DEVICES = "pa0 port0 ext0 gwo5002 gwe5002"
VRF = "gwd-gwd-5002"
# A command with the capabilities and in the mount namespace of gwd.
AS_GWD = ("nsenter -t $(systemctl show -P MainPID gwd) -m setpriv --groups gwd-bird --inh-caps=-all "
          "--bounding-set=-all,+net_admin,+net_raw,+bpf,+perfmon,+sys_admin ")
CONNECTIONS = "net.netfilter.nf_conntrack_max"
suite = case.Suite()


def setup():
    machine = vm.Vm(logs=case.logs())
    machine.__enter__()
    case.after_group.append(lambda: machine.__exit__())
    machine.put_guest("flow.py", "world.sh")
    machine.check("sh /run/world.sh machines", 120)
    case.note(machine.check("sh /run/world.sh intent && sh /run/world.sh reached", 300))
    machine.version = machine.check("dpkg-query -W -f '${Version}' gwd")
    return machine


g = suite.group("", setup)


def programs(machine):
    """What of gwd is on those of the interfaces that there are: their names and their numbers."""
    said = machine.check("set -e; for dev in %s; do [ -e /sys/class/net/$dev ] || continue; tc filter show dev $dev ingress; "
                         "tc filter show dev $dev egress; done" % DEVICES)
    return re.findall(r"name (\S+)", said), re.findall(r" id (\d+)", said)


class Flow:
    """Datagrams there and back, while a test does something else."""

    def __init__(self, machine, netns, address, interval):
        self.machine, self.what = machine, "from %s to %s" % (netns, address)
        self.number = machine.agent.start("exec ip netns exec %s python3 /run/flow.py %s %s" % (netns, address, interval))
        case.after_case.append(self.stop)
        self.said = machine.agent.stream(self.number, FLOW_LIMIT)
        next(self.said)

    def stop(self):
        self.machine.agent.kill(self.number, signal.SIGTERM)

    def end(self):
        """Nothing was lost."""
        *said, status = self.said
        equal(status, 0, "the exit status of the flow %s: %s" % (self.what, said))
        sent, lost = map(int, re.search(r"(?m)^sent (\d+) lost (\d+)$", "".join(said)).groups())
        case.note("%s: sent %d lost %d" % (self.what, sent, lost))
        equal(lost, 0, "lost datagrams of %d %s" % (sent, self.what))


def go_on(machine, flows):
    """Until more of each has come back than was on its way now: what it says next may be of before."""
    for flow in flows:
        machine.agent.drop_said(flow.number)
    for flow in flows * 2:
        require(isinstance(next(flow.said), str), "the flow %s goes on" % flow.what)


def carried_fast(machine):
    """How many packets have passed the stack of the virtual gateway by; that they may is required."""
    engine = json.loads(machine.check("gwctl status -o json"))["engine"]
    equal(engine["fastPath"], {"state": "On"}, "the fast path")
    return sum(o["count"] for o in engine["outcomes"] if o["name"] == "FastForwarded")


def through(machine, what, seconds=120):
    """
    Does `what`, a script or a function, in the midst of flows, of which nothing may be lost, and which take the fast path afterwards,
    if gwd is there to tell. Returns what of gwd is on the interfaces before and after.
    """
    before = programs(machine)
    require(all(before), "there are programs: %s" % (before,))
    flows = [Flow(machine, *f) for f in FLOWS]
    if callable(what):
        what()
    else:
        case.note(machine.check("set -e; " + what, seconds))
    go_on(machine, flows)
    if active(machine) == "active":
        machine.wait_gwd()
        fast = carried_fast(machine)
        go_on(machine, flows)
        grown = carried_fast(machine) - fast
        require(grown > 50, "%d packets took the fast path when two flows went on for 25 datagrams and their answers" % grown)
    for flow in flows:
        flow.stop()
    for flow in flows:
        flow.end()
    return before, programs(machine)


def main_pid(machine):
    return machine.check("systemctl show -P MainPID gwd").strip()


def kill(machine):
    """As the kernel does when memory is short; until systemd has it running again."""
    pid = main_pid(machine)
    machine.check("kill -9 " + pid)
    case.eventually(lambda: main_pid(machine) not in (pid, "0") and active(machine) == "active", "systemd starts it again", 60)


def namespaces(machine, where=""):
    """What every name in the directory stands for; `where`: a command that goes to another mount namespace."""
    return machine.check(where + "stat -c '%n %i' /run/netns/*").splitlines()


def active(machine, unit="gwd"):
    return machine.run("systemctl is-active %s" % unit)[1].strip()


def holder(machine, operation, name):
    """A request to the holder of namespaces, as gwd makes it. Returns the errno value of the answer."""
    number = {"add": 1, "get": 2, "delete": 3}[operation]
    return int(machine.check("""python3 -c '
import socket, struct
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/gwd-netns/holder.sock")
s.send(struct.pack("I96s", %d, b"%s"))
print(struct.unpack("i", s.recvmsg(4, 64)[0])[0])
'""" % (number, name)))


@g.case("what is installed runs: gwd ready, its holder listens, versions agree")
def _(m):
    equal(active(m), "active", "gwd")
    equal(active(m, "gwd-netns.socket"), "active", "gwd-netns.socket")
    require(m.version in m.check("gwd --version; gwctl --version"), "the package's version is the program's")
    equal(m.check("sysctl -n " + CONNECTIONS), "262144\n", "the kernel's bound of tracked connections since the start of the machine")
    status = json.loads(m.check("gwctl status -o json"))
    case.note(json.dumps(status)[:600])


@g.case("units are sandboxed: exposure below %.1f" % EXPOSURE)
def _(m):
    for unit in UNITS:
        said = m.check("systemd-analyze security --no-pager %s" % unit)
        level = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", said).group(1))
        case.note("%s: %.1f" % (unit, level))
        require(level < EXPOSURE, "%s: exposure %.1f" % (unit, level))


@g.case("gwd has only the capabilities of its unit, and cannot write outside its directories")
def _(m):
    pid = m.check("systemctl show -P MainPID gwd").strip()
    caps = m.check("grep CapBnd /proc/%s/status; grep Seccomp: /proc/%s/status; grep NoNewPrivs /proc/%s/status" % (pid, pid, pid))
    require("Seccomp:\t2" in caps and "NoNewPrivs:\t1" in caps, caps)
    bound = int(caps.split()[1], 16)
    equal(sorted(n for n in range(64) if bound >> n & 1), [12, 13, 21, 38, 39],
          "capabilities: NET_ADMIN, NET_RAW, SYS_ADMIN, PERFMON, BPF")
    for path in ("/etc/gwd/x", "/usr/x", "/root/x", "/run/x", "/run/systemd/system/x", "/run/gwd-netns/x"):
        status, said = m.run("nsenter -t %s -m touch %s" % (pid, path))
        require(status != 0 and ("ead-only" in said or "denied" in said), "%s can be written: %s" % (path, said))


@g.case("a namespace of the holder: made, seen by everybody, gwd in its sandbox too")
def _(m):
    equal(holder(m, "add", "gwd-kept"), 0, "errno of add")
    m.check("ip -n gwd-kept link set lo up")
    everybody = namespaces(m)
    equal(sorted(line.split()[0] for line in everybody), ["/run/netns/" + n for n in sorted(["far", "gwd-kept", "out", "vm", VRF])],
          "namespaces")
    equal(namespaces(m, "nsenter -t $(systemctl show -P MainPID gwd) -m "), everybody, "those that gwd sees")


def gateway(m):
    """What gwd says of the only one."""
    found, = json.loads(m.check("gwctl status -o json"))["virtualGateways"]
    return found


def tables(m, where=""):
    """Of nftables'. This nft does not know all that the kernel does, and says so of a rule that it cannot show."""
    return m.check(where + "nft list tables 2>/dev/null").splitlines()


IN_VRF = "ip netns exec %s " % VRF


@g.case("a virtual gateway within the sandbox: whole, translated by the package's plugin, its packets on the fast path")
def _(m):
    equal(gateway(m)["state"], "Ready", "the virtual gateway: %s" % gateway(m))
    equal(gateway(m)["repairs"], 0, "what others changed of what gwd has just made: see the journal")
    equal(gateway(m)["nat"]["state"], "Up", "its translation: %s" % gateway(m))
    equal(tables(m, IN_VRF), ["table inet gwd-nat"], "its tables")
    equal(tables(m), [], "tables of the node's own")
    equal(m.check(IN_VRF + "sysctl -n net.ipv4.ip_forward net.netfilter.nf_conntrack_tcp_be_liberal"), "1\n1\n", "its settings")
    m.check("grep -q ' /usr/lib/gwd/plugins/nat.so$' /proc/%s/maps" % main_pid(m))
    through(m, "true")
    require(gateway(m)["nat"]["trackedConnections"] >= 48, "flows that it tracks: %s" % gateway(m))
    equal(m.check("journalctl -b -q -u gwd -u gwd-netns -p warning --no-pager -o cat"), "", "warnings")


@g.case("its namespace, when somebody deletes it, is made anew, with all that was in it")
def _(m):
    before = namespaces(m)
    m.check("ip netns del " + VRF)
    case.eventually(lambda: m.run(IN_VRF + "nft list ruleset | grep -q 203.0.113.10")[0] == 0, "it is there again", 60)
    case.eventually(lambda: (gateway(m)["state"], gateway(m)["nat"]["state"]) == ("Ready", "Up"), "it says so", 60)
    require(set(namespaces(m)) != set(before), "it is another one: %s" % before)
    m.check("sh /run/world.sh reached")
    through(m, "true")


@g.case("the banner says that gwd is ready when it answers, and else not; and what it has to do")
def _(m):
    require("gwd is ready. 2 ports attached, 1 virtual gateway.\n" in m.check("/usr/lib/gwd/banner"), "the banner")
    m.check("mv /run/gwd/api.sock /run/gwd/away")
    said = m.check("/usr/lib/gwd/banner")
    m.check("mv /run/gwd/away /run/gwd/api.sock")
    require("not ready" in said and "is ready" not in said, "the banner of a gwd that does not answer: %s" % said)


@g.case("traffic, programs and namespaces outlive stop and start")
def _(m):
    kept = namespaces(m)
    before, stopped = through(m, "systemctl stop gwd")
    equal(active(m), "inactive", "gwd")
    equal(stopped, before, "programs on the interfaces while gwd is stopped")
    equal(namespaces(m), kept, "namespaces while gwd is stopped")
    _, after = through(m, "systemctl start gwd")
    equal(after[0], before[0], "programs on the interfaces")
    equal(namespaces(m), kept, "namespaces")


# What happens, how, and whether it starts gwd anew, which puts its own programs in the place of those it finds.
EVENTS = [
    ("restart", "systemctl restart gwd", True),
    ("kill -9", kill, True),
    ("daemon-reexec and daemon-reload", "systemctl daemon-reexec; systemctl daemon-reload", False),
    ("a reload", "systemctl reload gwd", False),
    ("stop and start of the holder",
     "systemctl stop gwd-netns.socket gwd-netns.service; systemctl start gwd-netns.socket", False),
]

for title, event, anew in EVENTS:
    def events(m, event=event, anew=anew):
        kept = namespaces(m)
        before, after = through(m, (lambda: event(m)) if callable(event) else event)
        m.wait_gwd()
        equal(after[0], before[0], "programs on the interfaces")
        if not anew:
            equal(after[1], before[1], "their numbers")
        equal(namespaces(m), kept, "namespaces")
        equal(holder(m, "get", "gwd-kept"), 0, "errno of get")
    g.case("traffic, programs and namespaces outlive %s" % title)(events)


@g.case("they outlive a start limit: gwd has failed for good, packets go on; reset-failed and start bring it back")
def _(m):
    m.check("mkdir -p /run/systemd/system/gwd.service.d; printf '[Unit]\\nStartLimitIntervalSec=600\\nStartLimitBurst=3\\n' "
            ">/run/systemd/system/gwd.service.d/limit.conf; systemctl daemon-reload; systemctl restart gwd")
    kept = namespaces(m)

    def given_up():
        if m.run("systemctl is-failed -q gwd")[0] == 0:
            return True
        pid = main_pid(m)
        if pid != "0":
            m.run("kill -9 " + pid)
        return False
    before, after = through(m, lambda: case.eventually(given_up, "systemd gives it up", 120))
    equal(active(m), "failed", "gwd")
    equal(after, before, "programs on the interfaces")
    equal(namespaces(m), kept, "namespaces")
    through(m, "rm /run/systemd/system/gwd.service.d/limit.conf; systemctl daemon-reload; systemctl reset-failed gwd; "
            "systemctl start gwd")
    m.wait_gwd()


@g.case("charon and BIRD as the gateway uses them: sandboxed, in their namespaces, untouched by gwd's end")
def _(m):
    m.check(AS_GWD + "sh -c \"umask 007; mkdir /run/gwd-bird/gwd-kept && printf 'router id 10.0.0.1;\\n"
            "protocol device {}\\nprotocol kernel { ipv4 { export all; }; }\\nprotocol static { ipv4; route 10.99.0.0/16 "
            "blackhole; }\\n' >/run/gwd-bird/gwd-kept/bird.conf\"")
    m.check("systemctl start gwd-bird@gwd-kept strongswan", 120)
    m.check("swanctl --stats")
    require("10.99.0.0/16" in case.eventually(lambda: m.check("ip -n gwd-kept route"), "BIRD's route", 60),
            "BIRD's route is in its namespace")
    require("10.99.0.0/16" not in m.check("ip route"), "BIRD's route is not in the host's table")
    require("BIRD" in m.check(AS_GWD + "birdc -s /run/gwd-bird/gwd-kept/bird.ctl show status"), "gwd may speak with BIRD")
    m.check("systemctl restart gwd-netns.socket")
    daemons = "systemctl show -P MainPID gwd-bird@gwd-kept strongswan"
    pids = m.check(daemons).split()
    for pid in pids:
        status, said = m.run("nsenter -t %s -m ls -A /var/lib/gwd /etc/gwd" % pid)
        require("gwd.conf" not in said and "gwd.db" not in said, "a child daemon sees gwd's files: %s" % said)
        equal(m.run("nsenter -t %s -m test -e /run/gwd-netns/holder.sock" % pid)[0], 1, "a child daemon may ask the holder")
        equal(m.run("nsenter -t %s -m touch /run/systemd/system/x" % pid)[0], 1, "a child daemon writes units")
    kill(m)
    m.check("systemctl stop gwd; systemctl start gwd", 120)
    equal(m.check(daemons).split(), pids, "their processes")
    m.check("systemctl stop gwd-bird@gwd-kept strongswan", 60)


@g.case("a controller on the network: TLS within the sandbox; the first operator's token is on the console once, and in no journal")
def _(m):
    m.check("sed -i 's|^#roles = .*|roles = host, controller|; s|^#listen = .*|listen = unix:/run/gwd/api.sock, https://127.0.0.1:8443|'"
            " /etc/gwd/gwd.conf")
    through(m, "systemctl restart gwd")
    m.wait_gwd()
    equal(m.check("stat -c '%a %U' /var/lib/gwd/operator-token /var/lib/gwd/tls.key"), "600 root\n600 root\n", "modes")
    token = m.check("cat /var/lib/gwd/operator-token").strip()
    gwctl = "gwctl --api https://127.0.0.1:8443 --ca /var/lib/gwd/tls.crt --token-file /var/lib/gwd/operator-token "
    m.check("printf '[{\"path\": \"/macPools/vms\", \"body\": {\"properties\": {\"startMacAddress\": \"020000000000\", "
            "\"endMacAddress\": \"0200000000FF\"}}}]' >/root/pool.json; " + gwctl + "apply -f /root/pool.json")
    require("vms" in m.check(gwctl + "get macpools"), "what was applied is there")

    def console():
        with open(os.path.join(m.logs, "serial.log"), errors="replace") as f:
            return f.read().count(token)
    case.eventually(console, "the token is on the console", 60)
    through(m, "systemctl restart gwd; systemctl restart gwd-first-token.path")
    m.wait_gwd()
    m.check(gwctl + "get macpools")
    equal(console(), 1, "how often the console has shown it")
    m.check("journalctl -b --no-pager >/run/journal && grep -q first-operator /run/journal")
    equal(m.run("grep -F %s /run/journal" % token)[0], 1, "the journal has it")
    m.check("sed -i 's|^roles = .*|#roles = host|; s|^listen = .*|#listen = unix:/run/gwd/api.sock|' /etc/gwd/gwd.conf")
    through(m, "systemctl restart gwd")
    m.wait_gwd()


# --- the package -------------------------------------------------------------------------------------------------------------

def package(m, version, build=None):
    """The package as it is, as another version; with the daemon and the plugin of another build."""
    tree, path = os.path.join(case.WORK, "deb"), os.path.join(case.WORK, "gwd_%s.deb" % version)
    arch = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    subprocess.run(["dpkg-deb", "-R", "%s/build/gwd_%s_%s.deb" % (vm.ROOT, m.version, arch), tree], check=True)
    control = os.path.join(tree, "DEBIAN/control")
    with open(control) as f:
        text = f.read()
    with open(control, "w") as f:
        f.write(re.sub(r"(?m)^Version: .*", "Version: " + version, text))
    if build:
        for mode, source, path_there in (("755", "gwd", "usr/sbin/gwd"), ("644", "plugins/nat.so", "usr/lib/gwd/plugins/nat.so")):
            subprocess.run(["install", "-m", mode, "-s", os.path.join(build, source), os.path.join(tree, path_there)], check=True)
        os.remove(os.path.join(tree, "DEBIAN/md5sums"))
    subprocess.run(["dpkg-deb", "-b", "-Zxz", tree, path], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["rm", "-rf", tree], check=True)
    with open(path, "rb") as f:
        return f.read()


def intent(m):
    """What gwd was told, without what it counts."""
    ports = json.loads(m.check("gwctl port list -o json"))
    gateways = [json.loads(m.check("gwctl %s list -o json" % kind)) for kind in ("virtual-gateway", "public-address", "nat-rule")]
    return (m.check("gwctl lookup-record list -o json; gwctl customer-route list -o json"),
            [[p["properties"][k] for k in ("Interface", "MACAddress", "VirtualSubnetID")] for p in ports],
            [o["resourceId"] for kind in gateways for o in kind])


def install(m, name):
    kept = namespaces(m)
    through(m, "DEBIAN_FRONTEND=noninteractive dpkg -i /root/%s.deb" % name, 200)
    equal(namespaces(m), kept, "namespaces")
    m.check("grep -q ' /usr/lib/gwd/plugins/nat.so$' /proc/%s/maps" % main_pid(m))  # the one that has just come


@g.case("upgrade of the package under traffic loses nothing, and changes neither records nor configuration")
def _(m):
    m.put("/root/now.deb", package(m, m.version))
    m.put("/root/next.deb", package(m, m.version + "+1"))
    m.put("/root/abi.deb", package(m, m.version + "+2", case.next_build()))
    m.check("echo '# mine' >>/etc/gwd/gwd.conf")
    records = intent(m)
    install(m, "next")
    equal(m.check("dpkg-query -W -f '${Version}' gwd"), m.version + "+1", "version")
    equal(intent(m), records, "records")
    require("# mine" in m.check("cat /etc/gwd/gwd.conf"), "the operator's configuration")


@g.case("upgrade to another map layout, and back, under traffic loses nothing")
def _(m):
    install(m, "abi")
    install(m, "now")
    equal(m.check("dpkg-query -W -f '${Version}' gwd"), m.version, "version")


@g.case("removal takes everything out of the kernel, purge everything from the disk")
def _(m):
    m.check("systemctl start gwd-bird@gwd-kept; echo '[wrong' >>/etc/gwd/gwd.conf")
    status, said = m.run("DEBIAN_FRONTEND=noninteractive dpkg -r gwd", 120)
    require(status != 0 and "mend /etc/gwd/gwd.conf" in said, "a removal that cannot know what to remove: %s" % said)
    m.check("sed -i '$d' /etc/gwd/gwd.conf")
    equal(tables(m, IN_VRF), ["table inet gwd-nat"], "tables of the virtual gateway")
    m.check("ip link add seen type veth peer name seen netns " + VRF)  # goes when the kernel has no such namespace any more
    m.check("DEBIAN_FRONTEND=noninteractive dpkg -r gwd", 120)
    equal(programs(m), ([], []), "programs on the interfaces")
    # One question each: a status hidden in a pipe would answer for all of them.
    links = [d["ifname"] for d in json.loads(m.check("ip -j link"))]
    equal([n for n in links if n.startswith(("gwd", "gwo", "gwe"))], [], "devices")
    equal(m.check("ls /sys/fs/bpf"), "", "pins")
    # That one is no virtual gateway's of this node: it may be another's on the same machine, or somebody's own.
    equal(m.check("ls /run/netns").split(), ["far", "gwd-kept", "out", "vm"], "namespaces")
    case.eventually(lambda: m.run("test -e /sys/class/net/seen")[0] == 1, "what was in the virtual gateway's is gone", 30)
    equal(tables(m), [], "tables of the node's own")
    equal(m.run("test -e /run/gwd-bird")[0], 1, "/run/gwd-bird is there")
    equal(m.check("systemctl list-units --no-legend gwd.service 'gwd-netns*' 'gwd-bird*'"), "", "units")
    require("mine" in m.check("cat /etc/gwd/gwd.conf"), "configuration stays")
    m.check("DEBIAN_FRONTEND=noninteractive dpkg -P gwd", 120)
    equal(m.run("ls -d /etc/gwd /var/lib/gwd /run/gwd /usr/lib/gwd 2>/dev/null")[1], "/usr/lib/gwd\n",
          "what is left (the image's own banner)")


@g.case("a first installation works at once, without a restart of the machine")
def _(m):
    m.check("groupdel gwd-bird; sysctl -qw %s=65536" % CONNECTIONS)
    said = m.check("DEBIAN_FRONTEND=noninteractive dpkg -i /root/now.deb", 200)
    require("Failed" not in said, "installing it complains: %s" % said)
    m.wait_gwd()
    equal(m.check("stat -c '%a %U %G' /run/gwd-bird /run/gwd-netns"), "2770 root gwd-bird\n700 root root\n", "directories")
    equal(m.check("sysctl -n " + CONNECTIONS), "262144\n", "the kernel's bound of tracked connections")
    equal(holder(m, "add", "gwd-first"), 0, "errno of add")


if __name__ == "__main__":
    suite.main()
