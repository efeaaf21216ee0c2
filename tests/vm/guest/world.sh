#!/bin/sh
# What the tests of the service have in the VM: a tenant's VM behind a port of gwd, another one behind the kernel's own vxlan
# device on a far host, which sends back what it gets (flow.py).
#
#   vm (eth0 10.0.0.1) -- port0 | gwd, 10.1.1.1 on pa0 | -- pa1 10.1.1.2, vx0 10.0.0.2 (far)
set -e
ip netns add vm
ip netns add far
ip link add pa0 mtu 1500 type veth peer name pa1 netns far
ip link set pa0 up
ip -n far addr add 10.1.1.2/24 dev pa1
ip -n far link set pa1 up
ip link add port0 type veth peer name eth0 netns vm
ip link set port0 up
ip -n vm link set eth0 address 02:00:00:00:00:01 mtu 1400 up
ip -n vm addr add 10.0.0.1/24 dev eth0
ip -n far link add vx0 type vxlan id 5001 dstport 4789 remote 10.1.1.1 dev pa1
ip -n far link set vx0 address 02:00:00:00:00:02 mtu 1400 up
ip -n far addr add 10.0.0.2/24 dev vx0
ip -n far neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev vx0
gwctl provider-address add --interface pa0 --address 10.1.1.1 --prefix-length 24
gwctl lookup-record add --vsid 5001 --ca 10.0.0.2 --pa 10.1.1.2 --mac 02:00:00:00:00:02
gwctl lookup-record add --vsid 5001 --ca 10.0.0.1 --pa 10.1.1.1 --mac 02:00:00:00:00:01
gwctl port attach --interface port0 --vsid 5001 --mac 02:00:00:00:00:01
ip netns exec far python3 /run/flow.py 10.0.0.2 echo >/dev/null 2>&1 &
ip netns exec vm ping -q -c 3 -W 5 10.0.0.2
