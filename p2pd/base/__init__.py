"""Ids, addresses, sets of pieces, rates, errors: what every other room needs, and pure."""
