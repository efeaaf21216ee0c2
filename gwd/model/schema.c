/*
 * schema.c - see schema.h: from JSON to structs and back, by the rows. Called by everything that reads or writes resources;
 * what comes in may be hostile, what it refuses it refuses whole and names.
 */
#include "model/schema.h"

#include "base/cleanup.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void *at(const struct gw_property *row, void *object)
{
	return (char *)object + row->offset;
}

static const void *cat(const struct gw_property *row, const void *object)
{
	return (const char *)object + row->offset;
}

const struct gw_property *gw_schema_find(const struct gw_schema *schema, const char *name)
{
	for (const struct gw_property *row = schema->rows; row < schema->rows + schema->n_rows; row++)
		if (!strcasecmp(row->name, name))
			return row;
	return NULL;
}

static bool has_field(const struct gw_property *row)
{
	return row->type != GW_PROPERTY_CHILDREN && row->type != GW_PROPERTY_READ_ONLY;
}

static uint64_t bit_at(const struct gw_schema *schema, size_t offset)
{
	for (size_t i = 0; i < schema->n_rows; i++)
		if (schema->rows[i].offset == offset && has_field(&schema->rows[i]))
			return UINT64_C(1) << i;
	return 0;
}

bool gw_schema_given(const struct gw_schema *schema, const void *object, size_t offset)
{
	return *(const uint64_t *)object & bit_at(schema, offset);
}

void gw_schema_give(const struct gw_schema *schema, void *object, size_t offset)
{
	*(uint64_t *)object |= bit_at(schema, offset);
}

void gw_schema_ungive(const struct gw_schema *schema, void *object, size_t offset)
{
	*(uint64_t *)object &= ~bit_at(schema, offset);
}

/* --- release ------------------------------------------------------------------------------------------------------ */

static void value_done(enum gw_property_type type, void *value)
{
	if (type == GW_PROPERTY_TEXT || type == GW_PROPERTY_REF || type == GW_PROPERTY_SECRET)
		free(*(char **)value);
	else if (type == GW_PROPERTY_ANY)
		json_decref(*(json_t **)value);
}

static size_t element_size(const struct gw_property *row)
{
	return row->type == GW_PROPERTY_LIST ? row->schema->size : row->item_size;
}

static void list_done(const struct gw_property *row, struct gw_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		void *element = (char *)list->v + i * element_size(row);

		if (row->type == GW_PROPERTY_LIST)
			gw_schema_done(row->schema, element);
		else
			value_done(row->item, element);
	}
	free(list->v);
}

void gw_schema_done(const struct gw_schema *schema, void *object)
{
	if (!object)
		return;
	for (const struct gw_property *row = schema->rows; row < schema->rows + schema->n_rows; row++) {
		if (row->type == GW_PROPERTY_OBJECT)
			gw_schema_done(row->schema, at(row, object));
		else if (row->type == GW_PROPERTY_LIST || row->type == GW_PROPERTY_VALUES)
			list_done(row, at(row, object));
		else if (has_field(row))
			value_done(row->type, at(row, object));
	}
	memset(object, 0, schema->size);
}

/* --- from JSON ---------------------------------------------------------------------------------------------------- */

static int refuse(const struct gw_property *row, struct gw_error *err, const char *why)
{
	char wanted[160];

	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, row->name, "must be %s%s",
			    gw_property_wanted(row, wanted, sizeof wanted), why);
}

/* {"resourceRef": "/virtualNetworks/blue"}; what it leads to is for the catalogue to say. */
static int read_ref(const struct gw_property *row, const json_t *value, char **ret, struct gw_error *err)
{
	const char *name, *path = NULL;
	const json_t *member;

	if (!json_is_object(value))
		return refuse(row, err, "");
	json_object_foreach((json_t *)value, name, member)
	{
		if (strcasecmp(name, "resourceRef") != 0) {
			gw_error_set(err, EINVAL, GW_ERR_UNKNOWN_PROPERTY, name,
				     "there is no such property in a reference");
			gw_error_prefix(err, "%s.", row->name);
			return -EINVAL;
		}
		if (path)
			return refuse(row, err, ", given once");
		path = json_string_value(member);
		if (!path || strlen(path) != json_string_length(member) || *path != '/' || strlen(path) > GW_REF_MAX)
			return refuse(row, err, "");
	}
	if (!path)
		return refuse(row, err, "");
	*ret = strdup(path);
	return *ret ? 0 : gw_error_oom(err);
}

