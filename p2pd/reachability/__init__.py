"""How peers outside reach this machine: ports that gateways forward, and our address out there."""
