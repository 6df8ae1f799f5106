"""A gateway on a virtual clock, which speaks what it is told to, and the routing table it is in."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.protocols.nat import igd
from p2pd.reachability.gateway_link import UnreachableError
from p2pd.reachability.gateways import Route

OURS, GATEWAY, OUTSIDE = "192.168.1.9", "192.168.1.1", "81.2.69.142"
DELAY = 0.01
_KINDS = {6: "TCP", 17: "UDP", 1: "UDP", 2: "TCP"}


class Network:
    """The routing table; see gateways.System."""

    def __init__(self):
        self.table = {False: [Route("eth0", GATEWAY, 0)], True: []}
        self.hosts = {"eth0": [OURS]}

    def routes(self, ipv6):
        return self.table[ipv6]

    def source(self, host):
        if not self.table[":" in host]:
            raise OSError("no way")
        return next(each for each in self.hosts["eth0"] if (":" in each) is (":" in host))

    def addresses(self, device):
        return self.hosts.get(device, [])


@dataclass
class ScriptedGateway:
    """Speaks `speaks`; is silent in what it does not, or refuses when `refuses`."""

    clock: Clock
    speaks: set[str] = field(default_factory=lambda: {"pcp", "natpmp", "upnp"})
    outside: str = OUTSIDE
    lease: int = 3600
    refuses: bool = False
    """Whether a port that is not spoken at is told of to be closed."""
    taken: dict = field(default_factory=dict)
    """External ports of other machines: (kind, port)."""
    refusal: int = 0
    """The code with which every mapping is refused."""
    types: tuple = (igd.IP_1,)
    reserved: str = ""
    """What a gateway of version 2 says that it chose, whatever it did."""
    permanent_only: bool = False
    control_host: str = GATEWAY
    answers_from: str = GATEWAY
    mute: bool = False

    def __post_init__(self):
        self.started = -1000.0
        self.mappings = {}
        """(kind, external port) -> (host, internal port, lease)"""
        self.asked = []
        self.nonces = {}
        self.sockets = 0
        self.listeners = []

    def restart(self):
        self.started = self.clock.seconds()
        self.mappings.clear()
        self.nonces.clear()

    def announce(self, packet=None):
        """To everybody who listens, several times."""
        for _ in range(3):
            for listener in list(self.listeners):
                listener(packet or struct.pack(">BBBBII12x", 2, 0x80, 0, 0, 0, self.epoch))

    @property
    def epoch(self):
        return int(self.clock.seconds() - self.started)

    # -- the link -----------------------------------------------------------------------------

    def connect(self, gateway, port, received, refused):
        assert port == 5351
        return _Socket(self, lambda packet: self._datagram(packet, received, refused))

    def search(self, gateway, found):
        def answer(packet):
            if "upnp" in self.speaks and not self.mute:
                self.asked.append(("search", packet.split(b"ST: ")[1].split(b"\r")[0].decode()))
                self._later(found, self._location(), self.answers_from)

        return _Socket(self, answer)

    def overhear(self, gateway, received):
        self.listeners.append(received)
        return _Socket(self, lambda packet: None, lambda: self.listeners.remove(received))

    def ask(self, gateway, url, request):
        answered = Deferred()
        if self.mute or "upnp" not in self.speaks:
            self.clock.callLater(8.0, answered.errback, UnreachableError("no answer"))
        else:
            self._later(answered.callback, self._http(request))
        return _awaited(answered)

    def _later(self, call, *args):
        self.clock.callLater(DELAY, call, *args)

    # -- PCP and NAT-PMP ----------------------------------------------------------------------

    def _datagram(self, packet, received, refused):
        protocol = {2: "pcp", 0: "natpmp"}[packet[0]]
        if self.mute:
            return
        if protocol not in self.speaks:
            if protocol == "pcp" and "natpmp" in self.speaks:
                self._later(received, struct.pack(">BBHI", 0, 0x81, 1, self.epoch))
            elif self.refuses:
                self._later(refused)
            return
        self._later(received, self._pcp(packet) if protocol == "pcp" else self._natpmp(packet))

    def _pcp(self, packet):
        operation, lifetime = packet[1], struct.unpack_from(">I", packet, 4)[0]
        head = struct.Struct(">BBBBII12x")
        if operation == 0:
            self.asked.append(("pcp", "announce"))
            return head.pack(2, 0x80, 0, 0, 0, self.epoch)
        nonce, number, internal, wished, _ = struct.unpack(">12sB3xHH16s", packet[24:60])
        kind = _KINDS[number]
        self.asked.append(("pcp", kind, internal, wished, lifetime))
        code, external, lease = self._grant(kind, internal, wished, lifetime)
        if code == 0 and self.nonces.setdefault((kind, external), nonce) != nonce:
            code = 2
        if not lifetime:
            self.nonces.pop((kind, external), None)
        host = bytes(10) + b"\xff\xff" + bytes(map(int, self.outside.split(".")))
        return (
            head.pack(2, 0x81, 0, code, 30 if code else lease, self.epoch)
            + struct.pack(">12sB3xHH", nonce, number, internal, external)
            + host
        )

    def _natpmp(self, packet):
        operation = packet[1]
        if operation == 0:
            self.asked.append(("natpmp", "address"))
            host = bytes(map(int, self.outside.split(".")))
            return struct.pack(">BBHI", 0, 128, 0, self.epoch) + host
        internal, wished, lifetime = struct.unpack(">HHI", packet[4:])
        kind = _KINDS[operation]
        self.asked.append(("natpmp", kind, internal, wished, lifetime))
        code, external, lease = self._grant(kind, internal, wished, lifetime)
        if code:
            return struct.pack(">BBHI", 0, 128 + operation, code, self.epoch)
        head = struct.pack(">BBHI", 0, 128 + operation, 0, self.epoch)
        return head + struct.pack(">HHI", internal, external if lifetime else 0, lease)

    def _grant(self, kind, internal, wished, lifetime):
        if self.refusal:
            return self.refusal, 0, 0
        known = [
            port for (k, port), (_, i, _) in self.mappings.items() if (k, i) == (kind, internal)
        ]
        if not lifetime:
            for port in known:
                del self.mappings[kind, port]
            return 0, known[0] if known else 0, 0
        external = known[0] if known else (wished or internal)
        while (kind, external) in self.taken:
            external += 1
        lease = min(lifetime, self.lease)
        self.mappings[kind, external] = (OURS, internal, lease)
        return 0, external, lease

    # -- UPnP ---------------------------------------------------------------------------------

    def _location(self):
        return (
            f"HTTP/1.1 200 OK\r\nST: x\r\nLOCATION: http://{self.answers_from}:5000/d.xml\r\n\r\n"
        ).encode()

    def _http(self, request):
        head, _, body = request.decode().partition("\r\n\r\n")
        if head.startswith("GET /d.xml"):
            services = "".join(
                f"<service><serviceType>{kind}</serviceType>"
                f"<controlURL>http://{self.control_host}:5000/c{n}</controlURL></service>"
                for n, kind in enumerate(self.types)
            )
            return 200, f"<root><device>{services}</device></root>".encode()
        service, _, action = re.search('SOAPAction: "([^"]*)"', head)[1].partition("#")
        said = dict(re.findall(r"<(New\w+)>([^<]*)</", body))
        self.asked.append(("upnp", action, said.get("NewExternalPort", ""), service))
        code, answer = self._action(action, said)
        if code:
            return 500, (
                f"<e><Body><Fault><detail><UPnPError><errorCode>{code}</errorCode></UPnPError>"
                "</detail></Fault></Body></e>"
            ).encode()
        inside = "".join(f"<{name}>{value}</{name}>" for name, value in answer.items())
        return 200, f"<e><Body><{action}Response>{inside}</{action}Response></Body></e>".encode()

    def _action(self, action, said):
        if action == "GetExternalIPAddress":
            return 0, {"NewExternalIPAddress": self.outside}
        if action == "GetStatusInfo":
            return 0, {"NewConnectionStatus": "Connected"}
        entry = said["NewProtocol"], int(said["NewExternalPort"])
        if action == "DeletePortMapping":
            return (0, {}) if self.mappings.pop(entry, None) else (714, {})
        if action == "GetSpecificPortMappingEntry":
            return (0, {}) if entry in self.mappings else (714, {})
        return self._add(action, entry, said)

    def _add(self, action, entry, said):
        lease = int(said["NewLeaseDuration"])
        if self.refusal:
            return self.refusal, {}
        if self.permanent_only and lease:
            return 725, {}
        if action == "AddPortMapping" and entry in self.taken:
            return 718, {}
        kind, external = entry
        while (kind, external) in self.taken:
            external += 1
        host, internal = said["NewInternalClient"], int(said["NewInternalPort"])
        self.mappings[kind, external] = (host, internal, lease)
        told = {"NewReservedPort": self.reserved or external}
        return 0, told if action == "AddAnyPortMapping" else {}


class _Socket:
    def __init__(self, gateway, send, closed=lambda: None):
        self._gateway = gateway
        self._closed = closed
        self._send = send
        self._open = True
        gateway.sockets += 1

    def send(self, packet):
        assert self._open
        self._send(packet)

    def close(self):
        if self._open:
            self._open = False
            self._gateway.sockets -= 1
            self._closed()


async def _awaited(answered):
    return await answered
