/*
 * enroll.c - see enroll.h. Owns the certificate's timer and the one job that may be under way; jobs ask on a thread, and everything
 * else is on the loop's. Called by the composition root, and by the API through struct gw_service.
 */
#include "sync/enroll.h"

#include "sync/errand.h"

#include "base/log.h"
#include "base/when.h"
#include "model/enrollment.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <uv.h>

#define HOUR 3600

/* What is asked on a thread, and for whom. */
struct job {
	uv_work_t work;
	struct gw_enroller *owner;
	struct gw_errand errand;
	struct gw_enrolling *waiter;
};

struct gw_enroller {
	struct gw_enroller_params params;
	uv_timer_t timer;
	struct job *job; /* under way, or NULL */
	atomic_bool stop;
	bool closed, timer_open;
	bool enrolled; /* the rest is of the certificate that is there */
	struct gw_credential_facts facts;
	char urls[GW_ERRAND_URLS];
	char authority[GW_FINGERPRINT_STRLEN];
	bool told_expired;
	unsigned failures;     /* of renewals, in a row */
	struct gw_error error; /* of the last one */
};

/* --- time --------------------------------------------------------------------------------------------------------- */

enum gw_enrollment_state gw_enrollment_state(int64_t from, int64_t until, int64_t now)
{
	if (now >= until)
		return GW_ENROLLMENT_EXPIRED;
	return now >= until - (until - from) / 3 ? GW_ENROLLMENT_DUE : GW_ENROLLMENT_VALID;
}

unsigned gw_enrollment_wait(int64_t from, int64_t until, int64_t now, unsigned failures)
{
	int64_t wait = until - (until - from) / 3 - now, step = (until - from) / 100;

	/* It is looked at every hour however long it has, as clocks are set. */
	if (failures > 0)
		wait = step * (failures < 16 ? failures : 16);
	if (wait < 1)
		wait = 1;
	return wait < HOUR ? (unsigned)wait : HOUR;
}

/* --- on the loop -------------------------------------------------------------------------------------------------- */

static void schedule(struct gw_enroller *e);

/* What there is now. */
static int look(struct gw_enroller *e, struct gw_error *err)
{
	_cleanup_credential_ struct gw_credential c = {0};
	struct gw_token_hash hash;
	char *pem = NULL;
	int r = gw_credential_load(e->params.config, &c, err);

	e->enrolled = false;
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = gw_credential_read(c.certificate, &e->facts, err);
	if (r == 0)
		r = gw_credential_authority(c.ca, &pem, &hash, err);
	if (r < 0)
		return r;
	free(pem);
	gw_fingerprint_format(&hash, e->authority);
	snprintf(e->urls, sizeof e->urls, "%s", c.urls);
	e->enrolled = true;
	return 0;
}

static void free_job(struct job *j)
{
	explicit_bzero(&j->errand.token, sizeof j->errand.token);
	free(j);
}

static void work(uv_work_t *req)
{
	struct job *j = req->data;

	gw_errand_run(&j->errand);
}

static struct job *make_job(struct gw_enroller *e, enum gw_errand_task task, const char *urls)
{
	struct job *j = calloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->owner = e;
	j->errand.task = task;
	j->errand.config = e->params.config;
	j->errand.stop = &e->stop;
	j->work.data = j;
	snprintf(j->errand.urls, sizeof j->errand.urls, "%s", urls);
	return j;
}

static void on_done(uv_work_t *req, int status);

static int begin(struct gw_enroller *e, struct job *j, struct gw_error *err)
{
	int r = uv_queue_work(e->params.loop, &j->work, work, on_done);

	if (r < 0) {
		free_job(j);
		return gw_error_set(err, -r, GW_ERR_UNAVAILABLE, "", "there is no thread for it: %s", uv_strerror(r));
	}
	e->job = j;
	return 0;
}

static void free_enroller(struct gw_enroller *e)
{
	if (!e->closed || e->timer_open || e->job)
		return;
	curl_global_cleanup();
	free(e);
}

/* Where the controller is: an operator's word comes first, as for who follows it. */
static const char *urls_of(const struct gw_enroller *e)
{
	const char *configured = e->params.config->controller_urls;

	return *configured ? configured : e->urls;
}

static void start(struct gw_enroller *e, enum gw_errand_task task)
{
	struct gw_error err = GW_ERROR_INIT;
	struct job *j = make_job(e, task, urls_of(e));

	if (!j || begin(e, j, &err) < 0)
		gw_log_warning("the certificate cannot be renewed now: %s", j ? err.message : "out of memory");
}

