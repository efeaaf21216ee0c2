/*
 * records.c - the NICs of a virtual network: a lookup record for each address, a port for each NIC, and the choice of provider
 * addresses. See private.h.
 *
 *   no server                  nowhere: no record
 *   server                     a record on every node of the domain: where the address is
 *   server and hostInterface   and a port on that node, which thereby takes part in the domain
 */
#include "plan/private.h"

#include "model/resource/interface.h"
#include "model/resource/network.h"
#include "model/resource/policy.h"

#include <string.h>

#define PROFILES 64 /* that inherit from each other: more is taken for a circle */

/* --- provider addresses ------------------------------------------------------------------------------------------- */

static uint64_t fold(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* FNV-1a alone tells little of its last bytes: addresses differ in those. */
uint64_t gw_plan_score(const void *key, size_t n, const void *choice, size_t n_choice)
{
	uint64_t h = fold(fold(UINT64_C(0xcbf29ce484222325), key, n), choice, n_choice);

	h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
	return h ^ h >> 31;
}

bool gw_plan_pick_address(const struct gw_plan_job *j, const struct gw_resource *server, const void *key, size_t n,
			  struct gw_addr *ret)
{
	static const struct gw_uuid any;
	const struct gw_plan_unit *u = gw_plan_unit_find(j->p, &server->instance);
	const struct gw_plan_view *view = u ? gw_plan_node_view(GW_PLAN_NODE_OF(u)) : NULL;
	uint64_t best = 0, score;
	bool found = false;

	for (size_t i = 0; view && i < view->n; i++) {
		if (!gw_uuid_equal(&j->provider, &any) && !gw_uuid_equal(&j->provider, &view->addresses[i].network))
			continue;
		score = gw_plan_score(key, n, &view->addresses[i].pa, sizeof view->addresses[i].pa);
		if (found && score <= best)
			continue;
		found = true;
		best = score;
		*ret = view->addresses[i].pa;
	}
	return found;
}

/* --- ports -------------------------------------------------------------------------------------------------------- */

/* What the NIC says, else its profile, else what that inherits from. */
static int may_forward(struct gw_plan_job *j, const struct gw_resource *nic, bool *ret)
{
	const struct gw_network_interface *p = nic->now.properties;
	const struct gw_resource *profile = gw_reference(j->c, nic, p->profile);
	const struct gw_port_settings *settings = &p->settings;

	for (int i = 0; i < PROFILES; i++) {
		int e;

		if (GW_GIVEN(settings, port_settings, mac_spoofing) || !profile) {
			*ret = settings->mac_spoofing;
			return 0;
		}
		e = gw_plan_watch_root(&j->d->unit, profile);
		if (e < 0)
			return e;
		settings = &GW_PROPERTIES(profile, port_profile)->settings;
		profile = gw_reference(j->c, profile, GW_PROPERTIES(profile, port_profile)->inherits);
	}
	*ret = false;
	return 0;
}

static bool carries_underlay(const struct gw_plan_job *j, const struct gw_resource *server, const char *interface)
{
	const struct gw_plan_unit *u = gw_plan_unit_find(j->p, &server->instance);
	const struct gw_plan_view *view = u ? gw_plan_node_view(GW_PLAN_NODE_OF(u)) : NULL;

	for (size_t i = 0; view && i < view->n; i++)
		if (!strcmp(view->interfaces[i], interface))
			return true;
	return false;
}

/* As gw_vrf_port() and gw_vrf_exit() call them. */
static bool is_gateways(const char *interface)
{
	return !strncmp(interface, "gw", 2) && strchr("oe", interface[2]) && interface[2] && interface[3] &&
	       strspn(interface + 3, "0123456789") == strlen(interface + 3);
}

static int port(struct gw_plan_job *j, const struct gw_resource *nic, const struct gw_resource *server, uint32_t vsid)
{
	const struct gw_network_interface *p = nic->now.properties;
	struct gw_hnv_object o = {.kind = GW_HNV_PORT, .port = {.mac = p->mac, .vsid = vsid}};
	struct gw_error why = GW_ERROR_INIT;
	struct gw_plan_member *m;
	int e;

	if (is_gateways(p->host_interface))
		return gw_plan_note(&j->d->unit, nic, GW_PLAN_FAILURE, "InterfaceInUse",
				    "hostInterface %s is how a virtual gateway's is called: give the VM's another name",
				    p->host_interface);
	if (carries_underlay(j, server, p->host_interface))
		return gw_plan_note(&j->d->unit, nic, GW_PLAN_FAILURE, "InterfaceInUse",
				    "hostInterface %s carries a provider address of the server: it cannot be a VM's",
				    p->host_interface);
	memcpy(o.port.interface, p->host_interface, strlen(p->host_interface) + 1);
	e = may_forward(j, nic, &o.port.forwards);
	if (e < 0)
		return e;
	if (gw_hnv_check(&o, &j->p->params.router_mac, &why) < 0)
		return gw_plan_note(&j->d->unit, nic, GW_PLAN_FAILURE, "NotSupported", "%s: %s", why.target,
				    why.message);
	e = gw_plan_domain_join(j, server, &m);
	if (e < 0 || !m)
		return e;
	j->p->work.objects++;
	return gw_plan_set_stage(&m->own, &o, &nic->instance);
}

/* --- NICs --------------------------------------------------------------------------------------------------------- */

/* The one that says which virtual subnet the NIC's port is in: a port is in one. */
static const struct gw_resource *first_configuration(const struct gw_plan_job *j, const struct gw_resource *nic)
{
	const struct gw_resource *r = NULL;

	while ((r = gw_catalog_next(j->c, nic, GW_KIND_IP_CONFIGURATION, r)))
		if (gw_plan_is_valid(r))
			return r;
	return NULL;
}

static int configuration(struct gw_plan_job *j, const struct gw_resource *r, const struct gw_resource *subnet)
{
	const struct gw_resource *nic = r->parent, *first = first_configuration(j, nic), *server;
	const struct gw_network_interface *p = nic->now.properties;
	uint32_t vsid = GW_PROPERTIES(subnet, virtual_subnet)->vsid;
	struct gw_hnv_object o = {
		.kind = GW_HNV_LOOKUP_RECORD,
		.record = {.vsid = vsid,
			   .ca = GW_PROPERTIES(r, ip_configuration)->address,
			   .mac = p->mac,
			   .rule = GW_RULE_ENCAP,
			   .encap = j->encap,
			   .type = GW_RECORD_STATIC},
	};
	int e = gw_plan_watch_root(&j->d->unit, nic);

	server = gw_reference(j->c, nic, p->server);
	if (e < 0 || !server)
		return e;
	e = gw_plan_watch_root(&j->d->unit, server);
	if (e < 0)
		return e;
	if (first != r && gw_reference(j->c, first, GW_PROPERTIES(first, ip_configuration)->subnet) != subnet)
		return gw_plan_note(
			&j->d->unit, r, GW_PLAN_FAILURE, "OtherSubnet",
			"a port is in one virtual subnet, that of \"%s\": use another network interface for "
			"this one",
			first->id);
	if (!gw_plan_pick_address(j, server, &p->mac, sizeof p->mac, &o.record.pa))
		return gw_plan_note(&j->d->unit, nic, GW_PLAN_FAILURE, "NoProviderAddress",
				    "its server has no provider address %s: nobody finds it",
				    p->server && j->properties->logical_network
					    ? "in the virtual network's logicalNetwork"
					    : "that could carry the virtual network");
	e = gw_plan_domain_stage(j, r, &o);
	if (e < 0)
		return e;
	return r == first && p->host_interface ? port(j, nic, server, vsid) : 0;
}

int gw_plan_records(struct gw_plan_job *j)
{
	const struct gw_resource *subnet = NULL;
	int e = 0;

	while (e >= 0 && (subnet = gw_catalog_next(j->c, j->network, GW_KIND_VIRTUAL_SUBNET, subnet))) {
		if (!gw_plan_is_valid(subnet))
			continue;
		for (const struct gw_ref *ref = subnet->referrers; e >= 0 && ref; ref = ref->next)
			if (ref->from->kind == GW_KIND_IP_CONFIGURATION && gw_plan_is_valid(ref->from))
				e = configuration(j, ref->from, subnet);
	}
	return e < 0 ? e : 0;
}
