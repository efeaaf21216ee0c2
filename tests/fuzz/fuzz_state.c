/*
 * fuzz_state.c - what a controller tells a node: any pages, and what becomes of them in the node's records.
 *
 * Input: a line that says what the node is like, of the letters b (it refuses more than one change at a time, and cannot say why), h
 * (its disk is full at first) and u (it has a provider address of its configuration); then pages, one a line.
 *
 * A page is refused with a printable reason, or is part of an answer. Once an answer is carried out, every key of it is as it was
 * told, or counted among what failed; of a full answer there is nothing else. Carrying it out again changes nothing.
 */
#include "fuzz.h"

#include "base/log.h"
#include "sync/private.h"

#include <errno.h>

struct told {
	struct gw_hnv_object *object;
	bool is_delete, unreadable;
};

static struct {
	struct gw_config config;
	struct gw_intent *intent;
	struct gw_hnv_object *configured;
	struct gw_service service;
	bool one_by_one, full;
	uint64_t changed; /* how often something was */
} node;

/* --- the node ----------------------------------------------------------------------------------------------------- */

static int change(struct gw_hnv_op *op, struct gw_error *err)
{
	int r;

	if (op->is_delete)
		return gw_intent_get(node.intent, op->object) ? gw_intent_delete(node.intent, op->object, err) : 0;
	r = gw_intent_put(node.intent, op->object, err);
	if (r == 0)
		op->object = NULL;
	return r;
}

static int submit(void *ctx, struct gw_hnv_op *ops, size_t n, size_t *ret_failed, struct gw_error *err)
{
	int r = 0;

	(void)ctx;
	*ret_failed = n;
	if (node.full)
		return gw_error_set(err, ENOSPC, GW_ERR_UNAVAILABLE, "", "the disk is full");
	gw_intent_begin(node.intent);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = change(&ops[i], err);
		if (r < 0)
			*ret_failed = i;
	}
	if (r == 0)
		r = gw_intent_validate(node.intent, err);
	if (r == 0 && node.one_by_one && gw_intent_delta(node.intent).n > 1)
		r = gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "", "full");
	if (r < 0) {
		gw_intent_rollback(node.intent);
		return r;
	}
	node.changed += gw_intent_delta(node.intent).n;
	gw_intent_commit(node.intent);
	return 0;
}

static void add(const char *json)
{
	struct gw_hnv_change put;
	json_t *j = json_loads(json, 0, NULL);
	struct gw_hnv_op op;
	size_t failed;

	require(j && gw_hnv_change_decode(j, &node.config, &put, NULL) == 0);
	json_decref(j);
	op = (struct gw_hnv_op){.object = put.object};
	require(submit(NULL, &op, 1, &failed, NULL) == 0);
}

static void make_node(const char *like)
{
	static const char text[] =
		"[underlay]\ninterface = eth1\naddress = 192.0.2.77/24\n[engine]\nrecord_limit = 16\n"
		"[limits]\nports = 4\nroutes = 6\nprovider_addresses = 4\n";
	struct gw_intent_limits limits;

	memset(&node, 0, sizeof node);
	require(gw_config_parse(text, sizeof text - 1, "fuzz", &node.config, NULL) == 0);
	gw_config_intent_limits(&node.config, &limits);
	require(gw_intent_new(&limits, &node.intent) == 0);
	node.service = (struct gw_service){.intent = node.intent, .config = &node.config, .submit = submit};
	add("{\"put\":\"/hnv/lookupRecords/"
	    "5001-10.0.0.1\",\"properties\":{\"ProviderAddress\":\"192.0.2.1\",\"MACAddress\":"
	    "\"020000000001\"}}");
	add("{\"put\":\"/hnv/ports/tap0\",\"properties\":{\"MACAddress\":\"020000000002\",\"VirtualSubnetID\":5001}}");
	if (strchr(like, 'u')) {
		require(gw_config_provider_address(&node.config, &node.configured) == 0);
		add("{\"put\":\"/hnv/providerAddresses/"
		    "192.0.2.77\",\"properties\":{\"Interface\":\"eth1\",\"PrefixLength\":24}}");
	}
	node.one_by_one = strchr(like, 'b');
	node.full = strchr(like, 'h');
}

/* --- what it was told ---------------------------------------------------------------------------------------------- */

static bool is_configured(const struct gw_hnv_object *o)
{
	return node.configured && gw_hnv_same_key(o, node.configured);
}

