/*
 * test_plan.c - how intent becomes records (API-1, FWD-5, FWD-7): transcripts of what a manager puts and what each node then has,
 * one for each file in tests/unit/plan/. Their language:
 *
 *   # for people
 *   PUT [TENANT] PATH {...}      properties as JSON, on as many lines as it takes; ' stands for "
 *   DELETE [TENANT] PATH
 *   COMMIT                       what came since the last one, in one transaction
 *   LOADED                       the same, as if an older version had accepted it
 *   NODE ID                      all that node ID has then, on the indented lines that follow, in any order
 *   CHANGES ID                   what it has to be told since it was last looked at: "+ what it has now", "- what is gone",
 *                                "forget VSID", "forget gateway RDID"; before all that "whole" when it is everything
 *   TROUBLE                      what cannot be done: GRADE CODE PATH, and "by N" when N nodes or networks found it
 *   COMPUTED N M                 N virtual networks and M nodes were, by the last COMMIT
 */
#include "plan_fixture.h"

#include <dirent.h>
#include <strings.h>

#define FOLDER	  "tests/unit/plan"
#define MAX_LINES 512
#define MAX_NODES 16

/* --- lines of text ------------------------------------------------------------------------------------------------ */

struct lines {
	char *line[MAX_LINES];
	size_t n;
};

static void add(struct lines *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct lines *l, const char *fmt, ...)
{
	va_list ap;

	assert_true(l->n < MAX_LINES);
	va_start(ap, fmt);
	assert_true(vasprintf(&l->line[l->n++], fmt, ap) >= 0);
	va_end(ap);
}

static void lines_done(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->line[i]);
	l->n = 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print(const char *title, const struct lines *l)
{
	fprintf(stderr, "%s\n", title);
	for (size_t i = 0; i < l->n; i++)
		fprintf(stderr, "\t%s\n", l->line[i]);
}

static void compare(const char *where, struct lines *want, struct lines *have)
{
	bool same = want->n == have->n;

	qsort(want->line, want->n, sizeof *want->line, by_text);
	qsort(have->line, have->n, sizeof *have->line, by_text);
	for (size_t i = 0; same && i < want->n; i++)
		same = !strcmp(want->line[i], have->line[i]);
	if (!same) {
		print("it should be", want);
		print("it is", have);
		fail_msg("%s: not what it should be", where);
	}
	lines_done(want);
	lines_done(have);
}

/* --- objects as text ---------------------------------------------------------------------------------------------- */

static void add_text(char *text, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void add_text(char *text, size_t size, const char *fmt, ...)
{
	size_t n = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + n, size - n, fmt, ap);
	va_end(ap);
}

static void describe_vrf(const struct gw_vrf *v, bool key_only, char *text, size_t size)
{
	char a[GW_ADDR_STRLEN], m[GW_MAC_STRLEN], u[GW_UUID_STRLEN];

	snprintf(text, size, "vrf %.8s", gw_uuid_format(&v->rdid, u));
	if (key_only)
		return;
	add_text(text, size, " in %u mac %s", v->vsid, gw_mac_format(&v->mac, m));
	if (v->has_ca)
		add_text(text, size, " at %s/%u", gw_addr_format(&v->ca, a), v->prefix_len);
	if (v->has_ca6)
		add_text(text, size, " at %s/%u", gw_addr_format(&v->ca6, a), v->prefix_len6);
}

/* "nat aaaaaaaa out All 10.1.1.0/24 as 198.51.100.1 port 4096 count 4096", "nat aaaaaaaa in Tcp 198.51.100.1 to 10.1.1.4/32 port 80" */
static void describe_nat(const struct gw_nat_rule *n, bool key_only, char *text, size_t size)
{
	char a[GW_ADDR_STRLEN], p[GW_PREFIX_STRLEN], u[GW_UUID_STRLEN];
	bool out = n->type == GW_NAT_OUTBOUND;

	snprintf(text, size, "nat %.8s %s %s ", gw_uuid_format(&n->rdid, u), out ? "out" : "in",
		 gw_hnv_nat_protocols[n->protocol]);
	gw_addr_format(&n->address, a);
	gw_prefix_format(&n->customer, p);
	add_text(text, size, out ? "%s as %s" : "%s to %s", out ? p : a, out ? a : p);
	if (n->port)
		add_text(text, size, " port %u", n->port);
	if (key_only)
		return;
	if (n->port_count)
		add_text(text, size, " count %u", n->port_count);
	if (n->customer_port)
		add_text(text, size, " there %u", n->customer_port);
	if (n->idle_minutes)
		add_text(text, size, " idle %u", n->idle_minutes);
}

