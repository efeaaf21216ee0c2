# gwctl's unit test: the parts of gwctl beside its main() are in no library, and it may use only them and base.
CLI_TEST_OBJ = $(patsubst %.c,$(BUILD)/obj/%.o,tests/unit/test_cli.c $(filter-out gwd/cli/main.c,$(wildcard gwd/cli/*.c)) \
	$(wildcard gwd/base/*.c))

$(BUILD)/tests/unit/test_cli: $(CLI_TEST_OBJ)
	@mkdir -p $(@D)
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(CLI_PKGS) cmocka) -lsystemd
