"""The control API behind TLS and on a unix socket: who is let in, and a certificate renewed."""

from __future__ import annotations

import os
import signal
import ssl
import stat
import subprocess
import sys
import tempfile
import urllib.request
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from peers.p2pd_node import daemon_environment
from peers.processes import wait_until

NOBODY = 65534


def write_certificate(folder, serial):
    """A self-signed certificate for 127.0.0.1, that trusts itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "seedbox")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    form, secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, secret))


def p2pctl(node, url, *arguments, user=None, token=False, **environment):
    known = {"P2PCTL_TOKEN": (node.state_folder / "control-token").read_text().strip()}
    return subprocess.run(
        [sys.executable, "-c", "from p2pd.clients.cli.main import main; main()", *arguments],
        env={
            **os.environ, **daemon_environment(), "P2PCTL_URL": url, "HOME": "/nonexistent",
            **(known if token else {}), **environment,
        },
        user=user,
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip


@pytest.fixture
def everybodys_folder():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


def serial_shown(node):
    """The serial number of the certificate that the daemon shows."""
    pem = ssl.get_server_certificate(("127.0.0.1", node.control_port))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_https_with_a_certificate_that_is_renewed(work, new_p2pd):
    write_certificate(work, 1)
    node = new_p2pd(
        start=False,
        settings={
            "control.tls_certificate": str(work / "cert.pem"),
            "control.tls_key": str(work / "key.pem"),
            "control.socket": str(work / "control.sock"),
        },
    )
    node.start(wait=False)
    socket = f"unix:{work / 'control.sock'}"
    wait_until(
        lambda: not p2pctl(node, socket, "list").returncode, 20, "p2pd", details=node.log_tail
    )
    url = f"https://127.0.0.1:{node.control_port}"
    answer = p2pctl(node, url, "list", token=True, SSL_CERT_FILE=str(work / "cert.pem"))
    assert answer.returncode == 0, answer.stderr
    assert "certificate" in p2pctl(node, url, "list", token=True).stderr.lower()
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{node.control_port}/rpc", timeout=20)
    write_certificate(work, 2)
    assert serial_shown(node) == 1
    os.kill(node.process.pid, signal.SIGHUP)
    wait_until(lambda: serial_shown(node) == 2, 10, "the new certificate", details=node.log_tail)


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to be another user")
@pytest.mark.parametrize("known", [False, True])
def test_a_unix_socket_knows_its_users(everybodys_folder, new_p2pd, known):
    path = everybodys_folder / "control.sock"
    settings = {"control.socket": str(path)}
    if known:
        settings["control.socket_users"] = '["nobody"]'
    node = new_p2pd(settings=settings)
    assert p2pctl(node, f"unix:{path}", "list").returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == (0o666 if known else 0o600)
    call = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        "s.sendall(b'POST /rpc HTTP/1.0\\r\\nHost: localhost\\r\\nContent-Length: 0\\r\\n"
        "Content-Type: application/json\\r\\n\\r\\n'); print(s.recv(100).split()[1].decode())"
    )
    asked = subprocess.run(
        ["/usr/bin/python3", "-c", call, str(path)], user=NOBODY, group=NOBODY, extra_groups=[],
        capture_output=True, text=True, timeout=60, cwd="/",
    )  # fmt: skip
    if known:
        assert asked.stdout.strip() == "200", asked.stderr
    else:
        assert "Permission denied" in asked.stderr
    node.terminate()
    assert not path.exists()
