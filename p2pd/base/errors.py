"""The errors that p2pd raises on purpose: each carries one sentence a person can act on."""

from __future__ import annotations


class P2pdError(Exception):
    """The base of every error raised on purpose; ``str(error)`` is a sentence for a person."""


class FormatError(P2pdError, ValueError):
    """Bytes from outside (torrent, magnet, message) break the rules of their format."""


class StorageError(P2pdError, OSError):
    """The disk refused: the sentence names the file and the reason."""


class DiskFullError(StorageError):
    """There is no room for what is to be written; later there may be."""


class FileRoomError(DiskFullError):
    """There is no room for all of a file; for others there may be."""


class ReadOnlyError(StorageError):
    """What is on the file system cannot be changed; later it may be."""


class DiskFaultError(StorageError):
    """The disk failed; it may do better the next time."""


class MissingError(StorageError):
    """The volume, or what should be on it, is not there; later it may be."""


class StateError(P2pdError):
    """The state folder or database cannot be used."""


class ConfigError(P2pdError):
    """A key or value in the configuration that p2pd cannot accept."""
