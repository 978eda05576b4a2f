"""Products are named by the names that they sign with, and nobody else is."""

import base64
import itertools
import re

import certifi
import pytest

from certs.inspection import PRODUCTS, Evidence, Family, judge, name_vendor
from certs.inspection.vendors import specificity
from certs.inspection.vendors_data import VENDORS
from tests.certs.inspection.scenes import (
    agent,
    beyond_a_box,
    both,
    box_ca,
    expected,
    forged,
    served,
    signed,
)
from tests.certs.pki import NOW, authority

Name = tuple[tuple[str, str], ...]

# A name as the product writes it, and whom it names. Every row of the table is the best for one of these.
SIGNERS: tuple[tuple[Name, str], ...] = (
    ((("O", "Fortinet"), ("CN", "FortiGate CA")), "Fortinet FortiGate"),
    ((("O", "Fortinet"), ("CN", "Fortinet Untrusted CA")), "Fortinet FortiGate (untrusted origin)"),
    ((("O", "Fortinet"), ("CN", "FGT60E4Q16000000")), "Fortinet"),
    ((("O", "Fortinet Ltd."), ("CN", "FortiGate")), "Fortinet"),
    ((("CN", "FG100D"), ("email", "support@fortinet.com")), "Fortinet"),
    ((("O", "Meyer GmbH"), ("CN", "PAN-FW decrypt")), "Palo Alto Networks"),
    ((("OU", "Palo Alto Networks"), ("CN", "Forward Trust")), "Palo Alto Networks"),
    ((("O", "Sophos"), ("CN", "Sophos SSL CA_C01001ABCDEF-1")), "Sophos"),
    ((("O", "Meyer GmbH"), ("CN", "Sophos_CA_C01001ABCDEF")), "Sophos"),
    ((("CN", "sophosutm Proxy CA"),), "Sophos UTM"),
    ((("O", "Sophos Plc"), ("CN", "Sophos Web Appliance")), "Sophos Web Appliance"),
    ((("O", "Cyberoam Certificate Authority"), ("CN", "Cyberoam SSL CA")), "Cyberoam (Sophos)"),
    ((("O", "Zscaler Inc."), ("CN", "Zscaler Root CA")), "Zscaler"),
    ((("O", "Zscaler Inc."), ("CN", "Zscaler Intermediate Root CA (zscalertwo.net) (t) ")), "Zscaler"),
    ((("O", "Meyer GmbH"), ("CN", "ca.meyer.de.caadmin.netskope.com")), "Netskope"),
    ((("CN", "ca.meyer.goskope.com"),), "Netskope"),
    ((("O", "Cisco"), ("CN", "Cisco Umbrella Root CA")), "Cisco Umbrella"),
    ((("O", "Cisco"), ("CN", "Cisco Umbrella Primary SubCA")), "Cisco Umbrella"),
    ((("O", "Cisco Systems"), ("CN", "WSA")), "Cisco"),
    ((("CN", "Aruba Networks CA"),), "Aruba"),
    ((("CN", "HW"), ("email", "mobile@huawei.com")), "Huawei"),
    ((("O", "Ubiquiti Inc."), ("CN", "UDM")), "Ubiquiti UniFi"),
    ((("O", "Cato"), ("CN", "Cato Networks Root CA")), "Cato Networks"),
    (
        (("O", "Cloudflare, Inc."), ("CN", "Gateway CA - Cloudflare Managed G1 0123456789abcdef")),
        "Cloudflare Gateway",
    ),
    ((("O", "Blue Coat SG-Series"), ("CN", "10.0.0.1")), "Blue Coat (Symantec)"),
    ((("O", "McAfee"), ("CN", "McAfee Web Gateway")), "McAfee Web Gateway"),
    ((("O", "Forcepoint LLC"), ("CN", "Forcepoint Cloud CA")), "Forcepoint"),
    (
        (("O", "HTTPS Management Certificate for SonicWALL (self-signed)"), ("CN", "192.168.168.168")),
        "SonicWall",
    ),
    ((("CN", "Smoothwall-default-root-certificate-authority"),), "Smoothwall"),
    ((("CN", "IWSS.TREND"),), "Trend Micro IWSS"),
    ((("O", "ContentKeeper Technologies"), ("CN", "ContentKeeper Appliance CA (1234)")), "ContentKeeper"),
    ((("O", "WatchGuard"), ("CN", "Fireware HTTPS Proxy CN=2024")), "WatchGuard"),
    ((("O", "avast! Web/Mail Shield"), ("CN", "avast! Web/Mail Shield Root")), "Avast"),
    ((("O", "Norton Web/Mail Shield"), ("CN", "Norton Web/Mail Shield Root")), "Norton"),
    ((("CN", "ESET SSL Filter CA"),), "ESET"),
    ((("CN", "Kaspersky Anti-Virus Personal Root Certificate"),), "Kaspersky"),
    ((("O", "Bitdefender"), ("CN", "Bitdefender Personal CA.Net-Defender")), "Bitdefender"),
    ((("CN", "Adguard Personal CA"),), "AdGuard"),
    ((("O", "DO_NOT_TRUST"), ("CN", "DO_NOT_TRUST_FiddlerRoot")), "Fiddler"),
    ((("CN", "Charles Proxy CA (1 Jan 2026, host)"),), "Charles"),
    ((("O", "PortSwigger"), ("CN", "PortSwigger CA")), "Burp Suite"),
    ((("O", "mitmproxy"), ("CN", "mitmproxy")), "mitmproxy"),
)

