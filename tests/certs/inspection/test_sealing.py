"""Sealed reports: what a box on the path can learn from one (nothing), and what it can do to one (lose it)."""

import base64
import functools
import os
import tracemalloc
import zlib

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from certs import PathCode, ReportKey, ReportPublic, Token, generate_key, key_to_pem, make_csr, public_key_of
from certs.inspection import (
    MAX_REPORT_BYTES,
    AgentSide,
    ClientHello,
    OpenedReport,
    ProxyUse,
    SealError,
    Signer,
    SignerKind,
    agent_signer,
    armour,
    code_signer,
    open_report,
    report_digest,
    seal_report,
    token_signer,
    unarmour,
)
from certs.inspection.envelope import MAX_CONTENT, EnvelopeError, pack, unpack
from certs.inspection.sealing import INFO, SUITE
from tests.certs.inspection.documents import AGENT_SIDES
from tests.certs.pki import AGENT, NOW, authority, make

KEY = ReportKey.generate()
TOKEN = Token.create(seed=bytes(range(32)), pins=[b"p" * 32], gateways=["gw.example:6180"])
CODE = PathCode.create(seed=bytes(range(1, 33)), pins=[b"p" * 32], gateways=["gw.example:6180"])
SIDE = AgentSide(
    at_ms=1_764_000_000_000, dialed="gw.example:6180", local="10.20.30.40:49152", remote="192.0.2.7:6180",
    resolved=("192.0.2.7",), proxy=ProxyUse(url="http://proxy.corp.internal:3128", source="system", used=False),
    chain=(b"\x30\x03\x02\x01\x00",),
)  # fmt: skip
OTHER_AGENT = "00000000-0000-4000-8000-000000000002"


@functools.cache
def agent(uid: str = AGENT) -> tuple[bytes, tuple[bytes, ...]]:
    """Key and chain of an enrolled agent."""
    key = generate_key()
    return key_to_pem(key), authority().issue_agent(make_csr(key, "host"), uid, NOW)


def signer_of(uid: str = AGENT) -> Signer:
    key_pem, chain = agent(uid)
    return agent_signer(uid, "install-1", key_pem, chain)


def sealed_by(
    signer: Signer, side: AgentSide = SIDE, counter: int = 7, public: ReportPublic = KEY.public
) -> bytes:
    return seal_report(side, signer, public, counter)[0]  # fmt: skip


def opened(sealed: bytes) -> OpenedReport:
    return open_report(sealed, [KEY])


def plaintext_of(sealed: bytes) -> bytes:
    return SUITE.decrypt(sealed[8:], KEY.exchange, INFO)


def sealed_anew(plaintext: bytes, key: ReportKey = KEY) -> bytes:
    """What anybody can do who knows the public key."""
    return key.public.key_id + SUITE.encrypt(plaintext, key.public.exchange, INFO)


# -- what comes out is what went in --------------------------------------------------------------------------------


@given(AGENT_SIDES, st.integers(1, 2**63 - 1), st.sampled_from(SignerKind))
@settings(max_examples=60)
def test_the_gateway_reads_what_the_agent_saw(side: AgentSide, counter: int, kind: SignerKind) -> None:
    signer = {"agent": signer_of(), "token": token_signer(TOKEN, "install-1"), "code": code_signer(CODE)}[
        kind
    ]

    sealed, answer_key = seal_report(side, signer, KEY.public, counter)
    report = opened(sealed)

    assert report.side == side
    assert (report.kind, report.uid, report.counter) == (kind, signer.uid, counter)
    assert (report.installation_uid, report.chain_der) == (signer.installation_uid, signer.chain_der)
    assert (report.answer_key, report.digest) == (answer_key, report_digest(sealed))
    assert len(answer_key) == 32
    assert report.report_key is KEY


def test_a_retired_key_still_opens() -> None:
    """Agents that were off seal to the key that they were told."""
    sealed = sealed_by(signer_of())

    assert open_report(sealed, [ReportKey.generate(), KEY]).report_key is KEY


def test_whose_word_it_is() -> None:
    """Each kind by its own key, and by no other."""
    key_pem, chain = agent()
    by_agent = opened(sealed_by(agent_signer(AGENT, "install-1", key_pem, chain)))
    by_token, by_code = opened(sealed_by(token_signer(TOKEN, "i"))), opened(sealed_by(code_signer(CODE)))

    assert by_agent.is_by_its_certificate()
    assert by_agent.is_by(public_key_of(chain[0]))
    assert by_agent.chain_der == chain[:1]
    assert by_token.is_by(TOKEN.public_key())
    assert by_code.is_by(CODE.public_key())
    for report in (by_token, by_code):
        assert not report.is_by_its_certificate()
        assert not report.is_by(public_key_of(chain[0]))
        assert not report.is_by(b"no key")
        assert not report.is_by(b"")
    assert not by_token.is_by(CODE.public_key())
    assert not by_agent.is_by(TOKEN.public_key())


