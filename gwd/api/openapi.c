/*
 * openapi.c - GET /openapi.json: the description of this interface. The resources' part comes from their tables
 * (model/openapi.h), the rest is told here in short. Made once, when it is asked for first. Called by the router.
 */
#include "api/router.h"

#include "model/openapi.h"

#include <errno.h>

/* Paths that are no resources of the provider API. Those outside its prefix say so by a server of their own. */
static const char others[] =
	"{"
	"\"/openapi.json\": {\"servers\": [{\"url\": \"/\"}, {\"url\": \"" GW_API_PREFIX "\"}], \"get\": {"
	" \"operationId\": \"getOpenApi\", \"summary\": \"This document.\", \"responses\": {"
	" \"200\": {\"$ref\": \"#/components/responses/Anything\"}}}},"
	"\"/version\": {\"servers\": [{\"url\": \"/\"}], \"get\": {"
	" \"operationId\": \"getVersion\", \"summary\": \"Name and version of this node.\", \"responses\": {"
	" \"200\": {\"$ref\": \"#/components/responses/Anything\"}}}},"
	"\"/healthz\": {\"servers\": [{\"url\": \"/\"}], \"get\": {"
	" \"operationId\": \"getHealth\", \"summary\": \"Whether the daemon answers.\", \"responses\": {"
	" \"200\": {\"$ref\": \"#/components/responses/Anything\"}}}},"
	"\"/readyz\": {\"servers\": [{\"url\": \"/\"}], \"get\": {"
	" \"operationId\": \"getReadiness\", \"summary\": \"Whether the node is in its intended state.\", "
	"\"responses\": {"
	" \"200\": {\"$ref\": \"#/components/responses/Anything\"},"
	" \"503\": {\"$ref\": \"#/components/responses/Unavailable\"}}}},"
	"\"/hnv/{hnvKind}\": {\"parameters\": [{\"$ref\": \"#/components/parameters/hnvKind\"}], \"get\": {"
	" \"operationId\": \"listHnv\", \"summary\": \"Records of this node.\","
	" \"parameters\": [{\"$ref\": \"#/components/parameters/Top\"},"
	"  {\"$ref\": \"#/components/parameters/SkipToken\"}], \"responses\": {"
	" \"200\": {\"$ref\": \"#/components/responses/Anything\"},"
	" \"400\": {\"$ref\": \"#/components/responses/BadRequest\"}}}},"
	"\"/hnv/batch\": {\"post\": {"
	" \"operationId\": \"postHnvBatch\", \"summary\": \"Puts and deletes of records, all or none.\","
	" \"requestBody\": {\"required\": true, \"content\": {\"application/json\": {\"schema\": {}}}}, \"responses\": "
	"{"
	" \"200\": {\"$ref\": \"#/components/responses/Anything\"},"
	" \"400\": {\"$ref\": \"#/components/responses/BadRequest\"},"
	" \"409\": {\"$ref\": \"#/components/responses/Conflict\"},"
	" \"413\": {\"$ref\": \"#/components/responses/RequestTooLarge\"}}}},"
	"\"/monitoring/statistics\": {\"get\": {"
	" \"operationId\": \"getStatistics\", \"summary\": \"What the node and its drivers count.\", \"responses\": {"
	" \"200\": {\"$ref\": \"#/components/responses/Anything\"}}}},"
	"\"/monitoring/trace\": {\"post\": {"
	" \"operationId\": \"postTrace\", \"summary\": \"The way that a packet would take.\","
	" \"requestBody\": {\"required\": true, \"content\": {\"application/json\": {\"schema\": {}}}}, \"responses\": "
	"{"
	" \"200\": {\"$ref\": \"#/components/responses/Anything\"},"
	" \"400\": {\"$ref\": \"#/components/responses/BadRequest\"}}}}"
	"}";

static const char record[] =
	"{"
	"\"parameters\": [{\"$ref\": \"#/components/parameters/hnvKind\"}, {\"$ref\": "
	"\"#/components/parameters/hnvId\"}],"
	"\"get\": {\"operationId\": \"getHnv\", \"summary\": \"One record.\", \"responses\": {"
	" \"200\": {\"$ref\": \"#/components/responses/Anything\"},"
	" \"400\": {\"$ref\": \"#/components/responses/BadRequest\"},"
	" \"404\": {\"$ref\": \"#/components/responses/NotFound\"}}},"
	"\"put\": {\"operationId\": \"putHnv\", \"summary\": \"Makes it, or replaces what it was.\","
	" \"requestBody\": {\"required\": true, \"content\": {\"application/json\": {\"schema\": {}}}}, \"responses\": "
	"{"
	" \"200\": {\"$ref\": \"#/components/responses/Anything\"},"
	" \"201\": {\"$ref\": \"#/components/responses/Anything\"},"
	" \"400\": {\"$ref\": \"#/components/responses/BadRequest\"},"
	" \"409\": {\"$ref\": \"#/components/responses/Conflict\"},"
	" \"412\": {\"$ref\": \"#/components/responses/PreconditionFailed\"}}},"
	"\"delete\": {\"operationId\": \"deleteHnv\", \"summary\": \"Deletes it.\", \"responses\": {"
	" \"200\": {\"description\": \"It is gone from the kernel.\"},"
	" \"204\": {\"description\": \"There was none.\"},"
	" \"400\": {\"$ref\": \"#/components/responses/BadRequest\"},"
	" \"412\": {\"$ref\": \"#/components/responses/PreconditionFailed\"}}}"
	"}";

static json_t *parameter(const char *name, const char *help, json_t *schema)
{
	return json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "in", "path", "required", 1, "description", help,
			 "schema", schema);
}

static json_t *kinds(void)
{
	json_t *names = json_array();

	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		json_array_append_new(names, json_string(gw_hnv_kind_path((enum gw_hnv_kind)k)));
	return json_pack("{s:s, s:o}", "type", "string", "enum", names);
}

static json_t *make(void)
{
	json_t *document = gw_openapi_document(GW_VERSION, GW_API_PREFIX), *more = json_loads(others, 0, NULL);
	json_t *paths = json_object_get(document, "paths"), *components = json_object_get(document, "components");
	json_t *parameters = json_object_get(components, "parameters");
	bool failed = json_object_update(paths, more) < 0;

	gw_openapi_set(paths, "/hnv/{hnvKind}/{hnvId}", json_loads(record, 0, NULL), &failed);
	gw_openapi_set(parameters, "hnvKind", parameter("hnvKind", "The kind of record.", kinds()), &failed);
	gw_openapi_set(parameters, "hnvId",
		       parameter("hnvId", "Made of the record's key.", json_pack("{s:s}", "type", "string")), &failed);
	gw_openapi_set(
		json_object_get(components, "responses"), "Anything",
		json_pack("{s:s, s:{s:{s:{}}}}", "description", "As it is.", "content", "application/json", "schema"),
		&failed);
	json_decref(more);
	if (failed) {
		json_decref(document);
		return NULL;
	}
	return document;
}

void gw_api_openapi(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	static json_t *document; /* kept as long as the process lives: it is the same for every node and request */

	(void)req;
	if (!document)
		document = make();
	gw_api_reply_json(reply, 200, json_incref(document));
}
