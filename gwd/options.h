/* options.h - gwd's command line. */
#ifndef GW_OPTIONS_H
#define GW_OPTIONS_H

#include <stdbool.h>

struct gw_options {
	const char *config_path;
	bool check_only, remove;
};

/* -1: go on; else the exit status. */
int gw_options_parse(int argc, char **argv, struct gw_options *ret);

#endif
