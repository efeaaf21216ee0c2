/*
 * devices.c - the interfaces that the engine makes for itself, in its own network namespace:
 *
 *   gwdvxPORT          the kernel's VXLAN device of that UDP port: takes the super-packets that arrive, for port PORT
 *   gwdgre             the same for NVGRE
 *   gwdcut0, gwdcut1   a veth pair: packets that are to be fragmented go in at gwdcut0 and meet their program at gwdcut1
 *   gwdfrg0, 1, 2      where there is an [external] interface: fragments to shared public addresses go in at gwdfrg0, and come out
 *                      whole at gwdfrg2, where their program is. That is a macvlan device upon gwdfrg1, the veth peer of
 *                      gwdfrg0; the kernel puts fragments of multicast frames together before macvlan hands them on. So no
 *                      packet is forwarded or tracked by the node's own stack; memory and
 *                      waiting are bounded by net.ipv4.ipfrag_high_thresh and ipfrag_time (reassembly.c).
 *
 * They stay when the daemon ends, so that packets do not notice, and the next one takes them over. Nobody else is to touch
 * them: what is removed or changed is made anew by the next sync, which the events here ask for. Without one of them the
 * engine works and says what is lacking. Called by engine.c and links.c.
 */
#include "engine/internal.h"

#include "engine.skel.h"
#include "engine/tc.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VXLAN_DEVICE_PREFIX "gwdvx"
#define NVGRE_DEVICE	    "gwdgre"
#define CUTTER_DEVICE	    "gwdcut1"
#define CUTTER_ENTRANCE	    "gwdcut0"
#define WHOLE_ENTRANCE	    "gwdfrg0"
#define WHOLE_LOWER	    "gwdfrg1"
#define WHOLE_DEVICE	    "gwdfrg2"

static const enum gw_hook device_hooks[GW_DEVICE_MAX] = {
	[GW_DEVICE_VXLAN] = GW_HOOK_VXLAN,
	[GW_DEVICE_NVGRE] = GW_HOOK_NVGRE,
	[GW_DEVICE_CUTTER] = GW_HOOK_CUTTER,
	[GW_DEVICE_WHOLE] = GW_HOOK_WHOLE,
};

static const struct {
	const char *lacking, *module;
} without[GW_DEVICE_MAX] = {
	[GW_DEVICE_VXLAN] = {"VXLAN is received without the kernel's tunnel device: super-packets lose their offloads",
			     "vxlan"},
	[GW_DEVICE_NVGRE] = {"NVGRE is received without the kernel's tunnel device: super-packets lose their offloads",
			     "ip_gre"},
	[GW_DEVICE_CUTTER] = {"IPv4 packets that are too large for a tunnel are dropped, not fragmented", "veth"},
	[GW_DEVICE_WHOLE] = {"fragments to shared public addresses are dropped", "macvlan"},
};

const struct gw_device *gw_device_by_index(const struct gw_driver *d, uint32_t ifindex)
{
	for (int i = 0; i < GW_DEVICE_MAX; i++)
		if (ifindex && (uint32_t)d->devices[i].link.ifindex == ifindex)
			return &d->devices[i];
	return NULL;
}

bool gw_devices_have_name(const char *interface)
{
	return !strncmp(interface, VXLAN_DEVICE_PREFIX, sizeof VXLAN_DEVICE_PREFIX - 1) ||
	       !strcmp(interface, NVGRE_DEVICE) || !strcmp(interface, CUTTER_DEVICE) ||
	       !strcmp(interface, CUTTER_ENTRANCE) || !strcmp(interface, WHOLE_ENTRANCE) ||
	       !strcmp(interface, WHOLE_LOWER) || !strcmp(interface, WHOLE_DEVICE);
}

/* --- their programs ------------------------------------------------------------------------------------------------------ */

bool gw_devices_have_hook(uint32_t hook)
{
	for (int i = 0; i < GW_DEVICE_MAX; i++)
		if (hook == device_hooks[i])
			return true;
	return false;
}

int gw_devices_attach(struct gw_driver *d, struct gw_error *err)
{
	for (int i = 0; i < GW_DEVICE_MAX; i++) {
		struct gw_device *dev = &d->devices[i];
		int r;

		if (!dev->link.ifindex || dev->attached == d->attach_round)
			continue;
		r = gw_hook_on(d, dev->link.ifindex, dev->link.name, device_hooks[i], err);
		if (r < 0)
			return r;
		dev->attached = d->attach_round;
	}
	return 0;
}

void gw_devices_check_programs(struct gw_driver *d)
{
	for (int i = 0; i < GW_DEVICE_MAX; i++)
		if (gw_tc_program(d->devices[i].link.ifindex) != gw_loader_program_id(d->loader, device_hooks[i]))
			d->devices[i].attached = 0;
}

/* --- making them --------------------------------------------------------------------------------------------------------- */

static int ready(struct gw_driver *d, const struct gw_link *link, struct gw_error *err)
{
	int r = gw_nl_link_quiet(d->env.nl, link->ifindex, err);

	if (r == 0 && !link->up)
		r = gw_nl_link_up(d->env.nl, link->ifindex, err);
	return r;
}

