/*
 * client.c - see netns.h: asks the holder, or does it here where there is none and nobody is shut out. Called by drivers; blocks
 * for the milliseconds that a namespace takes.
 */
#include "netns/place.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define PATIENCE_SECONDS 10

bool gw_netns_name_valid(const char name[static GW_NETNS_STRLEN])
{
	size_t prefix = strlen(GW_NETNS_PREFIX), len = strnlen(name, GW_NETNS_STRLEN);

	if (len == GW_NETNS_STRLEN || len == prefix || strncmp(name, GW_NETNS_PREFIX, prefix) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			return false;
	return true;
}

/* 0 with *ret_fd -1: there is no holder, and none is needed. */
static int holder_open(const char *path, int *ret_fd, struct gw_error *err)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path) >= (int)sizeof addr.sun_path)
		return gw_error_set(err, ENAMETOOLONG, GW_ERR_INTERNAL, path, "the path of the socket is too long");
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
		int errnum = errno;

		if ((errnum == ENOENT || errnum == ECONNREFUSED) && !gw_netns_place_is_sandbox()) {
			*ret_fd = -1;
			return 0;
		}
		return gw_error_set(err, errnum, GW_ERR_CAPABILITY, path,
				    "the holder of namespaces cannot be reached: %s; start it with 'systemctl start "
				    "gwd-netns.socket' and look at 'systemctl status gwd-netns'",
				    strerror(errnum));
	}
	*ret_fd = gw_take_fd(&fd);
	return 0;
}

/* Takes the descriptor that came with a message; others that might have come are closed. */
static int take_descriptor(struct msghdr *msg)
{
	int taken = -1, fd;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof fd))
			continue;
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
		if (taken >= 0)
			close(taken);
		taken = fd;
	}
	return taken;
}

/* The holder's answer: 0 or a negative errno value of its own, with *ret_fd -1 when none came. */
static int holder_ask(int holder, const struct gw_netns_request *q, int *ret_fd, int *ret_status)
{
	int32_t status;
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = &status, .iov_len = sizeof status};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof control.buf};
	ssize_t n = send(holder, q, sizeof *q, MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	n = recvmsg(holder, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	*ret_fd = take_descriptor(&msg);
	if (n != sizeof status || (msg.msg_flags & MSG_CTRUNC) || status < 0) {
		gw_cleanup_close(ret_fd);
		*ret_fd = -1;
		return -EPROTO;
	}
	*ret_status = -status;
	return 0;
}

static int do_here(enum gw_netns_op op, const char *name, int *ret_fd)
{
	switch (op) {
	case GW_NETNS_ADD:
		return gw_netns_place_add(name, ret_fd);
	case GW_NETNS_GET:
		return gw_netns_place_get(name, ret_fd);
	case GW_NETNS_DELETE:
		return gw_netns_place_delete(name);
	}
	return -ENOSYS;
}

static int request(const char *path, enum gw_netns_op op, const char *name, int *ret_fd, struct gw_error *err)
{
	struct gw_netns_request q = {.op = op};
	_cleanup_close_ int holder = -1, fd = -1;
	int r, status = 0;

	if (snprintf(q.name, sizeof q.name, "%s", name) >= (int)sizeof q.name || !gw_netns_name_valid(q.name))
		return gw_error_set(err, EINVAL, GW_ERR_INTERNAL, name, "not a name of a namespace of gwd");
	r = holder_open(path, &holder, err);
	if (r < 0)
		return r;
	if (holder < 0)
		status = do_here(op, name, &fd);
	else
		r = holder_ask(holder, &q, &fd, &status);
	if (r == 0 && status == 0 && op != GW_NETNS_DELETE && fd < 0)
		r = -EPROTO;
	if (r < 0)
		return gw_error_set(err, -r, GW_ERR_INTERNAL, path,
				    "the holder of namespaces does not answer: %s: see gwd-netns.socket", strerror(-r));
	if (status < 0)
		return gw_error_set(err, -status, GW_ERR_INTERNAL, name, "network namespace: %s", strerror(-status));
	if (ret_fd)
		*ret_fd = gw_take_fd(&fd);
	return 0;
}

int gw_netns_add(const char *socket_path, const char *name, int *ret_fd, struct gw_error *err)
{
	return request(socket_path, GW_NETNS_ADD, name, ret_fd, err);
}

int gw_netns_get(const char *socket_path, const char *name, int *ret_fd, struct gw_error *err)
{
	return request(socket_path, GW_NETNS_GET, name, ret_fd, err);
}

int gw_netns_delete(const char *socket_path, const char *name, struct gw_error *err)
{
	return request(socket_path, GW_NETNS_DELETE, name, NULL, err);
}
