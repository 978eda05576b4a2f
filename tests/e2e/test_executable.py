"""The agent as one file runs where there is no Python: built here, and run in a root folder that holds glibc, zlib and nothing else."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import certifi
import pytest
import trio

from agent.exits import PATH_INSPECTED, PATH_UNKNOWN, UNUSABLE
from agent.version import agent_version
from tests.agent.inspection.peers import listening, resetting
from tests.helpers.edges import Provider, running_edge
from tests.helpers.reporting import box

ROOT = Path(__file__).parents[2]

# zlib, which unpacks the file; and glibc with what was once apart from it. Nothing of OpenSSL, SQLite or libffi.
LIBRARIES = (
    "libz.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
)
ROOTS = Path("etc/ssl/certs/ca-certificates.crt")
LOADER = Path("/lib64/ld-linux-x86-64.so.2")

pytestmark = [
    pytest.mark.skipif(
        not (ROOT / ".venv-packaging" / ".installed").exists(), reason="make packaging installs PyInstaller"
    ),
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64" or not LOADER.exists(),
        reason="made for Linux with glibc on x86-64",
    ),
]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder with the executable in it, glibc and zlib, and an empty /tmp."""
    subprocess.run(["make", "executable"], cwd=ROOT, check=True, capture_output=True, timeout=600)
    root = tmp_path_factory.mktemp("bare")
    libraries = Path(
        next(
            line.split()[-1]
            for line in Path("/proc/self/maps").read_text().splitlines()
            if "libc.so.6" in line
        )
    ).parent
    (root / "tmp").mkdir()
    for name in LIBRARIES:
        if (libraries / name).exists():
            _put(libraries / name, root / libraries.relative_to("/") / name)
    _put(LOADER, root / LOADER.relative_to("/"))
    _put(ROOT / "dist" / "fieldgate-agent", root / "fieldgate-agent")
    _put(Path(certifi.where()), root / ROOTS)  # as every system has its own
    return root


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source.resolve(), target)


async def run(bare: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """The executable, with *bare* for its root."""
    into = ["chroot", str(bare)] if os.geteuid() == 0 else ["unshare", "--map-root-user", f"--root={bare}"]
    with trio.fail_after(120):
        return await trio.run_process(
            [*into, "/fieldgate-agent", *words], capture_stdout=True, capture_stderr=True, check=False,
            env={"LANG": "C.UTF-8", "PATH": os.environ["PATH"]},
        )  # fmt: skip


async def probed(bare: Path, address: str, *words: str) -> tuple[int, str]:
    """Exit code and verdict."""
    done = await run(bare, "probe", address, "--json", *words)
    assert done.stderr == b"", done.stderr.decode()
    return done.returncode, json.loads(done.stdout)["finding"]["verdict"]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


async def test_there_is_no_python_where_it_runs(bare: Path) -> None:
    """A loader, a libc, a zlib, and nothing stays of what it unpacks; its version is that of the source."""
    there = names_in(bare)
    assert there <= {"fieldgate-agent", LOADER.name, ROOTS.name, *LIBRARIES}
    done = await run(bare, "--version")
    assert (done.stdout.decode().strip(), done.stderr) == (agent_version(), b"")
    assert names_in(bare) == there


async def test_it_tells_a_gateway_from_a_box_from_what_nobody_can_tell(
    bare: Path, provider: Provider
) -> None:
    """With its own TLS, by its own clock, and the exit codes that are documented. A stranger needs no token to see the box."""
    token = provider.token().encode()
    async with (
        running_edge(provider) as edge,
        box(edge.remote_port) as middle,
        listening(resetting, limit_s=300) as cut,
    ):
        direct = await probed(bare, f"127.0.0.1:{edge.remote_port}", "--token", token)
        inspected = await probed(bare, f"127.0.0.1:{middle}", "--token", token)
        by_a_stranger = await probed(bare, f"127.0.0.1:{middle}")
        cut_off = await probed(bare, cut)
    assert direct == (0, "direct")
    assert inspected == (PATH_INSPECTED, "inspected-untrusted")
    assert by_a_stranger == (PATH_INSPECTED, "inspected-untrusted")
    assert cut_off == (PATH_UNKNOWN, "not-reached")


async def test_misuse_is_told_as_ever(bare: Path) -> None:
    done = await run(bare, "probe", "no address:x")
    assert done.returncode == UNUSABLE
