"""To whom this node says who it is (the setting `peer_identity`).

A key links a node over all its swarms and addresses, so by default nobody hears of it but the nodes
that the user trusts, and those hear it only where they can be recognized.
"""

from __future__ import annotations

NOBODY, TRUSTED, ALL = "off", "trusted", "all"
IDENTITY_MODES = (NOBODY, TRUSTED, ALL)


def shows_itself(mode: str, *, private: bool) -> bool:
    """Whether it says it without being asked: never in a private torrent (BEP 27), where a key
    would tell the members of one tracker what else this node is at.
    """
    return mode == ALL and not private
