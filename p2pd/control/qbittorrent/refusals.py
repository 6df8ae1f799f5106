"""What a call of the qBittorrent Web API is refused with: an HTTP status and a sentence.

Its clients look at the status: 400 a parameter is wrong, 403 log in, 404 there is no such torrent,
409 what is asked for does not fit what is there, 415 that is no torrent.
"""

from __future__ import annotations

from p2pd.base.errors import P2pdError
from p2pd.control.access.caller import NotPermittedError
from p2pd.control.errors import RpcCode, RpcError
from p2pd.session.torrents.torrent_requests import AddProblem, AddTorrentError

RPC_STATUS = {
    RpcCode.INVALID_PARAMS: 400,
    RpcCode.PATH_NOT_ABSOLUTE: 400,
    RpcCode.INVALID_TRACKER_LIST: 400,
    RpcCode.FORBIDDEN: 403,
}
"""What else a method may say is a conflict."""

NOT_TORRENTS = (AddProblem.UNRECOGNIZED, AddProblem.CORRUPT)


class ApiError(Exception):
    """A call that is not done: the status for programs, the sentence for people."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def wrong(sentence: str) -> ApiError:
    """A parameter is wrong or missing."""
    return ApiError(400, sentence)


def conflict(sentence: str) -> ApiError:
    """It does not go with what is there."""
    return ApiError(409, sentence)


def no_torrent() -> ApiError:
    """The hash is that of no torrent."""
    return ApiError(404, "there is no torrent of that hash")


def refusal_of(problem: Exception) -> ApiError | None:
    """The refusal for what the facade raised on purpose; None for what nobody meant to raise."""
    if isinstance(problem, ApiError):
        return problem
    if isinstance(problem, RpcError):
        return ApiError(RPC_STATUS.get(problem.code, 409), problem.sentence)
    if isinstance(problem, NotPermittedError):
        return ApiError(403, str(problem))
    if isinstance(problem, AddTorrentError):
        return ApiError(415 if problem.problem in NOT_TORRENTS else 409, str(problem))
    if isinstance(problem, IndexError):
        return conflict("there is no file of that index")
    if isinstance(problem, P2pdError):
        return conflict(str(problem))
    return None
