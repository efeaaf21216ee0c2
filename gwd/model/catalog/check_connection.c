/*
 * check_connection.c - what only the whole can tell of the connections of a virtual gateway, of its BGP routers, peers and
 * policies, and of credentials. Called by check.c.
 */
#include "model/catalog/check.h"

#include "model/resource/connection.h"
#include "model/resource/policy.h"

#include <string.h>

/* --- connections -------------------------------------------------------------------------------------------------- */

static int check_selectors(const char *name, const struct gw_list *list, struct gw_error *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct gw_selector *s = GW_LIST_AT(*list, struct gw_selector, i);
		bool is_v6 = GW_GIVEN(s, selector, type) ? s->type != 0 : !gw_addr_is_v4(&s->first);
		int e = 0;

		if (gw_addr_is_v4(&s->first) == is_v6)
			e = gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "ipAddressStart",
					 "must be of the family that type says");
		else if (gw_addr_is_v4(&s->last) == is_v6 || gw_addr_cmp(&s->first, &s->last) > 0)
			e = gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "ipAddressEnd",
					 "must not be before ipAddressStart, nor of another family");
		else if (s->port_first > s->port_last)
			e = gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "portEnd",
					 "must not be before portStart");
		if (e < 0) {
			gw_error_prefix(err, "properties.ipSecConfiguration.%s[%zu].", name, i);
			return e;
		}
	}
	return 0;
}

static int check_interface_addresses(const struct gw_list *list, struct gw_error *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct gw_interface_address *a = GW_LIST_AT(*list, struct gw_interface_address, i);

		if (!gw_addr_is_unicast(&a->address))
			gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "ipAddress", "must be a unicast address");
		else if (gw_addr_is_v4(&a->address) && a->length > 32)
			gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "prefixLength", "is at most 32 for IPv4");
		else
			continue;
		gw_error_prefix(err, "properties.ipAddresses[%zu].", i);
		return -EINVAL;
	}
	return 0;
}

static bool same_next_hop(const struct gw_connection_route *a, const struct gw_connection_route *b)
{
	bool has = GW_GIVEN(a, connection_route, next_hop);

	return has == GW_GIVEN(b, connection_route, next_hop) && (!has || gw_addr_equal(&a->next_hop, &b->next_hop));
}

/* Several ways to one prefix are ways of several next hops. */
static int check_routes(const struct gw_list *list, struct gw_error *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct gw_connection_route *a = GW_LIST_AT(*list, struct gw_connection_route, i);
		int e = 0;

		if (GW_GIVEN(a, connection_route, next_hop) &&
		    (!gw_addr_is_unicast(&a->next_hop) || !gw_addr_same_family(&a->next_hop, &a->prefix.addr)))
			e = gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "nextHop",
					 "must be a unicast address of the prefix's family");
		for (size_t j = 0; e == 0 && j < i; j++) {
			const struct gw_connection_route *b = GW_LIST_AT(*list, struct gw_connection_route, j);

			if (gw_prefix_equal(&a->prefix, &b->prefix) && same_next_hop(a, b))
				e = gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "destinationPrefix",
						 "routes[%zu] is the same route", j);
		}
		if (e < 0) {
			gw_error_prefix(err, "properties.routes[%zu].", i);
			return e;
		}
	}
	return 0;
}

static int check_ends(const struct gw_connection *p, struct gw_error *err)
{
	bool has_source = GW_GIVEN(p, connection, source), has_destination = GW_GIVEN(p, connection, destination);

	if (has_source && (!gw_addr_is_unicast(&p->source) || gw_addr_is_link_local(&p->source)))
		return bad(err, "sourceIPAddress", "must be a unicast address, and none of a link only");
	if (has_destination && (!gw_addr_is_unicast(&p->destination) || gw_addr_is_link_local(&p->destination)))
		return bad(err, "destinationIPAddress", "must be a unicast address, and none of a link only");
	if (has_source && has_destination && !gw_addr_same_family(&p->source, &p->destination))
		return bad(err, "sourceIPAddress", "must be of the family of destinationIPAddress");
	if (p->type != GW_CONNECTION_GRE)
		return 0;
	if (has_source && !gw_addr_is_v4(&p->source))
		return bad(err, "sourceIPAddress",
			   "must be an IPv4 address: GRE goes over IPv4 in this version, whatever is in it");
	if (has_destination && !gw_addr_is_v4(&p->destination))
		return bad(err, "destinationIPAddress",
			   "must be an IPv4 address: GRE goes over IPv4 in this version, whatever is in it");
	return 0;
}

