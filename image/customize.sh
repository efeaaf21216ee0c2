#!/bin/sh
# Makes a tree of packages the image's: called by mmdebstrap with the tree, before it becomes a file system.
set -eu
tree=$1
here=$(cd "$(dirname "$0")" && pwd)

# Whatever the modes and owners of this checkout are.
tar -C "$here/files" --owner=0 --group=0 --mode=u=rwX,go=rX -c . | tar -C "$tree" -x --no-overwrite-dir

# Nobody has a password, and nobody gets one: keys come over cloud-init.
chroot "$tree" passwd --quiet --lock root
# Nobody here needs them, and each takes its time at a start.
for unit in systemd-networkd-wait-online.service e2scrub_reap.service e2scrub_all.timer systemd-binfmt.service \
	systemd-pstore.service proc-sys-fs-binfmt_misc.automount dev-hugepages.mount dev-mqueue.mount \
	sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount; do
	ln -sf /dev/null "$tree/etc/systemd/system/$unit"
done
chroot "$tree" systemctl --quiet enable systemd-networkd gwd-ssh-keys.service gwd-ready.service gwd-banner.timer \
	gwd-first-token.path
# Of use to gateways only, and started there by gwd.
chroot "$tree" systemctl --quiet disable bird.service strongswan.service

# The consoles show it above their prompt; it changes, so it is not in the image.
mkdir -p "$tree/etc/issue.d"
ln -s /run/gwd-banner.issue "$tree/etc/issue.d/gwd.issue"

mkdir -p "$tree/etc/systemd/system/strongswan.service.d"
ln -s /usr/share/gwd/strongswan.service.d/10-gwd.conf "$tree/etc/systemd/system/strongswan.service.d/"
# Names are asked of whom DHCP or network-config names, not of whom this build asked.
ln -sf ../run/systemd/resolve/stub-resolv.conf "$tree/etc/resolv.conf"

# Each machine makes its own.
rm -f "$tree"/etc/ssh/ssh_host_* "$tree/var/lib/dbus/machine-id" "$tree/var/lib/systemd/random-seed"
: >"$tree/etc/machine-id"
ln -sf /etc/machine-id "$tree/var/lib/dbus/machine-id"
rm -rf "$tree"/var/cache/debconf/*-old "$tree"/var/log/*.log "$tree"/var/log/apt "$tree/boot/efi"
mkdir -p "$tree/boot/efi"
