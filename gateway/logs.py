"""Logs are events with fields, one line each: JSON for machines, the same behind a priority for the journal and syslog, columns for a
person at a terminal.

Nothing logs a secret: tokens, keys and store URLs never become fields.
"""

import os
import sys

import structlog

from protocol import is_journal, log_line, printable

__all__ = ["configure_logs"]


def configure_logs(log_format: str = "auto", *, process: str, log_level: str = "info") -> None:
    """Send every event to standard error, stamped with UTC time, level and the *process* it came from.

    May be called again: loggers follow, whoever has one.

    Args:
        log_format: "json"; "console"; "journald", a line with its priority, whose time is the journal's; "syslog", the same with the time;
            or "auto": journald where standard error is the journal, console at a terminal, JSON otherwise.
        process: what this process is.
        log_level: "debug", "info", "warning" or "error"; what is less is not said.
    """
    if log_format == "auto":
        log_format = "journald" if _into_journal() else "console" if sys.stderr.isatty() else "json"
    stamp: tuple[structlog.typing.Processor, ...] = (structlog.processors.TimeStamper(fmt="iso", utc=True),)
    rendering: dict[str, tuple[structlog.typing.Processor, ...]] = {
        "console": (*stamp, structlog.processors.format_exc_info, _quoted, structlog.dev.ConsoleRenderer()),
        "journald": (structlog.processors.format_exc_info, _line),
        "syslog": (*stamp, structlog.processors.format_exc_info, _line),
        "json": (*stamp, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()),
    }
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            *rendering[log_format],
        ],
        wrapper_class=structlog.make_filtering_bound_logger(log_level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)


def _into_journal() -> bool:
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or no file
        return False
    return is_journal(os.environ.get("JOURNAL_STREAM", ""), found.st_dev, found.st_ino)


def _line(_: object, __: str, event: structlog.typing.EventDict) -> str:
    return log_line(event)


def _quoted(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What an agent said steers no terminal; in JSON it can't. A traceback keeps its lines."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = (
                "\n".join(map(printable, value.split("\n"))) if key == "exception" else printable(value)
            )
    return event