/* Copies of what counts, before it is taken over. */
static struct told *copy_told(const struct gw_sync_answer *a, size_t *ret_n)
{
	struct told *told = calloc(a->changes.items.n + 1, sizeof *told);
	size_t n = 0;

	require(told);
	GW_HMAP_FOR_EACH (node_of, &a->changes.items) {
		const struct gw_sync_item *item = GW_CONTAINER_OF(node_of, struct gw_sync_item, node);

		told[n] = (struct told){gw_hnv_object_copy(item->object), item->is_delete, item->unreadable};
		require(told[n++].object);
	}
	*ret_n = n;
	return told;
}

static void require_told(const struct told *t, const struct gw_sync_changes *todo)
{
	const struct gw_hnv_object *now = gw_intent_get(node.intent, t->object);
	const struct gw_sync_item *item = gw_changes_find(todo, t->object);

	if (item) {
		require(item->failed && item->is_delete == t->is_delete);
		return;
	}
	require(!t->unreadable);
	if (is_configured(t->object))
		return;
	require(t->is_delete ? !now : now && gw_hnv_same_content(now, t->object));
}

static void require_nothing_else(const struct told *told, size_t n, const struct gw_sync_changes *todo)
{
	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(node.intent, (enum gw_hnv_kind)k, o));) {
			bool known = is_configured(o) || gw_changes_find(todo, o);

			for (size_t i = 0; !known && i < n; i++)
				known = gw_hnv_same_key(told[i].object, o);
			require(known);
		}
}

static void require_failures(const struct gw_sync_changes *todo)
{
	size_t told = 0, n = 0;

	GW_HMAP_FOR_EACH (node_of, &todo->items) {
		const struct gw_sync_item *item = GW_CONTAINER_OF(node_of, struct gw_sync_item, node);

		require(item->failed);
		if (item->error)
			require_reason(item->error);
		told += item->error != NULL;
		n++;
	}
	require(n == todo->items.n && (told > 0 || n == 0));
}

/* Slice by slice, as when there is time for no more. */
static void apply(struct gw_sync_changes *todo, bool all)
{
	struct gw_sync_round *r = gw_round_new(todo, &node.service, node.configured, all);
	bool untried;

	require(r);
	while (gw_round_go_on(r, 0))
		;
	gw_round_end(r, &untried);
}

static void carry_out(struct gw_sync_changes *todo, struct gw_sync_answer *a)
{
	bool full = a->full, forgets = a->changes.forgotten.n > 0;
	size_t n = 0, left;
	struct told *told = copy_told(a, &n);
	uint64_t changed;

	require(gw_changes_merge(todo, a, node.intent) == 0);
	require(a->changes.items.n == 0 && a->changes.forgotten.n == 0);
	apply(todo, false);
	require_failures(todo);
	if (node.full) {
		node.full = false;
		apply(todo, true);
		require_failures(todo);
	}
	/* What was told before its subnet was forgotten is not to be. */
	for (size_t i = 0; !forgets && i < n; i++)
		require_told(&told[i], todo);
	if (full)
		require_nothing_else(told, n, todo);
	if (node.configured)
		require(gw_hnv_same_content(gw_intent_get(node.intent, node.configured), node.configured));
	changed = node.changed;
	left = todo->items.n;
	apply(todo, true);
	require(left > 0 || node.changed == changed);
	require(todo->items.n <= left);
	for (size_t i = 0; i < n; i++)
		gw_hnv_object_free(told[i].object);
	free(told);
}

static void read_pages(char *text, struct gw_sync_changes *todo)
{
	struct gw_sync_answer a;
	struct gw_error err = GW_ERROR_INIT;
	char *page;

	require(gw_answer_init(&a) == 0);
	while ((page = strsep(&text, "\n"))) {
		if (gw_answer_read(&a, page, strlen(page), &node.config, &err) < 0) {
			require_reason(&err);
			break;
		}
		require(strlen(a.epoch) == GW_SYNC_EPOCHLEN - 1);
		if (*a.more)
			continue;
		carry_out(todo, &a);
		gw_answer_done(&a);
		require(gw_answer_init(&a) == 0);
	}
	gw_answer_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *like;
	struct gw_sync_changes todo;

	gw_log_init((enum gw_log_level)0);
	require(text && gw_changes_init(&todo) == 0);
	like = strsep(&rest, "\n");
	make_node(like);
	if (rest)
		read_pages(rest, &todo);
	gw_changes_done(&todo);
	gw_hnv_object_free(node.configured);
	gw_intent_free(node.intent);
	free(text);
	return 0;
}
