"""What each role may do: the one table that every call is held against.

A method that is not in it is for admins alone, and so is a path.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Role(enum.StrEnum):
    """What a user is. The words are the API's."""

    ADMIN = "admin"
    OPERATOR = "operator"
    READ_ONLY = "read-only"
    ADD_ONLY = "add-only"


class Need(enum.Enum):
    """What a call takes of who makes it."""

    ANYBODY = "any role"
    """What is read shows nothing of torrents that the caller does not see."""
    TORRENTS = "add-only"
    """To add torrents, and change those that the caller sees."""
    WHOLE = "read-only"
    """Reads what is of all torrents together, so the caller has to see all of them."""
    SESSION = "operator"
    """Changes what all torrents share; the caller has to see all of them."""
    ADMIN = "admin"

    @property
    def words(self) -> str:
        """Who may, for people."""
        return _WORDS[self]


_WORDS = {
    Need.ANYBODY: "any user",
    Need.TORRENTS: "one who may add torrents",
    Need.WHOLE: "one who sees all torrents",
    Need.SESSION: "an operator who sees all torrents",
    Need.ADMIN: "an admin",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a method needs, and whether it changes anything, which then is in the audit log."""

    need: Need
    changes: bool = True


_READS = Rule(Need.ANYBODY, changes=False)
_TORRENTS = Rule(Need.TORRENTS)
_SESSION = Rule(Need.SESSION)
_SESSION_READS = Rule(Need.SESSION, changes=False)
"""Places of feeds may hold secrets."""
_ADMIN = Rule(Need.ADMIN)
_ADMIN_READS = Rule(Need.ADMIN, changes=False)

METHODS: Mapping[str, Rule] = {
    "api_key_add": _ADMIN,
    "api_key_list": Rule(Need.ADMIN, changes=False),
    "api_key_remove": _ADMIN,
    "audit_get": Rule(Need.ADMIN, changes=False),
    "blocklist_update": _SESSION,
    "dht_follow": _SESSION,
    "dht_follow_check": _SESSION,
    "dht_followed": _SESSION_READS,
    "dht_forget": _SESSION,
    "dht_get": _SESSION_READS,
    "dht_published": _SESSION_READS,
    "dht_put": _SESSION,
    "dht_scrape": _SESSION_READS,
    "dht_status": Rule(Need.WHOLE, changes=False),
    "dht_unfollow": _SESSION,
    "events_subscribe": _READS,
    "events_unsubscribe": _READS,
    "free_space": _READS,
    "group_get": _READS,
    "group_remove": _SESSION,
    "group_set": _SESSION,
    "history_get": _READS,
    "hook_add": _ADMIN,
    "hook_get": _ADMIN_READS,
    "hook_letters": _ADMIN_READS,
    "hook_letters_forget": _ADMIN,
    "hook_letters_retry": _ADMIN,
    "hook_remove": _ADMIN,
    "hook_set": _ADMIN,
    "hook_test": _ADMIN,
    "label_get": Rule(Need.WHOLE, changes=False),
    "label_remove": _SESSION,
    "label_rename": _SESSION,
    "label_set": _SESSION,
    "nat_status": Rule(Need.WHOLE, changes=False),
    "node_identity": Rule(Need.WHOLE, changes=False),
    "node_rotate": _ADMIN,
    "nodes_list": Rule(Need.WHOLE, changes=False),
    "nodes_trust": _SESSION,
    "nodes_untrust": _SESSION,
    "peer_add": _TORRENTS,
    "peer_ban": _SESSION,
    "peer_banned": Rule(Need.WHOLE, changes=False),
    "peer_unban": _SESSION,
    "port_test": _READS,
    "queue_move_bottom": _SESSION,
    "queue_move_down": _SESSION,
    "queue_move_top": _SESSION,
    "queue_move_up": _SESSION,
    "rss_feed_add": _SESSION,
    "rss_feed_get": _SESSION_READS,
    "rss_feed_refresh": _SESSION,
    "rss_feed_remove": _SESSION,
    "rss_feed_set": _SESSION,
    "rss_item_add": _SESSION,
    "rss_items": _SESSION_READS,
    "rss_preview": _SESSION_READS,
    "rss_rule_add": _SESSION,
    "rss_rule_get": _SESSION_READS,
    "rss_rule_remove": _SESSION,
    "rss_rule_set": _SESSION,
    "session_close": _ADMIN,
    "session_get": _READS,
    "session_set": _SESSION,
    "session_stats": _READS,
    "state_backup": _ADMIN,
    "state_forget": _ADMIN,
    "state_read": Rule(Need.ADMIN, changes=False),
    "state_restore": _ADMIN,
    "state_write": _ADMIN,
    "swarm_ca_create": _ADMIN,
    "swarm_ca_enrol": _ADMIN,
    "swarm_ca_import_crl": _ADMIN,
    "swarm_ca_issue": _ADMIN,
    "swarm_ca_list": _ADMIN_READS,
    "swarm_ca_renew": _ADMIN,
    "swarm_ca_revoke": _ADMIN,
    "swarm_ca_revoked": _ADMIN_READS,
    "swarm_ca_token": _ADMIN,
    "swarm_ca_token_remove": _ADMIN,
    "system_methods": _READS,
    "task_cancel": _SESSION,
    "task_get": Rule(Need.SESSION, changes=False),
    "torrent_add": _TORRENTS,
    "torrent_create": _SESSION,
    "torrent_get": _READS,
    "torrent_import": _SESSION,
    "torrent_reannounce": _TORRENTS,
    "torrent_remove": _TORRENTS,
    "torrent_rename_path": _TORRENTS,
    "torrent_set": _TORRENTS,
    "torrent_set_certificate": _TORRENTS,
    "torrent_set_location": _TORRENTS,
    "torrent_start": _TORRENTS,
    "torrent_start_now": _TORRENTS,
    "torrent_stop": _TORRENTS,
    "torrent_verify": _TORRENTS,
    "tracker_rule_get": Rule(Need.WHOLE, changes=False),
    "tracker_rule_remove": _SESSION,
    "tracker_rule_set": _SESSION,
    "user_add": _ADMIN,
    "user_give": _ADMIN,
    "user_list": Rule(Need.ADMIN, changes=False),
    "user_password": Rule(Need.ANYBODY),
    "user_remove": _ADMIN,
    "user_self": _READS,
    "user_set": _ADMIN,
}

UNKNOWN = _ADMIN

PATHS: Mapping[bytes, Need] = {
    b"api": Need.ANYBODY,
    b"metrics": Need.WHOLE,
    b"rpc": Need.ANYBODY,
    b"transmission": Need.ANYBODY,
}
"""What is at the first part of a path. Calls are held against METHODS one by one, and so are the
actions of other dialects."""


def rule_of(method: str) -> Rule:
    """What a method needs."""
    return METHODS.get(method, UNKNOWN)


def need_of_path(path: bytes) -> Need:
    """What a path needs, from its first part."""
    return PATHS.get(path.lstrip(b"/").partition(b"/")[0], Need.ADMIN)


def permits(role: Role, need: Need, *, sees_all: bool) -> bool:
    """Whether a role is enough; `sees_all`: nobody else's torrents are hidden from the caller."""
    match need:
        case Need.ANYBODY:
            return True
        case Need.TORRENTS:
            return role is not Role.READ_ONLY
        case Need.WHOLE:
            return sees_all
        case Need.SESSION:
            return role in (Role.ADMIN, Role.OPERATOR) and sees_all
        case Need.ADMIN:
            return role is Role.ADMIN and sees_all


def roles_for(need: Need) -> list[Role]:
    """The roles that are enough, of users who see all torrents."""
    return [role for role in Role if permits(role, need, sees_all=True)]


def covers(role: Role, other: Role) -> bool:
    """Whether a user of the one role may have a key of the other."""
    return (
        role is Role.ADMIN
        or other in (role, Role.READ_ONLY)
        or (role is Role.OPERATOR and other is Role.ADD_ONLY)
    )
