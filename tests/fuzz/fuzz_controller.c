/*
 * fuzz_controller.c - from a request to what is stored, with everything in between but the sockets: router, who may, the handlers of
 * resources and batches, catalogue, a real database. fuzz_resource.c looks closer at the catalogue alone.
 *
 * Input: requests of two lines each, "WHO METHOD TARGET [CONDITION]" and a body of one line. WHO is o, m, h (operator, monitor, host),
 * a or b (tenants). All that is accepted is one group; at the end it is undone, or made durable when the input ends with a line ".".
 *
 * Whatever comes has one answer, now or when the group ends. What is refused changes nothing. What is put can be read by who put it.
 * Nothing of tenant b is told to tenant a, no secret to anybody. What was undone is gone, what was acknowledged is there after a start.
 */
#include "fuzz.h"

#include "api/router.h"
#include "base/log.h"
#include "control/private.h"
#include "model/config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define CANARY "canary" /* in every name of tenant b's that matters */
#define SECRET "kept-to-oneself"

static const char base[] =
	"[{'path':'/logicalNetworks/outside','body':{'properties':{'subnets':[{'resourceId':'public','properties':"
	"{'addressPrefix':'203.0.113.0/24','isPublic':true,'ipPools':[{'resourceId':'p','properties':{'startIpAddress':"
	"'203.0.113.20','endIpAddress':'203.0.113.29'}}]}}]}}},"
	"{'path':'/macPools/"
	"all','body':{'properties':{'startMacAddress':'00155D020000','endMacAddress':'00155D02000F'}}},"
	"{'path':'/accessControlLists/shared','body':{'properties':{}}},"
	"{'path':'/virtualNetworks/blue?tenantId=a','body':{'properties':{'addressSpace':{'addressPrefixes':['10.1.0.0/"
	"16']},"
	"'subnets':[{'resourceId':'web','properties':{'addressPrefix':'10.1.1.0/24'}}]}}},"
	"{'path':'/virtualNetworks/"
	"canary?tenantId=b','body':{'properties':{'addressSpace':{'addressPrefixes':['10.1.0.0/16']},"
	"'subnets':[{'resourceId':'canary','properties':{'addressPrefix':'10.1.1.0/"
	"24','accessControlList':{'resourceRef':"
	"'/accessControlLists/shared'}}}]}}},"
	"{'path':'/virtualNetworks/"
	"blue?tenantId=b','body':{'resourceMetadata':{'note':'canary'},'properties':{'addressSpace':"
	"{'addressPrefixes':['10.1.0.0/16']}}}},"
	"{'path':'/networkInterfaces/"
	"nic1?tenantId=a','body':{'properties':{'ipConfigurations':[{'resourceId':'c','properties':"
	"{'subnet':{'resourceRef':'/virtualNetworks/blue/subnets/web'}}}]}}},"
	"{'path':'/networkInterfaces/"
	"canary?tenantId=b','body':{'properties':{'ipConfigurations':[{'resourceId':'canary',"
	"'properties':{'subnet':{'resourceRef':'/virtualNetworks/canary/subnets/canary'}}}]}}},"
	"{'path':'/credentials/"
	"canary?tenantId=b','body':{'properties':{'type':'UsernamePassword','userName':'u','value':'kept-to-oneself'}}}"
	","
	"{'path':'/credentials/"
	"site?tenantId=a','body':{'properties':{'type':'UsernamePassword','userName':'u','value':'kept-to-oneself'}}}]";

/* --- the controller ------------------------------------------------------------------------------------------------ */

static struct {
	char dir[32];
	struct gw_config config;
	struct gw_store *store;
	struct gw_control *control;
	struct gw_service service;
	uint64_t sum; /* of what there is before an input */
} world;

static json_t *status(void *ctx)
{
	(void)ctx;
	return json_object();
}

static bool ready(void *ctx)
{
	(void)ctx;
	return true;
}

static uint64_t revision(void *ctx)
{
	(void)ctx;
	return gw_store_revision(world.store);
}

static void start(void)
{
	struct gw_error err = GW_ERROR_INIT;

	if (gw_store_open(world.config.store_path, &world.store, &err) < 0 ||
	    gw_control_open(world.store, &world.config, NULL, &world.control, &err) < 0) {
		fprintf(stderr, "%s: %s\n", err.target, err.message);
		abort();
	}
	world.service = (struct gw_service){
		.config = &world.config,
		.status = status,
		.ready = ready,
		.revision = revision,
		.control = world.control,
	};
}