WEAK = {"Cisco", "Aruba", "WatchGuard"}


@pytest.mark.parametrize(("name", "vendor"), SIGNERS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_product_is_named_by_what_it_signs_with(name: Name, vendor: str) -> None:
    """With the CA sent along or not, and with the product's root above a company's sub-CA."""
    ca = box_ca(*name)
    leaf, _ = forged(ca)
    company = signed((("CN", "Meyer Sub CA"),), ca, ca=True)
    below = forged(company)[0]

    for chain in ((leaf, ca.der), (leaf,), (below, company.der, ca.der), (below, company.der)):
        match = name_vendor(chain)
        assert match is not None
        assert match.vendor == vendor
        assert match.weak is (vendor in WEAK)
        assert match.why.startswith("Perhaps" if match.weak else "Named by its issuer")
        assert match.source in match.why
        assert not match.by_tenant


def test_every_row_is_the_best_for_a_name() -> None:
    """No row is hidden behind another one."""
    named = set()
    for name, _ in SIGNERS:
        match = name_vendor(forged(box_ca(*name)))
        assert match is not None
        named.add((match.vendor, match.rule))

    assert len(named) == len(VENDORS)


def test_more_specific_rows_win() -> None:
    """Two attributes before one, and strong before weak."""
    rows = {row.vendor: row for row in reversed(VENDORS)}

    assert specificity(rows["Fortinet FortiGate"]) > specificity(rows["Fortinet"])
    assert (
        specificity(rows["Cisco Umbrella"]) > specificity(rows["Ubiquiti UniFi"]) > specificity(rows["Cisco"])
    )


@pytest.mark.parametrize(
    "name",
    [
        (("L", "San Francisco"), ("CN", "Any CA")),
        (("O", "Meyer Logistik GmbH"), ("CN", "Meyer Inspection CA")),
        (("CN", "FortiGate CA"),),
        (("O", "Fortinet Partner Meyer"), ("CN", "CA")),
        (("CN", "mitmproxy fan club"), ("O", "mitmproxy")),
    ],
)
def test_names_that_only_resemble_one_are_nobodys(name: Name) -> None:
    """Attributes match as a whole, and all of a row's."""
    assert name_vendor(forged(box_ca(*name))) is None


def test_subject_of_the_leaf_names_nobody() -> None:
    """It is a copy of what was dialed."""
    ca = box_ca(("CN", "Meyer Inspection CA"))
    leaf = signed((("O", "Fortinet"), ("CN", "FortiGate CA")), ca)

    assert name_vendor((leaf.der, ca.der)) is None


def public_roots() -> list[bytes]:
    with open(certifi.where(), encoding="utf-8") as file:
        pem = file.read()
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----\n(.*?)-----END CERTIFICATE-----", pem, re.DOTALL)
    return [base64.b64decode(block) for block in blocks]


# Two of them have the serial number 0, against RFC 5280.
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_no_public_root_is_called_a_product() -> None:
    """Mozilla's roots, as certifi ships them."""
    roots = public_roots()

    assert len(roots) > 100
    assert [match.vendor for root in roots if (match := name_vendor((root,))) is not None] == []


def test_the_providers_own_ca_is_called_no_product() -> None:
    """Nor is it in any state of a rotation."""
    made = authority()
    for state in (made, made.rotate_ca(NOW), made.rotate_ca(NOW).finish_ca(NOW)):
        assert name_vendor(served(state)) is None


def test_what_was_recorded_names_the_product_that_a_company_hides() -> None:
    """A company's sub-CA says nothing; what a person recorded does, and it is said to be that."""
    match = name_vendor(forged(), "sophos")

    assert match is not None
    assert (match.slug, match.by_tenant) == ("sophos", True)
    assert "recorded as Sophos" in match.why


def test_a_strong_name_outranks_what_was_recorded() -> None:
    """A certificate is nearer than a record."""
    match = name_vendor(forged(box_ca(("O", "Fortinet"), ("CN", "FortiGate CA"))), "sophos")

    assert match is not None
    assert (match.slug, match.by_tenant) == ("fortinet", False)


@pytest.mark.parametrize(("recorded", "says"), [("cisco", "agrees"), ("sophos", "points elsewhere")])
def test_what_was_recorded_outranks_a_weak_name(recorded: str, says: str) -> None:
    """And the weak one is told."""
    match = name_vendor(forged(box_ca(("O", "Cisco Systems"), ("CN", "WSA"))), recorded)

    assert match is not None
    assert (match.slug, match.by_tenant) == (recorded, True)
    assert says in match.why


def test_an_unknown_record_is_no_product() -> None:
    """Nor is software on the server a firewall."""
    assert name_vendor(forged(), "no-such-thing") is None
    assert name_vendor(forged(), "kaspersky") is None
    assert name_vendor((), None) is None
    assert name_vendor((b"garbage",), None) is None


def test_the_untrusted_origin_ca_is_explained() -> None:
    """The provider's CA is private: firewalls sign with a CA that nobody installs."""
    match = name_vendor(forged(box_ca(("O", "Fortinet"), ("CN", "Fortinet Untrusted CA"))))

    assert match is not None
    assert match.untrusted_origin
    assert "no cure" in match.why


def test_every_product_that_has_a_row_can_be_recorded() -> None:
    """And Check Point, whose CA's name nobody knows."""
    assert {row.slug for row in VENDORS if not row.software} < set(PRODUCTS)
    assert "check-point" in PRODUCTS
    assert list(PRODUCTS) == sorted(PRODUCTS)
    assert all(re.fullmatch(r"[a-z-]+", slug) for slug in PRODUCTS)


def test_a_name_never_decides() -> None:
    """The same evidence has the same verdict, and the same confidence, whoever signed."""
    company = both(agent=agent(chain=forged(), certificate_requested=False), gateway=beyond_a_box())
    for name, product in itertools.product([name for name, _ in SIGNERS[:8]], [None, "sophos"]):
        evidence = Evidence(
            agent=agent(chain=forged(box_ca(*name)), certificate_requested=False),
            gateway=beyond_a_box(),
            expected=expected(),
            tenant_product=product,
        )
        finding = judge(evidence)
        assert (finding.verdict, finding.confidence) == (judge(company).verdict, judge(company).confidence)
        assert finding.vendor


def test_a_provider_named_like_a_product_is_none() -> None:
    """A chain that leads to the provider's CA is never looked up."""
    finding = judge(Evidence(agent=agent(certificate_requested=False), expected=expected()))

    assert finding.family is Family.INSPECTION
    assert finding.vendor == ""


def test_interceptor_is_the_key_that_signed() -> None:
    """One box is one key, whatever leaf it mints; without its CA its name has to do."""
    ca = box_ca(("CN", "Meyer Inspection CA"))
    chains = [forged(ca), forged(ca, name="other.example")]
    keys = {judge(Evidence(agent=agent(chain=chain), expected=expected())).interceptor for chain in chains}
    nameless = judge(Evidence(agent=agent(chain=chains[0][:1]), expected=expected())).interceptor

    assert keys >= {ca.pin.hex()}
    assert nameless.startswith("dn:")
