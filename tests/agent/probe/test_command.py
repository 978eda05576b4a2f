"""`fieldgate-agent probe` as people and scripts use it."""

import concurrent.futures
import io
import json
import os
import re
import shlex
import signal
import socket
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio

from agent.cli import main
from agent.exits import INTERRUPTED, PATH_INSPECTED, PATH_NETWORK, PATH_UNKNOWN
from agent.probe import examine as module
from agent.probe import rounds
from agent.probe.outlet import Outlet
from agent.probe.steps import Mark, Step
from agent.probe.terminal import Terminal
from certs import Authority
from certs.inspection import ReportKey, report_from_document
from tests.agent.inspection.peers import Serve, resetting, saying, silent, tls
from tests.agent.probe.scene import answering, served
from tests.agent.probe.test_bundle import CODE, make_agent
from tests.helpers.gateway import Gateway
from tests.helpers.reporting import forged
from tests.helpers.schemas import faults
from transport import server_context

Capture = pytest.CaptureFixture[str]

BOX = tls(server_context([forged()], request_client_cert=False), answering)


def of_today() -> Serve:
    """A gateway whose certificate is in time by this machine's clock."""
    now = datetime.now(UTC)
    authority = Authority.create("Example", now).rotate_gateway(now, names=("127.0.0.1",))
    return tls(server_context(authority.gateway_chains()), answering)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of this machine's, and no pause between two looks."""
    for variable in (
        "FIELDGATE_AGENT_STATE",
        "FIELDGATE_TOKEN",
        "FIELDGATE_AGENT_PROXY",
        "HTTPS_PROXY",
        "https_proxy",
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(rounds, "PAUSE_S", 0.01)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "which gateway? HOST or HOST:PORT"),
        ("gateway.example:x", "not an address of the form host:port"),
        ("gateway.example --until-clean", "--until-clean ends a --watch"),
        (f"gateway.example --watch --gateway-view {CODE.encode()}", "good for one probe: leave --watch out"),
        ("gateway.example --gateway-view hello", "not a code for the gateway's view"),
        ("gateway.example --token hello", "FG-2201: not an enrollment token"),
        ("gateway.example --state /nowhere/at/all", "FG-1018: no agent in /nowhere/at/all"),
        ("gateway.example --proxy socks5://x", "--proxy: a proxy by 'socks5' is not supported"),
        ("gateway.example --html /nowhere/at/all", "cannot write /nowhere/at/all"),
        ("gateway.example --bundle /tmp", "cannot write /tmp"),
        ("gateway.example --html /proc/x.html", "cannot write /proc/x.html"),
        ("gateway.example --html same --bundle ./same", "name one file"),
        ("http://gateway.example:6180/", "not an address of the form host:port"),
        ("a..b", "not an address of the form host:port"),
        ("'a b'", "not an address of the form host:port"),
        ("[::1", "not an address of the form host:port"),
        (64 * "x" + ".example", "not an address of the form host:port"),
        (64 * "abc." + "example", "not an address of the form host:port"),
    ],
)
def test_misuse_ends_with_2_before_anything_is_dialed(
    words: str, says: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trio, "run", None)
    assert main(["probe", *shlex.split(words)]) == 2
    said = capsys.readouterr()
    assert says in " ".join(said.err.replace("│", " ").split())
    assert said.out == ""


def test_a_code_without_a_report_key_is_refused(capsys: Capture) -> None:
    """Of a provider that never made one."""
    code = CODE.create(seed=bytes(32), pins=(bytes(32),), gateways=("gateway.example:6180",)).encode()
    assert main(["probe", "--gateway-view", code]) == 2
    assert "the code has no report key" in capsys.readouterr().err


def test_it_ends_in_blame_what_to_do_and_the_evidence(capsys: Capture) -> None:
    """In this order, as text; nothing on standard error where that is no terminal."""
    with served(BOX) as address:
        assert main(["probe", address]) == PATH_INSPECTED
    said = capsys.readouterr()
    assert said.err == ""
    order = [
        "FIELDGATE PATH REPORT", "FortiGate", "WHY", "WHAT TO DO", "HOW TO FIND THIS SESSION", "HOW TO TEST IT AGAIN",
        f"fieldgate-agent probe {address}", "HOW TO UNDO IT", "EVIDENCE", "WHAT IS MISSING",
    ]  # fmt: skip
    places = [said.out.index(words) for words in order]
    assert places == sorted(places)
    assert "BEGIN CERTIFICATE" not in said.out


