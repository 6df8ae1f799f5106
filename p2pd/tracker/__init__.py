"""A tracker of one's own: HTTP announce and scrape over a store of swarms."""
