"""The upload side of one peer: what is read when, and that blocks leave in the order asked for."""

from __future__ import annotations

import pytest

from p2pd.base.requests import Request
from p2pd.protocols.peerwire.messages import Reject
from p2pd.session.peers import peer_upload
from p2pd.session.peers.peer_upload import (
    LEAST_AHEAD,
    RUN_BYTES,
    SEND_AHEAD,
    SLOW_AHEAD,
    TURN_BYTES,
    PeerUpload,
)
from p2pd.session.pieces.piece_buffers import PieceBuffers
from p2pd.swarm.bandwidth.limit_tree import LimitTree
from p2pd.swarm.bandwidth.meter import Meter
from tests.session.fake_upload_peer import (
    BLOCK,
    HEADER,
    FakePeer,
    fast,
    sent_requests,
    uploading,
    wanted,
)


def test_what_is_in_memory_is_sent_at_once_in_order_from_one_buffer() -> None:
    requests = wanted(16) + wanted(4, piece=1)
    peer, upload = uploading(requests, 0, 1)
    upload.serve()
    assert sent_requests(peer) == requests
    assert not peer.readings
    assert len(peer.memory_reads) > 1
    assert len(peer.buffer_ids) == 1
    assert upload.total == peer.counted == 20 * BLOCK
    assert peer.events[::2] == ["flush"] * len(peer.memory_reads)
    assert peer.events[1::2] == ["write"] * len(peer.memory_reads)


def test_what_is_not_in_memory_leaves_in_the_order_of_the_requests() -> None:
    requests = wanted(40)
    peer, upload = uploading(requests)
    fast(peer, upload)
    upload.serve()
    assert [reading.size for reading in peer.readings] == [RUN_BYTES, RUN_BYTES, 8 * BLOCK]
    peer.readings[1].end()
    assert not peer.sent
    peer.readings[0].end()
    assert sent_requests(peer) == requests[:32]
    peer.readings[2].end()
    assert sent_requests(peer) == requests


def test_memory_does_not_overtake_a_read() -> None:
    requests = wanted(16) + wanted(4, piece=1)
    peer, upload = uploading(requests, 1)
    fast(peer, upload)
    upload.serve()
    assert not peer.sent
    for reading in peer.readings:
        reading.end()
    assert sent_requests(peer) == requests


def test_a_peer_without_a_rate_gets_little_read_ahead() -> None:
    peer, upload = uploading(wanted(100))
    upload.serve()
    assert sum(reading.size for reading in peer.readings) == LEAST_AHEAD
    peer.takes_all = False
    peer.readings[0].end()
    assert len(peer.sent) == LEAST_AHEAD // BLOCK
    assert len(peer.readings) == 1, "the socket has yet to take what was read"


def test_the_read_ahead_follows_the_rate_up_to_its_bound() -> None:
    peer, upload = uploading(wanted(400))
    fast(peer, upload)
    upload.serve()
    assert sum(reading.size for reading in peer.readings) == SEND_AHEAD
    upload.serve()
    assert sum(reading.size for reading in peer.readings) == SEND_AHEAD

    some, its_upload = uploading(wanted(400))
    its_upload.rate.add(1_200_000, some.now)
    its_upload.serve()
    ahead = int(its_upload.rate.per_second(some.now) * peer_upload.AHEAD_SECONDS)
    assert LEAST_AHEAD < ahead < SEND_AHEAD
    read = sum(reading.size for reading in some.readings)
    assert ahead <= read < ahead + RUN_BYTES


def test_the_others_have_their_turn_after_a_while() -> None:
    count = 3 * TURN_BYTES // BLOCK
    peer, upload = uploading(wanted(count), 0)
    fast(peer, upload)
    for turn in (1, 2):
        upload.serve()
        assert peer.counted == turn * TURN_BYTES
        assert peer.writable_calls == turn
    upload.serve()
    assert sent_requests(peer) == wanted(count)
    assert peer.writable_calls == 2, "nothing is left to be called for"


