"""The provider's books, as a process or a command opens them: where the provider is, who signs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from certs import Authority, KeyOfflineError, StatementSigner
from gateway.billing import Books
from gateway.config import Config
from gateway.datafolder import DataFolder
from gateway.store import Store

# A signer that ends sooner is replaced while the root's key is at hand.
RENEW_BEFORE: Final = timedelta(days=365)


def zone_of(config: Config) -> ZoneInfo:
    """Where the provider is."""
    return ZoneInfo(config.time_zone)


def books_of(folder: DataFolder, config: Config, store: Store, now: Callable[[], int]) -> Books:
    """Open them.

    Args:
        now: milliseconds since the epoch.
    """
    return Books(
        store=store, zone=zone_of(config), signing=lambda: statement_signer(folder.ca, now()), now=now,
    )  # fmt: skip


def statement_signer(ca: Path, now_ms: int) -> tuple[StatementSigner, tuple[bytes, ...]]:
    """Who signs statements, and the chain; made when there is none, and renewed in its last year if the root's key is there.

    Raises:
        AuthorityError: there is none, and the root's key is elsewhere; or the authority's files cannot be used.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    authority = Authority.load(ca)
    signer = StatementSigner.load(ca)
    if signer is None or signer.until - now < RENEW_BEFORE:
        try:
            signer = StatementSigner.create(authority, now)
            signer.save(ca)
        except KeyOfflineError:
            if signer is None:
                raise
    return signer, signer.chain(authority)
