/*
 * script.c - see script.h: which commands matter, what is said about the others, and whether the script was for this
 * host at all. Called by import.c.
 */
#include "cli/hnv/private.h"

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define NAMES_MAX 32 /* different things that were passed over and are told of one by one */
#define LINES_MAX 5  /* of each of them */

struct passed {
	const char *name;
	unsigned lines[LINES_MAX], last;
	size_t n;
};

/* Everything that belongs to one reading; hooks get it as their context. */
struct reading {
	struct gw_hnv_reader r;
	struct passed passed[NAMES_MAX];
	size_t n_passed, more_passed;
};

/* --- hooks --- */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcasecmp(s + n - m, end) == 0;
}

static enum gw_ps_class classify(const char *name, const char **ret_why)
{
	static const char text_as_script[] =
		"runs a text as a script, which is not read here; write its commands into this script";
	static const char other_script[] =
		"is another script, which is not read here; import it by itself and take this line out";
	static const struct {
		const char *name, *why;
	} refused[] = {
		{"Invoke-Expression", text_as_script},
		{"iex", text_as_script},
		{"powershell", text_as_script},
		{"powershell.exe", text_as_script},
		{"pwsh", text_as_script},
		{"pwsh.exe", text_as_script},
		{"Set-Alias", "gives a command another name, which is not followed here; write the command's own name"},
		{"sal", "gives a command another name, which is not followed here; write the command's own name"},
		{"New-Alias", "gives a command another name, which is not followed here; write the command's own name"},
		{"nal", "gives a command another name, which is not followed here; write the command's own name"},
		{"Add-VMNetworkAdapterRoutingDomainMapping",
		 "gives one port several virtual subnets, which gwd does not do; write Set-VMNetworkAdapter "
		 "-VirtualSubnetId for each of its ports"},
	};
	const char *noun = strchr(name, '-');

	if (gw_hnv_makes_records(name))
		return GW_PS_MATTERS;
	if (gw_hnv_is_cmdlet(name))
		return GW_PS_RUN;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		if (strcasecmp(name, refused[i].name) == 0) {
			*ret_why = refused[i].why;
			return GW_PS_REFUSE;
		}
	}
	if (ends_with(name, ".ps1")) {
		*ret_why = other_script;
		return GW_PS_REFUSE;
	}
	if (noun && strncasecmp(noun, "-NetVirtualization", 18) == 0 && strncasecmp(name, "Get-", 4) != 0 &&
	    strncasecmp(name, "Select-", 7) != 0) {
		*ret_why = "changes network virtualization in a way that cannot be imported: only what New-... and "
			   "Set-VMNetworkAdapter say can; take it out, and do the same with gwctl where it is needed";
		return GW_PS_REFUSE;
	}
	return GW_PS_PASS_OVER;
}

static void passed(void *ctx, const char *name, const struct gw_ps_token *at)
{
	struct reading *reading = ctx;
	struct passed *p = NULL;

	for (size_t i = 0; i < reading->n_passed && !p; i++)
		if (strcasecmp(reading->passed[i].name, name) == 0)
			p = &reading->passed[i];
	if (!p && reading->n_passed == NAMES_MAX) {
		reading->more_passed++;
		return;
	}
	if (!p) {
		p = &reading->passed[reading->n_passed++];
		p->name = name;
	}
	if (p->n > 0 && p->last == at->line) /* once more in a loop */
		return;
	p->last = at->line;
	if (p->n < LINES_MAX)
		p->lines[p->n] = at->line;
	p->n++;
}

static int run(void *ctx, struct gw_ps *ps, const struct gw_ps_command *c, struct gw_ps_value *ret)
{
	struct reading *reading = ctx;
	int e;

	if (!gw_hnv_makes_records(c->name))
		return gw_hnv_run_cmdlet(&reading->r, ps, c, ret);
	e = gw_hnv_run_record(&reading->r, ps, c);
	if (e > 0)
		passed(ctx, c->name, c->at);
	return e < 0 ? e : 0;
}

static bool member(void *ctx, const struct gw_ps_value *of, const char *name, struct gw_ps_value *ret)
{
	struct reading *reading = ctx;

	return gw_hnv_member(&reading->r.script->source.arena, of, name, ret);
}

static const struct gw_ps_hooks hooks = {.classify = classify, .run = run, .member = member, .passed = passed};

/* --- what is said about it --- */

static void note(struct gw_hnv_script *s, const char *text)
{
	const char **notes = gw_cli_arena_alloc(&s->source.arena, (s->n_notes + 1) * sizeof *notes);

	if (s->n_notes > 0)
		memcpy(notes, s->notes, s->n_notes * sizeof *notes);
	notes[s->n_notes++] = text;
	s->notes = notes;
}

static void note_passed(struct reading *reading)
{
	struct gw_hnv_script *s = reading->r.script;
	struct gw_cli_arena *arena = &s->source.arena;
	const char *text = "";

	for (size_t i = 0; i < reading->n_passed; i++) {
		const struct passed *p = &reading->passed[i];
		const char *lines = gw_cli_arena_format(arena, "%u", p->lines[0]);

		for (size_t k = 1; k < p->n && k < LINES_MAX; k++)
			lines = gw_cli_arena_format(arena, "%s, %u", lines, p->lines[k]);
		text = gw_cli_arena_format(arena, "%s%s%s (line%s %s%s)", text, i > 0 ? ", " : "", p->name,
					   p->n > 1 ? "s" : "", lines, p->n > LINES_MAX ? ", ..." : "");
	}
	if (reading->n_passed > 0)
		note(s, gw_cli_arena_format(arena, "passed over, since they make no records: %s%s", text,
					    reading->more_passed > 0 ? " and others" : ""));
}

