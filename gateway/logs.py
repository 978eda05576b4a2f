"""Logs are events with fields, one line each: JSON for machines, columns for a person at a terminal.

Nothing logs a secret: tokens, keys and store URLs never become fields.
"""

import sys

import structlog

from protocol import printable

__all__ = ["configure_logs"]


def configure_logs(log_format: str = "auto", *, process: str, log_level: str = "info") -> None:
    """Send every event to standard error, stamped with UTC time, level and the *process* it came from.

    May be called again: loggers follow, whoever has one.

    Args:
        log_format: "json", "console", or "auto": console at a terminal, JSON otherwise.
        process: what this process is.
        log_level: "debug", "info", "warning" or "error"; what is less is not said.
    """
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    rendering: tuple[structlog.typing.Processor, ...] = (
        (_quoted, structlog.dev.ConsoleRenderer()) if console else (structlog.processors.JSONRenderer(),)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(log_level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)


def _quoted(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What an agent said steers no terminal; in JSON it can't. A traceback keeps its lines."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = (
                "\n".join(map(printable, value.split("\n"))) if key == "exception" else printable(value)
            )
    return event
