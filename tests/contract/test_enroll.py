#!/usr/bin/env python3
"""How a machine becomes a controller's node: one command with a one-time token, the right controller and no other, certificates
that renew themselves and are void when they are replaced, taken back, over or another's (API-3)."""
# time-limit: 400
import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import ssl
import stat
import subprocess
import threading
import time

import world
from lib import case, gwd, tls
from lib.case import equal, eventually, require
from lib.net import Netns

suite = case.Suite()
PREFIX = world.document.PREFIX
FILES = ("controller.crt", "controller.key", "controller-ca.crt", "controller.urls")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Hub(world.Controller):
    """A controller that nodes can come to."""

    def __init__(self, name="hub", seconds=None, logins=100000, netns=None):
        super().__init__("%s%d" % (name, next(world.numbers)))
        self.netns = netns or self.netns
        self.port = free_port()
        self.settings["api"] = {"listen": "unix:%s, https://127.0.0.1:%d" % (self.socket_path, self.port)}
        self.settings["limits"] = {"failed_logins_per_minute": str(min(logins, 1000))}
        if seconds:
            self.settings["controller"] = {"certificate_seconds": str(seconds)}
        self.configure()
        case.after_group.append(lambda: self.process and self.stop())
        self.start()

    @property
    def url(self):
        return "https://127.0.0.1:%d" % self.port

    def token(self, server, *options):
        """The one-time token, of the command that is to be run."""
        words = self.ctl("server", "enroll", server, *options).split()
        equal(words[:3], ["gwctl", "enroll", self.url], "the command for " + server)
        equal(len(words), 4, "its words")
        return words[3]

    def ask(self, method, path, body=None, bearer=None, cert=None, connection=None):
        """One request over TLS -> (status, body or None)."""
        c = connection or self.connect(cert)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            if bearer:
                headers["Authorization"] = "Bearer " + bearer
            c.request(method, path if path.startswith("/version") else PREFIX + path,
                      None if body is None else json.dumps(body), headers)
            r = c.getresponse()
            text = r.read()
            return r.status, json.loads(text) if text else None
        finally:
            if not connection:
                c.close()

    def connect(self, cert=None, ca=None):
        c = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20,
                                        context=tls.context(ca or self.state_dir + "/node-ca.crt", cert))
        if isinstance(self.netns, Netns):
            with self.netns.enter():
                c.connect()
        return c

    def entries(self, kind):
        """{name: properties}"""
        status, body = world.Controller.call(self, "GET", "/access/" + kind)[:2]
        equal(status, 200, "list of " + kind)
        return {e["resourceId"]: e["properties"] for e in body["value"]}

    def said(self):
        with open(self.log, encoding="utf-8") as f:
            return f.read()


class Node(gwd.Gwd):
    """What is to be a node. Without a namespace it carries nothing: its role needs no kernel."""

    def __init__(self, name, netns=None):
        super().__init__(netns or world._Here, "%s-%d" % (name, next(world.numbers)),  # pylint: disable=protected-access
                         {"node": {"roles": "host" if netns else "controller", "name": name}})
        case.after_group.append(lambda: self.process and self.stop())
        self.start()

    def enroll(self, url, token, ok=True):
        """gwctl enroll; what it said."""
        p = self.ctl_raw("enroll", url, token)
        require((p.returncode == 0) == ok, "gwctl enroll: %d %s %s" % (p.returncode, p.stdout, p.stderr))
        # It begins anew when it has answered.
        eventually(lambda: (s := self.said()) and s.count(" is ready: ") > s.count("beginning anew"), "%s is ready" % self.name, 20)
        if ok:
            equal(self.enrollment()["state"], "Valid", "state of " + self.name)
        return p.stdout if ok else re.sub(r"\s+", " ", p.stderr)

    def enrollment(self):
        r = self.request("GET", PREFIX + "/enrollment")
        require(r.status == 200, "%d %s" % (r.status, r.body))
        return r.json()

    def state(self):
        return self.enrollment()["state"]

    def has_files(self):
        return [n for n in FILES if os.path.exists(os.path.join(self.state_dir, n))]

    def cert(self, to=None):
        """(certificate, key) files as they are now, copied into a folder `to`."""
        names = [os.path.join(self.state_dir, n) for n in FILES[:2]]
        if to:
            os.makedirs(os.path.join(case.WORK, to), exist_ok=True)
            names = [shutil.copy(n, os.path.join(case.WORK, to)) for n in names]
        return tuple(names)

    def said(self):
        with open(self.log, encoding="utf-8") as f:
            return f.read()


