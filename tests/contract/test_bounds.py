#!/usr/bin/python3
# What the document allows is taken, to its bounds: the least and the largest number, the shortest and the longest text, every
# name of an enumeration, the longest list; and it is answered as it was put. test_refusals.py goes one step further.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import examples
import world
from lib import case
from lib.case import equal, require

# Values that rows allow and the whole does not, of these properties: what they must be then is told in test_refusals.py.
MEANING = {
    "connectionType", "authenticationMethod", "nextHopType", "asNumber", "extAsNumber", "prefixLength", "sourceAddressPrefix",
    "destinationAddressPrefix", "multicast", "protocol", "type", "frontendPort", "portStart", "portEnd", "hasPassword",
    "networkVirtualizationEnabled", "isPublic", "shared", "roles", "managementAddresses", "flowExport", "clause", "value", "Community",
    "cipherTransformationConstant", "authenticationTransformationConstant", "diffieHellmanGroup", "portBlockStart", "portBlockSize",
}
suite = case.Suite()


def allowed(row):
    """Values at the bounds of a leaf: all must be taken."""
    kind = row.get("type")
    if kind == "boolean":
        return [True, False]
    if kind == "integer":
        return [row["minimum"], row["maximum"], str(row["maximum"])]
    if kind == "string" and "enum" in row:
        return row["enum"]
    if kind == "string" and "maxLength" in row:
        return ["x" * row.get("minLength", 0), "x" * row["maxLength"]]
    if kind == "string":
        return {"^[0-9]{1,5}\\.[0-9]{1,5}$": ["0.1", "65535.65535"],
                "^(\\*|[0-9]{1,5}(-[0-9]{1,5})?)$": ["0", "65535", "7-9", "*"]}.get(row.get("pattern"), [])
    return []


def variants(w, row, good):
    """[(path below, value)] of everything at a bound within a property that has the value `good` now."""
    inner = row.get("allOf", [row])[0].get("$ref", "").rsplit("/", 1)[-1]
    if row.get("readOnly") or inner == "Reference" or row.get("x-gwd-inert") and "type" not in row:
        return
    if inner:  # where no example has it, another of the kind has
        for name, r in w.document.rows(inner).items() if good is not None else ():
            for path, value in variants(w, r, good.get(name)):
                yield name + "." + path if path else name, dict(good, **{name: value})
        return
    if row.get("type") == "array":
        if good and "resourceRef" not in good[0]:
            for path, value in variants(w, row["items"], good[0]):
                yield "[0]" + path, [value] + good[1:]
        return
    for value in allowed(row):
        yield "", value


def answered(value, got):
    """Whether `got` is what was put, but for defaults, secrets and numbers that were put as text."""
    if isinstance(value, dict):
        return all(k in ("sharedSecret", "value", "password") or answered(v, got.get(k)) for k, v in value.items())
    if isinstance(value, list):
        return len(value) == len(got) and all(map(answered, value, got))
    return got == value or isinstance(got, int) and str(got) == value


def built():
    w = world.controller()
    w.make_examples()
    return w


g = suite.group("", built)
taken = {}


def by_rows(path, properties):
    def run(w):
        one = w.get(path)
        sound = {k: v for k, v in one["properties"].items() if not world.path_of(w.document, path, k)}
        for name, row in w.document.rows(w.document.schema_of(path)).items():
            for below, value in variants(w, row, properties.get(name)):
                last = (name + "." + below).replace("[0]", "").strip(".").rsplit(".", 1)[-1]
                status, body, _ = w.call("PUT", path, dict(one, properties=dict(sound, **{name: value})))
                what = "%s: %s.%s = %s" % (path, name, below, repr(value)[:300])
                if last in MEANING and status in (400, 409):
                    continue
                equal(status, 200, "%s (%s)" % (what, str(body)[:300]))
                if last == "hasPassword" and not value:  # it has none any more
                    equal(w.call("PUT", path, dict(one, properties=dict(properties)))[0], 200, "PUT of the example again")
                if not row.get("writeOnly"):
                    require(answered(value, body["properties"].get(name)),
                            "%s is answered as %s" % (what, repr(body["properties"].get(name))[:300]))
                taken[last] = taken.get(last, 0) + 1
        equal(w.call("PUT", path, dict(one, properties=dict(properties)))[0], 200, "PUT of the example again")
    return run


for example, of_example in examples.EXAMPLES:
    g.case(example)(by_rows(example, of_example))


# What the whole requires, though no row does.
NEEDED = {"privateMacAddress", "ipAddress", "value", "privateIPAddress", "nextHopIpAddress", "frontendPort", "sharedSecret",
          "ipSecConfiguration", "destinationIPAddress", "l3Configuration", "userName", "password"}


def without(w, schema, value, where=""):
    """(name, copy) for each property, nested ones too, that the document does not require, without it."""
    for name, row in w.document.rows(schema).items():
        if name not in value or row.get("readOnly"):
            continue
        if name not in w.document.schemas.get(schema + "Properties", w.document.schemas[schema]).get("required", []):
            yield name, {k: v for k, v in value.items() if k != name}
        inner = (row.get("allOf") or [row.get("items", {})])[0].get("$ref", "").rsplit("/", 1)[-1]
        if not inner or inner == "Reference" or not value[name]:
            continue
        first = value[name][0] if isinstance(value[name], list) else value[name]
        for leaf, copy in without(w, inner, first):
            yield leaf, dict(value, **{name: [copy] + value[name][1:] if isinstance(value[name], list) else copy})


@g.case("what the document does not require may be left out")
def left_out(w):
    refused, made = set(), 0
    for path, properties in examples.EXAMPLES:
        for name, rest in without(w, w.document.schema_of(path), properties):
            new = path + "-new"  # where nothing is carried over from what was there
            status, body, _ = w.call("PUT", new, {"properties": rest})
            if status == 201:
                made += 1
                w.delete(new)
            elif body["error"]["code"] == "MissingProperty":
                require(name in NEEDED, "%s without %s: %s" % (path, name, body["error"]))
                refused.add(name)
            else:  # it takes what the example has, or makes no sense; that nothing is missing was seen before that
                require(body["error"]["code"] in ("Conflict", "InvalidProperty"), "%s without %s: %s" % (path, name, body))
    require(made > 50, "%d resources were made" % made)
    equal(refused, NEEDED, "properties that the whole requires")


@g.case("each of those that the whole may refuse is taken at some bound, but for those that are no free text")
def some(w):
    equal(MEANING - set(taken), {"sourceAddressPrefix", "destinationAddressPrefix", "asNumber", "flowExport", "managementAddresses", "Community"},
          "properties none of whose bounds was taken")


suite.main()
