"""A real OpenID provider, started for the tests, and a browser for the people who log in there.

It runs in an environment of its own (`make openid`), because its dependencies are no concern of ours.
"""

import contextlib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import attrs
import httpx
import pytest

from gateway.config import Oidc
from tests.gateway.sinks.receiver import authority, write_ca

HERE = Path(__file__).parent
PYTHON = HERE.parent.parent.parent.parent / ".venv-openid" / "bin" / "python"
CALLBACK = "https://provider.example/api/v3/login/oidc/callback"
PASSWORD = "correct horse battery staple"
SECRET = "a client's secret"


@attrs.frozen
class Provider:
    """Canaille at work.

    Attributes:
        issuer: its address.
        ca: the authorities to trust for it.
        secret: a file with the client's secret.
    """

    issuer: str
    ca: Path
    secret: Path

    def settings(self, **changed: object) -> Oidc:
        """What `[fieldgate.oidc]` says of it."""
        fitting = Oidc(
            issuer=self.issuer, client_id="fieldgate", client_secret_file=str(self.secret), redirect_uri=CALLBACK,
            ca=str(self.ca), scopes=("openid", "profile", "groups"), roles=("operators=operator",),
        )  # fmt: skip
        return attrs.evolve(fitting, **changed)  # type: ignore[arg-type]  # a test's shorthand

    def log_in(self, address: str, name: str) -> str:
        """Go to *address*, log in and agree; returns where the browser is sent back to, which it does not go to."""
        trust = ssl.create_default_context(cafile=self.ca)
        with httpx.Client(verify=trust) as browser:
            answer = browser.get(address)
            for _ in range(10):
                if answer.is_redirect:
                    target = urljoin(str(answer.url), answer.headers["location"])
                    if target.startswith(CALLBACK):
                        return target
                    answer = browser.get(target)
                    continue
                action, fields = form_of(answer.text)
                filled = fields | {"login": name, "password": PASSWORD, "answer": "accept"}
                sent = {field: filled[field] for field in fields}
                page = str(answer.url)
                answer = browser.post(urljoin(page, action or page), data=sent, headers={"Referer": page})
        raise AssertionError(f"the provider let nobody in: {answer.status_code} {answer.url}")


def form_of(page: str) -> tuple[str, dict[str, str]]:
    """Where the form of a page goes, and its fields as they are filled."""

    class Reader(HTMLParser):
        action = ""
        fields: dict[str, str] = {}  # noqa: RUF012  # one reader, one page

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            given = dict(attributes)
            if tag == "form":
                self.action, self.fields = given.get("action") or "", {}
            elif tag in ("input", "button") and given.get("name"):
                self.fields[str(given["name"])] = given.get("value") or ""

    reader = Reader()
    reader.feed(page)
    return reader.action, reader.fields


def free_port() -> int:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """Canaille with two people, on a port of its own."""
    if not PYTHON.exists():
        pytest.skip("no OpenID provider: make openid")
    folder = tmp_path_factory.mktemp("openid")
    [(chain, key)] = authority().gateway_chains()
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(key)
    (folder / "secret").write_text(SECRET + "\n")
    port = free_port()
    words = [
        str(each)
        for each in (PYTHON, HERE / "serve.py", port, folder / "chain.pem", folder / "key.pem", CALLBACK)
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder)
    try:
        wait_for(process, port, folder / "log")
        yield Provider(f"https://127.0.0.1:{port}", write_ca(folder / "ca.pem"), folder / "secret")
    finally:
        process.terminate()
        process.wait(20)


def wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Until it listens."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"the OpenID provider did not start: {log.read_text()[-2000:]}")
