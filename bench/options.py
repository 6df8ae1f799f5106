"""What ``python -m bench`` can be told."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.sizes import GIB, KIB, MIB, parse_size

TRANSFERS = (
    "leech", "seed", "many-seeds", "many-leechers", "leech-rc4", "seed-rc4", "leech-tls",
    "seed-tls",
)  # fmt: skip
WORKS = (
    *TRANSFERS, "recheck", "memory", "idle", "scale", "latency", "stall", "limited-swarm", "flood",
    "half-open", "follow", "listing", "krpc", "magnet",
)  # fmt: skip
STRANGERS = (
    "all", "silent", "drip", "mse-key", "mse-again", "tls-part", "tls-hello", "tls-again",
)  # fmt: skip
"""The kinds of half-open handshakes."""
ENGINES = ("p2pd", "libtorrent", "transmission", "aria2")


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes in bytes, times in seconds.

    `pace` is requests a second of each peer, `attempts` attempts to connect a second.
    """

    works: tuple[str, ...] = WORKS
    engines: tuple[str, ...] = ENGINES
    size: int = GIB
    pieces: tuple[int, ...] = (256 * KIB, MIB)
    runs: int = 3
    timeout: float = 180.0
    torrents: int = 1000
    idle_seconds: float = 10.0
    library: int = 10_000
    rest_seconds: float = 240.0
    peers: int = 100
    pace: float = 20.0
    load_seconds: float = 5.0
    attempts: float = 1000.0
    half_open: int = 2000
    strangers: tuple[str, ...] = ("all",)
    hashing_threads: int = 2
    settings: dict[str, str] | None = None
    profile: str | None = None
    native: bool = False
    json: Path | None = None


def parse(arguments: Sequence[str]) -> Options:
    """Options from the command line. Ends the program on a mistake, as argparse does."""
    told = _parser().parse_args(arguments)
    works, engines, runs = told.work, told.engines, told.runs
    if told.profile is not None:
        works, engines, runs = (told.profile,), ("p2pd",), 1
    return Options(
        works=tuple(name for name in WORKS if name in works),
        engines=tuple(name for name in ENGINES if name in engines),
        size=told.size,
        pieces=told.piece[:1] if told.profile else told.piece,
        runs=runs,
        timeout=told.timeout,
        torrents=told.torrents,
        idle_seconds=told.idle_seconds,
        library=told.library,
        rest_seconds=told.rest_seconds,
        peers=told.peers,
        pace=told.pace,
        load_seconds=told.load_seconds,
        attempts=told.attempts,
        half_open=told.half_open,
        strangers=told.strangers,
        hashing_threads=told.hashing_threads,
        settings=dict(told.set),
        profile=told.profile,
        native=told.native,
        json=told.json,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure p2pd beside other BitTorrent engines; see bench/README.rst.",
    )
    add, known = parser.add_argument, Options()
    add("--work", type=_some_of(WORKS), default=WORKS, help="some of " + ", ".join(WORKS))
    add("--engines", type=_some_of(ENGINES), default=ENGINES, help="some of " + ", ".join(ENGINES))
    add("--size", type=_size, default=known.size, help="of a torrent (default 1G)")
    add("--piece", type=_sizes, default=known.pieces, help="sizes of pieces (default 256K,1M)")
    add("--runs", type=_count, default=known.runs, help="of each engine in each case (default 3)")
    add("--timeout", type=_seconds, default=known.timeout, help="seconds that a run may take")
    add("--torrents", type=_count, default=known.torrents, help="for idle (default 1000)")
    add("--idle-seconds", type=_seconds, default=known.idle_seconds, help="(default 10)")
    add("--library", type=_count, default=known.library, help="torrents of scale (default 10000)")
    add("--rest-seconds", type=_seconds, default=known.rest_seconds,
        help="after the start, before scale looks at idleness (default 240)")  # fmt: skip
    add("--peers", type=_count, default=known.peers, help="for latency (default 100)")
    add("--pace", type=_seconds, default=known.pace, help="requests/s of each (default 20)")
    add("--load-seconds", type=_seconds, default=known.load_seconds, help="(default 5)")
    add("--attempts", type=_seconds, default=known.attempts, help="/s of flood (default 1000)")
    add("--half-open", type=_count, default=known.half_open, help="handshakes (default 2000)")
    add("--strangers", type=_some_of(STRANGERS), default=known.strangers,
        help="of half-open, some of " + ", ".join(STRANGERS))  # fmt: skip
    add("--hashing-threads", type=_count, default=known.hashing_threads,
        help="of libtorrent (default 2)")  # fmt: skip
    add("--set", action="append", type=_setting, default=[], metavar="SECTION.KEY=VALUE",
        help="a configuration key of p2pd")  # fmt: skip
    add("--profile", choices=(*TRANSFERS, "recheck"), help="a flame graph of p2pd at this work")
    add("--native", action="store_true", help="with native frames in the flame graph")
    add("--json", type=Path, help="file to write all samples to")
    return parser


def _some_of(names: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        told = tuple(part.strip() for part in text.split(",") if part.strip())
        for name in told:
            if name not in names:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(names)}")
        if not told:
            raise argparse.ArgumentTypeError(f"name some of {', '.join(names)}")
        return told

    return read


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(_size(part) for part in text.split(","))
    for size in sizes:
        if size % (16 * KIB):
            raise argparse.ArgumentTypeError(f"pieces are whole blocks of 16 KiB: {text!r}")
    return sizes


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"not a number of at least one: {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"not a positive number: {text!r}")
    return value


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or "." not in name:
        raise argparse.ArgumentTypeError(f"not SECTION.KEY=VALUE: {text!r}")
    return name, value
