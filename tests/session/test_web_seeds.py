"""Torrents whose data comes from web seeds: alone, beside peers, and in spite of what these do."""

from __future__ import annotations

import random

import pytest

from p2pd.discovery.web_seed_client.client import NOT_HTTPS
from p2pd.discovery.web_seed_client.interfaces import Question
from p2pd.formats import bencode
from p2pd.protocols.webseed.answers import SeedError
from p2pd.session.session_parts import SessionLimits
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.session.web_seeds.seed_lane import SeedLane
from p2pd.session.web_seeds.seed_report import Kind, SeedReport, SeedState
from p2pd.session.web_seeds.web_seed import WebSeed
from p2pd.swarm.web_seed_standing import WebSeedStanding
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.fake_web_seeds import FakeSeeds
from tests.session.secret_nodes import SECRET, change
from tests.session.tls_swarm import TLS_PORT, authority, give, of_everybody

PIECE = 32 * 1024
BASE = "http://seed.test/pub"
FILES = {
    "a.bin": random.Random(1).randbytes(10 * PIECE + 77),
    "deep/b c.bin": random.Random(2).randbytes(20 * PIECE + 1),
    "empty": b"",
    "z.bin": random.Random(3).randbytes(2 * PIECE),
}
TORRENT = make_torrent(FILES, piece_length=PIECE, web_seeds=(BASE,))


def at(base: str, files: dict[str, bytes] = FILES) -> dict[str, bytes]:
    """The files by their URLs."""
    return {f"{base}/folder/{path.replace(' ', '%20')}": data for path, data in files.items()}


@pytest.fixture
def seeds(network: MemoryNetwork) -> FakeSeeds:
    """A server that has all of it."""
    return FakeSeeds(network.clock, at(BASE))


@pytest.fixture
def node(network: MemoryNetwork, seeds: FakeSeeds) -> SimNode:
    """Has nothing."""
    return SimNode(network, "10.0.0.1", web_seeds=seeds)


def report(torrent: Torrent, place: int = 0) -> SeedReport:
    """What is shown of a web seed."""
    return torrent.seed_reports()[place]


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_all_of_a_torrent_comes_from_its_web_seed(
    network: MemoryNetwork, node: SimNode, version: str
) -> None:
    torrent = node.add(make_torrent(FILES, version, piece_length=PIECE, web_seeds=(BASE,)))  # type: ignore[arg-type]
    network.run_until(torrent.is_complete)
    assert torrent.content is not None
    assert torrent.content.have.is_full
    total = sum(map(len, FILES.values()))
    assert torrent.record.downloaded >= total
    assert torrent.record.corrupt == 0
    assert node.session.web_seeds.received == torrent.record.downloaded
    network.run(3)
    assert not torrent.web_seeds.is_busy
    assert node.session.web_seeds.busy == 0
    assert report(torrent).state is SeedState.RESTS
    assert report(torrent).downloaded == torrent.record.downloaded


def test_pads_are_asked_of_nobody(network: MemoryNetwork, node: SimNode, seeds: FakeSeeds) -> None:
    torrent = node.add(make_torrent(FILES, "hybrid", piece_length=PIECE, web_seeds=(BASE,)))
    network.run_until(torrent.is_complete)
    assert sum(question.wanted.length for question in seeds.asked) == sum(map(len, FILES.values()))


