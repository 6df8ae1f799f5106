"""The fuzz targets, the inputs that once broke one, and mutations of inputs.

A target is a file in targets/ with `fuzz(data)`, which lets nothing escape that its parser does
not document, and `SEEDS`, inputs to begin with.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
TARGETS = HERE / "targets"
REGRESSIONS = HERE.parent / "regressions" / "fuzz"

INTERESTING = [b"", b"\0", b"\xff", b"-1", b"0", b"00", b"i-0e", b"de", b"le", b"9" * 30, b"\n",
               b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\xff", b"%00", b"..", b"/", b":",
               b"\xc3\x28", b"\xed\xa0\x80", b"4294967295:", b"18446744073709551616"]  # fmt: skip
MAX_SIZE = 256 * 1024


def target_names() -> list[str]:
    """Every target, by the name of its file."""
    return sorted(path.stem for path in TARGETS.glob("*.py"))


def load_target(name: str) -> ModuleType:
    """Import a target by its path."""
    spec = importlib.util.spec_from_file_location(f"fuzz_target_{name}", TARGETS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def regressions(name: str) -> list[Path]:
    """Inputs that once broke this target."""
    return sorted((REGRESSIONS / name).glob("*"))


def mutations(seeds: list[bytes], count: int, seed: int | str) -> Iterator[bytes]:
    """`count` mutated inputs; the same ones for the same seeds."""
    rng = random.Random(seed)
    pool = [*seeds, b""]
    for _ in range(count):
        data = bytearray(rng.choice(pool))
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            _mutate(data, rng, pool)
        yield bytes(data[:MAX_SIZE])


def _mutate(data: bytearray, rng: random.Random, pool: list[bytes]) -> None:
    """Change one thing, in place."""
    start = rng.randint(0, len(data))
    end = min(len(data), start + rng.choice((1, 1, 2, 4, 16, 64)))
    kind = rng.randrange(8)
    if kind == 0 and data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1 and data:
        data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 2:
        del data[start:end]
    elif kind == 3:
        data[start:start] = data[start:end] * rng.choice((1, 2, 30))
    elif kind == 4:
        data[start:end] = rng.choice(INTERESTING)
    elif kind == 5:
        del data[start:]
    elif kind == 6:
        other = rng.choice(pool)
        data[start:] = other[rng.randint(0, len(other)) :]
    else:
        data[start:start] = rng.randbytes(rng.choice((1, 4, 20)))
