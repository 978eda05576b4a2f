"""`/licensing/reports`: months' statements of usage, and any interval; as signed JSON, CSV and PDF.

Whoever is not the provider's gets an excerpt: what a statement says of the own companies, with a signature of its own.
"""

import json
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from gateway.access import Permission, Principal, Reach
from gateway.billing import (
    FINAL_DAY,
    Books,
    Document,
    Period,
    excerpt,
    read_signed,
    to_csv,
    to_pdf,
)
from gateway.bookkeeping import books_of
from gateway.datafolder import DataFolder
from gateway.management.rest.errors import Refused
from gateway.management.rest.listing import DEFAULT_ROWS, REFUSALS, Limit, Offset, Uid
from gateway.management.rest.models import Meta, Paging
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.usage import says
from gateway.management.services import Provided, Services
from gateway.store import NotFound, Statement, StatementState, time_text
from protocol import Code

__all__ = ["REPORTS"]

TAG: Final = "Reports"
STATES: Final = {StatementState.REVIEW: "Review", StatementState.FINAL: "Finalized"}

Month = Annotated[str, PathParameter(description="A month, as in 2026-10.", pattern=r"^[0-9]{4}-[0-9]{2}$")]


def day(says_: str) -> QueryParameter:
    """A day of the provider's calendar."""
    return QueryParameter(description=says_)


class Report(msgspec.Struct, rename="camel"):
    """A month's statement of usage."""

    report_uid: Annotated[str, says("The statement.", "b9d1a6de-2f9d-4e0f-9b5e-4c0c6f0f5a10")]
    date: Annotated[str, says("The month.", "2026-10")]
    number: Annotated[int, says("0, or which correction of it this is.", 0)]
    status: Annotated[str, says("Review or Finalized.", "Finalized")]
    interval_start: Annotated[
        str, says("When it begins.", "2026-09-30T22:00:00.000Z", extra_json_schema={"format": "date-time"})
    ]
    interval_end: Annotated[
        str,
        says(
            "The first moment after it.",
            "2026-10-31T23:00:00.000Z",
            extra_json_schema={"format": "date-time"},
        ),
    ]
    time_zone: Annotated[str, says("Where months begin at midnight.", "Europe/Stockholm")]
    creation_date: Annotated[
        str, says("When it was made.", "2026-11-01T06:00:00.000Z", extra_json_schema={"format": "date-time"})
    ]
    finalization_date: Annotated[
        str | None,
        says(
            "Since when it is final.", "2026-11-03T06:00:00.000Z", extra_json_schema={"format": "date-time"}
        ),
    ]
    created_by: Annotated[str, says("Who made it.", "ann")]

    @classmethod
    def of(cls, statement: Statement) -> "Report":
        """As REST shows it."""
        final_ms = statement.final_ms
        return cls(
            statement.uid, statement.month, statement.number, STATES[statement.state], time_text(statement.from_ms),
            time_text(statement.to_ms), statement.time_zone, time_text(statement.made_ms),
            None if final_ms is None else time_text(final_ms), statement.made_by,
        )  # fmt: skip


class ReportPage(msgspec.Struct):
    """A page of them."""

    meta: Meta
    data: list[Report]


class ReportEnvelope(msgspec.Struct):
    """One of them."""

    data: Report


