/*
 * tls_self.c - the key and certificate of a node that was given none. A controller's is signed by its authority, which its nodes
 * trust, so that another one can take its place; any other is self-signed and no authority. Who wants to be sure of the node
 * compares the fingerprint, or trusts the file. Called by tls.c at the first start.
 */
#include "api/tls.h"

#include "base/cleanup.h"
#include "control/authority.h"
#include "model/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define DAY   (24 * 60 * 60)
#define YEARS 10

static int add_address(gnutls_x509_crt_t crt, const struct gw_addr *a)
{
	bool v4 = gw_addr_is_v4(a);

	return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, a->b + (v4 ? 12 : 0), v4 ? 4 : 16,
						    GNUTLS_FSAN_APPEND);
}

/* Whoever listens everywhere is asked at any of the machine's addresses of the moment. */
static int add_own_addresses(gnutls_x509_crt_t crt, bool v4)
{
	struct ifaddrs *list = NULL;
	int rc = 0;

	if (getifaddrs(&list) < 0)
		return 0;
	for (const struct ifaddrs *i = list; rc >= 0 && i; i = i->ifa_next) {
		struct gw_addr a;

		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			a = gw_addr_from_v4(ntohl(((const struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr));
		else if (i->ifa_addr->sa_family == AF_INET6 && !v4)
			memcpy(a.b, &((const struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, sizeof a.b);
		else
			continue;
		if (!gw_addr_is_link_local(&a))
			rc = add_address(crt, &a);
	}
	freeifaddrs(list);
	return rc;
}

static int add_names(gnutls_x509_crt_t crt, const struct gw_config *config)
{
	struct gw_listen places[GW_LISTEN_MAX];
	size_t n = 0;
	const char *why;
	int rc = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, config->name,
						      (unsigned)strlen(config->name), GNUTLS_FSAN_APPEND);

	if (gw_listen_parse(config->listen, places, &n, &why) < 0)
		n = 0;
	for (size_t i = 0; rc >= 0 && i < n; i++) {
		if (places[i].scheme != GW_LISTEN_HTTPS)
			continue;
		if (gw_addr_is_any(&places[i].addr))
			rc = add_own_addresses(crt, gw_addr_is_v4(&places[i].addr));
		else
			rc = add_address(crt, &places[i].addr);
	}
	return rc;
}

static int describe(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const struct gw_config *config)
{
	uint8_t serial[16];
	time_t now = time(NULL);
	int rc;

	if (getrandom(serial, sizeof serial, 0) != sizeof serial)
		return GNUTLS_E_RANDOM_FAILED;
	serial[0] &= 0x7f; /* not negative */
	serial[0] |= 0x40;
	rc = gnutls_x509_crt_set_version(crt, 3);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
	/* A clock that is a day ahead, here or there, must not make it useless. */
	if (rc >= 0)
		rc = gnutls_x509_crt_set_activation_time(crt, now - DAY);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_expiration_time(crt, now + (time_t)YEARS * 365 * DAY);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, config->name,
						   (unsigned)strlen(config->name));
	if (rc >= 0)
		rc = gnutls_x509_crt_set_key(crt, key);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	return rc < 0 ? rc : add_names(crt, config);
}

/* `crt` in PEM, and behind it who has signed it. */
static int export_chain(gnutls_x509_crt_t crt, gnutls_x509_crt_t signer, gnutls_datum_t *ret)
{
	gnutls_datum_t own = {0}, above = {0};
	int rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &own);

	if (rc >= 0)
		rc = gnutls_x509_crt_export2(signer, GNUTLS_X509_FMT_PEM, &above);
	if (rc >= 0) {
		ret->data = gnutls_malloc(own.size + above.size);
		rc = ret->data ? 0 : GNUTLS_E_MEMORY_ERROR;
	}
	if (rc >= 0) {
		memcpy(ret->data, own.data, own.size);
		memcpy(ret->data + own.size, above.data, above.size);
		ret->size = own.size + above.size;
	}
	gnutls_free(own.data);
	gnutls_free(above.data);
	return rc;
}

static int sign(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const struct gw_authority *authority,
		gnutls_datum_t *ret)
{
	int rc;

	if (!authority) {
		rc = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
		return rc < 0 ? rc : gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, ret);
	}
	rc = gw_authority_sign(authority, crt);
	return rc < 0 ? rc : export_chain(crt, gw_authority_certificate(authority), ret);
}

int gw_tls_make(const struct gw_config *config, gnutls_datum_t *ret_cert, gnutls_datum_t *ret_key, struct gw_error *err)
{
	struct gw_authority *authority = NULL;
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	int rc, r = config->roles & GW_ROLE_CONTROLLER ? gw_authority_open(config, true, &authority, err) : 0;

	if (r < 0)
		return r;
	rc = gnutls_x509_privkey_init(&key);
	if (rc >= 0)
		rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
						  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (rc >= 0)
		rc = gnutls_x509_crt_init(&crt);
	if (rc >= 0)
		rc = describe(crt, key, config);
	if (rc >= 0)
		rc = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, ret_key);
	if (rc >= 0)
		rc = sign(crt, key, authority, ret_cert);
	gw_authority_close(authority);
	if (crt)
		gnutls_x509_crt_deinit(crt);
	if (key)
		gnutls_x509_privkey_deinit(key);
	return rc < 0 ? gw_error_set(err, EIO, GW_ERR_INTERNAL, "[api] tls_cert",
				     "cannot make a key and a certificate: %s; put one there and name it",
				     gnutls_strerror(rc))
		      : 0;
}