def test_a_key_counts_only_for_what_it_was_made_for() -> None:
    """A token's seed is no agent, and an agent's key no token, whatever the body says."""
    key_pem, chain = agent()
    as_agent = attrs.evolve(token_signer(TOKEN, "i"), kind="agent", uid=AGENT, chain_der=chain[:1])
    as_token = attrs.evolve(
        agent_signer(AGENT, "i", key_pem, chain), kind="token", uid=TOKEN.id, chain_der=()
    )

    assert not opened(sealed_by(as_agent)).is_by(TOKEN.public_key())
    assert not opened(sealed_by(as_agent)).is_by_its_certificate()
    assert not opened(sealed_by(as_token)).is_by(public_key_of(chain[0]))


# -- what a box on the path can do ---------------------------------------------------------------------------------


def test_nothing_but_the_key_id_is_in_clear() -> None:
    """No name, no address, no chain; two reports of the same have nothing in common but whom they are for."""
    first, second = sealed_by(signer_of()), sealed_by(signer_of())

    assert first[:8] == second[:8] == KEY.public.key_id
    for said in (
        b"10.20.30.40",
        b"192.0.2.7",
        b"proxy.corp.internal",
        b"gw.example",
        AGENT.encode(),
        b"at_ms",
        b"\x30\x03\x02\x01\x00",
    ):
        for form in (said, base64.b64encode(said)[:-4] or said, said.hex().encode()):
            assert form not in first  # fmt: skip
    same = sum(a == b for a, b in zip(first[8:], second[8:], strict=True))
    assert same < len(first) / 16
    assert zlib.compress(first[8:], 9) >= first[8:8]
    assert len(zlib.compress(first[8:], 9)) > len(first) - 16


def test_the_length_tells_nothing_of_an_address() -> None:
    """However long an address, a name, a counter: the same size."""
    sizes = {
        len(sealed_by(signer_of(), attrs.evolve(SIDE, local=local, dialed=dialed), counter))
        for local in (None, "10.0.0.1:1", "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535")
        for dialed in ("g:1", "gateway.some.long.name.example:6180")
        for counter in (1, 2**62)
    }

    assert sizes == {4096 + 56}


def test_the_length_tells_nothing_of_what_a_compressor_found() -> None:
    """A box that puts guesses of an address into its chain would else see which one the compressor has met before."""
    guesses = (b"10.20.30.40:49152" * 1000, b"10.99.99.99:55555" * 1000, os.urandom(17_000))

    sizes = {len(sealed_by(signer_of(), attrs.evolve(SIDE, chain=(guess, guess)))) for guess in guesses}

    assert sizes == {MAX_REPORT_BYTES}


def test_no_byte_can_be_changed() -> None:
    sealed = sealed_by(token_signer(TOKEN, "i"), AgentSide(at_ms=1, dialed="g:1"))
    assert opened(sealed)

    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1 << at % 8
        with pytest.raises(SealError):
            opened(bytes(changed))


def test_nothing_can_be_cut_off_or_put_on() -> None:
    sealed = sealed_by(token_signer(TOKEN, "i"), AgentSide(at_ms=1, dialed="g:1"))

    for size in range(len(sealed)):
        with pytest.raises(SealError):
            opened(sealed[:size])
    for more in (b"\0", sealed):
        with pytest.raises(SealError):
            opened(sealed + more)
    with pytest.raises(SealError, match="limit is 31744"):
        opened(KEY.public.key_id + bytes(MAX_REPORT_BYTES))


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=200)
def test_garbage_raises_only_seal_error(data: bytes, addressed: bool) -> None:
    with pytest.raises(SealError):
        opened(KEY.public.key_id + data if addressed else data)


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_garbage_that_is_sealed_to_us_raises_only_seal_error(plaintext: bytes) -> None:
    """Anybody can seal: what is inside is as hostile as what is outside."""
    with pytest.raises(SealError):
        opened(sealed_anew(plaintext))


@given(st.binary(max_size=80), st.binary(max_size=200) | st.just(b"[" * 20_000))
@settings(max_examples=200)
def test_an_envelope_of_garbage_raises_only_seal_error(signature: bytes, body: bytes) -> None:
    with pytest.raises(SealError):
        opened(sealed_anew(pack(signature, body, 31_000)))


def test_only_the_gateway_of_that_key_opens_it() -> None:
    sealed = sealed_by(signer_of())
    stranger = ReportKey.generate()

    with pytest.raises(SealError, match="sealed to a key that is not ours"):
        open_report(sealed, [stranger])
    with pytest.raises(SealError, match="the seal is broken"):
        open_report(stranger.public.key_id + sealed[8:], [stranger])
    with pytest.raises(SealError, match="not ours"):
        open_report(sealed, [])


