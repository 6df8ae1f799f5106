"""Fuzz target: the body of a control call. Only RpcError may come out of the parser."""

from __future__ import annotations

from p2pd.control.errors import RpcError
from p2pd.control.message import parse_body

SEEDS: list[bytes] = [
    b'{"jsonrpc":"2.0","id":1,"method":"session_get","params":{"fields":["version"]}}',
    b'{"jsonrpc":"2.0","method":"torrent_stop","params":{"ids":[1,"ab"]}}',
    b'[{"jsonrpc":"2.0","id":"a","method":"x"},{"jsonrpc":"2.0","id":null,"method":"y"},5]',
    b'{"jsonrpc":"2.0","id":1e400,"method":"\\ud800","params":[NaN]}',
    b'{"method":"torrent-get","arguments":{"fields":["id"]},"tag":4}',
    b"[" * 40 + b"]" * 40,
]


def fuzz(data: bytes) -> None:
    """Parse one body."""
    try:
        parse_body(data)
    except RpcError as error:
        error.to_json()
