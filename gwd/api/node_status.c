/*
 * node_status.c - PUT /servers/{id}/status: what a node says of itself. Called by the router.
 *
 *     {"epoch": "9f..", "revision": 1207, "version": "0.1.0", "state": "Synced", "message": "", "failed": 1,
 *      "failures": [{"path": "/hnv/ports/tap0", "code": "Conflict", "message": "..."}], "statistics": {...},
 *      "ports": {"tap1": {"state": "Up", "counters": {...}}}, "addresses": {"192.0.2.1": "Up"}, "warnings": ["..."],
 *      "gateway": {...}}                      which is in node_gateway.c
 *
 * What a later version adds has no meaning here, and is let through.
 */
#include "api/node.h"

#include "base/addr.h"
#include "base/utf8.h"
#include "model/hnv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX	  512
#define STATISTICS_DEPTH  4
#define STATISTICS_VALUES 512
#define PORTS_MAX	  4096
#define ADDRESSES_MAX	  4096
#define PORT_VALUES	  16
#define LIGHT_BODY	  16384

static int bad(struct gw_error *err, const char *name, const char *what)
{
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, name, "%s", what);
}

/* A text that is shown to people; absent: empty. */
static int take_text(const json_t *body, const char *name, char *buf, size_t size, struct gw_error *err)
{
	const json_t *value = json_object_get(body, name);
	const char *text = value ? json_string_value(value) : "";

	if (!text || strlen(text) >= size || !gw_utf8_is_printable(text))
		return bad(err, name, "must be a short text");
	memcpy(buf, text, strlen(text) + 1);
	return 0;
}

static int take_number(const json_t *body, const char *name, json_int_t max, uint64_t *ret, struct gw_error *err)
{
	const json_t *value = json_object_get(body, name);

	if (value && (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max))
		return bad(err, name, "must be a number");
	*ret = (uint64_t)json_integer_value(value);
	return 0;
}

static int take_epoch(const json_t *body, uint64_t *ret, struct gw_error *err)
{
	char text[17];
	int r = take_text(body, "epoch", text, sizeof text, err);

	if (r == 0 && strspn(text, "0123456789abcdefABCDEF") != strlen(text))
		r = bad(err, "epoch", "is what the state came with");
	if (r == 0)
		*ret = strtoull(text, NULL, 16);
	return r;
}

static int take_state(const json_t *body, enum gw_node_state *ret, struct gw_error *err)
{
	static const char *const names[] = {
		[GW_NODE_SYNCED] = "Synced", [GW_NODE_PENDING] = "Pending", [GW_NODE_FAILING] = "Failing"};
	char text[16];
	int r = take_text(body, "state", text, sizeof text, err);

	for (size_t i = 0; r == 0 && i < sizeof names / sizeof *names; i++)
		if (!strcmp(text, names[i])) {
			*ret = (enum gw_node_state)i;
			return 0;
		}
	return r < 0 ? r : bad(err, "state", "must be Synced, Pending or Failing");
}

/* A copy that has nothing but what is meant. */
static int take_failures(const json_t *body, json_t **ret, struct gw_error *err)
{
	static const char *const names[] = {"path", "code", "message"};
	const json_t *list = json_object_get(body, "failures"), *one;
	size_t i;

	*ret = json_array();
	if (list && (!json_is_array(list) || json_array_size(list) > GW_NODE_FAILURES))
		return bad(err, "failures", "must be a list of up to 64");
	json_array_foreach(list, i, one)
	{
		json_t *copy = json_object();

		if (json_array_append_new(*ret, copy) < 0)
			return gw_error_oom(err);
		for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
			char text[TEXT_MAX];

			if (take_text(one, names[n], text, sizeof text, err) < 0) {
				gw_error_prefix(err, "failures[%zu].", i);
				return -EINVAL;
			}
			json_object_set_new(copy, names[n], json_string(text));
		}
	}
	return 0;
}

/* Numbers, and objects of them, as many as an engine may have; anything else would be shown to people. */
static bool is_statistics(const json_t *j, unsigned depth, size_t *left)
{
	const char *key;
	json_t *value;

	if (json_is_number(j))
		return true;
	if (!json_is_object(j) || depth == 0 || json_object_size(j) > *left)
		return false;
	*left -= json_object_size(j);
	json_object_foreach((json_t *)j, key, value) if (strlen(key) > 64 || !gw_utf8_is_printable(key) ||
							 !is_statistics(value, depth - 1, left)) return false;
	return true;
}

static int take_statistics(const json_t *body, json_t **ret, struct gw_error *err)
{
	json_t *value = json_object_get(body, "statistics");
	size_t left = STATISTICS_VALUES;

	if (value && (!json_is_object(value) || !is_statistics(value, STATISTICS_DEPTH, &left)))
		return bad(err, "statistics", "must be an object of numbers, and of objects of them");
	*ret = json_incref(value);
	return 0;
}

static int take_port(const json_t *port, json_t **ret, struct gw_error *err)
{
	json_t *counters = json_object_get(port, "counters");
	size_t left = PORT_VALUES;
	char state[32], detail[TEXT_MAX];
	int r = take_text(port, "state", state, sizeof state, err);

	if (r == 0)
		r = take_text(port, "detail", detail, sizeof detail, err);
	if (r == 0 && counters && (!json_is_object(counters) || !is_statistics(counters, 1, &left)))
		r = bad(err, "counters", "must be an object of numbers");
	if (r == 0)
		*ret = json_pack("{s:s, s:s, s:O*}", "state", state, "detail", detail, "counters", counters);
	return r;
}