static void stop(void)
{
	world.control = gw_control_close(world.control);
	world.store = gw_store_close(world.store);
}

static void remove_files(void)
{
	static const char *const names[] = {"gwd.db", "gwd.db-wal", "gwd.db-shm", "gwd.db.lock", "secret.key"};
	char path[64];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", world.dir, names[i]);
		unlink(path);
	}
}

static void at_end(void)
{
	stop();
	remove_files();
	rmdir(world.dir);
}

/* Changes with every resource that there is. */
static uint64_t sum(void)
{
	const struct gw_catalog *c = gw_control_catalog(world.control);
	uint64_t total = gw_catalog_count(c);
	char etag[48];

	for (enum gw_kind k = GW_KIND_NONE + 1; k < GW_KIND_MAX; k++) {
		const struct gw_resource *r = NULL;

		while (gw_kind_info(k)->parent == GW_KIND_NONE && (r = gw_catalog_next(c, NULL, k, r))) {
			gw_resource_etag(r, etag);
			for (const char *s = etag; *s; s++)
				total = (total ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
		}
	}
	return total;
}

static void populate(void)
{
	static const struct gw_principal operator= {.access = GW_ACCESS_OPERATOR, .name = "operator"};
	struct gw_api_request req = {.service = &world.service, .who = &operator};
	struct gw_api_reply reply = {0};
	char *text = strdup(base);

	require(text);
	for (char *q = text; (q = strchr(q, '\''));)
		*q = '"';
	req.body = text;
	req.body_len = strlen(text);
	gw_api_resource_batch(&req, &reply);
	if (reply.status != 200) {
		fprintf(stderr, "%s\n", json_dumps(reply.body, 0));
		abort();
	}
	gw_api_reply_done(&reply);
	free(text);
	world.sum = sum();
}

static void make_world(void)
{
	char text[256];
	int n;

	gw_log_init((enum gw_log_level)0); /* undoing is told as an error */
	snprintf(world.dir, sizeof world.dir, "/dev/shm/gwd-fuzz-XXXXXX");
	require(mkdtemp(world.dir) ||
		(snprintf(world.dir, sizeof world.dir, "/tmp/gwd-fuzz-XXXXXX") && mkdtemp(world.dir)));
	n = snprintf(text, sizeof text,
		     "[node]\nname = fuzz\nroles = controller\nstate_dir = %s\n[store]\npath = %s/gwd.db\n", world.dir,
		     world.dir);
	require(gw_config_parse(text, (size_t)n, "fuzz", &world.config, NULL) == 0);
	start();
	populate();
	atexit(at_end);
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* One that waits until the group ends. */
struct later {
	struct gw_api_deferred deferred; /* first */
	struct later *next;
	char who;
	bool answered;
	struct gw_api_reply reply;
};

static struct later *group;

static void on_answer(struct gw_api_deferred *deferred, struct gw_api_reply *reply)
{
	struct later *l = (struct later *)deferred;

	require(!l->answered);
	l->answered = true;
	l->reply = *reply;
	*reply = (struct gw_api_reply){0};
}

static struct gw_api_deferred *defer(const struct gw_api_request *req)
{
	struct later *l = calloc(1, sizeof *l);

	require(l);
	l->deferred.answer = on_answer;
	l->who = *(const char *)req->defer_ctx;
	l->next = group;
	group = l;
	return &l->deferred;
}

static struct gw_principal principal(char who)
{
	struct gw_principal p = {.access = who == 'm'	? GW_ACCESS_MONITOR
					   : who == 'h' ? GW_ACCESS_HOST
					   : who == 'o' ? GW_ACCESS_OPERATOR
							: GW_ACCESS_TENANT,
				 .name = "somebody"};

	if (p.access == GW_ACCESS_TENANT)
		snprintf(p.tenant, sizeof p.tenant, "%c", who == 'b' ? 'b' : 'a');
	return p;
}

static bool input_has(const char *input, const char *word)
{
	for (; *input; input++)
		if (!strncasecmp(input, word, strlen(word)))
			return true;
	return false;
}

static void require_answer(const struct gw_api_reply *reply, char who, const char *input)
{
	char *text = reply->body ? json_dumps(reply->body, 0) : NULL;
	const char *said = text ? text : reply->text ? reply->text : "";

	require(reply->status >= 200 && reply->status < 600);
	require(!reply->body || text);
	if (reply->status >= 400)
		require(json_is_string(json_object_get(json_object_get(reply->body, "error"), "code")));
	require(input_has(input, SECRET) || !strstr(said, SECRET));
	require(principal(who).access != GW_ACCESS_TENANT || who == 'b' || input_has(input, CANARY) ||
		(!strstr(said, CANARY) && (!reply->location || !strstr(reply->location, CANARY))));
	free(text);
}

/* 0 when nobody may; else the status, 1 when the answer comes later. */
static unsigned request(char who, const char *method, const char *target, const char *condition, const char *body,
			const char *input)
{
	struct gw_principal p = principal(who);
	struct gw_api_request req = {.service = &world.service,
				     .who = &p,
				     .body = body,
				     .body_len = strlen(body),
				     .defer = defer,
				     .defer_ctx = &who};
	struct gw_error err = GW_ERROR_INIT;
	struct gw_api_reply reply = {0};
	struct gw_api_match match;
	struct later *before = group;
	unsigned result;

	if (condition && *condition == '=')
		req.if_match = condition + 1;
	else
		req.if_none_match = condition;
	if (gw_api_match(method, target, &match, &reply) == 0) {
		if (gw_api_authorize(&match, &p, &err) < 0) {
			require_reason(&err);
			gw_api_match_done(&match);
			return 0;
		}
		/* Those of the kernel's records need a node; restoring ends the daemon. */
		if (match.joins || match.handler == gw_api_resource_get || match.handler == gw_api_resource_batch ||
		    match.handler == gw_api_operation || match.handler == gw_api_audit)
			gw_api_dispatch(&match, &req, &reply);
		else
			reply.status = 299;
		gw_api_match_done(&match);
	}
	if (group != before && !reply.status)
		return 1;
	require(group == before || group->answered); /* at once: nothing had to be stored */
	result = reply.status ? reply.status : group->reply.status;
	require_answer(reply.status ? &reply : &group->reply, who, input);
	gw_api_reply_done(&reply);
	return result;
}

static void one(char *line, const char *body, const char *input)
{
	char *words[4] = {NULL}, *save = NULL;
	uint64_t before = sum();
	unsigned status;

	for (int i = 0; i < 4; i++)
		words[i] = strtok_r(i ? NULL : line, " ", &save);
	if (!words[2])
		return;
	status = request(*words[0], words[1], words[2], words[3], body, input);
	if (status == 0 || status >= 300)
		require(sum() == before);
	if (!strcmp(words[1], "PUT") && (status == 1 || status / 100 == 2) && status != 299)
		require(request(*words[0], "GET", words[2], NULL, "", input) == 200);
	if (!strcmp(words[1], "DELETE") && (status == 1 || status == 202))
		require(request(*words[0], "GET", words[2], NULL, "", input) != 200 || strchr(words[2], '?') == NULL);
}

/* --- the end of a group -------------------------------------------------------------------------------------------- */

static void end_group(bool durable, const char *input)
{
	static const struct gw_error full = {.code = GW_ERR_UNAVAILABLE, .message = "the disk is full"};
	uint64_t now = sum();

	if (world.control->state == GW_CONTROL_OPEN && durable)
		require(gw_control_flush(world.control, NULL) == 0);
	else if (world.control->state == GW_CONTROL_OPEN)
		gw_commit_fail(world.control, &full);
	while (group) {
		struct later *next = group->next;

		require(group->answered);
		require_answer(&group->reply, group->who, input);
		gw_api_reply_done(&group->reply);
		free(group);
		group = next;
	}
	if (!durable) {
		require(sum() == world.sum);
		return;
	}
	stop();
	start();
	require(sum() == now);
	if (now == world.sum)
		return;
	stop();
	remove_files();
	start();
	populate();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *input = text ? strdup(text) : NULL, *rest = text, *line;
	bool durable = false;
	int n = 0;

	require(input);
	if (!world.control)
		make_world();
	while (!durable && n++ < 16 && (line = strsep(&rest, "\n"))) {
		char *body;

		durable = !strcmp(line, ".");
		body = durable ? NULL : strsep(&rest, "\n");
		if (!durable)
			one(line, body ? body : "", input);
	}
	end_group(durable, input);
	free(text);
	free(input);
	return 0;
}
