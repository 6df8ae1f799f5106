"""What home gateways are asked for open ports: PCP, NAT-PMP and UPnP."""
