/*
 * get.c - `gwctl get` and `gwctl delete`: resources by kind and ID, or by path, and the names that complete them.
 *
 * Children come with their parents, so that all subnets of all networks are one walk over the networks.
 */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/pages.h"
#include "cli/resource/kind.h"
#include "cli/resource/table.h"
#include "cli/text.h"

#include <string.h>

#define ALL		"all" /* a KIND: every resource */
#define COMPLETE_WITHIN 2     /* seconds: the daemon is to help somebody who is typing */

/* --- finding ------------------------------------------------------------------------------------------------------ */

struct list {
	const char *tenant; /* whose; NULL: everybody's */
	json_t *found;
};

static void take(void *ctx, json_t *item)
{
	struct list *list = ctx;

	if (list->tenant &&
	    strcmp(gw_cli_str(json_object_get(item, "resourceMetadata"), "tenantId"), list->tenant) != 0)
		return;
	if (json_array_append(list->found, item) < 0)
		gw_cli_must(NULL);
}

/* A child does not say itself whose it is: its resourceRef is to, so that it can be told from others' and be applied again. */
static void say_tenant(json_t *child, const char *tenant)
{
	const char *ref = gw_cli_str(child, "resourceRef");
	_cleanup_free_ char *owner = gw_cli_percent_encode(tenant),
			    *longer = gw_cli_format("%s" GW_CLI_TENANT_QUERY "%s", ref, owner);

	if (*tenant && *ref && !strchr(ref, '?'))
		json_object_set_new(child, "resourceRef", gw_cli_must(json_string(longer)));
}

/* The children on the way to `kind` in place of their parents. */
static json_t *descend(json_t *resources, const struct gw_cli_resource *kind, size_t depth)
{
	for (size_t to = gw_cli_resource_depth(kind); depth < to; depth++) {
		const char *collection = gw_cli_resource_at(kind, depth + 1)->collection;
		json_t *below = gw_cli_must(json_array());

		for (size_t i = 0; i < json_array_size(resources); i++) {
			const json_t *parent = json_array_get(resources, i);
			json_t *children = json_object_get(json_object_get(parent, "properties"), collection);

			for (size_t k = 0; k < json_array_size(children); k++)
				say_tenant(json_array_get(children, k), gw_cli_resource_tenant(parent));
			json_array_extend(below, children);
		}
		json_decref(resources);
		resources = below;
	}
	return resources;
}

/* One resource by its path; a child with its tenant, which may be known by its uppermost parent only. */
static int find_one(struct gw_cli_client *client, const struct gw_cli_resource *kind, const char *id,
		    const char *tenant, const char *path, size_t depth, json_t *found)
{
	_cleanup_response_ struct gw_cli_response answer = {0}, above = {0};

	if (gw_cli_call_ok(client, &(struct gw_cli_request){.method = "GET", .path = path}, &answer) < 0)
		return 1;
	if (depth > 1 && !tenant) {
		size_t n = 0;
		_cleanup_free_ char *first = gw_cli_format("%.*s", (int)strcspn(id, "/"), id), *reason = NULL,
				    *root = gw_cli_resource_path(gw_cli_resource_at(kind, 1), first, NULL, &n, &reason);

		if (gw_cli_call_ok(client, &(struct gw_cli_request){.method = "GET", .path = root}, &above) < 0)
			return 1;
		tenant = gw_cli_resource_tenant(above.body);
	}
	if (depth > 1)
		say_tenant(answer.body, tenant);
	json_array_append(found, answer.body);
	return 0;
}

