"""Peers that break every rule, over real sockets: p2pd stays up and finishes from the honest seed.

Each behaviour is met from both sides: p2pd dials the hostile peer, and the hostile peer dials p2pd.
"""

from __future__ import annotations

import contextlib
import functools
import random
import struct
import time

import pytest
from peers.libtorrent_node import LibtorrentNode
from peers.p2pd_node import P2pdNode
from peers.payload import MIB, PIECE, libtorrent_content, make_file
from peers.processes import wait_until
from peers.scripted import (
    BITFIELD,
    BLOCK_DATA,
    EXTENDED,
    HAVE,
    INTERESTED,
    REQUEST,
    UNCHOKE,
    ScriptedPeer,
)

SIZE = 4 * MIB + 55
PIECES = -(-SIZE // PIECE)
BLOCK = 16_384

FAST = bytes([0, 0, 0, 0, 0, 0, 0, 4])
EXTENSIONS = bytes([0, 0, 0, 0, 0, 16, 0, 0])

HOSTILE_HOST = "127.0.0.66"
"""Not the honest seed's address: who sends corrupt data may be banned by address. For the same
reason each behaviour has an address of its own where they meet the same daemon.
"""

HEAD_START = 0.2
"""Seconds that it is alone with p2pd; nothing outside tells when it has done its worst."""

rng = random.Random(7)
BEHAVIOURS = {}


def behaviour(script):
    """Registers ``script(wire, info_hash)``, run after nothing was said yet."""
    BEHAVIOURS[script.__name__.replace("_", " ")] = script
    return script


def as_seed(wire, info_hash, *, reserved=bytes(8)):
    """Be polite up to the point where blocks are asked for."""
    wire.handshake(info_hash, reserved=reserved)
    wire.read_handshake()
    wire.have_all(PIECES)
    wire.message(UNCHOKE)


def drain(wire):
    """Read until p2pd hangs up."""
    while wire.socket.recv(65_536):
        pass


@behaviour
def sends_garbage(wire, info_hash):
    wire.send(rng.randbytes(100_000))
    drain(wire)


@behaviour
def speaks_http(wire, info_hash):
    wire.send(b"GET /announce HTTP/1.1\r\nHost: localhost\r\n\r\n")
    drain(wire)


@behaviour
def says_nothing(wire, info_hash):
    drain(wire)


@behaviour
def hangs_up_at_once(wire, info_hash):
    pass


@behaviour
def sends_a_wrong_info_hash(wire, info_hash):
    wire.handshake(bytes(20))
    drain(wire)


@behaviour
def sends_half_a_handshake(wire, info_hash):
    wire.send(b"\x13BitTorrent prot")
    drain(wire)


@behaviour
def sends_garbage_after_the_handshake(wire, info_hash):
    wire.handshake(info_hash)
    wire.send(rng.randbytes(100_000))
    drain(wire)


@behaviour
def sends_a_bitfield_that_is_too_long(wire, info_hash):
    wire.handshake(info_hash)
    wire.message(BITFIELD, b"\xff" * 100_000)
    drain(wire)


@behaviour
def sends_a_bitfield_that_is_too_short(wire, info_hash):
    wire.handshake(info_hash)
    wire.message(BITFIELD, b"\xff")
    drain(wire)


@behaviour
def sets_spare_bits_of_the_bitfield(wire, info_hash):
    wire.handshake(info_hash)
    wire.message(BITFIELD, b"\xff" * ((PIECES + 7) // 8))
    wire.message(UNCHOKE)
    drain(wire)


@behaviour
def sends_two_bitfields(wire, info_hash):
    wire.handshake(info_hash)
    wire.have_all(PIECES)
    wire.have_all(PIECES)
    drain(wire)


@behaviour
def has_pieces_that_do_not_exist(wire, info_hash):
    wire.handshake(info_hash)
    wire.message(HAVE, struct.pack(">I", PIECES))
    wire.message(HAVE, struct.pack(">I", 0xFFFFFFFF))
    drain(wire)


@behaviour
def announces_a_message_of_four_gigabytes(wire, info_hash):
    as_seed(wire, info_hash)
    wire.send(b"\xff\xff\xff\xff\x07" + bytes(1_000_000))
    drain(wire)


@behaviour
def sends_wrong_fixed_lengths(wire, info_hash):
    wire.handshake(info_hash)
    wire.message(HAVE, b"\0")
    wire.message(REQUEST, bytes(5))
    wire.message(UNCHOKE, b"surprise")
    wire.message(BLOCK_DATA, bytes(3))
    drain(wire)


@behaviour
def sends_unknown_messages(wire, info_hash):
    as_seed(wire, info_hash)
    for kind in range(30, 256):
        wire.message(kind, rng.randbytes(50))
    drain(wire)


@behaviour
def sends_blocks_that_nobody_asked_for(wire, info_hash):
    as_seed(wire, info_hash)
    for piece in range(PIECES - 1):
        for begin in range(0, PIECE, BLOCK):
            wire.block(piece, begin, bytes(BLOCK))
    drain(wire)


@behaviour
def sends_overlapping_blocks(wire, info_hash):
    as_seed(wire, info_hash)
    for piece, begin, length in wire.requests():
        wire.block(piece, begin + 1, bytes(length))
        wire.block(piece, max(begin - 5, 0), bytes(length + 5))
        wire.block(piece, begin, bytes(length - 1))


@behaviour
def sends_blocks_beyond_the_piece(wire, info_hash):
    as_seed(wire, info_hash)
    wire.block(0, PIECE, bytes(BLOCK))
    wire.block(0, 0xFFFFFFFF, bytes(BLOCK))
    wire.block(0xFFFFFFFF, 0, bytes(BLOCK))
    wire.block(PIECES, 0, bytes(BLOCK))
    wire.block(0, 0, b"")
    drain(wire)


@behaviour
def answers_with_corrupt_data(wire, info_hash):
    as_seed(wire, info_hash)
    for piece, begin, length in wire.requests():
        wire.block(piece, begin, rng.randbytes(length))


@behaviour
def answers_twice(wire, info_hash):
    as_seed(wire, info_hash)
    for piece, begin, length in wire.requests():
        wire.block(piece, begin, bytes(length))
        wire.block(piece, begin, bytes(length))


@behaviour
def unchokes_and_never_answers(wire, info_hash):
    as_seed(wire, info_hash)
    for _ in wire.messages():
        pass


@behaviour
def answers_very_slowly(wire, info_hash):
    as_seed(wire, info_hash)
    wire.send(struct.pack(">IBII", 9 + BLOCK, BLOCK_DATA, 0, 0))
    for _ in range(100):
        wire.send(b"\0")
        time.sleep(0.2)


@behaviour
def chokes_and_unchokes_without_end(wire, info_hash):
    as_seed(wire, info_hash)
    for _ in range(20_000):
        wire.send(b"\0\0\0\1\0\0\0\0\1\1")
    drain(wire)


@behaviour
def floods_with_keepalives(wire, info_hash):
    as_seed(wire, info_hash)
    wire.send(bytes(4) * 500_000)
    drain(wire)


@behaviour
def asks_for_impossible_blocks(wire, info_hash):
    wire.handshake(info_hash)
    wire.read_handshake()
    wire.message(INTERESTED)
    for piece, begin, length in [
        (0xFFFFFFFF, 0, BLOCK),
        (0, 0xFFFFFFFF, BLOCK),
        (0, 0, 0xFFFFFFFF),
        (0, 0, 0),
        (PIECES - 1, PIECE - 1, BLOCK),
    ]:
        wire.message(REQUEST, struct.pack(">III", piece, begin, length))
    drain(wire)


@behaviour
def asks_without_being_unchoked(wire, info_hash):
    wire.handshake(info_hash)
    wire.read_handshake()
    for _ in range(20_000):
        wire.message(REQUEST, struct.pack(">III", 0, 0, BLOCK))
    drain(wire)


@behaviour
def uses_the_fast_extension_unasked(wire, info_hash):
    wire.handshake(info_hash)
    wire.message(14)
    wire.message(13, struct.pack(">I", 0xFFFFFFFF))
    wire.message(16, struct.pack(">III", 1, 2, 3))
    drain(wire)


@behaviour
def rejects_every_request(wire, info_hash):
    wire.handshake(info_hash, reserved=FAST)
    wire.read_handshake()
    wire.message(14)
    wire.message(UNCHOKE)
    for request in wire.requests():
        wire.message(16, struct.pack(">III", *request))


@behaviour
def sends_a_broken_extension_handshake(wire, info_hash):
    wire.handshake(info_hash, reserved=EXTENSIONS)
    for payload in (
        b"",
        b"\0",
        b"\0d1:m",
        b"\0" + b"l" * 5000,
        b"\0i5e",
        b"\0d1:mi5e1:pi-1e4:reqqi-5e13:metadata_sizei99999999999ee",
        b"\0d1:md11:ut_metadatai1e6:ut_pexi300eee",
        b"\xff" + bytes(100),
    ):
        wire.message(EXTENDED, payload)
    drain(wire)


@behaviour
def asks_for_metadata_that_is_not_there(wire, info_hash):
    wire.handshake(info_hash, reserved=EXTENSIONS)
    wire.message(EXTENDED, b"\0d1:md11:ut_metadatai1eee")
    for piece in (-1, 0, 5, 99999999):
        wire.message(EXTENDED, b"\x01d8:msg_typei0e5:piecei%dee" % piece)
        wire.message(EXTENDED, b"\x02d8:msg_typei0e5:piecei%dee" % piece)
        wire.message(EXTENDED, b"\x03d8:msg_typei0e5:piecei%dee" % piece)
    drain(wire)


@behaviour
def asks_for_hashes_that_are_not_there(wire, info_hash):
    as_seed(wire, info_hash)
    for kind in (21, 22, 23):
        wire.message(kind, rng.randbytes(32) + struct.pack(">IIII", 0, 0, 0xFFFFFFFF, 99))
        wire.message(kind, rng.randbytes(7))
    drain(wire)


def content_of(folder, *, seed=1):
    path = make_file(folder / "original", SIZE, name=f"{seed}.bin", seed=seed)
    return libtorrent_content(path, "v1")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A daemon that meets all of them one after the other, and an honest seed."""
    pytest.importorskip("libtorrent")
    folder = tmp_path_factory.mktemp("pair")
    with contextlib.ExitStack() as stack:
        node = P2pdNode(folder / "p2pd", start=False)
        stack.callback(node.stop)
        seed = LibtorrentNode(folder / "libtorrent")
        stack.callback(seed.stop)
        yield node, seed


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_p2pd_survives_a_peer_that(work, pair, ended_after, name):
    node, seed = pair
    if node.process is None or not node.process.running:  # whom the one before has killed
        node.start()
    number = list(BEHAVIOURS).index(name)
    content = content_of(work, seed=number)
    seed.share(content)
    script = functools.partial(BEHAVIOURS[name], info_hash=content.wire_ids[0])
    hostile = ended_after(ScriptedPeer(script, host=f"127.0.66.{number + 1}"))
    node.add(content.torrent)
    node.dial(hostile)
    wait_until(lambda: hostile.connections >= 1, 30, "connection", details=node.state)
    hostile.dial(node)
    time.sleep(HEAD_START)
    node.dial(seed)
    node.wait_copy_of(content, 90)
    hostile.hang_up()
    node.check_healthy()
    node.call("torrent_remove", ids=[node.hash_string])


@pytest.fixture
def honest(work, new_libtorrent):
    content = content_of(work)
    seed = new_libtorrent()
    seed.share(content)
    return content, seed


def test_all_of_them_at_once(honest, new_p2pd, ended_after):
    content, seed = honest
    node = new_p2pd()
    node.add(content.torrent)
    for script in BEHAVIOURS.values():
        spoken = functools.partial(script, info_hash=content.wire_ids[0])
        hostile = ended_after(ScriptedPeer(spoken, host=HOSTILE_HOST))
        node.dial(hostile)
        hostile.dial(node)
    node.dial(seed)
    node.wait_copy_of(content, 90)
    assert sorted(p.name for p in node.downloads.iterdir()) == [content.name]
    node.check_healthy()


def test_a_flood_of_connections_leaves_room_for_the_honest(honest, new_p2pd, ended_after):
    content, seed = honest
    node = new_p2pd()
    node.add(content.torrent)
    silent = ended_after(ScriptedPeer(drain, host=HOSTILE_HOST))
    for _ in range(300):
        silent.dial(node)
    node.dial(seed)
    node.wait_copy_of(content, 90)
    node.check_healthy()
