"""Products and contracts of the embedded licensing authority; of a remote one, what it offers."""

import datetime
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json, require_name
from gateway.cli.output import rows, say, when
from gateway.store import LicenceContract, LicenceKind, LicenceProduct, LicenceWorkload

__all__ = ["By", "contract_app", "moment", "product_app"]

product_app = App(name="product")
contract_app = App(name="contract")

By = Annotated[
    str | None, Parameter(help="Who decided it, for the audit; default: the user who runs the command.")
]

EMBEDDED = "embedded"
MAX_MULTIPLIER = 10_000
MAX_UID = 64


@product_app.command(name="set")
def product_set(
    product: str,
    /,
    *,
    name: str,
    edition: str = "Standard",
    workload: Annotated[list[str], Parameter(negative="")],
    by: By = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Add a product, or change it. Licences that were made of it stay as they are.

    Example: fieldgate product set backup-suite --name "Backup Suite" --workload vm=11:"Virtual machine" --workload workstation=4:Workstation

    Parameters
    ----------
    product
        Its id: letters, digits and dashes.
    name
        What people call it.
    edition
        Its edition.
    workload
        A kind of thing that it protects, as ID=POINTS:NAME. Once for each kind.
    """
    require_uid(product)
    require_name(name)
    require_name(edition, "--edition: ")
    offered = LicenceProduct(
        uid=product, name=name, edition=edition, workloads=[_workload(text) for text in workload], authority=EMBEDDED
    )  # fmt: skip
    with open_provider(data) as provider:
        require_embedded(provider)
        provider.store.licence_catalogue.set_product(offered, by=operator(by), now_ms=now_ms())
    say(f"{name}: {', '.join(each.uid for each in offered.workloads)}")


@product_app.command(name="list")
def product_list(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the products that licences are made of, with the points that one of each workload takes."""
    with open_provider(data) as provider:
        products = provider.store.licence_catalogue.products()
    rows(
        (
            attrs.asdict(each) if json_ else attrs.asdict(each, recurse=False) | {"workloads": _weights(each)}
            for each in products
        ),
        {
            "uid": "ID",
            "name": "PRODUCT",
            "edition": "EDITION",
            "workloads": "POINTS OF ONE",
            "authority": "AUTHORITY",
        },
        as_json=json_,
        empty="no product yet: fieldgate product set ID --name NAME --workload vm=11:VM",
    )


@contract_app.command(name="set")
def contract_set(
    contract: str,
    /,
    *,
    name: str,
    kind: LicenceKind,
    points: int | None = None,
    begins: str | None = None,
    ends: str | None = None,
    automatic: Annotated[bool, Parameter(negative="")] = False,
    by: By = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Add a contract, or change it. Licences that are under it stay as they are.

    Parameters
    ----------
    contract
        Its number.
    name
        What people call it.
    kind
        How its licences are paid for.
    points
        What its active licences may add up to; without it there is no limit.
    begins
        Its first day, as 2026-01-31; default: it has begun.
    ends
        Its last day, as 2026-12-31; default: it has no end.
    automatic
        Usage is reported without a person's look at it.
    """
    require_uid(contract)
    require_name(name)
    if points is not None and not 0 <= points <= 10**12:
        raise CommandError("--points must be 0 to 1000000000000", exit_code=UNUSABLE)
    agreed = LicenceContract(
        uid=contract, name=name, kind=kind, points=points, authority=EMBEDDED, reports_automatically=automatic,
        begins_ms=0 if begins is None else moment("--begins", begins, end=False),
        ends_ms=None if ends is None else moment("--ends", ends),
    )  # fmt: skip
    with open_provider(data) as provider:
        require_embedded(provider)
        provider.store.licence_catalogue.set_contract(agreed, by=operator(by), now_ms=now_ms())
    say(f"{name}: {'any number of' if points is None else points} points")


@contract_app.command(name="list")
def contract_list(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the contracts, each with the points that its active licences add up to."""
    with open_provider(data) as provider:
        found = provider.store.licence_catalogue.contracts()
    rows(
        (
            attrs.asdict(each.contract) | {"used_points": each.used_points, "licences": each.licences}
            for each in found
        ),
        {
            "uid": "CONTRACT", "name": "NAME", "kind": "KIND", "licences": "LICENCES", "used_points": "POINTS USED",
            "points": "OF", "ends_ms": "UNTIL",
        },
        as_json=json_,
        empty="no contract yet: fieldgate contract set NUMBER --name NAME --kind Rental --points 1000",
        show={"ends_ms": when},
    )  # fmt: skip


def moment(option: str, text: str, *, end: bool = True) -> int:
    """A day, or a time with its offset, as milliseconds since the epoch.

    Args:
        option: that it was given with, for the error.
        end: of a day its last moment is meant, and not its first.

    Raises:
        CommandError: it is neither.
    """
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is not None and len(text) == len("2026-12-31"):
        at = at.replace(tzinfo=datetime.UTC)
        at += datetime.timedelta(days=1, milliseconds=-1) if end else datetime.timedelta()
    if at is None or at.tzinfo is None:
        raise CommandError(
            f"{option} {text!r}: say a day as 2026-12-31 (UTC), or a time as 2026-12-31T12:00:00Z",
            exit_code=UNUSABLE,
        )
    return (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(milliseconds=1)


def require_embedded(provider: Provider) -> None:
    """Make sure that products and contracts are ours to say.

    Raises:
        CommandError: a remote authority says them.
    """
    if provider.config.licensing.url:
        raise CommandError(
            "products and contracts are the remote authority's: fieldgate licence sync takes them over"
        )


def require_uid(text: str) -> None:
    """Make sure that it can be an id in a licence file.

    Raises:
        CommandError: it can't.
    """
    plain = text.isascii() and all(each.isalnum() or each in "._-" for each in text)
    if not plain or not text[:1].isalnum() or len(text) > MAX_UID:
        raise CommandError(
            f"{text!r} is no id: up to {MAX_UID} letters, digits, dots, dashes and underscores",
            exit_code=UNUSABLE,
        )


def _workload(text: str) -> LicenceWorkload:
    uid, _, rest = text.partition("=")
    points, _, name = rest.partition(":")
    require_uid(uid)
    if not points.isascii() or not points.isdigit() or not 1 <= int(points[:9]) <= MAX_MULTIPLIER:
        raise CommandError(
            f"--workload {text!r}: say ID=POINTS:NAME, points 1 to {MAX_MULTIPLIER}", exit_code=UNUSABLE
        )
    name = name or uid
    require_name(name, "--workload: ")
    return LicenceWorkload(uid=uid, name=name, multiplier=int(points))


def _weights(product: LicenceProduct) -> str:
    return ", ".join(f"{each.name} {each.multiplier}" for each in product.workloads)
