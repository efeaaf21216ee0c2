"""A gwd of its own for a host: configuration, start, stop, kill, the command line tool and the API."""
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess

from lib import case
from lib.case import Failed, equal, eventually, require
from lib.net import run

BASE = "/networking/v1"


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def mount_bpffs():
    """One BPF file system for the test; it goes with the test's mount namespace."""
    path = case.WORK + "/bpf"
    if not os.path.isdir(path):
        os.makedirs(path)
        run(["mount", "-t", "bpf", "-o", "mode=0700", "bpf", path])
    return path


class Gwd:
    """One daemon. Configuration, state, sockets and pins are its own; it outlives its process: stop, start, kill."""

    def __init__(self, netns, name, settings=None):
        self.netns, self.name = netns, name
        self.dir = os.path.join(case.WORK, name)
        self.state_dir, self.run_dir = self.dir + "/state", self.dir + "/run"
        self.bpf_dir = mount_bpffs() + "/gwd"
        self.config = self.dir + "/gwd.conf"
        self.log = os.path.join(case.logs(), name + ".log")
        self.build = case.build()
        self.plugin_dir = self.dir + "/plugins"  # none, unless plugins() puts some there
        self.process = None
        for d in (self.state_dir, self.run_dir):
            os.makedirs(d, mode=0o700)
        self.settings = {
            "node": {"name": name, "roles": "host", "state_dir": self.state_dir, "run_dir": self.run_dir,
                     "plugin_dir": self.plugin_dir},
            "underlay": {"mtu": "1500"},
            "engine": {"bpf_dir": self.bpf_dir},
        }
        for section, keys in (settings or {}).items():
            self.settings.setdefault(section, {}).update(keys)
        self.configure()

    def configure(self):
        with open(self.config, "w") as f:
            for section, keys in self.settings.items():
                f.write("[%s]\n" % section)
                for key, value in keys.items():
                    f.write("%s = %s\n" % (key, value))

    def plugins(self, *names):
        """From its next start on it has these plugins, of the build under test, and no others."""
        run(["rm", "-rf", self.plugin_dir])
        os.makedirs(self.plugin_dir, mode=0o700)
        for name in names:
            run(["install", "-m", "0644", "%s/plugins/%s.so" % (self.build, name), self.plugin_dir])

    # --- life ---------------------------------------------------------------------------------------------------------

    def argv(self):
        return self.netns.argv([self.build + "/gwd", "-c", self.config])

    def launch(self, wrapper=(), env=None):
        """Starts the process without waiting for anything. `wrapper`: a command that runs it (setpriv, ...)."""
        require(self.process is None, "%s is running already" % self.name)
        argv = self.argv()
        argv[2:2] = list(wrapper)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=dict(os.environ, **(env or {})))
        return self

    def start(self, deadline=20, **kw):
        """Starts it and waits until it says that it is ready."""
        return self.launch(**kw).wait_ready(deadline)

    def wait_ready(self, deadline=20):
        eventually(self._up, "%s becomes ready" % self.name, deadline)
        return self

    def _up(self):
        status = self.process.poll()
        if status is not None:
            self.process = None
            raise Failed("%s ended with status %d: %s" % (self.name, status, self.log_tail()))
        try:
            return self.request("GET", "/readyz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def expect_exit(self, deadline=10, wrapper=()):
        """Runs it until it ends by itself; returns its status and what it said meanwhile."""
        offset = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.launch(wrapper)
        try:
            status = self.process.wait(deadline)
        except subprocess.TimeoutExpired as e:
            self.kill()
            raise Failed("%s was expected to refuse to start: %s" % (self.name, self.log_tail())) from e
        self.process = None
        with open(self.log, errors="replace") as f:
            f.seek(offset)
            return status, f.read()

    def stop(self):
        """Ends it as a service manager does. Sanitizers tell about leaks by the exit status."""
        p, self.process = self.process, None
        p.send_signal(signal.SIGTERM)
        try:
            status = p.wait(20)
        except subprocess.TimeoutExpired as e:
            p.kill()
            p.wait()
            raise Failed("%s did not end within 20 s of SIGTERM: %s" % (self.name, self.log_tail())) from e
        equal(status, 0, "exit status of %s after SIGTERM (%s)" % (self.name, self.log_tail()))

    def kill(self):
        p, self.process = self.process, None
        p.kill()
        p.wait()

    def restart(self):
        self.stop()
        return self.start()

    def log_tail(self, n=15):
        with open(self.log, errors="replace") as f:
            return "\n".join(f.read().splitlines()[-n:])

    # --- asking and telling it ------------------------------------------------------------------------------------------

    @property
    def socket_path(self):
        return self.run_dir + "/api.sock"

    def ctl_raw(self, *args, ok=None, stdin=None):
        """gwctl ARGS; any exit status. Of the build under test, whatever daemon runs."""
        return run([case.build() + "/gwctl", "--api", "unix:" + self.socket_path] + [str(a) for a in args], ok=ok,
                   stdin=stdin)

    def ctl(self, *args):
        """gwctl ARGS, which has to succeed; returns what it printed."""
        return self.ctl_raw(*args, ok=(0,)).stdout

    def list(self, kind):
        """{id: properties} of what `gwctl KIND list` shows."""
        return {r["resourceId"]: r["properties"] for r in json.loads(self.ctl(kind, "list", "-o", "json"))}

    def connection(self, timeout=20):
        """To the API, for many requests."""
        return UnixConnection(self.socket_path, timeout * case.SLOWNESS)

    def request(self, method, path, body=None, headers=None, timeout=20):
        """One request to the API. `body`: bytes as they are, anything else as JSON."""
        c = self.connection(timeout)
        try:
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
            h = {"Content-Type": "application/json"} if body is not None else {}
            h.update(headers or {})
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read all
                c.request(method, BASE + path if path.startswith("/hnv") else path, body, h)
            r = c.getresponse()
            return Response(r.status, r.headers, r.read())
        finally:
            c.close()

    def status(self):
        r = self.request("GET", BASE + "/monitoring/statistics")
        require(r.status == 200, "statistics: %d %s" % (r.status, r.body[:300]))
        return r.json()

    def writes(self):
        """{protocol: requests by which this process was to change something in the kernel}, of which it needs none by itself."""
        text = self.request("GET", "/metrics").body.decode()
        return {k: int(float(n)) for k, n in re.findall(r'(?m)^gwd_netlink_writes_total\{protocol="(\w+)"\} (\S+)$', text)}

    # --- counters -----------------------------------------------------------------------------------------------------

    def engine(self):
        return self.status()["engine"]

    def drops(self):
        """{reason: count}, without zeros."""
        return {d["reason"]: d["count"] for d in self.engine()["drops"] if d["count"]}

    def outcomes(self):
        return {o["name"]: o["count"] for o in self.engine()["outcomes"] if o["count"]}

    def port(self, interface):
        for p in self.engine()["ports"]:
            if p["interface"] == interface:
                return p
        raise Failed("%s shows no port %s" % (self.name, interface))

    def entered(self):
        """How many packets the engine says it has decided about."""
        e = self.engine()
        return sum(o["count"] for o in e["outcomes"]) + sum(d["count"] for d in e["drops"])

    def wait_port(self, interface, state="Up", deadline=5):
        eventually(lambda: self.port(interface)["state"] == state,
                   "port %s of %s becomes %s" % (interface, self.name, state), deadline)


# What the stacks of VMs say by themselves beside a test's traffic, now and then.
CHATTER = ("ToStack", "Flood", "NdUnanswered", "ArpAnswered", "NdAnswered")


class Growth:
    """What outcomes and drops of a daemon grow by inside a with block. `but`: those that do not matter to the test."""

    def __init__(self, gwd, but=("ToStack",)):
        self.gwd, self.but = gwd, but  # the hosts themselves talk too: ARP on the underlay

    def __enter__(self):
        self.before = self.read()
        return self

    def __exit__(self, *_):
        pass

    def read(self):
        return {k: v for k, v in {**self.gwd.outcomes(), **self.gwd.drops()}.items() if k not in self.but}

    def now(self):
        return growth(self.before, self.read())

    def becomes(self, expected, what, deadline=2.0):
        """Exactly these, no others, and it stays like that."""
        try:
            eventually(lambda: self.now() == expected, what, deadline)
        except Failed as e:
            raise Failed("%s: counters grew by %s, expected %s" % (what, self.now(), expected)) from e


def growth(before, after):
    """What changed between two {name: count}."""
    return {k: after.get(k, 0) - before.get(k, 0) for k in set(before) | set(after)
            if after.get(k, 0) != before.get(k, 0)}

