#!/usr/bin/python3
# The API over the network: who comes in, as what, how much of it, and how it ends.
#
#        h1: gwd, https://10.9.0.1:8443 and https://[fd09::1]:8443 on the loopback device
#            clients are on the same machine, with the addresses 10.9.0.1 to .5
#
# Covers API-1 (TLS, credentials, roles, limits) and API-4 where it is about tokens and certificates.
# time-limit: 400
# outside-only
import base64
import contextlib
import hashlib
import os
import pty
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import warnings

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, tls, world
from lib.case import SLOWNESS, Failed, equal, eventually, require
from lib.gwd import BASE
from lib.net import run

V4, V6, OTHER, THIRD = "10.9.0.1", "fd09::1", "10.9.0.2", "10.9.0.3"
MANY, HALVES = "10.9.0.4", "10.9.0.5"  # of cases that use up what an address may have
RECORD = "/hnv/lookupRecords/5001-10.0.0.50"
BODY = {"properties": {"ProviderAddress": "10.1.1.2", "MACAddress": "00155D011404"}}
suite = case.Suite()


class Api(world.World):
    def __init__(self, settings=None, start=True):
        super().__init__()
        h = self.host("h1", None, start=False)
        self.gwd, self.netns_ = h.gwd, h.netns
        for a in (V4, OTHER, THIRD, MANY, HALVES, V6):
            h.netns.ip("addr add %s dev lo" % a)
        self.log_start = os.path.getsize(self.gwd.log) if os.path.exists(self.gwd.log) else 0
        self.secrets = []
        self.gwd.settings["node"]["log_level"] = "debug"
        self.gwd.settings["api"] = {"listen": "unix:%s, https://%s:8443, https://[%s]:8443" %
                                              (self.gwd.socket_path, V4, V6)}
        for section, keys in (settings or {}).items():
            self.gwd.settings.setdefault(section, {}).update(keys)
        self.gwd.configure()
        if start:
            self.gwd.start()
            self.operator = self.note_secret(read(self.gwd.state_dir + "/operator-token").strip())

    def note_secret(self, secret):
        self.secrets.append(secret)
        return secret

    def client(self, address=V4, **kw):
        return tls.Client(self.netns_, address, **kw)

    def ask(self, method, path, body=None, headers=None, **kw):
        with self.client(**kw) as c:
            return c.request(method, path, body, headers)

    def token(self, name, role, tenant=None):
        """Makes one over the unix socket."""
        properties = {"role": role}
        if tenant:
            properties["tenantId"] = tenant
        r = self.gwd.request("PUT", BASE + "/access/tokens/" + name, {"properties": properties})
        require(r.status in (200, 201), "%d %s" % (r.status, r.body))
        return self.note_secret(r.json()["properties"]["token"])

    def certificate(self, name, subject, role, tenant=None):
        properties = {"role": role, "subject": subject}
        if tenant:
            properties["tenantId"] = tenant
        r = self.gwd.request("PUT", BASE + "/access/certificates/" + name, {"properties": properties})
        require(r.status in (200, 201), "%d %s" % (r.status, r.body))

    def log(self):
        with open(self.gwd.log, errors="replace") as f:
            f.seek(self.log_start)
            return f.read()

    def hup(self, says):
        """Reloads, and waits until the log says it has."""
        before = self.log().count(says)
        self.gwd.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.log().count(says) > before, "the log says \"%s\"" % says)


def read(path):
    with open(path) as f:
        return f.read()


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()}


def refused(r, status, code, *words):
    equal(r.status, status, "status (%s)" % r.body[:300])
    equal(r.json()["error"]["code"], code, "code")
    for word in words:
        require(word in r.json()["error"]["message"], "\"%s\" in %s" % (word, r.body))


def closed(s):
    """The other end has closed it, or broken it off."""
    try:
        return s.recv(65536) == b""
    except (socket.timeout, ssl.SSLWantReadError, BlockingIOError):
        return False
    except (ConnectionError, ssl.SSLError, OSError):
        return True


# --- who comes in ---------------------------------------------------------------------------------------------------------

g = suite.group("", Api)


