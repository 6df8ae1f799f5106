"""The DHT's core: nodes, lookups and stores as plain objects; no sockets, no clock (BEP 5)."""
