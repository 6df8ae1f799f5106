"""label_*, tracker_rule_*, and share limits of torrents in both dialects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from p2pd.session.torrents.torrent_requests import AddTorrent, TorrentChanges
from p2pd.swarm.share_limits import ShareLimits


def test_labels_are_told_with_what_they_say(caller: Any, session: Any) -> None:
    session.settings.label_rules = {"films": {"download_dir": "/films", "seed_ratio_mode": 2}}
    films, linux = caller.call("label_get").result["labels"]
    assert (films["label"], films["torrent_count"], films["download_dir"]) == ("films", 0, "/films")
    assert (films["seed_ratio_mode"], films["seed_ratio_limit"]) == (2, None)
    assert (linux["label"], linux["torrent_count"], linux["move_torrents"]) == ("linux", 2, None)


def test_a_label_is_told_to_say_something(caller: Any, session: Any) -> None:
    session.settings.label_rules = {"a": {"speed_limit_up": 5, "seed_idle_limit": 7}}
    changes = {"download_dir": "/x", "speed_limit_up": None, "move_torrents": False}
    assert caller.call("label_set", label="a", **changes).result == {}
    rules = {"a": {"seed_idle_limit": 7, "download_dir": "/x", "move_torrents": False}}
    assert session.asked == [("change_settings", {"label_rules": rules})]


def test_a_tracker_has_a_rule(caller: Any, session: Any) -> None:
    assert caller.call("tracker_rule_set", host="Tracker.TEST", label="x").result == {}
    rules = {"tracker.test": {"label": "x"}}
    assert session.asked == [("change_settings", {"tracker_rules": rules})]
    session.settings.tracker_rules = rules
    (rule,) = caller.call("tracker_rule_get").result["rules"]
    assert (rule["host"], rule["torrent_count"], rule["label"]) == ("tracker.test", 2, "x")
    assert caller.call("tracker_rule_remove", host="tracker.test").result == {}
    assert session.asked[-1] == ("change_settings", {"tracker_rules": {}})


def test_a_label_is_renamed_and_removed(caller: Any, session: Any) -> None:
    assert caller.call("label_rename", label="linux", name="bsd").result == {"torrent_count": 2}
    assert session.asked == [("change", id_, TorrentChanges(labels=("bsd",))) for id_ in (1, 2)]
    caller.call("label_remove", label="linux", from_torrents=True)
    assert session.asked[2:] == [("change", id_, TorrentChanges(labels=())) for id_ in (1, 2)]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("label_set", {}), ("label_set", {"label": 5}), ("label_set", {"label": "a,b"}),
        ("label_set", {"label": "a", "color": "red"}),
        ("label_set", {"label": "a", "seed_ratio_mode": 3}),
        ("label_set", {"label": "a", "seed_limit_action": "sell"}),
        ("label_set", {"label": "a", "download_dir": "\x00"}),
        ("label_remove", {"label": "nobody has it"}), ("label_remove", {"label": []}),
        ("label_rename", {"label": "linux", "name": ""}), ("label_rename", {"label": "linux"}),
        ("tracker_rule_set", {"host": "a b"}), ("tracker_rule_set", {"host": "a", "label": 5}),
        ("tracker_rule_set", {"host": "a", "move_torrents": True}),
        ("tracker_rule_remove", {"host": "nowhere.test"}),
    ],
)  # fmt: skip
def test_what_makes_no_sense_changes_nothing(
    caller: Any, session: Any, method: str, params: dict[str, Any]
) -> None:
    code, sentence = caller.call(method, **params).error
    assert code
    assert sentence
    assert session.asked == []


def test_share_limits_of_a_torrent_are_told(caller: Any) -> None:
    fields = {
        "eta_idle": 70, "is_finished": True, "seed_idle_limit": 30, "seed_idle_mode": 0,
        "seed_limit_action": "session", "seed_limits_reached": ["idle"], "seed_ratio_limit": 1.25,
        "seed_ratio_mode": 1, "seed_time_limit": 1440, "seed_time_mode": 0,
        "seed_limits_in_force": {
            "action": "stop", "idle_limit": 30, "ratio_limit": 1.25, "time_limit": None
        },
    }  # fmt: skip
    (torrent,) = caller.call("torrent_get", ids=[1], fields=[*fields]).result["torrents"]
    assert torrent == fields


def test_share_limits_of_a_torrent_are_set(caller: Any, session: Any) -> None:
    changes = {"seed_ratio_mode": 1, "seed_ratio_limit": 2, "seed_limit_action": "super_seed"}
    caller.call("torrent_set", ids=[1], **changes)
    assert session.asked == [("change", 1, TorrentChanges(share_limits=changes))]
    caller.call("torrent_add", filename="magnet:?xt=urn:btih:" + "a" * 40, **changes)
    (name, request) = session.asked[-1]
    assert name == "add"
    assert isinstance(request, AddTorrent)
    assert request.share_limits == ShareLimits(1, 2.0, seed_limit_action="super_seed")


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed_ratio_limit": -1}, {"seed_ratio_limit": "2"}, {"seed_ratio_mode": 3},
        {"seed_idle_limit": 1.5}, {"seed_idle_mode": -1}, {"seed_limit_action": ""},
        {"seed_time_limit": 2**31},
    ],
)  # fmt: skip
def test_what_is_no_share_limit_is_refused(caller: Any, session: Any, wrong: Any) -> None:
    assert caller.call("torrent_set", ids=[1], **wrong).error[0] == -32602
    assert session.asked == []


def test_the_older_dialect_has_older_names(caller: Any, session: Any) -> None:
    path = "/transmission/rpc"
    session_id = caller.send("GET", path).headers["x-transmission-session-id"][0]

    def older(method: str, **arguments: Any) -> Any:
        body = json.dumps({"method": method, "arguments": arguments}).encode()
        answer = caller.send("POST", path, body, {"x-transmission-session-id": session_id}).json
        assert answer["result"] == "success"
        return answer["arguments"]

    fields = ["etaIdle", "isFinished", "seedIdleLimit", "seedIdleMode", "seedRatioLimit",
              "seedRatioMode", "seedLimitsInForce"]  # fmt: skip
    (torrent,) = older("torrent-get", ids=[1], fields=fields)["torrents"]
    assert set(torrent) == set(fields)
    assert (torrent["seedRatioMode"], torrent["seedLimitsInForce"]["ratioLimit"]) == (1, 1.25)
    older("torrent-set", ids=[1], seedIdleLimit=5, seedIdleMode=1)
    changes = {"seed_idle_limit": 5, "seed_idle_mode": 1}
    assert session.asked == [("change", 1, TorrentChanges(share_limits=changes))]
    settings = older("session-get", fields=["seedRatioLimit", "idle-seeding-limit-enabled"])
    assert settings == {"seedRatioLimit": 2.0, "idle-seeding-limit-enabled": False}
    older("session-set", seedRatioLimited=True, **{"idle-seeding-limit": 9})
    changes = {"seed_ratio_limited": True, "idle_seeding_limit": 9}
    assert session.asked[-1] == ("change_settings", changes)