@g.case("the first operator's token is in a file for root, works as bearer and as basic, and is not made again")
def _(w):
    path = w.gwd.state_dir + "/operator-token"
    st = os.stat(path)
    equal((stat.S_IMODE(st.st_mode), st.st_uid), (0o600, 0), "mode and owner")
    require(w.operator.startswith("gwd_") and len(w.operator) == 47, "a token: %r" % w.operator)
    require(path in w.log(), "the log says where it is")
    equal(w.ask("GET", "/version", token=w.operator).status, 200, "as bearer")
    equal(w.ask("GET", "/version", headers=basic("first-operator", w.operator)).status, 200, "as basic")
    equal(w.ask("GET", "/version", headers=basic("somebody", w.operator)).status, 401, "with another's name")
    w.gwd.restart()
    equal(read(path).strip(), w.operator, "the file after a restart")
    equal(w.ask("GET", "/version", token=w.operator).status, 200, "after a restart")
    equal(w.ask("GET", "/version", token=w.operator, address=V6).status, 200, "over IPv6")


@g.case("without tls_cert: a certificate of its own, for its addresses, whose fingerprint is in the log; TLS 1.2 at least")
def _(w):
    crt, key = w.gwd.state_dir + "/tls.crt", w.gwd.state_dir + "/tls.key"
    equal(stat.S_IMODE(os.stat(key).st_mode), 0o600, "mode of the key")
    for address in (V4, V6):
        with w.client(address, ca=crt, token=w.operator) as c:  # name and chain are checked
            digest = hashlib.sha256(c.shown()).hexdigest().upper()
            equal(c.request("GET", "/version").status, 200, "status")
    require(":".join(digest[i:i + 2] for i in range(0, 64, 2)) in w.log(), "fingerprint in the log")
    text = run(["openssl", "x509", "-in", crt, "-noout", "-text"]).stdout
    for part in ("DNS:h1", "IP Address:" + V4, "prime256v1", "TLS Web Server Authentication"):
        require(part in text, "%s in %s" % (part, text))
    for version, works in ((ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, True),
                           (ssl.TLSVersion.TLSv1_1, False)):
        context = tls.context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
        try:
            with context.wrap_socket(tls.raw(w.netns_, V4, tls=False)):
                require(works, "%s must be refused" % version)
        except (ssl.SSLError, ConnectionError) as e:
            require(not works, "%s: %s" % (version, e))


@g.case("nobody in particular: health only; 401 says how to prove who one is")
def _(w):
    equal(w.ask("GET", "/healthz").status, 200, "/healthz")
    for method, path in (("GET", "/version"), ("GET", "/readyz"), ("GET", "/hnv/ports"), ("PUT", RECORD), ("GET", "/nowhere"),
                         ("PATCH", "/version"), ("GET", "/access/tokens")):
        r = w.ask(method, path, BODY if method == "PUT" else None)
        refused(r, 401, "Unauthorized", "token")
        kinds = [v.split(" ")[0] for v in r.headers.get_all("WWW-Authenticate")]
        equal(sorted(kinds), ["Basic", "Bearer"], "kinds of authorization")
    equal(w.gwd.request("GET", RECORD).status, 404, "the record that was refused")


WRONG = {"unknown": "Bearer gwd_" + "A" * 43, "short": "Bearer gwd_", "empty": "Bearer ", "no base64": "Basic !!!!",
         "no colon": "Basic " + base64.b64encode(b"operator").decode(), "long": "Basic " + "QUFB" * 400,
         "kind": "Digest x", "bare": "Bearer"}


@g.case("wrong credentials of every kind are refused, and not repeated in the answer or the log")
def _(w):
    for name, value in WRONG.items():
        r = w.ask("GET", "/version", headers={"Authorization": value}, source=THIRD)
        if r.status != 429:  # other cases of this group do not share the address
            refused(r, 401, "Unauthorized")
        require("A" * 20 not in w.log() + r.body.decode(), "%s is in the log or the answer" % name)
    one_off = w.operator[:-1] + ("A" if w.operator[-1] != "A" else "B")
    equal(w.ask("GET", "/version", token=one_off).status, 401, "one character off")


