# Tests inside the image that ships, on the kernel that ships with it.
VM_TOOLS := build/vm/tools.ext4

$(VM_TOOLS): tests/vm/packages tests/vm/tools.sh image/sources.sh
	@mkdir -p $(@D)
	tests/vm/tools.sh $@
