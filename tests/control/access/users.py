"""Users of one site, for tests."""

from __future__ import annotations

from typing import Any

from p2pd.control.errors import RpcCode

PASSWORD = "correct horse"
FORBIDDEN = int(RpcCode.FORBIDDEN)
BY_THEMSELVES = {"user_password", "history_get"}
"""Anybody may call them, and is refused by what is asked for."""


def key_of(caller: Any, role: str, name: str = "bob", **user: Any) -> str:
    """A new user's key."""
    assert caller.call("user_add", name=name, role=role, **user).result == {}
    return str(caller.call("api_key_add", name="k", user=name).result["key"])


def as_user(caller: Any, role: str, name: str = "bob", **user: Any) -> Any:
    """The same site, called by another user."""
    other = object.__new__(type(caller))
    other.__dict__.update(caller.__dict__, token=key_of(caller, role, name, **user))
    return other


def code_of(answer: Any) -> int | None:
    return answer.json.get("error", {}).get("code")
