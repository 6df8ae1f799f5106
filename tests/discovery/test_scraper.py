"""Scraping: only where announces do not tell the counts."""

from __future__ import annotations

import pytest

from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    ScrapeCounts,
    TrackerError,
    TrackerTimeoutError,
)
from tests.discovery.fake_trackers import ANSWER, HANG, World

A, B, C = "http://a.test/announce", "http://b.test/announce", "http://c.test/annonce"
SILENT = AnnounceAnswer(interval=7200)


def scraping(*urls: str) -> World:
    world = World(*([url] for url in urls))
    world.trackers.answers.update(dict.fromkeys(urls, SILENT))
    world.start()
    return world


def test_only_silent_trackers_that_can_be_scraped_are_scraped() -> None:
    world = scraping(A, B, C)
    world.trackers.answers[B] = ANSWER
    world.announcer.reannounce()
    world.clock.advance(10)
    world.trackers.counts[A] = ScrapeCounts(1, 2, 3)
    world.clock.advance(25)
    assert world.trackers.scraped == [A]
    state = world.state(A)
    assert (state.seeders, state.leechers, state.downloads) == (1, 2, 3)
    assert state.last_scrape_succeeded
    assert state.last_scrape_at == 1_000_000 + world.clock.seconds()
    assert state.next_scrape_at > state.last_scrape_at
    assert world.state(C).scrape_url == ""


def test_counts_are_asked_for_again_and_may_sink() -> None:
    world = scraping(A)
    world.trackers.counts[A] = ScrapeCounts(9, 9, 9)
    world.clock.advance(35)
    world.trackers.counts[A] = ScrapeCounts(1, 1, 9)
    world.clock.advance(1980)
    assert world.trackers.scraped == [A, A]
    assert world.state(A).seeders == 1


@pytest.mark.parametrize("timed_out", [False, True])
def test_a_failure_is_kept_in_words(timed_out: bool) -> None:
    world = scraping(A)
    kind = TrackerTimeoutError if timed_out else TrackerError
    world.trackers.counts[A] = kind("no scrapes here")
    world.clock.advance(35)
    state = world.state(A)
    assert (state.last_scrape_succeeded, state.last_scrape_timed_out) == (False, timed_out)
    assert state.last_scrape_result == "no scrapes here"
    assert not state.scraping


def test_a_scrape_that_hangs_holds_up_no_other_and_ends_with_the_torrent() -> None:
    world = scraping(A, B)
    world.trackers.counts.update({A: HANG, B: ScrapeCounts(1, 2, 3)})
    world.clock.advance(35)
    assert world.state(A).scraping
    assert world.state(B).seeders == 1
    world.announcer.stop()
    assert not world.state(A).scraping
    world.clock.advance(10)
    assert world.timers() == []
