"""Questions over datagrams: asked again, answered by what fits, failed in words."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.protocols.nat.mapping import NatFormatError, NatRefusalError
from p2pd.reachability.gateway_link import UnreachableError
from p2pd.reachability.gateways import Gateway
from p2pd.reachability.questions import WAITS, Questions


class Link:
    def __init__(self):
        self.sent = []
        self.open = 0

    def connect(self, gateway, port, received, refused):
        self.received, self.refused = received, refused
        self.open += 1
        return self

    def send(self, packet):
        self.sent.append(packet)

    def close(self):
        self.open -= 1


@pytest.fixture
def link():
    return Link()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def questions(clock, link):
    return Questions(clock, link, Gateway("192.168.1.1", "eth0", "192.168.1.9"), 5351)


def read(packet):
    if packet == b"bad":
        raise NatFormatError("bad")
    if packet == b"no":
        raise NatRefusalError(7, "no")
    return packet if packet.startswith(b"yes") else None


def asked(questions, packet=b"?"):
    answers = []
    asking = Deferred.fromCoroutine(questions.ask(packet, read))
    asking.addBoth(answers.append)
    return answers


def test_what_is_no_answer_is_passed_over(questions, link, clock):
    answers = asked(questions)
    for packet in (b"bad", b"other", b"yes"):
        link.received(packet)
    assert answers == [b"yes"]
    link.received(b"yes again")
    assert clock.getDelayedCalls() == []


def test_silence_is_asked_again_and_given_up(questions, link, clock):
    answers = asked(questions)
    for wait in WAITS:
        assert answers == []
        clock.advance(wait)
    assert link.sent == [b"?"] * len(WAITS)
    assert answers[0].check(UnreachableError)
    assert "does not answer" in str(answers[0].value)


def test_a_refusal_ends_the_question(questions, link):
    answers = asked(questions)
    link.received(b"no")
    assert answers[0].value.code == 7


def test_a_closed_port_ends_it_at_once_and_the_next_has_a_new_socket(questions, link, clock):
    answers = asked(questions)
    link.refused()
    assert "nobody answers" in str(answers[0].value)
    assert link.open == 0
    later = asked(questions)
    link.received(b"yes")
    assert later == [b"yes"]
    questions.close()
    assert link.open == 0
    assert clock.getDelayedCalls() == []


def test_each_answer_goes_to_one_question(questions, link):
    first, second = asked(questions), asked(questions)
    link.received(b"yes 1")
    link.received(b"yes 2")
    assert (first, second) == ([b"yes 1"], [b"yes 2"])


def test_closing_fails_what_is_asked(questions, link, clock):
    answers = asked(questions)
    questions.close()
    assert answers[0].check(UnreachableError)
    assert clock.getDelayedCalls() == []


def test_what_cannot_be_sent_fails(questions, link, monkeypatch):
    def fail(packet):
        raise UnreachableError("no way")

    monkeypatch.setattr(link, "send", fail)
    assert "no way" in str(asked(questions)[0].value)
