# Tests and the checks of the sources. Everything runs on the sanitized build; see tests/run for how results are judged.

JOBS       ?= $(shell nproc)
ASAN       := build/asan
ASAN_MAKE   = $(MAKE) --no-print-directory -j$(JOBS) BUILD=$(ASAN) SANITIZE=1

TEST_PROGRAMS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c tests/bpf/test_*.c))
TOPO_TOOLS    := $(patsubst tests/topo/lib/%.c,$(BUILD)/topo/%,$(wildcard tests/topo/lib/*.c))

# The tools drive traffic; they need no sanitizer, which would only slow the load down.
$(BUILD)/topo/%: tests/topo/lib/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu17 -O2 -g $(WARN) -o $@ $<

.PHONY: test-programs topo-tools variants test-topo-build
test-programs: $(TEST_PROGRAMS)
topo-tools: $(TOPO_TOOLS)

variants: # all that must compile: clang's, and the sanitized build; gcc's own are build-abi-next and the package
	$(MAKE) --no-print-directory -j$(JOBS) BUILD=build/clang CC=$(CLANG) OPT=-O1 build
	$(ASAN_MAKE) build

test-topo-build:
	$(ASAN_MAKE) build topo-tools
	$(MAKE) --no-print-directory -j$(JOBS) build-abi-next

.PHONY: test-built test-long
test-built:
	$(MAKE) --no-print-directory deps
	$(MAKE) --no-print-directory variants
	$(ASAN_MAKE) test-programs
	$(MAKE) --no-print-directory test-topo-build
	$(MAKE) --no-print-directory -j$(JOBS) vm-image $(PROMTOOL) fuzz-build # an image keeps one processor busy

test: test-built ## build with gcc, clang and sanitizers, package and image; then every test, the VM's in short
	$(MAKE) --no-print-directory fuzz-short
	tests/run --short --together

test-long: test-built ## everything: also all that runs inside the VM, the demo, and the long fuzzing
	$(MAKE) --no-print-directory vm-ready
	$(MAKE) --no-print-directory test-demo
	$(MAKE) --no-print-directory fuzz
	$(MAKE) --no-print-directory test-crash
	$(MAKE) --no-print-directory test-converge
	tests/run

test-unit: ## unit tests only
	$(ASAN_MAKE) test-programs
	tests/run --build $(ASAN) unit

test-bpf: ## engine programs in the kernel, packet by packet
	$(ASAN_MAKE) test-programs
	tests/run --build $(ASAN) bpf

test-topo: test-topo-build ## daemons, namespaces and traffic; ONLY=regex picks scenarios
	tests/run --build $(ASAN) topo $(if $(ONLY),--only '$(ONLY)')

CONVERGE_ROUNDS ?= 50

.PHONY: test-converge
test-converge: test-topo-build ## controller and hosts killed and cut off at random in 50 rounds of random changes
	GW_TEST_ROUNDS=$(CONVERGE_ROUNDS) GW_TEST_REVISIONS=10000 tests/run --build $(ASAN) topo --only '^topo/converge$$'

# SEED= repeats the changes of a run that failed.
soak: SECONDS ?= 600

.PHONY: soak
soak: test-topo-build ## tenants that come, change and go at random under traffic for SECONDS= (600), every packet held against a model
	GW_TEST_SECONDS=$(SECONDS) GW_TEST_SEED=$(SEED) tests/run --build $(ASAN) topo --only '^topo/soak$$'

C_FILES  = $(shell git ls-files '*.c' '*.h')
SH_FILES = $(shell git ls-files "*.sh" .ci/run configs/completion/gwctl image/files/usr/lib/gwd/banner image/files/etc/initramfs-tools/hooks/gwd \
	"image/debian/gwd.p*")
TIDY_SRC = $(filter-out gwd/engine/bpf/% tests/%,$(shell git ls-files '*.c'))
# cppcheck parses C without the macros of libbpf and jansson; BPF programs may count in void pointers, as the kernel does.
CPPCHECK = cppcheck --quiet --error-exitcode=1 --std=c11 --language=c --inline-suppr -j$(JOBS) \
	--enable=warning,performance,portability --suppress=missingIncludeSystem \
	--suppress='arithOperationsOnVoidPointer:gwd/engine/bpf/*' \
	-D_GNU_SOURCE '-DSEC(x)=' '-DDECLARE_LIBBPF_OPTS(t,n,...)=struct t n' \
	'-Djson_array_foreach(a,i,v)=if ((v = json_array_get(a, i = 0)))' -Igwd -Iplugins

lint: $(BUILD)/gen/engine.skel.h ## format, shellcheck, cppcheck, clang-tidy, layers
	@echo '  LINT     clang-format'
	@clang-format-14 --dry-run -Werror $(C_FILES)
	@echo '  LINT     shellcheck'
	@shellcheck -x --source-path=SCRIPTDIR $(SH_FILES)
	@echo '  LINT     cppcheck'
	@$(CPPCHECK) gwd plugins tests
	@echo '  LINT     clang-tidy'
	@printf '%s\n' $(TIDY_SRC) | xargs -P $(JOBS) -I{} clang-tidy-14 --quiet {} -- -std=gnu17 $(CPPFLAGS) -Iplugins \
		-isystem $(BUILD)/gen $(shell pkg-config --cflags $(PKGS) libcurl) >$(BUILD)/clang-tidy.log 2>&1 || \
		{ cat $(BUILD)/clang-tidy.log; exit 1; }
	@echo '  LINT     layers'
	@tests/check-layers.sh >$(BUILD)/layers.log || { cat $(BUILD)/layers.log; exit 1; }

format: ## clang-format everything in place
	@clang-format-14 -i $(C_FILES)
