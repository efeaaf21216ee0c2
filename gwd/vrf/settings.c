/*
 * settings.c - the settings of the kernel in a VRF's namespace: it routes, and nothing that the host's defaults or a packet says
 * makes it do otherwise. Called by bring.c, before the links come, which then start with them, and behind. Of those of which the
 * kernel tells nobody that they change, what matters stays open, and is read again and again by kept.c.
 */
#include "vrf/private.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * How long a TCP connection without packets is remembered: RFC 5382 asks for two hours and four minutes. The kernel's five days
 * would fill the table with connections whose end it has not seen.
 */
#define TCP_IDLE_SECONDS 7440

struct setting {
	const char *path; /* below /proc/sys/net; %s: each of the links, or "all" and "default" */
	int value;
	enum {
		EXACTLY,
		AT_MOST, /* less is somebody's decision */
		UNSAID,	 /* every new link begins with another value: no news */
	} how;
	bool kept; /* "all" and links, not "default": nothing comes behind us that would begin with that */
};

/* Turning forwarding on resets others, so it comes first. */
static const struct setting of_namespace[] = {
	{"ipv4/ip_forward", 1, EXACTLY, false},
	/* Hardly anything is for the virtual gateway itself. */
	{"ipv4/ip_early_demux", 0, EXACTLY, true},
	/* An answer may come back by another way than the kernel would choose. */
	{"ipv4/conf/%s/rp_filter", 0, EXACTLY, false},
	{"ipv4/conf/%s/accept_redirects", 0, EXACTLY, false},
	{"ipv4/conf/%s/send_redirects", 0, EXACTLY, true},
	{"ipv4/conf/%s/accept_source_route", 0, EXACTLY, true},
	{"ipv4/conf/%s/promote_secondaries", 1, EXACTLY, false},
	{"ipv6/conf/%s/disable_ipv6", 0, EXACTLY, false},
	{"ipv6/conf/%s/forwarding", 1, EXACTLY, false},
	{"ipv6/conf/%s/accept_ra", 0, EXACTLY, false},
	{"ipv6/conf/%s/accept_redirects", 0, EXACTLY, false},
	{"ipv6/conf/%s/accept_source_route", 0, EXACTLY, false},
	/* The addresses are the controller's, and nobody answers for another. */
	{"ipv6/conf/%s/accept_dad", 0, EXACTLY, false},
	/* Flows that the engine carries by itself are not seen whole. */
	{"netfilter/nf_conntrack_tcp_be_liberal", 1, EXACTLY, true},
	/* A router passes on what it is given: whether a checksum of UDP or TCP is right concerns the receiver. */
	{"netfilter/nf_conntrack_checksum", 0, EXACTLY, true},
	{"netfilter/nf_conntrack_tcp_timeout_established", TCP_IDLE_SECONDS, AT_MOST, true},
};

static const struct setting of_link[] = {
	{"ipv4/conf/%s/forwarding", 1, EXACTLY, false},
	{"ipv4/conf/%s/rp_filter", 0, EXACTLY, false},
	{"ipv4/conf/%s/accept_redirects", 0, EXACTLY, true},
	{"ipv4/conf/%s/send_redirects", 0, EXACTLY, true},
	{"ipv6/conf/%s/disable_ipv6", 0, EXACTLY, false},
	{"ipv6/conf/%s/forwarding", 1, EXACTLY, false},
	{"ipv6/conf/%s/accept_ra", 0, EXACTLY, true},
	{"ipv6/conf/%s/accept_dad", 0, EXACTLY, false},
	/* Who has other ports of a shared address sends from it, too; the engine sees to it that nobody else does. */
	{"ipv4/conf/" GW_VRF_OUTSIDE "/accept_local", 1, UNSAID, true},
};

/*
 * Of a connection's link. Hosts of the subnets on it are asked for by the kernel, whose table of neighbours is one for all
 * namespaces: whoever sends to addresses of nobody must not fill it. So an entry that nobody answers for is given up soon, after a
 * fifth of a second: as many as may begin within that time (gwd.conf(5), new_connections) are fewer than the table has room for.
 *
 * On it nobody is answered for addresses that the virtual gateway has elsewhere, nor asked from there: hosts of the network behind it
 * may have the same ones, and would take theirs for a double.
 */
static const struct setting of_way[] = {
	{"ipv4/conf/%s/forwarding", 1, EXACTLY, false},	      {"ipv4/conf/%s/rp_filter", 0, EXACTLY, false},
	{"ipv4/conf/%s/accept_redirects", 0, EXACTLY, false}, {"ipv4/conf/%s/send_redirects", 0, EXACTLY, false},
	{"ipv6/conf/%s/disable_ipv6", 0, EXACTLY, false},     {"ipv6/conf/%s/forwarding", 1, EXACTLY, false},
	{"ipv6/conf/%s/accept_ra", 0, EXACTLY, false},	      {"ipv6/conf/%s/accept_dad", 0, EXACTLY, false},
	{"ipv4/conf/%s/arp_ignore", 1, UNSAID, false},	      {"ipv4/conf/%s/arp_announce", 2, UNSAID, false},
	{"ipv4/neigh/%s/mcast_solicit", 2, UNSAID, false},    {"ipv4/neigh/%s/retrans_time_ms", 100, UNSAID, false},
	{"ipv6/neigh/%s/mcast_solicit", 2, UNSAID, false},    {"ipv6/neigh/%s/retrans_time_ms", 100, UNSAID, false},
};

/*
 * Below /proc/sys/net the kernel looks a folder up among those of all namespaces, one by one: with a thousand VRFs that is most of
 * what a setting costs. Each is opened once, and what is in it belongs to the namespace alone.
 */
