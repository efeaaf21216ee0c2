#!/usr/bin/env python3
"""gwctl backup and restore: everything comes back, also into a newer version; what is no sound copy changes nothing."""
import glob
import os
import shutil
import sqlite3
import stat
import subprocess
import uuid

import examples
import world
from lib import case
from lib.case import equal, require

suite = case.Suite()


def setup():
    w = world.controller()
    w.make_examples()
    return w


g = suite.group("", setup)


def run_gwctl(w, status, *args):
    """Runs it, expects that exit status; returns what it says."""
    r = subprocess.run([w.build + "/gwctl", "--api", "unix:" + w.socket_path, *args], capture_output=True, text=True, timeout=60,
                       check=False)
    equal(r.returncode, status, "gwctl %s: %s%s" % (" ".join(args), r.stdout, r.stderr))
    return r.stdout + r.stderr


def copy_of(w, name):
    path = os.path.join(w.dir, name)
    run_gwctl(w, 0, "backup", path)
    return path


def restore(w, path):
    """Goes back to the copy, and waits until the daemon has begun anew, as the same process."""
    pid = w.process.pid
    os.truncate(w.log, 0)
    run_gwctl(w, 0, "restore", path)

    def anew():
        with open(w.log, encoding="utf-8") as f:
            log = f.read()
        return "beginning anew" in log and "is ready" in log[log.index("beginning anew"):]
    case.eventually(anew, "gwd begins anew", 30)
    equal((w.process.poll(), w.process.pid), (None, pid), "the process")


@g.case("everything is as it was when the copy was made, etags and secrets too")
def _(w):
    before = w.kept()
    path = copy_of(w, "copy")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode of the copy")
    with open(path, "rb") as f:
        data = f.read()
    for secret in examples.SECRETS:
        require(secret.encode() not in data, "a secret is in the copy")
    w.raze()
    w.put("/routeTables/new", {})
    restore(w, path)
    equal(w.kept(), before, "everything")
    w.restart()
    equal(w.kept(), before, "everything after a restart")


@g.case("another machine takes the place of this one: with its key beside the store a copy is restored, secrets too")
def elsewhere(w):
    before, path = w.everything(), copy_of(w, "elsewhere")
    other = world.controller()
    other.put("/credentials/own", {"type": "UsernamePassword", "userName": "u", "value": "kept with the key that gwd made"})
    require("another key" in run_gwctl(other, 1, "restore", path), "without the key")
    shutil.copy(os.path.join(w.state_dir, "secret.key"), os.path.join(other.state_dir, "secret.key"))
    restore(other, path)
    equal(other.everything(), before, "everything")
    again = dict(examples.EXAMPLES)["/credentials/login"]
    etag = other.get("/credentials/login")["etag"]
    equal(other.put("/credentials/login", again, (200,))["etag"], etag, "etag after the same secret was said: it can be opened")


@g.case("a copy is not written over another file")
def _(w):
    path = copy_of(w, "kept")
    with open(path, "rb") as f:
        before = f.read()
    require("File exists" in run_gwctl(w, 1, "backup", path), "what it says")
    with open(path, "rb") as f:
        equal(f.read(), before, "the file")


def made_by(w, version):
    """A copy as a gwd of that schema version made it."""
    path = os.path.join(w.dir, "v%d" % version)
    with open(os.path.join(case.root(), "tests/unit/store/v%d.sql" % version), encoding="utf-8") as f, sqlite3.connect(path) as db:
        db.executescript(f.read())
        db.execute("UPDATE meta SET value = ? WHERE key = 'uuid'", (str(uuid.uuid4()),))  # of a store of its own
    return path


def revision(w):
    with sqlite3.connect("file:%s?mode=ro" % (w.state_dir + "/gwd.db"), uri=True) as db:
        return db.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone()[0]


@g.case("a copy that an older version made is brought up to date, whichever it is")
def _(w):
    before, now = w.kept(), copy_of(w, "now")
    versions = sorted(glob.glob(os.path.join(case.root(), "tests/unit/store/v*.sql")))
    require(len(versions) >= 4, "stores of older versions: %s" % versions)
    for version in range(1, len(versions) + 1):
        restore(w, made_by(w, version))
        there = w.kept() if version < 3 else {
            p: w.call("GET", p)[1] for p in ("/routeTables/plain/routes/away", "/virtualNetworks/Blue/subnets/web")}
        if version < 3:
            equal(there, {}, "resources of version %d" % version)
        else:
            equal(there["/routeTables/plain/routes/away"]["instanceId"], "5a24d15e-3fed-422c-a49f-ac1c0e13782e", "a route")
            equal(there["/virtualNetworks/Blue/subnets/web"]["properties"]["isolationId"], 5001, "a subnet")
            equal(w.get("/routeTables/plain")["tags"], {"n": 2}, "tags")
        equal(w.call("GET", "/access/tokens/robot")[0], 200 if version > 1 else 404, "a token of version %d" % version)
        w.put("/servers/new", {}, (201,))
        w.restart()
        w.get("/servers/new")
    restore(w, now)
    equal(w.kept(), before, "everything")


