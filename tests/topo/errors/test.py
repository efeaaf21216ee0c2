#!/usr/bin/python3
# Bad input of every kind, by command line, API, configuration and environment: an error that names the thing and the way
# out, and nothing changed.
#
#   v1, v2 (ports), spare -- h1 eth1 -- fabric           one host is enough
#
# Covers API-1 (refused requests change nothing; errors name the property), API-2, ENC-4 (VSID range), FWD-7 (one routing
# domain per VSID), and what else is refused.
import contextlib
import json
import os
import socket
import sqlite3
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, pkt, world
from lib.case import equal, require
from lib.gwd import BASE
from lib.net import run

VSID = 5001
A, B = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
KINDS = ("provider-address", "provider-route", "customer-route", "lookup-record", "port")
suite = case.Suite()


def make(settings=None, start=True):
    w = world.World()
    w.make_fabric()
    w.h1 = w.host("h1", "10.1.1.1", settings=settings, start=start)
    return w


def make_full():
    w = make()
    w.v1 = w.h1.vm("v1", "02:00:00:00:01:01", VSID, ["10.0.0.11"])
    w.v2 = w.h1.vm("v2", "02:00:00:00:01:02", VSID, ["10.0.0.12"])
    w.spare = w.h1.vm("spare", "02:00:00:00:01:03", VSID, ["10.0.0.13"], attach=False)
    world.records(w.vms)
    c = w.h1.gwd.ctl
    c("customer-route", "add", "--rdid", A, "--vsid", VSID, "--prefix", "10.0.0.0/24", "--nexthop", "0.0.0.0",
      "--metric", 0)
    c("provider-route", "add", "--interface", "eth1", "--prefix", "10.9.0.0/16", "--nexthop", "10.1.1.9")
    return w


def everything(gwd):
    """All that is stored, with etags: a refused request may not even rewrite what was there."""
    found = {}
    for kind in ("lookupRecords", "customerRoutes", "providerAddresses", "providerRoutes", "ports"):
        path = "/hnv/" + kind
        while path:
            r = gwd.request("GET", path)
            equal(r.status, 200, "GET " + path)
            for o in r.json()["value"]:
                properties = {k: v for k, v in o["properties"].items() if k[0].isupper()}
                found[o["resourceRef"]] = (o["etag"], json.dumps(properties, sort_keys=True))
            path = r.json().get("nextLink")
    return found


def mentions(text, words, what):
    for word in words:
        require(word.lower() in text.lower(), "%s does not mention '%s': %s" % (what, word, text.strip()))


g = suite.group("input", make_full)


def refused(name, args, *words, status=(1, 2)):
    """gwctl ARGS is refused, its message has all the words, nothing changed."""
    @g.case("gwctl: %s" % name)
    def _(w):
        before = everything(w.h1.gwd)
        p = w.h1.gwd.ctl_raw(*args)
        require(p.returncode in status, "exit status %d of gwctl %s: %s%s" % (p.returncode, " ".join(map(str, args)),
                                                                              p.stderr,
                                                                            p.stdout))
        equal(p.stdout, "", "standard output of a refusal")
        # The first line is the reason; a usage error may go on with how it should be.
        require(len(p.stderr.strip().splitlines()) <= 6, "a short message: " + p.stderr)
        mentions(p.stderr.splitlines()[0], words, "the message")
        equal(everything(w.h1.gwd), before, "what is stored")


def record(vsid=VSID, ca="10.0.0.50", pa="10.1.1.2", mac="02:00:00:00:09:01", *more):
    return ["lookup-record", "add", "--vsid", vsid, "--ca", ca, "--pa", pa, "--mac", mac] + list(more)


def attach(interface="spare", mac="02:00:00:00:01:03", vsid=VSID):
    return ["port", "attach", "--interface", interface, "--mac", mac, "--vsid", vsid]


for vsid in (0, 1, 4095, 16777215, 16777216, 4294967296):
    refused("ENC-4, record with VSID %d" % vsid, record(vsid), "4096", "16777214")
    refused("ENC-4, port with VSID %d" % vsid, attach(vsid=vsid), "4096", "16777214")
    refused("ENC-4, customer route with VSID %d" % vsid,
            ["customer-route", "add", "--rdid", A, "--vsid", vsid, "--prefix", "10.5.0.0/24", "--nexthop", "0.0.0.0",
             "--metric", 0], "4096", "16777214")
