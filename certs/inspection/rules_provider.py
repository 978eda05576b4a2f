"""Rules that acquit the customer's network: the server's clock, the provider's certificates, the gateway's own doings.

They come first, and are as strict as what follows: whatever puts the fault on the provider's side is ruled out by proof that
a box in between ended the TLS (`ONE_TLS`).
"""

from certs.inspection import rules_path as path
from certs.inspection import rules_reach as reach
from certs.inspection import rules_truth as truth
from certs.inspection.finding import Verdict
from certs.inspection.rules_model import Rule, guard, need, support

REFUSAL = (
    Rule(
        verdict=Verdict.AGENT_REFUSED,
        base=0.99,
        clauses=(
            need(truth.REFUSED),
            guard(truth.ONE_TLS, unknown=0.02),
            guard(truth.CHAIN_OURS),
        ),
        blame="The gateway itself refused this agent (FG-{refusal}); {clean}.",
        reason="The refusal came over a connection whose certificate is the provider's: no device on the way decided it.",
    ),
    Rule(
        verdict=Verdict.AGENT_REFUSED,
        base=0.97,
        clauses=(need(truth.REVOCATION_TOLD), need(truth.KEY_OURS), guard(truth.ONE_TLS, unknown=0.05)),
        blame="The gateway itself refused this agent's certificate as revoked; {clean}.",
        reason="The alert certificate_revoked came from whoever holds the provider's certificate.",
    ),
)

ROTATION = (
    Rule(
        verdict=Verdict.GATEWAY_CERT_ROTATED,
        base=0.99,
        clauses=(
            need(truth.SAYS_UNTRUSTED),
            need(truth.CHAIN_OURS),
            guard(truth.ONE_TLS, unknown=0.1),
            guard(truth.NAME_OK),
            guard(truth.VALID_NOW),
            support(truth.LEAF_SERVED, unknown=0.02, against=0.05),
        ),
        blame="The provider has changed its CA, and this agent has not heard of it yet; {clean}.",
        reason="The agent refused a certificate that leads to a CA of the provider's, only not to one that it knows.",
    ),
    Rule(
        verdict=Verdict.GATEWAY_CERT_ROTATED,
        base=0.99,
        clauses=(
            need(truth.OTHER_OWN_CA),
            need(truth.CHAIN_OURS, False),
            guard(truth.ONE_TLS, unknown=0.3),
            support(truth.LEAF_SERVED, unknown=0.15, against=0.3),
        ),
        blame="The gateway's certificate is from another CA of the provider's than this agent knows; {clean}.",
        reason="The chain ends in a Fieldgate CA with a key that is not among those expected. A CA that was replaced without "
        "the agent's hearing of it looks like this; only the gateway's half can tell it from a forgery for certain.",
    ),
)

RENEWED = (
    Rule(
        verdict=Verdict.GATEWAY_CERT_ROTATED,
        base=0.99,
        clauses=(
            need(truth.CHAIN_OURS),
            need(truth.LEAF_LISTED, False),
            need(truth.NAME_OK),
            need(truth.VALID_NOW),
            need(path.HANDSHAKEN),
            guard(path.BROKEN, False),
            guard(truth.ONE_TLS, unknown=0.05),
            guard(truth.CERTIFICATE_REQUESTED, unknown=0.02),
            support(truth.LEAF_SERVED, unknown=0.02, against=0.05),
        ),
        blame="The provider has renewed the gateway's certificate; nothing is wrong.",
        reason="The key is new, and a CA of the provider's vouches for it. That is a planned change, and no reason to refuse.",
    ),
)
"""What a renewal explains is that a key is new, and no failure: it is asked after everything that explains one."""

