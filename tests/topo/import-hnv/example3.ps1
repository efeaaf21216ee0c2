New-NetVirtualizationLookupRecord -VirtualSubnetID "5001" -CustomerAddress "192.168.1.101" -ProviderAddress "10.1.1.20" -MACAddress "00155D011404" -Rule "TranslationMethodNAT" -VMName "hv3-blue01" -CimSession "ml110g6-01"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5001" -CustomerAddress "192.168.1.102" -ProviderAddress "10.1.1.30" -MACAddress "00155D011E04" -Rule "TranslationMethodNAT" -VMName "hv3-blue02" -CimSession "ml110g6-01"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5001" -CustomerAddress "192.168.1.1" -ProviderAddress "169.254.254.254" -MACAddress "101010101001" -Rule "TranslationMethodNAT" -VMName "hv3-blue-GW" -CimSession "ml110g6-01"

New-NetVirtualizationLookupRecord -VirtualSubnetID "5002" -CustomerAddress "192.168.2.250" -ProviderAddress "10.1.1.40" -MACAddress "00155D143C02" -Rule "TranslationMethodEncap" -VMName "hv3-blueDG" -CimSession "ml110g6-01"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5002" -CustomerAddress "0.0.0.0" -ProviderAddress "10.1.1.40" -MACAddress "00155D143C02" -Rule "TranslationMethodEncap" -VMName "BlueWildcard" -CimSession "ml110g6-01"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5002" -CustomerAddress "192.168.2.1" -ProviderAddress "169.254.254.253" -MACAddress "101010101011" -Rule "TranslationMethodEncap" -VMName "hv3-blueDGW" -CimSession "ml110g6-01"

New-NetVirtualizationLookupRecord -VirtualSubnetID "5001" -CustomerAddress "192.168.1.101" -ProviderAddress "10.1.1.20" -MACAddress "00155D011404" -Rule "TranslationMethodNAT" -VMName "hv3-blue01" -CimSession "ml110g6-02"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5001" -CustomerAddress "192.168.1.102" -ProviderAddress "10.1.1.30" -MACAddress "00155D011E04" -Rule "TranslationMethodNAT" -VMName "hv3-blue02" -CimSession "ml110g6-02"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5001" -CustomerAddress "192.168.1.1" -ProviderAddress "169.254.254.254" -MACAddress "101010101001" -Rule "TranslationMethodNAT" -VMName "hv3-blue-GW" -CimSession "ml110g6-02"

New-NetVirtualizationLookupRecord -VirtualSubnetID "5002" -CustomerAddress "192.168.2.250" -ProviderAddress "10.1.1.40" -MACAddress "00155D143C02" -Rule "TranslationMethodEncap" -VMName "hv3-blueDG" -CimSession "ml110g6-02"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5002" -CustomerAddress "0.0.0.0" -ProviderAddress "10.1.1.40" -MACAddress "00155D143C02" -Rule "TranslationMethodEncap" -VMName "BlueWildcard" -CimSession "ml110g6-02"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5002" -CustomerAddress "192.168.2.1" -ProviderAddress "169.254.254.253" -MACAddress "101010101011" -Rule "TranslationMethodEncap" -VMName "hv3-blueDGW" -CimSession "ml110g6-02"

New-NetVirtualizationLookupRecord -VirtualSubnetID "5001" -CustomerAddress "192.168.1.101" -ProviderAddress "10.1.1.20" -MACAddress "00155D011404" -Rule "TranslationMethodNAT" -VMName "hv3-blue01" -CimSession "ml110g5-01"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5001" -CustomerAddress "192.168.1.102" -ProviderAddress "10.1.1.30" -MACAddress "00155D011E04" -Rule "TranslationMethodNAT" -VMName "hv3-blue02" -CimSession "ml110g5-01"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5001" -CustomerAddress "192.168.1.1" -ProviderAddress "169.254.254.254" -MACAddress "101010101001" -Rule "TranslationMethodNAT" -VMName "hv3-blue-GW" -CimSession "ml110g5-01"

New-NetVirtualizationLookupRecord -VirtualSubnetID "5002" -CustomerAddress "192.168.2.250" -ProviderAddress "10.1.1.40" -MACAddress "00155D143C02" -Rule "TranslationMethodEncap" -VMName "hv3-blueDG" -CimSession "ml110g5-01"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5002" -CustomerAddress "0.0.0.0" -ProviderAddress "10.1.1.40" -MACAddress "00155D143C02" -Rule "TranslationMethodEncap" -VMName "BlueWildcard" -CimSession "ml110g5-01"
New-NetVirtualizationLookupRecord -VirtualSubnetID "5002" -CustomerAddress "192.168.2.1" -ProviderAddress "169.254.254.253" -MACAddress "101010101011" -Rule "TranslationMethodEncap" -VMName "hv3-blueDGW" -CimSession "ml110g5-01"

