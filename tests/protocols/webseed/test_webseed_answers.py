"""Answers of web seeds: exactly what was asked for, or a sentence."""

from __future__ import annotations

from typing import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.webseed.answers import (
    LEAST_WAIT,
    MOST_WAIT,
    SeedError,
    Wanted,
    check_head,
    redirect_of,
    retry_after,
    seconds_in,
)

NOW = 1_700_000_000.0
PART = Wanted(100, 50, 1000)
WHOLE = Wanted(0, 1000, 1000)
PIECE = Wanted(0, 50, 0)


def headers(*pairs: tuple[str, str]) -> Callable[[str], Sequence[str]]:
    """Some headers."""
    return lambda name: [value for key, value in pairs if key.lower() == name]


def refused(code: int, wanted: Wanted, *pairs: tuple[str, str]) -> SeedError:
    """What is said of an answer."""
    with pytest.raises(SeedError) as caught:
        check_head(code, headers(*pairs), wanted, NOW)
    return caught.value


def content_range(value: str) -> tuple[str, str]:
    """The header."""
    return ("Content-Range", value)


@pytest.mark.parametrize(
    ("code", "wanted", "pairs"),
    [
        (206, PART, [content_range("bytes 100-149/1000")]),
        (206, PART, [content_range("bytes 100-149/*"), ("Content-Length", "50")]),
        (206, PART, [content_range(" BYTES  100-149/1000 "), ("Content-Encoding", "identity")]),
        (206, WHOLE, [content_range("bytes 0-999/1000")]),
        (200, WHOLE, [("Content-Length", "1000")]),
        (200, WHOLE, []),
        (200, PIECE, [("Content-Length", "50")]),
        (206, PIECE, []),
    ],
)
def test_what_is_as_it_was_asked_for_is_taken(
    code: int, wanted: Wanted, pairs: list[tuple[str, str]]
) -> None:
    check_head(code, headers(*pairs), wanted, NOW)


@pytest.mark.parametrize(
    ("code", "wanted", "pairs", "words", "missing"),
    [
        (200, PART, [], "parts of files", False),
        (200, Wanted(0, 50, 1000), [("Content-Length", "1000")], "parts of files", False),
        (200, WHOLE, [("Content-Length", "1001")], "another size", True),
        (200, PIECE, [("Content-Length", "51")], "another", True),
        (206, PART, [], "which part", False),
        (206, PART, [content_range("bytes 100-149")], "which part", False),
        (206, PART, [content_range("bytes */1000")], "which part", False),
        (206, PART, [content_range("items 100-149/1000")], "which part", False),
        (206, PART, [content_range("bytes 100-148/1000")], "another part", False),
        (206, PART, [content_range("bytes 0-49/1000")], "another part", False),
        (206, PART, [content_range("bytes 100-149/999")], "has 999 bytes", True),
        (206, PART, [content_range("bytes 100-149/1000"), ("Content-Length", "49")], "len", True),
        (206, PART, [content_range("bytes 100-149/1000"), ("Content-Length", "-1")], "no sense", 0),
        (
            206,
            PART,
            [content_range("bytes 100-149/1000"), ("Content-Encoding", "gzip")],
            "packs",
            0,
        ),
        (206, PART, [content_range("bytes 1-2/3"), content_range("bytes 100-149/1000")], "two", 0),
        (404, PART, [], "HTTP 404", True),
        (410, PART, [], "HTTP 410", True),
        (403, PART, [], "HTTP 403", True),
        (416, PART, [], "shorter", True),
        (500, PART, [], "HTTP 500", False),
        (418, PART, [], "HTTP 418", False),
        (304, PART, [], "HTTP 304", False),
        (429, PART, [], "busy", False),
    ],
)
def test_what_is_not_is_refused_in_words(
    code: int, wanted: Wanted, pairs: list[tuple[str, str]], words: str, missing: bool
) -> None:
    problem = refused(code, wanted, *pairs)
    assert words in str(problem)
    assert problem.missing == bool(missing)


def test_a_range_is_asked_for_as_http_has_it() -> None:
    assert PART.header == "bytes=100-149"
    assert PIECE.header == ""


def test_who_says_when_is_believed_within_bounds() -> None:
    for code in (429, 503, 500):
        assert refused(code, PART, ("Retry-After", "120")).wait == 120.0
    assert refused(503, PART, ("Retry-After", "999999999999")).wait == MOST_WAIT
    assert refused(503, PART, ("Retry-After", "0")).wait == LEAST_WAIT
    date = "Tue, 14 Nov 2023 22:14:20 GMT"
    assert refused(503, PART, ("Retry-After", date)).wait == pytest.approx(60.0)
    assert refused(503, PART, ("Retry-After", "soon")).wait == 0.0


def test_the_body_of_a_503_has_seconds() -> None:
    assert seconds_in(b" 30\r\n") == 30.0
    assert seconds_in(b"9" * 17) == MOST_WAIT
    assert seconds_in(b"<html>30</html>") == seconds_in(b"") == 0.0


def test_redirects() -> None:
    assert redirect_of(302, headers(("Location", "http://x/"))) == "http://x/"
    assert redirect_of(206, headers(("Location", "http://x/"))) is None
    with pytest.raises(SeedError, match="nowhere"):
        redirect_of(301, headers())


NAMES = ("content-range", "content-length", "retry-after", "content-encoding")


@given(
    st.integers(0, 999),
    st.dictionaries(st.sampled_from(NAMES), st.text(max_size=120)),
    st.sampled_from([PART, WHOLE, PIECE]),
)
def test_whatever_comes_is_taken_or_refused_in_words(
    code: int, found: dict[str, str], wanted: Wanted
) -> None:
    words, wait = "it", 0.0
    try:
        check_head(code, lambda name: [found[name]] if name in found else [], wanted, NOW)
    except SeedError as problem:
        words, wait = str(problem), problem.wait
    assert words.startswith("it")
    assert words.isprintable()
    assert wait == 0 or LEAST_WAIT <= wait <= MOST_WAIT


@given(st.text(max_size=200), st.binary(max_size=200))
def test_waits_are_bounded(text: str, body: bytes) -> None:
    for wait in (retry_after(text, NOW), seconds_in(body)):
        assert wait == 0 or LEAST_WAIT <= wait <= MOST_WAIT
