"""control.py - what the benchmarks of the controller share: a client that keeps its connection, and how a run ends."""
import http.client
import json
import os
import sys

from lab import UnixConnection, tls

BASE = "/networking/v1"


class Manager:
    """A manager, on one connection."""
    credentials = {}

    def ask(self, method, path, body=None):
        """The answer's JSON; None where there is nothing (yet)."""
        self.request(method, BASE + path, json.dumps(body) if body is not None else None,
                     {"Content-Type": "application/json", **self.credentials} if body is not None else self.credentials)
        r = self.getresponse()
        answer = r.read()
        if r.status >= 300 and not (r.status == 404 and method == "GET"):
            raise SystemExit(f"{method} {path}: {r.status} {answer[:300]!r}")
        return json.loads(answer) if answer and r.status < 300 else None


class Client(Manager, UnixConnection):
    """On the machine itself."""

    def __init__(self, path):
        super().__init__(path, 120)


class TlsClient(Manager, http.client.HTTPSConnection):
    """Over the network."""

    def __init__(self, port, token):
        super().__init__("127.0.0.1", port, timeout=120, context=tls.context())
        self.credentials = {"Authorization": "Bearer " + token}


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p / 100))]


def conclude(folder, name, result, lines, goals):
    """Prints and writes what a run has found. `goals` are (what, wanted, got, reached); returns the program's exit code."""
    print("\n".join(lines + [f"  {'reached    ' if reached else 'NOT REACHED'}  {what}: {wanted}: {got:.2f}"
                             for what, wanted, got, reached in goals]))
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    missed = [what for what, _, _, reached in goals if not reached]
    if missed:
        print(f"{name}: goals that were not reached, {len(missed)}: {'; '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0
