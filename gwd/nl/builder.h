/*
 * builder.h - writing one netlink message. The put helpers never fail one by one: the first thing that does
 * not fit makes the message bad for good (`error`), and gw_nl_exec refuses to send a bad message.
 */
#ifndef GW_NL_BUILDER_H
#define GW_NL_BUILDER_H

#include "base/addr.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#define GW_NL_MSG_SIZE 1024 /* several times the largest request that is made here */

struct gw_nl_msg {
	union {
		struct nlmsghdr h;
		char buf[GW_NL_MSG_SIZE];
	};
	int error; /* 0 or a negative errno, sticky */
};

/* Begins a message and returns its zeroed family header of `size` bytes (ifinfomsg, ifaddrmsg, rtmsg). */
void *gw_nl_msg_begin(struct gw_nl_msg *m, uint16_t type, uint16_t flags, size_t size);
void gw_nl_put(struct gw_nl_msg *m, uint16_t type, const void *data, size_t n);
void gw_nl_put_zeroes(struct gw_nl_msg *m, size_t n); /* an empty family header inside a nest */
void gw_nl_put_u8(struct gw_nl_msg *m, uint16_t type, uint8_t v);
void gw_nl_put_u32(struct gw_nl_msg *m, uint16_t type, uint32_t v);
void gw_nl_put_be16(struct gw_nl_msg *m, uint16_t type, uint16_t host_order);
void gw_nl_put_str(struct gw_nl_msg *m, uint16_t type, const char *s);
void gw_nl_put_addr(struct gw_nl_msg *m, uint16_t type, const struct gw_addr *a); /* 4 or 16 bytes */
/* Returns the handle for the matching end; nests close in reverse order. */
size_t gw_nl_nest_begin(struct gw_nl_msg *m, uint16_t type);
void gw_nl_nest_end(struct gw_nl_msg *m, size_t nest);

#endif