/* "connection aaaaaaaa GRE from 192.0.2.1 to 192.0.2.2 key 7 out 100 in 50", "on aaaaaaaa 10.9.0.1/30", "behind aaaaaaaa ..." */
static void describe_connection(const struct gw_hnv_object *o, bool key_only, char *text, size_t size)
{
	const struct gw_way *w = &o->way;
	char a[GW_ADDR_STRLEN], p[GW_PREFIX_STRLEN], u[GW_UUID_STRLEN];

	if (o->kind == GW_HNV_CONNECTION_ADDRESS) {
		snprintf(text, size, "on %.8s %s", gw_uuid_format(&o->way_address.rdid, u),
			 gw_addr_format(&o->way_address.address, a));
		if (!key_only)
			add_text(text, size, o->way_address.peer ? " peer" : "/%u", o->way_address.prefix_len);
		return;
	}
	if (o->kind == GW_HNV_CONNECTION_ROUTE) {
		snprintf(text, size, "behind %.8s %s", gw_uuid_format(&o->way_route.rdid, u),
			 gw_prefix_format(&o->way_route.prefix, p));
		add_text(text, size, " via %s", gw_addr_format(&o->way_route.next_hop, a));
		if (!key_only)
			add_text(text, size, " metric %u", o->way_route.metric);
		return;
	}
	snprintf(text, size, "connection %.8s %s", gw_uuid_format(&w->rdid, u), gw_hnv_way_types[w->type]);
	if (key_only)
		return;
	if (w->has_interface)
		add_text(text, size, " at %s", w->interface);
	if (w->vlan)
		add_text(text, size, " vlan %u", w->vlan);
	if (w->has_source)
		add_text(text, size, " from %s", gw_addr_format(&w->source, a));
	if (w->has_destination)
		add_text(text, size, " to %s", gw_addr_format(&w->destination, a));
	if (w->has_key)
		add_text(text, size, " key %u", w->key);
	if (w->out_kbps || w->in_kbps)
		add_text(text, size, " out %u in %u", w->out_kbps, w->in_kbps);
}

static const char *describe(const struct gw_hnv_object *o, bool key_only)
{
	static char text[256];
	char a[GW_ADDR_STRLEN], b[GW_ADDR_STRLEN], p[GW_PREFIX_STRLEN], m[GW_MAC_STRLEN], u[GW_UUID_STRLEN];
	const char *on_link = "on-link";

	switch (o->kind) {
	case GW_HNV_LOOKUP_RECORD:
		snprintf(text, sizeof text, "record %u %s", o->record.vsid, gw_addr_format(&o->record.ca, a));
		if (!key_only)
			snprintf(text + strlen(text), sizeof text - strlen(text), " at %s mac %s %s%s",
				 gw_addr_format(&o->record.pa, b), gw_mac_format(&o->record.mac, m),
				 o->record.encap == GW_ENCAP_NVGRE ? "NVGRE" : "VXLAN",
				 o->record.type == GW_RECORD_WILDCARD ? " wildcard" : "");
		break;
	case GW_HNV_CUSTOMER_ROUTE:
		gw_uuid_format(&o->croute.rdid, u);
		snprintf(text, sizeof text, "route %.8s %s in %u %s%s", u, gw_prefix_format(&o->croute.prefix, p),
			 o->croute.vsid, gw_addr_is_any(&o->croute.next_hop) ? "" : "via ",
			 gw_addr_is_any(&o->croute.next_hop) ? on_link : gw_addr_format(&o->croute.next_hop, a));
		if (!key_only)
			snprintf(text + strlen(text), sizeof text - strlen(text), " metric %u", o->croute.metric);
		break;
	case GW_HNV_PROVIDER_ADDRESS:
		snprintf(text, sizeof text, "address %s", gw_addr_format(&o->paddr.pa, a));
		if (!key_only)
			snprintf(text + strlen(text), sizeof text - strlen(text), "/%u on %s", o->paddr.prefix_len,
				 o->paddr.interface);
		break;
	case GW_HNV_PROVIDER_ROUTE:
		snprintf(text, sizeof text, "underlay %s on %s", gw_prefix_format(&o->proute.prefix, p),
			 o->proute.interface);
		if (!key_only)
			snprintf(text + strlen(text), sizeof text - strlen(text), " via %s",
				 gw_addr_format(&o->proute.next_hop, a));
		break;
	case GW_HNV_PORT:
		snprintf(text, sizeof text, "port %s", o->port.interface);
		if (!key_only)
			snprintf(text + strlen(text), sizeof text - strlen(text), " in %u mac %s%s", o->port.vsid,
				 gw_mac_format(&o->port.mac, m), o->port.forwards ? " forwards" : "");
		break;
	case GW_HNV_VRF:
		describe_vrf(&o->vrf, key_only, text, sizeof text);
		break;
	case GW_HNV_PUBLIC:
		snprintf(text, sizeof text, "public %s", gw_prefix_format(&o->public.prefix, p));
		if (o->public.first_port)
			add_text(text, sizeof text, " from %u", o->public.first_port);
		if (!key_only)
			add_text(text, sizeof text, o->public.port_count ? " count %u of %.8s" : "%.0u of %.8s",
				 o->public.port_count, gw_uuid_format(&o->public.rdid, u));
		break;
	case GW_HNV_NAT_RULE:
		describe_nat(&o->nat, key_only, text, sizeof text);
		break;
	case GW_HNV_CONNECTION:
	case GW_HNV_CONNECTION_ADDRESS:
	case GW_HNV_CONNECTION_ROUTE:
		describe_connection(o, key_only, text, sizeof text);
		break;
	case GW_HNV_KIND_MAX:
		break;
	}
	return text;
}