static int read_secret(const struct gw_property *row, const json_t *value, const struct gw_schema_reader *reader,
		       char **ret, struct gw_error *err)
{
	const char *text = json_string_value(value);

	/* What was given is not repeated: it may be right but for a detail. */
	if (!text || strlen(text) != json_string_length(value))
		return refuse(row, err, "");
	if (reader && reader->seal) {
		if (strlen(text) < row->min || strlen(text) > row->max ||
		    (row->flags & GW_PROPERTY_IS_QUOTABLE && (strchr(text, '"') || !gw_utf8_is_printable(text))))
			return refuse(row, err, "");
		return reader->seal(reader->ctx, text, ret, err);
	}
	*ret = strdup(text);
	return *ret ? 0 : gw_error_oom(err);
}

/* Numbers may come as text: some clients of this protocol write them so. */
static const json_t *number_of(const struct gw_property *row, const json_t *value, json_t **ret_made)
{
	const char *s = json_string_value(value);
	size_t n = s ? strspn(s, "0123456789") : 0;

	*ret_made = NULL;
	if ((row->type == GW_PROPERTY_UINT || row->type == GW_PROPERTY_VSID) && n > 0 && n < 12 && !s[n] &&
	    n == json_string_length(value))
		*ret_made = json_integer(strtoll(s, NULL, 10));
	return *ret_made ? *ret_made : value;
}

/* What has no meaning here has a type, which clients keep to. What the store has may be older than that. */
static int read_any(const struct gw_property *row, const json_t *value, const struct gw_schema_reader *reader,
		    json_t **ret, struct gw_error *err)
{
	struct gw_property as = *row;
	union {
		char *text;
		uint32_t number;
	} field = {NULL};
	json_t *made = NULL;
	const json_t *kept = value;
	int r = 0;

	if (row->item != 0 && reader && reader->seal) {
		as.type = row->item;
		as.offset = 0;
		as.size = sizeof field.number;
		kept = number_of(&as, value, &made);
		r = gw_property_set(&as, kept, &field, err);
		if (r == 0 && row->item == GW_PROPERTY_TEXT)
			free(field.text);
	}
	if (r == 0)
		*ret = json_incref((json_t *)kept);
	json_decref(made);
	return r;
}

static int read_value(const struct gw_property *row, const json_t *value, const struct gw_schema_reader *reader,
		      void *object, struct gw_error *err)
{
	json_t *made = NULL;
	int r;

	switch ((enum gw_property_type)row->type) {
	case GW_PROPERTY_REF:
		return read_ref(row, value, at(row, object), err);
	case GW_PROPERTY_SECRET:
		return read_secret(row, value, reader, at(row, object), err);
	case GW_PROPERTY_ANY:
		return read_any(row, value, reader, at(row, object), err);
	default:
		r = gw_property_set(row, number_of(row, value, &made), object, err);
		json_decref(made);
		return r;
	}
}

struct gw_property gw_schema_item(const struct gw_property *row)
{
	struct gw_property item = *row;

	item.name = "";
	item.type = row->item;
	item.offset = 0;
	item.size = row->item_size;
	item.min = 0;
	item.max = row->item == GW_PROPERTY_TEXT ? 256 : UINT32_MAX;
	return item;
}