/* Ciphers that authenticate are not authenticated by another algorithm; something has to. */
static int check_modes(const struct gw_ipsec *p, struct gw_error *err)
{
	const char *cipher = GW_GIVEN(&p->quick, quick_mode, cipher) ? gw_esp_ciphers[p->quick.cipher] : "";
	const char *integrity =
		GW_GIVEN(&p->quick, quick_mode, integrity) ? gw_esp_integrities[p->quick.integrity] : "";
	static const char at[] = "ipSecConfiguration.quickMode.authenticationTransformationConstant";

	if (!strcmp(cipher, "None") && !strcmp(integrity, "None"))
		return bad(err, at, "must not be None as well: nothing would be protected");
	if (!strncmp(cipher, "GCM", 3) && *integrity && strcmp(integrity, "None") != 0 &&
	    strcmp(integrity, cipher) != 0)
		return bad(err, at, "must be %s as cipherTransformationConstant, or left out", cipher);
	if (GW_GIVEN(&p->main, main_mode, group) && !strcmp(gw_dh_groups[p->main.group], "None"))
		return bad(err, "ipSecConfiguration.mainMode.diffieHellmanGroup",
			   "must not be None: IKE has no keys without one");
	return 0;
}

static int check_authentication(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_ipsec *p = &GW_PROPERTIES(r, connection)->ipsec;
	const struct gw_resource *credential = gw_reference(c, r, p->credential);

	if (p->authentication == GW_AUTHENTICATION_PSK)
		return p->secret ? 0
				 : missing(err, "ipSecConfiguration.sharedSecret",
					   "missing: authenticationMethod PSK needs it");
	if (!credential)
		return missing(err, "ipSecConfiguration.credential",
			       "missing: authenticationMethod Certificate needs it");
	if (!gw_credential_is_certificate(GW_PROPERTIES(credential, credential)->type))
		return bad(err, "ipSecConfiguration.credential",
			   "must be a certificate: authenticationMethod is Certificate");
	return 0;
}

/* Packets of a tunnel are told from those of another by their ends and their key only. */
static int compare_tunnels(const struct gw_connection *p, const struct gw_connection *q)
{
	bool has_key = GW_GIVEN(&p->gre, gre, key), has_source = GW_GIVEN(p, connection, source);
	int n = gw_addr_cmp(&p->destination, &q->destination);

	if (n == 0)
		n = gw_order(has_key, GW_GIVEN(&q->gre, gre, key));
	if (n == 0)
		n = gw_order(p->gre.key, q->gre.key);
	if (n == 0)
		n = gw_order(has_source, GW_GIVEN(q, connection, source));
	return n || !has_source ? n : gw_addr_cmp(&p->source, &q->source);
}

/* By what no two of a gateway may have alike. */
static int compare_connections(const struct gw_resource *a, const struct gw_resource *b)
{
	const struct gw_connection *p = a->now.properties, *q = b->now.properties;

	if (p->type != q->type)
		return gw_order(p->type, q->type);
	if (p->type == GW_CONNECTION_GRE)
		return compare_tunnels(p, q);
	return gw_order((uintptr_t)gw_referred(a, GW_KIND_LOGICAL_SUBNET),
			(uintptr_t)gw_referred(b, GW_KIND_LOGICAL_SUBNET));
}

static int by_place(const void *a, const void *b)
{
	return compare_connections(gw_child_at(a), gw_child_at(b));
}

static bool same_place(const struct gw_resource *a, const struct gw_resource *b)
{
	return GW_PROPERTIES(a, connection)->type != GW_CONNECTION_IPSEC && compare_connections(a, b) == 0;
}

static int check_others(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_resource *other = NULL;

	if (gw_children_apart(c, r->parent, r->kind, by_place, same_place))
		return 0;
	while ((other = gw_catalog_next(c, r->parent, r->kind, other))) {
		if (other == r || !same_place(r, other))
			continue;
		if (GW_PROPERTIES(r, connection)->type == GW_CONNECTION_GRE)
			return conflict(err, "greConfiguration.greKey",
					"connection \"%s\" has it, with the same ends: give one of them another",
					other->id);
		return conflict(err, "l3Configuration.vlanSubnet", "connection \"%s\" leads there", other->id);
	}
	return 0;
}