def secret_of(token):
    return token.split(".")[0]


def csr(*kind, name="x"):
    """A certificate request in PEM."""
    kind = kind or ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    p = subprocess.run(["openssl", "req", "-new", "-newkey", *kind, "-nodes", "-subj", "/CN=" + name, "-keyout", "/dev/null"],
                       check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return p.stdout.decode()


def fingerprint(path):
    p = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"], check=True, stdout=subprocess.PIPE)
    return p.stdout.decode().strip().split("=")[1]


def refused(answer, status, *words):
    equal(answer[0], status, "answer %s" % (answer[1],))
    for word in words:
        require(word in answer[1]["error"]["message"], "%s in %s" % (word, answer[1]))


# --- one command ------------------------------------------------------------------------------------------------------------

def setup():
    hub = Hub()
    return hub, Node("gw1")


g = suite.group("", setup)


@g.case("one command on each side: the node is the controller's, and knows until when")
def one_command(w):
    hub, node = w
    token = hub.token("gw1")
    equal(list(hub.entries("enrollments")), ["gw1"], "outstanding tokens")
    require("gw1" in hub.ctl("enrollment", "list"), "in the list")
    equal(node.state(), "None", "before")
    said = node.enroll(hub.url, token)
    for word in ("gw1", hub.url, fingerprint(hub.state_dir + "/node-ca.crt")):
        require(word in said, "%s in %s" % (word, said))
    equal(node.has_files(), list(FILES), "files")
    for name in FILES:
        equal(stat.S_IMODE(os.stat(os.path.join(node.state_dir, name)).st_mode), 0o600, "mode of " + name)
    with open(node.state_dir + "/controller.urls", encoding="ascii") as f:
        equal(f.read().strip(), hub.url, "controller.urls")
    now = node.enrollment()
    equal((now["server"], now["urls"], now["state"]), ("gw1", hub.url, "Valid"), "state")
    equal(hub.entries("enrollments"), {}, "the token is used up")
    entry = hub.entries("certificates")["gw1"]
    equal((entry["role"], entry["subject"], entry["fingerprint"], entry["validUntil"]),
          ("host", "gw1", fingerprint(node.cert()[0]), now["validUntil"]), "the entry")
    require("previousFingerprint" not in entry, entry)
    equal(json.loads(node.ctl("status", "-o", "json"))["enrollment"], now, "in the status")
    require(secret_of(token) not in hub.said() + node.said(), "the secret is in a log")
    audit = hub.call("GET", "/monitoring/audit")[1]["value"]
    require([(e["who"], e["path"]) for e in audit][-2:] == [("root", "/access/enrollments/gw1"),
                                                            ("enrollment=gw1", "/access/certificates/gw1")], audit[-3:])


@g.case("what a server is called has no letter case")
def letter_case(w):
    hub, other = w[0], Node("gw9")
    other.enroll(hub.url, hub.token("GW9"))
    equal(hub.entries("certificates")["GW9"]["fingerprint"], fingerprint(other.cert()[0]), "the entry")


@g.case("the certificate says who it is, and lets it do what a host may")
def what_it_may(w):
    hub, node = w
    cert = node.cert()
    equal(hub.ask("GET", "/version", cert=cert)[0], 200, "who it is")
    for method, path, body in (("PUT", "/virtualNetworks/x", {"properties": {}}), ("GET", "/virtualNetworks", None),
                               ("PUT", "/access/tokens/x", {"properties": {"role": "operator"}}), ("GET", "/access/tokens", None),
                               ("PUT", "/access/enrollments/x", {"properties": {}}), ("DELETE", "/hnv/ports/x", None)):
        refused(hub.ask(method, path, body, cert=cert), 403, "gw1", "host")
    refused(hub.ask("POST", "/servers/gw2/certificate", {"request": csr()}, cert=cert), 403, "gw1")
    equal(hub.ask("GET", "/version")[0], 401, "without it")
    # A token is not enough to be a node, whatever its role: it can be used from anywhere, without end.
    secret = hub.ctl("token", "add", "gw1", "--role", "host").strip()
    refused(hub.ask("GET", "/servers/gw1/state", bearer=secret), 403, "certificate")
    refused(hub.ask("PUT", "/servers/gw1/status", {}, bearer=secret), 403, "certificate")
    hub.ctl("token", "del", "gw1")


@g.case("a token is good once, also for two who come at the same time")
def once(w):
    hub, node = w
    token = hub.token("once")
    request, results = csr(), []

    def go():
        results.append(hub.ask("POST", "/servers/once/certificate", {"request": request}, bearer=secret_of(token))[0])
    threads = [threading.Thread(target=go) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(sorted(results), [201] + [401] * 5, "answers")
    used = hub.token("gw1")
    node.enroll(hub.url, used)
    message = node.enroll(hub.url, used, ok=False)
    require("may have been used" in message, message)
    equal(node.state(), "Valid", "the node goes on")


@g.case("its time is over when it is, and it is bound to one server and one purpose")
def bound(w):
    hub, node = w
    token = hub.token("gw1", "--valid", "1s")
    until = hub.entries("enrollments")["gw1"]["validUntil"]
    eventually(lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) >= until, "its time is over")
    message = node.enroll(hub.url, token, ok=False)
    require("expired" in message and "server enroll gw1" in message, message)
    token = hub.token("gw2")
    require("gw2" not in node.said(), "a new one")
    message = node.enroll(hub.url, token, ok=False)
    require('for the server "gw2"' in message and '"gw1"' in message, message)
    refused(hub.ask("POST", "/servers/gw1/certificate", {"request": csr()}, bearer=secret_of(token)), 403, "gw2")
    for method, path, body in (("GET", "/version", None), ("GET", "/access/tokens", None), ("GET", "/servers", None),
                               ("PUT", "/servers/gw2", {"properties": {}})):
        refused(hub.ask(method, path, body, bearer=secret_of(token)), 403, "one-time token")
    equal(hub.ask("POST", "/servers/gw2/certificate", {"request": csr()}, bearer=secret_of(token))[0], 201, "it is still good")


@g.case("what is no request for a certificate, or one of a poor key, is refused and does not use the token up")
def requests(w):
    hub, _ = w
    token = secret_of(hub.token("picky"))
    poor = csr("rsa:1024")
    good = csr(name="root")
    lines = good.splitlines()
    forged = "\n".join(lines[:1] + [lines[1][:40] + ("A" if lines[1][40] != "A" else "B") + lines[1][41:]] + lines[2:])
    for body in ({}, {"request": 5}, {"request": ""}, {"request": "x" * 20000}, {"request": poor}, {"request": forged},
                 {"request": good.replace("CERTIFICATE REQUEST", "CERTIFICATE")}, []):
        status, answer = hub.ask("POST", "/servers/picky/certificate", body, bearer=token)
        equal((status, answer["error"].get("target")), (400, "request"), "%s: %s" % (str(body)[:50], answer))
    status, answer = hub.ask("POST", "/servers/PICKY/certificate", {"request": good}, bearer=token)
    equal(status, 201, answer)
    p = subprocess.run(["openssl", "x509", "-noout", "-subject", "-ext", "extendedKeyUsage,basicConstraints"],
                       input=answer["certificate"].encode(), check=True, stdout=subprocess.PIPE)
    text = p.stdout.decode()
    require("CN = picky" in text and "Client Authentication" in text and "CA:FALSE" in text and "root" not in text, text)


@g.case("a token survives a restart, can be replaced, and can be taken back")
def kept(w):
    hub, node = w
    first = hub.token("gw1")
    second = hub.token("gw1")
    with sqlite(hub) as text:
        require(secret_of(first) not in text and secret_of(second) not in text, "the store has a secret")
    hub.restart()
    message = node.enroll(hub.url, first, ok=False)
    require("not known" in message, message)
    node.enroll(hub.url, second)
    third = hub.token("gw1")
    hub.ctl("enrollment", "del", "gw1")
    require("not known" in node.enroll(hub.url, third, ok=False), "taken back")


class sqlite:  # pylint: disable=invalid-name
    """All bytes of the store, as text."""

    def __init__(self, hub):
        self.hub = hub

    def __enter__(self):
        text = ""
        for name in os.listdir(self.hub.state_dir):
            if name.startswith("gwd.db"):
                with open(os.path.join(self.hub.state_dir, name), "rb") as f:
                    text += f.read().decode("latin-1")
        return text

    def __exit__(self, *_):
        pass


@g.case("a certificate that an operator has added under that name is not taken over")
def not_taken_over(w):
    hub, _ = w
    hub.ctl("certificate", "add", "boss", "--subject", "boss", "--role", "operator")
    hub.ctl("certificate", "add", "x1", "--subject", "alias", "--role", "monitor")
    for server in ("boss", "alias"):
        p = hub.ctl_raw("server", "enroll", server)
        require(p.returncode == 1 and "Conflict" in p.stderr, p.stderr)
    token = secret_of(hub.token("late"))
    hub.ctl("certificate", "add", "late", "--subject", "late", "--role", "operator")
    equal(hub.ask("POST", "/servers/late/certificate", {"request": csr()}, bearer=token)[0], 409, "added meanwhile")
    equal(hub.entries("certificates")["late"]["role"], "operator", "its role")


@g.case("wrong secrets are counted like any wrong token")
def counted(_):
    hub = Hub("strict", logins=5)
    good = secret_of(hub.token("gw1"))
    wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
    got = [hub.ask("POST", "/servers/gw1/certificate", {"request": "x"}, bearer=wrong)[0] for _ in range(8)]
    equal(got[:5] + got[-1:], [401] * 5 + [429], "answers")
    equal(hub.ask("POST", "/servers/gw1/certificate", {"request": csr()}, bearer=good)[0], 201, "the right one")


# --- what for ---------------------------------------------------------------------------------------------------------------

def hosted():
    netns = Netns("enroll")
    case.after_group.append(netns.delete)
    return Hub(netns=netns), Node("gw1", netns)


h = suite.group("a host", hosted)


@h.case("it follows the controller at once, gets its own state and nobody else's, and does again after a restart")
def follows(w):
    hub, node = w
    hub.put("/servers/gw1", {})
    hub.put("/servers/gw2", {})
    node.enroll(hub.url, hub.token("gw1"))

    def state():
        return node.status()["controller"]["state"]
    eventually(lambda: state() == "Connected", "it follows", 30)
    cert = node.cert()
    equal(hub.ask("GET", "/servers/gw1/state", cert=cert)[0], 200, "its own state")
    refused(hub.ask("GET", "/servers/gw2/state", cert=cert), 403, "gw1")
    refused(hub.ask("PUT", "/servers/gw2/status", {}, cert=cert), 403, "gw1")
    node.restart()
    eventually(lambda: state() == "Connected", "it follows again", 30)
    hub.ctl("certificate", "del", "gw1")
    hub.restart()  # what it waits for is answered, and it asks again
    eventually(lambda: state() == "Refused" and "void" in node.status()["controller"]["lastError"], "it is not let in any more", 30)
    node.enroll(hub.url, hub.token("gw1"))
    eventually(lambda: state() == "Connected", "it is again", 30)
    # Of a server that has been deleted it is good for being told so, and is not renewed.
    cert = node.cert()
    hub.delete("/servers/gw1")
    status, answer = hub.ask("GET", "/servers/gw1/state", cert=cert)[:2]
    equal((status, answer["full"], answer["changes"]), (200, True, []), "there is nothing to hold")
    refused(hub.ask("POST", "/servers/gw1/certificate", {"request": csr()}, cert=cert), 403, "deleted")
    hub.put("/servers/gw1", {})
    equal(hub.ask("POST", "/servers/gw1/certificate", {"request": csr()}, cert=cert)[0], 201, "when it has been made again")


# --- the right controller ---------------------------------------------------------------------------------------------------

class Impostor:
    """Says that its authority is the controller's, whose certificate everybody can have, and notes all that it is told."""

    def __init__(self, ca_pem):
        self.port, self.heard = free_port(), b""
        authority = tls.Authority("impostor")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*authority.issue("hub", "serverAuth", san="IP:127.0.0.1"))
        self.answer = json.dumps({"certificate": ca_pem, "fingerprint": "AB"}).encode()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    @property
    def url(self):
        return "https://127.0.0.1:%d" % self.port

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            with s:
                s.settimeout(10)
                try:
                    with self.context.wrap_socket(s, server_side=True) as t:
                        self.heard += t.recv(65536)
                        t.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                                  b"Content-Length: %d\r\n\r\n" % len(self.answer) + self.answer)
                except OSError:
                    pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


