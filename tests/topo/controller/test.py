#!/usr/bin/python3
# time-limit: 500
# outside-only
# A controller drives two hosts: what is asked of it becomes packets that arrive, and of others' things nobody learns or changes anything.
#
#   contoso-sql 10.1.1.11 \                                                       / contoso-web 10.1.1.12
#                          h1 eth1 192.168.1.10 -- the PA router -- 192.168.2.20 h2
#   fabrikam-sql 10.1.1.11/   |                   (fab: .1.1, .2.1)              |  \ fabrikam-web 10.1.1.12
#                            eth0 -------- br0 -------- eth0 c (controller) -----+
#
# configs/samples/two-customers.json as it is; host1 and host2 are what it calls h1 and h2.
# Covers API-1, API-2 (managed nodes), API-3 (role host, certificates), FWD-6, FWD-12's first sentence, ENC-1, ENC-2, and the rules
# "How intent becomes records".
import json
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, maps, tls, traffic, wire
from lib.case import equal, eventually, require
from lib.gwd import BASE
from lib.manager import KINDS, URL, Managed, is_empty, link, sample, switch

CONTOSO, FABRIKAM = 5001, 6001
PA1, PA2 = "192.168.1.10", "192.168.2.20"
NICS = {"contoso-sql": ("contoso1", "h1", CONTOSO, "10.1.1.11"), "contoso-web": ("contoso2", "h2", CONTOSO, "10.1.1.12"),
        "fabrikam-sql": ("fabrikam1", "h1", FABRIKAM, "10.1.1.11"), "fabrikam-web": ("fabrikam2", "h2", FABRIKAM, "10.1.1.12")}
suite = case.Suite()


def setup():
    w = Managed()
    w.h1 = w.managed("h1", "host1", "rack1", 11)
    w.h2 = w.managed("h2", "host2", "rack2", 12)
    return w


def colons(text):
    return ":".join(text[i:i + 2] for i in range(0, 12, 2)).lower()


def apply(w, resources, *options):
    """gwctl apply of these."""
    path = case.WORK + "/applied.json"
    with open(path, "w") as f:
        json.dump(resources, f)
    return w.c.ctl_raw("apply", "-f", path, *options)


def with_method(w, network, method):
    now = w.get("/virtualNetworks/" + network)
    now["properties"]["encapsulationMethod"] = method
    return now


def reach_all(w):
    traffic.reach(w.vm["contoso-sql"], w.vm["contoso-web"])
    traffic.reach(w.vm["contoso-web"], w.vm["contoso-sql"])
    traffic.reach(w.vm["fabrikam-web"], w.vm["fabrikam-sql"])


g = suite.group("", setup)


@g.case("nodes that nobody has made yet are told so, hold nothing, and say it themselves")
def _(w):
    for h in w.hosts:
        eventually(lambda h=h: link(h)["state"] == "Refused", "%s is refused" % h.name, 20)
        require(h.server in link(h)["lastError"], "the reason: %s" % link(h))
        require(is_empty(w, h), h.name)


@g.case("the sample is applied: both tenants have connectivity across the PA router, with the same addresses")
def _(w):
    for h in w.hosts:
        w.cut(h)
    p = w.c.ctl_raw("apply", "-f", sample(), "--wait", "500ms")
    for h in w.hosts:
        w.mend(h)
    require(all(line.endswith(" created") for line in p.stdout.splitlines()), p.stdout)
    equal(p.returncode, 1, "exit status while no node can come and no VM is there (%s)" % p.stderr)
    for path in ["/servers/" + h.server for h in w.hosts] + ["/networkInterfaces/" + name for name in NICS]:
        require(path + " failed: " in p.stderr, "%s is named:\n%s" % (path, p.stderr))
    w.vm = {}
    for name, (port, host, vsid, address) in NICS.items():
        mac = colons(w.get("/networkInterfaces/" + name)["properties"]["privateMacAddress"])
        w.vm[name] = getattr(w, host).vm(port, mac, vsid, [address], attach=False)
    for h in w.hosts:
        w.connected(h)
    started = time.monotonic()
    case.note("records on each: %s" % w.converged())
    case.note("%.1f s until the interfaces of VMs that came later are ports" % (time.monotonic() - started))
    p = w.c.ctl_raw("apply", "-f", sample(), "--wait", "60s")
    equal((p.returncode, p.stderr), (0, ""), "exit status and reasons when they are")
    reach_all(w)
    for name in ("contoso", "fabrikam"):
        traffic.tcp_exact(w.vm[name + "-sql"], w.vm[name + "-web"], "10.1.1.12", 4 << 20)


