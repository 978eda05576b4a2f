"""Licences to test with, and who signs them."""

import functools
from typing import Any

from certs import Licence, LicenceFile, LicenceKind, LicenceSigner, LicensedWorkload, sign_licence
from tests.certs.pki import DAY, NOW, authority

COMPANY = "5a0f3b1c-7f0e-4a44-8d53-0f6d7c1f5f10"
INSTALLATION = "f4bcb1f5-9f4c-5a43-9b8a-1d8ed9d2a6c7"


def licence(**changes: Any) -> Licence:
    """A good one, but for *changes*."""
    fields: dict[str, Any] = {
        "licence_id": "0c3fb7a2-9f0b-43f4-93f5-1b7f0e5b8b0e",
        "revision": 1,
        "product_id": "backup-suite",
        "product": "Nordwind Backup Suite",
        "edition": "Enterprise Plus",
        "kind": LicenceKind.RENTAL,
        "contract_id": "C-1001",
        "workloads": (
            LicensedWorkload(workload_id="vm", name="Virtual machine", count=20, multiplier=11),
            LicensedWorkload(workload_id="workstation", name="Workstation", count=50, multiplier=4),
        ),
        "issued": NOW,
        "expires": NOW + 365 * DAY,
        "support_until": NOW + 365 * DAY,
        "company_uid": COMPANY,
        "company": "Müller & Söhne KG",
        "installation_uid": INSTALLATION,
    }
    return Licence(**{**fields, **changes})


@functools.cache
def signer() -> LicenceSigner:
    """The provider's."""
    return LicenceSigner.create(authority(), NOW)


def signed(**changes: Any) -> LicenceFile:
    """The file of a good licence, but for *changes*."""
    return sign_licence(licence(**changes), signer().key, signer().chain(authority()))


PINS = frozenset(authority().pins_current())
