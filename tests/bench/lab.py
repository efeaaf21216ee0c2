"""lab.py - the benchmark's world, on the library of the topology tests: namespaces and daemons that cannot outlive it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "topo"))

# pylint: disable=wrong-import-position
from lib import case, gateway, ovs, pkt, tls  # noqa: E402
from lib.case import Failed  # noqa: E402
from lib.gwd import Gwd, UnixConnection, mount_bpffs  # noqa: E402
from lib.net import Netns, run  # noqa: E402

# For the benchmark's other files.
__all__ = ["case", "gateway", "ovs", "pkt", "tls", "Failed", "Gwd", "UnixConnection", "mount_bpffs", "Netns", "run"]


def build_option(parser):
    parser.add_argument("--build", default="build", help="where the binaries are (default: build)")


def enter(build):
    """Runs this program again, isolated; returns where its results go."""
    if os.geteuid():
        sys.exit("needs root, for network namespaces and BPF")
    results = os.path.join(os.path.abspath(build), "bench")
    os.environ["GWD_BUILD"] = os.path.abspath(build)
    os.environ["GW_TEST_LOGS"] = os.path.join(results, "logs")
    case.isolate()
    return results


def namespace(label):
    n = Netns(label)
    # What idle machines say on their own is no part of what is measured.
    n.sysctl("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
    return n


def tool(name):
    return os.path.join(case.build(), "tests/bench", name)
