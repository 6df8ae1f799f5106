"""Torrents that wait their turn: to download, to seed; over restarts, checks, and what users do."""

from __future__ import annotations

import random
from typing import Any
from unittest.mock import Mock

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.errors import P2pdError, StateError, StorageError
from p2pd.session.api import TorrentStatus
from p2pd.session.queueing.queue_order import QueueMove
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.queue_books import check_queues

PIECE = 16 * 1024
WAITS, RUNS = TorrentStatus.DOWNLOAD_WAIT, TorrentStatus.DOWNLOADING
SEED_WAITS, SEEDS = TorrentStatus.SEED_WAIT, TorrentStatus.SEEDING
STOPPED = TorrentStatus.STOPPED

CONTENTS = [{f"{number}.bin": random.Random(number).randbytes(4 * PIECE)} for number in range(5)]
TORRENTS = [make_torrent(files, piece_length=PIECE, name=min(files)) for files in CONTENTS]


def queued(network: MemoryNetwork, downloads: int = 2, **options: Any) -> SimNode:
    """A node that downloads so many at a time."""
    return SimNode(
        network, "10.0.0.3", download_queue_enabled=True, download_queue_size=downloads, **options
    )


def statuses(node: SimNode) -> list[TorrentStatus]:
    return [torrent.status for torrent in node.control.torrents()]


def positions(node: SimNode) -> list[int]:
    return [torrent.queue_position for torrent in node.control.torrents()]


def view(node: SimNode, torrent: Torrent) -> Any:
    found = node.control.find(torrent.record.id)
    assert found is not None
    return found


def ask(network: MemoryNetwork, node: SimNode, what: str, torrent: Torrent) -> None:
    network.result(getattr(node.control, what)(view(node, torrent)))
    network.run(1)


def seeded(network: MemoryNetwork, *numbers: int) -> SimNode:
    """A node that has these."""
    seed = SimNode(network, "10.0.0.1")
    for number in numbers:
        seed.put(TORRENTS[number], CONTENTS[number])
    return seed


def set_settings(network: MemoryNetwork, node: SimNode, **settings: Any) -> None:
    network.result(node.control.change_settings(settings))
    network.run(1)


# -- turns ---------------------------------------------------------------------------------------


def test_so_many_download_and_the_others_wait_until_a_place_is_free(network: MemoryNetwork) -> None:
    node = queued(network)
    torrents = [node.add(torrent) for torrent in TORRENTS[:4]]
    assert statuses(node) == [RUNS, RUNS, WAITS, WAITS]
    assert positions(node) == [0, 1, 2, 3]
    assert not any(torrent.record.paused for torrent in torrents), "nobody chose that they stop"
    ask(network, node, "stop", torrents[0])
    assert statuses(node) == [STOPPED, RUNS, RUNS, WAITS]
    ask(network, node, "start", torrents[0])
    assert statuses(node) == [WAITS, RUNS, RUNS, WAITS]
    ask(network, node, "stop", torrents[1])
    assert statuses(node) == [RUNS, STOPPED, RUNS, WAITS], "the first in the queue has the place"


def test_one_that_is_complete_leaves_its_place(network: MemoryNetwork) -> None:
    seed, node = seeded(network, 0), queued(network, 1)
    first, second = [node.add(torrent) for torrent in TORRENTS[:2]]
    assert statuses(node) == [RUNS, WAITS]
    node.connect(first, seed.address)
    network.run_until(first.is_complete, limit=30)
    network.run(1)
    assert statuses(node) == [SEEDS, RUNS]
    assert second.running


def test_one_that_is_complete_waits_to_seed_if_that_queue_is_full(network: MemoryNetwork) -> None:
    seed = seeded(network, 0)
    node = queued(network, 2, seed_queue_enabled=True, seed_queue_size=1)
    node.put(TORRENTS[1], CONTENTS[1])
    first = node.add(TORRENTS[0])
    node.connect(first, seed.address)
    network.run_until(first.is_complete, limit=30)
    network.run(1)
    assert statuses(node) == [SEEDS, SEED_WAITS]
    assert not first.running
    assert node.announcers[-1].events == ["started", "completed", "stopped"]
    assert node.session.connections.total == 0
    set_settings(network, node, seed_queue_enabled=False)
    assert statuses(node) == [SEEDS, SEEDS]


def test_what_was_moved_up_is_next_and_nobody_is_stopped_for_it(network: MemoryNetwork) -> None:
    node = queued(network, 1)
    torrents = [node.add(torrent) for torrent in TORRENTS[:4]]
    network.result(node.control.move_in_queue([view(node, torrents[3])], QueueMove.TOP))
    network.run(1)
    assert statuses(node) == [RUNS, WAITS, WAITS, WAITS]
    assert positions(node) == [1, 2, 3, 0]
    ask(network, node, "stop", torrents[0])
    assert statuses(node) == [STOPPED, WAITS, WAITS, RUNS]
    changes = TorrentChanges(queue_position=0)
    network.result(node.control.change(view(node, torrents[2]), changes))
    ask(network, node, "stop", torrents[3])
    assert statuses(node) == [STOPPED, WAITS, RUNS, STOPPED]


