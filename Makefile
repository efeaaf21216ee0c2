# gwd - build, test, measure, show. `make help` lists the targets.
#
# Everything that is built goes below $(BUILD). The same rules serve every variant: `make BUILD=build/asan SANITIZE=1`
# builds the one that the tests run on, `make BUILD=build/clang CC=clang` the second compiler.

VERSION  := 0.1.0
BUILD    ?= build
CC       ?= gcc
ifeq ($(origin CC),default)
CC       := gcc
endif
CLANG    ?= clang-14
BPFTOOL  ?= /usr/sbin/bpftool
PYTHON   ?= /usr/bin/python3
PREFIX   ?= /usr
UNITDIR  ?= $(PREFIX)/lib/systemd/system
DESTDIR  ?=
PKGS     := libuv libmicrohttpd gnutls jansson sqlite3 libmnl libbpf libsystemd libcap-ng libcurl
CLI_PKGS := jansson libcurl

WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
OPT      := -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
ifdef SANITIZE
OPT      := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
endif
CPPFLAGS += -D_GNU_SOURCE -DGW_VERSION='"$(VERSION)"' -Igwd -I$(BUILD)/gen
CFLAGS   += -std=gnu17 $(OPT) $(WARN) -MMD -MP

# --- sources: a file's folder is its module -------------------------------------------------------------------------
CLI_SRC  := $(wildcard gwd/cli/*.c gwd/cli/*/*.c)
BASE_SRC := $(wildcard gwd/base/*.c)
LIB_SRC  := $(filter-out $(CLI_SRC) gwd/main.c gwd/netns/holder.c,$(wildcard gwd/*.c gwd/*/*.c gwd/model/*/*.c))
BPF_SRC  := $(wildcard gwd/engine/bpf/*.bpf.c)
BPF_HDR  := $(wildcard gwd/engine/bpf/*.h gwd/engine/bpf/lib/*.h)

# Commands are shown in short; V=1 shows them whole.
ifndef V
QUIET = @printf '  %-8s %s\n' $(1) $@;
endif

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

.DEFAULT_GOAL := build
.PHONY: help deps build test test-unit test-bpf test-topo bench fuzz demo demo-down install deb format lint clean
.DELETE_ON_ERROR:

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | expand -t 14

deps: ## install every Debian package that building and testing needs
	tests/deps.sh

# A folder below plugins/ is a plugin; its Makefile fragment says what it needs beside libc.
PLUGINS  := $(patsubst plugins/%/plugin.c,%,$(wildcard plugins/*/plugin.c))
include $(wildcard plugins/*/plugin.mk)
PLUGIN_SO := $(patsubst %,$(BUILD)/plugins/%.so,$(PLUGINS))

build: $(BUILD)/gwd $(BUILD)/gwctl $(BUILD)/gwd-netns $(PLUGIN_SO) ## daemon, command line tool and holder of namespaces, into build/

# --- BPF: one object per hook, linked into one skeleton ---------------------------------------------------------------
BPF_OBJ := $(patsubst gwd/engine/bpf/%.bpf.c,$(BUILD)/bpf/%.bpf.o,$(BPF_SRC))
MULTIARCH := $(shell $(CC) -print-multiarch)

$(BUILD)/bpf/%.bpf.o: gwd/engine/bpf/%.bpf.c $(BPF_HDR)
	@mkdir -p $(@D)
	$(call QUIET,BPF)$(CLANG) -target bpf -mcpu=v3 -O2 -g -std=gnu17 -Wall -Wextra -Werror -Wno-address-of-packed-member \
		-ffile-prefix-map=$(CURDIR)=. \
		-I/usr/include/$(MULTIARCH) $(BPF_CPPFLAGS) -c $< -o $@

$(BUILD)/bpf/engine.o: $(BPF_OBJ)
	$(call QUIET,BPFLINK)$(BPFTOOL) gen object $@ $(sort $^)

$(BUILD)/gen/engine.skel.h: $(BUILD)/bpf/engine.o
	@mkdir -p $(@D)
	$(call QUIET,SKEL)$(BPFTOOL) gen skeleton $< name gw_bpf > $@

# --- C ----------------------------------------------------------------------------------------------------------------
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call QUIET,CC)$(CC) $(CPPFLAGS) $(CFLAGS) $(shell pkg-config --cflags $(PKGS)) -c $< -o $@

$(call obj,$(wildcard gwd/engine/*.c)): $(BUILD)/gen/engine.skel.h

$(BUILD)/libgw.a: $(call obj,$(LIB_SRC))
	@rm -f $@
	$(call QUIET,AR)ar rcs $@ $^

# All of the library goes in, and plugins find there what exports.list names.
GWD_LIBS := -Wl,--dynamic-list=gwd/plugin/exports.list -Wl,--whole-archive $(BUILD)/libgw.a -Wl,--no-whole-archive

$(BUILD)/gwd: $(call obj,gwd/main.c) $(BUILD)/libgw.a gwd/plugin/exports.list
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(GWD_LIBS) $(shell pkg-config --libs $(PKGS)) -lm

# A plugin shows one symbol; what it needs of the daemon it finds there when it is loaded.
$(BUILD)/obj/plugins/%.o: CPPFLAGS += -Iplugins
$(BUILD)/obj/plugins/%.o: CFLAGS += -fPIC
.SECONDEXPANSION:
$(PLUGIN_SO): $(BUILD)/plugins/%.so: $$(addprefix $(BUILD)/obj/,$$(addsuffix .o,$$(basename $$(wildcard plugins/$$*/*.c)))) plugins/plugin.map
	@mkdir -p $(@D)
	$(call QUIET,PLUGIN)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,--version-script=plugins/plugin.map -o $@ $(filter %.o,$^) \
		$(if $(PLUGIN_PKGS_$*),$(shell pkg-config --libs $(PLUGIN_PKGS_$*)))

