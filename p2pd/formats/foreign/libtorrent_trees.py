"""The piece layers of v2 torrents (BEP 52) out of libtorrent's resume data.

qBittorrent's .torrent files lack them: libtorrent keeps of each file's Merkle tree what it knows,
the hashes of some nodes and a mask that says of which. Node 0 is the root, node n has 2n + 1 and
2n + 2 below it.
"""

from __future__ import annotations

from p2pd.formats.file_layout import FileLayout
from p2pd.formats.foreign.entries import Entries
from p2pd.formats.foreign.libtorrent_files import of_files
from p2pd.formats.merkle import BLOCK, HASH_SIZE, block_count, layer_root, level_of, root_of
from p2pd.formats.metainfo import Metainfo


def piece_layers(entries: Entries, metainfo: Metainfo, layout: FileLayout) -> dict[bytes, bytes]:
    """Those that can be made, each proven to lead to its file's root, by that root."""
    trees = of_files(entries.items(b"trees"), layout, None)
    files = [file for file in metainfo.files if not file.pad]
    bits = entries.number(b"file-version", 1) == 2
    layers = {}
    for tree, file in zip(trees, files, strict=True):
        root = file.pieces_root
        if root is None or file.length <= metainfo.piece_length or not isinstance(tree, dict):
            continue
        layer = _layer(Entries(tree), file.length, metainfo.piece_length, bits=bits)
        if layer and layer_root(layer, metainfo.piece_length) == root:
            layers[root] = layer
    return layers


def _layer(tree: Entries, length: int, piece_length: int, *, bits: bool) -> bytes | None:
    blocks, in_piece = block_count(length), piece_length // BLOCK
    pieces = -(-blocks // in_piece)
    leaves = 1 << level_of(blocks)
    known = _nodes(tree, 2 * leaves - 1, bits=bits)
    first = leaves // in_piece - 1
    nodes = [known.get(first + piece) for piece in range(pieces)] if known else []
    if nodes and None not in nodes:
        return b"".join(node for node in nodes if node)
    hashes = [known.get(leaves - 1 + block) for block in range(blocks)] if known else []
    if not hashes or None in hashes:
        return None
    found = [node for node in hashes if node]
    starts = range(0, blocks, in_piece)
    return b"".join(root_of(found[at : at + in_piece], pad_to=in_piece) for at in starts)


def _nodes(tree: Entries, count: int, *, bits: bool) -> dict[int, bytes]:
    """The hashes that are there, by node; version 1 has a digit for each in the mask, 2 a bit."""
    raw, mask = tree.raw(b"hashes"), tree.raw(b"mask")
    if bits and len(mask) == -(-count // 8):
        mask = f"{int.from_bytes(mask, 'big'):0{len(mask) * 8}b}"[:count].encode()
    if not mask and len(raw) == count * HASH_SIZE:
        mask = b"1" * count
    if len(mask) != count or mask.count(b"1") * HASH_SIZE != len(raw):
        return {}
    places = (node for node, known in enumerate(mask) if known == ord("1"))
    hashes = (raw[at : at + HASH_SIZE] for at in range(0, len(raw), HASH_SIZE))
    # A node that is all zeros is one that is not known: no hash is.
    return {node: found for node, found in zip(places, hashes, strict=True) if any(found)}
