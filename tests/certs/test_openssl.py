"""What stands in our certificates holds for a verifier that is not ours: OpenSSL, by the standard library's ssl."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from certs import Authority, chain_from_pem, chain_to_pem, generate_key, key_to_pem, make_csr
from tests.certs.pki import AGENT, CLIENT, SERVER, Made, make, server

TODAY = datetime.now(UTC)  # OpenSSL reads the machine's clock
MADE = Authority.create("Nordwind", TODAY).rotate_gateway(TODAY, names=["gateway.example", "127.0.0.1"])


def handshake(
    tmp_path: Path,
    *,
    server_chain: bytes,
    server_key: bytes,
    trusted: bytes,
    client_chain: bytes = b"",
    client_key: bytes = b"",
    name: str = "gateway.example",
) -> None:
    """One TLS handshake in memory, both sides verifying as they like; raises what either side finds wrong."""

    def credentials(context: ssl.SSLContext, chain: bytes, key: bytes) -> None:
        path = tmp_path / "credentials.pem"
        path.write_bytes(chain + key)
        context.load_cert_chain(path)

    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    credentials(ours, server_chain, server_key)
    theirs = ssl.create_default_context(cadata=trusted.decode())
    if client_chain:
        ours.verify_mode = ssl.CERT_REQUIRED
        ours.load_verify_locations(cadata=trusted.decode())
        credentials(theirs, client_chain, client_key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        theirs.wrap_bio(to_client, to_server, server_hostname=name),
        ours.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
                end.read(1)
            except ssl.SSLWantReadError:
                continue


ROOT_PEM = chain_to_pem(MADE.root_certificates())
CHAIN_PEM, KEY_PEM = MADE.gateway_chains()[0]


def agent(made: Authority) -> tuple[bytes, bytes]:
    key = generate_key()
    return chain_to_pem(made.issue_agent(make_csr(key, "host"), AGENT, TODAY)), key_to_pem(key)


@pytest.mark.parametrize("name", ["gateway.example", "127.0.0.1"])
def test_both_sides_verify(tmp_path: Path, name: str) -> None:
    chain, key = agent(MADE)

    handshake(
        tmp_path,
        server_chain=CHAIN_PEM,
        server_key=KEY_PEM,
        trusted=ROOT_PEM,
        client_chain=chain,
        client_key=key,
        name=name,
    )


def test_wrong_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(
            tmp_path, server_chain=CHAIN_PEM, server_key=KEY_PEM, trusted=ROOT_PEM, name="elsewhere.example"
        )


def test_both_roots_verify_during_a_rotation(tmp_path: Path) -> None:
    """Who trusts the old root finds it through the cross certificate."""
    rolling = MADE.rotate_ca(TODAY)
    ((chain, key),) = rolling.gateway_chains()

    for root in rolling.root_certificates():
        handshake(tmp_path, server_chain=chain, server_key=key, trusted=chain_to_pem([root]))


def test_agent_poses_as_no_gateway(tmp_path: Path) -> None:
    chain, key = agent(MADE)

    with pytest.raises(ssl.SSLCertVerificationError, match=r"purpose|Hostname mismatch"):
        handshake(tmp_path, server_chain=chain + ROOT_PEM, server_key=key, trusted=ROOT_PEM)


def test_gateway_poses_as_no_agent(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(
            tmp_path,
            server_chain=CHAIN_PEM,
            server_key=KEY_PEM,
            trusted=ROOT_PEM,
            client_chain=CHAIN_PEM,
            client_key=KEY_PEM,
        )


def forged(names: list[x509.GeneralName]) -> tuple[bytes, bytes]:
    """What a thief of the edge's key could sign."""
    issuer = MADE.state.agent_issuer
    stolen = Made(issuer.x509, issuer.signing_key())
    fake = make(
        "gateway.example",
        stolen,
        usage=[SERVER, CLIENT],
        names=names,
        begin=TODAY,
        end=TODAY.replace(year=TODAY.year + 1, day=1),
    )
    return fake.pem + stolen.pem, fake.key_pem


def test_stolen_agent_issuer_makes_no_gateway(tmp_path: Path) -> None:
    chain, key = forged([x509.DNSName("gateway.example")])

    with pytest.raises(ssl.SSLCertVerificationError, match=r"purpose|excluded subtree"):
        handshake(tmp_path, server_chain=chain, server_key=key, trusted=ROOT_PEM)


def test_excluded_names_hold_by_themselves(tmp_path: Path) -> None:
    """As a client, where the issuer's usage would allow it: the name alone is what OpenSSL refuses."""
    chain, key = forged([x509.DNSName("gateway.example")])

    with pytest.raises(ssl.SSLCertVerificationError, match="excluded subtree"):
        handshake(
            tmp_path,
            server_chain=CHAIN_PEM,
            server_key=KEY_PEM,
            trusted=ROOT_PEM,
            client_chain=chain,
            client_key=key,
        )


def test_gateway_with_a_certificate_of_a_stranger_is_refused(tmp_path: Path) -> None:
    stranger = make("stranger", ca=True)
    fake = server("gateway.example", stranger)

    with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed|unable to get|local issuer"):
        handshake(tmp_path, server_chain=fake.pem + stranger.pem, server_key=fake.key_pem, trusted=ROOT_PEM)


def test_chain_is_served_in_order() -> None:
    """Leaf, issuer, root: each signed by the next."""
    chain = [x509.load_der_x509_certificate(der) for der in chain_from_pem(CHAIN_PEM)]

    for below, above in zip(chain, [*chain[1:], chain[-1]], strict=True):
        below.verify_directly_issued_by(above)
