/*
 * first.c - the first operator of a node that can be reached over the network: there is no default password, so there must be
 * a secret that only whoever has the machine can see. See api.h.
 */
#include "api/api.h"

#include "base/fs.h"
#include "base/log.h"
#include "model/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define NAME "first-operator"

static bool is_needed(const struct gw_service *service)
{
	struct gw_listen places[GW_LISTEN_MAX];
	bool network = false;
	const char *why;
	size_t n = 0;

	if (service->config->auth_none || gw_access_has_operator(service->access, *service->config->client_ca) ||
	    gw_listen_parse(service->config->listen, places, &n, &why) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		network = network || places[i].scheme != GW_LISTEN_UNIX;
	return network;
}

/* A terminal that somebody looks at; a journal would keep what it gets, so it gets nothing. */
static void show(const char *token)
{
	if (isatty(STDERR_FILENO))
		dprintf(STDERR_FILENO, "gwd: the token of the first operator, shown this once: %s\n", token);
}

static void path_of(const struct gw_service *service, char *path, size_t size)
{
	snprintf(path, size, "%s/operator-token", service->config->state_dir);
}

int gw_api_first_operator(const struct gw_service *service, struct gw_error *err)
{
	struct gw_access_entry e = {.kind = GW_ACCESS_TOKENS, .name = NAME, .role = GW_ACCESS_OPERATOR};
	static const struct gw_principal gwd = {.access = GW_ACCESS_OPERATOR, .name = "gwd"};
	char path[GW_PATHLEN + 32], text[GW_TOKEN_STRLEN + 1];
	int r;

	/* Of a store that another one has taken the place of. */
	if (!gw_access_get(service->access, GW_ACCESS_TOKENS, NAME))
		gw_api_forget_first_operator(service, NAME);
	if (!is_needed(service))
		return 0;
	if (gw_token_make(text) < 0 || gw_token_hash(text, GW_TOKEN_LEN, &e.hash) < 0)
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, "", "there are no random numbers for a token");
	path_of(service, path, sizeof path);
	/* First the file: a crash in between leaves one that is made anew at the next start. */
	strcat(text, "\n");
	r = gw_fs_write_private(path, text, strlen(text), err);
	text[GW_TOKEN_LEN] = '\0';
	if (r == 0)
		r = service->put_access(service->ctx, &gwd, &e, err);
	if (r == 0) {
		show(text);
		gw_log_notice("nobody was operator over the network: the token " NAME " has been made and is in %s; "
			      "remove the file when it is noted elsewhere",
			      path);
	}
	explicit_bzero(text, sizeof text);
	return r;
}

void gw_api_forget_first_operator(const struct gw_service *service, const char *name)
{
	char path[GW_PATHLEN + 32];

	if (strcasecmp(name, NAME) != 0 || !*service->config->state_dir)
		return;
	path_of(service, path, sizeof path);
	if (unlink(path) == 0)
		gw_log_notice("the token in %s is void: the file has been removed", path);
	else if (errno != ENOENT)
		gw_log_warning("the token in %s is void, but the file cannot be removed: %s", path, strerror(errno));
}
