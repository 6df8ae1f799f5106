"""Rounds go on, whatever becomes of one."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from p2pd.automation.swarm_ca.rounds import Rounds


def test_one_that_fails_is_told_and_the_next_comes() -> None:
    clock, looks, told = Clock(), [], []

    async def look() -> None:
        looks.append(clock.seconds())
        if len(looks) == 2:
            raise LookupError("what nobody thought of")

    rounds = Rounds(look, 60.0, "the CAs", clock)
    globalLogPublisher.addObserver(told.append)
    try:
        rounds.start()
        clock.advance(60)
        clock.advance(60)
    finally:
        globalLogPublisher.removeObserver(told.append)
    assert looks == [0.0, 60.0, 120.0]
    (event,) = told
    assert event["what"] == "the CAs"
    assert event["log_failure"].check(LookupError)
    rounds.stop()
    clock.advance(600)
    assert len(looks) == 3


def test_none_begins_while_one_is_under_way() -> None:
    clock, waits = Clock(), []

    async def look() -> None:
        waits.append(Deferred[None]())
        await waits[-1]

    rounds = Rounds(look, 60.0, "the CAs", clock)
    rounds.start()
    clock.advance(200)
    assert len(waits) == 1
    waits[0].callback(None)
    clock.advance(60)
    assert len(waits) == 2
    rounds.stop()
    waits[1].callback(None)
    rounds.stop()
