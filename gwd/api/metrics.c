/* metrics.c - GET /metrics: the process, the API, the controller's resources, the node's counters. Called by the router. */
#include "obs/loop.h"
#include "obs/metrics.h"

#include "api/metrics.h"
#include "api/router.h"
#include "api/stats.h"

#include "control/control.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void one(struct gw_metrics *m, const char *name, const char *type, const char *help, double value)
{
	gw_metrics_family(m, name, type, help);
	gw_metrics_sample(m, name, NULL, value);
}

/* --- the process -------------------------------------------------------------------------------------------------- */

static double resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long size = 0, resident = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* Of a thousand virtual gateways there are twenty thousand: no work for the loop. */
static double open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	double n = -3; /* ".", ".." and the directory itself */

	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void process(struct gw_metrics *m, const struct gw_service *service)
{
	struct timespec cpu;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	gw_metrics_family(m, "gwd_build_info", "gauge", "The version that runs; always 1.");
	gw_metrics_sample(m, "gwd_build_info", LABELS("version", GW_VERSION), 1);
	one(m, "gwd_ready", "gauge", "Whether the node is in its intended state.", service->ready(service->ctx));
	one(m, "process_cpu_seconds_total", "counter", "CPU time of the daemon.",
	    (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
	one(m, "process_resident_memory_bytes", "gauge", "Memory of the daemon.", resident_bytes());
}

/* --- the API ------------------------------------------------------------------------------------------------------ */

static void api(struct gw_metrics *m, const struct gw_api_stats *stats)
{
	gw_metrics_family(m, "gwd_http_requests_total", "counter", "Requests that were answered, by status.");
	for (unsigned i = 0; i < GW_API_STATUSES; i++) {
		char status[8];

		if (!stats->answered[i])
			continue;
		snprintf(status, sizeof status, "%u", i);
		gw_metrics_sample(m, "gwd_http_requests_total", LABELS("code", status), (double)stats->answered[i]);
	}
	one(m, "gwd_failed_logins_total", "counter", "Requests with a token that is not known.",
	    (double)stats->failed_logins);
	if (stats->certificate_until)
		one(m, "gwd_tls_certificate_expiry_timestamp_seconds", "gauge",
		    "When the certificate of the API expires, in seconds since 1970.",
		    (double)stats->certificate_until);
	gw_metrics_histogram(m, "gwd_http_request_duration_seconds",
			     "From the end of a request to the beginning of its answer.", &stats->duration);
}

/* --- the controller ----------------------------------------------------------------------------------------------- */

/* "virtualNetworks/subnets": collections of different kinds share names. */
static const char *kind_path(enum gw_kind kind, char *buf, size_t size)
{
	enum gw_kind parent = gw_kind_info(kind)->parent;
	size_t n;

	*buf = '\0';
	if (parent != GW_KIND_NONE)
		kind_path(parent, buf, size);
	n = strlen(buf);
	snprintf(buf + n, size - n, "%s%s", n ? "/" : "", gw_kind_info(kind)->collection);
	return buf;
}

static void controller(struct gw_metrics *m, const struct gw_service *service)
{
	const struct gw_catalog *c = gw_control_catalog(service->control);

	gw_metrics_family(m, "gwd_resources", "gauge", "Resources that managers have asked for.");
	for (enum gw_kind k = GW_KIND_NONE + 1; k < GW_KIND_MAX; k++) {
		char path[128];

		gw_metrics_sample(m, "gwd_resources", LABELS("kind", kind_path(k, path, sizeof path)),
				  (double)gw_catalog_count_of(c, k));
	}
	one(m, "gwd_store_changes_total", "counter", "Changes that the store has seen: its revision.",
	    (double)service->revision(service->ctx));
}

/* --- the node ----------------------------------------------------------------------------------------------------- */

static const char *text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

static double number(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static void counted(struct gw_metrics *m, const json_t *list, const char *label, const char *name, const char *help)
{
	if (!json_array_size(list))
		return;
	gw_metrics_family(m, name, "counter", help);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);

		gw_metrics_sample(m, name, LABELS(label, text(entry, label)), number(entry, "count"));
	}
}

static void ports(struct gw_metrics *m, const json_t *list)
{
	static const struct gw_api_many_family rows[] = {
		{"counters", "txPackets", "gwd_port_transmit_packets_total", "counter",
		 "Packets that the VM has sent."},
		{"counters", "txBytes", "gwd_port_transmit_bytes_total", "counter", "Bytes that the VM has sent."},
		{"counters", "rxPackets", "gwd_port_receive_packets_total", "counter", "Packets that the VM has got."},
		{"counters", "rxBytes", "gwd_port_receive_bytes_total", "counter", "Bytes that the VM has got."},
		{"counters", "drops", "gwd_port_dropped_packets_total", "counter",
		 "Packets of the VM that were dropped."},
	};
	struct gw_api_many many;

	if (!json_array_size(list))
		return;
	if (gw_api_many_init(&many, list, GW_API_BY_INTERFACE) < 0) {
		m->failed = true;
		return;
	}
	one(m, "gwd_ports", "gauge", "Ports of the node.", (double)many.n);
	one(m, "gwd_ports_summed", "gauge",
	    "Ports that have no samples of their own: they are in the sums of port \"" GW_API_METRICS_OTHERS "\".",
	    (double)(many.n - many.n_each));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		gw_api_many_row(m, &many, &rows[i]);
	gw_api_many_done(&many);
}

/* Who only is a controller writes nothing. */
static void writes(struct gw_metrics *m, const json_t *status)
{
	static const char name[] = "gwd_netlink_writes_total";
	const json_t *route = json_object_get(json_object_get(status, "node"), "netlinkWrites"),
		     *netfilter = json_object_get(json_object_get(status, "nat"), "writes");

	if (!json_is_integer(route))
		return;
	gw_metrics_family(m, name, "counter", "Requests to the kernel that were to change something, by protocol.");
	gw_metrics_sample(m, name, LABELS("protocol", "route"), json_number_value(route));
	if (json_is_integer(netfilter))
		gw_metrics_sample(m, name, LABELS("protocol", "netfilter"), json_number_value(netfilter));
}

static void node(struct gw_metrics *m, const json_t *status)
{
	const json_t *engine = json_object_get(status, "engine");

	writes(m, status);
	counted(m, json_object_get(engine, "outcomes"), "name", "gwd_packets_total", "Packets by what became of them.");
	counted(m, json_object_get(engine, "drops"), "reason", "gwd_dropped_packets_total",
		"Packets that were dropped, by the reason.");
	ports(m, json_object_get(engine, "ports"));
}

static void tell(struct gw_api_told *told, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	one(&told->metrics, "process_open_fds", "gauge", "Descriptors that the daemon has open.", open_descriptors());
	node(&told->metrics, told->status);
	gw_api_metrics_gateways(&told->metrics, told);
	if (told->metrics.failed) {
		gw_error_oom(&err);
		gw_api_reply_error(reply, &err);
		return;
	}
	reply->status = 200;
	reply->text = told->metrics.text;
	reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
	told->metrics = (struct gw_metrics){0};
}

void gw_api_metrics(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_api_told told = {0};

	process(&told.metrics, req->service);
	if (req->service->meter)
		gw_loop_metrics(&told.metrics, req->service->meter);
	if (req->stats)
		api(&told.metrics, req->stats);
	if (req->service->control)
		controller(&told.metrics, req->service);
	told.status = req->service->status(req->service->ctx);
	gw_api_tell_gateways(req, reply, &told, tell);
}
