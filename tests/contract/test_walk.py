#!/usr/bin/python3
# Every path and method of the document: each resource is made, read, edited, listed and deleted, and what is answered is as
# the document says. Covers API-1: letter case, null and unknown members, read-only and write-only properties, etags, children
# embedded, referenced, left out and on their own path, paging.
import copy
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import examples
import world
from lib import case
from lib.case import equal, require

OWN = ("provisioningState", "configurationState")
suite = case.Suite()


def built():
    w = world.controller()
    w.make_examples()
    return w


def read_only(w, schema):
    """Names of what gwd adds to the properties of a resource."""
    return {n for n, row in w.document.rows(schema).items() if row.get("readOnly")}


def deep(w, schema, properties):
    """The properties without what gwd alone says, in children too."""
    kept = {}
    for name, value in properties.items():
        if name in read_only(w, schema):
            continue
        row = w.document.rows(schema)[name]
        if row.get("type") == "array" and "$ref" in row["items"] and value and "resourceId" in value[0]:
            child = row["items"]["$ref"].rsplit("/", 1)[1]
            value = [dict(c, properties=deep(w, child, c["properties"])) for c in value]
        kept[name] = value
    return kept


g = suite.group("making", world.controller)


@g.case("there is an example of every kind, and every property has a value in one")
def complete(w):
    d = w.document
    templates = {d.template(p) for p, _ in examples.EXAMPLES}
    equal(templates, set(d.resource_paths()), "kinds with an example")
    given = {}

    def note(name, value):
        """Which properties of schema `name` have a value."""
        for p, v in value.items():
            row = d.rows(name)[p]
            given.setdefault(name, set()).add(p)
            inner = row.get("items", row.get("allOf", [{}])[0]).get("$ref", "").rsplit("/", 1)[-1]
            if inner and inner not in ("Reference", "References"):
                for each in v if isinstance(v, list) else [v]:
                    note(inner, each)

    for path, properties in examples.EXAMPLES:
        note(d.schema_of(path), properties)
    lacking = set()
    for path in d.resource_paths():
        for name in given:
            rows = d.rows(name)
            lacking |= {"%s.%s" % (name, p) for p, row in rows.items()
                        if p not in given[name] and not row.get("readOnly")
                        and d.template(path) + "/" + p not in d.d["paths"]}
    children = {"%s.%s" % (d.schema_of(p), c) for p in d.resource_paths() for c in d.rows(d.schema_of(p))
                if p + "/" + c in d.d["paths"]}
    equal(lacking - children, set(), "properties without a value in any example")


@g.case("each is made by PUT, 201, and answered with what was put and what gwd adds")
def make(w):
    for path, properties in examples.EXAMPLES:
        schema = w.document.schema_of(path)
        status, body, headers = w.call("PUT", path, {"properties": properties})
        equal(status, 201, "PUT %s (%s)" % (path, body))
        equal(headers["Location"], "/networking/v1" + path, "Location")
        equal(headers["ETag"], body["etag"], "ETag")
        require(len(headers["x-ms-request-id"]) == 36, "x-ms-request-id")
        operation = w.request("GET", headers["Azure-AsyncOperation"])
        equal((operation.status, operation.json()), (200, {"status": "Succeeded"}), "the operation of " + path)
        equal((body["resourceRef"], body["resourceId"]), (path, path.rsplit("/", 1)[1]), "who it is")
        equal(body["properties"]["provisioningState"], "Updating", "provisioningState of what was put")
        got = w.get(path)
        equal(got["properties"]["provisioningState"], "Succeeded", "provisioningState of " + path)
        equal(got["etag"], body["etag"], "etag of " + path)
        for name, value in properties.items():
            if value is None or w.document.rows(schema)[name].get("writeOnly"):
                continue
            seen = got["properties"].get(name)
            if isinstance(value, dict):  # has defaults, or lacks a secret
                seen = {k: v for k, v in seen.items() if k in value}
                value = {k: v for k, v in value.items() if k != "sharedSecret"}
            if name in ("remoteVpnTrafficSelector", "ipSecConfiguration"):
                continue  # deep defaults: see "what is left out gets its default"
            equal(seen, value, "%s of %s" % (name, path))


@g.case("each is in the list of its collection, as it is on its own path")
def listed(w):
    for path, _ in examples.EXAMPLES:
        status, page, _ = w.call("GET", path.rsplit("/", 1)[0])
        equal(status, 200, "GET of the collection of " + path)
        of_path = [r for r in page["value"] if r["resourceRef"] == path]
        equal(of_path, [w.get(path)], "%s in its collection" % path)


@g.case("children are in their parent, as they are on their own path")
def embedded(w):
    seen = 0
    for path, _ in examples.EXAMPLES:
        parent, collection, _ = path.rsplit("/", 2)
        if parent:
            seen += 1
            own = w.get(path)
            require(own in w.get(parent)["properties"][collection], "%s is not in %s" % (path, parent))
    equal(seen, len([p for p, _ in examples.EXAMPLES if p.count("/") > 2]), "children looked at")


