"""One judgement: chain, name and time apart, each refusal with its reason."""

import ipaddress
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from certs import (
    Anchors,
    Authority,
    ChainVerdict,
    NameVerdict,
    TimeVerdict,
    TrustResult,
    Usage,
    chain_from_pem,
    generate_key,
    judge_chain,
    make_csr,
    spki_sha256,
)
from tests.certs.pki import (
    AGENT,
    CLIENT,
    DAY,
    NOW,
    SERVER,
    Made,
    authority,
    make,
    rsa_key,
    server,
    weak_rsa_key,
)

ROOT = make("Public Root", ca=True)
ISSUER = make("Public Issuer", ROOT, ca=True, path_length=0)
LEAF = server("leaf", ISSUER)
PUBLIC = Anchors(pins=frozenset({ROOT.pin}))


def judge(*chain: Made, anchors: Anchors = PUBLIC, name: str | None = "gateway.example") -> TrustResult:
    return judge_chain([made.der for made in chain], anchors, name=name, usage=Usage.SERVER, at=NOW)


def agent_chain(made: Authority) -> tuple[bytes, ...]:
    return made.issue_agent(make_csr(generate_key(), "backup-01"), AGENT, NOW)


def test_good_chain_is_trusted_without_reserve() -> None:
    result = judge(LEAF, ISSUER, ROOT)

    assert result.ok
    assert result.detail == ""
    assert (result.not_before, result.not_after) == (NOW - DAY, NOW + 365 * DAY)


def test_pinned_intermediate_is_enough() -> None:
    """A public root is seldom sent; its issuer's key can be pinned instead."""
    assert judge(LEAF, ISSUER, anchors=Anchors(pins=frozenset({ISSUER.pin}))).ok


def test_issuers_may_come_in_any_order() -> None:
    assert judge(LEAF, ROOT, make("noise", ca=True), ISSUER).ok


def test_known_certificates_complete_a_chain() -> None:
    anchors = Anchors(pins=frozenset({ROOT.pin}), certificates=(ROOT.der, ISSUER.der))

    assert judge(LEAF, anchors=anchors).ok
    assert judge(LEAF, ISSUER, anchors=anchors).ok
    assert judge(LEAF, make("noise", ca=True), anchors=anchors).ok


def test_judging_by_kept_authorities_is_as_exact_as_by_fresh_ones() -> None:
    """To the second, at moments in any order: what is kept between judgements knows no time."""
    kept = Anchors(pins=frozenset({ROOT.pin}), certificates=(ROOT.der, ISSUER.der))
    end = NOW + 365 * DAY
    second = timedelta(seconds=1)
    for at in (NOW, end + second, end, NOW - DAY - second, NOW - DAY, end + 400 * DAY, NOW):
        fresh = judge_chain(
            [m.der for m in (LEAF, ISSUER, ROOT)], PUBLIC, name=None, usage=Usage.SERVER, at=at
        )
        assert judge_chain([LEAF.der], kept, name=None, usage=Usage.SERVER, at=at) == fresh
        assert fresh.ok is (NOW - DAY <= at <= end)


def test_where_issuers_are_known_no_other_is_used() -> None:
    """A wrapper of our own making around the pinned key, without its limits, counts for nothing."""
    limited = make("Issuer", ROOT, ca=True, usage=[CLIENT])
    wrapper = make("Issuer", key=limited.key, ca=True, end=NOW + 9999 * DAY)
    leaf = server("leaf", limited)
    pins = frozenset({limited.pin})

    assert judge(leaf, wrapper, anchors=Anchors(pins=pins)).ok
    assert (
        judge(leaf, wrapper, anchors=Anchors(pins=pins, certificates=(limited.der,))).chain
        is ChainVerdict.WRONG_USAGE
    )


def test_known_certificates_are_not_trusted_for_being_known() -> None:
    anchors = Anchors(pins=frozenset(), certificates=(ROOT.der, ISSUER.der))

    assert judge(LEAF, ISSUER, ROOT, anchors=anchors).chain is ChainVerdict.UNKNOWN_ISSUER


