"""The errors of the control API: a code, a short message, and a sentence that says what to do.

The codes are those of JSON-RPC 2.0 (section 5.1) and of Transmission's RPC (1 to 10), and two of
p2pd's own, which are called as in HTTP.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from txjsonrpc_ng.jsonrpclib import Fault

from p2pd.automation.refusals import RefusedError
from p2pd.automation.web import WebError
from p2pd.base.errors import P2pdError
from p2pd.control.access.caller import NotPermittedError
from p2pd.formats.blocklist import BlocklistError
from p2pd.formats.x509.pem import PemError
from p2pd.formats.x509.swarm_ca import SwarmCaError
from p2pd.protocols.enrolment.token import TokenError
from p2pd.session.blocklist.blocklist_source import ListProblem, ListSourceError
from p2pd.session.torrents.torrent_requests import AddProblem, AddTorrentError, PieceIndexError


class RpcCode(enum.IntEnum):
    """Why a call failed; the numbers are on the wire."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    SET_ANNOUNCE_LIST = 1
    INVALID_TRACKER_LIST = 2
    PATH_NOT_ABSOLUTE = 3
    UNRECOGNIZED_INFO = 4
    SYSTEM_ERROR = 5
    FILE_INDEX_OUT_OF_RANGE = 6
    PIECE_INDEX_OUT_OF_RANGE = 7
    HTTP_ERROR = 8
    CORRUPT_TORRENT = 9
    INVALID_BLOCKLIST_DATA = 10
    FORBIDDEN = 403
    BUSY = 503


MESSAGES: Mapping[RpcCode, str] = {
    RpcCode.PARSE_ERROR: "Parse error",
    RpcCode.INVALID_REQUEST: "Invalid Request",
    RpcCode.METHOD_NOT_FOUND: "Method not found",
    RpcCode.INVALID_PARAMS: "Invalid params",
    RpcCode.INTERNAL_ERROR: "Internal error",
    RpcCode.SET_ANNOUNCE_LIST: "the tracker list could not be set",
    RpcCode.INVALID_TRACKER_LIST: "invalid tracker list",
    RpcCode.PATH_NOT_ABSOLUTE: "the path is not absolute",
    RpcCode.UNRECOGNIZED_INFO: "unrecognized info",
    RpcCode.SYSTEM_ERROR: "system error",
    RpcCode.FILE_INDEX_OUT_OF_RANGE: "file index out of range",
    RpcCode.PIECE_INDEX_OUT_OF_RANGE: "piece index out of range",
    RpcCode.HTTP_ERROR: "HTTP error from another server",
    RpcCode.CORRUPT_TORRENT: "invalid or corrupt torrent file",
    RpcCode.INVALID_BLOCKLIST_DATA: "invalid blocklist data",
    RpcCode.FORBIDDEN: "not permitted",
    RpcCode.BUSY: "busy",
}

ADD_CODES: Mapping[AddProblem, RpcCode] = {
    AddProblem.UNRECOGNIZED: RpcCode.UNRECOGNIZED_INFO,
    AddProblem.CORRUPT: RpcCode.CORRUPT_TORRENT,
    AddProblem.PATH: RpcCode.PATH_NOT_ABSOLUTE,
    AddProblem.SYSTEM: RpcCode.SYSTEM_ERROR,
}


class RpcError(Fault):  # type: ignore[misc]
    """A call refused: `code` for programs, `sentence` for people."""

    def __init__(self, code: RpcCode, sentence: str = "") -> None:
        super().__init__(int(code), MESSAGES[code])
        self.code = code
        self.sentence = sentence

    def to_json(self) -> dict[str, Any]:
        """The error object of JSON-RPC 2.0, section 5.1."""
        error: dict[str, Any] = {"code": int(self.code), "message": MESSAGES[self.code]}
        if self.sentence:
            error["data"] = {"error_string": self.sentence}
        return error


def rpc_error_of(error: P2pdError) -> RpcError:
    """The API's error for one that the session raised on purpose."""
    if isinstance(error, AddTorrentError):
        return RpcError(ADD_CODES[error.problem], str(error))
    if isinstance(error, NotPermittedError):
        return RpcError(RpcCode.FORBIDDEN, str(error))
    if isinstance(error, PieceIndexError):
        return RpcError(RpcCode.PIECE_INDEX_OUT_OF_RANGE, str(error))
    if isinstance(error, BlocklistError):
        return RpcError(RpcCode.INVALID_BLOCKLIST_DATA, str(error))
    if isinstance(error, WebError):
        return RpcError(RpcCode.HTTP_ERROR, str(error))
    if isinstance(error, (RefusedError, PemError, SwarmCaError, TokenError)):
        return RpcError(RpcCode.INVALID_PARAMS, str(error))
    if isinstance(error, ListSourceError) and error.problem is ListProblem.HTTP:
        return RpcError(RpcCode.HTTP_ERROR, str(error))
    return RpcError(RpcCode.SYSTEM_ERROR, str(error))
