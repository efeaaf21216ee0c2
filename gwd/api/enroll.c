/*
 * enroll.c - how a machine becomes a node of this controller, and stays one: /access/enrollments makes one-time tokens (with
 * access.c), /ca says whom to trust, /servers/ID/certificate gives and renews the certificate that the node shows from then on.
 * Called by the router.
 *
 *     nothing --token--> enrolled: one certificate --renewal--> two certificates, the older until the newer is shown
 *                           ^                                                |
 *                           +------------------the newer was shown----------+
 *
 * Deleting the entry /access/certificates/ID leads back to nothing from anywhere.
 */
#include "api/enroll.h"

#include "api/api.h"
#include "api/tls.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/when.h"
#include "control/authority.h"
#include "control/control.h"
#include "model/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SWEPT_MAX 8

/* --- whom to trust ------------------------------------------------------------------------------------------------ */

static int require_anchor(const struct gw_api_request *req, struct gw_error *err)
{
	if (req->anchor)
		return 0;
	return gw_error_set(err, ENOENT, GW_ERR_CONFLICT, "[api] listen",
			    "has no https:// place, so that no node could come here: add one");
}

/* Anybody may know: what it is worth is for who asks to find out. */
void gw_api_ca(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	char text[GW_FINGERPRINT_STRLEN];

	if (require_anchor(req, &err) < 0) {
		gw_api_reply_error(reply, &err);
		return;
	}
	gw_api_reply_json(reply, 200,
			  json_pack("{s:s, s:s}", "certificate", req->anchor->pem, "fingerprint",
				    gw_fingerprint_format(&req->anchor->fingerprint, text)));
}

/* --- one-time tokens ---------------------------------------------------------------------------------------------- */

static void add_url(json_t *list, const struct gw_addr *a, unsigned port)
{
	char text[GW_ADDR_STRLEN];
	bool v4 = gw_addr_is_v4(a);

	gw_addr_format(a, text);
	json_array_append_new(list, json_sprintf(v4 ? "https://%s:%u" : "https://[%s]:%u", text, port));
}

/* Those of the machine that others can come to. */
static void add_own_urls(json_t *list, bool v4_only, unsigned port)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct gw_addr a;

		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			a = gw_addr_from_v4(ntohl(((const struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr));
		else if (i->ifa_addr->sa_family == AF_INET6 && !v4_only)
			memcpy(a.b, &((const struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, sizeof a.b);
		else
			continue;
		if (gw_addr_is_unicast(&a) && !gw_addr_is_link_local(&a))
			add_url(list, &a, port);
	}
	freeifaddrs(all);
}

json_t *gw_api_own_urls(const struct gw_config *config)
{
	struct gw_listen places[GW_LISTEN_MAX];
	json_t *list = json_array();
	const char *why;
	size_t n = 0;

	if (gw_listen_parse(config->listen, places, &n, &why) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		if (places[i].scheme != GW_LISTEN_HTTPS)
			continue;
		if (gw_addr_is_any(&places[i].addr))
			add_own_urls(list, gw_addr_is_v4(&places[i].addr), places[i].port);
		else
			add_url(list, &places[i].addr, places[i].port);
	}
	return list;
}

/* The entry of a node's certificate: one that somebody else has put there is not ours to change. */
static int check_entry(const struct gw_access_table *access, const char *server, const struct gw_access_entry **ret,
		       struct gw_error *err)
{
	const struct gw_access_entry *by_name = gw_access_get(access, GW_ACCESS_CERTIFICATES, server),
				     *by_subject = gw_access_find_subject(access, server),
				     *other = by_subject && by_subject != by_name ? by_subject : by_name;

	if (other && (other != by_name || !other->pinned || other->role != GW_ACCESS_HOST ||
		      strcmp(other->subject, other->name) != 0))
		return gw_error_set(
			err, EEXIST, GW_ERR_CONFLICT, "",
			"the certificate %s, which an operator has added, is of that name or subject: delete "
			"it, or call the server something else",
			other->name);
	*ret = by_name;
	return 0;
}

int gw_api_prepare_enrollment(const struct gw_api_request *req, struct gw_access_entry *e, struct gw_error *err)
{
	static const struct gw_principal gwd = {.access = GW_ACCESS_OPERATOR, .name = "gwd"};
	const struct gw_service *service = req->service;
	const struct gw_access_entry *entry;
	int64_t now = time(NULL);
	int r = gw_api_require_controller(req, err);

	if (r == 0)
		r = require_anchor(req, err);
	if (r == 0)
		r = check_entry(service->access, e->name, &entry, err);
	/* Nobody else takes away those that were never used; a few at a time, as each is a change of the store. */
	for (size_t i = gw_access_count(service->access, GW_ACCESS_ENROLLMENTS), n = 0;
	     r == 0 && i > 0 && n < SWEPT_MAX; i--) {
		entry = gw_access_at(service->access, GW_ACCESS_ENROLLMENTS, i - 1);
		if (entry->until <= now && strcasecmp(entry->name, e->name) != 0) {
			char name[GW_PRINCIPAL_NAMELEN];

			n++;
			strcpy(name, entry->name);
			r = service->delete_access(service->ctx, &gwd, GW_ACCESS_ENROLLMENTS, name, err);
		}
	}
	if (r == 0)
		e->until += now;
	return r;
}

void gw_api_tell_enrollment(const struct gw_api_request *req, const struct gw_access_entry *e, const char *secret,
			    json_t *properties)
{
	struct gw_enrollment token = {.authority = req->anchor->fingerprint};
	char text[GW_ENROLLMENT_STRLEN];

	strcpy(token.secret, secret);
	strcpy(token.server, e->name);
	json_object_set_new(properties, "token", json_string(gw_enrollment_format(&token, text)));
	json_object_set_new(properties, "urls", gw_api_own_urls(req->service->config));
	explicit_bzero(text, sizeof text);
	explicit_bzero(&token, sizeof token);
}

/* --- certificates ------------------------------------------------------------------------------------------------- */

/* What the entry is to be, but for what is issued. */
static int find_entry(const struct gw_api_request *req, struct gw_access_entry *ret, struct gw_error *err)
{
	const struct gw_principal *who = req->who;
	const char *server = req->param[0];
	const struct gw_access_entry *now = NULL;
	int r;

	if (who->proof != GW_PROOF_ENROLLMENT && who->proof != GW_PROOF_CERTIFICATE)
		return gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, "",
				    "a node gets its certificate with a one-time token, and another one with the one "
				    "that it has");
	if (strcasecmp(who->name, server) != 0)
		return gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, "", "this is for the server %s, not for %s",
				    who->name, server);
	r = check_entry(req->service->access, who->name, &now, err);
	if (r < 0)
		return r;
	if (who->proof == GW_PROOF_CERTIFICATE) {
		if (!now)
			return gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, "",
					    "this certificate is none that this controller has issued");
		/* It is good for being told that there is nothing to hold any more, until it is over. */
		if (gw_control_has_deleted_server(req->service->control, who->name))
			return gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, "",
					    "server %s has been deleted: its certificate is not renewed", who->name);
		*ret = *now;
		ret->has_previous = true;
		ret->previous = who->certificate;
		return 0;
	}
	*ret = (struct gw_access_entry){.kind = GW_ACCESS_CERTIFICATES, .role = GW_ACCESS_HOST, .pinned = true};
	strcpy(ret->name, now ? now->name : who->name);
	strcpy(ret->subject, ret->name);
	return 0;
}

