"""Our addresses outside: believed when enough others agree, and nobody alone decides."""

from __future__ import annotations

import pytest

from p2pd.reachability.external_address import KEPT_SECONDS, VOTERS, ExternalAddresses, is_public

OURS, OTHER = "81.2.69.142", "81.2.69.143"
OURS_6 = "2a01:4f8::7"


@pytest.fixture
def changes():
    return []


@pytest.fixture
def votes(changes):
    found = ExternalAddresses(lambda: changes.append((found.best(False), found.best(True))))
    return found


def test_two_networks_that_agree_are_enough_and_one_is_not(votes, changes):
    votes.vote("peer", "8.8.8.8", OURS, 0.0)
    votes.vote("peer", "8.8.4.4", OURS, 1.0)
    assert votes.best(False) is None, "both are of one network"
    votes.vote("tracker", "1.1.1.1", OURS, 2.0)
    assert votes.best(False) == OURS
    assert changes == [(OURS, None)]
    assert votes.counts(False) == {OURS: {"peer": 1, "tracker": 1}}


def test_families_are_apart(votes):
    votes.vote("dht", "2001:4860::1", OURS_6, 0.0)
    votes.vote("dht", "2606:4700::1", OURS_6, 0.0)
    assert votes.best(True) == OURS_6
    assert votes.best(False) is None


def test_a_tracker_may_be_known_by_its_name_alone(votes):
    votes.vote("tracker", "one.example", OURS, 0.0)
    votes.vote("tracker", "one.example", OURS, 1.0)
    assert votes.best(False) is None
    votes.vote("tracker", "two.example", OURS, 2.0)
    assert votes.best(False) == OURS


def test_the_gateway_alone_is_enough_and_many_others_outvote_it(votes):
    votes.vote("nat", "192.168.1.1", OURS, 0.0)
    assert votes.best(False) == OURS
    for network in range(2):
        votes.vote("peer", f"8.{network}.1.1", OTHER, 1.0)
    assert votes.best(False) == OURS, "as many say this as say that"
    votes.vote("peer", "9.9.9.9", OTHER, 2.0)
    assert votes.best(False) == OTHER


def test_a_gateway_with_another_address_takes_back_what_others_told_before(votes):
    for network in range(9):
        votes.vote("peer", f"8.{network}.1.1", OURS, 0.0)
    votes.vote("nat", "192.168.1.1", OURS, 1.0)
    votes.vote("nat", "192.168.1.1", OTHER, 2.0)
    assert votes.best(False) == OTHER


def test_another_gateway_takes_the_place_of_the_one_before(votes):
    votes.vote("nat", "192.168.1.1", OURS, 0.0)
    votes.vote("nat", "10.0.0.1", OTHER, 1.0)
    assert votes.best(False) == OTHER
    assert votes.counts(False) == {OTHER: {"nat": 1}}


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "192.168.1.2", "100.64.0.1", "127.0.0.1", "169.254.1.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "198.51.100.7", "::1", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1",
     "", "nobody", "1.2.3.4.5"],
)  # fmt: skip
def test_what_nobody_on_the_internet_can_have_is_refused(votes, address):
    votes.vote("nat", "192.168.1.1", address, 0.0)
    votes.vote("tracker", "one.example", address, 0.0)
    assert votes.best(False) is votes.best(True) is None
    assert votes.refused == 2
    assert not is_public(address)


@pytest.mark.parametrize(
    ("source", "voter"),
    [("peer", "192.168.1.5"), ("peer", "2001:4860::1"), ("peer", "a name"), ("dht", ""),
     ("rumour", "8.8.8.8"), ("tracker", "")],
)  # fmt: skip
def test_who_cannot_know_has_no_vote(votes, source, voter):
    votes.vote(source, voter, OURS, 0.0)
    assert votes.refused == 1
    assert votes.counts(False) == {}


def test_voters_are_bounded_and_each_has_one_vote(votes):
    for network in range(3 * VOTERS):
        votes.vote("peer", f"8.{network}.1.1", OURS, float(network))
        votes.vote("peer", f"8.{network}.1.1", OURS, float(network))
    assert votes.counts(False) == {OURS: {"peer": VOTERS}}


def test_old_votes_do_not_hold_back_a_new_address(votes, changes):
    for network in range(20):
        votes.vote("peer", f"8.{network}.1.1", OURS, 0.0)
    later = KEPT_SECONDS + 1.0
    votes.vote("peer", "9.1.1.1", OTHER, later)
    assert votes.best(False) == OURS, "one alone does not change what is believed"
    votes.vote("peer", "9.2.1.1", OTHER, later)
    assert votes.best(False) == OTHER
    assert [change[0] for change in changes] == [OURS, OTHER]


def test_another_way_out_forgets_everything(votes, changes):
    votes.vote("nat", "192.168.1.1", OURS, 0.0)
    votes.forget()
    votes.forget()
    assert votes.best(False) is None
    assert votes.counts(False) == {}
    assert changes == [(OURS, None), (None, None)]
