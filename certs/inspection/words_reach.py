"""Words for the rules' sentences about how far an attempt came, and through whom; `rules_words` gives them their names."""

from certs.inspection.evidence import LastIo
from certs.inspection.facts import Seen
from certs.inspection.facts_read import moment

LAST_IO = {
    LastIo.REFUSED: "TCP was refused",
    LastIo.UNREACHABLE: "the host or network cannot be reached",
    LastIo.NOT_RESOLVED: "the name does not resolve",
    LastIo.CONNECT_TIMEOUT: "TCP timed out",
    LastIo.HANDSHAKE_TIMEOUT: "the handshake timed out",
    LastIo.ANSWER_TIMEOUT: "no answer came in time",
    LastIo.RESET: "a TCP reset",
    LastIo.EOF: "the end of the TCP stream, without a goodbye of TLS",
    LastIo.CLOSE_NOTIFY: "TLS said goodbye",
    LastIo.ALERT: "a TLS alert",
    LastIo.NOT_TLS: "something other than TLS came",
    LastIo.COMPLETE: "it was complete",
}

_ERRNO = {
    "ECONNREFUSED": "connection refused",
    "ECONNRESET": "connection reset",
    "ETIMEDOUT": "timed out",
    "EHOSTUNREACH": "host unreachable, or prohibited by a firewall (ICMP)",
    "ENETUNREACH": "network unreachable",
    "EACCES": "prohibited on this very server",
}


def duration(seconds: float) -> str:
    """Like "45 s", "15 min", "2 h", "3 days"; the largest unit of which there are two at least, or a whole one."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size or (seconds >= size and seconds % size < 1 and unit != "days"):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def first_line(seen: Seen) -> str:
    came = b"" if seen.agent is None else seen.agent.first_bytes or b""
    line = came.split(b"\n", 1)[0].rstrip(b"\r")
    return (
        line.decode("ascii")
        if line and line.isascii() and line.decode().isprintable()
        else came[:32].hex(" ")
    )


def proxy(seen: Seen) -> str:
    used = None if seen.agent is None else seen.agent.proxy
    return "in the path" if used is None or not used.used else used.url


def proxy_answer(seen: Seen) -> str:
    used = None if seen.agent is None else seen.agent.proxy
    return "" if used is None or not used.used else f"{used.status} {used.reason}"


def proxy_fault(seen: Seen) -> str:
    agent = seen.agent
    if agent is None:
        return ""
    if agent.last_io is LastIo.NOT_RESOLVED:
        return "its name does not resolve on the agent's server"
    if agent.tcp_error:
        return f"TCP to it did not come up: {tcp_error(seen)}"
    if agent.first_bytes:
        return f"what it answered is no HTTP: {first_line(seen)}"
    if agent.last_io is LastIo.ANSWER_TIMEOUT:
        return "it did not answer in time"
    return f"it {'reset' if agent.last_io is LastIo.RESET else 'closed'} the connection without an answer"


def tcp_to(seen: Seen) -> str:
    if seen.agent is None:
        return ""
    used = seen.agent.proxy
    return f"the proxy {used.url}" if used is not None and used.used else seen.agent.dialed


def tcp_error(seen: Seen) -> str:
    if seen.agent is None:
        return ""
    if seen.agent.tcp_error:
        meaning = _ERRNO.get(seen.agent.tcp_error)
        return f"{meaning} ({seen.agent.tcp_error})" if meaning else seen.agent.tcp_error
    return last_io(seen)


def last_io(seen: Seen) -> str:
    side = seen.agent if seen.agent is not None else seen.gateway
    return "" if side is None or side.last_io is None else LAST_IO[side.last_io]


def listed(seen: Seen) -> str:
    every = seen.expected.gateways
    if not every:  # who is told this is not to know more
        return "other addresses"
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more


def up(seen: Seen) -> str:
    if seen.probe("other-port"):
        return "it shows its certificate on another port of the address"
    return "it saw a connection from there"


def asked(seen: Seen) -> str:
    wanted = None if seen.agent is None else seen.agent.certificate_requested
    if wanted is None:
        return "whether it asks for the agent's certificate is not known"
    return "it asks for a client certificate" if wanted else "it did not ask for the agent's certificate"


def over_for(seen: Seen) -> str:
    judged = seen.judged_by_agent
    if seen.agent is None or judged is None or judged.not_after is None:
        return ""
    return duration(abs((moment(seen.agent.at_ms) - judged.not_after).total_seconds()))