def two():
    return Hub(), Hub("other"), Node("gw1")


r = suite.group("the right controller", two)


@r.case("another controller is not told the secret")
def other_controller(w):
    hub, other, node = w
    token = hub.token("gw1")
    message = node.enroll(other.url, token, ok=False)
    require("authority is another one" in message and fingerprint(other.state_dir + "/node-ca.crt") in message, message)
    require("token that is not known" not in other.said(), "the other one was shown something")
    equal(node.has_files(), [], "what the node keeps")
    node.enroll("%s, %s" % (other.url, hub.url), token)  # of several the right one
    equal(node.enrollment()["server"], "gw1", "server")


@r.case("nor is one that shows the right authority without being of it")
def impostor(w):
    hub, _, node = w
    with open(hub.state_dir + "/node-ca.crt", encoding="ascii") as f:
        i = Impostor(f.read())
    try:
        token = hub.token("gw1")
        message = node.enroll(i.url, token, ok=False)
        require("not the controller" in message, message)
        require(b"/ca " in i.heard, "it was asked: %s" % i.heard)
        require(b"gwd_" not in i.heard and b"Authorization" not in i.heard and secret_of(token).encode() not in i.heard, i.heard)
    finally:
        i.close()
    node.enroll(hub.url, token)


@r.case("one that is not there, no token, no address: said, and nothing is used up")
def not_there(w):
    hub, _, node = w
    token = hub.token("gw1")
    gone = "https://127.0.0.1:%d" % free_port()
    require("cannot be reached" in node.enroll(gone, token, ok=False), "nobody there")
    require("one-time token" in node.enroll(hub.url, token[:-5].rsplit(".", 1)[0], ok=False), "half a token")
    for url in (" ", "http://127.0.0.1:80", "unix:/run/x", "127.0.0.1", hub.url + "/x", "https://" + "a" * 1500):
        require("urls" in node.enroll(url, token, ok=False), url)
    p = node.ctl_raw("enroll", hub.url, "-", stdin=token + "\n")
    equal(p.returncode, 0, p.stderr)


