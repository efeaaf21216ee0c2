/* ask.c - see ask.h: libcurl, one handle for each request. What is answered is bounded, and hostile until it was looked at. */
#include "sync/ask.h"

#include "base/cleanup.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ANSWER_MAX	(256 * 1024)
#define CONNECT_SECONDS 10L
#define TOTAL_SECONDS	30L

struct asking {
	const struct gw_ask *ask;
	CURL *curl;
	struct curl_slist *headers;
	char *body, *url;
	char answer[ANSWER_MAX + 1];
	size_t len;
	bool too_large;
	int ca_fd;
	char ca_path[64];
	char why[CURL_ERROR_SIZE];
};

static size_t receive(char *data, size_t size, size_t n, void *ctx)
{
	struct asking *a = ctx;
	size_t bytes = size * n; /* at most CURL_MAX_WRITE_SIZE */

	if (bytes > ANSWER_MAX - a->len) {
		a->too_large = true;
		return 0;
	}
	memcpy(a->answer + a->len, data, bytes);
	a->len += bytes;
	return bytes;
}

static int on_progress(void *ctx, curl_off_t down, curl_off_t down_now, curl_off_t up, curl_off_t up_now)
{
	const struct asking *a = ctx;

	(void)down;
	(void)down_now;
	(void)up;
	(void)up_now;
	return a->ask->stop && atomic_load(a->ask->stop);
}

/* The library reads authorities from files: this one has no name. */
static int keep_ca(struct asking *a, struct gw_error *err)
{
	const char *ca = a->ask->ca;
	size_t n = strlen(ca);

	a->ca_fd = memfd_create("ca", MFD_CLOEXEC);
	if (a->ca_fd < 0 || write(a->ca_fd, ca, n) != (ssize_t)n)
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, "", "cannot keep the controller's authority in memory");
	snprintf(a->ca_path, sizeof a->ca_path, "/proc/self/fd/%d", a->ca_fd);
	return 0;
}

static int add_header(struct asking *a, const char *text, struct gw_error *err)
{
	struct curl_slist *list = curl_slist_append(a->headers, text);

	if (!list)
		return gw_error_oom(err);
	a->headers = list;
	return 0;
}

static int add_bearer(struct asking *a, struct gw_error *err)
{
	char *text;
	int r;

	if (!a->ask->bearer)
		return 0;
	if (asprintf(&text, "Authorization: Bearer %s", a->ask->bearer) < 0)
		return gw_error_oom(err);
	r = add_header(a, text, err);
	explicit_bzero(text, strlen(text));
	free(text);
	return r;
}

static int prepare(struct asking *a, struct gw_error *err)
{
	const struct gw_ask *ask = a->ask;
	int r = ask->ca ? keep_ca(a, err) : 0;

	if (r < 0)
		return r;
	a->curl = curl_easy_init();
	a->body = ask->body ? json_dumps(ask->body, JSON_COMPACT) : NULL;
	if (asprintf(&a->url, "%s%s", ask->url, ask->path) < 0)
		a->url = NULL;
	if (!a->curl || !a->url || (ask->body && !a->body))
		return gw_error_oom(err);
	r = add_header(a, "Accept: application/json", err);
	if (r == 0)
		r = add_header(a, "Expect:", err);
	if (r == 0 && ask->body)
		r = add_header(a, "Content-Type: application/json", err);
	return r == 0 ? add_bearer(a, err) : r;
}

