"""The doorbell: "there are changes to read", between processes of one machine, and nothing more.

Every edge binds a Unix datagram socket in the data folder's `run/`; whoever commits a change sends each of them one
empty datagram. It carries no content, because the row is the truth: a bell that is lost costs the time until the edge's
next slow poll. So nothing here ever waits or fails its caller. A full queue means that the bell rings already. A
socket that refuses belongs to a dead edge, and its file is removed.
"""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = ".sock"

# sockaddr_un holds 108 bytes with the closing NUL.
MAX_ADDRESS_BYTES = 107


@contextmanager
def address_of(folder: Path, name: str) -> Iterator[str]:
    """A name for the socket that fits into sockaddr_un, however deep *folder* lies."""
    path = folder / name
    if len(os.fsencode(path)) <= MAX_ADDRESS_BYTES:
        yield str(path)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def listen(folder: Path, name: str) -> socket.socket:
    """The bell of the edge *name*: a non-blocking socket that becomes readable when somebody rings.

    A socket that a former life left there is replaced; `answer` empties it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        (folder / (name + SUFFIX)).unlink(missing_ok=True)
        with address_of(folder, name + SUFFIX) as address:
            bell.bind(address)
    except BaseException:
        bell.close()
        raise
    return bell


def answer(bell: socket.socket) -> None:
    """Take every ring off the queue, so that the next one is heard. Read the changes afterwards, never before."""
    while True:
        try:
            bell.recv(1)
        except BlockingIOError:
            return


def ring(folder: Path) -> None:
    """Ring every edge of this machine. Call it after the commit."""
    with socket.socket(
        socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    ) as ringer:
        for path in sorted(folder.glob("*" + SUFFIX)):
            ring_one(ringer, folder, path)


def ring_one(ringer: socket.socket, folder: Path, path: Path) -> None:
    """Ring one edge; remove its socket if nobody is behind it."""
    try:
        seen = path.lstat()
        if not stat.S_ISSOCK(seen.st_mode):
            return
        with address_of(folder, path.name) as address:
            ringer.sendto(b"", address)
    except BlockingIOError:
        return  # it rings already
    except ConnectionRefusedError:
        # The edge may be starting anew this very moment: remove the file that refused, not its successor.
        try:
            if path.lstat().st_ino == seen.st_ino:
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            return
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOBUFS, errno.ENOTDIR, errno.EACCES, errno.EPERM):
            raise
