#!/bin/sh
# What the tests of the service have in the VM: a tenant's VM behind a port of gwd, another one behind the kernel's own vxlan
# devices on a far host, and a machine outside, to which the tenant's virtual gateway leads. Far and out send back what they get
# (flow.py).
#
# usage: world.sh machines    what is around gwd, as somebody has to make it again after each start
#        world.sh intent      what gwd is told, once
#        world.sh reached     whether all reach whom they should
#
#   vm (eth0 10.0.0.11) -- port0 | gwd, 10.1.1.1 on pa0 | -- pa1 10.1.1.2, vx0 10.0.0.2 (far)
#                                | VRF: 203.0.113.10    |              vx1: what goes to the virtual gateway
#                                | 198.51.100.1 on ext0 | -- eth0 198.51.100.10 (out)
set -e

machines() {
	ip netns add vm
	ip netns add far
	ip netns add out
	ip link add pa0 mtu 1500 type veth peer name pa1 netns far
	ip link set pa0 up
	ip -n far addr add 10.1.1.2/24 dev pa1
	ip -n far link set pa1 up
	ip link add port0 type veth peer name eth0 netns vm
	ip link set port0 up
	ip -n vm link set eth0 address 02:00:00:00:00:01 mtu 1400 up
	ip -n vm addr add 10.0.0.11/24 dev eth0
	ip -n vm route add default via 10.0.0.1
	ip -n far link add vx0 type vxlan id 5001 dstport 4789 remote 10.1.1.1 dev pa1
	ip -n far link set vx0 address 02:00:00:00:00:02 mtu 1400 up
	ip -n far addr add 10.0.0.2/24 dev vx0
	ip -n far neigh add 10.0.0.11 lladdr 02:00:00:00:00:01 dev vx0
	# The far host routes by itself, as every host does: with the router's address, into the gateway's subnet.
	ip -n far link add vx1 type vxlan id 5002 dstport 4789 remote 10.1.1.1 dev pa1
	ip -n far link set vx1 address 02:67:77:64:00:01 mtu 1400 up
	ip -n far route add 198.51.100.0/24 via 10.255.0.2 dev vx1 onlink src 10.0.0.2
	ip -n far neigh add 10.255.0.2 lladdr 02:67:50:01:00:02 dev vx1
	ip link add ext0 type veth peer name eth0 netns out
	ip link set ext0 up
	ip addr add 198.51.100.1/24 dev ext0
	ip -n out link set eth0 up
	ip -n out addr add 198.51.100.10/24 dev eth0
	ip -n out route add 203.0.113.0/24 via 198.51.100.1
	ip netns exec far python3 /run/flow.py 10.0.0.2 echo >/dev/null 2>&1 &
	ip netns exec out python3 /run/flow.py 198.51.100.10 echo >/dev/null 2>&1 &
}

intent() {
	sed -i 's/^\[external\]$/&\ninterface = ext0/' /etc/gwd/gwd.conf
	systemctl restart gwd
	gwctl provider-address add --interface pa0 --address 10.1.1.1 --prefix-length 24
	gwctl lookup-record add --vsid 5001 --ca 10.0.0.2 --pa 10.1.1.2 --mac 02:00:00:00:00:02
	gwctl lookup-record add --vsid 5001 --ca 10.0.0.11 --pa 10.1.1.1 --mac 02:00:00:00:00:01
	gwctl port attach --interface port0 --vsid 5001 --mac 02:00:00:00:00:01

	# The virtual gateway, as README has it: what leaves is translated to 4096 ports of an address, one more port leads to the far VM.
	id=11111111-2222-3333-4444-000000005001
	gwctl virtual-gateway add --rdid $id --vsid 5002 --mac 02:67:50:01:00:02 --ca 10.255.0.2 --prefix-length 29
	gwctl port attach --interface gwo5002 --vsid 5002 --mac 02:67:50:01:00:02 --allow-forwarding
	gwctl lookup-record add --vsid 5002 --ca 10.255.0.2 --pa 10.1.1.1 --mac 02:67:50:01:00:02 --rule encap
	gwctl customer-route add --rdid $id --vsid 5001 --prefix 10.0.0.0/24 --nexthop 0.0.0.0
	gwctl customer-route add --rdid $id --vsid 5002 --prefix 10.255.0.0/29 --nexthop 0.0.0.0
	gwctl customer-route add --rdid $id --vsid 5002 --prefix 0.0.0.0/0 --nexthop 10.255.0.2
	gwctl public-address add --rdid $id --public 203.0.113.10/32 --first-port 16384 --ports 4096
	gwctl nat-rule add --rdid $id --direction outbound --public 203.0.113.10 --first-port 16384 --ports 4096 --customer 10.0.0.0/24
	gwctl public-address add --rdid $id --public 203.0.113.10/32 --first-port 7007 --ports 1
	gwctl nat-rule add --rdid $id --direction inbound --protocol udp --public 203.0.113.10 --first-port 7007 --ports 1 \
		--customer 10.0.0.2/32 --customer-port 7007
}

reached() {
	ip netns exec vm ping -q -c 3 -W 5 10.0.0.2
	for who in vm far; do
		ip netns exec $who ping -q -c 3 -W 5 198.51.100.10
	done
}

"$1"
