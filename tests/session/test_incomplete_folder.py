"""Downloads live in a folder of their own until they are complete, and seed all the time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from p2pd.base.errors import P2pdError, StateError
from p2pd.session.session_events import EventKind, TorrentEvent
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.three_files import FILES, TORRENT, have
from tests.session.two_disks import WHOLE, disk_node, put_files, restarted_node, seeding, tree


@pytest.fixture
def seed(network: MemoryNetwork, tmp_path: Path) -> SimNode:
    """Has the torrent."""
    folder = tmp_path / "seed"
    folder.mkdir()
    node = disk_node(network, folder)
    seeding(network, node, folder / "one")
    return node


@pytest.fixture
def node(network: MemoryNetwork, tmp_path: Path) -> SimNode:
    """Downloads to the folder `two`, and has what is incomplete in `one`."""
    return apart(disk_node(network, tmp_path, "10.0.0.2"), tmp_path)


def apart(node: SimNode, base: Path) -> SimNode:
    settings = node.session.settings
    settings.download_dir = str(base / "two")
    settings.incomplete_dir, settings.incomplete_dir_enabled = str(base / "one"), True
    return node


def begun(network: MemoryNetwork, node: SimNode, seed: SimNode, count: int = 10) -> Torrent:
    """A torrent in the middle of its download."""
    torrent = node.add(TORRENT)
    node.connect(torrent, seed.address)
    network.run_until(lambda: have(torrent).count >= count)
    assert not have(torrent).is_full
    return torrent


def folders(node: SimNode, torrent: Torrent) -> tuple[str, str]:
    """Where it is to be, and is, by their names."""
    view = node.control.find(torrent.record.id)
    assert view is not None
    return Path(view.download_dir).name, Path(view.current_dir).name


def locate(node: SimNode, torrent: Torrent, folder: Path, *, move: bool = True) -> None:
    view = node.control.find(torrent.record.id)
    assert view is not None
    node.network.result(node.control.set_location(view, str(folder), move=move))


def test_it_goes_where_it_is_to_be_when_it_is_complete(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = begun(network, node, seed)
    assert folders(node, torrent) == ("two", "one")
    assert not (tmp_path / "two").exists()
    assert tree(tmp_path / "one")
    stopped: list[bool] = []
    network.run_until(lambda: stopped.append(torrent.running) or have(torrent).is_full)  # type: ignore[func-returns-value]
    network.run_until(lambda: torrent.record.final_dir == "", limit=60)
    network.run_until(lambda: node.session.moves.of(torrent) is None, limit=60)
    assert folders(node, torrent) == ("two", "two")
    assert tree(tmp_path / "two") == WHOLE
    assert tree(tmp_path / "one") == {}
    assert all(stopped)
    assert torrent.running
    assert node.store.rows[torrent.record.id].final_dir == ""


def test_who_has_a_folder_has_one_for_what_is_incomplete(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = node.add(TORRENT, apart="ann", download_dir=str(tmp_path / "two/ann"))
    assert torrent.record.download_dir == str(tmp_path / "one/ann")
    node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.record.final_dir == "", limit=60)
    assert tree(tmp_path / "two/ann") == WHOLE


class Finding:
    """Hears that something is done, and looks at once what is where it is said to be."""

    def __init__(self, node: SimNode) -> None:
        self.kinds: list[str] = []
        self.found: list[dict[str, bytes]] = []
        self._node = node
        node.control.events.listen(self._heard)

    def _heard(self, event: TorrentEvent) -> None:
        self.kinds.append(str(event.kind))
        if event.kind is EventKind.DONE:
            view = self._node.control.find(event.hash_string)
            assert view is not None
            assert event.detail == {"downloaded": True}
            self.found.append(tree(Path(view.download_dir)))


@pytest.mark.parametrize("named_apart", [False, True])
def test_it_is_done_when_it_is_where_it_is_to_be(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path, named_apart: bool
) -> None:
    node.session.settings.rename_partial_files = named_apart
    hearing = Finding(node)
    begun(network, node, seed)
    network.run_until(lambda: bool(hearing.found), limit=60)
    assert hearing.kinds == ["added", "started", "moved", "done"]
    assert hearing.found == [WHOLE]
    network.run(30.0)
    assert hearing.kinds[4:] == []


def test_it_is_done_when_its_files_have_their_names(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    settings = node.session.settings
    settings.incomplete_dir_enabled, settings.rename_partial_files = False, True
    hearing = Finding(node)
    begun(network, node, seed)
    network.run_until(lambda: bool(hearing.found), limit=60)
    assert hearing.kinds == ["added", "started", "done"]
    assert hearing.found == [WHOLE]


def test_one_that_is_told_to_stay_where_it_is_is_done_there(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    hearing = Finding(node)
    (tmp_path / "two/folder").mkdir(parents=True)
    (tmp_path / "two/folder/c.bin").mkdir()  # in its way
    torrent = begun(network, node, seed)
    network.run_until(lambda: have(torrent).is_full)
    network.run(30.0)
    assert hearing.found == []
    locate(node, torrent, tmp_path / "one")
    network.run_until(lambda: bool(hearing.found))
    assert hearing.kinds == ["added", "started", "done"]


@pytest.mark.parametrize("stopped", [False, True])
def test_what_is_off_later_strands_nothing_also_over_a_restart(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path, stopped: bool
) -> None:
    begun(network, node, seed)
    if stopped:
        node.stop()
    again, back = restarted_node(network, node, tmp_path)
    assert not again.session.settings.incomplete_dir_enabled
    network.run_until(lambda: back.running)
    again.connect(back, seed.address)
    network.run_until(lambda: tree(tmp_path / "two") == WHOLE, limit=120)
    network.run_until(lambda: tree(tmp_path / "one") == {}, limit=60)


def test_a_kill_between_the_last_piece_and_the_move(
    network: MemoryNetwork, node: SimNode, tmp_path: Path
) -> None:
    put_files(tmp_path / "one")
    torrent = node.add(TORRENT)
    network.run_until(lambda: node.session.moves.of(torrent) is None and torrent.running, limit=60)
    node.stop()
    row = node.store.rows[torrent.record.id]
    assert row.is_whole
    row.download_dir, row.final_dir = row.download_dir, str(tmp_path / "three")
    row.completed_at = 5.0
    network.listeners.pop(node.address, None)
    again = disk_node(
        network, tmp_path, node.address.host, store=node.store, journal=node.journal, seed=2
    )
    hearing = Finding(again)
    network.run_until(lambda: tree(tmp_path / "three") == WHOLE, limit=60)
    (back,) = again.session.torrents
    network.run_until(lambda: again.session.moves.of(back) is None, limit=60)
    assert back.record.final_dir == ""
    assert hearing.found == [WHOLE]
    assert hearing.kinds == ["moved", "done"]


def test_data_that_is_there_already_is_used_where_it_is(
    network: MemoryNetwork, node: SimNode, tmp_path: Path
) -> None:
    put_files(tmp_path / "two")
    (tmp_path / "two/folder/c.bin").unlink()
    torrent = node.add(TORRENT)
    network.run_until(lambda: torrent.running)
    assert folders(node, torrent) == ("two", "two")
    assert have(torrent).count == 20
    assert tree(tmp_path / "one") == {}


def test_a_selection_that_is_complete_goes_home(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = node.add(TORRENT, files_wanted=(0,))
    node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.record.final_dir == "", limit=60)
    assert tree(tmp_path / "two")["folder/a.bin"] == FILES["a.bin"]


def test_one_that_is_told_to_go_elsewhere_goes_there_when_it_is_complete(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = begun(network, node, seed)
    locate(node, torrent, tmp_path / "three")
    assert folders(node, torrent) == ("three", "one")
    network.run_until(lambda: have(torrent).is_full)
    network.run_until(lambda: tree(tmp_path / "three") == WHOLE, limit=60)
    assert not (tmp_path / "two").exists()


def test_one_that_is_told_to_stay_stays(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = begun(network, node, seed)
    locate(node, torrent, tmp_path / "one")
    assert folders(node, torrent) == ("one", "one")
    network.run_until(lambda: have(torrent).is_full)
    network.run(30.0)
    assert tree(tmp_path / "one") == WHOLE


def test_what_is_found_elsewhere_is_there_for_good(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = begun(network, node, seed)
    put_files(tmp_path / "three")
    locate(node, torrent, tmp_path / "three", move=False)
    network.run_until(lambda: have(torrent).is_full, limit=60)
    network.run(30.0)
    assert folders(node, torrent) == ("three", "three")


def test_what_is_in_the_way_is_waited_for(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = begun(network, node, seed)
    (tmp_path / "two/folder").mkdir(parents=True)
    (tmp_path / "two/folder/b.bin").write_text("a user's")
    network.run_until(lambda: have(torrent).is_full)
    network.run_until(lambda: "already" in getattr(node.session.moves.of(torrent), "trouble", ""))
    assert torrent.running
    assert tree(tmp_path / "one") == WHOLE
    (tmp_path / "two/folder/b.bin").unlink()
    network.run_until(lambda: tree(tmp_path / "two") == WHOLE, limit=60)


def test_a_database_that_refuses_is_asked_again(
    network: MemoryNetwork, node: SimNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Any) -> None:
        raise StateError("full")

    with monkeypatch.context() as patched:
        patched.setattr(node.journal, "save", refused)
        put_files(tmp_path / "one")
        torrent = node.add(TORRENT)
        network.run_until(lambda: torrent.running)
        assert have(torrent).is_full
    network.run_until(lambda: tree(tmp_path / "two") == WHOLE, limit=60)


def test_it_is_removed_from_where_it_is(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = begun(network, node, seed)
    network.result(node.session.remove(torrent, delete_data=True))
    assert tree(tmp_path / "one") == {}


@pytest.mark.parametrize(
    "settings",
    [{"incomplete_dir_enabled": False}, {"incomplete_dir": ""}, {"incomplete_dir": "{base}/two"}],
)
def test_where_there_is_no_such_folder_it_is_where_it_goes(
    network: MemoryNetwork, node: SimNode, tmp_path: Path, settings: dict[str, Any]
) -> None:
    values = {
        name: value.format(base=tmp_path) if isinstance(value, str) else value
        for name, value in settings.items()
    }
    network.result(node.control.change_settings(values))
    torrent = node.add(TORRENT)
    assert folders(node, torrent) == ("two", "two")
    assert torrent.record.final_dir == ""


def test_settings_are_checked(network: MemoryNetwork, node: SimNode) -> None:
    for wrong in ({"incomplete_dir": "relative"}, {"incomplete_dir_enabled": 1}):
        with pytest.raises(P2pdError):
            network.result(node.control.change_settings(wrong))
