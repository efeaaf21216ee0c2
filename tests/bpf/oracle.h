/* oracle.h - what the engine's pinned maps should hold for an intent, found the slow and obvious way. */
#ifndef GW_TESTS_BPF_ORACLE_H
#define GW_TESTS_BPF_ORACLE_H

#include "harness.h"

#include "model/config.h"
#include "model/intent.h"
#include "nl/nl.h"

/* Fails the test, naming `what`, when one of the maps below the configuration's bpf_dir/name differs. */
void oracle_compare(const struct gw_intent *in, struct gw_nl *nl, const struct gw_config *config, const char *what);
/* Adds n to every counter of the port with this ifindex, as the programs would. */
void oracle_count(const char *bpf_dir, const char *node, uint32_t ifindex, uint64_t n);

#endif
