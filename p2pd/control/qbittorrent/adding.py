"""torrents/add: torrents from files, magnet links and URLs, with what they are to begin with."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.logger import Logger

from p2pd.base.errors import P2pdError
from p2pd.control.errors import RpcError
from p2pd.control.methods.torrent_add import TorrentAdder
from p2pd.control.qbittorrent.call import Action, Answer, Call, check_role, may
from p2pd.control.qbittorrent.labels import Labels, category_name, tag_names
from p2pd.control.qbittorrent.limits import kilobytes
from p2pd.control.qbittorrent.preferences import is_queueing
from p2pd.control.qbittorrent.refusals import ApiError, refusal_of, wrong
from p2pd.control.qbittorrent.share_limits import asked_limits
from p2pd.formats.file_names import NO_SUBFOLDER, ORIGINAL, SUBFOLDER
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.queueing.queue_order import QueueMove
from p2pd.session.torrents.torrent_requests import TorrentChanges

MAX_TORRENTS = 100
"""Of one call."""

STOP_CONDITIONS = ("MetadataReceived", "FilesChecked")
"""Of a .torrent file the metadata is there, and it is paused at once; its files are looked at."""

NOT_A_TORRENT = 415
CONTENT_LAYOUTS = {"Original": ORIGINAL, "Subfolder": SUBFOLDER, "NoSubfolder": NO_SUBFOLDER}
NOTHING = ("undefined", "null")

_log = Logger()


@dataclass(frozen=True, slots=True)
class _Afterwards:
    """What the torrents of a call get once they are here."""

    limits: TorrentChanges | None
    on_top: bool
    unchecked: bool
    """Whether data that is there is believed."""


class Adding:
    """The action that adds torrents."""

    def __init__(self, api: SessionApi, adder: TorrentAdder, labels: Labels) -> None:
        self._api = api
        self._adder = adder
        self._labels = labels

    def actions(self) -> dict[str, Action]:
        """By path."""
        return {"torrents/add": Action(self.add, "torrent_add")}

    async def add(self, call: Call) -> Answer:
        """`Ok.` if one of them is new, `Fails.` if none is; 415 for what is no torrent."""
        _leave_out_unfilled(call)
        sources = list(_sources(call))
        if not sources:
            raise wrong("there is neither a file nor a URL")
        if len(sources) > MAX_TORRENTS:
            raise wrong(f"more than {MAX_TORRENTS} torrents at a time")
        on_top = bool(call.flag("addToTopOfQueue")) and is_queueing(self._api.settings)
        if on_top:
            check_role("queue_move_top")
        unchecked = bool(call.flag("skip_checking")) and may("torrent_import")
        after = _Afterwards(_limits(call), on_top, unchecked)
        params = await self._params(call)
        outcomes = [await self._add_one({**source, **params}, after) for source in sources]
        if True in outcomes:
            return "Ok."
        for refused in outcomes:
            if isinstance(refused, ApiError) and refused.status == NOT_A_TORRENT:
                raise refused
        return "Fails."

    async def _params(self, call: Call) -> dict[str, Any]:
        """What torrent_add is told of each of them."""
        params: dict[str, Any] = {**asked_limits(call), "labels": await self._labels_for(call)}
        folder, automatic = call.text("savepath", "").strip(), call.flag("autoTMM")
        if folder and not automatic:
            params["download_dir"] = folder
        elif automatic is False:
            # The category's folder is for automatic management alone.
            params["download_dir"] = self._api.settings.download_dir
        if name := call.text("rename", "").strip():
            params["name"] = name
        params["content_layout"] = _content_layout(call)
        if cookie := call.text("cookie", "").strip():
            params["cookies"] = cookie
        stopped = call.flag("paused") if call.flag("stopped") is None else call.flag("stopped")
        if stopped is not None:
            params["paused"] = stopped
        if call.text("stopCondition", "") in STOP_CONDITIONS:
            params["metadata_only"] = True
        if (in_order := call.flag("sequentialDownload")) is not None:
            params["sequential_download"] = in_order
        return params

    async def _labels_for(self, call: Call) -> list[str]:
        category = call.text("category", "").strip()
        if category and category_name(category) not in self._labels.rules:
            check_role("session_set")
            await self._labels.create(category, "")
        tags = tag_names(call.text("tags", "").split(","))
        return list(dict.fromkeys([category, *tags] if category else tags))

    async def _add_one(self, params: Mapping[str, object], after: _Afterwards) -> bool | ApiError:
        try:
            answer = await self._adder.add(params, unchecked=after.unchecked)
            added = self._api.find(answer.get("torrent_added", {}).get("id", 0))
            if added is not None:
                await self._finish(added, after)
        except (P2pdError, RpcError) as problem:
            refused = refusal_of(problem) or ApiError(409, str(problem))
            _log.info("a torrent was not added: {problem}", problem=refused.sentence)
            return refused
        return "torrent_added" in answer

    async def _finish(self, torrent: TorrentView, after: _Afterwards) -> None:
        """What torrent_add does not take is done when it is here."""
        if after.limits is not None:
            await self._api.change(torrent, after.limits)
        if after.on_top:
            await self._api.move_in_queue([torrent], QueueMove.TOP)


def _content_layout(call: Call) -> str:
    """Raises ApiError. Before Web API 2.7 it was `root_folder`."""
    own_folder = call.text("root_folder", "").lower()  # or `unset`
    if own_folder in ("true", "false"):
        return ORIGINAL if own_folder == "true" else NO_SUBFOLDER
    word = call.text("contentLayout", "Original")
    if word not in CONTENT_LAYOUTS:
        raise wrong(f"contentLayout is one of {', '.join(CONTENT_LAYOUTS)}")
    return CONTENT_LAYOUTS[word]


def _leave_out_unfilled(call: Call) -> None:
    """Pages write their word for nothing where a form was not filled in."""
    fields = call.form.fields
    call.form.fields = {name: fields[name] for name in fields if fields[name] not in NOTHING}


def _sources(call: Call) -> Iterator[dict[str, str]]:
    """Where each torrent is, as torrent_add is told it. Raises ApiError."""
    for content in call.form.files:
        yield {"metainfo": base64.b64encode(content).decode("ascii")}
    for line in call.text("urls", "").splitlines():
        if url := line.strip():
            if url.startswith("/"):
                raise wrong("a URL is asked for, or a magnet link: not a path")
            yield {"filename": url}


def _limits(call: Call) -> TorrentChanges | None:
    down, up = call.whole("dlLimit", -1), call.whole("upLimit", -1)
    if down <= 0 and up <= 0:
        return None
    return TorrentChanges(
        download_limit=kilobytes(down) if down > 0 else None,
        download_limited=True if down > 0 else None,
        upload_limit=kilobytes(up) if up > 0 else None,
        upload_limited=True if up > 0 else None,
    )
