/*
 * record.c - the cmdlets that make records: New-NetVirtualization... and Set-VMNetworkAdapter -VirtualSubnetId. A table
 * says which parameter becomes which property; what a record cannot express is refused. Called by script.c.
 */
#include "cli/hnv/private.h"

#include "base/addr.h"
#include "base/cleanup.h"
#include "cli/records.h"
#include "cli/text.h"
#include "cli/value.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define LINES_MAX 20 /* that are named in a refusal */

/* One line while it becomes a record. */
struct line {
	struct gw_hnv_reader *r;
	struct gw_ps *ps;
	const struct gw_ps_command *c;
	const struct gw_hnv_cmdlet *cmdlet;
	struct gw_ps_bound bound[GW_HNV_PARAMETERS_MAX];
	struct gw_hnv_hosts hosts;
	const struct gw_hnv_object *vm; /* of Set-VMNetworkAdapter */
	struct gw_cli_args args;	/* as if gwctl had been called to make the record */
	json_t *more;			/* properties that gwctl has no option for */
	bool rewrite;
};

/* --- values --- */

/* The value as one text; NULL after gw_ps_refuse. */
static const char *text_of(struct line *l, const char *name, const struct gw_ps_bound *b)
{
	const struct gw_ps_value *v = &b->value;
	const char *why = "";

	if (v->kind == GW_PS_LIST && v->n == 1)
		v = v->items;
	switch (v->kind) {
	case GW_PS_TEXT:
		return v->text;
	case GW_PS_BLOCK: /* a GUID in braces, without quotes */
		return gw_ps_block_text(l->ps, v);
	case GW_PS_UNKNOWN:
		gw_ps_refuse(l->ps, v->at ? v->at : b->at, "-%s: %s; write the value itself", name, v->text);
		return NULL;
	case GW_PS_NOTHING:
		why = "is empty ($null)";
		break;
	case GW_PS_BOOLEAN:
		why = "is true or false, where a text or number is wanted";
		break;
	case GW_PS_LIST:
		why = "is a list, where one value is wanted";
		break;
	case GW_PS_OBJECT:
		why = "is an object, where a text or number is wanted";
		break;
	}
	gw_ps_refuse(l->ps, b->at, "-%s %s", name, why);
	return NULL;
}

/* 0x1389 as 5001; anything else as it is. */
static const char *decimal(struct line *l, const char *text)
{
	char *end;
	unsigned long long n;

	if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X') || strlen(text) > 10)
		return text;
	n = strtoull(text, &end, 16);
	return *end ? text : gw_cli_arena_format(gw_ps_arena(l->ps), "%llu", n);
}

/* Windows' words, as they also stand in the records; gwctl's own, which the option takes too, are none of a script's. */
static int check_word(struct line *l, const struct gw_ps_token *at, const char *name, const struct gw_cli_word *words,
		      const char *text)
{
	const char *choices = "";

	for (const struct gw_cli_word *w = words; w->word; w++) {
		if (strcasecmp(w->value, text) == 0)
			return 0;
		choices = gw_cli_arena_format(gw_ps_arena(l->ps), "%s%s%s", choices, *choices ? ", " : "", w->value);
	}
	return gw_ps_refuse(l->ps, at, "-%s: '%s' is none of %s", name, text, choices);
}

static int set_option(struct line *l, const struct gw_ps_token *at, const char *name, enum gw_cli_opt opt,
		      const char *text)
{
	const struct gw_cli_option *o = &gw_cli_options[opt];
	_cleanup_free_ char *reason = NULL;

	if (o->words && check_word(l, at, name, o->words, text) < 0)
		return -EINVAL;
	if (o->type == GW_CLI_NUMBER)
		text = decimal(l, text);
	if (gw_cli_value_parse(o, text, &l->args.value[opt], &reason) < 0)
		return gw_ps_refuse(l->ps, at, "-%s: '%s' %s", name, text, reason);
	l->args.given |= (gw_cli_opts)1 << opt;
	if (opt == GW_CLI_OPT_VSID && !gw_vsid_assignable(strtoull(l->args.value[opt], NULL, 10)))
		return gw_ps_refuse(l->ps, at, "-%s: %s is not a VSID from %u to %u", name, l->args.value[opt],
				    GW_VSID_MIN, GW_VSID_MAX);
	return 0;
}

