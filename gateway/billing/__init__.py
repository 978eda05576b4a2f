"""What companies are billed for: statements of usage, made, closed, signed and verified."""

from gateway.billing.calendar import FINAL_DAY, Period, PeriodError, midnight_ms, month_begin_ms
from gateway.billing.closing import Books, Standing
from gateway.billing.excerpts import excerpt
from gateway.billing.paper import to_pdf
from gateway.billing.signed import RECEIPT_FORMAT, Signed, StatementRefused
from gateway.billing.signed import read as read_signed
from gateway.billing.statement import Document
from gateway.billing.tables import to_csv

__all__ = [
    "FINAL_DAY",
    "RECEIPT_FORMAT",
    "Books",
    "Document",
    "Period",
    "PeriodError",
    "Signed",
    "Standing",
    "StatementRefused",
    "excerpt",
    "midnight_ms",
    "month_begin_ms",
    "read_signed",
    "to_csv",
    "to_pdf",
]
