/*
 * commands.h - what gwctl understands: the tables of options, record kinds and commands. Parsing, --help, usage errors,
 * completion and the JSON that is sent all come from their rows; nothing else lists a command or an option.
 */
#ifndef GW_CLI_COMMANDS_H
#define GW_CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which usage lines show them. */
enum gw_cli_opt {
	GW_CLI_OPT_API,
	GW_CLI_OPT_AUTHORITY,
	GW_CLI_OPT_CERT,
	GW_CLI_OPT_KEY,
	GW_CLI_OPT_TOKEN,
	GW_CLI_OPT_TOKEN_FILE,
	GW_CLI_OPT_HELP,
	GW_CLI_OPT_VERSION,
	GW_CLI_OPT_FILE,
	GW_CLI_OPT_HOST,
	GW_CLI_OPT_NIC,
	GW_CLI_OPT_VM_PORT,
	GW_CLI_OPT_DRY_RUN,
	GW_CLI_OPT_WAIT,
	GW_CLI_OPT_SUBJECT,
	GW_CLI_OPT_ROLE,
	GW_CLI_OPT_TENANT,
	GW_CLI_OPT_AFTER,
	GW_CLI_OPT_VALID,
	GW_CLI_OPT_RDID,
	GW_CLI_OPT_INTERFACE,
	GW_CLI_OPT_VSID,
	GW_CLI_OPT_CA,
	GW_CLI_OPT_PA,
	GW_CLI_OPT_MAC,
	GW_CLI_OPT_RULE,
	GW_CLI_OPT_ENCAPSULATION,
	GW_CLI_OPT_TYPE,
	GW_CLI_OPT_VM_NAME,
	GW_CLI_OPT_CUSTOMER_ID,
	GW_CLI_OPT_ADDRESS,
	GW_CLI_OPT_PREFIX,
	GW_CLI_OPT_PREFIX_LENGTH,
	GW_CLI_OPT_NEXTHOP,
	GW_CLI_OPT_METRIC,
	GW_CLI_OPT_ALLOW_FORWARDING,
	GW_CLI_OPT_CA6,
	GW_CLI_OPT_PREFIX_LENGTH6,
	GW_CLI_OPT_PUBLIC_PREFIX,
	GW_CLI_OPT_DIRECTION,
	GW_CLI_OPT_NAT_PROTOCOL,
	GW_CLI_OPT_PUBLIC,
	GW_CLI_OPT_FIRST_PORT,
	GW_CLI_OPT_PORTS,
	GW_CLI_OPT_CUSTOMER,
	GW_CLI_OPT_CUSTOMER_PORT,
	GW_CLI_OPT_IDLE,
	GW_CLI_OPT_CONNECTION,
	GW_CLI_OPT_WAY_TYPE,
	GW_CLI_OPT_VLAN,
	GW_CLI_OPT_SOURCE,
	GW_CLI_OPT_DESTINATION,
	GW_CLI_OPT_GRE_KEY,
	GW_CLI_OPT_OUTBOUND,
	GW_CLI_OPT_INBOUND,
	GW_CLI_OPT_WAY_ADDRESS,
	GW_CLI_OPT_PEER,
	GW_CLI_OPT_PORT,
	GW_CLI_OPT_DST,
	GW_CLI_OPT_SRC,
	GW_CLI_OPT_PROTO,
	GW_CLI_OPT_SPORT,
	GW_CLI_OPT_DPORT,
	GW_CLI_OPT_SIZE,
	GW_CLI_OPT_DST_MAC,
	GW_CLI_OPT_TTL,
	GW_CLI_OPT_DF,
	GW_CLI_OPT_OUTPUT,
	GW_CLI_OPT_MAX
};

typedef unsigned __int128 gw_cli_opts; /* a set of them */
#define GW_CLI_OPT(id) ((gw_cli_opts)1 << GW_CLI_OPT_##id)
_Static_assert(GW_CLI_OPT_MAX < 128, "gw_cli_opts is a bit set");

/* How the value of an option is checked and brought into its canonical form (value.c). */
enum gw_cli_type {
	GW_CLI_FLAG,
	GW_CLI_TEXT,
	GW_CLI_FILE,
	GW_CLI_IFNAME,
	GW_CLI_NUMBER,
	GW_CLI_ADDRESS,
	GW_CLI_PREFIX,
	GW_CLI_MAC,
	GW_CLI_UUID,
	GW_CLI_WORD,	 /* one of `words` */
	GW_CLI_PROTOCOL, /* one of `words`, or a number up to `max` */
	GW_CLI_DURATION, /* 30s, 500ms, 2m or seconds; canonical in milliseconds */
	GW_CLI_PAIR	 /* KEY=NAME with a key of type `key`; may be given several times */
};

