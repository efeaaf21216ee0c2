/* value.h - option values: checked only as far as that gives a better message than the daemon's, and made canonical. */
#ifndef GW_CLI_VALUE_H
#define GW_CLI_VALUE_H

#include "cli/commands.h"

#include <jansson.h>

/* 0 and the canonical text, owned by the caller; -EINVAL and the reason in *ret_reason, also owned by the caller. */
int gw_cli_value_parse(const struct gw_cli_option *o, const char *s, char **ret, char **ret_reason);
/* A canonical text as it goes into a request: numbers as integers, words as what they stand for. */
json_t *gw_cli_value_json(const struct gw_cli_option *o, const char *canonical);
/* Does a value from the daemon say the same as this canonical text? */
bool gw_cli_value_matches(const struct gw_cli_option *o, const char *canonical, const json_t *value);
/* The word for a value of the daemon's ("encap"), NULL when there is none. */
const char *gw_cli_value_word(const struct gw_cli_option *o, const json_t *value);
/* "encap, nat or none" */
char *gw_cli_value_choices(const struct gw_cli_option *o);

#endif
