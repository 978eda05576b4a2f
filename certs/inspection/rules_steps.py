"""What to do next, per verdict: short, general, in order. What to type on a product is in its playbook."""

from typing import Final

from certs.inspection.finding import Verdict

_EXEMPT: Final = (
    "Exempt the gateway's addresses and ports from TLS inspection on the box in the path.",
    "This is safe: agent and gateway authenticate each other by certificates, and nothing else can speak on this path.",
    "Test again with `fieldgate-agent probe`.",
)
_ALLOW: Final = (
    "Allow outgoing TCP to the gateway's addresses and ports, by port and not by application.",
    "Test again with `fieldgate-agent probe`.",
)
_NOTHING: Final = ("Nothing to do on the network.",)

STEPS: Final[dict[Verdict, tuple[str, ...]]] = {
    Verdict.DIRECT: _NOTHING,
    Verdict.PROXIED_INTACT: _NOTHING,
    Verdict.CLOCK_SKEW: ("Set the clock of the agent's server, and keep it by NTP.", *_NOTHING),
    Verdict.AGENT_CERT_EXPIRED: (
        "Start the agent and leave it running: within half a year of the expiry it renews its certificate by itself.",
        "After that, enroll it again with a new token.",
    ),
    Verdict.AGENT_CERT_ABSENT: ("Enroll the agent with a token of the provider's.",),
    Verdict.AGENT_REFUSED: ("Ask the provider: the code says why the gateway refused this agent.", *_NOTHING),
    Verdict.WRONG_ADDRESS: (
        "Dial one of the addresses that the provider publishes, and correct it in the agent's settings.",
        "Test again with `fieldgate-agent probe` and such an address.",
    ),
    Verdict.GATEWAY_CERT_ROTATED: (
        "Provider: check that the CA's rotation was announced to this agent, and enroll it again if it slept through it.",
        *_NOTHING,
    ),
    Verdict.WRONG_SAN: (
        "Provider: give the gateway a certificate for the name that agents dial, or correct the name.",
        *_NOTHING,
    ),
    Verdict.CERT_EXPIRED: (
        "See whether the clock of the agent's server is right.",
        "Provider: renew the gateway's certificate.",
        *_NOTHING,
    ),
    Verdict.PROVIDER_FAULT: ("Provider: mend the gateway as described.", *_NOTHING),
    Verdict.GATEWAY_RESTART: ("Wait: the agent connects again by itself.", *_NOTHING),
    Verdict.INSPECTED_UNTRUSTED: _EXEMPT,
    Verdict.INSPECTED_TRUSTED_ROOT: _EXEMPT,
    Verdict.INSPECTED_WITH_OUR_KEY: (
        "Provider: find out who holds a copy of the gateway's private key, and replace the key.",
        *_EXEMPT,
    ),
    Verdict.CLIENT_CERT_STRIPPED: _EXEMPT,
    Verdict.DOWNGRADED: ("Let TLS 1.3 pass to the gateway unaltered.", *_EXEMPT),
    Verdict.ALPN_CHANGED: ("Let ALPN `fieldgate/1` pass to the gateway unaltered.", *_EXEMPT),
    Verdict.PAYLOAD_DROPPED: ("Allow TLS to the gateway that is not HTTP.", *_ALLOW),
    Verdict.BLOCKED_BY_RESET: _ALLOW,
    Verdict.TCP_BLOCKED: _ALLOW,
    Verdict.HTTP_ANSWER: (
        "Look at the page that answered: it usually names the product and the rule.",
        *_ALLOW,
    ),
    Verdict.CAPTIVE_PORTAL: ("Exempt the server from the portal, or log it in.", *_ALLOW),
    Verdict.PROXY_AUTH: ("Give the agent the proxy's login, or let it pass the proxy without one.",),
    Verdict.PROXY_DOWN: (
        "See whether the proxy that the agent is set to is the right one, and whether it is up.",
        "Test again with `fieldgate-agent probe`, and with `--proxy none` if the server may go without.",
    ),
    Verdict.PROXY_DENIED: ("Let the proxy connect to the gateway's addresses and ports (CONNECT).",),
    Verdict.WRONG_SERVICE: (
        "Check the address that the agent is set to, the site's DNS, and port forwarding on the way.",
        "Test again with `fieldgate-agent probe`.",
    ),
    Verdict.HELLO_TOO_LARGE: (
        "Update the firewall, or exempt the gateway's addresses: it has to reassemble TLS hellos of several packets.",
        "If hellos of 1,400 bytes fail too, mend the path's MTU (let ICMP `fragmentation needed` pass).",
    ),
    Verdict.DNS_MISMATCH: (
        "Resolve the gateway's name at a public resolver and compare; exempt it from DNS filtering.",
    ),
    Verdict.SESSION_CUT: (
        "Raise the session or idle limit for the gateway's addresses, or exempt them.",
        "Agents send a heartbeat every 30 seconds: a connection is never idle for long.",
    ),
    Verdict.NOT_REACHED: (
        "Provider: see whether the gateway was up at that time, with a balancer that knew it, and whether others connect.",
        "If it was: allow outgoing TCP to the gateway's addresses and ports on whatever is in the path.",
        "Test again with `fieldgate-agent probe`.",
    ),
    Verdict.HELLO_FOREIGN: ("Nothing yet: ask an agent behind that address to run `fieldgate-agent probe`.",),
    Verdict.NOT_AN_AGENT: ("Nothing to do.",),
    Verdict.UNEXPLAINED: ("Run `fieldgate-agent probe` on the server and send the provider what it says.",),
}