def test_pinned_leaf_is_not_trusted() -> None:
    """A pin names a CA: neither a leaf with a pinned key nor a pinned CA that poses as a server is one."""
    alone = server("leaf", None)

    assert not judge(alone, anchors=Anchors(pins=frozenset({alone.pin}))).ok
    assert not judge(LEAF, ISSUER, anchors=Anchors(pins=frozenset({LEAF.pin}))).ok
    assert not judge(ROOT).ok
    assert not judge(ROOT, ROOT).ok


FORGED_ISSUER = make("Public Issuer", make("Public Root", ca=True), ca=True)
NO_CA = server("not a ca", ISSUER, names=[x509.DNSName("customer.example")])
DEEP = make("Second Issuer", ISSUER, ca=True)
CLIENT_ISSUER = make("Client Issuer", ROOT, ca=True, usage=[CLIENT])
NO_GATEWAYS = make(
    "Constrained",
    ROOT,
    ca=True,
    extra=[
        (
            x509.NameConstraints(permitted_subtrees=[x509.DNSName("other.example")], excluded_subtrees=None),
            True,
        )
    ],
)
P224 = server("leaf", ISSUER, key=ec.generate_private_key(ec.SECP224R1()))


@pytest.mark.parametrize(
    ("chain", "verdict", "words"),
    [
        ([LEAF], ChainVerdict.INCOMPLETE, "CN=Public Issuer, which issued CN=leaf, was not sent"),
        ([LEAF, ROOT], ChainVerdict.INCOMPLETE, "CN=Public Issuer, which issued CN=leaf, was not sent"),
        ([LEAF, ISSUER], ChainVerdict.INCOMPLETE, "CN=Public Root, which issued CN=Public Issuer, was not sent"),
        ([server("self", None)], ChainVerdict.UNKNOWN_ISSUER, "ends in CN=self, which is not trusted"),
        ([LEAF, FORGED_ISSUER, ROOT], ChainVerdict.BAD_SIGNATURE, "CN=leaf is not signed with the key of CN=Public I"),
        ([server("leaf", NO_CA), NO_CA, ISSUER, ROOT], ChainVerdict.NOT_A_CA, "CN=not a ca may not sign"),
        ([server("leaf", DEEP), DEEP, ISSUER, ROOT], ChainVerdict.NOT_A_CA, "CN=Public Issuer may not have a CA below"),
        ([server("leaf", ISSUER, usage=[CLIENT]), ISSUER, ROOT], ChainVerdict.WRONG_USAGE, "CN=leaf is not for server"),
        ([server("leaf", CLIENT_ISSUER), CLIENT_ISSUER, ROOT], ChainVerdict.WRONG_USAGE, "CN=Client Issuer is not for"),
        ([server("leaf", ISSUER, ca=True), ISSUER, ROOT], ChainVerdict.WRONG_USAGE, "CN=leaf is a CA, and was presented"),
        ([server("leaf", ISSUER, key=weak_rsa_key()), ISSUER, ROOT], ChainVerdict.WEAK_KEY, "RSA of 1024 bits"),
        ([P224, ISSUER, ROOT], ChainVerdict.WEAK_KEY, "ECDSA on secp224r1"),
        ([server("leaf", NO_GATEWAYS), NO_GATEWAYS, ROOT], ChainVerdict.NAME_NOT_ALLOWED, "CN=Constrained may not certify"),
        ([server("leaf", ISSUER, names=[]), ISSUER, ROOT], ChainVerdict.REFUSED, "no subjectAltName"),
        ([], ChainVerdict.NO_CERTIFICATE, "no certificate was presented"),
        ([LEAF] * 11, ChainVerdict.UNREADABLE, "chain of 11 certificates, limit is 10"),
    ],
)  # fmt: skip
def test_every_refusal_has_its_reason(chain: list[Made], verdict: ChainVerdict, words: str) -> None:
    result = judge(*chain)

    assert result.chain is verdict
    assert words in result.detail
    assert not result.ok
    assert not result.may_renew(NOW)


def test_unknown_critical_extension_is_refused_with_the_verifiers_words() -> None:
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    leaf = server("leaf", ISSUER, extra=[(strange, True)])

    result = judge(leaf, ISSUER, ROOT)

    assert result.chain is ChainVerdict.REFUSED
    assert "critical" in result.detail


