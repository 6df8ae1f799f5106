"""The session in numbers: what there is of everything that has a bound, and the bound beside it.

Gauges are read when somebody asks, from what the session keeps anyway. Ten thousand torrents are
gone through with pauses, so that nobody waits for that.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Awaitable, Callable

from p2pd.base.measures import (
    Labels,
    Measure,
    bounded,
    counter,
    counters,
    gauge,
    gauges,
    histograms,
)
from p2pd.discovery.holepunch.relay import HolepunchCounts
from p2pd.discovery.pex.heard import PexCounts
from p2pd.protocols.peerwire.extensions.ut_holepunch import HolepunchError
from p2pd.session.add_line import AddLine
from p2pd.session.api import DiskState, TorrentStatus, TorrentTrouble
from p2pd.session.connecting.admission import Encryption
from p2pd.session.connecting.arrivals import DIALLED_HANDSHAKES, HANDSHAKES, HandshakeEnd
from p2pd.session.discovering.dht_measures import dht_measures
from p2pd.session.peers.peer_session import SEND_LIMIT, PeerSession
from p2pd.session.peers.peer_upload import REQUEST_QUEUE
from p2pd.session.peers.send_queues import BYTES as SEND_QUEUES
from p2pd.session.session import Session
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.swarm.caught_hosts import LIMIT, SLACK

Pause = Callable[[], Awaitable[None]]

CAUGHT = "Addresses of peers that worked, which torrents that find nobody try."

TURN = 50
"""Torrents that are looked at between two pauses."""

REFUSALS = (
    *("session_full", "torrent_full", "host_full", "not_wanted"),
    *("handshakes", "host_handshakes", "blocked"),
)


class _Tally:
    """Torrents and peers, counted one by one."""

    def __init__(self) -> None:
        self.statuses: Counter[Labels] = Counter({(s.name.lower(),): 0 for s in TorrentStatus})
        self.troubles: Counter[Labels] = Counter({(t.name.lower(),): 0 for t in TorrentTrouble})
        self.disks: Counter[Labels] = Counter({(state.value,): 0 for state in DiskState})
        self.peers: Counter[Labels] = Counter()
        self.encryptions: Counter[Labels] = Counter({(each.value,): 0 for each in Encryption})
        self.unchoked = self.encrypted = 0
        self.queued = self.longest_queue = 0
        self.requests = self.most_requests = 0

    def torrent(self, report: TorrentReport) -> None:
        self.statuses[report.status.name.lower(),] += 1
        self.troubles[report.trouble.name.lower(),] += 1
        self.disks[report.disk_state.value,] += 1

    def peer(self, peer: PeerSession) -> None:
        direction = "incoming" if peer.incoming else "outgoing"
        self.peers[direction, peer.source, peer.transport_name] += 1
        self.unchoked += not peer.am_choking
        self.encrypted += peer.encrypted
        self.encryptions[peer.encryption.value,] += 1
        queued, requests = peer.send_pending, len(peer.upload.queue)
        self.queued += queued
        self.longest_queue = max(self.longest_queue, queued)
        self.requests += requests
        self.most_requests = max(self.most_requests, requests)


async def session_measures(session: Session, line: AddLine, pause: Pause) -> list[Measure]:
    """All of them. `pause` lets others have their turn when it is time."""
    tally = _Tally()
    for number, torrent in enumerate(list(session.torrents)):
        tally.torrent(TorrentReport(torrent))
        for peer in torrent.connected:
            tally.peer(peer)
        if number % TURN == TURN - 1:
            await pause()
    return [
        *_torrents(session, tally),
        *_peers(tally),
        *_connections(session),
        *session.nodes.measures(),
        *session.reaching.measures(),
        *_pex(session.counts.pex),
        *dht_measures(session.dht.stand()),
        *_holepunch(session.counts.holepunch),
        *_traffic(session),
        *_memory(session),
        *_disks(session),
        *_adds(line),
    ]


def _torrents(session: Session, tally: _Tally) -> list[Measure]:
    counts = session.counts
    return [
        gauges("torrents", "Torrents by what they do.", ("status",), tally.statuses),
        gauges(
            "torrents_by_trouble",
            "Torrents by what is wrong with them; none for most.",
            ("trouble",),
            tally.troubles,
        ),
        gauges(
            "torrents_by_disk_state",
            "Torrents by what they wait for, of their disk; ok for most.",
            ("state",),
            tally.disks,
        ),
        gauge(
            "torrents_busy",
            "Torrents that are looked at once a second, for they have something to do.",
            len(session.activity.busy),
        ),
        counter("pieces_passed_total", "Pieces that came and were right.", counts.pieces_passed),
        counter("pieces_failed_total", "Pieces that came and were wrong.", counts.pieces_failed),
        gauge(
            "bans", "Bans in force, of hosts, single peers or nodes.", len(session.bans.in_force)
        ),
        *bounded("caught_hosts", CAUGHT, len(session.catcher.hosts), LIMIT + SLACK),
    ]


def _peers(tally: _Tally) -> list[Measure]:
    return [
        gauges(
            "peers",
            "Connected peers, by who dialled, where their addresses came from, and transport.",
            ("direction", "source", "transport"),
            tally.peers,
        ),
        gauge("peers_unchoked", "Peers that may ask for data.", tally.unchoked),
        gauge("peers_encrypted", "Peers that are spoken with encrypted.", tally.encrypted),
        gauges(
            "peers_by_encryption",
            "Connected peers by how the connection is encrypted.",
            ("encryption",),
            tally.encryptions,
        ),
        *bounded(
            "peer_send_queues_bytes",
            "Bytes that wait for all peers' sockets; with more the slowest peers are dropped.",
            tally.queued,
            SEND_QUEUES,
        ),
        *bounded(
            "peer_send_queue_bytes",
            "Bytes that wait for the slowest peer's socket; with more it is dropped.",
            tally.longest_queue,
            SEND_LIMIT,
        ),
        gauge(
            "peers_requests",
            "Blocks that all peers asked for and that are not read yet.",
            tally.requests,
        ),
        *bounded(
            "peer_requests",
            "Blocks that the busiest peer asked for; more are rejected.",
            tally.most_requests,
            REQUEST_QUEUE,
        ),
    ]


def _connections(session: Session) -> list[Measure]:
    connections, dialer = session.connections, session.dialer
    refused: dict[Labels, float] = {(reason,): 0 for reason in REFUSALS}
    for reason, count in (connections.refused + connections.arrivals.turned_away).items():
        refused[reason,] = count
    ends: dict[Labels, float] = {(end.value,): connections.failed[end] for end in HandshakeEnd}
    return [
        *bounded(
            "connections",
            "Connections with peers that are open, shaking hands or being dialled.",
            connections.total,
            session.connection_limit,
        ),
        *bounded("dials", "Connections being dialled.", dialer.half_open, dialer.half_open_limit),
        *bounded(
            "handshakes",
            "Peers that came and have not yet said which torrent they want.",
            len(connections.arrivals),
            HANDSHAKES,
        ),
        *bounded(
            "dialled_handshakes",
            "Peers that were dialled, are there, and have not shaken hands yet.",
            connections.dialled_handshakes,
            DIALLED_HANDSHAKES,
        ),
        *connections.opener.measures(),
        *session.tls.measures(),
        *session.web_seeds.measures(),
        counters(
            "connections_refused_total",
            "Peers that came in vain, by the bound that was reached.",
            ("reason",),
            refused,
        ),
        counters(
            "handshakes_failed_total",
            "Connections that ended before both had shaken hands, by how.",
            ("end",),
            ends,
        ),
        counter(
            "peers_evicted_total",
            "Peers that lost their place to one that is preferred.",
            connections.gave_way,
        ),
        counter(
            "peers_slow_total",
            "Peers that were dropped since they did not read what they asked for.",
            session.counts.slow_readers,
        ),
    ]


def _pex(counts: PexCounts) -> list[Measure]:
    return [
        counter("pex_sent_total", "Messages that told peers of others (BEP 11).", counts.sent),
        counter("pex_received_total", "Messages in which peers told of others.", counts.received),
        counter(
            "pex_unread_total",
            "Of these those that were not read, since their peer sent too many.",
            counts.too_often,
        ),
        counter("pex_addresses_total", "Addresses in them that may be peers.", counts.addresses),
        counter(
            "pex_addresses_refused_total",
            "Addresses in them that cannot be, or were too many.",
            counts.refused,
        ),
    ]


def _holepunch(counts: HolepunchCounts) -> list[Measure]:
    refused: dict[Labels, float] = {
        (error.name.lower(),): counts.refused[error]
        for error in HolepunchError
        if error is not HolepunchError.NONE
    }
    return [
        counter(
            "holepunch_relayed_total",
            "Times that two peers were told to dial each other (BEP 55).",
            counts.relayed,
        ),
        counters(
            "holepunch_refused_total",
            "Times that a peer asked for that in vain, by why.",
            ("error",),
            refused,
        ),
        counter(
            "holepunch_ignored_total",
            "Messages about that of which nothing came: too many, or not for us.",
            counts.ignored,
        ),
        counter("holepunch_asked_total", "Times that we asked a peer for that.", counts.asked),
        counter("holepunch_dials_total", "Times that a peer had us dial another.", counts.told),
    ]


def _traffic(session: Session) -> list[Measure]:
    rates = session.rates
    limits: dict[Labels, float] = {}
    for direction, limit in (("down", rates.session_down), ("up", rates.session_up)):
        if limit is not None:
            limits[direction,] = limit
    return [
        counter(
            "payload_received_bytes_total",
            "Bytes of wanted blocks from peers.",
            session.rate_download.total,
        ),
        counter("payload_sent_bytes_total", "Bytes of blocks to peers.", session.rate_upload.total),
        gauges(
            "speed_limit_bytes_per_second",
            "The session's speed limits in force; none where there is none.",
            ("direction",),
            limits,
        ),
    ]


def _memory(session: Session) -> list[Measure]:
    budget = session.budget
    return [
        *bounded(
            "memory_in_flight_bytes",
            "Bytes of pieces in memory that are not written yet; then no more are asked for.",
            budget.used,
            budget.limit,
        ),
        gauge(
            "memory_in_flight_waiting",
            "Torrents that ask for no more until there is room for pieces in memory.",
            budget.waiting,
        ),
    ]


def _disks(session: Session) -> list[Measure]:
    devices = {(str(device.number),): device for device in session.devices}

    def of_each(name: str, meaning: str, value: Callable[[Any], float]) -> Measure:
        return gauges(name, meaning, ("device",), {key: value(d) for key, d in devices.items()})

    running, waiting = session.checks.counts()
    moving, in_line = session.moves.counts()
    return [
        of_each("disk_jobs", "Jobs that a disk has not done yet, by st_dev.", lambda d: d.pending),
        of_each(
            "write_backlog_bytes",
            "Bytes of whole pieces that wait for a disk; then peers are not read from.",
            lambda d: d.memory.backlog.size,
        ),
        of_each(
            "write_backlog_bytes_limit",
            "How many bytes of whole pieces may wait for a disk.",
            lambda d: d.memory.backlog.limit,
        ),
        of_each("disk_silent", "1 while a disk does not answer.", lambda d: d.silent),
        of_each("disk_full", "1 while a disk has no room.", lambda d: d.full),
        histograms(
            "disk_job_seconds",
            "From asking for a disk job to having its result, by its kind.",
            ("kind",),
            {(kind,): seen for kind, seen in session.disks.latencies.items() if kind != "check"},
        ),
        gauge(
            "disk_questions",
            "Folders of which the disk has not said yet what is asked.",
            session.disks.unanswered,
        ),
        gauge("checks_running", "Re-checks that read.", running),
        gauge("checks_waiting", "Re-checks that wait for others on their disks.", waiting),
        gauge("moves_running", "Torrents that are on their way to other folders.", moving),
        gauge(
            "moves_waiting",
            "Torrents that wait for others to be moved, or for what is in their way; each once.",
            in_line,
        ),
    ]


def _adds(line: AddLine) -> list[Measure]:
    return [
        *bounded("adds", "Torrents on their way into the session.", line.waiting, line.limit),
        *bounded(
            "adds_bytes",
            "Bytes of .torrent files on their way into the session.",
            line.bytes,
            line.bytes_limit,
        ),
        counter(
            "adds_refused_total",
            "Torrents that were not taken since too many were on their way.",
            line.refused,
        ),
    ]
