PLUGIN_PKGS_example := jansson