@g.case("afterwards every resource is in place, and the nodes are active")
def _(w):
    def probe():
        for r in w.everything():
            state = (r["properties"]["provisioningState"], r["properties"]["configurationState"]["status"])
            equal(state, ("Succeeded", "Success"), "%s (%s)" % (r["resourceRef"], r["properties"]["configurationState"]))
        return True

    eventually(probe, "all are in place", 45, 0.2)
    for h in w.hosts:
        equal(w.get("/servers/" + h.server)["properties"]["state"], "Active", "state of " + h.server)


def node(w, server):
    """What the controller's status says of a node."""
    return next(n for n in w.c.status()["deployment"]["nodes"] if n["id"] == server)


@g.case("gwctl status: the controller's nodes, how far they are, what they drop; a node's controller")
def _(w):
    traffic.no_reach(w.vm["contoso-sql"], "10.1.1.99")
    eventually(lambda: node(w, "host1")["statistics"]["drops"].get("ArpUnanswered"), "host1's drops are told", 45, 0.2)
    deployment = w.c.status()["deployment"]
    equal({k: deployment[k] for k in ("tenants", "virtualNetworks", "networkInterfaces", "servers")},
          {"tenants": 2, "virtualNetworks": 2, "networkInterfaces": 4, "servers": 2}, "what there is")
    equal([(n["id"], n["state"], n["behind"], n["failed"]) for n in deployment["nodes"]],
          [("host1", "Active", 0, 0), ("host2", "Active", 0, 0)], "nodes")
    said = w.c.ctl("status")
    for word in ("host1", "host2", "Active"):
        require(word in said, "%s in the controller's status:\n%s" % (word, said))
    said = w.h1.gwd.ctl("status")
    for word in (URL, "Connected"):
        require(word in said, "%s in the host's status:\n%s" % (word, said))


@g.case("ENC-1, ENC-2: each network is carried as its encapsulationMethod says, from PA to PA, a hop between them")
def _(w):
    p = apply(w, with_method(w, "fabrikam", "NVGRE"), "--wait", "30s")
    equal(p.returncode, 0, p.stderr)
    with wire.Capture(w.fabric, "h1", "controller-wire") as cap:
        reach_all(w)
    rows = cap.fields(["vxlan.vni", "gre.key", "ip.src", "ip.dst", "ip.ttl"], "vxlan || gre")
    seen = set()
    for r in rows:
        vsid = int(r["gre.key"][0], 0) >> 8 if r["gre.key"] else int(r["vxlan.vni"][0])
        seen.add(("NVGRE" if r["gre.key"] else "VXLAN", vsid, r["ip.src"][0], r["ip.dst"][0], r["ip.ttl"][0]))
    equal(seen, {("VXLAN", CONTOSO, PA1, PA2, "64"), ("VXLAN", CONTOSO, PA2, PA1, "63"),
                 ("NVGRE", FABRIKAM, PA1, PA2, "64"), ("NVGRE", FABRIKAM, PA2, PA1, "63")},
          "(encapsulation, VSID, from, to, TTL on h1's cable)")
    equal(cap.count("_ws.malformed"), 0, "malformed frames")


