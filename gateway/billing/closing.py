"""Closing months: made for review on the first day of the next one, final on its third, corrected when something came in later.

    collecting ──1st──▶ review ──3rd, or by hand──▶ final ──▶ correction 1, 2, …

All days begin where the provider is. Nothing has to happen on time: whoever closes later finds what is due, and the statement is the same.
A correction is made when the month has another basis than its newest statement, which is to say other reports, or a repair of whose a cloud
tenant was that reaches back into it; that a company was renamed since, or given another tenant, changes no statement that is final.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import attrs

from certs import StatementSigner
from gateway.billing.basis import Basis
from gateway.billing.calendar import Period, PeriodError
from gateway.billing.signed import FORMAT, Signed, read, sign
from gateway.billing.statement import Document, Ledger, canonical
from gateway.store import NewStatement, Statement, StatementState, Store

Signing = Callable[[], tuple[StatementSigner, tuple[bytes, ...]]]
"""The signer and its chain, when something is to be signed."""


class Standing(StrEnum):
    """What a statement is worth; it says so itself."""

    FINAL = "final"
    REVIEW = "in review"
    INTERIM = "interim"
    """Of any interval, by what was known when it was made."""


@attrs.frozen(kw_only=True)
class Books:
    """The provider's statements.

    Attributes:
        zone: where the provider is.
        signing: who signs.
        now: milliseconds since the epoch.
    """

    store: Store
    zone: ZoneInfo
    signing: Signing
    now: Callable[[], int]

    def statement(self, period: Period, standing: Standing = Standing.INTERIM) -> Document:
        """What was used in a period, by what is known now.

        Raises:
            PayloadError: a report is damaged: `fieldgate usage audit` says which.
            StoreError: the store can't be read.
        """
        provider = self.store.organizations.provider()
        with self.store.usage_history.reading() as history:
            said = Ledger(history, period, provider).document()
        return said | {"standing": standing.value}

    def signed(self, period: Period) -> Signed:
        """The same with a signature: of any interval, whether or not it is over.

        Raises:
            AuthorityError: nobody can sign.
            PayloadError, StoreError: as `statement`.
        """
        return self.vouch(self.statement(period))

    def vouch(self, document: Document, *, form: str = FORMAT) -> Signed:
        """Put a signature to a statement, or to a receipt.

        Args:
            form: signed.FORMAT or signed.RECEIPT_FORMAT.

        Raises:
            AuthorityError: nobody can sign.
        """
        signer, chain = self.signing()
        return sign(document, signer, chain, datetime.fromtimestamp(self.now() / 1000, UTC), form=form)

    def close(self, *, by: str, as_of_ms: int) -> Iterator[Statement]:
        """Do for every month that is over what is due; yields the statements that were made.

        Args:
            as_of_ms: which day it is; in the past, no more is done than was due then.

        Raises:
            AuthorityError: nobody can sign.
            PayloadError, StoreError: as `statement`.
        """
        with self.store.usage_history.reading() as history:
            first_ms = history.first_report_ms()
        if first_ms is None:
            return
        period = Period.containing(first_ms, self.zone)
        this_month = Period.containing(as_of_ms, self.zone)
        while period.from_ms < this_month.from_ms:
            is_last = period.to_ms == this_month.from_ms
            made = self.close_month(period, by=by, as_of_ms=as_of_ms, is_last=is_last)
            if made is not None:
                yield made
            period = period.after()

    def close_month(
        self, period: Period, *, by: str, as_of_ms: int, is_last: bool = True, at_once: bool = False
    ) -> Statement | None:
        """Do what is due for one month that is over; None if nothing was.

        Args:
            is_last: look whether something came in since it became final. Of older months nobody looks unless asked to.
            at_once: make it final now, though its review is not over.

        Raises:
            PeriodError: nothing was reported or entered until its end, as in a year that was mistyped: a final statement stays for good.
            AuthorityError, PayloadError, StoreError: as `close`.
        """
        with self.store.usage_history.reading() as history:
            first_ms = history.first_report_ms()
        if first_ms is None or first_ms >= period.to_ms:
            raise PeriodError(
                f"no usage was reported or entered until the end of {period.month}: there is nothing to close"
            )
        known = self.store.statements.of_month(period.month or "")
        newest = known[-1] if known else None
        is_final = newest is not None and newest.state is StatementState.FINAL
        if is_final and not is_last:
            return None
        is_due = at_once or as_of_ms >= period.final_ms
        is_new = newest is None or newest.basis != self._basis(period)
        if not is_new and (is_final or not is_due):
            return None
        document = self.statement(period, Standing.FINAL if is_due or is_final else Standing.REVIEW)
        if newest is not None and is_final:
            return self._correct(period, newest, document, by)
        if is_due:
            new = _new(period, document, self.vouch(document).data)
            return self.store.statements.finish(new, by=by, now_ms=self.now())
        new = _new(period, document, canonical(document))
        return self.store.statements.review(new, by=by, now_ms=self.now())

    def _basis(self, period: Period) -> str:
        with self.store.usage_history.reading() as history:
            return Basis.of(history, period).sha256

    def _correct(self, period: Period, newest: Statement, document: Document, by: str) -> Statement:
        _, former = self.store.statements.document(newest.uid)
        corrects = {"number": newest.number, "basis": read(former).statement["basis"]}
        corrected = document | {"corrects": corrects, "number": newest.number + 1}
        new = _new(period, corrected, self.vouch(corrected).data)
        return self.store.statements.correct(new, by=by, now_ms=self.now())


def _new(period: Period, document: Document, data: bytes) -> NewStatement:
    assert period.month is not None  # noqa: S101  # only months are closed
    return NewStatement(
        month=period.month, from_ms=period.from_ms, to_ms=period.to_ms, time_zone=period.zone.key,
        basis=document["basis"]["sha256"], document=data,
    )  # fmt: skip
