"""What must not be in a bundle, byte for byte: the keys and passwords of this very gateway."""

import re
from collections.abc import Iterator
from pathlib import Path

from gateway.config import Config
from gateway.store import passwords_in

__all__ = ["secrets_of"]

# A shorter piece of a key might be in anything.
MIN_PIECE = 24


def secrets_of(data: Path, config: Config | None) -> set[bytes]:
    """Every secret that lies in the data folder or is named by the settings, in pieces that are of a line each.

    Args:
        config: None where the settings can't be read: then what looks like a secret in them counts.
    """
    found: set[bytes] = set()
    keys = list((data / "ca").glob("*.key"))
    if config is not None and config.certificate_key:
        keys.append(Path(config.certificate_key))
    for key in keys:
        try:
            lines = key.read_bytes().splitlines()
        except OSError:
            continue  # what we can't read we can't have told
        found.update(line for line in lines if len(line) >= MIN_PIECE and not line.startswith(b"-----"))
    found.update(each.encode() for each in _passwords(data, config))
    return found


def _passwords(data: Path, config: Config | None) -> Iterator[str]:
    if config is not None:
        yield from passwords_in(config.store_url)
        return
    for file in (data / "fieldgate.toml", *(data / "edges").glob("*.toml")):
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        yield from re.findall(r"://[^\s/:@\"']*:([^\s/@\"']+)@", text)
        yield from re.findall(r"password=([^\s\"'&]+)", text)
