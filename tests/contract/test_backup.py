#!/usr/bin/env python3
"""gwctl backup and restore: everything comes back, also into a newer version; what is no sound copy changes nothing."""
import os
import shutil
import sqlite3
import stat
import subprocess

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
    before = w.everything()
    path = copy_of(w, "copy")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode of the copy")
    with open(path, "rb") as f:
        data = f.read()
    for secret in examples.SECRETS:
        require(secret.encode() not in data, "a secret is in the copy")
    w.raze()
    w.put("/routeTables/new", {})
    restore(w, path)
    equal(w.everything(), before, "everything")
    w.restart()
    equal(w.everything(), before, "everything after a restart")


@g.case("a copy is not written over another file")
def _(w):
    path = copy_of(w, "kept")
    with open(path, "rb") as f:
        before = f.read()
    require("File exists" in run_gwctl(w, 1, "backup", path), "what it says")
    with open(path, "rb") as f:
        equal(f.read(), before, "the file")


@g.case("a copy that an older version made is brought up to date")
def _(w):
    path = copy_of(w, "old")
    with sqlite3.connect(path) as db:
        for table in ("access", "resource", "change", "audit"):
            db.execute("DROP TABLE " + table)
        db.execute("PRAGMA user_version = 1")
    before = w.everything()
    now = copy_of(w, "now")
    restore(w, path)
    equal(w.everything(), {}, "what the old version had")
    restore(w, now)
    equal(w.everything(), before, "everything")


@g.case("what is no sound copy is refused, and nothing changes")
def _(w):
    before, sound = w.everything(), copy_of(w, "sound")
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
            ("orphan", sql("DELETE FROM resource WHERE path = '/virtualNetworks/blue'"), "no parent"),
            ("dangling", sql("DELETE FROM resource WHERE path = '/credentials/login'"), "/credentials/login"),
            ("sealed with another key", sql("UPDATE resource SET body = replace(body, 'sealed:1:', 'sealed:1:AAAA')"), "key")):
        said = spoil(name, how)
        require(part in said, "%s: %s" % (name, said))
    equal(w.everything(), before, "everything")
    equal(w.process.pid, pid, "the process")
    equal(sorted(os.listdir(w.state_dir)), files, "files")


if __name__ == "__main__":
    suite.main()