static int set_rule(struct line *l, const char *name, const struct gw_ps_bound *b)
{
	const char *text = text_of(l, name, b);
	int e;

	if (!text)
		return -EINVAL;
	if (strncasecmp(text, "TranslationMethod", 17) != 0)
		return gw_ps_refuse(l->ps, b->at,
				    "-%s: '%s' is none of TranslationMethodEncap, TranslationMethodNat, "
				    "TranslationMethodNone",
				    name, text);
	e = set_option(l, b->at, name, GW_CLI_OPT_RULE, strcasecmp(text, "TranslationMethodNone") == 0 ? "None" : text);
	if (e < 0)
		return e;
	l->rewrite = strcmp(l->args.value[GW_CLI_OPT_RULE], "TranslationMethodNat") == 0;
	if (strcmp(l->args.value[GW_CLI_OPT_RULE], "TranslationMethodEncap") != 0)
		return 0;
	return set_option(l, b->at, name, GW_CLI_OPT_ENCAPSULATION, "NVGRE");
}

static int set_truth(struct line *l, const char *name, const struct gw_ps_bound *b)
{
	bool truth = b->value.truth;

	if (b->value.kind != GW_PS_BOOLEAN) {
		const char *text = text_of(l, name, b);

		if (!text)
			return -EINVAL;
		if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
			return gw_ps_refuse(l->ps, b->at, "-%s: '%s' is neither $true nor $false", name, text);
		truth = *text == '1';
	}
	json_object_set_new(l->more, name, json_boolean(truth));
	return 0;
}

static int set_tag(struct line *l, const char *name, const struct gw_ps_bound *b)
{
	const char *text = text_of(l, name, b);
	char *end;
	unsigned long n;

	if (!text)
		return -EINVAL;
	text = decimal(l, text);
	n = strtoul(text, &end, 10);
	if (!*text || *end || text[strspn(text, "0123456789")] || strlen(text) > 4 || n > 4094)
		return gw_ps_refuse(l->ps, b->at, "-%s: '%s' is not a number up to 4094", name, text);
	json_object_set_new(l->more, name, json_integer((json_int_t)n));
	return 0;
}

/* --- what things are called here --- */

static const char *find_pair(struct gw_hnv_reader *r, enum gw_cli_opt opt, const char *key)
{
	for (size_t i = 0; i < r->n_pairs; i++) {
		if (r->pairs[i].opt == opt && strcasecmp(r->pairs[i].key, key) == 0) {
			r->pair_used[i] = 1;
			return r->pairs[i].name;
		}
	}
	return NULL;
}

/* An argument of a command line, in quotes when the shell would take it apart. */
static const char *shell_word(struct line *l, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:,+@/";

	return s[strspn(s, plain)] ? gw_cli_arena_format(gw_ps_arena(l->ps), "'%s'", s) : s;
}

static int set_interface(struct line *l, const char *name, const struct gw_ps_bound *b)
{
	const struct gw_hnv_object *index = gw_hnv_object_of(&b->value, GW_HNV_ADAPTER_INDEX);
	const char *key, *interface;

	if (gw_hnv_object_of(&b->value, GW_HNV_ADAPTER))
		return gw_ps_refuse(l->ps, b->at, "-%s is an adapter, not its index; write .InterfaceIndex behind it",
				    name);
	if (index && !gw_hnv_same_hosts(&index->hosts, &l->hosts))
		return gw_ps_refuse(
			l->ps, b->at,
			"-%s is that of an adapter of %s (line %u), but the line is for %s; ask for the adapter "
			"of the same host",
			name, gw_hnv_hosts_text(l->ps, &index->hosts), index->line,
			gw_hnv_hosts_text(l->ps, &l->hosts));
	if (index && !index->name)
		return gw_ps_refuse(
			l->ps, b->at,
			"-%s: line %u does not say which adapter it is; write its name there: Get-NetAdapter "
			"-Name NAME",
			name, index->line);
	key = index ? index->name : text_of(l, name, b);
	if (!key)
		return -EINVAL;
	interface = find_pair(l->r, GW_CLI_OPT_NIC, key);
	if (!interface)
		return gw_ps_refuse(
			l->ps, b->at,
			"it is not known what the network adapter '%s' of %s is called on this node; say so "
			"with --interface %s=NAME",
			key, l->r->host, shell_word(l, key));
	return set_option(l, b->at, name, GW_CLI_OPT_INTERFACE, interface);
}

