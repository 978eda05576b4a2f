"""What an agent shows of itself: its log, and a status file that `fieldgate-agent status` reads.

The outbox belongs to the running process alone, so the status is a file that it writes: after everything that happens to
a session, and every half minute.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import structlog
import trio

from agent.backoff import SUSTAINED_S
from agent.facilities import Facilities
from agent.former import former_outboxes
from agent.inspection.keep import Opinion
from agent.logfile import LogFile
from agent.marks import Ruling
from agent.observer import Ending, Observer, code_text
from agent.troubles import Troubles
from certs import to_ms, write_private
from protocol import Code, Mark, Standing, Welcome, is_journal, log_line, printable

REFRESH_S: Final = 30.0

# Beyond this the log says that one of the two clocks is wrong; certificates are backdated by an hour.
SKEW_MS: Final = 5 * 60_000


LogFormat = Literal["auto", "console", "json", "journald", "syslog"]


def configure_logs(log_format: LogFormat, file: LogFile | None = None) -> None:
    """Events to standard error: "json"; "console"; "journald" and "syslog", a line with its priority, the latter with the time; or "auto":
    journald where standard error is the journal, console at a terminal, JSON otherwise. To *file* as well, if there is one.
    """
    if log_format == "auto":
        log_format = "journald" if _into_journal() else "console" if sys.stderr.isatty() else "json"
    stamp: tuple[structlog.typing.Processor, ...] = (structlog.processors.TimeStamper(fmt="iso", utc=True),)
    rendering: dict[str, tuple[structlog.typing.Processor, ...]] = {
        "console": (*stamp, _quoted, structlog.dev.ConsoleRenderer()),
        "journald": (_line,),
        "syslog": (*stamp, _line),
        "json": (*stamp, structlog.processors.JSONRenderer()),
    }
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            *(() if file is None else (file,)),
            *rendering[log_format],
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def _into_journal() -> bool:
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or no file
        return False
    return is_journal(os.environ.get("JOURNAL_STREAM", ""), found.st_dev, found.st_ino)


def _line(_: object, __: str, event: structlog.typing.EventDict) -> str:
    return log_line(event)


def _quoted(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What a gateway said steers no terminal; in JSON it can't."""
    return {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}


