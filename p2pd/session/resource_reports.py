"""What a session has of descriptors and memory, as it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.storage.block_cache import BlockCache


@dataclass(frozen=True, slots=True)
class DescriptorReport:
    """File descriptors that the process may have, and what files and peers have of them."""

    limit: int
    files: int
    files_limit: int
    connections: int
    connections_limit: int
    """Clients cannot set more."""


@dataclass(frozen=True, slots=True)
class BlockCacheReport:
    """Where blocks for peers came from: counts of blocks since the start, and sizes in bytes."""

    at_once: int
    """In the system's page cache: read with no thread and no cache of ours."""
    hits: int
    misses: int
    used: int
    limit: int


def cache_report(cache: BlockCache) -> BlockCacheReport:
    """How a cache does."""
    return BlockCacheReport(cache.at_once, cache.hits, cache.misses, cache.used, cache.limit)
