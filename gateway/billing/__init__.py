"""What companies are billed for: statements of usage, made, closed, signed and verified."""

from gateway.billing.calendar import Period, PeriodError, month_begin_ms
from gateway.billing.closing import Books
from gateway.billing.signed import Signed, StatementRefused
from gateway.billing.signed import read as read_signed

__all__ = [
    "Books",
    "Period",
    "PeriodError",
    "Signed",
    "StatementRefused",
    "month_begin_ms",
    "read_signed",
]
