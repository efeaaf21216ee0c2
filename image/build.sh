#!/usr/bin/env bash
# Builds the VM image: a disk that boots with BIOS and EFI, from Debian packages and gwd's own.
#
# usage: image/build.sh PACKAGE.deb OUTPUT-FOLDER           makes OUTPUT-FOLDER/gwd.raw and gwd.qcow2
#
#   mmdebstrap -> tree --mke2fs -d--> root file system --\
#   grub-mkimage -> EFI partition (mtools) ---------------> disk with a GPT (sfdisk, boot.py) -> qcow2
#
# Nothing is mounted, and no loop device is needed. Packages come from where apt of this machine gets them.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
DEB=$(realpath "$1")
mkdir -p "$2"
OUT=$(realpath "$2")
WORK=$OUT/work
TREE=$WORK/tree
# shellcheck source=sources.sh
. "$HERE/sources.sh"
ROOT_MIB=1536
EFI_MIB=16
MAX_MIB=250 # of the compressed image
ROOT_START_MIB=$((2 + EFI_MIB))

# Built once for each content of what goes into it.
INPUTS=$({
	sha256sum <"$DEB"
	cd "$HERE" && find . -type f ! -path './debian/*' ! -name '*.mk' -exec sha256sum {} + | sort
} | sha256sum)
if [[ -e $OUT/gwd.raw && -e $OUT/gwd.qcow2 && $(cat "$OUT/inputs" 2>/dev/null) == "$INPUTS" ]]; then
	exit 0
fi
rm -f "$OUT/inputs"

# A build that ended in the middle may have left the chroot's file systems mounted: mmdebstrap takes its own down.
rm -rf --one-file-system "$WORK"
mkdir -p "$WORK"

say() {
	printf '  %-8s %s\n' IMAGE "$*"
}

tree() {
	local packages
	packages=$(grep -v '^#' "$HERE/packages" | paste -sd,)
	# The package is installed by apt inside, which fetches what it depends on: by this machine's names for a last time.
	mmdebstrap --quiet --variant=minbase --format=directory --include="$packages" \
		--aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-include=/usr/share/man/man[158]/gw*' \
		--essential-hook="tar -C '$HERE/files' --owner=0 --group=0 --mode=u=rwX,go=rX -c etc/initramfs-tools | tar -C \"\$1\" -x --no-overwrite-dir" \
		--customize-hook="cp --remove-destination /etc/resolv.conf \"\$1/etc/resolv.conf\"" \
		--customize-hook="copy-in '$DEB' /tmp" \
		--customize-hook="chroot \"\$1\" apt-get install -y -qq '/tmp/${DEB##*/}'" \
		--customize-hook="rm -f \"\$1/tmp/${DEB##*/}\"" \
		--customize-hook="'$HERE/customize.sh' \"\$1\"" \
		bookworm "$TREE" "${APT_SOURCES[@]}"
}

# GRUB finds its configuration on the root file system, wherever that is.
grub_image() { # FORMAT OUTPUT MODULE...
	local format=$1 output=$2
	shift 2
	cat >"$WORK/early.cfg" <<-'X'
		search --no-floppy --label gwd-root --set=root
		set prefix=($root)/boot/grub
		configfile $prefix/grub.cfg
	X
	grub-mkimage -O "$format" -o "$output" -p /boot/grub -c "$WORK/early.cfg" part_gpt ext2 normal linux configfile \
		serial terminal search search_label echo test "$@"
}

efi_partition() {
	grub_image x86_64-efi "$WORK/BOOTX64.EFI" fat efi_gop all_video
	truncate -s ${EFI_MIB}M "$WORK/efi"
	mkfs.vfat -n GWD-EFI "$WORK/efi" >/dev/null
	mmd -i "$WORK/efi" ::/EFI ::/EFI/BOOT
	mcopy -i "$WORK/efi" "$WORK/BOOTX64.EFI" ::/EFI/BOOT/BOOTX64.EFI
}

disk() {
	local disk=$WORK/gwd.raw
	truncate -s ${ROOT_MIB}M "$WORK/root"
	mke2fs -q -t ext4 -L gwd-root -m 1 -d "$TREE" "$WORK/root"
	efi_partition
	grub_image i386-pc "$WORK/core.img" biosdisk

	truncate -s $((ROOT_START_MIB + ROOT_MIB + 1))M "$disk"
	sfdisk --quiet "$disk" <<-X
		label: gpt
		start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649, name="bios"
		start=2MiB, size=${EFI_MIB}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name="efi"
		start=${ROOT_START_MIB}MiB, size=${ROOT_MIB}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name="root"
	X
	dd if="$WORK/efi" of="$disk" bs=1M seek=2 conv=notrunc,sparse status=none
	dd if="$WORK/root" of="$disk" bs=1M seek=$ROOT_START_MIB conv=notrunc,sparse status=none
	python3 "$HERE/boot.py" "$disk" /usr/lib/grub/i386-pc/boot.img "$WORK/core.img" 2048
	qemu-img convert -c -O qcow2 -o compression_type=zstd "$disk" "$WORK/gwd.qcow2"
	mv "$disk" "$OUT/gwd.raw"
	mv "$WORK/gwd.qcow2" "$OUT/gwd.qcow2"
}

say "$OUT: packages"
tree
say "$OUT: disk"
disk
rm -rf --one-file-system "$WORK"
SIZE=$(du -m "$OUT/gwd.qcow2" | cut -f1)
say "$OUT/gwd.qcow2: $SIZE MB"
if ((SIZE > MAX_MIB)); then
	echo "image/build.sh: that is too large: at most $MAX_MIB MB are to be downloaded" >&2
	exit 1
fi
echo "$INPUTS" >"$OUT/inputs"
