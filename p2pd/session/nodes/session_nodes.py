"""The nodes of one session: its own key, those that the user trusts, and the work of proving.

What a trusted node is worth is said in swarm/trusted_nodes.py, what goes over a connection in
peers/peer_node.py. Refuses to know where keys and lists are kept. Times are Unix seconds.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, Callable, Coroutine, Iterable, Mapping, Protocol, Sequence, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.errors import P2pdError
from p2pd.base.measures import Labels, Measure, bounded, counters
from p2pd.protocols.peerwire.extensions.p2pd_node import KEY_SIZE, NodeHints, NodeProof
from p2pd.protocols.peerwire.node_proofs import Channel, NodeKey, check, is_weak, succeeds
from p2pd.session.nodes.identity_modes import NOBODY, shows_itself
from p2pd.session.session_bans import SessionBans
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.swarm.trusted_nodes import LIMIT, NAME_LIMIT, TrustedNode, TrustedNodes

IN_LINE = 256
"""Proofs and hints that are made or checked, or wait for that; with more, nobody is recognized."""

_RNG = random.SystemRandom()

OUTCOMES = PROVED, REFUSED, TOO_MANY = "proved", "refused", "too_many"

T = TypeVar("T")


class NodeKeeper(Protocol):
    """Where this node's own key lies (state.node_key.NodeKeyFile); both block."""

    def load(self) -> NodeKey:
        """The key, which is made if there is none. Raises P2pdError."""

    def rotate(self, key: NodeKey, *, succession: bool) -> NodeKey:
        """Another key in its place, for which it vouches if so wished. Raises P2pdError."""


class NodeMemory(Protocol):
    """Where the trusted ones are kept (state.trusted_nodes.TrustedNodeStore)."""

    def load(self) -> Deferred[list[TrustedNode]]:
        """Those that were kept."""

    def change(self, gone: Sequence[bytes], new: Sequence[TrustedNode]) -> Deferred[None]:
        """Keep these keys no more, and these nodes from now on."""


