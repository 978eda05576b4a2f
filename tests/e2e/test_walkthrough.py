"""docs/walkthrough.md, run as it stands, but for the ports."""

import contextlib
import datetime
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs import chain_to_pem
from tests.gateway.sinks.receiver import Receiver, authority, receiving
from tests.helpers.provider import free_ports

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/walkthrough.md"
TOLD_WITHIN_S = 5
LIMIT_S = 700
PORTS = ("6180", "9999", "1280", "9180")

pytestmark = pytest.mark.skipif(
    shutil.which("restic") is None, reason="restic is not installed: apt install restic"
)


def script(text: str, replaced: dict[str, str]) -> str:
    """The page's lines of shell, with a mark before each part."""
    parts = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title = section.splitlines()[0]
        lines = "\n".join(re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
        parts.append(f"echo '## {title}'\n{lines}")
    code = "set -euo pipefail\n" + "\n".join(parts)
    for old, new in replaced.items():
        code = re.sub(rf"\b{old}\b", new, code)
    return code


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Receiver, Path]]:
    """What each part said, who was told of the alarm, and the folder."""
    folder = tmp_path_factory.mktemp("walk")
    for name, module in (("fieldgate", "gateway"), ("fieldgate-agent", "agent")):
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
        program.chmod(0o755)
    with receiving() as receiver:
        (folder / "receiver.pem").write_bytes(chain_to_pem(authority().root_certificates()))
        ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        ports["8443"] = receiver.url.split(":")[2].split("/")[0]
        (folder / "walk.sh").write_text(script(PAGE.read_text("utf-8"), ports), encoding="utf-8")
        environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        with (folder / "said").open("wb") as output:
            process = subprocess.Popen(
                ["bash", "walk.sh"], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )  # fmt: skip
            try:
                code = process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                code = -1
        said = (folder / "said").read_text("utf-8", errors="replace")
        try:
            assert code == 0, f"{code}:\n{said[-3000:]}"
            parts = re.split(r"^## ", said, flags=re.MULTILINE)[1:]
            yield {part.splitlines()[0]: part for part in parts}, receiver, folder
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def test_the_order_is_enforced(walk: tuple[dict[str, str], Receiver, Path]) -> None:
    """No licence before a cloud tenant, and the missing step is named."""
    said = walk[0]["Its cloud tenant"]
    assert "FG-6162" in said
    assert "refused: exit code 3" in said


def test_the_licence_is_installed(walk: tuple[dict[str, str], Receiver, Path]) -> None:
    """On the server, by its agent's own word."""
    assert "revision 1 installed" in walk[0]["A licence"]


def test_the_licence_is_near_its_limit(walk: tuple[dict[str, str], Receiver, Path]) -> None:
    """By what its agent has listed: five machines that restic has backed up."""
    said = walk[0]["A licence"]
    assert re.search(r"^why +50 of 60 points used, 83 %$", said, re.MULTILINE)
    assert re.search(r"^Server +6 +5 +10 *$", said, re.MULTILINE)
    assert "Licences near their limit: 1" in said
    assert "uses 80 % of its 60 points or more" in said


def test_somebody_is_told_of_the_failed_job(walk: tuple[dict[str, str], Receiver, Path]) -> None:
    """By a webhook, and in the list."""
    assert "the job failed: exit code 1" in walk[0]["A job fails"]
    assert "ledgers" in walk[0]["A job fails"]
    told = [at for at, body in zip(walk[1].times, walk[1].bodies, strict=True) if b"ledgers" in body]
    [ended] = re.findall(r"ended: (\S+)", walk[0]["A job fails"])
    took_s = told[0] - datetime.datetime.fromisoformat(ended).timestamp()
    print(f"the webhook was told {took_s:.2f} s after the job's end")
    assert took_s < TOLD_WITHIN_S


def test_the_file_is_the_same(walk: tuple[dict[str, str], Receiver, Path]) -> None:
    """To the byte."""
    assert "the same to the byte" in walk[0]["A file comes back"]


def test_the_company_leaves_with_a_receipt(walk: tuple[dict[str, str], Receiver, Path]) -> None:
    """Its agent is turned away for good, and what was counted can still be proved."""
    assert "-receipt.json: valid" in walk[0]["The tenant leaves"]
    assert "the chains hold" in walk[0]["The tenant leaves"]
    assert "FG-" in (walk[2] / "agent.log").read_text("utf-8")


def test_two_earlier_months_are_closed(walk: tuple[dict[str, str], Receiver, Path]) -> None:
    """All is new in the first, and paid for in the second; in review on day 1, final on day 3; it says that it was entered."""
    said = walk[0]["A month"]
    assert said.index("'Servers', 0, 5)") < said.index("'Servers', 5, 0)")
    closings = re.findall(r"^\d{4}-\d\d +0 +(\w+)", said, re.MULTILINE)
    assert closings == ["final", "review", "final", "final", "final"]
    assert "reports that a person entered" in said


def test_the_statement_is_the_providers(walk: tuple[dict[str, str], Receiver, Path]) -> None:
    """And the chain that it rests on holds."""
    assert "statement.json: valid" in walk[0]["A month"]
    assert "the chains hold" in walk[0]["A month"]
