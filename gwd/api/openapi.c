/*
 * openapi.c - GET /openapi.json: the description of this interface. The resources' part comes from their tables
 * (model/openapi.h), what is no resource has a row here. Made once, when it is asked for first. Called by the router.
 */
#include "api/router.h"

#include "base/cleanup.h"
#include "model/openapi.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define JSON "application/json"

/* A method of a path that is no resource of the provider API. What it answers is told in words only. */
static const struct other {
	const char *path, *method, *id, *summary;
	const char *statuses, *refusals; /* the latter beside what any may answer */
	const char *query;		 /* parameters, NULL: none */
	bool is_outside;		 /* not below the prefix */
	const char *body;		 /* its type, NULL: none */
} others[] = {
	{"/openapi.json", "get", "getOpenApi", "This document.", "200", "401", NULL, true, NULL},
	{"/version", "get", "getVersion", "Name and version of this node.", "200", "401", NULL, true, NULL},
	{"/healthz", "get", "getHealth", "Whether the daemon answers.", "200", "", NULL, true, NULL},
	{"/readyz", "get", "getReadiness", "Whether the node is in its intended state.", "200", "401", NULL, true,
	 NULL},
	{"/metrics", "get", "getMetrics", "What is counted, for Prometheus.", "200", "401", NULL, true, NULL},
	{"/batch", "post", "postBatch", "Puts and deletes of resources, all or none.", "200", "401 404 409 412", NULL,
	 false, JSON},
	{"/backup", "get", "getBackup", "All that is stored; secrets as they are sealed.", "200", "401 404", NULL,
	 false, NULL},
	{"/backup", "put", "putBackup", "A backup instead of what is stored; the daemon starts again.", "202",
	 "401 404 409", NULL, false, "application/octet-stream"},
	{"/operations/{operationId}", "get", "getOperation", "How far a change has come.", "200", "401 404", NULL,
	 false, NULL},
	{"/operationResults/{operationId}", "get", "getOperationResult", "The same.", "200", "401 404", NULL, false,
	 NULL},
	{"/access/{accessKind}", "get", "listAccess", "Who may use this interface over the network.", "200", "401 404",
	 NULL, false, NULL},
	{"/access/{accessKind}/{accessId}", "get", "getAccess", "One of them.", "200", "401 404 412", NULL, false,
	 NULL},
	{"/access/{accessKind}/{accessId}", "put", "putAccess",
	 "Makes it, or replaces it; a token's secret is told now only.", "200 201", "401 404 409 412", NULL, false,
	 JSON},
	{"/access/{accessKind}/{accessId}", "delete", "deleteAccess", "It has no access any more.", "200 204",
	 "401 404 412", NULL, false, NULL},
	{"/ca", "get", "getAuthority", "Whom a client has to trust to know this controller or node.", "200", "409",
	 NULL, false, NULL},
	{"/servers/{serverId}/certificate", "post", "postCertificate",
	 "A certificate for a node, which shows its one-time token, or the one that it has.", "201", "401 404 409",
	 NULL, false, JSON},
	{"/enrollment", "get", "getEnrollment", "Whose node this is, and until when its certificate is good.", "200",
	 "401 404", NULL, false, NULL},
	{"/enrollment", "put", "putEnrollment", "It becomes the node that a one-time token is for.", "200",
	 "401 404 409", NULL, false, JSON},
	{"/hnv/{hnvKind}", "get", "listHnv", "Records of this node.", "200", "401 404", "Top SkipToken", false, NULL},
	{"/hnv/{hnvKind}/{hnvId}", "get", "getHnv", "One of them.", "200", "401 404 412", NULL, false, NULL},
	{"/hnv/{hnvKind}/{hnvId}", "put", "putHnv", "Makes it, or replaces what it was.", "200 201", "401 404 409 412",
	 NULL, false, JSON},
	{"/hnv/{hnvKind}/{hnvId}", "delete", "deleteHnv", "It is gone from the kernel when this answers.", "200 204",
	 "401 404 409 412", NULL, false, NULL},
	{"/hnv/batch", "post", "postHnvBatch", "Puts and deletes of records, all or none.", "200", "401 404 409 412",
	 NULL, false, JSON},
	{"/servers/{serverId}/state", "get", "getServerState", "What the node has to hold, or what has changed of it.",
	 "200", "401 404 410", "Since Epoch Wait More", false, NULL},
	{"/servers/{serverId}/status", "put", "putServerStatus", "What the node says of itself.", "204", "401 404",
	 NULL, false, JSON},
	{"/monitoring/statistics", "get", "getStatistics", "What the node and its drivers count.", "200", "401", NULL,
	 false, NULL},
	{"/monitoring/audit", "get", "listAudit", "Who changed what, the oldest first.", "200", "401 404",
	 "Top SkipToken", false, NULL},
	{"/monitoring/trace", "post", "postTrace", "The way that a packet would take.", "200", "401 404", NULL, false,
	 JSON},
};

