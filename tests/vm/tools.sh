#!/usr/bin/env bash
# Builds the disk with what tests need inside the VM.   usage: tests/vm/tools.sh OUTPUT.ext4
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
OUT=$1
TREE=$OUT.tree
SIZE_MIB=1024

rm -rf --one-file-system "$TREE"
# shellcheck source=../../image/sources.sh
. "$HERE/../../image/sources.sh"
mmdebstrap --quiet --variant=minbase --format=directory --include="$(grep -v '^#' "$HERE/packages" | paste -sd,)" \
	--aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$TREE" "${APT_SOURCES[@]}"
truncate -s ${SIZE_MIB}M "$OUT.new"
mke2fs -q -t ext4 -L gwd-tools -m 0 -d "$TREE" "$OUT.new"
rm -rf --one-file-system "$TREE"
mv "$OUT.new" "$OUT"