class Cutter:
    """Between node and controller: of the connections from the second on, all that the controller says after the handshake is lost."""

    def __init__(self, port):
        self.to, self.port = port, free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    @property
    def url(self):
        return "https://127.0.0.1:%d" % self.port

    def run(self):
        seen = 0
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            seen += 1
            with s, socket.create_connection(("127.0.0.1", self.to), 10) as t:
                self.carry(s, t, seen > 1)

    @staticmethod
    def carry(node, hub, cuts):
        said = threading.Event()

        def up():
            text, encrypted = b"", 0
            try:
                while data := node.recv(65536):
                    text += data
                    while len(text) >= 5 and len(text) >= 5 + int.from_bytes(text[3:5], "big"):
                        encrypted += text[0] == 23
                        text = text[5 + int.from_bytes(text[3:5], "big"):]
                    if encrypted > 1:  # after the end of the handshake there is the request
                        said.set()
                    hub.sendall(data)
                hub.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        thread = threading.Thread(target=up)
        thread.start()
        total = 0
        try:
            while data := hub.recv(65536):
                if cuts and said.is_set():
                    total += len(data)
                    if total > 1000:  # more than session tickets: the answer
                        break
                    continue
                node.sendall(data)
        except OSError:
            pass
        for s in (node, hub):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        thread.join()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@r.case("an answer that is lost has used the token up, and it says so")
