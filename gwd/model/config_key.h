/* config_key.h - between config.c, which reads the file, and config_key.c, which knows the keys. */
#ifndef GW_MODEL_CONFIG_KEY_H
#define GW_MODEL_CONFIG_KEY_H

#include "model/config.h"

enum { GW_CONFIG_KEYS = 65 };

/* Reads `value` into the field of the i-th key; -EINVAL with what is allowed in `why`. */
int gw_config_set(size_t i, const char *value, struct gw_config *config, char *why, size_t size);

#endif
