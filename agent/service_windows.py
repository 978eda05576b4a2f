"""The agent as a Windows service: what its life looks like to the service control manager, and how it is made known there.

The manager starts the process, calls back in a thread of its own to let the service begin, sends it controls, and wants to hear of every change of
state in time. The agent runs in the main thread, where Python hears signals and trio wants to be; the manager's call for the dispatcher has a thread
beside it.

Rule 1: every change of state is in `NEXT`; nothing else reports one.
Rule 2: the manager starts a service again that has ended without a word, and leaves one alone that said STOPPED. So STOPPED is said when the agent
was asked to stop, and when a gateway said no, which a restart does not change; after any other end the process just goes.

Here is no call of Windows: those are in `agent.service_api`, behind `Manager`.
"""

import contextlib
import enum
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import attrs
import trio

from agent.exits import REFUSED

__all__ = [
    "DEFAULT_NAME", "Control", "Life", "Manager", "Report", "State", "command_line", "install_plan", "remove_plan", "run_as_service",
]  # fmt: skip

DEFAULT_NAME: Final = "fieldgate-agent"

# Longer than the agent takes for either: it says goodbye within seconds, and begins within one.
HINT_MS: Final = 30_000
BEGIN_S: Final = 30.0
LEAVE_S: Final = 5.0

ACCEPT_STOP_AND_SHUTDOWN: Final = 0x1 | 0x4
NO_ERROR: Final = 0
NOT_IMPLEMENTED: Final = 120
SERVICE_SPECIFIC: Final = 1066

# As after a failure under systemd: again after 5 s, and less often if that does not help.
_AGAIN: Final = "restart/5000/restart/60000/restart/300000"
_DAY_S: Final = "86400"
_ADMINISTRATORS: Final = "*S-1-5-32-544"
_SYSTEM: Final = "*S-1-5-18"


class State(enum.IntEnum):
    """Of a service, in the manager's numbers."""

    STOPPED = 1
    STARTING = 2
    STOPPING = 3
    RUNNING = 4


class Control(enum.IntEnum):
    """What the manager may ask, in its numbers; there are more, which we do not accept."""

    STOP = 1
    INTERROGATE = 4
    SHUTDOWN = 5


class Step(enum.Enum):
    """What happens to a service."""

    BEGUN = enum.auto()
    READY = enum.auto()
    ASKED = enum.auto()
    ENDED = enum.auto()


NEXT: Final = {
    (None, Step.BEGUN): State.STARTING,
    (State.STARTING, Step.READY): State.RUNNING,
    (State.STARTING, Step.ASKED): State.STOPPING,
    (State.STARTING, Step.ENDED): State.STOPPED,
    (State.RUNNING, Step.ASKED): State.STOPPING,
    (State.RUNNING, Step.ENDED): State.STOPPED,
    (State.STOPPING, Step.READY): State.STOPPING,
    (State.STOPPING, Step.ASKED): State.STOPPING,
    (State.STOPPING, Step.ENDED): State.STOPPED,
}
"""What is not in here changes nothing: STOPPED is the end."""


@attrs.frozen(kw_only=True)
class Report:
    """What is said of the service: the fields of SERVICE_STATUS that ever differ."""

    state: State
    accepts: int = 0
    exit_code: int = NO_ERROR
    specific_code: int = 0
    checkpoint: int = 0
    hint_ms: int = 0


class Manager(Protocol):
    """The service control manager, as a service sees it."""

    def dispatch(self, name: str, begin: Callable[[], None]) -> None:
        """Connect as the service *name*, have *begin* called in another thread, and return when the service has stopped.

        Raises:
            OSError: this process was not started by the manager.
        """

    def listen(self, name: str, control: Callable[[int], int]) -> None:
        """Have *control* called for what the manager asks; it returns a Windows error, 0 for none.

        Raises:
            OSError: there is no such service in this process.
        """

    def report(self, report: Report) -> None:
        """Tell the manager.

        Raises:
            OSError: it does not take it.
        """


