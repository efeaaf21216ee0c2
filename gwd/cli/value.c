/* value.c - see value.h. Called by the argument parser (args.c) and by the record commands. */
#include "cli/value.h"

#include "base/addr.h"
#include "base/cleanup.h"
#include "cli/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int refuse(char **ret_reason, char *reason)
{
	*ret_reason = reason;
	return -EINVAL;
}

static int parse_number(const struct gw_cli_option *o, const char *s, char **ret, char **ret_reason)
{
	size_t digits = strspn(s, "0123456789");
	unsigned long long n = 0;

	if (digits > 0 && digits < 20 && !s[digits])
		n = strtoull(s, NULL, 10);
	if (digits == 0 || s[digits])
		return refuse(ret_reason, gw_cli_format("is not a number"));
	if (digits >= 20 || n > o->max)
		return refuse(ret_reason,
			      o == &gw_cli_options[GW_CLI_OPT_VSID]
				      ? gw_cli_format("is not a VSID from %u to %u", GW_VSID_MIN, GW_VSID_MAX)
				      : gw_cli_format("is more than %u", o->max));
	*ret = gw_cli_format("%llu", n);
	return 0;
}

/* Seconds, unless a unit says otherwise. */
static int parse_duration(const struct gw_cli_option *o, const char *s, char **ret, char **ret_reason)
{
	static const struct {
		const char *unit;
		unsigned milliseconds;
	} units[] = {{"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60000}, {"h", 3600000}};
	size_t digits = strspn(s, "0123456789");

	for (size_t i = 0; digits > 0 && i < sizeof units / sizeof *units; i++) {
		unsigned long long n = digits < 10 ? strtoull(s, NULL, 10) * units[i].milliseconds : UINT64_MAX;

		if (strcmp(s + digits, units[i].unit) != 0)
			continue;
		if (n > o->max)
			return refuse(ret_reason, gw_cli_format("is more than %u hours", o->max / 3600000));
		*ret = gw_cli_format("%llu", n);
		return 0;
	}
	return refuse(ret_reason, gw_cli_format("is no time such as 30s, 2m or 500ms"));
}

static int parse_prefix(const char *s, char **ret, char **ret_reason)
{
	char buf[GW_PREFIX_STRLEN];
	struct gw_prefix p;
	int r = gw_prefix_parse(s, &p);

	if (r == -ERANGE)
		return refuse(ret_reason, gw_cli_format("is an address inside a network, not the network: the bits "
							"after the prefix length must be zero"));
	if (r < 0)
		return refuse(ret_reason, gw_cli_format("is not a prefix such as 192.168.1.0/24 or 2001:db8::/64"));
	*ret = gw_cli_format("%s", gw_prefix_format(&p, buf));
	return 0;
}

static int parse_address(const char *s, char **ret, char **ret_reason)
{
	char buf[GW_ADDR_STRLEN];
	struct gw_addr a;

	if (gw_addr_parse(s, &a) < 0)
		return refuse(ret_reason, gw_cli_format("is not an IPv4 or IPv6 address%s",
							strchr(s, '/') ? " (no prefix length here)" : ""));
	*ret = gw_cli_format("%s", gw_addr_format(&a, buf));
	return 0;
}

static int parse_mac(const char *s, char **ret, char **ret_reason)
{
	char buf[GW_MAC_STRLEN];
	struct gw_mac m;

	if (gw_mac_parse(s, &m) < 0)
		return refuse(ret_reason, gw_cli_format("is not a MAC address such as 00155D011404, 00-15-5D-01-14-04 "
							"or 00:15:5d:01:14:04"));
	*ret = gw_cli_format("%s", gw_mac_format(&m, buf));
	return 0;
}

static int parse_uuid(const char *s, char **ret, char **ret_reason)
{
	char buf[GW_UUID_STRLEN];
	struct gw_uuid u;

	if (gw_uuid_parse(s, &u) < 0)
		return refuse(ret_reason, gw_cli_format("is not a UUID such as 11111111-2222-3333-4444-555555555555"));
	*ret = gw_cli_format("%s", gw_uuid_format(&u, buf));
	return 0;
}

static const struct gw_cli_word *find_word(const struct gw_cli_option *o, const char *s)
{
	for (const struct gw_cli_word *w = o->words; w && w->word; w++) {
		if (strcasecmp(s, w->word) == 0 || strcasecmp(s, w->value) == 0)
			return w;
	}
	return NULL;
}

static int parse_word(const struct gw_cli_option *o, const char *s, char **ret, char **ret_reason)
{
	const struct gw_cli_word *w = find_word(o, s);
	_cleanup_free_ char *choices = NULL;

	if (!w) {
		choices = gw_cli_value_choices(o);
		return refuse(ret_reason, gw_cli_format("is not %s", choices));
	}
	*ret = gw_cli_format("%s", w->value);
	return 0;
}

static int parse_text(const char *s, char **ret, char **ret_reason)
{
	json_auto_t *j = json_string(s);

	if (!j)
		return refuse(ret_reason, gw_cli_format("is not UTF-8"));
	*ret = gw_cli_format("%s", s);
	return 0;
}

/* The last '=' divides it, so that a key may have one. */
static int parse_pair(const struct gw_cli_option *o, const char *s, char **ret, char **ret_reason)
{
	const struct gw_cli_option key_option = {.name = o->name, .type = o->key};
	const char *equals = strrchr(s, '=');
	_cleanup_free_ char *key = NULL, *canonical = NULL, *name = NULL, *reason = NULL;

	if (!equals || equals == s || !equals[1])
		return refuse(ret_reason, gw_cli_format("is not of the form %s", o->arg));
	key = gw_cli_format("%.*s", (int)(equals - s), s);
	if (gw_cli_value_parse(&key_option, key, &canonical, &reason) < 0)
		return refuse(ret_reason, gw_cli_format("is not of the form %s: '%s' %s", o->arg, key, reason));
	if (parse_text(equals + 1, &name, ret_reason) < 0)
		return -EINVAL;
	*ret = gw_cli_format("%s=%s", canonical, name);
	return 0;
}

int gw_cli_value_parse(const struct gw_cli_option *o, const char *s, char **ret, char **ret_reason)
{
	if (!*s)
		return refuse(ret_reason, gw_cli_format("is empty"));
	switch (o->type) {
	case GW_CLI_FLAG:
	case GW_CLI_FILE:
		*ret = gw_cli_format("%s", s);
		return 0;
	case GW_CLI_TEXT:
	case GW_CLI_IFNAME:
		return parse_text(s, ret, ret_reason);
	case GW_CLI_NUMBER:
		return parse_number(o, s, ret, ret_reason);
	case GW_CLI_ADDRESS:
		return parse_address(s, ret, ret_reason);
	case GW_CLI_PREFIX:
		return parse_prefix(s, ret, ret_reason);
	case GW_CLI_MAC:
		return parse_mac(s, ret, ret_reason);
	case GW_CLI_UUID:
		return parse_uuid(s, ret, ret_reason);
	case GW_CLI_DURATION:
		return parse_duration(o, s, ret, ret_reason);
	case GW_CLI_PAIR:
		return parse_pair(o, s, ret, ret_reason);
	case GW_CLI_PROTOCOL:
		if (strspn(s, "0123456789") > 0)
			return parse_number(o, s, ret, ret_reason);
		/* fall through */
	case GW_CLI_WORD:
		return parse_word(o, s, ret, ret_reason);
	}
	return refuse(ret_reason, gw_cli_format("cannot be used"));
}

json_t *gw_cli_value_json(const struct gw_cli_option *o, const char *canonical)
{
	if (o->type == GW_CLI_FLAG)
		return gw_cli_must(json_true());
	if (o->type == GW_CLI_NUMBER || o->type == GW_CLI_PROTOCOL)
		return gw_cli_must(json_integer((json_int_t)strtoull(canonical, NULL, 10)));
	return gw_cli_must(json_string(canonical));
}

bool gw_cli_value_matches(const struct gw_cli_option *o, const char *canonical, const json_t *value)
{
	_cleanup_free_ char *cell = NULL, *theirs = NULL, *reason = NULL;

	if (!value || json_is_null(value))
		return false;
	if (o->type == GW_CLI_FLAG)
		return json_is_true(value);
	cell = gw_cli_cell(value);
	if (gw_cli_value_parse(o, cell, &theirs, &reason) < 0)
		return false;
	return strcmp(canonical, theirs) == 0;
}

const char *gw_cli_value_word(const struct gw_cli_option *o, const json_t *value)
{
	const struct gw_cli_word *w = json_is_string(value) ? find_word(o, json_string_value(value)) : NULL;

	return w ? w->word : NULL;
}

char *gw_cli_value_choices(const struct gw_cli_option *o)
{
	char *s = gw_cli_format("%s", o->words->word);

	for (const struct gw_cli_word *w = o->words + 1; w->word; w++) {
		char *longer = gw_cli_format("%s%s%s", s, w[1].word ? ", " : " or ", w->word);

		free(s);
		s = longer;
	}
	return s;
}