static int check_connection(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_connection *p = r->now.properties;
	int e = check_selectors("localVpnTrafficSelector", &p->ipsec.local, err);

	if (e == 0)
		e = check_selectors("remoteVpnTrafficSelector", &p->ipsec.remote, err);
	if (e == 0)
		e = check_interface_addresses(&p->addresses, err);
	if (e == 0)
		e = gw_check_unicast("peerIPAddresses", &p->peers, err);
	if (e == 0)
		e = check_routes(&p->routes, err);
	if (e == 0)
		e = check_ends(p, err);
	if (e == 0)
		e = check_modes(&p->ipsec, err);
	if (e < 0)
		return e;
	if (p->type != GW_CONNECTION_IPSEC && GW_GIVEN(p, connection, ipsec))
		return bad(err, "ipSecConfiguration", "is for connectionType IPSec only");
	if (p->type != GW_CONNECTION_GRE && GW_GIVEN(p, connection, gre))
		return bad(err, "greConfiguration", "is for connectionType GRE only");
	if (p->type != GW_CONNECTION_L3 && GW_GIVEN(p, connection, l3))
		return bad(err, "l3Configuration", "is for connectionType L3 only");
	if (p->type == GW_CONNECTION_L3) {
		if (!GW_GIVEN(p, connection, l3))
			return missing(err, "l3Configuration", "missing: connectionType L3 needs it");
		return check_others(c, r, err);
	}
	if (!GW_GIVEN(p, connection, destination))
		return missing(err, "destinationIPAddress", "missing: where does the tunnel end?");
	if (p->type == GW_CONNECTION_GRE)
		return check_others(c, r, err);
	if (!GW_GIVEN(p, connection, ipsec))
		return missing(err, "ipSecConfiguration", "missing: connectionType IPSec needs it");
	return check_authentication(c, r, err);
}

/* --- BGP ---------------------------------------------------------------------------------------------------------- */

static int check_bgp_router(const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_bgp_router *p = r->now.properties;

	if (p->ext_as == 0)
		return bad(err, "extAsNumber", "must not be 0.0");
	if (GW_GIVEN(p, bgp_router, router_id) && (!gw_addr_is_v4(&p->router_id) || gw_addr_is_any(&p->router_id)))
		return bad(err, "routerId", "must be written as an IPv4 address, and not be 0.0.0.0");
	for (size_t i = 0; i < p->networks.n; i++)
		if (!gw_check_routable(GW_LIST_AT(p->networks, struct gw_prefix, i)))
			return bad(err, "bgpNetworks", "element %zu is for no hosts that can be reached", i);
	return gw_check_unicast("routerIP", &p->addresses, err);
}

static int check_map(const struct gw_catalog *c, const struct gw_resource *r, const char *name, const char *path,
		     struct gw_error *err)
{
	const struct gw_resource *map = gw_reference(c, r, path);

	if (map && map->parent != r->parent->parent)
		return bad(err, name, "belongs to another virtual gateway");
	return 0;
}

static bool same_peer(const struct gw_resource *a, const struct gw_resource *b)
{
	return gw_addr_equal(&GW_PROPERTIES(a, bgp_peer)->address, &GW_PROPERTIES(b, bgp_peer)->address);
}

static int by_peer(const void *a, const void *b)
{
	return gw_addr_cmp(&GW_PROPERTIES(gw_child_at(a), bgp_peer)->address,
			   &GW_PROPERTIES(gw_child_at(b), bgp_peer)->address);
}

static int check_bgp_peer(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_bgp_peer *p = r->now.properties;
	const struct gw_resource *other = NULL;
	int e = check_map(c, r, "policyMapIn", p->map_in, err);
	bool as = GW_GIVEN(p, bgp_peer, as), ext_as = GW_GIVEN(p, bgp_peer, ext_as);

	if (e == 0)
		e = check_map(c, r, "policyMapOut", p->map_out, err);
	if (e < 0)
		return e;
	if (!gw_addr_is_unicast(&p->address))
		return bad(err, "peerIpAddress", "must be a unicast address");
	if (!as && !ext_as)
		return missing(err, "extAsNumber", "missing: give asNumber or extAsNumber");
	if (as && ext_as && p->as != p->ext_as)
		return bad(err, "asNumber", "must be the same number as extAsNumber");
	if (ext_as && p->ext_as == 0)
		return bad(err, "extAsNumber", "must not be 0.0");
	if (p->has_password && !p->password)
		return missing(err, "password",
			       "missing: hasPassword says that there is one, and none is known here; say it, or leave "
			       "hasPassword out");
	if (p->password && GW_GIVEN(p, bgp_peer, has_password) && !p->has_password)
		return bad(err, "hasPassword", "must be true, or left out: there is a password");
	if (gw_children_apart(c, r->parent, r->kind, by_peer, same_peer))
		return 0;
	while ((other = gw_catalog_next(c, r->parent, r->kind, other)))
		if (other != r && same_peer(other, r))
			return conflict(err, "peerIpAddress", "peer \"%s\" has it", other->id);
	return 0;
}

