#!/bin/sh
# Installs the Debian packages that building, testing and the demo need; asks apt only for what is missing.
set -eu

build="build-essential pkg-config clang-14 llvm-14 libbpf-dev bpftool linux-libc-dev libuv1-dev libmicrohttpd-dev libgnutls28-dev
	libjansson-dev libsqlite3-dev libmnl-dev libnftnl-dev libcurl4-gnutls-dev libsystemd-dev libcap-ng-dev
	debhelper lintian fakeroot"
tests="libcmocka-dev libclang-rt-14-dev clang-format-14 clang-tidy-14 cppcheck shellcheck mandoc python3 python3-jsonschema sqlite3 curl jq
	iproute2 iputils-ping iputils-arping tcpdump tshark iperf3 ethtool nftables conntrack openvswitch-switch procps util-linux
	socat"
image="mmdebstrap qemu-system-x86 qemu-utils ovmf grub-common grub-pc-bin grub-efi-amd64-bin dosfstools mtools fdisk e2fsprogs
	zstd openssh-client"

missing=
for p in $build $tests $image; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q ' installed$' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || echo "deps: apt-get update failed, going on with the package lists that are here" >&2
# Word splitting is wanted: one argument per package.
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing
