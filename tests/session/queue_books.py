"""What holds of the queues of a session whatever happened."""

from __future__ import annotations

from p2pd.testing import SimNode


def check_queues(node: SimNode) -> None:
    """Who runs has a place or is stalled, and no place is free while somebody waits."""
    queues, torrents = node.session.queues, list(node.session.torrents)
    assert sorted(queues.order.ids()) == [torrent.record.id for torrent in torrents]
    assert set(queues._line_of) <= set(torrents)
    for torrent in torrents:
        line = queues._line_of.get(torrent)
        if line is None:
            wanted = queues._seeds if torrent.will_seed else queues._downloads
            assert not (torrent.running and wanted.is_on)
            continue
        assert line.is_on
        assert torrent in line
        assert not (torrent.record.paused)
        assert not (torrent.error)
        assert not (torrent.missing.why)
        assert not (torrent.running and line.waits(torrent))
        assert (torrent in queues._since) != line.waits(torrent)
        assert torrent not in queues._alarms or line.counts(torrent)
    for line in (queues._downloads, queues._seeds):
        everyone = [*line.counted, *line.stalled, *line.waiting]
        assert all(queues._line_of[torrent] is line for torrent in everyone)
        assert not line.waiting or line.size is None or len(line.counted) >= line.size