struct following {
	struct node *node;
	struct lines *lines;
};

static int follow_put(void *ctx, const struct gw_hnv_object *o)
{
	struct following *f = ctx;

	if (f->lines)
		add(f->lines, "+ %s", describe(o, false));
	return node_put(f->node, o);
}

static int follow_gone(void *ctx, const struct gw_hnv_object *o)
{
	struct following *f = ctx;

	if (f->lines)
		add(f->lines, "- %s", describe(o, true));
	return node_gone(f->node, o);
}

static int follow_forget(void *ctx, uint32_t vsid)
{
	struct following *f = ctx;

	if (f->lines)
		add(f->lines, "forget %u", vsid);
	return node_forget(f->node, vsid);
}

static int follow_forget_gateway(void *ctx, const struct gw_uuid *rdid)
{
	struct following *f = ctx;
	char u[GW_UUID_STRLEN];

	if (f->lines)
		add(f->lines, "forget gateway %.8s", gw_uuid_format(rdid, u));
	return node_forget_gateway(f->node, rdid);
}

/* --- transcripts -------------------------------------------------------------------------------------------------- */

struct transcript {
	const char *name;
	struct world w;
	FILE *f;
	unsigned line;
	char *text; /* the line that was read; NULL at the end */
	size_t room;
	struct gw_plan_work before, work; /* of the last commit */
	bool open;
	struct {
		struct gw_uuid server;
		struct node node;
	} nodes[MAX_NODES];
	size_t n_nodes;
};

static void next_line(struct transcript *t)
{
	ssize_t n = getline(&t->text, &t->room, t->f);

	t->line++;
	if (n < 0) {
		free(t->text);
		t->text = NULL;
		return;
	}
	while (n > 0 && strchr("\n \t", t->text[n - 1]))
		t->text[--n] = '\0';
}

static const char *where(const struct transcript *t)
{
	static char text[128];

	snprintf(text, sizeof text, "%s:%u", t->name, t->line);
	return text;
}

static bool is_indented(const char *line)
{
	return line && (*line == '\t' || *line == ' ');
}

/* The indented lines from here on. */
static void read_block(struct transcript *t, struct lines *ret)
{
	for (next_line(t); is_indented(t->text) || (t->text && *t->text == '#'); next_line(t))
		if (*t->text != '#')
			add(ret, "%s", t->text + strspn(t->text, " \t"));
}

static int depth(const char *s)
{
	int d = 0;

	for (; *s; s++)
		d += (*s == '{' || *s == '[') - (*s == '}' || *s == ']');
	return d;
}

