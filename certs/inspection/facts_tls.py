"""What the evidence says of certificates, clocks and the two halves: functions of `Seen` to True, False, or None (not observed)."""

from cryptography.x509.oid import NameOID

from certs import ChainVerdict, NameVerdict, TimeVerdict
from certs.inspection.facts import CLOCK_TOLERANCE_MS, Seen
from certs.inspection.facts_read import host_of, names_in, values

# certificate_required (TLS 1.3); TLS 1.2 has only handshake_failure for it, which says much else too.
NO_CERTIFICATE = (116,)
CERTIFICATE_EXPIRED = (45,)
_CERTIFICATE_MISSING = 3001  # FG code
CERTIFICATE_REVOKED = (44,)


def halves_differ(seen: Seen) -> bool | None:
    """However the halves were joined: a value that differs is no ground for an acquittal."""
    if seen.exporters_differ or seen.same_random is False:
        return True
    return None if seen.one_tls is None else not seen.one_tls


def clock_off(seen: Seen) -> bool | None:
    if seen.valid_by_agent is None or seen.valid_now is None:
        return None
    if seen.valid_by_agent:
        return False
    off = seen.offset_ms is None or abs(seen.offset_ms) > CLOCK_TOLERANCE_MS
    if seen.second_clock:
        return seen.valid_now and off
    # What a session told earlier can show that a clock is wrong, and not that it is right: it can have jumped since.
    return True if seen.valid_now and seen.offset_ms is not None and off else None


def early(seen: Seen) -> bool | None:
    return None if seen.judged_by_agent is None else seen.judged_by_agent.time is TimeVerdict.NOT_YET_VALID


def name_ok(seen: Seen) -> bool | None:
    if seen.judged is None or seen.judged.name is NameVerdict.NOT_CHECKED:
        return None
    return seen.judged.name is NameVerdict.OK


def names_copied(seen: Seen) -> bool | None:
    if seen.leaf is None or seen.served_leaf is None:
        return None
    return bool(seen.leaf.names) and seen.leaf.names == seen.served_leaf.names


def serial_forged(seen: Seen) -> bool | None:
    if seen.leaf is None or seen.served_leaf is None or seen.leaf_served is None:
        return None
    return seen.leaf.serial == seen.served_leaf.serial and not seen.leaf_served


def another_public(seen: Seen) -> bool | None:
    """From the public CA that the provider uses, for somebody else."""
    if seen.judged is None or not seen.expected.pins:
        return None
    return seen.judged.chain is ChainVerdict.OK and seen.chain_ours is None


def never_valid(seen: Seen) -> bool | None:
    """Whether all signatures lead to a pinned CA, and no moment is within all dates: what no box can make."""
    return None if seen.judged is None else seen.judged.chain is ChainVerdict.NEVER_VALID


def incomplete(seen: Seen) -> bool | None:
    return None if seen.judged is None else seen.judged.chain is ChainVerdict.INCOMPLETE


def other_own_ca(seen: Seen) -> bool | None:
    return None if seen.judged is None else seen.judged.chain is ChainVerdict.PIN_MISMATCH


def certificate_over(seen: Seen) -> bool | None:
    if seen.agent is None or not seen.agent.enrolled or seen.agent.certificate_not_after_ms is None:
        return None
    return seen.at.timestamp() * 1000 > seen.agent.certificate_not_after_ms


def refused(seen: Seen) -> bool | None:
    """Whether the gateway refused this agent. That no certificate came is no word about an agent that shows one."""
    if seen.agent is None:
        return None
    return seen.agent.refusal is not None and not says_no_certificate(seen)


def says_no_certificate(seen: Seen) -> bool:
    """Whether the gateway told an agent that has a certificate that it got none."""
    return seen.agent is not None and seen.agent.enrolled and seen.agent.refusal == _CERTIFICATE_MISSING


def gateway_got_certificate(seen: Seen) -> bool | None:
    if seen.gateway is not None and seen.gateway.client_certificate is not None:
        return seen.gateway.client_certificate
    if says_no_certificate(seen):
        return False
    return False if seen.sent_alert(by_agent=False, descriptions=NO_CERTIFICATE) else None


def shows_own_name(seen: Seen) -> bool | None:
    """Whether the leaf names somebody, and neither what was dialed nor the provider.

    A forgery bears the name that was dialed, if only as its common name, or as the text of an address.
    """
    if seen.leaf is None:
        return None
    subject, _ = names_in(seen.chain[0])
    shown = {name.lower() for name in (*seen.leaf.names, *values(subject, NameOID.COMMON_NAME))}
    ours = {seen.host or "", *seen.expected.names, *(host_of(gateway) for gateway in seen.expected.gateways)}
    return bool(shown) and shown.isdisjoint(name.lower() for name in ours) and name_ok(seen) is not True


def clock_checked(seen: Seen) -> bool | None:
    """Whether anything tells the time beside the agent's own clock."""
    return True if seen.second_clock or seen.offset_ms is not None else None
