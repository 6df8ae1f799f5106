"""Labels and trackers say where torrents go and how fast they are; labels move and are renamed."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.automation.label_moves import LabelMoves
from p2pd.automation.rule_books import LabelBook, TrackerBook
from p2pd.base.errors import P2pdError
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

CONTENTS = {"a/one.mkv": bytes(range(256)) * 300}
TORRENT = make_torrent(CONTENTS, name="some", trackers=[["http://t.example.org:80/announce"]])
OTHER = make_torrent({"x": b"x" * 5000}, name="other", trackers=[["udp://192.0.2.1:6969"]])


class Labelled:
    """A node whose labels move torrents."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.network = network
        self.node = SimNode(network, "10.0.0.1")
        self.labels = LabelBook(self.node.control)
        self.trackers = TrackerBook(self.node.control)
        self.moves = LabelMoves(self.node.control)
        self.moves.start()

    def say(self, label: str, /, **rule: Any) -> None:
        self.network.result(self.labels.set(label, rule))

    def rule(self, host: str, /, **rule: Any) -> None:
        self.network.result(self.trackers.set(host, rule))

    def relabel(self, torrent: Torrent, *labels: str) -> None:
        view = self.node.control.find(torrent.record.id)
        assert view is not None
        changes = TorrentChanges(labels=labels)
        self.network.result(self.node.control.change(view, changes))
        self.network.run(1)

    def shown(self) -> dict[str, tuple[int, dict[str, Any]]]:
        entries = self.labels.entries()
        return {entry.name: (entry.torrents, dict(entry.rule)) for entry in entries}


@pytest.fixture
def labelled(network: MemoryNetwork) -> Labelled:
    return Labelled(network)


def test_an_added_torrent_goes_where_its_first_label_with_a_folder_says(
    labelled: Labelled,
) -> None:
    labelled.say("plain", speed_limit_up=5)
    labelled.say("films", download_dir="/films/")
    labelled.say("all", download_dir="/all")
    labelled.rule("example.org", download_dir="/tracked", label="tracked")
    one = labelled.node.add(TORRENT, labels=("plain", "films", "all"))
    assert (one.record.download_dir, one.record.labels) == (
        "/films", ("plain", "films", "all", "tracked"),
    )  # fmt: skip
    other = labelled.node.add(OTHER, labels=("all",), download_dir="/mine")
    assert (other.record.download_dir, other.record.labels) == ("/mine", ("all",))


@pytest.mark.parametrize(
    ("host", "holds"),
    [
        ("t.example.org", True), ("Example.ORG.", True), ("org", True), ("xample.org", False),
        ("192.0.2.1", False), ("example.org.evil", False),
    ],
)  # fmt: skip
def test_a_rule_holds_for_the_hosts_within_it(labelled: Labelled, host: str, holds: bool) -> None:
    labelled.rule(host, download_dir="/tracked")
    torrent = labelled.node.add(TORRENT)
    assert torrent.record.download_dir == ("/tracked" if holds else "/downloads")
    assert [entry.torrents for entry in labelled.trackers.entries()] == [int(holds)]


def test_the_innermost_rule_holds_and_an_address_is_in_no_domain(labelled: Labelled) -> None:
    labelled.rule("org", label="far")
    labelled.rule("example.org", label="near")
    labelled.rule("0.2.1", label="none")
    labelled.rule("1", label="none")
    assert labelled.node.add(TORRENT).record.labels == ("near",)
    assert labelled.node.add(OTHER).record.labels == ()


def test_torrents_of_a_tracker_share_its_speed_limit(labelled: Labelled) -> None:
    labelled.rule("example.org", speed_limit_up=70)
    torrent = labelled.node.add(TORRENT)
    report = labelled.node.session.rates.report
    assert report(torrent.record).up_in_force == 70_000
    labelled.say("slow", speed_limit_up=40)
    labelled.relabel(torrent, "slow")
    assert report(torrent.record).up_in_force == 40_000
    labelled.relabel(torrent)
    labelled.network.result(labelled.trackers.remove("example.org"))
    assert report(torrent.record).up_in_force is None


def test_a_torrent_is_moved_where_its_new_label_wants_it(labelled: Labelled) -> None:
    labelled.say("films", download_dir="/films", move_torrents=True)
    labelled.say("quiet", download_dir="/quiet")
    torrent = labelled.node.put(TORRENT, CONTENTS)
    asked: list[tuple[str, bool]] = []
    record_moves(labelled, asked)
    labelled.relabel(torrent, "quiet")
    assert asked == []
    labelled.relabel(torrent, "other", "films")
    assert asked == [("/films", True)]
    labelled.relabel(torrent, "films")
    assert asked == [("/films", True)]
    labelled.moves.stop()
    labelled.relabel(torrent, "quiet")
    labelled.relabel(torrent, "films")
    assert asked == [("/films", True)]