/* "[TENANT] PATH"; returns what follows. */
static char *read_path(char *s, char **ret_tenant, char **ret_path)
{
	*ret_tenant = *s == '/' ? NULL : strsep(&s, " ");
	*ret_path = strsep(&s, " ");
	return s ? s : strchr(*ret_path, '\0');
}

static void begin(struct transcript *t)
{
	if (!t->open)
		world_begin(&t->w);
	t->open = true;
}

static void do_put(struct transcript *t, char *rest)
{
	struct gw_error err = GW_ERROR_INIT;
	char *copy = strdup(rest), *tenant, *path, *body = NULL;

	rest = read_path(copy, &tenant, &path);
	assert_true(asprintf(&body, "%s", rest) >= 0);
	while (!*body || depth(body) > 0) {
		char *longer;

		next_line(t);
		check(t->text, "%s: the JSON does not end", where(t));
		assert_true(asprintf(&longer, "%s%s", body, t->text) >= 0);
		free(body);
		body = longer;
	}
	begin(t);
	if (world_put(&t->w, tenant, path, json_of(body), &err) < 0)
		fail_msg("%s: %s: %s", where(t), err.target, err.message);
	free(body);
	free(copy);
	next_line(t);
}

static void do_delete(struct transcript *t, char *rest)
{
	struct gw_error err = GW_ERROR_INIT;
	char *copy = strdup(rest), *tenant, *path;

	read_path(copy, &tenant, &path);
	begin(t);
	if (world_delete(&t->w, tenant, path, &err) < 0)
		fail_msg("%s: %s: %s", where(t), err.target, err.message);
	free(copy);
	next_line(t);
}

static void on_trouble(void *ctx, const struct gw_resource *r)
{
	fail_msg("%s: %s: %s", where(ctx), r->id, r->now.trouble);
}

static void do_commit(struct transcript *t, bool was_accepted)
{
	struct gw_error err = GW_ERROR_INIT;
	int e;

	begin(t);
	t->before = gw_plan_work(t->w.p);
	if (was_accepted) {
		e = gw_catalog_settle_loaded(t->w.c, on_trouble, t, &err);
		world_accepted(&t->w);
	} else {
		e = world_end(&t->w, &err);
	}
	if (e < 0)
		fail_msg("%s: %s: %s", where(t), err.target, err.message);
	t->work = gw_plan_work(t->w.p);
	t->open = false;
	next_line(t);
}

static struct node *node_of(struct transcript *t, const char *id, struct gw_uuid *ret)
{
	const struct gw_resource *r = gw_catalog_root(t->w.c, NULL, GW_KIND_SERVER, id);

	check(r, "%s: there is no server %s", where(t), id);
	*ret = r->instance;
	for (size_t i = 0; i < t->n_nodes; i++)
		if (gw_uuid_equal(&t->nodes[i].server, ret))
			return &t->nodes[i].node;
	assert_true(t->n_nodes < MAX_NODES);
	t->nodes[t->n_nodes].server = *ret;
	return &t->nodes[t->n_nodes++].node;
}

/* Brings the node up to date by what has changed, and proves that it then has all that it should. */
static void look(struct transcript *t, const char *id, struct lines *ret_changes, struct lines *ret_state)
{
	struct node state = {0}, *n;
	struct gw_plan_cursor cur;
	struct gw_uuid server;
	struct following f = {.lines = ret_changes};
	const struct gw_plan_visitor v = {follow_put, follow_gone, follow_forget, follow_forget_gateway, &f};
	const struct gw_hnv_object *o;

	f.node = n = node_of(t, id, &server);
	assert_int_equal(gw_plan_open(t->w.p, &server, n->revision, &cur), 0);
	if (cur.whole) {
		node_done(n);
		if (ret_changes)
			add(ret_changes, "whole");
	}
	assert_int_equal(gw_plan_visit(t->w.p, &cur, SIZE_MAX, &v), 0);
	n->revision = cur.revision;
	node_state(t->w.p, &server, &state);
	o = node_differs(n, &state);
	check(!o, "%s: by its changes %s would be another one: %s", where(t), id, describe(o, false));
	node_enters_intent(&state, id);
	for (size_t i = 0; ret_state && i < state.n; i++)
		add(ret_state, "%s", describe(state.objects[i], false));
	node_done(&state);
}

