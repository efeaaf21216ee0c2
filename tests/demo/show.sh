# shellcheck shell=bash
# shellcheck disable=SC2154 # the variables named below are demo.sh's
# show.sh - what the demo shows once everything is there. Sourced by demo.sh, which sets $vms, $tenants, $hosts, $build,
# $state and the addresses outside; the helpers are net.sh's.

# The address that an interface really has.
address_of() { in_ns "$1" ip -j address show dev "$2" | jq -r '[.[0].addr_info[] | select(.family == "inet")][0].local'; }

mac_of() { in_ns "$1" ip -j link show dev eth0 | jq -r '.[0].address'; }

show_drawing() {
	local format='   %-18s %-18s %-18s     %-18s %-18s\n' vm cas=() macs=()
	for vm in contoso-sql fabrikam-sql fabrikam-app contoso-web fabrikam-web; do
		cas+=("$(address_of "$vm" eth0)")
		macs+=("$(mac_of "$vm")")
	done
	say "What is there now (addresses as the kernel has them)"
	# shellcheck disable=SC2059 # the format is the table's
	{
		echo
		printf "$format" Contoso-SQL Fabrikam-SQL Fabrikam-App Contoso-Web Fabrikam-Web
		printf "$format" "${cas[@]}"
		printf "$format" "${macs[@]}"
		printf "$format" '     |' '     |' '     |' '     |' '     |'
		printf "$format" 'VSID 5001' 'VSID 6001' 'VSID 6001' 'VSID 5001' 'VSID 6001'
	}
	cat <<-END
		   +-----------------------------------------------------+     +------------------------------------+
		   |                   gwd on host1                      |     |            gwd on host2            |
		   +--------------------------+--------------------------+     +-----------------+------------------+
	END
	printf '                              | %-43s| %s\n' "$(address_of host1 underlay)" "$(address_of host2 underlay)"
	cat <<-END
		                              +------------------ underlay -----------------+
		                                  VXLAN, VNI 5001:  Contoso
		                                  NVGRE, VSID 6001: Fabrikam
	END
	printf '                                                     | %s\n' "$(address_of gateway underlay)"
	cat <<-END
		             +---------------------------------------+----------------------------------------+
		             |       gwd on the gateway: a VRF for Contoso, a VRF for Fabrikam                |
		             |       both leave by $public: ports 16384-20479, ports 20480-24575       |
		             +---------------------------------------+----------------------------------------+
	END
	printf '                                                     | %s\n' "$(address_of gateway wan)"
	printf '                                                 Internet: %s\n' "$server"
}

# Who answers a VM at an address: the name that the service on port 7 gives, or nobody.
who_answers() {
	in_ns "$1" socat -u "TCP:$2:7,connect-timeout=1" - 2>/dev/null || echo nobody
}

# expect FROM ADDRESS WHO WHY: asks, pings, prints, and fails when it is not as it should be.
expect() {
	local answer rtt
	answer=$(who_answers "$1" "$2")
	rtt=$(in_ns "$1" ping -n -c 1 -W 1 "$2" 2>/dev/null | sed -n 's/.*time=\([0-9.]* ms\).*/\1/p') || rtt=
	printf '   %-14s %-14s %-14s %-12s %s\n' "$1" "$2" "$answer" "${rtt:-no reply}" "$4"
	[ "$answer" = "$3" ] || die "$1 asked $2 and got an answer from $answer, not from $3"
	[ "${rtt:+replied}" = "$([ "$3" = nobody ] || echo replied)" ] || die "ping from $1 to $2: ${rtt:-no reply}"
}

show_reachability() {
	say "Who reaches whom"
	printf '   %-14s %-14s %-14s %-12s %s\n' from to "answer from" ping ""
	expect contoso-sql 10.1.1.12 contoso-web "through the VXLAN tunnel"
	expect contoso-web 10.1.1.11 contoso-sql "and back"
	expect fabrikam-sql 10.1.1.12 fabrikam-web "same address, other tenant: through the NVGRE tunnel"
	expect fabrikam-web 10.1.1.11 fabrikam-sql "and back"
	expect fabrikam-sql 10.1.1.13 fabrikam-app "on the same host: no tunnel"
	expect fabrikam-web 10.1.1.13 fabrikam-app "from the other host"
	expect contoso-sql 10.1.1.13 nobody "that VM is Fabrikam's, though it is on the same host"
	expect contoso-web 10.1.1.13 nobody "nor from the other host"
	expect contoso-sql 192.168.1.20 nobody "the provider network is out of a tenant's reach"
}

# outside FROM ADDRESS PORT WHO WHY: who answers there, as in expect.
outside() {
	local answer
	answer=$(in_ns "$1" socat -u "TCP:$2:$3,connect-timeout=2" - 2>/dev/null) || answer=nobody
	printf '   %-14s %-20s %-16s %s\n' "$1" "$2:$3" "$answer" "$5"
	[ "$answer" = "$4" ] || die "$1 asked $2 port $3 and the answer was $answer, not $4"
}

show_internet() {
	local file=$state/wan.pcap pid
	say "The Internet, through one public address (the server answers with the address that it sees)"
	printf '   %-14s %-20s %-16s %s\n' from to answer ""
	wait_for "the gateway's rules are in place" in_ns contoso-sql ping -q -n -c 1 -W 1 "$server"
	outside contoso-sql "$server" 7 "$public" "translated in Contoso's VRF"
	outside fabrikam-sql "$server" 7 "$public" "the same address inside, the same outside: other ports"
	outside internet "$public" 8080 contoso-web "a forwarded port"
	outside internet "$public" 8081 nobody "and no other"
	outside internet 10.1.1.12 7 nobody "nobody comes in past the gateway"
	echo
	in_ns gateway tcpdump -i wan -U -c 4 -w "$file" icmp 9<&- >/dev/null 2>"$state/tcpdump.log" &
	pid=$!
	wait_for "tcpdump listens" grep -q '^tcpdump: listening' "$state/tcpdump.log"
	in_ns contoso-sql ping -q -n -c 1 -W 2 "$server" >/dev/null
	in_ns fabrikam-sql ping -q -n -c 1 -W 2 "$server" >/dev/null
	wait_for "four packets are captured" not_running "$pid"
	step "the same ping of both outside: the identifier tells them apart"
	tshark -r "$file" 2>/dev/null | sed 's/^/   /'
}