/* One that must be there by now. */
static int reread(struct gw_driver *d, const char *name, struct gw_link *ret, struct gw_error *err)
{
	int r = gw_nl_link_get(d->env.nl, name, ret, err);

	if (r == -ENODEV)
		return gw_error_set(
			err, ENODEV, GW_ERR_INTERNAL, name,
			"%s was removed or renamed while it was set up: something else manages it, and must not", name);
	return r;
}

/* What status and log say of a device; r < 0: why it does not work. */
static void tell(const struct gw_driver *d, struct gw_device *dev, int r, const struct gw_error *err)
{
	size_t id = (size_t)(dev - d->devices);

	dev->trouble[0] = '\0';
	if (r == -EOPNOTSUPP || r == -ENOENT)
		snprintf(dev->trouble, sizeof dev->trouble,
			 "%s (%s): load the kernel module %s, where there is one, and restart gwd", without[id].lacking,
			 err->message, without[id].module);
	else if (r < 0)
		snprintf(dev->trouble, sizeof dev->trouble, "%s (%s): see to that and restart gwd", without[id].lacking,
			 err->message);
}

/* Finds or makes one. On failure the engine works without it, and says so. */
static void bring(struct gw_driver *d, struct gw_device *dev, const char *name,
		  int (*make)(struct gw_nl *nl, const char *name, uint16_t port, struct gw_error *err))
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_link link = {0};
	int r = gw_nl_link_get(d->env.nl, name, &link, &err);

	if (r == -ENODEV) {
		r = make(d->env.nl, name, d->env.config->vxlan_port, &err);
		if (r == 0)
			r = reread(d, name, &link, &err);
	}
	if (r == 0)
		r = ready(d, &link, &err);
	if (r < 0)
		link.ifindex = 0;
	if (link.ifindex != dev->link.ifindex)
		dev->attached = 0;
	dev->link = link;
	snprintf(dev->link.name, sizeof dev->link.name, "%s", name);
	tell(d, dev, r, &err);
}

static int make_gretap(struct gw_nl *nl, const char *name, uint16_t port, struct gw_error *err)
{
	(void)port;
	return gw_nl_add_gretap_external(nl, name, err);
}

static int make_cutter(struct gw_nl *nl, const char *name, uint16_t port, struct gw_error *err)
{
	(void)port;
	return gw_nl_add_veth(nl, name, CUTTER_ENTRANCE, err);
}

static int make_whole(struct gw_nl *nl, const char *name, uint16_t port, struct gw_error *err)
{
	static const struct gw_mac sender = {{GW_REASSEMBLY_SENDER}};
	struct gw_link lower;
	int r = gw_nl_link_get(nl, WHOLE_LOWER, &lower, err);

	(void)port;
	return r < 0 ? r : gw_nl_add_macvlan_of(nl, name, lower.ifindex, &sender, err);
}

/*
 * One end that is known to be without the other: somebody has renamed that, or moved it away. Both go, whatever the other is
 * called now, and are made anew.
 */
static void part_pair(struct gw_driver *d, const char *one, const char *other)
{
	struct gw_link ends[2] = {{0}};
	int found[2];

	for (int i = 0; i < 2; i++)
		found[i] = gw_nl_link_get(d->env.nl, i ? other : one, &ends[i], NULL);
	for (int i = 0; i < 2; i++)
		if (found[i] == 0 && found[!i] == -ENODEV)
			gw_nl_link_delete(d->env.nl, ends[i].ifindex, NULL);
}

static int fit_end(struct gw_driver *d, const struct gw_link *end, struct gw_error *err)
{
	return end->mtu == GW_NL_VETH_MTU ? 0 : gw_nl_link_set_mtu(d->env.nl, end->ifindex, GW_NL_VETH_MTU, err);
}

/* Packets go in at one end of a veth pair, which offloads nothing, and meet the program at the other (cut.bpf.c). */
static void bring_cutter(struct gw_driver *d)
{
	struct gw_device *cutter = &d->devices[GW_DEVICE_CUTTER];
	struct gw_error err = GW_ERROR_INIT;
	struct gw_link entrance = {0};
	int r;

	part_pair(d, CUTTER_DEVICE, CUTTER_ENTRANCE);
	bring(d, cutter, CUTTER_DEVICE, make_cutter);
	d->cutter_entrance = 0;
	if (!cutter->link.ifindex)
		return;
	r = fit_end(d, &cutter->link, &err);
	if (r == 0)
		r = reread(d, CUTTER_ENTRANCE, &entrance, &err);
	if (r == 0)
		r = gw_nl_link_no_offloads(d->env.nl, &entrance, &err);
	if (r == 0)
		r = fit_end(d, &entrance, &err);
	if (r == 0)
		r = ready(d, &entrance, &err);
	if (r == 0)
		d->cutter_entrance = entrance.ifindex;
	tell(d, cutter, r, &err);
}

