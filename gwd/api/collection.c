/*
 * collection.c - see collection.h. Called by resource.c, on a thread when there is much to look at.
 *
 * The order is that of the ids, and that of the tenants where several have the same. A page ends after $top resources, or earlier
 * when they have very many children: what one answer takes of memory has to have an end.
 */
#include "api/collection.h"
#include "api/page.h"

#include "base/cleanup.h"
#include "base/percent.h"
#include "control/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TOP_MAX	    1000
#define WEIGHT_MAX  4096
#define TENANT_MARK "!" /* in a token, between id and tenant; neither has one */

/* Where a page begins: behind it. */
struct mark {
	char id[GW_RESOURCE_ID_MAX + 1];
	const char *tenant;
};

static const char *tenant_of(const struct gw_resource *r)
{
	const char *tenant = gw_resource_tenant(r);

	return tenant ? tenant : "";
}

static int by_id(const void *a, const void *b)
{
	const struct gw_resource *x = a, *y = b;
	int c = strcasecmp(x->id, y->id);

	return c ? c : strcmp(tenant_of(x), tenant_of(y));
}

static bool is_behind(const struct gw_resource *r, const struct mark *m)
{
	int c = strcasecmp(r->id, m->id);

	return c > 0 || (c == 0 && strcmp(tenant_of(r), m->tenant) > 0);
}

static int no_token(struct gw_error *err)
{
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "$skipToken",
			    "not a token of this collection: follow nextLink as it is");
}

static int read_mark(const char *token, struct mark *ret, struct gw_error *err)
{
	const char *end = strchrnul(token, *TENANT_MARK);

	if ((size_t)(end - token) > GW_RESOURCE_ID_MAX)
		return no_token(err);
	memcpy(ret->id, token, (size_t)(end - token));
	ret->id[end - token] = '\0';
	ret->tenant = *end ? end + 1 : end;
	return gw_resource_id_valid(ret->id) && (!*end || gw_tenant_valid(ret->tenant)) ? 0 : no_token(err);
}

/* "?tenantId=a" of the request, or "". */
static const char *qualifier(const struct gw_api_request *req)
{
	const char *s = strchr(req->rest, '?');

	return s ? s : "";
}

static void collect(const struct gw_api_request *req, const struct gw_resource *parent, enum gw_kind kind,
		    const struct mark *mark, struct gw_api_page *page)
{
	const struct gw_catalog *c = gw_control_catalog(req->service->control);
	const char *named = strchr(qualifier(req), '=');
	const char *of = req->who->access == GW_ACCESS_TENANT ? req->who->tenant : named && named[1] ? named + 1 : NULL;
	const struct gw_resource *r = NULL;

	while ((r = of && !parent ? gw_catalog_next_of(c, of, kind, r) : gw_catalog_next(c, parent, kind, r)))
		if (gw_control_sees(req->who, r) && (!mark || is_behind(r, mark)) &&
		    (!named || !strcmp(tenant_of(r), named + 1)))
			gw_api_page_add(page, r);
	gw_api_page_sort(page);
}

/* How many of them one answer has room for: one at least. */
static size_t room_for(const struct gw_catalog *c, const struct gw_api_page *page)
{
	size_t weight = 0;

	for (size_t i = 0; i < page->n; i++) {
		weight += gw_resource_weight(c, page->member[i], WEIGHT_MAX);
		if (i > 0 && weight > WEIGHT_MAX)
			return i;
	}
	return page->n;
}

static json_t *next_link(const struct gw_api_request *req, const struct gw_resource *last, size_t top)
{
	const char *tenant = tenant_of(last), *query = qualifier(req);
	_cleanup_free_ char *token = NULL, *escaped = NULL;

	if (asprintf(&token, "%s%.*s%s", last->id, *tenant ? 1 : 0, TENANT_MARK, tenant) < 0) {
		token = NULL;
		return NULL;
	}
	escaped = gw_percent_encode(token, GW_API_PLAIN);
	return escaped ? json_sprintf(GW_API_PREFIX "%.*s?%s%s$top=%zu&$skipToken=%s", (int)strcspn(req->rest, "?"),
				      req->rest, *query ? query + 1 : "", *query ? "&" : "", top, escaped)
		       : NULL;
}

static json_t *encode(const struct gw_api_request *req, const struct gw_api_page *page, size_t n, size_t top)
{
	const struct gw_catalog *c = gw_control_catalog(req->service->control);
	json_t *body = json_object(), *value = json_array();
	int r = json_object_set_new(body, "value", value);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = json_array_append_new(value, gw_resource_encode(c, page->member[i]));
	if (r == 0 && (page->more || n < page->n))
		r = json_object_set_new(body, "nextLink", next_link(req, page->member[n - 1], top));
	if (r == 0)
		return body;
	json_decref(body);
	return NULL;
}

int gw_api_collection(const struct gw_api_request *req, const struct gw_resource *parent, enum gw_kind kind,
		      struct gw_api_reply *reply, struct gw_error *err)
{
	const struct gw_catalog *c = gw_control_catalog(req->service->control);
	_cleanup_free_ const void **members = NULL;
	struct gw_api_page page = {.cmp = by_id};
	struct mark mark = {.tenant = ""};
	size_t top = 0;
	int r = gw_api_parse_top(req->query.top, TOP_MAX, &top, err);

	if (r == 0 && req->query.skip_token)
		r = read_mark(req->query.skip_token, &mark, err);
	if (r < 0)
		return r;
	members = calloc(top, sizeof *members);
	if (!members)
		return gw_error_oom(err);
	page.member = members;
	page.max = top;
	collect(req, parent, kind, req->query.skip_token ? &mark : NULL, &page);
	gw_api_reply_json(reply, 200, encode(req, &page, room_for(c, &page), top));
	return 0;
}
