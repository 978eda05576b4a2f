"""Firewalls with fewer words: Sophos, Check Point, SonicWall, WatchGuard."""

from typing import Final

from certs.inspection.playbooks_model import Recipe
from certs.inspection.playbooks_products import ProductBook

__all__ = ["CHECK_POINT", "SONICWALL", "SOPHOS", "WATCHGUARD"]

SOPHOS: Final = ProductBook(
    slug="sophos",
    name="Sophos Firewall",
    find=(
        Recipe(
            text="Log viewer › SSL/TLS inspection: it shows whether this connection was decrypted, left alone or denied, and by which rule. "
            "Log viewer › Firewall shows the same connection with its firewall rule. (Rules log only if Log connections, or Log firewall "
            "traffic, is on.) The firewall's own time zone applies.",
            lines=(
                "time      {at} UTC   (search {from} to {until} UTC)",
                "Src IP    {source}      Src port  {source_port}",
                "Dst IP    {to}      Dst port  {port}",
            ),
            version="SFOS 19.0, 19.5 and 21.0",
            source="docs.sophos.com Sophos Firewall, add an SSL/TLS inspection rule",
        ),
    ),
    exempt=(
        Recipe(
            text="Rules and policies › SSL/TLS inspection rules › Add. Inspection finds TLS on any TCP port, so that port {port} is no shelter.",
            lines=(
                "Rule name                fieldgate",
                "Rule position            Top",
                "Action                   Don't decrypt",
                "Source networks          {source}   (the backup server; or Any)",
                "Destination networks     {gateways}",
                "Services                 TCP {ports}",
            ),
            version="SFOS 19.0, 19.5 and 21.0",
            source="docs.sophos.com Sophos Firewall 19.5, add an SSL/TLS inspection rule",
        ),
        Recipe(
            text="The restrictions of the decryption profile apply to Don't decrypt as well: choose one that blocks neither TLS 1.3 nor "
            "certificates of unknown CAs.",
            version="SFOS 19.0 and 19.5",
            source="docs.sophos.com Sophos Firewall 19.5, add an SSL/TLS inspection rule",
        ),
        Recipe(
            text="If the firewall rule uses the web proxy instead of the DPI engine, that rule does not reach it. Then: Web › Exceptions › Add "
            "exception, with these destinations and HTTPS decryption ticked under the checks to skip.",
            version="SFOS 17.5 (exceptions) and 21.0 (web proxy)",
            source="docs.sophos.com Sophos Firewall 17.5, add an exception; 21.0, SSL/TLS inspection rules",
        ),
    ),
    unexempt=(
        Recipe(
            text="Rules and policies › SSL/TLS inspection rules: switch that rule (fieldgate) off, or delete it. Likewise the exception.",
            version="SFOS 19.5",
            source="docs.sophos.com Sophos Firewall, SSL/TLS inspection rules",
        ),
    ),
    allow=(
        Recipe(
            text="Rules and policies › Firewall rules › Add firewall rule › New firewall rule.",
            lines=(
                "Rule name             fieldgate",
                "Rule position         Top",
                "Action                Accept",
                "Log firewall traffic  on",
                "Source                {source}",
                "Destination networks  {gateways}",
                "Services              TCP {ports}",
                "Web policy            None      Application control  None",
            ),
            version="SFOS 19.0, 19.5 and 21.0",
            source="docs.sophos.com Sophos Firewall, add a firewall rule",
        ),
    ),
    unallow=(
        Recipe(
            text="Rules and policies › Firewall rules: switch that rule (fieldgate) off, or delete it.",
            version="SFOS 21.0",
            source="docs.sophos.com Sophos Firewall 21.0, add a firewall rule",
        ),
    ),
    beware=(
        Recipe(
            text="Sophos keeps the trust of the original: a server whose CA the firewall does not know is not re-signed with the CA that clients "
            "trust. So the company's root on the server changes nothing. An action Reject on the firewall rule sends a TCP reset.",
            version="SFOS 19.0 and 21.0",
            source="docs.sophos.com Sophos Firewall, SSL/TLS inspection rules; add a firewall rule",
        ),
    ),
)

