"""Where a probe's outcome goes: standard output, and the files that were asked for."""

import errno
import json
import os
import sys
import time
from pathlib import Path

import attrs

from agent.exits import UNUSABLE, CommandError
from agent.probe.asker import Asker
from agent.probe.bundle import bundle
from agent.probe.examine import Examined
from agent.probe.outcome import meta_of
from agent.proxies import Proxies
from certs import write_public
from certs.inspection import Family, Verdict, render_html, render_json, render_text
from protocol import printable

__all__ = ["Outlet"]


@attrs.define(kw_only=True)
class Outlet:
    """Of one command."""

    asker: Asker
    proxies: Proxies
    state: Path | None = None
    as_json: bool = False
    html: Path | None = None
    bundle: Path | None = None
    _said: Verdict | None = attrs.field(default=None, init=False)

    def check(self) -> None:
        """Before anything is dialed.

        Raises:
            CommandError: a file could surely not be written.
        """
        if self.html is not None and self.bundle is not None and _is_same(self.html, self.bundle):
            raise CommandError("--html and --bundle name one file: give each its own", UNUSABLE)
        for path in (self.html, self.bundle):
            if path is not None:
                _try(path)

    def once(self, examined: Examined) -> None:
        """All of it; what was seen is said before a file can fail.

        Raises:
            CommandError: a file can't be written.
        """
        if self.as_json:
            sys.stdout.write(self._json(examined))
        else:
            sys.stdout.write(self._text(examined))
        sys.stdout.flush()
        if examined.note:
            sys.stderr.write(f"fieldgate-agent: {printable(examined.note)}\n")
        self._files(examined)

    def again(self, examined: Examined) -> None:
        """A line for each look; the whole report when there is another verdict, and somebody has to act.

        Raises:
            CommandError: a file can't be written.
        """
        finding = examined.finding
        clean = finding.family is Family.CLEAN
        if self.as_json:
            sys.stdout.write(json.dumps(json.loads(self._json(examined))) + "\n")
        else:
            if finding.verdict is not self._said and not clean:
                sys.stdout.write(self._text(examined) + "\n")
            agent = examined.evidence.agent
            at = time.strftime("%H:%M:%S", time.gmtime(agent.at_ms / 1000 if agent is not None else 0))
            line = f"{at} UTC  {finding.verdict.value}, {finding.confidence:.0%}: {printable(finding.blame)}"
            sys.stdout.write(f"{_coloured(line, clean=clean)}\n")
        self._said = finding.verdict
        sys.stdout.flush()
        self._files(examined)

    def _text(self, examined: Examined) -> str:
        meta = meta_of(examined, self.asker)
        return render_text(examined.evidence, examined.finding, meta=meta, certificates=False)

    def _json(self, examined: Examined) -> str:
        return render_json(examined.evidence, examined.finding, meta=meta_of(examined, self.asker))

    def _files(self, examined: Examined) -> None:
        if self.html is not None:
            page = render_html(examined.evidence, examined.finding, meta=meta_of(examined, self.asker))
            _write(self.html, page.encode())
        if self.bundle is not None:
            packed = bundle(examined, self.asker, self.proxies, state=self.state, environ=os.environ)
            _write(self.bundle, packed)


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() and not _is_special(one)


def _is_special(path: Path) -> bool:
    """A device, a pipe, a terminal: written to, and never replaced by a file."""
    return path.exists() and not path.is_file()


def _try(path: Path) -> None:
    """Find out whether *path* can be written, and leave it as it is."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if _is_special(path):
            return
        meant = path.resolve()  # where a link points to
        is_new = not meant.exists()
        with meant.open("ab"):
            pass
        if is_new:
            meant.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def _write(path: Path, data: bytes) -> None:
    try:
        if _is_special(path):
            path.write_bytes(data)
        else:
            write_public(path.resolve(), data)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> CommandError:
    return CommandError(f"cannot write {path}: {error.strerror}", UNUSABLE)


def _coloured(line: str, *, clean: bool) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return line
    return f"\x1b[{32 if clean else 31}m{line}\x1b[0m"