# Made with `openssl x509 -req -sha1`, for `cryptography` makes none: a leaf signed with SHA-1, under a good root.
SHA1_CHAIN = b"""\
-----BEGIN CERTIFICATE-----
MIIBozCCAUqgAwIBAgIBAjAJBgcqhkjOPQQBMBMxETAPBgNVBAMMCE9sZCBSb290
MCAXDTI2MTEyNDA0NTcxMFoYDzIxMjYxMDMxMDQ1NzEwWjAOMQwwCgYDVQQDDANv
bGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATTPeYO1TJO01J7IF6++wXj3LwU
Gxkm17gu+qUxu1dHoIqCE2l7fYezrF0bzlI7ROTppguKk8/IO5KPPrc1vRFGo4GS
MIGPMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsG
AQUFBwMBMBoGA1UdEQQTMBGCD2dhdGV3YXkuZXhhbXBsZTAfBgNVHSMEGDAWgBSp
AKnfuM1EhBXxCGZVwuMnc5USljAdBgNVHQ4EFgQUwTsACOihV9D1RAWRZtg8Jqk5
XhowCQYHKoZIzj0EAQNIADBFAiAJmdE9kME3VZl+c6qx1YpPzXEMOnwpwPnVB+20
hfndRgIhAKL+ljixSZsJYxsTyFaQGxrf2c3xFmKVE/9tyEK7GZGP
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
MIIBjTCCATOgAwIBAgIUNTWrsoxpfT9Af45g3ciszpt53SMwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIT2xkIFJvb3QwIBcNMjYxMTI0MDQ1NzEwWhgPMjEyNjEwMzEw
NDU3MTBaMBMxETAPBgNVBAMMCE9sZCBSb290MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAESovvqHPqi9a3kw928g4MBTO0Y6Dn/ewkBUBX/PRt7eOpg4W3o7Llzu7a
e/PlbMut0Cbpjh8SslWwTBSHOSunUaNjMGEwHQYDVR0OBBYEFKkAqd+4zUSEFfEI
ZlXC4ydzlRKWMB8GA1UdIwQYMBaAFKkAqd+4zUSEFfEIZlXC4ydzlRKWMA8GA1Ud
EwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgIEMAoGCCqGSM49BAMCA0gAMEUCIQC5
xfikHKADmCRKAuMHMOmDButYMkq5Rcs+lOlx+d7RJgIgEyW98HBYSPv/OvroHvqi
8Yy9FS8W0Lh0V43JCLQeUtA=
-----END CERTIFICATE-----
"""


def test_sha1_signature_is_refused() -> None:
    leaf, root = chain_from_pem(SHA1_CHAIN)

    result = judge_chain(
        [leaf, root],
        Anchors(pins=frozenset({spki_sha256(root)})),
        name=None,
        usage=Usage.SERVER,
        at=NOW + 365 * DAY,
    )

    assert result.chain is ChainVerdict.WEAK_KEY
    assert "the signature on CN=old does not use SHA-2" in result.detail


def test_sha384_signature_is_good_enough() -> None:
    assert judge(server("leaf", ISSUER, hashed=hashes.SHA384()), ISSUER, ROOT).ok


def test_rsa_of_2048_bits_is_good_enough() -> None:
    assert judge(server("leaf", ISSUER, key=rsa_key()), ISSUER, ROOT).ok


def test_another_providers_gateway_is_told_apart_from_a_stranger() -> None:
    """A reinstalled gateway has a new root of ours, which calls for enrollment; a firewall's has not."""
    other = Authority.create("Other", NOW).rotate_gateway(NOW, names=["gateway.example"])
    chain = chain_from_pem(other.gateway_chains()[0][0])

    result = judge_chain(
        chain, authority().trust_bundle().anchors(), name="gateway.example", usage=Usage.SERVER, at=NOW
    )

    assert result.chain is ChainVerdict.PIN_MISMATCH
    assert "Fieldgate CA with another key" in result.detail


def test_interceptor_that_copies_names_is_unknown() -> None:
    """The leaf looks like ours; the root that a firewall signs with does not."""
    firewall = make("FortiGate CA", ca=True)

    result = judge_chain(
        [server("gateway.example", firewall).der, firewall.der],
        authority().trust_bundle().anchors(),
        name="gateway.example",
        usage=Usage.SERVER,
        at=NOW,
    )

    assert (result.chain, result.name) == (ChainVerdict.UNKNOWN_ISSUER, NameVerdict.OK)


