"""A daemon that is to encrypt everything does not start where nothing can be encrypted."""

from __future__ import annotations

import pytest

from p2pd.base.errors import ConfigError
from p2pd.service import make_service
from p2pd.service.config import Config, PeersSection


@pytest.mark.parametrize(
    ("policy", "there", "refused"),
    [
        ("required", False, True),
        ("required", True, False),
        ("preferred", False, False),
        ("off", False, False),
    ],
)
def test_what_is_required_has_to_be_there(
    monkeypatch: pytest.MonkeyPatch, policy: str, there: bool, refused: bool
) -> None:
    monkeypatch.setattr(make_service, "available", lambda: there)
    config = Config(peers=PeersSection(encryption=policy))
    if not refused:
        make_service._refuse_what_cannot_be(config)
        return
    with pytest.raises(ConfigError, match=r"peers\.encryption: .* no RC4"):
        make_service._refuse_what_cannot_be(config)
