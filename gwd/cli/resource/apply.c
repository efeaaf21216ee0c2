/*
 * apply.c - `gwctl apply`: what a file says about resources, sent as one batch. See apply.h.
 *
 * A file is one resource with its resourceRef, a list of resources, as {"value": [...]} too, which `gwctl get -o json` prints,
 * or a list of elements of a batch. What is right or wrong with them is for the daemon to say.
 */
#include "cli/resource/apply.h"

#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/text.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#define POLL_MILLISECONDS 100

/* --- the file ----------------------------------------------------------------------------------------------------- */

/* Names have no letter case in this API. */
static json_t *member(const json_t *object, const char *name)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		if (!strcasecmp(key, name) && !json_is_null(value))
			return value;
	}
	return NULL;
}

/* {"path", "body"} of a resource; its own name for itself is the path, with its tenant, who may have names of others. */
static json_t *put_of(const json_t *resource)
{
	const char *ref = json_string_value(member(resource, "resourceRef")),
		   *tenant = json_string_value(member(member(resource, "resourceMetadata"), "tenantId"));
	_cleanup_free_ char *owner = tenant && *tenant && !strchr(ref, '?') ? gw_cli_percent_encode(tenant) : NULL,
			    *path = gw_cli_format("%s%s%s", ref, owner ? "?tenantId=" : "", owner ? owner : "");

	return gw_cli_must(json_pack("{s:s, s:O}", "path", path, "body", resource));
}

static json_t *element_of(const json_t *j)
{
	if (json_is_string(member(j, "path")))
		return json_incref((json_t *)j);
	return json_is_string(member(j, "resourceRef")) ? put_of(j) : NULL;
}

json_t *gw_cli_apply_batch(const json_t *file, bool *ret_list, char **ret_error)
{
	json_t *value = json_is_array(file) ? (json_t *)file : member(file, "value"), *batch;
	bool list = json_is_array(value);

	if (list && !json_is_array(file) && member(file, "nextLink")) {
		*ret_error =
			gw_cli_format("it is one page of several, as its nextLink says: 'gwctl get' has all of them");
		return NULL;
	}
	batch = gw_cli_must(json_array());
	for (size_t i = 0; i < (list ? json_array_size(value) : 1); i++) {
		json_t *element = element_of(list ? json_array_get(value, i) : file);

		if (element) {
			json_array_append_new(batch, element);
			continue;
		}
		*ret_error = list ? gw_cli_format("element [%zu]: is neither a resource with its resourceRef nor "
						  "{\"path\": ..., \"body\": ...}",
						  i)
				  : gw_cli_format("is neither a resource with its resourceRef nor a list of them");
		json_decref(batch);
		return NULL;
	}
	*ret_list = list;
	return batch;
}

static json_t *load(const char *name)
{
	_cleanup_free_ char *text = NULL;
	json_error_t e;
	size_t len = 0;
	json_t *file;

	if (gw_cli_read_file(name, GW_CLI_BATCH_MAX, "what is applied at a time", &text, &len) != 0)
		return NULL;
	file = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
	if (!file)
		gw_cli_fail("%s, line %d, column %d: %s", name, e.line, e.column, e.text);
	return file;
}

/* --- refused ------------------------------------------------------------------------------------------------------ */

static const char *path_of(const json_t *element)
{
	const char *path = json_string_value(member(element, "path"));

	return path ? path : "";
}

char *gw_cli_apply_reason(const char *name, const json_t *batch, bool list, const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error"), *element;
	const char *target = gw_cli_str(error, "target"), *rest, *code = gw_cli_str(error, "code"),
		   *message = gw_cli_str(error, "message");
	_cleanup_free_ char *number = NULL;
	size_t i = strtoul(target + (*target == '['), NULL, 10);

	element = *target == '[' ? json_array_get(batch, i) : NULL;
	if (!element)
		return gw_cli_format("%s: %s%s%s: %s", name, code, *target ? " at " : "", target, message);
	rest = target + strcspn(target, "]");
	rest += *rest == ']';
	rest += *rest == '.';
	/* In a file of resources there are no elements with a body. */
	if (!strncmp(rest, "body", 4) && (!rest[4] || rest[4] == '.') && member(member(element, "body"), "resourceRef"))
		rest += rest[4] ? 5 : 4;
	number = list ? gw_cli_format("element [%zu], ", i) : gw_cli_format("%s", "");
	return gw_cli_format("%s: %s%s: %s%s%s: %s", name, number, path_of(element), code, *rest ? " at " : "", rest,
			     message);
}

