"""By the clock: what an agent answers is taken over, and nothing that fails ends it."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.config import Config
from gateway.licensing import run_office
from gateway.settings_licensing import Licensing
from gateway.store import LicenceServerState, Store
from tests.gateway.licensing.pulse import TOKEN, serving
from tests.gateway.licensing.rig import NOW_MS, Rig, make_rig

LIMIT_S = 20.0


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def office(rig: Rig, config: Config, stop: threading.Event) -> threading.Thread:
    return threading.Thread(
        target=lambda: run_office(rig.store, config, lambda: None, stop, now_ms=lambda: NOW_MS + 1)
    )


@pytest.fixture
def rig(sqlite_store: Store, tmp_path: Path) -> Rig:
    return make_rig(sqlite_store, tmp_path)


@pytest.fixture
def running(rig: Rig) -> Iterator[None]:
    """The thread, as the management process runs it."""
    stop = threading.Event()
    config = Config(data=rig.folder)
    thread = office(rig, config, stop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def test_an_answer_is_taken_over_and_the_next_wish_asked(rig: Rig, running: None) -> None:
    agent = rig.agent()
    licence = rig.generate()
    rig.store.licence_servers.want(licence.terms.uid, agent.uid, by="Eva", now_ms=NOW_MS)
    until(lambda: bool(agent.comes_back()))
    until(lambda: rig.store.licence_servers.get(agent.uid).state is LicenceServerState.INSTALLED)


def test_a_signer_that_is_missing_is_said_once_and_waited_for(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.licensing.run.IDLE_S", 0.02)
    agent, licence = rig.agent(), rig.generate()
    ca = rig.folder / "ca"
    (ca / "licence-signer.key").unlink()
    root = ca / "root-1.key"
    away = root.rename(rig.folder / "root-1.key")
    rig.store.licence_servers.want(licence.terms.uid, agent.uid, by="Eva", now_ms=NOW_MS)
    stop = threading.Event()
    thread = office(rig, Config(data=rig.folder), stop)
    with capture_logs() as logs:
        thread.start()
        until(lambda: any(line["log_level"] == "error" for line in logs))
        away.rename(root)
        until(lambda: bool(agent.comes_back()))
        stop.set()
        thread.join(LIMIT_S)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["licences wait for a signer"]


def test_a_remote_authority_s_offers_are_taken_over(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    stop = threading.Event()
    with serving(tmp_path) as pulse:
        licensing = Licensing(url=pulse.url, token_file=str(tmp_path / "token"), ca=str(tmp_path / "ca.pem"))
        thread = office(rig, Config(data=rig.folder, licensing=licensing), stop)
        thread.start()
        try:
            until(lambda: any(each.uid == "suite" for each in rig.store.licence_catalogue.products()))
        finally:
            stop.set()
            thread.join(LIMIT_S)
