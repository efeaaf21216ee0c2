# What the contract tests need beside the daemon.
PROMTOOL := build/tools/promtool

$(PROMTOOL): tests/contract/promtool.sh
	$< $@

.PHONY: test-contract
test-contract: test-topo-build $(PROMTOOL) ## the API against its own description
	tests/run --build $(ASAN) contract $(if $(ONLY),--only '$(ONLY)')