/* What stands in the braces of their paths. */
static const struct {
	const char *name, *help;
} parameters[] = {
	{"operationId", "As Azure-AsyncOperation has it."},
	{"accessKind", "tokens, certificates or enrollments."},
	{"accessId", "The name that the operator gave it; of an enrollment the id of the server."},
	{"hnvKind",
	 "lookupRecords, customerRoutes, providerAddresses, providerRoutes, ports, virtualGateways, publicAddresses, "
	 "natRules, connections, connectionAddresses or connectionRoutes."},
	{"hnvId", "Made of the record's key."},
	{"serverId", "The node's, as below /servers."},
};

static json_t *parameters_of(const char *path, bool *failed)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
		const char *at = strstr(path, parameters[i].name);

		if (at && at[-1] == '{' &&
		    json_array_append_new(list, gw_openapi_ref("parameters", parameters[i].name)) < 0)
			*failed = true;
	}
	return list;
}

static json_t *servers(const struct other *o)
{
	if (!strcmp(o->path, "/openapi.json"))
		return json_pack("[{s:s}, {s:s}]", "url", "/", "url", GW_API_PREFIX);
	return json_pack("[{s:s}]", "url", "/");
}

static void add_query(json_t *operation, const char *names, bool *failed)
{
	_cleanup_free_ char *copy = strdup(names);
	json_t *list = json_array();
	char *save = NULL;

	if (!copy)
		*failed = true;
	for (char *name = copy ? strtok_r(copy, " ", &save) : NULL; name; name = strtok_r(NULL, " ", &save))
		if (json_array_append_new(list, gw_openapi_ref("parameters", name)) < 0)
			*failed = true;
	gw_openapi_set(operation, "parameters", list, failed);
}

static void add_answers(json_t *responses, const char *statuses, bool *failed)
{
	static const char *const all[] = {"200", "201", "202", "204"};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strstr(statuses, all[i]))
			gw_openapi_set(responses, all[i], gw_openapi_ref("responses", i < 2 ? "Anything" : "Nothing"),
				       failed);
}

static void add_other(const struct other *o, json_t *paths, bool *failed)
{
	json_t *item = json_object_get(paths, o->path), *responses = gw_openapi_refusals(o->refusals, failed),
	       *of_body = gw_openapi_refusals(o->body ? "413 415" : "", failed), *operation;

	if (json_object_update(responses, of_body) < 0)
		*failed = true;
	json_decref(of_body);
	if (!item) {
		gw_openapi_set(paths, o->path, json_pack("{s:o}", "parameters", parameters_of(o->path, failed)),
			       failed);
		item = json_object_get(paths, o->path);
		if (o->is_outside)
			gw_openapi_set(item, "servers", servers(o), failed);
	}
	add_answers(responses, o->statuses, failed);
	operation = json_pack("{s:s, s:s, s:o}", "operationId", o->id, "summary", o->summary, "responses", responses);
	if (o->query)
		add_query(operation, o->query, failed);
	if (!strcmp(o->id, "getHealth") || !strcmp(o->id, "getAuthority")) /* nobody has to say who he is */
		gw_openapi_set(operation, "security", json_array(), failed);
	if (o->body)
		gw_openapi_set(operation, "requestBody",
			       json_pack("{s:b, s:{s:{s:{}}}}", "required", 1, "content", o->body, "schema"), failed);
	gw_openapi_set(item, o->method, operation, failed);
}

static json_t *make(void)
{
	json_t *document = gw_openapi_document(GW_VERSION, GW_API_PREFIX);
	json_t *paths = json_object_get(document, "paths"), *components = json_object_get(document, "components");
	json_t *of_components = json_object_get(components, "parameters"), *responses;
	bool failed = !document;

	responses = json_object_get(components, "responses");
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		add_other(&others[i], paths, &failed);
	for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
		if (json_object_get(of_components, parameters[i].name)) /* a resource has it */
			continue;
		gw_openapi_set(of_components, parameters[i].name,
			       json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", parameters[i].name, "in", "path",
					 "required", 1, "description", parameters[i].help, "schema", "type", "string"),
			       &failed);
	}
	gw_openapi_set(responses, "Anything",
		       json_pack("{s:s, s:{s:{s:{}}}}", "description", "As it is.", "content", "*/*", "schema"),
		       &failed);
	gw_openapi_set(responses, "Nothing", json_pack("{s:s}", "description", "It has no body."), &failed);
	if (failed) {
		json_decref(document);
		return NULL;
	}
	return document;
}

static char *text; /* kept as long as the process lives: it is the same for every node and request */
static uv_once_t text_made = UV_ONCE_INIT;

static void make_text(void)
{
	json_t *document = make();

	text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	json_decref(document);
}

static void on_openapi(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	(void)req;
	uv_once(&text_made, make_text);
	reply->text = text ? strdup(text) : NULL;
	if (!reply->text) {
		gw_error_oom(&err);
		gw_api_reply_error(reply, &err);
		return;
	}
	reply->status = 200;
	reply->content_type = GW_API_JSON_TYPE;
}

void gw_api_openapi(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	gw_api_in_background(req, reply, GW_API_USES_NOTHING, on_openapi, NULL);
}