@g.case("a token: shown once, listed without its secret, not in the store, replaced by PUT, survives a kill, ends with DELETE")
def _(w):
    r = w.ask("PUT", "/access/tokens/Backup", {"properties": {"role": "monitor"}}, token=w.operator)
    equal(r.status, 201, "status (%s)" % r.body)
    secret = w.note_secret(r.json()["properties"]["token"])
    equal(r.headers["Cache-Control"], "no-store", "Cache-Control")
    for path in ("/access/tokens", "/access/tokens/backup"):
        r = w.ask("GET", path, token=w.operator)
        equal(r.status, 200, path)
        require(secret not in r.body.decode() and "monitor" in r.body.decode(), r.body)
    for name in os.listdir(w.gwd.state_dir):
        with open(os.path.join(w.gwd.state_dir, name), "rb") as f:
            data = f.read()
        require(secret.encode() not in data, "the secret is in " + name)
    w.gwd.kill()
    w.gwd.start()
    with w.client(token=secret) as c:
        equal(c.request("GET", "/version").status, 200, "after a kill")
        again = w.token("BACKUP", "monitor")
        refused(c.request("GET", "/version"), 401, "Unauthorized")
        equal(c.request("GET", "/version", headers={"Authorization": "bearer " + again}).status, 200, "the new secret")
        equal(w.ask("DELETE", "/access/tokens/backup", token=w.operator).status, 200, "DELETE")
        refused(c.request("GET", "/version", headers={"Authorization": "bearer " + again}), 401, "Unauthorized")
    equal(w.ask("DELETE", "/access/tokens/backup", token=w.operator).status, 204, "DELETE again")
    equal(w.ask("GET", "/access/tokens/backup", token=w.operator).status, 404, "GET")


BAD = [
    ("tokens/x", {}, 400, "InvalidRequest", "properties"),
    ("tokens/x", {"properties": {}}, 400, "MissingProperty", "properties.role"),
    ("tokens/x", {"properties": {"role": "root"}}, 400, "InvalidProperty", "properties.role"),
    ("tokens/x", {"properties": {"role": 1}}, 400, "InvalidProperty", "properties.role"),
    ("tokens/x", {"properties": {"role": "tenant"}}, 400, "MissingProperty", "properties.tenantId"),
    ("tokens/x", {"properties": {"role": "operator", "tenantId": "t"}}, 400, "InvalidProperty", "properties.tenantId"),
    ("tokens/x", {"properties": {"role": "tenant", "tenantId": "t" * 65}}, 400, "InvalidProperty", "properties.tenantId"),
    ("tokens/x", {"properties": {"role": "host", "subject": "s"}}, 400, "UnknownProperty", "properties.subject"),
    ("tokens/x", {"properties": {"role": "host", "Role": "host"}}, 400, "InvalidJson", "properties"),
    ("tokens/" + "x" * 65, {"properties": {"role": "host"}}, 400, "InvalidProperty", "resourceId"),
    ("tokens/a%20b", {"properties": {"role": "host"}}, 400, "InvalidProperty", "resourceId"),
    ("tokens/x", {"resourceId": "y", "properties": {"role": "host"}}, 400, "InvalidProperty", "resourceId"),
    ("certificates/x", {"properties": {"role": "host"}}, 400, "MissingProperty", "properties.subject"),
    ("keys/x", {"properties": {"role": "host"}}, 404, "NotFound", None),
]


@g.case("bad tokens and certificates are refused, each with what is wrong, and change nothing")
def _(w):
    before = w.gwd.request("GET", BASE + "/access/tokens").body
    for path, body, status, code, target in BAD:
        r = w.gwd.request("PUT", BASE + "/access/" + path, body)
        refused(r, status, code)
        equal(r.json()["error"].get("target"), target, "target of %s %s" % (path, body))
    equal(w.gwd.request("PUT", BASE + "/access/tokens/x", {"properties": {"role": "host"}}, {"If-Match": "*"}).status, 412,
          "If-Match of what is not there")
    equal(w.gwd.request("PUT", BASE + "/access/tokens/first-operator", {"properties": {"role": "host"}},
                        {"If-None-Match": "*"}).status, 412, "If-None-Match of what is there")
    equal(w.gwd.request("GET", BASE + "/access/tokens").body, before, "the tokens")


ALLOWED = {  # role: what it may do; everything else is 403
    "operator": "all",
    "monitor": {("GET", "/hnv/ports"), ("HEAD", "/hnv/ports"), ("GET", "/version"), ("GET", "/readyz"), ("GET", "/healthz"),
                ("GET", BASE + "/monitoring/statistics")},
    "tenant": {("GET", "/version"), ("GET", "/readyz"), ("GET", "/healthz")},
    "host": {("GET", "/version"), ("GET", "/readyz"), ("GET", "/healthz")},
}
REQUESTS = [("GET", "/hnv/ports", None), ("HEAD", "/hnv/ports", None), ("PUT", RECORD, BODY), ("DELETE", RECORD, None),
            ("POST", "/hnv/batch", []), ("GET", "/access/tokens", None), ("GET", "/access/certificates", None),
            ("PUT", "/access/tokens/mine", {"properties": {"role": "operator"}}), ("DELETE", "/access/tokens/mine", None),
            ("GET", BASE + "/monitoring/statistics", None), ("GET", "/version", None), ("GET", "/readyz", None),
            ("GET", "/healthz", None)]


