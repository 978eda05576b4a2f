"""Who the agent is, as values: its identity, its credential, its nonces. Where they are kept is `state`'s matter."""

from datetime import datetime, timedelta
from typing import Final

import attrs

from certs import (
    Anchors,
    TrustBundle,
    chain_from_pem,
    chain_to_pem,
    key_from_pem,
    read_certificate,
    renewal_due,
)
from protocol import AgentType

# Agents that were enrolled together do not renew together: each begins up to so much after two thirds of its
# certificate's life, which leaves a third less two days of 30.
RENEWAL_SPREAD: Final = timedelta(days=2)


@attrs.frozen(kw_only=True)
class Credential:
    """A private key and the certificate chain for it, both PEM; kept in one file so that they change together."""

    key_pem: bytes = attrs.field(repr=False)
    chain_pem: bytes

    @classmethod
    def make(cls, key_pem: bytes, chain_der: tuple[bytes, ...]) -> "Credential":
        """From a chain as Enrolled carries it.

        Raises:
            CertificateError: a certificate is unreadable.
        """
        return cls(key_pem=key_pem, chain_pem=chain_to_pem(chain_der))

    @classmethod
    def parse(cls, pem: bytes) -> "Credential":
        """The inverse of `pem`.

        Raises:
            CertificateError: no certificate in it.
            KeyFileError: no key in it.
        """
        marker = b"-----BEGIN CERTIFICATE-----"
        key_pem, found, rest = pem.partition(marker)
        key_from_pem(key_pem)
        chain_from_pem(found + rest)
        return cls(key_pem=key_pem, chain_pem=found + rest)

    @property
    def pem(self) -> bytes:
        """Key first, then the chain."""
        return self.key_pem + self.chain_pem

    @property
    def expires(self) -> datetime:
        """End of the certificate's life."""
        return read_certificate(chain_from_pem(self.chain_pem)[0]).not_after

    def due(self, at: datetime, draw: float) -> bool:
        """Whether it is time to renew.

        Args:
            at: now, best by the gateway's clock.
            draw: this agent's fixed place in the spread, in [0, 1).
        """
        facts = read_certificate(chain_from_pem(self.chain_pem)[0])
        return renewal_due(facts.not_before, facts.not_after, at - RENEWAL_SPREAD * draw)


@attrs.frozen(kw_only=True)
class Identity:
    """Who the agent is, where its gateways are, and whom it trusts."""

    agent_uid: str
    installation_uid: str
    host_name: str
    agent_type: AgentType
    synthetic: bool
    gateways: tuple[str, ...]
    gateway_list_revision: int = 0
    pins_current: tuple[bytes, ...]
    pins_next: tuple[bytes, ...] = ()
    names: tuple[str, ...] = ()
    report_keys: tuple[bytes, ...] = ()
    """What path reports are sealed to, 64 bytes each, current first."""
    trust_revision: int = 0
    since_ms: int = 0
    """When it enrolled, by the gateway's clock."""

    def anchors(self) -> Anchors:
        """What the gateway's chain is judged against."""
        return TrustBundle(
            pins_current=self.pins_current, pins_next=self.pins_next, names=self.names
        ).anchors()

    @property
    def place(self) -> float:
        """A fixed number in [0, 1) that differs between agents."""
        return int(self.agent_uid.replace("-", "")[:8] or "0", 16) / 2**32


class Keeper:
    """Holds what an agent must remember, in memory only; `state.StateFolder` also writes it down.

    A simulated agent that lives no longer than its process uses this class as it is.
    """

    __slots__ = ("credential", "identity", "nonces", "pending")

    def __init__(
        self,
        identity: Identity,
        credential: Credential,
        *,
        pending: Credential | None = None,
        nonces: tuple[bytes, ...] = (),
    ) -> None:
        self.identity = identity
        self.credential = credential
        self.pending = pending
        """A renewed credential that no gateway has welcomed yet."""
        self.nonces = nonces
        """Of the last two Welcomes, newest first."""

    def change(self, identity: Identity) -> None:
        """Another identity from now on (trust, gateways)."""
        self.identity = identity

    def remember(self, nonce: bytes) -> None:
        """A Welcome's nonce; the one before it is kept too, for the gateway may not know that this one arrived."""
        self.nonces = (nonce, *self.nonces[:1])

    def await_proof(self, credential: Credential) -> None:
        """A new credential; the old one stays until a gateway has welcomed the new one."""
        self.pending = credential

    def proven(self) -> None:
        """The pending credential was welcomed: the old one can go."""
        if self.pending is not None:
            self.credential, self.pending = self.pending, None

    def disproven(self) -> None:
        """The pending credential was refused: back to the old one."""
        self.pending = None
