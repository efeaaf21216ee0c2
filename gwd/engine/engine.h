/* engine.h - the encap engine as a driver: lookup records, customer routes and ports brought into the BPF maps. */
#ifndef GW_ENGINE_ENGINE_H
#define GW_ENGINE_ENGINE_H

#include "driver.h"

extern const struct gw_driver_ops gw_engine_driver;

#endif
