"""What a torrent's record alone tells readers (api.TorrentView): the same whatever it is doing."""

from __future__ import annotations

from p2pd.state.resume import TorrentRecord


class RecordReport:
    """Reads one record, which changes under it."""

    __slots__ = ("_record",)

    def __init__(self, record: TorrentRecord) -> None:
        self._record = record

    @property
    def id(self) -> int:
        """Stable across restarts."""
        return self._record.id

    @property
    def download_dir(self) -> str:
        """The folder that holds it, or is to hold it when it is complete."""
        return self._record.final_dir or self._record.download_dir

    @property
    def current_dir(self) -> str:
        """The folder that holds it now."""
        return self._record.download_dir

    @property
    def added_at(self) -> float:
        """Unix seconds."""
        return self._record.added_at

    @property
    def completed_at(self) -> float:
        """Unix seconds; 0 while it is not."""
        return self._record.completed_at or 0.0

    @property
    def active_at(self) -> float:
        """Unix seconds of the last payload."""
        return self._record.active_at

    @property
    def edited_at(self) -> float:
        """Unix seconds of the last change by a client."""
        return self._record.edited_at

    @property
    def metadata_only(self) -> bool:
        """Whether it is a magnet that is paused as soon as its metadata is here."""
        return self._record.metadata_only

    @property
    def sequential(self) -> bool:
        """Whether pieces are asked for in order."""
        return self._record.sequential

    @property
    def sequential_from(self) -> int:
        """The piece that is asked for first then."""
        return self._record.sequential_from

    @property
    def super_seeding(self) -> str:
        """Whether it shows single pieces when it seeds (BEP 16): auto, on or off."""
        return self._record.super_seeding

    @property
    def trusted_only(self) -> bool:
        """Whether only nodes that the user trusts are let in."""
        return self._record.trusted_only

    @property
    def seed_choking(self) -> str:
        """Whom it serves when it is complete: by the session's rule, or one of its own."""
        return self._record.seed_choking

    @property
    def labels(self) -> tuple[str, ...]:
        """The user's labels."""
        return tuple(self._record.labels)

    @property
    def downloaded(self) -> int:
        """Payload bytes ever received that were wanted."""
        return self._record.downloaded

    @property
    def uploaded(self) -> int:
        """Payload bytes ever sent."""
        return self._record.uploaded

    @property
    def corrupt(self) -> int:
        """Payload bytes ever thrown away."""
        return self._record.corrupt

    @property
    def owner(self) -> str:
        """Whose it is, of the control API's users."""
        return self._record.owner