@g.case("each role reaches what it may and is refused the rest; nobody makes itself more than it is")
def _(w):
    for role, allowed in ALLOWED.items():
        with w.client(token=w.token("r-" + role, role, "blue" if role == "tenant" else None)) as c:
            for method, path, body in REQUESTS:
                r = c.request(method, path, body)
                if allowed == "all" or (method, path) in allowed:
                    require(r.status in (200, 201, 204), "%s %s as %s: %d %s" % (method, path, role, r.status, r.body))
                    if path.startswith("/access") and method == "PUT":
                        w.note_secret(r.json()["properties"]["token"])
                elif method == "HEAD":
                    equal(r.status, 403, "HEAD as " + role)
                else:
                    refused(r, 403, "Forbidden", "r-" + role)


def ctl(w, *args, ok=(0,), address=V4, env=None):
    """gwctl out of the namespace, over the network."""
    return w.netns_.run([case.build() + "/gwctl", "--api", "https://%s:8443" % address] + list(args), ok=ok,
                        env=dict(os.environ, **(env or {})))


@g.case("gwctl over the network: whom it trusts, how it shows a token, what it says when it is refused")
def _(w):
    crt, token_file = w.gwd.state_dir + "/tls.crt", case.WORK + "/token"
    secret = w.note_secret(w.gwd.ctl("token", "add", "robot", "--role", "operator").strip())
    with open(token_file, "w") as f:
        f.write(secret + "\n")
    os.chdir(w.gwd.state_dir)
    ctl(w, "--ca", "tls.crt", "lookup-record", "list", ok=(2,))  # here --ca is an address, unless it looks like a path
    ctl(w, "--ca", "./tls.crt", "--token-file", token_file, "lookup-record", "add", "--vsid", "5001", "--ca", "10.0.0.77",
        "--pa", "10.1.1.2", "--mac", "00155D011404")
    os.chdir("/")
    for show in (["--ca", crt, "--token", secret], ["--ca", crt]):
        p = ctl(w, *show, "get", "hnv/lookupRecords/5001-10.0.0.77", env={"GWD_TOKEN": secret})
        require("10.0.0.77" in p.stdout, p.stdout)
    p = ctl(w, "status", address="[%s]" % V6, env={"GWD_TOKEN": secret, "GWD_CA": crt})
    require("h1" in p.stdout, p.stdout)
    p = ctl(w, "status", "--token", secret, ok=(1,))
    require("--ca" in p.stderr, "an unknown authority: " + p.stderr)
    p = ctl(w, "--ca", crt, "status", ok=(1,))
    require("Unauthorized" in p.stderr, "without a token: " + p.stderr)
    p = w.gwd.ctl_raw("--token", secret, "status")
    require(p.returncode == 2 and "goes with" in p.stderr, "a token for a unix socket: " + p.stderr)
    p = w.gwd.ctl("token", "list")
    require("robot" in p and "operator" in p and secret not in p, p)
    w.gwd.ctl("token", "del", "robot")
    p = ctl(w, "--ca", crt, "--token", secret, "status", ok=(1,))
    require("Unauthorized" in p.stderr and secret not in p.stderr, "a deleted token: " + p.stderr)
    w.gwd.ctl("certificate", "add", "c1", "--subject", "web 1", "--role", "tenant", "--tenant", "blue")
    p = w.gwd.ctl("certificate", "list")
    require("web 1" in p and "blue" in p, p)
    w.gwd.ctl("certificate", "del", "c1")


# --- client certificates ------------------------------------------------------------------------------------------------------

def with_authority():
    ca = tls.Authority("clients")
    w = Api({"api": {"client_ca": ca.cert}})
    w.ca = ca
    return w


c_ = suite.group("client certificates", with_authority)


