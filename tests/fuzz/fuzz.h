/* fuzz.h - what every fuzz target needs: libFuzzer's entry point and a check that ends the run with its place. */
#ifndef GW_TESTS_FUZZ_FUZZ_H
#define GW_TESTS_FUZZ_FUZZ_H

#include "base/error.h"
#include "base/utf8.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(c)                                                                                                     \
	do {                                                                                                           \
		if (!(c)) {                                                                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c);                                        \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* A refusal says something, and only what can be shown to anyone. */
static inline void require_reason(const struct gw_error *err)
{
	require(err->code != GW_ERR_NONE && err->message[0]);
	require(gw_utf8_is_printable(err->target) && gw_utf8_is_printable(err->message));
}

#endif
