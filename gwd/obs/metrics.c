/* metrics.c - see metrics.h. Called by the API. */
#include "obs/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double bounds[GW_HISTOGRAM_BUCKETS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1};

static void append(struct gw_metrics *m, const char *s, size_t n)
{
	if (m->failed)
		return;
	if (m->n + n + 1 > m->room) {
		size_t room = 2 * (m->n + n) + 4096;
		char *larger = realloc(m->text, room);

		if (!larger) {
			m->failed = true;
			return;
		}
		m->text = larger;
		m->room = room;
	}
	memcpy(m->text + m->n, s, n);
	m->n += n;
	m->text[m->n] = '\0';
}

static void print(struct gw_metrics *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void print(struct gw_metrics *m, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof text)
		m->failed = true;
	else
		append(m, text, (size_t)n);
}

void gw_metrics_family(struct gw_metrics *m, const char *name, const char *type, const char *help)
{
	print(m, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_value(struct gw_metrics *m, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			append(m, "\\", 1);
		append(m, *value == '\n' ? "\\n" : value, *value == '\n' ? 2 : 1);
	}
}

void gw_metrics_sample(struct gw_metrics *m, const char *name, const char *const *labels, double value)
{
	append(m, name, strlen(name));
	for (size_t i = 0; labels && labels[i]; i += 2) {
		print(m, "%s%s=\"", i ? "," : "{", labels[i]);
		print_value(m, labels[i + 1]);
		append(m, "\"", 1);
	}
	print(m, "%s %.17g\n", labels && labels[0] ? "}" : "", value);
}

void gw_metrics_done(struct gw_metrics *m)
{
	free(m->text);
	*m = (struct gw_metrics){0};
}

void gw_histogram_add(struct gw_histogram *h, double seconds)
{
	size_t i = 0;

	while (i < GW_HISTOGRAM_BUCKETS && seconds > bounds[i])
		i++;
	if (i < GW_HISTOGRAM_BUCKETS)
		h->buckets[i]++;
	h->count++;
	h->sum += seconds;
}

void gw_metrics_histogram(struct gw_metrics *m, const char *name, const char *help, const struct gw_histogram *h)
{
	char series[128], bound[32];
	uint64_t upto = 0;

	gw_metrics_family(m, name, "histogram", help);
	snprintf(series, sizeof series, "%s_bucket", name);
	for (size_t i = 0; i <= GW_HISTOGRAM_BUCKETS; i++) {
		upto = i < GW_HISTOGRAM_BUCKETS ? upto + h->buckets[i] : h->count;
		if (i < GW_HISTOGRAM_BUCKETS)
			snprintf(bound, sizeof bound, "%g", bounds[i]);
		gw_metrics_sample(m, series,
				  (const char *const[]){"le", i < GW_HISTOGRAM_BUCKETS ? bound : "+Inf", NULL},
				  (double)upto);
	}
	snprintf(series, sizeof series, "%s_sum", name);
	gw_metrics_sample(m, series, NULL, h->sum);
	snprintf(series, sizeof series, "%s_count", name);
	gw_metrics_sample(m, series, NULL, (double)h->count);
}