/* A word on the command line and what it stands for in JSON. */
struct gw_cli_word {
	const char *word, *value;
};

/* Two may have one name, as long as no command takes both. */
struct gw_cli_option {
	const char *name, *arg; /* "vsid", "VSID" */
	char letter;		/* 'o' for -o, which then is the form that help shows */
	enum gw_cli_type type;
	uint32_t max; /* of a number */
	const struct gw_cli_word *words;
	enum gw_cli_type key; /* of a pair */
	const char *absent;   /* in a key, where it is not given; NULL: it has to be */
	const char *help;
};

extern const struct gw_cli_option gw_cli_options[GW_CLI_OPT_MAX];

enum gw_cli_property_flags {
	GW_CLI_KEY = 1,	 /* part of the id */
	GW_CLI_NEED = 2, /* `add` wants it */
	GW_CLI_WIDE = 4, /* shown by -o wide only */
	GW_CLI_LIVE = 8, /* read-only, comes from the daemon; no option */
	GW_CLI_NONE = 16 /* shown as absent when it is 0 */
};

struct gw_cli_property {
	const char *name, *title; /* in JSON; above its column */
	enum gw_cli_opt opt;
	unsigned flags;
};

/* One kind of low-level record. Key properties stand in the order in which the id joins them. */
struct gw_cli_kind {
	const char *singular, *path; /* "lookup record", "lookupRecords" */
	struct gw_cli_property properties[14];
};

enum gw_cli_shape {
	GW_CLI_PLAIN,  /* options as the command's row says */
	GW_CLI_ADD,    /* those of the record kind: key and needed ones are required */
	GW_CLI_DELETE, /* key options, or the id as operand */
	GW_CLI_LIST    /* all are filters */
};

struct gw_cli_args;
struct gw_cli_client;

struct gw_cli_command {
	const char *word, *verb; /* verb NULL: a command of one word */
	const char *operand;	 /* "SCRIPT", "KIND [ID]": one or two; "[...]" when it may be left out */
	const char *help;
	enum gw_cli_shape shape;
	const struct gw_cli_kind *kind;
	gw_cli_opts required, optional; /* beyond what the shape adds */
	bool local;			/* needs no daemon: `client` is NULL */
	bool reads_file;		/* the operand is the name of one */
	/* For the shell's completion: prints what may come behind these `n` operands; `args` has the options, unchecked. */
	void (*complete)(const char *const *operands, size_t n, const struct gw_cli_args *args);
	/* Returns the exit status. */
	int (*run)(const struct gw_cli_args *args, struct gw_cli_client *client);
};

extern const struct gw_cli_command gw_cli_commands[];
extern const size_t gw_cli_n_commands;

/* Options that every command takes. */
#define GW_CLI_GLOBAL_OPTS                                                                                             \
	(GW_CLI_OPT(API) | GW_CLI_OPT(AUTHORITY) | GW_CLI_OPT(CERT) | GW_CLI_OPT(KEY) | GW_CLI_OPT(TOKEN) |            \
	 GW_CLI_OPT(TOKEN_FILE) | GW_CLI_OPT(HELP))

gw_cli_opts gw_cli_required(const struct gw_cli_command *c);
gw_cli_opts gw_cli_optional(const struct gw_cli_command *c);

/* One for each command; records.c, access.c, enroll.c, status.c, trace.c, backup.c, misc.c, help.c, hnv/import.c, resource/get.c, resource/apply.c. */
int gw_cli_run_add(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_delete(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_list(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_access_add(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_access_delete(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_access_list(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_server_enroll(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_enroll(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_status(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_trace(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_backup(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_restore(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_audit(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_batch(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_import(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_apply(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_get(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_remove(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_version(const struct gw_cli_args *args, struct gw_cli_client *client);
int gw_cli_run_help(const struct gw_cli_args *args, struct gw_cli_client *client);

void gw_cli_complete_get(const char *const *operands, size_t n, const struct gw_cli_args *args);
void gw_cli_complete_server(const char *const *operands, size_t n, const struct gw_cli_args *args);
void gw_cli_complete_resource(const char *const *operands, size_t n, const struct gw_cli_args *args);

#endif