static const char *const folders[] = {"ipv4", "ipv6", "netfilter"};
#define FOLDERS (sizeof folders / sizeof *folders)

struct work {
	int fds[FOLDERS]; /* of folders; 0: not opened yet */
	const struct setting *settings;
	size_t n;
	const char *places[2];
	size_t n_places, kept_places; /* of them */
	struct gw_vrf_kept *kept, *kept_end;
	int rc; /* the first failure, and what it was about */
	char path[96];
	char changed[256]; /* what had another value than it has to have, as a list */
};

static void note_changed(struct work *w, const char *path, int from, int to)
{
	size_t at = strlen(w->changed);

	snprintf(w->changed + at, sizeof w->changed - at, "%s%s (%d, now %d)", at ? ", " : "", path, from, to);
}

/* *ret_name is the rest of the path. */
static int open_folder(struct work *w, const char *path, const char **ret_name)
{
	char full[64];

	for (size_t i = 0; i < FOLDERS; i++) {
		size_t n = strlen(folders[i]);

		if (strncmp(path, folders[i], n) != 0 || path[n] != '/')
			continue;
		*ret_name = path + n + 1;
		if (w->fds[i] > 0)
			return w->fds[i];
		snprintf(full, sizeof full, "/proc/sys/net/%s", folders[i]);
		w->fds[i] = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return w->fds[i] < 0 ? -errno : w->fds[i];
	}
	return -EINVAL;
}

/* What this kernel does not have, it does not do either. */
static int set_one(struct work *w, const char *path, const struct setting *s, bool keep)
{
	const char *name = NULL;
	_cleanup_close_ int fd = -1;
	int now, folder = open_folder(w, path, &name);
	char text[32] = "";
	ssize_t n;

	if (folder < 0)
		return folder == -ENOENT ? 0 : folder;
	fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = read(fd, text, sizeof text - 1);
	if (n < 0)
		return -errno;
	now = (int)strtol(text, NULL, 10);
	if (keep && s->kept && w->kept < w->kept_end)
		*w->kept++ = (struct gw_vrf_kept){
			.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3), .value = s->value, .at_most = s->how == AT_MOST};
	if (gw_vrf_setting_holds(now, s->value, s->how == AT_MOST))
		return 0;
	close(gw_take_fd(&fd));
	fd = openat(folder, name, O_WRONLY | O_CLOEXEC);
	n = snprintf(text, sizeof text, "%d\n", s->value);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		return -errno;
	if (s->how != UNSAID)
		note_changed(w, path, now, s->value);
	return 0;
}

/* In the namespace, on a thread of its own: no log, no allocation. */
static int work(void *arg)
{
	struct work *w = arg;

	for (size_t i = 0; i < w->n && w->rc == 0; i++) {
		const struct setting *s = &w->settings[i];
		const char *hole = strstr(s->path, "%s");

		for (size_t k = 0; k < (hole ? w->n_places : 1) && w->rc == 0; k++) {
			if (hole)
				snprintf(w->path, sizeof w->path, "%.*s%s%s", (int)(hole - s->path), s->path,
					 w->places[k], hole + 2);
			else
				snprintf(w->path, sizeof w->path, "%s", s->path);
			w->rc = set_one(w, w->path, s, k < w->kept_places);
		}
	}
	for (size_t i = 0; i < FOLDERS; i++)
		if (w->fds[i] > 0)
			close(w->fds[i]);
	return w->rc;
}

static int bring(struct gw_vrf_pass *p, struct work *w, struct gw_error *err)
{
	int rc = gw_nl_run_inside(p->dom->nl, work, w);

	if (rc < 0)
		return gw_error_set(err, -rc, GW_ERR_CAPABILITY, p->dom->name, "cannot set %s in namespace %s: %s%s",
				    w->path[0] ? w->path : "anything", p->dom->name, strerror(-rc),
				    rc == -EROFS || rc == -EACCES ? " (gwd needs a writable /proc/sys: not "
								    "ProtectKernelTunables, not a read-only mount)"
								  : "");
	return 0;
}

int gw_vrf_bring_settings(struct gw_vrf_pass *p, bool links, struct gw_error *err)
{
	struct gw_vrf_kept *kept = p->dom->kept[links];
	struct work w = {
		.settings = links ? of_link : of_namespace,
		.n = links ? sizeof of_link / sizeof *of_link : sizeof of_namespace / sizeof *of_namespace,
		.places = {links ? GW_VRF_INSIDE : "all", links ? GW_VRF_OUTSIDE : "default"},
		.n_places = 2,
		.kept_places = links ? 2 : 1,
		.kept = kept,
		.kept_end = kept + GW_VRF_KEPT,
	};
	int rc;

	/* The links may be others by now. */
	gw_vrf_drop_kept(p->dom, links);
	rc = bring(p, &w, err);
	p->dom->n_kept[links] = (size_t)(w.kept - kept);
	if (rc < 0)
		return rc;
	if (*w.changed && !p->fresh)
		gw_vrf_repaired(p, "settings changed from outside: %s", w.changed);
	return 0;
}

int gw_vrf_bring_way_settings(struct gw_vrf_pass *p, const char *link, struct gw_error *err)
{
	struct work w = {.settings = of_way, .n = sizeof of_way / sizeof *of_way, .places = {link}, .n_places = 1};
	int rc = bring(p, &w, err);

	if (rc == 0 && *w.changed && p->repairing)
		gw_vrf_repaired(p, "settings changed from outside: %s", w.changed);
	return rc;
}
