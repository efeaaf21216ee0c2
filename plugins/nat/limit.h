/*
 * limit.h - how many connections a virtual gateway may track: as many as are configured, unless the kernel's own bound comes first.
 * What is beyond that the kernel drops without a word to anybody, others' established connections among it. Called by gateway.c and
 * plugin.c.
 */
#ifndef GW_NAT_LIMIT_H
#define GW_NAT_LIMIT_H

#include <stdint.h>

#define NAT_KERNEL_LIMIT "net.netfilter.nf_conntrack_max"

/* The kernel's bound, which is the same for each namespace. 0: there is none, or the kernel keeps track of nothing yet. */
uint32_t nat_limit_kernel(void);
/* What may be used of `wanted`: gwd refuses new connections a little before the kernel throws away what it likes. */
uint32_t nat_limit_in_force(uint32_t wanted, uint32_t kernel, uint32_t new_rate);

#endif
