# The engine's tests in the kernel: each tests/bpf/test_NAME.c is a program of its own, linked with the harness.
#
# The in-place upgrade is tested against a second engine whose maps have another layout (GW_ENGINE_ABI_TEST in abi.h), built
# below $(ABI_NEXT); the topology tests start its gwd. CPPFLAGS goes there by the environment: given on make's command line
# it would replace the Makefile's own.

ABI_NEXT    := build/abi-next
BPF_HARNESS := $(patsubst %,$(BUILD)/obj/tests/bpf/%.o,harness frames packet loader_steps oracle outside)

.PHONY: build-abi-next

build-abi-next: ## daemon, its NAT plugin and loader test with another map layout, into build/abi-next/
	+CPPFLAGS=-DGW_ENGINE_ABI_TEST=1 $(MAKE) BUILD=$(ABI_NEXT) BPF_CPPFLAGS=-DGW_ENGINE_ABI_TEST=1 SANITIZE= \
		$(ABI_NEXT)/gwd $(ABI_NEXT)/gwctl $(ABI_NEXT)/plugins/nat.so $(ABI_NEXT)/tests/bpf/loader_helper

$(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/bpf/*.c)): $(BUILD)/gen/engine.skel.h

$(BUILD)/tests/bpf/%: $(BUILD)/obj/tests/bpf/%.o $(BPF_HARNESS) $(BUILD)/libgw.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PKGS) cmocka) -lm

$(BUILD)/tests/bpf/test_loader: | build-abi-next
