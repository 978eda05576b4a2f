"""Onboarding: what may be said of companies, in which order things are done for them, and what is missing.

Rules and services only: no HTTP, no command line, no clock of its own. Every time is an argument, milliseconds since the epoch.
"""

from gateway.onboarding.enrolling import (
    DAY_MS,
    MOST_DAYS,
    MOST_USES,
    ConsentGiven,
    IssuedToken,
    TokenWish,
    Withdrawal,
    issue_token,
    withdraw_consent,
)
from gateway.onboarding.fields import FIELDS, Field, FieldRefused, checked, problems_of
from gateway.onboarding.readiness import MissingStep, missing_before_licence

__all__ = [
    "DAY_MS",
    "FIELDS",
    "MOST_DAYS",
    "MOST_USES",
    "ConsentGiven",
    "Field",
    "FieldRefused",
    "IssuedToken",
    "MissingStep",
    "TokenWish",
    "Withdrawal",
    "checked",
    "issue_token",
    "missing_before_licence",
    "problems_of",
    "withdraw_consent",
]
