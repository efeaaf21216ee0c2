# The VM image. build.sh builds it once for each content of what goes into it, whatever the times of files are.
.PHONY: image
image: $(DEB) | deps ## bootable VM image with gwd, into build/image: gwd.qcow2 and gwd.raw
	image/build.sh $(DEB) build/image