def test_nobody_reports_for_another_agent() -> None:
    """Neither with its own certificate, nor with that agent's, which is no secret."""
    key_pem, chain = agent()
    _, other_chain = agent(OTHER_AGENT)
    forgeries = [
        agent_signer(OTHER_AGENT, "install-2", key_pem, chain),
        agent_signer(OTHER_AGENT, "install-2", key_pem, other_chain),
        agent_signer(OTHER_AGENT, "install-2", key_pem, ()),
        agent_signer(OTHER_AGENT, "install-2", key_pem, (b"no certificate",)),
    ]

    for forgery in forgeries:
        report = opened(sealed_by(forgery))
        assert not report.is_by_its_certificate()
        assert not report.is_by(public_key_of(other_chain[0]))


def test_a_certificate_of_ones_own_making_is_for_the_chain_to_judge() -> None:
    """It says the uid and signs for it; that our issuer never signed *it* is `judge_chain`'s to say, and is asked."""
    uri = x509.UniformResourceIdentifier(f"urn:fieldgate:agent:{AGENT}")
    made = make("x", names=[uri])

    report = opened(sealed_by(agent_signer(AGENT, "i", made.key_pem, (made.der,))))

    assert report.is_by_its_certificate()
    assert report.chain_der == (made.der,)


def test_a_word_cannot_be_put_into_a_signed_report() -> None:
    """Who opens a report (another provider's gateway) can seal it again, but not change a byte of it."""
    sealed = sealed_by(signer_of())
    signature, body = unpack(plaintext_of(sealed))

    same = opened(sealed_anew(pack(signature, body, 31_000)))
    other = opened(sealed_anew(pack(signature, body.replace(b'"counter":7', b'"counter":8'), 31_000)))

    assert same.is_by_its_certificate()
    assert (other.counter, other.is_by_its_certificate()) == (8, False)


def test_a_report_to_one_provider_is_none_to_another() -> None:
    """The signature names the gateway's key: a dishonest provider can't report in an agent's name elsewhere."""
    signature, body = unpack(plaintext_of(sealed_by(signer_of())))
    elsewhere = ReportKey.generate()

    report = open_report(sealed_anew(pack(signature, body, 31_000), elsewhere), [elsewhere])

    assert report.side == SIDE
    assert not report.is_by_its_certificate()


def test_what_is_stored_of_a_report_can_be_shown_to_others() -> None:
    """`signed_bytes` and `signature` are all it takes."""
    report = opened(sealed_by(token_signer(TOKEN, "i")))

    Ed25519PrivateKey.from_private_bytes(TOKEN.seed).public_key().verify(
        report.signature, report.signed_bytes
    )
    assert b"10.20.30.40" in report.signed_bytes


# -- sizes ---------------------------------------------------------------------------------------------------------


