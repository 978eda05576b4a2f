"""A process to be killed: writes numbered records, and says on its standard output which are synced.

python -m tests.gateway.journal.endless_writer FOLDER FIRST_NUMBER
"""

import os
import sys
from pathlib import Path

from gateway.journal import JournalWriter

MOST = 200_000  # ends by itself if nobody kills it


def record(number: int) -> bytes:
    """Records of 4 to 2,000 bytes, known from their number."""
    return number.to_bytes(4, "big") + bytes([number % 251]) * (number * 37 % 1997)


def main() -> None:
    writer = JournalWriter(Path(sys.argv[1]), segment_bytes=64 * 1024)
    first = int(sys.argv[2])
    for number in range(first, first + MOST):
        writer.append([record(number)])
        if number % 5 == 0:
            writer.sync()
            os.write(1, f"{number}\n".encode())


if __name__ == "__main__":
    main()
