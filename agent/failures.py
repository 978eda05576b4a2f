"""trio groups what its tasks raise; callers of ours are promised the error itself."""

import contextlib
import traceback
from collections.abc import Iterator


@contextlib.contextmanager
def unwrapped() -> Iterator[None]:
    """Raise the first error of a group in place of the group; the others happened while the tasks were being stopped."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from group


def first_line(error: BaseException) -> str:
    """What an error that nobody expected says, in one line: its type, and the first line of its text."""
    text = str(error).strip().split("\n")[0][:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def trace_of(error: BaseException) -> str:
    """Where it happened, for whoever mends it: the end of the traceback."""
    return "".join(traceback.format_exception(error))[-4000:]
