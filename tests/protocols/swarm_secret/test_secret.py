"""The secret of a swarm: written down and read again, made of a passphrase, and what follows."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.protocols.swarm_secret import secret as module
from p2pd.protocols.swarm_secret.secret import Passphrase, SwarmSecret, read_secret

ONE, TWO = b"1" * 20, b"2" * 20
KEYS = st.binary(min_size=32, max_size=32)
SECRET = SwarmSecret(bytes(range(32)))


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCRYPT_N", 2)


def grouped(text: str) -> str:
    digits = text.removeprefix("p2pd-").replace("-", "")
    return "p2pd-" + "-".join(digits[at : at + 8] for at in range(0, len(digits), 8))


def test_it_is_always_written_the_same() -> None:
    assert SECRET.text() == grouped(SECRET.text())
    assert read_secret(SECRET.text()) == SECRET
    assert len(SECRET.text()) == len("p2pd-") + 56 + 6


@given(KEYS)
def test_what_is_written_is_read_again(key: bytes) -> None:
    secret = SwarmSecret(key)
    text = secret.text()
    for written in (
        text,
        f" {text.upper()}\n",
        text.replace("-", " ").replace("p2pd ", "p2pd-", 1),
    ):
        assert read_secret(written) == secret
    assert read_secret("p2pd-" + text[5:].replace("o", "0").replace("l", "1")) == secret


@given(KEYS, st.integers(5, 66), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_letter_that_is_wrong_is_noticed(key: bytes, at: int, letter: str) -> None:
    text = SwarmSecret(key).text()
    wrong = text[:at] + letter + text[at + 1 :]
    if text[at] == "-" or wrong == text:
        return
    with pytest.raises(FormatError, match="mistyped") as refusal:
        read_secret(wrong)
    assert text[5:13] not in str(refusal.value)


@pytest.mark.parametrize("text", ["p2pd-", "p2pd-abc", "P2PD-" + "a" * 56, "p2pd-" + "!" * 56])
def test_what_begins_like_one_is_no_passphrase(text: str) -> None:
    with pytest.raises(FormatError, match="mistyped"):
        read_secret(text)


@pytest.mark.parametrize("text", ["", "short", " eleven char ", "\ud800" * 12, "long" * 257])
def test_what_is_no_good_passphrase_is_refused_in_words(text: str) -> None:
    with pytest.raises(FormatError) as refusal:
        read_secret(text)
    assert "passphrase" in str(refusal.value)


@pytest.mark.usefixtures("cheap")
def test_a_passphrase_is_another_secret_for_every_torrent() -> None:
    one = read_secret(" correct horse battery\n")
    assert isinstance(one, Passphrase)
    assert one == read_secret("correct horse battery")
    assert one.stretched(ONE).key == one.stretched(ONE).key != one.stretched(TWO).key
    other = read_secret("correct horse batterz")
    assert isinstance(other, Passphrase)
    assert other.stretched(ONE).key != one.stretched(ONE).key
    composed, decomposed = "caf\u00e9 noisette", "cafe\u0301 noisette"
    assert read_secret(composed) == read_secret(decomposed), "keyboards differ"


def test_a_passphrase_is_stretched_by_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        hashlib, "scrypt", lambda text, **how: asked.append((text, how)) or b"k" * 32
    )
    assert Passphrase("some long words").stretched(ONE) == SwarmSecret(b"k" * 32)
    ((text, how),) = asked
    assert (text, how["n"], how["r"], how["p"]) == (b"some long words", 2**17, 8, 1)
    assert how["salt"] == b"p2pd swarm secret 1 passphrase\0" + ONE
    assert how["maxmem"] > 128 * how["n"] * how["r"] * 1.1, "or the library refuses"


@given(KEYS, KEYS)
def test_what_follows_from_it_tells_torrents_and_purposes_apart(one: bytes, other: bytes) -> None:
    first = SwarmSecret(one)
    found = {first.name_of(ONE), first.name_of(TWO), first.key_of(ONE), first.key_of(TWO), one}
    assert len(found) == 5
    assert first.key_of(ONE)[:20] != first.name_of(ONE)
    assert [len(first.name_of(ONE)), len(first.key_of(ONE))] == [20, 32]
    second = SwarmSecret(other)
    assert (second.name_of(ONE) == first.name_of(ONE)) is first.is_same_as(second) is (one == other)


def test_nothing_shows_it_by_accident() -> None:
    assert "\\x01" not in repr(SECRET)
    assert "horse" not in repr(Passphrase("correct horse battery"))


def test_new_ones_differ() -> None:
    rng = random.Random(1)
    assert len({SwarmSecret.new(rng).key for _ in range(10)}) == 10
