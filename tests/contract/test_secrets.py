#!/usr/bin/env python3
"""Secrets: said again they change nothing, left out they stay, and they are nowhere but sealed in the store: in no answer, log,
metric, audit entry, file or backup; nor could a core dump have them (API-3)."""
import copy
import os
import sqlite3
import subprocess

import examples
import world
from lib import case
from lib.case import equal, require

suite = case.Suite()
# Each kind that has one: path, where it is in the properties, the secret.
WITH = [
    ("/credentials/login", ("value",), examples.SECRETS[2]),
    (examples.GATEWAY + "/networkConnections/site", ("ipSecConfiguration", "sharedSecret"), examples.SECRETS[0]),
    (examples.GATEWAY + "/bgpRouters/router/bgpPeers/site", ("password",), examples.SECRETS[1]),
]


def setup():
    w = world.Controller("secretive", {"node": {"roles": "controller", "log_level": "debug"}})
    case.after_group.append(lambda: w.process and w.stop())
    w.start()
    w.make_examples()
    return w


g = suite.group("", setup)


def stored(w, path):
    """(body, revision of the store)"""
    with sqlite3.connect("file:%s?mode=ro" % (w.state_dir + "/gwd.db"), uri=True) as db:
        return (db.execute("SELECT body FROM resource WHERE path = ?", (path,)).fetchone()[0],
                db.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone()[0])


def saying(w, path, where, secret):
    """What a GET gives, with this secret; None: with none."""
    one = copy.deepcopy(w.get(path))
    inside = one["properties"]
    for name in where[:-1]:
        inside = inside[name]
    require(where[-1] not in inside, "%s answers its secret" % path)
    if secret is not None:
        inside[where[-1]] = secret
    return one


def put(w, path, body):
    status, answer, _ = w.call("PUT", path, body)
    equal(status, 200, "PUT %s (%s)" % (path, answer))
    return answer["etag"]


@g.case("the same secret again is no change: etag, revision and what is sealed stay")
def same(w):
    for path, where, secret in WITH:
        before, etag = stored(w, path), w.get(path)["etag"]
        equal(put(w, path, saying(w, path, where, secret)), etag, "etag of %s" % path)
        equal(stored(w, path), before, "what is stored of " + path)
        status, body, _ = w.call("POST", "/batch", [{"path": path, "body": saying(w, path, where, secret)}], checked=False)
        equal((status, body["value"][0]["result"]), (200, "Unchanged"), "a batch")
        equal(stored(w, path), before, "what is stored of " + path)


@g.case("another one is, were it longer by a character; so is the old one again")
def other(w):
    for path, where, secret in WITH:
        seen = {stored(w, path)[0]}
        etags = {w.get(path)["etag"]}
        for new in (secret + "x", secret[:-1], secret[:-1] + "~", secret):
            etags.add(put(w, path, saying(w, path, where, new)))
            seen.add(stored(w, path)[0])
        equal((len(seen), len(etags)), (5, 5), "versions of " + path)


@g.case("left out, it stays as it was sealed, whatever else changes; in a parent's list as well")
def left_out(w):
    for path, where, _ in WITH:
        body, etag = stored(w, path)[0], w.get(path)["etag"]
        sealed = [t for t in body.split('"') if t.startswith("sealed:")]
        equal(len(sealed), 1, "sealed values of " + path)
        for secret in (None, examples.SECRETS[{p: i for i, p in enumerate((WITH[1][0], WITH[2][0], WITH[0][0]))}[path]]):
            one = saying(w, path, where, secret)
            one["tags"] = {"edited": str(secret is None)}
            require(put(w, path, one) != etag, "another tag is a change")
            require(sealed[0] in stored(w, path)[0], "%s keeps what was sealed, secret %s" % (path, secret and "said"))
    for parent in (examples.GATEWAY, examples.GATEWAY + "/bgpRouters/router"):
        before = w.get(parent)
        equal(put(w, parent, before), before["etag"], "GET and PUT of %s with its children" % parent)


NEW = "kn0wn-to-nobody-else"


