"""What a run leaves in a folder: the result for programs, the page for people, JUnit for a build server."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.exits import UNUSABLE, CommandError
from agent.simulator.report.document import json_of
from agent.simulator.report.junit import junit_xml
from agent.simulator.report.page import render_html
from agent.simulator.result import RunResult

__all__ = ["FILES", "prepare_folder", "write_report"]

FILES: Final[dict[str, Callable[[RunResult], str]]] = {
    "result.json": json_of,
    "report.html": render_html,
    "junit.xml": junit_xml,
}
"""File name to what writes it."""


def prepare_folder(folder: Path) -> None:
    """Make sure before a run that its report can be written after it.

    Raises:
        CommandError: the folder is not there and cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"cannot write to {folder}: {error.strerror}", UNUSABLE) from None


def write_report(run: RunResult, folder: Path) -> None:
    """Write all of `FILES`, over those of a run before.

    Raises:
        CommandError: one cannot be written.
    """
    for name, rendered in FILES.items():
        try:
            (folder / name).write_text(rendered(run), encoding="utf-8")
        except OSError as error:
            raise CommandError(f"cannot write {folder / name}: {error.strerror}", UNUSABLE) from None