/* What an ID leads to: one resource (*ret_one), or all of the kind that are below it. 0 or the exit status. */
static int find(struct gw_cli_client *client, const struct gw_cli_resource *kind, const char *id, const char *tenant,
		json_t **ret, bool *ret_one)
{
	_cleanup_free_ char *reason = NULL, *path = NULL;
	json_t *found = gw_cli_must(json_array());
	size_t depth = 0;
	int status = 0;

	path = gw_cli_resource_path(kind, id, tenant, &depth, &reason);
	if (!path) {
		json_decref(found);
		gw_cli_fail("%s", reason);
		return 2;
	}
	if (depth == 0) {
		status = gw_cli_each_item(client, path, gw_cli_resource_at(kind, 1)->collection, take,
					  &(struct list){tenant, found});
	} else {
		status = find_one(client, kind, id, tenant, path, depth, found);
	}
	if (status) {
		json_decref(found);
		return status;
	}
	*ret = descend(found, kind, depth ? depth : 1);
	*ret_one = depth == gw_cli_resource_depth(kind);
	return 0;
}

static const struct gw_cli_resource *kind_or_fail(const char *word)
{
	const struct gw_cli_resource *kind = gw_cli_resource_find(word);
	char *names = gw_cli_format("%s", ALL);

	for (size_t i = 0; !kind && i < gw_cli_n_resources; i++) {
		char *longer = gw_cli_format("%s, %s", names, gw_cli_resources[i].name);

		free(names);
		names = longer;
	}
	if (!kind)
		gw_cli_fail("there is no kind '%s', only %s", word, names);
	free(names);
	return kind;
}

/* --- get ---------------------------------------------------------------------------------------------------------- */

static int get_path(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	_cleanup_free_ char *given = gw_cli_format("%s%s", args->operand[0] == '/' ? "" : "/", args->operand),
			    *path = NULL;
	_cleanup_response_ struct gw_cli_response answer = {0};

	if (args->id || (args->value[GW_CLI_OPT_OUTPUT] && !gw_cli_output_is(args, "json"))) {
		gw_cli_fail("'%s' is a path: it takes no ID, and what is there is shown as JSON", args->operand);
		return 2;
	}
	path = gw_cli_link_path(given);
	if (!path) {
		gw_cli_fail("'%s' is no path; encode spaces and other special characters as %%20 and so on",
			    args->operand);
		return 2;
	}
	if (gw_cli_call_ok(client, &(struct gw_cli_request){.method = "GET", .path = path}, &answer) < 0)
		return 1;
	gw_cli_print_json(answer.body);
	return 0;
}

static void print_list(const json_t *found)
{
	json_auto_t *list = gw_cli_must(json_pack("{s:O}", "value", found));

	gw_cli_print_json(list);
}

/* Tenants have none of some kinds: for them, "all" is without these. 0 or the exit status. */
static int ask_leave(struct gw_cli_client *client, const struct gw_cli_resource *kind, bool *ret)
{
	_cleanup_free_ char *path = gw_cli_format(GW_CLI_API_ROOT "/%s?$top=1", kind->collection);
	_cleanup_response_ struct gw_cli_response answer = {0};

	if (gw_cli_call(client, &(struct gw_cli_request){.method = "GET", .path = path}, &answer) < 0)
		return 1;
	*ret = answer.status != 403;
	return 0;
}

static int get_all(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	json_auto_t *everything = gw_cli_must(json_array());
	bool json = gw_cli_output_is(args, "json"), first = true;

	if (args->id) {
		gw_cli_fail("all resources have no ID in common: '%s' is too much", args->id);
		return 2;
	}
	for (size_t i = 0; i < gw_cli_n_resources; i++) {
		const struct gw_cli_resource *kind = &gw_cli_resources[i];
		json_auto_t *found = NULL;
		bool one, may = false;
		int status = kind->parent ? 0 : ask_leave(client, kind, &may);

		if (status == 0 && may)
			status = find(client, kind, NULL, args->value[GW_CLI_OPT_TENANT], &found, &one);
		if (status)
			return status;
		if (json) {
			json_array_extend(everything, found);
		} else if (json_array_size(found) > 0) {
			fputs(first ? "" : "\n", stdout);
			gw_cli_say(stdout, "%s:", kind->collection);
			gw_cli_resources_print(stdout, kind, found, gw_cli_output_is(args, "wide"));
			first = false;
		}
	}
	if (json)
		print_list(everything);
	return 0;
}

