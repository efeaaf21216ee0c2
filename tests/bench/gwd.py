"""gwd.py - one gwd of the benchmark, and what it is told."""
import os
import subprocess

from lab import LabError, run, wait_for


class Daemon:
    """A gwd inside a host's namespace, with state and pins below the lab's folders."""

    def __init__(self, lab, name, host, underlay_mtu):
        folder = os.path.join(lab.folder, name)
        os.mkdir(folder, 0o700)
        config = os.path.join(folder, "gwd.conf")
        with open(config, "w", encoding="ascii") as f:
            f.write(f"[node]\nname = {name}\nroles = host\nstate_dir = {folder}/state\nrun_dir = {folder}/run\n"
                    f"[underlay]\nmtu = {underlay_mtu}\n"
                    f"[engine]\nbpf_dir = {lab.bpffs()}\n")
        self.api = f"unix:{folder}/run/api.sock"
        self.gwctl_path = os.path.join(lab.build, "gwctl")
        self.log = os.path.join(folder, "gwd.log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = lab.spawn(host.command(os.path.join(lab.build, "gwd"), "-c", config), stdout=log, stderr=log,
                                     stdin=subprocess.DEVNULL)
        wait_for(self.answers, f"{name} answers")

    def answers(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8") as log:
                raise LabError(f"gwd ended with status {self.process.returncode}: {log.read().strip()[-2000:]}")
        try:
            return bool(self.gwctl("status"))
        except LabError:
            return False

    def gwctl(self, *argv):
        return run(self.gwctl_path, "--api", self.api, *argv)

    def records(self, end, other, vsid, encapsulation):
        """What a host needs to know to carry one subnet with one VM here and one there."""
        self.gwctl("provider-address", "add", "--interface", "underlay", "--address", end.pa, "--prefix-length", 24)
        for each in (end, other):
            self.gwctl("lookup-record", "add", "--vsid", vsid, "--ca", each.ca, "--pa", each.pa, "--mac", each.mac,
                       "--rule", "encap", "--encapsulation", encapsulation)
        self.gwctl("port", "attach", "--interface", "port", "--mac", end.mac, "--vsid", vsid)
