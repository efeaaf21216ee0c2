/* test.h - what every unit test needs before cmocka can be
 * used. Table-driven: a failing row prints which one it was. */
#ifndef GW_TESTS_UNIT_TEST_H
#define GW_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__has_feature)
#define GW_TEST_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define GW_TEST_ASAN 1
#else
#define GW_TEST_ASAN 0
#endif

#define GW_N(array) (sizeof(array) / sizeof *(array))

/* Fails the test with text of our own when `cond` is false. */
#define check(cond, ...)                                                                                               \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			fail_msg(#cond ": " __VA_ARGS__);                                                              \
	} while (0)

#endif
