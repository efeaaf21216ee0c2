/* socket.h - the API's listening unix socket. */
#ifndef GW_API_SOCKET_H
#define GW_API_SOCKET_H

#include "base/error.h"

#include <stdbool.h>

/* Makes `path` a listening socket, mode 0600. What a dead process left there is replaced; one that answers is not. */
int gw_api_socket_listen(const char *path, int *ret_fd, struct gw_error *err);
/* May the process at the other end operate this node? Root and our own user may. */
bool gw_api_socket_peer_is_operator(int fd);

#endif
