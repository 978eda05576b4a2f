"""Four incidents as they reach a person, one of them an acquittal, from evidence minted in code.

To look at them: `python -m tests.certs.inspection.report.incidents FOLDER` writes each as text, JSON and HTML.
"""

import functools
import sys
from collections.abc import Callable
from pathlib import Path

import attrs

from certs import to_ms
from certs.inspection import (
    Alert,
    Evidence,
    Finding,
    IncidentSummary,
    LastIo,
    Negotiated,
    Probe,
    ReportMeta,
    Syn,
    judge,
    render_html,
    render_json,
    render_text,
)
from tests.certs.inspection.cases import AFTER, YEAR_MS, cut, cut_at_gateway
from tests.certs.inspection.scenes import (
    AT_MS,
    HELLO,
    agent,
    beyond_a_box,
    both,
    box_ca,
    forged,
    gateway,
    signed,
)

MINUTE_MS = 60_000
SERVER = "10.20.30.41:50123"
SITE = "198.51.100.7:31012"
FROM_BEHIND = {
    "local": SERVER,
    "agent_version": "0.1.0",
    "platform": "Windows Server 2022",
    "connect_ms": 18.4,
}

# As a box offers it to the gateway: older, and without our application protocol.
BOX_HELLO = attrs.evolve(
    HELLO,
    ja4="t12d1909h1_d83cc789557e_7af1ed941c26",
    ja4_raw="t12d1909h1_002f,0035,009c,009d,c013,c014,c02b,c02c,c02f,c030_000a,000b,000d,0017,ff01_0403,0503,0603,0804",
    versions=("TLSv1.2",),
    alpn=("http/1.1",),
    size=214,
    random=b"\x5a\x01" * 16,
)
OWN_HELLO = attrs.evolve(HELLO, random=bytes(range(7, 39)), size=1772)


@attrs.frozen(kw_only=True)
class Told:
    """One incident, with everything that its report is made of."""

    name: str
    evidence: Evidence
    incident: IncidentSummary
    meta: ReportMeta

    @property
    def finding(self) -> Finding:
        return judge(self.evidence)

    def text(self) -> str:
        return render_text(self.evidence, self.finding, incident=self.incident, meta=self.meta)

    def html(self) -> str:
        return render_html(self.evidence, self.finding, incident=self.incident, meta=self.meta)

    def json(self) -> str:
        return render_json(self.evidence, self.finding, incident=self.incident, meta=self.meta)


def meta(report_id: str) -> ReportMeta:
    return ReportMeta(
        report_id=report_id,
        agent_label="BACKUP-MUC-01",
        made_ms=AT_MS + 3 * MINUTE_MS,
        made_by="fieldgate 0.1.0",
        signed_by_gateway=True,
    )


def incident(number: int, **changes: object) -> IncidentSummary:
    fields: dict[str, object] = {
        "incident_id": str(number),
        "state": "confirmed",
        "company": "Meyer Logistik GmbH",
        "location": "Munich",
        "reports": 4,
        "agents": 1,
        "agent_names": ("BACKUP-MUC-01",),
        "first_ms": AT_MS - 42 * MINUTE_MS,
        "last_ms": AT_MS,
    }
    return IncidentSummary(**{**fields, **changes})  # type: ignore[arg-type]  # the fields' own types, by name


def fortigate() -> Told:
    """Re-signed by the firewall's CA for origins that it does not trust."""
    chain = forged(
        box_ca(("CN", "Fortinet Untrusted CA"), ("O", "Fortinet"), ("OU", "Certificate Authority"))
    )
    evidence = both(
        agent=agent(
            **FROM_BEHIND,
            hello=OWN_HELLO,
            client_random=OWN_HELLO.random,
            exporter=b"\x11\xa7" * 16,
            negotiated=Negotiated(version="TLSv1.3", alpn="", cipher="TLS_AES_128_GCM_SHA256"),
            chain=chain,
            verify_codes=((1, 19),),
            trusted_by_pins=False,
            certificate_requested=False,
            probes=(
                Probe(name="other-port", passed=True, detail="443: the same forged certificate"),
                Probe(name="small-hello", passed=True, detail="517 bytes"),
            ),
        ),
        gateway=beyond_a_box(
            source=SITE,
            hello=BOX_HELLO,
            client_random=BOX_HELLO.random,
            exporter=b"\xc4\x09" * 16,
            negotiated=Negotiated(version="TLSv1.2", alpn="", cipher="ECDHE-ECDSA-AES256-GCM-SHA384"),
            syn=Syn(ttl=62, mss=1460, window=14600, options="2-4-8-1-3", rtt_ms=17.9),
        ),
    )  # fmt: skip
    return Told(name="fortigate", evidence=evidence, incident=incident(17), meta=meta("4411"))


