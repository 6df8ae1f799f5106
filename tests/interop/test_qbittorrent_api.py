"""qbittorrent-api, the package that most scripts use, drives a p2pd as if it were a qBittorrent."""

from __future__ import annotations

import pytest
import qbittorrentapi
from peers.payload import MIB, libtorrent_content, make_file, make_folder
from peers.processes import wait_until


@pytest.fixture
def node(new_p2pd):
    return new_p2pd()


def client_of(node, **credentials):
    token = (node.state_folder / "control-token").read_text().strip()
    login = {"username": "p2pd", "password": token} | credentials
    return qbittorrentapi.Client(
        host="127.0.0.1",
        port=node.control_port,
        REQUESTS_ARGS={"timeout": 30},
        RAISE_NOTIMPLEMENTEDERROR_FOR_UNIMPLEMENTED_API_ENDPOINTS=True,
        **login,
    )


@pytest.fixture
def client(node):
    client = client_of(node)
    client.auth_log_in()
    return client


def test_it_logs_in_and_out(node):
    with pytest.raises(qbittorrentapi.LoginFailed):
        client_of(node, password="wrong").auth_log_in()
    client = client_of(node)
    client.auth_log_in()
    assert (client.app_version(), client.app_web_api_version()) == ("v4.6.7", "2.9.3")
    assert client.app_build_info()["p2pd"]
    assert client.app_default_save_path() == str(node.downloads)
    client.auth_log_out()
    assert not client.is_logged_in
    node.check_healthy()


def test_it_adds_looks_changes_and_removes(node, client, work):
    content = libtorrent_content(make_folder(work / "original", extra=1), "v1")
    assert client.torrents_add(
        torrent_files=content.torrent.read_bytes(),
        save_path=str(content.folder),
        category="tv-sonarr",
        tags=["one", "two"],
    ) == "Ok."  # fmt: skip
    (torrent,) = client.torrents_info(category="tv-sonarr")
    hash_ = node.hash_string = torrent.hash
    wait_until(node.is_seed, 20, "a seed", details=node.state)
    (torrent,) = client.torrents_info(status_filter="seeding", tag="one")
    assert torrent == torrent | {
        "name": content.name, "progress": 1, "state": "stalledUP", "save_path": str(content.folder),
        "content_path": str(content.path), "category": "tv-sonarr", "tags": "one, two",
        "amount_left": 0, "eta": 8640000,
    }  # fmt: skip
    assert client.torrents_count() == 1
    properties = client.torrents_properties(hash_)
    assert properties.pieces_num == properties.pieces_have
    assert client.torrents_piece_states(hash_) == [2] * properties.pieces_num
    assert len(client.torrents_piece_hashes(hash_)) == properties.pieces_num
    assert client.torrents_export(hash_)[:1] == b"d"
    files = client.torrents_files(hash_)
    assert sum(file.size for file in files) == content.size

    client.torrents_file_priority(hash_, file_ids=[0], priority=6)
    assert client.torrents_files(hash_)[0].priority == 6
    client.torrents_set_category(category="", torrent_hashes=hash_)
    client.torrents_remove_tags("one", torrent_hashes=hash_)
    assert node.torrent("labels") == {"labels": ["two"]}
    client.torrents_set_download_limit(limit=50_000, torrent_hashes=hash_)
    assert client.torrents_download_limit(torrent_hashes=hash_) == {hash_: 50_000}
    client.torrents_add_trackers(hash_, urls=["http://tracker.test/announce"])
    assert client.torrents_trackers(hash_)[-1].url == "http://tracker.test/announce"

    client.torrents_pause(hash_)
    assert client.torrents_info(torrent_hashes=hash_)[0].state == "pausedUP"
    client.torrents_recheck(hash_)
    node.wait_checked()
    client.torrents_delete(torrent_hashes=hash_)
    assert client.torrents_info() == []
    assert content.path.exists()
    node.check_healthy()


