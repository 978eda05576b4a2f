"""docs/certificates.md says what the code does."""

from pathlib import Path

from certs.problems import ACTIONS
from certs.profiles import (
    AGENT_LIFETIME,
    GATEWAY_LIFETIME,
    ISSUER_LIFETIME,
    RENEWAL_GRACE,
    ROOT_LIFETIME,
)
from certs.rotation import LINGER

PAGE = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text(encoding="utf-8")


def test_every_fault_of_an_own_certificate_is_on_the_page() -> None:
    for kind, action in ACTIONS.items():
        assert f"| {kind.value} | {action} |\n" in PAGE


def test_lifetimes_are_those_on_the_page() -> None:
    assert f"root                 {ROOT_LIFETIME.days // 365} years" in PAGE
    assert f"gateway issuer     {ISSUER_LIFETIME.days // 365} years" in PAGE
    assert f"gateway       {GATEWAY_LIFETIME.days} days" in PAGE
    assert f"agent         {AGENT_LIFETIME.days} days" in PAGE
    assert f"expired less than {RENEWAL_GRACE.days} days ago" in PAGE
    assert f"For another {LINGER.days} days the gateway serves" in PAGE