/* One end of the pair below the reassembly, which both ends are part of; 0 and *ret, or why not. */
static int bring_whole_end(struct gw_driver *d, const char *name, struct gw_link *ret, struct gw_error *err)
{
	int r = reread(d, name, ret, err);

	if (r == 0)
		r = fit_end(d, ret, err);
	return r == 0 ? ready(d, ret, err) : r;
}

static void bring_whole(struct gw_driver *d)
{
	struct gw_device *whole = &d->devices[GW_DEVICE_WHOLE];
	struct gw_error err = GW_ERROR_INIT;
	struct gw_link entrance = {0}, lower = {0};
	bool wanted = d->env.config->external_interface[0];
	int r;

	d->whole_entrance = d->whole_lower = 0;
	part_pair(d, WHOLE_LOWER, WHOLE_ENTRANCE);
	r = gw_nl_link_get(d->env.nl, WHOLE_LOWER, &lower, &err);
	if (!wanted) {
		if (r == 0)
			gw_nl_link_delete(d->env.nl, lower.ifindex, NULL); /* all three go */
		*whole = (struct gw_device){0};
		return;
	}
	if (r == -ENODEV)
		r = gw_nl_add_veth(d->env.nl, WHOLE_LOWER, WHOLE_ENTRANCE, &err);
	if (r == 0)
		r = bring_whole_end(d, WHOLE_LOWER, &lower, &err);
	if (r == 0)
		r = bring_whole_end(d, WHOLE_ENTRANCE, &entrance, &err);
	if (r < 0) {
		whole->link.ifindex = 0;
		tell(d, whole, r, &err);
		return;
	}
	bring(d, whole, WHOLE_DEVICE, make_whole);
	if (!whole->link.ifindex)
		return;
	d->whole_entrance = entrance.ifindex;
	d->whole_lower = lower.ifindex;
	if (gw_reassembly_bound(&err) < 0)
		snprintf(whole->trouble, sizeof whole->trouble,
			 "a few fragments that are never completed keep all others from shared public addresses (%s): "
			 "give gwd a writable /proc/sys, or set it yourself",
			 err.message);
}

void gw_devices_bring(struct gw_driver *d)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof name, VXLAN_DEVICE_PREFIX "%u", d->env.config->vxlan_port);
	bring(d, &d->devices[GW_DEVICE_VXLAN], name, gw_nl_add_vxlan_external);
	bring(d, &d->devices[GW_DEVICE_NVGRE], NVGRE_DEVICE, make_gretap);
	bring_cutter(d);
	bring_whole(d);
}

int gw_device_drop(struct gw_driver *d, uint32_t ifindex, struct gw_error *err)
{
	int r = gw_nl_link_delete(d->env.nl, (int)ifindex, err);

	if (r == 0 || r == -ENODEV)
		bpf_map_delete_elem(bpf_map__fd(gw_loader_bpf(d->loader)->maps.hooks), &ifindex);
	return r == -ENODEV ? 0 : r;
}

int gw_devices_drop_all(struct gw_driver *d, struct gw_error *err)
{
	int r = 0;

	for (int i = 0; i < GW_DEVICE_MAX && r == 0; i++)
		if (d->devices[i].link.ifindex)
			r = gw_device_drop(d, d->devices[i].link.ifindex, err);
	if (r == 0 && d->whole_lower)
		r = gw_device_drop(d, d->whole_lower, err);
	return r;
}

/* --- what others do to them ---------------------------------------------------------------------------------------------- */

static bool is_our_name(const struct gw_driver *d, const char *name)
{
	for (int i = 0; i < GW_DEVICE_MAX; i++)
		if (strcmp(name, d->devices[i].link.name) == 0)
			return true;
	return strcmp(name, CUTTER_ENTRANCE) == 0 ||
	       (d->whole_entrance && (strcmp(name, WHOLE_ENTRANCE) == 0 || strcmp(name, WHOLE_LOWER) == 0));
}

/* Whether one of them is not as it was made. */
static bool is_changed(const struct gw_driver *d, const struct gw_link *link)
{
	const struct gw_device *dev = gw_device_by_index(d, (uint32_t)link->ifindex);
	bool entrance = d->cutter_entrance && link->ifindex == d->cutter_entrance;

	if (d->whole_entrance && (link->ifindex == d->whole_entrance || link->ifindex == d->whole_lower))
		return !link->up || link->mtu != GW_NL_VETH_MTU ||
		       strcmp(link->name, link->ifindex == d->whole_lower ? WHOLE_LOWER : WHOLE_ENTRANCE) != 0;

	if (!dev && !entrance)
		return false;
	if (!link->up || strcmp(link->name, entrance ? CUTTER_ENTRANCE : dev->link.name) != 0)
		return true;
	return (entrance && gw_nl_link_offloads(d->env.nl, link)) ||
	       ((entrance || dev == &d->devices[GW_DEVICE_CUTTER]) && link->mtu != GW_NL_VETH_MTU);
}

void gw_devices_event(struct gw_driver *d, const struct gw_link *link, bool removed)
{
	if (removed && is_our_name(d, link->name))
		gw_engine_want_sync(d, "a device of the engine was removed from outside");
	else if (!removed && is_changed(d, link))
		gw_engine_want_sync(d, "a device of the engine was changed from outside");
}
