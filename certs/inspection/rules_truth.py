"""Facts about certificates, clocks and the two halves, as questions with their sentences: who answered, and is it one TLS?"""

from certs.inspection import facts_tls as tls
from certs.inspection.rules_model import Fact

_BOTH_HALVES = ("agent.exporter", "gateway.exporter", "gateway.join")
_BOTH_LEAVES = ("agent.chain", "gateway.served", "gateway.join")
_CHAIN_AND_PINS = ("agent.chain", "expected.pins")

ONE_TLS = Fact(
    name="one-tls",
    fields=_BOTH_HALVES,
    derive=lambda seen: seen.one_tls,
    yes="One TLS connection reaches from the agent to the gateway: {same} at both ends. Nothing decrypts in between.",
    no="Agent and gateway are on two different TLS connections: {differs}. A box between them ended one and opened the other.",
    why="equal keying material on both sides proves that nothing in between decrypts, and differing material that something does",
)
HALVES_DIFFER = Fact(
    name="halves-differ",
    fields=_BOTH_HALVES,
    derive=tls.halves_differ,
    yes="The TLS values noted by the agent and by the gateway differ.",
    no="The TLS values noted by the agent and by the gateway are the same.",
    why="values that are equal on both sides prove a direct path",
)
SAME_EXPORTER = Fact(
    name="same-exporter",
    fields=_BOTH_HALVES,
    derive=lambda seen: seen.same_exporter,
    yes="Both ends derived the same TLS keying material (exporter, RFC 5705): nobody in between holds the keys.",
    no="The two ends hold different TLS keying material (exporter, RFC 5705).",
    why="equal keying material on both sides proves that nothing in between decrypts",
)
AUTHENTICATED = Fact(
    name="authenticated",
    fields=("agent.authenticated",),
    derive=lambda seen: None if seen.agent is None else seen.agent.authenticated,
    yes="The gateway opened a session for the agent's certificate, whose signature covers this very handshake; "
    "no box that decrypts can pass that.",
    no="No session was opened for the agent's certificate.",
    why="a session that opens proves a direct path",
)
CHAIN_OURS = Fact(
    name="chain-ours",
    fields=_CHAIN_AND_PINS,
    derive=lambda seen: seen.chain_ours,
    yes="The certificate that the agent received leads to the provider's own CA.",
    no="The certificate that the agent received was issued by {issuer}, and does not lead to the provider's CA.",
    why="whether the certificate that arrived leads to the provider's CA",
)
KEY_OURS = Fact(
    name="key-ours",
    fields=_CHAIN_AND_PINS,
    derive=lambda seen: seen.key_ours,
    yes="The certificate that the agent received holds a key of the provider's.",
    no="The key in the certificate that the agent received is not one of the provider's.",
    why="whether the key that answered is the provider's",
)
CLAIMS_OURS = Fact(
    name="claims-ours",
    fields=("agent.chain",),
    derive=lambda seen: seen.claims_ours,
    yes="The certificate says that it is from a Fieldgate CA, which anybody could write.",
    no="The certificate does not even claim to be from a Fieldgate CA: its issuer is {issuer}.",
    why="who issued the certificate that arrived",
)
OTHER_OWN_CA = Fact(
    name="other-own-ca",
    fields=("agent.chain",),
    derive=tls.other_own_ca,
    yes="The chain ends in a Fieldgate CA with another key than those expected.",
    no="The chain does not end in an unexpected Fieldgate CA.",
    why="which CA the chain ends in",
)
LEAF_LISTED = Fact(
    name="leaf-listed",
    fields=("agent.chain", "expected.leaf_keys"),
    derive=lambda seen: seen.leaf_listed,
    yes="The key in the certificate is on the provider's list of those that its gateways use.",
    no="The key in the certificate is not on the list of gateway keys that was at hand.",
    why="the provider's list of its gateways' keys tells a renewed certificate from a copied one",
)
LEAF_SERVED = Fact(
    name="leaf-served",
    fields=_BOTH_LEAVES,
    derive=lambda seen: seen.leaf_served,
    yes="Both halves agree: the certificate that the agent received is the one that the gateway sent.",
    no="The gateway sent another certificate than the one that the agent received.",
    why="the certificate that the gateway itself sent, to compare with the one that arrived",
)
SERIAL_FORGED = Fact(
    name="serial-forged",
    fields=_BOTH_LEAVES,
    derive=tls.serial_forged,
    yes="The certificate that arrived copies the serial number of the gateway's and has another key: it is a forgery.",
    no="Its serial number is not copied from the gateway's certificate.",
    why="a copied serial number with another key proves a forgery",
)
NAMES_COPIED = Fact(
    name="names-copied",
    fields=_BOTH_LEAVES,
    derive=tls.names_copied,
    yes="The certificate that arrived carries exactly the names of the gateway's: it was made as a copy of it.",
    no="The names in the certificate that arrived are not those of the gateway's.",
    why="a box that inspects copies the names of the certificate that it replaces",
)
NAME_OK = Fact(
    name="name-ok",
    fields=("agent.chain",),
    derive=tls.name_ok,
    yes="The certificate is for the name that was dialed.",
    no="The certificate is for {names}, and {host} was dialed.",
    why="whether the certificate is for the name that was dialed",
)
PUBLIC_CA = Fact(
    name="public-ca",
    fields=(),
    derive=lambda seen: bool(seen.expected.names),
    yes="The provider's gateways use certificates of a public CA: a change to another public CA looks alike from here.",
    no="The provider's gateways use a private CA, so that no public or corporate CA has any business here.",
    why="",
)
ANOTHER_PUBLIC = Fact(
    name="another-public",
    fields=_CHAIN_AND_PINS,
    derive=tls.another_public,
    yes="The certificate is a genuine one of a public CA, for {names}: that is another server's.",
    no="The certificate is not another server's from the provider's public CA.",
    why="whose certificate it is",
)
VALID_NOW = Fact(
    name="valid-now",
    fields=("agent.chain",),
    derive=lambda seen: seen.valid_now,
    yes="The certificate is within its dates.",
    no="The certificate is {validity}.",
    why="whether the certificate is within its dates",
)
CLOCK_OFF = Fact(
    name="clock-off",
    fields=("gateway.at_ms", "agent.clock_offset_ms"),
    derive=tls.clock_off,
    yes="The certificate is valid by the gateway's clock, and not by that of the agent's server, which is {offset}.",
    no="The clock of the agent's server is not what makes the certificate look invalid.",
    why="a second clock tells a wrong clock on the agent's server from a certificate whose dates are wrong",
)
EARLY = Fact(
    name="early",
    fields=("agent.chain",),
    derive=tls.early,
    yes="By the clock of the agent's server the certificate is not valid yet; gateways backdate theirs, so that this is rarely true.",
    no="By the clock of the agent's server the certificate's time has begun.",
    why="when the certificate begins",
)
NEVER_VALID = Fact(
    name="never-valid",
    fields=_CHAIN_AND_PINS,
    derive=tls.never_valid,
    yes="The signatures lead to a CA of the provider's, and {chain_fault}.",
    no="There was a time at which the whole chain was valid.",
    why="whether the whole chain was ever valid",
)
INCOMPLETE = Fact(
    name="incomplete",
    fields=("agent.chain",),
    derive=tls.incomplete,
    yes="An issuer's certificate is missing from the chain that was sent.",
    no="No issuer is missing from the chain that was sent.",
    why="whether the chain is complete",
)
SYSTEM_TRUSTS = Fact(
    name="system-trusts",
    fields=("agent.trusted_by_system",),
    derive=lambda seen: None if seen.agent is None else seen.agent.trusted_by_system,
    yes="The operating system of the agent's server trusts this issuer, so that its browsers show no warning.",
    no="Not even the operating system of the agent's server trusts this issuer.",
    why="whether the server's own root store trusts the issuer",
)
SAYS_UNTRUSTED = Fact(
    name="says-untrusted",
    fields=("agent.trusted_by_pins",),
    derive=lambda seen: seen.says_untrusted,
    yes="The agent refused the certificate because it does not know its CA.",
    no="The agent knows the CA that issued the certificate.",
    why="whether the agent knew the CA",
)
OPENSSL_REFUSES = Fact(
    name="openssl-refuses",
    fields=("agent.verify_codes",),
    derive=lambda seen: seen.openssl_refuses,
    yes="OpenSSL on the agent's server found no trusted issuer either.",
    no="OpenSSL on the agent's server found the chain in order.",
    why="how the agent's TLS library judged the chain",
)
CERTIFICATE_REQUESTED = Fact(
    name="certificate-requested",
    fields=("agent.certificate_requested",),
    derive=lambda seen: None if seen.agent is None else seen.agent.certificate_requested,
    yes="Whoever answered asked for a client certificate, as the gateway does.",
    no="Whoever answered did not ask for a client certificate. The gateway always asks; boxes that decrypt don't.",
    why="the gateway always asks for a client certificate, and boxes that decrypt don't",
)
ENROLLED = Fact(
    name="enrolled",
    fields=(),
    derive=lambda seen: None if seen.agent is None else seen.agent.enrolled,
    yes="The agent holds a certificate of its own.",
    no="The agent holds no certificate of its own yet.",
    why="",
)
CERTIFICATE_OVER = Fact(
    name="certificate-over",
    fields=("agent.certificate_not_after_ms",),
    derive=tls.certificate_over,
    yes="The agent's own certificate expired on {own_end}.",
    no="The agent's own certificate is within its dates.",
    why="when the agent's own certificate ends",
)
GATEWAY_GOT_CERTIFICATE = Fact(
    name="gateway-got-certificate",
    fields=("gateway.client_certificate",),
    derive=tls.gateway_got_certificate,
    yes="The gateway received a client certificate.",
    no="The gateway received no client certificate.",
    why="whether a client certificate reached the gateway",
)
CERTIFICATE_DEMANDED = Fact(
    name="certificate-demanded",
    fields=("agent.alerts",),
    derive=lambda seen: seen.sent_alert(by_agent=False, descriptions=tls.NO_CERTIFICATE),
    yes="The gateway ended the handshake because no client certificate came (alert certificate_required).",
    no="The gateway did not insist on a client certificate.",
    why="which TLS alerts were sent",
)
EXPIRY_TOLD = Fact(
    name="expiry-told",
    fields=("agent.alerts",),
    derive=lambda seen: seen.sent_alert(by_agent=False, descriptions=tls.CERTIFICATE_EXPIRED),
    yes="The other side said so with the alert certificate_expired.",
    no="No alert certificate_expired came.",
    why="which TLS alerts were sent",
)
REVOCATION_TOLD = Fact(
    name="revocation-told",
    fields=("agent.alerts",),
    derive=lambda seen: seen.sent_alert(by_agent=False, descriptions=tls.CERTIFICATE_REVOKED),
    yes="The gateway refused the agent's certificate as revoked (alert certificate_revoked).",
    no="The gateway did not call the agent's certificate revoked.",
    why="which TLS alerts were sent",
)
REFUSED = Fact(
    name="refused",
    fields=("agent.refusal",),
    derive=tls.refused,
    yes="The gateway itself answered, with the refusal FG-{refusal}.",
    no="No refusal of the gateway's came.",
    why="",
)
OWN_OFFLOAD = Fact(
    name="own-offload",
    fields=("agent.chain",),
    derive=lambda seen: None if seen.leaf is None else seen.leaf.spki_sha256 in seen.expected.own_offload,
    yes="The key that answered is that of a TLS-terminating box that the provider itself runs and has listed.",
    no="The key that answered is not that of a TLS-terminating box of the provider's.",
    why="whether the provider's own TLS offload answered",
)
REACHED = Fact(
    name="reached",
    fields=("gateway.join",),
    derive=lambda seen: None if seen.gateway is None else seen.carrying,
    yes="What the agent said through it reached the gateway.",
    no="Nothing shows that what the agent said reached the gateway.",
    why="whether the gateway stands behind what answered",
)
OWN_NAME = Fact(
    name="own-name",
    fields=("agent.chain",),
    derive=tls.shows_own_name,
    yes="The certificate shows a name of its own ({names}), and not the one that was dialed.",
    no="The certificate bears the name that was dialed.",
    why="whose name is in the certificate",
)
CLOCK_CHECKED = Fact(
    name="clock-checked",
    fields=("gateway.at_ms", "agent.clock_offset_ms"),
    derive=tls.clock_checked,
    yes="The time was told by another clock than the agent's.",
    no="No other clock than the agent's told the time.",
    why="a second clock excludes a wrong one on the agent's server",
)
