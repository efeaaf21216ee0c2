/*
 * watch.c - what changes in the kernel without our doing: links, addresses, routes, told to whoever watches.
 * Owns the event socket's side of a gw_nl; runs on the loop.
 *
 * When events come faster than they are read the kernel drops some and says so (ENOBUFS). Then everything is
 * read again: links by a dump that is held against the table of known links, so that not even a link that
 * went unnoticed is missed; for addresses and routes the watcher is told that it must look for itself.
 */
#include "nl/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define EVENTS_PER_TURN 256 /* datagrams read before the loop gets its turn */

struct gw_nl_watch {
	struct gw_nl_watch *next;
	gw_nl_link_cb link; /* one of the five is set */
	gw_nl_change_cb change;
	gw_nl_tc_cb tc;
	gw_nl_stack_cb stack;
	gw_nl_foreign_cb foreign;
	void *ctx;
	bool dead;
};

struct known_link {
	struct gw_hmap_node by_ifindex;
	int ifindex;
	char name[IFNAMSIZ];
	bool seen;   /* in the dump that is being compared */
	char *alias; /* owned; NULL: it has none */
};

/* --- watchers --- */

static void sweep(struct gw_nl *nl)
{
	for (struct gw_nl_watch **p = &nl->watches, *w; (w = *p);) {
		if (w->dead) {
			*p = w->next;
			free(w);
		} else {
			p = &w->next;
		}
	}
}

void gw_nl_unwatch(struct gw_nl *nl, const void *ctx)
{
	for (struct gw_nl_watch *w = nl->watches; w; w = w->next)
		if (w->ctx == ctx)
			w->dead = true;
	if (!nl->dispatching)
		sweep(nl);
}

/*
 * A watch that is added by a callback goes to the head of the list and misses only the event that is being told.
 */
static void tell_link(struct gw_nl *nl, const struct gw_link *l, bool removed)
{
	for (struct gw_nl_watch *w = nl->watches; w && !nl->closing; w = w->next)
		if (w->link && !w->dead)
			w->link(w->ctx, l, removed);
}

static void tell_change(struct gw_nl *nl, const struct gw_nl_change *change)
{
	for (struct gw_nl_watch *w = nl->watches; w && !nl->closing; w = w->next)
		if (w->change && !w->dead)
			w->change(w->ctx, change);
}

static void tell_tc(struct gw_nl *nl, int ifindex, bool removed)
{
	for (struct gw_nl_watch *w = nl->watches; w && !nl->closing; w = w->next)
		if (w->tc && !w->dead)
			w->tc(w->ctx, ifindex, removed);
}

static void tell_stack(struct gw_nl *nl, const struct gw_nl_neigh *neigh, const struct gw_nl_conf *conf)
{
	for (struct gw_nl_watch *w = nl->watches; w && !nl->closing; w = w->next)
		if (w->stack && !w->dead)
			w->stack(w->ctx, neigh, conf);
}

static void tell_foreign(struct gw_nl *nl, const char *what)
{
	for (struct gw_nl_watch *w = nl->watches; w && !nl->closing; w = w->next)
		if (w->foreign && !w->dead)
			w->foreign(w->ctx, what);
}

/* --- known links --- */

static struct known_link *find_known(struct gw_nl *nl, int ifindex)
{
	GW_HMAP_FOR_EACH_HASH (node, &nl->links, (uint32_t)ifindex) {
		struct known_link *k = GW_CONTAINER_OF(node, struct known_link, by_ifindex);

		if (k->ifindex == ifindex)
			return k;
	}
	return NULL;
}

static void forget(struct gw_nl *nl, struct known_link *k)
{
	gw_hmap_remove(&nl->links, &k->by_ifindex);
	free(k->alias);
	free(k);
}

/* Most have none, and it seldom changes. */
static void note_alias(struct known_link *k, const char *alias)
{
	if (!strcmp(k->alias ? k->alias : "", alias))
		return;
	free(k->alias);
	k->alias = *alias ? strdup(alias) : NULL;
}

/* Enters the link into the table; true when it was there under another name, which goes to ret_old. */
static bool note_link(struct gw_nl *nl, const struct gw_link *l, struct gw_link *ret_old)
{
	struct known_link *k = find_known(nl, l->ifindex);
	bool renamed;

	if (!k) {
		k = calloc(1, sizeof *k);
		/*
		 * Without memory the link is told to the watchers all the same; only its loss could go unnoticed.
		 */
		if (!k)
			return false;
		k->ifindex = l->ifindex;
		memcpy(k->name, l->name, sizeof k->name);
		if (gw_hmap_insert(&nl->links, &k->by_ifindex, (uint32_t)l->ifindex) < 0) {
			free(k);
			return false;
		}
	}
	k->seen = true;
	note_alias(k, l->alias);
	renamed = strcmp(k->name, l->name) != 0;
	if (renamed) {
		*ret_old = (struct gw_link){.ifindex = k->ifindex};
		memcpy(ret_old->name, k->name, sizeof ret_old->name);
		memcpy(k->name, l->name, sizeof k->name);
	}
	return renamed;
}