for bad in ("-1", "x", "5001x", "", "0x1389", " 5001", "99999999999999999999"):
    refused("VSID '%s'" % bad, record(bad), "vsid")
for bad in ("02:00:00:00:09", "02000000090", "02:00:00:00:09:0g", "zz", "", "02:00:00:00:09:01:01",
            "02-00:00-00:09-01"):
    refused("MAC address '%s'" % bad, record(mac=bad), "mac")
for bad, why in (("01:00:5e:00:00:01", "group"), ("ff:ff:ff:ff:ff:ff", "broadcast"), ("00:00:00:00:00:00", "zero")):
    refused("%s MAC address in a record" % why, record(mac=bad), "mac")
    refused("%s MAC address of a port" % why, attach(mac=bad), "mac")
refused("the distributed router's MAC address in a record", record(mac="02:67:77:64:00:01"), "02:67:77:64:00:01")
refused("the distributed router's MAC address for a port", attach(mac="02:67:77:64:00:01"), "02:67:77:64:00:01")
for bad in ("10.0.0.300", "10.0.0", "10.0.0.1/24", "x", "", "fd00::g", "10.0.0.1 ", "1e1.0.0.1", "010.0.0.1"):
    refused("customer address '%s'" % bad, record(ca=bad), "ca")
    refused("provider address '%s'" % bad, record(pa=bad), "pa")
for bad in ("224.0.0.1", "127.0.0.1", "255.255.255.255", "ff02::1", "::1"):
    refused("customer address %s, which no VM has" % bad, record(ca=bad), bad)
for bad in ("0.0.0.0", "224.0.0.1", "127.0.0.1", "255.255.255.255"):
    refused("provider address %s, which no host has" % bad, record(pa=bad), bad)
refused("an IPv6 provider address, which this version has not", record(pa="2001:db8::1"), "2001:db8::1")
refused("an encapsulation that does not exist", record(VSID, "10.0.0.50", "10.1.1.2", "02:00:00:00:09:01",
                                                       "--encapsulation", "geneve"), "vxlan", "nvgre")
refused("a rule that does not exist", record(VSID, "10.0.0.50", "10.1.1.2", "02:00:00:00:09:01", "--rule", "magic"),
        "rule")
refused("a second MAC address for a local VM's address that its port contradicts is not silently believed",
        attach("spare", "02:00:00:00:01:01"), "v1", "02:00:00:00:01:01")
refused("an unknown interface for a port", attach("nope0"), "nope0")
refused("an unknown interface for a provider address",
        ["provider-address", "add", "--interface", "nope0", "--address", "10.1.1.5", "--prefix-length", 24], "nope0")
refused("an unknown interface for a provider route",
        ["provider-route", "add", "--interface", "nope0", "--prefix", "10.8.0.0/16", "--nexthop", "10.1.1.9"], "nope0")
refused("an interface name that is too long", attach("averyveryverylongname"), "interface")
refused("an interface name that is a path", attach("../../etc"), "interface")
refused("the underlay's interface as a port", attach("eth1"), "eth1")
refused("a port as underlay interface",
        ["provider-address", "add", "--interface", "v1", "--address", "10.1.1.5", "--prefix-length", 24], "v1")
refused("the loopback interface as a port", attach("lo"), "lo")
for bad in (0, 33, 129, "x", -1):
    refused("prefix length %s" % bad,
            ["provider-address", "add", "--interface", "eth1", "--address", "10.1.1.5", "--prefix-length", bad],
            "prefix")
for bad in ("10.0.0.1/24", "10.0.0.0/33", "10.0.0.0", "x/8", "fd00::1/64"):
    refused("customer route prefix %s" % bad,
            ["customer-route", "add", "--rdid", A, "--vsid", VSID, "--prefix", bad, "--nexthop", "0.0.0.0", "--metric",
             0],
            "prefix")
