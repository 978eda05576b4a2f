"""Where a probe's outcome goes: standard output, and the files that were asked for."""

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
        for path in (self.html, self.bundle):
            if path is not None and (path.is_dir() or not path.parent.is_dir()):
                raise CommandError(
                    f"cannot write {path}: {path.parent} is no folder, or {path} is one", UNUSABLE
                )

    def once(self, examined: Examined) -> None:
        """All of it.

        Raises:
            CommandError: a file can't be written.
        """
        self._files(examined)
        if self.as_json:
            sys.stdout.write(self._json(examined))
        else:
            sys.stdout.write(self._text(examined))
        sys.stdout.flush()
        if examined.note:
            sys.stderr.write(f"fieldgate-agent: {printable(examined.note)}\n")

    def again(self, examined: Examined) -> None:
        """A line for each look; the whole report when there is another verdict, and somebody has to act.

        Raises:
            CommandError: a file can't be written.
        """
        self._files(examined)
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


def _write(path: Path, data: bytes) -> None:
    try:
        write_public(path, data)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}", UNUSABLE) from None


def _coloured(line: str, *, clean: bool) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return line
    return f"\x1b[{32 if clean else 31}m{line}\x1b[0m"
