"""Both sides of BEP 46: torrents whose owners are followed, and items that are kept alive."""

from __future__ import annotations

import random
from typing import Callable

from p2pd.automation.mutable.followed_torrents import (
    MOST_FOLLOWED,
    FollowedTorrents,
    FollowingParts,
)
from p2pd.automation.mutable.published_items import MOST_PUBLISHED, PublishedItems
from p2pd.automation.owners import AddFor
from p2pd.base.clock import Clock
from p2pd.base.measures import Measure, bounded
from p2pd.session.api import SessionApi
from p2pd.state.noted_rows import NotedStore


class MutableTorrents:
    """`followed` and `published`."""

    def __init__(
        self,
        api: SessionApi,
        *,
        followed: NotedStore,
        published: NotedStore,
        clock: Clock,
        wall: Callable[[], float],
        rng: random.Random,
        add_for: AddFor | None = None,
    ) -> None:
        parts = FollowingParts(api, followed, clock, wall, rng, add_for)
        self.followed = FollowedTorrents(parts)
        self.published = PublishedItems(api, published, clock, wall)

    async def start(self) -> None:
        """Go on with those of earlier runs."""
        await self.followed.start()
        await self.published.start()

    def stop(self) -> None:
        """Ask and put no more."""
        self.followed.stop()
        self.published.stop()

    def measures(self) -> list[Measure]:
        """In numbers."""
        return [
            *bounded(
                "dht_followed_torrents",
                "Torrents whose owners are asked for newer ones (BEP 46).",
                len(self.followed.all),
                MOST_FOLLOWED,
            ),
            *bounded(
                "dht_published_items",
                "Items that are put into the DHT again every hour (BEP 44).",
                len(self.published.all),
                MOST_PUBLISHED,
            ),
        ]