refused("a next hop of the other family",
        ["customer-route", "add", "--rdid", A, "--vsid", VSID, "--prefix", "10.5.0.0/24", "--nexthop", "fd00::1",
         "--metric", 0],
        "fd00::1")
refused("FWD-7, a second routing domain for a VSID",
        ["customer-route", "add", "--rdid", B, "--vsid", VSID, "--prefix", "10.5.0.0/24", "--nexthop", "0.0.0.0",
         "--metric", 0], A)
refused("a routing domain that is no UUID",
        ["customer-route", "add", "--rdid", "1234", "--vsid", VSID, "--prefix", "10.5.0.0/24", "--nexthop", "0.0.0.0",
         "--metric", 0], "rdid")
refused("an unknown command", ["lookup-records", "add"], "lookup-records", status=(2,))
refused("an unknown verb", ["lookup-record", "create"], "create", status=(2,))
refused("an unknown option", record() + ["--colour", "red"], "colour", status=(2,))
refused("an option without its value", ["lookup-record", "add", "--vsid"], "vsid", status=(2,))
refused("a required option that is missing", ["lookup-record", "add", "--vsid", VSID, "--ca", "10.0.0.50"], "pa",
        status=(2,))
refused("an option given twice", record() + ["--vsid", VSID + 1], "vsid", status=(2,))


@g.case("gwctl: no daemon at the socket: status 1, the path is named")
def _(w):
    p = run([w.h1.gwd.build + "/gwctl", "--api", "unix:/nowhere/api.sock", "status"], ok=None)
    equal(p.returncode, 1, "exit status")
    mentions(p.stderr, ["/nowhere/api.sock"], "the message")


def asked(name, method, path, body, status, *words, headers=None, code=None, target=None):
    """A request to the API is refused with this status; code, target and words as given; nothing changed."""
    @g.case("API: %s: %d" % (name, status))
    def _(w):
        before = everything(w.h1.gwd)
        r = w.h1.gwd.request(method, path, body, headers)
        if r.status < 300 and method == "PUT":
            w.h1.gwd.request("DELETE", path)
        equal(r.status, status, "status of %s" % r.body[:300])
        error = r.json()["error"]
        require(error["code"] and error["message"], "code and message: %s" % error)
        if code:
            equal(error["code"], code, "code of %s" % error)
        if target:
            equal(error.get("target"), target, "target of %s" % error)
        mentions(json.dumps(error), words, "the error")
        equal(everything(w.h1.gwd), before, "what is stored")


REC = "/hnv/lookupRecords/%d-10.0.0.50" % VSID
GOOD = {"VirtualSubnetID": VSID, "CustomerAddress": "10.0.0.50", "ProviderAddress": "10.1.1.2",
        "MACAddress": "020000000901"}


def but(**changes):
    return {"properties": {**GOOD, **changes}}


for text in (b"", b"{", b"[1,2", b"nonsense", b"{\"properties\": }", b"\x00", b"{\"a\": 1e999}",
             b"{\"a\": 9223372036854775808}"):
    asked("malformed JSON %r" % text, "PUT", REC, text, 400)
asked("duplicate keys", "PUT", REC, b'{"properties": {"MACAddress": "020000000901", "MACAddress": "020000000902"}}',
      400)
asked("the same key in two letter cases", "PUT", REC,
      json.dumps(but()).replace('"MACAddress"', '"macaddress": "020000000902", "MACAddress"').encode(), 400)
asked("deep nesting", "PUT", REC, b'{"properties": ' + b"[" * 100000 + b"]" * 100000 + b"}", 400)
asked("invalid UTF-8", "PUT", REC, json.dumps(but(VMName="x")).encode().replace(b'"x"', b'"\xff\xfe"'), 400)
asked("an array", "PUT", REC, [GOOD], 400)
asked("properties that are no object", "PUT", REC, {"properties": 7}, 400)
asked("an unknown property", "PUT", REC, but(Colour="red"), 400, target="properties.Colour")
asked("an unknown property beside properties", "PUT", REC, {**but(), "colour": "red"}, 400, "colour")
for key, value in (("VirtualSubnetID", "5001"), ("VirtualSubnetID", 5001.5), ("VirtualSubnetID", True),
                   ("VirtualSubnetID", -1), ("VirtualSubnetID", 2**62), ("CustomerAddress", 7), ("MACAddress", ["x"]),
                   ("ProviderAddress", {}), ("Rule", "Magic"), ("Encapsulation", "GENEVE"), ("Type", 3),
                   ("CustomerID", "no-uuid"), ("VMName", "x" * 5000), ("UseVmMACAddress", "yes")):
    asked("%s = %.20r" % (key, value), "PUT", REC, but(**{key: value}), 400, target="properties." + key)