@g.case("HEAD is GET without its body")
def head(w):
    for path, _ in examples.EXAMPLES:
        r, s = w.request("HEAD", "/networking/v1" + path), w.request("GET", "/networking/v1" + path)
        equal((r.status, r.body, r.headers["ETag"], r.headers["Content-Length"]),
              (200, b"", s.headers["ETag"], str(len(s.body))), "HEAD " + path)


@g.case("deleted one after the other, each is gone: 404, and 204 when it is deleted again")
def unmake(w):
    for path, _ in reversed(examples.EXAMPLES):
        w.delete(path)
        w.refused("GET", path, None, 404, "NotFound")
        w.delete(path, (204,))
    equal(w.everything(), {}, "what is left")


g = suite.group("built", built)


@g.case("what was read and is put back unchanged keeps everything, etags too")
def put_back(w):
    before, state = w.everything(), w.state()
    require(len(before) == len(examples.EXAMPLES), "%d resources" % len(before))
    for path, text in before.items():
        status, body, headers = w.call("PUT", path, json.loads(text))
        equal(status, 200, "PUT %s (%s)" % (path, body))
        equal(headers["ETag"], json.loads(text)["etag"], "etag of " + path)
        equal(w.state(), state, "everything after %s was put back" % path)


@g.case("an edit of the metadata changes the etag, of those above too, and nothing else")
def edit(w):
    after = w.resources()
    for path, _ in examples.EXAMPLES:
        before, one = after, w.get(path)
        one["tags"] = {"Owner": "Ann", "n": [1, 2.5, None]}
        one["resourceMetadata"] = {"tenantName": "x", "Odd Key": {"a": None}}
        status, body, _ = w.call("PUT", path, one)
        equal(status, 200, "PUT %s (%s)" % (path, body))
        after = w.resources()
        equal(set(after), set(before), "resources after an edit of " + path)
        for p, old in before.items():
            above = path == p or path.startswith(p + "/")
            require((old["etag"] != after[p]["etag"]) == above, "etag of %s after an edit of %s" % (p, path))
            if not above:
                equal(after[p], old, "%s after an edit of %s" % (p, path))
        new = after[path]
        equal((new["tags"], new["resourceMetadata"]), (one["tags"], one["resourceMetadata"]), "tags and metadata")
        schema = w.document.schema_of(path)
        equal(deep(w, schema, new["properties"]), deep(w, schema, one["properties"]), "properties of " + path)


def other_case(text):
    return "".join(c.lower() if i % 2 else c.upper() for i, c in enumerate(text))


def recase(value):
    """All keys of a JSON value in another letter case, except below tags and resourceMetadata."""
    if isinstance(value, list):
        return [recase(v) for v in value]
    if not isinstance(value, dict):
        return value
    return {other_case(k): v if k in ("tags", "resourceMetadata") else recase(v) for k, v in value.items()}


@g.case("paths and keys in another letter case mean the same, and are answered in theirs")
def letter_case(w):
    before, state = w.everything(), w.state()
    for path, text in before.items():
        r = w.request("GET", other_case("/networking/v1" + path))
        equal((r.status, r.body), (200, text), "GET " + other_case(path))
        r = w.request("PUT", other_case("/networking/v1" + path), recase(json.loads(text)))
        equal(r.status, 200, "PUT %s (%s)" % (other_case(path), r.body[:300]))
        equal(w.state(), state, "everything after a PUT of %s in another letter case" % path)
    for collection in w.collections():
        a, b = (w.request("GET", "/networking/v1/" + c).body for c in (collection, other_case(collection)))
        equal(a, b, "GET of " + other_case(collection))


@g.case("values in another letter case, numbers as text, MAC addresses and UUIDs in every spelling: no change")
def spellings(w):
    before, state = w.everything(), w.state()
    for path, properties in (
            ("/networkInterfaces/vm1", {"privateMacAddress": "00-15-5d-01-01-01"}),
            ("/networkInterfaces/vm1", {"privateMacAddress": "00:15:5D:01:01:01", "privateMacAllocationMethod": "STATIC"}),
            ("/virtualNetworks/blue", {"routingDomainId": "{11111111-2222-3333-4444-555555555555}",
                                       "encapsulationMethod": "nvgre"}),
            (examples.SUBNET, {"isolationId": "5001", "broadcastMode": "MULTICAST",
                               "routeTable": examples.ref("/ROUTETABLES/Own")}),
            ("/accessControlLists/front/aclRules/https", {"destinationPortRange": "443-443", "sourcePortRange": "0-65535"}),
            (examples.GATEWAY + "/networkConnections/site", {"destinationIPAddress": "203.0.113.9"})):
        one = w.get(path)
        one["properties"].update(properties)
        require(json.dumps(one) != before[path].decode(), "nothing is spelt differently")
        status, body, _ = w.call("PUT", path, one)
        equal(status, 200, "PUT %s %s (%s)" % (path, properties, body))
        equal(w.state(), state, "everything after %s of %s" % (properties, path))


