/*
 * config.h - the node's configuration file as a struct; one table row per key (config.c) drives parsing, range check,
 * default, --check-config and the check of gwd.conf(5) and configs/gwd.conf against the code.
 */
#ifndef GW_MODEL_CONFIG_H
#define GW_MODEL_CONFIG_H

#include "base/error.h"
#include "base/log.h"
#include "model/hnv.h"
#include "model/intent.h"
#include "model/listen.h"

#define GW_PATHLEN	   GW_LISTEN_PATHLEN
#define GW_CONTROLLER_URLS 8

#define GW_VRF_LIMIT_MAX 4096 /* that [limits] virtual_gateways may be */

enum { GW_ROLE_HOST = 1, GW_ROLE_GATEWAY = 2, GW_ROLE_CONTROLLER = 4 };
#define GW_ROLES_OF_NODES (GW_ROLE_HOST | GW_ROLE_GATEWAY) /* with either there is something to carry out */

struct gw_config {
	/* [node] */
	char name[64]; /* default: the host name; letters, digits, '-', '.', '_' */
	unsigned roles;
	char state_dir[GW_PATHLEN], run_dir[GW_PATHLEN], plugin_dir[GW_PATHLEN];
	enum gw_log_level log_level;
	/* [api] */
	char listen[512];				/* places for gw_listen_parse, with commas between them */
	char tls_cert[GW_PATHLEN], tls_key[GW_PATHLEN]; /* empty: of our own making, in state_dir */
	char client_ca[GW_PATHLEN];			/* empty: no client certificates */
	bool auth_none;					/* whoever can reach it is operator */
	/* [underlay] */
	char underlay_interface[IFNAMSIZ]; /* empty: only what provider addresses name */
	bool has_underlay_address;
	struct gw_addr underlay_address; /* an own provider address, with its prefix length */
	uint8_t underlay_prefix_len;
	unsigned underlay_mtu; /* 1280..65535 */
	enum gw_encap encap;   /* of records that name none */
	unsigned vxlan_port;   /* 1..65535 */
	unsigned ttl;	       /* 1..255 */
	int dscp;	       /* -1: copy the inner DSCP (uniform); 0..63: fixed (pipe) */
	/* [engine] */
	struct gw_mac router_mac;
	char bpf_dir[GW_PATHLEN]; /* on a bpffs; pins go to bpf_dir/<name> */
	unsigned flow_table_size;
	bool fast_path;
	/* [external] */
	char external_interface[IFNAMSIZ]; /* empty: nothing is outside */
	struct {
		bool has4, has6;
		struct gw_addr v4, v6;
	} next_hop; /* of what virtual gateways send beyond its segment; without: the kernel's routes tell */
	bool clamp_mss;
	unsigned idle_minutes; /* of TCP, for NAT rules that say nothing */
	/* [controller] */
	unsigned vsid_first, vsid_last; /* what is assigned to virtual subnets */
	unsigned certificate_seconds;	/* that one of a node's is good for */
	char controller_urls[1024];	/* for gw_config_url; empty: nobody manages this node */
	char controller_server[64];	/* what it is called there */
	char controller_ca[GW_PATHLEN], controller_cert[GW_PATHLEN], controller_key[GW_PATHLEN]; /* empty: enrolled */
	/* [store] */
	char store_path[GW_PATHLEN + 16];
	unsigned feed_limit, feed_days, audit_limit, audit_days;
	/* [limits] */
	unsigned record_limit, port_limit, route_limit, provider_limit, body_limit, batch_limit;
	unsigned vrf_limit, public_limit, nat_limit, way_limit;
	unsigned tracked_limit, new_rate; /* of connections, for each virtual gateway */
	unsigned resource_limit, tenant_resource_limit, tenant_memory_limit;
	unsigned tenant_public_limit, tenant_mac_limit, tenant_vsid_limit, tenant_route_limit, tenant_nat_limit;
	unsigned body_memory;
	unsigned connection_limit, client_connection_limit, request_rate, login_rate, request_seconds;
};

/* A key as people see it. */
struct gw_config_key {
	const char *section, *name;
	const char *def;  /* as it would be written in the file; "" when the default is that there is none */
	const char *help; /* what it is for and what it accepts */
};

/* Reads `path`; an error's target is "file:line", its message names key, reason and what is allowed. */
int gw_config_load(const char *path, struct gw_config *ret, struct gw_error *err);
int gw_config_parse(const char *text, size_t n, const char *name, struct gw_config *ret, struct gw_error *err);

/*
 * The configuration has been read again. Those who use it keep a pointer to it, so what may change at run time is changed in
 * place; `restart` is told the others, as "[node] name".
 */
void gw_config_renew(struct gw_config *config, const struct gw_config *new, void (*restart)(const char *key));

/* The i-th key that the configuration knows, in the order of the documentation; NULL behind the last. */
const struct gw_config_key *gw_config_key(size_t i);
/* Whether it is a list as [controller] urls; it may be empty. */
bool gw_config_urls_valid(const char *urls);
/* The i-th of such a list; false behind the last. */
bool gw_config_url(const char *urls, size_t i, char *buf, size_t size);
/* The provider address that the configuration names, to be freed; NULL when it names none. */
int gw_config_provider_address(const struct gw_config *config, struct gw_hnv_object **ret);
/* Every count that the intent bounds, from [limits] and [engine] record_limit. */
void gw_config_intent_limits(const struct gw_config *config, struct gw_intent_limits *ret);

#endif
