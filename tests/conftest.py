"""What every test runs under: the same Hypothesis examples on every machine and in every run, and
ports that no test which runs at the same time gets too."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from p2pd.clients import free_port

settings.register_profile(
    "p2pd",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("p2pd")


def _keep_ports_apart() -> None:
    """A port is free until somebody listens: another worker of pytest-xdist could be given it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        free_port.PORTS = free_port.PORTS[int(worker.removeprefix("gw")) :: workers]


_keep_ports_apart()