$(BUILD)/gwctl: $(call obj,$(CLI_SRC) $(BASE_SRC))
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(CLI_PKGS)) -lsystemd

$(BUILD)/gwd-netns: $(call obj,gwd/netns/holder.c) $(BUILD)/libgw.a
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs libsystemd)

# --- installation, as a package would do it; the configuration is not overwritten ---------------------------------------
install: build ## into DESTDIR, for packages: by hand, run systemd-sysusers and systemd-tmpfiles --create after it
	install -D -m 0755 $(BUILD)/gwd $(DESTDIR)$(PREFIX)/sbin/gwd
	install -D -m 0755 $(BUILD)/gwctl $(DESTDIR)$(PREFIX)/bin/gwctl
	install -D -m 0755 $(BUILD)/gwd-netns $(DESTDIR)$(PREFIX)/lib/gwd/gwd-netns
	for plugin in $(filter-out example,$(PLUGINS)); do \
		install -D -m 0644 $(BUILD)/plugins/$$plugin.so $(DESTDIR)$(PREFIX)/lib/gwd/plugins/$$plugin.so || exit 1; \
	done
	for page in $(wildcard gwd/man/*); do \
		install -D -m 0644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; \
	done
	install -D -m 0644 configs/completion/gwctl $(DESTDIR)$(PREFIX)/share/bash-completion/completions/gwctl
	for unit in $(patsubst configs/systemd/%,%,$(wildcard configs/systemd/*)); do \
		install -D -m 0644 configs/systemd/$$unit $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done
	install -D -m 0644 configs/sysctl.conf $(DESTDIR)$(PREFIX)/lib/sysctl.d/60-gwd.conf
	install -D -m 0644 configs/modules-load.conf $(DESTDIR)$(PREFIX)/lib/modules-load.d/gwd.conf
	install -D -m 0644 configs/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/gwd.conf
	install -D -m 0644 configs/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/gwd.conf
	install -D -m 0644 configs/strongswan.service.d/10-gwd.conf $(DESTDIR)$(PREFIX)/share/gwd/strongswan.service.d/10-gwd.conf
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/gwd/samples configs/samples/*
	[ -e $(DESTDIR)/etc/gwd/gwd.conf ] || install -D -m 0640 configs/gwd.conf $(DESTDIR)/etc/gwd/gwd.conf

# --- tests: every test program speaks TAP; tests/run adds them up -------------------------------------------------------
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/libgw.a
	@mkdir -p $(@D)
	$(call QUIET,LINK)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PKGS) cmocka) -lm

include $(sort $(wildcard tests/*.mk tests/*/*.mk image/*.mk))

.SECONDARY:

clean: ## remove everything that was built, of all variants
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
