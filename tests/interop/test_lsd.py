"""Local discovery (BEP 14) with real clients, by multicast on loopback, and between namespaces."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess

import pytest
from peers import transmission
from peers.payload import MIB, differences, libtorrent_content, make_file
from peers.processes import ChildProcess, wait_until
from peers.warm_daemons import WarmDaemon

from p2pd.protocols.lsd import GROUP_V4, PORT, parse

WITH_LSD = {"discovery.lsd": "true"}
SECONDS = 20


def in_the_group(host: str) -> socket.socket:
    """A socket that hears what is announced on loopback. Raises OSError."""
    group = socket.inet_aton(GROUP_V4) + socket.inet_aton(host)
    membership = group + struct.pack("@i", socket.if_nametoindex("lo"))
    tried = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((GROUP_V4, PORT))
        tried.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        tried.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, membership)
    except OSError:
        tried.close()
        raise
    return tried


def multicast_goes_round(host: str) -> str:
    """Why nobody hears of what is sent to the group by this address; empty when somebody does."""
    try:
        with in_the_group(host) as tried:
            tried.settimeout(2)
            tried.sendto(b"is anybody there", (GROUP_V4, PORT))
            tried.recv(100)
    except OSError as problem:
        return f"multicast does not work on loopback here: {problem}"
    return ""


@pytest.fixture(autouse=True)
def _multicast() -> None:
    why_not = multicast_goes_round("127.0.0.1")
    if why_not:
        pytest.skip(why_not)


@pytest.fixture
def content(work):
    """Public, and without any tracker."""
    return libtorrent_content(make_file(work / "original", 2 * MIB), "v1")


def test_p2pd_finds_a_seed_of_libtorrent(content, new_p2pd, new_libtorrent):
    leecher = new_p2pd(settings=WITH_LSD)
    leecher.add(content.torrent)
    seed = new_libtorrent(host="127.0.0.2", enable_lsd=True)
    seed.share(content)
    leecher.wait_copy_of(content)
    (told,) = [each for each in leecher.torrent("discovery")["discovery"] if each["name"] == "lpd"]
    assert told["enabled"]
    assert told["last_time"]
    leecher.check_healthy()


def test_libtorrent_finds_a_seed_of_p2pd(content, new_p2pd, new_libtorrent):
    leecher = new_libtorrent(host="127.0.0.2", enable_lsd=True)
    leecher.add(content.torrent)
    seed = new_p2pd(settings=WITH_LSD)
    seed.share(content)
    leecher.wait_copy_of(content)
    seed.check_healthy()


def test_two_daemons_find_each_other(content, new_p2pd):
    seed, leecher = (
        new_p2pd(name, host=host, settings=WITH_LSD)
        for name, host in (("seed", "127.0.0.2"), ("leecher", "127.0.0.3"))
    )
    seed.share(content)
    leecher.add(content.torrent)
    leecher.wait_copy_of(content)
    for each in (seed, leecher):
        each.check_healthy()


def announced_on_loopback(tried: socket.socket) -> set[bytes]:
    """The info-hashes of the next datagram."""
    return set(parse(tried.recv(4096)).info_hashes)


def test_a_private_torrent_is_announced_to_nobody(work, new_p2pd):
    public, private = (
        libtorrent_content(make_file(work / name, MIB), "v1", private=name == "private")
        for name in ("public", "private")
    )
    seed, leecher = (
        new_p2pd(name, host=host, settings=WITH_LSD)
        for name, host in (("seed", "127.0.0.2"), ("leecher", "127.0.0.3"))
    )
    with in_the_group("127.0.0.1") as tried:
        tried.settimeout(4 * SECONDS)
        leecher.add(private.torrent)
        seed.share(private)
        seed.add(public.torrent, save=public.folder)
        assert announced_on_loopback(tried) == {public.wire_ids[0]}
    leecher.call("session_get", fields=["lpd_enabled"])
    assert not leecher.torrent("peers_connected")["peers_connected"]


@pytest.fixture
def village(work):
    """Two network namespaces with a cable between them: their names."""
    names = [f"p2pd-{os.getpid()}-{side}" for side in "ab"]
    made = []
    try:
        for name in names:
            ip("netns", "add", name)
            made.append(name)
        ip("-n", names[0], "link", "add", "lan0", "type", "veth", "peer", "lan0", "netns", names[1])
        for number, name in enumerate(names):
            ip("-n", name, "addr", "add", f"10.77.0.{number + 1}/24", "dev", "lan0")
            for device in ("lo", "lan0"):
                ip("-n", name, "link", "set", device, "up")
            ip("-n", name, "route", "add", "default", "dev", "lan0")
        yield names
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"network namespaces cannot be made here: {problem}")
    finally:
        for name in made:
            ip("netns", "del", name)


def ip(*arguments):
    """Configure the network."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def test_transmission_in_the_same_network_finds_p2pd(work, village):
    """Two of them, one bound to the one interface and one to none, with a torrent each."""
    if not transmission.available():
        pytest.skip("transmission-daemon is not installed")
    here, there = village
    downloads, watched, theirs = (work / name for name in ("downloads", "watch", "transmission"))
    for folder in (downloads, watched, theirs):
        folder.mkdir()
    settings = {
        "bind-address-ipv4": "10.77.0.2", "dht-enabled": False, "download-dir": str(downloads),
        "lpd-enabled": True, "pex-enabled": False, "port-forwarding-enabled": False,
        "utp-enabled": False, "watch-dir": str(watched), "watch-dir-enabled": True,
    }  # fmt: skip
    (theirs / "settings.json").write_text(json.dumps(settings))
    contents = []
    with contextlib.ExitStack() as running:
        for number, interface in enumerate(("lan0", "")):
            folder = work / f"p2pd {number}"
            added = folder / "watch"
            added.mkdir(parents=True)
            path = make_file(folder / "original", 2 * MIB, name=f"{number}.bin", seed=number)
            contents.append(libtorrent_content(path, "v1"))
            for place in (added, watched):
                shutil.copy(contents[-1].torrent, place)
            options = [
                f"--state-dir={folder / 'state'}", f"--download-dir={contents[-1].folder}",
                f"--peer-port={6881 + number}", "--control-port=0",
                f"--set=control.socket={folder / 's'}", f"--set=watch.dir={added}",
                "--set=discovery.dht=false", f"--set=peers.interface={interface}",
            ]  # fmt: skip
            daemon = WarmDaemon(options, folder, namespace=here)
            running.callback(daemon.stop)
        process = ChildProcess(
            ["ip", "netns", "exec", there, transmission.BINARY, "--foreground",
             "--config-dir", str(theirs)],
            work, name="transmission",
        )  # fmt: skip
        running.callback(process.stop)

        def copied():
            return all(
                (downloads / content.name).exists()
                and not differences(content.path, downloads / content.name)
                for content in contents
            )

        wait_until(copied, 120, "copies by local discovery", details=process.log_tail, every=0.2)