@g.case("null is the same as absent, in the envelope and in every property")
def nulls(w):
    before, state = w.everything(), w.state()
    for path, text in before.items():
        one, schema = json.loads(text), w.document.schema_of(path)
        for name in w.document.rows(schema):
            one["properties"].setdefault(name, None)
        for name in ("tags", "resourceMetadata"):
            one.setdefault(name, None)
        status, body, _ = w.call("PUT", path, one)
        equal(status, 200, "PUT of %s with nulls (%s)" % (path, body))
        equal(w.state(), state, "everything after a PUT of %s with nulls" % path)


@g.case("read-only properties and the envelope's are ignored in a PUT, whatever they say")
def ignored(w):
    before, state = w.everything(), w.state()
    for path, text in before.items():
        one = json.loads(text)
        for name in read_only(w, w.document.schema_of(path)):
            one["properties"][name] = {"nonsense": [1]} if name != "configurationState" else 17
        one.update(etag="W/\"no\"", instanceId=5)
        status, body, _ = w.call("PUT", path, one)
        equal(status, 200, "PUT of %s with read-only properties (%s)" % (path, body))
        equal(w.state(), state, "everything after %s" % path)


@g.case("secrets are never answered, and stay when they are left out")
def secrets(w):
    texts = b"".join(w.everything().values())
    for name in ("sharedSecret", "password", '"value":"s3'):
        require(name.encode() not in texts, "%s is in an answer" % name)
    for secret in examples.SECRETS:
        require(secret.encode() not in texts, "a secret is in an answer")
        for where, _, files in os.walk(w.dir):
            for f in files:
                if f != "gwd.conf" and os.path.isfile(os.path.join(where, f)):
                    with open(os.path.join(where, f), "rb") as o:
                        require(secret.encode() not in o.read(), "a secret is in the clear in " + f)
    # A connection of PSK without a secret is refused: that it is accepted shows that the old one was kept.
    path = examples.GATEWAY + "/networkConnections/site"
    one = w.get(path)
    one["properties"]["ipSecConfiguration"]["localIdentity"] = "other.example"
    equal(w.call("PUT", path, one)[0], 200, "PUT without the secret")
    one["resourceId"] = "anew"
    w.refused("PUT", path[:-4] + "anew", one, 400, "InvalidProperty", "resourceRef")
    del one["resourceRef"]
    w.refused("PUT", path[:-4] + "anew", one, 400, "MissingProperty", "properties.ipSecConfiguration.sharedSecret")


@g.case("If-Match and If-None-Match decide about GET, PUT and DELETE")
def conditions(w):
    before, with_tag = w.everything(), set()
    for path, text in before.items():
        one = json.loads(text)
        etag, stale = one["etag"], 'W/"00000000-0000-4000-8000-000000000000"'
        # What shows who refers to it, and such, is always answered in full: that changes without the etag.
        tag_is_all = "304" in w.document.d["paths"][w.document.template(path)]["get"]["responses"]
        if tag_is_all:
            with_tag.add(path.split("/")[-2])
        status, body, headers = w.call("GET", path, headers={"If-None-Match": etag})
        equal((status, body, headers["ETag"]), (304, None, etag) if tag_is_all else (200, one, etag), "GET %s if it has changed" % path)
        equal(w.call("GET", path, headers={"If-None-Match": stale})[0], 200, "GET with another etag")
        equal(w.call("GET", path, headers={"If-None-Match": "%s, %s" % (stale, etag)})[0], 304 if tag_is_all else 200,
              "GET with two etags")
        equal(w.call("GET", path, headers={"If-Match": etag})[0], 200, "GET if it is the same")
        w.refused("GET", path, None, 412, "PreconditionFailed", "If-Match", {"If-Match": stale})
        for method, headers, target in (("PUT", {"If-Match": stale}, "If-Match"),
                                        ("PUT", {"If-None-Match": "*"}, "If-None-Match"),
                                        ("PUT", {"If-None-Match": etag}, "If-None-Match"),
                                        ("DELETE", {"If-Match": stale}, "If-Match")):
            w.refused(method, path, dict(one, tags={"new": 1}) if method == "PUT" else None, 412, "PreconditionFailed",
                      target, headers)
        for headers in ({"If-Match": etag}, {"If-Match": "*"}, {"If-Match": etag[2:]}, {"If-None-Match": stale}):
            equal(w.call("PUT", path, one, headers)[0], 200, "PUT %s with %s" % (path, headers))
        missing = path + "x"
        w.refused("PUT", missing, {"properties": one["properties"]}, 412, "PreconditionFailed",
                  "If-Match", {"If-Match": "*"})
        w.refused("DELETE", missing, None, 412, "PreconditionFailed", "If-Match", {"If-Match": "*"})
    equal(w.everything(), before, "everything afterwards")
    require({"credentials", "portProfiles", "aclRules", "policyMaps"} <= with_tag, "answered with 304: %s" % with_tag)
    require(not {"subnets", "virtualNetworks", "ipPools", "macPools", "accessControlLists", "routes"} & with_tag, "not with 304: %s" % with_tag)
    w.put("/servers/spare", {})
    etag = w.get("/servers/spare")["etag"]
    equal(w.call("DELETE", "/servers/spare", headers={"If-Match": etag})[0], 202, "DELETE with the right etag")