def test_json_and_files_say_the_same(tmp_path: Path, capsys: Capture) -> None:
    """By the published schema, with the exit code in it."""
    page, archive = tmp_path / "path.html", tmp_path / "path.zip"
    with served(BOX) as address:
        words = ["probe", address, "--json", "--html", str(page), "--bundle", str(archive)]
        assert main(words) == PATH_INSPECTED
    report = report_from_document(json.loads(capsys.readouterr().out))
    assert report.meta.exit_code == PATH_INSPECTED
    assert re.fullmatch(r"fieldgate-agent probe \S+", report.meta.made_by)
    html = page.read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>") or html.lower().startswith("<!DOCTYPE html>")
    assert "<script" not in html
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as packed:
        kept = report_from_document(json.loads(packed.read("fieldgate-probe/report.json")))
    assert kept == report


@pytest.mark.parametrize(
    ("serve", "exit_code"),
    [
        (of_today(), 0),
        (BOX, PATH_INSPECTED),
        (resetting, PATH_UNKNOWN),
        (saying(b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n"), PATH_NETWORK),
    ],
    ids=["clean", "inspection", "reset", "portal"],
)
def test_json_is_what_the_published_schema_says(serve: Serve, exit_code: int, capsys: Capture) -> None:
    """Word for word, key for key: whoever reads it by docs/schemas needs no source of ours."""
    with served(serve) as address:
        assert main(["probe", address, "--json"]) == exit_code
    document = json.loads(capsys.readouterr().out)
    assert (document["version"], document["meta"]["exit_code"]) == (1, exit_code)
    assert faults(document, "inspection-report.json") == []


def test_a_link_a_pipe_and_a_device_are_written_to_and_stay_what_they_are(tmp_path: Path) -> None:
    """`--html /dev/stdout` must not make a file of it."""
    page, link, pipe = tmp_path / "page.html", tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(page)
    os.mkfifo(pipe)
    with served(BOX) as address, concurrent.futures.ThreadPoolExecutor() as reader:
        packed = reader.submit(pipe.read_bytes)
        assert main(["probe", address, "--html", str(link), "--bundle", str(pipe)]) == PATH_INSPECTED
        assert main(["probe", address, "--html", os.devnull]) == PATH_INSPECTED

    assert link.is_symlink()
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert pipe.is_fifo()
    assert packed.result(timeout=30).startswith(b"PK")
    assert Path(os.devnull).is_char_device()


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("agent.probe.outlet.write_public", full)
    page = tmp_path / "path.html"
    with served(BOX) as address:
        assert main(["probe", address, "--html", str(page)]) == 2
    said = capsys.readouterr()
    assert f"cannot write {page}: No space left on device" in said.err
    assert "Exit code 10" in said.out or "TLS" in said.out


def test_an_agent_looks_with_its_own_eyes(tmp_path: Path, capsys: Capture) -> None:
    """Its first gateway, its pins and its certificate; the report says whose it is."""
    make_agent(tmp_path)
    with served(BOX) as address:
        assert main(["probe", address, "--state", str(tmp_path), "--json"]) == PATH_INSPECTED
    report = report_from_document(json.loads(capsys.readouterr().out))
    assert report.evidence.agent is not None
    assert report.evidence.agent.enrolled
    assert report.evidence.agent.trusted_by_pins is False
    assert report.evidence.expected.pins
    assert report.meta.agent_label


def test_a_token_says_where_and_whom_to_trust(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """From standard input as well, which keeps it out of the process list."""
    with served(BOX) as address:
        monkeypatch.setattr("sys.stdin", io.StringIO(Gateway.make().token(address).encode()))
        assert main(["probe", "--token", "-", "--json"]) == PATH_INSPECTED
    report = report_from_document(json.loads(capsys.readouterr().out))
    assert report.evidence.agent is not None
    assert (report.evidence.agent.dialed, report.evidence.agent.trusted_by_pins) == (address, False)


def test_no_gateways_view_is_explained(capsys: Capture) -> None:
    """On standard error: the report itself is the one-sided one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code = CODE.create(
        seed=bytes(32), pins=(bytes(32),), gateways=(f"127.0.0.1:{port}",), report_key=ReportKey.generate().public.raw
    )  # fmt: skip
    assert main(["probe", "--gateway-view", code.encode()]) == PATH_UNKNOWN
    said = capsys.readouterr()
    assert "not-reached" in said.out
    assert said.err.startswith("fieldgate-agent: the gateway's view did not come (")


# -- again and again ---------------------------------------------------------------------------------------------------


def mended_after(connections: int, broken: Serve) -> Serve:
    """A path that is *broken* for so many connections, and leads to a gateway of today after that."""
    gateway = of_today()
    left = iter(range(connections))

    async def serve(sock: socket.socket) -> None:
        await (gateway if next(left, None) is None else broken)(sock)

    return serve


def test_a_watch_turns_green_when_the_path_is_mended(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report once, a line for each look, and the end as soon as it is clean."""
    # An attempt that is cut has three control experiments after it that come here, too.
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    with served(mended_after(8, resetting)) as address:
        assert main(["probe", address, "--watch", "--until-clean"]) == 0
    said = capsys.readouterr().out
    assert said.count("FIELDGATE PATH REPORT") == 1
    lines = [line for line in said.splitlines() if re.match(r"\x1b\[3[12]m\d\d:\d\d:\d\d UTC", line)]
    assert [re.sub(r"^\x1b\[(3.)m.*UTC  ([a-z-]+), .*$", r"\1 \2", line) for line in lines] == [
        "31 not-reached", "31 not-reached", "32 direct",
    ]  # fmt: skip


def test_a_watch_for_programs_is_a_line_for_each_look(capsys: Capture) -> None:
    with served(mended_after(4, resetting)) as address:
        assert main(["probe", address, "--watch", "--until-clean", "--json"]) == 0
    looks = [report_from_document(json.loads(line)) for line in capsys.readouterr().out.splitlines()]
    assert [look.meta.exit_code for look in looks] == [PATH_UNKNOWN, 0]


def test_ctrl_c_ends_a_watch_with_what_it_saw_last(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is how one ends it."""
    again, looks = Outlet.again, []

    def press(outlet: Outlet, examined: module.Examined) -> None:
        again(outlet, examined)
        looks.append(examined)
        if len(looks) == 2:
            monkeypatch.setattr(rounds, "PAUSE_S", 60)
            signal.setitimer(signal.ITIMER_REAL, 0.2)

    monkeypatch.setattr(Outlet, "again", press)
    with served(BOX) as address, AlarmIsCtrlC():
        assert main(["probe", address, "--watch"]) == PATH_INSPECTED
    assert len(looks) == 2
    assert capsys.readouterr().out.count("FIELDGATE PATH REPORT") == 1


def test_ctrl_c_before_anything_was_found_is_an_interruption(capsys: Capture) -> None:
    with served(silent) as address, AlarmIsCtrlC():
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        assert main(["probe", address]) == INTERRUPTED
    assert capsys.readouterr().out == ""


class AlarmIsCtrlC:
    """Somebody presses Ctrl-C when the timer is over."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)


# -- a terminal --------------------------------------------------------------------------------------------------------

STEPS = (Step("TCP", Mark.GOOD, "up"), Step("TLS", Mark.BAD, "what came: \x1b]0;pwned\x07"))


def test_progress_is_live_and_steered_by_nobody() -> None:
    """Each step once, what is being done below them, and a stranger's words as text."""
    screen = io.StringIO()
    terminal = Terminal(screen, live=True)
    terminal.show("connecting", ())
    terminal.show("asking", STEPS[:1])
    terminal.end(STEPS)
    shown = screen.getvalue()
    assert shown.count("TCP") == shown.count("TLS") == 1
    assert "… connecting" in shown
    assert "\x1b[32mok\x1b[0m TCP" in shown
    assert "\x1b[31m!!\x1b[0m TLS" in shown
    assert "\\x1b]0;pwned\\x07" in shown
    assert shown.endswith("\r\x1b[K\n")
    terminal.brief = True
    terminal.end(STEPS)
    assert screen.getvalue().count("TCP") == 1


def test_progress_is_silent_elsewhere() -> None:
    screen = io.StringIO()
    terminal = Terminal(screen)
    terminal.show("connecting", STEPS)
    terminal.end(STEPS)
    assert screen.getvalue() == ""


def test_colours_can_be_left_out() -> None:
    screen = io.StringIO()
    Terminal(screen, live=True, colour=False).show("", STEPS)
    assert "ok TCP" in screen.getvalue()
