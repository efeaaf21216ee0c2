/*
 * client.c - see client.h. The daemon's answer is not trusted: its size is bounded, redirects and proxies are
 * off, and what it says is escaped where it is printed (text.c). Called by the commands.
 */
#include "cli/client.h"

#include "base/cleanup.h"
#include "base/percent.h"
#include "cli/text.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define RESPONSE_MAX	((size_t)1 << 30)
#define CONNECT_SECONDS 5L
#define TOTAL_SECONDS	300L /* a batch of 16 MiB may take its time */

struct gw_cli_client {
	CURL *curl;
	const struct gw_cli_address *address;
	const struct gw_cli_credentials *show;
	char error[CURL_ERROR_SIZE];
	char *answer; /* of the request under way */
	size_t len, room;
	bool too_large;
	long seconds; /* that a call may take */
};

struct gw_cli_client *gw_cli_client_new(const struct gw_cli_address *address, const struct gw_cli_credentials *show)
{
	struct gw_cli_client *c = gw_cli_must(calloc(1, sizeof *c));

	c->address = address;
	c->show = show;
	c->curl = gw_cli_must(curl_easy_init());
	c->seconds = TOTAL_SECONDS;
	return c;
}

void gw_cli_client_hurry(struct gw_cli_client *c, long seconds)
{
	c->seconds = seconds;
}

struct gw_cli_client *gw_cli_client_free(struct gw_cli_client *c)
{
	if (!c)
		return NULL;
	curl_easy_cleanup(c->curl);
	free(c->answer);
	free(c);
	return NULL;
}

static size_t receive(char *data, size_t size, size_t n, void *ctx)
{
	struct gw_cli_client *c = ctx;
	size_t bytes = size * n; /* at most CURL_MAX_WRITE_SIZE */

	if (bytes > RESPONSE_MAX - c->len) {
		c->too_large = true;
		return 0;
	}
	if (c->len + bytes > c->room) {
		c->room = (c->len + bytes) * 2;
		c->answer = gw_cli_must(realloc(c->answer, c->room));
	}
	memcpy(c->answer + c->len, data, bytes);
	c->len += bytes;
	return bytes;
}

/* What to do about a failure to connect. */
static const char *hint(const struct gw_cli_client *c, long number)
{
	if (c->address->socket_path)
		return number == EACCES || number == EPERM ? "only root may use this socket"
							   : "is it running? See: systemctl status gwd";
	return "does it listen there? See [api] listen in gwd.conf(5)";
}

static void report(const struct gw_cli_client *c, CURLcode code)
{
	const char *why = *c->error ? c->error : curl_easy_strerror(code), *name = c->address->name;
	long number = 0;

	if (c->too_large) {
		gw_cli_fail("the answer of gwd at %s is larger than %zu MiB", name, RESPONSE_MAX >> 20);
		return;
	}
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
		gw_cli_fail("gwd at %s is not who it should be: %s; name who has signed its certificate with --ca (one "
			    "that it made itself is tls.crt in its state_dir)",
			    name, why);
		return;
	case CURLE_SSL_CACERT_BADFILE:
		gw_cli_fail("--ca: %s cannot be used: %s", c->show->ca ? c->show->ca : "the system's list", why);
		return;
	case CURLE_SSL_CERTPROBLEM:
		gw_cli_fail("--cert, --key: %s", why);
		return;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &number);
		gw_cli_fail("cannot reach gwd at %s: %s; %s", name, number > 0 ? strerror((int)number) : why,
			    hint(c, number));
		return;
	default:
		gw_cli_fail("lost gwd at %s: %s", name, why);
	}
}

static struct curl_slist *add_header(struct curl_slist *list, const char *header)
{
	return gw_cli_must(curl_slist_append(list, header));
}

static CURLcode transfer(struct gw_cli_client *c, const struct gw_cli_request *req, const char *url,
			 struct curl_slist *headers)
{
	/* Called with each option's own type; the first that fails is kept. */
#define SET(option, value) (code = code == CURLE_OK ? curl_easy_setopt(c->curl, option, value) : code)
	CURLcode code = CURLE_OK;

	curl_easy_reset(c->curl); /* keeps the connection */
	SET(CURLOPT_ERRORBUFFER, c->error);
	if (c->address->socket_path)
		SET(CURLOPT_UNIX_SOCKET_PATH, c->address->socket_path);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, c->address->tls ? "https" : "http");
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c->show->ca)
		SET(CURLOPT_CAINFO, c->show->ca);
	if (c->show->cert) {
		SET(CURLOPT_SSLCERT, c->show->cert);
		SET(CURLOPT_SSLKEY, c->show->key);
	}
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	SET(CURLOPT_TIMEOUT, c->seconds);
	SET(CURLOPT_USERAGENT, "gwctl/" GW_VERSION);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_WRITEFUNCTION, receive);
	SET(CURLOPT_WRITEDATA, c);
	if (req->body) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
		SET(CURLOPT_POSTFIELDS, req->body);
	}
	SET(CURLOPT_CUSTOMREQUEST, req->method);
	SET(CURLOPT_FRESH_CONNECT, req->anew ? 1L : 0L);
