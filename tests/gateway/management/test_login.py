"""People log in at a real OpenID provider, over REST; and what is not their own login opens nothing."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest
from litestar.testing import TestClient

from gateway.access import Role, add_user
from gateway.access.oidc_provider import OidcProvider
from gateway.access.oidc_rules import Begun
from gateway.config import Config, Management, Oidc
from gateway.management import Services, application
from gateway.store import Store
from tests.gateway.access.conftest import quick_passwords
from tests.gateway.access.openid import CALLBACK, Provider, provider
from tests.helpers.stores import World, make_world

__all__ = ["provider", "quick_passwords"]

COOKIE = "__Host-fieldgate-login"


@attrs.frozen
class Site:
    """REST with logins by the provider, and browsers for it."""

    store: Store
    world: World
    client: Any

    def begin(self) -> tuple[str, str]:
        """A browser's cookie, and where the browser is sent."""
        self.client.cookies.clear()
        answer = self.client.get("/api/v3/login/oidc", follow_redirects=False)
        assert answer.status_code == 302, answer.text
        cookie = answer.headers["set-cookie"]
        assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= {
            part.strip() for part in cookie.split(";")
        }
        return cookie.split(";")[0].partition("=")[2].strip('"'), answer.headers["location"]

    def complete(self, address: str, cookie: str | None) -> Any:
        """Go back to where the provider sent the browser with *cookie*."""
        self.client.cookies.clear()
        headers = {} if cookie is None else {"Cookie": f"{COOKIE}={cookie}"}
        return self.client.get(address.removeprefix("https://provider.example"), headers=headers)

    def whoami(self, tokens: Any) -> Any:
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return self.client.get("/api/v3/about", headers=headers)


@pytest.fixture
def site_with(store: Store, tmp_path: Path) -> Iterator[Callable[[Oidc], Site]]:
    """Makes the application with a provider that it is told of; the clock is the provider's, which is real."""
    world, open_clients = make_world(store), []

    def make(oidc: Oidc) -> Site:
        config = Config(data=tmp_path, oidc=oidc, management=Management(requests_per_s=10_000))
        now_ms = lambda: time.time_ns() // 1_000_000  # noqa: E731  # a clock
        services = Services(store=store, config=lambda: config, now_ms=now_ms, ring=lambda: None)
        client = TestClient(application(services), base_url="https://provider.example")
        open_clients.append(client.__enter__())
        return Site(store, world, client)

    yield make
    for client in open_clients:
        client.__exit__(None, None, None)


def refusal(answer: Any) -> tuple[int, str]:
    assert "errors" in answer.json(), answer.text
    return answer.status_code, answer.json()["errors"][0]["fgCode"]


def test_a_person_logs_in_at_the_provider(site_with: Callable[[Oidc], Site], provider: Provider) -> None:
    """The first login makes the user, by what the provider says; the tokens open and are renewed as any others."""
    site = site_with(provider.settings())
    cookie, address = site.begin()
    assert parse_qs(urlsplit(address).query)["code_challenge_method"] == ["S256"]
    assert cookie not in address
    answer = site.complete(provider.log_in(address, "anna"), cookie)
    tokens = answer.json()

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert f'{COOKIE}=""' in answer.headers["set-cookie"]
    me = site.whoami(tokens).json()["data"]
    assert (me["who"], me["role"], me["organizationUid"]) == (
        "user anna",
        "operator",
        site.world.provider.uid,
    )
    user = site.store.users.known_as(provider.issuer, "anna")
    assert user is not None
    assert site.store.users.list() == [user]
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert site.client.post("/api/v3/token", data=form).status_code == 200
    assert [(entry.who, entry.action) for entry in site.store.audit.list(limit=2)] == [
        ("user anna", "logged in"), (provider.issuer, "user added"),
    ]  # fmt: skip


def test_every_login_gives_the_role_of_that_moment(
    site_with: Callable[[Oidc], Site], provider: Provider
) -> None:
    """Another group, another role; and no user twice."""
    for role, expected in (("operator", Role.OPERATOR), ("company-owner@Bäckerei Ölund", Role.COMPANY_OWNER)):
        site = site_with(provider.settings(roles=("others=administrator", f"operators={role}")))
        cookie, address = site.begin()
        tokens = site.complete(provider.log_in(address, "anna"), cookie).json()
        assert site.whoami(tokens).json()["data"]["role"] == expected
    assert [user.role for user in site.store.users.list()] == [Role.COMPANY_OWNER]
    assert "user changed" in [entry.action for entry in site.store.audit.list()]