class Life:
    """One service's life in this process. Its methods may be called from any thread."""

    def __init__(self, manager: Manager, name: str) -> None:
        self._manager = manager
        self._name = name
        self._lock = threading.RLock()
        self._said: Report | None = None
        self._stop: Callable[[], None] | None = None
        self._settled = threading.Event()
        self._over = threading.Event()
        self.failure: OSError | None = None

    @property
    def state(self) -> State | None:
        """As it was last said."""
        return None if self._said is None else self._said.state

    # -- the manager's threads ---------------------------------------------------------------------------------

    def dispatch(self) -> None:
        """Serve the manager's calls until the service has stopped; what goes wrong is `failure`."""
        try:
            self._manager.dispatch(self._name, self._begin)
        except OSError as error:
            self.failure = error
        finally:
            self._settled.set()

    def _begin(self) -> None:
        try:
            self._manager.listen(self._name, self.control)
            self._take(Step.BEGUN)
        except OSError as error:
            self.failure = error
            return
        finally:
            self._settled.set()
        self._over.wait()

    def control(self, asked: int) -> int:
        """Answer the manager, at once; the Windows error that it gets."""
        if asked in (Control.STOP, Control.SHUTDOWN):
            try:
                self._take(Step.ASKED)
            finally:  # whether or not the manager takes our word
                if self._stop is not None:
                    self._stop()
            return NO_ERROR
        if asked == Control.INTERROGATE:
            with self._lock:
                if self._said is not None:
                    self._manager.report(self._said)
            return NO_ERROR
        return NOT_IMPLEMENTED

    # -- the main thread ---------------------------------------------------------------------------------------

    def has_begun(self, within_s: float) -> bool:
        """Wait until the manager has let the service begin; false when it will not."""
        return self._settled.wait(within_s) and self.failure is None and self.state is not None

    def ready(self, stop: Callable[[], None]) -> None:
        """The agent runs, and *stop*, called in its trio, ends it in order. If that was asked for meanwhile, it is ended now."""
        token = trio.lowlevel.current_trio_token()

        def stop_soon() -> None:
            with contextlib.suppress(trio.RunFinishedError):  # it has ended by itself
                token.run_sync_soon(stop)

        with self._lock:
            self._stop = stop_soon
            self._take(Step.READY)
            if self.state is State.STOPPING:
                stop_soon()

    def ended(self, exit_code: int) -> None:
        """The agent has ended. Says STOPPED, unless the manager is to start it again (rule 2)."""
        with self._lock:
            if self.state is State.STOPPING or exit_code in (0, REFUSED):
                self._take(Step.ENDED, exit_code)
        self._over.set()

    def _take(self, step: Step, exit_code: int = 0) -> None:
        with self._lock:
            state = NEXT.get((self.state, step))
            if state is None:
                return
            pending = state in (State.STARTING, State.STOPPING)
            before = self._said
            self._said = Report(
                state=state,
                accepts=ACCEPT_STOP_AND_SHUTDOWN if state is State.RUNNING else 0,
                exit_code=SERVICE_SPECIFIC if exit_code else NO_ERROR,
                specific_code=exit_code,
                checkpoint=(before.checkpoint if before is not None and before.state is state else 0) + 1 if pending else 0,
                hint_ms=HINT_MS if pending else 0,
            )  # fmt: skip
            self._manager.report(self._said)


def run_as_service(manager: Manager, name: str, work: Callable[[Life], int]) -> int:
    """Be the service *name* while *work* runs, here; its exit code.

    Args:
        work: runs the agent, calls `Life.ready` in its trio, and returns the exit code.

    Raises:
        OSError: the manager does not know of it; nothing was run.
    """
    life = Life(manager, name)
    thread = threading.Thread(target=life.dispatch, name="service manager", daemon=True)
    thread.start()
    if not life.has_begun(BEGIN_S):
        raise life.failure or OSError(f"the service manager has not let {name} begin within {BEGIN_S:.0f} s")
    code = work(life)
    life.ended(code)
    if life.state is State.STOPPED:
        thread.join(LEAVE_S)
    return code


# -- making it known ------------------------------------------------------------------------------------------------------


def command_line(argv: Sequence[str]) -> str:
    """*argv* as Windows programs take it apart again, whatever is in it."""
    return subprocess.list2cmdline(argv)


def install_plan(name: str, argv: Sequence[str], state: str) -> list[list[str]]:
    """The commands that make *argv* the service *name*, under an account of its own that may use the folder *state* and no network share.

    The folder is shut to everybody but that account, administrators and the system: modes, which do that elsewhere, mean nothing there.
    """
    account = f"NT SERVICE\\{name}"
    return [
        ["sc.exe", "create", name, "binPath=", command_line(argv), "start=", "delayed-auto", "obj=", account,
         "DisplayName=", "Fieldgate agent"],
        ["sc.exe", "description", name, "Reports this backup server to its service provider."],
        ["sc.exe", "failure", name, "reset=", _DAY_S, "actions=", _AGAIN],
        ["icacls.exe", state, "/inheritance:r", "/grant:r", f"{account}:(OI)(CI)M", f"{_ADMINISTRATORS}:(OI)(CI)F",
         f"{_SYSTEM}:(OI)(CI)F"],
    ]  # fmt: skip


def remove_plan(name: str) -> list[list[str]]:
    """The commands that take it away again; the state folder stays. The first one may fail: it need not run."""
    return [["sc.exe", "stop", name], ["sc.exe", "delete", name]]
