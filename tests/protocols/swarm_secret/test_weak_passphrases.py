"""Which passphrases are refused: those that everybody tries first, in whatever disguise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.protocols.swarm_secret.secret import Passphrase, SwarmSecret, read_secret
from p2pd.protocols.swarm_secret.weak_passphrases import LEAST_WORTH, worth

WORDS = st.sampled_from(["walnut", "ferry", "copper", "lantern", "otter", "violin", "gravel"])
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize(
    "text",
    [
        "password1234",
        "P@ssw0rd P@ssw0rd",
        "pass-word pass-word",
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "zyxwvutsrqponm",
        "qwertyuiop12",
        "1qaz2wsx3edc",
        "correct horse battery staple",
        "iloveyou2024!",
        "summer2024summer",
        "Hunter2Hunter2",
        "long" * 200,
        "123456789012345678901234567890",
        "493817265019",
        "!" * 40,
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44 1234",
        "x" * 1024,
    ],
)
def test_what_everybody_tries_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(FormatError, match="guessed first") as refusal:
        read_secret(text)
    assert text not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    ["k3jf82hs91lq", "walnut ferry copper", "31415926535897932384626433832795", "Tr0ub4dor&3xx"],
)
def test_others_are_taken(text: str) -> None:
    assert read_secret(text) == Passphrase(text)


@given(st.lists(WORDS, min_size=5, max_size=5, unique=True))
def test_five_different_words_are_taken(words: list[str]) -> None:
    assert isinstance(read_secret(" ".join(words)), Passphrase)


@pytest.mark.parametrize(
    "text",
    ["Big Bucks Bunny 2008", "big.bucks.bunny.2008", "bunny bucks big!", "A1B2C3D4E5F6A7B8!"],
)
def test_what_is_known_of_the_torrent_is_refused(text: str) -> None:
    known = ["Big.Bucks.Bunny.2008", "big", "bucks", "bunny", "2008", "a1b2c3d4e5f6a7b8"]
    with pytest.raises(FormatError, match="guessed first"):
        read_secret(text, known)


def test_a_secret_is_not_weighed() -> None:
    secret = SwarmSecret(bytes(32))
    assert read_secret(secret.text(), [secret.text()]) == secret


def test_hardly_any_random_one_is_refused() -> None:
    rng = random.Random(1)
    tried = ["".join(rng.choices(LETTERS, k=12)) for _ in range(2000)]
    assert sum(worth(text) < LEAST_WORTH for text in tried) <= 2


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=5))
def test_nothing_counts_for_more_than_it_has_and_what_is_known_never_adds(
    text: str, known: list[str]
) -> None:
    alone = worth(text)
    assert 0 <= alone <= 256
    assert worth(text * 2) <= alone + 3
    assert worth(text, [text]) <= max(alone, 2)
    assert worth(text, known) <= alone + 2, "a piece of a row may be a piece of a word then"