@c_.case("a trusted one is its subject's role; one that nothing is said about is refused by name; a token goes before it")
def _(w):
    cert = w.ca.issue("blue-manager")
    refused(w.ask("GET", "/version", cert=cert), 401, "Unauthorized", "blue-manager")
    w.certificate("blue", "blue-manager", "tenant", "blue")
    with w.client(cert=cert) as c:
        equal(c.request("GET", "/version").status, 200, "its role")
        refused(c.request("GET", "/hnv/ports"), 403, "Forbidden", "blue-manager", "tenant")
        equal(c.request("GET", "/hnv/ports", headers={"Authorization": "Bearer " + w.operator}).status, 200, "with a token")
        w.certificate("blue", "blue-manager", "monitor")
        equal(c.request("GET", "/hnv/ports").status, 200, "its new role")
        equal(w.gwd.request("DELETE", BASE + "/access/certificates/blue").status, 200, "DELETE")
        refused(c.request("GET", "/version"), 401, "Unauthorized", "blue-manager")
    equal(w.ask("GET", "/version", token=w.operator).status, 200, "without a certificate")
    key = ["--cert", w.ca.issue("robot")[0], "--key", w.ca.issue("robot")[1]]
    w.certificate("robot", "robot", "monitor")
    p = ctl(w, "--ca", w.gwd.state_dir + "/tls.crt", *key, "status")
    require("h1" in p.stdout, p.stdout)
    w.certificate("one", "twin", "host")
    r = w.gwd.request("PUT", BASE + "/access/certificates/two", {"properties": {"role": "operator", "subject": "twin"}})
    refused(r, 409, "Conflict", "one")


@c_.case("expired, not yet valid, of another authority, for servers, of two names: each refused with the reason")
def _(w):
    stranger = tls.Authority("strangers")
    w.certificate("good", "good", "operator")
    equal(w.ask("GET", "/version", cert=w.ca.issue("good")).status, 200, "the good one")
    for cert, why in ((w.ca.issue("good", dates=("20200101000000Z", "20210101000000Z")), "expired"),
                      (w.ca.issue("good", dates=("20490101000000Z", "20491231000001Z")), "not valid yet"),
                      (stranger.issue("good"), "client_ca"),
                      (w.ca.issue("good", usage="serverAuth"), "clientAuth")):
        refused(w.ask("GET", "/version", cert=cert), 401, "Unauthorized", "not trusted", why)


@c_.case("reload: new sessions get the new certificate, open ones go on; a bad file is named, and the old one stays")
def _(w):
    ca = tls.Authority("servers")
    first, second = (ca.issue("api" + n, usage="serverAuth", san="IP:" + V4) for n in "12")
    live = (case.WORK + "/live.crt", case.WORK + "/live.key")

    def install(pair):
        for source, target in zip(pair, live):
            run(["cp", source, target + ".new"])
            os.rename(target + ".new", target)

    def shown():
        with w.client(ca=ca.cert) as c:
            return c.shown()

    def der(pair):
        return ssl.PEM_cert_to_DER_cert(read(pair[0]))

    install(first)
    w.gwd.settings["api"].update(tls_cert=live[0], tls_key=live[1])
    w.gwd.configure()
    with w.client(token=w.operator) as before:
        w.hup("configuration read again")
        equal(shown(), der(first), "the first certificate")
        with w.client(ca=ca.cert, token=w.operator) as open_one:
            install(second)
            w.hup("configuration read again")
            equal(shown(), der(second), "the second certificate")
            for c in (before, open_one):
                equal(c.request("GET", "/version").status, 200, "on an open connection")
            for pair, reason in (((second[0], first[1]), "is not the private key of the certificate"),
                                 (("/dev/null", second[1]), "is no PEM file")):
                if pair[0] == "/dev/null":
                    pair = (case.WORK + "/empty", pair[1])
                    open(pair[0], "w").close()
                install(pair)
                w.hup("the old ones stay")
                require(reason in w.log(), "the log gives the reason \"%s\"" % reason)
                equal(shown(), der(second), "the certificate after a bad one")
            install(second)
            w.hup("configuration read again")
            equal(open_one.request("GET", "/version").status, 200, "on the connection that has seen it all")
    w.gwd.restart()
    equal(shown(), der(second), "the certificate after a restart")


@c_.case("reload of client_ca: who is not trusted any more is out at once, on open connections too")
def _(w):
    w.certificate("good", "good", "operator")
    other = tls.Authority("others")
    with w.client(cert=w.ca.issue("good")) as c:
        equal(c.request("GET", "/hnv/ports").status, 200, "before")
        w.gwd.settings["api"]["client_ca"] = other.cert
        w.gwd.configure()
        w.hup("configuration read again")
        refused(c.request("GET", "/hnv/ports"), 401, "Unauthorized", "not trusted")
    equal(w.ask("GET", "/hnv/ports", cert=other.issue("good")).status, 200, "of the new authority")


# --- limits -----------------------------------------------------------------------------------------------------------------

SECONDS = 2


def make_limits():
    return Api({"limits": {"requests_per_second": "20", "connections_per_client": "8", "failed_logins_per_minute": "12",
                           "request_seconds": str(SECONDS)}})


l_ = suite.group("limits", make_limits)


