# Benchmarks: the traffic tools, the BPF baseline, and the harness that sets everything up side by side.

BENCH_ROUNDS  ?= 6
BENCH_SECONDS ?= 0.5
BENCH_TOOLS   := frame_replay tcp_connect tcp_stream udp_flood udp_rtt
BENCH_BIN     := $(addprefix $(BUILD)/tests/bench/,$(BENCH_TOOLS))
BENCH_NEEDS   := $(BENCH_BIN) $(BUILD)/tests/bench/bench.bpf.o

.PHONY: bench-tools bench-profile bench-scale bench-api bench-plan bench-sync bench-gateway bench-vrfs bench-tenants bench-gateway-vm

bench: build bench-tools $(BUILD)/tests/bench/plan ## speed beside the kernel's devices and Open vSwitch: table, JSON and chart in build/bench
	$(PYTHON) tests/bench/bench.py --build $(BUILD) --rounds $(BENCH_ROUNDS) --seconds $(BENCH_SECONDS)
	$(PYTHON) tests/bench/api.py --build $(BUILD) --rounds $(BENCH_ROUNDS)
	$(BUILD)/tests/bench/plan
	$(PYTHON) tests/bench/sync.py --build $(BUILD)
	$(PYTHON) tests/bench/gateway.py --build $(BUILD) --rounds $(BENCH_ROUNDS) --seconds $(BENCH_SECONDS)
	$(MAKE) --no-print-directory bench-gateway-vm

bench-scale: build bench-tools ## what many records and tenants cost in time and memory; also part of bench
	$(PYTHON) tests/bench/scale.py --build $(BUILD) --rounds $(BENCH_ROUNDS) --seconds $(BENCH_SECONDS)

bench-api: build ## how fast the controller's API is, with few and with many networks; fails when a goal is missed; also part of bench
	$(PYTHON) tests/bench/api.py --build $(BUILD) --rounds $(BENCH_ROUNDS)

bench-plan: $(BUILD)/tests/bench/plan ## what one change costs the planner, with few and with many tenants; also part of bench
	$(BUILD)/tests/bench/plan

bench-sync: build ## from a PUT at the controller to the record in a host, with 1 and 50 nodes; a host that comes back; also part of bench
	$(PYTHON) tests/bench/sync.py --build $(BUILD)

bench-gateway: build bench-tools ## the gateway beside the same made by hand of kernel vxlan, veth, routes and nft; also part of bench
	$(PYTHON) tests/bench/gateway.py --build $(BUILD) --rounds $(BENCH_ROUNDS) --seconds $(BENCH_SECONDS)

bench-vrfs: build ## what 100 and 1,000 virtual gateways with NAT cost: making, keeping, starting over them, removing
	$(PYTHON) tests/bench/vrfs.py --build $(BUILD)

BENCH_TENANTS ?= 1000

bench-tenants: build bench-tools ## what BENCH_TENANTS (1,000) tenants cost beside the same by ip and nft: making, memory, changes, starting over them; the loop
	$(PYTHON) tests/bench/tenants.py --build $(BUILD) --tenants $(BENCH_TENANTS)

bench-gateway-vm: vm-ready ## instructions per packet in the image, beside the same by hand with and without an nft flowtable; also part of bench
	$(MAKE) --no-print-directory BUILD=build bench-tools
	$(PYTHON) tests/bench/gateway_vm.py

bench-profile: build bench-tools ## what each BPF program costs per run, and where the rest of the time goes
	$(PYTHON) tests/bench/profile.py --build $(BUILD)

bench-tools: $(BENCH_NEEDS)

$(BENCH_BIN): $(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/obj/tests/bench/load.o
	@mkdir -p $(@D)
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

$(BUILD)/tests/bench/%.bpf.o: tests/bench/%.bpf.c
	@mkdir -p $(@D)
	$(call QUIET,BPF)$(CLANG) -target bpf -mcpu=v3 -O2 -g -std=gnu17 -Wall -Wextra -Werror -I/usr/include/$(MULTIARCH) -c $< -o $@
