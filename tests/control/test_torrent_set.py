"""torrent_set: what it asks of the session, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.session.torrents.torrent_requests import PieceIndexError, TorrentChanges
from p2pd.swarm.deadlines import DeadlineWindow


def test_changes(caller: Any, session: Any) -> None:
    answer = caller.call(
        "torrent_set", ids=[1], files_wanted=[0], priority_low=[1], labels=[], peer_limit=3,
        sequential_download=True, sequential_download_from_piece=3,
        tracker_list="http://a.test/x\nudp://b.test:1\n\n\nwss://c.test",
    )  # fmt: skip
    assert answer.result == {}
    tiers = (("http://a.test/x", "udp://b.test:1"), ("wss://c.test",))
    changes = TorrentChanges(
        files_wanted=(0,), priority_low=(1,), labels=(), peer_limit=3, sequential=True,
        sequential_from=3, tracker_tiers=tiers,
    )  # fmt: skip
    assert session.asked == [("change", 1, changes)]


def test_how_it_seeds(caller: Any, session: Any) -> None:
    changes = {"seed_choking": "anti_leech", "super_seeding": "off"}
    assert caller.call("torrent_set", ids=[1], **changes).result == {}
    assert session.asked == [("change", 1, TorrentChanges(**changes))]
    code, sentence = caller.call("torrent_set", ids=[1], seed_choking="most").error
    assert code == -32602
    assert "one of: session, fastest_upload, round_robin, anti_leech" in sentence


def test_limits(caller: Any, session: Any) -> None:
    changes = {"download_limit": 0, "upload_limited": True, "honors_session_limits": False}
    assert caller.call("torrent_set", ids=[1], **changes).result == {}
    assert session.asked == [("change", 1, TorrentChanges(**changes))]
    assert caller.call("torrent_set", ids=[1], download_limit=-1).error[0] == -32602


def test_deadlines(caller: Any, session: Any) -> None:
    film = {"first_piece": 3, "piece_count": 20, "seconds": 2.5, "pieces_per_second": 4}
    caller.call("torrent_set", ids=[1], piece_deadlines=[film, {"first_piece": 0}])
    caller.call("torrent_set", ids=[1], piece_deadlines=[])
    windows = (DeadlineWindow(3, 20, 2.5, 4.0), DeadlineWindow(0, 1, 0.0, 1.0))
    assert [changes.deadlines for _, _, changes in session.asked] == [windows, ()]
    session.fails_with = PieceIndexError("some torrent has 4 pieces")
    code, sentence = caller.call("torrent_set", piece_deadlines=[film]).error
    assert (code, sentence) == (7, "some torrent has 4 pieces")


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"piece_count": 1}, {"first_piece": -1}, {"first_piece": 0.5},
        {"first_piece": 0, "piece_count": 0}, {"first_piece": 0, "seconds": -1},
        {"first_piece": 0, "seconds": True}, {"first_piece": 0, "pieces_per_second": 0},
        {"first_piece": 0, "pieces_per_second": 10**400}, {"first_piece": 0, "at": 1}, 3,
        {"first_piece": 0, "piece_count": 1001},
    ],
)  # fmt: skip
def test_deadlines_that_make_no_sense(caller: Any, session: Any, wrong: Any) -> None:
    code, sentence = caller.call("torrent_set", piece_deadlines=[wrong]).error
    assert code == -32602
    assert sentence
    assert session.asked == []


def test_only_so_many_pieces_can_be_due(caller: Any, session: Any) -> None:
    windows = [{"first_piece": 0, "piece_count": 501}] * 2
    error = caller.call("torrent_set", piece_deadlines=windows).error
    assert error == (-32602, "piece_deadlines holds more than 1000 pieces")
    assert caller.call("torrent_set", piece_deadlines=windows[:1] * 101).error[0] == -32602


def test_an_empty_list_is_all_files_whoever_may_know_them(caller: Any, session: Any) -> None:
    caller.call("torrent_set", ids=[1], files_unwanted=[])
    assert session.asked == [("change", 1, TorrentChanges(files_unwanted=()))]


def test_trackers_are_added_once(caller: Any, session: Any) -> None:
    new = "udp://new.test:6969/announce"
    caller.call("torrent_set", ids=[1], tracker_add=[new, new, "http://tracker.test/announce"])
    assert session.asked[0][2].tracker_tiers == (("http://tracker.test/announce",), (new,))


@pytest.mark.parametrize(
    "bad", ["tracker.test", "ftp://x/", "http://", "http://a b/", "udp://a:99999"]
)
def test_bad_trackers(caller: Any, session: Any, bad: str) -> None:
    assert caller.call("torrent_set", ids=[1], tracker_list=bad).error[0] == 2
    assert caller.call("torrent_set", ids=[1], tracker_add=[bad]).error[0] == 2
    twice = "http://a.test/\n\nhttp://a.test/"
    assert caller.call("torrent_set", ids=[1], tracker_list=twice).error[0] == 2
    assert session.asked == []


def test_what_cannot_be_set_changes_nothing(caller: Any, session: Any) -> None:
    code, sentence = caller.call("torrent_set", ids=[1], labels=[], no_such_limit=2).error
    assert code == -32602
    assert "no_such_limit" in sentence
    assert session.asked == []


def test_a_file_index_out_of_range(caller: Any, session: Any) -> None:
    session.fails_with = IndexError()
    code, sentence = caller.call("torrent_set", ids=[1], files_wanted=[9]).error
    assert code == 6
    assert "some torrent" in sentence


def test_groups_priority_and_place_in_the_queue(caller: Any, session: Any) -> None:
    answer = caller.call("torrent_set", ids=[1], group="a", bandwidth_priority=-1, queue_position=0)
    assert answer.result == {}
    changes = TorrentChanges(bandwidth_group="a", bandwidth_priority=-1, queue_position=0)
    assert session.asked == [("change", 1, changes)]
    for wrong in ({"group": " "}, {"bandwidth_priority": 2}, {"queue_position": -1}):
        assert caller.call("torrent_set", ids=[1], **wrong).error[0] == -32602


def test_a_location_is_where_its_files_are_looked_for(caller: Any, session: Any) -> None:
    caller.call("torrent_set", ids=[1], location="/elsewhere")
    assert session.asked[1:] == [("set_location", 1, "/elsewhere", False)]
    assert caller.call("torrent_set", ids=[1], location="elsewhere").error[0] == 3


@pytest.mark.parametrize(
    ("changes", "tiers"),
    [
        ({"tracker_remove": [3]}, ()),
        ({"tracker_replace": [3, "http://b.test/x"]}, (("http://b.test/x",),)),
        ({"tracker_remove": [3], "tracker_add": ["http://b.test/x"]}, (("http://b.test/x",),)),
    ],
)
def test_trackers_are_removed_and_replaced_by_their_ids(
    caller: Any, session: Any, changes: dict[str, Any], tiers: Any
) -> None:
    assert caller.call("torrent_set", ids=[1], **changes).result == {}
    assert [change.tracker_tiers for _, _, change in session.asked] == [tiers]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"tracker_remove": [99]}, 2), ({"tracker_remove": ["3"]}, -32602),
        ({"tracker_replace": [99, "http://b.test/x"]}, 2), ({"tracker_replace": [3]}, -32602),
        ({"tracker_replace": [3, "x"]}, 2), ({"tracker_replace": [3, 4]}, -32602),
        ({"tracker_replace": ["http://b.test/x", 3]}, -32602),
    ],
)  # fmt: skip
def test_ids_of_trackers_that_make_no_sense(
    caller: Any, session: Any, wrong: dict[str, Any], code: int
) -> None:
    assert caller.call("torrent_set", ids=[1], **wrong).error[0] == code
    assert session.asked == []


def test_a_secret_is_set_and_taken_back_and_never_shown(caller: Any, session: Any) -> None:
    for secret in ("correct horse battery", ""):
        assert caller.call("torrent_set", ids=[1], secret=secret).result == {}
    asked = [changes for _, _, changes in session.asked]
    assert asked == [TorrentChanges(secret="correct horse battery"), TorrentChanges(secret="")]
    assert "horse" not in repr(asked)
    for wrong in ("x" * 4097, 5):
        code, sentence = caller.call("torrent_set", ids=[1], secret=wrong).error
        assert code == -32602
        assert "xxx" not in sentence
    fields = ["has_secret", "hash_string"]
    (row,) = caller.call("torrent_get", ids=[1], fields=fields).result["torrents"]
    assert row["has_secret"] is False