asked("a missing property", "PUT", REC, {"properties": {k: v for k, v in GOOD.items() if k != "MACAddress"}}, 400,
      target="properties.MACAddress", code="MissingProperty")
asked("a body that contradicts its path", "PUT", REC, but(CustomerAddress="10.0.0.51"), 400,
      target="properties.CustomerAddress")
asked("an id that is none", "PUT", "/hnv/lookupRecords/what", but(), 400)
asked("a kind that does not exist", "GET", "/hnv/nothings", None, 404)
asked("a resource that does not exist", "GET", REC, None, 404)
asked("a path that does not exist", "GET", "/networking/v1/nowhere", None, 404)
asked("a path that leaves the tree", "GET", BASE + "/hnv/../../etc/passwd", None, 404)
asked("a method that is not there", "POST", REC, but(), 405)
asked("a stale etag", "PUT", "/hnv/lookupRecords/%d-10.0.0.11" % VSID,
      {"properties": {**GOOD, "CustomerAddress": "10.0.0.11"}}, 412,
      headers={"If-Match": 'W/"00000000-0000-0000-0000-000000000000"'})
asked("a body over 1 MiB", "PUT", REC, b" " * (1 << 20) + json.dumps(but()).encode(), 413)
asked("a batch over 16 MiB", "POST", "/hnv/batch", b" " * (16 << 20) + b"[]", 413)


def element(body, path=REC, method="PUT"):
    return {"method": method, "path": path, "body": body}


def nth(i, **changes):
    return element({"properties": {**GOOD, "CustomerAddress": "10.0.0.%d" % (60 + i), **changes}},
                   "/hnv/lookupRecords/%d-10.0.0.%d" % (VSID, 60 + i))


asked("a batch with one bad element applies none of the others", "POST", "/hnv/batch",
      [nth(0), nth(1), nth(2, MACAddress="zz"), nth(3)], 400, target="[2].body.properties.MACAddress")
asked("a batch with a conflict that only the kernel can tell applies nothing", "POST", "/hnv/batch",
      [nth(0), element({"properties": {"Interface": "nope0", "MACAddress": "020000000909", "VirtualSubnetID": VSID}},
                       "/hnv/ports/nope0")], 400, "nope0", "[1]")
asked("a batch that says a key twice", "POST", "/hnv/batch", [nth(0), nth(0)], 400, "[1]")
asked("a batch that is no list", "POST", "/hnv/batch", {"x": 1}, 400)


GARBAGE = {"zeros": b"\0" * 100 + b"\r\n\r\n", "a request line of one word": b"GET\r\n\r\n",
           "empty lines": b"\r\n" * 50,
           "HTTP 9": b"PUT / HTTP/9.9\r\n\r\n", "an endless word": b"A" * 100000,
           "an endless path": b"GET /" + b"a/" * 40000,
           "an endless header": b"GET / HTTP/1.1\r\nX: " + b"y" * 100000, "half a request": b"GET / HTTP/1.1\r\nHost:"}
for length in ("-5", "99999999999999", "x", "5, 6"):
    GARBAGE["content length " + length] = (b"PUT " + BASE.encode() + REC.encode()
                                           + b" HTTP/1.1\r\nHost: x\r\nContent-Length: "
                                           + length.encode() + b"\r\n\r\n{}")
for kind, data in GARBAGE.items():
    @g.case("API: garbage instead of HTTP, %s: the daemon lives, nothing changed" % kind)
    def _(w, text=data):
        before = everything(w.h1.gwd)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(0.3)  # it may wait for more of what looks like the beginning of a request
        s.connect(w.h1.gwd.socket_path)
        with s, contextlib.suppress(BrokenPipeError, ConnectionResetError, socket.timeout):
            s.sendall(text)
            while s.recv(65536):
                pass
        equal(everything(w.h1.gwd), before, "what is stored")


