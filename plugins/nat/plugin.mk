# What plugins/nat is linked with beside libc and what the daemon offers.
PLUGIN_PKGS_nat := libnftnl libmnl jansson
