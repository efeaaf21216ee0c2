/*
 * metrics_many.c - what there may be thousands of, in Prometheus' text format: each that has samples of its own is a series more in
 * every family, for whoever scrapes it, too. So there are as many as GW_API_METRICS_EACH; the others are told of as a sum, and how many
 * these are is said. Called by metrics.c and metrics_gateway.c, on a thread.
 *
 * It is the first ones by an order that does not change while others come behind them, so that a series stays whose it is. When one in
 * front goes another comes out of the sum, which is less by that then: as after a restart, to whoever reads counters.
 */
#include "api/metrics.h"

#include <stdlib.h>
#include <string.h>

#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

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

int gw_api_many_init(struct gw_api_many *m, const json_t *list, enum gw_api_many_order order)
{
	size_t n = json_array_size(list);

	*m = (struct gw_api_many){.label = order == GW_API_BY_VSID ? "routing_domain" : "port",
				  .member = order == GW_API_BY_VSID ? "routingDomainId" : "interface"};
	m->all = calloc(n + 1, sizeof *m->all);
	if (!m->all)
		return -1;
	for (size_t i = 0; i < n; i++)
		m->all[m->n++] = json_array_get(list, i);
	qsort(m->all, m->n, sizeof *m->all, order == GW_API_BY_VSID ? by_vsid : by_interface);
	m->n_each = m->n < GW_API_METRICS_EACH ? m->n : GW_API_METRICS_EACH;
	return 0;
}

void gw_api_many_done(struct gw_api_many *m)
{
	free(m->all);
	*m = (struct gw_api_many){0};
}

/* --- a family of samples, one of each ----------------------------------------------------------------------------- */

void gw_api_many_row(struct gw_metrics *out, const struct gw_api_many *m, const struct gw_api_many_family *f)
{
	bool any = false, any_other = false;
	double others = 0;

	for (size_t i = 0; i < m->n; i++) {
		const json_t *value = json_object_get(json_object_get(m->all[i], f->part), f->member);

		if (!json_is_number(value))
			continue;
		if (!any)
			gw_metrics_family(out, f->name, f->type, f->help);
		any = true;
		if (i < m->n_each) {
			gw_metrics_sample(out, f->name, LABELS(m->label, text(m->all[i], m->member)),
					  json_number_value(value));
		} else {
			others += json_number_value(value);
			any_other = true;
		}
	}
	if (any_other)
		gw_metrics_sample(out, f->name, LABELS(m->label, GW_API_METRICS_OTHERS), others);
}

/* --- a family of samples, several of each, under names of their own ----------------------------------------------- */

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
			if (!any)
				gw_metrics_family(out, f->name, f->type, f->help);
			any = true;
			if (i < m->n_each)
				gw_metrics_sample(out, f->name,
						  LABELS(m->label, text(m->all[i], m->member), f->member, name),
						  json_number_value(value));
			else if (json_object_get(others, name) || json_object_size(others) < GW_API_METRICS_NAMES)
				json_object_set_new(others, name,
						    json_real(json_number_value(json_object_get(others, name)) +
							      json_number_value(value)));
		}
		json_decref(of_one);
	}
	json_object_foreach(others, name, value)
	{
		gw_metrics_sample(out, f->name, LABELS(m->label, GW_API_METRICS_OTHERS, f->member, name),
				  json_number_value(value));
	}
	json_decref(others);
}
