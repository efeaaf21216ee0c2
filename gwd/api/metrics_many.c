/*
 * metrics_many.c - what there may be thousands of, in Prometheus' text format: each that has samples of its own is a series more in
 * every family, for whoever scrapes it, too. So there are as many as GW_API_METRICS_EACH; the others are told of as a sum, and how many
 * these are is said. Called by metrics.c, metrics_gateway.c and metrics_connection.c, on a thread.
 *
 * It is the first ones by an order that does not change while others come behind them, so that a series stays whose it is. When one in
 * front goes another comes out of the sum, which is less by that then: as after a restart, to whoever reads counters.
 */
#include "api/metrics.h"

#include <stdlib.h>
#include <string.h>

static const char *text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

/* --- which of them ------------------------------------------------------------------------------------------------ */

static int by_vsid(const void *a, const void *b)
{
	const json_t *x = *(const json_t *const *)a, *y = *(const json_t *const *)b;
	json_int_t vx = json_integer_value(json_object_get(x, "virtualSubnetId")),
		   vy = json_integer_value(json_object_get(y, "virtualSubnetId"));

	return vx != vy ? (vx < vy ? -1 : 1) : strcmp(text(x, "routingDomainId"), text(y, "routingDomainId"));
}

/* VMs' before those of virtual gateways, which have samples by themselves. */
static int by_interface(const void *a, const void *b)
{
	const char *x = text(*(const json_t *const *)a, "interface"), *y = text(*(const json_t *const *)b, "interface");
	bool gx = !strncmp(x, "gwo", 3), gy = !strncmp(y, "gwo", 3);

	return gx != gy ? gx - gy : strcmp(x, y);
}

static int by_connection(const void *a, const void *b)
{
	return strcmp(text(*(const json_t *const *)a, "connectionId"), text(*(const json_t *const *)b, "connectionId"));
}

static int list_all(struct gw_api_many *m, const json_t *list)
{
	size_t n = json_array_size(list);

	m->all = calloc(n + 1, sizeof *m->all);
	if (!m->all)
		return -1;
	for (size_t i = 0; i < n; i++)
		m->all[m->n++] = json_array_get(list, i);
	return 0;
}

/* In the place of gateways their connections, in the gateways' order. */
static int list_connections(struct gw_api_many *m)
{
	const json_t **all;
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += json_array_size(json_object_get(m->all[i], "connections"));
	all = calloc(n + 1, sizeof *all);
	if (!all)
		return -1;
	n = 0;
	for (size_t i = 0; i < m->n; i++) {
		const json_t *list = json_object_get(m->all[i], "connections");
		size_t first = n;

		for (size_t k = 0; k < json_array_size(list); k++)
			all[n++] = json_array_get(list, k);
		qsort(all + first, n - first, sizeof *all, by_connection);
	}
	free(m->all);
	m->all = all;
	m->n = n;
	return 0;
}

int gw_api_many_init(struct gw_api_many *m, const json_t *list, enum gw_api_many_order order)
{
	static const struct gw_api_many orders[] = {
		[GW_API_BY_VSID] = {.labels = {{"routing_domain", "routingDomainId"}}},
		[GW_API_BY_INTERFACE] = {.labels = {{"port", "interface"}}},
		[GW_API_BY_CONNECTION] = {.labels = {{"routing_domain", "routingDomainId"},
						     {"connection", "connectionId"}}},
	};

	*m = orders[order];
	if (list_all(m, list) < 0)
		return -1;
	qsort(m->all, m->n, sizeof *m->all, order == GW_API_BY_INTERFACE ? by_interface : by_vsid);
	if (order == GW_API_BY_CONNECTION && list_connections(m) < 0) {
		gw_api_many_done(m);
		return -1;
	}
	m->n_each = m->n < GW_API_METRICS_EACH ? m->n : GW_API_METRICS_EACH;
	return 0;
}

