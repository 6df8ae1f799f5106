"""The composition root: options, configuration, and the daemon as one Twisted service."""
