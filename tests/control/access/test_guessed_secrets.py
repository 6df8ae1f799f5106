"""Who adds another's torrent, or the same once more, does not find out its secret."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.base.errors import P2pdError
from p2pd.control.access.caller import Caller, Identity, NotPermittedError, called_by
from p2pd.control.access.callers_session import CallersSession
from p2pd.control.access.roles import Role
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.importing.import_requests import ImportTorrent
from p2pd.session.secrets.guesses import AT_ONCE, SECONDS_EACH
from p2pd.session.secrets.secret_torrents import NOT_THIS, TOO_MANY
from p2pd.session.torrents.torrent_requests import AddTorrent
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.secret_nodes import HYBRID, SECRET, SEED, V1, WRONG

ANN, EVE = (Caller(Identity(name, Role.ADD_ONLY, own_only=True)) for name in ("ann", "eve"))
HASHES = parse_torrent(HYBRID).info_hashes
assert HASHES.v2 is not None
MADE_UP = (
    f"magnet:?xt=urn:btih:{'ab' * 20}&xt=urn:btmh:1220{HASHES.v2.hex()}"
    "&tr=http%3A%2F%2Feve.example%2Fannounce"
)


class House:
    """A daemon with two users."""

    def __init__(self) -> None:
        self.network = MemoryNetwork(Clock())
        self.node = SimNode(self.network, SEED)
        self.callers: Any = CallersSession(self.node.control)

    def asked(self, who: Caller, call: Any) -> Any:
        """The answer, or what was raised."""
        done: list[Any] = []
        called_by(who, lambda: Deferred.fromCoroutine(call())).addBoth(done.append)
        self.network.run_until(lambda: bool(done), limit=5)
        return getattr(done[0], "value", done[0])

    def adds(self, who: Caller, secret: str, **what: Any) -> Any:
        return self.asked(who, lambda: self.callers.add(AddTorrent(secret=secret, **what)))

    def imports(self, who: Caller, secret: str, **what: Any) -> Any:
        request = ImportTorrent(AddTorrent(secret=secret, **what))
        return self.asked(who, lambda: self.callers.import_torrent(request))


@pytest.fixture
def house() -> House:
    return House()


@pytest.mark.parametrize("what", [{"torrent": HYBRID}, {"magnet": MADE_UP}])
@pytest.mark.parametrize("way", ["adds", "imports"])
def test_another_users_is_refused_alike_whatever_the_secret(
    house: House, way: str, what: dict[str, Any]
) -> None:
    """Also if a hash that nobody has stands before its own."""
    house.adds(ANN, SECRET, torrent=HYBRID)
    (had,) = house.node.session.torrents
    trackers = had.record.trackers
    for secret in (SECRET, WRONG, ""):
        answer = getattr(house, way)(EVE, secret, **what)
        assert isinstance(answer, NotPermittedError), answer
    assert list(house.node.session.torrents) == [had]
    assert had.record.trackers == trackers
    assert len(house.node.session.secrets._known) == 1, "of what others tried nothing is kept"
    answer = house.adds(ANN, SECRET, torrent=HYBRID)
    assert answer.duplicate, "what others tried counts nothing"


def test_who_sees_it_is_told_a_few_times_and_then_nothing_for_a_while(house: House) -> None:
    house.adds(ANN, SECRET, torrent=V1)
    answers = [str(house.adds(ANN, WRONG, torrent=V1)) for _ in range(AT_ONCE)]
    assert answers == [NOT_THIS] * AT_ONCE
    assert str(house.adds(ANN, SECRET, torrent=V1)) == TOO_MANY, "right or not"
    assert str(house.adds(ANN, WRONG, torrent=V1)) == TOO_MANY
    assert house.adds(ANN, "", torrent=V1).duplicate, "without one nothing is asked"
    house.network.run(SECONDS_EACH + 1)
    assert house.adds(ANN, SECRET, torrent=V1).duplicate
    assert str(house.adds(ANN, SECRET, torrent=V1)) == TOO_MANY


def test_torrents_have_their_own_and_gone_ones_none(house: House) -> None:
    house.adds(ANN, SECRET, torrent=V1)
    (had,) = house.node.session.torrents
    guesses = house.node.session.secrets._guesses
    for _ in range(AT_ONCE + 1):
        assert isinstance(house.adds(ANN, WRONG, torrent=V1), P2pdError)
    house.adds(ANN, SECRET, torrent=HYBRID)
    assert str(house.adds(ANN, WRONG, torrent=HYBRID)) == NOT_THIS
    assert len(guesses) == 2
    house.network.result(house.node.session.remove(had, delete_data=False))
    assert len(guesses) == 1
