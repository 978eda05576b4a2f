"""Reads the files that onboarding takes: TOML or JSON for `apply`, CSV for `company import`. Bytes come from anybody.

What can't be read as a whole is FileUnreadable, in words; what is wrong with a part of a file becomes a Refusal with its place. No
other exception leaves here, whatever the bytes are.
"""

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from gateway.onboarding.wanted import WantedFile, read_document
from gateway.store import StoreError
from protocol import Code

__all__ = ["MOST_BYTES", "FileUnreadable", "read_bounded", "read_plan", "text_of"]

# 20,000 companies with everything that may be said of them have some 12 MB.
MOST_BYTES: Final = 16 * 1024 * 1024

BOMS: Final = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
UTF8_BOM: Final = b"\xef\xbb\xbf"


class FileUnreadable(StoreError):  # noqa: N818  # named after what it reports, as the store's errors are
    """A file that can't be read at all; says why and how to save it."""

    code = Code.ONBOARDING_FILE_UNREADABLE


def read_bounded(path: Path) -> bytes:
    """What a file holds.

    Raises:
        FileUnreadable: it has more than MOST_BYTES.
        OSError: it can't be opened or read.
    """
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise FileUnreadable(
            f"{path.name} has more than {MOST_BYTES // 2**20} MiB: cut it into several files"
        )
    return data


def text_of(data: bytes) -> str:
    """A file's text; a mark that it is UTF-8 is passed over.

    Raises:
        FileUnreadable: it is no UTF-8, or holds a NUL.
    """
    for mark, name in BOMS.items():
        if data.startswith(mark):
            raise FileUnreadable(f"the file is {name}: save it as UTF-8 (in Excel: CSV UTF-8)")
    data = data.removeprefix(UTF8_BOM)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileUnreadable(
            f"line {line} is no UTF-8 (byte 0x{data[error.start]:02x}): save the file as UTF-8 (in Excel: CSV UTF-8)"
        ) from None
    if (at := text.find("\0")) >= 0:
        raise FileUnreadable(
            f"line {text.count(chr(10), 0, at) + 1} holds a NUL: this is no text file, or a damaged one"
        )
    return text


def read_plan(data: bytes, *, is_json: bool) -> WantedFile:
    """Read a file for `apply`.

    Raises:
        FileUnreadable: it is no TOML or JSON.
    """
    text = text_of(data)
    try:
        document: Any = json.loads(text) if is_json else tomllib.loads(text)
    except RecursionError:
        raise FileUnreadable("the file is nested too deeply") from None
    except ValueError as error:  # of both: the kinds of either module are kinds of it
        raise FileUnreadable(f"the file is no {'JSON' if is_json else 'TOML'}: {error}") from None
    if not isinstance(document, dict):
        raise FileUnreadable("the file has to be an object with the lists reseller and company")
    return read_document(document)
