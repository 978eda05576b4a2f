"""What a licensing authority does, whoever it is: it knows contracts and products, and makes, changes and ends licences.

Every deed comes with a *key*. However often an authority is asked under one key, it does the deed once and gives the same answer.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import attrs

from gateway.licensing.refusals import TermsInvalid
from gateway.store import LicenceContract, LicenceKind, LicenceProduct, LicenceTerms

__all__ = ["Catalogue", "LicenceAuthority", "LicenceChange", "LicenceOrder"]

MOST_WORKLOADS = 32
MOST_OF_ONE = 1_000_000_000


def _counts(counts: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(counts)


def check_counts(counts: Sequence[tuple[str, int]]) -> None:
    """Refuse what no licence can say.

    Raises:
        TermsInvalid: no workload, too many, one twice, or too many of one.
    """
    if not 1 <= len(counts) <= MOST_WORKLOADS:
        raise TermsInvalid(f"a licence has 1 to {MOST_WORKLOADS} kinds of workloads")
    if len({uid for uid, _ in counts}) != len(counts):
        raise TermsInvalid("a workload is named twice")
    for uid, count in counts:
        if not 0 <= count <= MOST_OF_ONE:
            raise TermsInvalid(f"{uid}: 0 to {MOST_OF_ONE} can be licensed, not {count}")


@attrs.frozen(kw_only=True)
class LicenceOrder:
    """A licence that is to be made.

    Raises:
        TermsInvalid: of its workloads.
    """

    product_uid: str
    kind: LicenceKind
    contract_uid: str | None = None
    counts: tuple[tuple[str, int], ...] = attrs.field(converter=_counts)
    """Of each workload of the product how many: (the workload's uid, count)."""
    expires_ms: int | None = None
    """None: it has no end."""
    support_ms: int | None = None
    organization_uid: str | None = None
    """None: it is nobody's yet."""
    replaces: str | None = None
    """The licence in whose place it is."""
    shared: bool = False
    """It may be on several servers."""

    def __attrs_post_init__(self) -> None:
        check_counts(self.counts)


@attrs.frozen(kw_only=True)
class LicenceChange:
    """What is to be otherwise in a licence; None leaves a field as it is.

    Raises:
        TermsInvalid: of its workloads.
    """

    counts: tuple[tuple[str, int], ...] | None = attrs.field(
        default=None, converter=attrs.converters.optional(_counts)
    )
    expires_ms: int | None = None
    support_ms: int | None = None
    organization_uid: str | None = None
    """Whose it becomes; it can't be somebody else's already."""

    def __attrs_post_init__(self) -> None:
        if self.counts is not None:
            check_counts(self.counts)


@attrs.frozen(kw_only=True)
class Catalogue:
    """What an authority offers."""

    products: Sequence[LicenceProduct]
    contracts: Sequence[LicenceContract]


class LicenceAuthority(Protocol):
    """Whoever makes licences. All of it may wait for a network.

    Raises:
        AuthorityRefused: it said no, or can't be trusted.
        AuthorityUnreachable: it did not answer.
        StoreError: what is asked for does not fit.
    """

    @property
    def name(self) -> str:
        """A word for rows and logs: embedded, remote."""

    def catalogue(self) -> Catalogue:
        """Everything it offers."""

    def generate(self, order: LicenceOrder, *, key: str, now_ms: int) -> LicenceTerms:
        """Make a licence."""

    def change(self, licence_uid: str, change: LicenceChange, *, key: str, now_ms: int) -> LicenceTerms:
        """Make the next revision of a licence."""

    def revoke(self, licence_uid: str, why: str, *, key: str, now_ms: int) -> LicenceTerms:
        """End a licence; its last terms."""

    def submit(self, document: dict[str, Any], *, key: str, now_ms: int) -> str:
        """Take the usage of a month (docs/pulse-api.md); what the authority calls it."""
