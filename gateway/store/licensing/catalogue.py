"""Products and contracts, as the authority in use has them."""

from collections.abc import Iterable
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import NotFound
from gateway.store.licensing.refusals import ProductUnknown
from gateway.store.licensing.rows import document
from gateway.store.licensing.schema import licence_authorities, licence_contracts, licence_products, licences
from gateway.store.licensing.values import LicenceContract, LicenceProduct, LicenceState, workloads_json

PRODUCT: Final = [licence_products.c[field.name] for field in attrs.fields(LicenceProduct)]
CONTRACT: Final = [licence_contracts.c[field.name] for field in attrs.fields(LicenceContract)]


@attrs.frozen(kw_only=True)
class LicenceContractUse:
    """A contract, and what its active licences add up to."""

    contract: LicenceContract
    used_points: int
    licences: int


@attrs.frozen
class LicenceCatalogue:
    """The verbs: `store.licence_catalogue`."""

    _db: Database

    def set_product(self, product: LicenceProduct, *, by: str, now_ms: int) -> None:
        """Add a product, or change it; licences that were made of it stay as they are."""
        with self._db.write() as connection:
            self._set(connection, licence_products, product_row(product, now_ms), by=by, now_ms=now_ms)

    def set_contract(self, contract: LicenceContract, *, by: str, now_ms: int) -> None:
        """Add a contract, or change it; licences that are under it stay as they are."""
        with self._db.write() as connection:
            self._set(connection, licence_contracts, contract_row(contract, now_ms), by=by, now_ms=now_ms)

    def replace(
        self,
        authority: str,
        products: Iterable[LicenceProduct],
        contracts: Iterable[LicenceContract],
        *,
        by: str,
        now_ms: int,
    ) -> None:
        """Let everything that an authority offers be this and nothing else."""
        offered = {
            licence_products: [product_row(each, now_ms) for each in products],
            licence_contracts: [contract_row(each, now_ms) for each in contracts],
        }
        with self._db.write() as connection:
            for table, rows in offered.items():
                for row in rows:
                    self._set(connection, table, row, by=by, now_ms=now_ms)
                gone = sa.and_(
                    table.c.authority == authority, table.c.uid.not_in([row["uid"] for row in rows])
                )
                for uid in connection.scalars(sa.delete(table).where(gone).returning(table.c.uid)):
                    entry = AuditEntry(at_ms=now_ms, who=by, action=f"{WORDS[table.name]} removed", about=uid)
                    note(connection, entry)

    def heard(self, authority: str, *, now_ms: int) -> None:
        """That authority answers, or needs no network to; what was known of others is past."""
        row = {"name": authority, "attempts": 0, "answered_ms": now_ms, "code": 0, "message": None}
        insert = self._db.insert(licence_authorities).values(row)
        with self._db.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_=row))
            connection.execute(sa.delete(licence_authorities).where(licence_authorities.c.name != authority))

    def unheard(self, authority: str, *, code: int, message: str) -> int:
        """It did not say what it offers; how often in a row that is."""
        row = {"name": authority, "attempts": 1, "code": code, "message": message}
        more = {"attempts": licence_authorities.c.attempts + 1, "code": code, "message": message}
        insert = self._db.insert(licence_authorities).values(row)
        with self._db.write() as connection:
            done = insert.on_conflict_do_update(index_elements=["name"], set_=more)
            return int(connection.scalar(done.returning(licence_authorities.c.attempts)) or 0)

    def products(self) -> list[LicenceProduct]:
        """All of them, by name."""
        with self._db.read() as connection:
            query = sa.select(*PRODUCT).order_by(licence_products.c.name, licence_products.c.uid)
            return [LicenceProduct(**row) for row in connection.execute(query).mappings()]

    def product(self, uid: str) -> LicenceProduct:
        """The product of that uid.

        Raises:
            ProductUnknown: there is none.
        """
        query = sa.select(*PRODUCT).where(licence_products.c.uid == uid)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise ProductUnknown(f"no product has the id {uid!r}: fieldgate product list")
        return LicenceProduct(**row)

    def contracts(self) -> list[LicenceContractUse]:
        """All of them, by name, each with what its active licences add up to."""
        used = (
            sa.select(
                licences.c.contract_uid,
                sa.func.sum(licences.c.points).label("points"),
                sa.func.count().label("licences"),
            )
            .where(licences.c.state == LicenceState.ACTIVE)
            .group_by(licences.c.contract_uid)
            .subquery()
        )
        query = (
            sa.select(*CONTRACT, sa.func.coalesce(used.c.points, 0), sa.func.coalesce(used.c.licences, 0))
            .outerjoin(used, used.c.contract_uid == licence_contracts.c.uid)
            .order_by(licence_contracts.c.name, licence_contracts.c.uid)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        names = [column.name for column in CONTRACT]
        return [
            LicenceContractUse(
                contract=LicenceContract(**dict(zip(names, row, strict=False))),
                used_points=int(row[-2]),
                licences=row[-1],
            )
            for row in rows
        ]

    def contract(self, uid: str) -> LicenceContract:
        """The contract of that uid.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as connection:
            return require_contract(connection, uid)

    def _set(
        self, connection: Connection, table: sa.Table, row: dict[str, Any], *, by: str, now_ms: int
    ) -> None:
        """Insert or update a row, and note what changed; nothing is done if nothing did."""
        found = connection.execute(sa.select(table).where(table.c.uid == row["uid"])).mappings().first()
        before = None if found is None else dict(found)
        if before is not None and before | {"changed_ms": row["changed_ms"]} == row:
            return
        values = {name: value for name, value in row.items() if name != "uid"}
        insert = self._db.insert(table).values(row)
        connection.execute(insert.on_conflict_do_update(index_elements=["uid"], set_=values))
        what = WORDS[table.name]
        entry = AuditEntry(
            at_ms=now_ms, who=by, action=f"{what} added" if before is None else f"{what} changed",
            about=f"{row['name']} ({row['uid']})",
            before=None if before is None else document(before), after=document(row),
        )  # fmt: skip
        note(connection, entry)


WORDS: Final = {licence_products.name: "licence product", licence_contracts.name: "licence contract"}


def product_row(product: LicenceProduct, now_ms: int) -> dict[str, Any]:
    """The row of a product."""
    return attrs.asdict(product, recurse=False) | {
        "workloads": workloads_json(product.workloads),
        "changed_ms": now_ms,
    }


def contract_row(contract: LicenceContract, now_ms: int) -> dict[str, Any]:
    """The row of a contract."""
    return attrs.asdict(contract) | {"kind": contract.kind.value, "changed_ms": now_ms}


def require_contract(connection: Connection, uid: str) -> LicenceContract:
    """The contract of that uid.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(*CONTRACT).where(licence_contracts.c.uid == uid)).mappings().first()
    if row is None:
        raise NotFound(f"no contract has the id {uid!r}: fieldgate contract list")
    return LicenceContract(**row)
