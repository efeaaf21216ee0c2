/*
 * node_gateway.c - what a node's report says of it as a gateway. Called by node_status.c.
 *
 *     {"capabilities": {"version": "0.1.0", "drivers": {"nat": {"state": "Synced"}}},
 *      "virtualGateways": {"11111111-2222-3333-4444-000000000001": {"state": "Ready", "counters": {"txBytes": 7},
 *                          "customerAddresses": ["10.0.255.2/29"], "publicAddresses": ["198.51.100.9:4096-8191"]}}}
 *
 * What it is in detail is for drivers to say: it is kept as it comes, as long as it is fit to be shown, and not much.
 */
#include "api/node.h"

#include "base/addr.h"
#include "model/plain.h"

#include <errno.h>

#define GATEWAYS_MAX	  1000
#define GATEWAY_DEPTH	  3
#define GATEWAY_VALUES	  256
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

static int take_one(const char *name, json_t *gateway, json_t *all, struct gw_error *err)
{
	char text[GW_UUID_STRLEN];
	struct gw_uuid rdid;

	if (gw_uuid_parse(name, &rdid) < 0)
		return bad(err, "gateway.virtualGateways", "are named by their routing domains");
	if (!is_object(gateway, GATEWAY_DEPTH, GATEWAY_VALUES))
		return bad(err, "gateway.virtualGateways",
			   "must be objects of numbers and short texts, and not of many");
	return json_object_set(all, gw_uuid_format(&rdid, text), gateway) < 0 ? gw_error_oom(err) : 0;
}

int gw_api_take_gateway(const json_t *body, json_t **ret, struct gw_error *err)
{
	json_t *said = json_object_get(body, "gateway"), *capabilities, *all, *copy, *one;
	const char *name;
	int r = 0;

	if (!said)
		return 0;
	capabilities = json_object_get(said, "capabilities");
	all = json_object_get(said, "virtualGateways");
	if (!json_is_object(said) || (all && (!json_is_object(all) || json_object_size(all) > GATEWAYS_MAX)))
		return bad(err, "gateway", "must be an object, with virtualGateways of up to 1000");
	if (capabilities && !is_object(capabilities, CAPABILITY_DEPTH, CAPABILITY_VALUES))
		return bad(err, "gateway.capabilities",
			   "must be an object of numbers and short texts, and not of many");
	copy = json_object();
	json_object_foreach(all, name, one)
	{
		r = take_one(name, one, copy, err);
		if (r < 0)
			break;
	}
	if (r == 0)
		*ret = json_pack("{s:O*, s:O}", "capabilities", capabilities, "virtualGateways", copy);
	json_decref(copy);
	return r < 0 || *ret ? r : gw_error_oom(err);
}
