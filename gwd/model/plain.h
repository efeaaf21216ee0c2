/*
 * plain.h - JSON that is passed on as it came, from drivers and from nodes, and shown to people: numbers, truth values, short texts,
 * lists and objects of them, and not many. What is anything else is dropped by who sends it, and refused by who gets it. Pure.
 */
#ifndef GW_MODEL_PLAIN_H
#define GW_MODEL_PLAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define GW_PLAIN_NAMELEN 64
#define GW_PLAIN_TEXTLEN 512

/* Of objects and lists in each other at most `depth`. *left is how many values there may be yet. */
bool gw_plain_is(const json_t *j, unsigned depth, size_t *left);
/* Drops members of the object that are not plain, or one too many; their order is kept. */
void gw_plain_prune(json_t *object, unsigned depth, size_t left);

#endif
