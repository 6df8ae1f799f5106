"""Which pieces in a row to ask a web seed for (BEP 19, "Piece selection").

One request over HTTP fetches many bytes that lie side by side, and costs a round trip; so where
nobody has begun anything for the longest is begun: a gap in what peers bring. The rarest come
first, as with peers; before them what somebody waits for, or what comes first in sequence.
"""

from __future__ import annotations

from typing import Hashable

from p2pd.swarm.picker_state import PickerState

MOST_PIECES = 1024


def next_run(state: PickerState, peer: Hashable, mask: int, most: int) -> range:
    """Up to `most` pieces of the mask in a row, of which each has blocks that nobody is asked for.

    The first is the one that the peer has begun, if there is any. Empty: there are none.
    """
    bit, askable = state.masks.bit, _askable(state, mask)
    if not askable:
        return range(0)
    most = max(1, min(most, MOST_PIECES))
    tail = state.open_pieces.tails.get(peer)
    if tail is not None and bit(tail.piece) & askable:
        first = tail.piece
    else:
        due = (piece for piece in state.deadlines.order if bit(piece) & askable)
        first = next(due, -1)
        if first < 0:
            first = _first_of(state, askable, most)
    end = first + 1
    while end < state.masks.size and end - first < most and bit(end) & askable:
        end += 1
    return range(first, end)


def _askable(state: PickerState, mask: int) -> int:
    """The wanted pieces of the mask with free blocks."""
    found, bit, priorities = state.order.not_begun(mask), state.masks.bit, state.order.priorities
    for partial in state.open_pieces.with_free_blocks():
        if partial.askable and priorities[partial.piece]:
            found |= bit(partial.piece) & mask
    return found


def _first_of(state: PickerState, askable: int, most: int) -> int:
    order, masks = state.order, state.masks
    candidates = order.first_level(askable)
    if order.sequential:
        return order.first_in_sequence(candidates)
    rarest = state.availability.rarest_of(candidates)
    return masks.first(_begins(candidates, most) & rarest or rarest)


def _begins(candidates: int, most: int) -> int:
    """Where the longest rows begin, or all that have `most` pieces."""
    length, step, growing = 1, 1, True
    while length < most and step:
        step = min(step, most - length)
        longer = candidates & (candidates << step)
        if longer:
            candidates, length = longer, length + step
        else:
            growing = False
        step = length if growing else step // 2
    return candidates
