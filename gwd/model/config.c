/*
 * config.c - see config.h: the syntax of the configuration file, described at gw_config_parse; the keys are
 * in config_key.c. Called by the composition root at start, for --check-config and on reload; allocates
 * nothing that outlives a call.
 */
#include "model/config_key.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define MAX_FILE (1 << 20)
#define MAX_LINE 1024

struct parser {
	const char *file;
	unsigned line;
	char section[32];
	struct gw_config *config;
	unsigned set[GW_CONFIG_KEYS]; /* line that set the key, 0: none */
	struct gw_error *err;
};

static int fail(const struct parser *ps, unsigned line, enum gw_error_code code, const char *key, const char *why)
{
	char target[sizeof ps->err->target];

	if (line)
		snprintf(target, sizeof target, "%s:%u", ps->file, line);
	else /* a default */
		snprintf(target, sizeof target, "%s", ps->file);
	return gw_error_set(ps->err, EINVAL, code, target, "%s: %s", key, why);
}

static int set(struct parser *ps, size_t i, const char *value)
{
	const struct gw_config_key *k = gw_config_key(i);
	char key[64], why[256], text[512];

	if (gw_config_set(i, value, ps->config, why, sizeof why) >= 0)
		return 0;
	snprintf(key, sizeof key, "[%s] %s", k->section, k->name);
	snprintf(text, sizeof text, "\"%.200s\" is refused: %s", value, why);
	return fail(ps, ps->line, GW_ERR_INVALID_PROPERTY, key, text);
}

static char *trim(char *s)
{
	char *end;

	s += strspn(s, " \t\r\v\f");
	end = s + strlen(s);
	while (end > s && strchr(" \t\r\v\f", end[-1]))
		*--end = '\0';
	return s;
}

/* The names of all sections, or of all keys of one. */
static const char *list(const char *section, char *buf, size_t size)
{
	const char *last = NULL;
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < GW_CONFIG_KEYS && n < size; i++) {
		const struct gw_config_key *k = gw_config_key(i);

		if (section ? strcmp(section, k->section) != 0 : last && !strcmp(last, k->section))
			continue;
		n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", section ? k->name : k->section);
		last = k->section;
	}
	return buf;
}

static int open_section(struct parser *ps, char *s)
{
	size_t n = strlen(s);
	char names[256], why[320];

	if (s[n - 1] != ']')
		return fail(ps, ps->line, GW_ERR_INVALID_REQUEST, s, "a section is written [name]");
	s[n - 1] = '\0';
	s = trim(s + 1);
	for (size_t i = 0; i < GW_CONFIG_KEYS; i++) {
		if (!strcmp(s, gw_config_key(i)->section)) {
			snprintf(ps->section, sizeof ps->section, "%s", s);
			return 0;
		}
	}
	snprintf(why, sizeof why, "there is no such section; there are %s", list(NULL, names, sizeof names));
	return fail(ps, ps->line, GW_ERR_UNKNOWN_PROPERTY, s, why);
}

static int unknown_key(const struct parser *ps, const char *key)
{
	char names[256], why[320];

	if (!*ps->section)
		return fail(ps, ps->line, GW_ERR_INVALID_REQUEST, key, "a key comes below its [section]");
	snprintf(why, sizeof why, "there is no such key in [%s]; there are %s", ps->section,
		 list(ps->section, names, sizeof names));
	return fail(ps, ps->line, GW_ERR_UNKNOWN_PROPERTY, key, why);
}

static int parse_line(struct parser *ps, char *s)
{
	char *equals, *key, *value;
	size_t n;

	s = trim(s);
	if (!*s || *s == '#' || *s == ';')
		return 0;
	if (*s == '[')
		return open_section(ps, s);
	equals = strchr(s, '=');
	if (!equals)
		return fail(ps, ps->line, GW_ERR_INVALID_REQUEST, s, "neither [section] nor key = value nor # comment");
	*equals = '\0';
	key = trim(s);
	value = trim(equals + 1);
	n = strlen(value);
	if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value) {
		value[n - 1] = '\0';
		value++;
	}
	for (size_t i = 0; i < GW_CONFIG_KEYS; i++) {
		char why[64];

		if (strcmp(key, gw_config_key(i)->name) != 0 || strcmp(ps->section, gw_config_key(i)->section) != 0)
			continue;
		if (ps->set[i]) {
			snprintf(why, sizeof why, "set before, in line %u", ps->set[i]);
			return fail(ps, ps->line, GW_ERR_INVALID_PROPERTY, key, why);
		}
		ps->set[i] = ps->line;
		return set(ps, i, value);
	}
	return unknown_key(ps, key);
}