NAMES = (
    Rule(
        verdict=Verdict.WRONG_ADDRESS,
        base=0.99,
        clauses=(
            need(truth.KEY_OURS),
            need(truth.NAME_OK, False),
            need(reach.DIALED_LISTED, False),
            guard(truth.ONE_TLS, unknown=0.02),
        ),
        blame="The address {dialed} leads to the provider's gateway, and is none that the provider publishes; {clean}.",
        reason="What answered is the provider's own, with a certificate for {names}. The provider publishes {listed}: dial what it publishes.",
    ),
    Rule(
        verdict=Verdict.PROVIDER_FAULT,
        base=0.99,
        clauses=(need(truth.LEAF_SERVED), need(truth.NAME_OK, False), guard(truth.ONE_TLS, unknown=0.01)),
        blame="The provider's gateway sends a certificate for another name; {clean}.",
        reason="Both halves agree: what arrived is what the gateway sent, and it is for {names}, not for {host}.",
    ),
    Rule(
        verdict=Verdict.WRONG_SAN,
        base=0.99,
        clauses=(
            need(truth.CHAIN_OURS),
            need(truth.NAME_OK, False),
            guard(truth.ONE_TLS, unknown=0.01),
            support(truth.LEAF_SERVED, unknown=0.01, against=0.02),
        ),
        blame="The gateway's certificate is not for the name that the agent dials; {clean}.",
        reason="The provider's own CA vouches for the certificate, and it is for {names}, not for {host}.",
    ),
)

EXPIRY = (
    Rule(
        verdict=Verdict.PROVIDER_FAULT,
        base=0.99,
        clauses=(
            need(truth.LEAF_SERVED),
            need(truth.VALID_NOW, False),
            guard(truth.CLOCK_OFF, False),
            guard(truth.ONE_TLS, unknown=0.01),
        ),
        blame="The provider's gateway sends a certificate that is {validity_short}; {clean}.",
        reason="Both halves agree: what arrived is what the gateway sent, and by the gateway's own clock it is {validity}.",
    ),
    Rule(
        verdict=Verdict.CERT_EXPIRED,
        base=0.98,
        clauses=(
            need(truth.CHAIN_OURS),
            need(truth.VALID_NOW, False),
            guard(truth.CLOCK_OFF, False, unknown=0.3),
            guard(truth.ONE_TLS, unknown=0.01),
            support(truth.LEAF_SERVED, unknown=0.01, against=0.02),
        ),
        blame="{probably}the gateway's certificate is {validity_short}{or_clock}; {clean}.",
        reason="The provider's own CA issued the certificate, and it is {validity}.",
    ),
)

