"""The provider's certificate authority: what it issues, what agents pin, what the gateway serves.

A value: what changes it returns another one, which counts once it is saved. Times are explicit.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from certs import profiles, rotation
from certs.authority_files import load_state, save_state
from certs.bundle import TrustBundle
from certs.chain import chain_to_pem, names_of
from certs.csr import read_csr
from certs.keys import key_to_pem
from certs.report_keys import ReportKey
from certs.state import AuthorityEntry, AuthorityState, Holding, Role
from certs.trust import Anchors


@attrs.frozen(kw_only=True)
class Authority:
    """A root (its key possibly offline), an issuer for gateways and one for agents."""

    state: AuthorityState

    @classmethod
    def create(cls, name: str, now: datetime) -> "Authority":
        """A new authority for the provider *name*, without a gateway certificate yet (see `rotate_gateway`).

        Raises:
            AuthorityError: the name is empty.
        """
        return cls(state=rotation.create(name, now))

    @classmethod
    def load(cls, folder: Path) -> "Authority":
        """The authority in *folder*; keys whose files are absent are offline.

        Raises:
            AuthorityError: there is none, or a file is missing or damaged.
        """
        return cls(state=load_state(folder))

    def save(self, folder: Path) -> "Authority":
        """Write it into *folder*, all or nothing, and return it as the saved one.

        Raises:
            AuthorityError: the folder holds another authority, or was changed by another process meanwhile.
            OSError: as the file system says; the folder then still holds what it held.
        """
        return attrs.evolve(self, state=save_state(self.state, folder))

    def rotate_gateway(self, now: datetime, *, names: Sequence[str] | None = None) -> "Authority":
        """A new key and certificate for the gateway, for *names* or those that it has.

        Raises:
            AuthorityError: no usable names.
            KeyOfflineError: the gateway issuer's key is elsewhere.
        """
        return attrs.evolve(self, state=rotation.rotate_gateway(self.state, now, names))

    def rotate_issuers(self, now: datetime) -> "Authority":
        """New issuers under the same root, and a new gateway certificate; agents notice nothing.

        Raises:
            KeyOfflineError: the root's key is elsewhere.
        """
        return attrs.evolve(self, state=rotation.rotate_issuers(self.state, now))

    def forget_agent_issuers(self, now: datetime) -> "Authority":
        """Without the retired agent issuers: agents that still hold a certificate of theirs have to enroll again.

        Raises:
            AuthorityError: there is none.
        """
        return attrs.evolve(self, state=rotation.forget_agent_issuers(self.state, now))

    def rotate_ca(self, now: datetime) -> "Authority":
        """A new root beside the old one: the first step of a rotation, see `certs.rotation`.

        Raises:
            AuthorityError: a rotation is under way.
            KeyOfflineError: the root's key is elsewhere.
        """
        return attrs.evolve(self, state=rotation.rotate_ca(self.state, now))

    def finish_ca(self, now: datetime) -> "Authority":
        """Agents are told to forget the old root: the second step.

        Raises:
            AuthorityError: no rotation is under way.
        """
        return attrs.evolve(self, state=rotation.finish_ca(self.state, now))

    def rotate_report(self, now: datetime) -> "Authority":
        """A new key for path reports; agents are told of it, and the former ones are kept for those that were not."""
        return attrs.evolve(self, state=rotation.rotate_report(self.state, now))

    def issue_agent(
        self, csr_der: bytes, agent_uid: str, now: datetime, *, synthetic: bool = False
    ) -> tuple[bytes, ...]:
        """A certificate for the agent's key: (leaf, agent issuer), DER.

        Raises:
            CsrError: the request is unusable.
            KeyOfflineError: the agent issuer's key is elsewhere.
        """
        issuer = self.state.agent_issuer
        public_key = read_csr(csr_der).public_key()
        leaf = profiles.agent(
            agent_uid, public_key, issuer.x509, issuer.signing_key(), now, synthetic=synthetic
        )
        return profiles.der(leaf), issuer.certificate

    def certify_signer(
        self, key: Ed25519PublicKey, now: datetime, *, label: str, usage: x509.ObjectIdentifier
    ) -> bytes:
        """A certificate, DER, that lets *key* sign what *usage* names (see `certs.signers`).

        Args:
            label: what the certificate's subject calls the signer.

        Raises:
            KeyOfflineError: the root's key is elsewhere.
        """
        root = self.state.roots[-1].holding
        label = f"{label}-{self.state.version}"
        certificate = profiles.signer(
            self.state.name, label, key, root.x509, root.signing_key(), now, usage=usage
        )
        return profiles.der(certificate)

    def gateway_chains(self) -> list[tuple[bytes, bytes]]:
        """What the gateway serves: (chain PEM, key PEM), leaf first; empty until there is a gateway certificate.

        While a rotation is under way, and for `rotation.LINGER` after it, the one chain holds the new root signed by the
        old and the old root itself, so that agents accept it whichever of the two they pin.
        """
        gateway = self.state.gateway
        if gateway is None:
            return []
        chain = (gateway.certificate, self.state.gateway_issuer.certificate, *self.served_roots())
        return [(chain_to_pem(chain), key_to_pem(gateway.signing_key()))]

    def gateway_names(self) -> tuple[str, ...]:
        """The DNS names and addresses that the gateway's certificate is for."""
        return names_of(self.state.gateway.x509).all if self.state.gateway is not None else ()

    def gateway_due(self, now: datetime, names: Sequence[str]) -> bool:
        """Whether the gateway needs a new certificate: none yet, two thirds of its life over, or a name not in it."""
        gateway = self.state.gateway
        if gateway is None or not all(names_of(gateway.x509).cover(name) for name in names):
            return True
        certificate = gateway.x509
        return profiles.renewal_due(certificate.not_valid_before_utc, certificate.not_valid_after_utc, now)

    def pins_current(self) -> tuple[bytes, ...]:
        """The key of the root that agents trust now."""
        return (rotation.unretired(self.state)[0].holding.pin,)

    def pins_next(self) -> tuple[bytes, ...]:
        """The key of the root that a rotation brings, while one is under way."""
        return tuple(root.holding.pin for root in rotation.unretired(self.state)[1:])

    def report_keys(self) -> tuple[ReportKey, ...]:
        """What path reports are sealed to, current first; empty in a folder from before there were any."""
        return tuple(report.key for report in self.state.report_keys)

    def trust_bundle(self, own: frozenset[bytes] = frozenset(), names: Sequence[str] = ()) -> TrustBundle:
        """What agents are to be told.

        Args:
            own: pins of the issuers of a certificate of one's own, served or announced (see `certs.own`).
            names: the gateway's names; they bind the leaf of every chain once *own* is given.
        """
        return TrustBundle(
            pins_current=self.pins_current(),
            pins_next=self.pins_next() + tuple(sorted(own)),
            names=tuple(names) if own else (),
            report_keys=tuple(key.public.raw for key in self.report_keys()),
        )

    def client_anchors(self) -> Anchors:
        """What the gateway trusts in agents: the agent issuers alone, retired ones among them; never the root."""
        issuers = self._agent_issuers()
        return Anchors(
            pins=frozenset(issuer.pin for issuer in issuers),
            certificates=tuple(issuer.certificate for issuer in issuers),
        )

    def root_certificates(self) -> tuple[bytes, ...]:
        """The unretired roots, DER, for who wants to trust the gateway from elsewhere."""
        return tuple(root.holding.certificate for root in rotation.unretired(self.state))

    def rotation_began(self) -> datetime | None:
        """When the rotation of the root began that is under way."""
        if not self.pins_next():
            return None
        return self.state.roots[-1].holding.x509.not_valid_before_utc + profiles.BACKDATE

    def entries(self) -> Iterator[AuthorityEntry]:
        """Everything there is, roots first."""
        state = self.state
        current = rotation.unretired(state)[0]
        for root in state.roots:
            role = (
                Role.RETIRED_ROOT
                if root.retired
                else Role.CURRENT_ROOT
                if root == current
                else Role.NEXT_ROOT
            )
            yield _entry(role, root.holding, root.retired)
        yield _entry(Role.GATEWAY_ISSUER, state.gateway_issuer)
        yield _entry(Role.AGENT_ISSUER, state.agent_issuer)
        for issuer in state.retired_agent_issuers:
            yield _entry(Role.RETIRED_AGENT_ISSUER, issuer.holding, issuer.retired)
        if state.gateway is not None:
            yield _entry(Role.GATEWAY, state.gateway)

    def served_roots(self) -> tuple[bytes, ...]:
        """From the newest root down, each signed by the one before it, and the oldest that we still have by itself."""
        newest_first = self.state.roots[::-1]
        crosses = [root.cross for root in newest_first[:-1] if root.cross is not None]
        return (*crosses, newest_first[-1].holding.certificate)

    def _agent_issuers(self) -> tuple[Holding, ...]:
        return (self.state.agent_issuer, *(issuer.holding for issuer in self.state.retired_agent_issuers))


def _entry(role: Role, holding: Holding, retired: datetime | None = None) -> AuthorityEntry:
    end = holding.x509.not_valid_after_utc
    return AuthorityEntry(
        role=role,
        label=holding.label,
        certificate=holding.certificate,
        key_here=holding.key is not None,
        until=end if retired is None else min(end, retired + rotation.LINGER),
    )
