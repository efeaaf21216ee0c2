#!/usr/bin/python3
# gwd --check-config and the files of TLS: it says of each what the start says, and makes nothing.
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world
from lib import case, tls
from lib.case import equal, require
from lib.net import run

suite = case.Suite()


def setup():
    w = world.Controller("c")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        w.url = "https://127.0.0.1:%d" % probe.getsockname()[1]
    w.settings["api"] = {"listen": "unix:%s, %s" % (w.socket_path, w.url)}
    authority = tls.Authority("a")
    w.cert, w.key = authority.issue("gwd", "serverAuth", "IP:127.0.0.1")
    w.expired, w.expired_key = authority.issue("old", "serverAuth", dates=("20200101000000Z", "20210101000000Z"))
    w.other_key = authority.issue("other", "serverAuth")[1]
    w.ca = authority.cert
    w.empty = case.WORK + "/empty.pem"
    with open(w.empty, "w"):
        pass
    return w


def check(w, *more):
    w.configure()
    p = run([w.build + "/gwd", "-c", w.config, "--check-config"] + list(more), ok=None)
    return p.returncode, p.stdout + p.stderr


g = suite.group("", setup)


@g.case("files that can be used are good, and so is a node that makes its own; nothing is made")
def good(w):
    equal(check(w), (0, w.config + ": good\n"), "without files")
    equal(os.listdir(w.state_dir), [], "what is in state_dir")
    w.settings["api"].update({"tls_cert": w.cert, "tls_key": w.key, "client_ca": w.ca})
    equal(check(w), (0, w.config + ": good\n"), "with files")
    equal(os.listdir(w.state_dir), [], "what is in state_dir")
    w.start()
    w.stop()


def refused(name, change, *words):
    @g.case("bad, and the start says the same: " + name)
    def run_it(w):
        keys = {k: v(w) for k, v in change.items()}
        w.settings["api"] = dict(w.settings["api"], tls_cert=w.cert, tls_key=w.key, client_ca=w.ca)
        w.settings["api"].update(keys)
        status, said = check(w)
        equal(status, 1, said)
        for word in words:
            word = word(w) if callable(word) else word
            require(word in said, "%s in %s" % (word, said))
        status, by_start = w.expect_exit()
        equal(status, 1, "exit status of the start")
        require(said.strip().split("error: ", 1)[1] in by_start, "the start says: %s\n--check-config says: %s" % (by_start, said))
        equal(check(w, "--remove")[0], 0, "what a removal needs is good")
        w.settings["api"]["listen"] = "unix:" + w.socket_path
        equal(check(w)[0], 0, "without a listener with TLS nobody needs them")
        w.settings["api"]["listen"] += ", " + w.url


refused("no such certificate", {"tls_cert": lambda w: "/nowhere/tls.crt"}, "/nowhere/tls.crt", "No such file")
refused("no such key", {"tls_key": lambda w: "/nowhere/tls.key"}, "/nowhere/tls.key", "No such file")
refused("no such authorities", {"client_ca": lambda w: "/nowhere/ca.crt"}, "/nowhere/ca.crt", "No such file")
refused("the key is another's", {"tls_key": lambda w: w.other_key}, lambda w: w.other_key, "not the private key of the certificate")
refused("a key where the certificate should be", {"tls_cert": lambda w: w.key}, lambda w: w.key, "no PEM file with a certificate")
refused("a certificate where the key should be", {"tls_key": lambda w: w.cert}, lambda w: w.cert, "no PEM file with a private key")
refused("an empty file of authorities", {"client_ca": lambda w: w.empty}, lambda w: w.empty)
refused("a folder", {"client_ca": lambda w: w.dir}, lambda w: w.dir, "is no file")


@g.case("a certificate that has expired is warned of, and does not keep the daemon from starting")
def expired(w):
    w.settings["api"] = dict(w.settings["api"], tls_cert=w.expired, tls_key=w.expired_key, client_ca=w.ca)
    status, said = check(w)
    equal(status, 0, said)
    require(w.expired in said and "has expired" in said, said)
    w.start()
    w.stop()


@g.case("of what gwd has made itself, too")
def own(w):
    for key in ("tls_cert", "tls_key", "client_ca"):
        w.settings["api"].pop(key, None)
    w.configure()
    w.start()
    w.stop()
    equal(check(w)[0], 0, "as it was made")
    with open(w.state_dir + "/tls.key", "w") as f:
        f.write("no key\n")
    status, said = check(w)
    require(status == 1 and w.state_dir + "/tls.key" in said, said)


if __name__ == "__main__":
    suite.main()