static size_t row_of(const char *section, const char *name)
{
	size_t i = 0;

	while (i < GW_CONFIG_KEYS &&
	       (strcmp(gw_config_key(i)->section, section) != 0 || strcmp(gw_config_key(i)->name, name) != 0))
		i++;
	assert(i < GW_CONFIG_KEYS);
	return i;
}

/* The default of `path_key` lies in the directory of `dir_key`, which may have been set. */
static int place(struct parser *ps, size_t path_key, size_t dir_key, const char *head, const char *dir,
		 const char *tail)
{
	char value[GW_PATHLEN + 32];

	if (ps->set[path_key])
		return 0;
	snprintf(value, sizeof value, "%s%s%s", head, dir, tail);
	ps->line = ps->set[dir_key];
	return set(ps, path_key, value);
}

/* What the keys of [api] mean together. */
static int check_api(struct parser *ps)
{
	const struct gw_config *c = ps->config;
	unsigned listen = ps->set[row_of("api", "listen")], auth = ps->set[row_of("api", "auth")];
	struct gw_listen places[GW_LISTEN_MAX];
	const char *why = NULL;
	size_t n = 0;

	if (!*c->tls_cert != !*c->tls_key)
		return fail(ps, ps->set[row_of("api", *c->tls_cert ? "tls_cert" : "tls_key")], GW_ERR_MISSING_PROPERTY,
			    *c->tls_cert ? "[api] tls_cert" : "[api] tls_key", "tls_cert and tls_key go together");
	if (gw_listen_parse(c->listen, places, &n, &why) < 0)
		return fail(ps, listen, GW_ERR_INVALID_PROPERTY, "[api] listen", why);
	for (size_t i = 0; i < n; i++) {
		if (c->auth_none && !gw_listen_is_local(&places[i]))
			return fail(ps, auth, GW_ERR_INVALID_PROPERTY, "[api] auth",
				    "none would make everybody in the network operator: it is for unix sockets and "
				    "loopback "
				    "addresses only; take it out, or change [api] listen");
		if (!c->auth_none && places[i].scheme == GW_LISTEN_HTTP)
			return fail(ps, listen, GW_ERR_INVALID_PROPERTY, "[api] listen",
				    "a token must not travel over http://: write https://, or [api] auth = none");
	}
	return 0;
}

/* Defaults, and what no line alone can tell. */
static int finish(struct parser *ps)
{
	size_t listen = row_of("api", "listen"), run_dir = row_of("node", "run_dir"), path = row_of("store", "path"),
	       state_dir = row_of("node", "state_dir"), address = row_of("underlay", "address");
	int r;

	ps->line = 0;
	for (size_t i = 0; i < GW_CONFIG_KEYS; i++)
		if (!ps->set[i] && (r = set(ps, i, gw_config_key(i)->def)) < 0)
			return r;
	r = place(ps, listen, run_dir, "unix:", ps->config->run_dir, "/api.sock");
	if (r < 0)
		return r;
	r = place(ps, path, state_dir, "", ps->config->state_dir, "/gwd.db");
	if (r < 0)
		return r;
	if (!*ps->config->controller_server)
		snprintf(ps->config->controller_server, sizeof ps->config->controller_server, "%s", ps->config->name);
	if (!*ps->config->controller_cert != !*ps->config->controller_key)
		return fail(ps,
			    ps->set[row_of("controller", *ps->config->controller_cert ? "client_cert" : "client_key")],
			    GW_ERR_MISSING_PROPERTY,
			    *ps->config->controller_cert ? "[controller] client_cert" : "[controller] client_key",
			    "client_cert and client_key go together");
	r = check_api(ps);
	if (r < 0)
		return r;
	if (ps->config->has_underlay_address && !*ps->config->underlay_interface)
		return fail(ps, ps->set[address], GW_ERR_MISSING_PROPERTY, "[underlay] address",
			    "set [underlay] interface too, it says where the address is");
	return 0;
}

