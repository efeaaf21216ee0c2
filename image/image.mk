# The VM image. Built once for each change of what goes into it.
IMAGE        := build/image/gwd.qcow2
IMAGE_FILES  := $(shell find image -type f ! -path 'image/debian/*' ! -name '*.mk' | sort)

.PHONY: image
image: $(IMAGE) ## bootable VM image with gwd, into build/image: gwd.qcow2 and gwd.raw

$(IMAGE): $(DEB) $(IMAGE_FILES)
	image/build.sh $(DEB) build/image