static void note_others(struct gw_hnv_reader *r)
{
	struct gw_cli_arena *arena = &r->script->source.arena;
	const char *text = "";
	size_t n = 0;

	for (size_t i = 0; i < r->n_named; i++) {
		const struct gw_hnv_named_host *h = &r->named[i];

		if (h->lines > 0 && strcasecmp(h->name, r->host) != 0 && ++n <= NAMES_MAX)
			text = gw_cli_arena_format(arena, "%s%s%u for %s", text, *text ? ", " : "", h->lines, h->name);
	}
	if (n > 0)
		note(r->script, gw_cli_arena_format(arena, "left out, since they are for other hosts: %s%s", text,
						    n > NAMES_MAX ? ", ..." : ""));
}

static void note_unused(struct gw_hnv_reader *r)
{
	for (size_t i = 0; i < r->n_pairs; i++)
		if (!r->pair_used[i])
			note(r->script, gw_cli_arena_format(&r->script->source.arena,
							    "--%s %s=%s was not needed: no line for %s names %s",
							    gw_cli_options[r->pairs[i].opt].name, r->pairs[i].key,
							    r->pairs[i].name, r->host, r->pairs[i].key));
}

static int refuse(struct gw_hnv_script *s, const char *text)
{
	s->source.error = (struct gw_ps_error){.text = text};
	return -EINVAL;
}

/* Is it the host under another name? hv1 and hv1.example.net are one, most likely; 10 and 10.1.1.1 are not. */
static bool is_alias(const char *a, const char *b)
{
	size_t n = strlen(a);

	return strncasecmp(a, b, n) == 0 && b[n] == '.' && a[strspn(a, "0123456789.")];
}

static int check_host(struct gw_hnv_reader *r)
{
	struct gw_hnv_script *s = r->script;
	struct gw_cli_arena *arena = &s->source.arena;
	const struct gw_hnv_named_host *alias = NULL;
	const char *names = "";
	bool known = r->local;

	for (size_t i = 0; i < r->n_named; i++) {
		const struct gw_hnv_named_host *h = &r->named[i];

		if (strcasecmp(h->name, r->host) == 0)
			known = true;
		else if (is_alias(h->name, r->host) || is_alias(r->host, h->name))
			alias = h;
		if (i < NAMES_MAX)
			names = gw_cli_arena_format(arena, "%s%s%s", names, *names ? ", " : "", h->name);
	}
	if (!known && !*names)
		return refuse(s, "the script names no host at all; for the lines of the machine that runs it give "
				 "--host localhost");
	if (!known)
		return refuse(s, gw_cli_arena_format(arena, "the script does not name host '%s', but: %s%s", r->host,
						     names, r->n_named > NAMES_MAX ? ", ..." : ""));
	if (alias)
		return refuse(s,
			      gw_cli_arena_format(arena,
						  "line %u names %s: is that %s? Write the name of a host the same way "
						  "everywhere",
						  alias->line, alias->name, r->host));
	if (s->n == 0)
		return refuse(s, gw_cli_arena_format(arena, "no line of the script makes a record for %s", r->host));
	return 0;
}

int gw_hnv_script_read(struct gw_hnv_script *s, const void *data, size_t size, const char *host,
		       const struct gw_cli_pair *pairs, size_t n_pairs)
{
	_cleanup_free_ uint8_t *pair_used = gw_cli_must(calloc(n_pairs + 1, 1));
	struct reading reading = {.r = {.script = s,
					.host = host,
					.local = gw_hnv_is_local_name(host),
					.pairs = pairs,
					.n_pairs = n_pairs,
					.pair_used = pair_used}};
	int e = gw_ps_source_read(&s->source, data, size);

	if (e == 0)
		e = gw_ps_run(&s->source, &hooks, &reading);
	/* Comes before whatever else is wrong: no other option helps against it. */
	if (reading.r.n_rewrites > 0)
		e = gw_hnv_refuse_rewrites(&reading.r);
	if (e == 0)
		e = check_host(&reading.r);
	if (e == 0) {
		note_others(&reading.r);
		note_passed(&reading);
		note_unused(&reading.r);
	}
	gw_hmap_done(&reading.r.keys);
	return e;
}

json_t *gw_hnv_script_batch(const struct gw_hnv_script *s)
{
	json_t *batch = gw_cli_must(json_array());

	for (size_t i = 0; i < s->n; i++) {
		const struct gw_hnv_record *r = &s->records[i];
		_cleanup_free_ char *id = gw_cli_percent_encode(r->id),
				    *path = gw_cli_format("/hnv/%s/%s", r->kind->path, id);

		if (json_array_append_new(batch, gw_cli_must(json_pack("{s:s, s:s, s:O}", "method", "PUT", "path", path,
								       "body", r->body))) < 0)
			gw_cli_must(NULL);
	}
	return batch;
}

void gw_hnv_script_done(struct gw_hnv_script *s)
{
	for (size_t i = 0; i < s->n; i++)
		json_decref(s->records[i].body);
	free(s->records);
	gw_ps_source_done(&s->source);
	*s = (struct gw_hnv_script){0};
}
