/*
 * cmdlet.c - the cmdlets that make no records, but say on which machine and which adapter those do that make some: they
 * return objects, or run a block elsewhere. See private.h.
 */
#include "cli/hnv/private.h"

#include <string.h>
#include <strings.h>

const struct gw_hnv_object *gw_hnv_object_of(const struct gw_ps_value *v, enum gw_hnv_object_type type)
{
	const struct gw_hnv_object *o = v && v->kind == GW_PS_OBJECT ? v->object : NULL;

	return o && o->type == type ? o : NULL;
}

static struct gw_ps_value new_object(struct gw_ps *ps, enum gw_hnv_object_type type, const struct gw_hnv_hosts *hosts,
				     const char *name, const struct gw_ps_token *at)
{
	struct gw_hnv_object *o = gw_cli_arena_alloc(gw_ps_arena(ps), sizeof *o);

	*o = (struct gw_hnv_object){type, *hosts, name, at->line};
	return (struct gw_ps_value){.kind = GW_PS_OBJECT, .object = o, .at = at};
}

bool gw_hnv_member(struct gw_cli_arena *arena, const struct gw_ps_value *of, const char *name, struct gw_ps_value *ret)
{
	const struct gw_hnv_object *o = gw_hnv_object_of(of, GW_HNV_ADAPTER);
	struct gw_hnv_object *index;

	if (!o)
		return false;
	if (strcasecmp(name, "InterfaceIndex") == 0 || strcasecmp(name, "ifIndex") == 0) {
		index = gw_cli_arena_alloc(arena, sizeof *index);
		*index = *o;
		index->type = GW_HNV_ADAPTER_INDEX;
		*ret = (struct gw_ps_value){.kind = GW_PS_OBJECT, .object = index};
		return true;
	}
	if (o->name && (strcasecmp(name, "Name") == 0 || strcasecmp(name, "InterfaceAlias") == 0)) {
		*ret = gw_ps_text_value(o->name, of->at);
		return true;
	}
	return false;
}

/* --- cmdlets that make no records --- */

enum { HOSTS = 1, NAME, BLOCK, ELSEWHERE, FILEPATH, IGNORED };

static const struct gw_ps_parameter get_net_adapter[] = {
	{.name = "Name", .alias = "ifAlias,InterfaceAlias", .position = 1, .use = NAME},
	{.name = "InterfaceDescription", .alias = "ifDesc", .use = NAME},
	{.name = "InterfaceIndex", .alias = "ifIndex", .use = NAME},
	{.name = "CimSession", .alias = "Session", .use = HOSTS},
	{.name = "IncludeHidden", .is_switch = true, .use = IGNORED},
	{.name = "Physical", .is_switch = true, .use = IGNORED},
	{.name = "AsJob", .is_switch = true, .use = IGNORED},
	{.name = "ThrottleLimit", .use = IGNORED},
	{0},
};

static const struct gw_ps_parameter get_vm_adapter[] = {
	{.name = "VMName", .position = 1, .use = IGNORED},
	{.name = "Name", .alias = "VMNetworkAdapterName", .position = 2, .use = IGNORED},
	{.name = "ComputerName", .use = HOSTS},
	{.name = "CimSession", .use = HOSTS},
	{.name = "Credential", .use = IGNORED},
	{.name = "All", .is_switch = true, .use = IGNORED},
	{.name = "IsLegacy", .use = IGNORED},
	{.name = "ManagementOS", .is_switch = true, .use = IGNORED},
	{.name = "SwitchName", .use = IGNORED},
	{0},
};

static const struct gw_ps_parameter new_session[] = {
	{.name = "ComputerName", .alias = "CN,ServerName", .position = 1, .use = HOSTS},
	{.name = "Credential", .use = IGNORED},
	{.name = "Name", .use = IGNORED},
	{.name = "Authentication", .use = IGNORED},
	{.name = "CertificateThumbprint", .use = IGNORED},
	{.name = "SessionOption", .use = IGNORED},
	{.name = "Port", .use = IGNORED},
	{.name = "UseSSL", .is_switch = true, .use = IGNORED},
	{.name = "OperationTimeoutSec", .use = IGNORED},
	{.name = "SkipTestConnection", .is_switch = true, .use = IGNORED},
	{.name = "ConfigurationName", .use = IGNORED},
	{.name = "ApplicationName", .use = IGNORED},
	{.name = "ThrottleLimit", .use = IGNORED},
	{.name = "EnableNetworkAccess", .is_switch = true, .use = IGNORED},
	{0},
};

