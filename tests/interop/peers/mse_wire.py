"""Message stream encryption over blocking sockets, for scripts: what is read and sent is RC4.

`MseWire` is a `scripted.Wire`; `binding` is what both ends alone know. `NodeWire` goes on as far as
the extensions of BEP 10, and has a channel to prove an identity on.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from typing import Any

from p2pd.formats import bencode
from p2pd.protocols.mse.handshake import Methods, MseHandshake, MseInitiator, MseResponder
from p2pd.protocols.mse.key_exchange import KeyPair
from p2pd.protocols.mse.swarm_keys import SwarmKeys
from p2pd.protocols.peerwire.node_proofs import Channel, Role
from peers.scripted import EXTENDED, PROTOCOL, Wire

EXTENSIONS = bytes([0, 0, 0, 0, 0, 16, 0, 0])
OURS = 9
"""The id under which messages of identity are to come to us."""
RNG = random.SystemRandom()


class MseWire(Wire):
    """One end of an encrypted connection, when it is agreed how to speak."""

    def __init__(self, sock: socket.socket, shaking: MseHandshake) -> None:
        super().__init__(sock)
        while shaking.agreement is None:
            self._send(shaking)
            data = sock.recv(65_536)
            if not data:
                raise EOFError
            knew = shaking.their_key is not None
            shaking.receive_data(data)
            if not knew and shaking.their_key is not None:
                shaking.secret_known(shaking.keys.secret(shaking.their_key))
        self._send(shaking)
        agreement = shaking.agreement
        self.binding = agreement.binding
        assert agreement.encrypt is not None
        assert agreement.decrypt is not None
        self._encrypt, self._decrypt = agreement.encrypt, agreement.decrypt
        self._said = bytearray(agreement.payload)

    def _send(self, shaking: MseHandshake) -> None:
        if data := shaking.data_to_send():
            self.socket.sendall(data)

    def send(self, data: bytes) -> None:
        self.socket.sendall(self._encrypt.apply(data))

    def some(self) -> bytes:
        """What comes next; empty when the other side closed."""
        if self._said:
            said, self._said = bytes(self._said), bytearray()
            return said
        data = self.socket.recv(65_536)
        return self._decrypt.apply(data) if data else b""

    def read(self, size: int) -> bytes:
        while len(self._said) < size:
            data = self.socket.recv(65_536)
            if not data:
                raise EOFError
            self._said += self._decrypt.apply(data)
        data = bytes(self._said[:size])
        del self._said[:size]
        return data


def dialled(peer: Any, info_hash: bytes, payload: bytes = b"", host: str = "127.0.0.1") -> MseWire:
    """A connection to a peer, encrypted."""
    sock = socket.create_connection((peer.host, peer.port), 5, source_address=(host, 0))
    sock.settimeout(40)
    keys = KeyPair.new(RNG)
    return MseWire(
        sock, MseInitiator(keys, info_hash, offers=Methods.RC4, payload=payload, rng=RNG)
    )


def accepted(sock: socket.socket, info_hash: bytes) -> MseWire:
    """One that a peer dialled."""
    sock.settimeout(40)
    swarms = SwarmKeys()
    swarms.add(info_hash)
    keys = KeyPair.new(RNG)
    return MseWire(sock, MseResponder(keys, swarms, choices=(Methods.RC4,), rng=RNG))


class NodeWire:
    """Dials a daemon as a node would, up to the extensions; `channel` is ours to prove on."""

    def __init__(self, peer: Any, info_hash: bytes, host: str = "127.0.0.1") -> None:
        name = RNG.randbytes(12)
        hello = PROTOCOL + EXTENSIONS + info_hash + b"-XX0001-" + name
        self.wire = dialled(peer, info_hash, hello, host)
        assert self.wire.read_handshake()[28:48] == info_hash
        self.channel = Channel(self.wire.binding, info_hash, Role.DIALLED)
        told = bencode.encode({b"m": {b"p2pd_node": OURS}, b"v": b"script"})
        self.wire.message(EXTENDED, b"\0" + told)
        self.theirs = 0

    def heard(self, seconds: float = 40.0) -> list[bytes]:
        """A message of identity, if one comes before it is silent for so long; EOFError if it hung
        up.
        """
        found: list[bytes] = []
        self.wire.socket.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            for kind, payload in self.wire.messages():
                if kind == EXTENDED and payload[0] == 0:
                    told = bencode.decode(payload[1:])
                    self.theirs = told[b"m"].get(b"p2pd_node", self.theirs)
                elif kind == EXTENDED and payload[0] == OURS:
                    found.append(payload[1:])
                    break
            else:
                raise EOFError
        return found

    def say(self, payload: bytes) -> None:
        """A message of identity to it."""
        self.wire.message(EXTENDED, bytes([self.theirs]) + payload)

    def is_hung_up_on(self) -> bool:
        """Whether it closes, before it is silent for a minute."""
        self.wire.socket.settimeout(60)
        with contextlib.suppress(EOFError, ConnectionError):
            for _ in self.wire.messages():
                pass
        try:
            return not self.wire.socket.recv(1)
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        self.wire.socket.close()


class ManInTheMiddle:
    """Listens, and for each connection dials the real peer: two encrypted sessions, and all that is
    said in one he says in the other.
    """

    host = "127.0.0.1"

    def __init__(self, real: Any, info_hash: bytes) -> None:
        self._real, self._info_hash = real, info_hash
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self.passed_on = 0
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def _run(self, target: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._run(self._between, self._listener.accept()[0])

    def _between(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            self._open.append(sock)
            near = accepted(sock, self._info_hash)
            far = dialled(self._real, self._info_hash, near.some())
            self._open.append(far.socket)
            assert near.binding != far.binding
            self._run(self._pass_on, near, far)
            self._pass_on(far, near)

    def _pass_on(self, source: MseWire, target: MseWire) -> None:
        with contextlib.suppress(OSError):
            while data := source.some():
                self.passed_on += len(data)
                target.send(data)
        for wire in (source, target):
            with contextlib.suppress(OSError):
                wire.socket.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)
