"""Fuzz the filters of rules: a filter, then a title on the next line."""

from __future__ import annotations

from p2pd.automation.refusals import RefusedError
from p2pd.automation.rss.feed_reader import FeedItem
from p2pd.automation.rss.rss_rules import Candidate, CompiledRule, RssRule, decide
from p2pd.automation.rss.title_filters import SYNTAXES

SEEDS: list[bytes] = [
    b"big film|o?her *1080p\nThe Big Film 1080p",
    b"^show.s\\d{2}e(0[1-9]|1\\d)\nShow S01E02-E05 PROPER",
    b"S01E02-E08; S02-; 1x05-\nShow 1x06 REPACK",
    b"(a+)+b\n2024.05.31 - 12v2 [x]",
]


def fuzz(data: bytes) -> None:
    """Only RefusedError may refuse, and a rule is done in time."""
    text, _, title = data.decode("utf-8", "replace").replace("\0", "").partition("\n")
    candidate = Candidate(1, FeedItem("k", title[:300], ""))
    for syntax in SYNTAXES:
        for episodes in ("", text):
            chosen = RssRule("r", must_contain=text, syntax=syntax, episodes=episodes, smart=True)
            try:
                compiled = CompiledRule(chosen)
            except RefusedError:
                continue
            decide({1: compiled}, {}, [candidate, candidate], 1e9)
