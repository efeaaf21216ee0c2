#!/usr/bin/python3
# The OpenAPI document: as the specification wants it, and about everything that is served.
import copy
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world
import document
from lib import case
from lib.case import equal, require

suite = case.Suite()
g = suite.group("", world.controller)


@g.case("it is an OpenAPI 3.0.3 document")
def valid(w):
    found = document.problems(w.document.d)
    require(not found, "\n".join(found[:10]))


def pruned(whole, *paths):
    """A document of these paths only, with what they need: small, so that looking at it takes no time."""
    d = dict(whole, paths={p: whole["paths"][p] for p in paths}, components={k: {} for k in whole["components"]})

    def take(node):
        for v in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            take(v)
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            kind, name = node["$ref"].split("/")[2:]
            if name not in d["components"][kind]:
                d["components"][kind][name] = whole["components"][kind][name]
                take(d["components"][kind][name])

    take(d["paths"])
    d["components"]["securitySchemes"] = whole["components"]["securitySchemes"]  # what needs them is of the whole
    return d


@g.case("a spoilt document is noticed")
def spoilt(w):
    small = pruned(w.document.d, "/macPools/{macPoolId}", "/version")
    equal(document.problems(small), [], "before it is spoilt")

    def change(at, name, value):
        d = copy.deepcopy(small)
        node = d
        for part in at:
            node = node[part]
        node[name] = value
        return d

    schemas, item = ("components", "schemas"), ("paths", "/macPools/{macPoolId}")
    for what, d in (
            ("a reference that leads nowhere", change(schemas + ("MacPool", "properties"), "x",
                                                      {"$ref": "#/components/schemas/None"})),
            ("an unknown keyword", change(schemas + ("MacPool",), "nullable", 1)),
            ("a requirement of a scheme that is not there", change((), "security", [{"token": []}, {"basic": []}, {"x": []}])),
            ("a scheme that nobody requires", change((), "security", [{"token": []}])),
            ("a component that nobody uses", change(schemas, "Lost", {"type": "string"})),
            ("a path parameter without a definition", change(item, "parameters", [])),
            ("an operationId that is not unique", change(item + ("get",), "operationId", "getVersion")),
            ("a status that is none", change(item + ("get", "responses"), "2000", {"description": "x"})),
            ("an array without items", change(schemas, "MacPool", {"type": "array"}))):
        require(document.problems(d), "not noticed: " + what)


@g.case("the same under both paths, and only for GET")
def paths(w):
    a, b = w.request("GET", "/openapi.json"), w.request("GET", "/networking/v1/OpenAPI.json")
    equal((a.status, b.status), (200, 200), "status")
    equal(a.body, b.body, "the document")
    equal(a.headers["Content-Type"], "application/json; charset=UTF-8", "Content-Type")
    equal(w.request("PUT", "/openapi.json", {}).status, 405, "PUT")


@g.case("collections and resources at every level of the tree, with their methods")
def tree(w):
    d = w.document
    top = {"accessControlLists", "credentials", "gatewayPools", "gateways", "loadBalancers", "logicalNetworks", "macPools",
           "networkInterfaces", "portProfiles", "publicIPAddresses", "routeTables", "servers", "virtualGateways",
           "virtualNetworks"}
    equal(set(w.collections()), top, "top-level collections")
    equal(len(d.resource_paths()), 29, "kinds of resources")
    for path in d.resource_paths():
        item, collection = d.d["paths"][path], d.d["paths"][path.rsplit("/", 1)[0]]
        equal(sorted(m for m in item if m in document.METHODS), ["delete", "get", "put"], "methods of " + path)
        equal(sorted(m for m in collection if m in document.METHODS), ["get"], "methods of the collection of " + path)

        def names(operation):
            return {d.resolve(p)["name"] for p in operation["parameters"]}
        equal(names(collection["get"]), {"$top", "$skipToken", "tenantId"}, "parameters of a list")
        for method in ("get", "put"):
            equal(names(item[method]), {"If-Match", "If-None-Match", "tenantId"}, "parameters of %s %s" % (method, path))
        equal(names(item["delete"]), {"If-Match", "tenantId"}, "parameters of delete " + path)


@g.case("every row of the router's table is in it, with its methods")
def routes(w):
    with open(os.path.join(case.root(), "gwd/api/router.c")) as f:
        table = f.read().split("} routes[] = {")[1].split("\n};")[0]
    rows = re.findall(r'\{(GW_API_PREFIX )?"(/[^"]*)",(.*?\}\})', table, re.S)
    require(len(rows) > 12, "the table was found")
    for prefix, pattern, rest in rows:
        if "**" in pattern:
            continue  # the resources
        path = [p for p in w.document.d["paths"] if re.fullmatch(pattern.replace("*", r"\{\w+\}").replace(".", r"\."), p)]
        equal(len(path), 1, "paths of %s: %s" % (pattern, path))
        item = w.document.d["paths"][path[0]]
        equal({m.lower() for m in re.findall(r'\{"([A-Z]+)",', rest)}, {m for m in item if m in document.METHODS}, pattern)
        urls = [s["url"] for s in item.get("servers", w.document.d["servers"])]
        require((document.PREFIX if prefix else "/") in urls, "%s is served below %s" % (path, urls))


@g.case("every property says what it is for")
def described(w):
    bare = []
    for name, schema in w.document.schemas.items():
        for p, row in schema.get("properties", {}).items():
            if name.endswith("Properties") and not row.get("x-gwd-inert") and "description" not in row:
                bare.append(name + "." + p)
    equal(bare, [], "properties without a description")


@g.case("paths that are no resources answer as they are described")
def others(w):
    for path, item in w.document.d["paths"].items():
        if path in w.document.resource_paths() or "get" not in item or "{" in path:
            continue
        if path in [p.rsplit("/", 1)[0] for p in w.document.resource_paths()]:
            continue
        for server in item.get("servers", [{"url": document.PREFIX}]):
            r = w.request("GET", server["url"].rstrip("/") + path)
            require(str(r.status) in item["get"]["responses"], "GET %s%s: %d" % (server["url"], path, r.status))


suite.main()