New-NetVirtualizationCustomerRoute -RoutingDomainID "{11111111-2222-3333-4444-000000005001}" -VirtualSubnetID "5001" -DestinationPrefix "192.168.1.0/24" -NextHop "0.0.0.0" -Metric 255 -CimSession "ml110g6-01"
New-NetVirtualizationCustomerRoute -RoutingDomainID "{11111111-2222-3333-4444-000000005001}" -VirtualSubnetID "5002" -DestinationPrefix "192.168.2.0/24" -NextHop "0.0.0.0" -Metric 255 -CimSession "ml110g6-01"
New-NetVirtualizationCustomerRoute -RoutingDomainID "{11111111-2222-3333-4444-000000005001}" -VirtualSubnetID "5002" -DestinationPrefix "0.0.0.0/0" -NextHop "192.168.2.250" -Metric 255 -CimSession "ml110g6-01"

New-NetVirtualizationCustomerRoute -RoutingDomainID "{11111111-2222-3333-4444-000000005001}" -VirtualSubnetID "5001" -DestinationPrefix "192.168.1.0/24" -NextHop "0.0.0.0" -Metric 255 -CimSession "ml110g6-02"
New-NetVirtualizationCustomerRoute -RoutingDomainID "{11111111-2222-3333-4444-000000005001}" -VirtualSubnetID "5002" -DestinationPrefix "192.168.2.0/24" -NextHop "0.0.0.0" -Metric 255 -CimSession "ml110g6-02"
New-NetVirtualizationCustomerRoute -RoutingDomainID "{11111111-2222-3333-4444-000000005001}" -VirtualSubnetID "5002" -DestinationPrefix "0.0.0.0/0" -NextHop "192.168.2.250" -Metric 255 -CimSession "ml110g6-02"

New-NetVirtualizationCustomerRoute -RoutingDomainID "{11111111-2222-3333-4444-000000005001}" -VirtualSubnetID "5001" -DestinationPrefix "192.168.1.0/24" -NextHop "0.0.0.0" -Metric 255 -CimSession "ml110g5-01"
New-NetVirtualizationCustomerRoute -RoutingDomainID "{11111111-2222-3333-4444-000000005001}" -VirtualSubnetID "5002" -DestinationPrefix "192.168.2.0/24" -NextHop "0.0.0.0" -Metric 255 -CimSession "ml110g5-01"
New-NetVirtualizationCustomerRoute -RoutingDomainID "{11111111-2222-3333-4444-000000005001}" -VirtualSubnetID "5002" -DestinationPrefix "0.0.0.0/0" -NextHop "192.168.2.250" -Metric 255 -CimSession "ml110g5-01"

$cred = Get-Credential "dob1¥administrator"
$WNVNIC = "WNVNIC"

$iface = Get-NetAdapter $WNVNIC -CimSession "ml110g6-01"
New-NetVirtualizationProviderAddress -InterfaceIndex $iface.InterfaceIndex -ProviderAddress "10.1.1.20" -PrefixLength 24 -CimSession "ml110g6-01"
Invoke-Command -ComputerName "ml110g6-01" -Credential $cred {
Get-VMNetworkAdapter "hv3-blue01" | where {$_.MacAddress -eq "00155D011404"} | Set-VMNetworkAdapter -VirtualSubnetID 5001;
}

$iface = Get-NetAdapter $WNVNIC -CimSession "ml110g6-02"
New-NetVirtualizationProviderAddress -InterfaceIndex $iface.InterfaceIndex -ProviderAddress "10.1.1.30" -PrefixLength 24 -CimSession "ml110g6-02"
Invoke-Command -ComputerName "ml110g6-02" -Credential $cred {
Get-VMNetworkAdapter "hv3-blue02" | where {$_.MacAddress -eq "00155D011E04"} | Set-VMNetworkAdapter -VirtualSubnetID 5001;
}

$iface = Get-NetAdapter $WNVNIC -CimSession "ml110g5-01"
New-NetVirtualizationProviderAddress -InterfaceIndex $iface.InterfaceIndex -ProviderAddress "10.1.1.40" -PrefixLength 24 -CimSession "ml110g5-01"
Invoke-Command -ComputerName "ml110g5-01" -Credential $cred {
Get-VMNetworkAdapter "hv3-blueDG" | where {$_.MacAddress -eq "00155D143C02"} | Set-VMNetworkAdapter -VirtualSubnetID 5002;
}