def test_gateways_certificate_is_no_agents() -> None:
    chain = chain_from_pem(authority().gateway_chains()[0][0])

    result = judge_chain(chain, authority().client_anchors(), name=None, usage=Usage.CLIENT, at=NOW)

    assert result.chain is ChainVerdict.WRONG_USAGE


def test_agents_certificate_is_no_gateways() -> None:
    """Even when the root that signed its issuer is sent along, and it has a name."""
    chain = (*agent_chain(authority()), *authority().root_certificates())

    result = judge_chain(chain, authority().trust_bundle().anchors(), name=None, usage=Usage.SERVER, at=NOW)

    assert result.chain is ChainVerdict.WRONG_USAGE


def stolen_agent_issuer() -> Made:
    issuer = authority().state.agent_issuer
    return Made(issuer.x509, issuer.signing_key())


def test_stolen_agent_issuer_cannot_make_a_gateway() -> None:
    """The key on the machine that faces the internet signs clients only: by usage, and by the names it may certify."""
    stolen = stolen_agent_issuer()
    root = authority().root_certificates()[0]
    fake = server("gateway.example", stolen)

    result = judge_chain(
        [fake.der, stolen.der, root],
        authority().trust_bundle().anchors(),
        name="gateway.example",
        usage=Usage.SERVER,
        at=NOW,
    )

    assert result.chain is ChainVerdict.WRONG_USAGE
    assert "agent-issuer-1" in result.detail


def test_stolen_agent_issuer_cannot_make_an_issuer() -> None:
    stolen = stolen_agent_issuer()
    root = authority().root_certificates()[0]
    wider = make("wider", stolen, ca=True)

    result = judge_chain(
        [server("gateway.example", wider).der, wider.der, stolen.der, root],
        authority().trust_bundle().anchors(),
        name="gateway.example",
        usage=Usage.SERVER,
        at=NOW,
    )

    assert result.chain is ChainVerdict.NOT_A_CA


def test_agents_of_names_are_refused() -> None:
    """An agent certificate with a DNS name or an address was not issued by us, whoever signed it."""
    stolen = stolen_agent_issuer()
    for also in (x509.DNSName("gateway.example"), x509.IPAddress(ipaddress.ip_address("10.0.0.1"))):
        names = [x509.UniformResourceIdentifier(f"urn:fieldgate:agent:{AGENT}"), also]
        fake = make(AGENT, stolen, usage=[CLIENT, SERVER], names=names)

        result = judge_chain(
            [fake.der, stolen.der], authority().client_anchors(), name=None, usage=Usage.CLIENT, at=NOW
        )

        assert result.chain is ChainVerdict.NAME_NOT_ALLOWED


def test_gateway_issuer_cannot_make_agents() -> None:
    issuer = authority().state.gateway_issuer
    stolen = Made(issuer.x509, issuer.signing_key())
    fake = make(
        AGENT, stolen, usage=[CLIENT], names=[x509.UniformResourceIdentifier(f"urn:fieldgate:agent:{AGENT}")]
    )
    chain = [fake.der, stolen.der, *authority().root_certificates()]

    assert not judge_chain(chain, authority().client_anchors(), name=None, usage=Usage.CLIENT, at=NOW).ok
    assert not judge_chain(
        chain, authority().trust_bundle().anchors(), name=None, usage=Usage.CLIENT, at=NOW
    ).ok


@pytest.mark.parametrize(
    ("after", "time", "may_renew"),
    [
        (-timedelta(hours=2), TimeVerdict.NOT_YET_VALID, False),
        (timedelta(0), TimeVerdict.OK, True),
        (30 * DAY, TimeVerdict.OK, True),
        (30 * DAY + timedelta(seconds=1), TimeVerdict.EXPIRED, True),
        (210 * DAY, TimeVerdict.EXPIRED, True),
        (210 * DAY + timedelta(seconds=1), TimeVerdict.EXPIRED, False),
        (4000 * DAY, TimeVerdict.EXPIRED, False),
        (-4000 * DAY, TimeVerdict.NOT_YET_VALID, False),
    ],
)
def test_time_never_touches_the_chain(after: timedelta, time: TimeVerdict, may_renew: bool) -> None:
    """An agent that was switched off for a quarter is still itself; it may renew, and nothing else."""
    at = NOW + after

    result = judge_chain(
        agent_chain(authority()), authority().client_anchors(), name=None, usage=Usage.CLIENT, at=at
    )

    assert (result.chain, result.time, result.may_renew(at)) == (ChainVerdict.OK, time, may_renew)
    assert result.ok == (time is TimeVerdict.OK)


