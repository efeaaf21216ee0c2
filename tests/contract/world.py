"""A controller of its own, without network: the real daemon on a unix socket, and requests that are checked against its
OpenAPI document as they are answered."""
import itertools
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "topo"))

import document  # noqa: E402
import examples  # noqa: E402
from lib import case, gwd  # noqa: E402
from lib.case import equal, require  # noqa: E402


numbers = itertools.count(1)


class _Here:
    """Where the daemon runs: no namespace of its own."""

    @staticmethod
    def argv(argv):
        return argv


class Controller(gwd.Gwd):
    def __init__(self, name="controller", settings=None):
        super().__init__(_Here, name, {"node": {"roles": "controller"}, **(settings or {})})
        self.document = None

    def start(self, *args, **kw):
        super().start(*args, **kw)
        if self.document is None:
            self.document = document.Document(self.request("GET", "/openapi.json").json())
        return self

    def call(self, method, path, body=None, headers=None, query="", checked=True):
        """One request below the prefix; what is answered must be as the document says. -> (status, body or None, headers)"""
        r = self.request(method, document.PREFIX + path + query, body, headers)
        parsed = json.loads(r.body) if r.body else None
        if checked:
            self.document.check(method, path, r.status, parsed)
        return r.status, parsed, r.headers

    def get(self, path, query=""):
        status, body, headers = self.call("GET", path, query=query)
        equal(status, 200, "GET %s (%s)" % (path, body))
        equal(headers["ETag"], body["etag"], "ETag of " + path)
        return body

    def put(self, path, properties, expect=(200, 201), **envelope):
        """PUT of these properties; returns the resource."""
        status, body, _ = self.call("PUT", path, dict(envelope, properties=properties))
        require(status in expect, "PUT %s: expected %s, got %d %s" % (path, expect, status, body))
        return body

    def delete(self, path, expect=(202,)):
        status, body, _ = self.call("DELETE", path)
        require(status in expect, "DELETE %s: expected %s, got %d %s" % (path, expect, status, body))
        return body

    def refused(self, method, path, body, status, code, target=None, headers=None, checked=True, query=""):
        """The request is refused with just this. `target`: None where there is none, a text or a predicate."""
        got, answer, _ = self.call(method, path, body, headers, query, checked)
        what = "%s %s %s" % (method, path + query, repr(body)[:200])
        require(got == status, "%s: expected %d %s, got %d %s" % (what, status, code, got, str(answer)[:400]))
        error = answer["error"]
        equal(error["code"], code, what + ": code (%s)" % error["message"])
        if callable(target):
            require(target(error.get("target")), "%s: target %r" % (what, error.get("target")))
        else:
            equal(error.get("target"), target, what + ": target (%s)" % error["message"])
        return error

    def make_examples(self):
        """Every example, one after the other."""
        for path, properties in examples.EXAMPLES:
            self.put(path, properties, (201,))

    def raze(self):
        """Deletes what make_examples() made; nothing is left."""
        for path, _ in reversed(examples.EXAMPLES):
            self.delete(path)
        equal(self.everything(), {}, "what is left when every example has been deleted")

    def collections(self):
        """Paths of the top-level collections."""
        return sorted({t.split("/")[1] for t in self.document.resource_paths()})

    def everything(self):
        """{path: text of its GET} of every resource there is, children on their own paths too. See also state()."""
        seen = {}

        def visit(path):
            r = self.request("GET", document.PREFIX + path)
            equal(r.status, 200, "GET " + path)
            resource = json.loads(r.body)
            seen[path] = r.body
            for name, value in resource["properties"].items():
                if path_of(self.document, path, name):
                    for child in value:
                        visit("%s/%s/%s" % (path, name, child["resourceId"]))

        for collection in self.collections():
            status, page, _ = self.call("GET", "/" + collection)
            equal(status, 200, "GET /" + collection)
            require("nextLink" not in page, "/%s has several pages: look at all of them" % collection)
            for resource in page["value"]:
                visit("/%s/%s" % (collection, resource["resourceId"]))
        return seen

    def resources(self):
        """{path: resource} of every resource there is, of one look at each collection."""
        seen = {}

        def take(resource):
            path = resource["resourceRef"]
            seen[path] = resource
            for name, value in resource["properties"].items():
                if path_of(self.document, path, name):
                    for child in value:
                        take(child)

        for text in self.state().values():
            for resource in json.loads(text)["value"]:
                take(resource)
        return seen

    def state(self):
        """{collection: text}: all there is, without asking for each by itself."""
        return {c: self.everything_of("/" + c) for c in self.collections()}

    def kept(self):
        """everything() without how far nodes have come with it: that is not kept, and after a start they have time to say it again."""
        return {path: without_standing(text) for path, text in self.everything().items()}

    def kept_state(self):
        """The same of state()."""
        return {c: without_standing(text) for c, text in self.state().items()}

    def everything_of(self, collection):
        """The text of a whole collection."""
        r = self.request("GET", document.PREFIX + collection)
        equal(r.status, 200, "GET " + collection)
        return r.body


def without_standing(text):
    def strip(value):
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if k not in ("provisioningState", "configurationState")}
        return [strip(v) for v in value] if isinstance(value, list) else value
    return json.dumps(strip(json.loads(text)))


def path_of(doc, path, name):
    """Whether property `name` of the resource at `path` is a collection of children."""
    t = doc.template(path) + "/" + name
    return any(other.startswith(t + "/{") for other in doc.d["paths"])


def controller():
    """For Suite.group: a daemon that is up, and goes with the group."""
    w = Controller("controller%d" % next(numbers))
    case.after_group.append(lambda: w.process and w.stop())
    return w.start()