class Elsewhere(Protocol):
    """Runs a function in another thread."""

    def __call__(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Its result, in the reactor's thread."""


class NodesOwner(Protocol):
    """The session."""

    settings: SessionSettings
    bans: SessionBans

    def wall(self) -> float:
        """Unix seconds."""

    def background(self, work: Coroutine[Any, Any, Any] | Deferred[Any], what: str) -> None:
        """Run something nobody waits for."""


class SessionNodes:
    """Our own identity, the trusted ones, and what became of proofs (`outcomes`)."""

    log = Logger()

    def __init__(
        self,
        owner: NodesOwner,
        keeper: NodeKeeper | None,
        memory: NodeMemory | None,
        elsewhere: Elsewhere | None,
    ) -> None:
        """Without `keeper` or `elsewhere` there is no identity."""
        self.own: NodeKey | None = None
        self.trouble = "this node keeps no key"
        self.trusted = TrustedNodes()
        self.outcomes: Counter[str] = Counter()
        self.in_line = 0
        self._pairs: tuple[bytes, Mapping[bytes, bytes]] = b"", {}
        """Our key, and what we have in common with others; replaced, never changed."""
        self._owner = owner
        self._keeper = keeper if elsewhere is not None else None
        self._memory = memory
        self._elsewhere = elsewhere

    async def recall(self) -> None:
        """The trusted ones of an earlier run, and our own key."""
        if self._memory is not None:
            self._take(await self._memory.load())
        if self._keeper is not None:
            await self._load(self._keeper)

    async def _load(self, keeper: NodeKeeper) -> None:
        assert self._elsewhere is not None
        try:
            self.own = await self._elsewhere(keeper.load)
        except P2pdError as problem:
            self.trouble = str(problem)
            self.log.error("this node has no identity: {problem}", problem=problem)

    def measures(self) -> list[Measure]:
        """How many are trusted, and what became of proofs."""
        outcomes: dict[Labels, float] = {(each,): self.outcomes[each] for each in OUTCOMES}
        return [
            *bounded("trusted_nodes", "Nodes that the user trusts.", len(self.trusted), LIMIT),
            *bounded(
                "node_proofs",
                "Proofs of nodes' identity that are made or checked, or wait for that.",
                self.in_line,
                IN_LINE,
            ),
            counters(
                "node_proofs_total",
                "Proofs of nodes' identity: right, refused since they were wrong, or one too many.",
                ("outcome",),
                outcomes,
            ),
        ]

    # -- what connections ask ------------------------------------------------------------------

    @property
    def speaks(self) -> bool:
        """Whether nodes hear of us, or are heard, at all."""
        return self.own is not None and self._owner.settings.peer_identity != NOBODY

    def shows_itself(self, *, private: bool) -> bool:
        """Whether strangers hear who we are, in a torrent that is private or not."""
        return shows_itself(self._owner.settings.peer_identity, private=private)

    def is_trusted(self, key: bytes) -> bool:
        """Whether the user trusts the node with this key; nobody has the empty one."""
        return key in self.trusted

    def name_of(self, key: bytes) -> str:
        """What the user calls it; empty for who is not trusted."""
        node = self.trusted.get(key)
        return "" if node is None else node.name

    @property
    def has_room(self) -> bool:
        """Whether more may be proved or checked."""
        return self.in_line < IN_LINE

    def prove(self, channel: Channel) -> Deferred[NodeProof]:
        """Our identity on a connection."""
        assert self.own is not None
        return self._run(self.own.proof, channel)

    def check(self, proof: NodeProof, channel: Channel) -> Deferred[bytes | None]:
        """Errs with FormatError if a proof is wrong; else the key that it came after, or None."""
        return self._run(_checked, proof, channel)

    def hint(self, channel: Channel) -> Deferred[NodeHints]:
        """Hints for the trusted nodes."""
        return self._run(self._hints, channel, self.own, self.trusted.keys)

    def recognize(self, hints: NodeHints, channel: Channel) -> Deferred[bytes | None]:
        """Which trusted node it is that hints at itself."""
        return self._run(self._recognized, hints, channel, self.own, self.trusted.keys)

    def _hints(self, channel: Channel, own: NodeKey, keys: Sequence[bytes]) -> NodeHints:
        """In a thread."""
        return channel.hints_of_us(self._in_common(own, keys).values(), _RNG)

    def _recognized(
        self, hints: NodeHints, channel: Channel, own: NodeKey, keys: Sequence[bytes]
    ) -> bytes | None:
        """In a thread."""
        return channel.recognized(hints, self._in_common(own, keys))

    def _in_common(self, own: NodeKey, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """In a thread: the secrets that we have with trusted nodes, each of which is made once."""
        whose, known = self._pairs
        if whose != own.public:
            known = {}
        pairs = {key: known.get(key) or own.pair(key) for key in keys}
        self._pairs = own.public, pairs
        return pairs

    def _run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        assert self._elsewhere is not None
        self.in_line += 1
        return self._elsewhere(work, *args).addBoth(self._done)

    def _done(self, result: Any) -> Any:
        self.in_line -= 1
        return result

    def proved(self, key: bytes, old_key: bytes | None, host: str) -> None:
        """A node is at this host. With a new key that an old one vouches for it stays what it was:
        trusted under its name, and banned.
        """
        self.outcomes[PROVED] += 1
        if old_key is not None and old_key != key:
            self._succeed(key, old_key)
        moved = self.trusted.seen(key, host)
        if moved is not None:
            self._keep([], [moved])

    def _succeed(self, key: bytes, old_key: bytes) -> None:
        bans = self._owner.bans
        for ban in bans.of_node(old_key):
            # Whoever is banned can have as many keys as he likes vouch for each other.
            if not (bans.in_force.covers("", node_key=key) or bans.in_force.is_half_full):
                bans.add(ban._replace(node_key=key))
        node = self.trusted.get(old_key)
        if node is None or key in self.trusted:
            return
        self.log.warn(
            "the trusted node {name} has another key: {old} vouches for {new}",
            name=node.name, old=old_key.hex(), new=key.hex(),
        )  # fmt: skip
        self.trusted.remove(old_key)
        self.trusted.add(node._replace(key=key))
        self._keep([old_key], [node._replace(key=key)])

    # -- what users ask ------------------------------------------------------------------------

    def trust(self, key: bytes, name: str) -> None:
        """Trust a node, or call it something else. Raises P2pdError."""
        if is_weak(key):
            raise P2pdError("this key is one that anybody can sign with")
        if self.own is not None and key == self.own.public:
            raise P2pdError("this is the key of this very node")
        known = self.trusted.get(key)
        since = self._owner.wall() if known is None else known.since
        host = "" if known is None else known.host
        node = TrustedNode(key, name[:NAME_LIMIT], since, host)
        if not self.trusted.add(node):
            raise P2pdError(f"{LIMIT} nodes are trusted, and there is no room for more")
        self._keep([], [node])

    def restore(self, nodes: Iterable[TrustedNode]) -> None:
        """Those of a backup, but for those that are known."""
        self._keep([], self._take(node for node in nodes if node.key not in self.trusted))

    def _take(self, nodes: Iterable[TrustedNode]) -> Sequence[TrustedNode]:
        """Trust those that can be, of what somebody kept; which they are."""
        keys = (node for node in nodes if len(node.key) == KEY_SIZE and not is_weak(node.key))
        return [node for node in keys if self.trusted.add(node)]

    def untrust(self, keys: Iterable[bytes]) -> int:
        """Trust these no more; how many were."""
        gone = [key for key in keys if self.trusted.remove(key) is not None]
        self._keep(gone, [])
        return len(gone)

    async def rotate(self, *, succession: bool) -> NodeKey:
        """Have another key; connections that stand go by the one before. Raises P2pdError."""
        if self._keeper is None or self._elsewhere is None or self.own is None:
            raise P2pdError(self.trouble)
        self.own = await self._elsewhere(_rotated, self._keeper, self.own, succession)
        return self.own

    def _keep(self, gone: Sequence[bytes], new: Sequence[TrustedNode]) -> None:
        if self._memory is not None and (gone or new):
            self._owner.background(self._memory.change(gone, new), "trusted nodes")


def _checked(proof: NodeProof, channel: Channel) -> bytes | None:
    check(proof, channel)
    return succeeds(proof)


def _rotated(keeper: NodeKeeper, key: NodeKey, succession: bool) -> NodeKey:
    return keeper.rotate(key, succession=succession)
