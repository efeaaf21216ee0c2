/*
 * http_check.c - the head of a request: how its parts are read, and what the library lets through and should not: two ends of a
 * message that disagree about where a request ends can be made to mistake one's body for the other's next request. Called by
 * http_request.c.
 *
 * The library itself refuses, in HTML of its own and before we hear of it: a malformed request line or header line, versions other
 * than 1.0 and 1.1, a Content-Length that is no number, a malformed chunk, a head that its memory for a connection has no room
 * for. It has no way to say it differently; it then closes the connection. Everything else is refused here, as all the rest of
 * this interface does.
 */
#include "api/http_private.h"

#include "model/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_MAX 16384 /* far below what the library has room for */

struct head {
	unsigned hosts, lengths, encodings, authorizations;
	bool is_chunked;
	struct gw_error *err;
	int result;
};

static bool is_token(const char *s, size_t n)
{
	static const char chars[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return n > 0 && strlen(s) == n && strspn(s, chars) == n;
}

static bool is_printable(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f)
			return false;
	return true;
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
				 const char *value, size_t value_len)
{
	struct head *h = cls;

	(void)kind;
	if (!is_token(name, name_len) || !is_printable(value ? value : "", value_len)) {
		h->result = gw_error_set(h->err, EINVAL, GW_ERR_INVALID_REQUEST, "",
					 "a header has a name that is none, or a control character in its value");
		return MHD_NO;
	}
	h->hosts += !strcasecmp(name, "Host");
	h->lengths += !strcasecmp(name, "Content-Length");
	h->authorizations += !strcasecmp(name, "Authorization");
	if (!strcasecmp(name, "Transfer-Encoding")) {
		h->encodings++;
		h->is_chunked = value && !strcasecmp(value, "chunked");
	}
	return MHD_YES;
}

static int bad(struct gw_error *err, const char *header, const char *why)
{
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, header, "%s", why);
}

int gw_http_check(struct MHD_Connection *connection, const char *version, struct gw_error *err)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct head h = {.err = err};

	if (info && info->header_size > HEAD_MAX)
		return gw_error_set(err, E2BIG, GW_ERR_TOO_LARGE, "",
				    "the head of a request, its target and headers, may have up to %d bytes", HEAD_MAX);
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &h);
	if (h.result < 0)
		return h.result;
	if (h.hosts > 1 || (h.hosts == 0 && !strcmp(version, "HTTP/1.1")))
		return bad(err, "Host", "a request of HTTP/1.1 has it, and has it once");
	if (h.authorizations > 1)
		return bad(err, "Authorization", "may be there once");
	if (h.lengths > 1 || (h.lengths == 1 && h.encodings > 0))
		return bad(err, "Content-Length", "may be there once, and not beside Transfer-Encoding");
	if (h.encodings > 1 || (h.encodings == 1 && !h.is_chunked))
		return bad(err, "Transfer-Encoding", "may be \"chunked\" and nothing else");
	return 0;
}

/* --- what is read of it ------------------------------------------------------------------------------------------- */

const char *gw_http_path_of(const char *target)
{
	size_t n = !strncasecmp(target, "https://", 8) ? 8 : !strncasecmp(target, "http://", 7) ? 7 : 0;

	return n ? target + n + strcspn(target + n, "/?") : target;
}

struct list {
	const char *name;
	char *text;
	int result;
};

static enum MHD_Result on_line(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct list *l = cls;
	char *longer = NULL;

	(void)kind;
	if (strcasecmp(name, l->name) != 0)
		return MHD_YES;
	l->result = asprintf(&longer, "%s%s%s", l->text ? l->text : "", l->text ? ", " : "", value ? value : "");
	if (l->result < 0)
		return MHD_NO;
	free(l->text);
	l->text = longer;
	return MHD_YES;
}

int gw_http_copy_list(struct MHD_Connection *connection, const char *name, char **ret, struct gw_error *err)
{
	struct list l = {.name = name};

	MHD_get_connection_values(connection, MHD_HEADER_KIND, on_line, &l);
	if (l.result < 0) {
		free(l.text);
		return gw_error_oom(err);
	}
	*ret = l.text;
	return 0;
}

/* --- browsers ----------------------------------------------------------------------------------------------------- */

/*
 * A browser sends what a page of anybody's makes it send, with the certificate or the password that its user has given it for us.
 * It says on whose behalf, and it asks before it sends what no form could send. So whatever comes from another page is
 * refused, and what a form could send is not read.
 */
static const char *value_of(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool is_ours(const char *origin, const char *host, const struct gw_http *http)
{
	const char *scheme = http->place.scheme == GW_LISTEN_HTTPS ? "https://" : "http://";
	size_t n = strlen(scheme);

	return host && !strncasecmp(origin, scheme, n) && !strcasecmp(origin + n, host);
}

/* "localhost", "127.0.0.1" or "[::1]", with a port or without. */
static bool is_loopback(const char *host)
{
	char text[GW_ADDR_STRLEN] = "";
	bool bracket = *host == '[';
	size_t n = strcspn(host + bracket, bracket ? "]" : ":");
	struct gw_listen place = {.scheme = GW_LISTEN_HTTP};

	if (n >= sizeof text || (bracket && host[1 + n] != ']') ||
	    strspn(host + bracket + n, "]:0123456789") != strlen(host + bracket + n))
		return false;
	memcpy(text, host + bracket, n);
	return !strcasecmp(text, "localhost") || (gw_addr_parse(text, &place.addr) == 0 && gw_listen_is_local(&place));
}

int gw_http_check_origin(struct MHD_Connection *connection, const struct gw_http *http, struct gw_error *err)
{
	const char *host = value_of(connection, "Host"), *origin = value_of(connection, "Origin"),
		   *site = value_of(connection, "Sec-Fetch-Site");

	if (http->place.scheme == GW_LISTEN_UNIX)
		return 0;
	if ((origin && !is_ours(origin, host, http)) ||
	    (site && strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0))
		return gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, origin ? "Origin" : "Sec-Fetch-Site",
				    "pages of other sites may not use this interface");
	if (http->env->service->config->auth_none && (!host || !is_loopback(host)))
		return gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, "Host",
				    "with [api] auth = none this is there for localhost, 127.0.0.1 and [::1] only");
	return 0;
}

int gw_http_check_type(struct MHD_Connection *connection, const struct gw_http *http, const char *type,
		       struct gw_error *err)
{
	const char *sent = value_of(connection, "Content-Type"), *encoding = value_of(connection, "Content-Encoding");
	size_t n = strlen(type);

	if (encoding && strcasecmp(encoding, "identity") != 0)
		return gw_error_set(err, EINVAL, GW_ERR_MEDIA_TYPE, "Content-Encoding",
				    "a body is read as it is: send it without");
	if (http->place.scheme == GW_LISTEN_UNIX)
		return 0;
	if (sent && !strncasecmp(sent, type, n)) {
		sent += n + strspn(sent + n, " \t");
		if (!*sent || *sent == ';')
			return 0;
	}
	return gw_error_set(err, EINVAL, GW_ERR_MEDIA_TYPE, "Content-Type", "a body is %s here, and has to say so",
			    type);
}
