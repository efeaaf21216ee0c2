# Fuzzing: every tests/fuzz/fuzz_NAME.c is a libFuzzer program with its seeds in tests/fuzz/corpus/NAME/. The library is
# built once more with clang's coverage and sanitizers below $(FUZZ_BUILD); inputs found and crashes stay there.

FUZZ_SECONDS ?= 120
FUZZ_BUILD   := build/fuzz
FUZZ_NAMES   := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_OPT     := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
FUZZ_LIMITS  := -timeout=30 -rss_limit_mb=1024 -max_len=8192 -print_final_stats=0 -verbosity=0

.PHONY: fuzz-build fuzz-short fuzz

fuzz-build:
	$(MAKE) BUILD=$(FUZZ_BUILD) CC=$(CLANG) OPT="$(FUZZ_OPT) -fsanitize=fuzzer-no-link,address,undefined" \
		$(FUZZ_NAMES:%=$(FUZZ_BUILD)/fuzz_%)

$(FUZZ_BUILD)/fuzz_%: $(FUZZ_BUILD)/obj/tests/fuzz/fuzz_%.o $(FUZZ_BUILD)/libgw.a
	$(call QUIET,LINK)$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PKGS)) -lm

# gwctl's reader of scripts is in no library.
$(FUZZ_BUILD)/fuzz_ps_script: $(FUZZ_BUILD)/obj/tests/fuzz/fuzz_ps_script.o \
		$(patsubst %.c,$(FUZZ_BUILD)/obj/%.o,$(filter-out gwd/cli/main.c,$(CLI_SRC)) $(BASE_SRC))
	$(call QUIET,LINK)$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(CLI_PKGS)) -lsystemd

# As many at once as there are processors, none any more after a finding; $(1) is the time for each in seconds.
fuzz_run = printf '%s\n' $(FUZZ_NAMES) | xargs -P$(JOBS) -I@ sh -c 'mkdir -p $(FUZZ_BUILD)/corpus/@; echo "fuzz: @, $(1) s"; \
		$(FUZZ_BUILD)/fuzz_@ -max_total_time=$(1) $(FUZZ_LIMITS) -artifact_prefix=$(FUZZ_BUILD)/finding-@- \
			$(FUZZ_BUILD)/corpus/@ tests/fuzz/corpus/@ || exit 255'

fuzz-short: fuzz-build ## each fuzz target for 3 s from its corpus
	@$(call fuzz_run,3)

fuzz: fuzz-build ## each fuzz target for FUZZ_SECONDS (120); findings go to build/fuzz/
	@$(call fuzz_run,$(FUZZ_SECONDS))
