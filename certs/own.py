"""A certificate of your own for the gateway, from a public CA renewed by ACME or from a company's PKI.

Agents do not pin such a leaf: it changes every few weeks. They trust a *name* and a set of *issuers*, given as one PEM
file of CA certificates (the public root is the right choice: intermediates change without notice). What the CA's
client wrote is served, completed by those issuers, so that agents can find a CA that they know in the chain.

Everything wrong with it is found before it is served, and said at once: a list of problems, each with what to do,
because a gateway that starts with a bad certificate loses all of its agents at the same moment.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import attrs
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certs.chain import CertificateError, chain_from_pem, chain_to_pem, names_of, parse_chain, pin_of
from certs.keys import pin_of_key
from certs.problems import Problem, ProblemKind, find_problems, problem_of
from certs.trust import Anchors


class OwnCertificateError(Exception):
    """The certificate cannot be served. `problems` says why; the message joins them, with what to do about each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.message}: {problem.action}" for problem in problems))
        self.problems = tuple(problems)


@attrs.frozen(kw_only=True)
class OwnCertificate:
    """A checked certificate, ready to be served. `warnings` are problems that do not keep it from being served."""

    chain_pem: bytes
    key_pem: bytes = attrs.field(repr=False)
    names: tuple[str, ...]
    issuer_pins: frozenset[bytes]
    not_after: datetime
    warnings: tuple[Problem, ...]
    sources: tuple[tuple[Path, int, int, int], ...] = attrs.field(repr=False)

    @classmethod
    def load(
        cls, chain: Path, key: Path, *, names: Sequence[str], at: datetime, issuers: Path | None = None
    ) -> "OwnCertificate":
        """Read and check the files.

        Args:
            chain: PEM, the gateway's certificate first, then its intermediates (ACME's fullchain.pem).
            key: PEM, not encrypted (ACME's privkey.pem).
            names: what agents dial; the certificate must be for one of them at least.
            at: the moment to check for, UTC.
            issuers: PEM, the CAs that agents trust; without it, the last certificate of the chain.

        Raises:
            OwnCertificateError: it cannot be served; while an ACME client is replacing the two files one after the
                other this happens for a moment, so who holds a loaded one goes on serving that.
        """
        sources = tuple(_stat(path) for path in (chain, key, issuers) if path is not None)
        chain_pem, key_pem = _read(chain), _read(key)
        issuers_pem = _read(issuers) if issuers is not None else None
        problems = check_certificate(chain_pem, key_pem, names=names, at=at, issuers_pem=issuers_pem)
        if any(problem.fatal for problem in problems):
            raise OwnCertificateError(problems)
        served = _complete(chain_from_pem(chain_pem), _issuers_of(chain_pem, issuers_pem))
        leaf = parse_chain(served)[0]
        return cls(
            chain_pem=chain_to_pem(served),
            key_pem=key_pem,
            names=tuple(name for name in names if names_of(leaf).cover(name)),
            issuer_pins=frozenset(pin_of(c) for c in parse_chain(_issuers_of(chain_pem, issuers_pem))),
            not_after=min(c.not_valid_after_utc for c in parse_chain(served)),
            warnings=tuple(problems),
            sources=sources,
        )

    def chains(self) -> list[tuple[bytes, bytes]]:
        """What the gateway serves: (chain PEM, key PEM), like `Authority.gateway_chains`."""
        return [(self.chain_pem, self.key_pem)]

    def changed(self) -> bool:
        """Whether a file is another one than it was when this was loaded, or gone: time to load again."""
        try:
            return any(_stat(source[0]) != source for source in self.sources)
        except OwnCertificateError:
            return True


def own_issuer_pins(*, chain: Path | None, issuers: Path | None) -> frozenset[bytes]:
    """The pins that agents are to be told for a certificate of one's own, served already or only announced.

    Args:
        chain: the chain that is served, if one is; its last certificate counts where there is no *issuers* file.
        issuers: PEM, the CAs that agents are to trust.

    Raises:
        OwnCertificateError: a file cannot be read, or holds no certificate.
    """
    path = issuers or chain
    if path is None:
        return frozenset()
    try:
        found = chain_from_pem(_read(path))
        return frozenset(pin_of(c) for c in parse_chain(found if issuers is not None else found[-1:]))
    except CertificateError as exc:
        raise OwnCertificateError([problem_of(ProblemKind.UNREADABLE, f"{path}: {exc}")]) from exc


def check_certificate(
    chain_pem: bytes, key_pem: bytes, *, names: Sequence[str], at: datetime, issuers_pem: bytes | None = None
) -> list[Problem]:
    """Everything wrong with a certificate that a gateway is to serve; empty if it is fine. See `OwnCertificate.load`."""
    problems: list[Problem] = []
    key = _public_part(key_pem, problems)
    try:
        chain = chain_from_pem(chain_pem)
        issuers = _issuers_of(chain_pem, issuers_pem)
    except CertificateError as exc:
        return [*problems, problem_of(ProblemKind.UNREADABLE, str(exc))]
    served = _complete(chain, issuers)
    anchors = Anchors(
        pins=frozenset(pin_of(c) for c in parse_chain(issuers)),
        names=frozenset(names),
    )
    key_pin = pin_of_key(key) if key is not None else None
    return problems + find_problems(chain, served, key_pin, anchors, at)


def _issuers_of(chain_pem: bytes, issuers_pem: bytes | None) -> tuple[bytes, ...]:
    return chain_from_pem(issuers_pem) if issuers_pem is not None else chain_from_pem(chain_pem)[-1:]


def _complete(chain: tuple[bytes, ...], issuers: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The chain and, of the issuers' certificates, those that stand above one of its own."""
    wanted = {c.issuer for c in parse_chain(chain)}
    added = []
    for der, certificate in zip(issuers, parse_chain(issuers), strict=True):
        if der not in chain and certificate.subject in wanted:
            added.append(der)
    return chain + tuple(added)


def _public_part(key_pem: bytes, problems: list[Problem]) -> CertificatePublicKeyTypes | None:
    try:
        private = load_pem_private_key(key_pem, password=None)
    except TypeError:
        problems.append(problem_of(ProblemKind.KEY_ENCRYPTED, "the private key is encrypted"))
        return None
    except (ValueError, UnsupportedAlgorithm) as exc:
        problems.append(problem_of(ProblemKind.KEY_UNREADABLE, f"no readable private key: {exc}"))
        return None
    return private.public_key()  # type: ignore[return-value]  # a DH key has no certificate, and then matches none


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise OwnCertificateError([problem_of(ProblemKind.UNREADABLE, f"{path}: {exc.strerror}")]) from exc


def _stat(path: Path) -> tuple[Path, int, int, int]:
    try:
        found = path.stat()
    except OSError as exc:
        raise OwnCertificateError([problem_of(ProblemKind.UNREADABLE, f"{path}: {exc.strerror}")]) from exc
    return path, found.st_mtime_ns, found.st_size, found.st_ino
