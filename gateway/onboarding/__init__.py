"""Onboarding: what may be said of companies, in which order things are done for them, and what is missing.

Rules and services only: no HTTP, no command line, no clock of its own. Every time is an argument, milliseconds since the epoch.
"""

from gateway.onboarding.applying import PlanRefused, carry_out
from gateway.onboarding.enrolling import (
    DAY_MS,
    MOST_DAYS,
    MOST_USES,
    IssuedToken,
    TokenWish,
    Withdrawal,
    issue_token,
    withdraw_consent,
)
from gateway.onboarding.fields import FIELDS, Field, FieldRefused, checked, checked_text, problems_of
from gateway.onboarding.files import MOST_BYTES, FileUnreadable, read_bounded, read_plan
from gateway.onboarding.leaving import Receipt, leave
from gateway.onboarding.linting import TOKEN_ENDS_WITHIN_MS, Finding, lint
from gateway.onboarding.planning import Plan, PlannedCompany, Step, Verdict, make_plan
from gateway.onboarding.readiness import MissingStep, missing_before_licence
from gateway.onboarding.remapping import PlannedMove, plan_move
from gateway.onboarding.spreadsheet import COLUMNS, MOST_LINES, read_spreadsheet
from gateway.onboarding.wanted import Refusal, Wanted, WantedFile, WantedLocation, WantedTenant, WantedToken

__all__ = [
    "COLUMNS",
    "DAY_MS",
    "FIELDS",
    "MOST_BYTES",
    "MOST_DAYS",
    "MOST_LINES",
    "MOST_USES",
    "TOKEN_ENDS_WITHIN_MS",
    "Field",
    "FieldRefused",
    "FileUnreadable",
    "Finding",
    "IssuedToken",
    "MissingStep",
    "Plan",
    "PlanRefused",
    "PlannedCompany",
    "PlannedMove",
    "Receipt",
    "Refusal",
    "Step",
    "TokenWish",
    "Verdict",
    "Wanted",
    "WantedFile",
    "WantedLocation",
    "WantedTenant",
    "WantedToken",
    "Withdrawal",
    "carry_out",
    "checked",
    "checked_text",
    "issue_token",
    "leave",
    "lint",
    "make_plan",
    "missing_before_licence",
    "plan_move",
    "problems_of",
    "read_bounded",
    "read_plan",
    "read_spreadsheet",
    "withdraw_consent",
]
