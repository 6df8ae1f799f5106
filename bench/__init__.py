"""p2pd measured beside other BitTorrent engines on one machine; see README.rst."""