@g.case("who asks whether it has changed sees who refers to it, whose change leaves its etag good for If-Match")
def others(w):
    path, acl = examples.SUBNET, "/accessControlLists/front"
    one, network = w.get(path), w.get("/virtualNetworks/blue")
    rules, pool = w.get(acl), w.get(path + "/ipPools/vms")
    w.put("/networkInterfaces/other", {"ipConfigurations": [{"resourceId": "i", "properties": {
        "subnet": examples.ref(path), "accessControlList": examples.ref(acl)}}]}, (201,))
    for before in (one, network, rules, pool):
        where = before["resourceRef"]
        status, after, headers = w.call("GET", where, headers={"If-None-Match": before["etag"]})
        equal((status, after["etag"], headers["ETag"]), (200, before["etag"], before["etag"]), "GET %s" % where)
        require(after != before, "%s shows the new NIC" % where)
        status, body, _ = w.call("PUT", where, before, {"If-Match": before["etag"]})
        equal((status, body["etag"]), (200, before["etag"]), "PUT %s with the etag that it had" % where)
    w.delete("/networkInterfaces/other")


@g.case("a parent that is put with its children whole makes all of them at once")
def whole(w):
    w.put("/virtualNetworks/red", {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [{"resourceId": "a", "properties": {"addressPrefix": "10.0.1.0/24", "ipPools": [
                        {"resourceId": "p", "properties": {"startIpAddress": "10.0.1.9", "endIpAddress": "10.0.1.10"}}]}},
                    {"resourceRef": "/virtualNetworks/red/subnets/b", "properties": {"addressPrefix": "10.0.2.0/24"}}]},
          (201,))
    equal([s["resourceId"] for s in w.get("/virtualNetworks/red")["properties"]["subnets"]], ["a", "b"], "subnets")
    equal(w.get("/virtualNetworks/red/subnets/a/ipPools/p")["properties"]["endIpAddress"], "10.0.1.10", "a grandchild")
    equal(w.get("/virtualNetworks/red/subnets/b")["properties"]["addressPrefix"], "10.0.2.0/24", "named by resourceRef")


@g.case("a child in a list may be a bare reference: it stays as it is")
def bare(w):
    before = w.get("/virtualNetworks/red")
    one = copy.deepcopy(before)
    one["properties"]["subnets"] = [examples.ref(s["resourceRef"]) for s in one["properties"]["subnets"]]
    equal(w.call("PUT", "/virtualNetworks/red", one)[0], 200, "PUT with references")
    equal(w.get("/virtualNetworks/red"), before, "the network")
    one["properties"]["subnets"].append(examples.ref("/virtualNetworks/red/subnets/c"))
    w.refused("PUT", "/virtualNetworks/red", one, 400, "InvalidProperty", "properties.subnets[2].resourceRef")
    one["properties"]["subnets"][2] = examples.ref("/virtualNetworks/blue/subnets/web")
    w.refused("PUT", "/virtualNetworks/red", one, 400, "InvalidProperty", "properties.subnets[2].resourceRef")


@g.case("a list that is left out leaves the children; one that leaves a child out deletes it; an empty one all")
def left_out(w):
    one = w.get("/virtualNetworks/red")
    subnets = one["properties"].pop("subnets")
    equal(w.call("PUT", "/virtualNetworks/red", one)[0], 200, "PUT without the list")
    equal(w.get("/virtualNetworks/red")["properties"]["subnets"], subnets, "subnets")
    one["properties"]["subnets"] = subnets[1:]
    equal(w.call("PUT", "/virtualNetworks/red", one)[0], 200, "PUT without the first")
    w.refused("GET", "/virtualNetworks/red/subnets/a", None, 404, "NotFound")
    w.refused("GET", "/virtualNetworks/red/subnets/a/ipPools/p", None, 404, "NotFound")
    one["properties"]["subnets"] = []
    equal(w.call("PUT", "/virtualNetworks/red", one)[0], 200, "PUT with an empty list")
    equal(w.get("/virtualNetworks/red")["properties"]["subnets"], [], "subnets")


@g.case("a child on its own path is one of its parent's, which is otherwise as it was")
def own_path(w):
    before = w.get("/virtualNetworks/red")
    w.put("/virtualNetworks/red/subnets/own", {"addressPrefix": "10.0.3.0/24"}, (201,))
    after = w.get("/virtualNetworks/red")
    equal([s["resourceId"] for s in after["properties"]["subnets"]], ["own"], "subnets")
    require(after["etag"] != before["etag"], "the parent's etag shows that it has another child")
    equal(after["instanceId"], before["instanceId"], "instanceId")
    w.delete("/virtualNetworks/red")
    w.refused("GET", "/virtualNetworks/red/subnets/own", None, 404, "NotFound")
    w.refused("PUT", "/virtualNetworks/red/subnets/own", {"properties": {"addressPrefix": "10.0.3.0/24"}}, 404, "NotFound")