static const struct gw_ps_parameter invoke_command[] = {
	{.name = "ComputerName", .alias = "Cn", .position = 1, .use = HOSTS},
	{.name = "Session", .use = HOSTS},
	{.name = "ScriptBlock", .alias = "Command", .position = 2, .use = BLOCK},
	{.name = "FilePath", .alias = "PSPath", .use = FILEPATH},
	{.name = "ConnectionUri", .alias = "URI,CU", .use = ELSEWHERE},
	{.name = "VMName", .use = ELSEWHERE},
	{.name = "VMId", .alias = "VMGuid", .use = ELSEWHERE},
	{.name = "ContainerId", .use = ELSEWHERE},
	{.name = "HostName", .use = ELSEWHERE},
	{.name = "SSHConnection", .use = ELSEWHERE},
	{.name = "Credential", .use = IGNORED},
	{.name = "ArgumentList", .alias = "Args", .use = IGNORED},
	{.name = "InputObject", .use = IGNORED},
	{.name = "AsJob", .is_switch = true, .use = IGNORED},
	{.name = "JobName", .use = IGNORED},
	{.name = "HideComputerName", .alias = "HCN", .is_switch = true, .use = IGNORED},
	{.name = "ThrottleLimit", .use = IGNORED},
	{.name = "Port", .use = IGNORED},
	{.name = "UseSSL", .is_switch = true, .use = IGNORED},
	{.name = "ConfigurationName", .use = IGNORED},
	{.name = "ApplicationName", .use = IGNORED},
	{.name = "Authentication", .use = IGNORED},
	{.name = "CertificateThumbprint", .use = IGNORED},
	{.name = "SessionOption", .use = IGNORED},
	{.name = "SessionName", .use = IGNORED},
	{.name = "InDisconnectedSession", .alias = "Disconnected", .is_switch = true, .use = IGNORED},
	{.name = "EnableNetworkAccess", .is_switch = true, .use = IGNORED},
	{.name = "NoNewScope", .is_switch = true, .use = IGNORED},
	{0},
};

#define PARAMETERS_MAX 32

/* The given one with this use, NULL when there is none. */
static const struct gw_ps_bound *used(const struct gw_ps_parameter *table, const struct gw_ps_bound *bound, int use)
{
	for (size_t i = 0; table[i].name; i++)
		if (bound[i].at && table[i].use == use)
			return &bound[i];
	return NULL;
}

/* Get-NetAdapter, Get-VMNetworkAdapter, New-CimSession: an object with its machines. */
static int make_object(struct gw_hnv_reader *r, struct gw_ps *ps, const struct gw_ps_command *c,
		       const struct gw_ps_parameter *table, enum gw_hnv_object_type type, struct gw_ps_value *ret)
{
	struct gw_ps_bound bound[PARAMETERS_MAX] = {0};
	const struct gw_ps_bound *hosts, *name;
	struct gw_hnv_hosts where = r->hosts;
	const struct gw_ps_token *at;
	const char *error;

	gw_ps_bind(ps, c, table, bound, &at, &error);
	if (error) {
		*ret = gw_ps_unknown(
			gw_cli_arena_format(gw_ps_arena(ps), "%s in line %u: %s", c->name, at->line, error), c->at);
		return 0;
	}
	hosts = used(table, bound, HOSTS);
	if (hosts) {
		int e = gw_hnv_hosts_of(r, ps, &hosts->value, &where);

		if (e < 0)
			return e;
	}
	name = used(table, bound, NAME);
	if (name && name->value.kind == GW_PS_UNKNOWN)
		*ret = name->value;
	else if (name && name->value.kind != GW_PS_TEXT)
		*ret = gw_ps_unknown("it is not one adapter with a name", name->at);
	else
		*ret = new_object(ps, type, &where, name ? name->value.text : NULL, c->at);
	return 0;
}

/* where {$_.MacAddress -eq "..."}, and the short form: where MacAddress -eq "..." */
static bool condition(struct gw_ps *ps, const struct gw_ps_command *c, const char **ret_member,
		      struct gw_ps_value *ret_value)
{
	const struct gw_ps_argument *a = c->arguments;
	size_t n = c->n;

	if (n > 0 && a->parameter && !a->has_value &&
	    (strcasecmp(a->parameter, "FilterScript") == 0 || strcasecmp(a->parameter, "Property") == 0)) {
		a++;
		n--;
	}
	if (n == 1 && a[0].value.kind == GW_PS_BLOCK)
		return gw_ps_block_compares(ps, &a[0].value, ret_member, ret_value);
	if (n == 4 && a[2].parameter && strcasecmp(a[2].parameter, "Value") == 0) {
		*ret_value = a[3].value;
		n--;
	} else if (n == 3) {
		*ret_value = a[2].value;
	}
	if (n != 3 || a[0].value.kind != GW_PS_TEXT || !a[1].parameter ||
	    (strcasecmp(a[1].parameter, "eq") != 0 && strcasecmp(a[1].parameter, "ceq") != 0))
		return false;
	*ret_member = a[0].value.text;
	return true;
}

