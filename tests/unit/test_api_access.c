/* test_api_access.c - API-1: tokens, the table of who has access, what a request shows, and how much a client may ask. */
#include "fixture.h"
#include "test.h"

#include "api/auth.h"
#include "api/limit.h"

#include <errno.h>

/* --- tokens ------------------------------------------------------------------------------------------------------- */

static void test_tokens(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	/* SHA-256 of "abc", from FIPS 180-2. */
	static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	char a[GW_TOKEN_STRLEN], b[GW_TOKEN_STRLEN], text[GW_TOKEN_HASH_STRLEN];
	struct gw_token_hash h, again;

	(void)state;
	assert_int_equal(gw_token_make(a), 0);
	assert_int_equal(gw_token_make(b), 0);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), GW_TOKEN_LEN);
	assert_memory_equal(a, "gwd_", 4);
	assert_int_equal(strspn(a + 4, alphabet), 43);
	assert_int_equal(gw_token_hash("abc", 3, &h), 0);
	assert_string_equal(gw_token_hash_format(&h, text), abc);
	assert_int_equal(gw_token_hash_parse(abc, &again), 0);
	assert_true(gw_token_hash_equal(&h, &again));
	for (size_t i = 0; i < sizeof h.b; i++) {
		again = h;
		again.b[i] ^= 0x80;
		assert_false(gw_token_hash_equal(&h, &again));
	}
	assert_int_equal(gw_token_hash_parse("ba", &h), -EINVAL);
	text[5] = 'G';
	assert_int_equal(gw_token_hash_parse(text, &h), -EINVAL);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static struct gw_access_entry entry(enum gw_access_kind kind, const char *name, enum gw_access role,
				    const char *subject)
{
	struct gw_access_entry e = {.kind = kind, .role = role};

	snprintf(e.name, sizeof e.name, "%s", name);
	snprintf(e.subject, sizeof e.subject, "%s", subject);
	if (role == GW_ACCESS_TENANT)
		snprintf(e.tenant, sizeof e.tenant, "blue");
	gw_token_hash(name, strlen(name), &e.hash);
	return e;
}

static void put(struct gw_access_table *t, struct gw_access_entry e)
{
	struct gw_error err = GW_ERROR_INIT;

	assert_int_equal(gw_access_check(t, &e, &err), 0);
	assert_int_equal(gw_access_put(t, &e), 0);
}

static void test_table(void **state)
{
	struct gw_access_table *t = gw_access_table_new();
	struct gw_error err = GW_ERROR_INIT;
	struct gw_access_entry e;
	char name[16];

	(void)state;
	assert_false(gw_access_has_operator(t, true));
	for (int i = 0; i < GW_ACCESS_ENTRIES_MAX; i++) {
		snprintf(name, sizeof name, "t%d", i * 7 % GW_ACCESS_ENTRIES_MAX);
		put(t, entry(GW_ACCESS_TOKENS, name, GW_ACCESS_MONITOR, ""));
	}
	assert_int_equal(gw_access_count(t, GW_ACCESS_TOKENS), GW_ACCESS_ENTRIES_MAX);
	for (size_t i = 1; i < GW_ACCESS_ENTRIES_MAX; i++)
		assert_true(strcmp(gw_access_at(t, GW_ACCESS_TOKENS, i - 1)->name,
				   gw_access_at(t, GW_ACCESS_TOKENS, i)->name) < 0);
	e = entry(GW_ACCESS_TOKENS, "more", GW_ACCESS_MONITOR, "");
	assert_int_equal(gw_access_check(t, &e, &err), -ENOSPC);
	assert_int_equal(err.code, GW_ERR_LIMIT_EXCEEDED);
	put(t, entry(GW_ACCESS_TOKENS, "T500", GW_ACCESS_OPERATOR, "")); /* replaces t500 */
	assert_true(gw_access_has_operator(t, false));
	assert_string_equal(gw_access_get(t, GW_ACCESS_TOKENS, "t500")->name, "T500");
	e = entry(GW_ACCESS_TOKENS, "t500", GW_ACCESS_MONITOR, "");
	assert_null(gw_access_find_token(t, &e.hash));
	e = entry(GW_ACCESS_TOKENS, "t501", GW_ACCESS_MONITOR, "");
	assert_string_equal(gw_access_find_token(t, &e.hash)->name, "t501");
	assert_true(gw_access_delete(t, GW_ACCESS_TOKENS, "T501"));
	assert_false(gw_access_delete(t, GW_ACCESS_TOKENS, "t501"));
	assert_null(gw_access_find_token(t, &e.hash));
	put(t, entry(GW_ACCESS_TOKENS, "T500", GW_ACCESS_MONITOR, ""));
	put(t, entry(GW_ACCESS_CERTIFICATES, "boss", GW_ACCESS_OPERATOR, "boss")); /* which nobody may look at */
	assert_false(gw_access_has_operator(t, false));
	assert_true(gw_access_has_operator(t, true));
	put(t, entry(GW_ACCESS_CERTIFICATES, "one", GW_ACCESS_HOST, "node-1"));
	put(t, entry(GW_ACCESS_CERTIFICATES, "ONE", GW_ACCESS_HOST, "node-1"));
	e = entry(GW_ACCESS_CERTIFICATES, "two", GW_ACCESS_HOST, "node-1");
	assert_int_equal(gw_access_check(t, &e, &err), -EEXIST);
	assert_string_equal(err.target, "properties.subject");
	assert_null(gw_access_find_subject(t, "NODE-1"));
	assert_non_null(gw_access_find_subject(t, "node-1"));
	gw_access_table_free(t);
	gw_access_table_free(NULL);
}