@g.case("FWD-6: what one tenant sends arrives at that tenant's VM, never at the other's, which has the same addresses")
def _(w):
    with wire.Capture(w.vm["contoso-web"].netns, "eth0", "controller-contoso") as contoso, \
            wire.Capture(w.vm["fabrikam-web"].netns, "eth0", "controller-fabrikam") as fabrikam:
        traffic.udp_exact(w.vm["contoso-sql"], w.vm["contoso-web"], "10.1.1.12", [100] * 20, port=6100)
        traffic.udp_exact(w.vm["fabrikam-sql"], w.vm["fabrikam-web"], "10.1.1.12", [100] * 20, port=6200)
    equal((contoso.count("udp.dstport == 6100"), contoso.count("udp.dstport == 6200")), (20, 0), "at contoso's")
    equal((fabrikam.count("udp.dstport == 6100"), fabrikam.count("udp.dstport == 6200")), (0, 20), "at fabrikam's")
    w.put("/networkInterfaces/fabrikam-more", {
        "server": {"resourceRef": "/servers/host2"}, "ipConfigurations": [{"resourceId": "ip", "properties": {
            "subnet": {"resourceRef": "/virtualNetworks/fabrikam/subnets/hq"}, "privateIPAddress": "10.1.1.13"}}]},
        resourceMetadata={"tenantId": "Fabrikam"})
    w.converged()
    traffic.no_reach(w.vm["contoso-sql"], "10.1.1.13")
    equal(w.h1.gwd.list("lookup-record").keys() & {"5001-10.1.1.13", "6001-10.1.1.13"}, {"6001-10.1.1.13"}, "records of it")
    w.ask("DELETE", "/networkInterfaces/fabrikam-more?tenantId=Fabrikam")
    w.converged()


@g.case("apply --wait ends when it is in force on every node, and not before")
def _(w):
    for i in range(6):
        p = apply(w, with_method(w, "fabrikam", ("VXLAN", "NVGRE")[i % 2]), "--wait", "30s")
        equal(p.returncode, 0, "exit status (%s)" % p.stderr)
        for h in w.hosts:  # no waiting, no second try
            require(w.in_step(h), h.name)
    w.h2.gwd.process.send_signal(signal.SIGSTOP)
    try:
        p = apply(w, with_method(w, "fabrikam", "VXLAN"), "--wait", "3s")
        equal(p.returncode, 1, "exit status while host2 does nothing (%s)" % p.stdout)
        require("/virtualNetworks/fabrikam" in p.stderr and "not in place" in p.stderr, p.stderr)
        equal(w.standing("/virtualNetworks/fabrikam")[0], "Updating", "provisioningState of what is not everywhere yet")
        equal(w.standing("/virtualNetworks/contoso")[0], "Succeeded", "provisioningState of what has not changed")
        require(w.in_step(w.h1), "host1 does not wait for host2")
        w.put("/networkInterfaces/fabrikam-more", {
            "server": {"resourceRef": "/servers/host1"}, "ipConfigurations": [{"resourceId": "ip", "properties": {
                "subnet": {"resourceRef": "/virtualNetworks/fabrikam/subnets/hq"}, "privateIPAddress": "10.1.1.13"}}]},
            resourceMetadata={"tenantId": "Fabrikam"})
        p = apply(w, [{"method": "DELETE", "path": "/networkInterfaces/fabrikam-more?tenantId=Fabrikam"}], "--wait", "2s")
        equal(p.returncode, 1, "exit status of a deletion that host2 has not heard of (%s)" % p.stdout)
        require("not gone from every node" in p.stderr, p.stderr)
        require(node(w, "host2")["behind"] > 0 and node(w, "host1")["behind"] == 0, "who is behind: %s" % w.c.status()["deployment"])
    finally:
        w.h2.gwd.process.send_signal(signal.SIGCONT)
    p = apply(w, with_method(w, "fabrikam", "VXLAN"), "--wait", "30s")
    equal(p.returncode, 0, "exit status when host2 is back (%s)" % p.stderr)
    require(w.in_step(w.h2), "host2")


