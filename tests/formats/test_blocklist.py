"""Blocklists: every format, packed or not, whatever the slices in which they come."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats import blocklist
from p2pd.formats.blocklist import Blocklist, BlocklistError, BlocklistReader

P2P = b"""# a comment: 9.9.9.9-9.9.9.9
Some: name, with: colons:1.2.3.4-1.2.3.9\r
L\xf6we:005.000.000.000 - 005.000.000.255\r
http://a.test/:6.0.0.1-6.0.0.1
"""
DAT = b"""; level above 127 is allowed
001.002.003.004 - 001.002.003.009 , 100 , Some name:9.0.0.0-9.0.0.9
005.000.000.000 - 005.000.000.255 ,000,
7.0.0.0 - 7.0.0.255 , 128 , allowed
006.000.000.001 - 006.000.000.001
"""
NETWORKS = b"""// one each
1.2.3.4/30 # with a remark
1.2.3.8/31;
5.0.0.77/24
6.0.0.1
\t2001:db8::1
2001:db8:1::/48 ; remark
2001:db8:2::5 - 2001:db8:2::9
::ffff:8.0.0.0/104
"""


def read(data: bytes, step: int = 1 << 20) -> Blocklist:
    reader = BlocklistReader()
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
    return reader.finish()


def zipped(*members: tuple[str, bytes], streamed: bool = False, method: int = 8) -> bytes:
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return not streamed

        def seek(self, *where: int) -> int:
            if streamed:
                raise io.UnsupportedOperation
            return super().seek(*where)

        def tell(self) -> int:
            if streamed:
                raise io.UnsupportedOperation
            return super().tell()

    out = Stream()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)  # no clock's time in it
    return out.getvalue()


@pytest.mark.parametrize("data", [P2P, DAT])
def test_ranges_with_names(data: bytes) -> None:
    found = read(data)
    assert found.skipped == 0
    assert len(found.ranges) == 3
    for host in ("1.2.3.4", "1.2.3.9", "5.0.0.0", "5.0.0.255", "6.0.0.1"):
        assert found.ranges.covers(host)
    for host in ("1.2.3.3", "1.2.3.10", "5.0.1.0", "6.0.0.2", "7.0.0.1", "9.0.0.1", "9.9.9.9"):
        assert not found.ranges.covers(host)


def test_networks_and_single_addresses() -> None:
    found = read(NETWORKS)
    assert found.skipped == 0
    for host in ("1.2.3.4", "1.2.3.9", "5.0.0.0", "5.0.0.255", "6.0.0.1", "8.255.255.255"):
        assert found.ranges.covers(host)
    for host in ("2001:db8::1", "2001:db8:1:ffff::1", "2001:db8:2::5", "2001:db8:2::9"):
        assert found.ranges.covers(host)
    for host in ("1.2.3.10", "2001:db8::2", "2001:db8:2::a", "2001:db8:0:1::1", "9.0.0.0"):
        assert not found.ranges.covers(host)


def test_formats_may_be_mixed_and_lines_end_in_any_way() -> None:
    mixed = b"\xef\xbb\xbf" + P2P.replace(b"\n", b"\r") + b"\r\n" + DAT + NETWORKS
    found = read(mixed)
    assert found.skipped == 0
    for host in ("1.2.3.4", "5.0.0.255", "6.0.0.1", "2001:db8::1"):
        assert found.ranges.covers(host)


@pytest.mark.parametrize(
    "line",
    [
        b"name:1.2.3.4-1.2.3.256",
        b"name:1.2.3.9-1.2.3.4",
        b"name:1.2.3.4",
        b"1.2.3.4/33",
        b"1.2.3.400/3",
        b"1.2.3",
        b"2001:db8::/129",
        b"2001:db8::9-2001:db8::1",
        b"2001:db8::1-1.2.3.4",
        b"::g",
        b"words",
        b"\xff\xfe\x00",
        b"x" * 5000 + b":1.2.3.4-1.2.3.9",
        b":" * 300_000,
    ],
)
@pytest.mark.parametrize("step", [100, 1 << 20])
def test_a_line_that_makes_no_sense_is_skipped_and_counted(line: bytes, step: int) -> None:
    found = read(b"a:6.0.0.1-6.0.0.1\n" + line + b"\n7.0.0.1", step)
    assert found.skipped == 1
    assert len(found.ranges) == 2
    assert found.ranges.covers("7.0.0.1")


@pytest.mark.parametrize(
    "line",
    [
        b" " * 4000 + b"x", b" \t" * 2000 + b"-", b": " * 2000, b"1 " * 2000, b"1-" * 2000,
        b"1.2.3.4" + b" " * 4000 + b"x", b"a" * 2000 + b" " * 2000 + b"x", b":" * 4000,
    ],
)  # fmt: skip
def test_long_lines_take_no_longer_for_what_is_in_them(line: bytes) -> None:
    # Where a pattern tries every way to part the blanks, this takes some ten seconds.
    assert read((line + b"\n") * 500 + b"1.2.3.4").skipped == 500


@pytest.mark.parametrize(
    "data",
    [
        P2P,
        gzip.compress(P2P, mtime=0),
        gzip.compress(P2P[:50], mtime=0) + gzip.compress(P2P[50:], mtime=0) + bytes(100),
        zipped(("list.p2p", P2P)),
        zipped(("list.p2p", P2P), method=0),
        zipped(("list.p2p", P2P), streamed=True),
        zipped(("folder/", b""), ("README", b"words\n"), ("folder/a", P2P), ("b", DAT)),
        zipped(("README", b"words\n"), ("a", P2P), ("b", DAT), streamed=True),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_packed_or_not_in_slices_of_any_size(data: bytes, step: int) -> None:
    found = read(data, step)
    assert found.ranges.to_bytes() == read(P2P).ranges.to_bytes()
    assert found.skipped == (b"README" in data)


@given(st.data())
def test_what_was_written_is_read(data: st.DataObject) -> None:
    number = st.integers(0, 2**32 - 1)
    pairs = data.draw(st.lists(st.tuples(number, number).map(sorted), min_size=1, max_size=8))
    name = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20)
    lines = []
    for first, last in pairs:
        ends = f"{IPv4Address(first)}-{IPv4Address(last)}"
        word = data.draw(name).encode("latin-1")
        lines += [ends.encode() + b" , 0 ," + word, b"x" + word + b":" + ends.encode()]
    text = b"\n".join(lines)
    packed = data.draw(st.sampled_from([text, gzip.compress(text), zipped(("a", text))]))
    found = read(packed, data.draw(st.integers(1, 60)))
    assert found.skipped == 0
    for first, last in pairs:
        assert found.ranges.covers(str(IPv4Address(first)))
        assert found.ranges.covers(str(IPv4Address(last)))


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b", b"PK\x03\x04", P2P]))
def test_anything_is_read_or_refused_in_words(data: bytes, before: bytes) -> None:
    try:
        found = read(before + data, 13)
    except BlocklistError:
        return
    assert len(found.ranges)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no range"),
        (b"# nothing\n", "no range"),
        (b"1.2.3.4-1.2.3.5,200,allowed", "no range"),
        (b"\n <!DOCTYPE html><html>404 no such list", "web page"),
        (b"BZh91AY&SY and more", "bzip2"),
        (b"\xff\xff\xff\xffP2B\x03 and more", "P2B"),
        (gzip.compress(P2P, mtime=0)[:-9], "broken off"),
        (gzip.compress(P2P, mtime=0)[:30] + b"x" * 60, "damaged"),
        (zipped(("a", P2P))[:100], "broken off"),
        (zipped(("a", P2P), method=12), "method 12"),
        (zipped(("a", P2P), method=0).replace(b"1.2.3.4", b"1.2.3.5"), "checksum"),
        (zipped(("a", P2P), streamed=True).replace(b"PK\x07\x08", b"PK\x07\x08x"), "checksum"),
        (zipped(("a", P2P)).replace(b"PK\x01\x02", b"nothing!" * 9), "damaged"),
        (b"PK\x03\x04" + bytes(2) + b"\x01" + bytes(40), "password"),
        (b"PK\x03\x04" + bytes(2) + b"\x08" + bytes(40), "method 0"),
    ],
)
def test_what_is_no_list_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(BlocklistError, match=words):
        read(data)


@pytest.mark.parametrize(
    ("bound", "most", "words"),
    [
        ("MAX_PACKED", 100, "bigger than 100 bytes"),
        ("MAX_PLAIN", 1000, "unpacked it is bigger than 1000 bytes"),
        ("MAX_LINES", 10, "more than 10 lines"),
        ("MAX_RANGES", 10, "more than 10 ranges"),
    ],
)
def test_bounds(monkeypatch: pytest.MonkeyPatch, bound: str, most: int, words: str) -> None:
    monkeypatch.setattr(blocklist, bound, most)
    rng = random.Random(1)
    lines = [f"{rng.randrange(9)}.1.1.{number % 256}" for number in range(1000)]
    with pytest.raises(BlocklistError, match=words):
        read(gzip.compress("\n".join(lines).encode()))


def test_a_bomb_is_unpacked_in_slices_and_no_further_than_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocklist, "MAX_PLAIN", 1 << 20)
    with pytest.raises(BlocklistError, match="unpacked it is bigger"):
        read(gzip.compress(bytes(20 << 20)))
