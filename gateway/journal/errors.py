"""What can go wrong with a journal, by what its owner has to do about it."""


class JournalError(Exception):
    """Any failure of a journal. The message names the folder and says what was found."""


class JournalClosed(JournalError):  # noqa: N818  # named after the state, like its siblings
    """The journal was closed by its own process; using it further is a bug of the caller."""


class JournalFailed(JournalError):  # noqa: N818  # named after the state, like its siblings
    """The journal can't promise anything any more; every later call fails as well. Restart the process.

    After a failed fsync the kernel may have dropped the pages it could not write and call the next fsync a
    success, so a retry would acknowledge what is on no disk. A new process starts a new segment.
    """


class JournalFull(JournalError):  # noqa: N818  # named after the state, like its siblings
    """The disk (or a quota) had no room for this record: nothing of it is in the journal. Later appends may succeed."""


class JournalLocked(JournalError):  # noqa: N818  # named after the state, like its siblings
    """Another writer holds the journal; the message says who."""