def test_start_now_waits_for_nobody(network: MemoryNetwork) -> None:
    node = queued(network, 1)
    torrents = [node.add(torrent) for torrent in TORRENTS[:3]]
    ask(network, node, "start_now", torrents[2])
    assert statuses(node) == [RUNS, WAITS, RUNS]
    ask(network, node, "stop", torrents[0])
    assert statuses(node) == [STOPPED, WAITS, RUNS], "it has the one place"
    network.run(31 * 60)
    assert statuses(node) == [STOPPED, RUNS, RUNS], "it is stalled"
    ask(network, node, "start_now", torrents[2])
    check_queues(node)
    ask(network, node, "stop", torrents[1])
    ask(network, node, "start", torrents[1])
    set_settings(network, node, download_queue_size=0)
    assert statuses(node) == [STOPPED, WAITS, RUNS]


def test_a_torrent_with_an_error_has_no_place(network: MemoryNetwork) -> None:
    node = queued(network, 1)
    torrents = [node.add(torrent) for torrent in TORRENTS[:2]]
    torrents[0].fail("the disk is broken")
    network.run(1)
    assert statuses(node) == [STOPPED, RUNS]
    ask(network, node, "start", torrents[0])
    assert statuses(node) == [WAITS, RUNS]
    assert not torrents[0].error


