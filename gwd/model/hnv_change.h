/*
 * hnv_change.h - what a controller tells a node: records that are to be so, records that are to be gone, virtual subnets that are
 * to be forgotten with all that they have, routing domains whose gateway is: with its public addresses and NAT rules. One of them as
 * JSON, for the side that says it and the side that reads it:
 *
 *     {"put": "/hnv/lookupRecords/5001-10.1.1.11", "properties": {"ProviderAddress": "192.168.1.10", ...}}
 *     {"delete": "/hnv/ports/tap0"}
 *     {"forget": 5001}
 *     {"forgetGateway": "3d6a..."}
 */
#ifndef GW_MODEL_HNV_CHANGE_H
#define GW_MODEL_HNV_CHANGE_H

#include "model/config.h"
#include "model/hnv.h"

#include <jansson.h>

enum gw_hnv_change_type { GW_HNV_CHANGE_PUT, GW_HNV_CHANGE_DELETE, GW_HNV_CHANGE_FORGET, GW_HNV_CHANGE_FORGET_GATEWAY };

struct gw_hnv_change {
	enum gw_hnv_change_type type;
	struct gw_hnv_object *object; /* owned; of a deletion it has only its key. NULL when something is forgotten */
	uint32_t vsid;		      /* that is forgotten */
	struct gw_uuid rdid;	      /* whose gateway is forgotten */
};

/* NULL when memory ran out. */
json_t *gw_hnv_change_encode_put(const struct gw_hnv_object *o);
json_t *gw_hnv_change_encode_delete(const struct gw_hnv_object *key);
json_t *gw_hnv_change_encode_forget(uint32_t vsid);
json_t *gw_hnv_change_encode_forget_gateway(const struct gw_uuid *rdid);
/* "/hnv/ports/tap0" as an object that has only its key. */
int gw_hnv_change_parse_path(const char *path, struct gw_hnv_object **ret, struct gw_error *err);
/* `config` as of gw_hnv_decode. Refuses what is none of them, or more than one. */
int gw_hnv_change_decode(const json_t *j, const struct gw_config *config, struct gw_hnv_change *ret,
			 struct gw_error *err);

#endif
