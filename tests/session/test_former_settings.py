"""Settings that were kept under other names by earlier versions."""

from __future__ import annotations

from p2pd.session.settings.settings_rules import checked_settings, kept_settings


def test_limits_of_labels_become_rules() -> None:
    limits = {"linux": {"speed_limit_down": 5, "speed_limit_up": None}}
    kept = kept_settings({"label_limits": limits, "upload_slots": 3})
    assert checked_settings(kept) == {
        "label_rules": {"linux": {"speed_limit_down": 5}}, "upload_slots": 3,
    }  # fmt: skip


def test_what_was_set_under_the_name_of_today_wins() -> None:
    both = {"label_rules": {"new": {}}, "label_limits": {"old": {}}}
    assert kept_settings(both) == kept_settings(dict(reversed(both.items()))) == {
        "label_rules": {"new": {}}
    }  # fmt: skip
