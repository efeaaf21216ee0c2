/*
 * hnv_list.c - GET /hnv/{kind}: a page of the low-level records. Called by the router.
 *
 * A node may have a million of them, in no order, and asking the kernel about a port takes its time; drivers are the loop's, so that
 * no thread can do it. The page is made in slices, a millisecond each at most, with turns of the loop in between:
 *
 *   finding: one walk over the kind, from the start again when records have changed meanwhile
 *   telling: copies of the page's records, one by one, as text
 */
#include "api/hnv.h"
#include "api/page.h"

#include "base/cleanup.h"
#include "base/percent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define TOP_MAX	   1000
#define SLICE_NS   1000000
#define LOOK_EVERY 256 /* records, at the clock */
#define RESTARTS   8   /* then it is found in one slice, so that an end comes */

struct listing {
	uv_idle_t idle; /* has the loop come back after each turn */
	const struct gw_service *service;
	struct gw_api_deferred *later; /* NULL: it is answered at once */
	enum gw_hnv_kind kind;
	struct gw_hnv_object *after; /* where the page begins; NULL: at the start */
	struct gw_api_page page;
	const void *member[TOP_MAX];
	/* Finding. */
	bool begun, found;
	uint64_t generation; /* of the intent */
	unsigned restarts;
	const struct gw_hnv_object *at;
	/* Telling: the members are copies then. */
	size_t told, len;
	char *text;
	FILE *out;
	bool failed; /* memory ran out */
};

static int by_key(const void *a, const void *b)
{
	return gw_api_key_cmp(a, b);
}

static struct listing *listing_free(struct listing *l)
{
	if (!l)
		return NULL;
	for (size_t i = 0; l->found && i < l->page.n; i++)
		gw_hnv_object_free((struct gw_hnv_object *)l->member[i]);
	if (l->out)
		fclose(l->out);
	free(l->text);
	gw_hnv_object_free(l->after);
	free(l);
	return NULL;
}

/* Of all that are under way in slices; on the loop's thread. */
static unsigned under_way;

/* --- finding ------------------------------------------------------------------------------------------------------ */

static void begin(struct listing *l)
{
	l->restarts += l->begun;
	l->begun = true;
	l->generation = gw_intent_generation(l->service->intent);
	l->at = NULL;
	l->page.n = 0;
	l->page.more = false;
}

/* Records may go before they have been told of. */
static void copy(struct listing *l)
{
	for (size_t i = 0; i < l->page.n; i++) {
		l->member[i] = gw_hnv_object_copy(l->member[i]);
		l->failed |= !l->member[i];
	}
	l->found = true;
}

/* Until the time has come, or the page has been found. */
static void find(struct listing *l, uint64_t until)
{
	if (!l->begun || l->generation != gw_intent_generation(l->service->intent))
		begin(l);
	for (unsigned n = 1; (l->at = gw_intent_next(l->service->intent, l->kind, l->at)); n++) {
		if (!l->after || gw_api_key_cmp(l->at, l->after) > 0)
			gw_api_page_add(&l->page, l->at);
		if (n % LOOK_EVERY == 0 && l->restarts < RESTARTS && uv_hrtime() >= until)
			return;
	}
	gw_api_page_sort(&l->page);
	copy(l);
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

static void tell_one(struct listing *l, const struct gw_hnv_object *o)
{
	json_t *j = gw_api_hnv_resource(l->service, o);

	fputs(l->told ? "," : "{\"value\":[", l->out);
	if (!j || json_dumpf(j, l->out, JSON_COMPACT) < 0)
		l->failed = true;
	json_decref(j);
	l->told++;
}

static void tell_end(struct listing *l)
{
	_cleanup_free_ char *escaped = NULL;
	char id[GW_ID_STRLEN];

	fputs(l->told ? "]" : "{\"value\":[]", l->out);
	if (l->page.more) {
		escaped = gw_percent_encode(gw_hnv_id(l->member[l->page.n - 1], id), GW_API_PLAIN);
		l->failed |= !escaped;
		/* Nothing that is escaped needs it in JSON. */
		fprintf(l->out, ",\"nextLink\":\"" GW_API_PREFIX "/hnv/%s?$top=%zu&$skipToken=%s\"",
			gw_hnv_kind_path(l->kind), l->page.max, escaped ? escaped : "");
	}
	fputc('}', l->out);
	if (fclose(l->out) != 0)
		l->failed = true;
	l->out = NULL;
}

/* One slice. Whether that was all. */
static bool go_on(struct listing *l, uint64_t until)
{
	if (!l->found)
		find(l, until);
	while (l->found && !l->failed && l->told < l->page.n) {
		if (uv_hrtime() >= until)
			return false;
		tell_one(l, l->member[l->told]);
	}
	if (l->found && !l->failed)
		tell_end(l);
	return l->found || l->failed;
}

/* --- answering ---------------------------------------------------------------------------------------------------- */

static void finish(struct listing *l, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (l->failed) {
		gw_error_oom(&err);
		gw_api_reply_error(reply, &err);
		return;
	}
	reply->status = 200;
	reply->text = l->text;
	reply->content_type = GW_API_JSON_TYPE;
	l->text = NULL;
}

static void on_closed(uv_handle_t *handle)
{
	listing_free(handle->data);
}

static void on_idle(uv_idle_t *idle)
{
	struct listing *l = idle->data;
	struct gw_api_reply reply = {0};

	if (!l->later->gone) { /* else with the server what it would look at */
		if (!go_on(l, uv_hrtime() + SLICE_NS / under_way))
			return;
		finish(l, &reply);
	}
	under_way--;
	gw_api_answer(l->later, &reply);
	uv_close((uv_handle_t *)idle, on_closed);
}

static int make(const struct gw_api_request *req, struct listing **ret, struct gw_error *err)
{
	struct listing *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return gw_error_oom(err);
	l->service = req->service;
	l->page = (struct gw_api_page){.member = l->member, .cmp = by_key};
	r = gw_api_hnv_kind(req, &l->kind, err);
	if (r == 0)
		r = gw_api_parse_top(req->query.top, TOP_MAX, &l->page.max, err);
	if (r == 0 && req->query.skip_token &&
	    (r = gw_hnv_decode_id(l->kind, req->query.skip_token, &l->after, err)) < 0)
		gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "$skipToken",
			     "not a token of this collection: follow nextLink as it is");
	if (r == 0 && !(l->out = open_memstream(&l->text, &l->len)))
		r = gw_error_oom(err);
	if (r < 0) {
		listing_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void gw_api_hnv_list(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	struct listing *l = NULL;

	if (make(req, &l, &err) < 0) {
		gw_api_reply_error(reply, &err);
		return;
	}
	if (go_on(l, req->loop ? uv_hrtime() + SLICE_NS : UINT64_MAX)) {
		finish(l, reply);
		listing_free(l);
		return;
	}
	l->later = gw_api_defer(req);
	if (!l->later) {
		go_on(l, UINT64_MAX);
		finish(l, reply);
		listing_free(l);
		return;
	}
	uv_idle_init(req->loop, &l->idle); /* neither can fail */
	uv_idle_start(&l->idle, on_idle);
	l->idle.data = l;
	under_way++;
}
