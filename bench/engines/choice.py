"""The engines there are, by name, and which of them this machine has."""

from __future__ import annotations

from collections.abc import Iterable

from bench.engines.aria2 import Aria2
from bench.engines.engine import Engine
from bench.engines.libtorrent import Libtorrent
from bench.engines.p2pd import P2pd
from bench.engines.transmission import Transmission

REFERENCE = Libtorrent.name
ENGINES: dict[str, type[Engine]] = {
    engine.name: engine for engine in (P2pd, Libtorrent, Transmission, Aria2)
}


def installed(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Those of `names` that can be measured, and a sentence for each that cannot."""
    here, sentences = [], []
    for name in names:
        missing = ENGINES[name].missing()
        if missing is None:
            here.append(name)
        else:
            sentences.append(f"not measured: {name} is not installed ({missing})")
    return here, sentences
