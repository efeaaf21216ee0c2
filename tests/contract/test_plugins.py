#!/usr/bin/python3
# A plugin that is missing, broken or of another version degrades its own objects and nothing else, and everybody is told what is
# wrong and what to do. A host by itself, with records set by hand.
# outside-only
# time-limit: 240
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "topo"))
from lib import case, gwd, net
from lib.case import equal, eventually, require

RDID = "11111111-1111-1111-1111-111111111111"
PUBLIC = {"PublicPrefix": "203.0.113.1/32", "FirstPort": 0, "PortCount": 0, "RoutingDomainID": RDID}
RULE = {"RoutingDomainID": RDID, "Type": "Outbound", "Protocol": "All", "PublicAddress": "203.0.113.1", "PublicPort": 0,
        "CustomerPrefix": "10.0.0.0/24"}
suite = case.Suite()


class Host(gwd.Gwd):
    def put(self, kind, properties):
        listed = self.request("GET", "/hnv/" + kind).json()["value"]
        path = "/hnv/%s/%s" % (kind, ident(properties))
        r = self.request("PUT", path, {"properties": properties})
        require(r.status in (200, 201), "PUT %s: %d %s" % (path, r.status, r.body[:300]))
        return r.json(), listed

    def rule(self):
        return self.request("GET", "/hnv/natRules/" + ident(RULE)).json()["properties"]

    def sync(self, name):
        return self.status()["node"]["sync"].get(name)


def ident(p):
    if "PublicPrefix" in p:
        return "%s-%d" % (p["PublicPrefix"].replace("/", "_"), p["FirstPort"])
    if "Type" in p:
        return "%s-%s-%s-%s-%d-%s" % (p["RoutingDomainID"], p["Type"], p["Protocol"], p["PublicAddress"], p["PublicPort"],
                                      p["CustomerPrefix"].replace("/", "_"))
    return p["Interface"]


def setup():
    ns = net.Netns("plugins")
    case.after_group.append(ns.delete)
    for n in range(3):
        ns.ip("tuntap add tap%d mode tap" % n)
    h = Host(ns, "host")
    case.after_group.append(lambda: h.process and h.stop())
    return h


def compile_plugin(h, name, text):
    os.makedirs(h.plugin_dir, exist_ok=True)
    source = h.dir + "/%s.c" % name
    with open(source, "w") as f:
        f.write(text)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "%s/%s.so" % (h.plugin_dir, name), source], check=True)
    os.chmod("%s/%s.so" % (h.plugin_dir, name), 0o644)


g = suite.group("", setup)


@g.case("without the plugin its objects say so, and all others are carried out")
def _(h):
    h.start()
    h.put("publicAddresses", PUBLIC)
    h.put("natRules", RULE)
    h.put("ports", {"Interface": "tap0", "MACAddress": "020000000001", "VirtualSubnetID": 5001})
    equal(h.rule()["state"], "NoDriver", "the rule's state")
    require("plugin_dir" in h.rule()["stateDetail"], h.rule()["stateDetail"])
    equal(h.sync("engine")["state"], "Synced", "the engine")


@g.case("with it they have a state of its making; without a virtual gateway they wait")
def _(h):
    h.stop()
    h.plugins("nat", "example")
    h.start()
    eventually(lambda: h.sync("nat")["state"] == "Synced", "nat is synced")
    equal(h.rule()["state"], "Waiting", "the rule's state")
    require("no virtual gateway" in h.rule()["stateDetail"], h.rule()["stateDetail"])
    equal(h.status()["example"]["counts"]["natRules"], 1, "what the example has counted")
    equal(h.rule()["example"]["ofItsKind"], 1, "what it describes")
    r = h.request("PUT", "/hnv/natRules/" + ident(dict(RULE, PublicAddress="203.0.113.2")),
                  {"properties": dict(RULE, PublicAddress="203.0.113.2")})
    equal((r.status, r.json()["error"]["target"]), (400, "properties.PublicAddress"), "an address that is another's")


@g.case("of another version, without a symbol, or writable by others: refused, told, and the rest works")
def _(h):
    h.stop()
    h.plugins("example")
    compile_plugin(h, "nat", "struct { unsigned abi, size; void *p[3]; } gw_plugin = { 99, 24, { 0 } };\n")
    compile_plugin(h, "none", "int nothing;\n")
    compile_plugin(h, "open", "int nothing;\n")
    compile_plugin(h, "lacks", "extern int gw_of_a_later_version(void); int (*p)(void) = gw_of_a_later_version;\n")
    os.chmod(h.plugin_dir + "/open.so", 0o666)
    h.start()
    said = h.ctl("status")
    for name, code, words in (("nat", "CapabilityMissing", "version 99"), ("none", "Unavailable", "no symbol gw_plugin"),
                              ("open", "Forbidden", "chmod go-w"), ("lacks", "CapabilityMissing", "gw_of_a_later_version")):
        s = h.sync(name)
        equal(s["state"], "Failing", name)
        equal(s["lastError"]["code"], code, name)
        require(words in s["lastError"]["message"], s["lastError"]["message"])
    require("not loaded" in said, said)
    equal(h.sync("example")["state"], "Synced", "the good one")
    equal(h.rule()["state"], "NoDriver", "a rule whose plugin could not even say what it is for")
    h.put("ports", {"Interface": "tap1", "MACAddress": "020000000002", "VirtualSubnetID": 5001})
    equal(h.sync("engine")["state"], "Synced", "the engine")


@g.case("one whose every call fails: what was put stands, its own objects say why")
def _(h):
    h.stop()
    h.plugins()
    gwd_dir = os.path.join(case.root(), "gwd")
    source = '''
#include "plugin.h"
static int no_open(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{ (void)env; *ret = (struct gw_driver *)1; (void)err; return 0; }
static int no_apply(struct gw_driver *d, const struct gw_intent *n, const struct gw_delta *c, struct gw_error *err)
{ (void)d; (void)n; (void)c; return gw_error_set(err, 5, GW_ERR_UNAVAILABLE, "x", "it is out of order"); }
static int no_sync(struct gw_driver *d, const struct gw_intent *n, struct gw_error *err)
{ return no_apply(d, n, 0, err); }
static struct gw_driver *no_close(struct gw_driver *d) { (void)d; return 0; }
static const struct gw_driver_ops ops = {.name = "bad", .open = no_open, .apply = no_apply, .sync = no_sync, .close = no_close};
const struct gw_plugin gw_plugin = GW_PLUGIN("bad", &ops, 1u << GW_HNV_NAT_RULE);
'''
    with open(h.dir + "/bad.c", "w") as f:
        f.write(source)
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-I" + gwd_dir, "-shared", "-fPIC", "-o", h.plugin_dir + "/bad.so",
                    h.dir + "/bad.c"], check=True)
    os.chmod(h.plugin_dir + "/bad.so", 0o644)
    h.start()
    h.put("natRules", dict(RULE, CustomerPrefix="10.0.1.0/24"))
    h.put("ports", {"Interface": "tap2", "MACAddress": "020000000003", "VirtualSubnetID": 5001})
    equal(h.rule()["state"], "Failed", "the rule")
    require("out of order" in h.rule()["stateDetail"], h.rule()["stateDetail"])
    equal(h.sync("engine")["state"], "Synced", "the engine")
    h.restart()
    equal(len(h.request("GET", "/hnv/natRules").json()["value"]), 2, "rules after a restart")


suite.main()