@g.case("they are in no answer, also of what is refused, and in nothing that is written")
def nowhere(w):
    path, where, _ = WITH[1]
    said = []

    def ask(method, url, body=None, prefix=world.document.PREFIX):
        r = w.request(method, prefix + url, body)
        said.append((method + " " + url, r.body + str(r.headers.items()).encode()))
        return r.status
    equal(ask("PUT", path, saying(w, path, where, NEW)), 200, "PUT")
    bad = saying(w, path, where, NEW)
    bad["properties"]["destinationIPAddress"] = "nonsense"
    equal(ask("PUT", path, bad), 400, "PUT of a bad one")
    for value in ([NEW], {NEW: NEW}, NEW * 100, NEW + "\x00"):
        equal(ask("PUT", path, saying(w, path, where, value)), 400, "PUT of a bad secret")
    equal(ask("PUT", path + "-2", saying(w, path, where, NEW)), 400, "PUT under another name")
    equal(ask("PUT", "/credentials/nowhere/at/all", {"properties": {"value": NEW}}), 404, "PUT nowhere")
    equal(ask("POST", "/batch", [{"path": path, "body": saying(w, path, where, NEW)}, {"path": "/nowhere/x", "body": {}}]), 404, "batch")
    for url in ("/operations", "/monitoring/audit", "/monitoring/statistics", "/access/tokens", path, examples.GATEWAY,
                "/virtualGateways", "/credentials"):
        ask("GET", url)
    for url in ("/metrics", "/openapi.json", "/readyz", "/version"):
        ask("GET", url, prefix="")
    copy_of = os.path.join(w.dir, "copy")
    subprocess.run([w.build + "/gwctl", "--api", "unix:" + w.socket_path, "backup", copy_of], check=True, timeout=60)
    files = [w.log] + [os.path.join(d, f) for d, _, names in os.walk(w.dir) for f in names]
    for f in files:
        if os.path.isfile(f):
            with open(f, "rb") as o:
                said.append((f, o.read()))
    names = {os.path.basename(f) for f in files}
    require({"gwd.db", "gwd.db-wal", "copy", "secret.key", "secretive.log"} <= names, "files: %s" % names)
    with open(w.state_dir + "/secret.key", "rb") as f:
        key = f.read()
    for what, text in said:
        for secret in examples.SECRETS + (NEW,):
            require(secret.encode() not in text, "a secret is in " + what)
        require(key not in text or what.endswith("/secret.key"), "the key is in " + what)
    with open(copy_of, "rb") as f:
        require(b"sealed:1:" in f.read(), "the copy has the secrets sealed")


@g.case("without the key that they are sealed with, or with another one, it does not start; no new key takes its place")
def key(w):
    path, before = w.state_dir + "/secret.key", w.kept()
    w.stop()
    os.rename(path, path + ".away")

    def refused(*parts):
        status, said = w.expect_exit()
        equal(status, 1, "exit status (%s)" % said)
        for part in ("secret.key",) + parts:
            require(part in said, "\"%s\" in what it says: %s" % (part, said))
    refused("is missing: put it back")
    require(not os.path.exists(path), "a key has been made")
    with open(path, "wb") as f:
        f.write(os.urandom(32))
    os.chmod(path, 0o600)
    refused("sealed with another key", "/")
    os.rename(path + ".away", path)
    for mode in (0o640, 0o604):
        os.chmod(path, mode)
        refused("%04o" % mode, "chmod 600")
    os.chmod(path, 0o600)
    w.start()
    equal(w.kept(), before, "everything, with its own key")
    # A key that goes while it runs is not made anew by a restore.
    copy_of = os.path.join(w.dir, "keyed")
    w.ctl("backup", copy_of)
    os.rename(path, path + ".away")
    p = w.ctl_raw("restore", copy_of, "--wait", "500ms")
    equal((p.returncode, "not back" in p.stderr), (1, True), "restore: " + p.stderr)
    case.eventually(lambda: w.process.poll() is not None, "it does not begin anew without the key", 20)
    w.process = None
    require(not os.path.exists(path), "a key has been made")
    os.rename(path + ".away", path)
    w.start()
    equal(w.kept(), before, "everything")


@g.case("a credential says its secret when it is made: a copy of what GET answers is refused elsewhere")
def made(w):
    one = w.get("/credentials/login")
    w.refused("PUT", "/credentials/copied", dict(one, resourceRef=None, resourceId="copied"), 400, "MissingProperty", "properties.value")
    w.put("/credentials/copied", dict(one["properties"], value="another"), (201,))
    equal(w.call("PUT", "/credentials/copied", w.get("/credentials/copied"))[0], 200, "PUT of what GET answers")
    w.delete("/credentials/copied")


