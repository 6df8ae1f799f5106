"""Fuzz Deluge's pickle, its resume data and its labels: nothing in one is ever called."""

from __future__ import annotations

import contextlib

from p2pd.base.errors import FormatError
from p2pd.formats.foreign import deluge
from tests.formats.recorded_state import RECORDED

_STATE = RECORDED / "deluge" / "state"
_FASTRESUME = (_STATE / "torrents.fastresume").read_bytes()

SEEDS: list[bytes] = [
    (_STATE / "torrents.state").read_bytes(),
    _FASTRESUME,
    (RECORDED / "deluge" / "label.conf").read_bytes(),
    b"(ideluge.core.torrentmanager\nTorrentManagerState\n(dS'torrents'\n(lp1\nsb.",
    b"cos\nsystem\n(S'true'\ntR.",
]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse."""
    for read in (deluge.read_fastresume, deluge.read_labels):
        with contextlib.suppress(FormatError):
            read(data)
    try:
        resume = deluge.read_fastresume(_FASTRESUME)
        for choices in deluge.read_state(data):
            deluge.read(choices, resume.get(choices.info_hash), None, "", 0.0)
    except FormatError:
        pass
