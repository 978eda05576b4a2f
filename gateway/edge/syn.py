"""A SYN as the kernel saved it (TCP_SAVED_SYN): IP header and TCP header, one after the other. Pure."""

from certs.inspection import Syn

__all__ = ["parse_syn"]

_IPV6_HEADER = 40
_TCP_HEADER = 20
_TCP = 6
_END, _NOTHING, _MSS = 0, 1, 2


def parse_syn(data: bytes) -> Syn | None:
    """What it says of its sender; None where it is none, or cut short, or has IPv6 extension headers."""
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= _TCP_HEADER:
        ttl, at, protocol = data[8], (data[0] & 0xF) * 4, data[9]
    elif version == 6 and len(data) >= _IPV6_HEADER:
        ttl, at, protocol = data[7], _IPV6_HEADER, data[6]
    else:
        return None
    tcp = data[at:]
    if protocol != _TCP or len(tcp) < _TCP_HEADER:
        return None
    length = (tcp[12] >> 4) * 4
    kinds, mss = _options(tcp[_TCP_HEADER:length])
    return Syn(
        ttl=ttl, mss=mss, window=int.from_bytes(tcp[14:16]), options="-".join(str(kind) for kind in kinds)
    )


def _options(data: bytes) -> tuple[list[int], int | None]:
    """Kinds in order, and the MSS."""
    kinds: list[int] = []
    mss = None
    at = 0
    while at < len(data) and data[at] != _END:
        kinds.append(data[at])
        if data[at] == _NOTHING:
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else 0
        if length < 2:
            break  # of no length: whoever wrote it is no TCP that we know
        if data[at] == _MSS and length == 4:
            mss = int.from_bytes(data[at + 2 : at + 4])
        at += length
    return kinds, mss
