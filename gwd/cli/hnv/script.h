/*
 * script.h - what a Hyper-V PowerShell script says about one host, as low-level records (API-2, FWD-7).
 *
 * Pure: no file, no daemon. Either all that the script does to the host's network virtualization is in the records, or it is
 * refused with the place, the cause and the remedy.
 */
#ifndef GW_CLI_HNV_SCRIPT_H
#define GW_CLI_HNV_SCRIPT_H

#include "cli/args.h"
#include "cli/powershell/script.h"

#include <jansson.h>

struct gw_hnv_record {
	const struct gw_cli_kind *kind;
	const char *id;
	json_t *body;		      /* {"properties": {...}} */
	const struct gw_ps_token *at; /* the cmdlet that says it */
};

struct gw_hnv_script {
	struct gw_ps_source source; /* why it was refused: source.error; line 0 there: the script as a whole */
	struct gw_hnv_record *records;
	size_t n, room;
	/* For people, who should know what was left out and why. */
	const char **notes;
	size_t n_notes;
};

/*
 * `host` as the script names it; "localhost" for the lines that name none. `pairs`: what network adapters
 * (GW_CLI_OPT_NIC) and the network cards of VMs (GW_CLI_OPT_VM_PORT) are called here. *s is zeroed before. 0 or -EINVAL; call
 * gw_hnv_script_done in both cases.
 */
int gw_hnv_script_read(struct gw_hnv_script *s, const void *data, size_t size, const char *host,
		       const struct gw_cli_pair *pairs, size_t n_pairs);
/* [{"method": "PUT", "path": ..., "body": ...}, ...], as POST /hnv/batch takes it. */
json_t *gw_hnv_script_batch(const struct gw_hnv_script *s);
void gw_hnv_script_done(struct gw_hnv_script *s);

#endif