def test_settings_categories_and_what_is_refused(node, client, work):
    client.app_set_preferences({"dl_limit": 300_000, "max_connec": 77})
    assert client.app_preferences()["dl_limit"] == 300_000
    assert node.call("session_get", fields=["peer_limit_global"]) == {"peer_limit_global": 77}
    client.transfer_set_speed_limits_mode(intended_state=True)
    assert client.transfer_speed_limits_mode() == "1"
    assert client.transfer_info().connection_status in ("connected", "firewalled")

    client.torrents_create_category("films")
    assert list(client.torrents_categories()) == ["films"]
    client.torrents_remove_categories("films")
    assert client.torrents_categories() == {}
    client.torrents_create_tags("loose")
    assert client.torrents_tags() == ["loose"]

    with pytest.raises(qbittorrentapi.NotFound404Error):
        client.torrents_properties("00" * 20)
    with pytest.raises(qbittorrentapi.Conflict409Error):
        client.torrents_top_priority("all")
    broken = make_file(work, MIB).read_bytes()
    with pytest.raises(qbittorrentapi.UnsupportedMediaType415Error):
        client.torrents_add(torrent_files=broken)
    node.check_healthy()


def test_a_copy_that_follows_is_the_same_as_the_list(node, client, work, new_p2pd):
    content = libtorrent_content(make_file(work / "original", 2 * MIB), "v1")
    data = client.sync_maindata()
    assert data.full_update
    copy, rid = {}, data.rid
    client.torrents_add(
        torrent_files=content.torrent.read_bytes(), save_path=str(work), category="tv", tags="a"
    )
    hash_ = node.hash_string = client.torrents_info()[0].hash
    seed = new_p2pd("seed", host="127.0.0.2")
    seed.add(content.torrent, save=content.folder)
    wait_until(seed.is_seed, 20, "a seed", details=seed.state)
    node.dial(seed)
    wait_until(node.is_seed, 30, "a copy", details=node.state)

    def settled():
        nonlocal rid
        news = client.sync_maindata(rid=rid)
        assert "full_update" not in news
        rid = news.rid
        for key, values in news.get("torrents", {}).items():
            copy.setdefault(key, {}).update(values)
        listed = dict(client.torrents_info()[0])
        timed = ("time_active", "seeding_time")
        return all(copy[hash_][name] == listed[name] for name in listed if name not in timed)

    wait_until(settled, 20, "the same", details=lambda: f"{copy}, {client.torrents_info()}")
    assert copy[hash_]["downloaded"] >= content.size
    peers = client.sync_torrent_peers(torrent_hash=hash_)
    assert peers.full_update
    client.torrents_delete(torrent_hashes=hash_)
    news = client.sync_maindata(rid=rid)
    assert [*news.torrents_removed, *news.tags_removed] == [hash_, "a"]
    node.check_healthy()


def test_names_are_changed(node, client, work):
    content = libtorrent_content(make_folder(work / "original", extra=1), "v1")
    client.torrents_add(torrent_files=content.torrent.read_bytes(), save_path=str(content.folder))
    hash_ = node.hash_string = client.torrents_info()[0].hash
    wait_until(node.is_seed, 20, "a seed", details=node.state)
    first = client.torrents_files(hash_)[0].name
    folder = first.rpartition("/")[0]
    client.torrents_rename_file(hash_, old_path=first, new_path=f"{folder}/another")
    assert client.torrents_files(hash_)[0].name == f"{folder}/another"
    client.torrents_rename(hash_, new_torrent_name="a new name")
    (torrent,) = client.torrents_info()
    assert torrent.content_path == str(content.folder / "a new name")
    assert (content.folder / "a new name").is_dir()
    node.check_healthy()


