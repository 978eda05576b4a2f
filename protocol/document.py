"""The tables of docs/protocol.md and docs/codes.md, written by the declarations that the code runs on.

    python -m protocol.document docs/protocol.md docs/codes.md

rewrites what stands between `<!-- generated: NAME -->` and `<!-- end -->`; everything else in those files is written by
people. A test fails when a page and the code say different things.
"""

import enum
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from protocol import enums
from protocol.batches import Sequenced
from protocol.capability import MEANINGS
from protocol.codec import MESSAGES, Message
from protocol.commands import KINDS
from protocol.explanations import CODES
from protocol.listing import Item, Point
from protocol.rows import WireRow
from protocol.schema import WireField, layout_of
from protocol.states import TRANSITIONS, Role, State

_BLOCK: Final = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
# From here on the tags are the gateway's; Goodbye is in the agent's half and belongs to both.
_FIRST_ANSWER: Final = 64


def refreshed(page: str) -> str:
    """A page with every generated block as the code has it now.

    Raises:
        KeyError: a block has a name that nothing generates.
    """
    return _BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n{found[3]}", page)


def messages_from(role: Role) -> str:
    """One section a message, in the order of their types."""
    return "\n".join(
        _section(f"{cls.__name__} ({tag})", _about(cls), layout_of(cls).fields)
        for tag, cls in MESSAGES.items()
        if (tag >= _FIRST_ANSWER) == (role is Role.GATEWAY)
    )


def message_types() -> str:
    """All types on one screen."""
    return _table(
        ("type", "message", "from", "largest payload", "sequenced"),
        (
            (
                str(tag),
                f"[{cls.__name__}](#{cls.__name__.lower()}-{tag})",
                "both" if cls.__name__ == "Goodbye" else "gateway" if tag >= _FIRST_ANSWER else "agent",
                _size(cls.limit),
                "yes" if issubclass(cls, Sequenced) else "",
            )
            for tag, cls in MESSAGES.items()
        ),
    )


def rows() -> str:
    """One section a row class."""
    classes = sorted(_kinds_of(WireRow), key=lambda cls: cls.__name__)
    return "\n".join(_section(cls.__name__, _first_line(cls), layout_of(cls).fields) for cls in classes)


def enumerations() -> str:
    """One section an enum."""
    found = [
        e for e in vars(enums).values() if isinstance(e, type) and issubclass(e, enum.IntEnum) and len(e)
    ]
    return "\n".join(
        f"### {e.__name__}\n\n{_first_line(e)}\n\n"
        + _table(("value", "name"), ((str(member.value), member.name) for member in e))
        for e in sorted(found, key=lambda e: e.__name__)
    )


def capabilities() -> str:
    """Every ability in one line."""
    return _table(
        ("bit", "name", "both can"),
        ((str(bit.value), str(bit.name), meaning) for bit, meaning in MEANINGS.items()),
    )


def command_kinds() -> str:
    """One section a kind of command."""
    return "\n".join(
        f"### {kind}\n\n{_first_line(cls)} "
        + ("May be run again after a crash.\n" if cls.idempotent else "Interrupted by a crash.\n")
        + ("\n" + _keys(fields) if (fields := layout_of(cls).fields) else "\nThe payload is `{}`.\n")
        for kind, cls in KINDS.items()
    )


def listing_rows() -> str:
    """What a row of each listing has."""
    return "\n".join(f"{_first_line(cls)}\n\n{_keys(layout_of(cls).fields)}" for cls in (Point, Item))


def states() -> str:
    """Who may say what in which state, and where it leads."""
    return _table(
        ("state", "the agent may send", "the gateway may send"),
        (
            (state.value, _moves(TRANSITIONS[Role.AGENT, state]), _moves(TRANSITIONS[Role.GATEWAY, state]))
            for state in State
        ),
    )


def code_names() -> str:
    """Every code in one line."""
    return _table(
        ("code", "name", "what happened"),
        ((str(code), code.name, words.title) for code, words in CODES.items()),
    )


def codes() -> str:
    """Every code in full."""
    return "\n".join(
        f"### {code} {words.title}\n\n{words.meaning}\n\n*What to do:* {words.action}\n"
        for code, words in CODES.items()
    )


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "agent-messages": lambda: messages_from(Role.AGENT),
    "capabilities": capabilities,
    "code-names": code_names,
    "codes": codes,
    "commands": command_kinds,
    "enums": enumerations,
    "gateway-messages": lambda: messages_from(Role.GATEWAY),
    "listing-rows": listing_rows,
    "message-types": message_types,
    "rows": rows,
    "states": states,
}


def _about(cls: type[Message]) -> str:
    return f"{_first_line(cls)} At most {_size(cls.limit)}."


def _size(n_bytes: int) -> str:
    return f"{n_bytes >> 20} MiB" if n_bytes >= 1 << 20 else f"{n_bytes >> 10} KiB"


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().splitlines()[0]


def _section(title: str, about: str, fields: Sequence[WireField]) -> str:
    table = _table(
        ("#", "field", "kind", "if missing", "meaning"),
        (
            (str(n), f"`{field.name}`", field.kind.describe(), _default(field), field.meaning)
            for n, field in enumerate(fields)
        ),
    )
    return f"### {title}\n\n{about}\n\n{table}"


def _keys(fields: Sequence[WireField]) -> str:
    """The keys of a command's payload."""
    return _table(
        ("key", "value", "if missing", "meaning"),
        ((f"`{field.name}`", field.kind.describe(), _default(field), field.meaning) for field in fields),
    )


def _kinds_of(cls: type[WireRow]) -> Iterable[type[WireRow]]:
    """All classes below *cls*."""
    for each in cls.__subclasses__():
        yield each
        yield from _kinds_of(each)


def _default(field: WireField) -> str:
    if field.required:
        return "an error"
    match field.default:
        case enum.IntEnum() as member:
            return f"{member.value} ({member.name})"
        case bool() as flag:
            return str(flag).lower()
        case int() as number:
            return str(number)
        case str() as text if text:
            return f'`"{text}"`'
        case _:
            return "empty"


def _moves(moves: dict[type[Message], State]) -> str:
    by_target: dict[State, list[str]] = {}
    for cls, target in moves.items():
        by_target.setdefault(target, []).append(cls.__name__)
    return (
        "; ".join(f"{', '.join(names)} → {target.value}" for target, names in by_target.items()) or "nothing"
    )


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    all_lines = [head, ["---"] * len(head), *lines]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in all_lines
    )


def main(paths: Sequence[str]) -> None:
    """Rewrite the pages."""
    for path in map(Path, paths):
        page = path.read_text(encoding="utf-8")
        path.write_text(refreshed(page), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