/* The port of a VM's network card: found by its MAC address. */
static int set_port(struct line *l, const struct gw_ps_bound *mac)
{
	const struct gw_ps_token *at = l->c->at;
	const char *text = mac ? text_of(l, "StaticMacAddress", mac) : l->vm ? l->vm->name : NULL, *interface;
	char plain[GW_MAC_STRLEN], *p = plain;
	int e;

	if (mac && !text)
		return -EINVAL;
	if (!text && l->c->input && l->c->input->kind == GW_PS_UNKNOWN)
		return gw_ps_refuse(l->ps, at, "it is not known which network card this is about: %s",
				    l->c->input->text);
	if (!text)
		return gw_ps_refuse(l->ps, at,
				    "the line does not say the MAC address of the network card; write it as "
				    "Get-VMNetworkAdapter NAME | where {$_.MacAddress -eq \"MAC\"} | %s ...",
				    l->c->name);
	e = set_option(l, at, "MacAddress", GW_CLI_OPT_MAC, text);
	if (e < 0)
		return e;
	interface = find_pair(l->r, GW_CLI_OPT_VM_PORT, l->args.value[GW_CLI_OPT_MAC]);
	for (const char *s = l->args.value[GW_CLI_OPT_MAC]; *s; s++)
		if (*s != ':')
			*p++ = *s >= 'a' ? (char)(*s - 'a' + 'A') : *s;
	*p = '\0';
	if (!interface)
		return gw_ps_refuse(
			l->ps, at,
			"it is not known which interface of this node is that of the VM with MAC address %s; say "
			"so with --port %s=NAME",
			plain, plain);
	return set_option(l, at, "Interface", GW_CLI_OPT_INTERFACE, interface);
}

/* --- records --- */

struct key {
	struct gw_hmap_node node;
	const char *text;
	size_t record;
};

/* The record that was kept under a text: an id, or the prefix of a provider route. */
static const struct gw_hnv_record *find_key(const struct gw_hnv_reader *r, const char *text)
{
	GW_HMAP_FOR_EACH_HASH (node, &r->keys, gw_hash_bytes(text, strlen(text), 0)) {
		const struct key *k = GW_CONTAINER_OF(node, struct key, node);

		if (strcmp(k->text, text) == 0)
			return &r->script->records[k->record];
	}
	return NULL;
}

/* For the record that was added last. */
static void add_key(struct line *l, const char *text)
{
	struct key *k = gw_cli_arena_alloc(gw_ps_arena(l->ps), sizeof *k);

	k->text = text;
	k->record = l->r->script->n - 1;
	if (gw_hmap_insert(&l->r->keys, &k->node, gw_hash_bytes(text, strlen(text), 0)) < 0)
		gw_cli_must(NULL);
}

/* A provider route has no metric here. With one route to a prefix it makes no difference. */
static int check_metric(struct line *l)
{
	const char *prefix = l->args.value[GW_CLI_OPT_PREFIX], *key;
	const struct gw_hnv_record *other;

	if (strcmp(l->cmdlet->word, "provider-route") != 0)
		return 0;
	key = gw_cli_arena_format(gw_ps_arena(l->ps), "provider prefix %s", prefix);
	other = find_key(l->r, key);
	if (other)
		return gw_ps_refuse(
			l->ps, l->c->at,
			"line %u has a provider route to %s too: gwd knows no metrics for them, by which to "
			"choose; take one out",
			other->at->line, prefix);
	add_key(l, key);
	return 0;
}

