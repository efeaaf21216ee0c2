/* address.c - which daemon, and what to show it: see client.h. Called by main.c. */
#include "cli/client.h"

#include "base/addr.h"
#include "base/cleanup.h"
#include "cli/file.h"
#include "cli/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define TOKEN_MAX ((size_t)1 << 20)

static int parse_unix(const char *from, const char *s, struct gw_cli_address *ret, char **ret_error)
{
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path);

	if (s[5] != '/') {
		*ret_error = gw_cli_format("%s: '%s' wants an absolute path after unix:", from, s);
		return -EINVAL;
	}
	if (strlen(s + 5) >= max) {
		*ret_error = gw_cli_format("%s: the path of a socket has at most %zu characters", from, max - 1);
		return -EINVAL;
	}
	*ret = (struct gw_cli_address){.name = gw_cli_format("%s", s), .socket_path = s + 5};
	return 0;
}

static bool is_loopback(const char *host, size_t n)
{
	return (n == 5 && !strncmp(host, "[::1]", n)) || (n == 9 && !strncasecmp(host, "localhost", n)) ||
	       (!strncmp(host, "127.", 4) && strspn(host, "0123456789.") >= n);
}

/* "https://gw1.example:8443", "https://[fd00::1]"; nothing behind it but one '/'. */
static int parse_url(const char *from, const char *s, struct gw_cli_address *ret, char **ret_error)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
	bool tls = strncasecmp(s, "https:", 6) == 0;
	const char *host = s + strlen(tls ? "https://" : "http://"), *end = host, *port;
	size_t digits;

	if (strncmp(host - 2, "//", 2) == 0)
		end = *host == '[' ? host + 1 + strspn(host + 1, "0123456789abcdefABCDEF:.")
				   : host + strspn(host, allowed);
	if (*host == '[')
		end = *end == ']' ? end + 1 : host;
	port = *end == ':' ? end + 1 : "8443";
	digits = strspn(port, "0123456789");
	if (end == host || digits == 0 || digits > 5 || strtoul(port, NULL, 10) > 65535 ||
	    (*end == ':' ? strcmp(port + digits, "/") != 0 && port[digits] : strcmp(end, "/") != 0 && *end)) {
		*ret_error = gw_cli_format("%s: '%s' is not of the form https://HOST:PORT", from, s);
		return -EINVAL;
	}
	if (!tls && !is_loopback(host, (size_t)(end - host))) {
		*ret_error = gw_cli_format("%s: '%s' is not on this machine, and others can listen in: write https://",
					   from, s);
		return -EINVAL;
	}
	*ret = (struct gw_cli_address){
		.name = gw_cli_format("%s://%.*s:%.*s", tls ? "https" : "http", (int)(end - host), host, (int)digits,
				      port),
		.tls = tls,
	};
	return 0;
}

int gw_cli_api_address(const char *option, const char *environment, struct gw_cli_address *ret, char **ret_error)
{
	const char *from = option ? "--api" : "GWD_API", *s = option;

	if (!s && environment && *environment)
		s = environment;
	if (!s)
		s = GW_CLI_DEFAULT_API;
	if (strncmp(s, "unix:", 5) == 0)
		return parse_unix(from, s, ret, ret_error);
	if (strncasecmp(s, "https:", 6) == 0 || strncasecmp(s, "http:", 5) == 0)
		return parse_url(from, s, ret, ret_error);
	*ret_error = gw_cli_format("%s: '%s' is of neither form unix:PATH nor https://HOST:PORT", from, s);
	return -EINVAL;
}

/* Something that can stand in a header. */
static int take_token(const char *from, const char *s, struct gw_cli_credentials *ret, char **ret_error)
{
	size_t n;

	s += strspn(s, " \t\r\n");
	n = strcspn(s, " \t\r\n");
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			n = 0;
	if (n == 0 || s[n + strspn(s + n, " \t\r\n")]) {
		*ret_error = gw_cli_format("%s holds no token: that is one word, as gwctl token add shows it", from);
		return -EINVAL;
	}
	ret->token = gw_cli_format("%.*s", (int)n, s);
	return 0;
}

int gw_cli_credentials(const char *token, const char *token_file, const char *environment,
		       struct gw_cli_credentials *ret, char **ret_error)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = 0;

	if (token && token_file) {
		*ret_error = gw_cli_format("--token and --token-file: give one of them");
		return -EINVAL;
	}
	if (!ret->cert != !ret->key) {
		*ret_error = gw_cli_format("--cert and --key go together");
		return -EINVAL;
	}
	if (token_file) {
		if (gw_cli_read_file(token_file, TOKEN_MAX, "a file with a token", &text, &n) != 0)
			return -EIO;
		text[n] = '\0'; /* there is room for one byte more than was asked for */
		r = take_token(token_file, text, ret, ret_error);
		explicit_bzero(text, n);
	} else if (token) {
		r = take_token("--token", token, ret, ret_error);
	} else if (environment && *environment) {
		r = take_token("GWD_TOKEN", environment, ret, ret_error);
	}
	return r;
}
