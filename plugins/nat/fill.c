/*
 * fill.c - how full the blocks of ports are: see flows.h. All connections are read for it, which takes long when there are many, so a
 * thread does it. Called by gateway.c.
 */
#include "nat/flows.h"

#include "nat/track.h"
#include "nat/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

struct nat_fill {
	uv_work_t req;
	nat_fill_cb cb;
	void *ctx; /* NULL: nobody wants to know any more */
	void (*gone)(void *arg);
	void *arg;

	/* The thread's, while it runs. */
	struct mnl_socket *socket;
	struct nat_plan plan; /* public addresses only */
	struct nat_fill_found found;
	int r;
};

struct use {
	const struct gw_public *block;
	struct gw_addr to;
	uint16_t port;
	uint8_t proto;
};

struct uses {
	const struct nat_plan *plan;
	struct use *v;
	size_t n, cap;
	bool oom;
};

static const struct gw_public *block_of(const struct nat_plan *p, const struct gw_addr *a, uint16_t port)
{
	for (size_t i = 0; i < p->n_publics; i++)
		if (p->publics[i].port_count > 1 && gw_addr_equal(&p->publics[i].prefix.addr, a) &&
		    port >= p->publics[i].first_port && port - p->publics[i].first_port < (int)p->publics[i].port_count)
			return &p->publics[i];
	return NULL;
}

static int on_use(const struct nlmsghdr *h, void *ctx)
{
	struct uses *u = ctx;
	struct nat_flow f;
	struct use use;

	if (nat_flow_parse(h, &f) < 0 || !(f.status & IPS_SRC_NAT))
		return MNL_CB_OK;
	/* Towards echoes the identifier takes the place of both ports. */
	use = (struct use){.block = block_of(u->plan, &f.reply.dst, f.reply.dport),
			   .to = f.orig.dst,
			   .port = f.orig.proto == IPPROTO_TCP || f.orig.proto == IPPROTO_UDP ? f.orig.dport : 0,
			   .proto = f.orig.proto};
	if (!use.block)
		return MNL_CB_OK;
	if (u->n == u->cap) {
		size_t cap = u->cap ? u->cap * 2 : 256;
		struct use *v = reallocarray(u->v, cap, sizeof *v);

		u->oom |= !v;
		if (!v)
			return MNL_CB_OK;
		u->v = v;
		u->cap = cap;
	}
	u->v[u->n++] = use;
	return MNL_CB_OK;
}

static int cmp_use(const void *va, const void *vb)
{
	const struct use *a = va, *b = vb;
	int r;

	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	r = gw_addr_cmp(&a->to, &b->to);
	if (r == 0)
		r = a->port - b->port;
	return r ? r : a->proto - b->proto;
}

static int read_fill(struct mnl_socket *s, const struct nat_plan *plan, struct nat_fill_found *ret)
{
	struct uses u = {.plan = plan};
	struct nat_fill_found fill = {0};
	char buf[128];
	int r = nat_ask(s, nat_flow_request(buf, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC), on_use, &u);
	uint32_t run = 0;

	if (r == 0 && u.n)
		qsort(u.v, u.n, sizeof *u.v, cmp_use);
	for (size_t i = 0; r == 0 && i < u.n; i++) {
		run = i && cmp_use(&u.v[i], &u.v[i - 1]) == 0 ? run + 1 : 1;
		if (!fill.block ||
		    (uint64_t)run * fill.block->port_count > (uint64_t)fill.used * u.v[i].block->port_count)
			fill = (struct nat_fill_found){u.v[i].block, run};
	}
	free(u.v);
	if (r == 0)
		*ret = fill;
	return r;
}

static void release(struct nat_fill *f)
{
	if (f->socket)
		mnl_socket_close(f->socket);
	nat_plan_done(&f->plan);
	free(f);
}

static void on_work(uv_work_t *req)
{
	struct nat_fill *f = req->data;

	f->r = read_fill(f->socket, &f->plan, &f->found);
}

static void on_done(uv_work_t *req, int status)
{
	struct nat_fill *f = req->data;

	(void)status; /* it is never cancelled */
	if (f->ctx)
		f->cb(f->ctx, f->r, &f->found);
	f->gone(f->arg);
	release(f);
}

struct nat_fill *nat_fill_begin(struct uv_loop_s *loop, int ns_fd, const struct nat_plan *plan, nat_fill_cb cb,
				void *ctx, void (*gone)(void *arg), void *arg)
{
	struct nat_fill *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	*f = (struct nat_fill){.req.data = f, .cb = cb, .ctx = ctx, .gone = gone, .arg = arg};
	f->plan.publics = calloc(plan->n_publics + 1, sizeof *f->plan.publics);
	if (!f->plan.publics || nat_flow_socket(ns_fd, &f->socket) < 0) {
		release(f);
		return NULL;
	}
	if (plan->n_publics)
		memcpy(f->plan.publics, plan->publics, plan->n_publics * sizeof *f->plan.publics);
	f->plan.n_publics = plan->n_publics;
	uv_queue_work(loop, &f->req, on_work, on_done); /* fails without a function only */
	return f;
}

struct nat_fill *nat_fill_leave(struct nat_fill *f)
{
	if (f)
		f->ctx = NULL;
	return NULL;
}