static int run_where(struct gw_ps *ps, const struct gw_ps_command *c, struct gw_ps_value *ret)
{
	const struct gw_hnv_object *adapter = gw_hnv_object_of(c->input, GW_HNV_ADAPTER),
				   *vm = gw_hnv_object_of(c->input, GW_HNV_VM_ADAPTER),
				   *object = adapter ? adapter : vm;
	struct gw_ps_value value;
	const char *member_name;

	if (!object) {
		if (c->input && c->input->kind == GW_PS_UNKNOWN)
			*ret = *c->input;
		return 0;
	}
	if (!condition(ps, c, &member_name, &value)) {
		*ret = gw_ps_unknown("the condition is not evaluated; write it as where {$_.MacAddress -eq \"...\"}",
				     c->at);
		return 0;
	}
	*ret = *c->input;
	if (strcasecmp(member_name, adapter ? "Name" : "MacAddress") != 0)
		return 0;
	if (value.kind == GW_PS_TEXT)
		*ret = new_object(ps, object->type, &object->hosts, value.text, c->at);
	else
		*ret = value.kind == GW_PS_UNKNOWN ? value : gw_ps_unknown("the value compared with is no text", c->at);
	return 0;
}

static int run_invoke(struct gw_hnv_reader *r, struct gw_ps *ps, const struct gw_ps_command *c)
{
	struct gw_ps_bound bound[PARAMETERS_MAX] = {0};
	const struct gw_ps_bound *hosts, *block, *elsewhere;
	struct gw_hnv_hosts outside = r->hosts, inside = outside;
	const struct gw_ps_token *at;
	const char *error;
	int e;

	gw_ps_bind(ps, c, invoke_command, bound, &at, &error);
	if (error)
		return gw_ps_refuse(ps, at, "%s: %s", c->name, error);
	if (used(invoke_command, bound, FILEPATH))
		return gw_ps_refuse(ps, c->at,
				    "%s -FilePath runs a script that is not read here; import that by itself "
				    "and take this line out",
				    c->name);
	/* A block may come first when no name of a machine does. */
	if (bound[0].value.kind == GW_PS_BLOCK && !bound[2].at) {
		bound[2] = bound[0];
		bound[0] = (struct gw_ps_bound){0};
	}
	hosts = used(invoke_command, bound, HOSTS);
	block = used(invoke_command, bound, BLOCK);
	elsewhere = used(invoke_command, bound, ELSEWHERE);
	if (!block || block->value.kind != GW_PS_BLOCK)
		return gw_ps_refuse(ps, block ? block->at : c->at,
				    "%s: what it runs is not known%s%s; write the block here", c->name,
				    block && block->value.kind == GW_PS_UNKNOWN ? ": " : "",
				    block && block->value.kind == GW_PS_UNKNOWN ? block->value.text : "");
	if (hosts) {
		e = gw_hnv_hosts_of(r, ps, &hosts->value, &inside);
		if (e < 0)
			return e;
	} else if (elsewhere) {
		inside = (struct gw_hnv_hosts){.why = "Invoke-Command runs them on a machine that is not named by "
						      "-ComputerName"};
	}
	r->hosts = inside;
	e = gw_ps_run_block(ps, &block->value, hosts || elsewhere);
	r->hosts = outside;
	return e;
}

enum cmdlet { OTHER, NET_ADAPTER, VM_ADAPTER, SESSION, WHERE, INVOKE };

static enum cmdlet cmdlet_of(const char *name)
{
	static const struct {
		const char *name;
		enum cmdlet cmdlet;
	} names[] = {
		{"Get-NetAdapter", NET_ADAPTER},
		{"Get-VMNetworkAdapter", VM_ADAPTER},
		{"New-CimSession", SESSION},
		{"ncms", SESSION},
		{"New-PSSession", SESSION},
		{"nsn", SESSION},
		{"Where-Object", WHERE},
		{"where", WHERE},
		{"?", WHERE},
		{"Invoke-Command", INVOKE},
		{"icm", INVOKE},
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcasecmp(name, names[i].name) == 0)
			return names[i].cmdlet;
	return OTHER;
}

bool gw_hnv_is_cmdlet(const char *name)
{
	return cmdlet_of(name) != OTHER;
}

int gw_hnv_run_cmdlet(struct gw_hnv_reader *r, struct gw_ps *ps, const struct gw_ps_command *c, struct gw_ps_value *ret)
{
	switch (cmdlet_of(c->name)) {
	case NET_ADAPTER:
		return make_object(r, ps, c, get_net_adapter, GW_HNV_ADAPTER, ret);
	case VM_ADAPTER:
		return make_object(r, ps, c, get_vm_adapter, GW_HNV_VM_ADAPTER, ret);
	case SESSION:
		return make_object(r, ps, c, new_session, GW_HNV_SESSION, ret);
	case WHERE:
		return run_where(ps, c, ret);
	case INVOKE:
		return run_invoke(r, ps, c);
	case OTHER:
		break;
	}
	return 0;
}