static void link_there(struct gw_nl *nl, const struct gw_link *l)
{
	struct gw_link old;

	if (note_link(nl, l, &old))
		tell_link(nl, &old, true);
	tell_link(nl, l, false);
}

static void link_gone(struct gw_nl *nl, int ifindex, const char *name)
{
	struct known_link *k = find_known(nl, ifindex);
	struct gw_link l = {.ifindex = ifindex};

	snprintf(l.name, sizeof l.name, "%s", name);
	if (k)
		forget(nl, k);
	tell_link(nl, &l, true);
}

static int reread_links(struct gw_nl *nl)
{
	struct gw_nl_items items = {0};
	int rc = gw_nl_dump_links(nl, &items);

	if (rc == 0) {
		GW_HMAP_FOR_EACH (node, &nl->links)
			GW_CONTAINER_OF(node, struct known_link, by_ifindex)->seen = false;
		for (size_t i = 0; i < items.n && !nl->closing; i++)
			link_there(nl, (const struct gw_link *)items.v + i);
		GW_HMAP_FOR_EACH_SAFE (node, after, &nl->links) {
			struct known_link *k = GW_CONTAINER_OF(node, struct known_link, by_ifindex);
			struct gw_link l = {.ifindex = k->ifindex};

			if (k->seen || nl->closing)
				continue;
			memcpy(l.name, k->name, sizeof l.name);
			forget(nl, k);
			tell_link(nl, &l, true);
		}
	}
	free(items.v);
	return rc;
}

void gw_nl_known_each(const struct gw_nl *nl, gw_nl_known_cb cb, void *ctx)
{
	GW_HMAP_FOR_EACH (node, &nl->links) {
		const struct known_link *k = GW_CONTAINER_OF(node, struct known_link, by_ifindex);

		if (k->alias)
			cb(ctx, k->name, k->alias);
	}
}

/* --- events --- */

static void on_route(struct gw_nl *nl, const struct nlmsghdr *h)
{
	struct gw_nl_items legs = {.size = sizeof(struct gw_nl_route)};

	if (gw_nl_parse_route(h, &legs) == 0)
		for (size_t i = 0; i < legs.n; i++)
			tell_change(nl, &(struct gw_nl_change){.kind = GW_NL_CHANGE_ROUTE,
							       .removed = h->nlmsg_type == RTM_DELROUTE,
							       .route = ((const struct gw_nl_route *)legs.v)[i]});
	free(legs.v);
}

static void on_event(struct gw_nl *nl, const struct nlmsghdr *h)
{
	/* The kernel notes whose request it was that made the change. */
	bool own = h->nlmsg_pid == mnl_socket_get_portid(nl->requests);
	struct gw_nl_neigh neigh;
	struct gw_nl_addr addr;
	struct gw_nl_conf conf;
	struct gw_link link;

	if (nl->watching_foreign && !own && gw_nl_is_foreign(h))
		tell_foreign(nl, h->nlmsg_type == RTM_NEWROUTE ? "a route was added by hand" : "a rule was changed");
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (gw_nl_parse_link(h, &link) != 1)
			break;
		if (h->nlmsg_type == RTM_NEWLINK)
			link_there(nl, &link);
		else
			link_gone(nl, link.ifindex, link.name);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (!own && gw_nl_parse_addr(h, &addr) == 1)
			tell_change(nl, &(struct gw_nl_change){.kind = GW_NL_CHANGE_ADDR,
							       .removed = h->nlmsg_type == RTM_DELADDR,
							       .addr = addr});
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (!own)
			on_route(nl, h);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (!own && gw_nl_parse_neigh(h, &neigh) == 1)
			tell_stack(nl, &neigh, NULL);
		break;
	case RTM_NEWNETCONF:
		if (gw_nl_parse_conf(h, &conf) == 1)
			tell_stack(nl, NULL, &conf);
		break;
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_DELTFILTER:
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct tcmsg)))
			tell_tc(nl, ((const struct tcmsg *)NLMSG_DATA(h))->tcm_ifindex, h->nlmsg_type != RTM_NEWQDISC);
		break;
	}
}

