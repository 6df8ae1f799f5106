"""transfer/…: what the session as a whole does, its speed limits, and bans."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from p2pd.base.addresses import PeerAddress, canonical_host, parse_address
from p2pd.base.errors import FormatError, P2pdError
from p2pd.control.qbittorrent.call import Action, Answer, Call
from p2pd.control.qbittorrent.limits import MOST, in_bytes, kilobytes, shown
from p2pd.control.qbittorrent.preferences import is_queueing, limit_changes
from p2pd.control.qbittorrent.refusals import wrong
from p2pd.session.api import SessionApi

MAX_BANS = 2000
RECENT_SECONDS = 60.0
LOOKED_AT = 50
"""Torrents that are looked at for somebody who dialled us."""

SPACE_SECONDS = 10.0
"""So long what was asked of the disk holds."""


class Transfer:
    """The actions on the session's traffic."""

    def __init__(self, api: SessionApi, wall_clock: Callable[[], float]) -> None:
        self._api = api
        self._wall_clock = wall_clock
        self._space = (0.0, "", 0)

    def actions(self) -> dict[str, Action]:
        """By path."""
        return {
            "transfer/info": Action(self.info, "session_stats"),
            "transfer/speedLimitsMode": Action(self.speed_limits_mode, "session_get"),
            "transfer/toggleSpeedLimitsMode": Action(self.toggle_speed_limits_mode, "session_set"),
            "transfer/setSpeedLimitsMode": Action(self.set_speed_limits_mode, "session_set"),
            "transfer/downloadLimit": Action(self.download_limit, "session_get"),
            "transfer/setDownloadLimit": Action(self.set_download_limit, "session_set"),
            "transfer/uploadLimit": Action(self.upload_limit, "session_get"),
            "transfer/setUploadLimit": Action(self.set_upload_limit, "session_set"),
            "transfer/banPeers": Action(self.ban_peers, "peer_ban"),
        }

    def facts(self) -> dict[str, Any]:
        """Rates, totals of this run, and how well peers can reach us."""
        summary = self._api.summary()
        return {
            "connection_status": self._connection_status(),
            "dht_nodes": self._dht_nodes(),
            "dl_info_data": summary.this_run.downloaded,
            "dl_info_speed": int(summary.rate_download),
            "dl_rate_limit": in_bytes(summary.limit_down),
            "up_info_data": summary.this_run.uploaded,
            "up_info_speed": int(summary.rate_upload),
            "up_rate_limit": in_bytes(summary.limit_up),
        }

    async def server_state(self) -> dict[str, Any]:
        """The same and more, as sync/maindata has it."""
        summary = self._api.summary()
        sent, received = summary.all_runs.uploaded, summary.all_runs.downloaded
        peers = summary.descriptors.connections if summary.descriptors else 0
        return {
            **self.facts(),
            "alltime_dl": received,
            "alltime_ul": sent,
            "free_space_on_disk": await self._free_space(),
            "global_ratio": f"{sent / received:.2f}" if sent and received else "-",
            "queueing": is_queueing(self._api.settings),
            "queued_io_jobs": 0,
            "read_cache_hits": f"{_cache_hits(summary.block_cache):.2f}",
            "refresh_interval": 1500,
            "total_buffers_size": summary.block_cache.used,
            "total_peer_connections": peers,
            "total_queued_size": summary.write_backlog,
            "use_alt_speed_limits": self._api.settings.alt_speed_enabled,
            "use_subcategories": False,
        }

    async def info(self, call: Call) -> Answer:
        """What goes on."""
        return self.facts()

    async def speed_limits_mode(self, call: Call) -> Answer:
        """1 while the alternative limits are in force, else 0."""
        return str(int(self._api.settings.alt_speed_enabled))

    async def toggle_speed_limits_mode(self, call: Call) -> Answer:
        """The other limits."""
        return await self._set(alt_speed_enabled=not self._api.settings.alt_speed_enabled)

    async def set_speed_limits_mode(self, call: Call) -> Answer:
        """The limits that are named: 1 for the alternative ones."""
        return await self._set(alt_speed_enabled=call.whole("mode") != 0)

    async def download_limit(self, call: Call) -> Answer:
        """What holds now, in bytes per second; 0: no limit."""
        return str(shown(self._api.settings.session_down))

    async def upload_limit(self, call: Call) -> Answer:
        """The same for what is sent."""
        return str(shown(self._api.settings.session_up))

    async def set_download_limit(self, call: Call) -> Answer:
        """Of the limits that hold now; 0: none."""
        return await self._set_limit("down", call.whole("limit"))

    async def set_upload_limit(self, call: Call) -> Answer:
        """The same for what is sent."""
        return await self._set_limit("up", call.whole("limit"))

    async def ban_peers(self, call: Call) -> Answer:
        """Ban the hosts of these peers, for good."""
        given = call.listed("peers")
        if len(given) > MAX_BANS:
            raise wrong(f"more than {MAX_BANS} peers")
        hosts = [host for each in given if (host := _host_of(each)) is not None]
        if hosts:
            self._api.ban(hosts, "by hand", 0)
        return ""

    async def _set_limit(self, way: str, limit: int) -> Answer:
        if self._api.settings.alt_speed_enabled:
            wanted = kilobytes(limit) if limit > 0 else MOST
            return await self._set(**{f"alt_speed_{way}": wanted})
        return await self._set(**limit_changes(f"speed_limit_{way}", limit))

    async def _set(self, **changes: Any) -> Answer:
        await self._api.change_settings(changes)
        return ""

    def _connection_status(self) -> str:
        fixed = self._api.settings.fixed
        if _is_name(fixed.get("peer_interface", "")) and not fixed["peer_interface_addresses"]:
            return "disconnected"
        recent = self._api.changed_since(self._wall_clock() - RECENT_SECONDS)
        dialled = (peer.incoming for torrent in islice(recent, LOOKED_AT) for peer in torrent.peers)
        return "connected" if any(dialled) else "firewalled"

    def _dht_nodes(self) -> int:
        """That our nodes know, and that may still be there."""
        network = self._api.dht.report().network
        return (
            0 if network is None else sum(each.good + each.questionable for each in network.nodes)
        )

    async def _free_space(self) -> int:
        now, folder = self._wall_clock(), self._api.settings.download_dir
        asked, of, free = self._space
        if of == folder and 0 <= now - asked < SPACE_SECONDS:
            return free
        try:
            free = (await self._api.free_space(folder)).free
        except P2pdError:
            free = -1
        self._space = (now, folder, free)
        return free


def _cache_hits(report: Any) -> float:
    all_blocks = report.at_once + report.hits + report.misses
    return 100 * (report.at_once + report.hits) / all_blocks if all_blocks else 0.0


def _is_name(interface: str) -> bool:
    """Whether it is the name of an interface, whose addresses come and go."""
    try:
        return not canonical_host(interface)
    except FormatError:
        return bool(interface)


def _host_of(given: str) -> PeerAddress | None:
    """The whole host of a peer's address."""
    try:
        return PeerAddress(parse_address(given).host, 0)
    except FormatError:
        pass
    try:
        return PeerAddress(canonical_host(given), 0)
    except FormatError:
        return None
