/* pages.c - see pages.h. Called by the commands that show lists: of records (records.c) and of resources (resource/get.c). */
#include "cli/pages.h"

#include "base/cleanup.h"
#include "cli/text.h"

#include <string.h>

#define PAGES_MAX 20000 /* of a list; a daemon that links in circles ends here at the latest */

int gw_cli_each_item(struct gw_cli_client *client, const char *path, const char *what,
		     void (*item)(void *ctx, json_t *j), void *ctx)
{
	_cleanup_free_ char *at = gw_cli_format("%s", path);

	for (size_t page = 0; at; page++) {
		_cleanup_response_ struct gw_cli_response answer = {0};
		const char *link;
		char *next = NULL;
		json_t *value;

		if (page == PAGES_MAX)
			return gw_cli_fail("the list does not end: gave up after %d pages", PAGES_MAX);
		if (gw_cli_call_ok(client, &(struct gw_cli_request){.method = "GET", .path = at}, &answer) < 0)
			return 1;
		value = json_object_get(answer.body, "value");
		if (!json_is_array(value))
			return gw_cli_fail("gwd answered with something that is not a list of %s", what);
		for (size_t i = 0; i < json_array_size(value); i++)
			item(ctx, json_array_get(value, i));
		link = gw_cli_str(answer.body, "nextLink");
		if (*link) {
			next = gw_cli_link_path(link);
			if (!next || strcmp(next, at) == 0) {
				free(next);
				return gw_cli_fail("gwd answered with a next page that cannot be followed: '%s'", link);
			}
		}
		free(at);
		at = next;
	}
	return 0;
}
