"""Statements of usage: close months, write a statement as JSON, CSV or PDF, and verify one that somebody was given."""

import json
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import attrs
from cyclopts import Parameter

from certs import Authority, CertificateError, chain_from_pem, spki_sha256, write_private
from gateway.billing import (
    RECEIPT_FORMAT,
    Books,
    Document,
    Period,
    PeriodError,
    Signed,
    StatementRefused,
    midnight_ms,
    read_signed,
    to_csv,
    to_pdf,
)
from gateway.bookkeeping import books_of
from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import CHECK_FAILED, FAILED, UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import ago, rows, say, when
from gateway.datafolder import DataFolder
from gateway.store import NotFound, Statement, StatementState

__all__ = ["usage_close", "usage_report", "usage_statements", "usage_verify"]

MOST: Final = 1000
"""Months, which are more than anybody has been a provider for."""

Format = Literal["json", "csv", "pdf"]

WRITTEN: Final[dict[str, Callable[[Document], bytes]]] = {
    "csv": to_csv,
    "pdf": lambda statement: to_pdf(statement, statement["standing"]),
}


def usage_close(
    *,
    as_of: str | None = None,
    month: str | None = None,
    now: Annotated[bool, Parameter(negative="")] = False,
    by: str | None = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Close the months that are over: make their statements, make those final whose third day has come, correct what came late.

    Parameters
    ----------
    as_of
        As if it were this day (2026-11-02) and no later; default: today.
    month
        This month (2026-10) alone; also looks whether something came in since it became final.
    now
        Make that month final though its review is not over.
    by
        Who closes, for the audit; default: you.
    """
    if now and month is None:
        raise CommandError("--now is about one month: name it with --month", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        books = _books(provider)
        as_of_ms = _as_of(as_of, books)
        who = operator(by)
        if month is None:
            made = [*books.close(by=who, as_of_ms=as_of_ms)]
        else:
            period = _month(month, books)
            if period.to_ms > as_of_ms:
                raise CommandError(f"{month} is not over")
            try:
                one = books.close_month(period, by=who, as_of_ms=as_of_ms, at_once=now)
            except PeriodError as error:
                raise CommandError(str(error), code=error.code) from None
            made = [] if one is None else [one]
    _table(made, json_, empty="nothing was due")


def usage_statements(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the months' statements, the newest first."""
    with open_provider(data) as provider:
        found, _ = provider.store.statements.page(limit=MOST)
    _table(found, json_, empty="no month was closed yet: fieldgate usage close")


def usage_report(
    *,
    month: str | None = None,
    first: Annotated[str | None, Parameter(name="--from")] = None,
    until: str | None = None,
    number: int | None = None,
    format_: Annotated[Format, Parameter(name="--format")] = "json",
    output: Path | None = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write a statement of usage: of a month as it was closed, or of any interval by what is known now. JSON is signed.

    Parameters
    ----------
    month
        As in 2026-10; default: the last one.
    first
        The first day of an interval (2026-10-15) instead.
    until
        The day behind its last one.
    number
        Of a month's statements the original (0) or this correction; default: the newest.
    format_
        json, csv or pdf.
    output
        A file, which is written anew; default: standard output.
    """
    is_interval = first is not None or until is not None
    if is_interval and (month is not None or number is not None):
        raise CommandError(
            "--month and --number are about months that were closed, --from and --until about an interval",
            exit_code=UNUSABLE,
        )
    if format_ == "pdf" and output is None and sys.stdout.isatty():
        raise CommandError("a PDF is nothing for a terminal: name a file with --output", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        books = _books(provider)
        if is_interval:
            if first is None or until is None:
                raise CommandError("an interval has both --from and --until", exit_code=UNUSABLE)
            period = _begun(_interval(first, until, books), first)
            file = books.signed(period).data
        else:
            last = Period.containing(now_ms(), books.zone).before()
            period = last if month is None else _begun(_month(month, books), month)
            file = _of_month(provider, books, period, number)
    if format_ != "json":
        file = WRITTEN[format_](read_signed(file).statement)
    if output is None:
        sys.stdout.buffer.write(file)
        return
    try:
        write_private(output, file)
    except OSError as error:
        raise CommandError(f"can't write {output}: {error.strerror}", exit_code=FAILED) from None
    say(f"{output}: {len(file)} bytes")


def usage_verify(
    file: Path, /, *, root: Path | None = None, data: Data = DEFAULT_DATA, json_: Json = False
) -> int:
    """Say whether a statement's JSON file, or the receipt of a company that left, is what the provider signed. Needs no store: a customer can run it, too.

    Parameters
    ----------
    file
        What `usage report` or `company leave` wrote, or somebody was sent.
    root
        The provider's root certificate (PEM); default: the one in the data folder.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CommandError(f"can't read {file}: {error.strerror}") from None
    try:
        signed = read_signed(content)
        signed.verify(_pins(root, data))
    except StatementRefused as refused:
        if json_:
            rows([{"valid": False, "why": str(refused)}], {}, as_json=True, empty="")
        else:
            say(f"{file}: NOT valid: {refused} ({refused.code})")
        return CHECK_FAILED
    summary = _receipt(signed) if signed.format == RECEIPT_FORMAT else _summary(signed)
    if json_:
        rows([summary], {}, as_json=True, empty="")
    else:
        say(f"{file}: valid", *(f"  {key:10} {value}" for key, value in summary.items() if key != "valid"))
    return 0


def _summary(signed: Signed) -> dict[str, object]:
    said = signed.statement
    return {
        "valid": True, "provider": said["provider"]["name"], "from": said["period"]["from"], "until": said["period"]["to"],
        "standing": said["standing"], "signed": signed.signed_at.isoformat(), "companies": len(said["companies"]),
    }  # fmt: skip


def _receipt(signed: Signed) -> dict[str, object]:
    said = signed.statement
    return {
        "valid": True, "receipt": f"{said['company']['name']} has left", "begun": said["begun"], "ended": said["ended"],
        "signed": signed.signed_at.isoformat(), "rows": sum(said["erasedRowsNow"].values()),
    }  # fmt: skip


def _books(provider: Provider) -> Books:
    return books_of(provider.folder, provider.config, provider.store, now_ms)


def _pins(root: Path | None, data: Path) -> frozenset[bytes]:
    """Of the roots that may have certified who signed: also of one that was replaced since."""
    if root is None:
        folder = DataFolder(data)
        folder.check()
        return frozenset(root.holding.pin for root in Authority.load(folder.ca).state.roots)
    try:
        return frozenset(spki_sha256(certificate) for certificate in chain_from_pem(root.read_bytes()))
    except OSError as error:
        raise CommandError(f"can't read {root}: {error.strerror}") from None
    except CertificateError as error:
        raise CommandError(f"{root} holds no certificate: {error}", exit_code=UNUSABLE) from None


def _of_month(provider: Provider, books: Books, period: Period, number: int | None) -> bytes:
    """The file of a month that was closed; of one that was not, what is known now."""
    known = provider.store.statements.of_month(period.month or "")
    if number is not None:
        known = [each for each in known if each.number == number]
        if not known:
            raise NotFound(f"{period.month} has no statement {number}")
    if not known:
        return books.signed(period).data
    statement, document = provider.store.statements.document(known[-1].uid)
    if statement.state is StatementState.REVIEW:
        return books.vouch(json.loads(document)).data
    return document


def _as_of(text: str | None, books: Books) -> int:
    if text is None:
        return now_ms()
    as_of_ms = midnight_ms(_day(text), books.zone)
    if as_of_ms > now_ms():
        raise CommandError(
            f"{text} lies in the future: what is not over cannot be closed", exit_code=UNUSABLE
        )
    return as_of_ms


def _month(text: str, books: Books) -> Period:
    try:
        return Period.of_month(text, books.zone)
    except PeriodError as error:
        raise CommandError(str(error), exit_code=UNUSABLE, code=error.code) from None


def _interval(first: str, until: str, books: Books) -> Period:
    try:
        return Period.between(_day(first), _day(until), books.zone)
    except PeriodError as error:
        raise CommandError(str(error), exit_code=UNUSABLE, code=error.code) from None


def _begun(period: Period, text: str) -> Period:
    if period.from_ms > now_ms():
        raise CommandError(f"{text} has not begun: nothing was used then", exit_code=UNUSABLE)
    return period


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  # a day of the provider's calendar
    except ValueError:
        raise CommandError(f"{text!r} is no day of the form 2026-10-15", exit_code=UNUSABLE) from None


def _table(found: list[Statement], as_json: bool, *, empty: str) -> None:  # what Json is everywhere
    rows(
        [attrs.asdict(each) | {"state": each.state.value} for each in found],
        {
            "month": "MONTH", "number": "NUMBER", "state": "STATE", "made_ms": "MADE", "final_ms": "FINAL", "made_by": "BY",
            "uid": "STATEMENT",
        },
        as_json=as_json, empty=empty, show={"made_ms": ago(now_ms()), "final_ms": when},
    )  # fmt: skip
