/* socket.c - see socket.h. Called by api.c, and by http.c about a client. */
#include "api/socket.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 512 /* clients that do not block see an error when it is full */

/* Removes a socket file that nobody listens on any more. */
static int remove_stale(const struct sockaddr_un *sa, struct gw_error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(sa->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return gw_error_set(err, EEXIST, GW_ERR_UNAVAILABLE, sa->sun_path,
				    "is there and is no socket: remove it, or name another path in [api] listen");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, sa->sun_path, "cannot make a socket: %s",
				    strerror(errno));
	/* EAGAIN: its queue is full, so somebody has it. */
	if (connect(fd, (const struct sockaddr *)sa, sizeof *sa) == 0 || errno == EAGAIN)
		return gw_error_set(err, EADDRINUSE, GW_ERR_UNAVAILABLE, sa->sun_path,
				    "another process answers on it: end it, or name another path in [api] listen");
	if (errno != ECONNREFUSED)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, sa->sun_path,
				    "cannot tell whether it is in use: %s", strerror(errno));
	if (unlink(sa->sun_path) < 0 && errno != ENOENT)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, sa->sun_path, "cannot remove the stale socket: %s",
				    strerror(errno));
	return 0;
}

int gw_api_socket_listen(const char *path, int *ret_fd, struct gw_error *err)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	size_t n = strlen(path);
	int r;

	if (n == 0 || n >= sizeof sa.sun_path)
		return gw_error_set(err, ENAMETOOLONG, GW_ERR_UNAVAILABLE, path,
				    "a socket's path has 1 to %zu bytes: change [api] listen", sizeof sa.sun_path - 1);
	memcpy(sa.sun_path, path, n);
	r = remove_stale(&sa, err);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Before bind, the mode of the descriptor becomes that of the file: nobody can get in meanwhile. */
	if (fd < 0 || fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path, "cannot listen: %s", strerror(errno));
	*ret_fd = gw_take_fd(&fd);
	return 0;
}

int gw_api_socket_listen_tcp(const struct gw_listen *place, int *ret_fd, struct gw_error *err)
{
	bool v4 = gw_addr_is_v4(&place->addr);
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(place->port),
		.sin_addr.s_addr = htonl(v4 ? gw_addr_to_v4(&place->addr) : 0),
	};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(place->port)};
	_cleanup_close_ int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;

	memcpy(&in6.sin6_addr, place->addr.b, sizeof in6.sin6_addr);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on) < 0 ||
	    (!v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
	    bind(fd, v4 ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6, v4 ? sizeof in : sizeof in6) <
		    0 ||
	    listen(fd, BACKLOG) < 0)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, place->text,
				    "cannot listen: %s; end what listens there, or change [api] listen",
				    strerror(errno));
	*ret_fd = gw_take_fd(&fd);
	return 0;
}

bool gw_api_socket_peer_is_operator(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || n != sizeof peer)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}
