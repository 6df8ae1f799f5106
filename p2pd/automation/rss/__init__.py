"""Feeds that are read, rules for what of them is added, and what was seen (BEP 36)."""