def test_one_whose_disk_refuses_at_the_start_gives_its_place_to_the_next(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = queued(network, 1)
    torrents = [node.add(torrent, paused=True) for torrent in TORRENTS[:2]]
    refuses = Mock(side_effect=StorageError("there is no room"))
    monkeypatch.setattr(node.storage(torrents[0]), "prepare", refuses)
    for torrent in torrents:
        ask(network, node, "start", torrent)
    assert statuses(node) == [STOPPED, RUNS]


def test_a_check_has_no_place(network: MemoryNetwork) -> None:
    node = queued(network, 1)
    first, _ = [node.add(torrent) for torrent in TORRENTS[:2]]
    verified = Deferred.fromCoroutine(first.verify())
    network.run_until(lambda: first.opening.check is not None)
    network.run(0.1)
    assert statuses(node)[1] is RUNS
    network.result(verified)
    network.run(1)
    assert statuses(node) == [WAITS, RUNS]


def test_a_removed_one_gives_its_place_to_the_next(network: MemoryNetwork) -> None:
    node = queued(network, 1)
    torrents = [node.add(torrent) for torrent in TORRENTS[:3]]
    network.result(node.session.remove(torrents[0], delete_data=True))
    network.run(1)
    assert statuses(node) == [RUNS, WAITS]
    assert positions(node) == [0, 1]


# -- settings ------------------------------------------------------------------------------------


def test_the_queue_is_turned_on_made_smaller_bigger_and_turned_off(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.3")
    torrents = [node.add(torrent) for torrent in TORRENTS[:4]]
    assert statuses(node) == [RUNS] * 4
    set_settings(network, node, download_queue_enabled=True, download_queue_size=3)
    assert statuses(node) == [RUNS, RUNS, RUNS, WAITS]
    set_settings(network, node, download_queue_size=1)
    assert statuses(node) == [RUNS, WAITS, WAITS, WAITS]
    set_settings(network, node, download_queue_size=2)
    assert statuses(node) == [RUNS, RUNS, WAITS, WAITS]
    set_settings(network, node, download_queue_enabled=False)
    assert statuses(node) == [RUNS] * 4
    assert not any(torrent.record.paused for torrent in torrents)


@pytest.mark.parametrize(
    "wrong", [{"download_queue_size": -1}, {"queue_stalled_minutes": 0}, {"seed_queue_size": True}]
)
def test_settings_that_make_no_sense_are_refused(
    network: MemoryNetwork, wrong: dict[str, Any]
) -> None:
    node = queued(network)
    with pytest.raises(P2pdError, match="whole number"):
        network.result(node.control.change_settings(wrong))


# -- stalled -------------------------------------------------------------------------------------


def test_a_stalled_download_lets_the_next_one_run_and_counts_when_it_moves(
    network: MemoryNetwork,
) -> None:
    node = queued(network, 1, queue_stalled_minutes=10)
    first, second, third = [node.add(torrent) for torrent in TORRENTS[:3]]
    network.run(598)
    assert statuses(node) == [RUNS, WAITS, WAITS]
    network.run(3)
    assert statuses(node) == [RUNS, RUNS, WAITS]
    assert [torrent.is_stalled for torrent in node.control.torrents()] == [True, False, False]
    seed = seeded(network, 0)

    node.connect(first, seed.address)
    network.run_until(lambda: first.record.downloaded > 0, limit=30)
    assert not view(node, first).is_stalled
    network.run_until(first.is_complete, limit=30)
    network.run(1)
    assert statuses(node) == [SEEDS, RUNS, WAITS], "the second has the one place"
    assert second.running
    assert not third.running


def test_stalled_torrents_count_when_the_settings_say_so(network: MemoryNetwork) -> None:
    node = queued(network, 1, queue_stalled_minutes=10)
    torrents = [node.add(torrent) for torrent in TORRENTS[:3]]
    network.run(601)
    assert statuses(node) == [RUNS, RUNS, WAITS]
    set_settings(network, node, queue_stalled_enabled=False)
    ask(network, node, "stop", torrents[1])
    assert statuses(node) == [RUNS, STOPPED, WAITS]
    network.run(1000)
    assert statuses(node) == [RUNS, STOPPED, WAITS]
    set_settings(network, node, queue_stalled_enabled=True)
    assert statuses(node) == [RUNS, STOPPED, RUNS]


# -- restarts, and rest --------------------------------------------------------------------------


def again(network: MemoryNetwork, node: SimNode, **settings: Any) -> SimNode:
    node.stop()
    other = SimNode(network, "10.0.0.3", store=node.store, disk=node.disk, seed=2, **settings)
    network.run(2)
    return other


def test_after_a_restart_the_first_ones_of_the_kept_order_run(network: MemoryNetwork) -> None:
    node = queued(network, 2)
    torrents = [node.add(torrent) for torrent in TORRENTS]
    chosen = [view(node, torrent) for torrent in torrents[3:]]
    network.result(node.control.move_in_queue(chosen, QueueMove.TOP))
    ask(network, node, "stop", torrents[4])
    assert positions(node) == [2, 3, 4, 0, 1]
    queue = {"download_queue_enabled": True, "download_queue_size": 2}
    node = again(network, node, **queue)
    assert positions(node) == [2, 3, 4, 0, 1]
    assert statuses(node) == [RUNS, WAITS, WAITS, RUNS, STOPPED]
    late = node.add(make_torrent({"late": b"late"}))
    assert view(node, late).queue_position == 5


def test_of_torrents_at_rest_only_those_whose_turn_it_is_seed(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.3")
    for torrent, files in zip(TORRENTS[:3], CONTENTS, strict=False):
        node.put(torrent, files)
    node = again(network, node, seed_queue_enabled=True, seed_queue_size=1)
    assert all(torrent.resting for torrent in node.session.torrents)
    assert statuses(node) == [SEEDS, SEED_WAITS, SEED_WAITS]
    assert [each.events for each in node.announcers] == [["started"], [], []]
    network.run(30 * 60)
    assert statuses(node) == [SEEDS, SEEDS, SEED_WAITS], "the first one is stalled"
    set_settings(network, node, seed_queue_enabled=False)
    assert statuses(node) == [SEEDS] * 3
    network.run(1)
    assert [each.events for each in node.announcers] == [["started"]] * 3


def test_seeds_at_rest_take_no_part_while_there_is_no_such_queue(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.3")
    for torrent, files in zip(TORRENTS[:3], CONTENTS, strict=False):
        node.put(torrent, files)
    node = again(network, node, download_queue_enabled=True)
    assert statuses(node) == [SEEDS] * 3
    assert not node.session.queues._line_of
    assert not node.session.queues._alarms


def test_who_follows_looks_at_all_positions_when_they_shift(network: MemoryNetwork) -> None:
    node = queued(network)
    torrents = [node.add(torrent) for torrent in TORRENTS[:3]]
    watch = node.session.activity.watch(lambda: None)
    network.result(node.control.move_in_queue([view(node, torrents[2])], QueueMove.BOTTOM))
    assert not watch.take().everything, "it is there already"
    network.result(node.control.move_in_queue([view(node, torrents[2])], QueueMove.TOP))
    assert watch.take().everything
    network.result(node.session.remove(torrents[1], delete_data=False))
    assert not watch.take().everything, "it was the last"
    network.result(node.session.remove(torrents[2], delete_data=False))
    assert watch.take().everything


def test_a_database_that_refuses_is_told_in_words(network: MemoryNetwork) -> None:
    node = queued(network)
    torrents = [node.add(torrent) for torrent in TORRENTS[:3]]
    chosen = [view(node, torrent) for torrent in torrents[1:]]
    node.store.fault = StateError("the database is full")
    with pytest.raises(StateError, match="the database is full"):
        network.result(node.control.move_in_queue(chosen, QueueMove.TOP))
    assert positions(node) == [2, 0, 1], "until the next start they stand there all the same"
