"""A controller and the hosts that it manages: daemons in namespaces of their own, TLS and client certificates between them.

        c       gwd, controller  eth0 10.9.0.1 --+
        h1, ... gwd, host        eth0 10.9.0.N --+-- br0                        the fabric's namespace: three switches,
                                 eth1 -- rack1 (192.168.1.1/24), rack2 (192.168.2.1/24)      and the router between racks

What a controller says that a node is to hold, and what the node holds, are the same kind of dict: {"/hnv/KIND/ID": properties}.
"""
import http.client
import json

from lib import case, maps, tls
from lib.case import Failed, equal, eventually, require
from lib.gwd import BASE, Gwd
from lib.net import run
from lib.world import World

ADDRESS, URL = "10.9.0.1", "https://10.9.0.1:8443"
RACKS = {"rack1": "192.168.1.1", "rack2": "192.168.2.1"}
KINDS = {"lookup-record": "lookupRecords", "customer-route": "customerRoutes", "provider-address": "providerAddresses",
         "provider-route": "providerRoutes", "port": "ports"}
STEADY = ("provisioningState", "configurationState")


class Managed(World):
    """The fabric and a controller; hosts come by host()."""

    def __init__(self):
        super().__init__()
        self.switches = {}  # label of a cable: its bridge, where that is not br0
        self.make_fabric()
        for i, (name, address) in enumerate(RACKS.items()):
            self.fabric.ip("link add %s address 02:ee:00:00:01:%02x type bridge" % (name, i))
            self.fabric.ip("link set %s up" % name)
            self.fabric.ip("addr add %s/24 dev %s" % (address, name))
        self.fabric.sysctl("net.ipv4.ip_forward=1")
        self.servers, self.nodes = tls.Authority("servers"), tls.Authority("nodes")
        self.c = self.make_controller()
        self.c.start()

    def make_controller(self):
        netns = self.namespace("c")
        self.plug(netns, "eth0", "mc")
        netns.ip("addr add %s/24 dev eth0" % ADDRESS)
        cert, key = self.servers.issue("controller", usage="serverAuth", san="IP:" + ADDRESS)
        c = Gwd(netns, "c", {"node": {"roles": "controller"}, "api": {
            "tls_cert": cert, "tls_key": key, "client_ca": self.nodes.cert}})
        c.settings["api"]["listen"] = "unix:%s, %s" % (c.socket_path, URL)
        c.configure()
        return c

    def plug(self, netns, dev, label, mtu=1500, queues=1, bridge="br0"):
        super().plug(netns, dev, label, mtu, queues, self.switches.get(label, bridge))

    def managed(self, name, server, rack, number, state_disk=None, start=True):
        """A host that is /servers/SERVER to its controller. `state_disk`: the size of a disk of its own for the state."""
        self.switches[name] = rack
        h = self.host(name, None, start=False)
        h.server, h.address, h.cable = server, "10.9.0.%d" % number, "m" + name
        self.plug_in(h)
        h.certificate = self.nodes.issue(server)
        self.follow(h, h.certificate)
        self.let_in(server)
        if state_disk:
            self.mount(h.gwd.state_dir, "size=%s,mode=0700" % state_disk)
        if start:
            h.gwd.start()
        return h

    def plug_in(self, h):
        """The cable to the controller."""
        self.plug(h.netns, "eth0", h.cable)
        h.netns.ip("addr add %s/24 dev eth0" % h.address)

    def reboot(self, h):
        """The host is switched off and on again; its daemon and its VMs are not started yet."""
        h.gwd.kill()
        super().reboot(h)
        eventually(lambda: self.fabric.run(["ip", "link", "show", "dev", h.cable], ok=None).returncode, "so is the other cable")
        self.plug(h.netns, "eth1", h.name)
        self.plug_in(h)

    def follow(self, h, certificate):
        """What the host's configuration says from its next start on."""
        h.gwd.settings["controller"] = {"urls": URL, "server": h.server, "ca": self.servers.cert,
                                        "client_cert": certificate[0], "client_key": certificate[1]}
        h.gwd.configure()

    def let_in(self, server):
        self.c.ctl("certificate", "add", server, "--subject", server, "--role", "host")

    def down(self):
        try:
            if self.c.process is not None:
                self.c.stop()
        finally:
            try:
                super().down()
            finally:
                run(["rm", "-rf", self.c.dir])

    # --- the management network ---------------------------------------------------------------------------------------

    def cut(self, h):
        """Nothing arrives any more, and nobody is told."""
        self.fabric.ip("link set dev %s nomaster" % h.cable)

    def mend(self, h):
        self.fabric.ip("link set dev %s master br0" % h.cable)

    def client(self, h, cert=None, **kw):
        """A connection to the controller from the host's address, with the host's certificate or another."""
        return tls.Client(h.netns, ADDRESS, ca=self.servers.cert, cert=cert or h.certificate, **kw)

    # --- the controller's resources -------------------------------------------------------------------------------------

    def ask(self, method, path, body=None):
        return self.c.request(method, BASE + path, body)

    def get(self, path):
        r = self.ask("GET", path)
        equal(r.status, 200, "GET %s (%s)" % (path, r.body[:300]))
        return r.json()

    def put(self, path, properties, **envelope):
        r = self.ask("PUT", path, dict(envelope, properties=properties))
        require(r.status in (200, 201), "PUT %s: %d %s" % (path, r.status, r.body[:500]))
        return r.json()

    def change(self, path, **properties):
        """The resource as it is, but for these properties; None takes one away."""
        now = self.get(path)
        wanted = {k: v for k, v in {**now["properties"], **properties}.items() if v is not None and k not in STEADY}
        return self.put(path, wanted, **{k: now[k] for k in ("resourceMetadata", "tags") if k in now})

    def batch(self, elements):
        r = self.ask("POST", "/batch", elements)
        require(r.status in (200, 201, 202), "batch: %d %s" % (r.status, r.body[:500]))
        return r.json()

    def everything(self):
        return json.loads(self.c.ctl("get", "all", "-o", "json"))["value"]

    def delete_everything(self):
        gone = []
        for r in self.everything():
            tenant = r.get("resourceMetadata", {}).get("tenantId")
            gone.append({"path": r["resourceRef"] + ("?tenantId=" + tenant if tenant else ""), "method": "DELETE"})
        self.batch(gone)
        equal(self.everything(), [], "resources that are left")

    def standing(self, path):
        """(provisioningState, configurationState's status, its details as (source, code, message))"""
        properties = self.get(path)["properties"]
        state = properties["configurationState"]
        return (properties["provisioningState"], state["status"],
                [(d["source"], d["code"], d["message"]) for d in state["detailedInfo"]])

    def reaches(self, path, status, source, words, deadline=45):
        """The resource's state gets this status, with a detail of `source` that has all the words."""
        def probe():
            provisioning, now, details = self.standing(path)
            fits = [d for d in details if d[0] == source and all(w in " ".join(d[1:]) for w in words)]
            if now == status and (fits or not words) and provisioning == "Succeeded":
                return True
            raise Failed("%s, %s %s" % (provisioning, now, details))
        eventually(probe, "%s is %s: %s" % (path, status, words), deadline, 0.1)

    # --- what nodes are to hold, and hold -------------------------------------------------------------------------------

    def wanted(self, server):
        """What the controller tells the node, all of it."""
        path = "/servers/%s/state" % server
        page = self.get(path)
        require(page["full"], "an answer to nothing is full")
        changes, epoch = page["changes"], page["epoch"]
        while "more" in page:
            page = self.get("%s?epoch=%s&more=%s" % (path, epoch, page["more"]))
            changes += page["changes"]
        found = {}
        for change in changes:
            if "put" in change:
                found[change["put"]] = change["properties"]
            elif "delete" in change:
                found.pop(change["delete"], None)
            else:
                found = {p: v for p, v in found.items() if v.get("VirtualSubnetID") != change["forget"]}
        return found

    @staticmethod
    def held(h):
        """What the node has; of each what was asked for: live properties begin with a small letter."""
        return {"/hnv/%s/%s" % (path, i): {k: v for k, v in p.items() if k[0].isupper()}
                for kind, path in KINDS.items() for i, p in h.gwd.list(kind).items()}

    def in_step(self, h):
        """Whether the node holds what it is to hold and nothing else, and its kernel too; raises Failed with what differs."""
        wanted, held = self.wanted(h.server), self.held(h)
        different(wanted, held, "%s, (controller, node)" % h.name)
        maps.check(h, held)
        return True

    def converged(self, hosts=None, deadline=60):
        """Waits until the nodes are in step and the controller has heard so; returns how much each holds."""
        hosts = hosts or self.hosts
        for h in hosts:
            eventually(lambda h=h: self.in_step(h), "%s holds what it is to hold" % h.name, deadline, 0.1)
        for h in hosts:
            eventually(lambda h=h: self.standing("/servers/" + h.server)[0] == "Succeeded",
                       "the controller knows that %s has it all" % h.name, deadline, 0.1)
        return {h.name: len(self.held(h)) for h in hosts}

    def connected(self, h, deadline=60):
        """The node says so itself."""
        eventually(lambda: link(h)["state"] == "Connected", "%s follows its controller" % h.name, deadline, 0.1)


def link(h):
    """What the node says of its controller."""
    try:
        return h.gwd.status()["controller"]
    except (OSError, http.client.HTTPException) as e:
        raise Failed("%s: %s" % (h.name, e)) from e


def different(wanted, got, what):
    """Raises Failed with the first entries that differ between two dicts, if any do."""
    wrong = {k: (wanted.get(k), got.get(k)) for k in sorted(set(wanted) | set(got), key=str)
             if wanted.get(k) != got.get(k)}
    if wrong:
        raise Failed("%s: %d of %d differ, such as %s" % (
            what, len(wrong), len(wanted), {k: wrong[k] for k in list(wrong)[:4]}))


def is_empty(w, h):
    """Nothing of any controller is on the node: records, maps, addresses, routes, programs on the interfaces of VMs."""
    different({}, w.held(h), h.name)
    maps.check(h, {})
    return True


def switch(h, vm, to):
    """The VM's port is unplugged here and plugged in there, as when a VM moves; the VM itself notices nothing."""
    run(["ip", "-n", h.netns.name, "link", "set", "dev", vm.port, "netns", to.netns.name])
    to.netns.ip("link set dev %s up" % vm.port)
    vm.host = to


def sample():
    return case.root() + "/configs/samples/two-customers.json"
