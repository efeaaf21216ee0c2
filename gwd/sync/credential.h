/*
 * credential.h - what a node is known by to its controller, and knows it by: files in state_dir that enrolling makes and renewal
 * replaces. All of them change together: what is to be is written down whole before the first of them is touched, and done again
 * after a crash.
 *
 *     controller.urls    where the controller is, as [controller] urls
 *     controller.crt     the node's certificate; its common name is what the node is called there
 *     controller.key     its private key
 *     controller-ca.crt  the authority that the controller's certificate comes from
 *     controller.next    what the other four are to be; there only while they change
 */
#ifndef GW_SYNC_CREDENTIAL_H
#define GW_SYNC_CREDENTIAL_H

#include "base/error.h"
#include "model/config.h"
#include "model/principal.h"

/* Texts, owned; PEM but for the first. */
struct gw_credential {
	char *urls, *certificate, *key, *ca;
};

void gw_credential_done(struct gw_credential *c);
#define _cleanup_credential_ __attribute__((cleanup(gw_credential_done)))

/* -ENOENT, and `err` left to the caller, when the node was never enrolled. */
int gw_credential_load(const struct gw_config *config, struct gw_credential *ret, struct gw_error *err);
int gw_credential_store(const struct gw_config *config, const struct gw_credential *c, struct gw_error *err);
/* Comes to the end of what a crash has interrupted. Before anybody reads the files. */
int gw_credential_recover(const struct gw_config *config, struct gw_error *err);
/* A file of one of these, owned. */
int gw_credential_slurp(const char *path, char **ret, struct gw_error *err);
/* STATE_DIR/controller.crt and so on. */
void gw_credential_path(const struct gw_config *config, const char *name, char ret[static GW_PATHLEN + 32]);

/* A new key, and a request for a certificate of it; both owned. */
int gw_credential_request(char **ret_key, char **ret_request, struct gw_error *err);
/* Whether what a controller has answered is a certificate for that key and that server, which is good now. */
int gw_credential_check(const char *certificate, const char *key, const char *server, struct gw_error *err);
/* The one certificate that a text has, as it is to be trusted (owned), and its SHA-256. -EINVAL when it has none. */
int gw_credential_authority(const char *text, char **ret_pem, struct gw_token_hash *ret, struct gw_error *err);

/* What a certificate says. */
struct gw_credential_facts {
	char server[GW_PRINCIPAL_NAMELEN];
	int64_t from, until;
	struct gw_token_hash fingerprint;
};
int gw_credential_read(const char *certificate, struct gw_credential_facts *ret, struct gw_error *err);

#endif
