"""20xx and 21xx: how a session, or an attempt at one, ends, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

SESSION: Final[dict[Code, Explanation]] = {
    Code.GOODBYE: Explanation(
        "the peer said goodbye",
        "The session ended in order, because the agent was stopped or restarted.",
        "Nothing to do. An agent that stays away becomes Inaccessible after three heartbeat intervals.",
    ),
    Code.GATEWAY_DRAINING: Explanation(
        "the gateway is draining",
        "The gateway is about to stop or to be upgraded. It gave every agent its own moment to reconnect, so that they do "
        "not come back all at once.",
        "Nothing to do. If agents do not return, see whether the other gateways of their list are reachable.",
    ),
    Code.HEARTBEATS_MISSED: Explanation(
        "three heartbeats missed",
        "Nothing came from the agent for three heartbeat intervals: its server is asleep, off or overloaded, or a device on "
        "the path dropped the connection without telling either side.",
        "If it happens at regular intervals, look for an idle timeout or a session age limit on the customer's firewall; "
        "a shorter heartbeat_s keeps an idle timeout from firing.",
    ),
    Code.CONNECTION_LOST: Explanation(
        "connection ended without goodbye",
        "The peer's side was closed without a last word: its process was killed, or a device on the path closed it.",
        "A single one means nothing. Many at once from one site point to that site's egress; many at a constant age point "
        "to a firewall's session limit.",
    ),
    Code.CONNECTION_RESET: Explanation(
        "connection reset",
        "A TCP reset or a network error ended the connection.",
        "Resets right after the TLS hello point to a firewall that blocks by reset; resets on long sessions point to a "
        "device that lost its state. Compare with the gateway's own restarts before blaming the path.",
    ),
    Code.HELLO_TIMEOUT: Explanation(
        "no hello in time",
        "The TLS handshake was completed, but no whole Hello or Enroll came before the deadline that covers accept, TLS and "
        "hello together.",
        "Expect it from scanners and health checks. From an agent's address it means a path that delays or drops the "
        "payload, or a server that is far too slow.",
    ),
    Code.PRE_AUTH_BUDGET: Explanation(
        "too much unauthenticated traffic",
        "All unauthenticated connections together may hold a fixed number of bytes, and it is used up. Agents whose "
        "sessions are open are not affected.",
        "After a restart it passes by itself, as agents return in their slots. If it lasts, look for the source addresses "
        "with the most attempts in the log.",
    ),
    Code.TOO_MANY_CONNECTIONS: Explanation(
        "too many connections",
        "The gateway holds as many connections as it is configured for, in all or from that address.",
        "Add an edge, or raise the limit if memory and file descriptors allow. Many from one address that never finish a "
        "hello are a scanner or a broken health check.",
    ),
    Code.SLOW_CONSUMER: Explanation(
        "the peer does not read",
        "What we had to say stayed unsent for longer than allowed. A peer that does not read is cut off, because waiting "
        "for it would cost memory that other sessions need.",
        "Look for a suspended server, or a path that delivers in one direction only.",
    ),
    Code.SUPERSEDED: Explanation(
        "superseded by a newer connection",
        "The same agent connected again and showed the nonce that only it can have. The older connection was half-open, or "
        "had not been noticed to be dead.",
        "Nothing to do. Frequent ones mean that connections die silently on the path.",
    ),
    Code.CLONE_HELD: Explanation(
        "a clone is held",
        "Two machines use the same agent identity at the same time: the newcomer does not know the nonce, and the old "
        "connection is alive. Usually a server was cloned, or restored beside the original.",
        "Decide which one keeps the identity. On the other, remove the agent's state folder and enroll it again with a "
        "token of its own.",
    ),
    Code.CREDIT_EXCEEDED: Explanation(
        "more than its credit",
        "The agent sent more bytes of records than the gateway had granted. Our agents cannot; another client miscounts.",
        "Credit counts the payload bytes of sequenced messages, without the five bytes of the frame header. Correct the "
        "client.",
    ),
    Code.MESSAGE_TOO_BIG: Explanation(
        "message too big",
        "A frame announced more bytes than its type, or the state of the session, allows. It was refused before its body "
        "was read.",
        "The limits are in docs/protocol.md. Before a session is open, it can also be another protocol whose first bytes "
        "happen to look like a frame.",
    ),
    Code.MALFORMED_FRAME: Explanation(
        "malformed frame",
        "The payload is not the msgpack array that the message type calls for, or holds a map, an extension type, or "
        "fewer fields than required.",
        "From our own agent, behind working TLS, it is a bug: send the log line. From another client, compare with "
        "docs/protocol.md and the golden vectors in tests/vectors.",
    ),
    Code.UNEXPECTED_MESSAGE: Explanation(
        "message not allowed now",
        "The message is known, but the peer may not send it in the present state of the session.",
        "From another client, follow the state table in docs/protocol.md. From ours it is a bug: send the log line.",
    ),
    Code.INVALID_VALUE: Explanation(
        "a field is invalid",
        "A field has the wrong type, is out of bounds, or holds a value that the negotiated minor version does not know.",
        "The message names the field and its limit. From another client, compare with the table in docs/protocol.md.",
    ),
    Code.VERSION_UNSUPPORTED: Explanation(
        "version not supported",
        "Agent and gateway have no protocol version in common.",
        "Upgrade the older one. Gateways go first: a gateway speaks its own version and the one before.",
    ),
    Code.ALPN_MISSING: Explanation(
        "no application protocol agreed",
        "The TLS handshake ended without ALPN `fieldgate/1`. A device that terminates TLS on the way often drops it; so do "
        "scanners and browsers.",
        "If it comes from an agent's address, compare the certificate that the agent sees with the gateway's own: the path "
        "is probably inspected.",
    ),
    Code.TLS_VERSION: Explanation(
        "TLS too old for a session",
        "The handshake ended with less than TLS 1.3. Agents always offer 1.3, so a device on the path lowered it, or the "
        "peer is no agent.",
        "Exempt the gateway's address from TLS inspection on the customer's firewall.",
    ),
    Code.NOT_TLS_HTTP: Explanation(
        "plain HTTP on the agents' port",
        "The first bytes are an HTTP request, not a TLS handshake.",
        "A browser, a health check or a proxy uses the wrong port or scheme. Balancers should check the port with a plain "
        "TCP connect, or /readyz on the local monitoring port.",
    ),
    Code.NOT_TLS_SSH: Explanation(
        "SSH on the agents' port",
        "The first bytes are an SSH banner, not a TLS handshake.",
        "Someone uses the wrong port, or a scanner is at work. Nothing to do.",
    ),
    Code.NOT_TLS: Explanation(
        "not TLS",
        "The first bytes are neither a TLS handshake nor another protocol that we recognize.",
        "If the address is a balancer's that sends the PROXY protocol, list it under proxy_from of the listener.",
    ),
    Code.SILENT_PEER: Explanation(
        "a peer that says nothing",
        "The connection was opened and no byte came before the deadline.",
        "Expect it from scanners and TCP health checks; they cost almost nothing. From an agent's address, a device "
        "accepts the connection and holds back the TLS hello.",
    ),
    Code.TLS_HANDSHAKE_FAILED: Explanation(
        "TLS handshake failed",
        "The handshake was begun and not completed. The message carries the alert, and who sent it.",
        "unknown_ca from the agent means that it saw another certificate than ours, or has outdated pins; certificate_expired "
        "or bad_certificate often mean a wrong clock on the agent's server. On an agent whose connection is closed before it has heard a byte: "
        'the edge is full or has banned its address for flooding (FG-2128 in the edge\'s log and metrics, docs/edge.md "Storms"); it tries again.',
    ),
    Code.INTERNAL_ERROR: Explanation(
        "internal error",
        "The session met a bug of ours. It was ended so that it could not harm others; nothing acknowledged is lost.",
        "Send the traceback from the log. The agent reconnects by itself.",
    ),
    Code.UNKNOWN_MESSAGE_TYPE: Explanation(
        "unknown message type",
        "The frame has a type below 128 that this side does not know. Types from 128 on would have been skipped.",
        "A newer peer must not send a new type before it has seen that the other side's minor version knows it. Correct the "
        "client.",
    ),
    Code.CLAIM_LOST: Explanation(
        "another gateway has the session",
        "Two gateways had a connection of the same agent, and the other one's claim is the newer.",
        "Nothing to do: the agent's newer connection is the one that counts.",
    ),
    Code.BAD_PROXY_HEADER: Explanation(
        "bad PROXY header",
        "The peer's address is listed under proxy_from, but its connection did not begin with a valid PROXY protocol v2 header.",
        "Switch the balancer to send-proxy-v2, or take its address off the list. Health checks from it need the header too.",
    ),
    Code.GATEWAY_STOPPED: Explanation(
        "the gateway stopped",
        "The gateway process was told to stop at once, or its drain window was over while the session was open.",
        "Nothing to do. The agent goes to the next gateway of its list.",
    ),
    Code.MEMORY_BUDGET: Explanation(
        "memory budget used up",
        "The gateway holds as many bytes for its sessions as it is configured for, and refuses newcomers instead of growing.",
        "Add an edge, or raise the budget. docs/operations.md tells how much a session takes.",
    ),
    Code.MESSAGE_STALLED: Explanation(
        "a message stopped half-way",
        "A frame was begun and not completed in time, though the connection stayed open. It held memory all the while.",
        "A line that is far too slow for the agent's batches, or a device that inspects payloads and gave up on a long one.",
    ),
    Code.GATEWAY_CROWDED: Explanation(
        "nearly full: come back in your slot",
        "The gateway has nearly all the connections that it may have (limits.connections_soft), and told the agent a moment of its "
        "own to come back at. Sessions that are open are not affected.",
        "The agent keeps its data and comes again in its slot, to its next gateway if it has several. If it lasts, add an edge, or "
        "raise limits.connections if memory and file descriptors allow.",
    ),
    Code.SOURCE_BANNED: Explanation(
        "banned for flooding",
        "From an address at which no agent was authenticated for a day, connections that cannot be an agent's came faster than "
        "limits.faults_per_s: no TLS, broken TLS, invalid frames, foreign certificates, unknown tokens. It is refused at accept for a "
        "minute, twice as long each time, an hour at most.",
        "Look who that is. If it is a balancer or a checker of your own, name it in own_proxies, or in the listener's proxy_from. A ban ends "
        "by itself; a restart of the edge ends all of them.",
    ),
    Code.AGENT_OUT_OF_DATE: Explanation(
        "another version of the agent is due",
        "The provider has set which version agents are to have, and this one is older. The session goes on as before, and nothing is "
        "installed by being told.",
        "Upgrade the agent as it was installed there, and start it again. The provider sees who is left with `fieldgate agent list "
        "--out-of-date`.",
    ),
}
