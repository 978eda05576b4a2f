"""Rules that accuse: somebody in between opened the TLS. All are ruled out by proof of one TLS connection (`ONE_TLS`).

One side alone cannot tell a box that opens the TLS from another server that has a certificate for the name that was dialed. So
where the provider's list is not known, or does not have the address that was dialed (`rules_unreached`), it is a guess.
"""

from certs.inspection import rules_path as path
from certs.inspection import rules_reach as reach
from certs.inspection import rules_truth as truth
from certs.inspection.finding import Verdict
from certs.inspection.rules_model import Rule, guard, need, support

INSPECTION = (
    Rule(
        verdict=Verdict.WRONG_SERVICE,
        base=0.8,
        clauses=(need(truth.ANOTHER_PUBLIC), guard(truth.ONE_TLS, False), guard(truth.REACHED, False)),
        blame="Another server's TLS answered at {dialed}; nobody forged anything.",
        reason="The certificate is a genuine one of the public CA that the provider uses, for {names}: a name that leads to a "
        "wrong address, or a port that is forwarded to another machine.",
    ),
    Rule(
        verdict=Verdict.WRONG_SERVICE,
        base=0.75,
        clauses=(
            need(truth.CHAIN_OURS, False),
            need(truth.OWN_NAME),
            guard(truth.KEY_OURS, False),
            guard(truth.NAMES_COPIED, False, unknown=0.1),
            guard(truth.ONE_TLS, False),
            guard(truth.REACHED, False, unknown=0.1),
            support(truth.CLAIMS_OURS, False, unknown=0, against=0.1),
        ),
        blame="Another TLS server answered at {dialed}, under its own name.",
        reason="The certificate is for {names}. A box that inspects copies the name that was dialed; one that shows its own is a "
        "block page, a portal, or a machine to which the port is forwarded.",
    ),
    Rule(
        verdict=Verdict.WRONG_SERVICE,
        base=0.7,
        clauses=(
            need(truth.CLAIMS_OURS, False),
            need(truth.OWN_NAME),
            guard(truth.CHAIN_OURS, False, unknown=0.1),
            guard(truth.KEY_OURS, False),
            guard(truth.ONE_TLS, False),
            guard(truth.REACHED, False, unknown=0.1),
            support(truth.CERTIFICATE_REQUESTED, False, unknown=0, against=0.1),
        ),
        blame="{probably}another TLS server answers at {dialed}, under its own name.",
        reason="The certificate is for {names}, and was issued by {issuer}: neither has anything to do with what was dialed. Without "
        "the provider's pins (from a token or an enrolled agent) that is as far as one side can tell.",
    ),
    Rule(
        verdict=Verdict.INSPECTED_WITH_OUR_KEY,
        base=0.99,
        clauses=(
            need(truth.ONE_TLS, False),
            need(truth.KEY_OURS),
            guard(truth.OWN_OFFLOAD, False),
            support(truth.CERTIFICATE_REQUESTED, False, unknown=0.01, against=0.02),
        ),
        blame="{box} holds the gateway's own key and opens the TLS.",
        reason="The certificate is the gateway's own, and still the two ends are on two different TLS connections. That takes a "
        "copy of the private key (inbound inspection), or another certificate from the provider's CA. Pins cannot see it.",
    ),
    Rule(
        verdict=Verdict.INSPECTED_TRUSTED_ROOT,
        base=1.0,
        clauses=(
            need(truth.ONE_TLS, False),
            need(truth.CHAIN_OURS, False),
            need(truth.SYSTEM_TRUSTS),
            guard(truth.KEY_OURS, False),
            support(truth.SERIAL_FORGED, unknown=0, against=0),
            support(truth.NAMES_COPIED, unknown=0, against=0),
            support(truth.CERTIFICATE_REQUESTED, False, unknown=0.01, against=0.02),
        ),
        blame="{box} opens the TLS, with a root that this server trusts.",
        reason="The certificate that arrived is not the provider's, a root in the server's own store vouches for it, and both "
        "ends are on two different TLS connections.",
    ),
    Rule(
        verdict=Verdict.INSPECTED_TRUSTED_ROOT,
        base=0.99,
        clauses=(
            need(truth.CHAIN_OURS, False),
            need(truth.SYSTEM_TRUSTS),
            guard(truth.KEY_OURS, False),
            guard(truth.ONE_TLS, False, unknown=0.05),
            support(truth.CERTIFICATE_REQUESTED, False, unknown=0.04, against=0.1),
            support(truth.PUBLIC_CA, False, unknown=0, against=0.25),
            support(path.DNS_OTHER, False, unknown=0, against=0.1),
            support(reach.DIALED_LISTED, unknown=0, against=0.3),
        ),
        blame="{box} opens the TLS, with a root that this server trusts.",
        reason="The certificate that arrived is not the provider's, and a root in the server's own store vouches for it: "
        "a company's inspection CA, put there on purpose.",
    ),
    Rule(
        verdict=Verdict.INSPECTED_UNTRUSTED,
        base=1.0,
        clauses=(
            need(truth.ONE_TLS, False),
            need(truth.CHAIN_OURS, False),
            guard(truth.KEY_OURS, False),
            guard(truth.SYSTEM_TRUSTS, False, unknown=0.02),
            support(truth.SERIAL_FORGED, unknown=0, against=0),
            support(truth.NAMES_COPIED, unknown=0, against=0),
            support(truth.CERTIFICATE_REQUESTED, False, unknown=0, against=0.02),
            support(truth.OPENSSL_REFUSES, unknown=0, against=0.02),
        ),
        blame="{box} opens the TLS, with a CA that this server does not know.",
        reason="The certificate that arrived was issued by {issuer} in place of the provider's CA, and both ends are on two "
        "different TLS connections. Firewalls use such a CA for origins that they don't trust themselves, and the provider's "
        "CA is a private one.",
    ),
    Rule(
        verdict=Verdict.INSPECTED_UNTRUSTED,
        base=1.0,
        clauses=(
            need(truth.CHAIN_OURS, False),
            guard(truth.KEY_OURS, False),
            guard(truth.SYSTEM_TRUSTS, False, unknown=0.02),
            guard(truth.ONE_TLS, False, unknown=0.05),
            support(truth.CERTIFICATE_REQUESTED, False, unknown=0, against=0.05),
            support(truth.OPENSSL_REFUSES, unknown=0, against=0.1),
            support(path.DNS_OTHER, False, unknown=0, against=0.1),
            support(reach.DIALED_LISTED, unknown=0, against=0.3),
        ),
        blame="{box} opens the TLS, with a CA that this server does not know.",
        reason="The certificate that arrived was issued by {issuer} in place of the provider's CA. Firewalls use such a CA for "
        "origins that they don't trust themselves, and the provider's CA is a private one.",
    ),
    Rule(
        verdict=Verdict.INSPECTED_UNTRUSTED,
        base=1.0,
        clauses=(
            need(truth.CLAIMS_OURS, False),
            need(truth.SYSTEM_TRUSTS, False),
            need(truth.OWN_NAME, False),
            guard(truth.CHAIN_OURS, False, unknown=0.3),
            guard(truth.KEY_OURS, False),
            guard(truth.ONE_TLS, False, unknown=0.1),
            support(truth.CERTIFICATE_REQUESTED, False, unknown=0.05, against=0.3),
            support(reach.ISSUER_NAMED, unknown=0, against=0.15),
            support(reach.DIALED_LISTED, unknown=0, against=0.3),
        ),
        blame="{box} opens the TLS, with a CA that this server does not know.",
        reason="A gateway's certificate is from a Fieldgate CA or from a public one. This one was issued by {issuer}, which is "
        "neither. Without the provider's pins (from a token or an enrolled agent) that is as far as one side can tell.",
    ),
    Rule(
        verdict=Verdict.INSPECTED_TRUSTED_ROOT,
        base=0.99,
        clauses=(
            need(truth.SYSTEM_TRUSTS),
            need(truth.CERTIFICATE_REQUESTED, False),
            need(truth.CLAIMS_OURS, False),
            need(truth.OWN_NAME, False),
            guard(truth.CHAIN_OURS, False, unknown=0.3),
            guard(truth.KEY_OURS, False),
            guard(truth.ONE_TLS, False, unknown=0.1),
            support(reach.ISSUER_NAMED, unknown=0, against=0.15),
            support(reach.DIALED_LISTED, unknown=0, against=0.3),
        ),
        blame="{box} opens the TLS, with a root that this server trusts.",
        reason="Whoever answered did not ask for a client certificate, as the gateway always does, and its certificate was "
        "issued by {issuer}. Without the provider's pins that is as far as one side can tell.",
    ),
    Rule(
        verdict=Verdict.INSPECTED_TRUSTED_ROOT,
        base=0.95,
        clauses=(
            need(truth.ONE_TLS, False),
            need(truth.SYSTEM_TRUSTS),
            guard(truth.KEY_OURS, False, unknown=0.07),
            guard(truth.OWN_OFFLOAD, False),
        ),
        blame="{box} opens the TLS, with a certificate that this server trusts.",
        reason="Both ends are on two different TLS connections, and nothing shows that the certificate is the provider's.",
    ),
    Rule(
        verdict=Verdict.INSPECTED_UNTRUSTED,
        base=0.95,
        clauses=(
            need(truth.ONE_TLS, False),
            guard(truth.SYSTEM_TRUSTS, False, unknown=0.02),
            guard(truth.KEY_OURS, False, unknown=0.07),
            guard(truth.OWN_OFFLOAD, False),
        ),
        blame="{box} opens the TLS.",
        reason="Both ends are on two different TLS connections, and nothing shows that the certificate is the provider's.",
    ),
    Rule(
        verdict=Verdict.CLIENT_CERT_STRIPPED,
        base=0.98,
        clauses=(
            need(truth.CERTIFICATE_REQUESTED, False),
            need(truth.VALID_NOW),
            guard(truth.NAME_OK),
            guard(truth.KEY_OURS, unknown=0.5),
            guard(truth.ONE_TLS, False, unknown=0.05),
            guard(truth.OWN_OFFLOAD, False),
            support(truth.PUBLIC_CA, False, unknown=0, against=0.3),
            support(truth.ENROLLED, unknown=0, against=0.05),
        ),
        blame="{box} took the client certificate out of the handshake, so it opens the TLS.",
        reason="The gateway asks every client for a certificate, and this request did not arrive. Only who ends the TLS in "
        "between can take it out.",
    ),
    Rule(
        verdict=Verdict.CLIENT_CERT_STRIPPED,
        base=0.97,
        clauses=(
            need(truth.ENROLLED),
            need(truth.GATEWAY_GOT_CERTIFICATE, False),
            need(truth.KEY_OURS),
            guard(truth.CERTIFICATE_REQUESTED, unknown=0.05),
            guard(truth.CERTIFICATE_OVER, False),
            guard(truth.ONE_TLS, False, unknown=0.25),
        ),
        blame="{box} took the agent's certificate out of the handshake, so it opens the TLS.",
        reason="The agent showed its certificate, and none reached the gateway.",
    ),
)
