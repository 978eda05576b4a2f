"""The demo's one real backup host: this machine, restic, and an agent, which backs up the demo's own logs once a minute.

Run as a program of its own beside the demo. It makes a repository in the demo's folder, enrolls an agent, unless one is left from the last
time, and becomes that agent. The repository goes with the demo; who the agent is stays, as the simulated ones do.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["COMPANY", "can_back_up", "clear_away", "host_argv"]

COMPANY = "This computer (restic)"
FOLDER = "restic-host"  # in the demo's data folder


def can_back_up() -> bool:
    """Whether restic is here."""
    return shutil.which("restic") is not None


def host_argv(data: Path) -> list[str]:
    """What to run for the host of the demo in *data*."""
    return [sys.executable, "-m", "gateway.cli.demo_host", str(data)]


def clear_away(data: Path) -> None:
    """Remove what was backed up, and what it was opened with."""
    for name in ("repository", "agent/collectors"):
        shutil.rmtree(data / FOLDER / name, ignore_errors=True)
    (data / FOLDER / "password").unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # what somebody restored stays
        (data / FOLDER / "restored").rmdir()


def _prepare(data: Path) -> Path:
    """Enroll the agent, make the repository, and say what is backed up; the agent's state folder.

    Raises:
        CalledProcessError: a step failed; it has said why.
    """
    folder = data / FOLDER
    state = folder / "agent"
    folder.mkdir(exist_ok=True)
    clear_away(data)
    if not (state / "identity.json").exists():
        words = ("token", "create", "--company", COMPANY, "--json", "--data", str(data))
        token = json.loads(_run("gateway", *words))["token"]
        _run("agent", "enroll", "--state", str(state), "--token", "-", given=token)
    password = folder / "password"
    password.touch(mode=0o600)
    password.write_text(secrets.token_hex(16), encoding="ascii")
    repository, restored = folder / "repository", folder / "restored"
    restored.mkdir(exist_ok=True)
    environment = os.environ | {
        "RESTIC_REPOSITORY": str(repository),
        "RESTIC_PASSWORD_FILE": str(password),
    }
    subprocess.run(["restic", "init", "--quiet", "--no-cache"], env=environment, check=True)
    settings = (
        ("[[collector]]", {"kind": "restic", "name": "demo", "repository": str(repository), "password_file": str(password)}),
        ("[restore]", {"download": True, "targets": [str(restored)]}),
        ("[[job]]", {"name": "logs of the demo", "paths": [str(data / "serve.log"), str(data / "fleet.log")], "schedule": "every 1m"}),
    )  # fmt: skip
    lines = [line for table, keys in settings for line in (table, *(f"{k} = {json.dumps(v)}" for k, v in keys.items()))]  # fmt: skip
    (state / "agent.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return state


def _run(module: str, *words: str, given: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *words], input=given, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def main(arguments: Sequence[str]) -> None:
    """Prepare everything, then be the agent: the same process, so whoever started it ends it."""
    os.nice(10)  # the fleet, which everybody waits for, comes first
    # Ended while it prepares, it takes with it what it has started: restic would go on making what the demo clears away.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    state = _prepare(Path(arguments[0]).absolute())
    words = ["-m", "agent", "run", "--state", str(state), "--log-format", "json", "--reconnect-s", "1"]
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606  # our own program, in our own place


if __name__ == "__main__":
    main(sys.argv[1:])
