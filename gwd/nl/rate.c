/*
 * rate.c - how much a link may send: a token bucket (tbf) with a queue in front of it (lanes.c). Called by drivers through nl.h.
 *
 * A queue is what makes TCP settle at the rate; dropping what is beyond it, without one, makes it collapse. The bucket is small, ten
 * milliseconds of the rate, so that over some seconds no more passes than the rate says; the queue holds a hundred.
 */
#include "nl/internal.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <string.h>

#define FRAME_MAX 64 /* an Ethernet header, and what else may be around a packet */

static uint32_t at_least(uint64_t n, uint64_t least)
{
	n = n > least ? n : least;
	return n < UINT32_MAX / 2 ? (uint32_t)n : UINT32_MAX / 2;
}

static struct tc_tbf_qopt options_of(const struct gw_nl_rate *r)
{
	uint64_t bytes = (uint64_t)r->kbps * 125;

	return (struct tc_tbf_qopt){
		.rate = {.rate = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX, .linklayer = TC_LINKLAYER_ETHERNET},
		.limit = at_least(bytes / 10, 32ull * (r->mtu + FRAME_MAX)),
	};
}

int gw_nl_rate_set(struct gw_nl *nl, int ifindex, const struct gw_nl_rate *rate, struct gw_error *err)
{
	struct tc_tbf_qopt options = options_of(rate);
	uint64_t bytes = (uint64_t)rate->kbps * 125;
	char link[IFNAMSIZ + 16];
	struct gw_nl_msg m;
	struct tcmsg *tc = gw_nl_msg_begin(&m, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, sizeof *tc);
	size_t nest;
	int rc;

	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = TC_H_ROOT;
	tc->tcm_handle = GW_NL_RATE_HANDLE;
	gw_nl_put_str(&m, TCA_KIND, "tbf");
	nest = gw_nl_nest_begin(&m, TCA_OPTIONS);
	gw_nl_put(&m, TCA_TBF_PARMS, &options, sizeof options);
	if (bytes >= UINT32_MAX)
		gw_nl_put(&m, TCA_TBF_RATE64, &bytes, sizeof bytes);
	gw_nl_put_u32(&m, TCA_TBF_BURST, at_least(bytes / 100, rate->mtu + FRAME_MAX));
	gw_nl_nest_end(&m, nest);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	if (rc == 0)
		rc = gw_nl_lanes_set(nl, ifindex, rate, options.limit);
	return rc < 0 ? gw_nl_fail(nl, err, rc, gw_nl_link_label(nl, ifindex, link),
				   "cannot limit what %s sends to %u kbit/s; the kernel needs CONFIG_NET_SCH_TBF, "
				   "CONFIG_NET_SCH_HTB and CONFIG_NET_CLS_U32",
				   link, rate->kbps)
		      : 0;
}

int gw_nl_rate_clear(struct gw_nl *nl, int ifindex, struct gw_error *err)
{
	char link[IFNAMSIZ + 16];
	struct gw_nl_msg m;
	struct tcmsg *tc = gw_nl_msg_begin(&m, RTM_DELQDISC, 0, sizeof *tc);
	int rc;

	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = TC_H_ROOT;
	tc->tcm_handle = GW_NL_RATE_HANDLE;
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	if (rc == 0 || rc == -ENOENT || rc == -EINVAL || rc == -ENODEV) /* there is none, or it is not ours */
		return 0;
	return gw_nl_fail(nl, err, rc, gw_nl_link_label(nl, ifindex, link), "cannot let %s send as much as it can",
			  link);
}

/* --- how it is --- */

static const struct gw_nl_policy qdisc_policy[TCA_STATS2 + 1] = {
	[TCA_KIND] = {GW_NL_STRING, 1, GW_NL_QDISC_KIND_SIZE},
	[TCA_OPTIONS] = {GW_NL_NESTED, 0, 0},
	[TCA_STATS2] = {GW_NL_NESTED, 0, 0},
};

