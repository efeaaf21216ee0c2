#!/usr/bin/python3
# Bad input: made of the document, row by row and class by class, and by hand. Each is refused with just the status, code and
# target that it must have, and changes nothing: neither what is answered nor what is stored.
import copy
import json
import os
import sqlite3
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import examples
import world
from examples import BALANCER, GATEWAY, SUBNET, ref
from lib import case
from lib.case import equal, require

suite = case.Suite()


def built():
    w = world.controller()
    w.make_examples()
    w.before = seen(w)
    return w


def seen(w):
    """All that is answered, and all that is stored."""
    with sqlite3.connect("file:%s/gwd.db?mode=ro" % w.state_dir, uri=True) as db:
        tables = [t for t, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return w.state(), {t: db.execute("SELECT * FROM " + t).fetchall() for t in tables}


def unchanged(w, what):
    now = seen(w)
    for a, b in zip(now, w.before):
        for k in b:
            require(a[k] == b[k], "%s: %s is no longer what it was" % (what, k))


# --- made of the document: what is wrong with a value, by its schema ---------------------------------------------------------

LONG = "x" * 70000
TEXTS = {  # of every pattern and format that the document has
    "^[0-9A-Fa-f.:]+/[0-9]{1,3}$": [
        "10.0.0.1/24", "10.0.0.0/33", "10.0.0.0", "fd00::/129", "/24", "10.0.0.0/-1", "10.0.0.0/ 8"],
    "^[^\"\\u0000-\\u001f\\u007f-\\u009f]*$": [
        'a"b', '"', "a\nb", "a\tb", "\x01", "\x7f", "a\x85b", "x" * 81, '"; }\nprotocol static { route 0.0.0.0/0 blackhole; }'],
    "^[0-9]{1,5}\\.[0-9]{1,5}$": ["65536.1", "1.65536", "1", "1.", ".1", "1.2.3", "-1.1", "123456.1"],
    "^(\\*|[0-9]{1,5}(-[0-9]{1,5})?)$": ["65536", "5-4", "a", "1-", "-1", "1,2", "**", "1-65536"],
    "^([0-9A-Fa-f]{12}|([0-9A-Fa-f]{2}[-:]){5}[0-9A-Fa-f]{2})$": [
        "00155D0101", "00155D01010G", "00-15:5d-01-01-04", "0:1:2:3:4:5", "00155D0101010"],
    "uuid": ["11111111-2222-3333-4444", "g1111111-2222-3333-4444-000000000000", "{11111111-2222-3333-4444-000000000000"],
    "address": ["10.0.0.256", "10.0.0", "10.0.0.1/24", "x", " 10.0.0.1", "fd00::1::2", "010.0.0.1", "fe80::1%eth0"],
}


def bad_values(row):
    """[(class, value)] of a leaf; all are InvalidProperty of the property itself."""
    kind = row.get("type")
    if kind == "boolean":
        return [("type", v) for v in ("true", 1, 0, [], {})]
    if kind == "integer":
        return [("type", v) for v in ("x", "", True, 1.5, [], {}, "1.0", "-1", " 1")] + \
               [("range", v) for v in (row["minimum"] - 1, row["maximum"] + 1, -(2 ** 63), 2 ** 63 - 1,
                                       str(row["maximum"] + 1))]
    if kind == "string":
        wrong = [("type", v) for v in (5, True, 1.5, [], {})]
        if "enum" in row:
            return wrong + [("value", v) for v in ("Nonsense", "", row["enum"][0] + " ", row["enum"][0][:-1])]
        if "anyOf" in row:
            return wrong + [("value", v) for v in TEXTS["address"] + [""]]
        if "pattern" in row or row.get("format", "password") != "password":
            return wrong + [("value", v) for v in TEXTS[row.get("pattern", row.get("format"))] + [""]]
        if row.get("minLength"):
            wrong.append(("length", ""))
        wrong.append(("length", LONG[:row["maxLength"] + 1]))
        if not row.get("writeOnly"):
            wrong += [("value", v) for v in ("a\nb", "a\x1b[0m", "\x7f", "a\x85b")]
        return wrong
    raise KeyError("what is wrong of %r?" % row)


def wrong_things(w, row, good, path):
    """[(class, value, code, target)] of the property at `path` that has the schema `row` and the sound value `good`."""
    d, inner = w.document, row.get("allOf", [row])[0]
    name = inner.get("$ref", "").rsplit("/", 1)[-1]
    if row.get("readOnly") or row.get("x-gwd-inert") and "type" not in row:
        return
    if row.get("x-gwd-not-supported"):
        for v in ([{}], [{"resourceId": "r", "properties": {}}], [1], {}, "x", 5):
            yield "later", v, "NotSupported", path
        return
    if name == "Reference":
        for v in ("/servers/host1", 5, True, [], {}, {"resourceRef": 5}, {"resourceRef": ""},
                  {"resourceRef": "servers/host1"}, {"resourceRef": "/" + "x" * 512}, {"resourceRef": None}, {"resourceRef": ["/servers/host1"]},
                  {"resourceRef": "/servers/host1", "ResourceREF": "/servers/host1"}):
            yield "reference", v, "InvalidProperty", path
        yield "unknown", {"resourceRef": "/servers/host1", "tags": {}}, "UnknownProperty", path + ".tags"
        for v in ("/servers", "/servers/nowhere", "/nothing/x", "/", "//", "/macPools/macs", "/servers/host1/", "/servers//host1",
                  "/networking/v1/servers/nowhere", "/servers/nowhere?tenantId=a", "/servers/host1?x=y", "/servers/host1/x/y"):
            if v in ("/servers/host1/", "/servers//host1") and row.get("x-gwd-refers-to") == "Server":
                continue  # empty parts of a reference do not count
            yield "dangling", {"resourceRef": v}, "InvalidProperty", path
        return
    if name:  # an object with rows of its own
        for v in (5, "x", [], True):
            yield "type", v, "InvalidProperty", path
        good = good or {}
        yield "unknown", dict(good, noSuchProperty=1), "UnknownProperty", path + ".noSuchProperty"
        for inside, r in d.rows(name).items():
            if inside in d.schemas[name].get("required", []):
                yield "missing", {k: v for k, v in good.items() if k != inside}, "MissingProperty", path + "." + inside
            for what, v, code, target in wrong_things(w, r, good.get(inside), path + "." + inside):
                yield what, dict(good, **{inside: v}), code, target
        return
    if row.get("type") == "array":
        for v in (5, "x", {}, True):
            yield "type", v, "InvalidProperty", path
        item = {"resourceRef": "/x/y"} if "$ref" in row["items"] else 0
        yield "length", (good or [item])[:1] * (row["maxItems"] + 1), "InvalidProperty", path
        if good and "resourceId" not in str(good[0]):
            for what, v, code, target in wrong_things(w, row["items"], good[0], path + "[0]"):
                yield what, [v] + good[1:], code, target
        return
    for what, v in bad_values(row):
        yield what, v, "InvalidProperty", path


def body_of(w, path):
    """A sound body of the resource, without its children."""
    one = w.get(path)
    for name in list(one["properties"]):
        if world.path_of(w.document, path, name):
            del one["properties"][name]
    return one


g = suite.group("rows", built)


def by_rows(path):
    def run(w):
        d, sound, count = w.document, body_of(w, path), {}
        schema = d.schema_of(path)
        given = dict(examples.EXAMPLES)[path]
        for name, row in d.rows(schema).items():
            good = given.get(name)
            if name in d.schemas[schema + "Properties"].get("required", []):
                for body in ({k: v for k, v in sound["properties"].items() if k != name},
                             dict(sound["properties"], **{name: None})):
                    w.refused("PUT", path, dict(sound, properties=body), 400, "MissingProperty", "properties." + name)
                    count["missing"] = count.get("missing", 0) + 1
            for what, value, code, target in wrong_things(w, row, good, "properties." + name):
                w.refused("PUT", path, dict(sound, properties=dict(sound["properties"], **{name: value})), 400, code, target)
                count[what] = count.get(what, 0) + 1
        for where, key in (("", "noSuchProperty"), ("properties.", "noSuchProperty")):
            body = copy.deepcopy(sound)
            (body["properties"] if where else body)[key] = None
            w.refused("PUT", path, body, 400, "UnknownProperty", where + key)
        for name, value in sound["properties"].items():
            twice = dict(sound, properties=dict(sound["properties"], **{name.upper(): value}))
            w.refused("PUT", path, twice, 400, "InvalidProperty", "properties." + name)
            text = json.dumps(dict(sound, properties=dict(sound["properties"], **{name + "\x01": value})))
            text = text.replace('"%s\\u0001"' % name, '"%s"' % name).encode()
            require(text.count(b'"%s"' % name.encode()) >= 2, "the key is there twice")
            w.refused("PUT", path, text, 400, "InvalidJson")
        unchanged(w, path)
        case.note("%s: %s" % (path, count))
    return run


one_of_each = {}
for example, _ in examples.EXAMPLES:
    # By the names of the collections; connections of every type.
    one_of_each.setdefault("/".join(example.split("/")[1::2]) + (example if "networkConn" in example else ""), example)
for example in one_of_each.values():
    g.case("what is wrong with a row of " + example)(by_rows(example))


@g.case("what is wrong with a child in its parent's list has the place in the list before it")
def in_list(w):
    n = 0
    for path, _ in examples.EXAMPLES:
        parent, collection, name = path.rsplit("/", 2)
        if not parent:
            continue
        n += 1
        one = w.get(parent)
        children = one["properties"][collection]
        at = [c["resourceId"] for c in children].index(name)
        place = "properties.%s[%d]." % (collection, at)
        child = copy.deepcopy(children[at])

        def put(code, target, **changed):
            children[at] = dict(child, **changed)
            w.refused("PUT", parent, one, 400, code, place + target)
        put("UnknownProperty", "noSuch", noSuch=1)
        put("UnknownProperty", "properties.noSuch", properties=dict(child["properties"], noSuch=1))
        put("InvalidProperty", "properties", properties=5)
        put("InvalidProperty", "resourceId", resourceId="a b")
        put("MissingProperty", "resourceId", resourceId=None, resourceRef=None)
        for p, row in w.document.rows(w.document.schema_of(path)).items():
            if row.get("x-gwd-refers-to"):
                put("InvalidProperty", "properties." + p,
                    properties=dict(child["properties"], **{p: ref("/servers/nowhere")}))
        children[at] = 5
        w.refused("PUT", parent, one, 400, "InvalidProperty", place[:-1])
        children[at] = child
        children.append(child)
        w.refused("PUT", parent, one, 400, "InvalidProperty", "properties.%s[%d].resourceId" % (collection, len(children) - 1))
    unchanged(w, "children in lists")
    require(n > 20, "%d children looked at" % n)


@g.case("an id that is none")
def ids(w):
    body = {"properties": {}}
    for bad in ("a%20b", "%C3%A4", "a%0Ab", "a%7Fb", "x" * 129, "a%2Bb", "a*b", "..", ".", "%2E%2e"):
        w.refused("PUT", "/servers/" + bad, body, 400, "InvalidProperty", "resourceId")
    for bad in ("a%2Fb", "a%3Fb"):
        w.refused("PUT", "/servers/" + bad, body, 404, "NotFound")
    w.refused("PUT", "/servers/a", dict(body, resourceId="b"), 400, "InvalidProperty", "resourceId")
    for bad in (5, "x" * 600, {}, True):
        w.refused("PUT", "/servers/a", dict(body, resourceId=bad), 400, "InvalidProperty", "resourceId")
    for name in ("properties", "tags", "resourceMetadata"):
        for bad in (5, "x", [], True):
            w.refused("PUT", "/servers/a", {name: bad}, 400, "InvalidProperty", name)
    unchanged(w, "ids")


# --- by hand: what no row can tell -------------------------------------------------------------------------------------------

RULE = {"action": "Allow", "priority": 7, "type": "Inbound"}
SITE = dict(examples.EXAMPLES)[GATEWAY + "/networkConnections/site"]
NAT = {"frontendIPConfigurations": [ref(BALANCER + "/frontendIPConfigurations/front")]}

# what, path, properties (over those of the resource that is there), status, code, target below "properties."
MEANING = [
    ("a subnet outside its network", SUBNET, {"addressPrefix": "10.9.0.0/24"}, 400, "InvalidProperty", "addressPrefix"),
    ("a subnet without hosts", "/virtualNetworks/blue/subnets/n", {"addressPrefix": "10.0.9.4/32"}, 400, "InvalidProperty",
     "addressPrefix"),
    ("a subnet that overlaps one", "/virtualNetworks/blue/subnets/n", {"addressPrefix": "10.0.0.128/25"}, 409, "Conflict",
     "addressPrefix"),
    ("a subnet around one", "/virtualNetworks/blue/subnets/n", {"addressPrefix": "10.0.128.0/17"}, 409, "Conflict",
     "addressPrefix"),
    ("a subnet that leaves its pool", SUBNET, {"addressPrefix": "10.0.0.0/25"}, 409, "Conflict", "addressPrefix"),
    ("a VSID that is taken", "/virtualNetworks/blue/subnets/n", {"addressPrefix": "10.0.9.0/24", "isolationId": 5001}, 409,
     "Conflict", "isolationId"),
    ("the reserved VSID", SUBNET, {"isolationId": 16777215}, 400, "InvalidProperty", "isolationId"),
    ("a multicast group that is none", SUBNET, {"multicastGroup": "10.1.1.1"}, 400, "InvalidProperty", "multicastGroup"),
    ("a multicast group that is taken", "/virtualNetworks/blue/subnets/n",
     {"addressPrefix": "10.0.9.0/24", "broadcastMode": "Multicast", "multicastGroup": "239.1.0.7"}, 409, "Conflict",
     "multicastGroup"),
    ("a network without prefixes", "/virtualNetworks/n", {"addressSpace": {"addressPrefixes": []}}, 400, "InvalidProperty",
     "addressSpace.addressPrefixes"),
    ("prefixes that overlap", "/virtualNetworks/n", {"addressSpace": {"addressPrefixes": ["10.0.0.0/8", "10.1.0.0/16"]}}, 400,
     "InvalidProperty", "addressSpace.addressPrefixes"),
    ("prefixes without a subnet", "/virtualNetworks/blue", {"addressSpace": {"addressPrefixes": ["10.0.0.0/24"]}}, 409,
     "Conflict", "addressSpace.addressPrefixes"),
    ("a routing domain that is taken", "/virtualNetworks/n",
     {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}, "routingDomainId": "11111111-2222-3333-4444-555555555555"}, 409,
     "Conflict", "routingDomainId"),
    ("a routing domain of zeros", "/virtualNetworks/n",
     {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}, "routingDomainId": "00000000-0000-0000-0000-000000000000"}, 400,
     "InvalidProperty", "routingDomainId"),
    ("a pool backwards", SUBNET + "/ipPools/vms", {"endIpAddress": "10.0.0.3"}, 400, "InvalidProperty", "endIpAddress"),
    ("a pool of two families", SUBNET + "/ipPools/vms", {"endIpAddress": "fd00::1"}, 400, "InvalidProperty", "endIpAddress"),
    ("a pool that begins outside", SUBNET + "/ipPools/vms", {"startIpAddress": "9.0.0.3"}, 400, "InvalidProperty",
     "startIpAddress"),
    ("a pool that ends outside", SUBNET + "/ipPools/vms", {"endIpAddress": "10.0.1.3"}, 400, "InvalidProperty", "endIpAddress"),
    ("a pool that overlaps one", SUBNET + "/ipPools/n", {"startIpAddress": "10.0.0.250", "endIpAddress": "10.0.0.252"}, 409,
     "Conflict", "startIpAddress"),
    ("a pool that leaves out who lives there", SUBNET + "/ipPools/vms", {"startIpAddress": "10.0.0.6"}, 409, "Conflict", None),
    ("a multicast pool of hosts", examples.FABRIC + "/subnets/pa/ipPools/hosts", {"multicast": True}, 400, "InvalidProperty",
     "startIpAddress"),
    ("multicast addresses in a pool of hosts", examples.FABRIC + "/subnets/pa/ipPools/groups", {"multicast": False}, 400,
     "InvalidProperty", "startIpAddress"),
    ("a logical subnet that overlaps one", examples.FABRIC + "/subnets/n", {"addressPrefix": "10.1.0.0/16"}, 409, "Conflict",
     "addressPrefix"),
    ("a logical subnet that leaves its pool", examples.FABRIC + "/subnets/pa", {"addressPrefix": "10.1.0.0/26"}, 409,
     "Conflict", "addressPrefix"),
    ("a MAC pool backwards", "/macPools/n", {"startMacAddress": "020000000002", "endMacAddress": "020000000001"}, 400,
     "InvalidProperty", "endMacAddress"),
    ("a MAC pool of groups", "/macPools/n", {"startMacAddress": "010000000002", "endMacAddress": "010000000003"}, 400,
     "InvalidProperty", "startMacAddress"),
    ("a MAC pool that overlaps one", "/macPools/n", {"startMacAddress": "00155D00FFFF", "endMacAddress": "00155D01FFFF"}, 409,
     "Conflict", "startMacAddress"),
    ("a MAC address that is taken", "/networkInterfaces/n", {"privateMacAddress": "00155D010101"}, 409, "Conflict",
     "privateMacAddress"),
    ("a group as MAC address", "/networkInterfaces/n", {"privateMacAddress": "01155D010102"}, 400, "InvalidProperty",
     "privateMacAddress"),
    ("no MAC address", "/networkInterfaces/n", {"privateMacAddress": "000000000000"}, 400, "InvalidProperty",
     "privateMacAddress"),
    ("the router's MAC address", "/networkInterfaces/n", {"privateMacAddress": "026777640001"}, 400, "InvalidProperty",
     "privateMacAddress"),
    ("Static without a MAC address", "/networkInterfaces/n", {"privateMacAllocationMethod": "Static"}, 400, "MissingProperty",
     "privateMacAddress"),
    ("a host's interface that another has", "/networkInterfaces/n", {"server": ref("/servers/host1"), "hostInterface": "tap0"},
     409, "Conflict", "hostInterface"),
    ("an interface name that is none", "/networkInterfaces/n", {"hostInterface": "tap/0"}, 400, "InvalidProperty",
     "hostInterface"),
    ("an address that is taken", "/networkInterfaces/vm2/ipConfigurations/ip1", {"privateIPAddress": "10.0.0.5"}, 409,
     "Conflict", "privateIPAddress"),
    ("an address outside its subnet", "/networkInterfaces/vm1/ipConfigurations/ip1", {"privateIPAddress": "10.0.1.5"}, 400,
     "InvalidProperty", "privateIPAddress"),
    ("an address outside the pool", "/networkInterfaces/vm1/ipConfigurations/ip1", {"privateIPAddress": "10.0.0.3"}, 400,
     "InvalidProperty", "privateIPAddress"),
    ("the router's address", "/networkInterfaces/vm1/ipConfigurations/ip1", {"privateIPAddress": "10.0.0.1"}, 400,
     "InvalidProperty", "privateIPAddress"),
    ("the network's address", "/networkInterfaces/vm1/ipConfigurations/ip1", {"privateIPAddress": "10.0.0.0"}, 400,
     "InvalidProperty", "privateIPAddress"),
    ("the broadcast address", "/networkInterfaces/vm1/ipConfigurations/ip1", {"privateIPAddress": "10.0.0.255"}, 400,
     "InvalidProperty", "privateIPAddress"),
    ("Static without an address", "/networkInterfaces/vm1/ipConfigurations/n",
     {"subnet": ref(SUBNET), "privateIPAllocationMethod": "Static"}, 400, "MissingProperty", "privateIPAddress"),
    ("an address in the gateway's subnet", "/networkInterfaces/vm2/ipConfigurations/n",
     {"subnet": ref("/virtualNetworks/blue/subnets/gateway")}, 409, "Conflict", "subnet"),
    ("a provider address that is taken", "/servers/n", {"providerAddresses": [{"address": "10.1.0.10"}]}, 409, "Conflict",
     "providerAddresses"),
    ("a provider address that is none", "/servers/n", {"providerAddresses": [{"address": "239.0.0.1"}]}, 400,
     "InvalidProperty", "providerAddresses[0].address"),
    ("a prefix length of IPv6 with IPv4", "/servers/n", {"providerAddresses": [{"address": "10.1.0.11", "prefixLength": 64}]},
     400, "InvalidProperty", "providerAddresses[0].prefixLength"),
    ("a rule with ports but without a protocol that has them", "/accessControlLists/front/aclRules/n",
     dict(RULE, destinationPortRange="80"), 400, "InvalidProperty", "destinationPortRange"),
    ("a rule's prefix that is none", "/accessControlLists/front/aclRules/n", dict(RULE, sourceAddressPrefix="10.0.0.0/40"),
     400, "InvalidProperty", "sourceAddressPrefix"),
    ("a priority that is taken", "/accessControlLists/front/aclRules/n", dict(RULE, priority=100), 409, "Conflict",
     "priority"),
    ("a profile that inherits from itself", "/portProfiles/plain", {"inherits": ref("/portProfiles/plain")}, 400,
     "InvalidProperty", "inherits"),
    ("profiles that inherit in a circle", "/portProfiles/plain", {"inherits": ref("/portProfiles/watched")}, 400,
     "InvalidProperty", "inherits"),
    ("an appliance without its address", "/routeTables/own/routes/n",
     {"addressPrefix": "10.8.0.0/16", "nextHopType": "VirtualAppliance"}, 400, "MissingProperty", "nextHopIpAddress"),
    ("an address of what is no appliance", "/routeTables/own/routes/away", {"nextHopType": "Internet"}, 400,
     "InvalidProperty", "nextHopIpAddress"),
    ("a next hop of the other family", "/routeTables/own/routes/away", {"nextHopIpAddress": "fd00::9"}, 400,
     "InvalidProperty", "nextHopIpAddress"),
    ("two routes to one prefix", "/routeTables/own/routes/n", {"addressPrefix": "172.16.0.0/12", "nextHopType": "None"}, 409,
     "Conflict", "addressPrefix"),
    ("a public address that is taken", "/publicIPAddresses/n", {"ipAddress": "198.51.100.17"}, 409, "Conflict", "ipAddress"),
    ("a public address that is none", "/publicIPAddresses/n", {"ipAddress": "0.0.0.0"}, 400, "InvalidProperty", "ipAddress"),
    ("a server that is a gateway already", "/gateways/n", {"virtualServer": ref("/servers/host1")}, 409, "Conflict",
     "virtualServer"),
    ("a network that has a gateway already", "/virtualGateways/n", {"virtualNetwork": ref("/virtualNetworks/blue")}, 409,
     "Conflict", "virtualNetwork"),
    ("a gateway's subnet that others live in", GATEWAY, {"gatewaySubnets": [ref(SUBNET)]}, 409, "Conflict", "gatewaySubnets"),
    ("GRE with IPsec's configuration", GATEWAY + "/networkConnections/gre",
     {"ipSecConfiguration": {"sharedSecret": "x"}}, 400, "InvalidProperty", "ipSecConfiguration"),
    ("L3 without its subnet", GATEWAY + "/networkConnections/n", {"connectionType": "L3"}, 400, "MissingProperty",
     "l3Configuration"),
    ("GRE to nowhere", GATEWAY + "/networkConnections/n", {"connectionType": "GRE"}, 400, "MissingProperty",
     "destinationIPAddress"),
    ("GRE to IPv6", GATEWAY + "/networkConnections/gre", {"destinationIPAddress": "2001:db8::9"}, 400, "InvalidProperty",
     "destinationIPAddress"),
    ("GRE from IPv6", GATEWAY + "/networkConnections/gre",
     {"sourceIPAddress": "2001:db8::7", "destinationIPAddress": "2001:db8::9"}, 400, "InvalidProperty", "sourceIPAddress"),
    ("IPsec without its configuration", GATEWAY + "/networkConnections/n",
     {"connectionType": "IPSec", "destinationIPAddress": "203.0.113.1"}, 400, "MissingProperty", "ipSecConfiguration"),
    ("IPsec without a secret", GATEWAY + "/networkConnections/n",
     {"connectionType": "IPSec", "destinationIPAddress": "203.0.113.1", "ipSecConfiguration": {}}, 400, "MissingProperty",
     "ipSecConfiguration.sharedSecret"),
    ("a certificate that is not named", GATEWAY + "/networkConnections/n",
     {"connectionType": "IPSec", "destinationIPAddress": "203.0.113.1",
      "ipSecConfiguration": {"authenticationMethod": "Certificate"}}, 400, "MissingProperty", "ipSecConfiguration.credential"),
    ("a tunnel to a group", GATEWAY + "/networkConnections/gre", {"destinationIPAddress": "239.0.0.1"}, 400,
     "InvalidProperty", "destinationIPAddress"),
    ("a selector backwards", GATEWAY + "/networkConnections/site", {"ipSecConfiguration": dict(
        SITE["ipSecConfiguration"], localVpnTrafficSelector=[{"ipAddressStart": "10.0.0.9", "ipAddressEnd": "10.0.0.1"}])}, 400,
     "InvalidProperty", "ipSecConfiguration.localVpnTrafficSelector[0].ipAddressEnd"),
    ("a selector of the other family", GATEWAY + "/networkConnections/site", {"ipSecConfiguration": dict(
        SITE["ipSecConfiguration"], localVpnTrafficSelector=[
            {"type": "IPv6", "ipAddressStart": "10.0.0.1", "ipAddressEnd": "10.0.0.9"}])}, 400,
     "InvalidProperty", "ipSecConfiguration.localVpnTrafficSelector[0].ipAddressStart"),
    ("a selector's ports backwards", GATEWAY + "/networkConnections/site", {"ipSecConfiguration": dict(
        SITE["ipSecConfiguration"], localVpnTrafficSelector=[
            {"ipAddressStart": "10.0.0.1", "ipAddressEnd": "10.0.0.9", "portStart": 9, "portEnd": 8}])}, 400,
     "InvalidProperty", "ipSecConfiguration.localVpnTrafficSelector[0].portEnd"),
    ("a prefix length of IPv6 with a connection's IPv4", GATEWAY + "/networkConnections/gre",
     {"ipAddresses": [{"ipAddress": "10.0.255.2", "prefixLength": 64}]}, 400, "InvalidProperty",
     "ipAddresses[0].prefixLength"),
    ("a peer without a number", GATEWAY + "/bgpRouters/router/bgpPeers/n", {"peerIpAddress": "169.254.1.3"}, 400,
     "MissingProperty", "extAsNumber"),
    ("two numbers of one peer", GATEWAY + "/bgpRouters/router/bgpPeers/site", {"asNumber": 7}, 400, "InvalidProperty",
     "asNumber"),
    ("a peer with the number 0", GATEWAY + "/bgpRouters/router/bgpPeers/n",
     {"peerIpAddress": "169.254.1.3", "extAsNumber": "0.0"}, 400, "InvalidProperty", "extAsNumber"),
    ("a router with the number 0", GATEWAY + "/bgpRouters/router", {"extAsNumber": "0.0"}, 400, "InvalidProperty",
     "extAsNumber"),
    ("a peer's address that is taken", GATEWAY + "/bgpRouters/router/bgpPeers/n",
     {"peerIpAddress": "169.254.1.2", "asNumber": 7}, 409, "Conflict", "peerIpAddress"),
    ("a rule without a front end", BALANCER + "/inboundNatRules/n", {"frontendIPConfigurations": []}, 400, "InvalidProperty",
     "frontendIPConfigurations"),
    ("ports of protocol All", BALANCER + "/inboundNatRules/n", dict(NAT, frontendPort=80), 400, "InvalidProperty",
     "frontendPort"),
    ("Tcp without a port", BALANCER + "/inboundNatRules/n", dict(NAT, protocol="Tcp"), 400, "MissingProperty", "frontendPort"),
    ("a port that is translated already", BALANCER + "/inboundNatRules/n", dict(NAT, protocol="Tcp", frontendPort=2222), 409,
     "Conflict", "frontendPort"),
]

