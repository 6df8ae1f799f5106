"""The DHT on the network: nodes on their sockets, their clock, memory and first contacts."""
