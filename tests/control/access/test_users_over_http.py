"""Several users at one site: what each may call, sees, and has room for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pd.base.ids import InfoHashes
from p2pd.control.access import passwords
from p2pd.control.access.roles import METHODS, Role, permits, rule_of
from p2pd.control.errors import RpcCode
from p2pd.session.history_api import History, Span
from p2pd.session.settings.settings_rules import checked_settings
from p2pd.session.torrents.torrent_requests import Candidate
from tests.automation.swarm_ca_world import World
from tests.control.access.users import BY_THEMSELVES, FORBIDDEN, as_user, code_of
from tests.control.conftest import Caller, swarm_ca_parts
from tests.control.fake_session import FakeSession
from tests.control.fake_torrents import FakeTorrent


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """scrypt at a cost for tests."""
    monkeypatch.setattr(passwords, "COSTS", (2, 1, 1))


@pytest.mark.parametrize("role", [*Role])
def test_every_method_is_held_against_the_table(whole_caller: Any, role: Role) -> None:
    user = as_user(whole_caller, role)
    for method in METHODS:
        forbidden = code_of(user.call(method)) == FORBIDDEN
        sees_all = role is not Role.ADD_ONLY
        may = permits(role, rule_of(method).need, sees_all=sees_all)
        if method not in BY_THEMSELVES:
            assert forbidden != may, method


@settings(max_examples=30, deadline=None)
@given(
    role=st.sampled_from([*Role]),
    methods=st.lists(st.sampled_from(sorted({*METHODS} - BY_THEMSELVES)), min_size=1),
)
def test_each_call_of_a_batch_is_held_against_it(
    tmp_path_factory: pytest.TempPathFactory, role: Role, methods: list[str]
) -> None:
    node = World(tmp_path_factory.mktemp("node")).node("here")
    user = as_user(Caller(FakeSession(), swarm_ca=swarm_ca_parts(node)), role)
    calls = [{"jsonrpc": "2.0", "id": n, "method": each} for n, each in enumerate(methods)]
    answers = user.post(calls).json
    assert [answer.get("error", {}).get("code") == FORBIDDEN for answer in answers] == [
        not permits(role, rule_of(each).need, sees_all=role is not Role.ADD_ONLY)
        for each in methods
    ]


def test_both_dialects_of_transmission_are_held_against_it(caller: Any, session: Any) -> None:
    user = as_user(caller, "read-only")
    got = user.send("GET", "/transmission/rpc")
    header = {"X-Transmission-Session-Id": got.headers["x-transmission-session-id"][0]}

    def post(call: Any) -> Any:
        return user.send("POST", "/transmission/rpc", json.dumps(call).encode(), header).json

    older = post({"method": "torrent-stop", "arguments": {"ids": 1}})
    assert "it takes one who may add torrents" in older["result"]
    newer = post({"jsonrpc": "2.0", "id": 1, "method": "torrent_stop"})
    assert newer["error"]["code"] == FORBIDDEN
    assert post({"method": "torrent-get", "arguments": {"fields": ["id"]}})["result"] == "success"
    assert session.asked == []


def test_the_description_is_asked_for_by_its_other_name(caller: Any) -> None:
    assert "openrpc" in as_user(caller, "add-only").call("rpc.discover").result


def test_metrics_are_for_who_sees_all(caller: Any) -> None:
    assert as_user(caller, "read-only", "a").send("GET", "/metrics").status == 200
    assert as_user(caller, "add-only", "b").send("GET", "/metrics").status == 403
    assert as_user(caller, "admin", "c", labels=["x"]).send("GET", "/metrics").status == 403
    assert caller.send("GET", "/metrics").status == 200


def shown(user: Any, **params: Any) -> list[int]:
    rows = user.call("torrent_get", fields=["id"], **params).result["torrents"]
    return [row["id"] for row in rows]


def test_torrents_of_others_are_not_there(caller: Any, session: Any) -> None:
    session.all = [
        FakeTorrent(1, owner="bob"), FakeTorrent(2, owner="eve"), FakeTorrent(3, owner=""),
        FakeTorrent(4, owner="eve", labels=("tv",)),
    ]  # fmt: skip
    own = as_user(caller, "operator", own_only=True)
    tv = as_user(caller, "operator", "tim", labels=["tv"])
    assert shown(own) == [1]
    assert shown(tv) == [4]
    assert shown(caller) == [1, 2, 3, 4]
    assert shown(own, ids=[2, 3, FakeTorrent(2).hash_string, 1]) == [1]
    assert shown(own, ids="recently_active") == [1]
    for method in ("torrent_stop", "torrent_start", "torrent_verify", "torrent_reannounce"):
        assert own.call(method).result == {}
    assert own.call("torrent_remove", ids=[2, 3, 4]).result == {}
    assert {entry[1] for entry in session.asked} == {1}
    assert own.call("session_stats").result["torrent_count"] == 1
    assert caller.call("session_stats").result["torrent_count"] == 2
    recent = own.call("torrent_get", fields=["id"], ids="recently_active").result
    assert recent["removed"] == []
    recent = caller.call("torrent_get", fields=["id"], ids="recently_active").result
    assert recent["removed"] == [77]


def test_what_is_added_is_the_callers(caller: Any, session: Any) -> None:
    user = as_user(caller, "add-only", labels=["bobs"], download_dir="/home/bob")
    caller.source.holds["http://x.test/y"] = b"some torrent"
    user.call("torrent_add", filename="http://x.test/y", labels=["linux"])
    assert session.owners == ["bob"]
    ((_, request),) = session.asked
    assert (request.labels, request.download_dir) == (("linux", "bobs"), "/home/bob")


def test_a_kept_user_names_no_other_place_of_the_host(caller: Any, session: Any) -> None:
    session.all[0].owner = "bob"
    user = as_user(caller, "add-only", download_dir="/home/bob")
    magnet = "magnet:?xt=urn:btih:" + "ab" * 20
    for path in ("/etc", "/home/bob/../eve", "/home/bobby", "/"):
        add = user.call("torrent_add", filename=magnet, download_dir=path)
        move = user.call("torrent_set_location", ids=1, location=path)
        space = user.call("free_space", path=path)
        assert [code_of(each) for each in (add, move, space)] == [FORBIDDEN] * 3, path
    assert code_of(user.call("torrent_add", filename="/etc/passwd")) == FORBIDDEN
    assert session.asked == []
    assert user.call("torrent_set_location", ids=1, location="/home/bob/new").result == {}
    add = user.call("torrent_add", filename=magnet, download_dir="/home/bob/new")
    assert "error" not in add.json
    assert user.call("session_get", fields=["download_dir"]).result == {"download_dir": "/home/bob"}


def test_another_users_torrent_is_not_joined(caller: Any, session: Any) -> None:
    user = as_user(caller, "add-only")
    session.candidate = Candidate(session.all[1].info_hashes, 1000)
    answer = user.call("torrent_add", filename="magnet:?xt=urn:btih:" + "ab" * 20)
    assert answer.error == (FORBIDDEN, "this torrent is here already, and another user's")


def test_the_labels_of_a_user_stay(caller: Any, session: Any) -> None:
    session.all[0].labels = ("tv", "new")
    user = as_user(caller, "operator", labels=["tv", "film"])
    user.call("torrent_set", ids=1, labels=["seen"])
    ((_, _, changes),) = session.asked
    assert changes.labels == ("seen", "tv")


MAGNET = "magnet:?xt=urn:btih:" + "ab" * 20


def test_a_quota_of_torrents(caller: Any, session: Any) -> None:
    user = as_user(caller, "add-only", torrent_quota=1)
    assert "error" not in user.call("torrent_add", filename=MAGNET).json
    session.all[1].owner = "bob"
    refused = user.call("torrent_add", filename=MAGNET)
    assert refused.error == (FORBIDDEN, "bob may have 1 torrent, and has them")
    assert len(session.asked) == 1


def test_a_quota_of_bytes(caller: Any, session: Any) -> None:
    user = as_user(caller, "add-only", size_quota=70_000)
    session.all[0].owner = "bob"  # 65,536 bytes
    session.candidate = Candidate(InfoHashes(v1=b"e" * 20), 4465)
    refused = user.call("torrent_add", filename=MAGNET)
    assert refused.error[1] == "bob may have 70000 bytes, and has 65536; this is 4465 more"
    session.candidate = Candidate(InfoHashes(v1=b"e" * 20), 4464)
    assert "error" not in user.call("torrent_add", filename=MAGNET).json
    session.all[0].size_when_done = 70_000
    session.candidate = Candidate(InfoHashes(v1=b"e" * 20), None)
    assert code_of(user.call("torrent_add", filename=MAGNET)) == FORBIDDEN
    assert user.call("torrent_start", ids=1).result == {}
    session.all[0].size_when_done = 70_001
    assert code_of(user.call("torrent_start", ids=1)) == FORBIDDEN
    assert caller.call("torrent_start", ids=1).result == {}


def test_wanting_more_files_is_held_against_the_quota(caller: Any, session: Any) -> None:
    user = as_user(caller, "add-only", size_quota=65_535)
    torrent = session.all[0]
    torrent.owner, torrent.size_when_done = "bob", 60_000
    assert code_of(user.call("torrent_set", ids=1, files_wanted=[])) == FORBIDDEN
    assert user.call("torrent_set", ids=1, files_wanted=[1], files_unwanted=[0]).result == {}
    caller.call("user_set", name="bob", size_quota=-1)
    assert user.call("torrent_set", ids=1, files_wanted=[]).result == {}


def test_what_adds_at_one_time_shares_the_quota(caller: Any, session: Any) -> None:
    from p2pd.control.access.caller import Caller as Who
    from p2pd.control.access.caller import Identity, NotPermittedError, called_by
    from p2pd.control.access.quotas import Quotas

    quotas, found = Quotas(session), []
    bob = Who(Identity("bob", Role.ADD_ONLY, most_torrents=1, most_bytes=1500))

    def both() -> None:
        with quotas.reserved() as first, quotas.reserved() as second:
            first(session.candidate)
            with pytest.raises(NotPermittedError):
                second(session.candidate)
        with quotas.reserved() as third:
            third(session.candidate)
            found.append(True)

    called_by(bob, both)
    assert found


def test_who_am_i(caller: Any, session: Any) -> None:
    session.all[0].owner = "bob"
    user = as_user(caller, "operator", labels=["tv"], torrent_quota=5)
    assert user.call("user_self").result == {
        "name": "bob", "role": "operator", "key": "k", "download_dir": "/downloads/bob",
        "labels": ["tv"], "sees_all": False, "torrent_count": 1, "torrent_quota": 5,
        "size": 65536, "size_quota": -1,
    }  # fmt: skip
    assert caller.call("user_self").result["name"] == "p2pd"


def test_the_history_of_others_is_not_there(caller: Any, session: Any) -> None:
    class FakeHistory:
        async def read(self, subjects: Any, since: int, until: int, most_rows: int) -> History:
            return History(
                since,
                until,
                10,
                until,
                {each: [Span(since, 1, 2, 3, 4, 5, 6)] for each in subjects},
            )

    session.history = FakeHistory()
    session.all[0].owner = "bob"
    user = as_user(caller, "operator", own_only=True)
    assert code_of(user.call("history_get")) == FORBIDDEN
    hidden = user.call("history_get", ids=[2, session.all[1].hash_string, "ee" * 20]).result
    assert all(row["id"] is None and row["rows"] == [] for row in hidden["torrents"])
    seen = user.call("history_get", ids=1).result["torrents"]
    assert seen == caller.call("history_get", ids=1).result["torrents"]


def test_the_address_of_the_blocklist_is_for_who_sets_it(caller: Any, session: Any) -> None:
    session.settings.blocklist_url = "https://lists.test/?pin=SECRET"
    assert b"SECRET" in caller.call("session_get").body
    assert b"SECRET" in as_user(caller, "operator", "eve").call("session_get").body
    found = as_user(caller, "read-only").call("session_get")
    assert b"lists.test" not in found.body
    assert found.result["blocklist_size"] == 7


def test_whose_watch_folders_are(caller: Any, session: Any) -> None:
    """Of who has them watched, if an admin says nothing else; what is known may be sent back."""
    bob = as_user(caller, "operator", torrent_quota=5)

    async def change(changes: dict[str, Any]) -> None:
        for name, value in checked_settings(changes).items():
            setattr(session.settings, name, value)

    session.change_settings = change

    def folders() -> list[tuple[str, str]]:
        return [(each["folder"], each["owner"]) for each in session.settings.watch_folders]

    def watch(who: Any, *entries: dict[str, Any]) -> Any:
        return who.call("session_set", watch_folders=list(entries))

    assert watch(caller, {"folder": "/a", "owner": ""}, {"folder": "/b"}).result == {}
    assert folders() == [("/a", ""), ("/b", "p2pd")]
    known = list(session.settings.watch_folders)
    assert watch(bob, *known, {"folder": "/c"}).result == {}
    assert folders() == [("/a", ""), ("/b", "p2pd"), ("/c", "bob")]
    assert watch(bob, {"folder": "/a"}).result == {}
    assert folders() == [("/a", "")]
    for owner in ("", "p2pd"):
        assert code_of(watch(bob, {"folder": "/new", "owner": owner})) == FORBIDDEN
    assert code_of(watch(bob, {"folder": "/a", "owner": "p2pd"})) == FORBIDDEN
    assert watch(caller, {"folder": "/a", "owner": "bob"}).result == {}
    assert folders() == [("/a", "bob")]
    for wrong in ({"folder": "/a", "owner": 5}, {"folder": ["/a"]}, {"folder": "/a", "owner": []}):
        assert watch(caller, wrong).error[0] == int(RpcCode.INVALID_PARAMS)
