"""What tests of TLS streams ask for."""

from __future__ import annotations

import pytest

from p2pd.transports.tls import direct_records


@pytest.fixture(params=[True, False], ids=["direct", "by methods"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL's functions themselves, and pyOpenSSL's methods where those are missing."""
    assert direct_records.IS_POSSIBLE
    monkeypatch.setattr(direct_records, "IS_POSSIBLE", request.param)
