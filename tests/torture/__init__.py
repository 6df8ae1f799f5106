"""Kills, power cuts and failing disks, and what a daemon makes of them (``make torture``)."""

from __future__ import annotations

import sys
from pathlib import Path

# The peers and processes of the interop tests are used here, too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))
