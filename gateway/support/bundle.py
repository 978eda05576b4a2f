"""Writing a bundle: one file for its owner, from parts that each may fail, after a last look for secrets."""

import io
import os
import tarfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from protocol import Code

__all__ = ["BundleWithheldError", "write_bundle"]


class BundleWithheldError(Exception):
    """A secret of this gateway was in it; nothing was written."""

    code = Code.BUNDLE_WITHHELD


def write_bundle(target: Path, parts: Mapping[str, bytes], *, secrets: Collection[bytes]) -> None:
    """Write *parts*, by file name, to the new file *target*.

    Raises:
        BundleWithheldError: one of *secrets* is in one of them.
        OSError: *target* is there already, or can't be written.
    """
    for name, data in parts.items():
        if any(secret in data for secret in secrets):
            raise BundleWithheldError(
                f"the part {name} holds a secret of this gateway: leave it out with --without {name}"
            )
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
            for name, data in parts.items():
                info = tarfile.TarInfo(f"fieldgate-support/{name}")
                info.size, info.mode, info.mtime = len(data), 0o600, int(time.time())
                tar.addfile(info, io.BytesIO(data))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
