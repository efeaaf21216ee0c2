/* status.h - what the files of `gwctl status` have in common. */
#ifndef GW_CLI_STATUS_H
#define GW_CLI_STATUS_H

#include <jansson.h>
#include <stdbool.h>

/* status_gateway.c: of "virtualGateways"; nothing where there are none. */
void gw_cli_show_gateways(const json_t *gateways, bool wide);

#endif
