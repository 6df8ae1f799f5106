"""Certificates of private swarms: issued to nodes that may have them, had, and renewed in time."""
