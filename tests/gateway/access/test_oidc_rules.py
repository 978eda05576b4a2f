"""Whose word is believed: forged, borrowed, stale and strange ID tokens are refused, whatever they look like."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import OidcNoRole, OidcRefused, OidcUnavailable, Role
from gateway.access.oidc_provider import KEPT_MS, KEYS_APART_MS, OidcProvider
from gateway.access.oidc_rules import LEEWAY_MS, Begun, Worth, believed, key_id_of, worth_of
from gateway.config import Config, ConfigError, Oidc
from gateway.settings_oidc import ROLE_WORDS

NOW_S = 1_790_000_000
ISSUER, CLIENT = "https://id.example", "fieldgate"
SECRET_KEY = rsa.generate_private_key(65537, 2048)
OTHER_KEY = rsa.generate_private_key(65537, 2048)
BEGUN = Begun.new()
CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "aud": CLIENT, "sub": "42", "exp": NOW_S + 300, "iat": NOW_S, "nonce": BEGUN.nonce, "groups": ["operators"],
}  # fmt: skip


def public(key: Any, kid: str = "one", **more: str) -> dict[str, Any]:
    """A public key as a provider lists it."""
    algorithm = (
        jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    )
    said: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return said | {"kid": kid, "use": "sig"} | more


KEY = jwt.PyJWK.from_dict(public(SECRET_KEY))


def token(
    key: Any = SECRET_KEY, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **changed: Any
) -> str:
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "one"} | (headers or {}))


def believe(text: str, key: jwt.PyJWK = KEY, now_ms: int = NOW_S * 1000) -> dict[str, Any]:
    key_id_of(text)
    return believed(text, key, issuer=ISSUER, client_id=CLIENT, nonce=BEGUN.nonce, now_ms=now_ms)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_what_the_provider_signed_for_this_login_is_believed() -> None:
    """Also for several audiences, when the token says that it is for us."""
    assert believe(token())["sub"] == "42"
    assert believe(token(aud=[CLIENT, "other"], azp=CLIENT))["sub"] == "42"
    assert believe(token(), now_ms=(NOW_S + 300) * 1000 + LEEWAY_MS - 1)
    assert believe(token(), now_ms=NOW_S * 1000 - LEEWAY_MS)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda: token(OTHER_KEY), id="another key"),
        pytest.param(lambda: f"{part({'alg': 'none', 'kid': 'one'})}.{part(CLAIMS)}.", id="no signature"),
        pytest.param(lambda: f"{part({'alg': 'None', 'kid': 'one'})}.{part(CLAIMS)}.", id="no signature, capital"),
        pytest.param(lambda: token().rpartition(".")[0] + ".", id="the signature cut off"),
        pytest.param(lambda: ".".join((token().split(".")[0], part(CLAIMS | {"sub": "1"}), token().split(".")[2])), id="changed"),
        pytest.param(lambda: token(iss="https://evil.example"), id="another issuer"),
        pytest.param(lambda: token(iss=ISSUER + "/"), id="nearly the issuer"),
        pytest.param(lambda: token(iss=None), id="no issuer"),
        pytest.param(lambda: token(aud="other"), id="another audience"),
        pytest.param(lambda: token(aud=[CLIENT, "other"]), id="several audiences"),
        pytest.param(lambda: token(aud=[CLIENT, "other"], azp="other"), id="another party"),
        pytest.param(lambda: token(azp="other"), id="another party, one audience"),
        pytest.param(lambda: token(aud=None), id="no audience"),
        pytest.param(lambda: token(nonce=Begun("another").nonce), id="another login's"),
        pytest.param(lambda: token(nonce=None), id="no nonce"),
        pytest.param(lambda: token(nonce=7), id="a nonce that is none"),
        pytest.param(lambda: token(exp=NOW_S - 60), id="expired"),
        pytest.param(lambda: token(exp=None), id="never expires"),
        pytest.param(lambda: token(iat=NOW_S + 61), id="from the future"),
        pytest.param(lambda: token(iat=None), id="no time"),
        pytest.param(lambda: token(exp=True), id="a time that is none"),
        pytest.param(lambda: token(exp=1e300), id="a time beyond all"),
        pytest.param(lambda: token(sub=None), id="nobody"),
        pytest.param(lambda: token(sub=""), id="an empty name"),
        pytest.param(lambda: token(sub="x" * 256), id="a long name"),
        pytest.param(lambda: token(sub="a\n"), id="a name with a line break"),
        pytest.param(lambda: "x" * 70_000, id="more than a token"),
    ],
)  # fmt: skip
def test_everything_else_is_refused(forged: Any) -> None:
    """With one exception, whatever is wrong."""
    with pytest.raises(OidcRefused):
        believe(forged())


def test_a_public_key_is_no_secret() -> None:
    """An HMAC by the public key's text is the classic; the algorithm is one of a list, and none of those has a secret that we know."""
    pem = SECRET_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    import hashlib
    import hmac

    signed = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(CLAIMS)}"
    mac = (
        base64.urlsafe_b64encode(hmac.new(pem, signed.encode(), hashlib.sha256).digest())
        .rstrip(b"=")
        .decode()
    )
    with pytest.raises(OidcRefused, match="in a way that is believed"):
        believe(f"{signed}.{mac}")


