/*
 * table.c - see table.h. A table keeps to 80 columns for resources of ordinary size: of a list it shows the first element and
 * how many more there are; a wide one shows all. IDs are never cut: they are for copying.
 */
#include "cli/resource/table.h"

#include "base/cleanup.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

_Static_assert(GW_CLI_RESOURCE_COLUMNS + 3 <= GW_CLI_COLUMNS, "with ID, TENANT and STATE");

/* Appends what is at the path: all of a list's elements, where it leads through one. */
static void collect(const json_t *j, const char *path, json_t *ret)
{
	size_t n = strcspn(path, ".");
	char name[64];

	if (json_is_array(j)) {
		for (size_t i = 0; i < json_array_size(j); i++)
			collect(json_array_get(j, i), path, ret);
		return;
	}
	if (!*path) {
		if (j && !json_is_null(j))
			json_array_append(ret, (json_t *)j);
		return;
	}
	snprintf(name, sizeof name, "%.*s", (int)n, path);
	collect(json_object_get(j, name), path[n] ? path + n + 1 : "", ret);
}

/* A reference as the ID that it leads to, a resource as its own. */
static char *text_of(const json_t *value)
{
	const char *ref = gw_cli_str(value, "resourceRef");

	if (json_is_boolean(value))
		return gw_cli_format(json_is_true(value) ? "yes" : "no");
	return *ref == '/' ? gw_cli_resource_id(ref) : gw_cli_cell(value);
}

char *gw_cli_resource_cell(const struct gw_cli_column *column, const json_t *resource, bool wide)
{
	json_auto_t *values = gw_cli_must(json_array());
	size_t n;
	char *cell;

	collect(json_object_get(resource, "properties"), column->path, values);
	n = json_array_size(values);
	if (column->flags & GW_CLI_COLUMN_COUNT)
		return gw_cli_format("%zu", n);
	cell = text_of(json_array_get(values, 0));
	for (size_t i = 1; wide && i < n; i++) {
		_cleanup_free_ char *more = text_of(json_array_get(values, i));
		char *longer = gw_cli_format("%s,%s", cell, more);

		free(cell);
		cell = longer;
	}
	if (!wide && n > 1) {
		char *longer = gw_cli_format("%s +%zu", cell, n - 1);

		free(cell);
		cell = longer;
	}
	return cell;
}

/* How far it is with being stored, then whether it is in force. */
static const char *state_of(const json_t *properties)
{
	const char *provisioning = gw_cli_str(properties, "provisioningState"),
		   *status = gw_cli_str(json_object_get(properties, "configurationState"), "status");

	if (*provisioning && strcmp(provisioning, "Succeeded") != 0)
		return provisioning;
	return *status ? status : "-";
}

const char *gw_cli_resource_tenant(const json_t *resource)
{
	const char *said = strstr(gw_cli_str(resource, "resourceRef"), GW_CLI_TENANT_QUERY);

	return said ? said + strlen(GW_CLI_TENANT_QUERY)
		    : gw_cli_str(json_object_get(resource, "resourceMetadata"), "tenantId");
}

static void add_row(struct gw_cli_table *t, const struct gw_cli_resource *kind, const json_t *resource, bool wide,
		    bool tenants)
{
	const char *ref = gw_cli_str(resource, "resourceRef"), *tenant = gw_cli_resource_tenant(resource);

	gw_cli_table_take(t,
			  *ref == '/' ? gw_cli_resource_id(ref) : gw_cli_cell(json_object_get(resource, "resourceId")));
	for (const struct gw_cli_column *c = kind->columns; c->title; c++)
		if (wide || !(c->flags & GW_CLI_COLUMN_WIDE))
			gw_cli_table_take(t, gw_cli_resource_cell(c, resource, wide));
	if (tenants)
		gw_cli_table_add(t, *tenant ? tenant : "-");
	if (wide || !kind->crowded)
		gw_cli_table_add(t, state_of(json_object_get(resource, "properties")));
}

void gw_cli_resources_print(FILE *f, const struct gw_cli_resource *kind, const json_t *resources, bool wide)
{
	_cleanup_table_ struct gw_cli_table t = {0};
	bool tenants = wide && !kind->parent;

	/* Tenants may have the same names: where there are any, they are shown. */
	for (size_t i = 0; !tenants && i < json_array_size(resources); i++)
		tenants = *gw_cli_resource_tenant(json_array_get(resources, i));
	gw_cli_table_column(&t, "ID", false);
	for (const struct gw_cli_column *c = kind->columns; c->title; c++)
		if (wide || !(c->flags & GW_CLI_COLUMN_WIDE))
			gw_cli_table_column(&t, c->title, c->flags & GW_CLI_COLUMN_RIGHT);
	if (tenants)
		gw_cli_table_column(&t, "TENANT", false);
	if (wide || !kind->crowded)
		gw_cli_table_column(&t, "STATE", false);
	for (size_t i = 0; i < json_array_size(resources); i++)
		add_row(&t, kind, json_array_get(resources, i), wide, tenants);
	gw_cli_table_print(&t, f, 0);
}