static void test_rows(void **state)
{
	struct gw_access_entry e = entry(GW_ACCESS_TOKENS, "blue", GW_ACCESS_TENANT, ""), back;
	struct gw_error err = GW_ERROR_INIT;
	json_t *row = gw_access_encode_row(&e), *resource = gw_access_encode(&e);
	char *text = json_dumps(resource, 0), hash[GW_TOKEN_HASH_STRLEN];

	(void)state;
	assert_null(strstr(text, gw_token_hash_format(&e.hash, hash)));
	assert_int_equal(gw_access_decode_row("tokens", "blue", row, &back, &err), 0);
	assert_memory_equal(&back, &e, sizeof e);
	assert_int_equal(gw_access_decode_row("passwords", "blue", row, &back, &err), -EPROTO);
	json_object_set_new(row, "sha256", json_string("00"));
	assert_int_equal(gw_access_decode_row("tokens", "blue", row, &back, &err), -EBADMSG);
	json_object_del(row, "sha256");
	json_object_set_new(row, "shoe", json_integer(42));
	assert_true(gw_access_decode_row("tokens", "blue", row, &back, &err) < 0);
	/* What was read can be put. */
	assert_int_equal(gw_access_decode(GW_ACCESS_TOKENS, "BLUE", resource, &back, &err), 0);
	assert_int_equal(back.role, GW_ACCESS_TENANT);
	assert_string_equal(back.tenant, "blue");
	json_decref(row);
	json_decref(resource);
	free(text);
}

/* --- who asks ----------------------------------------------------------------------------------------------------- */

#define TOKEN "gwd_0123456789abcdefghijABCDEFGHIJ0123456789-_A"