static int take_ports(const json_t *body, json_t **ret, struct gw_error *err)
{
	json_t *all = json_object_get(body, "ports"), *port, *copy = NULL;
	const char *name;
	int r;

	if (!all)
		return 0;
	if (!json_is_object(all) || json_object_size(all) > PORTS_MAX)
		return bad(err, "ports", "must be an object of up to 4096");
	*ret = json_object();
	json_object_foreach(all, name, port)
	{
		if (!gw_hnv_interface_valid(name))
			return bad(err, "ports", "are named as interfaces are");
		r = take_port(port, &copy, err);
		if (r < 0) {
			gw_error_prefix(err, "ports.%s.", name);
			return r;
		}
		if (json_object_set_new(*ret, name, copy) < 0)
			return gw_error_oom(err);
	}
	return 0;
}

static int take_addresses(const json_t *body, json_t **ret, struct gw_error *err)
{
	json_t *all = json_object_get(body, "addresses"), *value;
	const char *name;

	if (!all)
		return 0;
	if (!json_is_object(all) || json_object_size(all) > ADDRESSES_MAX)
		return bad(err, "addresses", "must be an object of up to 4096");
	*ret = json_object();
	json_object_foreach(all, name, value)
	{
		char state[32], text[GW_ADDR_STRLEN];
		struct gw_addr a;

		if (gw_addr_parse(name, &a) < 0)
			return bad(err, "addresses", "are named as addresses are");
		if (take_text(all, name, state, sizeof state, err) < 0) {
			gw_error_prefix(err, "addresses.");
			return -EINVAL;
		}
		if (json_object_set(*ret, gw_addr_format(&a, text), value) < 0)
			return gw_error_oom(err);
	}
	return 0;
}

static int take_warnings(const json_t *body, json_t **ret, struct gw_error *err)
{
	json_t *list = json_object_get(body, "warnings"), *one;
	size_t i;

	if (!list)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > GW_NODE_WARNINGS)
		return bad(err, "warnings", "must be a list of up to 16");
	json_array_foreach(list, i, one)
	{
		const char *text = json_string_value(one);

		if (!text || strlen(text) >= TEXT_MAX || !gw_utf8_is_printable(text))
			return bad(err, "warnings", "must be short texts");
	}
	*ret = json_incref(list);
	return 0;
}

static int read_report(const json_t *body, struct gw_node_report *ret, struct gw_error *err)
{
	uint64_t failed = 0;
	int r = json_is_object(body) ? 0 : bad(err, "", "a report is a JSON object");

	if (r == 0)
		r = take_epoch(body, &ret->epoch, err);
	if (r == 0)
		r = take_number(body, "revision", INT64_MAX, &ret->revision, err);
	if (r == 0)
		r = take_number(body, "failed", INT32_MAX, &failed, err);
	if (r == 0)
		r = take_text(body, "version", ret->version, sizeof ret->version, err);
	if (r == 0)
		r = take_text(body, "message", ret->message, sizeof ret->message, err);
	if (r == 0)
		r = take_state(body, &ret->state, err);
	if (r == 0)
		r = take_failures(body, &ret->failures, err);
	if (r == 0)
		r = take_statistics(body, &ret->statistics, err);
	if (r == 0)
		r = take_ports(body, &ret->ports, err);
	if (r == 0)
		r = take_addresses(body, &ret->addresses, err);
	if (r == 0)
		r = take_warnings(body, &ret->warnings, err);
	if (r == 0)
		r = gw_api_take_gateway(body, &ret->gateway, err);
	ret->failed = (unsigned)failed;
	return r;
}

static void discard(void *what)
{
	gw_node_report_done(what);
	free(what);
}

static int read_body(const struct gw_api_request *req, void **ret, struct gw_error *err)
{
	struct gw_node_report *report = calloc(1, sizeof *report);
	json_t *body = NULL;
	int r = report ? gw_api_parse_json(req->body, req->body_len, &body, err) : gw_error_oom(err);

	if (r == 0)
		r = read_report(body, report, err);
	json_decref(body);
	if (r < 0 && report)
		discard(report);
	else
		*ret = report;
	return r;
}

static void carry_out(const struct gw_api_request *req, void *what, struct gw_api_reply *reply)
{
	const struct gw_resource *server = NULL;
	struct gw_error err = GW_ERROR_INIT;
	int r = gw_api_node_find(req, &server, &err);

	if (r == 0 && gw_control_report(req->service->control, server, what) < 0)
		r = gw_error_oom(&err);
	if (r < 0)
		gw_api_reply_error(reply, &err);
	else
		reply->status = 204;
}

static const struct gw_api_reading reading = {.read = read_body, .carry_out = carry_out, .discard = discard};

static void at_once(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	void *report = NULL;

	if (read_body(req, &report, &err) < 0) {
		gw_api_reply_error(reply, &err);
		return;
	}
	carry_out(req, report, reply);
	discard(report);
}

/* A gateway with many tenants has much to tell. */
void gw_api_node_status(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	const struct gw_resource *server;

	if (gw_api_node_find(req, &server, &err) < 0)
		gw_api_reply_error(reply, &err);
	else if (req->body_len > LIGHT_BODY)
		gw_api_read_in_background(req, reply, &reading);
	else
		at_once(req, reply);
}
