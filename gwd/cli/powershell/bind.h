/*
 * bind.h - which value belongs to which parameter of a cmdlet, by PowerShell's rules: letter case makes no difference,
 * a name may be shortened as long as it is the only one, what has no name goes by its position.
 */
#ifndef GW_CLI_PS_BIND_H
#define GW_CLI_PS_BIND_H

#include "cli/powershell/script.h"

/* A table of them ends with a row without name. Parameters that all cmdlets have are known beside it. */
struct gw_ps_parameter {
	const char *name, *alias; /* a second alias stands behind a comma */
	bool is_switch;
	bool required;
	unsigned position; /* from 1; 0: only by its name */
	int use, id;	   /* for the table's owner */
	const char *why;   /* likewise */
};

struct gw_ps_bound {
	const struct gw_ps_token *at; /* NULL: not given */
	struct gw_ps_value value;     /* of a switch: a truth */
};

/*
 * `bound` has a place for each row. What does not fit does not stop it: the first error is returned in *ret_error, with
 * its place, NULL when there is none; what else could be bound has been bound.
 */
void gw_ps_bind(struct gw_ps *ps, const struct gw_ps_command *c, const struct gw_ps_parameter *table,
		struct gw_ps_bound *bound, const struct gw_ps_token **ret_at, const char **ret_error);

#endif