static void test_auth(void **state)
{
	static const struct {
		const char *header, *subject, *problem;
		int r;
		const char *name, *says;
	} cases[] = {
		{"Bearer " TOKEN, "", "", 0, "robot", NULL},
		{"bEARER   " TOKEN, "node-1", "", 0, "robot", NULL},
		{"Bearer " TOKEN " ", "", "", -EACCES, NULL, "not known"},
		{"Bearer " TOKEN "A", "", "", -EACCES, NULL, "not known"},
		{"Bearer", "node-1", "", -EACCES, NULL, "not known"},
		{"Bearer gwd_", "", "", -EACCES, NULL, "not known"},
		/* robot:TOKEN, ROBOT:TOKEN, root:TOKEN, robot, :TOKEN */
		{"Basic cm9ib3Q6Z3dkXzAxMjM0NTY3ODlhYmNkZWZnaGlqQUJDREVGR0hJSjAxMjM0NTY3ODktX0E=", "", "", 0, "robot",
		 NULL},
		{"basic Uk9CT1Q6Z3dkXzAxMjM0NTY3ODlhYmNkZWZnaGlqQUJDREVGR0hJSjAxMjM0NTY3ODktX0E=", "", "", 0, "robot",
		 NULL},
		{"Basic cm9vdDpnd2RfMDEyMzQ1Njc4OWFiY2RlZmdoaWpBQkNERUZHSElKMDEyMzQ1Njc4OS1fQQ==", "", "", -EACCES,
		 NULL, NULL},
		{"Basic cm9ib3Q=", "", "", -EACCES, NULL, NULL},
		{"Basic OmdldF9vdXQ", "", "", -EACCES, NULL, NULL},
		{"Basic c", "", "", -EACCES, NULL, NULL},
		{"Basic cm=9", "", "", -EACCES, NULL, NULL},
		{"Basic", "", "", -EACCES, NULL, NULL},
		{"Negotiate abc", "", "", -ENOKEY, NULL, "Bearer and Basic"},
		{"", "node-1", "", -ENOKEY, NULL, "Bearer and Basic"},
		{NULL, "node-1", "", 0, "node-1", NULL},
		{NULL, "node-2", "", -ENOKEY, NULL, "\"node-2\""},
		{NULL, "", "it has expired", -ENOKEY, NULL, "it has expired"},
		{NULL, "", "", -ENOKEY, NULL, "who are you?"},
	};
	struct gw_access_table *t = gw_access_table_new();
	struct gw_access_entry robot = entry(GW_ACCESS_TOKENS, "robot", GW_ACCESS_TENANT, "");

	(void)state;
	assert_int_equal(gw_token_hash(TOKEN, GW_TOKEN_LEN, &robot.hash), 0);
	put(t, robot);
	put(t, entry(GW_ACCESS_CERTIFICATES, "first", GW_ACCESS_HOST, "node-1"));
	for (size_t i = 0; i < GW_N(cases); i++) {
		struct gw_error err = GW_ERROR_INIT;
		struct gw_principal who = {0};
		const struct gw_token_hash none = {0};
		const struct gw_auth_shown shown = {.authorization = cases[i].header,
						    .subject = cases[i].subject,
						    .problem = cases[i].problem,
						    .certificate = &none};
		int r = gw_auth_check(t, &shown, &who, &err);

		check(r == cases[i].r, "row %zu: %d", i, r);
		if (r == 0) {
			assert_string_equal(who.name, cases[i].name);
			assert_int_equal(who.access, cases[i].header ? GW_ACCESS_TENANT : GW_ACCESS_HOST);
			assert_string_equal(who.tenant, cases[i].header ? "blue" : "");
		} else {
			assert_int_equal(who.access, GW_ACCESS_NONE);
			assert_int_equal(err.code, GW_ERR_UNAUTHORIZED);
			assert_null(strstr(err.message, "0123456789"));
			if (cases[i].says)
				assert_contains(err.message, cases[i].says);
		}
	}
	gw_access_table_free(t);
}

/* Which of the certificates of one subject is let in, and what comes of renewing it. */
static void test_certificates(void **state)
{
	static const struct gw_token_hash a = {{1}}, b = {{2}}, c = {{3}};
	static const struct {
		bool pinned, has_previous; /* `b`, and `a` before it */
		const struct gw_token_hash *shown;
		bool issued;
		int r;
	} cases[] = {
		{false, false, &a, false, 0},	   /* of [api] client_ca, any that it signs */
		{false, false, &a, true, -ENOKEY}, /* we made that one for an entry that is gone */
		{true, false, &b, true, 0},	   /* the one that it has */
		{true, false, &b, false, 0},	   /* an operator may name one of his own authority's */
		{true, false, &a, true, -ENOKEY},  /* replaced, however well it is signed */
		{true, false, &c, false, -ENOKEY}, /* another's of that name */
		{true, true, &a, true, 0},	   /* being renewed */
		{true, true, &b, true, 0},	   {true, true, &c, true, -ENOKEY},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		struct gw_access_table *t = gw_access_table_new();
		struct gw_access_entry e = entry(GW_ACCESS_CERTIFICATES, "gw1", GW_ACCESS_HOST, "gw1");
		struct gw_error err = GW_ERROR_INIT;
		struct gw_principal who = {0};
		int r;

		e.pinned = cases[i].pinned;
		e.fingerprint = b;
		e.has_previous = cases[i].has_previous;
		e.previous = a;
		put(t, e);
		r = gw_auth_check(t,
				  &(struct gw_auth_shown){.subject = "gw1",
							  .problem = "",
							  .certificate = cases[i].shown,
							  .issued = cases[i].issued},
				  &who, &err);
		check(r == cases[i].r, "row %zu: %d %s", i, r, err.message);
		if (r < 0) {
			assert_int_equal(err.code, GW_ERR_UNAUTHORIZED);
			assert_contains(err.message, "void");
		} else {
			assert_int_equal(who.access, GW_ACCESS_HOST);
			assert_true(gw_token_hash_equal(&who.certificate, cases[i].shown));
			assert_true(gw_access_holds(t, &who));
			/* The entry becomes another one while it is at work: what it came with decides. */
			e.revision = 7;
			put(t, e);
			assert_int_equal(gw_access_holds(t, &who), e.pinned);
			e.pinned = true;
			e.fingerprint = c;
			e.has_previous = false;
			put(t, e);
			assert_false(gw_access_holds(t, &who));
			gw_access_delete(t, GW_ACCESS_CERTIFICATES, "gw1");
			assert_false(gw_access_holds(t, &who));
		}
		gw_access_table_free(t);
	}
}

