"""Why we part from peers that are all right: others may still hear of them (BEP 11)."""

from __future__ import annotations

BOTH_DONE = "both have everything"
NOTHING_WANTED = "neither side wants anything"
PREFERRED = "another peer is preferred to it"

IN_PEACE = frozenset((BOTH_DONE, NOTHING_WANTED, PREFERRED))
NOT_TRUSTED = "the torrent is for trusted nodes alone, and its node is none of them"
