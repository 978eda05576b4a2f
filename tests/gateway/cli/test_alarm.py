"""`fieldgate alarm`, `webhook` and `morning`: what is wrong, who looks after it, and who is told."""

import json
from pathlib import Path

import pytest

from gateway.alarms import Engine
from gateway.cli import main
from gateway.cli.common import now_ms
from protocol import EventKind, JobStatus
from tests.helpers.stores import apply_batch, enroll, event, open_stream, opened

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, data: Path, *words: str, expect: int = 0) -> str:
    """What a command prints."""
    capsys.readouterr()
    assert main([*words, "--data", str(data)]) == expect
    said = capsys.readouterr()
    return said.out if expect == 0 else said.err


@pytest.fixture
def failed(data: Path) -> Path:
    """A provider with a job that has failed."""
    with opened(data) as store:
        company = store.organizations.add_company("Ölund", now_ms=1)
        store.tokens.add(
            "client", b"public", kind="client", organization_uid=company.uid, location_uid=None, expires_ms=1 << 50,
            max_uses=9, synthetic=False, now_ms=1,
        )  # fmt: skip
        agent = enroll(store)
        at = now_ms()
        row = event(
            0, time_ms=at, kind=EventKind.JOB_FINISHED, job_uid="nightly", session_uid="r1", status=JobStatus.FAILED,
            message="no space left",
        )  # fmt: skip
        with store.projection() as p:
            stream = open_stream(p, agent, epoch=7)
            apply_batch(
                p, agent, epoch=7, stream_id=stream, first=1, rows=[row], batch_id=bytes(16), received_ms=at
            )
        engine = Engine(store)
        engine.tick(at)
        engine.stop()
    return data


def test_an_alarm_from_its_raising_to_its_end(failed: Path, capsys: Capture) -> None:
    """Listed, acknowledged, resolved with a remark, and its history says who."""
    [alarm] = json.loads(run(capsys, failed, "alarm", "list", "--json"))
    uid = alarm["instanceUid"]
    assert alarm["lastActivation"]["message"] == "failed: no space left"
    assert "no space left" in run(capsys, failed, "alarm", "list", "--company", "Ölund")
    run(capsys, failed, "alarm", "acknowledge", uid, "--remark", "looking", "--by", "eva")
    assert run(capsys, failed, "alarm", "resolve", uid, "--remark", "mended", "--by", "eva") == (
        "job-state of nightly: resolved\n"
    )
    assert run(capsys, failed, "alarm", "list") == "no alarm\n"
    [shown] = json.loads(run(capsys, failed, "alarm", "show", uid, "--json"))
    assert [(line["what"], line["who"]) for line in shown["history"]] == [
        ("resolved", "eva"),
        ("acknowledged", "eva"),
        ("raised", ""),
    ]
    assert "mended" in run(capsys, failed, "alarm", "show", uid)


def test_no_alarm_is_resolved_without_a_word(failed: Path, capsys: Capture) -> None:
    """And one that is not there is not found."""
    assert "--remark is empty" in run(capsys, failed, "alarm", "resolve", "x", "--remark", " ", expect=2)
    run(capsys, failed, "alarm", "resolve", "x", "--remark", "y", expect=3)


def test_templates_are_listed_and_changed(failed: Path, capsys: Capture) -> None:
    """For one company, too; a value that can't be is refused."""
    run(capsys, failed, "alarm", "set", "job-state", "--threshold", "3", "--off", "--company", "Ölund")

    def job_state(*words: str) -> tuple[bool, int]:
        listed = json.loads(run(capsys, failed, "alarm", "templates", *words, "--json"))
        [row] = [row for row in listed if row["name"] == "job-state"]
        return row["enabled"], row["threshold"]

    assert (job_state(), job_state("--company", "Ölund")) == ((True, 1), (False, 3))
    assert "FG-6251" in run(capsys, failed, "alarm", "set", "weather", "--threshold", "3", expect=2)


def test_maintenance_is_announced_and_called_off(failed: Path, capsys: Capture) -> None:
    """By its number."""
    words = ("--start", "2026-11-24T20:00", "--hours", "2", "--every-hours", "168", "--company", "Ölund")
    said = run(capsys, failed, "alarm", "maintenance", "add", "patch day", *words)
    assert said == "maintenance window 1: from 2026-11-24 20:00:00Z to 2026-11-24 22:00:00Z\n"
    [window] = json.loads(run(capsys, failed, "alarm", "maintenance", "list", "--json"))
    assert (window["name"], window["organization"], window["every_s"]) == ("patch day", "Ölund", 604800)
    assert run(capsys, failed, "alarm", "maintenance", "end", "1") == "called off\n"


def test_a_webhook_is_added_and_removed(failed: Path, capsys: Capture) -> None:
    """Its secret is printed once; one inside is refused."""
    said = run(capsys, failed, "webhook", "add", "ops", "https://192.88.98.1/hook", "--least", "warning")
    secret = said.split()[-1]
    assert secret.startswith("whsec_")
    assert secret not in run(capsys, failed, "webhook", "list", "--json")
    assert run(capsys, failed, "webhook", "log", "ops") == "nothing was to be told yet\n"
    assert run(capsys, failed, "webhook", "remove", "ops") == "webhook ops: removed\n"
    assert "FG-6250" in run(capsys, failed, "webhook", "add", "me", "https://127.0.0.1/", expect=2)


def test_the_morning_shows_what_failed(failed: Path, capsys: Capture) -> None:
    """For people, and for scripts."""
    assert "no space left" in run(capsys, failed, "morning")
    body = json.loads(run(capsys, failed, "morning", "--json"))
    assert (body["jobs"]["total"], body["workloads"]["total"], body["quotas"]["total"]) == (1, 0, 0)
