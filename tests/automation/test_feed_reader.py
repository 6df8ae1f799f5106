"""RSS 2.0 and Atom, well-formed and not, and what is made to harm whoever reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.automation.rss import feed_reader
from p2pd.automation.rss.feed_reader import (
    LONGEST_TITLE,
    MOST_BROKEN,
    MOST_BYTES,
    MOST_ITEMS,
    FeedError,
    FeedItem,
    read_feed,
)

URL = "http://feeds.test/dir/rss?key=x"
HASH = "8c056e06fbc16d2a2be79cefbf3e4ddc15396abe"
NAMESPACES = (
    'xmlns:torznab="http://torznab.com/schemas/2015/feed" '
    'xmlns:nyaa="https://nyaa.si/xmlns/nyaa" xmlns:media="http://search.yahoo.com/mrss/"'
)


def one(inside: str, head: str = "") -> FeedItem:
    data = f'<rss version="2.0" {NAMESPACES}><channel>{head}<item>{inside}</item></channel></rss>'
    (item,) = read_feed(data.encode(), URL).items
    return item


@pytest.mark.parametrize(
    ("inside", "link"),
    [
        (
            '<enclosure type="application/x-bittorrent" url="/a.torrent"/>',
            "http://feeds.test/a.torrent",
        ),
        ('<link>http://x/page</link><enclosure type="t" url="http://x/dl?1"/>', "http://x/dl?1"),
        (
            '<enclosure type="image/png" url="http://x/cover.png"/>'
            '<enclosure type="application/x-bittorrent" url="http://x/1"/>',
            "http://x/1",
        ),
        ('<media:content url="http://x/4.torrent" fileSize="12"/>', "http://x/4.torrent"),
        (f"<link>magnet:?xt=urn:btih:{HASH}</link>", f"magnet:?xt=urn:btih:{HASH}"),
        (f"<link>MAGNET:?xt=urn:btih:{HASH}</link>", f"magnet:?xt=urn:btih:{HASH}"),
        ("<link>http://x/a.torrent?k=1</link>", "http://x/a.torrent?k=1"),
        ("<link>http://x/page</link><guid>http://x/a.torrent</guid>", "http://x/a.torrent"),
        ("<link>http://x/download.php?id=4</link>", "http://x/download.php?id=4"),
        (
            f'<link>http://x/page</link><torrent xmlns="http://xmlns.ezrss.it/0.1/">'
            f"<infoHash>{HASH.upper()}</infoHash></torrent>",
            f"magnet:?xt=urn:btih:{HASH}",
        ),
        (
            '<torrent xmlns="http://xmlns.ezrss.it/0.1/"><magnetURI>'
            "<![CDATA[magnet:?xt=urn:btih:8c&dn=x]]></magnetURI></torrent>",
            "magnet:?xt=urn:btih:8c&dn=x",
        ),
        (f"<torrent><infohash>{HASH}</infohash></torrent>", f"magnet:?xt=urn:btih:{HASH}"),
        (f"<nyaa:infoHash>{HASH}</nyaa:infoHash>", f"magnet:?xt=urn:btih:{HASH}"),
        ("<link>file:///etc/passwd</link>", ""),
        ("<link>javascript:alert(1)</link><guid>ftp://x/a.torrent</guid>", ""),
        (f"<link>http://x/{'a' * 5000}.torrent</link>", ""),
    ],
)
def test_where_the_torrent_is(inside: str, link: str) -> None:
    assert one(f"<title>t</title>{inside}").link == link


@pytest.mark.parametrize(
    ("inside", "size"),
    [
        ('<enclosure url="http://x/a" length="12216"/>', None),
        ("<torrent><contentlength>600162597</contentlength></torrent>", 600162597),
        ('<media:content url="http://x/4.torrent" fileSize="12"/>', 12),
        ('<torznab:attr name="size" value="77"/>', 77),
        ("<nyaa:size>1.5 GiB</nyaa:size>", 3 * 2**29),
        ("<size>700 MB</size>", 700_000_000),
        ("<size>99999999999999 TiB</size>", None),
        ("<size>-5</size>", None),
        ("<size>0</size>", None),
    ],
)
def test_how_big_it_is(inside: str, size: int | None) -> None:
    assert one(f"<title>t</title>{inside}").size == size


def test_titles_dates_and_what_it_is_known_by() -> None:
    date = "<pubDate>Tue, 14 Nov 2023 22:13:20 GMT</pubDate>"
    found = one(f"<title> One &amp;\n two\u202e </title><guid>id 1</guid>{date}")
    assert (found.title, found.published_at) == ("One & two", 1_700_000_000.0)
    other = one("<title>another</title><guid>id 1</guid>")
    assert found.key == other.key
    assert one("<title>x</title>").key != one("<title>y</title>").key
    assert len(one(f"<title>{'x' * 999}</title>").title) == LONGEST_TITLE
    assert one("<link>http://x/a</link>").title == "http://x/a"
    assert one("<description>words</description>").title == "(no title)"


def test_atom() -> None:
    data = """<?xml version="1.0" encoding="utf-16"?>
    <feed xmlns="http://www.w3.org/2005/Atom"><title>feed</title><entry><title>A</title>
    <id>urn:1</id><link href="http://x/page"/><updated>2023-11-14T22:13:20Z</updated>
    <link rel="enclosure" type="application/x-bittorrent" href="a.torrent"/></entry></feed>"""
    found = read_feed(data.encode("utf-16"), URL)
    assert (found.title, found.ttl) == ("feed", 0.0)
    (item,) = found.items
    assert (item.link, item.published_at) == ("http://feeds.test/dir/a.torrent", 1_700_000_000.0)


@pytest.mark.parametrize(
    ("ttl", "seconds"), [("60", 3600.0), ("1800", 1800.0), ("9999999", 86_400.0), ("-1", 0.0)]
)
def test_ttl_in_minutes_or_in_seconds(ttl: str, seconds: float) -> None:
    data = f'<rss version="2.0"><channel><ttl>{ttl}</ttl><title>x</title></channel></rss>'
    assert read_feed(data.encode(), URL).ttl == seconds


def test_something_is_made_of_what_is_not_well_formed() -> None:
    data = b"<rss version='2.0'><channel><item><title>a & b</title><link>http://x/a</link></item>"
    (item,) = read_feed(data, URL).items
    assert (item.title, item.link) == ("a & b", "http://x/a")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no feed"),
        (b"not xml", "no feed"),
        (b"<html><body>log in</body></html>", "no feed"),
        (b" " * (MOST_BYTES + 1), "bigger than"),
        (b"<rss>" + b"<item>" * (MOST_BROKEN // 6), "nests too deeply"),
        (b"<rss>" + b"x " * MOST_BROKEN, "too big to make something of it"),
        (b"<rss " + b" ".join(b'a%d="x"' % n for n in range(200)) + b"/>", "too many attributes"),
        (b"<rss>" + b"<a/>" * 25_001 + b"</rss>", "more than 25000 elements"),
        (b"<rss a='" + b"x" * 20_000 + b"'>", "a tag of more than"),
        (b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss>&b;</rss>', "entities"),
        (b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss>&a;</rss>', "entities"),
        (b'<?xml version="1.0" encoding="no-such"?><rss version="2.0"/>', "no feed|encoding"),
    ],
)
def test_what_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(FeedError, match=words):
        read_feed(data, URL)


def test_a_name_is_never_opened(tmp_path: object) -> None:
    with pytest.raises(FeedError):
        read_feed(b"/etc/passwd", URL)


def test_items_are_bounded_and_each_once() -> None:
    items = b"".join(b"<item><title>%d</title></item>" % (n // 2) for n in range(4 * MOST_ITEMS))
    found = read_feed(b'<rss version="2.0"><channel>' + items + b"</channel></rss>", URL)
    assert len(found.items) == MOST_ITEMS // 2


def test_without_feedparser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_reader, "feedparser", None)
    with pytest.raises(FeedError, match=r"install p2pd\[rss\]"):
        read_feed(b"<rss/>", URL)


PIECES = st.sampled_from(
    ["<item>", "</item>", "<title>", "</title>", "<link>", "</link>", "<guid>", "&amp;", "&x;",
     "<!--", "]]>", "<![CDATA[", 'href="magnet:?x"', "<enclosure url='", "'/>", "\0", "\ud7ff",
     "<a:b>", "5", "<torrent>", "<pubDate>", "9999", "<entry>", "<?xml ", "<channel>"]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=8), max_size=30))
def test_whatever_it_is_there_are_items_in_bounds_or_words(pieces: list[str]) -> None:
    data = f'<rss version="2.0"><channel>{"".join(pieces)}'.encode("utf-8", "ignore")
    try:
        found = read_feed(data, URL)
    except FeedError:
        return
    for item in found.items:
        assert item.title.isprintable()
        assert len(item.title) <= LONGEST_TITLE
        assert item.link == "" or item.link.lower().startswith(("http://", "https://", "magnet:"))
