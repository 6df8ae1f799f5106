"""Where peers are found: trackers, the DHT."""
