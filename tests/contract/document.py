"""The OpenAPI document: read, checked, and used to check answers. What it says is taken at its word."""
import copy
import re

import jsonschema

from lib.case import Failed, require

PREFIX = "/networking/v1"
METHODS = ("get", "put", "post", "delete")

REF = {"type": "object", "required": ["$ref"], "additionalProperties": False,
       "properties": {"$ref": {"type": "string", "pattern": "^#/components/"}}}
SCHEMA_OR_REF = {"if": {"required": ["$ref"]}, "then": REF, "else": {"$ref": "#/definitions/schema"}}
# What OpenAPI 3.0.3 allows, as far as this document uses it: any other member is a mistake.
META = {
    "type": "object", "required": ["openapi", "info", "paths"], "additionalProperties": False,
    "properties": {
        "openapi": {"const": "3.0.3"},
        "info": {"type": "object", "required": ["title", "version"], "additionalProperties": False,
                 "properties": {k: {"type": "string", "minLength": 1} for k in ("title", "version", "description")}},
        "servers": {"$ref": "#/definitions/servers"},
        "security": {"$ref": "#/definitions/security"},
        "paths": {"type": "object", "patternProperties": {"^/": {"$ref": "#/definitions/path"}},
                  "additionalProperties": False},
        "components": {
            "type": "object", "additionalProperties": False,
            "properties": {
                "securitySchemes": {"type": "object", "additionalProperties": {
                    "type": "object", "required": ["type", "scheme"], "additionalProperties": False,
                    "properties": {"type": {"const": "http"}, "scheme": {"enum": ["basic", "bearer"]},
                                   "description": {"type": "string"}}}},
                "schemas": {"type": "object", "propertyNames": {"pattern": "^[A-Za-z0-9._-]+$"},
                            "additionalProperties": SCHEMA_OR_REF},
                "responses": {"type": "object", "additionalProperties": {"$ref": "#/definitions/response"}},
                "parameters": {"type": "object", "additionalProperties": {"$ref": "#/definitions/parameter"}},
                "headers": {"type": "object", "additionalProperties": {"$ref": "#/definitions/header"}}}}},
    "definitions": {
        "security": {"type": "array", "items": {
            "type": "object", "minProperties": 1, "additionalProperties": {"type": "array", "maxItems": 0}}},
        "servers": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["url"], "additionalProperties": False,
            "properties": {"url": {"type": "string"}}}},
        "path": {
            "type": "object", "additionalProperties": False,
            "properties": dict({m: {"$ref": "#/definitions/operation"} for m in METHODS},
                               servers={"$ref": "#/definitions/servers"},
                               parameters={"$ref": "#/definitions/parameters"})},
        "parameters": {"type": "array", "uniqueItems": True, "items": {
            "if": {"required": ["$ref"]}, "then": REF, "else": {"$ref": "#/definitions/parameter"}}},
        "parameter": {
            "type": "object", "required": ["name", "in", "schema"], "additionalProperties": False,
            "properties": {"name": {"type": "string"}, "in": {"enum": ["query", "header", "path"]},
                           "description": {"type": "string"}, "required": {"type": "boolean"},
                           "schema": SCHEMA_OR_REF},
            "if": {"properties": {"in": {"const": "path"}}},
            "then": {"required": ["required"], "properties": {"required": {"const": True}}}},
        "header": {"type": "object", "required": ["schema"], "additionalProperties": False,
                   "properties": {"description": {"type": "string"}, "schema": SCHEMA_OR_REF}},
        "content": {"type": "object", "minProperties": 1, "additionalProperties": False, "patternProperties": {
            "^(application/(json|octet-stream)|[*]/[*])$": {"type": "object", "additionalProperties": False, "required": ["schema"],
                                                  "properties": {"schema": SCHEMA_OR_REF}}}},
        "operation": {
            "type": "object", "required": ["operationId", "responses"], "additionalProperties": False,
            "properties": {
                "operationId": {"type": "string", "pattern": "^[A-Za-z]+$"}, "summary": {"type": "string"},
                "parameters": {"$ref": "#/definitions/parameters"},
                "security": {"$ref": "#/definitions/security"},
                "requestBody": {"type": "object", "required": ["content"], "additionalProperties": False,
                                "properties": {"required": {"type": "boolean"},
                                               "content": {"$ref": "#/definitions/content"}}},
                "responses": {"type": "object", "minProperties": 1, "additionalProperties": False,
                              "patternProperties": {"^[1-5][0-9][0-9]$": {
                                  "if": {"required": ["$ref"]}, "then": REF,
                                  "else": {"$ref": "#/definitions/response"}}}}}},
        "response": {"type": "object", "required": ["description"], "additionalProperties": False,
                     "properties": {
                         "description": {"type": "string"}, "content": {"$ref": "#/definitions/content"},
                         "headers": {"type": "object", "additionalProperties": {
                             "if": {"required": ["$ref"]}, "then": REF, "else": {"$ref": "#/definitions/header"}}}}},
        "schema": {
            "type": "object", "additionalProperties": False,
            "patternProperties": {"^x-gwd-[a-z-]+$": {}},
            "properties": {
                "type": {"enum": ["object", "array", "string", "integer", "boolean"]},
                "format": {"enum": ["ipv4", "ipv6", "mac", "uuid", "int32", "int64", "password", "date-time"]},
                "pattern": {"type": "string", "format": "regex"}, "description": {"type": "string", "minLength": 1},
                "minimum": {"type": "integer"}, "maximum": {"type": "integer"},
                "minLength": {"type": "integer", "minimum": 0}, "maxLength": {"type": "integer", "minimum": 0},
                "maxItems": {"type": "integer", "minimum": 1}, "default": {},
                "enum": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}},
                "items": SCHEMA_OR_REF, "readOnly": {"type": "boolean"}, "writeOnly": {"type": "boolean"},
                "required": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}},
                "properties": {"type": "object", "additionalProperties": SCHEMA_OR_REF},
                "additionalProperties": {"type": "boolean"},
                "allOf": {"type": "array", "minItems": 1, "items": SCHEMA_OR_REF},
                "anyOf": {"type": "array", "minItems": 1, "items": SCHEMA_OR_REF}},
            "allOf": [
                {"if": {"required": ["type"], "properties": {"type": {"const": "array"}}},
                 "then": {"required": ["items"]}},
                {"if": {"required": ["readOnly", "writeOnly"]}, "then": False}]},
    },
}