def test_a_key_signs_by_its_own_algorithm() -> None:
    """A token that names another one than the key's is refused."""
    elliptic = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(OidcRefused):
        believe(token(elliptic, "ES256"))
    assert believe(token(elliptic, "ES256"), jwt.PyJWK.from_dict(public(elliptic)))["sub"] == "42"


@given(st.one_of(st.text(), st.builds(lambda a, b, c: f"{a}.{b}.{c}", *[st.builds(part, st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
        ["alg", "kid", "sub", "crit", "b64", "typ"]) | st.text(), inner)))] * 3)))  # fmt: skip
def test_garbage_raises_one_exception(text: str) -> None:
    """Whatever a provider, or somebody in its place, says."""
    with pytest.raises(OidcRefused):
        believe(text)


def test_what_comes_of_a_cookie_is_its_own() -> None:
    """State, nonce and verifier say nothing of each other, and only the state is answered."""
    begun, other = Begun.new(), Begun.new()
    assert len({begun.state, begun.nonce, begun.verifier, other.state, other.nonce, other.verifier}) == 6
    assert len(begun.verifier) == 43
    begun.require(begun.state)
    for wrong in ("", begun.nonce, other.state, "\ud800"):
        with pytest.raises(OidcRefused):
            begun.require(wrong)
    address = begun.address("https://id.example/a?b=c", client_id="c", redirect_uri="r", scopes=("openid",))
    assert begun.verifier not in address
    assert begun.cookie not in address


@given(st.text().filter(lambda text: len(text) != 43))
def test_what_is_no_cookie_of_ours_has_begun_nothing(cookie: str) -> None:
    """None at all, or a short one: its state anybody could make, and send somebody into a login that is not theirs."""
    with pytest.raises(OidcRefused):
        Begun(cookie).require(Begun(cookie).state)


@pytest.mark.parametrize(
    ("said", "worth"),
    [
        ("operators", Worth(Role.OPERATOR, None)),
        (["others", "operators"], Worth(Role.OPERATOR, None)),
        (["operators", "admins"], Worth(Role.ADMINISTRATOR, None)),
        (["a=b"], Worth(Role.COMPANY_OWNER, "Acme")),
        ([], None), (None, None), (7, None), ({"operators": 1}, None), (["Operators"], None), ([7, None], None),
    ],
)  # fmt: skip
def test_the_first_value_that_fits_is_what_somebody_is(said: object, worth: Worth | None) -> None:
    """In the order of the settings; whatever else the claim is, it is worth nothing."""
    roles = ("admins=administrator", "operators=operator", "a=b=company-owner@Acme")
    if worth is None:
        with pytest.raises(OidcNoRole):
            worth_of({"groups": said}, claim="groups", roles=roles)
    else:
        assert worth_of({"groups": said}, claim="groups", roles=roles) == worth


