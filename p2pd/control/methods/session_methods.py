"""session_get, session_set, session_stats, session_close (Transmission's rpc-spec, 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.base.errors import P2pdError, StateError
from p2pd.control.access.caller import NotPermittedError, current_caller
from p2pd.control.access.for_owners import owner_for
from p2pd.control.access.roles import Need
from p2pd.control.methods.blocklist_methods import blocklist_fields
from p2pd.control.methods.session_fields import (
    FACT_GETTERS,
    FREE_SPACE_FIELD,
    NOTICE_FIELD,
    SETTABLE,
    SETTING_GETTERS,
    SessionFacts,
)
from p2pd.control.methods.torrent_fields import in_force
from p2pd.control.schema import JsonObject, Param, bind, declares, list_of, refuse, takes, text
from p2pd.session.api import SessionApi, SessionStatistics
from p2pd.session.resource_reports import BlockCacheReport, DescriptorReport
from p2pd.session.settings.session_settings import SCRIPT_FILENAMES

COMMANDS_OVER_RPC = "allow_commands_over_rpc"


class SessionMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `session`."""

    def __init__(self, api: SessionApi, facts: SessionFacts) -> None:
        super().__init__()
        self._api = api
        self._facts = facts

    @takes(Param("fields", list_of(text(100), 1000), None))
    async def jsonrpc_get(self, fields: tuple[str, ...] | None) -> JsonObject:
        """The settings and facts asked for, or all; names that mean nothing here are left out."""
        settings = self._api.settings
        found: JsonObject = dict(settings.fixed)
        found.update((name, get(settings)) for name, get in SETTING_GETTERS.items())
        found.update((name, get(self._facts)) for name, get in FACT_GETTERS.items())
        found[NOTICE_FIELD] = self._api.state_notice
        found.update(blocklist_fields(self._api.blocklist))
        if not current_caller().identity.permits(Need.SESSION):
            # Lists that are paid for have their users' keys in their addresses.
            found["blocklist_url"] = found["blocklist_status"]["source"] = ""
            found["blocklist_status"]["problem"] = ""
        if fields is None or FREE_SPACE_FIELD in fields:
            found[FREE_SPACE_FIELD] = await self._free_space(settings.download_dir)
        if fields is None:
            return found
        return {name: found[name] for name in fields if name in found}

    @declares(*SETTABLE)
    async def jsonrpc_set(self, params: Mapping[str, object]) -> JsonObject:
        """Change settings; one that cannot be changed refuses the whole call."""
        settable = {param.name for param in SETTABLE}
        fixed = self._api.settings.fixed
        # Clients send back whole forms: what is fixed may be named, as long as it stays as it is.
        unchanged = {name for name in params if name in fixed and fixed[name] == params[name]}
        if refused := ", ".join(sorted(set(params) - settable - unchanged)):
            raise refuse(f"unknown, or for the configuration to decide: {refused[:300]}")
        changes = {name: value for name, value in bind(params, SETTABLE).items() if name in params}
        self._check_scripts(changes)
        if isinstance(changes.get("watch_folders"), (list, tuple)):
            changes["watch_folders"] = self._owned(changes["watch_folders"])
        try:
            await self._api.change_settings(changes)
        except StateError:
            raise
        except P2pdError as error:
            raise refuse(str(error)) from None
        return {}

    def _check_scripts(self, changes: Mapping[str, Any]) -> None:
        """Whoever may name a program may do all that the daemon may."""
        settings = self._api.settings
        for name in SCRIPT_FILENAMES:
            if name in changes and changes[name] != getattr(settings, name):
                if not settings.fixed.get(COMMANDS_OVER_RPC):
                    raise refuse(f"{name}: automation.{COMMANDS_OVER_RPC} is off")
                if not current_caller().identity.permits(Need.ADMIN):
                    raise NotPermittedError(f"{name} can be set by an admin alone")

    def _owned(self, folders: Iterable[JsonObject]) -> list[JsonObject]:
        """Watch folders with their owners: what is put there is added in the name of these."""
        before = {each["folder"]: each for each in self._api.settings.watch_folders}
        identity = current_caller().identity
        admin = identity.permits(Need.ADMIN)
        owned = []
        for folder in folders:
            known = before.get(str(folder.get("folder", "")))
            asked = folder.get("owner")
            if known is not None and (asked is None or asked == known.get("owner", "")):
                owner = known.get("owner", "")
            else:
                owner = owner_for(asked, identity.user, admin=admin)
            owned.append({**folder, "owner": owner})
        return owned

    @takes()
    async def jsonrpc_stats(self) -> JsonObject:
        """Rates, counts and totals."""
        summary = self._api.summary()
        return {
            "active_torrent_count": summary.active,
            "block_cache": _block_cache(summary.block_cache),
            "cumulative_stats": _statistics(summary.all_runs),
            **_descriptors(summary.descriptors),
            "current_stats": _statistics(summary.this_run),
            "download_limit_in_force": in_force(summary.limit_down),
            "download_speed": int(summary.rate_download),
            "paused_torrent_count": summary.paused,
            "torrent_count": summary.torrents,
            "upload_limit_in_force": in_force(summary.limit_up),
            "upload_speed": int(summary.rate_upload),
            "write_backlog_bytes": summary.write_backlog,
        }

    @takes()
    async def jsonrpc_close(self) -> JsonObject:
        """Stop the daemon, soon and cleanly."""
        self._api.close()
        return {}

    async def _free_space(self, path: str) -> int:
        try:
            return (await self._api.free_space(path)).free
        except P2pdError:
            return -1


def _block_cache(report: BlockCacheReport) -> dict[str, Any]:
    return {
        "blocks_at_once": report.at_once,
        "blocks_hit": report.hits,
        "blocks_missed": report.misses,
        "limit_bytes": report.limit,
        "used_bytes": report.used,
    }


def _descriptors(report: DescriptorReport | None) -> dict[str, Any]:
    if report is None:
        return {}
    return {
        "descriptors": {
            "connections": report.connections,
            "connections_limit": report.connections_limit,
            "limit": report.limit,
            "open_files": report.files,
            "open_files_limit": report.files_limit,
        }
    }


def _statistics(statistics: SessionStatistics) -> dict[str, Any]:
    return {
        "downloaded_bytes": statistics.downloaded,
        "files_added": statistics.files_added,
        "seconds_active": statistics.seconds_active,
        "session_count": statistics.session_count,
        "uploaded_bytes": statistics.uploaded,
    }
