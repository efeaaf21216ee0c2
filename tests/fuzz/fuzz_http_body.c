/*
 * fuzz_http_body.c - any method, request target and body against the router and its handlers, with an intent
 * behind them and no sockets. Input: "METHOD TARGET[ CONDITION]\n" and the body; CONDITION goes into If-Match
 * and If-None-Match.
 *
 * Whatever comes, there is one answer with a body that can be printed; what was refused has changed nothing;
 * what was accepted can be read back.
 */
#include "fuzz.h"

#include "api/router.h"
#include "model/config.h"
#include "model/hnv_schema.h"

#include <errno.h>

struct node {
	struct gw_intent *intent;
	struct gw_access_table *access;
	uint64_t revision;
};

static int submit(void *ctx, struct gw_hnv_op *ops, size_t n, size_t *ret_failed, struct gw_error *err)
{
	struct node *node = ctx;
	int r = 0;

	*ret_failed = n;
	gw_intent_begin(node->intent);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct gw_hnv_object *now = gw_intent_get(node->intent, ops[i].object);

		*ret_failed = i;
		if ((ops[i].if_none_match && now) ||
		    (ops[i].has_if_match && (!now || now->revision != ops[i].if_match))) {
			r = gw_error_set(err, ESTALE, GW_ERR_PRECONDITION_FAILED, "If-Match", "not as expected");
		} else if (ops[i].is_delete) {
			r = now ? gw_intent_delete(node->intent, ops[i].object, err) : 0;
		} else {
			ops[i].object->revision = node->revision + 1;
			r = gw_intent_put(node->intent, ops[i].object, err);
			if (r == 0)
				ops[i].object = NULL;
		}
	}
	if (r == 0) {
		*ret_failed = n;
		r = gw_intent_validate(node->intent, err);
	}
	if (r < 0) {
		gw_intent_rollback(node->intent);
		return r;
	}
	node->revision += gw_intent_delta(node->intent).n > 0;
	gw_intent_commit(node->intent);
	return 0;
}

static void describe(void *ctx, const struct gw_hnv_object *o, json_t *properties)
{
	(void)ctx;
	(void)o;
	json_object_set_new(properties, "state", json_string("Up"));
}

static json_t *status(void *ctx)
{
	(void)ctx;
	return json_object();
}

static int trace(void *ctx, const json_t *query, json_t **ret, struct gw_error *err)
{
	(void)ctx;
	if (!json_is_object(query))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "", "no object");
	*ret = json_deep_copy(query);
	return 0;
}

static bool ready(void *ctx)
{
	(void)ctx;
	return true;
}

static uint64_t revision(void *ctx)
{
	return ((struct node *)ctx)->revision;
}

static int put_access(void *ctx, const struct gw_principal *who, struct gw_access_entry *e, struct gw_error *err)
{
	struct node *node = ctx;
	int r = gw_access_check(node->access, e, err);

	(void)who;
	if (r < 0)
		return r;
	e->revision = ++node->revision;
	return gw_access_put(node->access, e) < 0 ? gw_error_oom(err) : 0;
}

static int delete_access(void *ctx, const struct gw_principal *who, enum gw_access_kind kind, const char *name,
			 struct gw_error *err)
{
	struct node *node = ctx;

	(void)who;
	(void)err;
	node->revision += gw_access_delete(node->access, kind, name);
	return 0;
}

static void make_node(struct node *node, const struct gw_config *config, struct gw_service *ret)
{
	struct gw_intent_limits limits;

	gw_config_intent_limits(config, &limits);
	*node = (struct node){0};
	require(gw_intent_new(&limits, &node->intent) == 0);
	node->access = gw_access_table_new();
	require(node->access);
	*ret = (struct gw_service){
		.ctx = node,
		.intent = node->intent,
		.config = config,
		.submit = submit,
		.describe = describe,
		.status = status,
		.trace = trace,
		.ready = ready,
		.revision = revision,
		.access = node->access,
		.put_access = put_access,
		.delete_access = delete_access,
	};
}