static const struct gw_nl_policy tbf_policy[TCA_TBF_RATE64 + 1] = {
	[TCA_TBF_PARMS] = {GW_NL_BINARY, sizeof(struct tc_tbf_qopt), 0},
	[TCA_TBF_RATE64] = {GW_NL_BINARY, 8, 8},
};

static const struct gw_nl_policy stats_policy[TCA_STATS_QUEUE + 1] = {
	[TCA_STATS_QUEUE] = {GW_NL_BINARY, sizeof(struct gnet_stats_queue), 0},
};

struct found {
	bool ours;
	uint64_t bytes;
	uint32_t limit, drops;
};

static int take_options(const struct nlattr *nest, struct found *f)
{
	const struct nlattr *tb[TCA_TBF_RATE64 + 1];
	struct tc_tbf_qopt options;

	if (gw_nl_parse_nested(nest, tbf_policy, TCA_TBF_RATE64 + 1, tb) < 0 || !tb[TCA_TBF_PARMS])
		return -EBADMSG;
	memcpy(&options, gw_nl_data(tb[TCA_TBF_PARMS]), sizeof options);
	f->bytes = options.rate.rate;
	f->limit = options.limit;
	if (tb[TCA_TBF_RATE64])
		memcpy(&f->bytes, gw_nl_data(tb[TCA_TBF_RATE64]), sizeof f->bytes);
	return 0;
}

static int take_qdisc(void *ctx, const struct nlmsghdr *h)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[TCA_STATS2 + 1], *stats[TCA_STATS_QUEUE + 1];
	size_t n = mnl_nlmsg_get_payload_len(h);
	struct gnet_stats_queue queue;
	struct found *f = ctx;

	if (h->nlmsg_type != RTM_NEWQDISC)
		return 0;
	if (n < sizeof *tc || gw_nl_parse(tc + 1, n - sizeof *tc, qdisc_policy, TCA_STATS2 + 1, tb) < 0 ||
	    !tb[TCA_KIND])
		return -EBADMSG;
	if (tc->tcm_handle != GW_NL_RATE_HANDLE || strcmp(gw_nl_data(tb[TCA_KIND]), "tbf") != 0 || !tb[TCA_OPTIONS])
		return 0;
	f->ours = true;
	if (tb[TCA_STATS2] && gw_nl_parse_nested(tb[TCA_STATS2], stats_policy, TCA_STATS_QUEUE + 1, stats) == 0 &&
	    stats[TCA_STATS_QUEUE]) {
		memcpy(&queue, gw_nl_data(stats[TCA_STATS_QUEUE]), sizeof queue);
		f->drops = queue.drops;
	}
	return take_options(tb[TCA_OPTIONS], f);
}

/* The kernel answers this question with an event to which only who asks for an echo gets a copy. */
static int ask(struct gw_nl *nl, int ifindex, struct found *ret)
{
	struct gw_nl_msg m;
	struct tcmsg *tc = gw_nl_msg_begin(&m, RTM_GETQDISC, NLM_F_ECHO, sizeof *tc);

	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = TC_H_ROOT;
	*ret = (struct found){.ours = false};
	return gw_nl_exec(nl, &m, take_qdisc, ret);
}

bool gw_nl_rate_is(struct gw_nl *nl, int ifindex, const struct gw_nl_rate *rate)
{
	struct tc_tbf_qopt options = options_of(rate);
	struct found f;

	if (ask(nl, ifindex, &f) < 0)
		return false;
	if (!rate->kbps)
		return !f.ours;
	return f.ours && f.bytes == (uint64_t)rate->kbps * 125 && f.limit == options.limit &&
	       gw_nl_lanes_are(nl, ifindex, options.limit);
}

int gw_nl_rate_drops(struct gw_nl *nl, int ifindex, uint32_t *ret)
{
	struct found f;
	int rc = ask(nl, ifindex, &f);

	if (rc < 0)
		return rc;
	*ret = f.drops;
	return f.ours ? 0 : -ENOENT;
}
