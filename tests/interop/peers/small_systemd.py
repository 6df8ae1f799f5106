"""A systemd with nothing but p2pd's units, in namespaces of its own.

It has the machine's programs, an empty /var/lib, a copy of /etc, and a loopback of its own. What a
user without rights could not read (an interpreter below /root, say) is bound to where it can be.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from peers.processes import ChildProcess, wait_until

REPOSITORY = Path(__file__).resolve().parents[3]
SYSTEMD = "/lib/systemd/systemd"
PLACE = "/run/p2pd-test"
"""Inside: what the test brings along."""

LOG = f"{PLACE}/p2pd.log"
START_SECONDS = 20

TARGETS = ("sysinit", "basic", "shutdown", "network", "network-online", "multi-user", "sockets")

FOR_OLDER_SYSTEMD = "[Service]\nType=notify\nExecReload=kill -HUP $MAINPID\n"
"""What docs/operations.rst has users of systemd before 253 set."""

WORLD = """
set -e
mount --make-rprivate /
mount -t tmpfs p2pd-test /run
mkdir -p {place}/python {place}/site {place}/sources {place}/units /run/etc
mount --bind {python} {place}/python
mount --bind {site} {place}/site
mount --bind {sources} {place}/sources
cp -R {units}/. {place}/units
cp -a /etc/. /run/etc && mount --bind /run/etc /etc
cp {sources}/etc/p2pd.toml /etc/p2pd.toml
mkdir -p /etc/credstore
mount -t tmpfs p2pd-test /var/lib
mount -t tmpfs p2pd-test /usr/local/bin
install -m 755 {programs}/* /usr/local/bin
{cgroups}
export container=p2pd-test SYSTEMD_UNIT_PATH={place}/units
export SYSTEMD_GENERATOR_PATH=/nonexistent SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/nonexistent
mount --make-rshared /
exec {systemd} --system --unit=basic.target --log-target=console --show-status=no
"""

PROGRAM = """#!/bin/sh
export PYTHONPATH={place}/sources:{place}/site PYTHONDONTWRITEBYTECODE=1
exec {place}/python/bin/python3 -c 'from {module} import main; main()' "$@"
"""


def available() -> bool:
    """Whether there is a systemd to run."""
    return Path(SYSTEMD).exists() and shutil.which("unshare") is not None


class SmallSystemd:
    """A running systemd; `run` runs a program beside it. RuntimeError where none can run."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._cgroups = _cgroups()
        self._beside: list[ChildProcess] = []
        self._write_units(folder / "units")
        self._write_programs(folder / "programs")
        (folder / "world.sh").write_text(self._world())
        for cgroup in self._cgroups:
            cgroup.mkdir()
        self._process = ChildProcess(["/bin/sh", "-c", self._enter()], folder, name="systemd")
        try:
            wait_until(self._is_up, START_SECONDS, "systemd", details=self._process.log_tail)
        except BaseException:
            self.stop()
            raise

    def run(self, *command: str) -> str:
        """What a program says there, as root; AssertionError if it fails."""
        done = self._run(command)
        assert not done.returncode, f"{shlex.join(command)}: {done.stderr}{self.log_text()}"
        return done.stdout

    def succeeds(self, *command: str) -> bool:
        """Whether a program does."""
        return not self._run(command).returncode

    def _run(self, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["nsenter", f"--target={self._systemd()}", "--all", *command],
            env={**os.environ, "SYSTEMD_IGNORE_CHROOT": "1"},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def start(self, *command: str) -> None:
        """Start a program beside it, for as long as it runs."""
        entered = ["nsenter", f"--target={self._systemd()}", "--all", *command]
        self._beside.append(ChildProcess(entered, self._folder, name=f"beside-{len(self._beside)}"))

    def shows(self, name: str) -> str:
        """A property of the service."""
        return self.run(
            "systemctl", "show", "p2pd.service", f"--property={name}", "--value"
        ).strip()

    def set(self, *lines: str) -> None:
        """What an administrator would write with `systemctl edit p2pd`."""
        text = "\n".join(["[Service]", *lines, ""])
        path = f"{PLACE}/units/p2pd.service.d/edited.conf"
        self.run("/bin/sh", "-c", f"printf %s {shlex.quote(text)} > {path}")
        self.run("systemctl", "daemon-reload")

    def log_text(self) -> str:
        """What p2pd logged."""
        path = Path(f"/proc/{self._systemd()}/root{LOG}")
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """End all of it: the first process of a namespace takes the others with it."""
        for process in (self._process, *self._beside):
            process.kill()
        for cgroup in self._cgroups:
            wait_until(lambda cgroup=cgroup: _removed(cgroup), 10, f"end of {cgroup}")

    def _write_units(self, folder: Path) -> None:
        shutil.copytree(REPOSITORY / "systemd", folder)
        for target in TARGETS:
            unit = f"[Unit]\nDescription={target}\nDefaultDependencies=no\n"
            (folder / f"{target}.target").write_text(unit)
        (folder / "p2pd.service.d").mkdir()
        log = f"[Service]\nStandardOutput=append:{LOG}\nStandardError=inherit\n"
        (folder / "p2pd.service.d" / "log.conf").write_text(log)
        if _version() < 253:
            (folder / "p2pd.service.d" / "older.conf").write_text(FOR_OLDER_SYSTEMD)

    def _write_programs(self, folder: Path) -> None:
        folder.mkdir()
        for name, module in (("p2pd", "p2pd.service.main"), ("p2pctl", "p2pd.clients.cli.main")):
            (folder / name).write_text(PROGRAM.format(place=PLACE, module=module))

    def _world(self) -> str:
        return WORLD.format(
            place=PLACE,
            python=shlex.quote(sys.base_prefix),
            site=shlex.quote(sysconfig.get_path("platlib")),
            sources=shlex.quote(str(REPOSITORY)),
            units=shlex.quote(str(self._folder / "units")),
            programs=shlex.quote(str(self._folder / "programs")),
            cgroups=_mounts(self._cgroups),
            systemd=SYSTEMD,
        )

    def _enter(self) -> str:
        joined = " ".join(f"echo $$ > {cgroup}/cgroup.procs;" for cgroup in self._cgroups)
        spaces = "--mount --mount-proc --pid --fork --kill-child --uts --ipc --net --cgroup"
        return f"{joined} exec unshare {spaces} /bin/sh {self._folder}/world.sh"

    def _systemd(self) -> int:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(children.read_text().split()[0])

    def _is_up(self) -> bool:
        self._process.check_running()
        try:
            return self.succeeds("systemctl", "is-active", "--quiet", "basic.target")
        except IndexError:
            return False


def _version() -> int:
    said = subprocess.run([SYSTEMD, "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split()[1])


def _cgroups() -> list[Path]:
    """A group of our own in each tree that systemd uses: the unified one, or it and its own."""
    trees = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.startswith("cgroup2 ") or (rest.startswith("cgroup ") and "name=systemd" in rest):
            trees.append(Path(fields.split()[4]))
    if not trees:
        raise RuntimeError("no tree of control groups is mounted")
    return [tree / f"p2pd-test-{os.getpid()}" for tree in trees]


def _mounts(cgroups: list[Path]) -> str:
    """Mounts the trees anew, which shows them from our groups on."""
    if len(cgroups) == 1:
        return "umount -R /sys/fs/cgroup\nmount -t cgroup2 cgroup2 /sys/fs/cgroup"
    return """umount -R /sys/fs/cgroup
mount -t tmpfs p2pd-test /sys/fs/cgroup
mkdir /sys/fs/cgroup/unified /sys/fs/cgroup/systemd
mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd"""


def _removed(cgroup: Path) -> bool:
    """Whether the group is gone, with those below it; raises OSError while somebody is in it."""
    with contextlib.suppress(FileNotFoundError):
        for below in [*_below(cgroup), cgroup]:
            below.rmdir()
    return not cgroup.exists()


def _below(cgroup: Path) -> Iterator[Path]:
    for folder, _, _ in os.walk(cgroup, topdown=False):
        if Path(folder) != cgroup:
            yield Path(folder)
