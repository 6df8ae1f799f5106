"""Which addresses count as one."""

from __future__ import annotations

from p2pd.base.networks import provider_of, site_of, user_of


def test_a_user_has_an_ipv4_address_or_a_whole_64() -> None:
    assert user_of("8.8.8.8") != user_of("8.8.8.9")
    assert user_of("2001:db8:1:2::1") == user_of("2001:db8:1:2:ffff::9")
    assert user_of("2001:db8:1:2::1") != user_of("2001:db8:1:3::1")


def test_a_customer_has_a_24_or_a_48() -> None:
    assert site_of("8.8.8.8") == site_of("8.8.8.200") == "8.8.8"
    assert site_of("8.8.8.8") != site_of("8.8.9.8")
    assert site_of("2001:db8:1:2::1") == site_of("2001:db8:1:ffff::9")
    assert site_of("2001:db8:1::1") != site_of("2001:db8:2::1")


def test_a_provider_has_a_16_or_a_32() -> None:
    assert provider_of("8.8.8.8") == provider_of("8.8.200.1") == "8.8"
    assert provider_of("8.8.8.8") != provider_of("8.80.8.8")
    assert provider_of("2001:db8:1::1") == provider_of("2001:db8:ffff::1")
    assert provider_of("2001:db8::1") != provider_of("2001:db9::1")