@g.case("apply --wait waits for hosts right after the controller's start too, and says what is not in force")
def _(w):
    w.c.kill()
    w.c.start()
    p = apply(w, with_method(w, "fabrikam", "NVGRE"), "--wait", "60s")
    equal((p.returncode, p.stderr), (0, ""), "exit status and reasons")
    for h in w.hosts:
        require(w.in_step(h), h.name)
    nic = {"resourceRef": "/networkInterfaces/off", "resourceMetadata": {"tenantId": "Contoso"}, "properties": {
        "server": {"resourceRef": "/servers/host1"}, "hostInterface": "nothere", "ipConfigurations": [
            {"resourceId": "ip", "properties": {"subnet": {"resourceRef": "/virtualNetworks/contoso/subnets/hq"}}}]}}
    p = apply(w, nic, "--wait", "3s")
    equal(p.returncode, 1, "exit status of a NIC whose interface is not there (%s)" % p.stdout)
    require("/networkInterfaces/off" in p.stderr and "does not exist" in p.stderr, p.stderr)
    w.ask("DELETE", "/networkInterfaces/off?tenantId=Contoso")
    p = apply(w, with_method(w, "fabrikam", "VXLAN"), "--wait", "30s")
    equal(p.returncode, 0, p.stderr)
    w.converged()


@g.case("a host whose underlay is down is no success, nor what is on it; and is again when it is up")
def _(w):
    def standing(path, status, word):
        got = w.get(path)["properties"]["configurationState"]
        return got["status"] == status and (not word or word in json.dumps(got["detailedInfo"]))

    w.h1.netns.ip("link set eth1 down")
    try:
        eventually(lambda: standing("/networkInterfaces/contoso-sql", "Failure", "eth1 is down"), "the NIC says so, in the words of its host", 20)
        eventually(lambda: standing("/servers/host1", "Failure", "eth1 is down"), "host1 says why", 20)
        require(standing("/virtualNetworks/contoso", "Warning", "NoUnderlay"), "its network has a warning")
        require("eth1 is down" in w.c.ctl("status"), "gwctl status:\n" + w.c.ctl("status"))
    finally:
        w.h1.netns.ip("link set eth1 up")
    for path in ("/networkInterfaces/contoso-sql", "/servers/host1", "/virtualNetworks/contoso"):
        eventually(lambda: standing(path, "Success", ""), "%s is well again" % path, 30)
    reach_all(w)


def subnets(records):
    """The virtual subnets that they speak of."""
    return {r["VirtualSubnetID"] for r in records.values() if "VirtualSubnetID" in r}


def place(w, nic, server):
    return w.change("/networkInterfaces/" + nic, server={"resourceRef": "/servers/" + server})


@g.case("FWD-12: a NIC is moved by PUT of its server: traffic follows; the other tenant's loses nothing; nothing stays behind")
def _(w):
    sql, web = w.vm["contoso-sql"], w.vm["contoso-web"]
    others = traffic.UdpFlow(w.vm["fabrikam-sql"], w.vm["fabrikam-web"], "10.1.1.12", 1000, 120 * case.SLOWNESS, port=7001)
    switch(w.h2, web, w.h1)
    place(w, "contoso-web", "host1")
    w.converged()
    traffic.reach(sql, web)
    with wire.Capture(w.fabric, "h1", "controller-moved") as cap:
        traffic.udp_exact(sql, web, web.v4, [200] * 50)
        traffic.udp_exact(web, sql, sql.v4, [200] * 50)
    equal(cap.count("vxlan.vni == %d" % CONTOSO), 0, "contoso's packets on the wire, both VMs being on h1")
    require(CONTOSO not in subnets(w.held(w.h2)), "h2 has nothing of contoso, of which no VM is there now")
    switch(w.h1, web, w.h2)
    place(w, "contoso-web", "host2")
    w.converged()
    traffic.reach(sql, web)
    traffic.reach(web, sql)
    others.end()
    r = others.result()
    case.note(r)
    equal((r["lost"], r["doubled"]), (0, 0), "(lost, doubled) of the other tenant's flow")


