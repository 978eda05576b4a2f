"""`fieldgate-agent`: enroll, run, look, check, probe a path, and simulate a fleet.

Exit codes, for scripts and service managers:

0  done, or stopped in order
1  it failed while running; the message says why
2  it can't run: usage, the token, the state folder, the outbox
3  a gateway said no: rejected, or it must enroll again; starting it again changes nothing
4  a verification, or a check of doctor's, came out negative

10 to 14 say what `probe` found: a box that opens the TLS, the network, the provider, this server, or nothing certain;

and what a shell says of any program: 130 after Ctrl-C, where it could not stop in order, and 141 when the reader of its
output has gone away.
"""

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import Final

from cyclopts import App, CycloptsError

from agent.exits import CLOSED_PIPE, FAILED, INTERRUPTED, UNUSABLE, CommandError
from agent.version import agent_version
from protocol import printable

# The disk behind `>` is full or broken, or the terminal is gone. A file that we opened would have its name in the error.
_OUTPUT_LOST: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

app = App(name="fieldgate-agent", version=agent_version, help=__doc__, help_format="plaintext")

# Where each command is, and what the list of commands says of it. A command's module is imported when it is run.
COMMANDS: Final = {
    "simulate": (
        "agent.simulator.cli:simulate_app",
        "Enroll and run a fleet of simulated agents against a provider on this machine, or a gateway anywhere. Exit code 1 when agents were sent away, not everything was released in time, or nothing was there to verify, 4 when the verification finds something or what was expected did not come true.",
    ),
    "verify": (
        "agent.simulator.cli:verify",
        "Hold the store against a ledger that `simulate --ledger` wrote. Exit code 4 when something is found.",
    ),
    "enroll": (
        "agent.commands:enroll_command",
        "Enroll this server with a token from the provider. Once; `run` needs no token.",
    ),
    "run": ("agent.commands:run", "Run the agent until SIGTERM or Ctrl-C."),
    "report": (
        "agent.report_command:report",
        "Write out the newest path report that no gateway has heard yet, for the provider to read. Exit code 1 if there is none.",
    ),
    "collector": (
        "agent.collectors.command:collector_app",
        "Collectors, where the agent's facts come from: list the kinds, check one against the contract.",
    ),
    "probe": (
        "agent.probe.command:probe",
        "Look at the way to a gateway, and say who is in it. It ends in one line that says who broke the connection, how sure that is, what to type on that product, how to find this session in its log, and how to undo it; then comes what was seen. Exit code 0: clean; 10: a box opens the TLS; 11: the network; 12: the provider; 13: this server; 14: not clear.",
    ),
    "service": (
        "agent.service_command:service_app",
        "The agent as a Windows service: install, remove, start, stop, status.",
    ),
    "doctor": (
        "agent.doctor:doctor",
        "Check the agent's folder, its settings, certificate, disk and process. Exit code 4 when a check fails.",
    ),
    "logs": (
        "agent.logs:logs",
        "Show the newest lines of the agent's own log.",
    ),
    "status": (
        "agent.status:status",
        "Show what the running agent says of itself. Exit code 1 if it is not connected.",
    ),
}
for name, (place, says) in COMMANDS.items():
    app.command(place, name=name, help=says)


def main(argv: list[str] | None = None) -> int:
    """The entry point; never raises for what a person can do wrong."""
    _open_outputs()
    try:
        result = app(argv, exit_on_error=False, print_error=True, result_action="return_value")
        sys.stdout.flush()  # a pipe that closed is noticed here, and not when Python ends
    except CycloptsError:
        return UNUSABLE
    except CommandError as error:
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:
        return _hang_up()
    except SystemExit as error:
        if isinstance(
            error.__context__, BrokenPipeError
        ):  # how rich, which prints help and figures, ends one
            return _hang_up()
        raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None and error.errno in _OUTPUT_LOST:
            _hang_up()
            return _fail(f"cannot write the output: {error.strerror}", FAILED)
        text = _known(error)
        if text is None:
            raise
        return _fail(text, UNUSABLE)
    return result if isinstance(result, int) else 0


def _known(error: Exception) -> str | None:
    """What a person is to read of an error in the agent's folder; None when it is a bug."""
    from agent.observer import code_text
    from agent.spool import OutboxError
    from agent.state import StateError

    if isinstance(error, OutboxError):
        return f"{code_text(error.code)}: {error}"
    return f"FG-1018: {error}" if isinstance(error, StateError) else None


def _fail(message: str, exit_code: int) -> int:
    lines = "\n".join(map(printable, message.split("\n")))  # a gateway's words may be in it
    sys.stderr.write(f"fieldgate-agent: {lines}\n")
    return exit_code


def _open_outputs() -> None:
    """Somebody who closed an output (`>&-`) does not want it. Left closed, the next file to be opened would take its place."""
    with contextlib.suppress(FileNotFoundError):  # an empty root has none
        while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(fd)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _hang_up() -> int:
    """Nobody reads any more (`fieldgate-agent … | head`): what is still buffered goes nowhere."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return CLOSED_PIPE