@l_.case("wrong tokens: 429 for this address only, and not for ever; the right one is let in")
def _(w):
    wrong = {"Authorization": "Bearer gwd_" + "A" * 43}
    with w.client(source=OTHER) as c:
        for i in range(12):
            refused(c.request("GET", "/version", headers=wrong), 401, "Unauthorized")
        right = {"Authorization": "Bearer " + w.operator}
        r = c.request("GET", "/version", headers=wrong)
        refused(r, 429, "TooManyRequests", "logins")
        equal(c.request("GET", "/version", headers=right).status, 200, "the right one")
        wait = int(r.headers["Retry-After"])
        require(1 <= wait <= 6, "Retry-After: %d" % wait)
        equal(c.request("GET", "/healthz").status, 200, "what takes no login")
        equal(w.ask("GET", "/version", headers=wrong, source=THIRD).status, 401, "from another address")
        eventually(lambda: w.ask("GET", "/version", headers=wrong, source=OTHER).status == 401, "it may try again", wait + 5,
                   0.5)


@l_.case("requests a second: 429 with Retry-After, for this address only; unix sockets are exempt")
def _(w):
    with w.client(source=OTHER, token=w.operator) as c:
        answers = [c.request("GET", "/healthz") for _ in range(150)]
        statuses = [r.status for r in answers]
        require(statuses[:20] == [200] * 20, "the first twenty: %s" % statuses[:20])
        if 429 not in statuses:
            raise case.Skip("this machine is too slow for its own limit")
        r = answers[statuses.index(429)]
        refused(r, 429, "TooManyRequests", "requests")
        require(int(r.headers["Retry-After"]) >= 1, "Retry-After")
        equal(w.ask("GET", "/version", token=w.operator, source=THIRD).status, 200, "from another address")
        equal({w.gwd.request("GET", "/healthz").status for _ in range(100)}, {200}, "over the unix socket")
        eventually(lambda: c.request("GET", "/healthz").status == 200, "it is served again")


@l_.case("connections of one address: more are closed, others are served, room can be made")
def _(w):
    with contextlib.ExitStack() as stack:
        mine = [stack.enter_context(w.client(source=MANY)) for _ in range(8)]
        try:
            stack.enter_context(w.client(source=MANY))
            raise Failed("a ninth connection was served")
        except (ssl.SSLError, ConnectionError, OSError):
            pass
        equal(w.ask("GET", "/healthz", source=THIRD).status, 200, "from another address")
        equal(w.gwd.request("GET", "/healthz").status, 200, "over the unix socket")
        mine[0].close()

        def served():
            try:
                return w.ask("GET", "/healthz", source=MANY).status == 200
            except (ssl.SSLError, OSError):
                return False
        eventually(served, "once one is closed, another is served")


def drip(s, data, deadline):
    """A byte now and then until the other end has enough; how long it took."""
    started = time.monotonic()
    s.settimeout(0.1)
    for b in data:
        try:
            s.send(bytes([b]))
        except (ConnectionError, ssl.SSLError):
            return time.monotonic() - started
        if closed(s):
            return time.monotonic() - started
        if time.monotonic() - started > deadline:
            break
    raise Failed("still served after %.1f s" % (time.monotonic() - started))


SLOW = {
    "a handshake that never begins": (False, b""),
    "a handshake byte by byte": (False, b"\x16\x03\x01\x3f\xff\x01" + b"\0" * 1000),
    "a request line byte by byte": (True, b"GET /" + b"x" * 1000),
    "headers byte by byte": (True, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200),
}
for what, (encrypted, octets) in SLOW.items():
    @l_.case("slow: %s: cut off in time, and nobody waits meanwhile" % what)
    def _(w, encrypted=encrypted, octets=octets):
        with tls.raw(w.netns_, V4, OTHER, tls=encrypted) as s:
            if octets:
                took = drip(s, octets, SECONDS * 3 * SLOWNESS)
            else:
                started = time.monotonic()
                s.settimeout(0.1)
                eventually(lambda: closed(s), "it is closed", SECONDS * 3)
                took = time.monotonic() - started
            require(took > SECONDS * 0.5, "cut off after %.1f s already" % took)
        equal(w.ask("GET", "/healthz", source=THIRD).status, 200, "another client")


def cpu_seconds(w):
    fields = read("/proc/%d/stat" % w.gwd.process.pid).rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@l_.case("slow: handshakes that stop half way do not keep the daemon busy")
