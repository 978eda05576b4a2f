"""Proxies that anybody may run, and security software on the very server."""

from typing import Final

from certs.inspection.playbooks_model import Recipe
from certs.inspection.playbooks_products import ProductBook
from certs.inspection.vendors_data import VENDORS

__all__ = ["MITMPROXY", "ON_THE_SERVER", "SQUID"]

SQUID: Final = ProductBook(
    slug="squid",
    name="squid",
    caller="Whoever runs the squid proxy at the customer's site.",
    find=(
        Recipe(
            text="In access.log: the CONNECT (or the intercepted connection) from this client at this time. The first column is seconds since 1970, UTC.",
            lines=("grep '{source}' /var/log/squid/access.log | grep -E '{to}|{name}'   # around {at} UTC",),
            version="squid 5 and 6, default log format",
            source="squid.conf.documented, logformat squid",
        ),
    ),
    exempt=(
        Recipe(
            text="Splice the gateway's addresses, above every other `ssl_bump` line; then `squid -k reconfigure`.",
            lines=("acl fieldgate_gateways dst {gateways_spaced}", "ssl_bump splice fieldgate_gateways"),
            version="squid 3.5 to 7",
            source="squid-cache.org configuration directive ssl_bump",
        ),
    ),
    unexempt=(
        Recipe(
            text="Take the two lines out, and `squid -k reconfigure`.",
            version="squid 3.5 to 7",
            source="squid-cache.org configuration directive ssl_bump",
        ),
    ),
    beware=(
        Recipe(
            text="A squid that bumps at step 1 answers the agent before it has seen the gateway, and drops whatever is not HTTP.",
            version="squid 5 and 6",
            source="observed",
        ),
    ),
)

MITMPROXY: Final = ProductBook(
    slug="mitmproxy",
    name="mitmproxy",
    caller="Whoever started mitmproxy: a tool for developers and testers, not a firewall. If nobody knows of it, call the security team.",
    find=(
        Recipe(
            text="In its event log, at {at} UTC: a client from {source} port {source_port} whose TLS handshake failed, because the client does not trust the proxy's certificate."
        ),
    ),
    exempt=(
        Recipe(
            text="Stop it; or let it pass the gateway through. The option is a regular expression for `host:port`.",
            lines=("--ignore-hosts '^{gateway}:{port}$'",),
            version="mitmproxy, stable documentation as of 2025",
            source="docs.mitmproxy.org how-to: ignoring domains",
        ),
    ),
    unexempt=(
        Recipe(
            text="Start it without that option.",
            version="mitmproxy",
            source="docs.mitmproxy.org how-to: ignoring domains",
        ),
    ),
)

_SLUGS: Final = {row.slug: row.vendor for row in VENDORS if row.software}

ON_THE_SERVER: Final = tuple(
    ProductBook(
        slug=slug,
        name=name,
        caller=f"Whoever looks after the agent's server: {name} runs on the server itself, not in the network.",
        find=(
            Recipe(
                text="In the product's own log on the server, at {at} UTC: a connection to {to} port {port}."
            ),
        ),
        exempt=(
            Recipe(
                text=f"In {name}, on the server: take these addresses, or the agent's program, out of the scanning of encrypted connections "
                "(products call it HTTPS scanning, SSL/TLS protocol filtering, web shield). A debugging proxy that nobody needs is best stopped.",
                lines=("address  {gateways}", "port     {ports}/tcp", "program  fieldgate-agent"),
            ),
        ),
        unexempt=(Recipe(text="Take the entry out of the product's exclusions."),),
    )
    for slug, name in sorted(_SLUGS.items())
)
