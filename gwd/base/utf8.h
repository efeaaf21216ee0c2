/* utf8.h - what is text and what is not: for names that users choose and for messages that quote them. */
#ifndef GW_BASE_UTF8_H
#define GW_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at the start of `s`: 1..4, or 0 when it is no valid UTF-8, a control character or the end. */
size_t gw_utf8_printable(const char *s);
bool gw_utf8_is_printable(const char *s);
/* Makes `s` printable in place: each byte that is not part of a printable character becomes '?'. */
void gw_utf8_tame(char *s);

#endif
