"""The seeding policies by the names that they are configured by."""

from __future__ import annotations

from typing import Mapping

from p2pd.swarm.choking.anti_leech import anti_leech
from p2pd.swarm.choking.fastest_upload import fastest_upload
from p2pd.swarm.choking.round_robin import round_robin
from p2pd.swarm.choking.seeding_peer import SeedingRank

ROUND_ROBIN = "round_robin"
"""What is used unless another is chosen: of fastest_upload it is free riders that have most, for
they take all the time."""

SEEDING_MODES: Mapping[str, SeedingRank] = {
    "fastest_upload": fastest_upload,
    ROUND_ROBIN: round_robin,
    "anti_leech": anti_leech,
}
