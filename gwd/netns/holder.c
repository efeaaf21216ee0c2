/*
 * holder.c - gwd-netns, the program that makes, gives out and deletes named network namespaces (netns.h) as place.c does. It keeps
 * nothing in memory, so that this process may come and go as well.
 *
 * It is started by its socket (gwd-netns.socket), or by hand with the path of a socket to make.
 */
#include "netns/place.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#define PATIENCE_SECONDS 1

static int serve(const struct gw_netns_request *q, int *ret_fd)
{
	if (!gw_netns_name_valid(q->name))
		return -EINVAL;
	switch (q->op) {
	case GW_NETNS_ADD:
		return gw_netns_place_add(q->name, ret_fd);
	case GW_NETNS_GET:
		return gw_netns_place_get(q->name, ret_fd);
	case GW_NETNS_DELETE:
		return gw_netns_place_delete(q->name);
	}
	return -ENOSYS;
}

static void answer(int client, int32_t status, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = &status, .iov_len = sizeof status};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof control.buf;
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof fd);
	}
	if (sendmsg(client, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		fprintf(stderr, "an answer was not taken: %s\n", strerror(errno));
}

/* Only root asks: the socket is root's, and who it was passed to is looked at too. */
static void converse(int client)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	struct gw_netns_request q;
	struct ucred peer = {.uid = -1};
	socklen_t len = sizeof peer;
	_cleanup_close_ int fd = -1;
	ssize_t n;
	int r;

	if (setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
		return;
	n = recv(client, &q, sizeof q, MSG_TRUNC);
	if (n <= 0)
		return;
	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != 0)
		r = -EPERM;
	else
		r = n == sizeof q ? serve(&q, &fd) : -EBADMSG;
	answer(client, -r, fd);
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path) >= (int)sizeof addr.sun_path)
		return -ENAMETOOLONG;
	if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	return gw_take_fd(&fd);
}

int main(int argc, char **argv)
{
	int listener;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		fputs("Usage: gwd-netns [SOCKET]\nHolds network namespaces for gwd. Without SOCKET the service manager "
		      "passes one.\n",
		      stderr);
		return 2;
	}
	umask(0077);
	if (argc == 2)
		listener = listen_at(argv[1]);
	else
		listener = sd_listen_fds(1) == 1 ? SD_LISTEN_FDS_START : -ENOTCONN;
	if (listener < 0) {
		fprintf(stderr, "gwd-netns: no socket to listen on: %s\n", strerror(-listener));
		return 1;
	}
	sd_notify(0, "READY=1");
	for (;;) {
		_cleanup_close_ int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (client >= 0)
			converse(client);
		else if (errno != EINTR && errno != ECONNABORTED) {
			fprintf(stderr, "gwd-netns: cannot accept: %s\n", strerror(errno));
			return 1;
		}
	}
}
