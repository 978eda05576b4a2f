"""Steps that are the same for every product: how a path is tested from the server, and why an exemption is safe."""

from typing import Final

from certs.inspection.playbooks_model import Recipe

PROBE: Final = Recipe(
    text="On the agent's server: the probe must end with `direct` (or `proxied-intact`). With --watch it repeats until it does.",
    lines=("fieldgate-agent probe {name}:{port}", "fieldgate-agent probe {name}:{port} --watch"),
)
ISSUER: Final = Recipe(
    text="Without Fieldgate, on any computer behind the same rule that has OpenSSL: the issuer must be the provider's (it says "
    "`OU = Fieldgate`, or names the provider's public CA), and no company's or firewall's name.",
    lines=(
        "openssl s_client -connect {to_url}:{port} -servername {name} </dev/null 2>/dev/null | openssl x509 -noout -issuer",
    ),
)
TCP: Final = Recipe(
    text="Without Fieldgate, from the agent's server: TCP must come up. (Linux, then Windows PowerShell.)",
    lines=("nc -vz -w 5 {to} {port}", "Test-NetConnection {to} -Port {port}"),
)
TEST_TLS: Final = (PROBE, ISSUER)
TEST_TCP: Final = (PROBE, TCP)

SAFE: Final = (
    Recipe(
        text="The exemption names single addresses (and the port, where the product has a place for it). Nothing else on the network is inspected less than before."
    ),
    Recipe(
        text="Both ends prove who they are (mutual TLS): the agent accepts only the provider's own CA, pinned by its key, and the "
        "gateway accepts only certificates that it issued to agents. Nobody else can use this path, in either direction.",
    ),
    Recipe(
        text="Inspection cannot work here in principle: a box that opens the TLS cannot show the agent's certificate to the gateway. "
        "What remains is a choice between this path and none.",
    ),
    Recipe(
        text="The connection is outbound only, from the backup server to the provider. No inbound rule is needed."
    ),
)
SAFE_ALLOW: Final = (
    Recipe(
        text="The rule names single addresses and ports, outbound only, from the backup server. No inbound rule is needed."
    ),
    SAFE[1],
)
FIND: Final = (
    Recipe(
        text="Look for this session in the log of every device between the server and the internet (firewall, web proxy, secure web "
        "gateway, security software on the server itself). Mind that many logs show local time.",
        lines=(
            "time         {at} UTC   (search {from} to {until} UTC)",
            "source       {source}, port {source_port}",
            "destination  {to}, port {port}/tcp",
        ),
    ),
)
FIND_ON_SERVER: Final = (
    Recipe(
        text="On the agent's server: the agent's own log and status tell of this attempt, made at {at} UTC.",
        lines=("fieldgate-agent status",),
    ),
)
EXEMPT: Final = (
    Recipe(
        text="On the device that opens the TLS, above the rule that decrypts: an exemption from TLS inspection by destination address "
        "and port. Vendors call it bypass, do not decrypt, no decrypt, do not inspect, exempt or splice.",
        lines=(
            "source       {source}   (the backup server; or any)",
            "destination  {gateways}",
            "port         {ports}/tcp",
            "action       do not decrypt",
        ),
    ),
    Recipe(
        text="By address, not by name or category: the name is no web site, and the port is not 443, so that filters which only know web "
        "categories do not match it.",
    ),
)
UNEXEMPT: Final = (
    Recipe(text="Delete that one rule. Nothing else was changed; the server needs no change either."),
)
ALLOW: Final = (
    Recipe(
        text="On the device that blocks: a rule that allows outgoing TCP by address and port, not by application or web category, and "
        "with no TLS inspection.",
        lines=(
            "source       {source}   (the backup server)",
            "destination  {gateways}",
            "port         {ports}/tcp",
            "action       allow, do not decrypt",
        ),
    ),
)
UNALLOW: Final = (Recipe(text="Delete that one rule."),)
NOTHING_TO_UNDO: Final = (Recipe(text="Nothing was changed."),)
ENDPOINTS: Final = Recipe(
    text="The provider can print all addresses and ports, as text or JSON for a firewall's external list.",
    lines=("fieldgate endpoints",),
)