@g.case("a BGP peer that had a password is not made without it from what GET answers; one that had none is")
def peer(w):
    peers = examples.GATEWAY + "/bgpRouters/router/bgpPeers"
    one = w.get(peers + "/site")
    equal(one["properties"]["hasPassword"], True, "hasPassword")
    copied = dict(one["properties"], peerIpAddress="169.254.1.77")
    w.refused("PUT", peers + "/copied", {"properties": copied}, 400, "MissingProperty", "properties.password")
    plain = {k: v for k, v in copied.items() if k != "hasPassword"}
    require("hasPassword" not in w.put(peers + "/copied", plain, (201,))["properties"], "it has none")
    equal(w.call("PUT", peers + "/copied", w.get(peers + "/copied"))[0], 200, "PUT of what GET answers")
    w.put(peers + "/copied", dict(plain, password="new"), (200,))
    again = w.get(peers + "/copied")
    equal(again["properties"]["hasPassword"], True, "hasPassword")
    equal(put(w, peers + "/copied", again), again["etag"], "etag after a PUT of the same")
    w.refused("PUT", peers + "/copied", {"properties": dict(copied, hasPassword=False, password="new")}, 400, "InvalidProperty",
              "properties.hasPassword")
    for _ in range(2):
        equal(w.put(peers + "/copied", dict(copied, hasPassword=False), (200,))["properties"]["hasPassword"], False, "without it")
    w.refused("PUT", peers + "/copied", {"properties": dict(copied, hasPassword=True)}, 400, "MissingProperty", "properties.password")
    w.delete(peers + "/copied")


@g.case("a connection that goes over to a certificate has no pre-shared key any more")
def certificate(w):
    path = examples.GATEWAY + "/networkConnections/over"
    ends = {"connectionType": "IPSec", "destinationIPAddress": "203.0.113.9"}
    key = {"authenticationMethod": "PSK", "sharedSecret": examples.SECRETS[0]}
    w.put("/credentials/over", {"type": "X509Certificate", "value": "x"}, (201,))
    w.put(path, dict(ends, ipSecConfiguration=key), (201,))
    w.put(path, dict(ends, ipSecConfiguration={"authenticationMethod": "PSK"}), (200,))  # it is kept
    w.put(path, dict(ends, ipSecConfiguration={"authenticationMethod": "Certificate", "credential": examples.ref("/credentials/over")}), (200,))
    w.refused("PUT", path, {"properties": dict(ends, ipSecConfiguration={"authenticationMethod": "PSK"})}, 400, "MissingProperty",
              "properties.ipSecConfiguration.sharedSecret")
    w.delete(path)
    w.delete("/credentials/over")


@g.case("nobody but root can look into the process, and it leaves no core dump, also when it has begun anew")
def dumps(w):
    w.stop()
    for d in (w.state_dir, w.run_dir):
        for path in [d] + [os.path.join(d, f) for f in os.listdir(d)]:
            os.chown(path, 65534, 65534)
    unprivileged = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", w.build + "/gwd")
    argv = w.argv
    w.argv = lambda: [*unprivileged, *argv()[1:]]
    try:
        w.start()
        pid = w.process.pid

        def look():
            equal(os.stat("/proc/%d/maps" % pid).st_uid, 0, "the owner of what the kernel tells of the process")
            with open("/proc/%d/status" % pid, encoding="ascii") as f:
                require("Uid:\t65534\t" in f.read(), "who it runs as")
            with open("/proc/%d/limits" % pid, encoding="ascii") as f:
                core = [line.split()[4:6] for line in f if line.startswith("Max core file size")]
            equal(core, [["0", "0"]], "the size of a core dump")
        look()
        copy_of = os.path.join(w.dir, "again")
        for verb in ("backup", "restore"):
            subprocess.run([w.build + "/gwctl", "--api", "unix:" + w.socket_path, verb, copy_of], check=True, timeout=60)

        def anew():
            with open(w.log, encoding="utf-8") as f:
                log = f.read()
            return "beginning anew" in log and "is ready" in log[log.rindex("beginning anew"):]
        case.eventually(anew, "it begins anew", 30)
        look()
        w.stop()
    finally:
        w.argv = argv


if __name__ == "__main__":
    suite.main()
