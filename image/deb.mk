# The Debian package, built as any Debian package is: from a copy of the tree, with image/debian as its debian/.
DEB_ARCH  := $(shell dpkg --print-architecture 2>/dev/null)
DEB       := build/gwd_$(VERSION)_$(DEB_ARCH).deb
DEB_STAGE := build/deb/gwd-$(VERSION)
# What is in the package: its change makes a new one.
DEB_FILES := Makefile image/deb.mk $(shell find gwd plugins configs image/debian -type f 2>/dev/null)
# The date of a package is that of what is in it, so that the same tree gives the same package.
DEB_DATE   = $(or $(shell git log -1 --format=%cD -- $(DEB_FILES) 2>/dev/null),$(shell date -R -r Makefile))

deb: $(DEB) ## Debian package, into build/

$(DEB): $(DEB_FILES) | deps
	@rm -rf build/deb
	@mkdir -p $(DEB_STAGE)/tests
	cp -a Makefile gwd configs $(wildcard plugins) $(DEB_STAGE)/
	cp -a image/debian $(DEB_STAGE)/debian
	printf 'gwd (%s) bookworm; urgency=medium\n\n  * Built from the source tree.\n\n -- %s  %s\n' '$(VERSION)' \
		"$$(sed -n 's/^Maintainer: //p' image/debian/control)" '$(DEB_DATE)' > $(DEB_STAGE)/debian/changelog
	cd $(DEB_STAGE) && env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES dpkg-buildpackage -b -us -uc -j2 > ../build.log 2>&1 || { tail -40 ../build.log; exit 1; }
	lintian --fail-on error --profile debian build/deb/*.changes
	cp build/deb/$(notdir $(DEB)) $@
