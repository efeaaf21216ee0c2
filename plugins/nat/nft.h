/*
 * nft.h - one virtual gateway's ruleset in the kernel, over nfnetlink in its namespace: brought to what a plan says in one
 * transaction, left alone when it is so already, watched for changes by others. Called by plugin.c.
 */
#ifndef GW_NAT_NFT_H
#define GW_NAT_NFT_H

#include "nat/ruleset.h"

struct nat_nft;
struct mnl_socket;

struct nat_counts {
	uint64_t packets, bytes;
};

/* Tables in the namespace that are not ours. */
struct nat_others {
	size_t n;
	char first[64]; /* of those the first by name, as nft(8) would have it named: "ip filter" */
};

/* What bringing it there came to. */
struct nat_done {
	size_t written;	       /* messages of the transaction; 0: it was as it should be */
	size_t added, removed; /* elements */
	bool rebuilt;	       /* all anew: it was not there, or not ours, or damaged */
	bool found;	       /* a table was there */
	bool unswept;	/* connections of rules that are gone may be there, from before or by this: nat_nft_swept */
	bool disturbed; /* somebody else has changed something meanwhile */
	struct nat_others others;
};

/* Sockets in that namespace, which live on when its name goes. */
int nat_nft_open(int ns_fd, struct nat_nft **ret, struct gw_error *err);
struct nat_nft *nat_nft_close(struct nat_nft *n);
int nat_nft_fd(const struct nat_nft *n);		      /* that is readable when somebody has changed a ruleset */
struct mnl_socket *nat_nft_requests(const struct nat_nft *n); /* for requests of other kinds, one at a time */

/* `full`: which new connections are refused, as bits (NAT_FULL). */
int nat_nft_bring(struct nat_nft *n, const struct nat_plan *plan, const struct nat_params *params, unsigned full,
		  struct nat_done *ret, struct gw_error *err);
/* When it is as it should be but that `was` are refused. */
int nat_nft_full(struct nat_nft *n, const struct nat_params *params, unsigned was, unsigned full, struct gw_error *err);
/* Those connections have ended: so the next process need not look for them. */
int nat_nft_swept(struct nat_nft *n, struct gw_error *err);
/* Reads the counters of the ruleset. */
int nat_nft_count(struct nat_nft *n, struct nat_counts ret[static NAT_COUNTERS_MAX], struct gw_error *err);
/* How many connections each of the plan's rules (as in plan->rules) began. `maps`: nat_plan_maps of the plan, whose elements it needs not have. */
int nat_count_rules(struct mnl_socket *s, uint32_t maps, const struct nat_plan *plan, uint64_t *ret_rules);
/* Takes in what has been told. True when somebody else has changed something; *ret_who is whose process it was. */
bool nat_nft_changed(struct nat_nft *n, char ret_who[static 32]);

#endif
