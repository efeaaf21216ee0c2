/* audit.c - who changed what, as it was recorded with each change. */
#include "control/private.h"

#include "store/resource.h"

#include <errno.h>
#include <time.h>

static int add(void *ctx, const struct gw_stored_deed *d)
{
	json_t *entry;
	char when[32];
	struct tm tm;

	gmtime_r(&(time_t){d->time}, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	entry = json_pack("{s:I, s:s, s:s, s:s, s:s}", "number", (json_int_t)d->number, "time", when, "who",
			  d->deed.who, "method", d->deed.method, "path", d->deed.path);
	if (*d->deed.tenant)
		json_object_set_new(entry, "tenantId", json_string(d->deed.tenant));
	return json_array_append_new(ctx, entry) < 0 ? -ENOMEM : 0;
}

int gw_control_audit(const struct gw_control *k, uint64_t number, unsigned limit, json_t *list, struct gw_error *err)
{
	int r = gw_store_each_deed(k->store, number, limit, add, list, err);

	return r == -ENOMEM ? gw_error_oom(err) : r;
}
