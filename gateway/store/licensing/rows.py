"""Licences as rows, and back."""

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.errors import NotFound
from gateway.store.licensing.refusals import LicenceRevoked
from gateway.store.licensing.schema import licences
from gateway.store.licensing.values import LicenceState, LicenceTerms, StoredLicence, counts_json

TERMS: Final = tuple(field.name for field in attrs.fields(LicenceTerms))
OTHERS: Final = tuple(field.name for field in attrs.fields(StoredLicence) if field.name != "terms")


def document(row: Mapping[str, Any]) -> str:
    """A row as the audit shows it."""
    return json.dumps({name: value for name, value in row.items() if name != "changed_ms"}, sort_keys=True)


def row_of(terms: LicenceTerms) -> dict[str, Any]:
    """What the terms come to in a row."""
    return attrs.asdict(terms, recurse=False) | {
        "kind": terms.kind.value,
        "workloads": counts_json(terms.workloads),
        "points": terms.points,
    }


def licence_of(row: Mapping[Any, Any]) -> StoredLicence:
    """A row of `licences`."""
    return StoredLicence(
        terms=LicenceTerms(**{name: row[name] for name in TERMS}), **{name: row[name] for name in OTHERS}
    )


def require_licence(connection: Connection, uid: str, *, lock: bool = False) -> StoredLicence:
    """The licence of that uid.

    Args:
        lock: nobody else changes it until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    query = sa.select(licences).where(licences.c.uid == uid)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise NotFound(f"no licence has the id {uid!r}: fieldgate licence list")
    return licence_of(row)


def require_active(connection: Connection, uid: str) -> StoredLicence:
    """The same, of one that counts; nobody else changes it until the transaction ends.

    Raises:
        LicenceRevoked: it does not count any more.
        NotFound: there is none.
    """
    licence = require_licence(connection, uid, lock=True)
    if licence.state is LicenceState.REVOKED:
        raise LicenceRevoked(f"licence {uid} was revoked: generate another one")
    return licence