def test_nothing_is_read_from_memory_while_the_socket_is_full() -> None:
    peer, upload = uploading(wanted(64), 0)
    fast(peer, upload)
    peer.takes_all = False
    upload.serve()
    assert peer.memory_reads == [RUN_BYTES]
    assert peer.send_pending
    upload.serve()
    assert peer.memory_reads == [RUN_BYTES]
    assert not peer.readings
    peer.send_pending = 0
    upload.serve()
    assert peer.memory_reads == [RUN_BYTES, RUN_BYTES]
    assert len(peer.buffer_ids) == 1


def test_a_peer_that_has_what_it_asked_for_holds_no_buffer() -> None:
    buffers = PieceBuffers()
    for number in range(20):
        peer, upload = uploading(wanted(1), 0)
        peer.buffers = buffers
        upload.serve()
        assert len(peer.sent) == 1
        assert buffers.spare_bytes == RUN_BYTES, f"all use the same one, the {number}th too"
    peer, upload = uploading(wanted(1))
    peer.buffers = buffers
    upload.serve()
    assert len(peer.readings) == 1
    assert buffers.spare_bytes == RUN_BYTES


def test_a_buffer_is_lent_until_the_socket_took_it() -> None:
    buffers = PieceBuffers()
    (slow, its_upload), (other, others_upload) = uploading(wanted(4), 0), uploading(wanted(4), 0)
    slow.buffers = other.buffers = buffers
    slow.takes_all = False
    its_upload.serve()
    others_upload.serve()
    assert not slow.buffer_ids & other.buffer_ids, "what waits must not be written over"
    assert buffers.spare_bytes == RUN_BYTES
    slow.send_pending = 0
    its_upload.serve()
    assert buffers.spare_bytes == 2 * RUN_BYTES


def test_cancel_takes_back_what_waits_and_not_what_is_being_read() -> None:
    requests = wanted(8)
    peer, upload = uploading(requests)
    upload.serve()
    assert peer.readings[0].requests == requests[:4]
    upload.cancelled(requests[0])
    upload.cancelled(requests[5])
    upload.cancelled(requests[5])
    assert peer.messages == [Reject(*requests[5])]
    for reading in peer.readings:
        reading.end()
    assert sent_requests(peer) == requests[:5] + requests[6:]


def test_a_choke_refuses_what_waits_and_lets_what_is_read_go_out() -> None:
    requests = wanted(8)
    peer, upload = uploading(requests)
    upload.serve()
    upload.refuse_all(keep=lambda request: request == requests[6])
    assert peer.messages == [Reject(*requests[n]) for n in (4, 5, 7)]
    for reading in peer.readings:
        reading.end()
    assert sent_requests(peer) == [*requests[:4], requests[6]]


def test_without_the_fast_extension_nothing_is_said_of_what_is_dropped() -> None:
    peer, upload = uploading(wanted(8))
    peer.supports_fast = False
    upload.cancelled(wanted(8)[0])
    upload.refuse_all()
    upload.serve()
    assert (peer.messages, peer.sent, peer.readings) == ([], [], [])


def test_a_failed_read_is_told_and_the_others_go_on() -> None:
    requests = wanted(48)
    peer, upload = uploading(requests)
    fast(peer, upload)
    upload.serve()
    first, second, third = peer.readings
    problem = OSError("gone")
    second.fail(problem)
    assert peer.problems == [problem]
    assert peer.messages == [Reject(*request) for request in requests[16:32]]
    third.end()
    first.end()
    assert sent_requests(peer) == requests[:16] + requests[32:]
    upload.asked(Request(1, 0, BLOCK))
    upload.serve()
    assert len(peer.readings) == 4, "the room of the failed read is free again"


def test_a_failed_first_read_does_not_hold_up_the_ones_behind_it() -> None:
    requests = wanted(32)
    peer, upload = uploading(requests)
    fast(peer, upload)
    upload.serve()
    first, second = peer.readings
    second.end()
    first.fail(OSError("gone"))
    assert peer.messages == [Reject(*request) for request in requests[:16]]
    assert sent_requests(peer) == requests[16:]
    assert peer.events == ["flush", "write"], "the rejects leave before the blocks"


