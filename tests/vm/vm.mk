# Tests inside the image that ships, on the kernel that ships with it.
VM_TOOLS := build/vm/tools.ext4

$(VM_TOOLS): tests/vm/packages tests/vm/tools.sh image/sources.sh | deps
	@mkdir -p $(@D)
	tests/vm/tools.sh $@

.PHONY: vm-image vm-ready test-vm vm-up vm-down
vm-image: image $(VM_TOOLS)

vm-ready: vm-image # what runs inside is built as it ships
	$(MAKE) --no-print-directory -j$(JOBS) BUILD=build build topo-tools test-programs build-abi-next

test-vm: vm-ready ## boot the image, cut its power, upgrade it; every topology inside it; ONLY=regex picks
	tests/run $(if $(ONLY),--only '$(ONLY)') vm inside-bpf inside-topo

vm-up: vm-ready ## boot a VM that stays: test-vm then runs inside it at once
	tests/vm/inside.py up

vm-down: ## end it
	tests/vm/inside.py down
