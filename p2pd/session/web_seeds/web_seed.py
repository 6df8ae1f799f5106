"""One web seed of one torrent: what it has, where its files are, and how it is doing."""

from __future__ import annotations

from typing import Iterable, NamedTuple, Sequence

from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import Request
from p2pd.discovery.web_seed_client.interfaces import Place, Question
from p2pd.protocols.webseed.answers import Wanted
from p2pd.protocols.webseed.fetches import fetches_of
from p2pd.protocols.webseed.http_seed import piece_url
from p2pd.protocols.webseed.urls import NOWHERE, file_url
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.web_seeds.seed_report import Kind
from p2pd.state.resume import TorrentRecord
from p2pd.swarm.web_seed_standing import WebSeedStanding

MOST_MOVED = 1000
"""Files of which it is remembered where they are by now."""


def urls_of(
    record: TorrentRecord, content: TorrentContent | None, linked: Sequence[str]
) -> list[tuple[Kind, str]]:
    """The web seeds of a torrent; `linked` are those of its link, if it has no metadata yet."""
    files, pieces = record.web_seeds, record.http_seeds or ()
    if files is None and content is not None:
        files = content.metainfo.web_seeds
    elif files is None:
        files = record.summary.web_seeds if record.summary is not None else tuple(linked)
    found = [(Kind.FILES, url) for url in files]
    return found + [(Kind.PIECES, url) for url in pieces]


class Errand(NamedTuple):
    """One question of a row of blocks; `position`: so many bytes of the row are before it.

    `file` is that by its place in the layout, or -1: it is of no single file (BEP 17).
    """

    question: Question
    position: int
    file: int


class WebSeed:
    """`have` is what it is thought to have."""

    def __init__(
        self,
        url: str,
        kind: Kind,
        content: TorrentContent,
        everything: PieceSet,
        info_hash: bytes,
        standing: WebSeedStanding,
    ) -> None:
        """`everything` is all of the torrent's pieces; it is not changed here."""
        self.url = url
        self.kind = kind
        self.standing = standing
        self.have = self._everything = everything
        self.host = ""
        """The IP address where it was met last."""
        self._content = content
        self._info_hash = info_hash
        self._moved: dict[str, Place] = {}
        self._counted = False
        self._leave_out_what_has_no_url()

    # -- what to ask ---------------------------------------------------------------------------

    def errands(self, blocks: Sequence[Request]) -> list[Errand]:
        """What brings these blocks, one after the other."""
        return self._by_files(blocks) if self.kind is Kind.FILES else self._by_pieces(blocks)

    def _by_files(self, blocks: Sequence[Request]) -> list[Errand]:
        layout, found = self._content.layout, []
        for file, offset, length, position in fetches_of(layout, blocks):
            named = file_url(self.url, self._content.metainfo, file)
            assert named is not None
            wanted = Wanted(offset, length, layout.files[file].length)
            found.append(Errand(self._question(named, wanted), position, file))
        return found

    def _by_pieces(self, blocks: Sequence[Request]) -> list[Errand]:
        found: list[Errand] = []
        position = 0
        rows: list[Request] = []
        for block in blocks:
            last = rows[-1] if rows else None
            if last and last.piece == block.piece and last.begin + last.length == block.begin:
                rows[-1] = last._replace(length=last.length + block.length)
            else:
                rows.append(block)
        for piece, begin, length in rows:
            named = piece_url(self.url, self._info_hash, piece, begin, length)
            question = Question(self.url, Place(named), Wanted(0, length, 0))
            found.append(Errand(question, position, -1))
            position += length
        return found

    def _question(self, named: str, wanted: Wanted) -> Question:
        return Question(named, self._moved.get(named, Place(named)), wanted)

    # -- what came of it -----------------------------------------------------------------------

    def answered(self, errand: Errand, place: Place) -> None:
        """All of it came, from there."""
        self.standing.answered()
        named = errand.question.named
        if errand.file >= 0 and place.url != named:
            self._moved[named] = place
            if len(self._moved) > MOST_MOVED:
                del self._moved[next(iter(self._moved))]

    def forget_place(self, errand: Errand) -> bool:
        """It is not there any more; whether it may be where the torrent says."""
        return self._moved.pop(errand.question.named, None) is not None

    def lacks_file(self, file: int, sentence: str) -> None:
        """A file is not there as the torrent has it; others may be."""
        self.standing.error = sentence
        self.lacks(self._content.layout.pieces_of_file(file))

    def lacks(self, pieces: Iterable[int]) -> None:
        """It is not asked for these any more."""
        counted = self._counted
        self.counts(False)
        self.have = self.have.copy()
        for piece in pieces:
            self.have.discard(piece)
        self.counts(counted)

    def look_again(self) -> None:
        """What was not there may be there by now."""
        self.counts(False)
        self.have = self._everything
        self._leave_out_what_has_no_url()

    def has_wanted(self) -> bool:
        """Whether it may have anything that is wanted and not here."""
        return self._content.pieces.picker.wants_any_of(self.have)

    def counts(self, yes: bool) -> None:
        """Whether it is to be counted among those who have pieces."""
        if yes != self._counted:
            self._counted = yes
            picker = self._content.pieces.picker
            (picker.peer_joined if yes else picker.peer_left)(self.have)

    def _leave_out_what_has_no_url(self) -> None:
        """Only of a name that was made safe it may be that it cannot stand in a URL."""
        if self.kind is not Kind.FILES:
            return
        metainfo, layout = self._content.metainfo, self._content.layout
        suspects: Iterable[int] = metainfo.raw_paths
        if metainfo.raw_name in NOWHERE:
            suspects = range(len(metainfo.files))
        for index in suspects:
            if file_url(self.url, metainfo, index) is None:
                self.lacks(layout.pieces_of_file(index))