@g.case("what is in use is not deleted: not by DELETE, not with its parent, not by being left out of a list")
def in_use(w):
    before = w.everything()
    referred = {}

    def look(value, by):
        if isinstance(value, dict):
            if list(value) == ["resourceRef"]:
                referred.setdefault(value["resourceRef"], set()).add(by)
            for v in value.values():
                look(v, by)
        elif isinstance(value, list):
            for v in value:
                look(v, by)

    for path, properties in examples.EXAMPLES:
        look(properties, path)
    require(len(referred) > 15, "the examples refer to each other")
    for path, by in referred.items():
        error = w.refused("DELETE", path, None, 409, "Conflict", lambda t, p=path: t == p or t.startswith(p + "/"))
        below = set().union(*(b for p, b in referred.items() if p == path or p.startswith(path + "/")))
        require(any(b in error["message"] for b in below), "who refers to %s: %s" % (path, error["message"]))
        parent, collection, name = path.rsplit("/", 2)
        outside = {b for b in by if not b.startswith(parent + "/")}
        if parent and outside:
            w.refused("DELETE", parent, None, 409, "Conflict", lambda t, p=parent: t.startswith(p))
        if parent:
            one = w.get(parent)
            one["properties"][collection] = [c for c in one["properties"][collection] if c["resourceId"] != name]
            w.refused("PUT", parent, one, 409, "Conflict", lambda t, p=path: t == p or t.startswith(p + "/"))
    equal(w.everything(), before, "everything afterwards")


g = suite.group("pages", world.controller)


