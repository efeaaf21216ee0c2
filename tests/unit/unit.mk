# gwctl's unit tests: the parts of gwctl beside its main() are in no library, and it may use only them and base.
CLI_TESTS    := $(patsubst %,$(BUILD)/tests/unit/test_%,cli hnv_script hnv_refusals)
CLI_PART_OBJ  = $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out gwd/cli/main.c,$(CLI_SRC)) $(BASE_SRC))

$(CLI_TESTS): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(CLI_PART_OBJ)
	@mkdir -p $(@D)
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(CLI_PKGS) cmocka) -lsystemd

# gwctl includes nothing of the model; this one holds both against each other.
$(BUILD)/tests/unit/test_cli_kind: $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o \
		$(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out gwd/cli/main.c,$(CLI_SRC))) $(BUILD)/libgw.a
	@mkdir -p $(@D)
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PKGS) libcurl cmocka) -lm

# It runs the program itself.
$(BUILD)/tests/unit/test_netns: | $(BUILD)/gwd-netns

# There is no memory for the plan, and it gets late.
$(BUILD)/tests/unit/test_node_state $(BUILD)/tests/unit/test_standing $(BUILD)/tests/unit/test_gateways: LDFLAGS += -Wl,--wrap=gw_plan_domain_compute,--wrap=clock_gettime

# What is in the log.
$(BUILD)/tests/unit/test_sync $(BUILD)/tests/unit/test_sync_slices: LDFLAGS += -Wl,--wrap=gw_log

# It makes memory run out.
$(BUILD)/tests/unit/test_plan_random: LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc

# It counts the blocks of code that run between two places of the files whose work must not grow faster than what they are given.
COUNTED := $(patsubst %.c,$(BUILD)/obj/counted/%.o,$(wildcard gwd/model/catalog/*.c gwd/plan/*.c) gwd/base/hmap.c gwd/base/rank.c)

$(BUILD)/obj/counted/%.o: %.c
	@mkdir -p $(@D)
	$(call QUIET,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -fsanitize-coverage=trace-pc $(shell pkg-config --cflags $(PKGS)) -c $< -o $@

$(BUILD)/tests/unit/test_cost: $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(COUNTED) $(BUILD)/libgw.a
	@mkdir -p $(@D)
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PKGS) cmocka) -lm

# A plugin's parts are in no library.
NAT_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard plugins/nat/*.c))

NAT_TESTS := $(patsubst tests/%.c,%,$(wildcard tests/unit/test_nat*.c))

$(NAT_TESTS:%=$(BUILD)/obj/tests/%.o): CPPFLAGS += -Iplugins
$(NAT_TESTS:%=$(BUILD)/tests/%): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(NAT_OBJ) $(BUILD)/libgw.a
	@mkdir -p $(@D)
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PKGS) $(PLUGIN_PKGS_nat) cmocka) -lm

# As the daemon, it shows plugins what they may use.
$(BUILD)/tests/unit/test_plugins: $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/libgw.a | $(BUILD)/plugins/example.so
	@mkdir -p $(@D)
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(GWD_LIBS) $(shell pkg-config --libs $(PKGS) cmocka) -lm
