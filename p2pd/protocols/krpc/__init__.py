"""KRPC, the protocol of the DHT (BEP 5): one bencoded message in each datagram."""
