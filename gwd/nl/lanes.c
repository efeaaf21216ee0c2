/*
 * lanes.c - the queue of a limit (rate.c) in two lanes, each in its order, of which the first goes before the other: what asks and
 * answers whether the other side of a link is there, and by which address. Else a queue that is kept full would make it look dead.
 *
 *   tbf 6777: -- htb 6778: -- 6778:2  ICMP echo of the prober, ARP, neighbour discovery
 *                          `- 6778:1  bfifo 6779:  all else
 *
 * Classes of htb because the kernel's plainer prio is not everywhere; they limit nothing. What is in the first lane counts for the limit,
 * too. The bfifo is made last: where it is, all is.
 */
#include "nl/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>

#define LANES (0x6778u << 16)
#define QUEUE (0x6779u << 16)
#define ROOM  1000 /* ticks of 64 ns, of a rate that is no limit */
#define KEYS  5

enum { FIRST = 2, SECOND = 1 };

/* Four bytes behind the Ethernet header, from there on. */
struct key {
	int at;
	uint32_t mask, value;
};

struct filter {
	struct key keys[KEYS];
	unsigned n;
};

static int set_lanes(struct gw_nl *nl, int ifindex)
{
	struct tc_htb_glob options = {.version = 3, .rate2quantum = 10, .defcls = SECOND};
	struct gw_nl_msg m;
	/* Where it is, its classes and filters can be mended; the kernel lets nobody change itself. */
	struct tcmsg *tc = gw_nl_msg_begin(&m, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_EXCL, sizeof *tc);
	size_t nest;
	int rc;

	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = GW_NL_RATE_HANDLE | 1;
	tc->tcm_handle = LANES;
	gw_nl_put_str(&m, TCA_KIND, "htb");
	nest = gw_nl_nest_begin(&m, TCA_OPTIONS);
	gw_nl_put(&m, TCA_HTB_INIT, &options, sizeof options);
	gw_nl_nest_end(&m, nest);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc == -EEXIST ? 0 : rc;
}

static int set_lane(struct gw_nl *nl, int ifindex, uint32_t lane, unsigned mtu)
{
	struct tc_htb_opt options = {
		.rate = {.rate = UINT32_MAX, .linklayer = TC_LINKLAYER_ETHERNET},
		.ceil = {.rate = UINT32_MAX, .linklayer = TC_LINKLAYER_ETHERNET},
		.buffer = ROOM,
		.cbuffer = ROOM,
		.quantum = mtu + 64,
		.prio = lane == FIRST ? 0 : 1,
	};
	uint64_t rate = UINT64_C(1) << 40; /* bytes a second */
	struct gw_nl_msg m;
	struct tcmsg *tc = gw_nl_msg_begin(&m, RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_REPLACE, sizeof *tc);
	size_t nest;

	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = LANES;
	tc->tcm_handle = LANES | lane;
	gw_nl_put_str(&m, TCA_KIND, "htb");
	nest = gw_nl_nest_begin(&m, TCA_OPTIONS);
	gw_nl_put(&m, TCA_HTB_PARMS, &options, sizeof options);
	gw_nl_put(&m, TCA_HTB_RATE64, &rate, sizeof rate);
	gw_nl_put(&m, TCA_HTB_CEIL64, &rate, sizeof rate);
	gw_nl_nest_end(&m, nest);
	return gw_nl_exec(nl, &m, NULL, NULL);
}

static int clear_filters(struct gw_nl *nl, int ifindex)
{
	struct gw_nl_msg m;
	struct tcmsg *tc = gw_nl_msg_begin(&m, RTM_DELTFILTER, 0, sizeof *tc);
	int rc;

	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = LANES;
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc == -ENOENT ? 0 : rc;
}

static int add_filter(struct gw_nl *nl, int ifindex, const struct filter *f)
{
	union {
		struct tc_u32_sel sel;
		char room[sizeof(struct tc_u32_sel) + KEYS * sizeof(struct tc_u32_key)];
	} u = {.sel = {.flags = TC_U32_TERMINAL, .nkeys = (unsigned char)f->n}};
	struct gw_nl_msg m;
	struct tcmsg *tc = gw_nl_msg_begin(&m, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, sizeof *tc);
	size_t nest;

	/* What came through a tunnel may not be called what it is, so they are asked of everything. */
	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = LANES;
	tc->tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL));
	gw_nl_put_str(&m, TCA_KIND, "u32");
	nest = gw_nl_nest_begin(&m, TCA_OPTIONS);
	for (unsigned i = 0; i < f->n; i++)
		u.sel.keys[i] = (struct tc_u32_key){
			.mask = htonl(f->keys[i].mask), .val = htonl(f->keys[i].value), .off = f->keys[i].at};
	gw_nl_put(&m, TCA_U32_SEL, &u, sizeof u.sel + f->n * sizeof(struct tc_u32_key));
	gw_nl_put_u32(&m, TCA_U32_CLASSID, LANES | FIRST);
	gw_nl_nest_end(&m, nest);
	return gw_nl_exec(nl, &m, NULL, NULL);
}