def test_pieces_are_asked_for_in_rows(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    torrent = node.add(TORRENT)
    network.run_until(torrent.is_complete)
    assert len(seeds.asked) <= 10  # of 256 KiB each, or to the end of a file


def test_a_torrent_at_rest_or_paused_asks_nobody(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    seeds.rate = 50_000
    torrent = node.add(TORRENT)
    network.run_until(lambda: torrent.content and torrent.content.have.count > 3)
    network.result(torrent.stop())
    assert seeds.under_way == 0
    assert node.session.web_seeds.busy == 0
    before = len(seeds.asked)
    network.run(60)
    assert len(seeds.asked) == before
    network.result(torrent.start())
    network.run_until(torrent.is_complete)
    network.run_until(lambda: torrent.resting, limit=200)
    assert torrent.seed_reports() == [SeedReport(BASE, report(torrent).kind)]
    assert not torrent.has_parts


def test_only_what_is_wanted_is_asked_for(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    torrent = node.add(TORRENT, files_unwanted=(0, 1))
    network.run_until(torrent.is_complete)
    asked = {question.named.rpartition("/")[2] for question in seeds.asked}
    assert "a.bin" not in asked


def test_peers_and_a_web_seed_do_not_bring_the_same(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    data = {"big": random.Random(9).randbytes(200 * PIECE)}
    raw = make_torrent(data, piece_length=PIECE, web_seeds=(BASE,))
    seeds.files = at(BASE, data)
    other = SimNode(network, "10.0.0.9", speed_limit_up=400, speed_limit_up_enabled=True)
    seed = other.put(raw, data)
    torrent = node.add(raw)
    node.connect(torrent, other.address)
    network.run_until(torrent.is_complete, limit=120)
    total = 200 * PIECE
    assert torrent.record.downloaded + torrent.record.corrupt < total * 1.05
    assert seed.record.uploaded > total // 20
    assert node.session.web_seeds.received > total // 20


def test_who_fails_is_left_alone_for_longer_and_longer(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    def down(question: Question) -> None:
        raise SeedError("it answered HTTP 500")

    seeds.trouble = down
    torrent = node.add(TORRENT)
    network.run(300)
    assert 4 <= len(seeds.asked) <= 8
    shown = report(torrent)
    assert (shown.state, shown.error) == (SeedState.WAITS, "it answered HTTP 500")
    assert shown.next_at > 1_700_000_300
    seeds.trouble = lambda question: None
    network.run_until(torrent.is_complete, limit=600)
    assert report(torrent).error == ""


def test_who_says_when_is_asked_then(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    def busy(question: Question) -> None:
        raise SeedError("it is busy (HTTP 503)", wait=100.0)

    seeds.trouble = busy
    torrent = node.add(TORRENT)
    network.run(95)
    assert len(seeds.asked) == 1
    seeds.trouble = lambda question: None
    network.run_until(torrent.is_complete, limit=60)


def test_a_file_that_is_not_there_is_no_reason_to_give_up_the_others(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    del seeds.files[f"{BASE}/folder/a.bin"]
    torrent = node.add(TORRENT)
    network.run(20)
    assert torrent.content is not None
    flags = torrent.content.have.flags
    assert not any(flags[:11])
    assert all(flags[11:])
    assert "HTTP 404" in report(torrent).error
    seeds.files |= at(BASE)
    network.run_until(torrent.is_complete, limit=2000)


def test_wrong_data_is_the_fault_of_who_sent_it(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    seeds.files = {url: bytes(len(data)) for url, data in seeds.files.items()}
    torrent = node.add(TORRENT)
    network.run(120)
    shown = report(torrent)
    assert shown.state is SeedState.DROPPED
    assert shown.error.startswith("it sent wrong data of ")
    assert node.session.web_seeds.dropped == 1
    before = len(seeds.asked)
    network.run(4000)
    assert len(seeds.asked) == before
    assert torrent.content is not None
    assert torrent.content.have.count == 0
    assert not node.session.bans.list()


def test_a_few_wrong_pieces_come_from_somebody_else(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    url = f"{BASE}/folder/a.bin"
    seeds.files[url] = bytes(10) + seeds.files[url][10:]
    torrent = node.add(TORRENT)
    network.run(30)
    assert torrent.content is not None
    assert list(torrent.content.have.missing()) == [0]
    assert report(torrent).error == "it sent wrong data of piece 0"
    other = SimNode(network, "10.0.0.9")
    other.put(TORRENT, FILES)
    node.connect(torrent, other.address)
    network.run_until(torrent.is_complete)


def test_limits_hold_for_web_seeds(network: MemoryNetwork, node: SimNode, seeds: FakeSeeds) -> None:
    network.result(
        node.control.change_settings({"speed_limit_down": 50, "speed_limit_down_enabled": True})
    )
    torrent = node.add(TORRENT)
    start = network.clock.seconds()
    network.run_until(torrent.is_complete, limit=120)
    took = network.clock.seconds() - start
    total = sum(map(len, FILES.values()))
    assert took > 0.85 * total / 50_000
    assert took < 1.5 * total / 50_000


def test_a_limit_of_nothing_asks_for_nothing(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    torrent = node.add(TORRENT, paused=True)
    view = node.control.find(torrent.record.id)
    network.result(
        node.control.change(view, TorrentChanges(download_limit=0, download_limited=True))
    )
    network.result(torrent.start())
    network.run(20)
    assert not seeds.asked
    network.result(node.control.change(view, TorrentChanges(download_limited=False)))
    network.run_until(torrent.is_complete)


def test_connections_are_bounded(network: MemoryNetwork) -> None:
    bases = [f"http://s{number}.test/pub" for number in range(9)]
    files: dict[str, bytes] = {}
    for base in bases:
        files |= at(base)
    seeds = FakeSeeds(network.clock, files, rate=20_000)
    node = SimNode(network, "10.0.0.1", web_seeds=seeds, web_seed_connections=3)
    torrent = node.add(make_torrent(FILES, piece_length=PIECE, web_seeds=tuple(bases)))
    network.run_until(torrent.is_complete, limit=400)
    assert seeds.most_under_way == 3


def test_one_that_lacks_what_is_left_keeps_no_other_from_it(network: MemoryNetwork) -> None:
    lacks, has = "http://a.test/pub", "http://b.test/pub"
    only = {name: data for name, data in FILES.items() if name == "z.bin"}
    seeds = FakeSeeds(network.clock, at(lacks, only) | at(has), rate=100_000)
    node = SimNode(network, "10.0.0.1", web_seeds=seeds)
    torrent = node.add(make_torrent(FILES, piece_length=PIECE, web_seeds=(lacks, has)))
    network.run_until(torrent.is_complete, limit=60)


def test_a_mistake_of_ours_is_not_made_every_second(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    def broken(question: Question) -> None:
        raise ZeroDivisionError

    seeds.trouble = broken
    torrent = node.add(TORRENT)
    network.run(60)
    assert 1 < len(seeds.asked) <= 6
    assert report(torrent).state is SeedState.WAITS
    assert node.session.web_seeds.busy == 0


def test_they_can_be_turned_off(network: MemoryNetwork, node: SimNode, seeds: FakeSeeds) -> None:
    seeds.rate = 20_000
    torrent = node.add(TORRENT)
    network.run(3)
    assert seeds.under_way
    network.result(node.control.change_settings({"web_seeds_enabled": False}))
    network.run(3)
    assert not seeds.under_way
    assert report(torrent).state is SeedState.REFUSED
    network.result(node.control.change_settings({"web_seeds_enabled": True}))
    network.run_until(torrent.is_complete, limit=200)


def test_others_can_be_chosen_and_are_kept(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    seeds.files = at("http://other.test/x")
    torrent = node.add(TORRENT)
    network.run(10)
    view = node.control.find(torrent.record.id)
    network.result(node.control.change(view, TorrentChanges(web_seeds=("http://other.test/x/",))))
    network.run_until(torrent.is_complete)
    assert node.store.rows[torrent.record.id].web_seeds == ("http://other.test/x/",)
    assert view is not None
    assert "other.test" in view.magnet_link
    network.result(node.control.change(view, TorrentChanges(web_seeds=())))
    assert view.web_seeds == ()
    assert torrent.seed_reports() == []


def test_of_those_that_it_had_nothing_is_kept(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    seeds.files = {}
    torrent = node.add(TORRENT)
    view = node.control.find(torrent.record.id)
    assert view is not None
    for number in (1, 2, 3):
        urls = (f"http://seed.test/{number}",)
        network.result(node.control.change(view, TorrentChanges(web_seeds=urls)))
        network.run(10)
        assert "404" in report(torrent).error
    assert len(torrent.web_seeds._standings) == 1


def test_little_memory_is_enough(network: MemoryNetwork, seeds: FakeSeeds) -> None:
    limits = SessionLimits(check_workers=1, memory_in_flight=3 * PIECE)
    node = SimNode(network, "10.0.0.1", web_seeds=seeds, limits=limits)
    torrent = node.add(TORRENT)
    network.run_until(torrent.is_complete)
    assert node.session.budget.used == 0


def test_who_is_banned_is_not_asked(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    seeds.rate = 20_000
    torrent = node.add(TORRENT)
    network.run_until(lambda: torrent.content and torrent.content.have.count > 1)
    assert not seeds.lines[0].keeps_away(seeds.host)
    node.session.bans.ban([type(node.address)(seeds.host, 0)], "enough", None)
    assert seeds.lines[0].keeps_away(seeds.host)
    assert seeds.lines[0].closed


def test_a_seed_of_pieces_is_asked_by_their_numbers(
    network: MemoryNetwork, seeds: FakeSeeds
) -> None:
    node = SimNode(network, "10.0.0.1", web_seeds=seeds)
    torrent = node.add(make_torrent({"one": FILES["z.bin"]}, piece_length=PIECE), paused=True)
    view = node.control.find(torrent.record.id)
    base = "http://old.test/seed.php"
    network.result(node.control.change(view, TorrentChanges(http_seeds=(base,))))
    quoted = "".join(f"%{byte:02X}" for byte in torrent.info_hashes.wire_ids[0])

    def serve(question: Question) -> None:
        url = question.place.url
        assert url.startswith(f"{base}?info_hash="), (url, quoted)
        piece, ranges = url.partition("&piece=")[2].split("&ranges=")
        first, last = map(int, ranges.split("-"))
        start = int(piece) * PIECE + first
        seeds.files[url] = FILES["z.bin"][start : int(piece) * PIECE + last + 1]

    seeds.trouble = serve
    network.result(torrent.start())
    network.run_until(torrent.is_complete)
    assert {question.wanted.size for question in seeds.asked} == {0}


# -- torrents that are not for everybody -----------------------------------------------------------


def test_a_torrent_with_a_secret_is_never_asked_for_in_the_clear(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    seeds.rate = 20_000
    torrent = node.add(TORRENT)
    network.run(2)
    assert seeds.under_way
    asked = len(seeds.asked)
    change(node, torrent, SECRET)
    assert not seeds.under_way
    network.run(60)
    assert len(seeds.asked) == asked
    assert (report(torrent).state, report(torrent).error) == (SeedState.REFUSED, NOT_HTTPS)


def test_a_torrent_with_a_secret_comes_by_https(network: MemoryNetwork, seeds: FakeSeeds) -> None:
    base = "https://seed.test/pub"
    seeds.files = at(base)
    node = SimNode(network, "10.0.0.1", web_seeds=seeds)
    made = make_torrent(FILES, piece_length=PIECE, web_seeds=(base,))
    torrent = node.add(made, secret=SECRET)
    network.run_until(torrent.is_complete)
    assert all(line.https_only for line in seeds.lines)


def test_a_torrent_of_a_ca_shows_its_certificate_or_asks_nobody(
    network: MemoryNetwork, seeds: FakeSeeds
) -> None:
    base, clear = "https://seed.test/pub", "http://seed.test/pub"
    seeds.files = at(base) | at(clear)
    made = make_torrent(
        FILES, piece_length=PIECE, web_seeds=(base, clear), authority=authority().pem
    )
    node = SimNode(network, "10.0.0.1", web_seeds=seeds, tls_port=TLS_PORT)
    torrent = node.add(made)
    network.run(30)
    assert not seeds.asked
    assert [each.state for each in torrent.seed_reports()] == [SeedState.REFUSED] * 2
    give(node, torrent, of_everybody())
    network.run_until(torrent.is_complete)
    assert {question.named.partition(":")[0] for question in seeds.asked} == {"https"}
    for line in seeds.lines:
        assert line.https_only
        assert line.credentials() is not None
    assert report(torrent, 1).error == NOT_HTTPS


def test_who_has_a_bad_block_among_good_ones_is_found(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    """Of a piece that a peer and a web seed had a part in, it is seen who lied."""
    url = f"{BASE}/folder/z.bin"
    torrent = node.add(TORRENT, files_unwanted=(0, 1, 2))
    network.run_until(torrent.is_complete)
    seeds.files[url] = bytes(len(seeds.files[url]))
    seed = torrent.seed_reports()[0]
    assert seed.error == ""
    lane = torrent.web_seeds
    known = WebSeedStanding(node.session.rng)
    content = torrent.content
    assert content is not None
    bad = WebSeed(BASE, Kind.FILES, content, content.have.copy(), bytes(20), known)
    lanes = SeedLane(lane, bad, seeds.lines[0], node.session.new_window())
    good = bytes(range(16)) * 4
    other = SimNode(network, "10.0.0.9")
    other.put(TORRENT, FILES)
    node.connect(torrent, other.address)
    network.run_until(lambda: bool(torrent.connected))
    (peer,) = torrent.connected
    torrent.trust.piece_failed(7, [lanes, peer], b"x" * 16 + good[16:32])
    assert known.error == ""
    torrent.trust.piece_passed(7, [peer], good[:32])
    assert known.error == "it sent wrong data of piece 7"
    assert not node.session.bans.list()
    assert 7 not in bad.have


def test_what_a_peer_brings_meanwhile_is_not_waited_for(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    seeds.rate = 2_000
    torrent = node.add(TORRENT)
    network.run(5)
    other = SimNode(network, "10.0.0.9")
    other.put(TORRENT, FILES)
    node.connect(torrent, other.address)
    began = network.clock.seconds()
    network.run_until(torrent.is_complete, limit=100)
    assert network.clock.seconds() - began < 60
    network.run(3)
    assert not seeds.under_way


def test_seeds_by_pieces_are_kept_with_the_torrent(
    network: MemoryNetwork, node: SimNode, seeds: FakeSeeds
) -> None:
    outer = bencode.decode(TORRENT)
    made = bencode.encode({**outer, b"httpseeds": [b"http://old.test/seed.php", b"nothing"]})
    torrent = node.add(made)
    assert node.store.rows[torrent.record.id].http_seeds == ("http://old.test/seed.php",)
    view = node.control.find(torrent.record.id)
    assert view is not None
    assert (view.web_seeds, view.http_seeds) == ((BASE,), ("http://old.test/seed.php",))
    network.run_until(torrent.is_complete)
    network.run_until(lambda: torrent.resting, limit=200)
    assert [each.kind.value for each in view.seed_reports] == ["files", "pieces"]
