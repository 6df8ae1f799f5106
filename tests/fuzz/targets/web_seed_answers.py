"""Answers of web seeds: taken or refused in words, and waits within bounds."""

from __future__ import annotations

from typing import Sequence

from p2pd.protocols.webseed.answers import (
    LEAST_WAIT,
    MOST_WAIT,
    SeedError,
    Wanted,
    check_head,
    redirect_of,
    seconds_in,
)

SEEDS: list[bytes] = [
    b"206\ncontent-range: bytes 100-149/1000\ncontent-length: 50",
    b"206\ncontent-range: bytes 100-149/*",
    b"200\ncontent-length: 1000",
    b"302\nlocation: http://elsewhere/x",
    b"503\nretry-after: 120\n\n30",
    b"503\nretry-after: Tue, 14 Nov 2023 22:14:20 GMT",
    b"429\nretry-after: Fri, 31 Dec 9999 23:59:59 -2359",
    b"416\ncontent-range: bytes */10",
]
WANTED = (Wanted(100, 50, 1000), Wanted(0, 1000, 1000), Wanted(0, 50, 0))


def fuzz(data: bytes) -> None:
    head, _, body = data.decode("utf-8", "surrogateescape").partition("\n\n")
    first, *lines = head.split("\n")
    found = [line.partition(": ")[::2] for line in lines]
    code = int(first) if first.isascii() and first.isdigit() and len(first) < 5 else 206

    def header(name: str) -> Sequence[str]:
        return [value for key, value in found if key == name]

    for wanted in WANTED:
        words, wait = "", 0.0
        try:
            redirect_of(code, header)
            check_head(code, header, wanted, 1_700_000_000.0)
        except SeedError as problem:
            words, wait = str(problem), problem.wait
        assert words.isprintable()
        assert wait == 0 or LEAST_WAIT <= wait <= MOST_WAIT
    wait = seconds_in(body.encode("utf-8", "surrogateescape"))
    assert wait == 0 or LEAST_WAIT <= wait <= MOST_WAIT