/* Echoes with eight bytes of data and no options, asked or answered: of the type the bit that tells is not looked at. */
static int set_filters(struct gw_nl *nl, int ifindex, uint16_t ident)
{
	const uint32_t id = (uint32_t)ident << 16;
	const struct filter filters[] = {
		{{{0, 0xffffffff, 0x00010800}}, 1}, /* ARP */
		/* Of ICMPv6 what nobody has forwarded: its hop limit says so. */
		{{{0, 0xf0000000, 0x60000000}, {4, 0x0000ffff, 0x00003aff}}, 2},
		{{{0, 0xff00ffff, 0x45000024},
		  {4, 0x00003fff, 0},
		  {8, 0x00ff0000, 0x00010000},
		  {20, 0xf7ff0000, 0},
		  {24, 0xffff0000, id}},
		 5},
		{{{0, 0xf0000000, 0x60000000},
		  {4, 0xffffff00, 0x00103a00},
		  {40, 0xfeff0000, 0x80000000},
		  {44, 0xffff0000, id}},
		 4},
	};
	int rc = clear_filters(nl, ifindex);

	for (size_t i = 0; i < sizeof filters / sizeof *filters && rc == 0; i++)
		rc = add_filter(nl, ifindex, &filters[i]);
	return rc;
}

static int set_queue(struct gw_nl *nl, int ifindex, uint32_t limit)
{
	struct tc_fifo_qopt options = {.limit = limit};
	struct gw_nl_msg m;
	struct tcmsg *tc = gw_nl_msg_begin(&m, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, sizeof *tc);

	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = LANES | SECOND;
	tc->tcm_handle = QUEUE;
	gw_nl_put_str(&m, TCA_KIND, "bfifo");
	gw_nl_put(&m, TCA_OPTIONS, &options, sizeof options);
	return gw_nl_exec(nl, &m, NULL, NULL);
}

int gw_nl_lanes_set(struct gw_nl *nl, int ifindex, const struct gw_nl_rate *rate, uint32_t limit)
{
	int rc = set_lanes(nl, ifindex);

	if (rc == 0)
		rc = set_lane(nl, ifindex, FIRST, rate->mtu);
	if (rc == 0)
		rc = set_lane(nl, ifindex, SECOND, rate->mtu);
	if (rc == 0)
		rc = set_filters(nl, ifindex, rate->ident);
	return rc == 0 ? set_queue(nl, ifindex, limit) : rc;
}

/* --- how it is ------------------------------------------------------------------------------------------------------------ */

static const struct gw_nl_policy qdisc_policy[TCA_OPTIONS + 1] = {
	[TCA_KIND] = {GW_NL_STRING, 1, GW_NL_QDISC_KIND_SIZE},
	[TCA_OPTIONS] = {GW_NL_BINARY, sizeof(struct tc_fifo_qopt), 0},
};

static int take_queue(void *ctx, const struct nlmsghdr *h)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[TCA_OPTIONS + 1];
	size_t n = mnl_nlmsg_get_payload_len(h);
	struct tc_fifo_qopt options;
	uint32_t *limit = ctx;

	if (h->nlmsg_type != RTM_NEWQDISC)
		return 0;
	if (n < sizeof *tc || gw_nl_parse(tc + 1, n - sizeof *tc, qdisc_policy, TCA_OPTIONS + 1, tb) < 0 ||
	    !tb[TCA_KIND])
		return -EBADMSG;
	if (tc->tcm_handle != QUEUE || strcmp(gw_nl_data(tb[TCA_KIND]), "bfifo") != 0 || !tb[TCA_OPTIONS])
		return 0;
	memcpy(&options, gw_nl_data(tb[TCA_OPTIONS]), sizeof options);
	*limit = options.limit;
	return 0;
}

bool gw_nl_lanes_are(struct gw_nl *nl, int ifindex, uint32_t limit)
{
	struct gw_nl_msg m;
	struct tcmsg *tc = gw_nl_msg_begin(&m, RTM_GETQDISC, NLM_F_ECHO, sizeof *tc);
	uint32_t found = 0;

	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = LANES | SECOND;
	return gw_nl_exec(nl, &m, take_queue, &found) == 0 && found == limit;
}
