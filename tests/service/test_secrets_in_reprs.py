"""What is logged, or shown of a mistake, has no secret in it: no repr of a class has one."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest

import p2pd

SECRET = re.compile(
    r"secret|private_key|pass(phrase|word|wd)|token|credential|cookie|authorization"
    r"|(^|_)(seal|pem|environ)($|_)|^key$"
)
"""Names of fields that may hold one."""

PLAIN = {
    "clients.top.cells.Column.key": "a key of the keyboard",
    "automation.hooks.command_runner._Waiting.key": "which hook it is of",
    "automation.rss.feed_reader.FeedItem.key": "by what an item is known again",
    "automation.swarm_ca.issuer.Answered.token": "the id of a token",
    "control.access.caller.Identity.key": "what a key is called",
    "discovery.dht.stores.DhtStores.tokens": "has no repr of its own",
    "protocols.enrolment.exchange.Request.token": "the id of a token",
    "protocols.enrolment.token.Token.secret": "shows the id that is made of it",
    "protocols.lsd.LsdAnnounce.cookie": "is in each datagram (BEP 14)",
    "protocols.peerwire.extensions.p2pd_node.NodeProof.key": "a public key",
    "protocols.tracker.announce.AnnounceRequest.key": "is for the trackers that are announced to",
    "reachability.port_mapper._Ways.secret": "a function",
    "service.folders.Place.token_file": "where it is",
    "service.keys_section.KeysSection.passphrase_file": "where it is",
    "session.nodes.nodes_api.NodeIdentity.key": "a public key",
    "session.revoking.endings.Ending.key": "by what an end is known again",
    "session.revoking.swarm_revoking.Swarm.key": "an info-hash",
    "session.torrents.torrent_requests.AddTorrent.secret_of": "the id of a torrent",
    "state.audit.AuditEntry.key": "what a key is called",
    "state.rss.ItemRow.key": "by what an item is known again",
    "state.swarm_ca.book.Book.tokens": "tokens without their secrets",
    "state.swarm_ca.book.Issued.key": "the digest of a public key",
    "state.swarm_ca.enrolled.Enrolled.ca_pem": "a certificate",
    "state.swarm_ca.enrolled.Enrolled.certificate_pem": "a certificate",
    "swarm.trusted_nodes.TrustedNode.key": "a public key",
    "tracker.swarm_store.SwarmPeer.key": "is told by who announces (BEP 7)",
    "transports.encryption.secret_openings.SecretSwarm.secret": "hides itself",
}
"""Those that hold none, and what they hold."""


class Marked(str):
    """A value that is known again."""

    __slots__ = ()


MARK = Marked("the very secret")


def modules() -> Iterator[Any]:
    """All of p2pd but what runs when it is imported."""
    for found in pkgutil.walk_packages(p2pd.__path__, "p2pd."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def fields_of(kind: type) -> list[str]:
    """Those of a dataclass or a named tuple."""
    if dataclasses.is_dataclass(kind):
        return [each.name for each in dataclasses.fields(kind)]
    named: list[str] = list(getattr(kind, "_fields", ())) if issubclass(kind, tuple) else []
    return named


def suspects() -> list[tuple[str, type, str]]:
    """Each field whose name may be that of a secret, with its class."""
    found = []
    for module in modules():
        kinds = (each for each in vars(module).values() if inspect.isclass(each))
        for kind in (each for each in kinds if each.__module__ == module.__name__):
            for name in filter(SECRET.search, fields_of(kind)):
                place = f"{kind.__module__}.{kind.__qualname__}.{name}".removeprefix("p2pd.")
                found.append((place, kind, name))
    return found


SUSPECTS = suspects()


def with_mark(kind: type, marked: str) -> Any:
    """One of a class whose field has the mark; the others are empty."""
    values = {name: MARK if name == marked else "" for name in fields_of(kind)}
    if issubclass(kind, tuple):
        return kind._make(values.values())  # type: ignore[attr-defined]
    made = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, id=place)
        for place, kind, name in SUSPECTS
        if place not in PLAIN and not place.startswith("testing.")
    ],
)
def test_no_repr_shows_a_secret(kind: type, name: str) -> None:
    assert MARK not in repr(with_mark(kind, name))


def test_what_is_said_to_be_plain_is_there_still() -> None:
    assert set(PLAIN) <= {place for place, *_ in SUSPECTS}


def test_a_repr_that_shows_one_would_be_found() -> None:
    @dataclasses.dataclass
    class Open:
        secret: str

    assert fields_of(Open) == ["secret"]
    assert MARK in repr(with_mark(Open, "secret"))
