#!/usr/bin/env python3
"""The API over the network as those meet it who have to share it, and those who misuse it: browsers that others' pages make ask,
wrong tokens beside right ones, connections that come to nothing, bodies that fill memory, certificates that are over."""
import contextlib
import http.client
import json
import os
import re
import select
import socket
import sqlite3
import ssl
import time

import world
from lib import case, tls
from lib.case import equal, eventually, require

suite = case.Suite()
PREFIX = world.document.PREFIX
JSON = {"Content-Type": "application/json"}
THIRD = "127.0.0.3"  # a client's address


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Network(world.Controller):
    """A controller on https:// or http:// at 127.0.0.1, and what it takes to ask it there."""

    def __init__(self, name, scheme="https", limits=None, **api):
        super().__init__(name)
        self.scheme, self.port = scheme, free_port()
        self.settings["api"] = {"listen": "unix:%s, %s://127.0.0.1:%d" % (self.socket_path, scheme, self.port), **api}
        self.settings["limits"] = {k: str(v) for k, v in (limits or {}).items()}
        self.configure()
        self.start()
        case.after_group.append(lambda: self.process and self.stop())

    def token(self, name, **properties):
        """Makes one, whoever had it before."""
        status, body, _ = self.call("PUT", "/access/tokens/" + name, {"properties": properties or {"role": "operator"}})
        require(status in (200, 201), body)
        return body["properties"]["token"]

    def dial(self, source=None, timeout=20):
        source = (source, 0) if source else None
        if self.scheme == "http":
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout, source_address=source)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, source_address=source, context=tls.context())

    def ask(self, method, path, body=None, headers=None, token=None, source=None, on=None, timeout=20):
        """-> (status, body or None, headers); on a connection of its own unless `on` is one."""
        c = on or self.dial(source, timeout)
        try:
            h = dict(headers or {})
            if token:
                h["Authorization"] = "Bearer " + token
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                c.request(method, path, body, h)
            r = c.getresponse()
            text = r.read()
            return r.status, json.loads(text) if text[:1] == b"{" else text, r.headers
        finally:
            if not on:
                c.close()


def refused(answer, status, code, target=None):
    equal((answer[0], answer[1]["error"]["code"]), (status, code), "answer %s" % (answer[1],))
    equal(answer[1]["error"].get("target"), target, "target")


# --- browsers ---------------------------------------------------------------------------------------------------------------

b = suite.group("browsers", lambda: Network("browsers"))


@b.case("a body that does not say that it is JSON is not read: a form of anybody's page could send it")
def types(w):
    t = w.token("t")
    batch = [{"path": "/servers/s", "body": {"properties": {}}}]
    for sent in (None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx",
                 "text/plain; application/json", ""):
        h = {} if sent is None else {"Content-Type": sent}
        refused(w.ask("POST", PREFIX + "/batch", batch, h, t), 415, "UnsupportedMediaType", "Content-Type")
        refused(w.ask("PUT", PREFIX + "/servers/s", {"properties": {}}, h, t), 415, "UnsupportedMediaType", "Content-Type")
    equal(w.ask("GET", PREFIX + "/servers/s", token=t)[0], 404, "nothing was made")
    refused(w.ask("PUT", PREFIX + "/servers/s", b"\x1f\x8b", dict(JSON, **{"Content-Encoding": "gzip"}), t), 415,
            "UnsupportedMediaType", "Content-Encoding")
    refused(w.ask("PUT", PREFIX + "/backup", b"SQLite format 3", JSON, t), 415, "UnsupportedMediaType", "Content-Type")
    for sent in ("application/json", "Application/JSON;charset=utf-8", "application/json ; charset=UTF-8"):
        require(w.ask("PUT", PREFIX + "/servers/s", {"properties": {}}, {"Content-Type": sent}, t)[0] in (200, 201), sent)
    equal(w.ask("DELETE", PREFIX + "/servers/s", token=t)[0], 202, "without a body")
    equal(w.request("PUT", PREFIX + "/servers/s", b'{"properties":{}}', {"Content-Type": "text/plain"}).status, 201,
          "on the unix socket, where no browser comes")


