"""Every fuzz target, over its seeds, over what once broke it, and over seeded mutations."""

from __future__ import annotations

import pytest
from fuzz_corpus import load_target, mutations, regressions, target_names

MUTATIONS = 1000


def test_there_are_targets_to_run() -> None:
    assert len(target_names()) >= 5


@pytest.mark.parametrize("name", target_names())
def test_nothing_escapes_from(name: str) -> None:
    target = load_target(name)
    inputs = [path.read_bytes() for path in regressions(name)]
    inputs += [*target.SEEDS, *mutations(list(target.SEEDS), MUTATIONS, name)]
    for data in inputs:
        try:
            target.fuzz(data)
        except Exception as error:
            shown = data if len(data) <= 2000 else data[:2000] + b"..."
            pytest.fail(f"{name} let {error!r} escape for {shown!r}")


def test_mutations_are_the_same_each_time() -> None:
    assert list(mutations([b"seed"], 50, "x")) == list(mutations([b"seed"], 50, "x"))
    assert len(set(mutations([b"seed"], 50, "x"))) > 25


@pytest.mark.parametrize("name", target_names())
def test_seeds_are_the_same_each_time(name: str) -> None:
    assert load_target(name).SEEDS == load_target(name).SEEDS
