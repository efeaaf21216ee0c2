#!/bin/sh
# promtool, which judges metrics, out of Debian's prometheus. The package is not installed: it would start a server.
#
# usage: tests/contract/promtool.sh FILE
set -eu
out=$(realpath -m "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# apt fetches as a user of its own where it can.
chmod 755 "$work"
cd "$work"
apt-get download -qq prometheus 2>apt.log || { cat apt.log >&2; exit 1; }
dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool
mkdir -p "$(dirname "$out")"
mv usr/bin/promtool "$out"