@g.case("an etag that was given after the copy was made is never that of another version")
def _(w):
    path, where = copy_of(w, "etags"), "/routeTables/own"
    for _ in range(2):
        seen = set()
        for i in range(4):
            w.put(where, {}, (200,), tags={"before": i})
            seen.add(w.get(where)["etag"])
        restore(w, path)
        for i in range(6):
            w.put(where, {}, (200,), tags={"after": i})
            require(w.get(where)["etag"] not in seen, "an etag of change %d" % i)
        w.refused("PUT", where, {"properties": {}}, 412, "PreconditionFailed", "If-Match", {"If-Match": ", ".join(seen)})
    restore(w, path)


def deeds(w):
    return w.call("GET", "/monitoring/audit", query="?$top=1000")[1]["value"]


@g.case("revisions and the numbers of the audit log go on behind those that were there, and the log says who restored")
def _(w):
    path = copy_of(w, "early")
    for i in range(5):
        w.put("/routeTables/n%d" % i, {}, (201,))
    was, log = revision(w), deeds(w)
    restore(w, path)
    require(revision(w) > was, "revision %d after %d" % (revision(w), was))
    last = deeds(w)[-1]
    equal((last["who"], last["method"], last["path"]), ("root", "PUT", "/backup"), "the last entry")
    require(last["number"] > log[-1]["number"], "its number")
    w.refused("GET", "/routeTables/n0", None, 404, "NotFound")
    w.put("/routeTables/n0", {}, (201,))
    require(revision(w) > was + 1 and deeds(w)[-1]["number"] == last["number"] + 1, "and on from there")
    w.delete("/routeTables/n0")


def token(w, name):
    status, body, _ = w.call("PUT", "/access/tokens/" + name, {"properties": {"role": "monitor"}})
    equal(status, 201, "token %s: %s" % (name, body))


def tokens(w):
    return {t["resourceId"] for t in w.call("GET", "/access/tokens")[1]["value"]}


@g.case("the audit log loses nothing by a restore; who has a copy, and who has access, is recorded")
def _(w):
    token(w, "early")
    path = copy_of(w, "recorded")
    last = deeds(w)[-1]
    equal((last["who"], last["method"], last["path"]), ("root", "GET", "/backup"), "the deed of the backup")
    w.put("/routeTables/after", {}, (201,))
    w.delete("/routeTables/after")
    before = deeds(w)
    restore(w, path)
    log = deeds(w)
    equal(log[:-1], before, "what was recorded before the restore")
    equal((log[-1]["method"], log[-1]["path"]), ("PUT", "/backup"), "the deed of the restore")
    restore(w, path)
    equal(deeds(w)[:-1], log, "and again")
    with sqlite3.connect(path) as db:
        require(db.execute("SELECT count(*) FROM audit WHERE method = 'GET'").fetchone()[0] > 0, "the copy says that it was made")


@g.case("a token that was taken away does not come back with a copy of this store, and a new one stays")
def _(w):
    token(w, "revoked")
    path = copy_of(w, "access")
    equal(w.call("DELETE", "/access/tokens/revoked", checked=False)[0], 200, "DELETE")
    token(w, "new")
    there = tokens(w)
    restore(w, path)
    equal(tokens(w), there, "tokens")
    w.restart()
    equal(tokens(w), there, "tokens after a restart")


@g.case("a copy of another store brings its own, and its audit log comes before this one's")
def _(w):
    path, before = copy_of(w, "foreign"), deeds(w)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'uuid'", (str(uuid.uuid4()),))
        db.execute("DELETE FROM access WHERE name = 'new'")
        own = db.execute("SELECT count(*) FROM audit").fetchone()[0]
    here = copy_of(w, "here")
    before = deeds(w)
    restore(w, path)
    require("new" not in tokens(w) and "early" in tokens(w), "tokens: %s" % tokens(w))
    log = deeds(w)
    equal(len(log), own + len(before) + 1, "entries")
    equal([dict(d, number=0) for d in log[own:-1]], [dict(d, number=0) for d in before], "what was recorded here")
    require([d["number"] for d in log] == sorted({d["number"] for d in log}), "numbers")
    require(log[-1]["number"] > before[-1]["number"], "the last number")
    restore(w, here)
    require("new" in tokens(w), "the other way: tokens: %s" % tokens(w))


