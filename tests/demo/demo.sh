#!/usr/bin/env bash
# Two hosts, a gateway to the Internet, two tenants with the same addresses, on one machine: sets it up, shows it, leaves it to
# play with.
#
#   demo.sh up [BUILD]       (make demo)        may be repeated: an earlier demo is taken down first
#   demo.sh down [BUILD]     (make demo-down)   removes every trace
#
# VMs and hosts are network namespaces named demo-gwd-*; each host runs the real gwd, and so does the gateway, whose VRFs are
# namespaces named gwd-demo-gwd-*. All state is below BUILD/demo, apart from the pins of the BPF programs on the BPF file system,
# which is mounted below BUILD/demo too where the machine has none.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
action=${1:-}
build=$(realpath -m "${2:-build}")
state=$build/demo
prefix=demo-gwd
# shellcheck source=tests/demo/net.sh
. "$here/net.sh"
# shellcheck source=tests/demo/show.sh
. "$here/show.sh"

# VM, tenant, host, customer address, MAC address. The VM's name is its port's on the host, too.
vms="contoso-sql  Contoso  host1 10.1.1.11 00:15:5d:50:01:11
contoso-web  Contoso  host2 10.1.1.12 00:15:5d:50:01:12
fabrikam-sql Fabrikam host1 10.1.1.11 00:15:5d:60:01:11
fabrikam-web Fabrikam host2 10.1.1.12 00:15:5d:60:01:12
fabrikam-app Fabrikam host1 10.1.1.13 00:15:5d:60:01:13"
# Tenant, VSID, encapsulation, routing domain, largest packet that fits into the tunnel; VSID of the gateway subnet, the gateway's
# MAC address in it, the first of the tenant's ports of the public address.
tenants="Contoso  5001 vxlan 50010000-c0c0-4000-8000-000000005001 1450 5002 02:67:50:01:00:02 16384
Fabrikam 6001 nvgre 60010000-fab0-4000-8000-000000006001 1458 6002 02:67:60:01:00:02 20480"
# Host, provider address.
hosts="host1 192.168.1.10
host2 192.168.1.20
gateway 192.168.1.30"
gateway_subnet=10.255.0.0/29
gateway_ca=10.255.0.2
# Outside: the gateway's own address and its router's, the address that both tenants share, a server.
wan=192.0.2.2
isp=192.0.2.1
public=203.0.113.10
server=198.51.100.10

# field TABLE KEY N: the N-th word of the line that begins with KEY.
field() { awk -v key="$2" -v n="$3" '$1 == key { print $n }' <<<"$1"; }

set_up_hosts() {
	local host pa
	say "Two hosts and a gateway on a provider network of MTU 1500"
	add_namespace fabric
	in_ns fabric ip link add switch up type bridge
	while read -r host pa; do
		add_namespace "$host"
		in_ns "$host" ip link add underlay mtu 1500 type veth peer name "$host" mtu 1500 netns "$prefix-fabric"
		in_ns fabric ip link set "$host" master switch up
		in_ns "$host" ip link set underlay up
		step "$host, provider address $pa"
	done <<<"$hosts"
}

set_up_internet() {
	say "An Internet: a router, and a server that says who asks it"
	add_namespace internet
	in_ns gateway ip link add wan type veth peer name isp netns "$prefix-internet"
	in_ns gateway ip address add $wan/24 dev wan
	in_ns gateway ip link set wan up
	in_ns gateway ip route add default via $isp
	in_ns internet ip address add $isp/24 dev isp
	in_ns internet ip address add $server/32 dev lo
	in_ns internet ip link set isp up
	in_ns internet ip route add 203.0.113.0/24 via $wan
	# shellcheck disable=SC2016 # socat's variable
	start internet internet socat TCP-LISTEN:7,fork,reuseaddr 'SYSTEM:echo $SOCAT_PEERADDR'
	step "router $isp, server $server; 203.0.113.0/24 is routed to the gateway, $wan"
}

set_up_vms() {
	local vm tenant host ca mac mtu
	say "Five VMs of two tenants, with the same addresses"
	while read -r vm tenant host ca mac; do
		mtu=$(field "$tenants" "$tenant" 5)
		add_namespace "$vm"
		in_ns "$host" ip link add "$vm" mtu "$mtu" type veth peer name eth0 mtu "$mtu" netns "$prefix-$vm"
		in_ns "$host" ip link set "$vm" up
		in_ns "$vm" ip link set eth0 address "$mac" up
		in_ns "$vm" ip address add "$ca/24" dev eth0
		in_ns "$vm" ip route add default via 10.1.1.1
		start "$vm-name" "$vm" socat TCP-LISTEN:7,fork,reuseaddr "EXEC:echo $vm"
		step "$vm of $tenant on $host: $ca, $mac, MTU $mtu"
	done <<<"$vms"
}