static void on_lost(struct gw_nl *nl)
{
	nl->lost = false;
	if (nl->watching_inet)
		tell_change(nl, &(struct gw_nl_change){.kind = GW_NL_CHANGE_LOST});
	if (nl->watching_stack)
		tell_stack(nl, NULL, NULL);
	/*
	 * A dump fails when links change all the while: then there are more events to come, and with them another try.
	 */
	if (nl->watching_links && !nl->closing)
		nl->lost = reread_links(nl) < 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct gw_nl *nl = poll->data;
	bool drained = false;

	(void)events;
	nl->lost |= status < 0;
	nl->dispatching = true;
	for (int i = 0; i < EVENTS_PER_TURN && !nl->closing; i++) {
		struct sockaddr_nl from = {0};
		struct iovec iov = {.iov_base = gw_nl_event_buf, .iov_len = sizeof gw_nl_event_buf};
		struct msghdr mh = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1};
		const void *datagram = gw_nl_event_buf;
		const struct nlmsghdr *h;
		ssize_t n = recvmsg(mnl_socket_get_fd(nl->events), &mh, MSG_DONTWAIT);
		size_t left;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			drained = true;
			break;
		}
		nl->lost |= n < 0 || (mh.msg_flags & MSG_TRUNC);
		if (n < 0 || from.nl_pid != 0)
			continue;
		for (left = (size_t)n; !nl->closing && (h = gw_nl_next_message(&datagram, &left));)
			on_event(nl, h);
	}
	/*
	 * Not before the old events are through: one of them would bring back a link that the dump knows to be gone.
	 */
	if (nl->lost && drained && !nl->closing)
		on_lost(nl);
	nl->dispatching = false;
	sweep(nl);
	/*
	 * libuv stops a handle whose descriptor has an error pending, as ENOBUFS is; the reading above has cleared it.
	 */
	if (status < 0 && !nl->closing)
		uv_poll_start(&nl->poll, UV_READABLE, on_readable);
}

/* --- watching --- */

static int join(struct gw_nl *nl, const int *groups, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(nl->events, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
			return -errno;
	}
	return uv_poll_start(&nl->poll, UV_READABLE, on_readable);
}

static int add_watch(struct gw_nl *nl, struct gw_nl_watch watch)
{
	struct gw_nl_watch *w = malloc(sizeof *w);

	if (!w)
		return -ENOMEM;
	*w = watch;
	w->next = nl->watches;
	nl->watches = w;
	return 0;
}

int gw_nl_watch_links(struct gw_nl *nl, gw_nl_link_cb cb, void *ctx)
{
	static const int groups[] = {RTNLGRP_LINK};
	int rc;

	if (!nl->watching_links) {
		rc = join(nl, groups, 1);
		/* With the table of known links filled, what is there now need not be told to anyone. */
		if (rc == 0)
			rc = reread_links(nl);
		if (rc < 0)
			return rc;
		nl->watching_links = true;
	}
	return add_watch(nl, (struct gw_nl_watch){.link = cb, .ctx = ctx});
}

int gw_nl_watch_inet(struct gw_nl *nl, gw_nl_change_cb cb, void *ctx)
{
	static const int groups[] = {RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
	int rc;

	if (!nl->watching_inet) {
		rc = join(nl, groups, sizeof groups / sizeof *groups);
		if (rc < 0)
			return rc;
		nl->watching_inet = true;
	}
	return add_watch(nl, (struct gw_nl_watch){.change = cb, .ctx = ctx});
}

int gw_nl_watch_tc(struct gw_nl *nl, gw_nl_tc_cb cb, void *ctx)
{
	static const int groups[] = {RTNLGRP_TC};
	int rc = nl->watching_tc ? 0 : join(nl, groups, 1);

	if (rc < 0)
		return rc;
	nl->watching_tc = true;
	return add_watch(nl, (struct gw_nl_watch){.tc = cb, .ctx = ctx});
}

int gw_nl_watch_stack(struct gw_nl *nl, gw_nl_stack_cb cb, void *ctx)
{
	static const int groups[] = {RTNLGRP_NEIGH, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF};
	int rc = nl->watching_stack ? 0 : join(nl, groups, sizeof groups / sizeof *groups);

	if (rc < 0)
		return rc;
	nl->watching_stack = true;
	return add_watch(nl, (struct gw_nl_watch){.stack = cb, .ctx = ctx});
}

int gw_nl_watch_foreign(struct gw_nl *nl, gw_nl_foreign_cb cb, void *ctx)
{
	static const int groups[] = {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE};
	int rc = nl->watching_foreign ? 0 : join(nl, groups, sizeof groups / sizeof *groups);

	if (rc < 0)
		return rc;
	nl->watching_foreign = true;
	return add_watch(nl, (struct gw_nl_watch){.foreign = cb, .ctx = ctx});
}

void gw_nl_watch_done(struct gw_nl *nl)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, &nl->links)
		forget(nl, GW_CONTAINER_OF(node, struct known_link, by_ifindex));
	gw_hmap_done(&nl->links);
	for (struct gw_nl_watch *w = nl->watches, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	nl->watches = NULL;
}