void gw_api_many_done(struct gw_api_many *m)
{
	free(m->all);
	*m = (struct gw_api_many){0};
}

/* `one` NULL: of all others. `name` NULL: it is the only one of this family. */
static void sample(struct gw_metrics *out, const struct gw_api_many *m, const struct gw_api_many_family *f,
		   const json_t *one, const char *name, double value)
{
	const char *labels[2 * GW_API_METRICS_LABELS + 3] = {0};
	size_t n = 0;

	for (size_t i = 0; i < GW_API_METRICS_LABELS && m->labels[i].name; i++) {
		labels[n++] = m->labels[i].name;
		labels[n++] = one ? text(one, m->labels[i].member) : GW_API_METRICS_OTHERS;
	}
	if (name) {
		labels[n++] = f->member;
		labels[n++] = name;
	}
	gw_metrics_sample(out, f->name, labels, value);
}

/* There is no family without a sample. */
static void begin(struct gw_metrics *out, const struct gw_api_many_family *f, bool *any)
{
	if (!*any)
		gw_metrics_family(out, f->name, f->type, f->help);
	*any = true;
}

/* --- a family of samples, one of each ----------------------------------------------------------------------------- */

static bool number_of(const struct gw_api_many_family *f, const json_t *one, double *ret)
{
	const json_t *value = json_object_get(f->part ? json_object_get(one, f->part) : one, f->member);

	*ret = json_number_value(value);
	return json_is_number(value);
}

static void add_values(struct gw_metrics *out, const struct gw_api_many *m, const struct gw_api_many_family *f,
		       bool (*value)(const json_t *one, double *ret))
{
	bool any = false, any_other = false;
	double others = 0, v;

	for (size_t i = 0; i < m->n; i++) {
		if (!(value ? value(m->all[i], &v) : number_of(f, m->all[i], &v)))
			continue;
		begin(out, f, &any);
		if (i < m->n_each) {
			sample(out, m, f, m->all[i], NULL, v);
		} else {
			others += v;
			any_other = true;
		}
	}
	if (any_other)
		sample(out, m, f, NULL, NULL, others);
}

void gw_api_many_row(struct gw_metrics *out, const struct gw_api_many *m, const struct gw_api_many_family *f)
{
	add_values(out, m, f, NULL);
}

void gw_api_many_values(struct gw_metrics *out, const struct gw_api_many *m, const struct gw_api_many_family *f,
			bool (*value)(const json_t *one, double *ret))
{
	add_values(out, m, f, value);
}

/* --- a family of samples, several of each, under names of their own ----------------------------------------------- */

json_t *gw_api_many_reasons(const json_t *list)
{
	json_t *all = json_object();

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *reason = json_string_value(json_object_get(one, "reason"));

		if (reason)
			json_object_set(all, reason, json_object_get(one, "count"));
	}
	return all;
}

static void add_to(json_t *sums, const char *name, double value)
{
	if (json_object_get(sums, name) || json_object_size(sums) < GW_API_METRICS_NAMES)
		json_object_set_new(sums, name, json_real(json_number_value(json_object_get(sums, name)) + value));
}

void gw_api_many_names(struct gw_metrics *out, const struct gw_api_many *m, const struct gw_api_many_family *f,
		       json_t *(*names)(const json_t *one))
{
	json_t *others = json_object(), *of_one, *value;
	bool any = false;
	const char *name;

	for (size_t i = 0; i < m->n; i++) {
		unsigned n = 0;

		of_one = names(m->all[i]);
		json_object_foreach(of_one, name, value)
		{
			if (n++ >= GW_API_METRICS_NAMES)
				break;
			begin(out, f, &any);
			if (i < m->n_each)
				sample(out, m, f, m->all[i], name, json_number_value(value));
			else
				add_to(others, name, json_number_value(value));
		}
		json_decref(of_one);
	}
	json_object_foreach(others, name, value)
	{
		sample(out, m, f, NULL, name, json_number_value(value));
	}
	json_decref(others);
}