static void after_enrolling(struct gw_enroller *e, struct job *j)
{
	struct gw_error err = GW_ERROR_INIT;

	if (j->errand.result == 0)
		j->errand.result = look(e, &j->errand.error);
	if (j->errand.result == 0) {
		e->failures = 0;
		e->error = err;
		e->told_expired = false;
		gw_log_notice("this node is %s of the controller at %s now", e->facts.server, e->urls);
	} else if (j->errand.sent && j->errand.result != -EREMOTEIO) { /* and was not refused */
		gw_error_set(&err, -j->errand.result, j->errand.error.code, j->errand.error.target,
			     "%s; the token may be used up: make another one with gwctl server enroll %s",
			     j->errand.error.message, j->errand.token.server);
		j->errand.error = err;
	}
	j->waiter->done(j->waiter, j->errand.result < 0 ? &j->errand.error : NULL);
	if (j->errand.result == 0)
		e->params.enrolled(e->params.ctx);
}

static void after_renewal(struct gw_enroller *e, struct job *j)
{
	char when[GW_WHEN_STRLEN];

	if (j->errand.result == 0)
		j->errand.result = look(e, &j->errand.error);
	if (j->errand.result < 0) {
		e->failures++;
		e->error = j->errand.error;
		gw_log_warning("the certificate, which is good until %s, cannot be renewed: %s: %s",
			       gw_when_format(e->facts.until, when), j->errand.error.target, j->errand.error.message);
		return;
	}
	e->failures = 0;
	e->error = GW_ERROR_INIT;
	gw_log_notice("the certificate has been renewed: it is good until %s", gw_when_format(e->facts.until, when));
	start(e, GW_ERRAND_SHOW);
}

static void on_done(uv_work_t *req, int status)
{
	struct job *j = req->data;
	struct gw_enroller *e = j->owner;

	if (status == UV_ECANCELED) /* it was not begun */
		j->errand.result = gw_error_set(&j->errand.error, ECANCELED, GW_ERR_UNAVAILABLE, "",
						"gwd ends before this was done");
	e->job = NULL;
	if (e->closed && j->waiter)
		j->waiter->done(j->waiter, j->errand.result < 0 ? &j->errand.error : NULL);
	else if (!e->closed && j->errand.task == GW_ERRAND_ENROLL)
		after_enrolling(e, j);
	else if (!e->closed && j->errand.task == GW_ERRAND_RENEW)
		after_renewal(e, j);
	else if (j->errand.result < 0) /* the next connection shows it as well */
		gw_log_debug("the new certificate was not shown yet: %s", j->errand.error.message);
	free_job(j);
	if (!e->closed)
		schedule(e);
	free_enroller(e);
}

static void tell_expired(struct gw_enroller *e)
{
	char when[GW_WHEN_STRLEN];

	if (e->told_expired)
		return;
	e->told_expired = true;
	gw_error_set(
		&e->error, EKEYEXPIRED, GW_ERR_UNAVAILABLE, "controller.crt",
		"the certificate has expired at %s: this node must be enrolled anew, with what gwctl server enroll "
		"%s prints on the controller",
		gw_when_format(e->facts.until, when), e->facts.server);
	gw_log_error("%s", e->error.message);
}

static void on_timer(uv_timer_t *timer)
{
	struct gw_enroller *e = timer->data;

	if (e->job)
		return;
	switch (gw_enrollment_state(e->facts.from, e->facts.until, time(NULL))) {
	case GW_ENROLLMENT_DUE:
		e->told_expired = false;
		start(e, GW_ERRAND_RENEW);
		break;
	case GW_ENROLLMENT_EXPIRED:
		tell_expired(e);
		break;
	default:
		e->told_expired = false;
		break;
	}
	if (!e->job)
		schedule(e);
}

/* An operator who has put another certificate there renews it too. */
static bool is_ours(const struct gw_enroller *e)
{
	return e->enrolled && !*e->params.config->controller_cert;
}