def test_the_settings_know_every_role() -> None:
    """They don't know gateway.access, but take the same words."""
    assert set(ROLE_WORDS) == set(Role)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "http://id.example"}, {"issuer": "https://id.example/?a=b"}, {"redirect_uri": ""}, {"client_id": ""},
        {"claim": ""}, {"scopes": ("profile",)}, {"roles": ()}, {"roles": ("operators",)}, {"roles": ("a=king",)},
        {"roles": ("=operator",)},
    ],
)  # fmt: skip
def test_settings_that_could_not_work_are_refused(changed: dict[str, Any]) -> None:
    """Each names its key; without an issuer nothing is asked."""
    fitting: dict[str, Any] = {
        "issuer": ISSUER, "client_id": CLIENT, "redirect_uri": "https://fieldgate.example/x", "roles": ("a=operator",),
    }  # fmt: skip
    assert Oidc(**fitting).problem() == ""
    assert Oidc(**(fitting | changed)).problem().startswith("oidc.")
    with pytest.raises(ConfigError, match=r"oidc\."):
        Config(oidc=Oidc(**(fitting | changed)))
    assert Oidc().problem() == ""


class Scripted(OidcProvider):
    """A provider whose keys change, with a count of how often it was asked for them."""

    def __init__(self) -> None:
        super().__init__(Oidc(issuer=ISSUER, client_id=CLIENT))
        self.keys: list[Any] = [public(SECRET_KEY)]
        self.document: Any = {"issuer": ISSUER} | {
            name: f"{ISSUER}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        }
        self.asked = 0

    def _ask(self, method: str, url: str, body: Any = None, headers: Any = None) -> tuple[int, bytes]:
        if url.endswith("openid-configuration"):
            return 200, json.dumps(self.document).encode()
        self.asked += 1
        return 200, json.dumps({"keys": self.keys}).encode()


def test_keys_are_kept_and_read_again_when_the_provider_changes_them() -> None:
    """Once an hour, and for a key that is not known once a minute: nobody can have us ask without end."""
    provider = Scripted()
    assert provider.key_of(token(), now_ms=0).key_id == "one"
    provider.key_of(token(), now_ms=KEPT_MS - 1)
    assert provider.asked == 1
    provider.key_of(token(), now_ms=KEPT_MS)
    assert provider.asked == 2
    provider.keys = [public(OTHER_KEY, "two")]
    for now_ms in (KEPT_MS, KEPT_MS + KEYS_APART_MS - 1):
        with pytest.raises(OidcRefused):
            provider.key_of(token(headers={"kid": "two"}), now_ms=now_ms)
    assert provider.asked == 2
    assert provider.key_of(token(headers={"kid": "two"}), now_ms=KEPT_MS + KEYS_APART_MS).key_id == "two"
    with pytest.raises(OidcRefused):
        provider.key_of(token(), now_ms=KEPT_MS + KEYS_APART_MS)
    assert provider.asked == 3


def test_keys_that_are_none_are_passed_over_and_too_many_are_refused() -> None:
    """A provider may have keys for what we don't do; a secret is no key to verify by."""
    provider = Scripted()
    provider.keys = [
        7,
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
        {"kty": "new"},
        public(SECRET_KEY, use="enc"),
        public(OTHER_KEY, "two"),
    ]
    with pytest.raises(OidcRefused):
        provider.key_of(token(), now_ms=0)
    assert provider.key_of(token(headers={"kid": "two"}), now_ms=0).key_id == "two"
    provider.keys = [public(SECRET_KEY)] * 65
    with pytest.raises(OidcUnavailable, match="at most 64"):
        provider.key_of(token(), now_ms=KEPT_MS)


@pytest.mark.parametrize(
    "changed",
    [{"issuer": "https://evil.example"}, {"jwks_uri": "http://id.example/keys"}, {"token_endpoint": None}],
)
def test_a_description_of_somebody_else_is_not_taken(changed: dict[str, Any]) -> None:
    """Another issuer's, an address without TLS, one without an endpoint."""
    provider = Scripted()
    provider.document |= changed
    with pytest.raises(OidcUnavailable):
        provider.authorization_endpoint(now_ms=0)
