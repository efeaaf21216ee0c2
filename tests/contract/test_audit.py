#!/usr/bin/env python3
"""gwctl audit: who changed what, page after page; and the file of the first operator's token, which goes with the token."""
import json
import os
import socket
import subprocess

import world
from lib import case
from lib.case import equal, require

suite = case.Suite()


def setup():
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    w = world.Controller("audited")
    w.settings["api"] = {"listen": "unix:%s, https://127.0.0.1:%d" % (w.socket_path, port)}
    w.configure()
    case.after_group.append(lambda: w.process and w.stop())
    return w.start()


g = suite.group("", setup)


def entries(w, *args):
    return json.loads(w.ctl("audit", "-o", "json", *args))


@g.case("the oldest first, over several pages, after a number, of one tenant; as a table for people")
def shown(w):
    w.put("/routeTables/first", {}, (201,), resourceMetadata={"tenantId": "a"})
    before = entries(w)
    equal([e["number"] for e in before], list(range(1, len(before) + 1)), "numbers")
    for n in range(2):
        status, answer, _ = w.call("POST", "/batch", [{"path": "/routeTables/t%d-%d" % (n, i), "body": {"properties": {}}}
                                                      for i in range(1200)], checked=False)
        equal(status, 200, "batch (%s)" % str(answer)[:200])
    w.put("/routeTables/last", {}, (201,))
    log = entries(w)
    equal(log[:len(before)], before, "the first")
    equal(len(log), len(before) + 2401, "how many")
    equal((log[-1]["who"], log[-1]["method"], log[-1]["path"]), ("root", "PUT", "/routeTables/last"), "the last")
    equal(entries(w, "--after", log[-3]["number"]), log[-2:], "after a number")
    equal(entries(w, "--after", log[-1]["number"]), [], "after the last")
    table = w.ctl("audit", "--after", log[-3]["number"]).splitlines()
    equal(table[0].split(), ["NUMBER", "TIME", "WHO", "METHOD", "TENANT", "PATH"], "titles")
    equal(table[2].split(), [str(log[-1]["number"]), log[-1]["time"], "root", "PUT", "-", "/routeTables/last"], "a row")
    of_a = entries(w, "--tenant", "a")
    equal([(e["tenantId"], e["path"]) for e in of_a], [("a", "/routeTables/first")], "of one tenant")
    equal(w.ctl_raw("audit", "--after", "x").returncode, 2, "exit status for a bad number")
    for before_it, word in ((), "audit"), (("audit",), "--after"):
        offered = subprocess.run([w.build + "/gwctl", "--list-words", *before_it], capture_output=True, text=True, check=True, timeout=20)
        require(word in offered.stdout.split(), "completion of %s: %s" % (word, offered.stdout))


@g.case("the file of the first operator's token goes with the token, whether it is deleted, replaced, or of another store")
def file(w):
    path = w.state_dir + "/operator-token"
    require(os.path.exists(path), "the token of the first start")
    w.ctl("token", "add", "other", "--role", "operator")
    w.ctl("token", "del", "other")
    require(os.path.exists(path), "another token is none of its business")
    w.ctl("token", "del", "First-Operator")
    require(not os.path.exists(path), "the file of a void token")
    w.restart()
    require(os.path.exists(path), "nobody is operator over the network: a new one")
    w.ctl("token", "add", "first-operator", "--role", "operator")
    require(not os.path.exists(path), "the file of a token that has been replaced")
    w.ctl("token", "add", "other", "--role", "operator")
    w.ctl("token", "del", "first-operator")
    with open(path, "w", encoding="ascii") as f:
        f.write("of the store before")
    w.restart()
    require(not os.path.exists(path), "a file without its token")


if __name__ == "__main__":
    suite.main()