@g.case("what a daemon that was killed leaves of a copy is gone after the next start, and nothing else")
def _(w):
    before = w.kept()
    w.stop()
    db = w.state_dir + "/gwd.db"
    left = [db + ".copy-9b2c", db + ".copy-9b2c-journal", db + ".incoming", db + ".incoming-wal"]
    others = [db + ".copyist", db + ".mine", w.state_dir + "/other.db.copy-1"]
    for path in left + others:
        with open(path, "wb") as f:
            f.write(b"x" * 100)
    w.start()
    equal([p for p in left if os.path.exists(p)], [], "what is left")
    equal([p for p in others if not os.path.exists(p)], [], "what is gone")
    for path in others:
        os.unlink(path)
    equal(w.kept(), before, "everything")


@g.case("the way back has the log of the store that it is of, and no other")
def _(w):
    path, db = copy_of(w, "way"), w.state_dir + "/gwd.db.replaced"
    restore(w, path)
    for part in ("-wal", "-shm"):
        with open(db + part, "wb") as f:
            f.write(b"of the store before")
    restore(w, path)
    require(os.path.exists(db), "the way back")
    for part in ("-wal", "-shm"):
        if os.path.exists(db + part):
            with open(db + part, "rb") as f:
                require(b"before" not in f.read(), "a foreign " + part)


@g.case("gwctl restore ends when the daemon is back, so that the next command finds it, and says so when it does not come")
def _(w):
    path = copy_of(w, "awaited")
    for _ in range(5):
        run_gwctl(w, 0, "restore", path)
        run_gwctl(w, 0, "get", "vnets")
    with open(w.config, encoding="utf-8") as f:
        sound = f.read()
    with open(w.config, "a", encoding="utf-8") as f:
        f.write("[nonsense]\n")
    said = run_gwctl(w, 1, "restore", path, "--wait", "500ms")
    require("restored" in said and "not back" in said, said)
    with open(w.config, "w", encoding="utf-8") as f:
        f.write(sound)
    equal(w.process.wait(30), 1, "status of a daemon that cannot begin anew")
    w.process = None
    w.start()


@g.case("what is no sound copy is refused, and nothing changes")
def _(w):
    before, sound = w.kept(), copy_of(w, "sound")
    pid, files = w.process.pid, sorted(os.listdir(w.state_dir))

    def spoil(name, how):
        path = os.path.join(w.dir, name)
        shutil.copy(sound, path)
        how(path)
        return run_gwctl(w, 1, "restore", path)

    def sql(*statements):
        def run(path):
            with sqlite3.connect(path) as db:
                for s in statements:
                    db.execute(s)
        return run
    for name, how, part in (
            ("empty", lambda p: os.truncate(p, 0), ""),
            ("short", lambda p: os.truncate(p, os.path.getsize(p) // 2), "damaged"),
            ("foreign", sql("PRAGMA application_id = 1"), "not a store of gwd"),
            ("newer", sql("PRAGMA user_version = 99"), "newer gwd"),
            ("body", sql("UPDATE resource SET body = '{\"properties\":{\"x\":1}}' WHERE path = '/routeTables/own'"), "/routeTables/own"),
            ("a record of another node", sql("INSERT INTO object VALUES ('providerAddresses', '10.1.1.20', 1, '%s')" % (
                '{"ProviderAddress":"10.1.1.20","PrefixLength":24,"Interface":"eth1","VlanID":101}')), "VlanID"),
            ("orphan", sql("DELETE FROM resource WHERE path = '/virtualNetworks/blue'"), "no parent"),
            ("dangling", sql("DELETE FROM resource WHERE path = '/credentials/login'"), "/credentials/login"),
            ("sealed with another key", sql("UPDATE resource SET body = replace(body, 'sealed:1:', 'sealed:1:AAAA')"), "key")):
        said = spoil(name, how)
        require(part in said, "%s: %s" % (name, said))
        require("incoming" not in said and "gwd.db" not in said and "left as it" not in said, "%s blames the store: %s" % (name, said))
        with open(os.path.join(w.dir, name), "rb") as f:
            status = w.call("PUT", "/backup", f.read(), {"Content-Type": "application/octet-stream"}, checked=False)[0]
        equal(status, 400, "status for " + name)
    equal(w.kept(), before, "everything")
    equal(w.process.pid, pid, "the process")
    equal(sorted(os.listdir(w.state_dir)), files, "files")


if __name__ == "__main__":
    suite.main()
