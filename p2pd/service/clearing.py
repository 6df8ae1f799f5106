"""What a kill left unfinished goes at the next start; the log says of each file that it went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.errors import P2pdError
from p2pd.state.leftovers import remove_leftovers
from p2pd.state.swarm_ca.store import SwarmCaStore

log = Logger()

InThread = Callable[[Callable[[], Any]], "Deferred[Any]"]


async def clear_state(state_folder: str, in_thread: InThread) -> None:
    """Of the state folder itself; before anything else is written there."""
    _tell(await in_thread(partial(remove_leftovers, state_folder)))


async def clear_authorities(store: SwarmCaStore, in_thread: InThread) -> None:
    """Of the CAs here, while others may be at work with them."""
    try:
        _tell(await in_thread(store.remove_leftovers))
    except P2pdError as problem:
        log.error("the CAs here cannot be looked through: {problem}", problem=problem)


def _tell(paths: Sequence[str]) -> None:
    for path in paths:
        log.info("{path} was left unfinished, and is removed", path=path)
