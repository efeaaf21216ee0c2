/*
 * hooks.c - programs on interfaces, and interfaces that listen to more than they would, remembered in the pinned `hooks`: so what
 * nothing names any more is found, and undone, also by the process after this one. Called by links.c and devices.c.
 */
#include "engine/internal.h"

#include "engine.skel.h"
#include "engine/tc.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

int gw_hooks_fd(const struct gw_driver *d)
{
	return bpf_map__fd(gw_loader_bpf(d->loader)->maps.hooks);
}

static __u32 value_of(const struct gw_driver *d, int ifindex)
{
	__u32 key = ifindex, value = 0;

	return bpf_map_lookup_elem(gw_hooks_fd(d), &key, &value) == 0 ? value : 0;
}

static int remember(const struct gw_driver *d, int ifindex, const char *name, __u32 value, struct gw_error *err)
{
	__u32 key = ifindex;

	if (bpf_map_update_elem(gw_hooks_fd(d), &key, &value, BPF_ANY) == 0)
		return 0;
	return gw_error_set(
		err, errno, GW_ERR_LIMIT_EXCEEDED, name,
		"too many interfaces with programs on them (%u): %s; detach ports that are not used any more",
		GW_HOOK_IFINDEX_MAX, strerror(errno));
}

int gw_hook_on(struct gw_driver *d, int ifindex, const char *name, enum gw_hook hook, struct gw_error *err)
{
	__u32 key = ifindex, was, value = hook;
	bool again = bpf_map_lookup_elem(gw_hooks_fd(d), &key, &was) == 0;
	unsigned id = gw_loader_program_id(d->loader, hook);
	int r;

	if (again)
		value |= was & GW_HOOK_LISTENS;
	/* As an earlier process left it. */
	if (again && was == value && id && gw_tc_program(ifindex) == id)
		return 0;
	/* Remembered first: a program that nobody knows of would stay for ever. */
	r = remember(d, ifindex, name, value, err);
	return r < 0 ? r : gw_tc_attach(ifindex, name, gw_loader_program(d->loader, hook), again, err);
}

/* What has gone listens no more. */
static int end_listening(struct gw_driver *d, int ifindex, struct gw_error *err)
{
	int r = gw_nl_link_set_promisc(d->env.nl, ifindex, false, err);

	return r == -ENODEV ? 0 : r;
}

int gw_hook_off(struct gw_driver *d, int ifindex, const char *name, struct gw_error *err)
{
	__u32 key = ifindex;
	int r = gw_tc_detach(ifindex, name, err);

	if (r == 0 && value_of(d, ifindex) & GW_HOOK_LISTENS)
		r = end_listening(d, ifindex, err);
	if (r == 0)
		bpf_map_delete_elem(gw_hooks_fd(d), &key);
	return r;
}

/* Remembered before it is done, and until it is undone. The hook's number is told when its program comes. */
int gw_hook_listen(struct gw_driver *d, struct gw_iface *i, bool on, struct gw_error *err)
{
	__u32 value = value_of(d, i->link.ifindex);
	int r = 0;

	if (on && !i->link.promisc) {
		r = remember(d, i->link.ifindex, i->name, value | GW_HOOK_LISTENS, err);
		if (r == 0)
			r = gw_nl_link_set_promisc(d->env.nl, i->link.ifindex, true, err);
	} else if (!on && value & GW_HOOK_LISTENS) {
		r = end_listening(d, i->link.ifindex, err);
		if (r == 0)
			r = remember(d, i->link.ifindex, i->name, value & ~GW_HOOK_LISTENS, err);
	}
	if (r == 0 && (on || value & GW_HOOK_LISTENS))
		i->link.promisc = on;
	return r;
}
