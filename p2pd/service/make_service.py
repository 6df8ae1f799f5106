"""The service that twistd runs: folders and ports are taken here, before anything is started.

Whatever cannot be had is one line on stderr and exit status 1, with nothing half-started.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Mapping, Sequence

from twisted.internet.threads import deferToThreadPool

from p2pd.base.errors import ConfigError, P2pdError
from p2pd.protocols.mse.keystream import available
from p2pd.service.config import Config
from p2pd.service.control_part import ControlPart
from p2pd.service.control_token import given_token_path, load_token, read_given_token, token_path
from p2pd.service.ending import (
    end_at_once_when_stopped,
    end_failed,
    end_well_on_sigterm,
    reload_on_sighup,
)
from p2pd.service.folders import (
    FolderLock,
    Place,
    download_folder,
    has_run,
    make_writable,
    state_folder,
)
from p2pd.service.log_output import rotating_file
from p2pd.service.logging import Log
from p2pd.service.node import Node, NodePart
from p2pd.service.notify import ServiceManager
from p2pd.service.options import Options, refuse
from p2pd.service.reloading import Reloading
from p2pd.session.connecting.opener import NO_RC4

__all__ = ["Options", "makeService", "make_service"]

DEFAULT_LOG_FILE = "twistd.log"

Compose = Callable[[Config, Place, Any], Sequence[NodePart]]


def makeService(options: Options) -> Node:  # noqa: N802 - Twisted's name
    """What the plugin names: the daemon on the reactor of this process."""
    # Here and not above: a mistake in the options is answered before the daemon is even loaded.
    from twisted.internet import reactor

    from p2pd.service.composition import compose

    log = _open_log(options)
    node = make_service(options, reactor, compose, log)
    end_well_on_sigterm(reactor)
    end_at_once_when_stopped(reactor, log.drain)
    reload_on_sighup(reactor, node.reload)
    return node


def make_service(options: Options, reactor: Any, compose: Compose, log: Log) -> Node:
    """The daemon, with its folders and ports taken. Ends the program when they cannot be had."""
    config = options.config
    lock = FolderLock(state_folder(config))
    try:
        place = _take_place(config, lock)
        return _make_node(options, place, reactor, compose, log)
    except P2pdError as problem:
        lock.release()
        refuse(" ".join(str(problem).split()))


def _take_place(config: Config, lock: FolderLock) -> Place:
    state, downloads = state_folder(config), download_folder(config)
    make_writable(state, mode=0o700)
    lock.take()
    if not has_run(state):
        # Later it may be on a volume that is not there yet: what is on other disks runs without.
        make_writable(downloads)
    if not config.control.auth:
        return Place(state, downloads, None)
    given = given_token_path()
    if given is not None:
        return Place(state, downloads, read_given_token(given), given)
    return Place(state, downloads, load_token(state), token_path(state))


def _make_node(options: Options, place: Place, reactor: Any, compose: Compose, log: Log) -> Node:
    config = options.config
    _refuse_what_cannot_be(config)
    manager = ServiceManager(reactor)
    parts = compose(config, place, reactor)
    reloading = Reloading(
        config,
        lambda: _read_again(options, parts),
        [*parts, log],
        manager,
        lambda job: deferToThreadPool(reactor, reactor.getThreadPool(), job),
    )

    def ready(status: str) -> None:
        manager.ready(status)
        reloading.begin()

    def stopping() -> None:
        reloading.end()
        manager.stopping()

    node = Node(
        parts,
        reactor,
        starting=manager.starting,
        ready=ready,
        failed=lambda sentence: end_failed(reactor, sentence, log.drain),
        stopping=stopping,
        stopped=manager.stopped,
        reload=reloading.again,
        observer=log.observer,
    )
    node.prepare()
    return node


def _read_again(options: Options, parts: Sequence[NodePart]) -> Config:
    """As at the start; in a thread. Raises ConfigError."""
    config = options.read()
    _refuse_what_cannot_be(config)
    if download_folder(config) != download_folder(options.config):
        make_writable(download_folder(config))
    for part in parts:
        if isinstance(part, ControlPart):
            part.reread()
    return config


def _refuse_what_cannot_be(config: Config) -> None:
    # Going on without would be to send in the clear what its owner wanted hidden.
    if config.peers.encryption == "required" and not available():
        raise ConfigError(f"peers.encryption: {NO_RC4}")


def _open_log(options: Options) -> Log:
    """Where twistd was told to log, and else as configured. Ends the program when it cannot be."""
    process: Mapping[str, Any] = options.parent or {}
    chosen = options.config.logging
    if process.get("logger") is not None or process.get("syslog"):
        return Log(chosen)
    path = process.get("logfile") or chosen.file
    if path in ("", "-"):
        if process.get("nodaemon", True):
            return Log(chosen, sys.stdout)
        if path == "-":
            refuse("a daemon in the background cannot log to stdout")
    path = path or DEFAULT_LOG_FILE
    try:
        return Log(chosen, rotating_file(path, chosen.file_mib, chosen.files_kept))
    except OSError as problem:
        refuse(f"{path}: cannot be logged to: {problem.strerror}")