set_up_daemons() {
	local host pa pins
	pins=$(bpffs)
	say "gwd on each"
	while read -r host pa; do
		mkdir -m 700 "$state/$host"
		cat >"$state/$host/gwd.conf" <<-CONF
			[node]
			name = $prefix-$host
			roles = $([ "$host" = gateway ] && echo gateway || echo host)
			state_dir = $state/$host/state
			run_dir = $state/$host/run
			plugin_dir = $build/plugins
			[underlay]
			mtu = 1500
			[engine]
			bpf_dir = $pins
			[external]
			interface = $([ "$host" != gateway ] || echo wan)
		CONF
		start "$host" "$host" "$build/gwd" -c "$state/$host/gwd.conf"
		wait_for "gwd on $host answers (see $state/$host.log)" gwctl "$host" status
		step "$host: gwd runs as process $(cat "$state/$host.pid"), log in $state/$host.log"
	done <<<"$hosts"
}

# What a Hyper-V administrator does with New-NetVirtualizationLookupRecord and its sisters, on each host.
set_up_policy() {
	local host pa
	say "Policy: all learn where every customer address lives (here as typed on host1)"
	while read -r host pa; do
		tell "$host" provider-address add --interface underlay --address "$pa" --prefix-length 24
		tell_tenants "$host"
		tell_records "$host"
	done <<<"$hosts"
	tell_gateway
}

tell_tenants() {
	local tenant vsid encapsulation rdid edge mac ca
	while read -r tenant vsid encapsulation rdid _ edge mac _; do
		tell "$1" customer-route add --rdid "$rdid" --vsid "$vsid" --prefix 10.1.1.0/24 --nexthop 0.0.0.0
		tell "$1" customer-route add --rdid "$rdid" --vsid "$edge" --prefix $gateway_subnet --nexthop 0.0.0.0
		tell "$1" customer-route add --rdid "$rdid" --vsid "$edge" --prefix 0.0.0.0/0 --nexthop $gateway_ca
		for ca in $gateway_ca 0.0.0.0; do
			tell "$1" lookup-record add --vsid "$edge" --ca "$ca" --pa "$(field "$hosts" gateway 2)" --mac "$mac" \
				--rule encap --encapsulation "$encapsulation"
		done
	done <<<"$tenants"
}

# A VRF for each tenant, which leaves by ports of the same public address; one more port of it leads to Contoso-Web.
tell_gateway() {
	local tenant rdid edge mac first
	say "The gateway: a VRF for each tenant, one public address for both, a port of it for Contoso-Web"
	while read -r tenant _ _ rdid _ edge mac first; do
		tell gateway virtual-gateway add --rdid "$rdid" --vsid "$edge" --mac "$mac" --ca $gateway_ca --prefix-length 29
		tell gateway port attach --interface "gwo$edge" --vsid "$edge" --mac "$mac" --allow-forwarding
		tell gateway public-address add --rdid "$rdid" --public $public/32 --first-port "$first" --ports 4096
		tell gateway nat-rule add --rdid "$rdid" --direction outbound --public $public --first-port "$first" --ports 4096 \
			--customer 10.1.1.0/24
	done <<<"$tenants"
	rdid=$(field "$tenants" Contoso 4)
	tell gateway public-address add --rdid "$rdid" --public $public/32 --first-port 8080 --ports 1
	tell gateway nat-rule add --rdid "$rdid" --direction inbound --protocol tcp --public $public --first-port 8080 --ports 1 \
		--customer 10.1.1.12/32 --customer-port 7
}

tell_records() {
	local vm tenant host ca mac vsid
	while read -r vm tenant host ca mac; do
		vsid=$(field "$tenants" "$tenant" 2)
		tell "$1" lookup-record add --vsid "$vsid" --ca "$ca" --pa "$(field "$hosts" "$host" 2)" --mac "$mac" \
			--rule encap --encapsulation "$(field "$tenants" "$tenant" 3)" --vm-name "$vm"
		if [ "$host" = "$1" ]; then
			tell "$1" port attach --interface "$vm" --mac "$mac" --vsid "$vsid"
		fi
	done <<<"$vms"
}

up() {
	if [ ! -x "$build/gwd" ] || [ ! -x "$build/gwctl" ]; then
		die "$build/gwd and $build/gwctl are missing: run make"
	fi
	if exists; then
		say "An earlier demo is there: taking it down first"
		down
	fi
	mkdir -m 700 "$state"
	trap failed EXIT
	set_up_hosts
	set_up_internet
	set_up_vms
	set_up_daemons
	set_up_policy
	show_drawing
	show_reachability
	show_internet
	show_packets
	show_status
	show_throughput
	show_how_to_go_on
	trap - EXIT
}

failed() {
	local log
	printf '\ndemo: failed. What the daemons said last:\n' >&2
	for log in "$state"/host*.log "$state"/gateway.log; do
		[ ! -s "$log" ] || tail -n 8 "$log" >&2
	done
	printf 'demo: everything is left as it is, for a look; make demo-down removes it\n' >&2
}

down() {
	stop_all
	remove_vrfs
	remove_namespaces
	remove_pins
	rm -rf "$state"
}

[ "$(id -u)" = 0 ] || die "needs root, for network namespaces and BPF"
# One at a time; the lock is on this file, and leaves nothing behind.
exec 9<"$here/demo.sh"
flock -w 60 9 || die "another demo is being set up or taken down"
case $action in
up) up ;;
down)
	down
	say "The demo is gone"
	;;
*) die "usage: demo.sh up|down [BUILD]" ;;
esac
