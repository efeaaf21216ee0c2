#!/usr/bin/env bash
# Who may #include whom, and how long a file may be. An illegal include is a test failure, not a matter of taste.
#
# usage: tests/check-layers.sh [ROOT]
# Prints TAP. The first result is a test of this script itself: each rule must catch a tree made to break it.
set -euo pipefail

# Folder below gwd/ -> the folders whose headers it may include besides its own. driver.h and main.c are "folders" too.
declare -A MAY=(
	[base]=""
	[model]="base"
	[nl]="base netns"
	[obs]="base"
	[store]="base model"
	[plan]="base model"
	[control]="base model store plan"
	[api]="base model store plan control obs"
	[reconcile]="base model store driver.h"
	[sync]="base model"
	[node]="base model nl driver.h"
	[netns]="base"
	[vrf]="base model nl netns driver.h"
	[engine]="base model nl driver.h"
	[plugin]="base model driver.h plugin.h"
	[plugins]="base model nl netns driver.h plugin.h"
	[cli]="base"
	[driver.h]="base model"
	[plugin.h]="driver.h"
	[options.h]=""
	[options.c]="options.h"
)
# Library header -> the only place (a file, or a folder with everything in it) that may include it.
declare -A OWNER=(
	[microhttpd.h]="gwd/api/http"
	[gnutls/gnutls.h]="gwd/api/tls"
	[gnutls/abstract.h]="gwd/api/tls gwd/control/authority"
	[gnutls/x509.h]="gwd/api/tls gwd/control/authority gwd/sync/credential"
	[gnutls/crypto.h]="gwd/model/token.c gwd/control/seal.c"
	[sqlite3.h]="gwd/store/"
	[libmnl/libmnl.h]="gwd/nl/ plugins/nat/"
	[bpf/libbpf.h]="gwd/engine/"
	[bpf/bpf.h]="gwd/engine/"
	[curl/curl.h]="gwd/cli/ gwd/sync/ask.c gwd/sync/enroll.c gwd/sync/link.c"
	[engine.skel.h]="gwd/engine/"
)
MAX_LINES=800