def _(w):
    with contextlib.ExitStack() as stack:
        halves = [stack.enter_context(tls.raw(w.netns_, V4, HALVES, tls=False)) for _ in range(8)]
        before, started = cpu_seconds(w), time.monotonic()
        for s in halves:
            s.sendall(b"\x16\x03\x01\x3f\xff\x01" + b"\0" * 20)
            s.settimeout(0.1)
        for s in halves:
            eventually(lambda s=s: closed(s), "it is cut off", SECONDS * 3)
        used, took = cpu_seconds(w) - before, time.monotonic() - started
        case.note("%.2f s of CPU in %.1f s" % (used, took))
        require(took > SECONDS * 0.5, "cut off after %.1f s already" % took)
        require(used < took * 0.3, "%.2f s of CPU in %.1f s" % (used, took))


@l_.case("slow: a body byte by byte is cut off in time, and stores nothing")
def _(w):
    head = ("PUT %s%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
            "Content-Length: 2000\r\n\r\n" %
            (BASE, RECORD, w.operator)).encode()
    with tls.raw(w.netns_, V4, THIRD) as s:
        s.sendall(head)
        drip(s, b" " * 1900, SECONDS * 3 * SLOWNESS)
    equal(w.gwd.request("GET", RECORD).status, 404, "the record")


@l_.case("slow: a client that does not read its answers is cut off")
def _(w):
    one = ("GET %s/monitoring/statistics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" %
           (BASE, w.operator)).encode()
    w.gwd.settings["limits"]["requests_per_second"] = "100000"
    w.gwd.configure()
    w.hup("configuration read again")
    with tls.raw(w.netns_, V4, THIRD) as s:
        s.settimeout(0.2)
        started = time.monotonic()

        def broken():
            try:
                s.send(one * 20)
            except (socket.timeout, ssl.SSLWantWriteError):
                return False
            except (ConnectionError, ssl.SSLError):
                return True
            return False
        eventually(broken, "the connection is broken off", SECONDS * 20)
        case.note("broken off after %.1f s" % (time.monotonic() - started))
    equal(w.ask("GET", "/healthz", source=OTHER).status, 200, "another client")


# --- the end, and what is left ------------------------------------------------------------------------------------------------

e_ = suite.group("end", Api)


