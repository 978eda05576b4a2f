"""Evidence, looked at once: what both halves together say, before anybody concludes anything.

`Seen` derives each value lazily and keeps it. Nothing here raises, whatever the evidence holds: certificates, addresses
and times come from strangers, and what cannot be read counts as not observed.

Two TLS connections or one? That is the ground truth, in `Seen.one_tls`, by the strongest of these that is known:

    exporter        both ends derive it from the handshake's secrets; nobody in between can make the two equal
    authenticated   a session that the agent's certificate opened: it signs the transcript, so no box can pass it
    leaf            the certificate that arrived is not the one that the gateway sent on this very connection
    client_random   a box that terminates TLS sends its own; it could copy ours, so it is strong and not proof

A *differing* value tells only where the two halves surely are one connection (`Join.CARRYING`); an equal one always does.
Under TLS 1.2 an equal exporter needs the extended master secret, which neither side records, and is not used.
"""

import functools
from datetime import datetime

import attrs
from cryptography.x509.oid import NameOID

from certs import (
    FIELDGATE_UNIT,
    Anchors,
    CertificateFacts,
    ChainVerdict,
    NameVerdict,
    TimeVerdict,
    TrustResult,
    Usage,
    judge_chain,
    read_certificate,
)
from certs.inspection.evidence import AgentSide, Evidence, Expected, GatewaySide, Join, NearbyKind
from certs.inspection.facts_read import host_of, moment, names_in, random_of, readable, values, within

OUR_ALPN = "fieldgate/1"

# A certificate begins an hour before it is issued, and no TLS stack minds minutes.
CLOCK_TOLERANCE_MS = 5 * 60 * 1000

# A restart fills in seconds; a drain gives its agents slots over a minute or two.
NEARBY_S = 120.0

# X509_V_ERR codes: the issuer is not known, or is known not to be trusted.
_UNTRUSTED_CODES = frozenset({2, 18, 19, 20, 21, 27})
_TIME_CODES = frozenset({9, 10})

_UNKNOWN_CA = 48


