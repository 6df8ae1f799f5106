"""Whether a gateway lost its mappings (RFC 6887, section 8.5; RFC 6886, section 3.6)."""

from __future__ import annotations

import pytest

from p2pd.protocols.nat.epochs import NATPMP_DRIFT, PCP_DRIFT, GatewayEpoch


@pytest.mark.parametrize(
    ("drift", "epoch", "now", "restarted"),
    [
        (PCP_DRIFT, 1600, 600.0, False),
        (PCP_DRIFT, 1000 + 561, 600.0, False),  # within a sixteenth
        (PCP_DRIFT, 1000 + 550, 600.0, True),
        (NATPMP_DRIFT, 1000 + 550, 600.0, False),
        (NATPMP_DRIFT, 1000 + 520, 600.0, True),
        (PCP_DRIFT, 999, 0.0, False),  # its seconds and ours do not begin together
        (PCP_DRIFT, 998, 0.0, True),
        (PCP_DRIFT, 5, 600.0, True),
        (PCP_DRIFT, 1000 + 700, 600.0, True),  # another device, which runs for longer
    ],
)
def test_a_clock_that_went_back_or_ran_another_way_means_a_restart(drift, epoch, now, restarted):
    known = GatewayEpoch(drift)
    assert not known.restarted(1000, 0.0), "nothing to compare with"
    assert known.restarted(epoch, now) is restarted


def test_after_a_restart_the_new_clock_counts():
    known = GatewayEpoch(PCP_DRIFT)
    known.restarted(1000, 0.0)
    assert known.restarted(3, 100.0)
    assert not known.restarted(103, 200.0)
