"""The torrent methods: what they ask of the session, and what they answer."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.control.answers import SPELL
from p2pd.control.methods.torrent_fields import TORRENT_FIELDS
from p2pd.session.queueing.queue_order import QueueMove
from p2pd.session.torrents.torrent_requests import AddTorrent
from p2pd.swarm.share_limits import ShareLimits
from tests.control.fake_torrents import FakeMove

NOW = 1_700_000_000.0


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


class TestGet:
    """torrent_get."""

    def test_every_field_is_told(self, caller: Any) -> None:
        row = caller.call("torrent_get", fields=list(TORRENT_FIELDS), ids=1).result["torrents"][0]
        assert set(row) == set(TORRENT_FIELDS)
        expected = {
            "id": 1, "hash_string": "01" * 20, "info_hash_v1": "01" * 20, "info_hash_v2": "",
            "status": 4, "comment": "a comment", "creator": "", "date_created": 1234,
            "is_private": True, "rate_download": 1000, "piece_count": 4, "piece_size": 16384,
            "pieces": "oA==", "availability": [-1, 1, -1, 1], "upload_ratio": 0.5,
            "wanted": [True, False], "priorities": [0, -1], "bytes_completed": [30000, 0],
            "file_count": 2, "primary_mime_type": "video/x-matroska", "peers_connected": 1,
            "peers_sending_to_us": 1, "peers_getting_from_us": 0, "is_stalled": False,
            "tracker_list": "http://tracker.test/announce", "labels": ["linux"],
            "webseeds": ["http://seed.test/"], "added_date": int(NOW - 1001 + 0.5),
            "max_connected_peers": 50, "download_limit": 100, "download_limited": False,
            "upload_limit": 30, "upload_limited": True, "honors_session_limits": True,
            "download_limit_in_force": -1, "upload_limit_in_force": 20_000,
            "piece_deadlines": [[3, 1.235], [1, -5.0]], "seed_choking": "session",
            "signatures": [
                {"name": "org.example", "valid": True, "trusted": False,
                 "problem": "it is not trusted here", "digest": "sha256", "signer": "CN=a",
                 "issuer": "CN=b", "fingerprint": "ab"}
            ],

        }  # fmt: skip
        assert {name: row[name] for name in expected} == expected
        assert row["files"][1] == {
            "name": "some torrent/read.me", "length": 5536, "bytes_completed": 0,
            "begin_piece": 3, "end_piece": 4,
        }  # fmt: skip
        assert row["file_stats"][1] == {"bytes_completed": 0, "wanted": False, "priority": -1}

    def test_a_move_is_told(self, caller: Any, session: Any) -> None:
        fields = {"fields": ["move"], "ids": 1}
        assert caller.call("torrent_get", **fields).result["torrents"] == [{"move": None}]
        session.all[0].move = FakeMove()
        assert caller.call("torrent_get", **fields).result["torrents"][0]["move"] == {
            "location": "/elsewhere", "stage": "copying", "progress": 0.5,
            "error_string": "there is no room",
        }  # fmt: skip

    def test_a_peer_is_told(self, caller: Any) -> None:
        answer = caller.call("torrent_get", fields=["peers", "peers_from"], ids=1)
        row = answer.result["torrents"][0]
        peer = row["peers"][0]
        assert base64.b64decode(peer.pop("peer_id")) == b"-TR4100-abcdefghijkl"
        assert peer == {
            "address": "192.0.2.7", "port": 6881, "client_name": "Transmission 4.1.0",
            "bytes_to_client": 5, "bytes_to_peer": 6, "client_is_choked": False,
            "client_is_interested": True, "peer_is_choked": False, "peer_is_interested": True,
            "is_downloading_from": True, "is_uploading_to": True, "is_encrypted": True,
            "is_incoming": False, "is_utp": False, "is_snubbed": False, "flag_str": "DE",
            "encryption": "rc4",
            "node_key": "ab" * 32, "node_name": "friend", "certificate_name": "",
            "country": "DE", "rating": 70, "rating_reasons": "2 good pieces",
            "progress": 0.5, "rate_to_client": 1000, "rate_to_peer": 0,
            "requests_outstanding": 3, "source": "lpd", "transport": "tcp",
        }  # fmt: skip
        assert row["peers_from"]["from_lpd"] == 1
        assert row["peers_from"]["from_tracker"] == 0

    def test_the_sources_of_peers_are_told(self, caller: Any) -> None:
        answer = caller.call("torrent_get", fields=["discovery"], ids=1)
        tracker, local, exchange = answer.result["torrents"][0]["discovery"]
        assert tracker == {
            "name": "tracker", "enabled": True, "disabled_reason": "", "peers_known": 12,
            "peers_connected": 0, "last_time": int(NOW - 4.5), "next_time": int(NOW + 60),
            "error_string": "t: no",
        }  # fmt: skip
        assert (local["name"], local["peers_known"], local["peers_connected"]) == ("lpd", 2, 1)
        assert (local["last_time"], local["next_time"]) == (0, 0)
        assert exchange["enabled"] is False
        assert exchange["disabled_reason"] == "the torrent is private"

    def test_a_tracker_is_told(self, caller: Any) -> None:
        answer = caller.call("torrent_get", fields=["trackers", "tracker_stats"], ids=1)
        row = answer.result["torrents"][0]
        assert row["trackers"] == [{
            "id": 3, "tier": 1, "announce": "http://tracker.test/announce",
            "scrape": "http://tracker.test/scrape", "sitename": "tracker",
        }]  # fmt: skip
        statistics = row["tracker_stats"][0]
        assert statistics["announce_state"] == 3
        assert statistics["scrape_state"] == 0
        assert statistics["has_announced"]
        assert not statistics["has_scraped"]
        assert (statistics["seeder_count"], statistics["leecher_count"]) == (2, 3)
        assert statistics["next_announce_time"] == int(NOW) + 100

    def test_a_magnet_without_metadata_is_told(
        self, caller: Any, session: Any, fake_torrent: Any
    ) -> None:
        session.all = [
            fake_torrent(summary=None, pieces=None, file_views=(), downloaded=0,
                         have_valid=0, tracker_states=(), peers=(), web_seeds=())
        ]  # fmt: skip
        row = caller.call("torrent_get", fields=list(TORRENT_FIELDS)).result["torrents"][0]
        assert row["files"] == row["availability"] == row["webseeds"] == []
        assert (row["pieces"], row["piece_count"], row["is_private"]) == ("", 0, False)
        assert row["upload_ratio"] == -1

    def test_stalled(self, caller: Any, session: Any, fake_torrent: Any) -> None:
        session.all = [fake_torrent(1, is_stalled=True), fake_torrent(2)]
        rows = caller.call("torrent_get", fields=["is_stalled"]).result["torrents"]
        assert [row["is_stalled"] for row in rows] == [True, False]

    def test_unknown_fields_are_left_out(self, caller: Any) -> None:
        answer = caller.call("torrent_get", fields=["id", "queue_jumps", "id"])
        assert answer.result == {"torrents": [{"id": 1}, {"id": 2}]}

    def test_table(self, caller: Any) -> None:
        answer = caller.call("torrent_get", fields=["name", "x", "id"], format="table", ids=[2])
        assert answer.result["torrents"] == [["name", "id"], ["other", 2]]

    @pytest.mark.parametrize(
        ("ids", "found"),
        [(1, [1]), ([2, 1], [2, 1]), ("02" * 20, [2]), (["01" * 20, 1], [1]), ([], []),
         ([99, "zz"], []), (["02" * 20], [2])],
    )  # fmt: skip
    def test_ids(self, caller: Any, ids: Any, found: list[int]) -> None:
        rows = caller.call("torrent_get", fields=["id"], ids=ids).result["torrents"]
        assert [row["id"] for row in rows] == found

    def test_recently_active(self, caller: Any, session: Any, fake_torrent: Any) -> None:
        session.all.append(fake_torrent(3, active_at=0.0, started_at=0.0))
        answer = caller.call("torrent_get", fields=["id"], ids="recently_active")
        assert answer.result == {"torrents": [{"id": 1}, {"id": 2}], "removed": [77]}

    @pytest.mark.parametrize(
        "params",
        [{}, {"fields": []}, {"fields": "id"}, {"fields": [1]}, {"fields": ["id"], "ids": {}},
         {"fields": ["id"], "ids": [True]}, {"fields": ["id"], "ids": 1.5},
         {"fields": ["id"], "format": "csv"}, {"fields": ["id"], "ids": "x" * 65}],
    )  # fmt: skip
    def test_bad_params(self, caller: Any, params: Any) -> None:
        code, sentence = caller.call("torrent_get", **params).error
        assert code == -32602
        assert sentence

    def test_a_long_answer_lets_the_reactor_breathe(
        self, caller: Any, session: Any, fake_torrent: Any
    ) -> None:
        class Slow:
            """Costs more than a spell each time it is asked."""

            def __get__(self, *_: Any) -> str:
                caller.clock.rightNow += SPELL * 2
                return "/d"

        slow = type("SlowTorrent", (fake_torrent,), {"download_dir": Slow()})
        torrent = object.__new__(slow)
        torrent.id = 5
        session.all = [torrent] * 3
        protocol, transport = caller.connect()
        body = (
            b'{"jsonrpc":"2.0","id":1,"method":"torrent_get","params":{"fields":["download_dir"]}}'
        )
        head = f"Authorization: Bearer {caller.token}\r\nContent-Length: {len(body)}\r\n"
        kind = "Content-Type: application/json\r\n\r\n"
        start = "POST /rpc HTTP/1.1\r\nHost: localhost\r\n"
        protocol.dataReceived((start + head + kind).encode() + body)
        assert transport.value() == b""
        caller.clock.advance(0)
        assert len(caller.answer(transport).result["torrents"]) == 3


class TestAdd:
    """torrent_add."""

    def test_a_torrent_in_base64(self, caller: Any, session: Any) -> None:
        answer = caller.call("torrent_add", metainfo=encoded(b"d4:infod"))
        facts = {"id": 1, "name": "some torrent", "hash_string": "01" * 20}
        assert answer.result == {"torrent_added": facts}
        assert session.asked == [("add", AddTorrent(torrent=b"d4:infod"))]

    def test_what_is_null_is_left_out(self, caller: Any, session: Any) -> None:
        given = {"metainfo": encoded(b"x"), "filename": None, "labels": None, "paused": None}
        assert "torrent_added" in caller.call("torrent_add", **given).result
        assert session.asked[0][1] == AddTorrent(torrent=b"x")

    def test_everything_that_can_be_said(self, caller: Any, session: Any) -> None:
        caller.call(
            "torrent_add", metainfo=encoded(b"x") + "\n", download_dir="/d", paused=1,
            labels=[" a ", "b", "a"], sequential_download=True, peer_limit=7, files_wanted=[0],
            files_unwanted=[1, 2], priority_high=[3], priority_normal=[4], priority_low=[5],
            bandwidth_priority=1, sequential_download_from_piece=8,
            seed_choking="fastest_upload", super_seeding="on", group="slow", queue_position=3,
            download_limit=0, upload_limit=9, honors_session_limits=False, seed_ratio_limit=1.5,
            name="other", content_layout="subfolder",
            metadata_only=True,
        )  # fmt: skip
        assert session.asked[0][1] == AddTorrent(
            torrent=b"x", download_dir="/d", paused=True, labels=("a", "b"), sequential=True,
            peer_limit=7, files_wanted=(0,), files_unwanted=(1, 2), priority_high=(3,),
            priority_normal=(4,), priority_low=(5,), seed_choking="fastest_upload",
            super_seeding="on", sequential_from=8, bandwidth_priority=1, bandwidth_group="slow",
            queue_position=3, download_limit=0, upload_limit=9, honors_session_limits=False,
            name="other", content_layout="subfolder",
            share_limits=ShareLimits(seed_ratio_limit=1.5), metadata_only=True,
        )  # fmt: skip

    def test_what_is_left_out_is_for_the_settings_to_say(self, caller: Any, session: Any) -> None:
        caller.call("torrent_add", metainfo=encoded(b"x"))
        caller.call("torrent_add", metainfo=encoded(b"x"), paused=False, sequential_download=False)
        told = [(request.paused, request.sequential) for _, request in session.asked]
        assert told == [(None, None), (False, False)]

    def test_a_duplicate_is_a_success(self, caller: Any) -> None:
        answer = caller.call("torrent_add", metainfo=encoded(b"again"))
        assert answer.result["torrent_duplicate"]["id"] == 1

    @pytest.mark.parametrize(
        ("filename", "magnet"),
        [("magnet:?xt=urn:btih:aa", "magnet:?xt=urn:btih:aa"),
         ("AB" * 20, "magnet:?xt=urn:btih:" + "ab" * 20),
         ("AB" * 32, "magnet:?xt=urn:btmh:1220" + "ab" * 32)],
    )  # fmt: skip
    def test_magnets(self, caller: Any, session: Any, filename: str, magnet: str) -> None:
        caller.call("torrent_add", filename=filename)
        assert session.asked == [("add", AddTorrent(magnet=magnet))]

    def test_a_url_and_a_path(self, caller: Any, session: Any) -> None:
        caller.source.holds = {
            "http://x.test/a": b"from the web",
            "HTTPS://x.test/b": "magnet:?xt=1",
            "/a/path": b"from the disk",
        }
        for place in caller.source.holds:
            caller.call("torrent_add", filename=place, cookies="a=b")
        assert [request for _, request in session.asked] == [
            AddTorrent(torrent=b"from the web"),
            AddTorrent(magnet="magnet:?xt=1"),
            AddTorrent(torrent=b"from the disk"),
        ]

    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({}, -32602), ({"metainfo": "eA==", "filename": "/x"}, -32602),
            ({"metainfo": "%%%"}, -32602), ({"metainfo": "é"}, -32602), ({"metainfo": 5}, -32602),
            ({"metainfo": ""}, 4), ({"filename": "relative.torrent"}, 3), ({"filename": ""}, 3),
            ({"filename": "ftp://x/y"}, 3), ({"metainfo": encoded(b"corrupt")}, 9),
            ({"metainfo": "eA==", "download_dir": "here"}, 3),
            ({"metainfo": "eA==", "download_dir": "/\0"}, -32602),
            ({"metainfo": "eA==", "download_dir": "/\ud800"}, -32602),
            ({"metainfo": "eA==", "labels": ["a,b"]}, -32602),
            ({"metainfo": "eA==", "labels": [" "]}, -32602),
            ({"metainfo": "eA==", "files_wanted": [-1]}, -32602),
            ({"metainfo": "eA==", "peer_limit": 1e9}, -32602),
            ({"metainfo": "eA==", "paused": "yes"}, -32602),
            ({"filename": "http://x/", "cookies": "a\r\nb"}, -32602),
        ],
    )  # fmt: skip
    def test_refusals(self, caller: Any, params: Any, code: int) -> None:
        answer = caller.call("torrent_add", **params).error
        assert answer[0] == code
        assert answer[1]

    def test_a_file_index_out_of_range(self, caller: Any, session: Any) -> None:
        session.fails_with = IndexError()
        assert caller.call("torrent_add", metainfo="eA==", files_wanted=[9]).error[0] == 6


class TestActions:
    """start, stop, verify, reannounce, set_location, remove."""

    @pytest.mark.parametrize("action", ["start", "stop", "verify", "reannounce"])
    def test_on_some_and_on_all(self, caller: Any, session: Any, action: str) -> None:
        assert caller.call(f"torrent_{action}", ids=[2]).result == {}
        assert caller.call(f"torrent_{action}").result == {}
        assert session.asked == [(action, 2), (action, 1), (action, 2)]

    def test_start_now(self, caller: Any, session: Any) -> None:
        assert caller.call("torrent_start_now", ids=2).result == {}
        assert session.asked == [("start_now", 2)]

    @pytest.mark.parametrize("where", list(QueueMove))
    def test_queue_moves(self, caller: Any, session: Any, where: QueueMove) -> None:
        assert caller.call(f"queue_move_{where.value}", ids=[2, 77, 1]).result == {}
        assert session.asked == [("move_in_queue", [2, 1], where)]

    @pytest.mark.parametrize("method", ["torrent_start", "torrent_set"])
    def test_what_is_removed_meanwhile_is_left_alone(
        self, caller: Any, session: Any, method: str
    ) -> None:
        async def act(torrent: Any, *_: Any) -> None:
            session.asked.append(torrent.id)
            session.all = session.all[:1]

        session.start = session.change = act
        assert caller.call(method).result == {}
        assert session.asked == [1]

    def test_set_location(self, caller: Any, session: Any) -> None:
        assert caller.call("torrent_set_location", ids=[2], location="/a", move=True).result == {}
        caller.call("torrent_set_location", location="/b")
        assert session.asked == [
            ("set_location", 2, "/a", True),
            ("set_location", 1, "/b", False),
            ("set_location", 2, "/b", False),
        ]
        for wrong, code in (({}, -32602), ({"location": "a"}, 3), ({"location": 1}, -32602)):
            assert caller.call("torrent_set_location", ids=[2], **wrong).error[0] == code
        assert len(session.asked) == 3

    def test_rename_path(self, caller: Any, session: Any) -> None:
        asked = {"path": "a/b", "name": "c"}
        answer = caller.call("torrent_rename_path", ids=[2], **asked)
        assert answer.result == {"id": 2, **asked}
        assert session.asked == [("rename", 2, "a/b", "c")]
        for wrong in (
            {"ids": [1, 2]},
            {"ids": [9]},
            {"path": 1},
            {"name": "x" * 1025},
            {"name": "\0"},
        ):
            assert caller.call("torrent_rename_path", **{"ids": [2], **asked, **wrong}).error[0] < 0
        assert caller.call("torrent_rename_path", **asked).error[0] == -32602
        assert len(session.asked) == 1

    def test_remove(self, caller: Any, session: Any) -> None:
        assert caller.call("torrent_remove", ids=[1]).result == {}
        assert caller.call("torrent_remove", ids=[2], delete_local_data=True).result == {}
        assert session.asked == [("remove", 1, False), ("remove", 2, True)]

    def test_remove_without_ids_removes_nothing(self, caller: Any, session: Any) -> None:
        assert caller.call("torrent_remove").error[0] == -32602
        assert session.asked == []


class TestPeerAdd:
    """peer_add, p2pd's own."""

    def test_peers_are_dialled(self, caller: Any, session: Any) -> None:
        answer = caller.call("peer_add", ids=[1, 2], addresses=["192.0.2.1:80", "[::1]:9"])
        assert answer.result == {"added": 4}
        addresses = (PeerAddress("192.0.2.1", 80), PeerAddress("::1", 9))
        assert session.asked == [("add_peers", 1, addresses), ("add_peers", 2, addresses)]

    @pytest.mark.parametrize(
        "params",
        [{}, {"ids": [1]}, {"addresses": []}, {"ids": [9], "addresses": ["192.0.2.1:80"]},
         {"ids": [1], "addresses": ["host.test:80"]}, {"ids": [1], "addresses": ["192.0.2.1"]},
         {"ids": [1], "addresses": [5]}, {"ids": [1], "addresses": "192.0.2.1:80"}],
    )  # fmt: skip
    def test_refusals(self, caller: Any, session: Any, params: Any) -> None:
        code, sentence = caller.call("peer_add", **params).error
        assert code == -32602
        assert sentence
        assert session.asked == []