@attrs.frozen(kw_only=True)
class Seen:
    """One piece of evidence and what follows from it. `asked_at_ms`: the moment to judge by, if the caller knows it."""

    evidence: Evidence
    asked_at_ms: int | None = None

    @property
    def agent(self) -> AgentSide | None:
        """The agent's half."""
        return self.evidence.agent

    @property
    def gateway(self) -> GatewaySide | None:
        """The gateway's half."""
        return self.evidence.gateway

    @property
    def expected(self) -> Expected:
        """What is right."""
        return self.evidence.expected

    @property
    def carrying(self) -> bool:
        """Whether both halves surely are of one connection attempt."""
        return self.gateway is not None and self.agent is not None and self.gateway.join is Join.CARRYING

    # Time

    @functools.cached_property
    def offset_ms(self) -> int | None:
        """The agent's clock minus a better one: measured on this connection, else as a session told it earlier."""
        if self.agent is None:
            return None
        if self.carrying and self.gateway is not None:
            return self.agent.at_ms - self.gateway.at_ms
        return self.agent.clock_offset_ms

    @functools.cached_property
    def at(self) -> datetime:
        """The moment to judge by."""
        if self.asked_at_ms is not None:
            return moment(self.asked_at_ms)
        if self.gateway is not None:
            return moment(self.gateway.at_ms)
        return moment(self.agent.at_ms - (self.offset_ms or 0)) if self.agent is not None else moment(0)

    @property
    def second_clock(self) -> bool:
        """Whether a clock other than the agent's says what time it was."""
        return self.asked_at_ms is not None or self.gateway is not None

    # Chains

    @functools.cached_property
    def chain(self) -> tuple[bytes, ...]:
        """The chain that the agent saw, as far as it can be read; empty if its leaf can't."""
        return readable(self.agent.chain if self.agent is not None else None)

    @functools.cached_property
    def leaf(self) -> CertificateFacts | None:
        """Of the chain that the agent saw."""
        return read_certificate(self.chain[0]) if self.chain else None

    @functools.cached_property
    def served_leaf(self) -> CertificateFacts | None:
        """Of the chain that the gateway sent."""
        served = readable(self.gateway.served if self.gateway is not None else None)
        return read_certificate(served[0]) if served else None

    @functools.cached_property
    def host(self) -> str | None:
        """The name that was dialed."""
        return host_of(self.agent.dialed) if self.agent is not None else None

    @functools.cached_property
    def judged(self) -> TrustResult | None:
        """The seen chain by the provider's pins, at `at`."""
        return self._judge(self.at) if self.chain else None

    @functools.cached_property
    def judged_by_agent(self) -> TrustResult | None:
        """The same at the time that the agent believed it was."""
        return self._judge(moment(self.agent.at_ms)) if self.chain and self.agent is not None else None

    def _judge(self, at: datetime) -> TrustResult:
        anchors = Anchors(pins=self.expected.pins, names=self.expected.names)
        return judge_chain(self.chain, anchors, name=self.host, usage=Usage.SERVER, at=at)

    @functools.cached_property
    def leaf_listed(self) -> bool | None:
        """Whether the leaf is one that the provider has announced."""
        if self.leaf is None or not self.expected.leaf_keys:
            return None
        return self.leaf.spki_sha256 in self.expected.leaf_keys

    @functools.cached_property
    def leaf_served(self) -> bool | None:
        """Whether the leaf that the agent saw has the key of the one that the gateway sent."""
        if self.leaf is None or self.served_leaf is None:
            return None
        if self.leaf.spki_sha256 == self.served_leaf.spki_sha256:
            return True
        return False if self.carrying else None

    @functools.cached_property
    def chain_ours(self) -> bool | None:
        """Whether the seen chain leads to a CA of the provider's.

        Of a public CA anybody has certificates: there the name belongs to the question, and an unknown leaf for another
        name is neither ours nor a forgery.
        """
        if self.judged is None or not self.expected.pins:
            return None
        if self.judged.chain is not ChainVerdict.OK:
            return False
        if self.expected.names and self.judged.name is NameVerdict.MISMATCH:
            return True if self.leaf_listed or self.leaf_served else None
        return True

    @functools.cached_property
    def claims_ours(self) -> bool | None:
        """Whether the chain bears the mark of a Fieldgate CA, which anybody can write."""
        if not self.chain:
            return None
        names = [name for der in self.chain for name in names_in(der)]
        return any(
            value == FIELDGATE_UNIT
            for name in names
            for value in values(name, NameOID.ORGANIZATIONAL_UNIT_NAME)
        )

    @functools.cached_property
    def verify_codes(self) -> frozenset[int] | None:
        """X509_V_ERR codes at whatever depth, without OK."""
        if self.agent is None or self.agent.verify_codes is None:
            return None
        return frozenset(code for _, code in self.agent.verify_codes if code)

    @property
    def says_untrusted(self) -> bool | None:
        """Whether the agent refused the issuer: by its pins, or with the alert unknown_ca."""
        if self.agent is None:
            return None
        if self.sent_alert(by_agent=True, descriptions=(_UNKNOWN_CA,)):
            return True
        return None if self.agent.trusted_by_pins is None else not self.agent.trusted_by_pins

    @property
    def openssl_refuses(self) -> bool | None:
        """Whether OpenSSL found no trusted issuer. Agents give it none, so that it refuses ours too: weak."""
        return None if self.verify_codes is None else bool(self.verify_codes & _UNTRUSTED_CODES)

    def sent_alert(self, *, by_agent: bool, descriptions: tuple[int, ...]) -> bool | None:
        """Whether that side sent one of these alerts, by what either half noted."""
        noted = [
            (alert.description, alert.sent is by_agent if side is self.agent else alert.sent is not by_agent)
            for side in (self.agent, self.gateway)
            if side is not None
            for alert in side.alerts or ()
        ]
        if any(theirs and description in descriptions for description, theirs in noted):
            return True
        known = [side.alerts for side in (self.agent, self.gateway) if side is not None]
        return False if any(alerts is not None for alerts in known) else None

    @functools.cached_property
    def key_ours(self) -> bool | None:
        """Whether the leaf's key is one of the provider's: certified by its CA, announced, or sent by its gateway."""
        if self.chain_ours or self.leaf_listed or self.leaf_served:
            return True
        return False if self.chain_ours is False else None

    @functools.cached_property
    def valid_now(self) -> bool | None:
        """Whether the seen chain is within its dates at `at`."""
        return None if self.judged is None else self.judged.time is TimeVerdict.OK

    @functools.cached_property
    def valid_by_agent(self) -> bool | None:
        """The same by the agent's own clock, or by what its TLS said."""
        if self.verify_codes is not None and self.verify_codes & _TIME_CODES:
            return False
        return None if self.judged_by_agent is None else self.judged_by_agent.time is TimeVerdict.OK

    # Ground truth

    @property
    def exporters_differ(self) -> bool:
        """Whether both ends noted keying material, and not the same, however the halves were joined."""
        ours = self.agent.exporter if self.agent is not None else None
        theirs = self.gateway.exporter if self.gateway is not None else None
        return bool(ours and theirs and ours != theirs)

    @functools.cached_property
    def same_exporter(self) -> bool | None:
        """Whether both ends hold the same TLS secrets."""
        ours = self.agent.exporter if self.agent is not None else None
        theirs = self.gateway.exporter if self.gateway is not None else None
        if not ours or not theirs:
            return None
        if ours != theirs:
            return False if self.carrying else None
        return None if self.below_13 else True

    @functools.cached_property
    def same_random(self) -> bool | None:
        """Whether the ClientHello that arrived is the one that was sent."""
        ours, theirs = random_of(self.agent), random_of(self.gateway)
        if not ours or not theirs:
            return None
        if ours == theirs:
            return True
        return False if self.carrying else None

    @functools.cached_property
    def one_tls(self) -> bool | None:
        """Whether one TLS connection reaches from the agent to the gateway; see the module's text."""
        if self.same_exporter is not None:
            return self.same_exporter
        if self.agent is not None and self.agent.authenticated:
            return True
        if self.carrying and self.leaf_served is False:
            return False
        return self.same_random

    @property
    def below_13(self) -> bool:
        """Whether less than TLS 1.3 was agreed on, where keying material proves nothing."""
        agreed = [side.negotiated for side in (self.agent, self.gateway) if side is not None]
        return any(n is not None and n.version and n.version != "TLSv1.3" for n in agreed)

    # The gateway's surroundings

    def near(self, *kinds: NearbyKind) -> bool | None:
        """Whether the gateway did one of these at about that time; None without its half."""
        if self.gateway is None:
            return None
        return any(n.kind in kinds and abs(n.seconds) <= NEARBY_S for n in self.gateway.nearby)

    @functools.cached_property
    def own_proxy(self) -> bool | None:
        """Whether a balancer of the provider's stands in the path."""
        if self.gateway is None:
            return None
        if self.gateway.through_own_proxy or within(self.gateway.source, self.expected.own_proxies):
            return True
        return False if self.gateway.through_own_proxy is False else None

    def probe(self, name: str) -> bool | None:
        """Whether a control probe passed; once is enough."""
        outcomes = [p.passed for p in self.agent.probes if p.name == name] if self.agent is not None else []
        return any(outcomes) if outcomes else None
