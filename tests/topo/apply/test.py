#!/usr/bin/python3
# gwctl with a controller: apply, get and delete of resources, and their completion.
#
#   gwctl -- a (roles = controller)        gwctl -- b: an empty one for the round trip; no interfaces, no traffic
#
# Covers API-1 (all or nothing, errors name element and property, what was accepted is durable) as operators meet it.
# outside-only
import http.server
import json
import os
import re
import socket
import socketserver
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case
from lib.case import equal, require
from lib.gwd import BASE, Gwd
from lib.net import run

HERE = os.path.dirname(os.path.abspath(__file__))
EVERYTHING = HERE + "/everything.json"
OURS = ("etag", "instanceId", "lastUpdatedTime")  # what only the daemon says of a resource
STATES = ("provisioningState", "configurationState")  # after a start nodes have some time to say it again
suite = case.Suite()


class Host:
    """Where the controllers run: here."""

    @staticmethod
    def argv(argv):
        return argv


class World:
    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.url = "https://127.0.0.1:%d" % probe.getsockname()[1]
        self.a = self.controller("a", {"api": {"listen": "unix:%s/a/run/api.sock, %s" % (case.WORK, self.url)}})
        self.b = self.controller("b")
        self.a.start()
        self.b.start()

    @staticmethod
    def controller(name, settings=None):
        gwd = Gwd(Host, name, dict(settings or {}, node={"roles": "controller"}))
        case.after_group.append(lambda: gwd.process and gwd.stop())
        return gwd


def names(gwd):
    return [w for w in run([gwd.build + "/gwctl", "--list-words", "get"]).stdout.split() if not w.startswith("-")]


def stripped(value, without=()):
    """Without what only the daemon says; who refers to a resource has no order."""
    if isinstance(value, dict):
        return {k: stripped(v, without) for k, v in value.items() if k not in OURS + tuple(without)}
    if not isinstance(value, list):
        return value
    bare = all(isinstance(v, dict) and list(v) == ["resourceRef"] for v in value)
    return sorted(value, key=lambda v: v["resourceRef"]) if bare else [stripped(v, without) for v in value]


def by_name(resources, without=()):
    """Resources of tenants may have the names of others."""
    return {(r["resourceRef"], r.get("resourceMetadata", {}).get("tenantId")): stripped(r, without) for r in resources}


def everything(gwd):
    return json.loads(gwd.ctl("get", "all", "-o", "json"))["value"]


def verdicts(said):
    """{path: what became of it}"""
    return dict(line.split(" ", 1) for line in said.splitlines())


def write(text):
    path = case.WORK + "/net.json"
    with open(path, "w") as f:
        f.write(text if isinstance(text, str) else json.dumps(text))
    return path


