"""p2pd's own: torrent_create, a torrent of what is on the daemon's machine, made as a task."""

from __future__ import annotations

from collections.abc import Mapping

from p2pd.base.addresses import split_host_port
from p2pd.base.errors import FormatError, P2pdError
from p2pd.control.errors import RpcCode, RpcError
from p2pd.control.methods.torrent_set import tracker_list
from p2pd.control.schema import (
    JsonObject,
    Param,
    absolute_path,
    bind,
    boolean,
    described,
    integer,
    labels,
    list_of,
    one_of,
    refuse,
    text,
)
from p2pd.formats.creator import CreationOptions
from p2pd.formats.x509.pem import MAX_PEM
from p2pd.session.api import SessionApi
from p2pd.session.creating.creation_api import CreateTorrent


@described({"type": "string", "maxLength": 300})
def host_port(name: str, value: object) -> tuple[str, int]:
    """A name or an address, and a port."""
    try:
        return split_host_port(text(300)(name, value))
    except FormatError as problem:
        raise refuse(f"{name}: {problem}") from None


CREATE_PARAMS = (
    Param("path", absolute_path),
    Param("version", one_of("v1", "v2", "hybrid"), "v1"),
    Param("piece_size", integer(0, 2**27), 0),
    Param("tracker_list", tracker_list, ()),
    Param("webseeds", list_of(text(2048), 100), ()),
    Param("nodes", list_of(host_port, 100), ()),
    Param("is_private", boolean, False),
    Param("source", text(1000), None),
    Param("comment", text(10_000), None),
    Param("tls_ca", text(MAX_PEM), None),
    Param("dated", boolean, True),
    Param("add", boolean, False),
    Param("paused", boolean, None),
    Param("labels", labels, ()),
)


async def create_torrent(
    api: SessionApi, params: Mapping[str, object], wall_time: float
) -> JsonObject:
    """Begin the task. Raises RpcError."""
    wanted = bind(params, CREATE_PARAMS)
    options = CreationOptions(
        version=wanted["version"],
        piece_length=wanted["piece_size"] or None,
        private=wanted["is_private"],
        source=wanted["source"],
        trackers=wanted["tracker_list"],
        web_seeds=wanted["webseeds"],
        nodes=wanted["nodes"],
        comment=wanted["comment"],
        creation_date=int(wall_time) if wanted["dated"] else None,
        authority=wanted["tls_ca"],
    )
    request = CreateTorrent(
        wanted["path"], options, wanted["add"], wanted["paused"], wanted["labels"]
    )
    try:
        return {"task_id": await api.creating.create(request)}
    except P2pdError as problem:
        raise RpcError(RpcCode.SYSTEM_ERROR, str(problem)) from None
