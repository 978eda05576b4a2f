"""Onboarding: what may be said of companies, in which order things are done for them, and what is missing.

Rules and services only: no HTTP, no command line, no clock of its own. Every time is an argument, milliseconds since the epoch.
"""

from gateway.onboarding.fields import FIELDS, Field, FieldRefused, checked, problems_of
from gateway.onboarding.readiness import MissingStep, missing_before_licence

__all__ = [
    "FIELDS",
    "Field",
    "FieldRefused",
    "MissingStep",
    "checked",
    "missing_before_licence",
    "problems_of",
]
