#!/usr/bin/python3
# What was read from one controller can be put into another: all at once, in any order, whole trees or resource by resource;
# and a batch of which one element is bad changes nothing.
import copy
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import examples
import world
from lib import case
from lib.case import equal, require

suite = case.Suite()
SECRET_OF = {path: p for path, p in examples.EXAMPLES}


def setup():
    w = world.controller()
    w.make_examples()
    w.was = w.resources()
    return w


def plain(value, ordered):
    """Without what says which instance it is, and when it was made; children are in the order of their making."""
    if isinstance(value, list):
        value = [plain(v, ordered) for v in value]
        return value if ordered else sorted(value, key=str)
    if isinstance(value, dict):
        return {k: plain(v, ordered) for k, v in value.items() if k not in ("etag", "instanceId", "lastUpdatedTime")}
    return value


def with_secrets(resource):
    """As it was read, with the secrets that nobody can read."""
    resource = copy.deepcopy(resource)

    def visit(r):
        given = SECRET_OF[r["resourceRef"]]
        for name in ("value", "password"):
            if name in given and "credentials" in r["resourceRef"] or name == "password" and name in given:
                r["properties"][name] = given[name]
        if "sharedSecret" in given.get("ipSecConfiguration", {}):
            r["properties"]["ipSecConfiguration"]["sharedSecret"] = given["ipSecConfiguration"]["sharedSecret"]
        for value in r["properties"].values():
            for child in value if isinstance(value, list) else ():
                if isinstance(child, dict) and "resourceId" in child:
                    visit(child)
    visit(resource)
    return resource


def own(w, path):
    """A resource without its children."""
    r = with_secrets(w.was[path])
    r["properties"] = {k: v for k, v in r["properties"].items() if not world.path_of(w.document, path, k)}
    return r


def batch(w, elements):
    return w.call("POST", "/batch", elements)[:2]


def check_same(w, what, ordered):
    now = w.resources()
    equal(set(now), set(w.was), "resources, " + what)
    for path in w.was:
        equal(plain(now[path], ordered), plain(w.was[path], ordered), "%s, %s" % (path, what))


def delete_all(w, paths):
    status, body = batch(w, [{"method": "DELETE", "path": p} for p in paths])
    equal(status, 200, "DELETE of all (%s)" % body)
    equal(w.kept(), {}, "what is left")


g = suite.group("", setup)


@g.case("all deleted by one batch, in any order")
def gone(w):
    paths = [p for p in w.was if p.count("/") == 2]
    random.Random(1).shuffle(paths)
    delete_all(w, paths)


@g.case("all put back as whole trees, in any order")
def trees(w):
    trees_of = [p for p in w.was if p.count("/") == 2]
    for seed in range(3):
        random.Random(seed).shuffle(trees_of)
        status, body = batch(w, [{"path": p, "body": with_secrets(w.was[p])} for p in trees_of])
        equal(status, 200, "PUT of all trees (%s)" % str(body)[:500])
        check_same(w, "as trees", True)
        delete_all(w, trees_of)


@g.case("all put back one by one in one batch, in any order, and after a restart as they were")
def singles(w):
    paths = list(w.was)
    for seed in range(3):
        random.Random(seed).shuffle(paths)
        status, body = batch(w, [{"path": p, "body": own(w, p)} for p in paths])
        equal(status, 200, "PUT of all (%s)" % str(body)[:500])
        check_same(w, "one by one", False)
        before = w.kept_state()
        w.kill()
        w.start()
        equal(w.kept_state(), before, "after a restart")
        delete_all(w, [p for p in paths if p.count("/") == 2])


def by_reference(w, path):
    """A resource that names its children, which are elements of their own."""
    r = own(w, path)
    for name, value in w.was[path]["properties"].items():
        if world.path_of(w.document, path, name):
            r["properties"][name] = [examples.ref(c["resourceRef"]) for c in value]
    return r


@g.case("children that are named by their references are made by the same batch, or it is refused")
def references(w):
    paths = list(w.was)
    for seed in range(3):
        random.Random(seed).shuffle(paths)
        elements = [{"path": p, "body": by_reference(w, p)} for p in paths]
        status, body = batch(w, elements)
        equal(status, 200, "PUT of all (%s)" % str(body)[:500])
        check_same(w, "by reference", False)
        status, body = batch(w, elements)
        equal((status, {v["result"] for v in body["value"]} - {"Changed"}), (200, {"Unchanged"}), "the same again")
        check_same(w, "by reference, again", False)
        delete_all(w, [p for p in paths if p.count("/") == 2])
    missing, n = [p for p in paths if p.count("/") > 2], 0
    for p in missing:
        parent, collection, name = p.rsplit("/", 2)
        if any(q.startswith(p + "/") for q in paths) or any(p in str(by_reference(w, q)) for q in paths if q not in (p, parent)):
            continue  # others miss it too
        left = [q for q in paths if q != p]
        status, body = batch(w, [{"path": q, "body": by_reference(w, q)} for q in left])
        children = [c["resourceId"] for c in w.was[parent]["properties"][collection]]
        equal((status, body["error"]["code"], body["error"]["target"]), (400, "InvalidProperty", "[%d].body.properties.%s[%d].resourceRef" % (
            left.index(parent), collection, children.index(name))), "without " + p)
        n += 1
    require(n > 5, "%d were left out" % n)
    equal(w.kept(), {}, "what is there")


@g.case("one bad element of many: nothing is changed, and the error says which")
def bad(w):
    paths = list(w.was)
    status, body = batch(w, [{"path": p, "body": own(w, p)} for p in paths])
    equal(status, 200, "PUT of all (%s)" % str(body)[:500])
    before = w.kept()
    for p in paths:
        for n, (change, status, target) in enumerate((
                ({"properties": dict(own(w, p)["properties"], noSuchProperty=1)}, 400, ".body.properties.noSuchProperty"),
                ({"tags": 5}, 400, ".body.tags"))):
            elements = [{"path": q, "body": dict(own(w, q), tags={"n": n})} for q in paths]
            at = paths.index(p)
            elements[at]["body"].update(change)
            got, answer = batch(w, elements)
            equal((got, answer["error"].get("target")), (status, "[%d]%s" % (at, target)), p)
    equal(w.kept(), before, "everything afterwards")
    require(len(before) == len(w.was), "it was looked at")


suite.main()
