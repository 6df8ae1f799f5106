"""What the control API said was done is there after a SIGKILL right behind the answer."""

from __future__ import annotations

import base64
import http.client
import json
import select
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from peers.processes import wait_until
from peers.tls_swarm import TlsSwarm, tls_p2pd

from p2pd.control.access.roles import METHODS
from p2pd.formats.metainfo import parse_torrent
from p2pd.testing import make_torrent

KEY, OTHER_KEY = "ab" * 32, "cd" * 32
TRACKERS = ("http://127.0.0.1:9/announce", "http://127.0.0.1:9/other")
LINK = f"magnet:?xs=urn:btpk:{'d7' * 32}"
HOOK = {"name": "told", "kind": "webhook", "url": "http://127.0.0.1:9/hook", "events": ["added"]}
UPLOADED = 10**12
RANGES = "192.0.2.0-192.0.2.255\n198.51.100.0-198.51.100.255\n"

OF_TORRENTS = {
    "bandwidth_priority": 1, "download_limit": 7, "download_limited": True, "group": "slow",
    "honors_session_limits": False, "labels": ["films", "new"], "peer_limit": 17,
    "seed_ratio_limit": 1.5, "seed_ratio_mode": 1, "sequential_download": True,
    "trusted_only": True, "seed_choking": "round_robin", "super_seeding": "on",
    "upload_limit": 9, "upload_limited": True,
}  # fmt: skip
OF_THE_SESSION = {
    "speed_limit_down": 321, "speed_limit_down_enabled": True, "alt_speed_up": 12,
    "peer_limit_global": 123, "seed_queue_enabled": True, "seed_queue_size": 3,
    "incomplete_dir_enabled": False, "queue_stalled_minutes": 7, "start_added_torrents": False,
}  # fmt: skip
NOT_HERE = {
    "dht_follow_check", "dht_forget", "dht_put", "hook_letters_retry", "hook_test", "peer_add",
    "rss_feed_refresh", "rss_item_add", "session_close", "state_backup", "state_forget",
    "state_restore", "state_write", "swarm_ca_enrol", "swarm_ca_import_crl", "swarm_ca_renew",
    "task_cancel", "torrent_create", "torrent_reannounce", "torrent_start_now", "torrent_verify",
}  # fmt: skip
"""What they do is not kept, is kept as another one's is, takes another server, or is done below."""


def encoded(name: str, *, trackers: tuple[str, ...] = ()) -> str:
    """A .torrent file of two small files, in base64."""
    contents = {"a.bin": b"a" * 40_000, "b.bin": name.encode() * 9_000}
    data = make_torrent(contents, name=name, trackers=tuple((url,) for url in trackers))
    return base64.b64encode(data).decode()


