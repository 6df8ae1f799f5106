"""A daemon that is only a table of answers, and p2pctl run against it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from p2pd.clients.api_client import HttpAnswer
from p2pd.clients.cli.invocation import Invocation
from p2pd.clients.cli.main import cli

NAME = "Big Film \x1b]0;owned\x07\u202egpj.exe"


def torrent(number: int, name: str, **other: Any) -> dict[str, Any]:
    """A torrent with every field that p2pctl asks for."""
    return {
        "activity_date": 1_700_000_000, "added_date": 1_700_000_000, "comment": "words",
        "corrupt_ever": 0, "creator": "someone", "date_created": 0, "disk_state": "ok",
        "discovery": [
            {"name": "tracker", "enabled": True, "disabled_reason": "", "peers_known": 12,
             "peers_connected": 3, "last_time": 1_700_000_000, "next_time": 1_700_000_600,
             "error_string": "t.test: not registered"},
            {"name": "pex", "enabled": False, "disabled_reason": "the torrent is private",
             "peers_known": 0, "peers_connected": 0, "last_time": 0, "next_time": 0,
             "error_string": ""},
            {"name": "manual", "enabled": True, "disabled_reason": "", "peers_known": 0,
             "peers_connected": 0, "last_time": 0, "next_time": 0, "error_string": ""},
        ],
        "done_date": 0,
        "download_limit": 100, "download_limit_in_force": -1, "download_limited": False,
        "current_dir": "/downloads", "download_dir": "/downloads", "downloaded_ever": 5_000_000,
        "error": 0,
        "error_string": "", "eta": 65, "file_count": 2, "hash_string": f"{number:02x}ab" * 10,
        "have_valid": 5_000_000, "honors_session_limits": True, "id": number,
        "info_hash_v1": f"{number:02x}ab" * 10,
        "info_hash_v2": f"{number:02x}cd" * 16, "is_private": True, "labels": ["linux"],
        "has_secret": False,
        "left_until_done": 5_000_000, "magnet_link": "magnet:?xt=x",
        "metadata_percent_complete": 1, "move": None, "name": name, "peer_limit": 50,
        "peers_connected": 3, "peers_getting_from_us": 1, "peers_sending_to_us": 2,
        "percent_complete": 0.5,
        "percent_done": 0.9999, "piece_count": 10, "piece_size": 1048576,
        "bandwidth_priority": 0, "group": "", "is_stalled": False, "queue_position": number - 1,
        "owner": "bob", "seed_limits_in_force": {
            "ratio_limit": 2.0, "idle_limit": None, "time_limit": 10080, "action": "super_seed",
        },
        "rate_download": 1_500_000, "rate_upload": 0, "recheck_progress": 0.0,
        "seconds_downloading": 3700, "seconds_seeding": 0, "sequential_download": False,
        "sequential_download_from_piece": 0,
        "seed_choking": "session", "super_seeding": "auto", "trusted_only": False,
        "size_when_done": 10_000_000, "status": 4, "total_size": 10_000_000,
        "upload_limit": 100, "upload_limit_in_force": -1, "upload_limited": False,
        "upload_ratio": 1.5, "uploaded_ever": 7_000_000,
        "tracker_stats": [
            {"announce": "http://t.test/announce", "has_announced": True,
             "last_announce_succeeded": False, "last_announce_result": "not registered",
             "last_announce_time": 1_700_000_000, "last_announce_peer_count": 0, "tier": 0,
             "announce_state": 1, "next_announce_time": 1_700_000_600, "seeder_count": -1,
             "leecher_count": 7},
        ],
        "tracker_list": "http://t.test/announce\n\nhttp://u.test/announce",
        "piece_deadlines": [[12, 2.5], [13, -0.5]], "pieces": "wAA=",
        "availability": [-1, -1, 1, 0, 1, 2, 1, 1, 1, 1],
        "files": [{"name": name + "/a", "length": 10, "bytes_completed": 5},
                  {"name": name + "/empty", "length": 0, "bytes_completed": 0}],
        "file_stats": [{"wanted": True, "priority": 1}, {"wanted": False, "priority": 0}],
        "peers": [
            {"address": "2001:db8::1", "port": 6881, "progress": 0.5, "rate_to_client": 2048,
             "rate_to_peer": 0, "flag_str": "DE", "is_snubbed": False, "transport": "tcp",
             "node_key": "", "node_name": "",
             "rating": 61, "country": "de", "client_name": "Evil\x1b[31m 1.0"},
        ],
    } | other  # fmt: skip


class FakeDaemon:
    """Answers torrent_get from `torrents`, other methods from `answers`; remembers the calls."""

    def __init__(self) -> None:
        self.torrents = [torrent(1, NAME), torrent(2, "other film"), torrent(3, "Music")]
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.tokens: list[str | None] = []
        self.urls: list[str] = []
        self.http: HttpAnswer | None = None
        self.raises: Exception | None = None
        self.patiently: list[str] = []
        self.hurried = 0
        self.recent: list[int] = []
        self.removed: list[int] = []

    def connect(self, url: str) -> FakeDaemon:
        self.urls.append(url)
        return self

    def connect_hurriedly(self, url: str) -> FakeDaemon:
        self.hurried += 1
        return self

    def post(self, body: bytes, token: str | None, *, patient: bool = False) -> HttpAnswer:
        self.tokens.append(token)
        if self.raises is not None:
            raise self.raises
        if self.http is not None:
            return self.http
        call = json.loads(body)
        assert call["jsonrpc"] == "2.0"
        self.calls.append((call["method"], call["params"]))
        if patient:
            self.patiently.append(call["method"])
        return HttpAnswer(200, json.dumps({"id": call["id"], **self._reply(call)}).encode())

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [params for name, params in self.calls if name == method]

    def _reply(self, call: dict[str, Any]) -> dict[str, Any]:
        method, params = call["method"], call["params"]
        if method in self.answers:
            answer = self.answers[method]
            return answer if "error" in answer else {"result": answer}
        if method != "torrent_get":
            return {"result": {}}
        ids = params.get("ids", [one["id"] for one in self.torrents])
        if ids == "recently_active":
            ids = self.recent
        rows = [
            {field: one[field] for field in params["fields"] if field in one}
            for one in self.torrents
            if one["id"] in ids
        ]
        if params.get("format") == "table":
            table = [params["fields"], *([row[name] for name in row] for row in rows)]
            return {"result": {"torrents": table, "removed": self.removed}}
        return {"result": {"torrents": rows}}


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon()


@pytest.fixture
def invocation(daemon: FakeDaemon, tmp_path: Any) -> Invocation:
    return Invocation(
        connect=daemon.connect,
        connect_hurriedly=daemon.connect_hurriedly,
        sleep=lambda _: None,
        environ={"HOME": str(tmp_path)},
    )


@pytest.fixture
def p2pctl(invocation: Invocation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run p2pctl with some arguments."""
    for variable in ("P2PCTL_URL", "P2PCTL_TOKEN"):
        monkeypatch.delenv(variable, raising=False)

    def run(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(cli, list(arguments), obj=invocation, **options)

    return run
