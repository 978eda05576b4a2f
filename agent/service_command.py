"""`fieldgate-agent service`: the agent as a Windows service."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import structlog
from cyclopts import App, Parameter

from agent.commands import start_agent
from agent.exits import FAILED, UNUSABLE, CommandError
from agent.options import State
from agent.service_api import ELSEWHERE, windows_manager
from agent.service_windows import DEFAULT_NAME, Life, install_plan, remove_plan, run_as_service
from agent.spool import OutboxError
from agent.state import StateError, StateFolder

__all__ = ["service_app"]

service_app = App(name="service")

Name = Annotated[str, Parameter(help="The service's name.")]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_NOT_STARTED: Final = 1062
# What sc.exe answers with, for people.
_MEANING: Final = {
    5: "access is denied: open the console as administrator",
    1056: "it runs already",
    1060: "there is no such service: fieldgate-agent service install",
    1062: "it does not run",
    1072: "it is being removed: close the windows that look at services",
    1073: "there is one of that name already",
}


@service_app.command(name="install")
def service_install(*, state: State, name: Name = DEFAULT_NAME) -> int:
    """Make the agent of a state folder a service that starts with the system. Enroll it first; then start it."""
    _check(name)
    folder = Path(state).absolute()
    StateFolder.load(folder)
    argv = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "agent"]
    argv += ["service", "run", "--state", str(folder), "--name", name]
    for command in install_plan(name, argv, str(folder)):
        _demand(command)
    sys.stdout.write(f"installed; start it: fieldgate-agent service start --name {name}\n")
    return 0


@service_app.command(name="remove")
def service_remove(*, name: Name = DEFAULT_NAME) -> int:
    """Stop the service and take it away. The state folder stays as it is."""
    _check(name)
    stop, *rest = remove_plan(name)
    _demand(stop, but=_NOT_STARTED)
    for command in rest:
        _demand(command)
    return 0


@service_app.command(name="start")
def service_start(*, name: Name = DEFAULT_NAME) -> int:
    """Start the service."""
    _check(name)
    _demand(["sc.exe", "start", name])
    return 0


@service_app.command(name="stop")
def service_stop(*, name: Name = DEFAULT_NAME) -> int:
    """Ask the service to stop; it takes leave of its gateway first."""
    _check(name)
    _demand(["sc.exe", "stop", name])
    return 0


@service_app.command(name="status")
def service_status(*, name: Name = DEFAULT_NAME) -> int:
    """Show what Windows says of the service; `fieldgate-agent status` shows what the agent says."""
    _check(name)
    _demand(["sc.exe", "query", name])
    return 0


@service_app.command(name="run")
def service_run(*, state: State, name: Name = DEFAULT_NAME) -> int:
    """What Windows starts. In a console use `fieldgate-agent run`."""
    _check(name)
    try:
        return run_as_service(windows_manager(), name, lambda life: work(state, life))
    except OSError as error:
        raise CommandError(
            f"{error}\nWindows starts this itself; in a console: fieldgate-agent run --state {state}",
            UNUSABLE,
        ) from error


def work(state: Path, life: Life) -> int:
    """Run the agent. A service has nobody to write to, so the log is told why it ended.

    Returns the exit code of `fieldgate-agent run`.
    """
    try:
        return start_agent(state, ready=life.ready)
    except CommandError as error:
        reason, code = str(error), error.exit_code
    except (StateError, OutboxError) as error:
        reason, code = str(error), UNUSABLE
    structlog.get_logger().error("agent ended", reason=reason, exit_code=code)
    return code


def _check(name: str) -> None:
    if sys.platform == "win32":
        check_name(name)
    else:
        raise CommandError(ELSEWHERE, UNUSABLE)


def check_name(name: str) -> None:
    """Refuse a name that could not be a service's, or an argument.

    Raises:
        CommandError: it can't.
    """
    if _NAME.fullmatch(name) is None:
        raise CommandError(f"{name!r} is no name for a service: letters, digits, '.', '_' and '-'", UNUSABLE)


def _demand(command: list[str], *, but: int = 0) -> None:
    code = subprocess.run(command, check=False).returncode
    if code not in (0, but):
        raise CommandError(explained(command, code), FAILED)


def explained(command: list[str], code: int) -> str:
    """What it means that *command* ended with *code*."""
    return f"{' '.join(command[:3])}: {_MEANING.get(code, f'Windows error {code}')}"
