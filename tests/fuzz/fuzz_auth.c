/*
 * fuzz_auth.c - any Authorization header, from somebody unknown. Whatever comes, there is an answer that quotes none of it, and
 * nobody gets in but with the token itself.
 */
#include "fuzz.h"

#include "api/auth.h"

#include <errno.h>
#include <strings.h>

#define TOKEN "gwd_0123456789abcdefghijABCDEFGHIJ0123456789-_A"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct gw_token_hash none;
	static struct gw_access_table *access;
	struct gw_error err = GW_ERROR_INIT;
	struct gw_principal who = {0};
	char *header = strndup((const char *)data, size);
	int r;

	if (!access) {
		struct gw_access_entry e = {.kind = GW_ACCESS_TOKENS, .name = "robot", .role = GW_ACCESS_MONITOR};

		access = gw_access_table_new();
		require(access && gw_token_hash(TOKEN, GW_TOKEN_LEN, &e.hash) == 0 && gw_access_put(access, &e) == 0);
	}
	require(header);
	r = gw_auth_check(access,
			  &(struct gw_auth_shown){
				  .authorization = header, .subject = "node-1", .problem = "", .certificate = &none},
			  &who, &err);
	if (r == 0) {
		require(who.access == GW_ACCESS_MONITOR && !strcmp(who.name, "robot"));
		require(strstr(header, TOKEN) || !strncasecmp(header, "Basic", 5));
	} else {
		require((r == -EACCES || r == -ENOKEY) && who.access == GW_ACCESS_NONE);
		require(err.code == GW_ERR_UNAUTHORIZED && !strstr(err.message, "0123456789"));
	}
	free(header);
	return 0;
}
