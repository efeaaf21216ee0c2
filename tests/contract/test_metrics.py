#!/usr/bin/env python3
"""GET /metrics: promtool finds no fault, and the numbers are those of what was asked for (API-4)."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "topo"))
from lib import case, world  # noqa: E402
from lib.case import equal, require  # noqa: E402
from lib.gwd import BASE  # noqa: E402

PROMTOOL = os.path.join(case.root(), "build/tools/promtool")
suite = case.Suite()


def setup():
    """A controller that is a host as well, with an underlay and a port."""
    w = world.World()
    w.h1 = w.host("h1", 1, start=False)
    w.h1.gwd.settings["node"]["roles"] = "controller, host"
    w.h1.gwd.configure()
    w.h1.gwd.start()
    return w


def samples(w):
    text = w.h1.gwd.request("GET", "/metrics").body.decode()
    return text, {m[1]: float(m[2]) for m in re.finditer(r"(?m)^([^#\n]\S*(?:\{.*\})?) (\S+)$", text)}


g = suite.group("", setup)


@g.case("promtool finds no fault with them, and each is there once")
def _(w):
    w.h1.gwd.request("PUT", BASE + "/virtualNetworks/a", b"{")
    text, values = samples(w)
    r = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=30, check=False)
    equal((r.returncode, r.stdout, r.stderr), (0, "", ""), "promtool")
    lines = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    equal(sorted(lines), sorted(values), "samples that are there twice, or that this test does not understand")
    require(len(values) > 60, "%d samples" % len(values))


@g.case("they count what happens")
def _(w):
    _, before = samples(w)
    networks, answers = 'gwd_resources{kind="virtualNetworks"}', 'gwd_http_requests_total{code="%d"}'
    for status in (201, 200):
        r = w.h1.gwd.request("PUT", BASE + "/virtualNetworks/b", {"tags": {"x": str(status)}, "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}})
        equal(r.status, status, r.body)
    equal(w.h1.gwd.request("GET", BASE + "/virtualNetworks/none").status, 404, "GET")
    _, after = samples(w)
    grown = {k: after[k] - before.get(k, 0) for k in after if after[k] != before.get(k, 0)}
    equal(grown[networks], 1, networks)
    equal(grown[answers % 201], 1, "answers with 201")
    equal(grown[answers % 404], 1, "answers with 404")
    equal(grown["gwd_store_changes_total"], 2, "changes")
    equal(grown["gwd_http_request_duration_seconds_count"], 4, "requests that took their time")
    equal(after["gwd_ready"], 1, "gwd_ready")
    require(0 < after["gwd_http_request_duration_seconds_sum"] < 10, "the time they took")


@g.case("they say how long the event loop is kept busy, and by what")
def _(w):
    _, before = samples(w)
    network = {"properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
    for i in range(5):
        equal(w.h1.gwd.request("PUT", BASE + "/virtualNetworks/loop%d" % i, network).status, 201, "PUT")
    _, after = samples(w)
    put = '{handler="/networking/v1/**",action="PUT"}'
    calls, total, longest = ("gwd_loop_handler_%s%s" % (n, put) for n in ("calls_total", "seconds_total", "longest_seconds"))
    equal(after[calls] - before.get(calls, 0), 5, calls)
    require(0 < after[longest] <= after[total], "%s, %s" % (after[longest], after[total]))
    turns = after["gwd_loop_turn_seconds_count"] - before["gwd_loop_turn_seconds_count"]
    require(turns >= 10, "%d turns for five requests on connections of their own" % turns)
    require(after["gwd_loop_longest_turn_seconds"] <= after["gwd_loop_turn_seconds_sum"], "the longest of all turns")
    require(after["gwd_loop_longest_turn_seconds"] >= after[longest], "the longest turn and the longest call")
    for driver in ("node", "engine", "vrf"):
        require(after['gwd_loop_handler_calls_total{handler="sync",action="%s"}' % driver] >= 1, "syncs of " + driver)


@g.case("they count what is written to the kernel: nothing when nothing is to be done")
def _(w):
    name = 'gwd_netlink_writes_total{protocol="route"}'
    _, before = samples(w)
    require(before[name] > 0, "a node's first start makes what it needs: %s" % before[name])
    _, later = samples(w)
    equal(later[name], before[name], "when nothing is to be done")
    w.h1.gwd.kill()
    w.h1.gwd.start()
    _, again = samples(w)
    equal(again[name], 0, "of a process that was started over what is there")


if __name__ == "__main__":
    suite.main()
