/*
 * fuzz_ps_script.c - any bytes as a Hyper-V script: a batch of whole records, the same one each time, or a refusal with a
 * place and a reason that can be shown to anyone. The first byte chooses the host.
 */
#include "fuzz.h"

#include "base/addr.h"
#include "cli/hnv/script.h"

static char nic[] = "WNVNIC", number[] = "12", mac[] = "00:15:5d:01:14:04", eth1[] = "eth1", tap0[] = "tap0";
static const struct gw_cli_pair pairs[] = {
	{GW_CLI_OPT_NIC, nic, eth1}, {GW_CLI_OPT_NIC, number, eth1}, {GW_CLI_OPT_VM_PORT, mac, tap0}};

/* Each element is one that the daemon can read. */
static void require_batch(const json_t *batch, size_t n)
{
	const json_t *element;
	size_t i;

	require(json_array_size(batch) == n && n > 0);
	json_array_foreach((json_t *)batch, i, element)
	{
		const json_t *properties = json_object_get(json_object_get(element, "body"), "properties");
		const json_t *vsid = json_object_get(properties, "VirtualSubnetID");

		require(!strcmp(json_string_value(json_object_get(element, "method")), "PUT"));
		require(!strncmp(json_string_value(json_object_get(element, "path")), "/hnv/", 5));
		require(json_object_size(properties) >= 3);
		require(!vsid || gw_vsid_assignable((uint64_t)json_integer_value(vsid)));
		require(!json_object_get(properties, "Rule") ||
			strcmp(json_string_value(json_object_get(properties, "Rule")), "TranslationMethodNat") != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = {"h1", "localhost", "ml110g6-01"};
	const char *host = size > 0 ? hosts[data[0] % 3] : "h1";
	struct gw_hnv_script s = {0}, again = {0};
	const struct gw_ps_error *e = &s.source.error;
	json_t *batch = NULL, *same = NULL;
	int r;

	if (size > 0) {
		data++;
		size--;
	}
	r = gw_hnv_script_read(&s, data, size, host, pairs, 3);
	if (r < 0) {
		require(e->text && e->text[0]);
	} else {
		batch = gw_hnv_script_batch(&s);
		require_batch(batch, s.n);
		require(gw_hnv_script_read(&again, data, size, host, pairs, 3) == 0);
		same = gw_hnv_script_batch(&again);
		require(json_equal(batch, same));
		for (size_t i = 0; i < s.n_notes; i++)
			require(s.notes[i][0]);
	}
	json_decref(batch);
	json_decref(same);
	gw_hnv_script_done(&s);
	gw_hnv_script_done(&again);
	return 0;
}