#undef SET
	return code == CURLE_OK ? curl_easy_perform(c->curl) : code;
}

static int decode(const struct gw_cli_client *c, const struct gw_cli_request *req, long status,
		  struct gw_cli_response *ret)
{
	json_error_t e;
	json_t *body = NULL;

	if (req->raw && status < 300) {
		*ret = (struct gw_cli_response){.status = status, .raw = c->answer, .raw_len = c->len};
		return 0;
	}
	if (c->len > 0) {
		body = json_loadb(c->answer, c->len, JSON_DECODE_ANY, &e);
		/* A refusal without a readable reason is still a refusal. */
		if (!body && status < 400) {
			gw_cli_fail("gwd at %s answered with malformed JSON: line %d, column %d: %s", c->address->name,
				    e.line, e.column, e.text);
			return -EBADMSG;
		}
	}
	*ret = (struct gw_cli_response){.status = status, .body = body};
	return 0;
}

int gw_cli_call(struct gw_cli_client *c, const struct gw_cli_request *req, struct gw_cli_response *ret)
{
	const char *base = c->address->socket_path ? "http://localhost" : c->address->name;
	_cleanup_free_ char *url = gw_cli_format("%s%s", base, req->path), *match = NULL, *bearer = NULL;
	struct curl_slist *headers = NULL;
	struct curl_header *operation;
	CURLcode code;
	long status = 0;
	int r;

	c->len = 0;
	c->error[0] = '\0';
	headers = add_header(headers, "Accept: application/json");
	headers = add_header(headers, "Expect:");
	if (req->body)
		headers = add_header(headers, req->raw ? "Content-Type: application/octet-stream"
						       : "Content-Type: application/json; charset=UTF-8");
	if (req->if_match) {
		match = gw_cli_format("If-Match: %s", req->if_match);
		headers = add_header(headers, match);
	}
	if (c->show->token && !c->address->socket_path) {
		bearer = gw_cli_format("Authorization: Bearer %s", c->show->token);
		headers = add_header(headers, bearer);
	}
	code = transfer(c, req, url, headers);
	curl_slist_free_all(headers);
	if (code != CURLE_OK) {
		if (!req->anew)
			report(c, code);
		return -ECONNREFUSED;
	}
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	r = decode(c, req, status, ret);
	if (r == 0 && curl_easy_header(c->curl, "Azure-AsyncOperation", 0, CURLH_HEADER, -1, &operation) == CURLHE_OK)
		ret->operation = gw_cli_link_path(operation->value);
	return r;
}

void gw_cli_response_done(struct gw_cli_response *r)
{
	json_decref(r->body);
	r->body = NULL;
	free(r->operation);
	r->operation = NULL;
}

int gw_cli_call_ok(struct gw_cli_client *c, const struct gw_cli_request *req, struct gw_cli_response *ret)
{
	struct gw_cli_response answer = {0};
	int r = gw_cli_call(c, req, &answer);

	if (r < 0)
		return r;
	if (answer.status < 200 || answer.status > 299) {
		gw_cli_refused(&answer);
		gw_cli_response_done(&answer);
		return -EREMOTEIO;
	}
	*ret = answer;
	return 0;
}

int gw_cli_put(struct gw_cli_client *c, const char *path, const json_t *body, struct gw_cli_response *ret)
{
	_cleanup_free_ char *text = gw_cli_must(json_dumps(body, JSON_COMPACT));

	return gw_cli_call_ok(
		c, &(struct gw_cli_request){.method = "PUT", .path = path, .body = text, .body_len = strlen(text)},
		ret);
}

char *gw_cli_reason(const struct gw_cli_response *r)
{
	const json_t *error = json_object_get(r->body, "error");
	const char *code = gw_cli_str(error, "code"), *message = gw_cli_str(error, "message"),
		   *target = gw_cli_str(error, "target");

	if (!*code && !*message)
		return gw_cli_format("gwd answered with HTTP status %ld and no reason", r->status);
	return gw_cli_format("%s%s%s: %s", *code ? code : "Error", *target ? " at " : "", target,
			     *message ? message : "no reason was given");
}

int gw_cli_refused(const struct gw_cli_response *r)
{
	_cleanup_free_ char *reason = gw_cli_reason(r);

	return gw_cli_fail("%s", reason);
}

char *gw_cli_link_path(const char *link)
{
	const char *path = link;

	if (strncasecmp(path, "http://", 7) == 0 || strncasecmp(path, "https://", 8) == 0)
		path = strchr(strchr(path, '/') + 2, '/');
	if (!path || path[0] != '/')
		return NULL;
	for (const char *p = path; *p; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '#')
			return NULL;
	}
	if (strncasecmp(path, GW_CLI_API_ROOT "/", strlen(GW_CLI_API_ROOT) + 1) == 0)
		return gw_cli_format("%s", path);
	return gw_cli_format("%s%s", GW_CLI_API_ROOT, path);
}

char *gw_cli_percent_encode(const char *s)
{
	return gw_cli_must(gw_percent_encode(s, ""));
}