@g.case("$top and $skipToken give every resource once, in the order of the ids")
def pages(w):
    ids = ["s%02d" % i for i in range(23)] + ["Zed", "alpha", "a-b", "a.b", "a_b", "a~b", "a@b", "a:b", "9"]
    for i in ids:
        w.put("/servers/" + i, {})
    for top in (1, 2, 7, 31, 32, 33, 1000):
        seen, link, n = [], "/servers?$top=%d" % top, 0
        while link:
            r = w.request("GET", link if n else "/networking/v1" + link)
            equal(r.status, 200, "GET " + link)
            page = json.loads(r.body)
            w.document.check("GET", "/servers", 200, page)
            seen += [s["resourceId"] for s in page["value"]]
            n += 1
            require(len(page["value"]) == top or "nextLink" not in page, "a page that is not full is the last")
            link = page.get("nextLink")
        equal(n, -(-len(ids) // top), "pages of %d" % top)
        equal(seen, sorted(ids, key=str.lower), "ids in pages of %d" % top)


@g.case("a token whose resource is gone still leads on")
def gone(w):
    link = w.call("GET", "/servers", query="?$top=5")[1]["nextLink"]
    first = w.call("GET", "/servers", query="?$top=5")[1]["value"]
    w.delete("/servers/" + first[-1]["resourceId"])
    page = json.loads(w.request("GET", link).body)
    rest = w.call("GET", "/servers")[1]["value"]
    equal(page["value"], rest[4:9], "the second page")


@g.case("the same for children")
def of_children(w):
    w.put("/accessControlLists/l", {"aclRules": [
        {"resourceId": "r%d" % i, "properties": {"action": "Allow", "priority": i + 1, "type": "Inbound"}} for i in range(9)]})
    page = w.call("GET", "/accessControlLists/l/aclRules", query="?$top=5")[1]
    equal(len(page["value"]), 5, "the first page")
    rest = json.loads(w.request("GET", page["nextLink"]).body)
    equal([r["resourceId"] for r in page["value"] + rest["value"]], ["r%d" % i for i in range(9)], "ids")
    require("nextLink" not in rest, "there is no third page")


@g.case("bad $top and unknown options are refused")
def bad(w):
    for top in ("0", "-1", "1001", "x", "", "1.5", "99999999999999999999", "+5", "0x10"):
        w.refused("GET", "/servers", None, 400, "InvalidRequest", "$top", query="?$top=" + top)
    w.refused("GET", "/servers", None, 400, "InvalidRequest", "$filter", query="?$filter=x")
    w.refused("GET", "/servers", None, 400, "InvalidRequest", "query", query="?$top=%zz")
    equal(w.call("GET", "/servers", query="?other=1")[0], 200, "an option that is nobody's")
    for query, name in (("?$top=1&$top=2", "$top"), ("?$skipToken=a&$skipToken=b", "$skipToken"), ("?tenantId=a&TENANTID=b", "TENANTID")):
        w.refused("GET", "/servers", None, 400, "InvalidRequest", name, query=query)
    w.put("/servers/one", {})
    for query in ("?$top=1", "?$skipToken=a"):
        w.refused("GET", "/servers/one", None, 400, "InvalidRequest", query[1:].split("=")[0], query=query)
    w.delete("/servers/one")


@g.case("a $skipToken that no nextLink has is refused")
def bad_tokens(w):
    for token in ("%ff", "", "!", "a!", "a!b%20c", "a%20b", "a%2fb", "..", "x" * 129, "a!" + "x" * 64):
        w.refused("GET", "/servers", None, 400, "InvalidRequest", "$skipToken", query="?$skipToken=" + token)
    for token in ("-1", "+1", "%201", "", "x", "1x", "99999999999999999999999", "9223372036854775808", "18446744073709551615"):
        w.refused("GET", "/monitoring/audit", None, 400, "InvalidRequest", "$skipToken", query="?$skipToken=" + token, checked=False)
    for path in ("/servers?$skipToken=zzz", "/servers?$skipToken=zzz!a", "/monitoring/audit?$skipToken=9223372036854775806"):
        equal(json.loads(w.request("GET", world.document.PREFIX + path).body), {"value": []}, path)


g = suite.group("tenants", world.controller)
NETWORK = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}


@g.case("the same name in two tenants is told apart by tenantId")
def tenants(w):
    for t in ("a", "b"):
        w.put("/virtualNetworks/net", NETWORK, (201,), resourceMetadata={"tenantId": t})
    a, b = (w.call("GET", "/virtualNetworks/net", query="?tenantId=" + t)[1] for t in "ab")
    equal([r["resourceMetadata"]["tenantId"] for r in (a, b)], ["a", "b"], "whose they are")
    require(a["instanceId"] != b["instanceId"], "they are two")
    w.refused("GET", "/virtualNetworks/net", None, 404, "NotFound")
    w.refused("GET", "/virtualNetworks/net", None, 404, "NotFound", query="?tenantId=c")
    page = w.call("GET", "/virtualNetworks")[1]
    equal([r["instanceId"] for r in page["value"]], [a["instanceId"], b["instanceId"]], "both in the list, in the tenants' order")
    first = w.call("GET", "/virtualNetworks", query="?$top=1")[1]
    second = json.loads(w.request("GET", first["nextLink"]).body)
    equal([p["value"][0]["instanceId"] for p in (first, second)], [a["instanceId"], b["instanceId"]], "in pages of one")
    require("nextLink" not in second, "there is no third page")
    w.call("PUT", "/virtualNetworks/net/subnets/s", {"properties": {"addressPrefix": "10.0.1.0/24"}}, query="?tenantId=a")
    equal(w.call("GET", "/virtualNetworks/net/subnets/s", query="?tenantId=a")[0], 200, "a child of a's")
    w.refused("GET", "/virtualNetworks/net/subnets/s", None, 404, "NotFound", query="?tenantId=b")


@g.case("Location leads an operator to what he has made, whoever has that name too")
def locations(w):
    for t in ("a", "b"):
        for path in ("/virtualNetworks/net", "/virtualNetworks/net/subnets/l"):
            body = {"properties": NETWORK if path.endswith("net") else {"addressPrefix": "10.0.7.0/24"}}
            _, put, headers = w.call("PUT", path, body, query="?tenantId=" + t)
            equal(json.loads(w.request("GET", headers["Location"]).body)["instanceId"], put["instanceId"], "at " + path)
        w.call("DELETE", "/virtualNetworks/net/subnets/l", query="?tenantId=" + t)


@g.case("an operator changes what is a tenant's only when he says whose: a name alone is his own, or a conflict")
def whose(w):
    route = {"addressPrefix": "172.16.0.0/12", "nextHopType": "None"}
    for owners in ("a", "ab"):
        w.put("/routeTables/same", {"routes": [{"resourceId": "r", "properties": route}]}, (201,),
              resourceMetadata={"tenantId": owners[-1]})
        before = w.everything_of("/routeTables")
        for path, body in (("/routeTables/same", {}), ("/ROUTEtables/SAME/routes/r", route), ("/routeTables/same/routes/new", route)):
            for method in ("PUT", "DELETE"):
                for headers in ({}, {"If-Match": "*"}):
                    error = w.refused(method, path, {"properties": body} if method == "PUT" else None, 409, "Conflict",
                                      "tenantId", headers=headers, checked=path.startswith("/routeTables"))
                    require("?tenantId=" in error["message"], error)
                w.refused("POST", "/batch", [{"method": method, "path": path, "body": {"properties": body}} if method == "PUT"
                                             else {"method": method, "path": path}], 409, "Conflict", "[0].path", checked=False)
        equal(w.everything_of("/routeTables"), before, "what there is")
    # He says whose in the query or in the body, also that it is his own; then a name alone is that.
    for t in "ab":
        again = w.get("/routeTables/same", "?tenantId=" + t)
        equal(w.call("PUT", "/routeTables/same", again)[1]["etag"], again["etag"], "GET-edit-PUT of %s's" % t)
        equal(w.call("DELETE", "/routeTables/same/routes/r", query="?tenantId=" + t)[0], 202, "the child of %s's" % t)
    equal(w.call("PUT", "/routeTables/same", {"properties": {}}, query="?tenantId=")[0], 201, "the operator's own")
    w.put("/routeTables/same/routes/r", route, (201,))
    w.delete("/routeTables/same")
    w.refused("DELETE", "/routeTables/same", None, 409, "Conflict", "tenantId")
    for t in "ab":
        equal(w.call("DELETE", "/routeTables/same", query="?tenantId=" + t)[0], 202, "DELETE of %s's" % t)
    w.delete("/routeTables/same", (204,))


@g.case("an empty tenantId means the operator's own")
def own(w):
    theirs = w.put("/accessControlLists/own", {}, resourceMetadata={"tenantId": "a"})
    w.refused("GET", "/accessControlLists/own", None, 404, "NotFound", query="?tenantId=")
    equal(w.get("/accessControlLists/own")["instanceId"], theirs["instanceId"], "the only one of the name")
    status, mine, headers = w.call("PUT", "/accessControlLists/own", {"properties": {}}, query="?tenantId=")
    equal(status, 201, mine)
    require("resourceMetadata" not in mine and mine["instanceId"] != theirs["instanceId"], "another one, of nobody's: %s" % mine)
    equal(headers["Location"], "/networking/v1/accessControlLists/own", "Location")
    equal(w.get("/accessControlLists/own", "?tenantId=a")["etag"], theirs["etag"], "the tenant's is as it was")
    for query in ("", "?tenantId="):
        equal(w.get("/accessControlLists/own", query)["instanceId"], mine["instanceId"], "with '%s'" % query)
    page = w.call("GET", "/accessControlLists", query="?tenantId=")[1]
    equal([r["instanceId"] for r in page["value"]], [mine["instanceId"]], "the operator's own in the list")
    w.refused("PUT", "/accessControlLists/own", {"properties": {}, "resourceMetadata": {"tenantId": "a"}}, 400, "InvalidProperty",
              "resourceMetadata.tenantId", query="?tenantId=")
    subnet = {"addressPrefix": "10.0.1.0/24", "accessControlList": examples.ref("/accessControlLists/own?tenantId=")}
    r = w.put("/virtualNetworks/refers", dict(NETWORK, subnets=[{"resourceId": "s", "properties": subnet}]))
    equal(r["properties"]["subnets"][0]["properties"]["accessControlList"], examples.ref("/accessControlLists/own"), "reference")
    w.delete("/virtualNetworks/refers")
    status, _, _ = w.call("DELETE", "/accessControlLists/own", query="?tenantId=")
    equal(status, 202, "DELETE")
    status, _, _ = w.call("DELETE", "/accessControlLists/own", query="?tenantId=")
    equal(status, 204, "DELETE of what is the tenant's only")
    equal(w.get("/accessControlLists/own")["etag"], theirs["etag"], "the tenant's is as it was")


@g.case("what a reference means stays: a tenant's name does not take the place of the operator's, also after a restart")
def shadows(w):
    w.put("/accessControlLists/common", {})
    subnet = {"addressPrefix": "10.0.1.0/24", "accessControlList": examples.ref("/accessControlLists/common")}
    net = {"properties": dict(NETWORK, subnets=[{"resourceId": "s", "properties": subnet}]), "resourceMetadata": {"tenantId": "a"}}
    equal(w.call("PUT", "/virtualNetworks/refers", net)[0], 201, "PUT")
    equal(w.call("PUT", "/accessControlLists/common", {"properties": {}}, query="?tenantId=a")[0], 201, "one of the tenant's")
    for how in (None, "stop", "kill"):
        if how:
            getattr(w, how)()
            w.start()
        one = w.call("GET", "/virtualNetworks/refers/subnets/s", query="?tenantId=a")[1]
        equal(one["properties"]["accessControlList"], examples.ref("/accessControlLists/common?tenantId="), "the reference")
        equal(w.call("PUT", "/virtualNetworks/refers/subnets/s", one, query="?tenantId=a")[1]["etag"], one["etag"], "GET-edit-PUT")
        w.refused("DELETE", "/accessControlLists/common", None, 409, "Conflict", "/accessControlLists/common", query="?tenantId=")
    one["properties"]["accessControlList"] = examples.ref("/accessControlLists/common")
    one = w.call("PUT", "/virtualNetworks/refers/subnets/s", one, query="?tenantId=a")[1]
    equal(one["properties"]["accessControlList"], examples.ref("/accessControlLists/common"), "his own, when he says so")
    w.refused("DELETE", "/accessControlLists/common", None, 409, "Conflict", "/accessControlLists/common", query="?tenantId=a")
    equal(w.call("DELETE", "/virtualNetworks/refers", query="?tenantId=a")[0], 202, "DELETE")
    for query in ("?tenantId=a", "?tenantId="):
        equal(w.call("DELETE", "/accessControlLists/common", query=query)[0], 202, "DELETE " + query)


@g.case("a list with tenantId has that tenant's only, on every page")
def lists_of_tenants(w):
    for i in range(5):
        w.put("/routeTables/t%d" % i, {}, resourceMetadata={"tenantId": "ab"[i % 2]})
    w.put("/routeTables/nobodys", {})
    page = w.call("GET", "/routeTables", query="?tenantId=a&$top=2")[1]
    equal([r["resourceId"] for r in page["value"]], ["t0", "t2"], "the first page of a's")
    equal([r["resourceId"] for r in json.loads(w.request("GET", page["nextLink"]).body)["value"]], ["t4"], "the second")


@g.case("a tenantId that could be none is refused wherever it is said")
def bad_tenants(w):
    before = w.everything_of("/virtualNetworks")
    for bad in ("a%2Fb", "a%20b", "%3F", "%22", "x" * 64, "%C3%A4"):
        w.refused("PUT", "/virtualNetworks/n", {"properties": NETWORK}, 400, "InvalidRequest", "tenantId",
                  query="?tenantId=" + bad)
    for bad in ("a/b", "a b", "x" * 64, "ä", 5, ["a"], True):
        w.refused("PUT", "/virtualNetworks/n", {"properties": NETWORK, "resourceMetadata": {"tenantId": bad}}, 400,
                  "InvalidProperty", "resourceMetadata.tenantId")
    equal(w.everything_of("/virtualNetworks"), before, "networks")


@g.case("whose a resource is cannot be changed")
def moved(w):
    w.put("/routeTables/mine", {}, resourceMetadata={"tenantId": "a"})
    w.refused("PUT", "/routeTables/mine", {"properties": {}, "resourceMetadata": {"tenantId": "b"}}, 400, "InvalidProperty",
              "resourceMetadata.tenantId", query="?tenantId=a")
    w.call("PUT", "/routeTables/mine", {"properties": {}}, query="?tenantId=a")
    equal(w.get("/routeTables/mine")["resourceMetadata"], {"tenantId": "a"}, "whose it is when the body does not say")


@g.case("what is the operator's own refers to a tenant's only where he says so, and goes on so after a restart")
def lent(w):
    w.call("PUT", "/accessControlLists/lent", {"properties": {}}, query="?tenantId=a")
    w.call("PUT", "/virtualNetworks/lent", {"properties": dict(NETWORK, subnets=[
        {"resourceId": "s", "properties": {"addressPrefix": "10.0.1.0/24"}}])}, query="?tenantId=a")
    before = w.state()
    for what, path, name, to in (("profile", "/portProfiles/p", "accessControlList", "/accessControlLists/lent"),
                                 ("gateway", "/virtualGateways/g", "virtualNetwork", "/virtualNetworks/lent"),
                                 ("list", "/virtualGateways/g", "gatewaySubnets", "/virtualNetworks/LENT/subnets/s")):
        value = [examples.ref(to)] if what == "list" else examples.ref(to)
        error = w.refused("PUT", path, {"properties": {name: value}}, 400, "InvalidProperty",
                          lambda t: t.startswith("properties." + name))
        require("?tenantId=" in error["message"], error)
    equal(w.state(), before, "what there is")
    says = examples.ref("/accessControlLists/lent?tenantId=a")
    one = w.put("/portProfiles/p", {"accessControlList": says}, (201,))
    for _ in range(2):
        equal(w.get("/portProfiles/p")["properties"]["accessControlList"], says, "what it refers to")
        equal(w.put("/portProfiles/p", one["properties"])["etag"], one["etag"], "GET-edit-PUT")
        w.stop()
        w.start()
    w.call("PUT", "/accessControlLists/lent", {"properties": {}}, query="?tenantId=")
    equal(w.get("/portProfiles/p")["properties"]["accessControlList"], says, "what it refers to, when he has one of that name")


@g.case("a reference to what is another tenant's is as one to nothing")
def references(w):
    w.put("/accessControlLists/theirs", {}, resourceMetadata={"tenantId": "b"})
    w.put("/accessControlLists/shared", {})
    for name, status in (("theirs", 400), ("theirs?tenantId=b", 400), ("nowhere", 400), ("shared", 200)):
        got, body, _ = w.call("PUT", "/virtualNetworks/net/subnets/s", {"properties": {
            "addressPrefix": "10.0.1.0/24", "accessControlList": examples.ref("/accessControlLists/" + name)}},
            query="?tenantId=a")
        equal(got, status, "reference to %s (%s)" % (name, body))
        if status == 400:
            equal(body["error"]["target"], "properties.accessControlList", "target")


g = suite.group("records", world.controller)


@g.case("a controller that is no host takes no records: nothing would carry them out")
def records(w):
    record = {"VirtualSubnetID": 5001, "CustomerAddress": "192.168.1.101", "MACAddress": "00155D011404", "ProviderAddress": "10.1.1.20"}
    for path, properties in (("/hnv/lookupRecords/5001-192.168.1.101", record),
                             ("/hnv/ports/tap9", {"MACAddress": "00155D011404", "VirtualSubnetID": 5001})):
        for method, body in (("PUT", {"properties": properties}), ("DELETE", None)):
            error = w.refused(method, path, body, 409, "Conflict")
            require("neither host nor gateway" in error["message"], error)
            w.refused("POST", "/hnv/batch", [{"method": method, "path": path, "body": body} if body else
                                             {"method": method, "path": path}], 409, "Conflict")
        w.refused("GET", path, None, 404, "NotFound")
    w.refused("PUT", "/hnv/ports/tap9", {"properties": {"MACAddress": "x"}}, 400, "InvalidProperty", "properties.MACAddress")
    for kind in ("lookupRecords", "ports"):
        equal(w.call("GET", "/hnv/" + kind)[1], {"value": []}, kind)


suite.main()