# Prints one line for each violation below $1.
violations() {
	local root=$1 file rel module line name target allowed owner owned
	while IFS= read -r file; do
		rel=${file#"$root"/}
		module=${rel#gwd/}
		module=${module%%/*}
		while IFS= read -r line; do
			name=${line#*[\"<]}
			name=${name%%[\">]*}
			owned=${OWNER[$name]:+no}
			for owner in ${OWNER[$name]:-}; do
				[[ $rel != "$owner"* ]] || owned=yes
			done
			if [[ $owned == no ]]; then
				echo "$rel includes <$name>: only ${OWNER[$name]} may"
			fi
			[[ $line == *\"* ]] || continue
			[[ $module != main.c ]] || continue
			if [[ $rel == gwd/engine/bpf/* ]]; then
				[[ -f $(dirname "$file")/$name || -f $root/gwd/engine/bpf/$name ]] ||
					echo "$rel includes \"$name\": BPF programs include only what is in gwd/engine/bpf"
				continue
			fi
			if [[ $rel == plugins/* && -f $root/plugins/$name ]]; then
				[[ $rel == plugins/${name%%/*}/* ]] ||
					echo "$rel includes \"$name\": a plugin includes nothing of another"
				continue
			fi
			if [[ $rel == gwd/*/* && -f $(dirname "$file")/$name ]]; then
				target=$module
				name=${rel%/*}/$name
				name=${name#gwd/}
			elif [[ -f $root/gwd/$name ]]; then
				target=${name%%/*}
			else
				continue # generated, or a library's; OWNER has the last word on those
			fi
			if [[ $name == engine/bpf/* && $name != engine/bpf/abi.h ]]; then
				echo "$rel includes \"$name\": abi.h is all that BPF and C share"
			fi
			allowed=" $module ${MAY[$module]-} "
			if [[ -z ${MAY[$module]+known} ]]; then
				echo "$rel: gwd/$module has no line in tests/check-layers.sh; give it one"
			elif [[ $allowed != *" $target "* ]]; then
				echo "$rel includes \"$name\": $module may include $module ${MAY[$module]} only"
			fi
		done < <(grep -E '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' "$file" || true)
	done < <(find "$root/gwd" "$root/plugins" -name '*.[ch]' 2>/dev/null | sort)
}

too_long() {
	local root=$1 file n
	while IFS= read -r file; do
		n=$(wc -l <"$file")
		[[ $n -le $MAX_LINES ]] || echo "${file#"$root"/} has $n lines, $MAX_LINES is the end: split it"
	done < <(find "$root/gwd" "$root/tests" "$root/plugins" \( -name '*.[ch]' -o -name '*.py' -o -name '*.sh' \) \
		-type f 2>/dev/null | sort)
}

# Makes a tree in which one file says one line, and tells what the checks find there.
probe() {
	local file=$1 text=$2 tree
	tree=$(mktemp -d)
	mkdir -p "$tree"/plugins/{nat,other} "$tree"/gwd/{base,model,store,control,plan,api,engine/bpf/lib,nl,cli,reconcile,node} "$tree/tests"
	for h in base/addr model/hnv store/store control/control engine/bpf/abi engine/bpf/lib/pkt engine/map nl/nl driver; do
		echo "/* $h */" >"$tree/gwd/$h.h"
	done
	echo "/* plugin */" | tee "$tree/plugins/nat/plan.h" >"$tree/plugins/other/o.h"
	mkdir -p "$(dirname "$tree/$file")"
	printf '%b\n' "$text" >"$tree/$file"
	violations "$tree"
	too_long "$tree"
	rm -rf "$tree"
}

selftest() {
	local failed=0 file text expected found
	while IFS='|' read -r expected file text; do
		found=$(probe "$file" "$text")
		if [[ $expected == bad && -z $found ]]; then
			echo "not caught: $file: $text"
			failed=1
		elif [[ $expected == good && -n $found ]]; then
			echo "wrongly caught: $found"
			failed=1
		fi
	done <<-'CASES'
		bad|gwd/base/x.c|#include "model/hnv.h"
		bad|gwd/model/x.c|#include "store/store.h"
		bad|gwd/model/x.c|#include "driver.h"
		bad|gwd/api/x.c|#include "driver.h"
		bad|gwd/api/x.c|#  include "engine/map.h"
		bad|gwd/store/x.c|#include "nl/nl.h"
		bad|gwd/plan/x.c|#include "store/store.h"
		bad|gwd/cli/x.c|#include "model/hnv.h"
		bad|gwd/reconcile/x.c|#include "nl/nl.h"
		bad|gwd/node/x.c|#include "engine/map.h"
		bad|gwd/engine/x.c|#include "engine/bpf/lib/pkt.h"
		bad|gwd/engine/x.c|#include "bpf/lib/pkt.h"
		bad|gwd/model/x.c|#include "engine/bpf/abi.h"
		bad|gwd/engine/bpf/x.bpf.c|#include "base/addr.h"
		bad|gwd/driver.h|#include "store/store.h"
		bad|gwd/api/x.c|#include <microhttpd.h>
		bad|gwd/main.c|#include <sqlite3.h>
		bad|gwd/reconcile/x.c|#include <libmnl/libmnl.h>
		bad|gwd/sync/x.c|#include "control/control.h"
		bad|gwd/sync/x.c|#include <curl/curl.h>
		bad|gwd/fresh/x.c|#include "base/addr.h"
		bad|plugins/nat/x.c|#include "store/store.h"
		bad|plugins/nat/x.c|#include "engine/map.h"
		bad|plugins/nat/x.c|#include "other/o.h"
		bad|plugins/other/x.c|#include <libmnl/libmnl.h>
		good|plugins/nat/x.c|#include "driver.h"\n#include "nat/plan.h"\n#include "nl/nl.h"\n#include <libmnl/libmnl.h>
		good|gwd/main.c|#include "engine/map.h"
		good|gwd/plan/x.c|#include "model/hnv.h"
		good|gwd/sync/link.c|#include <curl/curl.h>
		good|gwd/api/http.c|#include <microhttpd.h>\n#include "store/store.h"
		good|gwd/engine/x.c|#include "engine/bpf/abi.h"\n#include "map.h"\n#include "driver.h"
		good|gwd/engine/bpf/x.bpf.c|#include "abi.h"\n#include "lib/pkt.h"\n#include <bpf/bpf_helpers.h>
		good|gwd/reconcile/x.c|#include "driver.h"\n#include "store/store.h"
	CASES
	found=$(probe gwd/base/x.c "$(printf '/* */\\n%.0s' $(seq $((MAX_LINES + 2))))")
	[[ -n $found ]] || { echo "not caught: a file of $((MAX_LINES + 2)) lines"; failed=1; }
	return $failed
}

report() {
	local number=$1 name=$2 found=$3
	if [[ -z $found ]]; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		while IFS= read -r line; do echo "# $line"; done <<<"$found"
	fi
}

root=$(cd "${1:-$(dirname "$0")/..}" && pwd)
echo "1..3"
caught=$(selftest || true)
includes=$(violations "$root")
lengths=$(too_long "$root")
report 1 "each rule catches a tree made to break it" "$caught"
report 2 "includes respect the layers" "$includes"
report 3 "no file is over $MAX_LINES lines" "$lengths"
[[ -z $caught && -z $includes && -z $lengths ]]
