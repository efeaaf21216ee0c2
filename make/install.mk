# Installation below $(DESTDIR)$(PREFIX), as a package would do it. The configuration is not overwritten.

install: build ## into DESTDIR: daemon, gwctl, man pages, completion, unit, configuration
	install -D -m 0755 $(BUILD)/gwd $(DESTDIR)$(PREFIX)/sbin/gwd
	install -D -m 0755 $(BUILD)/gwctl $(DESTDIR)$(PREFIX)/bin/gwctl
	for page in $(wildcard gwd/man/*); do \
		install -D -m 0644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; \
	done
	install -D -m 0644 configs/completion/gwctl $(DESTDIR)$(PREFIX)/share/bash-completion/completions/gwctl
	install -D -m 0644 configs/gwd.service $(DESTDIR)$(PREFIX)/lib/systemd/system/gwd.service
	[ -e $(DESTDIR)/etc/gwd/gwd.conf ] || install -D -m 0640 configs/gwd.conf $(DESTDIR)/etc/gwd/gwd.conf
