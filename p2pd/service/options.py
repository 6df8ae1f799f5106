"""The command line: ``twistd p2pd`` and ``p2pd`` take the same options.

Whatever is wrong with them or with the configuration is one line on stderr and exit status 1.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn, Sequence

from twisted.python import usage

from p2pd import __version__
from p2pd.base.errors import ConfigError
from p2pd.service.config import Config, checked
from p2pd.service.config_sources import load_config

FOLDER_OPTIONS = {"state-dir": ("state", "dir"), "download-dir": ("storage", "download_dir")}
PORT_OPTIONS = {"peer-port": ("peers", "port"), "control-port": ("control", "port")}


def refuse(sentence: str) -> NoReturn:
    """End the program: the sentence on stderr, exit status 1."""
    # what was mistyped is repeated, but not carried out by the terminal
    shown = "".join(letter if letter.isprintable() else "?" for letter in sentence)
    raise SystemExit(f"p2pd: {shown}")


class Options(usage.Options):
    """The options; `config` is the configuration that they, --set and the file make together."""

    optParameters = [  # noqa: RUF012 - what Twisted's Options read
        ["config", "c", None, "Configuration file (TOML). [default: none, the built-in defaults]"],
        ["state-dir", None, None, "Folder for the database and the control token."],
        ["download-dir", None, None, "Folder that downloads go to."],
        ["peer-port", None, None, "Port that peers dial, by TCP and UDP. [default: 6881]"],
        ["control-port", None, None, "TCP port of the control API. [default: 9091]"],
    ]
    longdesc = "A BitTorrent seedbox daemon, driven over JSON-RPC."

    config: Config

    def __init__(self) -> None:
        super().__init__()
        self["set"] = []
        self._explicit: dict[tuple[str, str], Any] = {}

    def opt_set(self, setting: str) -> None:
        """SECTION.KEY=VALUE: set a configuration key, over the file. May be given many times."""
        self["set"].append(setting)

    def opt_version(self) -> NoReturn:
        """Print the version and exit."""
        print(f"p2pd {__version__}")
        sys.exit(0)

    def getSynopsis(self) -> str:  # noqa: N802 - Twisted's name
        """The first line of the help."""
        program = "p2pd" if getattr(self.parent, "of_p2pd_alone", False) else "twistd -n p2pd"
        return f"Usage: {program} [options]"

    def parseOptions(self, options: Sequence[str] | None = None) -> None:  # noqa: N802
        """Parse; see :class:`usage.Options`. Ends the program when something is wrong."""
        # twistd would answer a UsageError with its whole help on stdout, and the reason at the end.
        try:
            super().parseOptions(options)
        except usage.UsageError as problem:
            refuse(f"{problem} (--help lists the options)")

    def parseArgs(self, *rest: str) -> None:  # noqa: N802 - Twisted's name
        """Whatever is left over."""
        if rest:
            raise usage.UsageError(f"unexpected: {rest[0][:60]!r}")

    def postOptions(self) -> None:  # noqa: N802 - Twisted's name
        """Put the configuration together."""
        if self["config"] is not None:
            # a daemon in the background has left this folder when it reads the file again
            self["config"] = _absolute(self["config"])
        try:
            self._explicit = {**self._ports(), **self._folders()}
            self.config = self.read()
        except ConfigError as problem:
            refuse(str(problem))

    def read(self) -> Config:
        """The configuration as its sources are now. Raises ConfigError."""
        return load_config(file=self["config"], settings=self["set"], explicit=self._explicit)

    def _ports(self) -> dict[tuple[str, str], Any]:
        given = {name: self[name] for name in PORT_OPTIONS if self[name] is not None}
        for name, text in given.items():
            if not (text.isascii() and text.isdigit() and len(text) < 10):
                raise ConfigError(f"--{name} must be a port number, not {text[:60]!r}")
        return {
            PORT_OPTIONS[name]: checked(*PORT_OPTIONS[name], int(text))
            for name, text in given.items()
        }

    def _folders(self) -> dict[tuple[str, str], Any]:
        given = {name: self[name] for name in FOLDER_OPTIONS if self[name] is not None}
        for name, text in given.items():
            if not text:
                raise ConfigError(f"--{name} must be a folder")
        # a shell user's relative path means the folder the command is given in
        return {
            FOLDER_OPTIONS[name]: checked(*FOLDER_OPTIONS[name], _absolute(text))
            for name, text in given.items()
        }


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))