def test_who_has_no_role_is_nobody(site_with: Callable[[Oidc], Site], provider: Provider) -> None:
    """The provider knows ben; that is worth nothing here. Nor is a role that can't be given."""
    for name, roles in (("ben", ("operators=operator",)), ("anna", ("operators=operator@Bäckerei Ölund",)),
                        ("anna", ("operators=company-owner@Nobody",))):  # fmt: skip
        site = site_with(provider.settings(roles=roles))
        cookie, address = site.begin()
        assert refusal(site.complete(provider.log_in(address, name), cookie)) == (403, "FG-6067")
    assert site.store.users.list() == []


@pytest.mark.usefixtures("quick_passwords")
def test_a_name_gives_no_way_to_the_user_of_that_name(
    site_with: Callable[[Oidc], Site], provider: Provider
) -> None:
    """Who is called anna at the provider is another one than the administrator anna here."""
    site = site_with(provider.settings())
    local = add_user(
        site.store, name="Anna", password="four words make one", role=Role.ADMINISTRATOR,
        organization_uid=site.world.provider.uid, by="ben", now_ms=1,
    )  # fmt: skip
    cookie, address = site.begin()
    me = site.whoami(site.complete(provider.log_in(address, "anna"), cookie).json()).json()["data"]
    assert me["role"] == "operator"
    assert me["who"].startswith("user anna (")
    assert site.store.users.get(local.uid) == local


def test_a_disabled_user_stays_out(site_with: Callable[[Oidc], Site], provider: Provider) -> None:
    """Also when the provider still lets that one in."""
    site = site_with(provider.settings())
    cookie, address = site.begin()
    site.complete(provider.log_in(address, "anna"), cookie)
    site.store.users.disable(site.store.users.list()[0].uid, by="ben", now_ms=1)
    cookie, address = site.begin()
    assert refusal(site.complete(provider.log_in(address, "anna"), cookie)) == (401, "FG-6065")


def test_an_answer_opens_once_and_in_its_own_browser(
    site_with: Callable[[Oidc], Site], provider: Provider
) -> None:
    """No cookie, another browser's, another state, another issuer, a second time: nobody is let in."""
    site = site_with(provider.settings())
    cookie, address = site.begin()
    other_cookie, _ = site.begin()
    back = provider.log_in(address, "anna")
    state = parse_qs(urlsplit(back).query)["state"][0]
    for told, given in (
        (back, None),
        (back, ""),
        (back, other_cookie),
        (back.replace(state, "x"), cookie),
        (back.replace("iss=https", "iss=http"), cookie),
        (f"{CALLBACK}?state={state}&error=access_denied", cookie),
        (f"{CALLBACK}?state={state}&code=forged", cookie),
        (CALLBACK, cookie),
        (back.replace(state, Begun("").state), None),
    ):
        answer = site.complete(told, given)
        assert refusal(answer) == (401, "FG-6065"), (told, answer.text)
    assert site.complete(back, cookie).status_code == 200
    assert refusal(site.complete(back, cookie)) == (401, "FG-6065")


def test_a_login_is_good_once_even_if_the_provider_gave_its_code_twice(
    site_with: Callable[[Oidc], Site], provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a code is good once is the provider's promise; that a login is, is ours."""
    site = site_with(provider.settings())
    cookie, address = site.begin()
    back = provider.log_in(address, "anna")
    given: list[str] = []
    exchange = OidcProvider.exchange

    def twice(self: OidcProvider, code: str, *, verifier: str, now_ms: int) -> str:
        given[:] = given or [exchange(self, code, verifier=verifier, now_ms=now_ms)]
        return given[0]

    monkeypatch.setattr(OidcProvider, "exchange", twice)
    assert site.complete(back, cookie).status_code == 200
    answer = site.complete(back, cookie)
    assert refusal(answer) == (401, "FG-6065")


def test_a_provider_that_can_t_be_asked_is_said_without_its_secrets(
    site_with: Callable[[Oidc], Site], provider: Provider, tmp_path: Path
) -> None:
    """A certificate that is not trusted, another issuer, no file with the secret: 503, and the log has the reason."""
    for changed in ({"ca": ""}, {"issuer": provider.issuer + "/other"}, {"issuer": "https://127.0.0.1:1"}):
        site = site_with(provider.settings(**changed))
        answer = site.client.get("/api/v3/login/oidc", follow_redirects=False)
        assert refusal(answer) == (503, "FG-6066"), changed
        assert "127.0.0.1" not in answer.text
    site = site_with(provider.settings(client_secret_file=str(tmp_path / "none")))
    cookie, address = site.begin()
    assert refusal(site.complete(provider.log_in(address, "anna"), cookie)) == (503, "FG-6066")


def test_without_a_provider_there_is_no_such_login(site_with: Callable[[Oidc], Site]) -> None:
    """404, and where it is told how to set one."""
    answer = site_with(Oidc()).client.get("/api/v3/login/oidc")
    assert refusal(answer) == (404, "FG-1016")
