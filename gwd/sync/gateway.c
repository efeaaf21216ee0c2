/*
 * gateway.c - what a node says of itself as a gateway: what it can carry, and how the virtual gateways are that it does. Part of the
 * details of a report. Called by report.c.
 *
 * What drivers say is passed on as they say it, and nothing is added but limits: capabilities of their status, and what they describe
 * of a virtual gateway. So a plugin that comes later needs nothing here.
 */
#include "sync/private.h"

#include "model/plain.h"

#include <string.h>
#include <sys/utsname.h>

#define ADDRESSES 32  /* of each virtual gateway, that are told one by one */
#define VALUES	  128 /* that drivers say of each, and of what they can */
#define DEPTH	  3

static const char *member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* --- what it can carry -------------------------------------------------------------------------------------------- */

/* What drivers can do together: lists that each may have among its capabilities. */
static const char *const together[] = {"connectionTypes", "authenticationMethods", "algorithms"};

static bool has_text(const json_t *list, const char *text)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)list, i, one)
	{
		if (!strcmp(json_string_value(one), text))
			return true;
	}
	return false;
}

/* One that fails does nothing of it. */
static void add_together(json_t *all, json_t *driver, bool works)
{
	for (size_t k = 0; k < sizeof together / sizeof *together; k++) {
		json_t *to = json_object_get(all, together[k]), *one;
		size_t i;

		json_array_foreach(json_object_get(driver, together[k]), i, one)
		{
			if (works && json_is_string(one) && !has_text(to, json_string_value(one)))
				json_array_append(to, one);
		}
		json_object_del(driver, together[k]);
	}
}

/* {"engine": {"state": "Synced", ...}}: the drivers that are there, plugins too. */
static json_t *drivers(const json_t *status, json_t *capabilities)
{
	const json_t *sync = json_object_get(json_object_get(status, "node"), "sync");
	json_t *all = json_object(), *one;
	const char *name;

	json_object_foreach((json_t *)sync, name, one)
	{
		json_t *own = json_object_get(json_object_get(status, name), "capabilities");
		json_t *driver = json_is_object(own) ? json_copy(own) : json_object();

		if (!member(one, "state")) {
			json_decref(driver);
			continue;
		}
		gw_plain_prune(driver, DEPTH, VALUES);
		add_together(capabilities, driver, strcmp(member(one, "state"), "Failing") != 0);
		json_object_set(driver, "state", json_object_get(one, "state"));
		json_object_set_new(all, name, driver);
	}
	return all;
}

/* How many records of each kind the node takes; what is more a manager finds refused. */
static json_t *limits(const struct gw_config *config)
{
	struct gw_intent_limits limits = {0};
	json_t *all = json_object();

	gw_config_intent_limits(config, &limits);
	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		json_object_set_new(all, gw_hnv_kind_path((enum gw_hnv_kind)k),
				    json_integer((json_int_t)limits.max[k]));
	return all;
}

static json_t *capabilities(const struct gw_service *service, const json_t *status)
{
	struct utsname host;
	json_t *all = json_pack("{s:s, s:s*, s:[ss]}", "version", GW_VERSION, "kernel",
				uname(&host) == 0 ? host.release : NULL, "encapsulations", "NVGRE", "VXLAN");

	for (size_t k = 0; k < sizeof together / sizeof *together; k++)
		json_object_set_new(all, together[k], json_array());
	json_object_set_new(all, "limits", limits(service->config));
	json_object_set_new(all, "drivers", drivers(status, all));
	return all;
}

/* --- what it does carry ------------------------------------------------------------------------------------------- */

static void add_prefix(json_t *list, const struct gw_addr *a, uint8_t len)
{
	char text[GW_ADDR_STRLEN];

	json_array_append_new(list, json_sprintf("%s/%u", gw_addr_format(a, text), len));
}

static json_t *customer_addresses(const struct gw_vrf *vrf)
{
	json_t *list = json_array();

	if (vrf->has_ca)
		add_prefix(list, &vrf->ca, vrf->prefix_len);
	if (vrf->has_ca6)
		add_prefix(list, &vrf->ca6, vrf->prefix_len6);
	return list;
}

/* "198.51.100.10", "198.51.100.9:4096-8191", "2001:db8::/56" */
static void add_public(json_t *list, const struct gw_public *p)
{
	char text[GW_ADDR_STRLEN];

	if (p->port_count > 1)
		json_array_append_new(list, json_sprintf("%s:%u-%u", gw_addr_format(&p->prefix.addr, text),
							 p->first_port, p->first_port + p->port_count - 1));
	else if (p->port_count)
		json_array_append_new(list,
				      json_sprintf("%s:%u", gw_addr_format(&p->prefix.addr, text), p->first_port));
	else if (p->prefix.len == (gw_addr_is_v4(&p->prefix.addr) ? 32 : 128))
		json_array_append_new(list, json_string(gw_addr_format(&p->prefix.addr, text)));
	else
		add_prefix(list, &p->prefix.addr, p->prefix.len);
}

/* Some, and of how many others there are the number. */
static void add_publics(json_t *gateway, const struct gw_intent *intent, const struct gw_vrf *vrf)
{
	const struct gw_hnv_object *o = NULL;
	json_t *list = json_array();
	size_t more = 0;

	while ((o = gw_intent_next_of_domain(intent, GW_HNV_PUBLIC, &vrf->rdid, o)))
		if (json_array_size(list) < ADDRESSES)
			add_public(list, &o->public);
		else
			more++;
	json_object_set_new(gateway, "publicAddresses", list);
	if (more)
		json_object_set_new(gateway, "morePublicAddresses", json_integer((json_int_t)more));
}

/* "dropReasons" of it, and of its parts, in fewer words. */
static void shorten(json_t *j, unsigned depth)
{
	json_t *drops = json_object_get(j, "dropReasons"), *part;
	const char *name;
	void *next;

	if (drops) {
		json_object_set_new(j, "drops", gw_sync_counted(drops, "reason"));
		json_object_del(j, "dropReasons");
	}
	json_object_foreach_safe(depth ? j : NULL, next, name, part)
	{
		shorten(part, depth - 1);
	}
}

json_t *gw_sync_gateway(void)
{
	return json_pack("{s:{}, s:{}, s:{}}", "virtualGateways", "publicAddresses", "connections");
}

void gw_sync_tell_gateway(const struct gw_service *service, const struct gw_hnv_object *o, json_t *all)
{
	json_t *j = json_object();
	char text[GW_UUID_STRLEN];

	service->describe(service->ctx, o, j);
	shorten(j, 1);
	gw_plain_prune(j, DEPTH, VALUES);
	json_object_set_new(j, "customerAddresses", customer_addresses(&o->vrf));
	add_publics(j, service->intent, &o->vrf);
	json_object_set_new(json_object_get(all, "virtualGateways"), gw_uuid_format(&o->vrf.rdid, text), j);
	gw_sync_tell_counted(service, &o->vrf.rdid, json_object_get(all, "publicAddresses"));
	gw_sync_tell_connections(service, &o->vrf.rdid, json_object_get(all, "connections"));
}

void gw_sync_tell_capabilities(const struct gw_service *service, const json_t *status, json_t *all)
{
	json_object_set_new(all, "capabilities", capabilities(service, status));
}
