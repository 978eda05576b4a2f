"""Products that inspect TLS, and the issuer names that they sign with, each with the place where it was read.

`cn`, `o` and `email` are regular expressions for a full match of that attribute, `anywhere` for one of any attribute; where
several are given, all must match in one distinguished name. Names that were found at no source are not here: Check Point,
Barracuda and others leave the CA's name to the administrator, so that only a person can tell them (`PRODUCTS`).
"""

import re
from typing import Final

import attrs

__all__ = ["PRODUCTS", "VENDORS", "VendorRow"]

_CHROME: Final = "Chrome ssl_error_assistant v6"
_TAILSCALE: Final = "tailscale net/tlsdial/blockblame"
_CAPTURED: Final = "a captured chain"


def _pattern(text: str | None) -> re.Pattern[str] | None:
    return None if text is None else re.compile(text)


@attrs.frozen(kw_only=True)
class VendorRow:
    """One name that a product signs with.

    Attributes:
        slug: of the product; several rows may share one.
        vendor: what a person calls it.
        weak: the source is thin, or the pattern catches much: a hint, and said to be one.
        untrusted_origin: the CA that it signs with when it does not trust the origin itself.
        software: it runs on the server itself, and not in the network.
    """

    slug: str
    vendor: str
    source: str
    cn: re.Pattern[str] | None = attrs.field(default=None, converter=_pattern)
    o: re.Pattern[str] | None = attrs.field(default=None, converter=_pattern)
    email: re.Pattern[str] | None = attrs.field(default=None, converter=_pattern)
    anywhere: re.Pattern[str] | None = attrs.field(default=None, converter=_pattern)
    weak: bool = False
    untrusted_origin: bool = False
    software: bool = False
    note: str = ""