def test_a_failed_read_that_ends_the_connection_sends_nothing_more() -> None:
    """As a torrent whose disk fails does: it hangs up on everyone at once."""
    peer, upload = uploading(wanted(48))
    fast(peer, upload)
    upload.serve()
    peer.readings[1].end()
    upload.asked(Request(1, 0, BLOCK))
    peer.closes = upload
    peer.readings[0].fail(OSError("gone"))
    peer.readings[2].end()
    assert (len(peer.problems), peer.sent, len(peer.readings)) == (1, [], 3)


def test_close_drops_what_comes_later() -> None:
    requests = wanted(48)
    peer, upload = uploading(requests)
    fast(peer, upload)
    upload.serve()
    upload.close()
    peer.readings[0].end()
    peer.readings[1].fail(OSError("gone"))
    peer.readings[2].end()
    upload.serve()
    assert (peer.sent, peer.problems, peer.counted) == ([], [], 0)


def test_more_requests_than_announced_are_refused() -> None:
    requests = [Request(n, 0, BLOCK) for n in range(peer_upload.REQUEST_QUEUE)]
    peer, upload = uploading(requests)
    assert not peer.messages
    upload.asked(Request(9999, 0, BLOCK))
    assert peer.messages == [Reject(9999, 0, BLOCK)]
    peer.supports_fast = False
    upload.asked(Request(9999, 0, BLOCK))
    assert peer.dropped
    assert len(upload.queue) == peer_upload.REQUEST_QUEUE


def metered(peer: FakePeer, upload: PeerUpload, rate: float) -> LimitTree:
    tree = LimitTree(least_burst=BLOCK + 1024, wake=lambda due: None)
    tree.set_rate("it", rate, peer.now)
    upload.meter = Meter(tree, tree.chain(["it"]), upload.serve)
    return tree


def test_under_a_limit_blocks_leave_as_it_allows() -> None:
    requests = wanted(64)
    peer, upload = uploading(requests, 0)
    tree = metered(peer, upload, 10 * BLOCK)
    upload.serve()
    assert (peer.sent, peer.memory_reads, peer.writable_calls) == ([], [], 0)
    assert upload.meter is not None
    assert upload.meter.waiting
    for _ in range(300):
        peer.now += 0.01
        upload.serve()
        tree.run(peer.now)
    sent = sent_requests(peer)
    assert sent == requests[: len(sent)]
    assert 28 <= len(sent) <= 30
    assert peer.counted == len(sent) * BLOCK


def test_a_fast_limit_does_not_give_a_slow_peer_more_than_it_takes() -> None:
    peer, upload = uploading(wanted(64), 0)
    metered(peer, upload, 1000 * BLOCK)
    peer.now += 60
    peer.takes_all = False
    upload.serve()
    assert len(peer.sent) * BLOCK == LEAST_AHEAD
    upload.rate.add(0, peer.now + 60)
    peer.now, peer.sent, peer.send_pending = peer.now + 60, [], 0
    upload.serve()
    assert len(peer.sent) * BLOCK == SLOW_AHEAD


def test_what_is_read_in_a_thread_counts_once() -> None:
    peer, upload = uploading(wanted(40))
    tree = metered(peer, upload, 10 * BLOCK)
    peer.now += 60
    upload.serve()
    read = sum(reading.size for reading in peer.readings)
    assert 0 < read <= tree.chain(["it"])[0].burst
    for reading in list(peer.readings):
        reading.end()
    assert len(sent_requests(peer)) * BLOCK == read
    level = tree.chain(["it"])[0].level
    assert level == pytest.approx(tree.chain(["it"])[0].burst - read * (BLOCK + HEADER) / BLOCK)


def test_a_block_that_is_withdrawn_while_it_waits_costs_nothing() -> None:
    (request,) = wanted(1)
    peer, upload = uploading([request], 0)
    tree = metered(peer, upload, BLOCK)
    upload.serve()
    upload.cancelled(request)
    peer.now += 10
    tree.run(peer.now)
    assert peer.sent == []
    assert tree.chain(["it"])[0].level == tree.chain(["it"])[0].burst
    assert tree.next_turn(peer.now) is None
