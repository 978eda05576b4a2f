"""`fieldgate-agent report`: a report that found no way out, as text that a person can mail."""

import sys
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from agent.exits import FAILED, UNUSABLE, CommandError
from agent.inspection.keep import Keep, Kept
from agent.options import State
from certs.inspection import armour
from protocol import printable


def report(file: Annotated[Path | None, Parameter(negative="")] = None, /, *, state: State) -> int:
    """Write out the newest path report that no gateway has heard yet, for the provider to read. Exit code 1 if there is none.

    Parameters
    ----------
    file
        Where to write it; default: standard output. Only the provider can read what is in it: send it by mail, or by whatever
        you have. It stays here too, and the agent says it itself once a path is good again.
    """
    kept = Keep(state).kept()
    if not kept:
        raise CommandError("no report waits here: the gateways have them all, or no path has failed", FAILED)
    text = _letter(kept[-1], more=len(kept) - 1)
    if file is None:
        sys.stdout.write(text)
        return 0
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}", UNUSABLE) from None
    sys.stdout.write(
        f"written to {file}: send it to your provider, who reads it with fieldgate inspection import FILE\n"
    )
    return 0


def _letter(kept: Kept, *, more: int) -> str:
    """The report between words for the two people who handle it."""
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(kept.at_ms / 1000))
    older = f"Older ones that wait as well: {more}.\n" if more else ""
    return f"""A Fieldgate agent could not reach its gateway {printable(kept.address)} on {when}, and its own verdict is: {kept.verdict}.
Send this text to your provider. It is sealed: nobody else can read what the agent saw, and nobody can change it.
To the provider: save it and run `fieldgate inspection import FILE`.
{older}
{armour(kept.sealed)}"""