def lost(w):
    hub, _, node = w
    token = hub.token("gw1")
    before = fingerprint(node.cert()[0])
    cutter = Cutter(hub.port)
    try:
        message = node.enroll(cutter.url, token, ok=False)
    finally:
        cutter.close()
    require("may be used up" in message and "server enroll gw1" in message, message)
    equal(hub.entries("enrollments"), {}, "outstanding")
    equal(fingerprint(node.cert()[0]), before, "what the node has")
    require(hub.entries("certificates")["gw1"]["fingerprint"] != before, "what the controller thinks")
    node.enroll(hub.url, hub.token("gw1"))
    equal(hub.ask("GET", "/version", cert=node.cert())[0], 200, "enrolled anew")


# --- renewal and revocation -------------------------------------------------------------------------------------------------

def short():
    """Certificates of 21 s, of which a new one is asked for after 13."""
    hub = Hub(seconds=21)
    node = Node("gw1")
    node.enroll(hub.url, hub.token("gw1"))
    return hub, node


s_ = suite.group("renewal", short)


@s_.case("the certificate is renewed before it is over; the older one is void when the newer is shown")
def renewed(w):
    hub, node = w
    first = fingerprint(node.cert()[0])
    old = node.cert(to="first")
    until = node.enrollment()["validUntil"]
    eventually(lambda: fingerprint(node.cert()[0]) != first, "another certificate", 20)
    require("has been renewed" in node.said(), "the log says it")
    require(node.enrollment()["validUntil"] > until, "it is good for longer")
    entry = eventually(lambda: (e := hub.entries("certificates")["gw1"]) and "previousFingerprint" not in e and e,
                       "the older one is void")
    equal(entry["fingerprint"], fingerprint(node.cert()[0]), "the newer one")
    equal((entry["role"], node.state()), ("host", "Valid"), "its role, and the node's state")
    # Deeds of nodes push none of the operators' out of the audit log (tests/unit/test_store_logs.c): they are told apart.
    with sqlite3.connect("file:%s/gwd.db?mode=ro" % hub.state_dir, uri=True) as db:
        doers = set(db.execute("SELECT who, doer FROM audit WHERE path = '/access/certificates/gw1'"))
    equal(doers, {("enrollment=gw1", ""), ("CN=gw1", "/gw1")}, "whose deeds its certificates are")  # the token is an operator's
    refused(hub.ask("GET", "/version", cert=old), 401, "void")


