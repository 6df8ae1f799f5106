"""The `p2pd` program: twistd with this one service, in the foreground, and no plugin folder."""

from __future__ import annotations

import sys
from typing import Any, Iterator, Sequence

from twisted.application.service import ServiceMaker
from twisted.scripts.twistd import ServerOptions, runApp  # type: ignore[attr-defined]

SERVICE = ServiceMaker("p2pd", "p2pd.service.make_service", "A BitTorrent seedbox daemon.", "p2pd")


class ProgramOptions(ServerOptions):
    """twistd's options, of which a user sees only the service's."""

    of_p2pd_alone = True
    loadedPlugins: dict[str, Any]  # noqa: N815 - Twisted's name

    @property
    def subCommands(self) -> Iterator[tuple[str, None, Any, str]]:  # noqa: N802 - Twisted's name
        """The one service; nothing is searched for."""
        self.loadedPlugins = {SERVICE.tapname: SERVICE}
        yield SERVICE.tapname, None, SERVICE.options, SERVICE.description


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal or the control API says stop."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = ProgramOptions()
    options.parseOptions(["--nodaemon", "--pidfile=", SERVICE.tapname, *given])
    runApp(options)


if __name__ == "__main__":
    main()
