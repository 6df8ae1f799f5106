"""Hole punching (BEP 55): what a relay does, and who asks one. Pure; how is the transport's."""
