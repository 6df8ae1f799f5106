"""Lists of revoked certificates, and warnings before certificates end, as they are configured."""

from __future__ import annotations

from p2pd.service.config import Config
from p2pd.session.revoking.endings import DAY, Endings
from p2pd.session.revoking.swarm_revoking import RevokingParts
from p2pd.state.revocation_files import RevocationFiles

AT_ONCE = (("keys", "warn_days"), ("keys", "urgent_days"))
"""Keys that hold at once."""


def revoking_parts(config: Config, state_folder: str) -> RevokingParts:
    """What the session needs for them."""
    keys = config.keys
    return RevokingParts(
        RevocationFiles(state_folder), warn=keys.warn_days * DAY, urgent=keys.urgent_days * DAY
    )


def limit(endings: Endings, config: Config) -> None:
    """Warn as it is configured now."""
    endings.limit(warn=config.keys.warn_days * DAY, urgent=config.keys.urgent_days * DAY)