static int read_element(const struct gw_property *row, const json_t *value, const struct gw_schema_reader *reader,
			void *element, struct gw_error *err)
{
	struct gw_property item = gw_schema_item(row);

	if (row->type == GW_PROPERTY_LIST)
		return gw_schema_decode(row->schema, value, reader, element, err);
	return read_value(&item, value, reader, element, err);
}

static int read_list(const struct gw_property *row, const json_t *value, const struct gw_schema_reader *reader,
		     struct gw_list *list, struct gw_error *err)
{
	size_t n = json_array_size(value), size, max = gw_property_list_max(row);

	if (!json_is_array(value) || n > max)
		return refuse(row, err, "");
	if (row->type == GW_PROPERTY_CHILDREN) {
		for (size_t i = 0; i < n && reader && reader->child; i++) {
			int r = reader->child(reader->ctx, row, json_array_get(value, i), err);

			if (r < 0) {
				gw_error_prefix(err, err && *err->target ? "%s[%zu]." : "%s[%zu]", row->name, i);
				return r;
			}
		}
		return 0;
	}
	size = element_size(row);
	list->v = n ? calloc(n, size) : NULL;
	if (n && !list->v)
		return gw_error_oom(err);
	for (; list->n < n; list->n++) {
		void *element = (char *)list->v + list->n * size;
		int r = read_element(row, json_array_get(value, list->n), reader, element, err);

		if (r < 0) {
			/* "subnets[0].addressPrefix", and "dnsServers[0]" */
			gw_error_prefix(err,
					err && *err->target && row->type == GW_PROPERTY_LIST ? "%s[%zu]." : "%s[%zu]",
					row->name, list->n);
			list->n++;
			return r;
		}
	}
	return 0;
}

/* Clients that have none say so by an empty list. */
static int read_later(const struct gw_property *row, const json_t *value, struct gw_error *err)
{
	if (json_is_array(value) && json_array_size(value) == 0)
		return 0;
	return gw_error_set(err, EOPNOTSUPP, GW_ERR_NOT_SUPPORTED, row->name,
			    "this version has none of them: leave it out, or empty");
}

static int read_row(const struct gw_property *row, const json_t *value, const struct gw_schema_reader *reader,
		    void *object, struct gw_error *err)
{
	int r;

	switch ((enum gw_property_type)row->type) {
	case GW_PROPERTY_OBJECT:
		r = gw_schema_decode(row->schema, value, reader, at(row, object), err);
		if (r < 0)
			gw_error_prefix(err, err && *err->target ? "%s." : "%s", row->name);
		return r;
	case GW_PROPERTY_CHILDREN:
		return read_list(row, value, reader, NULL, err);
	case GW_PROPERTY_LIST:
	case GW_PROPERTY_VALUES:
		return read_list(row, value, reader, at(row, object), err);
	case GW_PROPERTY_READ_ONLY:
		return row->flags & GW_PROPERTY_IS_LATER ? read_later(row, value, err) : 0;
	default:
		return read_value(row, value, reader, object, err);
	}
}

/* What was not said: the default, or it is missing. */
static int complete(const struct gw_schema *schema, void *object, struct gw_error *err)
{
	uint64_t *given = object;

	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct gw_property *row = &schema->rows[i];
		char wanted[160];

		if (*given & UINT64_C(1) << i)
			continue;
		if (row->flags & GW_PROPERTY_IS_REQUIRED)
			return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, row->name, "missing; it must be %s",
					    gw_property_wanted(row, wanted, sizeof wanted));
		if (row->flags & GW_PROPERTY_HAS_DEFAULT) {
			gw_property_set_number(row, row->def, object);
			*given |= UINT64_C(1) << i;
		} else if (row->type == GW_PROPERTY_OBJECT) {
			/* Its own defaults; what it requires is required of one that was given only. */
			if (complete(row->schema, at(row, object), NULL) < 0)
				memset(at(row, object), 0, row->schema->size);
		}
	}
	return 0;
}

