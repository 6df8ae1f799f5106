"""Real BitTorrent programs as peers for the interop tests, each in a folder of its own."""