@functools.cache
def long_chain() -> tuple[bytes, ...]:
    """Five certificates with RSA-4096 keys, of 2 KiB each like a public CA's, the leaf with many names."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=4096)
    names = [x509.DNSName(f"host-{n}.some.customer.example") for n in range(30)]
    stamps = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), os.urandom(500))
    made = [make("Root", ca=True, key=key, extra=[(stamps, False)])]
    made.extend(
        make(f"Intermediate {n}", made[-1], ca=True, key=key, extra=[(stamps, False)]) for n in range(3)
    )
    made.append(make("leaf", made[-1], key=key, names=names, extra=[(stamps, False)]))
    return tuple(certificate.der for certificate in reversed(made))


def test_a_chain_of_five_rsa_4096_certificates_fits() -> None:
    """Without being compressed, with everything else that an agent sees."""
    hello = ClientHello(ja4="t13d1516h2_8daaf6152771_b186095e22b6", ja4_raw="1301," * 200, versions=("TLSv1.3",), alpn=("fieldgate/1",),
                        server_name="gw.example", size=1800, random=os.urandom(32))  # fmt: skip
    side = attrs.evolve(
        SIDE, chain=long_chain(), hello=hello, client_random=os.urandom(32), exporter=os.urandom(32)
    )

    sealed = sealed_by(signer_of(), side)

    assert sum(map(len, long_chain())) > 10_000
    assert len(sealed) < 24 * 1024 < MAX_REPORT_BYTES
    assert opened(sealed).side == side


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        ([3000] * 8, 8),  # compressed, it just fits
        ([3000] * 12, 9),
        ([5000, 60_000], 1),
        ([90_000], None),
        ([1000, 200_000, 1000], 1),  # more than a TLS stack takes, so more than a document does
        ([1000] * 30, 16),
    ],
    ids=str,
)
def test_who_makes_a_chain_long_does_not_keep_us_silent(sizes: list[int], kept: int | None) -> None:
    """It is cut at its end: the leaf and its issuer are what names a box. And it says that it was."""
    chain = tuple(os.urandom(size) for size in sizes)
    sealed = sealed_by(signer_of(), attrs.evolve(SIDE, chain=chain, lacking=("exporter",)))

    side = opened(sealed).side

    assert len(sealed) <= MAX_REPORT_BYTES
    assert side.chain == (chain[:kept] if kept else None)
    assert side.lacking == (("exporter",) if kept == len(sizes) else ("exporter", "chain"))
    assert attrs.evolve(side, chain=SIDE.chain, lacking=()) == SIDE


def test_a_report_that_cannot_be_made_is_said() -> None:
    resolved = tuple(os.urandom(127).hex() for _ in range(64))
    probes = attrs.evolve(SIDE, chain=None, resolved=resolved)
    with pytest.raises(SealError, match="no report can be made of this: "):
        sealed_by(signer_of(), attrs.evolve(SIDE, at_ms=-1))
    with pytest.raises(SealError, match="no report can be made of this: "):
        sealed_by(signer_of(), counter=0)
    with pytest.raises(SealError, match="can't be sealed to"):
        sealed_by(signer_of(), public=ReportPublic(bytes(64)))
    assert opened(sealed_by(signer_of(), probes)).side == probes


def test_a_bomb_is_not_decompressed() -> None:
    """31 KiB of zlib can hold 30 MiB; what is made of it stays below 4 MiB."""
    content = zlib.compress(bytes(30_000_000), 9)
    bomb = sealed_anew(b"\x01" + len(content).to_bytes(4, "big") + content)
    assert len(bomb) < MAX_REPORT_BYTES

    tracemalloc.start()
    try:
        with pytest.raises(SealError, match="more than 131072 bytes"):
            opened(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20


# -- envelopes -----------------------------------------------------------------------------------------------------


@given(st.binary(max_size=100), st.binary(max_size=3000) | st.just(b"x" * 50_000))
def test_an_envelope_is_read_as_it_was_packed(signature: bytes, body: bytes) -> None:
    packed = pack(signature, body, 10_000)

    assert unpack(packed) == (signature, body)
    assert len(packed) % 4096 == 0 or len(packed) == 10_000


@pytest.mark.parametrize(
    "plaintext",
    [
        b"", b"\0\0\0\0", b"\0\0\0\0\5abcd", b"\0\0\0\0\4\0\0ab\1", b"\2\0\0\0\2\0\0", b"\0\0\0\0\1\0", b"\0\0\0\0\3\0\2a",
        b"\1\0\0\0\3abc", b"\1\0\0\0\5" + zlib.compress(b"\0\0")[:5],
        b"\1" + (len(zlib.compress(b"\0\0")) + 1).to_bytes(4, "big") + zlib.compress(b"\0\0") + b"\0",
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_envelope_is_refused(plaintext: bytes) -> None:
    with pytest.raises(EnvelopeError):
        unpack(plaintext)


def test_an_envelope_has_an_end() -> None:
    with pytest.raises(EnvelopeError, match="bytes compressed, limit is"):
        pack(b"", os.urandom(2000), 1500)
    with pytest.raises(EnvelopeError, match=f"limit is {MAX_CONTENT}"):
        pack(b"", bytes(MAX_CONTENT), 10_000)


# -- by mail -------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=500))
def test_armour_survives_mail(sealed: bytes) -> None:
    lines = armour(sealed).splitlines()
    mailed = "Hello,\r\n\r\n" + "".join(f">> | {line}  \r\n" for line in lines) + "\r\nRegards\r\n"

    assert unarmour(armour(sealed)) == unarmour(mailed) == sealed
    assert max(map(len, lines)) <= 64


def test_armour_says_what_is_wrong() -> None:
    text = armour(sealed_by(signer_of()))
    for broken, words in [
        ("", "no report in it"),
        (text[:-10], "cut short: copy all of it"),
        (text.replace("\n=", "\n=A", 1), "damaged"),
        (text.replace(text[200:204], "AAAA", 1), "its checksum does not match, copy it again"),
        (text[:200] + "?" + text[200:], "characters that no report has"),
        ("-----BEGIN FIELDGATE PATH REPORT----------END FIELDGATE PATH REPORT-----", "damaged"),
        ("x" * 600_000, "limit is 524288"),
        (armour(bytes(MAX_REPORT_BYTES + 1)), "limit is 31744"),
    ]:
        with pytest.raises(SealError, match=words):
            unarmour(broken)


@given(st.text(max_size=50))
def test_any_text_between_the_lines_raises_only_seal_error(inside: str) -> None:
    with pytest.raises(SealError):
        unarmour(f"-----BEGIN FIELDGATE PATH REPORT-----\n{inside}\n-----END FIELDGATE PATH REPORT-----")