int gw_schema_decode(const struct gw_schema *schema, const json_t *properties, const struct gw_schema_reader *reader,
		     void *object, struct gw_error *err)
{
	uint64_t *given = object, seen = 0;
	const json_t *value;
	const char *name;

	if (!json_is_object(properties))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "", "must be an object");
	json_object_foreach((json_t *)properties, name, value)
	{
		const struct gw_property *row = gw_schema_find(schema, name);
		uint64_t bit;
		int r;

		if (!row)
			return gw_error_set(err, EINVAL, GW_ERR_UNKNOWN_PROPERTY, name, "there is no such property");
		bit = UINT64_C(1) << (row - schema->rows);
		if (seen & bit)
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, row->name,
					    "given more than once (letter case makes no difference)");
		seen |= bit;
		if (json_is_null(value))
			continue;
		r = read_row(row, value, reader, object, err);
		if (r < 0)
			return r;
		if (row->type != GW_PROPERTY_READ_ONLY)
			*given |= bit;
	}
	return complete(schema, object, err);
}

/* --- to JSON ------------------------------------------------------------------------------------------------------ */

static json_t *write_value(const struct gw_property *row, const void *object)
{
	switch ((enum gw_property_type)row->type) {
	case GW_PROPERTY_REF:
		return json_pack("{s:s}", "resourceRef", *(char *const *)cat(row, object));
	case GW_PROPERTY_SECRET:
		return json_string(*(char *const *)cat(row, object));
	case GW_PROPERTY_ANY:
		return json_incref(*(json_t *const *)cat(row, object));
	default:
		return gw_property_get(row, object);
	}
}

