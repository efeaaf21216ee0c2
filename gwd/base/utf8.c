/* utf8.c - see utf8.h. Used wherever bytes from outside end up in a log line, an error or a stored name. */
#include "base/utf8.h"

#include <stdint.h>

static bool is_continuation(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

size_t gw_utf8_printable(const char *s)
{
	const uint8_t *b = (const uint8_t *)s;
	uint32_t c;

	if (b[0] < 0x80)
		return b[0] >= 0x20 && b[0] != 0x7f;
	/* Each test stops at a NUL, which is no continuation byte. */
	if ((b[0] & 0xe0) == 0xc0) {
		if (!is_continuation(b[1]))
			return 0;
		c = (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu);
		return c >= 0xa0 ? 2 : 0; /* below 0x80: overlong; below 0xa0: C1 control characters */
	}
	if ((b[0] & 0xf0) == 0xe0) {
		if (!is_continuation(b[1]) || !is_continuation(b[2]))
			return 0;
		c = (b[0] & 0xfu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
		return c >= 0x800 && (c < 0xd800 || c > 0xdfff) ? 3 : 0;
	}
	if ((b[0] & 0xf8) == 0xf0) {
		if (!is_continuation(b[1]) || !is_continuation(b[2]) || !is_continuation(b[3]))
			return 0;
		c = (b[0] & 0x7u) << 18 | (b[1] & 0x3fu) << 12 | (b[2] & 0x3fu) << 6 | (b[3] & 0x3fu);
		return c >= 0x10000 && c <= 0x10ffff ? 4 : 0;
	}
	return 0;
}

bool gw_utf8_is_printable(const char *s)
{
	while (*s) {
		size_t n = gw_utf8_printable(s);

		if (!n)
			return false;
		s += n;
	}
	return true;
}

void gw_utf8_tame(char *s)
{
	while (*s) {
		size_t n = gw_utf8_printable(s);

		if (!n)
			*s = '?';
		s += n ? n : 1;
	}
}
