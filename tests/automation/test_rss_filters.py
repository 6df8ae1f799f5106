"""Filters of titles and episodes, and rules that are made of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.automation.refusals import RefusedError
from p2pd.automation.rss import title_filters
from p2pd.automation.rss.episodes import EpisodeFilter, episode_of
from p2pd.automation.rss.feed_reader import FeedItem
from p2pd.automation.rss.rss_rules import Candidate, CompiledRule, RssRule, RuleHistory, decide
from p2pd.automation.rss.title_filters import REGEX, WORDS, TooSlowError, title_filter


def has(text: str, title: str, syntax: str = WORDS) -> bool:
    found = title_filter(text, syntax)
    assert found is not None
    return found.matches(title)


@pytest.mark.parametrize(
    ("text", "title", "expected"),
    [
        ("big film", "The.FILM.that.is.Big", True),
        ("big film", "big", False),
        ("big|film", "film", True),
        ("big film | other", "Another", True),
        ("1080?", "1080p", True),
        ("1080?", "x 1080", False),
        ("a*b*c", "xaxxbxxcx", True),
        ("a*b*a", "ab", False),
        ("*", "anything", True),
        ("straße", "STRASSE", True),
        ("[x]", "x", False),
        ("a?c*e", "abcdabce", True),
    ],
)
def test_words(text: str, title: str, expected: bool) -> None:
    assert has(text, title) == expected


@given(st.text("ab*?", min_size=1, max_size=8), st.text("abc", max_size=12))
def test_wildcards_mean_what_they_mean_elsewhere(text: str, title: str) -> None:
    meant = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    assert has(text, title) == (re.search(meant, title) is not None)


@pytest.mark.parametrize(
    ("text", "title", "expected"),
    [(r"s\d{2}e\d{2}", "Show S01E02", True), ("^show$", "a show", False), ("a|b", "B", True)],
)
def test_regular_expressions(text: str, title: str, expected: bool) -> None:
    assert has(text, title, REGEX) == expected


@pytest.mark.parametrize(
    "text",
    ["(", "a{1000}{1000}", "(?:(?:a{99}){99}){99}", "x" * 501, r"\L<x>", "[" * 200, "(?<n>a)(?&m)"],
)
def test_regular_expressions_that_are_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        title_filter(text, REGEX)


@pytest.mark.parametrize("text", ["(a+)+$", "(?R)", "(a|aa)+$"])
def test_what_takes_too_long_is_given_up(text: str) -> None:
    with pytest.raises(TooSlowError):
        has(text, "a" * 280 + "!", REGEX)


def test_without_the_package_words_are_there_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(title_filters, "regex", None)
    assert has("a", "a")
    with pytest.raises(RefusedError, match=r"install p2pd\[rss\]"):
        title_filter("a", REGEX)


def test_empty_filters() -> None:
    assert title_filter("  ", WORDS) is None
    with pytest.raises(RefusedError, match="no word"):
        title_filter(" | ", WORDS)


@pytest.mark.parametrize(
    ("title", "keys", "again"),
    [
        ("Show.Name.S01E02.1080p", ["show name|s1e2"], False),
        ("[x][y] Show Name s1e02v2", ["show name|s1e2"], True),
        ("Show S01E02E03", ["show|s1e2", "show|s1e3"], False),
        ("Show S01E02-E04", ["show|s1e2", "show|s1e3", "show|s1e4"], False),
        ("Show S01E05-06.720p", ["show|s1e5", "show|s1e6"], False),
        ("show 1x02", ["show|s1e2"], False),
        ("Show S02 Complete", ["show|s2"], False),
        ("Show Season 2", ["show|s2"], False),
        ("Late.2024.05.31.x264", ["late|2024-05-31"], False),
        ("[Grp] Anime - 12 [1080p]", ["anime|s1e12"], False),
        ("Show S01E02 PROPER", ["show|s1e2"], True),
        ("Show S01E02 Real Property", ["show|s1e2"], True),
        ("Show S01E02 Property", ["show|s1e2"], False),
    ],
)
def test_what_a_title_names(title: str, keys: list[str], again: bool) -> None:
    found = episode_of(title)
    assert found is not None
    assert (found.keys(), found.again) == (keys, again)


@pytest.mark.parametrize("title", ["Film 1080p x264", "1920x1080", "Sofa 2", "S3 bucket e4x", ""])
def test_titles_without_an_episode(title: str) -> None:
    found = episode_of(title)
    assert found is None or not found.episodes


@given(st.text(max_size=80))
def test_any_title_names_a_bounded_number(title: str) -> None:
    found = episode_of(title)
    assert found is None or len(found.keys()) <= 100


@pytest.mark.parametrize(
    ("text", "title", "expected"),
    [
        ("S01E02", "x S01E02", True),
        ("S01E02", "x S01E03", False),
        ("S01E02-", "x S01E09", True),
        ("S01E02-", "x S02E09", False),
        ("S01E02-E04; S03", "x S01E04", True),
        ("S01E02-E04; S03", "x S03E99", True),
        ("S01E02-E04, S03", "x S03", True),
        ("S01E02-E04", "x S01", False),
        ("S02-", "x S05E01", True),
        ("S02-", "x S01E01", False),
        ("2x3-5", "x 2x04", True),
        ("S01E02", "x S01E02E03", False),
        ("S01E02", "x 2024.01.02", False),
        ("S01E02", "x", False),
        ("", "x", True),
    ],
)
def test_episode_filters(text: str, title: str, expected: bool) -> None:
    assert EpisodeFilter(text).lets(episode_of(title)) == expected


@pytest.mark.parametrize("text", ["1", "x", "S01E05-E02", "S01-E05", "S01E", "S" * 600, "E5"])
def test_episode_filters_that_make_no_sense(text: str) -> None:
    with pytest.raises(RefusedError):
        EpisodeFilter(text)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 50), st.integers(0, 99))
def test_a_range_has_what_is_between(season: int, first: int, more: int, asked: int) -> None:
    found = EpisodeFilter(f"S{season}E{first}-E{first + more}")
    expected = first <= asked <= first + more
    assert found.lets(episode_of(f"x S{season:02}E{asked:02}")) == expected
    assert not found.lets(episode_of(f"x S{season + 1:02}E{asked:02}"))


TITLES = st.sampled_from(["A S01E01", "A S01E01 PROPER", "A S01E02", "B 1x01", "C", "A S01"])


@given(st.lists(TITLES, max_size=12), st.booleans(), st.booleans(), st.integers(0, 1))
def test_decisions_keep_their_promises(
    titles: list[str], smart: bool, repacks: bool, days: int
) -> None:
    chosen = RssRule("r", smart=smart, repacks=repacks, ignore_days=days)
    candidates = [Candidate(1, FeedItem(str(n), title, "")) for n, title in enumerate(titles)]
    history = RuleHistory()
    verdicts, problems = decide({1: CompiledRule(chosen)}, {1: history}, candidates, 1e9)
    assert len(verdicts) == len(candidates)
    assert problems == {}
    assert history == RuleHistory()
    taken = [x.candidate.item.title for x in verdicts if not x.hindrance]
    if days:
        assert len(taken) == min(1, len(titles))
    if smart:
        plain = [x for x in taken if x not in ("C", "A S01E01 PROPER")]
        assert len(plain) == len(set(plain))
        assert taken.count("A S01E01 PROPER") <= 1
        if not repacks:
            assert sum(x.startswith("A S01E01") for x in taken) <= 1
    elif not days:
        assert taken == titles
