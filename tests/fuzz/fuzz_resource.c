/*
 * fuzz_resource.c - from the body of a request to a stored resource: any JSON under any path, put into a catalogue that has
 * something of every kind to refer to, overlap with and take values from.
 *
 * Input: requests of two lines each, "PATH" and a body of one line, or of one line, "-PATH" (a DELETE). Together they are one
 * transaction, until a line with "." commits it, "," leaves it for a commit together with the next, "!" rolls all back.
 *
 * What is refused leaves everything as it was, byte for byte. What is accepted can be stored and loaded again; and a client that
 * puts back what it got changes nothing.
 */
#include "fuzz.h"

#include "model/catalog/catalog.h"

#include <errno.h>
#include <sys/random.h>

/* --- chance --------------------------------------------------------------------------------------------------------- */

static uint64_t chance;

/* In the place of the C library's: what is assigned by chance is the same each time, so that a finding comes back. */
ssize_t getrandom(void *buf, size_t n, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < n; i++) {
		chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		((uint8_t *)buf)[i] = (uint8_t)(chance >> 56);
	}
	return (ssize_t)n;
}

/* --- the world that requests meet ---------------------------------------------------------------------------------- */

static const char *const base[][2] = {
	{"/logicalNetworks/provider",
	 "{'networkVirtualizationEnabled':true,'subnets':[{'resourceId':'rack1','properties':{'addressPrefix':'10.9.1."
	 "0/24',"
	 "'ipPools':[{'resourceId':'hosts','properties':{'startIpAddress':'10.9.1.1','endIpAddress':'10.9.1.99'}},"
	 "{'resourceId':'groups','properties':{'startIpAddress':'239.1.0.0','endIpAddress':'239.1.0.1','multicast':"
	 "true}}]}}]}"},
	{"/logicalNetworks/outside",
	 "{'subnets':[{'resourceId':'public','properties':{'addressPrefix':'203.0.113.0/24','isPublic':true,'ipPools':"
	 "[{'resourceId':'p','properties':{'startIpAddress':'203.0.113.20','endIpAddress':'203.0.113.23'}}]}},"
	 "{'resourceId':'vlan100','properties':{'addressPrefix':'198.51.100.0/24','vlanID':100}}]}"},
	{"/accessControlLists/web", "{'aclRules':[{'resourceId':'https','properties':{'protocol':'TCP','"
				    "destinationPortRange':'443','action':'Allow',"
				    "'priority':100,'type':'Inbound'}}]}"},
	{"/routeTables/blue",
	 "{'routes':[{'resourceId':'r','properties':{'addressPrefix':'172.31.0.0/16','nextHopType':'None'}}]}"},
	{"/virtualNetworks/blue",
	 "{'addressSpace':{'addressPrefixes':['10.1.0.0/16','fd00:1::/48']},'logicalNetwork':{'resourceRef':"
	 "'/logicalNetworks/provider'},'routingDomainId':'11111111-2222-3333-4444-555555555555','subnets':["
	 "{'resourceId':'web','properties':{'addressPrefix':'10.1.1.0/"
	 "24','isolationId':5001,'accessControlList':{'resourceRef':"
	 "'/accessControlLists/web'},'routeTable':{'resourceRef':'/routeTables/"
	 "blue'},'ipPools':[{'resourceId':'vms','properties':"
	 "{'startIpAddress':'10.1.1.50','endIpAddress':'10.1.1.99'}}]}},"
	 "{'resourceId':'db','properties':{'addressPrefix':'10.1.2.0/29','isolationId':5002}},"
	 "{'resourceId':'gateway','properties':{'addressPrefix':'10.1.255.0/29','isolationId':5003}}]}"},
	{"/virtualNetworks/theirs?a",
	 "{'addressSpace':{'addressPrefixes':['10.1.0.0/16']},'routingDomainId':'11111111-2222-3333-4444-666666666666',"
	 "'subnets':[{'resourceId':'web','properties':{'addressPrefix':'10.1.1.0/24','isolationId':5005}}]}"},
	{"/macPools/all", "{'startMacAddress':'00155D020000','endMacAddress':'00155D020003'}"},
	{"/credentials/site", "{'type':'X509Certificate','value':'secret'}"},
	{"/servers/h1", "{'roles':['host'],'providerAddresses':[{'address':'10.9.1.1','interface':'eth1'}]}"},
	{"/servers/g1", "{'roles':['gateway']}"},
	{"/publicIPAddresses/shared", "{'publicIPAllocationMethod':'Static','ipAddress':'203.0.113.23','shared':true}"},
	{"/publicIPAddresses/one", "{}"},
	{"/portProfiles/base", "{'portSettings':{'arpGuardEnabled':'Enabled'}}"},
	{"/portProfiles/guarded", "{'inherits':{'resourceRef':'/portProfiles/base'}}"},
	{"/loadBalancers/nat",
	 "{'frontendIPConfigurations':[{'resourceId':'f','properties':{'publicIPAddress':{'resourceRef':"
	 "'/publicIPAddresses/shared'}}}],'backendAddressPools':[{'resourceId':'all','properties':{}}]}"},
	{"/networkInterfaces/web1",
	 "{'privateMacAddress':'00155D011404','server':{'resourceRef':'/servers/"
	 "h1'},'hostInterface':'tap1','ipConfigurations':["
	 "{'resourceId':'a','properties':{'privateIPAddress':'10.1.1.77','subnet':{'resourceRef':"
	 "'/virtualNetworks/blue/subnets/web'},'loadBalancerBackendAddressPools':[{'resourceRef':"
	 "'/loadBalancers/nat/backendAddressPools/all'}]}}]}"},
	{"/gatewayPools/main", "{'type':'All'}"},
	{"/gateways/g1", "{'pool':{'resourceRef':'/gatewayPools/main'},'virtualServer':{'resourceRef':'/servers/g1'}}"},
	{"/virtualGateways/gw", "{'virtualNetwork':{'resourceRef':'/virtualNetworks/"
				"blue'},'gatewayPools':[{'resourceRef':'/gatewayPools/main'}],"
				"'policyMaps':[{'resourceId':'in','properties':{}}],'bgpRouters':[{'resourceId':'r','"
				"properties':{'extAsNumber':'0.64512',"
				"'bgpPeers':[{'resourceId':'p','properties':{'peerIpAddress':'192.0.2.2','asNumber':"
				"64513,'password':'x'}}]}}],"
				"'networkConnections':[{'resourceId':'site','properties':{'connectionType':'IPSec','"
				"destinationIPAddress':'203.0.113.9',"
				"'ipSecConfiguration':{'sharedSecret':'psk'}}}]}"},
};

