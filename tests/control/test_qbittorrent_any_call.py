"""Whatever a caller sends gets an answer that is meant, and never a 500."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.control.fake_session import FakeSession
from tests.control.qbittorrent_client import Client

NAMES = (
    "hashes", "hash", "id", "indexes", "priority", "category", "categories", "tag", "tags", "limit",
    "offset", "sort", "reverse", "filter", "urls", "origUrl", "newUrl", "peers", "location", "path",
    "json", "mode", "rid", "savePath", "savepath", "enable", "value", "deleteFiles", "paused",
    "dlLimit", "upLimit", "cookie", "name", "oldPath", "newPath", "ratioLimit", "seedingTimeLimit",
    "inactiveSeedingTimeLimit", "username", "password",
)  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ("all", "01" * 20, "02" * 20, "0", "-1", "1e400", "nan", "99999999999999999999", "true",
         "{}", '{"dl_limit": -5, "scheduler_days": 99, "schedule_from_hour": 77}', "\ud800",
         '{"save_path": "relative", "max_connec": true}', "/", "a,b", "http://x/", "1|2|x", "tv")
    ),
)  # fmt: skip
PARAMS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6).map(
    lambda params: {k: v.encode("utf-8", "replace").decode() for k, v in params.items()}
)


@pytest.fixture
def paths(open_caller, session):
    """All that there are, but the login."""
    (versions,) = (open_caller.site.root.children[b"api"],)
    return sorted(versions.children[b"v2"]._actions)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_call_gets_an_answer_that_is_meant(paths, caller_with, data):
    session = FakeSession()
    session.settings.label_rules = {"tv": {}}
    client = Client(caller_with(), session)
    path, params = data.draw(st.sampled_from(paths)), data.draw(PARAMS)
    for answer in (
        client.get(path, **params),
        client.post(path, **params),
        client.upload(path, [b"x"], **params),
    ):
        assert answer.status in (200, 400, 403, 404, 405, 409, 415), (path, params, answer)


def test_every_path_is_an_action_of_the_table(paths):
    assert {"auth/login", "torrents/info", "transfer/info"} <= set(paths)
