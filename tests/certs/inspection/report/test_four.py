"""Four incidents, one of them an acquittal: who is called, what is typed, where it is looked up, and how it is undone.

`python -m tests.certs.inspection.report.incidents FOLDER` writes them, to be looked at.
"""

import json
import re

from certs.inspection import Verdict
from tests.certs.inspection.report.incidents import (
    INCIDENTS,
    Told,
    acquittal,
    blocked,
    fortigate,
    main,
    zscaler,
)
from tests.certs.inspection.report.test_hostile import parsed


def section(told: Told, heading: str) -> str:
    """The lines below a heading of the text, white space squeezed."""
    found = re.search(
        rf"\n{heading}[^\n]*\n-+\n(.*?)(?=\n\n[A-Z][A-Z ]+[^\n]*\n-{{20}}|\Z)", told.text(), re.DOTALL
    )
    assert found is not None, heading
    return re.sub(r"\s+", " ", found[1])


def head(told: Told) -> str:
    return re.sub(r"\s+", " ", told.text().split("\nWHY\n")[0])


def test_fortigate() -> None:
    """Re-signed by its CA for untrusted origins: an exemption by address, found by source port, undone by deleting it."""
    told = fortigate()

    assert told.finding.verdict is Verdict.INSPECTED_UNTRUSTED
    assert told.finding.confidence == 1.0
    assert "Whom to call Whoever runs the Fortinet FortiGate at the customer's site" in head(told)
    assert "Incident 17, confirmed: 1 agent (BACKUP-MUC-01), 4 reports" in head(told)
    assert "Seen by the gateway from 198.51.100.7:31012" in head(told)
    fix = section(told, "WHAT TO DO")
    for typed in (
        "set subnet 203.0.113.10 255.255.255.255",
        "set subnet 203.0.113.11 255.255.255.255",
        'edit "PROFILE" config ssl-exempt edit 0 set type address set address "fieldgate-gateway-1" next',
        "set client-certificate bypass",
        "read for FortiOS 6.0 to 7.6",
        "docs.fortinet.com CLI reference 6.0.6, 6.2.3, 6.4.2, 7.0.2, 7.6.0",
    ):
        assert typed in fix
    find = section(told, "HOW TO FIND")
    assert "execute log filter field srcip 10.20.30.41" in find
    assert "execute log filter field srcport 50123" in find
    assert "2026-03-01 11:58:00 to 2026-03-01 12:02:00" in find
    assert 'action="resign-as-untrusted"' in find
    assert "fieldgate-agent probe gateway.example:6180" in section(told, "HOW TO TEST")
    assert 'delete "fieldgate-gateway-1"' in section(told, "HOW TO UNDO")
    assert "mutual TLS" in section(told, "WHY THIS IS SAFE")
    assert "Fortinet_CA_Untrusted" in section(told, "GOOD TO KNOW")
    evidence = section(told, "EVIDENCE")
    assert "client certificate was never asked for | asked for, none received" in evidence
    assert "ALPN ≠ fieldgate/1 | http/1.1" in evidence


def test_zscaler() -> None:
    """Trusted by the server, and still opened: the tenant's administrator is called, not the site's firewall team."""
    told = zscaler()

    assert told.finding.verdict is Verdict.INSPECTED_TRUSTED_ROOT
    assert "Whoever administers the customer's Zscaler tenant" in head(told)
    assert "23, recurring: 14 agents (BACKUP-MUC-01, BACKUP-MUC-02, BACKUP-HAM-01), 61 reports" in head(told)
    fix = section(told, "WHAT TO DO")
    assert "SSL/TLS Inspection Policy › Add SSL Inspection Rule" in fix
    assert "Action Do Not Inspect" in fix
    assert "203.0.113.10, 203.0.113.11" in fix
    assert "global bypass list" in fix
    assert "Firewall Insights › Logs" in section(told, "HOW TO FIND")
    assert "Rule Status to Disabled" in section(told, "HOW TO UNDO")
    assert "block" in section(told, "GOOD TO KNOW")


def test_acquittal() -> None:
    """The provider's certificate expired, both halves agree: the customer's network is clean, and nobody there acts."""
    told = acquittal()

    assert told.finding.verdict is Verdict.PROVIDER_FAULT
    assert "the customer's network is clean" in head(told)
    assert "To do: the service provider." in head(told)
    assert "Nobody at the customer's site has to do anything." in head(told)
    assert "fieldgate ca rotate --gateway" in section(told, "WHAT TO DO")
    assert "Nothing at the customer's site was changed" in section(told, "HOW TO UNDO")
    for word in ("exempt", "bypass", "firewall"):
        assert word not in section(told, "WHAT TO DO").lower()
    assert "sent fatal 45 (certificate expired) | received fatal 45 (certificate" in section(told, "EVIDENCE")
    page = re.sub(r"\s+", " ", "|".join(parsed(told.html()).text))
    assert "The customer's network|clean" in page
    assert "here|The provider's gateway" in page


def test_blocked() -> None:
    """Port 6180 cut by a rule with application-default: a rule with the port in it, and not an exemption from inspection."""
    told = blocked()

    assert told.finding.verdict is Verdict.BLOCKED_BY_RESET
    assert "Whoever runs the Palo Alto Networks firewall at the customer's site" in head(told)
    fix = section(told, "WHAT TO DO")
    assert "application-default" in fix
    assert "Service tcp/6180" in fix
    assert "No Decrypt" not in fix
    find = section(told, "HOW TO FIND")
    assert "( addr.src in 10.20.30.41 ) and ( port.src eq 50123 ) and ( addr.dst in 203.0.113.10 )" in find
    assert "( receive_time geq '2026/03/01 11:58:00' )" in find
    assert "select fieldgate-out, Disable (or Delete), Commit" in section(told, "HOW TO UNDO")
    assert "last event TCP reset (RST) | TCP reset (RST)" in section(told, "EVIDENCE")
    assert told.text().count("TCP came up") == 1


def test_they_can_be_written_to_look_at(tmp_path) -> None:  # type: ignore[no-untyped-def]  # pytest's own path
    """As text, page and document."""
    main(tmp_path)

    assert len(list(tmp_path.iterdir())) == 3 * len(INCIDENTS)
    assert json.loads((tmp_path / "acquittal.json").read_text())["finding"]["verdict"] == "provider-fault"