static int seal(void *ctx, const char *secret, char **ret, struct gw_error *err)
{
	(void)ctx;
	(void)err;
	require(asprintf(ret, "sealed %s", secret) > 0);
	return 0;
}

static const struct gw_schema_reader sealer = {.seal = seal};

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* What a path means: its kind, and its parent if it is below one. False: nothing. Writes into `path`. */
static bool resolve(const struct gw_catalog *c, char *path, struct gw_resource **ret_parent, enum gw_kind *ret_kind,
		    const char **ret_id)
{
	char *id = strrchr(path, '/'), *collection;

	*ret_parent = NULL;
	if (!id || id == path)
		return false;
	*id = '\0';
	collection = strrchr(path, '/');
	if (!collection)
		return false;
	*collection = '\0';
	if (*path)
		*ret_parent = gw_catalog_find(c, NULL, path);
	*ret_kind = *path && !*ret_parent
			    ? GW_KIND_NONE
			    : gw_kind_find(*ret_parent ? (*ret_parent)->kind : GW_KIND_NONE, collection + 1);
	*ret_id = id + 1;
	return *ret_kind != GW_KIND_NONE && id[1];
}

/* One request; `tenant` may be NULL. */
static int request(struct gw_catalog *c, const char *target, const char *tenant, const json_t *body,
		   struct gw_error *err)
{
	bool is_delete = *target == '-';
	char *path = strdup(target + is_delete);
	struct gw_resource *parent, *r;
	struct gw_draft *draft = NULL;
	enum gw_kind kind;
	const char *id;
	int e;

