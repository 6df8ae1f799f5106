"""Web seeds in the configuration: a part of config.py."""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.service.checks import flag, whole
from p2pd.service.config_key import key


@dataclass(frozen=True, slots=True)
class WebSeedsSection:
    """Servers that have the data of torrents."""

    enabled: bool = key(
        True,
        flag,
        "Whether servers that torrents name are asked for their data, by HTTP and HTTPS (BEP 19,\n"
        "BEP 17).",
    )
    connections: int = key(4, whole(1, 50), "Connections of one torrent with its web seeds.")
