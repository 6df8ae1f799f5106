"""Where peers are found: trackers."""