@g.case("a NIC whose interface is not there, is of the wrong kind, or is the node's own: its state says so, in the node's words")
def _(w):
    nic = "/networkInterfaces/contoso-web"
    w.change(nic, hostInterface="nothere")
    w.reaches(nic, "Failure", "host2", ["nothere", "does not exist"])
    w.h2.netns.ip("link add br9 type bridge")
    w.change(nic, hostInterface="br9")
    w.reaches(nic, "Failure", "host2", ["br9", "bridge"])
    w.h2.netns.ip("link del br9")
    w.change(nic, hostInterface="eth1")
    w.reaches(nic, "Failure", "gwd", ["InterfaceInUse", "eth1"])
    w.change(nic, hostInterface="eth0")
    w.reaches(nic, "Failure", "host2", ["eth0", "the node's own address"])
    for own in ("gwdcut0", "gwdcut1"):
        w.change(nic, hostInterface=own)
        w.reaches(nic, "Failure", "host2", [own, "gwd's own"])
    traffic.reach(w.vm["fabrikam-sql"], w.vm["fabrikam-web"])
    equal(w.standing("/networkInterfaces/fabrikam-web")[1], "Success", "state of another NIC of that host")
    w.change(nic, hostInterface="contoso2")
    w.reaches(nic, "Success", "host2", [])
    w.converged()
    traffic.reach(w.vm["contoso-sql"], w.vm["contoso-web"])


@g.case("an interface that appears after its NIC was placed becomes a port by itself")
def _(w):
    web = w.vm["contoso-web"]
    w.h2.netns.rename(web.port, "away0")
    w.change("/networkInterfaces/contoso-web", hostInterface="late0")
    w.reaches("/networkInterfaces/contoso-web", "Failure", "host2", ["late0"])
    w.h2.netns.rename("away0", "late0")
    w.reaches("/networkInterfaces/contoso-web", "Success", "host2", [])
    traffic.reach(w.vm["contoso-sql"], web)
    w.h2.netns.rename("late0", web.port)
    w.change("/networkInterfaces/contoso-web", hostInterface=web.port)
    w.reaches("/networkInterfaces/contoso-web", "Success", "host2", [])
    w.converged()
    traffic.reach(w.vm["contoso-sql"], web)


@g.case("a port whose interface goes, or loses its carrier, is not said to be in force")
def _(w):
    web, nic = w.vm["contoso-web"], "/networkInterfaces/contoso-web"
    w.h2.netns.rename(web.port, "away0")
    w.reaches(nic, "Failure", "host2", ["does not exist"])
    w.h2.netns.rename("away0", web.port)
    w.reaches(nic, "Success", "host2", [])
    web.netns.ip("link set eth0 down")
    w.reaches(nic, "Failure", "host2", ["carrier"])
    web.netns.ip("link set eth0 up")
    w.reaches(nic, "Success", "host2", [])
    traffic.reach(w.vm["contoso-sql"], web)


@g.case("several places of the controller: the first that answers is followed")
def _(w):
    w.h1.gwd.settings["controller"]["urls"] = "https://10.9.0.77:8443, https://10.9.0.11:8443, " + URL
    w.h1.gwd.configure()
    w.h1.gwd.restart()
    w.connected(w.h1)
    equal(link(w.h1)["url"], URL, "whom h1 follows")
    w.follow(w.h1, w.h1.certificate)
    w.h1.gwd.restart()
    w.connected(w.h1)


@g.case("API-2: on a managed node the records can be read, not set: 409 that names the controller")
def _(w):
    before = w.held(w.h1)
    record = {"properties": {"ProviderAddress": PA2, "MACAddress": "00155D999999"}}
    for method, path, body in (("PUT", "/hnv/lookupRecords/5001-10.1.1.99", record),
                               ("PUT", "/hnv/lookupRecords/5001-10.1.1.12", record),
                               ("DELETE", "/hnv/lookupRecords/5001-10.1.1.12", None),
                               ("DELETE", "/hnv/ports/contoso1", None),
                               ("POST", "/hnv/batch", [{"path": "/hnv/ports/contoso1", "method": "DELETE"}])):
        r = w.h1.gwd.request(method, path, body)
        equal((r.status, r.json()["error"]["code"]), (409, "Conflict"), "%s %s (%s)" % (method, path, r.body))
        require(URL in r.json()["error"]["message"], "the controller's place: %s" % r.body)
    p = w.h1.gwd.ctl_raw("port", "detach", "--interface", "contoso1")
    require(p.returncode == 1 and URL in p.stderr, "gwctl port detach: %d %s" % (p.returncode, p.stderr))
    equal(w.h1.gwd.request("GET", "/hnv/lookupRecords/5001-10.1.1.12").status, 200, "GET")
    equal(w.held(w.h1), before, "records")


