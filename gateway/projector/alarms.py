"""Alarms to the log, so that a broken agent cannot fill it: each kind once a minute for each agent, with a count."""

from collections.abc import Callable, Iterable

import structlog

from gateway.projector.items import Alarm, News

log = structlog.get_logger()

EVERY_S = 60.0

# Agents with something to be said about; beyond that the log is noise and everything is forgotten.
MAX_REMEMBERED = 10_000


class Alarms:
    """What was said lately."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._said: dict[tuple[str, str], float] = {}
        self._unsaid: dict[tuple[str, str], int] = {}

    def raise_all(self, alarms: Iterable[Alarm]) -> None:
        """Log those that were not logged within the last minute; count the others."""
        for alarm in alarms:
            unsaid = self._may_say(alarm.event, alarm.agent_uid)
            if unsaid is None:
                continue
            log.warning(
                alarm.event,
                code=str(alarm.code),
                agent_uid=alarm.agent_uid,
                unsaid_before=unsaid,
                **alarm.fields,
            )

    def tell(self, news: Iterable[News]) -> None:
        """Log what became of incidents."""
        for each in news:
            (log.warning if each.alarm else log.info)(each.event, **each.fields)

    def undone(self, error: Exception) -> None:
        """Log what made a transaction fail, under the same rule."""
        event = "transaction undone, taken again one by one"
        unsaid = self._may_say(event, "")
        if unsaid is not None:
            log.error(event, unsaid_before=unsaid, exc_info=error)

    def _may_say(self, event: str, agent_uid: str) -> int | None:
        """How many times it went unsaid before, or None while it was said lately."""
        key = (event, agent_uid)
        at = self._monotonic()
        if at - self._said.get(key, float("-inf")) < EVERY_S:
            self._unsaid[key] = self._unsaid.get(key, 0) + 1
            return None
        if len(self._said) >= MAX_REMEMBERED:
            self._said.clear()
            self._unsaid.clear()
        self._said[key] = at
        return self._unsaid.pop(key, 0)