def test_what_sonarr_asks_for_with_a_grab(node, client, work):
    """A category with a folder, limits of its own, and what a poll tells of it."""
    content = libtorrent_content(make_file(work / "original", 2 * MIB), "v1")
    client.torrents_create_category("tv", save_path=str(content.folder))
    assert client.torrents_categories()["tv"].savePath == str(content.folder)
    added = client.torrents_add(
        torrent_files=content.torrent.read_bytes(),
        category="tv",
        ratio_limit=1.5,
        seeding_time_limit=90,
    )
    assert added == "Ok."
    node.hash_string = client.torrents_info(category="tv")[0].hash
    wait_until(node.is_seed, 20, "a seed", details=node.state)
    (torrent,) = client.torrents_info(category="tv")
    assert torrent == torrent | {
        "save_path": str(content.folder), "content_path": str(content.path), "max_ratio": 1.5,
        "ratio_limit": 1.5, "seeding_time_limit": 90, "inactive_seeding_time_limit": -2,
    }  # fmt: skip
    client.torrents_set_share_limits(
        ratio_limit=-1, seeding_time_limit=-2, inactive_seeding_time_limit=5,
        torrent_hashes=node.hash_string,
    )  # fmt: skip
    (torrent,) = client.torrents_info()
    assert (torrent.max_ratio, torrent.max_inactive_seeding_time) == (-1, 5)
    client.app_set_preferences({"max_ratio_enabled": True, "max_ratio": 2.5, "max_ratio_act": 0})
    assert client.app_preferences()["max_ratio"] == 2.5
    client.torrents_delete(delete_files=True, torrent_hashes=node.hash_string)
    wait_until(lambda: not content.path.exists(), 10, "the data's end", details=node.state)
    node.check_healthy()


def test_how_it_is_added_has_an_effect(node, client, work, new_libtorrent):
    """Without a check, laid out otherwise, where the category says, and under another name."""
    single = libtorrent_content(make_file(work / "single", 2 * MIB, name="film.bin"), "v1")
    folder = work / "elsewhere"
    (folder / "film").mkdir(parents=True)
    (folder / "film" / "film.bin").write_bytes(bytes(2 * MIB))  # of the right size, and wrong
    client.torrents_create_category("films", save_path=str(folder))
    added = client.torrents_add(
        torrent_files=single.torrent.read_bytes(), is_skip_checking=True, category="films",
        content_layout="Subfolder", use_auto_torrent_management=True, save_path="/nowhere",
    )  # fmt: skip
    assert added == "Ok."
    (torrent,) = client.torrents_info()
    node.hash_string = torrent.hash
    assert torrent.save_path == str(folder)
    wait_until(lambda: client.torrents_info()[0].progress == 1, 10, "it", details=node.state)
    assert client.torrents_files(torrent.hash)[0].name == "film/film.bin"
    client.torrents_recheck(torrent.hash)
    wait_until(lambda: client.torrents_info()[0].progress == 0, 20, "the truth", details=node.state)
    client.torrents_delete(delete_files=True, torrent_hashes=torrent.hash)

    many = libtorrent_content(make_folder(work / "many"), "v1")
    seed = new_libtorrent()
    seed.share(many)
    link = f"{many.magnet}&x.pe={seed.host}:{seed.port}"
    client.torrents_add(urls=link, rename="another name", use_auto_torrent_management=False,
                        category="films")  # fmt: skip
    node.hash_string = client.torrents_info()[0].hash
    assert client.torrents_info()[0].name == "another name"
    wait_until(node.is_seed, 30, "all of it", details=node.state)
    (torrent,) = client.torrents_info()
    assert torrent.content_path == str(node.downloads / "another name")
    client.torrents_delete(delete_files=True, torrent_hashes=node.hash_string)
    flat = work / "flat"
    client.torrents_add(urls=link, content_layout="NoSubfolder", save_path=str(flat))
    node.hash_string = client.torrents_info()[0].hash
    wait_until(node.is_seed, 30, "all of it", details=node.state)
    assert (flat / "last.bin").read_bytes() == (many.path / "last.bin").read_bytes()
    assert not (flat / many.name).exists()
    node.check_healthy()