VENDORS: Final = (
    VendorRow(
        slug="fortinet",
        vendor="Fortinet FortiGate",
        cn="FortiGate CA",
        o="Fortinet",
        source=f"{_CHROME}; community.fortinet.com ta-p/198478",
    ),
    VendorRow(
        slug="fortinet",
        vendor="Fortinet FortiGate (untrusted origin)",
        cn="Fortinet Untrusted CA",
        o="Fortinet",
        source="public configuration dumps",
        untrusted_origin=True,
    ),
    VendorRow(slug="fortinet", vendor="Fortinet", o=r"Fortinet( Ltd\.)?", source=_CHROME),
    VendorRow(slug="fortinet", vendor="Fortinet", email=r"support@fortinet\.com", source=_TAILSCALE),
    VendorRow(
        slug="palo-alto",
        vendor="Palo Alto Networks",
        anywhere=".*(Palo Alto Networks|PAN-FW).*",
        source=_TAILSCALE,
        note="the CA's name is the administrator's choice",
    ),
    VendorRow(slug="sophos", vendor="Sophos", cn=r"Sophos SSL CA_[A-Z0-9\-]+", o="Sophos", source=_CHROME),
    VendorRow(slug="sophos", vendor="Sophos", cn="Sophos_CA_[A-Z0-9]+", source=_CHROME),
    VendorRow(slug="sophos-utm", vendor="Sophos UTM", cn="sophosutm Proxy CA", source=_CHROME),
    VendorRow(
        slug="sophos-web-appliance",
        vendor="Sophos Web Appliance",
        cn="Sophos Web Appliance",
        o="Sophos Plc",
        source=_CHROME,
    ),
    VendorRow(
        slug="cyberoam", vendor="Cyberoam (Sophos)", o="Cyberoam Certificate Authority", source=_CHROME
    ),
    VendorRow(
        slug="zscaler",
        vendor="Zscaler",
        cn="Zscaler (Root|Intermediate Root) CA.*",
        o=r"Zscaler Inc\.",
        source=f"{_CHROME}; {_CAPTURED}, CN with a trailing space",
    ),
    VendorRow(
        slug="netskope",
        vendor="Netskope",
        cn=r".*\.(caadmin\.netskope|goskope)\.com",
        source="captured chains",
        note="the intermediate carries the customer's organisation",
    ),
    VendorRow(
        slug="cisco-umbrella",
        vendor="Cisco Umbrella",
        cn="Cisco Umbrella (Root CA|Primary SubCA)",
        o="Cisco",
        source=_CHROME,
    ),
    VendorRow(slug="cisco", vendor="Cisco", anywhere=".*Cisco.*", source=_TAILSCALE, weak=True),
    VendorRow(slug="aruba", vendor="Aruba", anywhere=".*Aruba.*", source=_TAILSCALE, weak=True),
    VendorRow(slug="huawei", vendor="Huawei", email=r"mobile@huawei\.com", source=_TAILSCALE),
    VendorRow(slug="unifi", vendor="Ubiquiti UniFi", anywhere=".*(UniFi|Ubiquiti).*", source=_TAILSCALE),
    VendorRow(slug="cato", vendor="Cato Networks", cn="Cato Networks Root CA", source=_CAPTURED),
    VendorRow(
        slug="cloudflare",
        vendor="Cloudflare Gateway",
        cn="Gateway CA - Cloudflare Managed G1 [0-9a-f]+",
        o=r"Cloudflare, Inc\.",
        source=_CAPTURED,
    ),
    VendorRow(slug="blue-coat", vendor="Blue Coat (Symantec)", o="Blue Coat.*", source=_CHROME),
    VendorRow(slug="mcafee", vendor="McAfee Web Gateway", cn="McAfee Web Gateway", source=_CHROME),
    VendorRow(
        slug="forcepoint", vendor="Forcepoint", cn="Forcepoint Cloud CA", o="Forcepoint LLC", source=_CHROME
    ),
    VendorRow(
        slug="sonicwall",
        vendor="SonicWall",
        o="HTTPS Management Certificate for SonicWALL.*",
        source=_CHROME,
    ),
    VendorRow(
        slug="smoothwall",
        vendor="Smoothwall",
        cn="Smoothwall-default-root-certificate-authority",
        source=_CHROME,
    ),
    VendorRow(slug="trend-micro", vendor="Trend Micro IWSS", cn=r"IWSS\.TREND", source=_CHROME),
    VendorRow(
        slug="contentkeeper",
        vendor="ContentKeeper",
        cn=r"ContentKeeper Appliance CA \(\d+\)",
        o="ContentKeeper Technologies",
        source=_CHROME,
    ),
    VendorRow(
        slug="watchguard",
        vendor="WatchGuard",
        cn="Fireware HTTPS Proxy.*",
        source="one third-party source",
        weak=True,
    ),
    VendorRow(
        slug="avast",
        vendor="Avast",
        cn="avast! Web/Mail Shield Root",
        o="avast! Web/Mail Shield",
        source=_CHROME,
        software=True,
    ),
    VendorRow(
        slug="norton",
        vendor="Norton",
        cn="Norton Web/Mail Shield Root",
        o="Norton Web/Mail Shield",
        source=_CAPTURED,
        software=True,
    ),
    VendorRow(slug="eset", vendor="ESET", cn="ESET SSL Filter CA", source=_CAPTURED, software=True),
    VendorRow(
        slug="kaspersky",
        vendor="Kaspersky",
        cn="Kaspersky Anti-Virus Personal Root.*",
        source=_CHROME,
        software=True,
    ),
    VendorRow(
        slug="bitdefender",
        vendor="Bitdefender",
        cn=r"Bitdefender Personal CA\.Net-Defender",
        o="Bitdefender",
        source=_CHROME,
        software=True,
    ),
    VendorRow(slug="adguard", vendor="AdGuard", cn="Adguard Personal CA", source=_CAPTURED, software=True),
    VendorRow(
        slug="fiddler", vendor="Fiddler", cn="DO_NOT_TRUST_FiddlerRoot", source=_CAPTURED, software=True
    ),
    VendorRow(slug="charles", vendor="Charles", cn="Charles Proxy CA.*", source=_CAPTURED, software=True),
    VendorRow(slug="burp", vendor="Burp Suite", cn="PortSwigger CA", source=_CAPTURED, software=True),
    VendorRow(
        slug="mitmproxy", vendor="mitmproxy", cn="mitmproxy", o="mitmproxy", source="generated and read"
    ),
)

_NAMELESS: Final = {"barracuda": "Barracuda", "check-point": "Check Point", "skyhigh": "Skyhigh"}

PRODUCTS: Final = dict(
    sorted(({row.slug: row.vendor for row in reversed(VENDORS) if not row.software} | _NAMELESS).items())
)
"""Slug to name: what can be recorded as a customer's firewall (`--firewall`)."""
