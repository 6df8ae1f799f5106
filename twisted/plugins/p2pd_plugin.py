"""Tells `twistd` that there is a service named p2pd. No __init__.py belongs beside this file."""

from __future__ import annotations

from twisted.application.service import ServiceMaker

p2pd = ServiceMaker("p2pd", "p2pd.service.make_service", "A BitTorrent seedbox daemon.", "p2pd")