def expired(path):
    return subprocess.run(["openssl", "x509", "-in", path, "-noout", "-checkend", "0"], check=False,
                          stdout=subprocess.DEVNULL).returncode != 0


@s_.case("an older certificate that somebody has kept is refused while it is still signed and in its time")
def stolen(w):
    hub, node = w
    stolen_ = node.cert(to="stolen")
    before = fingerprint(stolen_[0])
    on_it = hub.connect(stolen_)
    equal(hub.ask("GET", "/version", connection=on_it)[0], 200, "before")
    # The connection that is open, too.
    answer = eventually(lambda: (a := hub.ask("GET", "/version", connection=on_it))[0] != 200 and a, "it is renewed", 20, 0.2)
    refused(answer, 401, "void")
    require(fingerprint(node.cert()[0]) != before, "the node has a newer one")
    require("previousFingerprint" not in hub.entries("certificates")["gw1"], "which was shown")
    refused(hub.ask("GET", "/version", cert=stolen_), 401, "void")
    refused(hub.ask("POST", "/servers/gw1/certificate", {"request": csr()}, cert=stolen_), 401, "void")
    require(not expired(stolen_[0]), "the stolen one is still in its time")
    equal(hub.ask("GET", "/version", cert=node.cert())[0], 200, "the node's own")


@s_.case("the controller is away: the node says that it cannot renew, and does it when it is back")
def away(w):
    hub, node = w
    before = fingerprint(node.cert()[0])
    hub.stop()
    error = eventually(lambda: node.enrollment().get("lastError"), "it says so", 30)
    require("cannot be reached" in error, error)
    require("cannot be reached" in re.sub(r"\s+", " ", node.ctl("status")), "gwctl status")
    hub.start()
    eventually(lambda: fingerprint(node.cert()[0]) != before and not node.enrollment().get("lastError"), "renewed", 30)


