"""22xx and 3xxx: enrollment, certificates and the path between agent and gateway, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

TRUST: Final[dict[Code, Explanation]] = {
    Code.TOKEN_UNKNOWN: Explanation(
        "unknown enrollment token",
        "No token with this id exists here. It belongs to another provider, was copied incompletely, or its record has been "
        "deleted.",
        "Compare with `fieldgate token list`, and give the customer a token of this provider.",
    ),
    Code.TOKEN_EXPIRED: Explanation(
        "enrollment token expired",
        "The token was valid once. The agent has a certificate, but is Unverified: it may connect and report nothing.",
        "Accept the agent (`fieldgate agent accept`) if you know the server, or enroll it again with a new token.",
    ),
    Code.TOKEN_REVOKED: Explanation(
        "enrollment token revoked",
        "An operator revoked this token, so it is refused for good.",
        "Find out why it was revoked before making another one. Agents that enrolled with it earlier are not affected.",
    ),
    Code.TOKEN_USED_UP: Explanation(
        "enrollment token used up",
        "The token has enrolled as many agents as it is good for. This one has a certificate, but is Unverified.",
        "Accept the agent if it belongs there. If nobody knows it, the token has leaked: revoke it.",
    ),
    Code.ENROLLMENT_PROOF_INVALID: Explanation(
        "enrollment proof invalid",
        "The signature does not fit the token, this very TLS connection and the request. Either the token was copied with a "
        "fault, or a device terminates TLS between agent and gateway: then both have different connections.",
        "Copy the token again. If it fails again from that site only, its path is inspected: exempt the gateway's address.",
    ),
    Code.CSR_INVALID: Explanation(
        "certificate request invalid",
        "The request is no PKCS #10 with a P-256 key and a valid signature of its own.",
        "From our own agent it is a bug. Another client must make the request as docs/protocol.md describes.",
    ),
    Code.AWAITING_ACCEPTANCE: Explanation(
        "waiting for acceptance",
        "The agent is enrolled and Unverified: it stays connected and sends heartbeats, but has no credit to report.",
        "Decide: `fieldgate agent accept UID --company …` or `fieldgate agent reject UID`. What it collects meanwhile stays "
        "in its outbox.",
    ),
    Code.UNVERIFIED_LIMIT: Explanation(
        "too many unverified agents",
        "One hundred agents already wait for acceptance, or 25 of this token. More are refused, because a leaked old token could "
        "otherwise fill the store.",
        "Accept or reject those that wait (`fieldgate agent list --standing unverified`). Revoke the token if you don't know them.",
    ),
    Code.AGENT_REJECTED: Explanation(
        "agent rejected",
        "An operator rejected this agent.",
        "If that was a mistake, accept it. Otherwise uninstall the agent on that server.",
    ),
    Code.WRONG_LISTENER: Explanation(
        "wrong port for this agent",
        "Agents on customers' servers use the remote listener, agents on the provider's own sites use the co-located one. "
        "The token and the port do not fit together.",
        "Use the address in the token, or make a token of the right kind (client or site).",
    ),
    Code.TOKEN_WRONG_KIND: Explanation(
        "token of another kind",
        "The token was made for another kind of agent: for a site instead of a client, or for simulation only.",
        "Make a token of the right kind. A token for simulation never enrolls a real server, and no other one enrolls a "
        "simulated agent.",
    ),
    Code.ENROLLMENT_BUSY: Explanation(
        "too many enrollments at once",
        "More agents enroll at the same moment than the store can take in. The agent tries again by itself.",
        "Nothing to do. If it lasts, look at the store's response times.",
    ),
    Code.CLIENT_CERT_MISSING: Explanation(
        "no client certificate",
        "The agent said Hello on a connection without a client certificate. If it has one, something between it and the "
        "gateway terminated TLS and could not present it.",
        "See whether the agent is enrolled. If it is, the path is inspected: exempt the gateway's address on the customer's "
        "firewall.",
    ),
    Code.CLIENT_CERT_EXPIRED: Explanation(
        "agent certificate expired",
        "The agent was off for longer than its certificate lives, or the certificate expired while it was connected, which ends "
        "that session. It may renew, and do nothing else, and does so by itself.",
        "Nothing to do, unless it repeats: then see whether the agent can write its state folder, and why it did not renew in time.",
    ),
    Code.CLIENT_CERT_BEYOND_GRACE: Explanation(
        "agent certificate expired too long ago",
        "The certificate expired more than 180 days ago, so it no longer suffices even for a renewal.",
        "Enroll the agent again with a new token, in a new state folder. Keep the old folder if its outbox still holds records: they "
        "belong to the old identity.",
    ),
    Code.CLIENT_CERT_REVOKED: Explanation(
        "agent certificate revoked",
        "An operator revoked this agent's certificate. Open sessions ended at that moment.",
        "If the server may come back, enroll it again with a new token.",
    ),
    Code.CLIENT_CERT_UNTRUSTED: Explanation(
        "agent certificate from an unknown issuer",
        "The client certificate does not lead to this provider's authority. The agent belongs to another provider, or the "
        "data folder was made anew and has a new authority.",
        "Enroll the agent with a token of this provider. If all agents fail, restore the authority (DATA/ca) from backup.",
    ),
    Code.CLIENT_CERT_WRONG_USAGE: Explanation(
        "certificate not made for agents",
        "The client certificate lacks the client usage or the agent's name, for instance because it is a gateway's.",
        "Enroll the agent; do not copy certificates by hand.",
    ),
    Code.CLOCK_SKEW: Explanation(
        "clocks differ",
        "Everything about the certificate is right but its dates: the agent's clock and the gateway's differ by more than a "
        "certificate can bear.",
        "Set the clock of the agent's server (NTP). The agent is told the gateway's time and reconnects by itself.",
    ),
    Code.GATEWAY_WRONG_NAME: Explanation(
        "the gateway's certificate has another name",
        "The certificate leads to the provider's authority, but does not name the host that the agent dialled.",
        "Issue one with that name (add it to `names` in fieldgate.toml, then `fieldgate ca rotate --gateway`), or correct the agents' gateway list. The customer's "
        "network is not at fault.",
    ),
    Code.GATEWAY_UNTRUSTED: Explanation(
        "the gateway's certificate is not the provider's",
        "The chain that the agent saw does not lead to a pinned authority. A device on the path answered with a certificate "
        "of its own, or the address leads to another server.",
        "Look at the issuer in the message. If it is a firewall's, exempt the gateway's address from TLS inspection; there "
        "is no switch to ignore this.",
    ),
    Code.GATEWAY_CERT_EXPIRED: Explanation(
        "the gateway's certificate has expired",
        "The chain leads to the provider's authority, but is out of date by the agent's clock.",
        "Issue a new one with `fieldgate ca rotate --gateway`. If the gateway's is valid, the agent's clock is wrong.",
    ),
    Code.CLIENT_CERT_NOT_REQUESTED: Explanation(
        "nobody asked for the agent's certificate",
        "The agent holds a certificate, and the server it reached did not ask for it. A Fieldgate gateway always does, so "
        "something else terminated TLS.",
        "The path is inspected or redirected: exempt the gateway's address on the customer's firewall.",
    ),
    Code.AGENT_UNKNOWN: Explanation(
        "agent unknown",
        "The certificate is genuine, but this gateway has no such agent. It was deleted, or the store was restored from a "
        "backup that is older than the enrollment.",
        "Enroll the agent again with a new token. After a restore, that concerns all agents enrolled since the backup.",
    ),
    Code.CLIENT_CERT_WRONG_AGENT: Explanation(
        "certificate of another agent",
        "The Hello names one agent and the certificate another: state of two agents was mixed in one folder.",
        "Remove that agent's state folder and enroll it again.",
    ),
    Code.PROXY_REFUSED: Explanation(
        "no way through the proxy",
        "The agent was told to go through an HTTP proxy, and that opened no tunnel (CONNECT): it wants another login (407), does "
        "not allow the gateway's address or port (403), or is none.",
        "Let the proxy's administrator allow CONNECT to the gateway's addresses and port, undecrypted. `fieldgate-agent run --proxy "
        "none` goes without a proxy, `--proxy URL` through another.",
    ),
    Code.REPORT_UNREADABLE: Explanation(
        "path report unreadable",
        "The report is sealed to a key that this gateway does not have, was changed on its way, or is no report. A restored or "
        "reinstalled gateway has new report keys.",
        "If the agent belongs to this provider, let it connect once over a good path: it is told the current key then. If the "
        "report came by mail, ask for it again, from the BEGIN line to the END line.",
    ),
    Code.REPORT_SIGNER_UNKNOWN: Explanation(
        "path report of an unknown sender",
        "The report can be read, but the agent, token or code that it names is not known here, is revoked, or did not sign it. "
        "Nothing in it counts.",
        "Look the sender up (`fieldgate agent list`, `fieldgate token list`). A server that was revoked has to enroll again before "
        "its reports count.",
    ),
    Code.REPORT_REPLAYED: Explanation(
        "path report seen before",
        "A report of this sender with this number was taken already. Either the agent sent it twice, because the first answer was "
        "lost, or somebody on the path did.",
        "Nothing to do: it counts once. If an agent's new reports are refused so, its machine was set back to an older state: its "
        "clock puts that right within a moment.",
    ),
    Code.REPORT_BUDGET: Explanation(
        "too many path reports at once",
        "Reports come without a session, so a gateway takes only so many of them a second, in all and from one address. The agent "
        "keeps the report and delivers it later.",
        "Nothing to do. If it lasts, see which sites report: one broken path can concern many agents.",
    ),
    Code.CODE_USED: Explanation(
        "code used or expired",
        "A code for the gateway's view is good for one report within minutes.",
        "Ask the provider for another one, and use it at once.",
    ),
    Code.PATH_INCIDENT: Explanation(
        "a path carries no session",
        "Agents of one place report that something between them and the gateway opens, alters or blocks their connections, or that "
        "the gateway itself is at fault. It is said once, however many agents suffer from it.",
        "`fieldgate inspection show NUMBER` says who broke it and who has to act, `fieldgate inspection report NUMBER` writes the ticket. "
        "It closes by itself when every agent concerned has had a session again.",
    ),
    Code.INCIDENT_LIMIT: Explanation(
        "too many incidents of one organization",
        "An organization has 100 incidents of one kind, or one agent or token ten, that are open or began within a day. Reports are "
        "kept, and open no more of them. That many different boxes are unlikely; somebody who holds a token or an agent's key of that "
        "organization's may be making them up.",
        "Look at `fieldgate inspection list`. If they are made up, revoke the token (`fieldgate token revoke`) or the agent.",
    ),
}
