/*
 * fuzz_hnv_json.c - any JSON as a record. The first line of the input is the resource id (empty: none) after
 * a character that chooses the kind; the rest is the body. What is decoded must survive encoding, keep its
 * id, and enter an intent or be refused with a printable reason; nothing leaks.
 */
#include "fuzz.h"

#include "model/hnv_schema.h"
#include "model/intent.h"

static void put(struct gw_hnv_object *o, const struct gw_config *config)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_intent_limits limits;
	struct gw_intent *in;
	struct gw_hnv_object *copy = gw_hnv_object_copy(o);

	gw_config_intent_limits(config, &limits);
	require(copy && gw_intent_new(&limits, &in) == 0);
	gw_intent_begin(in);
	if (gw_intent_put(in, copy, &err) < 0) {
		require_reason(&err);
		gw_hnv_object_free(copy);
		gw_intent_rollback(in);
	} else {
		require(gw_intent_validate(in, &err) == 0 && gw_intent_get(in, o));
		gw_intent_commit(in);
	}
	gw_intent_free(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_object *o = NULL, *again = NULL;
	char id[300], id1[GW_ID_STRLEN], id2[GW_ID_STRLEN];
	enum gw_hnv_kind kind;
	struct gw_config config;
	const uint8_t *newline;
	json_t *body, *out;
	size_t n;

	if (size < 2 || !(newline = memchr(data, '\n', size)) || (n = (size_t)(newline - data)) < 1 || n > sizeof id)
		return 0;
	kind = (enum gw_hnv_kind)((data[0] - '0') % GW_HNV_KIND_MAX);
	if ((int)kind < 0 || (int)kind >= GW_HNV_KIND_MAX)
		return 0;
	memcpy(id, data + 1, n - 1);
	id[n - 1] = '\0';
	require(gw_config_parse("", 0, "none", &config, NULL) == 0);
	body = json_loadb((const char *)newline + 1, size - n - 1, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (!body)
		return 0;
	if (gw_hnv_decode(kind, *id ? id : NULL, body, &config, &o, &err) < 0) {
		require_reason(&err);
		json_decref(body);
		return 0;
	}
	/* Only VMName can hold what JSON text cannot: an intent refuses that. */
	put(o, &config);
	out = gw_hnv_encode(o);
	if (out) {
		require(gw_hnv_decode(kind, gw_hnv_id(o, id1), out, NULL, &again, &err) == 0);
		require(gw_hnv_same_content(o, again));
		require(!strcmp(id1, gw_hnv_id(again, id2)));
		json_decref(out);
	}
	gw_hnv_object_free(again);
	gw_hnv_object_free(o);
	json_decref(body);
	return 0;
}