/* The text is the reply's own. */
static int take_request(const struct gw_api_request *req, json_t **ret_body, const char **ret, struct gw_error *err)
{
	int r = gw_api_parse_json(req->body, req->body_len, ret_body, err);
	const json_t *value = r == 0 ? json_object_get(*ret_body, "request") : NULL;
	const char *text = json_string_value(value);

	if (r < 0)
		return r;
	if (!text || strlen(text) != json_string_length(value))
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "request",
				    "the body is {\"request\": a certificate request in PEM}");
	*ret = text;
	return 0;
}

static int issue(const struct gw_api_request *req, const char *request, struct gw_access_entry *e,
		 struct gw_issued *ret, struct gw_error *err)
{
	const struct gw_config *config = req->service->config;
	struct gw_authority *authority = NULL;
	struct gw_issued issued = {0};
	int r = gw_authority_open(config, true, &authority, err);

	if (r < 0)
		return r;
	r = gw_authority_issue(authority, request, e->subject, config->certificate_seconds, &issued, err);
	gw_authority_close(authority);
	if (r < 0)
		return r;
	e->fingerprint = issued.fingerprint;
	e->until = issued.until;
	/* From here on a one-time token is used up, though the answer may get lost. */
	r = req->service->put_access(req->service->ctx, req->who, e, err);
	if (r < 0)
		free(issued.pem);
	else
		*ret = issued;
	return r;
}

void gw_api_certificate(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_issued issued = {0};
	struct gw_access_entry e = {0};
	char text[GW_FINGERPRINT_STRLEN], when[GW_WHEN_STRLEN];
	const char *request = NULL;
	json_t *body = NULL;
	int r = gw_api_require_controller(req, &err);

	if (r == 0)
		r = require_anchor(req, &err);
	if (r == 0)
		r = find_entry(req, &e, &err);
	if (r == 0)
		r = take_request(req, &body, &request, &err);
	if (r == 0)
		r = issue(req, request, &e, &issued, &err);
	json_decref(body);
	if (r < 0) {
		gw_api_reply_error(reply, &err);
		return;
	}
	gw_log_notice("server %s has a certificate until %s, SHA-256 fingerprint %s", e.name,
		      gw_when_format(issued.until, when), gw_fingerprint_format(&issued.fingerprint, text));
	gw_api_reply_json(reply, 201,
			  json_pack("{s:s, s:s, s:s, s:s}", "certificate", issued.pem, "ca", req->anchor->pem,
				    "fingerprint", text, "validUntil", when));
	free(issued.pem);
}

void gw_api_settle_certificate(const struct gw_service *service, const struct gw_principal *who)
{
	struct gw_error err = GW_ERROR_INIT;
	const struct gw_access_entry *now;
	struct gw_access_entry e;

	if (who->proof != GW_PROOF_CERTIFICATE)
		return;
	now = gw_access_get(service->access, GW_ACCESS_CERTIFICATES, who->credential);
	if (!now || !now->has_previous || !gw_token_hash_equal(&now->fingerprint, &who->certificate))
		return;
	e = *now;
	e.has_previous = false;
	e.previous = (struct gw_token_hash){0};
	/* The next request tries again. */
	if (service->put_access(service->ctx, who, &e, &err) < 0)
		gw_log_warning("the older certificate of %s is still good: %s", e.name, err.message);
}
