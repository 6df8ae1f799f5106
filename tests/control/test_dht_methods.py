"""dht_*: how the DHT stands, its items, and torrents that their owners renew, over the API."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.automation.mutable.mutable_torrents import MutableTorrents
from p2pd.discovery.dht.mutable_items import (
    MAX_VALUE_SIZE,
    immutable_target,
    public_key_of,
    sign,
    torrent_value,
)
from p2pd.formats.mutable_link import MutableLink
from p2pd.state.noted_rows import FOLLOWED, PUBLISHED, NotedStore
from tests.automation.memory_database import MemoryDatabase
from tests.control.fake_torrents import NOW

INVALID = -32602
SECRET = b"\x07" * 32
KEY = public_key_of(SECRET)
HERE = "bb" * 20
ITEM = sign(SECRET, 4, torrent_value(bytes.fromhex(HERE)), b"n")
SIGNED = {
    "public_key": KEY.hex(), "salt": b"n".hex(), "seq": 4, "signature": ITEM.signature.hex(),
    "value": base64.b64encode(ITEM.value).decode(),
}  # fmt: skip
LINK = MutableLink(KEY, b"n").to_uri()


@pytest.fixture
def call(session: Any, caller_with: Any) -> Any:
    """The calls of an admin, to a `session` with a DHT."""
    database: Any = MemoryDatabase()
    mutable = MutableTorrents(
        session,
        followed=NotedStore(database, FOLLOWED),
        published=NotedStore(database, PUBLISHED),
        clock=Clock(),
        wall=lambda: NOW,
        rng=random.Random(1),
    )
    Deferred.fromCoroutine(mutable.start())
    made = caller_with(mutable=mutable)
    made.session = session
    return made


def test_how_it_stands(call: Any) -> None:
    found = call.call("dht_status").result
    (node,) = found["nodes"]
    assert (found["enabled"], found["torrents"], found["torrents_looked_up"]) == (True, 2, 1)
    assert found["last_error"] == "no node answered"
    assert (node["node_id"], node["good"], node["queries_in"]) == ("05" * 20, 9, {"ping": 5})
    assert (found["followed"], found["published"]) == (0, 0)


def test_an_immutable_item_is_put_and_had(call: Any) -> None:
    answer = call.call("dht_put", text="héllo").result
    assert answer["nodes"] == 8
    assert answer["target"] == immutable_target("6:héllo".encode()).hex()
    item = call.call("dht_get", target=answer["target"]).result["item"]
    assert (item["text"], base64.b64decode(item["value"])) == ("héllo", "6:héllo".encode())
    assert call.call("dht_get", target="00" * 20).result == {"item": None}


def test_a_signed_item_is_put_and_had(call: Any) -> None:
    answer = call.call("dht_put", **SIGNED, cas=3).result
    assert answer == {"target": ITEM.target().hex(), "nodes": 7, "id": None}
    assert call.session.dht.cas == [3]
    item = call.call("dht_get", public_key=KEY.hex(), salt="6e").result["item"]
    assert (item["seq"], item["info_hash"], item["text"]) == (4, HERE, None)
    assert item["signature"] == SIGNED["signature"]


def test_what_is_to_be_kept_is_listed_and_forgotten(call: Any) -> None:
    first = call.call("dht_put", **SIGNED, keep=True).result
    second = call.call("dht_put", text="t", keep=True).result
    rows = call.call("dht_published").result["items"]
    assert [row["id"] for row in rows] == [first["id"], second["id"]]
    assert [row["nodes"] for row in rows] == [7, 8]
    assert (rows[0]["info_hash"], rows[1]["text"]) == (HERE, "t")
    assert call.call("dht_forget", id=first["id"]).result == {}
    assert call.call("dht_forget", id=first["id"]).error[1].startswith("no item is published")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"text": "a", "value": "MTph"},
        {"value": "no base64"},
        {"value": base64.b64encode(b"no bencode").decode()},
        {"value": base64.b64encode(b"i01e").decode()},
        {"text": "x" * MAX_VALUE_SIZE},
        {**SIGNED, "seq": 5},
        {**SIGNED, "salt": ""},
        {**SIGNED, "signature": "00" * 64},
        {**SIGNED, "public_key": KEY.hex()[:-2]},
        {**SIGNED, "salt": "00" * 65},
        {**SIGNED, "secret": "00" * 32},
        {"text": "a", "seq": -1},
    ],
)
def test_what_is_wrong_is_not_put(call: Any, params: dict[str, Any]) -> None:
    assert call.call("dht_put", **params).error[0] == INVALID
    assert not call.session.dht.items


@pytest.mark.parametrize(
    "params",
    [
        {}, {"target": "00"}, {"target": "g" * 40}, {"target": "0 " * 20}, {"public_key": "00"},
        {"target": "00" * 20, "public_key": "00" * 32},
    ],
)  # fmt: skip
def test_what_is_wrong_is_not_asked(call: Any, params: dict[str, Any]) -> None:
    assert call.call("dht_get", **params).error[0] == INVALID


def test_an_owner_is_followed_and_no_more(call: Any) -> None:
    call.session.dht.items[ITEM.target()] = ITEM
    row = call.call("dht_follow", link=LINK, labels=["dumps"]).result["followed"]
    assert (row["hash_string"], row["seq"], row["problem"]) == (HERE, 4, "")
    (kind, request) = call.session.asked[0]
    assert (kind, request.magnet) == ("add", f"magnet:?xt=urn:btih:{HERE}")
    assert request.labels == ("dumps",)
    assert call.call("dht_followed").result["followed"][0]["link"] == LINK
    assert call.call("dht_unfollow", id=row["id"]).result == {}
    assert call.call("dht_followed").result == {"followed": []}


def test_links_that_name_no_owner_are_refused(call: Any) -> None:
    link = f"magnet:?xt=urn:btih:{HERE}"
    assert "names no owner" in call.call("dht_follow", link=link).error[1]


def test_torrent_add_follows_such_a_link(call: Any) -> None:
    answer = call.call("torrent_add", filename=LINK)
    assert "no node of the DHT knows" in answer.error[1]
    assert call.call("dht_followed").result == {"followed": []}
    named = bytes.fromhex(call.session.all[0].hash_string)
    item = sign(SECRET, 1, torrent_value(named), b"n")
    call.session.dht.items[item.target()] = item
    assert call.call("torrent_add", filename=LINK).result["torrent_added"]["id"] == 1
    assert call.call("torrent_add", filename=LINK).result["torrent_duplicate"]["id"] == 1
    assert len(call.call("dht_followed").result["followed"]) == 1
    wrong = call.call("torrent_add", filename="magnet:?xs=urn:btpk:00").error
    assert "not a key" in wrong[1]


def test_private_torrents_are_not_asked_about(call: Any) -> None:
    assert "private" in call.call("dht_scrape", ids=[1]).error[1]
    for torrent in call.session.all:
        torrent.summary = None
        torrent.metadata_percent_complete = 0.0
    rows = call.call("dht_scrape", ids=[1, 2]).result["torrents"]
    assert [(row["seeds"], row["peers"], row["nodes"]) for row in rows] == [(5, None, 8)] * 2
