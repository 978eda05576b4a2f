"""What a backup says of itself: every file with its size and hash, which versions made it, and of which moment it is."""

import json
from typing import Any, Self

import attrs

from gateway.backup.errors import BackupDamaged

__all__ = ["FORMAT", "MANIFEST", "Entry", "JournalEntry", "Manifest"]

MANIFEST = "manifest.json"
FORMAT = 1


@attrs.frozen(kw_only=True)
class Entry:
    """One file: its path in the backup, and what it must be."""

    path: str
    size_bytes: int
    sha256: str


@attrs.frozen(kw_only=True)
class JournalEntry:
    """How far one edge's journal was copied."""

    name: str
    journal_uid: str
    segments: int
    size_bytes: int


@attrs.frozen(kw_only=True)
class Manifest:
    """A backup.

    Attributes:
        created_ms: when the store was copied; the journals reach a little further.
        revocations: how many lines the revocation log had, and `revocations_head` the id of its last one.
        private_keys: the files among `files` that hold one.
        left_out: what belongs to this gateway and is not in here, in words.
    """

    format: int = FORMAT
    fieldgate: str
    provider_uid: str
    created_ms: int
    layout: int
    schema_version: int
    oldest_reader: int
    database: str
    journals: tuple[JournalEntry, ...]
    revocations: int
    revocations_head: str
    private_keys: tuple[str, ...]
    left_out: tuple[str, ...]
    files: tuple[Entry, ...]

    def encode(self) -> bytes:
        """As JSON."""
        return json.dumps(attrs.asdict(self), indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The reverse of `encode`; fields that a newer version added are passed over.

        Raises:
            BackupDamaged: it is no manifest, or of a format that this version does not read.
        """
        try:
            found: dict[str, Any] = json.loads(data)
            if found["format"] != FORMAT:
                raise BackupDamaged(
                    f"the backup has format {found['format']}, this version reads {FORMAT}: update Fieldgate"
                )
            fields = {a.name: found[a.name] for a in attrs.fields(cls)}
            fields["journals"] = tuple(JournalEntry(**each) for each in fields["journals"])
            fields["files"] = tuple(Entry(**each) for each in fields["files"])
            for name in ("private_keys", "left_out"):
                fields[name] = tuple(fields[name])
            return cls(**fields)
        except (KeyError, TypeError, ValueError):
            raise BackupDamaged(
                f"{MANIFEST} is not as Fieldgate writes it: it was changed, or this is no backup"
            ) from None
