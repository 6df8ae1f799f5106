"""How much of a passphrase has to be guessed: what everybody tries first hardly counts.

It is a bound from below, against the worst: what passes may still be a word of somebody's diary.
Nothing is looked up elsewhere, and no entropy is claimed.
"""

from __future__ import annotations

import unicodedata
from typing import Iterable

LEAST_WORTH = 10
"""Characters that have to count."""

WORD_WORTH = 2
"""Of a word that is known: which one, and where it stands."""

_RUN_WORTH = 2
_LOOKED_AT = 256
"""Characters: whoever has more than that, and they count for nothing, has said too little."""

_LEAST_AGAIN = 3
"""Characters that have to be the same for them to be said again."""

_LOOKALIKES = str.maketrans("013457@$!", "oieastasi")

_ROWS = (
    "`1234567890-=",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiopü+",
    "yxcvbnm,.-",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
)

_LISTED = """
password passwort passphrase passwd pass motdepasse contrasena senha parola secret geheim private
privat letmein welcome willkommen hello hallo login admin administrator root user guest test
testing demo default changeme change please open sesame master access system server computer
internet network router wireless wifi home office work company business summer winter spring
autumn january february march april may june july august september october november december
monday tuesday wednesday thursday friday saturday sunday love iloveyou iloveu lovely baby angel
princess prince sunshine moonlight flower rainbow butterfly dragon monkey tiger shadow superman
batman spiderman starwars pokemon football baseball basketball hockey soccer fussball liverpool
arsenal chelsea michael jennifer jessica jordan thomas daniel george charlie andrew ashley nicole
hunter buster trustno killer cheese pepper ginger cookie chocolate banana matrix freedom forever
whatever nothing blink google facebook youtube microsoft windows linux ubuntu debian torrent
bittorrent seedbox transmission qbittorrent p2pd swarm movie film music video download share
sharing peer friends family jesus money correcthorsebatterystaple
"""

_WORDS = frozenset(_LISTED.split())
_LONGEST = max(map(len, _WORDS))
_SHORTEST = min(map(len, _WORDS))


def worth(text: str, known: Iterable[str] = ()) -> int:
    """Characters of it that count; `known` are words besides that everybody would try."""
    plain = _plain(text)
    words = {_plain(word) for word in known}
    words = {word for word in words if len(word) > WORD_WORTH}
    unlike = plain.translate(_LOOKALIKES)
    at, counted = 0, 0
    while at < len(plain):
        size, value = max(
            (_word(plain, unlike, at, words), WORD_WORTH),
            (_run(plain, at), _RUN_WORTH),
            (_again(plain, at), 1),
            (1, 1),
            key=lambda found: (found[0] - found[1], found[0]),
        )
        at, counted = at + size, counted + value
    return counted if any(map(str.isalpha, plain)) else counted // 2


def _plain(text: str) -> str:
    """Without what is the same to a guesser: case, blanks, and what joins words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = [letter for letter in folded if letter not in "-_." and not letter.isspace()]
    return "".join(kept[:_LOOKED_AT])


def _word(plain: str, unlike: str, at: int, words: set[str]) -> int:
    """How many characters from there are a word that is known; 0: none are."""
    own = max((len(word) for word in words if plain.startswith(word, at)), default=0)
    for size in range(min(_LONGEST, len(plain) - at), max(own, _SHORTEST - 1), -1):
        if plain[at : at + size] in _WORDS or unlike[at : at + size] in _WORDS:
            return size
    return own


def _run(plain: str, at: int) -> int:
    """How many are one again and again, or follow each other in the alphabet or on a keyboard."""
    best = 0
    for step in (0, 1, -1):
        end = at + 1
        while end < len(plain) and ord(plain[end]) - ord(plain[end - 1]) == step:
            end += 1
        best = max(best, end - at)
    for row in _ROWS:
        for line in (row, row[::-1]):
            end = at + 1
            while end < len(plain) and plain[end - 1 : end + 1] in line:
                end += 1
            best = max(best, end - at)
    return best if best > _RUN_WORTH else 0


def _again(plain: str, at: int) -> int:
    """How many were said before in the same order, or are being said; 0: too few."""
    size = 0
    while at + size < len(plain) and plain.find(plain[at : at + size + 1], 0, at + size) >= 0:
        size += 1
    return size if size >= _LEAST_AGAIN else 0
