"""nginx (Debian's package) on loopback, as the web seed that most torrents have."""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from p2pd.clients.free_port import free_port
from peers.processes import ChildProcess, wait_until
from peers.tls_swarm import Identity

BINARY = "nginx"

CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr info;
events {{ worker_connections 256; }}
http {{
    log_format seed '$status $bytes_sent $connection $http_range $request_uri';
    access_log {folder}/access.log seed;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/octet-stream;
    sendfile on;
    server {{
        listen {host}:{port} {ssl};
        root {root};
        {tls}
        {more}
    }}
}}
"""

TLS = """
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.key;
        ssl_client_certificate {folder}/clients.pem;
        ssl_verify_client on;
"""


def available() -> bool:
    return shutil.which(BINARY) is not None


class Nginx:
    """Gives out what is in `root`. `more` is for its server block; `start` again keeps the port.

    With `identity` it speaks TLS, and lets in only who has a certificate of the CA `trusts` (PEM).
    """

    def __init__(
        self,
        folder: Path,
        root: Path,
        *,
        more: str = "",
        identity: Identity | None = None,
        trusts: str = "",
        host: str = "127.0.0.1",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.port = free_port(host)
        tls = ""
        if identity is not None:
            (folder / "server.pem").write_text(identity.certificate)
            (folder / "server.key").write_text(identity.key)
            (folder / "clients.pem").write_text(trusts)
            tls = TLS.format(folder=folder)
        name = "localhost" if tls else host
        self.url = f"{'https' if tls else 'http'}://{name}:{self.port}/"
        (folder / "nginx.conf").write_text(
            CONFIGURATION.format(
                user="user root;" if os.geteuid() == 0 else "",
                folder=folder, host=host, port=self.port, root=root, more=more,
                ssl="ssl" if tls else "", tls=tls,
            )
        )  # fmt: skip
        self._process: ChildProcess | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = ChildProcess(
            [BINARY, "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")],
            self._folder,
            name="nginx",
        )
        wait_until(self._answers, 10, "nginx", details=self._process.log_tail)

    def _answers(self) -> bool:
        assert self._process is not None
        self._process.check_running()
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def answers(self) -> list[list[str]]:
        """Of each request for a file: status, bytes sent, connection, range, path."""
        log = self._folder / "access.log"
        rows = [line.split(" ", 4) for line in log.read_text().splitlines()]
        return [row for row in rows if len(row) == 5 and row[4] != "/"]

    def bytes_sent(self) -> int:
        return sum(int(row[1]) for row in self.answers())

    def log_tail(self) -> str:
        return "" if self._process is None else self._process.log_tail()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop()
