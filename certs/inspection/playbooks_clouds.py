"""Inspection in a cloud: Zscaler, Netskope, Cloudflare, Cato. Their administrators need not be at the customer's site."""

from typing import Final

from certs.inspection.playbooks_model import Recipe
from certs.inspection.playbooks_products import ProductBook

__all__ = ["CATO", "CLOUDFLARE", "NETSKOPE", "ZSCALER"]

ZSCALER: Final = ProductBook(
    slug="zscaler",
    name="Zscaler",
    caller="Whoever administers the customer's Zscaler tenant (often the security team, not the site's firewall team).",
    find=(
        Recipe(
            text="Web Insights › Logs, with a custom time frame (to the second) and filters, then Apply Filters. The column SSL Policy Reason "
            "says by which rule it was inspected or not. Behind address translation the client address may be the site's public one.",
            lines=(
                "time       {from} to {until} UTC   (the attempt: {at} UTC)",
                "client     {source}",
                "server     {to}, port {port}",
            ),
            version="ZIA, as of 2025",
            source="help.zscaler.com viewing web logs; about SSL Inspection policy",
        ),
        Recipe(
            text="Firewall Insights › Logs, likewise: what was not taken for web traffic, with the rule that allowed or dropped it. "
            "Without the Advanced Firewall subscription, allowed sessions appear only summed up over 15 minutes, blocked ones singly.",
            lines=("client  {source}, source port {source_port}", "server  {to}, port {port}"),
            version="ZIA, as of 2025",
            source="help.zscaler.com viewing firewall logs; NSS feed output format: firewall logs",
        ),
    ),
    exempt=(
        Recipe(
            text="Policies › Access Control › Firewall › IP & FQDN Groups › Destination IPv4 Groups › Add Destination IPv4 Group: the gateway's "
            "addresses. There is none for IPv6: then by FQDN. (A custom URL category knows names alone, no addresses.)",
            lines=("Name  fieldgate", "Type  IP Address   {gateways}", "  or  FQDN         {name}"),
            version="Zscaler Experience Center, as of 2025",
            source="help.zscaler.com configuring destination IP groups (unified/configuring-destination-ip-groups)",
        ),
        Recipe(
            text="Policies › Common Configuration › SSL/TLS Inspection › SSL/TLS Inspection Policy › Add SSL Inspection Rule (in the older portal: "
            "Policy › SSL Inspection), above the rules that inspect; then activate the change.",
            lines=(
                "Rule Order   above every rule that inspects",
                "Rule Name    fieldgate",
                "Rule Status  Enabled",
                "Criteria     destination group: fieldgate",
                "Action       Do Not Inspect",
            ),
            version="Zscaler Experience Center, as of 2025; what the criterion is called may differ in your portal",
            source="help.zscaler.com configuring SSL Inspection policy (unified/configuring-ssl-inspection-policy); reference architecture "
            "TLS/SSL Inspection with ZIA, 2022, destination groups",
        ),
        Recipe(
            text="Zscaler itself says that it does not decrypt mutually authenticated TLS, and asks administrators to add destinations that "
            "need a client certificate to the global bypass list themselves. This gateway is one.",
            version="ZIA, as of 2025",
            source="help.zscaler.com deploying SSL inspection",
        ),
    ),
    unexempt=(
        Recipe(
            text="Set Rule Status to Disabled (the rule keeps its place) or delete the rule, then its group, and activate the change.",
            version="Zscaler Experience Center, as of 2025",
            source="help.zscaler.com configuring SSL Inspection policy",
        ),
    ),
    beware=(
        Recipe(
            text="Zscaler counts a server with a private CA as untrusted, and by its setting then allows it without a warning (re-signed as if all "
            "were well), passes the warning on, or blocks with a page of its own. A forged chain and a block page are the same rule's doing.",
            version="ZIA, as of 2025",
            source="help.zscaler.com what does Zscaler consider an untrusted server certificate",
        ),
    ),
)