class Watch(Observer):
    """Writes the log and the status file of one agent."""

    def __init__(self, path: Path, now: Callable[[], int]) -> None:
        self._path = path
        self._now = now
        self._log = structlog.get_logger()
        self._facilities: Facilities | None = None
        self._state: dict[str, Any] = {"state": "starting"}
        self._troubles = Troubles()
        self._opened_at: float | None = None

    def attach(self, facilities: Facilities) -> None:
        """Whose status this is."""
        self._facilities = facilities
        self.write()

    async def refresh(self) -> None:
        """Keep the figures in the file fresh, and let go of trouble that a good session has left behind."""
        while True:
            await trio.sleep(REFRESH_S)
            if self._opened_at is not None and trio.current_time() - self._opened_at >= SUSTAINED_S:
                self._forget_trouble()
            self.write()

    def _forget_trouble(self) -> None:
        paused = self._facilities is not None and self._facilities.collector.paused
        self._troubles.sustained(lasting=frozenset({Code.OUTBOX_FULL} if paused else ()))

    def write(self) -> None:
        """Replace the file. One that cannot be written is not worth stopping for."""
        fields: dict[str, Any] = {"pid": os.getpid(), "written_ms": self._now(), **self._state}
        if (trouble := self._troubles.last) is not None:
            fields |= {
                "trouble": f"{code_text(trouble.code)}: {trouble.message}",
                "trouble_last_ms": trouble.last_ms,
                "trouble_times": trouble.times,
            }
        if self._facilities is not None:
            keeper, outbox = self._facilities.keeper, self._facilities.outbox
            fields |= {
                "agent_uid": keeper.identity.agent_uid,
                "certificate_expires_ms": to_ms(keeper.credential.expires),
                "outbox_records": outbox.records,
                "outbox_bytes": outbox.waiting_bytes,
                "collection_paused": self._facilities.collector.paused,
            }
            if self._facilities.desk is not None:
                fields["collectors"] = self._facilities.desk.status()
            if (reporter := self._facilities.reporter) is not None:
                fields |= reporter.status(connected=self._state["state"] == "connected")
        try:
            if former := former_outboxes(self._path.parent):
                fields["former_outboxes"] = [path.name for path in former]
            write_private(self._path, json.dumps(fields, indent=1).encode() + b"\n")
        except OSError as error:
            self._log.warning("status not written", path=str(self._path), error=error.strerror)

    def welcomed(self, welcome: Welcome, address: str) -> None:
        """Log it and show it."""
        offset_ms = self._now() - welcome.gateway_time_ms
        standing = welcome.standing.name.lower().replace("_", "-")
        self._log.info("session open", gateway=address, session=welcome.session_uid, standing=standing)
        if welcome.standing is not Standing.VERIFIED:
            self._log.warning("not verified", code=code_text(welcome.code), standing=standing)
        if abs(offset_ms) > SKEW_MS:
            self._log.warning(
                "clock differs from the gateway's",
                code=code_text(Code.CLOCK_SKEW),
                offset_s=offset_ms // 1000,
            )
        self._state = {
            "state": "connected", "gateway": address, "session_uid": welcome.session_uid, "standing": standing,
            "code": code_text(welcome.code) if welcome.code else "", "since_ms": self._now(), "clock_offset_ms": offset_ms,
        }  # fmt: skip
        self._troubles.opened()
        self._opened_at = trio.current_time()
        self.write()

    def released(self, mark: Mark, ruling: Ruling) -> None:
        """Only a revert is worth a line."""
        if ruling is Ruling.REVERTED:
            self._log.warning(
                "this machine was reverted to an older state: a new epoch begins", code=code_text(Code.FORK_FOLLOWED),
                epoch=mark.epoch, next_sequence=mark.next_sequence,
            )  # fmt: skip

    def trouble(self, code: Code | int, message: str) -> None:
        """Log it and show it."""
        self._log.warning("trouble", code=code_text(code), reason=message)
        self._troubles.note(code, message, self._now())
        self.write()

    def mended(self, code: Code | int, message: str) -> None:
        """Log it, and show the trouble no longer."""
        self._log.info("trouble is over", code=code_text(code), reason=message)
        self._troubles.over(code)
        self.write()

    def judged(self, opinion: Opinion, *, is_news: bool) -> None:
        """Log what is new, and show it."""
        if is_news and opinion.over_ms is not None:
            self._log.info("path is good again", verdict=opinion.verdict, gateway=opinion.address)
        elif is_news:
            self._log.warning(
                "path verdict", code=code_text(opinion.code), verdict=opinion.verdict,
                confidence=round(opinion.confidence, 2), said_by="gateway" if opinion.by_gateway else "agent",
                blame=opinion.blame, gateway=opinion.address,
            )  # fmt: skip
        self.write()

    def unproven(self, why: str) -> None:
        """Log it; there is nothing to show."""
        self._log.warning("kept verdict dropped", reason=why)

    def reported(self, said: int, refused: Sequence[str], waiting: int) -> None:
        """Log it and show it."""
        self._log.info("path reports said", said=said, refused=", ".join(refused), waiting=waiting)
        self.write()

    def ended(self, ending: Ending, wait_s: float) -> None:
        """One line for each attempt, whatever came of it; and show it."""
        why = {"code": code_text(ending.code), "reason": ending.message}
        follows = {"next_s": round(wait_s, 1), "action": ending.action.name.lower()}
        if ending.reached:
            self._log.info("session ended", **why, lasted_s=round(ending.lasted_s, 1), **follows)
        else:
            self._log.warning("no gateway", **why, address=ending.address, **follows)
        if ending.lasted_s >= SUSTAINED_S:
            self._forget_trouble()
        self._opened_at = None
        if not ending.in_order:
            self._troubles.note(ending.code, ending.message, self._now())
        self._state = {
            "state": "waiting", "code": code_text(ending.code), "reason": ending.message, "since_ms": self._now(),
            "next_attempt_ms": self._now() + round(wait_s * 1000),
        }  # fmt: skip
        self.write()

    def stopped(self, why: str) -> None:
        """The process ends."""
        self._state |= {"state": "stopped", "stopped": why, "since_ms": self._now()}
        self.write()
