/*
 * errand.c - see errand.h. Knows nothing of the loop: whoever runs one waits for it. Called by enroll.c on a thread.
 */
#include "sync/errand.h"

#include "sync/ask.h"
#include "sync/credential.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "/networking/v1"

static const char *text_of(const json_t *answer, const char *name)
{
	const json_t *value = json_object_get(answer, name);
	const char *s = json_string_value(value);

	return s && strlen(s) == json_string_length(value) ? s : "";
}

/* The authority that answers there, if it is the one that the token names. */
static int fetch_authority(const struct gw_errand *j, const char *url, char **ret_pem, struct gw_error *err)
{
	struct gw_token_hash hash = {0};
	json_t *answer = NULL;
	char *pem = NULL, text[GW_FINGERPRINT_STRLEN];
	bool sent;
	int r = gw_ask(&(struct gw_ask){.url = url, .path = PREFIX "/ca", .stop = j->stop}, &answer, &sent, err);

	if (r < 0)
		return r;
	r = gw_credential_authority(text_of(answer, "certificate"), &pem, &hash, err);
	json_decref(answer);
	if (r < 0)
		return gw_error_set(err, EPROTO, GW_ERR_UNAVAILABLE, url,
				    "names no authority of its certificate: is it a controller?");
	if (!gw_token_hash_equal(&hash, &j->token.authority)) {
		free(pem);
		return gw_error_set(
			err, EACCES, GW_ERR_FORBIDDEN, url,
			"is not the controller that the token is of: its authority is another one (%s); the "
			"token was not shown to it",
			gw_fingerprint_format(&hash, text));
	}
	*ret_pem = pem;
	return 0;
}

/* What the controller has answered, with the key that was made for it. */
static int take_answer(const json_t *answer, const char *server, struct gw_credential *c, struct gw_error *err)
{
	struct gw_token_hash hash;
	int r;

	c->certificate = strdup(text_of(answer, "certificate"));
	if (!c->certificate)
		return gw_error_oom(err);
	r = gw_credential_check(c->certificate, c->key, server, err);
	if (r < 0)
		return r;
	free(c->ca);
	c->ca = NULL;
	return gw_credential_authority(text_of(answer, "ca"), &c->ca, &hash, err);
}

/* Asks for a certificate; `ask` says where and who. On success `c` is complete but for its urls. */
static int ask_for_certificate(struct gw_errand *j, struct gw_ask *ask, const char *server, struct gw_credential *c,
			       struct gw_error *err)
{
	_cleanup_free_ char *request = NULL, *path = NULL;
	json_t *body, *answer = NULL;
	int r = gw_credential_request(&c->key, &request, err);

	if (r < 0)
		return r;
	body = json_pack("{s:s}", "request", request);
	if (!body || asprintf(&path, PREFIX "/servers/%s/certificate", server) < 0) {
		path = NULL;
		json_decref(body);
		return gw_error_oom(err);
	}
	ask->path = path;
	ask->body = body;
	ask->stop = j->stop;
	r = gw_ask(ask, &answer, &j->sent, err);
	json_decref(body);
	if (r == 0)
		r = take_answer(answer, server, c, err);
	json_decref(answer);
	return r;
}

static int store(struct gw_errand *j, struct gw_credential *c, const char *urls, struct gw_error *err)
{
	c->urls = strdup(urls);
	return c->urls ? gw_credential_store(j->config, c, err) : gw_error_oom(err);
}

static int enroll_at(struct gw_errand *j, const char *url, struct gw_error *err)
{
	_cleanup_credential_ struct gw_credential c = {0};
	_cleanup_free_ char *ca = NULL;
	struct gw_ask ask = {.url = url, .bearer = j->token.secret};
	int r = fetch_authority(j, url, &ca, err);

	if (r < 0)
		return r;
	ask.ca = ca;
	r = ask_for_certificate(j, &ask, j->token.server, &c, err);
	return r < 0 ? r : store(j, &c, j->urls, err);
}

/* The authority that an operator has named, or that of enrolling. */
static int read_ca(const struct gw_errand *j, const struct gw_credential *now, char **ret, struct gw_error *err)
{
	const char *path = j->config->controller_ca;

	if (*path)
		return gw_credential_slurp(path, ret, err);
	*ret = strdup(now->ca);
	return *ret ? 0 : gw_error_oom(err);
}

static int renew_at(struct gw_errand *j, const char *url, struct gw_error *err)
{
	_cleanup_credential_ struct gw_credential now = {0}, next = {0};
	struct gw_credential_facts facts = {0};
	char cert[GW_PATHLEN + 32], key[GW_PATHLEN + 32];
	_cleanup_free_ char *ca = NULL;
	struct gw_ask ask = {.url = url, .cert = cert, .key = key};
	json_t *answer = NULL;
	/* What came last and could not be written whole, as for want of space, is what the controller knows. */
	int r = gw_credential_recover(j->config, err);

	if (r == 0)
		r = gw_credential_load(j->config, &now, err);
	if (r == -ENOENT)
		return gw_error_set(err, ENOENT, GW_ERR_UNAVAILABLE, j->config->state_dir,
				    "what enrolling has left is not there any more");
	if (r == 0)
		r = read_ca(j, &now, &ca, err);
	if (r == 0)
		r = gw_credential_read(now.certificate, &facts, err);
	if (r < 0)
		return r;
	gw_credential_path(j->config, "controller.crt", cert);
	gw_credential_path(j->config, "controller.key", key);
	ask.ca = ca;
	if (j->task == GW_ERRAND_RENEW) {
		r = ask_for_certificate(j, &ask, facts.server, &next, err);
		return r < 0 ? r : store(j, &next, now.urls, err);
	}
	ask.path = "/version";
	ask.stop = j->stop;
	r = gw_ask(&ask, &answer, &j->sent, err);
	json_decref(answer);
	return r;
}

/* A token that may have been used up is brought to no other place. */
void gw_errand_run(struct gw_errand *j)
{
	char url[GW_ERRAND_URLS];

	j->result = gw_error_set(&j->error, EINVAL, GW_ERR_INVALID_PROPERTY, "[controller] urls",
				 "none of them is https://HOST:PORT");
	for (size_t i = 0; !atomic_load(j->stop) && gw_config_url(j->urls, i, url, sizeof url); i++) {
		struct gw_error err = GW_ERROR_INIT;

		if (strncmp(url, "https://", 8) != 0)
			continue;
		j->result = j->task == GW_ERRAND_ENROLL ? enroll_at(j, url, &err) : renew_at(j, url, &err);
		j->error = err;
		if (j->result == 0 || (j->task == GW_ERRAND_ENROLL && j->sent))
			break;
	}
}