ISP, PA = examples.OUTSIDE + "/subnets/isp", examples.FABRIC + "/subnets/pa"
PEER, ROUTER = GATEWAY + "/bgpRouters/router/bgpPeers/site", GATEWAY + "/bgpRouters/router"
VM1, VM2 = "/networkInterfaces/vm1/ipConfigurations/ip1", "/networkInterfaces/vm2/ipConfigurations/ip1"
SPACE = {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}}


def modes(**mode):
    """The connection "site" with another quick mode, or main mode."""
    return {"ipSecConfiguration": dict(SITE["ipSecConfiguration"], **mode)}


def policy(**more):
    return {"policyList": [dict({"policyName": "p", "policyType": "Allow"}, **more)]}


# What refers to each other, or stands beside each other, and can never work together; and values of texts and addresses.
MEANING += [
    ("a VM's address that a front end has", VM1, {"publicIPAddress": ref("/publicIPAddresses/shop")}, 409, "Conflict",
     "publicIPAddress"),
    ("a VM's address that another VM has", VM2, {"subnet": ref(SUBNET), "publicIPAddress": ref("/publicIPAddresses/vm1")}, 409,
     "Conflict", "publicIPAddress"),
    ("a front end with a VM's address", BALANCER + "/frontendIPConfigurations/n",
     {"publicIPAddress": ref("/publicIPAddresses/vm1")}, 409, "Conflict", "publicIPAddress"),
    ("a gateway pool with a VM's address", "/gatewayPools/n",
     {"ipConfiguration": {"publicIPAddresses": [ref("/publicIPAddresses/vm1")]}}, 409, "Conflict",
     "ipConfiguration.publicIPAddresses"),
    ("a VM's address that is to be shared", "/publicIPAddresses/vm1", {"shared": True}, 409, "Conflict", "shared"),
    ("an address with blocks of ports that is to be shared no more", "/publicIPAddresses/many", {"shared": False}, 409, "Conflict",
     "shared"),
    ("another size of blocks that are out", "/publicIPAddresses/many", {"portBlockSize": 2048}, 409, "Conflict", "portBlockSize"),
    ("a size of blocks that is no power of two", "/publicIPAddresses/n", {"portBlockSize": 3072}, 400, "InvalidProperty",
     "portBlockSize"),
    ("an address of a front end that is to be shared", "/publicIPAddresses/shop", {"shared": True}, 409, "Conflict", "shared"),
    ("a block of an address that is not shared", BALANCER + "/frontendIPConfigurations/front", {"portBlockStart": 4096}, 400,
     "InvalidProperty", "portBlockStart"),
    ("a block that begins nowhere", BALANCER + "/frontendIPConfigurations/many", {"portBlockStart": 2049}, 400, "InvalidProperty",
     "portBlockStart"),
    ("a block that is taken", BALANCER + "/frontendIPConfigurations/n",
     {"publicIPAddress": ref("/publicIPAddresses/many"), "portBlockStart": 2048}, 409, "Conflict", "portBlockStart"),
    ("an inbound rule at a port of a block", BALANCER + "/inboundNatRules/n",
     {"frontendIPConfigurations": [ref(BALANCER + "/frontendIPConfigurations/many")], "protocol": "Tcp", "frontendPort": 3071}, 409,
     "Conflict", "frontendPort"),
    ("an inbound rule for all of a shared address", BALANCER + "/inboundNatRules/n",
     {"frontendIPConfigurations": [ref(BALANCER + "/frontendIPConfigurations/many")]}, 400, "InvalidProperty", "protocol"),
    ("an inbound rule that leads to another VM", VM2,
     {"subnet": ref(SUBNET), "loadBalancerInboundNatRules": [ref(BALANCER + "/inboundNatRules/ssh")]}, 400, "InvalidProperty",
     "loadBalancerInboundNatRules"),
    ("an inbound rule that leads to two VMs", VM1, {"loadBalancerInboundNatRules": [ref(BALANCER + "/inboundNatRules/dns")]}, 409,
     "Conflict", "loadBalancerInboundNatRules"),
    ("a back end where another VM says that it is it", BALANCER + "/inboundNatRules/dns", {"backendIPConfiguration": ref(VM1)},
     409, "Conflict", "backendIPConfiguration"),
    ("two outbound rules for one pool", BALANCER + "/outboundNatRules/n",
     dict(NAT, protocol="Tcp", backendAddressPool=ref(BALANCER + "/backendAddressPools/back")), 409, "Conflict",
     "backendAddressPool"),
    ("a reference that is twice in its list", GATEWAY, {"gatewayPools": [ref("/gatewayPools/pool"), ref("/GATEWAYPOOLS/Pool")]},
     400, "InvalidProperty", "gatewayPools[1]"),
    ("a reference that is twice in an inner list", "/gatewayPools/pool",
     {"ipConfiguration": {"greVipSubnets": [ref(ISP), ref(ISP)]}}, 400, "InvalidProperty", "ipConfiguration.greVipSubnets[1]"),
    ("a role that is twice in its list", "/servers/host1", {"roles": ["host", "gateway", "host"]}, 400, "InvalidProperty",
     "roles[2]"),
    ("a prefix that is twice in its list", ROUTER, {"bgpNetworks": ["10.0.0.0/24", "10.0.0.0/24"]}, 400, "InvalidProperty",
     "bgpNetworks[1]"),
    ("two GRE tunnels with one key", GATEWAY + "/networkConnections/n",
     {"connectionType": "GRE", "greConfiguration": {"greKey": 4711}, "destinationIPAddress": "203.0.113.10"}, 409, "Conflict",
     "greConfiguration.greKey"),
    ("two connections to one VLAN", GATEWAY + "/networkConnections/n",
     {"connectionType": "L3", "l3Configuration": {"vlanSubnet": ref(PA)}}, 409, "Conflict", "l3Configuration.vlanSubnet"),
    ("ends of a tunnel of two families", GATEWAY + "/networkConnections/gre", {"sourceIPAddress": "2001:db8::1"}, 400,
     "InvalidProperty", "sourceIPAddress"),
    ("a tunnel to whoever is on the link", GATEWAY + "/networkConnections/gre", {"destinationIPAddress": "169.254.169.254"}, 400,
     "InvalidProperty", "destinationIPAddress"),
    ("a tunnel from an address of a link", GATEWAY + "/networkConnections/gre", {"sourceIPAddress": "169.254.0.9"}, 400,
     "InvalidProperty", "sourceIPAddress"),
    ("a tunnel from a group", GATEWAY + "/networkConnections/gre", {"sourceIPAddress": "239.0.0.1"}, 400, "InvalidProperty",
     "sourceIPAddress"),
    ("a group as the gateway's address", GATEWAY + "/networkConnections/gre",
     {"ipAddresses": [{"ipAddress": "239.1.1.1", "prefixLength": 24}]}, 400, "InvalidProperty", "ipAddresses[0].ipAddress"),
    ("no address as the other side's", GATEWAY + "/networkConnections/gre", {"peerIPAddresses": ["10.0.255.3", "0.0.0.0"]}, 400,
     "InvalidProperty", "peerIPAddresses[1]"),
    ("a connection's next hop of the other family", GATEWAY + "/networkConnections/gre",
     {"routes": [{"destinationPrefix": "10.0.0.0/8", "nextHop": "fd00::2"}]}, 400, "InvalidProperty", "routes[0].nextHop"),
    ("a route that is there twice", GATEWAY + "/networkConnections/gre",
     {"routes": [{"destinationPrefix": "10.0.0.0/8"}, {"destinationPrefix": "10.0.0.0/8", "metric": 7}]}, 400, "InvalidProperty",
     "routes[1].destinationPrefix"),
    ("a certificate that is a password", GATEWAY + "/networkConnections/site", modes(authenticationMethod="Certificate"), 400,
     "InvalidProperty", "ipSecConfiguration.credential"),
    ("neither encryption nor integrity", GATEWAY + "/networkConnections/site", modes(
        quickMode={"cipherTransformationConstant": "None", "authenticationTransformationConstant": "None"}), 400,
     "InvalidProperty", "ipSecConfiguration.quickMode.authenticationTransformationConstant"),
    ("GCM with another integrity", GATEWAY + "/networkConnections/site", modes(
        quickMode={"cipherTransformationConstant": "GCMAES256", "authenticationTransformationConstant": "MD5196"}), 400,
     "InvalidProperty", "ipSecConfiguration.quickMode.authenticationTransformationConstant"),
    ("IKE without a group", GATEWAY + "/networkConnections/site", modes(mainMode={"diffieHellmanGroup": "None"}), 400,
     "InvalidProperty", "ipSecConfiguration.mainMode.diffieHellmanGroup"),
    ("a password without a name", "/credentials/n", {"type": "UsernamePassword", "value": "x"}, 400, "MissingProperty",
     "userName"),
    ("a router's identifier of IPv6", ROUTER, {"routerId": "fd00::1"}, 400, "InvalidProperty", "routerId"),
    ("a router's identifier of zeros", ROUTER, {"routerId": "0.0.0.0"}, 400, "InvalidProperty", "routerId"),
    ("a group as a router's address", ROUTER, {"routerIP": ["239.0.0.1"]}, 400, "InvalidProperty", "routerIP[0]"),
    ("groups as what a router announces", ROUTER, {"bgpNetworks": ["10.0.0.0/24", "224.0.0.0/4"]}, 400, "InvalidProperty",
     "bgpNetworks"),
    ("a prefix to match that is none", GATEWAY + "/policyMaps/in", policy(matchCriteria=[
        {"clause": "Prefix", "value": "10.0.0.0/8"}, {"clause": "Prefix", "value": "not-a-prefix"}]), 400, "InvalidProperty",
     "policyList[0].matchCriteria[1].value"),
    ("AS numbers backwards", GATEWAY + "/policyMaps/in", policy(matchCriteria=[{"clause": "AsnRange", "value": "2-1"}]), 400,
     "InvalidProperty", "policyList[0].matchCriteria[0].value"),
    ("AS numbers that are none", GATEWAY + "/policyMaps/in", policy(matchCriteria=[{"clause": "AsnRange", "value": "x-y"}]), 400,
     "InvalidProperty", "policyList[0].matchCriteria[0].value"),
    ("a community that is none", GATEWAY + "/policyMaps/in", policy(matchCriteria=[{"clause": "Community", "value": "65536:1"}]),
     400, "InvalidProperty", "policyList[0].matchCriteria[0].value"),
    ("a next hop to match that is none", GATEWAY + "/policyMaps/in", policy(matchCriteria=[{"clause": "NextHop", "value": "x"}]),
     400, "InvalidProperty", "policyList[0].matchCriteria[0].value"),
    ("an action that does nothing", GATEWAY + "/policyMaps/in", policy(setActions=[{"Med": 1}, {}]), 400, "InvalidProperty",
     "policyList[0].setActions[1]"),
    ("an action with a community that is none", GATEWAY + "/policyMaps/in", policy(setActions=[{"Community": "garbage!"}]), 400,
     "InvalidProperty", "policyList[0].setActions[0].Community"),
    ("an action with a group as next hop", GATEWAY + "/policyMaps/in", policy(setActions=[{"NextHop": "239.0.0.1"}]), 400,
     "InvalidProperty", "policyList[0].setActions[0].NextHop"),
    ("a gateway with the number 0", "/gateways/gw1", {"bgpConfig": {"extASNumber": "0.0"}}, 400, "InvalidProperty",
     "bgpConfig.extASNumber"),
    ("a group as a router of the fabric", "/gateways/gw1", {"bgpConfig": {"bgpPeer": [{"peerIpAddress": "239.0.0.1"}]}}, 400,
     "InvalidProperty", "bgpConfig.bgpPeer[0].peerIpAddress"),
    ("a node that gives up being a gateway", "/servers/host1", {"roles": ["host"]}, 409, "Conflict", "roles"),
    ("a node that gives up being a host", "/servers/host1", {"roles": ["gateway"]}, 409, "Conflict", "roles"),
    ("a node's name that is none", "/servers/host1", {"connections": [{"managementAddresses": ["host1.example", ""]}]}, 400,
     "InvalidProperty", "connections[0].managementAddresses[1]"),
    ("a node's name with blanks", "/servers/host1", {"connections": [{"managementAddresses": ["a b ;x"]}]}, 400,
     "InvalidProperty", "connections[0].managementAddresses[0]"),
    ("a logical network that carries virtual ones no more", examples.FABRIC, {"networkVirtualizationEnabled": False}, 409,
     "Conflict", "networkVirtualizationEnabled"),
    ("a virtual network over one that carries none", "/virtualNetworks/n", dict(SPACE, logicalNetwork=ref(examples.OUTSIDE)), 400,
     "InvalidProperty", "logicalNetwork"),
    ("a router outside its subnet", PA, {"defaultGateways": ["10.1.0.1", "192.0.2.1"]}, 400, "InvalidProperty",
     "defaultGateways[1]"),
    ("a router at the end of its subnet", PA, {"defaultGateways": ["10.1.0.255"]}, 400, "InvalidProperty", "defaultGateways[0]"),
    ("a name server that is a group", PA, {"dnsServers": ["239.0.0.1"]}, 400, "InvalidProperty", "dnsServers[0]"),
    ("a subnet's next hop of the other family", PA, {"routes": [{"destinationPrefix": "10.0.0.0/8", "nextHop": "fd00::1"}]}, 400,
     "InvalidProperty", "routes[0].nextHop"),
    ("a logical subnet of groups", examples.FABRIC + "/subnets/n", {"addressPrefix": "239.0.0.0/24"}, 400, "InvalidProperty",
     "addressPrefix"),
    ("a network of groups", "/virtualNetworks/n", {"addressSpace": {"addressPrefixes": ["10.0.0.0/8", "224.0.0.0/4"]}}, 400,
     "InvalidProperty", "addressSpace.addressPrefixes"),
    ("a network of the host itself", "/virtualNetworks/n", {"addressSpace": {"addressPrefixes": ["127.0.0.0/8"]}}, 400,
     "InvalidProperty", "addressSpace.addressPrefixes"),
    ("a network's name server that is none", "/virtualNetworks/blue", {"dhcpOptions": {"dnsServers": ["255.255.255.255"]}}, 400,
     "InvalidProperty", "dhcpOptions.dnsServers[0]"),
    ("a VM's name server that is none", "/networkInterfaces/vm1", {"dnsSettings": {"dnsServers": ["0.0.0.0"]}}, 400,
     "InvalidProperty", "dnsSettings.dnsServers[0]"),
    ("a rule from IPv4 to IPv6", "/accessControlLists/front/aclRules/n",
     dict(RULE, sourceAddressPrefix="10.0.0.0/8", destinationAddressPrefix="fd00::/8"), 400, "InvalidProperty",
     "destinationAddressPrefix"),
    ("ICMPv6 from IPv4", "/accessControlLists/front/aclRules/n", dict(RULE, protocol="ICMPv6", sourceAddressPrefix="10.0.0.1"),
     400, "InvalidProperty", "protocol"),
    ("a collector without a port", "/portProfiles/plain", {"flowExport": "192.0.2.9"}, 400, "InvalidProperty", "flowExport"),
    ("a collector that is no address", "/portProfiles/plain", {"flowExport": "not an address at all"}, 400, "InvalidProperty",
     "flowExport"),
    ("a collector of IPv6 without brackets", "/portProfiles/plain", {"flowExport": "2001:db8::9:4739"}, 400, "InvalidProperty",
     "flowExport"),
]

