"""Fortinet FortiGate (FortiOS)."""

from typing import Final

from certs.inspection.playbooks_model import Recipe
from certs.inspection.playbooks_products import ProductBook

__all__ = ["FORTINET"]

_ADDRESSES: Final = Recipe(
    text="Address objects for the gateway. (For an IPv6 address: `config firewall address6`, `set ip6 ADDRESS/128`.)",
    lines=(
        "config firewall address",
        (
            '    edit "fieldgate-gateway-{n}"',
            "        set subnet {gateway} 255.255.255.255",
            "    next",
        ),
        "end",
    ),
    version="FortiOS 6.0 and 6.2",
    source="docs.fortinet.com CLI reference 6.0.5 and 6.2.3, firewall address",
)

FORTINET: Final = ProductBook(
    slug="fortinet",
    name="Fortinet FortiGate",
    find=(
        Recipe(
            text="Log & Report › Forward Traffic, filtered by this session; or the same in the CLI. `policyid` says which policy let it "
            "in, `utmaction` and `countssl` that SSL inspection had a hand in it. Log times are the device's local time; in UTC "
            "it was {from} to {until}.",
            lines=(
                "execute log filter category traffic",
                "execute log filter field srcip {source}",
                "execute log filter field srcport {source_port}",
                "execute log filter field dstip {to}",
                "execute log filter field dstport {port}",
                "execute log display",
            ),
            version="FortiOS 6.0 (field names) and 7.6.0 (execute log filter)",
            source="docs.fortinet.com log message reference 6.0.11; administration guide 7.6.0, log-related diagnostic commands",
        ),
        Recipe(
            text="In the SSL log (type utm, subtype ssl) the same source port tells what inspection did. `profile` names the SSL/SSH "
            "inspection profile that has to be changed.",
            lines=(
                'eventtype="ssl-anomaly"   action="resign-as-untrusted"   msg="Server certificate is re-signed as untrusted …"',
                'eventtype="ssl-negotiation"   action="blocked"',
            ),
            version="FortiOS 6.4 and a log of 2023",
            source="community.fortinet.com ta-p/218813; docs.fortinet.com new features 6.4.0, WAD and proxyd SSL logging",
        ),
        Recipe(
            text="While the agent retries, live:",
            lines=(
                "diagnose sys session filter src {source}",
                "diagnose sys session filter dport {port}",
                "diagnose sys session list",
            ),
            version="FortiOS 5.0",
            source="help.fortinet.com FortiOS 5.0, CLI session information",
        ),
    ),
    exempt=(
        _ADDRESSES,
        Recipe(
            text="Exempt them in the SSL/SSH inspection profile that the policy uses (PROFILE; the log names it). `edit 0` makes a new "
            "entry; it gets the next unused number when `next` saves it, and `show` tells which. The profile `deep-inspection` is read-only: change `custom-deep-inspection` or a clone. "
            "(IPv6: `set type address6`, `set address6`.)",
            lines=(
                "config firewall ssl-ssh-profile",
                '    edit "PROFILE"',
                "        config ssl-exempt",
                (
                    "            edit 0",
                    "                set type address",
                    '                set address "fieldgate-gateway-{n}"',
                    "            next",
                ),
                "        end",
                "    next",
                "end",
            ),
            version="FortiOS 6.0 to 7.6",
            source="docs.fortinet.com CLI reference 6.0.6, 6.2.3, 6.4.2, 7.0.2, 7.6.0; administration guide 7.4.1, SSL & SSH inspection; "
            "administration guide 7.4.0, subcommands (fortigate/7.4.0/administration-guide/627485: edit 0)",
        ),
        Recipe(
            text="Or, in the web interface: Security Profiles › SSL/SSH Inspection › the profile › Exempt from SSL Inspection › Addresses.",
            version="FortiOS 5.2 and FortiPortal 7.2",
            source="help.fortinet.com FortiOS 5.2, policies.074.36; docs.fortinet.com FortiPortal 7.2.1, 433290",
        ),
        Recipe(
            text="Why port {port} is inspected at all: `inspect-all` under `config ssl` of that profile covers every port. `config https` "
            "matters only if the port is among its `ports`. Every server that asks for a client certificate can be "
            "let through by this line, too, which is wider than the exemption (6.4 to 7.6; in 6.0 and 6.2 it is "
            "`set client-cert-request bypass`):",
            lines=(
                "config firewall ssl-ssh-profile",
                '    edit "PROFILE"',
                "        config ssl",
                "            set client-certificate bypass",
                "        end",
                "    next",
                "end",
            ),
            version="FortiOS 6.0 to 7.6",
            source="docs.fortinet.com CLI reference 6.0.6, 6.2.3, 6.4.2, 7.0.2, 7.6.0",
        ),
    ),
    unexempt=(
        Recipe(
            text="List the exemptions, delete the ones added (ID), then the address objects, which cannot be deleted while they are in use.",
            lines=(
                "config firewall ssl-ssh-profile",
                '    edit "PROFILE"',
                "        config ssl-exempt",
                "            show",
                "            delete ID",
                "        end",
                "    next",
                "end",
                "config firewall address",
                '    delete "fieldgate-gateway-{n}"',
                "end",
            ),
            version="FortiOS 6.0 to 7.6",
            source="docs.fortinet.com CLI reference 6.0.5, firewall address; 7.6.0, ssl-ssh-profile",
        ),
    ),
    allow=(
        _ADDRESSES,
        Recipe(
            text="A service for the port, and a policy above the one that denies (INSIDE and OUTSIDE are interfaces; ID is the denying policy's number, "
            "NEW the one that this policy got, see `show`). "
            "No application control, and no SSL inspection.",
            lines=(
                "config firewall service custom",
                '    edit "fieldgate-tcp"',
                "        set tcp-portrange {ports_spaced}",
                "    next",
                "end",
                "config firewall policy",
                "    edit 0",
                '        set name "fieldgate"',
                '        set srcintf "INSIDE"',
                '        set dstintf "OUTSIDE"',
                '        set srcaddr "all"',
                "        set dstaddr {quoted_gateways}",
                "        set action accept",
                '        set schedule "always"',
                '        set service "fieldgate-tcp"',
                '        set ssl-ssh-profile "no-inspection"',
                "        set logtraffic all",
                "        set nat enable",
                "    next",
                "    move NEW before ID",
                "end",
            ),
            version="FortiOS 6.4 and 7.4",
            source="docs.fortinet.com administration guide 6.4.1, 743069 and 6.4.2, 986892; 7.4.0, 627485 (edit 0); 7.4.1, SSL & SSH "
            "inspection (no-inspection)",
        ),
    ),
    unallow=(
        Recipe(
            text="Delete the policy, then its service and addresses.",
            lines=(
                "config firewall policy",
                "    delete NEW",
                "end",
                "config firewall service custom",
                '    delete "fieldgate-tcp"',
                "end",
                "config firewall address",
                '    delete "fieldgate-gateway-{n}"',
                "end",
            ),
            version="FortiOS 6.0 to 7.6",
            source="docs.fortinet.com CLI reference 6.0.5, firewall address",
        ),
    ),
    session=(
        Recipe(
            text="A session's TTL counts idle seconds (default 3600, at least 300), and the agent's heartbeat every 30 seconds renews it. If "
            "the sessions ended at a value that is set here, raise it for the one policy (ID) that carries them:",
            lines=(
                "show full-configuration system session-ttl",
                "config firewall policy",
                "    edit ID",
                "        set session-ttl 86400",
                "    next",
                "end",
            ),
            version="FortiOS, as of 2025",
            source="community.fortinet.com ta-p/194357, ta-p/195971 and ta-p/191228",
        ),
    ),
    unsession=(
        Recipe(
            text="Back to the global value:",
            lines=(
                "config firewall policy",
                "    edit ID",
                "        set session-ttl 0",
                "    next",
                "end",
            ),
            version="FortiOS, as of 2025",
            source="community.fortinet.com ta-p/195971",
        ),
    ),
    beware=(
        Recipe(
            text="A FortiGate does not know the provider's private CA. By `untrusted-server-cert` it then re-signs with `Fortinet_CA_Untrusted` "
            "(allow), with `Fortinet_CA_SSL` as if all were well (ignore), or cuts the connection (block). To install `Fortinet_CA_SSL` on "
            "the server therefore does not help, and the agent would refuse it anyway.",
            version="all FortiOS versions",
            source="community.fortinet.com ta-p/218813",
        ),
    ),
)
