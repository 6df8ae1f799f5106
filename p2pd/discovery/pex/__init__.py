"""Peer exchange (BEP 11): what peers are told of each other, and what is believed of them. Pure."""
