"""What the API says of itself: it is an OpenRPC document, and true."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pd.control.errors import RpcError
from p2pd.control.methods.torrent_fields import TORRENT_FIELDS
from p2pd.control.schema import Param, params_of, schema_of

DOCUMENT = {
    "type": "object",
    "required": ["openrpc", "info", "methods"],
    "properties": {
        "openrpc": {"type": "string", "pattern": r"^1\.3\.\d+$"},
        "info": {"type": "object", "required": ["title", "version"]},
        "methods": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "params", "result"],
                "properties": {
                    "paramStructure": {"enum": ["by-name", "by-position", "either"]},
                    "params": {"type": "array", "items": {"$ref": "#/$defs/content"}},
                    "result": {"$ref": "#/$defs/content"},
                },
            },
        },
    },
    "$defs": {"content": {"type": "object", "required": ["name", "schema"]}},
}
"""What OpenRPC 1.3 asks of a document, as far as ours goes."""


@pytest.fixture
def document(caller: Any) -> dict[str, Any]:
    found: dict[str, Any] = caller.call("system_methods").result
    return found


def all_params(caller: Any) -> dict[str, Param]:
    resource = caller.site.root.children[b"rpc"]
    return {
        f"{prefix}_{name}.{param.name}": param
        for prefix, group in resource.subHandlers.items()
        for name in group._listFunctions()
        for param in params_of(group._getFunction(name))
    }


def test_it_is_an_openrpc_document(document: dict[str, Any], caller: Any) -> None:
    jsonschema.validate(document, DOCUMENT)
    for method in document["methods"]:
        assert re.fullmatch(r"[A-Z].*\.", method["summary"]), method["name"]
        for param in method["params"]:
            jsonschema.Draft202012Validator.check_schema(param["schema"])
    assert caller.call("rpc.discover").result == document


def test_every_method_that_there_is_is_in_it(document: dict[str, Any], caller: Any) -> None:
    groups = caller.site.root.children[b"rpc"].subHandlers
    there = {
        f"{prefix}_{name}" for prefix, each in groups.items() for name in each._listFunctions()
    }
    assert [method["name"] for method in document["methods"]] == sorted(there)
    get = next(method for method in document["methods"] if method["name"] == "torrent_get")
    assert get["x-fields"] == sorted(TORRENT_FIELDS)
    required = {param["name"]: param["required"] for param in get["params"]}
    assert required == {"ids": False, "fields": True, "format": False}


def test_every_param_says_what_it_takes(caller: Any) -> None:
    assert [name for name, param in all_params(caller).items() if not schema_of(param.check)] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    | st.sampled_from(["/a", "auto", "objects", "a", "192.0.2.1:1", "aGk=", "http://t.test/a"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["first_piece", "piece_count", "a"]), inner, max_size=2),
    max_leaves=5,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON)
def test_what_a_check_lets_pass_is_what_it_says(value: Any, caller: Any) -> None:
    for name, param in all_params(caller).items():
        try:
            param.check(param.name, value)
        except RpcError:
            continue
        try:
            jsonschema.validate(value, schema_of(param.check))
        except jsonschema.ValidationError as problem:
            pytest.fail(f"{name} takes {json.dumps(value)}: {problem.message}")
