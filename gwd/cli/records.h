/* records.h - the parts of records.c that need no daemon, for import-hnv and the unit tests. */
#ifndef GW_CLI_RECORDS_H
#define GW_CLI_RECORDS_H

#include "cli/args.h"

#include <jansson.h>

/* "5001-192.168.1.101": the key values, in the kind's order, '/' as '_'. */
char *gw_cli_record_id(const struct gw_cli_kind *kind, char *const value[static GW_CLI_OPT_MAX]);
/* {"properties": {...}} of the given options. */
json_t *gw_cli_record_body(const struct gw_cli_args *args);
/* Does the resource agree with every option that was given? */
bool gw_cli_record_matches(const struct gw_cli_args *args, const json_t *resource);
/* A table of resources, without the properties that have one of the flags `hidden`. */
void gw_cli_records_print(const struct gw_cli_kind *kind, const json_t *resources, unsigned hidden, size_t indent);

#endif
