"""A simulation is the same in every process, whatever order sets of objects have there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from p2pd.testing.sim.conduct import Conduct
from p2pd.testing.sim.network import Link
from p2pd.testing.sim.nodes import NodeSpec
from p2pd.testing.sim.swarm import Swarm, hosts, make_shared

swarm = Swarm(make_shared(12, 32 * 1024), seed=3)
link = Link(up=64e3, down=256e3, delay=0.03, lifetime=20.0)
conducts = [Conduct.HONEST] * 6 + [Conduct.SPOILER, Conduct.FREE_RIDER]
first, *others = hosts(9)
swarm.add(NodeSpec(first, link, seed=True))
for host, conduct in zip(others, conducts):
    swarm.add(NodeSpec(host, link, conduct=conduct), joins_at=1.0)
swarm.churn(swarm.nodes[1], stays=8.0, away=4.0)
outcome = swarm.run(200)
print(swarm.clock.events, [(n.seconds, n.uploaded, n.wasted, n.banned_by) for n in outcome.nodes])
"""


def test_every_process_has_the_same_outcome() -> None:
    root = str(Path(__file__).resolve().parents[2])
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": root},
            stdout=subprocess.PIPE,
        )
        for hash_seed in ("1", "2")
    ]
    first, second = (process.communicate(timeout=60)[0] for process in running)
    assert first == second
    assert first.count(b"(") == 9
