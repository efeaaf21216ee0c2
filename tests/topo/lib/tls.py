"""Authorities and certificates of a test, made with openssl; TLS clients of a daemon that come from a given address."""
import http.client
import json
import os
import socket
import ssl

from lib import case
from lib.gwd import BASE, Response
from lib.net import run


class Authority:
    """Signs certificates; everything is in a folder below the test's."""

    def __init__(self, name):
        self.dir = os.path.join(case.WORK, "ca-" + name)
        os.makedirs(self.dir, exist_ok=True)
        self.cert = self.dir + "/ca.crt"
        self.config = self.dir + "/openssl.cnf"
        with open(self.config, "w") as f:
            f.write("[ca]\ndefault_ca = this\n[this]\ndatabase = %(d)s/index\nserial = %(d)s/serial\nnew_certs_dir = %(d)s\n"
                    "default_md = sha256\npolicy = any\nunique_subject = no\ncopy_extensions = copy\n"
                    "certificate = %(d)s/ca.crt\nprivate_key = %(d)s/ca.key\n[any]\ncommonName = supplied\n" % {"d": self.dir})
        with open(self.dir + "/serial", "w") as f:
            f.write("1000\n")
        with open(self.dir + "/index", "w"):
            pass
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
             "/CN=authority " + name, "-days", "30", "-keyout", self.dir + "/ca.key", "-out", self.cert])

    def issue(self, name, usage="clientAuth", san=None, dates=("20200101000000Z", "20491231000000Z")):
        """(certificate, key) files for the common name `name`."""
        base = os.path.join(self.dir, "%s-%s-%s" % (name, usage, dates[1]))
        extensions = ["-addext", "extendedKeyUsage=" + usage] if usage else []
        if san:
            extensions += ["-addext", "subjectAltName=" + san]
        run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
             "-keyout", base + ".key", "-out", base + ".csr"] + extensions)
        run(["openssl", "ca", "-batch", "-notext", "-config", self.config, "-in", base + ".csr", "-out", base + ".crt",
             "-startdate", dates[0], "-enddate", dates[1]])
        return base + ".crt", base + ".key"


def context(ca=None, cert=None):
    """`ca`: the file with whom to trust; without one, everybody is."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        c.load_verify_locations(ca)
    else:
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    if cert:
        c.load_cert_chain(*cert)
    return c


class Client:
    """One kept-alive connection to https://ADDRESS:8443 out of a namespace, from an address of it."""

    def __init__(self, netns, address, source=None, ca=None, cert=None, token=None, timeout=20):
        self.token = token
        self.connection = http.client.HTTPSConnection(
            address, 8443, timeout=timeout, source_address=(source, 0) if source else None, context=context(ca, cert))
        with netns.enter():
            self.connection.connect()
        self.connection.auto_open = 0  # a connection that was closed stays so

    @property
    def socket(self):
        return self.connection.sock

    def shown(self):
        """The server's certificate, DER."""
        return self.socket.getpeercert(binary_form=True)

    def request(self, method, path, body=None, headers=None):
        h = dict(headers or {})
        if self.token:
            h.setdefault("Authorization", "Bearer " + self.token)
        if body is not None:
            h.setdefault("Content-Type", "application/json")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if path.startswith(("/hnv", "/access")):
            path = BASE + path
        self.connection.request(method, path, body, h)
        r = self.connection.getresponse()
        return Response(r.status, r.headers, r.read())

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def raw(netns, address, source=None, tls=True, timeout=5):
    """A socket, for bytes as they are."""
    with netns.enter():
        s = socket.create_connection((address, 8443), timeout, (source, 0) if source else None)
    return context().wrap_socket(s) if tls else s