g = suite.group("meaning", built)


def by_meaning(path, properties, status, code, target):
    def run(w):
        got, one, _ = w.call("GET", path)
        body = one["properties"] if got == 200 else {}
        for name in list(body):
            if world.path_of(w.document, path, name):
                del body[name]
        try:
            w.refused("PUT", path, {"properties": dict(body, **properties)}, status, code,
                      (lambda t: bool(t)) if target is None else "properties." + target)
            unchanged(w, path)
        except case.Failed:  # one that was taken is not to spoil the others
            w.call(*("PUT", path, {"properties": body}) if got == 200 else ("DELETE", path))
            w.before = seen(w)
            raise
    return run


for row in MEANING:
    g.case(row[0])(by_meaning(*row[1:]))


@g.case("networks of two tenants in one pool of back ends")
def two_networks(w):
    before = w.before
    w.put("/virtualNetworks/red", {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [
        {"resourceId": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}]})
    w.before = seen(w)
    other = ref("/virtualNetworks/red/subnets/s")
    w.refused("PUT", BALANCER + "/backendAddressPools/back", {"properties": {"subnets": [ref(SUBNET), other]}}, 400,
              "InvalidProperty", "properties.subnets")
    w.refused("PUT", "/networkInterfaces/vm1/ipConfigurations/n", {"properties": {"subnet": other}}, 400, "InvalidProperty",
              lambda t: t in ("properties.ipConfigurations", "properties.subnet"))
    w.refused("PUT", GATEWAY, {"properties": {"virtualNetwork": ref("/virtualNetworks/blue"), "gatewaySubnets": [other]}}, 400,
              "InvalidProperty", "properties.gatewaySubnets")
    unchanged(w, "two networks")
    w.delete("/virtualNetworks/red")
    w.before = (before[0], seen(w)[1])
    unchanged(w, "afterwards")