static CURLcode transfer(struct asking *a)
{
	/* Called with each option's own type; the first that fails is kept. */
#define SET(option, value) (code = code == CURLE_OK ? curl_easy_setopt(a->curl, option, value) : code)
	const struct gw_ask *ask = a->ask;
	CURLcode code = CURLE_OK;

	SET(CURLOPT_ERRORBUFFER, a->why);
	SET(CURLOPT_URL, a->url);
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (ask->ca) {
		SET(CURLOPT_CAINFO, a->ca_path);
		SET(CURLOPT_CAPATH, NULL); /* nor those that this machine trusts for other things */
	} else {
		SET(CURLOPT_SSL_VERIFYPEER, 0L);
		SET(CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (ask->cert) {
		SET(CURLOPT_SSLCERT, ask->cert);
		SET(CURLOPT_SSLKEY, ask->key);
	}
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	SET(CURLOPT_TIMEOUT, TOTAL_SECONDS);
	SET(CURLOPT_USERAGENT, "gwd/" GW_VERSION);
	SET(CURLOPT_HTTPHEADER, a->headers);
	SET(CURLOPT_WRITEFUNCTION, receive);
	SET(CURLOPT_WRITEDATA, a);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, a);
	if (a->body) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(a->body));
		SET(CURLOPT_POSTFIELDS, a->body);
	}
#undef SET
	return code == CURLE_OK ? curl_easy_perform(a->curl) : code;
}

static int failed(const struct asking *a, CURLcode code, struct gw_error *err)
{
	const char *why = *a->why ? a->why : curl_easy_strerror(code), *url = a->ask->url;

	if (a->too_large)
		return gw_error_set(err, EMSGSIZE, GW_ERR_UNAVAILABLE, url, "the answer is larger than %d bytes",
				    ANSWER_MAX);
	switch (code) {
	case CURLE_ABORTED_BY_CALLBACK:
		return gw_error_set(err, ECANCELED, GW_ERR_UNAVAILABLE, url, "gwd ends before this was done");
	case CURLE_PEER_FAILED_VERIFICATION:
		return gw_error_set(
			err, EACCES, GW_ERR_UNAVAILABLE, url,
			"who answers there is not the controller, or its certificate is not for that name or "
			"address: %s",
			why);
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		return gw_error_set(err, EHOSTUNREACH, GW_ERR_UNAVAILABLE, url, "cannot be reached: %s", why);
	default:
		return gw_error_set(err, ECONNRESET, GW_ERR_UNAVAILABLE, url, "gave no answer: %s", why);
	}
}

static int refused(const struct asking *a, long status, const json_t *answer, struct gw_error *err)
{
	const json_t *error = json_object_get(answer, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	enum gw_error_code code = gw_error_code_parse(json_string_value(json_object_get(error, "code")));

	if (!message)
		return gw_error_set(err, EPROTO, GW_ERR_UNAVAILABLE, a->ask->url,
				    "answered with status %ld and no reason: is it a controller?", status);
	return gw_error_set(err, EREMOTEIO, code, a->ask->url, "the controller refuses: %s", message);
}

static int finish(struct asking *a, json_t **ret, struct gw_error *err)
{
	json_t *answer = json_loadb(a->answer, a->len, JSON_REJECT_DUPLICATES, NULL);
	long status = 0;
	int r = 0;

	curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299)
		r = refused(a, status, answer, err);
	else if (!json_is_object(answer))
		r = gw_error_set(err, EPROTO, GW_ERR_UNAVAILABLE, a->ask->url,
				 "answered with something else than JSON: is it a controller?");
	if (r < 0)
		json_decref(answer);
	else
		*ret = answer;
	return r;
}

int gw_ask(const struct gw_ask *ask, json_t **ret, bool *ret_sent, struct gw_error *err)
{
	struct asking *a = calloc(1, sizeof *a);
	long sent = 0;
	CURLcode code;
	int r;

	*ret_sent = false;
	if (!a)
		return gw_error_oom(err);
	a->ask = ask;
	a->ca_fd = -1;
	r = prepare(a, err);
	if (r == 0) {
		code = transfer(a);
		curl_easy_getinfo(a->curl, CURLINFO_REQUEST_SIZE, &sent);
		*ret_sent = sent > 0;
		r = code == CURLE_OK ? finish(a, ret, err) : failed(a, code, err);
	}
	curl_slist_free_all(a->headers);
	if (a->curl)
		curl_easy_cleanup(a->curl);
	gw_cleanup_close(&a->ca_fd);
	free(a->body);
	free(a->url);
	explicit_bzero(a, sizeof *a);
	free(a);
	return r;
}
