/*
 * vrf.h - driver "vrf": a network namespace for each virtual gateway of the intent, with the links, addresses, routes and
 * settings that make it the routing domain's router to the outside. What passes its links is the engine's, what is translated in
 * it a plugin's business; both find the namespace by its name (netns/netns.h).
 *
 *       node                                  gwd-NODE-VSID
 *
 *       gwo<vsid>, a port of the engine ----- ovl0   MAC and customer addresses of the record
 *       gwe<vsid>, quiet                ----- ext0   the domain's public addresses; default routes
 */
#ifndef GW_VRF_VRF_H
#define GW_VRF_VRF_H

#include "driver.h"

extern const struct gw_driver_ops gw_vrf_driver;

#endif
