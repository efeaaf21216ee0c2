"""One sound resource of every kind of the provider API, in an order in which each can be made: what it refers to comes
before it. Together they have a value for nearly every property; test_walk.py says which have none, and why."""

SECRETS = ("s3cret-of-a-connection", "s3cret-of-a-peer", "s3cret-of-a-login")


def ref(path):
    return {"resourceRef": path}


SUBNET, GATEWAY_SUBNET = "/virtualNetworks/blue/subnets/web", "/virtualNetworks/blue/subnets/gateway"
FABRIC, OUTSIDE = "/logicalNetworks/fabric", "/logicalNetworks/outside"
BALANCER, GATEWAY = "/loadBalancers/nat", "/virtualGateways/vgw"

EXAMPLES = [
    ("/credentials/login", {"type": "UsernamePassword", "userName": "admin", "value": SECRETS[2]}),
    (FABRIC, {"networkVirtualizationEnabled": True}),
    (FABRIC + "/subnets/pa", {
        "addressPrefix": "10.1.0.0/24", "vlanID": 7, "isPublic": False, "dnsServers": ["10.1.0.2", "2001:db8::53"],
        "routes": [{"destinationPrefix": "10.9.0.0/16", "nextHop": "10.1.0.1", "metric": 5, "protocol": "static"}],
        "defaultGateways": ["10.1.0.1"]}),
    (FABRIC + "/subnets/pa/ipPools/hosts", {"startIpAddress": "10.1.0.10", "endIpAddress": "10.1.0.99"}),
    (FABRIC + "/subnets/pa/ipPools/groups", {
        "startIpAddress": "239.1.0.1", "endIpAddress": "239.1.0.200", "multicast": True}),
    (OUTSIDE, {"networkVirtualizationEnabled": False}),
    (OUTSIDE + "/subnets/isp", {"addressPrefix": "198.51.100.0/24", "isPublic": True}),
    (OUTSIDE + "/subnets/isp/ipPools/addresses", {"startIpAddress": "198.51.100.10", "endIpAddress": "198.51.100.99"}),
    ("/macPools/macs", {"startMacAddress": "00155D000000", "endMacAddress": "00155D00FFFF"}),
    ("/accessControlLists/front", {"inboundDefaultAction": "Deny", "outboundDefaultAction": "Allow"}),
    ("/accessControlLists/front/aclRules/https", {
        "protocol": "TCP", "sourcePortRange": "*", "destinationPortRange": "443", "sourceAddressPrefix": "*",
        "destinationAddressPrefix": "10.0.0.0/24", "action": "Allow", "priority": 100, "type": "Inbound",
        "logging": "Enabled", "description": "the shop"}),
    ("/routeTables/own", {}),
    ("/routeTables/own/routes/away", {
        "addressPrefix": "172.16.0.0/12", "nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.0.0.9"}),
    ("/servers/host1", {
        "connections": [{"managementAddresses": ["host1.example"], "credential": ref("/credentials/login")}],
        "roles": ["host", "gateway"],
        "providerAddresses": [
            {"address": "10.1.0.10", "prefixLength": 24, "interface": "eth1", "logicalSubnet": ref(FABRIC + "/subnets/pa")}]}),
    ("/portProfiles/plain", {"flowExport": "192.0.2.9:4739"}),
    ("/publicIPAddresses/shop", {
        "ipAddress": "198.51.100.17", "publicIPAllocationMethod": "Static", "idleTimeoutInMinutes": 4, "shared": False,
        "dnsRecord": "shop.example"}),
    ("/publicIPAddresses/vm1", {}),
    ("/publicIPAddresses/many", {"shared": True, "portBlockSize": 1024}),
    ("/virtualNetworks/blue", {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16", "fd00::/48"]}, "dhcpOptions": {"dnsServers": ["10.0.0.53"]},
        "logicalNetwork": ref(FABRIC), "encapsulationMethod": "NVGRE",
        "routingDomainId": "11111111-2222-3333-4444-555555555555"}),
    (SUBNET, {
        "addressPrefix": "10.0.0.0/24", "isolationId": 5001, "accessControlList": ref("/accessControlLists/front"),
        "routeTable": ref("/routeTables/own"), "broadcastMode": "Multicast", "multicastGroup": "239.1.0.7",
        "serviceInsertionElements": [], "serviceInsertion": {}}),
    (SUBNET + "/ipPools/vms", {"startIpAddress": "10.0.0.4", "endIpAddress": "10.0.0.250"}),
    (GATEWAY_SUBNET, {"addressPrefix": "10.0.255.0/29", "isolationId": 5002}),
    (BALANCER, {"loadBalancingRules": [], "probes": []}),
    (BALANCER + "/frontendIPConfigurations/front", {"publicIPAddress": ref("/publicIPAddresses/shop")}),
    (BALANCER + "/frontendIPConfigurations/many", {"publicIPAddress": ref("/publicIPAddresses/many"), "portBlockStart": 2048}),
    (BALANCER + "/backendAddressPools/back", {"subnets": [ref(SUBNET)]}),
    ("/networkInterfaces/vm1", {
        "privateMacAddress": "00155D010101", "privateMacAllocationMethod": "Static",
        "dnsSettings": {"dnsServers": ["10.0.0.54"], "internalDnsNameLabel": "vm1"},
        "portSettings": {
            "macSpoofingEnabled": "Disabled", "arpGuardEnabled": "Enabled", "dhcpGuardEnabled": "Enabled",
            "stormLimit": 100, "portFlowLimit": 5000, "vmqWeight": 0, "iovWeight": 0, "iovInterruptModeration": "Off",
            "iovQueuePairsRequested": 1,
            "qosSettings": {"outboundReservedValue": 10, "outboundMaximumMbps": 1000, "inboundMaximumMbps": 2000,
                            "enableHardwareLimits": False}},
        "portProfile": ref("/portProfiles/plain"), "accessControlList": ref("/accessControlLists/front"),
        "server": ref("/servers/host1"), "hostInterface": "tap0", "isHostVirtualNetworkInterface": False,
        "isPrimary": True, "isMultitenantStack": False, "internalDnsNameLabel": "vm1", "serviceInsertionElements": [],
        "serviceInsertion": "none"}),
    ("/networkInterfaces/vm1/ipConfigurations/ip1", {
        "privateIPAddress": "10.0.0.5", "privateIPAllocationMethod": "Static", "subnet": ref(SUBNET),
        "accessControlList": ref("/accessControlLists/front"), "publicIPAddress": ref("/publicIPAddresses/vm1"),
        "loadBalancerBackendAddressPools": [ref(BALANCER + "/backendAddressPools/back")], "isPrimary": True}),
    (BALANCER + "/inboundNatRules/ssh", {
        "frontendIPConfigurations": [ref(BALANCER + "/frontendIPConfigurations/front")], "protocol": "Tcp",
        "frontendPort": 2222, "backendPort": 22, "idleTimeoutInMinutes": 30, "enableFloatingIP": False,
        "backendIPConfiguration": ref("/networkInterfaces/vm1/ipConfigurations/ip1")}),
    (BALANCER + "/inboundNatRules/dns", {
        "frontendIPConfigurations": [ref(BALANCER + "/frontendIPConfigurations/front")], "protocol": "Udp",
        "frontendPort": 53}),
    (BALANCER + "/outboundNatRules/all", {
        "frontendIPConfigurations": [ref(BALANCER + "/frontendIPConfigurations/front")], "protocol": "All",
        "backendAddressPool": ref(BALANCER + "/backendAddressPools/back")}),
    ("/networkInterfaces/vm2", {}),
    ("/networkInterfaces/vm2/ipConfigurations/ip1", {
        "subnet": ref(SUBNET), "loadBalancerInboundNatRules": [ref(BALANCER + "/inboundNatRules/dns")]}),
    ("/portProfiles/watched", {
        "inherits": ref("/portProfiles/plain"), "portSettings": {"arpGuardEnabled": "Enabled"},
        "accessControlList": ref("/accessControlLists/front"), "dscp": 46, "mirror": ref("/networkInterfaces/vm2"),
        "flowExport": "192.0.2.9:4739", "isolation": "Isolated"}),
    ("/gatewayPools/pool", {
        "type": "All", "redundantGatewayCount": 1, "gatewayCapacityKiloBitsPerSecond": 4294967295,
        "ipConfiguration": {"publicIPAddresses": [ref("/publicIPAddresses/shop")],
                            "greVipSubnets": [ref(OUTSIDE + "/subnets/isp")]}}),
    ("/gateways/gw1", {
        "pool": ref("/gatewayPools/pool"), "type": "S2sIpSec", "virtualServer": ref("/servers/host1"),
        "networkInterfaces": {"externalNetworkInterface": ref("/networkInterfaces/vm1"),
                              "internalNetworkInterface": ref("/networkInterfaces/vm2")},
        "bgpConfig": {"extASNumber": "0.64512",
                      "bgpPeer": [{"peerIpAddress": "10.1.0.1", "extAsNumber": "1.10"}]}}),
    (GATEWAY, {
        "virtualNetwork": ref("/virtualNetworks/blue"), "gatewayPools": [ref("/gatewayPools/pool")],
        "gatewaySubnets": [ref(GATEWAY_SUBNET)], "isolationId": 4999, "routingType": "Dynamic", "vpnClientAddressSpace": None}),
    (GATEWAY + "/policyMaps/in", {
        "policyList": [{
            "policyName": "own", "policyType": "Allow",
            "matchCriteria": [{"clause": "Prefix", "operator": "le", "value": "10.0.0.0/8"}],
            "setActions": [{"NextHop": "10.0.255.2"}, {"Med": 5}, {"LocalPref": 200}, {"Community": "64512:100"}]}]}),
    (GATEWAY + "/networkConnections/site", {
        "connectionType": "IPSec", "outboundKiloBitsPerSecond": 10000, "inboundKiloBitsPerSecond": 20000,
        "ipSecConfiguration": {
            "authenticationMethod": "PSK", "sharedSecret": SECRETS[0], "localIdentity": "gw.example",
            "remoteIdentity": "site.example", "credential": ref("/credentials/login"),
            "quickMode": {
                "perfectForwardSecrecy": "PFS2048", "cipherTransformationConstant": "AES256",
                "authenticationTransformationConstant": "SHA256128", "saLifeTimeSeconds": 3600,
                "saLifeTimeKiloBytes": 102400, "idleDisconnectSeconds": 500},
            "mainMode": {
                "diffieHellmanGroup": "Group14", "encryptionAlgorithm": "AES256", "integrityAlgorithm": "SHA256",
                "saLifeTimeSeconds": 28800, "saLifeTimeKiloBytes": 819200},
            "localVpnTrafficSelector": [{
                "type": "IPv4", "protocolId": 6, "portStart": 80, "portEnd": 443, "ipAddressStart": "10.0.0.0",
                "ipAddressEnd": "10.0.0.255", "tsPayloadId": 1}],
            "remoteVpnTrafficSelector": [{"ipAddressStart": "172.20.0.0", "ipAddressEnd": "172.20.255.255"}]},
        "ipAddresses": [{"ipAddress": "10.0.255.2", "prefixLength": 29}], "peerIPAddresses": ["169.254.1.2"],
        "sourceIPAddress": "198.51.100.7", "destinationIPAddress": "203.0.113.9",
        "routes": [{"destinationPrefix": "172.20.0.0/16", "nextHop": "169.254.1.2", "metric": 10,
                    "protocol": "static"}]}),
    (GATEWAY + "/networkConnections/gre", {
        "connectionType": "GRE", "greConfiguration": {"greKey": 4711}, "destinationIPAddress": "203.0.113.10"}),
    (GATEWAY + "/networkConnections/vlan", {
        "connectionType": "L3", "l3Configuration": {"vlanSubnet": ref(FABRIC + "/subnets/pa")}}),
    (GATEWAY + "/bgpRouters/router", {
        "isEnabled": True, "extAsNumber": "0.65001", "routerId": "10.0.255.2", "routerIP": ["10.0.255.2"],
        "bgpNetworks": ["10.0.0.0/24"], "requireIgpSync": False}),
    (GATEWAY + "/bgpRouters/router/bgpPeers/site", {
        "peerIpAddress": "169.254.1.2", "asNumber": 65002, "extAsNumber": "0.65002", "bfd": True,
        "policyMapIn": ref(GATEWAY + "/policyMaps/in"), "policyMapOut": ref(GATEWAY + "/policyMaps/in"),
        "password": SECRETS[1], "hasPassword": True, "maximumPrefixes": 1000}),
]