@b.case("another site's page is refused, whatever it asks; ours and clients that are no browsers are not")
def sites(w):
    t = w.token("t")
    host = "127.0.0.1:%d" % w.port
    for h, target in (({"Origin": "https://evil.example"}, "Origin"), ({"Origin": "null"}, "Origin"),
                      ({"Origin": "http://" + host}, "Origin"), ({"Origin": "https://127.0.0.1:1"}, "Origin"),
                      ({"Sec-Fetch-Site": "cross-site"}, "Sec-Fetch-Site"), ({"Sec-Fetch-Site": "same-site"}, "Sec-Fetch-Site")):
        for method, path in (("GET", "/version"), ("GET", "/healthz"), ("POST", PREFIX + "/batch")):
            refused(w.ask(method, path, None if method == "GET" else [], dict(JSON, **h), t), 403, "Forbidden", target)
    for h in ({}, {"Origin": "https://" + host}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        equal(w.ask("GET", "/version", None, h, t)[0], 200, h)


@b.case("two credentials are no credential")
def credentials(w):
    t = w.token("t")
    with contextlib.closing(w.dial()) as c:
        c.putrequest("GET", "/version")
        for value in ("Bearer " + t, "Bearer gwd_other"):
            c.putheader("Authorization", value)
        c.endheaders()
        r = c.getresponse()
        equal((r.status, json.loads(r.read())["error"]["target"]), (400, "Authorization"), "answer")


@b.case("what is no JSON is not repeated: it may be half a secret")
def secrets(w):
    for body in (b'{"properties":{"sharedSecret":"HUSH', b'{"a":1,"a":"HUSH"}', b'{"a": HUSH}', b'{"a":"HUSH\\x"}', b'HUSH'):
        status, said, _ = w.call("PUT", "/servers/s", body, checked=False)
        equal((status, said["error"]["code"]), (400, "InvalidJson"), said)
        require("HUSH" not in json.dumps(said), said)
        require(re.match(r"line 1 column \d+: \S", said["error"]["message"]), said)


n = suite.group("auth = none", lambda: Network("none", "http", auth="none"))


@n.case("is for names of this machine only: another's name may be made to mean its address")
def rebinding(w):
    for host in ("evil.example", "evil.example:%d" % w.port, "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil", "[::2]", "[::1", ""):
        answer = w.ask("GET", "/version", None, {"Host": host})
        refused(answer, 403, "Forbidden", "Host")
    for host in ("localhost", "LOCALHOST:%d" % w.port, "127.0.0.1", "127.0.0.1:8080", "127.1.2.3", "[::1]", "[::1]:443"):
        equal(w.ask("GET", "/version", None, {"Host": host})[0], 200, host)


# --- large bodies -----------------------------------------------------------------------------------------------------------

p = suite.group("large", lambda: Network("large"))


@p.case("what is parsed for long, and refused in the end, keeps nobody else waiting; nor does a second one of the same tenant")
def parsing(w):
    a, b = (w.token(t, role="tenant", tenantId=t) for t in "ab")
    equal(w.ask("PUT", PREFIX + "/routeTables/mine", {"properties": {}}, JSON, b)[0], 201, "what b looks at")
    tags = json.dumps({"t%d" % i: i for i in range(400000)})
    batch = ('[{"path":"/routeTables/x","body":{"properties":{},"tags":%s}}]' % tags).encode()
    single = batch[34:1000000]
    head = "%s %s%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with contextlib.ExitStack() as stack:
        asks = stack.enter_context(contextlib.closing(w.dial()))
        large = []
        for method, path, body in (("POST", "/batch", batch), ("POST", "/batch", batch)):
            c = stack.enter_context(tls.context().wrap_socket(socket.create_connection(("127.0.0.1", w.port), 60)))
            c.sendall((head % (method, PREFIX, path, a, len(body))).encode() + body[:-1])
            large.append(c)
        equal(w.ask("GET", PREFIX + "/routeTables/mine", token=b, on=asks)[0], 200, "a connection that is there")
        for c in large:
            c.sendall(b"]")
        for i in range(5):
            equal(w.ask("GET", PREFIX + "/routeTables/mine", token=b, on=asks)[0], 200, "another tenant's")
            equal(w.ask("PUT", PREFIX + "/routeTables/mine", {"properties": {}, "tags": {"i": i}}, JSON, b, on=asks)[0], 200, "and a change")
        equal(select.select(large, [], [], 0)[0], [], "the large ones that are answered already")
        for c in large:
            equal(c.recv(12), b"HTTP/1.1 400", "they are refused")
    for method, path, body, code in (("POST", "/batch", batch[:-1], "InvalidJson"), ("PUT", "/routeTables/x", single, "InvalidJson")):
        answer = w.ask(method, PREFIX + path, body, JSON, a)
        equal((answer[0], answer[1]["error"]["code"]), (400, code), "half of one")
    equal(w.ask("GET", PREFIX + "/routeTables/x", token=a)[0], 404, "what was refused")


# --- sharing ----------------------------------------------------------------------------------------------------------------

WRONG = "gwd_" + "A" * 43
s = suite.group("sharing", lambda: Network("sharing", limits={
    "failed_logins_per_minute": 3, "connections": 8, "body_memory": 1048576, "body": 524288, "batch": 262144}))


@s.case("wrong tokens do not keep the right one of the same address out; they are counted, and logged as often as is useful")
def tokens(w):
    t = w.token("t")
    before = os.path.getsize(w.log)
    for _ in range(3):
        refused(w.ask("GET", "/version", token=WRONG), 401, "Unauthorized")
    status, body, headers = w.ask("GET", "/version", token=WRONG)
    equal((status, body["error"]["code"]), (429, "TooManyRequests"), body)
    require(1 <= int(headers["Retry-After"]) <= 21, headers["Retry-After"])  # three a minute, rounded up
    equal(w.ask("GET", "/version", token=t)[0], 200, "the right one")
    equal(w.ask("GET", "/version")[0], 401, "none at all")
    metrics = w.request("GET", "/metrics").body.decode()
    require("\ngwd_failed_logins_total 4\n" in metrics, "four wrong ones: " + metrics)
    with open(w.log, encoding="utf-8") as f:
        f.seek(before)
        equal(len(re.findall(r"token that is not known was shown from 127\.0\.0\.1\b", f.read())), 3, "lines in the log")


@s.case("when all places are taken, one goes that has not said who it is; who has stays")
def places(w):
    t = w.token("t")
    with contextlib.ExitStack() as stack:
        proved = stack.enter_context(contextlib.closing(w.dial()))
        equal(w.ask("GET", "/version", token=t, on=proved)[0], 200, "of the one that is kept")
        idle = []
        for i in range(30):
            idle.append(stack.enter_context(socket.create_connection(("127.0.0.1", w.port), 5, ("127.0.0.2", 0))))
            if i % 10 == 9:
                started = time.monotonic()
                equal(w.ask("GET", "/healthz", source=THIRD)[0], 200, "with %d that say nothing" % (i + 1))
                require(time.monotonic() - started < 8, "it took %.1f s" % (time.monotonic() - started))
        equal(w.ask("GET", "/version", token=t, on=proved)[0], 200, "of the one that is kept, again")


@s.case("a tenant has half of all places at most, however many addresses and tokens; of idle ones who has most loses the oldest")
def halves(w):
    a = [w.token("a%d" % i, role="tenant", tenantId="a") for i in range(2)]
    b, t = w.token("b", role="tenant", tenantId="b"), w.token("t")
    with contextlib.ExitStack() as stack:

        def keep(source, token):
            c = stack.enter_context(contextlib.closing(w.dial(source)))
            return c, w.ask("GET", "/version", token=token, on=c)

        held = []
        for i in range(4):  # of 8
            c, answer = keep("127.0.0.%d" % (10 + i), a[i % 2])
            equal(answer[0], 200, "one of four")
            held.append(c)
        answer = keep("127.0.0.20", a[0])[1]
        refused(answer, 429, "TooManyRequests")
        equal(answer[2].get("Connection"), "close", "of one too many")
        require(answer[2]["Retry-After"], "when to try again")
        for i in range(3):
            equal(keep("127.0.0.%d" % (30 + i), b)[1][0], 200, "of another tenant's")
        equal(keep("127.0.0.40", t)[1][0], 200, "of the operator's, who has the last place")
        equal(keep("127.0.0.41", t)[1][0], 200, "and of one more")
        equal(w.ask("GET", "/version", token=a[0], on=held[3])[0], 200, "of the youngest")
        with contextlib.suppress(OSError, http.client.HTTPException):
            held[0].auto_open = 0
            raise case.Failed("the oldest of who has most still answers: %s" % (w.ask("GET", "/version", token=a[0], on=held[0]),))


@s.case("a manager has one token of an operator's, and as many connections with it as there are, each of which is served")
def manager(w):
    t = w.token("manager")
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(contextlib.closing(w.dial("127.0.0.%d" % (60 + i % 4)))) for i in range(7)]  # of 8
        for _ in range(3):
            for i, c in enumerate(held):
                equal(w.ask("GET", "/version", token=t, on=c)[0], 200, "on connection %d" % i)