@given(
    windows=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted), min_size=3, max_size=3),
    moment=st.integers(0, 40),
)
def test_chain_is_good_exactly_if_all_were_once_valid_together(windows: list[list[int]], moment: int) -> None:
    """Whatever the validities and the moment: the chain's verdict depends on their overlap alone, time's on the moment."""
    spans = [(NOW + begin * DAY, NOW + (end + 1) * DAY) for begin, end in windows]
    root = make("root", ca=True, key=ROOT.key, begin=spans[0][0], end=spans[0][1])
    issuer = make("issuer", root, ca=True, key=ISSUER.key, begin=spans[1][0], end=spans[1][1])
    leaf = server("leaf", issuer, key=LEAF.key, begin=spans[2][0], end=spans[2][1])
    begin, end = max(span[0] for span in spans), min(span[1] for span in spans)
    at = NOW + moment * DAY

    result = judge_chain([leaf.der, issuer.der, root.der], PUBLIC, name=None, usage=Usage.SERVER, at=at)

    if begin > end:
        assert result.chain is not ChainVerdict.OK
        return
    assert result.chain is ChainVerdict.OK
    assert (result.not_before, result.not_after) == (begin, end)
    expected = (
        TimeVerdict.NOT_YET_VALID if at < begin else TimeVerdict.EXPIRED if at > end else TimeVerdict.OK
    )
    assert result.time is expected


def test_name_never_touches_the_chain() -> None:
    result = judge(LEAF, ISSUER, ROOT, name="elsewhere.example")

    assert (result.chain, result.name, result.ok) == (ChainVerdict.OK, NameVerdict.MISMATCH, False)
    assert result.detail == "the certificate is for gateway.example, and not for elsewhere.example"


def test_name_and_time_are_told_of_an_untrusted_chain_too() -> None:
    """They are evidence: a provider's own expired certificate is no interception."""
    old = server("leaf", make("stranger", ca=True), end=NOW - timedelta(hours=1))

    result = judge(old, name="elsewhere.example")

    assert (result.name, result.time) == (NameVerdict.MISMATCH, TimeVerdict.EXPIRED)


def test_public_ca_is_trusted_for_the_configured_names_only() -> None:
    """Anybody can have a certificate of a public CA for another name, and steer a resolver to it."""
    anchors = Anchors(pins=frozenset({ROOT.pin}), names=frozenset({"gateway.example"}))
    stranger = server("stranger", ISSUER, names=[x509.DNSName("attacker.example")])

    assert judge(LEAF, ISSUER, ROOT, anchors=anchors, name="192.0.2.7").ok
    assert (
        judge(stranger, ISSUER, ROOT, anchors=anchors, name="attacker.example").name is NameVerdict.MISMATCH
    )


def test_wildcard_leaf_is_judged_like_any_other() -> None:
    leaf = server("leaf", ISSUER, names=[x509.DNSName("*.provider.example")])

    assert judge(leaf, ISSUER, ROOT, name="gw1.provider.example").ok


def test_leaf_for_an_address_is_judged_like_any_other() -> None:
    leaf = server("leaf", ISSUER, names=[x509.IPAddress(ipaddress.ip_address("2001:db8::1"))])

    assert judge(leaf, ISSUER, ROOT, name="2001:DB8:0::1").ok
    assert judge(leaf, ISSUER, ROOT, name="2001:db8::2").name is NameVerdict.MISMATCH


def test_cross_signed_detours_are_found() -> None:
    """Two certificates of one name and key: only the one under the pinned root counts, in whichever order they come."""
    new_root = make("New Root", ca=True)
    crossed = make("New Root", ROOT, ca=True, key=new_root.key)
    issuer = make("issuer", new_root, ca=True, path_length=0)
    leaf = server("leaf", issuer)

    for chain in (
        (leaf, issuer, crossed, ROOT),
        (leaf, issuer, new_root, crossed, ROOT),
        (leaf, ROOT, crossed, issuer),
    ):
        assert judge(*chain).ok
        assert judge(*chain, anchors=Anchors(pins=frozenset({new_root.pin}))).ok
