"""What real programs left behind is read: totals, labels, pieces, priorities, folders, dates."""

from __future__ import annotations

import pytest

from p2pd.formats.metainfo import parse_torrent
from tests.formats.recorded_state import PROGRAMS, SAVED_AT, by_name

HALF_PIECES = {
    "transmission": 16, "qbittorrent": 17, "qbittorrent's database": 22, "deluge": 21,
    "rtorrent": 17,
}  # fmt: skip
SUFFIXES = {"transmission": ".part", "qbittorrent's database": ".!qB"}


@pytest.fixture(params=list(PROGRAMS))
def program(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_a_complete_folder_keeps_its_pieces_label_and_choice_of_files(program: str) -> None:
    found = by_name(program)["Linux set"]
    assert found.pieces is not None
    assert found.pieces.is_full
    assert len(found.pieces) == 9
    assert found.labels[0] == ("my label" if program == "rtorrent" else "linux")
    assert found.labels[1:] == (("a tag", "second") if "qbittorrent" in program else ())
    assert found.priorities == (0, None, 1)
    assert found.folder.endswith("/down")
    assert not found.paused
    assert not found.obstacle
    assert found.added_at > 1_795_000_000
    assert found.torrent is not None
    assert parse_torrent(found.torrent).trackers == (("http://127.0.0.1:9/announce",),)


def test_a_stopped_one_stays_stopped_and_is_found_where_it_is(program: str) -> None:
    found = by_name(program)["one.iso"]
    assert found.paused
    assert found.pieces is not None
    assert found.pieces.is_full
    assert found.folder.endswith("/down/one" if "qbittorrent" in program else "/down")
    assert not found.obstacle


def test_half_of_one_is_known_to_the_piece(program: str) -> None:
    found = by_name(program)["half.bin"]
    assert found.pieces is not None
    assert (found.pieces.count, found.pieces.size) == (HALF_PIECES[program], 46)
    assert found.downloaded > 1_000_000
    assert found.partial_suffix == SUFFIXES.get(program, "")
    assert len(found.peers) == 1
    assert found.peers[0].host == "127.0.0.1"
    assert not found.completed_at


def test_a_link_without_metadata_stays_a_link(program: str) -> None:
    found = by_name(program).get("Some magnet")
    if program == "rtorrent":  # it keeps none over a restart
        assert found is None
        return
    assert found is not None
    assert found.torrent is None
    assert found.magnet is not None
    assert "ab" * 20 in found.magnet
    assert "&tr=http" in found.magnet


def test_limits_are_kept_and_what_is_not_is_said() -> None:
    found = by_name("transmission")["Linux set"]
    assert (found.upload_limit, found.honors_session_limits) == (50, False)
    assert found.share_limits == {"seed_ratio_mode": 1, "seed_ratio_limit": 2.5}
    assert found.left_out == []
    assert by_name("transmission")["one.iso"].share_limits == {}
    assert by_name("qbittorrent")["one.iso"].share_limits == {}
    assert by_name("rtorrent")["Linux set"].bandwidth_priority == 1
    assert by_name("rtorrent")["half.bin"].bandwidth_priority == 0
    assert by_name("deluge")["Linux set"].upload_limit == 51
    assert by_name("qbittorrent")["one.iso"].left_out == ["the name that it was given (one)"]


def test_times_vouch_for_files_where_the_program_keeps_them() -> None:
    assert by_name("rtorrent")["Linux set"].exact_times
    kept = {
        name: by_name(name)["Linux set"].file_times
        for name in ("transmission", "rtorrent", "deluge")
    }
    assert all(time is not None and time > 1_795_000_000 for time in kept["transmission"])
    assert len(kept["rtorrent"]) == 3
    assert kept["deluge"] == ()
    assert by_name("transmission")["half.bin"].file_times == (None,)
    assert by_name("deluge")["Linux set"].changed_before == SAVED_AT + 2