static void test_one_time_tokens(void **state)
{
	struct gw_access_table *t = gw_access_table_new();
	struct gw_access_entry e = entry(GW_ACCESS_ENROLLMENTS, "gw1", GW_ACCESS_HOST, ""), back;
	struct gw_auth_shown shown = {.authorization = "Bearer " TOKEN, .subject = "", .problem = "", .now = 999};
	struct gw_error err = GW_ERROR_INIT;
	struct gw_principal who = {0};
	char doer[GW_DOER_STRLEN];
	json_t *row;

	(void)state;
	assert_int_equal(gw_token_hash(TOKEN, GW_TOKEN_LEN, &e.hash), 0);
	e.until = 1000;
	row = gw_access_encode_row(&e);
	assert_int_equal(gw_access_decode_row("enrollments", "gw1", row, &back, &err), 0);
	assert_memory_equal(&back, &e, sizeof e);
	json_object_del(row, "validUntil"); /* one for ever is none */
	assert_true(gw_access_decode_row("enrollments", "gw1", row, &back, &err) < 0);
	json_decref(row);
	put(t, e);
	assert_int_equal(gw_auth_check(t, &shown, &who, &err), 0);
	assert_int_equal(who.access, GW_ACCESS_NONE);
	assert_int_equal(who.proof, GW_PROOF_ENROLLMENT);
	assert_string_equal(gw_principal_format(&who, doer), "enrollment=gw1");
	assert_true(gw_access_holds(t, &who));
	/* As a password it is nothing: gw1:TOKEN */
	shown.authorization = "Basic Z3cxOmd3ZF8wMTIzNDU2Nzg5YWJjZGVmZ2hpakFCQ0RFRkdISUowMTIzNDU2Nzg5LV9B";
	assert_int_equal(gw_auth_check(t, &shown, &who, &err), -EACCES);
	shown.authorization = "Bearer " TOKEN;
	shown.now = 1000;
	assert_int_equal(gw_auth_check(t, &shown, &who, &err), -EACCES);
	assert_contains(err.message, "expired");
	gw_access_delete(t, GW_ACCESS_ENROLLMENTS, "GW1");
	assert_false(gw_access_holds(t, &who));
	gw_access_table_free(t);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static struct gw_addr address(const char *s)
{
	struct gw_addr a;

	assert_int_equal(gw_addr_parse(s, &a), 0);
	return gw_limit_key(&a);
}

static const struct gw_config limits = {
	.client_connection_limit = 2,
	.request_rate = 10,
	.login_rate = 6,
};

static void test_requests_a_second(void **state)
{
	struct gw_limits *l = gw_limits_new();
	struct gw_addr a = address("10.0.0.1"), b = address("10.0.0.2");
	uint64_t now = 1000000;
	int served = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(gw_limit_request(l, &limits, &a, now), 0);
	assert_int_equal(gw_limit_request(l, &limits, &a, now), 1);
	assert_int_equal(gw_limit_request(l, &limits, &b, now), 0);
	/* Whoever asks all the time gets what it may have, not less. */
	for (int ms = 0; ms < 10000; ms++)
		served += gw_limit_request(l, &limits, &a, ++now) == 0;
	assert_in_range(served, 95, 101);
	/* A clock that does not go on, or goes back, gives nothing away. */
	assert_int_equal(gw_limit_request(l, &limits, &a, now - 500), 1);
	now += 60000;
	for (int i = 0; i < 20; i++)
		assert_int_equal(gw_limit_request(l, &limits, &a, now), 0);
	assert_int_equal(gw_limit_request(l, &limits, &a, now), 1);
	gw_limits_free(l);
}

static void test_failed_logins(void **state)
{
	struct gw_limits *l = gw_limits_new();
	struct gw_addr a = address("2001:db8::1"), same = address("2001:db8::2:3"), other = address("2001:db8:0:1::1");
	uint64_t now = 5;
	unsigned wait;

	(void)state;
	for (int i = 0; i < 6; i++) {
		assert_int_equal(gw_limit_login(l, &limits, &a, now), 0);
		gw_limit_login_failed(l, &limits, &a, now);
	}
	wait = gw_limit_login(l, &limits, &a, now);
	assert_in_range(wait, 10, 11);
	assert_int_equal(gw_limit_login(l, &limits, &same, now), wait);
	assert_int_equal(gw_limit_login(l, &limits, &other, now), 0);
	for (uint64_t ms = 0; ms < wait * UINT64_C(1000); ms++) /* asking does not make it longer */
		gw_limit_login(l, &limits, &a, ++now);
	assert_int_equal(gw_limit_login(l, &limits, &a, now), 0);
	gw_limit_login_failed(l, &limits, &a, now);
	assert_true(gw_limit_login(l, &limits, &a, now) > 0);
	gw_limits_free(l);
}

static void test_bodies_in_memory(void **state)
{
	static const struct gw_config c = {.client_connection_limit = 9,
					   .request_rate = 100,
					   .body_memory = 10000,
					   .batch_limit = 1000,
					   .body_limit = 100};
	struct gw_limits *l = gw_limits_new();
	size_t held[8] = {0}, late = 0;
	struct gw_addr a[8];
	char text[GW_ADDR_STRLEN];

	(void)state;
	for (int i = 0; i < 8; i++) {
		snprintf(text, sizeof text, "10.0.0.%d", i);
		a[i] = address(text);
		assert_false(gw_limit_body(l, &c, &a[i], 10, &held[i])); /* of nobody who is connected */
		assert_true(gw_limit_connect(l, &c, &a[i], 0));
	}
	/* A quarter for one; a body that grows has what it had already. */
	assert_true(gw_limit_body(l, &c, &a[0], 1000, &held[0]));
	assert_true(gw_limit_body(l, &c, &a[0], 2500, &held[0]));
	assert_int_equal(held[0], 2500);
	assert_false(gw_limit_body(l, &c, &a[0], 2501, &held[0]));
	assert_false(gw_limit_body(l, &c, &a[0], 1, &late));
	assert_int_equal(late, 0);
	for (int i = 1; i < 4; i++)
		assert_true(gw_limit_body(l, &c, &a[i], 2500, &held[i]));
	assert_false(gw_limit_body(l, &c, &a[4], 1, &held[4]));
	gw_limit_body_done(l, &a[2], &held[2]);
	assert_int_equal(held[2], 0);
	assert_true(gw_limit_body(l, &c, &a[4], 2500, &held[4]));
	/* Bodies that are still at work when the API has ended. */
	gw_limits_free(l);
	for (int i = 0; i < 8; i++)
		gw_limit_body_done(l, &a[i], &held[i]);
}

/* Nobody knows how large an answer will be: one has room when there is nothing else, and a second one no more than is left. */
static void test_answers_in_memory(void **state)
{
	static const struct gw_config c = {.client_connection_limit = 9,
					   .request_rate = 100,
					   .body_memory = 10000,
					   .batch_limit = 1000,
					   .body_limit = 100};
	struct gw_limits *l = gw_limits_new();
	struct gw_addr a = address("10.0.0.1"), b = address("10.0.0.2");
	size_t body = 0, one = 0, two = 0, others = 0;

	(void)state;
	assert_false(gw_limit_answer(l, &c, &a, 10, 0, &one)); /* of nobody who is connected */
	assert_true(gw_limit_connect(l, &c, &a, 0));
	assert_true(gw_limit_connect(l, &c, &b, 0));
	assert_true(gw_limit_body(l, &c, &a, 500, &body));
	assert_false(gw_limit_answer(l, &c, &a, 2500, 0, &one));
	assert_true(gw_limit_answer(l, &c, &a, 2500, body, &one)); /* beside its own body */
	assert_false(gw_limit_answer(l, &c, &a, 1, 0, &two));
	gw_limit_body_done(l, &a, &body);
	assert_true(gw_limit_answer(l, &c, &a, 20000, 0, &one));
	assert_int_equal(one, 20000);
	assert_false(gw_limit_answer(l, &c, &b, 1, 0, &others)); /* all that there is is taken */
	assert_false(gw_limit_body(l, &c, &a, 1, &body));
	assert_true(gw_limit_answer(l, &c, &a, 2000, 0, &one)); /* it is shorter than was thought */
	assert_int_equal(one, 2000);
	assert_false(gw_limit_answer(l, &c, &a, 501, 0, &two));
	assert_true(gw_limit_answer(l, &c, &a, 500, 0, &two));
	assert_true(gw_limit_answer(l, &c, &b, 2500, 0, &others));
	gw_limits_free(l); /* they are still being read */
	gw_limit_body_done(l, &a, &one);
	gw_limit_body_done(l, &a, &two);
	gw_limit_body_done(l, &b, &others);
}

static void test_handshakes_a_second(void **state)
{
	struct gw_limits *l = gw_limits_new();
	struct gw_addr a = address("10.0.0.1");
	uint64_t now = 77;
	int served = 0;

	(void)state;
	for (int i = 0; i < 2000; i++) { /* one at a time */
		now += 5;
		if (!gw_limit_connect(l, &limits, &a, now))
			continue;
		served++;
		gw_limit_disconnect(l, &a);
	}
	assert_in_range(served, 230, 241); /* 10 s at 20, and 40 at once */
	gw_limits_free(l);
}

static void test_connections_and_bounded_memory(void **state)
{
	struct gw_limits *l = gw_limits_new();
	struct gw_addr a = address("10.0.0.1");
	char text[GW_ADDR_STRLEN];

	(void)state;
	assert_true(gw_limit_connect(l, &limits, &a, 0));
	assert_true(gw_limit_connect(l, &limits, &a, 0));
	assert_false(gw_limit_connect(l, &limits, &a, 0));
	gw_limit_login_failed(l, &limits, &a, 0);
	/* Many others come and go: whoever is connected keeps its place. */
	for (unsigned i = 0; i < 3 * GW_LIMIT_CLIENTS; i++) {
		struct gw_addr other = gw_addr_from_v4(0x0b000000 + i);

		assert_int_equal(gw_limit_request(l, &limits, &other, i), 0);
	}
	assert_false(gw_limit_connect(l, &limits, &a, 0));
	gw_limit_disconnect(l, &a);
	assert_true(gw_limit_connect(l, &limits, &a, 0));
	/* All places are of somebody connected: nobody else comes in, until one goes. */
	for (unsigned i = 0; i < GW_LIMIT_CLIENTS - 1; i++) {
		struct gw_addr other = gw_addr_from_v4(0x0c000000 + i);

		check(gw_limit_connect(l, &limits, &other, 0), "%s", gw_addr_format(&other, text));
	}
	a = address("10.0.0.9");
	assert_false(gw_limit_connect(l, &limits, &a, 0));
	assert_int_equal(gw_limit_request(l, &limits, &a, 0), 1);
	gw_limit_disconnect(l, &a); /* was never counted */
	a = gw_addr_from_v4(0x0c000000);
	gw_limit_disconnect(l, &a);
	a = address("10.0.0.9");
	assert_true(gw_limit_connect(l, &limits, &a, 0));
	gw_limits_free(l);
	gw_limits_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_one_time_tokens),
		cmocka_unit_test(test_requests_a_second),
		cmocka_unit_test(test_failed_logins),
		cmocka_unit_test(test_bodies_in_memory),
		cmocka_unit_test(test_answers_in_memory),
		cmocka_unit_test(test_handshakes_a_second),
		cmocka_unit_test(test_connections_and_bounded_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
