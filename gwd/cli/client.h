/* client.h - gwctl's side of the HTTP API: one daemon, one request at a time. The only user of libcurl here.
 */
#ifndef GW_CLI_CLIENT_H
#define GW_CLI_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define GW_CLI_DEFAULT_API "unix:/run/gwd/api.sock"
#define GW_CLI_API_ROOT	   "/networking/v1"
#define GW_CLI_BATCH_MAX   ((size_t)16 << 20) /* the daemon's own limit: saying so before sending is kinder */

struct gw_cli_client;

struct gw_cli_request {
	const char *method, *path; /* path and query, percent-encoded */
	const char *body;	   /* JSON text, or NULL */
	size_t body_len;
	const char *if_match; /* an etag, or NULL */
	bool raw;	      /* bodies are bytes, no JSON */
	bool anew;	      /* on a connection of its own; that nobody is there is not told */
};

struct gw_cli_response {
	long status;
	json_t *body;	 /* NULL when there was none */
	const char *raw; /* of a raw request that was granted; good until the next call */
	size_t raw_len;
	char *operation; /* the path where the change can be followed; NULL: none */
};

struct gw_cli_address {
	char *name;		 /* owned; "unix:PATH", "https://HOST:PORT": for requests and messages */
	const char *socket_path; /* points into what was parsed; NULL: over the network */
	bool tls;
};

/*
 * Which daemon: `option` (--api), else `environment` (GWD_API), else the default. 0; or -EINVAL and the reason in *ret_error,
 * owned by the caller.
 */
int gw_cli_api_address(const char *option, const char *environment, struct gw_cli_address *ret, char **ret_error);

/* What a daemon on the network is shown, and how it is known. Files, and NULL for what there is not. */
struct gw_cli_credentials {
	const char *ca, *cert, *key;
	char *token; /* owned */
};

/* Adds the token: `token` (--token), the word in `token_file` (--token-file), else `environment` (GWD_TOKEN). As above; -EIO when it has
 * been said already. */
int gw_cli_credentials(const char *token, const char *token_file, const char *environment,
		       struct gw_cli_credentials *ret, char **ret_error);

/* Both must outlive it. */
struct gw_cli_client *gw_cli_client_new(const struct gw_cli_address *address, const struct gw_cli_credentials *show);
struct gw_cli_client *gw_cli_client_free(struct gw_cli_client *c);
/* No call takes longer than that from here on. */
void gw_cli_client_hurry(struct gw_cli_client *c, long seconds);

/*
 * 0 when the daemon answered, whatever its status; *ret must be given to gw_cli_response_done. Otherwise a
 * negative errno, and the reason has been printed.
 */
int gw_cli_call(struct gw_cli_client *c, const struct gw_cli_request *req, struct gw_cli_response *ret);
void gw_cli_response_done(struct gw_cli_response *r);
/* A call whose answer must be 2xx: else prints the daemon's reason and returns -EREMOTEIO. */
int gw_cli_call_ok(struct gw_cli_client *c, const struct gw_cli_request *req, struct gw_cli_response *ret);
/* The same, of a PUT. */
int gw_cli_put(struct gw_cli_client *c, const char *path, const json_t *body, struct gw_cli_response *ret);
/* Prints the reason of a refusal; returns 1. */
int gw_cli_refused(const struct gw_cli_response *r);

#define _cleanup_response_ __attribute__((cleanup(gw_cli_response_done)))

/* The refusal as one line: "InvalidProperty at properties.VirtualSubnetID: ...". */
char *gw_cli_reason(const struct gw_cli_response *r);
/* The path and query of a nextLink, made safe to request: NULL when it is none of ours. */
char *gw_cli_link_path(const char *link);
/* "a/b" as "a%2Fb". */
char *gw_cli_percent_encode(const char *s);

#endif