int gw_cli_run_get(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	const struct gw_cli_resource *kind;
	json_auto_t *found = NULL;
	bool one = false;
	int status;

	if (strchr(args->operand, '/'))
		return get_path(args, client);
	if (!strcmp(args->operand, ALL))
		return get_all(args, client);
	kind = kind_or_fail(args->operand);
	if (!kind)
		return 2;
	status = find(client, kind, args->id, args->value[GW_CLI_OPT_TENANT], &found, &one);
	if (status)
		return status;
	if (!gw_cli_output_is(args, "json"))
		gw_cli_resources_print(stdout, kind, found, gw_cli_output_is(args, "wide"));
	else if (one)
		gw_cli_print_json(json_array_get(found, 0));
	else
		print_list(found);
	return 0;
}

/* --- delete ------------------------------------------------------------------------------------------------------- */

int gw_cli_run_remove(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	const struct gw_cli_resource *kind = kind_or_fail(args->operand);
	_cleanup_free_ char *reason = NULL, *path = NULL;
	_cleanup_response_ struct gw_cli_response answer = {0};
	size_t depth = 0;

	if (!kind)
		return 2;
	path = gw_cli_resource_path(kind, args->id, args->value[GW_CLI_OPT_TENANT], &depth, &reason);
	if (path && depth < gw_cli_resource_depth(kind))
		reason = gw_cli_format("'%s' is not the whole ID of one of the %s", args->id, kind->name);
	if (reason) {
		gw_cli_fail("%s", reason);
		return 2;
	}
	if (gw_cli_call(client, &(struct gw_cli_request){.method = "DELETE", .path = path}, &answer) < 0)
		return 1;
	/* Nor is there anything below what is not there. */
	if (answer.status == 204 || (answer.status == 404 && depth > 1)) {
		gw_cli_fail("%s %s was not there", kind->collection, args->id);
		return 0;
	}
	if (answer.status < 200 || answer.status > 299)
		return gw_cli_refused(&answer);
	gw_cli_say(stdout, "%s %s removed", kind->collection, args->id);
	return 0;
}

/* --- completion --------------------------------------------------------------------------------------------------- */

/* Of the daemon that the command would ask, shown the same; when it does not answer, nothing. */
static void print_ids(const struct gw_cli_resource *kind, const struct gw_cli_args *args)
{
	struct gw_cli_connection connection;
	_cleanup_free_ char *reason = NULL;
	json_auto_t *found = NULL;
	bool one;

	if (gw_cli_connect(args, &connection, &reason) < 0)
		return;
	gw_cli_client_hurry(connection.client, COMPLETE_WITHIN);
	if (find(connection.client, kind, NULL, args->value[GW_CLI_OPT_TENANT], &found, &one) == 0)
		for (size_t i = 0; i < json_array_size(found); i++) {
			_cleanup_free_ char *id =
				gw_cli_resource_id(gw_cli_str(json_array_get(found, i), "resourceRef"));

			gw_cli_say(stdout, "%s", id);
		}
	gw_cli_disconnect(&connection);
}

void gw_cli_complete_resource(const char *const *operands, size_t n, const struct gw_cli_args *args)
{
	const struct gw_cli_resource *kind = n == 1 ? gw_cli_resource_find(operands[0]) : NULL;

	for (size_t i = 0; n == 0 && i < gw_cli_n_resources; i++)
		puts(gw_cli_resources[i].name);
	if (kind)
		print_ids(kind, args);
}

void gw_cli_complete_get(const char *const *operands, size_t n, const struct gw_cli_args *args)
{
	if (n == 0)
		puts(ALL);
	gw_cli_complete_resource(operands, n, args);
}

void gw_cli_complete_server(const char *const *operands, size_t n, const struct gw_cli_args *args)
{
	(void)operands;
	if (n == 0)
		print_ids(gw_cli_resource_find("servers"), args);
}