static int add_record(struct line *l)
{
	struct gw_hnv_script *s = l->r->script;
	const struct gw_cli_kind *kind = l->args.command->kind;
	_cleanup_free_ char *id = gw_cli_record_id(kind, l->args.value);
	json_auto_t *body = gw_cli_record_body(&l->args);
	const char *key = gw_cli_arena_format(gw_ps_arena(l->ps), "%s %s", kind->singular, id);
	const struct gw_hnv_record *other = find_key(l->r, key);

	if (json_object_update(json_object_get(body, "properties"), l->more) < 0)
		gw_cli_must(NULL);
	if (other && json_equal(other->body, body))
		return 0;
	if (other)
		return gw_ps_refuse(l->ps, l->c->at, "line %u says something else about the %s; take one of them out",
				    other->at->line, key);
	if (s->n == s->room) {
		s->room = s->room > 0 ? s->room * 2 : 64;
		s->records = gw_cli_must(reallocarray(s->records, s->room, sizeof *s->records));
	}
	s->records[s->n++] = (struct gw_hnv_record){kind, gw_cli_arena_copy(gw_ps_arena(l->ps), id, strlen(id)),
						    json_incref(body), l->c->at};
	add_key(l, key);
	return check_metric(l);
}

static int set_parameters(struct line *l)
{
	for (size_t i = 0; l->cmdlet->parameters[i].name; i++) {
		const struct gw_ps_parameter *p = &l->cmdlet->parameters[i];
		const struct gw_ps_bound *b = &l->bound[i];
		const char *text;
		int e = 0;

		if (!b->at)
			continue;
		switch ((enum gw_hnv_use)p->use) {
		case GW_HNV_USE_PROPERTY:
			text = text_of(l, p->name, b);
			e = text ? set_option(l, b->at, p->name, (enum gw_cli_opt)p->id, text) : -EINVAL;
			break;
		case GW_HNV_USE_RULE:
			e = set_rule(l, p->name, b);
			break;
		case GW_HNV_USE_TRUTH:
			e = set_truth(l, p->name, b);
			break;
		case GW_HNV_USE_TAG:
			e = set_tag(l, p->name, b);
			break;
		case GW_HNV_USE_INTERFACE:
			e = set_interface(l, p->name, b);
			break;
		case GW_HNV_USE_REFUSED:
			e = gw_ps_refuse(l->ps, b->at, "-%s cannot be imported: %s; take it out", p->name, p->why);
			break;
		case GW_HNV_USE_METRIC:
		case GW_HNV_USE_IGNORED:
		case GW_HNV_USE_HOSTS:
		case GW_HNV_USE_ADAPTER:
		case GW_HNV_USE_ADAPTER_MAC:
			break;
		}
		if (e < 0)
			return e;
	}
	return 0;
}

static const struct gw_ps_bound *given(const struct line *l, enum gw_hnv_use use)
{
	for (size_t i = 0; l->cmdlet->parameters[i].name; i++)
		if (l->cmdlet->parameters[i].use == (int)use && l->bound[i].at)
			return &l->bound[i];
	return NULL;
}

static void note_rewrite(struct line *l)
{
	struct gw_hnv_reader *r = l->r;

	if (!(r->n_rewrites & (r->n_rewrites - 1))) { /* full: 0, 1, 2, 4, ... */
		size_t room = r->n_rewrites > 0 ? r->n_rewrites * 2 : 1;
		const struct gw_ps_token **lines = gw_cli_arena_alloc(gw_ps_arena(l->ps), room * sizeof *lines);

		if (r->n_rewrites > 0)
			memcpy(lines, r->rewrites, r->n_rewrites * sizeof *lines);
		r->rewrites = lines;
	}
	r->rewrites[r->n_rewrites++] = l->c->at;
}

