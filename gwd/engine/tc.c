/* tc.c - see tc.h. Called by the engine's sync and apply; libbpf speaks the netlink. */
#include "engine/tc.h"

#include "nl/nl.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#define FILTER_ID 0x6777

static struct bpf_tc_hook hook_of(int ifindex)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook), .ifindex = ifindex, .attach_point = BPF_TC_INGRESS};
}

static int put_filter(const struct bpf_tc_hook *hook, int prog_fd)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_ID, .priority = FILTER_ID, .prog_fd = prog_fd,
			    .flags = BPF_TC_F_REPLACE);

	gw_nl_wrote();
	return bpf_tc_attach(hook, &opts);
}

int gw_tc_attach(int ifindex, const char *ifname, int prog_fd, bool again, struct gw_error *err)
{
	struct bpf_tc_hook hook = hook_of(ifindex);
	int r = again ? put_filter(&hook, prog_fd) : -ENOENT;

	if (r == 0)
		return 0;
	r = bpf_tc_hook_create(&hook);
	gw_nl_wrote();
	if (r < 0 && r != -EEXIST)
		return gw_error_set(err, -r, GW_ERR_CAPABILITY, ifname,
				    "cannot add a clsact qdisc to %s: %s; the kernel needs CONFIG_NET_SCH_INGRESS",
				    ifname, strerror(-r));
	r = put_filter(&hook, prog_fd);
	if (r < 0)
		return gw_error_set(err, -r, GW_ERR_CAPABILITY, ifname,
				    "cannot attach a BPF filter to %s: %s; the kernel needs CONFIG_NET_CLS_BPF", ifname,
				    strerror(-r));
	return 0;
}

int gw_tc_detach(int ifindex, const char *ifname, struct gw_error *err)
{
	struct bpf_tc_hook hook = hook_of(ifindex);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_ID, .priority = FILTER_ID);
	int r;

	if (!gw_tc_program(ifindex))
		return 0;
	r = bpf_tc_detach(&hook, &opts);
	gw_nl_wrote();
	if (r < 0 && r != -ENOENT && r != -ENODEV && r != -EINVAL)
		return gw_error_set(err, -r, GW_ERR_INTERNAL, ifname,
				    "cannot remove the BPF filter from %s: %s; remove its clsact qdisc with tc(8)",
				    ifname, strerror(-r));
	return 0;
}

unsigned gw_tc_program(int ifindex)
{
	struct bpf_tc_hook hook = hook_of(ifindex);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_ID, .priority = FILTER_ID);

	return bpf_tc_query(&hook, &opts) < 0 ? 0 : opts.prog_id;
}
