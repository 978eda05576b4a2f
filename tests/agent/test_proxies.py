"""Whose word on a proxy counts, and for which gateways; and no password is shown to anybody."""

from pathlib import Path

import pytest

from agent.proxies import Proxies, ProxySettingError, Way
from agent.state import StateError
from transport import Proxy

ENVIRONMENT = {"HTTPS_PROXY": "http://env:3128"}


def names(ways: tuple[Way, ...]) -> list[str]:
    return [f"{way.proxy} {way.source}".strip() for way in ways]


def test_who_is_heard_first(tmp_path: Path) -> None:
    """The option before agent.toml before the environment; the environment is a hint, and the others are orders."""

    def ways(option: str | None = None) -> list[str]:
        return names(Proxies.settle(option, tmp_path, ENVIRONMENT).ways("gw.example", 6180))

    assert ways() == ["http://env:3128 environment", "None"]
    (tmp_path / "agent.toml").write_text('proxy = "http://file:8080"\n')
    assert ways() == ["http://file:8080 config"]
    assert ways("http://option:1") == ["http://option:1 config"]
    assert ways("none") == ["None"]
    (tmp_path / "agent.toml").write_text('proxy = "none"\n')
    assert ways() == ["None"]


def test_without_any(tmp_path: Path) -> None:
    """Straight on."""
    assert names(Proxies.settle(None, tmp_path, {}).ways("gw.example", 6180)) == ["None"]


@pytest.mark.parametrize(
    ("exceptions", "host", "through"),
    [
        ("", "gw.example", True),
        ("gw.example", "gw.example", False),
        (" other , GW.example ", "gw.example", False),
        ("example", "gw.example", False),
        (".example", "gw.example", False),
        ("*.example", "gw.example", False),
        ("ample", "gw.example", True),
        ("gw.example:6180", "gw.example", False),
        ("gw.example:443", "gw.example", True),
        ("*", "gw.example", False),
        ("10.0.0.0/8", "10.1.2.3", False),
        ("10.0.0.0/8", "11.1.2.3", True),
        ("10.0.0.0/8", "gw.example", True),
        ("10.1.2.3", "10.1.2.3", False),
        ("10.1.2.3:443", "10.1.2.3", True),
        ("::1", "fe80::1", True),
        ("[fe80::1]:6180", "fe80::1", False),
        ("fe80::/16", "fe80::1", False),
        ("", "localhost", False),
        ("", "127.0.0.1", False),
        ("", "::1", False),
        (",,", "gw.example", True),
    ],
)
def test_exceptions(exceptions: str, host: str, through: bool, tmp_path: Path) -> None:
    """NO_PROXY: names with what is below them, addresses, networks, ports; never to this machine itself."""
    proxies = Proxies.settle(None, tmp_path, ENVIRONMENT | {"NO_PROXY": exceptions})
    assert (proxies.ways(host, 6180)[0].proxy is not None) is through


@pytest.mark.parametrize("url", ["socks5://u:secret@h:1", "http://u:secret@h:port", "//u:secret@"])
def test_what_is_no_proxy(url: str, tmp_path: Path) -> None:
    """An order that can't be followed is refused; a hint is passed over, and said. Neither tells the password."""
    with pytest.raises(ProxySettingError) as refused:
        Proxies.settle(url, tmp_path, {})
    hinted = Proxies.settle(None, tmp_path, {"HTTPS_PROXY": url})
    assert hinted.ways("gw.example", 1) == (Way(),)
    assert hinted.ignored
    assert "secret" not in str(refused.value) + hinted.ignored


def test_the_password_is_shown_to_nobody(tmp_path: Path) -> None:
    """Whatever a log prints of it."""
    proxies = Proxies.settle("http://u:secret@h:1", tmp_path, {})
    assert "secret" not in f"{proxies} {proxies!r} {proxies.ways('h', 1)} {proxies.configured}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("proxy = ", "cannot read"),
        ("proxi = 'x'", "no setting 'proxi'"),
        ("proxy = 3", "is a text"),
        ("proxy = 'http://u:secret@h:1'", "chmod 600"),
    ],
)
def test_settings_that_cannot_be_used(text: str, says: str, tmp_path: Path) -> None:
    """The message names the file and what is wrong with it."""
    (tmp_path / "agent.toml").write_text(text)
    (tmp_path / "agent.toml").chmod(0o644)
    with pytest.raises(StateError, match=says) as refused:
        Proxies.settle(None, tmp_path, {})
    assert "secret" not in str(refused.value)


def test_a_private_password_is_fine(tmp_path: Path) -> None:
    """In a file that only its owner can read."""
    (tmp_path / "agent.toml").write_text("proxy = 'http://u:p%40ss@h:1'")
    (tmp_path / "agent.toml").chmod(0o600)
    assert Proxies.settle(None, tmp_path, {}).configured == Proxy(host="h", port=1, user="u", password="p@ss")


def test_spare_proxies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the system is set to, and nobody dials through; none where a person has decided."""
    monkeypatch.setattr(
        "urllib.request.getproxies",
        lambda: {"https": "http://env:3128", "http": "sys:80", "all": "socks5://x:1"},
    )
    assert [str(each) for each in Proxies.settle(None, tmp_path, ENVIRONMENT).spare()] == ["http://sys:80"]
    assert Proxies.settle("none", tmp_path, ENVIRONMENT).spare() == ()
    assert Proxies.settle("http://p:1", tmp_path, ENVIRONMENT).spare() == ()
