/*
 * loader_helper.c - one step of loader_steps.h as a program: loader_helper BPF_DIR NODE N. Prints what it found. Built
 * below build/abi-next with another map layout and run by test_loader.
 */
#include "loader_steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_loader_config c;
	struct step s;

	if (argc != 4)
		return 2;
	c = step_config(argv[1], argv[2]);
	if (step(&c, strtoull(argv[3], NULL, 10), &s, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	printf("%d %d %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
	       GW_ABI_VERSION, s.adopted, s.slot, s.out, s.drop, s.tx_packets, s.drops, s.vsid_rx_bytes, s.port_drop);
	return 0;
}
