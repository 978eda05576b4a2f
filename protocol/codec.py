"""Payloads to messages and back.

`decode` is the only place where a peer's bytes become objects. msgpack builds tuples, not lists (an empty tuple costs
nothing, so a frame full of empty arrays stays at its pointers' size), maps and extension types are refused at the first
one, and every length is bounded before anything is allocated. Text that is not UTF-8 must not cost the sender a whole
batch: it is read again with its bad bytes escaped, and then the row that holds them is reported like any other bad row.
"""

from collections.abc import Callable
from typing import Any, Final, NoReturn

import msgpack

from protocol.answers import (
    Ack,
    CancelCommand,
    Command,
    Credit,
    Drain,
    Enrolled,
    GatewayList,
    Notice,
    PathVerdict,
    Rejected,
    Resync,
    TrustUpdate,
    Welcome,
)
from protocol.batches import CommandResult, EventBatch, Inventory, Sequenced, UsageReport
from protocol.bulk import BulkChunk, BulkCredit, BulkOpen
from protocol.codes import Code
from protocol.errors import LocalProtocolError, RemoteProtocolError
from protocol.kinds import INT64_MAX, FieldError
from protocol.messages import CommandProgress, Enroll, Goodbye, Heartbeat, Hello, PathReport
from protocol.rowlists import MAX_ROWS, InvalidRow, RowsOf
from protocol.schema import layout_of
from protocol.verification import VerifyRequest, VerifyRows

Message = (
    Ack
    | BulkChunk
    | BulkCredit
    | BulkOpen
    | CancelCommand
    | Command
    | CommandProgress
    | CommandResult
    | Credit
    | Drain
    | Enroll
    | Enrolled
    | EventBatch
    | GatewayList
    | Goodbye
    | Heartbeat
    | Hello
    | Inventory
    | Notice
    | PathReport
    | PathVerdict
    | Rejected
    | Resync
    | TrustUpdate
    | UsageReport
    | VerifyRequest
    | VerifyRows
    | Welcome
)

MESSAGES: Final[dict[int, type[Message]]] = {
    cls.tag: cls for cls in sorted(Message.__args__, key=lambda cls: cls.tag)
}


# For each field its name, what reads its value, and what judges it if it is a list of rows.
_PLANS: Final[dict[type, tuple[tuple[str, Callable[[object], Any], Callable[..., Any] | None], ...]]] = {
    cls: tuple(
        (field.name, field.kind.load, field.kind.judge if isinstance(field.kind, RowsOf) else None)
        for field in layout_of(cls).fields
    )
    for cls in MESSAGES.values()
}


def decode(tag: int, payload: bytes) -> Message:
    """Read one payload, strictly.

    Raises:
        RemoteProtocolError: UNKNOWN_MESSAGE_TYPE, MALFORMED_FRAME, INVALID_VALUE; or BATCH_UNDECODABLE for whatever is
            wrong with a sequenced message beyond single rows.
    """
    cls = MESSAGES.get(tag)
    if cls is None:
        raise RemoteProtocolError(Code.UNKNOWN_MESSAGE_TYPE, f"message type {tag} is not defined")
    try:
        return _decode(cls, payload)
    except RemoteProtocolError as error:
        if issubclass(cls, Sequenced):
            epoch, first = _peek(payload)
            raise RemoteProtocolError(
                Code.BATCH_UNDECODABLE, error.message, epoch=epoch, first_sequence=first
            ) from None
        raise


def encode(message: Message) -> bytes:
    """The payload of a message, held to the same rules as a peer's.

    Raises:
        LocalProtocolError: INVALID_VALUE, or MESSAGE_TOO_BIG.
    """
    name = type(message).__name__
    values = []
    for field in layout_of(type(message)).fields:
        try:
            values.append(field.kind.dump(getattr(message, field.name)))
        except FieldError as error:
            raise LocalProtocolError(Code.INVALID_VALUE, f"{name}.{field.name}: {error}") from None
    if isinstance(message, Sequenced) and (reason := message.fault()):
        raise LocalProtocolError(Code.INVALID_VALUE, f"{name}: {reason}")
    payload: bytes = msgpack.packb(values)
    if len(payload) > message.limit:
        raise LocalProtocolError(
            Code.MESSAGE_TOO_BIG, f"{name} of {len(payload)} bytes, limit is {message.limit}"
        )
    return payload


def _decode(cls: type[Message], payload: bytes) -> Message:
    layout = layout_of(cls)
    values = _unpack(payload)
    if type(values) is not tuple:
        raise RemoteProtocolError(Code.MALFORMED_FRAME, f"{cls.__name__} is no array")
    if len(values) < layout.required:
        raise RemoteProtocolError(
            Code.MALFORMED_FRAME, f"{cls.__name__} of {len(values)} fields, needs {layout.required}"
        )
    fields: dict[str, Any] = {}
    invalid: tuple[InvalidRow, ...] = ()
    for (name, load, judge), value in zip(_PLANS[cls], values, strict=False):
        try:
            loaded = load(value)
        except FieldError as error:
            raise RemoteProtocolError(Code.INVALID_VALUE, f"{cls.__name__}.{name}: {error}") from None
        if judge is not None:
            loaded, found = judge(loaded, name)
            if found and not issubclass(cls, Sequenced):
                # Only a record can be set apart.
                raise RemoteProtocolError(Code.INVALID_VALUE, f"{cls.__name__}.{name}: {found[0].reason}")
            invalid += found
        fields[name] = loaded
    if not issubclass(cls, Sequenced):
        return cls(**fields)
    batch = cls(**fields, payload=payload, invalid=invalid)
    if reason := batch.fault():
        raise RemoteProtocolError(Code.INVALID_VALUE, f"{cls.__name__}: {reason}")
    return batch


def _unpack(payload: bytes) -> object:
    try:
        return _unpack_with(payload, "strict")
    except UnicodeDecodeError:
        pass
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise RemoteProtocolError(Code.MALFORMED_FRAME, f"not msgpack: {_brief(error)}") from None
    try:
        return _unpack_with(payload, "surrogateescape")
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise RemoteProtocolError(Code.MALFORMED_FRAME, f"not msgpack: {_brief(error)}") from None


def _unpack_with(payload: bytes, unicode_errors: str) -> object:
    return msgpack.unpackb(
        payload,
        use_list=False,
        unicode_errors=unicode_errors,
        object_hook=_refuse_map,
        ext_hook=_refuse_extension,
        max_array_len=MAX_ROWS,
        max_map_len=0,
        max_ext_len=0,
        max_str_len=len(payload),
        max_bin_len=len(payload),
    )


def _refuse_map(_: object) -> NoReturn:
    raise ValueError("a map")


def _refuse_extension(code: int, _: object) -> NoReturn:
    raise ValueError(f"extension type {code}")


def _brief(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:120]


def _peek(payload: bytes) -> tuple[int, int]:
    """Epoch and first sequence of a batch that can't be read as a whole; zeros when they can't either."""
    # An array header (1 to 5 bytes) and two integers (1 to 9 bytes each).
    unpacker = msgpack.Unpacker(max_buffer_size=32, max_array_len=MAX_ROWS, max_str_len=0, max_bin_len=0)
    unpacker.feed(payload[:23])
    try:
        unpacker.read_array_header()
        epoch, first = unpacker.unpack(), unpacker.unpack()
    except (ValueError, msgpack.exceptions.UnpackException):
        return 0, 0
    if type(epoch) is int and type(first) is int and 0 < epoch <= INT64_MAX and 0 < first <= INT64_MAX:
        return epoch, first
    return 0, 0
