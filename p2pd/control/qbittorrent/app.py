"""app/…: versions, preferences, where downloads go, and the end of the daemon."""

from __future__ import annotations

import json
import sys
import zlib
from typing import Any

from cryptography.hazmat.backends.openssl import backend as openssl

import twisted
from p2pd.control.qbittorrent.call import Action, Answer, Call
from p2pd.control.qbittorrent.preferences import preference_changes, preferences
from p2pd.control.qbittorrent.refusals import wrong
from p2pd.session.api import SessionApi

VERSION = "v4.6.7"
"""The qBittorrent that clients take us for: they read the digits and adapt to them.

The last of version 4: every client knows its words for what a torrent does (`pausedUP`), also those
that have not heard of version 5's (`stoppedUP`), and those that have still know these. Version 5's
paths and parameters are understood as well.
"""

WEB_API_VERSION = "2.9.3"


class App:
    """The actions on the program as a whole."""

    def __init__(self, api: SessionApi, version: str) -> None:
        self._api = api
        self._version = version

    def actions(self) -> dict[str, Action]:
        """By path."""
        return {
            "app/version": Action(self.version, "session_get"),
            "app/webapiVersion": Action(self.web_api_version, "session_get"),
            "app/buildInfo": Action(self.build_info, "session_get"),
            "app/preferences": Action(self.preferences, "session_get"),
            "app/setPreferences": Action(self.set_preferences, "session_set"),
            "app/defaultSavePath": Action(self.default_save_path, "session_get"),
            "app/shutdown": Action(self.shutdown, "session_close"),
        }

    async def version(self, call: Call) -> Answer:
        """Which qBittorrent it passes for."""
        return VERSION

    async def web_api_version(self, call: Call) -> Answer:
        """Which version of this API it speaks."""
        return WEB_API_VERSION

    async def build_info(self, call: Call) -> Answer:
        """What it is made of, under qBittorrent's names and its own."""
        return {
            "bitness": 64 if sys.maxsize > 2**32 else 32,
            "boost": "",
            "libtorrent": "",
            "openssl": openssl.openssl_version_text().split()[1],
            "p2pd": self._version,
            "python": sys.version.split()[0],
            "qt": "",
            "twisted": twisted.__version__,
            "zlib": zlib.ZLIB_RUNTIME_VERSION,
        }

    async def preferences(self, call: Call) -> Answer:
        """The settings."""
        return preferences(self._api.settings)

    async def set_preferences(self, call: Call) -> Answer:
        """Change settings; `json` has them."""
        given = _object(call.text("json"))
        changes = preference_changes(given, self._api.settings)
        if changes:
            await self._api.change_settings(changes)
        return ""

    async def default_save_path(self, call: Call) -> Answer:
        """Where downloads go."""
        return self._api.settings.download_dir

    async def shutdown(self, call: Call) -> Answer:
        """Stop the daemon, soon and cleanly."""
        self._api.close()
        return ""


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise wrong("json is no object in JSON")
    return value
