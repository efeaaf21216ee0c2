#!/usr/bin/env python3
"""A disk that fills up under the real daemon: every request of a commit that fails is answered 503, nothing of it stays, in memory
or on disk, and when there is room again everything works (API-1)."""
import json
import os
import sqlite3
import subprocess
import threading

import world
from lib import case
from lib.case import equal, require

suite = case.Suite()
SIZE, CLIENTS = 3 << 20, 6


class Small(world.Controller):
    """Its state lives on a disk of its own, of 3 MiB."""

    def __init__(self):
        super().__init__("small")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700,size=%d" % SIZE, "small", self.state_dir], check=True)
        self.filler = os.path.join(self.state_dir, "filler")

    def fill(self, left):
        """Leaves this many bytes of the disk."""
        with open(self.filler, "ab") as f:
            st = os.statvfs(self.state_dir)
            f.write(b"x" * max(0, st.f_bavail * st.f_frsize - left))

    def make_room(self):
        os.unlink(self.filler)

    def on_disk(self):
        """({path: body}, revision, revisions of the feed)"""
        with sqlite3.connect("file:%s?mode=ro" % (self.state_dir + "/gwd.db"), uri=True) as db:
            return (dict(db.execute("SELECT path, body FROM resource")),
                    db.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone()[0],
                    [r for r, in db.execute("SELECT DISTINCT revision FROM change ORDER BY revision")])

    def in_memory(self):
        """{path: tags} of what it shows."""
        return {p: r.get("tags") for p, r in self.resources().items()}


def full(w, method, path, body=None):
    """The request is answered as the disk is."""
    r = w.request(method, world.document.PREFIX + path, body)
    require(r.status == 503, "%s %s: expected 503, got %d %s" % (method, path, r.status, r.body[:300]))
    error = json.loads(r.body)["error"]
    equal(error["code"], "Unavailable", "code")
    require("full" in error["message"] or "input/output" in error["message"], error)
    require("nothing was changed" in error["message"], error)


def setup():
    w = Small()
    case.after_group.append(lambda: w.process and w.stop())
    w.start()
    for i in range(10):
        w.put("/routeTables/old%d" % i, {}, (201,), tags={"n": 0})
    return w


g = suite.group("", setup)


def table(n, size=30000):
    return {"properties": {}, "tags": {"n": n, "fill": "x" * size}}


def large(n):
    """More than may be left of the log, in parts that one resource may have."""
    return dict(table(n, 50000), properties={"routes": [
        {"resourceId": "r%d" % i, "properties": {"addressPrefix": "10.%d.0.0/16" % i, "nextHopType": "None"},
         "tags": {"fill": "x" * 50000}} for i in range(4)]})


class Client(threading.Thread):
    """Puts tables of its own, new and known ones in turn, until it has been refused a few times."""

    def __init__(self, w, number):
        super().__init__()
        self.w, self.number, self.there, self.refused, self.trouble = w, number, {}, 0, None

    def run(self):
        try:
            for i in range(400):
                path = "/routeTables/c%d-%d" % (self.number, i if i % 3 else i // 2)
                r = self.w.request("PUT", world.document.PREFIX + path, table(i))
                if r.status == 503:
                    require(b"nothing was changed" in r.body, r.body)
                    self.there.setdefault(path, None)
                    self.refused += 1
                    if self.refused == 5:
                        return
                else:
                    require(r.status in (200, 201), "%s: %d %s" % (path, r.status, r.body[:300]))
                    self.there[path] = i
        except Exception as e:  # pylint: disable=broad-except
            self.trouble = e


def same_everywhere(w, there):
    """Memory and disk have what was acknowledged, and nothing else; the feed has no gap."""
    memory = {p: t["n"] for p, t in w.in_memory().items() if not p.startswith("/routeTables/old")}
    rows, revision, feed = w.on_disk()
    disk = {p: json.loads(b)["tags"]["n"] for p, b in rows.items() if not p.startswith("/routeTables/old")}
    equal(memory, there, "what it shows")
    equal(disk, there, "what is stored")
    equal(feed, list(range(1, revision + 1)), "revisions in the feed")


@g.case("clients at once until nothing more goes in: what was acknowledged is there, what was refused is as it was")
def together(w):
    w.fill(600000)
    clients = [Client(w, i) for i in range(CLIENTS)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
        require(c.trouble is None, "client %d: %s" % (c.number, c.trouble))
        require(c.refused == 5, "client %d was refused %d times" % (c.number, c.refused))
    w.there = {p: n for c in clients for p, n in c.there.items() if n is not None}
    require(w.there and any(n is None for c in clients for n in c.there.values()), "some were accepted, some were not")
    same_everywhere(w, w.there)
    with open(w.log, encoding="utf-8") as f:
        require("could not be stored, it is undone" in f.read(), "the log says so")


@g.case("new ones, changes, deletes and batches are refused alike, and change nothing that is shown")
def each(w):
    w.fill(0)
    one = w.get("/routeTables/old1")
    before = w.kept_state()
    full(w, "PUT", "/routeTables/new", large(1))
    full(w, "PUT", "/routeTables/old1", large(1))
    full(w, "POST", "/batch", [{"path": "/routeTables/old2", "method": "DELETE"},
                               {"path": "/routeTables/old3", "body": large(1)}])
    while w.request("DELETE", world.document.PREFIX + "/routeTables/old4").status != 503:
        require(w.request("PUT", world.document.PREFIX + "/routeTables/old4", {"properties": {}, "tags": {"n": 0}}).status in (201, 503),
                "a table that comes and goes until there is no room")
    after = w.kept_state()
    equal({c: t for c, t in after.items() if c != "routeTables"}, {c: t for c, t in before.items() if c != "routeTables"}, "everything else")
    equal(w.get("/routeTables/old1"), one, "the one that was to change")
    w.refused("GET", "/routeTables/new", None, 404, "NotFound")
    equal(w.get("/routeTables/old3")["tags"], {"n": 0}, "one of the batch")
    same_everywhere(w, w.there)
    equal(w.call("GET", "/servers")[0], 200, "it can be read")


@g.case("when there is room again everything is taken, and all of it is there after a kill")
def again(w):
    w.make_room()
    status, body, _ = w.call("PUT", "/routeTables/old1", table(7, 10))
    equal(status, 200, "PUT (%s)" % body)
    w.delete("/routeTables/old2")
    w.put("/routeTables/new", {}, (201,), tags={"n": 9})
    w.there["/routeTables/new"] = 9
    same_everywhere(w, w.there)
    before = w.kept_state()
    w.kill()
    w.start()
    equal(w.kept_state(), before, "everything after a kill")
    same_everywhere(w, w.there)


if __name__ == "__main__":
    suite.main()
