"""A folder of CAs that is kept away from daemons: what the control API would do, done here.

The same code does it, and the same locks: a folder of a daemon can be used so as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.formats.x509.keys_at_rest import MAX_PASSPHRASE, KeySeal
from p2pd.formats.x509.revocation import parse_serial
from p2pd.state.key_files import KeyFiles
from p2pd.state.swarm_ca.book import Limits
from p2pd.state.swarm_ca.ends import warnings
from p2pd.state.swarm_ca.folder import Wanted
from p2pd.state.swarm_ca.issuing import issue, renew
from p2pd.state.swarm_ca.revoking import current_list, renew_list, revoke, revoked
from p2pd.state.swarm_ca.store import SwarmCaStore
from p2pd.state.swarm_ca.views import ca_row, given_row, revoked_answer, seen, whole_row


class SwarmCaFolderClient:
    """Answers the calls that need no daemon. Raises P2pdError."""

    def __init__(self, folder: str, passphrase_file: str | None) -> None:
        seal = None if passphrase_file is None else KeySeal(_passphrase(passphrase_file))
        self._store = SwarmCaStore(os.path.abspath(folder), KeyFiles(seal))

    def call(self, method: str, **params: Any) -> JsonObject:
        """Do what a method of the API does."""
        match method:
            case "swarm_ca_create":
                return self._create(params)
            case "swarm_ca_list":
                return self._list(params.get("name"))
            case "swarm_ca_issue":
                return self._issue(params)
            case "swarm_ca_renew":
                serial = parse_serial(params["serial"])
                return given_row(renew(self._store.authority(params["name"]), serial, _now()))
            case "swarm_ca_revoke":
                return self._revoke(params)
            case "swarm_ca_revoked":
                return self._revoked(params)
        raise P2pdError(f"{method} takes a daemon")

    def _create(self, params: Mapping[str, Any]) -> JsonObject:
        name = params["name"]
        given = {each: params[each] for each in ("most_days", "usual_days") if each in params}
        limits = Limits(tuple(params.get("names", ())), **given)
        self._store.create(name, params.get("days", 3650), limits, _now())
        return {"ca": ca_row(seen(name, self._store.authority(name)))}

    def _revoke(self, params: Mapping[str, Any]) -> JsonObject:
        folder = self._store.authority(params["name"])
        unknown, only = params.get("unknown", False), params.get("only_these", False)
        which = params["certificates"]
        return revoked_answer(*revoke(folder, which, _now(), unknown_too=unknown, only_these=only))

    def _revoked(self, params: Mapping[str, Any]) -> JsonObject:
        folder = self._store.authority(params["name"])
        found = current_list(folder)
        if params.get("renew") and found is not None:
            found = renew_list(folder, _now())
        return revoked_answer(revoked(folder), found, with_list=True)

    def _list(self, name: str | None) -> JsonObject:
        if name is not None:
            view = seen(name, self._store.authority(name))
            return whole_row(view, warnings(view, _now().timestamp()))
        found = [seen(each, self._store.authority(each)) for each in self._store.names()]
        rows = [ca_row(view, warnings(view, _now().timestamp())) for view in found]
        return {"cas": rows, "certificates": []}

    def _issue(self, params: Mapping[str, Any]) -> JsonObject:
        hosts = tuple(params.get("hosts", ()))
        wanted = Wanted(
            hosts or tuple(params.get("names") or ("*",)),
            params.get("days"),
            params.get("label", ""),
            server=bool(hosts),
            renewable=params.get("renewable", True),
        )
        folder = self._store.authority(params["name"])
        return given_row(issue(folder, wanted, params.get("request"), _now()))


def _passphrase(path: str) -> bytes:
    """The first line of a file. Raises P2pdError."""
    try:
        with open(path, "rb") as file:
            return file.read(MAX_PASSPHRASE + 2).split(b"\n")[0].removesuffix(b"\r")
    except OSError as problem:
        raise P2pdError(f"{path} cannot be read: {problem.strerror}") from None


def _now() -> datetime:
    return datetime.now(UTC)