class Finalization(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Which month is to become final."""

    date: Annotated[
        str,
        msgspec.Meta(
            description="A month that is over, as in 2026-10.",
            examples=["2026-10"],
            pattern=r"^[0-9]{4}-[0-9]{2}$",
        ),
    ]


class ReportSettings(msgspec.Struct, rename="camel"):
    """How months are closed."""

    time_zone: Annotated[str, says("Where months begin at midnight: `time_zone`.", "Europe/Stockholm")]
    finalization_day: Annotated[int, says("Of the next month: a statement is final then.", FINAL_DAY)]
    protection_days: Annotated[int, says("How old a restore point may be that protects.", 31)]


class ReportSettingsEnvelope(msgspec.Struct):
    """Them."""

    data: ReportSettings


STATEMENT: Final = {
    200: ResponseSpec(
        dict[str, Any],
        description="The signed statement: docs/usage.md has its fields.",
        generate_examples=False,
    ),
    **REFUSALS,
}


def _books(services: Services) -> Books:
    config = services.config()
    return books_of(DataFolder(config.data), config, services.store, services.now_ms)


def _shown(services: Services, principal: Principal, document: Document | bytes) -> bytes:
    """The signed file that *principal* may see: all of a statement, or an excerpt.

    Args:
        document: a statement to be signed, or the file of one that was.
    """
    books = _books(services)
    if principal.reach is Reach.EVERYTHING:
        return document if isinstance(document, bytes) else books.vouch(document).data
    statement = read_signed(document).statement if isinstance(document, bytes) else document
    companies = services.store.usage_now.company_uids(scope_of(principal))
    return books.vouch(excerpt(statement, companies)).data


def _of(services: Services, statement: Statement) -> Document | bytes:
    """A statement in review as it is, a final one as it was signed."""
    _, file = services.store.statements.document(statement.uid)
    if statement.state is StatementState.FINAL:
        return file
    document: Document = json.loads(file)
    return document


def _newest(services: Services, month: str) -> Statement:
    known = services.store.statements.of_month(month)
    if not known:
        raise NotFound(f"the month {month} was not closed yet")
    return known[-1]


def _json(file: bytes) -> Response[bytes]:
    return Response(file, media_type="application/json")


@get(
    "/licensing/reports",
    operation_id="GetUsageReports",
    summary="Months' statements of usage, the newest first.",
    tags=[TAG],
    opt={"permission": Permission.BILLING_READ},
    responses=REFUSALS,
    sync_to_thread=True,
)
def reports(services: Provided, limit: Limit = DEFAULT_ROWS, offset: Offset = 0) -> ReportPage:
    """Corrections stand behind what they correct."""
    found, total = services.store.statements.page(limit=limit, offset=offset)
    return ReportPage(Meta(Paging(total, len(found), offset)), [Report.of(each) for each in found])


@get(
    "/licensing/reports/latest",
    operation_id="GetLatestUsageReport",
    summary="The newest month's statement.",
    tags=[TAG],
    opt={"permission": Permission.BILLING_READ},
    responses=STATEMENT,
    sync_to_thread=True,
)
def latest_report(request: Request[Principal, Any, Any], services: Provided) -> Response[bytes]:
    """With its corrections."""
    found, _ = services.store.statements.page(limit=1)
    if not found:
        raise NotFound("no month was closed yet")
    return _json(_shown(services, request.user, _of(services, _newest(services, found[0].month))))


@get(
    "/licensing/reports/settings",
    operation_id="GetUsageReportSettings",
    summary="How months are closed.",
    tags=[TAG],
    opt={"permission": Permission.BILLING_READ},
    responses=REFUSALS,
    sync_to_thread=True,
)
def report_settings(services: Provided) -> ReportSettingsEnvelope:
    """Set in fieldgate.toml."""
    return ReportSettingsEnvelope(ReportSettings(services.config().time_zone, FINAL_DAY, 31))


@get(
    "/licensing/reports/interval",
    operation_id="GetUsageOfInterval",
    summary="A signed statement of any interval.",
    description="From the beginning of one day to the beginning of another, where the provider is; by what is known now.",
    tags=[TAG],
    opt={"permission": Permission.BILLING_READ},
    responses=STATEMENT,
    sync_to_thread=True,
)
def interval(
    request: Request[Principal, Any, Any],
    services: Provided,
    first: Annotated[date, QueryParameter(name="from", description="The first day.")],
    until: Annotated[date, QueryParameter(description="The day behind the last one.")],
) -> Response[bytes]:
    """For billing cycles that are no months."""
    books = _books(services)
    period = Period.between(first, until, books.zone)
    return _json(_shown(services, request.user, books.statement(period)))


@get(
    "/licensing/reports/{report_month:str}",
    operation_id="GetUsageReport",
    summary="A month's statement, with its corrections.",
    tags=[TAG],
    opt={"permission": Permission.BILLING_READ},
    responses=STATEMENT,
    sync_to_thread=True,
)
def report_of_month(
    request: Request[Principal, Any, Any], services: Provided, report_month: Month
) -> Response[bytes]:
    """The newest of it."""
    return _json(_shown(services, request.user, _of(services, _newest(services, report_month))))


def _file(form: str, media_type: str, write: Any) -> HTTPRouteHandler:
    @get(
        f"/licensing/reports/{{report_uid:str}}/{form}",
        operation_id=f"GetUsageReport{form.capitalize()}",
        summary=f"A statement as {form.upper()}.",
        tags=[TAG],
        opt={"permission": Permission.BILLING_READ},
        responses={
            200: ResponseSpec(bytes, description="The file.", media_type=media_type, generate_examples=False),
            **REFUSALS,
        },
        sync_to_thread=True,
    )
    def report_file(
        request: Request[Principal, Any, Any], services: Provided, report_uid: Uid
    ) -> Response[bytes]:
        statement, _ = services.store.statements.document(report_uid)
        said = read_signed(_shown(services, request.user, _of(services, statement))).statement
        name = f"usage-{statement.month}-{statement.number}.{form}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(write(said), media_type=media_type, headers=headers)

    return report_file


@post(
    "/licensing/reports/finalization",
    operation_id="FinalizeUsageReport",
    summary="End a month's review.",
    description="The statement is made of what is known now, signed, and never changes; what comes in later goes into a correction.",
    tags=[TAG],
    opt={"permission": Permission.BILLING_WRITE},
    status_code=200,
    responses=REFUSALS,
    sync_to_thread=True,
)
def finalize(
    request: Request[Principal, Any, Any], services: Provided, data: JSONBody[Finalization]
) -> ReportEnvelope:
    """A month that is final already stays as it is, unless reports came in since."""
    books = _books(services)
    period = Period.of_month(data.date, books.zone)
    now_ms = services.now_ms()
    if period.to_ms > now_ms:
        raise Refused(400, Code.PERIOD_INVALID, f"{data.date} is not over")
    books.close_month(period, by=request.user.who, as_of_ms=now_ms, at_once=True)
    return ReportEnvelope(Report.of(_newest(services, data.date)))


REPORTS: Final[tuple[HTTPRouteHandler, ...]] = (
    reports,
    latest_report,
    report_settings,
    interval,
    report_of_month,
    _file("csv", "text/csv; charset=utf-8", to_csv),
    _file("pdf", "application/pdf", lambda statement: to_pdf(statement, statement["standing"])),
    finalize,
)
