"""Palo Alto Networks (PAN-OS)."""

from typing import Final

from certs.inspection.playbooks_model import Recipe
from certs.inspection.playbooks_products import ProductBook

__all__ = ["PALO_ALTO"]

_FILTER: Final = (
    "( addr.src in {source} ) and ( port.src eq {source_port} ) and ( addr.dst in {to} ) and ( port.dst eq {port} )",
    "and ( receive_time geq '{from_slashes}' ) and ( receive_time leq '{until_slashes}' )",
)

PALO_ALTO: Final = ProductBook(
    slug="palo-alto",
    name="Palo Alto Networks firewall",
    find=(
        Recipe(
            text="Monitor › Logs › Traffic, with this filter; the second line narrows it by time, which is in UTC here, and in the "
            "firewall's own time zone there. Columns Rule, Application, Action and Session End Reason tell what became of it. "
            "Type `deny` with application `ssl` means: recognised as TLS, and no rule allows TLS on port {port}.",
            lines=_FILTER,
            version="PAN-OS 7.1, 8.1 and 10.1",
            source="docs.paloaltonetworks.com traffic log fields; knowledge base, Basics of Traffic Monitor Filtering; "
            "live.paloaltonetworks.com Traffic Monitor Filter Basics (m-p/63923)",
        ),
        Recipe(
            text="Monitor › Logs › Decryption, with the same filter. Policy Name is the decryption rule to stay above; Error says "
            "`ssl-cert-server-issuer-untrusted` where the firewall does not know the provider's CA. By default only failed handshakes "
            "are logged there.",
            version="PAN-OS 10.0 to 10.2",
            source="docs.paloaltonetworks.com decryption logs, decryption log fields",
        ),
    ),
    exempt=(
        Recipe(
            text="Policies › Decryption › Add, then move the rule to the top, where the first match counts, then Commit.",
            lines=(
                "Name                 fieldgate-no-decrypt",
                "Source Address       {source}   (the backup server; or Any)",
                "Destination Address  {gateways}",
                "Service              tcp/{ports}   (Objects › Services › Add, if there is none)",
                "Options › Action     No Decrypt",
                "Place                top of the list   (Move Up, or drag the rule there)",
                "Commit",
            ),
            version="PAN-OS 9.1, and 11.1 and later",
            source="docs.paloaltonetworks.com create a decryption policy rule (pan-os/9-1 and 11-1, define traffic to decrypt); exclude "
            "traffic from decryption, PAN-OS (network-security/decryption/administration/decryption-exclusions)",
        ),
        Recipe(
            text="Attach no no-decryption profile that blocks untrusted issuers to that rule: the sessions are TLS 1.3, whose certificates the "
            "firewall cannot read without decrypting.",
            version="PAN-OS 11.1 and later",
            source="docs.paloaltonetworks.com exclude traffic from decryption (PAN-OS)",
        ),
        Recipe(
            text="Where rules may not be added: Device › Certificate Management › SSL Decryption Exclusion › Add, by name. It helps only for "
            "agents that dial the gateway by this name.",
            lines=("Hostname  {name}", "Exclude   on"),
            version="PAN-OS 9.1 and later",
            source="docs.paloaltonetworks.com decryption exclusions",
        ),
        Recipe(
            text="The gateway's addresses can be kept in an External Dynamic List (type IP List); the provider prints them with `fieldgate endpoints`.",
            version="PAN-OS 9.1 and later",
            source="docs.paloaltonetworks.com external dynamic lists",
        ),
    ),
    unexempt=(
        Recipe(
            text="Policies › Decryption: select fieldgate-no-decrypt, Disable (or Delete), Commit.",
            version="PAN-OS, as of 2023",
            source="live.paloaltonetworks.com ba-p/535563",
        ),
    ),
    allow=(
        Recipe(
            text="If the rule that should let it out has application `ssl` and service `application-default`, TLS is allowed on its default port "
            "only (443), and port {port} is dropped as soon as the firewall recognises the hello: TCP comes up, and the "
            "connection is cut. Give the agent a rule with the port in it.",
            version="PAN-OS 9.1 and later",
            source="knowledge base kA10g000000ClVwCAK; docs.paloaltonetworks.com app-id, application-default",
        ),
        Recipe(
            text="Policies › Security › Add, above the rule that matched, then Commit.",
            lines=(
                "Name                 fieldgate-out",
                "Source Address       {source}",
                "Destination Address  {gateways}",
                "Application          ssl",
                "Service              tcp/{ports}   (a service object; not application-default)",
                "Action               Allow",
                "Commit",
            ),
            version="PAN-OS 9.1 and later",
            source="docs.paloaltonetworks.com app-id, application-default",
        ),
    ),
    unallow=(
        Recipe(
            text="Policies › Security: select fieldgate-out, Disable (or Delete), Commit.",
            version="PAN-OS, as of 2023",
            source="live.paloaltonetworks.com ba-p/535563",
        ),
    ),
    beware=(
        Recipe(
            text="With SSL Forward Proxy the firewall re-signs a server whose CA it does not know with its Forward Untrust certificate, which "
            "clients are meant to distrust; a decryption profile with Block sessions with untrusted issuers cuts the connection instead. "
            "Both look like a fault of the provider's, and neither is mended on the server.",
            version="PAN-OS 10.x",
            source="docs.paloaltonetworks.com decryption profile and SSL Forward Proxy; log reason ssl-cert-server-issuer-untrusted",
        ),
    ),
)