/*
 * Lines are "[section]", "key = value", comments that start with '#' or ';', or empty; blanks around names
 * and values do not count. A value may stand in quotes. A section may come again, a key may not.
 */
int gw_config_parse(const char *text, size_t n, const char *name, struct gw_config *ret, struct gw_error *err)
{
	struct gw_config config = {0};
	struct parser ps = {.file = name, .config = &config, .err = err};
	char line[MAX_LINE + 1];
	int r;

	if (n > MAX_FILE)
		return gw_error_set(err, EFBIG, GW_ERR_TOO_LARGE, name, "a configuration has at most %d bytes",
				    MAX_FILE);
	for (const char *p = text, *end = text + n; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline ? newline : end) - p);

		ps.line++;
		if (len > MAX_LINE)
			return fail(&ps, ps.line, GW_ERR_INVALID_REQUEST, "line", "has more than 1024 bytes");
		if (memchr(p, '\0', len))
			return fail(&ps, ps.line, GW_ERR_INVALID_REQUEST, "line",
				    "has a NUL byte; this is no text file");
		memcpy(line, p, len);
		line[len] = '\0';
		r = parse_line(&ps, line);
		if (r < 0)
			return r;
		p = newline ? newline + 1 : end;
	}
	r = finish(&ps);
	if (r < 0)
		return r;
	*ret = config;
	return 0;
}

static int read_all(int fd, char *buf, size_t size, size_t *ret_n)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, buf + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*ret_n = n;
	return 0;
}

int gw_config_load(const char *path, struct gw_config *ret, struct gw_error *err)
{
	_cleanup_free_ char *text = malloc(MAX_FILE + 1);
	_cleanup_close_ int fd = -1;
	size_t n = 0;
	int r;

	if (!text)
		return gw_error_oom(err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : read_all(fd, text, MAX_FILE + 1, &n);
	if (r < 0)
		return gw_error_set(err, -r, r == -ENOENT ? GW_ERR_NOT_FOUND : GW_ERR_UNAVAILABLE, path,
				    "cannot read the configuration: %s", strerror(-r));
	return gw_config_parse(text, n, path, ret, err);
}

int gw_config_provider_address(const struct gw_config *config, struct gw_hnv_object **ret)
{
	struct gw_hnv_object *o;

	*ret = NULL;
	if (!config->has_underlay_address)
		return 0;
	o = calloc(1, sizeof *o);
	if (!o)
		return -ENOMEM;
	o->kind = GW_HNV_PROVIDER_ADDRESS;
	o->paddr.pa = config->underlay_address;
	o->paddr.prefix_len = config->underlay_prefix_len;
	memcpy(o->paddr.interface, config->underlay_interface, sizeof o->paddr.interface);
	*ret = o;
	return 0;
}

void gw_config_intent_limits(const struct gw_config *config, struct gw_intent_limits *ret)
{
	*ret = (struct gw_intent_limits){
		.max = {[GW_HNV_PROVIDER_ADDRESS] = config->provider_limit,
			[GW_HNV_PROVIDER_ROUTE] = config->provider_limit,
			[GW_HNV_CUSTOMER_ROUTE] = config->route_limit,
			[GW_HNV_LOOKUP_RECORD] = config->record_limit,
			[GW_HNV_PORT] = config->port_limit,
			[GW_HNV_VRF] = config->vrf_limit,
			[GW_HNV_PUBLIC] = config->public_limit,
			[GW_HNV_NAT_RULE] = config->nat_limit,
			[GW_HNV_CONNECTION] = config->way_limit,
			[GW_HNV_CONNECTION_ADDRESS] = (size_t)config->way_limit * GW_WAY_ADDRESSES,
			[GW_HNV_CONNECTION_ROUTE] = config->route_limit},
		.router_mac = config->router_mac,
	};
}

bool gw_config_url(const char *urls, size_t i, char *buf, size_t size)
{
	static const char separators[] = ", \t";
	const char *s = urls + strspn(urls, separators);
	size_t n;

	for (; i > 0 && *s; i--) {
		s += strcspn(s, separators);
		s += strspn(s, separators);
	}
	n = strcspn(s, separators);
	if (n == 0 || n >= size)
		return false;
	memcpy(buf, s, n);
	buf[n] = '\0';
	return true;
}
