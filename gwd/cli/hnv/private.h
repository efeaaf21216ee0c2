/*
 * private.h - what the files that turn a script into records share: script.c (the whole), host.c, cmdlet.c (those
 * that make no records), table.c and record.c (those that do).
 */
#ifndef GW_CLI_HNV_PRIVATE_H
#define GW_CLI_HNV_PRIVATE_H

#include "base/hmap.h"
#include "cli/hnv/script.h"
#include "cli/powershell/bind.h"

/* The machines that a statement is for. */
struct gw_hnv_hosts {
	const char *const *names;
	size_t n;	 /* 0: the one that runs the script */
	const char *why; /* not NULL: they are not known */
};

/* What the cmdlets that are evaluated return. */
enum gw_hnv_object_type {
	GW_HNV_ADAPTER,	      /* of Get-NetAdapter */
	GW_HNV_ADAPTER_INDEX, /* its InterfaceIndex */
	GW_HNV_VM_ADAPTER,    /* of Get-VMNetworkAdapter */
	GW_HNV_SESSION	      /* with machines */
};

struct gw_hnv_object {
	enum gw_hnv_object_type type;
	struct gw_hnv_hosts hosts;
	const char *name; /* of an adapter; the MAC address of a VM's; NULL: not known */
	unsigned line;
};

struct gw_hnv_named_host {
	const char *name;
	unsigned line;	/* the first that names it */
	unsigned lines; /* that make records there */
};

struct gw_hnv_reader {
	struct gw_hnv_script *script;
	const char *host;
	bool local; /* `host` is the machine that runs the script */
	const struct gw_cli_pair *pairs;
	size_t n_pairs;
	uint8_t *pair_used;

	struct gw_hnv_hosts hosts; /* where what is being run is running */
	struct gw_hnv_named_host *named;
	size_t n_named, room_named;
	struct gw_hmap keys;		     /* of the records */
	const struct gw_ps_token **rewrites; /* the lines that want IP rewrite */
	size_t n_rewrites;
};

/* host.c */
bool gw_hnv_is_local_name(const char *s);
/* The machines of a parameter's value. < 0 after gw_ps_refuse. */
int gw_hnv_hosts_of(struct gw_hnv_reader *r, struct gw_ps *ps, const struct gw_ps_value *v, struct gw_hnv_hosts *ret);
bool gw_hnv_same_hosts(const struct gw_hnv_hosts *a, const struct gw_hnv_hosts *b);
/* "ml110g6-01 and ml110g6-02"; "the machine that runs the script". */
const char *gw_hnv_hosts_text(struct gw_ps *ps, const struct gw_hnv_hosts *hosts);

/* cmdlet.c */
bool gw_hnv_is_cmdlet(const char *name);
int gw_hnv_run_cmdlet(struct gw_hnv_reader *r, struct gw_ps *ps, const struct gw_ps_command *c,
		      struct gw_ps_value *ret);
bool gw_hnv_member(struct gw_cli_arena *arena, const struct gw_ps_value *of, const char *name, struct gw_ps_value *ret);
const struct gw_hnv_object *gw_hnv_object_of(const struct gw_ps_value *v, enum gw_hnv_object_type type);

/* table.c */
#define GW_HNV_PARAMETERS_MAX 64 /* of one cmdlet */

/* What becomes of a parameter. */
enum gw_hnv_use {
	GW_HNV_USE_IGNORED = 1, /* says nothing about packets */
	GW_HNV_USE_REFUSED,	/* says something that no record can */
	GW_HNV_USE_PROPERTY,	/* of the record: `id` is the option of gwctl that sets it */
	GW_HNV_USE_RULE,
	GW_HNV_USE_TRUTH,     /* a property that is true or false */
	GW_HNV_USE_TAG,	      /* VlanID */
	GW_HNV_USE_INTERFACE, /* InterfaceIndex */
	GW_HNV_USE_METRIC,    /* of a provider route: records have none */
	GW_HNV_USE_HOSTS,
	GW_HNV_USE_ADAPTER,    /* -VMNetworkAdapter */
	GW_HNV_USE_ADAPTER_MAC /* -StaticMacAddress */
};

struct gw_hnv_cmdlet {
	const char *name;
	const char *word, *verb; /* of the gwctl command that makes the same record */
	const struct gw_ps_parameter *parameters;
	bool is_port;
};

const struct gw_hnv_cmdlet *gw_hnv_find_cmdlet(const char *name); /* NULL: it makes no records */
bool gw_hnv_makes_records(const char *name);

/* record.c */
/* 1: it has nothing to do with virtual subnets. */
int gw_hnv_run_record(struct gw_hnv_reader *r, struct gw_ps *ps, const struct gw_ps_command *c);
/* FWD-10: names all lines that want what no record can express yet. */
int gw_hnv_refuse_rewrites(struct gw_hnv_reader *r);

#endif