static void do_node(struct transcript *t, const char *rest, bool changes)
{
	struct lines want = {.n = 0}, have = {.n = 0};
	char *id = strdup(rest);

	look(t, id, changes ? &have : NULL, changes ? NULL : &have);
	free(id);
	read_block(t, &want);
	compare(where(t), &want, &have);
}

static int add_trouble(void *ctx, const struct gw_plan_trouble *trouble)
{
	static const char *const grades[] = {"note", "warning", "failure"};

	assert_true(*trouble->message);
	if (trouble->found == 1)
		add(ctx, "%s %s %s", grades[trouble->grade], trouble->code, trouble->path);
	else
		add(ctx, "%s %s %s by %zu", grades[trouble->grade], trouble->code, trouble->path, trouble->found);
	return 0;
}

static void do_trouble(struct transcript *t)
{
	struct lines want = {.n = 0}, have = {.n = 0};

	assert_int_equal(gw_plan_troubles(t->w.p, NULL, add_trouble, &have), 0);
	read_block(t, &want);
	compare(where(t), &want, &have);
}

static void do_computed(struct transcript *t, const char *rest)
{
	unsigned domains, nodes;

	assert_int_equal(sscanf(rest, "%u %u", &domains, &nodes), 2);
	check(t->work.domains - t->before.domains == domains && t->work.nodes - t->before.nodes == nodes,
	      "%s: %u networks and %u nodes were computed", where(t), (unsigned)(t->work.domains - t->before.domains),
	      (unsigned)(t->work.nodes - t->before.nodes));
	next_line(t);
}

/* As of here, as where no gateway node could carry a virtual gateway. */
static void do_no_gateways(struct transcript *t)
{
	const struct gw_plan_params params = {.router_mac = ROUTER_MAC, .remembered = 64};

	gw_plan_free(t->w.p);
	assert_int_equal(gw_plan_new(&params, &t->w.p), 0);
	next_line(t);
}

static void step(struct transcript *t)
{
	static const char *const words[] = {"PUT",     "DELETE",   "COMMIT",	  "NODE",  "CHANGES",
					    "TROUBLE", "COMPUTED", "NO-GATEWAYS", "LOADED"};
	size_t n = strcspn(t->text, " "), i = 0;
	char *rest = t->text + n + strspn(t->text + n, " ");

	if (!*t->text || *t->text == '#') {
		next_line(t);
		return;
	}
	while (i < GW_N(words) && (strlen(words[i]) != n || strncmp(words[i], t->text, n) != 0))
		i++;
	switch (i) {
	case 0:
		do_put(t, rest);
		break;
	case 1:
		do_delete(t, rest);
		break;
	case 2:
	case 8:
		do_commit(t, i == 8);
		break;
	case 3:
	case 4:
		do_node(t, rest, i == 4);
		break;
	case 5:
		do_trouble(t);
		break;
	case 6:
		do_computed(t, rest);
		break;
	case 7:
		do_no_gateways(t);
		break;
	default:
		fail_msg("%s: \"%s\"?", where(t), t->text);
	}
}

static void run(void **state)
{
	struct transcript t = {.name = *state};
	char path[256];

	snprintf(path, sizeof path, FOLDER "/%s", t.name);
	t.f = fopen(path, "re");
	check(t.f, "%s: %s", path, strerror(errno));
	world_init(&t.w, 64);
	for (next_line(&t); t.text;)
		step(&t);
	for (size_t i = 0; i < t.n_nodes; i++)
		node_done(&t.nodes[i].node);
	world_done(&t.w);
	fclose(t.f);
}

static int is_transcript(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 4 && !strcmp(d->d_name + n - 4, ".txt");
}

int main(void)
{
	static struct CMUnitTest tests[64];
	struct dirent **files;
	int n = scandir(FOLDER, &files, is_transcript, alphasort), failed;

	if (n <= 0 || n > (int)GW_N(tests)) {
		fprintf(stderr, "no transcripts in " FOLDER "\n");
		return 1;
	}
	for (int i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){
			.name = files[i]->d_name, .test_func = run, .initial_state = files[i]->d_name};
	failed = _cmocka_run_group_tests("plan", tests, (size_t)n, NULL, NULL);
	for (int i = 0; i < n; i++)
		free(files[i]);
	free(files);
	return failed;
}