class Promises:
    """A daemon, what it was asked, and what of that is to be seen after its next start."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.asked: set[str] = set()
        self.ids: dict[str, int] = {}

    def call(self, method: str, **params: Any) -> Any:
        self.asked.add(method)
        return self.node.call(method, **params)

    def add(self, name: str, **params: Any) -> int:
        wanted = {"metainfo": encoded(name), "paused": True, **params}
        added = self.call("torrent_add", **wanted)
        self.ids[name] = added["torrent_added"]["id"]
        return self.ids[name]

    def torrents(self, *fields: str) -> dict[int, dict[str, Any]]:
        rows = self.node.call("torrent_get", fields=["id", *fields])["torrents"]
        return {row["id"]: row for row in rows}

    def seen(self) -> dict[str, Any]:
        """All that users can set, as it is now."""
        call = self.node.call
        fields = [
            *OF_TORRENTS, "name", "files", "wanted", "queue_position", "tracker_list", "webseeds",
            "download_dir", "owner", "uploaded_ever", "has_secret", "tls",
        ]  # fmt: skip
        torrents = self.torrents(*fields)
        stopped = {id_: row["status"] == 0 for id_, row in self.torrents("status").items()}
        feeds = call("rss_feed_get")["feeds"]
        hooks = call("hook_get")["hooks"]
        return {
            "torrents": torrents,
            "stopped": stopped,
            "session": call("session_get", fields=[*OF_THE_SESSION, "blocklist_size"]),
            "groups": call("group_get")["group"],
            "labels": call("label_get")["labels"],
            "tracker_rules": call("tracker_rule_get")["rules"],
            "bans": call("peer_banned")["bans"],
            "nodes": call("nodes_list")["nodes"],
            "identity": call("node_identity"),
            "hooks": [{name: hook[name] for name in ("id", *HOOK, "enabled")} for hook in hooks],
            "letters": [each["id"] for each in call("hook_letters")["letters"]],
            "feeds": [{name: feed[name] for name in ("id", "name", "url")} for feed in feeds],
            "rules": call("rss_rule_get")["rules"],
            "users": call("user_list")["users"],
            "keys": [{**key, "used_date": 0} for key in call("api_key_list")["keys"]],
            "followed": [each["link"] for each in call("dht_followed")["followed"]],
            "cas": [call("swarm_ca_list", name=ca["name"]) for ca in self.cas()],
            "revoked": [call("swarm_ca_revoked", name=ca["name"]) for ca in self.cas()],
        }

    def cas(self) -> list[Any]:
        found: list[Any] = self.node.call("swarm_ca_list")["cas"]
        return found

    def die(self, opened: int) -> None:
        """Without a moment more, and come back; so many torrents have files then."""
        self.node.kill()
        self.node.start()

        def all_opened() -> bool:
            return sum(bool(row["files"]) for row in self.torrents("files").values()) == opened

        wait_until(all_opened, 20, f"{opened} torrents", details=self.node.log_tail)


def with_files(seen: dict[str, Any]) -> int:
    return sum(bool(row["files"]) for row in seen["torrents"].values())


@pytest.fixture
def promises(work, new_p2pd) -> Promises:
    (work / "ranges.txt").write_text(RANGES)
    settings = {"blocklist.refresh_hours": "0"}
    return Promises(tls_p2pd(new_p2pd, **settings))


def test_what_was_answered_survives_a_kill_right_behind_the_answer(promises, work):
    change_torrents(promises, work)
    change_the_rest(promises, work)
    before = promises.seen()
    again = encoded("first", trackers=TRACKERS)
    assert "torrent_duplicate" in promises.call("torrent_add", metainfo=again)
    promises.die(opened=with_files(before))
    after = promises.seen()
    first = promises.ids["first"]
    trackers = [seen["torrents"][first].pop("tracker_list").split() for seen in (before, after)]
    assert trackers == [[*TRACKERS[:1]], [*TRACKERS]]
    assert after == before

    take_away(promises)
    before = promises.seen()
    promises.call("nodes_untrust", keys=[KEY])
    promises.die(opened=with_files(before))
    after = promises.seen()
    assert ([each["key"] for each in before.pop("nodes")], after.pop("nodes")) == ([KEY], [])
    assert after == before
    promises.node.check_healthy()
    changing = {name for name, rule in METHODS.items() if rule.changes}
    assert changing - promises.asked == NOT_HERE


def change_torrents(promises: Promises, work: Any) -> None:
    """All that can be set of torrents."""
    call, found = promises.call, work / "found"
    found.mkdir()
    first = promises.add("first", metainfo=encoded("first", trackers=TRACKERS[:1]), labels=["old"])
    second, third, gone = (promises.add(name) for name in ("second", "third", "gone"))
    call("torrent_set", ids=[second], **OF_TORRENTS, files_unwanted=[1], tracker_list=TRACKERS[1])
    assert promises.torrents("wanted", *OF_TORRENTS)[second] == {
        "id": second, "wanted": [True, False], **OF_TORRENTS
    }  # fmt: skip
    call("torrent_set", ids=[third], webseed_list=["http://127.0.0.1:9/data/"])
    call("torrent_set", ids=[third], secret="a secret of some length")
    call("torrent_start", ids=[first, second])
    call("torrent_stop", ids=[second])
    call("torrent_rename_path", ids=[third], path="third/a.bin", name="A.bin")
    call("torrent_set_location", ids=[third], location=str(found), move=False)
    call("torrent_import", filename="magnet:?xt=urn:btih:" + "ef" * 20, uploaded_ever=12_345)
    call("torrent_remove", ids=[gone])
    call("queue_move_bottom", ids=[first])
    call("queue_move_top", ids=[third])
    call("queue_move_down", ids=[third])
    call("queue_move_up", ids=[first])
    swarm = TlsSwarm(work, "v1", size=40_000)
    own = base64.b64encode(swarm.content.torrent.read_bytes()).decode()
    private, identity = promises.add("private", metainfo=own), swarm.issue()
    call("torrent_set_certificate", ids=[private], certificate=identity.certificate,
         private_key=identity.key)  # fmt: skip
    assert promises.torrents("tls")[private]["tls"]["state"] == "ready"


def change_the_rest(promises: Promises, work: Any) -> None:
    """All that can be set besides, and nothing is taken away."""
    call = promises.call
    call("session_set", **OF_THE_SESSION, blocklist_url=str(work / "ranges.txt"))
    assert call("blocklist_update") == {"blocklist_size": 2}
    call("group_set", name="fast", speed_limit_up=99, speed_limit_up_enabled=True)
    call("label_set", label="films", speed_limit_down=8)
    call("label_set", label="series", seed_ratio_limit=2.5)
    call("label_rename", label="series", name="shows")
    call("tracker_rule_set", host="127.0.0.1", label="local")
    call("peer_ban", addresses=["192.0.2.1"], hours=0)
    call("peer_ban", keys=[OTHER_KEY], hours=9)
    call("nodes_trust", key=KEY, name="friend")
    call("node_rotate")
    hook = call("hook_add", **{**HOOK, "name": "former"})["hook"]["id"]
    call("hook_set", id=hook, name=HOOK["name"])
    promises.add("told of")
    feed = call("rss_feed_add", name="feed", url="http://127.0.0.1:9/feed", enabled=False)["feed"]
    call("rss_feed_set", id=feed["id"], url="http://127.0.0.1:9/renamed")
    rule = call("rss_rule_add", name="rule", must_contain="film", enabled=False)["rule"]
    call("rss_rule_set", id=rule["id"], feed_ids=[feed["id"]], min_size=7)
    call("user_add", name="ann", role="operator", password="a long password")
    call("user_add", name="bob", role="add-only")
    call("user_set", name="bob", torrent_quota=3)
    call("user_give", name="bob", ids=[promises.ids["first"]])
    password_of_ann(promises, "a long password", "another password")
    call("api_key_add", name="phone", user="ann", days=9)
    call("dht_follow", link=LINK)
    call("swarm_ca_create", name="films")
    given = call("swarm_ca_issue", name="films", label="seedbox")
    assert "BEGIN CERTIFICATE" in json.dumps(given)
    call("swarm_ca_token", name="films", addresses=["http://127.0.0.1:9"])
    ban_as_qbittorrent_would(promises)


def take_away(promises: Promises) -> None:
    """What can be taken away again."""
    call, seen = promises.call, promises.seen()
    assert seen["letters"]
    call("hook_letters_forget", ids=seen["letters"])
    call("hook_remove", id=seen["hooks"][0]["id"])
    call("rss_rule_remove", id=seen["rules"][0]["id"])
    call("rss_feed_remove", id=seen["feeds"][0]["id"])
    call("group_remove", name="fast")
    call("label_remove", label="films", from_torrents=True)
    call("tracker_rule_remove", host="127.0.0.1")
    call("peer_unban", addresses=["192.0.2.1"])
    call("api_key_remove", id=seen["keys"][0]["id"])
    call("user_remove", name="bob")
    call("dht_unfollow", id=promises.node.call("dht_followed")["followed"][0]["id"])
    authority = promises.node.call("swarm_ca_list", name="films")
    call("swarm_ca_token_remove", name="films", id=authority["tokens"][0]["id"])
    call("swarm_ca_revoke", name="films", certificates=["seedbox"])
    left = promises.seen()
    gone = ("hooks", "letters", "rules", "feeds", "tracker_rules", "keys", "followed")
    assert {name: left[name] for name in gone} == {name: [] for name in gone}


def password_of_ann(promises: Promises, old: str, new: str) -> None:
    promises.asked.add("user_password")
    login = base64.b64encode(f"ann:{old}".encode()).decode()
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "user_password",
        "params": {"old": old, "new": new},
    }
    status, _, data = promises.node._rpc.post("/rpc", body, {"Authorization": f"Basic {login}"})
    assert (status, json.loads(data)["result"]) == (200, {})


def ban_as_qbittorrent_would(promises: Promises) -> None:
    kind = "application/x-www-form-urlencoded"
    with connected(promises.node) as connection:
        begin(connection, promises.node, "/api/v2/transfer/banPeers", "peers=192.0.2.9:1", kind)
        assert connection.getresponse().status == 200


def connected(node: Any) -> Any:
    return closing(http.client.HTTPConnection("127.0.0.1", node.control_port, timeout=30))


def begin(connection: Any, node: Any, path: str, body: str, kind: str = "application/json") -> None:
    """Send a request, and leave the answer for later."""
    token = (node.state_folder / "control-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    connection.request("POST", path, body, headers)


def database_of(node: Any) -> sqlite3.Connection:
    return sqlite3.connect(node.state_folder / "state.db", isolation_level=None)


def fragile_calls(promises: Promises) -> list[tuple[str, dict[str, Any]]]:
    """What nobody waits for but the answer, and some of the rest."""
    call = promises.call
    call("peer_ban", addresses=["192.0.2.7"])
    with closing(database_of(promises.node)) as database:
        database.execute("INSERT OR REPLACE INTO statistics VALUES ('uploaded', ?)", [UPLOADED])
        backup = call("state_backup")["name"]
        database.execute("UPDATE statistics SET value = 0 WHERE name = 'uploaded'")
    call("peer_unban", addresses=["192.0.2.7"])
    call("peer_ban", addresses=["192.0.2.5"])
    call("nodes_trust", key=OTHER_KEY)
    call("hook_add", **HOOK)
    first = promises.add("first")
    late = parse_torrent(base64.b64decode(encoded("late"))).info_hashes.hash_string
    call("torrent_add", filename=late, paused=True)
    letters = [each["id"] for each in call("hook_letters")["letters"]]
    assert letters
    return [
        ("peer_ban", {"addresses": ["192.0.2.1"]}),
        ("peer_unban", {"addresses": ["192.0.2.5"]}),
        ("nodes_trust", {"key": KEY, "name": "friend"}),
        ("nodes_trust", {"key": KEY, "name": "friend"}),
        ("nodes_untrust", {"keys": [OTHER_KEY]}),
        ("hook_letters_forget", {"ids": letters}),
        ("torrent_add", {"metainfo": encoded("first", trackers=TRACKERS)}),
        ("torrent_add", {"metainfo": encoded("late")}),
        ("torrent_set", {"ids": [first], "labels": ["films"]}),
        ("session_set", {"speed_limit_up": 77}),
        ("state_restore", {"name": backup, "with_keys": False}),
    ]


def test_no_answer_comes_before_the_database_has_what_was_asked_for(promises):
    """Somebody else holds the database, so that it writes nothing for as long as that."""
    node = promises.node
    for method, params in fragile_calls(promises):
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        with closing(database_of(node)) as database, connected(node) as connection:
            database.execute("BEGIN IMMEDIATE")
            begin(connection, node, "/rpc", json.dumps(call))
            # Who only looks, and comes later, is answered before.
            node.call("session_get", fields=["version"])
            assert select.select([connection.sock], [], [], 0)[0] == [], method
            database.execute("ROLLBACK")
            assert "result" in json.loads(connection.getresponse().read()), method
    promises.die(opened=2)
    seen = promises.seen()
    assert {ban["address"] for ban in seen["bans"]} == {"192.0.2.1", "192.0.2.7"}
    assert [(each["key"], each["name"]) for each in seen["nodes"]] == [(KEY, "friend")]
    assert seen["letters"] == []
    torrent, late = seen["torrents"].values()
    assert [file["name"] for file in late["files"]] == ["late/a.bin", "late/b.bin"]
    assert (torrent["labels"], torrent["tracker_list"].split()) == (["films"], [*TRACKERS])
    assert node.call("session_get", fields=["speed_limit_up"]) == {"speed_limit_up": 77}
    assert node.call("session_stats")["cumulative_stats"]["uploaded_bytes"] == UPLOADED
    node.check_healthy()
