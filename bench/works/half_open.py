"""What handshakes that are begun and never ended leave of a node: its rate, its memory, its ear.

Thousands of connections are kept at the port of p2pd (``inside/half_open.py``). The transfers are
those of ``flood``: alone, and beside them. Then a node that seeds and has nothing to do: its memory
and its CPU, and how long a peer waits that comes meanwhile and means it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from bench.accounting import cpu_seconds, peak_resident, reset_peak, resident
from bench.case import (
    FLOODED_RATE,
    GROWN,
    HELD_CPU,
    HELD_RSS,
    KEPT,
    LET_IN,
    PEAK,
    RATE,
    RSS_AFTER,
    RSS_BEFORE,
    STALL,
    Case,
)
from bench.ciphers import Cipher
from bench.content import Torrent
from bench.engines.engine import Engine
from bench.engines.p2pd import P2pd
from bench.errors import BenchError
from bench.figures import Sample, spread
from bench.following import wait_complete
from bench.inside import half_open
from bench.sizes import MIB, size_text
from bench.workbench import Workbench
from bench.works.flood import PLACES, TIMES_SIZE
from bench.works.strangers import Strangers, measure_beside
from bench.works.transfer import ROLES, Roles

WORK = "half-open"
PROGRAM = Path(half_open.__file__)
AGAIN_SECONDS = 1.0
LISTENS_TO_BOTH = {"peers.encryption": "preferred"}
"""Half of the kinds is of no account to a node that encrypts nothing."""

IDLE_SIZE = 16 * MIB
SETTLE_SECONDS = 2.0
TRIES = 5
TRY_SECONDS = 20.0
HANDSHAKE_SIZE = 68

MEASURED = ("leech", "seed", "leech-tls", "seed-tls")
IDLE = (Cipher.NONE, Cipher.TLS)


def cases(bench: Workbench) -> list[Case]:
    """By kind, one address or many, and by what the node does meanwhile."""
    found = []
    for kind in bench.options.strangers:
        for hosts in (half_open.HOSTS, 1):
            detail = f"{bench.options.half_open} {kind} of {_of(hosts)}"
            found += [_transfer(bench, role, kind, hosts, detail) for role in MEASURED]
            found += [_idle(bench, cipher, kind, hosts, detail) for cipher in IDLE]
    return found


def _of(hosts: int) -> str:
    return "one address" if hosts == 1 else f"{hosts} addresses"


def _transfer(bench: Workbench, role: str, kind: str, hosts: int, detail: str) -> Case:
    options = bench.options
    size, piece = options.size * TIMES_SIZE, options.pieces[0]

    def measure(engine: str) -> Sample:
        roles = ROLES[role]
        torrent = bench.sources.torrent(size, piece, tls=roles.cipher is Cipher.TLS)
        return measure_transfers(bench, engine, torrent, roles, kind, hosts)

    detail = f"{role} of {size_text(size)}, {detail}"
    return Case(WORK, detail, _engines(bench), (RATE, FLOODED_RATE, KEPT, PEAK, STALL), measure)


def _idle(bench: Workbench, cipher: Cipher, kind: str, hosts: int, detail: str) -> Case:
    tls = cipher is Cipher.TLS

    def measure(engine: str) -> Sample:
        torrent = bench.sources.torrent(IDLE_SIZE, bench.options.pieces[0], tls=tls)
        return measure_idle(bench, engine, torrent, kind, hosts)

    figures = (RSS_BEFORE, HELD_RSS, GROWN, RSS_AFTER, HELD_CPU, LET_IN)
    return Case(WORK, f"idle{'-tls' if tls else ''}, {detail}", _engines(bench), figures, measure)


def _engines(bench: Workbench) -> tuple[str, ...]:
    return tuple(name for name in bench.engines if name == P2pd.name)


def measure_transfers(
    bench: Workbench, name: str, torrent: Torrent, roles: Roles, kind: str, hosts: int
) -> Sample:
    """A transfer alone and one beside the strangers."""
    sample = measure_beside(
        bench,
        name,
        torrent,
        roles,
        lambda engine, folder: _strangers(bench, engine, torrent, kind, hosts, folder),
        places=PLACES,
        settings=LISTENS_TO_BOTH,
    )
    _check(bench, sample)
    return sample


def measure_idle(bench: Workbench, name: str, torrent: Torrent, kind: str, hosts: int) -> Sample:
    """A seed that nobody asks for anything, before, during and after."""
    with bench.run_folder() as folder:
        engine = bench.new(
            name,
            folder / "measured",
            places=PLACES,
            cipher=Cipher.TLS if torrent.swarm else Cipher.NONE,
            settings=LISTENS_TO_BOTH,
        )
        try:
            engine.start()
            engine.add(torrent, torrent.content.parent)
            wait_complete(engine, torrent, bench.options.timeout)
            time.sleep(SETTLE_SECONDS)
            with _strangers(bench, engine, torrent, kind, hosts, folder) as strangers:
                return _held(bench, engine, torrent, strangers)
        finally:
            engine.stop()


def _held(bench: Workbench, engine: Engine, torrent: Torrent, strangers: Strangers) -> Sample:
    reset_peak(engine.pid)
    before, spent, began = resident(engine.pid), cpu_seconds(engine.pid), time.monotonic()
    strangers.begin()
    time.sleep(bench.options.load_seconds)
    waits = [seconds_until_answer(engine, torrent) for _ in range(TRIES)]
    spent, lasted = cpu_seconds(engine.pid) - spent, time.monotonic() - began
    told = strangers.end()
    _check(bench, told)
    time.sleep(SETTLE_SECONDS)
    highest = peak_resident(engine.pid)
    return {
        **told,
        "grown": (highest - before) / MIB,
        "rss_before": before / MIB,
        "held_rss": highest / MIB,
        "rss_after": resident(engine.pid) / MIB,
        "held_cpu": 100 * spent / lasted,
        "let_in": spread(waits).middle,
        "let_in_worst": max(waits),
    }


def _strangers(
    bench: Workbench, engine: Engine, torrent: Torrent, kind: str, hosts: int, folder: Path
) -> Strangers:
    plan = half_open.Plan(
        engine.host,
        engine.port,
        tls_port=engine.tls_port if torrent.swarm else 0,
        info_hash=torrent.info_hash,
        kind=kind,
        count=bench.options.half_open,
        hosts=hosts,
        again=AGAIN_SECONDS,
        most=bench.options.timeout,
    )
    return Strangers(WORK, PROGRAM, asdict(plan), folder)


def _check(bench: Workbench, told: Sample) -> None:
    """Raises BenchError when they were not as many as they should be."""
    if told["attempts"] < bench.options.half_open:
        raise BenchError(f"only {told['attempts']:.0f} half-open handshakes were begun")


def seconds_until_answer(engine: Engine, torrent: Torrent) -> float:
    """How long somebody waits, from dialling to the handshake of BEP 3, who keeps to the rules.

    TRY_SECONDS: he was not heard for so long.
    """
    greeting = half_open.PROTOCOL + bytes(8) + bytes.fromhex(torrent.info_hash)
    context = _member(torrent) if torrent.swarm else None
    began = time.monotonic()
    while time.monotonic() - began < TRY_SECONDS:
        try:
            with contextlib.ExitStack() as stack:
                peer = socket.create_connection(engine.address(torrent), TRY_SECONDS)
                stack.enter_context(peer)
                if context is not None:
                    peer = context.wrap_socket(peer, server_hostname=torrent.info_hash)
                    stack.enter_context(peer)
                peer.sendall(greeting + b"-XX0001-" + f"{began:012.1f}"[:12].encode())
                if peer.recv(HANDSHAKE_SIZE):
                    return time.monotonic() - began
        except OSError:
            pass
        time.sleep(0.1)
    return TRY_SECONDS


def _member(torrent: Torrent) -> ssl.SSLContext:
    """What a member of the swarm speaks TLS with."""
    assert torrent.swarm is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "member.pem"
        file.write_text("".join(torrent.swarm.identity()))
        context.load_cert_chain(file)
    return context