FORBIDDEN = [
    ("GET", "/virtualNetworks", None), ("GET", "/virtualNetworks/contoso", None), ("GET", "/networkInterfaces", None),
    ("PUT", "/virtualNetworks/mine", {"properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}}}),
    ("DELETE", "/networkInterfaces/contoso-web", None), ("DELETE", "/networkInterfaces/contoso-web?tenantId=Contoso", None),
    ("POST", "/batch", []), ("POST", "/batch", [{"path": "/networkInterfaces/contoso-web", "method": "DELETE"}]),
    ("GET", "/servers", None), ("GET", "/servers/host1", None), ("PUT", "/servers/host1", {"properties": {}}),
    ("DELETE", "/servers/host1", None), ("GET", "/servers/host2", None),
    ("GET", "/servers/host2/state", None), ("GET", "/servers/host2/state?since=1&wait=1", None),
    ("GET", "/servers/HOST2/state", None), ("GET", "/servers/nobody/state", None),
    ("PUT", "/servers/host2/status", {"state": "Synced"}), ("PUT", "/servers/nobody/status", {"state": "Synced"}),
    ("GET", "/hnv/lookupRecords", None), ("PUT", "/hnv/lookupRecords/5001-10.1.1.99", {"properties": {}}),
    ("DELETE", "/hnv/ports/x", None), ("POST", "/hnv/batch", []),
    ("GET", "/access/tokens", None), ("GET", "/access/certificates", None),
    ("PUT", "/access/certificates/host1", {"properties": {"role": "operator", "subject": "host1"}}),
    ("PUT", "/access/tokens/mine", {"properties": {"role": "operator"}}), ("DELETE", "/access/certificates/host2", None),
    ("GET", "/monitoring/statistics", None), ("GET", "/monitoring/audit", None), ("POST", "/monitoring/trace", {}),
    ("GET", "/backup", None), ("PUT", "/backup", {}), ("GET", "/credentials", None), ("GET", "/operations/x", None),
]


@g.case("API-3: a host's credential reads its own state and reports its own status, and nothing else, of anybody's")
def _(w):
    w.put("/virtualNetworks/lonely", {"addressSpace": {"addressPrefixes": ["10.2.0.0/16"]}, "subnets": [
        {"resourceId": "s", "properties": {"addressPrefix": "10.2.1.0/24", "isolationId": 7001}}]})
    w.put("/networkInterfaces/lonely", {"server": {"resourceRef": "/servers/host2"}, "hostInterface": "lonely", "ipConfigurations": [
        {"resourceId": "ip", "properties": {"subnet": {"resourceRef": "/virtualNetworks/lonely/subnets/s"},
                                            "privateIPAddress": "10.2.1.5"}}]})

    def everything():
        return (w.c.status()["node"]["revision"], [(r["resourceRef"], r["etag"]) for r in w.everything()],
                w.c.ctl("certificate", "list"), w.c.ctl("token", "list"))

    before = everything()
    with w.client(w.h1) as c:
        for method, path, body in FORBIDDEN:
            r = c.request(method, BASE + path, body)
            equal((r.status, r.json()["error"]["code"]), (403, "Forbidden"), "%s %s (%s)" % (method, path, r.body[:200]))
        for path in ("/servers/host1/../host2/state", "/servers/host1%2F..%2Fhost2/state", "/servers//host2/state",
                     "/servers/host2/state/", "/Servers/Host2/State"):
            r = c.request("GET", BASE + path)
            require(r.status in (400, 403, 404) and b"changes" not in r.body, "%s: %d %s" % (path, r.status, r.body[:200]))
        for method in ("PUT", "DELETE", "POST"):
            r = c.request(method, BASE + "/servers/host1/state", {} if method != "DELETE" else None)
            require(r.status in (403, 405), "%s of its own state: %d" % (method, r.status))
        mine = c.request("GET", BASE + "/servers/Host1/state")
        equal(mine.status, 200, "its own state (%s)" % mine.body[:200])
        require(CONTOSO in subnets({str(i): c.get("properties", {}) for i, c in enumerate(mine.json()["changes"])}), "of contoso")
        require(b":7001" not in mine.body and b"10.2.1" not in mine.body, "nothing of a network that it has no part in")
        r = c.request("PUT", BASE + "/servers/host1/status", {
            "epoch": link(w.h1)["epoch"], "revision": link(w.h1)["revision"], "state": "Synced", "failures": [], "failed": 0})
        equal(r.status, 204, "its own status (%s)" % r.body)
    equal(everything(), before, "what there is afterwards")
    require(7001 in subnets(w.wanted("host2")) and 7001 not in subnets(w.wanted("host1")), "only host2 is told of it")
    w.batch([{"path": "/networkInterfaces/lonely", "method": "DELETE"}, {"path": "/virtualNetworks/lonely", "method": "DELETE"}])
    w.converged()


def refused_as(w, h, certificate, words, server=None):
    """The host comes with this certificate: it is refused and says why, and goes on with what it has."""
    before, h.server = h.server, server or h.server
    held = w.held(h)
    try:
        w.follow(h, certificate)
        h.gwd.restart()
        eventually(lambda: link(h)["state"] in ("Refused", "Away"), "%s is not let in" % h.name, 30)
        said = link(h)
        require(any(word in said["lastError"] for word in words), "one of %s in: %s" % (words, said))
        equal(w.held(h), held, "records")
        reach_all(w)
    finally:
        h.server = before
        w.follow(h, h.certificate)
        h.gwd.restart()
    w.connected(h)


@g.case("API-3: certificates of another authority, of another name, expired, not yet valid: refused, and the host forwards on")
def _(w):
    strangers = tls.Authority("strangers")
    for certificate, words in ((strangers.issue("host1"), ["trusted", "Unauthorized"]),
                               (w.nodes.issue("host1", dates=("20200101000000Z", "20210101000000Z")), ["expired"]),
                               (w.nodes.issue("host1", dates=("20490101000000Z", "20491231000001Z")), ["not valid yet"]),
                               (w.nodes.issue("nobody"), ["nobody"])):
        for method, path, body in (("GET", "/servers/host1/state", None), ("PUT", "/servers/host1/status", {"state": "Synced"})):
            with w.client(w.h1, cert=certificate) as c:
                r = c.request(method, BASE + path, body)
            equal(r.status, 401, "%s %s (%s)" % (method, path, r.body[:200]))
        refused_as(w, w.h1, certificate, words)
    refused_as(w, w.h1, w.h1.certificate, ["host2", "Forbidden"], server="host2")
    w.converged()


@g.case("API-3: a controller that the host's ca has not signed is told nothing and believed nothing")
def _(w):
    before = w.held(w.h1)
    w.h1.gwd.settings["controller"]["ca"] = w.nodes.cert
    w.h1.gwd.configure()
    w.h1.gwd.restart()
    eventually(lambda: link(w.h1)["state"] in ("Refused", "Away"), "h1 refuses", 30)
    require("certificate" in link(w.h1)["lastError"], "the reason: %s" % link(w.h1))
    equal(w.held(w.h1), before, "records")
    w.follow(w.h1, w.h1.certificate)
    w.h1.gwd.restart()
    w.connected(w.h1)


class Poll(threading.Thread):
    """Somebody with the host's certificate who waits for news."""

    def __init__(self, w, h):
        super().__init__(daemon=True)
        self.client, self.answer = w.client(h, timeout=60), None
        at = self.client.request("GET", BASE + "/servers/%s/state" % h.server).json()
        require("revision" in at, "one page")
        self.path = "%s/servers/%s/state?epoch=%s&since=%d&wait=50" % (BASE, h.server, at["epoch"], at["revision"])
        case.after_case.append(self.client.close)

    def run(self):
        self.answer = self.client.request("GET", self.path)


@g.case("API-3: access that is taken away ends at once, also for who is waiting; the host forwards on, and comes back with it")
def _(w):
    w.connected(w.h2)
    held, poll = w.held(w.h2), Poll(w, w.h2)
    poll.start()
    w.c.ctl("certificate", "del", "host2")
    w.put("/networkInterfaces/secret", {"server": {"resourceRef": "/servers/host2"}, "ipConfigurations": [
        {"resourceId": "ip", "properties": {"subnet": {"resourceRef": "/virtualNetworks/contoso/subnets/hq"},
                                            "privateIPAddress": "10.1.1.66"}}]}, resourceMetadata={"tenantId": "Contoso"})
    poll.join(20 * case.SLOWNESS)
    require(poll.answer, "who waited is answered")
    equal(poll.answer.status, 401, "the answer (%s)" % poll.answer.body[:300])
    require(b"10.1.1.66" not in poll.answer.body, "the answer tells nothing")
    eventually(lambda: link(w.h2)["state"] == "Refused", "h2 is refused", 90)
    equal(w.held(w.h2), held, "records of h2")
    require("5001-10.1.1.66" in w.h1.gwd.list("lookup-record"), "h1, which is let in, has the record")
    reach_all(w)
    w.let_in("host2")
    w.connected(w.h2)
    w.converged()
    require("5001-10.1.1.66" in w.h2.gwd.list("lookup-record"), "h2 has it then")
    w.ask("DELETE", "/networkInterfaces/secret?tenantId=Contoso")
    w.converged()


@g.case("API-2: without a controller a node that starts anew forwards with what it had; what changed meanwhile comes when it is back")
def _(w):
    held = {h.name: w.held(h) for h in w.hosts}
    w.c.kill()
    for h in w.hosts:
        h.gwd.kill()
        h.gwd.start()
    reach_all(w)
    equal({h.name: w.held(h) for h in w.hosts}, held, "records")
    for h in w.hosts:
        maps.check(h, held[h.name])
    w.h2.gwd.stop()
    w.c.start()
    p = apply(w, with_method(w, "fabrikam", "NVGRE"))
    equal(p.returncode, 0, p.stderr)
    w.h2.gwd.start()
    w.converged()
    require(all(r["Encapsulation"] == "NVGRE" for p, r in w.held(w.h2).items() if p.startswith("/hnv/lookupRecords/6001-")), "h2 knows")
    reach_all(w)


@g.case("API-2: a host that is switched off and on while there is no controller forwards with what it had")
def _(w):
    held = w.held(w.h1)
    w.c.kill()
    w.reboot(w.h1)
    mine = [name for name, vm in w.vm.items() if vm.host is w.h1]
    for name in mine:
        w.vm[name] = w.power_on(w.vm[name])
    w.h1.gwd.start()
    equal(w.held(w.h1), held, "records")
    for name in mine:
        w.h1.gwd.wait_port(w.vm[name].port)
    reach_all(w)
    maps.check(w.h1, held)
    w.c.start()
    for h in w.hosts:
        w.connected(h)
    w.converged()
    reach_all(w)


@g.case("what was changed on a node from outside is repaired")
def _(w):
    w.h1.netns.ip("addr del %s/24 dev eth1" % PA1)
    w.h1.netns.run("tc qdisc del dev contoso1 clsact", ok=None)
    eventually(lambda: w.in_step(w.h1) and w.h1.gwd.port("contoso1")["state"] == "Up", "h1 is as it was", 90, 0.2)
    eventually(lambda: traffic.ping(w.vm["contoso-sql"], "10.1.1.12", 1)[0] == 1, "contoso-sql reaches contoso-web", 20)
    reach_all(w)


@g.case("deleting everything leaves nothing on any node: no record, map entry, address, route or program on a VM's interface")
def _(w):
    w.delete_everything()
    for h in w.hosts:
        eventually(lambda h=h: is_empty(w, h), "%s is empty" % h.name, 60, 0.2)
        equal({k: h.gwd.list(k) for k in KINDS}, {k: {} for k in KINDS}, h.name)
        require(h.gwd.request("GET", "/readyz").status == 200, "%s is ready" % h.name)
    traffic.no_reach(w.vm["contoso-sql"], "10.1.1.12")


@g.case("and the sample can be applied again")
def _(w):
    w.c.ctl("apply", "-f", sample())
    for h in w.hosts:
        w.connected(h)
    w.converged()
    equal(sorted(w.h1.gwd.list("port")), ["contoso1", "fabrikam1"], "ports of h1")


if __name__ == "__main__":
    suite.main()