# --- by hand: what is no JSON, no HTTP, no path ------------------------------------------------------------------------------

g = suite.group("raw", built)
PATH = "/servers/host1"


@g.case("bodies that are not JSON, or more than one may be")
def not_json(w):
    def nested(n):
        return b'{"tags": {"a": ' + b"[" * (n - 2) + b"]" * (n - 2) + b"}}"

    for text in (b"", b" ", b"{", b"}", b"[1", b'{"tags": {}} x', b'{"tags": {},}', b"{'tags': {}}", b'{"tags": {"a": 01}}',
                 b'{"tags": {"a": NaN}}', b'{"tags": {"a": 1e999}}', b'{"tags": {"a": 9223372036854775808}}',
                 b'{"tags": {"a": "\xff"}}', b'{"tags": {"a": "\xc3"}}', b'{"tags": {"a": "\xed\xa0\x80"}}',
                 b'{"tags": {"a": "\xc0\xaf"}}', b'{"tags": {"a": "\xf4\x90\x80\x80"}}', b'{"tags": {"a": "\\ud800"}}',
                 b'{"tags": {"a": "\\u0000"}}', b'{"tags": {"a": "\x00"}}', b'{"tags": {}}\x00', b'{"tags": {"a": "\n"}}',
                 b"\xef\xbb\xbf{}", b'{"tags": {}, "tags": {}}', b'{"tags": {"a": 1, "a": 1}}', nested(33), nested(30000),
                 b"true", b'"x"' * 2):
        got = w.refused("PUT", PATH, text, 400, "InvalidJson")
        require(got["message"], "it says what is wrong")
    unchanged(w, "what is not JSON")