def test_all_are_moved_when_a_label_gets_a_folder(labelled: Labelled) -> None:
    asked: list[tuple[str, bool]] = []
    torrent = labelled.node.put(TORRENT, CONTENTS, labels=("films",))
    labelled.node.put(OTHER, {"x": b"x" * 5000})
    record_moves(labelled, asked)
    labelled.say("films", download_dir="/films")
    assert asked == []
    labelled.say("films", move_torrents=True)
    assert asked == [("/films", True)]
    torrent.record.download_dir = "/films"
    labelled.say("films", seed_ratio_mode=2)
    labelled.say("films", move_torrents=True)
    assert asked == [("/films", True)]


def record_moves(labelled: Labelled, asked: list[tuple[str, bool]]) -> None:
    """The moves themselves are tests of their own."""

    async def set_location(torrent: Any, folder: str, *, move: bool) -> None:
        asked.append((folder, move))

    labelled.node.control.set_location = set_location  # type: ignore[method-assign]


def test_a_label_is_renamed_on_all_torrents(labelled: Labelled) -> None:
    labelled.say("films", seed_ratio_mode=1, seed_ratio_limit=2.0)
    one = labelled.node.add(TORRENT, labels=("new", "films", "x"))
    two = labelled.node.add(OTHER, labels=("films",))
    assert labelled.network.result(labelled.labels.rename("films", " movies ")) == 2
    assert (one.record.labels, two.record.labels) == (("new", "movies", "x"), ("movies",))
    assert labelled.node.store.rows[one.record.id].labels == ("new", "movies", "x")
    assert labelled.shown() == {
        "movies": (2, {"seed_ratio_mode": 1, "seed_ratio_limit": 2.0}), "new": (1, {}),
        "x": (1, {}),
    }  # fmt: skip


def test_two_labels_become_one_unless_they_say_different_things(labelled: Labelled) -> None:
    torrent = labelled.node.add(TORRENT, labels=("a", "b"))
    labelled.say("a", speed_limit_up=1)
    labelled.say("b", speed_limit_up=2)
    with pytest.raises(P2pdError, match="says other things"):
        labelled.network.result(labelled.labels.rename("a", "b"))
    assert torrent.record.labels == ("a", "b")
    labelled.say("b", speed_limit_up=1)
    assert labelled.network.result(labelled.labels.rename("a", "b")) == 1
    assert labelled.shown() == {"b": (1, {"speed_limit_up": 1})}


def test_a_label_is_forgotten(labelled: Labelled) -> None:
    torrent = labelled.node.add(TORRENT, labels=("a", "b"))
    labelled.say("a", download_dir="/a")
    labelled.network.result(labelled.labels.remove("a", from_torrents=False))
    assert labelled.shown() == {"a": (1, {}), "b": (1, {})}
    labelled.network.result(labelled.labels.remove("a", from_torrents=True))
    assert torrent.record.labels == ("b",)
    for wrong in (labelled.labels.remove("a", from_torrents=True), labelled.trackers.remove("a")):
        with pytest.raises(P2pdError, match="there is no"):
            labelled.network.result(wrong)


def test_what_is_null_is_said_no_more(labelled: Labelled) -> None:
    labelled.say("a", download_dir="/a", seed_limit_action="remove")
    labelled.say("a", download_dir=None)
    assert labelled.shown() == {"a": (0, {"seed_limit_action": "remove"})}
    assert labelled.node.saved_settings["label_rules"] == {"a": {"seed_limit_action": "remove"}}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("a,b", {}), (" ", {}), ("x" * 256, {}), ("a\0", {}), ("\ud800", {}),
        ("a", {"download_dir": "here"}), ("a", {"download_dir": "/" + "x" * 5000}),
        ("a", {"seed_ratio_mode": 3}), ("a", {"seed_ratio_limit": float("nan")}),
        ("a", {"seed_ratio_limit": True}), ("a", {"seed_idle_limit": -1}),
        ("a", {"seed_limit_action": "sell"}), ("a", {"label": "b"}), ("a", {"move_torrents": 1}),
        ("a", {"speed_limit_up": 1.5}),
    ],
)  # fmt: skip
def test_what_a_label_cannot_say_is_refused(
    labelled: Labelled, name: str, rule: dict[str, Any]
) -> None:
    with pytest.raises(P2pdError):
        labelled.say(name, **rule)
    assert labelled.shown() == {}


@pytest.mark.parametrize("host", ["", "a b", "a/b", "x" * 300, "é" * 200, "\udc80"])
def test_what_is_no_host_is_refused(labelled: Labelled, host: str) -> None:
    with pytest.raises(P2pdError, match="not the name of a host"):
        labelled.rule(host, label="a")


def test_there_are_only_so_many_rules(labelled: Labelled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pd.automation.rule_books.MOST_RULES", 2)
    labelled.say("a")
    labelled.say("b")
    with pytest.raises(P2pdError, match="rules already"):
        labelled.say("c")
    labelled.say("b", speed_limit_up=1)
