"""qBittorrent's words for what a torrent does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2pd.control.qbittorrent.states import FILTERS, state_of
from p2pd.session.api import DiskState, TorrentStatus, TorrentTrouble
from tests.control.fake_torrents import NOW, FakeMove, FakeTorrent

S, T = TorrentStatus, TorrentTrouble
DONE = {"left_until_done": 0, "completed_at": NOW - 5}

STATES = [
    ({"status": S.STOPPED}, "pausedDL"),
    ({"status": S.STOPPED, "summary": None, "left_until_done": 1}, "pausedDL"),
    ({"status": S.STOPPED, **DONE}, "pausedUP"),
    ({"status": S.CHECK_WAIT}, "checkingResumeData"),
    ({"status": S.CHECKING}, "checkingDL"),
    ({"status": S.CHECKING, "completed_at": NOW - 5}, "checkingUP"),
    ({"status": S.CHECKING, "seconds_seeding": 5}, "checkingUP"),
    ({"status": S.DOWNLOAD_WAIT}, "queuedDL"),
    ({"status": S.DOWNLOADING}, "downloading"),
    ({"status": S.DOWNLOADING, "rate_download": 0.4}, "stalledDL"),
    ({"status": S.DOWNLOADING, "summary": None}, "metaDL"),
    ({"status": S.SEED_WAIT, **DONE}, "queuedUP"),
    ({"status": S.SEEDING, **DONE}, "uploading"),
    ({"status": S.SEEDING, "rate_upload": 0.0, **DONE}, "stalledUP"),
    ({"trouble": T.LOCAL}, "error"),
    ({"trouble": T.LOCAL, "status": S.STOPPED, **DONE}, "error"),
    ({"trouble": T.LOCAL, "disk_state": DiskState.MISSING}, "missingFiles"),
    ({"trouble": T.TRACKER_ERROR}, "downloading"),
    ({"move": FakeMove()}, "moving"),
    ({"move": FakeMove(stage="waiting")}, "downloading"),
]


@pytest.mark.parametrize(("has", "word"), STATES)
def test_words(has, word):
    assert state_of(replace(FakeTorrent(), **has)) == word


SHOWN = {
    "downloading": {"downloading", "pausedDL", "checkingDL", "queuedDL", "stalledDL", "metaDL"},
    "seeding": {"uploading", "stalledUP", "checkingUP", "queuedUP"},
    "completed": {"uploading", "stalledUP", "checkingUP", "queuedUP", "pausedUP"},
    "paused": {"pausedDL", "pausedUP"},
    "stopped": {"pausedDL", "pausedUP"},
    "stalled": {"stalledDL", "stalledUP"},
    "stalled_uploading": {"stalledUP"},
    "stalled_downloading": {"stalledDL"},
    "active": {"downloading", "stalledDL", "metaDL", "uploading", "moving"},
    "checking": {"checkingDL", "checkingUP", "checkingResumeData"},
    "moving": {"moving"},
    "errored": {"error", "missingFiles"},
}
WORDS = {word for _, word in STATES}


@pytest.mark.parametrize(("name", "words"), SHOWN.items())
def test_filters(name, words):
    torrent = FakeTorrent()
    assert {word for word in WORDS if FILTERS[name](word, torrent)} == words


def test_filters_that_are_the_rest_of_others():
    torrent = FakeTorrent()
    for name, other in (("resumed", "paused"), ("running", "stopped"), ("inactive", "active")):
        assert all(
            FILTERS[name](word, torrent) is not FILTERS[other](word, torrent) for word in WORDS
        )