	require(path);
	if (!resolve(c, path, &parent, &kind, &id)) {
		free(path);
		return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, "", "nothing is there");
	}
	if (is_delete) {
		r = parent ? gw_catalog_child(c, parent, kind, id) : gw_catalog_root(c, tenant, kind, id);
		e = r ? gw_catalog_delete(c, r, err) : 0;
	} else {
		e = gw_draft_decode(kind, id, body, &sealer, &draft, err);
		if (e == 0 && tenant)
			e = gw_draft_set_tenant(draft, tenant, err);
		if (e == 0)
			e = gw_catalog_put(c, parent, draft, &r, err);
		gw_draft_free(draft);
	}
	free(path);
	return e;
}

static void populate(struct gw_catalog *c)
{
	static json_t *bodies[sizeof base / sizeof *base]; /* read once */
	struct gw_error err = GW_ERROR_INIT;

	gw_catalog_begin(c, 1, 1, NULL);
	for (size_t i = 0; i < sizeof base / sizeof *base; i++) {
		char path[64], *owner;

		snprintf(path, sizeof path, "%s", base[i][0]);
		owner = strchr(path, '?');
		if (owner)
			*owner++ = '\0';
		if (!bodies[i]) {
			char *text = strdup(base[i][1]);

			for (char *q = text; (q = strchr(q, '\''));)
				*q = '"';
			bodies[i] = json_pack("{s:o}", "properties", json_loads(text, 0, NULL));
			free(text);
		}
		require(bodies[i] && request(c, path, owner, bodies[i], &err) == 0);
	}
	if (gw_catalog_settle(c, &err) < 0)
		fprintf(stderr, "%s: %s\n", err.target, err.message);
	require(err.code == GW_ERR_NONE);
	gw_catalog_commit(c);
}

/* --- what must hold ------------------------------------------------------------------------------------------------ */

typedef void visit_fn(void *ctx, const struct gw_catalog *c, const struct gw_resource *r);

static void each_below(const struct gw_catalog *c, const struct gw_resource *r, visit_fn *visit, void *ctx)
{
	visit(ctx, c, r);
	for (const struct gw_resource *child = r->children; child; child = child->next)
		each_below(c, child, visit, ctx);
}

/* Parents before their children, siblings in the order of their making, as the store has them. */
static void each(const struct gw_catalog *c, visit_fn *visit, void *ctx)
{
	for (enum gw_kind k = GW_KIND_NONE + 1; k < GW_KIND_MAX; k++) {
		const struct gw_resource *r = NULL;

		while (gw_kind_info(k)->parent == GW_KIND_NONE && (r = gw_catalog_next(c, NULL, k, r)))
			each_below(c, r, visit, ctx);
	}
}

static void show(void *ctx, const struct gw_catalog *c, const struct gw_resource *r)
{
	json_t *j;

	if (r->parent) /* is in its parent */
		return;
	j = gw_resource_encode(c, r);
	require(j && json_array_append_new(ctx, j) == 0);
}

/* Everything as clients see it. */
static char *dump(const struct gw_catalog *c)
{
	json_t *all = json_array();
	char *text;

	each(c, show, all);
	text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	require(text);
	return text;
}

static void require_same(const char *was, const char *is)
{
	size_t at = 0, from;

	while (was[at] && was[at] == is[at])
		at++;
	if (was[at] == is[at])
		return;
	from = at > 200 ? at - 200 : 0;
	fprintf(stderr, "was: ...%.300s\nis:  ...%.300s\n", was + from, is + from);
	abort();
}

static void load(void *ctx, const struct gw_catalog *c, const struct gw_resource *r)
{
	const char *tenant = gw_resource_tenant(r);
	char *path = gw_resource_path(r), *body;
	struct gw_error err = GW_ERROR_INIT;
	json_t *own = gw_resource_encode_own(r);

	(void)c;
	body = own ? json_dumps(own, JSON_COMPACT) : NULL;
	require(path && body);
	if (gw_catalog_load(ctx,
			    &(struct gw_stored){
				    .tenant = tenant ? tenant : "",
				    .path = path,
				    .body = body,
				    .instance = r->instance,
				    .revision = r->now.revision,
				    .serial = r->now.serial,
				    .updated = r->now.updated,
			    },
			    &err) < 0) {
		fprintf(stderr, "%s %s: %s: %s\n", path, body, err.target, err.message);
		abort();
	}
	json_decref(own);
	free(path);
	free(body);
}

