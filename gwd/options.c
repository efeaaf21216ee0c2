/* options.c - see options.h. Called by main.c. */
#include "options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>

#define DEFAULT_CONFIG "/etc/gwd/gwd.conf"

static void usage(FILE *f)
{
	fputs("Usage: gwd [OPTION]...\n"
	      "The multitenant NVGRE/VXLAN gateway daemon.\n\n"
	      "  -c, --config=FILE   read this configuration (default " DEFAULT_CONFIG ")\n"
	      "      --check-config  check the configuration and the files of TLS and exit: 0 good, 1 bad\n"
	      "                      (with --remove: only what that needs)\n"
	      "      --remove        take out of the kernel what this node has put there, and exit; records are kept\n"
	      "      --version       print the version and exit\n"
	      "      --help          print this and exit\n\n"
	      "SIGHUP reads the configuration again; SIGTERM ends the daemon, traffic goes on.\n"
	      "See gwd(8) and gwd.conf(5).\n",
	      f);
}

int gw_options_parse(int argc, char **argv, struct gw_options *ret)
{
	enum { CHECK = 256, REMOVE, VERSION, HELP };
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'}, {"check-config", no_argument, NULL, CHECK},
		{"remove", no_argument, NULL, REMOVE},	  {"version", no_argument, NULL, VERSION},
		{"help", no_argument, NULL, HELP},	  {0},
	};
	int c;

	*ret = (struct gw_options){.config_path = DEFAULT_CONFIG};
	while ((c = getopt_long(argc, argv, "c:", longs, NULL)) >= 0) {
		switch (c) {
		case 'c':
			ret->config_path = optarg;
			break;
		case CHECK:
			ret->check_only = true;
			break;
		case REMOVE:
			ret->remove = true;
			break;
		case VERSION:
			puts("gwd " GW_VERSION);
			return 0;
		case HELP:
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "gwd: unexpected argument \"%s\"\n", argv[optind]);
		usage(stderr);
		return 2;
	}
	return -1;
}
