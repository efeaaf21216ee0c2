/*
 * trouble.c - resources that were accepted once and would not be now. They stay, and say why, until it is mended: by a change of
 * theirs, or of what they are in conflict with. Called by catalog.c.
 */
#include "model/catalog/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 64 /* that are looked at again after a change */

/* What its owner may be told: it stands in the resource's state. */
static int find_trouble(struct gw_catalog *c, struct gw_resource *r, struct gw_error *ret)
{
	const char *tenant = gw_resource_tenant(r), *asker = c->asker;
	int e;

	if (!r->parent && tenant && !gw_tenant_valid(tenant))
		return gw_error_set(ret, EINVAL, GW_ERR_INVALID_PROPERTY, "resourceMetadata.tenantId",
				    "must be 1 to %d letters, digits, '-' or '_': delete the resource and make it anew",
				    GW_TENANT_MAX);
	c->asker = tenant;
	e = gw_keys_check(c, r, ret);
	if (e == 0)
		e = gw_check(c, r, ret);
	c->asker = asker;
	return e;
}

static int note(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;
	struct gw_resource **larger;

	if (find_trouble(c, r, &why) == 0)
		return 0;
	larger = reallocarray(c->troubled, c->n_troubled + 1, sizeof *larger);
	if (!larger)
		return gw_error_oom(err);
	c->troubled = larger;
	if (asprintf(&r->now.trouble, "%s: %s", why.target, why.message) < 0) {
		r->now.trouble = NULL;
		return gw_error_oom(err);
	}
	c->troubled[c->n_troubled++] = r;
	return 0;
}

int gw_trouble_note(struct gw_catalog *c, struct gw_error *err)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < c->n_steps; i++)
		e = note(c, c->steps[i].r, err);
	return e;
}

void gw_trouble_forget(struct gw_catalog *c)
{
	size_t n = 0;

	/* A new version was accepted by the rules of today. */
	for (size_t i = 0; i < c->n_troubled; i++)
		if (!c->troubled[i]->gone && c->troubled[i]->now.trouble)
			c->troubled[n++] = c->troubled[i];
	c->n_troubled = n;
}

void gw_trouble_look_again(struct gw_catalog *c)
{
	struct gw_resource *later[AT_ONCE];
	size_t n = c->n_troubled < AT_ONCE ? c->n_troubled : AT_ONCE, left = 0;

	if (n == 0)
		return;
	c->siblings = (struct gw_siblings){0};
	c->settling++;
	for (size_t i = 0; i < n; i++) {
		struct gw_resource *r = c->troubled[i];
		struct gw_error why = GW_ERROR_INIT;

		if (find_trouble(c, r, &why) < 0) {
			later[left++] = r;
			continue;
		}
		free(r->now.trouble);
		r->now.trouble = NULL;
	}
	/* Next time it is the turn of others. */
	memmove(c->troubled, c->troubled + n, (c->n_troubled - n) * sizeof(struct gw_resource *));
	c->n_troubled -= n;
	for (size_t i = 0; i < left; i++)
		c->troubled[c->n_troubled++] = later[i];
}