static struct gw_catalog *make(void)
{
	const struct gw_catalog_params params = {.router_mac = {{2, 0x67, 0x77, 0x64, 0, 1}},
						 .vsid_first = 4096,
						 .vsid_last = 4099,
						 .limits = {.resources = 1000,
							    .tenant_resources = 900,
							    .tenant_memory = 1 << 20,
							    .tenant_public_addresses = 3,
							    .tenant_mac_addresses = 5,
							    .tenant_subnets = 3,
							    .tenant_routes = 6,
							    .tenant_nat_rules = 9}};
	struct gw_catalog *c = NULL;

	require(gw_catalog_new(&params, &c) == 0);
	return c;
}

static void require_storable(const struct gw_catalog *c, const char *shown)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_catalog *again = make();
	char *text;

	gw_catalog_begin(again, 1, 1, NULL);
	each(c, load, again);
	if (gw_catalog_settle(again, &err) < 0) {
		fprintf(stderr, "%s: %s\n", err.target, err.message);
		abort();
	}
	gw_catalog_commit(again);
	text = dump(again);
	require_same(shown, text);
	free(text);
	gw_catalog_free(again);
}

static void put_back(void *ctx, const struct gw_catalog *c, const struct gw_resource *r)
{
	struct gw_error err = GW_ERROR_INIT;
	json_t *body = gw_resource_encode(c, r);
	struct gw_draft *draft = NULL;
	struct gw_resource *same = NULL;

	(void)ctx;
	if (gw_draft_decode(r->kind, r->id, body, &sealer, &draft, &err) < 0 ||
	    gw_catalog_put((struct gw_catalog *)c, r->parent, draft, &same, &err) < 0) {
		char *text = json_dumps(body, 0);

		fprintf(stderr, "%s: %s: %s\n", text, err.target, err.message);
		abort();
	}
	require(same == r && !gw_catalog_changed(c));
	gw_draft_free(draft);
	json_decref(body);
}

static void require_unchanged_by_what_it_shows(struct gw_catalog *c)
{
	gw_catalog_begin(c, 3, 3, NULL);
	each(c, put_back, NULL);
	gw_catalog_commit(c);
}

/* --- input --------------------------------------------------------------------------------------------------------- */