@g.case("bodies that are JSON, but no resource")
def no_resource(w):
    for value in ([], [{}], [1]):
        w.refused("PUT", PATH, value, 400, "InvalidProperty")
    unchanged(w, "what is no resource")


@g.case("a body of 1 MiB is taken, one byte more is not")
def large(w):
    for size, status in ((1 << 20, 201), ((1 << 20) + 1, 413), (3 << 20, 413)):
        frame = b'{"etag": "%s"}'
        text = frame % (b"x" * (size - len(frame) + 2))
        equal(len(text), size, "size of the body")
        got, body, _ = w.call("PUT", "/servers/large", text)
        equal(got, status, "%d bytes (%s)" % (size, str(body)[:200]))
        if status == 201:
            w.delete("/servers/large")
            w.before = (w.before[0], seen(w)[1])
        else:
            equal(body["error"]["code"], "RequestTooLarge", "code")
    unchanged(w, "large bodies")


@g.case("tags and metadata: 64 KiB and 1024 values of each are kept, no more, nested or in a list of children")
def notes(w):
    for name in ("tags", "resourceMetadata"):
        for value, over in (({"a": "x" * (65536 - 1)}, {"a": "x" * 65536}), ({"a" * 65536: 1}, {"a" * 65535: "xy"}),
                            ({str(i): i for i in range(1023)}, {str(i): {} for i in range(1024)}),
                            ({"a": [{}] * 1022}, {"a": [[0]] * 512})):
            w.call("PUT", "/routeTables/noted", {name: value, "properties": {}}, checked=False)
            equal(w.get("/routeTables/noted")[name], value, "what was kept")
            w.refused("PUT", "/routeTables/noted", {name: over, "properties": {}}, 400, "InvalidProperty", name)
            w.refused("PUT", "/routeTables/noted", {"properties": {"routes": [
                {"resourceId": "r", name: over, "properties": {"addressPrefix": "10.0.0.0/8", "nextHopType": "None"}}]}},
                      400, "InvalidProperty", "properties.routes[0]." + name)
    w.restart()
    equal(w.get("/routeTables/noted")["resourceMetadata"], {"a": [{}] * 1022}, "what was kept over a restart")
    w.delete("/routeTables/noted")
    w.before = seen(w)  # how far nodes are is told anew


