"""An Open vSwitch of its own in a namespace: data base, sockets and logs in its folder, the userspace datapath, no kernel
module."""
import os
import shutil
import subprocess

from lib import case
from lib.net import run

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def installed():
    return bool(shutil.which("ovs-vswitchd")) and os.path.exists(SCHEMA)


class Switch:
    """`spawn(argv, ...)` starts a process in the switch's namespace, like Netns.popen, and ends it some day."""

    def __init__(self, name, spawn):
        self.dir = os.path.join(case.WORK, name)
        os.makedirs(self.dir)
        self.env = dict(os.environ, OVS_RUNDIR=self.dir, OVS_LOGDIR=case.logs(), OVS_DBDIR=self.dir)
        self.db = "unix:%s/db.sock" % self.dir
        self.spawn, self.processes = spawn, []
        run(["ovsdb-tool", "create", self.dir + "/conf.db", SCHEMA], env=self.env)
        self.log = open(os.path.join(case.logs(), name + ".txt"), "wb")
        self.start(["ovsdb-server", self.dir + "/conf.db", "--remote=p" + self.db,
                    "--unixctl=%s/ovsdb.ctl" % self.dir, "--pidfile=%s/ovsdb.pid" % self.dir])
        case.eventually(lambda: os.path.exists(self.dir + "/db.sock"), "ovsdb-server listens")
        self.vsctl("--no-wait", "init")
        self.process = self.start(["ovs-vswitchd", self.db, "--disable-system", "--unixctl=%s/vswitchd.ctl" % self.dir,
                                   "--pidfile=%s/vswitchd.pid" % self.dir])

    def start(self, argv):
        self.processes.append(self.spawn(argv, env=self.env, stdout=self.log, stderr=subprocess.STDOUT))
        return self.processes[-1]

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()

    def vsctl(self, *args):
        return run(["ovs-vsctl", "--timeout=15", "--db=" + self.db] + list(args), env=self.env).stdout

    def ofctl(self, *args):
        return run(["ovs-ofctl"] + list(args), env=self.env).stdout
