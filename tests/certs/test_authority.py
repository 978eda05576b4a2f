"""What the authority issues, for how long, and what a key that is elsewhere prevents."""

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs import (
    Authority,
    AuthorityError,
    CsrError,
    KeyOfflineError,
    Usage,
    agent_uid_of,
    chain_from_pem,
    generate_key,
    judge_chain,
    make_csr,
    read_certificate,
    read_csr,
    serial_of,
    spki_sha256,
)
from certs.state import Holding
from tests.certs.pki import AGENT, DAY, NOW, authority

CSR = make_csr(generate_key(), "backup-01")


def extension(der: bytes, kind: type[x509.ExtensionType]) -> x509.Extension[x509.ExtensionType]:
    return x509.load_der_x509_certificate(der).extensions.get_extension_for_class(kind)


def without_key(holding: Holding) -> Holding:
    return attrs.evolve(holding, key=None)


def test_lifetimes() -> None:
    """Agents 30 days, gateways 90, issuers 5 years, the root 20, each begun an hour ago."""
    made = authority()
    leaf, agent_issuer = made.issue_agent(CSR, AGENT, NOW)
    gateway, gateway_issuer, root = chain_from_pem(made.gateway_chains()[0][0])

    lives = [
        read_certificate(der).not_after - NOW for der in (leaf, gateway, agent_issuer, gateway_issuer, root)
    ]
    assert lives == [30 * DAY, 90 * DAY, 5 * 365 * DAY, 5 * 365 * DAY, 20 * 365 * DAY]
    assert (NOW - read_certificate(leaf).not_before).total_seconds() == 3600


def test_nothing_outlives_its_issuer() -> None:
    late = NOW + 5 * 365 * DAY - DAY

    leaf, issuer = authority().issue_agent(CSR, AGENT, late)

    assert read_certificate(leaf).not_after == read_certificate(issuer).not_after


def test_agent_certificate_carries_the_id_that_the_gateway_assigned() -> None:
    """Whatever the request asked to be called."""
    leaf, _ = authority().issue_agent(CSR, AGENT, NOW)

    assert agent_uid_of(leaf) == AGENT
    assert spki_sha256(leaf) == read_csr(CSR).spki_sha256
    assert read_certificate(leaf).subject == f"CN={AGENT}"
    assert int(serial_of(leaf), 16) > 2**64


def test_synthetic_agent_is_marked() -> None:
    leaf, _ = authority().issue_agent(CSR, AGENT, NOW, synthetic=True)

    assert read_certificate(leaf).subject == f"OU=synthetic,CN={AGENT}"


def test_agent_issuer_is_confined_by_its_own_certificate() -> None:
    """EKU clientAuth, no CA below, no DNS name, no address: for verifiers that are not ours."""
    issuer = authority().state.agent_issuer.certificate

    usage = extension(issuer, x509.ExtendedKeyUsage).value
    basic = extension(issuer, x509.BasicConstraints)
    names = extension(issuer, x509.NameConstraints)
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]  # type: ignore[call-overload]  # the stub loses the type
    assert basic.critical
    assert basic.value == x509.BasicConstraints(ca=True, path_length=0)
    assert names.critical
    excluded = names.value.excluded_subtrees  # type: ignore[attr-defined]  # the same
    assert {str(subtree.value) for subtree in excluded} == {"", "0.0.0.0/0", "::/0"}


def test_requests_are_checked_before_anything_is_signed() -> None:
    with pytest.raises(CsrError):
        authority().issue_agent(b"junk", AGENT, NOW)


@pytest.mark.parametrize(
    "names", [[], ["a b"], ["-x.example"], ["gateway.example/24"], ["a" * 64 + ".example"], [""]]
)
def test_gateway_names_must_be_names(names: list[str]) -> None:
    with pytest.raises(AuthorityError, match=r"at least one name|neither a DNS name nor an address"):
        authority().rotate_gateway(NOW, names=names)


@pytest.mark.parametrize(
    "name", ["gw.example", "*.gw.example", "bücher.example", "10.1.2.3", "[2001:db8::1]", "localhost"]
)
def test_gateway_is_reached_by_every_kind_of_name(name: str) -> None:
    made = authority().rotate_gateway(NOW, names=[name])
    chain = chain_from_pem(made.gateway_chains()[0][0])

    dialed = name.replace("*", "north")
    assert judge_chain(chain, made.trust_bundle().anchors(), name=dialed, usage=Usage.SERVER, at=NOW).ok


def test_names_too_long_for_a_subject_are_clipped_there_alone() -> None:
    long = "a" * 40 + "." + "b" * 40 + ".example"
    made = Authority.create("ü" * 100, NOW).rotate_gateway(NOW, names=[long])

    assert made.gateway_names() == (long,)
    subject = x509.load_der_x509_certificate(made.root_certificates()[0]).subject
    for attribute in subject:
        assert len(str(attribute.value).encode()) <= 64
    common = subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert str(common).endswith("ü root-1")


def test_gateway_certificate_is_due_after_two_thirds_or_for_a_new_name() -> None:
    made = authority()

    assert not made.gateway_due(NOW + 59 * DAY, ["gateway.example", "::1"])
    assert made.gateway_due(NOW + 61 * DAY, ["gateway.example"])
    assert made.gateway_due(NOW, ["gateway.example", "new.example"])
    assert Authority.create("x", NOW).gateway_due(NOW, [])


def test_keys_never_appear_in_a_repr() -> None:
    made = authority()
    secret = made.state.agent_issuer.signing_key().private_numbers().private_value

    assert str(secret) not in repr(made)
    assert "PrivateKey" not in repr(made)


def test_with_the_root_offline_everyday_work_goes_on() -> None:
    """Agents are issued, the gateway's certificate is renewed; new issuers and a new root need the root's key."""
    state = authority().state
    root = attrs.evolve(state.roots[0], holding=without_key(state.roots[0].holding))
    offline = Authority(state=attrs.evolve(state, roots=(root,)))

    assert len(offline.issue_agent(CSR, AGENT, NOW)) == 2
    assert offline.rotate_gateway(NOW).gateway_chains()
    with pytest.raises(KeyOfflineError, match=r"root-1\.key is not in the authority's folder"):
        offline.rotate_issuers(NOW)
    with pytest.raises(KeyOfflineError, match=r"root-1\.key"):
        offline.rotate_ca(NOW)


def test_edge_needs_the_agent_issuers_key_alone() -> None:
    """An edge on another machine holds no key that can make a gateway."""
    state = authority().state
    root = attrs.evolve(state.roots[0], holding=without_key(state.roots[0].holding))
    edge = Authority(
        state=attrs.evolve(state, roots=(root,), gateway_issuer=without_key(state.gateway_issuer))
    )

    assert len(edge.issue_agent(CSR, AGENT, NOW)) == 2
    with pytest.raises(KeyOfflineError, match=r"gateway-issuer-1\.key"):
        edge.rotate_gateway(NOW)


def test_all_keys_are_p256() -> None:
    state = authority().state
    for holding in (state.roots[0].holding, state.gateway_issuer, state.agent_issuer, state.gateway):
        assert holding is not None
        assert isinstance(holding.signing_key().curve, ec.SECP256R1)


def test_authority_needs_a_name() -> None:
    with pytest.raises(AuthorityError, match="needs the provider's name"):
        Authority.create("  ", NOW)