/* Reads the requests of one transaction; returns the character that ends it, 0 at the end of the input. */
static char transact(struct gw_catalog *c, char **rest, int *ret, struct gw_error *err)
{
	char *line, *json;

	*ret = 0;
	gw_catalog_begin(c, 2, 2, NULL);
	while ((line = strsep(rest, "\n"))) {
		json_t *body = NULL;

		if (*line && strchr(".,!", *line))
			return *line;
		json = *line == '-' ? NULL : strsep(rest, "\n");
		if (json)
			body = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
		if (*ret == 0 && (body || !json))
			*ret = request(c, line, NULL, body, err);
		json_decref(body);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *durable, *before, sign = 1;
	struct gw_catalog *c;

	require(text);
	chance = 0;
	c = make();
	populate(c);
	before = dump(c);
	durable = strdup(before);
	for (int transactions = 0; sign && transactions < 6; transactions++) {
		struct gw_error err = GW_ERROR_INIT;
		bool touched;
		char *after;
		int e;

		sign = transact(c, &rest, &e, &err);
		touched = gw_catalog_changed(c);
		if (e == 0)
			e = gw_catalog_settle(c, &err);
		if (e < 0) {
			require_reason(&err);
			gw_catalog_undo(c);
		}
		after = touched ? dump(c) : strdup(before);
		if (e < 0)
			require_same(before, after);
		else if (touched)
			require_storable(c, after);
		if (sign == '!') {
			gw_catalog_rollback(c);
			free(after);
			after = dump(c);
			require_same(durable, after);
		} else if (sign != ',') {
			gw_catalog_commit(c);
			if (strcmp(durable, after) != 0)
				require_unchanged_by_what_it_shows(c);
			free(durable);
			durable = strdup(after);
		}
		free(before);
		before = after;
	}
	gw_catalog_free(c);
	free(before);
	free(durable);
	free(text);
	return 0;
}

/* --- new inputs ---------------------------------------------------------------------------------------------------- */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

/* Counts the values of a document, and changes number `*left` of them in its own place. */
static void change(json_t *j, int *left, unsigned seed)
{
	static const char *const values[] = {
		"null",
		"true",
		"0",
		"1",
		"4096",
		"16777214",
		"4294967295",
		"-1",
		"\"\"",
		"\"0\"",
		"[]",
		"{}",
		"\"10.1.1.0/24\"",
		"\"10.1.2.0/29\"",
		"\"10.1.1.77\"",
		"\"10.1.1.1\"",
		"\"fd00:1::/64\"",
		"\"0.0.0.0/0\"",
		"\"239.1.0.1\"",
		"\"203.0.113.20\"",
		"\"00155D020000\"",
		"\"Static\"",
		"\"Dynamic\"",
		"\"Multicast\"",
		"\"11111111-2222-3333-4444-555555555555\"",
		"{\"resourceRef\":\"/virtualNetworks/blue/subnets/web\"}",
		"{\"resourceRef\":\"/virtualNetworks/theirs/subnets/web?tenantId=a\"}",
		"{\"resourceRef\":\"/networkInterfaces/web1\"}",
		"{\"resourceRef\":\"/portProfiles/guarded\"}",
		"{\"resourceRef\":\"/publicIPAddresses/one\"}",
		"{\"tenantId\":\"a\"}",
	};
	json_t *value = NULL, *fresh = NULL;
	const char *name;
	void *after;
	size_t i;

	if (*left < 0)
		return;
	if (seed % 4)
		fresh = json_loads(values[seed / 4 % (sizeof values / sizeof *values)], JSON_DECODE_ANY, NULL);
	json_object_foreach_safe(j, after, name, value)
	{
		if (*left == 0 && fresh)
			json_object_set(j, name, fresh);
		else if (*left == 0)
			json_object_del(j, name);
		if ((*left)-- <= 0)
			break;
		change(value, left, seed);
	}
	json_array_foreach(j, i, value)
	{
		if (*left == 0 && fresh)
			json_array_set(j, i, fresh);
		else if (*left == 0 && seed & 4)
			json_array_insert_new(j, i, json_deep_copy(value));
		else if (*left == 0)
			json_array_remove(j, i);
		if ((*left)-- <= 0)
			break;
		change(value, left, seed);
	}
	json_decref(fresh);
}

/* Bodies that are no JSON get nowhere: mostly one value of one body changes, or requests of the input are put in another order. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	char *text, *start, *end, *json;
	json_t *body;
	int which = (int)(seed >> 8 & 63);
	size_t n, tail;

	if (seed % 5 == 0)
		return LLVMFuzzerMutate(data, size, max);
	text = strndup((const char *)data, size);
	require(text);
	size = strlen(text);
	/* A body: a line that begins with '{', one of several. */
	for (start = strstr(text, "\n{"); start && which & 3; which--) {
		char *next = strstr(start + 1, "\n{");

		if (!next)
			break;
		start = next;
	}
	end = start ? strchr(start + 1, '\n') : NULL;
	if (start && !end)
		end = text + size;
	body = start ? json_loadb(start + 1, (size_t)(end - start - 1), JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (!body) {
		free(text);
		return LLVMFuzzerMutate(data, size, max);
	}
	change(body, &which, seed >> 14);
	json = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	n = json ? strlen(json) : 0;
	tail = (size_t)(text + size - end);
	size = (size_t)(start + 1 - text);
	if (json && size + n + tail <= max) {
		memcpy(data, text, size);
		memcpy(data + size, json, n);
		memcpy(data + size + n, end, tail);
		size += n + tail;
	} else {
		size += (size_t)(end - start - 1) + tail;
	}
	free(json);
	free(text);
	return size;
}