PROVIDER = (
    Rule(
        verdict=Verdict.PROVIDER_FAULT,
        base=0.97,
        clauses=(need(truth.LEAF_SERVED), need(truth.CHAIN_OURS, False), guard(truth.ONE_TLS, unknown=0.02)),
        blame="The provider's gateway sends a certificate chain that leads to none of its CAs; {clean}.",
        reason="Both halves agree: what arrived is what the gateway sent, and {chain_fault}.",
    ),
    Rule(
        verdict=Verdict.PROVIDER_FAULT,
        base=0.97,
        clauses=(
            need(truth.LEAF_LISTED),
            need(truth.CHAIN_OURS, False),
            guard(truth.ONE_TLS, unknown=0.15),
            support(truth.LEAF_SERVED, unknown=0.1, against=0.2),
        ),
        blame="The provider's gateway sends its certificate with a faulty chain; {clean}.",
        reason="The key is one that the provider's gateways use; {chain_fault}.",
    ),
    Rule(
        verdict=Verdict.PROVIDER_FAULT,
        base=0.97,
        clauses=(
            need(truth.INCOMPLETE),
            need(truth.CLAIMS_OURS),
            need(truth.CHAIN_OURS, False),
            guard(truth.ONE_TLS, unknown=0.3),
            support(truth.LEAF_SERVED, unknown=0.15, against=0.3),
        ),
        blame="The provider's gateway seems to send its certificate without the issuer's; {clean}.",
        reason="The certificate says that a Fieldgate CA issued it, and {chain_fault}.",
    ),
    Rule(
        verdict=Verdict.PROVIDER_FAULT,
        base=0.95,
        clauses=(need(truth.NEVER_VALID), guard(truth.ONE_TLS, unknown=0.05)),
        blame="The provider's gateway sends a chain whose certificates were never valid all at once; {clean}.",
        reason="Signatures lead to a CA of the provider's, so that no box made it, and {chain_fault}.",
    ),
    Rule(
        verdict=Verdict.PROVIDER_FAULT,
        base=0.95,
        clauses=(need(truth.OWN_OFFLOAD), guard(truth.ONE_TLS, False, unknown=0.1)),
        blame="The provider's own TLS offload answered instead of the gateway; the customer's network is clean.",
        reason="The provider lists this key as that of a box of its own which ends TLS. Agents' sessions cannot pass such a box: "
        "it has to forward TCP as it is.",
    ),
    Rule(
        verdict=Verdict.GATEWAY_RESTART,
        base=0.95,
        clauses=(
            need(path.RESTART_NEAR),
            need(path.BROKEN),
            guard(truth.KEY_OURS),
            guard(truth.ONE_TLS),
            guard(path.NOT_TLS, False),
            guard(reach.PROXY_ASKS, False),
            guard(reach.PROXY_DENIES, False),
            guard(reach.PROXY_FAILS, False),
        ),
        blame="The gateway was restarting or draining; {clean}, and the agent comes back by itself.",
        reason="The connection broke close to what the gateway was doing itself: {nearby}. That alone explains it.",
    ),
    Rule(
        verdict=Verdict.PROVIDER_FAULT,
        base=0.95,
        clauses=(
            need(reach.HEADER_NEAR),
            need(path.BROKEN),
            guard(truth.KEY_OURS),
            guard(truth.ONE_TLS),
            guard(path.NOT_TLS, False),
        ),
        blame="The provider's gateway and a balancer before it do not agree on the PROXY protocol; no device on the way is at fault.",
        reason="The gateway turned the connection away: where it wants a PROXY header none came, or one came where it wants none. "
        "({nearby})",
    ),
    Rule(
        verdict=Verdict.PROVIDER_FAULT,
        base=0.95,
        clauses=(
            need(path.BAN_NEAR),
            need(path.BROKEN),
            guard(truth.KEY_OURS),
            guard(truth.ONE_TLS),
            guard(path.NOT_TLS, False),
            guard(reach.PROXY_ASKS, False),
            guard(reach.PROXY_DENIES, False),
        ),
        blame="The provider's gateway turns this address away; no device on the way does.",
        reason="The gateway had banned the address when the connection broke: {nearby}.",
    ),
    Rule(
        verdict=Verdict.PROVIDER_FAULT,
        base=0.85,
        clauses=(
            need(path.OVERLOAD_NEAR),
            need(path.BROKEN),
            guard(truth.KEY_OURS),
            guard(truth.ONE_TLS),
            guard(path.NOT_TLS, False),
            guard(reach.PROXY_ASKS, False),
            guard(reach.PROXY_DENIES, False),
        ),
        blame="The provider's gateway was overloaded; {clean}.",
        reason="The connection broke while the gateway could not keep up: {nearby}.",
    ),
)

AGENT = (
    Rule(
        verdict=Verdict.AGENT_CERT_EXPIRED,
        base=0.98,
        clauses=(
            need(truth.CERTIFICATE_OVER),
            need(truth.KEY_OURS),
            guard(truth.ONE_TLS, unknown=0.05),
            guard(truth.CERTIFICATE_REQUESTED, unknown=0.02),
            support(truth.CLOCK_CHECKED, unknown=0.15, against=0.15),
            support(truth.EXPIRY_TOLD, unknown=0, against=0),
        ),
        blame="The agent's own certificate has expired; {clean}.",
        reason="The gateway's certificate is in order, and the agent's ended on {own_end}.",
    ),
    Rule(
        verdict=Verdict.AGENT_CERT_ABSENT,
        base=0.97,
        clauses=(
            need(truth.ENROLLED, False),
            need(truth.CERTIFICATE_DEMANDED),
            need(truth.KEY_OURS),
            guard(truth.ONE_TLS, unknown=0.05),
            guard(truth.CERTIFICATE_REQUESTED, unknown=0.02),
        ),
        blame="This server has no agent certificate: it is not enrolled; {clean}.",
        reason="The gateway asked for a certificate, and the agent has none to show.",
    ),
    Rule(
        verdict=Verdict.AGENT_CERT_ABSENT,
        base=0.97,
        clauses=(
            need(truth.ENROLLED),
            need(truth.GATEWAY_GOT_CERTIFICATE, False),
            need(truth.ONE_TLS),
            guard(truth.KEY_OURS),
            guard(truth.CERTIFICATE_REQUESTED, unknown=0.02),
        ),
        blame="The agent did not show its certificate to the gateway; {clean}.",
        reason="One TLS connection reaches from the agent to the gateway, and no certificate came over it.",
    ),
)