/* --- policies ----------------------------------------------------------------------------------------------------- */

static bool is_prefix(const char *s)
{
	struct gw_prefix prefix;

	return gw_prefix_parse(s, &prefix) == 0;
}

static bool is_address(const char *s)
{
	struct gw_addr a;

	return gw_addr_parse(s, &a) == 0 && gw_addr_is_unicast(&a);
}

static const char *why_no_match(const struct gw_policy_match *m)
{
	switch ((enum gw_policy_clause)m->clause) {
	case GW_CLAUSE_PREFIX:
		return is_prefix(m->value) ? NULL : "must be a prefix as 10.0.0.0/8";
	case GW_CLAUSE_AS_RANGE:
		return gw_value_is_as_range(m->value) ? NULL : "must be an AS number as 64512, or two as 64512-65534";
	case GW_CLAUSE_COMMUNITY:
		return gw_value_is_community(m->value) ? NULL : "must be a community as 64512:100 or no-export";
	case GW_CLAUSE_NEXT_HOP:
		return is_address(m->value) || is_prefix(m->value) ? NULL : "must be an address, or a prefix";
	}
	return NULL;
}

static int check_policy(const struct gw_policy *p, struct gw_error *err)
{
	for (size_t i = 0; i < p->match.n; i++) {
		const char *why = why_no_match(GW_LIST_AT(p->match, struct gw_policy_match, i));

		if (!why)
			continue;
		gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "value", "%s", why);
		gw_error_prefix(err, "matchCriteria[%zu].", i);
		return -EINVAL;
	}
	for (size_t i = 0; i < p->set.n; i++) {
		const struct gw_policy_action *a = GW_LIST_AT(p->set, struct gw_policy_action, i);

		if (!a->given)
			gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "", "must set something");
		else if (GW_GIVEN(a, policy_action, next_hop) && !gw_addr_is_unicast(&a->next_hop))
			gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, ".NextHop", "must be a unicast address");
		else if (a->community && !gw_value_is_community(a->community))
			gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, ".Community",
				     "must be a community as 64512:100 or no-export");
		else
			continue;
		gw_error_prefix(err, "setActions[%zu]", i);
		return -EINVAL;
	}
	return 0;
}

static int check_policy_map(const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_list *policies = &GW_PROPERTIES(r, policy_map)->policies;
	int e = 0;

	for (size_t i = 0; e == 0 && i < policies->n; i++) {
		e = check_policy(GW_LIST_AT(*policies, struct gw_policy, i), err);
		if (e < 0)
			gw_error_prefix(err, "properties.policyList[%zu].", i);
	}
	return e;
}

/* --- credentials -------------------------------------------------------------------------------------------------- */

static int check_credential(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_credential *p = r->now.properties;

	/* Who copies one from a GET has to say the secret again: without it nothing could be proved with it. */
	if (!p->value)
		return missing(err, "value", "missing: it is what the credential is for, and no GET answers it");
	if (p->type == GW_CREDENTIAL_PASSWORD && !p->user)
		return missing(err, "userName", "missing: type UsernamePassword needs it");
	if (gw_credential_is_certificate(p->type))
		return 0;
	for (const struct gw_ref *ref = r->referrers; ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_CONNECTION &&
		    GW_PROPERTIES(ref->from, connection)->type == GW_CONNECTION_IPSEC &&
		    GW_PROPERTIES(ref->from, connection)->ipsec.authentication != GW_AUTHENTICATION_PSK)
			return conflict(err, "type", "connection %s needs a certificate", gw_told_name(c, ref->from));
	return 0;
}

int gw_check_connection(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	switch (r->kind) {
	case GW_KIND_CONNECTION:
		return check_connection(c, r, err);
	case GW_KIND_BGP_ROUTER:
		return check_bgp_router(r, err);
	case GW_KIND_BGP_PEER:
		return check_bgp_peer(c, r, err);
	case GW_KIND_POLICY_MAP:
		return check_policy_map(r, err);
	case GW_KIND_CREDENTIAL:
		return check_credential(c, r, err);
	default:
		return 0;
	}
}
