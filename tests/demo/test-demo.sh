#!/usr/bin/env bash
# time-limit: 180
# The demo does what it says, can be repeated, and leaves nothing behind (FWD-1, FWD-2, FWD-3, FWD-6, ENC-1, ENC-2, GW-1, GW-3). TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-${GWD_BUILD:-build}}
demo=tests/demo/demo.sh
out=$(mktemp)
n=0

# ok NAME COMMAND...
ok() {
	n=$((n + 1))
	if "${@:2}" >"$out.why" 2>&1; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' "$out.why"
	fi
}

shows() { grep -Eq -- "$1" "$out" || {
	echo "not shown: $1"
	cat "$out"
	false
}; }

runs() { "$demo" "$@" "$build" >"$out" 2>&1 || {
	cat "$out"
	false
}; }

namespaces() { ip netns list | grep -E '^(gwd-)?demo-gwd-'; }
vrfs() { ls -d /run/netns/gwd-demo-gwd-* 2>/dev/null; }
processes() { grep -lz "$(realpath -m "$build")/demo/" /proc/[0-9]*/cmdline 2>/dev/null; }
mounts() { grep demo-gwd /proc/self/mounts; }
pins() { ls -d /sys/fs/bpf/demo-gwd 2>/dev/null; }
state() { ls -d "$build/demo" 2>/dev/null; }

# none FUNCTION: it finds nothing.
none() { ! "$1"; }

if [ -n "$(namespaces)" ]; then
	echo "1..0 # SKIP a demo is up; make demo-down first"
	exit 0
fi
trap '"$demo" down "$build" >/dev/null 2>&1; rm -f "$out" "$out.why"' EXIT
echo 1..21
ok "demo comes up" runs up
ok "Contoso's VMs reach each other" shows '^ +contoso-sql +10\.1\.1\.12 +contoso-web +[0-9.]+ ms'
ok "Fabrikam's, with the same addresses, reach each other" shows '^ +fabrikam-sql +10\.1\.1\.12 +fabrikam-web +[0-9.]+ ms'
ok "VMs of one host reach each other" shows '^ +fabrikam-sql +10\.1\.1\.13 +fabrikam-app +[0-9.]+ ms'
ok "Contoso does not reach Fabrikam" shows '^ +contoso-sql +10\.1\.1\.13 +nobody +no reply'
ok "Contoso's packets are VXLAN with VNI 5001" shows 'VXLAN Network Identifier \(VNI\): 5001'
ok "Fabrikam's packets are NVGRE with VSID 6001" shows 'NVGRE: VSID 6001'
ok "Contoso reaches the Internet by the public address" shows '^ +contoso-sql +198\.51\.100\.10:7 +203\.0\.113\.10 '
ok "so does Fabrikam, with the same addresses" shows '^ +fabrikam-sql +198\.51\.100\.10:7 +203\.0\.113\.10 '
ok "the forwarded port leads to Contoso-Web" shows '^ +internet +203\.0\.113\.10:8080 +contoso-web '
ok "no other port leads anywhere" shows '^ +internet +203\.0\.113\.10:8081 +nobody '
ok "throughput is shown for both" shows 'NVGRE +[0-9.]+ Gbit/s'
ok "demo can be repeated while one is up" runs up
ok "demo-down" runs down
ok "no namespace is left" none namespaces
ok "no VRF is left" none vrfs
ok "no process is left" none processes
ok "no mount is left" none mounts
ok "no pin is left" none pins
ok "no state is left" none state
ok "demo-down with nothing there is fine" runs down