def half_a_request(w):
    """A PUT of which a part is still to come, and that part."""
    body = b'{"properties": {"ProviderAddress": "10.1.1.2", "MACAddress": "00155D011404"}}'
    s = tls.raw(w.netns_, V4)
    s.sendall(("PUT %s%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
               "Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (BASE, RECORD, w.operator, len(body))).encode())
    answer = s.recv(1000)
    require(answer.startswith(b"HTTP/1.1 100"), answer)  # it has been heard
    s.sendall(body[:20])
    return s, body[20:]


def refuses_connections(w):
    try:
        tls.raw(w.netns_, V4, tls=False).close()
        return False
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it was in the queue of a socket that closes
        return True


@e_.case("SIGTERM with a request under way: nobody new, idle ones end, the request is finished and durable")
def _(w):
    with w.client(token=w.operator) as idle:
        equal(idle.request("GET", "/version").status, 200, "before")
        s, rest = half_a_request(w)
        idle.socket.settimeout(0.1)
        w.gwd.process.send_signal(signal.SIGTERM)
        eventually(lambda: refuses_connections(w), "nobody new is let in")
        eventually(lambda: closed(idle.socket), "an idle connection is ended")
        require(w.gwd.process.poll() is None, "it waits for the request")
        s.sendall(rest)
        answer = s.recv(65536)
        require(answer.startswith(b"HTTP/1.1 201"), answer)
        require(b"connection: close" in answer.lower(), answer)
        s.close()
    equal(w.gwd.process.wait(20), 0, "exit status")
    w.gwd.process = None
    w.gwd.start()
    equal(w.gwd.request("GET", RECORD).status, 200, "the record after a restart")


@e_.case("SIGTERM with a request that never ends: it is not waited for without end; a second SIGTERM does not wait")
def _(w):
    for again in (False, True):
        s, _ = half_a_request(w)
        started = time.monotonic()
        w.gwd.process.send_signal(signal.SIGTERM)
        eventually(lambda: refuses_connections(w), "nobody new is let in")
        if again:
            w.gwd.process.send_signal(signal.SIGTERM)
        equal(w.gwd.process.wait(30), 0, "exit status")
        took = time.monotonic() - started
        require(again or took > 4, "it waited only %.1f s" % took)
        require(not again or took < 4 * SLOWNESS, "it waited %.1f s" % took)
        s.close()
        w.gwd.process = None
        w.gwd.start()


@e_.case("no secret is in the log at level debug, on the command line or in the environment; there are no core dumps")
def _(w):
    w.token("t1", "operator")
    equal(w.ask("GET", "/version", token=w.secrets[-1]).status, 200, "it works")
    pid = w.gwd.process.pid
    for path in ("cmdline", "environ"):
        with open("/proc/%d/%s" % (pid, path), "rb") as f:
            seen = f.read().decode(errors="replace")
        require(not any(s in seen for s in w.secrets), "a secret is in " + path)
    require("debug" in w.log(), "the log is at debug")
    for s in w.secrets:
        require(s not in w.log() and s[4:] not in w.log(), "a secret is in the log")
    limits = [line for line in read("/proc/%d/limits" % pid).splitlines() if line.startswith("Max core file size")]
    equal(limits[0].split()[4:6], ["0", "0"], "limits of core files")


# --- configuration ---------------------------------------------------------------------------------------------------------------

n_ = suite.group("configuration", lambda: Api(start=False))


@n_.case("auth = none: refused where others could come in, in both ways of starting; works on loopback, TLS or not")
def _(w):
    w.gwd.settings["api"]["auth"] = "none"
    w.gwd.configure()
    p = w.netns_.run([w.gwd.build + "/gwd", "--check-config", "-c", w.gwd.config], ok=(1,))
    require("auth" in p.stderr and "loopback" in p.stderr, p.stderr)
    status, said = w.gwd.expect_exit()
    require(status == 1 and "loopback" in said, "%d %s" % (status, said))
    w.gwd.settings["api"]["listen"] = "unix:%s, http://127.0.0.1:8080, https://127.0.0.1:8443" % w.gwd.socket_path
    w.gwd.configure()
    w.gwd.start()
    p = w.netns_.run(["curl", "-sS", "http://127.0.0.1:8080" + BASE + "/hnv/ports"])
    require('"value"' in p.stdout, p.stdout)
    p = w.netns_.run(["curl", "-sS", "--cacert", w.gwd.state_dir + "/tls.crt", "https://127.0.0.1:8443/version"])
    require("h1" in p.stdout, p.stdout)
    require(not os.path.exists(w.gwd.state_dir + "/operator-token"), "nobody needs a token here")
    w.gwd.stop()
    del w.gwd.settings["api"]["auth"]


@n_.case("the first token is shown on a terminal, and there only; a lost one is made anew when nobody is operator")
def _(w):
    w.gwd.settings["api"]["listen"] = "unix:%s, https://%s:8443" % (w.gwd.socket_path, V4)
    w.gwd.configure()
    ours, theirs = pty.openpty()
    w.gwd.process = subprocess.Popen(w.gwd.argv(), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    eventually(w.gwd._up, "it is ready", 20)  # pylint: disable=protected-access
    token = read(w.gwd.state_dir + "/operator-token").strip()
    seen = b""
    with contextlib.suppress(OSError):
        while seen.count(b"is ready") < 1:
            seen += os.read(ours, 65536)
    equal(seen.count(token.encode()), 1, "how often it is on the terminal")
    equal(w.ask("GET", "/version", token=token).status, 200, "it works")
    r = w.ask("DELETE", "/access/tokens/first-operator", token=token)
    equal(r.status, 200, "DELETE")
    w.gwd.stop()
    os.close(ours)
    w.gwd.start()
    fresh = read(w.gwd.state_dir + "/operator-token").strip()
    require(fresh != token and fresh not in w.log(), "another token, which is not in the log")
    equal(w.ask("GET", "/version", token=fresh).status, 200, "it works")
    equal(w.ask("GET", "/version", token=token).status, 401, "the old one does not")


@n_.case("what cannot be listened on, read or used keeps it from starting, with the reason")
def _(w):
    if w.gwd.process:
        w.gwd.stop()
    api = w.gwd.settings["api"]
    with w.netns_.enter():
        taken = socket.create_server((V4, 9443))
    with taken:
        for change, words in (({"listen": "https://%s:9443" % V4}, ("9443", "in use")),
                              ({"tls_cert": "/nowhere/a", "tls_key": "/nowhere/b"}, ("/nowhere/a", "No such file")),
                              ({"client_ca": w.gwd.config}, (w.gwd.config, "no PEM file"))):
            saved = dict(api)
            api.update(change)
            w.gwd.configure()
            status, said = w.gwd.expect_exit()
            equal(status, 1, "exit status with %s" % change)
            for word in words:
                require(word in said, "%s in %s" % (word, said))
            api.clear()
            api.update(saved)
    w.gwd.configure()


if __name__ == "__main__":
    suite.main()