@s.case("when all places were taken by those who had something to do, one goes as soon as it has nothing")
def busy(w):
    tenants = [w.token("busy" + t, role="tenant", tenantId=t) for t in "ab"]
    body = b'{"properties":{}}'
    with contextlib.ExitStack() as stack:
        held = []
        for i in range(8):
            c = stack.enter_context(tls.context().wrap_socket(socket.create_connection(
                ("127.0.0.1", w.port), 20, ("127.0.0.%d" % (50 + i), 0))))
            c.sendall(("PUT %s/routeTables/busy%d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                       "Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (PREFIX, i, tenants[i % 2], len(body))).encode())
            equal(c.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n", "it has begun")
            held.append(c)
        for c in held:
            c.sendall(body)
            equal(c.recv(12), b"HTTP/1.1 201", "each is answered")
        started = time.monotonic()
        equal(w.ask("GET", "/healthz", source=THIRD)[0], 200, "of somebody else")
        require(time.monotonic() - started < 8, "it took %.1f s" % (time.monotonic() - started))


@s.case("a handshake that does not get on is ended before the time of a request")
def handshake(w):
    with socket.create_connection(("127.0.0.1", w.port), 25) as c:
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            equal(c.recv(1), b"", "what comes")
        require(time.monotonic() - started < 22, "after %.1f s" % (time.monotonic() - started))


@s.case("bodies have a common budget, and each address a part of it: beyond it 503, and when it is free again they are read")
def memory(w):
    t = w.token("t")
    head = ("PUT %s/servers/s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
            "Content-Length: %d\r\n\r\n" % (PREFIX, t, 300000)).encode()
    with contextlib.ExitStack() as stack:
        def half():
            c = stack.enter_context(tls.context().wrap_socket(socket.create_connection(("127.0.0.1", w.port), 20)))
            with contextlib.suppress(ConnectionError):
                c.sendall(head + b" " * 280000)
            return c

        def is_over(c):
            c.settimeout(0)
            try:
                c.recv(1)
                return True
            except ssl.SSLWantReadError:
                return False
            except OSError:
                return True
            finally:
                c.settimeout(20)
        halves = [half(), half()]  # 512 KiB each: twice as much as the largest body, and all that there is
        large = b'{"properties":{}}' + b" " * 280000

        def put(**kw):
            return w.ask("PUT", PREFIX + "/servers/s", large, JSON, t, **kw)

        def full():
            for i, c in enumerate(halves):  # one was refused when another PUT of ours was faster
                if is_over(c):
                    halves[i] = half()
            answer = put()
            return answer[0] == 503 and answer
        answer = eventually(full, "there is no room", 120)
        refused(answer, 503, "Unavailable")
        require("body_memory" in answer[1]["error"]["message"] and answer[2]["Retry-After"], answer[1])
        small = w.ask("PUT", PREFIX + "/servers/s", {"properties": {}}, JSON, t)[0]
        require(small in (200, 201), "a small one, which may be there since one of ours was faster than a half: %s" % small)
        halves.pop().close()
        eventually(lambda: put()[0] == 200, "there is room again", 120)
        halves[0].sendall(b" " * 3000 + b'{"properties":{}}' + b" " * (300000 - 280000 - 3017))
        equal(halves[0].recv(12), b"HTTP/1.1 200", "the one that was half there")


@s.case("answers that wait to be read have that budget too: beyond it 503, and when one has gone others are given again")
def answers(w):
    t = w.token("t")
    for i in range(100):
        equal(w.ask("PUT", "%s/routeTables/large%d" % (PREFIX, i), {"properties": {}, "tags": {"t": "x" * 60000}}, JSON, t)[0],
              201, "to be listed")
    path = PREFIX + "/routeTables?$top=1000"
    with contextlib.ExitStack() as stack:
        c = stack.enter_context(contextlib.closing(socket.socket()))
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.settimeout(20)
        c.connect(("127.0.0.1", w.port))
        c = stack.enter_context(tls.context().wrap_socket(c))
        c.sendall(("GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" % (path, t)).encode())
        equal(c.recv(12), b"HTTP/1.1 200", "the one that is not read")  # 6 MB, more than there is for all
        answer = w.ask("GET", path, token=t)
        refused(answer, 503, "Unavailable")
        require("body_memory" in answer[1]["error"]["message"] and answer[2]["Retry-After"], answer[1])
        equal(w.ask("GET", PREFIX + "/routeTables/large0", token=t)[0], 200, "a small one")
    eventually(lambda: w.ask("GET", path, token=t)[0] == 200, "there is room again", 20)


@s.case("the audit log keeps apart what a tenant did and what an operator did for him")
def doers(w):
    a, t = w.token("a0", role="tenant", tenantId="a"), w.token("t")
    own = {"resourceMetadata": {"tenantId": "a"}, "properties": {}}
    equal(w.ask("PUT", PREFIX + "/routeTables/his", {"properties": {}}, JSON, a)[0], 201, "by the tenant")
    equal(w.ask("PUT", PREFIX + "/routeTables/for-him", own, JSON, t)[0], 201, "by the operator")
    with sqlite3.connect("file:%s?mode=ro" % (w.state_dir + "/gwd.db"), uri=True) as db:
        equal(db.execute("SELECT path, doer, tenant FROM audit ORDER BY number DESC LIMIT 2").fetchall(),
              [("/routeTables/for-him", "", "a"), ("/routeTables/his", "a", "a")], "whose deeds")


@s.case("what any operation may answer is in its description: 429 and 503 too, and how one says who one is")
def described(w):
    d = w.document.d
    equal(sorted(d["components"]["securitySchemes"]), ["basic", "token"], "schemes")
    equal(d["security"], [{"token": []}, {"basic": []}], "security")
    for path, item in d["paths"].items():
        for method in world.document.METHODS:
            if method not in item:
                continue
            missing = {"400", "403", "429", "500", "503"} - set(item[method]["responses"])
            if "requestBody" in item[method]:
                missing |= {"413", "415"} - set(item[method]["responses"])
            equal(missing, set(), "%s %s" % (method, path))
            equal(item[method].get("security"), [] if path in ("/healthz", "/ca") else None, "%s %s" % (method, path))


# --- certificates -------------------------------------------------------------------------------------------------------------

def over():
    authority = tls.Authority("over")
    cert, key = authority.issue("old", "serverAuth", dates=("20200101000000Z", "20210101000000Z"))
    w = Network("over", tls_cert=cert, tls_key=key, client_ca=authority.cert)
    w.authority, w.old = authority, (cert, key)
    return w


def log_of(w):
    with open(w.log, encoding="utf-8") as f:
        return f.read()


c_ = suite.group("certificates", over)


@c_.case("one that has expired is served all the same, with a warning; a metric says until when it is good")
def expired(w):
    equal(w.ask("GET", "/healthz")[0], 200, "GET")
    require(re.search(r"old-.*\.crt: the certificate has expired", log_of(w)), log_of(w))
    at = re.search(r"(?m)^gwd_tls_certificate_expiry_timestamp_seconds (\S+)$", w.request("GET", "/metrics").body.decode())
    equal(float(at[1]), 1609459200.0, "2021-01-01")


@c_.case("our own that has expired is made anew")
def own(w):
    w.stop()
    for i, end in enumerate(("crt", "key")):
        with open(w.old[i], "rb") as f, open(w.state_dir + "/tls." + end, "wb") as to:
            to.write(f.read())
    w.settings["api"] = {k: v for k, v in w.settings["api"].items() if k not in ("tls_cert", "tls_key")}
    w.configure()
    w.start()
    equal(w.ask("GET", "/healthz")[0], 200, "GET")
    at = re.search(r"(?m)^gwd_tls_certificate_expiry_timestamp_seconds (\S+)$", w.request("GET", "/metrics").body.decode())
    require(float(at[1]) > time.time() + 86400 * 365, "good for %s" % at[1])
    with open(w.state_dir + "/tls.crt", "rb") as f:
        made = f.read()
    w.restart()
    with open(w.state_dir + "/tls.crt", "rb") as f:
        equal(f.read(), made, "the new one after a restart")


@c_.case("a client's certificate has to be meant for clients")
def purposes(w):
    w.call("PUT", "/access/certificates/x", {"properties": {"role": "operator", "subject": "x"}})
    for usage, status in (("clientAuth", 200), ("serverAuth", 401), (None, 401)):
        pair = w.authority.issue("x", usage)
        c = http.client.HTTPSConnection("127.0.0.1", w.port, timeout=20, context=tls.context(cert=pair))
        answer = w.ask("GET", "/version", on=c)
        c.close()
        equal(answer[0], status, "with extended key usage %s: %s" % (usage, answer[1]))
        require(status == 200 or "clientAuth" in answer[1]["error"]["message"], answer[1])


if __name__ == "__main__":
    suite.main()