show_packets() {
	local file=$state/underlay.pcap pid
	say "The same ping of both tenants on the wire between the hosts, as tshark reads it"
	in_ns host1 tcpdump -i underlay -U -c 4 -w "$file" 'udp port 4789 or ip proto 47' 9<&- >/dev/null \
		2>"$state/tcpdump.log" &
	pid=$!
	wait_for "tcpdump listens" grep -q '^tcpdump: listening' "$state/tcpdump.log"
	in_ns contoso-sql ping -q -n -c 1 -W 2 10.1.1.12 >/dev/null
	in_ns fabrikam-sql ping -q -n -c 1 -W 2 10.1.1.12 >/dev/null
	wait_for "four packets are captured" not_running "$pid"
	tshark -r "$file" 2>/dev/null | sed 's/^/   /'
	echo
	tshark -r "$file" -V -Y 'frame.number == 1 or frame.number == 3' 2>/dev/null | headers
}

# Of tshark's tree the lines that tell the layers apart. What an NVGRE key says, tshark leaves to its reader.
headers() {
	local line key
	sed -nE -e '/^Frame/s/,.*//p' -e '/^(Ethernet|Internet Protocol|User Datagram|Generic Routing|Virtual eXt|Internet Control)/p' \
		-e '/^ +(VXLAN Network Identifier|Key:|Protocol Type|Time to Live)/p' -e "/Don't fragment: /p" -e '/Key Bit/p' |
		while IFS= read -r line; do
			if [[ $line =~ Key:\ (0x[0-9a-f]{8}) ]]; then
				key=$((BASH_REMATCH[1]))
				line+=" (NVGRE: VSID $((key >> 8)), FlowID $((key & 255)))"
			fi
			printf '   %s\n' "$line"
		done
}

show_status() {
	local host
	for host in host1 host2 gateway; do
		say "gwctl status on $host"
		gwctl "$host" status | sed 's/^/   /'
	done
}

# throughput TITLE FROM TO ADDRESS: one TCP stream for one second. iperf3 now and then loses its own control connection at
# the end and then reports nothing; that is no reason to end the demo.
throughput() {
	local rate=
	for _ in 1 2 3; do
		start iperf3 "$3" iperf3 -s -1 -B "$4"
		wait_for "iperf3 listens in $3" in_ns "$3" ss -Hltn "src $4:5201" -O
		in_ns "$2" iperf3 -c "$4" -t 1 -J >"$state/iperf3.json"
		rate=$(jq -e '.end.sum_received.bits_per_second / 1e9' "$state/iperf3.json" 2>/dev/null)
		stop "$state/iperf3.pid"
		[ -z "$rate" ] || break
	done
	[ -n "$rate" ] || die "iperf3: $(jq -r .error "$state/iperf3.json")"
	printf '   %-52s %6.1f Gbit/s\n' "$1" "$rate"
}

show_throughput() {
	say "Throughput, one TCP stream for one second (make bench compares properly)"
	throughput "host1 to host2, bare underlay" host1 host2 192.168.1.20
	throughput "Contoso-SQL to Contoso-Web, VXLAN" contoso-sql contoso-web 10.1.1.12
	throughput "Fabrikam-SQL to Fabrikam-Web, NVGRE" fabrikam-sql fabrikam-web 10.1.1.12
	throughput "Fabrikam-SQL to Fabrikam-App, same host" fabrikam-sql fabrikam-app 10.1.1.13
	throughput "Contoso-SQL to the Internet, VXLAN and NAT" contoso-sql internet "$server"
}

show_how_to_go_on() {
	say "It stays up. Things to try, as root"
	cat <<-END
		   # short names for what follows
		   h1="$build/gwctl --api unix:$state/host1/run/api.sock"
		   h2="$build/gwctl --api unix:$state/host2/run/api.sock"
		   vm() { nsenter --net=/run/netns/$prefix-\$1 "\${@:2}"; }

		   \$h1 status -o wide
		   \$h1 lookup-record list
		   \$h1 trace --port contoso-sql --dst 10.1.1.12            # which way a packet takes, and why
		   vm contoso-sql ping 10.1.1.12
		   vm contoso-sql bash                                     # a shell in that VM
		   vm host1 tshark -i underlay                             # the wire

		   # take a record away, see the ping fail, put it back
		   \$h1 lookup-record del --vsid 5001 --ca 10.1.1.12
		   \$h1 lookup-record add --vsid 5001 --ca 10.1.1.12 --pa 192.168.1.20 --mac 00155D500112 --rule encap --encapsulation vxlan

		   # the gateway: what it carries, what it translates, a shell in Contoso's VRF
		   gw="$build/gwctl --api unix:$state/gateway/run/api.sock"
		   \$gw virtual-gateway list; \$gw public-address list; \$gw nat-rule list
		   nsenter --net=/run/netns/gwd-$prefix-gateway-5002 bash
		   vm fabrikam-web ping $server

		   # kill the daemon: traffic goes on; start it again: it takes over what it finds
		   kill -9 \$(cat $state/host1.pid)
		   vm host1 $build/gwd -c $state/host1/gwd.conf

		   make demo-down                                          # removes every trace
	END
}