def zscaler() -> Told:
    """Inspected in a cloud, under a root that the company has put on its servers."""
    root = box_ca(("O", "Zscaler Inc."), ("OU", "Zscaler Inc."), ("CN", "Zscaler Root CA"))
    middle = signed(
        (
            ("O", "Zscaler Inc."),
            ("OU", "Zscaler Inc."),
            ("CN", "Zscaler Intermediate Root CA (zscalertwo.net) "),
        ),
        root,
        ca=True,
    )
    evidence = both(
        agent=agent(
            **FROM_BEHIND,
            hello=OWN_HELLO,
            client_random=OWN_HELLO.random,
            exporter=b"\x21\x77" * 16,
            negotiated=Negotiated(version="TLSv1.3", alpn="", cipher="TLS_AES_256_GCM_SHA384"),
            handshake_ms=61.3,
            chain=(*forged(middle), root.der),
            verify_codes=((2, 19),),
            trusted_by_pins=False,
            trusted_by_system=True,
            certificate_requested=False,
        ),
        gateway=beyond_a_box(
            source="192.0.2.201:44120",
            hello=attrs.evolve(BOX_HELLO, versions=("TLSv1.3", "TLSv1.2"), alpn=()),
            client_random=BOX_HELLO.random,
            exporter=b"\x0d\x53" * 16,
            syn=Syn(ttl=54, mss=1380, window=65535, options="2-1-3-4-8", rtt_ms=9.2),
        ),
    )  # fmt: skip
    names = ("BACKUP-MUC-01", "BACKUP-MUC-02", "BACKUP-HAM-01")
    extent = incident(23, agents=14, reports=61, agent_names=names, state="recurring", location="all sites")
    return Told(name="zscaler", evidence=evidence, incident=extent, meta=meta("5120"))


def acquittal() -> Told:
    """The provider's certificate has expired, and both halves agree on it."""
    late = to_ms(AFTER)
    evidence = both(
        agent=agent(
            **FROM_BEHIND,
            at_ms=late + 420,
            certificate_not_after_ms=late + YEAR_MS,
            verify_codes=((0, 10),),
            last_io=LastIo.ALERT,
            alerts=(Alert(sent=True, level=2, description=45, name="certificate expired"),),
        ),
        gateway=gateway(
            at_ms=late,
            source=SITE,
            alerts=(Alert(sent=False, level=2, description=45, name="certificate expired"),),
            last_io=LastIo.ALERT,
        ),
    )
    extent = incident(
        31, agents=40, reports=52, agent_names=(), first_ms=late - 6 * MINUTE_MS, last_ms=late, state="opened"
    )
    told = attrs.evolve(meta("6001"), made_ms=late + MINUTE_MS)
    return Told(name="acquittal", evidence=evidence, incident=extent, meta=told)


def blocked() -> Told:
    """TLS on 6180 is cut as soon as it is recognised: a rule with service application-default."""
    evidence = attrs.evolve(
        both(
            agent=cut(
                **FROM_BEHIND,
                hello=OWN_HELLO,
                client_random=OWN_HELLO.random,
                alerts=(),
                first_byte_ms=None,
                probes=(
                    Probe(name="other-port", passed=True, detail="443: TLS of the gateway"),
                    Probe(name="small-hello", passed=False, detail="reset"),
                    Probe(name="plain-payload", passed=False, detail="reset after 1 packet"),
                ),
            ),
            gateway=cut_at_gateway(source=SITE, first_bytes=b""),
        ),
        tenant_product="palo-alto",
    )
    return Told(name="blocked", evidence=evidence, incident=incident(40), meta=meta("7204"))


INCIDENTS: tuple[Callable[[], Told], ...] = tuple(
    functools.cache(make) for make in (fortigate, zscaler, acquittal, blocked)
)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for make in INCIDENTS:
        told = make()
        (folder / f"{told.name}.txt").write_text(told.text(), encoding="utf-8")
        (folder / f"{told.name}.html").write_text(told.html(), encoding="utf-8")
        (folder / f"{told.name}.json").write_text(told.json(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
