/*
 * node_gateway.c - what a node's report says of it as a gateway. Called by node_status.c.
 *
 *     {"capabilities": {"version": "0.1.0", "drivers": {"nat": {"state": "Synced"}}},
 *      "virtualGateways": {"11111111-2222-3333-4444-000000000001": {"state": "Ready", "counters": {"txBytes": 7},
 *                          "customerAddresses": ["10.0.255.2/29"], "publicAddresses": ["198.51.100.9:4096-8191"]}},
 *      "publicAddresses": {...},                which is in gwd/sync/counted.c
 *      "connections": {...}}                    which is in gwd/sync/connections.c
 *
 * What it is in detail is for drivers to say: it is kept as it comes, as long as it is fit to be shown, and not much.
 */
#include "api/node.h"

#include "base/addr.h"
#include "model/plain.h"

#include <errno.h>
#include <stdio.h>

#define GATEWAY_DEPTH	  3
#define GATEWAY_VALUES	  256
#define COUNTED_VALUES	  16384
#define CAPABILITY_DEPTH  5
#define CAPABILITY_VALUES 512

static int bad(struct gw_error *err, const char *name, const char *what)
{
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, name, "%s", what);
}

static bool is_object(const json_t *j, unsigned depth, size_t values)
{
	return json_is_object(j) && gw_plain_is(j, depth, &values);
}

/* The members of an object that are named by routing domains, or connections, with plain values, and not many. *ret, NULL at first, is a copy. */
static int take_domains(const json_t *said, const char *name, size_t values, json_t **ret, struct gw_error *err)
{
	json_t *all = json_object_get(said, name), *copy, *one;
	char target[64];
	const char *key;
	int r = 0;

	if (!all)
		return 0;
	snprintf(target, sizeof target, "gateway.%s", name);
	if (!json_is_object(all) || json_object_size(all) > GW_VRF_LIMIT_MAX)
		return bad(err, target, "must be an object of up to 4096");
	copy = json_object();
	json_object_foreach(all, key, one)
	{
		char text[GW_UUID_STRLEN];
		struct gw_uuid rdid;

		if (gw_uuid_parse(key, &rdid) < 0)
			r = bad(err, target, "are named by UUIDs");
		else if (!is_object(one, GATEWAY_DEPTH, values))
			r = bad(err, target, "must be objects of numbers and short texts, and not of many");
		else if (json_object_set(copy, gw_uuid_format(&rdid, text), one) < 0)
			r = gw_error_oom(err);
		if (r < 0) {
			json_decref(copy);
			return r;
		}
	}
	*ret = copy;
	return copy ? 0 : gw_error_oom(err);
}

int gw_api_take_gateway(const json_t *body, json_t **ret, struct gw_error *err)
{
	json_t *said = json_object_get(body, "gateway"), *capabilities, *gateways = NULL, *counted = NULL, *ways = NULL;
	int r;

	if (!said)
		return 0;
	if (!json_is_object(said))
		return bad(err, "gateway", "must be an object");
	capabilities = json_object_get(said, "capabilities");
	if (capabilities && !is_object(capabilities, CAPABILITY_DEPTH, CAPABILITY_VALUES))
		return bad(err, "gateway.capabilities",
			   "must be an object of numbers and short texts, and not of many");
	r = take_domains(said, "virtualGateways", GATEWAY_VALUES, &gateways, err);
	if (r == 0)
		r = take_domains(said, "publicAddresses", COUNTED_VALUES, &counted, err);
	if (r == 0)
		r = take_domains(said, "connections", GATEWAY_VALUES, &ways, err);
	if (r == 0) {
		*ret = json_pack("{s:O*, s:O*, s:O*, s:O*}", "capabilities", capabilities, "virtualGateways", gateways,
				 "publicAddresses", counted, "connections", ways);
		r = *ret ? 0 : gw_error_oom(err);
	}
	json_decref(gateways);
	json_decref(counted);
	json_decref(ways);
	return r;
}
