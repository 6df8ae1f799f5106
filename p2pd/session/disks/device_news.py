"""What torrents and the log hear of a disk that fell silent or full, or is well again."""

from __future__ import annotations

from typing import Any, Iterable, Protocol

from twisted.logger import Logger

from p2pd.session.disks.devices import Device


class NewsHost(Protocol):
    """What is needed of the session."""

    log: Logger
    activity: Any

    @property
    def torrents(self) -> Iterable[Any]: ...


def device_changed(host: NewsHost, device: Device) -> None:
    """Its torrents say so; who moved away, or rests, need not hear of it."""
    there = [t for t in host.torrents if t.content is not None and t.content.device is device]
    for torrent in there:
        host.activity.changed(torrent)
    folders = sorted({torrent.record.download_dir for torrent in there})
    state = "is well again"
    if device.silent:
        state = "does not answer; its torrents wait"
    elif device.lacks_room:
        state = "is full; downloads wait until there is room"
    if folders:
        host.log.warn("the disk of {folders} {state}", folders=", ".join(folders), state=state)
