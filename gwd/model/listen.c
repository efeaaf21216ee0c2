/* listen.c - see listen.h. Pure. Called by the configuration, which checks, and by the API, which listens. */
#include "model/listen.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

static int parse_unix(const char *path, struct gw_listen *l, const char **ret_why)
{
	size_t n = strlen(path);

	if (*path != '/' || path[n - 1] == '/' || !gw_utf8_is_printable(path))
		return refuse(ret_why, "behind unix: comes the absolute path of a socket");
	if (n >= sizeof l->path)
		return refuse(ret_why, "the path of a unix socket has at most 107 bytes");
	memcpy(l->path, path, n + 1);
	return 0;
}

/* "10.1.1.20:8443", "[fd00::1]:8443" */
static int parse_address(const char *s, struct gw_listen *l, const char **ret_why)
{
	static const char form[] = "behind https:// comes an address with a port, as 10.1.1.20:8443 or [fd00::1]:8443";
	const char *end = *s == '[' ? strstr(s, "]:") : strchr(s, ':'), *port;
	const char *start = *s == '[' ? s + 1 : s;
	char text[GW_ADDR_STRLEN], *rest;
	unsigned long number;

	if (!end || (size_t)(end - start) >= sizeof text)
		return refuse(ret_why, form);
	memcpy(text, start, (size_t)(end - start));
	text[end - start] = '\0';
	port = end + (*s == '[' ? 2 : 1);
	if (gw_addr_parse(text, &l->addr) < 0 || (*s == '[') != !!strchr(text, ':'))
		return refuse(ret_why, form);
	if (*port < '1' || *port > '9')
		return refuse(ret_why, form);
	number = strtoul(port, &rest, 10);
	if (*rest || number > 65535)
		return refuse(ret_why, "a port is a number from 1 to 65535");
	if (gw_addr_is_multicast(&l->addr))
		return refuse(ret_why, "nobody can listen on a multicast address");
	l->port = (uint16_t)number;
	return 0;
}

static int parse_one(const char *s, struct gw_listen *l, const char **ret_why)
{
	*l = (struct gw_listen){0};
	if (strlen(s) >= sizeof l->text)
		return refuse(ret_why, "the path of a unix socket has at most 107 bytes");
	strcpy(l->text, s);
	if (!strncmp(s, "unix:", 5)) {
		l->scheme = GW_LISTEN_UNIX;
		return parse_unix(s + 5, l, ret_why);
	}
	if (!strncmp(s, "https://", 8)) {
		l->scheme = GW_LISTEN_HTTPS;
		return parse_address(s + 8, l, ret_why);
	}
	if (!strncmp(s, "http://", 7)) {
		l->scheme = GW_LISTEN_HTTP;
		if (parse_address(s + 7, l, ret_why) < 0)
			return -EINVAL;
		return gw_listen_is_local(l) ? 0
					     : refuse(ret_why, "http:// is for loopback addresses only, where nobody "
							       "can listen in; write https://");
	}
	return refuse(ret_why, "allowed are unix:PATH, https://ADDRESS:PORT and http://ADDRESS:PORT, with commas "
			       "between them");
}

static bool same_place(const struct gw_listen *a, const struct gw_listen *b)
{
	if (a->scheme == GW_LISTEN_UNIX || b->scheme == GW_LISTEN_UNIX)
		return a->scheme == b->scheme && !strcmp(a->path, b->path);
	return a->port == b->port && gw_addr_equal(&a->addr, &b->addr);
}

int gw_listen_parse(const char *text, struct gw_listen ret[static GW_LISTEN_MAX], size_t *ret_n, const char **ret_why)
{
	size_t n = 0;

	for (const char *s = text;; s++) {
		char one[GW_LISTEN_TEXTLEN + 1] = "";
		size_t len;

		s += strspn(s, " \t");
		len = strcspn(s, ",");
		if (n == GW_LISTEN_MAX)
			return refuse(ret_why, "there are at most 8 places to listen on");
		while (len > 0 && strchr(" \t", s[len - 1]))
			len--;
		if (len >= sizeof one)
			len = sizeof one - 1; /* too long by then */
		memcpy(one, s, len);
		one[len] = '\0';
		if (parse_one(one, &ret[n], ret_why) < 0)
			return -EINVAL;
		for (size_t i = 0; i < n; i++)
			if (same_place(&ret[i], &ret[n]))
				return refuse(ret_why, "a place is named twice");
		n++;
		s += strcspn(s, ",");
		if (!*s)
			break;
	}
	*ret_n = n;
	return 0;
}

bool gw_listen_is_local(const struct gw_listen *l)
{
	static const struct gw_addr loopback = {{[15] = 1}};

	if (l->scheme == GW_LISTEN_UNIX)
		return true;
	return gw_addr_is_v4(&l->addr) ? gw_addr_to_v4(&l->addr) >> 24 == 127 : gw_addr_equal(&l->addr, &loopback);
}
