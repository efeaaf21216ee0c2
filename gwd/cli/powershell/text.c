/* text.c - see text.h. Called by the tokenizer and the evaluator of scripts. */
#include "cli/powershell/text.h"

#include "cli/text.h"

#include <errno.h>
#include <string.h>

/* Strict: no surrogates, nothing longer than needed. 0 when it is no character. */
static size_t decode_utf8(const uint8_t *b, size_t n, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = b[0] < 0x80 ? 1 : b[0] < 0xc2 ? 0 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : b[0] < 0xf5 ? 4 : 0;
	uint32_t c;

	if (len == 0 || len > n)
		return 0;
	c = len == 1 ? b[0] : b[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (b[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return len;
}

static size_t encode_utf8(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Bytes of the character at b[0], 0 when there is none. */
static size_t decode_utf16(const uint8_t *b, size_t n, bool big, uint32_t *ret)
{
#define UNIT(i) ((uint32_t)(big ? b[i] << 8 | b[(i) + 1] : b[(i) + 1] << 8 | b[i]))
	uint32_t high, low;

	if (n < 2)
		return 0;
	high = UNIT(0);
	if (high < 0xd800 || high >= 0xe000) {
		*ret = high;
		return 2;
	}
	if (high >= 0xdc00 || n < 4)
		return 0;
	low = UNIT(2);
	if (low < 0xdc00 || low >= 0xe000)
		return 0;
	*ret = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return 4;
#undef UNIT
}

int gw_ps_decode(const void *data, size_t size, char **ret, size_t *ret_len, uint32_t *ret_line, const char **ret_why)
{
	const uint8_t *b = data, *end = b + size;
	bool wide = size >= 2 && ((b[0] == 0xff && b[1] == 0xfe) || (b[0] == 0xfe && b[1] == 0xff));
	bool big = wide && b[0] == 0xfe;
	char *out, *o;
	uint32_t line = 1;

	if (wide)
		b += 2;
	else if (size >= 3 && memcmp(b, "\xef\xbb\xbf", 3) == 0)
		b += 3;
	/* Two bytes of UTF-16 become three at most. */
	out = o = gw_cli_must(malloc(size * 2 + 1));
	while (b < end) {
		uint32_t c = 0;
		size_t n = wide ? decode_utf16(b, (size_t)(end - b), big, &c) : decode_utf8(b, (size_t)(end - b), &c);

		if (n == 0 || c == 0) {
			*ret_line = line;
			*ret_why = n > 0  ? "has a NUL character; save the script as UTF-8"
				   : wide ? "is not UTF-16, as the start of the file says; save the script as UTF-8"
					  : "is not UTF-8; save the script as UTF-8 or as Unicode (UTF-16)";
			free(out);
			return -EILSEQ;
		}
		line += c == '\n';
		o += encode_utf8(c, o);
		b += n;
	}
	*o = '\0';
	*ret = out;
	*ret_len = (size_t)(o - out);
	return 0;
}

uint32_t gw_ps_char(const char *s, size_t *ret_len)
{
	uint32_t c = 0;
	size_t n = 0;

	while (n < 4 && s[n])
		n++;
	*ret_len = decode_utf8((const uint8_t *)s, n, &c);
	return c;
}

bool gw_ps_is_blank(uint32_t c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool gw_ps_is_dash(uint32_t c)
{
	return c == '-' || (c >= 0x2013 && c <= 0x2015);
}

bool gw_ps_is_single_quote(uint32_t c)
{
	return c == '\'' || (c >= 0x2018 && c <= 0x201b);
}

bool gw_ps_is_double_quote(uint32_t c)
{
	return c == '"' || (c >= 0x201c && c <= 0x201e);
}

bool gw_ps_is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

/* Beyond ASCII: all but the blocks of punctuation and symbols. */
bool gw_ps_is_name(uint32_t c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || gw_ps_is_digit(c) || c == '_';
	return c >= 0xc0 && c != 0xd7 && c != 0xf7 && !(c >= 0x2000 && c < 0x2c00) && !(c >= 0x3000 && c < 0x3021) &&
	       !(c >= 0xd800 && c < 0xf900) && !(c >= 0xff00 && c < 0xff10) && !(c >= 0xff1a && c < 0xff21) &&
	       !(c >= 0xff3b && c < 0xff41) && !(c >= 0xff5b && c < 0xff66) && c < 0xfff0;
}