CHECK_POINT: Final = ProductBook(
    slug="check-point",
    name="Check Point firewall",
    find=(
        Recipe(
            text="SmartConsole › Logs & Monitor › Logs, with one of these queries and a custom time ({from} to {until} UTC). "
            "Look at Blade, Action, the HTTPS Inspection rule, and at the source port, {source_port}. `src` and an implied AND are the "
            "manual's own; where `service` or `blade` finds nothing, choose the field from the list that the search bar opens: its names may "
            "differ in your version. Only administrators with HTTPS Inspection permission see all fields.",
            lines=(
                "src:{source} AND dst:{to} AND service:{port}",
                'blade:"HTTPS Inspection" AND src:{source} AND dst:{to}',
            ),
            version="R80.40 (query language) and R81 (HTTPS Inspection)",
            source="sc1.checkpoint.com R80.40 Logging and Monitoring guide, query language overview and selecting query fields; R81 Threat "
            "Prevention guide, HTTPS Inspection; supportcenter.checkpoint.com sk144192, fields in logs",
        ),
    ),
    exempt=(
        Recipe(
            text="SmartConsole › Security Policies › HTTPS Inspection: a rule above the one that inspects, then Install Policy.",
            lines=(
                "Name         fieldgate",
                "Source       {source}   (the backup server; or Any)",
                "Destination  {gateways}   (host objects)",
                "Services     TCP {ports}   (a service object; the default group knows HTTPS ports alone)",
                "Action       Bypass",
                "Track        Log",
            ),
            version="R81 and R82",
            source="sc1.checkpoint.com R81 and R82 Threat Prevention guides, HTTPS Inspection",
        ),
        Recipe(
            text="For Harmony SASE: Internet Access › HTTPS Inspection Policy › Add New Rule, action Bypass, the gateway's addresses as destination.",
            version="as of 2025",
            source="sc1.checkpoint.com SASE administration guide, HTTPS Inspection Policy",
        ),
    ),
    unexempt=(
        Recipe(
            text="Disable or delete the rule fieldgate, and Install Policy.",
            version="R81",
            source="sc1.checkpoint.com R81 Threat Prevention guide, HTTPS Inspection",
        ),
    ),
    beware=(
        Recipe(
            text="The Security Gateway checks the server's certificate itself before it makes one of its own. It does not know the provider's "
            "private CA, so a forged certificate is as likely as a dropped connection. The name of its own CA is the administrator's choice: "
            "reports cannot recognise the product by it.",
            version="R81",
            source="sc1.checkpoint.com R81 Data Loss Prevention guide, inspecting HTTPS packets",
        ),
    ),
)

SONICWALL: Final = ProductBook(
    slug="sonicwall",
    name="SonicWall firewall",
    find=(
        Recipe(
            text="Policy › DPI-SSL › Client SSL › Common Name shows what DPI-SSL failed on, with a button Exclude. In the log, this session:",
            lines=("{at} UTC   {source} port {source_port} → {to} port {port}/tcp",),
            version="SonicOS 7.0 and 8",
            source="sonicwall.com SonicOS 8 getting started guide, DPI-SSL; SonicOS 7.0 DPI-SSL",
        ),
    ),
    exempt=(
        Recipe(
            text="An address object with these addresses, excluded under the exclusions and inclusions of Policy › DPI-SSL › Client SSL. "
            "It works whatever the agents dial.",
            lines=("Address object  {gateways}", "Exclude         that object"),
            version="SonicOS 7; the menu may differ in yours",
            source="SonicOS 7 DPI-SSL administration guide, configuring exclusions and inclusions",
        ),
        Recipe(
            text="Or, for agents that dial the name: Policy › DPI-SSL › Client SSL › Common Name › Common Name: Exclusions/Inclusions › +Add.",
            lines=("Common name  {name}", "Action       Exclude"),
            version="SonicOS 7.0",
            source="sonicwall.com SonicOS 7.0 DPI-SSL, excluding/including common names (docs/sonicos-7-0-0-0-dpi_ssl)",
        ),
    ),
    unexempt=(
        Recipe(
            text="Remove the custom common name, or take the address object out of the exclusion.",
            version="SonicOS 7.0",
            source="sonicwall.com SonicOS 7.0 DPI-SSL",
        ),
    ),
    beware=(
        Recipe(
            text="Where `Always authenticate server for decrypted connections` is on, DPI-SSL blocks connections to servers with untrusted "
            "certificates (the list of connection failures shows them), and the provider's CA is a private one. Else it re-signs them.",
            version="SonicOS 7.1",
            source="sonicwall.com SonicOS 7.1 DPI-SSL, configuring general DPI-SSL/TLS client settings (docs/sonicos-7-1-dpi_ssl)",
        ),
    ),
)

WATCHGUARD: Final = ProductBook(
    slug="watchguard",
    name="WatchGuard Firebox",
    find=(
        Recipe(
            text="Traffic Monitor, filtered by this session; HTTPS entries name the SNI or CN that a domain name rule has to match.",
            lines=("{at} UTC   {source} port {source_port} → {to} port {port}/tcp",),
            version="Fireware 11",
            source="watchguard.com Fireware help, HTTPS-proxy: domain names",
        ),
    ),
    exempt=(
        Recipe(
            text="In the HTTPS client proxy action of the policy that handles port {port} (a custom policy made from the HTTPS-proxy, in older "
            "versions a TCP-UDP-proxy): a domain name rule with action Allow instead of Inspect. It matches the SNI, else the "
            "certificate's CN. By address the vendor advises against it: only a certificate that has the address in it is matched so.",
            lines=("Domain name rule  {name}", "Action            Allow"),
            version="Fireware 12 and help center as of 2025; the menu may differ in yours",
            source="watchguard.com Fireware help center, HTTPS-proxy: domain name rules; HTTPS-proxy: content inspection; about the HTTPS-proxy",
        ),
    ),
    unexempt=(
        Recipe(
            text="Delete the domain name rules.",
            version="Fireware 12",
            source="watchguard.com Fireware help, HTTPS-proxy: content inspection",
        ),
    ),
)
