"""TLS handshakes between two ends in memory: who gets in, and who does not."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any, Callable, Sequence

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from p2pd.base.errors import FormatError
from p2pd.protocols.tls.client_hello import UNRECOGNIZED_NAME
from p2pd.transports.tls.context import TlsContext, swarm_context
from tests.transports.tls.swarm import (
    DAY,
    NAME,
    Authority,
    Later,
    Side,
    accepted,
    anybody,
    authority,
    carry,
    context,
    dialled,
    pair,
    plain_context,
    work_of,
)

HOUR = timedelta(hours=1)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 900), max_size=30), st.booleans())
def test_what_one_says_the_other_hears(sizes: list[int], writable: bool) -> None:
    one, other = dialled(), accepted()
    one.say(b"first")
    carry(one, other, sizes, writable=writable)
    assert other.heard == b"first"
    one.say(b" second")
    other.say(b"answer" * 100)
    carry(one, other, sizes, writable=writable)
    assert other.heard == b"first second"
    assert one.heard == b"answer" * 100
    assert not one.above.lost + other.above.lost


def test_both_know_each_other_and_have_a_secret_in_common() -> None:
    one, other = pair()
    for side in (one, other):
        assert side.stream.protocol == "TLSv1.3"
        assert side.stream.server_name == NAME
        assert side.stream.address == side.end.address
        assert side.stream.peer_certificate.issuer == authority().name
    assert one.stream.binding == other.stream.binding
    assert len(one.stream.binding) == 32
    assert one.stream.binding != pair()[0].stream.binding


def member(
    ca: Authority | None = None, trusts: Authority | None = None, **options: Any
) -> TlsContext:
    """A node with a certificate as given."""
    ca = ca or authority()
    check = options.pop("check", anybody)
    return swarm_context((trusts or authority()).pem, *ca.issue(**options), check=check)


REFUSED: dict[str, tuple[Callable[[], TlsContext], str]] = {
    "foreign": (lambda: member(Authority("another")), "it is of another CA"),
    "same name": (lambda: member(Authority()), "its signature is wrong"),
    "expired": (lambda: member(begin=-2 * DAY, end=-HOUR), "it has expired"),
    "not yet valid": (lambda: member(begin=HOUR), "it is not valid yet"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_dialler_whose_certificate_is_wrong_is_refused(name: str) -> None:
    make, words = REFUSED[name]
    one, other = dialled(make()), accepted()
    carry(one, other)
    assert other.above.stream is None
    assert other.above.lost == [f"the peer's certificate: {words}"]
    assert other.end.closed
    assert len(one.above.lost) == 1
    assert "alert" in one.above.lost[0]


@pytest.mark.parametrize("name", REFUSED)
def test_who_accepts_with_a_wrong_certificate_is_refused(name: str) -> None:
    make, words = REFUSED[name]
    one, other = dialled(), accepted(make())
    carry(one, other)
    assert one.above.stream is None
    assert one.above.lost == [f"the peer's certificate: {words}"]
    assert other.above.stream is None
    assert "alert" in other.above.lost[0]


@pytest.mark.parametrize("use", ["client", "server"])
def test_a_certificate_for_the_other_role_alone_is_refused(use: str) -> None:
    uses = {
        "client": [ExtendedKeyUsageOID.CLIENT_AUTH],
        "server": [ExtendedKeyUsageOID.SERVER_AUTH],
    }
    narrow = member(uses=uses[use])
    good = (dialled(narrow), accepted()) if use == "client" else (dialled(), accepted(narrow))
    carry(*good)
    assert all(side.above.stream for side in good)
    bad = (dialled(), accepted(narrow)) if use == "client" else (dialled(narrow), accepted())
    carry(*bad)
    reasons = [reason for side in bad for reason in side.above.lost]
    assert "the peer's certificate: it is not for this use" in reasons


@pytest.mark.parametrize("dials", [True, False])
def test_what_the_check_of_the_swarm_says_counts_on_either_side(dials: bool) -> None:
    judged: list[Sequence[x509.Certificate]] = []

    def check(chain: Sequence[x509.Certificate]) -> str | None:
        judged.append(list(chain))
        return "it is revoked"

    strict = member(check=check)
    sides = (dialled(strict), accepted()) if dials else (dialled(), accepted(strict))
    carry(*sides)
    side = sides[0 if dials else 1]
    assert side.above.lost == ["the peer's certificate: it is revoked"]
    assert side.above.stream is None
    assert [len(chain) for chain in judged] == [2]
    assert judged[0][0].issuer == judged[0][1].subject == authority().name
    assert judged[0][0] != judged[0][1]


def test_a_chain_by_way_of_another_ca_is_let_in() -> None:
    between = Authority("between", authority())
    certificate, key = between.issue()
    using = swarm_context(authority().pem, certificate + between.pem, key, check=anybody)
    one, other = dialled(using), accepted()
    one.say(b"hello")
    carry(one, other)
    assert other.heard == b"hello"


def foreign(made: SSL.Context, server_name: bytes = NAME.encode()) -> SSL.Connection:
    """A dialler that is not ours."""
    connection = SSL.Connection(made)
    if server_name:
        connection.set_tlsext_host_name(server_name)
    connection.set_connect_state()
    return connection


def shake(connection: SSL.Connection, side: Side, *, reads: bool = False) -> None:
    """Let a foreign dialler shake hands with us. Raises SSL.Error."""
    for _ in range(4):
        with contextlib.suppress(SSL.WantReadError):
            connection.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            side.hear(connection.bio_read(1 << 16))
        said = side.taken()
        if said:
            connection.bio_write(said)
    if reads:
        connection.recv(1)


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_who_shows_no_certificate_is_refused(version: int) -> None:
    side = accepted()
    connection = foreign(plain_context(authority().pem, version=version))
    with pytest.raises(SSL.Error, match=r"handshake failure|certificate required"):
        shake(connection, side, reads=True)
    assert side.above.stream is None
    assert side.above.lost == ["TLS: peer did not return a certificate"]


def test_tls_1_2_is_spoken_and_nothing_older() -> None:
    ours = authority().issue()
    side = accepted()
    connection = foreign(plain_context(authority().pem, *ours, version=SSL.TLS1_2_VERSION))
    shake(connection, side)
    connection.send(b"hello")
    side.hear(connection.bio_read(1000))
    assert side.heard == b"hello"
    assert side.stream.protocol == "TLSv1.2"
    assert side.stream.binding is None
    older = plain_context(authority().pem, *ours, version=SSL.TLS1_1_VERSION)
    older.set_cipher_list(b"ALL:@SECLEVEL=0")
    older.set_min_proto_version(SSL.TLS1_VERSION)
    side = accepted()
    with pytest.raises(SSL.Error, match="protocol version"):
        shake(foreign(older), side)
    assert side.above.stream is None


@pytest.mark.parametrize("name", [b"", b"b" * 40, b"a0" * 19, b"localhost"])
def test_who_names_no_swarm_that_is_here_hears_so_and_costs_nothing(name: bytes) -> None:
    later = Later()
    side = accepted(work=work_of(later))
    with pytest.raises(SSL.Error, match="unrecognized name"):
        shake(foreign(plain_context(authority().pem), name), side)
    assert side.end.writes == [len(UNRECOGNIZED_NAME)]
    assert side.end.closed
    assert side.above.lost == ["TLS: the peer asked for a swarm that is not here"]
    assert not later.line


@pytest.mark.parametrize("name", [NAME.upper(), NAME + ".example"])
def test_of_the_name_forty_digits_count(name: str) -> None:
    one, other = dialled(name=name), accepted()
    carry(one, other)
    assert other.stream.server_name == NAME


def test_each_swarm_has_a_context_of_its_own() -> None:
    """A member of one swarm is a stranger in the other, at the same port."""
    second = Authority("another")
    theirs = swarm_context(second.pem, *second.issue(), check=anybody)
    find = {NAME: context(), "b" * 40: theirs}.get
    for using, name, admitted in (
        (context(), NAME, True),
        (theirs, "b" * 40, True),
        (theirs, NAME, False),
        (context(), "b" * 40, False),
    ):
        one, other = dialled(using, name), accepted(find=find)
        carry(one, other)
        assert (other.above.stream is not None) is admitted


def test_nothing_is_resumed() -> None:
    ours = authority().issue()
    made = plain_context(authority().pem, *ours)
    side = accepted()
    first = foreign(made)
    shake(first, side)
    side.say(b"hello")
    first.bio_write(side.taken())
    assert first.recv(100) == b"hello"
    again, side = foreign(made), accepted()
    session = first.get_session()
    assert session is not None
    again.set_session(session)
    shake(again, side)
    assert side.above.stream is not None
    assert side.stream.peer_certificate
    assert again.get_finished() != first.get_finished()


# -- contexts ------------------------------------------------------------------------------------


def test_what_cannot_be_used_is_said_in_words() -> None:
    ca, (certificate, key) = authority().pem, authority().issue()
    other_key = authority().issue()[1]
    for arguments, words in (
        (("", certificate, key), "the swarm's CA is no certificate that can be used"),
        (("no PEM", certificate, key), "the swarm's CA is no certificate that can be used"),
        ((ca, "", key), "the certificate is none that can be used"),
        ((ca, certificate, ""), "the private key is none that can be used"),
        ((ca, certificate, other_key), "the private key is not the certificate's"),
        ((ca, certificate, certificate), "the private key is none that can be used"),
    ):
        with pytest.raises(FormatError) as caught:
            swarm_context(*arguments, check=anybody)
        assert str(caught.value) == words


def test_of_several_cas_the_first_counts() -> None:
    second = Authority("another")
    using = swarm_context(authority().pem + second.pem, *authority().issue(), check=anybody)
    one, other = dialled(member(second)), accepted(using)
    carry(one, other)
    assert other.above.lost == ["the peer's certificate: it is of another CA"]
