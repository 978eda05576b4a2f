"""Does what the gateway itself was asked to do, one after the other, beside the answers.

While it works, a second thread says that it lives: another process takes what a dead one had begun.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Final
from uuid import uuid4

import structlog

from gateway.management.deeds import do
from gateway.management.services import Services
from gateway.store import Action, ActionState, Conflict, Outcome, StoreError
from protocol import Code

__all__ = ["Worker", "working"]

log = structlog.get_logger()

LOOK_S: Final = 1.0
BEAT_S: Final = 10.0
STOP_S: Final = 5.0
"""How long an end is waited for; what is cut off then is begun again by whoever comes next."""
LOOKS_OF_A_PRUNING: Final = 3600


class Worker:
    """One of them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._name = uuid4().hex

    def step(self) -> bool:
        """Do the next; false: there is none.

        Raises:
            StoreError: the store is away.
        """
        store, now_ms = self._services.store, self._services.now_ms
        action = store.actions.take(self._name, now_ms=now_ms())
        if action is None:
            return False
        with self._beating(action):
            outcome = self._done(action)
        with contextlib.suppress(Conflict):  # we were taken for dead, and another has it
            store.actions.end(action.uid, self._name, outcome, now_ms=now_ms())
        log.info("action ended", kind=action.kind, uid=action.uid, state=outcome.state.value)
        return True

    def prune(self) -> None:
        """Forget what nobody asks for any more.

        Raises:
            StoreError: the store is away.
        """
        self._services.store.actions.prune(now_ms=self._services.now_ms())

    def _done(self, action: Action) -> Outcome:
        try:
            return do(self._services, action)
        except StoreError:
            raise
        except Exception as error:
            # Whatever it is, it is this action's, and the next one is not to wait for it.
            log.exception("action failed", kind=action.kind, uid=action.uid, error=str(error))
            says = f"the gateway failed; its log has more under {action.uid}"
            return Outcome(state=ActionState.FAILED, code=int(Code.REST_FAILED), message=says)

    @contextlib.contextmanager
    def _beating(self, action: Action) -> Iterator[None]:
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_S):
                with contextlib.suppress(StoreError):  # the next one may be heard
                    self._services.store.actions.beat(action.uid, self._name, now_ms=self._services.now_ms())

        thread = threading.Thread(target=beat, name="beat of an action", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@contextlib.contextmanager
def working(services: Services) -> Iterator[None]:
    """Inside the block, actions are done."""
    stopped = threading.Event()
    worker = Worker(services)

    def run() -> None:
        looks = 0
        while not stopped.is_set():
            try:
                if worker.step():
                    continue
                if looks % LOOKS_OF_A_PRUNING == 0:
                    worker.prune()
                looks += 1
            except StoreError as error:
                log.warning("actions wait for the store", code=str(error.code), reason=str(error))
            stopped.wait(LOOK_S)

    thread = threading.Thread(target=run, name="actions", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(STOP_S)
