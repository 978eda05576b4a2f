"""What agents are told to trust, and which telling that was.

A bundle's revision is a digest of its content, so every edge computes the same one, a restored or reinstalled gateway
does too, and nobody has to count: an agent whose revision is another one than ours is told, that is all. Revisions have
no order.
"""

import hashlib

import attrs

from certs.trust import Anchors


@attrs.frozen(kw_only=True)
class TrustBundle:
    """Pins of CAs, now and soon, and, where a public CA is among them, the only names that count.

    `report_keys` are the public halves of what path reports are sealed to, 64 bytes each, current first.
    """

    pins_current: tuple[bytes, ...]
    pins_next: tuple[bytes, ...] = ()
    names: tuple[str, ...] = ()
    report_keys: tuple[bytes, ...] = ()

    @property
    def revision(self) -> int:
        """Positive, 63 bits; equal exactly when the content is."""
        digest = hashlib.sha256()
        parts = [self.pins_current, self.pins_next, tuple(name.encode() for name in self.names)]
        if self.report_keys:  # without any the revision is what it was before there were any
            parts.append(self.report_keys)
        for part in parts:
            digest.update(len(part).to_bytes(4, "big"))
            for item in part:
                digest.update(len(item).to_bytes(4, "big") + item)
        return int.from_bytes(digest.digest()[:8], "big") >> 1 or 1

    def anchors(self) -> Anchors:
        """What an agent that has been told this trusts."""
        return Anchors(pins=frozenset(self.pins_current + self.pins_next), names=frozenset(self.names))
