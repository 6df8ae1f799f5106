"""What a title must, or must not, contain: words with wildcards, or a regular expression.

Words cost as much as the title and they are long. A regular expression has `SECONDS` for a title
(the package `regex` has such a bound, the extra ``rss``); what takes longer matches nothing, and
its rule says so. Its repeats may not multiply, for they are unrolled before there is any title.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from p2pd.automation.refusals import RefusedError

try:
    import regex  # type: ignore[import-untyped]
except ImportError:
    regex = None

ABSENT = "regular expressions need the package regex: install p2pd[rss]"

WORDS, REGEX = "words", "regex"
SYNTAXES = (WORDS, REGEX)

LONGEST = 500
"""Characters of a filter."""

SECONDS = 0.05
MOST_REPEATS = 2000

_COUNT = re.compile(r"\{\s*([0-9]*)\s*(?:,\s*([0-9]*)\s*)?\}")


class TooSlowError(RefusedError):
    """A regular expression took too long over a title."""


class TitleFilter(Protocol):
    """What is asked of a title."""

    def matches(self, title: str) -> bool:
        """Raises TooSlowError."""


def title_filter(text: str, syntax: str) -> TitleFilter | None:
    """The filter of a text; None for an empty one. Raises RefusedError with a sentence."""
    if len(text) > LONGEST:
        raise RefusedError(f"a filter is longer than {LONGEST} characters")
    if not text.strip():
        return None
    return Expression(text) if syntax == REGEX else Words(text)


class Words:
    """All words of one of the alternatives, in any order, anywhere: ``big film|other *1080p``.

    Alternatives are parted by ``|``, words by blanks; ``*`` stands for anything, ``?`` for one
    character. Case makes no difference.
    """

    def __init__(self, text: str) -> None:
        alternatives = [each.split() for each in text.casefold().split("|")]
        self._alternatives = [[_Word(word) for word in each] for each in alternatives if each]
        if not self._alternatives:
            raise RefusedError("a filter has no word in it")

    def matches(self, title: str) -> bool:
        """Whether it has them."""
        folded = title.casefold()
        return any(all(word.within(folded) for word in each) for each in self._alternatives)


class _Word:
    """Parts that follow each other, with anything between them."""

    def __init__(self, text: str) -> None:
        self._parts = [part for part in text.split("*") if part]

    def within(self, title: str) -> bool:
        # The first place of each part leaves the most to the others.
        start = 0
        for part in self._parts:
            found = _find(title, part, start)
            if found < 0:
                return False
            start = found + len(part)
        return True


def _find(title: str, part: str, start: int) -> int:
    if "?" not in part:
        return title.find(part, start)
    for place in range(start, len(title) - len(part) + 1):
        if all(x in ("?", y) for x, y in zip(part, title[place:], strict=False)):
            return place
    return -1


class Expression:
    """A regular expression that is looked for anywhere; case makes no difference."""

    def __init__(self, text: str) -> None:
        """Raises RefusedError."""
        if regex is None:
            raise RefusedError(ABSENT)
        if _unrolled(text) > MOST_REPEATS:
            raise RefusedError("the regular expression repeats too often")
        try:
            self._compiled: Any = regex.compile(text, regex.IGNORECASE)
        except (regex.error, RecursionError, MemoryError, OverflowError, ValueError) as problem:
            words = str(problem)[:200] or type(problem).__name__
            raise RefusedError(f"the regular expression makes no sense: {words}") from None

    def matches(self, title: str) -> bool:
        """Raises TooSlowError."""
        try:
            return self._compiled.search(title, timeout=SECONDS) is not None
        except (TimeoutError, MemoryError, RecursionError):
            raise TooSlowError("its regular expression takes too long") from None


def _unrolled(text: str) -> int:
    """How often its counted repeats repeat, if each were within all others."""
    product = 1
    for low, high in _COUNT.findall(text):
        product *= max(1, *(int(each[:9]) for each in (low, high) if each), 1)
    return product