/* A record and a port that requests can meet. */
static void populate(struct gw_service *service)
{
	static const char batch[] =
		"[{\"path\":\"/hnv/lookupRecords/5001-10.0.0.1\",\"body\":{\"ProviderAddress\":\"192.0.2.1\","
		"\"MACAddress\":\"020000000001\"}},{\"path\":\"/hnv/ports/tap0\",\"body\":"
		"{\"MACAddress\":\"020000000002\",\"VirtualSubnetID\":5001}}]";
	struct gw_api_request req = {.service = service, .body = batch, .body_len = sizeof batch - 1};
	struct gw_api_reply reply = {0};

	gw_api_hnv_batch(&req, &reply);
	require(reply.status == 200);
	gw_api_reply_done(&reply);
}

static size_t count(const struct gw_intent *in)
{
	size_t n = 0;

	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		n += gw_intent_count(in, (enum gw_hnv_kind)k);
	return n;
}

static void require_answer(const struct gw_api_reply *reply)
{
	char *text = reply->body ? json_dumps(reply->body, 0) : NULL;

	require(reply->status >= 200 && reply->status < 600);
	require(!reply->body || text);
	if (reply->status >= 400)
		require(json_is_string(json_object_get(json_object_get(reply->body, "error"), "code")));
	free(text);
}

/* Splits the first line at blanks; false when there are no two words. */
static bool parse_line(char *line, const char **method, const char **target, const char **condition)
{
	char *blank = strchr(line, ' ');

	if (!blank)
		return false;
	*blank = '\0';
	*method = line;
	*target = blank + 1;
	blank = strchr(blank + 1, ' ');
	*condition = blank ? blank + 1 : NULL;
	if (blank)
		*blank = '\0';
	return true;
}

static void request(struct gw_service *service, struct node *node, const char *method, const char *target,
		    const char *condition, const char *body, size_t n)
{
	struct gw_api_request req = {
		.service = service, .if_match = condition, .if_none_match = condition, .body = body, .body_len = n};
	size_t before = count(node->intent);
	uint64_t old = node->revision;
	struct gw_api_reply reply = {0};
	struct gw_api_match match;

	if (condition)
		req.if_match = *condition == '=' ? condition + 1 : NULL;
	if (req.if_match)
		req.if_none_match = NULL;
	if (gw_api_match(method, target, &match, &reply) == 0) {
		gw_api_dispatch(&match, &req, &reply);
		gw_api_match_done(&match);
	}
	require_answer(&reply);
	if (reply.status >= 300)
		require(node->revision == old && count(node->intent) == before);
	if (!strcmp(method, "PUT") && reply.status < 300) {
		struct gw_api_reply read = {0};

		require(reply.location && gw_api_match("GET", reply.location, &match, &read) == 0);
		req.if_match = req.if_none_match = NULL;
		gw_api_dispatch(&match, &req, &read);
		json_object_del(json_object_get(reply.body, "properties"), "token"); /* shown this once */
		require(read.status == 200 && json_equal(read.body, reply.body));
		gw_api_match_done(&match);
		gw_api_reply_done(&read);
	}
	gw_api_reply_done(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
	const char *method, *target, *condition;
	struct gw_service service;
	struct gw_config config;
	struct node node;
	char *line;

	if (!newline)
		return 0;
	line = strndup((const char *)data, (size_t)(newline - data));
	require(line && gw_config_parse("", 0, "none", &config, NULL) == 0);
	if (parse_line(line, &method, &target, &condition)) {
		make_node(&node, &config, &service);
		populate(&service);
		request(&service, &node, method, target, condition, (const char *)newline + 1,
			size - (size_t)(newline + 1 - data));
		gw_intent_free(node.intent);
		gw_access_table_free(node.access);
	}
	free(line);
	return 0;
}