formats = jsonschema.FormatChecker()


@formats.checks("mac")
def _mac(value):
    return not isinstance(value, str) or bool(re.fullmatch("[0-9A-F]{12}", value))  # as it is answered


class Document:
    def __init__(self, text):
        self.d = text
        self.schemas = text["components"]["schemas"]
        # What is write-only must not be answered, which JSON schema cannot say.
        self.answers = copy.deepcopy(text["components"])
        for schema in self.answers["schemas"].values():
            for name, row in schema.get("properties", {}).items():
                if row.get("writeOnly"):
                    schema["properties"][name] = {"not": {}}
        self.validators = {}

    def resolve(self, thing):
        while "$ref" in thing:
            node = self.d
            for part in thing["$ref"].lstrip("#/").split("/"):
                node = node[part]
            thing = node
        return thing

    def resource_paths(self):
        """The templates of items of the provider API: those that are put by a schema."""
        return [p for p, item in self.d["paths"].items()
                if "put" in item and "$ref" in str(item["put"]["requestBody"]["content"])]

    def template(self, path):
        """The template that `path` is an instance of; a fixed segment goes before a parameter."""
        parts = path.split("/")
        found = []
        for t in self.d["paths"]:
            ts = t.split("/")
            if len(ts) == len(parts) and all(a.startswith("{") or a == b for a, b in zip(ts, parts)):
                found.append(t)
        require(found, "%s is no path of the document" % path)
        return min(found, key=lambda t: t.count("{"))

    def schema_of(self, path):
        """The name of the schema of the resource at `path`."""
        put = self.d["paths"][self.template(path)]["put"]
        return put["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]

    def rows(self, name):
        """{property: its schema} of the "properties" of resource schema `name`, or of a plain schema."""
        return self.schemas.get(name + "Properties", self.schemas[name])["properties"]

    def response(self, method, path, status):
        operation = self.d["paths"][self.template(path)].get(method.lower())
        require(operation, "the document has no %s of %s" % (method, path))
        require(str(status) in operation["responses"],
                "%s %s answers %d, which the document does not know" % (method, path, status))
        return self.resolve(operation["responses"][str(status)])

    def check(self, method, path, status, body):
        """Raises Failed unless the document allows this answer (`body`: parsed, None without one)."""
        response = self.response(method, path, status)
        content = response.get("content")
        if content is None:
            require(body is None, "%s %s: %d has no body, got %r" % (method, path, status, body))
            return
        require(body is not None, "%s %s: %d has a body" % (method, path, status))
        self.validate(content.get("application/json", content.get("*/*"))["schema"], body, "%s %s: %d" % (method, path, status))

    def validate(self, schema, value, what):
        key = str(schema)
        if key not in self.validators:
            whole = dict(schema, components=self.answers)
            if "$ref" in schema:  # draft 4 to 7 look at nothing beside it
                whole = {"allOf": [schema], "components": self.answers}
            self.validators[key] = jsonschema.Draft7Validator(whole, format_checker=formats)
        errors = sorted(self.validators[key].iter_errors(value), key=lambda e: list(map(str, e.absolute_path)))
        if errors:
            e = errors[0]
            while e.context:
                e = e.context[0]
            raise Failed("%s is not as the document says: %s: %s"
                         % (what, "/".join(map(str, e.absolute_path)), e.message[:300]))


def problems(text):
    """What is wrong with an OpenAPI document, by the specification: a list of texts."""
    found = ["%s: %s" % ("/".join(map(str, e.absolute_path)), e.message[:200])
             for e in jsonschema.Draft7Validator(META, format_checker=formats).iter_errors(text)]

    def walk(node, where):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                at = text
                for part in node["$ref"][2:].split("/"):
                    at = at.get(part) if isinstance(at, dict) else None
                if at is None:
                    found.append("%s: %s leads nowhere" % (where, node["$ref"]))
                used.add(node["$ref"])
            for k, v in node.items():
                walk(v, where + "/" + k)
        elif isinstance(node, list):
            for i, v in enumerate(node):
                walk(v, "%s/%d" % (where, i))

    used, ids = set(), set()
    walk(text, "")
    for requirement in text.get("security", []):  # by name
        for name in requirement:
            if name not in text["components"].get("securitySchemes", {}):
                found.append("security: there is no scheme %s" % name)
            used.add("#/components/securitySchemes/" + name)
    for kind, things in text.get("components", {}).items():
        found += ["components/%s/%s is used nowhere" % (kind, name) for name in things
                  if "#/components/%s/%s" % (kind, name) not in used]
    for path, item in text["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            if operation["operationId"] in ids:
                found.append("%s %s: operationId is not its own" % (method, path))
            ids.add(operation["operationId"])
            parameters = [Document(text).resolve(p) for p in item.get("parameters", []) + operation.get("parameters", [])]
            named = sorted(p["name"] for p in parameters if p["in"] == "path")
            if named != sorted(re.findall(r"{(\w+)}", path)):
                found.append("%s %s: its path parameters are %s" % (method, path, named))
    return found
