/*
 * router.c - the table of what the API serves, and the way from a request target to its row.
 *
 * Pure: neither sockets nor the HTTP library. Called by http.c.
 */
#include "api/router.h"

#include "base/percent.h"
#include "model/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_SEGMENTS 8
#define MAX_METHODS  3
#define BACKUP_MAX   ((size_t)1 << 30)

struct action {
	const char *method;
	gw_api_handler handler;
	enum gw_api_limit limit;
};

#define BIT(access) (1u << GW_ACCESS_##access)
enum {
	OPERATORS = BIT(OPERATOR),
	WATCHERS = BIT(OPERATOR) | BIT(MONITOR),
	KNOWN = BIT(OPERATOR) | BIT(TENANT) | BIT(HOST) | BIT(MONITOR),
	ANYBODY = KNOWN | BIT(NONE),
	ENROLLING = 1u << GW_ACCESS_MAX, /* with a one-time token */
};

/* "*" takes one segment, "**" at the end all that are left. The first row that fits counts. */
static const struct route {
	const char *pattern;
	unsigned roles;
	struct action actions[MAX_METHODS];
} routes[] = {
	{GW_API_PREFIX "/hnv/batch", WATCHERS, {{"POST", gw_api_hnv_batch, GW_API_LIMIT_BATCH}}},
	{GW_API_PREFIX "/hnv/*", WATCHERS, {{"GET", gw_api_hnv_list, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/hnv/*/*",
	 WATCHERS,
	 {{"GET", gw_api_hnv_get, GW_API_LIMIT_BODY},
	  {"PUT", gw_api_hnv_put, GW_API_LIMIT_BODY},
	  {"DELETE", gw_api_hnv_delete, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/access/*", OPERATORS, {{"GET", gw_api_access_list, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/access/*/*",
	 OPERATORS,
	 {{"GET", gw_api_access_get, GW_API_LIMIT_BODY},
	  {"PUT", gw_api_access_put, GW_API_LIMIT_BODY},
	  {"DELETE", gw_api_access_delete, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/monitoring/statistics", WATCHERS, {{"GET", gw_api_statistics, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/monitoring/audit", WATCHERS, {{"GET", gw_api_audit, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/monitoring/trace", WATCHERS, {{"POST", gw_api_trace, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/ca", ANYBODY, {{"GET", gw_api_ca, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/servers/*/certificate",
	 BIT(HOST) | ENROLLING,
	 {{"POST", gw_api_certificate, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/enrollment",
	 WATCHERS,
	 {{"GET", gw_api_enrollment_get, GW_API_LIMIT_BODY}, {"PUT", gw_api_enrollment_put, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/backup",
	 OPERATORS,
	 {{"GET", gw_api_backup_get, GW_API_LIMIT_BODY}, {"PUT", gw_api_backup_put, GW_API_LIMIT_BACKUP}}},
	{GW_API_PREFIX "/operations/*",
	 BIT(OPERATOR) | BIT(TENANT) | BIT(MONITOR),
	 {{"GET", gw_api_operation, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/operationResults/*",
	 BIT(OPERATOR) | BIT(TENANT) | BIT(MONITOR),
	 {{"GET", gw_api_operation, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/openapi.json", KNOWN, {{"GET", gw_api_openapi, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/batch",
	 BIT(OPERATOR) | BIT(TENANT) | BIT(MONITOR),
	 {{"POST", gw_api_resource_batch, GW_API_LIMIT_BATCH}}},
	{GW_API_PREFIX "/servers/*/state", WATCHERS | BIT(HOST), {{"GET", gw_api_node_state, GW_API_LIMIT_BODY}}},
	{GW_API_PREFIX "/servers/*/status",
	 BIT(OPERATOR) | BIT(HOST),
	 {{"PUT", gw_api_node_status, GW_API_LIMIT_BATCH}}}, /* a gateway may have much to tell */
	{GW_API_PREFIX "/**",
	 BIT(OPERATOR) | BIT(TENANT) | BIT(MONITOR),
	 {{"GET", gw_api_resource_get, GW_API_LIMIT_BODY},
	  {"PUT", gw_api_resource_put, GW_API_LIMIT_BODY},
	  {"DELETE", gw_api_resource_delete, GW_API_LIMIT_BODY}}},
	{"/openapi.json", KNOWN, {{"GET", gw_api_openapi, GW_API_LIMIT_BODY}}},
	{"/metrics", WATCHERS, {{"GET", gw_api_metrics, GW_API_LIMIT_BODY}}},
	{"/version", KNOWN, {{"GET", gw_api_version, GW_API_LIMIT_BODY}}},
	{"/healthz", ANYBODY, {{"GET", gw_api_healthz, GW_API_LIMIT_BODY}}},
	{"/readyz", KNOWN, {{"GET", gw_api_readyz, GW_API_LIMIT_BODY}}},
};

/* Splits at '/' in place, then decodes; a trailing '/' makes no segment. Returns the count or -EINVAL. */
static int split_path(char *path, const char *segments[static MAX_SEGMENTS])
{
	int n = 0;

	if (*path != '/')
		return -EINVAL;
	while (path && path[1]) {
		char *segment = ++path;

		if (n == MAX_SEGMENTS)
			return -EINVAL;
		path = strchr(segment, '/');
		if (path)
			*path = '\0';
		if (gw_percent_decode(segment) < 0)
			return -EINVAL;
		segments[n++] = segment;
		if (path && !path[1])
			break;
	}
	return n;
}

/* *ret_rest is the number of the first segment that "**" took, n without one. */
static bool fits(const char *pattern, const char *const *segments, int n, const char *ret_param[2], int *ret_rest)
{
	int i = 0, params = 0;

	*ret_rest = n;

	while (*pattern) {
		size_t len;

		pattern++; /* '/' */
		len = strcspn(pattern, "/");
		if (i == n)
			return false;
		if (len == 2 && !strncmp(pattern, "**", 2)) {
			*ret_rest = i;
			return true;
		}
		if (len == 1 && *pattern == '*')
			ret_param[params++] = segments[i];
		else if (strlen(segments[i]) != len || strncasecmp(pattern, segments[i], len) != 0)
			return false;
		i++;
		pattern += len;
	}
	return i == n;
}

/* NULL: it has no meaning. */
static const char **find_option(struct gw_api_query *query, const char *name)
{
	const struct {
		const char *name;
		const char **value;
	} options[] = {
		{"$top", &query->top},	  {"$skipToken", &query->skip_token}, {"tenantId", &query->tenant},
		{"since", &query->since}, {"epoch", &query->epoch},	      {"wait", &query->wait},
		{"more", &query->more},
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (!strcasecmp(name, options[i].name))
			return options[i].value;
	return NULL;
}

/* Another name with '$' would change the answer, so it is refused, anything else has no meaning. */
static int parse_query(char *query, struct gw_api_match *match, struct gw_error *err)
{
	char *save = NULL;

	for (char *pair = strtok_r(query, "&", &save); pair; pair = strtok_r(NULL, "&", &save)) {
		char *value = strchr(pair, '=');
		const char **option;

		if (value)
			*value++ = '\0';
		if (gw_percent_decode(pair) < 0 || (value && gw_percent_decode(value) < 0))
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "query", "bad percent-encoding");
		option = find_option(&match->query, pair);
		if (option && *option)
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, pair,
					    "given more than once: which one counts?");
		if (option)
			*option = value ? value : "";
		else if (*pair == '$')
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, pair,
					    "this query option is not supported; $top and $skipToken are");
	}
	return 0;
}

static int find_action(const struct route *route, const char *method, struct gw_api_match *match,
		       struct gw_api_reply *reply, struct gw_error *err)
{
	bool head = !strcmp(method, "HEAD");
	size_t at = 0;

	for (size_t i = 0; i < MAX_METHODS && route->actions[i].method; i++) {
		const struct action *action = &route->actions[i];
		const char *also_head = !strcmp(action->method, "GET") ? ", HEAD" : "";

		at += (size_t)snprintf(reply->allow + at, sizeof reply->allow - at, "%s%s%s", at ? ", " : "",
				       action->method, also_head);
		if (strcmp(action->method, method) != 0 && !(head && *also_head))
			continue;
		match->handler = action->handler;
		match->pattern = route->pattern;
		match->method = action->method;
		match->limit = action->limit;
		match->roles = route->roles;
		match->reads = *also_head;
		reply->allow[0] = '\0';
		return 0;
	}
	return gw_error_set(err, EOPNOTSUPP, GW_ERR_METHOD_NOT_ALLOWED, method, "this resource accepts %s",
			    reply->allow);
}

/* The segments again as one path. What had a '/' or '?' of its own would be another one. */
static int join(const char *const *segments, int from, int n, struct gw_api_match *match, struct gw_error *err)
{
	size_t len = 1;
	char *to;

	for (int i = from; i < n; i++) {
		if (!*segments[i] || strpbrk(segments[i], "/?"))
			return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, "", "there is no such resource");
		len += 1 + strlen(segments[i]);
	}
	match->rest = to = malloc(len);
	if (!to)
		return gw_error_oom(err);
	for (int i = from; i < n; i++)
		to += sprintf(to, "/%s", segments[i]);
	return 0;
}

static int find_route(const char *method, char *path, struct gw_api_match *match, struct gw_api_reply *reply,
		      struct gw_error *err)
{
	const char *segments[MAX_SEGMENTS];
	int n = split_path(path, segments), rest, r;

	for (size_t i = 0; n >= 0 && i < sizeof routes / sizeof *routes; i++) {
		if (!fits(routes[i].pattern, segments, n, match->param, &rest))
			continue;
		if (rest < n && join(segments, rest, n, match, err) < 0)
			return -ENOENT;
		r = find_action(&routes[i], method, match, reply, err);
		match->joins = !match->reads && (rest < n || match->handler == gw_api_node_status);
		return r;
	}
	return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, "",
			    "there is no such resource; all are below " GW_API_PREFIX);
}

static int add_tenant(struct gw_api_match *match, struct gw_error *err)
{
	char *with = NULL;

	if (asprintf(&with, "%s?tenantId=%s", match->rest, match->query.tenant) < 0)
		return gw_error_oom(err);
	free(match->rest);
	match->rest = with;
	return 0;
}

int gw_api_match(const char *method, const char *target, struct gw_api_match *ret, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_api_match match = {.text = strdup(target)};
	char *query;
	int r;

	if (!match.text) {
		r = gw_error_oom(&err);
		goto refused;
	}
	query = strchr(match.text, '?');
	if (query)
		*query++ = '\0';
	r = find_route(method, match.text, &match, reply, &err);
	if (r == 0 && query)
		r = parse_query(query, &match, &err);
	if (r == 0 && match.rest && match.query.tenant)
		r = add_tenant(&match, &err);
	if (r < 0)
		goto refused;
	*ret = match;
	return 0;
refused:
	gw_api_match_done(&match);
	gw_api_reply_error(reply, &err);
	return r;
}

bool gw_api_is_open(const struct gw_api_match *match)
{
	return match->roles & BIT(NONE);
}

int gw_api_authorize(const struct gw_api_match *match, const struct gw_principal *who, struct gw_error *err)
{
	bool enrolls = who->proof == GW_PROOF_ENROLLMENT;
	bool allowed = match->roles & (enrolls ? ENROLLING : 1u << who->access);

	if (enrolls && !allowed)
		return gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, "",
				    "a one-time token lets the node %s get its certificate, and do nothing else",
				    who->name);
	if (allowed && (match->reads || who->access != GW_ACCESS_MONITOR))
		return 0;
	return gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, "", "%s, which has the role %s, may not do this%s",
			    who->name, gw_access_name(who->access),
			    who->access == GW_ACCESS_MONITOR && allowed ? ": a monitor may GET and HEAD only" : "");
}

void gw_api_match_done(struct gw_api_match *match)
{
	free(match->text);
	free(match->rest);
	*match = (struct gw_api_match){0};
}

size_t gw_api_body_limit(const struct gw_api_match *match, const struct gw_config *config)
{
	if (match->limit == GW_API_LIMIT_BACKUP)
		return BACKUP_MAX;
	return match->limit == GW_API_LIMIT_BATCH ? config->batch_limit : config->body_limit;
}

const char *gw_api_body_type(const struct gw_api_match *match)
{
	return match->limit == GW_API_LIMIT_BACKUP ? "application/octet-stream" : "application/json";
}

void gw_api_dispatch(const struct gw_api_match *match, struct gw_api_request *req, struct gw_api_reply *reply)
{
	req->param[0] = match->param[0];
	req->param[1] = match->param[1];
	req->rest = match->rest;
	req->query = match->query;
	match->handler(req, reply);
}
