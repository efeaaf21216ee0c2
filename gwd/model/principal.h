/* principal.h - who asks: what the transport has found out about the sender of a request. */
#ifndef GW_MODEL_PRINCIPAL_H
#define GW_MODEL_PRINCIPAL_H

#define GW_PRINCIPAL_NAMELEN   65 /* of tokens, certificates and their subjects, with the NUL */
#define GW_PRINCIPAL_TENANTLEN 65

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

struct gw_principal {
	enum gw_access access;
	char tenant[GW_PRINCIPAL_TENANTLEN]; /* empty unless access is TENANT */
	char name[GW_PRINCIPAL_NAMELEN];     /* for logs: of the token, of the certificate, or how it came in */
};

const char *gw_access_name(enum gw_access access);
/* Any letter case; NONE is not among them. -EINVAL. */
int gw_access_parse(const char *name, enum gw_access *ret);

#endif