static int make_record(struct line *l)
{
	const char *words[] = {l->cmdlet->word, l->cmdlet->verb};
	size_t used;
	int e;

	l->args.command = gw_cli_find_command(words, 2, &used);
	l->more = gw_cli_must(json_object());
	e = set_parameters(l);
	if (e == 0 && l->cmdlet->is_port)
		e = set_port(l, given(l, GW_HNV_USE_ADAPTER_MAC));
	if (e == 0 && l->rewrite)
		note_rewrite(l);
	else if (e == 0)
		e = add_record(l);
	gw_cli_args_done(&l->args);
	json_decref(l->more);
	return e;
}

/* --- whose line it is --- */

static int find_hosts(struct line *l)
{
	const struct gw_ps_bound *hosts = given(l, GW_HNV_USE_HOSTS), *adapter = given(l, GW_HNV_USE_ADAPTER);

	l->hosts = l->r->hosts;
	l->vm = gw_hnv_object_of(adapter ? &adapter->value : l->c->input, GW_HNV_VM_ADAPTER);
	if (hosts)
		return gw_hnv_hosts_of(l->r, l->ps, &hosts->value, &l->hosts);
	if (l->vm)
		l->hosts = l->vm->hosts;
	return 0;
}

static bool is_ours(struct line *l)
{
	bool ours = l->r->local && l->hosts.n == 0;

	for (size_t i = 0; i < l->hosts.n; i++) {
		for (size_t k = 0; k < l->r->n_named; k++)
			if (strcasecmp(l->r->named[k].name, l->hosts.names[i]) == 0)
				l->r->named[k].lines++;
		ours = ours || strcasecmp(l->hosts.names[i], l->r->host) == 0;
	}
	return ours;
}

int gw_hnv_run_record(struct gw_hnv_reader *r, struct gw_ps *ps, const struct gw_ps_command *c)
{
	struct line l = {.r = r, .ps = ps, .c = c, .cmdlet = gw_hnv_find_cmdlet(c->name)};
	const struct gw_ps_token *at;
	const char *error;
	int e;

	gw_ps_bind(ps, c, l.cmdlet->parameters, l.bound, &at, &error);
	if (l.cmdlet->is_port && !error && !given(&l, GW_HNV_USE_PROPERTY))
		return 1;
	e = find_hosts(&l);
	if (e < 0)
		return e;
	if (l.hosts.why)
		return gw_ps_refuse(ps, c->at, "it is not known for which host this line is: %s; write the host's name",
				    l.hosts.why);
	if (!is_ours(&l) && (l.hosts.n > 0 || r->local))
		return 0;
	if (error)
		return gw_ps_refuse(ps, at, "%s", error);
	if (!l.cmdlet->is_port && c->input)
		return gw_ps_refuse(ps, c->at,
				    "%s takes values through the pipe, which is not evaluated; write them as its "
				    "parameters",
				    c->name);
	if (l.hosts.n == 0 && !r->local)
		return gw_ps_refuse(
			ps, c->at,
			"the line names no host, so it is for the machine that runs the script; add %s NAME, or "
			"import the lines of that machine with --host localhost",
			l.cmdlet->is_port ? "-ComputerName" : "-CimSession");
	return make_record(&l);
}

int gw_hnv_refuse_rewrites(struct gw_hnv_reader *r)
{
	struct gw_hnv_script *s = r->script;
	const char *lines = "";

	for (size_t i = 0; i < r->n_rewrites && i < LINES_MAX; i++) {
		const char *sep = i == 0 ? "" : i + 1 < r->n_rewrites ? ", " : " and ";

		lines = gw_cli_arena_format(&s->source.arena, "%s%s%u", lines, sep, r->rewrites[i]->line);
	}
	if (r->n_rewrites > LINES_MAX)
		lines = gw_cli_arena_format(&s->source.arena, "%s and %zu more", lines, r->n_rewrites - LINES_MAX);
	s->source.error = (struct gw_ps_error){
		r->rewrites[0]->line, r->rewrites[0]->column,
		gw_cli_arena_format(
			&s->source.arena,
			"IP rewrite (TranslationMethodNAT) comes in a later version; what needs it: line%s %s. Use "
			"TranslationMethodEncap there, on all hosts",
			r->n_rewrites > 1 ? "s" : "", lines)};
	return -EINVAL;
}