static json_t *write_list(const struct gw_property *row, const struct gw_list *list, bool with_secrets)
{
	struct gw_property item = {.type = row->item, .size = row->item_size, .values = row->values};
	json_t *array = json_array();

	for (size_t i = 0; array && i < list->n; i++) {
		const void *element = (const char *)list->v + i * element_size(row);
		json_t *value = row->type == GW_PROPERTY_LIST ? gw_schema_encode(row->schema, element, with_secrets)
							      : write_value(&item, element);

		if (json_array_append_new(array, value) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *write_row(const struct gw_property *row, const void *object, bool with_secrets)
{
	switch ((enum gw_property_type)row->type) {
	case GW_PROPERTY_OBJECT:
		return gw_schema_encode(row->schema, cat(row, object), with_secrets);
	case GW_PROPERTY_LIST:
	case GW_PROPERTY_VALUES:
		return write_list(row, cat(row, object), with_secrets);
	default:
		return write_value(row, object);
	}
}

json_t *gw_schema_encode(const struct gw_schema *schema, const void *object, bool with_secrets)
{
	const uint64_t given = *(const uint64_t *)object;
	json_t *properties = json_object();

	for (size_t i = 0; properties && i < schema->n_rows; i++) {
		const struct gw_property *row = &schema->rows[i];

		if (!(given & UINT64_C(1) << i) || !has_field(row) ||
		    (row->type == GW_PROPERTY_SECRET && !with_secrets))
			continue;
		if (json_object_set_new_nocheck(properties, row->name, write_row(row, object, with_secrets)) < 0) {
			json_decref(properties);
			return NULL;
		}
	}
	return properties;
}

/* --- replacing ---------------------------------------------------------------------------------------------------- */

/* A row that is gwd's to assign, and that the object, if there is one, leaves out. */
static bool has_open(const struct gw_schema *schema, const void *object)
{
	for (size_t i = 0; i < schema->n_rows; i++)
		if (schema->rows[i].flags & GW_PROPERTY_IS_ASSIGNED &&
		    !(object && *(const uint64_t *)object & UINT64_C(1) << i))
			return true;
	return false;
}

/* Whether `to` may be `from` said again: what it says is the same, and it leaves out nothing that gwd has not assigned. */
static bool says_same(const struct gw_schema *schema, const void *from, const void *to)
{
	json_t *x = gw_schema_encode(schema, from, true), *y = gw_schema_encode(schema, to, true);
	bool same;

	for (size_t i = 0; x && y && i < schema->n_rows; i++)
		if (schema->rows[i].flags & GW_PROPERTY_IS_ASSIGNED && !json_object_get(y, schema->rows[i].name))
			json_object_del(x, schema->rows[i].name);
	same = x && y && json_equal(x, y);
	json_decref(x);
	json_decref(y);
	return same;
}

/*
 * Elements have no names: each that leaves something out keeps what was assigned to the first of those before that says the
 * same, and that no other is.
 */
static int carry_list(const struct gw_schema *schema, const struct gw_list *from, struct gw_list *to,
		      const struct gw_schema_carrier *carrier, struct gw_error *err)
{
	_cleanup_free_ bool *taken = calloc(from->n + 1, sizeof *taken);
	int r = 0;

	if (!taken)
		return gw_error_oom(err);
	for (size_t i = 0; r == 0 && i < 2 * to->n; i++) {
		void *element = (char *)to->v + i % to->n * schema->size;

		if (has_open(schema, element) != (i >= to->n))
			continue;
		for (size_t j = 0; j < from->n; j++) {
			const void *before = (const char *)from->v + j * schema->size;

			if (taken[j] || !says_same(schema, before, element))
				continue;
			taken[j] = true;
			r = gw_schema_carry(schema, before, element, carrier, err);
			break;
		}
	}
	return r;
}

/* The sealed one that was there, in the place of the one that came, when they say the same. */
static int carry_secret(const char *from, char **to, const struct gw_schema_carrier *carrier, struct gw_error *err)
{
	char *copy;

	if (!carrier->same_secret || !carrier->same_secret(carrier->ctx, from, *to))
		return 0;
	copy = strdup(from);
	if (!copy)
		return gw_error_oom(err);
	free(*to);
	*to = copy;
	return 0;
}

int gw_schema_carry(const struct gw_schema *schema, const void *from, void *to, const struct gw_schema_carrier *carrier,
		    struct gw_error *err)
{
	const uint64_t had = *(const uint64_t *)from;
	uint64_t *has = to;
	int r = 0;

	for (size_t i = 0; r == 0 && i < schema->n_rows; i++) {
		const struct gw_property *row = &schema->rows[i];
		uint64_t bit = UINT64_C(1) << i;
		bool is_text = row->type == GW_PROPERTY_SECRET || row->type == GW_PROPERTY_TEXT ||
			       row->type == GW_PROPERTY_REF;

		if (row->type == GW_PROPERTY_OBJECT && had & bit && *has & bit) {
			r = gw_schema_carry(row->schema, cat(row, from), at(row, to), carrier, err);
			continue;
		}
		if (row->type == GW_PROPERTY_SECRET && had & bit && *has & bit) {
			r = carry_secret(*(char *const *)cat(row, from), at(row, to), carrier, err);
			continue;
		}
		if (row->type == GW_PROPERTY_LIST && has_open(row->schema, NULL)) {
			r = carry_list(row->schema, cat(row, from), at(row, to), carrier, err);
			continue;
		}
		if (!(had & bit) || *has & bit ||
		    !(row->type == GW_PROPERTY_SECRET || row->flags & GW_PROPERTY_IS_ASSIGNED ||
		      (carrier->by_tenant && row->flags & GW_PROPERTY_IS_OPERATORS)))
			continue;
		if (is_text && !(*(char **)at(row, to) = strdup(*(char *const *)cat(row, from))))
			return gw_error_oom(err);
		if (!is_text)
			memcpy(at(row, to), cat(row, from), row->size);
		*has |= bit;
	}
	return r;
}

static bool same_value(const struct gw_property *row, const void *a, const void *b)
{
	if (row->type == GW_PROPERTY_TEXT || row->type == GW_PROPERTY_REF)
		return !strcasecmp(*(char *const *)cat(row, a), *(char *const *)cat(row, b));
	return !memcmp(cat(row, a), cat(row, b), row->size);
}

const struct gw_property *gw_schema_operators_change(const struct gw_schema *schema, const void *from, const void *to)
{
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct gw_property *row = &schema->rows[i];
		uint64_t bit = UINT64_C(1) << i;

		if (row->flags & GW_PROPERTY_IS_OPERATORS && *(const uint64_t *)to & bit &&
		    !(from && *(const uint64_t *)from & bit && same_value(row, from, to)))
			return row;
	}
	return NULL;
}

/* --- references --------------------------------------------------------------------------------------------------- */

struct walk {
	int (*visit)(void *ctx, const struct gw_property *row, char **ref, const char *where);
	void *ctx;
};

static int each_ref(const struct gw_schema *schema, void *object, const struct walk *walk, const char *where);

static int each_ref_in_list(const struct gw_property *row, struct gw_list *list, const struct walk *walk,
			    const char *where)
{
	for (size_t i = 0; i < list->n; i++) {
		void *element = (char *)list->v + i * element_size(row);
		char inner[160];
		int r;

		snprintf(inner, sizeof inner, row->type == GW_PROPERTY_LIST ? "%s%s[%zu]." : "%s%s[%zu]", where,
			 row->name, i);
		r = row->type == GW_PROPERTY_LIST ? each_ref(row->schema, element, walk, inner)
						  : walk->visit(walk->ctx, row, element, inner);
		if (r < 0)
			return r;
	}
	return 0;
}

static int each_ref(const struct gw_schema *schema, void *object, const struct walk *walk, const char *where)
{
	int r = 0;

	for (const struct gw_property *row = schema->rows; r == 0 && row < schema->rows + schema->n_rows; row++) {
		char inner[160];

		if (row->type == GW_PROPERTY_REF && *(char **)at(row, object)) {
			snprintf(inner, sizeof inner, "%s%s", where, row->name);
			r = walk->visit(walk->ctx, row, at(row, object), inner);
		} else if (row->type == GW_PROPERTY_OBJECT) {
			snprintf(inner, sizeof inner, "%s%s.", where, row->name);
			r = each_ref(row->schema, at(row, object), walk, inner);
		} else if (row->type == GW_PROPERTY_LIST ||
			   (row->type == GW_PROPERTY_VALUES && row->item == GW_PROPERTY_REF)) {
			r = each_ref_in_list(row, at(row, object), walk, where);
		}
	}
	return r;
}

int gw_schema_each_ref(const struct gw_schema *schema, void *object,
		       int (*visit)(void *ctx, const struct gw_property *row, char **ref, const char *where), void *ctx)
{
	return each_ref(schema, object, &(struct walk){visit, ctx}, "");
}

static int each_secret_in_list(const struct gw_property *row, const struct gw_list *list,
			       int (*visit)(void *ctx, const char *secret), void *ctx)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		const void *element = (const char *)list->v + i * element_size(row);

		r = row->type == GW_PROPERTY_LIST ? gw_schema_each_secret(row->schema, element, visit, ctx)
						  : visit(ctx, *(char *const *)element);
	}
	return r;
}

int gw_schema_each_secret(const struct gw_schema *schema, const void *object,
			  int (*visit)(void *ctx, const char *secret), void *ctx)
{
	int r = 0;

	for (const struct gw_property *row = schema->rows; r == 0 && row < schema->rows + schema->n_rows; row++) {
		if (row->type == GW_PROPERTY_SECRET && *(char *const *)cat(row, object))
			r = visit(ctx, *(char *const *)cat(row, object));
		else if (row->type == GW_PROPERTY_OBJECT)
			r = gw_schema_each_secret(row->schema, cat(row, object), visit, ctx);
		else if (row->type == GW_PROPERTY_LIST ||
			 (row->type == GW_PROPERTY_VALUES && row->item == GW_PROPERTY_SECRET))
			r = each_secret_in_list(row, cat(row, object), visit, ctx);
	}
	return r;
}
