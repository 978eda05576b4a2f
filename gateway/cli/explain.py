"""`fieldgate explain`: a code in words."""

import attrs

from gateway.cli.errors import CommandError
from gateway.cli.options import Json
from gateway.cli.output import rows, say
from protocol import CODES, Code

__all__ = ["explain"]


def explain(code: str | None = None, /, *, json_: Json = False) -> None:
    """Say what a code means and what to do about it; without a code, list them all.

    Parameters
    ----------
    code
        As the log, a message or a ticket shows it: FG-2107, or just 2107.
    """
    if code is None:
        listed = [{"code": str(number), "title": text.title} for number, text in CODES.items()]
        rows(listed, {"code": "CODE", "title": "TITLE"}, as_json=json_, empty="")
        return
    try:
        number = Code.parse(code)
    except ValueError:
        raise CommandError(f"there is no code {code!r}: `fieldgate explain` lists them all") from None
    text = CODES[number]
    if json_:
        rows([{"code": str(number)} | attrs.asdict(text)], {}, as_json=True, empty="")
        return
    say(f"{number}  {text.title}", "", text.meaning, "", f"What to do: {text.action}")
