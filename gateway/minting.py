"""What agents are told to trust, and the tokens that tell a new one: made of the settings and the certificate authority."""

import secrets
from pathlib import Path

from certs import Authority, Token, TrustBundle, own_issuer_pins
from gateway.config import Config, ConfigError
from gateway.datafolder import DataFolder

__all__ = ["announced_trust", "mint_token"]


def announced_trust(config: Config, authority: Authority) -> TrustBundle:
    """What agents are told to trust, by these settings.

    Raises:
        OwnCertificateError: the files of the provider's own certificate cannot be read.
    """
    chain, issuers = (
        Path(text) if text else None for text in (config.certificate, config.certificate_issuers)
    )
    return authority.trust_bundle(own_issuer_pins(chain=chain, issuers=issuers), config.names)


def mint_token(folder: DataFolder, config: Config, listener_kind: str) -> Token:
    """A new enrollment token for agents that connect to listeners of *listener_kind*. Nobody knows it yet: the store is to keep its
    public key, and a person is shown it once.

    Raises:
        AuthorityError: the certificate authority can't be read.
        ConfigError: no such listener is configured, so that no agent could use it.
        OwnCertificateError: the files of the provider's own certificate can't be read.
    """
    addresses = config.addresses(listener_kind)
    if not addresses:
        raise ConfigError(f"no {listener_kind} listener is configured, so no agent could use this token")
    trust = announced_trust(config, Authority.load(folder.ca))
    return Token.create(
        seed=secrets.token_bytes(32),
        pins=trust.pins_current + trust.pins_next,
        gateways=addresses,
        names=trust.names,
        report_key=trust.report_keys[0] if trust.report_keys else b"",
    )
