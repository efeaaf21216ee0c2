/* principal.h - who asks: what the transport has found out about the sender of a request. */
#ifndef GW_MODEL_PRINCIPAL_H
#define GW_MODEL_PRINCIPAL_H

#include "model/token.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_PRINCIPAL_NAMELEN   65 /* of tokens, certificates and their subjects, with the NUL */
#define GW_PRINCIPAL_TENANTLEN 65
#define GW_TENANT_MAX	       63 /* letters, digits, '-' and '_' of a tenant's id */

/* X-macro: name in the API. What each may do is a column of the API's table of routes. */
#define GW_ACCESSES(X)                                                                                                 \
	X(NONE, "none")		/* nobody in particular: nothing was proved */                                         \
	X(OPERATOR, "operator") /* runs this node */                                                                   \
	X(TENANT, "tenant")	/* sees and changes what is the tenant's */                                            \
	X(HOST, "host")		/* a node that a controller manages */                                                 \
	X(MONITOR, "monitor")	/* sees everything, changes nothing */

enum gw_access {
#define X(id, name) GW_ACCESS_##id,
	GW_ACCESSES(X)
#undef X
		GW_ACCESS_MAX
};

/*
 * How it was proved: by the place it came from (the unix socket, [api] auth = none), by a token, by a client certificate; or by the
 * one-time token of a machine that becomes a node, whose access is none: it is for that alone.
 */
enum gw_proof { GW_PROOF_PLACE, GW_PROOF_TOKEN, GW_PROOF_CERTIFICATE, GW_PROOF_ENROLLMENT };

struct gw_principal {
	enum gw_access access;
	char tenant[GW_PRINCIPAL_TENANTLEN]; /* empty unless access is TENANT */
	char name[GW_PRINCIPAL_NAMELEN];     /* for logs: of the token, of the certificate, or how it came in */
	enum gw_proof proof;
	char credential[GW_PRINCIPAL_NAMELEN]; /* name of the entry of what was shown */
	uint64_t revision;		       /* of that entry: another one has another */
	struct gw_token_hash certificate;      /* that was shown: its SHA-256 */
};

/*
 * As the audit log names him: a token by its name, a certificate by its subject as "CN=gw1", which no token can be called; who needs
 * no credential by how he came in; a machine that becomes a node as "enrollment=gw1".
 */
#define GW_DOER_STRLEN (GW_PRINCIPAL_NAMELEN + 11)
const char *gw_principal_format(const struct gw_principal *who, char buf[static GW_DOER_STRLEN]);

const char *gw_access_name(enum gw_access access);
/* Any letter case; NONE is not among them. -EINVAL. */
int gw_access_parse(const char *name, enum gw_access *ret);
/* The one rule for ids of tenants, wherever they come from: credentials, queries, bodies, references. */
bool gw_tenant_valid(const char *tenant);

#endif