NETSKOPE: Final = ProductBook(
    slug="netskope",
    name="Netskope",
    caller="Whoever administers the customer's Netskope tenant (often the security team, not the site's firewall team).",
    find=(
        Recipe(
            text="Skope IT › Events and Alerts: Alerts first (a drop shows there even though the user is told nothing), then Page Events and "
            "Network Events, for this time and these addresses.",
            lines=(
                "time         {from} to {until} UTC   (the attempt: {at} UTC)",
                "source       {source}, port {source_port}",
                "destination  {to}, port {port}",
            ),
            version="as of 2025",
            source="docs.netskope.com about Skope IT events & alerts; add a policy for SSL decryption",
        ),
    ),
    exempt=(
        Recipe(
            text="Policies › SSL Decryption › Add Policy. A new policy is disabled until it is enabled; apply the changes afterwards.",
            lines=(
                "Match criteria  Destination Network Location: {gateways}   (+New, to make one)",
                "Action          Do Not Decrypt",
                "Policy name     fieldgate",
                "Status          Enabled, above the policies that decrypt",
            ),
            version="as of 2025",
            source="docs.netskope.com add a policy for SSL decryption",
        ),
        Recipe(
            text="By domain works too, but only by the SNI of agents that dial the name: Domain {name}. Real-time Protection policies still "
            "apply to a connection that is not decrypted; none of them may block it.",
            version="as of 2025",
            source="docs.netskope.com add a policy for SSL decryption",
        ),
    ),
    unexempt=(
        Recipe(
            text="Policies › SSL Decryption: disable or delete the policy fieldgate, and apply the changes.",
            version="as of 2025",
            source="docs.netskope.com add a policy for SSL decryption",
        ),
    ),
    beware=(
        Recipe(
            text="By default Netskope blocks servers with self-signed certificates or private CAs: a block page comes as often as a forged chain. "
            "A Real-time Protection policy with action Bypass does not lift that; a Do Not Decrypt policy does.",
            version="as of 2023",
            source="community.netskope.com next-gen-swg-2, 908",
        ),
    ),
)

CLOUDFLARE: Final = ProductBook(
    slug="cloudflare",
    name="Cloudflare Gateway",
    caller="Whoever administers the customer's Cloudflare Zero Trust account.",
    find=(
        Recipe(
            text="In Gateway's HTTP and network logs, for this time. A session under Do Not Inspect leaves no HTTP log.",
            lines=("{at} UTC   {source} port {source_port} → {to} port {port}/tcp",),
            version="as of 2025",
            source="developers.cloudflare.com Cloudflare One, policies FAQ",
        ),
    ),
    exempt=(
        Recipe(
            text="Gateway › HTTP policies: a Do Not Inspect policy. Wherever it stands, it is evaluated before every Allow and Block policy. "
            "Inspection on all ports is what catches port {port}.",
            lines=("Selector  Destination IP   in   {gateways}", "Action    Do Not Inspect"),
            version="as of 2025",
            source="developers.cloudflare.com Cloudflare One, policies FAQ; HTTP policies",
        ),
    ),
    unexempt=(
        Recipe(
            text="Delete the policy.", version="as of 2025", source="developers.cloudflare.com Cloudflare One"
        ),
    ),
    beware=(
        Recipe(
            text="By default, servers whose certificate Cloudflare does not trust are blocked: a block page comes as often as a forged chain.",
            version="as of 2025",
            source="developers.cloudflare.com Cloudflare One, untrusted certificates",
        ),
    ),
)

CATO: Final = ProductBook(
    slug="cato",
    name="Cato Networks",
    caller="Whoever administers the customer's Cato account.",
    find=(
        Recipe(
            text="In the account's events, for this time and these addresses:",
            lines=("{at} UTC   {source} port {source_port} → {to} port {port}/tcp",),
        ),
    ),
    exempt=(
        Recipe(
            text="TLS Inspection policy: a rule with action Bypass above the last rule, which inspects everything. Linux and unknown operating "
            "systems are bypassed by default; a Windows server is not.",
            lines=("Destination  {gateways}", "Action       Bypass"),
            version="as of 2025",
            source="support.catonetworks.com 4413273491857, configuring TLS Inspection policy",
        ),
    ),
    unexempt=(
        Recipe(
            text="Delete that rule.", version="as of 2025", source="support.catonetworks.com 4413273491857"
        ),
    ),
)
