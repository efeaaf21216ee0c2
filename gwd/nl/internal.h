/*
 * internal.h - what the files of nl/ share: the state of a gw_nl, requests and dumps (nl.c), and the parsers that turn
 * one message into values. The parsers are pure, so that tests and the fuzzer can feed them without a kernel.
 */
#ifndef GW_NL_INTERNAL_H
#define GW_NL_INTERNAL_H

#include "base/hmap.h"
#include "nl/builder.h"
#include "nl/nl.h"
#include "nl/policy.h"

#include <sys/socket.h>
#include <uv.h>

#define GW_NL_BUF_SIZE	  65536 /* the kernel never makes a dump datagram larger than 32 KiB */
#define GW_NL_EXTACK_SIZE 256

struct gw_nl_watch;

struct gw_nl {
	uv_poll_t poll; /* on `events`; its close callback frees the gw_nl */
	struct mnl_socket *requests, *events;
	uint32_t seq;
	char extack[GW_NL_EXTACK_SIZE]; /* of the last request; empty when the kernel said nothing more than
					   the errno */

	struct gw_nl_watch *watches;
	struct gw_hmap links; /* struct known_link by ifindex, while anyone watches links; see watch.c */
	bool watching_links, watching_inet, watching_tc, watching_stack, watching_foreign;
	bool dispatching; /* a callback runs: gw_nl_unwatch only marks */
	bool lost;	  /* events were dropped and what they told has not been read again yet */
	bool closing;

	bool elsewhere; /* in another network namespace than this process */
};

/*
 * One pair for all: there is a gw_nl for each VRF. Each is used on one thread: all that have events on the loop's, where a callback
 * may make requests, of any of these, while events are read.
 */
extern _Thread_local char gw_nl_request_buf[GW_NL_BUF_SIZE] __attribute__((aligned(__alignof__(struct nlmsghdr))));
extern char gw_nl_event_buf[GW_NL_BUF_SIZE] __attribute__((aligned(__alignof__(struct nlmsghdr))));

/* nl.c */

/*
 * Called for each message of an answer; a negative return fails the request once its answer has been read to the end.
 */
typedef int (*gw_nl_msg_cb)(void *ctx, const struct nlmsghdr *h);
/*
 * Sends and reads the answer to its end. 0 or a negative errno, the kernel's own where it answered with one.
 */
int gw_nl_exec(struct gw_nl *nl, struct gw_nl_msg *m, gw_nl_msg_cb cb, void *ctx);

struct gw_nl_items {
	void *v; /* owned; free() it, also after a failed dump */
	size_t n, cap, size;
};
int gw_nl_items_add(struct gw_nl_items *items, const void *item);
/* `parse` adds what it finds in a message to `items`, whose size the caller has set. */
typedef int (*gw_nl_parse_cb)(const struct nlmsghdr *h, struct gw_nl_items *items);
int gw_nl_dump(struct gw_nl *nl, struct gw_nl_msg *m, gw_nl_parse_cb parse, struct gw_nl_items *items);

/* What to do about an errno, in brackets behind a blank; empty when that is unknown. */
const char *gw_nl_way_out(int errnum);
/*
 * Fills err with "<what>: <errno text>: <extended ACK>" for a failed request and returns rc. `target` is the
 * name of the link at fault.
 */
int gw_nl_fail(const struct gw_nl *nl, struct gw_error *err, int rc, const char *target, const char *what, ...)
	__attribute__((format(printf, 5, 6)));
/* A request about a link; what it returns can be changed until attributes follow. */
struct ifinfomsg *gw_nl_link_begin(struct gw_nl_msg *m, uint16_t type, int ifindex);
/* The name of a link for messages; "link 7" when it has gone. */
const char *gw_nl_link_label(struct gw_nl *nl, int ifindex, char buf[static IFNAMSIZ + 16]);

/*
 * What an NLMSG_ERROR or NLMSG_DONE says: 0 or a negative errno, and the extended ACK's text if there is one.
 * -EBADMSG when the message is not whole.
 */
int gw_nl_parse_result(const struct nlmsghdr *h, char ret_extack[static GW_NL_EXTACK_SIZE]);

/* What an answer has come to so far: datagrams go in until it is done. */
struct gw_nl_answer {
	uint32_t seq; /* of the request; anything else is left over from an earlier one */
	gw_nl_msg_cb cb;
	void *ctx;
	char *extack; /* GW_NL_EXTACK_SIZE bytes */
	bool done;
	bool interrupted; /* what was dumped changed meanwhile: it may be incomplete */
	bool broken;	  /* not read to its end */
	int rc;
};
void gw_nl_answer_take(struct gw_nl_answer *an, const void *datagram, size_t n);

/*
 * The parsers: 1 and *ret when the message has what its kind is about, 0 when it is about something else,
 * -EBADMSG.
 */
int gw_nl_parse_link(const struct nlmsghdr *h, struct gw_link *ret);
/* What the message says of a link by address family; also families that it says nothing of, as NULL. */
int gw_nl_parse_families(const struct nlmsghdr *h, const struct nlattr *ret[static AF_INET6 + 1]);
int gw_nl_parse_addr(const struct nlmsghdr *h, struct gw_nl_addr *ret);
int gw_nl_parse_neigh(const struct nlmsghdr *h, struct gw_nl_neigh *ret);
int gw_nl_parse_conf(const struct nlmsghdr *h, struct gw_nl_conf *ret);
/*
 * Adds each leg of a unicast or unreachable route of the main table to `items` of struct gw_nl_route. 0, -EBADMSG,
 * -ENOMEM.
 */
int gw_nl_parse_route(const struct nlmsghdr *h, struct gw_nl_items *items);
int gw_nl_dump_links(struct gw_nl *nl, struct gw_nl_items *items);

/* inet.c: all addresses of a link (0: of all links), and RTM_DELADDR as it is, whoever made the address. */
int gw_nl_dump_addrs(struct gw_nl *nl, int ifindex, struct gw_nl_items *items);
int gw_nl_addr_remove(struct gw_nl *nl, const struct gw_nl_addr *a);

/* foreign.c: whether the message tells of a change of rules, or of a route that was put there by hand. */
bool gw_nl_is_foreign(const struct nlmsghdr *h);

/* The longest name of a kind of queueing discipline. */
#define GW_NL_QDISC_KIND_SIZE 16
/* lanes.c: the queue of a limit (rate.c), so many bytes long. */
#define GW_NL_RATE_HANDLE (0x6777u << 16) /* by which a limit of ours is known */
int gw_nl_lanes_set(struct gw_nl *nl, int ifindex, const struct gw_nl_rate *rate, uint32_t limit);
bool gw_nl_lanes_are(struct gw_nl *nl, int ifindex, uint32_t limit);

/* watch.c */
void gw_nl_watch_done(struct gw_nl *nl);

#endif
