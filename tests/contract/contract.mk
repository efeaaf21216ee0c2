# What the contract tests need beside the daemon.
PROMTOOL := build/tools/promtool

$(PROMTOOL): tests/contract/promtool.sh
	$< $@

.PHONY: test-contract
test-contract: test-topo-build $(PROMTOOL) ## the API against its own description
	tests/run --build $(ASAN) contract $(if $(ONLY),--only '$(ONLY)')

# What is asked of it; `make test` runs a few rounds.
CRASH_ROUNDS   ?= 50
CRASH_REQUESTS ?= 2000

.PHONY: test-crash
test-crash: test-topo-build ## the controller killed 50 times at random moments among 2,000 random requests each
	GW_TEST_ROUNDS=$(CRASH_ROUNDS) GW_TEST_REQUESTS=$(CRASH_REQUESTS) tests/run --build $(ASAN) contract --only '^contract/crash$$'
