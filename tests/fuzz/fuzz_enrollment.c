/*
 * fuzz_enrollment.c - what comes from somebody who is not a node yet, and from who says that it is a controller. The first byte
 * chooses: a one-time token, a certificate request, a certificate that is answered, an enrollment that an operator puts.
 */
#include "fuzz.h"

#include "control/authority.h"
#include "model/access.h"
#include "model/enrollment.h"
#include "sync/credential.h"

#include <errno.h>
#include <unistd.h>

static void try_token(const char *text)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_enrollment e;
	char again[GW_ENROLLMENT_STRLEN];

	if (gw_enrollment_parse(text, &e, &err) == 0)
		require(!strcmp(gw_enrollment_format(&e, again), text)); /* there is one way to write it */
	else
		require_reason(&err);
}

/* A directory of its own, with an authority. */
static struct gw_authority *authority(void)
{
	static struct gw_config config = {.name = "fuzz", .roles = GW_ROLE_CONTROLLER};
	struct gw_authority *a = NULL;
	char dir[] = "/tmp/gwd-fuzz-XXXXXX", path[64];

	require(mkdtemp(dir));
	snprintf(config.state_dir, sizeof config.state_dir, "%s", dir);
	require(gw_authority_open(&config, true, &a, NULL) == 0);
	snprintf(path, sizeof path, "%s/node-ca.crt", dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/node-ca.key", dir);
	unlink(path);
	rmdir(dir);
	return a;
}

/* Whatever is asked for, what is issued is for that node and of that time. */
static void try_request(const char *text)
{
	static struct gw_authority *a;
	struct gw_error err = GW_ERROR_INIT;
	struct gw_credential_facts facts;
	struct gw_issued issued = {0};
	int r;

	if (!a)
		a = authority();
	r = gw_authority_issue(a, text, "gw1", 1000, &issued, &err);
	require(r == 0 || r == -EINVAL);
	if (r < 0) {
		require_reason(&err);
		return;
	}
	require(gw_credential_read(issued.pem, &facts, NULL) == 0);
	require(!strcmp(facts.server, "gw1") && facts.until == issued.until && facts.until - facts.from == 1100);
	require(gw_token_hash_equal(&facts.fingerprint, &issued.fingerprint));
	free(issued.pem);
}

static void try_certificate(const char *text)
{
	static char *key, *request;
	struct gw_error err = GW_ERROR_INIT;
	struct gw_credential_facts facts;
	struct gw_token_hash hash, again;
	char *pem = NULL, *twice = NULL;

	if (!key)
		require(gw_credential_request(&key, &request, NULL) == 0);
	if (gw_credential_read(text, &facts, &err) < 0)
		require_reason(&err);
	else
		require(strlen(facts.server) < sizeof facts.server && facts.until >= facts.from);
	err = GW_ERROR_INIT;
	require(gw_credential_check(text, key, "gw1", &err) < 0); /* nobody knows that key */
	require_reason(&err);
	if (gw_credential_authority(text, &pem, &hash, NULL) == 0) {
		require(gw_credential_authority(pem, &twice, &again, NULL) == 0);
		require(!strcmp(pem, twice) && gw_token_hash_equal(&hash, &again));
	}
	free(pem);
	free(twice);
}

static void try_entry(const char *text)
{
	static const enum gw_access_kind kinds[] = {GW_ACCESS_ENROLLMENTS, GW_ACCESS_CERTIFICATES};
	json_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	for (size_t i = 0; body && i < sizeof kinds / sizeof *kinds; i++) {
		struct gw_error err = GW_ERROR_INIT;
		struct gw_access_entry e, again;
		json_t *encoded;

		if (gw_access_decode(kinds[i], "gw1", body, &e, &err) < 0) {
			require_reason(&err);
			continue;
		}
		require(!e.has_previous || e.pinned);
		encoded = gw_access_encode(&e);
		require(encoded && gw_access_decode(kinds[i], "gw1", encoded, &again, &err) == 0);
		require(again.role == e.role && again.pinned == e.pinned);
		if (kinds[i] == GW_ACCESS_ENROLLMENTS)
			require(e.until > 0 && e.until <= GW_ENROLLMENT_SECONDS_MAX);
		json_decref(encoded);
	}
	json_decref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const char *text) = {try_token, try_request, try_certificate, try_entry};
	char *text;

	if (size == 0)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	require(text);
	tries[data[0] % (sizeof tries / sizeof *tries)](text);
	free(text);
	return 0;
}
