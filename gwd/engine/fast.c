/*
 * fast.c - the fast path of virtual gateways (bpf/lib/fast.h): whether this kernel has what it needs, the map that tells it where
 * each virtual gateway is, and the number that outdates what it remembers. Called by engine.c and edge.c.
 */
#include "engine/internal.h"

#include "base/cleanup.h"

#include "engine.skel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MODULE "nf_conntrack"

static const struct gw_bpf *bpf_of(const struct gw_driver *d)
{
	return gw_loader_bpf(d->loader);
}

/* --- the kernel ----------------------------------------------------------------------------------------------------------------- */

static bool has_functions(const struct btf *btf)
{
	static const char *const names[] = {"bpf_skb_ct_lookup", "bpf_ct_release", "bpf_ct_change_timeout"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (btf__find_by_name_kind(btf, names[i], BTF_KIND_FUNC) < 0)
			return false;
	return true;
}

/* They are of the kernel itself, or of its module, which need not be loaded yet. */
static bool kernel_is_able(void)
{
	struct btf *kernel = btf__load_vmlinux_btf(), *module = NULL;
	bool able = kernel && has_functions(kernel);

	if (kernel && !able)
		module = btf__load_module_btf(MODULE, kernel);
	able = able || (module && has_functions(module));
	btf__free(module);
	btf__free(kernel);
	return able;
}

/* The kernel loads the module for whoever asks it something about connections; what it answers is of no interest. */
static void ask_for_module(void)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} ask = {.h = {.nlmsg_len = sizeof ask,
		       .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
		       .nlmsg_flags = NLM_F_REQUEST}};
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd >= 0)
		send(fd, &ask, sizeof ask, MSG_DONTWAIT);
}

void gw_fast_probe(struct gw_driver *d)
{
	if (d->fast_able || !d->env.config->fast_path || !d->env.config->external_interface[0])
		return;
	d->fast_able = kernel_is_able();
	if (!d->fast_able) {
		ask_for_module();
		d->fast_able = kernel_is_able();
	}
}

bool gw_fast_wanted(const struct gw_driver *d)
{
	return d->fast_able && d->env.config->fast_path && d->env.config->external_interface[0];
}

/* The kernel counts time in ticks; its coarse clocks show how long one is. */
unsigned gw_fast_hz(void)
{
	struct timespec tick = {0};

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) < 0 || tick.tv_sec || tick.tv_nsec <= 0)
		return 0;
	return (unsigned)((1000000000 + tick.tv_nsec / 2) / tick.tv_nsec);
}

/* --- the map -------------------------------------------------------------------------------------------------------------------- */

static const struct gw_iface *usable(const struct gw_driver *d, const char *name)
{
	const struct gw_iface *i = gw_iface_find(d, name);

	return i && i->present && i->link.peer_elsewhere && strcmp(i->link.kind, "veth") == 0 ? i : NULL;
}

/* False: the virtual gateway is not there, or not whole. */
static bool want_gateway(const struct gw_driver *d, const struct gw_intent *in, uint32_t vsid,
			 struct gw_bpf_gateway *ret)
{
	char name[2][IFNAMSIZ];
	const struct gw_iface *port = usable(d, gw_vrf_port(vsid, name[0])),
			      *way = usable(d, gw_vrf_exit(vsid, name[1]));
	struct gw_bpf_gateway g = {.vsid = vsid};

	if (!gw_intent_vrf_of_vsid(in, vsid) || !port || !way || !port->is_port || !way->is_exit ||
	    way->link.peer_nsid < 0 || port->link.peer_nsid != way->link.peer_nsid ||
	    !gw_slots_find(&d->exit_slots, vsid, &g.exit_slot))
		return false;
	g.nsid = way->link.peer_nsid;
	g.port = port->link.ifindex;
	g.mtu_in = port->link.mtu;
	g.mtu_out = way->link.mtu;
	*ret = g;
	return true;
}

int gw_fast_refresh(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_error *err)
{
	struct gw_bpf_gateway g;

	return gw_map_bring(bpf_of(d)->maps.gateways, &vsid, want_gateway(d, in, vsid, &g) ? &g : NULL, err);
}

static uint32_t vsid_of(const struct gw_hnv_object *o)
{
	char name[IFNAMSIZ];

	if (o && o->kind == GW_HNV_VRF)
		return o->vrf.vsid;
	if (o && o->kind == GW_HNV_PORT && strcmp(o->port.interface, gw_vrf_port(o->port.vsid, name)) == 0)
		return o->port.vsid;
	return 0;
}

int gw_fast_apply(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta, struct gw_error *err)
{
	int r = 0;

	for (size_t n = 0; n < delta->n && r == 0; n++) {
		const struct gw_change *c = &delta->changes[n];
		uint32_t before = vsid_of(c->before), after = vsid_of(c->after);

		if (before)
			r = gw_fast_refresh(d, in, before, err);
		if (r == 0 && after && after != before)
			r = gw_fast_refresh(d, in, after, err);
	}
	return r;
}

static bool wanted_gateway(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	struct gw_bpf_gateway g;

	return want_gateway(d, in, *(const uint32_t *)key, &g);
}

int gw_fast_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	int r = 0;

	for (const struct gw_hnv_object *o = NULL; r == 0 && (o = gw_intent_next(in, GW_HNV_VRF, o));)
		r = gw_fast_refresh(d, in, o->vrf.vsid, err);
	return r == 0 ? gw_map_prune(d, in, bpf_of(d)->maps.gateways, wanted_gateway, err) : r;
}

void gw_fast_outdate(const struct gw_driver *d)
{
	int fd = bpf_map__fd(bpf_of(d)->maps.epochs);
	uint32_t zero = 0, epoch = 0;

	bpf_map_lookup_elem(fd, &zero, &epoch);
	epoch++;
	bpf_map_update_elem(fd, &zero, &epoch, BPF_ANY);
}

/* --- what is said of it --------------------------------------------------------------------------------------------------------- */

/* Why it is not there although it is wanted; NULL: it is, or nobody wants it. */
static const char *trouble_of(const struct gw_driver *d)
{
	if (!d->env.config->fast_path || !d->env.config->external_interface[0])
		return NULL;
	if (!d->fast_able)
		return "the kernel does not let programs look at tracked connections: load its module " MODULE
		       ", where there is one, and restart gwd; Linux 6.1 or newer with BTF has it";
	return gw_loader_without_fast(d->loader);
}

static const char *why_off(const struct gw_driver *d)
{
	if (gw_fast_wanted(d))
		return "programs with it are being loaded";
	return d->env.config->fast_path ? "there is no [external] interface" : "[engine] fast_path is no";
}

/* What the programs that are attached do, whatever is wanted by now. */
json_t *gw_fast_report(const struct gw_driver *d)
{
	const char *why = trouble_of(d);

	if (why)
		return json_pack("{s:s, s:s}", "state", "Unavailable", "detail", why);
	if (d->params.fast)
		return json_pack("{s:s}", "state", "On");
	return json_pack("{s:s, s:s}", "state", "Off", "detail", why_off(d));
}

void gw_fast_warn(const struct gw_driver *d, json_t *list)
{
	const char *why = trouble_of(d);

	if (why)
		json_array_append_new(list, json_sprintf("virtual gateways work without their fast path: %s", why));
}
