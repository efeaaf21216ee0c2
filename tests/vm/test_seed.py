#!/usr/bin/python3
# time-limit: 1200
# The image with a NoCloud disk, as an operator would write it: it boots with EFI, takes addresses, keys and gwd.conf from there,
# lets nobody in with a password, and grows with its disk.
import os
import re
import socket
import subprocess

import vm
from lib import case  # where it is, vm knows
from lib.case import equal, require

OVMF = "/usr/share/ovmf/OVMF.fd"
GUEST, RESOLVER = "10.0.2.77", "192.0.2.53"
MAC = "52:54:00:00:00:77"
suite = case.Suite()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Seeded:
    """Boots with EFI from a disk that is larger than the image, with a NoCloud disk as an operator would write it."""

    def __init__(self):
        self.key, self.port = os.path.join(case.WORK, "key"), free_port()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        with open(self.key + ".pub") as f:
            public = f.read().strip()
        config = {"ssh_authorized_keys": [public],
                  "write_files": [{"path": "/etc/gwd/gwd.conf", "permissions": "0640",
                                   "content": "[node]\nname = seeded\n[underlay]\nvxlan_port = 4800\n"}]}
        network = {"version": 2, "ethernets": {"up": {"match": {"macaddress": MAC}, "addresses": [GUEST + "/24"],
                                                   "nameservers": {"addresses": [RESOLVER]}}}}
        disk = os.path.join(case.WORK, "disk")
        vm.make_overlay(disk, "4G")
        self.machine = vm.Vm(disk=disk, seed=(config, network), logs=case.logs(), args=[
            "-bios", OVMF, "-netdev", "user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:%d-%s:22" % (self.port, GUEST),
            "-device", "virtio-net-pci,netdev=n,mac=" + MAC])
        self.machine.__enter__()
        case.after_group.append(lambda: self.machine.__exit__())

    def ssh(self, command, *options):
        return subprocess.run(["ssh", "-p", str(self.port), "-o", "StrictHostKeyChecking=no", "-o",
                               "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=30", *options, "admin@127.0.0.1",
                               command], capture_output=True, text=True, timeout=120, check=False)


seeded = suite.group("with a cloud-init disk, EFI", Seeded)


@seeded.case("it booted with EFI, and took address, name and gwd.conf from the disk")
def _(w):
    m = w.machine
    m.check("test -d /sys/firmware/efi")
    require(GUEST in m.check("ip -brief address"), "address")
    equal(re.findall(r"(?m)^nameserver (.*)", m.check("cat /run/systemd/resolve/resolv.conf")), [RESOLVER], "who resolves names")
    equal(m.check("readlink -f /etc/resolv.conf").strip(), "/run/systemd/resolve/stub-resolv.conf", "the resolver that is used")
    m.wait_gwd()
    require('"seeded"' in m.check("gwctl status -o json"), "the name from gwd.conf")
    m.check("ip link show gwdvx4800")  # the port from gwd.conf


@seeded.case("the disk's key logs in, and may use gwctl; a password does not")
def _(w):
    r = w.ssh("sudo gwctl status", "-i", w.key, "-o", "IdentitiesOnly=yes")
    equal(r.returncode, 0, "ssh with the key: %s" % r.stderr)
    r = w.ssh("true", "-o", "PubkeyAuthentication=no", "-v")
    require(r.returncode != 0, "ssh without the key")
    offered = re.findall(r"Authentications that can continue: (\S+)", r.stderr)
    equal(offered, ["publickey"], "what the server takes")


@seeded.case("nobody has a password, and the keys of the host are this machine's own")
def _(w):
    for line in w.machine.check("getent shadow").splitlines():
        name, secret = line.split(":")[:2]
        require(secret[:1] in "!*" and secret, "%s has a password" % name)
    shipped = subprocess.run(["debugfs", "-R", "ls /etc/ssh", "%s?offset=%d" % (raw_image(), root_offset())],
                             capture_output=True, text=True, check=True).stdout
    require("sshd_config" in shipped, "the image's own file system is read: %s" % shipped)
    require("ssh_host_" not in shipped, "no host key in the image: %s" % shipped)


def raw_image():
    return os.path.join(vm.ROOT, "build/image/gwd.raw")


def root_offset():
    said = subprocess.check_output(["sfdisk", "--dump", raw_image()], text=True)
    return 512 * int(re.search(r'start=\s*(\d+).*name="root"', said).group(1))


@seeded.case("the root file system has grown to the disk")
def _(w):
    size = int(w.machine.check("df --output=size -m / | tail -1"))
    require(size > 3500, "the root file system has %d MB" % size)


@seeded.case("no unit failed, and the log has no error of gwd's")
def _(w):
    equal(w.machine.check("systemctl --failed --no-legend"), "", "failed units")
    equal(w.machine.check("journalctl -b -q -u gwd -u gwd-netns -p warning --no-pager -o cat"), "", "warnings")


if __name__ == "__main__":
    suite.main()
