# shellcheck shell=bash
# shellcheck disable=SC2154 # the variables named below are demo.sh's
# net.sh - the demo's namespaces, processes and BPF file system: making, waiting, removing. Sourced by demo.sh, which sets
# $prefix, $build and $state.

die() {
	printf 'demo: %s\n' "$*" >&2
	exit 1
}

say() {
	if [ -t 1 ]; then
		printf '\n\033[1m== %s\033[0m\n' "$*"
	else
		printf '\n== %s\n' "$*"
	fi
}

step() { printf '   %s\n' "$*"; }

# in_ns NAME COMMAND...: leaves the mount namespace, and so the BPF file system, as it is.
in_ns() { nsenter --net="/run/netns/$prefix-$1" "${@:2}"; }

add_namespace() {
	ip netns add "$prefix-$1"
	in_ns "$1" ip link set lo up
}

gwctl() { "$build/gwctl" --api "unix:$state/$1/run/api.sock" "${@:2}"; }

# tell HOST WORDS...: a gwctl command that changes something; those for the first host are shown, and what only the gateway is told.
tell() {
	if [ "$1" = host1 ] || [[ $1 == gateway && ${FUNCNAME[1]} == tell_gateway ]]; then
		step "gwctl ${*:2}"
	fi
	gwctl "$@" >/dev/null
}

# wait_for WHAT COMMAND...: until the command succeeds, at most ten seconds.
wait_for() {
	local deadline=$((SECONDS + 10))
	until "${@:2}" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || die "waited in vain: $1"
		sleep 0.05
	done
}

# start NAME NAMESPACE COMMAND...: in the background, with a log and a pid file in the state folder.
start() {
	local name=$1 namespace=$2
	shift 2
	# nsenter replaces itself by the command, so that $! is its process id.
	nsenter --net="/run/netns/$prefix-$namespace" "$@" 9<&- >"$state/$name.log" 2>&1 </dev/null &
	echo $! >"$state/$name.pid"
	disown
}

# stop PIDFILE
stop() {
	local pid
	pid=$(cat "$1")
	# Only what still runs in a namespace of the demo: the number may belong to someone else by now.
	if [ -n "$pid" ] && ours "$pid"; then
		end "$pid"
	fi
	rm -f "$1"
}

# end PID: asks for five seconds, then insists.
end() {
	local deadline=$((SECONDS + 5))
	kill "$1" 2>/dev/null || return 0
	until not_running "$1"; do
		[ "$SECONDS" -lt "$deadline" ] || kill -9 "$1" 2>/dev/null || :
		sleep 0.02
	done
}

# A process that nobody has waited for yet has ended, too.
not_running() { ! grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status"; }

ours() {
	local name
	name=$(ip netns identify "$1" 2>/dev/null) && [[ $name == "$prefix"-* ]]
}

exists() { [ -d "$state" ] || [ -n "$(namespaces)" ]; }

namespaces() { ip netns list | awk -v p="^$prefix-" '$1 ~ p { print $1 }'; }

# The daemons first, by their pid files; then whatever was started by hand in one of the namespaces.
stop_all() {
	local file name pid
	for file in "$state"/*.pid; do
		[ ! -e "$file" ] || stop "$file"
	done
	for name in $(namespaces); do
		for pid in $(ip netns pids "$name"); do
			end "$pid"
		done
	done
}

# What a gateway carries outlives its daemon, until it is told to go.
remove_vrfs() {
	local conf=$state/gateway/gwd.conf
	if [ -e "$conf" ] && namespaces | grep -qx "$prefix-gateway"; then
		in_ns gateway "$build/gwd" --remove -c "$conf" 9<&- >"$state/remove.log" 2>&1 || cat "$state/remove.log" >&2
	fi
	ip netns list | awk -v p="^gwd-$prefix-" '$1 ~ p { print $1 }' | xargs -r -n 1 ip netns delete
}

remove_namespaces() {
	local name
	for name in $(namespaces); do
		ip netns delete "$name"
	done
}

# The folder for pins; mounts a BPF file system where there is none.
bpffs() {
	local folder=/sys/fs/bpf
	if [ "$(stat -f -c %T $folder)" != bpf_fs ]; then
		folder=$state/bpf
		mkdir -m 700 "$folder"
		mount -t bpf "$prefix" "$folder"
	fi
	mkdir -m 700 "$folder/$prefix"
	echo "$folder/$prefix"
}

remove_pins() {
	rm -rf "/sys/fs/bpf/$prefix"
	if mountpoint -q "$state/bpf"; then
		umount "$state/bpf"
	fi
}
