/* socket.h - the API's listening sockets. */
#ifndef GW_API_SOCKET_H
#define GW_API_SOCKET_H

#include "base/error.h"
#include "model/listen.h"

#include <stdbool.h>

/* Listens on an address, be it that it comes to this machine later. IPv6 is IPv6 only, so that 0.0.0.0 may stand beside ::. */
int gw_api_socket_listen_tcp(const struct gw_listen *place, int *ret_fd, struct gw_error *err);
/* Makes `path` a listening socket, mode 0600. What a dead process left there is replaced; one that answers is not. */
int gw_api_socket_listen(const char *path, int *ret_fd, struct gw_error *err);
/* May the process at the other end operate this node? Root and our own user may. */
bool gw_api_socket_peer_is_operator(int fd);

#endif