/* --- done --------------------------------------------------------------------------------------------------------- */

static void print_results(const json_t *batch, const json_t *value)
{
	static const struct {
		const char *result, *word;
	} words[] = {{"Created", "created"},
		     {"Changed", "changed"},
		     {"Unchanged", "unchanged"},
		     {"Deleted", "gone"},
		     {"Absent", "gone already"}};

	for (size_t i = 0; i < json_array_size(value); i++) {
		const char *result = gw_cli_str(json_array_get(value, i), "result"), *word = result;

		for (size_t k = 0; k < sizeof words / sizeof *words; k++)
			if (!strcmp(result, words[k].result))
				word = words[k].word;
		gw_cli_say(stdout, "%s %s", path_of(json_array_get(batch, i)), word);
	}
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

enum outcome { WAITING, IN_PLACE, FAILED };

/* What is only not done yet is no reason by itself: it stands beside what is. */
static const json_t *find_info(const json_t *state, const char *code)
{
	const json_t *list = json_object_get(state, "detailedInfo"), *info;
	size_t i;

	json_array_foreach((json_t *)list, i, info)
	{
		const char *is = gw_cli_str(info, "code");

		if (code ? !strcmp(is, code) : strcmp(is, "NotImplemented") != 0)
			return info;
	}
	return code ? NULL : json_array_get(list, 0);
}

/* "host1: HostUnreachable: ...": what the daemon says first of it, or the first with that code; NULL: nothing. */
static char *reason_of(const json_t *state, const char *code)
{
	const json_t *info = find_info(state, code);
	const char *is = gw_cli_str(info, "code"), *message = gw_cli_str(info, "message"),
		   *source = gw_cli_str(info, "source");

	if (!info)
		return NULL;
	if (!strcmp(source, "gwd"))
		source = "";
	return gw_cli_format("%s%s%s%s%s", source, *source ? ": " : "", is, *is && *message ? ": " : "", message);
}

/* For good. */
static bool is_failed(const json_t *properties)
{
	return !strcmp(gw_cli_str(properties, "provisioningState"), "Failed");
}

/* Whether it or a child of it is not in force. `say`: which ones, why, and who waits for nodes that are away, which is no failure. */
static bool is_failing(const char *path, const json_t *resource, bool say)
{
	const json_t *properties = json_object_get(resource, "properties"), *value, *child,
		     *state = json_object_get(properties, "configurationState");
	bool failing = !strcmp(gw_cli_str(state, "status"), "Failure") || is_failed(properties);
	_cleanup_free_ char *reason = reason_of(state, failing ? NULL : "HostUnreachable");
	const char *name;
	size_t i;

	if (say && failing)
		gw_cli_fail("%s failed%s%s", path, reason ? ": " : "", reason ? reason : "");
	else if (say && reason)
		gw_cli_say(stderr, "%s: %s", path, reason);
	json_object_foreach((json_t *)properties, name, value)
	{
		json_array_foreach(value, i, child)
		{
			if (json_is_object(json_object_get(child, "properties")) &&
			    is_failing(gw_cli_str(child, "resourceRef"), child, say))
				failing = true;
		}
	}
	return failing;
}

/* `last`: it is not waited for any longer. */
static enum outcome outcome_of(const char *path, const json_t *resource, bool last)
{
	const json_t *properties = json_object_get(resource, "properties");
	bool failing = is_failing(path, resource, false);

	if (!strcmp(gw_cli_str(properties, "provisioningState"), "Succeeded") && !failing) {
		is_failing(path, resource, true);
		return IN_PLACE;
	}
	if (!failing || !(last || is_failed(properties)))
		return WAITING;
	is_failing(path, resource, true);
	return FAILED;
}

static enum outcome look(struct gw_cli_client *client, const char *path, bool gone, bool last)
{
	_cleanup_free_ char *target = gw_cli_link_path(path);
	_cleanup_response_ struct gw_cli_response answer = {0};

	if (!target || gw_cli_call(client, &(struct gw_cli_request){.method = "GET", .path = target}, &answer) < 0)
		return FAILED;
	if (gone && answer.status == 404)
		return IN_PLACE;
	if (answer.status != 200) {
		gw_cli_refused(&answer);
		return FAILED;
	}
	return gone ? WAITING : outcome_of(path, answer.body, last);
}

/* What is not in force now may be before the time is over: a node comes, a VM is started. */
static const struct timespec nap = {.tv_nsec = POLL_MILLISECONDS * 1000000};

static bool is_delete(const json_t *element)
{
	const char *method = json_string_value(member(element, "method"));

	return method && !strcasecmp(method, "DELETE");
}

/* What is deleted is gone from the controller at once; from its nodes when the operation of the request is done. */
static int wait_for_operation(struct gw_cli_client *client, const char *path, uint64_t end)
{
	for (;;) {
		_cleanup_response_ struct gw_cli_response answer = {0};
		bool last = gw_cli_milliseconds() >= end;

		if (gw_cli_call_ok(client, &(struct gw_cli_request){.method = "GET", .path = path}, &answer) < 0)
			return 1;
		if (!strcmp(gw_cli_str(answer.body, "status"), "Succeeded"))
			return 0;
		if (last)
			return gw_cli_fail(
				"what was deleted is not gone from every node yet; it goes when they are told");
		nanosleep(&nap, NULL);
	}
}

static int wait_for_all(struct gw_cli_client *client, const json_t *batch, const char *operation, uint64_t patience)
{
	uint64_t end = gw_cli_milliseconds() + patience;
	bool deletes = false;
	int status = 0;

	for (size_t i = 0; i < json_array_size(batch); i++) {
		const json_t *element = json_array_get(batch, i);
		const char *path = path_of(element);
		bool gone = is_delete(element), last = gw_cli_milliseconds() >= end;
		enum outcome outcome;

		deletes |= gone;

		while ((outcome = look(client, path, gone, last)) == WAITING && !last) {
			nanosleep(&nap, NULL);
			last = gw_cli_milliseconds() >= end;
		}
		if (outcome == WAITING)
			return gw_cli_fail("%s is not %s yet; what was applied stays", path,
					   gone ? "gone" : "in place");
		if (outcome == FAILED)
			status = 1;
	}
	if (deletes && operation && wait_for_operation(client, operation, end) != 0)
		status = 1;
	return status;
}

/* --- apply -------------------------------------------------------------------------------------------------------- */

int gw_cli_run_apply(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	const char *name = args->value[GW_CLI_OPT_FILE], *patience = args->value[GW_CLI_OPT_WAIT];
	_cleanup_response_ struct gw_cli_response answer = {0};
	_cleanup_free_ char *text = NULL, *reason = NULL;
	json_auto_t *file = load(name), *batch = NULL;
	bool list = false;

	if (!file)
		return 1;
	batch = gw_cli_apply_batch(file, &list, &reason);
	if (!batch)
		return gw_cli_fail("%s: %s", name, reason);
	text = gw_cli_must(json_dumps(batch, JSON_COMPACT));
	if (gw_cli_call(
		    client,
		    &(struct gw_cli_request){
			    .method = "POST", .path = GW_CLI_API_ROOT "/batch", .body = text, .body_len = strlen(text)},
		    &answer) < 0)
		return 1;
	if (answer.status < 200 || answer.status > 299) {
		if (!*gw_cli_str(json_object_get(answer.body, "error"), "message"))
			return gw_cli_refused(&answer);
		reason = gw_cli_apply_reason(name, batch, list, answer.body);
		return gw_cli_fail("%s", reason);
	}
	print_results(batch, json_object_get(answer.body, "value"));
	if (!patience)
		return 0;
	fflush(stdout);
	return wait_for_all(client, batch, answer.operation, strtoull(patience, NULL, 10));
}