@g.case("methods that a path does not have: 405, and Allow says which it has")
def methods(w):
    for path, methods, allow in ((PATH, ("POST", "PATCH", "OPTIONS", "TRACE"), {"GET", "HEAD", "PUT", "DELETE"}),
                                 ("/servers", ("PUT", "DELETE", "POST", "PATCH"), None),
                                 ("/openapi.json", ("PUT", "DELETE", "POST"), {"GET", "HEAD"})):
        for method in methods:
            r = w.request(method, "/networking/v1" + path, {} if method in ("PUT", "POST", "PATCH") else None)
            equal(r.status, 405, method + " " + path)
            equal(r.json()["error"]["code"], "MethodNotAllowed", "code of %s %s" % (method, path))
            require("GET" in r.headers["Allow"], "Allow of %s %s: %s" % (method, path, r.headers["Allow"]))
            if allow or method in ("PUT", "DELETE"):
                equal(set(r.headers["Allow"].split(", ")), allow or {"GET", "HEAD"}, "Allow of %s %s" % (method, path))
    unchanged(w, "methods")


@g.case("paths that are none")
def no_paths(w):
    for path in ("/", "/nothing", "/nothing/x", "/servers/host1/x", "/servers/host1/subnets", "/servers/host1/subnets/x",
                 "/virtualNetworks/none/subnets", "/virtualNetworks/none/subnets/x", "/virtualNetworks/blue/aclRules",
                 "/servers//host1", "//servers", "/servers/host1/", "/" + "a/b/" * 40, "/servers/" + "x" * 600,
                 "/servers/%zz", "/servers/%", "/servers/%4", "/servers/%00", "/servers/host1%00", "/servers%2Fhost1"):
        for method in ("GET", "PUT", "DELETE"):
            if path == "/servers/host1/":
                continue  # a trailing '/' makes no segment
            r = w.request(method, "/networking/v1" + path, {"properties": {}} if method == "PUT" else None)
            equal((r.status, r.json()["error"]["code"]), (404, "NotFound"), "%s %s" % (method, path))
    unchanged(w, "paths")


@g.case("a stale etag, and conditions that are no etags")
def stale(w):
    one = w.get(PATH)
    w.refused("PUT", PATH, dict(one, tags={"a": 1}), 412, "PreconditionFailed", "If-Match",
              {"If-Match": 'W/"%s"' % one["instanceId"]})
    for text in ("x", "", ",", '"', one["etag"][:-2], one["etag"] + "x"):
        w.refused("PUT", PATH, dict(one, tags={"a": 1}), 412, "PreconditionFailed", "If-Match", {"If-Match": text})
    unchanged(w, "stale etags")


suite.main()
