# The demo: two hosts, two tenants with the same addresses, on this machine. See tests/demo/demo.sh.

.PHONY: test-demo

demo: deps build ## two hosts and two tenants on this machine: set up, shown, left to play with
	tests/demo/demo.sh up $(BUILD)

demo-down: ## removes every trace of the demo
	tests/demo/demo.sh down $(BUILD)

test-demo: build ## runs the demo twice and takes it down: does it do what it says, does nothing stay behind?
	BUILD=$(BUILD) tests/demo/test-demo.sh