def network(name, **properties):
    return {"resourceRef": "/virtualNetworks/" + name,
            "properties": dict({"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}}, **properties)}


g = suite.group("", World)


@g.case("a file with every kind of resource, in no order, is applied as one; the second time nothing changes")
def _(w):
    with open(EVERYTHING) as f:
        elements = json.load(f)
    before = w.a.status()["node"]["revision"]
    p = w.a.ctl_raw("apply", "-f", EVERYTHING, "--wait", "1s", ok=(1,))
    for line in p.stderr.splitlines():
        require("HostUnreachable" in line, "all that is wrong is that its servers are no nodes: " + line)
    said = verdicts(p.stdout)
    equal(said, {e["path"]: "created" for e in elements}, "what was said")
    equal(w.a.status()["node"]["revision"], before + 1, "one transaction")
    for name in names(w.a):
        found = json.loads(w.a.ctl("get", name, "-o", "json"))["value"]
        require(found, "%s: there are none in everything.json" % name)
    first = everything(w.a)
    said = verdicts(w.a.ctl("apply", "-f", EVERYTHING))
    equal(set(said.values()), {"unchanged"}, "what was said the second time")
    equal(everything(w.a), first, "resources after the second time, with their etags")


@g.case("what get shows of everything, applied to an empty controller, gives the same resources, also after a restart")
def _(w):
    shown = w.a.ctl("get", "all", "-o", "json")
    require("not-to-be-seen" not in shown, "a secret is shown")
    p = w.b.ctl_raw("apply", "-f", "-", stdin=shown, ok=(1,))
    require("MissingProperty" in p.stderr and "properties.value" in p.stderr, "secrets are lost without a word: " + p.stderr)
    equal(everything(w.b), [], "all or nothing")
    listed = json.loads(shown)
    for r in listed["value"]:
        if r["resourceRef"].startswith("/credentials/"):
            r["properties"]["value"] = "not-to-be-seen"
    shown = json.dumps(listed)
    said = w.b.ctl_raw("apply", "-f", "-", stdin=shown, ok=(0,)).stdout
    equal(set(verdicts(said).values()), {"created"}, "what was said")
    equal(by_name(everything(w.b)), by_name(everything(w.a)), "resources there")
    equal(set(verdicts(w.b.ctl_raw("apply", "-f", "-", stdin=shown, ok=(0,)).stdout).values()), {"unchanged"}, "once more")
    before = everything(w.b)
    w.b.restart()
    equal(by_name(everything(w.b), STATES), by_name(before, STATES), "resources after the restart")
    equal(sorted(r["etag"] for r in everything(w.b)), sorted(r["etag"] for r in before), "etags after the restart")


@g.case("the sample of two customers with the same addresses is what an empty controller takes, and comes back by name")
def _(w):
    c = w.controller("c")
    c.start()
    sample = os.path.join(case.root(), "configs/samples/two-customers.json")
    with open(sample) as f:
        paths = [e["path"] for e in json.load(f)]
    equal(verdicts(c.ctl("apply", "-f", sample)), dict.fromkeys(paths, "created"), "what was said")
    nics = json.loads(c.ctl("get", "networkinterfaces", "-o", "json"))["value"]
    where = [n["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] for n in nics]
    equal(sorted(where), ["10.1.1.11", "10.1.1.11", "10.1.1.12", "10.1.1.12"], "addresses")
    one = json.loads(c.ctl("get", "virtualnetwork", "contoso", "-o", "json"))
    equal(one["properties"]["subnets"][0]["properties"]["isolationId"], 5001, "VSID")
    c.stop()


@g.case("every kind has a table of at most 80 columns, a wide one, and IDs that lead to one resource each")
def _(w):
    for name in names(w.a):
        if name == "all":
            continue
        resources = json.loads(w.a.ctl("get", name, "-o", "json"))["value"]
        table = w.a.ctl("get", name).splitlines()
        wide = w.a.ctl("get", name, "-o", "wide").splitlines()
        equal(len(table), len(resources) + 1, "lines of the table of " + name)
        require(all(len(line) <= 80 for line in table), "%s is too wide:\n%s" % (name, "\n".join(table)))
        require(table[0].startswith("ID") and len(wide[0]) >= len(table[0]), "titles of " + name)
        for line, resource in zip(table[1:], resources):
            one = line.split()[0]
            if resource["resourceRef"].startswith("/virtualNetworks/blue") and one in ("blue", "blue/web"):
                continue  # a tenant has the same name
            got = json.loads(w.a.ctl("get", name.rstrip("s") if "address" not in name else name, one, "-o", "json"))
            equal(got, resource, "%s %s" % (name, one))


@g.case("an ID of the parent shows what is below it; a tenant's own are told apart")
def _(w):
    rows = w.a.ctl("get", "aclrules", "web").splitlines()[1:]
    equal([r.split()[0] for r in rows], ["web/https", "web/ping"], "rules of web")
    pools = json.loads(w.a.ctl("get", "logical-ip-pools", "provider", "-o", "json"))["value"]
    equal([p["resourceId"] for p in pools], ["hosts", "groups"], "pools of all subnets of provider")
    equal(len(w.a.ctl("get", "subnets").splitlines()), 6, "subnets of all networks")
    equal(len(w.a.ctl("get", "subnets", "--tenant", "contoso").splitlines()), 2, "subnets of contoso")
    theirs = json.loads(w.a.ctl("get", "vnet", "blue", "--tenant", "contoso", "-o", "json"))
    equal(theirs["resourceMetadata"]["tenantId"], "contoso", "contoso's blue")
    require("resourceMetadata" not in json.loads(w.a.ctl("get", "vnet", "blue", "-o", "json")), "the operator's blue")
    require("contoso" in w.a.ctl("get", "vnets"), "the table says whose")
    # Children do not say themselves whose they are: gwctl does, so that they can be told apart, and applied again.
    rows = [line.split() for line in w.a.ctl("get", "subnets").splitlines()]
    owner = rows[0].index("TENANT") - len(rows[0])
    equal(sorted(r[owner] for r in rows if r[0] == "blue/web"), ["-", "contoso"], "whose the two blue/web are")
    only = {"path": "/virtualNetworks/only?tenantId=contoso", "body": {"properties": {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [{"resourceId": "s", "properties": {
            "addressPrefix": "10.0.1.0/24", "ipPools": [{"resourceId": "p", "properties": {
                "startIpAddress": "10.0.1.10", "endIpAddress": "10.0.1.20"}}]}}]}}}
    w.a.ctl("apply", "-f", write([only]))
    for what in (["subnets"], ["subnets", "only"], ["ippools"], ["ippools", "only/s"], ["ippools", "only/s/p"], ["subnet", "only/s"],
                 ["subnet", "blue/web"], ["subnet", "blue/web", "--tenant", "contoso"], ["all"]):
        said = w.a.ctl("apply", "-f", write(json.loads(w.a.ctl("get", *what, "-o", "json"))))
        require(said and all(line.endswith(" unchanged") for line in said.splitlines()), "%s again: %s" % (what, said))
    w.a.ctl("delete", "vnet", "only", "--tenant", "contoso")
    path = json.loads(w.a.ctl("get", "virtualNetworks/blue/subnets/web"))
    equal(path["properties"]["addressPrefix"], "10.1.1.0/24", "by its path")


def refused(name, args, words, status=1, stdin=None):
    """gwctl ARGS is refused, its message has all the words in their order, nothing changed."""
    @g.case("refused: " + name)
    def _(w):
        before = w.a.status()["node"]["revision"]
        p = w.a.ctl_raw(*args, stdin=stdin if stdin is None or isinstance(stdin, str) else json.dumps(stdin))
        equal(p.returncode, status, "exit status (%s%s)" % (p.stderr, p.stdout))
        equal(p.stdout, "", "standard output")
        require(re.search(".*".join(map(re.escape, words)), p.stderr), "%s says: %s" % (args, p.stderr))
        equal(w.a.status()["node"]["revision"], before, "revision")


APPLY = ("apply", "-f", "-")
refused("a file that is not there", ("apply", "-f", "/nowhere/net.json"), ["/nowhere/net.json", "No such file"])
refused("no JSON", APPLY, ["-, line 2, column"], stdin='{\n"a" 1}')
refused("a key twice", APPLY, ["line 1", "uplicate"], stdin='{"a":1,"a":2}')
refused("no resource", APPLY, ["-: is neither a resource", "resourceRef"], stdin={"properties": {}})
refused("one of several is none", APPLY, ["-: element [1]"], stdin=[network("x"), {}])
refused("one page only", APPLY, ["nextLink"], stdin={"value": [network("x")], "nextLink": "/virtualNetworks?$skipToken=x"})
refused("one resource, bad property", APPLY,
        ["-: /virtualNetworks/x: InvalidProperty at properties.encapsulationMethod", "VXLAN"],
        stdin=network("x", encapsulationMethod="GENEVE"))
refused("a child of one of many", APPLY,
        ["-: element [1], /virtualNetworks/y: Conflict at properties.subnets[0].properties.addressPrefix: overlaps that of", "b"],
        stdin=[network("x"), network("y", subnets=[
            {"resourceId": "a", "properties": {"addressPrefix": "10.0.1.0/24"}},
            {"resourceId": "b", "properties": {"addressPrefix": "10.0.1.0/25"}}])])
refused("an element of a batch", APPLY, ["element [0], /virtualNetworks/x: UnknownProperty at body.properties.colour"],
        stdin=[{"path": "/virtualNetworks/x", "body": {"properties": {"colour": "blue"}}}])
refused("what only the whole can tell", APPLY, ["element [0], /virtualNetworks/x: Conflict", "routingDomainId", "/virtualNetworks/y"],
        stdin=[network("x", routingDomainId="11111111-1111-1111-1111-111111111111"),
               network("y", routingDomainId="11111111-1111-1111-1111-111111111111")])
refused("an unknown kind in a path", APPLY, ["element [0], /teapots/x: NotFound at path"],
        stdin=[{"path": "/teapots/x", "body": {}}])
refused("a stale etag", APPLY, ["element [0], /macPools/all: PreconditionFailed at ifMatch", "changed"],
        stdin=[{"path": "/macPools/all", "ifMatch": 'W/"x"', "body": {"properties": {
            "startMacAddress": "00155D020000", "endMacAddress": "00155D02FFFF"}}}, network("x")])
refused("a kind that is not there", ("get", "teapots"), ["no kind 'teapots'", "virtualnetworks"], status=2)
refused("too long an ID", ("get", "vnets", "a/b"), ["'a/b' is no ID of virtualnetworks"], status=2)
refused("a resource that is not there", ("get", "subnet", "blue/none"), ["NotFound", "/virtualNetworks/blue/subnets/none"])
refused("ID behind a path", ("get", "virtualNetworks/blue", "web"), ["takes no ID"], status=2)
refused("a path as a table", ("get", "virtualNetworks/blue", "-o", "wide"), ["shown as JSON"], status=2)
refused("delete of all of a kind", ("delete", "subnets", "blue"), ["'blue' is not the whole ID of one of the subnets"], status=2)
refused("delete of what is in use", ("delete", "acl", "web"), ["Conflict", "/accessControlLists/web: it is in use"])
refused("a time that is none", ("apply", "-f", "-", "--wait", "soon"), ["'soon' is no time such as 30s"], status=2, stdin="[]")


@g.case("delete: gone, with what was below; once more is no failure")
def _(w):
    w.a.ctl("apply", "-f", write(network("gone", subnets=[
        {"resourceId": "a", "properties": {"addressPrefix": "10.0.1.0/24"}},
        {"resourceId": "b", "properties": {"addressPrefix": "10.0.2.0/24"}}])))
    equal(w.a.ctl("delete", "subnet", "gone/a"), "subnets gone/a removed\n", "what was said")
    for args in (("subnet", "gone/a"), ("ippool", "gone/a/b"), ("vnet", "none")):
        p = w.a.ctl_raw("delete", *args, ok=(0,))
        require("was not there" in p.stderr and not p.stdout, "delete %s: %s" % (args, p.stderr))
    w.a.ctl("delete", "virtual-network", "GONE")
    equal(w.a.ctl_raw("get", "vnet", "gone").returncode, 1, "status of get")


@g.case("delete of a name that only tenants have: refused, until it is said whose")
def _(w):
    tables = [{"path": "/routeTables/same?tenantId=" + t, "body": {"properties": {"routes": [{"resourceId": "r", "properties": {
        "addressPrefix": "172.16.0.0/12", "nextHopType": "None"}}]}}} for t in ("contoso", "fabrikam")]
    for n in (1, 2):
        w.a.ctl("apply", "-f", write(tables[:n]))
        for args in (("routetable", "same"), ("route", "same/r")):
            p = w.a.ctl_raw("delete", *args)
            require(p.returncode == 1 and "Conflict" in p.stderr and "say whose" in p.stderr, "delete %s: %s" % (args, p.stderr))
            require("--tenant TENANT" in p.stderr, "delete %s does not say how gwctl says whose: %s" % (args, p.stderr))
    for args in (("routetable", "same"), ("route", "same/r")):
        p = w.a.ctl_raw("get", *args)
        require(p.returncode == 1 and "--tenant TENANT" in p.stderr, "get %s: %s" % (args, p.stderr))
    for t in ("contoso", "fabrikam"):
        equal(w.a.ctl("delete", "routetable", "same", "--tenant", t), "routeTables same removed\n", "what was said")


@g.case("apply removes what a batch deletes, and says of each what became of it")
def _(w):
    said = w.a.ctl("apply", "-f", write([network("one"), network("two")]))
    equal(said, "/virtualNetworks/one created\n/virtualNetworks/two created\n", "first")
    said = w.a.ctl("apply", "--wait", "5", "-f", write([
        {"path": "/networking/v1/virtualNetworks/one", "method": "DELETE"}, {"path": "/virtualNetworks/none", "method": "delete"},
        network("two"), network("three")]))
    equal(list(verdicts(said).values()), ["gone", "gone already", "unchanged", "created"], "then")
    said = w.a.ctl("apply", "-f", write({"value": [network("two", encapsulationMethod="NVGRE")]}))
    equal(said, "/virtualNetworks/two changed\n", "at last")
    w.a.ctl("delete", "vnet", "two")
    w.a.ctl("delete", "vnet", "three")


@g.case("a list of several pages is shown as a whole")
def _(w):
    many = [{"path": "/credentials/c%04d" % i, "body": {"properties": {"type": "PreSharedKey", "value": "k"}}} for i in range(1200)]
    w.b.ctl("apply", "-f", write(many))
    page = w.b.request("GET", BASE + "/credentials").json()
    require("nextLink" in page and len(page["value"]) < 1200, "the daemon answers in pages")
    found = [c["resourceId"] for c in json.loads(w.b.ctl("get", "credentials", "-o", "json"))["value"]]
    equal([c for c in found if c.startswith("c0") or c.startswith("c1")], ["c%04d" % i for i in range(1200)], "credentials")


class Fake(socketserver.ThreadingUnixStreamServer):
    """A daemon in whose hands resources take a while, each as its name says: it shows how gwctl waits."""
    daemon_threads = True

    def __init__(self):
        self.path, self.asked = case.WORK + "/fake.sock", {}
        super().__init__(self.path, Answer)
        case.after_case.append(self.end)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()
        os.unlink(self.path)

    def ctl(self, *args, stdin):
        return run([case.build() + "/gwctl", "--api", "unix:" + self.path] + list(args), ok=None, stdin=json.dumps(stdin))


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, headers=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):  # pylint: disable=invalid-name
        batch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = {"Azure-AsyncOperation": BASE + "/operations/" + batch[0]["path"][-3:]} if "promised" in batch[0]["path"] else {}
        self.answer(200, {"value": [{"resourceRef": e["path"], "result": "Created"} for e in batch]}, operation)

    def do_GET(self):  # pylint: disable=invalid-name
        asked = self.server.asked[self.path] = self.server.asked.get(self.path, 0) + 1
        state = "Updating" if "slow" in self.path and asked < 4 or "never" in self.path else "Succeeded"
        detail = []
        if "bad" in self.path:
            state, detail = "Failed", [{"source": "gwd", "code": "NoVirtualGateway", "message": "there is \x1b[1mnone"}]
        if "leaving" in self.path and asked > 2:
            self.answer(404, {"error": {"code": "NotFound", "message": "gone"}})
            return
        if "/operations/" in self.path:
            self.answer(200, {"status": "InProgress" if asked < 5 else "Succeeded"})
            return
        self.answer(200, {"properties": {"provisioningState": state, "configurationState": {"detailedInfo": detail}}})

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


@g.case("apply --wait: until all are in place, one has failed, or the time has passed")
def _(_w):
    fake = Fake()
    p = fake.ctl("apply", "-f", "-", "--wait", "20s", stdin=[
        network("slow"), network("x"), {"path": "/virtualNetworks/leaving", "method": "DELETE"}])
    equal((p.returncode, p.stderr), (0, ""), "what comes in time")
    equal(fake.asked, {BASE + "/virtualNetworks/slow": 4, BASE + "/virtualNetworks/x": 1,
                       BASE + "/virtualNetworks/leaving": 3}, "questions")
    p = fake.ctl("apply", "-f", "-", "--wait", "20s", stdin=[network("bad"), network("y")])
    equal(p.returncode, 1, "status when one fails")
    equal(p.stderr, "gwctl: /virtualNetworks/bad failed: NoVirtualGateway: there is \\x1b[1mnone\n", "the reason")
    require(BASE + "/virtualNetworks/y" in fake.asked, "the others are waited for")
    p = fake.ctl("apply", "-f", "-", "--wait", "300ms", stdin=[network("never")])
    equal((p.returncode, p.stderr), (1, "gwctl: /virtualNetworks/never is not in place yet; what was applied stays\n"),
          "when the time has passed")
    equal(p.stdout, "/virtualNetworks/never created\n", "what was said meanwhile")


@g.case("apply --wait: what is deleted is gone on nodes too, as the operation says")
def _(_w):
    fake = Fake()
    p = fake.ctl("apply", "-f", "-", "--wait", "20s", stdin=[{"path": "/virtualNetworks/promised-leaving-one", "method": "DELETE"}])
    equal((p.returncode, p.stderr), (0, ""), "in time")
    equal(fake.asked[BASE + "/operations/one"], 5, "questions for the operation")
    p = fake.ctl("apply", "-f", "-", "--wait", "300ms", stdin=[{"path": "/virtualNetworks/promised-leaving-two", "method": "DELETE"}])
    equal((p.returncode, p.stderr), (1, "gwctl: what was deleted is not gone from every node yet; it goes when they are told\n"), "late")


@g.case("a tenant, over the network: everything is what is his, and what he applies is his")
def _(w):
    token = case.WORK + "/token"
    with open(token, "w") as f:
        f.write(w.a.ctl("token", "add", "t", "--role", "tenant", "--tenant", "contoso"))

    def ctl(*args, stdin=None, ok=(0,)):
        return run([case.build() + "/gwctl", "--api", w.url, "--ca", w.a.state_dir + "/tls.crt", "--token-file", token]
                   + list(args), ok=ok, stdin=stdin)

    mine = ctl("get", "all", "-o", "json").stdout
    equal([r["resourceRef"] for r in json.loads(mine)["value"]], ["/virtualNetworks/blue"], "what he sees")
    equal(ctl("apply", "-f", "-", stdin=mine).stdout, "/virtualNetworks/blue?tenantId=contoso unchanged\n", "the same again")
    ctl("apply", "-f", "-", "--wait", "10s", stdin=json.dumps(network("his")))
    equal(json.loads(w.a.ctl("get", "vnet", "his", "-o", "json"))["resourceMetadata"]["tenantId"], "contoso", "whose it is")
    p = ctl("apply", "-f", "-", stdin=json.dumps([network("his2"), {"path": "/servers/s", "body": {}}]), ok=(1,))
    require("element [1], /servers/s: Forbidden at path" in p.stderr, "what he may not: " + p.stderr)
    equal(ctl("get", "vnet", "his2", ok=(1,)).stdout, "", "all or nothing")
    ctl("delete", "vnet", "his")


def complete(gwd, line, options=None, env=None):
    """What bash offers behind the line, whose last word is under way. `options`: how gwctl is told the daemon."""
    script = ("source %s/configs/completion/gwctl; COMP_WORDS=(%s/gwctl %s %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1));"
              "_gwctl; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (case.root(), case.build(), options or "--api unix:" + gwd.socket_path,
                                                           line))
    return run(["env"] + (env or []) + ["bash", "-c", script]).stdout.split()


@g.case("completion: kinds, and IDs where the daemon answers")
def _(w):
    equal(complete(w.a, "get virt"), ["virtualnetworks", "virtualgateways"], "kinds")
    require("all" in complete(w.a, "get ''") and "all" not in complete(w.a, "delete ''"), "all can be shown only")
    equal(complete(w.a, "get subnet blue/d"), ["blue/db"], "IDs")
    equal(complete(w.a, "delete nic ''")[:2], ["web1", "web2"], "IDs to delete")
    equal([c for c in complete(w.a, "get subnet blue/db ''") if not c.startswith("-")], [], "behind the ID")
    require("--wait" in complete(w.a, "apply -"), "options of apply")
    servers = [r["resourceId"] for r in json.loads(w.a.ctl("get", "servers", "-o", "json"))["value"]]
    equal([c for c in complete(w.a, "server enroll ''") if not c.startswith("-")], servers, "servers to enroll")
    w.a.ctl("apply", "-f", write([network("blue2"), {"path": "/virtualNetworks/only-contosos?tenantId=contoso",
                                                     "body": {"properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}}}}]))
    require("only-contosos" not in complete(w.a, "get --tenant '' vnet ''"), "the operator's own only")
    equal(complete(w.a, "get --tenant contoso vnet only"), ["only-contosos"], "a tenant's")
    w.b.stop()
    equal([c for c in complete(w.b, "get subnet ''") if not c.startswith("-")], [], "IDs without a daemon")
    require("subnets" in complete(w.b, "get sub"), "kinds without a daemon")
    equal(w.b.ctl_raw("get", "all").returncode, 1, "status without a daemon")


@g.case("completion over the network: shown the same as the command")
def _(w):
    with open(case.WORK + "/operator", "w") as f:
        f.write(w.a.ctl("token", "add", "o", "--role", "operator"))
    trust = "--api %s --ca ~/%s" % (w.url, os.path.relpath(w.a.state_dir + "/tls.crt", case.WORK))
    home = ["HOME=" + case.WORK]
    shown = complete(w.a, "get subnet blue/d")
    equal(complete(w.a, "get subnet blue/d", trust + " --token-file ~/operator", home), shown, "with a file")
    with open(case.WORK + "/operator") as f:
        token = f.read().strip()
    equal(complete(w.a, "get subnet blue/d", trust + " --token " + token, home), shown, "with a token")
    equal(complete(w.a, "get subnet blue/d", trust, home + ["GWD_TOKEN=" + token]), shown, "by the environment")
    for wrong in (trust + " --token x", "--api %s --token %s" % (w.url, token), trust + " --token-file ~/nowhere"):
        equal(complete(w.a, "get subnet blue/d", wrong, home), [], "with " + wrong)


if __name__ == "__main__":
    suite.main()
