#!/usr/bin/env python3
"""The feed of changes and the audit log do not grow without end: what is beyond [store] feed_limit, feed_days, audit_limit and
audit_days is removed in slices while requests are served, and no number is given twice (API-3)."""
import sqlite3
import time

import world
from lib import case
from lib.case import equal, require

suite = case.Suite()
MANY = 9000  # changes, several slices of them


def setup():
    w = world.Controller("growing")
    case.after_group.append(lambda: w.process and w.stop())
    return w.start()


def ask(w, query):
    with sqlite3.connect("file:%s?mode=ro" % (w.state_dir + "/gwd.db"), uri=True) as db:
        return db.execute(query).fetchone()


def logs(w):
    """Numbers of entries of the feed and of the audit log, and where the feed begins."""
    return ask(w, "SELECT (SELECT count(*) FROM change), (SELECT count(*) FROM audit),"
                  " (SELECT value FROM meta WHERE key = 'feed_start')")


def restart(w, **store):
    w.stop()
    w.settings["store"] = {k: str(v) for k, v in store.items()}
    w.configure()
    w.start()


g = suite.group("", setup)


@g.case("%d changes, of which 100 are to be kept, go in the background" % MANY)
def by_number(w):
    for turn in range(2):  # made, and gone
        for i in range(0, MANY // 2, 1500):
            status, body, _ = w.call("POST", "/batch", [
                {"path": "/routeTables/t%d" % (i + k), **({"method": "DELETE"} if turn else {"body": {"properties": {}}})}
                for k in range(1500)], checked=False)
            equal(status, 200, "batch (%s)" % str(body)[:200])
    w.put("/servers/last", {}, (201,))
    revision = ask(w, "SELECT value FROM meta WHERE key = 'revision'")[0]
    require(logs(w)[0] > MANY, "the feed: %s" % (logs(w),))
    restart(w, feed_limit=100, audit_limit=50)
    waited, longest, n = time.monotonic(), 0, 0
    while logs(w)[:2] != (100, 50):
        require(time.monotonic() - waited < 60 * case.SLOWNESS, "trimmed within a minute: %s" % (logs(w),))
        began = time.monotonic()
        w.put("/servers/last", {}, (200,))  # no change
        longest, n = max(longest, time.monotonic() - began), n + 1
    case.note("trimmed within %.1f s; the longest of %d requests meanwhile took %.3f s" % (
        time.monotonic() - waited, n, longest))
    equal(ask(w, "SELECT value FROM meta WHERE key = 'revision'")[0], revision, "the revision")
    equal(logs(w)[2], ask(w, "SELECT min(revision) FROM change")[0], "where the feed begins")
    equal(ask(w, "SELECT max(revision) FROM change")[0], revision, "its last change")


@g.case("the audit log over the API begins behind what is gone")
def audit(w):
    status, page, _ = w.call("GET", "/monitoring/audit", query="?$top=1000")
    equal((status, len(page["value"])), (200, 50), "entries")
    numbers = [d["number"] for d in page["value"]]
    equal(numbers, list(range(numbers[0], numbers[0] + 50)), "numbers")
    require(numbers[0] > 1000, "the first: %d" % numbers[0])
    status, page, _ = w.call("GET", "/monitoring/audit", query="?$top=10&$skipToken=7")
    equal([d["number"] for d in page["value"]], numbers[:10], "a page from a number that is gone")


@g.case("what is too old goes too, but for the last, and numbers go on")
def by_age(w):
    w.stop()
    with sqlite3.connect(w.state_dir + "/gwd.db") as db:
        last = db.execute("SELECT max(number) FROM audit").fetchone()[0]
        db.execute("UPDATE audit SET time = time - 86400 * 8")
        db.execute("UPDATE change SET time = time - 86400 * 3")
    w.start()
    time_out = "SELECT (SELECT count(*) FROM audit), (SELECT count(*) FROM change)"
    equal(ask(w, time_out), (50, 100), "before")
    restart(w, feed_days=4, audit_days=7)
    case.eventually(lambda: ask(w, time_out) == (1, 100), "the audit log is trimmed", 20)
    restart(w, feed_days=2, audit_days=7)
    case.eventually(lambda: ask(w, time_out) == (1, 1), "the feed is trimmed", 20)
    w.put("/servers/new", {}, (201,))
    w.delete("/servers/new")
    equal(ask(w, "SELECT min(number), max(number) FROM audit"), (last, last + 2), "numbers")
    equal(ask(w, time_out), (3, 3), "entries")


if __name__ == "__main__":
    suite.main()