static void schedule(struct gw_enroller *e)
{
	int64_t now = time(NULL);
	unsigned wait = HOUR;

	uv_timer_stop(&e->timer);
	if (!is_ours(e) || e->job)
		return;
	if (gw_enrollment_state(e->facts.from, e->facts.until, now) != GW_ENROLLMENT_EXPIRED || !e->told_expired)
		wait = gw_enrollment_wait(e->facts.from, e->facts.until, now, e->failures);
	uv_timer_start(&e->timer, on_timer, wait * UINT64_C(1000), 0);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

int gw_enroller_open(const struct gw_enroller_params *params, struct gw_enroller **ret, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;
	struct gw_enroller *e = calloc(1, sizeof *e);

	if (!e)
		return gw_error_oom(err);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(e);
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, "", "libcurl cannot be started");
	}
	e->params = *params;
	uv_timer_init(params->loop, &e->timer);
	e->timer.data = e;
	e->timer_open = true;
	/* A node goes on without: what it has to carry is in its store. */
	if (gw_credential_recover(params->config, &why) < 0 || look(e, &why) < 0) {
		e->error = why;
		gw_log_error("what enrolling has left cannot be used: %s: %s", why.target, why.message);
	}
	schedule(e);
	*ret = e;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct gw_enroller *e = handle->data;

	e->timer_open = false;
	free_enroller(e);
}

struct gw_enroller *gw_enroller_close(struct gw_enroller *e)
{
	if (!e)
		return NULL;
	e->closed = true;
	atomic_store(&e->stop, true);
	if (e->job)
		uv_cancel((uv_req_t *)&e->job->work);
	uv_close((uv_handle_t *)&e->timer, on_closed);
	return NULL;
}

/* --- for the API -------------------------------------------------------------------------------------------------- */

static int check_urls(const char *urls, struct gw_error *err)
{
	char url[GW_ERRAND_URLS];

	if (!gw_config_urls_valid(urls) || strlen(urls) >= GW_ERRAND_URLS)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "urls",
				    "allowed are up to %d of https://HOST:PORT with commas between",
				    GW_CONTROLLER_URLS);
	for (size_t i = 0; gw_config_url(urls, i, url, sizeof url); i++)
		if (strncmp(url, "https://", 8) != 0)
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "urls",
					    "a controller enrolls over https:// only");
	return gw_config_url(urls, 0, url, sizeof url)
		       ? 0
		       : gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "urls", "names no controller");
}

int gw_enroller_enroll(void *ctx, const char *urls, const char *token, struct gw_enrolling *w, struct gw_error *err)
{
	struct gw_enroller *e = ctx;
	const struct gw_config *config = e->params.config;
	struct gw_enrollment parsed;
	struct job *j;
	int r = check_urls(urls, err);

	if (r == 0)
		r = gw_enrollment_parse(token, &parsed, err);
	if (r < 0)
		return r;
	if (strcasecmp(parsed.server, config->controller_server) != 0)
		return gw_error_set(err, EINVAL, GW_ERR_CONFLICT, "token",
				    "is for the server \"%s\", and this node is \"%s\": take one for that, or set "
				    "[controller] server in the configuration and restart gwd",
				    parsed.server, config->controller_server);
	if (*config->controller_cert)
		return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "[controller] client_cert",
				    "names this node's certificate: take it and client_key out and restart gwd, and "
				    "enroll it then");
	if (e->job || e->closed)
		return gw_error_set(err, EBUSY, GW_ERR_CONFLICT, "",
				    "the node is just being enrolled, or its certificate renewed: try again");
	j = make_job(e, GW_ERRAND_ENROLL, urls);
	if (!j)
		return gw_error_oom(err);
	j->errand.token = parsed;
	explicit_bzero(&parsed, sizeof parsed);
	j->waiter = w;
	uv_timer_stop(&e->timer);
	r = begin(e, j, err);
	if (r < 0)
		schedule(e);
	return r;
}

json_t *gw_enroller_status(void *ctx)
{
	static const char *const names[] = {"None", "Valid", "RenewalDue", "Expired"};
	const struct gw_enroller *e = ctx;
	char from[GW_WHEN_STRLEN], until[GW_WHEN_STRLEN], fingerprint[GW_FINGERPRINT_STRLEN];
	enum gw_enrollment_state state = GW_ENROLLMENT_NONE;
	json_t *status;

	if (e->enrolled)
		state = gw_enrollment_state(e->facts.from, e->facts.until, time(NULL));
	status = json_pack("{s:s}", "state", names[state]);
	if (status && e->enrolled) {
		json_t *more = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "server", e->facts.server, "urls", e->urls,
					 "authority", e->authority, "fingerprint",
					 gw_fingerprint_format(&e->facts.fingerprint, fingerprint), "validFrom",
					 gw_when_format(e->facts.from, from), "validUntil",
					 gw_when_format(e->facts.until, until));

		json_object_update(status, more);
		json_decref(more);
	}
	if (status && *e->error.message)
		json_object_set_new(
			status, "lastError",
			json_sprintf("%s%s%s", e->error.target, *e->error.target ? ": " : "", e->error.message));
	return status;
}