@s_.case("one that is over lets nobody in; the node says that it must be enrolled anew, and is")
def over(w):
    hub, node = w
    node.stop()
    cert = node.cert(to="over")
    answer = eventually(lambda: (a := hub.ask("GET", "/version", cert=cert))[0] != 200 and a, "it is over", 30, 0.2)
    refused(answer, 401, "expired")
    require(expired(cert[0]), "by the clock")
    node.start()
    eventually(lambda: "enrolled anew" in node.said(), "the log says so", 10)
    equal(node.state(), "Expired", "state")
    require("EXPIRED" in node.ctl("status"), "gwctl status")
    node.enroll(hub.url, hub.token("gw1"))
    equal(hub.ask("GET", "/version", cert=node.cert())[0], 200, "enrolled anew")


def lasting():
    hub = Hub()
    node = Node("gw1")
    node.enroll(hub.url, hub.token("gw1"))
    return hub, node


v = suite.group("revocation", lasting)


@v.case("deleting the entry keeps the node out at once, whatever is put in its place")
def revoked(w):
    hub, node = w
    cert = node.cert(to="revoked")
    on_it = hub.connect(cert)
    equal(hub.ask("GET", "/version", connection=on_it)[0], 200, "before")
    hub.ctl("certificate", "del", "gw1")
    refused(hub.ask("GET", "/version", connection=on_it), 401, "void")
    refused(hub.ask("POST", "/servers/gw1/certificate", {"request": csr()}, cert=cert), 401, "void")
    hub.ctl("certificate", "add", "gw1", "--subject", "gw1", "--role", "operator")
    refused(hub.ask("GET", "/version", cert=cert), 401, "void")
    hub.ctl("certificate", "del", "gw1")
    node.enroll(hub.url, hub.token("gw1"))
    refused(hub.ask("GET", "/version", cert=cert), 401, "void")
    equal(hub.ask("GET", "/version", cert=node.cert())[0], 200, "the new one")


@v.case("certificates of other authorities are none, whatever name they have; the controller's own is none of a client")
def foreign(w):
    hub, _ = w
    cert = tls.Authority("foreign").issue("gw1")
    refused(hub.ask("GET", "/version", cert=cert), 401, "neither this controller")
    own = (hub.state_dir + "/tls.crt", hub.state_dir + "/tls.key")
    refused(hub.ask("GET", "/version", cert=own), 401, "not trusted")


@v.case("the certificate that the controller shows can be made anew, with the nodes' trust; so can gwctl's --ca be tls.crt")
def made_anew(w):
    hub, node = w
    before = fingerprint(hub.state_dir + "/tls.crt")
    hub.stop()
    os.unlink(hub.state_dir + "/tls.crt")
    os.unlink(hub.state_dir + "/tls.key")
    hub.start()
    require(fingerprint(hub.state_dir + "/tls.crt") != before, "another one")
    c = hub.connect(node.cert(), node.state_dir + "/controller-ca.crt")
    equal(hub.ask("GET", "/version", connection=c)[0], 200, "with what the node trusts")
    c.close()
    p = case_ctl(hub, "--ca", hub.state_dir + "/tls.crt", "--token", hub.ctl("token", "add", "me", "--role", "operator").strip(), "status")
    equal(p.returncode, 0, p.stderr)


def case_ctl(hub, *args):
    return subprocess.run([case.build() + "/gwctl", "--api", hub.url, *args], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)


@v.case("a controller that was given a certificate: nodes trust who is last in its chain")
def given(_):
    authority = tls.Authority("site")
    crt, key = authority.issue("hub", "serverAuth", san="IP:127.0.0.1")
    chain = os.path.join(case.WORK, "chain.crt")
    with open(chain, "w", encoding="ascii") as to:
        for name in (crt, authority.cert):
            with open(name, encoding="ascii") as f:
                to.write(f.read())
    hub = Hub("site")
    node = Node("gw9")
    hub.stop()
    hub.settings["api"].update(tls_cert=chain, tls_key=key)
    hub.configure()
    hub.start()
    said = node.enroll(hub.url, hub.token("gw9"))
    require(fingerprint(authority.cert) in said, said)
    equal(hub.ask("GET", "/version", connection=hub.connect(node.cert(), authority.cert))[0], 200,
          "the node's certificate is of the controller's own authority all the same")


if __name__ == "__main__":
    suite.main()
