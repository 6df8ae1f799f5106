"""p2pd: a BitTorrent seedbox daemon on Twisted."""

__version__ = "0.1.0"