@g.case("API: a hundred connections that say nothing: refused beyond a limit, which does not outlast them")
def _(w):
    def answered():
        try:
            return w.h1.gwd.request("GET", BASE + "/monitoring/statistics", timeout=2).status == 200
        except OSError:
            return False

    with contextlib.ExitStack() as stack:
        idle = []
        for _ in range(100):
            s = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            s.settimeout(2)
            with contextlib.suppress(OSError):
                s.connect(w.h1.gwd.socket_path)
                idle.append(s)
        for s in idle[20:]:
            s.close()
        case.eventually(answered, "a request beside twenty silent connections is answered")
    case.eventually(answered, "a request afterwards is answered")


@g.case("deleting what is not there is success and changes nothing")
def _(w):
    before = everything(w.h1.gwd)
    equal(w.h1.gwd.request("DELETE", REC).status, 204, "status of DELETE")
    w.h1.gwd.ctl("lookup-record", "del", "--vsid", VSID, "--ca", "10.0.0.50")
    w.h1.gwd.ctl("port", "detach", "--interface", "nope0")
    equal(everything(w.h1.gwd), before, "what is stored")


@g.case("the same again is success and changes nothing; another value replaces")
def _(w):
    c = w.h1.gwd.ctl
    c(*record())
    before = everything(w.h1.gwd)
    c(*record())
    equal(everything(w.h1.gwd), before, "what is stored")
    c(*record(pa="10.1.1.3"))
    equal(w.h1.gwd.list("lookup-record")["%d-10.0.0.50" % VSID]["ProviderAddress"], "10.1.1.3", "replaced")
    c("lookup-record", "del", "--vsid", VSID, "--ca", "10.0.0.50")


@g.case("all three ways to write a MAC address mean the same")
def _(w):
    for text in ("00155D011404", "00-15-5D-01-14-04", "00:15:5d:01:14:04"):
        w.h1.gwd.ctl(*record(mac=text))
        found = w.h1.gwd.list("lookup-record")["%d-10.0.0.50" % VSID]["MACAddress"]
        equal(found.replace("-", "").replace(":", "").lower(), "00155d011404", "MAC address of the record")
    w.h1.gwd.ctl("lookup-record", "del", "--vsid", VSID, "--ca", "10.0.0.50")


# --- limits -----------------------------------------------------------------------------------------------------------------

lim = suite.group("limits", lambda: make({"engine": {"record_limit": "5"}, "limits": {"ports": "2", "routes": "3"}}))


@lim.case("a full record table: the record and the limit are named, nothing is stored, room can be made")
def _(w):
    for i in range(5):
        w.h1.gwd.ctl(*record(ca="10.0.0.%d" % (50 + i)))
    before = everything(w.h1.gwd)
    p = w.h1.gwd.ctl_raw(*record(ca="10.0.0.60"))
    equal(p.returncode, 1, "exit status")
    mentions(p.stderr, ["5", "record_limit"], "the message")
    equal(everything(w.h1.gwd), before, "what is stored")
    w.h1.gwd.ctl(*record(ca="10.0.0.50", pa="10.1.1.7"))  # replacing needs no room
    w.h1.gwd.ctl("lookup-record", "del", "--vsid", VSID, "--ca", "10.0.0.50")
    w.h1.gwd.ctl(*record(ca="10.0.0.60"))


@lim.case("a batch that would overflow the table is refused as a whole")
def _(w):
    before = everything(w.h1.gwd)
    r = w.h1.gwd.request("POST", "/hnv/batch",
                         [{"method": "DELETE", "path": "/hnv/lookupRecords/%d-10.0.0.60" % VSID}, nth(1), nth(2)])
    require(r.status == 409, "%d %s" % (r.status, r.body))
    equal(r.json()["error"]["code"], "LimitExceeded", "code")
    equal(everything(w.h1.gwd), before, "what is stored")


