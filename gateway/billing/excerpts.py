"""The part of a statement that is some companies': what they may see, and may be given with a signature of its own."""

from collections.abc import Collection

from gateway.billing.statement import Document


def excerpt(statement: Document, companies: Collection[str]) -> Document:
    """What a statement says of those companies, by their uids. Its basis stays that of the whole, so the two can be held together."""
    appendix = {
        part: [row for row in rows if row.get("organizationUid") in companies]
        for part, rows in statement["appendix"].items()
    }
    return statement | {
        "companies": [company for company in statement["companies"] if company["uid"] in companies],
        "servers": [server for server in statement["servers"] if server["organizationUid"] in companies],
        "appendix": appendix,
        "excerpt": sorted(companies),
    }
