"""group_get, group_set: bandwidth groups (Transmission's rpc-spec, 4.8); group_remove is ours."""

from __future__ import annotations

from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.base.errors import P2pdError, StateError
from p2pd.control.schema import (
    SPEED,
    JsonObject,
    Param,
    boolean,
    described,
    list_of,
    refuse,
    schema_of,
    takes,
    text,
)
from p2pd.session.api import SessionApi
from p2pd.session.settings.bandwidth_groups import LONGEST_NAME, MOST_GROUPS, NEW_GROUP

_NAME = text(LONGEST_NAME)
_NAMES = list_of(_NAME, MOST_GROUPS)


@described({"oneOf": [schema_of(_NAME), schema_of(_NAMES)]})
def _names(name: str, value: object) -> tuple[str, ...]:
    many: tuple[str, ...] = (
        _NAMES(name, value) if isinstance(value, list) else (_NAME(name, value),)
    )
    return many


def group_name(name: str, value: object) -> str:
    """The name of a group, or nothing for none."""
    given: str = _NAME(name, value)
    if given and not given.strip():
        raise refuse(f"{name} is blank")
    return given


group_name.schema = schema_of(_NAME)  # type: ignore[attr-defined]


class GroupMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `group`."""

    def __init__(self, api: SessionApi) -> None:
        super().__init__()
        self._api = api

    @takes(Param("name", _names, None))
    async def jsonrpc_get(self, name: tuple[str, ...] | None) -> JsonObject:
        """Groups by name, or all of them; names that are no group's are left out."""
        groups = self._api.settings.bandwidth_groups
        wanted = sorted(groups) if name is None else dict.fromkeys(name)
        return {"group": [{**groups[each], "name": each} for each in wanted if each in groups]}

    @takes(
        Param("name", group_name),
        Param("honors_session_limits", boolean, None),
        Param("speed_limit_down", SPEED, None),
        Param("speed_limit_down_enabled", boolean, None),
        Param("speed_limit_up", SPEED, None),
        Param("speed_limit_up_enabled", boolean, None),
        strict=True,
    )
    async def jsonrpc_set(self, name: str, **changes: Any) -> JsonObject:
        """Change a group, or make it; what is left out stays as it is."""
        if not name:
            raise refuse("name is empty")
        groups = self._api.settings.bandwidth_groups
        given = {key: value for key, value in changes.items() if value is not None}
        await self._change({**groups, name: {**groups.get(name, NEW_GROUP), **given}})
        return {}

    @takes(Param("name", _names), strict=True)
    async def jsonrpc_remove(self, name: tuple[str, ...]) -> JsonObject:
        """Forget groups: their torrents are in none, then."""
        await self._api.remove_groups(name)
        return {}

    async def _change(self, groups: JsonObject) -> None:
        try:
            await self._api.change_settings({"bandwidth_groups": groups})
        except StateError:
            raise
        except P2pdError as error:
            raise refuse(str(error)) from None