@lim.case("a full port table names its limit")
def _(w):
    for i in range(3):
        w.h1.vm("p%d" % i, "02:00:00:00:05:%02x" % i, VSID, ["10.0.1.%d" % i], attach=False)
    for i in range(2):
        w.h1.gwd.ctl(*attach("p%d" % i, "02:00:00:00:05:%02x" % i))
    p = w.h1.gwd.ctl_raw(*attach("p2", "02:00:00:00:05:02"))
    equal(p.returncode, 1, "exit status")
    mentions(p.stderr, ["2", "ports"], "the message")
    require("p2" not in w.h1.gwd.list("port"), "p2 is not stored")


# --- the disk ---------------------------------------------------------------------------------------------------------------

def make_small_disk():
    w = make(start=False)
    w.mount(w.h1.gwd.state_dir, "size=4m,mode=0700")
    w.h1.start()
    w.v1 = w.h1.vm("v1", "02:00:00:00:01:01", VSID, ["10.0.0.11"])
    world.records(w.vms)
    return w


disk = suite.group("disk", make_small_disk)


@disk.case("a full disk: refused with the reason, nothing is half applied, the daemon lives and works again after")
def _(w):
    gwd = w.h1.gwd
    filler = gwd.state_dir + "/filler"
    with open(filler, "wb", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(b"x" * 4096)
    before = everything(gwd)
    batch = [nth(i) for i in range(60)]
    for i in range(200):  # what fits into pages that are there already may still be taken
        r = gwd.request("POST", "/hnv/batch", [nth(k, VMName="round-%d-" % i + "n" * 100) for k in range(60)])
        if r.status >= 300:
            break
        before = everything(gwd)
    equal(r.status, 503, "status of %s" % r.body)
    mentions(r.body.decode(), ["disk is full", "gwd.db", "free"], "the error")
    equal(everything(gwd), before, "what is stored")
    p = gwd.ctl_raw(*record(VSID, "10.0.0.200", "10.1.1.2", "02:00:00:00:0a:01"))
    if p.returncode:
        with pkt.Raw(w.v1.netns, "eth0") as raw:
            raw.send(pkt.arp_request(w.v1.mac, w.v1.v4, "10.0.0.200"))
            raw.silence(lambda f: f[12:14] == b"\x08\x06", what="an answer from a record that was refused")
    os.unlink(filler)
    r = gwd.request("POST", "/hnv/batch", batch)
    require(r.status < 300, "with room again: %d %s" % (r.status, r.body))
    gwd.restart()
    require("%d-10.0.0.119" % VSID in gwd.list("lookup-record"), "and it survives a restart")


# --- the store ----------------------------------------------------------------------------------------------------------------

def make_store():
    w = make()
    w.h1.gwd.ctl(*record())
    w.h1.gwd.stop()
    w.db = w.h1.gwd.state_dir + "/gwd.db"
    w.good = {}
    for name in os.listdir(w.h1.gwd.state_dir):
        path = os.path.join(w.h1.gwd.state_dir, name)
        if os.path.isfile(path):
            with open(path, "rb") as f:
                w.good[path] = f.read()
    require(w.db in w.good, "the data base is there: %s" % list(w.good))
    return w


store = suite.group("store", make_store)


def damaged(name, damage, *words):
    @store.case("%s: the start is refused, file and way out are named, nothing is thrown away" % name)
    def _(w):
        for path, data in w.good.items():
            with open(path, "wb") as f:
                f.write(data)
        damage(w)
        with open(w.db, "rb") as f:
            before = f.read()
        status, said = w.h1.gwd.expect_exit()
        require(status not in (0, None) and status > 0, "exit status %s" % status)
        mentions(said, ["gwd.db", *words], "the message")
        with open(w.db, "rb") as f:
            require(f.read() == before, "the file is as it was")


def overwrite(at, data):
    def damage(w):
        with open(w.db, "r+b") as f:
            f.seek(at)
            f.write(data)
    return damage


def newer(w):
    db = sqlite3.connect(w.db)
    db.execute("PRAGMA user_version = 9999")
    db.commit()
    db.close()


def bad_row(w):
    """A sound data base whose rows are not what gwd wrote."""
    db = sqlite3.connect(w.db)
    changed = 0
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in db.execute("PRAGMA table_info(\"%s\")" % table).fetchall():
            if row[2].upper() in ("TEXT", "BLOB"):
                changed += db.execute("UPDATE \"%s\" SET \"%s\" = replace(\"%s\", '10.1.1.2', 'nonsense')"
                                      " WHERE \"%s\" LIKE '%%10.1.1.2%%'" % (table, row[1], row[1], row[1])).rowcount
    require(changed, "a row was changed")
    db.commit()
    db.close()


damaged("a file that is no data base", overwrite(0, b"garbage " * 64))
damaged("a data base with a page of garbage", lambda w: overwrite(os.path.getsize(w.db) // 2 & ~4095, b"\xa5" * 4096)(w))
damaged("a truncated data base", lambda w: os.truncate(w.db, 700))
damaged("a data base of a newer version", newer, "newer")
damaged("a row that is no record", bad_row)


@store.case("with the good file back it starts, and has its records")
def _(w):
    for path, data in w.good.items():
        with open(path, "wb") as f:
            f.write(data)
    w.h1.gwd.start()
    require("%d-10.0.0.50" % VSID in w.h1.gwd.list("lookup-record"), "the record is there")


# --- configuration and environment --------------------------------------------------------------------------------------------

conf = suite.group("start", lambda: make(start=False))


def wrong_config(name, lines, at, *words):
    @conf.case("configuration, %s: file, line and key are named, by the start and by --check-config" % name)
    def _(w):
        gwd = w.h1.gwd
        gwd.configure()
        with open(gwd.config) as f:
            own = f.read().splitlines()
        with open(gwd.config, "w") as f:
            f.write("\n".join(own + lines) + "\n")
        try:
            status, said = gwd.expect_exit()
            p = run([gwd.build + "/gwd", "-c", gwd.config, "--check-config"], ok=None)
            for code, text in ((status, said), (p.returncode, p.stderr)):
                require(code and code > 0, "exit status %s: %s" % (code, text))
                mentions(text, ["gwd.conf:%d" % (len(own) + at), *words], "the message")
        finally:
            gwd.configure()


wrong_config("unknown key", ["[engine]", "colour = red"], 2, "colour")
wrong_config("unknown section", ["[colours]", "x = 1"], 1, "colours")
wrong_config("line that is no setting", ["what is this"], 1)
wrong_config("number out of range", ["[underlay]", "ttl = 300"], 2, "ttl", "255")
wrong_config("number that is none", ["[underlay]", "vxlan_port = many"], 2, "vxlan_port")
wrong_config("wrong MAC address", ["[engine]", "router_mac = 01:00:5e:00:00:01"], 2, "router_mac")
wrong_config("wrong encapsulation", ["[underlay]", "encapsulation = geneve"], 2, "encapsulation", "vxlan", "nvgre")
wrong_config("unknown role", ["[node]", "roles = butler"], 2, "roles")
wrong_config("relative path", ["[store]", "path = here.db"], 2, "path")
wrong_config("key given twice", ["[underlay]", "ttl = 5", "ttl = 6"], 3, "ttl")


@conf.case("--check-config accepts a good configuration; a missing file is named")
def _(w):
    p = run([w.h1.gwd.build + "/gwd", "-c", w.h1.gwd.config, "--check-config"], ok=None)
    equal(p.returncode, 0, "exit status: " + p.stderr)
    p = run([w.h1.gwd.build + "/gwd", "-c", "/nowhere/gwd.conf", "--check-config"], ok=None)
    require(p.returncode > 0, "exit status %d" % p.returncode)
    mentions(p.stderr, ["/nowhere/gwd.conf"], "the message")


@conf.case("missing privileges: the capability is named")
def _(w):
    status, said = w.h1.gwd.expect_exit(wrapper=["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
    require(status > 0, "exit status %d" % status)
    mentions(said, ["CAP_NET_ADMIN"], "the message")


@conf.case("one missing privilege: that one is named")
def _(w):
    status, said = w.h1.gwd.expect_exit(wrapper=["setpriv", "--bounding-set=-bpf,-sys_admin"])
    require(status > 0, "exit status %d" % status)
    mentions(said, ["CAP_BPF"], "the message")
    require("CAP_NET_ADMIN" not in said.upper(), "what is there is not named: " + said)


@conf.case("a pin folder that is not on a bpffs: path and remedy are named")
def _(w):
    gwd = w.h1.gwd
    gwd.settings["engine"]["bpf_dir"] = gwd.dir + "/not-bpffs"
    gwd.configure()
    status, said = gwd.expect_exit()
    gwd.settings["engine"]["bpf_dir"] = gwd.bpf_dir
    gwd.configure()
    require(status > 0, "exit status %d" % status)
    mentions(said, [gwd.dir + "/not-bpffs", "bpf", "mount"], "the message")


@conf.case("a state directory that cannot be written: the path is named")
def _(w):
    gwd = w.h1.gwd
    run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "ro", gwd.state_dir])
    try:
        status, said = gwd.expect_exit()
    finally:
        run(["umount", gwd.state_dir])
    require(status > 0, "exit status %d" % status)
    mentions(said, [gwd.state_dir], "the message")


@conf.case("a state directory that is not there and cannot be made: the path is named")
def _(w):
    gwd = w.h1.gwd
    gwd.settings["node"]["state_dir"] = "/proc/gwd"
    gwd.configure()
    status, said = gwd.expect_exit()
    gwd.settings["node"]["state_dir"] = gwd.state_dir
    gwd.configure()
    require(status > 0, "exit status %d" % status)
    mentions(said, ["/proc/gwd"], "the message")


@conf.case("NVGRE is received through the kernel's device where there is gretap; else the status says so and names it")
def _(w):
    gwd = w.h1.gwd
    probe = w.h1.netns.run("ip link add probe0 type gretap local 192.0.2.1 remote 192.0.2.2".split(), ok=None)
    gwd.start()
    e = gwd.engine()
    if "GW_TEST_INSIDE" in os.environ:
        equal(probe.returncode, 0, "making a gretap device on the kernel that ships")
    if probe.returncode == 0:
        w.h1.netns.ip("link del probe0")
        equal(e["receivePath"], {"vxlan": "kernel+bpf", "nvgre": "kernel+bpf"}, "receive path")
        require("gretap" not in json.dumps(e["warnings"]), "no warning about gretap: %s" % e["warnings"])
    else:
        equal(e["receivePath"], {"vxlan": "kernel+bpf", "nvgre": "bpf"}, "receive path")
        mentions(json.dumps(e["warnings"]), ["gretap"], "the warnings")
        mentions(gwd.ctl("status"), ["gretap"], "gwctl status")
    gwd.stop()


@conf.case("the VXLAN port taken by another program: the port is named")
def _(w):
    for d in w.h1.netns.ip_json("link show"):  # the tunnel device of an earlier start holds the port
        if d.get("linkinfo", {}).get("info_kind") == "vxlan":
            w.h1.netns.ip("link del dev " + d["ifname"])
    with w.h1.netns.enter():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", 4789))
    gwd = w.h1.gwd
    gwd.launch()
    try:
        case.eventually(lambda: gwd.process.poll() is not None or gwd._up(), "it starts or ends", 15)
        if gwd.process is not None and gwd.process.poll() is None:
            mentions(json.dumps(gwd.engine()["warnings"]), ["4789"], "the warnings")
        else:
            require(gwd.process.returncode > 0, "exit status")
            mentions(gwd.log_tail(), ["4789"], "the message")
    finally:
        s.close()
        if gwd.process is not None:
            gwd.kill()


@conf.case("a second daemon on the same state is refused, the first goes on")
def _(w):
    gwd = w.h1.gwd
    gwd.start()
    first, gwd.process = gwd.process, None
    try:
        status, said = gwd.expect_exit()
    finally:
        gwd.process = first
    require(status > 0, "exit status %d" % status)
    mentions(said, [gwd.dir], "the message")
    equal(gwd.request("GET", BASE + "/monitoring/statistics").status, 200, "the first one's answer")
    gwd.stop()


if __name__ == "__main__":
    suite.main()
