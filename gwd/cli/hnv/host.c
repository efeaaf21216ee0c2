/* host.c - the hosts that a script names, and which of them a parameter's value means. See private.h. */
#include "cli/hnv/private.h"

#include "base/cleanup.h"
#include "cli/text.h"

#include <string.h>
#include <strings.h>

#define HOSTS_MAX 1024 /* that one script may name */
#define SHOWN_MAX 5    /* of several, in a message */

bool gw_hnv_is_local_name(const char *s)
{
	return strcasecmp(s, "localhost") == 0 || strcmp(s, ".") == 0 || strcmp(s, "127.0.0.1") == 0 ||
	       strcmp(s, "::1") == 0;
}

static int check_host_name(struct gw_ps *ps, const struct gw_ps_token *at, const char *name)
{
	_cleanup_free_ char *safe = gw_cli_escape(name);

	if (strcmp(safe, name) != 0 || strpbrk(name, " \t"))
		return gw_ps_refuse(
			ps, at, "'%s' is no name of a host; is the text broken over two lines? Then join them", safe);
	if (!*name)
		return gw_ps_refuse(ps, at, "the name of the host is empty");
	return 0;
}

/* Notes that the script names it. */
static int name_host(struct gw_hnv_reader *r, struct gw_ps *ps, const struct gw_ps_token *at, const char *name)
{
	struct gw_hnv_named_host *h;

	for (size_t i = 0; i < r->n_named; i++)
		if (strcasecmp(r->named[i].name, name) == 0)
			return 0;
	if (r->n_named == HOSTS_MAX)
		return gw_ps_refuse(ps, at, "the script names more than %d hosts; divide it", HOSTS_MAX);
	if (r->n_named == r->room_named) {
		r->room_named = r->room_named > 0 ? r->room_named * 2 : 8;
		h = gw_cli_arena_alloc(gw_ps_arena(ps), r->room_named * sizeof *h);
		if (r->n_named > 0)
			memcpy(h, r->named, r->n_named * sizeof *h);
		r->named = h;
	}
	r->named[r->n_named++] = (struct gw_hnv_named_host){.name = name, .line = at->line};
	return 0;
}

/* Appends what one value says to the names, of which there is room for one more. */
static int add_host(struct gw_hnv_reader *r, struct gw_ps *ps, const struct gw_ps_value *v, const char **names,
		    struct gw_hnv_hosts *hosts)
{
	int e;

	if (v->kind != GW_PS_TEXT) {
		hosts->why = v->kind == GW_PS_UNKNOWN ? v->text : "it is no text";
		return 0;
	}
	if (gw_hnv_is_local_name(v->text)) {
		if (hosts->n > 0 || r->hosts.n > 1) {
			hosts->why = "it names the local machine beside others";
			return 0;
		}
		*hosts = r->hosts;
		return 0;
	}
	e = check_host_name(ps, v->at, v->text);
	if (e == 0)
		e = name_host(r, ps, v->at, v->text);
	names[hosts->n++] = v->text;
	return e;
}

int gw_hnv_hosts_of(struct gw_hnv_reader *r, struct gw_ps *ps, const struct gw_ps_value *v, struct gw_hnv_hosts *ret)
{
	const struct gw_hnv_object *session = gw_hnv_object_of(v, GW_HNV_SESSION);
	const struct gw_ps_value *items = v->kind == GW_PS_LIST ? v->items : v;
	size_t n = v->kind == GW_PS_LIST ? v->n : 1;
	const char **names = gw_cli_arena_alloc(gw_ps_arena(ps), n * sizeof *names);

	*ret = (struct gw_hnv_hosts){.names = names};
	if (session) {
		*ret = session->hosts;
		return 0;
	}
	if (n == 0)
		ret->why = "the list of hosts is empty";
	for (size_t i = 0; i < n && !ret->why; i++) {
		int e;

		if (i > 0 && ret->n == 0)
			ret->why = "it names the local machine beside others";
		e = ret->why ? 0 : add_host(r, ps, &items[i], names, ret);
		if (e < 0)
			return e;
	}
	return 0;
}

static bool has_host(const struct gw_hnv_hosts *hosts, const char *name)
{
	for (size_t i = 0; i < hosts->n; i++)
		if (strcasecmp(hosts->names[i], name) == 0)
			return true;
	return false;
}

bool gw_hnv_same_hosts(const struct gw_hnv_hosts *a, const struct gw_hnv_hosts *b)
{
	if (a->why || b->why || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!has_host(b, a->names[i]))
			return false;
	return true;
}

const char *gw_hnv_hosts_text(struct gw_ps *ps, const struct gw_hnv_hosts *hosts)
{
	const char *s;

	if (hosts->n == 0)
		return "the machine that runs the script";
	s = hosts->names[0];
	for (size_t i = 1; i < hosts->n && i < SHOWN_MAX; i++)
		s = gw_cli_arena_format(gw_ps_arena(ps), "%s%s%s", s, i + 1 < hosts->n ? ", " : " and ",
					hosts->names[i]);
	return hosts->n > SHOWN_MAX ? gw_cli_arena_format(gw_ps_arena(ps), "%s and others", s) : s;
}
